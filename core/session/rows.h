/* SPDX-License-Identifier: MIT */
/* The library's side of tn_rows. */
#ifndef TENON_SESSION_ROWS_H
#define TENON_SESSION_ROWS_H

#include <tenon/rows.h>

#include "session/run.h"

/* A block of rows that were read into memory. */
typedef struct tn__kept {
    struct tn__kept *next;
    uint32_t rows;
    tn_value values[];
} tn__kept;

typedef struct tn__rows {
    tn_rows head; /* what the inline functions read; must be first */
    tn__run run;
    tn_status status;     /* the first error, and err when it is not TN_OK */
    bool borrowed_static; /* the object for "out of memory" */
    const tn_column *columns;
    int64_t affected;
    char tag[64];
    char missing[64];                      /* the name that tn_col() did not find last */
    const tn__kept *kept;                  /* the next block, where all of them are in memory */
    void *owner;                           /* of that memory */
    void (*closed)(struct tn__rows *rows); /* takes the object back; NULL: the connection does */
    tn__arena scratch;
    tn_error err;
} tn__rows;

/* Rows that are nothing but this error. */
tn_rows *tn__rows_failed(const tn_error *err);

/* Rows that are in memory, as the fields say: kept, owner, closed, columns, affected, tag. The
 * object is *spare, which is NULL then, or a new one; NULL: no memory, and *ret can be handed out.
 */
tn__rows *tn__rows_in_memory(tn__rows **spare, tn_rows **ret);

/* Rows of a statement: tn_query_with() and tn_stmt_query(). */
tn_rows *tn__rows_open(tn_db *db, const tn_call *call, const tn__sql *sql, const tn_arglist *args);

#endif
