/* SPDX-License-Identifier: MIT */
/* COPY in the binary format, which is the fastest way in, and one of the ways out. */
#include "raw/pq.h"

#include <stdio.h>

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

/* ---- out ------------------------------------------------------------------------------------- */

enum { HEADER = 19 };

static void bad_row(void)
{
    bench_die("copy", "a row is not as it should be");
}

/* A field of this size (-1: of any), and what stands behind it. */
static const char *field(const char **at, const char *end, int32_t size, int32_t *ret_size)
{
    const char *value = *at + 4;

    if (end - *at < 4)
        bad_row();
    *ret_size = (int32_t)pq_get32(*at);
    if (*ret_size < 0 || *ret_size > end - value || (size >= 0 && *ret_size != size))
        bad_row();
    *at = value + *ret_size;
    return value;
}

static uint64_t sum_fields(const char *at, const char *end)
{
    int32_t size, name_size;
    const char *id = field(&at, end, 8, &size);
    const char *quantity = field(&at, end, 4, &size);
    const char *price = field(&at, end, 8, &size);
    const char *name = field(&at, end, -1, &name_size);
    const char *created = field(&at, end, 8, &size);

    return bench_row((int64_t)pq_get64(id), (int32_t)pq_get32(quantity), pq_getf(price), name,
                     (size_t)name_size, (int64_t)pq_get64(created) + EPOCH_2000_US);
}

/* The first message has the header before its row, the last one is only the end's mark. */
static uint64_t sum_message(const char *at, const char *end, bool first)
{
    uint16_t columns;

    if (first)
        at += HEADER;
    if (end - at < 2)
        bad_row();
    memcpy(&columns, at, sizeof(columns));
    if (columns == UINT16_MAX)
        return 0;
    if (__builtin_bswap16(columns) != 5)
        bad_row();
    return sum_fields(at + 2, end);
}

void pq_w3r(struct bench_run *run)
{
    PGconn *conn = pq_open(run);
    bool first = true;
    char sql[192], *message;
    int size;

    snprintf(sql, sizeof(sql),
             "copy (select " BENCH_COLUMNS " from bench_items where id <= %lld) to stdout"
             " (format binary)",
             (long long)run->operations);
    bench_start(run);
    PQclear(pq_check(conn, PQexec(conn, sql), PGRES_COPY_OUT, "copy"));
    while ((size = PQgetCopyData(conn, &message, 0)) > 0) {
        run->checksum += sum_message(message, message + size, first);
        first = false;
        PQfreemem(message);
    }
    if (size != -1)
        bench_die("copy", PQerrorMessage(conn));
    PQclear(pq_check(conn, PQgetResult(conn), PGRES_COMMAND_OK, "copy"));
    if (PQgetResult(conn))
        bench_die("copy", "more than one result");
    bench_stop(run);
    PQfinish(conn);
}
