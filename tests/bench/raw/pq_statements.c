/* SPDX-License-Identifier: MIT */
/* Statements one by one. */
#include "raw/pq.h"

void pq_w1(struct bench_run *run)
{
    PGconn *conn = pq_open(run);
    pq_prepare(conn, "w1", "select " BENCH_COLUMNS " from bench_items where id = $1", 1,
               pq_key_type);
    for (int64_t i = -BENCH_BEFORE; i < run->operations; i++) {
        if (i == 0)
            bench_start(run);
        PGresult *res = pq_by_key(conn, "w1", bench_key(i + BENCH_BEFORE, run->rows));
        run->checksum += pq_sum_row(res, 0);
        PQclear(res);
    }
    bench_stop(run);
    PQfinish(conn);
}

void pq_w2(struct bench_run *run)
{
    PGconn *conn = pq_open(run);
    struct pq_insert in;

    pq_command(conn, "truncate bench_inserts");
    pq_prepare_insert(conn);
    bench_start(run);
    pq_command(conn, "begin");
    for (int64_t i = 0; i < run->operations; i++) {
        pq_insert_row(i, &in);
        PQclear(pq_check(conn,
                         PQexecPrepared(conn, "insert", 5, in.values, in.lengths, pq_binary, 1),
                         PGRES_COMMAND_OK, "insert"));
    }
    pq_command(conn, "commit");
    bench_stop(run);
    run->checksum = pq_written(conn);
    PQfinish(conn);
}

static const char scan[] = "select " BENCH_COLUMNS " from bench_items where id <= $1";

void pq_w4b(struct bench_run *run)
{
    PGconn *conn = pq_open(run);
    uint64_t wire = __builtin_bswap64((uint64_t)run->operations);
    const char *const values[] = {(const char *)&wire};
    static const int lengths[] = {8};

    pq_prepare(conn, "w4", scan, 1, pq_key_type);
    bench_start(run);
    PGresult *res = pq_check(conn, PQexecPrepared(conn, "w4", 1, values, lengths, pq_binary, 1),
                             PGRES_TUPLES_OK, "scan");
    int rows = PQntuples(res);
    for (int i = 0; i < rows; i++)
        run->checksum += pq_sum_row(res, i);
    PQclear(res);
    bench_stop(run);
    PQfinish(conn);
}

void pq_w4s(struct bench_run *run)
{
    PGconn *conn = pq_open(run);
    uint64_t wire = __builtin_bswap64((uint64_t)run->operations);
    const char *const values[] = {(const char *)&wire};
    static const int lengths[] = {8};
    PGresult *res;

    pq_prepare(conn, "w4", scan, 1, pq_key_type);
    bench_start(run);
    if (!PQsendQueryPrepared(conn, "w4", 1, values, lengths, pq_binary, 1) ||
        !PQsetSingleRowMode(conn))
        bench_die("scan", PQerrorMessage(conn));
    while ((res = PQgetResult(conn))) {
        if (PQresultStatus(res) == PGRES_SINGLE_TUPLE)
            run->checksum += pq_sum_row(res, 0);
        else
            pq_check(conn, res, PGRES_TUPLES_OK, "scan");
        PQclear(res);
    }
    bench_stop(run);
    PQfinish(conn);
}

void pq_w5(struct bench_run *run)
{
    static const Oid types[] = {OID_INT8, OID_INT8};
    static const int lengths[] = {8, 8};
    PGconn *conn = pq_open(run);
    pq_command(conn, "update bench_accounts set balance = 0");
    pq_command(conn, "vacuum bench_accounts");
    pq_prepare(conn, "w5s", "select balance from bench_accounts where id = $1 for update", 1,
               pq_key_type);
    pq_prepare(conn, "w5u", "update bench_accounts set balance = $2 where id = $1", 2, types);
    bench_start(run);
    for (int64_t i = 0; i < run->operations; i++) {
        int64_t key = bench_key(i, BENCH_ACCOUNTS);
        pq_command(conn, "begin");
        PGresult *res = pq_by_key(conn, "w5s", key);
        int64_t balance = (int64_t)pq_get64(PQgetvalue(res, 0, 0));
        PQclear(res);
        run->checksum += (uint64_t)balance;
        uint64_t id = __builtin_bswap64((uint64_t)key);
        uint64_t next = __builtin_bswap64((uint64_t)(balance + i));
        const char *const values[] = {(const char *)&id, (const char *)&next};
        PQclear(pq_check(conn, PQexecPrepared(conn, "w5u", 2, values, lengths, pq_binary, 1),
                         PGRES_COMMAND_OK, "update"));
        pq_command(conn, "commit");
    }
    bench_stop(run);
    PQfinish(conn);
}

void pq_w8o(struct bench_run *run)
{
    bench_start(run);
    for (int64_t i = 0; i < run->operations; i++)
        PQfinish(pq_open(run));
    bench_stop(run);
    run->checksum = (uint64_t)run->operations;
}

void pq_w8p(struct bench_run *run)
{
    PGconn *conn = pq_open(run);
    pq_prepare(conn, "w8p", "select 1", 0, NULL);
    for (int64_t i = -BENCH_BEFORE; i < run->operations; i++) {
        if (i == 0)
            bench_start(run);
        PGresult *res = pq_check(conn, PQexecPrepared(conn, "w8p", 0, NULL, NULL, NULL, 1),
                                 PGRES_TUPLES_OK, "select 1");
        run->checksum += pq_get32(PQgetvalue(res, 0, 0));
        PQclear(res);
    }
    bench_stop(run);
    PQfinish(conn);
}

void pq_first(struct bench_run *run)
{
    PGconn *conn = pq_open(run);
    PGresult *res = pq_check(conn, PQexecParams(conn, "select 1", 0, NULL, NULL, NULL, NULL, 1),
                             PGRES_TUPLES_OK, "select 1");
    run->checksum = pq_get32(PQgetvalue(res, 0, 0));
    PQclear(res);
    PQfinish(conn);
}
