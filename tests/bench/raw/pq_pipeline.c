/* SPDX-License-Identifier: MIT */
/*
 * Pipelines by hand. What is sent before reading is bounded (two groups of BENCH_GROUP statements),
 * so neither side's socket buffer is full while the other one only writes.
 */
#include "raw/pq.h"

static void enter(PGconn *conn)
{
    if (PQenterPipelineMode(conn) != 1)
        bench_die("pipeline", PQerrorMessage(conn));
}

static void send_prepared(PGconn *conn, const char *name, int n, const char *const *values,
                          const int *lengths)
{
    if (!PQsendQueryPrepared(conn, name, n, values, lengths, pq_binary, 1))
        bench_die(name, PQerrorMessage(conn));
}

static void sync_pipeline(PGconn *conn)
{
    if (!PQpipelineSync(conn))
        bench_die("sync", PQerrorMessage(conn));
}

/* One statement's result, which the caller clears, and the NULL behind it. */
static PGresult *next_result(PGconn *conn, ExecStatusType expected, const char *what)
{
    PGresult *res = pq_check(conn, PQgetResult(conn), expected, what);
    if (PQgetResult(conn))
        bench_die(what, "more than one result");
    return res;
}

static void read_sync(PGconn *conn)
{
    PQclear(pq_check(conn, PQgetResult(conn), PGRES_PIPELINE_SYNC, "sync"));
}

static void send_inserts(PGconn *conn, int64_t first, int64_t n)
{
    struct pq_insert in;
    for (int64_t i = 0; i < n; i++) {
        pq_insert_row(first + i, &in);
        send_prepared(conn, "insert", 5, in.values, in.lengths);
    }
    sync_pipeline(conn);
}

static void read_inserts(PGconn *conn, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        PQclear(next_result(conn, PGRES_COMMAND_OK, "insert"));
    read_sync(conn);
}

/* While the server works on one group the next one is made: two are under way. */
void pq_w2b(struct bench_run *run)
{
    PGconn *conn = pq_open(run);
    int64_t behind = 0;

    pq_command(conn, "truncate bench_inserts");
    pq_prepare_insert(conn);
    bench_start(run);
    pq_command(conn, "begin");
    enter(conn);
    for (int64_t done = 0; done < run->operations; done += BENCH_GROUP) {
        int64_t n = run->operations - done;
        n = n < BENCH_GROUP ? n : BENCH_GROUP;
        send_inserts(conn, done, n);
        if (behind > 0)
            read_inserts(conn, behind);
        behind = n;
    }
    read_inserts(conn, behind);
    PQexitPipelineMode(conn);
    pq_command(conn, "commit");
    bench_stop(run);
    run->checksum = pq_written(conn);
    PQfinish(conn);
}

/* Two round trips: what the second statement writes depends on what the first one read. */
static uint64_t transaction(PGconn *conn, int64_t key, int64_t add)
{
    uint64_t id = __builtin_bswap64((uint64_t)key), next;
    const char *const values[] = {(const char *)&id, (const char *)&next};
    static const int lengths[] = {8, 8};
    int64_t balance;
    PGresult *res;

    send_prepared(conn, "begin", 0, NULL, NULL);
    send_prepared(conn, "w5s", 1, values, lengths);
    sync_pipeline(conn);
    PQclear(next_result(conn, PGRES_COMMAND_OK, "begin"));
    res = next_result(conn, PGRES_TUPLES_OK, "select");
    balance = (int64_t)pq_get64(PQgetvalue(res, 0, 0));
    PQclear(res);
    read_sync(conn);
    next = __builtin_bswap64((uint64_t)(balance + add));
    send_prepared(conn, "w5u", 2, values, lengths);
    send_prepared(conn, "commit", 0, NULL, NULL);
    sync_pipeline(conn);
    PQclear(next_result(conn, PGRES_COMMAND_OK, "update"));
    PQclear(next_result(conn, PGRES_COMMAND_OK, "commit"));
    read_sync(conn);
    return (uint64_t)balance;
}

void pq_w5b(struct bench_run *run)
{
    static const Oid types[] = {OID_INT8, OID_INT8};
    PGconn *conn = pq_open(run);

    pq_command(conn, "update bench_accounts set balance = 0");
    pq_command(conn, "vacuum bench_accounts");
    pq_prepare(conn, "begin", "begin", 0, NULL);
    pq_prepare(conn, "commit", "commit", 0, NULL);
    pq_prepare(conn, "w5s", "select balance from bench_accounts where id = $1 for update", 1,
               pq_key_type);
    pq_prepare(conn, "w5u", "update bench_accounts set balance = $2 where id = $1", 2, types);
    enter(conn);
    bench_start(run);
    for (int64_t i = 0; i < run->operations; i++)
        run->checksum += transaction(conn, bench_key(i, BENCH_ACCOUNTS), i);
    bench_stop(run);
    PQexitPipelineMode(conn);
    PQfinish(conn);
}

static uint64_t selects(PGconn *conn, int64_t first, int64_t n, int64_t rows)
{
    static const int lengths[] = {8};
    uint64_t sum = 0;

    for (int64_t i = 0; i < n; i++) {
        uint64_t wire = __builtin_bswap64((uint64_t)bench_key(first + i, rows));
        const char *const values[] = {(const char *)&wire};
        send_prepared(conn, "w7", 1, values, lengths);
    }
    sync_pipeline(conn);
    for (int64_t i = 0; i < n; i++) {
        PGresult *res = next_result(conn, PGRES_TUPLES_OK, "select");
        if (PQntuples(res) != 1)
            bench_die("select", "not one row");
        sum += pq_sum_row(res, 0);
        PQclear(res);
    }
    read_sync(conn);
    return sum;
}

void pq_w7p(struct bench_run *run)
{
    PGconn *conn = pq_open(run);

    pq_prepare(conn, "w7", "select " BENCH_COLUMNS " from bench_items where id = $1", 1,
               pq_key_type);
    enter(conn);
    run->checksum += selects(conn, 0, BENCH_BEFORE, run->rows);
    bench_start(run);
    for (int64_t done = 0; done < run->operations; done += BENCH_GROUP) {
        int64_t n = run->operations - done;
        run->checksum += selects(conn, done + BENCH_BEFORE, n < BENCH_GROUP ? n : BENCH_GROUP,
                                 run->rows);
    }
    bench_stop(run);
    PQexitPipelineMode(conn);
    PQfinish(conn);
}
