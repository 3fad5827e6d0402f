/* SPDX-License-Identifier: MIT */
/* The end of a client: at once, or in phases within a time. */
#include <stdio.h>

#include "base/clock.h"
#include "observe/log.h"
#include "pool/holders.h"

enum { ABORT_MS = 1000, CANCEL_MOST_MS = 1000 };

static bool any(const tn__pool *pool, const tn__conn *conn, int64_t now, tn__why *ret_why)
{
    (void)pool;
    (void)conn;
    (void)now;
    *ret_why = TN__WHY_SHUTDOWN;
    return true;
}

/* Phase 1: nobody gets a connection any more. */
static void refuse(tn__pool *pool)
{
    tn_error why = TN_ERROR_INIT;

    pool->closing = true;
    tn_error_set(&why, TN_SHUTDOWN, NULL, "the client is being closed");
    tn__queue_fail_all(&pool->queue, &why);
    tn__demand_abort(pool);
    pthread_cond_broadcast(&pool->changed);
    tn__slot_close_idle(pool, any, 0);
}

/* Attempts that were told to stop are over at once, but for one whose thread is stuck in the client
 * library: that one closes what is left when it comes back. */
static void await_orders(tn__pool *pool)
{
    int64_t limit = tn__deadline_after_ms(tn__now_ns(), ABORT_MS);

    while (pool->orders && tn__cond_wait(&pool->changed, &pool->lock, limit))
        continue;
}

static tn_status finish(tn__pool *pool)
{
    tn__pool *replica = pool->replica;

    pool->replica = NULL;
    pthread_mutex_unlock(&pool->lock);
    tn__upkeep_end(pool);
    tn_status status = replica ? tn__pool_close(replica, NULL) : TN_OK;
    pthread_mutex_lock(&pool->lock);
    await_orders(pool);
    pool->closed = true;
    pool->pins--;
    return status;
}

tn_status tn__pool_close(tn__pool *pool, tn_error *err)
{
    char holders[256];

    tn_status status = tn__provider_check(&pool->provider, err);
    if (status != TN_OK)
        return status; /* memory and descriptors stay: closing them would speak to the server */

    pthread_mutex_lock(&pool->lock);
    pool->pins++;
    if (!pool->kept && !pool->parent)
        pool->client.magic = 0;
    refuse(pool);
    status = finish(pool);
    uint32_t in_use = pool->n[TN__SLOT_LENT];
    tn__holders_describe(pool, holders, sizeof(holders));
    tn__pool_unlock_and_free(pool);
    if (in_use == 0 && status == TN_OK)
        return TN_OK;
    tn_error_set(err, TN_MISUSE, NULL,
                 "tn_db_close: %u connections are still in use by rows, sessions or transactions%s",
                 in_use, in_use ? "" : " on the replica");
    if (err)
        snprintf(err->detail, sizeof(err->detail), "%s", holders);
    tn_error_set_hint(err, "close them first (tn_close, tn_release, tn_commit, tn_rollback)");
    return TN_MISUSE;
}

/* ---- within a time --------------------------------------------------------------------------- */

static bool await_returns(tn__pool *pool, int64_t deadline_ns)
{
    while (pool->n[TN__SLOT_LENT] || pool->n[TN__SLOT_CLOSING])
        if (!tn__cond_wait(&pool->changed, &pool->lock, deadline_ns))
            return pool->n[TN__SLOT_LENT] == 0;
    return true;
}

/* Phase 2: what runs is ended; what has not begun is not. */
static void stop(tn__pool *pool)
{
    for (tn__conn *conn = pool->lists[TN__SLOT_LENT]; conn; conn = conn->next)
        tn__host_stop(&conn->host);
}

/* The three phases of one pool, the lock held. */
static bool drain(tn__pool *pool, int64_t cancel_at_ns, int64_t deadline_ns)
{
    if (await_returns(pool, cancel_at_ns))
        return true;
    tn__log(TN_LOG_WARN, "shutdown", "%u connections are still in use: their statements are ended",
            pool->n[TN__SLOT_LENT]);
    stop(pool);
    return await_returns(pool, deadline_ns);
}

static void drain_replica(tn__pool *pool, int64_t cancel_at_ns, int64_t deadline_ns)
{
    tn__pool *replica = pool->replica;

    if (!replica)
        return;
    pthread_mutex_unlock(&pool->lock);
    pthread_mutex_lock(&replica->lock);
    replica->pins++;
    refuse(replica);
    (void)drain(replica, cancel_at_ns, deadline_ns);
    replica->pins--;
    pthread_mutex_unlock(&replica->lock);
    pthread_mutex_lock(&pool->lock);
}

tn_status tn__pool_shutdown(tn__pool *pool, int64_t timeout_ms, tn_error *err)
{
    tn_status status = tn__provider_check(&pool->provider, err);
    int64_t now = tn__now_ns(),
            deadline = tn__deadline_after_ms(now, timeout_ms > 0 ? timeout_ms : 0);
    int64_t last_ms = timeout_ms / 10 < CANCEL_MOST_MS ? timeout_ms / 10 : CANCEL_MOST_MS;
    char holders[sizeof(err->detail)];

    if (status != TN_OK)
        return status;
    pthread_mutex_lock(&pool->lock);
    if (pool->closed) {
        pthread_mutex_unlock(&pool->lock);
        return TN_OK;
    }
    pool->pins++;
    refuse(pool);
    int64_t cancel_at = deadline - last_ms * TN__NS_PER_MS;
    bool empty = drain(pool, cancel_at, deadline);
    drain_replica(pool, cancel_at, deadline);
    uint32_t in_use = pool->n[TN__SLOT_LENT];
    tn__holders_describe(pool, holders, sizeof(holders));
    bool ended = finish(pool) == TN_OK;
    tn__pool_unlock_and_free(pool);
    if (empty && ended)
        return TN_OK;
    tn__log(TN_LOG_WARN, "shutdown", "%u connections were not given back in time: %s", in_use,
            holders);
    tn_error_set(err, TN_TIMEOUT, NULL,
                 "shutdown: %u connections were not given back within %lld ms", in_use,
                 (long long)timeout_ms);
    if (err)
        snprintf(err->detail, sizeof(err->detail), "%s", holders);
    return TN_TIMEOUT;
}

tn_status tn_db_shutdown(tn_db *client, int64_t timeout_ms, tn_error *err)
{
    if (!client)
        return TN_OK;
    if (client->magic != TN__DB_MAGIC || client->kind != TN__DB_CLIENT)
        return tn_error_set(err, TN_MISUSE, NULL, "tn_db_shutdown: the handle is not a client");
    return tn__pool_shutdown(tn__pool_of(client), timeout_ms, err);
}
