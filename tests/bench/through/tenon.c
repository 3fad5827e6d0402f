/* SPDX-License-Identifier: MIT */
#include "through/tenon.h"

#include <stdio.h>

_Noreturn void tenon_fail(const char *what, const tn_error *err)
{
    char text[2048];
    tn_error_format(err, text, sizeof(text));
    bench_die(what, text);
}

tn_db *tenon_open(const char *url, int connections)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *db = NULL;
    tn_config *config = tn_config_from_url(url, &err);
    char most[16];

    snprintf(most, sizeof(most), "%d", connections);
    if (config && tn_config_set(config, "max_connections", most, &err) == TN_OK &&
        tn_config_set(config, "min_connections", "0", &err) == TN_OK)
        db = tn_open(config, &err);
    if (!db)
        tenon_fail("open", &err);
    tn_config_free(config);
    return db;
}

void tenon_close(tn_db *db)
{
    tn_error err = TN_ERROR_INIT;
    if (tn_db_close(db, &err) != TN_OK)
        tenon_fail("close", &err);
}

void tenon_command(tn_db *db, const char *sql)
{
    tn_error err = TN_ERROR_INIT;
    if (tn_exec_script(db, sql, &err) != TN_OK)
        tenon_fail(sql, &err);
}

bool tenon_is_sqlite(const tn_db *db)
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

tenon_sum_fn *tenon_sum_of(const tn_db *db)
{
    return tenon_is_sqlite(db) ? sum_row_sqlite : sum_row;
}

void tenon_empty_inserts(tn_db *db)
{
    bool sqlite = tenon_is_sqlite(db);
    tenon_command(db, sqlite ? "delete from bench_inserts" : "truncate bench_inserts");
    if (sqlite)
        tenon_command(db, "pragma wal_checkpoint(truncate)");
}

uint64_t tenon_written(tn_db *db)
{
    tn_error err = TN_ERROR_INIT;
    int64_t sum = 0;
    if (tn_get(db, bench_written_sql, NULL, tn_into(&sum), &err) != TN_OK)
        tenon_fail("count", &err);
    return (uint64_t)sum;
}

const char *tenon_accounts(tn_db *db)
{
    bool sqlite = tenon_is_sqlite(db);
    tenon_command(db, "update bench_accounts set balance = 0");
    tenon_command(db, sqlite ? "pragma wal_checkpoint(truncate)" : "vacuum bench_accounts");
    return sqlite ? "select balance from bench_accounts where id = $1"
                  : "select balance from bench_accounts where id = $1 for update";
}

const char tenon_point[] = "select " BENCH_COLUMNS " from bench_items where id = $1";
const char tenon_insert[] = "insert into bench_inserts (" BENCH_COLUMNS
                            ") values ($1, $2, $3, $4, $5)";

void tenon_insert_args(const struct bench_insert *row, bool sqlite, tn_arg *items)
{
    const tn_str name = {row->name, row->name_len};
    const tn_time created = {row->created_us};
    items[0] = tn_arg_int64(row->id);
    items[1] = tn_arg_int32(row->quantity);
    items[2] = tn_arg_double(row->price);
    items[3] = tn_arg_str(name);
    items[4] = sqlite ? tn_arg_int64(row->created_us) : tn_arg_time(created);
}

static void start(struct bench_run *run)
{
    bench_start_processes(run);
}

const struct bench_case bench_cases[] = {
    {"w1", tenon_w1},    {"w1g", tenon_w1g},  {"w1m", tenon_w1m},  {"w2", tenon_w2},
    {"w2b", tenon_w2b},  {"w3", tenon_w3},    {"w3r", tenon_w3r},  {"w4b", tenon_w4b},
    {"w4s", tenon_w4s},  {"w5", tenon_w5},    {"w5b", tenon_w5b},  {"w6q", tenon_w6q},
    {"w6e1", tenon_w6e}, {"w6e2", tenon_w6e}, {"w6e8", tenon_w6e}, {"w6e64", tenon_w6e},
    {"w7s", tenon_w1},   {"w7p", tenon_w7p},  {"w8o", tenon_w8o},  {"w8p", tenon_w8p},
    {"w9", tenon_w9},    {"w9c", tenon_w9c},  {"start", start},    {"first", tenon_first},
    {NULL, NULL},
};
