/* SPDX-License-Identifier: MIT */
/* Whole runs on a database in memory, by the public functions. */
#include "unit.h"

#include <tenon/migrate.h>
#include <tenon/tenon.h>

static tn_db *db;
static tn_migrations *set;
static tn_migrate_problem problem;
static tn_migrate_options options;
static tn_error err;

static int set_up(void **state)
{
    tn_migrate_options defaults = TN_MIGRATE_OPTIONS_INIT;

    (void)state;
    err = (tn_error)TN_ERROR_INIT;
    options = defaults;
    options.problem = &problem;
    options.lock_wait_ms = 0;
    db = tn_open_url("sqlite::memory:", &err);
    return db ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    tn_migrations_free(set);
    set = NULL;
    return tn_db_close(db, NULL) == TN_OK ? 0 : -1;
}

/* name, text, name, text ... NULL */
static void files(const char *first, ...)
{
    static tn_migration_file file[16];
    tn_migration_files all = {sizeof(all), file, 0};
    va_list args;

    va_start(args, first);
    for (const char *name = first; name; name = va_arg(args, const char *)) {
        const char *text = va_arg(args, const char *);
        file[all.count++] = (tn_migration_file){name, text, strlen(text)};
    }
    va_end(args);
    tn_migrations_free(set);
    set = tn_migrations_embedded(&all, "sqlite", &problem, &err);
    if (!set)
        fail_msg("%s", err.message);
}

static void deploys(uint32_t applied, const char *version)
{
    tn_migrate_result result;

    if (tn_migrate_deploy(db, set, &options, &result, &err) != TN_OK)
        fail_msg("%s; %s", err.message, problem.state);
    assert_int_equal(result.applied, applied);
    assert_string_equal(result.version, version);
}

static void fails(tn_status status, tn_migrate_fault fault, const char *version)
{
    tn_status got = tn_migrate_deploy(db, set, &options, NULL, &err);

    if (got != status || problem.fault != fault || strcmp(problem.version, version) != 0)
        fail_msg("%s, fault %d, version %s: %s", tn_status_name(got), problem.fault,
                 problem.version, err.message);
}

static int number(const char *sql)
{
    int64_t n = -1;

    if (tn_get(db, sql, NULL, tn_into(&n), &err) != TN_OK)
        fail_msg("%s: %s", sql, err.message);
    return (int)n;
}

static const char t1[] =
    "-- migrate:up\ncreate table t (n integer);\n-- migrate:down\ndrop table t;\n";
static const char t2[] = "-- migrate:up\ninsert into t values (2);\n"
                         "-- migrate:down\ndelete from t where n = 2;\n";
static const char t3[] = "-- migrate:up\ninsert into t values (3);\n";

/* ---- deploying ------------------------------------------------------------------------------- */

static void applies_once_and_in_order(void **state)
{
    (void)state;
    files("10_c.sql", t3, "2_b.sql", t2, "1_a.sql", t1, NULL);
    options.to = "2";
    deploys(2, "2");
    options.to = NULL;
    deploys(1, "10");
    deploys(0, "10");
    assert_int_equal(number("select sum(n) from t"), 5);
    assert_int_equal(number("select count(*) from _tenon_migrations where state = 'applied'"), 3);
}

static void counts_and_unknown_versions(void **state)
{
    (void)state;
    files("1_a.sql", t1, "2_b.sql", t2, "3_c.sql", t3, NULL);
    options.count = 1;
    deploys(1, "1");
    deploys(1, "2");
    options.count = 0;
    options.to = "7";
    fails(TN_CONFIG, TN_MIGRATE_USAGE, "");
}

static void a_failure_leaves_nothing_of_its_own(void **state)
{
    (void)state;
    files("1_a.sql", t1, "2_b.sql",
          "-- migrate:up\ninsert into t values (2);\ncreate table u (n integer);\n"
          "insert into t values (1, 2);\n",
          "3_c.sql", t3, NULL);
    fails(TN_SYNTAX, TN_MIGRATE_SQL, "2");
    assert_int_equal(problem.line, 4);
    assert_string_equal(problem.file, "2_b.sql");
    assert_string_equal(problem.text, "insert into t values (1, 2);");
    assert_non_null(strstr(problem.state, "nothing of 2 is left"));
    assert_int_equal(number("select count(*) from t"), 0);
    assert_int_equal(number("select count(*) from sqlite_schema where name = 'u'"), 0);
    assert_int_equal(number("select count(*) from _tenon_migrations"), 1);
}

/* What is wrong in any file is found before the first is run. */
static void all_files_are_looked_at_first(void **state)
{
    (void)state;
    files("1_a.sql", t1, "2_b.sql", "-- migrate:up\nselect 1;\ncommit;\n", NULL);
    fails(TN_CONFIG, TN_MIGRATE_FILES, "2");
    assert_int_equal(problem.line, 3);
    assert_int_equal(number("select count(*) from sqlite_schema"), 0);
}

static void skipped_and_missing(void **state)
{
    (void)state;
    files("1_a.sql", t1, "2_b.sql", "-- migrate:skip driver:sqlite reason:none\n", NULL);
    deploys(2, "2");
    files("1_a.sql", t1, "2_b.sql", "-- migrate:skip driver:sqlite reason:none\n",
          "3_c.postgres.sql", t3, NULL);
    fails(TN_CONFIG, TN_MIGRATE_FILES, "3");
}

/* ---- integrity: each told apart -------------------------------------------------------------- */

static void an_edited_file(void **state)
{
    (void)state;
    files("1_a.sql", t1, "2_b.sql", t2, NULL);
    deploys(2, "2");
    files("1_a.sql", t1, "2_b.sql", "-- migrate:up\ninsert into t values (22);\n", "3_c.sql", t3,
          NULL);
    fails(TN_FAILED, TN_MIGRATE_EDITED, "2");
    assert_string_equal(problem.next, "tenon migrate repair 2 --accept-checksum");
    assert_int_equal(tn_migrate_repair(db, set, "2", TN_MIGRATE_ACCEPT_CHECKSUM, &options, &err),
                     TN_OK);
    deploys(1, "3");
}

static void a_missing_file(void **state)
{
    (void)state;
    files("1_a.sql", t1, "2_b.sql", t2, NULL);
    deploys(2, "2");
    files("1_a.sql", t1, "3_c.sql", t3, NULL);
    fails(TN_FAILED, TN_MIGRATE_MISSING, "2");
    assert_int_equal(tn_migrate_repair(db, set, "2", TN_MIGRATE_MARK_PENDING, &options, &err),
                     TN_OK);
    deploys(1, "3");
}

static void out_of_order(void **state)
{
    (void)state;
    files("1_a.sql", t1, "3_c.sql", t3, NULL);
    deploys(2, "3");
    files("1_a.sql", t1, "2_b.sql", t2, "3_c.sql", t3, NULL);
    fails(TN_FAILED, TN_MIGRATE_OUT_OF_ORDER, "2");
    options.out_of_order = true;
    deploys(1, "3");
}

static void another_branch(void **state)
{
    (void)state;
    files("1_a.sql", t1, "3_c.sql", t3, NULL);
    deploys(2, "3");
    files("1_a.sql", t1, "2_b.sql", t2, NULL);
    options.out_of_order = true;
    fails(TN_FAILED, TN_MIGRATE_DIVERGED, "3");
    assert_non_null(strstr(err.message, "2_b.sql"));
}

static void looking_changes_nothing(void **state)
{
    (void)state;
    files("1_a.sql", t1, "2_b.sql", t2, NULL);
    tn_migrate_status *s = tn_migrate_look(db, set, &options, &err);
    assert_non_null(s);
    assert_int_equal(tn_migrate_status_pending(s), 2);
    assert_int_equal(tn_migrate_status_check(s, &options, &err), TN_OK);
    tn_migrate_status_free(s);
    assert_int_equal(number("select count(*) from sqlite_schema"), 0);

    deploys(2, "2");
    s = tn_migrate_look(db, set, &options, &err);
    assert_non_null(s);
    assert_int_equal(tn_migrate_status_count(s), 2);
    const tn_migrate_entry *e = tn_migrate_status_at(s, 1);
    assert_int_equal(e->state, TN_MIGRATE_APPLIED);
    assert_string_equal(e->name, "b");
    assert_string_equal(e->checksum, e->migration->checksum);
    assert_non_null(strstr(e->down_sql, "delete from t"));
    assert_true(e->finished_at.us >= e->started_at.us);
    assert_non_null(strchr(e->who, '@'));
    assert_null(tn_migrate_status_at(s, 2));
    tn_migrate_status_free(s);
}

/* ---- undoing --------------------------------------------------------------------------------- */

static void undoes_the_newest(void **state)
{
    tn_migrate_result result;

    (void)state;
    files("1_a.sql", t1, "2_b.sql", t2, NULL);
    deploys(2, "2");
    assert_int_equal(tn_migrate_down(db, set, &options, &result, &err), TN_OK);
    assert_int_equal(result.applied, 1);
    assert_string_equal(result.version, "1");
    assert_int_equal(number("select count(*) from t"), 0);
    /* Without files, by what was recorded. */
    options.to = "0";
    assert_int_equal(tn_migrate_down(db, NULL, &options, &result, &err), TN_OK);
    assert_int_equal(number("select count(*) from _tenon_migrations"), 0);
    assert_int_equal(number("select count(*) from sqlite_schema where name = 't'"), 0);
    options.to = NULL;
    assert_int_equal(tn_migrate_down(db, set, &options, &result, &err), TN_OK);
    assert_int_equal(result.applied, 0);
}

static void refuses_what_has_no_way_back(void **state)
{
    (void)state;
    files("1_a.sql", t1, "2_b.sql", t3, NULL);
    deploys(2, "2");
    assert_int_equal(tn_migrate_down(db, set, &options, NULL, &err), TN_FAILED);
    assert_int_equal(problem.fault, TN_MIGRATE_REFUSED);
    files("1_a.sql", t1, "2_b.sql", t3, "3_c.sql",
          "-- migrate:up irreversible:true\nselect 1;\n-- migrate:down\nselect 2;\n", NULL);
    deploys(1, "3");
    assert_int_equal(tn_migrate_down(db, NULL, &options, NULL, &err), TN_FAILED);
    assert_int_equal(problem.fault, TN_MIGRATE_REFUSED);
    assert_non_null(strstr(err.message, "irreversible"));
    options.to = "9";
    assert_int_equal(tn_migrate_down(db, set, &options, NULL, &err), TN_CONFIG);
    assert_int_equal(problem.fault, TN_MIGRATE_USAGE);
}

static void take_note(void *arg, const tn_migrate_event *event)
{
    if (event->kind == TN_MIGRATE_EVENT_NOTE)
        snprintf(arg, 200, "%s", event->text);
}

static void an_empty_down_is_a_down(void **state)
{
    tn_migrate_result result;
    char note[200] = "";

    (void)state;
    files("1_a.sql", t1, "2_b.sql", "-- migrate:up\nselect 2;\n-- migrate:down\n", "3_c.sql",
          "-- migrate:up\nselect 3;\n\n-- migrate:down\n\n  -- nothing\n", "4_d.up.sql",
          "select 4;\n", "4_d.down.sql", "", NULL);
    deploys(4, "4");
    options.event = take_note;
    options.event_arg = note;
    for (int i = 0; i < 3; i++) {
        note[0] = '\0';
        /* 3 has no file here: by what was recorded */
        if (tn_migrate_down(db, i == 1 ? NULL : set, &options, &result, &err) != TN_OK)
            fail_msg("%s", err.message);
        assert_int_equal(result.applied, 1);
        assert_non_null(strstr(note, "nothing is run"));
    }
    assert_string_equal(result.version, "1");
    assert_int_equal(number("select count(*) from _tenon_migrations"), 1);
    /* A block of another driver is none of this one. */
    files("1_a.sql", t1, "2_b.sql", "-- migrate:up\nselect 2;\n-- migrate:down driver:postgres\n",
          NULL);
    deploys(1, "2");
    assert_int_equal(tn_migrate_down(db, set, &options, &result, &err), TN_FAILED);
    assert_non_null(strstr(err.message, "has no -- migrate:down block"));
}

/* ---- without a transaction ------------------------------------------------------------------- */

static const char halfway[] = "-- migrate:up transaction:false\n"
                              "insert into t values (1);\n"
                              "vacuum;\n"
                              "begin; insert into t values (2); insert into t values (3); commit;\n"
                              "insert into u values (4);\n"
                              "insert into t values (5);\n";

static void goes_on_where_it_stopped(void **state)
{
    (void)state;
    files("1_a.sql", t1, "2_b.sql", halfway, NULL);
    fails(TN_SYNTAX, TN_MIGRATE_SQL, "2");
    assert_int_equal(problem.line, 5);
    assert_non_null(strstr(problem.state, "3 of 5 statements of 2 are done"));
    assert_int_equal(number("select step from _tenon_migrations where version = '2'"), 3);
    assert_int_equal(number("select count(*) from _tenon_migrations where state = 'failed'"), 1);
    assert_int_equal(tn_exec(db, "create table u (n integer)", NULL, NULL, &err), TN_OK);
    deploys(1, "2");
    assert_int_equal(number("select sum(n) from t"), 11);
    assert_int_equal(number("select count(*) from t"), 4);
    assert_int_equal(number("select n from u"), 4);
}

static void a_group_is_whole_or_not_at_all(void **state)
{
    (void)state;
    files("1_a.sql", t1, "2_b.sql",
          "-- migrate:up transaction:false\n"
          "insert into t values (1);\nbegin;\ninsert into t values (2);\n"
          "insert into u values (3);\ncommit;\n",
          NULL);
    fails(TN_SYNTAX, TN_MIGRATE_SQL, "2");
    assert_int_equal(problem.line, 5);
    assert_int_equal(number("select count(*) from t"), 1);
    assert_int_equal(tn_exec(db, "create table u (n integer)", NULL, NULL, &err), TN_OK);
    deploys(1, "2");
    assert_int_equal(number("select count(*) from t"), 2);
}

static void steps_may_be_mended(void **state)
{
    (void)state;
    files("1_a.sql", t1, "2_b.sql", halfway, NULL);
    fails(TN_SYNTAX, TN_MIGRATE_SQL, "2");
    assert_int_equal(tn_migrate_repair(db, set, "2", TN_MIGRATE_STEP_DONE, &options, &err), TN_OK);
    deploys(1, "2");
    assert_int_equal(number("select sum(n) from t"), 11);
    assert_int_equal(tn_migrate_repair(db, set, "2", TN_MIGRATE_STEP_DONE, &options, &err),
                     TN_FAILED);
    assert_int_equal(problem.fault, TN_MIGRATE_REFUSED);
    assert_int_equal(tn_migrate_repair(db, set, "2", TN_MIGRATE_MARK_APPLIED, &options, &err),
                     TN_FAILED);
    assert_int_equal(tn_migrate_repair(db, set, "9", TN_MIGRATE_MARK_APPLIED, &options, &err),
                     TN_FAILED);
}

/* ---- rebuilding a table ---------------------------------------------------------------------- */

static const char parents[] = "-- migrate:up\n"
                              "create table p (id integer primary key, a text);\n"
                              "create table c (id integer primary key, p integer not null"
                              " references p (id) on delete cascade);\n"
                              "insert into p values (1, 'x'), (2, 'y');\n"
                              "insert into c values (10, 1), (20, 2);\n";

static void a_rebuild_loses_nothing(void **state)
{
    (void)state;
    files("1_a.sql", parents, "2_b.sql",
          "-- migrate:up\n"
          "create table p_new (id integer primary key, a text not null);\n"
          "insert into p_new select id, a from p;\n"
          "drop table p;\nalter table p_new rename to p;\n",
          NULL);
    deploys(2, "2");
    assert_int_equal(number("select count(*) from c join p on c.p = p.id"), 2);
    /* They are on again. */
    assert_int_equal(tn_exec(db, "insert into c values (30, 3)", NULL, NULL, &err), TN_CONSTRAINT);
    assert_int_equal(tn_exec(db, "delete from p where id = 1", NULL, NULL, &err), TN_OK);
    assert_int_equal(number("select count(*) from c"), 1);
}

static void a_rebuild_that_would_lose_rows_fails(void **state)
{
    (void)state;
    files("1_a.sql", parents, "2_b.sql",
          "-- migrate:up\n"
          "create table p_new (id integer primary key, a text);\n"
          "insert into p_new select id, a from p where id = 1;\n"
          "drop table p;\nalter table p_new rename to p;\n",
          NULL);
    fails(TN_CONSTRAINT, TN_MIGRATE_SQL, "2");
    assert_non_null(strstr(err.message, "1 rows would refer"));
    assert_int_equal(number("select count(*) from p"), 2);
    assert_int_equal(number("select count(*) from c"), 2);
}

/* Each: p is made anew, statement by statement. */
static const char *const in_steps[] = {
    "-- migrate:up transaction:false\n"
    "create table p_new (id integer primary key, a text not null);\n"
    "insert into p_new select id, a from p;\n"
    "drop table p;\nalter table p_new rename to p;\n",
    "-- migrate:up transaction:false foreign-keys:off\n"
    "create table p_new (id integer primary key, a text not null);\n"
    "insert into p_new select id, a from p;\n"
    "drop table p;\nalter table p_new rename to p;\nvacuum;\n",
    "-- migrate:up transaction:false\n"
    "pragma foreign_keys = on;\n"
    "begin;\ncreate table p_new (id integer primary key, a text not null);\n"
    "insert into p_new select id, a from p;\n"
    "drop table p;\nalter table p_new rename to p;\ncommit;\npragma foreign_keys = on;\n",
};

static void a_rebuild_in_steps_loses_nothing(void **state)
{
    for (size_t i = 0; i < sizeof(in_steps) / sizeof(in_steps[0]); i++) {
        files("1_a.sql", parents, "2_b.sql", in_steps[i], NULL);
        deploys(2, "2");
        assert_int_equal(number("select count(*) from c join p on c.p = p.id"), 2);
        assert_int_equal(number("select foreign_keys from pragma_foreign_keys"), 1);
        assert_int_equal(tn_exec(db, "insert into c values (30, 3)", NULL, NULL, &err),
                         TN_CONSTRAINT);
        err = (tn_error)TN_ERROR_INIT;
        assert_int_equal(tear_down(state), 0);
        assert_int_equal(set_up(state), 0);
    }
}

/* The last statement is neither kept nor recorded; what was missing is put there by hand. */
static void a_rebuild_in_steps_is_checked_at_its_end(void **state)
{
    (void)state;
    files("1_a.sql", parents, "2_b.sql",
          "-- migrate:up transaction:false\n"
          "create table p_new (id integer primary key, a text);\n"
          "insert into p_new select id, a from p where id = 1;\n"
          "drop table p;\nalter table p_new rename to p;\n",
          NULL);
    fails(TN_CONSTRAINT, TN_MIGRATE_SQL, "2");
    assert_string_equal(err.message, "1 rows would refer to rows that are not there any more: "
                                     "1 of c, to p");
    assert_non_null(strstr(err.hint, "pragma foreign_key_check(c)"));
    assert_int_equal(problem.line, 5);
    assert_string_equal(problem.next,
                        "mend the cause, then: tenon migrate deploy (it goes on with this "
                        "statement)");
    assert_int_equal(number("select step from _tenon_migrations where version = '2'"), 3);
    assert_int_equal(number("select count(*) from sqlite_schema where name = 'p'"), 0);
    assert_int_equal(number("select count(*) from c"), 2);
    fails(TN_CONSTRAINT, TN_MIGRATE_SQL, "2");
    assert_int_equal(tn_exec(db, "insert into p_new values (2, 'y')", NULL, NULL, &err), TN_OK);
    deploys(1, "2");
    assert_int_equal(number("select count(*) from c join p on c.p = p.id"), 2);
    assert_int_equal(number("select foreign_keys from pragma_foreign_keys"), 1);
}

/* Who goes on with it, and who goes back, has them off as well. */
static void a_rebuild_in_steps_goes_on_and_back(void **state)
{
    static const char wrong[] = "-- migrate:up transaction:false\n"
                                "create table p_new (id integer primary key, a text not null);\n"
                                "insert into p_new select id, nothing from p;\n"
                                "drop table p;\nalter table p_new rename to p;\n";
    static const char back[] = "-- migrate:down transaction:false\n"
                               "create table p_old (id integer primary key, a text);\n"
                               "insert into p_old select id, a from p;\n"
                               "drop table p;\nalter table p_old rename to p;\n";
    char text[1000];

    (void)state;
    files("1_a.sql", parents, "2_b.sql", wrong, NULL);
    fails(TN_SYNTAX, TN_MIGRATE_SQL, "2");
    snprintf(text, sizeof(text), "%s%s", in_steps[0], back);
    files("1_a.sql", parents, "2_b.sql", text, NULL);
    deploys(1, "2");
    assert_int_equal(number("select count(*) from c join p on c.p = p.id"), 2);
    assert_int_equal(tn_migrate_down(db, set, &options, NULL, &err), TN_OK);
    assert_int_equal(number("select count(*) from c join p on c.p = p.id"), 2);
    assert_int_equal(number("select count(*) from _tenon_migrations"), 1);
    assert_int_equal(number("select foreign_keys from pragma_foreign_keys"), 1);
}

/* The same where the last one takes no transaction, and where all are recorded but their end. */
static void also_where_the_last_one_is_alone(void **state)
{
    (void)state;
    files("1_a.sql", parents, "2_b.sql",
          "-- migrate:up transaction:false\n"
          "create table p_new (id integer primary key, a text);\n"
          "drop table p;\nalter table p_new rename to p;\nvacuum;\n",
          NULL);
    fails(TN_CONSTRAINT, TN_MIGRATE_SQL, "2");
    assert_int_equal(problem.line, 5);
    assert_int_equal(number("select step from _tenon_migrations where version = '2'"), 3);
    assert_int_equal(tn_migrate_repair(db, set, "2", TN_MIGRATE_STEP_DONE, &options, &err), TN_OK);
    fails(TN_CONSTRAINT, TN_MIGRATE_SQL, "2");
    assert_string_equal(problem.state, "all statements of 2 are done and recorded, its end is not");
    assert_string_equal(problem.next, "mend the cause, then: tenon migrate deploy");
    assert_int_equal(tn_exec(db, "delete from c", NULL, NULL, &err), TN_OK);
    deploys(1, "2");
}

/* A run that goes on could not tell whose they are. */
static void a_rebuild_in_steps_begins_without_violations(void **state)
{
    (void)state;
    files("1_a.sql", parents, "2_b.sql", in_steps[0], NULL);
    options.to = "1";
    deploys(1, "1");
    options.to = NULL;
    assert_int_equal(tn_exec_script(db,
                                    "pragma foreign_keys = off; insert into c values (30, 3);"
                                    "pragma foreign_keys = on",
                                    &err),
                     TN_OK);
    fails(TN_CONSTRAINT, TN_MIGRATE_REFUSED, "2");
    assert_string_equal(problem.state, "nothing of 2 was begun");
    assert_string_equal(err.message, "1 rows refer to rows that are not there: 1 of c, to p");
    assert_int_equal(number("select count(*) from _tenon_migrations"), 1);
    assert_int_equal(number("select count(*) from c"), 3);
    assert_int_equal(tn_exec(db, "delete from c where id = 30", NULL, NULL, &err), TN_OK);
    deploys(1, "2");
}

static void a_view_in_the_way_is_named(void **state)
{
    (void)state;
    files("1_a.sql", parents, "2_b.sql", "-- migrate:up\ncreate view v as select a from p;\n",
          "3_c.sql",
          "-- migrate:up\n"
          "create table p_new (id integer primary key, a text);\n"
          "insert into p_new select id, a from p;\n"
          "drop table p;\nalter table p_new rename to p;\n",
          NULL);
    fails(TN_FAILED, TN_MIGRATE_SQL, "3");
    assert_string_equal(err.hint,
                        "SQLite looks into every view when it alters a table: drop view v "
                        "at the beginning of the migration, and create it again at its "
                        "end");
    files("1_a.sql", parents, "2_b.sql", "-- migrate:up\ncreate view v as select a from p;\n",
          "3_c.sql",
          "-- migrate:up\ndrop view v;\n"
          "create table p_new (id integer primary key, a text);\n"
          "insert into p_new select id, a from p;\n"
          "drop table p;\nalter table p_new rename to p;\n"
          "create view v as select a from p;\n",
          NULL);
    deploys(1, "3");
    assert_int_equal(number("select count(*) from v"), 2);
    assert_int_equal(number("select count(*) from c"), 2);
}

/* A delete in a file that drops nothing cascades, as the program's own would. */
static void foreign_keys_stay_on_otherwise(void **state)
{
    (void)state;
    files("1_a.sql", parents, "2_b.sql", "-- migrate:up\ndelete from p where id = 1;\n", NULL);
    deploys(2, "2");
    assert_int_equal(number("select count(*) from c"), 1);
}

/* ---- taking over ----------------------------------------------------------------------------- */

static void takes_over_from_dbmate(void **state)
{
    tn_migrate_result result;

    (void)state;
    assert_int_equal(tn_exec_script(db,
                                    "create table schema_migrations (version varchar(128) primary"
                                    " key); insert into schema_migrations values ('1'), ('2');"
                                    "create table t (n integer)",
                                    &err),
                     TN_OK);
    files("1_a.sql", t1, "2_b.sql", t2, "3_c.sql", t3, NULL);
    fails(TN_FAILED, TN_MIGRATE_REFUSED, "");
    assert_string_equal(problem.next, "tenon migrate baseline --from dbmate");
    assert_int_equal(tn_migrate_baseline(db, set, "dbmate", &options, &result, &err), TN_OK);
    assert_int_equal(result.applied, 2);
    deploys(1, "3");
    assert_int_equal(number("select sum(n) from t"), 3);
    assert_int_equal(tn_migrate_baseline(db, set, "dbmate", &options, &result, &err), TN_FAILED);
    assert_int_equal(problem.fault, TN_MIGRATE_REFUSED);
}

#define FLYWAY                                                                             \
    "create table flyway_schema_history (installed_rank integer, version text, type text," \
    " success boolean); insert into flyway_schema_history values "

static const struct {
    const char *from, *script;
    tn_status status;
    uint32_t recorded;
} others[] = {
    {"golang-migrate",
     "create table schema_migrations (version bigint, dirty boolean);"
     "insert into schema_migrations values (2, false)",
     TN_OK, 2},
    {"golang-migrate",
     "create table schema_migrations (version bigint, dirty boolean);"
     "insert into schema_migrations values (2, true)",
     TN_FAILED, 0},
    {"prisma",
     "create table _prisma_migrations (migration_name text, finished_at timestamptz,"
     " rolled_back_at timestamptz); insert into _prisma_migrations values ('1_a', now(), null),"
     " ('2_b', null, now())",
     TN_OK, 1},
    {"prisma",
     "create table _prisma_migrations (migration_name text, finished_at timestamptz,"
     " rolled_back_at timestamptz); insert into _prisma_migrations values ('1_a', null, null)",
     TN_FAILED, 0},
    {"flyway", FLYWAY "(1, '1', 'SQL', true), (2, '2', 'JDBC', true), (3, null, 'SQL', true)",
     TN_OK, 2},
    {"flyway", FLYWAY "(1, '1.2', 'SQL', true)", TN_FAILED, 0},
    {"flyway", FLYWAY "(1, '1', 'SQL', false)", TN_FAILED, 0},
    /* all up to a baseline, and none of it need be a file's */
    {"flyway", FLYWAY "(0, null, 'SCHEMA', true), (1, '2', 'BASELINE', true)", TN_OK, 2},
    {"flyway", FLYWAY "(1, '0', 'BASELINE', true), (2, '1', 'SQL', true)", TN_OK, 1},
    /* undone, and done again; deleted */
    {"flyway", FLYWAY "(1, '1', 'SQL', true), (2, '2', 'SQL', true), (3, '2', 'UNDO_SQL', true)",
     TN_OK, 1},
    {"flyway",
     FLYWAY "(1, '1', 'SQL', true), (2, '1', 'UNDO_SQL', true), (3, '1', 'SQL', true),"
            " (4, '2', 'SQL', true), (5, '2', 'DELETE', true)",
     TN_OK, 1},
    {"dbmate",
     "create table schema_migrations (version bigint, dirty boolean);"
     "insert into schema_migrations values (2, false)",
     TN_FAILED, 0},
    {"golang-migrate",
     "create table schema_migrations (version text); insert into schema_migrations values ('1')",
     TN_FAILED, 0},
    {"dbmate",
     "create table schema_migrations (version text);"
     "insert into schema_migrations values ('1'), ('77')",
     TN_FAILED, 0},
    {"dbmate", "select 1", TN_FAILED, 0},
    {"rails", "select 1", TN_CONFIG, 0},
};

static void takes_over_from_others(void **state)
{
    files("1_a.sql", t1, "2_b.sql", t2, "3_c.sql", t3, NULL);
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        tn_migrate_result result = {0};
        tn_migrations *kept = set;
        if (tn_exec_script(db, others[i].script, &err) != TN_OK)
            fail_msg("row %zu: %s", i, err.message);
        tn_status status = tn_migrate_baseline(db, set, others[i].from, &options, &result, &err);
        if (status != others[i].status || result.applied != others[i].recorded)
            fail_msg("row %zu: %s, %u", i, status ? err.message : "ok", result.applied);
        set = NULL;
        tear_down(state);
        assert_int_equal(set_up(state), 0);
        set = kept;
    }
}

/* They named their tables alike. */
static void tools_are_told_apart(void **state)
{
    (void)state;
    files("1_a.sql", t1, NULL);
    assert_int_equal(tn_exec_script(db,
                                    "create table schema_migrations (version bigint, dirty "
                                    "boolean); insert into schema_migrations values (1, false)",
                                    &err),
                     TN_OK);
    assert_int_equal(tn_migrate_baseline(db, set, "dbmate", &options, NULL, &err), TN_FAILED);
    assert_non_null(strstr(err.message, "is golang-migrate's"));
    assert_string_equal(problem.next, "tenon migrate baseline --from golang-migrate");
    assert_int_equal(problem.fault, TN_MIGRATE_REFUSED);
    assert_int_equal(
        tn_exec(db, "alter table schema_migrations drop column dirty", NULL, NULL, &err), TN_OK);
    assert_int_equal(tn_migrate_baseline(db, set, "golang-migrate", &options, NULL, &err),
                     TN_FAILED);
    assert_non_null(strstr(err.message, "not golang-migrate's"));
    assert_string_equal(problem.next, "tenon migrate baseline --from dbmate");
}

static void baseline_to_a_version(void **state)
{
    tn_migrate_result result;

    (void)state;
    assert_int_equal(tn_exec(db, "create table t (n integer)", NULL, NULL, &err), TN_OK);
    files("1_a.sql", t1, "2_b.sql", t2, "3_c.sql", t3, NULL);
    options.to = "2";
    assert_int_equal(tn_migrate_baseline(db, set, NULL, &options, &result, &err), TN_OK);
    assert_int_equal(result.applied, 2);
    options.to = NULL;
    deploys(1, "3");
}

/* ---- events and stopping --------------------------------------------------------------------- */

typedef struct seen {
    int begins, dones, steps;
    int stop_after;
} seen;

static void on_event(void *arg, const tn_migrate_event *event)
{
    seen *s = arg;

    s->begins += event->kind == TN_MIGRATE_EVENT_BEGIN;
    s->dones += event->kind == TN_MIGRATE_EVENT_DONE;
    s->steps += event->kind == TN_MIGRATE_EVENT_STEP;
    assert_true(event->done <= event->total);
}

static bool on_stop(void *arg)
{
    const seen *s = arg;

    return s->stop_after && s->dones >= s->stop_after;
}

static void events_are_told_and_runs_stop(void **state)
{
    seen s = {.stop_after = 1};

    (void)state;
    files("1_a.sql", t1, "2_b.sql", t2, "3_c.sql",
          "-- migrate:up transaction:false\ninsert into t values (1);\nvacuum;\n", NULL);
    options.event = on_event;
    options.event_arg = &s;
    options.stop = on_stop;
    options.stop_arg = &s;
    fails(TN_CANCELLED, TN_MIGRATE_SQL, "2");
    assert_int_equal(s.dones, 1);
    s.stop_after = 0;
    deploys(2, "3");
    assert_int_equal(s.dones, 3);
    assert_int_equal(s.begins, 4);
    assert_int_equal(s.steps, 2);
}

static void another_table_for_the_history(void **state)
{
    (void)state;
    files("1_a.sql", t1, NULL);
    options.history = "my \"history\"";
    deploys(1, "1");
    assert_int_equal(number("select count(*) from \"my \"\"history\"\"\""), 1);
    options.history = "a.b.c";
    fails(TN_CONFIG, TN_MIGRATE_USAGE, "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(applies_once_and_in_order),
        TEST(counts_and_unknown_versions),
        TEST(a_failure_leaves_nothing_of_its_own),
        TEST(all_files_are_looked_at_first),
        TEST(skipped_and_missing),
        TEST(an_edited_file),
        TEST(a_missing_file),
        TEST(out_of_order),
        TEST(another_branch),
        TEST(looking_changes_nothing),
        TEST(undoes_the_newest),
        TEST(refuses_what_has_no_way_back),
        TEST(goes_on_where_it_stopped),
        TEST(a_group_is_whole_or_not_at_all),
        TEST(steps_may_be_mended),
        TEST(a_rebuild_loses_nothing),
        TEST(a_rebuild_that_would_lose_rows_fails),
        TEST(a_rebuild_in_steps_loses_nothing),
        TEST(a_rebuild_in_steps_is_checked_at_its_end),
        TEST(a_rebuild_in_steps_goes_on_and_back),
        TEST(also_where_the_last_one_is_alone),
        TEST(a_rebuild_in_steps_begins_without_violations),
        TEST(a_view_in_the_way_is_named),
        TEST(foreign_keys_stay_on_otherwise),
        TEST(takes_over_from_dbmate),
        TEST(takes_over_from_others),
        TEST(tools_are_told_apart),
        TEST(an_empty_down_is_a_down),
        TEST(baseline_to_a_version),
        TEST(events_are_told_and_runs_stop),
        TEST(another_table_for_the_history),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
