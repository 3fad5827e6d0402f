/* SPDX-License-Identifier: MIT */
/* Rows as COPY has them, and what the server's context says of a row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "postgres/copy.h"

static tn__buf out, scratch;

static int set_up(void **state)
{
    (void)state;
    tn__buf_init(&out, 1 << 20);
    tn__buf_init(&scratch, 1 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    tn__buf_free(&out);
    tn__buf_free(&scratch);
    return 0;
}

static pg_type type(uint32_t oid)
{
    return *pg_builtin_type(oid);
}

static tn_value text(const char *ptr)
{
    return (tn_value){.type = TN_TYPE_TEXT, .len = (uint32_t)strlen(ptr), .as.ptr = ptr};
}

static void header_and_end(void **state)
{
    (void)state;
    pg_copy_begin_binary(&out);
    pg_copy_end_binary(&out);
    assert_int_equal(out.len, 21);
    assert_memory_equal(out.ptr, "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0\377\377", 21);
}

static void a_binary_row(void **state)
{
    const pg_type types[] = {type(23), type(20), type(25), type(701), type(1184), type(16)};
    const tn_value values[] = {
        {.type = TN_TYPE_INT32, .as.i = -2},
        {.type = TN_TYPE_INT64, .as.i = 258},
        text("ab"),
        {.type = TN_TYPE_FLOAT8, .as.f = 1.0},
        {.type = TN_TYPE_TIMESTAMPTZ, .as.i = INT64_C(946684800000001)},
        {.type = TN_TYPE_NULL},
    };
    static const char expected[] = "\0\6"
                                   "\0\0\0\4\377\377\377\376"
                                   "\0\0\0\10\0\0\0\0\0\0\1\2"
                                   "\0\0\0\2ab"
                                   "\0\0\0\10\77\360\0\0\0\0\0\0"
                                   "\0\0\0\10\0\0\0\0\0\0\0\1"
                                   "\377\377\377\377";
    size_t column = 99;

    (void)state;
    assert_int_equal(pg_copy_row_binary(types, values, 6, &out, &column), PG_COPIED);
    assert_int_equal(out.len, sizeof(expected) - 1);
    assert_memory_equal(out.ptr, expected, out.len);
    assert_int_equal(column, 99);
}

/* What one value in binary is, apart from the count before it. */
static void one(uint32_t oid, tn_value value, const char *expected, size_t len)
{
    const pg_type types[] = {type(oid)};
    size_t column;

    tn__buf_reset(&out);
    assert_int_equal(pg_copy_row_binary(types, &value, 1, &out, &column), PG_COPIED);
    assert_int_equal(out.len, len + 2);
    assert_memory_equal(out.ptr + 2, expected, len);
}

static void edges_of_values(void **state)
{
    (void)state;
    one(25, text(""), "\0\0\0\0", 4);
    one(1184, (tn_value){.type = TN_TYPE_TIMESTAMPTZ, .as.i = TN_TIME_INFINITY},
        "\0\0\0\10\177\377\377\377\377\377\377\377", 12);
    one(1184, (tn_value){.type = TN_TYPE_TIMESTAMPTZ, .as.i = TN_TIME_NEGATIVE_INFINITY},
        "\0\0\0\10\200\0\0\0\0\0\0\0", 12);
    one(3802, text("{}"), "\0\0\0\3\1{}", 7);
    one(1700, text("7"), "\0\0\0\12\0\1\0\0\0\0\0\0\0\7", 14);
}

static void refused(uint32_t oid, tn_value value, pg_copied expected)
{
    const pg_type types[] = {type(23), type(oid)};
    const tn_value values[] = {{.type = TN_TYPE_INT32, .as.i = 1}, value};
    size_t column = 99, before = out.len;

    assert_int_equal(pg_copy_row_binary(types, values, 2, &out, &column), expected);
    assert_int_equal(column, 1);
    assert_int_equal(out.len, before); /* nothing of the row remains */
}

static void what_binary_cannot_say(void **state)
{
    (void)state;
    refused(23, text("5"), PG_COPY_NEEDS_TEXT);
    refused(2950, text("7d444840-9dc0-11d1-b245-5ffdce74fad2"), PG_COPY_NEEDS_TEXT);
    refused(1700, text("no number"), PG_COPY_NEEDS_TEXT);
    refused(869, text("10.0.0.1"), PG_COPY_NEEDS_TEXT);
    refused(21, (tn_value){.type = TN_TYPE_INT64, .as.i = 70000}, PG_COPY_RANGE);
    refused(1184, (tn_value){.type = TN_TYPE_TIMESTAMPTZ, .as.i = INT64_MIN + 5}, PG_COPY_RANGE);
}

static void a_text_row(void **state)
{
    const tn_value values[] = {
        text("a\tb\\c\nd\re\bf\fg\v\x01\x7f"),
        {.type = TN_TYPE_NULL},
        text(""),
        {.type = TN_TYPE_BOOL, .as.i = 1},
        {.type = TN_TYPE_INT64, .as.i = INT64_MIN},
        {.type = TN_TYPE_BYTES, .len = 2, .as.ptr = "\0\\"},
        text("\\N"),
    };
    size_t column;

    (void)state;
    assert_int_equal(pg_copy_row_text(values, 7, &scratch, &out, &column), PG_COPIED);
    assert_string_equal(out.ptr,
                        "a\\tb\\\\c\\nd\\re\\bf\\fg\\v\x01\x7f\t\\N\t\tt\t-9223372036854775808"
                        "\t\\\\x005c\t\\\\N\n");
}

static void a_nul_has_no_text(void **state)
{
    const tn_value values[] = {text("a"), {.type = TN_TYPE_TEXT, .len = 3, .as.ptr = "a\0b"}};
    size_t column = 99;

    (void)state;
    assert_int_equal(pg_copy_row_text(values, 2, &scratch, &out, &column), PG_COPY_NUL);
    assert_int_equal(column, 1);
    assert_int_equal(out.len, 0);
}

static void too_long(void **state)
{
    const pg_type types[] = {type(25)};
    tn_value value = text("0123456789");
    size_t column;
    tn__buf small;

    (void)state;
    tn__buf_init(&small, 8);
    assert_int_equal(pg_copy_row_binary(types, &value, 1, &small, &column), PG_COPY_TOO_LONG);
    tn__buf_reset(&small);
    assert_int_equal(pg_copy_row_text(&value, 1, &scratch, &small, &column), PG_COPY_TOO_LONG);
    tn__buf_free(&small);
}

/* ---- places ---------------------------------------------------------------------------------- */

static void place(const char *context, const char *table, uint64_t row, uint32_t column)
{
    const tn_str columns[] = {TN__STR("\"a\""), TN__STR("\"a b\""), TN__STR("\"x\"\"y\""),
                              TN__STR("\"ab\"")};
    uint64_t ret_row = 0;
    uint32_t ret_column = 0;

    bool found = pg_copy_place(context, tn_str_from(table), columns, 4, &ret_row, &ret_column);
    assert_int_equal(found, row > 0);
    assert_int_equal(ret_row, row);
    assert_int_equal(ret_column, column);
}

static void rows_and_columns_of_contexts(void **state)
{
    (void)state;
    place("COPY t, line 3", "\"t\"", 3, 0);
    place("COPY t, line 3, column a", "\"t\"", 3, 1);
    place("COPY t, line 3, column a b: \"x, line 9\"", "\"public\".\"t\"", 3, 2);
    place("COPY t, line 12, column x\"y, null input", "\"t\"", 12, 3);
    place("COPY t, line 12, column ab: \"1\"", "\"t\"", 12, 4);
    place("COPY t, Zeile 3, Spalte a: \"nein\"", "\"t\"", 3, 1);
    place("COPY t, line 3: \"x, line 5\"", "\"t\"", 3, 0);
    place("SQL statement \"select 1\"\nCOPY t, line 7\nmore", "\"t\"", 7, 0);
    place("COPY a, line 7, line 2", "\"s\".\"a, line 7\"", 2, 0);
    place("COPY a.\"b, line 7, line 2", "\"a.\"\"b, line 7\"", 2, 0);
    place("COPY t, line 18446744073709551615, column zz", "\"t\"", 0, 0);
}

static void contexts_without_a_row(void **state)
{
    (void)state;
    place(NULL, "\"t\"", 0, 0);
    place("", "\"t\"", 0, 0);
    place("COPY t", "\"t\"", 0, 0);
    place("COPY t, line", "\"t\"", 0, 0);
    place("COPY t, line ", "\"t\"", 0, 0);
    place("PL/pgSQL function f() line 3 at RAISE", "\"t\"", 0, 0);
    place("COPY ", "\"t\"", 0, 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(header_and_end),
        CASE(a_binary_row),
        CASE(edges_of_values),
        CASE(what_binary_cannot_say),
        CASE(a_text_row),
        CASE(a_nul_has_no_text),
        CASE(too_long),
        CASE(rows_and_columns_of_contexts),
        CASE(contexts_without_a_row),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
