/* SPDX-License-Identifier: MIT */
/* The reference for pools: a stack of connections, a mutex, a condition variable. */
#ifndef TENON_BENCH_POOL_H
#define TENON_BENCH_POOL_H

#include "bench.h"

#include <pthread.h>

struct raw_pool {
    pthread_mutex_t lock;
    pthread_cond_t given;
    void *idle[BENCH_POOL];
    int n;
};

void raw_pool_init(struct raw_pool *pool);
void *raw_pool_acquire(struct raw_pool *pool);
void raw_pool_release(struct raw_pool *pool, void *item);

/* Work for bench_threads(): takes and gives back; arg is the pool. */
uint64_t raw_pool_only(void *arg, int64_t n);

#endif
