/* SPDX-License-Identifier: MIT */
/*
 * core/listen when memory or threads cannot be had: each allocation of a listener's life fails
 * once, then all from there on. The call says so, nothing hangs or is left behind, and when there
 * is memory again the listener hears what is rung.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <stdatomic.h>

#include "bell.h"
#include "pool_kit.h"

enum { SWEEP_MAX = 200, LONG_MS = 20000 };

static mock *m;
static tn_db *client;

/* ---- shortage -------------------------------------------------------------------------------- */

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *ptr, size_t size);
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *ptr, size_t size);

static atomic_uint allocations;
static atomic_uint fail_from, fail_until; /* by number, from 1; 0: none */

static bool may_have(void)
{
    unsigned number = atomic_fetch_add(&allocations, 1) + 1, from = atomic_load(&fail_from);

    return !from || number < from || number > atomic_load(&fail_until);
}

void *__wrap_malloc(size_t size)
{
    return may_have() ? __real_malloc(size) : NULL;
}

void *__wrap_calloc(size_t count, size_t size)
{
    return may_have() ? __real_calloc(count, size) : NULL;
}

void *__wrap_realloc(void *ptr, size_t size)
{
    return may_have() ? __real_realloc(ptr, size) : NULL;
}

static void fail_allocations(unsigned from, unsigned until)
{
    atomic_store(&allocations, 0);
    atomic_store(&fail_until, until);
    atomic_store(&fail_from, from);
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *),
                          void *arg);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *),
                          void *arg);
static atomic_bool no_threads;

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *),
                          void *arg)
{
    return atomic_load(&no_threads) ? EAGAIN : __real_pthread_create(thread, attr, run, arg);
}

/* ---- set up ---------------------------------------------------------------------------------- */

static int group_setup(void **state)
{
    (void)state;
    m = mock_new("mockr", MOCK_CAPABILITIES | TN_CAP_REMOTE);
    bell_register(m);
    tn_log_set_level(TN_LOG_OFF);
    return 0;
}

static int setup(void **state)
{
    tn_error err = TN_ERROR_INIT;

    (void)state;
    fail_allocations(0, 0);
    atomic_store(&no_threads, false);
    mock_reset(m);
    bell_reset();
    client = mock_try_open("bell://host/db", "max_connections=1", &err);
    if (!client)
        fail_msg("no client: %s", err.message);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fail_allocations(0, 0);
    mock_close(m, client);
    return 0;
}

/* ---- the sweep ------------------------------------------------------------------------------- */

static unsigned counted; /* allocations of what may fail */
static unsigned odd;     /* answers that no shortage explains */

static void note(const char *what, tn_status status)
{
    if (status == TN_OK || status == TN_NOMEM || status == TN_RESOURCE)
        return;
    odd++;
    print_error("%s: %s\n", what, tn_status_name(status));
}

/* When there is enough again. */
static void hears(tn_listener *l)
{
    tn_error err = TN_ERROR_INIT;
    tn_event event;

    do
        assert_ok(tn_listen_next(l, LONG_MS, &event, &err), err);
    while (event.kind == TN_EVENT_GAP);
    assert_true(tn_str_equal(event.payload, tn_str_from("heard")));
}

/* Each step but the last may fail. */
static void live(void)
{
    tn_error err = TN_ERROR_INIT;
    tn_event event;
    tn_listener *l = tn_listen(client, "a", &err);

    if (!l) {
        note("listen", err.status);
        return;
    }
    note("add", tn_listen_add(l, "b", &err));
    bell_cut();
    tn_status status = tn_listen_next(l, LONG_MS, &event, &err);
    note("next", status);
    note("remove", tn_listen_remove(l, "b", &err));
    note("add again", tn_listen_add(l, "c", &err));
    bell_cut();
    note("next again", tn_listen_next(l, LONG_MS, &event, &err));
    counted = atomic_load(&allocations);
    fail_allocations(0, 0);
    while (bell_listeners("a") != 1) {
        /* A gap that was told of, or a connection that is still to be made. */
        assert_ok(tn_listen_next(l, LONG_MS, &event, &err), err);
        assert_int_equal(event.kind, TN_EVENT_GAP);
    }
    assert_int_equal(bell_ring("a", "heard"), 1);
    hears(l);
    tn_unlisten(l);
}

/* until: the last one that fails, counted from the first. */
static void sweep(unsigned until)
{
    unsigned n, needed;

    odd = 0;
    fail_allocations(0, 0);
    live();
    needed = counted;
    assert_true(needed > 5 && needed < SWEEP_MAX);
    for (n = 1; n <= needed; n += until == 1 ? 1 : 3) { /* a pause each */
        fail_allocations(n, until == 1 ? n : until);
        live();
        fail_allocations(0, 0);
        await_that(mock_open_connections(m) <= 1); /* the pool's */
    }
    assert_int_equal(odd, 0);
}

static void each_allocation_may_fail(void **state)
{
    (void)state;
    sweep(1);
}

static void all_allocations_may_fail(void **state)
{
    (void)state;
    sweep(UINT32_MAX);
}

static void no_thread_is_a_failure_that_passes(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_event event;

    (void)state;
    tn_listener *l = tn_listen(client, "a", &err);
    assert_non_null(l);
    atomic_store(&no_threads, true);
    bell_cut();
    assert_status(tn_listen_next(l, 150, &event, &err), TN_RESOURCE);
    assert_contains(err.message, "no thread could be started");
    assert_null(tn_listen(client, "a", &err));
    assert_int_equal(err.status, TN_RESOURCE);
    atomic_store(&no_threads, false);
    assert_ok(tn_listen_next(l, LONG_MS, &event, &err), err);
    assert_int_equal(event.kind, TN_EVENT_GAP);
    tn_unlisten(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_allocation_may_fail, setup, teardown),
        cmocka_unit_test_setup_teardown(all_allocations_may_fail, setup, teardown),
        cmocka_unit_test_setup_teardown(no_thread_is_a_failure_that_passes, setup, teardown),
    };

    return cmocka_run_group_tests(tests, group_setup, NULL);
}
