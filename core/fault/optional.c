/* SPDX-License-Identifier: MIT */
/* The optional tables: what the inner driver has is passed on, with its own handles. No rules. */
#include <stdlib.h>

#include "fault/fault.h"

/* ---- batch ----------------------------------------------------------------------------------- */

/* Gives the inner answers back in cursors of ours; one that cannot be is a failure of its item. */
static void take_answers(tn_driver_conn *conn, tn_batch_item *items, const tn_batch_item *inner,
                         size_t count)
{
    for (size_t i = 0; i < count; i++) {
        items[i].status = inner[i].status;
        items[i].cursor = NULL;
        if (!inner[i].cursor)
            continue;
        tn_status status = tn__fault_cursor_new(conn, items[i].stmt, inner[i].cursor,
                                                &items[i].cursor, items[i].error);
        if (status == TN_OK)
            items[i].cursor->detached = true;
        else
            items[i].status = status;
    }
}

static tn_status run_batch(tn_driver_conn *conn, tn_batch_item *items, size_t count,
                           bool independent, int64_t deadline_ns, tn_error *err)
{
    tn_status status = tn__fault_ready(conn, TN_PHASE_EXECUTE, err);

    if (status != TN_OK)
        return status;
    tn_batch_item *inner = calloc(count ? count : 1, sizeof(*inner));
    if (!inner)
        return tn__fault_fail(conn->host, err, TN_NOMEM, TN_PHASE_EXECUTE, TN_OUTCOME_NOT_APPLIED,
                              NULL, "out of memory");
    for (size_t i = 0; i < count; i++) {
        inner[i] = items[i];
        inner[i].stmt = items[i].stmt->inner;
    }
    status = conn->driver->batch.run(conn->inner, inner, count, independent, deadline_ns, err);
    take_answers(conn, items, inner, count);
    free(inner);
    return status;
}

const tn_batch_ops tn__fault_batch_ops = {
    .size = sizeof(tn_batch_ops),
    .run = run_batch,
};

/* ---- bulk ------------------------------------------------------------------------------------ */

struct tn_driver_bulk {
    tn_driver_conn *conn;
    tn_driver_bulk *inner;
};

static tn_status open_bulk(tn_driver_conn *conn, const tn_bulk_request *request,
                           int64_t deadline_ns, tn_driver_bulk **ret, tn_error *err)
{
    tn_bulk_request inner = *request;
    tn_status status = tn__fault_ready(conn, TN_PHASE_EXECUTE, err);

    if (status != TN_OK)
        return status;
    tn_driver_bulk *bulk = calloc(1, sizeof(*bulk));
    if (!bulk)
        return tn__fault_fail(conn->host, err, TN_NOMEM, TN_PHASE_EXECUTE, TN_OUTCOME_NOT_APPLIED,
                              NULL, "out of memory");
    bulk->conn = conn;
    inner.insert = request->insert->inner;
    status = conn->driver->bulk.open(conn->inner, &inner, deadline_ns, &bulk->inner, err);
    if (status != TN_OK) {
        free(bulk);
        return status;
    }
    *ret = bulk;
    return TN_OK;
}

static void describe_bulk(const tn_driver_bulk *bulk, tn_bulk_info *ret)
{
    bulk->conn->driver->bulk.describe(bulk->inner, ret);
}

static tn_status write_bulk(tn_driver_bulk *bulk, const tn_value *values, uint32_t rows,
                            int64_t deadline_ns, tn_error *err)
{
    return bulk->conn->driver->bulk.write(bulk->inner, values, rows, deadline_ns, err);
}

/* On failure the handle stays for abandon(). */
static tn_status finish_bulk(tn_driver_bulk *bulk, int64_t deadline_ns, int64_t *ret_rows,
                             tn_error *err)
{
    tn_status status = bulk->conn->driver->bulk.finish(bulk->inner, deadline_ns, ret_rows, err);

    if (status == TN_OK)
        free(bulk);
    return status;
}

static void abandon_bulk(tn_driver_bulk *bulk, int64_t deadline_ns)
{
    if (!bulk)
        return;
    bulk->conn->driver->bulk.abandon(bulk->inner, deadline_ns);
    free(bulk);
}

const tn_bulk_ops tn__fault_bulk_ops = {
    .size = sizeof(tn_bulk_ops),
    .open = open_bulk,
    .describe = describe_bulk,
    .write = write_bulk,
    .finish = finish_bulk,
    .abandon = abandon_bulk,
};

/* ---- notify ---------------------------------------------------------------------------------- */

static tn_status listen_to(tn_driver_conn *conn, tn_str channel, int64_t deadline_ns, tn_error *err)
{
    tn_status status = tn__fault_ready(conn, TN_PHASE_EXECUTE, err);

    return status == TN_OK ? conn->driver->notify.listen(conn->inner, channel, deadline_ns, err)
                           : status;
}

static tn_status unlisten(tn_driver_conn *conn, tn_str channel, int64_t deadline_ns, tn_error *err)
{
    tn_status status = tn__fault_ready(conn, TN_PHASE_EXECUTE, err);

    return status == TN_OK ? conn->driver->notify.unlisten(conn->inner, channel, deadline_ns, err)
                           : status;
}

static tn_status wait_for(tn_driver_conn *conn, int64_t deadline_ns, tn_notification *ret,
                          tn_error *err)
{
    tn_status status = tn__fault_ready(conn, TN_PHASE_FETCH, err);

    return status == TN_OK ? conn->driver->notify.wait(conn->inner, deadline_ns, ret, err) : status;
}

const tn_notify_ops tn__fault_notify_ops = {
    .size = sizeof(tn_notify_ops),
    .listen = listen_to,
    .unlisten = unlisten,
    .wait = wait_for,
};

/* ---- catalog --------------------------------------------------------------------------------- */

tn_status tn__fault_catalog_describe(tn_driver_conn *conn, tn_str schema, int64_t deadline_ns,
                                     void (*out)(void *arg, tn_str piece), void *arg, tn_error *err)
{
    tn_status status = tn__fault_ready(conn, TN_PHASE_EXECUTE, err);

    return status == TN_OK
               ? conn->driver->catalog.describe(conn->inner, schema, deadline_ns, out, arg, err)
               : status;
}

tn_status tn__fault_catalog_tables(tn_driver_conn *conn, int64_t deadline_ns,
                                   tn_driver_cursor **ret, tn_error *err)
{
    tn_driver_cursor *inner = NULL;

    tn_status status = tn__fault_ready(conn, TN_PHASE_EXECUTE, err);
    if (status == TN_OK)
        status = conn->driver->catalog.tables(conn->inner, deadline_ns, &inner, err);
    return status == TN_OK ? tn__fault_cursor_new(conn, NULL, inner, ret, err) : status;
}
