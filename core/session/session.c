/* SPDX-License-Identifier: MIT */
/* Sessions: one connection lent for as long as the caller wants. */
#include <stdlib.h>

#include "base/clock.h"
#include "session/portal.h"
#include "session/transaction.h"

tn_status tn_acquire(tn_db *client, tn_db **ret_session, tn_error *err)
{
    tn_status status = tn__db_check_client(client, "tn_acquire", err);
    if (status != TN_OK)
        return status;

    tn_db *session = calloc(1, sizeof(*session));
    if (!session)
        return tn_error_set(err, TN_NOMEM, NULL, "out of memory");
    tn__provider *provider = client->provider;
    status = provider->acquire(provider, TN_NO_DEADLINE, &session->conn, err);
    if (status != TN_OK) {
        free(session);
        return status;
    }
    atomic_store_explicit(&session->conn->lease.what, "session", memory_order_relaxed);
    session->magic = TN__DB_MAGIC;
    session->kind = TN__DB_SESSION;
    session->provider = provider;
    session->deadline_ns = TN_NO_DEADLINE;
    *ret_session = session;
    return TN_OK;
}

void tn_release(tn_db *session)
{
    if (!session || session->magic != TN__DB_MAGIC || session->kind != TN__DB_SESSION)
        return;
    tn__txn_orphan(session->child);
    if (tn__provider_check(session->provider, NULL) == TN_OK)
        tn__portal_orphan(session->conn, 0);
    session->magic = 0;
    session->provider->release(session->provider, session->conn);
    free(session);
}
