/* SPDX-License-Identifier: MIT */
/*
 * core/session, bulks, on a driver that has no bulk of its own: the INSERT that is written, one
 * execution a row in one transaction, and what every failure leaves behind. The SELECT that reads a
 * table, and what becomes of one that is known already.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support/mock_client.h"

static mock *m;

static const tn_param params[] = {{.type = TN_TYPE_INT32, .type_name = "int4"},
                                  {.type = TN_TYPE_TEXT, .type_name = "text"}};
static const tn_column columns[] = {{.name = "id", .type = TN_TYPE_INT32},
                                    {.name = "Full Name", .type = TN_TYPE_TEXT}};
#define BOTH .params = params, .n_params = 2, .affected = 1
static const mock_answer answers[] = {
    {.sql = "INSERT INTO \"t\" (\"id\", \"name\") VALUES ($1, $2)", BOTH},
    {.sql = "INSERT INTO \"s\".\"T \"\"x\"\"\" (\"Full Name\", \"id\") VALUES ($1, $2)", BOTH},
    {.sql = "SELECT * FROM \"u\"", .columns = columns, .n_columns = 2},
    {.sql = "INSERT INTO \"u\" (\"id\", \"Full Name\") VALUES ($1, $2)", BOTH},
    {.sql = "INSERT INTO \"t\" (\"id\", \"name\") VALUES ($1, $2) ON CONFLICT DO NOTHING", BOTH},
    {.sql = "INSERT INTO \"t\" (\"id\", \"name\") VALUES ($1, $2) ON CONFLICT (\"id\") DO NOTHING",
     BOTH},
    {.sql =
         "INSERT INTO \"t\" (\"id\", \"name\") VALUES ($1, $2) ON CONFLICT (\"id\") DO UPDATE SET"
         " \"name\" = excluded.\"name\"",
     BOTH},
    {.sql = "INSERT INTO \"t\" (\"id\", \"name\") VALUES ($1, $2) ON CONFLICT (\"name\", \"id\") DO"
            " NOTHING",
     BOTH},
    {.sql = "SELECT * FROM \"t\" AS tn__rows", .columns = columns, .n_columns = 2},
    {.sql = "SELECT \"Full Name\", \"id\" FROM \"s\".\"T\" AS tn__rows ORDER BY \"id\"",
     .columns = columns,
     .n_columns = 2},
};

static int group_setup(void **state)
{
    (void)state;
    m = mock_new("mock", MOCK_CAPABILITIES);
    return 0;
}

static int setup(void **state)
{
    mock_reset(m);
    mock_answers(m, answers, sizeof(answers) / sizeof(answers[0]));
    *state = mock_open(m, "max_connections=1");
    return 0;
}

static int teardown(void **state)
{
    mock_close(m, *state);
    return 0;
}

/* Three rows, as often as there are no errors; the status of the end. */
static tn_status three_rows(tn_db *db, int64_t *ret_rows, tn_error *err)
{
    tn_bulk *bulk;

    tn_status status = tn_bulk_open(db, NULL, "t", "id, name", &bulk, err);
    for (int i = 1; status == TN_OK && i <= 3; i++)
        (void)tn_bulk_row(bulk, tn_args(i, "x"));
    return status == TN_OK ? tn_bulk_finish(bulk, ret_rows, err) : status;
}

static void one_execution_a_row(void **state)
{
    tn_error err = TN_ERROR_INIT;
    int64_t n = 0;

    assert_ok(three_rows(*state, &n, &err), err);
    assert_int_equal(n, 3);
    assert_string_equal(mock_trace(m),
                        "begin prepare execute fetch cursor_close execute fetch cursor_close "
                        "execute fetch cursor_close commit reset");
}

static void values_are_converted(void **state)
{
    tn_error err = TN_ERROR_INIT;
    const tn_uuid nil = {{0}};
    const tn_value *last;
    tn_bulk *bulk;
    size_t n;

    assert_ok(tn_bulk_open(*state, NULL, "t", "id, name", &bulk, &err), err);
    assert_int_equal(tn_bulk_row(bulk, tn_args(INT64_C(7), nil)), TN_OK);
    last = mock_last_params(m, &n);
    assert_int_equal(n, 2);
    assert_int_equal(last[0].type, TN_TYPE_INT32);
    assert_int_equal(last[1].type, TN_TYPE_TEXT);
    assert_int_equal(last[1].len, 36);
    assert_ok(tn_bulk_finish(bulk, NULL, &err), err);
}

static void the_sql_of_each_policy(void **state)
{
    static const struct {
        const char *table, *columns, *key;
        tn_conflict conflict;
    } cases[] = {
        {"t", "id,name", NULL, TN_CONFLICT_FAIL},
        {"S.\"T \"\"x\"\"\"", "\"Full Name\", ID", NULL, TN_CONFLICT_FAIL},
        {"u", NULL, NULL, TN_CONFLICT_FAIL},
        {"t", "id,name", NULL, TN_CONFLICT_IGNORE},
        {"t", "id,name", "id", TN_CONFLICT_IGNORE},
        {"t", "id,name", "id", TN_CONFLICT_UPDATE},
        {"t", "id,name", "name, id", TN_CONFLICT_UPDATE},
    };
    tn_bulk_options options = TN_BULK_OPTIONS_INIT;
    tn_error err = TN_ERROR_INIT;
    tn_bulk *bulk;

    /* Only what is in the list of answers has two parameters. */
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        options.conflict = cases[i].conflict;
        options.key = cases[i].key;
        assert_ok(tn_bulk_open(*state, &options, cases[i].table, cases[i].columns, &bulk, &err),
                  err);
        tn_bulk_abandon(bulk);
    }
    assert_status(tn_bulk_open(*state, NULL, "unknown", "id, name", &bulk, &err), TN_PROTOCOL);
}

/* The operation fails at its nth call from now. */
static void fail_at(mock_op op, unsigned nth, tn_status status, const char *sqlstate, int to)
{
    mock_fail(m,
              (mock_fault){.op = op, .nth = nth, .status = status, .sqlstate = sqlstate, .to = to});
}

static void a_row_that_fails(void **state)
{
    tn_error err = TN_ERROR_INIT;
    int64_t n = 77;

    fail_at(MOCK_EXECUTE, 2, TN_CONSTRAINT, "23505", MOCK_TO(TN_CONN_FAILED));
    assert_status(three_rows(*state, &n, &err), TN_CONSTRAINT);
    assert_int_equal(n, 77);
    assert_int_equal(err.row, 2);
    assert_contains(err.message, "row 2: scripted failure");
    assert_string_equal(mock_trace(m),
                        "begin prepare execute fetch cursor_close execute rollback reset");
    assert_ok(three_rows(*state, &n, &err), err);
}

static void an_answer_that_fails(void **state)
{
    tn_error err = TN_ERROR_INIT;

    fail_at(MOCK_FETCH, 3, TN_CONSTRAINT, "23503", MOCK_TO(TN_CONN_FAILED));
    assert_status(three_rows(*state, NULL, &err), TN_CONSTRAINT);
    assert_int_equal(err.row, 3);
}

static void nothing_is_sent_of_a_wrong_row(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_bulk *bulk;

    assert_ok(tn_bulk_open(*state, NULL, "t", "id, name", &bulk, &err), err);
    assert_status(tn_bulk_row(bulk, tn_args(INT64_C(1) << 40, "x")), TN_DATA);
    assert_status(tn_bulk_status(bulk, &err), TN_DATA);
    assert_string_equal(err.sqlstate, "22003");
    assert_string_equal(err.column, "id");
    assert_contains(err.message, "row 1, column \"id\": value 1099511627776 is out of range");
    assert_status(tn_bulk_finish(bulk, NULL, &err), TN_DATA);
    assert_int_equal(mock_count(m, MOCK_EXECUTE), 0);
    assert_int_equal(mock_count(m, MOCK_ROLLBACK), 1);

    assert_ok(tn_bulk_open(*state, NULL, "t", "id, name", &bulk, &err), err);
    assert_status(tn_bulk_row(bulk, NULL), TN_PROTOCOL);
    assert_status(tn_bulk_finish(bulk, NULL, &err), TN_PROTOCOL);
    assert_contains(err.message, "row 1: 0 values were given for 2 columns");
    assert_int_equal(mock_count(m, MOCK_EXECUTE), 0);
}

static void failures_of_the_frame(void **state)
{
    static const mock_op ops[] = {MOCK_BEGIN, MOCK_PREPARE, MOCK_COMMIT};
    tn_error err = TN_ERROR_INIT;

    for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
        fail_at(ops[i], 1, TN_FAILED, "XX000", 0);
        assert_status(three_rows(*state, NULL, &err), TN_FAILED);
        assert_string_equal(err.sqlstate, "XX000");
        assert_int_equal(err.row, 0);
    }
    assert_ok(three_rows(*state, NULL, &err), err);
}

static void a_connection_that_is_lost(void **state)
{
    tn_error err = TN_ERROR_INIT;

    fail_at(MOCK_EXECUTE, 2, TN_LOST, "08006", MOCK_TO(TN_CONN_BROKEN));
    assert_status(three_rows(*state, NULL, &err), TN_LOST);
    assert_int_equal(err.outcome, TN_OUTCOME_NOT_APPLIED);
    assert_true(err.discarded);
    assert_ok(three_rows(*state, NULL, &err), err);
    assert_int_equal(mock_count(m, MOCK_OPEN), 1);
}

static void a_statement_that_the_server_lost(void **state)
{
    tn_error err = TN_ERROR_INIT;

    fail_at(MOCK_EXECUTE, 1, TN_DRIVER_STALE, "26000", 0);
    assert_true(three_rows(*state, NULL, &err) != TN_OK);
    assert_int_equal(mock_count(m, MOCK_ROLLBACK), 1);
    assert_ok(three_rows(*state, NULL, &err), err);
}

static void abandoned_rows_are_rolled_back(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_bulk *bulk;

    assert_ok(tn_bulk_open(*state, NULL, "t", "id, name", &bulk, &err), err);
    assert_int_equal(tn_bulk_row(bulk, tn_args(1, "x")), TN_OK);
    tn_bulk_abandon(bulk);
    assert_string_equal(mock_trace(m), "begin prepare execute fetch cursor_close rollback reset");
}

static void a_savepoint_within_a_transaction(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *tx;

    assert_ok(tn_begin(*state, NULL, &tx, &err), err);
    mock_clear(m);
    fail_at(MOCK_EXECUTE, 1, TN_CONSTRAINT, "23505", MOCK_TO(TN_CONN_FAILED));
    assert_status(three_rows(tx, NULL, &err), TN_CONSTRAINT);
    assert_string_equal(mock_trace(m), "savepoint(1) prepare execute rollback_to(1) release(1)");
    assert_ok(three_rows(tx, NULL, &err), err);
    assert_ok(tn_commit(tx, &err), err);
}

/* What was known of the table is asked anew, once, where the rows do not fit it. */
static void rows_at_hand_on_a_table_that_changed(void **state)
{
    const tn_arg values[] = {tn_arg_int32(1), tn_arg_text("a"), tn_arg_int32(2), tn_arg_text("b")};
    tn_error err = TN_ERROR_INIT;
    int64_t n = 0;

    assert_ok(tn_insert_many(*state, NULL, "t", "id, name", values, 2, 2, &n, &err), err);
    assert_int_equal(n, 2);
    assert_ok(tn_insert_many(*state, NULL, "t", "id, name", values, 2, 2, &n, &err), err);
    assert_int_equal(mock_count(m, MOCK_PREPARE), 1);
    fail_at(MOCK_EXECUTE, 1, TN_DATA, "22P03", MOCK_TO(TN_CONN_FAILED));
    assert_ok(tn_insert_many(*state, NULL, "t", "id, name", values, 2, 2, &n, &err), err);
    assert_int_equal(mock_count(m, MOCK_PREPARE), 2);
    mock_fail(m, (mock_fault){.op = MOCK_EXECUTE,
                              .times = 3,
                              .status = TN_DATA,
                              .sqlstate = "22P03",
                              .to = MOCK_TO(TN_CONN_FAILED)});
    assert_status(tn_insert_many(*state, NULL, "t", "id, name", values, 2, 2, &n, &err), TN_DATA);
    assert_int_equal(mock_count(m, MOCK_PREPARE), 3);
    mock_forget_faults(m);
}

/* What is not in the list of answers has no columns. */
static void the_sql_of_reading(void **state)
{
    tn_bulk_read_options options = TN_BULK_READ_OPTIONS_INIT;
    tn_error err = TN_ERROR_INIT;
    tn_rows *rows;

    assert_ok(tn_bulk_read(*state, NULL, "t", NULL, &rows, &err), err);
    assert_int_equal(tn_rows_columns(rows), 2);
    assert_false(tn_next(rows));
    assert_ok(tn_close(rows, &err), err);
    options.order = "id";
    assert_ok(tn_bulk_read(*state, &options, "s.\"T\"", "\"Full Name\", ID", &rows, &err), err);
    assert_int_equal(tn_rows_columns(rows), 2);
    assert_ok(tn_close(rows, &err), err);
    assert_ok(tn_bulk_read(*state, &options, "s.\"T\"", "id", &rows, &err), err);
    assert_int_equal(tn_rows_columns(rows), 0);
    assert_ok(tn_close(rows, &err), err);
}

/* Options of a program that was built when there was less in them. */
static void fewer_options(void **state)
{
    tn_bulk_read_options options = TN_BULK_READ_OPTIONS_INIT;
    tn_error err = TN_ERROR_INIT;
    tn_rows *rows;

    options.size = offsetof(tn_bulk_read_options, order);
    options.order = "no name at all";
    assert_ok(tn_bulk_read(*state, &options, "t", NULL, &rows, &err), err);
    assert_int_equal(tn_rows_columns(rows), 2);
    assert_ok(tn_close(rows, &err), err);
}

static void read_and_close(tn_db *db)
{
    tn_error err = TN_ERROR_INIT;
    tn_rows *rows;

    assert_ok(tn_bulk_read(db, NULL, "t", NULL, &rows, &err), err);
    assert_ok(tn_close(rows, &err), err);
}

/* It may be older than the table, which would fail a transaction; elsewhere that is mended. */
static void a_known_statement_is_not_used_in_a_transaction(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *tx;

    read_and_close(*state);
    read_and_close(*state);
    assert_int_equal(mock_count(m, MOCK_PREPARE), 1);
    fail_at(MOCK_EXECUTE, 1, TN_DRIVER_STALE, "26000", 0);
    read_and_close(*state);
    assert_int_equal(mock_count(m, MOCK_PREPARE), 2);
    assert_ok(tn_begin(*state, NULL, &tx, &err), err);
    read_and_close(tx);
    assert_int_equal(mock_count(m, MOCK_PREPARE), 3);
    assert_ok(tn_commit(tx, &err), err);
}

static void reading_that_fails(void **state)
{
    static const mock_op ops[] = {MOCK_PREPARE, MOCK_EXECUTE};
    tn_error err = TN_ERROR_INIT;

    for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
        tn_rows *rows = (tn_rows *)&err;
        fail_at(ops[i], 1, TN_FAILED, "XX000", 0);
        assert_status(tn_bulk_read(*state, NULL, "t", NULL, &rows, &err), TN_FAILED);
        assert_string_equal(err.sqlstate, "XX000");
        assert_null(rows);
    }
    read_and_close(*state);
}

static void handles_that_are_none(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_rows *rows;
    tn_bulk *bulk;

    (void)state;
    assert_status(tn_bulk_finish(NULL, NULL, &err), TN_MISUSE);
    assert_status(tn_bulk_open(NULL, NULL, "t", "id", &bulk, &err), TN_MISUSE);
    assert_status(tn_bulk_open(*state, NULL, NULL, "id", &bulk, &err), TN_SYNTAX);
    assert_status(tn_bulk_read(NULL, NULL, "t", "id", &rows, &err), TN_MISUSE);
    assert_status(tn_bulk_read(*state, NULL, NULL, "id", &rows, &err), TN_SYNTAX);
    assert_null(rows);
    tn_bulk_abandon(NULL);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(one_execution_a_row),
        CASE(values_are_converted),
        CASE(the_sql_of_each_policy),
        CASE(a_row_that_fails),
        CASE(an_answer_that_fails),
        CASE(nothing_is_sent_of_a_wrong_row),
        CASE(failures_of_the_frame),
        CASE(a_connection_that_is_lost),
        CASE(a_statement_that_the_server_lost),
        CASE(abandoned_rows_are_rolled_back),
        CASE(a_savepoint_within_a_transaction),
        CASE(rows_at_hand_on_a_table_that_changed),
        CASE(the_sql_of_reading),
        CASE(fewer_options),
        CASE(a_known_statement_is_not_used_in_a_transaction),
        CASE(reading_that_fails),
        CASE(handles_that_are_none),
    };

    return cmocka_run_group_tests(tests, group_setup, NULL);
}
