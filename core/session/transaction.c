/* SPDX-License-Identifier: MIT */
/*
 * The only place where transaction state is kept: which handle has which child, and at what depth.
 * Whether the transaction has failed is the driver's to know, because the server knows it.
 */
#include "session/transaction.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/relaxed.h"
#include "base/sqlstate.h"
#include "base/str.h"
#include "observe/log.h"
#include "session/bulk.h"
#include "session/guard.h"
#include "session/portal.h"
#include "session/run.h"
#include "session/txnwatch.h"

enum {
    CLEANUP_MS = 5000, /* a rollback that takes longer costs the connection */
    REPLICA_MS = 1000,
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
        /* One that is away is to be noticed while another can still be taken. */
        .eager = tx->parent && tx->provider != tx->parent->provider,
    };

    tn_db *on = tx->depth > 1 ? tx->parent : tx;
    tn_status status = tn__guard_free_wire(on, conn, tx->deadline_ns, err);
    if (status != TN_OK)
        return status;
    if (tx->depth == 1 && tn__conn_state(conn) != TN_CONN_IDLE)
        return tn_error_set(err, TN_MISUSE, "25001",
                            "a transaction that was begun by SQL text is open on this session");
    tn__host_begin(&conn->host);
    status = tn__guard_end(on, tx->deadline_ns, err);
    if (status != TN_OK)
        ;
    else if (tx->depth == 1)
        status = conn->driver->txn.begin(conn->drv, &request, tx->deadline_ns, err);
    else if (!conn->driver->txn.savepoint)
        status = tn_error_set(err, TN_UNSUPPORTED, "0A000", "the driver has no savepoints");
    else
        status = conn->driver->txn.savepoint(conn->drv, tx->depth - 1, tx->deadline_ns, err);
    if (status != TN_OK)
        tn__conn_settle(conn, tn__db_grace_ms(tx, tx->deadline_ns), err);
    tn__host_end(&conn->host);
    return status;
}

/* A replica that does not come up with a connection soon is not waited for. */
static bool take_from_replica(tn_db *tx)
{
    tn__provider *reader = tx->provider->reader(tx->provider);
    int64_t limit = tn__deadline_after_ms(tn__now_ns(), REPLICA_MS);

    if (!reader ||
        reader->acquire(reader, tn__deadline_min(limit, tx->deadline_ns), &tx->conn, NULL) != TN_OK)
        return false;
    tx->provider = reader;
    return true;
}

static tn_status take_connection(tn_db *tx, bool read_only, tn_error *err)
{
    tn__provider *provider = tx->provider;

    if (tx->parent->kind != TN__DB_CLIENT) {
        tx->conn = tx->parent->conn;
        return TN_OK;
    }
    tn_status status = read_only && take_from_replica(tx)
                           ? TN_OK
                           : provider->acquire(provider, tx->deadline_ns, &tx->conn, err);
    if (status == TN_OK)
        atomic_store_explicit(&tx->conn->lease.what, "transaction", memory_order_relaxed);
    return status;
}

static void give_connection(tn_db *tx)
{
    if (tx->parent && tx->parent->kind == TN__DB_CLIENT && tx->conn)
        tx->provider->release(tx->provider, tx->conn);
    tx->conn = NULL;
}

static tn_status start_watched(tn_db *tx, const tn_txn_options *options, tn_error *err)
{
    tn__txnwatch_begin(tx);
    tn_status status = start(tx, options, err);
    if (status != TN_OK)
        tn__txnwatch_refused(tx, status, err);
    return status;
}

/* What was lost at BEGIN did nothing; a replica that is lost is one that is away. */
static tn_status take_and_start(tn_db *tx, const tn_txn_options *options, tn_error *err)
{
    tn_status status = take_connection(tx, options->read_only, err);
    tn_error why; /* large, and only filled on failure */

    why.status = TN_OK;
    if (status == TN_OK)
        status = start_watched(tx, options, &why);
    if (status != TN_OK && tx->conn && tx->conn->discard && tx->provider != tx->parent->provider) {
        give_connection(tx);
        tx->provider = tx->parent->provider;
        status = take_connection(tx, false, err);
        if (status == TN_OK)
            status = start_watched(tx, options, &why);
    }
    if (status == TN_LOST)
        why.outcome = TN_OUTCOME_NOT_APPLIED;
    if (status != TN_OK && tx->conn && err)
        *err = why;
    return status;
}

static const tn_txn_options defaults = TN_TXN_OPTIONS_INIT;

/* The handle's deadline, cut by that of the options. */
static int64_t deadline_of(const tn_db *db, const tn_txn_options *options)
{
    if (options->timeout_ms <= 0)
        return db->deadline_ns;
    return tn__deadline_min(db->deadline_ns,
                            tn__deadline_after_ms(tn__now_ns(), options->timeout_ms));
}

/* Who was compiled before there was this knows nothing of it. */
static bool wants_savepoints(const tn_txn_options *options)
{
    size_t end = offsetof(tn_txn_options, call_savepoints) + sizeof(options->call_savepoints);

    return options->size >= end && options->call_savepoints;
}

static tn_status begin(tn_db *db, const tn_txn_options *options, int64_t deadline_ns,
                       tn_db **ret_tx, tn_error *err)
{
    tn_db *tx = calloc(1, sizeof(*tx));

    if (!tx)
        return tn_error_set(err, TN_NOMEM, NULL, "out of memory");
    tx->magic = TN__DB_MAGIC;
    tx->kind = TN__DB_TXN;
    tx->provider = db->provider;
    tx->parent = db;
    tx->depth = db->depth + 1;
    tx->deadline_ns = deadline_ns;
    tx->call_savepoints = wants_savepoints(options);
    if (db->kind != TN__DB_CLIENT)
        tx->timeout_ms = tn__relaxed(&db->timeout_ms);
    tn_status status = take_and_start(tx, options, err);
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

tn_status tn__txn_refuse(tn_error *err)
{
    tn_error_set(err, TN_ABORTED, "25P02",
                 "the transaction is aborted: a statement of it failed, and what comes behind that "
                 "is not run");
    tn_error_set_hint(err, "roll it back, and do what may fail in a transaction within it");
    return TN_ABORTED;
}

static tn_status check_begin(const tn_db *db, const tn_txn_options *options, tn_error *err)
{
    tn_status status = tn__db_check(db, err);

    if (status == TN_OK)
        status = tn__txn_check(db, err);
    return status == TN_OK ? check_options(db, options, err) : status;
}

tn_status tn_begin(tn_db *db, const tn_txn_options *options, tn_db **ret_tx, tn_error *err)
{
    if (!options)
        options = &defaults;
    tn_status status = check_begin(db, options, err);
    if (status != TN_OK)
        return status;
    return begin(db, options, deadline_of(db, options), ret_tx, err);
}

/* ---- end ------------------------------------------------------------------------------------- */

void tn__txn_orphan(tn_db *tx)
{
    if (!tx)
        return;
    tn__txn_orphan(tx->child);
    tn__bulk_cut(tx->bulk);
    tn__txnwatch_end(tx, "rollback", TN_OK, NULL);
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

/* What came before may have used up the transaction's deadline: then undoing has the time that
 * ending a statement has. */
static int64_t undo_deadline(const tn_db *tx)
{
    int64_t now = tn__now_ns(), most = tn__deadline_after_ms(now, CLEANUP_MS);
    int64_t least = tn__deadline_after_ms(now, tn__db_grace_ms(tx, tx->deadline_ns));

    return tx->deadline_ns > least ? tn__deadline_min(tx->deadline_ns, most) : least;
}

/* Undoes a level on the connection. A connection on which that does not work is given up, and with
 * it the work. */
static tn_status undo(tn_db *tx, tn_error *err)
{
    tn__conn *conn = tx->conn;
    const tn_txn_ops *ops = &conn->driver->txn;
    int64_t deadline = undo_deadline(tx);
    tn_status status = TN_OK;

    conn->host.shielded = true;
    if (tx->depth == 1) {
        /* Closing the connection undoes it as well, so that is no failure. */
        if (tn__conn_state(conn) != TN_CONN_IDLE &&
            ops->rollback(conn->drv, deadline, NULL) != TN_OK)
            conn->discard = true;
    } else {
        status = ops->rollback_to(conn->drv, tx->depth - 1, deadline, err);
        if (status == TN_OK)
            status = ops->release(conn->drv, tx->depth - 1, deadline, err);
    }
    conn->host.shielded = false;
    return status;
}

/* Rows that are open on this level end. Before a COMMIT their rest is read and thrown away, because
 * cutting a statement off would fail the transaction; before a rollback that is no loss. */
static void end_rows(tn_db *tx, bool committing)
{
    tn__conn *conn = tx->conn;
    tn__portal *attached = conn->attached;

    tn__bulk_cut(tx->bulk);
    if (attached && (committing || attached->depth < tx->depth)) {
        int64_t limit = tn__deadline_after_ms(tn__now_ns(), TN__DRAIN_MS);
        if (attached->depth >= tx->depth)
            tn__portal_drain(attached, tn__deadline_min(limit, tx->deadline_ns));
        else
            (void)tn__portal_free_wire(conn, tx->provider->row_buffer, tx->deadline_ns,
                                       tn__db_grace_ms(tx, tx->deadline_ns), NULL);
    }
    tn__portal_orphan(conn, tx->depth);
    tn__conn_settle(conn, tn__db_grace_ms(tx, tx->deadline_ns), NULL);
}

/* Nested transactions that are still open are undone, the innermost first. */
static void end_children(tn_db *tx)
{
    if (!tx->child)
        return;
    end_children(tx->child);
    end_rows(tx->child, false);
    if (tx->depth > 1 && !tx->conn->discard && undo(tx->child, NULL) != TN_OK)
        tx->conn->discard = true;
    tn__txn_orphan(tx->child);
    tx->child = NULL;
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
    if (tn__db_enter(tx, err) != TN_OK)
        return TN_MISUSE; /* the other thread's call goes on, and so does the handle */
    if (tx->conn && tn__provider_check(tx->provider, NULL) == TN_OK) {
        end_children(tx);
        end_rows(tx, false);
        if (!tx->conn->discard)
            status = undo(tx, err);
        tn__txnwatch_end(tx, "rollback", status, err);
    }
    free_handle(tx);
    return status;
}

/* The answer to COMMIT did not come: another connection asks for it. What is learned replaces the
 * doubt, not the cause. */
static tn_status find_outcome(tn_db *tx, tn_error *err)
{
    tn__conn *conn = tx->conn;
    char id[TN_TXN_ID_SIZE] = "";

    conn->discard = err->discarded = true; /* nobody waits for that answer any more */
    if (conn->driver->txn.identify)
        conn->driver->txn.identify(conn->drv, id, sizeof(id));
    if (!id[0])
        return TN_OUTCOME_UNKNOWN;
    switch (tx->provider->find_outcome(tx->provider, tn_str_from(id), tx->deadline_ns)) {
    case TN_OUTCOME_APPLIED: return TN_OK;
    case TN_OUTCOME_NOT_APPLIED:
        err->status = TN_LOST;
        err->outcome = TN_OUTCOME_NOT_APPLIED;
        err->retry = TN_RETRY_TRANSACTION;
        tn__copy_text(err->sqlstate, sizeof(err->sqlstate), TN__STR("08006"));
        tn_error_prepend(err, "the connection was lost at COMMIT, which was not done");
        return TN_LOST;
    default:
        tn__copy_text(err->transaction, sizeof(err->transaction), tn_str_from(id));
        return TN_OUTCOME_UNKNOWN;
    }
}

/* Once COMMIT is sent it is waited for: a cancel would only make its outcome unknown. */
static tn_status commit_alone(tn_db *tx, tn_error *err)
{
    tn__conn *conn = tx->conn;

    conn->host.shielded = true;
    tn_status status = conn->driver->txn.commit(conn->drv, tx->deadline_ns, err);
    conn->host.shielded = false;
    return status;
}

static tn_status commit_for_good(tn_db *tx, const tn__txn_end *end, tn_error *err)
{
    tn_error why; /* large, and only filled on failure */

    why.status = TN_OK;
    tn_status status = end ? end->run(end->arg, tx, true, &why) : commit_alone(tx, &why);
    if (status == TN_OUTCOME_UNKNOWN)
        status = find_outcome(tx, &why);
    if (status != TN_OK && err)
        *err = why;
    return status;
}

static tn_status had_failed(const tn_db *tx, tn_error *err)
{
    return tn_error_set(err, TN_ABORTED, "25P02",
                        "the %stransaction had failed; its work was undone",
                        tx->depth > 1 ? "nested " : "");
}

static tn_status end_level(tn_db *tx, const tn__txn_end *end, tn_error *err)
{
    tn__conn *conn = tx->conn;

    /* What the server does not know of is not left to it. */
    if (tn__txn_failed(tx) && tn__conn_state(conn) == TN_CONN_IN_TXN)
        return had_failed(tx, err);
    if (tx->depth == 1)
        return commit_for_good(tx, end, err);
    tn_status status = end ? end->run(end->arg, tx, false, err) : TN_OK;
    if (status != TN_OK)
        return status;
    if (tn__conn_state(conn) == TN_CONN_FAILED)
        return had_failed(tx, err);
    return conn->driver->txn.release(conn->drv, tx->depth - 1, tx->deadline_ns, err);
}

static tn_status commit_level(tn_db *tx, const tn__txn_end *end, tn_error *err)
{
    tn__conn *conn = tx->conn;

    if (tx->deadline_ns != TN_NO_DEADLINE && tn__now_ns() >= tx->deadline_ns) {
        (void)undo(tx, NULL);
        return tn_error_set(err, TN_TIMEOUT, "57014",
                            "the transaction's deadline passed before COMMIT; it was rolled back");
    }
    tn_status status = end_level(tx, end, err);
    if (status == TN_OK)
        return TN_OK;
    if (err && err->phase == TN_PHASE_NONE)
        err->phase = TN_PHASE_COMMIT;
    if (!conn->discard)
        tn__conn_settle(conn, tn__db_grace_ms(tx, tx->deadline_ns), err);
    if (!conn->discard && tn__conn_state(conn) != TN_CONN_IDLE)
        (void)undo(tx, NULL);
    return status;
}

static tn_status commit(tn_db *tx, const tn__txn_end *end, tn_error *err)
{
    if (tx->child) {
        end_children(tx);
        end_rows(tx, false);
        if (!tx->conn->discard)
            (void)undo(tx, NULL);
        return tn_error_set(err, TN_MISUSE, "25001",
                            "tn_commit: a nested transaction is open; everything was rolled back");
    }
    tn_status status = tn__db_check_ending(tx, err);
    if (status != TN_OK)
        return status;
    bool failed = tn__conn_state(tx->conn) == TN_CONN_FAILED;
    end_rows(tx, true);
    (void)tn__guard_end(tx, tx->deadline_ns, NULL); /* what is failed then is found below */
    if (!failed && !tx->conn->discard && tn__conn_state(tx->conn) == TN_CONN_FAILED) {
        (void)undo(tx, NULL);
        return tn__run_cut_off(err);
    }
    if (tx->conn->discard)
        return tn_error_set(err, TN_LOST, "08006",
                            "tn_commit: the connection was lost before; nothing is applied");
    tn__host_begin(&tx->conn->host);
    status = commit_level(tx, end, err);
    tn__host_end(&tx->conn->host);
    return status;
}

static tn_status commit_with(tn_db *tx, const tn__txn_end *end, tn_error *err)
{
    if (!is_transaction(tx))
        return tn_error_set(err, TN_MISUSE, NULL, "tn_commit: the handle is not a transaction");
    if (tn__db_enter(tx, err) != TN_OK)
        return TN_MISUSE;
    /* Without a connection the client may be gone as well. */
    bool ours = tx->conn && tn__provider_check(tx->provider, NULL) == TN_OK;
    tn_status status = ours ? commit(tx, end, err) : tn__db_check_ending(tx, err);
    tn__txnwatch_end(tx, "commit", status, err);
    free_handle(tx);
    return status;
}

tn_status tn_commit(tn_db *tx, tn_error *err)
{
    return commit_with(tx, NULL, err);
}

tn_status tn__txn_commit_with(tn_db *tx, const tn__txn_end *end, tn_error *err)
{
    return commit_with(tx, end, err);
}

/* ---- with a callback ------------------------------------------------------------------------- */

static tn_status attempt(tn_db *db, const tn_txn_options *options, int64_t deadline_ns,
                         tn_txn_fn *fn, void *arg, tn_error *err)
{
    tn_db *tx;

    tn_status status = begin(db, options, deadline_ns, &tx, err);
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
static void pause_before_retry(tn__provider *provider, uint32_t number)
{
    int64_t most = RETRY_MIN_MS;

    for (uint32_t i = 0; i < number && most < RETRY_MAX_MS; i++)
        most *= 2;
    tn_uuid random = tn_uuid_random();
    provider->pause(provider,
                    (random.bytes[0] << 8 | random.bytes[1]) * most * TN__NS_PER_MS / 65536);
}

static bool may_run_again(const tn_txn_options *options, const tn_error *err)
{
    return err->status == TN_SERIALIZATION || (options->retry_lost && err->status == TN_LOST &&
                                               err->outcome == TN_OUTCOME_NOT_APPLIED);
}

tn_status tn_transaction(tn_db *db, const tn_txn_options *options, tn_txn_fn *fn, void *arg,
                         tn_error *err)
{
    tn_error local;

    if (!fn)
        return tn_error_set(err, TN_MISUSE, NULL, "tn_transaction: the callback is NULL");
    if (!options)
        options = &defaults;
    tn_status status = check_begin(db, options, err);
    if (status != TN_OK)
        return status;
    /* A savepoint cannot make a serialization failure good. */
    uint32_t retries = db->depth == 0 ? options->retries : 0;
    int64_t deadline = deadline_of(db, options);
    tn_error *error = err ? err : &local;
    tn_error before = err ? *err : (tn_error)TN_ERROR_INIT;
    for (uint32_t tried = 0;; tried++) {
        tn_error_clear(error);
        status = attempt(db, options, deadline, fn, arg, error);
        if (status == TN_OK && err)
            *err = before;
        if (status == TN_OK || status != error->status || !may_run_again(options, error) ||
            tried >= retries)
            return status;
        tn__log(TN_LOG_INFO, "txn", "tried again (%u of %u) after: %s", tried + 1, retries,
                error->message);
        tn__txnwatch_retry(db, tried + 2, error);
        pause_before_retry(db->provider, tried);
        if (deadline != TN_NO_DEADLINE && tn__now_ns() >= deadline)
            return status;
    }
}
