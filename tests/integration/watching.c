/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* strsep */
#include "watching.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <pthread.h>

enum { THREADS = 4, ROUNDS = 50, IDS_MAX = 20000 };

#define CANARY "canary-6b1f"

static void must(tn_status status, const tn_error *err)
{
    if (status != TN_OK)
        fail_msg("%s: %s", tn_status_name(status), err->message);
}

tn_db *watching_open(const char *url, const char *settings)
{
    tn_error err = TN_ERROR_INIT;
    char copy[256], *rest = copy;
    tn_config *config = tn_config_from_url(url, &err);

    if (!config)
        fail_msg("%s", err.message);
    snprintf(copy, sizeof(copy), "%s", settings);
    for (char *word; (word = strsep(&rest, " "));) {
        char *value = strchr(word, '=');
        if (!value)
            continue;
        *value++ = '\0';
        must(tn_config_set(config, word, value, &err), &err);
    }
    tn_db *db = tn_open(config, &err);
    tn_config_free(config);
    if (!db)
        fail_msg("%s", err.message);
    return db;
}

void watching_close(tn_db *db)
{
    tn_error err = TN_ERROR_INIT;

    must(tn_db_close(db, &err), &err);
}

static void make_table(tn_db *db)
{
    tn_error err = TN_ERROR_INIT;

    must(tn_exec_script(db,
                        "drop table if exists watched;"
                        "create table watched (id integer primary key, name text unique,"
                        " n integer check (n > 0))",
                        &err),
         &err);
}

/* ---- events ---------------------------------------------------------------------------------- */

struct span {
    uint64_t id;
    tn_trace_kind kind;
    unsigned starts, ends;
    int64_t start_ns;
};

static struct span spans[IDS_MAX];
static size_t n_spans;
static const char *wrong; /* the first thing that was not as it must be */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static struct span *span_of(const tn_trace_event *event)
{
    for (size_t i = n_spans; i > 0; i--) /* the young ones end first */
        if (spans[i - 1].id == event->id)
            return &spans[i - 1];
    if (n_spans == IDS_MAX)
        return NULL;
    spans[n_spans] = (struct span){
        .id = event->id, .kind = event->kind, .start_ns = event->start_ns};
    return &spans[n_spans++];
}

static const char *judge(const tn_trace_event *event)
{
    struct span *span = span_of(event);

    if (!span)
        return "more spans than there is room for";
    if (event->id == 0 || event->size != sizeof(*event))
        return "an event without id or size";
    if (!event->driver[0] || !event->url[0])
        return "an event that does not say of which client";
    if (event->phase == TN_TRACE_MOMENT)
        return NULL;
    if (event->phase == TN_TRACE_START) {
        span->starts++;
        return span->ends ? "an end before its start" : NULL;
    }
    span->ends++;
    if (event->start_ns != span->start_ns || event->kind != span->kind)
        return "an end that is not its start's";
    if (event->duration_ns < 0 || event->worked_ns < 0 || event->worked_ns > event->duration_ns)
        return "times that cannot be";
    if (event->kind == TN_TRACE_STATEMENT && (!event->sql.len || !event->connection))
        return "a statement without text or connection";
    return NULL;
}

static void keep(void *arg, const tn_trace_event *event)
{
    (void)arg;
    pthread_mutex_lock(&lock);
    const char *what = judge(event);
    if (what && !wrong)
        wrong = what;
    pthread_mutex_unlock(&lock);
}

static tn_status insert_and_fail(tn_db *tx, void *arg, tn_error *err)
{
    int id = *(int *)arg;

    if (tn_exec(tx, "insert into watched values ($1, $2, 1)", tn_args(id, "in a transaction"), NULL,
                err) != TN_OK)
        return err->status;
    return tn_exec(tx, "insert into watched values ($1, $2, 0)", tn_args(id + 1, "check"), NULL,
                   err);
}

static void *work(void *arg)
{
    tn_db *db = arg;

    for (int i = 0; i < ROUNDS; i++) {
        tn_rows *rows = tn_query(db, "select n from watched union all select 1 union all select 2",
                                 NULL);
        if (i % 2)
            (void)tn_next(rows); /* left half way */
        else
            while (tn_next(rows))
                ;
        (void)tn_close(rows, NULL);
        if (tn_exec(db, "insert into nowhere values (1)", NULL, NULL, NULL) != TN_SYNTAX ||
            tn_transaction(db, NULL, insert_and_fail, &i, NULL) == TN_OK)
            return db;
    }
    return NULL;
}

/* The minimum is made a moment after opening: not while it is being watched. */
static void await_idle(const tn_db *db, unsigned n)
{
    const struct timespec pause = {.tv_nsec = 1000000};
    tn_pool_stats stats;

    for (int left = 20000; left; left--) {
        tn_db_pool_stats(db, &stats);
        if (stats.idle == n)
            return;
        nanosleep(&pause, NULL);
    }
    fail_msg("%u connections were never idle", n);
}

void watching_events_come_in_pairs(const char *url)
{
    pthread_t threads[THREADS];
    tn_db *db = watching_open(url, "max_connections=2");

    make_table(db);
    await_idle(db, 2);
    n_spans = 0;
    wrong = NULL;
    tn_trace_set(keep, NULL, TN_TRACE_ALL);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, db), 0);
    for (int i = 0; i < THREADS; i++) {
        void *failed;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
    tn_trace_set(NULL, NULL, 0);
    if (wrong)
        fail_msg("%s", wrong);
    size_t statements = 0;
    for (size_t i = 0; i < n_spans; i++) {
        if (spans[i].kind == TN_TRACE_RETRY || spans[i].kind == TN_TRACE_DISCARD)
            continue;
        assert_int_equal(spans[i].starts, 1);
        assert_int_equal(spans[i].ends, 1);
        statements += spans[i].kind == TN_TRACE_STATEMENT;
    }
    assert_true(statements >= (size_t)THREADS * ROUNDS * 3);
    watching_close(db);
}

/* ---- the trace context ----------------------------------------------------------------------- */

static bool give_context(void *arg, uint64_t span, tn_traceparent *ret)
{
    (void)arg;
    (void)span;
    strcpy(ret->traceparent, WATCHING_PARENT);
    strcpy(ret->tracestate, "shop='*/;--");
    return true;
}

void watching_send_context(bool on)
{
    tn_trace_set_parent(on ? give_context : NULL, NULL);
}

static const char *const harmless[] = {
    "select 1",
    "select 1;",
    "select 1 ; ",
    "select 1 -- a comment to the end",
    "select 1 /* a comment */",
    "select '/*' || '*/'",
    "select 1 as \"a--b\"",
    "-- first\nselect 1",
};

void watching_a_context_changes_nothing_else(const char *url)
{
    tn_db *db = watching_open(url, "max_connections=1");
    tn_error err = TN_ERROR_INIT;
    int64_t affected = -1, n = 0;

    make_table(db);
    watching_send_context(true);
    for (size_t i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++) {
        tn_rows *rows = tn_query(db, harmless[i], NULL);
        assert_true(tn_next(rows) || tn_rows_status(rows) != TN_OK);
        if (tn_close(rows, &err) != TN_OK)
            fail_msg("%s: %s", harmless[i], err.message);
    }
    must(
        tn_exec(db, "insert into watched values ($1, $2, $3)", tn_args(1, "a", 5), &affected, &err),
        &err);
    assert_int_equal(affected, 1);
    must(tn_get(db, "select n from watched where name = $1", tn_args("a"), tn_into(&n), &err),
         &err);
    assert_int_equal(n, 5);
    must(tn_exec(db, "", NULL, NULL, &err), &err);
    assert_int_equal(tn_exec(db, "select 1; select 2", NULL, NULL, &err), TN_SYNTAX);
    watching_send_context(false);
    watching_close(db);
}

static const char *const broken[] = {
    "select",
    "select ",
    "select nope from watched",
    "select 'abc",
    "select \"abc",
    "select (1",
    "selct 1",
    "select 1 +",
    "",
    "select 1 from",
    "select $tag$abc",
    "insert into watched (id",
    "select 1 where \xc3\xa4",
    "create table",
};

static tn_error failure(tn_db *db, const char *sql)
{
    tn_error err = TN_ERROR_INIT;

    if (tn_exec(db, sql, NULL, NULL, &err) == TN_OK)
        tn_error_clear(&err);
    return err;
}

void watching_positions_stay(const char *url)
{
    tn_db *db = watching_open(url, "max_connections=1");

    make_table(db);
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        tn_error without = failure(db, broken[i]);
        watching_send_context(true);
        tn_error with = failure(db, broken[i]);
        watching_send_context(false);
        if (with.status != without.status || strcmp(with.sqlstate, without.sqlstate) != 0 ||
            with.position != without.position)
            fail_msg("\"%s\": %s at %d, with a context %s at %d (%s)", broken[i], without.sqlstate,
                     without.position, with.sqlstate, with.position, with.message);
    }
    watching_close(db);
}

/* ---- the log --------------------------------------------------------------------------------- */

static char logged[1 << 20];
static size_t n_logged;

static void to_memory(void *arg, tn_log_level level, const char *component, tn_str line)
{
    (void)arg;
    (void)level;
    (void)component;
    if (n_logged + line.len + 2 > sizeof(logged))
        return;
    memcpy(logged + n_logged, line.ptr, line.len);
    n_logged += line.len;
    logged[n_logged++] = '\n';
    logged[n_logged] = '\0';
}

/* The same value in statements that go well, that the server refuses, and that the library does. */
static void use_canary(tn_db *db)
{
    tn_error err = TN_ERROR_INIT;
    int64_t n;

    must(tn_exec(db, "insert into watched values ($1, $2, 1)", tn_args(100, CANARY), NULL, &err),
         &err);
    assert_int_equal(
        tn_exec(db, "insert into watched values ($1, $2, 1)", tn_args(101, CANARY), NULL, &err),
        TN_CONSTRAINT);
    assert_true(tn_exec(db, "insert into watched values ($1, 'x', 1)", tn_args(CANARY), NULL,
                        &err) != TN_OK);
    must(tn_get(db, "select id from watched where name = $1", tn_args(CANARY), tn_into(&n), &err),
         &err);
    assert_true(tn_get(db, "select name from watched where name = $1", tn_args(CANARY), tn_into(&n),
                       &err) != TN_OK);
    assert_true(tn_exec(db, "select nope from watched where name = $1", tn_args(CANARY), NULL,
                        &err) != TN_OK);
}

void watching_no_value_is_logged(const char *url)
{
    static const char *const settings[] = {"log_values=off", "log_values=on"};

    for (int on = 0; on < 2; on++) {
        char text[100];
        snprintf(text, sizeof(text), "max_connections=1 slow_query=1 %s", settings[on]);
        tn_db *db = watching_open(url, text);
        make_table(db);
        n_logged = 0;
        logged[0] = '\0';
        tn_log_set(to_memory, NULL);
        tn_log_set_level(TN_LOG_DEBUG);
        use_canary(db);
        watching_close(db);
        tn_log_set_level(TN_LOG_ERROR);
        tn_log_set(NULL, NULL);
        assert_non_null(strstr(logged, "insert into watched"));
        assert_non_null(strstr(logged, "23505"));
        if (on)
            assert_non_null(strstr(logged, "'" CANARY "'"));
        else if (strstr(logged, CANARY))
            fail_msg("%s", logged);
    }
}

/* ---- figures --------------------------------------------------------------------------------- */

void watching_figures_are_true(const char *url)
{
    tn_statistics before = TN_STATISTICS_INIT, after = TN_STATISTICS_INIT;
    tn_db *db = watching_open(url, "max_connections=2 application_name=watched");
    tn_error err = TN_ERROR_INIT;
    uint64_t buckets = 0;
    int64_t n;

    make_table(db);
    tn_stats(db, &before);
    for (int i = 1; i <= 20; i++)
        must(tn_exec(db, "insert into watched values ($1, $2, 1)", tn_args(i, tn_null), NULL, &err),
             &err);
    must(tn_get(db, "select count(*) from watched", NULL, tn_into(&n), &err), &err);
    assert_int_equal(n, 20);
    tn_rows *rows = tn_query(db, "select id from watched", NULL);
    while (tn_next(rows))
        ;
    must(tn_close(rows, &err), &err);
    assert_int_equal(tn_exec(db, "insert into watched values (1, null, 1)", NULL, NULL, &err),
                     TN_CONSTRAINT);
    tn_stats(db, &after);
    assert_int_equal(after.statements - before.statements, 23);
    assert_int_equal(after.rows - before.rows, 21);
    assert_int_equal(after.errors[TN_CONSTRAINT] - before.errors[TN_CONSTRAINT], 1);
    for (int i = 0; i < TN_STATS_BUCKETS; i++)
        buckets += after.latency[i];
    assert_int_equal(buckets, after.statements);
    assert_true(after.latency_ns > before.latency_ns);
    assert_true(after.cache_hits - before.cache_hits >= 18);
    assert_string_equal(after.client, "watched");
    assert_string_equal(after.driver, tn_db_driver(db));

    size_t len = tn_stats_prometheus(db, NULL, 0);
    char *page = malloc(len + 200), line[120];
    assert_non_null(page);
    assert_true(tn_stats_prometheus(db, page, len + 200) < len + 200);
    snprintf(line, sizeof(line),
             "\ntenon_statements_total{driver=\"%s\",client=\"watched\"} %llu\n", after.driver,
             (unsigned long long)after.statements);
    assert_non_null(strstr(page, line));
    free(page);
    watching_close(db);
}
