/* SPDX-License-Identifier: MIT */
/* Deadlines, cancelling, and waiting for another connection's lock. */
#include "lite_test.h"

#include <pthread.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"

#define ENDLESS \
    "with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n"

static int64_t now_ms(void)
{
    return tn__now_ns() / TN__NS_PER_MS;
}

static void make(lite_test *t, const char *settings)
{
    if (lite_test_source(t, t->url, settings) != TN_OK)
        fail_msg("%s", t->err.message);
    (void)lite_test_connect(t, 0);
    (void)lite_test_connect(t, 1);
    (void)lite_q(t, "create table t (a integer)");
}

static void deadline_passes(void **state)
{
    lite_test *t = *state;
    int64_t started = now_ms();

    make(t, "");
    t->deadline = driver_host_deadline(50);
    lite_fails(t, ENDLESS, "57014");
    assert_int_equal(t->err.status, TN_TIMEOUT);
    assert_true(now_ms() - started >= 50);
    t->deadline = TN_NO_DEADLINE;
    assert_string_equal(lite_q(t, "select 1"), "1\n"); /* nothing of it is left */
    assert_int_equal(tn_driver_module.conn->state(t->conn), TN_CONN_IDLE);
}

static void cancelled(void **state)
{
    lite_test *t = *state;
    tn_outcome outcome = TN_OUTCOME_NONE;

    make(t, "");
    t->hosts[0].interrupted = true;
    lite_fails(t, ENDLESS, "57014");
    assert_int_equal(t->err.status, TN_CANCELLED);
    lite_fails(t, "select pg_sleep(60)", "57014");
    assert_int_equal(t->err.status, TN_CANCELLED);
    t->hosts[0].interrupted = false;
    assert_string_equal(lite_q(t, "select 1"), "1\n");
    assert_int_equal(tn_driver_module.conn->cancel(t->conn, TN_NO_DEADLINE, &outcome, &t->err),
                     TN_OK);
}

/* In the middle of an answer: the rows before it come, then the error. */
static void cancelled_while_read(void **state)
{
    lite_test *t = *state;
    tn_driver_stmt *stmt = NULL;
    tn_driver_cursor *cursor = NULL;
    tn_batch batch = {.size = sizeof batch};
    tn_status status;

    make(t, "");
    assert_int_equal(tn_driver_module.stmt->prepare(
                         t->conn,
                         tn_str_from("with recursive n(i) as (select 1 union all select i + 1 from "
                                     "n) select i from n"),
                         TN_NO_DEADLINE, &stmt, &t->err),
                     TN_OK);
    assert_int_equal(tn_driver_module.cursor->execute(stmt, NULL, 0, TN_EXECUTE_STREAM,
                                                      TN_NO_DEADLINE, &cursor, &t->err),
                     TN_OK);
    assert_int_equal(tn_driver_module.cursor->fetch(cursor, TN_NO_DEADLINE, &batch, &t->err),
                     TN_OK);
    assert_true(batch.rows > 0 && !batch.done && batch.values[0].as.i == 1);
    t->hosts[0].interrupted = true;
    do
        status = tn_driver_module.cursor->fetch(cursor, TN_NO_DEADLINE, &batch, &t->err);
    while (status == TN_OK && batch.rows > 0);
    assert_int_equal(status, TN_CANCELLED);
    tn_driver_module.cursor->close(cursor);
    tn_driver_module.stmt->close(stmt);
}

static void locked(void **state)
{
    lite_test *t = *state;
    int64_t started;

    make(t, "busy_timeout=60");
    (void)lite_q(t, "begin");
    (void)lite_q(t, "insert into t values (1)");
    started = now_ms();
    lite_fails_on(t, t->conns[1], "insert into t values (2)", "55P03");
    assert_true(now_ms() - started >= 60);
    assert_int_equal(t->err.status, TN_LOCKED);
    assert_non_null(strstr(t->err.message, "another connection"));
    assert_non_null(strstr(t->err.hint, "busy_timeout"));

    /* In a transaction it is the same, and fails it. */
    assert_int_equal(lite_try(t, t->conns[1], "begin", NULL, 0), TN_OK);
    lite_fails_on(t, t->conns[1], "insert into t values (2)", "55P03");
    lite_fails_on(t, t->conns[1], "select 1", "25P02");
    assert_int_equal(lite_try(t, t->conns[1], "rollback", NULL, 0), TN_OK);
    lite_fails_on(t, t->conns[1], "begin immediate", "55P03");
    assert_int_equal(tn_driver_module.conn->state(t->conns[1]), TN_CONN_IDLE);

    /* A deadline counts in its place. */
    t->deadline = driver_host_deadline(40);
    lite_fails_on(t, t->conns[1], "insert into t values (2)", "57014");
    assert_int_equal(t->err.status, TN_TIMEOUT);
    assert_non_null(strstr(t->err.detail, "another connection"));
    t->deadline = TN_NO_DEADLINE;
    t->hosts[1].interrupted = true;
    lite_fails_on(t, t->conns[1], "insert into t values (2)", "57014");
    assert_int_equal(t->err.status, TN_CANCELLED);
    t->hosts[1].interrupted = false;
    (void)lite_q(t, "rollback");
    assert_int_equal(lite_try(t, t->conns[1], "insert into t values (2)", NULL, 0), TN_OK);
}

/* Runs a command on the first connection a little later. */
static void *later(void *arg)
{
    lite_test *t = arg;
    lite_test own = {.deadline = TN_NO_DEADLINE};

    (void)nanosleep(&(struct timespec){.tv_nsec = 30 * TN__NS_PER_MS}, NULL);
    return (void *)(intptr_t)lite_try(&own, t->conns[0], t->tag[0] == 'r' ? "rollback" : "commit",
                                      NULL, 0);
}

static void waits_for(lite_test *t, const char *end, const char *sqlstate)
{
    pthread_t thread;
    tn_status status;
    tn_error err;
    void *result;

    (void)lite_q(t, "begin");
    (void)lite_q(t, "insert into t values (1)");
    (void)strcpy(t->tag, end);
    assert_int_equal(pthread_create(&thread, NULL, later, t), 0);
    lite_test own = {.deadline = TN_NO_DEADLINE};
    status = lite_try(&own, t->conns[1], "insert into t values (2)", NULL, 0);
    err = own.err;
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_int_equal((intptr_t)result, TN_OK);
    if (sqlstate)
        assert_string_equal(err.sqlstate, sqlstate);
    else
        assert_int_equal(status, TN_OK);
}

static void the_lock_becomes_free(void **state)
{
    lite_test *t = *state;

    make(t, "busy_timeout=10000");
    waits_for(t, "commit", NULL);
    waits_for(t, "rollback", NULL);
}

/* On a snapshot SQLite does not wait by itself. What comes of it depends on the other. */
static void the_lock_becomes_free_for_a_snapshot(void **state)
{
    lite_test *t = *state;

    make(t, "busy_timeout=10000");
    for (int i = 0; i < 2; i++) {
        assert_int_equal(lite_try(t, t->conns[1], "begin isolation level repeatable read", NULL, 0),
                         TN_OK);
        assert_int_equal(lite_try(t, t->conns[1], "select count(*) from t", NULL, 0), TN_OK);
        waits_for(t, i ? "commit" : "rollback", i ? "40001" : NULL);
        assert_int_equal(lite_try(t, t->conns[1], "rollback", NULL, 0), TN_OK);
    }
}

static int meanwhile_calls;

static void commit_meanwhile(lite_test *t)
{
    lite_test own = {.deadline = TN_NO_DEADLINE};

    if (++meanwhile_calls == 3)
        assert_int_equal(lite_try(&own, t->conns[0], "commit", NULL, 0), TN_OK);
}

/* A program with fibers has one thread: who holds the lock must get on while another waits. */
static void the_thread_is_free_meanwhile(void **state)
{
    lite_test *t = *state;

    make(t, "busy_timeout=10000");
    (void)lite_q(t, "begin");
    (void)lite_q(t, "insert into t values (1)");
    meanwhile_calls = 0;
    lite_test_meanwhile = commit_meanwhile;
    tn_status status = lite_try(t, t->conns[1], "insert into t values (2)", NULL, 0);
    lite_test_meanwhile = NULL;
    assert_int_equal(status, TN_OK);
    assert_int_equal(meanwhile_calls, 3);
    assert_int_equal(t->hosts[0].waits, 0);
    assert_int_equal(t->hosts[1].waits, 3);
    assert_string_equal(lite_q(t, "select count(*) from t"), "2\n");
}

static void count_meanwhile(lite_test *t)
{
    (void)t;
    meanwhile_calls++;
}

static void sleeping_is_waiting(void **state)
{
    lite_test *t = *state;
    int64_t started;

    make(t, "");
    meanwhile_calls = 0;
    lite_test_meanwhile = count_meanwhile;
    started = now_ms();
    (void)lite_q(t, "select pg_sleep(0.02)");
    lite_test_meanwhile = NULL;
    assert_true(now_ms() - started >= 19);
    assert_true(meanwhile_calls >= 1);
}

static void cancel_meanwhile(lite_test *t)
{
    t->hosts[1].interrupted = true;
}

static void cancelled_in_the_wait(void **state)
{
    lite_test *t = *state;

    make(t, "busy_timeout=10000");
    (void)lite_q(t, "begin");
    (void)lite_q(t, "insert into t values (1)");
    lite_test_meanwhile = cancel_meanwhile;
    lite_fails_on(t, t->conns[1], "insert into t values (2)", "57014");
    lite_test_meanwhile = NULL;
    assert_int_equal(t->err.status, TN_CANCELLED);
    t->hosts[1].interrupted = false;
    (void)lite_q(t, "commit");
    assert_int_equal(lite_try(t, t->conns[1], "insert into t values (2)", NULL, 0), TN_OK);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, lite_test_begin, lite_test_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(deadline_passes),
        TEST(cancelled),
        TEST(cancelled_while_read),
        TEST(locked),
        TEST(the_lock_becomes_free),
        TEST(the_lock_becomes_free_for_a_snapshot),
        TEST(the_thread_is_free_meanwhile),
        TEST(sleeping_is_waiting),
        TEST(cancelled_in_the_wait),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
