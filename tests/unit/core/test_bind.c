/* SPDX-License-Identifier: MIT */
/* core/session/bind: every kind of argument to every type of placeholder. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>

#include <tenon/tenon.h>

#include "session/bind.h"

static tn__arena arena;

static int setup(void **state)
{
    (void)state;
    tn__arena_init(&arena, 1 << 24);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    tn__arena_free(&arena);
    return 0;
}

static tn_status bind_one(tn_arg arg, tn_type type, tn_type element, tn_value *ret, tn_error *err)
{
    const tn_param param = {.type = type, .element = element, .type_name = ""};
    static tn_arg kept; /* values may point into the argument */
    const tn_arglist stable = {&kept, 1};

    kept = arg;
    tn__arena_reset(&arena);
    return tn__bind(&stable, &param, 1, &arena, ret, err);
}

/* ---- the table: argument x placeholder
 * ------------------------------------------------------------------- */

enum { TYPES = TN_TYPE_OTHER + 1 };

struct row {
    const char *name;
    tn_arg arg;
    /* One letter a placeholder, in the order of tn_type: = as it is, t as text, c converted to the
     * placeholder's type, 0 as NULL, . refused (42804). */
    const char *answers;
};

/*                     N B 2 4 8 f d n t b u z s D T I J A O */
static struct row rows[] = {
    {"null", {.kind = TN_TYPE_NULL}, "0000000000000000000"},
    {"bool", {.kind = TN_TYPE_BOOL, .as.i = 1}, "==................."},
    {"int16", {.kind = TN_TYPE_INT16, .as.i = 1}, "=c=ccccc..........."},
    {"int32", {.kind = TN_TYPE_INT32, .as.i = 1}, "=cc=cccc..........."},
    {"int64", {.kind = TN_TYPE_INT64, .as.i = 1}, "=ccc=ccc..........."},
    {"float", {.kind = TN_TYPE_FLOAT4, .as.f = 1.5}, "=....=cc..........."},
    {"double", {.kind = TN_TYPE_FLOAT8, .as.f = 1.5}, "=....c=c..........."},
    {"numeric", {.kind = TN_TYPE_NUMERIC, .as.view = {"15", 2}}, "=.ttttt=..........."},
    {"text", {.kind = TN_TYPE_TEXT, .as.view = {"abc", 3}}, "ttttttttttttttttttt"},
    {"bytes", {.kind = TN_TYPE_BYTES, .as.view = {"a\0b", 3}}, "=........=........."},
    {"uuid", {.kind = TN_TYPE_UUID, .as.uuid = {{1}}}, "=.......t.=........"},
    {"time", {.kind = TN_TYPE_TIMESTAMPTZ, .as.i = 5}, "=..........=......."},
    {"timestamp", {.kind = TN_TYPE_TIMESTAMP, .as.i = 5}, "=...........=......"},
    {"date", {.kind = TN_TYPE_DATE, .as.i = 5}, "=............=....."},
    {"timeofday", {.kind = TN_TYPE_TIME, .as.i = 5}, "=.............=...."},
    {"interval", {.kind = TN_TYPE_INTERVAL, .as.interval = {1, 2, 3}}, "=..............=..."},
    {"json", {.kind = TN_TYPE_JSON, .as.view = {"{}", 2}}, "=.......t.......=.."},
};

static void every_argument_to_every_placeholder(void **state)
{
    unsigned taken = 0, refused = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        for (int type = 0; type < TYPES; type++) {
            tn_error err = TN_ERROR_INIT;
            tn_value value = {.type = 200};
            tn_status status = bind_one(rows[i].arg, (tn_type)type, TN_TYPE_INT32, &value, &err);
            char expected = rows[i].answers[type];
            tn_type got = expected == '0'   ? TN_TYPE_NULL
                          : expected == '=' ? (tn_type)rows[i].arg.kind
                          : expected == 't' ? TN_TYPE_TEXT
                                            : (tn_type)type;
            if (expected == '.') {
                if (status != TN_DATA || strcmp(err.sqlstate, "42804") != 0 ||
                    err.phase != TN_PHASE_BIND || !strstr(err.message, "$1") || !err.hint[0])
                    fail_msg("%s to %s: status %d, %s \"%s\"", rows[i].name,
                             tn_type_name((tn_type)type), (int)status, err.sqlstate, err.message);
                refused++;
                continue;
            }
            if (status != TN_OK || value.type != got)
                fail_msg("%s to %s: status %d (%s), type %d, expected type %d", rows[i].name,
                         tn_type_name((tn_type)type), (int)status, err.message, value.type,
                         (int)got);
            taken++;
        }
    assert_true(taken > 80);
    assert_true(refused > 150);
}

/* ---- values
 * ------------------------------------------------------------------------------------------------
 */

static void check_number(tn_arg arg, tn_type type, bool fits)
{
    tn_error err = TN_ERROR_INIT;
    tn_value value;
    tn_status status = bind_one(arg, type, TN_TYPE_NULL, &value, &err);

    if (fits) {
        if (status != TN_OK)
            fail_msg("%s: %s", tn_type_name(type), err.message);
        return;
    }
    if (status != TN_DATA || strcmp(err.sqlstate, "22003") != 0)
        fail_msg("%s took what does not fit (status %d, %s)", tn_type_name(type), (int)status,
                 err.sqlstate);
    if (!strstr(err.message, "$1") || !strstr(err.message, "out of range"))
        fail_msg("the message says too little: %s", err.message);
}

static void ranges_are_checked(void **state)
{
    (void)state;
    check_number(tn_arg_int32(32767), TN_TYPE_INT16, true);
    check_number(tn_arg_int32(32768), TN_TYPE_INT16, false);
    check_number(tn_arg_int32(-32768), TN_TYPE_INT16, true);
    check_number(tn_arg_int32(-32769), TN_TYPE_INT16, false);
    check_number(tn_arg_int64(INT32_MAX), TN_TYPE_INT32, true);
    check_number(tn_arg_int64((int64_t)INT32_MAX + 1), TN_TYPE_INT32, false);
    check_number(tn_arg_int64((int64_t)INT32_MIN - 1), TN_TYPE_INT32, false);
    check_number(tn_arg_int64(INT64_MIN), TN_TYPE_INT64, true);
    check_number(tn_arg_int32(2), TN_TYPE_BOOL, false);
    check_number(tn_arg_int32(-1), TN_TYPE_BOOL, false);
    check_number(tn_arg_int32(0), TN_TYPE_BOOL, true);
    check_number(tn_arg_int64(1 << 24), TN_TYPE_FLOAT4, true);
    check_number(tn_arg_int64((1 << 24) + 1), TN_TYPE_FLOAT4, false);
    check_number(tn_arg_int64(INT64_C(1) << 53), TN_TYPE_FLOAT8, true);
    check_number(tn_arg_int64((INT64_C(1) << 53) + 1), TN_TYPE_FLOAT8, false);
    check_number(tn_arg_double(3.0e38), TN_TYPE_FLOAT4, true);
    check_number(tn_arg_double(3.5e38), TN_TYPE_FLOAT4, false);
    check_number(tn_arg_double(INFINITY), TN_TYPE_FLOAT4, true);
    check_number(tn_arg_double((double)NAN), TN_TYPE_FLOAT4, true);
}

static void uint64_is_checked_against_int64(void **state)
{
    static const tn_type types[] = {TN_TYPE_NULL, TN_TYPE_INT64, TN_TYPE_NUMERIC};
    tn_value value;

    (void)state;
    for (int i = 0; i < 3; i++) {
        check_number(tn_arg_uint64(INT64_MAX), types[i], true);
        check_number(tn_arg_uint64((uint64_t)INT64_MAX + 1), types[i], false);
        check_number(tn_arg_uint64(UINT64_MAX), types[i], false);
    }
    assert_int_equal(bind_one(tn_arg_uint64(7), TN_TYPE_INT16, 0, &value, NULL), TN_OK);
    assert_int_equal(value.as.i, 7);
}

static void values_arrive_as_they_were(void **state)
{
    tn_value value;

    (void)state;
    assert_int_equal(bind_one(tn_arg_int32(-5), TN_TYPE_INT64, 0, &value, NULL), TN_OK);
    assert_int_equal(value.as.i, -5);
    assert_int_equal(bind_one(tn_arg_int32(5), TN_TYPE_FLOAT8, 0, &value, NULL), TN_OK);
    assert_true(value.as.f == 5.0);
    assert_int_equal(bind_one(tn_arg_int64(INT64_MIN), TN_TYPE_NUMERIC, 0, &value, NULL), TN_OK);
    assert_string_equal(value.as.ptr, "-9223372036854775808");
    assert_int_equal(value.len, 20);
    assert_int_equal(bind_one(tn_arg_double(0.1), TN_TYPE_NUMERIC, 0, &value, NULL), TN_OK);
    assert_string_equal(value.as.ptr, "0.1");
    assert_int_equal(bind_one(tn_arg_double((double)NAN), TN_TYPE_NUMERIC, 0, &value, NULL), TN_OK);
    assert_string_equal(value.as.ptr, "NaN");
    assert_int_equal(
        bind_one(tn_arg_numeric(tn_numeric_from("007.50")), TN_TYPE_NUMERIC, 0, &value, NULL),
        TN_OK);
    assert_string_equal(value.as.ptr, "7.50");
    const tn_uuid uuid = {{0xde, 0xad, 0xbe, 0xef}};
    assert_int_equal(bind_one(tn_arg_uuid(uuid), TN_TYPE_UUID, 0, &value, NULL), TN_OK);
    assert_memory_equal(value.as.uuid, &uuid, 16);
    assert_int_equal(bind_one(tn_arg_uuid(uuid), TN_TYPE_TEXT, 0, &value, NULL), TN_OK);
    assert_string_equal(value.as.ptr, "deadbeef-0000-0000-0000-000000000000");
    assert_int_equal(bind_one(tn_arg_text(NULL), TN_TYPE_TEXT, 0, &value, NULL), TN_OK);
    assert_int_equal(value.type, TN_TYPE_NULL);
    assert_int_equal(bind_one(tn_arg_str((tn_str){NULL, 0}), TN_TYPE_TEXT, 0, &value, NULL), TN_OK);
    assert_int_equal(value.type, TN_TYPE_TEXT);
    assert_non_null(value.as.ptr);
    assert_int_equal(value.len, 0);
    assert_int_equal(bind_one(tn_arg_value(NULL), TN_TYPE_TEXT, 0, &value, NULL), TN_OK);
    assert_int_equal(value.type, TN_TYPE_NULL);
}

static void check_text(tn_arg arg, tn_type type, const char *sqlstate)
{
    tn_error err = TN_ERROR_INIT;
    tn_value value;
    tn_status status = bind_one(arg, type, TN_TYPE_NULL, &value, &err);

    if (status != TN_DATA || strcmp(err.sqlstate, sqlstate) != 0)
        fail_msg("status %d, %s, expected %s", (int)status, err.sqlstate, sqlstate);
}

static void bad_texts_are_refused(void **state)
{
    static const char *const invalid[] = {
        "\xff", "a\xc3", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "ok\x80"};
    tn_value value;

    (void)state;
    for (size_t i = 0; i < sizeof(invalid) / sizeof(invalid[0]); i++) {
        check_text(tn_arg_text(invalid[i]), TN_TYPE_TEXT, "22021");
        check_text(tn_arg_text(invalid[i]), TN_TYPE_NULL, "22021");
        check_text(tn_arg_json(tn_json_from(invalid[i])), TN_TYPE_JSON, "22021");
        const tn_value given = {
            .type = TN_TYPE_TEXT, .as.ptr = invalid[i], .len = (uint32_t)strlen(invalid[i])};
        check_text(tn_arg_value(&given), TN_TYPE_TEXT, "22021");
        /* Bytes are bytes. */
        const tn_bytes bytes = {invalid[i], strlen(invalid[i])};
        assert_int_equal(bind_one(tn_arg_bytes(bytes), TN_TYPE_BYTES, 0, &value, NULL), TN_OK);
    }
    check_text(tn_arg_str((tn_str){"a\0b", 3}), TN_TYPE_TEXT, "22021");
    check_text(tn_arg_numeric(tn_numeric_from("twelve")), TN_TYPE_NUMERIC, "22P02");
    check_text(tn_arg_numeric(tn_numeric_from("")), TN_TYPE_NUMERIC, "22P02");
    check_text(tn_arg_numeric(tn_numeric_from("1.2.3")), TN_TYPE_NULL, "22P02");
    assert_int_equal(bind_one(tn_arg_text("\xf0\x9f\x90\x98"), TN_TYPE_TEXT, 0, &value, NULL),
                     TN_OK);
}

/* ---- arrays
 * -------------------------------------------------------------------------------------------------
 */

static tn_status bind_array(tn_arg arg, tn_type element, tn_value *ret, tn_error *err)
{
    return bind_one(arg, TN_TYPE_ARRAY, element, ret, err);
}

static void plain_arrays_become_values(void **state)
{
    static const bool bools[] = {true, false};
    static const int16_t shorts[] = {1, 2};
    static const int32_t ints[] = {1, -2, 3};
    static const int64_t longs[] = {INT64_MIN, INT64_MAX};
    static const float floats[] = {1.5f, 2.5f};
    static const double doubles[] = {0.1, 0.2};
    static const char *const texts[] = {"a", NULL, "c"};
    static const tn_uuid uuids[] = {{{1}}, {{2}}};
    static const tn_time times[] = {{5}, {6}};
    static const tn_timestamp timestamps[] = {{7}};
    static const tn_date dates[] = {{8}};
    const struct {
        tn_arg arg;
        tn_type element;
        size_t count;
    } cases[] = {
        {tn_arg_carray(tn_array_of(bools, 2)), TN_TYPE_BOOL, 2},
        {tn_arg_carray(tn_array_of(shorts, 2)), TN_TYPE_INT16, 2},
        {tn_arg_carray(tn_array_of(ints, 3)), TN_TYPE_INT32, 3},
        {tn_arg_carray(tn_array_of(longs, 2)), TN_TYPE_INT64, 2},
        {tn_arg_carray(tn_array_of(floats, 2)), TN_TYPE_FLOAT4, 2},
        {tn_arg_carray(tn_array_of(doubles, 2)), TN_TYPE_FLOAT8, 2},
        {tn_arg_carray(tn_array_of(texts, 3)), TN_TYPE_TEXT, 3},
        {tn_arg_carray(tn_array_of(uuids, 2)), TN_TYPE_UUID, 2},
        {tn_arg_carray(tn_array_of(times, 2)), TN_TYPE_TIMESTAMPTZ, 2},
        {tn_arg_carray(tn_array_of(timestamps, 1)), TN_TYPE_TIMESTAMP, 1},
        {tn_arg_carray(tn_array_of(dates, 1)), TN_TYPE_DATE, 1},
        {tn_arg_carray(tn_array_of(ints, 0)), TN_TYPE_INT32, 0},
    };
    tn_error err = TN_ERROR_INIT;
    tn_value value;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (bind_array(cases[i].arg, cases[i].element, &value, &err) != TN_OK)
            fail_msg("array %zu: %s", i, err.message);
        assert_int_equal(value.type, TN_TYPE_ARRAY);
        assert_int_equal(value.as.array->count, cases[i].count);
        assert_int_equal(value.as.array->element, cases[i].element);
        /* Where the statement does not say, the element's type is the program's. */
        assert_int_equal(bind_one(cases[i].arg, TN_TYPE_NULL, 0, &value, NULL), TN_OK);
        assert_int_equal(value.as.array->element, cases[i].element);
        assert_int_equal(bind_one(cases[i].arg, TN_TYPE_INT32, 0, &value, &err), TN_DATA);
        assert_string_equal(err.sqlstate, "42804");
    }
    assert_int_equal(bind_array(cases[6].arg, TN_TYPE_TEXT, &value, NULL), TN_OK);
    assert_int_equal(value.as.array->items[1].type, TN_TYPE_NULL);
    assert_string_equal(value.as.array->items[2].as.ptr, "c");
    assert_int_equal(bind_array(cases[3].arg, TN_TYPE_INT64, &value, NULL), TN_OK);
    assert_true(value.as.array->items[0].as.i == INT64_MIN);
}

static void items_are_converted_and_checked(void **state)
{
    static const int64_t large[] = {1, INT64_C(1) << 40};
    static const int32_t small[] = {1, 2};
    static const char *const texts[] = {"a", "\xff"};
    static const char *const good[] = {"1"};
    tn_error err = TN_ERROR_INIT;
    tn_value value;

    (void)state;
    assert_int_equal(bind_array(tn_arg_carray(tn_array_of(small, 2)), TN_TYPE_INT64, &value, &err),
                     TN_OK);
    assert_int_equal(value.as.array->items[1].type, TN_TYPE_INT64);
    assert_int_equal(bind_array(tn_arg_carray(tn_array_of(large, 2)), TN_TYPE_INT32, &value, &err),
                     TN_DATA);
    assert_string_equal(err.sqlstate, "22003");
    assert_int_equal(bind_array(tn_arg_carray(tn_array_of(texts, 2)), TN_TYPE_TEXT, &value, &err),
                     TN_DATA);
    assert_string_equal(err.sqlstate, "22021");
    assert_int_equal(bind_array(tn_arg_carray(tn_array_of(good, 1)), TN_TYPE_INT32, &value, &err),
                     TN_DATA);
    assert_string_equal(err.sqlstate, "42804");
    assert_int_equal(bind_array(tn_arg_int32(1), TN_TYPE_INT32, &value, &err), TN_DATA);
    assert_string_equal(err.sqlstate, "42804");

    const tn_value items[] = {{.type = TN_TYPE_INT32, .as.i = 5}, {.type = TN_TYPE_NULL}};
    const tn_array array = {.items = items, .count = 2, .element = TN_TYPE_INT32};
    assert_int_equal(bind_array(tn_arg_array(&array), TN_TYPE_INT32, &value, &err), TN_OK);
    assert_int_equal(value.as.array->items[0].as.i, 5);
    assert_int_equal(value.as.array->items[1].type, TN_TYPE_NULL);
    assert_int_equal(bind_array(tn_arg_array(NULL), TN_TYPE_INT32, &value, &err), TN_OK);
    assert_int_equal(value.type, TN_TYPE_NULL);
}

static void an_element_type_that_is_none_is_refused(void **state)
{
    const tn_carray odd = {.ptr = "x", .count = 1, .element = TN_TYPE_INTERVAL};
    tn_error err = TN_ERROR_INIT;
    tn_value value;

    (void)state;
    assert_int_equal(bind_one(tn_arg_carray(odd), TN_TYPE_NULL, 0, &value, &err), TN_MISUSE);
}

static void the_number_must_match_and_the_place_is_named(void **state)
{
    const tn_param params[] = {{.type = TN_TYPE_INT32}, {.type = TN_TYPE_INT32}};
    tn_error err = TN_ERROR_INIT;
    tn_value values[2];

    (void)state;
    assert_int_equal(tn__bind(NULL, params, 0, &arena, values, &err), TN_OK);
    assert_int_equal(tn__bind(NULL, params, 2, &arena, values, &err), TN_PROTOCOL);
    assert_string_equal(err.sqlstate, "08P01");
    assert_int_equal(tn__bind(tn_args(1), params, 2, &arena, values, &err), TN_PROTOCOL);
    assert_int_equal(tn__bind(tn_args(1, 2, 3), params, 2, &arena, values, &err), TN_PROTOCOL);
    assert_int_equal(tn__bind(tn_args(1, 2), params, 2, &arena, values, &err), TN_OK);
    assert_int_equal(tn__bind(tn_args(1, 2.5), params, 2, &arena, values, &err), TN_DATA);
    assert_non_null(strstr(err.message, "$2"));
    assert_int_equal(tn__bind(tn_args(1, 2.5), params, 2, &arena, values, NULL), TN_DATA);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(every_argument_to_every_placeholder),
        TEST(ranges_are_checked),
        TEST(uint64_is_checked_against_int64),
        TEST(values_arrive_as_they_were),
        TEST(bad_texts_are_refused),
        TEST(plain_arrays_become_values),
        TEST(items_are_converted_and_checked),
        TEST(an_element_type_that_is_none_is_refused),
        TEST(the_number_must_match_and_the_place_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
