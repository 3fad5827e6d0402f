/* SPDX-License-Identifier: MIT */
#include "peers/peer.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* ---- helpers --------------------------------------------------------------------------------- */

bool peer_is_sqlite(const char *url)
{
    return strncmp(url, "sqlite:", 7) == 0;
}

const char *peer_sqlite_path(const char *url)
{
    struct bench_run run = {.url = url};
    return bench_sqlite_path(&run);
}

const char *peer_part(const char *url, const char *name)
{
    static PQconninfoOption *parts;
    if (!parts)
        parts = PQconninfoParse(url, NULL);
    for (PQconninfoOption *part = parts; part && part->keyword; part++) {
        if (strcmp(part->keyword, name) == 0 && part->val)
            return part->val;
    }
    return "";
}

static int two(const char *text)
{
    return (text[0] - '0') * 10 + (text[1] - '0');
}

/* Days since 1970, by the civil calendar. */
static int64_t days_of(int64_t year, int month, int day)
{
    int64_t era, of_era, of_year;
    year -= month <= 2;
    era = year / 400;
    of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    of_era = (year - era * 400) * 365 + (year - era * 400) / 4 - (year - era * 400) / 100 + of_year;
    return era * 146097 + of_era - 719468;
}

int64_t peer_time(const char *text)
{
    int64_t us, fraction = 0, unit = 100000;
    const char *rest = text + 19;

    if (strlen(text) < 19)
        bench_die("an instant was expected", text);
    us = days_of(two(text) * 100 + two(text + 2), two(text + 5), two(text + 8)) * 86400;
    us = (us + two(text + 11) * 3600 + two(text + 14) * 60 + two(text + 17)) * 1000000;
    if (*rest == '.') {
        for (rest++; *rest >= '0' && *rest <= '9'; rest++, unit /= 10)
            fraction += (*rest - '0') * unit;
    }
    if (*rest == '+' || *rest == '-')
        us -= (*rest == '+' ? 1 : -1) * two(rest + 1) * INT64_C(3600000000);
    return us + fraction;
}

void peer_time_text(int64_t us, char *buf, size_t size)
{
    time_t seconds = us / 1000000;
    struct tm parts;
    gmtime_r(&seconds, &parts);
    strftime(buf, size, "%Y-%m-%d %H:%M:%S+00", &parts);
}

/* ---- workloads ------------------------------------------------------------------------------- */

static void *open_for(struct bench_run *run, enum peer_use use)
{
    return peer.open(run->url, use);
}

static void selects(struct bench_run *run, void *conn, int64_t rows)
{
    for (int64_t i = -BENCH_BEFORE; i < run->operations; i++) {
        if (i == 0)
            bench_start(run);
        run->checksum += peer.item(conn, bench_key(i + BENCH_BEFORE, rows));
    }
    bench_stop(run);
    peer.close(conn);
}

static void w1(struct bench_run *run)
{
    if (!peer.item)
        bench_not_offered();
    selects(run, open_for(run, PEER_ITEMS), run->rows);
}

static void empty_inserts(const struct bench_run *run, void *conn)
{
    peer.command(conn,
                 bench_is_sqlite(run) ? "delete from bench_inserts" : "truncate bench_inserts");
}

static void w2(struct bench_run *run)
{
    void *conn = open_for(run, PEER_INSERTS);
    struct bench_insert row;

    empty_inserts(run, conn);
    bench_start(run);
    peer.begin(conn);
    for (int64_t i = 0; i < run->operations; i++) {
        bench_insert_row(i, &row);
        peer.insert(conn, &row);
    }
    peer.commit(conn);
    bench_stop(run);
    run->checksum = (uint64_t)peer.number(conn, bench_written_sql);
    peer.close(conn);
}

static void w3(struct bench_run *run)
{
    void *conn;
    if (!peer.insert_many) {
        w2(run);
        return;
    }
    conn = open_for(run, PEER_INSERTS);
    empty_inserts(run, conn);
    bench_start(run);
    peer.begin(conn);
    peer.insert_many(conn, run->operations);
    peer.commit(conn);
    bench_stop(run);
    run->checksum = (uint64_t)peer.number(conn, bench_written_sql);
    peer.close(conn);
}

static void scan(struct bench_run *run, uint64_t (*fn)(void *conn, int64_t upto), bool streaming)
{
    void *conn;
    if (!fn)
        bench_not_offered();
    conn = streaming && peer.open_streaming ? peer.open_streaming(run->url)
                                            : open_for(run, PEER_SCAN);
    bench_start(run);
    run->checksum = fn(conn, run->operations);
    bench_stop(run);
    peer.close(conn);
}

static void w4b(struct bench_run *run)
{
    scan(run, peer.scan, false);
}

static void w4s(struct bench_run *run)
{
    scan(run, peer.scan_streaming, true);
}

static void w5(struct bench_run *run)
{
    void *conn = open_for(run, PEER_ACCOUNTS);

    peer.command(conn, "update bench_accounts set balance = 0");
    if (!bench_is_sqlite(run))
        peer.command(conn, "vacuum bench_accounts");
    bench_start(run);
    for (int64_t i = 0; i < run->operations; i++) {
        int64_t key = bench_key(i, BENCH_ACCOUNTS), balance;
        peer.begin(conn);
        balance = peer.balance(conn, key);
        peer.set_balance(conn, key, balance + i);
        peer.commit(conn);
        run->checksum += (uint64_t)balance;
    }
    bench_stop(run);
    peer.close(conn);
}

static uint64_t pooled_queries(void *arg, int64_t n)
{
    uint64_t sum = 0;
    for (int64_t i = 0; i < n; i++) {
        void *conn = peer.acquire(arg);
        sum += (uint64_t)peer.pooled_one(conn);
        peer.release(arg, conn);
    }
    return sum;
}

static uint64_t pooled_only(void *arg, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        peer.release(arg, peer.acquire(arg));
    return (uint64_t)n;
}

static void pooled(struct bench_run *run, int threads, uint64_t (*work)(void *arg, int64_t n))
{
    void *pool;
    if (!peer.pool_open)
        bench_not_offered();
    pool = peer.pool_open(run->url);
    bench_threads(run, threads, work, pool);
    peer.pool_close(pool);
}

static void w6q(struct bench_run *run)
{
    pooled(run, BENCH_THREADS, pooled_queries);
}

static void w6e(struct bench_run *run)
{
    pooled(run, bench_threads_of(run), pooled_only);
}

static void w8o(struct bench_run *run)
{
    bench_start(run);
    for (int64_t i = 0; i < run->operations; i++)
        peer.close(open_for(run, PEER_PLAIN));
    bench_stop(run);
    run->checksum = (uint64_t)run->operations;
}

static void w8p(struct bench_run *run)
{
    void *conn = open_for(run, PEER_ONE);
    for (int64_t i = -BENCH_BEFORE; i < run->operations; i++) {
        if (i == 0)
            bench_start(run);
        run->checksum += (uint64_t)peer.one(conn);
    }
    bench_stop(run);
    peer.close(conn);
}

static void small_database(struct bench_run *run)
{
    void *conn = peer.open("sqlite::memory:", PEER_PLAIN);
    char sql[256];

    for (int i = 0; i < BENCH_SMALL_TABLES; i++) {
        bench_small_table(i, sql, sizeof(sql));
        peer.command(conn, sql);
    }
    peer.begin(conn);
    for (int i = 0; i < BENCH_SMALL_TABLES; i++) {
        peer.small_prepare(conn, i);
        for (int row = 0; row < BENCH_SMALL_ROWS; row++) {
            peer.small_insert(conn, row, "a name", row * 0.5);
            run->checksum++;
        }
    }
    peer.commit(conn);
    peer.close(conn);
}

static void w9(struct bench_run *run)
{
    if (!peer.small_insert)
        bench_not_offered();
    bench_start(run);
    for (int64_t n = 0; n < run->operations; n++)
        small_database(run);
    bench_stop(run);
}

static void first(struct bench_run *run)
{
    void *conn = open_for(run, PEER_PLAIN);
    run->checksum = (uint64_t)peer.number(conn, "select 1");
    peer.close(conn);
}

static void start(struct bench_run *run)
{
    bench_start_processes(run);
}

const struct bench_case bench_cases[] = {
    {"w1", w1},   {"w2", w2},    {"w3", w3},    {"w4b", w4b},     {"w4s", w4s},     {"w5", w5},
    {"w6q", w6q}, {"w6e1", w6e}, {"w6e2", w6e}, {"w6e8", w6e},    {"w6e64", w6e},   {"w7s", w1},
    {"w8o", w8o}, {"w8p", w8p},  {"w9", w9},    {"start", start}, {"first", first}, {NULL, NULL},
};
