/* SPDX-License-Identifier: MIT */
/*
 * libtenon-testing: copies are as the template and apart from each other, nothing is left, several
 * programs get along. On SQLite; with --postgresql on the server of TENON_TEST_POSTGRES_URL.
 */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include <tenon/testing.h>

#include "support/expect.h"

extern char **environ;

enum { TABLES = 14, PROGRAMS = 4, THREADS = 4, EACH = 4, MEASURED = 40, MEASURED_SLOW = 8 };

static const char *url; /* NULL: SQLite */
static const char *self;
static char schema[8192];

/* Another one each run, so that nothing of an earlier run is found. */
static void write_schema(void)
{
    size_t used = 0;

    used += (size_t)snprintf(schema, sizeof(schema), "-- %ld %lld\n", (long)getpid(),
                             (long long)time(NULL));
    for (int i = 0; i < TABLES; i++)
        used += (size_t)snprintf(
            schema + used, sizeof(schema) - used,
            "create table t%d (id integer primary key, name text not null, price numeric,"
            " made timestamptz, parent integer references t0 (id));\n"
            "create index t%d_name on t%d (name);\n"
            "create unique index t%d_key on t%d (name, price);\n",
            i, i, i, i, i);
    used += (size_t)snprintf(schema + used, sizeof(schema) - used,
                             "insert into t0 (id, name) values (1, 'of the template');\n");
    assert_true(used < sizeof(schema));
}

static tn_testing_options defaults(void)
{
    tn_testing_options options = TN_TESTING_OPTIONS_INIT;

    options.url = url;
    options.script = schema;
    return options;
}

static tn_template *make(const tn_testing_options *options)
{
    tn_error err = TN_ERROR_INIT;
    tn_template *t = tn_testing_template(options, &err);

    if (!t)
        tn_error_print(stderr, &err);
    assert_non_null(t);
    return t;
}

static tn_template *make_default(void)
{
    tn_testing_options options = defaults();

    return make(&options);
}

static void discard(tn_template *t)
{
    tn_error err = TN_ERROR_INIT;

    expect_ok(tn_testing_free(t, &err));
}

static tn_db *fresh(tn_template *t)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *db = tn_testing_fresh(t, &err);

    if (!db)
        tn_error_print(stderr, &err);
    assert_non_null(db);
    return db;
}

static tn_db *rollback(tn_template *t)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *db = tn_testing_rollback(t, &err);

    if (!db)
        tn_error_print(stderr, &err);
    assert_non_null(db);
    return db;
}

static void end(tn_db *db)
{
    tn_error err = TN_ERROR_INIT;

    expect_ok(tn_testing_end(db, &err));
}

static int64_t count(tn_db *db)
{
    tn_error err = TN_ERROR_INIT;
    int64_t n = -1;

    expect_ok(tn_get(db, "select count(*) from t0", NULL, tn_into(&n), &err));
    return n;
}

static void insert(tn_db *db, int32_t id)
{
    tn_error err = TN_ERROR_INIT;

    expect_ok(tn_exec(db, "insert into t0 (id, name) values ($1, 'x')", tn_args(id), NULL, &err));
}

/* What is on the server, by a client of the test's own. */
static int64_t databases(const char *pattern)
{
    tn_error err = TN_ERROR_INIT;
    int64_t n = -1;
    tn_db *db = tn_open_url(url, &err);

    assert_non_null(db);
    expect_ok(tn_get(db, "select count(*) from pg_database where datname ~ $1", tn_args(pattern),
                     tn_into(&n), &err));
    expect_ok(tn_db_close(db, &err));
    return n;
}

/* A program that was killed may have left the server at work on a copy. */
static void await_server(void)
{
    const struct timespec pause = {.tv_nsec = 10000000};
    tn_error err = TN_ERROR_INIT;
    int64_t n = 1;
    tn_db *db = tn_open_url(url, &err);

    assert_non_null(db);
    for (int i = 0; n && i < 3000; i++) {
        expect_ok(tn_get(db,
                         "select count(*) from pg_stat_activity where pid <> pg_backend_pid()"
                         " and state = 'active' and query like 'create database tenon_c_%'",
                         NULL, tn_into(&n), &err));
        nanosleep(&pause, NULL);
    }
    assert_int_equal(n, 0);
    expect_ok(tn_db_close(db, &err));
}

/* ---- copies ---------------------------------------------------------------------------------- */

static void copies_are_apart(void **state)
{
    tn_error err = TN_ERROR_INIT;

    (void)state;
    tn_template *t = make_default();
    tn_db *a = fresh(t), *b = fresh(t);
    insert(a, 2);
    assert_int_equal(count(a), 2);
    assert_int_equal(count(b), 1);
    expect_ok(tn_exec(b, "drop table t13", NULL, NULL, &err));
    tn_db *c = fresh(t);
    assert_int_equal(count(c), 1);
    expect_ok(tn_exec(c, "insert into t13 (id, name) values (1, 'x')", NULL, NULL, &err));
    /* All connections of a client see its database. */
    tn_db *first, *second;
    expect_ok(tn_acquire(c, &first, &err));
    expect_ok(tn_acquire(c, &second, &err));
    insert(first, 7);
    assert_int_equal(count(second), 2);
    tn_release(first);
    tn_release(second);
    end(a);
    end(c);
    end(b);
    discard(t);
}

static void what_is_left_open_is_told(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *session;

    (void)state;
    tn_template *t = make_default();
    tn_db *db = fresh(t);
    expect_ok(tn_acquire(db, &session, &err));
    expect_status(tn_testing_end(db, &err), TN_MISUSE);
    assert_non_null(strstr(err.message, "1 connections are still in use"));
    tn_release(session);
    expect_status(tn_testing_end(db, &err), TN_MISUSE);
    assert_non_null(strstr(err.message, "not one of a template"));
    expect_ok(tn_testing_end(NULL, &err));
    /* What is not ended goes with the template. */
    (void)fresh(t);
    insert(rollback(t), 2);
    discard(t);
    expect_ok(tn_testing_free(NULL, &err));
    assert_null(tn_testing_fresh(NULL, &err));
    assert_int_equal(err.status, TN_MISUSE);
    if (url)
        assert_int_equal(databases("^tenon_c_"), 0);
}

/* ---- rolled back ----------------------------------------------------------------------------- */

static tn_status insert_and(tn_db *tx, void *arg, tn_error *err)
{
    tn_status status = tn_exec(tx, "insert into t0 (id, name) values (2, 'x')", NULL, NULL, err);

    return status == TN_OK ? *(tn_status *)arg : status;
}

static void what_is_rolled_back_leaves_nothing(void **state)
{
    tn_status answer = TN_OK;
    tn_error err = TN_ERROR_INIT;
    tn_db *inner = NULL;

    (void)state;
    tn_template *t = make_default();
    for (int i = 0; i < 3; i++) {
        tn_db *db = rollback(t);
        assert_int_equal(count(db), 1);
        answer = TN_OK;
        expect_ok(tn_transaction(db, NULL, insert_and, &answer, &err));
        assert_int_equal(count(db), 2);
        answer = TN_FAILED;
        assert_int_equal(tn_transaction(db, NULL, insert_and, &answer, &err), TN_CONSTRAINT);
        assert_int_equal(count(db), 2); /* the savepoint alone was undone */
        expect_ok(tn_exec(db, "create table made_here (a integer)", NULL, NULL, &err));
        if (i == 1)
            expect_ok(tn_begin(db, NULL, &inner, &err)); /* left open */
        end(db);
    }
    expect_ok(tn_rollback(inner, &err)); /* the handle alone */
    tn_db *db = rollback(t);
    assert_int_equal(tn_exec(db, "select * from nowhere", NULL, NULL, &err), TN_SYNTAX);
    end(db); /* a transaction that has failed */
    db = rollback(t);
    assert_int_equal(count(db), 1);
    end(db);
    discard(t);
}

/* ---- what the template is made of ------------------------------------------------------------ */

static tn_status set_up(tn_db *db, void *arg, tn_error *err)
{
    ++*(int *)arg;
    return tn_exec(db, "insert into t0 (id, name) values (100, 'by setup')", NULL, NULL, err);
}

static tn_status refuse(tn_db *db, void *arg, tn_error *err)
{
    (void)db;
    (void)arg;
    return tn_error_set(err, TN_FAILED, "P0001", "no schema today");
}

static tn_status two_connections(tn_config *config, void *arg, tn_error *err)
{
    (void)arg;
    return tn_config_set(config, "max_connections", "2", err);
}

static void setup_is_called_once(void **state)
{
    tn_testing_options options = defaults();
    tn_pool_stats stats;
    tn_error err = TN_ERROR_INIT;
    int called = 0;

    (void)state;
    options.setup = set_up;
    options.configure = two_connections;
    options.arg = &called;
    tn_template *t = make(&options);
    assert_int_equal(called, 1);
    tn_db *db = fresh(t);
    assert_int_equal(count(db), 2);
    tn_db_pool_stats(db, &stats);
    assert_int_equal(stats.max, 2);
    end(db);
    discard(t);
    /* Nobody else could know what it is: it is gone. */
    if (url)
        assert_int_equal(databases("^tenon_c_"), 0);
    options.key = "1";
    discard(make(&options));
    discard(make(&options));
    assert_int_equal(called, url ? 2 : 3);
    options.key = "2";
    discard(make(&options));
    assert_int_equal(called, url ? 3 : 4);
    options.setup = refuse;
    options.key = "3";
    assert_null(tn_testing_template(&options, &err));
    expect_error(err.status, TN_FAILED, "P0001");
    assert_string_equal(err.message, "template: no schema today");
    options.setup = set_up;
    discard(make(&options)); /* what failed is not taken for ready */
}

static void put_file(const char *folder, const char *name, const char *text)
{
    char path[256];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static void a_directory_is_run_by_name(void **state)
{
    static const char *const names[] = {"1_b.sql", "0_a.sql", "1_b.down.sql", "notes.txt",
                                        "2_c.sql"};
    tn_testing_options options = defaults();
    tn_error err = TN_ERROR_INIT;
    char folder[] = "/tmp/tenon-test-XXXXXX", path[256];

    (void)state;
    assert_non_null(mkdtemp(folder));
    options.script = NULL;
    options.directory = folder;
    assert_null(tn_testing_template(&options, &err));
    assert_non_null(strstr(err.message, "has no .sql file"));
    put_file(folder, names[0], "insert into t0 (id, name) select 5, 'second'; -- no newline");
    put_file(folder, names[1], schema);
    put_file(folder, names[2], "drop table t0;");
    put_file(folder, names[3], "nothing to run");
    tn_template *t = make(&options);
    tn_db *db = fresh(t);
    assert_int_equal(count(db), 2);
    end(db);
    discard(t);
    put_file(folder, names[4], "select 1;\n\nselect * from nowhere;\n");
    assert_null(tn_testing_template(&options, &err));
    assert_int_equal(err.status, TN_SYNTAX);
    assert_non_null(strstr(err.message, "template: 2_c.sql: "));
    assert_non_null(strstr(err.message, "line 3"));
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        unlink(path);
    }
    rmdir(folder);
    assert_null(tn_testing_template(&options, &err));
    assert_int_equal(err.status, TN_CONFIG);
}

static void where_it_cannot_be_done_is_said(void **state)
{
    tn_testing_options options = defaults();
    tn_error err = TN_ERROR_INIT;

    (void)state;
    options.url = "nosuchdriver:x";
    assert_null(tn_testing_template(&options, &err));
    assert_int_equal(err.status, TN_DRIVER);
    options.url = "template:";
    assert_null(tn_testing_template(&options, &err));
    assert_int_equal(err.status, TN_UNSUPPORTED);
    assert_null(tn_testing_template(&options, NULL));
}

/* ---- together with others -------------------------------------------------------------------- */

typedef struct user {
    pthread_t thread;
    tn_template *t;
    int number, wrong;
} user;

static void *use(void *arg)
{
    user *u = arg;

    for (int i = 0; i < EACH; i++) {
        tn_error err = TN_ERROR_INIT;
        tn_db *db = i % 2 ? tn_testing_rollback(u->t, &err) : tn_testing_fresh(u->t, &err);
        int64_t n = 0;
        u->wrong += !db ||
                    tn_exec(db, "insert into t0 (id, name) values ($1, 'x')",
                            tn_args(10 + u->number), NULL, &err) != TN_OK ||
                    tn_get(db, "select count(*) from t0", NULL, tn_into(&n), &err) != TN_OK ||
                    n != 2;
        u->wrong += tn_testing_end(db, &err) != TN_OK;
        if (err.status != TN_OK)
            tn_error_print(stderr, &err);
    }
    return NULL;
}

static void threads_share_a_template(void **state)
{
    user users[THREADS];

    (void)state;
    tn_template *t = make_default();
    for (int i = 0; i < THREADS; i++) {
        users[i] = (user){.t = t, .number = i};
        assert_int_equal(pthread_create(&users[i].thread, NULL, use, &users[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(users[i].thread, NULL);
        assert_int_equal(users[i].wrong, 0);
    }
    discard(t);
}

/* This program again, for one job, with the schema in a file. */
static pid_t start(const char *job, const char *file)
{
    char *const argv[] = {(char *)self, (char *)job, (char *)file,
                          url ? (char *)"--postgresql" : NULL, NULL};
    pid_t pid;

    fflush(NULL);
    assert_int_equal(posix_spawn(&pid, self, NULL, NULL, argv, environ), 0);
    return pid;
}

static int finish(pid_t pid)
{
    int status = -1;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static int job_use(void)
{
    tn_template *t = make_default();

    for (int i = 0; i < 2; i++) {
        tn_db *db = fresh(t);
        insert(db, 2);
        bool good = count(db) == 2;
        end(db);
        if (!good)
            return 3;
    }
    discard(t);
    return 0;
}

/* Ends as a crash does, with a database of its own. */
static int job_crash(void)
{
    insert(fresh(make_default()), 2);
    raise(SIGKILL);
    return 4;
}

static void programs_share_a_template(void **state)
{
    char file[] = "/tmp/tenon-test-XXXXXX";
    pid_t pids[PROGRAMS];
    int fd = mkstemp(file);

    (void)state;
    assert_true(fd >= 0);
    write_schema();
    strcat(schema, "-- of this test alone\n");
    assert_int_equal(write(fd, schema, strlen(schema)), strlen(schema));
    close(fd);
    int64_t before = url ? databases("^tenon_t_") : 0;
    for (int i = 0; i < PROGRAMS; i++)
        pids[i] = start("--use", file);
    for (int i = 0; i < PROGRAMS; i++)
        assert_int_equal(finish(pids[i]), 0);
    if (url) {
        assert_int_equal(databases("^tenon_t_"), before + 1);
        assert_int_equal(databases("^tenon_c_"), 0);
    }
    assert_int_equal(finish(start("--crash", file)), 1000 + SIGKILL);
    if (url) {
        await_server();
        assert_true(databases("^tenon_c_") > 0);
    }
    /* Whoever comes next cleans up. */
    assert_int_equal(finish(start("--use", file)), 0);
    if (url)
        assert_int_equal(databases("^tenon_c_"), 0);
    unlink(file);
}

static void templates_that_nobody_uses_go(void **state)
{
    tn_error err = TN_ERROR_INIT;
    char name[64], sql[160];

    (void)state;
    if (!url) {
        puts("skip: on SQLite no template stays");
        skip();
        return;
    }
    strcat(schema, "-- one that gets old\n");
    discard(make_default());
    tn_db *db = tn_open_url(url, &err);
    assert_non_null(db);
    expect_ok(tn_get(db,
                     "select datname::text from pg_database where datname ~ '^tenon_t_'"
                     " order by oid desc limit 1",
                     NULL, tn_into(tn_textbuf(name, sizeof(name))), &err));
    snprintf(sql, sizeof(sql), "comment on database %s is 'tenon-testing: ready, used 1000'", name);
    expect_ok(tn_exec(db, sql, NULL, NULL, &err));
    expect_ok(tn_db_close(db, &err));
    assert_int_equal(databases(name), 1);
    strcat(schema, "-- another\n");
    discard(make_default());
    assert_int_equal(databases(name), 0);
}

/* ---- for cmocka ------------------------------------------------------------------------------ */

static void the_helpers_fit_together(void **state)
{
    tn_testing_options options = defaults();
    void *group = NULL;

    (void)state;
    assert_int_equal(tn_testing_group(&group, &options), 0);
    for (int i = 0; i < 2; i++) {
        void *test = group;
        assert_int_equal((i ? tn_testing_setup_fresh : tn_testing_setup_rollback)(&test), 0);
        insert(test, 2);
        assert_int_equal(count(test), 2);
        assert_int_equal(tn_testing_teardown(&test), 0);
        assert_null(test);
    }
    assert_int_equal(tn_testing_group_end(&group), 0);
    assert_null(group);
    options.script = "select * from nowhere";
    assert_int_equal(tn_testing_group(&group, &options), -1);
    assert_int_equal(tn_testing_setup_fresh(&group), -1);
    assert_int_equal(tn_testing_setup_rollback(&group), -1);
}

/* ---- what it costs --------------------------------------------------------------------------- */

static double now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void measure(tn_template *t, bool rolled_back, const char *what)
{
    double begun[MEASURED], ended[MEASURED];
    int times = url && !rolled_back ? MEASURED_SLOW : MEASURED;

    for (int i = 0; i < times; i++) {
        double start = now_ms();
        tn_db *db = rolled_back ? rollback(t) : fresh(t);
        begun[i] = now_ms() - start;
        insert(db, 2);
        start = now_ms();
        end(db);
        ended[i] = now_ms() - start;
    }
    qsort(begun, (size_t)times, sizeof(double), by_size);
    qsort(ended, (size_t)times, sizeof(double), by_size);
    print_message("%s: least %.3f + %.3f ms, median %.3f + %.3f ms\n", what, begun[0], ended[0],
                  begun[times / 2], ended[times / 2]);
}

static void it_is_told_what_it_costs(void **state)
{
    tn_testing_options options = defaults();

    (void)state;
    options.ahead = 0;
    double start = now_ms();
    tn_template *t = make(&options);
    print_message("template: %.1f ms\n", now_ms() - start);
    measure(t, true, "rolled back");
    measure(t, false, "a database of its own");
    discard(t);
    if (!url)
        return;
    t = make_default();
    measure(t, false, "a database of its own, two ahead");
    discard(t);
}

static void read_schema(const char *path)
{
    FILE *file = fopen(path, "r");
    size_t n = file ? fread(schema, 1, sizeof(schema) - 1, file) : 0;

    schema[n] = '\0';
    if (file)
        fclose(file);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_are_apart),
        cmocka_unit_test(what_is_left_open_is_told),
        cmocka_unit_test(what_is_rolled_back_leaves_nothing),
        cmocka_unit_test(setup_is_called_once),
        cmocka_unit_test(a_directory_is_run_by_name),
        cmocka_unit_test(where_it_cannot_be_done_is_said),
        cmocka_unit_test(threads_share_a_template),
        cmocka_unit_test(programs_share_a_template),
        cmocka_unit_test(templates_that_nobody_uses_go),
        cmocka_unit_test(the_helpers_fit_together),
        cmocka_unit_test(it_is_told_what_it_costs),
    };

    self = argv[0];
    unsetenv("TENON_TEST_URL");
    if (strcmp(argv[argc - 1], "--postgresql") == 0) {
        url = getenv("TENON_TEST_POSTGRES_URL");
        if (!url || !*url) {
            puts("skipped: TENON_TEST_POSTGRES_URL is not set");
            return 77;
        }
    }
    if (argc > 2) {
        read_schema(argv[2]);
        return strcmp(argv[1], "--crash") == 0 ? job_crash() : job_use();
    }
    write_schema();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
