/* SPDX-License-Identifier: MIT */
/*
 * A child does a piece of work under strace, which makes its Nth write fail, or kills it there, for
 * N = 1, 2, 3 ... until nothing happens. The child says in one line how far it came.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sqlite_cells.h"

static const char *program;

void sqlite_program(const char *path)
{
    program = path;
}

/* ---- the child --------------------------------------------------------------------------------
 */

static int say(const char *moment, tn_status status, const tn_error *err)
{
    printf("%s %d %s %d\n", moment, (int)status,
           status == TN_OK || !err->sqlstate[0] ? "-" : err->sqlstate,
           status == TN_OK ? 0 : (int)err->outcome);
    fflush(stdout);
    return 0;
}

static int work(tn_db *db, const char *what)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *tx;
    tn_status status;

    if (strcmp(what, "query") == 0) {
        status = tn_exec(db, "insert into t (a) values (1)", NULL, NULL, &err);
        return say("query", status, &err);
    }
    status = tn_begin(db, NULL, &tx, &err);
    if (status != TN_OK)
        return say("tx", status, &err);
    status = tn_exec(tx, "insert into t (a) values (1)", NULL, NULL, &err);
    if (status != TN_OK) {
        tn_rollback(tx, NULL);
        return say("tx", status, &err);
    }
    if (strcmp(what, "die") == 0)
        raise(SIGKILL);
    status = tn_commit(tx, &err);
    return say("COMMIT", status, &err);
}

int sqlite_child(const char *what, const char *path)
{
    tn_error err = TN_ERROR_INIT;
    char url[160];

    if (strcmp(what, "hold") == 0)
        return sqlite_hold(path);
    snprintf(url, sizeof(url), "sqlite:%s?synchronous=full", path);
    tn_db *db = tn_open_url(url, &err);
    if (!db)
        return say("connect", err.status, &err);
    work(db, what);
    return tn_db_close(db, &err) == TN_OK ? 0 : 1;
}

/* ---- the parent -------------------------------------------------------------------------------
 */

struct said {
    bool killed;
    char moment[16]; /* "": nothing was said */
    int status, outcome;
    char sqlstate[8];
};

static struct said child_works(const char *what, const char *inject)
{
    struct said said = {.killed = false};
    char line[128] = "", wal[128];
    int ends[2], status;

    snprintf(wal, sizeof(wal), "%s-wal", sqlite_path());
    assert_int_equal(pipe(ends), 0);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], 1);
        close(ends[0]);
        close(ends[1]);
        setenv("ASAN_OPTIONS", "detect_leaks=0", 1); /* its search wants ptrace for itself */
        if (inject)
            execlp("strace", "strace", "-f", "-qq", "-o", "/dev/null", "-P", sqlite_path(), "-P",
                   wal, "-e", inject, program, "--child", what, sqlite_path(), (char *)NULL);
        else
            execl(program, program, "--child", what, sqlite_path(), (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    FILE *out = fdopen(ends[0], "r");
    assert_non_null(out);
    if (!fgets(line, sizeof(line), out))
        line[0] = '\0';
    fclose(out);
    while (waitpid(child, &status, 0) < 0)
        assert_int_equal(errno, EINTR);
    said.killed = WIFSIGNALED(status);
    if (!said.killed && WEXITSTATUS(status) == 137)
        said.killed = true;
    if (line[0])
        assert_int_equal(
            sscanf(line, "%15s %d %7s %d", said.moment, &said.status, said.sqlstate, &said.outcome),
            4);
    if (!said.killed && !line[0])
        fail_msg("the child said nothing and ended with %d", WEXITSTATUS(status));
    return said;
}

static void need_strace(void)
{
    if (system("strace -qq -o /dev/null true >/dev/null 2>&1") == 0) /* NOLINT: fixed words */
        return;
    puts("skip: strace is not there, or may not trace here");
    skip();
}

/* What was said is what is there. */
static void check_said(const struct said *said, int rows)
{
    bool acknowledged = said->moment[0] && said->status == TN_OK;
    assert_in_range(rows, 0, 1);
    if (said->moment[0] && acknowledged != (rows == 1))
        print_message("%s: status %d, SQLSTATE %s, outcome %d, and %d rows are there\n",
                      said->moment, said->status, said->sqlstate, said->outcome, rows);
    if (acknowledged)
        assert_int_equal(rows, 1);
    else if (said->moment[0] && said->outcome != TN_OUTCOME_IN_DOUBT)
        assert_int_equal(rows, 0);
}

enum { MOST_WRITES = 200 };

/* Each write fails with this error; what is told at the row's moment is judged. How often that was
 * comes back. */
static int fail_each(const struct row *row, const char *what, const char *calls, const char *error)
{
    char inject[96];
    int judged = 0;

    for (int n = 1; n < MOST_WRITES; n++) {
        sqlite_fresh();
        snprintf(inject, sizeof(inject), "inject=%s:error=%s:when=%d+", calls, error, n);
        struct said said = child_works(what, inject);
        int rows = sqlite_rows();
        if (said.status != TN_OK && rows == 1)
            print_message("with %s\n", inject);
        assert_false(said.killed);
        check_said(&said, rows);
        if (said.status == TN_OK)
            return judged;
        if (strcmp(said.moment, row->moment) == 0 ||
            (strcmp(said.moment, "query") == 0 && strcmp(row->moment, "in query") == 0)) {
            tn_error err = {.status = (tn_status)said.status, .outcome = (tn_outcome)said.outcome};
            snprintf(err.sqlstate, sizeof(err.sqlstate), "%.5s", said.sqlstate);
            struct seen seen = {err.status, &err, -1, rows};
            matrix_judge(row, &seen);
            judged++;
        }
    }
    fail_msg("write %d still fails", MOST_WRITES);
    return judged;
}

/* Opening writes, too, where the file is new. */
CELL(q2_connect)
{
    char inject[64];
    int failed = 0;

    (void)fault;
    need_strace();
    for (int n = 1; n < 40; n++) {
        sqlite_fresh();
        snprintf(inject, sizeof(inject), "inject=pread64:error=EIO:when=%d", n);
        struct said said = child_works("query", inject);
        check_said(&said, sqlite_rows());
        if (strcmp(said.moment, "connect") != 0)
            continue;
        tn_error err = {.status = (tn_status)said.status, .outcome = (tn_outcome)said.outcome};
        snprintf(err.sqlstate, sizeof(err.sqlstate), "%.5s", said.sqlstate);
        struct seen seen = {err.status, &err, -1, -1};
        matrix_judge(row, &seen);
        failed++;
    }
    assert_true(failed > 0);
}

CELL(q2_commit)
{
    (void)fault;
    need_strace();
    int judged = fail_each(row, "commit", "pwrite64", "ENOSPC");
    judged += fail_each(row, "commit", "pwrite64", "EIO");
    judged += fail_each(row, "commit", "fsync,fdatasync", "EIO");
    assert_true(judged > 0);
}

/* ---- Q4 ---------------------------------------------------------------------------------------
 */

static void kill_at_each(const struct row *row, const char *what)
{
    char inject[64];
    int killed = 0, survived = 0;

    for (int n = 1; n < MOST_WRITES && !survived; n++) {
        sqlite_fresh();
        snprintf(inject, sizeof(inject), "inject=pwrite64:signal=KILL:when=%d", n);
        struct said said = child_works(what, inject);
        int rows = sqlite_rows();
        check_said(&said, rows);
        tn_error err = TN_ERROR_INIT;
        struct seen seen = {TN_OK, &err, -1, rows};
        matrix_judge(row, &seen);
        killed += said.killed;
        survived += !said.killed;
        /* And the next one writes as if nothing had been. */
        if (rows == 0) {
            said = child_works(what, NULL);
            assert_int_equal(said.status, TN_OK);
            assert_int_equal(sqlite_rows(), 1);
        }
    }
    assert_true(killed > 2);
    assert_int_equal(survived, 1);
}

CELL(q4_query)
{
    (void)fault;
    need_strace();
    kill_at_each(row, "query");
}

CELL(q4_commit)
{
    (void)fault;
    need_strace();
    kill_at_each(row, "commit");
}

CELL(q4_tx)
{
    tn_error err = TN_ERROR_INIT;
    (void)fault;
    sqlite_fresh();
    struct said said = child_works("die", NULL);
    assert_true(said.killed);
    struct seen seen = {TN_OK, &err, -1, sqlite_rows()};
    matrix_judge(row, &seen);
}
