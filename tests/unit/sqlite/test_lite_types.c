/* SPDX-License-Identifier: MIT */
/* Declared types, stored values and what is bound: no value changes without a word. */
#include "lite_test.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "sqlite/lite.h"

static const struct {
    const char *declared;
    tn_type type;
    tn_type element;
    int32_t modifier;
} table[] = {
    {"bool", TN_TYPE_BOOL, TN_TYPE_NULL, -1},
    {"BOOLEAN", TN_TYPE_BOOL, TN_TYPE_NULL, -1},
    {"smallint", TN_TYPE_INT16, TN_TYPE_NULL, -1},
    {"int2", TN_TYPE_INT16, TN_TYPE_NULL, -1},
    {"INTEGER", TN_TYPE_INT32, TN_TYPE_NULL, -1},
    {"int", TN_TYPE_INT32, TN_TYPE_NULL, -1},
    {"int4", TN_TYPE_INT32, TN_TYPE_NULL, -1},
    {"serial", TN_TYPE_INT32, TN_TYPE_NULL, -1},
    {"bigint", TN_TYPE_INT64, TN_TYPE_NULL, -1},
    {"int8", TN_TYPE_INT64, TN_TYPE_NULL, -1},
    {"bigserial", TN_TYPE_INT64, TN_TYPE_NULL, -1},
    {"real", TN_TYPE_FLOAT4, TN_TYPE_NULL, -1},
    {"float4", TN_TYPE_FLOAT4, TN_TYPE_NULL, -1},
    {"float", TN_TYPE_FLOAT8, TN_TYPE_NULL, -1},
    {"double precision", TN_TYPE_FLOAT8, TN_TYPE_NULL, -1},
    {"Double\n  Precision", TN_TYPE_FLOAT8, TN_TYPE_NULL, -1},
    {"numeric", TN_TYPE_NUMERIC, TN_TYPE_NULL, -1},
    {"numeric(10, 2)", TN_TYPE_NUMERIC, TN_TYPE_NULL, 10 << 16 | 2},
    {"decimal(5)", TN_TYPE_NUMERIC, TN_TYPE_NULL, 5 << 16},
    {"text", TN_TYPE_TEXT, TN_TYPE_NULL, -1},
    {"varchar(10)", TN_TYPE_TEXT, TN_TYPE_NULL, 10},
    {"character varying ( 10 )", TN_TYPE_TEXT, TN_TYPE_NULL, 10},
    {"char(3)", TN_TYPE_TEXT, TN_TYPE_NULL, 3},
    {"char", TN_TYPE_TEXT, TN_TYPE_NULL, 1},
    {"bpchar", TN_TYPE_TEXT, TN_TYPE_NULL, -1},
    {"citext", TN_TYPE_TEXT, TN_TYPE_NULL, -1},
    {"bytea", TN_TYPE_BYTES, TN_TYPE_NULL, -1},
    {"blob", TN_TYPE_BYTES, TN_TYPE_NULL, -1},
    {"uuid", TN_TYPE_UUID, TN_TYPE_NULL, -1},
    {"timestamptz", TN_TYPE_TIMESTAMPTZ, TN_TYPE_NULL, -1},
    {"timestamp with time zone", TN_TYPE_TIMESTAMPTZ, TN_TYPE_NULL, -1},
    {"timestamp(3) with time zone", TN_TYPE_TIMESTAMPTZ, TN_TYPE_NULL, -1},
    {"timestamp", TN_TYPE_TIMESTAMP, TN_TYPE_NULL, -1},
    {"timestamp without time zone", TN_TYPE_TIMESTAMP, TN_TYPE_NULL, -1},
    {"date", TN_TYPE_DATE, TN_TYPE_NULL, -1},
    {"time", TN_TYPE_TIME, TN_TYPE_NULL, -1},
    {"time without time zone", TN_TYPE_TIME, TN_TYPE_NULL, -1},
    {"interval", TN_TYPE_INTERVAL, TN_TYPE_NULL, -1},
    {"json", TN_TYPE_JSON, TN_TYPE_NULL, -1},
    {"jsonb", TN_TYPE_JSON, TN_TYPE_NULL, -1},
    {"integer[]", TN_TYPE_ARRAY, TN_TYPE_INT32, -1},
    {"varchar(5)[]", TN_TYPE_ARRAY, TN_TYPE_TEXT, 5},
    {"text[3]", TN_TYPE_ARRAY, TN_TYPE_TEXT, -1},
    {"uuid array", TN_TYPE_ARRAY, TN_TYPE_UUID, -1},
};

static void declared_types(void **state)
{
    static const char *const others[] = {
        "",      "datetime",         "string",     "int[][]", "varchar(",
        "(3)",   "numeric(1,2,3)",   "varchar(x)", "double",  "int int",
        "point", "timestamptz;drop", "'text'",     "name"};
    lite_type type;

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (!lite_decltype(tn_str_from(table[i].declared), &type) || type.type != table[i].type)
            fail_msg("%s is read as %s", table[i].declared, tn_type_name(type.type));
        assert_int_equal(type.element, table[i].element);
        assert_int_equal(type.modifier, table[i].modifier);
        assert_true(type.sql[0] && type.name[0]);
        /* What a type calls itself is read as the same type. */
        lite_type again;
        assert_true(lite_decltype(tn_str_from(type.name), &again));
        assert_int_equal(again.type, type.type == TN_TYPE_ARRAY ? type.element : type.type);
        assert_true(lite_decltype(tn_str_from(type.sql), &again));
    }
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_false(lite_decltype(tn_str_from(others[i]), &type));
        assert_int_equal(type.type, TN_TYPE_NULL);
    }
}

/* One column of this type, one literal in it. */
static const char *stored(lite_test *t, const char *type, const char *literal)
{
    char sql[256];

    (void)lite_q(t, "drop table if exists v");
    (void)snprintf(sql, sizeof sql, "create table v (c %s)", type);
    (void)lite_q(t, sql);
    (void)snprintf(sql, sizeof sql, "insert into v values (%s)", literal);
    (void)lite_q(t, sql);
    if (lite_try(t, t->conn, "select c from v", NULL, 0) != TN_OK)
        return t->err.sqlstate;
    t->text[strcspn(t->text, "\n")] = '\0';
    return t->text;
}

static void stored_values(void **state)
{
    lite_test *t = *state;

    lite_test_open(t);
    assert_string_equal(stored(t, "boolean", "true"), "t");
    assert_string_equal(stored(t, "boolean", "'off'"), "f");
    assert_string_equal(stored(t, "integer", "'42'"), "42");
    assert_string_equal(stored(t, "bigint", "-9223372036854775807"), "-9223372036854775807");
    assert_string_equal(stored(t, "double precision", "3"), "3");
    assert_string_equal(stored(t, "real", "1.1"), "1.1");
    assert_string_equal(stored(t, "numeric(10,2)", "1.005"), "1.01");
    assert_string_equal(stored(t, "numeric(10,2)", "7"), "7.00");
    assert_string_equal(stored(t, "numeric(2,4)", "0.0012"), "0.0012");
    assert_string_equal(stored(t, "numeric", "1e20"), "100000000000000000000");
    assert_string_equal(stored(t, "numeric", "0.1"), "0.1");
    assert_string_equal(stored(t, "text", "'00123'"), "00123");
    assert_string_equal(stored(t, "bytea", "x'00ff'"), "\\x00ff");
    assert_string_equal(stored(t, "bytea", "'\\x00ff'"), "\\x00ff");
    assert_string_equal(stored(t, "uuid", "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'"),
                        "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11");
    assert_string_equal(stored(t, "timestamptz", "'2026-11-23 09:00:00+02'"),
                        "2026-11-23 07:00:00+00");
    /* SQLite's CURRENT_TIMESTAMP has no zone and is UTC. */
    assert_string_equal(stored(t, "timestamptz", "'2026-11-23 09:00:00'"),
                        "2026-11-23 09:00:00+00");
    assert_string_equal(stored(t, "timestamp", "'2026-11-23T09:00:00.5'"), "2026-11-23 09:00:00.5");
    assert_string_equal(stored(t, "date", "'2026-11-23'"), "2026-11-23");
    assert_string_equal(stored(t, "time", "'09:00'"), "09:00:00");
    assert_string_equal(stored(t, "interval", "'1 day 02:00:00'"), "1 day 02:00:00");
    assert_string_equal(stored(t, "json", "'{\"a\": 1}'"), "{\"a\": 1}");
    assert_string_equal(stored(t, "json", "'123'"), "123"); /* a number by NUMERIC affinity */
    assert_string_equal(stored(t, "integer[]", "'{1,NULL,3}'"), "{1,NULL,3}");
    assert_string_equal(stored(t, "integer", "null"), "-");
    assert_string_equal(stored(t, "datetime", "'x'"), "x");
}

/* A value that does not fit is an error that names the column, never another value. */
static void misfits(void **state)
{
    lite_test *t = *state;

    lite_test_open(t);
    assert_string_equal(stored(t, "smallint", "40000"), "22003");
    assert_string_equal(stored(t, "integer", "3000000000"), "22003");
    assert_string_equal(t->err.column, "c");
    assert_non_null(strstr(t->err.message, "\"c\""));
    assert_non_null(strstr(t->err.message, "3000000000"));
    assert_non_null(strstr(t->err.hint, "bigint"));
    assert_int_equal(t->err.phase, TN_PHASE_FETCH);
    assert_string_equal(stored(t, "integer", "1.5"), "22P02");
    assert_string_equal(stored(t, "integer", "'abc'"), "22P02");
    assert_string_equal(stored(t, "boolean", "2"), "22P02");
    assert_string_equal(stored(t, "real", "1e300"), "22003");
    assert_string_equal(stored(t, "numeric(4,2)", "123.5"), "22003");
    assert_string_equal(stored(t, "numeric(2,4)", "0.0123"), "22003");
    assert_string_equal(stored(t, "numeric", "'abc'"), "22P02");
    assert_string_equal(stored(t, "text", "x'00'"), "22P02");
    assert_string_equal(stored(t, "uuid", "'abc'"), "22P02");
    assert_string_equal(stored(t, "timestamptz", "5"), "22P02");
    assert_string_equal(stored(t, "timestamptz", "'soon'"), "22007");
    assert_string_equal(stored(t, "date", "'2026-13-01'"), "22007");
    assert_string_equal(stored(t, "integer[]", "'{a}'"), "22P02");
    assert_string_equal(stored(t, "double precision", "'x'"), "22P02");
}

static void bound_values(void **state)
{
    static const char *const sql = "select typeof($1), $1";
    lite_test *t = *state;
    tn_interval interval = {.us = 1, .days = -2, .months = 3};
    tn_uuid uuid = {{0xa0, [15] = 1}};
    tn_value items[] = {lite_int(1), {.type = TN_TYPE_NULL}};
    tn_array array = {items, 2, TN_TYPE_INT64};

    lite_test_open(t);
    assert_string_equal(LITE_QP(t, sql, ((tn_value){.type = TN_TYPE_NULL})), "null|-\n");
    assert_string_equal(LITE_QP(t, sql, ((tn_value){.type = TN_TYPE_BOOL, .as.i = 1})),
                        "integer|1\n");
    assert_string_equal(LITE_QP(t, sql, lite_int(INT64_MIN)), "integer|-9223372036854775808\n");
    assert_string_equal(LITE_QP(t, sql, ((tn_value){.type = TN_TYPE_FLOAT8, .as.f = 0.1})),
                        "real|0.1\n");
    assert_string_equal(LITE_QP(t, sql, ((tn_value){.type = TN_TYPE_FLOAT8, .as.f = INFINITY})),
                        "real|Infinity\n");
    assert_string_equal(LITE_QP(t, sql, lite_text("a'b")), "text|a'b\n");
    assert_string_equal(LITE_QP(t, sql, lite_text("")), "text|\n");
    assert_string_equal(LITE_QP(t, sql, lite_of(TN_TYPE_JSON, "{}")), "text|{}\n");
    assert_string_equal(LITE_QP(t, sql, lite_of(TN_TYPE_BYTES, "ab")), "blob|\\x6162\n");
    assert_string_equal(LITE_QP(t, sql, ((tn_value){.type = TN_TYPE_BYTES})), "blob|\\x\n");
    assert_string_equal(LITE_QP(t, sql, ((tn_value){.type = TN_TYPE_UUID, .as.uuid = &uuid})),
                        "text|a0000000-0000-0000-0000-000000000001\n");
    assert_string_equal(LITE_QP(t, sql, ((tn_value){.type = TN_TYPE_TIMESTAMPTZ, .as.i = 1})),
                        "text|1970-01-01 00:00:00.000001+00\n");
    assert_string_equal(
        LITE_QP(t, sql, ((tn_value){.type = TN_TYPE_TIMESTAMP, .as.i = TN_TIME_INFINITY})),
        "text|infinity\n");
    assert_string_equal(LITE_QP(t, sql, ((tn_value){.type = TN_TYPE_DATE, .as.i = -1})),
                        "text|1969-12-31\n");
    assert_string_equal(
        LITE_QP(t, sql, ((tn_value){.type = TN_TYPE_INTERVAL, .as.interval = &interval})),
        "text|3 mons -2 days +00:00:00.000001\n");
    assert_string_equal(LITE_QP(t, sql, ((tn_value){.type = TN_TYPE_ARRAY, .as.array = &array})),
                        "text|{1,NULL}\n");
    assert_string_equal(LITE_QP(t, sql, lite_of(TN_TYPE_NUMERIC, "5.00")), "integer|5\n");
    assert_string_equal(LITE_QP(t, sql, lite_of(TN_TYPE_NUMERIC, "1.50")), "real|1.5\n");
    assert_string_equal(LITE_QP(t, sql, lite_of(TN_TYPE_NUMERIC, "9223372036854775807")),
                        "integer|9223372036854775807\n");
    assert_string_equal(LITE_QP(t, sql, lite_of(TN_TYPE_NUMERIC, "0.00")), "integer|0\n");
}

static void refuses(lite_test *t, tn_value value, const char *sqlstate)
{
    if (lite_try(t, t->conn, "select $1", &value, 1) == TN_OK)
        fail_msg("a value was taken that should be refused with %s", sqlstate);
    assert_string_equal(t->err.sqlstate, sqlstate);
    assert_int_equal(t->err.phase, TN_PHASE_BIND);
    assert_non_null(strstr(t->err.message, "$1"));
}

static void values_that_cannot_be_kept(void **state)
{
    lite_test *t = *state;
    tn_value nul = {.type = TN_TYPE_TEXT, .as.ptr = "a\0b", .len = 3};

    lite_test_open(t);
    refuses(t, (tn_value){.type = TN_TYPE_FLOAT8, .as.f = NAN}, "0A000");
    refuses(t, lite_of(TN_TYPE_NUMERIC, "NaN"), "0A000");
    refuses(t, lite_of(TN_TYPE_NUMERIC, "-Infinity"), "0A000");
    refuses(t, lite_of(TN_TYPE_NUMERIC, "1234567890.1234567"), "0A000");
    assert_int_equal(t->err.status, TN_UNSUPPORTED);
    refuses(t, lite_of(TN_TYPE_NUMERIC, "12345678901234567890"), "0A000");
    refuses(t, lite_of(TN_TYPE_NUMERIC, "ten"), "22P02");
    refuses(t, nul, "22021");
    refuses(t, (tn_value){.type = 99}, "0A000");
}

/* What the driver's README says of values that are not of their column's type, and of SQLite's own
 * ways: a program that is written against it finds it so. */
static void not_as_on_postgresql(void **state)
{
    lite_test *t = *state;
    tn_value big = lite_int(70000), big_text = lite_text("70000"), nope = lite_text("nope");

    lite_test_open(t);
    (void)lite_q(t, "create table t (id integer primary key, a smallint, u uuid, v varchar(3), n "
                    "numeric(5,2), d date)");
    (void)LITE_QP(t, "insert into t (id, a, u) values (1, $1, $2)", big, nope);
    (void)lite_q(t, "insert into t values (2, 70000, 'nope', 'abcdef', 123456.789, 'x')");
    for (int id = 1; id <= 2; id++) {
        char sql[64];
        (void)snprintf(sql, sizeof sql, "select a from t where id = %d", id);
        lite_fails(t, sql, "22003");
        (void)snprintf(sql, sizeof sql, "select u from t where id = %d", id);
        lite_fails(t, sql, "22P02");
    }
    lite_fails(t, "select d from t where id = 2", "22007");
    lite_fails(t, "select n from t where id = 2", "22003");
    assert_string_equal(lite_q(t, "select v from t where id = 2"), "abcdef\n");

    /* Casts check at bind, before anything is stored. */
    assert_int_equal(
        lite_try(t, t->conn, "insert into t (a) values (cast($1 as smallint))", &big_text, 1),
        TN_DATA);
    assert_string_equal(t->err.sqlstate, "22003");
    assert_int_equal(lite_try(t, t->conn, "insert into t (u) values (cast($1 as uuid))", &nope, 1),
                     TN_DATA);
    assert_string_equal(t->err.sqlstate, "22P02");
    assert_string_equal(lite_q(t, "select count(*) from t"), "2\n");

    assert_string_equal(lite_q(t, "select 1/0, 1 % 0"), "-|-\n");
    assert_string_equal(lite_q(t, "select typeof(9223372036854775807 + 1)"), "real\n");
    assert_string_equal(lite_q(t, "select x from (select 1 as x union all select null) order by x"),
                        "-\n1\n");
    assert_string_equal(lite_q(t, "select 'A' like 'a', 'Ä' like 'ä'"), "1|0\n");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, lite_test_begin, lite_test_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(declared_types),
        TEST(stored_values),
        TEST(misfits),
        TEST(bound_values),
        TEST(values_that_cannot_be_kept),
        TEST(not_as_on_postgresql),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
