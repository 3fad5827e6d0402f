/* SPDX-License-Identifier: MIT */
/*
 * Binary values both ways. The bytes are what PostgreSQL 15 sends (numeric_send and so on); then
 * each one byte short, one over, empty, and arrays whose counts and lengths lie.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "base/text.h"
#include "postgres/pg.h"
#include "support/driver_host.h"

typedef struct sample {
    uint32_t oid;
    const char *text;
    const char *hex;
} sample;

static const sample samples[] = {
    {16, "t", "01"},
    {16, "f", "00"},
    {21, "-32768", "8000"},
    {21, "32767", "7fff"},
    {23, "-2147483648", "80000000"},
    {23, "2147483647", "7fffffff"},
    {20, "-9223372036854775808", "8000000000000000"},
    {20, "9223372036854775807", "7fffffffffffffff"},
    {26, "4294967295", "ffffffff"},
    {700, "0.1", "3dcccccd"},
    {701, "0.1", "3fb999999999999a"},
    {701, "-Infinity", "fff0000000000000"},
    {701, "NaN", "7ff8000000000000"},
    {25, "\xc3\xa4", "c3a4"},
    {17, "\\x00ff", "00ff"},
    {2950, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "a0eebc999c0b4ef8bb6d6bb9bd380a11"},
    {1184, "2026-11-23 09:00:00.123456+00", "000303ec965f4640"},
    {1184, "infinity", "7fffffffffffffff"},
    {1184, "-infinity", "8000000000000000"},
    {1114, "2000-01-01 00:00:00", "0000000000000000"},
    {1082, "1969-12-31", "ffffd532"},
    {1082, "infinity", "7fffffff"},
    {1083, "24:00:00", "000000141dd76000"},
    {1186, "1 year 2 mons 3 days 04:05:06.7", "000000036c966ee0000000030000000e"},
    {114, "{\"a\":1}", "7b2261223a317d"},
    {3802, "{\"a\": 1}", "017b2261223a20317d"},
    {1700, "0", "0000000000000000"},
    {1700, "0.00", "0000000000000002"},
    {1700, "1", "00010000000000000001"},
    {1700, "-1", "00010000400000000001"},
    {1700, "10", "0001000000000000000a"},
    {1700, "100", "00010000000000000064"},
    {1700, "1000", "000100000000000003e8"},
    {1700, "9999", "0001000000000000270f"},
    {1700, "10000", "00010001000000000001"},
    {1700, "12345678", "000200010000000004d2162e"},
    {1700, "0.1", "0001ffff0000000103e8"},
    {1700, "0.0001", "0001ffff000000040001"},
    {1700, "0.00001", "0001fffe0000000503e8"},
    {1700, "-0.00000000000000000001", "0001fffb400000140001"},
    {1700, "1.5", "000200000000000100011388"},
    {1700, "123.456", "0002000000000003007b11d0"},
    {1700, "99999999999999999999.99999999999999999999",
     "000a000400000014270f270f270f270f270f270f270f270f270f270f"},
    {1700, "10000.0001", "0003000100000004000100000001"},
    {1700, "100000000", "00010002000000000001"},
    {1700, "0.9999", "0001ffff00000004270f"},
    {1700, "NaN", "00000000c0000000"},
    {1700, "Infinity", "00000000d0000000"},
    {1700, "-Infinity", "00000000f0000000"},
    {1700, "-12345.6700", "0003000140000004000109291a2c"},
    {1700, "100000000000000000000", "00010005000000000001"},
    {1700, "0.0010", "0001ffff00000004000a"},
    {1700, "5000.0000", "00010000000000041388"},
    {1700, "0.10000", "0001ffff0000000503e8"},
    {1700, "12340000", "000200010000000004d20000"},
    {1700, "1234.0", "000100000000000104d2"},
    {1007, "{1,NULL,3}",
     "00000001000000010000001700000003000000010000000400000001ffffffff00000004"
     "00000003"},
    {1007, "{}", "000000000000000000000017"},
    {1009, "{a,NULL,\"b c\"}",
     "00000001000000010000001900000003000000010000000161ffffffff00000003622063"},
};

static size_t from_hex(const char *hex, char *out)
{
    size_t n = strlen(hex) / 2;

    for (size_t i = 0; i < n; i++)
        out[i] = (char)(tn__hex_digit(hex[2 * i]) << 4 | tn__hex_digit(hex[2 * i + 1]));
    return n;
}

/* An exact allocation with the NUL that libpq puts behind, so that a sanitizer sees every read. */
static char *exact(const char *bytes, size_t len)
{
    char *copy = malloc(len + 1);

    assert_non_null(copy);
    memcpy(copy, bytes, len);
    copy[len] = '\0';
    return copy;
}

static pg_decoded decode(const pg_type *type, const char *bytes, size_t len, tn__arena *arena,
                         tn_value *ret)
{
    return pg_decode_binary(type, bytes, len, arena, ret);
}

static void values_are_what_the_server_sends(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        const pg_type *type = pg_builtin_type(samples[i].oid);
        char raw[128], text[256];
        tn_value value, again;
        tn__arena arena;
        tn__buf out;

        tn__arena_init(&arena, SIZE_MAX);
        size_t len = from_hex(samples[i].hex, raw);
        char *bytes = exact(raw, len);
        assert_int_equal(decode(type, bytes, len, &arena, &value), PG_DECODED);
        assert_int_equal(value.type, type->type);
        tn_value_format(&value, text, sizeof(text));
        assert_string_equal(text, samples[i].text);
        if (value.type == TN_TYPE_TEXT || value.type == TN_TYPE_JSON ||
            value.type == TN_TYPE_NUMERIC)
            assert_int_equal(value.as.ptr[value.len], '\0');

        /* back to bytes: the digits of a numeric have one normal form only */
        tn__buf_init(&out, TN__BUF_MAX);
        assert_int_equal(pg_encode_binary(type, &value, &out), PG_ENCODED);
        if (strcmp(samples[i].text, "12340000") != 0) {
            assert_int_equal(out.len, len);
            assert_memory_equal(out.ptr, bytes, len);
        } else {
            assert_int_equal(out.len, 10);
        }
        /* and the text form gives the same value */
        assert_int_equal(pg_decode_text(type, text, strlen(text), &arena, &again), PG_DECODED);
        char second[256];
        tn_value_format(&again, second, sizeof(second));
        assert_string_equal(second, samples[i].text);
        assert_int_equal(again.type, value.type);
        tn__buf_free(&out);
        tn__arena_free(&arena);
        free(bytes);
    }
}

static bool any_length(const pg_type *type)
{
    return type->wire == PG_WIRE_TEXT || type->wire == PG_WIRE_BYTES;
}

/* One byte short, one over, empty: refused, except where any length is a value. */
static void wrong_lengths_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        const pg_type *type = pg_builtin_type(samples[i].oid);
        char raw[129] = "";
        tn__arena arena;
        tn_value value = {.type = 99};

        if (any_length(type))
            continue;
        tn__arena_init(&arena, SIZE_MAX);
        size_t len = from_hex(samples[i].hex, raw);
        const size_t lengths[] = {0, len - 1, len + 1};
        for (size_t k = 0; k < 3; k++) {
            /* a jsonb text may have any length behind its version */
            if (type->wire == PG_WIRE_JSONB && lengths[k])
                continue;
            char *bytes = exact(raw, lengths[k]);
            if (decode(type, bytes, lengths[k], &arena, &value) != PG_MALFORMED)
                fail_msg("%s: %zu bytes were taken", samples[i].text, lengths[k]);
            assert_int_equal(value.type, 99);
            free(bytes);
        }
        tn__arena_free(&arena);
    }
}

/* Every prefix and every byte changed: no answer matters but that it ends and reads no further. */
static void damaged_values_end_cleanly(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        const pg_type *type = pg_builtin_type(samples[i].oid);
        char raw[128];
        size_t len = from_hex(samples[i].hex, raw);

        for (size_t at = 0; at < len; at++) {
            for (int bit = 0; bit < 8; bit++) {
                tn__arena arena;
                tn_value value;
                char *bytes = exact(raw, len);
                bytes[at] = (char)(bytes[at] ^ 1 << bit);
                tn__arena_init(&arena, 1 << 22);
                if (decode(type, bytes, len, &arena, &value) == PG_DECODED) {
                    char *text = malloc(200000);
                    assert_non_null(text);
                    assert_true(tn_value_format(&value, text, 200000) < 200000);
                    free(text);
                }
                tn__arena_free(&arena);
                free(bytes);
            }
        }
    }
}

static const struct {
    const char *what, *hex;
    pg_decoded expected;
} arrays[] = {
    {"two dimensions",
     "0000000200000000000000170000000100000001000000020000000100000004000000010000000400000002",
     PG_DIMENSIONS},
    {"seven dimensions", "000000070000000000000017", PG_MALFORMED},
    {"another element type", "000000010000000000000019000000010000000100000004000000aa",
     PG_MALFORMED},
    {"a flag of 2", "000000010000000200000017000000010000000100000004000000aa", PG_MALFORMED},
    {"2^32-1 items", "000000010000000000000017ffffffff0000000100000004000000aa", PG_MALFORMED},
    {"2^31 items", "000000010000000000000017800000000000000100000004000000aa", PG_MALFORMED},
    {"one item too many", "000000010000000000000017000000020000000100000004000000aa", PG_MALFORMED},
    {"an item of 2^31-1", "00000001000000000000001700000001000000017fffffff000000aa", PG_MALFORMED},
    {"an item of -2", "0000000100000000000000170000000100000001fffffffe000000aa", PG_MALFORMED},
    {"an item of 3", "00000001000000000000001700000001000000010000000300aa01", PG_MALFORMED},
    {"bytes behind", "000000010000000000000017000000010000000100000004000000aa00", PG_MALFORMED},
    {"no bounds", "000000010000000000000017", PG_MALFORMED},
    {"half a header", "0000000100000000", PG_MALFORMED},
    {"lower bound 2", "000000010000000000000017000000020000000200000004000000070000000400000008",
     PG_DECODED},
    {"one item", "000000010000000000000017000000010000000100000004000000aa", PG_DECODED},
};

static void arrays_that_lie_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(arrays) / sizeof(arrays[0]); i++) {
        char raw[128];
        tn__arena arena;
        tn_value value;
        size_t len = from_hex(arrays[i].hex, raw);
        char *bytes = exact(raw, len);

        tn__arena_init(&arena, 1 << 20);
        pg_decoded decoded = decode(pg_builtin_type(1007), bytes, len, &arena, &value);
        if (decoded != arrays[i].expected)
            fail_msg("%s: %d", arrays[i].what, (int)decoded);
        tn__arena_free(&arena);
        free(bytes);
    }
}

static void hostile_values_are_refused(void **state)
{
    static const struct {
        uint32_t oid;
        const char *hex;
        pg_decoded expected;
    } rows[] = {
        {16, "02", PG_MALFORMED},                     /* bool */
        {3802, "027b7d", PG_MALFORMED},               /* a later jsonb */
        {1083, "ffffffffffffffff", PG_MALFORMED},     /* time below zero */
        {1083, "000000141dd76001", PG_MALFORMED},     /* behind 24:00 */
        {1184, "7ffffffffffffffe", PG_RANGE},         /* year 294277 */
        {1114, "7ffca2fec4c82000", PG_RANGE},         /* the first that does not fit */
        {1082, "7ffffffe", PG_RANGE},                 /* date */
        {1700, "0001000020000000", PG_MALFORMED},     /* a digit is missing */
        {1700, "00010000200000000001", PG_MALFORMED}, /* sign */
        {1700, "00010000000040000001", PG_MALFORMED}, /* scale 16384 */
        {1700, "00010000000000002710", PG_MALFORMED}, /* digit 10000 */
        {1700, "ffff000000000000", PG_MALFORMED},     /* 65535 digits */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char raw[64];
        tn__arena arena;
        tn_value value;
        size_t len = from_hex(rows[i].hex, raw);
        char *bytes = exact(raw, len);

        tn__arena_init(&arena, 1 << 20);
        pg_decoded decoded = decode(pg_builtin_type(rows[i].oid), bytes, len, &arena, &value);
        if (decoded != rows[i].expected)
            fail_msg("%u %s: %d", rows[i].oid, rows[i].hex, (int)decoded);
        tn__arena_free(&arena);
        free(bytes);
    }
}

/* The widest numeric there is: 131072 digits before the point, 16383 behind it. */
static void the_widest_numeric_goes_both_ways(void **state)
{
    enum { WHOLE = 131072, SCALE = 16383 };
    char *text = malloc(WHOLE + SCALE + 3);
    tn__arena arena;
    tn_value value;
    tn__buf out;

    (void)state;
    assert_non_null(text);
    text[0] = '-';
    for (size_t i = 0; i < WHOLE; i++)
        text[1 + i] = (char)('1' + i % 9);
    text[1 + WHOLE] = '.';
    for (size_t i = 0; i < SCALE; i++)
        text[2 + WHOLE + i] = (char)('0' + i % 10);
    size_t len = 2 + WHOLE + SCALE;
    text[len] = '\0';
    tn__arena_init(&arena, SIZE_MAX);
    tn__buf_init(&out, TN__BUF_MAX);
    assert_true(pg_numeric_encode(tn__str(text, len), &out));
    assert_int_equal(pg_numeric_decode((const unsigned char *)out.ptr, out.len, &arena, &value),
                     PG_DECODED);
    assert_int_equal(value.len, len);
    assert_memory_equal(value.as.ptr, text, len);
    tn__buf_reset(&out);
    text[0] = '9';
    assert_false(pg_numeric_encode(tn__str(text, len), &out));
    assert_int_equal(out.len, 0);
    tn__buf_free(&out);
    tn__arena_free(&arena);
    free(text);
}

static void what_is_no_plain_number_is_left_to_the_server(void **state)
{
    static const char *const texts[] = {"",   "-",  ".",   "1.",  ".5",    "1e3", "+1",
                                        " 1", "1 ", "0x1", "nan", "1.2.3", "--1", "1_000"};
    tn__buf out;

    (void)state;
    tn__buf_init(&out, TN__BUF_MAX);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (pg_numeric_encode(tn_str_from(texts[i]), &out) || out.len)
            fail_msg("\"%s\" was taken", texts[i]);
    assert_true(pg_numeric_encode(TN__STR("-000.10"), &out));
    assert_int_equal(out.len, 10);
    tn__buf_free(&out);
}

static void parameters_are_checked_for_range(void **state)
{
    static const struct {
        uint32_t oid;
        tn_value value;
        pg_encoded expected;
    } rows[] = {
        {21, {.type = TN_TYPE_INT64, .as.i = 32767}, PG_ENCODED},
        {21, {.type = TN_TYPE_INT64, .as.i = 32768}, PG_OUT_OF_RANGE},
        {21, {.type = TN_TYPE_INT64, .as.i = -32769}, PG_OUT_OF_RANGE},
        {23, {.type = TN_TYPE_INT64, .as.i = INT64_C(2147483648)}, PG_OUT_OF_RANGE},
        {26, {.type = TN_TYPE_INT64, .as.i = -1}, PG_OUT_OF_RANGE},
        {26, {.type = TN_TYPE_INT64, .as.i = UINT32_MAX}, PG_ENCODED},
        {700, {.type = TN_TYPE_FLOAT8, .as.f = 1e300}, PG_OUT_OF_RANGE},
        {700, {.type = TN_TYPE_FLOAT8, .as.f = INFINITY}, PG_ENCODED},
        {1184, {.type = TN_TYPE_TIMESTAMPTZ, .as.i = INT64_MIN + 1}, PG_OUT_OF_RANGE},
        {1184, {.type = TN_TYPE_TIMESTAMPTZ, .as.i = INT64_MIN}, PG_ENCODED},
        {1184, {.type = TN_TYPE_TIMESTAMP, .as.i = 0}, PG_AS_TEXT},
        {1082, {.type = TN_TYPE_DATE, .as.i = INT32_MIN + 1}, PG_OUT_OF_RANGE},
        {23, {.type = TN_TYPE_TEXT, .as.ptr = "1", .len = 1}, PG_AS_TEXT},
        {18, {.type = TN_TYPE_TEXT, .as.ptr = "1", .len = 1}, PG_AS_TEXT},
        {869, {.type = TN_TYPE_TEXT, .as.ptr = "::1", .len = 3}, PG_AS_TEXT},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        tn__buf out;
        tn__buf_init(&out, TN__BUF_MAX);
        pg_encoded encoded = pg_encode_binary(pg_builtin_type(rows[i].oid), &rows[i].value, &out);
        if (encoded != rows[i].expected)
            fail_msg("row %zu: %d", i, (int)encoded);
        tn__buf_free(&out);
    }
}

static void text_forms_of_old_settings_are_read(void **state)
{
    tn__arena arena;
    tn_value value;

    (void)state;
    tn__arena_init(&arena, 1 << 20);
    /* bytea_output = escape */
    assert_int_equal(pg_decode_text(pg_builtin_type(17), "a\\\\b\\000\\377", 12, &arena, &value),
                     PG_DECODED);
    assert_int_equal(value.len, 5);
    assert_memory_equal(value.as.ptr, "a\\b\0\xff", 5);
    assert_int_equal(pg_decode_text(pg_builtin_type(17), "\\9", 2, &arena, &value), PG_MALFORMED);
    assert_int_equal(pg_decode_text(pg_builtin_type(17), "\\777", 4, &arena, &value), PG_MALFORMED);
    /* bounds are dropped as in binary */
    assert_int_equal(pg_decode_text(pg_builtin_type(1007), "[2:3]={7,8}", 11, &arena, &value),
                     PG_DECODED);
    assert_int_equal(value.as.array->count, 2);
    assert_int_equal(pg_decode_text(pg_builtin_type(1007), "{{1},{2}}", 9, &arena, &value),
                     PG_DIMENSIONS);
    assert_int_equal(pg_decode_text(pg_builtin_type(23), "12x", 3, &arena, &value), PG_MALFORMED);
    assert_int_equal(pg_decode_text(pg_builtin_type(26), "4294967295", 10, &arena, &value),
                     PG_DECODED);
    assert_int_equal(value.as.i, UINT32_MAX);
    tn__arena_free(&arena);
}

static void the_type_table_is_sorted_and_found(void **state)
{
    (void)state;
    for (uint32_t oid = 0; oid < 6000; oid++) {
        const pg_type *type = pg_builtin_type(oid);
        if (type && type->oid != oid)
            fail_msg("%u finds %u", oid, type->oid);
        if (type && type->wire == PG_WIRE_ARRAY)
            assert_non_null(pg_builtin_type(type->element_oid));
    }
    assert_int_equal(pg_builtin_type(16)->type, TN_TYPE_BOOL);
    assert_string_equal(pg_builtin_type(5069)->name, "xid8");
    assert_null(pg_builtin_type(UINT32_MAX));
}

static void types_of_the_server_are_kept(void **state)
{
    pg_type_cache cache = {0};

    (void)state;
    for (uint32_t i = 0; i < 5000; i++) {
        char name[16];
        snprintf(name, sizeof(name), "t%u", i);
        pg_type type = {.oid = 100000 + i, .type = TN_TYPE_OTHER, .name = name};
        assert_true(pg_cache_type(&cache, &type));
        assert_string_equal(pg_cached_type(&cache, 100000 + i)->name, name);
    }
    assert_true(cache.count <= 4096);
    assert_null(pg_cached_type(&cache, 1));
    pg_type_cache_free(&cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_what_the_server_sends),
        cmocka_unit_test(wrong_lengths_are_refused),
        cmocka_unit_test(damaged_values_end_cleanly),
        cmocka_unit_test(arrays_that_lie_are_refused),
        cmocka_unit_test(hostile_values_are_refused),
        cmocka_unit_test(the_widest_numeric_goes_both_ways),
        cmocka_unit_test(what_is_no_plain_number_is_left_to_the_server),
        cmocka_unit_test(parameters_are_checked_for_range),
        cmocka_unit_test(text_forms_of_old_settings_are_read),
        cmocka_unit_test(the_type_table_is_sorted_and_found),
        cmocka_unit_test(types_of_the_server_are_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
