/* SPDX-License-Identifier: MIT */
/* A bulk's insides: the transaction it is, the statement that says what a row is, the driver's
 * half.
 */
#ifndef TENON_SESSION_BULK_H
#define TENON_SESSION_BULK_H

#include <tenon/bulk.h>

#include "base/buf.h"
#include "session/handle.h"
#include "session/names.h"
#include "session/watch.h"

enum { TN__BULK_LOOK_ROWS = 256 };

struct tn_bulk {
    tn_db *tx;              /* NULL: it has ended */
    tn__cached *insert;     /* INSERT INTO table (columns) VALUES ($1, ...) */
    tn_driver_bulk *driver; /* NULL: the insert is executed once a row */
    const tn_param *params;
    tn_value *values; /* of one row */
    tn__namelist columns, keys;
    tn_str table, conflict;
    int64_t deadline_ns;
    int64_t rows;    /* given */
    int64_t written; /* by the insert */
    int64_t bytes;   /* only where somebody looks at the progress */
    int64_t look;    /* at the row of this number the clock and the progress are looked at */
    int64_t next_report;
    tn_bulk_options options;
    tn__watch watch;
    tn__arena arena;    /* names and what is as long-lived */
    tn__arena one_row;  /* what binding needs */
    bool insert_is_old; /* its description may be older than the table */
    tn_status status;   /* the first error; err is filled then */
    tn_error err;
};

/* bulk_row.c: what is not asked for at every row: the clock, who cancels, who looks on. */
tn_status tn__bulk_look_up(tn_bulk *bulk);

/* It has failed, as its err says: rolled back, and the status. row: the one that it must be of if
 * the driver does not know better; 0: none. */
tn_status tn__bulk_fail(tn_bulk *bulk, uint64_t row);

/* bulk_sql.c: reads the names and writes the INSERT, whose memory is the arena's. */
tn_status tn__bulk_write_sql(tn_bulk *bulk, const char *table, const char *columns,
                             tn_str *ret_insert, tn_error *err);

/* Prepares a statement in the bulk's transaction; fresh: one that is known already is forgotten, it
 * may be older than the table. The reference is given back with tn__cache_release(). */
tn_status tn__bulk_prepare(tn_bulk *bulk, tn_str sql, bool fresh, tn__cached **ret, tn_error *err);

/* "a", "b": for SQL text. */
void tn__bulk_put_names(tn__buf *sql, const tn__namelist *names);

/* bulk_error.c: makes of an error of a value, or of the database, one of a row. where: what the
 * driver knows of it. */
void tn__bulk_name_row(const tn_bulk *bulk, const tn_bulk_info *where, tn_error *err);

/* Its transaction ends while it is open: it is taken off the connection. NULL is fine. */
void tn__bulk_cut(tn_bulk *bulk);

/* The same as tn_bulk_open(); fresh: what the statement cache knows of the table does not count. */
tn_status tn__bulk_open(tn_db *db, const tn_bulk_options *options, const char *table,
                        const char *columns, bool fresh, tn_bulk **ret, tn_error *err);

#endif
