/* SPDX-License-Identifier: MIT */
/* Source and connection of the wrapper driver. */
#include <stdlib.h>

#include "base/str.h"
#include "fault/fault.h"

/* ---- source ---------------------------------------------------------------------------------- */

/* The inner driver sees its own scheme and its own URL. */
static tn_status open_source(const tn_host *host, const tn_source_config *config,
                             tn_driver_source **ret, tn_error *err)
{
    tn_fault *fault = tn__fault_find(config->scheme);
    const size_t prefix = sizeof(TN__FAULT_PREFIX) - 1;
    tn_source_config inner = *config;

    if (!fault || !tn__str_starts(config->url, TN__STR(TN__FAULT_PREFIX)))
        return tn__fault_fail(host, err, TN_CONFIG, TN_PHASE_CONFIG, TN_OUTCOME_NONE, NULL,
                              "DATABASE_URL: not of a scheme that tn_fault_wrap() made");
    tn_driver_source *source = calloc(1, sizeof(*source));
    if (!source)
        return tn__fault_fail(host, err, TN_NOMEM, TN_PHASE_CONFIG, TN_OUTCOME_NONE, NULL,
                              "out of memory");
    source->fault = fault;
    source->host = host;
    inner.scheme = tn__str(config->scheme.ptr + prefix, config->scheme.len - prefix);
    inner.url = tn__str(config->url.ptr + prefix, config->url.len - prefix);
    tn_status status = fault->inner->conn.open_source(host, &inner, &source->inner, err);
    if (status != TN_OK) {
        free(source);
        return status;
    }
    *ret = source;
    return TN_OK;
}

static void close_source(tn_driver_source *source)
{
    if (!source)
        return;
    source->fault->inner->conn.close_source(source->inner);
    free(source);
}

/* ---- connection ------------------------------------------------------------------------------ */

static tn_status open_inner(tn_driver_source *source, tn_host_conn *host_conn, int64_t deadline_ns,
                            tn_driver_conn *conn, tn_error *err)
{
    const tn_conn_ops *inner = &source->fault->inner->conn;
    bool lose;

    tn_status status = tn__fault_enter_open(source, host_conn, deadline_ns, &lose, err);
    if (status == TN_OK)
        status = inner->open(source->inner, host_conn, deadline_ns, &conn->inner, err);
    if (status != TN_OK || !lose)
        return status;
    inner->close(conn->inner);
    return tn__fault_fail_open(source->host, err);
}

static tn_status open_conn(tn_driver_source *source, tn_host_conn *host_conn, int64_t deadline_ns,
                           tn_driver_conn **ret, tn_error *err)
{
    tn_driver_conn *conn = calloc(1, sizeof(*conn));

    if (!conn)
        return tn__fault_fail(source->host, err, TN_NOMEM, TN_PHASE_CONNECT, TN_OUTCOME_NONE, NULL,
                              "out of memory");
    conn->fault = source->fault;
    conn->driver = source->fault->inner;
    conn->host = source->host;
    conn->host_conn = host_conn;
    tn_status status = open_inner(source, host_conn, deadline_ns, conn, err);
    if (status != TN_OK) {
        free(conn);
        return status;
    }
    tn__fault_connected(conn->fault, 1);
    *ret = conn;
    return TN_OK;
}

static void close_conn(tn_driver_conn *conn)
{
    if (!conn)
        return;
    conn->driver->conn.close(conn->inner);
    tn__fault_connected(conn->fault, -1);
    free(conn);
}

static tn_status ping(tn_driver_conn *conn, int64_t deadline_ns, tn_error *err)
{
    tn__fault_call call = {.at = TN_FAULT_AT_PING, .deadline_ns = deadline_ns};

    tn_status status = tn__fault_enter(conn, &call, err);
    if (status != TN_OK)
        return status;
    status = conn->driver->conn.ping(conn->inner, deadline_ns, err);
    return tn__fault_leave(conn, &call, status, err);
}

/* A call that a rule held back never reached the inner driver: it ends here, as the server would
 * have ended it. */
static tn_outcome end_given_up(tn_driver_conn *conn)
{
    conn->given_up = false;
    if (conn->given_up_at == TN_FAULT_AT_COMMIT)
        tn__fault_roll_back(conn);
    else
        tn__fault_fail_transaction(conn);
    return conn->given_up_after;
}

static tn_status cancel(tn_driver_conn *conn, int64_t deadline_ns, tn_outcome *ret_outcome,
                        tn_error *err)
{
    tn__fault_call call = {.at = TN_FAULT_AT_CANCEL, .deadline_ns = deadline_ns};
    tn_outcome outcome = TN_OUTCOME_NOT_APPLIED;

    tn_status status = tn__fault_enter(conn, &call, err);
    if (status != TN_OK)
        return status;
    if (!conn->given_up || conn->driver->conn.state(conn->inner) == TN_CONN_BUSY)
        status = conn->driver->conn.cancel(conn->inner, deadline_ns, &outcome, err);
    if (status == TN_OK && conn->given_up)
        outcome = end_given_up(conn);
    status = tn__fault_leave(conn, &call, status, err);
    if (status == TN_OK)
        *ret_outcome = outcome;
    return status;
}

static tn_status reset(tn_driver_conn *conn, int64_t deadline_ns, tn_error *err)
{
    tn__fault_call call = {.at = TN_FAULT_AT_RESET, .deadline_ns = deadline_ns};

    tn_status status = tn__fault_enter(conn, &call, err);
    if (status != TN_OK)
        return status;
    status = conn->driver->conn.reset(conn->inner, deadline_ns, err);
    if (status == TN_OK)
        conn->failed = false;
    return tn__fault_leave(conn, &call, status, err);
}

static void info(tn_driver_conn *conn, tn_conn_info *ret)
{
    conn->driver->conn.info(conn->inner, ret);
}

static bool alive(tn_driver_conn *conn)
{
    bool (*inner)(tn_driver_conn *) = conn->driver->conn.alive;

    return tn__fault_state(conn) != TN_CONN_BROKEN && (!inner || inner(conn->inner));
}

const tn_conn_ops tn__fault_conn_ops = {
    .size = sizeof(tn_conn_ops),
    .open_source = open_source,
    .close_source = close_source,
    .open = open_conn,
    .close = close_conn,
    .ping = ping,
    .cancel = cancel,
    .reset = reset,
    .state = tn__fault_state,
    .info = info,
    .alive = alive,
};
