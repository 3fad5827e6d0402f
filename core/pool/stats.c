/* SPDX-License-Identifier: MIT */
/* A pool's figures. */
#include "pool/pool.h"

void tn__pool_stats(tn__pool *pool, tn_pool_stats *ret)
{
    uint64_t destroyed = 0;

    *ret = (tn_pool_stats){0};
    if (tn__provider_check(&pool->provider, NULL) != TN_OK)
        return; /* the lock may be held for ever by a thread that is not in this process */
    pthread_mutex_lock(&pool->lock);
    for (int why = 0; why < TN__WHYS; why++)
        destroyed += pool->destroyed[why];
    *ret = (tn_pool_stats){
        .max = pool->max,
        .total = tn__slot_total(pool),
        .in_use = pool->n[TN__SLOT_LENT],
        .idle = pool->n[TN__SLOT_IDLE],
        .waiting = pool->queue.count,
        .acquires = pool->acquires,
        .timeouts = pool->timeouts,
        .created = pool->created,
        .destroyed = destroyed,
        .statement_cache_hits = pool->cache_hits,
        .statement_cache_misses = pool->cache_misses,
    };
    /* Lent connections count their own hits meanwhile; those are added when they are closed. */
    for (const tn__conn *conn = pool->lists[TN__SLOT_IDLE]; conn; conn = conn->next) {
        ret->statement_cache_hits += conn->cache.hits;
        ret->statement_cache_misses += conn->cache.misses;
    }
    pthread_mutex_unlock(&pool->lock);
}
