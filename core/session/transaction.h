/* SPDX-License-Identifier: MIT */
/* What the rest of the session room needs of transactions. */
#ifndef TENON_SESSION_TRANSACTION_H
#define TENON_SESSION_TRANSACTION_H

#include "session/handle.h"

/* The handle that it was begun on goes away: the transaction (and those nested in it) has no
 * connection any more; its owner still frees it with tn_commit() or tn_rollback(). NULL is fine. */
void tn__txn_orphan(tn_db *tx);

/*
 * A statement of it failed: it is aborted, also where the server saw nothing of that. What the
 * client finds (an argument that does not fit, a text that is none, a deadline that has passed)
 * and what the server finds differ from driver to driver, and a program must not see where the
 * border is. TN_MISUSE is no statement's error. db may be any handle, and gone with TN_MISUSE.
 */
static inline void tn__txn_note(tn_db *db, tn_status status)
{
    if (status != TN_OK && status != TN_MISUSE && db->kind == TN__DB_TXN)
        db->failed = true;
}

/* Behind a savepoint (guard.h) it is undone before the next call. */
static inline bool tn__txn_failed(const tn_db *db)
{
    return db->failed && !db->call_savepoints;
}

/* TN_ABORTED for one of which a statement failed. */
tn_status tn__txn_refuse(tn_error *err);

static inline tn_status tn__txn_check(const tn_db *db, tn_error *err)
{
    return TN_UNLIKELY(tn__txn_failed(db)) ? tn__txn_refuse(err) : TN_OK;
}

/* What is done in the place of COMMIT alone. */
typedef struct tn__txn_end {
    /* commit: and COMMIT, which is judged as that of the driver; else on a savepoint, which is
     * released afterwards. What fails has not committed. */
    tn_status (*run)(void *arg, tn_db *tx, bool commit, tn_error *err);
    void *arg;
} tn__txn_end;

/* tn_commit() with that. err is not NULL. */
tn_status tn__txn_commit_with(tn_db *tx, const tn__txn_end *end, tn_error *err);

#endif
