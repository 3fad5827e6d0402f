/* SPDX-License-Identifier: MIT */
/* Reading tables of a PostgreSQL of the test's own: those that COPY would refuse, tables that
 * others change, and faults in the middle. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "expect.h"
#include "server.h"

static test_server server;
static PGconn *admin;

static int fresh(void **state)
{
    tn_error err = TN_ERROR_INIT;
    char url[256];

    test_server_run(
        admin,
        "set client_min_messages = warning; drop schema public cascade; create schema public;"
        " grant all on schema public to public; set role app;"
        " create table t (id bigint primary key, name text);"
        " insert into t select i, repeat('x', 200) from generate_series(1, 100000) i; reset role");
    tn_config *config = tn_config_from_url(
        test_server_url(&server, "app:apppw", "app", NULL, url, sizeof(url)), &err);
    assert_non_null(config);
    expect_ok(tn_config_set(config, "min_connections", "0", &err));
    expect_ok(tn_config_set(config, "max_connections", "1", &err));
    *state = tn_open(config, &err);
    tn_config_free(config);
    assert_non_null(*state);
    return 0;
}

/* Whatever happened: nothing is in use, and the next statement works. */
static int close_usable(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_pool_stats stats;
    int32_t one = 0;

    tn_db_pool_stats(*state, &stats);
    assert_int_equal(stats.in_use, 0);
    expect_ok(tn_get(*state, "select 1", NULL, tn_into(&one), &err));
    assert_int_equal(one, 1);
    expect_ok(tn_db_close(*state, &err));
    return 0;
}

static void make(const char *sql)
{
    test_server_run(admin, "set role app");
    test_server_run(admin, sql);
    test_server_run(admin, "reset role");
}

/* The rows of a table, and the sum of their first column. */
static tn_status sum_of(tn_db *db, const char *table, const char *columns, int64_t *ret_rows,
                        int64_t *ret_sum, tn_error *err)
{
    tn_rows *rows;

    *ret_rows = *ret_sum = 0;
    tn_status status = tn_bulk_read(db, NULL, table, columns, &rows, err);
    if (status != TN_OK)
        return status;
    for (; tn_next(rows); ++*ret_rows)
        *ret_sum += tn_row_int64(rows, 0);
    return tn_close(rows, err);
}

static void expect_sum(tn_db *db, const char *table, const char *columns, int64_t rows, int64_t sum)
{
    tn_error err = TN_ERROR_INIT;
    int64_t n, found;

    expect_ok(sum_of(db, table, columns, &n, &found, &err));
    assert_int_equal(n, rows);
    assert_int_equal(found, sum);
}

/* ---- tables of every kind -------------------------------------------------------------------- */

static void what_copy_does_not_take(void **state)
{
    make("create view w as select id, name from t where id <= 10;"
         "create table p (id bigint, name text) partition by list (name);"
         "create table pa partition of p for values in ('a');"
         "create table pb partition of p default;"
         "insert into p values (1, 'a'), (2, 'b'), (4, null);"
         "create materialized view mw as select sum(id)::bigint as total from p");
    expect_sum(*state, "w", "id", 10, 55);
    expect_sum(*state, "p", NULL, 3, 7);
    expect_sum(*state, "pa", "id", 1, 1);
    expect_sum(*state, "mw", "total", 1, 7);
}

static void under_row_security(void **state)
{
    make(
        "create table r (id bigint, name text); insert into r select id, name from t where id <= 9;"
        "alter table r enable row level security; alter table r force row level security;"
        "create policy a_few on r using (id < 5)");
    expect_sum(*state, "r", NULL, 4, 10);
}

static void a_schema_and_odd_names(void **state)
{
    make("create schema \"Odd \"\"one\"\"\";"
         "create table \"Odd \"\"one\"\"\".\"select\" (\"from\" bigint, \"user\" bigint);"
         "insert into \"Odd \"\"one\"\"\".\"select\" values (1, 2), (10, 20)");
    expect_sum(*state, "\"Odd \"\"one\"\"\".\"select\"", "\"user\", \"from\"", 2, 22);
    expect_sum(*state, "\"Odd \"\"one\"\"\" . \"select\"", NULL, 2, 11);
}

static void types_of_the_users_own(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_rows *rows;

    make("create type color as enum ('red', 'green'); create domain age as integer;"
         "create table own (c color, a age, n inet, m money, t text[]);"
         "insert into own values ('green', 7, '10.0.0.1/8', 12.5, '{a,NULL}')");
    expect_ok(tn_bulk_read(*state, NULL, "own", NULL, &rows, &err));
    assert_true(tn_next(rows));
    assert_int_equal(tn_row_str(rows, 0).len, 5);
    assert_memory_equal(tn_row_str(rows, 0).ptr, "green", 5);
    assert_int_equal(tn_row_int32(rows, 1), 7);
    assert_int_equal(tn_row_array(rows, 4).count, 2);
    assert_false(tn_next(rows));
    expect_ok(tn_close(rows, &err));
}

/* ---- others ---------------------------------------------------------------------------------- */

/* A transaction that did not touch the table is not failed by what was known of it before. */
static void altered_before_a_transaction_reads(void **state)
{
    tn_error err = TN_ERROR_INIT;
    int32_t one = 0;
    tn_rows *rows;
    tn_db *tx;

    make("create table a (id bigint); insert into a values (1), (2)");
    expect_sum(*state, "a", NULL, 2, 3);
    expect_ok(tn_begin(*state, NULL, &tx, &err));
    expect_ok(tn_get(tx, "select 1", NULL, tn_into(&one), &err));
    make("alter table a add column more text default 'x'");
    expect_ok(tn_bulk_read(tx, NULL, "a", NULL, &rows, &err));
    assert_int_equal(tn_rows_columns(rows), 2);
    expect_ok(tn_close(rows, &err));
    expect_ok(tn_commit(tx, &err));
}

/* What others write meanwhile is not among the rows. */
static void all_of_one_moment(void **state)
{
    tn_error err = TN_ERROR_INIT;
    int64_t n = 1;
    tn_rows *rows;

    expect_ok(tn_bulk_read(*state, NULL, "t", "id", &rows, &err));
    assert_true(tn_next(rows));
    make("insert into t select -i from generate_series(1, 1000) i; delete from t where id > 50000");
    while (tn_next(rows))
        n += tn_row_int64(rows, 0) > 0 ? 1 : 1000000;
    expect_ok(tn_close(rows, &err));
    assert_int_equal(n, 100000);
}

static void its_deadline_while_the_server_waits(void **state)
{
    tn_bulk_read_options options = TN_BULK_READ_OPTIONS_INIT;
    PGconn *other = test_server_connect(&server, "app");
    tn_error err = TN_ERROR_INIT;
    tn_rows *rows = NULL;

    test_server_run(other, "begin; lock table t");
    options.timeout_ms = 300;
    expect_error(tn_bulk_read(*state, &options, "t", NULL, &rows, &err), TN_TIMEOUT, "57014");
    assert_null(rows);
    PQfinish(other);
}

/* ---- faults ---------------------------------------------------------------------------------- */

static int backend_that_reads(void)
{
    return (int)test_server_number(admin, "select pid from pg_stat_activity where usename = 'app'"
                                          " and query like '%tn__rows%' and state = 'active'");
}

/* More is to come than the sockets hold, so the server is in the middle of it. */
static void a_session_that_is_ended(void **state)
{
    tn_error err = TN_ERROR_INIT;
    char sql[80];
    int64_t n = 1;
    tn_rows *rows;

    expect_ok(tn_bulk_read(*state, NULL, "t", NULL, &rows, &err));
    assert_true(tn_next(rows));
    snprintf(sql, sizeof(sql), "select pg_terminate_backend(%d)", backend_that_reads());
    test_server_run(admin, sql);
    for (; tn_next(rows); n++)
        assert_int_equal(tn_row_str(rows, 1).len, 200);
    assert_true(n < 100000);
    expect_status(tn_close(rows, &err), TN_LOST);
}

/* A value that cannot be made shows in the middle: the rows before it were given. */
static void an_error_in_the_middle(void **state)
{
    tn_error err = TN_ERROR_INIT;
    int64_t n = 0;
    tn_rows *rows;

    make("create view bad as select 1000000 / (id - 70000) as q, name from t order by id");
    expect_ok(tn_bulk_read(*state, NULL, "bad", NULL, &rows, &err));
    while (tn_next(rows))
        n++;
    assert_int_equal(n, 69999);
    expect_error(tn_close(rows, &err), TN_DATA, "22012");
}

static int set_up(void **state)
{
    static const char *const settings[] = {"fsync=off", "autovacuum=off", NULL};

    (void)state;
    test_server_create(&server, settings, NULL, "apppw");
    admin = test_server_connect(&server, "app");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    PQfinish(admin);
    test_server_remove(&server);
    return 0;
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, fresh, close_usable)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(what_copy_does_not_take),
        CASE(under_row_security),
        CASE(a_schema_and_odd_names),
        CASE(types_of_the_users_own),
        CASE(altered_before_a_transaction_reads),
        CASE(all_of_one_moment),
        CASE(its_deadline_while_the_server_waits),
        CASE(a_session_that_is_ended),
        CASE(an_error_in_the_middle),
    };

    return cmocka_run_group_tests_name("bulk_read", tests, set_up, tear_down);
}
