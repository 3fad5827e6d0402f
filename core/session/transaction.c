/* SPDX-License-Identifier: MIT */
/*
 * The only place where transaction state is kept: which handle has which child, and at what depth.
 * Whether the transaction has failed is the driver's to know, because the server knows it.
 */
#include "session/transaction.h"

#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/sqlstate.h"
#include "session/portal.h"

enum {
    CLEANUP_MS = 5000, /* a rollback that takes longer costs the connection */
    RETRY_MIN_MS = 2,
    RETRY_MAX_MS = 200
};

/* ---- begin ----------------------------------------------------------------------------------- */

static tn_status check_options(const tn_db *db, const tn_txn_options *options, tn_error *err)
{
    if (db->depth == 0 ||
        (options->isolation == TN_ISOLATION_DEFAULT && !options->read_only && !options->deferrable))
        return TN_OK;
    return tn_error_set(err, TN_MISUSE, "25001",
                        "a nested transaction is a savepoint: isolation, read only and deferrable "
                        "are the outer one's");
}

static tn_status start(tn_db *tx, const tn_txn_options *options, tn_error *err)
{
    tn__conn *conn = tx->conn;
    const tn_txn_request request = {
        .size = sizeof(request),
        .isolation = options->isolation,
        .read_only = options->read_only,
        .deferrable = options->deferrable,
    };

    tn_status status = tn__portal_free_wire(conn, tx->provider->row_buffer, tx->deadline_ns,
                                            tn__db_grace_ms(tx), err);
    if (status != TN_OK)
        return status;
    if (tx->depth == 1 && tn__conn_state(conn) != TN_CONN_IDLE)
        return tn_error_set(err, TN_MISUSE, "25001",
                            "a transaction that was begun by SQL text is open on this session");
    tn__host_begin(&conn->host);
    if (tx->depth == 1)
        status = conn->driver->txn.begin(conn->drv, &request, tx->deadline_ns, err);
    else if (!conn->driver->txn.savepoint)
        status = tn_error_set(err, TN_UNSUPPORTED, "0A000", "the driver has no savepoints");
    else
        status = conn->driver->txn.savepoint(conn->drv, tx->depth - 1, tx->deadline_ns, err);
    if (status != TN_OK)
        tn__conn_settle(conn, tn__db_grace_ms(tx), err);
    tn__host_end(&conn->host);
    return status;
}

static tn_status take_connection(tn_db *tx, tn_error *err)
{
    tn__provider *provider = tx->provider;

    if (tx->parent->kind != TN__DB_CLIENT) {
        tx->conn = tx->parent->conn;
        return TN_OK;
    }
    int64_t deadline = tn__deadline_after_ms(tn__now_ns(), provider->pool_timeout_ms);
    return provider->acquire(provider, tn__deadline_min(deadline, tx->deadline_ns), &tx->conn, err);
}

static void give_connection(tn_db *tx)
{
    if (tx->parent && tx->parent->kind == TN__DB_CLIENT && tx->conn)
        tx->provider->release(tx->provider, tx->conn);
    tx->conn = NULL;
}

tn_status tn_begin(tn_db *db, const tn_txn_options *options, tn_db **ret_tx, tn_error *err)
{
    static const tn_txn_options defaults = TN_TXN_OPTIONS_INIT;

    if (!options)
        options = &defaults;
    tn_status status = tn__db_check(db, err);
    if (status == TN_OK)
        status = check_options(db, options, err);
    if (status != TN_OK)
        return status;
    tn_db *tx = calloc(1, sizeof(*tx));
    if (!tx)
        return tn_error_set(err, TN_NOMEM, NULL, "out of memory");
    tx->magic = TN__DB_MAGIC;
    tx->kind = TN__DB_TXN;
    tx->provider = db->provider;
    tx->parent = db;
    tx->depth = db->depth + 1;
    tx->deadline_ns = db->deadline_ns;
    if (options->timeout_ms > 0)
        tx->deadline_ns = tn__deadline_min(
            tx->deadline_ns, tn__deadline_after_ms(tn__now_ns(), options->timeout_ms));
    status = take_connection(tx, err);
    if (status == TN_OK)
        status = start(tx, options, err);
    if (status != TN_OK) {
        give_connection(tx);
        free(tx);
        return status;
    }
    if (db->kind != TN__DB_CLIENT)
        db->child = tx;
    *ret_tx = tx;
    return TN_OK;
}

/* ---- end ------------------------------------------------------------------------------------- */

void tn__txn_orphan(tn_db *tx)
{
    if (!tx)
        return;
    tn__txn_orphan(tx->child);
    tx->child = NULL;
    tx->conn = NULL;
    tx->parent = NULL;
}

/* The handle is gone after this. */
static void free_handle(tn_db *tx)
{
    if (tx->parent && tx->parent->kind != TN__DB_CLIENT)
        tx->parent->child = NULL;
    give_connection(tx);
    tx->magic = 0;
    free(tx);
}

/* Undoes a level on the connection, by its own deadline: what came before may have used up the
 * transaction's. A connection on which that does not work is given up, and with it the work. */
static tn_status undo(tn_db *tx, tn_error *err)
{
    tn__conn *conn = tx->conn;
    const tn_txn_ops *ops = &conn->driver->txn;
    int64_t deadline = tn__deadline_after_ms(tn__now_ns(), CLEANUP_MS);
    tn_status status;

    conn->host.shielded = true;
    if (tx->depth == 1) {
        status = tn__conn_state(conn) == TN_CONN_IDLE ? TN_OK
                                                      : ops->rollback(conn->drv, deadline, err);
        if (status != TN_OK)
            conn->discard = true;
        status = TN_OK; /* closing the connection undoes it as well */
    } else {
        status = ops->rollback_to(conn->drv, tx->depth - 1, deadline, err);
        if (status == TN_OK)
            status = ops->release(conn->drv, tx->depth - 1, deadline, err);
    }
    conn->host.shielded = false;
    return status;
}

/* Rows and nested transactions that are still open end here. */
static void end_children(tn_db *tx)
{
    tn__txn_orphan(tx->child);
    tx->child = NULL;
    if (tx->depth == 1 || tx->conn->attached) {
        if (tx->depth == 1)
            tn__portal_orphan_all(tx->conn);
        else
            (void)tn__portal_free_wire(tx->conn, tx->provider->row_buffer, tx->deadline_ns,
                                       tn__db_grace_ms(tx), NULL);
        tn__conn_settle(tx->conn, tn__db_grace_ms(tx), NULL);
    }
}

static bool is_transaction(const tn_db *tx)
{
    return tx && tx->magic == TN__DB_MAGIC && tx->kind == TN__DB_TXN;
}

tn_status tn_rollback(tn_db *tx, tn_error *err)
{
    tn_status status = TN_OK;

    if (!tx)
        return TN_OK;
    if (!is_transaction(tx))
        return tn_error_set(err, TN_MISUSE, NULL, "tn_rollback: the handle is not a transaction");
    if (tx->conn) {
        end_children(tx);
        if (!tx->conn->discard)
            status = undo(tx, err);
    }
    free_handle(tx);
    return status;
}

static tn_status commit_level(tn_db *tx, tn_error *err)
{
    tn__conn *conn = tx->conn;
    const tn_txn_ops *ops = &conn->driver->txn;
    tn_status status;

    if (tx->deadline_ns != TN_NO_DEADLINE && tn__now_ns() >= tx->deadline_ns) {
        (void)undo(tx, NULL);
        return tn_error_set(err, TN_TIMEOUT, "57014",
                            "the transaction's deadline passed before COMMIT; it was rolled back");
    }
    if (tx->depth == 1) {
        status = ops->commit(conn->drv, tx->deadline_ns, err);
    } else if (tn__conn_state(conn) == TN_CONN_FAILED) {
        status = tn_error_set(err, TN_ABORTED, "25P02",
                              "the nested transaction had failed; its work was undone");
        (void)undo(tx, NULL);
        return status;
    } else {
        status = ops->release(conn->drv, tx->depth - 1, tx->deadline_ns, err);
    }
    if (status == TN_OK)
        return TN_OK;
    if (err && err->phase == TN_PHASE_NONE)
        err->phase = TN_PHASE_COMMIT;
    tn__conn_settle(conn, tn__db_grace_ms(tx), err);
    if (!conn->discard && tn__conn_state(conn) != TN_CONN_IDLE)
        (void)undo(tx, NULL);
    return status;
}

tn_status tn_commit(tn_db *tx, tn_error *err)
{
    if (!is_transaction(tx))
        return tn_error_set(err, TN_MISUSE, NULL, "tn_commit: the handle is not a transaction");
    tn_status status;
    if (!tx->conn) {
        status = tn__db_check(tx, err);
    } else if (tx->child) {
        status = tn_error_set(
            err, TN_MISUSE, "25001",
            "tn_commit: a nested transaction is open; everything was rolled back");
        end_children(tx);
        if (!tx->conn->discard)
            (void)undo(tx, NULL);
    } else if (tx->conn->discard) {
        status = tn_error_set(err, TN_LOST, "08006",
                              "tn_commit: the connection was lost before; nothing is applied");
    } else {
        end_children(tx);
        tn__host_begin(&tx->conn->host);
        status = commit_level(tx, err);
        tn__host_end(&tx->conn->host);
    }
    free_handle(tx);
    return status;
}

/* ---- with a callback ------------------------------------------------------------------------- */

static tn_status attempt(tn_db *db, const tn_txn_options *options, tn_txn_fn *fn, void *arg,
                         tn_error *err)
{
    tn_db *tx;

    tn_status status = tn_begin(db, options, &tx, err);
    if (status != TN_OK)
        return status;
    status = fn(tx, arg, err);
    if (status == TN_OK)
        return tn_commit(tx, err);
    if (err->status == TN_OK)
        tn_error_set(err, status, NULL, "the transaction's callback failed (%s)",
                     tn_status_name(status));
    tn_error undoing = TN_ERROR_INIT;
    if (tn_rollback(tx, &undoing) != TN_OK)
        tn_error_prepend(err, "rolling back failed too (%s)", undoing.message);
    return status;
}

/* Full jitter: two that met once do not meet again at the same time. */
static void pause_before_retry(uint32_t number)
{
    int64_t most = RETRY_MIN_MS;

    for (uint32_t i = 0; i < number && most < RETRY_MAX_MS; i++)
        most *= 2;
    tn_uuid random = tn_uuid_random();
    int64_t us = (random.bytes[0] << 8 | random.bytes[1]) * most * 1000 / 65536;
    struct timespec pause = {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
    nanosleep(&pause, NULL);
}

tn_status tn_transaction(tn_db *db, const tn_txn_options *options, tn_txn_fn *fn, void *arg,
                         tn_error *err)
{
    tn_error local;

    if (!fn)
        return tn_error_set(err, TN_MISUSE, NULL, "tn_transaction: the callback is NULL");
    tn_error *error = err ? err : &local;
    uint32_t retries = options && db && db->magic == TN__DB_MAGIC && db->depth == 0
                           ? options->retries
                           : 0; /* a savepoint cannot make a serialization failure good */
    tn_error before = err ? *err : (tn_error)TN_ERROR_INIT;
    for (uint32_t tried = 0;; tried++) {
        tn_error_clear(error);
        tn_status status = attempt(db, options, fn, arg, error);
        if (status == TN_OK && err)
            *err = before;
        if (status != TN_SERIALIZATION || tried >= retries)
            return status;
        pause_before_retry(tried);
    }
}
