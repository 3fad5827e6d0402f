/* SPDX-License-Identifier: MIT */
/* tn_exec_script(): many statements in one text. */
#include <string.h>

#include "suite.h"

static void script(fixture *f, tn_db *db, const char *text)
{
    tn_error err = TN_ERROR_INIT;

    suite_check_ok(f, text, tn_exec_script(db, sql(f, text), &err), &err);
}

static void runs_in_order(fixture *f)
{
    script(HERE(f), f->db,
           "create table {t} (n integer);\n"
           "insert into {t} values (1);\n"
           "update {t} set n = n + 1;\n"
           "insert into {t} values (10)");
    check_int(f, int_of(f, f->db, "select sum(n) from {t}", NULL), 12);
}

static void semicolons_that_do_not_count(fixture *f)
{
    script(HERE(f), f->db,
           "create table {t} (s text, \"odd;name\" text);\n"
           "insert into {t} values ('a;b', 'it''s; fine'); -- a comment; not a statement\n"
           "/* nor; this; */ insert into {t} (\"odd;name\") values ('x');");
    check_int(f, int_of(f, f->db, "select count(*) from {t}", NULL), 2);
    check_text(f, text_of(f, f->db, "select s from {t} where s is not null", NULL), "a;b");
}

static void dollar_quotes(fixture *f)
{
    if (!f->answers->dollar_quotes)
        skip(f, "the driver has no dollar quotes");
    script(HERE(f), f->db, "create table {t} (s text); insert into {t} values ($q$a; b 'c$q$);");
    check_text(f, text_of(f, f->db, "select s from {t}", NULL), "a; b 'c");
}

static void without_a_statement(fixture *f)
{
    script(HERE(f), f->db, "");
    script(HERE(f), f->db, " \n ");
    script(HERE(f), f->db, ";;; -- nothing\n /* at all; */ ;");
}

static void stops_at_the_first_failure(fixture *f)
{
    tn_error err = TN_ERROR_INIT;

    check_error(f,
                tn_exec_script(f->db,
                               sql(f, "create table {t} (n integer);\n"
                                      "insert into {t} values (1);\n"
                                      "\n"
                                      "insert into {t} values (no_such_column);\n"
                                      "insert into {t} values (3);"),
                               &err),
                &err, TN_SYNTAX, "42703");
    check(f, strstr(err.message, "line 4") != NULL);
    check_int(f, int_of(f, f->db, "select sum(n) from {t}", NULL), 1);
}

static void statements_are_apart_on_a_client(fixture *f)
{
    tn_error err = TN_ERROR_INIT;

    exec(f, f->db, "create table {t} (n integer primary key)", NULL);
    check_error(f,
                tn_exec_script(f->db,
                               sql(f, "insert into {t} values (1); insert into {t} values (2);"
                                      "insert into {t} values (1)"),
                               &err),
                &err, TN_CONSTRAINT, "23505");
    check_int(f, int_of(f, f->db, "select count(*) from {t}", NULL), 2);
}

static void in_a_transaction(fixture *f)
{
    tn_db *tx = begin(f, f->db);

    script(HERE(f), tx, "create table {t} (n integer); insert into {t} values (1);");
    rollback(f, tx);
    exec_fails(f, f->db, "select * from {t}", NULL, TN_SYNTAX, "42P01");
}

static void one_connection_for_all(fixture *f)
{
    script(HERE(f), f->db,
           "create temporary table only_in_this_script (n integer);"
           "insert into only_in_this_script values (1);"
           "drop table only_in_this_script");
}

static void rows_are_thrown_away(fixture *f)
{
    script(HERE(f), f->db, "select 1; " COUNT_TO("1000") "select n from s; select 2");
}

static void many_statements(fixture *f)
{
    size_t each = 64, count = 2000, used;
    char *text = room(f, each * (count + 1));

    used = (size_t)snprintf(text, each, "%s", sql(f, "create table {t} (n integer);\n"));
    for (size_t i = 1; i <= count; i++)
        used += (size_t)snprintf(text + used, each, "insert into %s values (%zu);\n",
                                 table_name(f, 't'), i);
    tn_db *tx = begin(f, f->db);
    script(HERE(f), tx, text);
    commit(f, tx);
    check_int(f, int_of(f, f->db, "select sum(n) from {t}", NULL), 2000 * 2001 / 2);
}

static void placeholders_have_no_arguments(fixture *f)
{
    tn_error err = TN_ERROR_INIT;

    check_error(f, tn_exec_script(f->db, "select cast($1 as integer)", &err), &err, TN_PROTOCOL,
                "08P01");
}

/* All of a script runs on one connection, so it may hold a transaction of its own; one that it
 * leaves open is undone. */
static void transactions_of_its_own(fixture *f)
{
    exec(f, f->db, "create table {t} (n integer)", NULL);
    script(HERE(f), f->db,
           "begin; insert into {t} values (1); rollback;"
           "begin; insert into {t} values (2); commit");
    check_int(f, int_of(f, f->db, "select sum(n) from {t}", NULL), 2);
    script(HERE(f), f->db, "begin; insert into {t} values (4)");
    check_int(f, int_of(f, f->db, "select sum(n) from {t}", NULL), 2);
}

static const suite_case cases[] = {
    CASE(runs_in_order, TN_CAP_SQL),
    CASE(semicolons_that_do_not_count, TN_CAP_SQL),
    CASE(dollar_quotes, TN_CAP_SQL),
    CASE(without_a_statement, 0),
    CASE(stops_at_the_first_failure, TN_CAP_SQL),
    CASE(statements_are_apart_on_a_client, TN_CAP_SQL),
    CASE(in_a_transaction, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
    CASE(one_connection_for_all, TN_CAP_SQL),
    CASE(rows_are_thrown_away, TN_CAP_SQL),
    CASE(many_statements, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
    CASE(placeholders_have_no_arguments, TN_CAP_SQL),
    CASE(transactions_of_its_own, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
};

GROUP(script);
