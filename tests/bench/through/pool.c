/* SPDX-License-Identifier: MIT */
#include "through/tenon.h"

static uint64_t queries(void *arg, int64_t n)
{
    tn_error err = TN_ERROR_INIT;
    uint64_t sum = 0;
    for (int64_t i = 0; i < n; i++) {
        int32_t one;
        if (tn_get(arg, "select 1", NULL, tn_into(&one), &err) != TN_OK)
            tenon_fail("select 1", &err);
        sum += (uint64_t)one;
    }
    return sum;
}

static uint64_t only(void *arg, int64_t n)
{
    tn_error err = TN_ERROR_INIT;
    for (int64_t i = 0; i < n; i++) {
        tn_db *session;
        if (tn_acquire(arg, &session, &err) != TN_OK)
            tenon_fail("acquire", &err);
        tn_release(session);
    }
    return (uint64_t)n;
}

/* All connections are made before the work begins. */
static tn_db *open_full(struct bench_run *run)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *db = tenon_open(run->url, BENCH_POOL);
    tn_db *sessions[BENCH_POOL];
    int32_t one;

    for (int i = 0; i < BENCH_POOL; i++) {
        if (tn_acquire(db, &sessions[i], &err) != TN_OK ||
            tn_get(sessions[i], "select 1", NULL, tn_into(&one), &err) != TN_OK)
            tenon_fail("acquire", &err);
    }
    for (int i = 0; i < BENCH_POOL; i++)
        tn_release(sessions[i]);
    return db;
}

void tenon_w6q(struct bench_run *run)
{
    tn_db *db = open_full(run);
    bench_threads(run, BENCH_THREADS, queries, db);
    tenon_close(db);
}

void tenon_w6e(struct bench_run *run)
{
    tn_db *db = open_full(run);
    bench_threads(run, bench_threads_of(run), only, db);
    tenon_close(db);
}
