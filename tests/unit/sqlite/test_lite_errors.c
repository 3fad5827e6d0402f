/* SPDX-License-Identifier: MIT */
/* SQLSTATEs, PostgreSQL's words, and the names of constraints. */
#include "lite_test.h"

#include <stdio.h>
#include <string.h>

static void texts(void **state)
{
    static const struct {
        const char *sql;
        const char *sqlstate;
        const char *message;
    } cases[] = {
        {"select * from nosuch", "42P01", "relation \"nosuch\" does not exist"},
        {"drop table nosuch", "42P01", "relation \"nosuch\" does not exist"},
        {"drop view nosuch", "42P01", "view \"nosuch\" does not exist"},
        {"drop index nosuch", "42704", "index \"nosuch\" does not exist"},
        {"select nosuch from t", "42703", "column \"nosuch\" does not exist"},
        {"insert into t (nosuch) values (1)", "42703",
         "column \"nosuch\" of relation \"t\" does not exist"},
        {"update t set nosuch = 1", "42703", "column \"nosuch\" does not exist"},
        {"select nosuch(1)", "42883", "function nosuch does not exist"},
        {"select abs(1, 2)", "42883", NULL},
        {"selec 1", "42601", "syntax error at or near \"selec\""},
        {"select 1 from", "42601", "syntax error at end of input"},
        {"select 1 + from t", "42601", "syntax error at or near \"from\""},
        {"create table t (a integer)", "42P07", "relation \"t\" already exists"},
        {"create index i on t (a)", "42P07", "relation \"i\" already exists"},
        {"select a from t, t as u", "42702", "column reference \"a\" is ambiguous"},
        {"create table z (a integer, a integer)", "42701", "column \"a\" specified more than once"},
        {"alter table t add column a integer", "42701", "column \"a\" specified more than once"},
        {"insert into t values (1)", "42601", NULL},
        {"insert into t (a, b) values (1)", "42601", NULL},
        {"select 1 union select 1, 2", "42601", NULL},
        {"values (1), (1, 2)", "42601", NULL},
        {"select (select 1, 2)", "42601", NULL},
        {"select a from t where count(*) > 1", "42803", NULL},
        {"select 1 order by 9", "42P10", NULL},
        {"insert into t (a) values (1) on conflict (b) do nothing", "42P10", NULL},
        {"drop view t", "42809", NULL},
        {"insert into w values (1)", "55000", NULL},
        {"select sum(x) from (select 9223372036854775807 as x union all select 1)", "22003",
         "bigint out of range"},
        {"select json('{')", "22P02", NULL},
        {"insert into t (a) values ('x')", "22P02", NULL},
        {"select zeroblob(2000000000)", "54000", NULL},
    };
    lite_test *t = *state;

    lite_test_open(t);
    (void)lite_q(t, "create table t (a integer primary key, b text)");
    (void)lite_q(t, "create index i on t (b)");
    (void)lite_q(t, "create view w as select a from t");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        lite_fails(t, cases[i].sql, cases[i].sqlstate);
        if (cases[i].message && strcmp(t->err.message, cases[i].message) != 0)
            fail_msg("%s: \"%s\"", cases[i].sql, t->err.message);
        assert_int_equal(t->err.outcome, TN_OUTCOME_NOT_APPLIED);
        assert_memory_equal(t->err.detail, "SQLite: ", 8); /* its own words are kept */
    }
}

/* PostgreSQL takes a call without parentheses around it. */
static void calls_as_defaults(void **state)
{
    static const struct {
        const char *sql;
        const char *hint;
    } cases[] = {
        {"create table d (\"ä\" integer, b timestamptz not null default now(), c text)",
         "write default (now()): SQLite wants parentheses around a call"},
        {"create table d (b timestamptz DEFAULT /* x */ Now ( ))",
         "write default (Now()): SQLite wants parentheses around a call"},
        {"create table d (id uuid default gen_random_uuid() primary key)",
         "write default (gen_random_uuid()): SQLite wants parentheses around a call"},
        {"alter table t add column b text default lower('X')",
         "write default (lower(...)): SQLite wants parentheses around a call"},
        {"create table d (a integer, (b))", ""},
        {"create table d (a integer default 1 (b))", ""},
        {"select default now()", ""},
    };
    lite_test *t = *state;

    lite_test_open(t);
    (void)lite_q(t, "create table t (a integer)");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        lite_fails(t, cases[i].sql, "42601");
        if (strcmp(t->err.hint, cases[i].hint) != 0)
            fail_msg("%s: \"%s\"", cases[i].sql, t->err.hint);
    }
    (void)lite_q(t, "create table d (id uuid default (gen_random_uuid()), b text default (now()))");
}

static void violates(lite_test *t, const char *sql, const char *sqlstate, const char *table,
                     const char *constraint)
{
    lite_fails(t, sql, sqlstate);
    assert_int_equal(t->err.status, TN_CONSTRAINT);
    if (strcmp(t->err.table, table) != 0 || strcmp(t->err.constraint, constraint) != 0)
        fail_msg("%s: table \"%s\", constraint \"%s\": %s", sql, t->err.table, t->err.constraint,
                 t->err.message);
}

static void unique_keys(void **state)
{
    lite_test *t = *state;

    lite_test_open(t);
    (void)lite_q(t, "create table t (id integer primary key, a text unique, b integer, c integer "
                    "constraint only_c unique, d text, e text, unique (b, d))");
    (void)lite_q(t, "create unique index low_e on t (e)");
    (void)lite_q(t, "create unique index expr on t (lower(e) || 'x')");
    (void)lite_q(t, "insert into t values (1, 'a', 2, 3, 'd', 'e')");
    violates(t, "insert into t (id) values (1)", "23505", "t", "t_pkey");
    assert_string_equal(t->err.message,
                        "duplicate key value violates unique constraint \"t_pkey\"");
    violates(t, "insert into t (a) values ('a')", "23505", "t", "t_a_key");
    violates(t, "insert into t (b, d) values (2, 'd')", "23505", "t", "t_b_d_key");
    violates(t, "insert into t (c) values (3)", "23505", "t", "only_c");
    violates(t, "insert into t (e) values ('E')", "23505", "t", "expr");
    (void)lite_q(t, "drop index expr");
    violates(t, "insert into t (e) values ('e')", "23505", "t", "low_e");
}

/* CREATE UNIQUE INDEX where the rows are there already. */
static void duplicates_below_an_index(void **state)
{
    static const struct {
        const char *sql;
        const char *index;
    } cases[] = {
        {"create unique index dux on t (a)", "dux"},
        {"create unique index if not exists DUX on T (a, b)", "dux"},
        {"create unique index main . dux on t (a) where b = 2", "dux"},
        {"create unique index if not exists main.\"The on\" on \"t\" (a)", "The on"},
        {"create unique index expr on t (lower(a))", "expr"},
        {"/* on */ create unique index \"if\" on t (a)", "if"},
    };
    lite_test *t = *state;
    char message[96];

    lite_test_open(t);
    (void)lite_q(t, "create table t (a text, b integer)");
    (void)lite_q(t, "insert into t values ('x', 2), ('x', 2)");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        violates(t, cases[i].sql, "23505", "t", cases[i].index);
        (void)snprintf(message, sizeof message, "could not create unique index \"%s\"",
                       cases[i].index);
        assert_string_equal(t->err.message, message);
    }
    (void)lite_q(t, "create index dux on t (a)"); /* nothing of it was left */
    /* A name that the driver does not read is left out. */
    violates(t, "create unique index [d 2] on t (a)", "23505", "t", "");
    assert_string_equal(t->err.message, "duplicate key value violates a unique constraint");
}

static void primary_keys(void **state)
{
    lite_test *t = *state;

    lite_test_open(t);
    (void)lite_q(t, "create table p (a text, b text, constraint my_key primary key (a, b))");
    (void)lite_q(t, "insert into p values ('x', 'y')");
    violates(t, "insert into p values ('x', 'y')", "23505", "p", "my_key");
    (void)lite_q(t, "create table w (a text primary key) without rowid");
    (void)lite_q(t, "insert into w values ('x')");
    violates(t, "insert into w values ('x')", "23505", "w", "w_pkey");
    (void)lite_q(t, "create temp table s (a text primary key)");
    (void)lite_q(t, "insert into s values ('x')");
    violates(t, "insert into s values ('x')", "23505", "s", "s_pkey");
}

/* PostgreSQL's rule for names that are too long. */
static void long_names(void **state)
{
    static const char long_table[] = "a_table_with_a_rather_long_name_of_forty_four";
    lite_test *t = *state;
    char sql[300];

    lite_test_open(t);
    (void)snprintf(sql, sizeof sql, "create table %s (a_column_with_a_long_name_too text unique)",
                   long_table);
    (void)lite_q(t, sql);
    (void)snprintf(sql, sizeof sql, "insert into %s values ('x'), ('x')", long_table);
    violates(t, sql, "23505", long_table,
             "a_table_with_a_rather_long_na_a_column_with_a_long_name_too_key");
    assert_int_equal(strlen(t->err.constraint), 63);
}

static void not_null(void **state)
{
    lite_test *t = *state;

    lite_test_open(t);
    (void)lite_q(t, "create table t (a integer not null)");
    violates(t, "insert into t values (null)", "23502", "t", "");
    assert_string_equal(t->err.column, "a");
    assert_string_equal(
        t->err.message,
        "null value in column \"a\" of relation \"t\" violates not-null constraint");
}

static void checks(void **state)
{
    lite_test *t = *state;

    lite_test_open(t);
    (void)lite_q(t, "create table t (a integer check (a > 0) check ( a < 100 ), b integer "
                    "constraint b_even check (b % 2 = 0), c integer, d integer, check (c < d), "
                    "check (c <> 7))");
    violates(t, "insert into t (a) values (0)", "23514", "t", "t_a_check");
    assert_string_equal(t->err.message,
                        "new row for relation \"t\" violates check constraint \"t_a_check\"");
    violates(t, "insert into t (a) values (100)", "23514", "t", "t_a_check1");
    violates(t, "insert into t (b) values (1)", "23514", "t", "b_even");
    violates(t, "insert into t (c, d) values (2, 1)", "23514", "t", "t_check");
    violates(t, "insert into t (c) values (7)", "23514", "t", "t_c_check");
    (void)lite_q(t, "insert into t (c) values (1)");
    violates(t, "update t set c = 7", "23514", "t", "t_c_check");
    violates(t, "with q as (select 7 as c) insert into main.t (c) select c from q", "23514", "t",
             "t_c_check");
}

static void foreign_keys(void **state)
{
    lite_test *t = *state;

    lite_test_open(t);
    (void)lite_q(t, "create table p (id integer primary key)");
    (void)lite_q(t, "create table c (id integer primary key, pid integer references p (id))");
    (void)lite_q(t, "insert into p values (1)");
    (void)lite_q(t, "insert into c values (1, 1)");
    violates(t, "insert into c values (2, 9)", "23503", "c", "c_pid_fkey");
    assert_string_equal(t->err.message, "insert or update on table \"c\" violates foreign key "
                                        "constraint \"c_pid_fkey\"");
    violates(t, "update c set pid = 9", "23503", "c", "c_pid_fkey");
    violates(t, "delete from p", "23503", "c", "c_pid_fkey");
    assert_string_equal(t->err.message,
                        "update or delete on table \"p\" violates foreign key constraint "
                        "\"c_pid_fkey\" on table \"c\"");
    violates(t, "update p set id = 5", "23503", "c", "c_pid_fkey");

    /* Two that it may be: no name is better than a wrong one. */
    (void)lite_q(t, "create table d (pid integer constraint d_to_p references p (id) on delete "
                    "restrict)");
    (void)lite_q(t, "insert into d values (1)");
    violates(t, "delete from p", "23503", "", "");
    violates(t, "insert into d values (9)", "23503", "d", "d_to_p");
}

static void deferred_foreign_keys(void **state)
{
    lite_test *t = *state;

    lite_test_open(t);
    (void)lite_q(t, "create table p (id integer primary key)");
    (void)lite_q(t, "create table c (pid integer references p (id) deferrable initially deferred)");
    (void)lite_q(t, "begin");
    (void)lite_q(t, "insert into c values (1)");
    violates(t, "commit", "23503", "c", "c_pid_fkey");
    assert_int_equal(tn_driver_module.conn->state(t->conn), TN_CONN_IDLE);
    assert_string_equal(lite_q(t, "select count(*) from c"), "0\n");
    (void)lite_q(t, "begin");
    (void)lite_q(t, "insert into c values (1)");
    (void)lite_q(t, "insert into p values (1)");
    (void)lite_q(t, "commit");
    assert_string_equal(t->tag, "COMMIT");
}

static void triggers(void **state)
{
    lite_test *t = *state;

    lite_test_open(t);
    (void)lite_q(t, "create table t (a integer)");
    (void)lite_q(t, "create table u (a integer check (a < 5))");
    (void)lite_q(t, "create trigger g before delete on t begin select raise(abort, 'no way'); end");
    (void)lite_q(t, "create trigger h after insert on t begin insert into u values (new.a); end");
    (void)lite_q(t, "insert into t values (1)");
    lite_fails(t, "delete from t", "P0001");
    assert_string_equal(t->err.message, "no way");
    lite_fails(t, "insert into t values (9)", "23514");
    assert_string_equal(t->err.constraint, ""); /* of another table than the statement's */
}

/* An error leaves nothing of its statement. */
static void nothing_is_applied(void **state)
{
    lite_test *t = *state;

    lite_test_open(t);
    (void)lite_q(t, "create table t (a integer unique)");
    lite_fails(t, "insert into t values (1), (2), (1)", "23505");
    assert_string_equal(lite_q(t, "select count(*) from t"), "0\n");
    (void)lite_q(t, "begin");
    (void)lite_q(t, "insert into t values (7)");
    (void)lite_q(t, "savepoint s");
    lite_fails(t, "insert into t values (1), (2), (1)", "23505");
    (void)lite_q(t, "rollback to s");
    (void)lite_q(t, "commit");
    assert_string_equal(lite_q(t, "select a from t"), "7\n");
}

/* Another connection has changed the schema: an error is still told as what it is. */
static void schema_changed_by_another(void **state)
{
    lite_test *t = *state;

    lite_test_open(t);
    (void)lite_test_connect(t, 1);
    (void)lite_q(t, "create temp table own (a integer)");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(lite_try(t, t->conns[1], "create table z (a integer)", NULL, 0), TN_OK);
        lite_fails(t, "select nosuch", "42703");
        assert_int_equal(lite_try(t, t->conns[1], "drop table z", NULL, 0), TN_OK);
        (void)lite_q(t, "begin");
        (void)lite_q(t, "insert into own values (1)");
        lite_fails(t, "selec", "42601");
        (void)lite_q(t, "rollback");
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, lite_test_begin, lite_test_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(texts),
        TEST(calls_as_defaults),
        TEST(unique_keys),
        TEST(duplicates_below_an_index),
        TEST(primary_keys),
        TEST(long_names),
        TEST(not_null),
        TEST(checks),
        TEST(foreign_keys),
        TEST(deferred_foreign_keys),
        TEST(triggers),
        TEST(nothing_is_applied),
        TEST(schema_changed_by_another),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
