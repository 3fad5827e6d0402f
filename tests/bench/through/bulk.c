/* SPDX-License-Identifier: MIT */
#include "through/tenon.h"

#include <stdio.h>

void tenon_w3(struct bench_run *run)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *db = tenon_open(run->url, 1);
    bool sqlite = tenon_is_sqlite(db);
    tn_arg items[5];
    const tn_arglist args = {items, 5};
    tn_bulk *bulk;

    tenon_empty_inserts(db);
    bench_start(run);
    if (tn_bulk_open(db, NULL, "bench_inserts", BENCH_COLUMNS, &bulk, &err) != TN_OK)
        tenon_fail("bulk", &err);
    for (int64_t i = 0; i < run->operations; i++) {
        struct bench_insert row;
        bench_insert_row(i, &row);
        tenon_insert_args(&row, sqlite, items);
        tn_bulk_row(bulk, &args);
    }
    if (tn_bulk_finish(bulk, NULL, &err) != TN_OK)
        tenon_fail("bulk", &err);
    bench_stop(run);
    run->checksum = tenon_written(db);
    tenon_close(db);
}

/* Only so many of the rows: a view of them. */
static void make_view(const struct bench_run *run, tn_db *db)
{
    char sql[128];

    tenon_command(db, "drop view if exists bench_read");
    snprintf(sql, sizeof(sql),
             "create view bench_read as select * from bench_items where id <= %lld",
             (long long)run->operations);
    tenon_command(db, sql);
}

void tenon_w3r(struct bench_run *run)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *db = tenon_open(run->url, 1);
    tenon_sum_fn *sum = tenon_sum_of(db);
    tn_rows *rows;

    make_view(run, db);
    bench_start(run);
    if (tn_bulk_read(db, NULL, "bench_read", BENCH_COLUMNS, &rows, &err) != TN_OK)
        tenon_fail("bulk read", &err);
    while (tn_next(rows))
        run->checksum += sum(rows);
    if (tn_close(rows, &err) != TN_OK)
        tenon_fail("bulk read", &err);
    bench_stop(run);
    tenon_command(db, "drop view bench_read");
    tenon_close(db);
}
