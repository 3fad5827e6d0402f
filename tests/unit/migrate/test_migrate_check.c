/* SPDX-License-Identifier: MIT */
/* Drift, plan and squash as a program meets them, on sqlite::memory:. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <tenon/migrate_check.h>
#include <tenon/tenon.h>

static const char one[] =
    "-- migrate:up\ncreate table users (id integer primary key, email text not "
    "null);\n-- migrate:down\ndrop table users;\n";
static const char two[] = "-- migrate:up\ncreate index users_email on users (email);\n"
                          "insert into users (email) values ('a');\n-- migrate:down\ndrop index "
                          "users_email;\n";
static const char three[] = "-- migrate:up\nalter table users add column name text;\n";
static const tn_migration_file list[] = {
    {.name = "1_users.sql", .text = one, .len = sizeof(one) - 1},
    {.name = "2_index.sql", .text = two, .len = sizeof(two) - 1},
    {.name = "3_name.sql", .text = three, .len = sizeof(three) - 1},
};

typedef struct fixture {
    tn_db *db;
    tn_migrations *set[4]; /* the first so many files */
    tn_error err;
    char notes[1024];
    tn_migrate_options options;
} fixture;

static void take_event(void *arg, const tn_migrate_event *e)
{
    fixture *f = arg;

    if (e->kind == TN_MIGRATE_EVENT_NOTE)
        snprintf(f->notes + strlen(f->notes), sizeof(f->notes) - strlen(f->notes), "%s\n", e->text);
}

static int begin(void **state)
{
    fixture *f = calloc(1, sizeof(*f));

    if (!f)
        return -1;
    f->db = tn_open_url("sqlite::memory:", &f->err);
    for (size_t i = 1; i < 4; i++) {
        const tn_migration_files files = {.size = sizeof(files), .files = list, .count = i};
        f->set[i] = tn_migrations_embedded(&files, "sqlite", NULL, &f->err);
    }
    const tn_migrate_options defaults = TN_MIGRATE_OPTIONS_INIT;
    f->options = defaults;
    f->options.event = take_event;
    f->options.event_arg = f;
    *state = f;
    return f->db && f->set[3] ? 0 : -1;
}

static int end(void **state)
{
    fixture *f = *state;

    for (size_t i = 1; i < 4; i++)
        tn_migrations_free(f->set[i]);
    tn_status status = tn_db_close(f->db, NULL);
    free(f);
    return status == TN_OK ? 0 : -1;
}

static void deploy(fixture *f, size_t files)
{
    if (tn_migrate_deploy(f->db, f->set[files], &f->options, NULL, &f->err) != TN_OK)
        fail_msg("%s", f->err.message);
}

static void sql(fixture *f, const char *text)
{
    if (tn_exec_script(f->db, text, &f->err) != TN_OK)
        fail_msg("%s", f->err.message);
}

static void take_change(void *arg, const tn_schema_change *c)
{
    char *text = arg;

    snprintf(text + strlen(text), 500 - strlen(text), "%d %.*s %.*s; ", (int)c->what,
             (int)c->name.len, c->name.ptr, (int)c->part.len, c->part.ptr);
}

/* State, and what differs. */
static tn_drift_state drift(fixture *f, char differences[500])
{
    tn_drift *d = NULL;

    differences[0] = '\0';
    if (tn_drift_check(f->db, &f->options, &d, &f->err) != TN_OK)
        fail_msg("%s", f->err.message);
    tn_drift_state state = tn_drift_state_of(d);
    assert_non_null(tn_drift_found(d));
    assert_int_equal(state == TN_DRIFT_UNKNOWN, tn_drift_expected(d) == NULL);
    if (tn_drift_expected(d))
        (void)tn_schema_compare(tn_drift_expected(d), tn_drift_found(d), take_change, differences);
    assert_int_equal(state == TN_DRIFT_FOUND, differences[0] != '\0');
    tn_drift_free(d);
    return state;
}

static void drift_is_seen_and_kept(void **state)
{
    fixture *f = *state;
    char text[500];

    assert_int_equal(drift(f, text), TN_DRIFT_UNKNOWN);
    deploy(f, 1);
    assert_int_equal(drift(f, text), TN_DRIFT_NONE);
    sql(f, "create table byhand (a int); alter table users add column extra int");
    assert_int_equal(drift(f, text), TN_DRIFT_FOUND);
    assert_string_equal(text, "1 users extra; 1 byhand ; ");
    deploy(f, 2);
    assert_non_null(strstr(f->notes, "the schema is not what the migrations left"));
    assert_int_equal(drift(f, text), TN_DRIFT_FOUND);
    assert_non_null(strstr(text, "byhand"));
    assert_null(strstr(text, "users_email"));
    sql(f, "drop table byhand; alter table users drop column extra");
    assert_int_equal(drift(f, text), TN_DRIFT_NONE);
}

static void drift_can_be_accepted(void **state)
{
    fixture *f = *state;
    char text[500];

    deploy(f, 1);
    sql(f, "create table byhand (a int)");
    assert_int_equal(drift(f, text), TN_DRIFT_FOUND);
    assert_int_equal(tn_drift_accept(f->db, &f->options, &f->err), TN_OK);
    assert_int_equal(drift(f, text), TN_DRIFT_NONE);
    sql(f, "drop table byhand");
    assert_int_equal(drift(f, text), TN_DRIFT_FOUND);
}

static void the_way_back_is_recorded_as_well(void **state)
{
    fixture *f = *state;
    char text[500];

    deploy(f, 2);
    assert_int_equal(tn_migrate_down(f->db, f->set[2], &f->options, NULL, &f->err), TN_OK);
    assert_int_equal(drift(f, text), TN_DRIFT_NONE);
    assert_int_equal(tn_migrate_down(f->db, f->set[2], &f->options, NULL, &f->err), TN_OK);
    assert_int_equal(drift(f, text), TN_DRIFT_NONE);
}

/* A run that was interrupted before it could record anything. */
static void what_is_recorded_of_another_version_says_nothing(void **state)
{
    fixture *f = *state;
    char text[500];

    deploy(f, 2);
    sql(f, "update _tenon_migrations_schema set version = '1'; create table byhand (a int)");
    assert_int_equal(drift(f, text), TN_DRIFT_UNKNOWN);
    deploy(f, 3);
    assert_int_equal(drift(f, text), TN_DRIFT_NONE);
}

static void the_history_has_the_fingerprint(void **state)
{
    fixture *f = *state;
    tn_schema *schema = NULL;
    char *hash = NULL;

    deploy(f, 2);
    assert_int_equal(tn_schema_read(f->db, NULL, &schema, &f->err), TN_OK);
    assert_int_equal(tn_get(f->db, "select schema_hash from _tenon_migrations where version = '2'",
                            NULL, tn_into(&hash), &f->err),
                     TN_OK);
    assert_string_equal(hash, tn_schema_fingerprint(schema));
    free(hash);
    tn_schema_free(schema);
}

/* ---- plan ------------------------------------------------------------------------------------ */

static int64_t count(fixture *f, const char *question)
{
    int64_t n = -1;

    assert_int_equal(tn_get(f->db, question, NULL, tn_into(&n), &f->err), TN_OK);
    return n;
}

static void a_plan_changes_nothing(void **state)
{
    fixture *f = *state;
    tn_plan *plan = NULL;
    char text[500] = "";

    deploy(f, 1);
    assert_int_equal(tn_plan_make(f->db, f->set[3], &f->options, NULL, &plan, &f->err), TN_OK);
    assert_int_equal(tn_plan_pending(plan), 2);
    assert_int_equal(tn_plan_count(plan), 3);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(tn_plan_at(plan, i)->state, TN_PLAN_RUN);
    assert_null(tn_plan_at(plan, 3));
    assert_int_equal(tn_plan_at(plan, 1)->line, 3);
    assert_string_equal(tn_plan_at(plan, 2)->migration->version, "3");
    assert_int_equal(
        tn_schema_compare(tn_plan_before(plan), tn_plan_after(plan), take_change, text), 2);
    assert_string_equal(text, "1 users name; 1 users_email ; ");
    tn_plan_free(plan);
    assert_int_equal(count(f, "select count(*) from users"), 0);
    assert_int_equal(count(f, "select count(*) from _tenon_migrations"), 1);
}

static void a_plan_tells_what_fails(void **state)
{
    static const char bad[] =
        "-- migrate:up\ncreate table t (a int);\n\nselect a from nowhere;\nselect 1;\n";
    const tn_migration_file file = {.name = "1_bad.sql", .text = bad, .len = sizeof(bad) - 1};
    const tn_migration_files files = {.size = sizeof(files), .files = &file, .count = 1};
    fixture *f = *state;
    tn_plan *plan = NULL;

    tn_migrations *set = tn_migrations_embedded(&files, "sqlite", NULL, &f->err);
    assert_non_null(set);
    assert_int_equal(tn_plan_make(f->db, set, NULL, NULL, &plan, &f->err), TN_OK);
    assert_int_equal(tn_plan_at(plan, 0)->state, TN_PLAN_RUN);
    assert_int_equal(tn_plan_at(plan, 1)->state, TN_PLAN_FAILED);
    assert_string_equal(tn_plan_at(plan, 1)->error->sqlstate, "42P01");
    assert_int_equal(tn_plan_at(plan, 1)->line, 4);
    assert_int_equal(tn_plan_at(plan, 2)->state, TN_PLAN_NOT_RUN);
    assert_null(tn_plan_after(plan));
    tn_plan_free(plan);
    tn_migrations_free(set);
    assert_int_equal(count(f, "select count(*) from sqlite_schema"), 0);
}

/* Transaction commands as the runner takes them. */
static void a_plan_takes_what_a_deploy_takes(void **state)
{
    static const char text[] =
        "-- migrate:up\nbegin;\ncreate table t (a int);\nsavepoint s;\ncreate "
        "table u (a int);\nrollback to s;\ncommit;\n";
    const tn_migration_file file = {.name = "1_t.sql", .text = text, .len = sizeof(text) - 1};
    const tn_migration_files files = {.size = sizeof(files), .files = &file, .count = 1};
    fixture *f = *state;
    tn_plan *plan = NULL;
    char changes[500] = "";

    tn_migrations *set = tn_migrations_embedded(&files, "sqlite", NULL, &f->err);
    assert_non_null(set);
    assert_int_equal(tn_plan_make(f->db, set, NULL, NULL, &plan, &f->err), TN_OK);
    assert_int_equal(tn_plan_count(plan), 4);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(tn_plan_at(plan, i)->state, TN_PLAN_RUN);
    (void)tn_schema_compare(tn_plan_before(plan), tn_plan_after(plan), take_change, changes);
    assert_string_equal(changes, "1 t ; ");
    tn_plan_free(plan);
    tn_migrations_free(set);
    assert_int_equal(count(f, "select count(*) from sqlite_schema"), 0);
}

static void a_plan_may_only_show(void **state)
{
    tn_plan_options options = TN_PLAN_OPTIONS_INIT;
    fixture *f = *state;
    tn_plan *plan = NULL;

    options.no_run = true;
    assert_int_equal(tn_plan_make(f->db, f->set[3], NULL, &options, &plan, &f->err), TN_OK);
    assert_int_equal(tn_plan_count(plan), 4);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(tn_plan_at(plan, i)->state, TN_PLAN_NOT_RUN);
    tn_plan_free(plan);
}

/* ---- squash ---------------------------------------------------------------------------------- */

static char *squash(fixture *f, const char *to, size_t *ret_left)
{
    tn_schema *schema = NULL;
    char *text = NULL;

    assert_int_equal(tn_schema_read(f->db, NULL, &schema, &f->err), TN_OK);
    if (tn_squash(f->set[3], to, schema, "sqlite", &text, ret_left, &f->err) != TN_OK)
        fail_msg("%s", f->err.message);
    tn_schema_free(schema);
    return text;
}

/* What came of the squashed file, deployed where `sql` was run before. */
static tn_status deploy_squashed(fixture *f, const char *text, tn_db *db,
                                 tn_migrate_problem *problem)
{
    const tn_migration_file files[] = {
        {.name = "2_squashed.sqlite.sql", .text = text, .len = strlen(text)}, list[2]};
    const tn_migration_files all = {.size = sizeof(all), .files = files, .count = 2};
    tn_migrate_options options = TN_MIGRATE_OPTIONS_INIT;

    options.problem = problem;
    tn_migrations *set = tn_migrations_embedded(&all, "sqlite", NULL, &f->err);
    if (!set)
        fail_msg("%s", f->err.message);
    tn_status status = tn_migrate_deploy(db, set, &options, NULL, &f->err);
    tn_migrations_free(set);
    return status;
}

static void a_squashed_file_stands_for_all(void **state)
{
    tn_migrate_problem problem = {0};
    fixture *f = *state;
    tn_schema *a = NULL, *b = NULL;
    size_t left = 0;

    deploy(f, 2);
    char *text = squash(f, "2", &left);
    assert_int_equal(left, 1);
    assert_non_null(strstr(text, "-- insert into users"));

    /* where both are applied, only the third is left */
    assert_int_equal(deploy_squashed(f, text, f->db, &problem), TN_OK);
    assert_int_equal(count(f, "select count(*) from _tenon_migrations"), 3);
    /* a new database */
    tn_db *fresh = tn_open_url("sqlite::memory:", &f->err);
    assert_non_null(fresh);
    assert_int_equal(deploy_squashed(f, text, fresh, &problem), TN_OK);
    assert_int_equal(tn_schema_read(f->db, NULL, &a, &f->err), TN_OK);
    assert_int_equal(tn_schema_read(fresh, NULL, &b, &f->err), TN_OK);
    assert_string_equal(tn_schema_fingerprint(a), tn_schema_fingerprint(b));
    assert_int_equal(tn_db_close(fresh, NULL), TN_OK);
    /* where only the first is applied */
    tn_db *half = tn_open_url("sqlite::memory:", &f->err);
    assert_non_null(half);
    assert_int_equal(tn_migrate_deploy(half, f->set[1], NULL, NULL, &f->err), TN_OK);
    assert_int_equal(deploy_squashed(f, text, half, &problem), TN_FAILED);
    assert_int_equal(problem.fault, TN_MIGRATE_DIVERGED);
    assert_non_null(strstr(f->err.hint, "release before the squash"));
    assert_int_equal(tn_db_close(half, NULL), TN_OK);
    tn_schema_free(a);
    tn_schema_free(b);
    free(text);
}

static void a_file_of_the_schema_is_the_same_bytes(void **state)
{
    fixture *f = *state;
    tn_schema *schema = NULL, *parsed = NULL;

    deploy(f, 2);
    assert_int_equal(tn_schema_read(f->db, NULL, &schema, &f->err), TN_OK);
    char *first = tn_schema_file(schema, "sqlite"), *second = tn_schema_file(schema, "sqlite");
    assert_true(first && second);
    assert_string_equal(first, second);
    assert_int_equal(tn_schema_parse(tn_str_from(first), &parsed, &f->err), TN_OK);
    assert_string_equal(tn_schema_fingerprint(parsed), tn_schema_fingerprint(schema));
    free(first);
    free(second);
    tn_schema_free(schema);
    tn_schema_free(parsed);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(drift_is_seen_and_kept),
        TEST(drift_can_be_accepted),
        TEST(the_way_back_is_recorded_as_well),
        TEST(what_is_recorded_of_another_version_says_nothing),
        TEST(the_history_has_the_fingerprint),
        TEST(a_plan_changes_nothing),
        TEST(a_plan_tells_what_fails),
        TEST(a_plan_takes_what_a_deploy_takes),
        TEST(a_plan_may_only_show),
        TEST(a_squashed_file_stands_for_all),
        TEST(a_file_of_the_schema_is_the_same_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
