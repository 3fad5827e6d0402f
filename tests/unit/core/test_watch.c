/* SPDX-License-Identifier: MIT */
/*
 * core/session/watch: what the log says of a statement, that nothing is formatted for a line that
 * nobody reads, how often the clock is read, and whose time is whose. The clock of this program is
 * moved by hand; what formats a line (vsnprintf) goes through a counter.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "session/watch.h"
#include "support/mock_client.h"

/* ---- the clock, and what formats ------------------------------------------------------------- */

static _Atomic int64_t now_ns;
static _Thread_local unsigned clock_reads; /* the pool has a thread of its own */
static _Thread_local unsigned formattings;

int64_t __wrap_tn__now_ns(void);
int64_t __real_tn__now_ns(void);
int __wrap_vsnprintf(char *buf, size_t size, const char *format, va_list args);
int __real_vsnprintf(char *buf, size_t size, const char *format, va_list args);
int __wrap___vsnprintf_chk(char *buf, size_t size, int flag, size_t room, const char *format,
                           va_list args);

int64_t __wrap_tn__now_ns(void)
{
    clock_reads++;
    return now_ns;
}

TN_PRINTF(3, 0)
int __wrap_vsnprintf(char *buf, size_t size, const char *format, va_list args)
{
    formattings++;
    return __real_vsnprintf(buf, size, format, args);
}

TN_PRINTF(5, 0)
int __wrap___vsnprintf_chk(char *buf, size_t size, int flag, size_t room, const char *format,
                           va_list args)
{
    (void)flag;
    (void)room;
    formattings++;
    return __real_vsnprintf(buf, size, format, args);
}

/* ---- the log --------------------------------------------------------------------------------- */

enum { LINES_MAX = 64 };

struct line {
    tn_log_level level;
    char component[16];
    char text[2100];
};

static struct line lines[LINES_MAX];
static size_t n_lines;

static void to_lines(void *arg, tn_log_level level, const char *component, tn_str text)
{
    struct line *line = &lines[n_lines];

    (void)arg;
    if (n_lines == LINES_MAX)
        return;
    n_lines++;
    line->level = level;
    strncpy(line->component, component, sizeof(line->component) - 1);
    memcpy(line->text, text.ptr, text.len);
    line->text[text.len] = '\0';
}

static const struct line *last_of(const char *component)
{
    for (size_t i = n_lines; i > 0; i--)
        if (strcmp(lines[i - 1].component, component) == 0)
            return &lines[i - 1];
    fail_msg("no line of component %s", component);
    return NULL;
}

static size_t count_of(const char *component)
{
    size_t n = 0;

    for (size_t i = 0; i < n_lines; i++)
        n += strcmp(lines[i].component, component) == 0;
    return n;
}

/* ---- the client ------------------------------------------------------------------------------ */

static mock *m;

static const tn_param params[] = {{.type = TN_TYPE_INT64, .type_name = "int8"},
                                  {.type = TN_TYPE_TEXT, .type_name = "text"},
                                  {.type = TN_TYPE_BYTES},
                                  {.type = TN_TYPE_NULL},
                                  {.type = TN_TYPE_ARRAY, .element = TN_TYPE_INT32}};
static const tn_column columns[] = {{.name = "n", .type = TN_TYPE_INT64, .type_name = "int8"}};
static const tn_value cells[] = {{.type = TN_TYPE_INT64, .as.i = 1},
                                 {.type = TN_TYPE_INT64, .as.i = 2},
                                 {.type = TN_TYPE_INT64, .as.i = 3}};
static const mock_answer answers[] = {
    {.sql = "write", .params = params, .n_params = 5, .affected = 4},
    {.sql = "text $1", .params = &params[1], .n_params = 1, .affected = 1},
    {.sql = "all", .columns = columns, .n_columns = 1, .values = cells, .rows = 3},
    {.sql = "by one", .columns = columns, .n_columns = 1, .values = cells, .rows = 3, .batch = 1},
};

/* The driver waits so long: the clock moves on by that. */
static int64_t wait_takes_ns;

static tn_wait_result wait_by_hand(void *arg, int fd, int cancel_fd, int events,
                                   int64_t deadline_ns)
{
    (void)arg;
    (void)fd;
    (void)cancel_fd;
    (void)events;
    (void)deadline_ns;
    now_ns += wait_takes_ns;
    mock_wake(m);
    return TN_WAIT_READY;
}

static tn_db *open_client(const char *name, const char *value)
{
    tn_error err = TN_ERROR_INIT;
    tn_config *config = tn_config_from_url("mock://u:hunter2@host/db", &err);

    assert_non_null(config);
    assert_ok(tn_config_set(config, "max_connections", "1", &err), err);
    assert_ok(tn_config_set(config, "min_connections", "0", &err), err);
    assert_ok(tn_config_set(config, "leak_timeout", "0", &err), err);
    assert_ok(tn_config_set(config, "idle_timeout", "0", &err), err);
    assert_ok(tn_config_set(config, "max_lifetime", "0", &err), err);
    if (name)
        assert_ok(tn_config_set(config, name, value, &err), err);
    tn_config_set_wait(config, wait_by_hand, NULL);
    tn_db *db = tn_open(config, &err);
    tn_config_free(config);
    if (!db)
        fail_msg("%s", err.message);
    return db;
}

static int setup(void **state)
{
    (void)state;
    now_ns = __real_tn__now_ns(); /* what the pool waits for in real time is not due at once */
    wait_takes_ns = 0;
    n_lines = 0;
    tn_log_set(to_lines, NULL);
    tn_log_set_level(TN_LOG_DEBUG);
    tn_trace_set(NULL, NULL, 0);
    mock_reset(m);
    mock_answers(m, answers, sizeof(answers) / sizeof(answers[0]));
    return tn_log_set_components("all", NULL) != TN_OK;
}

static const tn_bytes some_bytes = {"\1\2\3", 3};
static const tn_value numbers[] = {{.type = TN_TYPE_INT32, .as.i = 7},
                                   {.type = TN_TYPE_INT32, .as.i = 8}};
static const tn_array array = {numbers, 2, TN_TYPE_INT32};

static void write_once(tn_db *db, const char *text)
{
    tn_error err = TN_ERROR_INIT;

    assert_ok(tn_exec(db, "write", tn_args(42, text, some_bytes, (bool)true, &array), NULL, &err),
              err);
}

/* ---- the query log --------------------------------------------------------------------------- */

static void a_line_tells_types_and_outcome(void **state)
{
    (void)state;
    tn_db *db = open_client(NULL, NULL);
    write_once(db, "hunter2");
    const struct line *line = last_of("query");
    assert_int_equal(line->level, TN_LOG_QUERY);
    assert_string_equal(line->text,
                        "0.000 ms, 0 rows, 4 affected, ok ($1 bigint, $2 text, $3 bytea,"
                        " $4 boolean, $5 integer[]): write");
    mock_close(m, db);
}

static void values_are_shown_only_where_asked_for(void **state)
{
    (void)state;
    tn_db *db = open_client("log_values", "on");
    write_once(db, "it's");
    assert_string_equal(last_of("query")->text,
                        "0.000 ms, 0 rows, 4 affected, ok ($1 bigint = 42, $2 text = 'it''s', "
                        "$3 bytea = 3 bytes, $4 boolean = t, $5 integer[] = 2 items): write");
    assert_int_equal(tn_exec(db, "text $1", tn_args(tn_null), NULL, NULL), TN_OK);
    assert_contains(last_of("query")->text, "($1 text = null)");
    mock_close(m, db);
}

/* A value can neither end its quotes nor break the line nor fill it. */
static void values_are_bounded_and_escaped(void **state)
{
    static char big[100000];

    (void)state;
    tn_db *db = open_client("log_values", "on");
    memset(big, 'x', sizeof(big) - 1);
    assert_int_equal(tn_exec(db, "text $1", tn_args(big), NULL, NULL), TN_OK);
    assert_contains(last_of("query")->text, "xxx'... (99999 bytes)): text $1");
    assert_true(strlen(last_of("query")->text) < 200);
    assert_int_equal(tn_exec(db, "text $1", tn_args("a\n\033[2Jb'): ok"), NULL, NULL), TN_OK);
    assert_contains(last_of("query")->text, "'a \\x1b[2Jb''): ok')");
    mock_close(m, db);
}

static void many_arguments_are_cut(void **state)
{
    static tn_param many[1000];
    static tn_value values[1000];

    (void)state;
    for (int i = 0; i < 1000; i++) {
        many[i].type = TN_TYPE_TEXT;
        values[i] = (tn_value){.type = TN_TYPE_TEXT, .as.ptr = "abc", .len = 3};
    }
    const tn_stmt_info info = {.size = sizeof(info), .params = many, .n_params = 1000};
    char *text = tn__watch_describe(&info, values, true);
    assert_non_null(text);
    assert_in_range(strlen(text), 600, 700);
    assert_contains(text, ", ... (1000)");
    free(text);
}

/* Whatever happens: a canary in an argument comes out in no line of any component. */
static void no_value_is_in_any_line(void **state)
{
    static const mock_op where[] = {MOCK_PREPARE, MOCK_EXECUTE, MOCK_FETCH};

    (void)state;
    tn_db *db = open_client("slow_query", "1");
    for (size_t i = 0; i < 3; i++) {
        wait_takes_ns = 5 * TN__NS_PER_MS;
        mock_fail(m,
                  (mock_fault){
                      .op = where[i], .status = TN_CONSTRAINT, .sqlstate = "23505", .wait = true});
        assert_status(tn_exec(db, "text $1", tn_args("canary7319"), NULL, NULL), TN_CONSTRAINT);
    }
    /* Does not fit its placeholder: the library's own message. */
    assert_int_equal(tn_exec(db, "write", tn_args("canary7319", 1, 2, 3, "canary7319"), NULL, NULL),
                     TN_DATA);
    assert_int_equal(tn_exec(db, "text $1", tn_args("canary7319"), NULL, NULL), TN_OK);
    assert_int_equal(count_of("query"), 5);
    assert_int_equal(count_of("slow"), 3);
    mock_close(m, db);
    for (size_t i = 0; i < n_lines; i++) {
        assert_null(strstr(lines[i].text, "canary7319"));
        assert_null(strstr(lines[i].text, "hunter2"));
    }
}

/* Also when the server was not even reached: the text is what helps. */
static void a_failure_tells_its_text_and_sqlstate(void **state)
{
    (void)state;
    tn_db *db = open_client(NULL, NULL);
    mock_fail(m, (mock_fault){.op = MOCK_PREPARE, .status = TN_SYNTAX, .sqlstate = "42601"});
    assert_status(tn_exec(db, "selct 1", NULL, NULL, NULL), TN_SYNTAX);
    assert_string_equal(last_of("query")->text, "0.000 ms, 0 rows, 42601 (syntax error): selct 1");
    mock_close(m, db);
}

/* ---- nothing in vain ------------------------------------------------------------------------- */

static void run_everything(tn_db *db)
{
    tn_error err = TN_ERROR_INIT;
    int64_t n;

    write_once(db, "abc");
    tn_rows *rows = tn_query(db, "by one", NULL);
    while (tn_next(rows))
        assert_ok(tn_scan(rows, &n), err);
    assert_ok(tn_close(rows, &err), err);
}

static unsigned formattings_of(tn_db *db)
{
    run_everything(db);
    formattings = 0;
    run_everything(db);
    return formattings;
}

static void nothing_is_formatted_that_nobody_reads(void **state)
{
    tn_error err = TN_ERROR_INIT;

    (void)state;
    tn_db *db = open_client("log_values", "on");
    tn_log_set_level(TN_LOG_OFF);
    assert_int_equal(formattings_of(db), 0);
    tn_log_set_level(TN_LOG_INFO);
    assert_int_equal(formattings_of(db), 0);
    tn_log_set_level(TN_LOG_DEBUG);
    assert_ok(tn_log_set_components("all,-query", &err), err);
    assert_int_equal(formattings_of(db), 0);
    assert_ok(tn_log_set_components("query", &err), err);
    assert_true(formattings_of(db) > 0); /* the counter counts */
    mock_close(m, db);
}

/* On a session; a client reads it besides when it takes a connection and gives it back. */
static void the_clock_is_read_twice_a_statement(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *session;

    (void)state;
    tn_db *db = open_client(NULL, NULL);
    tn_log_set_level(TN_LOG_ERROR);
    assert_ok(tn_acquire(db, &session, &err), err);
    write_once(session, "abc");
    clock_reads = 0;
    write_once(session, "abc");
    assert_int_equal(clock_reads, 2);
    clock_reads = 0;
    tn_rows *rows = tn_query(session, "all", NULL);
    while (tn_next(rows))
        ;
    assert_ok(tn_close(rows, &err), err);
    assert_int_equal(clock_reads, 2);
    tn_release(session);
    mock_close(m, db);
}

/* ---- slow statements ------------------------------------------------------------------------- */

static void slow_statements_are_reported(void **state)
{
    tn_statistics stats = TN_STATISTICS_INIT;

    (void)state;
    tn_db *db = open_client("slow_query", "100");
    wait_takes_ns = 99 * TN__NS_PER_MS;
    mock_fail(m, (mock_fault){.op = MOCK_EXECUTE, .wait = true});
    assert_int_equal(tn_exec(db, "text $1", tn_args("hunter2"), NULL, NULL), TN_OK);
    assert_int_equal(count_of("slow"), 0);
    wait_takes_ns = 100 * TN__NS_PER_MS;
    mock_fail(m, (mock_fault){.op = MOCK_EXECUTE, .wait = true});
    assert_int_equal(tn_exec(db, "text $1", tn_args("hunter2"), NULL, NULL), TN_OK);
    assert_int_equal(count_of("slow"), 1);
    assert_int_equal(last_of("slow")->level, TN_LOG_WARN);
    assert_string_equal(last_of("slow")->text,
                        "100.000 ms (100.000 ms until it was read), 0 rows, ok: text $1");
    tn_stats(db, &stats);
    assert_int_equal(stats.slow, 1);
    mock_close(m, db);
}

static void zero_reports_none(void **state)
{
    (void)state;
    tn_db *db = open_client("slow_query", "0");
    wait_takes_ns = 3000 * TN__NS_PER_S;
    mock_fail(m, (mock_fault){.op = MOCK_EXECUTE, .wait = true});
    assert_int_equal(tn_exec(db, "text $1", tn_args("a"), NULL, NULL), TN_OK);
    assert_int_equal(count_of("slow"), 0);
    mock_close(m, db);
}

/* Rows come in three pieces of 40 ms each; between them the application takes its time. */
static void the_applications_time_is_not_the_statements(void **state)
{
    tn_statistics stats = TN_STATISTICS_INIT;
    tn_error err = TN_ERROR_INIT;

    (void)state;
    tn_db *db = open_client("slow_query", "100");
    wait_takes_ns = 40 * TN__NS_PER_MS;
    for (unsigned i = 1; i <= 3; i++)
        mock_fail(m, (mock_fault){.op = MOCK_FETCH, .nth = i, .wait = true});
    tn_rows *rows = tn_query(db, "by one", NULL);
    while (tn_next(rows))
        now_ns += TN__NS_PER_S;
    assert_ok(tn_close(rows, &err), err);
    assert_int_equal(count_of("slow"), 1);
    assert_contains(last_of("slow")->text,
                    "120.000 ms (2120.000 ms until it was read), 3 rows, ok");
    tn_stats(db, &stats);
    assert_int_equal(stats.statements, 1);
    assert_int_equal(stats.latency_ns, 120 * TN__NS_PER_MS);
    assert_int_equal(stats.rows, 3);
    mock_close(m, db);
}

/* One that is closed half way has ended then, well. */
static void rows_that_are_left_end_the_statement(void **state)
{
    tn_error err = TN_ERROR_INIT;

    (void)state;
    tn_db *db = open_client(NULL, NULL);
    tn_rows *rows = tn_query(db, "by one", NULL);
    assert_true(tn_next(rows));
    assert_int_equal(count_of("query"), 0);
    assert_ok(tn_close(rows, &err), err);
    assert_int_equal(count_of("query"), 1);
    assert_contains(last_of("query")->text, "1 rows, ok: by one");
    mock_close(m, db);
}

/* Rows that outlive their session, or make room on the connection, have their line all the same. */
static void rows_that_lose_their_connection_end_the_statement(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *session;

    (void)state;
    tn_db *db = open_client(NULL, NULL);
    assert_ok(tn_acquire(db, &session, &err), err);
    tn_rows *rows = tn_query(session, "by one", NULL);
    assert_true(tn_next(rows));
    write_once(session, "abc");
    assert_int_equal(count_of("query"), 1);
    tn_release(session);
    assert_int_equal(count_of("query"), 2);
    assert_contains(last_of("query")->text, "1 rows, ok: by one");
    assert_int_equal(tn_close(rows, &err), TN_MISUSE);
    assert_int_equal(count_of("query"), 2);
    mock_close(m, db);
}

static void rows_that_cannot_be_kept_end_with_why(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *session;

    (void)state;
    tn_db *db = open_client(NULL, NULL);
    assert_ok(tn_acquire(db, &session, &err), err);
    tn_rows *rows = tn_query(session, "by one", NULL);
    assert_true(tn_next(rows));
    mock_fail(m, (mock_fault){.op = MOCK_DETACH, .status = TN_LIMIT, .sqlstate = "54000"});
    assert_status(tn_exec(session, "text $1", tn_args("a"), NULL, NULL), TN_LIMIT);
    assert_int_equal(count_of("query"), 1);
    assert_contains(last_of("query")->text, "54000 (");
    assert_contains(last_of("query")->text, ": by one");
    assert_int_equal(tn_close(rows, &err), TN_LIMIT);
    assert_int_equal(count_of("query"), 1);
    tn_release(session);
    mock_close(m, db);
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
#define TEST(name) cmocka_unit_test_setup(name, setup)
        TEST(a_line_tells_types_and_outcome),
        TEST(values_are_shown_only_where_asked_for),
        TEST(values_are_bounded_and_escaped),
        TEST(many_arguments_are_cut),
        TEST(no_value_is_in_any_line),
        TEST(a_failure_tells_its_text_and_sqlstate),
        TEST(nothing_is_formatted_that_nobody_reads),
        TEST(the_clock_is_read_twice_a_statement),
        TEST(slow_statements_are_reported),
        TEST(zero_reports_none),
        TEST(the_applications_time_is_not_the_statements),
        TEST(rows_that_are_left_end_the_statement),
        TEST(rows_that_lose_their_connection_end_the_statement),
        TEST(rows_that_cannot_be_kept_end_with_why),
    };

    return cmocka_run_group_tests(tests, group_setup, NULL);
}
