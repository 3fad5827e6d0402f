/* SPDX-License-Identifier: MIT */
/* Statements that are given up: by deadline, by request, unread; none of it reaches the next one.
 */
#include "pg_session.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void expect_usable(session *s, tn_conn_state state)
{
    assert_int_equal(PG->conn->cancel(s->conn, soon(), NULL, &s->err), TN_OK);
    assert_state(s, state);
    if (state == TN_CONN_IDLE)
        assert_string_equal(ask(s, "select 42"), "42");
}

static tn_status run_until(session *s, tn_driver_stmt *stmt, int64_t deadline_ns)
{
    tn_driver_cursor *cursor = NULL;
    tn_batch batch = {.size = sizeof(batch)};

    tn_status status = PG->cursor->execute(stmt, NULL, 0, TN_EXECUTE_STREAM, deadline_ns, &cursor,
                                           &s->err);
    while (status == TN_OK && !batch.done)
        status = PG->cursor->fetch(cursor, deadline_ns, &batch, &s->err);
    PG->cursor->close(cursor);
    return status;
}

static void a_deadline_ends_a_statement(void **state)
{
    session s;

    (void)state;
    session_open(&s, NULL, NULL);
    tn_driver_stmt *stmt = prepare(&s, "select pg_sleep(30)");
    assert_int_equal(run_until(&s, stmt, driver_host_deadline(50)), TN_TIMEOUT);
    assert_string_equal(s.err.sqlstate, "57014");
    assert_state(&s, TN_CONN_BUSY);
    assert_int_equal(run(&s, "select 1"), TN_MISUSE);
    expect_usable(&s, TN_CONN_IDLE);
    must(&s, "begin");
    assert_int_equal(run_until(&s, stmt, driver_host_deadline(50)), TN_TIMEOUT);
    expect_usable(&s, TN_CONN_FAILED);
    must(&s, "rollback");
    PG->stmt->close(stmt);
    /* one that is idle has nothing to cancel */
    assert_int_equal(PG->conn->cancel(s.conn, soon(), NULL, &s.err), TN_OK);
    session_close(&s);
}

static void a_request_ends_a_statement(void **state)
{
    session s;

    (void)state;
    session_open(&s, NULL, NULL);
    tn_driver_stmt *stmt = prepare(&s, "select pg_sleep(30)");
    s.host.interrupted = true;
    assert_int_equal(run_until(&s, stmt, soon()), TN_CANCELLED);
    s.host.interrupted = false;
    assert_state(&s, TN_CONN_BUSY);
    expect_usable(&s, TN_CONN_IDLE);
    PG->stmt->close(stmt);
    session_close(&s);
}

static void an_unread_stream_is_ended(void **state)
{
    session s;
    tn_driver_cursor *cursor = NULL;
    tn_batch batch = {.size = sizeof(batch)};

    (void)state;
    session_open(&s, NULL, NULL);
    tn_driver_stmt *stmt = prepare(&s, "select generate_series(1, 100000000), repeat('x', 1000)");
    for (int i = 0; i < 5; i++) {
        assert_int_equal(
            PG->cursor->execute(stmt, NULL, 0, TN_EXECUTE_STREAM, soon(), &cursor, &s.err), TN_OK);
        for (int k = 0; k < i; k++)
            assert_int_equal(PG->cursor->fetch(cursor, soon(), &batch, &s.err), TN_OK);
        PG->cursor->close(cursor);
        assert_state(&s, TN_CONN_BUSY);
        expect_usable(&s, TN_CONN_IDLE);
    }
    PG->stmt->close(stmt);
    /* a short one is read to its end by closing it */
    stmt = prepare(&s, "select 1 union all select 2");
    assert_int_equal(PG->cursor->execute(stmt, NULL, 0, TN_EXECUTE_STREAM, soon(), &cursor, &s.err),
                     TN_OK);
    PG->cursor->close(cursor);
    if (PG->conn->state(s.conn) == TN_CONN_BUSY)
        expect_usable(&s, TN_CONN_IDLE);
    assert_state(&s, TN_CONN_IDLE);
    PG->stmt->close(stmt);
    session_close(&s);
}

/* Parsing waits for a lock: given up in the middle of the pipeline. */
static void a_prepare_is_ended(void **state)
{
    session s, other;
    tn_driver_stmt *stmt = NULL;

    (void)state;
    session_open(&other, NULL, NULL);
    session_open(&s, NULL, NULL);
    must(&other, "create table tn_locked (a int)");
    must(&other, "begin");
    must(&other, "lock table tn_locked in access exclusive mode");
    assert_int_equal(PG->stmt->prepare(s.conn, tn_str_from("select a from tn_locked"),
                                       driver_host_deadline(100), &stmt, &s.err),
                     TN_TIMEOUT);
    assert_null(stmt);
    assert_state(&s, TN_CONN_BUSY);
    expect_usable(&s, TN_CONN_IDLE);
    must(&other, "rollback");
    must(&s, "select a from tn_locked");
    must(&other, "drop table tn_locked");
    session_close(&s);
    session_close(&other);
}

/* The server has made the statement, and only it knows. */
static void give_up_prepare(session *s, session *other, const char *sql)
{
    tn_driver_stmt *stmt = NULL;
    char question[256];
    int pid = atoi(ask(s, "select pg_backend_pid()")), left = 6000;

    s->host.interrupted = true; /* sent, and not waited for */
    assert_int_equal(PG->stmt->prepare(s->conn, tn_str_from(sql), soon(), &stmt, &s->err),
                     TN_CANCELLED);
    s->host.interrupted = false;
    assert_null(stmt);
    snprintf(question, sizeof(question),
             "select count(*) from pg_stat_activity where pid = %d and query = '%s'"
             " and state like 'idle%%'",
             pid, sql);
    while (strcmp(ask(other, question), "1") != 0 && --left)
        usleep(10000);
    assert_true(left > 0);
    assert_int_equal(PG->conn->cancel(s->conn, soon(), NULL, &s->err), TN_OK);
}

static void a_prepare_that_was_given_up_is_not_in_the_way(void **state)
{
    static const char count[] = "select count(*) from pg_prepared_statements"
                                " where statement = 'select 21'";
    tn_txn_request request = {.size = sizeof(request)};
    session s, other;

    (void)state;
    session_open(&other, NULL, NULL);
    session_open(&s, NULL, NULL);
    give_up_prepare(&s, &other, "select 21");
    assert_int_equal(PG->txn->begin(s.conn, &request, soon(), &s.err), TN_OK);
    /* The transaction has not begun there yet: what is prepared first takes it along. */
    assert_string_equal(ask(&s, count), "0");
    must(&s, "select 21");
    must(&s, "select 21");
    must(&s, "commit");
    must(&s, "select 22"); /* takes them along */
    assert_string_equal(ask(&s, count), "0");
    /* given up within a transaction */
    assert_int_equal(PG->txn->begin(s.conn, &request, soon(), &s.err), TN_OK);
    give_up_prepare(&s, &other, "select 21");
    if (PG->conn->state(s.conn) == TN_CONN_IN_TXN)
        must(&s, "select 21");
    must(&s, "rollback");
    must(&s, "select 21");
    must(&s, "select 22");
    assert_string_equal(ask(&s, count), "0");
    session_close(&s);
    session_close(&other);
}

static void a_cancel_that_has_no_time_breaks_the_connection(void **state)
{
    session s;

    (void)state;
    session_open(&s, NULL, NULL);
    tn_driver_stmt *stmt = prepare(&s, "select pg_sleep(1)");
    assert_int_equal(run_until(&s, stmt, driver_host_deadline(20)), TN_TIMEOUT);
    assert_int_equal(PG->conn->cancel(s.conn, driver_host_deadline(0), NULL, &s.err), TN_TIMEOUT);
    assert_state(&s, TN_CONN_BROKEN);
    PG->stmt->close(stmt);
    session_close(&s);
}

/* The server's own time-out and somebody else's cancel share a SQLSTATE, and only words that may be
 * translated tell them apart: neither is the cancel that this program asked for. */
static void the_servers_timeout_is_no_cancel(void **state)
{
    session s;

    (void)state;
    session_open(&s, NULL, NULL);
    must(&s, "set statement_timeout = 50");
    assert_int_equal(run(&s, "select pg_sleep(30)"), TN_TIMEOUT);
    assert_string_equal(s.err.sqlstate, "57014");
    must(&s, "set statement_timeout = 0");
    assert_int_equal(run(&s, "select pg_cancel_backend(pg_backend_pid()), pg_sleep(30)"),
                     TN_TIMEOUT);
    assert_string_equal(s.err.sqlstate, "57014");
    assert_state(&s, TN_CONN_IDLE);
    session_close(&s);
}

/* What had ended before the request came was applied, and that is said. */
static void the_outcome_is_told(void **state)
{
    tn_outcome outcome = TN_OUTCOME_NONE;
    tn_driver_cursor *cursor = NULL;
    session s;

    (void)state;
    session_open(&s, NULL, NULL);
    must(&s, "create temp table done (a int)");
    tn_driver_stmt *stmt = prepare(&s, "insert into done values (1)");
    s.host.interrupted = true; /* sent, and not waited for */
    assert_int_equal(PG->cursor->execute(stmt, NULL, 0, 0, soon(), &cursor, &s.err), TN_CANCELLED);
    s.host.interrupted = false;
    usleep(100000);
    assert_int_equal(PG->conn->cancel(s.conn, soon(), &outcome, &s.err), TN_OK);
    assert_int_equal(outcome, TN_OUTCOME_APPLIED);
    assert_string_equal(ask(&s, "select count(*) from done"), "1");
    PG->stmt->close(stmt);
    stmt = prepare(&s, "insert into done select 1 from pg_sleep(20)");
    assert_int_equal(run_until(&s, stmt, driver_host_deadline(50)), TN_TIMEOUT);
    assert_int_equal(PG->conn->cancel(s.conn, soon(), &outcome, &s.err), TN_OK);
    assert_int_equal(outcome, TN_OUTCOME_NOT_APPLIED);
    PG->stmt->close(stmt);
    session_close(&s);
}

/* Deadlines around the end of a short statement: whatever a request hits, it is not the next one.
 */
static void a_late_cancel_never_hits_the_next_statement(void **state)
{
    const char *wanted = getenv("TENON_TEST_CANCELS");
    int rounds = wanted ? atoi(wanted) : 300, cancelled = 0, neighbours = 0;
    uint32_t random = 12345;
    session s;

    (void)state;
    session_open(&s, NULL, NULL);
    tn_driver_stmt *stmt = prepare(&s, "select pg_sleep(0.001)");
    tn_driver_stmt *next = prepare(&s, "select pg_sleep(0.0005), 42");
    for (int i = 0; i < rounds; i++) {
        random = random * 1103515245u + 12345u;
        int64_t deadline = driver_host_deadline(0) + (int64_t)(random >> 8) % 2500000;
        tn_status status = run_until(&s, stmt, deadline);
        if (status != TN_OK && status != TN_TIMEOUT)
            fail_msg("round %d: %s", i, s.err.message);
        if (PG->conn->state(s.conn) == TN_CONN_BUSY) {
            assert_int_equal(PG->conn->cancel(s.conn, soon(), NULL, &s.err), TN_OK);
            cancelled++;
        }
        if (run_until(&s, next, soon()) != TN_OK)
            neighbours++;
    }
    print_message("%d rounds, %d of them cancelled\n", rounds, cancelled);
    assert_true(cancelled > 0);
    assert_int_equal(neighbours, 0);
    PG->stmt->close(stmt);
    PG->stmt->close(next);
    session_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_deadline_ends_a_statement),
        cmocka_unit_test(a_request_ends_a_statement),
        cmocka_unit_test(an_unread_stream_is_ended),
        cmocka_unit_test(a_prepare_is_ended),
        cmocka_unit_test(a_prepare_that_was_given_up_is_not_in_the_way),
        cmocka_unit_test(a_cancel_that_has_no_time_breaks_the_connection),
        cmocka_unit_test(the_servers_timeout_is_no_cancel),
        cmocka_unit_test(the_outcome_is_told),
        cmocka_unit_test(a_late_cancel_never_hits_the_next_statement),
    };

    return session_run(tests, sizeof(tests) / sizeof(tests[0]));
}
