/* SPDX-License-Identifier: MIT */
/* The Q rows of the matrix: a file database, its locks, its disk and its writes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "sqlite_cells.h"

static const struct automated table[] = {
    {"Q1", "connect", q1_connect, NULL},   {"Q1", "idle in pool", q1_idle, NULL},
    {"Q1", "in query", q1_query, NULL},    {"Q1", "streaming", q1_stream, NULL},
    {"Q1", "in tx", q1_tx, NULL},          {"Q1", "shutdown", q1_shutdown, NULL},
    {"Q2", "connect", q2_connect, NULL},   {"Q2", "idle in pool", q2_idle, NULL},
    {"Q2", "in query", q2_query, NULL},    {"Q2", "streaming", q2_stream, NULL},
    {"Q2", "in tx", q2_tx, NULL},          {"Q2", "COMMIT", q2_commit, NULL},
    {"Q2", "shutdown", q2_shutdown, NULL}, {"Q3", "connect", q3_connect, NULL},
    {"Q3", "in query", q3_query, NULL},    {"Q3", "streaming", q3_stream, NULL},
    {"Q3", "in tx", q3_tx, NULL},          {"Q4", "in query", q4_query, NULL},
    {"Q4", "in tx", q4_tx, NULL},          {"Q4", "COMMIT", q4_commit, NULL},
};

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "--child") == 0)
        return sqlite_child(argv[2], argv[3]);
    sqlite_program(argv[0]);
    return matrix_run('Q', table, sizeof(table) / sizeof(table[0]), sqlite_set_up, sqlite_tear_down,
                      sqlite_after_each, argc, argv);
}
