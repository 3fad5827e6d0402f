/* SPDX-License-Identifier: MIT */
/* Answers that are lost, cut off or damaged, and servers that end a session: each has its class,
 * its outcome, and its connection is not used again. */
#include "pg_session.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "relay.h"
#include "server.h"

static test_server server;
static relay wire;

static void by_port(int port)
{
    char url[256];

    snprintf(url, sizeof(url), "postgresql://trusty@127.0.0.1:%d/app?sslmode=disable", port);
    setenv("TENON_TEST_POSTGRES_URL", url, 1);
}

static void open_damaged(session *s)
{
    relay_set(&wire, RELAY_PASS, 0, NULL);
    by_port(wire.port);
    session_open(s, NULL, NULL);
}

static void open_direct(session *s)
{
    by_port(server.port);
    session_open(s, NULL, NULL);
}

static void begin(session *s)
{
    tn_txn_request request = {.size = sizeof(request)};

    assert_int_equal(PG->txn->begin(s->conn, &request, soon(), &s->err), TN_OK);
}

/* What the name says once the server has noticed that its client is gone. */
static tn_outcome resolve(const session *s)
{
    char name[TN_TXN_ID_SIZE];
    tn_outcome outcome = TN_OUTCOME_IN_DOUBT;
    session other;

    PG->txn->identify(s->conn, name, sizeof(name));
    open_direct(&other);
    for (int i = 0; i < 2000 && outcome == TN_OUTCOME_IN_DOUBT; i++) {
        assert_int_equal(
            PG->txn->outcome(other.conn, tn_str_from(name), soon(), &outcome, &other.err), TN_OK);
        if (outcome == TN_OUTCOME_IN_DOUBT)
            usleep(5000);
    }
    session_close(&other);
    return outcome;
}

static int rows_of(int a)
{
    PGconn *admin = test_server_connect(&server, "app");
    char sql[64];

    snprintf(sql, sizeof(sql), "select count(*) from t where a = %d", a);
    int rows = (int)test_server_number(admin, sql);
    PQfinish(admin);
    return rows;
}

/* ---- lost ------------------------------------------------------------------------------------ */

static void the_answer_to_commit_is_lost(void **state)
{
    session s;

    (void)state;
    for (int i = 0; i < 2; i++) {
        open_damaged(&s);
        begin(&s);
        must(&s, i ? "insert into t values (11)" : "insert into t values (10)");
        relay_set(&wire, i ? RELAY_WITHHOLD : RELAY_SWALLOW, 0, "COMMIT");
        assert_int_equal(PG->txn->commit(s.conn, soon(), &s.err), TN_OUTCOME_UNKNOWN);
        assert_true(relay_happened(&wire));
        assert_string_equal(s.err.sqlstate, "08007");
        assert_int_equal(s.err.outcome, TN_OUTCOME_IN_DOUBT);
        assert_int_equal(s.err.phase, TN_PHASE_COMMIT);
        assert_state(&s, TN_CONN_BROKEN);
        assert_int_equal(resolve(&s), i ? TN_OUTCOME_NOT_APPLIED : TN_OUTCOME_APPLIED);
        session_close(&s);
    }
    assert_int_equal(rows_of(10), 1);
    assert_int_equal(rows_of(11), 0);
}

/* The question before COMMIT is lost: COMMIT never left. */
static void the_answer_to_the_question_is_lost(void **state)
{
    session s;

    (void)state;
    open_damaged(&s);
    begin(&s);
    must(&s, "do $$ begin insert into t values (12); end $$");
    relay_set(&wire, RELAY_SWALLOW, 0, "pg_current_xact_id_if_assigned");
    assert_int_equal(PG->txn->commit(s.conn, soon(), &s.err), TN_LOST);
    assert_int_equal(s.err.outcome, TN_OUTCOME_NOT_APPLIED);
    assert_state(&s, TN_CONN_BROKEN);
    session_close(&s);
    assert_int_equal(rows_of(12), 0);
}

static void the_answer_to_a_write_of_its_own_is_lost(void **state)
{
    session s;

    (void)state;
    open_damaged(&s);
    tn_driver_stmt *stmt = prepare(&s, "insert into t values (13)");
    char name[64] = "tn_"; /* its text stands in the preparing only */
    relay_set(&wire, RELAY_SWALLOW, 0, name);
    assert_int_equal(run_stmt(&s, stmt, NULL, 0, 0, NULL), TN_LOST);
    assert_int_equal(s.err.outcome, TN_OUTCOME_IN_DOUBT);
    assert_string_equal(s.err.sqlstate, "08006");
    assert_state(&s, TN_CONN_BROKEN);
    PG->stmt->close(stmt);
    session_close(&s);
    assert_int_equal(rows_of(13), 1);
}

/* ---- cut off and damaged --------------------------------------------------------------------- */

static const char reading[] = "select a, 'text' || a, now(), 1.5::numeric from t order by a";

/* One fault in one statement; what came of it. *ret_happened: was the answer long enough? */
static tn_status run_damaged(relay_fault fault, size_t at, bool inside, const char *sql, session *s,
                             bool *ret_happened)
{
    open_damaged(s);
    tn_driver_stmt *stmt = prepare(s, sql);
    if (inside)
        begin(s);
    relay_set(&wire, fault, at, NULL);
    tn_status status = run_stmt(s, stmt, NULL, 0, at % 2 ? TN_EXECUTE_STREAM : 0, NULL);
    *ret_happened = relay_happened(&wire);
    PG->stmt->close(stmt);
    return status;
}

static void an_answer_that_is_cut_off_is_lost(void **state)
{
    static const char *const texts[] = {reading, "insert into t values (20) returning a"};
    session s;
    bool happened = true;

    (void)state;
    for (size_t text = 0; text < 2; text++) {
        for (int inside = 0; inside < 2; inside++) {
            for (size_t at = 0; at < 10000; at += at < 40 ? 1 : 11) {
                tn_status status = run_damaged(RELAY_CUT, at, inside, texts[text], &s, &happened);
                if (happened && status != TN_LOST)
                    fail_msg("cut at %zu: %d %s", at, (int)status, s.err.message);
                if (happened && inside)
                    assert_int_equal(s.err.outcome, TN_OUTCOME_NOT_APPLIED);
                else if (happened)
                    assert_int_equal(s.err.outcome, TN_OUTCOME_IN_DOUBT);
                if (happened)
                    assert_state(&s, TN_CONN_BROKEN);
                else
                    assert_int_equal(status, TN_OK);
                session_close(&s);
                if (!happened)
                    break;
            }
            assert_false(happened);
        }
    }
}

static void a_commits_answer_that_is_cut_off_is_in_doubt(void **state)
{
    session s;
    bool happened = true;
    size_t at;

    (void)state;
    for (at = 0; at < 100 && happened; at++) {
        open_damaged(&s);
        begin(&s);
        must(&s, "insert into t values (21)");
        relay_set(&wire, RELAY_CUT, at, NULL);
        tn_status status = PG->txn->commit(s.conn, soon(), &s.err);
        happened = relay_happened(&wire);
        assert_int_equal(status, happened ? TN_OUTCOME_UNKNOWN : TN_OK);
        if (happened) {
            assert_state(&s, TN_CONN_BROKEN);
            assert_int_equal(resolve(&s), TN_OUTCOME_APPLIED);
        }
        session_close(&s);
    }
    assert_int_equal(rows_of(21), at);
}

/* Any byte of it. What libpq and the decoders cannot see as damage is another value of the right
 * type; what they see is an error, and the connection is not used again unless the server meant it.
 */
static void an_answer_that_is_damaged_is_no_crash(void **state)
{
    session s;
    bool happened = true;
    int protocol = 0, lost = 0, other = 0, fine = 0;

    (void)state;
    for (size_t at = 0; at < 10000; at += at < 120 ? 1 : 11) {
        open_damaged(&s);
        tn_driver_stmt *stmt = prepare(&s, reading);
        tn_driver_cursor *cursor = NULL;
        tn_batch batch = {.size = sizeof(batch)};
        relay_set(&wire, RELAY_FLIP, at, NULL);
        /* a length that was made longer is waited for */
        int64_t deadline = driver_host_deadline(100);
        tn_status status = PG->cursor->execute(stmt, NULL, 0, at % 2 ? TN_EXECUTE_STREAM : 0,
                                               deadline, &cursor, &s.err);
        while (status == TN_OK && !batch.done)
            status = PG->cursor->fetch(cursor, deadline, &batch, &s.err);
        PG->cursor->close(cursor);
        happened = relay_happened(&wire);
        protocol += status == TN_PROTOCOL;
        lost += status == TN_LOST;
        fine += status == TN_OK;
        other += status != TN_OK && status != TN_LOST && status != TN_PROTOCOL;
        if (status == TN_LOST)
            assert_state(&s, TN_CONN_BROKEN);
        if (status == TN_PROTOCOL && PG->conn->state(s.conn) == TN_CONN_IDLE)
            fail_msg("byte %zu: the connection would be used again: %s", at, s.err.message);
        PG->stmt->close(stmt);
        session_close(&s);
        if (!happened)
            break;
    }
    print_message("%d protocol, %d lost, %d other, %d another value\n", protocol, lost, other,
                  fine);
    assert_false(happened);
    assert_true(protocol > 0);
}

static void a_commits_answer_that_is_damaged_is_never_a_success_too_much(void **state)
{
    session s;
    int unknown = 0;

    (void)state;
    for (size_t at = 0; at < 18; at++) {
        open_damaged(&s);
        begin(&s);
        must(&s, "insert into t values (22)");
        relay_set(&wire, RELAY_FLIP, at, NULL);
        tn_status status = PG->txn->commit(s.conn, driver_host_deadline(200), &s.err);
        assert_true(relay_happened(&wire));
        if (status != TN_OK) {
            assert_int_equal(status, TN_OUTCOME_UNKNOWN);
            assert_int_equal(s.err.outcome, TN_OUTCOME_IN_DOUBT);
            assert_int_not_equal(PG->conn->state(s.conn), TN_CONN_IDLE);
            assert_int_equal(resolve(&s), TN_OUTCOME_APPLIED);
            unknown++;
        }
        session_close(&s);
    }
    assert_true(unknown >= 15);
}

/* ---- sessions that the server ends ----------------------------------------------------------- */

static void wait_until_gone(const char *pid)
{
    PGconn *admin = test_server_connect(&server, "app");
    char sql[96];

    snprintf(sql, sizeof(sql), "select count(*) from pg_stat_activity where pid = %s", pid);
    assert_true(test_server_wait(admin, sql, 0));
    PQfinish(admin);
}

static void time_outs_of_idle_sessions_are_told(void **state)
{
    char pid[16];
    session s;

    (void)state;
    for (int i = 0; i < 3; i++) {
        open_direct(&s);
        snprintf(pid, sizeof(pid), "%s", ask(&s, "select pg_backend_pid()"));
        if (i == 2) {
            must(&s, "set idle_session_timeout = 20");
            wait_until_gone(pid);
            assert_int_equal(PG->conn->ping(s.conn, soon(), &s.err), TN_LOST);
            assert_string_equal(s.err.sqlstate, "57P05");
        } else {
            must(&s, "set idle_in_transaction_session_timeout = 20");
            begin(&s);
            must(&s, "insert into t values (30)");
            wait_until_gone(pid);
            if (i)
                assert_int_equal(PG->txn->commit(s.conn, soon(), &s.err), TN_LOST);
            else
                assert_int_equal(run(&s, "select 1"), TN_LOST);
            assert_string_equal(s.err.sqlstate, "25P03");
            assert_int_equal(s.err.outcome, TN_OUTCOME_NOT_APPLIED);
        }
        assert_state(&s, TN_CONN_BROKEN);
        session_close(&s);
    }
    assert_int_equal(rows_of(30), 0);
}

/* The server ended it, and said so: nothing is in doubt. */
static void a_commit_that_somebody_cancels_is_undone(void **state)
{
    session s;

    (void)state;
    open_direct(&s);
    must(&s, "create table slow (a int)");
    must(&s, "create function slow() returns trigger language plpgsql as"
             " $$ begin perform pg_cancel_backend(pg_backend_pid());"
             " perform pg_sleep(20); return null; end $$");
    must(&s, "create constraint trigger c after insert on slow deferrable initially deferred"
             " for each row execute function slow()");
    begin(&s);
    must(&s, "insert into slow values (1)");
    assert_int_equal(PG->txn->commit(s.conn, soon(), &s.err), TN_TIMEOUT);
    assert_string_equal(s.err.sqlstate, "57014");
    assert_int_equal(s.err.outcome, TN_OUTCOME_NOT_APPLIED);
    assert_state(&s, TN_CONN_IDLE);
    session_close(&s);
}

typedef struct refusal {
    int listener;
    const char *code;
} refusal;

static void *refuse(void *arg)
{
    const refusal *r = arg;
    char packet[1024], answer[256] = "E";
    int client = accept(r->listener, NULL, NULL);
    size_t at = 5;

    if (client < 0 || recv(client, packet, sizeof(packet), 0) <= 0)
        return NULL;
    at += (size_t)sprintf(answer + at, "SFATAL") + 1;
    at += (size_t)sprintf(answer + at, "VFATAL") + 1;
    at += (size_t)sprintf(answer + at, "C%s", r->code) + 1;
    at += (size_t)sprintf(answer + at, "Mnot now") + 1;
    answer[at] = '\0';
    answer[1] = answer[2] = answer[3] = 0;
    answer[4] = (char)at; /* without the first byte, with the last */
    if (send(client, answer, at + 1, MSG_NOSIGNAL) < 0)
        perror("refusal");
    close(client);
    return NULL;
}

static void a_server_that_is_not_ready_is_unavailable(void **state)
{
    static const char *const codes[] = {"57P01", "57P02", "57P03", "53300"};

    (void)state;
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        tn_driver_source *source = NULL;
        tn_driver_conn *conn = NULL;
        tn_host_conn host = {0};
        tn_error err = TN_ERROR_INIT;
        pthread_t thread;
        int port;
        refusal r = {.listener = test_mute_listener(&port), .code = codes[i]};
        assert_int_equal(pthread_create(&thread, NULL, refuse, &r), 0);
        by_port(port);
        assert_int_equal(driver_host_source(session_url(), NULL, NULL, &source, &err), TN_OK);
        assert_int_equal(PG->conn->open(source, &host, soon(), &conn, &err), TN_UNAVAILABLE);
        assert_string_equal(err.sqlstate, codes[i]);
        assert_int_equal(err.outcome, TN_OUTCOME_NOT_APPLIED);
        pthread_join(thread, NULL);
        PG->conn->close_source(source);
        close(r.listener);
    }
}

/* Cut off while it connects, at any byte: the server may be back. */
static void connecting_that_is_cut_off_is_unavailable(void **state)
{
    bool happened = true;

    (void)state;
    for (size_t at = 0; at < 5000 && happened; at += 9) {
        tn_driver_source *source = NULL;
        tn_driver_conn *conn = NULL;
        tn_host_conn host = {0};
        tn_error err = TN_ERROR_INIT;
        by_port(wire.port);
        relay_set(&wire, RELAY_CUT, at, NULL);
        assert_int_equal(driver_host_source(session_url(), NULL, NULL, &source, &err), TN_OK);
        tn_status status = PG->conn->open(source, &host, soon(), &conn, &err);
        happened = relay_happened(&wire);
        if (happened && status != TN_UNAVAILABLE)
            fail_msg("cut at %zu: %d %s", at, (int)status, err.message);
        if (!happened)
            assert_int_equal(status, TN_OK);
        PG->conn->close(conn);
        PG->conn->close_source(source);
    }
    assert_false(happened);
}

static int prepare_server(void **state)
{
    PGconn *admin = test_server_connect(&server, "app");

    (void)state;
    test_server_run(admin, "grant create on schema public to trusty; set role trusty;"
                           " create table t (a int);"
                           " insert into t select generate_series(1, 5)");
    PQfinish(admin);
    return 0;
}

static int remove_server(void **state)
{
    (void)state;
    relay_stop(&wire);
    test_server_remove(&server);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_answer_to_commit_is_lost),
        cmocka_unit_test(the_answer_to_the_question_is_lost),
        cmocka_unit_test(the_answer_to_a_write_of_its_own_is_lost),
        cmocka_unit_test(an_answer_that_is_cut_off_is_lost),
        cmocka_unit_test(a_commits_answer_that_is_cut_off_is_in_doubt),
        cmocka_unit_test(an_answer_that_is_damaged_is_no_crash),
        cmocka_unit_test(a_commits_answer_that_is_damaged_is_never_a_success_too_much),
        cmocka_unit_test(time_outs_of_idle_sessions_are_told),
        cmocka_unit_test(a_commit_that_somebody_cancels_is_undone),
        cmocka_unit_test(a_server_that_is_not_ready_is_unavailable),
        cmocka_unit_test(connecting_that_is_cut_off_is_unavailable),
    };

    test_server_create(&server, NULL, NULL, "apppw");
    relay_start(&wire, server.port);
    return cmocka_run_group_tests_name("damaged answers", tests, prepare_server, remove_server);
}
