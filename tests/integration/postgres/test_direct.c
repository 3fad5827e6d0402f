/* SPDX-License-Identifier: MIT */
/* Statements past libpq: whose bytes are whose, what comes unasked, and who has the next turn. */
#include "pg_session.h"

#include <stdio.h>
#include <stdlib.h>

static tn_driver_cursor *execute(session *s, tn_driver_stmt *stmt)
{
    tn_driver_cursor *cursor = NULL;

    if (PG->cursor->execute(stmt, NULL, 0, TN_EXECUTE_STREAM, soon(), &cursor, &s->err) != TN_OK)
        fail_msg("%s", s->err.message);
    return cursor;
}

static tn_batch fetch(session *s, tn_driver_cursor *cursor)
{
    tn_batch batch = {.size = sizeof(batch)};

    if (PG->cursor->fetch(cursor, soon(), &batch, &s->err) != TN_OK)
        fail_msg("%s", s->err.message);
    return batch;
}

static void begin(session *s)
{
    const tn_txn_request request = {.size = sizeof(request)};

    assert_int_equal(PG->txn->begin(s->conn, &request, soon(), &s->err), TN_OK);
}

/* Three rows of a number and a text, and a NUL behind each text. */
static void assert_rows(const tn_batch *batch)
{
    char text[16];

    assert_int_equal(batch->rows, 3);
    for (int i = 0; i < 3; i++) {
        const tn_value *row = batch->values + (size_t)i * 2;
        snprintf(text, sizeof(text), "row %d", i + 1);
        assert_int_equal(row[0].as.i, i + 1);
        assert_int_equal(row[1].len, strlen(text));
        assert_string_equal(row[1].as.ptr, text);
    }
}

static const char three[] = "select n, 'row ' || n from generate_series(1, 3) n";

static void rows_stay_while_others_run(void **state)
{
    session s;

    (void)state;
    session_open(&s, NULL, NULL);
    must(&s, "create temp table kept (a int, b text)");
    tn_driver_stmt *stmt = prepare(&s, three);
    tn_driver_stmt *insert = prepare(&s, "insert into kept values (1, repeat('x', 3000))");
    begin(&s);
    tn_driver_cursor *first = execute(&s, stmt);
    tn_batch rows = fetch(&s, first);
    assert_true(rows.done);
    for (int i = 0; i < 50; i++)
        assert_int_equal(run_stmt(&s, insert, NULL, 0, TN_EXECUTE_STREAM, NULL), TN_OK);
    /* and those of a second reader, while libpq prepares and runs something */
    tn_driver_cursor *second = execute(&s, stmt);
    tn_batch others = fetch(&s, second);
    must(&s, "select b from kept");
    assert_rows(&rows);
    assert_rows(&others);
    PG->cursor->close(second);
    PG->cursor->close(first);
    assert_int_equal(PG->txn->commit(s.conn, soon(), &s.err), TN_OK);
    PG->stmt->close(stmt);
    PG->stmt->close(insert);
    session_close(&s);
}

/* A notice comes before the row, another one behind it, a notification behind the end. */
static void what_comes_unasked_is_no_part_of_the_answer(void **state)
{
    session s, other;

    (void)state;
    session_open(&s, NULL, NULL);
    session_open(&other, NULL, NULL);
    must(&s, "create function pg_temp.says(i int) returns int language plpgsql as $$ begin"
             " raise notice 'about %', i; return i; end $$");
    must(&s, "listen tn_direct");
    for (int i = 0; i < 20; i++) {
        must(&other, "notify tn_direct, 'by the way'");
        assert_string_equal(ask(&s, "select sum(pg_temp.says(n)) from generate_series(1, 9) n"),
                            "45");
        assert_true(PG->conn->alive(s.conn));
    }
    session_close(&other);
    session_close(&s);
}

/* libpq was not told of it, so the next user of the connection would not be either. */
static void a_setting_that_a_function_changes_ends_with_its_user(void **state)
{
    session s;

    (void)state;
    session_open(&s, NULL, NULL);
    must(&s, "create or replace function tn_quietly() returns void language sql as"
             " $$ select set_config('DateStyle', 'German', false) $$");
    must(&s, "select tn_quietly()");
    must(&s, "drop function tn_quietly()");
    assert_string_equal(ask(&s, "select current_setting('DateStyle')"), "German, DMY");
    assert_state(&s, TN_CONN_IDLE);
    assert_int_equal(PG->conn->reset(s.conn, soon(), &s.err), TN_UNSUPPORTED);
    assert_state(&s, TN_CONN_BROKEN);
    session_close(&s);
}

/* What a statement shows that it changes is undone, and the connection used again. */
static void a_setting_that_a_statement_changes_is_undone(void **state)
{
    session s;

    (void)state;
    session_open(&s, NULL, NULL);
    begin(&s);
    must(&s, "set local datestyle = 'German'");
    assert_string_equal(ask(&s, "select set_config('TimeZone', 'Asia/Tokyo', true)"), "Asia/Tokyo");
    assert_int_equal(PG->txn->commit(s.conn, soon(), &s.err), TN_OK);
    assert_int_equal(PG->conn->reset(s.conn, soon(), &s.err), TN_OK);
    must(&s, "set datestyle = 'German'");
    must(&s, three);
    assert_int_equal(PG->conn->reset(s.conn, soon(), &s.err), TN_OK);
    assert_string_equal(ask(&s, "select current_setting('DateStyle')"), "ISO, MDY");
    session_close(&s);
}

/* Until then the server knows of no transaction. */
static void begin_goes_with_the_first_statement(void **state)
{
    char watch[128];
    session s, other;

    (void)state;
    session_open(&s, NULL, NULL);
    session_open(&other, NULL, NULL);
    snprintf(watch, sizeof(watch),
             "select count(*) from pg_stat_activity where pid = %s and xact_start is not null",
             ask(&s, "select pg_backend_pid()"));
    tn_driver_stmt *stmt = prepare(&s, three);
    begin(&s);
    assert_state(&s, TN_CONN_IN_TXN);
    assert_string_equal(ask(&other, watch), "0");
    int before = s.host.waits;
    assert_int_equal(run_stmt(&s, stmt, NULL, 0, TN_EXECUTE_STREAM, NULL), TN_OK);
    assert_int_equal(s.host.waits - before, 1);
    assert_string_equal(ask(&other, watch), "1");
    assert_int_equal(PG->txn->rollback(s.conn, soon(), &s.err), TN_OK);
    assert_string_equal(ask(&other, watch), "0");
    PG->stmt->close(stmt);
    session_close(&other);
    session_close(&s);
}

/* One that is taken up by a statement's failure is a transaction that has failed. */
static void a_first_statement_that_fails_fails_the_transaction(void **state)
{
    session s;

    (void)state;
    session_open(&s, NULL, NULL);
    tn_driver_stmt *stmt = prepare(&s, "select 1 / (random() * 0)::int");
    begin(&s);
    assert_int_equal(run_stmt(&s, stmt, NULL, 0, TN_EXECUTE_STREAM, NULL), TN_DATA);
    assert_state(&s, TN_CONN_FAILED);
    assert_int_equal(PG->txn->commit(s.conn, soon(), &s.err), TN_ABORTED);
    assert_state(&s, TN_CONN_IDLE);
    begin(&s);
    assert_int_equal(run(&s, "select from nowhere at all"), TN_SYNTAX);
    assert_state(&s, TN_CONN_FAILED);
    assert_int_equal(PG->txn->rollback(s.conn, soon(), &s.err), TN_OK);
    assert_state(&s, TN_CONN_IDLE);
    PG->stmt->close(stmt);
    session_close(&s);
}

/* Rows that are larger than any buffer, and parameters that the server reads while it writes. */
static void large_values_come_and_go_whole(void **state)
{
    enum { SIZE = 3 << 20 };
    char *text = malloc(SIZE + 1);
    tn_value param;
    session s;

    (void)state;
    assert_non_null(text);
    memset(text, 'a', SIZE);
    text[SIZE] = '\0';
    session_open(&s, NULL, NULL);
    tn_driver_stmt *stmt = prepare(&s, "select $1::text, n from generate_series(1, 4) n");
    param = text_value(text);
    tn_driver_cursor *cursor = NULL;
    assert_int_equal(
        PG->cursor->execute(stmt, &param, 1, TN_EXECUTE_STREAM, soon(), &cursor, &s.err), TN_OK);
    int rows = 0;
    for (tn_batch batch = {.rows = 0}; !batch.done;) {
        batch = fetch(&s, cursor);
        for (uint32_t i = 0; i < batch.rows; i++, rows++) {
            assert_int_equal(batch.values[i * 2].len, SIZE);
            assert_memory_equal(batch.values[i * 2].as.ptr, text, SIZE + 1);
            assert_int_equal(batch.values[i * 2 + 1].as.i, rows + 1);
        }
    }
    assert_int_equal(rows, 4);
    PG->cursor->close(cursor);
    PG->stmt->close(stmt);
    must(&s, three);
    session_close(&s);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_stay_while_others_run),
        cmocka_unit_test(what_comes_unasked_is_no_part_of_the_answer),
        cmocka_unit_test(a_setting_that_a_function_changes_ends_with_its_user),
        cmocka_unit_test(a_setting_that_a_statement_changes_is_undone),
        cmocka_unit_test(begin_goes_with_the_first_statement),
        cmocka_unit_test(a_first_statement_that_fails_fails_the_transaction),
        cmocka_unit_test(large_values_come_and_go_whole),
    };

    return session_run(tests, sizeof(tests) / sizeof(tests[0]));
}
