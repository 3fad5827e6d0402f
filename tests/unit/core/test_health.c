/* SPDX-License-Identifier: MIT */
/* core/pool/health: what it says, that it asks on a connection of its own, and is back in time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support/mock_client.h"

static mock *m;

static int group_setup(void **state)
{
    (void)state;
    m = mock_new("mock", MOCK_CAPABILITIES);
    return 0;
}

static int setup(void **state)
{
    mock_reset(m);
    *state = mock_open(m, "max_connections=1 pool_timeout=10");
    return 0;
}

static int teardown(void **state)
{
    mock_close(m, *state);
    return 0;
}

static void a_healthy_one_says_who_it_is(void **state)
{
    const tn_conn_info info = {.size = sizeof(info),
                               .server = "Mock 9.1",
                               .dialect = "mocksql",
                               .endpoint = "host:1/db",
                               .note = "only a mock",
                               .verified = true,
                               .encrypted = true,
                               .read_only = true};

    mock_set_info(m, &info);
    tn_health health = tn_health_check(*state, 2000);
    assert_int_equal(health.status, TN_HEALTHY);
    assert_string_equal(health.driver, "mock");
    assert_string_equal(health.driver_version, "1.0.0");
    assert_string_equal(health.client, "libmock 1.2");
    assert_string_equal(health.server, "Mock 9.1");
    assert_string_equal(health.dialect, "mocksql");
    assert_string_equal(health.endpoint, "host:1/db");
    assert_string_equal(health.note, "only a mock");
    assert_true(health.server_verified && health.encrypted && health.read_only);
    assert_true(health.latency_us >= 0);
    assert_true(health.checked_at.us > INT64_C(1700000000) * 1000000);
    assert_int_equal(health.pool.max, 1);
    assert_int_equal(health.error.status, TN_OK);
    assert_string_equal(mock_trace(m), "open ping close");
}

/* A full pool is not a dead database. */
static void a_full_pool_is_healthy(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *session;

    assert_ok(tn_acquire(*state, &session, &err), err);
    tn_health health = tn_health_check(*state, 2000);
    assert_int_equal(health.status, TN_HEALTHY);
    assert_int_equal(health.pool.in_use, 1);
    assert_int_equal(health.pool.total, 1);
    assert_int_equal(mock_open_connections(m), 1);
    tn_release(session);
}

/* A dead database is not hidden by a connection that lies idle. */
static void a_database_that_is_gone_is_unhealthy(void **state)
{
    mock_fail(m, (mock_fault){.op = MOCK_OPEN,
                              .status = TN_UNAVAILABLE,
                              .sqlstate = "08001",
                              .message = "connection refused"});
    tn_health health = tn_health_check(*state, 2000);
    assert_int_equal(health.status, TN_UNHEALTHY);
    assert_int_equal(health.error.status, TN_UNAVAILABLE);
    assert_string_equal(health.error.message, "connection refused");
    assert_string_equal(health.driver, "mock");

    mock_fail(m, (mock_fault){.op = MOCK_PING, .status = TN_LOST, .sqlstate = "08006"});
    health = tn_health_check(*state, 2000);
    assert_int_equal(health.status, TN_UNHEALTHY);
    assert_int_equal(health.error.status, TN_LOST);
    assert_int_equal(mock_open_connections(m), 1);
    assert_int_equal(tn_health_check(*state, 2000).status, TN_HEALTHY);
}

static void silence_ends_with_the_timeout(void **state)
{
    mock_fail(m, (mock_fault){.op = MOCK_OPEN, .wait = true});
    tn_health health = tn_health_check(*state, 15);
    assert_int_equal(health.status, TN_UNHEALTHY);
    assert_int_equal(health.error.status, TN_TIMEOUT);
    assert_true(health.latency_us >= 15000);

    mock_fail(m, (mock_fault){.op = MOCK_PING, .wait = true});
    health = tn_health_check(*state, 15);
    assert_int_equal(health.error.status, TN_TIMEOUT);
    assert_int_equal(mock_open_connections(m), 1);
}

static void a_session_and_a_transaction_ask_their_own_connection(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *session, *tx;

    assert_ok(tn_acquire(*state, &session, &err), err);
    mock_clear(m);
    assert_int_equal(tn_health_check(session, 2000).status, TN_HEALTHY);
    assert_string_equal(mock_trace(m), "ping");
    assert_ok(tn_begin(session, NULL, &tx, &err), err);
    assert_int_equal(tn_health_check(tx, 2000).status, TN_HEALTHY);
    assert_int_equal(tn_health_check(session, 2000).status, TN_UNHEALTHY); /* its child is open */
    mock_fail(m, (mock_fault){.op = MOCK_PING, .status = TN_LOST, .sqlstate = "08006"});
    tn_health health = tn_health_check(tx, 2000);
    assert_int_equal(health.status, TN_UNHEALTHY);
    assert_true(health.error.discarded);
    assert_ok(tn_rollback(tx, &err), err);
    tn_release(session);
    assert_int_equal(mock_open_connections(m), 0);
}

static void a_handle_that_is_none_is_unhealthy(void **state)
{
    tn_health health = tn_health_check(NULL, 10);

    (void)state;
    assert_int_equal(health.status, TN_UNHEALTHY);
    assert_int_equal(health.error.status, TN_MISUSE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(a_healthy_one_says_who_it_is),
        TEST(a_full_pool_is_healthy),
        TEST(a_database_that_is_gone_is_unhealthy),
        TEST(silence_ends_with_the_timeout),
        TEST(a_session_and_a_transaction_ask_their_own_connection),
        TEST(a_handle_that_is_none_is_unhealthy),
    };

    return cmocka_run_group_tests(tests, group_setup, NULL);
}
