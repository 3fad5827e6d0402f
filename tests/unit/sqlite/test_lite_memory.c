/* SPDX-License-Identifier: MIT */
/* sqlite::memory: one database a source, in a private directory that does not stay behind. */
#include "lite_test.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sqlite/lite.h"

static void open_memory(lite_test *t)
{
    if (lite_test_source(t, "sqlite::memory:", "") != TN_OK)
        fail_msg("%s", t->err.message);
    (void)lite_test_connect(t, 0);
}

static bool exists(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0;
}

static void shared_by_connections(void **state)
{
    lite_test *t = *state;
    char directory[128];
    struct stat st;

    open_memory(t);
    (void)snprintf(directory, sizeof directory, "%s", t->source->memory.directory);
    assert_int_equal(stat(directory, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    (void)lite_q(t, "create table t (a integer)");
    (void)lite_q(t, "insert into t values (7)");
    (void)lite_test_connect(t, 1);
    assert_int_equal(lite_try(t, t->conns[1], "select a from t", NULL, 0), TN_OK);
    assert_string_equal(t->text, "7\n");

    /* It outlives its connections, and not its source. */
    for (int i = 0; i < 2; i++) {
        tn_driver_module.conn->close(t->conns[i]);
        t->conns[i] = NULL;
    }
    (void)lite_test_connect(t, 0);
    assert_string_equal(lite_q(t, "select a from t"), "7\n");
    lite_test_close_source(t);
    assert_false(exists(directory));
}

static void each_source_has_its_own(void **state)
{
    lite_test *t = *state;
    lite_test other = {.source = NULL};

    open_memory(t);
    (void)lite_q(t, "create table t (a integer)");
    open_memory(&other);
    assert_string_not_equal(t->source->memory.directory, other.source->memory.directory);
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

/* A directory as a process leaves it; the lock is not held. */
static void leave(const char *base, const char *name, mode_t mode, bool lock_file)
{
    char path[200];

    (void)snprintf(path, sizeof path, "%s/%s", base, name);
    assert_int_equal(mkdir(path, 0700), 0);
    if (lock_file) {
        (void)snprintf(path, sizeof path, "%s/%s/lock", base, name);
        int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        (void)close(fd);
        (void)snprintf(path, sizeof path, "%s/%s/db", base, name);
        fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        (void)close(fd);
    }
    (void)snprintf(path, sizeof path, "%s/%s", base, name);
    assert_int_equal(chmod(path, mode), 0);
}

static bool left(const char *base, const char *name)
{
    char path[200];

    (void)snprintf(path, sizeof path, "%s/%s", base, name);
    return exists(path);
}

static void discard(const char *base, const char *name)
{
    static const char *const files[] = {"lock", "db", "notes"};
    char path[200];

    for (size_t i = 0; i < 3; i++) {
        (void)snprintf(path, sizeof path, "%s/%s/%s", base, name, files[i]);
        (void)unlink(path);
    }
    (void)snprintf(path, sizeof path, "%s/%s", base, name);
    (void)rmdir(path);
}

static void sweeps_what_was_left(void **state)
{
    lite_test *t = *state;
    char path[200];
    int lock, notes;

    leave(t->directory, "tenon-aaaaaa", 0700, true);  /* nobody's: goes */
    leave(t->directory, "tenon-bbbbbb", 0700, true);  /* locked */
    leave(t->directory, "tenon-cccccc", 0755, true);  /* not as we make them */
    leave(t->directory, "tenon-dddddd", 0700, false); /* being made */
    leave(t->directory, "tenon-eeeeeee", 0700, true); /* another name */
    leave(t->directory, "tenon-ffffff", 0700, true);  /* with something else in it */
    (void)snprintf(path, sizeof path, "%s/tenon-bbbbbb/lock", t->directory);
    lock = open(path, O_RDWR | O_CLOEXEC);
    assert_true(lock >= 0);
    assert_int_equal(flock(lock, LOCK_EX | LOCK_NB), 0);
    (void)snprintf(path, sizeof path, "%s/tenon-ffffff/notes", t->directory);
    notes = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(notes >= 0);
    (void)close(notes);
    (void)snprintf(path, sizeof path, "%s/tenon-gggggg", t->directory);
    assert_int_equal(symlink("/tmp", path), 0);

    lite_memory_sweep(t->directory);
    assert_false(left(t->directory, "tenon-aaaaaa"));
    assert_true(left(t->directory, "tenon-bbbbbb"));
    assert_true(left(t->directory, "tenon-cccccc"));
    assert_true(left(t->directory, "tenon-dddddd"));
    assert_true(left(t->directory, "tenon-eeeeeee"));
    assert_true(left(t->directory, "tenon-ffffff/notes"));
    assert_true(left(t->directory, "tenon-gggggg"));

    (void)close(lock);
    lite_memory_sweep(t->directory);
    assert_false(left(t->directory, "tenon-bbbbbb"));
    discard(t->directory, "tenon-cccccc");
    discard(t->directory, "tenon-dddddd");
    discard(t->directory, "tenon-eeeeeee");
    discard(t->directory, "tenon-ffffff");
}

/* A process that dies leaves its directory; the next source finds it. */
static void a_crash_is_cleaned_up(void **state)
{
    lite_test *t = *state;
    char directory[128] = "";
    int pipes[2], status = 0;
    ssize_t n;
    pid_t child;

    assert_int_equal(pipe(pipes), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        open_memory(t);
        n = write(pipes[1], t->source->memory.directory, strlen(t->source->memory.directory));
        _exit(n > 0 ? 0 : 1); /* nothing is closed */
    }
    (void)close(pipes[1]);
    n = read(pipes[0], directory, sizeof directory - 1);
    (void)close(pipes[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_true(n > 0 && exists(directory));
    open_memory(t);
    assert_false(exists(directory));
}

/* A child of fork closes what it inherited: the parent's database stays. */
static void a_child_removes_nothing(void **state)
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
    assert_true(exists(t->source->memory.directory));
    (void)lite_q(t, "insert into t values (1)");
    (void)lite_test_connect(t, 1);
    assert_int_equal(lite_try(t, t->conns[1], "select a from t", NULL, 0), TN_OK);
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
        TEST(says_that_it_is_in_memory), TEST(sweeps_what_was_left),
        TEST(a_crash_is_cleaned_up),     TEST(a_child_removes_nothing),
        TEST(begins_as_a_copy),          TEST(an_empty_file_is_an_empty_database),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
