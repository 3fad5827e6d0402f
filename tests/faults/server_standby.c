/* SPDX-License-Identifier: MIT */
/* Cells with a second server: one that only reads, and one that takes over. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "server_cells.h"

/* ---- S14: a hot standby -----------------------------------------------------------------------
 */

static test_server standby;

static void need_standby(void)
{
    if (!standby.guard)
        test_server_create_standby(&standby, &stage.server);
}

/* The first host of the list only reads: the second is taken. Alone it is no host for writing. */
static void s14_connect_happens(struct cell *cell)
{
    char url[320];
    tn_error err = TN_ERROR_INIT;
    bool in_recovery = true;

    snprintf(url, sizeof(url),
             "postgresql://app:" CELL_PASSWORD
             "@127.0.0.1:%d,127.0.0.1:%d/app?target_session_attrs=read-write",
             standby.port, test_proxy_port(stage.proxy));
    tn_db *db = stage_open(url, NULL, &err);
    cell_saw(cell, db ? TN_OK : err.status, &err);
    cell_expect_ok(cell->status, &err, "opening");
    cell_expect_ok(tn_get(db, "select pg_is_in_recovery()", NULL, tn_into(&in_recovery), &err),
                   &err, "get");
    assert_false(in_recovery);
    cell_expect_ok(tn_db_close(db, &err), &err, "closing");

    snprintf(url, sizeof(url),
             "postgresql://app:" CELL_PASSWORD "@127.0.0.1:%d/app?target_session_attrs=read-write",
             standby.port);
    assert_null(stage_open(url, NULL, &err));
    assert_int_equal(err.status, TN_UNAVAILABLE);
}

CELL(s14_connect)
{
    need_standby();
    cell_run(row, fault, NULL, s14_connect_happens);
}

static void s14_query_happens(struct cell *cell)
{
    tn_error err = TN_ERROR_INIT;
    tn_health health = tn_health_check(cell->db, 2000);
    assert_true(health.read_only);
    tn_status status = tn_exec(cell->db, "insert into ledger values ($1)",
                               tn_args(cell_new_id(cell)), NULL, &err);
    cell_saw(cell, status, &err);
    cell->judge_fate = true;
}

CELL(s14_query)
{
    need_standby();
    stage_visit(&standby);
    cell_run(row, fault, NULL, s14_query_happens);
}

static void s14_tx_happens(struct cell *cell)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *tx;

    cell_expect_ok(tn_begin(cell->db, NULL, &tx, &err), &err, "begin");
    tn_status status = tn_exec(tx, "insert into ledger values ($1)", tn_args(cell_new_id(cell)),
                               NULL, &err);
    cell_saw(cell, status, &err);
    cell_expect_ok(tn_rollback(tx, &err), &err, "rollback");
    cell->judge_fate = true;
}

CELL(s14_tx)
{
    need_standby();
    stage_visit(&standby);
    cell_run(row, fault, NULL, s14_tx_happens);
}

/* ---- S15: failover ----------------------------------------------------------------------------
 */

/* The pair changes places with each cell: who took over gets a new standby. */
static test_server pair[2];
static int first; /* which of them is the primary */

static void make_pair(void)
{
    static const char *const settings[] = {"synchronous_commit=local", NULL};
    if (!pair[first].guard) {
        test_server_create_standby_with(&pair[first], &stage.server, settings);
        assert_true(test_server_promote(&pair[first]));
    }
    if (pair[1 - first].guard)
        test_server_remove(&pair[1 - first]);
    test_server_create_standby_with(&pair[1 - first], &pair[first], settings);
}

static void visit_pair(void)
{
    make_pair();
    stage_visit(&pair[first]);
    /* Not through the proxy, which would answer for the one that is dead. */
    snprintf(stage.url, sizeof(stage.url),
             "postgresql://app:" CELL_PASSWORD
             "@127.0.0.1:%d,127.0.0.1:%d/app?target_session_attrs=read-write",
             pair[first].port, pair[1 - first].port);
}

/* Whatever the primary acknowledged has arrived: here the failover loses nothing. */
static void fail_over(struct cell *cell)
{
    (void)cell;
    assert_true(test_server_wait(stage.admin,
                                 "select count(*) from pg_stat_replication"
                                 " where replay_lsn is distinct from pg_current_wal_flush_lsn()",
                                 0));
    test_server_kill_all(&pair[first]);
    first = 1 - first;
    assert_true(test_server_promote(&pair[first]));
    stage_moved(&pair[first]);
}

static const struct fault failover = {.strike = fail_over};

#define FAILOVER_CELL(name, moment) \
    CELL(name)                      \
    {                               \
        (void)fault;                \
        visit_pair();               \
        moment(row, &failover);     \
    }

FAILOVER_CELL(s15_connect, at_connect)
FAILOVER_CELL(s15_idle, at_idle)
FAILOVER_CELL(s15_query, at_query)
FAILOVER_CELL(s15_stream, at_stream)
FAILOVER_CELL(s15_tx, at_tx)
FAILOVER_CELL(s15_commit, at_commit)
FAILOVER_CELL(s15_shutdown, at_shutdown)

void server_standby_tear_down(void)
{
    test_server_remove(&standby);
    test_server_remove(&pair[0]);
    test_server_remove(&pair[1]);
}
