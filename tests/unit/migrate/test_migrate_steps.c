/* SPDX-License-Identifier: MIT */
/* Blocks as statements. */
#include "unit.h"

#include "migrate/steps.h"

static tn__arena arena;
static tn_migrations *set; /* of the last text: steps are views into it */

static tn_status split(const char *text, tn__dialect dialect, tn__steps *ret,
                       tn_migrate_problem *problem, tn_error *err)
{
    static tn_migration_file file;
    tn_migration_files files = {sizeof(files), &file, 1};

    tn_migrations_free(set);
    file = (tn_migration_file){"1_a.sql", text, strlen(text)};
    set = tn_migrations_embedded(&files, "sqlite", problem, err);
    assert_non_null(set);
    return tn__steps_split(&arena, tn_migrations_at(set, 0), false, dialect, ret, problem, err);
}

static tn__steps split_well(const char *text, tn__dialect dialect)
{
    tn_migrate_problem problem;
    tn_error err = TN_ERROR_INIT;
    tn__steps steps;

    if (split(text, dialect, &steps, &problem, &err) != TN_OK)
        fail_msg("%s", err.message);
    return steps;
}

static void statements_with_their_lines(void **state)
{
    tn__steps s = split_well("-- migrate:up\n"
                             "insert into t values ('a;b', $$;$$, $x$ $$;$$ $x$); /* ; /* ; */ */\n"
                             "-- said before it\n"
                             "create trigger tr after update on t begin select 1; select 2; end;\n"
                             ";;\n"
                             "create function f() returns int language sql begin atomic select 1;"
                             " end\n",
                             TN__SQLITE);

    (void)state;
    assert_int_equal(s.count, 3);
    assert_int_equal(s.items[0].line, 2);
    assert_int_equal(s.items[1].line, 4);
    assert_int_equal(s.items[2].line, 6);
    assert_int_equal(strncmp(s.items[1].sql.ptr, "create trigger", 14), 0);
    check_str(s.items[2].sql,
              "create function f() returns int language sql begin atomic select 1; end");
}

static void begin_and_commit_around_all_are_passed_over(void **state)
{
    tn__steps s = split_well("-- migrate:up\nbegin;\nselect 1;\nselect 2;\ncommit;\n",
                             TN__POSTGRESQL);

    (void)state;
    assert_int_equal(s.count, 2);
    check_str(s.items[0].sql, "select 1");
    s = split_well("-- migrate:up\nstart transaction; select 1; end;\n", TN__POSTGRESQL);
    assert_int_equal(s.count, 1);
}

static const struct {
    const char *text;
    unsigned line, column;
} refused[] = {
    {"-- migrate:up\nselect 1;\ncommit;\n", 3, 1},
    {"-- migrate:up\nbegin; select 1; commit; begin; commit;\n", 2, 18},
    {"-- migrate:up\n  rollback;\n", 2, 3},
    {"-- migrate:up transaction:false\nselect 1;\nbegin; select 2;\n", 3, 1},
    {"-- migrate:up transaction:false\ncommit;\n", 2, 1},
    {"-- migrate:up transaction:false\nbegin; begin; commit;\n", 2, 8},
    {"-- migrate:up transaction:false\nbegin; select 1; rollback;\n", 2, 18},
    {"-- migrate:up transaction:false\nsavepoint a;\n", 2, 1},
};

static void other_transaction_commands_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        tn_migrate_problem problem;
        tn_error err = TN_ERROR_INIT;
        tn__steps steps;
        if (split(refused[i].text, TN__POSTGRESQL, &steps, &problem, &err) != TN_CONFIG ||
            problem.line != refused[i].line || problem.column != refused[i].column ||
            strcmp(problem.version, "1") != 0)
            fail_msg("row %zu: %u:%u %s", i, problem.line, problem.column, err.message);
    }
}

static void savepoints_are_fine(void **state)
{
    tn__steps s = split_well("-- migrate:up\nsavepoint a; select 1; rollback to a;\n",
                             TN__POSTGRESQL);

    (void)state;
    assert_int_equal(s.count, 3);
    assert_true(s.savepoints);
    assert_false(split_well("-- migrate:up\nselect 1;\n", TN__POSTGRESQL).savepoints);
}

static void groups_are_one_step(void **state)
{
    tn__steps s = split_well("-- migrate:up transaction:false\n"
                             "vacuum;\nbegin;\nselect 1;\nselect 2;\ncommit;\nselect 3;\n",
                             TN__POSTGRESQL);

    (void)state;
    assert_int_equal(s.count, 3);
    assert_true(s.items[1].group);
    assert_int_equal(s.items[1].line, 3);
    check_str(s.items[1].sql, "begin;\nselect 1;\nselect 2;\ncommit");
    assert_false(s.items[2].group);
    assert_false(s.drops);
    s = split_well("-- migrate:up transaction:false\nbegin;\nselect 1;\nDROP TABLE t;\ncommit;\n",
                   TN__SQLITE);
    assert_true(s.items[0].drops);
    assert_true(s.drops);
}

static const struct {
    const char *sql, *index;
    tn__again again;
    bool patient, sets, alone, drops;
} kinds[] = {
    {"create index concurrently i on t (a)", "i", TN__AGAIN_CREATE, true, false, false, false},
    {"CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS \"I x\" ON t (a)", "\"I x\"", TN__AGAIN_CREATE,
     true, false, false, false},
    {"create index concurrently on t (a)", "", TN__AGAIN_CREATE, true, false, false, false},
    {"create index i on t (a)", "", TN__AGAIN_CREATE, false, false, false, false},
    {"create or replace view v as select 1", "", TN__AGAIN_YES, false, false, false, false},
    {"drop index concurrently i", "", TN__AGAIN_DROP, true, false, false, false},
    {"drop table t", "", TN__AGAIN_DROP, false, false, false, true},
    {"vacuum", "", TN__AGAIN_YES, false, false, true, false},
    {"pragma foreign_keys = off", "", TN__AGAIN_YES, false, true, true, false},
    {"set role x", "", TN__AGAIN_YES, false, true, false, false},
    {"select set_config('a.b', 'c', false)", "", TN__AGAIN_ASK, false, true, false, false},
    {"call p()", "", TN__AGAIN_ASK, false, false, false, false},
    {"do $$ concurrently $$", "", TN__AGAIN_ASK, false, false, false, false},
};

/* What follows has to be as it was before them: also behind groups, and code that is not read. */
static void settings_are_seen(void **state)
{
    static const struct {
        const char *sql;
        bool sets;
    } files[] = {
        {"set statement_timeout = 0;", true},
        {"select 1; select pg_catalog.set_config('search_path', '', false);", true},
        {"do $$ begin perform set_config('a.b', 'c', false); end $$;", true},
        {"call p();", true},
        {"begin; select 1; set role x; commit;", true},
        {"begin; select 1; commit; select 'set';", false},
        {"update t set a = 1;", false},
    };
    char text[256];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        snprintf(text, sizeof(text), "-- migrate:up transaction:false\n%s\n", files[i].sql);
        if (split_well(text, TN__POSTGRESQL).sets != files[i].sets)
            fail_msg("%s", files[i].sql);
    }
}

static void kinds_of_statements(void **state)
{
    char text[256];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        snprintf(text, sizeof(text), "-- migrate:up transaction:false\n%s;\n", kinds[i].sql);
        tn__steps s = split_well(text, TN__SQLITE);
        const tn__step *step = &s.items[0];
        if (s.count != 1 || step->again != kinds[i].again || step->patient != kinds[i].patient ||
            step->sets != kinds[i].sets || step->alone != kinds[i].alone ||
            step->drops != kinds[i].drops)
            fail_msg("%s: again %d, patient %d, sets %d, alone %d, drops %d", kinds[i].sql,
                     step->again, step->patient, step->sets, step->alone, step->drops);
        check_str(step->index, kinds[i].index);
    }
    /* PostgreSQL says itself what takes no transaction. */
    assert_false(
        split_well("-- migrate:up transaction:false\nvacuum;\n", TN__POSTGRESQL).items[0].alone);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statements_with_their_lines),
        cmocka_unit_test(begin_and_commit_around_all_are_passed_over),
        cmocka_unit_test(other_transaction_commands_are_refused),
        cmocka_unit_test(savepoints_are_fine),
        cmocka_unit_test(groups_are_one_step),
        cmocka_unit_test(kinds_of_statements),
        cmocka_unit_test(settings_are_seen),
    };

    tn__arena_init(&arena, 1 << 24);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    tn__arena_free(&arena);
    tn_migrations_free(set);
    return failed;
}
