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
        {"set local work_mem = 1", 0},
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
        cmocka_unit_test(session_changes_are_seen),
        cmocka_unit_test(copy_of_the_client_is_seen),
        cmocka_unit_test(commits_are_seen),
        cmocka_unit_test(names_come_from_the_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
