/* SPDX-License-Identifier: MIT */
/* Cells about what the process has from the system: descriptors, signals, children, the clock. */
#define _GNU_SOURCE /* syscall */
#include <dirent.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "process_cells.h"

/* ---- the wall clock, which a cell can set ------------------------------------------------------
 */

/* Of this whole program, libraries included: their calls come here. Only the wall clock steps. */
static _Atomic int64_t wall_offset_s;

int clock_gettime(clockid_t clock, struct timespec *ret)
{
    long status = syscall(SYS_clock_gettime, clock, ret);
    if (status == 0 && clock == CLOCK_REALTIME)
        ret->tv_sec += atomic_load(&wall_offset_s);
    return (int)status;
}

int gettimeofday(struct timeval *restrict ret, void *restrict zone)
{
    struct timespec now;
    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &now) != 0)
        return -1;
    *ret = (struct timeval){.tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000};
    return 0;
}

time_t time(time_t *ret)
{
    struct timespec now;
    if (clock_gettime(CLOCK_REALTIME, &now) != 0)
        return -1;
    if (ret)
        *ret = now.tv_sec;
    return now.tv_sec;
}

static struct rlimit limit_before;

void process_restore(void)
{
    atomic_store(&wall_offset_s, 0);
    if (limit_before.rlim_max)
        setrlimit(RLIMIT_NOFILE, &limit_before);
}

/* ---- parts ------------------------------------------------------------------------------------
 */

static void reads(struct cell *cell)
{
    tn_error err = TN_ERROR_INIT;
    int32_t one = 0;
    tn_status status = tn_get(cell->db, "select 1", NULL, tn_into(&one), &err);
    cell_saw(cell, status, &err);
    cell->judge_fate = true;
}

static void streams(struct cell *cell)
{
    tn_error err = TN_ERROR_INIT;
    int n = 0;
    tn_rows *rows = tn_query(cell->db, "select g from generate_series(1, 20000) g", NULL);
    while (tn_next(rows))
        n++;
    tn_status status = tn_close(rows, &err);
    cell_saw(cell, status, &err);
    assert_int_equal(n, 20000);
    cell->judge_fate = true;
}

static tn_db *begin_write(struct cell *cell, int64_t timeout_ms)
{
    tn_error err = TN_ERROR_INIT;
    tn_txn_options options = TN_TXN_OPTIONS_INIT;
    tn_db *tx;

    options.timeout_ms = timeout_ms;
    cell_expect_ok(tn_begin(cell->db, &options, &tx, &err), &err, "begin");
    tn_status status = tn_exec(tx, "insert into ledger values ($1)", tn_args(cell_new_id(cell)),
                               NULL, &err);
    cell_expect_ok(status, &err, "the write");
    return tx;
}

static void commits(struct cell *cell, tn_db *tx)
{
    tn_error err = TN_ERROR_INIT;
    tn_status status = tn_commit(tx, &err);
    cell_saw(cell, status, &err);
    cell->judge_fate = true;
}

/* ---- C3: no descriptor ------------------------------------------------------------------------
 */

/* No more than are open now. */
static void no_descriptors(void)
{
    int most = 0;
    DIR *dir = opendir("/proc/self/fd");
    assert_non_null(dir);
    int own = dirfd(dir);
    for (struct dirent *entry; (entry = readdir(dir));) {
        int fd = atoi(entry->d_name);
        if (fd != own)
            most = fd > most ? fd : most;
    }
    closedir(dir);
    /* Holes below the highest are filled, so that the limit is one at once. */
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit_before), 0);
    struct rlimit few = {.rlim_cur = (rlim_t)most + 1, .rlim_max = limit_before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
}

static int fillers[256], n_fillers;

static void fill_holes(void)
{
    int fd;
    while (n_fillers < 256 && (fd = dup(0)) >= 0)
        fillers[n_fillers++] = fd;
}

static void descriptors_again(void)
{
    while (n_fillers > 0)
        close(fillers[--n_fillers]);
    process_restore();
}

static void starve(void)
{
    no_descriptors();
    fill_holes();
}

static void c3_connect_happens(struct cell *cell)
{
    tn_error err = TN_ERROR_INIT;
    test_proxy_break(stage.proxy, PROXY_RST);
    poll(NULL, 0, 5);
    starve();
    tn_db *other = stage_open(stage.url, NULL, &err);
    cell_saw(cell, other ? TN_OK : err.status, &err);
    int64_t since = test_proxy_now();
    struct rusage before, after;
    getrusage(RUSAGE_SELF, &before);
    job_start(&cell->jobs[0], cell->db, "select 1", CALL_TIMEOUT);
    poll(NULL, 0, 300);
    getrusage(RUSAGE_SELF, &after);
    descriptors_again();
    job_join(&cell->jobs[0]);
    cell_expect_ok(cell->jobs[0].status, &cell->jobs[0].err, "who waited for a descriptor");
    cell_in_time(since, cell->jobs[0].ended_ms, 1300);
    /* No spin meanwhile. */
    assert_true(after.ru_utime.tv_sec + after.ru_stime.tv_sec - before.ru_utime.tv_sec -
                    before.ru_stime.tv_sec <=
                1);
    assert_null(other);
}

CELL(c3_connect)
{
    cell_run(row, fault, NULL, c3_connect_happens);
}

static void c3_idle_happens(struct cell *cell)
{
    starve();
    reads(cell);
    descriptors_again();
}

CELL(c3_idle)
{
    cell_run(row, fault, NULL, c3_idle_happens);
}

CELL(c3_query)
{
    cell_run(row, fault, NULL, c3_idle_happens);
}

static void c3_stream_happens(struct cell *cell)
{
    starve();
    streams(cell);
    descriptors_again();
}

CELL(c3_stream)
{
    cell_run(row, fault, NULL, c3_stream_happens);
}

static void c3_tx_happens(struct cell *cell)
{
    starve();
    commits(cell, begin_write(cell, 0));
    descriptors_again();
}

CELL(c3_tx)
{
    cell_run(row, fault, NULL, c3_tx_happens);
}

static void c3_shutdown_happens(struct cell *cell)
{
    tn_error err = TN_ERROR_INIT;
    starve();
    tn_status status = tn_db_shutdown(cell->db, 2000, &err);
    cell_saw(cell, status, &err);
    cell->db = NULL;
    descriptors_again();
}

CELL(c3_shutdown)
{
    cell_run(row, fault, NULL, c3_shutdown_happens);
}

/* ---- C7: handlers -----------------------------------------------------------------------------
 */

static atomic_int signals_seen;

static void count_signal(int number)
{
    (void)number;
    atomic_fetch_add(&signals_seen, 1);
}

void handlers_before(void)
{
    const struct sigaction mine = {.sa_handler = count_signal};
    atomic_store(&signals_seen, 0);
    sigaction(SIGPIPE, &mine, NULL);
}

void handlers_after(void)
{
    struct sigaction now;
    sigaction(SIGPIPE, NULL, &now);
    assert_true(now.sa_handler == count_signal);
    assert_int_equal(atomic_load(&signals_seen), 0);
    signal(SIGPIPE, SIG_DFL);
}

/* ---- C8: fork() -------------------------------------------------------------------------------
 */

/* The child says whether each of its calls was refused as it must be, closes what it may, and ends
 * as a program does. */
static void child_uses(tn_db *client, tn_db *other)
{
    int status;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        tn_error err = TN_ERROR_INIT;
        int32_t one;
        bool good = tn_get(client, "select 1", NULL, tn_into(&one), &err) == TN_FORKED;
        if (other)
            good &= tn_exec(other, "select 1", NULL, NULL, &err) == TN_FORKED;
        _exit(good ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void c8_connect_happens(struct cell *cell)
{
    int status;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        tn_error err = TN_ERROR_INIT;
        int32_t one = 0;
        bool forked = tn_get(cell->db, "select 1", NULL, tn_into(&one), &err) == TN_FORKED;
        tn_db *own = tn_open_url(stage.url, &err);
        bool works = own && tn_get(own, "select 1", NULL, tn_into(&one), &err) == TN_OK;
        if (own)
            works &= tn_db_close(own, &err) == TN_OK;
        _exit(forked && works && one == 1 ? 0 : forked ? 1 : 2);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    cell->err.status = TN_FORKED;
    cell_saw(cell, TN_FORKED, &cell->err);
}

CELL(c8_connect)
{
#ifdef __SANITIZE_THREAD__
    puts("skip: ThreadSanitizer takes no new threads in a child of fork()");
    skip();
#endif
    cell_run(row, fault, NULL, c8_connect_happens);
}

static void c8_idle_happens(struct cell *cell)
{
    int before = cell_backend_of(cell->db);
    child_uses(cell->db, NULL);
    for (int i = 0; i < 100; i++)
        assert_int_equal(cell_backend_of(cell->db), before);
    reads(cell);
}

CELL(c8_idle)
{
    cell_run(row, fault, NULL, c8_idle_happens);
}

static void c8_query_happens(struct cell *cell)
{
    job_start(&cell->jobs[0], cell->db, "select pg_sleep(0.5)", 10000);
    cell_wait_active("select pg_sleep(0.5)%");
    child_uses(cell->db, NULL);
    job_join(&cell->jobs[0]);
    cell_saw(cell, cell->jobs[0].status, &cell->jobs[0].err);
    cell->judge_fate = true;
}

CELL(c8_query)
{
    cell_run(row, fault, NULL, c8_query_happens);
}

static void c8_stream_happens(struct cell *cell)
{
    tn_error err = TN_ERROR_INIT;
    int n = 0;
    tn_rows *rows = tn_query(cell->db, "select g from generate_series(1, 200000) g", NULL);
    while (tn_next(rows))
        if (++n == 100)
            child_uses(cell->db, NULL);
    tn_status status = tn_close(rows, &err);
    cell_saw(cell, status, &err);
    assert_int_equal(n, 200000);
    cell->judge_fate = true;
}

CELL(c8_stream)
{
    cell_run(row, fault, NULL, c8_stream_happens);
}

static void c8_tx_happens(struct cell *cell)
{
    tn_db *tx = begin_write(cell, 0);
    child_uses(cell->db, tx);
    commits(cell, tx);
}

CELL(c8_tx)
{
    cell_run(row, fault, NULL, c8_tx_happens);
}

static void c8_commit_happens(struct cell *cell)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *tx;
    cell_expect_ok(tn_begin(cell->db, NULL, &tx, &err), &err, "begin");
    tn_status status = tn_exec(tx, "insert into slow_ledger values ($1, 0.5)",
                               tn_args(cell_new_id(cell)), NULL, &err);
    cell_expect_ok(status, &err, "the write");
    job_commit(&cell->jobs[0], tx);
    cell_wait_active("commit%");
    child_uses(cell->db, NULL);
    job_join(&cell->jobs[0]);
    cell_saw(cell, cell->jobs[0].status, &cell->jobs[0].err);
    cell->judge_fate = true;
}

CELL(c8_commit)
{
    cell_run(row, fault, NULL, c8_commit_happens);
}

/* A child that ends by exit() closes nothing of its parent's. */
static void c8_shutdown_happens(struct cell *cell)
{
    tn_error err = TN_ERROR_INIT;
    int status, before = cell_backend_of(cell->db);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        tn_client_shutdown(100, &err);
        tn_db_close(cell->db, &err);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_int_equal(cell_backend_of(cell->db), before);
    status = (int)tn_db_shutdown(cell->db, 2000, &err);
    cell_saw(cell, (tn_status)status, &err);
    cell->db = NULL;
}

CELL(c8_shutdown)
{
    cell_run(row, fault, NULL, c8_shutdown_happens);
}

/* ---- C14: the wall clock steps ----------------------------------------------------------------
 */

enum { HOUR_S = 3600, DEADLINE_MS = 400 };

/* Steps forth and back while something waits by a deadline. */
static void *step_clock(void *arg)
{
    const int *direction = arg;
    poll(NULL, 0, 50);
    atomic_store(&wall_offset_s, *direction * HOUR_S);
    return NULL;
}

static void while_clock_steps(struct cell *cell, void (*what)(struct cell *cell))
{
    static int directions[2] = {1, -1};
    for (int i = 0; i < 2; i++) {
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, step_clock, &directions[i]), 0);
        int64_t began = test_proxy_now();
        what(cell);
        pthread_join(thread, NULL);
        /* Not early, not late. */
        assert_true(cell->ended_ms - began >= DEADLINE_MS - 5);
        cell_in_time(began, cell->ended_ms, DEADLINE_MS);
        atomic_store(&wall_offset_s, 0);
    }
}

static void waits_for_connecting(struct cell *cell)
{
    static const char *const quick[] = {"connection_timeout=400", NULL};
    tn_error err = TN_ERROR_INIT;
    tn_db *other = stage_open(stage.url, quick, &err);
    cell_saw(cell, other ? TN_OK : err.status, &err);
    assert_null(other);
}

static void c14_connect_happens(struct cell *cell)
{
    test_proxy_mute(stage.proxy);
    while_clock_steps(cell, waits_for_connecting);
    test_proxy_pass(stage.proxy);
}

CELL(c14_connect)
{
    cell_run(row, fault, NULL, c14_connect_happens);
}

/* No connection is taken for old. */
static void c14_idle_happens(struct cell *cell)
{
    int before = cell_backend_of(cell->db);
    atomic_store(&wall_offset_s, 24 * HOUR_S);
    poll(NULL, 0, 50);
    assert_int_equal(cell_backend_of(cell->db), before);
    atomic_store(&wall_offset_s, -24 * HOUR_S);
    reads(cell);
    assert_int_equal(cell_backend_of(cell->db), before);
    atomic_store(&wall_offset_s, 0);
}

CELL(c14_idle)
{
    cell_run(row, fault, NULL, c14_idle_happens);
}

static void waits_in_query(struct cell *cell)
{
    tn_error err = TN_ERROR_INIT;
    tn_call call = TN_CALL_INIT;
    call.timeout_ms = DEADLINE_MS;
    tn_status status = tn_exec_with(cell->db, &call, "select pg_sleep(30)", NULL, NULL, &err);
    cell_saw(cell, status, &err);
    cell->judge_fate = true;
}

static void c14_query_happens(struct cell *cell)
{
    while_clock_steps(cell, waits_in_query);
}

CELL(c14_query)
{
    cell_run(row, fault, NULL, c14_query_happens);
}

static void waits_in_stream(struct cell *cell)
{
    tn_error err = TN_ERROR_INIT;
    tn_call call = TN_CALL_INIT;
    call.timeout_ms = DEADLINE_MS;
    tn_rows *rows = tn_query_with(
        cell->db, &call,
        "select g, repeat('x', 500), pg_sleep(0.001) from generate_series(1, 100000) g", NULL);
    while (tn_next(rows))
        continue;
    tn_status status = tn_close(rows, &err);
    cell_saw(cell, status, &err);
    cell->judge_fate = true;
}

static void c14_stream_happens(struct cell *cell)
{
    while_clock_steps(cell, waits_in_stream);
}

CELL(c14_stream)
{
    cell_run(row, fault, NULL, c14_stream_happens);
}

static void waits_in_tx(struct cell *cell)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *tx = begin_write(cell, DEADLINE_MS);
    tn_status status = tn_exec(tx, "select pg_sleep(30)", NULL, NULL, &err);
    cell_saw(cell, status, &err);
    cell_expect_ok(tn_rollback(tx, &err), &err, "rollback");
    cell->judge_fate = true;
}

static void c14_tx_happens(struct cell *cell)
{
    while_clock_steps(cell, waits_in_tx);
}

CELL(c14_tx)
{
    cell_run(row, fault, NULL, c14_tx_happens);
}

static void c14_commit_happens(struct cell *cell)
{
    tn_db *tx = begin_write(cell, 60000);
    atomic_store(&wall_offset_s, HOUR_S);
    commits(cell, tx);
    atomic_store(&wall_offset_s, 0);
}

CELL(c14_commit)
{
    cell_run(row, fault, NULL, c14_commit_happens);
}

static void shuts_down(struct cell *cell)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *other = stage_open(stage.url, NULL, &err), *session;
    assert_non_null(other);
    cell_expect_ok(tn_acquire(other, &session, &err), &err, "acquire");
    tn_status status = tn_db_shutdown(other, DEADLINE_MS, &err);
    cell_saw(cell, status, &err);
    tn_release(session);
}

static void c14_shutdown_happens(struct cell *cell)
{
    while_clock_steps(cell, shuts_down);
}

CELL(c14_shutdown)
{
    cell_run(row, fault, NULL, c14_shutdown_happens);
}
