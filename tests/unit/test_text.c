/* SPDX-License-Identifier: MIT */
/* The wanted texts are what PostgreSQL 15 prints; NULL: it refuses. */
#include "unit.h"

#include "base/str.h"
#include "base/text.h"

/* clang-format off */
static const struct {
    const char *name;
    const char *want;
    tn_type type;
} rows[] = {
    {"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", TN_TYPE_UUID},
    {"{a0eebc99-9c0b4ef8-bb6d6bb9-bd380a11}", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", TN_TYPE_UUID},
    {"A0EEBC999C0B4EF8BB6D6BB9BD380A11", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", TN_TYPE_UUID},
    {"a0ee-bc99-9c0b-4ef8-bb6d-6bb9-bd38-0a11", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", TN_TYPE_UUID},
    {"{a0eebc999c0b4ef8bb6d6bb9bd380a11", NULL, TN_TYPE_UUID},
    {"a0eebc999c0b4ef8bb6d6bb9bd380a1", NULL, TN_TYPE_UUID},
    {"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11-", NULL, TN_TYPE_UUID},
    {"a0-eebc999c0b4ef8bb6d6bb9bd380a11", NULL, TN_TYPE_UUID},
    {"", NULL, TN_TYPE_UUID},
    {"a0eebc99--9c0b-4ef8-bb6d-6bb9bd380a11", NULL, TN_TYPE_UUID},
    {"a0eebc999c0b4ef8bb6d6bb9bd380a111", NULL, TN_TYPE_UUID},
    {"9223372036854775807", "9223372036854775807", TN_TYPE_INT64},
    {"-9223372036854775808", "-9223372036854775808", TN_TYPE_INT64},
    {"9223372036854775808", NULL, TN_TYPE_INT64},
    {"-9223372036854775809", NULL, TN_TYPE_INT64},
    {" 5 ", "5", TN_TYPE_INT64},
    {"+5", "5", TN_TYPE_INT64},
    {"5x", NULL, TN_TYPE_INT64},
    {"", NULL, TN_TYPE_INT64},
    {"-", NULL, TN_TYPE_INT64},
    {"0005", "5", TN_TYPE_INT64},
    {"--5", NULL, TN_TYPE_INT64},
    {"2147483647", "2147483647", TN_TYPE_INT32},
    {"2147483648", NULL, TN_TYPE_INT32},
    {"-2147483648", "-2147483648", TN_TYPE_INT32},
    {"-2147483649", NULL, TN_TYPE_INT32},
    {"32767", "32767", TN_TYPE_INT16},
    {"32768", NULL, TN_TYPE_INT16},
    {"-32768", "-32768", TN_TYPE_INT16},
    {"-32769", NULL, TN_TYPE_INT16},
    {"t", "t", TN_TYPE_BOOL},
    {"f", "f", TN_TYPE_BOOL},
    {"true", "t", TN_TYPE_BOOL},
    {"FALSE", "f", TN_TYPE_BOOL},
    {"yes", "t", TN_TYPE_BOOL},
    {"no", "f", TN_TYPE_BOOL},
    {"on", "t", TN_TYPE_BOOL},
    {"off", "f", TN_TYPE_BOOL},
    {"1", "t", TN_TYPE_BOOL},
    {"0", "f", TN_TYPE_BOOL},
    {"y", "t", TN_TYPE_BOOL},
    {"n", "f", TN_TYPE_BOOL},
    {"", NULL, TN_TYPE_BOOL},
    {"2", NULL, TN_TYPE_BOOL},
    {" t ", "t", TN_TYPE_BOOL},
    {"1", "1", TN_TYPE_FLOAT8},
    {"1e400", NULL, TN_TYPE_FLOAT8},
    {"-1e400", NULL, TN_TYPE_FLOAT8},
    {"1e-400", NULL, TN_TYPE_FLOAT8},
    {"0e-400", "0", TN_TYPE_FLOAT8},
    {"inf", "Infinity", TN_TYPE_FLOAT8},
    {"nan", "NaN", TN_TYPE_FLOAT8},
    {"+inf", "Infinity", TN_TYPE_FLOAT8},
    {"infinity", "Infinity", TN_TYPE_FLOAT8},
    {"-infinity", "-Infinity", TN_TYPE_FLOAT8},
    {"1e", NULL, TN_TYPE_FLOAT8},
    {".5", "0.5", TN_TYPE_FLOAT8},
    {"5.", "5", TN_TYPE_FLOAT8},
    {"", NULL, TN_TYPE_FLOAT8},
    {"  1.5  ", "1.5", TN_TYPE_FLOAT8},
    {"1.5x", NULL, TN_TYPE_FLOAT8},
    {"-0", "-0", TN_TYPE_FLOAT8},
    {"0.1", "0.1", TN_TYPE_FLOAT8},
    {"1e23", "9.999999999999999e+22", TN_TYPE_FLOAT8},
    {"4.9e-324", "5e-324", TN_TYPE_FLOAT8},
    {"2e-324", NULL, TN_TYPE_FLOAT8},
    {"2.4703282292062327e-324", NULL, TN_TYPE_FLOAT8},
    {"2.4703282292062328e-324", "5e-324", TN_TYPE_FLOAT8},
    {"1.7976931348623157e308", "1.7976931348623157e+308", TN_TYPE_FLOAT8},
    {"1.7976931348623159e308", NULL, TN_TYPE_FLOAT8},
    {"1_0", NULL, TN_TYPE_FLOAT8},
    {"1", "1", TN_TYPE_FLOAT4},
    {"1e400", NULL, TN_TYPE_FLOAT4},
    {"-1e400", NULL, TN_TYPE_FLOAT4},
    {"1e-400", NULL, TN_TYPE_FLOAT4},
    {"0e-400", "0", TN_TYPE_FLOAT4},
    {"inf", "Infinity", TN_TYPE_FLOAT4},
    {"nan", "NaN", TN_TYPE_FLOAT4},
    {"+inf", "Infinity", TN_TYPE_FLOAT4},
    {"infinity", "Infinity", TN_TYPE_FLOAT4},
    {"-infinity", "-Infinity", TN_TYPE_FLOAT4},
    {"1e", NULL, TN_TYPE_FLOAT4},
    {".5", "0.5", TN_TYPE_FLOAT4},
    {"5.", "5", TN_TYPE_FLOAT4},
    {"", NULL, TN_TYPE_FLOAT4},
    {"  1.5  ", "1.5", TN_TYPE_FLOAT4},
    {"1.5x", NULL, TN_TYPE_FLOAT4},
    {"-0", "-0", TN_TYPE_FLOAT4},
    {"0.1", "0.1", TN_TYPE_FLOAT4},
    {"1e23", "1e+23", TN_TYPE_FLOAT4},
    {"4.9e-324", NULL, TN_TYPE_FLOAT4},
    {"2e-324", NULL, TN_TYPE_FLOAT4},
    {"2.4703282292062327e-324", NULL, TN_TYPE_FLOAT4},
    {"2.4703282292062328e-324", NULL, TN_TYPE_FLOAT4},
    {"1.7976931348623157e308", NULL, TN_TYPE_FLOAT4},
    {"1.7976931348623159e308", NULL, TN_TYPE_FLOAT4},
    {"1_0", NULL, TN_TYPE_FLOAT4},
    {"3.4028236e38", NULL, TN_TYPE_FLOAT4},
    {"3.4028235e38", "3.4028235e+38", TN_TYPE_FLOAT4},
    {"1e-45", "1e-45", TN_TYPE_FLOAT4},
    {"7e-46", NULL, TN_TYPE_FLOAT4},
    {"1.00000017881393432617187499", "1.0000001", TN_TYPE_FLOAT4},
    {"1.00000017881393432617187500", "1.0000002", TN_TYPE_FLOAT4},
    {"1.00000017881393432617187501", "1.0000002", TN_TYPE_FLOAT4},
    {"16777217", "1.6777216e+07", TN_TYPE_FLOAT4},
    {"\\x", "\\x", TN_TYPE_BYTES},
    {"\\x00ff", "\\x00ff", TN_TYPE_BYTES},
    {"\\xABcd", "\\xabcd", TN_TYPE_BYTES},
    {"\\x0", NULL, TN_TYPE_BYTES},
    {"\\xgg", NULL, TN_TYPE_BYTES},
    {"abc", "\\x616263", TN_TYPE_BYTES},
    {"a\\\\b", "\\x615c62", TN_TYPE_BYTES},
    {"a\\000b", "\\x610062", TN_TYPE_BYTES},
    {"\\377", "\\xff", TN_TYPE_BYTES},
    {"\\400", NULL, TN_TYPE_BYTES},
    {"\\1", NULL, TN_TYPE_BYTES},
    {"\\x 00 ff", "\\x00ff", TN_TYPE_BYTES},
    {"\\x0 0", NULL, TN_TYPE_BYTES},
    {"1.50", "1.50", TN_TYPE_NUMERIC},
    {"1 day", "1 day", TN_TYPE_INTERVAL},
    {"2026-11-23 09:00:00+00", "2026-11-23 09:00:00+00", TN_TYPE_TIMESTAMPTZ},
    {"2026-11-23 09:00:00", "2026-11-23 09:00:00", TN_TYPE_TIMESTAMP},
    {"2026-11-23", "2026-11-23", TN_TYPE_DATE},
    {"24:00:00", "24:00:00", TN_TYPE_TIME},
    {"{\"a\": 1}", "{\"a\": 1}", TN_TYPE_JSON},
    {" as it is ", " as it is ", TN_TYPE_TEXT},
    {"(1,2)", "(1,2)", TN_TYPE_OTHER},
    {"", "", TN_TYPE_TEXT},
    {"x", NULL, TN_TYPE_NULL},
    {"x", NULL, (tn_type)77},
};
/* clang-format on */

static void test_parse_and_append(void **state)
{
    tn__arena arena;

    (void)state;
    tn__arena_init(&arena, 1 << 20);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        tn_value value = {.as.i = 4711, .type = TN_TYPE_DATE}, copy;
        tn_str text = exact_copy(tn_str_from(rows[i].name));
        tn__buf out;

        tn__arena_reset(&arena);
        tn__buf_init(&out, TN__BUF_MAX);
        check_row(tn__value_parse(rows[i].type, TN_TYPE_NULL, text, &arena, &value) ==
                      (rows[i].want != NULL),
                  i);
        free((char *)text.ptr);
        if (!rows[i].want) {
            check_row(value.as.i == 4711 && value.type == TN_TYPE_DATE, i);
            continue;
        }
        check_row(value.type == rows[i].type, i);
        check_row(tn__value_append(&out, &value), i);
        check_str(tn__str(out.ptr, out.len), rows[i].want);
        tn__buf_reset(&out);
        check_row(tn__value_copy(&value, &arena, &copy) && tn__value_append(&out, &copy), i);
        check_str(tn__str(out.ptr, out.len), rows[i].want);
        tn__buf_free(&out);
    }
    tn__arena_free(&arena);
}

/* Texts have a NUL behind them, wherever they came from. */
static void test_nul_behind_texts(void **state)
{
    const tn_type types[] = {TN_TYPE_TEXT, TN_TYPE_JSON, TN_TYPE_OTHER, TN_TYPE_NUMERIC,
                             TN_TYPE_BYTES};
    tn__arena arena;

    (void)state;
    tn__arena_init(&arena, 1 << 20);
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        char dirty[3] = {'1', '2', '3'};
        tn_value value, copy;
        assert_true(tn__value_parse(types[i], TN_TYPE_NULL, tn__str(dirty, 3), &arena, &value));
        assert_int_equal(value.len, 3);
        assert_memory_equal(value.as.ptr, "123", 4);
        assert_true(tn__value_copy(&value, &arena, &copy));
        assert_ptr_not_equal(copy.as.ptr, value.as.ptr);
        assert_memory_equal(copy.as.ptr, "123", 4);
    }
    tn__arena_free(&arena);
}

static void test_no_memory(void **state)
{
    const struct {
        const char *name;
        tn_type type, element;
    } table[] = {
        {"a text of more than the limit of thirty-two", TN_TYPE_TEXT, TN_TYPE_NULL},
        {"123456789012345678901234567890.12345", TN_TYPE_NUMERIC, TN_TYPE_NULL},
        {"abcdefghijklmnopqrstuvwxyz0123456789", TN_TYPE_BYTES, TN_TYPE_NULL},
        {"{1,2,3,4}", TN_TYPE_ARRAY, TN_TYPE_INT32},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        tn_value value = {.as.i = 4711};
        tn__arena arena;
        tn__arena_init(&arena, 32);
        assert_false(tn__value_parse(table[i].type, table[i].element, tn_str_from(table[i].name),
                                     &arena, &value));
        assert_int_equal(value.as.i, 4711);
        tn__arena_free(&arena);
    }
}

static void test_append_to_a_full_buffer(void **state)
{
    const tn_value value = {.as.i = 5, .type = TN_TYPE_INT32}, null = {.type = TN_TYPE_NULL};
    tn__buf out;

    (void)state;
    tn__buf_init(&out, 0);
    assert_true(tn__value_append(&out, &null));
    assert_false(tn__value_append(&out, &value));
    assert_false(tn__value_append(&out, &null));
    tn__buf_free(&out);
}

static void test_value_format(void **state)
{
    const tn_value number = {.as.i = -12345, .type = TN_TYPE_INT64};
    const tn_value text = {.as.ptr = "abc", .len = 3, .type = TN_TYPE_TEXT};
    const tn_value null = {.type = TN_TYPE_NULL}, wrong = {.type = 77};
    char buf[8] = "#######";

    (void)state;
    assert_int_equal(tn_value_format(&number, buf, sizeof(buf)), 6);
    assert_string_equal(buf, "-12345");
    assert_int_equal(tn_value_format(&number, buf, 4), 6);
    assert_string_equal(buf, "-12");
    assert_int_equal(tn_value_format(&number, NULL, 0), 6);
    assert_int_equal(tn_value_format(&text, buf, 1), 3);
    assert_string_equal(buf, "");
    assert_int_equal(tn_value_format(&text, buf, 4), 3);
    assert_string_equal(buf, "abc");
    assert_int_equal(tn_value_format(&null, buf, sizeof(buf)), 0);
    assert_string_equal(buf, "");
    assert_int_equal(tn_value_format(&wrong, buf, sizeof(buf)), 0);
    assert_string_equal(buf, "");
}

/* The same text, cut where it must be, whatever room there is: some is written in place. */
static void test_value_format_in_any_room(void **state)
{
    static const tn_uuid uuid = {{0x7d, 0x44}};
    static const tn_interval interval = {.months = 14, .days = -3, .us = 1};
    const tn_value values[] = {
        {.as.i = INT64_MIN, .type = TN_TYPE_INT64},
        {.as.f = -0.1, .type = TN_TYPE_FLOAT8},
        {.as.f = 1.5, .type = TN_TYPE_FLOAT4},
        {.as.i = 1, .type = TN_TYPE_BOOL},
        {.as.uuid = &uuid, .type = TN_TYPE_UUID},
        {.as.i = 0, .type = TN_TYPE_TIMESTAMPTZ},
        {.as.i = -1, .type = TN_TYPE_TIMESTAMP},
        {.as.i = -719163, .type = TN_TYPE_DATE},
        {.as.i = 86399999999, .type = TN_TYPE_TIME},
        {.as.ptr = "abc", .len = 3, .type = TN_TYPE_BYTES},
        {.as.interval = &interval, .type = TN_TYPE_INTERVAL},
    };
    static const char *const texts[] = {
        "-9223372036854775808",
        "-0.1",
        "1.5",
        "t",
        "7d440000-0000-0000-0000-000000000000",
        "1970-01-01 00:00:00+00",
        "1969-12-31 23:59:59.999999",
        "0001-12-31 BC",
        "23:59:59.999999",
        "\\x616263",
        "1 year 2 mons -3 days +00:00:00.000001",
    };
    char buf[2 * TN_TIME_TEXT_SIZE], expected[sizeof(buf)];

    (void)state;
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        for (size_t size = 1; size <= sizeof(buf); size++) {
            memset(buf, '#', sizeof(buf));
            assert_int_equal(tn_value_format(&values[i], buf, size), strlen(texts[i]));
            snprintf(expected, size, "%s", texts[i]);
            assert_string_equal(buf, expected);
            assert_true(size == sizeof(buf) || buf[size] == '#');
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse_and_append), cmocka_unit_test(test_nul_behind_texts),
        cmocka_unit_test(test_no_memory),        cmocka_unit_test(test_append_to_a_full_buffer),
        cmocka_unit_test(test_value_format),     cmocka_unit_test(test_value_format_in_any_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
