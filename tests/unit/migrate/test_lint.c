/* SPDX-License-Identifier: MIT */
/* core/migrate: what the linter finds in a text, and what it leaves alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <tenon/migrate_check.h>

typedef struct found {
    char text[1024]; /* "LOCK001@2:1 " for each */
    size_t n;
    bool notes;
} found;

static void take(void *arg, const tn_lint_finding *f)
{
    found *all = arg;
    size_t len = strlen(all->text);

    assert_non_null(f->rule);
    all->n++;
    if (f->rule->level == TN_LINT_NOTE && !all->notes)
        return;
    assert_true(f->what[0] != '\0');
    assert_string_equal(f->place.version, f->migration->version);
    snprintf(all->text + len, sizeof(all->text) - len, "%s@%u:%u ", f->rule->name,
             (unsigned)f->place.line, (unsigned)f->place.column);
}

static found lint_files(const char *driver, const char *after, const tn_migration_file *list,
                        size_t n)
{
    const tn_migration_files files = {.size = sizeof(files), .files = list, .count = n};
    tn_error err = TN_ERROR_INIT;
    found all = {.n = 0};

    tn_migrations *set = tn_migrations_embedded(&files, driver, NULL, &err);
    if (!set)
        fail_msg("%s", err.message);
    tn_lint_options options = TN_LINT_OPTIONS_INIT;
    options.after = after;
    size_t count = tn_lint(set, driver, &options, take, &all);
    assert_int_equal(count, all.n);
    assert_int_equal(tn_lint(set, driver, &options, NULL, NULL), count);
    if (!after)
        assert_int_equal(tn_lint(set, driver, NULL, NULL, NULL), count);
    tn_migrations_free(set);
    return all;
}

/* The statements stand from line 2 on. */
static found lint(const char *driver, const char *options, const char *sql)
{
    char text[2048];

    snprintf(text, sizeof(text), "-- migrate:up %s\n%s\n-- migrate:down\nselect 1;\n", options,
             sql);
    const tn_migration_file file = {.name = "1_x.sql", .text = text, .len = strlen(text)};
    return lint_files(driver, NULL, &file, 1);
}

typedef struct lint_case {
    const char *options, *sql, *expected;
} lint_case;

static void run(const char *driver, const lint_case *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        found all = lint(driver, cases[i].options, cases[i].sql);
        if (strcmp(all.text, cases[i].expected) != 0)
            fail_msg("%s: %s(%s)\n  expected %s\n  found    %s", driver, cases[i].sql,
                     cases[i].options, cases[i].expected, all.text);
    }
}

#define RUN(driver, cases) run((driver), (cases), sizeof(cases) / sizeof((cases)[0]))

static void rows_are_not_lost(void **state)
{
    static const lint_case cases[] = {
        {"", "drop table users;", "DATA001@2:1 "},
        {"", "DROP TABLE IF EXISTS app.users, \"Other\" cascade;",
         "DATA001@2:1 DATA001@2:1 LOCK012@2:1 "},
        {"destructive:ok", "drop table users;", ""},
        {"ignore:DATA001", "drop table users;", ""},
        {"ignore:DATA", "drop table users;", ""},
        {"ignore:DATA002,LOCK001", "drop table users;", "DATA001@2:1 "},
        {"", "create table t (a int); drop table t;", ""},
        {"", "drop schema app cascade;", "DATA001@2:1 "},
        {"", "drop view v; drop function f(); drop type x;", ""},
        {"", "alter table t\n  drop column a,\n  drop if exists b;", "DATA002@3:3 DATA002@4:3 "},
        {"", "alter table t drop constraint k;", ""},
        {"", "truncate t;", "DATA003@2:1 "},
        {"", "delete from t;", "DATA003@2:1 "},
        {"", "delete from only t where a = 1;", ""},
        {"", "-- drop table users;\nselect 'drop table users; ';", ""},
        {"", "create function f() returns int language sql as $$ delete from t; select 1 $$;", ""},
    };

    (void)state;
    RUN("postgresql", cases);
}

static void nobody_is_locked_out(void **state)
{
    static const lint_case cases[] = {
        {"", "create index on users (a);", "LOCK001@2:1 "},
        {"", "create unique index if not exists i on only app.users using btree (a);",
         "LOCK001@2:1 "},
        {"", "create table users (a int);\ncreate index on users (a);", ""},
        {"", "create table app.users (a int);\ncreate index on app.users (a);", ""},
        {"transaction:false", "create index concurrently on users (a);", ""},
        {"", "create index concurrently on users (a);", "FAIL002@2:1 "},
        {"", "drop index i;", "LOCK002@2:1 "},
        {"transaction:false", "drop index concurrently i;", ""},
        {"", "alter table t add column a uuid default gen_random_uuid();", "LOCK003@2:15 "},
        {"", "alter table t add column a timestamptz not null default now();", ""},
        {"", "alter table t add a bigserial;", "LOCK003@2:15 "},
        {"", "alter table t add a int generated always as (b + 1) stored;", "LOCK003@2:15 "},
        {"", "alter table t add column a int not null;", "FAIL001@2:15 "},
        {"", "alter table t add column a int not null default 0;", ""},
        {"", "alter table t add column a int references u;", "LOCK005@2:15 "},
        {"", "alter table t add column a int unique;", "LOCK006@2:15 "},
        {"", "alter table t alter column a type bigint;", "LOCK004@2:15 "},
        {"", "alter table t alter a set data type bigint using a::bigint;", "LOCK004@2:15 "},
        {"", "alter table t add constraint f foreign key (a) references u;", "LOCK005@2:15 "},
        {"", "alter table t add foreign key (a) references u not valid;", ""},
        {"", "alter table t add constraint k unique (a);", "LOCK006@2:15 "},
        {"", "alter table t add primary key using index i;", ""},
        {"", "alter table t add constraint c check (a > 0);", "LOCK007@2:15 "},
        {"", "alter table t add constraint c check (a > 0) not valid;", ""},
        {"", "alter table t alter a set not null;", "LOCK008@2:15 "},
        {"",
         "alter table t add constraint c check (a > 0) not valid; alter table t validate "
         "constraint c;",
         "LOCK009@2:71 "},
        {"", "alter table t validate constraint c;", ""},
        {"transaction:false", "vacuum full t;", "LOCK010@2:1 "},
        {"", "reindex table t;", "LOCK010@2:1 "},
        {"", "refresh materialized view v;", "LOCK010@2:1 "},
        {"", "refresh materialized view concurrently v;", ""},
        {"", "alter table t set logged;", "LOCK010@2:15 "},
        {"", "update t set a = 1;", "LOCK011@2:1 "},
        {"", "update t set a = 1 where a is null;", ""},
        {"", "alter table a add x int;\nalter table b add y int;", "LOCK012@3:15 "},
        {"transaction:false", "alter table a add x int;\nalter table b add y int;", ""},
        {"lock-timeout:0", "alter table a add x int;", "LOCK013@1:1 "},
        {"lock-timeout:5s", "alter table a add x int;", ""},
    };

    (void)state;
    RUN("postgresql", cases);
}

static void what_fails_is_known_before(void **state)
{
    static const lint_case cases[] = {
        {"", "begin; create table t (a int); commit;", ""},
        {"", "create table t (a int); commit; select 1;", "FAIL003@2:25 "},
        {"transaction:false", "begin; select 1; commit; vacuum;", ""},
        {"", "create function f() returns int language sql begin atomic select 1; end;", ""},
        {"", "alter type m add value 'new';\ninsert into t values (1, 'new');", "FAIL004@3:26 "},
        {"", "alter type m add value 'new';\ninsert into t values (1, 'old');", ""},
        {"", "vacuum t;", "FAIL002@2:1 "},
        {"", "create database x;", "FAIL002@2:1 "},
        {"", "alter table t rename column a to b;", "COMPAT001@2:15 "},
        {"", "alter table t rename to u;", "COMPAT001@2:15 "},
        {"", "alter table t set schema x;", "COMPAT001@2:15 "},
        {"", "alter type m rename value 'a' to 'b';", "COMPAT001@2:14 "},
        {"", "alter view v rename to w;", "COMPAT001@2:1 "},
        {"", "alter table t rename constraint a to b;", ""},
        {"", "", "FILE003@1:1 "},
    };

    (void)state;
    RUN("postgresql", cases);
}

static void sqlite_has_dangers_of_its_own(void **state)
{
    static const lint_case cases[] = {
        {"", "create index i on users (a); alter table t add x int;", ""},
        {"", "drop table users;", "DATA001@2:1 "},
        {"",
         "create table n (a);\ninsert into n select a from users;\ndrop table users;\nalter table "
         "n "
         "rename to users;",
         ""},
        {"foreign-keys:on",
         "create table n (a);\ninsert into n select a from users;\ndrop table users;\n"
         "alter table n rename to users;",
         "DATA004@4:1 "},
        {"transaction:false foreign-keys:off",
         "create table n (a);\ninsert into n select a from users;\ndrop table users;\n"
         "alter table n rename to users;",
         "DATA005@4:1 "},
        {"transaction:false foreign-keys:on",
         "create table n (a);\ndrop table users;\nalter table n rename to users;",
         "DATA004@3:1 DATA005@3:1 "},
        {"transaction:false",
         "begin;\ncreate table n (a);\ndrop table users;\nalter table n rename to users;\n"
         "commit;",
         ""},
        {"", "alter table t add column a int not null;", "FAIL001@2:1 "},
        {"", "alter table t add column a text default current_timestamp;", "FAIL006@2:1 "},
        {"", "alter table t add a int unique;", "FAIL006@2:1 "},
        {"", "alter table t drop column a;", "DATA002@2:1 "},
        {"", "alter table t rename a to b;", "COMPAT001@2:1 "},
        {"", "pragma foreign_keys = off;", "FAIL005@2:1 "},
        {"", "vacuum;", "FAIL002@2:1 "},
        {"", "create trigger x after insert on t begin delete from u; end;", ""},
    };

    (void)state;
    RUN("sqlite", cases);
}

static void a_version_lacks_a_file(void **state)
{
    static const char up[] = "-- migrate:up\ncreate table t (a int);\n";
    const tn_migration_file list[] = {
        {.name = "1_a.postgres.sql", .text = up, .len = sizeof(up) - 1},
        {.name = "2_b.sql", .text = up, .len = sizeof(up) - 1}};

    (void)state;
    found all = lint_files("sqlite", NULL, list, 2);
    assert_string_equal(all.text, "FILE001@1:1 ");
    all = lint_files("postgresql", NULL, list, 2);
    assert_string_equal(all.text, "");
    assert_int_equal(all.n, 2); /* no way back: notes */
}

static void only_what_is_newer(void **state)
{
    static const char drop[] = "-- migrate:up\ndrop table t;\n-- migrate:down\nselect 1;\n";
    const tn_migration_file list[] = {{.name = "1_a.sql", .text = drop, .len = sizeof(drop) - 1},
                                      {.name = "2_b.sql", .text = drop, .len = sizeof(drop) - 1}};

    (void)state;
    assert_int_equal(lint_files("postgresql", NULL, list, 2).n, 2);
    assert_int_equal(lint_files("postgresql", "1", list, 2).n, 1);
    assert_int_equal(lint_files("postgresql", "2", list, 2).n, 0);
}

/* What one of the files creates is new for the next one as well. */
static void created_before(void **state)
{
    static const char one[] =
        "-- migrate:up\ncreate table t (a int);\n-- migrate:down\nselect 1;\n";
    static const char two[] = "-- migrate:up\ncreate index on t (a);\n-- migrate:down\nselect 1;\n";
    const tn_migration_file list[] = {{.name = "1_a.sql", .text = one, .len = sizeof(one) - 1},
                                      {.name = "2_b.sql", .text = two, .len = sizeof(two) - 1}};

    (void)state;
    assert_string_equal(lint_files("postgresql", NULL, list, 2).text, "");
    assert_string_equal(lint_files("postgresql", "1", list, 2).text, "LOCK001@2:1 ");
}

static void rules_are_told_apart(void **state)
{
    const tn_lint_rule *rule, *other;
    size_t n = 0;

    (void)state;
    for (; (rule = tn_lint_rules(n)); n++) {
        assert_true(rule->name && rule->what && rule->instead);
        for (size_t i = 0; i < n && (other = tn_lint_rules(i)); i++)
            assert_string_not_equal(rule->name, other->name);
    }
    assert_true(n > 20);
    assert_null(tn_lint_rules(n + 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_not_lost),
        cmocka_unit_test(nobody_is_locked_out),
        cmocka_unit_test(what_fails_is_known_before),
        cmocka_unit_test(sqlite_has_dangers_of_its_own),
        cmocka_unit_test(a_version_lacks_a_file),
        cmocka_unit_test(only_what_is_newer),
        cmocka_unit_test(created_before),
        cmocka_unit_test(rules_are_told_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
