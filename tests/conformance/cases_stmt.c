/* SPDX-License-Identifier: MIT */
/* Prepared statements in hand. */
#include <string.h>

#include "suite.h"

static void get_and_exec(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    int64_t count = -1, n = 0;

    exec(f, f->db, "create table {t} (n integer)", NULL);
    tn_stmt *insert = prepare(f, f->db, "insert into {t} values ($1)");
    tn_stmt *sum = prepare(f, f->db, "select cast(sum(n) as bigint) from {t} where n > $1");
    for (int i = 1; i <= 10; i++) {
        check_ok(f, tn_stmt_exec(insert, NULL, NULL, tn_args(i), &count, &err), &err);
        check_int(f, count, 1);
    }
    check_ok(f, tn_stmt_get(sum, NULL, NULL, tn_args(5), tn_into(&n), &err), &err);
    check_int(f, n, 40);
}

static void query_rows(fixture *f)
{
    tn_stmt *stmt = prepare(f, f->db, COUNT_TO("100") "select n from s where n % $1 = 0");
    tn_rows *rows = keep_rows(f, tn_stmt_query(stmt, NULL, NULL, tn_args(25)));
    int64_t sum = 0;

    while (tn_next(rows))
        sum += tn_row_int64(rows, 0);
    close_rows(f, rows);
    check_int(f, sum, 250);
}

static void counts_its_parameters(fixture *f)
{
    tn_stmt *none = prepare(f, f->db, "select 1");
    tn_stmt *three = prepare(
        f, f->db, "select cast($3 as integer), cast($1 as text), cast($2 as uuid), '$4' -- $5");

    check_int(f, (int64_t)tn_stmt_params(none), 0);
    check_int(f, (int64_t)tn_stmt_params(three), 3);
}

static void parameter_types_as_declared(fixture *f)
{
    exec(f, f->db, "create table {t} (a bigint, b text, c uuid, d timestamptz)", NULL);
    tn_stmt *stmt = prepare(f, f->db, "insert into {t} values ($1, $2, $3, $4)");
    static const tn_type types[] = {TN_TYPE_INT64, TN_TYPE_TEXT, TN_TYPE_UUID, TN_TYPE_TIMESTAMPTZ};

    check_int(f, (int64_t)tn_stmt_params(stmt), 4);
    for (size_t i = 0; i < SUITE_COUNT(types); i++) {
        tn_type type = tn_stmt_param_type(stmt, i);
        if (has(f, TN_CAP_PARAM_TYPES) || type != TN_TYPE_NULL)
            check_int(f, type, types[i]);
    }
    check_int(f, tn_stmt_param_type(stmt, 99), TN_TYPE_NULL);
}

static void tells_its_columns(fixture *f)
{
    exec(f, f->db, "create table {t} (id bigint, name text)", NULL);
    tn_stmt *stmt = prepare(f, f->db, "select id, name as label from {t}");
    check_int(f, (int64_t)tn_stmt_columns(stmt), 2);
    check_text(f, tn_stmt_column(stmt, 0)->name, "id");
    check_int(f, tn_stmt_column(stmt, 0)->type, TN_TYPE_INT64);
    check_text(f, tn_stmt_column(stmt, 1)->name, "label");
    check(f, tn_stmt_column(stmt, 2) == NULL);
    tn_stmt *insert = prepare(f, f->db, "insert into {t} values (1, 'a')");
    check_int(f, (int64_t)tn_stmt_columns(insert), 0);
}

static void thousand_times(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    tn_stmt *stmt = prepare(f, f->db, "select cast($1 as bigint) * 2");

    for (int64_t i = 0; i < 1000; i++) {
        int64_t n = -1;
        check_ok(f, tn_stmt_get(stmt, NULL, NULL, tn_args(i), tn_into(&n), &err), &err);
        check_int(f, n, 2 * i);
    }
}

static void thousand_different_texts(fixture *f)
{
    char text[64];

    for (int i = 0; i < 1000; i++) {
        snprintf(text, sizeof(text), "select %d + cast($1 as integer)", i);
        check_int(f, int_of(f, f->db, text, tn_args(1)), i + 1);
    }
}

static void on_transactions_and_sessions(fixture *f)
{
    tn_error err = TN_ERROR_INIT;

    exec(f, f->db, "create table {t} (n integer)", NULL);
    tn_stmt *insert = prepare(f, f->db, "insert into {t} values ($1)");
    tn_db *tx = begin(f, f->db);
    check_ok(f, tn_stmt_exec(insert, tx, NULL, tn_args(1), NULL, &err), &err);
    rollback(f, tx);
    tx = begin(f, f->db);
    check_ok(f, tn_stmt_exec(insert, tx, NULL, tn_args(2), NULL, &err), &err);
    commit(f, tx);
    tn_db *session = acquire(f, f->db);
    check_ok(f, tn_stmt_exec(insert, session, NULL, tn_args(3), NULL, &err), &err);
    release(f, session);
    check_int(f, int_of(f, f->db, "select sum(n) from {t}", NULL), 5);
}

static void on_another_client_refused(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *other = open_pool(f, "1", "5000");
    tn_stmt *stmt = prepare(f, f->db, "select 1");
    int n = -5;

    check_error(f, tn_stmt_get(stmt, other, NULL, NULL, tn_into(&n), &err), &err, TN_MISUSE, NULL);
    check_int(f, n, -5);
    tn_rows *rows = keep_rows(f, tn_stmt_query(stmt, other, NULL, NULL));
    check(f, !tn_next(rows));
    close_fails(f, rows, TN_MISUSE, NULL);
}

static void prepared_on_a_session(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *session = acquire(f, f->db);
    int n = 0;

    exec(f, session, "create temporary table seen_by_session (n integer)", NULL);
    exec(f, session, "insert into seen_by_session values (8)", NULL);
    tn_stmt *stmt = prepare(f, session, "select n from seen_by_session");
    check_ok(f, tn_stmt_get(stmt, NULL, NULL, NULL, tn_into(&n), &err), &err);
    check_int(f, n, 8);
    end_stmt(f, stmt);
    release(f, session);
}

static void prepared_in_a_transaction(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *tx = begin(f, f->db);
    int n = 0;

    exec(f, tx, "create table {t} (n integer)", NULL);
    exec(f, tx, "insert into {t} values (8)", NULL);
    tn_stmt *stmt = prepare(f, tx, "select n from {t}");
    check_ok(f, tn_stmt_get(stmt, tx, NULL, NULL, tn_into(&n), &err), &err);
    check_int(f, n, 8);
    end_stmt(f, stmt);
    rollback(f, tx);
}

static void wrong_number_of_arguments(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    tn_stmt *stmt = prepare(f, f->db, "select cast($1 as integer)");
    int n = 0;

    check_error(f, tn_stmt_get(stmt, NULL, NULL, NULL, tn_into(&n), &err), &err, TN_PROTOCOL,
                "08P01");
    check_error(f, tn_stmt_get(stmt, NULL, NULL, tn_args(1, 2), tn_into(&n), &err), &err,
                TN_PROTOCOL, "08P01");
    check_ok(f, tn_stmt_get(stmt, NULL, NULL, tn_args(1), tn_into(&n), &err), &err);
}

static void preparation_fails(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    tn_stmt *stmt = NULL;

    check_error(f, tn_prepare(f->db, "selec", &stmt, &err), &err, TN_SYNTAX, "42601");
    check_error(f, tn_prepare(f->db, "select * from no_such_table_here", &stmt, &err), &err,
                TN_SYNTAX, "42P01");
    check_error(f, tn_prepare(f->db, "select 1; select 2", &stmt, &err), &err, TN_SYNTAX, "42601");
    check(f, stmt == NULL);
}

static void errors_when_run(fixture *f)
{
    tn_error err = TN_ERROR_INIT;

    exec(f, f->db, "create table {t} (n integer primary key)", NULL);
    tn_stmt *insert = prepare(f, f->db, "insert into {t} values ($1)");
    for (int i = 0; i < 3; i++) {
        tn_status status = tn_stmt_exec(insert, NULL, NULL, tn_args(1), NULL, &err);
        if (i == 0)
            check_ok(f, status, &err);
        else
            check_error(f, status, &err, TN_CONSTRAINT, "23505");
    }
    check_ok(f, tn_stmt_exec(insert, NULL, NULL, tn_args(2), NULL, &err), &err);
}

/* Whatever was cached: after the table has changed the answer is the new one, on every connection
 * that had prepared the text before. */
static void table_changes_under_a_statement(fixture *f)
{
    tn_error err = TN_ERROR_INIT;

    exec(f, f->db, "create table {t} (a integer)", NULL);
    exec(f, f->db, "insert into {t} values (1)", NULL);
    tn_stmt *stmt = prepare(f, f->db, "select * from {t}");
    for (int i = 0; i < 2; i++) {
        tn_rows *rows = keep_rows(f, tn_stmt_query(stmt, NULL, NULL, NULL));
        next(f, rows);
        check_int(f, (int64_t)tn_rows_columns(rows), 1);
        close_rows(f, rows);
    }
    exec(f, f->db, "alter table {t} add column b text", NULL);
    exec(f, f->db, "update {t} set b = 'new'", NULL);
    tn_rows *rows = keep_rows(f, tn_stmt_query(stmt, NULL, NULL, NULL));
    if (!tn_next(rows))
        check_ok(f, end_rows(f, rows, &err), &err);
    check_int(f, (int64_t)tn_rows_columns(rows), 2);
    check_str(f, tn_row_str(rows, 1), "new");
    close_rows(f, rows);
}

static void table_changes_under_a_cached_text(fixture *f)
{
    exec(f, f->db, "create table {t} (a integer)", NULL);
    exec(f, f->db, "insert into {t} values (1)", NULL);
    for (int i = 0; i < 6; i++)
        exec(f, f->db, "select * from {t}", NULL);
    exec(f, f->db, "alter table {t} add column b text", NULL);
    exec(f, f->db, "update {t} set b = 'new'", NULL);
    for (int i = 0; i < 3; i++) {
        tn_rows *rows = query(f, f->db, "select * from {t}", NULL);
        next(f, rows);
        check_int(f, (int64_t)tn_rows_columns(rows), 2);
        check_str(f, tn_row_str(rows, 1), "new");
        close_rows(f, rows);
    }
}

static void table_made_anew_with_another_type(fixture *f)
{
    exec(f, f->db, "create table {t} (a integer)", NULL);
    exec(f, f->db, "insert into {t} values (1)", NULL);
    for (int i = 0; i < 3; i++)
        check_int(f, int_of(f, f->db, "select a from {t}", NULL), 1);
    exec(f, f->db, "drop table {t}", NULL);
    exec(f, f->db, "create table {t} (a text)", NULL);
    exec(f, f->db, "insert into {t} values ($1)", tn_args("one"));
    check_text(f, text_of(f, f->db, "select a from {t}", NULL), "one");
}

/* A text that was prepared for a small column must not refuse what the new one takes. */
static void parameters_of_a_table_made_anew(fixture *f)
{
    tn_uuid id = {{7}};

    exec(f, f->db, "create table {t} (a smallint)", NULL);
    for (int i = 0; i < 3; i++)
        exec(f, f->db, "insert into {t} values ($1)", tn_args(i));
    exec(f, f->db, "drop table {t}", NULL);
    exec(f, f->db, "create table {t} (a bigint)", NULL);
    exec(f, f->db, "insert into {t} values ($1)", tn_args(INT64_C(5000000000)));
    check_int(f, int_of(f, f->db, "select a from {t}", NULL), INT64_C(5000000000));
    exec(f, f->db, "drop table {t}", NULL);
    exec(f, f->db, "create table {t} (a uuid)", NULL);
    exec(f, f->db, "insert into {t} values ($1)", tn_args(id));
}

static void closed_before_its_rows(fixture *f)
{
    tn_stmt *stmt = prepare(f, f->db, COUNT_TO("2000") "select n, 'text' from s");
    tn_rows *rows = keep_rows(f, tn_stmt_query(stmt, NULL, NULL, NULL));
    int64_t count = 1;

    next(f, rows);
    end_stmt(f, stmt);
    check_text(f, tn_rows_column(rows, 0)->name, "n");
    while (tn_next(rows)) {
        check(f, tn_row_str(rows, 1).len == 4);
        count++;
    }
    close_rows(f, rows);
    check_int(f, count, 2000);
}

static void two_answers_of_one_statement(fixture *f)
{
    tn_stmt *stmt = prepare(f, f->db, COUNT_TO("2000") "select n + $1 from s");
    tn_db *session = acquire(f, f->db);
    tn_rows *a = keep_rows(f, tn_stmt_query(stmt, session, NULL, tn_args(0)));
    next(f, a);
    tn_rows *b = keep_rows(f, tn_stmt_query(stmt, session, NULL, tn_args(1000)));

    for (int i = 1; i <= 2000; i++) {
        if (i > 1)
            next(f, a);
        next(f, b);
        check_int(f, tn_row_int64(b, 0) - tn_row_int64(a, 0), 1000);
    }
    close_rows(f, b);
    close_rows(f, a);
}

static tn_status stmt_worker(worker *w)
{
    for (int i = 0; i < 100; i++) {
        int64_t n = -1;
        int64_t given = (int64_t)w->index * 1000 + i;
        tn_status status = tn_stmt_get(w->arg, NULL, NULL, tn_args(given), tn_into(&n), &w->error);
        if (status != TN_OK)
            return status;
        if (n != given)
            return tn_error_set(&w->error, TN_FAILED, NULL, "%lld came back as %lld",
                                (long long)given, (long long)n);
    }
    return TN_OK;
}

static void shared_by_threads(fixture *f)
{
    tn_stmt *stmt = prepare(f, f->db, "select cast($1 as bigint)");

    on_threads(f, 8, stmt_worker, stmt);
}

static void empty_statement(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    int64_t count = -1;
    tn_stmt *stmt = prepare(f, f->db, "-- nothing");

    check_int(f, (int64_t)tn_stmt_params(stmt), 0);
    check_int(f, (int64_t)tn_stmt_columns(stmt), 0);
    check_ok(f, tn_stmt_exec(stmt, NULL, NULL, NULL, &count, &err), &err);
    check_int(f, count, 0);
}

/* A statement that was kept says of its placeholders what the table was before. */
static void column_of_another_type(fixture *f)
{
    const char *update = "update {t} set n = n + 1 where code = $1";
    const char *insert = "insert into {t} values ($1, $2)";

    exec(f, f->db, "create table {t} (code integer, n integer)", NULL);
    for (int i = 1; i < 3; i++) {
        exec(f, f->db, insert, tn_args(i, 0));
        exec(f, f->db, update, tn_args(i));
    }
    exec(f, f->db, "drop table {t}", NULL);
    exec(f, f->db, "create table {t} (code text, n integer)", NULL);
    exec(f, f->db, insert, tn_args("abc", 0));
    exec(f, f->db, update, tn_args("abc"));
    exec(f, f->db, update, tn_args("abc"));
    check_int(f, int_of(f, f->db, "select n from {t} where code = 'abc'", NULL), 2);
}

static const suite_case cases[] = {
    CASE(column_of_another_type, TN_CAP_SQL),
    CASE(get_and_exec, TN_CAP_SQL),
    CASE(query_rows, TN_CAP_SQL),
    CASE(counts_its_parameters, TN_CAP_SQL),
    CASE(parameter_types_as_declared, TN_CAP_SQL),
    CASE(tells_its_columns, TN_CAP_SQL),
    CASE(thousand_times, TN_CAP_SQL),
    CASE(thousand_different_texts, TN_CAP_SQL),
    CASE(on_transactions_and_sessions, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
    CASE(on_another_client_refused, TN_CAP_SQL),
    CASE(prepared_on_a_session, TN_CAP_SQL),
    CASE(prepared_in_a_transaction, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
    CASE(wrong_number_of_arguments, 0),
    CASE(preparation_fails, TN_CAP_SQL),
    CASE(errors_when_run, TN_CAP_SQL),
    CASE(table_changes_under_a_statement, TN_CAP_SQL),
    CASE(table_changes_under_a_cached_text, TN_CAP_SQL),
    CASE(table_made_anew_with_another_type, TN_CAP_SQL),
    CASE(parameters_of_a_table_made_anew, TN_CAP_SQL),
    CASE(closed_before_its_rows, TN_CAP_SQL),
    CASE(two_answers_of_one_statement, TN_CAP_SQL),
    CASE(shared_by_threads, 0),
    CASE(empty_statement, 0),
};

GROUP(stmt);
