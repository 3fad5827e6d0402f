/* SPDX-License-Identifier: MIT */
/* The N rows of the matrix: what lies between the client and the server. */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "network_cells.h"

static void reset_all(struct cell *cell)
{
    (void)cell;
    test_proxy_break(stage.proxy, PROXY_RST);
}

static void end_all(struct cell *cell)
{
    (void)cell;
    test_proxy_break(stage.proxy, PROXY_FIN);
}

static void hold_all(struct cell *cell)
{
    (void)cell;
    test_proxy_hold(stage.proxy);
}

/* Connecting: a reset, an end, within the greeting. */
static void reset_greetings(struct cell *cell)
{
    (void)cell;
    test_proxy_limit(stage.proxy, PROXY_S2C, 20, PROXY_RST);
}

static void end_greetings(struct cell *cell)
{
    (void)cell;
    test_proxy_limit(stage.proxy, PROXY_S2C, 20, PROXY_FIN);
}

static void mute(struct cell *cell)
{
    (void)cell;
    test_proxy_mute(stage.proxy);
    test_proxy_break(stage.proxy, PROXY_RST);
}

static const struct fault reset = {.strike = reset_all};
static const struct fault ended = {.strike = end_all};
static const struct fault greeting_reset = {.strike = reset_greetings};
static const struct fault greeting_ended = {.strike = end_greetings};
static const struct fault muted = {.strike = mute, .by_deadline = true};
static const struct fault silence = {.strike = hold_all, .timeout_ms = 700, .by_deadline = true};

/* ---- around COMMIT ----------------------------------------------------------------------------
 */

static void commit_never_sent(struct cell *cell)
{
    (void)cell;
    test_proxy_on(stage.proxy, PROXY_C2S, "commit", PROXY_BEFORE, PROXY_RST, 1, 1);
}

static void tag_cut_off(struct cell *cell)
{
    (void)cell;
    test_proxy_on(stage.proxy, PROXY_S2C, "COMMIT", PROXY_BEFORE, PROXY_FIN, 1, 1);
}

static void answer_lost(struct cell *cell)
{
    (void)cell;
    test_proxy_on(stage.proxy, PROXY_C2S, "commit", PROXY_AFTER, PROXY_RST, 1, 1);
}

static const struct fault commit_lost = {.arm = commit_never_sent};
static const struct fault commit_cut = {.arm = tag_cut_off};
static const struct fault commit_answer_lost = {.arm = answer_lost};

/* ---- N3: an autocommit write ------------------------------------------------------------------
 */

static void n3_query_happens(struct cell *cell)
{
    tn_error err = TN_ERROR_INIT;
    test_proxy_on(stage.proxy, PROXY_S2C, "INSERT 0 1", PROXY_BEFORE, PROXY_RST, 1, 1);
    tn_status status = tn_exec(cell->db, "insert into ledger values ($1)",
                               tn_args(cell_new_id(cell)), NULL, &err);
    cell_saw(cell, status, &err);
    cell->judge_fate = true;
}

static CELL(n3_query)
{
    cell_run(row, fault, NULL, n3_query_happens);
}

/* ---- N4: silence ------------------------------------------------------------------------------
 */

enum { PING_MS = 5000 }; /* of core/pool: how long a connection is asked */

/* Only the connections that are there fall silent. One that has lain for a while is asked before it
 * is used: the borrower gets another in time. */
static void n4_idle_happens(struct cell *cell)
{
    tn_error err = TN_ERROR_INIT;
    int32_t n = 0;

    poll(NULL, 0, 1100); /* a connection that was used within a second is not asked */
    test_proxy_break(stage.proxy, PROXY_HOLD);
    int64_t began = test_proxy_now();
    tn_status status = tn_get(cell->db, "select 1", NULL, tn_into(&n), &err);
    cell_saw(cell, status, &err);
    cell_in_time(began, cell->ended_ms, PING_MS);
    test_proxy_pass(stage.proxy);
    cell->judge_fate = true;
}

static CELL(n4_idle)
{
    static const char *const patient[] = {"pool_timeout=9000", NULL};
    cell_run(row, fault, patient, n4_idle_happens);
}

/* COMMIT was sent, and then nothing is heard of anybody: not even a second connection can tell.
 * When the network is whole again, the outcome can be asked for. */
static void n4_commit_happens(struct cell *cell)
{
    enum { DEADLINE_MS = 1000 };
    tn_error err = TN_ERROR_INIT, why = TN_ERROR_INIT;
    tn_txn_options options = TN_TXN_OPTIONS_INIT;
    tn_outcome outcome = TN_OUTCOME_NONE;
    tn_db *tx;

    options.timeout_ms = DEADLINE_MS;
    cell_expect_ok(tn_begin(cell->db, &options, &tx, &err), &err, "begin");
    tn_status status = tn_exec(tx, "insert into ledger values ($1)", tn_args(cell_new_id(cell)),
                               NULL, &err);
    cell_expect_ok(status, &err, "the write");
    test_proxy_on(stage.proxy, PROXY_C2S, "commit", PROXY_AFTER, PROXY_HOLD, 1, 1);
    test_proxy_mute(stage.proxy);
    cell->struck_ms = test_proxy_now();
    status = tn_commit(tx, &err);
    cell_saw(cell, status, &err);
    cell_in_time(cell->struck_ms, cell->ended_ms, DEADLINE_MS);
    test_proxy_pass(stage.proxy);
    test_proxy_break(stage.proxy, PROXY_RST); /* also those that were accepted in silence */
    assert_true(cell->err.transaction[0] != '\0');
    cell_expect_ok(tn_commit_outcome(cell->db, cell->err.transaction, 3000, &outcome, &why), &why,
                   "asking for the outcome");
    assert_int_equal(outcome, TN_OUTCOME_APPLIED);
    cell->judge_fate = true;
}

static CELL(n4_commit)
{
    cell_run(row, fault, NULL, n4_commit_happens);
}

/* ---- N5 ---------------------------------------------------------------------------------------
 */

static void n5_shutdown_happens(struct cell *cell)
{
    tn_error err = TN_ERROR_INIT;
    mute(cell);
    job_start(&cell->jobs[0], cell->db, "select 1", 0);
    poll(NULL, 0, 100); /* in the middle of connecting, as a rule */
    int64_t began = test_proxy_now();
    tn_status status = tn_db_shutdown(cell->db, 5000, &err);
    cell_saw(cell, status, &err);
    cell->db = NULL;
    cell_in_time(began, cell->ended_ms, 1000);
    job_join(&cell->jobs[0]);
    assert_int_not_equal(cell->jobs[0].status, TN_OK);
    test_proxy_break(stage.proxy, PROXY_RST);
}

static CELL(n5_shutdown)
{
    cell_run(row, fault, NULL, n5_shutdown_happens);
}

/* ---- N12: refused by name or password ---------------------------------------------------------
 */

static void n12_connect_happens(struct cell *cell)
{
    static const struct {
        const char *who, *database, *sqlstate;
    } wrong[] = {
        {"app:wrong", "app", "28P01"},
        {"app:" CELL_PASSWORD, "nowhere", "3D000"},
        {"nobody:" CELL_PASSWORD, "app", "28P01"},
    };
    static const char *const retries[] = {"connect_retries=3", NULL};
    tn_error err = TN_ERROR_INIT;
    char url[256];

    for (size_t i = sizeof(wrong) / sizeof(wrong[0]); i-- > 0;) {
        int64_t since = test_proxy_now() + 1;
        while (test_proxy_now() < since)
            poll(NULL, 0, 1);
        snprintf(url, sizeof(url), "postgresql://%s@127.0.0.1:%d/%s", wrong[i].who,
                 test_proxy_port(stage.proxy), wrong[i].database);
        assert_null(stage_open(url, retries, &err));
        cell_saw(cell, err.status, &err);
        assert_int_equal(err.status, TN_AUTH);
        assert_string_equal(err.sqlstate, wrong[i].sqlstate);
        assert_int_equal(test_proxy_accepted_since(stage.proxy, since), 1);
    }
}

static CELL(n12_connect)
{
    cell_run(row, fault, NULL, n12_connect_happens);
}

/* The password was changed: no use in waiting, and the new one is taken without a restart. */
static void n12_idle_happens(struct cell *cell)
{
    tn_error err = TN_ERROR_INIT;
    char url[256];
    int32_t n;

    test_server_run(stage.admin, "alter role app password 'another-one'");
    test_proxy_break(stage.proxy, PROXY_RST);
    poll(NULL, 0, 5);
    int64_t began = test_proxy_now();
    tn_status status = tn_get(cell->db, "select 1", NULL, tn_into(&n), &err);
    cell_saw(cell, status, &err);
    cell_in_time(began, cell->ended_ms, 500);

    snprintf(url, sizeof(url), "postgresql://app:another-one@127.0.0.1:%d/app",
             test_proxy_port(stage.proxy));
    tn_config *config = tn_config_from_url(url, &err);
    assert_non_null(config);
    cell_expect_ok(tn_reload(cell->db, config, &err), &err, "reload");
    tn_config_free(config);
    cell_expect_ok(tn_get(cell->db, "select 1", NULL, tn_into(&n), &err), &err, "after reload");
    cell->judge_fate = true;
}

static CELL(n12_idle)
{
    cell_run(row, fault, NULL, n12_idle_happens);
}

static int after_each(void **state)
{
    stage_after_each(state);
    test_server_run(stage.admin, "alter role app password '" CELL_PASSWORD "'");
    return 0;
}

static const struct automated table[] = {
    {"N1", "connect", at_connect, &greeting_reset},
    {"N1", "idle in pool", at_idle, &reset},
    {"N1", "in query", at_query, &reset},
    {"N1", "streaming", at_stream, &reset},
    {"N1", "in tx", at_tx, &reset},
    {"N1", "COMMIT", at_commit, &commit_lost},
    {"N1", "shutdown", at_shutdown, &reset},
    {"N2", "connect", at_connect, &greeting_ended},
    {"N2", "idle in pool", at_idle, &ended},
    {"N2", "in query", at_query, &ended},
    {"N2", "streaming", at_stream, &ended},
    {"N2", "in tx", at_tx, &ended},
    {"N2", "COMMIT", at_commit, &commit_cut},
    {"N2", "shutdown", at_shutdown, &ended},
    {"N3", "in query", n3_query, NULL},
    {"N3", "COMMIT", at_commit, &commit_answer_lost},
    {"N4", "connect", at_connect, &silence},
    {"N4", "idle in pool", n4_idle, NULL},
    {"N4", "in query", at_query, &silence},
    {"N4", "streaming", at_stream, &silence},
    {"N4", "in tx", at_tx, &silence},
    {"N4", "COMMIT", n4_commit, NULL},
    {"N4", "shutdown", at_shutdown, &silence},
    {"N5", "connect", at_connect, &muted},
    {"N5", "shutdown", n5_shutdown, NULL},
    {"N6", "connect", n6_connect, NULL},
    {"N6", "idle in pool", n6_idle, NULL},
    {"N6", "in query", n6_query, NULL},
    {"N6", "streaming", n6_stream, NULL},
    {"N6", "in tx", n6_tx, NULL},
    {"N6", "COMMIT", n6_commit, NULL},
    {"N6", "shutdown", n6_shutdown, NULL},
    {"N7", "connect", n7_connect, NULL},
    {"N7", "in query", n7_query, NULL},
    {"N7", "streaming", n7_stream, NULL},
    {"N7", "in tx", n7_tx, NULL},
    {"N7", "COMMIT", at_commit, &commit_cut},
    {"N8", "connect", n8_connect, NULL},
    {"N8", "in query", n8_query, NULL},
    {"N8", "streaming", n8_stream, NULL},
    {"N8", "in tx", n8_tx, NULL},
    {"N8", "COMMIT", n8_commit, NULL},
    {"N12", "connect", n12_connect, NULL},
    {"N12", "idle in pool", n12_idle, NULL},
    {"N13", "connect", n13_connect, NULL},
    {"N13", "idle in pool", n13_idle, NULL},
    {"N13", "in query", n13_query, NULL},
    {"N13", "streaming", n13_stream, NULL},
    {"N13", "in tx", n13_tx, NULL},
    {"N13", "COMMIT", n13_commit, NULL},
    {"N14", "connect", n14_connect, NULL},
    {"N14", "idle in pool", n14_idle, NULL},
    {"N14", "in query", n14_query, NULL},
    {"N14", "streaming", n14_stream, NULL},
    {"N14", "in tx", n14_tx, NULL},
    {"N14", "COMMIT", n14_commit, NULL},
    {"N14", "shutdown", n14_shutdown, NULL},
};

static int set_up(void **state)
{
    static const char *const settings[] = {"client_connection_check_interval=100ms", NULL};
    (void)state;
    return stage_set_up(settings);
}

static int tear_down(void **state)
{
    (void)state;
    network_pooler_tear_down();
    return stage_tear_down();
}

int main(int argc, char **argv)
{
    return matrix_run('N', table, sizeof(table) / sizeof(table[0]), set_up, tear_down, after_each,
                      argc, argv);
}
