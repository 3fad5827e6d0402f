/* SPDX-License-Identifier: MIT */
/* Cells in which the server is there and has no room: connections, disk, start-up. */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server_cells.h"

/* ---- S6: nobody listens -----------------------------------------------------------------------
 */

/* A borrower waits as long as it may and hears why in vain; health does not say otherwise. */
static void s6_idle_happens(struct cell *cell)
{
    enum { WAIT_MS = 700 };
    tn_error err = TN_ERROR_INIT;
    int32_t one;

    cell_strike(cell);
    poll(NULL, 0, 5); /* what was used within the last millisecond is not idle */
    int64_t began = test_proxy_now();
    tn_status status = tn_get(cell->db, "select 1", NULL, tn_into(&one), &err);
    cell_saw(cell, status, &err);
    cell_in_time(began, cell->ended_ms, WAIT_MS);
    began = test_proxy_now();
    tn_health health = tn_health_check(cell->db, 1000);
    assert_int_equal(health.status, TN_UNHEALTHY);
    cell_in_time(began, test_proxy_now(), 1000);
    cell_heal(cell);
    cell->judge_fate = true;
}

CELL(s6_idle)
{
    static const char *const short_wait[] = {"pool_timeout=700", NULL};
    cell_run(row, fault, short_wait, s6_idle_happens);
}

/* ---- S7: max_connections ----------------------------------------------------------------------
 */

enum { MOST = 64 };

static PGconn *taken[MOST];
static int n_taken;

static void take_all(void)
{
    char conninfo[256];
    snprintf(conninfo, sizeof(conninfo), "host=%s port=%d user=trusty dbname=app", stage.server.dir,
             stage.server.port);
    while (n_taken < MOST) {
        PGconn *conn = PQconnectdb(conninfo);
        if (PQstatus(conn) != CONNECTION_OK) {
            PQfinish(conn);
            break;
        }
        taken[n_taken++] = conn;
    }
    assert_true(n_taken > 0 && n_taken < MOST);
}

static void give_all(void)
{
    while (n_taken > 0)
        PQfinish(taken[--n_taken]);
}

static void s7_connect_happens(struct cell *cell)
{
    tn_error err = TN_ERROR_INIT;

    test_proxy_break(stage.proxy, PROXY_RST);
    assert_true(test_server_wait(stage.admin,
                                 "select count(*) from pg_stat_activity where usename = 'app'", 0));
    take_all();
    tn_db *other = stage_open(stage.url, NULL, &err);
    assert_null(other);
    cell_saw(cell, err.status, &err);
    job_start(&cell->jobs[0], cell->db, "select 1", CALL_TIMEOUT);
    poll(NULL, 0, 200); /* the pool meets the refusal, as a rule */
    give_all();
    int64_t freed = test_proxy_now();
    job_join(&cell->jobs[0]);
    cell_expect_ok(cell->jobs[0].status, &cell->jobs[0].err, "who waited for a connection");
    cell_in_time(freed, cell->jobs[0].ended_ms, 1000);
}

CELL(s7_connect)
{
    cell_run(row, fault, NULL, s7_connect_happens);
}

/* The pool keeps what it has, and does not storm the server for more. */
static void s7_idle_happens(struct cell *cell)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *session;
    int32_t one;

    cell_expect_ok(tn_acquire(cell->db, &session, &err), &err, "acquire");
    take_all();
    int64_t since = test_proxy_now();
    job_start(&cell->jobs[0], cell->db, "select 1", CALL_TIMEOUT);
    job_start(&cell->jobs[1], cell->db, "select 1", CALL_TIMEOUT);
    job_join(&cell->jobs[0]);
    job_join(&cell->jobs[1]);
    for (int i = 0; i < 2; i++) {
        assert_true(cell->jobs[i].status == TN_TIMEOUT || cell->jobs[i].status == TN_UNAVAILABLE);
        assert_string_equal(cell->jobs[i].err.sqlstate, "53300");
    }
    assert_true(test_proxy_accepted_since(stage.proxy, since) > 0);
    assert_in_range(test_proxy_busiest(stage.proxy, since, 1000), 0, 20);
    tn_status status = tn_get(session, "select 1", NULL, tn_into(&one), &err);
    cell_saw(cell, status, &err);
    tn_release(session);
    give_all();
    cell->judge_fate = true;
}

CELL(s7_idle)
{
    static const char *const short_wait[] = {"pool_timeout=1500", NULL};
    cell_run(row, fault, short_wait, s7_idle_happens);
}

/* ---- S8: starting up --------------------------------------------------------------------------
 */

/* A standby that takes no connections says the same as a server in recovery. */
static test_server closed_standby;

static void send_to_closed(void)
{
    static const char *const settings[] = {"hot_standby=off", NULL};
    test_server_create_standby_with(&closed_standby, &stage.server, settings);
    test_proxy_target(stage.proxy, "127.0.0.1", closed_standby.port);
}

static void s8_connect_happens(struct cell *cell)
{
    tn_error err = TN_ERROR_INIT;

    send_to_closed();
    test_proxy_break(stage.proxy, PROXY_RST);
    tn_db *other = stage_open(stage.url, NULL, &err);
    assert_null(other);
    cell_saw(cell, err.status, &err);
    job_start(&cell->jobs[0], cell->db, "select 1", CALL_TIMEOUT);
    poll(NULL, 0, 200);
    test_proxy_target(stage.proxy, "127.0.0.1", stage.server.port);
    int64_t healed = test_proxy_now();
    job_join(&cell->jobs[0]);
    test_server_remove(&closed_standby);
    cell_expect_ok(cell->jobs[0].status, &cell->jobs[0].err, "who waited for the server");
    cell_in_time(healed, cell->jobs[0].ended_ms, 1000);
}

CELL(s8_connect)
{
    cell_run(row, fault, NULL, s8_connect_happens);
}

/* Somebody waits for the server; shutdown does not. */
static void s8_shutdown_happens(struct cell *cell)
{
    tn_error err = TN_ERROR_INIT;

    send_to_closed();
    test_proxy_break(stage.proxy, PROXY_RST);
    job_start(&cell->jobs[0], cell->db, "select 1", 0);
    poll(NULL, 0, 200);
    int64_t began = test_proxy_now();
    tn_status status = tn_db_shutdown(cell->db, 5000, &err);
    cell_saw(cell, status, &err);
    cell->db = NULL;
    cell_in_time(began, cell->ended_ms, 1000);
    job_join(&cell->jobs[0]);
    test_server_remove(&closed_standby);
    assert_true(cell->jobs[0].status == TN_SHUTDOWN || cell->jobs[0].status == TN_LOST);
}

CELL(s8_shutdown)
{
    cell_run(row, fault, NULL, s8_shutdown_happens);
}

/* ---- S13: no space ----------------------------------------------------------------------------
 */

/* The table is not in the log of changes: the server runs out of room for it and lives on. */
#define FILL                                                    \
    "insert into filler select repeat(md5(g::text), 200) from " \
    "generate_series(1, 100000) g"

static test_server small;

static bool visit_small(void)
{
    static const char *const settings[] = {"max_wal_size=4MB",   "min_wal_size=2MB",
                                           "shared_buffers=8MB", "wal_level=minimal",
                                           "max_wal_senders=0",  NULL};
    static const char *const sql[] = {
        "create unlogged table filler (t text)",
        "alter table filler alter t set storage external",
        ("create function fill_late() returns trigger language plpgsql as $$ begin " FILL
         "; return null; end $$"),
        "create table late_fill (id bigint)",
        ("create constraint trigger late after insert on late_fill deferrable initially deferred"
         " for each row execute function fill_late()"),
        "grant all on filler, late_fill to app",
    };
    bool first = !small.guard;

    if (first && !test_server_create_small(&small, 96, settings, CELL_PASSWORD))
        skip();
    stage_visit(&small);
    if (!first)
        return true;
    stage_make_tables();
    for (size_t i = 0; i < sizeof(sql) / sizeof(sql[0]); i++)
        test_server_run(stage.admin, sql[i]);
    return true;
}

static void make_room(void)
{
    test_server_run(stage.admin, "truncate filler");
}

static void s13_query_happens(struct cell *cell)
{
    tn_error err = TN_ERROR_INIT;
    tn_status status = tn_exec(cell->db, FILL, NULL, NULL, &err);
    cell_saw(cell, status, &err);
    make_room();
    cell->judge_fate = true;
}

CELL(s13_query)
{
    visit_small();
    cell_run(row, fault, NULL, s13_query_happens);
}

/* Rows come, then sorting those that follow wants more room than there is. */
static void s13_stream_happens(struct cell *cell)
{
    tn_error err = TN_ERROR_INIT;
    int n = 0;
    tn_rows *rows = tn_query(cell->db,
                             "select g, repeat('x', 500) from generate_series(1, 2000) g union all"
                             " (select g, repeat('y', 500) from generate_series(1, 400000) g"
                             " order by random())",
                             NULL);
    while (tn_next(rows))
        n++;
    assert_int_equal(n, 2000);
    tn_status status = tn_close(rows, &err);
    cell_saw(cell, status, &err);
    cell->judge_fate = true;
}

CELL(s13_stream)
{
    visit_small();
    cell_run(row, fault, NULL, s13_stream_happens);
}

static void fill_in_tx(struct cell *cell, bool at_commit_only)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *tx;

    cell_expect_ok(tn_begin(cell->db, NULL, &tx, &err), &err, "begin");
    tn_status status = tn_exec(tx, "insert into ledger values ($1)", tn_args(cell_new_id(cell)),
                               NULL, &err);
    cell_expect_ok(status, &err, "the write");
    if (at_commit_only) {
        status = tn_exec(tx, "insert into late_fill values (1)", NULL, NULL, &err);
        cell_expect_ok(status, &err, "the other write");
        status = tn_commit(tx, &err);
        cell_saw(cell, status, &err);
    } else {
        status = tn_exec(tx, FILL, NULL, NULL, &err);
        cell_saw(cell, status, &err);
        cell_expect_ok(tn_rollback(tx, &err), &err, "rollback");
    }
    make_room();
    cell->judge_fate = true;
}

static void s13_tx_happens(struct cell *cell)
{
    fill_in_tx(cell, false);
}

CELL(s13_tx)
{
    visit_small();
    cell_run(row, fault, NULL, s13_tx_happens);
}

static void s13_commit_happens(struct cell *cell)
{
    fill_in_tx(cell, true);
}

CELL(s13_commit)
{
    visit_small();
    cell_run(row, fault, NULL, s13_commit_happens);
}

void server_full_tear_down(void)
{
    test_server_remove(&small);
}
