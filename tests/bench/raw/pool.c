/* SPDX-License-Identifier: MIT */
#include "raw/pool.h"

void raw_pool_init(struct raw_pool *pool)
{
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->given, NULL);
    pool->n = 0;
}

void *raw_pool_acquire(struct raw_pool *pool)
{
    void *item;
    pthread_mutex_lock(&pool->lock);
    while (pool->n == 0)
        pthread_cond_wait(&pool->given, &pool->lock);
    item = pool->idle[--pool->n];
    pthread_mutex_unlock(&pool->lock);
    return item;
}

void raw_pool_release(struct raw_pool *pool, void *item)
{
    pthread_mutex_lock(&pool->lock);
    pool->idle[pool->n++] = item;
    pthread_mutex_unlock(&pool->lock);
    pthread_cond_signal(&pool->given);
}

uint64_t raw_pool_only(void *arg, int64_t n)
{
    struct raw_pool *pool = arg;
    for (int64_t i = 0; i < n; i++) {
        void *item = raw_pool_acquire(pool);
        if (!item)
            return 0;
        raw_pool_release(pool, item);
    }
    return (uint64_t)n;
}
