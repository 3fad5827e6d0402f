/* SPDX-License-Identifier: MIT */
/*
 * What another library has to offer to be compared: the operations of the workloads, each by the
 * fastest way that its interface has. peer.c makes workloads of them. One that is NULL is not
 * offered. Failing ends the process (bench_die).
 */
#ifndef TENON_BENCH_PEER_H
#define TENON_BENCH_PEER_H

#ifdef __cplusplus
extern "C" {
#endif

#include "bench.h"

/* What a connection is for: statements that the library lets an application prepare are prepared
 * by open(). */
enum peer_use { PEER_PLAIN, PEER_ITEMS, PEER_SCAN, PEER_INSERTS, PEER_ACCOUNTS, PEER_ONE };

struct peer {
    void *(*open)(const char *url, enum peer_use use);
    void *(*open_streaming)(const char *url); /* for scan_streaming(); NULL: open() does */
    void (*close)(void *conn);
    void (*command)(void *conn, const char *sql);   /* gives no rows */
    int64_t (*number)(void *conn, const char *sql); /* one row of one bigint */

    uint64_t (*item)(void *conn, int64_t key);  /* bench_row() of it */
    uint64_t (*scan)(void *conn, int64_t upto); /* the same of many, as the library has it */
    uint64_t (*scan_streaming)(void *conn, int64_t upto); /* with bounded memory */
    void (*insert)(void *conn, const struct bench_insert *row);
    void (*insert_many)(void *conn, int64_t n); /* rows 0 to n - 1; NULL: insert() n times */
    int64_t (*balance)(void *conn, int64_t key);
    void (*set_balance)(void *conn, int64_t key, int64_t balance);
    int64_t (*one)(void *conn); /* select 1, prepared */
    void (*begin)(void *conn);
    void (*commit)(void *conn);

    /* w9: a statement for the table, then rows by it. */
    void (*small_prepare)(void *conn, int table);
    void (*small_insert)(void *conn, int64_t id, const char *name, double amount);

    /* A pool of BENCH_POOL connections, all open. */
    void *(*pool_open)(const char *url);
    void (*pool_close)(void *pool);
    void *(*acquire)(void *pool);
    void (*release)(void *pool, void *conn);
    int64_t (*pooled_one)(void *conn); /* select 1 on what acquire() gave */
};

extern const struct peer peer;

/* ---- the same everywhere -----------------------------------------------------------------------
 */

bool peer_is_sqlite(const char *url);

/* The file of a SQLite URL, ":memory:" too. Borrowed, static. */
const char *peer_sqlite_path(const char *url);

/* A part of a PostgreSQL URL as libpq reads it ("host", "dbname", "user", "port", "password"); ""
 * when it is not there. Borrowed. */
const char *peer_part(const char *url, const char *name);

/* "2026-01-01 00:00:00.5+00" as microseconds since 1970, and back, without fractions. */
int64_t peer_time(const char *text);
void peer_time_text(int64_t us, char *buf, size_t size);

#ifdef __cplusplus
}
#endif

#endif
