/* SPDX-License-Identifier: MIT */
/* core/driver/host: errors as drivers give them, waiting, cancelling. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "driver/host.h"
#include "support/mock_client.h"

/* ---- fail
 * ---------------------------------------------------------------------------------------------------
 */

static tn_diagnostic diagnostic(void)
{
    return (tn_diagnostic){.size = sizeof(tn_diagnostic)};
}

static void every_field_arrives(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_diagnostic d = {
        .size = sizeof(d),
        .phase = TN_PHASE_EXECUTE,
        .native = 7,
        .position = 12,
        .internal_position = 3,
        .sqlstate = TN__STR("23505"),
        .message = TN__STR("duplicate"),
        .detail = TN__STR("Key (a)=(1)"),
        .hint = TN__STR("do not"),
        .severity = TN__STR("ERROR"),
        .context = TN__STR("function f"),
        .schema = TN__STR("public"),
        .table = TN__STR("t"),
        .column = TN__STR("a"),
        .datatype = TN__STR("int4"),
        .constraint = TN__STR("t_pkey"),
        .internal_query = TN__STR("select 1"),
        .source = TN__STR("nbtinsert.c:670"),
    };

    (void)state;
    assert_status((tn__host.fail)(&err, &d), TN_CONSTRAINT);
    assert_int_equal(err.status, TN_CONSTRAINT);
    assert_int_equal(err.phase, TN_PHASE_EXECUTE);
    assert_int_equal(err.native, 7);
    assert_int_equal(err.position, 12);
    assert_int_equal(err.internal_position, 3);
    assert_string_equal(err.sqlstate, "23505");
    assert_string_equal(err.message, "duplicate");
    assert_string_equal(err.detail, "Key (a)=(1)");
    assert_string_equal(err.hint, "do not");
    assert_string_equal(err.severity, "ERROR");
    assert_string_equal(err.context, "function f");
    assert_string_equal(err.schema, "public");
    assert_string_equal(err.table, "t");
    assert_string_equal(err.column, "a");
    assert_string_equal(err.datatype, "int4");
    assert_string_equal(err.constraint, "t_pkey");
    assert_string_equal(err.internal_query, "select 1");
    assert_string_equal(err.source, "nbtinsert.c:670");
    assert_int_equal(err.outcome, TN_OUTCOME_NOT_APPLIED);
    assert_int_equal(err.retry, TN_RETRY_NO);
    assert_status((tn__host.fail)(NULL, &d), TN_CONSTRAINT);
}

static void an_error_is_overwritten_as_a_whole(void **state)
{
    tn_diagnostic d = diagnostic();
    tn_error err;

    (void)state;
    memset(&err, 0x5a, sizeof(err));
    d.sqlstate = TN__STR("42P01");
    assert_status((tn__host.fail)(&err, &d), TN_SYNTAX);
    assert_string_equal(err.message, "");
    assert_string_equal(err.detail, "");
    assert_string_equal(err.constraint, "");
    assert_int_equal(err.native, 0);
    assert_false(err.discarded);
}

static void status_and_sqlstate_complete_each_other(void **state)
{
    static const struct {
        tn_status given;
        const char *sqlstate;
        tn_status status;
        const char *shown;
    } cases[] = {
        {TN_OK, "40001", TN_SERIALIZATION, "40001"},
        {TN_OK, "57014", TN_CANCELLED, "57014"},
        {TN_TIMEOUT, "57014", TN_TIMEOUT, "57014"},
        {TN_TIMEOUT, "", TN_TIMEOUT, "57014"},
        {TN_LOST, "", TN_LOST, "08006"},
        {TN_OK, "", TN_FAILED, ""},
        {TN_OK, "2350", TN_FAILED, ""},
        {TN_OK, "235055", TN_FAILED, ""},
        {TN_OK, "2350x", TN_FAILED, ""},
        {TN_OK, "23 05", TN_FAILED, ""},
        {TN_OK, "\xff\xff\xff\xff\xff", TN_FAILED, ""},
        {TN_DATA, "junk!", TN_DATA, "22000"},
        {TN_OK, "ZZ999", TN_FAILED, "ZZ999"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        tn_error err = TN_ERROR_INIT;
        tn_diagnostic d = diagnostic();
        d.status = cases[i].given;
        d.sqlstate = tn_str_from(cases[i].sqlstate);
        assert_status((tn__host.fail)(&err, &d), cases[i].status);
        assert_int_equal(err.status, cases[i].status);
        assert_string_equal(err.sqlstate, cases[i].shown);
    }
}

static void the_drivers_word_on_the_outcome_counts(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_diagnostic d = diagnostic();

    (void)state;
    d.status = TN_LOST;
    d.outcome = TN_OUTCOME_IN_DOUBT;
    assert_status((tn__host.fail)(&err, &d), TN_LOST);
    assert_int_equal(err.outcome, TN_OUTCOME_IN_DOUBT);
}

static void the_message_is_one_line(void **state)
{
    static const struct {
        const char *given, *shown;
    } cases[] = {
        {"a\nb", "a b"},     {"a\r\nb", "a  b"}, {"end\n", "end"},
        {"end \n\n", "end"}, {"\n", ""},         {"", ""},
    };
    tn_error err = TN_ERROR_INIT;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        tn_diagnostic d = diagnostic();
        d.message = tn_str_from(cases[i].given);
        assert_status((tn__host.fail)(&err, &d), TN_FAILED);
        assert_string_equal(err.message, cases[i].shown);
    }
}

static void huge_and_odd_texts_are_cut(void **state)
{
    static char huge[100000];
    tn_error err = TN_ERROR_INIT;
    tn_diagnostic d = diagnostic();

    (void)state;
    for (size_t i = 0; i + 2 < sizeof(huge); i += 2)
        memcpy(huge + i, "\xc3\xa4", 2);
    const tn_str text = {huge, sizeof(huge) - 2};
    d.message = d.detail = d.hint = d.severity = d.context = d.schema = d.table = d.column = text;
    d.datatype = d.constraint = d.internal_query = d.source = d.sqlstate = text;
    assert_status((tn__host.fail)(&err, &d), TN_FAILED);
    const char *const texts[] = {err.message,  err.detail,     err.hint,           err.severity,
                                 err.context,  err.schema,     err.table,          err.column,
                                 err.datatype, err.constraint, err.internal_query, err.source};
    const size_t sizes[] = {
        sizeof(err.message),    sizeof(err.detail),         sizeof(err.hint),
        sizeof(err.severity),   sizeof(err.context),        sizeof(err.schema),
        sizeof(err.table),      sizeof(err.column),         sizeof(err.datatype),
        sizeof(err.constraint), sizeof(err.internal_query), sizeof(err.source)};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        size_t len = strnlen(texts[i], sizes[i]);
        assert_true(len < sizes[i]);
        assert_true(len + 5 >= sizes[i]);
        assert_true(tn__utf8_valid(texts[i], len));
        assert_string_equal(texts[i] + len - 3, "...");
    }
    assert_string_equal(err.sqlstate, "");
}

/* A driver of an earlier minor has a smaller struct: nothing behind it is read. */
static void a_smaller_diagnostic_is_read_as_far_as_it_goes(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_diagnostic *d = malloc(offsetof(tn_diagnostic, detail));

    (void)state;
    assert_non_null(d);
    memset(d, 0, offsetof(tn_diagnostic, detail));
    d->size = offsetof(tn_diagnostic, detail);
    d->sqlstate = TN__STR("22012");
    d->message = TN__STR("division by zero");
    assert_status((tn__host.fail)(&err, d), TN_DATA);
    assert_string_equal(err.message, "division by zero");
    assert_string_equal(err.detail, "");
    d->size = 0;
    assert_status((tn__host.fail)(&err, d), TN_FAILED);
    free(d);
}

/* ---- waiting
 * ------------------------------------------------------------------------------------------------
 */

struct waiting {
    tn_host_conn conn;
    int pipe[2];
};

static int setup(void **state)
{
    static struct waiting w;

    tn__host_conn_init(&w.conn, NULL, NULL);
    if (pipe(w.pipe) != 0)
        return -1;
    *state = &w;
    return 0;
}

static int teardown(void **state)
{
    struct waiting *w = *state;

    tn__host_conn_close(&w->conn);
    close(w->pipe[0]);
    close(w->pipe[1]);
    return 0;
}

static int64_t in_ms(int64_t ms)
{
    return tn__deadline_after_ms(tn__now_ns(), ms);
}

static void ready_and_timeout(void **state)
{
    struct waiting *w = *state;
    char byte;

    int64_t deadline = in_ms(5);
    assert_int_equal(tn__host.wait(&w->conn, w->pipe[0], TN_WAIT_READ, deadline), TN_WAIT_TIMEOUT);
    assert_true(tn__now_ns() >= deadline);
    assert_int_equal(tn__host.wait(&w->conn, w->pipe[0], TN_WAIT_READ, 1), TN_WAIT_TIMEOUT);
    assert_int_equal(tn__host.wait(&w->conn, w->pipe[1], TN_WAIT_WRITE, TN_NO_DEADLINE),
                     TN_WAIT_READY);
    assert_int_equal(write(w->pipe[1], "x", 1), 1);
    assert_int_equal(
        tn__host.wait(&w->conn, w->pipe[0], TN_WAIT_READ | TN_WAIT_WRITE, TN_NO_DEADLINE),
        TN_WAIT_READY);
    /* What is there is seen also when the deadline has just passed, but not for ever. */
    assert_int_equal(tn__host.wait(&w->conn, w->pipe[0], TN_WAIT_READ, tn__now_ns()),
                     TN_WAIT_READY);
    assert_int_equal(tn__host.wait(&w->conn, w->pipe[0], TN_WAIT_READ, tn__now_ns() - TN__NS_PER_S),
                     TN_WAIT_TIMEOUT);
    assert_int_equal(read(w->pipe[0], &byte, 1), 1);
    /* The other end is gone: the driver is to find out by reading. */
    close(w->pipe[1]);
    w->pipe[1] = dup(w->pipe[0]);
    assert_int_equal(tn__host.wait(&w->conn, w->pipe[0], TN_WAIT_READ, TN_NO_DEADLINE),
                     TN_WAIT_READY);
}

static void *cancel_later(void *arg)
{
    struct waiting *w = arg;

    /* The descriptor is there once the owner has begun to wait. */
    while (atomic_load(&w->conn.cancel_fd) < 0)
        sched_yield();
    tn__host_cancel(&w->conn);
    return NULL;
}

static void cancel_ends_a_wait(void **state)
{
    struct waiting *w = *state;
    pthread_t thread;

    tn__host_begin(&w->conn);
    assert_int_equal(pthread_create(&thread, NULL, cancel_later, w), 0);
    tn_wait_result result = tn__host.wait(&w->conn, w->pipe[0], TN_WAIT_READ, in_ms(20000));
    pthread_join(thread, NULL);
    assert_int_equal(result, TN_WAIT_INTERRUPTED);
    assert_true(tn__host_cancelled(&w->conn));
    /* And every wait of this statement. */
    assert_int_equal(tn__host.wait(&w->conn, w->pipe[1], TN_WAIT_WRITE, TN_NO_DEADLINE),
                     TN_WAIT_INTERRUPTED);
    tn__host_end(&w->conn);
    assert_false(tn__host_cancelled(&w->conn));
}

static void a_cancel_before_the_first_wait_counts(void **state)
{
    struct waiting *w = *state;

    tn__host_begin(&w->conn);
    tn__host_cancel(&w->conn);
    assert_int_equal(tn__host.wait(&w->conn, w->pipe[0], TN_WAIT_READ, TN_NO_DEADLINE),
                     TN_WAIT_INTERRUPTED);
    tn__host_end(&w->conn);
}

static void a_stale_cancel_does_not_hit_the_next_statement(void **state)
{
    struct waiting *w = *state;

    for (int i = 0; i < 50; i++) {
        tn__host_begin(&w->conn);
        assert_int_equal(tn__host.wait(&w->conn, w->pipe[1], TN_WAIT_WRITE, TN_NO_DEADLINE),
                         TN_WAIT_READY);
        tn__host_cancel(&w->conn); /* its byte is never read by this statement */
        tn__host_end(&w->conn);
        tn__host_cancel(&w->conn); /* nothing runs */
        tn__host_begin(&w->conn);
        assert_int_equal(tn__host.wait(&w->conn, w->pipe[1], TN_WAIT_WRITE, TN_NO_DEADLINE),
                         TN_WAIT_READY);
        assert_int_equal(tn__host.wait(&w->conn, w->pipe[0], TN_WAIT_READ, in_ms(0)),
                         TN_WAIT_TIMEOUT);
        tn__host_end(&w->conn);
    }
}

static void a_shielded_wait_is_not_interrupted(void **state)
{
    struct waiting *w = *state;

    tn__host_begin(&w->conn);
    tn__host_cancel(&w->conn);
    w->conn.shielded = true;
    assert_int_equal(tn__host.wait(&w->conn, w->pipe[1], TN_WAIT_WRITE, TN_NO_DEADLINE),
                     TN_WAIT_READY);
    assert_int_equal(tn__host.wait(&w->conn, w->pipe[0], TN_WAIT_READ, in_ms(2)), TN_WAIT_TIMEOUT);
    assert_int_equal(tn__host.interrupted(&w->conn, TN_NO_DEADLINE), TN_WAIT_READY);
    w->conn.shielded = false;
    assert_int_equal(tn__host.interrupted(&w->conn, TN_NO_DEADLINE), TN_WAIT_INTERRUPTED);
    tn__host_end(&w->conn);
}

static void drivers_without_a_socket_ask(void **state)
{
    struct waiting *w = *state;

    tn__host_begin(&w->conn);
    assert_int_equal(tn__host.interrupted(&w->conn, TN_NO_DEADLINE), TN_WAIT_READY);
    assert_int_equal(tn__host.interrupted(&w->conn, in_ms(60000)), TN_WAIT_READY);
    assert_int_equal(tn__host.interrupted(&w->conn, 1), TN_WAIT_TIMEOUT);
    tn__host_cancel(&w->conn);
    assert_int_equal(tn__host.interrupted(&w->conn, 1), TN_WAIT_INTERRUPTED);
    tn__host_end(&w->conn);
    assert_int_equal(tn__host.interrupted(&w->conn, TN_NO_DEADLINE), TN_WAIT_READY);
}

struct replaced {
    int calls, fd, cancel_fd, events;
    int64_t deadline;
    tn_wait_result answers[4];
};

static tn_wait_result replaced_wait(void *arg, int fd, int cancel_fd, int events,
                                    int64_t deadline_ns)
{
    struct replaced *r = arg;

    r->fd = fd;
    r->cancel_fd = cancel_fd;
    r->events = events;
    r->deadline = deadline_ns;
    return r->answers[r->calls++];
}

static void the_applications_wait_is_called(void **state)
{
    struct replaced r = {.answers = {TN_WAIT_READY, TN_WAIT_TIMEOUT, TN_WAIT_FAILED}};
    tn_host_conn conn;

    (void)state;
    tn__host_conn_init(&conn, replaced_wait, &r);
    tn__host_begin(&conn);
    assert_int_equal(tn__host.wait(&conn, 77, TN_WAIT_WRITE, 1234), TN_WAIT_READY);
    assert_int_equal(r.fd, 77);
    assert_int_equal(r.events, TN_WAIT_WRITE);
    assert_int_equal(r.deadline, 1234);
    assert_true(r.cancel_fd >= 0);
    assert_int_equal(tn__host.wait(&conn, 77, TN_WAIT_READ, 1), TN_WAIT_TIMEOUT);
    conn.shielded = true;
    assert_int_equal(tn__host.wait(&conn, 77, TN_WAIT_READ, 1), TN_WAIT_FAILED);
    assert_int_equal(r.cancel_fd, -1);
    tn__host_end(&conn);
    tn__host_conn_close(&conn);
}

/* It sees a stale byte in the descriptor: that is taken out, and it is asked again. */
static void a_stale_byte_costs_the_applications_wait_one_more_call(void **state)
{
    struct replaced r = {.answers = {TN_WAIT_READY, TN_WAIT_INTERRUPTED, TN_WAIT_READY}};
    tn_host_conn conn;

    (void)state;
    tn__host_conn_init(&conn, replaced_wait, &r);
    tn__host_begin(&conn);
    assert_int_equal(tn__host.wait(&conn, 1, TN_WAIT_READ, 1), TN_WAIT_READY);
    tn__host_cancel(&conn);
    tn__host_end(&conn);
    tn__host_begin(&conn);
    struct pollfd fd = {.fd = atomic_load(&conn.cancel_fd), .events = POLLIN};
    assert_int_equal(poll(&fd, 1, 0), 1);
    assert_int_equal(tn__host.wait(&conn, 1, TN_WAIT_READ, 1), TN_WAIT_READY);
    assert_int_equal(r.calls, 3);
    assert_int_equal(poll(&fd, 1, 0), 0);
    tn__host_end(&conn);
    tn__host_conn_close(&conn);
}

/* ---- the table itself
 * ----------------------------------------------------------------------------------------- */

static void the_table_says_what_it_is(void **state)
{
    (void)state;
    assert_int_equal(tn__host.size, sizeof(tn_host));
    assert_int_equal(tn__host.abi_major, TN_DRIVER_ABI_MAJOR);
    assert_int_equal(tn__host.abi_minor, TN_DRIVER_ABI_MINOR);
    int64_t before = tn__host.now();
    assert_true(before > 0 && tn__host.now() >= before);
}

static int lines;

static void count_lines(void *arg, tn_log_level level, const char *component, tn_str line)
{
    (void)arg;
    (void)level;
    lines++;
    assert_string_equal(component, "server");
    assert_string_equal(line.ptr, "notice\\x1b");
}

static void drivers_log_through_the_host(void **state)
{
    struct waiting *w = *state;

    tn_log_set(count_lines, NULL);
    tn_log_set_level(TN_LOG_WARN);
    assert_true(tn__host.log_wanted(TN_LOG_WARN));
    assert_false(tn__host.log_wanted(TN_LOG_INFO));
    tn__host.log(&w->conn, TN_LOG_WARN, "server", TN__STR("notice\033"));
    tn__host.log(NULL, TN_LOG_WARN, "server", TN__STR("notice\033"));
    tn__host.log(NULL, TN_LOG_INFO, "server", TN__STR("not wanted"));
    tn_log_set(NULL, NULL);
    assert_int_equal(lines, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_arrives),
        cmocka_unit_test(an_error_is_overwritten_as_a_whole),
        cmocka_unit_test(status_and_sqlstate_complete_each_other),
        cmocka_unit_test(the_drivers_word_on_the_outcome_counts),
        cmocka_unit_test(the_message_is_one_line),
        cmocka_unit_test(huge_and_odd_texts_are_cut),
        cmocka_unit_test(a_smaller_diagnostic_is_read_as_far_as_it_goes),
#define WAIT_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        WAIT_TEST(ready_and_timeout),
        WAIT_TEST(cancel_ends_a_wait),
        WAIT_TEST(a_cancel_before_the_first_wait_counts),
        WAIT_TEST(a_stale_cancel_does_not_hit_the_next_statement),
        WAIT_TEST(a_shielded_wait_is_not_interrupted),
        WAIT_TEST(drivers_without_a_socket_ask),
        cmocka_unit_test(the_applications_wait_is_called),
        cmocka_unit_test(a_stale_byte_costs_the_applications_wait_one_more_call),
        cmocka_unit_test(the_table_says_what_it_is),
        WAIT_TEST(drivers_log_through_the_host),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
