/* SPDX-License-Identifier: MIT */
/* The cells of the N rows that no moment of support/cell.h plays by itself. */
#ifndef TENON_TEST_NETWORK_CELLS_H
#define TENON_TEST_NETWORK_CELLS_H

#include "support/cell.h"

#define CELL(name) void name(const struct row *row, const void *fault)

/* network_bytes.c: cut or changed at a chosen byte */
CELL(n6_connect);
CELL(n6_idle);
CELL(n6_query);
CELL(n6_stream);
CELL(n6_tx);
CELL(n6_commit);
CELL(n6_shutdown);
CELL(n7_connect);
CELL(n7_query);
CELL(n7_stream);
CELL(n7_tx);
CELL(n8_connect);
CELL(n8_query);
CELL(n8_stream);
CELL(n8_tx);
CELL(n8_commit);

/* network_pooler.c: PgBouncer */
CELL(n13_connect);
CELL(n13_idle);
CELL(n13_query);
CELL(n13_stream);
CELL(n13_tx);
CELL(n13_commit);
CELL(n14_connect);
CELL(n14_idle);
CELL(n14_query);
CELL(n14_stream);
CELL(n14_tx);
CELL(n14_commit);
CELL(n14_shutdown);
void network_pooler_tear_down(void);

#endif
