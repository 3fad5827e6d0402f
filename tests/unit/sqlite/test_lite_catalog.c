/* SPDX-License-Identifier: MIT */
/* The schema of a file as a text: by what was meant, not by how it was written. */
#include "lite_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "sqlite/lite.h"

static void take(void *arg, tn_str piece)
{
    tn__buf_str(arg, piece);
}

/* The text, to be freed. */
static char *describe(lite_test *t, const char *schema)
{
    tn__buf text;

    tn__buf_init(&text, 1 << 20);
    assert_int_equal(
        lite_catalog_ops.describe(t->conn, tn_str_from(schema), t->deadline, take, &text, &t->err),
        TN_OK);
    char *taken = tn__buf_take(&text);
    assert_non_null(taken);
    return taken;
}

static void assert_schema(lite_test *t, const char *expected)
{
    char *text = describe(t, "");

    assert_string_equal(text, expected);
    free(text);
}

static void nothing_is_nothing(void **state)
{
    lite_test *t = *state;

    lite_test_open(t);
    assert_schema(t, "");
    (void)lite_q(t, "create table _tenon_migrations (version text)");
    (void)lite_q(t, "create index _i on _tenon_migrations (version)");
    (void)lite_q(t, "create temp table here (a int)");
    assert_schema(t, "");
}

static void tables_have_a_line_for_each_item(void **state)
{
    lite_test *t = *state;

    lite_test_open(t);
    (void)lite_q(t,
                 "CREATE TABLE IF NOT EXISTS Users(id INTEGER PRIMARY KEY AUTOINCREMENT, -- one\n"
                 "  email  text /* two */ not null UNIQUE default ('a, (b'),\n"
                 "  \"order\" numeric( 10 , 2 ) , check(\n length(email)>2 ),\n"
                 "  foreign key (id) references others (x) on delete cascade) ");
    (void)lite_q(t, "create table b (a text, primary key (a)) without rowid,  strict");
    (void)lite_q(t, "create table gone (a int)");
    (void)lite_q(t, "create unique index \"i 1\" on gone (a) where a > 0");
    (void)lite_q(t, "alter table gone rename to a_kept");
    (void)lite_q(t, "alter table a_kept add column   c int\n default 5");
    assert_schema(
        t, "-- table: \"Users\"\ncreate table \"Users\" (\n"
           "    id INTEGER PRIMARY KEY AUTOINCREMENT,\n"
           "    email text not null UNIQUE default ('a, (b'),\n"
           "    \"order\" numeric(10, 2),\n    check(length(email)>2),\n"
           "    foreign key (id) references others (x) on delete cascade\n);\n\n"
           "-- table: a_kept\ncreate table a_kept (\n    a int,\n    c int default 5\n);\n\n"
           "-- index: \"i 1\"\nCREATE UNIQUE INDEX \"i 1\" on \"a_kept\" (a) where a > 0;\n\n"
           "-- table: b\ncreate table b (\n    a text,\n    primary key (a)\n) without "
           "rowid, strict;\n\n");
}

static void bodies_lose_comments_and_keep_lines(void **state)
{
    lite_test *t = *state;

    lite_test_open(t);
    (void)lite_q(t, "create table a (x int)");
    (void)lite_q(t, "create view v as -- all\r\n  select x   from a");
    (void)lite_q(t,
                 "create trigger tr after update on a begin\n  -- table: evil\n"
                 "  update a set x = case when x > 1 then 2 else 3 end;\n\n  delete from a;\nend");
    (void)lite_q(t, "create view [w] as select `x` from a -- kept as it is");
    assert_schema(t, "-- table: a\ncreate table a (\n    x int\n);\n\n"
                     "-- view: v\nCREATE VIEW v as\n  select x   from a;\n\n"
                     "-- view: w\nCREATE VIEW [w] as select `x` from a -- kept as it is;\n\n"
                     "-- trigger: tr on a\nCREATE TRIGGER tr after update on a begin\n"
                     "  update a set x = case when x > 1 then 2 else 3 end;\n\n  delete from a;\n"
                     "end;\n\n");
}

static void only_main_is_a_schema(void **state)
{
    lite_test *t = *state;

    lite_test_open(t);
    char *text = describe(t, "main");
    free(text);
    assert_int_equal(
        lite_catalog_ops.describe(t->conn, tn_str_from("app"), t->deadline, take, NULL, &t->err),
        TN_SYNTAX);
    assert_string_equal(t->err.sqlstate, "3F000");
}

/* Nothing is written and nothing is left open. */
static void it_reads_within_and_without_a_transaction(void **state)
{
    lite_test *t = *state;

    lite_test_open(t);
    (void)lite_q(t, "begin");
    (void)lite_q(t, "create table t (a int)");
    assert_schema(t, "-- table: t\ncreate table t (\n    a int\n);\n\n");
    assert_int_equal(lite_conn_state(t->conn), TN_CONN_IN_TXN);
    (void)lite_q(t, "rollback");
    assert_schema(t, "");
    assert_int_equal(lite_conn_state(t->conn), TN_CONN_IDLE);
    (void)lite_q(t, "begin");
    lite_fails(t, "select * from nowhere", "42P01");
    assert_int_equal(
        lite_catalog_ops.describe(t->conn, tn_str_from(""), t->deadline, take, NULL, &t->err),
        TN_ABORTED);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, lite_test_begin, lite_test_end)
    const struct CMUnitTest tests[] = {
        TEST(nothing_is_nothing),
        TEST(tables_have_a_line_for_each_item),
        TEST(bodies_lose_comments_and_keep_lines),
        TEST(only_main_is_a_schema),
        TEST(it_reads_within_and_without_a_transaction),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
