/* SPDX-License-Identifier: MIT */
/*
 * The contender: the same work through tenon, as an application writes it, on any database. It
 * works on the client, so that taking a connection out of the pool and putting it back is measured
 * too, and prepares nothing by hand.
 */
#include <stdio.h>

#include <tenon/tenon.h>

#include "bench.h"

_Noreturn static void fail(const char *what, const tn_error *err)
{
    char text[2048];
    tn_error_format(err, text, sizeof(text));
    bench_die(what, text);
}

/* One connection, opened by tn_open(); nothing in the background. */
static tn_db *open_client(const struct bench_run *run)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *db = NULL;
    tn_config *config = tn_config_from_url(run->url, &err);
    if (config && tn_config_set(config, "max_connections", "1", &err) == TN_OK &&
        tn_config_set(config, "min_connections", "0", &err) == TN_OK)
        db = tn_open(config, &err);
    if (!db)
        fail("open", &err);
    tn_config_free(config);
    return db;
}

static void close_client(tn_db *db)
{
    tn_error err = TN_ERROR_INIT;
    if (tn_db_close(db, &err) != TN_OK)
        fail("close", &err);
}

static void command(tn_db *db, const char *sql)
{
    tn_error err = TN_ERROR_INIT;
    if (tn_exec_script(db, sql, &err) != TN_OK)
        fail(sql, &err);
}

static bool is_sqlite(const tn_db *db)
{
    return strcmp(tn_db_driver(db), "sqlite") == 0;
}

static uint64_t sum_row(tn_rows *rows)
{
    int64_t id;
    int32_t quantity;
    double price;
    tn_str name;
    tn_time created;
    if (tn_scan(rows, &id, &quantity, &price, &name, &created) != TN_OK)
        return 0;
    return bench_row(id, quantity, price, name.ptr, name.len, created.us);
}

/* SQLite has the instant as a number of microseconds. */
static uint64_t sum_row_sqlite(tn_rows *rows)
{
    int64_t id, created;
    int32_t quantity;
    double price;
    tn_str name;
    if (tn_scan(rows, &id, &quantity, &price, &name, &created) != TN_OK)
        return 0;
    return bench_row(id, quantity, price, name.ptr, name.len, created);
}

/* ---- workloads ------------------------------------------------------------------------------ */

static const char point[] = "select " BENCH_COLUMNS " from bench_items where id = $1";

static void w1_point_select(struct bench_run *run)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *db = open_client(run);
    uint64_t (*sum)(tn_rows *) = is_sqlite(db) ? sum_row_sqlite : sum_row;
    for (int64_t i = -BENCH_BEFORE; i < run->operations; i++) {
        if (i == 0)
            bench_start(run);
        tn_rows *rows = tn_query(db, point, tn_args(bench_key(i + BENCH_BEFORE, run->rows)));
        while (tn_next(rows))
            run->checksum += sum(rows);
        if (tn_close(rows, &err) != TN_OK)
            fail(point, &err);
    }
    bench_stop(run);
    close_client(db);
}

/* The same by tn_get(), with the text in a buffer. */
static void w1g_point_get(struct bench_run *run)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *db = open_client(run);
    bool sqlite = is_sqlite(db);
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
        tn_status status = sqlite ? tn_get(db, point, tn_args(key),
                                           tn_into(&id, &quantity, &price, buf, &number), &err)
                                  : tn_get(db, point, tn_args(key),
                                           tn_into(&id, &quantity, &price, buf, &created), &err);
        if (status != TN_OK)
            fail(point, &err);
        run->checksum += bench_row(id, quantity, price, name, strlen(name),
                                   sqlite ? number : created.us);
    }
    bench_stop(run);
    close_client(db);
}

static void w2_inserts(struct bench_run *run)
{
    static const char insert[] = "insert into bench_inserts (" BENCH_COLUMNS
                                 ") values ($1, $2, $3, $4, $5)";
    tn_error err = TN_ERROR_INIT;
    tn_db *db = open_client(run);
    tn_db *tx;
    bool sqlite = is_sqlite(db);
    int64_t sum = 0;

    command(db, sqlite ? "delete from bench_inserts" : "truncate bench_inserts");
    if (sqlite)
        command(db, "pragma wal_checkpoint(truncate)");
    bench_start(run);
    if (tn_begin(db, NULL, &tx, &err) != TN_OK)
        fail("begin", &err);
    for (int64_t i = 0; i < run->operations; i++) {
        struct bench_insert row;
        bench_insert_row(i, &row);
        const tn_str name = {row.name, row.name_len};
        const tn_time created = {row.created_us};
        const tn_arg when = sqlite ? tn_arg_int64(row.created_us) : tn_arg_time(created);
        const tn_arg items[] = {tn_arg_int64(row.id), tn_arg_int32(row.quantity),
                                tn_arg_double(row.price), tn_arg_str(name), when};
        const tn_arglist args = {items, 5};
        if (tn_exec(tx, insert, &args, NULL, &err) != TN_OK)
            fail(insert, &err);
    }
    if (tn_commit(tx, &err) != TN_OK)
        fail("commit", &err);
    bench_stop(run);
    /* The sum of bigints is numeric on PostgreSQL. */
    if (tn_get(db, "select cast(count(*) + sum(id) + sum(quantity) as bigint) from bench_inserts",
               NULL, tn_into(&sum), &err) != TN_OK)
        fail("count", &err);
    run->checksum = (uint64_t)sum;
    close_client(db);
}

static void scan(struct bench_run *run, tn_fetch fetch)
{
    static const char sql[] = "select " BENCH_COLUMNS " from bench_items where id <= $1";
    tn_error err = TN_ERROR_INIT;
    tn_call call = TN_CALL_INIT;
    tn_db *db = open_client(run);
    uint64_t (*sum)(tn_rows *) = is_sqlite(db) ? sum_row_sqlite : sum_row;

    call.fetch = fetch;
    bench_start(run);
    tn_rows *rows = tn_query_with(db, &call, sql, tn_args(run->operations));
    while (tn_next(rows))
        run->checksum += sum(rows);
    if (tn_close(rows, &err) != TN_OK)
        fail("scan", &err);
    bench_stop(run);
    close_client(db);
}

static void w4b_scan_buffered(struct bench_run *run)
{
    scan(run, TN_FETCH_BUFFER);
}

static void w4s_scan_streaming(struct bench_run *run)
{
    scan(run, TN_FETCH_STREAM);
}

static void w5_transactions(struct bench_run *run)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *db = open_client(run);
    bool sqlite = is_sqlite(db);
    const char *select = sqlite ? "select balance from bench_accounts where id = $1"
                                : "select balance from bench_accounts where id = $1 for update";

    command(db, "update bench_accounts set balance = 0");
    command(db, sqlite ? "pragma wal_checkpoint(truncate)" : "vacuum bench_accounts");
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
            fail("transaction", &err);
        run->checksum += (uint64_t)balance;
    }
    bench_stop(run);
    close_client(db);
}

static void w8o_open_close(struct bench_run *run)
{
    bench_start(run);
    for (int64_t i = 0; i < run->operations; i++)
        close_client(open_client(run));
    bench_stop(run);
    run->checksum = (uint64_t)run->operations;
}

static void w8p_select_one(struct bench_run *run)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *db = open_client(run);
    for (int64_t i = -BENCH_BEFORE; i < run->operations; i++) {
        int32_t one;
        if (i == 0)
            bench_start(run);
        if (tn_get(db, "select 1", NULL, tn_into(&one), &err) != TN_OK)
            fail("select 1", &err);
        run->checksum += (uint64_t)one;
    }
    bench_stop(run);
    close_client(db);
}

const struct bench_case bench_cases[] = {
    {"w1", w1_point_select},    {"w1g", w1g_point_get},      {"w2", w2_inserts},
    {"w4b", w4b_scan_buffered}, {"w4s", w4s_scan_streaming}, {"w5", w5_transactions},
    {"w8o", w8o_open_close},    {"w8p", w8p_select_one},     {NULL, NULL},
};
