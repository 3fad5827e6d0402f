/* SPDX-License-Identifier: MIT */
/*
 * core/pool with a driver that connects over a network: threads that connect, what becomes of late
 * connections, the pause between attempts, what a failure to connect tells those who wait.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "pool_kit.h"

enum { BORROWERS = 8 };

static mock *m;
static tn_db *client;

static const mock_fault refused = {.op = MOCK_OPEN,
                                   .times = 1000,
                                   .status = TN_UNAVAILABLE,
                                   .sqlstate = "08001",
                                   .message = "refused"};

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
    client = NULL;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    if (client)
        mock_close(m, client);
    return 0;
}

/* The one connection of opening goes away, so that tests begin with none. */
static void open_empty(const char *settings)
{
    client = mock_open(m, settings);
    mock_fail(m, (mock_fault){.op = MOCK_RESET, .status = TN_FAILED});
    kit_exec(client);
    assert_int_equal(kit_stats(client).total, 0);
    mock_clear(m);
}

static tn__pool *pool(void)
{
    return tn__pool_of(client);
}

/* ---- the first ------------------------------------------------------------------------------- */

/* Without forgetting what was called. */
static void open_counted(const char *settings)
{
    tn_error err = TN_ERROR_INIT;

    client = mock_try_open("mockr://host/db", settings, &err);
    if (!client)
        fail_msg("%s", err.message);
}

static void the_first_is_made_here_where_nothing_blocks(void **state)
{
    (void)state;
    open_counted("max_connections=2");
    assert_false(mock_opened_here(m));
    mock_close(m, client);
    mock_reset(m);
    mock_prompt(m);
    open_counted("max_connections=2");
    assert_true(mock_opened_here(m));
    assert_int_equal(mock_count(m, MOCK_OPEN), 1);
    tn_db *first = kit_acquire(client), *second = kit_acquire(client);
    assert_false(mock_opened_here(m)); /* those behind it as ever */
    tn_release(first);
    tn_release(second);
}

/* What takes long is not waited for alone: threads take it over. */
static void a_first_that_takes_long_is_tried_again(void **state)
{
    (void)state;
    mock_prompt(m);
    mock_fail(m, (mock_fault){.op = MOCK_OPEN, .wait = true});
    open_counted("max_connections=2");
    assert_int_equal(mock_count(m, MOCK_OPEN), 2);
    assert_false(mock_opened_here(m));
    kit_exec(client);
}

static void a_first_that_is_refused_is_tried_again_later(void **state)
{
    tn_error err = TN_ERROR_INIT;
    mock_fault once = refused;

    (void)state;
    mock_prompt(m);
    once.times = 1;
    mock_fail(m, once);
    open_counted("max_connections=2 connect_retries=1");
    assert_int_equal(mock_count(m, MOCK_OPEN), 2);
    assert_true(mock_opened_here(m));
    mock_close(m, client);
    mock_reset(m);
    mock_prompt(m);
    mock_fail(m, refused);
    client = mock_try_open("mockr://host/db", "connect_retries=0", &err);
    assert_null(client);
    assert_status(err.status, TN_UNAVAILABLE);
    assert_string_equal(err.sqlstate, "08001");
    assert_int_equal(mock_count(m, MOCK_OPEN), 1);
}

/* It may have ended while it was made. */
static void a_new_one_is_looked_at_before_its_first_use(void **state)
{
    (void)state;
    mock_prompt(m);
    open_counted("max_connections=2");
    mock_fail(m, (mock_fault){.op = MOCK_ALIVE, .status = TN_LOST});
    kit_exec(client);
    assert_int_equal(mock_count(m, MOCK_ALIVE), 2); /* that one, and the one in its place */
    assert_int_equal(mock_count(m, MOCK_OPEN), 2);
    assert_int_equal(kit_destroyed(client, TN__WHY_PING), 1);
}

/* ---- connecting ------------------------------------------------------------------------------ */

static void at_most_four_connect_at_once(void **state)
{
    borrower borrowers[BORROWERS];

    (void)state;
    open_empty("max_connections=8");
    mock_fail(m, (mock_fault){.op = MOCK_OPEN, .times = BORROWERS, .wait = true});
    for (int i = 0; i < BORROWERS; i++)
        kit_borrow(&borrowers[i], client);
    await_that(kit_stats(client).waiting == BORROWERS);
    assert_true(mock_await(m, 4));
    assert_int_equal(mock_count(m, MOCK_OPEN), 4);
    assert_int_equal(kit_slots(client, TN__SLOT_OPENING), 4);
    mock_wake(m);
    await_that(mock_count(m, MOCK_OPEN) == 5);
    assert_true(mock_await(m, 4));
    for (int i = 0; i < BORROWERS - 1; i++)
        mock_wake(m);
    for (int i = 0; i < BORROWERS; i++)
        (void)kit_join_and_keep(&borrowers[i]);
    for (int i = 0; i < BORROWERS; i++) {
        assert_status(borrowers[i].status, TN_OK);
        tn_release(borrowers[i].session);
    }
    assert_int_equal(mock_count(m, MOCK_OPEN), BORROWERS);
    assert_int_equal(mock_peak_connections(m), BORROWERS);
}

/* An attempt that comes to nothing does not keep those who wait from the next one. */
static void one_that_takes_long_is_not_counted_on(void **state)
{
    borrower patient;

    (void)state;
    open_empty("max_connections=8");
    mock_fail(m, (mock_fault){.op = MOCK_OPEN, .wait = true});
    kit_borrow(&patient, client);
    (void)kit_join_and_keep(&patient);
    assert_status(patient.status, TN_OK);
    assert_int_equal(mock_count(m, MOCK_OPEN), 2);
    assert_int_equal(kit_slots(client, TN__SLOT_OPENING), 1);
    mock_wake(m);
    await_that(kit_slots(client, TN__SLOT_OPENING) == 0);
    assert_int_equal(kit_stats(client).idle, 1);
    tn_release(patient.session);
}

/* Who gave up paid for a connection: the next one gets it. */
static void what_comes_late_goes_to_the_pool(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *session;

    (void)state;
    open_empty("max_connections=2 pool_timeout=20");
    for (int i = 0; i < 3; i++) {
        mock_fail(m, (mock_fault){.op = MOCK_OPEN, .wait = true});
        assert_status(tn_acquire(client, &session, &err), TN_TIMEOUT);
        assert_string_equal(err.sqlstate, "08001");
        assert_int_equal(err.phase, TN_PHASE_CONNECT);
        assert_true(mock_await(m, 1));
        mock_wake(m);
        await_that(kit_stats(client).idle == 1);
        assert_int_equal(kit_stats(client).total, 1);
        tn__pool_of(client)->provider.pool_timeout_ms = 20000;
        mock_fail(m, (mock_fault){.op = MOCK_RESET, .status = TN_FAILED});
        kit_exec(client);
        tn__pool_of(client)->provider.pool_timeout_ms = 20;
        assert_int_equal(kit_stats(client).total, 0);
    }
    assert_int_equal(mock_count(m, MOCK_OPEN), 3);
    assert_int_equal(kit_stats(client).timeouts, 3);
}

/* Whatever the client library does, the caller is back by its own deadline. */
static void a_stuck_client_library_holds_up_nobody(void **state)
{
    const tn_call call = {.timeout_ms = 30};
    tn_error err = TN_ERROR_INIT;

    (void)state;
    open_empty("max_connections=1 pool_timeout=20000 connection_timeout=20000");
    mock_fail(m, (mock_fault){.op = MOCK_OPEN, .deaf = true});
    int64_t start = tn__now_ns();
    assert_status(tn_exec_with(client, &call, "a", NULL, NULL, &err), TN_TIMEOUT);
    int64_t took = (tn__now_ns() - start) / TN__NS_PER_MS;
    assert_in_range(took, 30, 5000);
    mock_wake(m);
    await_that(kit_stats(client).idle == 1);
    assert_ok(tn_exec(client, "a", NULL, NULL, &err), err);
}

/* Closing does not wait for it either; what it left is freed when it comes back. */
static void closing_does_not_wait_for_a_stuck_client_library(void **state)
{
    const tn_call call = {.timeout_ms = 10};
    tn_error err = TN_ERROR_INIT;

    (void)state;
    open_empty("max_connections=1");
    mock_fail(m, (mock_fault){.op = MOCK_OPEN, .deaf = true});
    assert_status(tn_exec_with(client, &call, "a", NULL, NULL, &err), TN_TIMEOUT);
    assert_true(mock_await(m, 1));
    tn_db *closed = client;
    client = NULL;
    assert_ok(tn_db_close(closed, &err), err);
    assert_int_equal(mock_count(m, MOCK_CLOSE_SOURCE), 0);
    mock_wake(m);
    await_that(mock_all_closed(m));
    mock_check(m);
}

/* One that waits for the socket is told to stop, and is over. */
static void closing_ends_what_connects(void **state)
{
    const tn_call call = {.timeout_ms = 10};
    tn_error err = TN_ERROR_INIT;

    (void)state;
    open_empty("max_connections=1 connection_timeout=60000");
    mock_fail(m, (mock_fault){.op = MOCK_OPEN, .wait = true});
    assert_status(tn_exec_with(client, &call, "a", NULL, NULL, &err), TN_TIMEOUT);
    mock_close(m, client);
    client = NULL;
}

/* ---- the server is away ---------------------------------------------------------------------- */

static void those_who_wait_are_served_when_the_server_is_back(void **state)
{
    borrower borrowers[BORROWERS];

    (void)state;
    open_empty("max_connections=4 pool_timeout=20000");
    mock_fail(m, (mock_fault){.op = MOCK_OPEN,
                              .times = 3,
                              .status = TN_UNAVAILABLE,
                              .sqlstate = "57P03",
                              .message = "starting up"});
    for (int i = 0; i < BORROWERS; i++)
        kit_use(&borrowers[i], client);
    for (int i = 0; i < BORROWERS; i++)
        kit_join(&borrowers[i]);
    for (int i = 0; i < BORROWERS; i++)
        assert_status(borrowers[i].status, TN_OK);
    assert_int_equal(kit_failures(client), 0);
    assert_true(mock_peak_connections(m) <= 4);
}

/* 100, 200, 400, 500, 500 ... ms, a fifth less at least: within a second at most 6 attempts, and
 * the four of the beginning. */
static void attempts_are_few_and_one_at_a_time(void **state)
{
    borrower borrowers[BORROWERS];

    (void)state;
    open_empty("max_connections=8 pool_timeout=1000");
    mock_fail(m, refused);
    for (int i = 0; i < BORROWERS; i++)
        kit_use(&borrowers[i], client);
    for (int i = 0; i < BORROWERS; i++)
        kit_join(&borrowers[i]);
    int64_t longest = 0;
    for (int i = 0; i < BORROWERS; i++) {
        assert_status(borrowers[i].status, TN_UNAVAILABLE);
        assert_contains(borrowers[i].err.message, "refused");
        assert_contains(borrowers[i].err.message, "no connection within");
        assert_true(borrowers[i].took_ms >= 1000);
        longest = borrowers[i].took_ms > longest ? borrowers[i].took_ms : longest;
    }
    assert_true(mock_count(m, MOCK_OPEN) >= 2);
    assert_true(mock_count(m, MOCK_OPEN) <= 4 + 4 + (unsigned)longest / 400);
    assert_int_equal(kit_stats(client).waiting, 0);
    await_that(kit_stats(client).total == 0); /* an attempt may be under way */
    assert_int_equal(kit_stats(client).timeouts, BORROWERS);
}

/* The next attempt is one, however many wait, and only when it is due. */
static void one_attempt_tests_the_water(void **state)
{
    borrower borrowers[BORROWERS];

    (void)state;
    open_empty("max_connections=8 pool_timeout=20000");
    tn__pool_lock(pool());
    pool()->gate = (tn__gate){
        .failures = 3, .failed_ns = tn__now_ns(), .retry_at_ns = tn__now_ns() + 60 * TN__NS_PER_S};
    tn__pool_unlock(pool());
    mock_fail(m, (mock_fault){.op = MOCK_OPEN, .times = 2, .wait = true});
    for (int i = 0; i < BORROWERS; i++)
        kit_use(&borrowers[i], client);
    await_that(kit_stats(client).waiting == BORROWERS);
    assert_true(mock_await(m, 1));
    assert_int_equal(mock_count(m, MOCK_OPEN), 1);
    mock_wake(m);
    await_that(mock_count(m, MOCK_OPEN) >= 2);
    assert_int_equal(kit_failures(client), 0);
    mock_wake(m);
    for (int i = 0; i < BORROWERS; i++)
        kit_join(&borrowers[i]);
    for (int i = 0; i < BORROWERS; i++)
        assert_status(borrowers[i].status, TN_OK);
}

/* Who has given up does not keep the pool busy: the next attempt comes with the next need. */
static void nobody_waits_and_nothing_is_tried(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *session;

    (void)state;
    open_empty("max_connections=2 pool_timeout=1");
    mock_fail(m, refused);
    assert_true(tn_acquire(client, &session, &err) != TN_OK);
    await_that(kit_failures(client) >= 1);
    tn__pool_lock(pool());
    bool wanted = tn__demand_due(pool()) != TN_NO_DEADLINE;
    tn__pool_unlock(pool());
    assert_false(wanted);
    mock_reset(m);
    pool()->provider.pool_timeout_ms = 20000;
    tn_release(kit_acquire(client));
    mock_reset(m); /* counts of what was open before the first reset are gone */
    assert_int_equal(kit_stats(client).total, 1);
    tn_db *closed = client;
    client = NULL;
    assert_ok(tn_db_close(closed, &err), err);
}

/* ---- what will not get better ---------------------------------------------------------------- */

static const mock_fault wrong_password = {.op = MOCK_OPEN,
                                          .times = 1000,
                                          .status = TN_AUTH,
                                          .sqlstate = "28P01",
                                          .message = "password authentication failed"};

static void a_wrong_password_fails_all_at_once_when_nothing_is_in_use(void **state)
{
    borrower borrowers[BORROWERS];

    (void)state;
    open_empty("max_connections=4 pool_timeout=60000");
    mock_fault slow = wrong_password;
    slow.wait = true;
    mock_fail(m, slow);
    for (int i = 0; i < BORROWERS; i++)
        kit_use(&borrowers[i], client);
    await_that(kit_stats(client).waiting == BORROWERS);
    assert_true(mock_await(m, 4));
    mock_wake(m);
    for (int i = 0; i < BORROWERS; i++)
        kit_join(&borrowers[i]);
    for (int i = 0; i < BORROWERS; i++) {
        assert_status(borrowers[i].status, TN_AUTH);
        assert_string_equal(borrowers[i].err.sqlstate, "28P01");
        assert_contains(borrowers[i].err.message, "password authentication failed");
        assert_true(borrowers[i].took_ms < 60000);
    }
    for (int i = 0; i < 3; i++)
        mock_wake(m);
    await_that(kit_slots(client, TN__SLOT_OPENING) == 0);
}

/* Connections that are in use may come back, so those who wait go on; in the end they are told. */
static void a_wrong_password_is_not_hidden_by_a_full_pool(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *ret;

    (void)state;
    client = mock_open(m, "max_connections=2 pool_timeout=30");
    tn_db *session = kit_acquire(client);
    mock_fail(m, wrong_password);
    assert_status(tn_acquire(client, &ret, &err), TN_TIMEOUT);
    assert_string_equal(err.sqlstate, "53300");
    assert_contains(err.message, "1 of 2 in use");
    assert_contains(err.message, "password authentication failed");
    assert_contains(err.detail, "password authentication failed");
    assert_contains(err.detail, "session for 0.");
    tn_release(session);
    tn_release(kit_acquire(client));
}

/* Opening a client is different: whoever opens wants to know, and gets the first failure. */
static void opening_a_client_fails_fast(void **state)
{
    tn_error err = TN_ERROR_INIT;

    (void)state;
    mock_fail(m, wrong_password);
    assert_null(mock_try_open("mockr://host/db", "", &err));
    assert_int_equal(err.status, TN_AUTH);
    assert_int_equal(mock_count(m, MOCK_OPEN), 1);
    mock_check(m);
    mock_reset(m);
    mock_fail(m, refused);
    assert_null(mock_try_open("mockr://host/db", "connect_retries=0", &err));
    assert_int_equal(err.status, TN_UNAVAILABLE);
    assert_int_equal(mock_count(m, MOCK_OPEN), 1);
    mock_check(m);
    mock_reset(m);
    mock_fail(m, (mock_fault){.op = MOCK_OPEN, .wait = true});
    assert_null(mock_try_open("mockr://host/db", "connection_timeout=20", &err));
    assert_int_equal(err.status, TN_TIMEOUT);
    mock_check(m);
}

/* ---- who waits ------------------------------------------------------------------------------- */

static void a_connection_that_comes_back_is_taken_before_a_new_one(void **state)
{
    borrower waiting;

    (void)state;
    client = mock_open(m, "max_connections=2 pool_timeout=20000");
    tn_db *session = kit_acquire(client);
    mock_fail(m, (mock_fault){.op = MOCK_OPEN, .wait = true});
    kit_borrow(&waiting, client);
    assert_true(mock_await(m, 1));
    tn__conn *conn = session->conn;
    tn_release(session);
    tn_db *got = kit_join_and_keep(&waiting);
    assert_status(waiting.status, TN_OK);
    assert_ptr_equal(got->conn, conn);
    mock_wake(m);
    await_that(kit_stats(client).idle == 1);
    tn_release(got);
}

/* An idle connection proves dead when its borrower's turn has come: it does not go to the end. */
static void who_got_a_dead_one_goes_to_the_front(void **state)
{
    borrower first, second;

    (void)state;
    client = mock_open(m, "max_connections=1 pool_timeout=20000");
    tn__pool_lock(pool());
    pool()->lists[TN__SLOT_IDLE]->idle_since_ns -= 2 * TN__NS_PER_S;
    tn__pool_unlock(pool());
    mock_fail(m,
              (mock_fault){.op = MOCK_PING, .status = TN_LOST, .sqlstate = "08006", .wait = true});
    mock_fail(m, (mock_fault){.op = MOCK_OPEN, .wait = true});
    kit_borrow(&first, client);
    assert_true(mock_await(m, 1)); /* it asks */
    kit_borrow(&second, client);
    await_that(kit_stats(client).waiting == 1);
    mock_wake(m);
    await_that(kit_stats(client).waiting == 2);
    assert_true(mock_await(m, 1)); /* another is being made */
    tn__pool_lock(pool());
    int64_t turn = pool()->queue.first->caller.thread, behind = pool()->queue.last->caller.thread;
    tn__pool_unlock(pool());
    mock_wake(m);
    tn_db *got = kit_join_and_keep(&first);
    assert_status(first.status, TN_OK);
    assert_int_equal(got->conn->lease.thread, turn);
    assert_true(turn != behind);
    assert_int_equal(kit_stats(client).waiting, 1);
    tn_release(got);
    kit_join(&second);
    assert_status(second.status, TN_OK);
    assert_int_equal(kit_destroyed(client, TN__WHY_PING), 1);
}

/* A ping that the borrower's own deadline cut off tells nothing of the other connections. */
static void a_short_deadline_costs_one_connection(void **state)
{
    const tn_call call = {.timeout_ms = 20};
    tn_error err = TN_ERROR_INIT;
    tn_db *sessions[3];

    (void)state;
    client = mock_open(m, "max_connections=3 pool_timeout=20000");
    for (int i = 0; i < 3; i++)
        sessions[i] = kit_acquire(client);
    for (int i = 0; i < 3; i++)
        tn_release(sessions[i]);
    tn__pool_lock(pool());
    for (tn__conn *conn = pool()->lists[TN__SLOT_IDLE]; conn; conn = conn->next)
        conn->idle_since_ns -= 2 * TN__NS_PER_S;
    tn__pool_unlock(pool());
    mock_fail(m, (mock_fault){.op = MOCK_PING, .times = 10, .wait = true});
    assert_status(tn_exec_with(client, &call, "a", NULL, NULL, &err), TN_TIMEOUT);
    assert_int_equal(mock_count(m, MOCK_PING), 1);
    assert_int_equal(kit_stats(client).idle, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(the_first_is_made_here_where_nothing_blocks),
        TEST(a_first_that_takes_long_is_tried_again),
        TEST(a_first_that_is_refused_is_tried_again_later),
        TEST(a_new_one_is_looked_at_before_its_first_use),
        TEST(at_most_four_connect_at_once),
        TEST(one_that_takes_long_is_not_counted_on),
        TEST(what_comes_late_goes_to_the_pool),
        TEST(a_stuck_client_library_holds_up_nobody),
        TEST(closing_does_not_wait_for_a_stuck_client_library),
        TEST(closing_ends_what_connects),
        TEST(those_who_wait_are_served_when_the_server_is_back),
        TEST(attempts_are_few_and_one_at_a_time),
        TEST(one_attempt_tests_the_water),
        TEST(nobody_waits_and_nothing_is_tried),
        TEST(a_wrong_password_fails_all_at_once_when_nothing_is_in_use),
        TEST(a_wrong_password_is_not_hidden_by_a_full_pool),
        TEST(opening_a_client_fails_fast),
        TEST(a_connection_that_comes_back_is_taken_before_a_new_one),
        TEST(who_got_a_dead_one_goes_to_the_front),
        TEST(a_short_deadline_costs_one_connection),
    };

    return cmocka_run_group_tests(tests, group_setup, NULL);
}
