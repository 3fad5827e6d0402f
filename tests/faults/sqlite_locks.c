/* SPDX-License-Identifier: MIT */
/* Cells with another process that holds the file, a file that is damaged, a disk that is full. */
#define _GNU_SOURCE /* unshare, pipe2 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sqlite3.h>

#include "sqlite_cells.h"

static char folder[64], path[96];
static bool small; /* the folder is a file system of a megabyte */

const char *sqlite_path(void)
{
    return path;
}

static int remove_entry(const char *name, const struct stat *stat, int type, struct FTW *ftw)
{
    (void)stat;
    (void)type;
    (void)ftw;
    return remove(name);
}

/* In a mount namespace of this process's own: nothing is left behind, whatever happens. */
int sqlite_set_up(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/tenon-test-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    small = unshare(CLONE_NEWNS) == 0 && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
            mount("tmpfs", folder, "tmpfs", 0, "size=1536k") == 0;
    snprintf(path, sizeof(path), "%s/test.db", folder);
    return 0;
}

int sqlite_tear_down(void **state)
{
    (void)state;
    if (small)
        umount2(folder, MNT_DETACH);
    nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    return 0;
}

static pid_t holder;
static int holder_pipe = -1;
static tn_db *current;

static void holder_ends(void)
{
    int status;
    if (!holder)
        return;
    close(holder_pipe);
    while (waitpid(holder, &status, 0) < 0 && errno == EINTR)
        continue;
    holder = 0;
}

int sqlite_after_each(void **state)
{
    tn_error err = TN_ERROR_INIT;
    (void)state;
    holder_ends();
    if (small)
        mount("tmpfs", folder, "tmpfs", MS_REMOUNT, "size=1536k");
    if (current)
        tn_db_close(current, &err);
    current = NULL;
    return 0;
}

static void by_sqlite(sqlite3 *db, const char *sql)
{
    char *why = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK)
        fail_msg("%s: %s", sql, why);
}

void sqlite_fresh(void)
{
    static const char *const ends[] = {"", "-wal", "-shm", "-journal"};
    sqlite3 *db;
    char name[128];

    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        snprintf(name, sizeof(name), "%s%s", path, ends[i]);
        unlink(name);
    }
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    by_sqlite(db, "pragma journal_mode = wal");
    by_sqlite(db, "create table t (a integer primary key, b text)");
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static int number(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *stmt;
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    int n = sqlite3_column_int(stmt, 0);
    sqlite3_finalize(stmt);
    return n;
}

int sqlite_rows(void)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(number(db, "select count(*) from pragma_integrity_check where"
                                " integrity_check = 'ok'"),
                     1);
    int n = number(db, "select count(*) from t");
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    return n;
}

tn_db *sqlite_open_client(const char *parameters, tn_error *err)
{
    char url[192];
    snprintf(url, sizeof(url), "sqlite:%s?%s", path, parameters);
    current = tn_open_url(url, err);
    return current;
}

/* ---- parts ------------------------------------------------------------------------------------
 */

static void expect_ok(tn_status status, const tn_error *err, const char *what)
{
    if (status == TN_OK)
        return;
    tn_error_print(stderr, err);
    fail_msg("%s: %s", what, tn_status_name(status));
}

static void judge(const struct row *row, tn_status status, const tn_error *err, int applied)
{
    struct seen seen = {status, err, -1, applied};
    matrix_judge(row, &seen);
}

static tn_db *client(void)
{
    tn_error err = TN_ERROR_INIT;
    int64_t n;
    sqlite_fresh();
    tn_db *db = sqlite_open_client("busy_timeout=150", &err);
    if (!db)
        tn_error_print(stderr, &err);
    assert_non_null(db);
    expect_ok(tn_get(db, "select count(*) from t", NULL, tn_into(&n), &err), &err, "select");
    return db;
}

static void finish(tn_db *db)
{
    tn_error err = TN_ERROR_INIT;
    tn_pool_stats stats;
    tn_db_pool_stats(db, &stats);
    assert_int_equal(stats.in_use, 0);
    assert_int_equal(stats.waiting, 0);
    current = NULL;
    expect_ok(tn_db_close(db, &err), &err, "closing");
}

static void usable(tn_db *db)
{
    tn_error err = TN_ERROR_INIT;
    expect_ok(tn_exec(db, "insert into t values (100, 'after')", NULL, NULL, &err), &err,
              "the next operation");
}

/* What the other process does: says when it has the lock, keeps it until its input ends. */
int sqlite_hold(const char *name)
{
    sqlite3 *db;
    char byte;
    bool held = sqlite3_open(name, &db) == SQLITE_OK &&
                sqlite3_exec(db, "begin immediate; insert into t values (50, 'rival')", NULL, NULL,
                             NULL) == SQLITE_OK;
    if (held && write(1, "x", 1) == 1)
        held = read(0, &byte, 1) >= 0;
    sqlite3_close(db);
    return held ? 0 : 1;
}

/* Another program, because a child of this one would inherit what its threads have locked. */
static void hold_lock(void)
{
    int ready[2], end[2];
    char byte;

    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    assert_int_equal(pipe2(end, O_CLOEXEC), 0);
    fflush(NULL);
    holder = fork();
    if (holder == 0) {
        dup2(end[0], 0);
        dup2(ready[1], 1);
        execl("/proc/self/exe", "test_matrix_sqlite", "--child", "hold", path, (char *)NULL);
        _exit(127);
    }
    close(ready[1]);
    close(end[0]);
    holder_pipe = end[1];
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
}

/* ---- Q1: busy ---------------------------------------------------------------------------------
 */

CELL(q1_connect)
{
    tn_error err = TN_ERROR_INIT;
    (void)fault;
    sqlite_fresh();
    hold_lock();
    tn_db *db = sqlite_open_client("busy_timeout=150", &err);
    judge(row, db ? TN_OK : err.status, &err, -1);
    holder_ends();
    finish(db);
}

CELL(q1_idle)
{
    tn_error err = TN_ERROR_INIT;
    int64_t n;
    (void)fault;
    tn_db *db = client();
    hold_lock();
    tn_status status = tn_get(db, "select count(*) from t", NULL, tn_into(&n), &err);
    judge(row, status, &err, -1);
    holder_ends();
    usable(db);
    finish(db);
}

CELL(q1_query)
{
    tn_error err = TN_ERROR_INIT;
    (void)fault;
    tn_db *db = client();
    hold_lock();
    tn_status status = tn_exec(db, "insert into t values (1, '')", NULL, NULL, &err);
    holder_ends();
    judge(row, status, &err, sqlite_rows());
    usable(db);
    finish(db);
}

CELL(q1_stream)
{
    tn_error err = TN_ERROR_INIT;
    int n = 0;
    (void)fault;
    tn_db *db = client();
    hold_lock();
    tn_rows *rows = tn_query(db,
                             "with recursive g(n) as (select 1 union all select n + 1 from g"
                             " where n < 5000) select n, (select count(*) from t) from g",
                             NULL);
    while (tn_next(rows))
        n++;
    tn_status status = tn_close(rows, &err);
    judge(row, status, &err, -1);
    assert_int_equal(n, 5000);
    holder_ends();
    usable(db);
    finish(db);
}

/* Overtaken: what was read is no longer so. */
CELL(q1_tx)
{
    tn_error err = TN_ERROR_INIT;
    tn_txn_options options = TN_TXN_OPTIONS_INIT;
    sqlite3 *rival;
    tn_db *tx;
    int64_t n;
    (void)fault;
    tn_db *db = client();
    options.isolation = TN_SERIALIZABLE;
    expect_ok(tn_begin(db, &options, &tx, &err), &err, "begin");
    expect_ok(tn_get(tx, "select count(*) from t", NULL, tn_into(&n), &err), &err, "select");
    assert_int_equal(sqlite3_open(path, &rival), SQLITE_OK);
    by_sqlite(rival, "insert into t values (50, 'rival'); delete from t");
    sqlite3_close(rival);
    tn_status status = tn_exec(tx, "insert into t values (1, '')", NULL, NULL, &err);
    tn_error why = TN_ERROR_INIT;
    expect_ok(tn_rollback(tx, &why), &why, "rollback");
    judge(row, status, &err, sqlite_rows());
    usable(db);
    finish(db);
}

CELL(q1_shutdown)
{
    tn_error err = TN_ERROR_INIT;
    (void)fault;
    tn_db *db = client();
    hold_lock();
    current = NULL;
    tn_status status = tn_db_shutdown(db, 2000, &err);
    judge(row, status, &err, -1);
}

/* ---- Q2: the disk is full ---------------------------------------------------------------------
 */

static const char fill[] = "insert into t (b) with recursive g(n) as (select 1 union all select"
                           " n + 1 from g where n < 4000) select hex(randomblob(500)) from g";

static tn_db *client_on_small(void)
{
    if (!small) {
        puts("skip: a small file system cannot be mounted here (that needs root)");
        skip();
    }
    return client();
}

CELL(q2_query)
{
    tn_error err = TN_ERROR_INIT;
    (void)fault;
    tn_db *db = client_on_small();
    tn_status status = tn_exec(db, fill, NULL, NULL, &err);
    judge(row, status, &err, sqlite_rows());
    usable(db);
    finish(db);
}

CELL(q2_tx)
{
    tn_error err = TN_ERROR_INIT, why = TN_ERROR_INIT;
    tn_db *tx;
    (void)fault;
    tn_db *db = client_on_small();
    expect_ok(tn_begin(db, NULL, &tx, &err), &err, "begin");
    expect_ok(tn_exec(tx, "insert into t values (1, '')", NULL, NULL, &err), &err, "insert");
    tn_status status = tn_exec(tx, fill, NULL, NULL, &err);
    expect_ok(tn_rollback(tx, &why), &why, "rollback");
    judge(row, status, &err, sqlite_rows());
    usable(db);
    finish(db);
}

/* The space is gone, and what needs none goes on. */
static void fill_space(void)
{
    char name[128], block[65536];
    snprintf(name, sizeof(name), "%s/filler", folder);
    memset(block, 1, sizeof(block));
    int fd = open(name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    while (write(fd, block, sizeof(block)) > 0)
        continue;
    close(fd);
}

static void free_space(void)
{
    char name[128];
    snprintf(name, sizeof(name), "%s/filler", folder);
    unlink(name);
}

CELL(q2_idle)
{
    tn_error err = TN_ERROR_INIT;
    int64_t n;
    (void)fault;
    tn_db *db = client_on_small();
    fill_space();
    tn_status status = tn_get(db, "select count(*) from t", NULL, tn_into(&n), &err);
    free_space();
    judge(row, status, &err, -1);
    usable(db);
    finish(db);
}

CELL(q2_stream)
{
    tn_error err = TN_ERROR_INIT;
    int n = 0;
    (void)fault;
    tn_db *db = client_on_small();
    expect_ok(tn_exec(db, "insert into t values (1, 'a'), (2, 'b')", NULL, NULL, &err), &err,
              "insert");
    fill_space();
    tn_rows *rows = tn_query(db, "select a, b from t", NULL);
    while (tn_next(rows))
        n++;
    tn_status status = tn_close(rows, &err);
    free_space();
    judge(row, status, &err, -1);
    assert_int_equal(n, 2);
    usable(db);
    finish(db);
}

CELL(q2_shutdown)
{
    tn_error err = TN_ERROR_INIT;
    (void)fault;
    tn_db *db = client_on_small();
    fill_space();
    current = NULL;
    tn_status status = tn_db_shutdown(db, 2000, &err);
    free_space();
    judge(row, status, &err, sqlite_rows());
}

/* ---- Q3: not what it should be ----------------------------------------------------------------
 */

static void write_at(long offset, const char *bytes, size_t size)
{
    FILE *file = fopen(path, "r+e");
    assert_non_null(file);
    assert_int_equal(fseek(file, offset, SEEK_SET), 0);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

/* A table of some pages, one of which is no page any more. */
static void damaged(void)
{
    char junk[2048];
    sqlite3 *db;

    sqlite_fresh();
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    by_sqlite(db, "insert into t with recursive g(n) as (select 1 union all select n + 1 from g"
                  " where n < 1000) select n, hex(randomblob(100)) from g");
    by_sqlite(db, "pragma wal_checkpoint(truncate)");
    int page = number(db, "pragma page_size"), pages = number(db, "pragma page_count");
    sqlite3_close(db);
    assert_true(pages > 10);
    memset(junk, 0x5a, sizeof(junk));
    write_at((long)page * (pages - 3), junk, sizeof(junk));
}

static tn_db *client_on_damaged(void)
{
    tn_error err = TN_ERROR_INIT;
    damaged();
    tn_db *db = sqlite_open_client("busy_timeout=150", &err);
    if (!db)
        tn_error_print(stderr, &err);
    assert_non_null(db);
    return db;
}

/* Not a database; a file that may not be written. */
CELL(q3_connect)
{
    static const char text[] = "this is a letter and not a database, and it is long enough to "
                               "have a whole header of one hundred bytes in it";
    tn_error err = TN_ERROR_INIT;
    sqlite3 *plain;
    (void)fault;
    sqlite_fresh();
    write_at(0, text, sizeof(text));
    tn_db *db = sqlite_open_client("busy_timeout=150", &err);
    assert_null(db);
    judge(row, err.status, &err, -1);
    if (!small)
        return;
    sqlite_fresh();
    assert_int_equal(sqlite3_open(path, &plain), SQLITE_OK);
    by_sqlite(plain, "pragma journal_mode = delete"); /* WAL wants to write in order to read */
    sqlite3_close(plain);
    if (mount("tmpfs", folder, "tmpfs", MS_REMOUNT | MS_RDONLY, "size=1536k") != 0)
        fail_msg("the file system cannot be made read only: %s", strerror(errno));
    db = sqlite_open_client("busy_timeout=150", &err);
    if (!db)
        tn_error_print(stderr, &err);
    assert_non_null(db);
    assert_true(tn_health_check(db, 1000).read_only);
    assert_int_equal(tn_exec(db, "insert into t values (1, '')", NULL, NULL, &err), TN_READ_ONLY);
    finish(db);
}

CELL(q3_query)
{
    tn_error err = TN_ERROR_INIT;
    int64_t n;
    (void)fault;
    tn_db *db = client_on_damaged();
    tn_status status = tn_get(db, "select sum(length(b)) from t", NULL, tn_into(&n), &err);
    judge(row, status, &err, -1);
    finish(db);
}

CELL(q3_stream)
{
    tn_error err = TN_ERROR_INIT;
    int n = 0;
    (void)fault;
    tn_db *db = client_on_damaged();
    tn_rows *rows = tn_query(db, "select a, b from t", NULL);
    while (tn_next(rows))
        n++;
    tn_status status = tn_close(rows, &err);
    assert_true(n < 1000);
    judge(row, status, &err, -1);
    finish(db);
}

CELL(q3_tx)
{
    tn_error err = TN_ERROR_INIT, why = TN_ERROR_INIT;
    tn_db *tx;
    (void)fault;
    tn_db *db = client_on_damaged();
    expect_ok(tn_begin(db, NULL, &tx, &err), &err, "begin");
    tn_status status = tn_exec(tx, "update t set b = 'changed'", NULL, NULL, &err);
    expect_ok(tn_rollback(tx, &why), &why, "rollback");
    int64_t changed = -1;
    expect_ok(tn_get(db, "select count(*) from t where a = 1 and b = 'changed'", NULL,
                     tn_into(&changed), &why),
              &why, "what is there");
    judge(row, status, &err, (int)changed);
    finish(db);
}
