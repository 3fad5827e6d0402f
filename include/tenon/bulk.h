/* SPDX-License-Identifier: MIT */
/*
 * Many rows into a table, by the fastest way the database has (PostgreSQL: COPY in binary, SQLite:
 * one prepared statement in one transaction), all or nothing.
 *
 *   tn_bulk *bulk;
 *   if (tn_bulk_open(db, NULL, "users", "id, email, born", &bulk, &err) != TN_OK) ...
 *   for (...)
 *       tn_bulk_row(bulk, tn_args(id, email, born));
 *   if (tn_bulk_finish(bulk, &inserted, &err) != TN_OK) ...      nothing was written
 *
 * Errors are sticky: after the first one tn_bulk_row() does nothing, and tn_bulk_finish() tells it.
 * It names the row (err.row, counted from 1, and in the text: row 17, column "age": ...) wherever
 * the database says which one it was; a constraint that is only looked at when all rows are there
 * (a foreign key, anything with TN_CONFLICT_IGNORE and TN_CONFLICT_UPDATE on PostgreSQL) is told
 * without.
 *
 * A bulk is a transaction of its own: on a client with a connection of its own, committed by
 * tn_bulk_finish(); within a transaction it is a savepoint, so that a bulk that failed leaves the
 * transaction as it was. While it is open the handle it was opened on answers TN_MISUSE.
 *
 * Values are checked and converted as arguments of a statement are (query.h), against the types of
 * the columns and before anything is sent. Texts are taken for every type and read as the database
 * reads them.
 *
 * tn_bulk_read() is the way back: the rows of a table, as they come.
 *
 * Names: as in SQL. Without quotes letters become small ones, "Quoted" ones stay as they are;
 * nothing else than a name is taken, so they need not be trusted. The table may have a schema.
 *
 * Thread rule: a bulk is used by one thread at a time.
 */
#ifndef TENON_BULK_H
#define TENON_BULK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tenon/args.h>
#include <tenon/db.h>
#include <tenon/error.h>
#include <tenon/export.h>
#include <tenon/rows.h>

typedef struct tn_bulk tn_bulk;

/* What becomes of a row whose key is in the table already. */
typedef enum tn_conflict {
    TN_CONFLICT_FAIL = 0, /* TN_CONSTRAINT, and nothing is written */
    TN_CONFLICT_IGNORE,   /* the row is left out; of several with one key the first counts */
    TN_CONFLICT_UPDATE    /* it replaces the values of the other columns; the last counts */
} tn_conflict;

/* How far it is. */
typedef struct tn_bulk_progress {
    int64_t rows;  /* given so far */
    int64_t bytes; /* of their values: the length of texts and bytes, eight for everything else */
} tn_bulk_progress;

/* Told every so many rows. false ends it: the row is TN_CANCELLED, 57014. */
typedef bool tn_bulk_progress_fn(void *arg, const tn_bulk_progress *progress);

/* Settings. TN_BULK_OPTIONS_INIT gives the defaults; fields are only added at the end. */
typedef struct tn_bulk_options {
    size_t size;
    int64_t timeout_ms; /* for the whole of it, with the wait for a connection; 0: the handle's for
                           a call, -1: none */
    tn_conflict conflict;
    const char *key; /* the columns that tell rows apart, "id" or "a, b": those of a unique
                        constraint. Needed for TN_CONFLICT_UPDATE, optional for _IGNORE (NULL: any
                        constraint) */
    tn_bulk_progress_fn *progress; /* NULL: none */
    void *progress_arg;
    uint32_t progress_rows; /* how often; 0: every 10000 rows */
} tn_bulk_options;
/* clang-format off */
#define TN_BULK_OPTIONS_INIT {sizeof(tn_bulk_options), 0, TN_CONFLICT_FAIL, NULL, NULL, NULL, 0}
/* clang-format on */

/* Settings of reading. TN_BULK_READ_OPTIONS_INIT gives the defaults; fields are only added at the
 * end. */
typedef struct tn_bulk_read_options {
    size_t size;
    int64_t timeout_ms; /* for all of it, until the last row is read, with the wait for a
                           connection; 0: the handle's for a call, -1: none */
    const char *order;  /* the columns that rows are sorted by, "id" or "a, b", ascending; NULL: the
                           rows come as they stand, which is faster */
} tn_bulk_read_options;
/* clang-format off */
#define TN_BULK_READ_OPTIONS_INIT {sizeof(tn_bulk_read_options), 0, NULL}
/* clang-format on */

TN_BEGIN_DECLS

/*
 * Begins. columns: "a, b, c", in the order of the values to come, at most 1600; NULL: all that the
 * table has, in its order. options may be NULL. The texts are not needed after the call.
 * TN_SYNTAX: no such table or column (42P01, 42703), or not a name (42602). TN_MISUSE: options that
 * do not go together.
 */
TN_API TN_NODISCARD tn_status tn_bulk_open(tn_db *db, const tn_bulk_options *options,
                                           const char *table, const char *columns, tn_bulk **ret,
                                           tn_error *err);

/* One row: as many values as there are columns. Nothing of it is kept after the call, and nothing
 * is allocated. The status is that of tn_bulk_finish() and need not be looked at; a loop that reads
 * a long file does, to stop early. */
TN_API tn_status tn_bulk_row(tn_bulk *bulk, const tn_arglist *args);

/* The first error so far, without ending it; err may be NULL. */
TN_API tn_status tn_bulk_status(const tn_bulk *bulk, tn_error *err);

/*
 * Ends it: the rows are there when TN_OK is returned, and none of them otherwise. *ret_rows (may be
 * NULL): rows that were inserted or updated. The handle is gone whatever is returned.
 */
TN_API TN_NODISCARD tn_status tn_bulk_finish(tn_bulk *bulk, int64_t *ret_rows, tn_error *err);

/* Ends it without a trace. NULL is fine. */
TN_API void tn_bulk_abandon(tn_bulk *bulk);

/*
 * The same for rows that are at hand: values is row after row, n_columns each, n_rows of them,
 * built by the tn_arg_ functions:
 *
 *   tn_arg values[] = {tn_arg_int64(1), tn_arg_text("ann"), tn_arg_int64(2), tn_arg_text("bob")};
 *   tn_insert_many(db, NULL, "users", "id, name", values, 2, 2, &inserted, &err);
 *
 * No rows are fine. ret_rows may be NULL.
 */
TN_API TN_NODISCARD tn_status tn_insert_many(tn_db *db, const tn_bulk_options *options,
                                             const char *table, const char *columns,
                                             const tn_arg *values, size_t n_columns, size_t n_rows,
                                             int64_t *ret_rows, tn_error *err);

/*
 * Reads a table, or a view, from its first row to its last, all as it was at one moment:
 *
 *   tn_rows *rows;
 *   if (tn_bulk_read(db, NULL, "users", "id, email", &rows, &err) != TN_OK) ...
 *   while (tn_next(rows))
 *       tn_scan(rows, &id, &email);
 *   if (tn_close(rows, &err) != TN_OK) ...           some rows are missing
 *
 * columns as in tn_bulk_open(); NULL: all that there are. options may be NULL. *ret are ordinary
 * rows (rows.h), to be closed, of the types that the columns have; on failure it is NULL. They are
 * streamed: memory stays bounded whatever the size of the table, and until they are closed they
 * hold their connection, on a session or transaction as any rows do. How far it is, the loop knows;
 * who has enough closes them.
 *
 * It is a SELECT whose names need not be trusted. COPY TO STDOUT would bring PostgreSQL's rows no
 * sooner: in binary it sends the same bytes a row, costs the server no less, and knows neither
 * types nor views. So for the rows of a query tn_query() is what is fast.
 *
 * TN_SYNTAX: as tn_bulk_open(); else any class that a query has.
 */
TN_API TN_NODISCARD tn_status tn_bulk_read(tn_db *db, const tn_bulk_read_options *options,
                                           const char *table, const char *columns, tn_rows **ret,
                                           tn_error *err);

TN_END_DECLS

#endif
