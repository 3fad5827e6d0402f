/* SPDX-License-Identifier: MIT */
/* One-dimensional arrays of every element type: plain C arrays, tn_array, NULL items, none. */
#include <string.h>

#include "suite.h"
#include "values.h"

static tn_value int_item(tn_type type, int64_t i)
{
    return (tn_value){.as.i = i, .type = (uint8_t)type};
}

static tn_value text_item(tn_type type, const char *text)
{
    return (tn_value){.as.ptr = text, .len = (uint32_t)strlen(text), .type = (uint8_t)type};
}

static const tn_value null_item = {.type = TN_TYPE_NULL};

/* The items through a column and a cast. */
static void both_ways(fixture *f, const char *type, tn_type element, const tn_value *items,
                      size_t count)
{
    tn_array array = {.items = items, .count = count, .element = element};
    tn_arg arg = tn_arg_array(&array);

    suite_round_trips(f, type, &arg, 1);
}
#define arrays(f, type, element, ...)                                      \
    both_ways(HERE(f), (type), (element), (const tn_value[]){__VA_ARGS__}, \
              SUITE_COUNT(((const tn_value[]){__VA_ARGS__})))

static void as_declared(fixture *f)
{
    int32_t items[] = {1, 2};

    if (has(f, TN_CAP_ARRAYS))
        exec(f, f->db, "select cast($1 as integer[])", tn_args(tn_array_of(items, 2)));
    else
        exec_fails(f, f->db, "select cast($1 as integer[])", tn_args(tn_array_of(items, 2)),
                   TN_UNSUPPORTED, "0A000");
}

static void of_booleans(fixture *f)
{
    arrays(f, "boolean[]", TN_TYPE_BOOL, int_item(TN_TYPE_BOOL, 1), int_item(TN_TYPE_BOOL, 0),
           null_item);
}

static void of_integers(fixture *f)
{
    arrays(f, "smallint[]", TN_TYPE_INT16, int_item(TN_TYPE_INT16, INT16_MIN),
           int_item(TN_TYPE_INT16, INT16_MAX));
    arrays(f, "integer[]", TN_TYPE_INT32, int_item(TN_TYPE_INT32, INT32_MIN), null_item,
           int_item(TN_TYPE_INT32, INT32_MAX));
    arrays(f, "int[]", TN_TYPE_INT32, int_item(TN_TYPE_INT32, 0));
    arrays(f, "bigint[]", TN_TYPE_INT64, int_item(TN_TYPE_INT64, INT64_MIN),
           int_item(TN_TYPE_INT64, INT64_MAX));
}

static void of_floats(fixture *f)
{
    arrays(f, "double precision[]", TN_TYPE_FLOAT8,
           ((tn_value){.as.f = 0.1, .type = TN_TYPE_FLOAT8}),
           ((tn_value){.as.f = -1e300, .type = TN_TYPE_FLOAT8}));
    arrays(f, "real[]", TN_TYPE_FLOAT4, ((tn_value){.as.f = (double)1.1F, .type = TN_TYPE_FLOAT4}));
}

static void of_numerics(fixture *f)
{
    arrays(f, "numeric[]", TN_TYPE_NUMERIC, text_item(TN_TYPE_NUMERIC, "0.1"),
           text_item(TN_TYPE_NUMERIC, "-123456789.012345"), null_item);
}

static void of_texts(fixture *f)
{
    arrays(f, "text[]", TN_TYPE_TEXT, text_item(TN_TYPE_TEXT, ""), text_item(TN_TYPE_TEXT, "NULL"),
           null_item, text_item(TN_TYPE_TEXT, "a,b"), text_item(TN_TYPE_TEXT, "{}"),
           text_item(TN_TYPE_TEXT, "q\"uo\\te'"), text_item(TN_TYPE_TEXT, " pad "),
           text_item(TN_TYPE_TEXT, "日本語 🎉"), text_item(TN_TYPE_TEXT, "line\nbreak"));
}

static void of_bytes(fixture *f)
{
    arrays(f, "bytea[]", TN_TYPE_BYTES,
           ((tn_value){.as.ptr = "\x00\xff\x5c", .len = 3, .type = TN_TYPE_BYTES}),
           ((tn_value){.as.ptr = "", .len = 0, .type = TN_TYPE_BYTES}));
}

static void of_uuids(fixture *f)
{
    static const tn_uuid one = {{1}}, two = {{2, [15] = 0xff}};

    arrays(f, "uuid[]", TN_TYPE_UUID, ((tn_value){.as.uuid = &one, .type = TN_TYPE_UUID}),
           ((tn_value){.as.uuid = &two, .type = TN_TYPE_UUID}));
}

static void of_times(fixture *f)
{
    static const tn_interval span = {.us = 1, .days = -2, .months = 3};

    arrays(f, "timestamptz[]", TN_TYPE_TIMESTAMPTZ, int_item(TN_TYPE_TIMESTAMPTZ, -1),
           int_item(TN_TYPE_TIMESTAMPTZ, TN_TIME_INFINITY));
    arrays(f, "timestamp[]", TN_TYPE_TIMESTAMP, int_item(TN_TYPE_TIMESTAMP, 123456));
    arrays(f, "date[]", TN_TYPE_DATE, int_item(TN_TYPE_DATE, -1), null_item);
    arrays(f, "time[]", TN_TYPE_TIME, int_item(TN_TYPE_TIME, INT64_C(86400000000)));
    arrays(f, "interval[]", TN_TYPE_INTERVAL,
           ((tn_value){.as.interval = &span, .type = TN_TYPE_INTERVAL}));
}

static void of_json(fixture *f)
{
    arrays(f, "json[]", TN_TYPE_JSON, text_item(TN_TYPE_JSON, "{\"a\": [1, \"x\"]}"),
           text_item(TN_TYPE_JSON, "null"), null_item);
}

static void empty(fixture *f)
{
    both_ways(HERE(f), "integer[]", TN_TYPE_INT32, NULL, 0);
    both_ways(HERE(f), "text[]", TN_TYPE_TEXT, NULL, 0);
}

static void only_nulls(fixture *f)
{
    tn_value items[] = {null_item, null_item};
    tn_array array = {.items = items, .count = 2, .element = TN_TYPE_INT32};

    exec(f, f->db, "create table {t} (v integer[])", NULL);
    exec(f, f->db, "insert into {t} values ($1)", tn_args(&array));
    tn_rows *rows = query(f, f->db, "select v from {t}", NULL);
    next(f, rows);
    tn_array back = tn_row_array(rows, 0);
    check_int(f, (int64_t)back.count, 2);
    check_int(f, back.items[0].type, TN_TYPE_NULL);
    check_int(f, back.items[1].type, TN_TYPE_NULL);
    close_rows(f, rows);
}

static void null_is_not_an_empty_one(fixture *f)
{
    tn_array array = {.items = NULL, .count = 0, .element = TN_TYPE_INT32};

    exec(f, f->db, "create table {t} (v integer[])", NULL);
    exec(f, f->db, "insert into {t} values ($1), ($2)", tn_args(&array, tn_null));
    check_int(f, int_of(f, f->db, "select count(*) from {t} where v is null", NULL), 1);
}

/* Binds a plain C array and reads count and the sum of its items' text lengths. */
static void c_array_comes_back(fixture *f, const char *cast, tn_carray array, tn_type element,
                               const char *expected)
{
    char text[256];
    tn_rows *rows = query(f, f->db, cast, tn_args(array));

    suite_next(f, rows);
    tn_array back = tn_row_array(rows, 0);
    suite_check_int(f, "items", (int64_t)back.count, (int64_t)array.count);
    suite_check_int(f, "element type", back.element, element);
    tn_value_format(tn_row_value(rows, 0), text, sizeof(text));
    suite_check_text(f, cast, text, expected);
    suite_close(f, rows);
}

static void from_c_arrays(fixture *f)
{
    const bool bools[] = {true, false};
    const int16_t int16s[] = {-1, 2};
    int32_t int32s[] = {3, -4, 5};
    const int64_t int64s[] = {INT64_C(5000000000)};
    float floats[] = {0.5F};
    const double doubles[] = {0.1, -2.0};
    const char *texts[] = {"a", NULL, "b c"};
    const tn_date dates[] = {{0}};
    const tn_time times[] = {{0}};
    const tn_timestamp timestamps[] = {{1}};
    const tn_uuid uuids[] = {{{0}}};

    c_array_comes_back(HERE(f), "select cast($1 as boolean[])", tn_array_of(bools, 2), TN_TYPE_BOOL,
                       "{t,f}");
    c_array_comes_back(HERE(f), "select cast($1 as smallint[])", tn_array_of(int16s, 2),
                       TN_TYPE_INT16, "{-1,2}");
    c_array_comes_back(HERE(f), "select cast($1 as integer[])", tn_array_of(int32s, 3),
                       TN_TYPE_INT32, "{3,-4,5}");
    c_array_comes_back(HERE(f), "select cast($1 as bigint[])", tn_array_of(int64s, 1),
                       TN_TYPE_INT64, "{5000000000}");
    c_array_comes_back(HERE(f), "select cast($1 as real[])", tn_array_of(floats, 1), TN_TYPE_FLOAT4,
                       "{0.5}");
    c_array_comes_back(HERE(f), "select cast($1 as double precision[])", tn_array_of(doubles, 2),
                       TN_TYPE_FLOAT8, "{0.1,-2}");
    c_array_comes_back(HERE(f), "select cast($1 as text[])", tn_array_of(texts, 3), TN_TYPE_TEXT,
                       "{a,NULL,\"b c\"}");
    c_array_comes_back(HERE(f), "select cast($1 as date[])", tn_array_of(dates, 1), TN_TYPE_DATE,
                       "{1970-01-01}");
    c_array_comes_back(HERE(f), "select cast($1 as timestamptz[])", tn_array_of(times, 1),
                       TN_TYPE_TIMESTAMPTZ, "{\"1970-01-01 00:00:00+00\"}");
    c_array_comes_back(HERE(f), "select cast($1 as timestamp[])", tn_array_of(timestamps, 1),
                       TN_TYPE_TIMESTAMP, "{\"1970-01-01 00:00:00.000001\"}");
    c_array_comes_back(HERE(f), "select cast($1 as uuid[])", tn_array_of(uuids, 1), TN_TYPE_UUID,
                       "{00000000-0000-0000-0000-000000000000}");
}

static void elements_are_converted(fixture *f)
{
    const int32_t small[] = {1, 2};
    const int64_t large[] = {INT64_C(5000000000)};

    c_array_comes_back(HERE(f), "select cast($1 as bigint[])", tn_array_of(small, 2), TN_TYPE_INT64,
                       "{1,2}");
    exec_fails(f, f->db, "select cast($1 as integer[])", tn_args(tn_array_of(large, 1)), TN_DATA,
               "22003");
}

static void from_text(fixture *f)
{
    text_becomes(f, "integer[]", TN_TYPE_ARRAY, "{1, NULL,3}", "{1,NULL,3}");
    text_becomes(f, "text[]", TN_TYPE_ARRAY, "{a,\"b,c\",\"NULL\"}", "{a,\"b,c\",\"NULL\"}");
    text_refused(f, "integer[]", "{1,2", "22P02");
    text_refused(f, "integer[]", "{1,x}", "22P02");
}

static void long_one(fixture *f)
{
    size_t count = 10000;
    int64_t *items = room(f, count * sizeof(items[0]));

    for (size_t i = 0; i < count; i++)
        items[i] = (int64_t)i * INT64_C(1000000007);
    exec(f, f->db, "create table {t} (v bigint[])", NULL);
    exec(f, f->db, "insert into {t} values ($1)", tn_args(tn_array_of(items, count)));
    tn_rows *rows = query(f, f->db, "select v from {t}", NULL);
    next(f, rows);
    tn_array back = tn_row_array(rows, 0);
    check_int(f, (int64_t)back.count, (int64_t)count);
    for (size_t i = 0; i < count; i++)
        check_int(f, back.items[i].as.i, items[i]);
    close_rows(f, rows);
}

static void column_says_its_element(fixture *f)
{
    exec(f, f->db, "create table {t} (v text[])", NULL);
    tn_rows *rows = query(f, f->db, "select v from {t}", NULL);
    check_int(f, tn_rows_column(rows, 0)->type, TN_TYPE_ARRAY);
    check_int(f, tn_rows_column(rows, 0)->element, TN_TYPE_TEXT);
    check(f, !tn_next(rows));
    close_rows(f, rows);
}

static const suite_case cases[] = {
    CASE(as_declared, 0),
    CASE(of_booleans, TN_CAP_ARRAYS),
    CASE(of_integers, TN_CAP_ARRAYS),
    CASE(of_floats, TN_CAP_ARRAYS),
    CASE(of_numerics, TN_CAP_ARRAYS),
    CASE(of_texts, TN_CAP_ARRAYS),
    CASE(of_bytes, TN_CAP_ARRAYS),
    CASE(of_uuids, TN_CAP_ARRAYS),
    CASE(of_times, TN_CAP_ARRAYS),
    CASE(of_json, TN_CAP_ARRAYS),
    CASE(empty, TN_CAP_ARRAYS),
    CASE(only_nulls, TN_CAP_SQL | TN_CAP_ARRAYS),
    CASE(null_is_not_an_empty_one, TN_CAP_SQL | TN_CAP_ARRAYS),
    CASE(from_c_arrays, TN_CAP_ARRAYS),
    CASE(elements_are_converted, TN_CAP_SQL | TN_CAP_ARRAYS),
    CASE(from_text, TN_CAP_SQL | TN_CAP_ARRAYS),
    CASE(long_one, TN_CAP_SQL | TN_CAP_ARRAYS),
    CASE(column_says_its_element, TN_CAP_SQL | TN_CAP_ARRAYS),
};

GROUP(arrays);
