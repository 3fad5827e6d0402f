/* SPDX-License-Identifier: MIT */
/* The moments at which a fault strikes a connection. */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cell.h"

static int timeout_of(const struct cell *cell)
{
    return cell->fault->timeout_ms ? cell->fault->timeout_ms : CALL_TIMEOUT;
}

static void arm(struct cell *cell)
{
    if (cell->fault->arm)
        cell->fault->arm(cell);
}

/* What breaks a connection is told at once, silence by the deadline. */
static void check_time(const struct cell *cell, int64_t ended_ms)
{
    cell_in_time(cell->struck_ms, ended_ms, cell->fault->by_deadline ? timeout_of(cell) : 1000);
}

/* Opening fails, says why, and does not take long; a client that is there goes on trying, and
 * serves who waits once the fault is gone. */
static void connect_happens(struct cell *cell)
{
    static const char *const soon[] = {"connection_timeout=1000", NULL};
    tn_error err = TN_ERROR_INIT;

    arm(cell);
    poll(NULL, 0, 5); /* what was used within the last millisecond is not looked at */
    cell_strike(cell);
    tn_db *other = stage_open(stage.url, soon, &err);
    cell_saw(cell, other ? TN_OK : err.status, &err);
    cell_in_time(cell->struck_ms, cell->ended_ms, 1000);
    if (other)
        cell_expect_ok(tn_db_close(other, &err), &err, "closing the other");

    test_proxy_break(stage.proxy, PROXY_RST);
    job_start(&cell->jobs[0], cell->db, "select 1", CALL_TIMEOUT);
    poll(NULL, 0, 150); /* it may well have begun waiting; it must be served if not, too */
    cell_heal(cell);
    int64_t healed = test_proxy_now();
    job_join(&cell->jobs[0]);
    cell_expect_ok(cell->jobs[0].status, &cell->jobs[0].err, "who waited for the server");
    /* A server that accepted and said nothing is not told from a slow one before that. */
    cell_in_time(healed, cell->jobs[0].ended_ms, cell->fault->by_deadline ? CONNECT_TIMEOUT : 1000);
}

void at_connect(const struct row *row, const void *fault)
{
    cell_run(row, fault, NULL, connect_happens);
}

static void idle_happens(struct cell *cell)
{
    tn_error err = TN_ERROR_INIT;
    int32_t after = 0;

    arm(cell);
    cell->backend = cell_backend_of(cell->db);
    cell_strike(cell);
    if (!cell->fault->by_deadline)
        cell_heal(cell);
    poll(NULL, 0, 5); /* what was used within the last millisecond is not idle, and not looked at */
    cell->struck_ms = test_proxy_now();
    tn_status status = tn_get(cell->db, "select pg_backend_pid()", NULL, tn_into(&after), &err);
    cell_saw(cell, status, &err);
    cell_in_time(cell->struck_ms, cell->ended_ms, POOL_TIMEOUT);
    if (cell->fault->by_deadline)
        cell_heal(cell);
    cell->judge_fate = true;
}

void at_idle(const struct row *row, const void *fault)
{
    cell_run(row, fault, NULL, idle_happens);
}

static void query_happens(struct cell *cell)
{
    arm(cell);
    job_start(&cell->jobs[0], cell->db, "select pg_sleep(30)", timeout_of(cell));
    cell->backend = cell_wait_active("select pg_sleep(30)%");
    cell_strike(cell);
    job_join(&cell->jobs[0]);
    cell_saw(cell, cell->jobs[0].status, &cell->jobs[0].err);
    check_time(cell, cell->jobs[0].ended_ms);
    if (!cell->fault->heal_at_once)
        cell_heal(cell);
    cell->judge_fate = true;
}

void at_query(const struct row *row, const void *fault)
{
    cell_run(row, fault, NULL, query_happens);
}

/* The end of the rows is not the end of the answer: a stream that was cut says so. */
static void stream_happens(struct cell *cell)
{
    enum { ROWS = 400000 };
    tn_error err = TN_ERROR_INIT;
    tn_call call = TN_CALL_INIT;
    char text[64];
    int64_t n = 0;

    call.timeout_ms = timeout_of(cell);
    arm(cell);
    snprintf(text, sizeof(text), "select g, repeat('x', 100) from generate_series(1, %d) g", ROWS);
    tn_rows *rows = tn_query_with(cell->db, &call, text, NULL);
    for (; n < 10 && tn_next(rows); n++)
        continue;
    assert_int_equal(n, 10);
    cell->backend = cell_wait_active("select g, repeat%");
    cell_strike(cell);
    while (tn_next(rows))
        n++;
    tn_status status = tn_close(rows, &err);
    cell_saw(cell, status, &err);
    check_time(cell, cell->ended_ms);
    assert_true((status == TN_OK) == (n == ROWS));
    if (!cell->fault->heal_at_once)
        cell_heal(cell);
    cell->judge_fate = true;
}

void at_stream(const struct row *row, const void *fault)
{
    cell_run(row, fault, NULL, stream_happens);
}

static void tx_happens(struct cell *cell)
{
    static const char insert[] = "insert into ledger values ($1)";
    tn_error err = TN_ERROR_INIT;
    tn_txn_options options = TN_TXN_OPTIONS_INIT;
    tn_db *tx;

    options.timeout_ms = timeout_of(cell);
    cell_expect_ok(tn_begin(cell->db, &options, &tx, &err), &err, "begin");
    cell->backend = cell_backend_of(tx);
    tn_status status = tn_exec(tx, insert, tn_args(cell_new_id(cell)), NULL, &err);
    cell_expect_ok(status, &err, "the first write");
    arm(cell);
    cell_strike(cell);
    status = tn_exec(tx, insert, tn_args(-cell->id), NULL, &err);
    cell_saw(cell, status, &err);
    check_time(cell, cell->ended_ms);
    cell_expect_ok(tn_rollback(tx, &err), &err, "rollback");
    if (!cell->fault->heal_at_once)
        cell_heal(cell);
    cell->judge_fate = true;
}

void at_tx(const struct row *row, const void *fault)
{
    cell_run(row, fault, NULL, tx_happens);
}

/* COMMIT runs a deferred trigger that takes its time, so that it can be hit in the middle. A fault
 * that is armed finds its moment by itself. */
static void commit_happens(struct cell *cell)
{
    tn_error err = TN_ERROR_INIT;
    tn_txn_options options = TN_TXN_OPTIONS_INIT;
    bool armed = cell->fault->arm != NULL;
    tn_db *tx;

    options.timeout_ms = timeout_of(cell);
    cell_expect_ok(tn_begin(cell->db, &options, &tx, &err), &err, "begin");
    cell->backend = cell_backend_of(tx);
    tn_status status = tn_exec(tx, "insert into slow_ledger values ($1, $2)",
                               tn_args(cell_new_id(cell), armed ? 0.0 : 3.0), NULL, &err);
    cell_expect_ok(status, &err, "the write");
    arm(cell);
    cell->struck_ms = test_proxy_now();
    job_commit(&cell->jobs[0], tx);
    if (!armed)
        cell_wait_active("commit%");
    cell_strike(cell);
    if (!armed && !cell->fault->by_deadline && !cell->fault->heal_at_once)
        cell_heal(cell); /* the outcome can only be asked for when the server is back */
    job_join(&cell->jobs[0]);
    cell_saw(cell, cell->jobs[0].status, &cell->jobs[0].err);
    cell_in_time(cell->struck_ms, cell->jobs[0].ended_ms, timeout_of(cell));
    cell_heal(cell);
    /* The server may not have noticed yet that its client is gone. */
    assert_true(test_server_wait(stage.admin,
                                 "select count(*) from pg_stat_activity where usename = 'app'"
                                 " and query ilike 'commit%' and state = 'active'",
                                 0));
    cell->judge_fate = true;
}

void at_commit(const struct row *row, const void *fault)
{
    cell_run(row, fault, NULL, commit_happens);
}

/* One waits in a query, one within a transaction, and a connection is idle. */
static void shutdown_happens(struct cell *cell)
{
    enum { SHUTDOWN_MS = 2000 };
    tn_error err = TN_ERROR_INIT;
    tn_status status;

    arm(cell);
    job_start(&cell->jobs[0], cell->db, "select pg_sleep(30)", 0);
    job_start_in_tx(&cell->jobs[1], cell->db, "select pg_sleep(31)", cell_new_id(cell));
    cell_wait_active("select pg_sleep(31)%");
    cell->backend = cell_wait_active("select pg_sleep(30)%");
    cell_strike(cell);
    int64_t began = test_proxy_now();
    status = tn_db_shutdown(cell->db, SHUTDOWN_MS, &err);
    cell_saw(cell, status, &err);
    cell->db = NULL;
    cell_in_time(began, cell->ended_ms, SHUTDOWN_MS);
    for (int i = 0; i < 2; i++) {
        job_join(&cell->jobs[i]);
        assert_int_not_equal(cell->jobs[i].status, TN_OK);
    }
    if (!cell->fault->heal_at_once)
        cell_heal(cell);
}

void at_shutdown(const struct row *row, const void *fault)
{
    cell_run(row, fault, NULL, shutdown_happens);
}
