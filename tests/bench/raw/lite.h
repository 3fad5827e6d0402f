/* SPDX-License-Identifier: MIT */
/* The reference on SQLite: what its workloads share. */
#ifndef TENON_BENCH_LITE_H
#define TENON_BENCH_LITE_H

#include "bench.h"

#include <sqlite3.h>

/* What an application sets up, and tenon's driver does: a write-ahead log that is synced at
 * checkpoints, foreign keys, waiting for locks. */
sqlite3 *lite_open(const struct bench_run *run);
sqlite3 *lite_open_path(const char *path);
void lite_finish(sqlite3 *db);
void lite_command(sqlite3 *db, const char *sql);
sqlite3_stmt *lite_prepare(sqlite3 *db, const char *sql);
void lite_step(sqlite3_stmt *stmt, int expected);

/* bench_items with so many rows. */
void lite_make_items(sqlite3 *db, int64_t rows);

void lite_w1(struct bench_run *run);
void lite_w1m(struct bench_run *run);
void lite_w2(struct bench_run *run);
void lite_w4(struct bench_run *run);
void lite_w5(struct bench_run *run);
void lite_w6q(struct bench_run *run);
void lite_w6e(struct bench_run *run);
void lite_w8o(struct bench_run *run);
void lite_w8p(struct bench_run *run);
void lite_w9(struct bench_run *run);
void lite_w9c(struct bench_run *run);
void lite_first(struct bench_run *run);

#endif
