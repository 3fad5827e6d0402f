/* SPDX-License-Identifier: MIT */
/* core/session, rows: batches, sticky errors, reading on while other statements run, orphans. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support/mock_client.h"

enum { ROWS = 7 };

static mock *m;
static tn_value pairs[ROWS * 2];
static tn_value big[1000];

static const tn_column columns[] = {
    {.name = "n", .type = TN_TYPE_INT32, .type_name = "int4", .table = "t"},
    {.name = "name", .type = TN_TYPE_TEXT, .type_name = "text", .table = "t"},
};
static mock_answer answers[] = {
    {.sql = "all", .columns = columns, .n_columns = 2, .values = pairs, .rows = ROWS},
    {.sql = "by one",
     .columns = columns,
     .n_columns = 2,
     .values = pairs,
     .rows = ROWS,
     .batch = 1},
    {.sql = "by three",
     .columns = columns,
     .n_columns = 2,
     .values = pairs,
     .rows = ROWS,
     .batch = 3},
    {.sql = "by three, then done",
     .columns = columns,
     .n_columns = 2,
     .values = pairs,
     .rows = ROWS,
     .batch = 3,
     .empty_last = true},
    {.sql = "empty", .columns = columns, .n_columns = 2, .values = pairs, .affected = 0},
    {.sql = "endless",
     .columns = columns,
     .n_columns = 2,
     .values = pairs,
     .rows = ROWS,
     .batch = 2,
     .endless = true},
    {.sql = "big", .columns = columns, .n_columns = 1, .values = big, .rows = 1000, .batch = 1},
    {.sql = "write", .affected = 3, .tag = "INSERT 0 3"},
};

static int group_setup(void **state)
{
    (void)state;
    for (int i = 0; i < ROWS; i++) {
        pairs[2 * i] = (tn_value){.type = TN_TYPE_INT32, .as.i = i};
        pairs[2 * i + 1] = (tn_value){.type = TN_TYPE_TEXT, .as.ptr = "abc", .len = 3};
    }
    for (int i = 0; i < 1000; i++)
        big[i] = (tn_value){.type = TN_TYPE_INT32, .as.i = i};
    m = mock_new("mock", MOCK_CAPABILITIES);
    return 0;
}

static int setup(void **state)
{
    mock_reset(m);
    mock_answers(m, answers, sizeof(answers) / sizeof(answers[0]));
    *state = mock_open(m, "max_connections=2 pool_timeout=2000 row_buffer=4096");
    return 0;
}

static int teardown(void **state)
{
    mock_close(m, *state);
    return 0;
}

static int count_rows(tn_rows *rows, int first)
{
    int count = 0, n;
    tn_str name;

    while (tn_next(rows)) {
        if (tn_scan(rows, &n, &name) != TN_OK || n != first + count || name.len != 3)
            return -1;
        count++;
    }
    return count;
}

static void rows_come_in_batches_of_any_size(void **state)
{
    static const char *const texts[] = {"all", "by one", "by three", "by three, then done"};
    tn_error err = TN_ERROR_INIT;

    for (size_t i = 0; i < 4; i++) {
        tn_rows *rows = tn_query(*state, texts[i], NULL);
        assert_int_equal(tn_rows_columns(rows), 2);
        assert_string_equal(tn_rows_column(rows, 1)->name, "name");
        assert_null(tn_rows_column(rows, 2));
        assert_int_equal(count_rows(rows, 0), ROWS);
        assert_false(tn_next(rows));
        assert_false(tn_next(rows));
        assert_null(tn_row_value(rows, 0));
        assert_ok(tn_close(rows, &err), err);
        mock_check_contract(m);
    }
    assert_int_equal(mock_count(m, MOCK_CANCEL), 0);
}

static void no_rows_and_no_columns_are_fine(void **state)
{
    tn_error err = TN_ERROR_INIT;

    tn_rows *rows = tn_query(*state, "empty", NULL);
    assert_int_equal(tn_rows_affected(rows), -1);
    assert_false(tn_next(rows));
    assert_ok(tn_close(rows, &err), err);
    rows = tn_query(*state, "write", NULL);
    assert_int_equal(tn_rows_columns(rows), 0);
    assert_false(tn_next(rows));
    assert_int_equal(tn_rows_affected(rows), 3);
    assert_string_equal(tn_rows_tag(rows), "INSERT 0 3");
    assert_ok(tn_close(rows, &err), err);
    assert_ok(tn_close(NULL, &err), err);
}

static void an_error_of_the_query_comes_out_of_close(void **state)
{
    tn_error err = TN_ERROR_INIT;

    mock_fail(m, (mock_fault){.op = MOCK_EXECUTE, .status = TN_SYNTAX, .sqlstate = "42P01"});
    tn_rows *rows = tn_query(*state, "all", NULL);
    assert_non_null(rows);
    assert_int_equal(tn_rows_columns(rows), 0);
    assert_false(tn_next(rows));
    assert_int_equal(tn_rows_status(rows), TN_SYNTAX);
    assert_int_equal(tn_row_int32(rows, 0), 0);
    assert_int_equal(tn_col(rows, "n"), -1);
    assert_status(tn_close(rows, &err), TN_SYNTAX);
    assert_string_equal(err.sqlstate, "42P01");
    assert_status(tn_close(tn_query(NULL, "all", NULL), &err), TN_MISUSE);
}

static void an_error_in_the_middle_ends_the_loop(void **state)
{
    tn_error err = TN_ERROR_INIT;

    mock_fail(m, (mock_fault){.op = MOCK_FETCH, .nth = 3, .status = TN_DATA, .sqlstate = "22012"});
    tn_rows *rows = tn_query(*state, "by one", NULL);
    assert_int_equal(count_rows(rows, 0), 2);
    assert_false(tn_next(rows));
    assert_int_equal(mock_count(m, MOCK_FETCH), 3);
    assert_status(tn_close(rows, &err), TN_DATA);
    assert_string_equal(err.sqlstate, "22012");
}

static void a_lost_connection_says_that_it_was_discarded(void **state)
{
    tn_error err = TN_ERROR_INIT;

    mock_fail(m, (mock_fault){.op = MOCK_FETCH, .nth = 2, .status = TN_LOST, .sqlstate = "08006"});
    tn_rows *rows = tn_query(*state, "by one", NULL);
    assert_int_equal(count_rows(rows, 0), 1);
    assert_status(tn_close(rows, &err), TN_LOST);
    assert_int_equal(mock_open_connections(m), 0);
    assert_true(err.discarded);
}

static void scanning_errors_are_sticky_and_name_the_column(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_uuid uuid;
    int n = 0;

    tn_rows *rows = tn_query(*state, "by one", NULL);
    assert_status(tn_scan(rows, &n, &uuid), TN_MISUSE);
    assert_false(tn_next(rows));
    assert_status(tn_close(rows, &err), TN_MISUSE);

    rows = tn_query(*state, "by one", NULL);
    assert_true(tn_next(rows));
    assert_status(tn_scan(rows, &n, &uuid), TN_DATA);
    assert_false(tn_next(rows));
    assert_status(tn_scan(rows, &n, &uuid), TN_DATA);
    assert_status(tn_close(rows, &err), TN_DATA);
    assert_contains(err.message, "\"name\"");
    assert_string_equal(err.column, "name");

    rows = tn_query(*state, "by one", NULL);
    assert_true(tn_next(rows));
    assert_status(tn_scan(rows, &n), TN_DATA);
    assert_status(tn_close(rows, &err), TN_DATA);
    assert_contains(err.message, "2 columns, 1 targets");
}

static void columns_are_read_by_index_and_by_name(void **state)
{
    tn_error err = TN_ERROR_INIT;

    tn_rows *rows = tn_query(*state, "by one", NULL);
    assert_true(tn_next(rows));
    assert_true(tn_next(rows));
    assert_int_equal(tn_row_int64(rows, tn_col(rows, "n")), 1);
    assert_string_equal(tn_row_str(rows, tn_col(rows, "name")).ptr, "abc");
    assert_false(tn_row_is_null(rows, 0));
    assert_int_equal(tn_row_int32(rows, tn_col(rows, "nmae")), 0);
    assert_int_equal(tn_row_int32(rows, 0), 0);
    assert_status(tn_close(rows, &err), TN_DATA);
    assert_string_equal(err.sqlstate, "42703");
    assert_contains(err.message, "\"nmae\"");
    assert_contains(err.message, "n, name");

    rows = tn_query(*state, "by one", NULL);
    assert_true(tn_next(rows));
    assert_int_equal(tn_row_str(rows, 5).len, 0);
    assert_non_null(tn_row_str(rows, 5).ptr);
    assert_status(tn_close(rows, &err), TN_DATA);
    assert_contains(err.message, "5");
}

/* ---- ended early
 * ---------------------------------------------------------------------------------- */

static void rows_closed_early_are_cancelled_once(void **state)
{
    tn_error err = TN_ERROR_INIT;

    tn_rows *rows = tn_query(*state, "endless", NULL);
    for (int i = 0; i < 50; i++)
        assert_true(tn_next(rows));
    mock_clear(m);
    assert_ok(tn_close(rows, &err), err);
    assert_string_equal(mock_trace(m), "cursor_close cancel reset");
    assert_int_equal(mock_open_connections(m), 1);
}

static void rows_whose_cancel_fails_cost_the_connection(void **state)
{
    tn_error err = TN_ERROR_INIT;

    tn_rows *rows = tn_query(*state, "endless", NULL);
    assert_true(tn_next(rows));
    mock_fail(m, (mock_fault){.op = MOCK_CANCEL, .status = TN_LOST, .sqlstate = "08006"});
    assert_ok(tn_close(rows, &err), err);
    assert_int_equal(mock_open_connections(m), 0);
    assert_ok(tn_exec(*state, "write", NULL, NULL, &err), err);
}

static void buffered_rows_are_asked_for(void **state)
{
    const tn_call call = {.size = sizeof(call), .fetch = TN_FETCH_BUFFER};
    tn_error err = TN_ERROR_INIT;

    tn_rows *rows = tn_query_with(*state, &call, "by one", NULL);
    assert_true(tn_next(rows));
    assert_ok(tn_close(rows, &err), err);
    assert_int_equal(mock_count(m, MOCK_CANCEL), 0); /* its rest was at hand */
}

/* ---- several on one session
 * ------------------------------------------------------------------------- */

static void other_statements_run_while_rows_are_open(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *session;
    int n = 0;
    tn_str name;

    assert_ok(tn_acquire(*state, &session, &err), err);
    tn_rows *outer = tn_query(session, "by one", NULL);
    assert_true(tn_next(outer));
    assert_ok(tn_scan(outer, &n, &name), err);
    mock_clear(m);
    assert_ok(tn_exec(session, "write", NULL, NULL, &err), err);
    assert_string_equal(mock_trace(m), "detach prepare execute fetch cursor_close");
    tn_rows *inner = tn_query(session, "by three", NULL);
    assert_true(tn_next(inner));
    assert_int_equal(count_rows(outer, 1), ROWS - 1);
    assert_int_equal(mock_count(m, MOCK_DETACH), 1);
    assert_ok(tn_close(outer, &err), err);
    assert_int_equal(count_rows(inner, 1), ROWS - 1);
    assert_ok(tn_close(inner, &err), err);
    assert_int_equal(mock_count(m, MOCK_CANCEL), 0);
    tn_release(session);
}

/* Rows that are read to their end do not occupy the connection: nothing to read into memory. */
static void finished_rows_are_not_detached(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *session;

    assert_ok(tn_acquire(*state, &session, &err), err);
    tn_rows *rows = tn_query(session, "all", NULL);
    assert_int_equal(count_rows(rows, 0), ROWS);
    assert_ok(tn_exec(session, "write", NULL, NULL, &err), err);
    assert_int_equal(mock_count(m, MOCK_DETACH), 0);
    assert_ok(tn_close(rows, &err), err);
    tn_release(session);
}

static void too_many_rows_to_detach_end_both_and_name_the_reason(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *session;

    assert_ok(tn_acquire(*state, &session, &err), err);
    tn_rows *rows = tn_query(session, "big", NULL);
    assert_true(tn_next(rows));
    assert_status(tn_exec(session, "write", NULL, NULL, &err), TN_LIMIT);
    assert_string_equal(err.sqlstate, "54000");
    assert_contains(err.message, "still open");
    assert_false(tn_next(rows));
    assert_status(tn_close(rows, &err), TN_LIMIT);
    /* The session goes on. */
    assert_ok(tn_exec(session, "write", NULL, NULL, &err), err);
    tn_release(session);
}

/* A client's rows have a connection of their own. */
static void rows_of_a_client_do_not_disturb_each_other(void **state)
{
    tn_error err = TN_ERROR_INIT;

    tn_rows *first = tn_query(*state, "by one", NULL);
    tn_rows *second = tn_query(*state, "by one", NULL);
    assert_true(tn_next(first));
    assert_true(tn_next(second));
    assert_int_equal(count_rows(first, 1), ROWS - 1);
    assert_int_equal(count_rows(second, 1), ROWS - 1);
    assert_int_equal(mock_count(m, MOCK_DETACH), 0);
    assert_ok(tn_close(first, &err), err);
    assert_ok(tn_close(second, &err), err);
}

/* ---- outlived
 * ------------------------------------------------------------------------------------- */

static void rows_end_with_their_session(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *session;

    assert_ok(tn_acquire(*state, &session, &err), err);
    tn_rows *rows = tn_query(session, "endless", NULL);
    assert_true(tn_next(rows));
    tn_release(session);
    assert_false(tn_next(rows));
    assert_null(tn_row_value(rows, 0));
    assert_int_equal(tn_rows_columns(rows), 0);
    assert_null(tn_rows_column(rows, 0));
    assert_status(tn_close(rows, &err), TN_MISUSE);
    assert_string_equal(err.sqlstate, "24000");
}

static void rows_end_with_their_transaction(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *tx;

    for (int commit = 0; commit < 2; commit++) {
        assert_ok(tn_begin(*state, NULL, &tx, &err), err);
        tn_rows *rows = tn_query(tx, "by three", NULL);
        tn_rows *finished = tn_query(tx, "all", NULL);
        assert_int_equal(count_rows(finished, 0), ROWS);
        if (commit)
            assert_ok(tn_commit(tx, &err), err);
        else
            assert_ok(tn_rollback(tx, &err), err);
        assert_false(tn_next(rows));
        assert_status(tn_close(rows, &err), TN_MISUSE);
        assert_ok(tn_close(finished, &err), err);
    }
}

/* Rows of the session were there before the transaction, and stay: their rest is in memory. */
static void rows_of_a_session_outlive_its_transaction(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *session, *tx;

    assert_ok(tn_acquire(*state, &session, &err), err);
    tn_rows *rows = tn_query(session, "by one", NULL);
    assert_true(tn_next(rows));
    assert_ok(tn_begin(session, NULL, &tx, &err), err);
    assert_ok(tn_exec(tx, "write", NULL, NULL, &err), err);
    assert_ok(tn_commit(tx, &err), err);
    int left = count_rows(rows, 1);
    tn_status status = tn_close(rows, &err);
    tn_release(session);
    assert_int_equal(left, ROWS - 1);
    assert_status(status, TN_OK);
}

/* Rows that a savepoint's handle opened are read on, and closed, when that handle is gone. */
static void rows_of_a_savepoint_outlive_its_handle(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *tx, *nested;

    for (int commit = 0; commit < 2; commit++) {
        assert_ok(tn_begin(*state, NULL, &tx, &err), err);
        assert_ok(tn_begin(tx, NULL, &nested, &err), err);
        tn_rows *rows = tn_query(nested, "by one", NULL);
        assert_true(tn_next(rows));
        tn_status ended = commit ? tn_commit(nested, &err) : tn_rollback(nested, &err);
        assert_ok(ended, err);
        int left = count_rows(rows, 1);
        tn_status status = tn_close(rows, NULL);
        assert_true((status == TN_OK && left == ROWS - 1) || (status == TN_MISUSE && left == 0));
        assert_ok(tn_exec(tx, "write", NULL, NULL, &err), err);
        assert_ok(tn_commit(tx, &err), err);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(rows_come_in_batches_of_any_size),
        TEST(no_rows_and_no_columns_are_fine),
        TEST(an_error_of_the_query_comes_out_of_close),
        TEST(an_error_in_the_middle_ends_the_loop),
        TEST(a_lost_connection_says_that_it_was_discarded),
        TEST(scanning_errors_are_sticky_and_name_the_column),
        TEST(columns_are_read_by_index_and_by_name),
        TEST(rows_closed_early_are_cancelled_once),
        TEST(rows_whose_cancel_fails_cost_the_connection),
        TEST(buffered_rows_are_asked_for),
        TEST(other_statements_run_while_rows_are_open),
        TEST(finished_rows_are_not_detached),
        TEST(too_many_rows_to_detach_end_both_and_name_the_reason),
        TEST(rows_of_a_client_do_not_disturb_each_other),
        TEST(rows_end_with_their_session),
        TEST(rows_end_with_their_transaction),
        TEST(rows_of_a_session_outlive_its_transaction),
        TEST(rows_of_a_savepoint_outlive_its_handle),
    };

    return cmocka_run_group_tests(tests, group_setup, NULL);
}
