/* SPDX-License-Identifier: MIT */
/* The temporary table that rows go by way of, and how they get from there to where they belong. */
#include "postgres/copy.h"

void pg_copy_put_columns(tn__buf *sql, const tn_str *columns, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        tn__buf_puts(sql, i ? ", " : "");
        tn__buf_str(sql, columns[i]);
    }
}

/* Of several rows with one key the last one counts, which stands furthest behind in a table that
 * was only ever added to. NULLs are never the same key. */
static void put_last_of_each_key(tn__buf *sql, const tn_bulk_request *request)
{
    tn__buf_puts(sql, "(SELECT *, ctid AS tn__place, row_number() OVER (PARTITION BY ");
    pg_copy_put_columns(sql, request->keys, request->n_keys);
    tn__buf_puts(sql, " ORDER BY ctid DESC) AS tn__number FROM " PG_COPY_STAGE
                      ") AS tn__rows WHERE tn__number = 1");
    for (size_t i = 0; i < request->n_keys; i++) {
        tn__buf_puts(sql, " OR ");
        tn__buf_str(sql, request->keys[i]);
        tn__buf_puts(sql, " IS NULL");
    }
    tn__buf_puts(sql, " ORDER BY tn__place");
}

static void put_merge(tn__buf *sql, const tn_bulk_request *request)
{
    tn__buf_puts(sql, "INSERT INTO ");
    tn__buf_str(sql, request->table);
    tn__buf_puts(sql, " (");
    pg_copy_put_columns(sql, request->columns, request->n_columns);
    tn__buf_puts(sql, ") SELECT ");
    pg_copy_put_columns(sql, request->columns, request->n_columns);
    tn__buf_puts(sql, " FROM ");
    if (request->n_keys)
        put_last_of_each_key(sql, request);
    else
        tn__buf_puts(sql, PG_COPY_STAGE);
    tn__buf_puts(sql, " ");
    tn__buf_str(sql, request->conflict);
}

/* The temporary table takes what the table's columns take, without its constraints. Whether there
 * is a constraint for the key is seen by planning only, and is to be known before the rows come. */
tn_status pg_copy_make_stage(tn_driver_bulk *bulk, int64_t deadline_ns, tn_error *err)
{
    const tn_bulk_request *request = &bulk->own;
    tn__buf *sql = &bulk->scratch;

    tn__buf_reset(sql);
    pg_copy_put_begin(bulk, sql);
    tn__buf_puts(sql, "CREATE TEMPORARY TABLE " PG_COPY_STAGE " ON COMMIT DROP AS SELECT ");
    pg_copy_put_columns(sql, request->columns, request->n_columns);
    tn__buf_puts(sql, " FROM ");
    tn__buf_str(sql, request->table);
    tn__buf_puts(sql, " WITH NO DATA");
    pg_copy_put_question(bulk, sql);
    tn__buf_puts(sql, "; EXPLAIN ");
    put_merge(sql, request);
    bulk->staged = true;
    return pg_copy_run(bulk, deadline_ns, NULL, err);
}

tn_status pg_copy_merge(tn_driver_bulk *bulk, int64_t deadline_ns, int64_t *ret_rows, tn_error *err)
{
    tn__buf *sql = &bulk->scratch;

    tn__buf_reset(sql);
    put_merge(sql, &bulk->own);
    bulk->merging = true;
    tn_status status = pg_copy_run(bulk, deadline_ns, ret_rows, err);
    if (status != TN_OK)
        return status;
    bulk->merging = false;
    tn__buf_reset(sql);
    tn__buf_puts(sql, "DROP TABLE " PG_COPY_STAGE);
    return pg_copy_run(bulk, deadline_ns, NULL, err);
}
