/* SPDX-License-Identifier: MIT */
/* The rows of a table by its name: which come, in what order, what is refused, and what is left
 * when somebody has enough of them. */
#include <string.h>

#include "suite.h"

#define NEEDS (TN_CAP_SQL | TN_CAP_TRANSACTIONS)

enum { MANY = 20000 };

static void create_on(fixture *f, tn_db *db)
{
    exec(f, db, "create table {t} (id bigint primary key, name text, n integer)", NULL);
}

static void fill(fixture *f, tn_db *db)
{
    create_on(f, db);
    exec(f, db, "insert into {t} values (3, 'b', 30), (1, 'c', 10), (-2, null, null), (2, 'b', 20)",
         NULL);
}

static void fill_many(fixture *f, tn_db *db)
{
    tn_error err = TN_ERROR_INIT;
    tn_bulk *bulk;

    create_on(f, db);
    check_ok(f, tn_bulk_open(db, NULL, table_name(f, 't'), "id, name", &bulk, &err), &err);
    for (int64_t i = 1; i <= MANY; i++)
        if (tn_bulk_row(bulk, tn_args(i, "one of many")) != TN_OK)
            break;
    check_ok(f, tn_bulk_finish(bulk, NULL, &err), &err);
}

static tn_status reading(fixture *f, tn_db *db, const char *columns, const char *order,
                         tn_rows **ret, tn_error *err)
{
    tn_bulk_read_options options = TN_BULK_READ_OPTIONS_INIT;

    options.order = order;
    return tn_bulk_read(db, &options, table_name(f, 't'), columns, ret, err);
}

static tn_rows *read_table(fixture *f, tn_db *db, const char *columns, const char *order)
{
    tn_error err = TN_ERROR_INIT;
    tn_rows *rows = NULL;

    check_ok(f, reading(f, db, columns, order, &rows, &err), &err);
    return keep_rows(f, rows);
}

/* ---- what comes ------------------------------------------------------------------------------ */

static void rows_come_out(fixture *f)
{
    const int64_t ids[] = {-2, 1, 2, 3};
    const char *const names[] = {NULL, "c", "b", "b"};

    fill(f, f->db);
    tn_rows *rows = read_table(f, f->db, "id, name", "id");
    check_int(f, (int64_t)tn_rows_columns(rows), 2);
    for (size_t i = 0; i < SUITE_COUNT(ids); i++) {
        next(f, rows);
        check_int(f, tn_row_int64(rows, 0), ids[i]);
        check(f, tn_row_is_null(rows, 1) == !names[i]);
        if (names[i])
            check_str(f, tn_row_str(rows, 1), names[i]);
    }
    check(f, !tn_next(rows));
    close_rows(f, rows);
}

static void in_no_order_all_the_same(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    tn_rows *rows = NULL;
    int64_t sum = 0, n = 0;

    fill(f, f->db);
    check_ok(f, tn_bulk_read(f->db, NULL, table_name(f, 't'), "id", &rows, &err), &err);
    for (keep_rows(f, rows); tn_next(rows); n++)
        sum += tn_row_int64(rows, 0);
    close_rows(f, rows);
    check_int(f, n, 4);
    check_int(f, sum, 4);
}

static void an_empty_table(fixture *f)
{
    create_on(f, f->db);
    tn_rows *rows = read_table(f, f->db, NULL, NULL);
    check_int(f, (int64_t)tn_rows_columns(rows), 3);
    check(f, !tn_next(rows));
    close_rows(f, rows);
}

static void all_columns_in_their_order(fixture *f)
{
    static const char *const names[] = {"id", "name", "n"};

    fill(f, f->db);
    tn_rows *rows = read_table(f, f->db, NULL, "id");
    check_int(f, (int64_t)tn_rows_columns(rows), 3);
    for (size_t i = 0; i < SUITE_COUNT(names); i++)
        check_text(f, tn_rows_column(rows, i)->name, names[i]);
    next(f, rows);
    check_int(f, tn_row_int64(rows, 0), -2);
    check(f, tn_row_is_null(rows, 2));
    close_rows(f, rows);
}

static void columns_as_they_are_named(fixture *f)
{
    fill(f, f->db);
    tn_rows *rows = read_table(f, f->db, "n,id", "id");
    check_text(f, tn_rows_column(rows, 0)->name, "n");
    check_text(f, tn_rows_column(rows, 1)->name, "id");
    next(f, rows);
    next(f, rows);
    check_int(f, tn_row_int64(rows, 0), 10);
    check_int(f, tn_row_int64(rows, 1), 1);
    close_rows(f, rows);
}

static void sorted_by_several(fixture *f)
{
    const int64_t ids[] = {2, 3, 1};

    fill(f, f->db);
    exec(f, f->db, "delete from {t} where name is null", NULL); /* its place is the engine's own */
    tn_rows *rows = read_table(f, f->db, "id", "name, n");
    for (size_t i = 0; i < SUITE_COUNT(ids); i++) {
        next(f, rows);
        check_int(f, tn_row_int64(rows, 0), ids[i]);
    }
    close_rows(f, rows);
}

static void names_as_in_sql(fixture *f)
{
    exec(f, f->db, "create table {t} (id integer, \"Full Name\" text, \"a\"\"b\" integer)", NULL);
    exec(f, f->db, "insert into {t} values (1, 'three', 2)", NULL);
    tn_rows *rows = read_table(f, f->db, " ID , /* x */ \"a\"\"b\",\n\"Full Name\" ",
                               "\"Full Name\"");
    next(f, rows);
    check_int(f, tn_row_int64(rows, 1), 2);
    check_str(f, tn_row_str(rows, 2), "three");
    close_rows(f, rows);
}

static void types_are_those_of_the_columns(fixture *f)
{
    exec(f, f->db, "create table {t} (u uuid, tz timestamptz, x bytea, b boolean)", NULL);
    exec(f, f->db,
         "insert into {t} values ('7d444840-9dc0-11d1-b245-5ffdce74fad2',"
         " '2024-02-29 12:34:56+00', $1, true)",
         tn_args(((tn_bytes){(const unsigned char *)"\0\xff", 2})));
    tn_rows *rows = read_table(f, f->db, NULL, NULL);
    next(f, rows);
    check_int(f, tn_row_value(rows, 0)->type, TN_TYPE_UUID);
    check_int(f, tn_row_value(rows, 1)->type, TN_TYPE_TIMESTAMPTZ);
    check_int(f, tn_row_value(rows, 2)->type, TN_TYPE_BYTES);
    check_int(f, tn_row_value(rows, 3)->type, TN_TYPE_BOOL);
    close_rows(f, rows);
}

static void more_than_a_socket_holds(fixture *f)
{
    int64_t sum = 0, n = 0;

    fill_many(f, f->db);
    tn_rows *rows = read_table(f, f->db, "name, id", NULL);
    for (; tn_next(rows); n++)
        sum += tn_row_int64(rows, 1);
    close_rows(f, rows);
    check_int(f, n, MANY);
    check_int(f, sum, (int64_t)MANY * (MANY + 1) / 2);
}

/* ---- where it is read ------------------------------------------------------------------------ */

static void within_a_transaction(fixture *f)
{
    tn_db *tx = begin(f, f->db);

    fill(f, tx);
    tn_rows *rows = read_table(f, tx, "id", "id");
    next(f, rows);
    check_int(f, tn_row_int64(rows, 0), -2);
    close_rows(f, rows);
    exec(f, tx, "insert into {t} values (-3, 'new', 1)", NULL);
    rows = read_table(f, tx, "id", "id");
    next(f, rows);
    check_int(f, tn_row_int64(rows, 0), -3);
    close_rows(f, rows);
    rollback(f, tx);
}

static void on_a_session_in_a_transaction_of_its_own(fixture *f)
{
    tn_db *session = acquire(f, f->db);

    fill(f, session);
    exec(f, session, "begin", NULL);
    for (int i = 0; i < 2; i++) {
        tn_rows *rows = read_table(f, session, NULL, "id");
        next(f, rows);
        close_rows(f, rows);
    }
    exec(f, session, "rollback", NULL);
    release(f, session);
}

/* Others are still being read: the rows of both come. */
static void two_at_once(fixture *f)
{
    int64_t sum = 0;

    fill(f, f->db);
    tn_db *tx = begin(f, f->db);
    tn_rows *first = read_table(f, tx, "id", "id");
    next(f, first);
    tn_rows *second = read_table(f, tx, "id", "id");
    while (tn_next(second))
        sum += tn_row_int64(second, 0);
    check_int(f, sum, 4);
    while (tn_next(first))
        sum += tn_row_int64(first, 0);
    check_int(f, sum, 4 + 6);
    close_rows(f, second);
    close_rows(f, first);
    commit(f, tx);
}

static void a_table_that_was_changed(fixture *f)
{
    fill(f, f->db);
    for (int i = 0; i < 2; i++)
        close_rows(f, read_table(f, f->db, NULL, "id"));
    exec(f, f->db, "alter table {t} add column more integer default 7", NULL);
    tn_rows *rows = read_table(f, f->db, NULL, "id");
    next(f, rows);
    check_int(f, (int64_t)tn_rows_columns(rows), 4);
    check_int(f, tn_row_int64(rows, 3), 7);
    close_rows(f, rows);
}

/* ---- what is refused, and the end ------------------------------------------------------------ */

static void only_names_are_taken(fixture *f)
{
    static const char *const tables[] = {"",      "a b",    "t; drop table t", "a.b.c.d", "\"\"",
                                         "'t'",   "a.",     "(select 1)",      "\"a",     "1a",
                                         "a\xff", "a--b\nc"};
    static const char *const columns[] = {"",         "id,",   "id,,name", "id name",
                                          "count(*)", "id; x", "\"id",     "*"};
    tn_rows *rows = NULL;
    tn_error err = TN_ERROR_INIT;

    fill(f, f->db);
    for (size_t i = 0; i < SUITE_COUNT(tables); i++) {
        rows = (tn_rows *)&err;
        check_error(f, tn_bulk_read(f->db, NULL, tables[i], "id", &rows, &err), &err, TN_SYNTAX,
                    "42602");
        check(f, !rows);
    }
    for (size_t i = 0; i < SUITE_COUNT(columns); i++) {
        check_error(f, reading(f, f->db, columns[i], NULL, &rows, &err), &err, TN_SYNTAX, "42602");
        check_error(f, reading(f, f->db, NULL, columns[i], &rows, &err), &err, TN_SYNTAX, "42602");
    }
    check_error(f, reading(f, f->db, "id", "id desc", &rows, &err), &err, TN_SYNTAX, "42602");
    check_error(f, reading(f, f->db, "id, ID", NULL, &rows, &err), &err, TN_SYNTAX, "42701");
    check(f, !rows);
}

static void what_is_not_there(fixture *f)
{
    tn_rows *rows = NULL;
    tn_error err = TN_ERROR_INIT;

    fill(f, f->db);
    check_error(f, tn_bulk_read(f->db, NULL, table_name(f, 'u'), NULL, &rows, &err), &err,
                TN_SYNTAX, "42P01");
    check_error(f, reading(f, f->db, "id, nope", NULL, &rows, &err), &err, TN_SYNTAX, "42703");
    check_error(f, reading(f, f->db, "id", "nope", &rows, &err), &err, TN_SYNTAX, "42703");
    /* The table's own name is no column either. */
    check_error(f, reading(f, f->db, table_name(f, 't'), NULL, &rows, &err), &err, TN_SYNTAX,
                "42703");
    check(f, !rows);
    check_int(f, int_of(f, f->db, "select count(*) from {t}", NULL), 4);
}

static void given_up_early(fixture *f)
{
    tn_db *client = open_pool(f, "1", "1000");

    fill_many(f, client);
    for (int i = 0; i < 2; i++) {
        tn_rows *rows = read_table(f, client, NULL, NULL);
        next(f, rows);
        close_rows(f, rows);
    }
    check_int(f, int_of(f, client, "select count(*) from {t}", NULL), MANY);
}

static void its_time_passes(fixture *f)
{
    tn_bulk_read_options options = TN_BULK_READ_OPTIONS_INIT;
    tn_error err = TN_ERROR_INIT;
    tn_rows *rows = NULL;
    int64_t n = 0;

    tn_db *client = open_pool(f, "1", "1000");
    fill_many(f, client);
    options.timeout_ms = 300;
    check_ok(f, tn_bulk_read(client, &options, table_name(f, 't'), NULL, &rows, &err), &err);
    next(f, keep_rows(f, rows));
    sleep_ms(310);
    while (tn_next(rows))
        n++;
    check(f, n < MANY - 1);
    close_fails(f, rows, TN_TIMEOUT, "57014");
    check_int(f, int_of(f, client, "select count(*) from {t}", NULL), MANY);
}

static void while_a_bulk_is_open(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    tn_rows *rows = NULL;
    tn_bulk *bulk;

    fill(f, f->db);
    tn_db *session = acquire(f, f->db);
    check_ok(f, tn_bulk_open(session, NULL, table_name(f, 't'), "id", &bulk, &err), &err);
    check_error(f, reading(f, session, "id", NULL, &rows, &err), &err, TN_MISUSE, NULL);
    tn_bulk_abandon(bulk);
    close_rows(f, read_table(f, session, "id", NULL));
    release(f, session);
}

static void refused_without_sql(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    tn_rows *rows = NULL;

    if (has(f, TN_CAP_SQL))
        skip(f, "the driver has SQL");
    check(f, tn_bulk_read(f->db, NULL, "t", "a", &rows, &err) != TN_OK);
    check(f, err.message[0] != '\0');
    check(f, !rows);
}

static const suite_case cases[] = {
    CASE(rows_come_out, NEEDS),
    CASE(in_no_order_all_the_same, NEEDS),
    CASE(an_empty_table, NEEDS),
    CASE(all_columns_in_their_order, NEEDS),
    CASE(columns_as_they_are_named, NEEDS),
    CASE(sorted_by_several, NEEDS),
    CASE(names_as_in_sql, NEEDS),
    CASE(types_are_those_of_the_columns, NEEDS),
    CASE(more_than_a_socket_holds, NEEDS),
    CASE(within_a_transaction, NEEDS),
    CASE(on_a_session_in_a_transaction_of_its_own, NEEDS),
    CASE(two_at_once, NEEDS),
    CASE(a_table_that_was_changed, NEEDS),
    CASE(only_names_are_taken, NEEDS),
    CASE(what_is_not_there, NEEDS),
    CASE(given_up_early, NEEDS),
    CASE(its_time_passes, NEEDS),
    CASE(while_a_bulk_is_open, NEEDS | TN_CAP_SAVEPOINTS),
    CASE(refused_without_sql, 0),
};

GROUP(bulk_read);
