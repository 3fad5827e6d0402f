/* SPDX-License-Identifier: MIT */
/* Databases in memory that live for a moment, as those of tests do. */
#include "through/tenon.h"

static int64_t fill_table(tn_db *tx, int table)
{
    tn_error err = TN_ERROR_INIT;
    int64_t affected, sum = 0;
    char sql[256];

    bench_small_insert(table, sql, sizeof(sql));
    for (int i = 0; i < BENCH_SMALL_ROWS; i++) {
        if (tn_exec(tx, sql, tn_args(i, "a name", i * 0.5), &affected, &err) != TN_OK)
            tenon_fail(sql, &err);
        sum += affected;
    }
    return sum;
}

void tenon_w9(struct bench_run *run)
{
    tn_error err = TN_ERROR_INIT;
    char sql[256];

    bench_start(run);
    for (int64_t n = 0; n < run->operations; n++) {
        tn_db *db = tenon_open("sqlite::memory:", 1), *tx;
        for (int i = 0; i < BENCH_SMALL_TABLES; i++) {
            bench_small_table(i, sql, sizeof(sql));
            if (tn_exec(db, sql, NULL, NULL, &err) != TN_OK)
                tenon_fail(sql, &err);
        }
        if (tn_begin(db, NULL, &tx, &err) != TN_OK)
            tenon_fail("begin", &err);
        for (int i = 0; i < BENCH_SMALL_TABLES; i++)
            run->checksum += (uint64_t)fill_table(tx, i);
        if (tn_commit(tx, &err) != TN_OK)
            tenon_fail("commit", &err);
        tenon_close(db);
    }
    bench_stop(run);
}
