/* SPDX-License-Identifier: MIT */
/*
 * Sixty-four threads on four connections of a real server: they are served in the order in which
 * they came, none starves, and nobody waits longer than his deadline. And one who waits for himself
 * is told so.
 */
#include <stdatomic.h>

#include "pool_client.h"

enum {
    THREADS = 64,
    CONNECTIONS = 4,
    LIMIT_MS = 200,
    LATE_MS = POOL_INSTRUMENTED ? 2000 : 50,
    NOISE_MS = POOL_INSTRUMENTED ? 2000 : 250,
    CROWD_MS = 4000,
    ROUNDS = 4
};

static test_server server;
static PGconn *admin;

/* ---- tickets -------------------------------------------------------------------------------- */

typedef struct customer {
    pthread_t thread;
    tn_db *db;
    unsigned ticket, served;
    atomic_uint *next;
    tn_status status;
    tn_error err;
} customer;

static void *take_turn(void *arg)
{
    customer *c = arg;
    tn_db *session;

    tn_error_clear(&c->err);
    c->status = tn_acquire(c->db, &session, &c->err);
    if (c->status != TN_OK)
        return NULL;
    c->served = atomic_fetch_add(c->next, 1);
    c->status = tn_exec(session, "select 1", NULL, NULL, &c->err);
    tn_release(session);
    return NULL;
}

/* The main thread holds all; one is given back and passes through all hands. */
static void served_in_the_order_of_tickets(void **state)
{
    tn_error err = TN_ERROR_INIT;
    static customer customers[THREADS];
    tn_db *held[CONNECTIONS];
    atomic_uint next;
    unsigned waiting = 0;

    (void)state;
    tn_db *db = pool_open(server.port, "max_connections=4 min_connections=4 pool_timeout=60000");
    for (int i = 0; i < CONNECTIONS; i++)
        expect_ok(tn_acquire(db, &held[i], &err));
    atomic_init(&next, 0);
    for (unsigned i = 0; i < THREADS; i++) {
        customers[i] = (customer){.db = db, .ticket = i, .next = &next};
        if (pthread_create(&customers[i].thread, NULL, take_turn, &customers[i]) != 0)
            break;
        waiting += pool_await_waiting(db, i + 1);
    }
    tn_release(held[0]);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(customers[i].thread, NULL);
    assert_int_equal(waiting, THREADS);
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(customers[i].status, TN_OK);
        assert_int_equal(customers[i].served, i);
    }
    for (int i = 1; i < CONNECTIONS; i++)
        tn_release(held[i]);
    pool_expect_whole(db, CONNECTIONS);
    expect_ok(tn_db_close(db, &err));
    pool_expect_no_sessions(admin);
}

/* ---- a crowd -------------------------------------------------------------------------------- */

typedef struct shopper {
    pthread_t thread;
    tn_db *db;
    int64_t end_ms, longest_ms;
    unsigned served, failed;
} shopper;

static void *shop(void *arg)
{
    shopper *s = arg;

    while (pool_now_ms() < s->end_ms) {
        tn_db *session;
        int64_t start = pool_now_ms();
        if (tn_acquire(s->db, &session, NULL) != TN_OK) {
            s->failed++;
            continue;
        }
        int64_t waited = pool_now_ms() - start;
        s->longest_ms = waited > s->longest_ms ? waited : s->longest_ms;
        s->failed += tn_exec(session, "select pg_sleep(0.002)", NULL, NULL, NULL) != TN_OK;
        tn_release(session);
        s->served++;
    }
    return NULL;
}

static void none_starves(void **state)
{
    tn_error err = TN_ERROR_INIT;
    static shopper shoppers[THREADS];
    unsigned served = 0, least = UINT32_MAX;
    int64_t longest = 0;

    (void)state;
    tn_db *db = pool_open(server.port, "max_connections=4 min_connections=4");
    for (int i = 0; i < THREADS; i++) {
        shoppers[i] = (shopper){.db = db, .end_ms = pool_now_ms() + CROWD_MS};
        assert_int_equal(pthread_create(&shoppers[i].thread, NULL, shop, &shoppers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(shoppers[i].thread, NULL);
        assert_int_equal(shoppers[i].failed, 0);
        served += shoppers[i].served;
        least = shoppers[i].served < least ? shoppers[i].served : least;
        longest = shoppers[i].longest_ms > longest ? shoppers[i].longest_ms : longest;
    }
    /* In a queue each waits for about as many services as there are threads per connection. */
    double mean_ms = (double)CROWD_MS * CONNECTIONS / served;
    double fair_ms = mean_ms * THREADS / CONNECTIONS;
    print_message("%u served, the least of a thread %u, longest wait %d ms (fair: %.0f ms)\n",
                  served, least, (int)longest, fair_ms);
    assert_true(least * 2 >= served / THREADS);
    assert_true((double)longest <= 3 * fair_ms + NOISE_MS);
    pool_expect_whole(db, CONNECTIONS);
    expect_ok(tn_db_close(db, &err));
    pool_expect_no_sessions(admin);
}

/* ---- deadlines ------------------------------------------------------------------------------ */

typedef struct patience {
    pthread_t thread;
    tn_db *db;
    int64_t shortest_ms, longest_ms;
    unsigned wrong;
} patience;

static void *wait_in_vain(void *arg)
{
    patience *p = arg;

    p->shortest_ms = INT64_MAX;
    for (int i = 0; i < ROUNDS; i++) {
        tn_error err = TN_ERROR_INIT;
        tn_db *session = NULL;
        int64_t start = pool_now_ms();
        tn_status status = tn_acquire(p->db, &session, &err);
        int64_t waited = pool_now_ms() - start;
        p->wrong += status != TN_TIMEOUT || strcmp(err.sqlstate, "53300") != 0;
        p->longest_ms = waited > p->longest_ms ? waited : p->longest_ms;
        p->shortest_ms = waited < p->shortest_ms ? waited : p->shortest_ms;
        tn_release(session);
    }
    return NULL;
}

static void nobody_waits_past_his_deadline(void **state)
{
    tn_error err = TN_ERROR_INIT;
    static patience waiters[THREADS];
    tn_db *held[CONNECTIONS];
    int64_t longest = 0;

    (void)state;
    tn_db *db = pool_open(server.port, "max_connections=4 min_connections=4 pool_timeout=200");
    assert_true(pool_await_idle(db, CONNECTIONS));
    for (int i = 0; i < CONNECTIONS; i++)
        expect_ok(tn_acquire(db, &held[i], &err));
    for (int i = 0; i < THREADS; i++) {
        waiters[i] = (patience){.db = db};
        assert_int_equal(pthread_create(&waiters[i].thread, NULL, wait_in_vain, &waiters[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(waiters[i].thread, NULL);
        assert_int_equal(waiters[i].wrong, 0);
        assert_true(waiters[i].shortest_ms >= LIMIT_MS - 1);
        longest = waiters[i].longest_ms > longest ? waiters[i].longest_ms : longest;
    }
    print_message("%d acquires of %d ms, the longest took %d ms\n", THREADS * ROUNDS, LIMIT_MS,
                  (int)longest);
    assert_true(longest <= LIMIT_MS + LATE_MS);
    assert_int_equal(pool_stats(db).timeouts, THREADS * ROUNDS);
    for (int i = 0; i < CONNECTIONS; i++)
        tn_release(held[i]);
    pool_expect_whole(db, CONNECTIONS);
    expect_ok(tn_db_close(db, &err));
    pool_expect_no_sessions(admin);
}

/* ---- waiting for oneself -------------------------------------------------------------------- */

static tn_status ask_the_client(tn_db *tx, void *arg, tn_error *err)
{
    int32_t one;

    (void)tx;
    /* the mistake: the client instead of the transaction */
    return tn_get(arg, "select 1", NULL, tn_into(&one), err);
}

static void one_who_waits_for_himself_is_told(void **state)
{
    tn_error err = TN_ERROR_INIT;
    char line[64], all[2048];

    (void)state;
    tn_db *db = pool_open(server.port, "max_connections=1 min_connections=1 pool_timeout=100");
    snprintf(line, sizeof(line), "test_pool_order.c:%d", __LINE__ + 1);
    expect_error(tn_transaction(db, NULL, ask_the_client, db, &err), TN_TIMEOUT, "53300");
    tn_error_format(&err, all, sizeof(all));
    /* Its own thread holds what it waits for, since when, and from where. */
    if (!strstr(all, "transaction for") || !strstr(all, "by thread"))
        fail_msg("the holder is not named: %s", all);
#ifndef NDEBUG
    if (!strstr(all, line))
        fail_msg("%s is not named: %s", line, all);
#endif
    pool_expect_whole(db, 1);
    expect_ok(tn_db_close(db, &err));
    pool_expect_no_sessions(admin);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(served_in_the_order_of_tickets),
        cmocka_unit_test(none_starves),
        cmocka_unit_test(nobody_waits_past_his_deadline),
        cmocka_unit_test(one_who_waits_for_himself_is_told),
    };

    return pool_run_tests(&server, &admin, tests, sizeof(tests) / sizeof(tests[0]));
}
