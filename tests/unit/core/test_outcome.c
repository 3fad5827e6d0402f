/* SPDX-License-Identifier: MIT */
/* What became of a COMMIT whose answer was lost: asked on another connection, told as it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "pool_kit.h"

static mock *m, *plain;
static tn_db *client;

static const tn_outcome applied[] = {TN_OUTCOME_APPLIED};
static const tn_outcome not_applied[] = {TN_OUTCOME_NOT_APPLIED};
static const tn_outcome in_doubt[] = {TN_OUTCOME_IN_DOUBT};
static const tn_outcome forgotten[] = {TN_OUTCOME_NONE};
static const tn_outcome late[] = {TN_OUTCOME_IN_DOUBT, TN_OUTCOME_IN_DOUBT, TN_OUTCOME_APPLIED};

static const mock_fault lost_answer = {.op = MOCK_COMMIT,
                                       .status = TN_OUTCOME_UNKNOWN,
                                       .sqlstate = "08007",
                                       .message = "the connection was closed"};

static int group_setup(void **state)
{
    (void)state;
    m = mock_new("mockr", MOCK_CAPABILITIES | TN_CAP_REMOTE);
    plain = mock_new("mock", MOCK_CAPABILITIES);
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

/* A transaction whose COMMIT gets no answer. */
static tn_status lose(int64_t timeout_ms, tn_error *err)
{
    const tn_txn_options options = {.size = sizeof(options), .timeout_ms = timeout_ms};
    tn_error ignored = TN_ERROR_INIT;
    tn_db *tx;

    assert_ok(tn_begin(client, &options, &tx, &ignored), ignored);
    assert_ok(tn_exec(tx, "a", NULL, NULL, &ignored), ignored);
    mock_fail(m, lost_answer);
    return tn_commit(tx, err);
}

static void one_that_was_committed_is_a_success(void **state)
{
    tn_error err = TN_ERROR_INIT;

    (void)state;
    mock_outcomes(m, "4711", applied, 1);
    assert_ok(lose(0, &err), err);
    assert_int_equal(err.status, TN_OK);
    assert_int_equal(mock_count(m, MOCK_OUTCOME), 1);
    assert_int_equal(mock_count(m, MOCK_COMMIT), 1);
    /* The connection is not the one that was lost, and not the pool's. */
    assert_int_equal(mock_count(m, MOCK_OPEN), 1);
    assert_int_equal(kit_stats(client).total, 0);
    assert_int_equal(kit_destroyed(client, TN__WHY_BROKEN), 1);
}

static void one_that_was_not_is_lost_and_may_be_run_again(void **state)
{
    tn_error err = TN_ERROR_INIT;

    (void)state;
    mock_outcomes(m, "4711", not_applied, 1);
    assert_status(lose(0, &err), TN_LOST);
    assert_int_equal(err.status, TN_LOST);
    assert_string_equal(err.sqlstate, "08006");
    assert_int_equal(err.outcome, TN_OUTCOME_NOT_APPLIED);
    assert_int_equal(err.retry, TN_RETRY_TRANSACTION);
    assert_int_equal(err.phase, TN_PHASE_COMMIT);
    assert_true(err.discarded);
    assert_contains(err.message, "the connection was closed");
    assert_string_equal(err.transaction, "");
}

static void one_that_is_under_way_still_is_asked_about_again(void **state)
{
    tn_error err = TN_ERROR_INIT;

    (void)state;
    mock_outcomes(m, "4711", late, 3);
    mock_fail(m, (mock_fault){
                     .op = MOCK_OPEN, .times = 2, .status = TN_UNAVAILABLE, .sqlstate = "57P03"});
    assert_ok(lose(0, &err), err);
    assert_int_equal(mock_count(m, MOCK_OUTCOME), 3);
    assert_int_equal(mock_count(m, MOCK_OPEN), 5);
}

static void one_that_nobody_can_know_of_is_unknown(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_outcome outcome;

    (void)state;
    mock_outcomes(m, "4711", in_doubt, 1);
    assert_status(lose(120, &err), TN_OUTCOME_UNKNOWN);
    assert_string_equal(err.sqlstate, "08007");
    assert_int_equal(err.outcome, TN_OUTCOME_IN_DOUBT);
    assert_int_equal(err.retry, TN_RETRY_NO);
    assert_string_equal(err.transaction, "4711");
    assert_true(mock_count(m, MOCK_OUTCOME) >= 1);
    /* Asked later, with the name from the error. */
    mock_outcomes(m, "4711", not_applied, 1);
    assert_ok(tn_commit_outcome(client, err.transaction, 5000, &outcome, &err), err);
    assert_int_equal(outcome, TN_OUTCOME_NOT_APPLIED);
    mock_outcomes(m, "4711", in_doubt, 1);
    assert_ok(tn_commit_outcome(client, err.transaction, 50, &outcome, &err), err);
    assert_int_equal(outcome, TN_OUTCOME_IN_DOUBT);
}

/* The server no longer knows: asking on would be in vain. */
static void one_that_the_server_forgot_is_unknown_at_once(void **state)
{
    tn_error err = TN_ERROR_INIT;

    (void)state;
    mock_outcomes(m, "4711", forgotten, 1);
    assert_status(lose(0, &err), TN_OUTCOME_UNKNOWN);
    assert_string_equal(err.transaction, "4711");
    assert_int_equal(mock_count(m, MOCK_OUTCOME), 1);
}

/* What will not get better by itself ends the asking as well. */
static void a_wrong_password_ends_the_asking(void **state)
{
    tn_error err = TN_ERROR_INIT;

    (void)state;
    mock_outcomes(m, "4711", applied, 1);
    mock_fail(m, (mock_fault){.op = MOCK_OPEN, .status = TN_AUTH, .sqlstate = "28P01"});
    assert_status(lose(0, &err), TN_OUTCOME_UNKNOWN);
    assert_int_equal(mock_count(m, MOCK_OPEN), 1);
}

/* Without a name there is nothing to ask about. */
static void one_without_a_name_is_unknown(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_outcome outcome = TN_OUTCOME_APPLIED;

    (void)state;
    assert_status(lose(0, &err), TN_OUTCOME_UNKNOWN);
    assert_string_equal(err.transaction, "");
    assert_int_equal(mock_count(m, MOCK_OUTCOME), 0);
    assert_status(tn_commit_outcome(client, err.transaction, 10, &outcome, &err), TN_MISUSE);
    assert_status(tn_commit_outcome(client, NULL, 10, &outcome, &err), TN_MISUSE);
    tn_db *session = kit_acquire(client);
    assert_status(tn_commit_outcome(session, "1", 10, &outcome, &err), TN_MISUSE);
    tn_release(session);
    assert_int_equal(outcome, TN_OUTCOME_APPLIED);
}

static void a_driver_that_cannot_tell_says_so(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_outcome outcome;
    tn_db *tx;

    (void)state;
    tn_db *db = mock_open(plain, "");
    assert_ok(tn_begin(db, NULL, &tx, &err), err);
    mock_fail(plain, lost_answer);
    assert_status(tn_commit(tx, &err), TN_OUTCOME_UNKNOWN);
    assert_string_equal(err.transaction, "");
    assert_status(tn_commit_outcome(db, "1", 10, &outcome, &err), TN_UNSUPPORTED);
    mock_close(plain, db);
}

/* ---- run again ------------------------------------------------------------------------------- */

static tn_status count_calls(tn_db *tx, void *arg, tn_error *err)
{
    ++*(int *)arg;
    return tn_exec(tx, "a", NULL, NULL, err);
}

static void what_was_lost_is_run_again_when_asked(void **state)
{
    const tn_txn_options again = {.size = sizeof(again), .retries = 2, .retry_lost = true};
    const tn_txn_options not_again = {.size = sizeof(not_again), .retries = 2};
    tn_error err = TN_ERROR_INIT;
    int calls = 0;

    (void)state;
    mock_outcomes(m, "4711", not_applied, 1);
    mock_fail(m, lost_answer);
    assert_ok(tn_transaction(client, &again, count_calls, &calls, &err), err);
    assert_int_equal(calls, 2);
    assert_int_equal(mock_count(m, MOCK_COMMIT), 2);
    calls = 0;
    mock_fail(m, lost_answer);
    assert_status(tn_transaction(client, &not_again, count_calls, &calls, &err), TN_LOST);
    assert_int_equal(calls, 1);
    /* Before COMMIT: the server rolls back. */
    calls = 0;
    mock_fail(m, (mock_fault){.op = MOCK_EXECUTE, .status = TN_LOST, .sqlstate = "08006"});
    assert_ok(tn_transaction(client, &again, count_calls, &calls, &err), err);
    assert_int_equal(calls, 2);
    calls = 0;
    mock_fail(m, (mock_fault){.op = MOCK_BEGIN, .status = TN_LOST, .sqlstate = "08006"});
    assert_ok(tn_transaction(client, &again, count_calls, &calls, &err), err);
    assert_int_equal(calls, 1);
}

/* What may have been done is never done again. */
static void what_is_in_doubt_is_not_run_again(void **state)
{
    const tn_txn_options again = {
        .size = sizeof(again), .timeout_ms = 100, .retries = 2, .retry_lost = true};
    tn_error err = TN_ERROR_INIT;
    int calls = 0;

    (void)state;
    mock_outcomes(m, "4711", in_doubt, 1);
    mock_fail(m, lost_answer);
    assert_status(tn_transaction(client, &again, count_calls, &calls, &err), TN_OUTCOME_UNKNOWN);
    assert_int_equal(calls, 1);
    assert_int_equal(mock_count(m, MOCK_COMMIT), 1);
}

/* ---- cancelled ------------------------------------------------------------------------------- */

static void *cancel(void *arg)
{
    if (mock_await(m, 1)) {
        tn_cancel(arg);
        tn_cancel(client);
        mock_wake(m);
    }
    return NULL;
}

/* A cancel would only make the outcome unknown. */
static void a_cancel_during_commit_is_not_heard(void **state)
{
    tn_error err = TN_ERROR_INIT;
    pthread_t thread;
    tn_db *tx;

    (void)state;
    assert_ok(tn_begin(client, NULL, &tx, &err), err);
    mock_fail(m, (mock_fault){.op = MOCK_COMMIT, .wait = true});
    assert_int_equal(pthread_create(&thread, NULL, cancel, tx), 0);
    tn_status status = tn_commit(tx, &err);
    pthread_join(thread, NULL);
    assert_ok(status, err);
    assert_int_equal(kit_stats(client).idle, 1);
}

/* Lost answers, again and again, leave the pool as it was. */
static void the_pool_is_whole_afterwards(void **state)
{
    tn_error err = TN_ERROR_INIT;

    (void)state;
    mock_outcomes(m, "4711", applied, 1);
    mock_fault often = lost_answer;
    often.times = 500;
    mock_fail(m, often);
    for (int i = 0; i < 500; i++) {
        tn_db *tx;
        assert_ok(tn_begin(client, NULL, &tx, &err), err);
        assert_ok(tn_commit(tx, &err), err);
    }
    assert_int_equal(kit_stats(client).total, 0);
    assert_int_equal(mock_count(m, MOCK_OUTCOME), 500);
    assert_ok(tn_exec(client, "a", NULL, NULL, &err), err);
    assert_int_equal(kit_stats(client).total, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(one_that_was_committed_is_a_success),
        TEST(one_that_was_not_is_lost_and_may_be_run_again),
        TEST(one_that_is_under_way_still_is_asked_about_again),
        TEST(one_that_nobody_can_know_of_is_unknown),
        TEST(one_that_the_server_forgot_is_unknown_at_once),
        TEST(a_wrong_password_ends_the_asking),
        TEST(one_without_a_name_is_unknown),
        TEST(a_driver_that_cannot_tell_says_so),
        TEST(what_was_lost_is_run_again_when_asked),
        TEST(what_is_in_doubt_is_not_run_again),
        TEST(a_cancel_during_commit_is_not_heard),
        TEST(the_pool_is_whole_afterwards),
    };

    return cmocka_run_group_tests(tests, group_setup, NULL);
}
