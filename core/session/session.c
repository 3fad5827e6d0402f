/* SPDX-License-Identifier: MIT */
/* Sessions: one connection lent for as long as the caller wants. */
#include <stdlib.h>

#include "base/clock.h"
#include "session/portal.h"
#include "session/transaction.h"

/* Tools that find the use of memory that was freed are to find that of a handle that was released.
 */
#if defined(__SANITIZE_ADDRESS__)
#define KEEP_HANDLES 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define KEEP_HANDLES 0
#endif
#endif
#ifndef KEEP_HANDLES
#define KEEP_HANDLES 1
#endif

/* Apart, so that what is always zero is not written each time. */
static tn_db *new_handle(tn__provider *provider, tn__conn *conn)
{
    tn_db *session = calloc(1, sizeof(*session));

    if (!session)
        return NULL;
    session->kind = TN__DB_SESSION;
    session->provider = provider;
    session->conn = conn;
    session->deadline_ns = TN_NO_DEADLINE;
    return session;
}

/* The connection's, from the session before; what that may have changed is as at first. NULL: no
 * memory. */
static tn_db *take_handle(tn__provider *provider, tn__conn *conn)
{
    tn_db *kept = conn->handle;

    if (TN_UNLIKELY(!kept))
        return new_handle(provider, conn);
    conn->handle = NULL;
    kept->child = NULL;
    atomic_store_explicit(&kept->timeout_ms, 0, memory_order_relaxed);
    atomic_store_explicit(&kept->entered, false, memory_order_relaxed);
    return kept;
}

static void give_handle(tn__conn *conn, tn_db *session)
{
    session->magic = 0;
    if (KEEP_HANDLES)
        conn->handle = session;
    else
        free(session);
}

tn_status tn_acquire(tn_db *client, tn_db **ret_session, tn_error *err)
{
    tn_status status;
    if (TN_UNLIKELY(!client || client->magic != TN__DB_MAGIC || client->kind != TN__DB_CLIENT) &&
        (status = tn__db_check_client(client, "tn_acquire", err)) != TN_OK)
        return status;

    tn__provider *provider = client->provider;
    tn__conn *conn;
    status = provider->acquire(provider, TN_NO_DEADLINE, &conn, err);
    if (status != TN_OK)
        return status;
    conn->unused = true;
    atomic_store_explicit(&conn->lease.what, "session", memory_order_relaxed);
    tn_db *session = take_handle(provider, conn);
    if (!session) {
        provider->release(provider, conn);
        return tn_error_set(err, TN_NOMEM, NULL, "out of memory");
    }
    session->magic = TN__DB_MAGIC;
    *ret_session = session;
    return TN_OK;
}

void tn_release(tn_db *session)
{
    if (!session || session->magic != TN__DB_MAGIC || session->kind != TN__DB_SESSION)
        return;
    tn__provider *provider = session->provider;
    tn__conn *conn = session->conn;
    bool ours = tn__provider_check(provider, NULL) == TN_OK;
    tn__txn_orphan(session->child);
    if (ours && conn->open)
        tn__portal_orphan(conn, 0);
    if (ours)
        give_handle(conn, session);
    provider->release(provider, conn);
    if (!ours) {
        session->magic = 0;
        free(session);
    }
}
