/* SPDX-License-Identifier: MIT */
/* From columns into C variables: what fits, what is refused, what the refusal names. */
#include <string.h>

#include "suite.h"

static void null_into_a_plain_variable(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    tn_rows *rows = query(f, f->db, "select 1 as fine, cast(null as integer) as missing", NULL);
    int fine = 0, missing = -5;

    next(f, rows);
    check_int(f, tn_scan(rows, &fine, &missing), TN_DATA);
    check_int(f, missing, -5);
    check(f, !tn_next(rows));
    close_fails_as(f, rows, TN_DATA, NULL, &err);
    check(f, strstr(err.message, "missing") != NULL);
}

static void null_into_an_optional(fixture *f)
{
    tn_rows *rows = query(
        f, f->db, "select cast(null as integer), cast(null as text), cast(null as uuid), 4", NULL);
    tn_opt_int32 a = {1, true}, d = {0, false};
    tn_opt_str b = {{"x", 1}, true};
    tn_opt_uuid c = {{{1}}, true};

    next(f, rows);
    check_int(f, tn_scan(rows, &a, &b, &c, &d), TN_OK);
    check(f, !a.has && !b.has && !c.has && d.has && d.value == 4);
    close_rows(f, rows);
}

static void null_into_a_char_pointer(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    char *text = (char *)"before";

    check_ok(f, tn_get(f->db, "select cast(null as text)", NULL, tn_into(&text), &err), &err);
    check(f, text == NULL);
}

static void char_pointer_is_a_copy(fixture *f)
{
    exec(f, f->db, "create table {t} (n integer, s text)", NULL);
    exec(f, f->db, "insert into {t} values (1, 'first'), (2, 'second')", NULL);
    tn_rows *rows = query(f, f->db, "select s from {t} order by n", NULL);
    char *first = NULL, *second = NULL;

    next(f, rows);
    check_int(f, tn_scan(rows, &first), TN_OK);
    keep_text(f, first);
    next(f, rows);
    check_int(f, tn_scan(rows, &second), TN_OK);
    keep_text(f, second);
    close_rows(f, rows);
    check_text(f, first, "first");
    check_text(f, second, "second");
}

static void text_buffer(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    char exact[6] = "", wide[64] = "";

    check_ok(f,
             tn_get(f->db, "select 'hello', 'hello'", NULL,
                    tn_into(tn_textbuf(exact, sizeof(exact)), tn_textbuf(wide, sizeof(wide))),
                    &err),
             &err);
    check_text(f, exact, "hello");
    check_text(f, wide, "hello");
}

static void text_buffer_too_small(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    char narrow[5] = "kept";

    check_error(
        f, tn_get(f->db, "select 'hello'", NULL, tn_into(tn_textbuf(narrow, sizeof(narrow))), &err),
        &err, TN_DATA, "22001");
    check_text(f, narrow, "kept");
}

static void text_buffer_takes_no_null(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    char buf[8] = "kept";

    check_error(f,
                tn_get(f->db, "select cast(null as text)", NULL,
                       tn_into(tn_textbuf(buf, sizeof(buf))), &err),
                &err, TN_DATA, NULL);
    check_text(f, buf, "kept");
}

static void ignored_columns(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    int b = 0;

    check_ok(f,
             tn_get(f->db, "select cast(null as text), 2, 'c'", NULL,
                    tn_into(tn_ignore, &b, tn_ignore), &err),
             &err);
    check_int(f, b, 2);
}

static void too_few_targets(fixture *f)
{
    tn_rows *rows = query(f, f->db, "select 1, 2", NULL);
    int a = -5;

    next(f, rows);
    check(f, tn_scan(rows, &a) != TN_OK);
    check_int(f, a, -5);
    check(f, !tn_next(rows));
    check(f, end_rows(f, rows, NULL) != TN_OK);
}

static void too_many_targets(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    int a = -5, b = -6;

    check(f, tn_get(f->db, "select 1", NULL, tn_into(&a, &b), &err) != TN_OK);
    check(f, err.status != TN_OK && err.message[0]);
    check_int(f, a, -5);
    check_int(f, b, -6);
}

static void large_integer_into_a_small_one(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    int32_t narrow = -5;
    int16_t narrower = -6;
    int64_t wide = 0;

    check_error(
        f, tn_get(f->db, "select cast(5000000000 as bigint) as big", NULL, tn_into(&narrow), &err),
        &err, TN_DATA, "22003");
    check(f, strstr(err.message, "big") != NULL);
    check_error(f, tn_get(f->db, "select 70000", NULL, tn_into(&narrower), &err), &err, TN_DATA,
                "22003");
    check_int(f, narrow, -5);
    check_int(f, narrower, -6);
    check_ok(f, tn_get(f->db, "select cast(5000000000 as bigint)", NULL, tn_into(&wide), &err),
             &err);
    check_int(f, wide, INT64_C(5000000000));
}

static void integer_that_fits_a_small_one(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    int32_t n = 0;
    int16_t small = 0;
    long long wide = 0;

    check_ok(f,
             tn_get(f->db,
                    "select cast(-2147483648 as bigint), cast(32767 as bigint), "
                    "cast(-1 as smallint)",
                    NULL, tn_into(&n, &small, &wide), &err),
             &err);
    check(f, n == INT32_MIN && small == 32767 && wide == -1);
}

static void whole_numeric_into_an_integer(fixture *f)
{
    exec(f, f->db, "create table {t} (a numeric(20,2), b numeric(20,2))", NULL);
    exec(f, f->db, "insert into {t} values ($1, $2)",
         tn_args(tn_numeric_from("123456789012.00"), tn_numeric_from("1.50")));
    tn_rows *rows = query(f, f->db, "select a, b from {t}", NULL);
    int64_t whole = 0, broken = -5;

    next(f, rows);
    check_int(f, tn_read(rows, 0, &whole), TN_OK);
    check_int(f, whole, INT64_C(123456789012));
    check_int(f, tn_read(rows, 1, &broken), TN_DATA);
    check_int(f, broken, -5);
    close_fails(f, rows, TN_DATA, NULL);
}

static void numeric_into_a_double(fixture *f)
{
    exec(f, f->db, "create table {t} (a numeric(10,2))", NULL);
    exec(f, f->db, "insert into {t} values (2.50)", NULL);
    tn_rows *rows = query(f, f->db, "select a from {t}", NULL);
    next(f, rows);
    check(f, tn_row_double(rows, 0) == 2.5);
    close_rows(f, rows);
}

static void float_into_an_integer_is_refused(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    int64_t n = -5;

    check_error(f, tn_get(f->db, "select cast(1.5 as double precision)", NULL, tn_into(&n), &err),
                &err, TN_DATA, NULL);
    check_int(f, n, -5);
}

static void integer_into_a_double_fits(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    double d = 0;

    check_ok(f, tn_get(f->db, "select 3", NULL, tn_into(&d), &err), &err);
    check(f, d == 3.0);
}

static void text_into_an_integer_is_refused(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    int n = -5;

    check_error(f, tn_get(f->db, "select 'abc' as word", NULL, tn_into(&n), &err), &err, TN_DATA,
                NULL);
    check(f, strstr(err.message, "word") != NULL);
    check_int(f, n, -5);
}

static void text_into_a_uuid_is_parsed(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    tn_uuid id;
    char text[TN_UUID_TEXT_SIZE];

    check_ok(
        f, tn_get(f->db, "select 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'", NULL, tn_into(&id), &err),
        &err);
    check_text(f, tn_uuid_format(id, text), "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11");
    check_error(f, tn_get(f->db, "select 'nothing like it'", NULL, tn_into(&id), &err), &err,
                TN_DATA, NULL);
}

static void text_is_no_boolean(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    bool flag = true;

    check_error(f, tn_get(f->db, "select 'perhaps'", NULL, tn_into(&flag), &err), &err, TN_DATA,
                NULL);
    check(f, flag);
}

static void types_do_not_mix(fixture *f)
{
    tn_rows *rows = query(f, f->db, "select cast($1 as uuid) as id", tn_args((tn_uuid){{7}}));
    tn_error err = TN_ERROR_INIT;

    next(f, rows);
    check_int(f, tn_row_time(rows, 0).us, 0);
    close_fails_as(f, rows, TN_DATA, NULL, &err);
    check(f, strstr(err.message, "id") != NULL);
}

static void accessors_by_index(fixture *f)
{
    tn_rows *rows = query(
        f, f->db,
        "select cast($1 as boolean), 2, cast(5000000000 as bigint), cast($2 as double "
        "precision), 'text', cast($3 as bytea), cast($4 as uuid), cast(null as integer)",
        tn_args((bool)true, 0.5, ((tn_bytes){"\x01\x02", 2}), ((tn_uuid){{9}})));

    next(f, rows);
    check(f, tn_row_bool(rows, 0));
    check_int(f, tn_row_int32(rows, 1), 2);
    check_int(f, tn_row_int64(rows, 2), INT64_C(5000000000));
    check(f, tn_row_double(rows, 3) == 0.5);
    check_str(f, tn_row_str(rows, 4), "text");
    check_int(f, (int64_t)tn_row_bytes(rows, 5).len, 2);
    check_int(f, tn_row_uuid(rows, 6).bytes[0], 9);
    check(f, tn_row_is_null(rows, 7) && !tn_row_is_null(rows, 1));
    close_rows(f, rows);
}

static void accessors_of_times(fixture *f)
{
    tn_rows *rows = query(f, f->db,
                          "select cast($1 as timestamptz), cast($2 as timestamp), cast($3 as date),"
                          " cast($4 as time), cast($5 as interval), cast($6 as json), "
                          "cast($7 as numeric)",
                          tn_args((tn_time){1}, (tn_timestamp){2}, (tn_date){3}, (tn_timeofday){4},
                                  ((tn_interval){5, 6, 7}), tn_json_from("[8]"),
                                  tn_numeric_from("9.5")));

    next(f, rows);
    check_int(f, tn_row_time(rows, 0).us, 1);
    check_int(f, tn_row_timestamp(rows, 1).us, 2);
    check_int(f, tn_row_date(rows, 2).days, 3);
    check_int(f, tn_row_timeofday(rows, 3).us, 4);
    check_int(f, tn_row_interval(rows, 4).months, 7);
    tn_json json = tn_row_json(rows, 5);
    check_str(f, ((tn_str){json.ptr, json.len}), "[8]");
    tn_numeric numeric = tn_row_numeric(rows, 6);
    check_str(f, ((tn_str){numeric.ptr, numeric.len}), "9.5");
    close_rows(f, rows);
}

static void accessors_by_name(fixture *f)
{
    tn_rows *rows = query(f, f->db, "select 1 as a, 'two' as b", NULL);
    int a = 0;

    next(f, rows);
    check_str(f, tn_row_str(rows, tn_col(rows, "b")), "two");
    check_int(f, tn_read(rows, tn_col(rows, "a"), &a), TN_OK);
    check_int(f, a, 1);
    close_rows(f, rows);
}

static void unknown_name(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    tn_rows *rows = query(f, f->db, "select 1 as alpha, 2 as beta", NULL);

    next(f, rows);
    check_int(f, tn_col(rows, "gamma"), -1);
    check_int(f, tn_row_int64(rows, tn_col(rows, "gamma")), 0);
    check(f, !tn_next(rows));
    close_fails_as(f, rows, TN_DATA, "42703", &err);
    check(f, strstr(err.message, "gamma") != NULL);
    check(f,
          strstr(err.message, "alpha") || strstr(err.detail, "alpha") || strstr(err.hint, "alpha"));
}

static void looking_for_a_name_is_no_error(fixture *f)
{
    tn_rows *rows = query(f, f->db, "select 1 as alpha", NULL);

    next(f, rows);
    check_int(f, tn_col(rows, "beta"), -1);
    check_int(f, tn_row_int64(rows, 0), 1);
    close_rows(f, rows);
}

static void index_out_of_range(fixture *f)
{
    tn_rows *rows = query(f, f->db, "select 1", NULL);

    next(f, rows);
    check_int(f, tn_row_int64(rows, 1), 0);
    check(f, tn_rows_status(rows) != TN_OK);
    check(f, end_rows(f, rows, NULL) != TN_OK);
}

static void read_twice(fixture *f)
{
    tn_rows *rows = query(f, f->db, "select 1, 'a'", NULL);
    int n = 0, again = 0;
    tn_str s;

    next(f, rows);
    check_int(f, tn_scan(rows, &n, &s), TN_OK);
    check_int(f, tn_scan(rows, &again, &s), TN_OK);
    check(f, n == 1 && again == 1);
    check_str(f, s, "a");
    close_rows(f, rows);
}

static void views_of_a_row(fixture *f)
{
    tn_rows *rows = query(f, f->db, "select 'text', cast($1 as bytea), cast($2 as json)",
                          tn_args(((tn_bytes){"ab", 2}), tn_json_from("{}")));
    tn_str s;
    tn_bytes b;
    tn_json j;

    next(f, rows);
    check_int(f, tn_scan(rows, &s, &b, &j), TN_OK);
    check_str(f, s, "text");
    check(f, b.len == 2 && memcmp(b.ptr, "ab", 2) == 0);
    check(f, j.len == 2 && s.ptr[s.len] == '\0' && j.ptr[j.len] == '\0');
    close_rows(f, rows);
}

static void items_of_an_array(fixture *f)
{
    const int64_t items[] = {10, -20};
    tn_error err = TN_ERROR_INIT;
    tn_rows *rows = query(f, f->db, "select cast($1 as bigint[])", tn_args(tn_array_of(items, 2)));
    int32_t n = 0;
    tn_uuid id;

    next(f, rows);
    tn_array array = tn_row_array(rows, 0);
    check_int(f, (int64_t)array.count, 2);
    tn_target target = tn_target_int32(&n);
    check_ok(f, tn_value_read(&array.items[1], &target, &err), &err);
    check_int(f, n, -20);
    target = tn_target_uuid(&id);
    check_error(f, tn_value_read(&array.items[0], &target, &err), &err, TN_DATA, NULL);
    close_rows(f, rows);
}

static const suite_case cases[] = {
    CASE(null_into_a_plain_variable, TN_CAP_SQL),
    CASE(null_into_an_optional, TN_CAP_SQL),
    CASE(null_into_a_char_pointer, TN_CAP_SQL),
    CASE(char_pointer_is_a_copy, TN_CAP_SQL),
    CASE(text_buffer, TN_CAP_SQL),
    CASE(text_buffer_too_small, TN_CAP_SQL),
    CASE(text_buffer_takes_no_null, TN_CAP_SQL),
    CASE(ignored_columns, TN_CAP_SQL),
    CASE(too_few_targets, TN_CAP_SQL),
    CASE(too_many_targets, TN_CAP_SQL),
    CASE(large_integer_into_a_small_one, TN_CAP_SQL),
    CASE(integer_that_fits_a_small_one, TN_CAP_SQL),
    CASE(whole_numeric_into_an_integer, TN_CAP_SQL),
    CASE(numeric_into_a_double, TN_CAP_SQL),
    CASE(float_into_an_integer_is_refused, TN_CAP_SQL),
    CASE(integer_into_a_double_fits, TN_CAP_SQL),
    CASE(text_into_an_integer_is_refused, TN_CAP_SQL),
    CASE(text_into_a_uuid_is_parsed, TN_CAP_SQL),
    CASE(text_is_no_boolean, TN_CAP_SQL),
    CASE(types_do_not_mix, TN_CAP_SQL),
    CASE(accessors_by_index, TN_CAP_SQL),
    CASE(accessors_of_times, 0),
    CASE(accessors_by_name, TN_CAP_SQL),
    CASE(unknown_name, TN_CAP_SQL),
    CASE(looking_for_a_name_is_no_error, TN_CAP_SQL),
    CASE(index_out_of_range, TN_CAP_SQL),
    CASE(read_twice, TN_CAP_SQL),
    CASE(views_of_a_row, TN_CAP_SQL),
    CASE(items_of_an_array, TN_CAP_ARRAYS),
};

GROUP(scan);
