/* SPDX-License-Identifier: MIT */
/* What a transaction's name is worth after a crash, on a standby, on one that took over, and where
 * the server does not let everybody ask. */
#include "pg_session.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <pthread.h>

#include "server.h"

static test_server server;

static void open_on(session *s, const test_server *on)
{
    char url[256];

    setenv("TENON_TEST_POSTGRES_URL",
           test_server_url(on, "app:apppw", "app", NULL, url, sizeof(url)), 1);
    session_open(s, NULL, NULL);
}

/* A transaction that wrote, and its name. */
static void write_one(session *s, char name[TN_TXN_ID_SIZE])
{
    tn_txn_request request = {.size = sizeof(request)};

    assert_int_equal(PG->txn->begin(s->conn, &request, soon(), &s->err), TN_OK);
    must(s, "insert into t values (1)");
    assert_int_equal(PG->txn->commit(s->conn, soon(), &s->err), TN_OK);
    PG->txn->identify(s->conn, name, TN_TXN_ID_SIZE);
}

static tn_outcome outcome_of(session *s, const char *name)
{
    tn_outcome outcome = (tn_outcome)99;

    if (PG->txn->outcome(s->conn, tn_str_from(name), soon(), &outcome, &s->err) != TN_OK)
        fail_msg("%s: %s", name, s->err.message);
    return outcome;
}

/* The number of one with the place of another. */
static void mix(const char *number, const char *place, char ret[TN_TXN_ID_SIZE])
{
    snprintf(ret, TN_TXN_ID_SIZE, "%.*s%s", (int)strcspn(number, "."), number,
             place + strcspn(place, "."));
}

static bool has_place(const char *name)
{
    if (strchr(name, '.'))
        return true;
    print_message("skipped: before PostgreSQL 15 a name holds no place\n");
    return false;
}

static void a_crash_does_not_make_names_lie(void **state)
{
    char before[TN_TXN_ID_SIZE], after[TN_TXN_ID_SIZE], again[TN_TXN_ID_SIZE];
    session s;

    (void)state;
    open_on(&s, &server);
    write_one(&s, before);
    session_close(&s);
    if (!has_place(before))
        skip();
    assert_true(test_server_stop(&server, true));
    assert_true(test_server_start(&server));
    open_on(&s, &server);
    write_one(&s, after);
    assert_string_not_equal(strchr(before, '.'), strchr(after, '.'));
    assert_int_equal(outcome_of(&s, after), TN_OUTCOME_APPLIED);
    /* the checkpoint of the start knew it */
    assert_int_equal(outcome_of(&s, before), TN_OUTCOME_APPLIED);
    /* a number that was given again: its first owner's fate is not known */
    mix(after, before, again);
    assert_int_equal(outcome_of(&s, again), TN_OUTCOME_NONE);
    assert_non_null(strstr(s.host.line, "crashed"));
    /* later checkpoints know all numbers, and so tell nothing */
    PGconn *admin = test_server_connect(&server, "app");
    test_server_run(admin, "create table filler as select generate_series(1, 1000)");
    test_server_run(admin, "checkpoint");
    PQfinish(admin);
    assert_int_equal(outcome_of(&s, again), TN_OUTCOME_NONE);
    assert_int_equal(outcome_of(&s, after), TN_OUTCOME_APPLIED);
    session_close(&s);
}

static void a_clean_restart_changes_nothing(void **state)
{
    char name[TN_TXN_ID_SIZE];
    session s;

    (void)state;
    open_on(&s, &server);
    write_one(&s, name);
    session_close(&s);
    assert_true(test_server_stop(&server, false));
    assert_true(test_server_start(&server));
    open_on(&s, &server);
    assert_int_equal(outcome_of(&s, name), TN_OUTCOME_APPLIED);
    session_close(&s);
}

/* A backend that dies takes all the others with it, in the middle of a transaction. */
static void a_backend_that_dies_ends_all(void **state)
{
    tn_txn_request request = {.size = sizeof(request)};
    char name[TN_TXN_ID_SIZE];
    session s, victim;

    (void)state;
    open_on(&s, &server);
    open_on(&victim, &server);
    assert_int_equal(PG->txn->begin(s.conn, &request, soon(), &s.err), TN_OK);
    must(&s, "insert into t values (2)");
    int pid = atoi(ask(&victim, "select pg_backend_pid()"));
    assert_true(pid > 1);
    assert_int_equal(kill(pid, SIGKILL), 0);
    /* the answer to this may be the end, or come before it */
    tn_driver_stmt *stmt = NULL;
    tn_status status = PG->stmt->prepare(s.conn, tn_str_from("select pg_sleep(20)"), soon(), &stmt,
                                         &s.err);
    if (status == TN_OK)
        status = run_stmt(&s, stmt, NULL, 0, 0, NULL);
    PG->stmt->close(stmt);
    assert_int_equal(status, TN_LOST);
    assert_int_equal(s.err.outcome, TN_OUTCOME_NOT_APPLIED);
    assert_true(strcmp(s.err.sqlstate, "57P02") == 0 || strcmp(s.err.sqlstate, "08006") == 0);
    assert_state(&s, TN_CONN_BROKEN);
    session_close(&s);
    session_close(&victim);
    PGconn *admin = NULL;
    char conninfo[256];
    snprintf(conninfo, sizeof(conninfo), "host=%s port=%d user=postgres dbname=app", server.dir,
             server.port);
    for (int i = 0; i < 1000 && PQstatus(admin) != CONNECTION_OK; i++) {
        PQfinish(admin);
        usleep(10000);
        admin = PQconnectdb(conninfo);
    }
    assert_int_equal(PQstatus(admin), CONNECTION_OK);
    PQfinish(admin);
    open_on(&s, &server);
    write_one(&s, name);
    assert_int_equal(outcome_of(&s, name), TN_OUTCOME_APPLIED);
    session_close(&s);
}

static void *let_it_go_on(void *arg)
{
    usleep(15000); /* less than anybody's patience, more than a request takes */
    kill(*(pid_t *)arg, SIGCONT);
    return NULL;
}

/* A server that has not begun to read the statement ignores the request to end it. */
static void a_request_that_comes_too_early_is_sent_again(void **state)
{
    tn_driver_cursor *cursor = NULL;
    pthread_t thread;
    session s;

    (void)state;
    open_on(&s, &server);
    tn_driver_stmt *stmt = prepare(&s, "select pg_sleep(20)");
    pid_t pid = (pid_t)atoi(ask(&s, "select pg_backend_pid()"));
    for (int i = 0; i < 3; i++) {
        tn_outcome outcome = TN_OUTCOME_NONE;
        assert_int_equal(kill(pid, SIGSTOP), 0);
        assert_int_equal(
            PG->cursor->execute(stmt, NULL, 0, 0, driver_host_deadline(20), &cursor, &s.err),
            TN_TIMEOUT);
        assert_int_equal(pthread_create(&thread, NULL, let_it_go_on, &pid), 0);
        assert_int_equal(PG->conn->cancel(s.conn, soon(), &outcome, &s.err), TN_OK);
        pthread_join(thread, NULL);
        assert_int_equal(outcome, TN_OUTCOME_NOT_APPLIED); /* else it slept to its end */
        assert_state(&s, TN_CONN_IDLE);
    }
    PG->stmt->close(stmt);
    session_close(&s);
}

static void wait_for_standby(const test_server *standby)
{
    PGconn *primary = test_server_connect(&server, "app");
    PGconn *follower = test_server_connect(standby, "app");
    char sql[160];
    PGresult *result = PQexec(primary, "select pg_current_wal_flush_lsn()");

    snprintf(sql, sizeof(sql), "select (pg_last_wal_replay_lsn() >= '%s')::int",
             PQgetvalue(result, 0, 0));
    PQclear(result);
    assert_true(test_server_wait(follower, sql, 1));
    PQfinish(primary);
    PQfinish(follower);
}

static void a_standby_is_no_witness_and_its_rise_is_seen(void **state)
{
    char name[TN_TXN_ID_SIZE], future[TN_TXN_ID_SIZE], fresh[TN_TXN_ID_SIZE];
    char again[TN_TXN_ID_SIZE];
    test_server standby;
    session s, on_standby;

    (void)state;
    test_server_create_standby(&standby, &server);
    open_on(&s, &server);
    write_one(&s, name);
    session_close(&s);
    wait_for_standby(&standby);
    mix("pg:100000000000000", name, future);
    open_on(&on_standby, &standby);
    tn_conn_info info = {.size = sizeof(info)};
    PG->conn->info(on_standby.conn, &info);
    assert_true(info.read_only);
    assert_int_equal(outcome_of(&on_standby, name), TN_OUTCOME_IN_DOUBT);
    assert_int_equal(outcome_of(&on_standby, future), TN_OUTCOME_IN_DOUBT);
    assert_int_equal(run(&on_standby, "insert into t values (1)"), TN_READ_ONLY);
    assert_string_equal(on_standby.err.sqlstate, "25006");
    assert_true(test_server_stop(&server, true));
    assert_true(test_server_promote(&standby));
    /* the same connection, now of a server of its own */
    write_one(&on_standby, fresh);
    assert_int_equal(outcome_of(&on_standby, fresh), TN_OUTCOME_APPLIED);
    /* it never came here, whatever the old one says */
    assert_int_equal(outcome_of(&on_standby, future), TN_OUTCOME_NOT_APPLIED);
    assert_non_null(strstr(on_standby.host.line, "never gave its number"));
    if (has_place(name)) {
        mix(fresh, name, again);
        assert_int_equal(outcome_of(&on_standby, again), TN_OUTCOME_NONE);
        assert_int_not_equal(outcome_of(&on_standby, name), TN_OUTCOME_NOT_APPLIED);
    }
    session_close(&on_standby);
    test_server_remove(&standby);
    assert_true(test_server_start(&server));
}

/* What somebody took away is not called: a question that fails would end the transaction. */
static void functions_that_are_taken_away_are_not_called(void **state)
{
    static const char *const functions[] = {"pg_control_system()",
                                            "pg_current_xact_id_if_assigned()"};
    char name[TN_TXN_ID_SIZE];
    PGconn *admin = test_server_connect(&server, "app");
    session s;
    char sql[128];

    (void)state;
    for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
        snprintf(sql, sizeof(sql), "revoke execute on function %s from public", functions[i]);
        test_server_run(admin, sql);
        open_on(&s, &server);
        write_one(&s, name);
        if (i == 0) {
            assert_null(strchr(name, '.'));
            assert_int_equal(outcome_of(&s, name), TN_OUTCOME_APPLIED);
        } else {
            assert_string_equal(name, "");
            assert_int_equal(outcome_of(&s, "pg:1000"), TN_OUTCOME_NONE);
        }
        session_close(&s);
    }
    for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
        snprintf(sql, sizeof(sql), "grant execute on function %s to public", functions[i]);
        test_server_run(admin, sql);
    }
    PQfinish(admin);
}

static int prepare_server(void **state)
{
    session s;

    (void)state;
    open_on(&s, &server);
    must(&s, "create table t (a int)");
    session_close(&s);
    return 0;
}

static int remove_server(void **state)
{
    (void)state;
    test_server_remove(&server);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_crash_does_not_make_names_lie),
        cmocka_unit_test(a_clean_restart_changes_nothing),
        cmocka_unit_test(a_backend_that_dies_ends_all),
        cmocka_unit_test(a_request_that_comes_too_early_is_sent_again),
        cmocka_unit_test(functions_that_are_taken_away_are_not_called),
        cmocka_unit_test(a_standby_is_no_witness_and_its_rise_is_seen),
    };

    test_server_create(&server, NULL, NULL, "apppw");
    return cmocka_run_group_tests_name("names in another incarnation", tests, prepare_server,
                                       remove_server);
}
