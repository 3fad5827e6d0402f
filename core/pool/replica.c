/* SPDX-License-Identifier: MIT */
#include "pool/replica.h"

#include "base/clock.h"

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
    bool away = replica->gate.failures && replica->gate.retry_at_ns > tn__now_ns();
    bool full = replica->n[TN__SLOT_LENT] + replica->queue.count >= replica->max;
    bool usable = !replica->closing && !replica->suspended && !full &&
                  (!away || replica->lists[TN__SLOT_IDLE]);
    pthread_mutex_unlock(&replica->lock);
    return usable ? &replica->provider : NULL;
}
