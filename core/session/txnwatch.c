/* SPDX-License-Identifier: MIT */
#include "session/txnwatch.h"

/* While it is open the connection's statements name it as what they belong to. */
static void trace_begin(tn_db *tx)
{
    tn__conn *conn = tx->conn;
    tn_trace_event event = {
        .kind = TN_TRACE_TRANSACTION,
        .parent = conn->trace_parent,
        .driver = conn->driver->name,
        .url = conn->source->url,
        .connection = conn->number,
    };

    tn__trace_begin(&tx->span, &event);
    conn->trace_parent = tx->span.id;
}

static void trace_end(tn_db *tx, const char *what, tn_outcome outcome, tn_status status,
                      const tn_error *err)
{
    tn__conn *conn = tx->conn;
    tn_error local;

    if (status != TN_OK && !err) {
        (void)tn_error_set(&local, status, NULL, "%s", tn_status_name(status));
        err = &local;
    }
    tn_trace_event event = {
        .kind = TN_TRACE_TRANSACTION,
        .affected = -1,
        .driver = conn->driver->name,
        .url = conn->source->url,
        .connection = conn->number,
        .what = what,
        .outcome = outcome,
        .error = status == TN_OK ? NULL : err,
    };
    conn->trace_parent = tx->span.parent;
    tn__trace_end(&tx->span, &event);
}

void tn__txnwatch_begin(tn_db *tx)
{
    if (TN_UNLIKELY(tn__trace_wanted(TN_TRACE_TRANSACTION)))
        trace_begin(tx);
}

void tn__txnwatch_refused(tn_db *tx, tn_status status, const tn_error *err)
{
    if (tx->span.id)
        trace_end(tx, "begin", TN_OUTCOME_NOT_APPLIED, status, err);
}

void tn__txnwatch_end(tn_db *tx, const char *what, tn_status status, const tn_error *err)
{
    bool committed = what[0] == 'c' && status == TN_OK;
    tn_outcome outcome = committed                      ? TN_OUTCOME_APPLIED
                         : status == TN_OUTCOME_UNKNOWN ? TN_OUTCOME_IN_DOUBT
                                                        : TN_OUTCOME_NOT_APPLIED;

    if (!tx->conn || tn__provider_check(tx->provider, NULL) != TN_OK)
        return;
    if (tx->depth == 1)
        tn__stats_transaction(&tx->conn->stats, outcome);
    if (TN_UNLIKELY(tx->span.id != 0))
        trace_end(tx, what, outcome, status, err);
}

void tn__txnwatch_retry(const tn_db *db, uint32_t attempt, const tn_error *why)
{
    tn__count_shared(&db->provider->observe.retries, 1);
    if (!tn__trace_wanted(TN_TRACE_RETRY))
        return;
    tn_trace_event event = {
        .kind = TN_TRACE_RETRY,
        .driver = tn_db_driver(db),
        .url = tn_db_url(db),
        .what = "transaction",
        .error = why,
        .attempt = attempt,
    };
    tn__trace_moment(&event);
}
