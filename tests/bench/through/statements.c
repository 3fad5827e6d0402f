/* SPDX-License-Identifier: MIT */
/* Statements one by one. */
#include "through/tenon.h"

static void point_selects(struct bench_run *run, tn_db *db, int64_t rows_there)
{
    tn_error err = TN_ERROR_INIT;
    tenon_sum_fn *sum = tenon_sum_of(db);
    for (int64_t i = -BENCH_BEFORE; i < run->operations; i++) {
        if (i == 0)
            bench_start(run);
        tn_rows *rows = tn_query(db, tenon_point, tn_args(bench_key(i + BENCH_BEFORE, rows_there)));
        while (tn_next(rows))
            run->checksum += sum(rows);
        if (tn_close(rows, &err) != TN_OK)
            tenon_fail(tenon_point, &err);
    }
    bench_stop(run);
    tenon_close(db);
}

void tenon_w1(struct bench_run *run)
{
    point_selects(run, tenon_open(run->url, 1), run->rows);
}

void tenon_w1m(struct bench_run *run)
{
    char sql[512];
    tn_db *db = tenon_open("sqlite::memory:", 1);

    tenon_command(db, "create table bench_items (id bigint primary key, quantity integer not null,"
                      " price double precision not null, name text not null,"
                      " created bigint not null) without rowid");
    bench_sqlite_fill(BENCH_MEMORY_ROWS, sql, sizeof(sql));
    tenon_command(db, sql);
    point_selects(run, db, BENCH_MEMORY_ROWS);
}

/* The same by tn_get(), with the text in a buffer. */
void tenon_w1g(struct bench_run *run)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *db = tenon_open(run->url, 1);
    bool sqlite = tenon_is_sqlite(db);
    for (int64_t i = -BENCH_BEFORE; i < run->operations; i++) {
        int64_t id, number = 0;
        int32_t quantity;
        double price;
        tn_time created = {0};
        char name[64];
        if (i == 0)
            bench_start(run);
        int64_t key = bench_key(i + BENCH_BEFORE, run->rows);
        tn_textbuf_t buf = tn_textbuf(name, sizeof(name));
        tn_status status = sqlite ? tn_get(db, tenon_point, tn_args(key),
                                           tn_into(&id, &quantity, &price, buf, &number), &err)
                                  : tn_get(db, tenon_point, tn_args(key),
                                           tn_into(&id, &quantity, &price, buf, &created), &err);
        if (status != TN_OK)
            tenon_fail(tenon_point, &err);
        run->checksum += bench_row(id, quantity, price, name, strlen(name),
                                   sqlite ? number : created.us);
    }
    bench_stop(run);
    tenon_close(db);
}

void tenon_w2(struct bench_run *run)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *db = tenon_open(run->url, 1);
    bool sqlite = tenon_is_sqlite(db);
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
        if (tn_exec(tx, tenon_insert, &args, NULL, &err) != TN_OK)
            tenon_fail(tenon_insert, &err);
    }
    if (tn_commit(tx, &err) != TN_OK)
        tenon_fail("commit", &err);
    bench_stop(run);
    run->checksum = tenon_written(db);
    tenon_close(db);
}

static void scan(struct bench_run *run, tn_fetch fetch)
{
    static const char sql[] = "select " BENCH_COLUMNS " from bench_items where id <= $1";
    tn_error err = TN_ERROR_INIT;
    tn_call call = TN_CALL_INIT;
    tn_db *db = tenon_open(run->url, 1);
    tenon_sum_fn *sum = tenon_sum_of(db);

    call.fetch = fetch;
    bench_start(run);
    tn_rows *rows = tn_query_with(db, &call, sql, tn_args(run->operations));
    while (tn_next(rows))
        run->checksum += sum(rows);
    if (tn_close(rows, &err) != TN_OK)
        tenon_fail("scan", &err);
    bench_stop(run);
    tenon_close(db);
}

void tenon_w4b(struct bench_run *run)
{
    scan(run, TN_FETCH_BUFFER);
}

void tenon_w4s(struct bench_run *run)
{
    scan(run, TN_FETCH_STREAM);
}

void tenon_w5(struct bench_run *run)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *db = tenon_open(run->url, 1);
    const char *select = tenon_accounts(db);

    bench_start(run);
    for (int64_t i = 0; i < run->operations; i++) {
        int64_t key = bench_key(i, BENCH_ACCOUNTS);
        int64_t balance;
        tn_db *tx;
        if (tn_begin(db, NULL, &tx, &err) != TN_OK ||
            tn_get(tx, select, tn_args(key), tn_into(&balance), &err) != TN_OK ||
            tn_exec(tx, "update bench_accounts set balance = $2 where id = $1",
                    tn_args(key, balance + i), NULL, &err) != TN_OK ||
            tn_commit(tx, &err) != TN_OK)
            tenon_fail("transaction", &err);
        run->checksum += (uint64_t)balance;
    }
    bench_stop(run);
    tenon_close(db);
}

void tenon_w8o(struct bench_run *run)
{
    bench_start(run);
    for (int64_t i = 0; i < run->operations; i++)
        tenon_close(tenon_open(run->url, 1));
    bench_stop(run);
    run->checksum = (uint64_t)run->operations;
}

void tenon_w8p(struct bench_run *run)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *db = tenon_open(run->url, 1);
    for (int64_t i = -BENCH_BEFORE; i < run->operations; i++) {
        int32_t one;
        if (i == 0)
            bench_start(run);
        if (tn_get(db, "select 1", NULL, tn_into(&one), &err) != TN_OK)
            tenon_fail("select 1", &err);
        run->checksum += (uint64_t)one;
    }
    bench_stop(run);
    tenon_close(db);
}

void tenon_first(struct bench_run *run)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *db = tn_open_url(run->url, &err);
    int32_t one;

    if (!db || tn_get(db, "select 1", NULL, tn_into(&one), &err) != TN_OK)
        tenon_fail("first", &err);
    run->checksum = (uint64_t)one;
    tenon_close(db);
}
