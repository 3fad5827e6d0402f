/* SPDX-License-Identifier: MIT */
/*
 * core/pool: the hard maximum, the order of those who wait, what goes back into the pool and what
 * does not, limits of age, closing. Nothing sleeps to be right: threads are seen in the pool's own
 * figures, time is moved by editing the connection's stamps.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "base/clock.h"
#include "pool/pool.h"
#include "support/mock_client.h"

enum { THREADS = 64, WAITERS = 64, FAILURES = 10000, AWAIT_MS = 20000 };

static mock *m;
static tn_db *client;

static int group_setup(void **state)
{
    (void)state;
    m = mock_new("mock", MOCK_CAPABILITIES);
    return 0;
}

static int setup(void **state)
{
    (void)state;
    mock_reset(m);
    client = NULL;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    if (client)
        mock_close(m, client);
    return 0;
}

static tn_pool_stats stats(void)
{
    tn_pool_stats now;

    tn_db_pool_stats(client, &now);
    return now;
}

/* Until so many callers wait. False after very long. */
static bool await_waiting(unsigned n)
{
    const struct timespec pause = {.tv_nsec = 200000};

    for (int i = 0; i < AWAIT_MS * 5; i++) {
        if (stats().waiting == n)
            return true;
        nanosleep(&pause, NULL);
    }
    return false;
}

static bool await_queued_or_timed_out(void)
{
    const struct timespec pause = {.tv_nsec = 200000};

    for (int i = 0; i < AWAIT_MS * 5; i++) {
        tn_pool_stats now = stats();
        if (now.waiting == 1 || now.timeouts == 1)
            return true;
        nanosleep(&pause, NULL);
    }
    return false;
}

static tn_db *acquire(void)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *session = NULL;

    assert_ok(tn_acquire(client, &session, &err), err);
    return session;
}

/* ---- bounds
 * ----------------------------------------------------------------------------------------- */

static atomic_uint failures;

static void *work(void *arg)
{
    unsigned seed = (unsigned)(uintptr_t)arg;

    for (int i = 0; i < 40; i++) {
        tn_status status;
        seed = seed * 1103515245 + 12345;
        if (seed >> 16 & 1) {
            tn_db *session;
            status = tn_acquire(client, &session, NULL);
            if (status == TN_OK) {
                status = tn_exec(session, "a", NULL, NULL, NULL);
                tn_release(session);
            }
        } else {
            status = tn_exec(client, "b", NULL, NULL, NULL);
        }
        if (status != TN_OK)
            atomic_fetch_add(&failures, 1);
    }
    return NULL;
}

static void the_maximum_is_never_exceeded(void **state)
{
    pthread_t threads[THREADS];

    (void)state;
    client = mock_open(m, "max_connections=5");
    atomic_store(&failures, 0);
    for (uintptr_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, (void *)i), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&failures), 0);
    assert_true(mock_peak_connections(m) <= 5);
    tn_pool_stats now = stats();
    assert_int_equal(now.in_use, 0);
    assert_int_equal(now.waiting, 0);
    assert_int_equal(now.total, now.idle);
    assert_int_equal(now.total, mock_open_connections(m));
    assert_int_equal(now.acquires, THREADS * 40 + 1); /* and the first connection's */
    assert_int_equal(mock_count(m, MOCK_EXECUTE), THREADS * 40);
}

/* The same with a driver that fails now and then: no slot is lost on the way. */
static void failures_lose_no_slot(void **state)
{
    static const mock_fault faults[] = {
        {.op = MOCK_OPEN, .nth = 2, .times = 1, .status = TN_UNAVAILABLE, .sqlstate = "08001"},
        {.op = MOCK_EXECUTE, .nth = 50, .times = 40, .status = TN_LOST, .sqlstate = "08006"},
        {.op = MOCK_RESET, .nth = 300, .times = 30, .status = TN_FAILED},
        {.op = MOCK_OPEN, .nth = 40, .times = 20, .status = TN_UNAVAILABLE, .sqlstate = "08001"},
    };
    pthread_t threads[THREADS];

    (void)state;
    client = mock_open(m, "max_connections=4");
    atomic_store(&failures, 0);
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
        mock_fail(m, faults[i]);
    for (uintptr_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, (void *)i), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&failures), 1 + 40 + 20);
    assert_true(mock_peak_connections(m) <= 4);
    tn_pool_stats now = stats();
    assert_int_equal(now.in_use, 0);
    assert_int_equal(now.total, now.idle);
    assert_int_equal(now.total, mock_open_connections(m));
    assert_int_equal(now.created - now.destroyed, now.total);
}

/* ---- the queue
 * ---------------------------------------------------------------------------------------- */

struct queue {
    pthread_mutex_t lock;
    int order[WAITERS];
    int count;
};

struct waiter {
    struct queue *queue;
    int number;
    pthread_t thread;
    tn_status status;
    tn_error err;
};

static void *wait_in_queue(void *arg)
{
    struct waiter *w = arg;
    tn_db *session;

    w->status = tn_acquire(client, &session, &w->err);
    if (w->status != TN_OK)
        return NULL;
    pthread_mutex_lock(&w->queue->lock);
    w->queue->order[w->queue->count++] = w->number;
    pthread_mutex_unlock(&w->queue->lock);
    tn_release(session);
    return NULL;
}

/* Starts one that waits, and returns when it does. */
static bool start_waiter(struct waiter *w, struct queue *queue, int number)
{
    *w = (struct waiter){.queue = queue, .number = number};
    return pthread_create(&w->thread, NULL, wait_in_queue, w) == 0 &&
           await_waiting((unsigned)number + 1);
}

static void waiters_are_served_in_order_of_arrival(void **state)
{
    struct queue queue = {.lock = PTHREAD_MUTEX_INITIALIZER};
    struct waiter waiters[WAITERS];
    bool good = true;

    (void)state;
    client = mock_open(m, "max_connections=1");
    for (int round = 0; round < 3; round++) {
        queue.count = 0;
        tn_db *session = acquire();
        for (int i = 0; i < WAITERS; i++)
            good &= start_waiter(&waiters[i], &queue, i);
        tn_release(session);
        for (int i = 0; i < WAITERS; i++)
            pthread_join(waiters[i].thread, NULL);
        assert_true(good);
        assert_int_equal(queue.count, WAITERS);
        for (int i = 0; i < WAITERS; i++)
            assert_int_equal(queue.order[i], i);
    }
    assert_int_equal(mock_count(m, MOCK_OPEN), 0);
}

static void a_broken_connections_slot_goes_to_the_next_in_line(void **state)
{
    struct queue queue = {.lock = PTHREAD_MUTEX_INITIALIZER};
    struct waiter waiters[4];
    bool good = true;

    (void)state;
    client = mock_open(m, "max_connections=1");
    tn_db *session = acquire();
    for (int i = 0; i < 4; i++)
        good &= start_waiter(&waiters[i], &queue, i);
    assert_status(tn_exec(session, "a", NULL, NULL, NULL), TN_OK);
    mock_fail(m, (mock_fault){.op = MOCK_RESET, .status = TN_LOST, .sqlstate = "08006"});
    tn_release(session);
    for (int i = 0; i < 4; i++)
        pthread_join(waiters[i].thread, NULL);
    assert_true(good);
    for (int i = 0; i < 4; i++)
        assert_int_equal(queue.order[i], i);
    assert_int_equal(mock_count(m, MOCK_OPEN), 1);
    assert_int_equal(mock_peak_connections(m), 1);
}

static void *use_client(void *arg)
{
    struct waiter *w = arg;

    w->status = tn_exec(client, "a", NULL, NULL, &w->err);
    return NULL;
}

/* Connecting fails while others wait: each gets the slot in turn, and none waits in vain. */
static void a_failed_connects_slot_goes_to_the_next_in_line(void **state)
{
    struct queue queue = {.lock = PTHREAD_MUTEX_INITIALIZER};
    struct waiter opening = {0}, waiters[2];
    bool good = true;

    (void)state;
    client = mock_open(m, "max_connections=1");
    /* The one connection goes away first. */
    mock_fail(m, (mock_fault){.op = MOCK_EXECUTE, .status = TN_LOST, .sqlstate = "08006"});
    assert_status(tn_exec(client, "a", NULL, NULL, NULL), TN_LOST);
    assert_int_equal(stats().total, 0);
    mock_fail(m, (mock_fault){
                     .op = MOCK_OPEN, .status = TN_UNAVAILABLE, .sqlstate = "08001", .wait = true});
    assert_int_equal(pthread_create(&opening.thread, NULL, use_client, &opening), 0);
    good &= mock_await(m, 1);
    for (int i = 0; i < 2; i++)
        good &= start_waiter(&waiters[i], &queue, i);
    mock_wake(m);
    pthread_join(opening.thread, NULL);
    for (int i = 0; i < 2; i++)
        pthread_join(waiters[i].thread, NULL);
    assert_true(good);
    assert_status(opening.status, TN_UNAVAILABLE);
    assert_int_equal(opening.err.phase, TN_PHASE_CONNECT);
    for (int i = 0; i < 2; i++) {
        assert_status(waiters[i].status, TN_OK);
        assert_int_equal(queue.order[i], i);
    }
    assert_int_equal(stats().total, 1);
}

static void a_timeout_has_the_figures_and_the_last_connect_error(void **state)
{
    tn_error err = TN_ERROR_INIT;
    struct waiter opening = {0};
    tn_db *ret = NULL;

    (void)state;
    client = mock_open(m, "max_connections=2 pool_timeout=25");
    tn_db *session = acquire();
    mock_fail(m, (mock_fault){.op = MOCK_OPEN,
                              .status = TN_UNAVAILABLE,
                              .sqlstate = "08001",
                              .message = "host h: refused"});
    assert_status(tn_exec(client, "a", NULL, NULL, &err), TN_UNAVAILABLE);
    mock_fail(m, (mock_fault){
                     .op = MOCK_OPEN, .status = TN_UNAVAILABLE, .sqlstate = "08001", .wait = true});
    /* The second slot is being opened: its own limit is the pool's time-out, so it is woken. */
    client->provider->pool_timeout_ms = AWAIT_MS;
    assert_int_equal(pthread_create(&opening.thread, NULL, use_client, &opening), 0);
    bool there = mock_await(m, 1);
    client->provider->pool_timeout_ms = 25;
    tn_status status = tn_acquire(client, &ret, &err);
    tn_pool_stats now = stats();
    mock_wake(m);
    pthread_join(opening.thread, NULL);
    assert_true(there);
    assert_status(status, TN_TIMEOUT);
    assert_null(ret);
    assert_string_equal(err.sqlstate, "53300");
    assert_int_equal(err.phase, TN_PHASE_ACQUIRE);
    assert_int_equal(err.outcome, TN_OUTCOME_NOT_APPLIED);
    assert_contains(err.message, "1 of 2 in use, 0 idle, 1 waiting");
    assert_contains(err.detail, "host h: refused");
    assert_contains(err.detail, "session for 0.");
    assert_contains(err.hint, "this thread holds one itself (session)");
    assert_int_equal(now.timeouts, 1);
    assert_int_equal(now.waiting, 0);
    tn_release(session);
    assert_int_equal(stats().total, 1);
}

/* Those in front who give up do not hold up those behind. */
static void one_that_gives_up_leaves_the_queue(void **state)
{
    struct queue queue = {.lock = PTHREAD_MUTEX_INITIALIZER};
    struct waiter patient, impatient = {.queue = &queue};

    (void)state;
    client = mock_open(m, "max_connections=1 pool_timeout=40");
    tn_db *session = acquire();
    assert_int_equal(pthread_create(&impatient.thread, NULL, wait_in_queue, &impatient), 0);
    bool good = await_queued_or_timed_out();
    client->provider->pool_timeout_ms = AWAIT_MS;
    patient = (struct waiter){.queue = &queue, .number = 1};
    assert_int_equal(pthread_create(&patient.thread, NULL, wait_in_queue, &patient), 0);
    pthread_join(impatient.thread, NULL);
    good &= await_waiting(1);
    tn_release(session);
    pthread_join(patient.thread, NULL);
    assert_true(good);
    assert_status(impatient.status, TN_TIMEOUT);
    assert_contains(impatient.err.hint, "DB_MAX_CONNECTIONS");
    assert_status(patient.status, TN_OK);
    assert_int_equal(stats().waiting, 0);
}

static void a_time_out_of_zero_does_not_wait(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *ret;

    (void)state;
    client = mock_open(m, "max_connections=1 pool_timeout=10");
    tn_db *session = acquire();
    client->provider->pool_timeout_ms = 0;
    assert_status(tn_acquire(client, &ret, &err), TN_TIMEOUT);
    tn_release(session);
    assert_ok(tn_acquire(client, &session, &err), err);
    tn_release(session);
}

/* ---- what goes back
 * ------------------------------------------------------------------------------------ */

static void the_last_one_used_is_used_again(void **state)
{
    (void)state;
    client = mock_open(m, "max_connections=3");
    tn_db *first = acquire(), *second = acquire();
    tn__conn *warm = second->conn;
    tn_release(first);
    tn_release(second);
    tn_db *again = acquire();
    assert_ptr_equal(again->conn, warm);
    tn_release(again);
    assert_int_equal(mock_count(m, MOCK_OPEN), 1);
}

static void a_broken_connection_is_not_used_again(void **state)
{
    (void)state;
    client = mock_open(m, "max_connections=2");
    tn_db *session = acquire();
    mock_fail(m, (mock_fault){.op = MOCK_EXECUTE, .status = TN_LOST, .sqlstate = "08006"});
    assert_status(tn_exec(session, "a", NULL, NULL, NULL), TN_LOST);
    tn_release(session);
    assert_int_equal(mock_count(m, MOCK_RESET), 0);
    assert_int_equal(mock_open_connections(m), 0);
    assert_int_equal(stats().destroyed, 1);
    assert_status(tn_exec(client, "a", NULL, NULL, NULL), TN_OK);
    assert_int_equal(stats().created, 2);
}

static void one_that_cannot_be_reset_is_closed(void **state)
{
    (void)state;
    client = mock_open(m, "max_connections=2");
    mock_fail(m, (mock_fault){.op = MOCK_RESET, .status = TN_FAILED});
    assert_status(tn_exec(client, "a", NULL, NULL, NULL), TN_OK);
    assert_int_equal(mock_open_connections(m), 0);
    assert_int_equal(stats().total, 0);
}

/* Given up for a reason that the driver does not know of: closed without being spoken to. */
static void one_that_was_given_up_is_closed(void **state)
{
    (void)state;
    client = mock_open(m, "max_connections=2");
    tn_db *session = acquire();
    session->conn->discard = true;
    tn_release(session);
    assert_string_equal(mock_trace(m), "close");
    assert_int_equal(mock_open_connections(m), 0);
}

/* COMMIT and ROLLBACK fail in every way there is, and the connection goes or stays: no slot is
 * lost. */
static void failing_ends_lose_no_slot(void **state)
{
    static const struct {
        tn_status status;
        const char *sqlstate;
        int to;
    } ends[] = {
        {TN_LOST, "08006", 0},
        {TN_OUTCOME_UNKNOWN, "08007", 0},
        {TN_SERIALIZATION, "40001", MOCK_TO(TN_CONN_IDLE)},
        {TN_CONSTRAINT, "23503", MOCK_TO(TN_CONN_IDLE)},
        {TN_LOCKED, "55P03", MOCK_TO(TN_CONN_IN_TXN)},
        {TN_TIMEOUT, "57014", MOCK_TO(TN_CONN_BUSY)},
        {TN_FAILED, "XX000", MOCK_TO(TN_CONN_FAILED)},
    };
    enum { ENDS = sizeof(ends) / sizeof(ends[0]) };
    tn_error err = TN_ERROR_INIT;
    tn_db *tx;

    (void)state;
    client = mock_open(m, "max_connections=2");
    for (int i = 0; i < FAILURES; i++) {
        if (i % 10 == 0) /* a script has room for some faults only */
            mock_forget_faults(m);
        assert_ok(tn_begin(client, NULL, &tx, &err), err);
        mock_fail(m, (mock_fault){.op = i % 2 ? MOCK_ROLLBACK : MOCK_COMMIT,
                                  .status = ends[i / 2 % ENDS].status,
                                  .sqlstate = ends[i / 2 % ENDS].sqlstate,
                                  .to = ends[i / 2 % ENDS].to});
        if (i % 2)
            (void)tn_rollback(tx, &err);
        else
            assert_status(tn_commit(tx, &err), ends[i / 2 % ENDS].status);
        tn_pool_stats now = stats();
        if (now.in_use || now.total != now.idle || now.total != mock_open_connections(m))
            fail_msg("after %d: %u in use, %u idle of %u", i, now.in_use, now.idle, now.total);
    }
    mock_forget_faults(m);
    assert_ok(tn_exec(client, "a", NULL, NULL, &err), err);
}

/* ---- time
 * ------------------------------------------------------------------------------------------------
 */

static tn__pool *pool(void)
{
    return tn__pool_of(client);
}

/* The idle one was made, or used, so much earlier. */
static void age_idle(int64_t made_s, int64_t used_s)
{
    tn__pool_lock(pool());
    pool()->lists[TN__SLOT_IDLE]->created_ns -= made_s * TN__NS_PER_S;
    pool()->lists[TN__SLOT_IDLE]->end_ns -= made_s * TN__NS_PER_S;
    pool()->lists[TN__SLOT_IDLE]->idle_since_ns -= used_s * TN__NS_PER_S;
    tn__pool_unlock(pool());
}

static void one_that_lay_idle_is_asked_first(void **state)
{
    (void)state;
    client = mock_open(m, "max_connections=2");
    tn_release(acquire());
    assert_int_equal(mock_count(m, MOCK_PING), 0);
    age_idle(0, 2);
    tn_release(acquire());
    assert_int_equal(mock_count(m, MOCK_PING), 1);
    assert_int_equal(mock_count(m, MOCK_OPEN), 0);
    tn_release(acquire());
    assert_int_equal(mock_count(m, MOCK_PING), 1);
    age_idle(0, 2);
    mock_fail(m, (mock_fault){.op = MOCK_PING, .status = TN_LOST, .sqlstate = "08006"});
    assert_status(tn_exec(client, "a", NULL, NULL, NULL), TN_OK);
    assert_int_equal(mock_count(m, MOCK_OPEN), 1);
    assert_int_equal(mock_count(m, MOCK_CLOSE), 1);
    assert_int_equal(stats().total, 1);
    assert_int_equal(stats().destroyed, 1);
}

static void one_that_is_too_old_is_replaced(void **state)
{
    (void)state;
    client = mock_open(m, "max_connections=2 max_lifetime=60000");
    age_idle(70, 0);
    assert_status(tn_exec(client, "a", NULL, NULL, NULL), TN_OK);
    assert_int_equal(mock_count(m, MOCK_OPEN), 1);
    assert_int_equal(mock_count(m, MOCK_CLOSE), 1);
    /* The jitter takes off an eighth at most. */
    age_idle(50, 0);
    assert_status(tn_exec(client, "a", NULL, NULL, NULL), TN_OK);
    assert_int_equal(mock_count(m, MOCK_OPEN), 1);
}

static void lifetime_zero_is_for_ever(void **state)
{
    (void)state;
    client = mock_open(m, "max_connections=2 max_lifetime=0 idle_timeout=0");
    age_idle(1000000, 0);
    assert_status(tn_exec(client, "a", NULL, NULL, NULL), TN_OK);
    assert_int_equal(mock_count(m, MOCK_OPEN), 0);
}

/* Fills the pool with n idle connections. */
static void fill(int n)
{
    tn_db *sessions[8];

    for (int i = 0; i < n; i++)
        sessions[i] = acquire();
    for (int i = 0; i < n; i++)
        tn_release(sessions[i]);
    assert_int_equal(stats().idle, n);
}

/* Upkeep looks at once, and until so many are left. False after very long. */
static bool await_total(uint32_t n)
{
    const struct timespec pause = {.tv_nsec = 200000};

    for (int i = 0; i < AWAIT_MS * 5; i++) {
        tn__pool_lock(pool());
        tn__upkeep_by(pool(), 0);
        tn__pool_unlock(pool());
        if (stats().total == n)
            return true;
        nanosleep(&pause, NULL);
    }
    return false;
}

static void make_all_idle_since(int64_t seconds)
{
    tn__pool_lock(pool());
    for (tn__conn *conn = pool()->lists[TN__SLOT_IDLE]; conn; conn = conn->next)
        conn->idle_since_ns -= seconds * TN__NS_PER_S;
    tn__pool_unlock(pool());
}

static void idle_ones_are_closed_down_to_the_minimum(void **state)
{
    (void)state;
    client = mock_open(m, "max_connections=6 min_connections=2 idle_timeout=60000");
    fill(6);
    make_all_idle_since(30);
    tn_release(acquire());
    assert_int_equal(stats().total, 6);
    make_all_idle_since(70);
    assert_true(await_total(2));
    assert_int_equal(stats().idle, 2);
    assert_int_equal(mock_open_connections(m), 2);
}

/* ---- closing
 * --------------------------------------------------------------------------------------------- */

static void closing_with_things_in_use_frees_with_the_last(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *tx;

    (void)state;
    client = mock_open(m, "max_connections=4");
    tn_db *session = acquire();
    assert_ok(tn_begin(client, NULL, &tx, &err), err);
    tn_rows *rows = tn_query(client, "a", NULL);
    tn_release(acquire());
    tn_db *closed = client;
    client = NULL;
    assert_status(tn_db_close(closed, &err), TN_MISUSE);
    assert_contains(err.message, "3 connections");
    assert_int_equal(mock_open_connections(m), 3);
    assert_ok(tn_exec(session, "a", NULL, NULL, &err), err);
    assert_ok(tn_exec(tx, "a", NULL, NULL, &err), err);
    assert_ok(tn_commit(tx, &err), err);
    assert_ok(tn_close(rows, &err), err);
    assert_int_equal(mock_count(m, MOCK_CLOSE_SOURCE), 0);
    tn_release(session);
    assert_int_equal(mock_count(m, MOCK_CLOSE_SOURCE), 1);
    mock_check(m);
}

static void closing_wakes_those_who_wait(void **state)
{
    struct queue queue = {.lock = PTHREAD_MUTEX_INITIALIZER};
    struct waiter waiters[3];
    tn_error err = TN_ERROR_INIT;
    bool good = true;

    (void)state;
    client = mock_open(m, "max_connections=1");
    tn_db *session = acquire();
    for (int i = 0; i < 3; i++)
        good &= start_waiter(&waiters[i], &queue, i);
    tn_db *closed = client;
    assert_status(tn_db_close(closed, &err), TN_MISUSE);
    for (int i = 0; i < 3; i++)
        pthread_join(waiters[i].thread, NULL);
    client = NULL;
    assert_true(good);
    for (int i = 0; i < 3; i++) {
        assert_status(waiters[i].status, TN_SHUTDOWN);
        assert_contains(waiters[i].err.message, "closed");
    }
    tn_release(session);
    mock_check(m);
}

static void closing_nothing_is_fine(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_pool_stats none = {.max = 5};

    (void)state;
    assert_ok(tn_db_close(NULL, &err), err);
    tn_db_pool_stats(NULL, &none);
    assert_int_equal(none.max, 0);
    assert_string_equal(tn_db_driver(NULL), "");
    assert_string_equal(tn_db_url(NULL), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(the_maximum_is_never_exceeded),
        TEST(failures_lose_no_slot),
        TEST(waiters_are_served_in_order_of_arrival),
        TEST(a_broken_connections_slot_goes_to_the_next_in_line),
        TEST(a_failed_connects_slot_goes_to_the_next_in_line),
        TEST(a_timeout_has_the_figures_and_the_last_connect_error),
        TEST(one_that_gives_up_leaves_the_queue),
        TEST(a_time_out_of_zero_does_not_wait),
        TEST(the_last_one_used_is_used_again),
        TEST(a_broken_connection_is_not_used_again),
        TEST(one_that_cannot_be_reset_is_closed),
        TEST(one_that_was_given_up_is_closed),
        TEST(failing_ends_lose_no_slot),
        TEST(one_that_lay_idle_is_asked_first),
        TEST(one_that_is_too_old_is_replaced),
        TEST(lifetime_zero_is_for_ever),
        TEST(idle_ones_are_closed_down_to_the_minimum),
        TEST(closing_with_things_in_use_frees_with_the_last),
        TEST(closing_wakes_those_who_wait),
        TEST(closing_nothing_is_fine),
    };

    return cmocka_run_group_tests(tests, group_setup, NULL);
}
