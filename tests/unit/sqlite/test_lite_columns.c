/* SPDX-License-Identifier: MIT */
/* What the columns of an answer are said to be: names, types, tables. */
#include "lite_test.h"

#include <stdio.h>
#include <string.h>

static char described[512];

/* "name:type" of each column, with a blank between. */
static const char *columns(lite_test *t, const char *sql)
{
    tn_stmt_info info = {.size = sizeof info};
    tn_driver_stmt *stmt = NULL;
    size_t len = 0;

    described[0] = '\0';
    if (tn_driver_module.stmt->prepare(t->conn, tn_str_from(sql), TN_NO_DEADLINE, &stmt, &t->err) !=
        TN_OK)
        fail_msg("%s: %s", sql, t->err.message);
    tn_driver_module.stmt->describe(stmt, &info);
    for (size_t i = 0; i < info.n_columns; i++)
        len += (size_t)snprintf(described + len, sizeof described - len, "%s%s:%s", i ? " " : "",
                                info.columns[i].name,
                                info.columns[i].type ? tn_type_name(info.columns[i].type) : "-");
    tn_driver_module.stmt->close(stmt);
    return described;
}

static void make(lite_test *t)
{
    lite_test_open(t);
    (void)lite_q(t, "create table t (id integer primary key, at timestamptz, ok boolean, n "
                    "numeric(8,2), tags text[])");
}

static void of_tables(void **state)
{
    lite_test *t = *state;

    make(t);
    assert_string_equal(columns(t, "select * from t"),
                        "id:integer at:timestamp with time zone ok:boolean n:numeric tags:array");
    assert_string_equal(columns(t, "select q.ok as fine from (select ok from t) q"),
                        "fine:boolean");
    assert_string_equal(columns(t, "insert into t (id) values (1) returning id, at"),
                        "id:integer at:timestamp with time zone");
    assert_string_equal(columns(t, "with q as (select at from t) select * from q"),
                        "at:timestamp with time zone");
    (void)lite_q(t, "create table r (a text)");
    assert_string_equal(columns(t, "select rowid, a from r"), "rowid:bigint a:text");
}

static void of_expressions(void **state)
{
    lite_test *t = *state;

    make(t);
    assert_string_equal(columns(t, "select cast($1 as uuid)"), "uuid:uuid");
    assert_string_equal(columns(t, "select cast($1 as integer) as n, cast($2 as jsonb) doc"),
                        "n:integer doc:json");
    assert_string_equal(columns(t, "select cast(id as bigint) from t"), "id:bigint");
    assert_string_equal(columns(t, "select now(), gen_random_uuid() as id"),
                        "now:timestamp with time zone id:uuid");
    assert_string_equal(columns(t, "select exists (select 1 from t), not (ok), true, false as f "
                                   "from t"),
                        "exists:boolean ?column?:boolean bool:boolean f:boolean");
    assert_string_equal(columns(t, "select 1, 'x', $1, null, 1 + 1"),
                        "?column?:- ?column?:- ?column?:- ?column?:- ?column?:-");
    assert_string_equal(columns(t, "select count(*), MAX(id), coalesce(ok, false) as c from t"),
                        "count:- max:- c:-");
    assert_string_equal(columns(t, "select distinct cast($1 as date), 2 as two"),
                        "date:date two:-");
    assert_string_equal(columns(t, "update t set ok = true returning cast(id as smallint), ok"),
                        "id:smallint ok:boolean");
}

/* A star moves the places: what stands before and behind it is still known. */
static void beside_a_star(void **state)
{
    lite_test *t = *state;

    make(t);
    assert_string_equal(columns(t, "select cast(1 as date) as d, t.*, cast(2 as uuid) as u from t"),
                        "d:date id:integer at:timestamp with time zone ok:boolean n:numeric "
                        "tags:array u:uuid");
    assert_string_equal(columns(t, "select *, 1 as one, * from (select true as a)"),
                        "a:- one:- a:-");
}

/* Types that are not certain are not claimed. */
static void not_certain(void **state)
{
    lite_test *t = *state;

    make(t);
    assert_string_equal(columns(t, "select cast(1 as uuid) union all select 5"), "uuid:-");
    assert_string_equal(columns(t, "select cast(1 as date) || 'x'"), "?column?:-");
    assert_string_equal(columns(t, "select upper(cast(1 as date))"), "upper:-");
    assert_string_equal(columns(t, "select cast(1 as point) as p"), "p:-");
    assert_string_equal(columns(t, "select (select cast(1 as date)) as s"), "s:-");
    assert_string_equal(columns(t, "values (1, 'x')"), "column1:- column2:-");
}

/* Values of an untyped column tell for themselves, each. */
static void told_by_the_value(void **state)
{
    lite_test *t = *state;

    make(t);
    assert_string_equal(lite_q(t, "values (1), (1.5), ('x'), (x'ff'), (null)"),
                        "1\n1.5\nx\n\\xff\n-\n");
}

static void details(void **state)
{
    lite_test *t = *state;
    tn_stmt_info info = {.size = sizeof info};
    tn_driver_stmt *stmt = NULL;

    make(t);
    assert_int_equal(tn_driver_module.stmt->prepare(
                         t->conn, tn_str_from("select n, n + 1, cast($1 as varchar(7)) from t"),
                         TN_NO_DEADLINE, &stmt, &t->err),
                     TN_OK);
    tn_driver_module.stmt->describe(stmt, &info);
    assert_string_equal(info.columns[0].table, "t");
    assert_string_equal(info.columns[0].type_name, "numeric(8,2)");
    assert_int_equal(info.columns[0].modifier, 8 << 16 | 2);
    assert_string_equal(info.columns[1].table, "");
    assert_string_equal(info.columns[1].type_name, "");
    assert_int_equal(info.columns[1].modifier, -1);
    assert_int_equal(info.columns[2].modifier, 7);
    assert_string_equal(info.columns[2].type_name, "varchar");
    tn_driver_module.stmt->close(stmt);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, lite_test_begin, lite_test_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(of_tables),   TEST(of_expressions),    TEST(beside_a_star),
        TEST(not_certain), TEST(told_by_the_value), TEST(details),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
