/* SPDX-License-Identifier: MIT */
/* sqlite::memory: one database a source, whose files are in memory and behave as files do. */
#include "lite_test.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "sqlite/lite.h"

static void open_memory(lite_test *t)
{
    if (lite_test_source(t, "sqlite::memory:", "busy_timeout=20000") != TN_OK)
        fail_msg("%s", t->err.message);
    (void)lite_test_connect(t, 0);
}

static void close_connection(lite_test *t, int i)
{
    tn_driver_module.conn->close(t->conns[i]);
    t->conns[i] = NULL;
}

static void shared_by_connections(void **state)
{
    lite_test *t = *state;

    open_memory(t);
    (void)lite_q(t, "create table t (a integer)");
    (void)lite_q(t, "insert into t values (7)");
    (void)lite_test_connect(t, 1);
    assert_int_equal(lite_try(t, t->conns[1], "select a from t", NULL, 0), TN_OK);
    assert_string_equal(t->text, "7\n");

    /* It outlives its connections. */
    close_connection(t, 0);
    close_connection(t, 1);
    (void)lite_test_connect(t, 0);
    assert_string_equal(lite_q(t, "select a from t"), "7\n");
    (void)lite_q(t, "insert into t values (8)");
    (void)lite_test_connect(t, 1);
    assert_int_equal(lite_try(t, t->conns[1], "select sum(a) from t", NULL, 0), TN_OK);
    assert_string_equal(t->text, "15\n");
}

static void each_source_has_its_own(void **state)
{
    lite_test *t = *state;
    lite_test other = {.source = NULL};

    open_memory(t);
    (void)lite_q(t, "create table t (a integer)");
    open_memory(&other);
    lite_fails(&other, "select * from t", "42P01");
    lite_test_close_source(&other);
    assert_string_equal(lite_q(t, "select count(*) from t"), "0\n");
}

static void says_that_it_is_in_memory(void **state)
{
    lite_test *t = *state;
    tn_conn_info info = {.size = sizeof info};

    open_memory(t);
    tn_driver_module.conn->info(t->conn, &info);
    assert_string_equal(info.endpoint, ":memory:");
    assert_string_equal(lite_q(t, "pragma journal_mode"), "wal\n");
    assert_string_equal(lite_q(t, "pragma synchronous"), "0\n");
}

/* Reading holds nobody up, and sees what it saw. */
static void a_reader_and_a_writer_at_once(void **state)
{
    lite_test *t = *state;

    open_memory(t);
    (void)lite_test_connect(t, 1);
    (void)lite_q(t, "create table t (a integer)");
    (void)lite_q(t, "begin isolation level repeatable read");
    assert_string_equal(lite_q(t, "select count(*) from t"), "0\n");
    assert_int_equal(lite_try(t, t->conns[1], "insert into t values (1)", NULL, 0), TN_OK);
    assert_int_equal(lite_try(t, t->conns[1], "begin", NULL, 0), TN_OK);
    assert_int_equal(lite_try(t, t->conns[1], "insert into t values (2)", NULL, 0), TN_OK);
    assert_string_equal(lite_q(t, "select count(*) from t"), "0\n");
    t->deadline = driver_host_deadline(30);
    lite_fails(t, "insert into t values (3)", "57014"); /* one writer */
    t->deadline = TN_NO_DEADLINE;
    (void)lite_q(t, "rollback");
    (void)lite_q(t, "begin isolation level repeatable read");
    assert_string_equal(lite_q(t, "select count(*) from t"), "1\n");
    assert_int_equal(lite_try(t, t->conns[1], "rollback", NULL, 0), TN_OK);
    assert_int_equal(lite_try(t, t->conns[1], "insert into t values (2)", NULL, 0), TN_OK);
    lite_fails(t, "insert into t values (3)", "40001"); /* overtaken */
    (void)lite_q(t, "rollback");
    (void)lite_q(t, "insert into t values (3)");
    assert_string_equal(lite_q(t, "select sum(a) from t"), "6\n");
}

/* Larger than a chunk, than a log without a checkpoint, and smaller again. */
static void grows_and_shrinks(void **state)
{
    lite_test *t = *state;

    open_memory(t);
    (void)lite_q(t, "create table t (a integer, b bytea)");
    (void)lite_q(t, "with recursive n(i) as (select 1 union all select i + 1 from n where i < 3000)"
                    " insert into t select i, randomblob(5000) from n");
    (void)lite_q(t, "pragma wal_checkpoint(truncate)");
    assert_string_equal(lite_q(t, "pragma integrity_check"), "ok\n");
    (void)lite_q(t, "delete from t where a > 10");
    (void)lite_q(t, "vacuum");
    (void)lite_q(t, "pragma wal_checkpoint(truncate)");
    (void)lite_test_connect(t, 1);
    assert_int_equal(lite_try(t, t->conns[1], "pragma integrity_check", NULL, 0), TN_OK);
    assert_string_equal(t->text, "ok\n");
    assert_string_equal(lite_q(t, "select count(*), sum(length(b)) from t"), "10|50000\n");
    (void)lite_q(t, "with recursive n(i) as (select 11 union all select i + 1 from n where i < 900)"
                    " insert into t select i, zeroblob(3000) from n");
    assert_string_equal(lite_q(t, "pragma integrity_check"), "ok\n");
}

/* Other names are files as ever. */
static void other_files_are_on_disk(void **state)
{
    lite_test *t = *state;
    char sql[256], path[160];
    struct stat st;

    open_memory(t);
    (void)lite_q(t, "create table t (a integer)");
    (void)lite_q(t, "insert into t values (1)");
    (void)snprintf(path, sizeof path, "%s/copy.db", t->directory);
    (void)snprintf(sql, sizeof sql, "vacuum into '%s'", path);
    (void)lite_q(t, sql);
    assert_int_equal(stat(path, &st), 0);
    assert_true(st.st_size >= 8192);
    (void)snprintf(sql, sizeof sql, "attach '%s' as other", path);
    (void)lite_q(t, sql);
    assert_string_equal(lite_q(t, "select a from other.t"), "1\n");
    (void)lite_q(t, "insert into other.t select a + 1 from main.t");
    (void)lite_q(t, "create temp table big as with recursive n(i) as (select 1 union all "
                    "select i + 1 from n where i < 2000) select i, randomblob(2000) as b from n");
    assert_string_equal(lite_q(t, "select count(*) from (select b from big order by b)"), "2000\n");
    assert_string_equal(lite_q(t, "select sum(a) from other.t"), "3\n");
    (void)lite_q(t, "detach other");
    lite_test_close_source(t);
    assert_int_equal(unlink(path), 0);
}

/* A child of fork closes what it inherited: the parent's database stays. */
static void a_child_closes_nothing(void **state)
{
    lite_test *t = *state;
    int status = 0;
    pid_t child;

    open_memory(t);
    (void)lite_q(t, "create table t (a integer)");
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        tn_driver_conn *conn = NULL;
        tn_status opened = tn_driver_module.conn->open(t->source, &t->hosts[1], TN_NO_DEADLINE,
                                                       &conn, &t->err);
        lite_test_close_source(t);
        _exit(opened == TN_FORKED ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    (void)lite_q(t, "insert into t values (1)");
    (void)lite_test_connect(t, 1);
    assert_int_equal(lite_try(t, t->conns[1], "select a from t", NULL, 0), TN_OK);
}

typedef struct worker {
    lite_test test; /* for its answers: threads share nothing but the source */
    int number;
    tn_status status;
} worker;

enum { ROUNDS = 60 };

/* Moves money: the sum is always the same. */
static void *move(void *arg)
{
    worker *w = arg;
    tn_driver_conn *conn = w->test.conns[w->number];

    for (int i = 0; i < ROUNDS && w->status == TN_OK; i++) {
        static const char *const steps[] = {"begin", "update t set a = a - 1 where id = 1",
                                            "update t set a = a + 1 where id = 2",
                                            "select sum(a) from t", "commit"};
        for (size_t j = 0; j < sizeof steps / sizeof steps[0] && w->status == TN_OK; j++) {
            w->status = lite_try(&w->test, conn, steps[j], NULL, 0);
            if (j == 3 && strcmp(w->test.text, "100\n") != 0)
                w->status = TN_FAILED;
        }
    }
    return NULL;
}

static void threads_at_once(void **state)
{
    lite_test *t = *state;
    worker workers[LITE_TEST_CONNS];
    pthread_t threads[LITE_TEST_CONNS];

    open_memory(t);
    (void)lite_test_connect(t, 1);
    (void)lite_test_connect(t, 2);
    (void)lite_q(t, "create table t (id integer primary key, a integer, b bytea)");
    (void)lite_q(t, "insert into t values (1, 100, zeroblob(9000)), (2, 0, null)");
    for (int i = 0; i < LITE_TEST_CONNS; i++)
        workers[i] = (worker){.test = *t, .number = i};
    for (int i = 0; i < LITE_TEST_CONNS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, move, &workers[i]), 0);
    for (int i = 0; i < LITE_TEST_CONNS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    for (int i = 0; i < LITE_TEST_CONNS; i++)
        if (workers[i].status != TN_OK)
            fail_msg("%d: %s %s", i, workers[i].test.err.message, workers[i].test.text);
    assert_string_equal(lite_q(t, "select a from t order by id"), "-80\n180\n");
    assert_string_equal(lite_q(t, "pragma integrity_check"), "ok\n");
}

/* ---- from a file ------------------------------------------------------------------------------
 */

static void refused_seed(lite_test *t, const char *url, const char *settings, const char *part)
{
    assert_int_equal(lite_test_source(t, url, settings), TN_CONFIG);
    assert_non_null(strstr(t->err.message, part));
}

static void begins_as_a_copy(void **state)
{
    lite_test *t = *state;
    sqlite3 *writer;
    char from[160];

    (void)snprintf(from, sizeof from, "from=%s", t->url + strlen("sqlite:"));
    assert_int_equal(sqlite3_open(t->url + strlen("sqlite:"), &writer), SQLITE_OK);
    assert_int_equal(sqlite3_exec(writer,
                                  "pragma journal_mode=wal; create table t (a integer);"
                                  "insert into t values (7)",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    /* It is open, and what was written stands in its log. */
    refused_seed(t, "sqlite::memory:", from, "in use");
    assert_int_equal(sqlite3_close(writer), SQLITE_OK);
    assert_int_equal(lite_test_source(t, "sqlite::memory:", from), TN_OK);
    (void)lite_test_connect(t, 0);
    assert_string_equal(lite_q(t, "select a from t"), "7\n");
    assert_string_equal(lite_q(t, "pragma journal_mode"), "wal\n");
    (void)lite_q(t, "update t set a = 8");
    /* The file is as it was. */
    lite_test_open(t);
    assert_string_equal(lite_q(t, "select a from t"), "7\n");
}

static void an_empty_file_is_an_empty_database(void **state)
{
    lite_test *t = *state;

    assert_int_equal(lite_test_source(t, "sqlite::memory:", "from=/dev/null"), TN_CONFIG);
    assert_non_null(strstr(t->err.message, "not a database file"));
    char from[160];
    (void)snprintf(from, sizeof from, "from=%s/empty", t->directory);
    int fd = open(from + strlen("from="), O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    assert_int_equal(lite_test_source(t, "sqlite::memory:", from), TN_OK);
    (void)lite_test_connect(t, 0);
    (void)lite_q(t, "create table t (a integer)");
    assert_int_equal(write(fd, "some text that is no database", 29), 29);
    (void)close(fd);
    refused_seed(t, "sqlite::memory:", from, "not a SQLite database");
    refused_seed(t, "sqlite::memory:", "from=/nonexistent/x", "does not exist");
    refused_seed(t, "sqlite::memory:", "from=", "is empty");
    refused_seed(t, t->url, from, "for sqlite::memory: alone");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, lite_test_begin, lite_test_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(shared_by_connections),     TEST(each_source_has_its_own),
        TEST(says_that_it_is_in_memory), TEST(a_reader_and_a_writer_at_once),
        TEST(grows_and_shrinks),         TEST(other_files_are_on_disk),
        TEST(a_child_closes_nothing),    TEST(threads_at_once),
        TEST(begins_as_a_copy),          TEST(an_empty_file_is_an_empty_database),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
