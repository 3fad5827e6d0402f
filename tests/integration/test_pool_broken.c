/* SPDX-License-Identifier: MIT */
/*
 * Connections that break while the pool works: no slot is lost, no session is left on the server,
 * and a server that is away is asked with restraint and found again at once.
 */
#include <stdatomic.h>
#include <sys/resource.h>

#include "faults/support/proxy.h"
#include "pool_client.h"

enum {
    KILLS = POOL_INSTRUMENTED ? 200 : 1000,
    CONNECTIONS = 4,
    ABANDONED = POOL_INSTRUMENTED ? 1000 : 10000,
    ABANDON_THREADS = 64,
    STORM_THREADS = 64,
    OUTAGE_MS = 3000,
    READY_MS = POOL_INSTRUMENTED ? 5000 : 1000
};

static test_server server;
static PGconn *admin;

/* ---- killed before COMMIT and ROLLBACK ------------------------------------------------------ */

static void kill_backend(int32_t pid)
{
    char sql[96];

    snprintf(sql, sizeof(sql), "select pg_terminate_backend(%d)", (int)pid);
    test_server_run(admin, sql);
}

static void endings_that_fail_cost_no_slot(void **state)
{
    tn_error err = TN_ERROR_INIT;
    unsigned committed = 0, undone = 0, unknown = 0;

    (void)state;
    test_server_run(admin, "truncate t");
    tn_db *db = pool_open(server.port, "max_connections=4 min_connections=0");
    for (int i = 0; i < KILLS; i++) {
        tn_db *tx;
        expect_ok(tn_begin(db, NULL, &tx, &err));
        expect_ok(tn_exec(tx, "insert into t values ($1, 'x')", tn_args(i), NULL, &err));
        kill_backend(pool_backend(tx));
        if (i % 2) {
            expect_ok(tn_rollback(tx, &err));
            undone++;
        } else {
            tn_status status = tn_commit(tx, &err);
            committed += status == TN_OK;
            undone += status == TN_LOST && err.outcome == TN_OUTCOME_NOT_APPLIED;
            unknown += status == TN_OUTCOME_UNKNOWN && err.outcome == TN_OUTCOME_IN_DOUBT;
        }
        assert_int_equal(pool_stats(db).in_use, 0);
    }
    long long there = test_server_number(admin, "select count(*) from t");
    print_message("%d killed: %u committed, %u undone, %u unknown; %lld rows are there\n", KILLS,
                  committed, undone, unknown, there);
    assert_int_equal(committed + undone + unknown, KILLS);
    assert_true(there >= committed && there <= committed + unknown);
    pool_expect_whole(db, CONNECTIONS);
    expect_ok(tn_db_close(db, &err));
    pool_expect_no_sessions(admin);
}

/* ---- given up while connecting -------------------------------------------------------------- */

typedef struct hasty {
    pthread_t thread;
    tn_db *db;
    unsigned times, got, wrong;
} hasty;

/* Whoever gets a connection ends it, so that others are always being made. */
static const char suicide[] = "select pg_terminate_backend(pg_backend_pid())";

static void *give_up_soon(void *arg)
{
    hasty *h = arg;

    for (unsigned i = 0; i < h->times; i++) {
        tn_error err = TN_ERROR_INIT;
        tn_db *session;
        tn_status status = tn_acquire(h->db, &session, &err);
        if (status == TN_OK) {
            h->got++;
            h->wrong += tn_exec(session, suicide, NULL, NULL, &err) != TN_LOST;
            tn_release(session);
        } else if (status != TN_TIMEOUT && status != TN_UNAVAILABLE) {
            h->wrong++;
        }
    }
    return NULL;
}

/* To connect takes longer than those who want one wait. */
static void acquires_that_are_given_up_leave_no_session(void **state)
{
    tn_error err = TN_ERROR_INIT;
    static hasty threads[ABANDON_THREADS];
    unsigned got = 0, total = 0;

    (void)state;
    test_proxy *proxy = test_proxy_start("127.0.0.1", server.port);
    tn_db *db = pool_open(test_proxy_port(proxy),
                          "max_connections=4 min_connections=0 pool_timeout=20");
    test_proxy_delay(proxy, 15, 10);
    for (int i = 0; i < ABANDON_THREADS; i++) {
        threads[i] = (hasty){.db = db, .times = ABANDONED / ABANDON_THREADS};
        assert_int_equal(pthread_create(&threads[i].thread, NULL, give_up_soon, &threads[i]), 0);
    }
    for (int i = 0; i < ABANDON_THREADS; i++) {
        pthread_join(threads[i].thread, NULL);
        assert_int_equal(threads[i].wrong, 0);
        got += threads[i].got;
        total += threads[i].times;
    }
    test_proxy_pass(proxy);
    print_message("%u acquires, %u of them given up\n", total, total - got);
    assert_true(total - got > total / 10);
    pool_expect_whole(db, CONNECTIONS);
    assert_true(pool_sessions(admin) <= CONNECTIONS);
    expect_ok(tn_db_close(db, &err));
    pool_expect_no_sessions(admin);
    test_proxy_stop(proxy);
}

/* ---- a server that is away ------------------------------------------------------------------ */

typedef struct storm {
    tn_db *db;
    atomic_bool stop;
    atomic_llong ready_ms; /* when the server was there again; 0: not yet */
    atomic_llong first_ms; /* the first success since then */
    atomic_uint done, wrong;
} storm;

static bool may_be(tn_status status)
{
    return status == TN_UNAVAILABLE || status == TN_LOST || status == TN_TIMEOUT;
}

static void *go_on_asking(void *arg)
{
    storm *s = arg;

    while (!atomic_load(&s->stop)) {
        tn_error err = TN_ERROR_INIT;
        int32_t one;
        tn_status status = tn_get(s->db, "select 1", NULL, tn_into(&one), &err);
        long long none = 0;
        if (status == TN_OK && atomic_load(&s->ready_ms))
            atomic_compare_exchange_strong(&s->first_ms, &none, pool_now_ms());
        atomic_fetch_add(&s->done, status == TN_OK);
        atomic_fetch_add(&s->wrong, status != TN_OK && !may_be(status));
        if (status == TN_OK)
            pool_pause_ms(5);
    }
    return NULL;
}

static double cpu_seconds(void)
{
    struct rusage use;

    getrusage(RUSAGE_SELF, &use);
    return (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
           (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6;
}

/* The proxy takes every attempt to connect and counts it, whether the server is there or not. */
static void outage(storm *s, test_proxy *proxy)
{
    int64_t from;

    PQfinish(admin);
    assert_true(test_server_stop(&server, true));
    pool_pause_ms(500); /* what was open has broken by now */
    from = test_proxy_now();
    double cpu = cpu_seconds();
    pool_pause_ms(OUTAGE_MS);
    cpu = cpu_seconds() - cpu;
    unsigned busiest = test_proxy_busiest(proxy, from, 1000);
    unsigned attempts = test_proxy_accepted_since(proxy, from);
    assert_true(test_server_start(&server));
    atomic_store(&s->ready_ms, pool_now_ms());
    print_message("%u attempts in %d ms, at most %u in a second, %.2f s of processor time\n",
                  attempts, OUTAGE_MS, busiest, cpu);
    assert_true(attempts > 0);
    assert_true(busiest <= CONNECTIONS * 2);
    if (!POOL_INSTRUMENTED)
        assert_true(cpu <= 0.1 * OUTAGE_MS / 1000 + 0.1);
    admin = test_server_connect(&server, "app");
}

static void a_restart_is_no_storm(void **state)
{
    tn_error err = TN_ERROR_INIT;
    pthread_t threads[STORM_THREADS];
    static storm s;

    (void)state;
    test_proxy *proxy = test_proxy_start("127.0.0.1", server.port);
    s.db = pool_open(test_proxy_port(proxy),
                     "max_connections=4 min_connections=2 pool_timeout=2000");
    for (int i = 0; i < STORM_THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, go_on_asking, &s), 0);
    pool_pause_ms(200);
    outage(&s, proxy);
    for (int64_t end = pool_now_ms() + 20000; !atomic_load(&s.first_ms) && pool_now_ms() < end;)
        pool_pause_ms(5);
    pool_pause_ms(200);
    atomic_store(&s.stop, true);
    for (int i = 0; i < STORM_THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_true(atomic_load(&s.first_ms) > 0);
    long long recovery = atomic_load(&s.first_ms) - atomic_load(&s.ready_ms);
    print_message("first success %lld ms after the server was ready\n", recovery);
    assert_true(recovery <= READY_MS);
    assert_int_equal(atomic_load(&s.wrong), 0);
    pool_expect_whole(s.db, CONNECTIONS);
    expect_ok(tn_db_close(s.db, &err));
    pool_expect_no_sessions(admin);
    test_proxy_stop(proxy);
}

int main(void)
{
    static const char *const settings[] = {"log_min_messages=fatal", "log_connections=off", NULL};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(endings_that_fail_cost_no_slot),
        cmocka_unit_test(acquires_that_are_given_up_leave_no_session),
        cmocka_unit_test(a_restart_is_no_storm),
    };

    test_server_create(&server, settings, NULL, POOL_PASSWORD);
    admin = test_server_connect(&server, "app");
    test_server_run(admin, "create table t (a int, b text)");
    test_server_run(admin, "grant all on t to app");
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    PQfinish(admin);
    test_server_remove(&server);
    return failed;
}
