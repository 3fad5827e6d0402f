/* SPDX-License-Identifier: MIT */
/*
 * core/observe/trace and traceparent: who is told of what, starts and ends in pairs, and what of an
 * application's trace context reaches the SQL.
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

#include "observe/trace.h"
#include "observe/traceparent.h"
#include "support/mock_client.h"

enum { EVENTS_MAX = 64 };

struct seen {
    tn_trace_event event; /* texts are gone */
    char sql[64];
    char driver[32];
    char url[128];
    char sqlstate[6];
    tn_status status;
};

static struct seen events[EVENTS_MAX];
static size_t n_events;
static mock *m;

static void remember(void *arg, const tn_trace_event *event)
{
    struct seen *seen = &events[n_events];

    assert_ptr_equal(arg, &n_events);
    assert_true(n_events < EVENTS_MAX);
    n_events++;
    *seen = (struct seen){.event = *event};
    snprintf(seen->sql, sizeof(seen->sql), "%.*s", (int)event->sql.len, event->sql.ptr);
    snprintf(seen->driver, sizeof(seen->driver), "%s", event->driver);
    snprintf(seen->url, sizeof(seen->url), "%s", event->url);
    if (event->error) {
        seen->status = event->error->status;
        memcpy(seen->sqlstate, event->error->sqlstate, sizeof(seen->sqlstate));
    }
}

static const tn_value cells[] = {{.type = TN_TYPE_INT64, .as.i = 1},
                                 {.type = TN_TYPE_INT64, .as.i = 2}};
static const tn_column columns[] = {{.name = "n", .type = TN_TYPE_INT64, .type_name = "int8"}};
static const mock_answer answers[] = {
    {.sql = "two", .columns = columns, .n_columns = 1, .values = cells, .rows = 2, .batch = 1},
    {.sql = "add", .affected = 3},
};

static int setup(void **state)
{
    mock_reset(m);
    mock_answers(m, answers, sizeof(answers) / sizeof(answers[0]));
    *state = mock_open(m, "max_connections=1");
    n_events = 0;
    tn_trace_set(remember, &n_events, TN_TRACE_ALL);
    return 0;
}

static int teardown(void **state)
{
    tn_trace_set(NULL, NULL, 0);
    tn_trace_set_parent(NULL, NULL);
    mock_close(m, *state);
    return 0;
}

/* The n-th event of a statement; there may be others in between. */
static const struct seen *statement(size_t n)
{
    for (size_t i = 0; i < n_events; i++)
        if (events[i].event.kind == TN_TRACE_STATEMENT && n-- == 0)
            return &events[i];
    fail_msg("there are fewer statement events");
    return NULL;
}

static size_t statements(void)
{
    size_t n = 0;

    for (size_t i = 0; i < n_events; i++)
        n += events[i].event.kind == TN_TRACE_STATEMENT;
    return n;
}

/* ---- events ---------------------------------------------------------------------------------- */

static void a_statement_has_a_start_and_an_end(void **state)
{
    tn_error err = TN_ERROR_INIT;

    assert_ok(tn_exec(*state, "add", NULL, NULL, &err), err);
    assert_int_equal(statements(), 2);
    const struct seen *start = statement(0), *end = statement(1);
    assert_int_equal(start->event.size, sizeof(tn_trace_event));
    assert_int_equal(start->event.phase, TN_TRACE_START);
    assert_true(start->event.id != 0);
    assert_true(start->event.start_ns > 0);
    assert_int_equal(start->event.duration_ns, 0);
    assert_string_equal(start->sql, "add");
    assert_string_equal(start->driver, "mock");
    assert_contains(start->url, "mock://host/db");
    assert_true(start->event.connection > 0);
    assert_int_equal(end->event.phase, TN_TRACE_END);
    assert_true(end->event.id == start->event.id);
    assert_true(end->event.start_ns == start->event.start_ns);
    assert_true(end->event.duration_ns >= end->event.worked_ns);
    assert_true(end->event.worked_ns >= 0);
    assert_true(end->event.connection == start->event.connection);
    assert_int_equal(end->event.affected, 3);
    assert_null(end->event.error);
    assert_string_equal(end->sql, "add");
}

static void a_failure_ends_it_with_its_error(void **state)
{
    static const struct {
        mock_op op;
        tn_status status;
        const char *sqlstate;
    } rows[] = {
        {MOCK_PREPARE, TN_SYNTAX, "42601"},
        {MOCK_EXECUTE, TN_CONSTRAINT, "23505"},
        {MOCK_FETCH, TN_DATA, "22012"},
        {MOCK_EXECUTE, TN_LOST, "08006"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        n_events = 0;
        mock_fail(m, (mock_fault){
                         .op = rows[i].op, .status = rows[i].status, .sqlstate = rows[i].sqlstate});
        /* Without an error of the caller's the event has one all the same. */
        char sql[16];
        snprintf(sql, sizeof(sql), "fail %zu", i);
        assert_status(tn_exec(*state, sql, NULL, NULL, NULL), rows[i].status);
        assert_int_equal(statements(), 2);
        assert_int_equal(statement(1)->status, rows[i].status);
        assert_string_equal(statement(1)->sqlstate, rows[i].sqlstate);
        assert_string_equal(statement(1)->sql, sql);
        assert_true(statement(0)->event.id == statement(1)->event.id);
    }
}

/* It ends with its last row, not when the application gets round to closing it. */
static void rows_end_with_the_last(void **state)
{
    tn_error err = TN_ERROR_INIT;

    tn_rows *rows = tn_query(*state, "two", NULL);
    assert_true(tn_next(rows));
    assert_int_equal(statements(), 1);
    assert_true(tn_next(rows));
    assert_int_equal(statements(), 2);
    assert_int_equal(statement(1)->event.rows, 2);
    assert_false(tn_next(rows));
    assert_ok(tn_close(rows, &err), err);
    assert_int_equal(statements(), 2);
    rows = tn_query(*state, "two", NULL);
    assert_true(tn_next(rows));
    assert_int_equal(statements(), 3);
    assert_ok(tn_close(rows, &err), err);
    assert_int_equal(statements(), 4);
    assert_int_equal(statement(3)->event.rows, 1);
}

static void prepare_is_no_statement(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_stmt *stmt;

    assert_ok(tn_prepare(*state, "add", &stmt, &err), err);
    assert_int_equal(statements(), 0);
    assert_ok(tn_stmt_exec(stmt, NULL, NULL, NULL, NULL, &err), err);
    assert_int_equal(statements(), 2);
    assert_string_equal(statement(1)->sql, "add");
    tn_stmt_close(stmt);
}

static void the_mask_chooses(void **state)
{
    tn_error err = TN_ERROR_INIT;

    tn_trace_set(remember, &n_events, ~TN_TRACE_BIT(TN_TRACE_STATEMENT));
    assert_ok(tn_exec(*state, "add", NULL, NULL, &err), err);
    assert_int_equal(statements(), 0);
    tn_trace_set(NULL, NULL, TN_TRACE_ALL);
    assert_false(tn__trace_wanted(TN_TRACE_STATEMENT));
    assert_ok(tn_exec(*state, "add", NULL, NULL, &err), err);
    assert_int_equal(statements(), 0);
    /* Who comes in the middle sees no end without a start. */
    tn_rows *rows = tn_query(*state, "two", NULL);
    tn_trace_set(remember, &n_events, TN_TRACE_ALL);
    while (tn_next(rows))
        ;
    assert_ok(tn_close(rows, &err), err);
    assert_int_equal(statements(), 0);
}

/* What the pool and transactions call. */
static void spans_keep_their_id_and_times(void **state)
{
    tn__span span = TN__SPAN_NONE;
    tn_trace_event event = {.kind = TN_TRACE_TRANSACTION, .parent = 5, .start_ns = 1000};

    (void)state;
    n_events = 0;
    tn__trace_end(&span, &event); /* never begun */
    assert_int_equal(n_events, 0);
    tn__trace_begin(&span, &event);
    tn_trace_event end = {.kind = TN_TRACE_TRANSACTION,
                          .what = "commit",
                          .outcome = TN_OUTCOME_APPLIED,
                          .duration_ns = 77};
    tn__trace_end(&span, &end);
    tn__trace_end(&span, &end);
    assert_int_equal(n_events, 2);
    assert_true(events[1].event.id == events[0].event.id);
    assert_true(events[1].event.parent == 5);
    assert_true(events[1].event.start_ns == 1000);
    assert_true(events[1].event.duration_ns == 77);
    assert_int_equal(span.id, 0);
    tn_trace_event moment = {.kind = TN_TRACE_RETRY, .what = "transaction", .attempt = 2};
    tn__trace_moment(&moment);
    assert_int_equal(events[2].event.phase, TN_TRACE_MOMENT);
    assert_true(events[2].event.id != 0 && events[2].event.id != events[0].event.id);
    assert_true(events[2].event.start_ns > 0);
}

/* The n-th event of a kind. */
static const struct seen *nth(tn_trace_kind kind, size_t n)
{
    for (size_t i = 0; i < n_events; i++)
        if (events[i].event.kind == kind && n-- == 0)
            return &events[i];
    fail_msg("there are fewer events of kind %d", (int)kind);
    return NULL;
}

static size_t count_kind(tn_trace_kind kind)
{
    size_t n = 0;

    for (size_t i = 0; i < n_events; i++)
        n += events[i].event.kind == kind;
    return n;
}

static void statements_belong_to_their_transaction(void **state)
{
    tn_statistics stats = TN_STATISTICS_INIT;
    tn_error err = TN_ERROR_INIT;
    tn_db *tx, *inner;

    assert_ok(tn_begin(*state, NULL, &tx, &err), err);
    assert_ok(tn_exec(tx, "add", NULL, NULL, &err), err);
    assert_ok(tn_begin(tx, NULL, &inner, &err), err);
    assert_ok(tn_exec(inner, "add", NULL, NULL, &err), err);
    assert_ok(tn_rollback(inner, &err), err);
    assert_ok(tn_exec(tx, "add", NULL, NULL, &err), err);
    assert_ok(tn_commit(tx, &err), err);
    assert_ok(tn_exec(*state, "add", NULL, NULL, &err), err);
    assert_int_equal(count_kind(TN_TRACE_TRANSACTION), 4);
    uint64_t outer = nth(TN_TRACE_TRANSACTION, 0)->event.id;
    uint64_t nested = nth(TN_TRACE_TRANSACTION, 1)->event.id;
    assert_true(nth(TN_TRACE_TRANSACTION, 0)->event.parent == 0);
    assert_true(nth(TN_TRACE_TRANSACTION, 1)->event.parent == outer);
    const struct seen *undone = nth(TN_TRACE_TRANSACTION, 2), *done = nth(TN_TRACE_TRANSACTION, 3);
    assert_true(undone->event.id == nested && done->event.id == outer);
    assert_int_equal(undone->event.outcome, TN_OUTCOME_NOT_APPLIED);
    assert_int_equal(done->event.outcome, TN_OUTCOME_APPLIED);
    assert_null(done->event.error);
    assert_true(statement(0)->event.parent == outer);
    assert_true(statement(2)->event.parent == nested);
    assert_true(statement(4)->event.parent == outer);
    assert_true(statement(6)->event.parent == 0);
    tn_stats(*state, &stats);
    assert_int_equal(stats.committed, 1);
    assert_int_equal(stats.rolled_back, 0);
}

static tn_status add_in(tn_db *tx, void *arg, tn_error *err)
{
    (void)arg;
    return tn_exec(tx, "add", NULL, NULL, err);
}

static void every_end_of_a_transaction_is_told(void **state)
{
    static const struct {
        mock_op op;
        tn_status status;
        const char *sqlstate;
        tn_outcome outcome;
    } rows[] = {
        {MOCK_BEGIN, TN_FAILED, "XX000", TN_OUTCOME_NOT_APPLIED},
        {MOCK_EXECUTE, TN_CONSTRAINT, "23505", TN_OUTCOME_NOT_APPLIED},
        {MOCK_COMMIT, TN_SERIALIZATION, "40001", TN_OUTCOME_NOT_APPLIED},
        {MOCK_COMMIT, TN_OUTCOME_UNKNOWN, "08007", TN_OUTCOME_IN_DOUBT},
    };
    tn_statistics stats = TN_STATISTICS_INIT;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        n_events = 0;
        mock_fail(m, (mock_fault){
                         .op = rows[i].op, .status = rows[i].status, .sqlstate = rows[i].sqlstate});
        assert_status(tn_transaction(*state, NULL, add_in, NULL, NULL), rows[i].status);
        assert_int_equal(count_kind(TN_TRACE_TRANSACTION), 2);
        assert_int_equal(nth(TN_TRACE_TRANSACTION, 1)->event.outcome, rows[i].outcome);
        if (rows[i].op != MOCK_EXECUTE)
            assert_int_equal(nth(TN_TRACE_TRANSACTION, 1)->status, rows[i].status);
    }
    tn_stats(*state, &stats);
    assert_int_equal(stats.committed, 0);
    assert_int_equal(stats.rolled_back, 2);
    assert_int_equal(stats.unknown, 1);
}

static void a_transaction_that_is_taken_along_has_its_end(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *session, *tx, *inner;

    assert_ok(tn_acquire(*state, &session, &err), err);
    assert_ok(tn_begin(session, NULL, &tx, &err), err);
    assert_ok(tn_begin(tx, NULL, &inner, &err), err);
    tn_release(session);
    assert_int_equal(count_kind(TN_TRACE_TRANSACTION), 4);
    assert_true(tn_commit(inner, &err) != TN_OK);
    assert_true(tn_commit(tx, &err) != TN_OK);
    assert_int_equal(count_kind(TN_TRACE_TRANSACTION), 4);
}

static void retries_are_told_and_counted(void **state)
{
    const tn_txn_options options = {.size = sizeof(options), .retries = 3};
    tn_statistics stats = TN_STATISTICS_INIT;
    tn_error err = TN_ERROR_INIT;

    mock_fail(m,
              (mock_fault){
                  .op = MOCK_COMMIT, .times = 2, .status = TN_SERIALIZATION, .sqlstate = "40001"});
    assert_ok(tn_transaction(*state, &options, add_in, NULL, &err), err);
    assert_int_equal(count_kind(TN_TRACE_RETRY), 2);
    assert_int_equal(nth(TN_TRACE_RETRY, 0)->event.attempt, 2);
    assert_int_equal(nth(TN_TRACE_RETRY, 1)->event.attempt, 3);
    assert_int_equal(nth(TN_TRACE_RETRY, 0)->status, TN_SERIALIZATION);
    assert_int_equal(nth(TN_TRACE_RETRY, 0)->event.phase, TN_TRACE_MOMENT);
    tn_stats(*state, &stats);
    assert_int_equal(stats.retries, 2);
    assert_int_equal(stats.committed, 1);
}

static void the_pool_tells_of_its_connections(void **state)
{
    tn_statistics stats = TN_STATISTICS_INIT;
    tn_error err = TN_ERROR_INIT;
    tn_db *session;

    assert_ok(tn_acquire(*state, &session, &err), err);
    assert_int_equal(count_kind(TN_TRACE_ACQUIRE), 2);
    uint64_t first = nth(TN_TRACE_ACQUIRE, 1)->event.connection;
    assert_true(first > 0);
    assert_contains(nth(TN_TRACE_ACQUIRE, 0)->url, "mock://host/db");
    mock_fail(m, (mock_fault){.op = MOCK_EXECUTE, .status = TN_LOST, .sqlstate = "08006"});
    assert_status(tn_exec(session, "add", NULL, NULL, NULL), TN_LOST);
    tn_release(session);
    assert_int_equal(count_kind(TN_TRACE_DISCARD), 1);
    assert_true(nth(TN_TRACE_DISCARD, 0)->event.connection == first);
    assert_ok(tn_exec(*state, "add", NULL, NULL, &err), err);
    assert_int_equal(count_kind(TN_TRACE_CONNECT), 2);
    assert_true(nth(TN_TRACE_CONNECT, 1)->event.connection > first);
    /* And one that cannot be made. */
    mock_fail(m, (mock_fault){.op = MOCK_EXECUTE, .status = TN_LOST, .sqlstate = "08006"});
    assert_status(tn_exec(*state, "add", NULL, NULL, NULL), TN_LOST);
    mock_fail(m, (mock_fault){.op = MOCK_OPEN, .status = TN_AUTH, .sqlstate = "28P01"});
    n_events = 0;
    assert_status(tn_exec(*state, "add", NULL, NULL, NULL), TN_AUTH);
    assert_int_equal(nth(TN_TRACE_CONNECT, 1)->status, TN_AUTH);
    assert_int_equal(nth(TN_TRACE_ACQUIRE, 1)->status, TN_AUTH);
    tn_stats(*state, &stats);
    assert_int_equal(stats.destroyed[TN_CLOSED_BROKEN], 2);
    assert_int_equal(stats.connect_failures, 1);
    assert_int_equal(stats.connects, stats.created + 1);
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

static void ids_are_unique(void **state)
{
    static uint64_t ids[20000];
    const size_t n = sizeof(ids) / sizeof(ids[0]);
    unsigned high = 0;

    (void)state;
    for (size_t i = 0; i < n; i++) {
        ids[i] = tn__trace_id();
        high += ids[i] >> 63;
    }
    assert_in_range(high, n / 3, n * 2 / 3);
    qsort(ids, n, sizeof(ids[0]), by_value);
    assert_true(ids[0] != 0);
    for (size_t i = 1; i < n; i++)
        assert_true(ids[i] != ids[i - 1]);
}

/* ---- threads --------------------------------------------------------------------------------- */

static atomic_uint starts, ends;
static atomic_bool stop;

static void count_phases(void *arg, const tn_trace_event *event)
{
    (void)arg;
    if (event->kind == TN_TRACE_STATEMENT)
        atomic_fetch_add(event->phase == TN_TRACE_START ? &starts : &ends, 1);
}

static void *run_statements(void *arg)
{
    for (int i = 0; i < 300; i++)
        if (tn_exec(arg, "add", NULL, NULL, NULL) != TN_OK)
            return arg;
    return NULL;
}

static bool some_context(void *arg, uint64_t span, tn_traceparent *ret)
{
    (void)arg;
    if (span % 2)
        return false;
    snprintf(ret->traceparent, sizeof(ret->traceparent),
             "00-4bf92f3577b34da6a3ce929d0e0e4736-%016llx-01", (unsigned long long)(span | 1));
    return true;
}

static void *change_listeners(void *arg)
{
    tn_statistics stats = TN_STATISTICS_INIT;
    char text[100];

    while (!atomic_load(&stop)) {
        tn_trace_set_parent(some_context, NULL);
        tn_trace_set_parent(NULL, NULL);
        tn_stats(arg, &stats);
        if (tn_log_set_components("all,-pool", NULL) != TN_OK ||
            tn_log_set_components("all", NULL) != TN_OK)
            return arg;
        (void)tn_stats_prometheus(arg, text, sizeof(text));
    }
    return NULL;
}

static void any_thread_may_be_told_of(void **state)
{
    pthread_t threads[4], changer;

    atomic_store(&starts, 0);
    atomic_store(&ends, 0);
    atomic_store(&stop, false);
    tn_trace_set(count_phases, NULL, TN_TRACE_ALL);
    assert_int_equal(pthread_create(&changer, NULL, change_listeners, *state), 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run_statements, *state), 0);
    for (int i = 0; i < 4; i++) {
        void *failed;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
    atomic_store(&stop, true);
    void *failed;
    assert_int_equal(pthread_join(changer, &failed), 0);
    assert_null(failed);
    assert_int_equal(atomic_load(&starts), 1200);
    assert_int_equal(atomic_load(&ends), 1200);
    tn_statistics stats = TN_STATISTICS_INIT;
    tn_stats(*state, &stats);
    assert_int_equal(stats.statements, 1200);
}

/* ---- the trace context ----------------------------------------------------------------------- */

#define TRACE  "4bf92f3577b34da6a3ce929d0e0e4736"
#define PARENT "00-" TRACE "-00f067aa0ba902b7-01"

static void the_comment_is_sqlcommenters(void **state)
{
    char buf[TN__COMMENT_SIZE];
    tn_traceparent context = {.traceparent = PARENT};

    (void)state;
    size_t len = tn__traceparent_write(&context, buf);
    assert_string_equal(buf, "\n/*traceparent='" PARENT "'*/");
    assert_int_equal(len, strlen(buf));
    /* The example of sqlcommenter's specification. */
    strcpy(context.tracestate, "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7");
    len = tn__traceparent_write(&context, buf);
    assert_string_equal(buf, "\n/*traceparent='" PARENT "',tracestate='congo%3Dt61rcWkgMzE%2C"
                             "rojo%3D00f067aa0ba902b7'*/");
    assert_int_equal(len, strlen(buf));
}

static void a_malformed_traceparent_is_not_sent(void **state)
{
    static const char *const wrong[] = {
        "",
        "00",
        "00-" TRACE "-00f067aa0ba902b7-0",   /* too short */
        "00-" TRACE "-00f067aa0ba902b7-0'",  /* a quote */
        "00-" TRACE "-00f067aa0ba902b7-*/",  /* the comment's end */
        "00-" TRACE "-00f067aa0ba902b7-\n1", /* a line end */
        "00-" TRACE "-00F067AA0BA902B7-01",  /* upper case */
        "01-" TRACE "-00f067aa0ba902b7-01",  /* another version */
        "ff-" TRACE "-00f067aa0ba902b7-01",
        "00_" TRACE "-00f067aa0ba902b7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-" TRACE "-0000000000000000-01",
        "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6*/;drop table t--736-00f067aa0ba902b7",
        "00-'''''''''''''''''''''''''''''''''-00f067aa0ba902b7-01",
        "00-" TRACE "-00f067aa0ba902b\xc3-01",
    };
    char buf[TN__COMMENT_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        tn_traceparent context = {.tracestate = "a=1"};
        strncpy(context.traceparent, wrong[i], sizeof(context.traceparent) - 1);
        if (tn__traceparent_write(&context, buf) != 0 || buf[0])
            fail_msg("sent: %s", wrong[i]);
    }
    /* Not terminated: one byte too long. */
    tn_traceparent context;
    memset(&context, 0, sizeof(context));
    memcpy(context.traceparent, PARENT "1", sizeof(context.traceparent));
    assert_int_equal(tn__traceparent_write(&context, buf), 0);
}

/* The comment's skeleton around whatever stands in tracestate: nothing in it can end anything. */
static void tracestate_cannot_leave_its_quotes(void **state)
{
    static const char *const hostile[] = {
        "a='*/ drop table users; /*", "'", "''", "*/", "/*", "\\'", "%27", "a=1;--", "a=\"",
    };
    char buf[TN__COMMENT_SIZE];
    tn_traceparent context = {.traceparent = PARENT};
    const char *start = "\n/*traceparent='" PARENT "',tracestate='";

    (void)state;
    for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
        strcpy(context.tracestate, hostile[i]);
        size_t len = tn__traceparent_write(&context, buf);
        assert_memory_equal(buf, start, strlen(start));
        assert_string_equal(buf + len - 3, "'*/");
        for (size_t k = strlen(start); k < len - 3; k++)
            if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~%",
                        buf[k]))
                fail_msg("%s: %s", hostile[i], buf);
    }
    /* What a header cannot hold is left out; the parent is sent. */
    static const char *const none[] = {"a=1\n", "\t", "a=\xc3\xa4", "\x7f"};
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        strcpy(context.tracestate, none[i]);
        assert_true(tn__traceparent_write(&context, buf) > 0);
        assert_string_equal(buf, "\n/*traceparent='" PARENT "'*/");
    }
    memset(context.tracestate, '\'', sizeof(context.tracestate)); /* not terminated */
    assert_true(tn__traceparent_write(&context, buf) > 0);
    assert_string_equal(buf, "\n/*traceparent='" PARENT "'*/");
    context.tracestate[sizeof(context.tracestate) - 1] = '\0'; /* the longest */
    assert_true(tn__traceparent_write(&context, buf) < sizeof(buf));
    assert_int_equal(strlen(buf), strlen(start) + 3 * 512 + 3);
}

/* The mock answers by the text that it was sent. */
static const mock_answer commented[] = {
    {.sql = "add\n/*traceparent='" PARENT "'*/", .affected = 5},
    {.sql = "add", .affected = 3},
};
static const char *parent_text;
static uint64_t asked_for;
static unsigned asked;

static bool give_context(void *arg, uint64_t span, tn_traceparent *ret)
{
    (void)arg;
    asked++;
    asked_for = span;
    if (!parent_text)
        return false;
    strncpy(ret->traceparent, parent_text, sizeof(ret->traceparent) - 1);
    return true;
}

static int64_t add(tn_db *db)
{
    tn_error err = TN_ERROR_INIT;
    int64_t affected = -1;

    assert_ok(tn_exec(db, "add", NULL, &affected, &err), err);
    return affected;
}

static void it_travels_behind_the_text(void **state)
{
    tn_db *db = *state;

    mock_answers(m, commented, 2);
    parent_text = PARENT;
    asked = 0;
    tn_trace_set_parent(give_context, NULL);
    assert_int_equal(add(db), 5);
    assert_int_equal(asked, 1);
    assert_true(asked_for == statement(0)->event.id);
    assert_string_equal(statement(1)->sql, "add");
    /* Nothing of it is kept, each is prepared anew. */
    assert_int_equal(mock_open_statements(m), 0);
    mock_clear(m);
    assert_int_equal(add(db), 5);
    assert_int_equal(mock_count(m, MOCK_PREPARE), 1);
    assert_int_equal(mock_count(m, MOCK_STMT_CLOSE), 1);
    /* What is not sampled, and what is malformed, runs from the cache. */
    parent_text = NULL;
    assert_int_equal(add(db), 3);
    parent_text = "00-" TRACE "-00f067aa0ba902b7-*/";
    assert_int_equal(add(db), 3);
    assert_int_equal(mock_open_statements(m), 1);
    tn_trace_set(NULL, NULL, 0);
    assert_int_equal(add(db), 3);
    assert_true(asked_for == 0);
    tn_trace_set_parent(NULL, NULL);
    asked = 0;
    assert_int_equal(add(db), 3);
    assert_int_equal(asked, 0);
    assert_int_equal(mock_open_statements(m), 1);
}

static void a_prepared_statement_carries_it_too(void **state)
{
    tn_error err = TN_ERROR_INIT;
    int64_t affected;
    tn_stmt *stmt;

    mock_answers(m, commented, 2);
    parent_text = PARENT;
    asked = 0;
    tn_trace_set_parent(give_context, NULL);
    assert_ok(tn_prepare(*state, "add", &stmt, &err), err);
    assert_int_equal(asked, 0);
    assert_ok(tn_stmt_exec(stmt, NULL, NULL, NULL, &affected, &err), err);
    assert_int_equal(affected, 5);
    tn_trace_set_parent(NULL, NULL);
    assert_ok(tn_stmt_exec(stmt, NULL, NULL, NULL, &affected, &err), err);
    assert_int_equal(affected, 3);
    tn_stmt_close(stmt);
}

static int group_setup(void **state)
{
    (void)state;
    m = mock_new("mock", MOCK_CAPABILITIES);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(a_statement_has_a_start_and_an_end),
        TEST(a_failure_ends_it_with_its_error),
        TEST(rows_end_with_the_last),
        TEST(prepare_is_no_statement),
        TEST(the_mask_chooses),
        TEST(spans_keep_their_id_and_times),
        TEST(statements_belong_to_their_transaction),
        TEST(every_end_of_a_transaction_is_told),
        TEST(a_transaction_that_is_taken_along_has_its_end),
        TEST(retries_are_told_and_counted),
        TEST(the_pool_tells_of_its_connections),
        TEST(ids_are_unique),
        TEST(any_thread_may_be_told_of),
        TEST(the_comment_is_sqlcommenters),
        TEST(a_malformed_traceparent_is_not_sent),
        TEST(tracestate_cannot_leave_its_quotes),
        TEST(it_travels_behind_the_text),
        TEST(a_prepared_statement_carries_it_too),
    };

    return cmocka_run_group_tests(tests, group_setup, NULL);
}
