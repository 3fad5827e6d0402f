/* SPDX-License-Identifier: MIT */
/* Every value type with its extremes, through a column and through cast($1 as type). */
#include <float.h>
#include <limits.h>
#include <math.h>
#include <string.h>

#include "suite.h"
#include "values.h"

/* ---- boolean, integers ----------------------------------------------------------------------- */

static void bool_values(fixture *f)
{
    round_trips(f, "boolean", tn_arg_bool(true), tn_arg_bool(false));
    round_trips(f, "bool", tn_arg_bool(true));
}

static void bool_texts(fixture *f)
{
    text_becomes(f, "boolean", TN_TYPE_BOOL, "t", "t");
    text_becomes(f, "boolean", TN_TYPE_BOOL, "false", "f");
    text_refused(f, "boolean", "maybe", "22P02");
}

static void bool_literals(fixture *f)
{
    exec(f, f->db, "create table {t} (b boolean)", NULL);
    exec(f, f->db, "insert into {t} values (true), (false), (null)", NULL);
    check_int(f, int_of(f, f->db, "select count(*) from {t} where b", NULL), 1);
    check_int(f, int_of(f, f->db, "select count(*) from {t} where not b", NULL), 1);
    check_int(f, int_of(f, f->db, "select count(*) from {t} where b = $1", tn_args((bool)true)), 1);
}

static void int16_extremes(fixture *f)
{
    round_trips(f, "smallint", tn_arg_int16(INT16_MIN), tn_arg_int16(-1), tn_arg_int16(0),
                tn_arg_int16(1), tn_arg_int16(INT16_MAX));
    round_trips(f, "int2", tn_arg_int16(INT16_MIN));
}

static void int32_extremes(fixture *f)
{
    round_trips(f, "integer", tn_arg_int32(INT32_MIN), tn_arg_int32(-1), tn_arg_int32(0),
                tn_arg_int32(1), tn_arg_int32(INT32_MAX));
    round_trips(f, "int", tn_arg_int32(INT32_MIN));
    round_trips(f, "int4", tn_arg_int32(INT32_MAX));
}

static void int64_extremes(fixture *f)
{
    round_trips(f, "bigint", tn_arg_int64(INT64_MIN), tn_arg_int64(-1), tn_arg_int64(0),
                tn_arg_int64(1), tn_arg_int64(INT64_C(9007199254740993)), tn_arg_int64(INT64_MAX));
    round_trips(f, "int8", tn_arg_int64(INT64_MIN));
}

static void integer_texts(fixture *f)
{
    text_becomes(f, "bigint", TN_TYPE_INT64, "-9223372036854775808", "-9223372036854775808");
    text_becomes(f, "smallint", TN_TYPE_INT16, "  7 ", "7");
    text_refused(f, "bigint", "9223372036854775808", "22003");
    text_refused(f, "integer", "2147483648", "22003");
    text_refused(f, "integer", "1.5", "22P02");
    text_refused(f, "bigint", "12x", "22P02");
}

/* ---- floats ---------------------------------------------------------------------------------- */

static void float8_ordinary(fixture *f)
{
    round_trips(f, "double precision", tn_arg_double(0.0), tn_arg_double(1.0), tn_arg_double(-1.5),
                tn_arg_double(0.1), tn_arg_double(1e-10), tn_arg_double(123456789.987654321),
                tn_arg_double(9007199254740993.0));
    round_trips(f, "float8", tn_arg_double(-0.1));
}

static void float8_seventeen_digits(fixture *f)
{
    round_trips(f, "double precision", tn_arg_double(0.1 + 0.2), tn_arg_double(1.0 + DBL_EPSILON),
                tn_arg_double(3.141592653589793116), tn_arg_double(1.7976931348623155e308),
                tn_arg_double(5e-324 * 3));
}

static void float8_extremes(fixture *f)
{
    round_trips(f, "double precision", tn_arg_double(DBL_MAX), tn_arg_double(-DBL_MAX),
                tn_arg_double(DBL_MIN), tn_arg_double(5e-324), tn_arg_double(-5e-324));
}

static void float8_infinity(fixture *f)
{
    round_trips(f, "double precision", tn_arg_double((double)INFINITY),
                tn_arg_double(-(double)INFINITY));
}

static void float8_nan(fixture *f)
{
    if (f->answers->nan)
        round_trips(f, "double precision", tn_arg_double((double)NAN));
    else
        exec_fails(f, f->db, "select cast($1 as double precision)", tn_args((double)NAN),
                   TN_UNSUPPORTED, "0A000");
}

/* A NaN must not become NULL without a word, as some engines have it. */
static void float8_nan_into_a_column(fixture *f)
{
    tn_error err = TN_ERROR_INIT;

    exec(f, f->db, "create table {t} (v double precision)", NULL);
    tn_status status = tn_exec(f->db, sql(f, "insert into {t} values ($1)"), tn_args((double)NAN),
                               NULL, &err);
    if (!f->answers->nan) {
        check_error(f, status, &err, TN_UNSUPPORTED, "0A000");
        return;
    }
    check_ok(f, status, &err);
    tn_rows *rows = query(f, f->db, "select v from {t}", NULL);
    next(f, rows);
    check(f, isnan(tn_row_double(rows, 0)));
    close_rows(f, rows);
}

static void float8_negative_zero(fixture *f)
{
    exec(f, f->db, "create table {t} (v double precision)", NULL);
    exec(f, f->db, "insert into {t} values ($1)", tn_args(-0.0));
    tn_rows *rows = query(f, f->db, "select v from {t}", NULL);
    next(f, rows);
    double zero = tn_row_double(rows, 0);
    check_int(f, tn_row_value(rows, 0)->type, TN_TYPE_FLOAT8);
    close_rows(f, rows);
    check(f, zero == 0.0);
    if (f->answers->negative_zero)
        check(f, signbit(zero));
}

static void float8_whole_numbers_stay_floats(fixture *f)
{
    exec(f, f->db, "create table {t} (v double precision)", NULL);
    exec(f, f->db, "insert into {t} values (3), ($1)", tn_args(4.0));
    tn_rows *rows = query(f, f->db, "select v from {t} order by v", NULL);
    for (int i = 3; i <= 4; i++) {
        next(f, rows);
        check_int(f, tn_row_value(rows, 0)->type, TN_TYPE_FLOAT8);
        check(f, tn_row_double(rows, 0) == (double)i);
    }
    close_rows(f, rows);
}

static void float8_texts(fixture *f)
{
    text_becomes(f, "double precision", TN_TYPE_FLOAT8, "1e3", "1000");
    text_becomes(f, "double precision", TN_TYPE_FLOAT8, "-0.5", "-0.5");
    text_becomes(f, "double precision", TN_TYPE_FLOAT8, "Infinity", "Infinity");
    text_refused(f, "double precision", "1,5", "22P02");
    text_refused(f, "double precision", "1e999", "22003");
}

static void float4_values(fixture *f)
{
    round_trips(f, "real", tn_arg_float(0.0F), tn_arg_float(1.1F), tn_arg_float(-2.5F),
                tn_arg_float(16777216.0F), tn_arg_float(FLT_MAX), tn_arg_float(-FLT_MAX),
                tn_arg_float(FLT_MIN), tn_arg_float(1e-45F), tn_arg_float(INFINITY));
    round_trips(f, "float4", tn_arg_float(0.1F));
}

static void float4_loses_what_it_must(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    float narrow = 0;

    check_ok(f, tn_get(f->db, "select cast($1 as real)", tn_args(0.1), tn_into(&narrow), &err),
             &err);
    check(f, narrow == 0.1F);
    exec_fails(f, f->db, "select cast($1 as real)", tn_args(1e300), TN_DATA, "22003");
}

/* ---- numeric --------------------------------------------------------------------------------- */

static tn_arg numeric(const char *text)
{
    return tn_arg_numeric(tn_numeric_from(text));
}

static void numeric_ordinary(fixture *f)
{
    round_trips(f, "numeric", numeric("0"), numeric("1"), numeric("-1"), numeric("0.1"),
                numeric("-123.456"), numeric("1000000"), numeric("0.000001"));
}

static void numeric_fifteen_digits(fixture *f)
{
    round_trips(f, "numeric", numeric("123456789.012345"), numeric("-999999999999999"),
                numeric("0.123456789012345"), numeric("0.000000000123456789012345"));
}

static void numeric_keeps_its_scale(fixture *f)
{
    round_trips(f, "numeric(10,2)", numeric("1.50"), numeric("-0.05"), numeric("100.00"),
                numeric("99999999.99"), numeric("0.00"));
}

static void numeric_gets_its_scale(fixture *f)
{
    text_becomes(f, "numeric(10,2)", TN_TYPE_NUMERIC, "1.5", "1.50");
    text_becomes(f, "numeric(10,2)", TN_TYPE_NUMERIC, "2", "2.00");
    text_becomes(f, "numeric(10,2)", TN_TYPE_NUMERIC, "-7.1", "-7.10");
}

static void numeric_rounds_half_away(fixture *f)
{
    text_becomes(f, "numeric(10,2)", TN_TYPE_NUMERIC, "1.005", "1.01");
    text_becomes(f, "numeric(10,2)", TN_TYPE_NUMERIC, "-2.675", "-2.68");
    text_becomes(f, "numeric(10,1)", TN_TYPE_NUMERIC, "0.25", "0.3");
}

static void numeric_texts(fixture *f)
{
    text_becomes(f, "numeric", TN_TYPE_NUMERIC, "+007.25", "7.25");
    text_becomes(f, "numeric", TN_TYPE_NUMERIC, "12e2", "1200");
    text_refused(f, "numeric", "1.2.3", "22P02");
    text_refused(f, "numeric", "", "22P02");
}

static void numeric_literal_in_a_column(fixture *f)
{
    exec(f, f->db, "create table {t} (v numeric(12,4))", NULL);
    exec(f, f->db, "insert into {t} values (1.5), (-0.25), (3)", NULL);
    tn_rows *rows = query(f, f->db, "select v from {t} order by v", NULL);
    static const char *const expected[] = {"-0.2500", "1.5000", "3.0000"};
    for (size_t i = 0; i < SUITE_COUNT(expected); i++) {
        next(f, rows);
        tn_numeric value = tn_row_numeric(rows, 0);
        check_str(f, ((tn_str){value.ptr, value.len}), expected[i]);
    }
    close_rows(f, rows);
}

static void numeric_compares_by_value(fixture *f)
{
    exec(f, f->db, "create table {t} (v numeric(10,2))", NULL);
    exec(f, f->db, "insert into {t} values ($1), ($2), ($3)",
         tn_args(tn_numeric_from("9.50"), tn_numeric_from("10"), tn_numeric_from("-3")));
    check_int(f, int_of(f, f->db, "select count(*) from {t} where v > 9", NULL), 2);
    check_int(f, int_of(f, f->db, "select count(*) from {t} where v < 0", NULL), 1);
}

static void numeric_long_as_declared(fixture *f)
{
    static const char *const longs[] = {
        "12345678901234567890.123456789",
        "-0.00000000000000000000000000012345678901234567",
        "99999999999999999999999999999999999999",
    };

    if (has(f, TN_CAP_NUMERIC_EXACT)) {
        round_trips(f, "numeric", numeric(longs[0]), numeric(longs[1]), numeric(longs[2]));
        return;
    }
    exec(f, f->db, "create table {t} (v numeric)", NULL);
    for (size_t i = 0; i < SUITE_COUNT(longs); i++) {
        exec_fails(f, f->db, "insert into {t} values ($1)", tn_args(tn_numeric_from(longs[i])),
                   TN_UNSUPPORTED, "0A000");
        exec_fails(f, f->db, "select cast($1 as numeric)", tn_args(tn_numeric_from(longs[i])),
                   TN_UNSUPPORTED, "0A000");
    }
    check_int(f, int_of(f, f->db, "select count(*) from {t}", NULL), 0);
}

static void numeric_nan_as_declared(fixture *f)
{
    if (f->answers->nan)
        round_trips(f, "numeric", numeric("NaN"), numeric("Infinity"), numeric("-Infinity"));
    else
        exec_fails(f, f->db, "select cast($1 as numeric)", tn_args(tn_numeric_from("NaN")),
                   TN_UNSUPPORTED, "0A000");
}

/* ---- text, bytes, uuid, json ----------------------------------------------------------------- */

static void text_values(fixture *f)
{
    round_trips(f, "text", tn_arg_text(""), tn_arg_text("a"), tn_arg_text("00123"),
                tn_arg_text("1e5"), tn_arg_text(" x "), tn_arg_text("日本語"), tn_arg_text("🎉"));
}

static void varchar_values(fixture *f)
{
    round_trips(f, "varchar(12)", tn_arg_text(""), tn_arg_text("123456789012"),
                tn_arg_text("äöüäöüäöüäöü"));
    round_trips(f, "varchar", tn_arg_text("no limit"));
}

static void text_that_looks_like_a_number(fixture *f)
{
    exec(f, f->db, "create table {t} (s text, v varchar(20))", NULL);
    exec(f, f->db, "insert into {t} values ('007', '1.50'), ('1e3', '-0')", NULL);
    tn_rows *rows = query(f, f->db, "select s, v from {t} order by s", NULL);
    next(f, rows);
    check_str(f, tn_row_str(rows, 0), "007");
    check_str(f, tn_row_str(rows, 1), "1.50");
    next(f, rows);
    check_str(f, tn_row_str(rows, 0), "1e3");
    check_str(f, tn_row_str(rows, 1), "-0");
    close_rows(f, rows);
}

static void bytes_values(fixture *f)
{
    static const unsigned char zeros[] = {0, 0, 0}, high[] = {0xff, 0x00, 0x80, 0x27, 0x5c};

    round_trips(f, "bytea", tn_arg_bytes((tn_bytes){"", 0}), tn_arg_bytes((tn_bytes){zeros, 3}),
                tn_arg_bytes((tn_bytes){high, sizeof(high)}), tn_arg_bytes((tn_bytes){"text", 4}));
}

static void uuid_values(fixture *f)
{
    tn_uuid nil = {{0}}, max, some;

    memset(&max, 0xff, sizeof(max));
    check(f, tn_uuid_parse(tn_str_from("A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"), &some));
    round_trips(f, "uuid", tn_arg_uuid(nil), tn_arg_uuid(max), tn_arg_uuid(some));
}

static void uuid_texts(fixture *f)
{
    static const char normal[] = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11";

    text_becomes(f, "uuid", TN_TYPE_UUID, "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", normal);
    text_becomes(f, "uuid", TN_TYPE_UUID, "{a0eebc99-9c0b4ef8-bb6d6bb9-bd380a11}", normal);
    text_refused(f, "uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1", "22P02");
    text_refused(f, "uuid", "not a uuid", "22P02");
}

static void uuid_finds_its_row(fixture *f)
{
    tn_uuid id = tn_uuid_random();

    exec(f, f->db, "create table {t} (id uuid primary key, n integer)", NULL);
    exec(f, f->db, "insert into {t} values ($1, 1), ($2, 2)", tn_args(id, tn_uuid_random()));
    check_int(f, int_of(f, f->db, "select n from {t} where id = $1", tn_args(id)), 1);
}

static void uuid_made_by_the_database(fixture *f)
{
    exec(f, f->db, "create table {t} (id uuid primary key default (gen_random_uuid()), n integer)",
         NULL);
    exec(f, f->db, "insert into {t} (n) values (1), (2)", NULL);
    tn_rows *rows = query(f, f->db, "select id from {t}", NULL);
    tn_uuid ids[2];
    for (size_t i = 0; i < 2; i++) {
        next(f, rows);
        ids[i] = tn_row_uuid(rows, 0);
        check_int(f, ids[i].bytes[6] >> 4, 4);
    }
    close_rows(f, rows);
    check(f, memcmp(&ids[0], &ids[1], sizeof(ids[0])) != 0);
}

static void json_is_kept_byte_for_byte(fixture *f)
{
    static const char text[] = "{\"b\": 1,  \"a\":[1,2 , {\"c\":null}], \"a\": \"\\u00e4 '\\\\\"}";

    round_trips(f, "json", tn_arg_json(tn_json_from(text)), tn_arg_json(tn_json_from("null")),
                tn_arg_json(tn_json_from("[]")), tn_arg_json(tn_json_from("\"日本\"")));
}

static void jsonb_as_declared(fixture *f)
{
    if (!f->answers->jsonb_text)
        skip(f, "the driver does not declare how jsonb reads");
    exec(f, f->db, "create table {t} (v jsonb)", NULL);
    exec(f, f->db, "insert into {t} values ($1)",
         tn_args(tn_json_from("{\"b\": 1, \"a\": [1,2]}")));
    tn_rows *rows = query(f, f->db, "select v from {t}", NULL);
    next(f, rows);
    check_int(f, tn_row_value(rows, 0)->type, TN_TYPE_JSON);
    tn_json json = tn_row_json(rows, 0);
    check_str(f, ((tn_str){json.ptr, json.len}), f->answers->jsonb_text);
    close_rows(f, rows);
}

static void json_from_text(fixture *f)
{
    text_becomes(f, "json", TN_TYPE_JSON, "{\"a\" : 1}", "{\"a\" : 1}");
    text_refused(f, "json", "{broken", "22P02");
    text_refused(f, "jsonb", "{broken", "22P02");
}

/* ---- columns --------------------------------------------------------------------------------- */

static void every_type_in_one_row(fixture *f)
{
    exec(
        f, f->db,
        "create table {t} (a boolean, b smallint, c integer, d bigint, e real, g double precision, "
        "h numeric(8,3), i text, j varchar(9), k bytea, l uuid, m timestamptz, n timestamp, "
        "o date, p time, q interval, r json)",
        NULL);
    exec(f, f->db,
         "insert into {t} values "
         "($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)",
         tn_args((bool)true, (int16_t)-2, 3, INT64_C(4), 0.5F, 0.25, tn_numeric_from("7.125"),
                 "eight", "nine", ((tn_bytes){"\x0a", 1}), ((tn_uuid){{1}}), ((tn_time){12}),
                 ((tn_timestamp){13}), ((tn_date){14}), ((tn_timeofday){15}),
                 ((tn_interval){16, 17, 18}), tn_json_from("[19]")));
    static const tn_type types[] = {
        TN_TYPE_BOOL,     TN_TYPE_INT16,       TN_TYPE_INT32,     TN_TYPE_INT64, TN_TYPE_FLOAT4,
        TN_TYPE_FLOAT8,   TN_TYPE_NUMERIC,     TN_TYPE_TEXT,      TN_TYPE_TEXT,  TN_TYPE_BYTES,
        TN_TYPE_UUID,     TN_TYPE_TIMESTAMPTZ, TN_TYPE_TIMESTAMP, TN_TYPE_DATE,  TN_TYPE_TIME,
        TN_TYPE_INTERVAL, TN_TYPE_JSON};
    tn_rows *rows = query(f, f->db, "select * from {t}", NULL);
    check_int(f, (int64_t)tn_rows_columns(rows), (int64_t)SUITE_COUNT(types));
    next(f, rows);
    for (size_t i = 0; i < SUITE_COUNT(types); i++) {
        if (tn_rows_column(rows, i)->type != types[i] || tn_row_value(rows, i)->type != types[i])
            fail(f, "column %zu is %s, its value %s, expected %s", i,
                 tn_type_name(tn_rows_column(rows, i)->type),
                 tn_type_name((tn_type)tn_row_value(rows, i)->type), tn_type_name(types[i]));
    }
    check(f, tn_row_interval(rows, 15).months == 18);
    close_rows(f, rows);
}

static void types_of_an_empty_table(fixture *f)
{
    exec(f, f->db, "create table {t} (a uuid, b timestamptz, c numeric(8,3), d bigint)", NULL);
    tn_rows *rows = query(f, f->db, "select a, b, c, d from {t}", NULL);
    check_int(f, tn_rows_column(rows, 0)->type, TN_TYPE_UUID);
    check_int(f, tn_rows_column(rows, 1)->type, TN_TYPE_TIMESTAMPTZ);
    check_int(f, tn_rows_column(rows, 2)->type, TN_TYPE_NUMERIC);
    check_int(f, tn_rows_column(rows, 3)->type, TN_TYPE_INT64);
    check(f, !tn_next(rows));
    close_rows(f, rows);
}

static void other_types_as_text(fixture *f)
{
    const answers *declared = f->answers;

    if (!declared->other_type)
        skip(f, "the driver declares no type without a C type of its own");
    tn_rows *rows = query(f, f->db, declared->other_sql, tn_args(declared->other_text));
    check_int(f, tn_rows_column(rows, 0)->type, TN_TYPE_OTHER);
    check_text(f, tn_rows_column(rows, 0)->type_name, declared->other_type);
    next(f, rows);
    check_int(f, tn_row_value(rows, 0)->type, TN_TYPE_OTHER);
    check_str(f, tn_row_str(rows, 0), declared->other_text);
    close_rows(f, rows);
    rows = query(f, f->db, declared->other_sql, tn_args(tn_null));
    next(f, rows);
    check(f, tn_row_is_null(rows, 0));
    close_rows(f, rows);
}

static const suite_case cases[] = {
    CASE(bool_values, 0),
    CASE(bool_texts, TN_CAP_SQL),
    CASE(bool_literals, TN_CAP_SQL),
    CASE(int16_extremes, 0),
    CASE(int32_extremes, 0),
    CASE(int64_extremes, 0),
    CASE(integer_texts, TN_CAP_SQL),
    CASE(float8_ordinary, 0),
    CASE(float8_seventeen_digits, 0),
    CASE(float8_extremes, 0),
    CASE(float8_infinity, 0),
    CASE(float8_nan, 0),
    CASE(float8_nan_into_a_column, TN_CAP_SQL),
    CASE(float8_negative_zero, TN_CAP_SQL),
    CASE(float8_whole_numbers_stay_floats, TN_CAP_SQL),
    CASE(float8_texts, TN_CAP_SQL),
    CASE(float4_values, 0),
    CASE(float4_loses_what_it_must, TN_CAP_SQL),
    CASE(numeric_ordinary, 0),
    CASE(numeric_fifteen_digits, 0),
    CASE(numeric_keeps_its_scale, 0),
    CASE(numeric_gets_its_scale, TN_CAP_SQL),
    CASE(numeric_rounds_half_away, TN_CAP_SQL),
    CASE(numeric_texts, TN_CAP_SQL),
    CASE(numeric_literal_in_a_column, TN_CAP_SQL),
    CASE(numeric_compares_by_value, TN_CAP_SQL),
    CASE(numeric_long_as_declared, 0),
    CASE(numeric_nan_as_declared, 0),
    CASE(text_values, 0),
    CASE(varchar_values, 0),
    CASE(text_that_looks_like_a_number, TN_CAP_SQL),
    CASE(bytes_values, 0),
    CASE(uuid_values, 0),
    CASE(uuid_texts, TN_CAP_SQL),
    CASE(uuid_finds_its_row, TN_CAP_SQL),
    CASE(uuid_made_by_the_database, TN_CAP_SQL),
    CASE(json_is_kept_byte_for_byte, 0),
    CASE(jsonb_as_declared, TN_CAP_SQL),
    CASE(json_from_text, TN_CAP_SQL),
    CASE(every_type_in_one_row, TN_CAP_SQL),
    CASE(types_of_an_empty_table, TN_CAP_SQL),
    CASE(other_types_as_text, TN_CAP_SQL),
};

GROUP(types);
