/* SPDX-License-Identifier: MIT */
/*
 * tn_txn_options.call_savepoints: each call on the transaction's own handle stands behind a
 * savepoint. What the call left is looked at when the next one comes, or the end: the savepoint is
 * released, or rolled back to when the server holds the transaction for failed. So nobody has to
 * know when a call, or the rows of one, came to an end.
 */
#ifndef TENON_SESSION_GUARD_H
#define TENON_SESSION_GUARD_H

#include "session/handle.h"

/* tn__portal_free_wire() for a call on this handle, which may be a client's: with guarded calls the
 * failure of rows that are open is theirs alone. */
tn_status tn__guard_detach(const tn_db *db, tn__conn *conn, int64_t deadline_ns, tn_error *err);

static inline tn_status tn__guard_free_wire(const tn_db *db, tn__conn *conn, int64_t deadline_ns,
                                            tn_error *err)
{
    return TN_LIKELY(!conn->attached) ? TN_OK : tn__guard_detach(db, conn, deadline_ns, err);
}

/* Before a call on a handle that is no client, its wire is free: ends the last one, sets the
 * savepoint. Nothing to do on a handle without. After a failure the connection is settled. */
tn_status tn__guard_set(tn_db *db, int64_t deadline_ns, tn_error *err);

static inline tn_status tn__guard_begin(tn_db *db, int64_t deadline_ns, tn_error *err)
{
    return TN_LIKELY(!db->call_savepoints) ? TN_OK : tn__guard_set(db, deadline_ns, err);
}

/* Ends the last call alone, before something that is a savepoint itself, or COMMIT. */
tn_status tn__guard_undo(tn_db *db, int64_t deadline_ns, tn_error *err);

static inline tn_status tn__guard_end(tn_db *db, int64_t deadline_ns, tn_error *err)
{
    return TN_LIKELY(!db->saved) ? TN_OK : tn__guard_undo(db, deadline_ns, err);
}

#endif
