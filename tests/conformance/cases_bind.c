/* SPDX-License-Identifier: MIT */
/* Arguments: which goes where, how many, of which C type, what fits. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "suite.h"

/* ---- numbering ------------------------------------------------------------------------------- */

static void order_is_by_number(fixture *f)
{
    check_text(f,
               text_of(f, f->db, "select cast($2 as text) || '-' || cast($1 as text)",
                       tn_args("one", "two")),
               "two-one");
}

static void order_in_separate_columns(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    int a = 0, b = 0, c = 0;

    check_ok(f,
             tn_get(f->db,
                    sql(f, "select cast($3 as integer), cast($1 as integer), cast($2 as integer)"),
                    tn_args(1, 2, 3), tn_into(&a, &b, &c), &err),
             &err);
    check_int(f, a, 3);
    check_int(f, b, 1);
    check_int(f, c, 2);
}

static void one_argument_twice(fixture *f)
{
    check_int(f,
              int_of(f, f->db, "select cast($1 as integer) * 10 + cast($1 as integer)", tn_args(4)),
              44);
}

static void ten_is_not_one_and_a_zero(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    int tenth = 0, first = 0;

    check_ok(f,
             tn_get(f->db,
                    "select cast($10 as integer), cast($1 as integer) where cast($2 as integer) + "
                    "cast($3 as integer) + cast($4 as integer) + cast($5 as integer) + "
                    "cast($6 as integer) + cast($7 as integer) + cast($8 as integer) + "
                    "cast($9 as integer) + cast($11 as integer) = 9",
                    tn_args(100, 1, 1, 1, 1, 1, 1, 1, 1, 1000, 1), tn_into(&tenth, &first), &err),
             &err);
    check_int(f, tenth, 1000);
    check_int(f, first, 100);
}

static void too_few(fixture *f)
{
    exec_fails(f, f->db, "select cast($1 as integer)", NULL, TN_PROTOCOL, "08P01");
    exec_fails(f, f->db, "select cast($1 as integer), cast($2 as integer)", tn_args(1), TN_PROTOCOL,
               "08P01");
}

static void too_many(fixture *f)
{
    exec_fails(f, f->db, "select 1", tn_args(1), TN_PROTOCOL, "08P01");
    exec_fails(f, f->db, "select cast($1 as integer)", tn_args(1, 2), TN_PROTOCOL, "08P01");
}

static void wrong_number_runs_nothing(fixture *f)
{
    exec(f, f->db, "create table {t} (n integer)", NULL);
    exec_fails(f, f->db, "insert into {t} values ($1)", tn_args(1, 2), TN_PROTOCOL, "08P01");
    check_int(f, int_of(f, f->db, "select count(*) from {t}", NULL), 0);
}

static void gap_in_the_numbers(fixture *f)
{
    exec_fails(f, f->db, "select cast($1 as integer), cast($3 as integer)", tn_args(1, 2, 3),
               TN_SYNTAX, "42P18");
}

static void zero_is_no_number(fixture *f)
{
    tn_error err = TN_ERROR_INIT;

    check(f, tn_exec(f->db, "select cast($0 as integer)", NULL, NULL, &err) == TN_SYNTAX);
}

/* ---- what is no placeholder ------------------------------------------------------------------ */

static void not_in_a_string(fixture *f)
{
    check_text(f, text_of(f, f->db, "select '$1 and ''$2'''", NULL), "$1 and '$2'");
    check_text(f, text_of(f, f->db, "select '$2' || cast($1 as text)", tn_args("x")), "$2x");
}

static void not_in_a_comment(fixture *f)
{
    check_int(f, int_of(f, f->db, "select 3 /* $1 */ -- $2\n", NULL), 3);
}

static void not_in_an_identifier(fixture *f)
{
    tn_rows *rows = query(f, f->db, "select 3 as \"$1\"", NULL);

    check_text(f, tn_rows_column(rows, 0)->name, "$1");
    next(f, rows);
    close_rows(f, rows);
}

static void not_in_a_dollar_quote(fixture *f)
{
    static const char text[] = "select $q$it's $1; $$ $q$";

    if (f->answers->dollar_quotes)
        check_text(f, text_of(f, f->db, text, NULL), "it's $1; $$ ");
    else
        check(f, tn_exec(f->db, text, NULL, NULL, NULL) != TN_OK);
}

/* ---- NULL ------------------------------------------------------------------------------------ */

static void null_of_every_type(fixture *f)
{
    static const char *const casts[] = {
        "boolean",     "smallint",  "integer",  "bigint", "real",  "double precision",
        "numeric",     "text",      "bytea",    "uuid",   "date",  "time",
        "timestamptz", "timestamp", "interval", "json",   "jsonb",
    };

    for (size_t i = 0; i < SUITE_COUNT(casts); i++) {
        char text[64];
        snprintf(text, sizeof(text), "select cast($1 as %s)", casts[i]);
        tn_rows *rows = query(f, f->db, text, tn_args(tn_null));
        next(f, rows);
        if (!tn_row_is_null(rows, 0))
            fail(f, "%s does not give NULL back", text);
        close_rows(f, rows);
    }
}

static void null_in_every_spelling(fixture *f)
{
    const char *no_text = NULL;
    const tn_array *no_array = NULL;
    tn_opt_int32 none = {.has = false, .value = 5};
    tn_value null_value = {.type = TN_TYPE_NULL};

    exec(f, f->db, "create table {t} (n integer, s text)", NULL);
    exec(f, f->db, "insert into {t} values ($1, $2)", tn_args(none, no_text));
    exec(f, f->db, "insert into {t} values ($1, $2)", tn_args(tn_null, tn_null));
    exec(f, f->db, "insert into {t} values ($1, $2)", tn_args(&null_value, no_array));
    check_int(f, int_of(f, f->db, "select count(*) from {t} where n is null and s is null", NULL),
              3);
}

static void optionals_with_a_value(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    tn_opt_bool b = {true, true};
    tn_opt_int16 i2 = {-3, true};
    tn_opt_int32 i4 = {4, true};
    tn_opt_int64 i8 = {INT64_MIN, true};
    tn_opt_double d = {0.25, true};
    tn_opt_str s = {tn_str_from("text"), true};
    tn_opt_bool b2 = {0};
    tn_opt_int16 i22 = {0};
    tn_opt_int32 i42 = {0};
    tn_opt_int64 i82 = {0};
    tn_opt_double d2 = {0};
    char *s2 = NULL;

    check_ok(f,
             tn_get(f->db,
                    sql(f, "select cast($1 as boolean), cast($2 as smallint), cast($3 as integer), "
                           "cast($4 as bigint), cast($5 as double precision), cast($6 as text)"),
                    tn_args(b, i2, i4, i8, d, s), tn_into(&b2, &i22, &i42, &i82, &d2, &s2), &err),
             &err);
    keep_text(f, s2);
    check(f, b2.has && b2.value && i22.has && i22.value == -3 && i42.has && i42.value == 4);
    check(f, i82.has && i82.value == INT64_MIN && d2.has && d2.value == 0.25);
    check_text(f, s2, "text");
}

/* ---- C types --------------------------------------------------------------------------------- */

static void every_integer_of_c(fixture *f)
{
    exec(f, f->db, "create table {t} (n bigint)", NULL);
    exec(f, f->db, "insert into {t} values ($1)", tn_args((signed char)-1));
    exec(f, f->db, "insert into {t} values ($1)", tn_args((unsigned char)200));
    exec(f, f->db, "insert into {t} values ($1)", tn_args((short)-300));
    exec(f, f->db, "insert into {t} values ($1)", tn_args((unsigned short)65535));
    exec(f, f->db, "insert into {t} values ($1)", tn_args(-70000));
    exec(f, f->db, "insert into {t} values ($1)", tn_args(4000000000U));
    exec(f, f->db, "insert into {t} values ($1)", tn_args(-5L));
    exec(f, f->db, "insert into {t} values ($1)", tn_args(6UL));
    exec(f, f->db, "insert into {t} values ($1)", tn_args(-7LL));
    exec(f, f->db, "insert into {t} values ($1)", tn_args(8ULL));
    exec(f, f->db, "insert into {t} values ($1)", tn_args('a'));
    check_int(f, int_of(f, f->db, "select count(*) from {t}", NULL), 11);
    check_int(f, int_of(f, f->db, "select cast(sum(n) as bigint) from {t}", NULL),
              INT64_C(4000000000) - 1 + 200 - 300 + 65535 - 70000 - 5 + 6 - 7 + 8 + 'a');
}

static void uint64_that_fits(fixture *f)
{
    check_int(f, int_of(f, f->db, "select cast($1 as bigint)", tn_args((uint64_t)INT64_MAX)),
              INT64_MAX);
}

static void uint64_overflow(fixture *f)
{
    exec_fails(f, f->db, "select cast($1 as bigint)", tn_args(UINT64_MAX), TN_DATA, "22003");
}

static void integer_too_large_for_smallint(fixture *f)
{
    check_int(f, int_of(f, f->db, "select cast($1 as smallint)", tn_args(32767)), 32767);
    exec_fails(f, f->db, "select cast($1 as smallint)", tn_args(32768), TN_DATA, "22003");
    exec_fails(f, f->db, "select cast($1 as smallint)", tn_args(-32769), TN_DATA, "22003");
}

static void integer_too_large_for_integer(fixture *f)
{
    exec_fails(f, f->db, "select cast($1 as integer)", tn_args(INT64_C(2147483648)), TN_DATA,
               "22003");
}

static void integer_too_large_for_a_column(fixture *f)
{
    exec(f, f->db, "create table {t} (n smallint)", NULL);
    exec_fails(f, f->db, "insert into {t} values ($1)", tn_args(40000), TN_DATA, "22003");
    check_int(f, int_of(f, f->db, "select count(*) from {t}", NULL), 0);
}

static void true_is_an_int_in_c(fixture *f)
{
    exec(f, f->db, "create table {t} (b boolean)", NULL);
    exec(f, f->db, "insert into {t} values ($1), ($2)", tn_args(true, (bool)false));
    tn_rows *rows = query(f, f->db, "select b from {t} order by b", NULL);
    next(f, rows);
    check_int(f, tn_row_value(rows, 0)->type, TN_TYPE_BOOL);
    check(f, !tn_row_bool(rows, 0));
    next(f, rows);
    check(f, tn_row_bool(rows, 0));
    close_rows(f, rows);
}

static void text_into_an_integer(fixture *f)
{
    check_int(f, int_of(f, f->db, "select cast($1 as integer)", tn_args("-42")), -42);
    exec_fails(f, f->db, "select cast($1 as integer)", tn_args("forty"), TN_DATA, "22P02");
    exec_fails(f, f->db, "select cast($1 as integer)", tn_args(""), TN_DATA, "22P02");
}

static void text_into_a_uuid(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    tn_uuid id;
    char text[TN_UUID_TEXT_SIZE];

    check_ok(f,
             tn_get(f->db, "select cast($1 as uuid)",
                    tn_args("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"), tn_into(&id), &err),
             &err);
    check_text(f, tn_uuid_format(id, text), "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11");
    exec_fails(f, f->db, "select cast($1 as uuid)", tn_args("a0eebc99"), TN_DATA, "22P02");
}

static void text_into_a_timestamp(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    tn_time time = {0};

    check_ok(f,
             tn_get(f->db, "select cast($1 as timestamptz)", tn_args("2026-11-23 09:00:00+00"),
                    tn_into(&time), &err),
             &err);
    check_int(f, time.us, INT64_C(1795424400) * 1000000);
    exec_fails(f, f->db, "select cast($1 as timestamptz)", tn_args("soon"), TN_DATA, "22007");
}

static void integer_into_a_double(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    double d = 0;

    check_ok(f, tn_get(f->db, "select cast($1 as double precision)", tn_args(3), tn_into(&d), &err),
             &err);
    check(f, d == 3.0);
}

static void small_integer_into_bigint(fixture *f)
{
    check_int(f, int_of(f, f->db, "select cast($1 as bigint)", tn_args((int16_t)-9)), -9);
}

/* ---- texts and bytes ------------------------------------------------------------------------- */

static void zero_length_is_not_null(fixture *f)
{
    tn_bytes nothing = {.ptr = "", .len = 0};
    tn_bytes nowhere = {.ptr = NULL, .len = 0};
    tn_str no_text = {.ptr = NULL, .len = 0};

    exec(f, f->db, "create table {t} (s text, b bytea)", NULL);
    exec(f, f->db, "insert into {t} values ($1, $2)", tn_args("", nothing));
    exec(f, f->db, "insert into {t} values ($1, $2)", tn_args(no_text, nowhere));
    check_int(
        f, int_of(f, f->db, "select count(*) from {t} where s is not null and b is not null", NULL),
        2);
    tn_rows *rows = query(f, f->db, "select s, b from {t}", NULL);
    while (tn_next(rows)) {
        check(f, tn_row_str(rows, 0).len == 0 && tn_row_bytes(rows, 1).len == 0);
        check_int(f, tn_row_value(rows, 1)->type, TN_TYPE_BYTES);
    }
    close_rows(f, rows);
}

static void nul_in_text_is_refused(fixture *f)
{
    tn_str text = {.ptr = "a\0b", .len = 3};

    exec(f, f->db, "create table {t} (s text)", NULL);
    exec_fails(f, f->db, "insert into {t} values ($1)", tn_args(text), TN_DATA, "22021");
    check_int(f, int_of(f, f->db, "select count(*) from {t}", NULL), 0);
}

static void invalid_utf8_is_refused(fixture *f)
{
    static const char *const texts[] = {"\xff", "a\xc3", "\xc0\x80", "\xed\xa0\x80",
                                        "\xf5\x80\x80\x80"};

    for (size_t i = 0; i < SUITE_COUNT(texts); i++)
        exec_fails(f, f->db, "select cast($1 as text)", tn_args(texts[i]), TN_DATA, "22021");
}

static void large_text(fixture *f)
{
    size_t length = 1 << 20;
    char *text = room(f, length + 1);

    for (size_t i = 0; i < length; i++)
        text[i] = (char)('a' + i % 26);
    exec(f, f->db, "create table {t} (s text)", NULL);
    exec(f, f->db, "insert into {t} values ($1)", tn_args(text));
    tn_rows *rows = query(f, f->db, "select s, length(s) from {t}", NULL);
    next(f, rows);
    tn_str back = tn_row_str(rows, 0);
    check(f, back.len == length && memcmp(back.ptr, text, length) == 0 && !back.ptr[length]);
    check_int(f, tn_row_int64(rows, 1), (int64_t)length);
    close_rows(f, rows);
}

static void large_bytes(fixture *f)
{
    size_t length = 1 << 20;
    unsigned char *bytes = room(f, length);

    for (size_t i = 0; i < length; i++)
        bytes[i] = (unsigned char)(i * 7 + i / 256);
    exec(f, f->db, "create table {t} (b bytea)", NULL);
    exec(f, f->db, "insert into {t} values ($1)",
         tn_args(((tn_bytes){.ptr = bytes, .len = length})));
    tn_rows *rows = query(f, f->db, "select b from {t}", NULL);
    next(f, rows);
    tn_bytes back = tn_row_bytes(rows, 0);
    check(f, back.len == length && memcmp(back.ptr, bytes, length) == 0);
    close_rows(f, rows);
}

static void awkward_texts(fixture *f)
{
    static const char *const texts[] = {
        "'; drop table students; --", "back\\slash \\n \\' \\\\",      "\"double\" and ''single''",
        "tab\there\nnewline\r\n",     "$1 $2 {t} ? :name @x %s %n",    "äöü ß é ñ",
        "日本語 עברית العربية",       "🎉👩‍👩‍👧‍👦", "\x01\x1f\x7f",
        " leading and trailing ",     "\xef\xbf\xbd\xef\xbb\xbf",      "NULL",
    };

    exec(f, f->db, "create table {t} (n integer, s text)", NULL);
    for (size_t i = 0; i < SUITE_COUNT(texts); i++) {
        exec(f, f->db, "insert into {t} values ($1, $2)", tn_args((int)i, texts[i]));
        check_text(f, text_of(f, f->db, "select s from {t} where s = $1", tn_args(texts[i])),
                   texts[i]);
        check_text(f, text_of(f, f->db, "select cast($1 as text)", tn_args(texts[i])), texts[i]);
    }
}

static void every_byte(fixture *f)
{
    unsigned char bytes[256];

    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (unsigned char)i;
    tn_rows *rows = query(f, f->db, "select cast($1 as bytea)",
                          tn_args(((tn_bytes){.ptr = bytes, .len = sizeof(bytes)})));
    next(f, rows);
    tn_bytes back = tn_row_bytes(rows, 0);
    check(f, back.len == sizeof(bytes) && memcmp(back.ptr, bytes, sizeof(bytes)) == 0);
    close_rows(f, rows);
}

static void part_of_a_buffer(fixture *f)
{
    tn_str middle = {.ptr = &"abcdef"[2], .len = 3};

    check_text(f, text_of(f, f->db, "select cast($1 as text)", tn_args(middle)), "cde");
}

/* ---- many ------------------------------------------------------------------------------------ */

#define EIGHT(x) x, x + 1, x + 2, x + 3, x + 4, x + 5, x + 6, x + 7

/* "select cast($1 as integer) + ... + cast($n as integer)" */
static const char *sum_of(fixture *f, unsigned n)
{
    size_t size = 16 + (size_t)n * 32;
    char *text = room(f, size);
    size_t used = (size_t)snprintf(text, size, "select ");

    for (unsigned i = 1; i <= n; i++)
        used += (size_t)snprintf(text + used, size - used, "%scast($%u as integer)",
                                 i > 1 ? " + " : "", i);
    return text;
}

static void sixty_four_arguments(fixture *f)
{
    check_int(f,
              int_of(f, f->db, sum_of(f, 64),
                     tn_args(EIGHT(1), EIGHT(9), EIGHT(17), EIGHT(25), EIGHT(33), EIGHT(41),
                             EIGHT(49), EIGHT(57))),
              64 * 65 / 2);
}

static void two_hundred_arguments(fixture *f)
{
    tn_arg *args = room(f, 200 * sizeof(args[0]));
    tn_arglist list = {.items = args, .count = 200};

    for (int i = 0; i < 200; i++)
        args[i] = tn_arg_int32(i + 1);
    check_int(f, int_of(f, f->db, sum_of(f, 200), &list), 200 * 201 / 2);
    list.count = 199;
    exec_fails(f, f->db, sum_of(f, 200), &list, TN_PROTOCOL, "08P01");
}

static void arguments_from_another_row(fixture *f)
{
    exec(f, f->db, "create table {t} (n bigint, s text, d double precision)", NULL);
    exec(f, f->db, "create table {u} (n bigint, s text, d double precision)", NULL);
    exec(f, f->db, "insert into {t} values ($1, $2, $3)", tn_args(INT64_MAX, "héllo", 0.125));
    tn_rows *rows = query(f, f->db, "select n, s, d from {t}", NULL);
    next(f, rows);
    exec(f, f->db, "insert into {u} values ($1, $2, $3)",
         tn_args(tn_row_value(rows, 0), tn_row_value(rows, 1), tn_row_value(rows, 2)));
    close_rows(f, rows);
    check_int(f,
              int_of(f, f->db,
                     "select count(*) from {t} join {u} on {t}.n = {u}.n and {t}.s = {u}.s and "
                     "{t}.d = {u}.d",
                     NULL),
              1);
}

static void params_in_where_limit_and_in(fixture *f)
{
    exec(f, f->db, "create table {t} (n integer)", NULL);
    exec(f, f->db, "insert into {t} values (1), (2), (3), (4), (5)", NULL);
    check_int(f,
              int_of(f, f->db, "select n from {t} where n > $1 order by n limit $2 offset $3",
                     tn_args(1, INT64_C(1), INT64_C(2))),
              4);
    check_int(
        f, int_of(f, f->db, "select count(*) from {t} where n in ($1, $2, $3)", tn_args(1, 5, 9)),
        2);
    check_int(f,
              int_of(f, f->db, "select count(*) from {t} where n between $1 and $2", tn_args(2, 4)),
              3);
}

static void more_than_the_protocol_counts(fixture *f)
{
    enum { COUNT = 65536 };
    tn_arg *items = room(f, COUNT * sizeof(*items));
    tn_error err = TN_ERROR_INIT;

    for (size_t i = 0; i < COUNT; i++)
        items[i] = tn_arg_int32(1);
    check_error(f, tn_exec(f->db, "select $1", &(tn_arglist){items, COUNT}, NULL, &err), &err,
                TN_LIMIT, "54023");
}

static const suite_case cases[] = {
    CASE(more_than_the_protocol_counts, 0),
    CASE(order_is_by_number, TN_CAP_SQL),
    CASE(order_in_separate_columns, 0),
    CASE(one_argument_twice, TN_CAP_SQL),
    CASE(ten_is_not_one_and_a_zero, TN_CAP_SQL),
    CASE(too_few, 0),
    CASE(too_many, TN_CAP_SQL),
    CASE(wrong_number_runs_nothing, TN_CAP_SQL),
    CASE(gap_in_the_numbers, TN_CAP_SQL),
    CASE(zero_is_no_number, TN_CAP_SQL),
    CASE(not_in_a_string, TN_CAP_SQL),
    CASE(not_in_a_comment, TN_CAP_SQL),
    CASE(not_in_an_identifier, TN_CAP_SQL),
    CASE(not_in_a_dollar_quote, TN_CAP_SQL),
    CASE(null_of_every_type, 0),
    CASE(null_in_every_spelling, TN_CAP_SQL),
    CASE(optionals_with_a_value, 0),
    CASE(every_integer_of_c, TN_CAP_SQL),
    CASE(uint64_that_fits, 0),
    CASE(uint64_overflow, 0),
    CASE(integer_too_large_for_smallint, TN_CAP_SQL),
    CASE(integer_too_large_for_integer, TN_CAP_SQL),
    CASE(integer_too_large_for_a_column, TN_CAP_SQL | TN_CAP_PARAM_TYPES),
    CASE(true_is_an_int_in_c, TN_CAP_SQL),
    CASE(text_into_an_integer, TN_CAP_SQL),
    CASE(text_into_a_uuid, TN_CAP_SQL),
    CASE(text_into_a_timestamp, TN_CAP_SQL),
    CASE(integer_into_a_double, TN_CAP_SQL),
    CASE(small_integer_into_bigint, TN_CAP_SQL),
    CASE(zero_length_is_not_null, TN_CAP_SQL),
    CASE(nul_in_text_is_refused, TN_CAP_SQL),
    CASE(invalid_utf8_is_refused, 0),
    CASE(large_text, TN_CAP_SQL),
    CASE(large_bytes, TN_CAP_SQL),
    CASE(awkward_texts, TN_CAP_SQL),
    CASE(every_byte, 0),
    CASE(part_of_a_buffer, 0),
    CASE(sixty_four_arguments, TN_CAP_SQL),
    CASE(two_hundred_arguments, TN_CAP_SQL),
    CASE(arguments_from_another_row, TN_CAP_SQL),
    CASE(params_in_where_limit_and_in, TN_CAP_SQL),
};

GROUP(bind);
