/* SPDX-License-Identifier: MIT */
/* The reference on PostgreSQL: what its workloads share. */
#ifndef TENON_BENCH_PQ_H
#define TENON_BENCH_PQ_H

#include "bench.h"

#include <libpq-fe.h>

#define EPOCH_2000_US INT64_C(946684800000000)

enum { OID_INT4 = 23, OID_INT8 = 20, OID_FLOAT8 = 701, OID_TEXT = 25, OID_TIMESTAMPTZ = 1184 };

static inline uint64_t pq_get64(const char *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof(v));
    return __builtin_bswap64(v);
}

static inline uint32_t pq_get32(const char *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof(v));
    return __builtin_bswap32(v);
}

static inline double pq_getf(const char *p)
{
    uint64_t bits = pq_get64(p);
    double v;
    memcpy(&v, &bits, sizeof(v));
    return v;
}

static inline uint64_t pq_sum_row(const PGresult *res, int row)
{
    return bench_row((int64_t)pq_get64(PQgetvalue(res, row, 0)),
                     (int32_t)pq_get32(PQgetvalue(res, row, 1)), pq_getf(PQgetvalue(res, row, 2)),
                     PQgetvalue(res, row, 3), (size_t)PQgetlength(res, row, 3),
                     (int64_t)pq_get64(PQgetvalue(res, row, 4)) + EPOCH_2000_US);
}

PGconn *pq_open(const struct bench_run *run);
PGresult *pq_check(PGconn *conn, PGresult *res, ExecStatusType expected, const char *what);
void pq_command(PGconn *conn, const char *sql);
void pq_prepare(PGconn *conn, const char *name, const char *sql, int n, const Oid *types);

/* One int8 parameter, one row; the caller clears it. */
PGresult *pq_by_key(PGconn *conn, const char *statement, int64_t key);

/* A prepared insert into bench_inserts, and one row as its parameters. */
struct pq_insert {
    struct bench_insert row;
    uint64_t id, price, created;
    uint32_t quantity;
    const char *values[5];
    int lengths[5];
};
extern const int pq_binary[5];
extern const Oid pq_key_type[1];
void pq_prepare_insert(PGconn *conn);
void pq_insert_row(int64_t i, struct pq_insert *ret);

/* What the inserts left behind, for the checksum. */
uint64_t pq_written(PGconn *conn);

void pq_w1(struct bench_run *run);
void pq_w2(struct bench_run *run);
void pq_w2b(struct bench_run *run);
void pq_w3(struct bench_run *run);
void pq_w3r(struct bench_run *run);
void pq_w4b(struct bench_run *run);
void pq_w4s(struct bench_run *run);
void pq_w5(struct bench_run *run);
void pq_w5b(struct bench_run *run);
void pq_w6q(struct bench_run *run);
void pq_w6e(struct bench_run *run);
void pq_w7p(struct bench_run *run);
void pq_w8o(struct bench_run *run);
void pq_w8p(struct bench_run *run);
void pq_first(struct bench_run *run);

#endif
