/* SPDX-License-Identifier: MIT */
/*
 * How soon all is well again, and how little is asked of a server that is away. The figures are
 * printed; the bounds are those of the promise plus what a busy machine may take.
 */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "support/cell.h"

enum { CALLERS = 64, POOL = 4, OUTAGE_MS = 3000, READY_MS = 1000, PROMOTED_MS = 2000 };

/* Callers that never rest: each asks, and asks again whatever came. */
struct storm {
    pthread_t thread[CALLERS];
    tn_db *db;
    atomic_bool stop;
    atomic_uint served, failed, lied;
    _Atomic int64_t last_served_ms, first_served_ms; /* the latter since it was set to 0 */
};

static void *ask_for_ever(void *arg)
{
    struct storm *storm = arg;
    while (!atomic_load(&storm->stop)) {
        tn_error err = TN_ERROR_INIT;
        int32_t one = 0;
        tn_status status = tn_get(storm->db, "select 1", NULL, tn_into(&one), &err);
        if (status != TN_OK) {
            atomic_fetch_add(&storm->failed, 1);
            continue;
        }
        int64_t now = test_proxy_now(), none = 0;
        atomic_compare_exchange_strong(&storm->first_served_ms, &none, now);
        atomic_store(&storm->last_served_ms, now);
        atomic_fetch_add(&storm->served, 1);
        atomic_fetch_add(&storm->lied, one != 1);
        poll(NULL, 0, 2); /* else they would leave nothing of the machine to the server */
    }
    return NULL;
}

static void storm_begins(struct storm *storm, tn_db *db)
{
    *storm = (struct storm){.db = db};
    for (int i = 0; i < CALLERS; i++)
        assert_int_equal(pthread_create(&storm->thread[i], NULL, ask_for_ever, storm), 0);
    while (atomic_load(&storm->served) < CALLERS)
        poll(NULL, 0, 5);
}

static void storm_ends(struct storm *storm)
{
    atomic_store(&storm->stop, true);
    for (int i = 0; i < CALLERS; i++)
        pthread_join(storm->thread[i], NULL);
    assert_int_equal(atomic_load(&storm->lied), 0);
}

/* Nobody is served by what was on its way when the server ended. */
static void forget_first(struct storm *storm)
{
    atomic_store(&storm->first_served_ms, 0);
}

static int64_t await_first(struct storm *storm)
{
    int64_t until = test_proxy_now() + 20000;
    while (!atomic_load(&storm->first_served_ms)) {
        assert_true(test_proxy_now() < until);
        poll(NULL, 0, 1);
    }
    return atomic_load(&storm->first_served_ms);
}

static tn_db *open_storm_client(const char *url)
{
    static const char *const settings[] = {"max_connections=4", "min_connections=4",
                                           "pool_timeout=10000", NULL};
    tn_error err = TN_ERROR_INIT;
    tn_db *db = stage_open(url, settings, &err);
    if (!db)
        tn_error_print(stderr, &err);
    assert_non_null(db);
    return db;
}

static void close_whole(tn_db *db)
{
    tn_error err = TN_ERROR_INIT;
    tn_pool_stats stats;
    tn_db_pool_stats(db, &stats);
    assert_int_equal(stats.in_use, 0);
    assert_int_equal(stats.waiting, 0);
    cell_expect_ok(tn_db_close(db, &err), &err, "closing");
}

/* Stopped, away for a while, started: bounded attempts, and service within a second. */
static void a_restart(void **state)
{
    struct storm storm;
    (void)state;
    tn_db *db = open_storm_client(stage.url);
    storm_begins(&storm, db);
    assert_true(test_server_stop(&stage.server, false));
    stage_await_end();
    int64_t down = test_proxy_now();
    unsigned failed = atomic_load(&storm.failed);
    poll(NULL, 0, OUTAGE_MS); /* the outage itself */
    unsigned attempts = test_proxy_accepted_since(stage.proxy, down);
    unsigned busiest = test_proxy_busiest(stage.proxy, down, 1000);
    forget_first(&storm);
    assert_true(test_server_start(&stage.server));
    int64_t ready = test_proxy_now(); /* pg_ctl has seen that it takes connections */
    int64_t first = await_first(&storm);
    storm_ends(&storm);
    stage_server_up();
    print_message("restart: first success %lld ms after ready; %u attempts in %d ms of outage, at "
                  "most %u a second, by %d callers; %u failed meanwhile\n",
                  (long long)(first - ready), attempts, OUTAGE_MS, busiest, CALLERS,
                  atomic_load(&storm.failed) - failed);
    assert_true(first - ready <= READY_MS + SLACK_MS);
    assert_true(attempts > 0);
    assert_in_range(busiest, 1, 2 * POOL);
    close_whole(db);
}

/* The same while the port itself refuses. */
static void a_port_that_rejects(void **state)
{
    struct storm storm;
    (void)state;
    tn_db *db = open_storm_client(stage.url);
    storm_begins(&storm, db);
    test_proxy_reject(stage.proxy);
    test_proxy_break(stage.proxy, PROXY_RST);
    int64_t down = test_proxy_now();
    poll(NULL, 0, OUTAGE_MS);
    unsigned busiest = test_proxy_busiest(stage.proxy, down, 1000);
    forget_first(&storm);
    test_proxy_pass(stage.proxy);
    int64_t ready = test_proxy_now();
    int64_t first = await_first(&storm);
    storm_ends(&storm);
    print_message("port: first success %lld ms after it takes connections; at most %u attempts a "
                  "second\n",
                  (long long)(first - ready), busiest);
    assert_true(first - ready <= READY_MS + SLACK_MS);
    assert_in_range(busiest, 1, 2 * POOL);
    close_whole(db);
}

/* The primary dies, the standby takes over: the callers go there. */
static void a_promotion(void **state)
{
    test_server standby = {.guard = 0};
    struct storm storm;
    char url[256];
    (void)state;
    test_server_create_standby(&standby, &stage.server);
    snprintf(url, sizeof(url),
             "postgresql://app:" CELL_PASSWORD
             "@127.0.0.1:%d,127.0.0.1:%d/app?target_session_attrs=read-write",
             stage.server.port, standby.port);
    tn_db *db = open_storm_client(url);
    storm_begins(&storm, db);
    test_server_kill_all(&stage.server);
    stage_await_end();
    poll(NULL, 0, 500); /* only the standby is there, which is no host for writing */
    forget_first(&storm);
    assert_true(test_server_promote(&standby));
    int64_t promoted = test_proxy_now();
    int64_t first = await_first(&storm);
    storm_ends(&storm);
    print_message("promotion: first success %lld ms after it\n", (long long)(first - promoted));
    assert_true(first - promoted <= PROMOTED_MS + SLACK_MS);
    close_whole(db);
    test_server_remove(&standby);
    stage_server_up();
}

static int set_up(void **state)
{
    static const char *const settings[] = {"client_connection_check_interval=100ms",
                                           "wal_level=replica", "max_wal_senders=4", NULL};
    (void)state;
    return stage_set_up(settings);
}

static int tear_down(void **state)
{
    (void)state;
    return stage_tear_down();
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_restart, stage_after_each),
        cmocka_unit_test_teardown(a_port_that_rejects, stage_after_each),
        cmocka_unit_test_teardown(a_promotion, stage_after_each),
    };
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests_name("recovery", tests, set_up, tear_down);
}
