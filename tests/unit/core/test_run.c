/* SPDX-License-Identifier: MIT */
/*
 * core/session, one execution: the order in which a driver is called, statements that the server
 * has lost, failures at each step and what becomes of the connection, deadlines and cancellation.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>

#include "support/mock_client.h"

static mock *m;

static const tn_param int_param[] = {{.type = TN_TYPE_INT32, .type_name = "int4"}};
static const tn_column int_column[] = {{.name = "n", .type = TN_TYPE_INT32, .type_name = "int4"}};
static const tn_value three[] = {
    {.type = TN_TYPE_INT32, .as.i = 1},
    {.type = TN_TYPE_INT32, .as.i = 2},
    {.type = TN_TYPE_INT32, .as.i = 3},
};
static const mock_answer answers[] = {
    {.sql = "one", .columns = int_column, .n_columns = 1, .values = three, .rows = 1},
    {.sql = "one, then done",
     .columns = int_column,
     .n_columns = 1,
     .values = three,
     .rows = 1,
     .empty_last = true},
    {.sql = "none", .columns = int_column, .n_columns = 1, .values = three},
    {.sql = "two", .columns = int_column, .n_columns = 1, .values = three, .rows = 2},
    {.sql = "two by one",
     .columns = int_column,
     .n_columns = 1,
     .values = three,
     .rows = 2,
     .batch = 1},
    {.sql = "three by one",
     .columns = int_column,
     .n_columns = 1,
     .values = three,
     .rows = 3,
     .batch = 1},
    {.sql = "add $1", .params = int_param, .n_params = 1, .affected = 7, .tag = "ADD 7"},
    {.sql = "counts nothing", .affected = -1},
    {.sql = "read only",
     .columns = int_column,
     .n_columns = 1,
     .values = three,
     .rows = 3,
     .affected = 3,
     .flags = TN_STMT_READ_ONLY},
    {.sql = "begin", .then = MOCK_TO(TN_CONN_IN_TXN), .affected = -1},
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
    *state = mock_open(m, "max_connections=2 pool_timeout=2000");
    return 0;
}

static int teardown(void **state)
{
    mock_close(m, *state);
    return 0;
}

/* ---- order ----------------------------------------------------------------------------------- */

static void exec_calls_in_order(void **state)
{
    tn_error err = TN_ERROR_INIT;
    int64_t affected = -5;

    assert_ok(tn_exec(*state, "add $1", tn_args(1), &affected, &err), err);
    assert_int_equal(affected, 7);
    assert_string_equal(mock_trace(m), "prepare execute fetch cursor_close reset");
    mock_clear(m);
    assert_ok(tn_exec(*state, "add $1", tn_args(2), NULL, &err), err);
    assert_string_equal(mock_trace(m), "execute fetch cursor_close reset");
}

static void exec_reads_every_batch(void **state)
{
    tn_error err = TN_ERROR_INIT;

    assert_ok(tn_exec(*state, "three by one", NULL, NULL, &err), err);
    assert_int_equal(mock_count(m, MOCK_FETCH), 3);
    assert_int_equal(mock_count(m, MOCK_CANCEL), 0);
}

static void affected_is_zero_where_nothing_is_counted(void **state)
{
    tn_error err = TN_ERROR_INIT;
    int64_t affected = -5;

    assert_ok(tn_exec(*state, "counts nothing", NULL, &affected, &err), err);
    assert_int_equal(affected, 0);
    affected = -5;
    assert_ok(tn_exec(*state, "read only", NULL, &affected, &err), err);
    assert_int_equal(affected, 0);
}

static void affected_is_untouched_on_failure(void **state)
{
    int64_t affected = -5;

    mock_fail(m, (mock_fault){.op = MOCK_FETCH, .status = TN_DATA, .sqlstate = "22012"});
    assert_status(tn_exec(*state, "add $1", tn_args(1), &affected, NULL), TN_DATA);
    assert_int_equal(affected, -5);
}

/* ---- tn_get ---------------------------------------------------------------------------------- */

static void get_takes_one_row(void **state)
{
    tn_error err = TN_ERROR_INIT;
    int n = 0;

    assert_ok(tn_get(*state, "one", NULL, tn_into(&n), &err), err);
    assert_int_equal(n, 1);
    n = 0;
    assert_ok(tn_get(*state, "one, then done", NULL, tn_into(&n), &err), err);
    assert_int_equal(n, 1);
}

static void get_refuses_no_row_and_a_second_row(void **state)
{
    static const char *const two_rows[] = {"two", "two by one", "three by one"};
    tn_error err = TN_ERROR_INIT;
    int n = 42;

    assert_status(tn_get(*state, "none", NULL, tn_into(&n), &err), TN_NOT_FOUND);
    assert_string_equal(err.sqlstate, "02000");
    for (size_t i = 0; i < 3; i++) {
        assert_status(tn_get(*state, two_rows[i], NULL, tn_into(&n), &err), TN_TOO_MANY_ROWS);
        assert_string_equal(err.sqlstate, "21000");
        mock_check_contract(m);
    }
    assert_int_equal(n, 42);
}

static void get_wants_a_target_for_each_column(void **state)
{
    tn_error err = TN_ERROR_INIT;
    int a = 1, b = 2;

    assert_status(tn_get(*state, "one", NULL, tn_into(&a, &b), &err), TN_DATA);
    assert_string_equal(err.sqlstate, "42804");
    assert_contains(err.message, "1 columns, 2 targets");
    assert_status(tn_get(*state, "one", NULL, NULL, &err), TN_DATA);
    assert_int_equal(a, 1);
    assert_int_equal(b, 2);
}

/* ---- what is refused before a driver is asked --------------------------------------------------
 */

static void bad_calls_reach_no_driver(void **state)
{
    static const char invalid[] = {'x', (char)0xff, 0};
    tn_error err = TN_ERROR_INIT;

    assert_status(tn_exec(NULL, "one", NULL, NULL, &err), TN_MISUSE);
    assert_status(tn_exec(*state, NULL, NULL, NULL, &err), TN_MISUSE);
    assert_string_equal(mock_trace(m), "");
    /* A text is only looked at when the cache does not know it, so a connection was at hand. */
    assert_status(tn_exec(*state, invalid, NULL, NULL, &err), TN_DATA);
    assert_string_equal(err.sqlstate, "22021");
    assert_string_equal(mock_trace(m), "reset");
    assert_status(tn_exec(*state, "add $1", NULL, NULL, &err), TN_PROTOCOL);
    assert_string_equal(err.sqlstate, "08P01");
    assert_status(tn_exec(*state, "add $1", tn_args(1, 2), NULL, &err), TN_PROTOCOL);
    assert_status(tn_exec(*state, "add $1", tn_args(INT64_C(1) << 40), NULL, &err), TN_DATA);
    assert_string_equal(err.sqlstate, "22003");
    assert_int_equal(mock_count(m, MOCK_EXECUTE), 0);
}

static void transaction_words_are_refused_on_a_client(void **state)
{
    static const char *const words[] = {"begin",        "COMMIT", "rollback", "savepoint a",
                                        "release s",    "abort",  "END",      "start transaction",
                                        "rollback to a"};
    tn_error err = TN_ERROR_INIT;
    tn_db *tx;

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        assert_status(tn_exec(*state, words[i], NULL, NULL, &err), TN_MISUSE);
        assert_string_equal(err.sqlstate, "25000");
    }
    assert_ok(tn_begin(*state, NULL, &tx, &err), err);
    assert_status(tn_exec(tx, "commit", NULL, NULL, &err), TN_MISUSE);
    assert_int_equal(mock_count(m, MOCK_EXECUTE), 0);
    assert_ok(tn_rollback(tx, &err), err);
}

static void a_session_may_begin_by_text_and_is_cleaned(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *session, *tx;

    assert_ok(tn_acquire(*state, &session, &err), err);
    assert_ok(tn_exec(session, "begin", NULL, NULL, &err), err);
    assert_status(tn_begin(session, NULL, &tx, &err), TN_MISUSE);
    assert_string_equal(err.sqlstate, "25001");
    mock_clear(m);
    tn_release(session);
    assert_contains(mock_trace(m), "reset");
}

/* ---- stale statements --------------------------------------------------------------------------
 */

static void a_stale_statement_is_prepared_again(void **state)
{
    tn_error err = TN_ERROR_INIT;

    mock_fail(m, (mock_fault){.op = MOCK_EXECUTE, .status = TN_DRIVER_STALE, .sqlstate = "0A000"});
    assert_ok(tn_exec(*state, "add $1", tn_args(1), NULL, &err), err);
    assert_string_equal(mock_trace(m),
                        "prepare execute stmt_close prepare execute fetch cursor_close reset");
    assert_int_equal(err.status, TN_OK);
    assert_int_equal(mock_open_statements(m), 1);
}

static void stale_for_ever_is_an_error(void **state)
{
    tn_error err = TN_ERROR_INIT;

    mock_fail(m,
              (mock_fault){
                  .op = MOCK_EXECUTE, .times = 3, .status = TN_DRIVER_STALE, .sqlstate = "0A000"});
    assert_status(tn_exec(*state, "add $1", tn_args(1), NULL, &err), TN_UNSUPPORTED);
    assert_int_equal(mock_count(m, MOCK_PREPARE), 3);
    assert_int_equal(err.retry, TN_RETRY_STATEMENT);
    assert_int_equal(mock_open_statements(m), 0);
}

static void stale_within_a_transaction_is_only_forgotten(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *tx;

    assert_ok(tn_begin(*state, NULL, &tx, &err), err);
    mock_fail(m, (mock_fault){.op = MOCK_EXECUTE,
                              .status = TN_DRIVER_STALE,
                              .sqlstate = "0A000",
                              .to = MOCK_TO(TN_CONN_FAILED)});
    assert_status(tn_exec(tx, "add $1", tn_args(1), NULL, &err), TN_UNSUPPORTED);
    assert_int_equal(mock_count(m, MOCK_PREPARE), 1);
    assert_int_equal(mock_open_statements(m), 0);
    assert_ok(tn_rollback(tx, &err), err);
    assert_ok(tn_exec(*state, "add $1", tn_args(1), NULL, &err), err);
    assert_int_equal(mock_count(m, MOCK_PREPARE), 2);
}

/* ---- failures at each step
 * ----------------------------------------------------------------------- */

static void a_failed_prepare_is_not_cached(void **state)
{
    tn_error err = TN_ERROR_INIT;

    mock_fail(m, (mock_fault){.op = MOCK_PREPARE,
                              .status = TN_SYNTAX,
                              .sqlstate = "42601",
                              .message = "no such word"});
    assert_status(tn_exec(*state, "one", NULL, NULL, &err), TN_SYNTAX);
    assert_string_equal(err.message, "no such word");
    assert_string_equal(mock_trace(m), "prepare reset");
    assert_ok(tn_exec(*state, "one", NULL, NULL, &err), err);
    assert_int_equal(mock_count(m, MOCK_PREPARE), 2);
}

static void a_failed_execute_keeps_the_connection(void **state)
{
    tn_error err = TN_ERROR_INIT;

    mock_fail(m, (mock_fault){.op = MOCK_EXECUTE, .status = TN_CONSTRAINT, .sqlstate = "23505"});
    assert_status(tn_exec(*state, "add $1", tn_args(1), NULL, &err), TN_CONSTRAINT);
    assert_string_equal(mock_trace(m), "prepare execute reset");
    assert_false(err.discarded);
    assert_int_equal(mock_open_connections(m), 1);
}

static void a_failed_fetch_closes_the_cursor(void **state)
{
    tn_error err = TN_ERROR_INIT;

    mock_fail(m, (mock_fault){.op = MOCK_FETCH, .nth = 2, .status = TN_DATA, .sqlstate = "22012"});
    assert_status(tn_exec(*state, "three by one", NULL, NULL, &err), TN_DATA);
    assert_string_equal(mock_trace(m), "prepare execute fetch fetch cursor_close reset");
    assert_int_equal(mock_open_connections(m), 1);
}

static void a_lost_connection_is_replaced(void **state)
{
    static const mock_op ops[] = {MOCK_PREPARE, MOCK_EXECUTE, MOCK_FETCH};
    tn_error err = TN_ERROR_INIT;
    tn_pool_stats stats;

    for (size_t i = 0; i < 3; i++) {
        char sql[32];
        snprintf(sql, sizeof(sql), "statement %zu", i);
        mock_clear(m);
        mock_fail(m, (mock_fault){.op = ops[i], .status = TN_LOST, .sqlstate = "08006"});
        assert_status(tn_exec(*state, sql, NULL, NULL, &err), TN_LOST);
        assert_true(err.discarded);
        assert_int_equal(mock_count(m, MOCK_CLOSE), 1);
        assert_int_equal(mock_count(m, MOCK_RESET), 0);
        assert_int_equal(mock_count(m, MOCK_CANCEL), 0);
        assert_int_equal(mock_open_connections(m), 0);
        assert_ok(tn_exec(*state, sql, NULL, NULL, &err), err);
        assert_int_equal(mock_open_connections(m), 1);
    }
    tn_db_pool_stats(*state, &stats);
    assert_int_equal(stats.destroyed, 3);
}

/* A busy connection: its statement is ended once, and the connection goes on. */
static void a_busy_connection_is_cancelled_once(void **state)
{
    tn_error err = TN_ERROR_INIT;

    mock_fail(m, (mock_fault){.op = MOCK_FETCH,
                              .status = TN_TIMEOUT,
                              .sqlstate = "57014",
                              .to = MOCK_TO(TN_CONN_BUSY)});
    assert_status(tn_exec(*state, "add $1", tn_args(1), NULL, &err), TN_TIMEOUT);
    assert_string_equal(mock_trace(m), "prepare execute fetch cursor_close cancel reset");
    assert_false(err.discarded);
    mock_fail(m, (mock_fault){.op = MOCK_EXECUTE,
                              .status = TN_TIMEOUT,
                              .sqlstate = "57014",
                              .to = MOCK_TO(TN_CONN_BUSY)});
    mock_clear(m);
    assert_status(tn_exec(*state, "add $1", tn_args(1), NULL, &err), TN_TIMEOUT);
    assert_string_equal(mock_trace(m), "execute cancel reset");
    assert_int_equal(mock_open_connections(m), 1);
}

static void a_connection_that_cannot_be_cancelled_is_discarded(void **state)
{
    static const mock_op ops[] = {MOCK_EXECUTE, MOCK_FETCH};
    tn_error err = TN_ERROR_INIT;

    for (size_t i = 0; i < 2; i++) {
        mock_clear(m);
        mock_fail(m, (mock_fault){.op = ops[i],
                                  .status = TN_TIMEOUT,
                                  .sqlstate = "57014",
                                  .to = MOCK_TO(TN_CONN_BUSY)});
        mock_fail(m, (mock_fault){.op = MOCK_CANCEL, .status = TN_LOST, .sqlstate = "08006"});
        assert_status(tn_exec(*state, "add $1", tn_args(1), NULL, &err), TN_TIMEOUT);
        assert_true(err.discarded);
        assert_int_equal(mock_count(m, MOCK_CANCEL), 1);
        assert_int_equal(mock_count(m, MOCK_RESET), 0);
        assert_int_equal(mock_open_connections(m), 0);
        assert_ok(tn_exec(*state, "add $1", tn_args(1), NULL, &err), err);
    }
}

/* An autocommit write whose answer was lost may have been applied: not to be repeated blindly. */
static void a_lost_write_is_not_to_be_repeated(void **state)
{
    tn_error err = TN_ERROR_INIT;
    int n;

    mock_fail(m, (mock_fault){.op = MOCK_EXECUTE, .status = TN_LOST, .sqlstate = "08006"});
    assert_status(tn_get(*state, "read only", NULL, tn_into(&n), &err), TN_LOST);
    assert_int_equal(err.retry, TN_RETRY_STATEMENT);
}

/* ---- deadlines and cancellation ----------------------------------------------------------------
 */

static void a_deadline_ends_the_statement(void **state)
{
    static const mock_op ops[] = {MOCK_PREPARE, MOCK_EXECUTE, MOCK_FETCH};
    const tn_call call = {.size = sizeof(call), .timeout_ms = 15};
    tn_error err = TN_ERROR_INIT;

    for (size_t i = 0; i < 3; i++) {
        char sql[32];
        snprintf(sql, sizeof(sql), "statement %zu", i);
        mock_clear(m);
        mock_fail(m, (mock_fault){.op = ops[i], .wait = true});
        assert_status(tn_exec_with(*state, &call, sql, NULL, NULL, &err), TN_TIMEOUT);
        assert_string_equal(err.sqlstate, "57014");
        assert_int_equal(mock_count(m, MOCK_CANCEL), 1);
        assert_int_equal(mock_open_connections(m), 1);
    }
}

static void the_call_the_setting_or_none_gives_the_deadline(void **state)
{
    const tn_call never = {.size = sizeof(never), .timeout_ms = -1};
    const tn_call hour = {.size = sizeof(hour), .timeout_ms = 3600000};
    tn_error err = TN_ERROR_INIT;

    assert_ok(tn_exec(*state, "one", NULL, NULL, &err), err);
    assert_true(mock_last_deadline(m) == TN_NO_DEADLINE);
    assert_ok(tn_exec_with(*state, &hour, "one", NULL, NULL, &err), err);
    assert_true(mock_last_deadline(m) != TN_NO_DEADLINE);
    int64_t far = mock_last_deadline(m);

    tn_db *limited = mock_open(m, "statement_timeout=60000");
    assert_ok(tn_exec(limited, "one", NULL, NULL, &err), err);
    assert_true(mock_last_deadline(m) < far);
    assert_ok(tn_exec_with(limited, &never, "one", NULL, NULL, &err), err);
    assert_true(mock_last_deadline(m) == TN_NO_DEADLINE);
    assert_ok(tn_db_close(limited, &err), err);
}

struct runner {
    tn_db *db;
    tn_status status;
    tn_error err;
};

static void *run_statement(void *arg)
{
    struct runner *r = arg;

    r->status = tn_exec(r->db, "add $1", tn_args(1), NULL, &r->err);
    return NULL;
}

static void cancelled_from_another_thread(tn_db *db, tn_db *cancelled)
{
    struct runner r = {.db = db};
    pthread_t thread;

    mock_fail(m, (mock_fault){.op = MOCK_FETCH, .wait = true});
    assert_int_equal(pthread_create(&thread, NULL, run_statement, &r), 0);
    bool there = mock_await(m, 1);
    tn_cancel(cancelled);
    pthread_join(thread, NULL);
    assert_true(there);
    assert_status(r.status, TN_CANCELLED);
    assert_string_equal(r.err.sqlstate, "57014");
}

static void cancel_reaches_a_client_a_session_and_a_transaction(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *session, *tx;

    cancelled_from_another_thread(*state, *state);
    assert_ok(tn_acquire(*state, &session, &err), err);
    cancelled_from_another_thread(session, session);
    assert_ok(tn_begin(session, NULL, &tx, &err), err);
    cancelled_from_another_thread(tx, *state);
    assert_status(tn_exec(tx, "one", NULL, NULL, &err), TN_ABORTED);
    assert_ok(tn_rollback(tx, &err), err);
    assert_ok(tn_exec(session, "one", NULL, NULL, &err), err);
    tn_release(session);
    assert_int_equal(mock_count(m, MOCK_CANCEL), 3);
    assert_int_equal(mock_open_connections(m), 1);
}

/* A cancel that comes when nothing runs is forgotten: the next statement waits and is not hit. */
static void cancel_without_a_statement_hits_nothing(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *session;

    tn_cancel(NULL);
    assert_ok(tn_acquire(*state, &session, &err), err);
    cancelled_from_another_thread(session, session);
    mock_fail(m, (mock_fault){.op = MOCK_FETCH, .times = 100, .wait = true});
    for (int i = 0; i < 100; i++) {
        tn_cancel(session);
        tn_cancel(*state);
        mock_wake(m);
        assert_ok(tn_exec(session, "add $1", tn_args(1), NULL, &err), err);
    }
    tn_release(session);
}

/* ---- prepared statements in hand ----------------------------------------------------------------
 */

static void a_statement_in_hand_describes_and_runs(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_stmt *stmt;
    int64_t affected = 0;
    int n = 0;

    assert_ok(tn_prepare(*state, "add $1", &stmt, &err), err);
    assert_int_equal(tn_stmt_params(stmt), 1);
    assert_int_equal(tn_stmt_param_type(stmt, 0), TN_TYPE_INT32);
    assert_int_equal(tn_stmt_param_type(stmt, 1), TN_TYPE_NULL);
    assert_int_equal(tn_stmt_columns(stmt), 0);
    assert_null(tn_stmt_column(stmt, 0));
    assert_ok(tn_stmt_exec(stmt, NULL, NULL, tn_args(5), &affected, &err), err);
    assert_int_equal(affected, 7);
    assert_int_equal(mock_count(m, MOCK_PREPARE), 1);
    tn_stmt_close(stmt);

    assert_ok(tn_prepare(*state, "one", &stmt, &err), err);
    assert_string_equal(tn_stmt_column(stmt, 0)->name, "n");
    assert_ok(tn_stmt_get(stmt, NULL, NULL, NULL, tn_into(&n), &err), err);
    assert_int_equal(n, 1);
    tn_stmt_close(stmt);
    tn_stmt_close(NULL);
}

static void a_failed_prepare_gives_no_statement(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_stmt *stmt = (tn_stmt *)(uintptr_t)16;

    mock_fail(m, (mock_fault){.op = MOCK_PREPARE, .status = TN_SYNTAX, .sqlstate = "42601"});
    assert_status(tn_prepare(*state, "bad", &stmt, &err), TN_SYNTAX);
    assert_ptr_equal(stmt, (void *)(uintptr_t)16);
    assert_status(tn_prepare(*state, "bad", &stmt, NULL), TN_OK);
    tn_stmt_close(stmt);
    /* Nobody asks for the error. */
    mock_fail(m, (mock_fault){.op = MOCK_PREPARE, .status = TN_LOST, .sqlstate = "08006"});
    assert_status(tn_prepare(*state, "worse", &stmt, NULL), TN_LOST);
    assert_int_equal(mock_open_connections(m), 0);
}

/* A client's statement prepares itself on each connection. */
static void a_statement_of_a_client_runs_on_its_sessions(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *first, *second;
    tn_stmt *stmt;

    assert_ok(tn_prepare(*state, "add $1", &stmt, &err), err);
    assert_ok(tn_acquire(*state, &first, &err), err);
    assert_ok(tn_acquire(*state, &second, &err), err);
    assert_ok(tn_stmt_exec(stmt, first, NULL, tn_args(1), NULL, &err), err);
    assert_ok(tn_stmt_exec(stmt, second, NULL, tn_args(1), NULL, &err), err);
    assert_int_equal(mock_count(m, MOCK_PREPARE), 2);
    tn_release(first);
    tn_release(second);
    assert_ok(tn_stmt_exec(stmt, NULL, NULL, tn_args(1), NULL, &err), err);
    tn_stmt_close(stmt);
}

/* The statement of a session that ended still runs elsewhere, and closes. */
static void a_statement_outlives_its_session(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *session;
    tn_stmt *stmt;

    assert_ok(tn_acquire(*state, &session, &err), err);
    assert_ok(tn_prepare(session, "add $1", &stmt, &err), err);
    tn_release(session);
    assert_ok(tn_stmt_exec(stmt, *state, NULL, tn_args(1), NULL, &err), err);
    tn_stmt_close(stmt);
}

static void a_statement_belongs_to_its_client(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_stmt *stmt;

    assert_ok(tn_prepare(*state, "add $1", &stmt, &err), err);
    tn_db *other = mock_open(m, "");
    assert_status(tn_stmt_exec(stmt, other, NULL, tn_args(1), NULL, &err), TN_MISUSE);
    assert_status(tn_close(tn_stmt_query(stmt, other, NULL, tn_args(1)), &err), TN_MISUSE);
    assert_int_equal(mock_count(m, MOCK_EXECUTE), 0);
    assert_ok(tn_db_close(other, &err), err);
    tn_stmt_close(stmt);
}

/* ---- the cache of a connection ------------------------------------------------------------------
 */

static void the_cache_is_bounded(void **state)
{
    tn_error err = TN_ERROR_INIT;
    char sql[32];

    tn_db *db = mock_open(m, "max_connections=1 statement_cache=3");
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 5; i++) {
            snprintf(sql, sizeof(sql), "statement %d", i);
            assert_ok(tn_exec(db, sql, NULL, NULL, &err), err);
        }
    assert_int_equal(mock_open_statements(m), 3);
    assert_int_equal(mock_count(m, MOCK_PREPARE), 10);
    assert_ok(tn_db_close(db, &err), err);

    db = mock_open(m, "max_connections=1 statement_cache=0");
    for (int i = 0; i < 3; i++)
        assert_ok(tn_exec(db, "one", NULL, NULL, &err), err);
    assert_int_equal(mock_open_statements(m), 0);
    assert_int_equal(mock_count(m, MOCK_PREPARE), 3);
    assert_ok(tn_db_close(db, &err), err);
    (void)state;
}

static void the_pool_tells_hits_and_misses(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_pool_stats stats;

    for (int i = 0; i < 5; i++)
        assert_ok(tn_exec(*state, "one", NULL, NULL, &err), err);
    tn_db_pool_stats(*state, &stats);
    assert_int_equal(stats.statement_cache_hits, 4);
    assert_int_equal(stats.statement_cache_misses, 1);
}

/* ---- scripts
 * ------------------------------------------------------------------------------------- */

static void a_script_runs_on_one_connection_and_names_the_line(void **state)
{
    tn_error err = TN_ERROR_INIT;

    assert_ok(tn_exec_script(*state, "one;\n two ; ;\n", &err), err);
    assert_int_equal(mock_count(m, MOCK_EXECUTE), 2);
    assert_int_equal(mock_count(m, MOCK_RESET), 1);
    assert_ok(tn_exec_script(*state, " -- nothing\n", &err), err);
    mock_fail(m,
              (mock_fault){.op = MOCK_EXECUTE, .nth = 2, .status = TN_DATA, .sqlstate = "22012"});
    assert_status(tn_exec_script(*state, "one;\n\ntwo;\nnone", &err), TN_DATA);
    assert_contains(err.message, "line 3: ");
    assert_status(tn_exec_script(*state, NULL, &err), TN_MISUSE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(exec_calls_in_order),
        TEST(exec_reads_every_batch),
        TEST(affected_is_zero_where_nothing_is_counted),
        TEST(affected_is_untouched_on_failure),
        TEST(get_takes_one_row),
        TEST(get_refuses_no_row_and_a_second_row),
        TEST(get_wants_a_target_for_each_column),
        TEST(bad_calls_reach_no_driver),
        TEST(transaction_words_are_refused_on_a_client),
        TEST(a_session_may_begin_by_text_and_is_cleaned),
        TEST(a_stale_statement_is_prepared_again),
        TEST(stale_for_ever_is_an_error),
        TEST(stale_within_a_transaction_is_only_forgotten),
        TEST(a_failed_prepare_is_not_cached),
        TEST(a_failed_execute_keeps_the_connection),
        TEST(a_failed_fetch_closes_the_cursor),
        TEST(a_lost_connection_is_replaced),
        TEST(a_busy_connection_is_cancelled_once),
        TEST(a_connection_that_cannot_be_cancelled_is_discarded),
        TEST(a_lost_write_is_not_to_be_repeated),
        TEST(a_deadline_ends_the_statement),
        TEST(the_call_the_setting_or_none_gives_the_deadline),
        TEST(cancel_reaches_a_client_a_session_and_a_transaction),
        TEST(cancel_without_a_statement_hits_nothing),
        TEST(a_statement_in_hand_describes_and_runs),
        TEST(a_failed_prepare_gives_no_statement),
        TEST(a_statement_of_a_client_runs_on_its_sessions),
        TEST(a_statement_outlives_its_session),
        TEST(a_statement_belongs_to_its_client),
        TEST(the_cache_is_bounded),
        TEST(the_pool_tells_hits_and_misses),
        TEST(a_script_runs_on_one_connection_and_names_the_line),
    };

    return cmocka_run_group_tests(tests, group_setup, NULL);
}
