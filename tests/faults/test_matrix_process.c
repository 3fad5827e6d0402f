/* SPDX-License-Identifier: MIT */
/* The C rows of the matrix: the program's own process, and what it does to the library. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "process_cells.h"

static void reset_all(struct cell *cell)
{
    (void)cell;
    test_proxy_break(stage.proxy, PROXY_RST);
}

static void reset_greetings(struct cell *cell)
{
    (void)cell;
    test_proxy_limit(stage.proxy, PROXY_S2C, 20, PROXY_RST);
}

static void commit_never_sent(struct cell *cell)
{
    (void)cell;
    test_proxy_on(stage.proxy, PROXY_C2S, "commit", PROXY_BEFORE, PROXY_RST, 1, 1);
}

/* A peer that has closed raises SIGPIPE in whoever writes to it. */
static const struct fault reset = {.strike = reset_all};
static const struct fault greeting_reset = {.strike = reset_greetings};
static const struct fault commit_lost = {.arm = commit_never_sent};

#define QUIETLY(name, moment, what) \
    static CELL(name)               \
    {                               \
        (void)fault;                \
        handlers_before();          \
        moment(row, &what);         \
        handlers_after();           \
    }

QUIETLY(c7_connect, at_connect, greeting_reset)
QUIETLY(c7_idle, at_idle, reset)
QUIETLY(c7_query, at_query, reset)
QUIETLY(c7_stream, at_stream, reset)
QUIETLY(c7_tx, at_tx, reset)
QUIETLY(c7_commit, at_commit, commit_lost)
QUIETLY(c7_shutdown, at_shutdown, reset)

static const struct automated table[] = {
    {"C3", "connect", c3_connect, NULL},
    {"C3", "idle in pool", c3_idle, NULL},
    {"C3", "in query", c3_query, NULL},
    {"C3", "streaming", c3_stream, NULL},
    {"C3", "in tx", c3_tx, NULL},
    {"C3", "COMMIT", c3_tx, NULL},
    {"C3", "shutdown", c3_shutdown, NULL},
    {"C7", "connect", c7_connect, NULL},
    {"C7", "idle in pool", c7_idle, NULL},
    {"C7", "in query", c7_query, NULL},
    {"C7", "streaming", c7_stream, NULL},
    {"C7", "in tx", c7_tx, NULL},
    {"C7", "COMMIT", c7_commit, NULL},
    {"C7", "shutdown", c7_shutdown, NULL},
    {"C8", "connect", c8_connect, NULL},
    {"C8", "idle in pool", c8_idle, NULL},
    {"C8", "in query", c8_query, NULL},
    {"C8", "streaming", c8_stream, NULL},
    {"C8", "in tx", c8_tx, NULL},
    {"C8", "COMMIT", c8_commit, NULL},
    {"C8", "shutdown", c8_shutdown, NULL},
    {"C10", "in query", c10_query, NULL},
    {"C10", "streaming", c10_stream, NULL},
    {"C10", "in tx", c10_tx, NULL},
    {"C10", "shutdown", c10_shutdown, NULL},
    {"C11", "idle in pool", c11_idle, NULL},
    {"C11", "in query", c11_query, NULL},
    {"C11", "streaming", c11_stream, NULL},
    {"C11", "in tx", c11_tx, NULL},
    {"C11", "shutdown", c11_shutdown, NULL},
    {"C12", "idle in pool", c12_idle, NULL},
    {"C12", "in query", c12_query, NULL},
    {"C12", "streaming", c12_stream, NULL},
    {"C12", "in tx", c12_tx, NULL},
    {"C12", "COMMIT", c12_commit, NULL},
    {"C12", "shutdown", c12_shutdown, NULL},
    {"C14", "connect", c14_connect, NULL},
    {"C14", "idle in pool", c14_idle, NULL},
    {"C14", "in query", c14_query, NULL},
    {"C14", "streaming", c14_stream, NULL},
    {"C14", "in tx", c14_tx, NULL},
    {"C14", "COMMIT", c14_commit, NULL},
    {"C14", "shutdown", c14_shutdown, NULL},
    {"C15", "idle in pool", c15_idle, NULL},
    {"C15", "in query", c15_query, NULL},
    {"C15", "streaming", c15_stream, NULL},
    {"C15", "in tx", c15_tx, NULL},
    {"C15", "COMMIT", c15_commit, NULL},
    {"C15", "shutdown", c15_shutdown, NULL},
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
    return stage_tear_down();
}

static int after_each(void **state)
{
    process_restore();
    return stage_after_each(state);
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--misuse") == 0)
        return process_misuse(argv[2]);
    return matrix_run('C', table, sizeof(table) / sizeof(table[0]), set_up, tear_down, after_each,
                      argc, argv);
}
