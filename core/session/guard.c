/* SPDX-License-Identifier: MIT */
#include "session/guard.h"

#include "base/clock.h"
#include "base/relaxed.h"
#include "session/portal.h"

tn_status tn__guard_detach(const tn_db *db, tn__conn *conn, int64_t deadline_ns, tn_error *err)
{
    tn_status status = tn__portal_free_wire(conn, tn__relaxed(&db->provider->row_buffer),
                                            deadline_ns, tn__db_grace_ms(db, deadline_ns), err);

    return db->call_savepoints && !conn->discard ? TN_OK : status;
}

/* The call that comes may be in a hurry; undoing the last one is not its concern. */
static int64_t undo_deadline(const tn_db *db, int64_t deadline_ns)
{
    int64_t least = tn__deadline_after_ms(tn__now_ns(), tn__db_grace_ms(db, deadline_ns));

    return deadline_ns > least ? deadline_ns : least;
}

/* A nested transaction has the level of its parent's depth, and while one is open this savepoint is
 * not: they share the number. */
static tn_status end(tn_db *db, int64_t deadline_ns, tn_error *err)
{
    tn__conn *conn = db->conn;
    const tn_txn_ops *ops = &conn->driver->txn;
    tn_status status = TN_OK;

    if (db->failed || tn__conn_state(conn) == TN_CONN_FAILED)
        status = ops->rollback_to(conn->drv, db->depth, deadline_ns, err);
    if (status == TN_OK)
        status = ops->release(conn->drv, db->depth, deadline_ns, err);
    if (status == TN_OK)
        db->saved = db->failed = false;
    return status;
}

tn_status tn__guard_undo(tn_db *db, int64_t deadline_ns, tn_error *err)
{
    tn__conn *conn = db->conn;
    bool shielded = conn->host.shielded;

    if (conn->discard)
        return TN_OK;
    conn->host.shielded = true;
    tn_status status = end(db, undo_deadline(db, deadline_ns), err);
    conn->host.shielded = shielded;
    if (status != TN_OK)
        tn__conn_settle(conn, tn__db_grace_ms(db, deadline_ns), err);
    return status;
}

tn_status tn__guard_set(tn_db *db, int64_t deadline_ns, tn_error *err)
{
    tn__conn *conn = db->conn;

    tn_status status = tn__guard_end(db, deadline_ns, err);
    if (status != TN_OK)
        return status;
    if (!conn->driver->txn.savepoint)
        return tn_error_set(err, TN_UNSUPPORTED, "0A000", "the driver has no savepoints");
    status = conn->driver->txn.savepoint(conn->drv, db->depth, deadline_ns, err);
    if (status != TN_OK)
        tn__conn_settle(conn, tn__db_grace_ms(db, deadline_ns), err);
    db->saved = status == TN_OK;
    db->failed = false; /* before there was a savepoint nothing was done */
    return status;
}
