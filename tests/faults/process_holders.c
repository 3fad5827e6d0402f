/* SPDX-License-Identifier: MIT */
/* Cells about callers: who never gives back, gives back dirty, misuses, or waits. */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "process_cells.h"

static tn_db *acquire(struct cell *cell)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *session;
    cell_expect_ok(tn_acquire(cell->db, &session, &err), &err, "acquire");
    return session;
}

static void run(tn_db *db, const char *sql)
{
    tn_error err = TN_ERROR_INIT;
    cell_expect_ok(tn_exec(db, sql, NULL, NULL, &err), &err, sql);
}

static tn_db *begin_write(struct cell *cell)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *tx;
    cell_expect_ok(tn_begin(cell->db, NULL, &tx, &err), &err, "begin");
    tn_status status = tn_exec(tx, "insert into ledger values ($1)", tn_args(cell_new_id(cell)),
                               NULL, &err);
    cell_expect_ok(status, &err, "the write");
    return tx;
}

/* ---- C10: never given back --------------------------------------------------------------------
 */

static const char *const leaky[] = {"leak_timeout=200", NULL};

static atomic_int reports;

static void count_reports(void *arg, tn_log_level level, const char *component, tn_str line)
{
    (void)arg;
    if (level == TN_LOG_WARN && strcmp(component, "pool") == 0 &&
        strstr(line.ptr, "process_holders.c"))
        atomic_fetch_add(&reports, 1);
}

/* The log names this file within the threshold and a second. */
static void await_report(void)
{
    int64_t began = test_proxy_now();
    while (!atomic_load(&reports) && test_proxy_now() - began < 200 + 1000 + SLACK_MS)
        poll(NULL, 0, 5);
    stage_watch_log();
    assert_true(atomic_load(&reports) > 0);
}

static void listen_for_reports(void)
{
    atomic_store(&reports, 0);
    tn_log_set(count_reports, NULL);
}

static void c10_query_happens(struct cell *cell)
{
    tn_error err = TN_ERROR_INIT;
    listen_for_reports();
    tn_db *session = acquire(cell);
    await_report();
    tn_status status = tn_exec(session, "select 1", NULL, NULL, &err);
    cell_saw(cell, status, &err);
    tn_release(session);
    cell->judge_fate = true;
}

CELL(c10_query)
{
    cell_run(row, fault, leaky, c10_query_happens);
}

static void c10_stream_happens(struct cell *cell)
{
    tn_error err = TN_ERROR_INIT;
    listen_for_reports();
    tn_rows *rows = tn_query(cell->db, "select g from generate_series(1, 100000) g", NULL);
    assert_true(tn_next(rows));
    await_report();
    while (tn_next(rows))
        continue;
    tn_status status = tn_close(rows, &err);
    cell_saw(cell, status, &err);
    cell->judge_fate = true;
}

CELL(c10_stream)
{
    cell_run(row, fault, leaky, c10_stream_happens);
}

static void c10_tx_happens(struct cell *cell)
{
    tn_error err = TN_ERROR_INIT;
    tn_holder holder;
    listen_for_reports();
    tn_db *tx = begin_write(cell);
    await_report();
    assert_int_equal(tn_db_holders(cell->db, &holder, 1), 1);
    assert_string_equal(holder.what, "transaction");
    assert_true(holder.held_ms >= 200);
    tn_status status = tn_commit(tx, &err);
    cell_saw(cell, status, &err);
    cell->judge_fate = true;
}

CELL(c10_tx)
{
    cell_run(row, fault, leaky, c10_tx_happens);
}

/* Shutdown waits as long as it was told to, and names who holds on. */
static void c10_shutdown_happens(struct cell *cell)
{
    enum { SHUTDOWN_MS = 600 };
    tn_error err = TN_ERROR_INIT, later = TN_ERROR_INIT;
    tn_db *tx = begin_write(cell);
    int64_t began = test_proxy_now();
    tn_status status = tn_db_shutdown(cell->db, SHUTDOWN_MS, &err);
    cell_saw(cell, status, &err);
    cell_in_time(began, cell->ended_ms, SHUTDOWN_MS);
    assert_true(strstr(err.message, "transaction") || strstr(err.detail, "transaction"));
    assert_true(strstr(err.message, "process_holders.c") ||
                strstr(err.detail, "process_holders.c"));
    cell->db = NULL;
    tn_rollback(tx, &later);
}

CELL(c10_shutdown)
{
    cell_run(row, fault, NULL, c10_shutdown_happens);
}

/* ---- C11: given back dirty --------------------------------------------------------------------
 */

static const char *const one[] = {"max_connections=1", NULL};

/* The next one on this only connection finds it idle. */
static void next_is_clean(struct cell *cell)
{
    tn_error err = TN_ERROR_INIT;
    bool alone = false;
    tn_status status = tn_get(cell->db, "select pg_current_xact_id_if_assigned() is null", NULL,
                              tn_into(&alone), &err);
    cell_saw(cell, status, &err);
    cell_expect_ok(status, &err, "the next borrower");
    assert_true(alone);
    assert_int_equal(test_server_number(stage.admin,
                                        "select count(*) from pg_stat_activity where usename = "
                                        "'app' and state like 'idle in transaction%'"),
                     0);
}

static void c11_idle_happens(struct cell *cell)
{
    static const char *const left[] = {"begin", "begin isolation level serializable",
                                       "set role app", "declare c cursor with hold for select 1"};
    for (size_t i = 0; i < sizeof(left) / sizeof(left[0]); i++) {
        tn_db *session = acquire(cell);
        run(session, left[i]);
        tn_release(session);
        next_is_clean(cell);
    }
    tn_error err = TN_ERROR_INIT;
    tn_db *session = acquire(cell);
    run(session, "begin");
    assert_int_not_equal(tn_exec(session, "select 1 / 0", NULL, NULL, &err), TN_OK);
    tn_release(session); /* failed */
    next_is_clean(cell);
}

CELL(c11_idle)
{
    cell_run(row, fault, one, c11_idle_happens);
}

static void c11_query_happens(struct cell *cell)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *session = acquire(cell);
    tn_rows *rows = tn_query(session, "select g from generate_series(1, 3) g", NULL);
    assert_true(tn_next(rows));
    tn_release(session); /* before its rows */
    tn_close(rows, &err);
    next_is_clean(cell);
}

CELL(c11_query)
{
    cell_run(row, fault, one, c11_query_happens);
}

static void c11_stream_happens(struct cell *cell)
{
    tn_error err = TN_ERROR_INIT;
    int64_t began = test_proxy_now();
    tn_rows *rows = tn_query(cell->db,
                             "select g, repeat('x', 100) from generate_series(1, 5000000) g", NULL);
    assert_true(tn_next(rows));
    tn_close(rows, &err); /* most are unread */
    next_is_clean(cell);
    cell_in_time(began, test_proxy_now(), 2000);
}

CELL(c11_stream)
{
    cell_run(row, fault, one, c11_stream_happens);
}

static void c11_tx_happens(struct cell *cell)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *session = acquire(cell), *tx;
    cell_expect_ok(tn_begin(session, NULL, &tx, &err), &err, "begin");
    cell_expect_ok(
        tn_exec(tx, "insert into ledger values ($1)", tn_args(cell_new_id(cell)), NULL, &err), &err,
        "the write");
    tn_release(session); /* with its transaction open */
    tn_rollback(tx, &err);
    next_is_clean(cell);
}

CELL(c11_tx)
{
    cell_run(row, fault, one, c11_tx_happens);
}

static void c11_shutdown_happens(struct cell *cell)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *session = acquire(cell);
    run(session, "begin");
    cell_expect_ok(
        tn_exec(session, "insert into ledger values ($1)", tn_args(cell_new_id(cell)), NULL, &err),
        &err, "the write");
    tn_release(session);
    tn_status status = tn_db_shutdown(cell->db, 2000, &err);
    cell_saw(cell, status, &err);
    cell->db = NULL;
}

CELL(c11_shutdown)
{
    cell_run(row, fault, one, c11_shutdown_happens);
}

/* ---- C12: misuse ------------------------------------------------------------------------------
 */

/* What is refused has no effect: a released handle is freed memory, and no case. */
static void c12_idle_happens(struct cell *cell)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *session = acquire(cell), *second;
    assert_int_equal(tn_acquire(session, &second, &err), TN_MISUSE);
    tn_release(session);
    tn_status status = tn_commit(cell->db, &err);
    cell_saw(cell, status, &err);
}

CELL(c12_idle)
{
    cell_run(row, fault, NULL, c12_idle_happens);
}

/* Another thread, while a statement runs: seen in builds with checks. */
static void c12_query_happens(struct cell *cell)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *session = acquire(cell);
    job_start(&cell->jobs[0], session, "select pg_sleep(1)", 10000);
    cell_wait_active("select pg_sleep(1)%");
    tn_status status = tn_exec(session, "select 1", NULL, NULL, &err);
    cell_saw(cell, status, &err);
    job_join(&cell->jobs[0]);
    cell_expect_ok(cell->jobs[0].status, &cell->jobs[0].err, "the one that was there");
    tn_release(session);
}

CELL(c12_query)
{
    cell_run(row, fault, NULL, c12_query_happens);
}

/* A client is closed under rows, which stay readable. */
static void c12_stream_happens(struct cell *cell)
{
    tn_error err = TN_ERROR_INIT, why = TN_ERROR_INIT;
    int n = 0;
    tn_db *other = stage_open(stage.url, NULL, &err);
    assert_non_null(other);
    tn_rows *rows = tn_query(other, "select g from generate_series(1, 50000) g", NULL);
    assert_true(tn_next(rows));
    tn_status status = tn_db_close(other, &err);
    for (n = 1; tn_next(rows); n++)
        continue;
    cell_expect_ok(tn_close(rows, &why), &why, "the rows");
    assert_int_equal(n, 50000);
    cell_saw(cell, status, &err);
}

CELL(c12_stream)
{
    cell_run(row, fault, NULL, c12_stream_happens);
}

static void c12_tx_happens(struct cell *cell)
{
    tn_error err = TN_ERROR_INIT, why = TN_ERROR_INIT;
    tn_db *tx, *inner;
    cell_expect_ok(tn_begin(cell->db, NULL, &tx, &err), &err, "begin");
    cell_expect_ok(tn_begin(tx, NULL, &inner, &err), &err, "begin within");
    tn_status status = tn_exec(tx, "select 1", NULL, NULL, &err);
    cell_saw(cell, status, &err);
    cell_expect_ok(tn_exec(inner, "select 1", NULL, NULL, &why), &why, "the inner one");
    cell_expect_ok(tn_rollback(inner, &why), &why, "rollback within");
    cell_expect_ok(tn_rollback(tx, &why), &why, "rollback");
}

CELL(c12_tx)
{
    cell_run(row, fault, NULL, c12_tx_happens);
}

/* In a process of its own, which may crash or hang over it: while one thread commits, another uses
 * the handle. 0: that was refused, and the commit was done. */
int process_misuse(const char *url)
{
    tn_error err = TN_ERROR_INIT;
    tn_txn_options options = TN_TXN_OPTIONS_INIT;
    struct job job;
    tn_db *tx, *db = tn_open_url(url, &err);

    alarm(15);
    options.timeout_ms = 8000;
    if (!db || tn_begin(db, &options, &tx, &err) != TN_OK ||
        tn_exec(tx, "insert into slow_ledger values (-12, 1)", NULL, NULL, &err) != TN_OK)
        return 2;
    job_commit(&job, tx);
    poll(NULL, 0, 400); /* of the second that COMMIT takes */
    bool refused = tn_exec(tx, "select 1", NULL, NULL, &err) == TN_MISUSE;
    job_join(&job);
    bool committed = job.status == TN_OK;
    return tn_db_close(db, &err) == TN_OK && refused && committed ? 0 : 1;
}

static void c12_commit_happens(struct cell *cell)
{
    int status;
#ifdef __SANITIZE_THREAD__
    puts("skip: two threads on one handle are the data race that this build looks for");
    skip();
#endif
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        execl("/proc/self/exe", "test_matrix_process", "--misuse", stage.url, (char *)NULL);
        _exit(127);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    test_server_run(stage.admin, "delete from slow_ledger where id = -12");
    if (!WIFEXITED(status))
        fail_msg("the process was ended by signal %d", WTERMSIG(status));
    cell->err.status = WEXITSTATUS(status) == 0 ? TN_MISUSE : TN_FAILED;
    cell_saw(cell, cell->err.status, &cell->err);
}

CELL(c12_commit)
{
    cell_run(row, fault, NULL, c12_commit_happens);
}

struct closing {
    pthread_t thread;
    tn_db *db;
    tn_status status;
    tn_error err;
};

static void *close_it(void *arg)
{
    struct closing *closing = arg;
    closing->status = tn_db_shutdown(closing->db, 4000, &closing->err);
    return NULL;
}

/* A call while the client is being closed; somebody still has a connection, so that it is there. */
static void c12_shutdown_happens(struct cell *cell)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *session = acquire(cell);
    struct closing closing = {.db = cell->db};
    tn_status status = TN_OK;

    assert_int_equal(pthread_create(&closing.thread, NULL, close_it, &closing), 0);
    int64_t began = test_proxy_now();
    while (status == TN_OK && test_proxy_now() - began < 3000)
        status = tn_exec(cell->db, "select 1", NULL, NULL, &err);
    cell_saw(cell, status, &err);
    tn_release(session);
    pthread_join(closing.thread, NULL);
    cell->db = NULL;
    cell_expect_ok(closing.status, &closing.err, "shutdown");
}

CELL(c12_shutdown)
{
    cell_run(row, fault, NULL, c12_shutdown_happens);
}

/* ---- C15: more callers than connections -------------------------------------------------------
 */

enum { CALLERS = 64, WAIT_MS = 500 };

static const char *const short_wait[] = {"pool_timeout=500", NULL};

struct crowd {
    pthread_t thread[CALLERS];
    tn_db *db;
    const char *sql;
    atomic_int ok, other;
    _Atomic int64_t longest_ms;
    bool in_tx;
};

static tn_status ask(tn_db *tx, void *arg, tn_error *err)
{
    struct crowd *crowd = arg;
    return tn_exec(tx, crowd->sql, NULL, NULL, err);
}

static void *one_of_crowd(void *arg)
{
    struct crowd *crowd = arg;
    tn_error err = TN_ERROR_INIT;
    int64_t began = test_proxy_now();
    tn_status status = crowd->in_tx ? tn_transaction(crowd->db, NULL, ask, crowd, &err)
                                    : tn_exec(crowd->db, crowd->sql, NULL, NULL, &err);
    int64_t took = test_proxy_now() - began, longest = atomic_load(&crowd->longest_ms);
    while (took > longest && !atomic_compare_exchange_weak(&crowd->longest_ms, &longest, took))
        continue;
    if (status == TN_OK)
        atomic_fetch_add(&crowd->ok, 1);
    else
        atomic_store(&crowd->other, (int)status);
    return NULL;
}

static void start_all(struct crowd *crowd)
{
    for (int i = 0; i < CALLERS; i++)
        assert_int_equal(pthread_create(&crowd->thread[i], NULL, one_of_crowd, crowd), 0);
}

static void gather(struct crowd *crowd)
{
    start_all(crowd);
    for (int i = 0; i < CALLERS; i++)
        pthread_join(crowd->thread[i], NULL);
}

/* All connections are held: each waits its time and no longer, and all are told. */
static void c15_idle_happens(struct cell *cell)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *held[MAX_CONNS];
    struct crowd crowd = {.db = cell->db, .sql = "select 1"};
    int32_t n;

    for (int i = 0; i < MAX_CONNS; i++)
        held[i] = acquire(cell);
    int64_t began = test_proxy_now();
    tn_status status = tn_get(cell->db, "select 1", NULL, tn_into(&n), &err);
    cell_saw(cell, status, &err);
    assert_true(cell->ended_ms - began >= WAIT_MS - 5);
    gather(&crowd);
    assert_int_equal(atomic_load(&crowd.ok), 0);
    assert_int_equal(atomic_load(&crowd.other), TN_TIMEOUT);
    cell_in_time(0, atomic_load(&crowd.longest_ms), WAIT_MS);
    for (int i = 0; i < MAX_CONNS; i++)
        tn_release(held[i]);
    cell->judge_fate = true;
}

CELL(c15_idle)
{
    cell_run(row, fault, short_wait, c15_idle_happens);
}

/* Each is served: nobody is forgotten, and no connection is lost over it. */
static void all_are_served(struct cell *cell, const char *sql, bool in_tx)
{
    tn_error err = TN_ERROR_INIT;
    struct crowd crowd = {.db = cell->db, .sql = sql, .in_tx = in_tx};
    gather(&crowd);
    cell_saw(cell, (tn_status)atomic_load(&crowd.other), &err);
    assert_int_equal(atomic_load(&crowd.ok), CALLERS);
    cell->judge_fate = true;
}

static void c15_query_happens(struct cell *cell)
{
    all_are_served(cell, "select pg_sleep(0.01)", false);
}

static void c15_stream_happens(struct cell *cell)
{
    all_are_served(cell, "select g from generate_series(1, 5000) g", false);
}

static void c15_commit_happens(struct cell *cell)
{
    all_are_served(cell, "delete from ledger where id = -1", true);
}

CELL(c15_query)
{
    cell_run(row, fault, NULL, c15_query_happens);
}

CELL(c15_stream)
{
    cell_run(row, fault, NULL, c15_stream_happens);
}

CELL(c15_commit)
{
    cell_run(row, fault, NULL, c15_commit_happens);
}

/* Whoever holds the only connection and wants another waits for himself; the error says so. */
static void c15_tx_happens(struct cell *cell)
{
    tn_error err = TN_ERROR_INIT, why = TN_ERROR_INIT;
    tn_db *tx;
    int32_t n;

    cell_expect_ok(tn_begin(cell->db, NULL, &tx, &err), &err, "begin");
    tn_status status = tn_get(cell->db, "select 1", NULL, tn_into(&n), &err);
    cell_saw(cell, status, &err);
    assert_non_null(strstr(err.hint, "thread"));
    cell_expect_ok(tn_rollback(tx, &why), &why, "rollback");
    cell->judge_fate = true;
}

CELL(c15_tx)
{
    static const char *const single[] = {"max_connections=1", "pool_timeout=300", NULL};
    cell_run(row, fault, single, c15_tx_happens);
}

/* Who waits is told at once. */
static void c15_shutdown_happens(struct cell *cell)
{
    tn_error err = TN_ERROR_INIT;
    tn_pool_stats stats;
    tn_db *held[MAX_CONNS];
    struct crowd crowd = {.db = cell->db, .sql = "select 1"};
    struct closing closing = {.db = cell->db};

    for (int i = 0; i < MAX_CONNS; i++)
        held[i] = acquire(cell);
    start_all(&crowd);
    do
        tn_db_pool_stats(cell->db, &stats);
    while (stats.waiting < CALLERS);
    int64_t began = test_proxy_now();
    assert_int_equal(pthread_create(&closing.thread, NULL, close_it, &closing), 0);
    for (int i = 0; i < CALLERS; i++)
        pthread_join(crowd.thread[i], NULL);
    cell_in_time(began, test_proxy_now(), 100);
    err.status = (tn_status)atomic_load(&crowd.other);
    cell_saw(cell, err.status, &err);
    assert_int_equal(atomic_load(&crowd.ok), 0);
    for (int i = 0; i < MAX_CONNS; i++)
        tn_release(held[i]);
    pthread_join(closing.thread, NULL);
    cell->db = NULL;
    cell_expect_ok(closing.status, &closing.err, "shutdown");
}

CELL(c15_shutdown)
{
    static const char *const patient[] = {"pool_timeout=20000", NULL};
    cell_run(row, fault, patient, c15_shutdown_happens);
}
