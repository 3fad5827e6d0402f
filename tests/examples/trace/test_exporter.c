/* SPDX-License-Identifier: MIT */
/* The exporter's lines: JSON, each span with its parent, hostile texts in their quotes. */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "exporter.h"

/* ---- a reader of JSON ------------------------------------------------------------------------ */

static bool skip_value(const char **at);

static bool skip_string(const char **at)
{
    if (*(*at)++ != '"')
        return false;
    for (; **at && **at != '"'; (*at)++) {
        if ((unsigned char)**at < 0x20)
            return false;
        if (**at != '\\')
            continue;
        char c = *++*at;
        if (c == 'u') {
            for (int i = 0; i < 4; i++)
                if (!isxdigit((unsigned char)*++*at))
                    return false;
        } else if (!c || !strchr("\"\\/bfnrt", c)) {
            return false;
        }
    }
    return *(*at)++ == '"';
}

static bool skip_list(const char **at, char end, bool keys)
{
    (*at)++;
    if (**at == end)
        return (*at)++, true;
    for (;;) {
        if (keys && (!skip_string(at) || *(*at)++ != ':'))
            return false;
        if (!skip_value(at))
            return false;
        if (**at == end)
            return (*at)++, true;
        if (*(*at)++ != ',')
            return false;
    }
}

static bool skip_value(const char **at)
{
    if (**at == '{')
        return skip_list(at, '}', true);
    if (**at == '[')
        return skip_list(at, ']', false);
    if (**at == '"')
        return skip_string(at);
    if (!isdigit((unsigned char)**at))
        return false;
    while (isdigit((unsigned char)**at))
        (*at)++;
    return true;
}

/* ---- lines ----------------------------------------------------------------------------------- */

enum { LINES_MAX = 64 };

static char *text;
static size_t text_len;
static FILE *out;
static char *lines[LINES_MAX];
static size_t n_lines;

static int setup(void **state)
{
    (void)state;
    text = NULL;
    out = open_memstream(&text, &text_len);
    exporter_start(out);
    return out == NULL;
}

static int teardown(void **state)
{
    (void)state;
    free(text);
    return 0;
}

static void read_lines(void)
{
    exporter_stop();
    fclose(out);
    n_lines = 0;
    char *rest = text;
    for (char *line; (line = strsep(&rest, "\n")) && rest;) {
        const char *at = line;
        if (!skip_value(&at) || *at)
            fail_msg("this is no JSON: %s", line);
        assert_true(n_lines < LINES_MAX);
        lines[n_lines++] = line;
    }
}

/* The text of a field; "" when it is not there. */
static const char *field(const char *line, const char *name)
{
    static char values[8][64];
    static unsigned next;
    char key[40], *value = values[next++ % 8];
    snprintf(key, sizeof(key), "\"%s\":\"", name);
    const char *at = strstr(line, key);

    if (!at)
        return "";
    at += strlen(key);
    snprintf(value, 64, "%.*s", (int)strcspn(at, "\""), at);
    return value;
}

static const char *line_of(const char *name)
{
    for (size_t i = 0; i < n_lines; i++)
        if (strcmp(field(lines[i], "name"), name) == 0)
            return lines[i];
    fail_msg("no span is named %s", name);
    return NULL;
}

static tn_db *open_db(void)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *db = tn_open_url("sqlite::memory:", &err);

    if (!db)
        fail_msg("%s", err.message);
    return db;
}

static void spans_are_below_what_they_are_for(void **state)
{
    tn_error err = TN_ERROR_INIT;
    span request, part;

    (void)state;
    tn_db *db = open_db();
    span_begin(&request, "GET /");
    span_begin(&part, "read");
    assert_int_equal(tn_exec(db, "select 1", NULL, NULL, &err), TN_OK);
    span_end(&part);
    assert_int_equal(tn_exec(db, "insert into nowhere values (1)", NULL, NULL, &err), TN_SYNTAX);
    span_end(&request);
    tn_db_close(db, NULL);
    read_lines();
    const char *get = line_of("GET /"), *read = line_of("read"), *select = line_of("select"),
               *insert = line_of("insert");
    assert_string_equal(field(get, "parentSpanId"), "");
    assert_string_equal(field(read, "parentSpanId"), field(get, "spanId"));
    assert_string_equal(field(select, "parentSpanId"), field(read, "spanId"));
    assert_string_equal(field(insert, "parentSpanId"), field(get, "spanId"));
    assert_string_equal(field(select, "traceId"), field(get, "traceId"));
    assert_string_equal(field(insert, "traceId"), field(get, "traceId"));
    assert_non_null(strstr(insert, "\"status\":{\"code\":2,\"message\":\"syntax error\"}"));
    assert_non_null(strstr(insert, "\"stringValue\":\"42P01\""));
    assert_null(strstr(select, "\"status\""));
    assert_true(strtoull(field(select, "startTimeUnixNano"), NULL, 10) >=
                strtoull(field(read, "startTimeUnixNano"), NULL, 10));
    assert_true(strtoull(field(select, "endTimeUnixNano"), NULL, 10) <=
                strtoull(field(read, "endTimeUnixNano"), NULL, 10));
}

static void hostile_texts_stay_in_their_quotes(void **state)
{
    tn_error err = TN_ERROR_INIT;

    (void)state;
    tn_db *db = open_db();
    tn_status status = tn_exec(db, "select '\"}\\\n\t\x7f\"' -- \xc3\xa4 \"", NULL, NULL, &err);
    assert_int_equal(status, TN_OK);
    tn_db_close(db, NULL);
    read_lines();
    assert_non_null(strstr(line_of("select"), "select '\\\"}\\\\\\u000a\\u0009\\u007f\\\"' -- "
                                              "\xc3\xa4 \\\""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(spans_are_below_what_they_are_for, setup, teardown),
        cmocka_unit_test_setup_teardown(hostile_texts_stay_in_their_quotes, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
