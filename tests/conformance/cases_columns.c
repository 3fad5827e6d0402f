/* SPDX-License-Identifier: MIT */
/* What a column's declared type makes of the values of a bulk: rounded, cut, padded, refused. */
#include <stdio.h>
#include <string.h>

#include "suite.h"

#define NEEDS (TN_CAP_SQL | TN_CAP_TRANSACTIONS)

/* One row of one column of that type: the value as it is read then, or NULL with the error. */
static const char *held(fixture *f, const char *type, const tn_arglist *value, tn_error *err)
{
    char *text = room(f, 512);
    tn_bulk *bulk;

    exec(f, f->db, "drop table if exists {t}", NULL);
    snprintf(text, 64, "create table {t} (a %s)", type);
    exec(f, f->db, text, NULL);
    check_ok(f, tn_bulk_open(f->db, NULL, table_name(f, 't'), "a", &bulk, err), err);
    (void)tn_bulk_row(bulk, tn_args(tn_null));
    for (int i = 0; i < 2; i++) /* the driver's second row takes another way than its first */
        (void)tn_bulk_row(bulk, value);
    if (tn_bulk_finish(bulk, NULL, err) != TN_OK)
        return NULL;
    check_int(f, int_of(f, f->db, "select count(*) from {t} where a is not null", NULL), 2);
    tn_rows *rows = query(f, f->db, "select a from {t} where a is not null", NULL);
    for (int i = 0; i < 2; i++) {
        next(f, rows);
        tn_value_format(tn_row_value(rows, 0), text + 256 * i, 256);
    }
    close_rows(f, rows);
    check_text(f, text, text + 256);
    return text;
}

static void holds(fixture *f, const char *type, const tn_arglist *value, const char *expected)
{
    tn_error err = TN_ERROR_INIT;
    const char *text = held(f, type, value, &err);

    if (!text)
        fail(f, "%s refused: %s", type, err.message);
    check_text(f, text, expected);
}

static void holds_not(fixture *f, const char *type, const tn_arglist *value, const char *sqlstate)
{
    tn_error err = TN_ERROR_INIT;
    const char *text = held(f, type, value, &err);

    if (text)
        fail(f, "%s took %s", type, text);
    check_error(f, err.status, &err, TN_DATA, sqlstate);
    check_int(f, err.row, 2);
    check_text(f, err.column, "a");
    check(f, strstr(err.message, "row 2, column \"a\"") != NULL);
    check_int(f, int_of(f, f->db, "select count(*) from {t}", NULL), 0);
}

static void numbers_are_rounded_to_their_scale(fixture *f)
{
    const tn_numeric small = {"0.005", 5}, large = {"1e30", 4};

    holds(f, "numeric(6,2)", tn_args("1234.565"), "1234.57");
    holds(f, "numeric(6,2)", tn_args("-1234.565"), "-1234.57");
    holds(f, "numeric(6,2)", tn_args("1234.5649999999999999999"), "1234.56");
    holds(f, "numeric(6,2)", tn_args("9999.994"), "9999.99");
    holds(f, "numeric(6,2)", tn_args(7), "7.00");
    holds(f, "numeric(6,2)", tn_args(2.5), "2.50");
    holds(f, "numeric(6,2)", tn_args(small), "0.01");
    holds(f, "numeric(6,2)", tn_args("-0.004"), "0.00");
    holds(f, "numeric(6,2)", tn_args("1.2e2"), "120.00");
    holds(f, "numeric(3)", tn_args("99.5"), "100");
    holds(f, "numeric(2,2)", tn_args("0.994"), "0.99");
    holds_not(f, "numeric(6,2)", tn_args("12345.6"), "22003");
    holds_not(f, "numeric(6,2)", tn_args((int64_t)16777217), "22003");
    holds_not(f, "numeric(6,2)", tn_args(-10000.0), "22003");
    holds_not(f, "numeric(6,2)", tn_args("9999.995"), "22003");
    holds_not(f, "numeric(6,2)", tn_args(large), "22003");
    holds_not(f, "numeric(3)", tn_args("999.5"), "22003");
    holds_not(f, "numeric(2,2)", tn_args(1), "22003");
    holds_not(f, "numeric(6,2)", tn_args("Infinity"), "22003");
    holds_not(f, "numeric(6,2)", tn_args("many"), "22P02");
}

static void texts_are_as_long_as_declared(fixture *f)
{
    holds(f, "varchar(3)", tn_args("abc"), "abc");
    holds(f, "varchar(3)", tn_args("a "), "a ");
    holds(f, "varchar(3)", tn_args("ab     "), "ab ");
    holds(f, "varchar(3)", tn_args(""), "");
    holds(f, "character varying(3)", tn_args("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"),
          "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");
    holds(f, "varchar", tn_args("abcdef"), "abcdef");
    holds(f, "char(3)", tn_args("abc"), "abc");
    holds(f, "char(3)", tn_args("a"), "a  ");
    holds(f, "char(3)", tn_args(""), "   ");
    holds(f, "char(3)", tn_args("\xc3\xa4\xc3\xb6"), "\xc3\xa4\xc3\xb6 ");
    holds(f, "char(3)", tn_args("abc  "), "abc");
    holds(f, "char", tn_args("x"), "x");
    holds_not(f, "varchar(3)", tn_args("abcd"), "22001");
    holds_not(f, "varchar(3)", tn_args("ab   c"), "22001");
    holds_not(f, "varchar(3)", tn_args("\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"), "22001");
    holds_not(f, "char(3)", tn_args("abcd"), "22001");
    holds_not(f, "char", tn_args("xy"), "22001");
}

static void generated_columns_are_refused(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    tn_bulk *bulk;

    exec(f, f->db, "create table {t} (id bigint, twice bigint generated always as (id * 2) stored)",
         NULL);
    check_error(f, tn_bulk_open(f->db, NULL, table_name(f, 't'), "id, twice", &bulk, &err), &err,
                TN_SYNTAX, "428C9");
    check(f, strstr(err.message, "cannot insert a non-DEFAULT value into column \"twice\""));
    exec_fails(f, f->db, "insert into {t} (twice) values (1)", NULL, TN_SYNTAX, "428C9");
    exec_fails(f, f->db, "update {t} set twice = 1", NULL, TN_SYNTAX, "428C9");
    check_ok(f, tn_bulk_open(f->db, NULL, table_name(f, 't'), "id", &bulk, &err), &err);
    (void)tn_bulk_row(bulk, tn_args(21));
    check_ok(f, tn_bulk_finish(bulk, NULL, &err), &err);
    check_int(f, int_of(f, f->db, "select twice from {t}", NULL), 42);
}

static const suite_case cases[] = {
    CASE(numbers_are_rounded_to_their_scale, NEEDS),
    CASE(texts_are_as_long_as_declared, NEEDS),
    CASE(generated_columns_are_refused, NEEDS),
};
GROUP(columns);
