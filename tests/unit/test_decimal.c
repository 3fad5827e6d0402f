/* SPDX-License-Identifier: MIT */
/* The wanted texts are what PostgreSQL 15 prints; NULL: it refuses. */
#include "unit.h"

#include <math.h>

#include "base/decimal.h"
#include "base/str.h"

/* clang-format off */
static const struct {
    const char *name;
    const char *want;
} rows[] = {
    {"0", "0"},
    {"-0", "0"},
    {"-0.00", "0.00"},
    {"0.00", "0.00"},
    {"1.5e-3", "0.0015"},
    {"1e5", "100000"},
    {"1E+5", "100000"},
    {"1.50e1", "15.0"},
    {"1.50e-1", "0.150"},
    {".5", "0.5"},
    {"5.", "5"},
    {"-.5", "-0.5"},
    {"+5", "5"},
    {"007", "7"},
    {"00.700", "0.700"},
    {"NaN", "NaN"},
    {"nan", "NaN"},
    {"-nan", NULL},
    {"+nan", NULL},
    {"inf", "Infinity"},
    {"Infinity", "Infinity"},
    {"-Infinity", "-Infinity"},
    {"+inf", "Infinity"},
    {"-inf", "-Infinity"},
    {".", NULL},
    {"e5", NULL},
    {"1e", NULL},
    {"1e+", NULL},
    {"1e5.5", NULL},
    {"1 2", NULL},
    {"--1", NULL},
    {"0x10", NULL},
    {"1_000", NULL},
    {"", NULL},
    {"  12.30  ", "12.30"},
    {"1e131072", NULL},
    {"9e-16384", NULL},
    {"0e-16384", NULL},
    {"0e200000", "0"},
    {"0e999999999", "0"},
    {"1e999999999", NULL},
    {"1e-999999999", NULL},
    {"123456789012345678901234567890.123456789012345678901234567890", "123456789012345678901234567890.123456789012345678901234567890"},
    {"0.000000", "0.000000"},
    {"1e0", "1"},
    {"12e-1", "1.2"},
    {"120e-1", "12.0"},
    {"120e-2", "1.20"},
    {"1200e-1", "120.0"},
    {"0.0012e2", "0.12"},
    {"0.0012e3", "1.2"},
    {"0.0012e5", "120"},
    {"-1.5e-3", "-0.0015"},
    {"1e-5", "0.00001"},
    {"1.e5", "100000"},
    {"1.e-5", "0.00001"},
    {".5e1", "5"},
    {".05e1", "0.5"},
    {"+.0", "0.0"},
    {"+58817967958.38", "58817967958.38"},
    {"12.2375", "12.2375"},
    {".80e20", "80000000000000000000"},
    {"2.3002556", "2.3002556"},
    {"4120148252551", "4120148252551"},
    {"-33341.", "-33341"},
    {"+999.609878", "999.609878"},
    {"+98110997954941e-7", "9811099.7954941"},
    {"-94626.57796871", "-94626.57796871"},
    {"+2847116", "2847116"},
    {"-531856915977", "-531856915977"},
    {"212436.47175236", "212436.47175236"},
    {"+5652672", "5652672"},
    {"+426389202344e2", "42638920234400"},
    {"-8556779259", "-8556779259"},
    {"+8657794", "8657794"},
    {".e7", NULL},
    {"+5643e11", "564300000000000"},
    {"+49749316e-13", "0.0000049749316"},
    {"+0598690.36318194e-16", "0.000000000059869036318194"},
    {"+10143301.", "10143301"},
    {"+3063772.71", "3063772.71"},
    {"467681142057265", "467681142057265"},
    {"-86213047424134e20", "-8621304742413400000000000000000000"},
    {"633730613471016e1", "6337306134710160"},
    {"132.", "132"},
    {"-4010e-4", "-0.4010"},
    {"-", NULL},
    {"+0698332.4004", "698332.4004"},
    {"4406854e-13", "0.0000004406854"},
    {"-405.983", "-405.983"},
    {"9967", "9967"},
    {"-520515020084.3199", "-520515020084.3199"},
    {"-93446.38e-11", "-0.0000009344638"},
    {"-4053021.87", "-4053021.87"},
    {"14132257326290839580", "14132257326290839580"},
    {"-2910.467", "-2910.467"},
    {"+0568784858e-13", "0.0000568784858"},
    {"+90116328862", "90116328862"},
};
/* clang-format on */

static void test_normal(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        tn_str copy = exact_copy(tn_str_from(rows[i].name));
        tn__buf out, again;

        tn__buf_init(&out, TN__BUF_MAX);
        tn__buf_puts(&out, "<");
        check_row(tn__decimal_normal(copy, &out) == (rows[i].want != NULL), i);
        check_str(tn__str(out.ptr + 1, out.len - 1), rows[i].want ? rows[i].want : "");
        if (rows[i].want) { /* a normal form is its own normal form */
            tn__buf_init(&again, TN__BUF_MAX);
            check_row(tn__decimal_normal(tn_str_from(rows[i].want), &again), i);
            check_str(tn__str(again.ptr, again.len), rows[i].want);
            tn__buf_free(&again);
        }
        tn__buf_free(&out);
        free((char *)copy.ptr);
    }
}

/* Both bounds, at and beyond; the lengths are checked, not every digit. */
static void test_bounds(void **state)
{
    static const struct {
        const char *name;
        size_t len;
    } bounds[] = {
        {"1e131071", 131072},
        {"9.99e131071", 131072},
        {"1e131072", 0},
        {"0.1e131072", 131072},
        {"1e-16383", 16385},
        {"1e-16384", 0},
        {"-1e-16383", 16386},
        {"0e-16383", 16385},
        {"0e-16384", 0},
        {"1e999999999999999999999", 0},
        {"1e-999999999999999999999", 0},
        {"0e999999999999999999999", 1},
        {"12.5e131070", 131072},
    };
    tn__buf out;

    (void)state;
    tn__buf_init(&out, TN__BUF_MAX);
    for (size_t i = 0; i < COUNT_OF(bounds); i++) {
        tn__buf_reset(&out);
        if (tn__decimal_normal(tn_str_from(bounds[i].name), &out) != (bounds[i].len > 0) ||
            out.len != bounds[i].len)
            fail_msg("%s gives %zu characters", bounds[i].name, out.len);
    }
    /* A long text of digits, and one that is too long. */
    char *digits = malloc(300000);
    assert_non_null(digits);
    memset(digits, '7', 300000);
    tn__buf_reset(&out);
    assert_true(tn__decimal_normal(tn__str(digits, 131072), &out) && out.len == 131072);
    tn__buf_reset(&out);
    assert_false(tn__decimal_normal(tn__str(digits, 131073), &out));
    assert_false(tn__decimal_normal(tn__str(digits, 300000), &out));
    assert_int_equal(out.len, 0);
    memset(digits, '0', 150000); /* leading zeros are no digits of the number */
    digits[150000] = '\0';
    assert_true(tn__decimal_normal(tn__str(digits, 150000), &out) && out.len == 1);
    free(digits);
    tn__buf_free(&out);
}

static void test_full_buffer(void **state)
{
    tn__buf out;

    (void)state;
    tn__buf_init(&out, 3);
    assert_false(tn__decimal_normal(S("1e5"), &out));
    assert_int_equal(out.len, 0);
    tn__buf_free(&out);
}

static void test_digits(void **state)
{
    static const struct {
        const char *name;
        size_t want;
    } table[] = {
        {"0", 0},
        {"0.000", 0},
        {"1", 1},
        {"-1", 1},
        {"100", 1},
        {"101", 3},
        {"0.00120", 2},
        {"1200.50", 5},
        {"10.01", 4},
        {"NaN", 0},
        {"Infinity", 0},
        {"-Infinity", 0},
        {"123456789.987654321", 18},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(table); i++)
        if (tn__decimal_digits(tn_str_from(table[i].name)) != table[i].want)
            fail_msg("%s", table[i].name);
}

static void test_to_int64(void **state)
{
    static const struct {
        const char *name;
        bool ok;
        int64_t want;
    } table[] = {
        {"0", true, 0},
        {"-5", true, -5},
        {"5.000", true, 5},
        {"5.001", false, 0},
        {"9223372036854775807", true, INT64_MAX},
        {"-9223372036854775808.0", true, INT64_MIN},
        {"9223372036854775808", false, 0},
        {"NaN", false, 0},
        {"Infinity", false, 0},
        {"", false, 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        int64_t got = 4711;
        if (tn__decimal_to_int64(tn_str_from(table[i].name), &got) != table[i].ok ||
            got != (table[i].ok ? table[i].want : 4711))
            fail_msg("%s", table[i].name);
    }
}

static void test_to_double(void **state)
{
    char text[400];
    double got = 1;

    (void)state;
    assert_true(tn__decimal_to_double(S("0.1"), &got) && got == 0.1);
    assert_true(tn__decimal_to_double(S("123456789012345678901234567890"), &got) &&
                got == 123456789012345678901234567890.0);
    assert_true(tn__decimal_to_double(S("NaN"), &got) && isnan(got));
    assert_true(tn__decimal_to_double(S("-Infinity"), &got) && isinf(got) && got < 0);
    memset(text, '9', sizeof(text));
    assert_false(tn__decimal_to_double(tn__str(text, 400), &got));
}

static void test_rescale(void **state)
{
    static const struct {
        const char *name;
        int scale;
        const char *want;
    } table[] = {
        {"1.5", 0, "2"},
        {"2.5", 0, "3"},
        {"-2.5", 0, "-3"},
        {"-0.4", 0, "0"},
        {"-0.5", 0, "-1"},
        {"0.5", 0, "1"},
        {"1.005", 2, "1.01"},
        {"1.004999", 2, "1.00"},
        {"1", 2, "1.00"},
        {"9.99", 1, "10.0"},
        {"99.995", 2, "100.00"},
        {"-9.95", 1, "-10.0"},
        {"0.05", 1, "0.1"},
        {"0.04", 1, "0.0"},
        {"-0.04", 1, "0.0"},
        {"123.456", 3, "123.456"},
        {"123.456", 5, "123.45600"},
        {"149", -2, "100"},
        {"150", -2, "200"},
        {"49", -2, "0"},
        {"50", -2, "100"},
        {"-50", -2, "-100"},
        {"7", -1, "10"},
        {"4", -1, "0"},
        {"7", -2, "0"},
        {"999", -1, "1000"},
        {"12345.678", -3, "12000"},
        {"0", 3, "0.000"},
        {"0.00", 0, "0"},
        {"NaN", 2, NULL},
        {"Infinity", 0, NULL},
        {"", 0, NULL},
        {"1.2.3", 0, NULL},
        {"1", 16384, NULL},
    };
    tn__buf out;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        bool ok;
        tn__buf_init(&out, TN__BUF_MAX);
        tn__buf_puts(&out, "0x");
        ok = tn__decimal_rescale(tn_str_from(table[i].name), table[i].scale, &out);
        if (ok != (table[i].want != NULL) || memcmp(out.ptr, "0x", 2) != 0)
            fail_msg("%s to %d", table[i].name, table[i].scale);
        check_str(tn__str(out.ptr + 2, out.len - 2), table[i].want ? table[i].want : "");
        assert_int_equal(strlen(out.ptr), out.len);
        tn__buf_free(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_normal),      cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_full_buffer), cmocka_unit_test(test_digits),
        cmocka_unit_test(test_to_int64),    cmocka_unit_test(test_to_double),
        cmocka_unit_test(test_rescale),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
