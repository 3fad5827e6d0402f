/* SPDX-License-Identifier: MIT */
/*
 * What the contenders share. A contender is one program: `bench_x WORKLOAD OPERATIONS ROWS` runs
 * one workload once in the database of DATABASE_URL and prints one line,
 *
 *   operations nanoseconds checksum growth
 *
 * (growth: of the resident set, in KiB, from before the work to its peak). Connecting, preparing
 * and resetting tables are outside of the measured time, except where they are the workload.
 * Every contender reads every cell as a C value and adds it up: sums that differ are a failure.
 */
#ifndef TENON_BENCH_H
#define TENON_BENCH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bench_run {
    const char *url;
    int64_t operations; /* what the workload counts: statements, rows, transactions */
    int64_t rows;       /* in bench_items */
    int64_t started_ns;
    int64_t spent_ns;
    int64_t rss_kib; /* when the work began */
    uint64_t checksum;
};

struct bench_case {
    const char *name;
    void (*run)(struct bench_run *run);
};

/* Each contender's workloads; a row without a name ends them. */
extern const struct bench_case bench_cases[];

/* Round the measured part. */
void bench_start(struct bench_run *run);
void bench_stop(struct bench_run *run);

/* Prints "contender: what: text" and ends the process with 1. */
_Noreturn void bench_die(const char *what, const char *text);

enum { BENCH_ACCOUNTS = 1000, BENCH_BEFORE = 64 };

/* Keys that are spread over the table, the same for all. */
static inline int64_t bench_key(int64_t i, int64_t rows)
{
    return (int64_t)((uint64_t)i * 7919u % (uint64_t)rows) + 1;
}

static inline uint64_t bench_bits(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

/* One row of bench_items. Of the text its length and both ends count: reading each byte would hide
 * what it costs to get there. */
static inline uint64_t bench_row(int64_t id, int32_t quantity, double price, const char *name,
                                 size_t name_len, int64_t created_us)
{
    uint64_t sum = (uint64_t)id + (uint64_t)quantity + bench_bits(price) + (uint64_t)created_us;
    if (name_len > 0)
        sum += name_len + (unsigned char)name[0] + (unsigned char)name[name_len - 1];
    return sum;
}

/* What the insert workload writes in row i. */
struct bench_insert {
    int64_t id;
    int32_t quantity;
    double price;
    char name[32];
    size_t name_len;
    int64_t created_us;
};
void bench_insert_row(int64_t i, struct bench_insert *ret);

/* The same statements for all contenders; $1 is written ?1 where SQLite is used directly. */
#define BENCH_COLUMNS "id, quantity, price, name, created"

#endif
