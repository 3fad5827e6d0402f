/* SPDX-License-Identifier: MIT */
/*
 * COPY: many rows into a table. copy.c is the driver's bulk, copy_wire.c one COPY of it, copy_row.c
 * a row as COPY has it, copy_stage.c the detour by a temporary table, copy_place.c finds the row in
 * what the server says. (Out of the database rows come by SELECT, which is as fast.)
 */
#ifndef TENON_DRIVERS_POSTGRES_COPY_H
#define TENON_DRIVERS_POSTGRES_COPY_H

#include "postgres/pg.h"

typedef enum pg_copy_format {
    PG_COPY_UNDECIDED = 0, /* the first row tells */
    PG_COPY_BINARY,
    PG_COPY_TEXT /* some value has no binary form */
} pg_copy_format;

/* Rows are sent when there is so much of them. */
enum { PG_COPY_CHUNK = 64 * 1024 };

#define PG_COPY_STAGE "pg_temp.tn_bulk_stage"

struct tn_driver_bulk {
    tn_driver_conn *conn;
    tn_bulk_request own; /* what it points to is the host's until the bulk ends */
    tn__buf out;         /* rows that were not given to libpq yet */
    tn__buf scratch;     /* the text of a value; SQL */
    pg_copy_format format;
    bool running; /* a COPY is */
    bool staged;
    bool begun;      /* the first COPY was */
    bool merging;    /* failed there */
    bool begins;     /* BEGIN was sent and not answered */
    bool asks;       /* and the question for the transaction's number */
    uint64_t rows;   /* given */
    uint64_t before; /* of them: by COPYs that were ended */
    uint64_t failed_row;
    uint32_t failed_column;
    int64_t copied; /* counted by the server in COPYs that were ended */
};

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

/* What goes along with a command that writes, so that no round trip is made for it: ahead of it
 * BEGIN, where that is due; behind it the question for the transaction's number, which COMMIT need
 * not ask then. */
void pg_copy_put_begin(tn_driver_bulk *bulk, tn__buf *sql);
void pg_copy_put_question(tn_driver_bulk *bulk, tn__buf *sql);
/* Runs what stands in scratch. */
tn_status pg_copy_run(tn_driver_bulk *bulk, int64_t deadline_ns, int64_t *ret_count, tn_error *err);
/* Reads to the end of what was sent. *ret_count: what its last command counted. */
tn_status pg_copy_read_answer(tn_driver_bulk *bulk, int64_t deadline_ns, int64_t *ret_count,
                              tn_error *err);

tn_status pg_copy_begin(tn_driver_bulk *bulk, pg_copy_format format, int64_t deadline_ns,
                        tn_error *err);
/* What is in out goes to the server. If that has something to say, another COPY goes on behind it.
 */
tn_status pg_copy_send_chunk(tn_driver_bulk *bulk, int64_t deadline_ns, tn_error *err);
/* No COPY runs any more. */
tn_status pg_copy_end(tn_driver_bulk *bulk, int64_t deadline_ns, tn_error *err);

void pg_copy_put_columns(tn__buf *sql, const tn_str *columns, size_t n);
tn_status pg_copy_make_stage(tn_driver_bulk *bulk, int64_t deadline_ns, tn_error *err);
/* All rows from there into the table. */
tn_status pg_copy_merge(tn_driver_bulk *bulk, int64_t deadline_ns, int64_t *ret_rows,
                        tn_error *err);

extern const tn_bulk_ops pg_bulk_ops;

#endif
