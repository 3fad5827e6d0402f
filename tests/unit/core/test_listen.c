/* SPDX-License-Identifier: MIT */
/* core/listen: what is rung is heard, once and in order; a loss is told of; nobody waits for ever.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <poll.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bell.h"
#include "pool_kit.h"

enum { LONG_MS = 20000, A_MOMENT_MS = 30 };

static mock *m, *plain;
static tn_db *client;

static int group_setup(void **state)
{
    (void)state;
    m = mock_new("mockr", MOCK_CAPABILITIES | TN_CAP_REMOTE);
    plain = mock_new("mock", MOCK_CAPABILITIES);
    bell_register(m);
    tn_log_set_level(TN_LOG_OFF);
    return 0;
}

static tn_db *open_client(const char *settings)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *ret = mock_try_open("bell://host/db", settings, &err);

    if (!ret)
        fail_msg("no client: %s", err.message);
    mock_clear(m);
    return ret;
}

static int setup(void **state)
{
    (void)state;
    mock_reset(m);
    bell_reset();
    client = open_client("max_connections=2");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    mock_close(m, client);
    return 0;
}

static tn_listener *listen_to(const char *channel)
{
    tn_error err = TN_ERROR_INIT;
    tn_listener *l = tn_listen(client, channel, &err);

    if (!l)
        fail_msg("not listening: %s", err.message);
    return l;
}

static void expect_ring(tn_listener *l, const char *channel, const char *payload)
{
    tn_error err = TN_ERROR_INIT;
    tn_event event;

    assert_ok(tn_listen_next(l, LONG_MS, &event, &err), err);
    assert_int_equal(event.kind, TN_EVENT_NOTIFICATION);
    assert_true(tn_str_equal(event.channel, tn_str_from(channel)));
    assert_true(tn_str_equal(event.payload, tn_str_from(payload)));
    assert_int_equal(event.sender, 4711);
}

static void expect_gap(tn_listener *l)
{
    tn_error err = TN_ERROR_INIT;
    tn_event event;

    assert_ok(tn_listen_next(l, LONG_MS, &event, &err), err);
    assert_int_equal(event.kind, TN_EVENT_GAP);
    assert_int_equal(event.channel.len + event.payload.len, 0);
}

static void expect_nothing(tn_listener *l)
{
    tn_error err = TN_ERROR_INIT;
    tn_event event;

    assert_status(tn_listen_next(l, 0, &event, &err), TN_TIMEOUT);
    assert_string_equal(err.sqlstate, "57014");
}

/* A thread that waits for one event. */
typedef struct hearer {
    tn_listener *l;
    pthread_t thread;
    int64_t timeout_ms;
    tn_status status;
    tn_error err;
    tn_event event;
} hearer;

static void *hear(void *arg)
{
    hearer *h = arg;

    h->status = tn_listen_next(h->l, h->timeout_ms, &h->event, &h->err);
    return NULL;
}

static void start_hearing(hearer *h, tn_listener *l)
{
    *h = (hearer){.l = l, .timeout_ms = LONG_MS};
    assert_int_equal(pthread_create(&h->thread, NULL, hear, h), 0);
}

static void start_waiting(hearer *h, tn_listener *l)
{
    start_hearing(h, l);
    await_that(bell_waiting() == 1);
}

/* ---- what is rung is heard ------------------------------------------------------------------- */

static void what_is_rung_is_heard_in_order(void **state)
{
    tn_error err = TN_ERROR_INIT;

    (void)state;
    tn_listener *l = listen_to("a");
    assert_int_equal(mock_count(m, MOCK_OPEN), 1); /* its own connection, beside the pool's */
    assert_ok(tn_listen_add(l, "B \"quoted\"", &err), err);
    assert_ok(tn_listen_add(l, "a", &err), err); /* it has that */
    assert_int_equal(bell_listeners("a"), 1);
    assert_int_equal(bell_ring("a", "1"), 1);
    assert_int_equal(bell_ring("c", "-"), 0);
    assert_int_equal(bell_ring("B \"quoted\"", "2"), 1);
    assert_int_equal(bell_ring("a", ""), 1);
    expect_ring(l, "a", "1");
    expect_ring(l, "B \"quoted\"", "2");
    expect_ring(l, "a", "");
    expect_nothing(l);
    assert_int_equal(kit_stats(client).in_use, 0);
    tn_unlisten(l);
    assert_int_equal(mock_count(m, MOCK_CLOSE), 1);
}

static void who_waits_is_woken(void **state)
{
    hearer h;

    (void)state;
    tn_listener *l = listen_to("a");
    start_waiting(&h, l);
    bell_ring("a", "now");
    pthread_join(h.thread, NULL);
    assert_ok(h.status, h.err);
    assert_true(tn_str_equal(h.event.payload, tn_str_from("now")));
    tn_unlisten(l);
}

static void the_time_is_kept(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_event event;
    int64_t begun = tn__now_ns();

    (void)state;
    tn_listener *l = listen_to(NULL);
    assert_status(tn_listen_next(l, A_MOMENT_MS, &event, &err), TN_TIMEOUT);
    assert_true(tn__now_ns() - begun >= A_MOMENT_MS * TN__NS_PER_MS);
    tn_unlisten(l);
}

static void a_channel_less_is_not_heard_any_more(void **state)
{
    tn_error err = TN_ERROR_INIT;

    (void)state;
    tn_listener *l = listen_to("a");
    assert_ok(tn_listen_add(l, "b", &err), err);
    bell_ring("a", "too late");
    bell_ring("b", "1");
    assert_ok(tn_listen_remove(l, "a", &err), err);
    assert_ok(tn_listen_remove(l, "never had", &err), err);
    assert_int_equal(bell_listeners("a"), 0);
    expect_ring(l, "b", "1");
    expect_nothing(l);
    tn_unlisten(l);
}

/* ---- what is refused ------------------------------------------------------------------------- */

static void a_channel_is_a_name(void **state)
{
    static const char *const wrong[] = {
        "", NULL, "\xff", "1234567890123456789012345678901234567890123456789012345678901234"};
    tn_error err = TN_ERROR_INIT;

    (void)state;
    tn_listener *l = listen_to(wrong[3] + 1); /* 63 bytes */
    for (size_t i = 0; i < 4; i++) {
        assert_status(tn_listen_add(l, wrong[i], &err), TN_SYNTAX);
        assert_string_equal(err.sqlstate, "42602");
        assert_status(tn_listen_remove(l, wrong[i], &err), TN_SYNTAX);
        assert_status(tn_notify(client, wrong[i], "x", &err), TN_SYNTAX);
        if (wrong[i])
            assert_null(tn_listen(client, wrong[i], &err));
        assert_int_equal(err.status, TN_SYNTAX);
    }
    tn_unlisten(l);
}

static void what_cannot_be_listened_on_says_so(void **state)
{
    static const tn_listen_options bad = {.size = sizeof(bad), .ping_interval_ms = 10};
    tn_error err = TN_ERROR_INIT;
    tn_event event;

    (void)state;
    tn_db *other = mock_open(plain, "");
    assert_null(tn_listen(other, "a", &err));
    assert_int_equal(err.status, TN_UNSUPPORTED);
    assert_string_equal(err.sqlstate, "0A000");
    assert_contains(err.message, "\"mock\" has no notifications");
    assert_status(tn_notify(other, "a", "x", &err), TN_UNSUPPORTED);
    mock_close(plain, other);
    tn_db *session = kit_acquire(client);
    assert_null(tn_listen(session, "a", &err));
    assert_int_equal(err.status, TN_MISUSE);
    tn_release(session);
    assert_null(tn_listen_with(client, &bad, "a", &err));
    assert_int_equal(err.status, TN_MISUSE);
    assert_contains(err.message, "ping_timeout_ms");
    assert_null(tn_listen(NULL, "a", &err));
    assert_int_equal(err.status, TN_MISUSE);
    assert_status(tn_listen_next(NULL, 0, &event, &err), TN_MISUSE);
    assert_status(tn_listen_add(NULL, "a", &err), TN_MISUSE);
    tn_listen_interrupt(NULL);
    tn_unlisten(NULL);
}

static void a_first_attempt_that_fails_is_the_answer(void **state)
{
    tn_error err = TN_ERROR_INIT;

    (void)state;
    mock_fail(m, (mock_fault){.op = MOCK_OPEN, .status = TN_UNAVAILABLE, .sqlstate = "08001"});
    assert_null(tn_listen(client, "a", &err));
    assert_int_equal(err.status, TN_UNAVAILABLE);
    bell_refuse(TN_UNSUPPORTED, "0A000");
    assert_null(tn_listen(client, "a", &err));
    assert_int_equal(err.status, TN_UNSUPPORTED);
    assert_contains(err.message, "refused to listen");
    await_that(mock_open_connections(m) == 1);
    tn_listener *l = listen_to("a");
    bell_refuse(TN_UNSUPPORTED, "0A000");
    assert_status(tn_listen_add(l, "b", &err), TN_UNSUPPORTED);
    bell_cut();
    expect_gap(l);
    assert_int_equal(bell_listeners("a"), 1);
    assert_int_equal(bell_listeners("b"), 0);
    tn_unlisten(l);
}

/* ---- losses ---------------------------------------------------------------------------------- */

static void a_loss_is_told_once_before_what_is_new(void **state)
{
    tn_error err = TN_ERROR_INIT;

    (void)state;
    tn_listener *l = listen_to("a");
    assert_ok(tn_listen_add(l, "b", &err), err);
    bell_ring("a", "before");
    bell_cut();
    assert_int_equal(bell_ring("a", "nobody hears it"), 0);
    expect_ring(l, "a", "before");
    expect_gap(l);
    assert_int_equal(bell_ring("a", "1"), 1);
    assert_int_equal(bell_ring("b", "2"), 1);
    expect_ring(l, "a", "1");
    expect_ring(l, "b", "2");
    expect_nothing(l);
    bell_cut();
    expect_gap(l);
    expect_nothing(l);
    tn_unlisten(l);
}

static void losses_that_nobody_was_told_of_are_one_gap(void **state)
{
    tn_error err = TN_ERROR_INIT;

    (void)state;
    tn_listener *l = listen_to("a");
    bell_cut();
    /* What is added while it is away will be there as well. */
    assert_ok(tn_listen_add(l, "b", &err), err);
    assert_ok(tn_listen_add(l, "c", &err), err);
    assert_ok(tn_listen_remove(l, "a", &err), err);
    expect_gap(l);
    assert_int_equal(bell_listeners("a"), 0);
    assert_int_equal(bell_listeners("b"), 1);
    assert_int_equal(bell_listeners("c"), 1);
    bell_cut();
    assert_ok(tn_listen_remove(l, "b", &err), err);
    bell_cut();
    expect_gap(l);
    expect_nothing(l);
    tn_unlisten(l);
}

static void a_server_that_is_away_is_asked_again(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_event event;

    (void)state;
    tn_listener *l = listen_to("a");
    mock_fail(m, (mock_fault){.op = MOCK_OPEN,
                              .times = 1000,
                              .status = TN_UNAVAILABLE,
                              .sqlstate = "08001",
                              .message = "connection refused"});
    mock_clear(m);
    bell_cut();
    assert_status(tn_listen_next(l, 250, &event, &err), TN_UNAVAILABLE);
    assert_contains(err.message, "no connection to listen on: connection refused");
    assert_true(mock_count(m, MOCK_OPEN) >= 2); /* at once, and after some 100 ms */
    assert_true(mock_count(m, MOCK_OPEN) <= 4);
    assert_status(tn_listen_next(l, 0, &event, &err), TN_UNAVAILABLE);
    mock_forget_faults(m);
    expect_gap(l);
    assert_int_equal(bell_listeners("a"), 1);
    expect_nothing(l);
    tn_unlisten(l);
}

static void what_will_not_pass_is_told_at_once(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_event event;

    (void)state;
    tn_listener *l = listen_to("a");
    mock_fail(m, (mock_fault){.op = MOCK_OPEN, .status = TN_AUTH, .sqlstate = "28P01"});
    bell_cut();
    assert_status(tn_listen_next(l, LONG_MS, &event, &err), TN_AUTH);
    expect_gap(l);
    /* A standby, for now. */
    bell_cut();
    bell_refuse(TN_READ_ONLY, "25006");
    expect_gap(l);
    tn_unlisten(l);
}

/* Connecting takes longer than any of the calls. */
static void who_looks_often_and_briefly_gets_there(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_event event;

    (void)state;
    tn_listener *l = listen_to("a");
    mock_fail(m, (mock_fault){.op = MOCK_OPEN, .wait = true});
    mock_clear(m);
    bell_cut();
    for (int i = 0; i < 5; i++) {
        assert_status(tn_listen_next(l, i, &event, &err), TN_TIMEOUT);
        assert_contains(err.message, "no connection to listen on yet");
    }
    assert_true(mock_await(m, 1));
    mock_wake(m);
    tn_status status = TN_TIMEOUT;
    await_that(status == TN_OK || (status = tn_listen_next(l, 0, &event, &err)) == TN_OK);
    assert_int_equal(event.kind, TN_EVENT_GAP);
    assert_int_equal(mock_count(m, MOCK_OPEN), 1);
    tn_unlisten(l);
}

static void a_listener_goes_with_its_attempt_under_way(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_event event;

    (void)state;
    tn_listener *l = listen_to("a");
    mock_fail(m, (mock_fault){.op = MOCK_OPEN, .wait = true});
    bell_cut();
    assert_status(tn_listen_next(l, 0, &event, &err), TN_TIMEOUT);
    assert_true(mock_await(m, 1));
    /* A channel more is not known to the attempt: another one is made. */
    assert_ok(tn_listen_add(l, "b", &err), err);
    assert_true(mock_await(m, 0));
    mock_fail(m, (mock_fault){.op = MOCK_OPEN, .wait = true});
    assert_status(tn_listen_next(l, 0, &event, &err), TN_TIMEOUT);
    assert_true(mock_await(m, 1));
    tn_unlisten(l);
    assert_true(mock_await(m, 0));
    await_that(mock_open_connections(m) == 1);
}

/* ---- signs of life --------------------------------------------------------------------------- */

static void silence_is_asked_about(void **state)
{
    const tn_listen_options options = {
        .size = sizeof(options), .ping_interval_ms = 10, .ping_timeout_ms = 10};
    tn_error err = TN_ERROR_INIT;
    tn_event event;

    (void)state;
    tn_listener *l = tn_listen_with(client, &options, "a", &err);
    assert_non_null(l);
    mock_clear(m);
    assert_status(tn_listen_next(l, 100, &event, &err), TN_TIMEOUT);
    assert_true(bell_probes() >= 2);
    assert_int_equal(mock_count(m, MOCK_OPEN), 0); /* all was well */
    bell_mute();
    kit_log_begin(TN_LOG_WARN);
    expect_gap(l);
    assert_int_equal(kit_log_count("listen: the connection is made anew: the server gave no sign"),
                     1);
    kit_log_end();
    assert_int_equal(mock_count(m, MOCK_OPEN), 1);
    tn_unlisten(l);
}

static void nobody_is_asked_where_that_is_not_wanted(void **state)
{
    const tn_listen_options options = {.size = sizeof(options)};
    tn_error err = TN_ERROR_INIT;
    tn_event event;

    (void)state;
    tn_listener *l = tn_listen_with(client, &options, "a", &err);
    assert_non_null(l);
    assert_status(tn_listen_next(l, A_MOMENT_MS, &event, &err), TN_TIMEOUT);
    assert_int_equal(bell_probes(), 0);
    tn_unlisten(l);
}

/* ---- other threads --------------------------------------------------------------------------- */

static void an_interruption_ends_one_wait(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_event event;
    hearer h;

    (void)state;
    tn_listener *l = listen_to("a");
    start_waiting(&h, l);
    tn_listen_interrupt(l);
    pthread_join(h.thread, NULL);
    assert_status(h.status, TN_CANCELLED);
    /* One that comes first counts, and once. */
    bell_ring("a", "1");
    tn_listen_interrupt(l);
    tn_listen_interrupt(l);
    assert_status(tn_listen_next(l, LONG_MS, &event, &err), TN_CANCELLED);
    expect_ring(l, "a", "1");
    /* The channels do not care. */
    tn_listen_interrupt(l);
    assert_ok(tn_listen_add(l, "b", &err), err);
    assert_status(tn_listen_next(l, LONG_MS, &event, &err), TN_CANCELLED);
    expect_nothing(l);
    tn_unlisten(l);
}

static void an_interruption_finds_who_is_connecting(void **state)
{
    hearer h;

    (void)state;
    tn_listener *l = listen_to("a");
    mock_fail(m, (mock_fault){.op = MOCK_OPEN, .wait = true});
    bell_cut();
    start_hearing(&h, l);
    assert_true(mock_await(m, 1));
    tn_listen_interrupt(l);
    pthread_join(h.thread, NULL);
    assert_status(h.status, TN_CANCELLED);
    mock_wake(m);
    expect_gap(l);
    /* And who makes a pause. */
    mock_fail(m,
              (mock_fault){
                  .op = MOCK_OPEN, .times = 1000, .status = TN_UNAVAILABLE, .sqlstate = "08001"});
    mock_clear(m);
    bell_cut();
    start_hearing(&h, l);
    await_that(mock_count(m, MOCK_OPEN) >= 2);
    tn_listen_interrupt(l);
    pthread_join(h.thread, NULL);
    assert_status(h.status, TN_CANCELLED);
    mock_forget_faults(m);
    tn_unlisten(l);
}

static void two_threads_at_once_are_told(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_event event;
    hearer h;

    (void)state;
    tn_listener *l = listen_to("a");
    start_waiting(&h, l);
    assert_status(tn_listen_next(l, 0, &event, &err), TN_MISUSE);
    assert_contains(err.message, "two threads");
    assert_status(tn_listen_add(l, "b", &err), TN_MISUSE);
    tn_listen_interrupt(l);
    pthread_join(h.thread, NULL);
    tn_unlisten(l);
}

/* ---- the client ends, or goes elsewhere -------------------------------------------------------
 */

static void a_shutdown_ends_the_wait(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_event event;
    hearer h;

    (void)state;
    tn_listener *l = listen_to("a"), *idle = listen_to("a");
    start_waiting(&h, l);
    assert_ok(tn_db_shutdown(client, LONG_MS, &err), err);
    /* Both connections are gone when it returns. */
    assert_true(mock_open_connections(m) == 0);
    pthread_join(h.thread, NULL);
    assert_status(h.status, TN_SHUTDOWN);
    assert_status(tn_listen_next(idle, LONG_MS, &event, &err), TN_SHUTDOWN);
    assert_status(tn_listen_add(idle, "b", &err), TN_SHUTDOWN);
    assert_null(tn_listen(client, "a", &err));
    tn_unlisten(l);
    tn_unlisten(idle);
    assert_true(mock_all_closed(m));
    client = open_client("");
}

static void a_shutdown_ends_connecting(void **state)
{
    tn_error err = TN_ERROR_INIT;
    hearer h;

    (void)state;
    tn_listener *l = listen_to("a"), *idle = listen_to("a");
    mock_fail(m, (mock_fault){.op = MOCK_OPEN, .wait = true, .times = 2});
    bell_cut();
    start_hearing(&h, l);
    assert_true(mock_await(m, 1));
    assert_status(tn_listen_next(idle, 0, &h.event, &err), TN_TIMEOUT);
    assert_true(mock_await(m, 2));
    assert_ok(tn_db_shutdown(client, LONG_MS, &err), err);
    pthread_join(h.thread, NULL);
    assert_status(h.status, TN_SHUTDOWN);
    assert_true(mock_open_connections(m) == 0);
    tn_unlisten(l);
    tn_unlisten(idle);
    client = open_client("");
}

static void a_listener_may_outlive_its_client(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_event event;

    (void)state;
    tn_listener *l = listen_to("a");
    bell_ring("a", "1");
    assert_ok(tn_db_close(client, &err), err);
    assert_true(mock_open_connections(m) == 0);
    assert_status(tn_listen_next(l, LONG_MS, &event, &err), TN_SHUTDOWN);
    tn_listen_interrupt(l);
    tn_unlisten(l);
    assert_true(mock_all_closed(m));
    client = open_client("");
}

static void reload(const char *url)
{
    tn_error err = TN_ERROR_INIT;
    tn_config *config = tn_config_from_url(url, &err);

    assert_non_null(config);
    assert_ok(tn_config_set(config, "min_connections", "0", &err), err);
    assert_ok(tn_reload(client, config, &err), err);
    tn_config_free(config);
}

static void reload_leads_to_the_new_server(void **state)
{
    hearer h;

    (void)state;
    tn_listener *l = listen_to("a");
    bell_ring("a", "of the old one");
    reload("bell://new/db");
    expect_ring(l, "a", "of the old one");
    mock_fail(m, (mock_fault){.op = MOCK_OPEN, .url = "host", .times = 100, .status = TN_AUTH});
    expect_gap(l);
    expect_nothing(l);
    /* Also one that waits. */
    start_waiting(&h, l);
    reload("bell://newer/db");
    pthread_join(h.thread, NULL);
    assert_ok(h.status, h.err);
    assert_int_equal(h.event.kind, TN_EVENT_GAP);
    assert_int_equal(bell_listeners("a"), 1);
    mock_forget_faults(m);
    tn_unlisten(l);
}

/* ---- whose wait it is ------------------------------------------------------------------------ */

static atomic_uint own_waits;

static tn_wait_result own_wait(void *arg, int fd, int cancel_fd, int events, int64_t deadline_ns)
{
    struct pollfd fds[2] = {{.fd = fd, .events = events & TN_WAIT_READ ? POLLIN : POLLOUT},
                            {.fd = cancel_fd, .events = POLLIN}};

    (void)arg;
    atomic_fetch_add(&own_waits, 1);
    int ready = poll(fds, 2, tn__deadline_poll_ms(deadline_ns, tn__now_ns()));
    if (fds[1].revents)
        return TN_WAIT_INTERRUPTED;
    return ready > 0 ? TN_WAIT_READY : TN_WAIT_TIMEOUT;
}

static void an_application_waits_by_its_own(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_event event;

    (void)state;
    mock_close(m, client);
    tn_config *config = tn_config_from_url("bell://host/db", &err);
    assert_non_null(config);
    tn_config_set_wait(config, own_wait, NULL);
    client = tn_open(config, &err);
    tn_config_free(config);
    assert_non_null(client);
    tn_listener *l = listen_to("a");
    unsigned before = atomic_load(&own_waits);
    assert_status(tn_listen_next(l, 5, &event, &err), TN_TIMEOUT);
    assert_true(atomic_load(&own_waits) > before);
    /* Connecting is waited for by it as well. */
    mock_fail(m, (mock_fault){.op = MOCK_OPEN, .wait = true});
    bell_cut();
    before = atomic_load(&own_waits);
    assert_status(tn_listen_next(l, 5, &event, &err), TN_TIMEOUT);
    assert_true(atomic_load(&own_waits) > before);
    mock_wake(m);
    expect_gap(l);
    tn_unlisten(l);
}

/* ---- fork ------------------------------------------------------------------------------------ */

static void a_child_of_fork_has_no_listener(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_event event;
    int status;

    (void)state;
    tn_listener *l = listen_to("a");
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        bool fine = tn_listen_next(l, 0, &event, &err) == TN_FORKED &&
                    tn_listen_add(l, "b", &err) == TN_FORKED;
        tn_listen_interrupt(l);
        tn_unlisten(l);
        _exit(fine ? 0 : 1);
    }
    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    bell_ring("a", "1");
    expect_ring(l, "a", "1");
    tn_unlisten(l);
}

/* ---- notify ---------------------------------------------------------------------------------- */

static void notifying_is_a_statement_of_the_handle(void **state)
{
    static const tn_param params[] = {{.type = TN_TYPE_TEXT, .type_name = "text"},
                                      {.type = TN_TYPE_TEXT, .type_name = "text"}};
    const mock_answer answer = {.sql = "ring $1 $2", .params = params, .n_params = 2};
    tn_error err = TN_ERROR_INIT;
    tn_db *tx;
    size_t n = 0;

    (void)state;
    mock_answers(m, &answer, 1);
    assert_ok(tn_begin(client, NULL, &tx, &err), err);
    mock_clear(m);
    assert_ok(tn_notify(tx, "a", "x", &err), err);
    assert_string_equal(mock_trace(m), "prepare execute fetch cursor_close");
    assert_ok(tn_notify(tx, "b", NULL, &err), err);
    const tn_value *last = mock_last_params(m, &n);
    assert_int_equal(n, 2);
    assert_true(last[0].len == 1 && last[0].as.ptr[0] == 'b');
    assert_int_equal(last[1].type, TN_TYPE_TEXT);
    assert_int_equal(last[1].len, 0);
    assert_ok(tn_rollback(tx, &err), err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_rung_is_heard_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(who_waits_is_woken, setup, teardown),
        cmocka_unit_test_setup_teardown(the_time_is_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(a_channel_less_is_not_heard_any_more, setup, teardown),
        cmocka_unit_test_setup_teardown(a_channel_is_a_name, setup, teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_listened_on_says_so, setup, teardown),
        cmocka_unit_test_setup_teardown(a_first_attempt_that_fails_is_the_answer, setup, teardown),
        cmocka_unit_test_setup_teardown(a_loss_is_told_once_before_what_is_new, setup, teardown),
        cmocka_unit_test_setup_teardown(losses_that_nobody_was_told_of_are_one_gap, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_server_that_is_away_is_asked_again, setup, teardown),
        cmocka_unit_test_setup_teardown(what_will_not_pass_is_told_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(who_looks_often_and_briefly_gets_there, setup, teardown),
        cmocka_unit_test_setup_teardown(a_listener_goes_with_its_attempt_under_way, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(silence_is_asked_about, setup, teardown),
        cmocka_unit_test_setup_teardown(nobody_is_asked_where_that_is_not_wanted, setup, teardown),
        cmocka_unit_test_setup_teardown(an_interruption_ends_one_wait, setup, teardown),
        cmocka_unit_test_setup_teardown(an_interruption_finds_who_is_connecting, setup, teardown),
        cmocka_unit_test_setup_teardown(two_threads_at_once_are_told, setup, teardown),
        cmocka_unit_test_setup_teardown(a_shutdown_ends_the_wait, setup, teardown),
        cmocka_unit_test_setup_teardown(a_shutdown_ends_connecting, setup, teardown),
        cmocka_unit_test_setup_teardown(a_listener_may_outlive_its_client, setup, teardown),
        cmocka_unit_test_setup_teardown(reload_leads_to_the_new_server, setup, teardown),
        cmocka_unit_test_setup_teardown(an_application_waits_by_its_own, setup, teardown),
        cmocka_unit_test_setup_teardown(a_child_of_fork_has_no_listener, setup, teardown),
        cmocka_unit_test_setup_teardown(notifying_is_a_statement_of_the_handle, setup, teardown),
    };

    return cmocka_run_group_tests(tests, group_setup, NULL);
}
