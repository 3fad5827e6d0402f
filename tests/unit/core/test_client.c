/* SPDX-License-Identifier: MIT */
/*
 * core/pool/client: what opening does with a configuration and a driver's options, which failures
 * to connect are tried again, the one client of a process. A pause of the first thread is only
 * noted, not slept.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>

#include <tenon/site.h>

#include "base/clock.h"
#include "pool/queue.h"
#include "support/mock_client.h"

enum { THREADS = 32, PAUSES_MAX = 16 };

static mock *m;
static int64_t pauses_ms[PAUSES_MAX];
static unsigned n_pauses;

static pthread_t first_thread;

bool __real_tn__waiter_sleep(tn__waiter *waiter, int64_t deadline_ns);
bool __wrap_tn__waiter_sleep(tn__waiter *waiter, int64_t deadline_ns);

/* Pauses of the thread that opens are over at once; who would wake it comes too late. */
bool __wrap_tn__waiter_sleep(tn__waiter *waiter, int64_t deadline_ns)
{
    if (!pthread_equal(pthread_self(), first_thread) || deadline_ns == TN_NO_DEADLINE)
        return __real_tn__waiter_sleep(waiter, deadline_ns);
    if (n_pauses < PAUSES_MAX)
        pauses_ms[n_pauses] = (deadline_ns - tn__now_ns()) / TN__NS_PER_MS;
    n_pauses++;
    return __real_tn__waiter_sleep(waiter, 0);
}

static int group_setup(void **state)
{
    (void)state;
    first_thread = pthread_self();
    setenv("TENON_NO_ENV", "1", 1);
    m = mock_new("mock", MOCK_CAPABILITIES);
    return 0;
}

static int setup(void **state)
{
    (void)state;
    mock_reset(m);
    n_pauses = 0;
    return 0;
}

/* ---- opening
 * ------------------------------------------------------------------------------------------ */

static void opening_connects_once(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_pool_stats stats;

    (void)state;
    tn_db *db = mock_try_open("mock://user:secret@host/db", "", &err);
    assert_non_null(db);
    assert_string_equal(mock_trace(m), "open_source open reset");
    tn_db_pool_stats(db, &stats);
    assert_int_equal(stats.total, 1);
    assert_int_equal(stats.idle, 1);
    assert_string_equal(tn_db_driver(db), "mock");
    assert_null(strstr(tn_db_url(db), "secret"));
    assert_contains(tn_db_url(db), "host/db");
    mock_close(m, db);
}

static void what_cannot_be_opened_leaves_nothing(void **state)
{
    tn_error err = TN_ERROR_INIT;

    (void)state;
    assert_null(tn_open(NULL, &err));
    assert_int_equal(err.status, TN_MISUSE);
    assert_null(mock_try_open("nosuchscheme://x", "", &err));
    assert_int_equal(err.status, TN_DRIVER);
    assert_int_equal(err.phase, TN_PHASE_LOAD);
    assert_null(mock_try_open("../../evil://x", "", &err));
    assert_int_equal(err.status, TN_CONFIG);
    assert_null(mock_try_open("", "", &err));
    assert_int_equal(err.status, TN_CONFIG);

    mock_fail(m, (mock_fault){.op = MOCK_OPEN_SOURCE, .status = TN_CONFIG});
    assert_null(mock_try_open("mock://x", "", &err));
    assert_int_equal(err.status, TN_CONFIG);
    mock_fail(m, (mock_fault){.op = MOCK_OPEN, .status = TN_AUTH, .sqlstate = "28P01"});
    assert_null(mock_try_open("mock://x", "", &err));
    assert_int_equal(err.status, TN_AUTH);
    assert_null(mock_try_open("mock://x", "max_connections=1 min_connections=2", &err));
    assert_int_equal(err.status, TN_CONFIG);
    mock_check(m);
}

/* ---- retries
 * ------------------------------------------------------------------------------------------ */

static void a_server_that_is_not_there_yet_is_tried_again(void **state)
{
    static const char *const codes[] = {"08001", "57P03", "53300"};
    tn_error err = TN_ERROR_INIT;

    (void)state;
    for (int i = 0; i < 3; i++) {
        setup(NULL);
        mock_fail(m,
                  (mock_fault){
                      .op = MOCK_OPEN, .times = 2, .status = TN_UNAVAILABLE, .sqlstate = codes[i]});
        tn_db *db = mock_try_open("mock://x", "log_level=off", &err);
        assert_non_null(db);
        assert_int_equal(mock_count(m, MOCK_OPEN), 3);
        assert_int_equal(n_pauses, 2);
        assert_in_range(pauses_ms[0], 790, 1000);
        assert_in_range(pauses_ms[1], 1590, 2000);
        mock_close(m, db);
    }
}

static void retries_end(void **state)
{
    tn_error err = TN_ERROR_INIT;

    (void)state;
    mock_fail(m, (mock_fault){.op = MOCK_OPEN,
                              .times = 100,
                              .status = TN_UNAVAILABLE,
                              .sqlstate = "08001",
                              .message = "refused"});
    assert_null(mock_try_open("mock://x", "log_level=off", &err));
    assert_int_equal(mock_count(m, MOCK_OPEN), 4);
    assert_int_equal(err.status, TN_UNAVAILABLE);
    assert_contains(err.message, "refused");
    mock_clear(m);
    assert_null(mock_try_open("mock://x", "log_level=off connect_retries=0", &err));
    assert_int_equal(mock_count(m, MOCK_OPEN), 1);
    mock_clear(m);
    /* No time for a pause of a second. */
    assert_null(mock_try_open("mock://x", "log_level=off connection_timeout=500", &err));
    assert_int_equal(mock_count(m, MOCK_OPEN), 1);
    mock_check(m);
}

static void what_will_not_get_better_is_not_tried_again(void **state)
{
    static const struct {
        tn_status status;
        const char *sqlstate;
    } cases[] = {{TN_AUTH, "28P01"},  {TN_AUTH, "3D000"},    {TN_CONFIG, NULL},
                 {TN_LOST, "08006"},  {TN_TIMEOUT, "57014"}, {TN_PROTOCOL, "08P01"},
                 {TN_FAILED, "XX000"}};
    tn_error err = TN_ERROR_INIT;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        setup(NULL);
        mock_fail(m, (mock_fault){.op = MOCK_OPEN,
                                  .status = cases[i].status,
                                  .sqlstate = cases[i].sqlstate});
        assert_null(mock_try_open("mock://x", "log_level=off", &err));
        assert_int_equal(err.status, cases[i].status);
        assert_int_equal(mock_count(m, MOCK_OPEN), 1);
        assert_int_equal(n_pauses, 0);
        mock_check(m);
    }
}

static void a_server_that_does_not_answer_is_given_up_in_time(void **state)
{
    tn_error err = TN_ERROR_INIT;

    (void)state;
    mock_fail(m, (mock_fault){.op = MOCK_OPEN, .times = 9, .wait = true});
    assert_null(mock_try_open("mock://x", "log_level=off connection_timeout=15", &err));
    assert_int_equal(err.status, TN_TIMEOUT);
    mock_check(m);
}

/* ---- the process's one client
 * --------------------------------------------------------------------------- */

static pthread_barrier_t barrier;

static void *first_use(void *arg)
{
    tn_db **ret = arg;

    pthread_barrier_wait(&barrier);
    *ret = tn_client(NULL);
    return NULL;
}

static void many_first_users_open_one(void **state)
{
    tn_error err = TN_ERROR_INIT;
    pthread_t threads[THREADS];
    tn_db *seen[THREADS];

    (void)state;
    setenv("DATABASE_URL", "mock://x", 1);
    for (int round = 0; round < 5; round++) {
        mock_clear(m);
        assert_int_equal(pthread_barrier_init(&barrier, NULL, THREADS), 0);
        for (int i = 0; i < THREADS; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, first_use, &seen[i]), 0);
        for (int i = 0; i < THREADS; i++)
            pthread_join(threads[i], NULL);
        pthread_barrier_destroy(&barrier);
        assert_non_null(seen[0]);
        for (int i = 1; i < THREADS; i++)
            assert_ptr_equal(seen[i], seen[0]);
        assert_int_equal(mock_count(m, MOCK_OPEN_SOURCE), 1);
        assert_ok(tn_client_shutdown(5000, &err), err);
        mock_check(m);
    }
    unsetenv("DATABASE_URL");
}

static void a_failed_opening_is_tried_again_by_the_next(void **state)
{
    tn_error err = TN_ERROR_INIT;

    (void)state;
    assert_ok(tn_client_shutdown(5000, &err), err); /* never opened */
    assert_null(tn_client(&err));
    assert_int_equal(err.status, TN_CONFIG);
    assert_contains(err.message, "DATABASE_URL");
    setenv("DATABASE_URL", "mock://x", 1);
    mock_fail(m, (mock_fault){.op = MOCK_OPEN, .status = TN_AUTH, .sqlstate = "28P01"});
    assert_null(tn_client(&err));
    assert_int_equal(err.status, TN_AUTH);
    assert_non_null(tn_client(&err));
    assert_ptr_equal(tn_client(&err), tn_client(&err));
    assert_ok(tn_client_shutdown(5000, &err), err);
    assert_ok(tn_client_shutdown(5000, &err), err);
    unsetenv("DATABASE_URL");
    mock_check(m);
}

static void shutdown_tells_what_is_in_use(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *session;

    (void)state;
    setenv("DATABASE_URL", "mock://x", 1);
    assert_ok(tn_acquire(tn_client(&err), &session, &err), err);
    tn_db *first = tn_client(&err);
    assert_status(tn_client_shutdown(0, &err), TN_TIMEOUT);
    assert_contains(err.message, "1 connections");
    assert_contains(err.detail, "session for 0.");
    assert_contains(err.detail, "test_client.c:");
    /* The handle stays one, whoever still has it. */
    assert_status(tn_exec(first, "a", NULL, NULL, &err), TN_SHUTDOWN);
    assert_string_equal(tn_db_url(first), "mock://x");
    tn_db *next = tn_client(&err);
    assert_ok(tn_exec(next, "a", NULL, NULL, &err), err);
    tn_release(session);
    assert_ok(tn_client_shutdown(5000, &err), err);
    unsetenv("DATABASE_URL");
    mock_check(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup(name, setup)
        TEST(opening_connects_once),
        TEST(what_cannot_be_opened_leaves_nothing),
        TEST(a_server_that_is_not_there_yet_is_tried_again),
        TEST(retries_end),
        TEST(what_will_not_get_better_is_not_tried_again),
        TEST(a_server_that_does_not_answer_is_given_up_in_time),
        TEST(many_first_users_open_one),
        TEST(a_failed_opening_is_tried_again_by_the_next),
        TEST(shutdown_tells_what_is_in_use),
    };

    return cmocka_run_group_tests(tests, group_setup, NULL);
}
