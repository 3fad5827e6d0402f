/* SPDX-License-Identifier: MIT */
/* Sessions: one connection lent for as long as the caller wants. */
#include <stdlib.h>

#include "base/clock.h"
#include "session/portal.h"
#include "session/transaction.h"

/* Tools that find the use of memory that was freed are to find that of a handle that was released. */
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

/* The connection's, from the session before. NULL: no memory. */
static tn_db *take_handle(tn__conn *conn)
{
    tn_db *kept = conn->handle;

    conn->handle = NULL;
    return kept ? kept : malloc(sizeof(*kept));
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
    tn_status status = tn__db_check_client(client, "tn_acquire", err);
    if (status != TN_OK)
        return status;

    tn__provider *provider = client->provider;
    tn__conn *conn;
    status = provider->acquire(provider, TN_NO_DEADLINE, &conn, err);
    if (status != TN_OK)
        return status;
    tn_db *session = take_handle(conn);
    if (!session) {
        provider->release(provider, conn);
        return tn_error_set(err, TN_NOMEM, NULL, "out of memory");
    }
    atomic_store_explicit(&conn->lease.what, "session", memory_order_relaxed);
    conn->unused = true;
    *session = (tn_db){.magic = TN__DB_MAGIC,
                       .kind = TN__DB_SESSION,
                       .provider = provider,
                       .conn = conn,
                       .deadline_ns = TN_NO_DEADLINE};
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
