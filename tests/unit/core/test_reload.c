/* SPDX-License-Identifier: MIT */
/* tn_reload(): another configuration for a running client; tn_suspend() and tn_resume(). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pool_kit.h"

enum { BORROWERS = 6 };

static mock *m, *other;
static tn_db *client;

static int group_setup(void **state)
{
    (void)state;
    m = mock_new("mockr", MOCK_CAPABILITIES | TN_CAP_REMOTE);
    other = mock_new("other", MOCK_CAPABILITIES);
    tn_log_set_level(TN_LOG_OFF);
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
    mock_close(m, client);
    return 0;
}

static tn_config *config(const char *url, const char *max)
{
    tn_error err = TN_ERROR_INIT;
    tn_config *ret = tn_config_from_url(url, &err);

    assert_non_null(ret);
    assert_ok(tn_config_set(ret, "min_connections", "0", &err), err);
    assert_ok(tn_config_set(ret, "max_connections", max, &err), err);
    return ret;
}

static tn_status reload(const char *url, const char *max, tn_error *err)
{
    tn_config *next = config(url, max);
    tn_status status = tn_reload(client, next, err);

    tn_config_free(next);
    return status;
}

/* ---- reload ---------------------------------------------------------------------------------- */

static void the_new_url_is_used_and_old_connections_go(void **state)
{
    tn_error err = TN_ERROR_INIT;

    (void)state;
    client = mock_open(m, "max_connections=3");
    tn_db *held = kit_acquire(client);
    tn_release(kit_acquire(client));
    assert_int_equal(kit_stats(client).total, 2);
    assert_ok(reload("mockr://user:other@new/db", "3", &err), err);
    assert_contains(tn_db_url(client), "new/db");
    assert_null(strstr(tn_db_url(client), "other"));
    /* The idle one is gone, the one in use is not disturbed. */
    assert_int_equal(kit_stats(client).total, 1);
    assert_int_equal(kit_destroyed(client, TN__WHY_REPLACED), 1);
    assert_ok(tn_exec(held, "a", NULL, NULL, &err), err);
    mock_clear(m);
    tn_release(held);
    assert_int_equal(kit_stats(client).total, 0);
    assert_int_equal(mock_count(m, MOCK_CLOSE_SOURCE), 1);
    assert_ok(tn_exec(client, "a", NULL, NULL, &err), err);
    assert_int_equal(mock_count(m, MOCK_OPEN), 1);
    assert_int_equal(kit_stats(client).total, 1);
}

static void a_configuration_that_does_not_work_changes_nothing(void **state)
{
    tn_error err = TN_ERROR_INIT;

    (void)state;
    client = mock_open(m, "max_connections=3");
    mock_fail(m,
              (mock_fault){.op = MOCK_OPEN, .url = "bad", .status = TN_AUTH, .sqlstate = "28P01"});
    assert_status(reload("mockr://bad/db", "1", &err), TN_AUTH);
    assert_string_equal(err.sqlstate, "28P01");
    mock_fail(m, (mock_fault){.op = MOCK_OPEN_SOURCE, .url = "worse", .status = TN_CONFIG});
    assert_status(reload("mockr://worse/db", "1", &err), TN_CONFIG);
    assert_status(reload("nosuchdriver://x/db", "1", &err), TN_DRIVER);
    assert_status(reload("other://x/db", "1", &err), TN_CONFIG);
    assert_contains(err.message, "driver other");
    assert_string_equal(tn_db_url(client), "mockr://host/db");
    assert_int_equal(kit_stats(client).max, 3);
    mock_clear(m);
    assert_ok(tn_exec(client, "a", NULL, NULL, &err), err);
    assert_int_equal(mock_count(m, MOCK_OPEN), 0);
    /* A replica that cannot be had is a configuration that does not work. */
    tn_config *next = config("mockr://new/db", "1");
    assert_ok(tn_config_set(next, "replica_url", "other://x/db", &err), err);
    assert_status(tn_reload(client, next, &err), TN_CONFIG);
    assert_contains(err.message, "DATABASE_REPLICA_URL");
    tn_config_free(next);
    assert_string_equal(tn_db_url(client), "mockr://host/db");
    mock_check_contract(other);
}

static void a_smaller_maximum_shrinks_and_a_larger_one_serves(void **state)
{
    tn_error err = TN_ERROR_INIT;
    borrower waiting[2];
    tn_db *held[3];

    (void)state;
    client = mock_open(m, "max_connections=3 pool_timeout=20000");
    for (int i = 0; i < 3; i++)
        held[i] = kit_acquire(client);
    assert_ok(reload("mockr://host/db", "1", &err), err);
    assert_int_equal(kit_stats(client).max, 1);
    for (int i = 0; i < 2; i++)
        kit_borrow(&waiting[i], client);
    await_that(kit_stats(client).waiting == 2);
    tn_release(held[0]);
    tn_release(held[1]);
    assert_int_equal(kit_stats(client).waiting, 2);
    assert_int_equal(kit_stats(client).total, 1);
    assert_ok(reload("mockr://host/db", "4", &err), err);
    for (int i = 0; i < 2; i++)
        (void)kit_join_and_keep(&waiting[i]);
    for (int i = 0; i < 2; i++) {
        assert_status(waiting[i].status, TN_OK);
        tn_release(waiting[i].session);
    }
    tn_release(held[2]);
    assert_int_equal(kit_stats(client).total, 2);
}

/* Who waits while the old server is away gets a connection of the new one. */
static void who_waits_goes_over(void **state)
{
    tn_error err = TN_ERROR_INIT;
    borrower waiting[BORROWERS];

    (void)state;
    client = mock_open(m, "max_connections=3 pool_timeout=60000");
    mock_fail(m, (mock_fault){.op = MOCK_RESET, .status = TN_FAILED});
    kit_exec(client);
    mock_fail(m, (mock_fault){.op = MOCK_OPEN,
                              .url = "//host/",
                              .times = 1000,
                              .status = TN_UNAVAILABLE,
                              .sqlstate = "08001"});
    for (int i = 0; i < BORROWERS; i++)
        kit_use(&waiting[i], client);
    await_that(kit_failures(client) > 1);
    assert_ok(reload("mockr://new/db", "3", &err), err);
    for (int i = 0; i < BORROWERS; i++)
        kit_join(&waiting[i]);
    for (int i = 0; i < BORROWERS; i++)
        assert_status(waiting[i].status, TN_OK);
    tn__pool_lock(tn__pool_of(client));
    int old = 0;
    for (tn__conn *conn = tn__pool_of(client)->lists[TN__SLOT_IDLE]; conn; conn = conn->next)
        old += strcmp(conn->source->url, "mockr://new/db") != 0;
    tn__pool_unlock(tn__pool_of(client));
    assert_int_equal(old, 0);
}

/* Attempts of the old configuration are ended, which is nobody's failure. */
static void attempts_under_way_are_replaced(void **state)
{
    tn_error err = TN_ERROR_INIT;
    borrower waiting[BORROWERS];

    (void)state;
    client = mock_open(m, "max_connections=6 pool_timeout=60000 connection_timeout=60000");
    mock_fail(m, (mock_fault){.op = MOCK_RESET, .status = TN_FAILED});
    kit_exec(client);
    mock_fail(m, (mock_fault){.op = MOCK_OPEN, .url = "//host/", .times = 1000, .wait = true});
    for (int i = 0; i < BORROWERS; i++)
        kit_use(&waiting[i], client);
    await_that(kit_stats(client).waiting == BORROWERS);
    assert_true(mock_await(m, 4));
    assert_ok(reload("mockr://new/db", "6", &err), err);
    for (int i = 0; i < BORROWERS; i++)
        kit_join(&waiting[i]);
    for (int i = 0; i < BORROWERS; i++)
        assert_ok(waiting[i].status, waiting[i].err);
    await_that(kit_slots(client, TN__SLOT_OPENING) + kit_slots(client, TN__SLOT_CLOSING) == 0);
    assert_int_equal(kit_failures(client), 0);
    assert_int_equal(tn__pool_of(client)->connect_failures, 0);
    assert_int_equal(tn__pool_of(client)->source->refs, 1 + kit_stats(client).total);
}

static void *work(void *arg)
{
    atomic_bool *stop = arg;
    uintptr_t failures = 0;

    while (!atomic_load(stop))
        failures += tn_exec(client, "a", NULL, NULL, NULL) != TN_OK;
    return (void *)failures;
}

static void *reload_often(void *arg)
{
    uintptr_t failures = 0;

    for (int i = 0; i < 30; i++)
        failures += reload(i % 2 ? "mockr://even/db" : "mockr://odd/db", i % 3 ? "3" : "2", NULL) !=
                    TN_OK;
    return (void *)((uintptr_t)arg * 0 + failures);
}

/* From two threads at once, while others work: nobody sees it. */
static void nobody_sees_a_reload(void **state)
{
    pthread_t workers[6], reloaders[2];
    atomic_bool stop = false;
    void *failures;

    (void)state;
    client = mock_open(m, "max_connections=3 pool_timeout=60000");
    for (int i = 0; i < 6; i++)
        assert_int_equal(pthread_create(&workers[i], NULL, work, &stop), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&reloaders[i], NULL, reload_often, NULL), 0);
    for (int i = 0; i < 2; i++) {
        pthread_join(reloaders[i], &failures);
        assert_null(failures);
    }
    atomic_store(&stop, true);
    for (int i = 0; i < 6; i++) {
        pthread_join(workers[i], &failures);
        assert_null(failures);
    }
    assert_int_equal(kit_stats(client).in_use, 0);
    assert_true(mock_peak_connections(m) <= 3 + 2); /* and the one that proves it works */
}

static void without_a_configuration_it_is_read_anew(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *session;

    (void)state;
    client = mock_open(m, "max_connections=3");
    assert_status(tn_reload(client, NULL, &err), TN_CONFIG);
    setenv("DATABASE_URL", "mockr://loaded/db", 1);
    assert_ok(tn_reload(client, NULL, &err), err);
    unsetenv("DATABASE_URL");
    assert_string_equal(tn_db_url(client), "mockr://loaded/db");
    session = kit_acquire(client);
    assert_status(tn_reload(session, NULL, &err), TN_MISUSE);
    tn_release(session);
    assert_status(tn_reload(NULL, NULL, &err), TN_MISUSE);
}

/* ---- suspend --------------------------------------------------------------------------------- */

static void a_suspended_client_hands_out_nothing(void **state)
{
    tn_error err = TN_ERROR_INIT;
    borrower waiting[3];
    tn_db *ret;

    (void)state;
    client = mock_open(m, "max_connections=2 pool_timeout=20000");
    tn_db *held = kit_acquire(client);
    assert_status(tn_suspend(client, 10, &err), TN_TIMEOUT);
    assert_contains(err.message, "1 connections are still in use");
    tn_release(held);
    assert_ok(tn_suspend(client, 0, &err), err);
    for (int i = 0; i < 3; i++)
        kit_use(&waiting[i], client);
    await_that(kit_stats(client).waiting == 3);
    tn__pool_of(client)->provider.pool_timeout_ms = 10;
    assert_status(tn_acquire(client, &ret, &err), TN_TIMEOUT);
    assert_contains(err.message, "suspended by tn_suspend()");
    tn__pool_of(client)->provider.pool_timeout_ms = 20000;
    assert_int_equal(kit_stats(client).in_use, 0);
    assert_int_equal(mock_count(m, MOCK_OPEN), 0);
    tn_resume(client);
    for (int i = 0; i < 3; i++)
        kit_join(&waiting[i]);
    for (int i = 0; i < 3; i++)
        assert_status(waiting[i].status, TN_OK);
    /* The database may have been restarted meanwhile: what lay idle was asked. */
    assert_true(mock_count(m, MOCK_PING) >= 1);
}

static void *resume(void *arg)
{
    tn_resume(arg);
    return NULL;
}

/* Suspending ends when it is resumed; what is given back meanwhile wakes it. */
static void suspending_waits_for_what_is_in_use(void **state)
{
    tn_error err = TN_ERROR_INIT;
    pthread_t thread;

    (void)state;
    client = mock_open(m, "max_connections=2");
    tn_db *held = kit_acquire(client);
    assert_int_equal(pthread_create(&thread, NULL, resume, client), 0);
    tn_status status = tn_suspend(client, 50, &err);
    pthread_join(thread, NULL);
    assert_true(status == TN_OK || status == TN_TIMEOUT); /* whichever came first */
    tn_resume(client);
    tn_release(held);
    tn_release(kit_acquire(client));
    assert_status(tn_suspend(NULL, 0, &err), TN_MISUSE);
    tn_resume(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(the_new_url_is_used_and_old_connections_go),
        TEST(a_configuration_that_does_not_work_changes_nothing),
        TEST(a_smaller_maximum_shrinks_and_a_larger_one_serves),
        TEST(who_waits_goes_over),
        TEST(attempts_under_way_are_replaced),
        TEST(nobody_sees_a_reload),
        TEST(without_a_configuration_it_is_read_anew),
        TEST(a_suspended_client_hands_out_nothing),
        TEST(suspending_waits_for_what_is_in_use),
    };

    return cmocka_run_group_tests(tests, group_setup, NULL);
}
