/* SPDX-License-Identifier: MIT */
/* A bulk of rows that are at hand. */
#include "session/bulk.h"

static tn_status insert_all(tn_db *db, const tn_bulk_options *options, const char *table,
                            const char *columns, const tn_arg *values, size_t n_columns,
                            size_t n_rows, bool *fresh, int64_t *ret_rows, tn_error *err)
{
    tn_bulk *bulk;

    tn_status status = tn__bulk_open(db, options, table, columns, *fresh, &bulk, err);
    if (status != TN_OK)
        return status;
    *fresh = !bulk->insert_is_old;
    for (size_t i = 0; i < n_rows && status == TN_OK; i++) {
        const tn_arglist row = {.items = values + i * n_columns, .count = n_columns};
        status = tn_bulk_row(bulk, &row);
    }
    return tn_bulk_finish(bulk, ret_rows, err);
}

tn_status tn_insert_many(tn_db *db, const tn_bulk_options *options, const char *table,
                         const char *columns, const tn_arg *values, size_t n_columns, size_t n_rows,
                         int64_t *ret_rows, tn_error *err)
{
    bool fresh = false;
    tn_error why;

    if (n_rows && (!values || !n_columns || n_rows > SIZE_MAX / n_columns / sizeof(*values)))
        return tn_error_set(err, TN_MISUSE, NULL, "tn_insert_many: there are no values");
    why.status = TN_OK;
    tn_status status = insert_all(db, options, table, columns, values, n_columns, n_rows, &fresh,
                                  ret_rows, &why);
    /* The statement that was at hand may be older than the table. */
    if (status == TN_DATA && !fresh) {
        fresh = true;
        status = insert_all(db, options, table, columns, values, n_columns, n_rows, &fresh,
                            ret_rows, &why);
    }
    if (status != TN_OK && err)
        *err = why;
    return status;
}
