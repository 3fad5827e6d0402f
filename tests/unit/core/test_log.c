/* SPDX-License-Identifier: MIT */
/* core/observe/log: levels, the sink, escaping, bounds; and the lines that a statement writes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <unistd.h>

#include "base/str.h"
#include "observe/log.h"
#include "support/mock_client.h"

struct sink {
    int lines;
    tn_log_level level;
    char component[32];
    char text[4096];
    size_t len;
};

static struct sink seen;
static mock *m;

static void to_sink(void *arg, tn_log_level level, const char *component, tn_str line)
{
    struct sink *sink = arg;

    sink->lines++;
    sink->level = level;
    snprintf(sink->component, sizeof(sink->component), "%s", component);
    sink->len = line.len;
    memcpy(sink->text, line.ptr, line.len);
    sink->text[line.len] = '\0';
}

static int setup(void **state)
{
    (void)state;
    memset(&seen, 0, sizeof(seen));
    tn_log_set(to_sink, &seen);
    tn_log_set_level(TN_LOG_DEBUG);
    return tn_log_set_components("all", NULL) != TN_OK;
}

/* Runs before the application has set a level. */
static void configuration_sets_the_level_until_the_application_does(void **state)
{
    (void)state;
    assert_int_equal(tn_log_get_level(), TN_LOG_ERROR);
    tn__log_configure(TN_LOG_INFO, "all");
    assert_int_equal(tn_log_get_level(), TN_LOG_INFO);
    tn_log_set_level(TN_LOG_WARN);
    tn__log_configure(TN_LOG_DEBUG, "query");
    assert_int_equal(tn_log_get_level(), TN_LOG_WARN);
    assert_true(tn__log_wanted_in(TN_LOG_WARN, "query"));
    assert_false(tn__log_wanted_in(TN_LOG_WARN, "pool"));
    tn__log_configure(TN_LOG_DEBUG, "no such thing");
    assert_true(tn__log_wanted_in(TN_LOG_WARN, "query"));
    assert_int_equal(tn_log_set_components("all", NULL), TN_OK);
    tn__log_configure(TN_LOG_DEBUG, "query");
    assert_true(tn__log_wanted_in(TN_LOG_WARN, "pool"));
}

static void levels_are_a_ladder(void **state)
{
    (void)state;
    for (int level = TN_LOG_OFF; level <= TN_LOG_DEBUG; level++) {
        tn_log_set_level((tn_log_level)level);
        for (int line = TN_LOG_ERROR; line <= TN_LOG_DEBUG; line++) {
            seen.lines = 0;
            assert_int_equal(tn__log_wanted((tn_log_level)line), line <= level);
            tn__log((tn_log_level)line, "pool", "%d", line);
            assert_int_equal(seen.lines, line <= level);
        }
        assert_false(tn__log_wanted(TN_LOG_OFF));
    }
}

static bool reaches(tn_log_level level, const char *component)
{
    seen.lines = 0;
    tn__log(level, component, "x");
    assert_int_equal(seen.lines, tn__log_wanted_in(level, component));
    return seen.lines == 1;
}

static void components_are_chosen(void **state)
{
    static const struct {
        const char *text;
        bool pool, query, server;
    } rows[] = {
        {"all", true, true, true},
        {"query", false, true, false},
        {"query,pool", true, true, false},
        {" query , pool ", true, true, false},
        {"all,-pool", false, true, true},
        {"-pool", false, true, true},
        {"-pool,-query", false, false, true},
        {"all,-all,server", false, false, true},
        {"pool,-pool", false, false, false},
        {"-all", false, false, false},
    };
    tn_error err = TN_ERROR_INIT;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_ok(tn_log_set_components(rows[i].text, &err), err);
        if (reaches(TN_LOG_WARN, "pool") != rows[i].pool ||
            reaches(TN_LOG_QUERY, "query") != rows[i].query ||
            reaches(TN_LOG_INFO, "server") != rows[i].server)
            fail_msg("\"%s\"", rows[i].text);
        /* A driver's own name counts as the server's. */
        assert_int_equal(reaches(TN_LOG_INFO, "wal"), rows[i].server);
    }
    /* The level comes first. */
    assert_ok(tn_log_set_components("all", &err), err);
    tn_log_set_level(TN_LOG_ERROR);
    assert_false(reaches(TN_LOG_WARN, "pool"));
}

static void unknown_components_change_nothing(void **state)
{
    static const char *const wrong[] = {
        "",  " ",         "pol",        "query,", ",query", "query pool",   "Query",
        "-", "all,-nose", "pool;query", "--pool", "quer",   "config, ,pool"};
    tn_error err = TN_ERROR_INIT;

    (void)state;
    assert_ok(tn_log_set_components("pool", &err), err);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        if (tn_log_set_components(wrong[i], &err) != TN_CONFIG)
            fail_msg("\"%s\" was taken", wrong[i]);
        assert_contains(err.hint, "config, driver, connect, pool, query, slow, txn, health");
        assert_true(reaches(TN_LOG_WARN, "pool"));
        assert_false(reaches(TN_LOG_WARN, "query"));
    }
    assert_int_equal(tn_log_set_components(NULL, NULL), TN_CONFIG);
}

static void a_line_has_its_component_and_text(void **state)
{
    (void)state;
    tn__log(TN_LOG_WARN, "pool", "%s has %d", "it", 5);
    assert_int_equal(seen.level, TN_LOG_WARN);
    assert_string_equal(seen.component, "pool");
    assert_string_equal(seen.text, "it has 5");
    tn__log_text(TN_LOG_INFO, "server", TN__STR("100%s %n"));
    assert_string_equal(seen.text, "100%s %n"); /* never a format */
    tn__log_text(TN_LOG_INFO, "server", (tn_str){NULL, 0});
    assert_string_equal(seen.text, "");
}

static void control_characters_are_escaped(void **state)
{
    (void)state;
    tn__log_text(TN_LOG_INFO, "server", TN__STR("a\nb\tc\rd\033[31m\x7f\001\0e"));
    assert_string_equal(seen.text, "a b c\\x0dd\\x1b[31m\\x7f\\x01\\x00e");
    tn__log_text(TN_LOG_INFO, "server", TN__STR("\xc3\xa4\xf0\x9f\x90\x98"));
    assert_string_equal(seen.text, "\xc3\xa4\xf0\x9f\x90\x98");
}

/* U+009B is what ESC [ is to some terminals; a lone byte of 0x9b is that in Latin-1. */
static void c1_control_characters_are_escaped(void **state)
{
    (void)state;
    tn__log_text(TN_LOG_INFO, "server",
                 TN__STR("a\xc2\x9b"
                         "31mb"));
    assert_null(strstr(seen.text, "\xc2\x9b"));
    tn__log_text(TN_LOG_INFO, "server",
                 TN__STR("a\x9b"
                         "31mb"));
    assert_null(strchr(seen.text, '\x9b'));
}

static void long_lines_are_cut(void **state)
{
    static char text[10000];

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    tn__log(TN_LOG_INFO, "query", "%s", text);
    assert_in_range(seen.len, 1900, 2008);
    memset(text, '\001', sizeof(text) - 1);
    tn__log_text(TN_LOG_INFO, "query", (tn_str){text, sizeof(text)});
    assert_in_range(seen.len, 1900, 2008);
    assert_string_equal(seen.text + seen.len - 4, "\\x01");
}

/* A line that is cut is cut between characters. */
static void a_cut_is_at_a_characters_border(void **state)
{
    static char text[6000];

    (void)state;
    for (size_t pad = 0; pad < 3; pad++) {
        memset(text, 'x', pad);
        for (size_t i = pad; i + 3 < sizeof(text); i += 3)
            memcpy(text + i, "\xe2\x82\xac", 3);
        tn__log_text(TN_LOG_INFO, "query", (tn_str){text, 5990});
        assert_true(tn__utf8_valid(seen.text, seen.len));
    }
}

static void without_a_sink_lines_go_to_standard_error(void **state)
{
    char text[256] = "";
    int saved = dup(STDERR_FILENO), fds[2];

    (void)state;
    assert_int_equal(pipe(fds), 0);
    tn_log_set(NULL, NULL);
    dup2(fds[1], STDERR_FILENO);
    tn__log(TN_LOG_ERROR, "pool", "gone");
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(fds[1]);
    ssize_t len = read(fds[0], text, sizeof(text) - 1);
    close(fds[0]);
    assert_true(len > 0);
    assert_string_equal(text, "tenon error [pool] gone\n");
    assert_int_equal(seen.lines, 0);
}

/* The sink may log and may replace itself. */
static void logging_sink(void *arg, tn_log_level level, const char *component, tn_str line)
{
    tn_log_set(to_sink, arg);
    tn__log_text(level, component, line);
}

static void a_sink_may_log_and_replace_itself(void **state)
{
    (void)state;
    tn_log_set(logging_sink, &seen);
    tn__log(TN_LOG_INFO, "pool", "hello");
    assert_int_equal(seen.lines, 1);
    assert_string_equal(seen.text, "hello");
}

static void each_statement_writes_a_line_without_values(void **state)
{
    static const tn_param params[] = {{.type = TN_TYPE_TEXT}};
    static const mock_answer answers[] = {{.sql = "login $1", .params = params, .n_params = 1}};
    tn_error err = TN_ERROR_INIT;

    (void)state;
    mock_answers(m, answers, 1);
    tn_db *db = mock_open(m, "");
    seen.lines = 0;
    assert_ok(tn_exec(db, "login $1", tn_args("hunter2"), NULL, &err), err);
    assert_int_equal(seen.lines, 1);
    assert_int_equal(seen.level, TN_LOG_QUERY);
    assert_string_equal(seen.component, "query");
    assert_contains(seen.text, "login $1");
    assert_contains(seen.text, "($1 text)");
    assert_null(strstr(seen.text, "hunter2"));
    mock_fail(m, (mock_fault){.op = MOCK_EXECUTE, .status = TN_CONSTRAINT, .sqlstate = "23505"});
    assert_status(tn_exec(db, "login $1", tn_args("hunter2"), NULL, &err), TN_CONSTRAINT);
    assert_contains(seen.text, "23505");
    tn_log_set_level(TN_LOG_INFO);
    seen.lines = 0;
    assert_ok(tn_exec(db, "login $1", tn_args("hunter2"), NULL, &err), err);
    assert_int_equal(seen.lines, 0);
    mock_close(m, db);
}

/* A statement that failed while its rows were read is not logged as one that went well. */
static void a_failed_fetch_is_logged_as_such(void **state)
{
    (void)state;
    mock_reset(m);
    tn_db *db = mock_open(m, "");
    mock_fail(m, (mock_fault){.op = MOCK_FETCH, .status = TN_DATA, .sqlstate = "22012"});
    assert_status(tn_exec(db, "a", NULL, NULL, NULL), TN_DATA);
    mock_close(m, db);
    assert_contains(seen.text, ": a");
    assert_null(strstr(seen.text, ", ok: "));
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
        cmocka_unit_test(configuration_sets_the_level_until_the_application_does),
        TEST(levels_are_a_ladder),
        TEST(components_are_chosen),
        TEST(unknown_components_change_nothing),
        TEST(a_line_has_its_component_and_text),
        TEST(control_characters_are_escaped),
        TEST(c1_control_characters_are_escaped),
        TEST(long_lines_are_cut),
        TEST(a_cut_is_at_a_characters_border),
        TEST(without_a_sink_lines_go_to_standard_error),
        TEST(a_sink_may_log_and_replace_itself),
        TEST(each_statement_writes_a_line_without_values),
        TEST(a_failed_fetch_is_logged_as_such),
    };

    return cmocka_run_group_tests(tests, group_setup, NULL);
}
