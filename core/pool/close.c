/* SPDX-License-Identifier: MIT */
/* The end of a client: at once, or in phases within a time. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "observe/log.h"
#include "pool/connector.h"
#include "pool/guest.h"
#include "pool/holders.h"

enum { CANCEL_MOST_MS = 1000 };

static bool any(const tn__pool *pool, const tn__conn *conn, int64_t now, tn__why *ret_why)
{
    (void)pool;
    (void)conn;
    (void)now;
    *ret_why = TN__WHY_SHUTDOWN;
    return true;
}

tn_status tn__shutting_down(tn_error *err)
{
    return tn_error_set(err, TN_SHUTDOWN, NULL, "the client is being closed");
}

/* Phase 1: nobody gets a connection any more. The pool is pinned. */
static void refuse(tn__pool *pool)
{
    tn_error why = TN_ERROR_INIT;

    pool->closing = true;
    tn__shutting_down(&why);
    tn__pool_fail_all(pool, &why);
    tn__demand_abort(pool);
    tn__guests_tell(pool);
    tn__slot_close_idle(pool, any, 0);
}

/* Attempts that were told to stop are over at once, but for one whose thread is stuck in the client
 * library: that one closes what is left when it comes back. Returns how many were still in use, and
 * who had them. */
static uint32_t end(tn__pool *pool, int64_t limit_ns, char *holders, size_t size)
{
    tn__pool_lock(pool);
    pool->pins++;
    refuse(pool);
    tn__pool *replica = pool->replica;
    pool->replica = NULL;
    tn__pool_unlock(pool);
    tn__upkeep_end(pool);
    uint32_t on_replica = replica ? end(replica, limit_ns, holders, size) : 0;
    size_t used = strlen(holders);
    if (used && used + 2 < size)
        memcpy(holders + used, "; ", sizeof("; "));
    tn__pool_lock(pool);
    while ((pool->n[TN__SLOT_OPENING] || pool->n[TN__SLOT_CLOSING] || pool->visiting) &&
           tn__pool_await(pool, limit_ns))
        continue;
    uint32_t in_use = pool->n[TN__SLOT_LENT];
    if (in_use)
        tn__holders_describe(pool, holders + strlen(holders), size - strlen(holders));
    pool->closed = true;
    pool->pins--;
    tn__pool_changed(pool);
    tn__pool_unlock_and_free(pool);
    tn__connector_reap();
    return in_use + on_replica;
}

tn_status tn__pool_close(tn__pool *pool, int64_t limit_ms, tn_error *err)
{
    char holders[sizeof(err->detail)] = "";

    tn_status status = tn__provider_check(&pool->provider, err);
    if (status != TN_OK)
        return status; /* memory and descriptors stay: closing them would speak to the server */
    if (!pool->kept && !pool->parent)
        pool->client.magic = 0;
    uint32_t in_use = end(pool, tn__deadline_after_ms(tn__now_ns(), limit_ms), holders,
                          sizeof(holders));
    if (in_use == 0)
        return TN_OK;
    tn_error_set(err, TN_MISUSE, NULL,
                 "tn_db_close: %u connections are still in use by rows, sessions or transactions",
                 in_use);
    if (err)
        memcpy(err->detail, holders, sizeof(err->detail));
    tn_error_set_hint(err, "close them first (tn_close, tn_release, tn_commit, tn_rollback)");
    return TN_MISUSE;
}

/* ---- within a time --------------------------------------------------------------------------- */

/* The pools of one client: its own and, maybe, the replica's. */
typedef struct both {
    tn__pool *of[2];
    int n;
} both;

static both pin_both(tn__pool *pool)
{
    both pools = {.of = {pool}, .n = 1};

    tn__pool_lock(pool);
    pool->pins++;
    pool->shut_down = true;
    if (pool->replica)
        pools.of[pools.n++] = pool->replica;
    tn__pool_unlock(pool);
    if (pools.n == 2)
        tn__pool_pin(pools.of[1]);
    return pools;
}

static void refuse_both(const both *pools)
{
    for (int i = 0; i < pools->n; i++) {
        tn__pool_lock(pools->of[i]);
        refuse(pools->of[i]);
        tn__pool_unlock(pools->of[i]);
    }
}

/* How many are in use still at that time. */
static uint32_t await_returns(const both *pools, int64_t deadline_ns)
{
    uint32_t in_use = 0;

    for (int i = 0; i < pools->n; i++) {
        tn__pool *pool = pools->of[i];
        tn__pool_lock(pool);
        while ((pool->n[TN__SLOT_LENT] || pool->n[TN__SLOT_CLOSING]) &&
               tn__pool_await(pool, deadline_ns))
            continue;
        in_use += pool->n[TN__SLOT_LENT];
        tn__pool_unlock(pool);
    }
    return in_use;
}

/* Phase 2: what runs is ended; what has not begun is not. */
static void stop_both(const both *pools)
{
    for (int i = 0; i < pools->n; i++) {
        tn__pool_lock(pools->of[i]);
        for (tn__conn *conn = pools->of[i]->lists[TN__SLOT_LENT]; conn; conn = conn->next)
            tn__host_stop(&conn->host);
        tn__pool_unlock(pools->of[i]);
    }
}

static void drain(const both *pools, int64_t cancel_at_ns, int64_t deadline_ns)
{
    uint32_t in_use = await_returns(pools, cancel_at_ns);

    if (!in_use)
        return;
    tn__log(TN_LOG_WARN, "shutdown", "%u connections are still in use: their statements are ended",
            in_use);
    stop_both(pools);
    (void)await_returns(pools, deadline_ns);
}

static tn_status report(uint32_t in_use, const char *holders, int64_t timeout_ms, tn_error *err)
{
    tn__log(TN_LOG_WARN, "shutdown", "%u connections were not given back in time: %s", in_use,
            holders);
    tn_error_set(err, TN_TIMEOUT, NULL,
                 "shutdown: %u connections were not given back within %lld ms", in_use,
                 (long long)timeout_ms);
    if (err)
        snprintf(err->detail, sizeof(err->detail), "%s", holders);
    return TN_TIMEOUT;
}

static bool is_over(tn__pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    bool over = pool->over;
    pthread_mutex_unlock(&pool->lock);
    return over;
}

/* Several threads may do it at once: each waits until it is done, or for its own time. */
tn_status tn__pool_shutdown(tn__pool *pool, int64_t timeout_ms, tn_error *err)
{
    int64_t most_ms = timeout_ms > 0 ? timeout_ms : 0;
    int64_t deadline = tn__deadline_after_ms(tn__now_ns(), most_ms);
    int64_t last_ms = most_ms / 10 < CANCEL_MOST_MS ? most_ms / 10 : CANCEL_MOST_MS;
    char holders[sizeof(err->detail)] = "";

    tn_status status = tn__provider_check(&pool->provider, err);
    if (status != TN_OK)
        return status;
    if (is_over(pool))
        return TN_OK;
    both pools = pin_both(pool);
    refuse_both(&pools);
    drain(&pools, deadline - last_ms * TN__NS_PER_MS, deadline);
    uint32_t in_use = end(pool, deadline, holders, sizeof(holders));
    for (int i = pools.n; i-- > 0;)
        tn__pool_unpin(pools.of[i]);
    return in_use ? report(in_use, holders, timeout_ms, err) : TN_OK;
}

tn_status tn_db_shutdown(tn_db *client, int64_t timeout_ms, tn_error *err)
{
    if (!client)
        return TN_OK;
    if (client->magic != TN__DB_MAGIC || client->kind != TN__DB_CLIENT)
        return tn_error_set(err, TN_MISUSE, NULL, "tn_db_shutdown: the handle is not a client");
    return tn__pool_shutdown(tn__pool_of(client), timeout_ms, err);
}
