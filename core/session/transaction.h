/* SPDX-License-Identifier: MIT */
/* What the rest of the session room needs of transactions. */
#ifndef TENON_SESSION_TRANSACTION_H
#define TENON_SESSION_TRANSACTION_H

#include "session/handle.h"

/* The handle that it was begun on goes away: the transaction (and those nested in it) has no
 * connection any more; its owner still frees it with tn_commit() or tn_rollback(). NULL is fine. */
void tn__txn_orphan(tn_db *tx);

#endif
