/* SPDX-License-Identifier: MIT */
/*
 * core/pool under an application's own wait (wait.h). The fibers of the loop are threads of which
 * only the one with the baton runs; waiting hands it on. A call that blocks otherwise stops all,
 * and what then times out fails the test. The wait must never be called on another thread.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <sys/eventfd.h>

#include "pool_kit.h"

enum { FIBERS = 8 };

static mock *m, *local;
static tn_db *client;

/* ---- the loop -------------------------------------------------------------------------------- */

static pthread_mutex_t baton = PTHREAD_MUTEX_INITIALIZER;
static _Thread_local bool in_loop;
static atomic_uint waits, strangers;
static int arg_seen;

static void enter(void)
{
    pthread_mutex_lock(&baton);
    in_loop = true;
}

static void leave(void)
{
    in_loop = false;
    pthread_mutex_unlock(&baton);
}

/* Others run. */
static void yield(void)
{
    leave();
    sched_yield();
    enter();
}

static tn_wait_result loop_wait(void *arg, int fd, int cancel_fd, int events, int64_t deadline_ns)
{
    struct pollfd fds[2] = {{.fd = fd, .events = events & TN_WAIT_WRITE ? POLLOUT : POLLIN},
                            {.fd = cancel_fd, .events = POLLIN}};

    atomic_fetch_add(&waits, 1);
    if (!in_loop || arg != &arg_seen) {
        atomic_fetch_add(&strangers, 1);
        return TN_WAIT_FAILED;
    }
    leave();
    int ready = poll(fds, 2, tn__deadline_poll_ms(deadline_ns, tn__now_ns()));
    enter();
    if (ready == 0)
        return TN_WAIT_TIMEOUT;
    return ready < 0 ? TN_WAIT_FAILED : fds[1].revents ? TN_WAIT_INTERRUPTED : TN_WAIT_READY;
}

typedef tn_status fiber_fn(int number, tn_error *err);

struct fiber {
    pthread_t thread;
    fiber_fn *fn;
    int number;
    tn_status status;
    tn_error err;
};

static void *run_fiber(void *arg)
{
    struct fiber *fiber = arg;

    enter();
    fiber->status = fiber->fn(fiber->number, &fiber->err);
    leave();
    return NULL;
}

/* All must end well. The caller is out of the loop meanwhile. */
static void run(fiber_fn *const *fns, int n)
{
    struct fiber fibers[FIBERS] = {{0}};

    for (int i = 0; i < n; i++) {
        fibers[i].fn = fns[i];
        fibers[i].number = i;
        assert_int_equal(pthread_create(&fibers[i].thread, NULL, run_fiber, &fibers[i]), 0);
    }
    for (int i = 0; i < n; i++)
        pthread_join(fibers[i].thread, NULL);
    for (int i = 0; i < n; i++)
        assert_ok(fibers[i].status, fibers[i].err);
}

static void run_alike(fiber_fn *fn)
{
    fiber_fn *fns[FIBERS];

    for (int i = 0; i < FIBERS; i++)
        fns[i] = fn;
    run(fns, FIBERS);
}

/* ---- no descriptors -------------------------------------------------------------------------- */

int __real_eventfd(unsigned value, int flags);
int __wrap_eventfd(unsigned value, int flags);
static atomic_bool no_descriptors;

int __wrap_eventfd(unsigned value, int flags)
{
    if (atomic_load(&no_descriptors)) {
        errno = EMFILE;
        return -1;
    }
    return __real_eventfd(value, flags);
}

/* ---- set up ---------------------------------------------------------------------------------- */

static int group_setup(void **state)
{
    (void)state;
    m = mock_new("mockr", MOCK_CAPABILITIES | TN_CAP_REMOTE);
    local = mock_new("mock", MOCK_CAPABILITIES);
    tn_log_set_level(TN_LOG_OFF);
    return 0;
}

static tn_config *config(const char *url, const char *settings)
{
    tn_error err = TN_ERROR_INIT;
    tn_config *ret = tn_config_from_url(url, &err);
    char copy[200], *rest = copy;

    assert_non_null(ret);
    tn_config_set_wait(ret, loop_wait, &arg_seen);
    snprintf(copy, sizeof(copy), "min_connections=0 %s", settings);
    for (char *word; (word = strsep(&rest, " "));) {
        char *value = strchr(word, '=');
        if (!value)
            continue;
        *value++ = '\0';
        assert_ok(tn_config_set(ret, word, value, &err), err);
    }
    return ret;
}

static void open_in_loop(const char *url, const char *settings)
{
    tn_error err = TN_ERROR_INIT;
    tn_config *with = config(url, settings);

    enter();
    client = tn_open(with, &err);
    leave();
    tn_config_free(with);
    if (!client)
        fail_msg("%s", err.message);
    mock_clear(m);
}

static int setup(void **state)
{
    (void)state;
    mock_reset(m);
    mock_reset(local);
    client = NULL;
    atomic_store(&waits, 0);
    atomic_store(&strangers, 0);
    return 0;
}

static int teardown(void **state)
{
    tn_error err = TN_ERROR_INIT;

    (void)state;
    enter();
    tn_status status = tn_db_close(client, &err);
    leave();
    assert_ok(status, err);
    assert_int_equal(atomic_load(&strangers), 0);
    mock_check(m);
    mock_check(local);
    return 0;
}

/* ---- borrowing ------------------------------------------------------------------------------- */

static tn_status use_often(int number, tn_error *err)
{
    for (int i = 0; i < 20; i++) {
        tn_db *session;
        tn_status status = tn_acquire(client, &session, err);
        if (status != TN_OK)
            return status;
        for (int j = 0; j < number % 3; j++)
            yield();
        status = tn_exec(session, "a", NULL, NULL, err);
        yield();
        tn_release(session);
        if (status != TN_OK)
            return status;
    }
    return TN_OK;
}

static void waiting_for_a_connection_runs_the_others(void **state)
{
    (void)state;
    open_in_loop("mockr://host/db", "max_connections=2 pool_timeout=20000");
    run_alike(use_often);
    assert_true(atomic_load(&waits) > FIBERS);
    assert_int_equal(kit_stats(client).timeouts, 0);
    assert_true(mock_peak_connections(m) <= 2);
}

static tn_status give_up_soon(int number, tn_error *err)
{
    const tn_call call = {.timeout_ms = 10 + number};
    tn_status status = tn_exec_with(client, &call, "a", NULL, NULL, err);

    return status == TN_TIMEOUT ? TN_OK : TN_FAILED;
}

static void a_deadline_ends_a_wait(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *session;

    (void)state;
    open_in_loop("mockr://host/db", "max_connections=1 pool_timeout=20000");
    enter();
    tn_status status = tn_acquire(client, &session, &err);
    leave();
    assert_ok(status, err);
    run_alike(give_up_soon);
    assert_int_equal(kit_stats(client).waiting, 0);
    assert_int_equal(kit_stats(client).timeouts, FIBERS);
    enter();
    tn_release(session);
    leave();
}

static void without_descriptors_it_is_said(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *session, *ret;

    (void)state;
    open_in_loop("mockr://host/db", "max_connections=1 pool_timeout=20000");
    enter();
    assert_ok(tn_acquire(client, &session, &err), err);
    atomic_store(&no_descriptors, true);
    tn_status status = tn_acquire(client, &ret, &err);
    atomic_store(&no_descriptors, false);
    tn_release(session);
    leave();
    assert_status(status, TN_RESOURCE);
    assert_int_equal(kit_stats(client).waiting, 0);
}

/* ---- the pool itself ------------------------------------------------------------------------- */

static atomic_bool held;

/* A state of the pool, under its lock. */
static bool is(const bool *what)
{
    tn__pool *pool = tn__pool_of(client);

    tn__pool_lock(pool);
    bool so = *what;
    tn__pool_unlock(pool);
    return so;
}

static tn_status hold_until_closing(int number, tn_error *err)
{
    tn_db *session, *ret;
    tn_status status = tn_acquire(client, &session, err);

    (void)number;
    if (status != TN_OK)
        return status;
    atomic_store(&held, true);
    while (!is(&tn__pool_of(client)->closing) && !is(&tn__pool_of(client)->suspended))
        yield();
    if (is(&tn__pool_of(client)->closing) && tn_acquire(client, &ret, NULL) != TN_SHUTDOWN)
        return TN_FAILED;
    tn_release(session);
    return TN_OK;
}

static tn_status shut_down(int number, tn_error *err)
{
    (void)number;
    while (!atomic_load(&held))
        yield();
    return tn_db_shutdown(client, 20000, err);
}

static tn_status suspend_and_resume(int number, tn_error *err)
{
    (void)number;
    while (!atomic_load(&held))
        yield();
    tn_status status = tn_suspend(client, 20000, err);
    tn_resume(client);
    return status;
}

static void a_shutdown_lets_the_others_finish(void **state)
{
    (void)state;
    open_in_loop("mockr://host/db", "max_connections=2 pool_timeout=20000");
    atomic_store(&held, false);
    run((fiber_fn *[]){hold_until_closing, shut_down}, 2);
    client = NULL;
}

static void suspending_lets_the_others_finish(void **state)
{
    (void)state;
    open_in_loop("mockr://host/db", "max_connections=2 pool_timeout=20000");
    atomic_store(&held, false);
    run((fiber_fn *[]){hold_until_closing, suspend_and_resume}, 2);
}

static tn_status reload(int number, tn_error *err)
{
    tn_config *next = tn_config_from_url(number % 2 ? "mockr://odd/db" : "mockr://even/db", err);

    if (!next)
        return TN_FAILED;
    tn_status status = tn_reload(client, next, err); /* the wait is kept */
    tn_config_free(next);
    return status;
}

static tn_status wake_two(int number, tn_error *err)
{
    (void)number;
    (void)err;
    for (unsigned i = 1; i <= 2; i++) {
        while (mock_count(m, MOCK_OPEN) < i)
            yield();
        mock_wake(m);
    }
    return TN_OK;
}

static tn_status wake_one(int number, tn_error *err)
{
    (void)number;
    (void)err;
    while (!mock_count(m, MOCK_OPEN))
        yield();
    mock_wake(m);
    return TN_OK;
}

/* Two reload at once: the second waits for the first, and both for their connection. */
static void reloading_lets_the_others_run(void **state)
{
    (void)state;
    open_in_loop("mockr://host/db", "max_connections=2");
    mock_fail(m, (mock_fault){.op = MOCK_OPEN, .times = 2, .wait = true});
    run((fiber_fn *[]){reload, reload, wake_two}, 3);
    run_alike(use_often);
}

static tn_status close_it(int number, tn_error *err)
{
    (void)number;
    while (!mock_count(m, MOCK_OPEN))
        yield();
    tn_db *closed = client;
    client = NULL;
    return tn_db_close(closed, err);
}

static tn_status wait_for_it(int number, tn_error *err)
{
    const tn_call call = {.timeout_ms = 20000};
    tn_status status = tn_exec_with(client, &call, "a", NULL, NULL, err);

    (void)number;
    mock_wake(m);
    return status == TN_SHUTDOWN ? TN_OK : TN_FAILED;
}

/* The attempt is stuck until another fiber runs: closing lets it. */
static void closing_lets_the_others_run(void **state)
{
    (void)state;
    open_in_loop("mockr://host/db", "max_connections=1 pool_timeout=20000");
    mock_fail(m, (mock_fault){.op = MOCK_RESET, .status = TN_FAILED});
    enter();
    tn_db *session;
    assert_int_equal(tn_acquire(client, &session, NULL), TN_OK);
    kit_exec(session);
    tn_release(session);
    leave();
    mock_clear(m);
    mock_fail(m, (mock_fault){.op = MOCK_OPEN, .deaf = true});
    run((fiber_fn *[]){wait_for_it, close_it}, 2);
    await_that(mock_all_closed(m));
}

/* ---- what pauses ----------------------------------------------------------------------------- */

static tn_status count_calls(tn_db *tx, void *arg, tn_error *err)
{
    ++*(int *)arg;
    return tn_exec(tx, "a", NULL, NULL, err);
}

static tn_status run_again(int number, tn_error *err)
{
    const tn_txn_options options = {.size = sizeof(options), .retries = 5};
    int calls = 0;

    (void)number;
    return tn_transaction(client, &options, count_calls, &calls, err);
}

static void pauses_are_waits(void **state)
{
    static const tn_outcome late[] = {TN_OUTCOME_IN_DOUBT, TN_OUTCOME_APPLIED};

    (void)state;
    open_in_loop("mockr://host/db", "max_connections=4 pool_timeout=20000");
    mock_fail(m,
              (mock_fault){
                  .op = MOCK_EXECUTE, .times = 4, .status = TN_SERIALIZATION, .sqlstate = "40001"});
    run_alike(run_again);
    mock_outcomes(m, "1", late, 2);
    mock_fail(m,
              (mock_fault){.op = MOCK_COMMIT, .status = TN_OUTCOME_UNKNOWN, .sqlstate = "08007"});
    run_alike(run_again);
    assert_true(mock_count(m, MOCK_OUTCOME) == 2);
}

/* ---- threads of the library ------------------------------------------------------------------ */

static void the_librarys_threads_wait_by_themselves(void **state)
{
    const tn_watch_options often = {.size = sizeof(often),
                                    .interval_ms = 10,
                                    .timeout_ms = 20000,
                                    .up_after = 2,
                                    .down_after = 2};
    tn_error err = TN_ERROR_INIT;
    tn_watch *watch;

    (void)state;
    open_in_loop("mockr://host/db", "max_connections=4 min_connections=3");
    mock_fail(m, (mock_fault){.op = MOCK_PING, .wait = true});
    assert_ok(tn_health_watch(client, &often, NULL, NULL, &watch, &err), err);
    assert_true(mock_await(m, 1));
    mock_wake(m);
    await_that(tn_health_watch_state(watch, NULL));
    tn_health_watch_stop(watch);
    await_that(kit_stats(client).total == 3);
}

static void upkeep_connects_by_itself(void **state)
{
    (void)state;
    mock_fail(local, (mock_fault){.op = MOCK_OPEN, .nth = 2, .wait = true});
    open_in_loop("mock://host/db", "max_connections=4 min_connections=2");
    assert_true(mock_await(local, 1));
    mock_wake(local);
    await_that(kit_stats(client).total == 2);
}

static tn_status ask_health(int number, tn_error *err)
{
    tn_health health = tn_health_check(client, 20000);

    (void)number;
    *err = health.error;
    return health.error.status;
}

static void health_is_asked_by_the_wait(void **state)
{
    (void)state;
    open_in_loop("mockr://host/db", "max_connections=4");
    mock_fail(m, (mock_fault){.op = MOCK_OPEN, .wait = true});
    unsigned before = atomic_load(&waits);
    run((fiber_fn *[]){ask_health, wake_one}, 2);
    assert_true(atomic_load(&waits) > before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(waiting_for_a_connection_runs_the_others),
        TEST(a_deadline_ends_a_wait),
        TEST(without_descriptors_it_is_said),
        TEST(a_shutdown_lets_the_others_finish),
        TEST(suspending_lets_the_others_finish),
        TEST(reloading_lets_the_others_run),
        TEST(closing_lets_the_others_run),
        TEST(pauses_are_waits),
        TEST(the_librarys_threads_wait_by_themselves),
        TEST(upkeep_connects_by_itself),
        TEST(health_is_asked_by_the_wait),
    };

    return cmocka_run_group_tests(tests, group_setup, NULL);
}
