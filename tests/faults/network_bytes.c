/* SPDX-License-Identifier: MIT */
/* Cells in which bytes come late, stop in the middle of a message, or are not what was sent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "network_cells.h"

/* Where a damaged answer to a pipeline makes libpq 15 begin a second result, it forgets the first:
 * not ours to free. Other programs look for leaks of results without this. */
#ifdef __SANITIZE_ADDRESS__
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:PQisBusy\n";
}
#endif

/* ---- N6: slow ---------------------------------------------------------------------------------
 */

static void slow_down(void)
{
    test_proxy_slice(stage.proxy, 1, 0);
    test_proxy_delay(stage.proxy, 5, 10);
}

/* One connection, so that all happens on the slow one. */
static const char *const one[] = {"max_connections=1", "min_connections=1", NULL};

static void reads_well(struct cell *cell)
{
    tn_error err = TN_ERROR_INIT;
    int32_t number = 0;
    char text[16] = "";
    tn_status status = tn_get(cell->db, "select 12345, 'a text'", NULL,
                              tn_into(&number, tn_textbuf(text, sizeof(text))), &err);
    cell_saw(cell, status, &err);
    if (status == TN_OK) {
        assert_int_equal(number, 12345);
        assert_string_equal(text, "a text");
    }
}

static void n6_connect_happens(struct cell *cell)
{
    tn_error err = TN_ERROR_INIT;
    slow_down();
    tn_db *other = stage_open(stage.url, NULL, &err);
    cell_saw(cell, other ? TN_OK : err.status, &err);
    if (other)
        cell_expect_ok(tn_db_close(other, &err), &err, "closing");
    cell_heal(cell);
}

static void n6_idle_happens(struct cell *cell)
{
    slow_down();
    reads_well(cell);
    cell_heal(cell);
    cell->judge_fate = true;
}

static void n6_stream_happens(struct cell *cell)
{
    tn_error err = TN_ERROR_INIT;
    int64_t sum = 0, n = 0;

    slow_down();
    tn_rows *rows = tn_query(cell->db, "select g from generate_series(1, 500) g", NULL);
    while (tn_next(rows)) {
        int32_t g;
        tn_scan(rows, &g);
        sum += g;
        n++;
    }
    tn_status status = tn_close(rows, &err);
    cell_saw(cell, status, &err);
    assert_int_equal(n, 500);
    assert_int_equal(sum, 500 * 501 / 2);
    cell_heal(cell);
    cell->judge_fate = true;
}

static void n6_tx_happens(struct cell *cell)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *tx;

    slow_down();
    cell_expect_ok(tn_begin(cell->db, NULL, &tx, &err), &err, "begin");
    tn_status status = tn_exec(tx, "insert into ledger values ($1)", tn_args(cell_new_id(cell)),
                               NULL, &err);
    cell_expect_ok(status, &err, "the write");
    status = tn_commit(tx, &err);
    cell_saw(cell, status, &err);
    cell_heal(cell);
    cell->judge_fate = true;
}

static void n6_shutdown_happens(struct cell *cell)
{
    tn_error err = TN_ERROR_INIT;
    slow_down();
    job_start(&cell->jobs[0], cell->db, "select pg_sleep(0.3)", 0);
    cell_wait_active("select pg_sleep(0.3)%");
    tn_status status = tn_db_shutdown(cell->db, 5000, &err);
    cell_saw(cell, status, &err);
    cell->db = NULL;
    job_join(&cell->jobs[0]);
    cell_expect_ok(cell->jobs[0].status, &cell->jobs[0].err, "what was running");
    cell_heal(cell);
}

CELL(n6_connect)
{
    cell_run(row, fault, NULL, n6_connect_happens);
}

CELL(n6_idle)
{
    cell_run(row, fault, one, n6_idle_happens);
}

CELL(n6_query)
{
    cell_run(row, fault, one, n6_idle_happens);
}

CELL(n6_stream)
{
    cell_run(row, fault, one, n6_stream_happens);
}

CELL(n6_tx)
{
    cell_run(row, fault, one, n6_tx_happens);
}

CELL(n6_commit)
{
    cell_run(row, fault, one, n6_tx_happens);
}

CELL(n6_shutdown)
{
    cell_run(row, fault, one, n6_shutdown_happens);
}

/* ---- N7: cut within a message -----------------------------------------------------------------
 */

/* Bytes that the server has sent on all connections. */
static uint64_t sent_by_server(void)
{
    proxy_stats stats;
    test_proxy_stats(stage.proxy, &stats);
    return stats.bytes[PROXY_S2C];
}

/* How many bytes the server sends until a client is open. */
static uint64_t greeting(const char *const settings[])
{
    tn_error err = TN_ERROR_INIT;
    uint64_t before = sent_by_server();
    tn_db *db = stage_open(stage.url, settings, &err);
    assert_non_null(db);
    uint64_t n = sent_by_server() - before;
    cell_expect_ok(tn_db_close(db, &err), &err, "closing");
    return n;
}

/* Every length of the greeting that is too short, in steps that share no factor with messages'
 * lengths; the whole of it works. */
static void n7_connect_happens(struct cell *cell)
{
    static const char *const quick[] = {"connection_timeout=2000", NULL};
    tn_error err = TN_ERROR_INIT;
    uint64_t whole = greeting(quick);

    assert_in_range(whole, 200, 4000);
    for (uint64_t n = 1; n < whole; n += n < 40 ? 1 : 13) {
        test_proxy_limit(stage.proxy, PROXY_S2C, n, PROXY_FIN);
        tn_db *db = stage_open(stage.url, quick, &err);
        if (db)
            fail_msg("a greeting of %d bytes of %d was enough", (int)n, (int)whole);
        cell_saw(cell, err.status, &err);
        struct seen seen = {cell->status, &cell->err, -1, -1};
        matrix_judge(cell->row, &seen);
    }
    test_proxy_pass(stage.proxy);
}

CELL(n7_connect)
{
    cell_run(row, fault, NULL, n7_connect_happens);
}

/* On a connection of which everything that came is known, n bytes of the answer and no more. */
static void limit_further(uint64_t base, uint64_t n, proxy_action action)
{
    test_proxy_limit(stage.proxy, PROXY_S2C, base + n, action);
}

struct alone {
    tn_db *db;
    uint64_t base; /* bytes that its one connection has got */
};

static struct alone open_alone(void)
{
    tn_error err = TN_ERROR_INIT;
    struct alone alone = {.db = stage_open(stage.url, one, &err)};
    assert_non_null(alone.db);
    cell_backend_of(alone.db);
    alone.base = test_proxy_seen(stage.proxy, PROXY_S2C);
    return alone;
}

static void close_alone(struct alone *alone)
{
    tn_error err = TN_ERROR_INIT;
    cell_expect_ok(tn_db_close(alone->db, &err), &err, "closing");
}

static void judge_now(const struct cell *cell)
{
    struct seen seen = {cell->status, &cell->err, -1, -1};
    matrix_judge(cell->row, &seen);
}

static void n7_query_happens(struct cell *cell)
{
    tn_error err = TN_ERROR_INIT;
    for (uint64_t n = 1; n < 60; n += 7) {
        struct alone alone = open_alone();
        int32_t number;
        limit_further(alone.base, n, PROXY_FIN);
        tn_status status = tn_get(alone.db, "select 12345, repeat('x', 300)::text", NULL,
                                  tn_into(&number, tn_textbuf((char[400]){0}, 400)), &err);
        cell_saw(cell, status, &err);
        judge_now(cell);
        assert_true(err.discarded);
        test_proxy_pass(stage.proxy);
        close_alone(&alone);
    }
}

CELL(n7_query)
{
    cell_run(row, fault, NULL, n7_query_happens);
}

static void n7_stream_happens(struct cell *cell)
{
    tn_error err = TN_ERROR_INIT;
    for (uint64_t n = 400; n < 100000; n = n * 3 + 1) {
        struct alone alone = open_alone();
        int got = 0;
        limit_further(alone.base, n, PROXY_FIN);
        tn_rows *rows = tn_query(alone.db, "select g from generate_series(1, 50000) g", NULL);
        while (tn_next(rows))
            got++;
        tn_status status = tn_close(rows, &err);
        cell_saw(cell, status, &err);
        judge_now(cell);
        assert_true(got < 50000);
        test_proxy_pass(stage.proxy);
        close_alone(&alone);
    }
}

CELL(n7_stream)
{
    cell_run(row, fault, NULL, n7_stream_happens);
}

static void n7_tx_happens(struct cell *cell)
{
    tn_error err = TN_ERROR_INIT, why = TN_ERROR_INIT;
    for (uint64_t n = 1; n < 40; n += 6) {
        struct alone alone = open_alone();
        tn_db *tx;
        cell_expect_ok(tn_begin(alone.db, NULL, &tx, &err), &err, "begin");
        tn_status status = tn_exec(tx, "insert into ledger values ($1)", tn_args(cell_new_id(cell)),
                                   NULL, &err);
        cell_expect_ok(status, &err, "the write");
        limit_further(test_proxy_seen(stage.proxy, PROXY_S2C), n, PROXY_FIN);
        status = tn_exec(tx, "select 12345, repeat('x', 300)", NULL, NULL, &err);
        cell_saw(cell, status, &err);
        judge_now(cell);
        cell_expect_ok(tn_rollback(tx, &why), &why, "rollback");
        test_proxy_pass(stage.proxy);
        assert_int_equal(cell_applied(cell->id), 0);
        close_alone(&alone);
    }
}

CELL(n7_tx)
{
    cell_run(row, fault, NULL, n7_tx_happens);
}

/* ---- N8: a byte is changed --------------------------------------------------------------------
 */

enum { QUICK_MS = 700 };

static void n8_connect_happens(struct cell *cell)
{
    static const char *const quick[] = {"connection_timeout=700", NULL};
    tn_error err = TN_ERROR_INIT;
    uint64_t whole = greeting(NULL);
    int refused = 0;

    for (uint64_t n = 0; n < whole; n += n < 12 ? 1 : 17) {
        int64_t began = test_proxy_now();
        test_proxy_corrupt(stage.proxy, PROXY_S2C, n, 0xff);
        tn_db *db = stage_open(stage.url, quick, &err);
        cell_in_time(began, test_proxy_now(), QUICK_MS);
        refused += db == NULL;
        if (db)
            tn_db_close(db, &err);
    }
    test_proxy_pass(stage.proxy);
    assert_true(refused > 0);
    cell_saw(cell, TN_OK, &err);
}

CELL(n8_connect)
{
    cell_run(row, fault, NULL, n8_connect_happens);
}

/* Never a crash, never later than the deadline; an error of the connection costs the connection.
 * What the bytes say is not judged: only TLS tells that they are not what was sent. */
static void n8_query_happens(struct cell *cell)
{
    tn_error err = TN_ERROR_INIT;
    tn_call call = TN_CALL_INIT;
    int failed = 0;

    call.timeout_ms = QUICK_MS;
    for (uint64_t n = 0; n < 130; n += n < 12 ? 1 : 9) {
        struct alone alone = open_alone();
        int32_t number;
        char text[400];
        test_proxy_corrupt(stage.proxy, PROXY_S2C, alone.base + n, 0xff);
        int64_t began = test_proxy_now();
        tn_status status = tn_get_with(alone.db, &call, "select 12345, 'a text'", NULL,
                                       tn_into(&number, tn_textbuf(text, sizeof(text))), &err);
        cell_in_time(began, test_proxy_now(), QUICK_MS + 100);
        failed += status != TN_OK;
        if (status == TN_PROTOCOL || status == TN_LOST)
            assert_true(err.discarded);
        test_proxy_pass(stage.proxy);
        close_alone(&alone);
    }
    assert_true(failed > 0);
    cell_saw(cell, TN_OK, &err);
}

CELL(n8_query)
{
    cell_run(row, fault, NULL, n8_query_happens);
}

static void n8_stream_happens(struct cell *cell)
{
    tn_error err = TN_ERROR_INIT;
    tn_call call = TN_CALL_INIT;

    call.timeout_ms = QUICK_MS;
    for (uint64_t n = 1000; n < 60000; n += 9973) {
        struct alone alone = open_alone();
        test_proxy_corrupt(stage.proxy, PROXY_S2C, alone.base + n, 0xff);
        int64_t began = test_proxy_now();
        tn_rows *rows = tn_query_with(alone.db, &call, "select g from generate_series(1, 5000) g",
                                      NULL);
        int got = 0;
        while (tn_next(rows))
            got++;
        tn_status status = tn_close(rows, &err);
        cell_in_time(began, test_proxy_now(), QUICK_MS + 100);
        if (status == TN_OK)
            assert_int_equal(got, 5000);
        test_proxy_pass(stage.proxy);
        close_alone(&alone);
    }
    cell_saw(cell, TN_OK, &err);
}

CELL(n8_stream)
{
    cell_run(row, fault, NULL, n8_stream_happens);
}

/* The answer to the last write, or to COMMIT, is not what was sent. What is said is true. */
static void corrupt_in_tx(struct cell *cell, bool at_commit)
{
    tn_txn_options options = TN_TXN_OPTIONS_INIT;
    tn_error err = TN_ERROR_INIT;

    options.timeout_ms = 2 * QUICK_MS;
    for (uint64_t n = 0; n < 20; n++) {
        struct alone alone = open_alone();
        tn_db *tx;
        cell_expect_ok(tn_begin(alone.db, &options, &tx, &err), &err, "begin");
        tn_status status = tn_exec(tx, "insert into ledger values ($1)", tn_args(cell_new_id(cell)),
                                   NULL, &err);
        cell_expect_ok(status, &err, "the write");
        test_proxy_corrupt(stage.proxy, PROXY_S2C, test_proxy_seen(stage.proxy, PROXY_S2C) + n,
                           0xff);
        if (!at_commit && tn_exec(tx, "select 1", NULL, NULL, &err) != TN_OK) {
            tn_rollback(tx, NULL);
            status = TN_ABORTED;
        } else {
            status = tn_commit(tx, &err);
        }
        test_proxy_pass(stage.proxy);
        close_alone(&alone);
        assert_true(test_server_wait(
            stage.admin,
            "select count(*) from pg_stat_activity where usename = 'app' and state <> 'idle'", 0));
        int applied = cell_applied(cell->id);
        if (status == TN_OK)
            assert_int_equal(applied, 1);
        else if (status == TN_ABORTED || err.outcome == TN_OUTCOME_NOT_APPLIED)
            assert_int_equal(applied, 0);
        else
            assert_int_equal(err.outcome, TN_OUTCOME_IN_DOUBT);
    }
    cell_saw(cell, TN_OK, &err);
}

static void n8_tx_happens(struct cell *cell)
{
    corrupt_in_tx(cell, false);
}

CELL(n8_tx)
{
    cell_run(row, fault, NULL, n8_tx_happens);
}

static void n8_commit_happens(struct cell *cell)
{
    corrupt_in_tx(cell, true);
}

CELL(n8_commit)
{
    cell_run(row, fault, NULL, n8_commit_happens);
}
