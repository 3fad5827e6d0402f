/* SPDX-License-Identifier: MIT */
/* tn_health_watch(): two looks up, two looks down, and no more than that is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pool_kit.h"

enum { TOLD_MAX = 16 };

static mock *m;
static tn_db *client;

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
    client = mock_open(m, "max_connections=2");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    mock_close(m, client);
    return 0;
}

/* What was told: at which look, and what. Each look opens one connection. */
struct told {
    pthread_mutex_t lock;
    unsigned count;
    bool up[TOLD_MAX];
    unsigned look[TOLD_MAX];
    tn_status status[TOLD_MAX];
};

static void note(void *arg, bool up, const tn_health *health)
{
    struct told *told = arg;

    pthread_mutex_lock(&told->lock);
    if (told->count < TOLD_MAX) {
        told->up[told->count] = up;
        told->look[told->count] = mock_count(m, MOCK_OPEN);
        told->status[told->count++] = health->error.status;
    }
    pthread_mutex_unlock(&told->lock);
}

static unsigned count(struct told *told)
{
    pthread_mutex_lock(&told->lock);
    unsigned n = told->count;
    pthread_mutex_unlock(&told->lock);
    return n;
}

static tn_watch *watch(const tn_watch_options *options, tn_watch_fn *fn, void *arg)
{
    tn_error err = TN_ERROR_INIT;
    tn_watch *ret = NULL;

    assert_ok(tn_health_watch(client, options, fn, arg, &ret, &err), err);
    return ret;
}

static const tn_watch_options often = {
    .size = sizeof(often), .interval_ms = 10, .timeout_ms = 20000, .up_after = 2, .down_after = 2};

static void down_at(unsigned look, unsigned looks)
{
    mock_fail(m, (mock_fault){.op = MOCK_OPEN,
                              .nth = look,
                              .times = looks,
                              .status = TN_UNAVAILABLE,
                              .sqlstate = "08001"});
}

/* Looks 1 and 2 are good; one bad one (4) is nothing, two (6, 7) are; one good one (8) between bad
 * ones (9) is nothing, two (10, 11) are. */
static void two_looks_make_a_change(void **state)
{
    struct told told = {.lock = PTHREAD_MUTEX_INITIALIZER};
    tn_health last;

    (void)state;
    down_at(4, 1);
    down_at(6, 2);
    down_at(9, 1);
    tn_watch *w = watch(&often, note, &told);
    await_that(mock_count(m, MOCK_OPEN) >= 16);
    assert_true(tn_health_watch_state(w, &last));
    assert_int_equal(last.status, TN_HEALTHY);
    tn_health_watch_stop(w);
    assert_int_equal(told.count, 3);
    assert_true(told.up[0] && !told.up[1] && told.up[2]);
    assert_int_equal(told.look[0], 2);
    assert_int_equal(told.look[1], 7);
    assert_int_equal(told.look[2], 11);
    assert_int_equal(told.status[1], TN_UNAVAILABLE);
}

static void a_database_that_is_away_from_the_start_is_told(void **state)
{
    struct told told = {.lock = PTHREAD_MUTEX_INITIALIZER};
    tn_health last;

    (void)state;
    down_at(1, 1000000);
    tn_watch *w = watch(&often, note, &told);
    await_that(mock_count(m, MOCK_OPEN) >= 6);
    assert_false(tn_health_watch_state(w, &last));
    assert_int_equal(last.error.status, TN_UNAVAILABLE);
    tn_health_watch_stop(w);
    assert_int_equal(told.count, 1);
    assert_false(told.up[0]);
    assert_int_equal(told.look[0], 2);
}

/* Without a function it is asked; before it has seen enough the database is down. */
static void a_watch_may_only_be_asked(void **state)
{
    (void)state;
    mock_fail(m, (mock_fault){.op = MOCK_OPEN, .nth = 2, .wait = true});
    tn_watch *w = watch(&often, NULL, NULL);
    assert_true(mock_await(m, 1));
    assert_false(tn_health_watch_state(w, NULL));
    mock_wake(m);
    await_that(tn_health_watch_state(w, NULL));
    tn_health_watch_stop(w);
    tn_health_watch_stop(NULL);
}

/* A full pool is no dead database, and a watch takes nothing from it. */
static void a_full_pool_is_up(void **state)
{
    struct told told = {.lock = PTHREAD_MUTEX_INITIALIZER};
    borrower waiting;
    tn_health last;

    (void)state;
    tn_db *held[2] = {kit_acquire(client), kit_acquire(client)};
    mock_clear(m);
    kit_borrow(&waiting, client);
    await_that(kit_stats(client).waiting == 1);
    tn_watch *w = watch(&often, note, &told);
    await_that(count(&told) == 1);
    assert_true(tn_health_watch_state(w, &last));
    assert_true(last.saturated);
    assert_int_equal(last.pool.in_use, 2);
    tn_health_watch_stop(w);
    tn_release(held[0]);
    kit_join(&waiting);
    tn_release(held[1]);
    assert_false(tn_health_check(client, 20000).saturated);
}

/* A look is never longer than its time, and a client library that is stuck does not pile up
 * threads. */
static void stuck_looks_are_bounded(void **state)
{
    const tn_watch_options short_looks = {.size = sizeof(short_looks),
                                          .interval_ms = 10,
                                          .timeout_ms = 10,
                                          .up_after = 2,
                                          .down_after = 2};
    tn_health last;

    (void)state;
    mock_fail(m, (mock_fault){.op = MOCK_OPEN, .times = 1000000, .deaf = true});
    tn_watch *w = watch(&short_looks, NULL, NULL);
    await_that(!tn_health_watch_state(w, &last) && last.error.status == TN_RESOURCE);
    assert_contains(last.error.message, "have not come back");
    assert_int_equal(mock_count(m, MOCK_OPEN), 4);
    tn_health_watch_stop(w);
    for (int i = 0; i < 4; i++)
        mock_wake(m);
    await_that(mock_open_connections(m) == 1);
    assert_true(mock_await(m, 0));
}

static void stopping_waits_for_no_interval(void **state)
{
    tn_watch_options slow = TN_WATCH_OPTIONS_INIT;

    (void)state;
    slow.interval_ms = 3600 * 1000;
    int64_t begun = tn__now_ns();
    tn_watch *w = watch(&slow, NULL, NULL);
    await_that(mock_count(m, MOCK_PING) >= 1);
    tn_health_watch_stop(w);
    assert_true(tn__now_ns() - begun < 60 * TN__NS_PER_S);
    w = watch(NULL, NULL, NULL);
    tn_health_watch_stop(w);
}

static void what_makes_no_sense_is_refused(void **state)
{
    tn_watch_options options[5];
    tn_error err = TN_ERROR_INIT;
    tn_watch *ret = NULL;

    (void)state;
    for (int i = 0; i < 5; i++)
        options[i] = often;
    options[0].interval_ms = 9;
    options[1].timeout_ms = 0;
    options[2].up_after = 0;
    options[3].down_after = 0;
    options[4].interval_ms = -1;
    for (int i = 0; i < 5; i++)
        assert_status(tn_health_watch(client, &options[i], NULL, NULL, &ret, &err), TN_MISUSE);
    tn_db *session = kit_acquire(client);
    assert_status(tn_health_watch(session, NULL, NULL, NULL, &ret, &err), TN_MISUSE);
    tn_release(session);
    assert_null(ret);
}

/* A child of fork has the memory and not the thread. */
static void a_child_has_no_watch(void **state)
{
    int status = -1;

    (void)state;
    tn_watch *w = watch(&often, NULL, NULL);
    await_that(tn_health_watch_state(w, NULL));
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        tn_health health;
        alarm(60);
        if (tn_health_watch_state(w, &health) || health.error.status != TN_FORKED)
            _exit(1);
        tn_health_watch_stop(w);
        _exit(0);
    }
    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_true(tn_health_watch_state(w, NULL));
    tn_health_watch_stop(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(two_looks_make_a_change),        TEST(a_database_that_is_away_from_the_start_is_told),
        TEST(a_watch_may_only_be_asked),      TEST(a_full_pool_is_up),
        TEST(stuck_looks_are_bounded),        TEST(stopping_waits_for_no_interval),
        TEST(what_makes_no_sense_is_refused), TEST(a_child_has_no_watch),
    };

    return cmocka_run_group_tests(tests, group_setup, NULL);
}
