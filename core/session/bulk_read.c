/* SPDX-License-Identifier: MIT */
/*
 * Reading a table: names that were read and quoted become a SELECT, whose rows are streamed. COPY
 * TO would send the same bytes a row, and cost the server no less.
 */
#include <string.h>

#include "base/str.h"
#include "session/bulk.h"
#include "session/rows.h"

enum { NAMES_MAX = 1 << 24, SQL_MAX = 1 << 20 };

typedef struct reading {
    tn_bulk_read_options options;
    tn_str table;
    tn__namelist columns, order;
    tn__arena arena; /* for the names */
    tn__buf sql;
} reading;

static tn_status read_names(reading *r, const char *table, const char *columns, tn_error *err)
{
    tn_status status = tn__name_table(table, &r->arena, &r->table, err);

    if (status == TN_OK && columns)
        status = tn__name_columns(columns, "columns", &r->arena, &r->columns, err);
    if (status == TN_OK && r->options.order)
        status = tn__name_columns(r->options.order, "order", &r->arena, &r->order, err);
    return status;
}

/* The table gets another name: where none of its columns has the table's own, PostgreSQL takes that
 * for the whole row. */
static tn_status write_select(reading *r, tn_error *err)
{
    tn__buf *sql = &r->sql;

    tn__buf_puts(sql, "SELECT ");
    if (r->columns.count)
        tn__bulk_put_names(sql, &r->columns);
    else
        tn__buf_puts(sql, "*");
    tn__buf_puts(sql, " FROM ");
    tn__buf_str(sql, r->table);
    tn__buf_puts(sql, " AS tn__rows");
    if (r->order.count) {
        tn__buf_puts(sql, " ORDER BY ");
        tn__bulk_put_names(sql, &r->order);
    }
    return sql->failed ? tn_error_set(err, TN_NOMEM, NULL, "out of memory") : TN_OK;
}

/* In a transaction a statement that is older than its table would fail, and the transaction with
 * it; elsewhere it is prepared anew by itself. */
static tn_status forget_older(tn_db *db, const tn__sql *sql, tn_error *err)
{
    tn_status status = tn__db_check(db, err);

    if (status != TN_OK || db->kind == TN__DB_CLIENT)
        return status;
    status = tn__db_enter(db, err);
    if (status != TN_OK)
        return status;
    tn__cache *cache = &db->conn->cache;
    tn__cached *known = tn__conn_state(db->conn) == TN_CONN_IDLE
                            ? NULL
                            : tn__cache_find(cache, sql->text, sql->len, sql->hash);
    if (known) {
        tn__cache_drop(cache, known);
        tn__cache_release(cache, known);
    }
    tn__db_leave(db);
    return TN_OK;
}

static tn_status open_rows(const reading *r, tn_db *db, tn_rows **ret, tn_error *err)
{
    const tn_call call = {
        .size = sizeof(call), .timeout_ms = r->options.timeout_ms, .fetch = TN_FETCH_STREAM};
    tn__sql sql = tn__sql_of(r->sql.ptr);

    tn_status status = tn__sql_measure(&sql, err);
    if (status == TN_OK)
        status = forget_older(db, &sql, err);
    if (status != TN_OK)
        return status;
    tn_rows *rows = tn__rows_open(db, &call, &sql, NULL);
    if (tn_rows_status(rows) != TN_OK)
        return tn_close(rows, err);
    *ret = rows;
    return TN_OK;
}

tn_status tn_bulk_read(tn_db *db, const tn_bulk_read_options *options, const char *table,
                       const char *columns, tn_rows **ret, tn_error *err)
{
    reading r = {.options = TN_BULK_READ_OPTIONS_INIT};

    *ret = NULL;
    if (options)
        memcpy(&r.options, options,
               options->size < sizeof(r.options) ? options->size : sizeof(r.options));
    tn__arena_init(&r.arena, NAMES_MAX);
    tn__buf_init(&r.sql, SQL_MAX);
    tn_status status = read_names(&r, table, columns, err);
    if (status == TN_OK)
        status = write_select(&r, err);
    if (status == TN_OK)
        status = open_rows(&r, db, ret, err);
    tn__buf_free(&r.sql);
    tn__arena_free(&r.arena);
    return status;
}
