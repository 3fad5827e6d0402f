/* SPDX-License-Identifier: MIT */
/* The cells of the S rows that no moment of support/cell.h plays by itself. */
#ifndef TENON_TEST_SERVER_CELLS_H
#define TENON_TEST_SERVER_CELLS_H

#include "support/cell.h"

#define CELL(name) void name(const struct row *row, const void *fault)

/* server_full.c: what is used up, and who may not come in yet */
CELL(s6_idle);
CELL(s7_connect);
CELL(s7_idle);
CELL(s8_connect);
CELL(s8_shutdown);
CELL(s13_query);
CELL(s13_stream);
CELL(s13_tx);
CELL(s13_commit);
void server_full_tear_down(void);

/* server_answers.c: statements that the server ends */
void server_answers_set_up(void);
CELL(s1_connect);
CELL(s9_query);
CELL(s9_stream);
CELL(s9_tx);
CELL(s9_commit);
CELL(s10_query);
CELL(s10_tx);
CELL(s11_query);
CELL(s11_tx);
CELL(s11_commit);
CELL(s12_query);
CELL(s12_tx);
CELL(s12_commit);
CELL(s12_shutdown);
CELL(s16_idle);
CELL(s16_tx);
CELL(s17_idle);

/* server_standby.c: a second server */
CELL(s14_connect);
CELL(s14_query);
CELL(s14_tx);
CELL(s15_connect);
CELL(s15_idle);
CELL(s15_query);
CELL(s15_stream);
CELL(s15_tx);
CELL(s15_commit);
CELL(s15_shutdown);
void server_standby_tear_down(void);

#endif
