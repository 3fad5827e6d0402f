/* SPDX-License-Identifier: MIT */
/* Behind PgBouncer: it is noticed, nothing that a session keeps is relied on, all else works. */
#include "pg_session.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "pooler.h"

static test_server server;
static test_pooler pooler, keeping;

static void use(const test_pooler *which)
{
    char url[256];

    setenv("TENON_TEST_POSTGRES_URL", test_pooler_url(which, "app:apppw", NULL, url, sizeof(url)),
           1);
}

static void open_by(session *s, const test_pooler *which, const char *prepare_option)
{
    use(which);
    session_open(s, NULL, prepare_option);
}

static tn_conn_info info_of(const session *s)
{
    tn_conn_info info = {.size = sizeof(info)};

    PG->conn->info(s->conn, &info);
    return info;
}

/* As health asks. */
static tn_conn_info info_after_ping(session *s)
{
    assert_int_equal(PG->conn->ping(s->conn, soon(), &s->err), TN_OK);
    return info_of(s);
}

static int on_server(const char *sql)
{
    PGconn *admin = test_server_connect(&server, "app");
    int number = (int)test_server_number(admin, sql);

    PQfinish(admin);
    return number;
}

static void it_is_noticed(void **state)
{
    char url[256];
    session s;

    (void)state;
    open_by(&s, &pooler, NULL);
    assert_true(info_after_ping(&s).pooled);
    assert_non_null(strstr(info_after_ping(&s).note, "pooler"));
    session_close(&s);
    open_by(&s, &keeping, "on");
    assert_true(info_after_ping(&s).pooled);
    assert_non_null(strstr(info_after_ping(&s).note, "keeps sessions"));
    session_close(&s);
    setenv("TENON_TEST_POSTGRES_URL",
           test_server_url(&server, "app:apppw", "app", NULL, url, sizeof(url)), 1);
    session_open(&s, NULL, NULL);
    assert_false(info_after_ping(&s).pooled);
    assert_null(strstr(info_after_ping(&s).note, "pooler"));
    session_close(&s);
}

/* One question a source, not one a connection; and not before it is needed. */
static void it_is_asked_once(void **state)
{
    tn_conn_info info = {.size = sizeof(info)};
    tn_driver_conn *second = NULL;
    tn_host_conn host = {0};
    session s;

    (void)state;
    open_by(&s, &pooler, NULL);
    assert_false(info_of(&s).pooled);
    must(&s, "select 1");
    assert_true(info_of(&s).pooled);
    assert_int_equal(PG->conn->open(s.source, &host, soon(), &second, &s.err), TN_OK);
    int waits = host.waits;
    PG->conn->info(second, &info);
    assert_true(info.pooled);
    assert_int_equal(host.waits, waits);
    PG->conn->close(second);
    session_close(&s);
}

static void a_schema_is_refused(void **state)
{
    tn_driver_source *source = NULL;
    tn_driver_conn *conn = NULL;
    tn_host_conn host = {0};
    tn_error err = TN_ERROR_INIT;
    session s;

    (void)state;
    use(&pooler);
    for (int i = 0; i < 2; i++) {
        const char *prepare_option = i ? "off" : NULL;
        assert_int_equal(driver_host_source(session_url(), "app", prepare_option, &source, &err),
                         TN_OK);
        assert_int_equal(PG->conn->open(source, &host, soon(), &conn, &err), TN_CONFIG);
        assert_non_null(strstr(err.message, "schema"));
        assert_non_null(strstr(err.hint, "ALTER ROLE"));
        PG->conn->close_source(source);
    }
    use(&keeping);
    session_open(&s, "app", "on");
    assert_string_equal(ask(&s, "show search_path"), "\"app\"");
    must(&s, "set search_path = public");
    assert_int_equal(PG->conn->reset(s.conn, soon(), &s.err), TN_OK);
    assert_string_equal(ask(&s, "show search_path"), "\"app\"");
    session_close(&s);
}

/* Four clients on one session of the server, in turns. */
static void statements_are_not_mixed_up(void **state)
{
    session clients[4];
    tn_driver_stmt *stmts[4];
    char sql[64], expected[16];

    (void)state;
    for (int mode = 0; mode < 3; mode++) {
        static const char *const options[] = {NULL, "off", "on"};
        for (int i = 0; i < 4; i++) {
            open_by(&clients[i], &pooler, options[mode]);
            snprintf(sql, sizeof(sql), "select %d as n where $1 = 1", i);
            stmts[i] = prepare(&clients[i], sql);
        }
        for (int round = 0; round < 8; round++) {
            for (int i = 0; i < 4; i++) {
                const tn_value one = int_value(TN_TYPE_INT32, 1);
                tn_driver_cursor *cursor = NULL;
                tn_batch batch = {.size = sizeof(batch)};
                assert_int_equal(
                    PG->cursor->execute(stmts[i], &one, 1, 0, soon(), &cursor, &clients[i].err),
                    TN_OK);
                assert_int_equal(PG->cursor->fetch(cursor, soon(), &batch, &clients[i].err), TN_OK);
                assert_int_equal(batch.rows, 1);
                assert_int_equal(batch.values[0].as.i, i);
                PG->cursor->close(cursor);
                /* the same text by everybody: there already, or not */
                snprintf(sql, sizeof(sql), "select %d", round);
                snprintf(expected, sizeof(expected), "%d", round);
                assert_string_equal(ask(&clients[i], sql), expected);
            }
        }
        for (int i = 0; i < 4; i++) {
            PG->stmt->close(stmts[i]);
            session_close(&clients[i]);
        }
    }
}

/* Told to name its statements all the same: they vanish and are there already, and it heals. */
static void named_statements_heal(void **state)
{
    session s, other;
    tn_driver_stmt *again = NULL;

    (void)state;
    open_by(&s, &pooler, "on");
    open_by(&other, &pooler, "on");
    tn_driver_stmt *stmt = prepare(&s, "select 4711");
    /* 42P05: another one has made it */
    tn_driver_stmt *same = prepare(&other, "select 4711");
    assert_int_equal(run_stmt(&other, same, NULL, 0, 0, NULL), TN_OK);
    PG->stmt->close(same);
    must(&other, "select 4712"); /* takes the other one along */
    /* 26000: it is gone, nothing was run, and it is prepared anew */
    assert_int_equal(run_stmt(&s, stmt, NULL, 0, 0, NULL), TN_DRIVER_STALE);
    assert_int_equal(PG->stmt->prepare(s.conn, tn_str_from("select 4711"), soon(), &again, &s.err),
                     TN_OK);
    assert_int_equal(run_stmt(&s, again, NULL, 0, 0, NULL), TN_OK);
    PG->stmt->close(stmt);
    PG->stmt->close(again);
    session_close(&other);
    session_close(&s);
}

static void transactions_have_names(void **state)
{
    tn_txn_request request = {.size = sizeof(request)};
    char name[TN_TXN_ID_SIZE];
    tn_outcome outcome = TN_OUTCOME_NONE;
    session s, other;

    (void)state;
    open_by(&s, &pooler, NULL);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(PG->txn->begin(s.conn, &request, soon(), &s.err), TN_OK);
        must(&s, "insert into t select generate_series(1, 500) returning a");
        assert_int_equal(PG->txn->savepoint(s.conn, 1, soon(), &s.err), TN_OK);
        assert_int_equal(run(&s, "insert into t values (1 / 0)"), TN_DATA);
        assert_int_equal(PG->txn->rollback_to(s.conn, 1, soon(), &s.err), TN_OK);
        assert_int_equal(PG->txn->commit(s.conn, soon(), &s.err), TN_OK);
        PG->txn->identify(s.conn, name, sizeof(name));
        open_by(&other, &pooler, NULL);
        assert_int_equal(
            PG->txn->outcome(other.conn, tn_str_from(name), soon(), &outcome, &other.err), TN_OK);
        assert_int_equal(outcome, TN_OUTCOME_APPLIED);
        session_close(&other);
    }
    session_close(&s);
}

static void statements_are_cancelled(void **state)
{
    tn_driver_cursor *cursor = NULL;
    tn_outcome outcome = TN_OUTCOME_NONE;
    tn_batch batch = {.size = sizeof(batch)};
    session s;

    (void)state;
    open_by(&s, &pooler, NULL);
    tn_driver_stmt *stmt = prepare(&s, "select pg_sleep(30)");
    assert_int_equal(
        PG->cursor->execute(stmt, NULL, 0, 0, driver_host_deadline(100), &cursor, &s.err),
        TN_TIMEOUT);
    assert_int_equal(PG->conn->cancel(s.conn, soon(), &outcome, &s.err), TN_OK);
    assert_int_equal(outcome, TN_OUTCOME_NOT_APPLIED);
    assert_state(&s, TN_CONN_IDLE);
    PG->stmt->close(stmt);
    stmt = prepare(&s, "select generate_series(1, 100000000), repeat('x', 1000)");
    assert_int_equal(PG->cursor->execute(stmt, NULL, 0, TN_EXECUTE_STREAM, soon(), &cursor, &s.err),
                     TN_OK);
    assert_int_equal(PG->cursor->fetch(cursor, soon(), &batch, &s.err), TN_OK);
    PG->cursor->close(cursor);
    assert_int_equal(PG->conn->cancel(s.conn, soon(), NULL, &s.err), TN_OK);
    assert_string_equal(ask(&s, "select 42"), "42");
    PG->stmt->close(stmt);
    session_close(&s);
}

/* What a statement left in some session is not run after by clean-ups in others. */
static void a_reset_stays_at_home(void **state)
{
    session s;

    (void)state;
    open_by(&s, &pooler, NULL);
    must(&s, "set work_mem = '7MB'");
    int waits = s.host.waits;
    assert_int_equal(PG->conn->reset(s.conn, soon(), &s.err), TN_OK);
    assert_int_equal(s.host.waits, waits);
    must(&s, "begin");
    must(&s, "set local work_mem = '8MB'");
    assert_int_equal(PG->conn->reset(s.conn, soon(), &s.err), TN_OK);
    assert_state(&s, TN_CONN_IDLE);
    must(&s, "reset work_mem");
    /* numbers in answers that come as text, which a setting may cut */
    must(&s, "begin");
    must(&s, "set local extra_float_digits = 0");
    assert_string_equal(ask(&s, "select 0.1::float8 + 0.2::float8, '10.0.0.1'::inet"),
                        "0.30000000000000004");
    must(&s, "rollback");
    session_close(&s);
}

static void losses_have_their_class(void **state)
{
    tn_txn_request request = {.size = sizeof(request)};
    tn_driver_source *source = NULL;
    tn_driver_conn *conn = NULL;
    tn_host_conn host = {0};
    test_pooler mortal;
    session s, idle;

    (void)state;
    test_pooler_create(&mortal, &server, "transaction", 2, "apppw");
    open_by(&s, &mortal, NULL);
    open_by(&idle, &mortal, NULL);
    assert_int_equal(PG->txn->begin(s.conn, &request, soon(), &s.err), TN_OK);
    must(&s, "insert into t values (-1)");
    test_pooler_remove(&mortal);
    assert_int_equal(run(&s, "insert into t values (-1)"), TN_LOST);
    assert_int_equal(s.err.outcome, TN_OUTCOME_NOT_APPLIED);
    assert_int_equal(PG->conn->ping(idle.conn, soon(), &idle.err), TN_LOST);
    assert_int_equal(driver_host_source(session_url(), NULL, NULL, &source, &s.err), TN_OK);
    assert_int_equal(PG->conn->open(source, &host, soon(), &conn, &s.err), TN_UNAVAILABLE);
    assert_string_equal(s.err.sqlstate, "08001");
    PG->conn->close_source(source);
    session_close(&s);
    session_close(&idle);
    assert_int_equal(on_server("select count(*) from t where a = -1"), 0);
}

/* While it holds everybody back nothing is lost: the deadline ends it. */
static void a_pause_is_waited_for(void **state)
{
    tn_driver_cursor *cursor = NULL;
    session s;

    (void)state;
    open_by(&s, &pooler, NULL);
    tn_driver_stmt *stmt = prepare(&s, "select 1");
    test_pooler_command(&pooler, "PAUSE");
    assert_int_equal(
        PG->cursor->execute(stmt, NULL, 0, 0, driver_host_deadline(100), &cursor, &s.err),
        TN_TIMEOUT);
    test_pooler_command(&pooler, "RESUME");
    if (PG->conn->cancel(s.conn, soon(), NULL, &s.err) == TN_OK)
        assert_string_equal(ask(&s, "select 42"), "42");
    else
        assert_state(&s, TN_CONN_BROKEN);
    PG->stmt->close(stmt);
    session_close(&s);
}

static int prepare_servers(void **state)
{
    PGconn *admin = test_server_connect(&server, "app");

    (void)state;
    test_server_run(admin, "set role app; create table t (a int)");
    PQfinish(admin);
    return 0;
}

static int remove_servers(void **state)
{
    (void)state;
    test_pooler_remove(&pooler);
    test_pooler_remove(&keeping);
    test_server_remove(&server);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_noticed),
        cmocka_unit_test(it_is_asked_once),
        cmocka_unit_test(a_schema_is_refused),
        cmocka_unit_test(statements_are_not_mixed_up),
        cmocka_unit_test(named_statements_heal),
        cmocka_unit_test(transactions_have_names),
        cmocka_unit_test(statements_are_cancelled),
        cmocka_unit_test(a_reset_stays_at_home),
        cmocka_unit_test(a_pause_is_waited_for),
        cmocka_unit_test(losses_have_their_class),
    };

    test_server_create(&server, NULL, NULL, "apppw");
    test_pooler_create(&pooler, &server, "transaction", 1, "apppw");
    test_pooler_create(&keeping, &server, "session", 4, "apppw");
    return cmocka_run_group_tests_name("behind a pooler", tests, prepare_servers, remove_servers);
}
