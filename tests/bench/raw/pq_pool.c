/* SPDX-License-Identifier: MIT */
#include "raw/pool.h"
#include "raw/pq.h"

static void fill(struct bench_run *run, struct raw_pool *pool)
{
    raw_pool_init(pool);
    for (int i = 0; i < BENCH_POOL; i++) {
        PGconn *conn = pq_open(run);
        pq_prepare(conn, "one", "select 1", 0, NULL);
        raw_pool_release(pool, conn);
    }
}

static void empty(struct raw_pool *pool)
{
    for (int i = 0; i < BENCH_POOL; i++)
        PQfinish(raw_pool_acquire(pool));
}

static uint64_t queries(void *arg, int64_t n)
{
    uint64_t sum = 0;
    for (int64_t i = 0; i < n; i++) {
        PGconn *conn = raw_pool_acquire(arg);
        PGresult *res = pq_check(conn, PQexecPrepared(conn, "one", 0, NULL, NULL, NULL, 1),
                                 PGRES_TUPLES_OK, "select 1");
        sum += pq_get32(PQgetvalue(res, 0, 0));
        PQclear(res);
        raw_pool_release(arg, conn);
    }
    return sum;
}

void pq_w6q(struct bench_run *run)
{
    struct raw_pool pool;
    fill(run, &pool);
    bench_threads(run, BENCH_THREADS, queries, &pool);
    empty(&pool);
}

void pq_w6e(struct bench_run *run)
{
    struct raw_pool pool;
    fill(run, &pool);
    bench_threads(run, bench_threads_of(run), raw_pool_only, &pool);
    empty(&pool);
}
