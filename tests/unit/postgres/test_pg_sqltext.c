/* SPDX-License-Identifier: MIT */
/* What the text of a statement tells: session state, COPY, commit, its name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "postgres/pg.h"
#include "support/driver_host.h"

static void session_changes_are_seen(void **state)
{
    static const struct {
        const char *sql;
        unsigned changes;
    } rows[] = {
        {"select 1", 0},
        {"set work_mem = 1", PG_CHANGES_SESSION},
        {"/* c */ SET role app", PG_CHANGES_SESSION},
        {"set local work_mem = 1", PG_CHANGES_LOCALLY},
        {"set transaction isolation level serializable", 0},
        {"set constraints all deferred", 0},
        {"set session characteristics as transaction read only", PG_CHANGES_SESSION},
        {"reset all", PG_CHANGES_SESSION},
        {"listen a", PG_CHANGES_SESSION},
        {"prepare p as select 1", PG_CHANGES_STATEMENTS},
        {"deallocate all", PG_FORGETS_STATEMENTS},
        {"deallocate p", PG_FORGETS_STATEMENTS},
        {"discard all", PG_CHANGES_SESSION | PG_FORGETS_STATEMENTS},
        {"discard temp", PG_CHANGES_SESSION},
        {"create temp table t (a int)", PG_CHANGES_SESSION},
        {"create temporary table t (a int)", PG_CHANGES_SESSION},
        {"create table pg_temp.t (a int)", PG_CHANGES_SESSION},
        {"create table t (a int)", 0},
        {"select set_config('a.b', 'c', false)", PG_CHANGES_SESSION},
        {"select pg_catalog.pg_advisory_lock(1)", PG_CHANGES_SESSION},
        {"select pg_advisory_xact_lock(1)", 0},
        {"select 'create temp table'", 0},
        {"select \"temp\" from t -- temp", 0},
        {"do $$ begin end $$", PG_CHANGES_SESSION},
        {"call p()", PG_CHANGES_SESSION},
        {"", 0},
        {"'", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (pg_sql_changes(tn_str_from(rows[i].sql)) != rows[i].changes)
            fail_msg("%s: %u", rows[i].sql, pg_sql_changes(tn_str_from(rows[i].sql)));
}

static void copy_of_the_client_is_seen(void **state)
{
    (void)state;
    assert_true(pg_sql_is_copy(tn_str_from("copy t from stdin")));
    assert_true(pg_sql_is_copy(tn_str_from("COPY t (a, b) FROM STDIN WITH (format csv)")));
    assert_true(pg_sql_is_copy(tn_str_from("copy (select a from t) to stdout")));
    assert_false(pg_sql_is_copy(tn_str_from("copy t from '/tmp/file'")));
    assert_false(pg_sql_is_copy(tn_str_from("copy (select 1 from stdin) to '/tmp/x'")));
    assert_false(pg_sql_is_copy(tn_str_from("select 'copy t from stdin'")));
    assert_false(pg_sql_is_copy(tn_str_from("")));
}

static void definitions_are_seen(void **state)
{
    (void)state;
    assert_true(pg_sql_defines(tn_str_from("create table t (a int)")));
    assert_true(pg_sql_defines(tn_str_from("/* why */ ALTER TABLE t add b text default '$1'")));
    assert_true(pg_sql_defines(tn_str_from("create function f() returns int language sql "
                                           "as $$select $1$$")));
    assert_true(pg_sql_defines(tn_str_from("drop table t")));
    assert_true(pg_sql_defines(tn_str_from("create table t as select 1")));
    /* placeholders and rows are the server's to tell of */
    assert_false(pg_sql_defines(tn_str_from("create table t as select $1::int")));
    assert_false(pg_sql_defines(tn_str_from("explain create table t as select 1")));
    assert_false(pg_sql_defines(tn_str_from("insert into t values (1) returning a")));
    assert_false(pg_sql_defines(tn_str_from("create table t (a text default 'open)")));
    assert_false(pg_sql_defines(tn_str_from("")));
}

static void commits_are_seen(void **state)
{
    (void)state;
    assert_true(pg_sql_commits(tn_str_from("commit")));
    assert_true(pg_sql_commits(tn_str_from(" end ;")));
    assert_true(pg_sql_commits(tn_str_from("commit prepared 'a'")));
    assert_true(pg_sql_commits(tn_str_from("prepare transaction 'a'")));
    assert_false(pg_sql_commits(tn_str_from("rollback")));
    assert_false(pg_sql_commits(tn_str_from("prepare p as select 1")));
}

static void what_may_write_is_seen(void **state)
{
    static const struct {
        const char *sql;
        pg_writes writes;
    } rows[] = {
        {"", PG_READS},
        {"select 1", PG_READS},
        {"select a from t where a in (1, 2) and exists (select 1 from u)", PG_READS},
        {"select count(*), max(a), coalesce(sum(b), 0) from t group by (c)", PG_READS},
        {"select cast(a as numeric(10, 2)), ' for update ', \"into\" from t", PG_READS},
        {"with x as (select 1) select * from x", PG_READS},
        {"(select 1) union (select 2)", PG_READS},
        {"values (1), (2)", PG_READS},
        {"table t", PG_READS},
        {"show all", PG_READS},
        {"savepoint a", PG_READS},
        {"select f(1)", PG_MAY_WRITE},
        {"select \"count\" (1)", PG_MAY_WRITE},
        {"select own.count (a) from t", PG_MAY_WRITE},
        {"select a from t for update", PG_MAY_WRITE},
        {"select a from t for no key update skip locked", PG_MAY_WRITE},
        {"select a from t for key share", PG_MAY_WRITE},
        {"select a into u from t", PG_MAY_WRITE},
        {"select * from f() as x", PG_MAY_WRITE},
        {"select 'not closed", PG_MAY_WRITE},
        {"create table t (a int)", PG_MAY_WRITE},
        {"truncate t", PG_MAY_WRITE},
        {"do $$ begin end $$", PG_MAY_WRITE},
        {"call p()", PG_MAY_WRITE},
        {"execute p", PG_MAY_WRITE},
        {"explain analyze insert into t values (1)", PG_MAY_WRITE},
        {"fetch all from c", PG_MAY_WRITE},
        {"copy t from '/tmp/file'", PG_MAY_WRITE},
        {"insert into t values (1)", PG_WRITES},
        {"/* c */ UPDATE t set a = 1", PG_WRITES},
        {"delete from t", PG_WRITES},
        {"merge into t using u on t.a = u.a when matched then delete", PG_WRITES},
        {"with x as (delete from t returning *) select * from x", PG_WRITES},
        {"with x as (select 1) insert into t select * from x", PG_WRITES},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (pg_sql_writes(tn_str_from(rows[i].sql)) != rows[i].writes)
            fail_msg("%s: %d", rows[i].sql, (int)pg_sql_writes(tn_str_from(rows[i].sql)));
}

static void transactions_have_names(void **state)
{
    const pg_identity_name most = {UINT64_MAX, (UINT64_C(1) << 56) - 1, UINT32_MAX};
    const pg_identity_name beyond = {UINT64_MAX, UINT64_MAX, UINT32_MAX};
    const pg_identity_name bare = {.xid = 745};
    pg_identity_name read;
    char text[TN_TXN_ID_SIZE];

    (void)state;
    pg_identity_print(&most, text, sizeof(text));
    assert_string_equal(text, "pg:18446744073709551615.ffffffffffffff.ffffffff");
    assert_true(pg_identity_parse(tn_str_from(text), &read));
    assert_memory_equal(&read.xid, &most.xid, sizeof(read.xid));
    assert_true(read.incarnation == most.incarnation && read.cluster == most.cluster);
    /* what does not fit is not cut */
    pg_identity_print(&beyond, text, sizeof(text));
    assert_string_equal(text, "");
    pg_identity_print(&bare, text, sizeof(text));
    assert_string_equal(text, "pg:745");
    assert_true(pg_identity_parse(tn_str_from(text), &read));
    assert_true(read.xid == 745 && !read.incarnation && !read.cluster);
    pg_identity_print(&bare, text, 6);
    assert_string_equal(text, "");
    pg_identity_print(&(pg_identity_name){.incarnation = 1, .cluster = 1}, text, sizeof(text));
    assert_string_equal(text, "");
    assert_false(pg_identity_parse(tn_str_from("pg:01"), &read));
    assert_false(pg_identity_parse(tn_str_from("pg:1.1.0"), &read));
    assert_false(pg_identity_parse(tn_str_from("pg:1..1"), &read));
}

static void names_come_from_the_text(void **state)
{
    char a[PG_NAME_SIZE], b[PG_NAME_SIZE], c[PG_NAME_SIZE];

    (void)state;
    pg_statement_name(tn_str_from("select 1"), a);
    pg_statement_name(tn_str_from("select 1"), b);
    pg_statement_name(tn_str_from("select 2"), c);
    assert_string_equal(a, b);
    assert_string_not_equal(a, c);
    assert_int_equal(strlen(a), 35);
    assert_int_equal(strspn(a + 3, "0123456789abcdef"), 32);
    /* both halves depend on it */
    assert_int_not_equal(strncmp(a + 3, c + 3, 16), 0);
    assert_int_not_equal(strncmp(a + 19, c + 19, 16), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(session_changes_are_seen), cmocka_unit_test(copy_of_the_client_is_seen),
        cmocka_unit_test(commits_are_seen),         cmocka_unit_test(what_may_write_is_seen),
        cmocka_unit_test(definitions_are_seen),     cmocka_unit_test(transactions_have_names),
        cmocka_unit_test(names_come_from_the_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
