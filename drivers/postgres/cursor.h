/* SPDX-License-Identifier: MIT */
/*
 * The inside of cursors: execute.c runs a statement, fetch.c hands over its rows, cursor.c is the
 * object and what libpq's results say of the answer, detach.c reads on ahead.
 */
#ifndef TENON_DRIVERS_POSTGRES_CURSOR_H
#define TENON_DRIVERS_POSTGRES_CURSOR_H

#include "postgres/pg.h"

/* One object a connection is used again. NULL: no memory. */
tn_driver_cursor *pg_cursor_take(tn_driver_stmt *stmt);
void pg_cursor_recycle(tn_driver_cursor *cursor);
/* What the last batch points into. */
void pg_cursor_release_held(tn_driver_cursor *cursor);
/* The rest of an answer that has failed: only that it ends is of interest. */
void pg_cursor_read_rest(tn_driver_cursor *cursor, int64_t deadline_ns);

#endif
