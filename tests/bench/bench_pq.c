/* SPDX-License-Identifier: MIT */
/*
 * The reference on PostgreSQL: libpq by hand, as well as it can be written. Statements are prepared
 * once, parameters and results are binary, nothing is copied that need not be.
 */
#include "bench.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>

#define EPOCH_2000_US INT64_C(946684800000000)

enum { OID_INT4 = 23, OID_INT8 = 20, OID_FLOAT8 = 701, OID_TEXT = 25, OID_TIMESTAMPTZ = 1184 };

static uint64_t get64(const char *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof(v));
    return __builtin_bswap64(v);
}

static uint32_t get32(const char *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof(v));
    return __builtin_bswap32(v);
}

static double getf(const char *p)
{
    uint64_t bits = get64(p);
    double v;
    memcpy(&v, &bits, sizeof(v));
    return v;
}

static uint64_t sum_row(const PGresult *res, int row)
{
    return bench_row((int64_t)get64(PQgetvalue(res, row, 0)),
                     (int32_t)get32(PQgetvalue(res, row, 1)), getf(PQgetvalue(res, row, 2)),
                     PQgetvalue(res, row, 3), (size_t)PQgetlength(res, row, 3),
                     (int64_t)get64(PQgetvalue(res, row, 4)) + EPOCH_2000_US);
}

static void ignore_notice(void *arg, const char *text)
{
    (void)arg;
    (void)text;
}

static PGconn *open_connection(const struct bench_run *run)
{
    PGconn *conn = PQconnectdb(run->url);
    if (PQstatus(conn) != CONNECTION_OK)
        bench_die("connect", PQerrorMessage(conn));
    PQsetNoticeProcessor(conn, ignore_notice, NULL);
    return conn;
}

/* Takes res. */
static PGresult *check(PGconn *conn, PGresult *res, ExecStatusType expected, const char *what)
{
    if (PQresultStatus(res) != expected)
        bench_die(what, PQerrorMessage(conn));
    return res;
}

static void command(PGconn *conn, const char *sql)
{
    PGresult *res = PQexec(conn, sql);
    if (PQresultStatus(res) != PGRES_COMMAND_OK && PQresultStatus(res) != PGRES_TUPLES_OK)
        bench_die(sql, PQerrorMessage(conn));
    PQclear(res);
}

static void prepare(PGconn *conn, const char *name, const char *sql, int n, const Oid *types)
{
    PQclear(check(conn, PQprepare(conn, name, sql, n, types), PGRES_COMMAND_OK, sql));
}

static const Oid key_type[] = {OID_INT8};

/* One int8 parameter, one row; the caller clears it. */
static PGresult *by_key(PGconn *conn, const char *statement, int64_t key)
{
    uint64_t wire = __builtin_bswap64((uint64_t)key);
    const char *const values[] = {(const char *)&wire};
    static const int lengths[] = {8}, formats[] = {1};
    PGresult *res = PQexecPrepared(conn, statement, 1, values, lengths, formats, 1);
    check(conn, res, PGRES_TUPLES_OK, statement);
    if (PQntuples(res) != 1)
        bench_die(statement, "not one row");
    return res;
}

/* ---- workloads ------------------------------------------------------------------------------ */

static void setup(struct bench_run *run)
{
    char sql[512];
    PGconn *conn = open_connection(run);
    command(conn, "drop table if exists bench_items, bench_inserts, bench_accounts");
    command(conn, "create table bench_items (id bigint primary key, quantity integer not null,"
                  " price double precision not null, name text not null,"
                  " created timestamptz not null)");
    command(conn, "create table bench_inserts (like bench_items including all)");
    command(conn, "create table bench_accounts (id bigint primary key, balance bigint not null)");
    snprintf(sql, sizeof(sql),
             "insert into bench_items select i + 1, i %% 1000, i * 0.25::float8,"
             " 'item number ' || i, '2026-01-01 00:00:00+00'::timestamptz + i * interval '1 s'"
             " from generate_series(0, %lld) i",
             (long long)run->rows - 1);
    command(conn, sql);
    snprintf(sql, sizeof(sql),
             "insert into bench_accounts select i, 0 from generate_series(1, %d) i",
             (int)BENCH_ACCOUNTS);
    command(conn, sql);
    command(conn, "vacuum (analyze, freeze) bench_items");
    command(conn, "vacuum analyze bench_accounts");
    PQfinish(conn);
}

static void teardown(struct bench_run *run)
{
    PGconn *conn = open_connection(run);
    command(conn, "drop table if exists bench_items, bench_inserts, bench_accounts");
    PQfinish(conn);
}

static void w1_point_select(struct bench_run *run)
{
    PGconn *conn = open_connection(run);
    prepare(conn, "w1", "select " BENCH_COLUMNS " from bench_items where id = $1", 1, key_type);
    for (int64_t i = -BENCH_BEFORE; i < run->operations; i++) {
        if (i == 0)
            bench_start(run);
        PGresult *res = by_key(conn, "w1", bench_key(i + BENCH_BEFORE, run->rows));
        run->checksum += sum_row(res, 0);
        PQclear(res);
    }
    bench_stop(run);
    PQfinish(conn);
}

static void w2_inserts(struct bench_run *run)
{
    static const Oid types[] = {OID_INT8, OID_INT4, OID_FLOAT8, OID_TEXT, OID_TIMESTAMPTZ};
    static const int formats[] = {1, 1, 1, 1, 1};
    PGconn *conn = open_connection(run);
    command(conn, "truncate bench_inserts");
    prepare(conn, "w2", "insert into bench_inserts (" BENCH_COLUMNS ") values ($1, $2, $3, $4, $5)",
            5, types);
    bench_start(run);
    command(conn, "begin");
    for (int64_t i = 0; i < run->operations; i++) {
        struct bench_insert row;
        bench_insert_row(i, &row);
        uint64_t id = __builtin_bswap64((uint64_t)row.id);
        uint32_t quantity = __builtin_bswap32((uint32_t)row.quantity);
        uint64_t price = __builtin_bswap64(bench_bits(row.price));
        uint64_t created = __builtin_bswap64((uint64_t)(row.created_us - EPOCH_2000_US));
        const char *const values[] = {(const char *)&id, (const char *)&quantity,
                                      (const char *)&price, row.name, (const char *)&created};
        const int lengths[] = {8, 4, 8, (int)row.name_len, 8};
        PQclear(check(conn, PQexecPrepared(conn, "w2", 5, values, lengths, formats, 1),
                      PGRES_COMMAND_OK, "insert"));
    }
    command(conn, "commit");
    bench_stop(run);
    PGresult *res = check(conn,
                          PQexec(conn, "select count(*) + sum(id) + sum(quantity) from"
                                       " bench_inserts"),
                          PGRES_TUPLES_OK, "count");
    run->checksum = strtoull(PQgetvalue(res, 0, 0), NULL, 10);
    PQclear(res);
    PQfinish(conn);
}

static const char scan[] = "select " BENCH_COLUMNS " from bench_items where id <= $1";

static void w4b_scan_buffered(struct bench_run *run)
{
    PGconn *conn = open_connection(run);
    uint64_t wire = __builtin_bswap64((uint64_t)run->operations);
    const char *const values[] = {(const char *)&wire};
    static const int lengths[] = {8}, formats[] = {1};

    prepare(conn, "w4", scan, 1, key_type);
    bench_start(run);
    PGresult *res = check(conn, PQexecPrepared(conn, "w4", 1, values, lengths, formats, 1),
                          PGRES_TUPLES_OK, "scan");
    int rows = PQntuples(res);
    for (int i = 0; i < rows; i++)
        run->checksum += sum_row(res, i);
    PQclear(res);
    bench_stop(run);
    PQfinish(conn);
}

static void w4s_scan_streaming(struct bench_run *run)
{
    PGconn *conn = open_connection(run);
    uint64_t wire = __builtin_bswap64((uint64_t)run->operations);
    const char *const values[] = {(const char *)&wire};
    static const int lengths[] = {8}, formats[] = {1};
    PGresult *res;

    prepare(conn, "w4", scan, 1, key_type);
    bench_start(run);
    if (!PQsendQueryPrepared(conn, "w4", 1, values, lengths, formats, 1) ||
        !PQsetSingleRowMode(conn))
        bench_die("scan", PQerrorMessage(conn));
    while ((res = PQgetResult(conn))) {
        if (PQresultStatus(res) == PGRES_SINGLE_TUPLE)
            run->checksum += sum_row(res, 0);
        else
            check(conn, res, PGRES_TUPLES_OK, "scan");
        PQclear(res);
    }
    bench_stop(run);
    PQfinish(conn);
}

static void w5_transactions(struct bench_run *run)
{
    static const Oid types[] = {OID_INT8, OID_INT8};
    static const int lengths[] = {8, 8}, formats[] = {1, 1};
    PGconn *conn = open_connection(run);
    command(conn, "update bench_accounts set balance = 0");
    command(conn, "vacuum bench_accounts");
    prepare(conn, "w5s", "select balance from bench_accounts where id = $1 for update", 1,
            key_type);
    prepare(conn, "w5u", "update bench_accounts set balance = $2 where id = $1", 2, types);
    bench_start(run);
    for (int64_t i = 0; i < run->operations; i++) {
        int64_t key = bench_key(i, BENCH_ACCOUNTS);
        command(conn, "begin");
        PGresult *res = by_key(conn, "w5s", key);
        int64_t balance = (int64_t)get64(PQgetvalue(res, 0, 0));
        PQclear(res);
        run->checksum += (uint64_t)balance;
        uint64_t id = __builtin_bswap64((uint64_t)key);
        uint64_t next = __builtin_bswap64((uint64_t)(balance + i));
        const char *const values[] = {(const char *)&id, (const char *)&next};
        PQclear(check(conn, PQexecPrepared(conn, "w5u", 2, values, lengths, formats, 1),
                      PGRES_COMMAND_OK, "update"));
        command(conn, "commit");
    }
    bench_stop(run);
    PQfinish(conn);
}

static void w8o_open_close(struct bench_run *run)
{
    bench_start(run);
    for (int64_t i = 0; i < run->operations; i++)
        PQfinish(open_connection(run));
    bench_stop(run);
    run->checksum = (uint64_t)run->operations;
}

static void w8p_select_one(struct bench_run *run)
{
    PGconn *conn = open_connection(run);
    prepare(conn, "w8p", "select 1", 0, NULL);
    for (int64_t i = -BENCH_BEFORE; i < run->operations; i++) {
        if (i == 0)
            bench_start(run);
        PGresult *res = check(conn, PQexecPrepared(conn, "w8p", 0, NULL, NULL, NULL, 1),
                              PGRES_TUPLES_OK, "select 1");
        run->checksum += get32(PQgetvalue(res, 0, 0));
        PQclear(res);
    }
    bench_stop(run);
    PQfinish(conn);
}

const struct bench_case bench_cases[] = {
    {"setup", setup},
    {"teardown", teardown},
    {"w1", w1_point_select},
    {"w1g", w1_point_select},
    {"w2", w2_inserts},
    {"w4b", w4b_scan_buffered},
    {"w4s", w4s_scan_streaming},
    {"w5", w5_transactions},
    {"w8o", w8o_open_close},
    {"w8p", w8p_select_one},
    {NULL, NULL},
};
