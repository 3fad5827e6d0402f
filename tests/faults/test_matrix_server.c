/* SPDX-License-Identifier: MIT */
/* The S rows of the matrix: the server ends, restarts, is full, refuses, takes over. */
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "server_cells.h"

/* ---- how the server breaks --------------------------------------------------------------------
 */

static void terminate_all(struct cell *cell)
{
    (void)cell;
    test_server_run(stage.admin, "select pg_terminate_backend(pid, 10000) from pg_stat_activity"
                                 " where usename = 'app'");
}

static void kill_one(struct cell *cell)
{
    int pid = cell->backend;
    if (!pid)
        pid = (int)test_server_number(stage.admin,
                                      "select pid from pg_stat_activity where usename = 'app'");
    assert_true(pid > 0);
    test_server_kill_backend(&stage.server, pid);
    stage_await_end();
}

/* Its backends end by themselves when they next look: ours is waited for, as it is quick. */
static void kill_first(struct cell *cell)
{
    test_server_kill_first(&stage.server);
    stage_await_end();
    for (int i = 0; cell->backend && kill(cell->backend, 0) == 0 && i < 1000; i++)
        poll(NULL, 0, 2);
}

static void restart(struct cell *cell)
{
    (void)cell;
    assert_true(test_server_stop(&stage.server, false));
    stage_await_end();
}

static void kill_all(struct cell *cell)
{
    (void)cell;
    test_server_kill_all(&stage.server);
    stage_await_end();
}

static void refuse(struct cell *cell)
{
    (void)cell;
    test_proxy_refuse(stage.proxy);
    test_proxy_break(stage.proxy, PROXY_RST);
}

static const struct fault terminated = {.strike = terminate_all};
static const struct fault backend_killed = {.strike = kill_one};
static const struct fault first_killed = {.strike = kill_first};
static const struct fault restarted = {.strike = restart};
static const struct fault crashed = {.strike = kill_all};
static const struct fault refused = {.strike = refuse};

static const struct automated table[] = {
    {"S1", "connect", s1_connect, NULL},
    {"S1", "idle in pool", at_idle, &terminated},
    {"S1", "in query", at_query, &terminated},
    {"S1", "streaming", at_stream, &terminated},
    {"S1", "in tx", at_tx, &terminated},
    {"S1", "COMMIT", at_commit, &terminated},
    {"S1", "shutdown", at_shutdown, &terminated},
    {"S2", "connect", at_connect, &backend_killed},
    {"S2", "idle in pool", at_idle, &backend_killed},
    {"S2", "in query", at_query, &backend_killed},
    {"S2", "streaming", at_stream, &backend_killed},
    {"S2", "in tx", at_tx, &backend_killed},
    {"S2", "COMMIT", at_commit, &backend_killed},
    {"S2", "shutdown", at_shutdown, &backend_killed},
    {"S3", "connect", at_connect, &first_killed},
    {"S3", "idle in pool", at_idle, &first_killed},
    {"S3", "in query", at_query, &first_killed},
    {"S3", "streaming", at_stream, &first_killed},
    {"S3", "in tx", at_tx, &first_killed},
    {"S3", "COMMIT", at_commit, &first_killed},
    {"S3", "shutdown", at_shutdown, &first_killed},
    {"S4", "connect", at_connect, &restarted},
    {"S4", "idle in pool", at_idle, &restarted},
    {"S4", "in query", at_query, &restarted},
    {"S4", "streaming", at_stream, &restarted},
    {"S4", "in tx", at_tx, &restarted},
    {"S4", "COMMIT", at_commit, &restarted},
    {"S4", "shutdown", at_shutdown, &restarted},
    {"S5", "connect", at_connect, &crashed},
    {"S5", "idle in pool", at_idle, &crashed},
    {"S5", "in query", at_query, &crashed},
    {"S5", "streaming", at_stream, &crashed},
    {"S5", "in tx", at_tx, &crashed},
    {"S5", "COMMIT", at_commit, &crashed},
    {"S5", "shutdown", at_shutdown, &crashed},
    {"S6", "connect", at_connect, &refused},
    {"S6", "idle in pool", s6_idle, &refused},
    {"S6", "shutdown", at_shutdown, &refused},
    {"S7", "connect", s7_connect, NULL},
    {"S7", "idle in pool", s7_idle, NULL},
    {"S8", "connect", s8_connect, NULL},
    {"S8", "shutdown", s8_shutdown, NULL},
    {"S9", "in query", s9_query, NULL},
    {"S9", "streaming", s9_stream, NULL},
    {"S9", "in tx", s9_tx, NULL},
    {"S9", "COMMIT", s9_commit, NULL},
    {"S10", "in query", s10_query, NULL},
    {"S10", "in tx", s10_tx, NULL},
    {"S11", "in query", s11_query, NULL},
    {"S11", "in tx", s11_tx, NULL},
    {"S11", "COMMIT", s11_commit, NULL},
    {"S12", "in query", s12_query, NULL},
    {"S12", "in tx", s12_tx, NULL},
    {"S12", "COMMIT", s12_commit, NULL},
    {"S12", "shutdown", s12_shutdown, NULL},
    {"S13", "in query", s13_query, NULL},
    {"S13", "streaming", s13_stream, NULL},
    {"S13", "in tx", s13_tx, NULL},
    {"S13", "COMMIT", s13_commit, NULL},
    {"S14", "connect", s14_connect, NULL},
    {"S14", "in query", s14_query, NULL},
    {"S14", "in tx", s14_tx, NULL},
    {"S15", "connect", s15_connect, NULL},
    {"S15", "idle in pool", s15_idle, NULL},
    {"S15", "in query", s15_query, NULL},
    {"S15", "streaming", s15_stream, NULL},
    {"S15", "in tx", s15_tx, NULL},
    {"S15", "COMMIT", s15_commit, NULL},
    {"S15", "shutdown", s15_shutdown, NULL},
    {"S16", "idle in pool", s16_idle, NULL},
    {"S16", "in tx", s16_tx, NULL},
    {"S17", "idle in pool", s17_idle, NULL},
};

static int set_up(void **state)
{
    static const char *const settings[] = {"deadlock_timeout=50ms",
                                           "max_connections=20",
                                           "wal_level=replica",
                                           "max_wal_senders=4",
                                           "client_connection_check_interval=100ms",
                                           NULL};
    (void)state;
    if (stage_set_up(settings) != 0)
        return -1;
    server_answers_set_up();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    server_standby_tear_down();
    server_full_tear_down();
    return stage_tear_down();
}

int main(int argc, char **argv)
{
    return matrix_run('S', table, sizeof(table) / sizeof(table[0]), set_up, tear_down,
                      stage_after_each, argc, argv);
}
