/* SPDX-License-Identifier: MIT */
/* Many rows into a table: what goes in, what is refused, which row it was, and what is left. */
#include <string.h>

#include "suite.h"

#define NEEDS (TN_CAP_SQL | TN_CAP_TRANSACTIONS)

/* Rows of (id, name), given one by one; the bulk has ended when it returns. */
typedef struct pair {
    int64_t id;
    const char *name;
} pair;

static tn_status put(fixture *f, tn_db *db, const tn_bulk_options *options, const pair *rows,
                     size_t n, int64_t *ret_rows, tn_error *err)
{
    tn_bulk *bulk;

    tn_status status = tn_bulk_open(db, options, table_name(f, 't'), "id, name", &bulk, err);
    if (status != TN_OK)
        return status;
    for (size_t i = 0; i < n; i++)
        (void)tn_bulk_row(bulk, tn_args(rows[i].id, rows[i].name));
    return tn_bulk_finish(bulk, ret_rows, err);
}
#define PUT(f, db, options, rows, ret, err) \
    put(f, db, options, rows, sizeof(rows) / sizeof((rows)[0]), ret, err)

static void create_on(fixture *f, tn_db *db)
{
    exec(f, db, "create table {t} (id bigint primary key, name text)", NULL);
}

static void create(fixture *f)
{
    create_on(f, f->db);
}

static int64_t rows_in(fixture *f)
{
    return int_of(f, f->db, "select count(*) from {t}", NULL);
}

/* ---- what goes in ---------------------------------------------------------------------------- */

static void rows_go_in(fixture *f)
{
    const pair rows[] = {{1, "ann"}, {2, NULL}, {3, ""}, {-4, "a\tb\nc\\d\r\x01"}};
    tn_error err = TN_ERROR_INIT;
    int64_t n = -1;

    create(f);
    check_ok(f, PUT(f, f->db, NULL, rows, &n, &err), &err);
    check_int(f, n, 4);
    check_int(f, int_of(f, f->db, "select sum(id) from {t}", NULL), 2);
    check_int(f, int_of(f, f->db, "select count(*) from {t} where name is null", NULL), 1);
    check_int(f, int_of(f, f->db, "select count(*) from {t} where name = ''", NULL), 1);
    check_text(f, text_of(f, f->db, "select name from {t} where id = -4", NULL),
               "a\tb\nc\\d\r\x01");
}

static void no_rows_are_fine(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    int64_t n = -1;

    create(f);
    check_ok(f, put(f, f->db, NULL, NULL, 0, &n, &err), &err);
    check_int(f, n, 0);
    check_ok(f, tn_insert_many(f->db, NULL, table_name(f, 't'), "id, name", NULL, 0, 0, &n, &err),
             &err);
    check_int(f, n, 0);
}

static void create_typed(fixture *f)
{
    exec(f, f->db,
         "create table {t} (b boolean, i2 smallint, i4 integer, i8 bigint, f4 real,"
         " f8 double precision, n numeric, s text, x bytea, u uuid, tz timestamptz, ts timestamp,"
         " d date, ti time, iv interval, j json)",
         NULL);
}

#define TYPED "b, i2, i4, i8, f4, f8, n, s, x, u, tz, ts, d, ti, iv, j"

/* Every column as text, as the row of that number reads. */
static void check_typed(fixture *f, size_t expected_rows)
{
    static const char *const texts[] = {
        "t",
        "-32768",
        "2147483647",
        "-9223372036854775808",
        "1.5",
        "-0.1",
        "12.50",
        "gr\xc3\xbc\xc3\x9f",
        "\\x00ff5c",
        "7d444840-9dc0-11d1-b245-5ffdce74fad2",
        "2024-02-29 12:34:56.789+00",
        "2024-02-29 12:34:56",
        "2024-02-29",
        "23:59:59.5",
        "1 year 2 days 00:00:03",
        "{\"a\": 1}",
    };
    tn_rows *rows = query(f, f->db, "select " TYPED " from {t}", NULL);
    char text[64];

    for (size_t row = 0; row < expected_rows; row++) {
        next(f, rows);
        for (size_t i = 0; i < SUITE_COUNT(texts); i++) {
            const tn_value *value = tn_row_value(rows, i);
            tn_value_format(value, text, sizeof(text));
            check_text(f, text, texts[i]);
        }
    }
    check(f, !tn_next(rows));
    close_rows(f, rows);
}

static tn_status put_typed(tn_bulk *bulk)
{
    static const unsigned char bytes[] = {0, 0xff, 0x5c};
    tn_uuid uuid;
    tn_time tz;
    tn_timestamp ts;
    tn_date date;
    tn_timeofday time;

    if (!tn_uuid_parse(tn_str_from("7d444840-9dc0-11d1-b245-5ffdce74fad2"), &uuid) ||
        !tn_time_parse(tn_str_from("2024-02-29 12:34:56.789+00"), &tz) ||
        !tn_timestamp_parse(tn_str_from("2024-02-29 12:34:56"), &ts) ||
        !tn_date_parse(tn_str_from("2024-02-29"), &date) ||
        !tn_timeofday_parse(tn_str_from("23:59:59.5"), &time))
        return TN_MISUSE;
    const tn_numeric number = {"12.50", 5};
    const tn_bytes binary = {bytes, sizeof(bytes)};
    const tn_interval interval = {.months = 12, .days = 2, .us = 3000000};
    const tn_json json = {"{\"a\": 1}", 8};
    return tn_bulk_row(bulk, tn_args(true, (short)-32768, 2147483647, (int64_t)INT64_MIN, 1.5F,
                                     -0.1, number, "gr\xc3\xbc\xc3\x9f", binary, uuid, tz, ts, date,
                                     time, interval, json));
}

static tn_status put_texts(tn_bulk *bulk)
{
    return tn_bulk_row(
        bulk, tn_args("t", "-32768", "2147483647", "-9223372036854775808", "1.5", "-0.1", "12.50",
                      "gr\xc3\xbc\xc3\x9f", "\\x00ff5c", "7d444840-9dc0-11d1-b245-5ffdce74fad2",
                      "2024-02-29 12:34:56.789+00", "2024-02-29 12:34:56", "2024-02-29",
                      "23:59:59.5", "1 year 2 days 00:00:03", "{\"a\": 1}"));
}

/* which: a letter a row, v for values, t for texts. */
static void type_rows(fixture *f, const char *which)
{
    tn_error err = TN_ERROR_INIT;
    tn_bulk *bulk;
    int64_t n = 0;

    create_typed(f);
    check_ok(f, tn_bulk_open(f->db, NULL, table_name(f, 't'), TYPED, &bulk, &err), &err);
    for (const char *c = which; *c; c++)
        (void)(*c == 'v' ? put_typed(bulk) : put_texts(bulk));
    check_ok(f, tn_bulk_finish(bulk, &n, &err), &err);
    check_int(f, n, (int64_t)strlen(which));
    if (!has(f, TN_CAP_NUMERIC_EXACT)) /* trailing zeros are digits that it does not keep */
        exec(f, f->db, "update {t} set n = null where n <> 12.5", NULL);
    else
        check_typed(f, strlen(which));
}

static void every_type_as_value(fixture *f)
{
    type_rows(f, "v");
}

static void every_type_as_text(fixture *f)
{
    type_rows(f, "t");
}

static void values_and_texts_in_turn(fixture *f)
{
    type_rows(f, "vvtvttv");
}

static void nulls_of_every_type(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    tn_bulk *bulk;

    create_typed(f);
    check_ok(f, tn_bulk_open(f->db, NULL, table_name(f, 't'), TYPED, &bulk, &err), &err);
    (void)tn_bulk_row(bulk, tn_args(tn_null, tn_null, tn_null, tn_null, tn_null, tn_null, tn_null,
                                    tn_null, tn_null, tn_null, tn_null, tn_null, tn_null, tn_null,
                                    tn_null, tn_null));
    check_ok(f, tn_bulk_finish(bulk, NULL, &err), &err);
    check_int(
        f,
        int_of(f, f->db,
               "select count(*) from {t} where coalesce(b, false) is false and i2 is null and "
               "s is null and x is null and u is null and tz is null and j is null",
               NULL),
        1);
}

static void arrays_go_in(fixture *f)
{
    const int32_t numbers[] = {1, -2, 3};
    const char *const words[] = {"a b", NULL, "c\"d\\,"};
    tn_error err = TN_ERROR_INIT;
    tn_bulk *bulk;

    exec(f, f->db, "create table {t} (a integer[], w text[])", NULL);
    check_ok(f, tn_bulk_open(f->db, NULL, table_name(f, 't'), NULL, &bulk, &err), &err);
    (void)tn_bulk_row(bulk, tn_args(tn_array_of(numbers, 3), tn_array_of(words, 3)));
    (void)tn_bulk_row(bulk, tn_args("{1,-2,3}", "{\"a b\",NULL,\"c\\\"d\\\\,\"}"));
    check_ok(f, tn_bulk_finish(bulk, NULL, &err), &err);
    tn_rows *rows = query(f, f->db, "select a, w from {t}", NULL);
    for (int i = 0; i < 2; i++) {
        tn_array a, w;
        next(f, rows);
        check_int(f, tn_scan(rows, &a, &w), TN_OK);
        check(f, a.count == 3 && a.items[1].as.i == -2);
        check(f, w.count == 3 && w.items[1].type == TN_TYPE_NULL);
        check_str(f, ((tn_str){w.items[2].as.ptr, w.items[2].len}), "c\"d\\,");
    }
    close_rows(f, rows);
}

static void all_columns_in_their_order(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    tn_bulk *bulk;

    create(f);
    check_ok(f, tn_bulk_open(f->db, NULL, table_name(f, 't'), NULL, &bulk, &err), &err);
    (void)tn_bulk_row(bulk, tn_args(7, "seven"));
    check_ok(f, tn_bulk_finish(bulk, NULL, &err), &err);
    check_text(f, text_of(f, f->db, "select name from {t} where id = 7", NULL), "seven");
}

static void names_as_in_sql(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    tn_bulk *bulk;

    exec(f, f->db, "create table {t} (id integer, \"Full Name\" text, \"a\"\"b\" integer)", NULL);
    check_ok(f,
             tn_bulk_open(f->db, NULL, table_name(f, 't'),
                          " ID , /* x */ \"a\"\"b\",\n\"Full Name\" ", &bulk, &err),
             &err);
    (void)tn_bulk_row(bulk, tn_args(1, 2, "three"));
    check_ok(f, tn_bulk_finish(bulk, NULL, &err), &err);
    check_int(f, int_of(f, f->db, "select \"a\"\"b\" from {t} where \"Full Name\" = 'three'", NULL),
              2);
}

static void more_than_a_socket_holds(fixture *f)
{
    enum { ROWS = 20000 };
    tn_error err = TN_ERROR_INIT;
    char text[256];
    tn_bulk *bulk;
    int64_t n = 0;

    create(f);
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    check_ok(f, tn_bulk_open(f->db, NULL, table_name(f, 't'), "id, name", &bulk, &err), &err);
    for (int64_t i = 1; i <= ROWS; i++)
        if (tn_bulk_row(bulk, tn_args(i, text)) != TN_OK)
            break;
    check_ok(f, tn_bulk_finish(bulk, &n, &err), &err);
    check_int(f, n, ROWS);
    check_int(f, int_of(f, f->db, "select sum(id) from {t} where length(name) = 255", NULL),
              (int64_t)ROWS * (ROWS + 1) / 2);
}

static void one_large_value(fixture *f)
{
    enum { SIZE = 3 << 20 };
    tn_error err = TN_ERROR_INIT;
    char *text = room(f, SIZE + 1);
    tn_bulk *bulk;

    create(f);
    memset(text, '\\', SIZE);
    text[SIZE] = '\0';
    check_ok(f, tn_bulk_open(f->db, NULL, table_name(f, 't'), "id, name", &bulk, &err), &err);
    (void)tn_bulk_row(bulk, tn_args(1, text));
    (void)tn_bulk_row(bulk, tn_args("2", text));
    check_ok(f, tn_bulk_finish(bulk, NULL, &err), &err);
    check_int(f, int_of(f, f->db, "select sum(length(name)) from {t}", NULL), 2 * (int64_t)SIZE);
}

/* ---- what is refused ------------------------------------------------------------------------- */

static void only_names_are_taken(fixture *f)
{
    static const char *const tables[] = {"",      "a b",    "t; drop table t", "a.b.c.d", "\"\"",
                                         "'t'",   "a.",     "(select 1)",      "\"a",     "1a",
                                         "a\xff", "a--b\nc"};
    static const char *const columns[] = {"",         "id,",   "id,,name", "id name",
                                          "count(*)", "id; x", "\"id",     "*"};
    tn_error err = TN_ERROR_INIT;
    tn_bulk *bulk;

    create(f);
    for (size_t i = 0; i < SUITE_COUNT(tables); i++)
        check_error(f, tn_bulk_open(f->db, NULL, tables[i], "id", &bulk, &err), &err, TN_SYNTAX,
                    "42602");
    for (size_t i = 0; i < SUITE_COUNT(columns); i++)
        check_error(f, tn_bulk_open(f->db, NULL, table_name(f, 't'), columns[i], &bulk, &err), &err,
                    TN_SYNTAX, "42602");
    check_error(f, tn_bulk_open(f->db, NULL, table_name(f, 't'), "id, ID", &bulk, &err), &err,
                TN_SYNTAX, "42701");
    check_error(f, tn_bulk_open(f->db, NULL, table_name(f, 'u'), "id", &bulk, &err), &err,
                TN_SYNTAX, "42P01");
    check_error(f, tn_bulk_open(f->db, NULL, table_name(f, 't'), "id, nope", &bulk, &err), &err,
                TN_SYNTAX, "42703");
    check_int(f, rows_in(f), 0);
}

static void options_that_do_not_go_together(fixture *f)
{
    tn_bulk_options options = TN_BULK_OPTIONS_INIT;
    tn_error err = TN_ERROR_INIT;
    tn_bulk *bulk;

    create(f);
    options.conflict = TN_CONFLICT_UPDATE;
    check_error(f, tn_bulk_open(f->db, &options, table_name(f, 't'), "id", &bulk, &err), &err,
                TN_MISUSE, NULL);
    options.key = "name";
    check_error(f, tn_bulk_open(f->db, &options, table_name(f, 't'), "id", &bulk, &err), &err,
                TN_SYNTAX, "42703");
    options.conflict = TN_CONFLICT_FAIL;
    check_error(f, tn_bulk_open(f->db, &options, table_name(f, 't'), "id", &bulk, &err), &err,
                TN_MISUSE, NULL);
}

/* A bulk of (a smallint, b uuid, c integer not null check (c > 0)) whose third row is the one
 * given, with good ones around it. */
static void third_row(fixture *f, const tn_arglist *row, tn_status status, const char *sqlstate,
                      const char *column)
{
    const tn_arglist *good = tn_args(1, tn_null, 1);
    tn_error err = TN_ERROR_INIT;
    tn_bulk *bulk;

    exec(f, f->db,
         "create table {t} (a smallint, b uuid, c integer not null, check (c > 0),"
         " unique (a, c))",
         NULL);
    check_ok(f, tn_bulk_open(f->db, NULL, table_name(f, 't'), "a, b, c", &bulk, &err), &err);
    (void)tn_bulk_row(bulk, tn_args(5, tn_null, 5));
    (void)tn_bulk_row(bulk, good);
    (void)tn_bulk_row(bulk, row);
    (void)tn_bulk_row(bulk, tn_args(6, tn_null, 6));
    tn_status ended = tn_bulk_finish(bulk, NULL, &err);
    check_error(f, ended, &err, status, sqlstate);
    check_int(f, err.row, 3);
    check(f, strstr(err.message, "row 3") != NULL);
    if (column)
        check_text(f, err.column, column);
    check_int(f, rows_in(f), 0);
}

static void out_of_range_names_row_and_column(fixture *f)
{
    third_row(f, tn_args(40000, tn_null, 1), TN_DATA, "22003", "a");
}

static void wrong_type_names_row_and_column(fixture *f)
{
    third_row(f, tn_args(1, 2.5, 1), TN_DATA, "42804", "b");
}

static void malformed_text_names_row_and_column(fixture *f)
{
    third_row(f, tn_args(1, "no uuid", 1), TN_DATA, "22P02", "b");
}

static void out_of_range_text_names_row_and_column(fixture *f)
{
    third_row(f, tn_args("40000", tn_null, 1), TN_DATA, "22003", "a");
}

static void too_few_values_name_the_row(fixture *f)
{
    third_row(f, tn_args(1, tn_null), TN_PROTOCOL, "08P01", NULL);
}

static void not_null_names_the_row(fixture *f)
{
    third_row(f, tn_args(2, tn_null, tn_null), TN_CONSTRAINT, "23502", "c");
}

static void check_names_the_row(fixture *f)
{
    third_row(f, tn_args(2, tn_null, -1), TN_CONSTRAINT, "23514", NULL);
}

static void unique_names_the_row(fixture *f)
{
    third_row(f, tn_args(5, tn_null, 5), TN_CONSTRAINT, "23505", NULL);
}

static void a_foreign_key_fails_all(fixture *f)
{
    const pair rows[] = {{1, "a"}, {9, "b"}};
    tn_error err = TN_ERROR_INIT;

    exec(f, f->db, "create table {u} (id bigint primary key)", NULL);
    exec(f, f->db, "insert into {u} values (1)", NULL);
    exec(f, f->db, "create table {t} (id bigint references {u} (id), name text)", NULL);
    check_error(f, PUT(f, f->db, NULL, rows, NULL, &err), &err, TN_CONSTRAINT, "23503");
    check_int(f, rows_in(f), 0);
    exec(f, f->db, "drop table {t}", NULL);
}

static void what_is_there_already_fails_all(fixture *f)
{
    const pair rows[] = {{2, "b"}, {1, "again"}, {3, "c"}};
    tn_error err = TN_ERROR_INIT;

    create(f);
    exec(f, f->db, "insert into {t} values (1, 'a')", NULL);
    check_error(f, PUT(f, f->db, NULL, rows, NULL, &err), &err, TN_CONSTRAINT, "23505");
    check_int(f, err.row, 2);
    check_int(f, rows_in(f), 1);
}

static void errors_are_sticky(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    tn_bulk *bulk;

    create(f);
    check_ok(f, tn_bulk_open(f->db, NULL, table_name(f, 't'), "id, name", &bulk, &err), &err);
    tn_status good = tn_bulk_status(bulk, &err);
    tn_status first = tn_bulk_row(bulk, tn_args(2.5, "x"));
    tn_status second = tn_bulk_row(bulk, tn_args(1, "x"));
    tn_status kept = tn_bulk_status(bulk, &err);
    tn_status end = tn_bulk_finish(bulk, NULL, &err);
    check_int(f, good, TN_OK);
    check_int(f, first, TN_DATA);
    check_int(f, second, TN_DATA);
    check_int(f, kept, TN_DATA);
    check_error(f, end, &err, TN_DATA, "42804");
    check_int(f, err.row, 1);
    check_int(f, rows_in(f), 0);
}

/* ---- conflicts ------------------------------------------------------------------------------- */

static void ignored_conflicts(fixture *f)
{
    const pair rows[] = {{1, "new"}, {2, "first"}, {2, "second"}, {3, "c"}};
    tn_bulk_options options = TN_BULK_OPTIONS_INIT;
    tn_error err = TN_ERROR_INIT;
    int64_t n = 0;

    create(f);
    exec(f, f->db, "insert into {t} values (1, 'old')", NULL);
    options.conflict = TN_CONFLICT_IGNORE;
    check_ok(f, PUT(f, f->db, &options, rows, &n, &err), &err);
    check_int(f, n, 2);
    check_text(f, text_of(f, f->db, "select name from {t} where id = 1", NULL), "old");
    check_text(f, text_of(f, f->db, "select name from {t} where id = 2", NULL), "first");
    check_int(f, rows_in(f), 3);
}

static void replacing_conflicts(fixture *f)
{
    const pair rows[] = {{1, "new"}, {2, "first"}, {2, "second"}, {3, NULL}};
    tn_bulk_options options = TN_BULK_OPTIONS_INIT;
    tn_error err = TN_ERROR_INIT;

    create(f);
    exec(f, f->db, "insert into {t} values (1, 'old'), (9, 'kept')", NULL);
    options.conflict = TN_CONFLICT_UPDATE;
    options.key = "id";
    check_ok(f, PUT(f, f->db, &options, rows, NULL, &err), &err);
    check_text(f, text_of(f, f->db, "select name from {t} where id = 1", NULL), "new");
    check_text(f, text_of(f, f->db, "select name from {t} where id = 2", NULL), "second");
    check_int(f, int_of(f, f->db, "select count(*) from {t} where id = 3 and name is null", NULL),
              1);
    check_int(f, rows_in(f), 4);
}

static void null_is_no_key(fixture *f)
{
    tn_bulk_options options = TN_BULK_OPTIONS_INIT;
    tn_error err = TN_ERROR_INIT;
    tn_bulk *bulk;
    int64_t n = 0;

    exec(f, f->db, "create table {t} (a integer, b integer, n integer, unique (a, b))", NULL);
    options.conflict = TN_CONFLICT_UPDATE;
    options.key = "b, a";
    check_ok(f, tn_bulk_open(f->db, &options, table_name(f, 't'), "a, b, n", &bulk, &err), &err);
    for (int i = 0; i < 3; i++)
        (void)tn_bulk_row(bulk, tn_args(1, tn_null, i));
    check_ok(f, tn_bulk_finish(bulk, &n, &err), &err);
    check_int(f, n, 3);
    check_int(f, rows_in(f), 3);
}

static void a_key_that_is_none(fixture *f)
{
    tn_bulk_options options = TN_BULK_OPTIONS_INIT;
    tn_error err = TN_ERROR_INIT;
    tn_bulk *bulk;

    create(f);
    options.conflict = TN_CONFLICT_UPDATE;
    options.key = "name";
    check_error(f, tn_bulk_open(f->db, &options, table_name(f, 't'), "id, name", &bulk, &err), &err,
                TN_SYNTAX, "42P10");
}

static void other_constraints_still_fail(fixture *f)
{
    const pair rows[] = {{1, "a"}, {2, NULL}};
    tn_bulk_options options = TN_BULK_OPTIONS_INIT;
    tn_error err = TN_ERROR_INIT;

    exec(f, f->db, "create table {t} (id bigint primary key, name text not null)", NULL);
    options.conflict = TN_CONFLICT_IGNORE;
    check_error(f, PUT(f, f->db, &options, rows, NULL, &err), &err, TN_CONSTRAINT, "23502");
    options.conflict = TN_CONFLICT_UPDATE;
    options.key = "id";
    check_error(f, PUT(f, f->db, &options, rows, NULL, &err), &err, TN_CONSTRAINT, "23502");
    check_int(f, rows_in(f), 0);
}

/* ---- transactions ---------------------------------------------------------------------------- */

static void within_a_transaction(fixture *f)
{
    const pair good[] = {{1, "a"}, {2, "b"}}, bad[] = {{3, "c"}, {1, "again"}};
    tn_error err = TN_ERROR_INIT;

    create(f);
    tn_db *tx = begin(f, f->db);
    check_ok(f, PUT(f, tx, NULL, good, NULL, &err), &err);
    check_error(f, PUT(f, tx, NULL, bad, NULL, &err), &err, TN_CONSTRAINT, "23505");
    exec(f, tx, "insert into {t} values (4, 'd')", NULL);
    check_int(f, int_of(f, tx, "select sum(id) from {t}", NULL), 7);
    rollback(f, tx);
    check_int(f, rows_in(f), 0);
    tx = begin(f, f->db);
    check_ok(f, PUT(f, tx, NULL, good, NULL, &err), &err);
    commit(f, tx);
    check_int(f, rows_in(f), 2);
}

static void on_a_session(fixture *f)
{
    const pair rows[] = {{1, "a"}};
    tn_error err = TN_ERROR_INIT;

    create(f);
    tn_db *session = acquire(f, f->db);
    check_ok(f, PUT(f, session, NULL, rows, NULL, &err), &err);
    check_int(f, int_of(f, session, "select count(*) from {t}", NULL), 1);
    release(f, session);
}

static void abandoned_without_a_trace(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    tn_bulk *bulk;

    tn_db *client = open_pool(f, "1", "1000");
    create_on(f, client);
    for (int rows = 0; rows < 3; rows++) {
        check_ok(f, tn_bulk_open(client, NULL, table_name(f, 't'), "id, name", &bulk, &err), &err);
        for (int i = 0; i < rows; i++)
            (void)tn_bulk_row(bulk, tn_args(i, "x"));
        tn_bulk_abandon(bulk);
        check_int(f, int_of(f, client, "select count(*) from {t}", NULL), 0);
    }
    tn_bulk_abandon(NULL);
}

static void its_handle_waits_for_it(fixture *f)
{
    tn_error err = TN_ERROR_INIT, why = TN_ERROR_INIT;
    tn_bulk *bulk;

    create(f);
    tn_db *tx = begin(f, f->db);
    check_ok(f, tn_bulk_open(tx, NULL, table_name(f, 't'), "id, name", &bulk, &err), &err);
    (void)tn_bulk_row(bulk, tn_args(1, "x"));
    tn_status meanwhile = tn_exec(tx, "select 1", NULL, NULL, &why);
    tn_status end = tn_bulk_finish(bulk, NULL, &err);
    check_int(f, meanwhile, TN_MISUSE);
    check_ok(f, end, &err);
    commit(f, tx);
    check_int(f, rows_in(f), 1);
}

static void the_transaction_ends_before_it(fixture *f)
{
    tn_error err = TN_ERROR_INIT, why = TN_ERROR_INIT;
    tn_bulk *bulk;

    create(f);
    for (int rows = 0; rows < 2; rows++) {
        tn_db *tx = begin(f, f->db);
        check_ok(f, tn_bulk_open(tx, NULL, table_name(f, 't'), "id, name", &bulk, &err), &err);
        for (int i = 0; i < rows; i++)
            (void)tn_bulk_row(bulk, tn_args(1, "x"));
        rollback(f, tx);
        tn_status row = tn_bulk_row(bulk, tn_args(2, "y"));
        tn_status end = tn_bulk_finish(bulk, NULL, &why);
        check_int(f, row, TN_MISUSE);
        check_int(f, end, TN_MISUSE);
        check_int(f, rows_in(f), 0);
    }
}

static void the_session_ends_before_it(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    tn_bulk *bulk;

    tn_db *client = open_pool(f, "1", "1000");
    create_on(f, client);
    tn_db *session = acquire(f, client);
    check_ok(f, tn_bulk_open(session, NULL, table_name(f, 't'), "id, name", &bulk, &err), &err);
    (void)tn_bulk_row(bulk, tn_args(1, "x"));
    release(f, session);
    tn_bulk_abandon(bulk);
    check_int(f, int_of(f, client, "select count(*) from {t}", NULL), 0);
}

static void refused_where_nothing_may_be_written(fixture *f)
{
    const pair rows[] = {{1, "a"}};
    tn_txn_options options = TN_TXN_OPTIONS_INIT;
    tn_error err = TN_ERROR_INIT;

    create(f);
    options.read_only = true;
    tn_db *tx = begin_with(f, f->db, &options);
    check_error(f, PUT(f, tx, NULL, rows, NULL, &err), &err, TN_READ_ONLY, "25006");
    rollback(f, tx);
}

/* ---- how far, how long ----------------------------------------------------------------------- */

typedef struct watcher {
    int64_t rows, bytes;
    int calls;
    int stop_at; /* call; 0: never */
    tn_db *cancel;
    int sleep;
} watcher;

static bool watch(void *arg, const tn_bulk_progress *progress)
{
    watcher *w = arg;

    w->calls++;
    w->rows = progress->rows;
    w->bytes = progress->bytes;
    if (w->cancel)
        tn_cancel(w->cancel);
    sleep_ms(w->sleep);
    return w->calls != w->stop_at;
}

/* Ten rows, the progress told every second one. */
static tn_status watched(fixture *f, tn_db *db, watcher *w, int64_t timeout_ms, tn_error *err)
{
    tn_bulk_options options = TN_BULK_OPTIONS_INIT;
    pair rows[10];

    for (size_t i = 0; i < SUITE_COUNT(rows); i++)
        rows[i] = (pair){(int64_t)i, "four"};
    options.progress = watch;
    options.progress_arg = w;
    options.progress_rows = 2;
    options.timeout_ms = timeout_ms;
    return PUT(f, db, &options, rows, NULL, err);
}

static void progress_is_told(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    watcher w = {0};

    create(f);
    check_ok(f, watched(f, f->db, &w, 0, &err), &err);
    check_int(f, w.rows, 10);
    check_int(f, w.bytes, 10 * (8 + 4));
    check(f, w.calls >= 5);
}

static void progress_ends_it(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    watcher w = {.stop_at = 2};

    create(f);
    check_error(f, watched(f, f->db, &w, 0, &err), &err, TN_CANCELLED, "57014");
    check_int(f, w.rows, 4);
    check_int(f, rows_in(f), 0);
}

static void cancelled_from_elsewhere(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    watcher w = {0};

    tn_db *client = open_pool(f, "1", "1000");
    create_on(f, client);
    w.cancel = client;
    check_error(f, watched(f, client, &w, 0, &err), &err, TN_CANCELLED, "57014");
    check_int(f, int_of(f, client, "select count(*) from {t}", NULL), 0);
}

static void its_time_passes(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    watcher w = {.sleep = 60};

    tn_db *client = open_pool(f, "1", "1000");
    create_on(f, client);
    check_error(f, watched(f, client, &w, 50, &err), &err, TN_TIMEOUT, "57014");
    check_int(f, int_of(f, client, "select count(*) from {t}", NULL), 0);
}

/* ---- rows at hand ---------------------------------------------------------------------------- */

static void insert_many(fixture *f)
{
    tn_arg values[] = {tn_arg_int64(1),   tn_arg_text("ann"), tn_arg_int64(2),
                       tn_arg_text(NULL), tn_arg_int64(3),    tn_arg_text("carl")};
    tn_error err = TN_ERROR_INIT;
    int64_t n = 0;

    create(f);
    for (int i = 0; i < 3; i++) {
        check_ok(
            f, tn_insert_many(f->db, NULL, table_name(f, 't'), "id, name", values, 2, 3, &n, &err),
            &err);
        check_int(f, n, 3);
        for (size_t k = 0; k < 6; k += 2)
            values[k] = tn_arg_int64(10 * (i + 1) + (int64_t)k);
    }
    check_int(f, rows_in(f), 9);
    values[2] = tn_arg_int64(1);
    check_error(f,
                tn_insert_many(f->db, NULL, table_name(f, 't'), "id, name", values, 2, 3, &n, &err),
                &err, TN_CONSTRAINT, "23505");
    check_int(f, err.row, 2);
    check_int(f, n, 3);
    check_error(f, tn_insert_many(f->db, NULL, table_name(f, 't'), "id", values, 2, 3, &n, &err),
                &err, TN_PROTOCOL, "08P01");
    check_error(f, tn_insert_many(f->db, NULL, table_name(f, 't'), "id", NULL, 1, 1, &n, &err),
                &err, TN_MISUSE, NULL);
    check_int(f, rows_in(f), 9);
}

/* What is known of the table is a statement of its first time. */
static void insert_many_after_the_table_changed(fixture *f)
{
    const tn_arg number = tn_arg_int32(1), text = tn_arg_text("now a text");
    tn_error err = TN_ERROR_INIT;

    tn_db *client = open_pool(f, "1", "1000");
    exec(f, client, "create table {t} (a integer)", NULL);
    check_ok(f, tn_insert_many(client, NULL, table_name(f, 't'), "a", &number, 1, 1, NULL, &err),
             &err);
    exec(f, client, "drop table {t}", NULL);
    exec(f, client, "create table {t} (a text)", NULL);
    check_ok(f, tn_insert_many(client, NULL, table_name(f, 't'), "a", &text, 1, 1, NULL, &err),
             &err);
    check_text(f, text_of(f, client, "select a from {t}", NULL), "now a text");
}

/* Without SQL there is nothing to write into, and that is said. */
static void refused_without_sql(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    tn_bulk *bulk;

    if (has(f, TN_CAP_SQL))
        skip(f, "the driver has SQL");
    check(f, tn_bulk_open(f->db, NULL, "t", "a", &bulk, &err) != TN_OK);
    check(f, err.message[0] != '\0');
}

static const suite_case cases[] = {
    CASE(rows_go_in, NEEDS),
    CASE(no_rows_are_fine, NEEDS),
    CASE(every_type_as_value, NEEDS),
    CASE(every_type_as_text, NEEDS),
    CASE(values_and_texts_in_turn, NEEDS),
    CASE(nulls_of_every_type, NEEDS),
    CASE(arrays_go_in, NEEDS | TN_CAP_ARRAYS),
    CASE(all_columns_in_their_order, NEEDS),
    CASE(names_as_in_sql, NEEDS),
    CASE(more_than_a_socket_holds, NEEDS),
    CASE(one_large_value, NEEDS),
    CASE(only_names_are_taken, NEEDS),
    CASE(options_that_do_not_go_together, NEEDS),
    CASE(out_of_range_names_row_and_column, NEEDS),
    CASE(wrong_type_names_row_and_column, NEEDS),
    CASE(malformed_text_names_row_and_column, NEEDS),
    CASE(out_of_range_text_names_row_and_column, NEEDS),
    CASE(too_few_values_name_the_row, NEEDS),
    CASE(not_null_names_the_row, NEEDS),
    CASE(check_names_the_row, NEEDS),
    CASE(unique_names_the_row, NEEDS),
    CASE(a_foreign_key_fails_all, NEEDS),
    CASE(what_is_there_already_fails_all, NEEDS),
    CASE(errors_are_sticky, NEEDS),
    CASE(ignored_conflicts, NEEDS),
    CASE(replacing_conflicts, NEEDS),
    CASE(null_is_no_key, NEEDS),
    CASE(a_key_that_is_none, NEEDS),
    CASE(other_constraints_still_fail, NEEDS),
    CASE(within_a_transaction, NEEDS | TN_CAP_SAVEPOINTS),
    CASE(on_a_session, NEEDS),
    CASE(abandoned_without_a_trace, NEEDS),
    CASE(its_handle_waits_for_it, NEEDS | TN_CAP_SAVEPOINTS),
    CASE(the_transaction_ends_before_it, NEEDS | TN_CAP_SAVEPOINTS),
    CASE(the_session_ends_before_it, NEEDS),
    CASE(refused_where_nothing_may_be_written, NEEDS | TN_CAP_SAVEPOINTS),
    CASE(progress_is_told, NEEDS),
    CASE(progress_ends_it, NEEDS),
    CASE(cancelled_from_elsewhere, NEEDS),
    CASE(its_time_passes, NEEDS),
    CASE(insert_many, NEEDS),
    CASE(insert_many_after_the_table_changed, NEEDS),
    CASE(refused_without_sql, 0),
};

GROUP(bulk);
