/* SPDX-License-Identifier: MIT */
/* The command's small parts, each by itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "json.h"
#include "out.h"
#include "term.h"
#include "tool.h"

/* The parts know of commands only by this table. */
const tool_command *const tool_commands[] = {NULL};

static bool valid(const char *text)
{
    return json_valid(text, strlen(text));
}

static void json_that_is(void **state)
{
    static const char *const texts[] = {"0",           "-1",         "1.5e-7",
                                        "1E+5",        "\"\"",       "\"\\u00e9\\n\"",
                                        "true",        "null",       "[]",
                                        "{}",          " [ 1 ,2 ] ", "{\"a\":{\"b\":[null]}}",
                                        "\"é大\"",     "\t\n1\r",    "[[],{},\"\",0]",
                                        "{\"\":false}"};

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (!valid(texts[i]))
            fail_msg("refused: %s", texts[i]);
}

static void json_that_is_not(void **state)
{
    static const char *const texts[] = {"",
                                        " ",
                                        "01",
                                        "1.",
                                        ".5",
                                        "+1",
                                        "1e",
                                        "NaN",
                                        "nul",
                                        "nulll",
                                        "'a'",
                                        "\"",
                                        "\"\\x\"",
                                        "\"\\u12g4\"",
                                        "[1,]",
                                        "[1 2]",
                                        "{1:2}",
                                        "{\"a\"}",
                                        "{\"a\":}",
                                        "[",
                                        "]",
                                        "{} {}",
                                        "\"\n\"",
                                        "\"\xff\"",
                                        "\"\xc0\x80\"",
                                        "\"\xed\xa0\x80\"",
                                        "[1]x",
                                        "-",
                                        "- 1",
                                        "tru\0e"};
    char deep[2000];

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (valid(texts[i]))
            fail_msg("accepted: %s", texts[i]);
    assert_false(json_valid("1\0", 2));
    memset(deep, '[', 1000);
    memset(deep + 1000, ']', 1000);
    assert_false(json_valid(deep, 2000));
    assert_true(json_valid(deep + 800, 400));
}

static void check_escape(const char *text, size_t len, const char *want)
{
    char buf[64];

    assert_int_equal(term_escape(text, len, buf, sizeof(buf)), strlen(want));
    assert_string_equal(buf, want);
}

static void escapes(void **state)
{
    char small[5];

    (void)state;
    check_escape("plain é大", 11, "plain é大");
    check_escape("a\033[31m\a", 7, "a\\x1b[31m\\x07");
    check_escape("a\nb\tc\rd", 7, "a\\nb\\tc\\rd");
    check_escape("a\0b", 3, "a\\x00b");
    check_escape("\xc2\x9b\x7f", 3, "\\u009b\\x7f");
    check_escape("\xff\xe2\x82", 3, "\\xff\\xe2\\x82");
    check_escape("x\xe2\x80\xae", 4, "x\\u202e");
    /* Cut between characters and between escapes, the length is that of the whole. */
    assert_int_equal(term_escape("ab\033", 3, small, sizeof(small)), 6);
    assert_string_equal(small, "ab");
    assert_int_equal(term_escape("abc大", 6, small, sizeof(small)), 6);
    assert_string_equal(small, "abc");
    assert_int_equal(term_escape("abc", 3, NULL, 0), 3);
}

static void widths(void **state)
{
    (void)state;
    assert_int_equal(term_width("abc", 3), 3);
    assert_int_equal(term_width("é", 2), 1);
    assert_int_equal(term_width("大きい", 9), 6);
    assert_int_equal(term_width("e\xcc\x81", 3), 1); /* with a combining accent */
    assert_int_equal(term_width("", 0), 0);
}

static void durations(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } good[] = {{"1", 1},         {"500", 500},   {"500ms", 500},  {"5s", 5000},
                {"2min", 120000}, {"2m", 120000}, {"1h", 3600000}, {"2147483647", INT32_MAX}};
    static const char *const bad[] = {"",           "0",       "-1",  "5 s", "s",
                                      "1.5s",       "5x",      "0x5", "+5",  "99999999999999999999",
                                      "2147483648", "2147484s"};
    int64_t ms;

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_true(tool_parse_duration(good[i].text, &ms));
        assert_int_equal(ms, good[i].ms);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (tool_parse_duration(bad[i], &ms))
            fail_msg("accepted: %s", bad[i]);
}

static void check_nearest(const char *word, const char *want)
{
    static const char *const names[] = {"health", "sql", "env", "drivers", "doctor", "health"};
    char buf[160];

    assert_string_equal(
        tool_nearest(word, "", names, sizeof(names) / sizeof(names[0]), buf, sizeof(buf)), want);
}

static void nearest(void **state)
{
    char longest[200];

    (void)state;
    check_nearest("helth", " (did you mean health?)");
    check_nearest("haelth", " (did you mean health?)");
    check_nearest("sq", " (did you mean sql?)");
    check_nearest("do", " (did you mean doctor?)");
    check_nearest("d", "");
    check_nearest("entirely-else", "");
    check_nearest("", "");
    memset(longest, 'x', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    check_nearest(longest, "");
}

/* What a value becomes in JSON, read back from a pipe. */
static void check_value(const tn_value *value, const char *want)
{
    static out o;
    out_scratch scratch = {0};
    char buf[256];
    FILE *file = tmpfile();

    assert_non_null(file);
    out_init(&o, fileno(file));
    json_value(&o, value, &scratch);
    assert_true(out_flush(&o));
    rewind(file);
    size_t n = fread(buf, 1, sizeof(buf) - 1, file);
    buf[n] = '\0';
    fclose(file);
    out_scratch_free(&scratch);
    assert_string_equal(buf, want);
}

static tn_value text_value(tn_type type, const char *text)
{
    return (tn_value){.type = (uint8_t)type, .as.ptr = text, .len = (uint32_t)strlen(text)};
}

static void values(void **state)
{
    tn_value text = text_value(TN_TYPE_TEXT, "a\"b\\c\n\033\x7f\xff é");
    tn_value broken = text_value(TN_TYPE_JSON, "{not json");
    tn_value lines = text_value(TN_TYPE_JSON, "{\n \"a\":\r\n1}");
    tn_value nan = text_value(TN_TYPE_NUMERIC, "NaN");
    tn_value numeric = text_value(TN_TYPE_NUMERIC, "-0.10");
    tn_value time = {.type = TN_TYPE_TIMESTAMPTZ, .as.i = 1500000};
    tn_value never = {.type = TN_TYPE_TIMESTAMP, .as.i = TN_TIME_INFINITY};
    tn_value yes = {.type = TN_TYPE_BOOL, .as.i = 1};
    tn_value null = {.type = TN_TYPE_NULL};
    tn_value items[2] = {yes, null};
    tn_array array = {.items = items, .count = 2, .element = TN_TYPE_BOOL};
    tn_value of_array = {.type = TN_TYPE_ARRAY, .as.array = &array};

    (void)state;
    check_value(&text, "\"a\\\"b\\\\c\\n\\u001b\\u007f\\ufffd é\"");
    check_value(&broken, "\"{not json\"");
    check_value(&lines, "{  \"a\":  1}");
    check_value(&nan, "\"NaN\"");
    check_value(&numeric, "-0.10");
    check_value(&time, "\"1970-01-01T00:00:01.5+00:00\"");
    check_value(&never, "\"infinity\"");
    check_value(&yes, "true");
    check_value(&null, "null");
    check_value(&of_array, "[true,null]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_that_is), cmocka_unit_test(json_that_is_not),
        cmocka_unit_test(escapes),      cmocka_unit_test(widths),
        cmocka_unit_test(durations),    cmocka_unit_test(nearest),
        cmocka_unit_test(values),
    };

    term_init();
    return cmocka_run_group_tests_name("tool parts", tests, NULL, NULL);
}
