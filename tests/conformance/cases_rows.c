/* SPDX-License-Identifier: MIT */
/* Rows: streaming, closing early, columns, errors that stick. */
#include <string.h>

#include "suite.h"

static const char hundred_thousand[] = COUNT_TO("100000") "select n from s";

static void all_rows_in_order(fixture *f)
{
    tn_rows *rows = query(f, f->db, COUNT_TO("1000") "select n from s order by n", NULL);
    int64_t expected = 1;

    while (tn_next(rows))
        check_int(f, tn_row_int64(rows, 0), expected++);
    close_rows(f, rows);
    check_int(f, expected, 1001);
}

static void sum_and_count(fixture *f, tn_fetch fetch)
{
    tn_call call = TN_CALL_INIT;
    int64_t count = 0, sum = 0;

    call.fetch = fetch;
    tn_rows *rows = query_with(f, f->db, &call, hundred_thousand, NULL);
    while (tn_next(rows)) {
        count++;
        sum += tn_row_int64(rows, 0);
    }
    suite_close(f, rows);
    suite_check_int(f, "rows", count, 100000);
    suite_check_int(f, "their sum", sum, INT64_C(5000050000));
}

static void streamed(fixture *f)
{
    sum_and_count(HERE(f), TN_FETCH_STREAM);
}

static void buffered(fixture *f)
{
    sum_and_count(HERE(f), TN_FETCH_BUFFER);
}

static void fetched_as_the_library_likes(fixture *f)
{
    sum_and_count(HERE(f), TN_FETCH_AUTO);
}

static void next_after_the_end(fixture *f)
{
    tn_rows *rows = query(f, f->db, "select 1", NULL);

    next(f, rows);
    for (int i = 0; i < 3; i++) {
        check(f, !tn_next(rows));
        check(f, tn_row_value(rows, 0) == NULL);
    }
    close_rows(f, rows);
}

static void no_row_before_next(fixture *f)
{
    tn_rows *rows = query(f, f->db, "select 1", NULL);

    check(f, tn_row_value(rows, 0) == NULL);
    check(f, tn_rows_column(rows, 0) != NULL);
    next(f, rows);
    check(f, tn_row_value(rows, 0) != NULL && tn_row_value(rows, 1) == NULL);
    close_rows(f, rows);
}

static void closed_at_once(fixture *f)
{
    tn_db *client = open_pool(f, "1", "5000");

    close_rows(f, query(f, client, hundred_thousand, NULL));
    check_int(f, int_of(f, client, "select 1", NULL), 1);
}

/* The one connection of the pool is fine afterwards, however the answer was left. */
static void closed_in_the_middle(fixture *f)
{
    tn_db *client = open_pool(f, "1", "5000");
    tn_call call = TN_CALL_INIT;
    static const tn_fetch ways[] = {TN_FETCH_STREAM, TN_FETCH_BUFFER, TN_FETCH_AUTO};

    for (size_t i = 0; i < SUITE_COUNT(ways); i++) {
        call.fetch = ways[i];
        tn_rows *rows = query_with(f, client, &call, hundred_thousand, NULL);
        for (int n = 0; n < 1000; n++)
            next(f, rows);
        close_rows(f, rows);
        check_int(f, int_of(f, client, "select 41 + 1", NULL), 42);
    }
}

static void closed_in_the_middle_of_a_transaction(fixture *f)
{
    tn_db *tx = begin(f, f->db);

    exec(f, tx, "create table {t} (n integer)", NULL);
    exec(f, tx, "insert into {t} values (1)", NULL);
    tn_rows *rows = query(f, tx, COUNT_TO("20000") "select n from s", NULL);
    next(f, rows);
    close_rows(f, rows);
    exec(f, tx, "insert into {t} values (2)", NULL);
    commit(f, tx);
    check_int(f, int_of(f, f->db, "select count(*) from {t}", NULL), 2);
}

/* Far too many to be read on: either the transaction goes on, or it is said that it failed. */
static void endless_rows_closed_in_a_transaction(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    int64_t affected = 0;

    exec(f, f->db, "create table {t} (n integer)", NULL);
    tn_db *tx = begin(f, f->db);
    exec(f, tx, "insert into {t} values (1)", NULL);
    tn_rows *rows = query(f, tx, COUNT_TO("2000000000") "select n from s", NULL);
    next(f, rows);
    tn_status closed = end_rows(f, rows, &err);
    tn_status after = tn_exec(tx, sql(f, "insert into {t} values (2)"), NULL, &affected, &err);
    if (closed == TN_OK) {
        check_int(f, after, TN_OK);
        commit(f, tx);
    } else {
        check_int(f, closed, TN_ABORTED);
        check_int(f, after, TN_ABORTED);
        rollback(f, tx);
    }
    check_int(f, int_of(f, f->db, "select count(*) from {t}", NULL), closed == TN_OK ? 2 : 0);
}

/* Whatever stood ready, was under way and was still to come when the other statement ran. */
static void all_rows_come_after_another_statement(fixture *f)
{
    tn_call call = TN_CALL_INIT;
    int64_t count = 0, sum = 0;

    call.fetch = TN_FETCH_STREAM;
    tn_db *tx = begin(f, f->db);
    tn_rows *rows = query_with(f, tx, &call, COUNT_TO("3000") "select n from s", NULL);
    while (tn_next(rows)) {
        sum += tn_row_int64(rows, 0);
        if (++count == 701)
            check_int(f, int_of(f, tx, "select 6 * 7", NULL), 42);
    }
    close_rows(f, rows);
    check_int(f, count, 3000);
    check_int(f, sum, 4501500);
    commit(f, tx);
}

static void closing_early_is_no_error(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    tn_rows *rows = query(f, f->db, hundred_thousand, NULL);

    next(f, rows);
    check_int(f, end_rows(f, rows, &err), TN_OK);
    check_int(f, err.status, TN_OK);
}

static void empty_answer_has_columns(fixture *f)
{
    exec(f, f->db, "create table {t} (id bigint, name text)", NULL);
    tn_rows *rows = query(f, f->db, "select id, name as label from {t}", NULL);
    check_int(f, (int64_t)tn_rows_columns(rows), 2);
    check_text(f, tn_rows_column(rows, 0)->name, "id");
    check_text(f, tn_rows_column(rows, 1)->name, "label");
    check(f, !tn_next(rows));
    close_rows(f, rows);
}

static void statements_between_rows(fixture *f)
{
    tn_db *tx = begin(f, f->db);
    int64_t outer = 0;

    exec(f, tx, "create table {t} (n integer)", NULL);
    tn_rows *rows = query(f, tx, COUNT_TO("5000") "select n from s", NULL);
    while (tn_next(rows)) {
        int64_t n = tn_row_int64(rows, 0);
        outer += n;
        if (n % 100 == 0)
            exec(f, tx, "insert into {t} values ($1)", tn_args((int32_t)n));
    }
    close_rows(f, rows);
    check_int(f, outer, 5000 * 5001 / 2);
    check_int(f, int_of(f, tx, "select count(*) from {t}", NULL), 50);
    commit(f, tx);
}

static void two_answers_interleaved(fixture *f)
{
    tn_db *tx = begin(f, f->db);
    tn_rows *a = query(f, tx, COUNT_TO("3000") "select n from s", NULL);
    next(f, a);
    tn_rows *b = query(f, tx, COUNT_TO("3000") "select n * 2 from s", NULL);

    for (int i = 1; i <= 3000; i++) {
        if (i > 1)
            next(f, a);
        next(f, b);
        check_int(f, tn_row_int64(b, 0), 2 * tn_row_int64(a, 0));
    }
    check(f, !tn_next(a) && !tn_next(b));
    close_rows(f, a);
    close_rows(f, b);
    rollback(f, tx);
}

/* The row that stands when another statement runs stays readable. */
static void row_outlives_another_statement(fixture *f)
{
    tn_db *session = acquire(f, f->db);
    tn_rows *rows = query(f, session, COUNT_TO("2000") "select n, 'row ' || cast(n as text) from s",
                          NULL);

    next(f, rows);
    tn_str text = tn_row_str(rows, 1);
    check_int(f, int_of(f, session, "select 7", NULL), 7);
    check_str(f, text, "row 1");
    next(f, rows);
    check_str(f, tn_row_str(rows, 1), "row 2");
    close_rows(f, rows);
}

static void two_answers_on_a_client(fixture *f)
{
    tn_rows *a = query(f, f->db, COUNT_TO("3000") "select n from s", NULL);
    tn_rows *b = query(f, f->db, COUNT_TO("3000") "select n from s", NULL);
    int64_t sum = 0;

    while (tn_next(a) && tn_next(b))
        sum += tn_row_int64(a, 0) - tn_row_int64(b, 0);
    close_rows(f, a);
    close_rows(f, b);
    check_int(f, sum, 0);
}

static void row_of_more_than_a_mebibyte(fixture *f)
{
    size_t length = (size_t)3 << 20;
    char *text = room(f, length + 1);

    memset(text, 'x', length);
    exec(f, f->db, "create table {t} (a text, b text)", NULL);
    exec(f, f->db, "insert into {t} values ($1, $2)", tn_args(text, text));
    exec(f, f->db, "insert into {t} values ('small', 'row')", NULL);
    tn_rows *rows = query(f, f->db, "select a, b from {t} order by length(a)", NULL);
    next(f, rows);
    check_str(f, tn_row_str(rows, 0), "small");
    next(f, rows);
    check_int(f, (int64_t)tn_row_str(rows, 0).len, (int64_t)length);
    check_int(f, (int64_t)tn_row_str(rows, 1).len, (int64_t)length);
    check(f, tn_row_str(rows, 1).ptr[length - 1] == 'x');
    close_rows(f, rows);
}

static void many_columns(fixture *f)
{
    size_t count = 300, size = 16 + count * 8, used;
    char *text = room(f, size);

    used = (size_t)snprintf(text, size, "select 0");
    for (size_t i = 1; i < count; i++)
        used += (size_t)snprintf(text + used, size - used, ", %zu", i);
    tn_rows *rows = query(f, f->db, text, NULL);
    check_int(f, (int64_t)tn_rows_columns(rows), (int64_t)count);
    next(f, rows);
    for (size_t i = 0; i < count; i++)
        check_int(f, tn_row_int64(rows, (int)i), (int64_t)i);
    close_rows(f, rows);
}

static void column_names(fixture *f)
{
    tn_rows *rows = query(f, f->db, "select 1 as a, 2 as \"B c\", 3 as \"ä\"", NULL);

    check_text(f, tn_rows_column(rows, 0)->name, "a");
    check_text(f, tn_rows_column(rows, 1)->name, "B c");
    check_text(f, tn_rows_column(rows, 2)->name, "ä");
    check(f, tn_rows_column(rows, 3) == NULL);
    next(f, rows);
    check_int(f, tn_col(rows, "B c"), 1);
    check_int(f, tn_row_int64(rows, tn_col(rows, "ä")), 3);
    close_rows(f, rows);
}

static void column_name_is_exact(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    tn_rows *rows = query(f, f->db, "select 1 as name", NULL);

    next(f, rows);
    check_int(f, tn_row_int64(rows, tn_col(rows, "NAME")), 0);
    close_fails_as(f, rows, TN_DATA, "42703", &err);
    check(f, strstr(err.message, "NAME") != NULL);
}

static void duplicate_column_names(fixture *f)
{
    tn_rows *rows = query(f, f->db, "select 1 as x, 2 as x, 3 as y", NULL);

    next(f, rows);
    check_int(f, tn_col(rows, "x"), 0);
    check_int(f, tn_row_int64(rows, 1), 2);
    check_int(f, tn_col(rows, "y"), 2);
    close_rows(f, rows);
}

static void column_modifiers(fixture *f)
{
    exec(f, f->db, "create table {t} (a varchar(25), b numeric(12,4), c text, d integer)", NULL);
    tn_rows *rows = query(f, f->db, "select a, b, c, d from {t}", NULL);
    check_int(f, tn_rows_column(rows, 0)->type, TN_TYPE_TEXT);
    check_int(f, tn_rows_column(rows, 0)->modifier, 25);
    check_int(f, tn_rows_column(rows, 1)->modifier, 12 << 16 | 4);
    check_int(f, tn_rows_column(rows, 2)->modifier, -1);
    check_int(f, tn_rows_column(rows, 3)->modifier, -1);
    check(f, !tn_next(rows));
    close_rows(f, rows);
}

static void column_types_and_names(fixture *f)
{
    exec(f, f->db, "create table {t} (a bigint, b text)", NULL);
    tn_rows *rows = query(f, f->db, "select a, b as renamed from {t}", NULL);
    check_int(f, tn_rows_column(rows, 0)->type, TN_TYPE_INT64);
    check(f, tn_rows_column(rows, 0)->type_name[0] != '\0');
    check_int(f, tn_rows_column(rows, 1)->type, TN_TYPE_TEXT);
    check_text(f, tn_rows_column(rows, 1)->name, "renamed");
    check(f, !tn_next(rows));
    close_rows(f, rows);
}

static void table_of_a_column(fixture *f)
{
    exec(f, f->db, "create table {t} (a integer)", NULL);
    tn_rows *rows = query(f, f->db, "select a, 1 + 1 as two from {t}", NULL);
    const char *table = tn_rows_column(rows, 0)->table;

    check(f, !table[0] || strcmp(table, table_name(f, 't')) == 0);
    check_text(f, tn_rows_column(rows, 1)->table, "");
    close_rows(f, rows);
}

static void types_of_expressions_as_declared(fixture *f)
{
    tn_rows *rows = query(f, f->db, "select 1 + 1, 'a' || 'b', count(*) where 1 = 0", NULL);

    check_int(f, (int64_t)tn_rows_columns(rows), 3);
    if (has(f, TN_CAP_COLUMN_TYPES))
        for (size_t i = 0; i < 3; i++)
            check(f, tn_rows_column(rows, i)->type != TN_TYPE_NULL);
    next(f, rows);
    close_rows(f, rows);
}

static void view_stays_until_next(fixture *f)
{
    tn_rows *rows = query(
        f, f->db, COUNT_TO("3000") "select 'a' || cast(n as text), 'b' || cast(n as text) from s",
        NULL);
    char first[16], second[16];

    for (int i = 1; i <= 3000; i++) {
        next(f, rows);
        tn_str a = tn_row_str(rows, 0);
        tn_str b = tn_row_str(rows, 1);
        snprintf(first, sizeof(first), "a%d", i);
        snprintf(second, sizeof(second), "b%d", i);
        check_str(f, a, first);
        check_str(f, b, second);
        check(f, a.ptr[a.len] == '\0' && b.ptr[b.len] == '\0');
    }
    close_rows(f, rows);
}

static void affected_and_tag_at_the_end(fixture *f)
{
    exec(f, f->db, "create table {t} (n integer)", NULL);
    tn_rows *rows = query(f, f->db, "insert into {t} values (1), (2)", NULL);
    check_int(f, (int64_t)tn_rows_columns(rows), 0);
    check(f, !tn_next(rows));
    check_int(f, tn_rows_affected(rows), 2);
    const char *tag = tn_rows_tag(rows);
    check(f, tag && (!tag[0] || strncmp(tag, "INSERT", 6) == 0));
    close_rows(f, rows);
    rows = query(f, f->db, "select n from {t}", NULL);
    while (tn_next(rows))
        ;
    check_int(f, tn_rows_affected(rows), 2);
    tag = tn_rows_tag(rows);
    check(f, tag && (!tag[0] || strncmp(tag, "SELECT", 6) == 0));
    close_rows(f, rows);
}

static void statement_error_comes_out_of_close(fixture *f)
{
    tn_rows *rows = query(f, f->db, "select a from nowhere_at_all", NULL);

    check(f, rows != NULL);
    check(f, tn_rows_status(rows) != TN_OK);
    check_int(f, (int64_t)tn_rows_columns(rows), 0);
    check(f, !tn_next(rows) && !tn_next(rows));
    check(f, tn_rows_column(rows, 0) == NULL && tn_row_value(rows, 0) == NULL);
    close_fails(f, rows, TN_SYNTAX, "42P01");
}

static void readers_without_a_row_stick(fixture *f)
{
    tn_rows *rows = query(f, f->db, "select 1", NULL);

    check_int(f, tn_row_int64(rows, 0), 0);
    check(f, tn_rows_status(rows) != TN_OK);
    check(f, !tn_next(rows));
    check(f, end_rows(f, rows, NULL) != TN_OK);
}

static void first_error_is_kept(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    tn_rows *rows = query(f, f->db, "select 'text' as word, 70000 as big", NULL);
    int n = 0;
    int16_t small = 0;

    next(f, rows);
    check(f, tn_read(rows, 0, &n) == TN_DATA);
    check(f, tn_read(rows, 1, &small) != TN_OK);
    check(f, !tn_next(rows));
    close_fails_as(f, rows, TN_DATA, NULL, &err);
    check(f, strstr(err.message, "word") != NULL);
}

static void error_in_the_middle_of_rows(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    tn_rows *rows = query(f, f->db,
                          COUNT_TO("5000") "select n, case when n = 4000 then 'late' else 'x' end "
                                           "from s",
                          NULL);
    int64_t count = 0;

    while (tn_next(rows)) {
        int64_t wrong = 0;
        count++;
        if (tn_row_str(rows, 1).len == 4)
            (void)tn_read(rows, 1, &wrong);
    }
    close_fails_as(f, rows, TN_DATA, NULL, &err);
    check_int(f, count, 4000);
}

static void query_inside_a_failed_loop_is_fine(fixture *f)
{
    tn_rows *rows = query(f, f->db, "selec", NULL);

    check_int(f, int_of(f, f->db, "select 9", NULL), 9);
    close_fails(f, rows, TN_SYNTAX, "42601");
}

static const suite_case cases[] = {
    CASE(all_rows_in_order, TN_CAP_SQL),
    CASE(streamed, TN_CAP_SQL),
    CASE(buffered, TN_CAP_SQL),
    CASE(fetched_as_the_library_likes, TN_CAP_SQL),
    CASE(next_after_the_end, TN_CAP_SQL),
    CASE(no_row_before_next, TN_CAP_SQL),
    CASE(closed_at_once, TN_CAP_SQL),
    CASE(closed_in_the_middle, TN_CAP_SQL),
    CASE(closed_in_the_middle_of_a_transaction, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
    CASE(endless_rows_closed_in_a_transaction, TN_CAP_SQL | TN_CAP_TRANSACTIONS | TN_CAP_CANCEL),
    CASE(all_rows_come_after_another_statement, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
    CASE(closing_early_is_no_error, TN_CAP_SQL),
    CASE(empty_answer_has_columns, TN_CAP_SQL),
    CASE(statements_between_rows, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
    CASE(two_answers_interleaved, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
    CASE(row_outlives_another_statement, TN_CAP_SQL),
    CASE(two_answers_on_a_client, TN_CAP_SQL),
    CASE(row_of_more_than_a_mebibyte, TN_CAP_SQL),
    CASE(many_columns, TN_CAP_SQL),
    CASE(column_names, TN_CAP_SQL),
    CASE(column_name_is_exact, TN_CAP_SQL),
    CASE(duplicate_column_names, TN_CAP_SQL),
    CASE(column_modifiers, TN_CAP_SQL),
    CASE(column_types_and_names, TN_CAP_SQL),
    CASE(table_of_a_column, TN_CAP_SQL),
    CASE(types_of_expressions_as_declared, TN_CAP_SQL),
    CASE(view_stays_until_next, TN_CAP_SQL),
    CASE(affected_and_tag_at_the_end, TN_CAP_SQL),
    CASE(statement_error_comes_out_of_close, TN_CAP_SQL),
    CASE(readers_without_a_row_stick, TN_CAP_SQL),
    CASE(first_error_is_kept, TN_CAP_SQL),
    CASE(error_in_the_middle_of_rows, TN_CAP_SQL),
    CASE(query_inside_a_failed_loop_is_fine, TN_CAP_SQL),
};

GROUP(rows);
