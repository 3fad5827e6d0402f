/* SPDX-License-Identifier: MIT */
/*
 * The reference on PostgreSQL: libpq by hand, as well as it can be written. Statements are prepared
 * once, parameters and results are binary, nothing is copied that need not be.
 */
#include "raw/pq.h"

#include <stdio.h>
#include <stdlib.h>

const int pq_binary[5] = {1, 1, 1, 1, 1};
const Oid pq_key_type[1] = {OID_INT8};

static void ignore_notice(void *arg, const char *text)
{
    (void)arg;
    (void)text;
}

PGconn *pq_open(const struct bench_run *run)
{
    PGconn *conn = PQconnectdb(run->url);
    if (PQstatus(conn) != CONNECTION_OK)
        bench_die("connect", PQerrorMessage(conn));
    PQsetNoticeProcessor(conn, ignore_notice, NULL);
    return conn;
}

PGresult *pq_check(PGconn *conn, PGresult *res, ExecStatusType expected, const char *what)
{
    if (PQresultStatus(res) != expected)
        bench_die(what, PQerrorMessage(conn));
    return res;
}

void pq_command(PGconn *conn, const char *sql)
{
    PGresult *res = PQexec(conn, sql);
    if (PQresultStatus(res) != PGRES_COMMAND_OK && PQresultStatus(res) != PGRES_TUPLES_OK)
        bench_die(sql, PQerrorMessage(conn));
    PQclear(res);
}

void pq_prepare(PGconn *conn, const char *name, const char *sql, int n, const Oid *types)
{
    PQclear(pq_check(conn, PQprepare(conn, name, sql, n, types), PGRES_COMMAND_OK, sql));
}

PGresult *pq_by_key(PGconn *conn, const char *statement, int64_t key)
{
    uint64_t wire = __builtin_bswap64((uint64_t)key);
    const char *const values[] = {(const char *)&wire};
    static const int lengths[] = {8};
    PGresult *res = PQexecPrepared(conn, statement, 1, values, lengths, pq_binary, 1);
    pq_check(conn, res, PGRES_TUPLES_OK, statement);
    if (PQntuples(res) != 1)
        bench_die(statement, "not one row");
    return res;
}

void pq_prepare_insert(PGconn *conn)
{
    static const Oid types[] = {OID_INT8, OID_INT4, OID_FLOAT8, OID_TEXT, OID_TIMESTAMPTZ};
    pq_prepare(conn, "insert",
               "insert into bench_inserts (" BENCH_COLUMNS ") values ($1, $2, $3, $4, $5)", 5,
               types);
}

void pq_insert_row(int64_t i, struct pq_insert *ret)
{
    bench_insert_row(i, &ret->row);
    ret->id = __builtin_bswap64((uint64_t)ret->row.id);
    ret->quantity = __builtin_bswap32((uint32_t)ret->row.quantity);
    ret->price = __builtin_bswap64(bench_bits(ret->row.price));
    ret->created = __builtin_bswap64((uint64_t)(ret->row.created_us - EPOCH_2000_US));
    ret->values[0] = (const char *)&ret->id, ret->lengths[0] = 8;
    ret->values[1] = (const char *)&ret->quantity, ret->lengths[1] = 4;
    ret->values[2] = (const char *)&ret->price, ret->lengths[2] = 8;
    ret->values[3] = ret->row.name, ret->lengths[3] = (int)ret->row.name_len;
    ret->values[4] = (const char *)&ret->created, ret->lengths[4] = 8;
}

uint64_t pq_written(PGconn *conn)
{
    PGresult *res = pq_check(conn, PQexec(conn, bench_written_sql), PGRES_TUPLES_OK, "count");
    uint64_t sum = strtoull(PQgetvalue(res, 0, 0), NULL, 10);
    PQclear(res);
    return sum;
}

static void setup(struct bench_run *run)
{
    char sql[512];
    PGconn *conn = pq_open(run);
    pq_command(conn, "drop table if exists bench_items, bench_inserts, bench_accounts cascade");
    pq_command(conn, "create table bench_items (id bigint primary key, quantity integer not null,"
                     " price double precision not null, name text not null,"
                     " created timestamptz not null)");
    pq_command(conn, "create table bench_inserts (like bench_items including all)");
    pq_command(conn,
               "create table bench_accounts (id bigint primary key, balance bigint not null)");
    snprintf(sql, sizeof(sql),
             "insert into bench_items select i + 1, i %% 1000, i * 0.25::float8,"
             " 'item number ' || i, '2026-01-01 00:00:00+00'::timestamptz + i * interval '1 s'"
             " from generate_series(0, %lld) i",
             (long long)run->rows - 1);
    pq_command(conn, sql);
    snprintf(sql, sizeof(sql),
             "insert into bench_accounts select i, 0 from generate_series(1, %d) i",
             (int)BENCH_ACCOUNTS);
    pq_command(conn, sql);
    pq_command(conn, "vacuum (analyze, freeze) bench_items");
    pq_command(conn, "vacuum analyze bench_accounts");
    PQfinish(conn);
}

static void teardown(struct bench_run *run)
{
    PGconn *conn = pq_open(run);
    pq_command(conn, "drop table if exists bench_items, bench_inserts, bench_accounts cascade");
    PQfinish(conn);
}

static void start(struct bench_run *run)
{
    bench_start_processes(run);
}

const struct bench_case bench_cases[] = {
    {"setup", setup},  {"teardown", teardown}, {"w1", pq_w1},       {"w1g", pq_w1},
    {"w2", pq_w2},     {"w2b", pq_w2b},        {"w3", pq_w3},       {"w3r", pq_w3r},
    {"w4b", pq_w4b},   {"w4s", pq_w4s},        {"w5", pq_w5},       {"w5b", pq_w5b},
    {"w6q", pq_w6q},   {"w6e1", pq_w6e},       {"w6e2", pq_w6e},    {"w6e8", pq_w6e},
    {"w6e64", pq_w6e}, {"w7s", pq_w1},         {"w7p", pq_w7p},     {"w8o", pq_w8o},
    {"w8p", pq_w8p},   {"start", start},       {"first", pq_first}, {NULL, NULL},
};
