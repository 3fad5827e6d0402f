/* SPDX-License-Identifier: MIT */
/* The cells of the Q rows. */
#ifndef TENON_TEST_SQLITE_CELLS_H
#define TENON_TEST_SQLITE_CELLS_H

#include "matrix.h"

#define CELL(name) void name(const struct row *row, const void *fault)

/* sqlite_locks.c: another process writes; files that are not what they should be; a full disk */
CELL(q1_connect);
CELL(q1_idle);
CELL(q1_query);
CELL(q1_stream);
CELL(q1_tx);
CELL(q1_shutdown);
CELL(q2_idle);
CELL(q2_query);
CELL(q2_stream);
CELL(q2_tx);
CELL(q2_shutdown);
CELL(q3_connect);
CELL(q3_query);
CELL(q3_stream);
CELL(q3_tx);
int sqlite_hold(const char *name);

/* sqlite_writes.c: each write of a child fails, or ends it */
CELL(q2_connect);
CELL(q2_commit);
CELL(q4_query);
CELL(q4_tx);
CELL(q4_commit);
int sqlite_child(const char *what, const char *path);
void sqlite_program(const char *path);

/* A folder, empty at first: sqlite_path() is a file in it. */
int sqlite_set_up(void **state);
int sqlite_tear_down(void **state);
int sqlite_after_each(void **state);
const char *sqlite_path(void);
/* The database anew, with the table t (a integer primary key) of no row. */
void sqlite_fresh(void);
/* A client on the file; parameters like "busy_timeout=200". */
tn_db *sqlite_open_client(const char *parameters, tn_error *err);
/* By SQLite itself: how many rows t has; fails when the file is not sound. */
int sqlite_rows(void);

#endif
