/* SPDX-License-Identifier: MIT */
/*
 * core/pool when memory or threads cannot be had: each allocation of a flow fails once, then all
 * from there on; each thread cannot be started. Nothing crashes, hangs or is left behind. And what
 * is done often allocates nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "pool_kit.h"

enum { SWEEP_MAX = 1000, CONTENDERS = 4 };

static mock *m;

/* ---- memory ---------------------------------------------------------------------------------- */

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

/* ---- threads --------------------------------------------------------------------------------- */

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *),
                          void *arg);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *),
                          void *arg);
static atomic_uint threads_left; /* that may be started */

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *),
                          void *arg)
{
    if (atomic_load(&threads_left) == 0)
        return EAGAIN;
    atomic_fetch_sub(&threads_left, 1);
    return __real_pthread_create(thread, attr, run, arg);
}

/* ---- set up ---------------------------------------------------------------------------------- */

static int group_setup(void **state)
{
    (void)state;
    atomic_store(&threads_left, UINT32_MAX);
    m = mock_new("mockr", MOCK_CAPABILITIES | TN_CAP_REMOTE);
    (void)mock_new("mock", MOCK_CAPABILITIES);
    tn_log_set_level(TN_LOG_OFF);
    return 0;
}

static int setup(void **state)
{
    (void)state;
    mock_reset(m);
    atomic_store(&threads_left, UINT32_MAX);
    fail_allocations(0, 0);
    return 0;
}

/* ---- the sweep ------------------------------------------------------------------------------- */

static bool is_shortage(tn_status status)
{
    return status == TN_OK || status == TN_NOMEM || status == TN_RESOURCE || status == TN_TIMEOUT ||
           status == TN_CONFIG;
}

static unsigned odd; /* answers that no shortage explains */

static void note(const char *what, tn_status status)
{
    if (is_shortage(status))
        return;
    odd++;
    print_error("%s: %s\n", what, tn_status_name(status));
}

static tn_status in_transaction(tn_db *tx, void *arg, tn_error *err)
{
    (void)arg;
    return tn_exec(tx, "a", NULL, NULL, err);
}

static tn_db *open_client(const char *url, bool with_replica)
{
    tn_error err = TN_ERROR_INIT;
    tn_config *config = tn_config_from_url(url, &err);
    tn_db *client = NULL;

    if (config && tn_config_set(config, "pool_timeout", "5", &err) == TN_OK &&
        tn_config_set(config, "min_connections", "1", &err) == TN_OK &&
        (!with_replica || tn_config_set(config, "replica_url", url, &err) == TN_OK))
        client = tn_open(config, &err);
    if (!client)
        note("open", err.status);
    tn_config_free(config);
    return client;
}

static void use(tn_db *client)
{
    const tn_txn_options read_only = {.size = sizeof(read_only), .read_only = true};
    tn_db *sessions[3];
    tn_error err;

    for (int i = 0; i < 3; i++) {
        sessions[i] = NULL;
        note("acquire", tn_acquire(client, &sessions[i], &err));
    }
    note("exec", tn_exec(sessions[0] ? sessions[0] : client, "a", NULL, NULL, &err));
    for (int i = 0; i < 3; i++)
        tn_release(sessions[i]);
    note("transaction", tn_transaction(client, NULL, in_transaction, NULL, &err));
    note("reading", tn_transaction(client, &read_only, in_transaction, NULL, &err));
    note("health", tn_health_check(client, 5000).error.status);
}

static void reload_and_watch(tn_db *client, const char *url)
{
    tn_watch *watch = NULL;
    tn_error err = TN_ERROR_INIT;

    note("watch", tn_health_watch(client, NULL, NULL, NULL, &watch, &err));
    tn_config *config = tn_config_from_url(url, &err);
    if (config && tn_config_set(config, "pool_timeout", "5", &err) == TN_OK)
        note("reload", tn_reload(client, config, &err));
    tn_config_free(config);
    note("suspend", tn_suspend(client, 5000, &err));
    tn_resume(client);
    note("exec", tn_exec(client, "b", NULL, NULL, &err));
    tn_health_watch_stop(watch);
}

static void flow(const char *url, bool with_replica)
{
    tn_error err;
    tn_db *client = open_client(url, with_replica);

    if (!client)
        return;
    use(client);
    reload_and_watch(client, url);
    note("shutdown", tn_db_shutdown(client, 5000, &err));
}

/* Returns how many allocations the flow makes. */
static unsigned sweep(const char *url, bool with_replica, unsigned length)
{
    unsigned n = 1;

    for (; n < SWEEP_MAX; n++) {
        fail_allocations(n, n + length - 1);
        flow(url, with_replica);
        unsigned made = atomic_load(&allocations);
        fail_allocations(0, 0);
        /* What threads of the pool still have in hand is given back. */
        await_that(mock_all_closed(m));
        mock_check_contract(m);
        if (made < n)
            break;
    }
    return n;
}

static void each_allocation_may_fail(void **state)
{
    (void)state;
    odd = 0;
    unsigned n = sweep("mockr://host/db", true, 1);
    assert_in_range(n, 50, SWEEP_MAX - 1);
    assert_int_equal(odd, 0);
}

static void memory_may_run_out(void **state)
{
    (void)state;
    odd = 0;
    unsigned n = sweep("mockr://host/db", false, SWEEP_MAX * 10);
    assert_in_range(n, 30, SWEEP_MAX - 1);
    assert_int_equal(odd, 0);
}

static void each_allocation_may_fail_with_a_local_driver(void **state)
{
    (void)state;
    odd = 0;
    unsigned n = sweep("mock://host/db", false, 1);
    assert_in_range(n, 30, SWEEP_MAX - 1);
    assert_int_equal(odd, 0);
}

/* The sweep is worth something only if a failure is one. */
static void an_allocation_that_fails_is_seen(void **state)
{
    tn_error err = TN_ERROR_INIT;

    (void)state;
    fail_allocations(1, 1);
    tn_config *config = tn_config_from_url("mockr://host/db", &err);
    fail_allocations(0, 0);
    assert_null(config);
    assert_int_equal(err.status, TN_NOMEM);
}

/* ---- threads --------------------------------------------------------------------------------- */

static void each_thread_may_be_refused(void **state)
{
    (void)state;
    odd = 0;
    for (unsigned n = 0; n < 12; n++) {
        atomic_store(&threads_left, n);
        flow("mockr://host/db", true);
        atomic_store(&threads_left, UINT32_MAX);
        await_that(mock_all_closed(m));
        mock_check_contract(m);
    }
    assert_int_equal(odd, 0);
}

static void without_threads_the_cause_is_told(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *session;

    (void)state;
    atomic_store(&threads_left, 0);
    assert_null(mock_try_open("mockr://host/db", "", &err));
    assert_int_equal(err.status, TN_RESOURCE);
    atomic_store(&threads_left, 1); /* upkeep's */
    assert_null(mock_try_open("mockr://host/db", "", &err));
    assert_int_equal(err.status, TN_RESOURCE);
    assert_contains(err.message, "no thread");
    mock_check(m);
    atomic_store(&threads_left, UINT32_MAX);
    tn_db *client = mock_open(m, "max_connections=2 pool_timeout=20");
    tn_db *held = kit_acquire(client);
    atomic_store(&threads_left, 0);
    assert_status(tn_acquire(client, &session, &err), TN_TIMEOUT);
    assert_contains(err.message, "no thread");
    tn_release(held);
    mock_fail(m, (mock_fault){.op = MOCK_RESET, .status = TN_FAILED});
    kit_exec(client);
    assert_status(tn_acquire(client, &session, &err), TN_RESOURCE);
    /* When there are threads again, there are connections again. */
    atomic_store(&threads_left, UINT32_MAX);
    tn__pool_of(client)->provider.pool_timeout_ms = 20000;
    tn_release(kit_acquire(client));
    mock_close(m, client);
}

/* ---- what is done often ---------------------------------------------------------------------- */

static atomic_uint refused;

static void *borrow_often(void *arg)
{
    tn__provider *provider = arg;

    for (int i = 0; i < 200; i++) {
        tn__conn *conn;
        if (provider->acquire(provider, TN_NO_DEADLINE, &conn, NULL) == TN_OK)
            provider->release(provider, conn);
        else
            atomic_fetch_add(&refused, 1);
    }
    return NULL;
}

/* Also under contention, when connections go from hand to hand. */
static void borrowing_allocates_nothing(void **state)
{
    pthread_t threads[CONTENDERS];
    tn_error err = TN_ERROR_INIT;

    (void)state;
    tn_db *client = mock_open(m, "max_connections=1 pool_timeout=60000");
    assert_ok(tn_exec(client, "a", NULL, NULL, &err), err);
    unsigned before = atomic_load(&allocations);
    for (int i = 0; i < 100; i++)
        assert_ok(tn_exec(client, "a", NULL, NULL, &err), err);
    atomic_store(&refused, 0);
    for (int i = 0; i < CONTENDERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, borrow_often, client->provider), 0);
    for (int i = 0; i < CONTENDERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&allocations) - before, 0);
    assert_int_equal(atomic_load(&refused), 0);
    /* A session is a handle of its own, which stays with the connection, but where a tool looks
     * for the use of freed memory. */
    before = atomic_load(&allocations);
    for (int i = 0; i < 10; i++)
        tn_release(kit_acquire(client));
#ifdef __SANITIZE_ADDRESS__
    assert_int_equal(atomic_load(&allocations) - before, 10);
#else
    assert_int_equal(atomic_load(&allocations) - before, 1);
#endif
    mock_close(m, client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup(name, setup)
        TEST(an_allocation_that_fails_is_seen),
        TEST(each_allocation_may_fail),
        TEST(memory_may_run_out),
        TEST(each_allocation_may_fail_with_a_local_driver),
        TEST(each_thread_may_be_refused),
        TEST(without_threads_the_cause_is_told),
        TEST(borrowing_allocates_nothing),
    };

    return cmocka_run_group_tests(tests, group_setup, NULL);
}
