/* SPDX-License-Identifier: MIT */
/* Transactions of the wrapper driver. */
#include "fault/fault.h"

static tn__fault_call call_at(tn_fault_at at, int64_t deadline_ns)
{
    return (tn__fault_call){.at = at, .deadline_ns = deadline_ns};
}

static tn_status begin(tn_driver_conn *conn, const tn_txn_request *request, int64_t deadline_ns,
                       tn_error *err)
{
    tn__fault_call call = call_at(TN_FAULT_AT_BEGIN, deadline_ns);

    tn_status status = tn__fault_enter(conn, &call, err);
    if (status != TN_OK)
        return status;
    status = conn->driver->txn.begin(conn->inner, request, deadline_ns, err);
    return tn__fault_leave(conn, &call, status, err);
}

/* A transaction that was failed here only is rolled back there. */
static tn_status commit_failed(tn_driver_conn *conn, tn_error *err)
{
    tn__fault_roll_back(conn);
    return tn__fault_fail(conn->host, err, TN_ABORTED, TN_PHASE_COMMIT, TN_OUTCOME_NOT_APPLIED,
                          "25P02", "the transaction was rolled back: a statement in it had failed");
}

static tn_status commit(tn_driver_conn *conn, int64_t deadline_ns, tn_error *err)
{
    tn__fault_call call = call_at(TN_FAULT_AT_COMMIT, deadline_ns);

    /* Whoever asks for the transaction's name must not be given that of the one before. */
    conn->unsent = true;
    tn_status status = tn__fault_enter(conn, &call, err);
    if (status != TN_OK)
        return status;
    if (conn->failed) {
        status = commit_failed(conn, err);
    } else {
        conn->unsent = false;
        status = conn->driver->txn.commit(conn->inner, deadline_ns, err);
    }
    return tn__fault_leave(conn, &call, status, err);
}

static tn_status rollback(tn_driver_conn *conn, int64_t deadline_ns, tn_error *err)
{
    tn__fault_call call = call_at(TN_FAULT_AT_ROLLBACK, deadline_ns);

    tn_status status = tn__fault_enter(conn, &call, err);
    if (status != TN_OK)
        return status;
    status = conn->driver->txn.rollback(conn->inner, deadline_ns, err);
    if (status == TN_OK)
        conn->failed = false;
    return tn__fault_leave(conn, &call, status, err);
}

static tn_status savepoint(tn_driver_conn *conn, uint32_t level, int64_t deadline_ns, tn_error *err)
{
    tn__fault_call call = call_at(TN_FAULT_AT_SAVEPOINT, deadline_ns);

    tn_status status = tn__fault_enter(conn, &call, err);
    if (status != TN_OK)
        return status;
    status = conn->driver->txn.savepoint(conn->inner, level, deadline_ns, err);
    return tn__fault_leave(conn, &call, status, err);
}

static tn_status release(tn_driver_conn *conn, uint32_t level, int64_t deadline_ns, tn_error *err)
{
    tn__fault_call call = call_at(TN_FAULT_AT_RELEASE, deadline_ns);

    tn_status status = tn__fault_enter(conn, &call, err);
    if (status != TN_OK)
        return status;
    status = conn->driver->txn.release(conn->inner, level, deadline_ns, err);
    return tn__fault_leave(conn, &call, status, err);
}

static tn_status rollback_to(tn_driver_conn *conn, uint32_t level, int64_t deadline_ns,
                             tn_error *err)
{
    tn__fault_call call = call_at(TN_FAULT_AT_ROLLBACK_TO, deadline_ns);

    tn_status status = tn__fault_enter(conn, &call, err);
    if (status != TN_OK)
        return status;
    status = conn->driver->txn.rollback_to(conn->inner, level, deadline_ns, err);
    if (status == TN_OK)
        conn->failed = false;
    return tn__fault_leave(conn, &call, status, err);
}

static void identify(const tn_driver_conn *conn, char *buf, size_t size)
{
    if (!conn->unsent)
        conn->driver->txn.identify(conn->inner, buf, size);
    else if (size)
        buf[0] = '\0';
}

static tn_status outcome(tn_driver_conn *conn, tn_str id, int64_t deadline_ns,
                         tn_outcome *ret_outcome, tn_error *err)
{
    tn__fault_call call = call_at(TN_FAULT_AT_OUTCOME, deadline_ns);
    tn_outcome found = TN_OUTCOME_NONE;

    tn_status status = tn__fault_enter(conn, &call, err);
    if (status != TN_OK)
        return status;
    status = conn->driver->txn.outcome(conn->inner, id, deadline_ns, &found, err);
    status = tn__fault_leave(conn, &call, status, err);
    if (status == TN_OK)
        *ret_outcome = found;
    return status;
}

const tn_txn_ops tn__fault_txn_ops = {
    .size = sizeof(tn_txn_ops),
    .begin = begin,
    .commit = commit,
    .rollback = rollback,
    .savepoint = savepoint,
    .release = release,
    .rollback_to = rollback_to,
    .identify = identify,
    .outcome = outcome,
};
