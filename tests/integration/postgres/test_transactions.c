/* SPDX-License-Identifier: MIT */
/* Transactions by the driver's own operations, and what becomes of one whose server goes away. */
#include "pg_session.h"

#include <stdio.h>

static tn_status begin(session *s, tn_isolation isolation, bool read_only, bool deferrable)
{
    tn_txn_request request = {.size = sizeof(request),
                              .isolation = isolation,
                              .read_only = read_only,
                              .deferrable = deferrable};

    return PG->txn->begin(s->conn, &request, soon(), &s->err);
}

static tn_status commit(session *s)
{
    return PG->txn->commit(s->conn, soon(), &s->err);
}

static tn_status rollback(session *s)
{
    return PG->txn->rollback(s->conn, soon(), &s->err);
}

static void begin_commit_rollback(void **state)
{
    session s;

    (void)state;
    session_open(&s, NULL, NULL);
    must(&s, "create temp table t (a int)");
    assert_int_equal(begin(&s, TN_ISOLATION_DEFAULT, false, false), TN_OK);
    assert_state(&s, TN_CONN_IN_TXN);
    must(&s, "insert into t values (1)");
    assert_int_equal(commit(&s), TN_OK);
    assert_state(&s, TN_CONN_IDLE);
    assert_int_equal(begin(&s, TN_ISOLATION_DEFAULT, false, false), TN_OK);
    must(&s, "insert into t values (2)");
    assert_int_equal(rollback(&s), TN_OK);
    assert_string_equal(ask(&s, "select count(*) from t"), "1");
    session_close(&s);
}

static void options_reach_the_server(void **state)
{
    session s;

    (void)state;
    session_open(&s, NULL, NULL);
    assert_int_equal(begin(&s, TN_SERIALIZABLE, true, true), TN_OK);
    assert_string_equal(ask(&s, "show transaction_isolation"), "serializable");
    assert_string_equal(ask(&s, "show transaction_read_only"), "on");
    assert_string_equal(ask(&s, "show transaction_deferrable"), "on");
    assert_int_equal(rollback(&s), TN_OK);
    assert_int_equal(begin(&s, TN_REPEATABLE_READ, false, false), TN_OK);
    assert_string_equal(ask(&s, "show transaction_isolation"), "repeatable read");
    assert_string_equal(ask(&s, "show transaction_read_only"), "off");
    assert_int_equal(rollback(&s), TN_OK);
    assert_int_equal(begin(&s, TN_READ_COMMITTED, true, false), TN_OK);
    assert_int_equal(run(&s, "create table never (a int)"), TN_READ_ONLY);
    assert_int_equal(rollback(&s), TN_OK);
    session_close(&s);
}

static void a_failed_transaction_is_not_committed(void **state)
{
    session s;

    (void)state;
    session_open(&s, NULL, NULL);
    assert_int_equal(begin(&s, TN_ISOLATION_DEFAULT, false, false), TN_OK);
    assert_int_equal(run(&s, "select 1/0"), TN_DATA);
    assert_state(&s, TN_CONN_FAILED);
    assert_int_equal(run(&s, "select 1"), TN_ABORTED);
    assert_string_equal(s.err.sqlstate, "25P02");
    assert_int_equal(commit(&s), TN_ABORTED);
    assert_string_equal(s.err.sqlstate, "25P02");
    assert_int_equal(s.err.phase, TN_PHASE_COMMIT);
    assert_state(&s, TN_CONN_IDLE);
    /* a constraint that is checked at the end */
    must(&s, "create temp table p (id int primary key)");
    must(&s, "create temp table q (id int references p deferrable initially deferred)");
    assert_int_equal(begin(&s, TN_ISOLATION_DEFAULT, false, false), TN_OK);
    must(&s, "insert into q values (1)");
    assert_int_equal(commit(&s), TN_CONSTRAINT);
    assert_int_equal(s.err.outcome, TN_OUTCOME_NOT_APPLIED);
    assert_state(&s, TN_CONN_IDLE);
    session_close(&s);
}

static void savepoints_nest(void **state)
{
    session s;

    (void)state;
    session_open(&s, NULL, NULL);
    must(&s, "create temp table t (a int)");
    assert_int_equal(begin(&s, TN_ISOLATION_DEFAULT, false, false), TN_OK);
    must(&s, "insert into t values (1)");
    assert_int_equal(PG->txn->savepoint(s.conn, 1, soon(), &s.err), TN_OK);
    must(&s, "insert into t values (2)");
    assert_int_equal(PG->txn->savepoint(s.conn, 2, soon(), &s.err), TN_OK);
    assert_int_equal(run(&s, "select 1/0"), TN_DATA);
    assert_state(&s, TN_CONN_FAILED);
    assert_int_equal(PG->txn->rollback_to(s.conn, 2, soon(), &s.err), TN_OK);
    assert_state(&s, TN_CONN_IN_TXN);
    assert_int_equal(PG->txn->release(s.conn, 2, soon(), &s.err), TN_OK);
    assert_int_equal(PG->txn->rollback_to(s.conn, 1, soon(), &s.err), TN_OK);
    assert_int_equal(PG->txn->release(s.conn, 1, soon(), &s.err), TN_OK);
    assert_int_equal(commit(&s), TN_OK);
    assert_string_equal(ask(&s, "select string_agg(a::text, ',') from t"), "1");
    session_close(&s);
}

static void terminate(session *other, session *victim)
{
    char sql[96];

    snprintf(sql, sizeof(sql), "select pg_terminate_backend(%s, 5000)",
             ask(victim, "select pg_backend_pid()"));
    must(other, sql);
}

static void a_lost_transaction_is_undone(void **state)
{
    session s, other;

    (void)state;
    session_open(&other, NULL, NULL);
    session_open(&s, NULL, NULL);
    assert_int_equal(begin(&s, TN_ISOLATION_DEFAULT, false, false), TN_OK);
    terminate(&other, &s);
    assert_int_equal(run(&s, "select 1"), TN_LOST);
    assert_int_equal(s.err.outcome, TN_OUTCOME_NOT_APPLIED);
    assert_string_equal(s.err.sqlstate, "57P01"); /* the server said why */
    assert_state(&s, TN_CONN_BROKEN);
    assert_int_equal(PG->conn->ping(s.conn, soon(), &s.err), TN_LOST);
    assert_int_equal(PG->conn->reset(s.conn, soon(), &s.err), TN_LOST);
    assert_int_equal(PG->conn->cancel(s.conn, soon(), NULL, &s.err), TN_LOST);
    session_close(&s);
    session_close(&other);
}

/* Known to be dead before COMMIT left: certainly not committed, and not in doubt. */
static void a_commit_that_never_left_is_not_in_doubt(void **state)
{
    session s, other;

    (void)state;
    session_open(&other, NULL, NULL);
    session_open(&s, NULL, NULL);
    assert_int_equal(begin(&s, TN_ISOLATION_DEFAULT, false, false), TN_OK);
    terminate(&other, &s);
    assert_int_equal(commit(&s), TN_LOST);
    assert_int_equal(s.err.outcome, TN_OUTCOME_NOT_APPLIED);
    assert_int_equal(s.err.phase, TN_PHASE_COMMIT);
    assert_state(&s, TN_CONN_BROKEN);
    session_close(&s);
    session_close(&other);
}

/* A commit that waits on a trigger while its server is killed: sent, and no answer. */
static void a_commit_without_an_answer_is_in_doubt(void **state)
{
    static const char *const setup[] = {
        "drop schema if exists tn_commit cascade",
        "create schema tn_commit",
        "create table tn_commit.t (a int)",
        "create function tn_commit.f() returns trigger language plpgsql as"
        " $$ begin perform pg_sleep(20); return null; end $$",
        "create constraint trigger g after insert on tn_commit.t deferrable initially deferred"
        " for each row execute function tn_commit.f()",
    };
    session s, other;

    (void)state;
    session_open(&other, NULL, NULL);
    must(&other, "set client_min_messages = warning");
    for (size_t i = 0; i < sizeof(setup) / sizeof(setup[0]); i++)
        must(&other, setup[i]);
    session_open(&s, NULL, NULL);
    assert_int_equal(begin(&s, TN_ISOLATION_DEFAULT, false, false), TN_OK);
    must(&s, "insert into tn_commit.t values (1)");
    /* the deadline comes while it waits */
    assert_int_equal(PG->txn->commit(s.conn, driver_host_deadline(200), &s.err),
                     TN_OUTCOME_UNKNOWN);
    assert_string_equal(s.err.sqlstate, "08007");
    assert_int_equal(s.err.outcome, TN_OUTCOME_IN_DOUBT);
    assert_state(&s, TN_CONN_BUSY);
    tn_outcome outcome = TN_OUTCOME_NONE;
    assert_int_equal(PG->conn->cancel(s.conn, soon(), &outcome, &s.err), TN_OK);
    assert_int_equal(outcome, TN_OUTCOME_NOT_APPLIED);
    assert_state(&s, TN_CONN_IDLE);
    assert_string_equal(ask(&s, "select count(*) from tn_commit.t"), "0");
    session_close(&s);
    must(&other, "drop schema tn_commit cascade");
    session_close(&other);
}

/* Terminated while it runs: nobody can know what a statement of its own transaction did. */
static void an_autocommit_statement_that_is_lost_is_in_doubt(void **state)
{
    session s;

    (void)state;
    session_open(&s, NULL, NULL);
    assert_int_equal(run(&s, "select pg_terminate_backend(pg_backend_pid()), pg_sleep(5)"),
                     TN_LOST);
    assert_int_equal(s.err.outcome, TN_OUTCOME_IN_DOUBT);
    assert_string_equal(s.err.sqlstate, "57P01");
    assert_string_equal(s.err.severity, "FATAL");
    assert_state(&s, TN_CONN_BROKEN);
    session_close(&s);
    session_open(&s, NULL, NULL);
    assert_int_equal(begin(&s, TN_ISOLATION_DEFAULT, false, false), TN_OK);
    assert_int_equal(run(&s, "select pg_terminate_backend(pg_backend_pid()), pg_sleep(5)"),
                     TN_LOST);
    assert_int_equal(s.err.outcome, TN_OUTCOME_NOT_APPLIED);
    session_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(begin_commit_rollback),
        cmocka_unit_test(options_reach_the_server),
        cmocka_unit_test(a_failed_transaction_is_not_committed),
        cmocka_unit_test(savepoints_nest),
        cmocka_unit_test(a_lost_transaction_is_undone),
        cmocka_unit_test(a_commit_that_never_left_is_not_in_doubt),
        cmocka_unit_test(a_commit_without_an_answer_is_in_doubt),
        cmocka_unit_test(an_autocommit_statement_that_is_lost_is_in_doubt),
    };

    return session_run(tests, sizeof(tests) / sizeof(tests[0]));
}
