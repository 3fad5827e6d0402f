/* SPDX-License-Identifier: MIT */
/* The statement that says what a row of a bulk is, written from names that were read and quoted. */
#include <string.h>

#include "base/buf.h"
#include "base/str.h"
#include "session/bulk.h"

enum { SQL_MAX = 1 << 20 };

static tn_status out_of_memory(tn_error *err)
{
    return tn_error_set(err, TN_NOMEM, NULL, "out of memory");
}

static tn_status keep(tn_bulk *bulk, tn__buf *sql, tn_str *ret, tn_error *err)
{
    const char *copy = sql->failed ? NULL : tn__arena_copy(&bulk->arena, sql->ptr, sql->len);
    size_t len = sql->len;

    tn__buf_free(sql);
    if (!copy)
        return out_of_memory(err);
    *ret = tn__str(copy, len);
    return TN_OK;
}

/* Every column of the table, by asking for no row of it. */
static tn_status all_columns(tn_bulk *bulk, tn_error *err)
{
    tn__conn *conn = bulk->tx->conn;
    tn__cached *stmt;
    tn__buf text;
    tn_str sql;

    tn__buf_init(&text, SQL_MAX);
    tn__buf_puts(&text, "SELECT * FROM ");
    tn__buf_str(&text, bulk->table);
    tn_status status = keep(bulk, &text, &sql, err);
    if (status != TN_OK)
        return status;
    status = tn__bulk_prepare(bulk, sql, true, &stmt, err);
    if (status != TN_OK)
        return status;
    const tn_stmt_info *info = &stmt->info;
    bool good = tn__namelist_init(&bulk->columns, info->n_columns + 1, &bulk->arena);
    for (size_t i = 0; good && i < info->n_columns; i++)
        good = tn__namelist_add(&bulk->columns, info->columns[i].name, &bulk->arena);
    tn__cache_release(&conn->cache, stmt);
    if (!good)
        return out_of_memory(err);
    return bulk->columns.count ? TN_OK
                               : tn_error_set(err, TN_SYNTAX, "42703",
                                              "the table has no columns to put values into");
}

void tn__bulk_put_names(tn__buf *sql, const tn__namelist *names)
{
    for (size_t i = 0; i < names->count; i++) {
        tn__buf_puts(sql, i ? ", " : "");
        tn__buf_str(sql, names->quoted[i]);
    }
}

/* All but the keys take the new row's value; with no others there is nothing to be changed. */
static void put_update(tn__buf *sql, const tn_bulk *bulk)
{
    size_t n = 0;

    for (size_t i = 0; i < bulk->columns.count; i++) {
        if (tn__namelist_find(&bulk->keys, bulk->columns.plain[i]) >= 0)
            continue;
        tn__buf_puts(sql, n++ ? ", " : " DO UPDATE SET ");
        tn__buf_str(sql, bulk->columns.quoted[i]);
        tn__buf_puts(sql, " = excluded.");
        tn__buf_str(sql, bulk->columns.quoted[i]);
    }
    if (!n)
        tn__buf_puts(sql, " DO NOTHING");
}

static tn_status write_conflict(tn_bulk *bulk, tn_error *err)
{
    tn__buf sql;

    if (bulk->options.conflict == TN_CONFLICT_FAIL)
        return TN_OK;
    tn__buf_init(&sql, SQL_MAX);
    tn__buf_puts(&sql, "ON CONFLICT");
    if (bulk->keys.count) {
        tn__buf_puts(&sql, " (");
        tn__bulk_put_names(&sql, &bulk->keys);
        tn__buf_puts(&sql, ")");
    }
    if (bulk->options.conflict == TN_CONFLICT_UPDATE)
        put_update(&sql, bulk);
    else
        tn__buf_puts(&sql, " DO NOTHING");
    return keep(bulk, &sql, &bulk->conflict, err);
}

static tn_status read_key(tn_bulk *bulk, tn_error *err)
{
    if (!bulk->options.key)
        return TN_OK;
    tn_status status = tn__name_columns(bulk->options.key, "key", &bulk->arena, &bulk->keys, err);
    for (size_t i = 0; status == TN_OK && i < bulk->keys.count; i++)
        if (tn__namelist_find(&bulk->columns, bulk->keys.plain[i]) < 0)
            status = tn_error_set(err, TN_SYNTAX, "42703",
                                  "key: \"%s\" is not one of the columns that are written",
                                  bulk->keys.plain[i]);
    return status;
}

static tn_status write_insert(tn_bulk *bulk, tn_str *ret_insert, tn_error *err)
{
    tn__buf sql;

    tn__buf_init(&sql, SQL_MAX);
    tn__buf_puts(&sql, "INSERT INTO ");
    tn__buf_str(&sql, bulk->table);
    tn__buf_puts(&sql, " (");
    tn__bulk_put_names(&sql, &bulk->columns);
    tn__buf_puts(&sql, ") VALUES (");
    for (size_t i = 0; i < bulk->columns.count; i++)
        tn__buf_printf(&sql, "%s$%zu", i ? ", " : "", i + 1);
    tn__buf_puts(&sql, ")");
    if (bulk->conflict.len) {
        tn__buf_puts(&sql, " ");
        tn__buf_str(&sql, bulk->conflict);
    }
    return keep(bulk, &sql, ret_insert, err);
}

tn_status tn__bulk_write_sql(tn_bulk *bulk, const char *table, const char *columns,
                             tn_str *ret_insert, tn_error *err)
{
    tn_status status = tn__name_table(table, &bulk->arena, &bulk->table, err);

    if (status == TN_OK && columns)
        status = tn__name_columns(columns, "columns", &bulk->arena, &bulk->columns, err);
    else if (status == TN_OK)
        status = all_columns(bulk, err);
    if (status == TN_OK)
        status = read_key(bulk, err);
    if (status == TN_OK)
        status = write_conflict(bulk, err);
    return status == TN_OK ? write_insert(bulk, ret_insert, err) : status;
}
