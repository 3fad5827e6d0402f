/* SPDX-License-Identifier: MIT */
#include "raw/lite.h"
#include "raw/pool.h"

struct pooled {
    sqlite3 *db;
    sqlite3_stmt *one;
};

static void fill(struct bench_run *run, struct raw_pool *pool, struct pooled *items)
{
    raw_pool_init(pool);
    for (int i = 0; i < BENCH_POOL; i++) {
        items[i].db = lite_open(run);
        items[i].one = lite_prepare(items[i].db, "select 1");
        raw_pool_release(pool, &items[i]);
    }
}

static void empty(struct raw_pool *pool)
{
    for (int i = 0; i < BENCH_POOL; i++) {
        struct pooled *item = raw_pool_acquire(pool);
        sqlite3_finalize(item->one);
        lite_finish(item->db);
    }
}

static uint64_t queries(void *arg, int64_t n)
{
    uint64_t sum = 0;
    for (int64_t i = 0; i < n; i++) {
        struct pooled *item = raw_pool_acquire(arg);
        lite_step(item->one, SQLITE_ROW);
        sum += (uint64_t)sqlite3_column_int(item->one, 0);
        lite_step(item->one, SQLITE_DONE);
        sqlite3_reset(item->one);
        raw_pool_release(arg, item);
    }
    return sum;
}

void lite_w6q(struct bench_run *run)
{
    struct pooled items[BENCH_POOL];
    struct raw_pool pool;
    fill(run, &pool, items);
    bench_threads(run, BENCH_THREADS, queries, &pool);
    empty(&pool);
}

void lite_w6e(struct bench_run *run)
{
    struct pooled items[BENCH_POOL];
    struct raw_pool pool;
    fill(run, &pool, items);
    bench_threads(run, bench_threads_of(run), raw_pool_only, &pool);
    empty(&pool);
}
