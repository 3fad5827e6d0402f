/* SPDX-License-Identifier: MIT */
#include "pool/replica.h"

/* Not worth to stop others for: the mutex alone is held. */
static bool has_idle(const tn__pool *pool)
{
    return pool->fast.frozen ? pool->lists[TN__SLOT_IDLE] != NULL : tn__fast_any(&pool->fast);
}

/* One that is known to be away, or that is used up, would only cost time. */
tn__provider *tn__replica_reader(tn__provider *provider)
{
    tn__pool *pool = (tn__pool *)provider;

    pthread_mutex_lock(&pool->lock);
    tn__pool *replica = pool->closing || pool->suspended ? NULL : pool->replica;
    pthread_mutex_unlock(&pool->lock);
    if (!replica)
        return NULL;
    pthread_mutex_lock(&replica->lock);
    bool away = replica->gate.failures > 0;
    bool idle = has_idle(replica);
    bool full = replica->queue.count > 0 || (!idle && tn__slot_total(replica) >= replica->max);
    bool usable = !replica->closing && !replica->suspended && !full && (!away || idle);
    pthread_mutex_unlock(&replica->lock);
    return usable ? &replica->provider : NULL;
}
