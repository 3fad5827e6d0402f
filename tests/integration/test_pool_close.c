/* SPDX-License-Identifier: MIT */
/*
 * Closing a client that is in use, in every moment of its use: it ends by its deadline, tells who
 * is in the way, and leaves no session on the server.
 */
#include <stdatomic.h>

#include "faults/support/proxy.h"
#include "pool_client.h"

enum { LATE_MS = POOL_INSTRUMENTED ? 5000 : 500 };

static test_server server;
static PGconn *admin;

struct worker {
    pthread_t thread;
    tn_db *db;
    tn_status status;
    tn_error err;
    int64_t took_ms, timeout_ms;
};

static void expect_within(int64_t took_ms, int64_t limit_ms)
{
    if (took_ms > limit_ms + LATE_MS)
        fail_msg("took %d ms, %d ms were given", (int)took_ms, (int)limit_ms);
}

static void start(struct worker *w, void *(*run)(void *), tn_db *db)
{
    *w = (struct worker){.db = db, .timeout_ms = w->timeout_ms};
    assert_int_equal(pthread_create(&w->thread, NULL, run, w), 0);
}

static void await_running(int n)
{
    assert_true(test_server_wait(admin,
                                 "select count(*) from pg_stat_activity where usename = 'app'"
                                 " and state = 'active' and query like '%pg_sleep(30)%'",
                                 n));
}

static void *sleep_long(void *arg)
{
    struct worker *w = arg;

    w->status = tn_exec(w->db, "select pg_sleep(30)", NULL, NULL, &w->err);
    return NULL;
}

static void *acquire_and_release(void *arg)
{
    struct worker *w = arg;
    tn_db *session = NULL;
    int64_t begin = pool_now_ms();

    w->status = tn_acquire(w->db, &session, &w->err);
    w->took_ms = pool_now_ms() - begin;
    tn_release(session);
    return NULL;
}

static void *shut_down(void *arg)
{
    struct worker *w = arg;
    int64_t begin = pool_now_ms();

    w->status = tn_db_shutdown(w->db, w->timeout_ms, &w->err);
    w->took_ms = pool_now_ms() - begin;
    return NULL;
}

/* ---- close ---------------------------------------------------------------------------------- */

static void a_session_outlives_the_close(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *session;
    int32_t one = 0;

    (void)state;
    tn_db *db = pool_open(server.port, "max_connections=2 min_connections=2");
    expect_ok(tn_acquire(db, &session, &err));
    expect_status(tn_db_close(db, &err), TN_MISUSE);
    expect_ok(tn_get(session, "select 1", NULL, tn_into(&one), &err));
    tn_release(session);
    pool_expect_no_sessions(admin);
}

static void a_transaction_outlives_the_close(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *tx;

    (void)state;
    test_server_run(admin, "truncate t");
    tn_db *db = pool_open(server.port, "max_connections=2 min_connections=0");
    expect_ok(tn_begin(db, NULL, &tx, &err));
    expect_ok(tn_exec(tx, "insert into t values (1, 'x')", NULL, NULL, &err));
    expect_status(tn_db_close(db, &err), TN_MISUSE);
    expect_ok(tn_commit(tx, &err));
    pool_expect_no_sessions(admin);
    assert_int_equal(test_server_number(admin, "select count(*) from t"), 1);
}

static void rows_outlive_the_close(void **state)
{
    tn_error err = TN_ERROR_INIT;
    int rows_seen = 0;

    (void)state;
    tn_db *db = pool_open(server.port, "max_connections=2 min_connections=0");
    tn_rows *rows = tn_query(db, "select generate_series(1, 1000)", NULL);
    assert_true(tn_next(rows));
    expect_status(tn_db_close(db, &err), TN_MISUSE);
    for (rows_seen = 1; tn_next(rows); rows_seen++)
        continue;
    expect_ok(tn_close(rows, &err));
    assert_int_equal(rows_seen, 1000);
    pool_expect_no_sessions(admin);
}

/* ---- shutdown ------------------------------------------------------------------------------- */

static void shutdown_of_an_idle_client(void **state)
{
    tn_error err = TN_ERROR_INIT;

    (void)state;
    tn_db *db = pool_open(server.port, "max_connections=4 min_connections=4");
    int64_t begin = pool_now_ms();
    expect_ok(tn_db_shutdown(db, 20000, &err));
    expect_within(pool_now_ms() - begin, 0);
    pool_expect_no_sessions(admin);
}

static void what_runs_is_cancelled_in_time(void **state)
{
    tn_error err = TN_ERROR_INIT;
    struct worker sleepers[2] = {{.db = NULL}, {.db = NULL}};

    (void)state;
    tn_db *db = pool_open(server.port, "max_connections=2 min_connections=0");
    start(&sleepers[0], sleep_long, db);
    start(&sleepers[1], sleep_long, db);
    await_running(2);
    int64_t begin = pool_now_ms();
    expect_ok(tn_db_shutdown(db, 1500, &err));
    expect_within(pool_now_ms() - begin, 1500);
    for (int i = 0; i < 2; i++) {
        pthread_join(sleepers[i].thread, NULL);
        if (sleepers[i].status != TN_CANCELLED)
            expect_at(sleepers[i].status, TN_SHUTDOWN, &sleepers[i].err, "sleeper", __FILE__,
                      __LINE__);
    }
    pool_expect_no_sessions(admin);
}

static void what_ends_in_time_is_not_cancelled(void **state)
{
    tn_error err = TN_ERROR_INIT;
    struct worker w = {.timeout_ms = 20000};
    tn_db *session;
    int32_t one = 0;

    (void)state;
    tn_db *db = pool_open(server.port, "max_connections=2 min_connections=0");
    expect_ok(tn_acquire(db, &session, &err));
    start(&w, shut_down, db);
    /* A session goes on while the client is closing. */
    for (int i = 0; i < 20; i++)
        expect_ok(tn_get(session, "select 1 from pg_sleep(0.01)", NULL, tn_into(&one), &err));
    tn_release(session);
    pthread_join(w.thread, NULL);
    expect_at(w.status, TN_OK, &w.err, "shutdown", __FILE__, __LINE__);
    expect_within(w.took_ms, 1000);
    pool_expect_no_sessions(admin);
}

static void those_who_wait_are_sent_home(void **state)
{
    tn_error err = TN_ERROR_INIT;
    struct worker waiters[8], closer = {.timeout_ms = 20000};
    tn_db *session;

    (void)state;
    tn_db *db = pool_open(server.port, "max_connections=1 min_connections=1 pool_timeout=60000");
    expect_ok(tn_acquire(db, &session, &err));
    for (int i = 0; i < 8; i++)
        start(&waiters[i], acquire_and_release, db);
    assert_true(pool_await_waiting(db, 8));
    int64_t begin = pool_now_ms();
    start(&closer, shut_down, db);
    for (int i = 0; i < 8; i++) {
        pthread_join(waiters[i].thread, NULL);
        expect_at(waiters[i].status, TN_SHUTDOWN, &waiters[i].err, "acquire", __FILE__, __LINE__);
    }
    expect_within(pool_now_ms() - begin, 100);
    tn_release(session);
    pthread_join(closer.thread, NULL);
    expect_at(closer.status, TN_OK, &closer.err, "shutdown", __FILE__, __LINE__);
    pool_expect_no_sessions(admin);
}

static void who_is_in_the_way_is_told(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *session;
    char all[2048];

    (void)state;
    tn_db *db = pool_open(server.port, "max_connections=2 min_connections=0");
    expect_ok(tn_acquire(db, &session, &err));
    int64_t begin = pool_now_ms();
    expect_status(tn_db_shutdown(db, 500, &err), TN_TIMEOUT);
    expect_within(pool_now_ms() - begin, 500);
    tn_error_format(&err, all, sizeof(all));
    if (!strstr(all, "session for") || !strstr(all, "by thread"))
        fail_msg("the holder is not named: %s", all);
    tn_release(session);
    pool_expect_no_sessions(admin);
}

/* Only one of them may go on to close the handle: here the first, by what it was told. */
static void two_threads_shut_down(void **state)
{
    struct worker closers[2] = {{.timeout_ms = 3000}, {.timeout_ms = 3000}};
    tn_error err = TN_ERROR_INIT;
    tn_db *session;

    (void)state;
    tn_db *db = pool_open(server.port, "max_connections=2 min_connections=2");
    /* Held, so that the handle lives while both are in their calls. */
    expect_ok(tn_acquire(db, &session, &err));
    start(&closers[0], shut_down, db);
    start(&closers[1], shut_down, db);
    pool_pause_ms(100);
    tn_release(session);
    for (int i = 0; i < 2; i++) {
        pthread_join(closers[i].thread, NULL);
        expect_within(closers[i].took_ms, 3000);
        if (closers[i].status != TN_OK && closers[i].status != TN_SHUTDOWN)
            expect_at(closers[i].status, TN_MISUSE, &closers[i].err, "shutdown", __FILE__,
                      __LINE__);
    }
    pool_expect_no_sessions(admin);
}

/* Somebody waits for a connection that a silent server never lets come about. */
static void shutdown_while_connecting(void **state)
{
    const tn_call brief = {.size = sizeof(brief), .timeout_ms = 200};
    struct worker w = {.db = NULL};
    tn_error err = TN_ERROR_INIT;

    (void)state;
    test_proxy *proxy = test_proxy_start("127.0.0.1", server.port);
    tn_db *db = pool_open(test_proxy_port(proxy),
                          "max_connections=2 min_connections=0 pool_timeout=60000"
                          " connection_timeout=60000");
    test_proxy_mute(proxy);
    test_proxy_break(proxy, PROXY_RST);
    while (pool_stats(db).idle) /* until it has been noticed */
        assert_int_not_equal(tn_exec_with(db, &brief, "select 1", NULL, NULL, NULL), TN_OK);
    start(&w, acquire_and_release, db);
    assert_true(pool_await_waiting(db, 1));
    int64_t begin = pool_now_ms();
    tn_status status = tn_db_shutdown(db, 2000, &err);
    int64_t took = pool_now_ms() - begin;
    pthread_join(w.thread, NULL);
    test_proxy_stop(proxy);
    expect_status(status, TN_OK);
    expect_within(took, 2000);
    expect_at(w.status, TN_SHUTDOWN, &w.err, "acquire", __FILE__, __LINE__);
    pool_expect_no_sessions(admin);
}

/* A COMMIT under way is waited for, even when all else is cancelled. */
static tn_status commit_slowly(tn_db *tx, void *arg, tn_error *err)
{
    (void)arg;
    return tn_exec(tx, "insert into slow values (1)", NULL, NULL, err);
}

static void *run_slow_commit(void *arg)
{
    struct worker *w = arg;

    w->status = tn_transaction(w->db, NULL, commit_slowly, NULL, &w->err);
    return NULL;
}

static void a_commit_under_way_is_waited_for(void **state)
{
    struct worker w = {.db = NULL};
    tn_error err = TN_ERROR_INIT;

    (void)state;
    test_server_run(admin, "truncate slow");
    tn_db *db = pool_open(server.port, "max_connections=2 min_connections=0");
    start(&w, run_slow_commit, db);
    assert_true(test_server_wait(admin,
                                 "select count(*) from pg_stat_activity where usename = 'app'"
                                 " and state = 'active' and query ilike '%commit%'",
                                 1));
    /* The commit takes a second, the shutdown cancels after 0.4 s and waits until 4 s. */
    tn_status status = tn_db_shutdown(db, 4000, &err);
    pthread_join(w.thread, NULL);
    expect_status(status, TN_OK);
    expect_at(w.status, TN_OK, &w.err, "transaction", __FILE__, __LINE__);
    assert_int_equal(test_server_number(admin, "select count(*) from slow"), 1);
    pool_expect_no_sessions(admin);
}

static void make_tables(void)
{
    static const char *const setup[] = {
        "create table t (a int, b text)",
        "create table slow (a int)",
        "create function sleep_at_commit() returns trigger language plpgsql as"
        " 'begin perform pg_sleep(1); return null; end'",
        "create constraint trigger slow after insert on slow deferrable initially deferred"
        " for each row execute function sleep_at_commit()",
        "grant all on t, slow to app",
    };

    for (size_t i = 0; i < sizeof(setup) / sizeof(setup[0]); i++)
        test_server_run(admin, setup[i]);
}

int main(void)
{
    static const char *const settings[] = {"log_min_messages=fatal", "log_connections=off", NULL};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_session_outlives_the_close),
        cmocka_unit_test(a_transaction_outlives_the_close),
        cmocka_unit_test(rows_outlive_the_close),
        cmocka_unit_test(shutdown_of_an_idle_client),
        cmocka_unit_test(what_runs_is_cancelled_in_time),
        cmocka_unit_test(what_ends_in_time_is_not_cancelled),
        cmocka_unit_test(those_who_wait_are_sent_home),
        cmocka_unit_test(who_is_in_the_way_is_told),
        cmocka_unit_test(two_threads_shut_down),
        cmocka_unit_test(shutdown_while_connecting),
        cmocka_unit_test(a_commit_under_way_is_waited_for),
    };

    test_server_create(&server, settings, NULL, POOL_PASSWORD);
    admin = test_server_connect(&server, "app");
    make_tables();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    PQfinish(admin);
    test_server_remove(&server);
    return failed;
}
