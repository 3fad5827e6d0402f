/* SPDX-License-Identifier: MIT */
/* Nobody gets a connection for a while: for maintenance of the database. */
#include "base/clock.h"
#include "pool/pool.h"

/* What is still in use at the deadline; false: the client is closing, or was resumed. */
static bool suspend(tn__pool *pool, int64_t deadline_ns, uint32_t *in_use)
{
    tn__pool_lock(pool);
    pool->pins++;
    pool->suspended = true;
    while (pool->suspended && !pool->closing && pool->n[TN__SLOT_LENT] &&
           tn__pool_await(pool, deadline_ns))
        continue;
    bool suspended = pool->suspended && !pool->closing;
    *in_use += pool->n[TN__SLOT_LENT];
    pool->pins--;
    tn__pool_unlock_and_free(pool);
    return suspended;
}

static void resume(tn__pool *pool)
{
    tn__pool_lock(pool);
    pool->pins++;
    if (pool->suspended)
        pool->suspect_ns = tn__now_ns(); /* the database may have been restarted meanwhile */
    pool->suspended = false;
    tn__pool_serve(pool);
    tn__demand_slot(pool);
    tn__pool_changed(pool);
    pool->pins--;
    tn__pool_unlock_and_free(pool);
}

/* Pinned; NULL: there is none. */
static tn__pool *replica_of(tn__pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    tn__pool *replica = pool->replica;
    pthread_mutex_unlock(&pool->lock);
    if (replica)
        tn__pool_pin(replica);
    return replica;
}

tn_status tn_suspend(tn_db *client, int64_t timeout_ms, tn_error *err)
{
    int64_t deadline = tn__deadline_after_ms(tn__now_ns(), timeout_ms > 0 ? timeout_ms : 0);
    tn_status status = tn__db_check_client(client, "tn_suspend", err);
    uint32_t in_use = 0;

    if (status != TN_OK)
        return status;
    tn__pool *pool = tn__pool_of(client);
    tn__pool_pin(pool);
    tn__pool *replica = replica_of(pool);
    bool suspended = suspend(pool, deadline, &in_use);
    if (replica && suspended)
        suspended = suspend(replica, deadline, &in_use);
    pthread_mutex_lock(&pool->lock);
    bool closing = pool->closing;
    pthread_mutex_unlock(&pool->lock);
    if (replica)
        tn__pool_unpin(replica);
    tn__pool_unpin(pool);
    if (closing)
        return tn__shutting_down(err);
    if (in_use && suspended)
        return tn_error_set(err, TN_TIMEOUT, NULL,
                            "tn_suspend: %u connections are still in use after %lld ms", in_use,
                            (long long)timeout_ms);
    return TN_OK;
}

void tn_resume(tn_db *client)
{
    if (tn__db_check_client(client, "tn_resume", NULL) != TN_OK)
        return;
    tn__pool *replica = replica_of(tn__pool_of(client));
    resume(tn__pool_of(client));
    if (!replica)
        return;
    resume(replica);
    tn__pool_unpin(replica);
}
