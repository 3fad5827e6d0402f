/* SPDX-License-Identifier: MIT */
#include "session/handle.h"

#include "base/clock.h"
#include "base/relaxed.h"
#include "session/fork.h"

enum { UNHURRIED_MS = 5000 };

tn_status tn__provider_check(const tn__provider *provider, tn_error *err)
{
    if (provider->fork_generation == tn__fork_generation())
        return TN_OK;
    tn_error_set(err, TN_FORKED, NULL,
                 "the handle was opened before fork(), in the parent process");
    tn_error_set_hint(err, "open a handle of its own in the child");
    return TN_FORKED;
}

tn_status tn__db_check_ending(const tn_db *db, tn_error *err)
{
    if (!db || db->magic != TN__DB_MAGIC)
        return tn_error_set(err, TN_MISUSE, NULL, "%s",
                            db ? "the handle was closed or is none" : "the handle is NULL");
    if (db->kind != TN__DB_CLIENT && !db->conn)
        return tn_error_set(err, TN_MISUSE, "25000",
                            "the transaction was ended with the handle that it was begun on");
    tn_status status = tn__provider_check(db->provider, err);
    if (status != TN_OK)
        return status;
    if (db->conn)
        db->conn->unused = false;
    if (db->conn && db->conn->discard)
        return tn_error_set(err, TN_LOST, "08006", "the connection of this %s was lost before",
                            db->kind == TN__DB_TXN ? "transaction" : "session");
    if (db->child) {
        tn_error_set(err, TN_MISUSE, "25001", "a nested transaction is open on this handle");
        tn_error_set_hint(err, "use the nested transaction's handle, or end it first");
        return TN_MISUSE;
    }
    return TN_OK;
}

tn_status tn__db_check(const tn_db *db, tn_error *err)
{
    tn_status status = tn__db_check_ending(db, err);

    if (status != TN_OK || !db->conn || !tn__host_stopping(&db->conn->host))
        return status;
    return tn_error_set(err, TN_SHUTDOWN, NULL, "the client is being closed");
}

tn_status tn__db_check_client(const tn_db *db, const char *function, tn_error *err)
{
    tn_status status = tn__db_check(db, err);

    if (status == TN_OK && db->kind != TN__DB_CLIENT)
        return tn_error_set(err, TN_MISUSE, NULL, "%s: the handle is not a client", function);
    return status;
}

tn_status tn__db_enter(tn_db *db, tn_error *err)
{
#ifndef NDEBUG
    if (db->kind != TN__DB_CLIENT && atomic_exchange(&db->entered, true))
        return tn_error_set(err, TN_MISUSE, NULL,
                            "a session or transaction is used by two threads at once");
#else
    (void)db;
    (void)err;
#endif
    return TN_OK;
}

void tn__db_leave(tn_db *db)
{
#ifndef NDEBUG
    if (db->kind != TN__DB_CLIENT)
        atomic_store(&db->entered, false);
#else
    (void)db;
#endif
}

int64_t tn__db_deadline(const tn_db *db, int64_t timeout_ms)
{
    if (timeout_ms == 0)
        timeout_ms = tn__relaxed(&db->timeout_ms);
    if (timeout_ms == 0)
        timeout_ms = tn__relaxed(&db->provider->statement_timeout_ms);
    if (timeout_ms == 0)
        return db->deadline_ns;
    if (timeout_ms < 0)
        return db->deadline_ns;
    return tn__deadline_min(db->deadline_ns, tn__deadline_after_ms(tn__now_ns(), timeout_ms));
}

int64_t tn__db_grace_ms(const tn_db *db, int64_t deadline_ns)
{
    int64_t least = tn__relaxed(&db->provider->cancel_timeout_ms), left = UNHURRIED_MS;

    if (deadline_ns != TN_NO_DEADLINE)
        left = (deadline_ns - tn__now_ns()) / TN__NS_PER_MS;
    left = left < UNHURRIED_MS ? left : UNHURRIED_MS;
    return left > least ? left : least;
}

void tn_set_timeout(tn_db *db, int64_t timeout_ms)
{
    if (db && db->magic == TN__DB_MAGIC)
        atomic_store_explicit(&db->timeout_ms, timeout_ms, memory_order_relaxed);
}

void tn_cancel(tn_db *db)
{
    if (!db || db->magic != TN__DB_MAGIC)
        return;
    if (db->kind == TN__DB_CLIENT)
        db->provider->cancel_all(db->provider);
    else if (db->conn)
        tn__host_cancel(&db->conn->host);
}

unsigned tn_depth(const tn_db *db)
{
    return db && db->magic == TN__DB_MAGIC ? db->depth : 0;
}
