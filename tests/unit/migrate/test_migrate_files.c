/* SPDX-License-Identifier: MIT */
/* Names of files, their grammar, checksums, and the set that they make. */
#include "unit.h"

#include <tenon/migrate.h>

#include "migrate/name.h"

/* ---- names ----------------------------------------------------------------------------------- */

static const struct {
    const char *name, *version, *rest, *driver; /* version NULL: no migration's */
    tn__name_kind kind;
} names[] = {
    {"20261123090000_users.sql", "20261123090000", "users", "", TN__NAME_BLOCKS},
    {"1_a.sql", "1", "a", "", TN__NAME_BLOCKS},
    {"0001-a-b.sql", "0001", "a-b", "", TN__NAME_BLOCKS},
    {"7.sql", "7", "", "", TN__NAME_BLOCKS},
    {"1_a.postgres.sql", "1", "a", "postgres", TN__NAME_BLOCKS},
    {"1_a.postgresql.sql", "1", "a", "postgresql", TN__NAME_BLOCKS},
    {"1_a.sqlite.sql", "1", "a", "sqlite", TN__NAME_BLOCKS},
    {"1_a.mydb.sql", "1", "a", "mydb", TN__NAME_BLOCKS},
    {"1_to_v1.2.sql", "1", "to_v1.2", "", TN__NAME_BLOCKS},
    {"1_v1.2_fix.sql", "1", "v1.2_fix", "", TN__NAME_BLOCKS},
    {"1_v1.2.fix.sql", "1", "v1.2.fix", "", TN__NAME_BLOCKS},
    {"1_a.sqlite3.sql", "1", "a", "sqlite3", TN__NAME_BLOCKS},
    {"1_mysql.sql", "1", "mysql", "", TN__NAME_BLOCKS},
    {"1_of.mysql_and_pg.sql", "1", "of.mysql_and_pg", "", TN__NAME_BLOCKS},
    {"000001_x.up.sql", "000001", "x", "", TN__NAME_UP},
    {"000001_x.down.sql", "000001", "x", "", TN__NAME_DOWN},
    {"V1__x.sql", "1", "x", "", TN__NAME_UP},
    {"U1__x.sql", "1", "x", "", TN__NAME_DOWN},
    {"20260101000000_init/migration.sql", "20260101000000", "init", "", TN__NAME_UP},
    {"users.sql", NULL, NULL, NULL, 0},
    {"schema.postgres.sql", NULL, NULL, NULL, 0},
    {"1_a.txt", NULL, NULL, NULL, 0},
    {"V1_x.sql", NULL, NULL, NULL, 0},
    {"R__x.sql", NULL, NULL, NULL, 0},
    {"12345678901234567890123456789012_a.sql", NULL, NULL, NULL, 0},
};

static void names_of_files(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        tn__name name;
        bool is = tn__name_parse(tn_str_from(names[i].name), "mydb", &name);
        if (is != (names[i].version != NULL))
            fail_msg("%s: %d", names[i].name, is);
        if (!is)
            continue;
        check_str(name.version, names[i].version);
        check_str(name.name, names[i].rest);
        check_str(name.driver, names[i].driver);
        assert_int_equal(name.kind, names[i].kind);
    }
}

/* Run for every driver, they would bring another database's SQL. */
static void other_databases_files_are_refused(void **state)
{
    static const struct {
        const char *file, *message, *hint;
    } rows[] = {
        {"6_x.mysql.sql", "6_x.mysql.sql: \"mysql\" is no driver: postgres, sqlite", "move it out"},
        {"6_x.pg.sql", "6_x.pg.sql: \"pg\" is no driver: postgres, sqlite",
         "did you mean .postgres.sql?"},
        {"6_x.PgSQL.sql", "6_x.PgSQL.sql: \"PgSQL\" is no driver: postgres, sqlite",
         "did you mean .postgres.sql?"},
        {"6_x.sqllite.up.sql", "6_x.sqllite.up.sql: \"sqllite\" is no driver: postgres, sqlite",
         "did you mean .sqlite.sql?"},
        {"V6__x.oracle.sql", "V6__x.oracle.sql: \"oracle\" is no driver: postgres, sqlite",
         "move it out"},
    };
    static const char text[] = "-- migrate:up\nselect 1;\n";

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        tn_migration_file file = {rows[i].file, text, strlen(text)};
        tn_migration_files files = {sizeof(files), &file, 1};
        tn_migrate_problem problem;
        tn_error err = TN_ERROR_INIT;
        if (tn_migrations_embedded(&files, "sqlite", &problem, &err))
            fail_msg("%s was taken", rows[i].file);
        assert_int_equal(err.status, TN_CONFIG);
        assert_string_equal(err.message, rows[i].message);
        assert_non_null(strstr(err.hint, rows[i].hint));
        assert_int_equal(problem.fault, TN_MIGRATE_FILES);
        assert_string_equal(problem.file, rows[i].file);
        assert_string_equal(problem.version, "6");
    }
}

/* SQL is handed on as C strings: what stands behind a NUL would not be run, and nobody told. */
static void a_nul_is_refused(void **state)
{
    static const char text[] = "-- migrate:up\nselect 1;\n  select\0 2;\n";
    static const char *const names_of_it[] = {"1_a.sql", "1_a.up.sql", "1_a.sqlite.sql"};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(names_of_it); i++) {
        tn_migration_file file = {names_of_it[i], text, sizeof(text) - 1};
        tn_migration_files files = {sizeof(files), &file, 1};
        tn_migrate_problem problem;
        tn_error err = TN_ERROR_INIT;
        char want[100];
        assert_null(tn_migrations_embedded(&files, "sqlite", &problem, &err));
        snprintf(want, sizeof(want), "%s:3:9: not a text: it has a NUL in it", names_of_it[i]);
        assert_string_equal(err.message, want);
        assert_int_equal(problem.fault, TN_MIGRATE_FILES);
        assert_int_equal(problem.line, 3);
        assert_int_equal(problem.column, 9);
    }
}

static void versions_are_numbers(void **state)
{
    (void)state;
    assert_true(tn_migration_compare("2", "10") < 0);
    assert_true(tn_migration_compare("10", "9") > 0);
    assert_int_equal(tn_migration_compare("0007", "7"), 0);
    assert_true(tn_migration_compare("20261123090000", "20261123090001") < 0);
    assert_int_equal(tn_migration_compare("0", "000"), 0);
}

/* ---- one file -------------------------------------------------------------------------------- */

typedef struct one {
    tn_migrations *set;
    const tn_migration *m;
    tn_migrate_problem problem;
    tn_error err;
} one;

static one parse_as(const char *name, const char *text, const char *driver)
{
    tn_migration_file file = {name, text, strlen(text)};
    tn_migration_files files = {sizeof(files), &file, 1};
    one o = {.err = TN_ERROR_INIT};

    o.set = tn_migrations_embedded(&files, driver, &o.problem, &o.err);
    o.m = o.set ? tn_migrations_at(o.set, 0) : NULL;
    return o;
}

static one parse(const char *text)
{
    return parse_as("1_a.sql", text, "postgresql");
}

static void check_block(tn_str block, const char *want)
{
    while (block.len && (block.ptr[0] == ' ' || block.ptr[0] == '\n'))
        block = (tn_str){block.ptr + 1, block.len - 1};
    check_str(block, want);
}

static void blocks_and_options(void **state)
{
    one o = parse("-- a comment\n\n"
                  "-- migrate:up transaction:false lock-timeout:5s statement-timeout:10min -- why\n"
                  "create index concurrently i on t (a);\n\n"
                  "-- migrate:down irreversible:true foreign-keys:off\ndrop index i;\n"
                  "--migrate:up destructive:ok ignore:LOCK001,DROP002\nselect 2;\n");

    (void)state;
    assert_non_null(o.m);
    assert_true(o.m->up_options.no_transaction);
    assert_true(o.m->up_options.destructive_ok);
    assert_int_equal(o.m->up_options.lock_timeout_ms, 5000);
    assert_int_equal(o.m->up_options.statement_timeout_ms, 600000);
    assert_string_equal(o.m->ignore, "LOCK001,DROP002");
    assert_true(o.m->down_options.irreversible);
    assert_false(o.m->down_options.no_transaction);
    assert_int_equal(o.m->down_options.lock_timeout_ms, -1);
    assert_int_equal(o.m->down_options.foreign_keys, TN_MIGRATION_FOREIGN_KEYS_OFF);
    check_block(o.m->down, "drop index i;\n");
    /* Of other lines there are blanks: a place in the block is one in the file. */
    tn_str part = {strstr(o.m->up.ptr, "select 2"), 8};
    tn_migration_place(o.m, part, 8, &o.problem);
    assert_int_equal(o.problem.line, 9);
    assert_int_equal(o.problem.column, 8);
    assert_string_equal(o.problem.text, "select 2;");
    assert_string_equal(o.problem.file, "1_a.sql");
    tn_migrations_free(o.set);
}

static void drivers_of_blocks(void **state)
{
    static const char text[] = "-- migrate:up driver:postgres\nselect 'p';\n"
                               "-- migrate:up driver:sqlite\nselect 's';\n"
                               "-- migrate:skip driver:mydb reason:it has no such thing\n";

    (void)state;
    one o = parse_as("1_a.sql", text, "postgresql");
    check_block(o.m->up, "select 'p';\n");
    tn_migrations_free(o.set);
    o = parse_as("1_a.sql", text, "sqlite");
    check_block(o.m->up, "select 's';\n");
    assert_false(o.m->skipped);
    tn_migrations_free(o.set);
    o = parse_as("1_a.sql", text, "mydb");
    assert_true(o.m->skipped);
    assert_false(o.m->missing);
    assert_string_equal(o.m->reason, "it has no such thing");
    tn_migrations_free(o.set);
    o = parse_as("1_a.sql", text, "other");
    assert_true(o.m->missing);
    tn_migrations_free(o.set);
}

static const struct {
    const char *text;
    unsigned line, column;
    const char *message;
} wrong[] = {
    {"select 1;\n", 1, 1, "no line \"-- migrate:up\""},
    {"", 1, 1, "no line \"-- migrate:up\""},
    {"-- migrate:down\nselect 1;\n", 1, 1, "without -- migrate:up"},
    {"-- x\n  create table t ();\n-- migrate:up\n", 2, 3, "would not be run"},
    {"-- migrate:upp\n", 1, 12, "not one of migrate:up"},
    {"-- migrate: up\n", 1, 12, "not one of migrate:up"},
    {"-- migrate:up transaktion:false\n", 1, 15, "option transaktion: not known"},
    {"-- migrate:up transaction:no\n", 1, 27, "not a value"},
    {"-- migrate:up lock-timeout:5\n", 1, 28, "not a value"},
    {"-- migrate:up lock-timeout:99999h\n", 1, 28, "not a value"},
    {"-- migrate:up\n-- migrate:down fast\n", 2, 17, "\"fast\" is no option"},
    {"-- migrate:up\n-- migrate:skip driver:sqlite\n", 2, 1, "wants driver:NAME and reason:TEXT"},
    {"-- migrate:up\n\xff\n", 1, 1, "not UTF-8"},
};

static void what_is_wrong_has_a_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        one o = parse(wrong[i].text);
        if (o.set || o.err.status != TN_CONFIG || !strstr(o.err.message, wrong[i].message) ||
            o.problem.line != wrong[i].line || o.problem.column != wrong[i].column ||
            o.problem.fault != TN_MIGRATE_FILES || strcmp(o.problem.version, "1") != 0)
            fail_msg("row %zu: %u:%u %s", i, o.problem.line, o.problem.column, o.err.message);
        tn_migrations_free(o.set);
    }
}

static void checksums_forgive_what_nobody_meant(void **state)
{
    static const char *const same[] = {
        "-- migrate:up\nselect 1;\nselect 2;\n",
        "-- migrate:up\nselect 1;\nselect 2;",
        "-- migrate:up\r\nselect 1;\r\nselect 2;\r\n\r\n",
        "\xef\xbb\xbf-- migrate:up\nselect 1;\nselect 2;\n",
        "-- a word\n-- migrate:up lock-timeout:1s\nselect 1;\nselect 2;\n-- migrate:down\nx;\n",
    };
    static const char *const others[] = {
        "-- migrate:up\nselect 1;\nselect 3;\n",
        "-- migrate:up\nselect 1; select 2;\n",
        "-- migrate:up\nselect 1;\n\nselect 2;\n",
        "-- migrate:up\nselect 1;\n-- c\nselect 2;\n",
    };
    one first = parse(same[0]);

    (void)state;
    for (size_t i = 1; i < COUNT_OF(same); i++) {
        one o = parse(same[i]);
        assert_string_equal(o.m->checksum, first.m->checksum);
        tn_migrations_free(o.set);
    }
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        one o = parse(others[i]);
        assert_string_not_equal(o.m->checksum, first.m->checksum);
        tn_migrations_free(o.set);
    }
    tn_migrations_free(first.set);
}

/* ---- sets ------------------------------------------------------------------------------------ */

static tn_migrations *read_set(const char *const *named, size_t n, const char *driver,
                               tn_migrate_problem *problem, tn_error *err)
{
    tn_migration_file file[16];

    for (size_t i = 0; i < n; i++)
        file[i] = (tn_migration_file){named[2 * i], named[2 * i + 1], strlen(named[2 * i + 1])};
    tn_migration_files files = {sizeof(files), file, n};
    return tn_migrations_embedded(&files, driver, problem, err);
}

static void sets_are_ordered_and_choose(void **state)
{
    static const char *const files[] = {
        "10_c.sql",         "-- migrate:up\nselect 10;\n",
        "2_b.sql",          "-- migrate:up\nselect 2;\n",
        "2_b.sqlite.sql",   "-- migrate:up\nselect 22;\n",
        "README.md",        "no migration",
        "3_p.postgres.sql", "-- migrate:up\nselect 3;\n",
        "4_u.down.sql",     "select -4;\n",
        "4_u.up.sql",       "select 4;\n",
    };
    tn_error err = TN_ERROR_INIT;
    tn_migrations *set = read_set(files, 7, "sqlite", NULL, &err);

    (void)state;
    assert_non_null(set);
    assert_int_equal(tn_migrations_count(set), 4);
    assert_string_equal(tn_migrations_at(set, 0)->file, "2_b.sqlite.sql");
    assert_true(tn_migrations_at(set, 0)->variant);
    assert_true(tn_migrations_at(set, 1)->missing);
    assert_string_equal(tn_migrations_at(set, 2)->file, "4_u.up.sql");
    assert_string_equal(tn_migrations_at(set, 2)->down_file, "4_u.down.sql");
    check_block(tn_migrations_at(set, 2)->up, "select 4;\n");
    check_block(tn_migrations_at(set, 2)->down, "select -4;\n");
    assert_ptr_equal(tn_migrations_find(set, "010"), tn_migrations_at(set, 3));
    assert_null(tn_migrations_find(set, "5"));
    assert_null(tn_migrations_at(set, 4));
    tn_migrations_free(set);
}

static void one_version_twice_is_refused(void **state)
{
    static const char *const twice[][4] = {
        {"1_a.sql", "-- migrate:up\n", "1_b.sql", "-- migrate:up\n"},
        {"1_a.sql", "-- migrate:up\n", "01_a.sql", "-- migrate:up\n"},
        {"1_a.postgres.sql", "-- migrate:up\n", "1_a.postgresql.sql", "-- migrate:up\n"},
        {"1_a.postgres.sql", "-- migrate:up\n", "1_b.sqlite.sql", "-- migrate:up\n"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(twice); i++) {
        tn_error err = TN_ERROR_INIT;
        tn_migrate_problem problem;
        assert_null(read_set(twice[i], 2, "sqlite", &problem, &err));
        assert_int_equal(problem.fault, TN_MIGRATE_FILES);
        assert_non_null(strstr(err.message, "two files have the version"));
        assert_non_null(strstr(err.message, twice[i][0]));
        assert_non_null(strstr(err.message, twice[i][2]));
    }
}

static void bad_versions_are_refused(void **state)
{
    static const char *const bad[] = {"V1.1__b.sql", "V2_1__c.sql", "V3_d.sql", "U1.1__b.sql",
                                      "12345678901234567890123456789012_a.sql"};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        const char *files[] = {"V1__a.sql", "select 1;\n", bad[i], "select 2;\n"};
        tn_error err = TN_ERROR_INIT;
        tn_migrate_problem problem;
        assert_null(read_set(files, 2, "sqlite", &problem, &err));
        assert_int_equal(err.status, TN_CONFIG);
        assert_int_equal(problem.fault, TN_MIGRATE_FILES);
        assert_string_equal(problem.file, bad[i]);
        assert_non_null(strstr(err.message, bad[i]));
        assert_non_null(strstr(err.hint, "digits alone"));
    }
}

static void other_files_are_told_of(void **state)
{
    static const char *const files[] = {
        "views.sql",  "x", "R__x.sql",          "x", "1_a.sql",  "-- migrate:up\n",
        "schema.sql", "x", "schema.sqlite.sql", "x", "notes.md", "x",
    };
    tn_error err = TN_ERROR_INIT;
    tn_migrations *set = read_set(files, 6, "sqlite", NULL, &err);

    (void)state;
    assert_non_null(set);
    assert_int_equal(tn_migrations_count(set), 1);
    assert_string_equal(tn_migrations_ignored(set, 0), "R__x.sql");
    assert_string_equal(tn_migrations_ignored(set, 1), "views.sql");
    assert_null(tn_migrations_ignored(set, 2));
    tn_migrations_free(set);
}

static void directories(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_migrate_problem problem;

    (void)state;
    assert_null(tn_migrations_read("/nonexistent/migrations", "sqlite", &problem, &err));
    assert_int_equal(err.status, TN_CONFIG);
    assert_non_null(strstr(err.message, "/nonexistent/migrations"));
    assert_int_equal(problem.fault, TN_MIGRATE_FILES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_files),
        cmocka_unit_test(versions_are_numbers),
        cmocka_unit_test(other_databases_files_are_refused),
        cmocka_unit_test(a_nul_is_refused),
        cmocka_unit_test(blocks_and_options),
        cmocka_unit_test(drivers_of_blocks),
        cmocka_unit_test(what_is_wrong_has_a_place),
        cmocka_unit_test(checksums_forgive_what_nobody_meant),
        cmocka_unit_test(sets_are_ordered_and_choose),
        cmocka_unit_test(one_version_twice_is_refused),
        cmocka_unit_test(bad_versions_are_refused),
        cmocka_unit_test(other_files_are_told_of),
        cmocka_unit_test(directories),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
