/* SPDX-License-Identifier: MIT */
/*
 * COPY: many rows into a table (copy.c, copy_row.c), the rows of a query out of the database
 * (copy_out.c).
 */
#ifndef TENON_DRIVERS_POSTGRES_COPY_H
#define TENON_DRIVERS_POSTGRES_COPY_H

#include "postgres/pg.h"

typedef enum pg_copy_format {
    PG_COPY_UNDECIDED = 0, /* the first row tells */
    PG_COPY_BINARY,
    PG_COPY_TEXT /* some value has no binary form */
} pg_copy_format;

/* A row was added to out, or why it was not; then out is as it was. */
typedef enum pg_copied {
    PG_COPIED = 0,
    PG_COPY_NEEDS_TEXT, /* only in binary */
    PG_COPY_RANGE,      /* the value of *ret_column does not fit its type */
    PG_COPY_NUL,        /* a text with a NUL byte */
    PG_COPY_TOO_LONG    /* or no memory */
} pg_copied;

/* Pure: one row as COPY has it. *ret_column counts from 0. scratch is for texts of values. */
pg_copied pg_copy_row_binary(const pg_type *types, const tn_value *values, size_t n, tn__buf *out,
                             size_t *ret_column);
pg_copied pg_copy_row_text(const tn_value *values, size_t n, tn__buf *scratch, tn__buf *out,
                           size_t *ret_column);

/* What stands before and behind all rows in binary. */
void pg_copy_begin_binary(tn__buf *out);
void pg_copy_end_binary(tn__buf *out);

/* Pure: the row, and the column where it is told, that the server's context speaks of: "COPY t,
 * line 3, column a", in whatever language. Names are quoted. false: it speaks of none. */
bool pg_copy_place(const char *context, tn_str table, const tn_str *columns, size_t n_columns,
                   uint64_t *ret_row, uint32_t *ret_column);

extern const tn_bulk_ops pg_bulk_ops;

#endif
