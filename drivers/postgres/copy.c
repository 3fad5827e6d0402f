/* SPDX-License-Identifier: MIT */
/*
 * Many rows by COPY FROM STDIN. Binary, until a value has no binary form here (a text for a column
 * of another type): then the COPY that runs is ended and another one in text goes on, within the
 * same transaction.
 *
 * Rows that may meet others of their key, and a table whose row security forbids COPY, are reached
 * by way of a temporary table.
 */
#include "postgres/copy.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "kit/kit.h"

#define ROW_MAX ((size_t)0x3fffff00)

static bool copy_request(tn_driver_bulk *bulk, const tn_bulk_request *request)
{
    memcpy(&bulk->own, request,
           request->size < sizeof(bulk->own) ? request->size : sizeof(bulk->own));
    return bulk->own.n_columns > 0 && bulk->own.n_columns <= INT16_MAX;
}

static bool all_have_binary(const tn_driver_stmt *insert, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (insert->param_types[i].wire == PG_WIRE_UNKNOWN ||
            insert->param_types[i].wire == PG_WIRE_CHAR)
            return false;
    return true;
}

static void abandon(tn_driver_bulk *bulk, int64_t deadline_ns)
{
    if (!bulk)
        return;
    tn_driver_conn *conn = bulk->conn;
    if (bulk->running && conn->pending && !conn->broken &&
        PQputCopyEnd(conn->pg, "the rows were given up") >= 0 &&
        pg_sent(conn, 1, TN_PHASE_NONE, deadline_ns, NULL) == TN_OK)
        (void)pg_copy_read_answer(bulk, deadline_ns, NULL, NULL);
    tn__buf_free(&bulk->out);
    tn__buf_free(&bulk->scratch);
    free(bulk);
}

static tn_status open_bulk(tn_driver_conn *conn, const tn_bulk_request *request,
                           int64_t deadline_ns, tn_driver_bulk **ret, tn_error *err)
{
    tn_status status = pg_ready(conn, TN_PHASE_EXECUTE, err);

    if (status == TN_OK)
        status = pg_check_encoding(conn, false, err);
    if (status != TN_OK)
        return status;
    tn_driver_bulk *bulk = calloc(1, sizeof(*bulk));
    if (!bulk)
        return kit_nomem(conn->host, err, TN_PHASE_EXECUTE);
    bulk->conn = conn;
    tn__buf_init(&bulk->out, ROW_MAX + PG_COPY_CHUNK);
    tn__buf_init(&bulk->scratch, ROW_MAX);
    if (!copy_request(bulk, request)) {
        status = kit_fail(conn->host, err, TN_LIMIT, TN_PHASE_EXECUTE, "54011",
                          "%zu columns are more than a table has", request->n_columns);
    } else {
        if (!all_have_binary(bulk->own.insert, bulk->own.n_columns))
            bulk->format = PG_COPY_TEXT;
        if (bulk->own.conflict.len)
            status = pg_copy_make_stage(bulk, deadline_ns, err);
    }
    if (status != TN_OK) {
        abandon(bulk, deadline_ns);
        return status;
    }
    *ret = bulk;
    return TN_OK;
}

static void describe(const tn_driver_bulk *bulk, tn_bulk_info *ret)
{
    const tn_bulk_info info = {
        .size = ret->size,
        .params = bulk->own.insert->params,
        .failed_row = bulk->failed_row,
        .failed_column = bulk->failed_column,
        .merging = bulk->merging,
    };

    memcpy(ret, &info, ret->size < sizeof(info) ? ret->size : sizeof(info));
}

static tn_status refuse_value(tn_driver_bulk *bulk, pg_copied how, size_t column, tn_error *err)
{
    const tn_host *host = bulk->conn->host;
    const pg_type *type = &bulk->own.insert->param_types[column];

    bulk->failed_row = bulk->rows + 1;
    switch (how) {
    case PG_COPY_RANGE:
        return kit_fail(host, err, TN_DATA, TN_PHASE_BIND,
                        type->wire == PG_WIRE_TIMESTAMP || type->wire == PG_WIRE_DATE ? "22008"
                                                                                      : "22003",
                        "parameter $%zu is out of range for type %s", column + 1, type->name);
    case PG_COPY_NUL:
        return kit_fail(host, err, TN_DATA, TN_PHASE_BIND, "22021",
                        "parameter $%zu: a text must not hold a NUL byte", column + 1);
    default: break;
    }
    if (bulk->out.failed && bulk->out.len < ROW_MAX / 2)
        return kit_nomem(host, err, TN_PHASE_BIND);
    return kit_fail(host, err, TN_LIMIT, TN_PHASE_BIND, "54000",
                    "parameter $%zu: the row is longer than the server takes (1 GiB)", column + 1);
}

static tn_status write_row(tn_driver_bulk *bulk, const tn_value *values, int64_t deadline_ns,
                           tn_error *err)
{
    const tn_bulk_request *own = &bulk->own;
    const pg_type *types = own->insert->param_types;
    pg_copied how = PG_COPY_NEEDS_TEXT;
    tn_status status = TN_OK;
    size_t column = 0;

    if (!bulk->running && bulk->format == PG_COPY_UNDECIDED) {
        how = pg_copy_row_binary(types, values, own->n_columns, &bulk->out, &column);
        tn__buf_reset(&bulk->out);
        if (how == PG_COPIED)
            status = pg_copy_begin(bulk, PG_COPY_BINARY, deadline_ns, err);
    }
    if (status == TN_OK && bulk->running && bulk->format == PG_COPY_BINARY)
        how = pg_copy_row_binary(types, values, own->n_columns, &bulk->out, &column);
    if (status == TN_OK && how == PG_COPY_NEEDS_TEXT) {
        if (bulk->format == PG_COPY_BINARY)
            status = pg_copy_end(bulk, deadline_ns, err);
        if (status == TN_OK && !bulk->running)
            status = pg_copy_begin(bulk, PG_COPY_TEXT, deadline_ns, err);
        if (status == TN_OK)
            how = pg_copy_row_text(values, own->n_columns, &bulk->scratch, &bulk->out, &column);
    }
    if (status == TN_OK && how != PG_COPIED)
        status = refuse_value(bulk, how, column, err);
    return status;
}

static tn_status write_rows(tn_driver_bulk *bulk, const tn_value *values, uint32_t rows,
                            int64_t deadline_ns, tn_error *err)
{
    for (uint32_t i = 0; i < rows; i++) {
        tn_status status = write_row(bulk, values + (size_t)i * bulk->own.n_columns, deadline_ns,
                                     err);
        if (status != TN_OK)
            return status;
        bulk->rows++;
        if (bulk->out.len < PG_COPY_CHUNK)
            continue;
        status = pg_copy_send_chunk(bulk, deadline_ns, err);
        if (status != TN_OK)
            return status;
    }
    return TN_OK;
}

static tn_status finish(tn_driver_bulk *bulk, int64_t deadline_ns, int64_t *ret_rows, tn_error *err)
{
    int64_t rows = 0;

    tn_status status = pg_copy_end(bulk, deadline_ns, err);
    if (status == TN_OK && bulk->staged)
        status = pg_copy_merge(bulk, deadline_ns, &rows, err);
    else
        rows = bulk->copied;
    if (status != TN_OK)
        return status;
    *ret_rows = rows;
    abandon(bulk, deadline_ns);
    return TN_OK;
}

const tn_bulk_ops pg_bulk_ops = {
    .size = sizeof(pg_bulk_ops),
    .open = open_bulk,
    .describe = describe,
    .write = write_rows,
    .finish = finish,
    .abandon = abandon,
};
