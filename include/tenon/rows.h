/* SPDX-License-Identifier: MIT */
/*
 * Rows: the answer of a query, read one row at a time.
 *
 *   tn_rows *rows = tn_query(db, "select id, email from users", NULL);
 *   while (tn_next(rows)) {
 *       tn_uuid id;
 *       tn_str email;
 *       tn_scan(rows, &id, &email);
 *   }
 *   if (tn_close(rows, &err) != TN_OK) ...
 *
 * Errors are sticky: the first one (of the query, of the network, of a tn_scan() whose type does
 * not fit) ends the loop and comes out of tn_close(). Views are valid until the next tn_next() or
 * tn_close(). Rows hold a connection until they are closed; on a transaction or session other
 * statements may run in between (the rest of the rows is then read into memory, at most
 * DB_ROW_BUFFER bytes).
 *
 * Thread rule: one thread at a time.
 */
#ifndef TENON_ROWS_H
#define TENON_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tenon/args.h>
#include <tenon/error.h>
#include <tenon/export.h>
#include <tenon/types.h>

/* The head of the rows object, public so that reading is inline. Read only; more follows it. */
typedef struct tn_rows {
    const tn_value *row; /* the values of the row that stands now, NULL before and after */
    uint32_t columns;
    uint32_t left; /* rows that stand ready behind this one */
} tn_rows;

TN_BEGIN_DECLS

/* Slow path of tn_next(): asks the driver for more. */
TN_API bool tn__rows_more(tn_rows *rows);

/* Moves to the next row; false at the end or after an error. */
static inline bool tn_next(tn_rows *rows)
{
    if (TN_LIKELY(rows->left > 0)) {
        rows->left--;
        rows->row += rows->columns;
        return true;
    }
    return tn__rows_more(rows);
}

/* Ends the query if rows are left, frees everything, and returns the first error there was. In a
 * transaction rows that are left are read to their end, for at most a second; what is then still
 * coming is cut off, which fails the transaction: TN_ABORTED. NULL is fine. */
TN_API tn_status tn_close(tn_rows *rows, tn_error *err);

/* The first error so far, without closing. */
TN_API tn_status tn_rows_status(const tn_rows *rows);

/* The columns, known before the first tn_next() (count 0 after an error, and for statements that
 * give no rows). NULL out of range. */
static inline size_t tn_rows_columns(const tn_rows *rows)
{
    return rows->columns;
}
TN_API const tn_column *tn_rows_column(const tn_rows *rows, size_t index);

/* The index of a column by name (exact; the first of that name), or -1, which every reader below
 * takes and turns into a sticky TN_DATA (42703) that names what is there. */
TN_API int tn_col(tn_rows *rows, const char *name);

/* After the last row: rows inserted, updated, deleted (or selected), -1 if the statement counts
 * none; and the command's tag, such as "INSERT 0 1" ("" if unknown, borrowed). */
TN_API int64_t tn_rows_affected(const tn_rows *rows);
TN_API const char *tn_rows_tag(const tn_rows *rows);

/* The raw value, NULL out of range or without a row. */
static inline const tn_value *tn_row_value(const tn_rows *rows, size_t index)
{
    return rows->row && index < rows->columns ? &rows->row[index] : NULL;
}

/* Writes the columns in order into the targets; their number must be that of the columns. On
 * failure nothing more is written, the error is sticky, and its status is returned. */
TN_API tn_status tn_scan_into(tn_rows *rows, const tn_intolist *into);
#define tn_scan(rows, ...) tn_scan_into((rows), tn_targets(__VA_ARGS__))

/* One column, by index or tn_col(rows, "name"): tn_read(rows, 0, &id). */
TN_API tn_status tn_read_into(tn_rows *rows, int index, const tn_intolist *into);
#define tn_read(rows, index, target) tn_read_into((rows), (index), tn_targets(target))

/*
 * One column as a value. Conversions are those of tn_scan(): a value that is NULL, does not fit or
 * is of another type gives 0 (empty, false) and a sticky error that names the column. index may be
 * tn_col(rows, "name").
 */
TN_API bool tn_row_is_null(tn_rows *rows, int index);
TN_API bool tn_row_bool(tn_rows *rows, int index);
TN_API int32_t tn_row_int32(tn_rows *rows, int index);
TN_API int64_t tn_row_int64(tn_rows *rows, int index);
TN_API double tn_row_double(tn_rows *rows, int index);
TN_API tn_str tn_row_str(tn_rows *rows, int index);
TN_API tn_bytes tn_row_bytes(tn_rows *rows, int index);
TN_API tn_numeric tn_row_numeric(tn_rows *rows, int index);
TN_API tn_json tn_row_json(tn_rows *rows, int index);
TN_API tn_uuid tn_row_uuid(tn_rows *rows, int index);
TN_API tn_time tn_row_time(tn_rows *rows, int index);
TN_API tn_timestamp tn_row_timestamp(tn_rows *rows, int index);
TN_API tn_date tn_row_date(tn_rows *rows, int index);
TN_API tn_timeofday tn_row_timeofday(tn_rows *rows, int index);
TN_API tn_interval tn_row_interval(tn_rows *rows, int index);
TN_API tn_array tn_row_array(tn_rows *rows, int index);

/* Converts one value, an array's item say, with the same rules. */
TN_API TN_NODISCARD tn_status tn_value_read(const tn_value *value, const tn_target *target,
                                            tn_error *err);

TN_END_DECLS

#endif
