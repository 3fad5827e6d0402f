/* SPDX-License-Identifier: MIT */
#include "pool/resolve.h"

#include "base/clock.h"
#include "base/relaxed.h"
#include "base/str.h"
#include "observe/log.h"
#include "pool/connector.h"

enum { PAUSE_FIRST_MS = 20, PAUSE_MOST_MS = 250 };

/* TN_OUTCOME_IN_DOUBT: worth another try. TN_OUTCOME_NONE: nobody will ever know. */
static tn_outcome ask_once(tn__source *source, tn_str id, int64_t deadline_ns, tn_error *err)
{
    tn_outcome outcome = TN_OUTCOME_IN_DOUBT;
    tn__conn *conn;

    if (tn__connect_by(source, deadline_ns, &conn, err) != TN_OK)
        return tn__may_come_back(err) ? TN_OUTCOME_IN_DOUBT : TN_OUTCOME_NONE;
    if (conn->driver->txn.outcome(conn->drv, id, deadline_ns, &outcome, err) != TN_OK)
        outcome = err->status == TN_LOST || err->status == TN_TIMEOUT ? TN_OUTCOME_IN_DOUBT
                                                                      : TN_OUTCOME_NONE;
    tn__conn_close(conn);
    return outcome;
}

tn_outcome tn__resolve(tn__provider *provider, tn_str id, int64_t deadline_ns)
{
    tn__pool *pool = (tn__pool *)provider;
    int64_t limit = tn__deadline_after_ms(tn__now_ns(), tn__relaxed(&pool->connect_timeout_ms));
    int64_t pause_ms = PAUSE_FIRST_MS;
    tn_error why = TN_ERROR_INIT;
    tn_outcome outcome;

    pthread_mutex_lock(&pool->lock);
    tn__source *source = pool->source ? tn__source_ref(pool->source) : NULL;
    pthread_mutex_unlock(&pool->lock);
    if (!source || !source->driver->txn.outcome || !id.len) {
        tn__source_unref(source);
        return TN_OUTCOME_IN_DOUBT;
    }
    limit = tn__deadline_min(limit, deadline_ns);
    while ((outcome = ask_once(source, id, limit, &why)) == TN_OUTCOME_IN_DOUBT &&
           tn__now_ns() + pause_ms * TN__NS_PER_MS < limit) {
        provider->pause(provider, pause_ms * TN__NS_PER_MS);
        pause_ms = pause_ms * 2 < PAUSE_MOST_MS ? pause_ms * 2 : PAUSE_MOST_MS;
    }
    tn__source_unref(source);
    tn__log(TN_LOG_WARN, "txn", "the answer to COMMIT was lost; the server says of %.*s: %s",
            (int)id.len, id.ptr,
            outcome == TN_OUTCOME_APPLIED       ? "committed"
            : outcome == TN_OUTCOME_NOT_APPLIED ? "not committed"
            : outcome == TN_OUTCOME_NONE        ? "no longer known"
                                                : "nothing in time");
    return outcome == TN_OUTCOME_NONE ? TN_OUTCOME_IN_DOUBT : outcome;
}

tn_status tn_commit_outcome(tn_db *client, const char *transaction, int64_t timeout_ms,
                            tn_outcome *ret, tn_error *err)
{
    tn_status status = tn__db_check(client, err);

    if (status != TN_OK)
        return status;
    if (client->kind != TN__DB_CLIENT || !transaction || !transaction[0])
        return tn_error_set(
            err, TN_MISUSE, NULL,
            client->kind != TN__DB_CLIENT
                ? "tn_commit_outcome: the handle is not a client"
                : "tn_commit_outcome: no transaction is named (tn_error.transaction "
                  "is empty when the server did not name it in time)");
    if (!tn__pool_of(client)->driver->txn.outcome)
        return tn_error_set(err, TN_UNSUPPORTED, "0A000",
                            "tn_commit_outcome: the driver cannot tell of a commit");
    int64_t deadline = tn__deadline_after_ms(tn__now_ns(), timeout_ms);
    tn__pool_pin(tn__pool_of(client));
    *ret = tn__resolve(client->provider, tn_str_from(transaction), deadline);
    tn__pool_unpin(tn__pool_of(client));
    return TN_OK;
}
