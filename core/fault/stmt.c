/* SPDX-License-Identifier: MIT */
/* Statements and cursors of the wrapper driver, and answers that are wrong. */
#include <stdlib.h>
#include <string.h>

#include "fault/fault.h"

enum { WORK_BATCHES_MAX = 1 << 20 };

static tn_status no_memory(tn_driver_conn *conn, tn_phase phase, tn_error *err)
{
    return tn__fault_fail(conn->host, err, TN_NOMEM, phase, TN_OUTCOME_NONE, NULL, "out of memory");
}

/* ---- statements ------------------------------------------------------------------------------ */

static tn_driver_stmt *stmt_new(tn_driver_conn *conn, tn_driver_stmt *inner, tn_str sql)
{
    tn_stmt_info info = {.size = sizeof(info)};
    tn_driver_stmt *stmt = calloc(1, sizeof(*stmt));

    if (!stmt)
        return NULL;
    stmt->conn = conn;
    stmt->inner = inner;
    stmt->sql = sql;
    conn->driver->stmt.describe(inner, &info);
    stmt->read_only = info.flags & TN_STMT_READ_ONLY;
    return stmt;
}

static tn_status prepare(tn_driver_conn *conn, tn_str sql, int64_t deadline_ns,
                         tn_driver_stmt **ret, tn_error *err)
{
    tn__fault_call call = {.at = TN_FAULT_AT_PREPARE, .deadline_ns = deadline_ns, .sql = sql};
    tn_driver_stmt *inner = NULL, *stmt;

    tn_status status = tn__fault_enter(conn, &call, err);
    if (status != TN_OK)
        return status;
    status = conn->driver->stmt.prepare(conn->inner, sql, deadline_ns, &inner, err);
    if (status != TN_OK)
        inner = NULL;
    status = tn__fault_leave(conn, &call, status, err);
    if (status != TN_OK) {
        conn->driver->stmt.close(inner);
        return status;
    }
    stmt = stmt_new(conn, inner, sql);
    if (!stmt) {
        conn->driver->stmt.close(inner);
        return no_memory(conn, TN_PHASE_PREPARE, err);
    }
    *ret = stmt;
    return TN_OK;
}

static void describe(const tn_driver_stmt *stmt, tn_stmt_info *ret)
{
    stmt->conn->driver->stmt.describe(stmt->inner, ret);
}

static void close_stmt(tn_driver_stmt *stmt)
{
    if (!stmt)
        return;
    stmt->conn->driver->stmt.close(stmt->inner);
    free(stmt);
}

const tn_stmt_ops tn__fault_stmt_ops = {
    .size = sizeof(tn_stmt_ops),
    .prepare = prepare,
    .describe = describe,
    .close = close_stmt,
};

/* ---- cursors --------------------------------------------------------------------------------- */

tn_status tn__fault_cursor_new(tn_driver_conn *conn, tn_driver_stmt *stmt, tn_driver_cursor *inner,
                               tn_driver_cursor **ret, tn_error *err)
{
    tn_driver_cursor *cursor = calloc(1, sizeof(*cursor));

    if (!cursor) {
        conn->driver->cursor.close(inner);
        return no_memory(conn, TN_PHASE_EXECUTE, err);
    }
    cursor->conn = conn;
    cursor->stmt = stmt;
    cursor->inner = inner;
    *ret = cursor;
    return TN_OK;
}

static void close_cursor(tn_driver_cursor *cursor)
{
    if (!cursor)
        return;
    cursor->conn->driver->cursor.close(cursor->inner);
    free(cursor->values);
    free(cursor);
}

/* A statement whose answer will be lost is done: one that writes may do so row by row. */
static void finish_work(tn_driver_cursor *cursor, int64_t deadline_ns)
{
    tn_batch batch = {.size = sizeof(batch)};
    tn_error ignored;

    if (!cursor->stmt || cursor->stmt->read_only)
        return;
    for (int i = 0; i < WORK_BATCHES_MAX && !batch.done; i++)
        if (cursor->conn->driver->cursor.fetch(cursor->inner, deadline_ns, &batch, &ignored) !=
            TN_OK)
            return;
}

static tn__fault_call call_of(tn_fault_at at, tn_driver_stmt *stmt, tn_driver_cursor *cursor,
                              int64_t deadline_ns)
{
    return (tn__fault_call){.at = at,
                            .deadline_ns = deadline_ns,
                            .sql = stmt ? stmt->sql : (tn_str){NULL, 0},
                            .read_only = !stmt || stmt->read_only,
                            .cursor = cursor};
}

static tn_status execute(tn_driver_stmt *stmt, const tn_value *params, size_t n_params,
                         uint32_t flags, int64_t deadline_ns, tn_driver_cursor **ret, tn_error *err)
{
    tn_driver_conn *conn = stmt->conn;
    tn__fault_call call = call_of(TN_FAULT_AT_EXECUTE, stmt, NULL, deadline_ns);
    tn_driver_cursor *inner = NULL;

    tn_status status = tn__fault_enter(conn, &call, err);
    if (status != TN_OK)
        return status;
    status = conn->driver->cursor.execute(stmt->inner, params, n_params, flags, deadline_ns, &inner,
                                          err);
    if (status == TN_OK)
        status = tn__fault_cursor_new(conn, stmt, inner, &call.cursor, err);
    if (status == TN_OK && call.lose)
        finish_work(call.cursor, deadline_ns);
    status = tn__fault_leave(conn, &call, status, err);
    if (status != TN_OK) {
        close_cursor(call.cursor);
        return status;
    }
    call.cursor->wrong = call.wrong;
    *ret = call.cursor;
    return TN_OK;
}

/* ---- wrong answers --------------------------------------------------------------------------- */

static bool copy_values(tn_driver_cursor *cursor, const tn_value *values, size_t count)
{
    if (count > cursor->capacity) {
        tn_value *grown = realloc(cursor->values, count * sizeof(*grown));
        if (!grown)
            return false;
        cursor->values = grown;
        cursor->capacity = count;
    }
    memcpy(cursor->values, values, count * sizeof(*values));
    return true;
}

static size_t columns_of(const tn_driver_cursor *cursor)
{
    tn_stmt_info info = {.size = sizeof(info)};

    if (!cursor->stmt)
        return 0;
    cursor->conn->driver->stmt.describe(cursor->stmt->inner, &info);
    return info.n_columns;
}

/* false: out of memory. */
static bool spoil(tn_driver_cursor *cursor, tn_batch *batch)
{
    size_t columns = columns_of(cursor);

    if ((cursor->wrong & TN__FAULT_NULL) && batch->rows && columns) {
        if (!copy_values(cursor, batch->values, batch->rows * columns))
            return false;
        cursor->values[0] = (tn_value){.type = TN_TYPE_NULL};
        batch->values = cursor->values;
        cursor->wrong &= ~(unsigned)TN__FAULT_NULL;
    }
    if ((cursor->wrong & TN__FAULT_NO_ROW) && batch->rows) {
        batch->rows--;
        cursor->wrong &= ~(unsigned)TN__FAULT_NO_ROW;
    }
    if ((cursor->wrong & TN__FAULT_COUNT) && batch->done && batch->affected >= 0)
        batch->affected++;
    return true;
}

/* A batch that has lost its only row is no batch, unless it is the last. */
static tn_status fetch_inner(tn_driver_cursor *cursor, int64_t deadline_ns, tn_batch *ret,
                             tn_error *err)
{
    tn_driver_conn *conn = cursor->conn;

    do {
        tn_status status = conn->driver->cursor.fetch(cursor->inner, deadline_ns, ret, err);
        if (status != TN_OK)
            return status;
        if (cursor->wrong && !spoil(cursor, ret))
            return no_memory(conn, TN_PHASE_FETCH, err);
    } while (ret->rows == 0 && !ret->done);
    return TN_OK;
}

static tn_status ended(tn_driver_cursor *cursor, tn_error *err)
{
    return tn__fault_fail(cursor->conn->host, err, TN_MISUSE, TN_PHASE_FETCH, TN_OUTCOME_NONE,
                          "24000", "the rows have ended with an error before");
}

static tn_status fetch(tn_driver_cursor *cursor, int64_t deadline_ns, tn_batch *ret, tn_error *err)
{
    tn__fault_call call = call_of(TN_FAULT_AT_FETCH, cursor->stmt, cursor, deadline_ns);
    tn_batch batch = {.size = sizeof(batch)};
    size_t size = ret->size;
    tn_status status = TN_OK;

    if (!cursor->inner)
        return ended(cursor, err);
    if (!cursor->detached)
        status = tn__fault_enter(cursor->conn, &call, err);
    if (status != TN_OK)
        return status;
    cursor->wrong |= call.wrong;
    status = fetch_inner(cursor, deadline_ns, &batch, err);
    if (call.lose && status == TN_OK && !batch.done)
        finish_work(cursor, deadline_ns);
    status = tn__fault_leave(cursor->conn, &call, status, err);
    if (status != TN_OK)
        return status;
    *ret = batch;
    ret->size = size;
    return TN_OK;
}

static tn_status detach(tn_driver_cursor *cursor, size_t limit, int64_t deadline_ns, tn_error *err)
{
    tn__fault_call call = call_of(TN_FAULT_AT_DETACH, cursor->stmt, cursor, deadline_ns);

    if (!cursor->inner)
        return ended(cursor, err);
    tn_status status = tn__fault_enter(cursor->conn, &call, err);
    if (status != TN_OK)
        return status;
    status = cursor->conn->driver->cursor.detach(cursor->inner, limit, deadline_ns, err);
    status = tn__fault_leave(cursor->conn, &call, status, err);
    cursor->detached = status == TN_OK;
    return status;
}

const tn_cursor_ops tn__fault_cursor_ops = {
    .size = sizeof(tn_cursor_ops),
    .execute = execute,
    .fetch = fetch,
    .detach = detach,
    .close = close_cursor,
};
