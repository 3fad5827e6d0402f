/* SPDX-License-Identifier: MIT */
/* What the rest of the session room needs of transactions. */
#ifndef TENON_SESSION_TRANSACTION_H
#define TENON_SESSION_TRANSACTION_H

#include "session/handle.h"

/* The handle that it was begun on goes away: the transaction (and those nested in it) has no
 * connection any more; its owner still frees it with tn_commit() or tn_rollback(). NULL is fine. */
void tn__txn_orphan(tn_db *tx);

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
