/* SPDX-License-Identifier: MIT */
/* Statements for their effect: counts, empty texts, one statement a call, tn_get(). */
#include <string.h>

#include "suite.h"

static void insert_counts_rows(fixture *f)
{
    exec(f, f->db, "create table {t} (n integer)", NULL);
    check_int(f, affected(f, f->db, "insert into {t} values (1)", NULL), 1);
    check_int(f, affected(f, f->db, "insert into {t} values (2), (3), (4)", NULL), 3);
    check_int(f, affected(f, f->db, "insert into {t} select n + 10 from {t} where n > 2", NULL), 2);
}

static void update_counts_rows(fixture *f)
{
    exec(f, f->db, "create table {t} (n integer)", NULL);
    exec(f, f->db, "insert into {t} values (1), (2), (3)", NULL);
    check_int(f, affected(f, f->db, "update {t} set n = n + 1 where n >= 2", NULL), 2);
    check_int(f, affected(f, f->db, "update {t} set n = n", NULL), 3);
    check_int(f, affected(f, f->db, "update {t} set n = 0 where n = 99", NULL), 0);
}

static void delete_counts_rows(fixture *f)
{
    exec(f, f->db, "create table {t} (n integer)", NULL);
    exec(f, f->db, "insert into {t} values (1), (2), (3)", NULL);
    check_int(f, affected(f, f->db, "delete from {t} where n = 99", NULL), 0);
    check_int(f, affected(f, f->db, "delete from {t} where n < 3", NULL), 2);
    check_int(f, affected(f, f->db, "delete from {t}", NULL), 1);
}

static void cascades_are_not_counted(fixture *f)
{
    exec(f, f->db, "create table {t} (id integer primary key)", NULL);
    exec(f, f->db, "create table {u} (id integer references {t} (id) on delete cascade)", NULL);
    exec(f, f->db, "insert into {t} values (1), (2)", NULL);
    exec(f, f->db, "insert into {u} values (1), (1), (1), (2)", NULL);
    check_int(f, affected(f, f->db, "delete from {t} where id = 1", NULL), 1);
    check_int(f, int_of(f, f->db, "select count(*) from {u}", NULL), 1);
}

static void ddl_counts_nothing(fixture *f)
{
    exec(f, f->db, "create table {u} (n integer)", NULL);
    exec(f, f->db, "insert into {u} values (1), (2)", NULL);
    check_int(f, affected(f, f->db, "create table {t} (n integer)", NULL), 0);
    check_int(f, affected(f, f->db, "create index {t}_n on {t} (n)", NULL), 0);
    check_int(f, affected(f, f->db, "drop table {t}", NULL), 0);
}

static void on_conflict_do_nothing(fixture *f)
{
    exec(f, f->db, "create table {t} (id integer primary key)", NULL);
    check_int(f, affected(f, f->db, "insert into {t} values (1) on conflict do nothing", NULL), 1);
    check_int(f, affected(f, f->db, "insert into {t} values (1) on conflict do nothing", NULL), 0);
}

static void on_conflict_do_update(fixture *f)
{
    static const char upsert[] = "insert into {t} (id, n) values ($1, $2) "
                                 "on conflict (id) do update set n = {t}.n + excluded.n";

    exec(f, f->db, "create table {t} (id integer primary key, n integer)", NULL);
    check_int(f, affected(f, f->db, upsert, tn_args(1, 10)), 1);
    check_int(f, affected(f, f->db, upsert, tn_args(1, 5)), 1);
    check_int(f, int_of(f, f->db, "select n from {t} where id = 1", NULL), 15);
}

static void returning_gives_rows_and_a_count(fixture *f)
{
    exec(f, f->db, "create table {t} (id integer primary key, name text)", NULL);
    tn_rows *rows = query(
        f, f->db, "insert into {t} values (1, 'a'), (2, 'b') returning id, name as label", NULL);
    check_int(f, (int64_t)tn_rows_columns(rows), 2);
    check_text(f, tn_rows_column(rows, 1)->name, "label");
    next(f, rows);
    check_int(f, tn_row_int64(rows, 0), 1);
    next(f, rows);
    check_str(f, tn_row_str(rows, 1), "b");
    check(f, !tn_next(rows));
    check_int(f, tn_rows_affected(rows), 2);
    close_rows(f, rows);
    check_int(f, affected(f, f->db, "update {t} set name = 'c' returning id", NULL), 2);
    check_int(f, affected(f, f->db, "delete from {t} where id = 1 returning id", NULL), 1);
}

static void returning_into_variables(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    int64_t id = 0;

    exec(f, f->db, "create table {t} (id bigint primary key, name text)", NULL);
    check_ok(f,
             tn_get(f->db, sql(f, "insert into {t} values ($1, $2) returning id"),
                    tn_args(INT64_C(5000000000), "x"), tn_into(&id), &err),
             &err);
    check_int(f, id, INT64_C(5000000000));
    check_int(f, int_of(f, f->db, "select count(*) from {t}", NULL), 1);
}

static void returning_unread_is_still_done(fixture *f)
{
    exec(f, f->db, "create table {t} (n integer)", NULL);
    tn_rows *rows = query(f, f->db, "insert into {t} values (1), (2), (3) returning n", NULL);
    next(f, rows);
    close_rows(f, rows);
    check_int(f, int_of(f, f->db, "select count(*) from {t}", NULL), 3);
}

static void empty_text(fixture *f)
{
    check_int(f, affected(f, f->db, "", NULL), 0);
    check_int(f, affected(f, f->db, "  \n\t ", NULL), 0);
}

static void comments_only(fixture *f)
{
    check_int(f, affected(f, f->db, "-- nothing", NULL), 0);
    check_int(f, affected(f, f->db, "/* nothing $1; */", NULL), 0);
}

static void empty_text_as_query(fixture *f)
{
    tn_rows *rows = query(f, f->db, "-- nothing", NULL);

    check_int(f, (int64_t)tn_rows_columns(rows), 0);
    check(f, !tn_next(rows));
    close_rows(f, rows);
}

static void trailing_semicolon(fixture *f)
{
    check_int(f, int_of(f, f->db, "select 4;", NULL), 4);
    check_int(f, int_of(f, f->db, "select 5 ; -- done\n", NULL), 5);
}

static void comments_around(fixture *f)
{
    check_int(f, int_of(f, f->db, "/* a */ select /* b */ 6 -- c", NULL), 6);
    check_int(f, int_of(f, f->db, "-- first\nselect 7", NULL), 7);
}

static void two_statements_refused(fixture *f)
{
    exec(f, f->db, "create table {t} (n integer)", NULL);
    exec_fails(f, f->db, "insert into {t} values (1); insert into {t} values (2)", NULL, TN_SYNTAX,
               "42601");
    check_int(f, int_of(f, f->db, "select count(*) from {t}", NULL), 0);
}

static void two_statements_refused_in_query(fixture *f)
{
    close_fails(f, query(f, f->db, "select 1; select 2", NULL), TN_SYNTAX, "42601");
}

static void rows_of_exec_are_thrown_away(fixture *f)
{
    tn_db *client = open_pool(f, "1", "5000");

    exec(f, client, COUNT_TO("1000") "select n from s", NULL);
    check_int(f, int_of(f, client, "select 1", NULL), 1);
}

static void long_statement_text(fixture *f)
{
    size_t length = 200000;
    char *text = room(f, length + 32);

    memset(text, ' ', length);
    memcpy(text, "select ", 7);
    memcpy(text + length, "8", 2);
    check_int(f, int_of(f, f->db, text, NULL), 8);
}

static void utf8_in_statement(fixture *f)
{
    exec(f, f->db, "create table {t} (\"größe\" integer)", NULL);
    exec(f, f->db, "insert into {t} (\"größe\") values (42)", NULL);
    check_int(f, int_of(f, f->db, "select \"größe\" from {t}", NULL), 42);
    check_text(f, text_of(f, f->db, "select '日本語 🎉'", NULL), "日本語 🎉");
}

static void get_not_found(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    int n = -5;
    char *text = (char *)"untouched";

    check_error(f, tn_get(f->db, "select 1, 'a' where 1 = 0", NULL, tn_into(&n, &text), &err), &err,
                TN_NOT_FOUND, "02000");
    check_int(f, n, -5);
    check_text(f, text, "untouched");
}

static void get_too_many(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    int n = -5;

    check_error(f, tn_get(f->db, "select 1 union all select 2", NULL, tn_into(&n), &err), &err,
                TN_TOO_MANY_ROWS, "21000");
    check_int(f, n, -5);
}

static void get_untouched_when_a_column_fails(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    int first = -5, second = -6;

    check(f, tn_get(f->db, "select 1, cast(null as integer)", NULL, tn_into(&first, &second),
                    &err) == TN_DATA);
    check_int(f, first, -5);
    check_int(f, second, -6);
}

static void get_frees_a_text_when_a_later_column_fails(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    char *text = NULL;
    int n = -6;

    check(f, tn_get(f->db, "select 'abc', cast(null as integer)", NULL, tn_into(&text, &n), &err) ==
                 TN_DATA);
    check(f, text == NULL);
    check_int(f, n, -6);
}

static void get_of_a_failing_statement(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    int n = -5;

    check_error(f, tn_get(f->db, "select no_such_column", NULL, tn_into(&n), &err), &err, TN_SYNTAX,
                "42703");
    check_int(f, n, -5);
}

static void get_of_a_statement_without_rows(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    int n = -5;

    exec(f, f->db, "create table {t} (n integer)", NULL);
    check(f, tn_get(f->db, sql(f, "insert into {t} values (1)"), NULL, tn_into(&n), &err) != TN_OK);
    check(f, err.status != TN_OK && err.message[0]);
    check_int(f, n, -5);
}

static void error_may_be_null(fixture *f)
{
    int n = 0;

    check_int(f, tn_exec(f->db, "selec", NULL, NULL, NULL), TN_SYNTAX);
    check_int(f, tn_get(f->db, "select 1 where 1 = 0", NULL, tn_into(&n), NULL), TN_NOT_FOUND);
    check_int(f, tn_close(tn_query(f->db, "selec", NULL), NULL), TN_SYNTAX);
}

static void error_is_left_alone_on_success(fixture *f)
{
    tn_error err = TN_ERROR_INIT;

    (void)tn_error_set(&err, TN_FAILED, NULL, "from before");
    check_int(f, tn_exec(f->db, "select 1", NULL, NULL, &err), TN_OK);
    check_text(f, err.message, "from before");
}

static void quoted_identifier(fixture *f)
{
    char name[140], text[256];
    size_t length = tn_quote_identifier(tn_str_from("we\"ird; name"), name, sizeof(name));

    check_text(f, name, "\"we\"\"ird; name\"");
    check_int(f, (int64_t)length, (int64_t)strlen(name));
    snprintf(text, sizeof(text), "select 3 as %s", name);
    tn_rows *rows = query(f, f->db, text, NULL);
    next(f, rows);
    check_text(f, tn_rows_column(rows, 0)->name, "we\"ird; name");
    close_rows(f, rows);
}

/* What is counted was changed; rows that were given are not. */
static void rows_that_are_given_are_not_affected(fixture *f)
{
    static const char *const reads[] = {"select 1", "select 1 union select 2",
                                        "with s as (select 1 as n) select n from s"};
    tn_error err = TN_ERROR_INIT;

    for (size_t i = 0; i < SUITE_COUNT(reads); i++) {
        int64_t affected = -1;
        check_ok(f, tn_exec(f->db, reads[i], NULL, &affected, &err), &err);
        check_int(f, affected, 0);
    }
}

static const suite_case cases[] = {
    CASE(rows_that_are_given_are_not_affected, TN_CAP_SQL),
    CASE(insert_counts_rows, TN_CAP_SQL),
    CASE(update_counts_rows, TN_CAP_SQL),
    CASE(delete_counts_rows, TN_CAP_SQL),
    CASE(cascades_are_not_counted, TN_CAP_SQL),
    CASE(ddl_counts_nothing, TN_CAP_SQL),
    CASE(on_conflict_do_nothing, TN_CAP_SQL),
    CASE(on_conflict_do_update, TN_CAP_SQL),
    CASE(returning_gives_rows_and_a_count, TN_CAP_SQL),
    CASE(returning_into_variables, TN_CAP_SQL),
    CASE(returning_unread_is_still_done, TN_CAP_SQL),
    CASE(empty_text, 0),
    CASE(comments_only, 0),
    CASE(empty_text_as_query, 0),
    CASE(trailing_semicolon, TN_CAP_SQL),
    CASE(comments_around, TN_CAP_SQL),
    CASE(two_statements_refused, TN_CAP_SQL),
    CASE(two_statements_refused_in_query, TN_CAP_SQL),
    CASE(rows_of_exec_are_thrown_away, TN_CAP_SQL),
    CASE(long_statement_text, TN_CAP_SQL),
    CASE(utf8_in_statement, TN_CAP_SQL),
    CASE(get_not_found, TN_CAP_SQL),
    CASE(get_too_many, TN_CAP_SQL),
    CASE(get_untouched_when_a_column_fails, TN_CAP_SQL),
    CASE(get_frees_a_text_when_a_later_column_fails, TN_CAP_SQL),
    CASE(get_of_a_failing_statement, TN_CAP_SQL),
    CASE(get_of_a_statement_without_rows, TN_CAP_SQL),
    CASE(error_may_be_null, TN_CAP_SQL),
    CASE(error_is_left_alone_on_success, TN_CAP_SQL),
    CASE(quoted_identifier, TN_CAP_SQL),
};

GROUP(exec);
