/* SPDX-License-Identifier: MIT */
/* Errors: class, SQLSTATE, what they name, and that they belong to the caller. */
#include <ctype.h>
#include <string.h>

#include "suite.h"

static void named_tables(fixture *f)
{
    exec(f, f->db,
         "create table {t} (id integer constraint {t}_pk primary key, "
         "email text constraint {t}_email unique, "
         "name text not null default 'x', "
         "n integer constraint {t}_positive check (n > 0))",
         NULL);
    exec(f, f->db,
         "create table {u} (id integer primary key, "
         "t_id integer constraint {u}_parent references {t} (id))",
         NULL);
    exec(f, f->db, "insert into {t} values (1, 'a@b', 'n', 1)", NULL);
}

/* One line of text that a program may print, and nothing of how it was made. */
static void is_well_formed(fixture *f, const tn_error *err)
{
    size_t length = strlen(err->message);

    suite_check(f, length > 0 && err->message[length - 1] != '.',
                "a message without a final period");
    for (size_t i = 0; i < length; i++)
        suite_check(f, !iscntrl((unsigned char)err->message[i]), "a message of one line");
    suite_check(f, strlen(err->sqlstate) == 5, "an SQLSTATE of five characters");
    for (size_t i = 0; i < 5; i++)
        suite_check(
            f, isdigit((unsigned char)err->sqlstate[i]) || isupper((unsigned char)err->sqlstate[i]),
            "an SQLSTATE of digits and capital letters");
    suite_check_int(f, "the class of the SQLSTATE", tn_status_from_sqlstate(err->sqlstate),
                    err->status);
}

/* A driver that declares names must give this one; another gives none or the right one. */
static void names_constraint(fixture *f, const tn_error *err, const char *expected)
{
    if (has(f, TN_CAP_CONSTRAINT_NAMES) || err->constraint[0])
        suite_check_text(f, "the constraint", err->constraint, sql(f, expected));
}

static void unique_violation(fixture *f)
{
    tn_error err;

    named_tables(f);
    exec_fails_as(f, f->db, "insert into {t} (id, email) values (2, 'a@b')", NULL, TN_CONSTRAINT,
                  "23505", &err);
    is_well_formed(HERE(f), &err);
    check_text(f, err.table, table_name(f, 't'));
    names_constraint(HERE(f), &err, "{t}_email");
    check_int(f, err.retry, TN_RETRY_NO);
    check_int(f, err.outcome, TN_OUTCOME_NOT_APPLIED);
}

static void primary_key_violation(fixture *f)
{
    tn_error err;

    named_tables(f);
    exec_fails_as(f, f->db, "insert into {t} (id) values (1)", NULL, TN_CONSTRAINT, "23505", &err);
    check_text(f, err.table, table_name(f, 't'));
    names_constraint(HERE(f), &err, "{t}_pk");
}

static void unique_over_two_columns(fixture *f)
{
    tn_error err;

    exec(f, f->db, "create table {t} (a integer, b integer, constraint {t}_ab unique (a, b))",
         NULL);
    exec(f, f->db, "insert into {t} values (1, 1), (1, 2)", NULL);
    exec_fails_as(f, f->db, "insert into {t} values (1, 2)", NULL, TN_CONSTRAINT, "23505", &err);
    check_text(f, err.table, table_name(f, 't'));
    names_constraint(HERE(f), &err, "{t}_ab");
}

static void unnamed_constraints_have_default_names(fixture *f)
{
    tn_error err;

    exec(f, f->db, "create table {t} (id integer primary key, email text unique)", NULL);
    exec(f, f->db, "insert into {t} values (1, 'a')", NULL);
    exec_fails_as(f, f->db, "insert into {t} values (1, 'b')", NULL, TN_CONSTRAINT, "23505", &err);
    names_constraint(HERE(f), &err, "{t}_pkey");
    exec_fails_as(f, f->db, "insert into {t} values (2, 'a')", NULL, TN_CONSTRAINT, "23505", &err);
    names_constraint(HERE(f), &err, "{t}_email_key");
}

static void not_null_violation(fixture *f)
{
    tn_error err;

    named_tables(f);
    exec_fails_as(f, f->db, "insert into {t} (id, name) values (2, null)", NULL, TN_CONSTRAINT,
                  "23502", &err);
    is_well_formed(HERE(f), &err);
    check_text(f, err.table, table_name(f, 't'));
    check_text(f, err.column, "name");
}

static void check_violation(fixture *f)
{
    tn_error err;

    named_tables(f);
    exec_fails_as(f, f->db, "insert into {t} (id, n) values (2, 0)", NULL, TN_CONSTRAINT, "23514",
                  &err);
    is_well_formed(HERE(f), &err);
    names_constraint(HERE(f), &err, "{t}_positive");
}

static void foreign_key_violation(fixture *f)
{
    tn_error err;

    named_tables(f);
    exec_fails_as(f, f->db, "insert into {u} values (1, 99)", NULL, TN_CONSTRAINT, "23503", &err);
    is_well_formed(HERE(f), &err);
    names_constraint(HERE(f), &err, "{u}_parent");
}

static void foreign_key_violation_by_delete(fixture *f)
{
    tn_error err;

    named_tables(f);
    exec(f, f->db, "insert into {u} values (1, 1)", NULL);
    exec_fails_as(f, f->db, "delete from {t} where id = 1", NULL, TN_CONSTRAINT, "23503", &err);
    is_well_formed(HERE(f), &err);
    check_int(f, int_of(f, f->db, "select count(*) from {t}", NULL), 1);
}

static void statement_is_all_or_nothing(fixture *f)
{
    named_tables(f);
    exec_fails(f, f->db, "insert into {t} (id) values (2), (3), (1), (4)", NULL, TN_CONSTRAINT,
               "23505");
    check_int(f, int_of(f, f->db, "select count(*) from {t}", NULL), 1);
    exec(f, f->db, "insert into {t} (id) values (2)", NULL);
    exec_fails(f, f->db, "update {t} set n = 2 - id", NULL, TN_CONSTRAINT, "23514");
    check_int(f, int_of(f, f->db, "select count(*) from {t} where n is null", NULL), 1);
}

static void syntax_error_has_a_position(fixture *f)
{
    tn_error err;

    exec_fails_as(f, f->db, "select 1 from where", NULL, TN_SYNTAX, "42601", &err);
    is_well_formed(HERE(f), &err);
    check_int(f, err.position, 15);
}

static void position_counts_characters(fixture *f)
{
    tn_error err;

    exec_fails_as(f, f->db, "select 'äöü🎉' from where", NULL, TN_SYNTAX, "42601", &err);
    check_int(f, err.position, 20);
}

static void unknown_table(fixture *f)
{
    tn_error err;

    exec_fails_as(f, f->db, "select * from no_such_table_here", NULL, TN_SYNTAX, "42P01", &err);
    is_well_formed(HERE(f), &err);
    check(f, strstr(err.message, "no_such_table_here") != NULL);
}

static void unknown_column(fixture *f)
{
    tn_error err;

    named_tables(f);
    exec_fails_as(f, f->db, "select no_such_column from {t}", NULL, TN_SYNTAX, "42703", &err);
    is_well_formed(HERE(f), &err);
    check(f, strstr(err.message, "no_such_column") != NULL);
    exec_fails(f, f->db, "insert into {t} (no_such_column) values (1)", NULL, TN_SYNTAX, "42703");
    exec_fails(f, f->db, "update {t} set no_such_column = 1", NULL, TN_SYNTAX, "42703");
}

static void unknown_function(fixture *f)
{
    tn_error err;

    exec_fails_as(f, f->db, "select no_such_function(1)", NULL, TN_SYNTAX, "42883", &err);
    check(f, strstr(err.message, "no_such_function") != NULL);
}

static void ambiguous_column(fixture *f)
{
    named_tables(f);
    exec_fails(f, f->db, "select id from {t}, {u}", NULL, TN_SYNTAX, "42702");
}

static void table_exists(fixture *f)
{
    named_tables(f);
    exec_fails(f, f->db, "create table {t} (n integer)", NULL, TN_SYNTAX, "42P07");
    exec(f, f->db, "create table if not exists {t} (n integer)", NULL);
}

static void drop_of_nothing(fixture *f)
{
    exec_fails(f, f->db, "drop table no_such_table_here", NULL, TN_SYNTAX, "42P01");
    exec(f, f->db, "drop table if exists no_such_table_here", NULL);
}

static void duplicate_column(fixture *f)
{
    exec_fails(f, f->db, "create table {t} (a integer, a text)", NULL, TN_SYNTAX, "42701");
}

static void outlives_its_client(fixture *f)
{
    tn_error err = TN_ERROR_INIT, copy;
    tn_db *client = open_pool(f, "1", "5000");

    check_int(f, tn_exec(client, "select * from no_such_table_here", NULL, NULL, &err), TN_SYNTAX);
    copy = err;
    end_client(f, client, NULL);
    check(f, memcmp(&copy, &err, sizeof(err)) == 0);
    check(f, strstr(err.message, "no_such_table_here") != NULL);
}

static void is_overwritten_whole(fixture *f)
{
    tn_error err = TN_ERROR_INIT, fresh = TN_ERROR_INIT;

    named_tables(f);
    check_int(f, tn_exec(f->db, sql(f, "insert into {t} (id, n) values (2, 0)"), NULL, NULL, &err),
              TN_CONSTRAINT);
    check_int(f, tn_exec(f->db, "selec", NULL, NULL, &err), TN_SYNTAX);
    check_int(f, tn_exec(f->db, "selec", NULL, NULL, &fresh), TN_SYNTAX);
    check_text(f, err.constraint, "");
    check_text(f, err.table, fresh.table);
    check_text(f, err.detail, fresh.detail);
    check_text(f, err.message, fresh.message);
    check_int(f, err.position, fresh.position);
}

static void prepending_keeps_the_cause(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    char cause[sizeof(err.message)], expected[sizeof(err.message)];

    check_int(f, tn_exec(f->db, "select * from no_such_table_here", NULL, NULL, &err), TN_SYNTAX);
    memcpy(cause, err.message, sizeof(cause));
    tn_error_prepend(&err, "loading page %d", 7);
    check_int(f, err.status, TN_SYNTAX);
    snprintf(expected, sizeof(expected), "loading page 7: %.400s", cause);
    check_text(f, err.message, expected);
    check_text(f, err.sqlstate, "42P01");
}

static void is_printed_with_its_parts(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    char text[2048], short_text[8];

    named_tables(f);
    check_int(f, tn_exec(f->db, sql(f, "insert into {t} (id) values (1)"), NULL, NULL, &err),
              TN_CONSTRAINT);
    size_t length = tn_error_format(&err, text, sizeof(text));
    check_int(f, (int64_t)length, (int64_t)strlen(text));
    check(f, strstr(text, err.message) && strstr(text, "23505"));
    check_int(f, (int64_t)tn_error_format(&err, short_text, sizeof(short_text)), (int64_t)length);
    check_int(f, (int64_t)strlen(short_text), (int64_t)sizeof(short_text) - 1);
}

static void phase_is_told(fixture *f)
{
    tn_error err;

    named_tables(f);
    exec_fails_as(f, f->db, "selec", NULL, TN_SYNTAX, "42601", &err);
    check_int(f, err.phase, TN_PHASE_PREPARE);
    exec_fails_as(f, f->db, "insert into {t} (id) values (1)", NULL, TN_CONSTRAINT, "23505", &err);
    check(f, err.phase == TN_PHASE_EXECUTE || err.phase == TN_PHASE_FETCH);
    exec_fails_as(f, f->db, "select cast($1 as integer)", NULL, TN_PROTOCOL, "08P01", &err);
    check_int(f, err.phase, TN_PHASE_BIND);
}

static void values_are_not_in_messages(fixture *f)
{
    tn_error err;

    named_tables(f);
    exec_fails_as(f, f->db, "select cast($1 as integer) + no_such_column", tn_args("xyzzy-canary"),
                  TN_SYNTAX, "42703", &err);
    check(f, !strstr(err.message, "xyzzy-canary"));
}

static void long_names_are_cut_not_spilled(fixture *f)
{
    tn_error err;
    char text[700];
    size_t used = (size_t)snprintf(text, sizeof(text), "select \"");

    for (; used < 608; used++)
        text[used] = 'n';
    snprintf(text + used, sizeof(text) - used, "\"");
    exec(f, f->db, "create table {t} (a integer)", NULL);
    /* Quoted names that are no column must not become strings. */
    snprintf(text + strlen(text), sizeof(text) - strlen(text), " from %s", table_name(f, 't'));
    exec_fails_as(f, f->db, text, NULL, TN_SYNTAX, "42703", &err);
    check(f, memchr(err.message, '\0', sizeof(err.message)) != NULL);
}

static void double_quotes_are_identifiers(fixture *f)
{
    exec(f, f->db, "create table {t} (a text)", NULL);
    exec_fails(f, f->db, "select \"no such column\" from {t}", NULL, TN_SYNTAX, "42703");
    exec_fails(f, f->db, "insert into {t} values (\"text\")", NULL, TN_SYNTAX, "42703");
}

static void client_is_usable_after_errors(fixture *f)
{
    tn_db *client = open_pool(f, "1", "5000");

    for (int i = 0; i < 20; i++) {
        exec_fails(f, client, "select * from no_such_table_here", NULL, TN_SYNTAX, "42P01");
        exec_fails(f, client, "selec", NULL, TN_SYNTAX, "42601");
        check_int(f, int_of(f, client, "select cast($1 as integer)", tn_args(i)), i);
    }
}

static const suite_case cases[] = {
    CASE(unique_violation, TN_CAP_SQL),
    CASE(primary_key_violation, TN_CAP_SQL),
    CASE(unique_over_two_columns, TN_CAP_SQL),
    CASE(unnamed_constraints_have_default_names, TN_CAP_SQL),
    CASE(not_null_violation, TN_CAP_SQL),
    CASE(check_violation, TN_CAP_SQL),
    CASE(foreign_key_violation, TN_CAP_SQL),
    CASE(foreign_key_violation_by_delete, TN_CAP_SQL),
    CASE(statement_is_all_or_nothing, TN_CAP_SQL),
    CASE(syntax_error_has_a_position, TN_CAP_SQL),
    CASE(position_counts_characters, TN_CAP_SQL),
    CASE(unknown_table, TN_CAP_SQL),
    CASE(unknown_column, TN_CAP_SQL),
    CASE(unknown_function, TN_CAP_SQL),
    CASE(ambiguous_column, TN_CAP_SQL),
    CASE(table_exists, TN_CAP_SQL),
    CASE(drop_of_nothing, TN_CAP_SQL),
    CASE(duplicate_column, TN_CAP_SQL),
    CASE(outlives_its_client, TN_CAP_SQL),
    CASE(is_overwritten_whole, TN_CAP_SQL),
    CASE(prepending_keeps_the_cause, TN_CAP_SQL),
    CASE(is_printed_with_its_parts, TN_CAP_SQL),
    CASE(phase_is_told, TN_CAP_SQL),
    CASE(values_are_not_in_messages, TN_CAP_SQL),
    CASE(long_names_are_cut_not_spilled, TN_CAP_SQL),
    CASE(double_quotes_are_identifiers, TN_CAP_SQL),
    CASE(client_is_usable_after_errors, TN_CAP_SQL),
};

GROUP(error);
