/* SPDX-License-Identifier: MIT */
/* Cells in which the server itself ends a statement: time-outs, locks, deadlocks, conflicts. */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "server_cells.h"

void server_answers_set_up(void)
{
    static const char *const sql[] = {
        "create table pair (a integer primary key, n integer)",
        "insert into pair values (1, 0), (2, 0)",
        /* Takes one row, waits until the rival is on its way, takes the other. */
        "create function cross_rows() returns integer language plpgsql as $$ begin"
        " update pair set n = n + 1 where a = 1;"
        " for i in 1 .. 500 loop"
        "   exit when exists (select from pg_locks l join pg_stat_activity s using (pid)"
        "                     where not l.granted and s.usename = 'postgres');"
        "   perform pg_sleep(0.01);"
        "   perform pg_stat_clear_snapshot();"
        " end loop;"
        " update pair set n = n + 1 where a = 2; return 1; end $$",
        "create function cross_late() returns trigger language plpgsql as"
        " $$ begin perform cross_rows(); return null; end $$",
        "create table crossing (id bigint primary key)",
        "create constraint trigger late after insert on crossing deferrable initially deferred"
        " for each row execute function cross_late()",
        "create function refuse_serialization() returns integer language plpgsql as $$ begin"
        " raise exception 'try again' using errcode = '40001'; end $$",
        "grant all on pair, crossing to app",
        "grant pg_read_all_stats to app",
    };
    for (size_t i = 0; i < sizeof(sql) / sizeof(sql[0]); i++)
        test_server_run(stage.admin, sql[i]);
}

static tn_db *acquire(struct cell *cell)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *session;
    cell_expect_ok(tn_acquire(cell->db, &session, &err), &err, "acquire");
    return session;
}

static tn_db *begin_tx(struct cell *cell, const tn_txn_options *options)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *tx;
    cell_expect_ok(tn_begin(cell->db, options, &tx, &err), &err, "begin");
    return tx;
}

static void run(tn_db *db, const char *sql)
{
    tn_error err = TN_ERROR_INIT;
    cell_expect_ok(tn_exec(db, sql, NULL, NULL, &err), &err, sql);
}

static void write_row(struct cell *cell, tn_db *tx)
{
    tn_error err = TN_ERROR_INIT;
    cell_expect_ok(
        tn_exec(tx, "insert into ledger values ($1)", tn_args(cell_new_id(cell)), NULL, &err), &err,
        "the write");
}

/* Judges a statement of a transaction, and rolls back. */
static void fails_in_tx(struct cell *cell, tn_db *tx, const char *sql)
{
    tn_error err = TN_ERROR_INIT;
    tn_status status = tn_exec(tx, sql, NULL, NULL, &err);
    cell_saw(cell, status, &err);
    cell_expect_ok(tn_rollback(tx, &err), &err, "rollback");
    cell->judge_fate = true;
}

static void fails_in_session(struct cell *cell, tn_db *session, const char *sql)
{
    tn_error err = TN_ERROR_INIT;
    tn_status status = tn_exec(session, sql, NULL, NULL, &err);
    cell_saw(cell, status, &err);
    tn_release(session);
    cell->judge_fate = true;
}

static void commit_judged(struct cell *cell, tn_db *tx)
{
    tn_error err = TN_ERROR_INIT;
    tn_status status = tn_commit(tx, &err);
    cell_saw(cell, status, &err);
    cell->judge_fate = true;
}

/* ---- S1: ended while it is being made ---------------------------------------------------------
 */

/* The server's greeting is kept back until its backend has been ended: the connection is dead when
 * it is made. */
static void s1_connect_happens(struct cell *cell)
{
    test_proxy_break(stage.proxy, PROXY_RST);
    assert_true(test_server_wait(stage.admin,
                                 "select count(*) from pg_stat_activity where usename = 'app'", 0));
    test_proxy_on(stage.proxy, PROXY_S2C, "server_version", PROXY_BEFORE, PROXY_HOLD, 1, 1);
    job_start(&cell->jobs[0], cell->db, "select 1", CALL_TIMEOUT);
    assert_true(test_proxy_wait_cuts(stage.proxy, 1, 5000));
    test_server_run(stage.admin, "select pg_terminate_backend(pid, 10000) from pg_stat_activity"
                                 " where usename = 'app'");
    test_proxy_pass(stage.proxy);
    job_join(&cell->jobs[0]);
    cell_saw(cell, cell->jobs[0].status, &cell->jobs[0].err);
    cell->judge_fate = true;
    /* The upkeep may have been connecting as well. A new connection is looked at before its use;
     * one that is killed between that look and its first statement tells its first user. */
    int32_t one;
    if (tn_get(cell->db, "select 1", NULL, tn_into(&one), NULL) != TN_OK)
        print_message("a connection that was killed while it was being made was handed out\n");
}

CELL(s1_connect)
{
    cell_run(row, fault, NULL, s1_connect_happens);
}

/* ---- S9, S10: time-outs and locks -------------------------------------------------------------
 */

static void s9_query_happens(struct cell *cell)
{
    tn_db *session = acquire(cell);
    run(session, "set statement_timeout = 100");
    fails_in_session(cell, session, "select pg_sleep(30)");
}

CELL(s9_query)
{
    cell_run(row, fault, NULL, s9_query_happens);
}

static void s9_stream_happens(struct cell *cell)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *session = acquire(cell);
    int n = 0;

    run(session, "set statement_timeout = 200");
    tn_rows *rows = tn_query(
        session, "select g, repeat('x', 100), pg_sleep(0.001) from generate_series(1, 100000) g",
        NULL);
    while (tn_next(rows))
        n++;
    assert_in_range(n, 0, 99999);
    tn_status status = tn_close(rows, &err);
    cell_saw(cell, status, &err);
    tn_release(session);
    cell->judge_fate = true;
}

CELL(s9_stream)
{
    cell_run(row, fault, NULL, s9_stream_happens);
}

static void s9_tx_happens(struct cell *cell)
{
    tn_db *tx = begin_tx(cell, NULL);
    write_row(cell, tx);
    run(tx, "set local statement_timeout = 100");
    fails_in_tx(cell, tx, "select pg_sleep(30)");
}

CELL(s9_tx)
{
    cell_run(row, fault, NULL, s9_tx_happens);
}

/* statement_timeout is not in force while a transaction commits (PostgreSQL 15): the same SQLSTATE
 * comes from pg_cancel_backend(). The server has answered, so nothing is in doubt. */
static void s9_commit_happens(struct cell *cell)
{
    tn_error err = TN_ERROR_INIT;
    char sql[64];
    tn_db *tx = begin_tx(cell, NULL);

    cell_expect_ok(tn_exec(tx, "insert into slow_ledger values ($1, 30)",
                           tn_args(cell_new_id(cell)), NULL, &err),
                   &err, "the write");
    job_commit(&cell->jobs[0], tx);
    snprintf(sql, sizeof(sql), "select pg_cancel_backend(%d)", cell_wait_active("commit%"));
    test_server_run(stage.admin, sql);
    job_join(&cell->jobs[0]);
    cell_saw(cell, cell->jobs[0].status, &cell->jobs[0].err);
    cell->judge_fate = true;
}

CELL(s9_commit)
{
    cell_run(row, fault, NULL, s9_commit_happens);
}

static void lock_pair(void)
{
    test_server_run(stage.admin, "begin");
    test_server_run(stage.admin, "update pair set n = n where a = 1");
}

static void s10_query_happens(struct cell *cell)
{
    tn_db *session = acquire(cell);
    lock_pair();
    run(session, "set lock_timeout = 50");
    fails_in_session(cell, session, "update pair set n = n where a = 1");
    test_server_run(stage.admin, "rollback");
}

CELL(s10_query)
{
    cell_run(row, fault, NULL, s10_query_happens);
}

static void s10_tx_happens(struct cell *cell)
{
    tn_db *tx = begin_tx(cell, NULL);
    lock_pair();
    write_row(cell, tx);
    fails_in_tx(cell, tx, "select * from pair where a = 1 for update nowait");
    test_server_run(stage.admin, "rollback");
}

CELL(s10_tx)
{
    cell_run(row, fault, NULL, s10_tx_happens);
}

/* ---- S11: a deadlock, of which ours is the victim ---------------------------------------------
 */

/* The rival has the second row and comes for the first, and is the more patient one. */
static void rival_begins(void)
{
    test_server_run(stage.admin, "begin");
    test_server_run(stage.admin, "set local deadlock_timeout = '60s'");
    test_server_run(stage.admin, "update pair set n = n where a = 2");
}

static void rival_comes(void)
{
    assert_int_equal(PQsendQuery(stage.admin, "update pair set n = n where a = 1"), 1);
}

static void rival_leaves(void)
{
    PGresult *res;
    while ((res = PQgetResult(stage.admin)))
        PQclear(res);
    test_server_run(stage.admin, "rollback");
}

/* Ours has the first row and waits for the rival: asked before the rival's own query makes admin
 * deaf. */
static void when_ours_waits(void)
{
    static const char waits[] = "select count(*) from pg_stat_activity where usename = 'app'"
                                " and state = 'active' and wait_event = 'PgSleep'";
    for (int i = 0; i < 2000; i++) {
        test_server_run(stage.admin, "select pg_stat_clear_snapshot()");
        if (test_server_number(stage.admin, waits) == 1)
            return;
        poll(NULL, 0, 2);
    }
    fail_msg("nobody waits for the rival");
}

static void s11_query_happens(struct cell *cell)
{
    rival_begins();
    job_start(&cell->jobs[0], cell->db, "select cross_rows()", 20000);
    when_ours_waits();
    rival_comes();
    job_join(&cell->jobs[0]);
    rival_leaves();
    cell_saw(cell, cell->jobs[0].status, &cell->jobs[0].err);
    cell->judge_fate = true;
}

CELL(s11_query)
{
    cell_run(row, fault, NULL, s11_query_happens);
}

static void s11_tx_happens(struct cell *cell)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *tx = begin_tx(cell, NULL);

    write_row(cell, tx);
    rival_begins();
    job_start(&cell->jobs[0], tx, "select cross_rows()", 20000);
    when_ours_waits();
    rival_comes();
    job_join(&cell->jobs[0]);
    rival_leaves();
    cell_saw(cell, cell->jobs[0].status, &cell->jobs[0].err);
    cell_expect_ok(tn_rollback(tx, &err), &err, "rollback");
    cell->judge_fate = true;
}

CELL(s11_tx)
{
    cell_run(row, fault, NULL, s11_tx_happens);
}

static void s11_commit_happens(struct cell *cell)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *tx = begin_tx(cell, NULL);

    write_row(cell, tx);
    cell_expect_ok(tn_exec(tx, "insert into crossing values ($1)", tn_args(cell->id), NULL, &err),
                   &err, "the write");
    rival_begins();
    job_commit(&cell->jobs[0], tx);
    when_ours_waits();
    rival_comes();
    job_join(&cell->jobs[0]);
    rival_leaves();
    cell_saw(cell, cell->jobs[0].status, &cell->jobs[0].err);
    cell->judge_fate = true;
}

CELL(s11_commit)
{
    cell_run(row, fault, NULL, s11_commit_happens);
}

/* ---- S12: serialization failures --------------------------------------------------------------
 */

static void s12_query_happens(struct cell *cell)
{
    tn_error err = TN_ERROR_INIT;
    tn_status status = tn_exec(cell->db, "select refuse_serialization()", NULL, NULL, &err);
    cell_saw(cell, status, &err);
    cell->judge_fate = true;
}

CELL(s12_query)
{
    cell_run(row, fault, NULL, s12_query_happens);
}

struct attempts {
    int64_t id;
    int n, fail;
};

static tn_status fail_so_often(tn_db *tx, void *arg, tn_error *err)
{
    struct attempts *attempts = arg;
    attempts->n++;
    if (tn_exec(tx, "insert into ledger values ($1)", tn_args(attempts->id), NULL, err) != TN_OK)
        return err->status;
    if (attempts->n <= attempts->fail)
        return tn_exec(tx, "select refuse_serialization()", NULL, NULL, err);
    return TN_OK;
}

/* An update that comes too late; and the whole is tried again as often as was asked, not more. */
static void s12_tx_happens(struct cell *cell)
{
    tn_error err = TN_ERROR_INIT;
    tn_txn_options options = TN_TXN_OPTIONS_INIT;
    int64_t n;

    options.retries = 3;
    struct attempts good = {.id = cell_new_id(cell), .fail = 2};
    cell_expect_ok(tn_transaction(cell->db, &options, fail_so_often, &good, &err), &err, "retried");
    assert_int_equal(good.n, 3);
    assert_int_equal(cell_applied(good.id), 1);
    struct attempts bad = {.id = cell_new_id(cell), .fail = 100};
    assert_int_equal(tn_transaction(cell->db, &options, fail_so_often, &bad, &err),
                     TN_SERIALIZATION);
    assert_int_equal(bad.n, 4);

    options.isolation = TN_REPEATABLE_READ;
    options.retries = 0;
    tn_db *tx = begin_tx(cell, &options);
    write_row(cell, tx);
    cell_expect_ok(tn_get(tx, "select count(*) from pair", NULL, tn_into(&n), &err), &err, "get");
    test_server_run(stage.admin, "update pair set n = n where a = 1");
    fails_in_tx(cell, tx, "update pair set n = n where a = 1");
}

CELL(s12_tx)
{
    cell_run(row, fault, NULL, s12_tx_happens);
}

/* Each reads what the other writes; only COMMIT finds it. */
static void s12_commit_happens(struct cell *cell)
{
    tn_error err = TN_ERROR_INIT;
    tn_txn_options options = TN_TXN_OPTIONS_INIT;
    tn_db *tx[2];
    int64_t n;

    options.isolation = TN_SERIALIZABLE;
    for (int i = 0; i < 2; i++) {
        tx[i] = begin_tx(cell, &options);
        cell_expect_ok(tn_get(tx[i], "select count(*) from ledger", NULL, tn_into(&n), &err), &err,
                       "get");
    }
    write_row(cell, tx[0]);
    write_row(cell, tx[1]);
    cell_expect_ok(tn_commit(tx[0], &err), &err, "the first");
    commit_judged(cell, tx[1]);
}

CELL(s12_commit)
{
    cell_run(row, fault, NULL, s12_commit_happens);
}

struct endless {
    pthread_t thread;
    tn_db *db;
    struct attempts attempts;
    tn_status status;
    tn_error err;
};

static void *try_for_ever(void *arg)
{
    struct endless *endless = arg;
    tn_txn_options options = TN_TXN_OPTIONS_INIT;
    options.retries = 1000000;
    endless->status = tn_transaction(endless->db, &options, fail_so_often, &endless->attempts,
                                     &endless->err);
    return NULL;
}

/* What is tried again and again ends when shutdown begins. */
static void s12_shutdown_happens(struct cell *cell)
{
    tn_error err = TN_ERROR_INIT;
    struct endless endless = {.db = cell->db,
                              .attempts = {.id = cell_new_id(cell), .fail = 1000000}};

    assert_int_equal(pthread_create(&endless.thread, NULL, try_for_ever, &endless), 0);
    poll(NULL, 0, 100); /* in the middle of it, as a rule */
    int64_t began = test_proxy_now();
    tn_status status = tn_db_shutdown(cell->db, 5000, &err);
    cell_saw(cell, status, &err);
    cell->db = NULL;
    pthread_join(endless.thread, NULL);
    cell_in_time(began, cell->ended_ms, 1000);
    assert_true(endless.status == TN_SHUTDOWN || endless.status == TN_SERIALIZATION);
}

CELL(s12_shutdown)
{
    cell_run(row, fault, NULL, s12_shutdown_happens);
}

/* ---- S16, S17: what a session is left with ----------------------------------------------------
 */

static void s16_idle_happens(struct cell *cell)
{
    tn_error err = TN_ERROR_INIT;
    int32_t one;

    cell_backend_of(cell->db);
    assert_true(test_server_wait(stage.admin,
                                 "select count(*) from pg_stat_activity where usename = 'app'", 0));
    test_server_run(stage.admin, "alter role app reset idle_session_timeout");
    tn_status status = tn_get(cell->db, "select 1", NULL, tn_into(&one), &err);
    cell_saw(cell, status, &err);
    cell->judge_fate = true;
}

CELL(s16_idle)
{
    test_server_run(stage.admin, "alter role app set idle_session_timeout = 150");
    cell_run(row, fault, NULL, s16_idle_happens);
}

static void s16_tx_happens(struct cell *cell)
{
    tn_db *tx = begin_tx(cell, NULL);
    char sql[96];

    write_row(cell, tx);
    snprintf(sql, sizeof(sql), "select count(*) from pg_stat_activity where pid = %d",
             cell_backend_of(tx));
    run(tx, "set local idle_in_transaction_session_timeout = 20");
    assert_true(test_server_wait(stage.admin, sql, 0));
    fails_in_tx(cell, tx, "select 1");
}

CELL(s16_tx)
{
    cell_run(row, fault, NULL, s16_tx_happens);
}

/* One connection: the next borrower gets it, and sees nothing of what was done on it. */
static void s17_idle_happens(struct cell *cell)
{
    static const char *const left[] = {"set search_path = pg_catalog",
                                       "set work_mem = '1MB'",
                                       "create temporary table left_behind (a integer)",
                                       "listen something",
                                       "select pg_advisory_lock(4711)",
                                       "prepare left_prepared as select 1",
                                       "begin"};
    static const char check[] =
        "select current_setting('search_path') || current_setting('work_mem')"
        " || (select count(*) from pg_class where relname = 'left_behind')"
        " || (select count(*) from pg_listening_channels())"
        " || (select count(*) from pg_locks where locktype = 'advisory')";
    tn_error err = TN_ERROR_INIT;
    char before[128], after[128];

    cell_expect_ok(tn_get(cell->db, check, NULL, tn_into(tn_textbuf(before, sizeof(before))), &err),
                   &err, "before");
    for (size_t i = 0; i < sizeof(left) / sizeof(left[0]); i++) {
        tn_db *session = acquire(cell);
        run(session, left[i]);
        tn_release(session);
        tn_status status = tn_get(cell->db, check, NULL, tn_into(tn_textbuf(after, sizeof(after))),
                                  &err);
        cell_saw(cell, status, &err);
        cell_expect_ok(status, &err, left[i]);
        assert_string_equal(after, before);
    }
}

CELL(s17_idle)
{
    static const char *const one[] = {"max_connections=1", NULL};
    cell_run(row, fault, one, s17_idle_happens);
}
