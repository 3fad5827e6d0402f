/* SPDX-License-Identifier: MIT */
/*
 * The optional tables: what the inner driver has is passed on, with its own handles. No rules. The
 * table for batches is left out: the host then runs their statements one by one, and rules hit
 * each.
 */
#include <stdlib.h>

#include "fault/fault.h"

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

static tn_status listen_to(tn_driver_conn *conn, const tn_str *channels, size_t count,
                           int64_t deadline_ns, tn_error *err)
{
    tn_status status = tn__fault_ready(conn, TN_PHASE_EXECUTE, err);

    return status == TN_OK
               ? conn->driver->notify.listen(conn->inner, channels, count, deadline_ns, err)
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

static tn_status probe(tn_driver_conn *conn, int64_t deadline_ns, tn_error *err)
{
    tn_status status = tn__fault_ready(conn, TN_PHASE_FETCH, err);

    return status == TN_OK ? conn->driver->notify.probe(conn->inner, deadline_ns, err) : status;
}

static bool answered(const tn_driver_conn *conn)
{
    return conn->driver->notify.answered(conn->inner);
}

/* Its statement is the inner driver's. */
const tn_notify_ops tn__fault_notify_ops = {
    .size = sizeof(tn_notify_ops),
    .listen = listen_to,
    .unlisten = unlisten,
    .wait = wait_for,
    .probe = probe,
    .answered = answered,
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
