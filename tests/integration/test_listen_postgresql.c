/* SPDX-License-Identifier: MIT */
/* tn_listen() and tn_notify() on a server of their own, which is restarted, cut off and killed. */
#include "faults/support/proxy.h"
#include "pool_client.h"

enum {
    LONG_MS = 30000,
    SENDERS = 4,
    TRANSACTIONS = POOL_INSTRUMENTED ? 5 : 25,
    IN_ONE = 1000, /* notifications of one transaction */
    ALL = SENDERS * TRANSACTIONS * IN_ONE
};

static test_server server;
static PGconn *admin;

static tn_listener *listen_to(tn_db *db, const char *channel)
{
    tn_error err = TN_ERROR_INIT;
    tn_listener *l = tn_listen(db, channel, &err);

    if (!l)
        tn_error_print(stderr, &err);
    assert_non_null(l);
    return l;
}

static tn_event next(tn_listener *l)
{
    tn_error err = TN_ERROR_INIT;
    tn_event event = {.kind = TN_EVENT_NOTIFICATION};

    expect_ok(tn_listen_next(l, LONG_MS, &event, &err));
    return event;
}

static void expect_notified(tn_listener *l, const char *channel, const char *payload)
{
    tn_event event = next(l);

    assert_int_equal(event.kind, TN_EVENT_NOTIFICATION);
    assert_int_equal(event.channel.len, strlen(channel));
    assert_memory_equal(event.channel.ptr, channel, strlen(channel));
    assert_int_equal(event.payload.len, strlen(payload));
    assert_memory_equal(event.payload.ptr, payload, strlen(payload));
    assert_true(event.sender > 0);
}

static void expect_quiet(tn_listener *l)
{
    tn_error err = TN_ERROR_INIT;
    tn_event event;

    expect_status(tn_listen_next(l, 50, &event, &err), TN_TIMEOUT);
}

static void expect_gap(tn_listener *l)
{
    assert_int_equal(next(l).kind, TN_EVENT_GAP);
}

/* The process that serves the listener. */
static int listening_backend(void)
{
    return (int)test_server_number(
        admin, "select pid from pg_stat_activity where usename = 'app' and query like 'LISTEN%'");
}

/* ---- what is told ---------------------------------------------------------------------------- */

static void names_and_payloads_come_as_they_are(void **state)
{
    static const char *const names[] = {
        "plain",
        "MixedCase",
        "with \"quotes\" and ; -- comment",
        "$1",
        "select",
        "gr\xc3\xbc\xc3\x9f",
        "123456789012345678901234567890123456789012345678901234567890123"};
    tn_error err = TN_ERROR_INIT;
    char longest[8001];

    (void)state;
    tn_db *db = pool_open(server.port, "max_connections=2");
    tn_listener *l = listen_to(db, NULL);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        expect_ok(tn_listen_add(l, names[i], &err));
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        expect_ok(tn_notify(db, names[i], names[i], &err));
        expect_notified(l, names[i], names[i]);
    }
    expect_ok(tn_notify(db, "mixedcase", "not listened to", &err));
    expect_ok(tn_notify(db, "plain", NULL, &err));
    expect_notified(l, "plain", "");
    memset(longest, 'x', sizeof(longest));
    longest[8000] = '\0';
    expect_error(tn_notify(db, "plain", longest, &err), TN_DATA, "22023");
    longest[7999] = '\0';
    expect_ok(tn_notify(db, "plain", longest, &err));
    expect_notified(l, "plain", longest);
    expect_ok(tn_listen_remove(l, "plain", &err));
    expect_ok(tn_notify(db, "plain", "not any more", &err));
    expect_quiet(l);
    tn_unlisten(l);
    expect_ok(tn_db_close(db, &err));
    pool_expect_no_sessions(admin);
}

static void what_is_told_is_what_was_committed(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *tx, *inner;

    (void)state;
    tn_db *db = pool_open(server.port, "max_connections=1 min_connections=0");
    /* Not one of the pool's: that one is in use. */
    expect_ok(tn_begin(db, NULL, &tx, &err));
    tn_listener *l = listen_to(db, "c");
    expect_ok(tn_notify(tx, "c", "1", &err));
    expect_ok(tn_notify(tx, "c", "2", &err));
    expect_ok(tn_notify(tx, "c", "1", &err)); /* told once */
    expect_ok(tn_begin(tx, NULL, &inner, &err));
    expect_ok(tn_notify(inner, "c", "undone", &err));
    expect_ok(tn_rollback(inner, &err));
    expect_ok(tn_notify(tx, "c", "3", &err));
    expect_quiet(l);
    expect_ok(tn_commit(tx, &err));
    expect_notified(l, "c", "1");
    expect_notified(l, "c", "2");
    expect_notified(l, "c", "3");
    expect_ok(tn_begin(db, NULL, &tx, &err));
    expect_ok(tn_notify(tx, "c", "never", &err));
    expect_ok(tn_rollback(tx, &err));
    expect_quiet(l);
    tn_unlisten(l);
    expect_ok(tn_db_close(db, &err));
}

typedef struct sender {
    pthread_t thread;
    tn_db *db;
    int number;
    tn_status status;
    tn_error err;
} sender;

static void *send_many(void *arg)
{
    sender *s = arg;

    for (int i = 0; i < TRANSACTIONS && s->status == TN_OK; i++)
        s->status = tn_exec(s->db,
                            "select pg_notify('many', $1::int4 || ':' || g)"
                            " from generate_series($2::int4, $3::int4) g",
                            tn_args(s->number, i * IN_ONE, (i + 1) * IN_ONE - 1), NULL, &s->err);
    return NULL;
}

/* Each sender's in its order, none missing, none twice. */
static void a_hundred_thousand_come_in_order(void **state)
{
    tn_error err = TN_ERROR_INIT;
    sender senders[SENDERS];
    int expected[SENDERS] = {0}, number, n;
    char text[32];

    (void)state;
    tn_db *db = pool_open(server.port, "max_connections=4");
    tn_listener *l = listen_to(db, "many");
    for (int i = 0; i < SENDERS; i++) {
        senders[i] = (sender){.db = db, .number = i};
        assert_int_equal(pthread_create(&senders[i].thread, NULL, send_many, &senders[i]), 0);
    }
    int64_t begun = pool_now_ms();
    for (int i = 0; i < ALL; i++) {
        tn_event event = next(l);
        if (event.kind != TN_EVENT_NOTIFICATION || event.payload.len >= sizeof(text))
            fail_msg("event %d is of kind %d", i, (int)event.kind);
        memcpy(text, event.payload.ptr, event.payload.len);
        text[event.payload.len] = '\0';
        if (sscanf(text, "%d:%d", &number, &n) != 2 || number < 0 || number >= SENDERS ||
            n != expected[number]++)
            fail_msg("event %d is \"%s\"", i, text);
    }
    print_message("%d notifications in %lld ms\n", ALL, (long long)(pool_now_ms() - begun));
    for (int i = 0; i < SENDERS; i++) {
        pthread_join(senders[i].thread, NULL);
        err = senders[i].err;
        expect_ok(senders[i].status);
        assert_int_equal(expected[i], TRANSACTIONS * IN_ONE);
    }
    expect_quiet(l);
    tn_unlisten(l);
    expect_ok(tn_db_close(db, &err));
}

/* ---- losses ---------------------------------------------------------------------------------- */

static void a_session_that_was_killed_is_a_gap(void **state)
{
    tn_error err = TN_ERROR_INIT;
    char sql[64];

    (void)state;
    tn_db *db = pool_open(server.port, "max_connections=2");
    tn_listener *l = listen_to(db, "c");
    expect_ok(tn_listen_add(l, "d", &err));
    for (int i = 0; i < 3; i++) {
        expect_ok(tn_notify(db, "c", "before", &err));
        expect_notified(l, "c", "before");
        int pid = listening_backend();
        assert_true(pid > 0);
        snprintf(sql, sizeof(sql), "select pg_terminate_backend(%d)::int", pid);
        assert_int_equal(test_server_number(admin, sql), 1);
        snprintf(sql, sizeof(sql), "select count(*) from pg_stat_activity where pid = %d", pid);
        assert_true(test_server_wait(admin, sql, 0));
        expect_ok(tn_notify(db, "c", "nobody hears it", &err));
        expect_gap(l);
        expect_ok(tn_notify(db, "c", "1", &err));
        expect_ok(tn_notify(db, "d", "2", &err));
        expect_notified(l, "c", "1");
        expect_notified(l, "d", "2");
        expect_quiet(l);
    }
    tn_unlisten(l);
    expect_ok(tn_db_close(db, &err));
    pool_expect_no_sessions(admin);
}

typedef struct waiter {
    pthread_t thread;
    tn_listener *l;
    tn_event event;
    tn_status status;
    tn_error err;
} waiter;

static void *wait_long(void *arg)
{
    waiter *w = arg;

    w->status = tn_listen_next(w->l, LONG_MS, &w->event, &w->err);
    return NULL;
}

static void wait_on_a_thread(waiter *w, tn_listener *l)
{
    *w = (waiter){.l = l};
    assert_int_equal(pthread_create(&w->thread, NULL, wait_long, w), 0);
}

static void a_restart_is_a_gap(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_event event;
    waiter w;

    (void)state;
    tn_db *db = pool_open(server.port, "max_connections=2");
    tn_listener *l = listen_to(db, "c");
    PQfinish(admin);
    wait_on_a_thread(&w, l);
    assert_true(test_server_stop(&server, true));
    assert_true(test_server_start(&server));
    assert_true(test_server_wait_ready(&server));
    admin = test_server_connect(&server, "app");
    pthread_join(w.thread, NULL);
    err = w.err;
    expect_ok(w.status);
    assert_int_equal(w.event.kind, TN_EVENT_GAP);
    expect_ok(tn_notify(db, "c", "1", &err));
    expect_notified(l, "c", "1");
    /* While it is away, the error says so. */
    assert_true(test_server_stop(&server, true));
    PQfinish(admin);
    expect_status(tn_listen_next(l, 300, &event, &err), TN_UNAVAILABLE);
    assert_true(test_server_start(&server));
    admin = test_server_connect(&server, "app");
    expect_gap(l);
    expect_quiet(l);
    tn_unlisten(l);
    expect_ok(tn_db_close(db, &err));
}

/* Neither FIN nor RST: only the sign of life that does not come tells. */
static void silence_is_noticed(void **state)
{
    const tn_listen_options options = {
        .size = sizeof(options), .ping_interval_ms = 200, .ping_timeout_ms = 300};
    tn_error err = TN_ERROR_INIT;
    tn_event event;

    (void)state;
    test_proxy *proxy = test_proxy_start("127.0.0.1", server.port);
    assert_non_null(proxy);
    tn_db *db = pool_open(test_proxy_port(proxy), "max_connections=1 min_connections=0");
    tn_db *direct = pool_open(server.port, "max_connections=1");
    tn_listener *l = tn_listen_with(db, &options, "c", &err);
    assert_non_null(l);
    /* A good line stays, however quiet it is. */
    expect_status(tn_listen_next(l, 1200, &event, &err), TN_TIMEOUT);
    expect_ok(tn_notify(direct, "c", "1", &err));
    expect_notified(l, "c", "1");
    test_proxy_hold(proxy);
    int64_t begun = pool_now_ms();
    expect_status(tn_listen_next(l, 1200, &event, &err), TN_TIMEOUT);
    assert_true(strstr(err.message, "no connection to listen on yet"));
    print_message("given up and %lld ms later still cut off\n", (long long)(pool_now_ms() - begun));
    expect_ok(tn_notify(direct, "c", "missed", &err));
    test_proxy_release(proxy);
    expect_gap(l);
    expect_ok(tn_notify(direct, "c", "2", &err));
    expect_notified(l, "c", "2");
    tn_unlisten(l);
    expect_ok(tn_db_close(db, &err));
    expect_ok(tn_db_close(direct, &err));
    test_proxy_stop(proxy);
}

/* ---- the end --------------------------------------------------------------------------------- */

static void a_shutdown_ends_who_waits(void **state)
{
    tn_error err = TN_ERROR_INIT;
    waiter w;

    (void)state;
    tn_db *db = pool_open(server.port, "max_connections=2");
    tn_listener *l = listen_to(db, "c");
    wait_on_a_thread(&w, l);
    pool_pause_ms(20);
    int64_t begun = pool_now_ms();
    expect_ok(tn_db_shutdown(db, LONG_MS, &err));
    pthread_join(w.thread, NULL);
    assert_true(pool_now_ms() - begun < LONG_MS / 3);
    assert_int_equal(w.status, TN_SHUTDOWN);
    pool_expect_no_sessions(admin); /* before the listener is closed */
    tn_unlisten(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_payloads_come_as_they_are),
        cmocka_unit_test(what_is_told_is_what_was_committed),
        cmocka_unit_test(a_hundred_thousand_come_in_order),
        cmocka_unit_test(a_session_that_was_killed_is_a_gap),
        cmocka_unit_test(a_restart_is_a_gap),
        cmocka_unit_test(silence_is_noticed),
        cmocka_unit_test(a_shutdown_ends_who_waits),
    };

    return pool_run_tests(&server, &admin, tests, sizeof(tests) / sizeof(tests[0]));
}
