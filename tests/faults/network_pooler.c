/* SPDX-License-Identifier: MIT */
/* Cells with PgBouncer, by the transaction, between the proxy and the server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "integration/support/pooler.h"
#include "network_cells.h"

static test_pooler pooler;

static void start_pooler(void)
{
    test_pooler_create(&pooler, &stage.server, "transaction", 3, CELL_PASSWORD);
    test_proxy_target(stage.proxy, "127.0.0.1", pooler.port);
}

static void visit_pooler(void)
{
    if (access("/usr/sbin/pgbouncer", X_OK) != 0 && access("/usr/bin/pgbouncer", X_OK) != 0) {
        puts("skip: PgBouncer is not installed (Debian package pgbouncer)");
        skip();
    }
    if (!pooler.guard)
        start_pooler();
    test_proxy_target(stage.proxy, "127.0.0.1", pooler.port);
    stage.pooled = true;
}

void network_pooler_tear_down(void)
{
    if (pooler.guard)
        test_pooler_remove(&pooler);
}

/* ---- N13: it is there -------------------------------------------------------------------------
 */

static void answers_itself(tn_db *db, int number)
{
    tn_error err = TN_ERROR_INIT;
    char sql[64];
    int32_t got = -1;
    snprintf(sql, sizeof(sql), "select %d + cast($1 as integer)", number * 1000);
    cell_expect_ok(tn_get(db, sql, tn_args(number), tn_into(&got), &err), &err, sql);
    assert_int_equal(got, number * 1001);
}

/* Two clients with statements of different texts, on fewer sessions than connections: each gets
 * the answer to what it asked. */
static void n13_query_happens(struct cell *cell)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *other = stage_open(stage.url, NULL, &err);
    cell_saw(cell, other ? TN_OK : err.status, &err);
    assert_non_null(other);
    for (int i = 1; i <= 24; i++) {
        answers_itself(cell->db, i);
        answers_itself(other, i % 7);
    }
    cell_expect_ok(tn_db_close(other, &err), &err, "closing");
}

static void n13_stream_happens(struct cell *cell)
{
    tn_error err = TN_ERROR_INIT;
    int n = 0;
    tn_rows *rows = tn_query(cell->db, "select g from generate_series(1, 20000) g", NULL);
    while (tn_next(rows))
        n++;
    tn_status status = tn_close(rows, &err);
    cell_saw(cell, status, &err);
    assert_int_equal(n, 20000);
}

static void n13_tx_happens(struct cell *cell)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *tx;
    cell_expect_ok(tn_begin(cell->db, NULL, &tx, &err), &err, "begin");
    tn_status status = tn_exec(tx, "insert into ledger values ($1)", tn_args(cell_new_id(cell)),
                               NULL, &err);
    cell_expect_ok(status, &err, "the write");
    answers_itself(tx, 5);
    status = tn_commit(tx, &err);
    cell_saw(cell, status, &err);
}

CELL(n13_connect)
{
    visit_pooler();
    cell_run(row, fault, NULL, n13_query_happens);
}

CELL(n13_idle)
{
    visit_pooler();
    cell_run(row, fault, NULL, n13_query_happens);
}

CELL(n13_query)
{
    visit_pooler();
    cell_run(row, fault, NULL, n13_query_happens);
}

CELL(n13_stream)
{
    visit_pooler();
    cell_run(row, fault, NULL, n13_stream_happens);
}

CELL(n13_tx)
{
    visit_pooler();
    cell_run(row, fault, NULL, n13_tx_happens);
}

CELL(n13_commit)
{
    visit_pooler();
    cell_run(row, fault, NULL, n13_tx_happens);
}

/* ---- N14: it dies -----------------------------------------------------------------------------
 */

static void kill_pooler(struct cell *cell)
{
    (void)cell;
    test_pooler_remove(&pooler);
    pooler.guard = 0;
}

static void pooler_again(struct cell *cell)
{
    (void)cell;
    if (!pooler.guard)
        start_pooler();
}

static const struct fault dead = {.strike = kill_pooler, .heal = pooler_again};

#define DEAD_CELL(name, moment) \
    CELL(name)                  \
    {                           \
        (void)fault;            \
        visit_pooler();         \
        moment(row, &dead);     \
    }

DEAD_CELL(n14_connect, at_connect)
DEAD_CELL(n14_idle, at_idle)
DEAD_CELL(n14_query, at_query)
DEAD_CELL(n14_stream, at_stream)
DEAD_CELL(n14_tx, at_tx)
DEAD_CELL(n14_commit, at_commit)
DEAD_CELL(n14_shutdown, at_shutdown)
