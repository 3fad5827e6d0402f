/* SPDX-License-Identifier: MIT */
/* The cells of the C rows. */
#ifndef TENON_TEST_PROCESS_CELLS_H
#define TENON_TEST_PROCESS_CELLS_H

#include "support/cell.h"

#define CELL(name) void name(const struct row *row, const void *fault)

/* process_system.c: descriptors, signals, fork, clock */
CELL(c3_connect);
CELL(c3_idle);
CELL(c3_query);
CELL(c3_stream);
CELL(c3_tx);
CELL(c3_shutdown);
CELL(c8_connect);
CELL(c8_idle);
CELL(c8_query);
CELL(c8_stream);
CELL(c8_tx);
CELL(c8_commit);
CELL(c8_shutdown);
CELL(c14_connect);
CELL(c14_idle);
CELL(c14_query);
CELL(c14_stream);
CELL(c14_tx);
CELL(c14_commit);
CELL(c14_shutdown);
/* The program's own handlers of SIGPIPE and SIGCHLD: they stay, and are not called. */
void handlers_before(void);
void handlers_after(void);
/* Limits and clock as they were, whatever a cell did. */
void process_restore(void);

/* process_holders.c: who holds on, lets go badly, misuses, waits */
CELL(c10_query);
CELL(c10_stream);
CELL(c10_tx);
CELL(c10_shutdown);
CELL(c11_idle);
CELL(c11_query);
CELL(c11_stream);
CELL(c11_tx);
CELL(c11_shutdown);
CELL(c12_idle);
CELL(c12_query);
CELL(c12_stream);
CELL(c12_tx);
CELL(c12_commit);
int process_misuse(const char *url);
CELL(c12_shutdown);
CELL(c15_idle);
CELL(c15_query);
CELL(c15_stream);
CELL(c15_tx);
CELL(c15_commit);
CELL(c15_shutdown);

#endif
