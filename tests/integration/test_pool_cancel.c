/* SPDX-License-Identifier: MIT */
/*
 * tn_cancel() by other threads, as close to the end of a statement as can be: it ends what ran when
 * it was called, or nothing, and never what comes next on that connection.
 */
#include <semaphore.h>
#include <stdatomic.h>
#include <time.h>

#include "pool_client.h"

enum {
    ROUNDS = POOL_INSTRUMENTED ? 1000 : 2500,
    DEADLINE_ROUNDS = ROUNDS / 5,
    CROWD = 100,
    CROWD_STATEMENTS = 200,
    SPREAD_US = 2000
};

static test_server server;
static PGconn *admin;

static int64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000;
}

/* ---- around the end of a short statement ---------------------------------------------------- */

typedef struct duel {
    pthread_t thread;
    tn_db *target;
    int64_t at_us;
    sem_t start, done;
    bool over;
} duel;

static void sleep_until(int64_t at_us)
{
    struct timespec at = {.tv_sec = at_us / 1000000, .tv_nsec = at_us % 1000000 * 1000};

    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) != 0)
        continue;
}

static void await(sem_t *sem)
{
    while (sem_wait(sem) != 0)
        continue;
}

static void *cancel_in_turn(void *arg)
{
    duel *d = arg;

    for (;;) {
        await(&d->start);
        if (d->over)
            return NULL;
        sleep_until(d->at_us);
        tn_cancel(d->target);
        sem_post(&d->done);
    }
}

typedef struct tally {
    unsigned done, cancelled, neighbours;
} tally;

/* One statement that a cancel is aimed at, then, when tn_cancel() has returned, the next. */
static void round_of(duel *d, tn_db *db, uint32_t offset_us, tally *t)
{
    tn_error err = TN_ERROR_INIT;
    int32_t value = 0;
    tn_db *session;

    expect_ok(tn_acquire(db, &session, &err));
    d->target = session;
    d->at_us = now_us() + offset_us;
    sem_post(&d->start);
    tn_status status = tn_exec(session, "select pg_sleep(0.001)", NULL, NULL, &err);
    await(&d->done);
    tn_release(session);
    t->done += status == TN_OK;
    t->cancelled += status == TN_CANCELLED;
    if (status != TN_OK && status != TN_CANCELLED)
        expect_status(status, TN_CANCELLED);
    status = tn_get(db, "select 42 from pg_sleep(0.0005)", NULL, tn_into(&value), &err);
    if (status != TN_OK || value != 42)
        t->neighbours++;
}

static void neighbours_are_never_hit(void **state)
{
    tn_error err = TN_ERROR_INIT;
    duel d = {.at_us = 0};
    tally t = {.done = 0};
    uint32_t random = 12345;

    (void)state;
    tn_db *db = pool_open(server.port, "max_connections=1 min_connections=1 cancel_timeout=10000");
    int32_t backend = pool_backend(db);
    sem_init(&d.start, 0, 0);
    sem_init(&d.done, 0, 0);
    assert_int_equal(pthread_create(&d.thread, NULL, cancel_in_turn, &d), 0);
    for (int i = 0; i < ROUNDS; i++) {
        random = random * 1103515245u + 12345u;
        round_of(&d, db, (random >> 8) % SPREAD_US, &t);
    }
    d.over = true;
    sem_post(&d.start);
    pthread_join(d.thread, NULL);
    sem_destroy(&d.start);
    sem_destroy(&d.done);
    print_message("%d cancels: %u statements ended by them, %u done before; neighbours hit: %u\n",
                  ROUNDS, t.cancelled, t.done, t.neighbours);
    assert_int_equal(t.neighbours, 0);
    assert_true(t.cancelled > ROUNDS / 100);
    assert_true(t.done > ROUNDS / 100);
    /* Cancelling costs no connection. */
    if (!POOL_INSTRUMENTED)
        assert_int_equal(pool_backend(db), backend);
    pool_expect_whole(db, 1);
    expect_ok(tn_db_close(db, &err));
    pool_expect_no_sessions(admin);
}

/* The same by a deadline that passes just then. */
static void deadlines_hit_no_neighbour(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_call call = TN_CALL_INIT;
    tally t = {.done = 0};

    (void)state;
    tn_db *db = pool_open(server.port, "max_connections=1 min_connections=1 cancel_timeout=10000");
    call.timeout_ms = 2;
    for (int i = 0; i < DEADLINE_ROUNDS; i++) {
        int32_t value = 0;
        tn_status status = tn_exec_with(db, &call,
                                        i % 2 ? "select pg_sleep(0.001)" : "select pg_sleep(0.002)",
                                        NULL, NULL, &err);
        t.done += status == TN_OK;
        t.cancelled += status == TN_TIMEOUT;
        if (status != TN_OK && status != TN_TIMEOUT)
            expect_status(status, TN_TIMEOUT);
        status = tn_get(db, "select 42 from pg_sleep(0.0005)", NULL, tn_into(&value), &err);
        t.neighbours += status != TN_OK || value != 42;
    }
    print_message("%d deadlines: %u passed, %u statements done before; neighbours hit: %u\n",
                  DEADLINE_ROUNDS, t.cancelled, t.done, t.neighbours);
    assert_int_equal(t.neighbours, 0);
    assert_true(t.cancelled > 0);
    expect_ok(tn_db_close(db, &err));
    pool_expect_no_sessions(admin);
}

/* ---- a crowd -------------------------------------------------------------------------------- */

typedef struct crowd {
    tn_db *target;
    pthread_barrier_t start;
    atomic_bool over;
} crowd;

static void *cancel_with_others(void *arg)
{
    crowd *c = arg;

    pthread_barrier_wait(&c->start);
    do {
        tn_cancel(c->target);
        pool_pause_ms(1);
    } while (!atomic_load(&c->over));
    return NULL;
}

/* Each cancels once, or until it is over. */
static void gather(crowd *c, pthread_t threads[CROWD], tn_db *target, bool once)
{
    c->target = target;
    atomic_init(&c->over, once);
    assert_int_equal(pthread_barrier_init(&c->start, NULL, CROWD + 1), 0);
    for (int i = 0; i < CROWD; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, cancel_with_others, c), 0);
}

static void disperse(crowd *c, pthread_t threads[CROWD])
{
    atomic_store(&c->over, true);
    for (int i = 0; i < CROWD; i++)
        pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&c->start);
}

struct sleeper {
    pthread_t thread;
    tn_db *db;
    tn_status status;
    tn_error err;
};

static void *sleep_long(void *arg)
{
    struct sleeper *s = arg;

    tn_error_clear(&s->err);
    s->status = tn_exec(s->db, "select pg_sleep(30)", NULL, NULL, &s->err);
    return NULL;
}

static void a_hundred_at_once_cancel_one_statement_once(void **state)
{
    tn_error err = TN_ERROR_INIT;
    crowd c;
    pthread_t threads[CROWD];
    struct sleeper s = {.status = TN_OK};
    int32_t value = 0;

    (void)state;
    tn_db *db = pool_open(server.port, "max_connections=1 min_connections=1 cancel_timeout=10000");
    expect_ok(tn_acquire(db, &s.db, &err));
    assert_int_equal(pthread_create(&s.thread, NULL, sleep_long, &s), 0);
    assert_true(test_server_wait(admin,
                                 "select count(*) from pg_stat_activity where usename = 'app'"
                                 " and state = 'active' and query like '%pg_sleep(30)%'",
                                 1));
    gather(&c, threads, s.db, true);
    pthread_barrier_wait(&c.start);
    pthread_join(s.thread, NULL);
    disperse(&c, threads);
    expect_status(s.status, TN_CANCELLED);
    assert_string_equal(s.err.sqlstate, "57014");
    for (int i = 0; i < 20; i++)
        expect_ok(tn_get(s.db, "select 42 from pg_sleep(0.001)", NULL, tn_into(&value), &err));
    tn_release(s.db);
    pool_expect_whole(db, 1);
    expect_ok(tn_db_close(db, &err));
    pool_expect_no_sessions(admin);
}

/* Each statement is done or cancelled, nothing else; when they have gone, all is well. */
static void a_hundred_who_go_on_cancelling(void **state)
{
    tn_error err = TN_ERROR_INIT;
    crowd c;
    pthread_t threads[CROWD];
    tally t = {.done = 0};
    tn_db *session;
    int32_t value = 0;

    (void)state;
    tn_db *db = pool_open(server.port, "max_connections=1 min_connections=1 cancel_timeout=10000");
    expect_ok(tn_acquire(db, &session, &err));
    gather(&c, threads, session, false);
    pthread_barrier_wait(&c.start);
    for (int i = 0; i < CROWD_STATEMENTS; i++) {
        tn_status status = tn_exec(session, "select pg_sleep(0.001)", NULL, NULL, &err);
        t.done += status == TN_OK;
        t.cancelled += status == TN_CANCELLED;
    }
    disperse(&c, threads);
    print_message("%u done, %u cancelled\n", t.done, t.cancelled);
    assert_int_equal(t.done + t.cancelled, CROWD_STATEMENTS);
    assert_true(t.cancelled > 0);
    expect_ok(tn_get(session, "select 42", NULL, tn_into(&value), &err));
    assert_int_equal(value, 42);
    tn_release(session);
    pool_expect_whole(db, 1);
    expect_ok(tn_db_close(db, &err));
    pool_expect_no_sessions(admin);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(neighbours_are_never_hit),
        cmocka_unit_test(deadlines_hit_no_neighbour),
        cmocka_unit_test(a_hundred_at_once_cancel_one_statement_once),
        cmocka_unit_test(a_hundred_who_go_on_cancelling),
    };

    return pool_run_tests(&server, &admin, tests, sizeof(tests) / sizeof(tests[0]));
}
