/* SPDX-License-Identifier: MIT */
/* tn_db_shutdown() and tn_client_shutdown(): their phases, their report, and what comes after. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <tenon/site.h>

#include "pool_kit.h"

enum { WAITERS = 4 };

static mock *m;

static int group_setup(void **state)
{
    (void)state;
    m = mock_new("mockr", MOCK_CAPABILITIES | TN_CAP_REMOTE);
    tn_log_set_level(TN_LOG_OFF);
    return 0;
}

static int setup(void **state)
{
    (void)state;
    mock_reset(m);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    mock_check(m);
    return 0;
}

/* One call on a thread of its own. */
struct task {
    pthread_t thread;
    tn_db *on;
    int64_t timeout_ms;
    tn_status status;
    tn_error err;
    int64_t took_ms;
};

static void start(struct task *t, void *(*run)(void *))
{
    assert_int_equal(pthread_create(&t->thread, NULL, run, t), 0);
}

static void *shut_down(void *arg)
{
    struct task *t = arg;
    int64_t begun = tn__now_ns();

    t->status = tn_db_shutdown(t->on, t->timeout_ms, &t->err);
    t->took_ms = (tn__now_ns() - begun) / TN__NS_PER_MS;
    return NULL;
}

static void *execute(void *arg)
{
    struct task *t = arg;

    t->status = tn_exec(t->on, "a", NULL, NULL, &t->err);
    return NULL;
}

static void *commit(void *arg)
{
    struct task *t = arg;

    t->status = tn_commit(t->on, &t->err);
    return NULL;
}

static bool closing(tn_db *client)
{
    tn__pool *pool = tn__pool_of(client);

    tn__pool_lock(pool);
    bool closing = pool->closing;
    tn__pool_unlock(pool);
    return closing;
}

/* ---- phases ---------------------------------------------------------------------------------- */

static void nothing_in_use_is_closed_at_once(void **state)
{
    tn_error err = TN_ERROR_INIT;

    (void)state;
    tn_db *client = mock_open(m, "max_connections=4");
    assert_ok(tn_db_shutdown(client, 60000, &err), err);
    assert_ok(tn_db_shutdown(NULL, 0, &err), err);
}

/* Phase 1: who waits is told at once; what has a connection goes on. */
static void who_waits_is_told_at_once(void **state)
{
    struct task waiting[WAITERS] = {{0}}, end = {.timeout_ms = 60000};
    tn_error err = TN_ERROR_INIT;
    tn_db *tx;

    (void)state;
    tn_db *client = mock_open(m, "max_connections=1 pool_timeout=60000");
    assert_ok(tn_begin(client, NULL, &tx, &err), err);
    for (int i = 0; i < WAITERS; i++) {
        waiting[i].on = client;
        start(&waiting[i], execute);
    }
    await_that(kit_stats(client).waiting == WAITERS);
    end.on = client;
    start(&end, shut_down);
    for (int i = 0; i < WAITERS; i++) {
        pthread_join(waiting[i].thread, NULL);
        assert_status(waiting[i].status, TN_SHUTDOWN);
        assert_contains(waiting[i].err.message, "being closed");
    }
    /* A transaction that has begun is worked on, and committed. */
    assert_ok(tn_exec(tx, "a", NULL, NULL, &err), err);
    assert_ok(tn_commit(tx, &err), err);
    pthread_join(end.thread, NULL);
    assert_ok(end.status, end.err);
    assert_true(end.took_ms < 60000);
    assert_int_equal(mock_count(m, MOCK_COMMIT), 1);
}

/* Phase 2: a statement that runs too long is ended, and told why; its transaction is rolled back.
 */
static void what_runs_too_long_is_ended(void **state)
{
    struct task running = {0}, end = {.timeout_ms = 500};
    tn_error err = TN_ERROR_INIT;
    tn_db *tx;

    (void)state;
    tn_db *client = mock_open(m, "max_connections=2");
    assert_ok(tn_begin(client, NULL, &tx, &err), err);
    mock_fail(m, (mock_fault){.op = MOCK_EXECUTE, .wait = true});
    running.on = tx;
    start(&running, execute);
    assert_true(mock_await(m, 1));
    end.on = client;
    start(&end, shut_down);
    pthread_join(running.thread, NULL);
    assert_status(running.status, TN_SHUTDOWN);
    assert_string_equal(running.err.sqlstate, "57014");
    assert_status(tn_exec(tx, "b", NULL, NULL, &err), TN_SHUTDOWN);
    assert_ok(tn_rollback(tx, &err), err);
    pthread_join(end.thread, NULL);
    assert_int_equal(mock_count(m, MOCK_EXECUTE), 1);
    assert_int_equal(mock_count(m, MOCK_COMMIT), 0);
    /* It is noisy here: either it was given back in time, or the report came first. */
    assert_true(end.status == TN_OK || end.status == TN_TIMEOUT);
    assert_true(end.took_ms >= 400);
}

/* A COMMIT that was sent is waited for. */
static void a_commit_under_way_is_waited_for(void **state)
{
    struct task committing = {0}, end = {.timeout_ms = 300};
    tn_error err = TN_ERROR_INIT;
    tn_db *tx;

    (void)state;
    kit_log_begin(TN_LOG_WARN);
    tn_db *client = mock_open(m, "max_connections=2");
    assert_ok(tn_begin(client, NULL, &tx, &err), err);
    mock_fail(m, (mock_fault){.op = MOCK_COMMIT, .wait = true});
    committing.on = tx;
    start(&committing, commit);
    assert_true(mock_await(m, 1));
    end.on = client;
    start(&end, shut_down);
    await_that(kit_log_count("their statements are ended") == 1);
    mock_wake(m);
    pthread_join(committing.thread, NULL);
    assert_ok(committing.status, committing.err);
    pthread_join(end.thread, NULL);
    kit_log_end();
}

/* Phase 3: the report, and late returns. */
static void who_does_not_give_back_is_reported(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *session, *tx;

    (void)state;
    tn_db *client = mock_open(m, "max_connections=3");
    assert_ok(tn_acquire(client, &session, &err), err);
    assert_ok(tn_begin(client, NULL, &tx, &err), err);
    assert_status(tn_db_shutdown(client, 30, &err), TN_TIMEOUT);
    assert_contains(err.message, "2 connections were not given back within 30 ms");
    assert_contains(err.detail, "session for 0.");
    assert_contains(err.detail, "transaction for 0.");
    assert_contains(err.detail, "test_shutdown.c:");
    assert_int_equal(mock_count(m, MOCK_CLOSE_SOURCE), 0);
    assert_status(tn_exec(session, "a", NULL, NULL, &err), TN_SHUTDOWN);
    assert_ok(tn_commit(tx, &err), err); /* no statement of it was lost */
    tn_release(session);
    assert_int_equal(mock_open_connections(m), 0);
    assert_int_equal(mock_count(m, MOCK_CLOSE_SOURCE), 1);
}

static void a_stuck_connect_does_not_hold_it_up(void **state)
{
    const tn_call call = {.timeout_ms = 10};
    tn_error err = TN_ERROR_INIT;

    (void)state;
    tn_db *client = mock_open(m, "max_connections=2");
    tn_db *session = kit_acquire(client);
    mock_fail(m, (mock_fault){.op = MOCK_OPEN, .deaf = true});
    assert_status(tn_exec_with(client, &call, "a", NULL, NULL, &err), TN_TIMEOUT);
    assert_true(mock_await(m, 1));
    tn_release(session);
    int64_t begun = tn__now_ns();
    assert_ok(tn_db_shutdown(client, 50, &err), err);
    assert_true(tn__now_ns() - begun < 20 * TN__NS_PER_S);
    mock_wake(m);
    await_that(mock_all_closed(m));
}

/* ---- at the same time ------------------------------------------------------------------------ */

static void two_threads_may_shut_down(void **state)
{
    struct task ends[4] = {{0}};

    (void)state;
    for (int round = 0; round < 20; round++) {
        tn_db *client = mock_open(m, "max_connections=2");
        tn_db *session = kit_acquire(client);
        for (int i = 0; i < 4; i++) {
            ends[i].on = client;
            ends[i].timeout_ms = 60000;
            start(&ends[i], shut_down);
        }
        await_that(closing(client));
        tn_release(session);
        for (int i = 0; i < 4; i++) {
            pthread_join(ends[i].thread, NULL);
            assert_ok(ends[i].status, ends[i].err);
        }
        mock_check(m);
    }
}

static void *work(void *arg)
{
    struct task *t = arg;

    do
        t->status = tn_exec(t->on, "a", NULL, NULL, &t->err);
    while (t->status == TN_OK);
    return NULL;
}

/* Calls that are under way find a handle that answers, whenever it ends. */
static void calls_under_way_find_a_handle_that_answers(void **state)
{
    struct task workers[6] = {{0}};
    tn_error err = TN_ERROR_INIT;

    (void)state;
    for (int round = 0; round < 20; round++) {
        tn_db *client = mock_open(m, "max_connections=3 pool_timeout=60000");
        for (int i = 0; i < 6; i++) {
            workers[i].on = client;
            start(&workers[i], work);
        }
        await_that(mock_count(m, MOCK_EXECUTE) > 20);
        assert_ok(tn_db_shutdown(client, 60000, &err), err);
        for (int i = 0; i < 6; i++) {
            pthread_join(workers[i].thread, NULL);
            assert_status(workers[i].status, TN_SHUTDOWN);
        }
        mock_check(m);
    }
}

/* ---- suspended ------------------------------------------------------------------------------- */

static bool is_suspended(tn_db *client)
{
    tn__pool *pool = tn__pool_of(client);

    tn__pool_lock(pool);
    bool suspended = pool->suspended;
    tn__pool_unlock(pool);
    return suspended;
}

static void *suspend(void *arg)
{
    struct task *t = arg;

    t->status = tn_suspend(t->on, t->timeout_ms, &t->err);
    return NULL;
}

static void a_suspended_client_is_closed_as_any_other(void **state)
{
    struct task waiting = {0}, suspending = {.timeout_ms = 60000};
    tn_error err = TN_ERROR_INIT;

    (void)state;
    tn_db *client = mock_open(m, "max_connections=2 pool_timeout=60000");
    tn_db *session = kit_acquire(client);
    suspending.on = waiting.on = client;
    start(&suspending, suspend);
    await_that(is_suspended(client));
    start(&waiting, execute);
    await_that(kit_stats(client).waiting == 1);
    assert_status(tn_db_shutdown(client, 20, &err), TN_TIMEOUT);
    pthread_join(waiting.thread, NULL);
    pthread_join(suspending.thread, NULL);
    assert_status(waiting.status, TN_SHUTDOWN);
    assert_status(suspending.status, TN_SHUTDOWN);
    tn_release(session);
}

/* ---- the shared client ----------------------------------------------------------------------- */

static void *shut_shared_down(void *arg)
{
    struct task *t = arg;

    t->status = tn_client_shutdown(t->timeout_ms, &t->err);
    return NULL;
}

/* A second caller does not go home while the first is at it. */
static void both_wait_for_the_shared_client(void **state)
{
    struct task ends[2] = {{.timeout_ms = 60000}, {.timeout_ms = 30}};
    tn_error err = TN_ERROR_INIT;
    tn_db *session;

    (void)state;
    setenv("DATABASE_URL", "mockr://shared/db", 1);
    tn_db *client = tn_client(&err);
    assert_non_null(client);
    assert_ok(tn_acquire(client, &session, &err), err);
    start(&ends[0], shut_shared_down);
    await_that(closing(client));
    start(&ends[1], shut_shared_down);
    pthread_join(ends[1].thread, NULL);
    assert_status(ends[1].status, TN_TIMEOUT);
    tn_release(session);
    pthread_join(ends[0].thread, NULL);
    assert_ok(ends[0].status, ends[0].err);
    assert_status(tn_exec(client, "a", NULL, NULL, &err), TN_SHUTDOWN);
    assert_int_equal(tn_health_check(client, 100).error.status, TN_SHUTDOWN);
    assert_status(tn_reload(client, NULL, &err), TN_SHUTDOWN);
    assert_string_equal(tn_db_url(client), "");
    assert_int_equal(tn_db_holders(client, NULL, 0), 0);
    assert_ok(tn_client_shutdown(0, &err), err);
    unsetenv("DATABASE_URL");
}

static void *first_use(void *arg)
{
    struct task *t = arg;

    t->on = tn_client(&t->err);
    return NULL;
}

/* A shutdown while the first user is still opening does not wait for a database that is away. */
static void opening_does_not_hold_up_a_shutdown(void **state)
{
    struct task opening = {0};
    tn_error err = TN_ERROR_INIT;

    (void)state;
    setenv("DATABASE_URL", "mockr://shared/db", 1);
    mock_fail(m, (mock_fault){.op = MOCK_OPEN, .wait = true});
    start(&opening, first_use);
    assert_true(mock_await(m, 1));
    assert_ok(tn_client_shutdown(60000, &err), err);
    mock_wake(m);
    pthread_join(opening.thread, NULL);
    assert_null(opening.on);
    assert_int_equal(opening.err.status, TN_SHUTDOWN);
    mock_check(m);
    /* The next use is another one. */
    assert_non_null(tn_client(&err));
    assert_ok(tn_client_shutdown(60000, &err), err);
    unsetenv("DATABASE_URL");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(nothing_in_use_is_closed_at_once),
        TEST(who_waits_is_told_at_once),
        TEST(what_runs_too_long_is_ended),
        TEST(a_commit_under_way_is_waited_for),
        TEST(who_does_not_give_back_is_reported),
        TEST(a_stuck_connect_does_not_hold_it_up),
        TEST(two_threads_may_shut_down),
        TEST(calls_under_way_find_a_handle_that_answers),
        TEST(a_suspended_client_is_closed_as_any_other),
        TEST(both_wait_for_the_shared_client),
        TEST(opening_does_not_hold_up_a_shutdown),
    };

    return cmocka_run_group_tests(tests, group_setup, NULL);
}
