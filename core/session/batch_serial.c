/* SPDX-License-Identifier: MIT */
/* A batch on a driver that runs one statement at a time. */
#include "base/clock.h"
#include "session/batch.h"

/* Between two statements nobody else looks. */
static tn_status check_time(const tn__conn *conn, int64_t deadline_ns, tn_error *err)
{
    if (tn__host_cancelled(&conn->host))
        return tn_error_set(err, TN_CANCELLED, "57014", "cancelled on request");
    if (deadline_ns != TN_NO_DEADLINE && tn__now_ns() >= deadline_ns)
        return tn_error_set(err, TN_TIMEOUT, "57014", "deadline passed");
    return TN_OK;
}

static tn_status run_one(tn__conn *conn, const tn_batch_work *work, size_t index,
                         const tn_value *params, size_t n_params, int64_t deadline_ns)
{
    const tn_cursor_ops *ops = &conn->driver->cursor;
    tn_batch rows = {.size = sizeof(rows)};
    tn_driver_cursor *cursor = NULL;

    tn_status status = ops->execute(work->stmts[index], params, n_params, TN_EXECUTE_STREAM,
                                    deadline_ns, &cursor, work->error);
    if (status != TN_OK)
        return status;
    while (status == TN_OK && !rows.done) {
        status = ops->fetch(cursor, deadline_ns, &rows, work->error);
        if (status == TN_OK)
            work->answer(work->arg, index, &rows);
    }
    ops->close(cursor);
    return status;
}

/* Did it fail by itself, so that others may be run? */
static bool ends_all(const tn__conn *conn, tn_status status, int64_t deadline_ns)
{
    tn_conn_state state = tn__conn_state(conn);

    if (state == TN_CONN_BUSY || state == TN_CONN_BROKEN || status == TN_CANCELLED)
        return true;
    return status == TN_TIMEOUT && deadline_ns != TN_NO_DEADLINE && tn__now_ns() >= deadline_ns;
}

/* As commit_for_good() does: once COMMIT is sent it is waited for. */
static tn_status commit(tn__conn *conn, int64_t deadline_ns, tn_error *err)
{
    conn->host.shielded = true;
    tn_status status = conn->driver->txn.commit(conn->drv, deadline_ns, err);
    conn->host.shielded = false;
    return status;
}

tn_status tn__batch_serial(tn__conn *conn, const tn_batch_work *work, int64_t deadline_ns,
                           tn_error *err)
{
    bool each = work->flags & TN_BATCH_EACH;
    const tn_value *params;
    size_t n_params;

    for (size_t i = 0; i < work->count; i++) {
        tn_status status = check_time(conn, deadline_ns, err);
        if (status != TN_OK)
            return status;
        status = work->bind(work->arg, i, &params, &n_params);
        if (status != TN_OK && !each)
            return TN_OK;
        if (status != TN_OK)
            continue;
        status = run_one(conn, work, i, params, n_params, deadline_ns);
        if (status == TN_OK)
            continue;
        if (ends_all(conn, status, deadline_ns)) {
            *err = *work->error;
            return status;
        }
        work->fail(work->arg, i, status);
        if (!each)
            return TN_OK;
    }
    return work->flags & TN_BATCH_COMMIT ? commit(conn, deadline_ns, err) : TN_OK;
}
