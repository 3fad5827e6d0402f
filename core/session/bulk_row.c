/* SPDX-License-Identifier: MIT */
/* One row of a bulk after another: checked, converted and written, by the driver or without it. */
#include "session/bulk.h"

#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "session/bind.h"

/* Without the driver's help: the insert is run once a row. */
static tn_status insert_row(tn_bulk *bulk, tn_error *err)
{
    const tn__driver *driver = bulk->tx->conn->driver;
    tn_batch batch = {.size = sizeof(batch)};
    tn_driver_cursor *cursor = NULL;

    tn_status status = driver->cursor.execute(bulk->insert->drv, bulk->values, bulk->columns.count,
                                              0, bulk->deadline_ns, &cursor, err);
    if (status == TN_DRIVER_STALE)
        return err->status != TN_OK ? err->status : TN_FAILED;
    if (status != TN_OK)
        return status;
    do
        status = driver->cursor.fetch(cursor, bulk->deadline_ns, &batch, err);
    while (status == TN_OK && !batch.done);
    if (status == TN_OK && batch.affected > 0)
        bulk->written += batch.affected;
    driver->cursor.close(cursor);
    return status;
}

tn_status tn__bulk_look_up(tn_bulk *bulk)
{
    const tn_bulk_progress progress = {.rows = bulk->rows, .bytes = bulk->bytes};
    const tn_bulk_options *options = &bulk->options;

    if (bulk->rows >= bulk->next_report) {
        bulk->next_report += options->progress_rows;
        if (!options->progress(options->progress_arg, &progress))
            return tn_error_set(&bulk->err, TN_CANCELLED, "57014",
                                "ended by its progress function");
    }
    bulk->look = bulk->rows + TN__BULK_LOOK_ROWS;
    if (bulk->look > bulk->next_report)
        bulk->look = bulk->next_report;
    if (tn__host_cancelled(&bulk->tx->conn->host))
        return tn_error_set(&bulk->err, TN_CANCELLED, "57014", "cancelled on request");
    if (bulk->deadline_ns != TN_NO_DEADLINE && tn__now_ns() >= bulk->deadline_ns)
        return tn_error_set(&bulk->err, TN_TIMEOUT, "57014", "deadline passed");
    return TN_OK;
}

static void count_bytes(tn_bulk *bulk)
{
    for (size_t i = 0; i < bulk->columns.count; i++)
        switch (bulk->values[i].type) {
        case TN_TYPE_NULL: break;
        case TN_TYPE_TEXT:
        case TN_TYPE_BYTES:
        case TN_TYPE_JSON:
        case TN_TYPE_NUMERIC:
        case TN_TYPE_OTHER: bulk->bytes += bulk->values[i].len; break;
        default: bulk->bytes += 8; break;
        }
}

/* An argument that is of its column's type already, as nearly all are. */
static inline bool take_same(const tn_arg *arg, const tn_param *param, tn_value *ret)
{
    if (arg->kind != param->type)
        return false;
    switch (arg->kind) {
    case TN_TYPE_BOOL:
    case TN_TYPE_INT16:
    case TN_TYPE_INT32:
    case TN_TYPE_INT64:
    case TN_TYPE_TIMESTAMPTZ:
    case TN_TYPE_TIMESTAMP:
    case TN_TYPE_DATE:
    case TN_TYPE_TIME: *ret = (tn_value){.type = arg->kind, .as.i = arg->as.i}; return true;
    case TN_TYPE_FLOAT8: *ret = (tn_value){.type = arg->kind, .as.f = arg->as.f}; return true;
    case TN_TYPE_UUID: *ret = (tn_value){.type = arg->kind, .as.uuid = &arg->as.uuid}; return true;
    case TN_TYPE_TEXT: {
        const char *text = arg->as.view.ptr;
        size_t len = arg->as.view.len;
        if (len > INT32_MAX || (len && memchr(text, '\0', len)) || !tn__utf8_valid(text, len))
            return false;
        *ret = (tn_value){.type = arg->kind, .len = (uint32_t)len, .as.ptr = len ? text : ""};
        return true;
    }
    default: return false;
    }
}

/* What is not that simple is converted, or refused, for the whole row. */
static tn_status bind_row(tn_bulk *bulk, const tn_arglist *args, tn_error *err)
{
    for (size_t i = 0; i < args->count; i++)
        if (!take_same(&args->items[i], &bulk->params[i], &bulk->values[i]))
            return tn__bind(args, bulk->params, args->count, &bulk->one_row, bulk->values, err);
    return TN_OK;
}

static tn_status write_row(tn_bulk *bulk, const tn_arglist *args)
{
    tn_error *err = &bulk->err;
    size_t given = args ? args->count : 0;

    if (TN_UNLIKELY(given != bulk->columns.count))
        return tn_error_set(err, TN_PROTOCOL, "08P01", "%zu value%s given for %zu column%s", given,
                            given == 1 ? " was" : "s were", bulk->columns.count,
                            bulk->columns.count == 1 ? "" : "s");
    if (bulk->one_row.used)
        tn__arena_reset(&bulk->one_row);
    tn_status status = bind_row(bulk, args, err);
    if (status != TN_OK)
        return status;
    bulk->rows++;
    if (bulk->options.progress)
        count_bytes(bulk);
    status = bulk->driver ? bulk->tx->conn->driver->bulk.write(bulk->driver, bulk->values, 1,
                                                               bulk->deadline_ns, err)
                          : insert_row(bulk, err);
    if (status == TN_OK && TN_UNLIKELY(bulk->rows >= bulk->look))
        status = tn__bulk_look_up(bulk);
    return status;
}

/* A row that the driver refused without saying which one it was is this one, unless rows may have
 * been under way. */
static uint64_t row_in_question(const tn_bulk *bulk, int64_t before, const tn_error *err)
{
    bool of_this = bulk->rows == before || !bulk->driver || err->phase == TN_PHASE_BIND;

    return of_this ? (uint64_t)before + 1 : 0;
}

tn_status tn_bulk_row(tn_bulk *bulk, const tn_arglist *args)
{
    if (TN_UNLIKELY(bulk->status != TN_OK))
        return bulk->status;
    tn_db *tx = bulk->tx;
    int64_t before = bulk->rows;
    tn_status status = tn__db_check(tx, &bulk->err);
    if (status == TN_OK)
        status = tn__db_enter(tx, &bulk->err);
    if (TN_UNLIKELY(status != TN_OK)) {
        if (status != TN_MISUSE)
            return tn__bulk_fail(bulk, 0);
        bulk->status = status;
        return status;
    }
    status = write_row(bulk, args);
    tn__db_leave(tx);
    return TN_LIKELY(status == TN_OK)
               ? TN_OK
               : tn__bulk_fail(bulk, row_in_question(bulk, before, &bulk->err));
}
