/* SPDX-License-Identifier: MIT */
/* COPY in the binary format, which is the fastest way in. */
#include "raw/pq.h"

enum { CHUNK = 65536, MOST_OF_A_ROW = 128 };

static char *put16(char *at, uint16_t v)
{
    v = __builtin_bswap16(v);
    memcpy(at, &v, sizeof(v));
    return at + sizeof(v);
}

static char *put32(char *at, uint32_t v)
{
    v = __builtin_bswap32(v);
    memcpy(at, &v, sizeof(v));
    return at + sizeof(v);
}

static char *put64(char *at, uint64_t v)
{
    v = __builtin_bswap64(v);
    memcpy(at, &v, sizeof(v));
    return at + sizeof(v);
}

static char *put_row(char *at, const struct bench_insert *row)
{
    at = put16(at, 5);
    at = put64(put32(at, 8), (uint64_t)row->id);
    at = put32(put32(at, 4), (uint32_t)row->quantity);
    at = put64(put32(at, 8), bench_bits(row->price));
    at = put32(at, (uint32_t)row->name_len);
    memcpy(at, row->name, row->name_len);
    at += row->name_len;
    return put64(put32(at, 8), (uint64_t)(row->created_us - EPOCH_2000_US));
}

static void put_chunk(PGconn *conn, const char *data, size_t size)
{
    if (PQputCopyData(conn, data, (int)size) != 1)
        bench_die("copy", PQerrorMessage(conn));
}

void pq_w3(struct bench_run *run)
{
    static const char signature[] = "PGCOPY\n\377\r\n"; /* and its NUL, flags, extension */
    static char chunk[CHUNK];
    PGconn *conn = pq_open(run);
    char *at = chunk;

    pq_command(conn, "truncate bench_inserts");
    bench_start(run);
    PQclear(pq_check(
        conn, PQexec(conn, "copy bench_inserts (" BENCH_COLUMNS ") from stdin (format binary)"),
        PGRES_COPY_IN, "copy"));
    memcpy(at, signature, sizeof(signature));
    at = put32(put32(at + sizeof(signature), 0), 0);
    for (int64_t i = 0; i < run->operations; i++) {
        struct bench_insert row;
        if (at - chunk > CHUNK - MOST_OF_A_ROW) {
            put_chunk(conn, chunk, (size_t)(at - chunk));
            at = chunk;
        }
        bench_insert_row(i, &row);
        at = put_row(at, &row);
    }
    at = put16(at, 0xffff);
    put_chunk(conn, chunk, (size_t)(at - chunk));
    if (PQputCopyEnd(conn, NULL) != 1)
        bench_die("copy", PQerrorMessage(conn));
    PQclear(pq_check(conn, PQgetResult(conn), PGRES_COMMAND_OK, "copy"));
    if (PQgetResult(conn))
        bench_die("copy", "more than one result");
    bench_stop(run);
    run->checksum = pq_written(conn);
    PQfinish(conn);
}
