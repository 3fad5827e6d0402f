/* SPDX-License-Identifier: MIT */
/*
 * Transactions. On a client or session they are real, on a transaction they are savepoints.
 *
 *   static tn_status move(tn_db *tx, void *arg, tn_error *err) { ... return TN_OK; }
 *   tn_transaction(db, NULL, move, &arg, &err);
 *
 * After an error the transaction is aborted, as in PostgreSQL, on every driver: statements answer
 * TN_ABORTED (25P02) until it is rolled back, and a COMMIT rolls back and says so. It makes no
 * difference who found the error: an argument that does not fit its placeholder aborts, too. What
 * is found when an answer is read (TN_NOT_FOUND, TN_TOO_MANY_ROWS, a target that does not fit) does
 * not: the statement went well. Neither does TN_MISUSE. With tn_txn_options.call_savepoints only
 * the call that failed is undone.
 *
 * Thread rule: a transaction's handle belongs to one thread at a time. While a nested one is open
 * its parent answers TN_MISUSE.
 *
 * With DATABASE_REPLICA_URL a read-only transaction that is begun on the client goes to the
 * replica, and to the primary when the replica is away or used up. What was committed just now may
 * not be seen there yet.
 */
#ifndef TENON_TXN_H
#define TENON_TXN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tenon/db.h>
#include <tenon/error.h>
#include <tenon/export.h>
#include <tenon/isolation.h>

/* Settings of a transaction; for a savepoint they must be the defaults (TN_MISUSE, 25001).
 * TN_TXN_OPTIONS_INIT gives the defaults; fields are only added at the end. */
typedef struct tn_txn_options {
    size_t size;
    tn_isolation isolation;
    bool read_only;
    bool deferrable;    /* with SERIALIZABLE and read_only */
    int64_t timeout_ms; /* for the whole transaction, waiting for a connection included; 0: none */
    uint32_t retries; /* tn_transaction() only: on 40001 and 40P01 run it again, at most so often */
    bool retry_lost;  /* also when the connection was lost and nothing was applied */
    /* Each call on the transaction's own handle that fails is undone by itself, and the transaction
     * goes on: a savepoint stands before each (on PostgreSQL one round trip more). A savepoint may
     * have it too. */
    bool call_savepoints;
} tn_txn_options;
/* clang-format off */
#define TN_TXN_OPTIONS_INIT {sizeof(tn_txn_options), TN_ISOLATION_DEFAULT, false, false, 0, 0, false, false}
/* clang-format on */

/* What a transaction does. Anything but TN_OK rolls back, and is what tn_transaction() returns. It
 * may be called again when retries are asked for: it must not keep results of a failed attempt. */
typedef tn_status tn_txn_fn(tn_db *tx, void *arg, tn_error *err);

TN_BEGIN_DECLS

/*
 * Begins, calls fn, commits when it returned TN_OK, else rolls back. options may be NULL. The error
 * is the first cause: a statement's error that fn swallowed makes COMMIT fail with TN_ABORTED.
 *
 * When COMMIT was sent and its answer never came, the server is asked on another connection what
 * became of the transaction, where the driver can (PostgreSQL: pg_xact_status()), until the
 * deadline or DB_CONNECTION_TIMEOUT: TN_OK when it was committed, TN_LOST with the outcome not
 * applied when it was not. Otherwise TN_OUTCOME_UNKNOWN, 08007: never run again by itself.
 */
TN_API TN_NODISCARD tn_status tn_transaction(tn_db *db, const tn_txn_options *options,
                                             tn_txn_fn *fn, void *arg, tn_error *err);

/* For code that cannot be a callback. tn_commit() and tn_rollback() end the handle whatever they
 * return (but for a debug build's TN_MISUSE while another thread is in a call on it). */
TN_API TN_NODISCARD tn_status tn_begin(tn_db *db, const tn_txn_options *options, tn_db **ret_tx,
                                       tn_error *err);
TN_API TN_NODISCARD tn_status tn_commit(tn_db *tx, tn_error *err);

/*
 * Asks once more, for an error with TN_OUTCOME_UNKNOWN: transaction is its field of that name.
 * *ret is TN_OUTCOME_APPLIED, _NOT_APPLIED, or _IN_DOUBT when it could not be learned within
 * timeout_ms. The answer is that of the server which is reached now: after a failover to a standby
 * that lagged behind, that one's history counts. On a client; any thread.
 */
TN_API TN_NODISCARD tn_status tn_commit_outcome(tn_db *client, const char *transaction,
                                                int64_t timeout_ms, tn_outcome *ret, tn_error *err);

/* NULL is fine. TN_OK when nothing of the transaction remains, also when the connection had to be
 * closed for that. */
TN_API tn_status tn_rollback(tn_db *tx, tn_error *err);

/* Savepoints below this handle: 0 for a client or session, 1 for a transaction, 2 ... */
TN_API unsigned tn_depth(const tn_db *db);

TN_END_DECLS

#endif
