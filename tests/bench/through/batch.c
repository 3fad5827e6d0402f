/* SPDX-License-Identifier: MIT */
/* The workloads that go through tn_batch. */
#include "through/tenon.h"

static void run_batch(tn_batch_t *batch, tn_db *db, const tn_batch_options *options)
{
    tn_error err = TN_ERROR_INIT;
    if (tn_batch_run(batch, db, options, &err) != TN_OK)
        tenon_fail("batch", &err);
}

void tenon_w2b(struct bench_run *run)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *db = tenon_open(run->url, 1);
    bool sqlite = tenon_is_sqlite(db);
    tn_batch_t *batch = tn_batch_new();
    tn_arg items[5];
    const tn_arglist args = {items, 5};
    tn_db *tx;

    tenon_empty_inserts(db);
    bench_start(run);
    if (tn_begin(db, NULL, &tx, &err) != TN_OK)
        tenon_fail("begin", &err);
    for (int64_t i = 0; i < run->operations; i++) {
        struct bench_insert row;
        bench_insert_row(i, &row);
        tenon_insert_args(&row, sqlite, items);
        tn_batch_add(batch, tenon_insert, &args, NULL);
        if (tn_batch_count(batch) == BENCH_BATCH || i == run->operations - 1) {
            run_batch(batch, tx, NULL);
            tn_batch_reset(batch);
        }
    }
    if (tn_commit(tx, &err) != TN_OK)
        tenon_fail("commit", &err);
    bench_stop(run);
    run->checksum = tenon_written(db);
    tn_batch_free(batch);
    tenon_close(db);
}

/* BEGIN goes with the first statement, COMMIT with the last one. */
void tenon_w5b(struct bench_run *run)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *db = tenon_open(run->url, 1);
    tn_batch_t *batch = tn_batch_new();
    const char *select = tenon_accounts(db);

    bench_start(run);
    for (int64_t i = 0; i < run->operations; i++) {
        int64_t key = bench_key(i, BENCH_ACCOUNTS), balance;
        tn_db *tx;
        if (tn_begin(db, NULL, &tx, &err) != TN_OK ||
            tn_get(tx, select, tn_args(key), tn_into(&balance), &err) != TN_OK)
            tenon_fail("select", &err);
        tn_batch_reset(batch);
        tn_batch_add(batch, "update bench_accounts set balance = $2 where id = $1",
                     tn_args(key, balance + i), NULL);
        if (tn_batch_commit(batch, tx, NULL, &err) != TN_OK)
            tenon_fail("commit", &err);
        run->checksum += (uint64_t)balance;
    }
    bench_stop(run);
    tn_batch_free(batch);
    tenon_close(db);
}

struct item {
    int64_t id, number;
    double price;
    tn_str name;
    tn_time created;
    int32_t quantity;
};

static uint64_t selects(tn_batch_t *batch, tn_db *db, int64_t first, int64_t n, int64_t rows)
{
    static struct item found[BENCH_GROUP];
    bool sqlite = tenon_is_sqlite(db);
    uint64_t sum = 0;

    tn_batch_reset(batch);
    for (int64_t i = 0; i < n; i++) {
        struct item *to = &found[i];
        const tn_intolist *into = sqlite ? tn_targets(&to->id, &to->quantity, &to->price, &to->name,
                                                      &to->number)
                                         : tn_targets(&to->id, &to->quantity, &to->price, &to->name,
                                                      &to->created);
        tn_batch_add(batch, tenon_point, tn_args(bench_key(first + i, rows)), into);
    }
    run_batch(batch, db, NULL);
    for (int64_t i = 0; i < n; i++) {
        const struct item *to = &found[i];
        sum += bench_row(to->id, to->quantity, to->price, to->name.ptr, to->name.len,
                         sqlite ? to->number : to->created.us);
    }
    return sum;
}

void tenon_w7p(struct bench_run *run)
{
    tn_db *db = tenon_open(run->url, 1);
    tn_batch_t *batch = tn_batch_new();

    run->checksum += selects(batch, db, 0, BENCH_BEFORE, run->rows);
    bench_start(run);
    for (int64_t done = 0; done < run->operations; done += BENCH_GROUP) {
        int64_t n = run->operations - done;
        run->checksum += selects(batch, db, done + BENCH_BEFORE, n < BENCH_GROUP ? n : BENCH_GROUP,
                                 run->rows);
    }
    bench_stop(run);
    tn_batch_free(batch);
    tenon_close(db);
}
