/* SPDX-License-Identifier: MIT */
/*
 * The reference on SQLite: its C interface by hand, statements prepared once and reset, the
 * connection without its mutex.
 */
#include "bench.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

/* sqlite:PATH, sqlite://PATH and sqlite:///PATH: what stands behind, up to the parameters. */
static const char *database_path(const struct bench_run *run)
{
    static char path[4096];
    const char *start = run->url;
    size_t length;

    if (strncmp(start, "sqlite:", 7) != 0)
        bench_die("DATABASE_URL", "not a sqlite URL");
    start += 7;
    if (strncmp(start, "//", 2) == 0)
        start += 2;
    length = strcspn(start, "?");
    if (length >= sizeof(path))
        bench_die("DATABASE_URL", "the path is too long");
    memcpy(path, start, length);
    path[length] = '\0';
    return path;
}

static void command(sqlite3 *db, const char *sql)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        bench_die(sql, sqlite3_errmsg(db));
}

/* What an application sets up, and tenon's driver does: a write-ahead log that is synced at
 * checkpoints, foreign keys, waiting for locks. */
static sqlite3 *open_database(const struct bench_run *run)
{
    sqlite3 *db;
    if (sqlite3_open_v2(database_path(run), &db,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                        NULL) != SQLITE_OK)
        bench_die("open", sqlite3_errmsg(db));
    sqlite3_busy_timeout(db, 5000);
    command(db, "pragma journal_mode = wal; pragma synchronous = normal; pragma foreign_keys = on");
    return db;
}

static sqlite3_stmt *prepare(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *stmt;
    if (sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL) != SQLITE_OK)
        bench_die(sql, sqlite3_errmsg(db));
    return stmt;
}

static void finish(sqlite3 *db)
{
    if (sqlite3_close(db) != SQLITE_OK)
        bench_die("close", sqlite3_errmsg(db));
}

static void step(sqlite3_stmt *stmt, int expected)
{
    if (sqlite3_step(stmt) != expected)
        bench_die(sqlite3_sql(stmt), sqlite3_errmsg(sqlite3_db_handle(stmt)));
}

static uint64_t sum_row(sqlite3_stmt *stmt)
{
    const char *name = (const char *)sqlite3_column_text(stmt, 3);
    return bench_row(sqlite3_column_int64(stmt, 0), sqlite3_column_int(stmt, 1),
                     sqlite3_column_double(stmt, 2), name, (size_t)sqlite3_column_bytes(stmt, 3),
                     sqlite3_column_int64(stmt, 4));
}

/* ---- workloads ------------------------------------------------------------------------------ */

static void drop(sqlite3 *db)
{
    command(db, "drop table if exists bench_items; drop table if exists bench_inserts;"
                " drop table if exists bench_accounts");
}

static void setup(struct bench_run *run)
{
    char sql[512];
    sqlite3 *db = open_database(run);
    drop(db);
    command(db, "create table bench_items (id bigint primary key, quantity integer not null,"
                " price double precision not null, name text not null, created bigint not null)"
                " without rowid");
    command(db, "create table bench_inserts (id bigint primary key, quantity integer not null,"
                " price double precision not null, name text not null, created bigint not null)"
                " without rowid");
    command(db, "create table bench_accounts (id bigint primary key, balance bigint not null)"
                " without rowid");
    snprintf(sql, sizeof(sql),
             "with recursive n(i) as (values (0) union all select i + 1 from n where i < %lld)"
             " insert into bench_items select i + 1, i %% 1000, i * 0.25, 'item number ' || i,"
             " 1767225600000000 + i * 1000000 from n",
             (long long)run->rows - 1);
    command(db, sql);
    snprintf(sql, sizeof(sql),
             "with recursive n(i) as (values (1) union all select i + 1 from n where i < %d)"
             " insert into bench_accounts select i, 0 from n",
             (int)BENCH_ACCOUNTS);
    command(db, sql);
    command(db, "analyze; pragma wal_checkpoint(truncate)");
    finish(db);
}

static void teardown(struct bench_run *run)
{
    sqlite3 *db = open_database(run);
    drop(db);
    command(db, "vacuum");
    finish(db);
}

static void w1_point_select(struct bench_run *run)
{
    sqlite3 *db = open_database(run);
    sqlite3_stmt *stmt = prepare(db, "select " BENCH_COLUMNS " from bench_items where id = ?1");
    for (int64_t i = -BENCH_BEFORE; i < run->operations; i++) {
        if (i == 0)
            bench_start(run);
        sqlite3_bind_int64(stmt, 1, bench_key(i + BENCH_BEFORE, run->rows));
        step(stmt, SQLITE_ROW);
        run->checksum += sum_row(stmt);
        step(stmt, SQLITE_DONE);
        sqlite3_reset(stmt);
    }
    bench_stop(run);
    sqlite3_finalize(stmt);
    finish(db);
}

static void w2_inserts(struct bench_run *run)
{
    sqlite3 *db = open_database(run);
    command(db, "delete from bench_inserts; pragma wal_checkpoint(truncate)");
    sqlite3_stmt *stmt = prepare(db, "insert into bench_inserts (" BENCH_COLUMNS
                                     ") values (?1, ?2, ?3, ?4, ?5)");
    bench_start(run);
    command(db, "begin");
    for (int64_t i = 0; i < run->operations; i++) {
        struct bench_insert row;
        bench_insert_row(i, &row);
        sqlite3_bind_int64(stmt, 1, row.id);
        sqlite3_bind_int(stmt, 2, row.quantity);
        sqlite3_bind_double(stmt, 3, row.price);
        sqlite3_bind_text(stmt, 4, row.name, (int)row.name_len, SQLITE_STATIC);
        sqlite3_bind_int64(stmt, 5, row.created_us);
        step(stmt, SQLITE_DONE);
        sqlite3_reset(stmt);
    }
    command(db, "commit");
    bench_stop(run);
    sqlite3_finalize(stmt);
    stmt = prepare(db, "select count(*) + sum(id) + sum(quantity) from bench_inserts");
    step(stmt, SQLITE_ROW);
    run->checksum = (uint64_t)sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    finish(db);
}

static void w4_scan(struct bench_run *run)
{
    sqlite3 *db = open_database(run);
    sqlite3_stmt *stmt = prepare(db, "select " BENCH_COLUMNS " from bench_items where id <= ?1");
    int code;

    sqlite3_bind_int64(stmt, 1, run->operations);
    bench_start(run);
    while ((code = sqlite3_step(stmt)) == SQLITE_ROW)
        run->checksum += sum_row(stmt);
    if (code != SQLITE_DONE)
        bench_die("scan", sqlite3_errmsg(db));
    bench_stop(run);
    sqlite3_finalize(stmt);
    finish(db);
}

static void w5_transactions(struct bench_run *run)
{
    sqlite3 *db = open_database(run);
    command(db, "update bench_accounts set balance = 0; pragma wal_checkpoint(truncate)");
    sqlite3_stmt *begin = prepare(db, "begin");
    sqlite3_stmt *commit = prepare(db, "commit");
    sqlite3_stmt *select = prepare(db, "select balance from bench_accounts where id = ?1");
    sqlite3_stmt *update = prepare(db, "update bench_accounts set balance = ?2 where id = ?1");
    bench_start(run);
    for (int64_t i = 0; i < run->operations; i++) {
        int64_t key = bench_key(i, BENCH_ACCOUNTS);
        step(begin, SQLITE_DONE);
        sqlite3_reset(begin);
        sqlite3_bind_int64(select, 1, key);
        step(select, SQLITE_ROW);
        int64_t balance = sqlite3_column_int64(select, 0);
        run->checksum += (uint64_t)balance;
        step(select, SQLITE_DONE);
        sqlite3_reset(select);
        sqlite3_bind_int64(update, 1, key);
        sqlite3_bind_int64(update, 2, balance + i);
        step(update, SQLITE_DONE);
        sqlite3_reset(update);
        step(commit, SQLITE_DONE);
        sqlite3_reset(commit);
    }
    bench_stop(run);
    sqlite3_finalize(begin);
    sqlite3_finalize(commit);
    sqlite3_finalize(select);
    sqlite3_finalize(update);
    finish(db);
}

static void w8o_open_close(struct bench_run *run)
{
    bench_start(run);
    for (int64_t i = 0; i < run->operations; i++)
        finish(open_database(run));
    bench_stop(run);
    run->checksum = (uint64_t)run->operations;
}

static void w8p_select_one(struct bench_run *run)
{
    sqlite3 *db = open_database(run);
    sqlite3_stmt *stmt = prepare(db, "select 1");
    for (int64_t i = -BENCH_BEFORE; i < run->operations; i++) {
        if (i == 0)
            bench_start(run);
        step(stmt, SQLITE_ROW);
        run->checksum += (uint64_t)sqlite3_column_int(stmt, 0);
        step(stmt, SQLITE_DONE);
        sqlite3_reset(stmt);
    }
    bench_stop(run);
    sqlite3_finalize(stmt);
    finish(db);
}

const struct bench_case bench_cases[] = {
    {"setup", setup},
    {"teardown", teardown},
    {"w1", w1_point_select},
    {"w1g", w1_point_select},
    {"w2", w2_inserts},
    {"w4b", w4_scan},
    {"w4s", w4_scan},
    {"w5", w5_transactions},
    {"w8o", w8o_open_close},
    {"w8p", w8p_select_one},
    {NULL, NULL},
};
