/* SPDX-License-Identifier: MIT */
/*
 * core/pool, what time brings about: age, the minimum, connections that ended or were demoted while
 * they lay idle, those that are not given back. Time is moved by editing stamps.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <unistd.h>

#include <tenon/site.h>

#include "pool_kit.h"

enum { MANY = 40 };

static mock *m, *local;
static tn_db *client;

static int group_setup(void **state)
{
    (void)state;
    m = mock_new("mockr", MOCK_CAPABILITIES | TN_CAP_REMOTE);
    local = mock_new("mock", MOCK_CAPABILITIES);
    tn_log_set_level(TN_LOG_OFF);
    return 0;
}

static int setup(void **state)
{
    (void)state;
    mock_reset(m);
    mock_reset(local);
    client = NULL;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    kit_log_end();
    if (client)
        mock_close(m, client);
    return 0;
}

static tn__pool *pool(void)
{
    return tn__pool_of(client);
}

/* All idle ones were used, or made, so much earlier. */
static void age(int64_t used_s, int64_t made_s)
{
    tn__pool_lock(pool());
    for (tn__conn *conn = pool()->lists[TN__SLOT_IDLE]; conn; conn = conn->next) {
        conn->idle_since_ns -= used_s * TN__NS_PER_S;
        conn->created_ns -= made_s * TN__NS_PER_S;
    }
    tn__pool_unlock(pool());
}

static void fill(int n)
{
    tn_db *sessions[MANY];

    for (int i = 0; i < n; i++)
        sessions[i] = kit_acquire(client);
    for (int i = 0; i < n; i++)
        tn_release(sessions[i]);
    assert_int_equal(kit_stats(client).idle, n);
}

/* ---- the minimum ----------------------------------------------------------------------------- */

static void the_minimum_is_there_and_stays(void **state)
{
    (void)state;
    client = mock_open(m, "max_connections=8 min_connections=6");
    await_that(kit_stats(client).idle == 6);
    mock_fail(m, (mock_fault){.op = MOCK_RESET, .status = TN_FAILED});
    kit_exec(client);
    await_that(kit_stats(client).idle == 6);
    assert_int_equal(kit_stats(client).destroyed, 1);
    assert_int_equal(kit_stats(client).created, 7);
}

static void the_minimum_of_a_local_driver_stays_as_well(void **state)
{
    (void)state;
    client = mock_open(local, "max_connections=8 min_connections=3");
    await_that(kit_stats(client).idle == 3);
    mock_fail(local, (mock_fault){.op = MOCK_RESET, .status = TN_FAILED});
    kit_exec(client);
    await_that(kit_stats(client).idle == 3);
    mock_close(local, client);
    client = NULL;
}

/* A warm-up that fails is told, and tried again. */
static void a_minimum_that_cannot_be_had_is_told(void **state)
{
    (void)state;
    kit_log_begin(TN_LOG_WARN);
    mock_fail(m, (mock_fault){.op = MOCK_OPEN,
                              .nth = 2,
                              .times = 3,
                              .status = TN_UNAVAILABLE,
                              .sqlstate = "53300",
                              .message = "too many clients"});
    client = mock_open(m, "max_connections=4 min_connections=2");
    await_that(kit_stats(client).idle == 2);
    await_that(kit_log_count("connecting failed") >= 1);
    assert_int_equal(kit_log_count("too many clients"), kit_log_count("connecting failed"));
    assert_int_equal(kit_log_count("in a row"), kit_log_count("connecting failed"));
    tn__pool_lock(pool());
    uint64_t failures = pool()->connect_failures;
    tn__pool_unlock(pool());
    assert_int_equal(failures, 3);
}

static void a_local_minimum_that_cannot_be_had_is_told(void **state)
{
    (void)state;
    kit_log_begin(TN_LOG_WARN);
    mock_fail(local, (mock_fault){.op = MOCK_OPEN,
                                  .nth = 2,
                                  .times = 1,
                                  .status = TN_UNAVAILABLE,
                                  .message = "no such file"});
    client = mock_open(local, "max_connections=4 min_connections=2");
    await_that(kit_log_count("no such file") == 1);
    kit_look(client);
    await_that(kit_stats(client).idle == 2);
    mock_close(local, client);
    client = NULL;
}

/* Closing does not wait for an attempt of upkeep's own. */
static void closing_ends_what_upkeep_connects(void **state)
{
    (void)state;
    mock_fail(local, (mock_fault){.op = MOCK_OPEN, .nth = 2, .wait = true});
    client = mock_open(local, "max_connections=4 min_connections=2 connection_timeout=60000");
    assert_true(mock_await(local, 1));
    mock_close(local, client);
    client = NULL;
}

/* ---- age ------------------------------------------------------------------------------------- */

static void what_lies_idle_is_closed_down_to_the_minimum(void **state)
{
    (void)state;
    client = mock_open(m, "max_connections=6 min_connections=2 idle_timeout=60000");
    fill(6);
    age(30, 0);
    kit_look(client);
    assert_int_equal(kit_stats(client).total, 6);
    age(40, 0);
    kit_look(client);
    await_that(kit_stats(client).total == 2);
    assert_int_equal(kit_destroyed(client, TN__WHY_IDLE), 4);
    assert_int_equal(mock_open_connections(m), 2);
}

/* An eighth of the lifetime lies between the first and the last of those made together. */
static void lifetimes_end_one_by_one(void **state)
{
    int64_t first = TN_NO_DEADLINE, last = 0;
    int in_a_tick = 0, most = 0;
    int64_t ends[MANY];

    (void)state;
    client = mock_open(m, "max_connections=40 max_lifetime=3600000");
    fill(MANY);
    tn__pool_lock(pool());
    int n = 0;
    for (tn__conn *conn = pool()->lists[TN__SLOT_IDLE]; conn; conn = conn->next) {
        int64_t lives = tn__check_end_ns(pool(), conn) - conn->created_ns;
        ends[n++] = lives;
        first = lives < first ? lives : first;
        last = lives > last ? lives : last;
    }
    tn__pool_unlock(pool());
    assert_int_equal(n, MANY);
    assert_true(last <= 3600 * TN__NS_PER_S);
    assert_true(first >= 3600 * TN__NS_PER_S * 7 / 8);
    /* In no tenth of a percent of the lifetime do more than a quarter end. */
    for (int i = 0; i < n; i++) {
        in_a_tick = 0;
        for (int j = 0; j < n; j++)
            in_a_tick += ends[j] >= ends[i] && ends[j] < ends[i] + 3600 * TN__NS_PER_S / 1000;
        most = in_a_tick > most ? in_a_tick : most;
    }
    assert_true(most <= MANY / 4);
    age(0, 3600);
    kit_look(client);
    await_that(kit_stats(client).total == 0);
    assert_int_equal(kit_destroyed(client, TN__WHY_LIFETIME), MANY);
}

/* What upkeep sleeps until is the first of them. */
static void upkeep_wakes_for_the_first_that_ends(void **state)
{
    (void)state;
    client = mock_open(m, "max_connections=2 max_lifetime=60000 idle_timeout=0 leak_timeout=0");
    fill(2);
    tn__pool_lock(pool());
    int64_t due = pool()->upkeep_due_ns, first = TN_NO_DEADLINE;
    for (tn__conn *conn = pool()->lists[TN__SLOT_IDLE]; conn; conn = conn->next)
        first = tn__deadline_min(first, tn__check_end_ns(pool(), conn));
    tn__pool_unlock(pool());
    assert_true(due <= first + 2 * TN__NS_PER_MS);
}

/* ---- is it still there? ---------------------------------------------------------------------- */

/* Unused for over a tick of the kernel: what has come from the server is looked at, without a round
 * trip.
 */
static void one_that_ended_is_noticed_without_a_round_trip(void **state)
{
    tn_error err = TN_ERROR_INIT;

    (void)state;
    client = mock_open(m, "max_connections=2");
    tn__pool_lock(pool());
    pool()->lists[TN__SLOT_IDLE]->idle_since_ns -= 20 * TN__NS_PER_MS;
    tn__pool_unlock(pool());
    assert_ok(tn_exec(client, "a", NULL, NULL, &err), err);
    assert_int_equal(mock_count(m, MOCK_ALIVE), 1);
    assert_int_equal(mock_count(m, MOCK_PING), 0);
    tn__pool_lock(pool());
    pool()->lists[TN__SLOT_IDLE]->idle_since_ns -= 20 * TN__NS_PER_MS;
    tn__pool_unlock(pool());
    mock_fail(m, (mock_fault){.op = MOCK_ALIVE, .status = TN_LOST});
    assert_ok(tn_exec(client, "a", NULL, NULL, &err), err);
    assert_int_equal(mock_count(m, MOCK_OPEN), 1);
    assert_int_equal(mock_count(m, MOCK_PING), 0);
    assert_int_equal(kit_destroyed(client, TN__WHY_PING), 1);
}

/* After one was lost the others are asked, however short they lay. */
static void after_a_loss_the_others_are_asked(void **state)
{
    tn_error err = TN_ERROR_INIT;

    (void)state;
    client = mock_open(m, "max_connections=3");
    fill(3);
    mock_fail(m, (mock_fault){.op = MOCK_EXECUTE, .status = TN_LOST, .sqlstate = "08006"});
    assert_status(tn_exec(client, "a", NULL, NULL, &err), TN_LOST);
    mock_fail(m, (mock_fault){.op = MOCK_PING, .times = 2, .status = TN_LOST, .sqlstate = "08006"});
    assert_ok(tn_exec(client, "a", NULL, NULL, &err), err);
    assert_int_equal(mock_count(m, MOCK_PING), 2);
    assert_int_equal(mock_count(m, MOCK_OPEN), 2 + 1);
    assert_int_equal(kit_stats(client).total, 1);
    assert_ok(tn_exec(client, "a", NULL, NULL, &err), err);
    assert_int_equal(mock_count(m, MOCK_PING), 2);
}

/* Nobody answered for as long as a ping may take: the network is gone, not one connection. */
static void a_ping_without_an_answer_costs_one_wait_only(void **state)
{
    tn_error err = TN_ERROR_INIT;

    (void)state;
    client = mock_open(m, "max_connections=4 pool_timeout=1300");
    fill(4);
    age(2, 0);
    mock_fail(m, (mock_fault){.op = MOCK_PING, .times = 4, .wait = true});
    assert_status(tn_exec(client, "a", NULL, NULL, &err), TN_TIMEOUT);
    assert_int_equal(mock_count(m, MOCK_PING), 1);
    assert_int_equal(kit_stats(client).total, 0);
    assert_ok(tn_exec(client, "a", NULL, NULL, &err), err);
}

/* ---- a server that takes no writes any more -------------------------------------------------- */

static const tn_conn_info standby = {.size = sizeof(standby),
                                     .server = "Mock 9",
                                     .dialect = "mock",
                                     .endpoint = "nowhere",
                                     .note = "",
                                     .read_only = true};
static const mock_fault no_writes = {
    .op = MOCK_EXECUTE, .status = TN_READ_ONLY, .sqlstate = "25006"};

static void connections_of_a_demoted_server_go(void **state)
{
    tn_conn_info primary = standby;
    tn_error err = TN_ERROR_INIT;

    (void)state;
    primary.read_only = false;
    client = mock_open(m, "max_connections=3");
    fill(3);
    mock_set_info(m, &standby);
    mock_fail(m, no_writes);
    assert_status(tn_exec(client, "a", NULL, NULL, &err), TN_READ_ONLY);
    assert_true(err.discarded);
    /* The second says so when it is asked; the new one is of the new primary. */
    assert_int_equal(kit_stats(client).total, 2);
    tn_db *session = kit_acquire(client);
    assert_int_equal(kit_stats(client).total, 1);
    assert_int_equal(kit_destroyed(client, TN__WHY_DEMOTED), 3);
    assert_int_equal(mock_count(m, MOCK_PING), 2);
    mock_set_info(m, &primary);
    tn_release(session);
    assert_ok(tn_exec(client, "a", NULL, NULL, &err), err);
    assert_int_equal(kit_destroyed(client, TN__WHY_DEMOTED), 3);
}

/* A read-only transaction on a good server says 25006 as well. */
static void what_was_asked_to_read_only_stays(void **state)
{
    tn_error err = TN_ERROR_INIT;

    (void)state;
    client = mock_open(m, "max_connections=2");
    mock_fail(m, no_writes);
    assert_status(tn_exec(client, "a", NULL, NULL, &err), TN_READ_ONLY);
    assert_false(err.discarded);
    assert_int_equal(kit_stats(client).total, 1);
    assert_int_equal(kit_stats(client).destroyed, 0);
}

/* ---- those who do not give back -------------------------------------------------------------- */

static void who_does_not_give_back_is_reported_once(void **state)
{
    char expected[64];
    tn_error err = TN_ERROR_INIT;
    tn_db *session, *tx;

    (void)state;
    kit_log_begin(TN_LOG_WARN);
    client = mock_open(m, "max_connections=3 leak_timeout=20");
    int line = __LINE__ + 1;
    assert_ok(tn_acquire(client, &session, &err), err);
    await_that(kit_log_count("not given back") == 1);
    snprintf(expected, sizeof(expected), "session for 0.0 s by thread %d (test_upkeep.c:%d)",
             (int)gettid(), line);
    assert_int_equal(kit_log_count(expected), 1);
    assert_ok(tn_begin(client, NULL, &tx, &err), err);
    await_that(kit_log_count("not given back") == 2);
    assert_int_equal(kit_log_count("transaction for 0."), 1);
    for (int i = 0; i < 3; i++) {
        kit_look(client);
    }
    tn_release(session);
    assert_ok(tn_rollback(tx, &err), err);
    kit_look(client);
    assert_int_equal(kit_log_count("not given back"), 2);
    assert_int_equal(pool()->leaks, 2);
    assert_int_equal(tn_db_holders(client, NULL, 0), 0);
    /* The next holder of the same connection is another one. */
    assert_ok(tn_acquire(client, &session, &err), err);
    await_that(kit_log_count("not given back") == 3);
    tn_release(session);
}

static void leak_timeout_zero_reports_nobody(void **state)
{
    (void)state;
    kit_log_begin(TN_LOG_WARN);
    client = mock_open(m, "max_connections=1 leak_timeout=0");
    tn_db *session = kit_acquire(client);
    tn__pool_lock(pool());
    session->conn->lease.since_ns -= 3600 * TN__NS_PER_S;
    tn__pool_unlock(pool());
    kit_look(client);
    tn_release(session);
    assert_int_equal(kit_log_count("not given back"), 0);
}

static void holders_are_told_the_longest_first(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *sessions[4], *tx, *ret;
    tn_holder holders[4];

    (void)state;
    client = mock_open(m, "max_connections=5 pool_timeout=20000");
    for (int i = 0; i < 4; i++)
        sessions[i] = kit_acquire(client);
    assert_ok(tn_begin(client, NULL, &tx, &err), err);
    tn__pool_lock(pool());
    for (int i = 0; i < 4; i++)
        sessions[i]->conn->lease.since_ns -= (i == 2 ? 9 : i + 1) * TN__NS_PER_S;
    tn__pool_unlock(pool());
    assert_int_equal(tn_db_holders(client, holders, 4), 5);
    assert_in_range(holders[0].held_ms, 9000, 9999);
    assert_in_range(holders[1].held_ms, 4000, 4999);
    assert_in_range(holders[2].held_ms, 2000, 2999);
    assert_in_range(holders[3].held_ms, 1000, 1999);
    assert_string_equal(holders[0].what, "session");
    assert_int_equal(holders[0].thread, gettid());
    assert_contains(holders[0].file, "pool_kit.c");
    assert_int_equal(tn_db_holders(client, holders, 1), 5);
    assert_int_equal(tn_db_holders(client, NULL, 0), 5);
    pool()->provider.pool_timeout_ms = 10;
    assert_status(tn_acquire(client, &ret, &err), TN_TIMEOUT);
    assert_contains(err.detail, "session for 9.");
    assert_contains(err.detail, "and 2 more");
    for (int i = 0; i < 4; i++)
        tn_release(sessions[i]);
    assert_ok(tn_rollback(tx, &err), err);
}

/* A hand-over is signed for the one who gets it, also before that one is awake. */
static void a_hand_over_is_signed_for_its_receiver(void **state)
{
    borrower waiting;
    tn_holder holder;

    (void)state;
    client = mock_open(m, "max_connections=1 pool_timeout=20000");
    tn_db *session = kit_acquire(client);
    kit_borrow(&waiting, client);
    await_that(kit_stats(client).waiting == 1);
    tn__pool_lock(pool());
    int64_t thread = pool()->queue.first->caller.thread;
    tn__pool_unlock(pool());
    tn_release(session);
    assert_int_equal(tn_db_holders(client, &holder, 1), 1);
    assert_int_equal(holder.thread, thread);
    assert_true(thread != gettid());
    kit_join(&waiting);
}

/* A call site that found no connection is not held against the next. */
static void a_call_site_is_of_one_call(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_holder holder;
    tn_db *session, *ret;

    (void)state;
    client = mock_open(m, "max_connections=1 pool_timeout=20000");
    session = kit_acquire(client);
    pool()->provider.pool_timeout_ms = 10;
    assert_status(tn_acquire(client, &ret, &err), TN_TIMEOUT);
    pool()->provider.pool_timeout_ms = 20000;
    tn_release(session);
    assert_ok((tn_acquire)(client, &session, &err), err);
    assert_int_equal(tn_db_holders(client, &holder, 1), 1);
    assert_null(holder.file);
    tn_release(session);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(the_minimum_is_there_and_stays),
        TEST(the_minimum_of_a_local_driver_stays_as_well),
        TEST(a_minimum_that_cannot_be_had_is_told),
        TEST(a_local_minimum_that_cannot_be_had_is_told),
        TEST(closing_ends_what_upkeep_connects),
        TEST(what_lies_idle_is_closed_down_to_the_minimum),
        TEST(lifetimes_end_one_by_one),
        TEST(upkeep_wakes_for_the_first_that_ends),
        TEST(one_that_ended_is_noticed_without_a_round_trip),
        TEST(after_a_loss_the_others_are_asked),
        TEST(a_ping_without_an_answer_costs_one_wait_only),
        TEST(connections_of_a_demoted_server_go),
        TEST(what_was_asked_to_read_only_stays),
        TEST(who_does_not_give_back_is_reported_once),
        TEST(leak_timeout_zero_reports_nobody),
        TEST(holders_are_told_the_longest_first),
        TEST(a_hand_over_is_signed_for_its_receiver),
        TEST(a_call_site_is_of_one_call),
    };

    return cmocka_run_group_tests(tests, group_setup, NULL);
}
