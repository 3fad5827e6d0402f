/* SPDX-License-Identifier: MIT */
/* The wanted texts are what PostgreSQL 15 prints; NULL: refused. */
#include "unit.h"

#include "base/array.h"
#include "base/str.h"
#include "base/text.h"

/* clang-format off */
static const struct {
    const char *name;
    const char *want;
    tn_type element;
} rows[] = {
    {"{}", "{}", TN_TYPE_TEXT},
    {"{a,b}", "{a,b}", TN_TYPE_TEXT},
    {"{\"a b\",NULL,null,\"NULL\"}", "{\"a b\",NULL,NULL,\"NULL\"}", TN_TYPE_TEXT},
    {"{a b}", "{\"a b\"}", TN_TYPE_TEXT},
    {"{ a , b }", "{a,b}", TN_TYPE_TEXT},
    {"{\"a\\\"b\",\"c\\\\d\"}", "{\"a\\\"b\",\"c\\\\d\"}", TN_TYPE_TEXT},
    {"{a\\,b}", "{\"a,b\"}", TN_TYPE_TEXT},
    {"{,}", NULL, TN_TYPE_TEXT},
    {"{a,}", NULL, TN_TYPE_TEXT},
    {"{a", NULL, TN_TYPE_TEXT},
    {"a}", NULL, TN_TYPE_TEXT},
    {"{}x", NULL, TN_TYPE_TEXT},
    {"{\"\"}", "{\"\"}", TN_TYPE_TEXT},
    {"{\"a\"b}", NULL, TN_TYPE_TEXT},
    {"{a\"b\"}", NULL, TN_TYPE_TEXT},
    {"{ }", "{}", TN_TYPE_TEXT},
    {"{  \"x\"  }", "{x}", TN_TYPE_TEXT},
    {"{nul}", "{nul}", TN_TYPE_TEXT},
    {"{a\\ }", "{\"a \"}", TN_TYPE_TEXT},
    {"{\\ a}", "{\" a\"}", TN_TYPE_TEXT},
    {"{\"{}\"}", "{\"{}\"}", TN_TYPE_TEXT},
    {"{N\\ULL}", "{\"NULL\"}", TN_TYPE_TEXT},
    {"{\\}", NULL, TN_TYPE_TEXT},
    {"{\"a}", NULL, TN_TYPE_TEXT},
    {"  {a}  ", "{a}", TN_TYPE_TEXT},
    {"{a b c}", "{\"a b c\"}", TN_TYPE_TEXT},
    {"{1,2,NULL}", "{1,2,NULL}", TN_TYPE_INT32},
    {"{1, 2}", "{1,2}", TN_TYPE_INT32},
    {"{x}", NULL, TN_TYPE_INT32},
    {"{1,2147483648}", NULL, TN_TYPE_INT32},
    {"{\"\"}", NULL, TN_TYPE_INT32},
    {"{-1}", "{-1}", TN_TYPE_INT32},
    {"{+1}", "{1}", TN_TYPE_INT32},
    {"{1.5,NaN,Infinity,-0,1e300}", "{1.5,NaN,Infinity,-0,1e+300}", TN_TYPE_FLOAT8},
    {"{\"2026-11-23 09:00:00+00\",NULL}", "{\"2026-11-23 09:00:00+00\",NULL}", TN_TYPE_TIMESTAMPTZ},
    {"{\"1 day\",\"-1 mons +2 days\"}", "{\"1 day\",\"-1 mons +2 days\"}", TN_TYPE_INTERVAL},
    {"{t,f,NULL}", "{t,f,NULL}", TN_TYPE_BOOL},
    {"{\"\\\\x00ff\"}", "{\"\\\\x00ff\"}", TN_TYPE_BYTES},
    {"{1.50,NaN,-0}", "{1.50,NaN,0}", TN_TYPE_NUMERIC},
    {"{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}", "{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}", TN_TYPE_UUID},
    {"{2026-01-01,infinity,\"0044-03-15 BC\"}", "{2026-01-01,infinity,\"0044-03-15 BC\"}", TN_TYPE_DATE},
    /* PostgreSQL takes these: other dimensions and bounds are refused here. */
    {"{{a},{b}}", NULL, TN_TYPE_TEXT},
    {"[2:3]={a,b}", NULL, TN_TYPE_TEXT},
    {"{a}", NULL, TN_TYPE_NULL},
    {"{a}", NULL, TN_TYPE_ARRAY},
    {"", NULL, TN_TYPE_TEXT},
    {"{", NULL, TN_TYPE_TEXT},
    {"{\"", NULL, TN_TYPE_TEXT},
    {"{\"a\\", NULL, TN_TYPE_TEXT},
};
/* clang-format on */

static void test_table(void **state)
{
    tn__arena arena;

    (void)state;
    tn__arena_init(&arena, 1 << 20);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        tn_value value = {.as.i = 4711}, copy;
        tn_str text = exact_copy(tn_str_from(rows[i].name));
        tn__buf out;

        tn__arena_reset(&arena);
        tn__buf_init(&out, TN__BUF_MAX);
        check_row(tn__value_parse(TN_TYPE_ARRAY, rows[i].element, text, &arena, &value) ==
                      (rows[i].want != NULL),
                  i);
        free((char *)text.ptr);
        if (!rows[i].want) {
            check_row(value.as.i == 4711, i);
            continue;
        }
        check_row(value.type == TN_TYPE_ARRAY && value.as.array->element == rows[i].element, i);
        check_row(tn__value_copy(&value, &arena, &copy), i);
        check_row(tn__value_append(&out, &copy), i);
        check_str(tn__str(out.ptr, out.len), rows[i].want);
        tn__buf_free(&out);
    }
    tn__arena_free(&arena);
}

static void test_items(void **state)
{
    const tn_array *array;
    tn__arena arena;
    tn_value value;

    (void)state;
    tn__arena_init(&arena, 1 << 20);
    assert_true(
        tn__value_parse(TN_TYPE_ARRAY, TN_TYPE_TEXT, S("{a,NULL,\"x,y\"}"), &arena, &value));
    array = value.as.array;
    assert_int_equal(array->count, 3);
    assert_int_equal(array->items[1].type, TN_TYPE_NULL);
    assert_string_equal(array->items[2].as.ptr, "x,y");
    assert_true(tn__value_parse(TN_TYPE_ARRAY, TN_TYPE_INT32, S("{}"), &arena, &value));
    assert_int_equal(value.as.array->count, 0);
    tn__arena_free(&arena);
}

/* What can be in a text comes back through an array. */
static void test_every_byte(void **state)
{
    tn__arena arena;
    tn__buf out;

    (void)state;
    tn__arena_init(&arena, 1 << 20);
    tn__buf_init(&out, TN__BUF_MAX);
    for (int a = 0; a < 256; a++)
        for (int b = 0; b < 256; b += 5) {
            const char text[] = {(char)a, (char)b};
            const tn_value item = {.as.ptr = text, .len = 2, .type = TN_TYPE_TEXT};
            const tn_array array = {.items = &item, .count = 1, .element = TN_TYPE_TEXT};
            const tn_value value = {.as.array = &array, .type = TN_TYPE_ARRAY};
            tn_value back;

            tn__arena_reset(&arena);
            tn__buf_reset(&out);
            assert_true(tn__value_append(&out, &value));
            assert_true(tn__value_parse(TN_TYPE_ARRAY, TN_TYPE_TEXT, tn__str(out.ptr, out.len),
                                        &arena, &back));
            assert_int_equal(back.as.array->count, 1);
            assert_int_equal(back.as.array->items[0].len, 2);
            assert_memory_equal(back.as.array->items[0].as.ptr, text, 2);
        }
    tn__buf_free(&out);
    tn__arena_free(&arena);
}

static void test_nested_is_refused(void **state)
{
    const tn_array inner = {.element = TN_TYPE_INT32};
    const tn_value item = {.as.array = &inner, .type = TN_TYPE_ARRAY};
    const tn_array outer = {.items = &item, .count = 1, .element = TN_TYPE_ARRAY};
    const tn_value value = {.as.array = &outer, .type = TN_TYPE_ARRAY};
    tn__arena arena;
    tn_value copy;
    tn__buf out;

    (void)state;
    tn__arena_init(&arena, 1 << 20);
    tn__buf_init(&out, TN__BUF_MAX);
    assert_false(tn__value_append(&out, &value));
    assert_false(tn__value_copy(&value, &arena, &copy));
    tn__buf_free(&out);
    tn__arena_free(&arena);
}

static void test_large(void **state)
{
    enum { N = 100000 };
    tn__arena arena;
    tn_value value;
    tn__buf text;

    (void)state;
    tn__arena_init(&arena, 1 << 26);
    tn__buf_init(&text, TN__BUF_MAX);
    tn__buf_putc(&text, '{');
    for (int i = 0; i < N; i++)
        tn__buf_printf(&text, "%s%d", i ? "," : "", i);
    tn__buf_putc(&text, '}');
    assert_true(
        tn__value_parse(TN_TYPE_ARRAY, TN_TYPE_INT32, tn__str(text.ptr, text.len), &arena, &value));
    assert_int_equal(value.as.array->count, N);
    for (int i = 0; i < N; i++)
        assert_int_equal(value.as.array->items[i].as.i, i);
    tn__buf_free(&text);
    tn__arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),      cmocka_unit_test(test_items),
        cmocka_unit_test(test_every_byte), cmocka_unit_test(test_nested_is_refused),
        cmocka_unit_test(test_large),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
