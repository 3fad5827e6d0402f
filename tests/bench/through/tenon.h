/* SPDX-License-Identifier: MIT */
/*
 * The contender: the same work through tenon, as an application writes it, on any database. It
 * works on the client, so that taking a connection out of the pool and putting it back is measured
 * too, and prepares nothing by hand.
 */
#ifndef TENON_BENCH_TENON_H
#define TENON_BENCH_TENON_H

#include <tenon/tenon.h>

#include "bench.h"

_Noreturn void tenon_fail(const char *what, const tn_error *err);

/* So many connections at most, opened as they are needed; nothing in the background. */
tn_db *tenon_open(const char *url, int connections);
void tenon_close(tn_db *db);
void tenon_command(tn_db *db, const char *sql);
bool tenon_is_sqlite(const tn_db *db);

extern const char tenon_point[];

/* Of the row that rows stand on. SQLite has the instant as a number of microseconds. */
typedef uint64_t tenon_sum_fn(tn_rows *rows);
tenon_sum_fn *tenon_sum_of(const tn_db *db);

/* Empties bench_inserts; the sum of what is in it, for the checksum. */
void tenon_empty_inserts(tn_db *db);
uint64_t tenon_written(tn_db *db);

/* Resets bench_accounts; the statement that reads one balance to change it. */
const char *tenon_accounts(tn_db *db);

/* The arguments of an insert, into items[5]; row must outlive them. */
extern const char tenon_insert[];
void tenon_insert_args(const struct bench_insert *row, bool sqlite, tn_arg *items);

void tenon_w1(struct bench_run *run);
void tenon_w1g(struct bench_run *run);
void tenon_w1m(struct bench_run *run);
void tenon_w2(struct bench_run *run);
void tenon_w2b(struct bench_run *run);
void tenon_w3(struct bench_run *run);
void tenon_w3r(struct bench_run *run);
void tenon_w4b(struct bench_run *run);
void tenon_w4s(struct bench_run *run);
void tenon_w5(struct bench_run *run);
void tenon_w5b(struct bench_run *run);
void tenon_w6q(struct bench_run *run);
void tenon_w6e(struct bench_run *run);
void tenon_w7p(struct bench_run *run);
void tenon_w8o(struct bench_run *run);
void tenon_w8p(struct bench_run *run);
void tenon_w9(struct bench_run *run);
void tenon_w9c(struct bench_run *run);
void tenon_first(struct bench_run *run);

#endif
