/* SPDX-License-Identifier: MIT */
/*
 * The reference on SQLite: its C interface by hand, statements prepared once and reset, the
 * connection without its mutex.
 */
#include "raw/lite.h"

#include <stdio.h>

void lite_command(sqlite3 *db, const char *sql)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        bench_die(sql, sqlite3_errmsg(db));
}

sqlite3 *lite_open_path(const char *path)
{
    sqlite3 *db;
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                        NULL) != SQLITE_OK)
        bench_die("open", sqlite3_errmsg(db));
    sqlite3_busy_timeout(db, 5000);
    lite_command(
        db, "pragma journal_mode = wal; pragma synchronous = normal; pragma foreign_keys = on");
    return db;
}

sqlite3 *lite_open(const struct bench_run *run)
{
    return lite_open_path(bench_sqlite_path(run));
}

sqlite3_stmt *lite_prepare(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *stmt;
    if (sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL) != SQLITE_OK)
        bench_die(sql, sqlite3_errmsg(db));
    return stmt;
}

void lite_finish(sqlite3 *db)
{
    if (sqlite3_close(db) != SQLITE_OK)
        bench_die("close", sqlite3_errmsg(db));
}

void lite_step(sqlite3_stmt *stmt, int expected)
{
    if (sqlite3_step(stmt) != expected)
        bench_die(sqlite3_sql(stmt), sqlite3_errmsg(sqlite3_db_handle(stmt)));
}

static void make_table(sqlite3 *db, const char *name)
{
    char sql[256];
    snprintf(sql, sizeof(sql),
             "create table %s (id bigint primary key, quantity integer not null,"
             " price double precision not null, name text not null, created bigint not null)"
             " without rowid",
             name);
    lite_command(db, sql);
}

void lite_make_items(sqlite3 *db, int64_t rows)
{
    char sql[512];
    make_table(db, "bench_items");
    bench_sqlite_fill(rows, sql, sizeof(sql));
    lite_command(db, sql);
}

static void drop(sqlite3 *db)
{
    lite_command(db, "drop table if exists bench_items; drop table if exists bench_inserts;"
                     " drop table if exists bench_accounts");
}

static void setup(struct bench_run *run)
{
    char sql[512];
    sqlite3 *db = lite_open(run);
    drop(db);
    lite_make_items(db, run->rows);
    make_table(db, "bench_inserts");
    lite_command(db, "create table bench_accounts (id bigint primary key, balance bigint not null)"
                     " without rowid");
    snprintf(sql, sizeof(sql),
             "with recursive n(i) as (values (1) union all select i + 1 from n where i < %d)"
             " insert into bench_accounts select i, 0 from n",
             (int)BENCH_ACCOUNTS);
    lite_command(db, sql);
    lite_command(db, "analyze; pragma wal_checkpoint(truncate)");
    lite_finish(db);
}

static void teardown(struct bench_run *run)
{
    sqlite3 *db = lite_open(run);
    drop(db);
    lite_command(db, "vacuum");
    lite_finish(db);
}

static void start(struct bench_run *run)
{
    bench_start_processes(run);
}

const struct bench_case bench_cases[] = {
    {"setup", setup},   {"teardown", teardown}, {"w1", lite_w1},    {"w1g", lite_w1},
    {"w1m", lite_w1m},  {"w2", lite_w2},        {"w2b", lite_w2},   {"w3", lite_w2},
    {"w3r", lite_w4},   {"w4b", lite_w4},       {"w4s", lite_w4},   {"w5", lite_w5},
    {"w5b", lite_w5},   {"w6q", lite_w6q},      {"w6e1", lite_w6e}, {"w6e2", lite_w6e},
    {"w6e8", lite_w6e}, {"w6e64", lite_w6e},    {"w7s", lite_w1},   {"w7p", lite_w1},
    {"w8o", lite_w8o},  {"w8p", lite_w8p},      {"w9", lite_w9},    {"w9c", lite_w9c},
    {"start", start},   {"first", lite_first},  {NULL, NULL},
};
