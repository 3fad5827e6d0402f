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
    bool borrowed_static; /* the object for "out of memory" */
    const tn_column *columns;
    int64_t affected;
    char tag[64];
    char missing[64]; /* the name that tn_col() did not find last */
    tn__arena scratch;
    tn_error err;
} tn__rows;

/* Rows that are nothing but this error. */
tn_rows *tn__rows_failed(const tn_error *err);

/* Rows of a statement: tn_query_with() and tn_stmt_query(). */
tn_rows *tn__rows_open(tn_db *db, const tn_call *call, const tn__sql *sql, const tn_arglist *args);

#endif
