/* SPDX-License-Identifier: MIT */
/* Waiting for the pool itself: until it is empty, until somebody else is done, or for a while. */
#include "base/clock.h"
#include "pool/pool.h"

bool tn__pool_await(tn__pool *pool, int64_t deadline_ns)
{
    tn__waiter waiter = {0};

    /* Without a descriptor the thread is blocked, which is better than not to wait. */
    if (tn__waiter_init(&waiter, pool->source, NULL) != TN_OK)
        waiter.wait = NULL;
    tn__queue_put(&pool->watchers, &waiter, false);
    tn__pool_unlock(pool);
    bool changed = tn__waiter_sleep(&waiter, deadline_ns);
    tn__pool_lock(pool);
    tn__queue_remove(&pool->watchers, &waiter);
    tn__waiter_finish(&waiter);
    return changed;
}

void tn__pool_changed(tn__pool *pool)
{
    while (tn__queue_wake(&pool->watchers))
        continue;
}
