/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cell.h"

struct stage stage;

static struct cell *current; /* the cell that is being played, for what comes after it */
static atomic_int secrets_logged;
static int64_t last_id;

/* ---- what must not change ---------------------------------------------------------------------
 */

static int entries(const char *path)
{
    int n = 0;
    DIR *dir = opendir(path);
    assert_non_null(dir);
    while (readdir(dir))
        n++;
    closedir(dir);
    return n;
}

static bool soon(int (*now)(void), int expected)
{
    int64_t until = test_proxy_now() + 5000 + SLACK_MS;
    while (now() != expected) {
        if (test_proxy_now() > until)
            return false;
        poll(NULL, 0, 5);
    }
    return true;
}

static int descriptors(void)
{
    return entries("/proc/self/fd");
}

static int threads(void)
{
    return entries("/proc/self/task");
}

static int sessions(void)
{
    return (int)test_server_number(stage.admin,
                                   "select count(*) from pg_stat_activity where usename = 'app'");
}

static bool holds_secret(const void *bytes, size_t size)
{
    static const char secret[] = CELL_PASSWORD;
    const char *at = bytes;
    for (size_t i = 0; i + sizeof(secret) - 1 <= size; i++)
        if (memcmp(at + i, secret, sizeof(secret) - 1) == 0)
            return true;
    return false;
}

static void watch_log(void *arg, tn_log_level level, const char *component, tn_str line)
{
    (void)arg;
    (void)level;
    (void)component;
    if (holds_secret(line.ptr, line.len))
        atomic_fetch_add(&secrets_logged, 1);
}

void stage_watch_log(void)
{
    tn_log_set(watch_log, NULL);
    tn_log_set_level(TN_LOG_DEBUG);
}

/* ---- the stage --------------------------------------------------------------------------------
 */

static void connect_admin(void)
{
    if (stage.admin)
        PQfinish(stage.admin);
    stage.admin = test_server_connect(&stage.server, "app");
}

void stage_await_end(void)
{
    int64_t until = test_proxy_now() + 10000;
    while (PQstatus(stage.admin) == CONNECTION_OK) {
        assert_true(test_proxy_now() < until);
        PQclear(PQexec(stage.admin, "select 1"));
        poll(NULL, 0, 1);
    }
}

void stage_server_up(void)
{
    if (PQstatus(stage.admin) == CONNECTION_OK) {
        PGresult *res = PQexec(stage.admin, "select 1");
        bool works = PQresultStatus(res) == PGRES_TUPLES_OK;
        PQclear(res);
        if (works)
            return;
    }
    char conninfo[128];
    snprintf(conninfo, sizeof(conninfo), "host=%s port=%d user=postgres dbname=postgres",
             stage.server.dir, stage.server.port);
    /* One that restarts itself is waited for, one that is gone is started. */
    PGPing ping = PQping(conninfo);
    if (ping == PQPING_NO_RESPONSE)
        assert_true(test_server_start(&stage.server));
    assert_true(test_server_wait_ready(&stage.server));
    connect_admin();
}

void stage_make_tables(void)
{
    static const char *const sql[] = {
        "create table ledger (id bigint primary key)",
        "create table slow_ledger (id bigint primary key, seconds float8)",
        "create function sleep_late() returns trigger language plpgsql as"
        " $$ begin perform pg_sleep(new.seconds); return null; end $$",
        "create constraint trigger late after insert on slow_ledger deferrable initially deferred"
        " for each row execute function sleep_late()",
        "grant all on ledger, slow_ledger to app",
    };
    for (size_t i = 0; i < sizeof(sql) / sizeof(sql[0]); i++)
        test_server_run(stage.admin, sql[i]);
}

static struct stage home; /* while another server is visited */

void stage_moved(const test_server *other)
{
    stage.server = *other;
    connect_admin();
}

void stage_visit(const test_server *other)
{
    home = stage;
    stage.admin = NULL;
    stage_moved(other);
    test_proxy_target(stage.proxy, "127.0.0.1", other->port);
}

static void leave(void)
{
    if (!home.proxy)
        return;
    PQfinish(stage.admin);
    stage = home;
    home = (struct stage){.proxy = NULL};
}

int stage_set_up(const char *const settings[])
{
    test_server_create(&stage.server, settings, NULL, CELL_PASSWORD);
    connect_admin();
    stage_make_tables();
    stage.proxy = test_proxy_start("127.0.0.1", stage.server.port);
    if (!stage.proxy)
        return -1;
    snprintf(stage.url, sizeof(stage.url), "postgresql://app:" CELL_PASSWORD "@127.0.0.1:%d/app",
             test_proxy_port(stage.proxy));
    stage_watch_log();
    return 0;
}

int stage_tear_down(void)
{
    tn_log_set(NULL, NULL);
    test_proxy_stop(stage.proxy);
    PQfinish(stage.admin);
    test_server_remove(&stage.server);
    return 0;
}

int stage_after_each(void **state)
{
    tn_error err = TN_ERROR_INIT;
    (void)state;
    stage_watch_log();
    stage.pooled = false;
    leave();
    test_proxy_pass(stage.proxy);
    test_proxy_target(stage.proxy, "127.0.0.1", stage.server.port);
    stage_server_up();
    if (PQtransactionStatus(stage.admin) != PQTRANS_IDLE)
        connect_admin();
    if (!current)
        return 0;
    /* It failed on the way: what it left running ends when its connections do. */
    test_proxy_break(stage.proxy, PROXY_RST);
    for (size_t i = 0; i < sizeof(current->jobs) / sizeof(current->jobs[0]); i++)
        job_join(&current->jobs[i]);
    if (current->db)
        tn_db_close(current->db, &err);
    test_server_run(stage.admin, "select pg_terminate_backend(pid) from pg_stat_activity"
                                 " where usename = 'app'");
    free(current);
    current = NULL;
    return 0;
}

static void set(tn_config *config, const char *name, const char *value)
{
    tn_error err = TN_ERROR_INIT;
    cell_expect_ok(tn_config_set(config, name, value, &err), &err, name);
}

static void set_number(tn_config *config, const char *name, int value)
{
    char text[16];
    snprintf(text, sizeof(text), "%d", value);
    set(config, name, text);
}

tn_db *stage_open(const char *url, const char *const settings[], tn_error *err)
{
    tn_config *config = tn_config_from_url(url, err);
    assert_non_null(config);
    set_number(config, "min_connections", 1);
    set_number(config, "max_connections", MAX_CONNS);
    set_number(config, "connect_retries", 0);
    set_number(config, "connection_timeout", CONNECT_TIMEOUT);
    set_number(config, "pool_timeout", POOL_TIMEOUT);
    for (; settings && *settings; settings++) {
        char name[64];
        size_t len = strcspn(*settings, "=");
        snprintf(name, sizeof(name), "%.*s", (int)len, *settings);
        set(config, name, *settings + len + 1);
    }
    tn_db *db = tn_open(config, err);
    tn_config_free(config);
    return db;
}

/* ---- parts ------------------------------------------------------------------------------------
 */

void cell_expect_ok(tn_status status, const tn_error *err, const char *what)
{
    if (status == TN_OK)
        return;
    tn_error_print(stderr, err);
    fail_msg("%s: %s", what, tn_status_name(status));
}

int cell_backend_of(tn_db *db)
{
    tn_error err = TN_ERROR_INIT;
    int32_t pid = 0;
    cell_expect_ok(tn_get(db, "select pg_backend_pid()", NULL, tn_into(&pid), &err), &err,
                   "asking for the backend");
    return pid;
}

int cell_wait_active(const char *like)
{
    char sql[256];
    int64_t until = test_proxy_now() + 10000;
    snprintf(sql, sizeof(sql),
             "select pid from pg_stat_activity where usename = 'app' and state = 'active'"
             " and query ilike '%s'",
             like);
    while (test_proxy_now() < until) {
        /* What a transaction of admin's has seen once it would see again. */
        test_server_run(stage.admin, "select pg_stat_clear_snapshot()");
        int pid = (int)test_server_number(stage.admin, sql);
        if (pid > 0)
            return pid;
        poll(NULL, 0, 5);
    }
    fail_msg("no statement like %s is running", like);
    return 0;
}

int cell_applied(int64_t id)
{
    char sql[160];
    snprintf(sql, sizeof(sql),
             "select (select count(*) from ledger where id = %lld)"
             " + (select count(*) from slow_ledger where id = %lld)",
             (long long)id, (long long)id);
    return (int)test_server_number(stage.admin, sql);
}

void cell_strike(struct cell *cell)
{
    cell->struck_ms = test_proxy_now();
    if (cell->fault && cell->fault->strike)
        cell->fault->strike(cell);
    if (cell->fault && cell->fault->heal_at_once)
        cell_heal(cell);
}

void cell_heal(struct cell *cell)
{
    if (cell->fault && cell->fault->heal)
        cell->fault->heal(cell);
    test_proxy_pass(stage.proxy);
    stage_server_up();
}

void cell_saw(struct cell *cell, tn_status status, const tn_error *err)
{
    cell->status = status;
    if (status != TN_OK)
        cell->err = *err;
    cell->ended_ms = test_proxy_now();
}

void cell_in_time(int64_t since_ms, int64_t ended_ms, int64_t deadline_ms)
{
    int64_t took = ended_ms - since_ms;
    if (took > deadline_ms + deadline_ms / 10 + 100 + SLACK_MS)
        fail_msg("it took %lld ms of at most %lld", (long long)took, (long long)deadline_ms);
}

/* ---- jobs (no assertion on their thread) ------------------------------------------------------
 */

/* Writes a row, then runs the statement, in a transaction that is rolled back. */
static void run_transaction(struct job *job, const tn_call *call)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *tx;

    job->status = tn_begin(job->db, NULL, &tx, &job->err);
    if (job->status != TN_OK)
        return;
    job->status = tn_exec(tx, "insert into ledger values ($1)", tn_args(job->id), NULL, &job->err);
    if (job->status == TN_OK)
        job->status = tn_exec_with(tx, call, job->sql, NULL, NULL, &job->err);
    tn_rollback(tx, &err);
    job->ended_ms = test_proxy_now();
}

static void *run_job(void *arg)
{
    struct job *job = arg;
    tn_call call = TN_CALL_INIT;
    call.timeout_ms = job->timeout_ms;
    tn_error_clear(&job->err);
    if (job->id) {
        run_transaction(job, &call);
        return NULL;
    }
    job->status = job->commit ? tn_commit(job->db, &job->err)
                              : tn_exec_with(job->db, &call, job->sql, NULL, NULL, &job->err);
    job->ended_ms = test_proxy_now();
    return NULL;
}

static void launch(struct job *job)
{
    assert_int_equal(pthread_create(&job->thread, NULL, run_job, job), 0);
    job->started = true;
}

void job_start(struct job *job, tn_db *db, const char *sql, int timeout_ms)
{
    *job = (struct job){.db = db, .sql = sql, .timeout_ms = timeout_ms};
    launch(job);
}

void job_start_in_tx(struct job *job, tn_db *db, const char *sql, int64_t id)
{
    *job = (struct job){.db = db, .sql = sql, .id = id};
    launch(job);
}

void job_commit(struct job *job, tn_db *tx)
{
    *job = (struct job){.db = tx, .commit = true};
    launch(job);
}

void job_join(struct job *job)
{
    if (job->started)
        pthread_join(job->thread, NULL);
    job->started = false;
}

/* ---- the whole --------------------------------------------------------------------------------
 */

static void check_counters(struct cell *cell)
{
    tn_pool_stats stats;
    int64_t until = test_proxy_now() + 2000 + SLACK_MS;
    do { /* a connection that is being made or closed is counted for a moment */
        tn_db_pool_stats(cell->db, &stats);
        if (stats.in_use == 0 && stats.waiting == 0 && stats.total == stats.idle)
            break;
        poll(NULL, 0, 5);
    } while (test_proxy_now() < until);
    assert_int_equal(stats.in_use, 0);
    assert_int_equal(stats.waiting, 0);
    assert_int_equal(stats.total, stats.idle);
    assert_true(stats.total <= stats.max);
}

static void check_usable(struct cell *cell)
{
    tn_error err = TN_ERROR_INIT;
    int32_t one = 0;
    int64_t since = test_proxy_now();
    cell_expect_ok(tn_get(cell->db, "select 1", NULL, tn_into(&one), &err), &err,
                   "the next operation");
    assert_int_equal(one, 1);
    assert_true(test_proxy_now() - since <= 1000 + SLACK_MS);
}

/* What was claimed is what is there, whatever the row allows. */
static void check_truth(struct cell *cell, int applied)
{
    assert_in_range(applied, 0, 1);
    if (cell->status == TN_OK)
        return; /* of reads, too: the row tells how often it is there */
    if (cell->err.outcome == TN_OUTCOME_NOT_APPLIED)
        assert_int_equal(applied, 0);
    if (cell->err.outcome == TN_OUTCOME_APPLIED)
        assert_int_equal(applied, 1);
    if (cell->err.outcome == TN_OUTCOME_IN_DOUBT)
        assert_int_equal(cell->err.status, TN_OUTCOME_UNKNOWN);
}

static void judge(struct cell *cell)
{
    struct seen seen = {.status = cell->status, .err = &cell->err, .applied = -1, .destroyed = -1};
    tn_pool_stats stats;

    tn_db_pool_stats(cell->db, &stats);
    if (cell->judge_fate) {
        seen.destroyed = stats.destroyed > cell->destroyed_before;
        if (cell->status != TN_OK && cell->err.discarded)
            assert_true(seen.destroyed);
    }
    if (cell->id) {
        seen.applied = cell_applied(cell->id);
        check_truth(cell, seen.applied);
    }
    assert_false(holds_secret(&cell->err, sizeof(cell->err)));
    matrix_judge(cell->row, &seen);
}

/* What an earlier cell left to the proxy is gone before its descriptors are counted. */
static void await_quiet_proxy(void)
{
    int64_t until = test_proxy_now() + 5000;
    proxy_stats stats;
    do {
        test_proxy_stats(stage.proxy, &stats);
        if (!stats.open)
            return;
        poll(NULL, 0, 2);
    } while (test_proxy_now() < until);
}

static struct cell *begin(const struct row *row, const struct fault *fault,
                          const char *const settings[])
{
    tn_error err = TN_ERROR_INIT;
    struct cell *cell = calloc(1, sizeof(*cell));
    tn_pool_stats stats;

    assert_non_null(cell);
    current = cell;
    cell->row = row;
    cell->fault = fault;
    await_quiet_proxy();
    cell->fds = descriptors();
    cell->threads = threads();
    atomic_store(&secrets_logged, 0);
    cell->db = stage_open(stage.url, settings, &err);
    if (!cell->db)
        tn_error_print(stderr, &err);
    assert_non_null(cell->db);
    cell_backend_of(cell->db);
    tn_db_pool_stats(cell->db, &stats);
    cell->destroyed_before = stats.destroyed;
    cell->struck_ms = test_proxy_now();
    return cell;
}

int64_t cell_new_id(struct cell *cell)
{
    return cell->id = ++last_id;
}

void cell_run(const struct row *row, const struct fault *fault, const char *const settings[],
              void (*happen)(struct cell *cell))
{
    tn_error err = TN_ERROR_INIT;
    struct cell *cell = begin(row, fault, settings);

    happen(cell);
    if (fault && fault->arm)
        test_proxy_pass(stage.proxy);
    stage_server_up();
    if (cell->db) {
        check_usable(cell);
        check_counters(cell);
        judge(cell);
        cell_expect_ok(tn_db_close(cell->db, &err), &err, "closing");
        cell->db = NULL;
    } else {
        struct seen seen = {cell->status, &cell->err, -1, cell->id ? cell_applied(cell->id) : -1};
        matrix_judge(row, &seen);
    }
    assert_int_equal(atomic_load(&secrets_logged), 0);
    assert_true(stage.pooled || soon(sessions, 0));
    if (!soon(threads, cell->threads) || !soon(descriptors, cell->fds))
        fail_msg("leaked: %d descriptors of %d, %d threads of %d", descriptors(), cell->fds,
                 threads(), cell->threads);
    free(cell);
    current = NULL;
}
