/* SPDX-License-Identifier: MIT */
#include "raw/lite.h"

static uint64_t sum_row(sqlite3_stmt *stmt)
{
    const char *name = (const char *)sqlite3_column_text(stmt, 3);
    return bench_row(sqlite3_column_int64(stmt, 0), sqlite3_column_int(stmt, 1),
                     sqlite3_column_double(stmt, 2), name, (size_t)sqlite3_column_bytes(stmt, 3),
                     sqlite3_column_int64(stmt, 4));
}

static void point_selects(struct bench_run *run, sqlite3 *db, int64_t rows)
{
    sqlite3_stmt *stmt = lite_prepare(db,
                                      "select " BENCH_COLUMNS " from bench_items where id = ?1");
    for (int64_t i = -BENCH_BEFORE; i < run->operations; i++) {
        if (i == 0)
            bench_start(run);
        sqlite3_bind_int64(stmt, 1, bench_key(i + BENCH_BEFORE, rows));
        lite_step(stmt, SQLITE_ROW);
        run->checksum += sum_row(stmt);
        lite_step(stmt, SQLITE_DONE);
        sqlite3_reset(stmt);
    }
    bench_stop(run);
    sqlite3_finalize(stmt);
    lite_finish(db);
}

void lite_w1(struct bench_run *run)
{
    point_selects(run, lite_open(run), run->rows);
}

void lite_w1m(struct bench_run *run)
{
    sqlite3 *db = lite_open_path(":memory:");
    lite_make_items(db, BENCH_MEMORY_ROWS);
    point_selects(run, db, BENCH_MEMORY_ROWS);
}

void lite_w2(struct bench_run *run)
{
    sqlite3 *db = lite_open(run);
    lite_command(db, "delete from bench_inserts; pragma wal_checkpoint(truncate)");
    sqlite3_stmt *stmt = lite_prepare(db, "insert into bench_inserts (" BENCH_COLUMNS
                                          ") values (?1, ?2, ?3, ?4, ?5)");
    bench_start(run);
    lite_command(db, "begin");
    for (int64_t i = 0; i < run->operations; i++) {
        struct bench_insert row;
        bench_insert_row(i, &row);
        sqlite3_bind_int64(stmt, 1, row.id);
        sqlite3_bind_int(stmt, 2, row.quantity);
        sqlite3_bind_double(stmt, 3, row.price);
        sqlite3_bind_text(stmt, 4, row.name, (int)row.name_len, SQLITE_STATIC);
        sqlite3_bind_int64(stmt, 5, row.created_us);
        lite_step(stmt, SQLITE_DONE);
        sqlite3_reset(stmt);
    }
    lite_command(db, "commit");
    bench_stop(run);
    sqlite3_finalize(stmt);
    stmt = lite_prepare(db, bench_written_sql);
    lite_step(stmt, SQLITE_ROW);
    run->checksum = (uint64_t)sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    lite_finish(db);
}

void lite_w4(struct bench_run *run)
{
    sqlite3 *db = lite_open(run);
    sqlite3_stmt *stmt = lite_prepare(db,
                                      "select " BENCH_COLUMNS " from bench_items where id <= ?1");
    int code;

    sqlite3_bind_int64(stmt, 1, run->operations);
    bench_start(run);
    while ((code = sqlite3_step(stmt)) == SQLITE_ROW)
        run->checksum += sum_row(stmt);
    if (code != SQLITE_DONE)
        bench_die("scan", sqlite3_errmsg(db));
    bench_stop(run);
    sqlite3_finalize(stmt);
    lite_finish(db);
}

void lite_w5(struct bench_run *run)
{
    sqlite3 *db = lite_open(run);
    lite_command(db, "update bench_accounts set balance = 0; pragma wal_checkpoint(truncate)");
    sqlite3_stmt *begin = lite_prepare(db, "begin");
    sqlite3_stmt *commit = lite_prepare(db, "commit");
    sqlite3_stmt *select = lite_prepare(db, "select balance from bench_accounts where id = ?1");
    sqlite3_stmt *update = lite_prepare(db, "update bench_accounts set balance = ?2 where id = ?1");
    bench_start(run);
    for (int64_t i = 0; i < run->operations; i++) {
        int64_t key = bench_key(i, BENCH_ACCOUNTS);
        lite_step(begin, SQLITE_DONE);
        sqlite3_reset(begin);
        sqlite3_bind_int64(select, 1, key);
        lite_step(select, SQLITE_ROW);
        int64_t balance = sqlite3_column_int64(select, 0);
        run->checksum += (uint64_t)balance;
        lite_step(select, SQLITE_DONE);
        sqlite3_reset(select);
        sqlite3_bind_int64(update, 1, key);
        sqlite3_bind_int64(update, 2, balance + i);
        lite_step(update, SQLITE_DONE);
        sqlite3_reset(update);
        lite_step(commit, SQLITE_DONE);
        sqlite3_reset(commit);
    }
    bench_stop(run);
    sqlite3_finalize(begin);
    sqlite3_finalize(commit);
    sqlite3_finalize(select);
    sqlite3_finalize(update);
    lite_finish(db);
}

void lite_w8o(struct bench_run *run)
{
    bench_start(run);
    for (int64_t i = 0; i < run->operations; i++)
        lite_finish(lite_open(run));
    bench_stop(run);
    run->checksum = (uint64_t)run->operations;
}

void lite_w8p(struct bench_run *run)
{
    sqlite3 *db = lite_open(run);
    sqlite3_stmt *stmt = lite_prepare(db, "select 1");
    for (int64_t i = -BENCH_BEFORE; i < run->operations; i++) {
        if (i == 0)
            bench_start(run);
        lite_step(stmt, SQLITE_ROW);
        run->checksum += (uint64_t)sqlite3_column_int(stmt, 0);
        lite_step(stmt, SQLITE_DONE);
        sqlite3_reset(stmt);
    }
    bench_stop(run);
    sqlite3_finalize(stmt);
    lite_finish(db);
}

void lite_first(struct bench_run *run)
{
    sqlite3 *db = lite_open(run);
    sqlite3_stmt *stmt = lite_prepare(db, "select 1");
    lite_step(stmt, SQLITE_ROW);
    run->checksum = (uint64_t)sqlite3_column_int(stmt, 0);
    sqlite3_finalize(stmt);
    lite_finish(db);
}
