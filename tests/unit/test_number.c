/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <locale.h>
#include <math.h>

#include "base/str.h"

static void test_int64(void **state)
{
    static const struct {
        const char *name;
        bool ok;
        int64_t want;
    } rows[] = {
        {"0", true, 0},
        {"-0", true, 0},
        {"+7", true, 7},
        {"00012", true, 12},
        {"9223372036854775807", true, INT64_MAX},
        {"-9223372036854775808", true, INT64_MIN},
        {"9223372036854775808", false, 0},
        {"-9223372036854775809", false, 0},
        {"99999999999999999999999999", false, 0},
        {"", false, 0},
        {"-", false, 0},
        {"+", false, 0},
        {"--1", false, 0},
        {" 1", false, 0},
        {"1 ", false, 0},
        {"1.0", false, 0},
        {"0x10", false, 0},
        {"1e3", false, 0},
        {"\xd9\xa1", false, 0}, /* an Arabic digit */
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        int64_t got = 4711;
        tn_str copy = exact_copy(tn_str_from(rows[i].name));
        check_row(tn__parse_int64(copy, &got) == rows[i].ok, i);
        check_row(got == (rows[i].ok ? rows[i].want : 4711), i);
        free((char *)copy.ptr);
    }
}

static void test_format_int64(void **state)
{
    static const struct {
        const char *name;
        int64_t value;
    } rows[] = {
        {"0", 0},
        {"-1", -1},
        {"10", 10},
        {"9223372036854775807", INT64_MAX},
        {"-9223372036854775808", INT64_MIN},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char buf[21];
        check_row(tn__format_int64(rows[i].value, buf) == strlen(rows[i].name), i);
        check_row(strcmp(buf, rows[i].name) == 0, i);
    }
}

/* Round each power of ten, where a number gets one digit more, against the C library. */
static void test_format_int64_lengths(void **state)
{
    char expected[24], buf[21];

    (void)state;
    for (int64_t power = 1, i = 0; i < 19; i++, power *= i < 19 ? 10 : 1)
        for (int64_t near = -2; near <= 2; near++)
            for (int64_t sign = -1; sign <= 1; sign += 2) {
                int64_t value = sign * (power + near);
                int n = snprintf(expected, sizeof(expected), "%lld", (long long)value);
                assert_int_equal(tn__format_int64(value, buf), n);
                assert_string_equal(buf, expected);
            }
}

static void test_bool(void **state)
{
    static const char *const yes[] = {"t", "true", "TRUE", "on", "On", "yes", "1", "y"};
    static const char *const no[] = {"f", "false", "False", "off", "no", "0", "n"};
    static const char *const neither[] = {"", "2", "tr", "yess", " t", "t ", "-1", "01", "null"};
    bool value;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(yes); i++) {
        value = false;
        assert_true(tn__parse_bool(tn_str_from(yes[i]), &value) && value);
    }
    for (size_t i = 0; i < COUNT_OF(no); i++) {
        value = true;
        assert_true(tn__parse_bool(tn_str_from(no[i]), &value) && !value);
    }
    for (size_t i = 0; i < COUNT_OF(neither); i++) {
        value = true;
        assert_false(tn__parse_bool(tn_str_from(neither[i]), &value));
        assert_true(value);
    }
}

static const struct {
    const char *name;
    bool ok;
    double want;
} doubles[] = {
    {"0", true, 0},
    {"1.5", true, 1.5},
    {"-1.5e3", true, -1500},
    {".5", true, 0.5},
    {"5.", true, 5},
    {"+5E+2", true, 500},
    {"  2.5\n", true, 2.5},
    {"0.1", true, 0.1},
    {"4.9e-324", true, 4.9e-324},
    {"2.4703282292062328e-324", true, 4.9e-324},
    {"2.4703282292062327e-324", false, 0},
    {"1.7976931348623157e308", true, 1.7976931348623157e308},
    {"1.7976931348623159e308", false, 0},
    {"1e400", false, 0},
    {"-1e400", false, 0},
    {"1e-400", false, 0},
    {"0e-400", true, 0},
    {"0e99999999999999", true, 0},
    {"inf", true, (double)INFINITY},
    {"+Inf", true, (double)INFINITY},
    {"-iNfInItY", true, -(double)INFINITY},
    {"", false, 0},
    {".", false, 0},
    {"e5", false, 0},
    {"1e", false, 0},
    {"1e+", false, 0},
    {"1.5.2", false, 0},
    {"1,5", false, 0},
    {"0x10", false, 0},
    {"0x1p3", false, 0},
    {"nan(1)", false, 0},
    {"infinit", false, 0},
    {"1 2", false, 0},
    {"--1", false, 0},
};

static void test_double(void **state)
{
    double got;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(doubles); i++) {
        tn_str copy = exact_copy(tn_str_from(doubles[i].name));
        got = 47.11;
        if (tn__parse_double(copy, &got) != doubles[i].ok ||
            got != (doubles[i].ok ? doubles[i].want : 47.11))
            fail_msg("\"%s\" gave %.17g", doubles[i].name, got);
        free((char *)copy.ptr);
    }
    assert_true(tn__parse_double(S("NaN"), &got) && isnan(got));
    assert_true(tn__parse_double(S("-0"), &got) && signbit(got));
}

/* Digits beyond any buffer: 0.000...01 and a thousand digits. */
static void test_long_double(void **state)
{
    char text[2000];
    double got = 0;

    (void)state;
    memset(text, '0', sizeof(text));
    text[1] = '.';
    text[300] = '1';
    assert_true(tn__parse_double(tn__str(text, sizeof(text)), &got));
    assert_true(got == 1e-299);
    memset(text, '9', sizeof(text));
    assert_false(tn__parse_double(tn__str(text, sizeof(text)), &got));
    text[1] = '.';
    assert_true(tn__parse_double(tn__str(text, sizeof(text)), &got));
    assert_true(got == 10);
}

static void test_float_is_rounded_once(void **state)
{
    float got = 0;

    (void)state;
    /* Just above the middle: by way of a double it would be the middle, and round to even. */
    assert_true(tn__parse_float(S("1.00000017881393432617187501"), &got));
    assert_true(got == 1.0000002384185791f);
    assert_true(tn__parse_float(S("1.00000017881393432617187499"), &got));
    assert_true(got == 1.0000001192092896f);
    assert_false(tn__parse_float(S("3.4028236e38"), &got));
    assert_false(tn__parse_float(S("7e-46"), &got));
    assert_true(tn__parse_float(S("1e-45"), &got));
}

/* A program that set a locale with a decimal comma reads and writes points all the same. */
static void test_locale_is_ignored(void **state)
{
    static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "fr_FR.utf8"};
    const char *set = NULL;
    double got = 0;
    char buf[32];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(names) && !set; i++)
        set = setlocale(LC_NUMERIC, names[i]);
    if (!set)
        print_message("no locale with a decimal comma is installed: checked in C only\n");
    assert_true(tn__parse_double(S("1.5"), &got) && got == 1.5);
    assert_false(tn__parse_double(S("1,5"), &got));
    tn__format_double(1.5, buf);
    assert_string_equal(buf, "1.5");
    setlocale(LC_NUMERIC, "C");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_int64),
        cmocka_unit_test(test_format_int64),
        cmocka_unit_test(test_format_int64_lengths),
        cmocka_unit_test(test_bool),
        cmocka_unit_test(test_double),
        cmocka_unit_test(test_long_double),
        cmocka_unit_test(test_float_is_rounded_once),
        cmocka_unit_test(test_locale_is_ignored),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
