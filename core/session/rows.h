/* SPDX-License-Identifier: MIT */
/* The library's side of tn_rows. */
#ifndef TENON_SESSION_ROWS_H
#define TENON_SESSION_ROWS_H

#include <tenon/rows.h>

#include "session/run.h"

typedef struct tn__rows {
    tn_rows head; /* what the inline functions read; must be first */
    tn__run run;
    tn_status status;     /* the first error, and err when it is not TN_OK */
    bool done;            /* no batch comes any more */
    bool detached;        /* the rest is in memory, the connection is free */
    bool orphaned;        /* the connection went away with its transaction or session */
    bool borrowed_static; /* the object for "out of memory" */
    const tn_column *columns;
    int64_t affected;
    char tag[64];
    tn__arena scratch;
    struct tn__rows *next; /* of the connection's open rows */
    struct tn__rows *prev;
    tn_error err;
} tn__rows;

/* Reads what is left into memory. A failure is sticky in the rows and returned. */
tn_status tn__rows_detach(tn__rows *rows, size_t limit, int64_t deadline_ns, tn_error *err);

/* Before a connection is taken from them: all its open rows end with a sticky error. */
void tn__rows_orphan_all(tn__conn *conn);

void tn__rows_free_spare(tn__rows *rows);

/* Rows of a statement: tn_query_with() and tn_stmt_query(). */
tn_rows *tn__rows_open(tn_db *db, const tn_call *call, const tn__sql *sql, const tn_arglist *args);

#endif
