/* SPDX-License-Identifier: MIT */
/*
 * What the contenders share. A contender is one program: `bench_x WORKLOAD OPERATIONS ROWS` runs
 * one workload once in the database of DATABASE_URL and prints one line,
 *
 *   operations nanoseconds checksum growth allocations ours
 *
 * (growth: of the resident set, in KiB, from before the work to its peak; allocations of the
 * measured part, and those of them that our code asks for: -1 when nobody counted), or "not
 * offered". Connecting, preparing and resetting
 * tables are outside of the measured time, except where they are the workload. Every contender
 * reads every cell as a C value and adds it up: sums that differ are a failure.
 */
#ifndef TENON_BENCH_H
#define TENON_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bench_run {
    const char *url;
    const char *workload;
    int64_t operations; /* what the workload counts: statements, rows, transactions */
    int64_t rows;       /* in bench_items */
    int64_t started_ns;
    int64_t spent_ns;
    int64_t rss_kib; /* when the work began */
    int64_t allocations, ours;
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
void bench_die(const char *what, const char *text) __attribute__((noreturn));

/* Says that the contender's API has nothing for this workload, and ends the process. */
void bench_not_offered(void) __attribute__((noreturn));

bool bench_is_sqlite(const struct bench_run *run);

/* sqlite:PATH, sqlite://PATH, sqlite:///PATH: what stands behind, up to the parameters; ends the
 * process for any other URL. Borrowed, static. */
const char *bench_sqlite_path(const struct bench_run *run);

/* BENCH_BEFORE: operations to warm up. BENCH_GROUP, BENCH_BATCH: statements
 * of one batch, selects and inserts. */
enum { BENCH_ACCOUNTS = 1000, BENCH_BEFORE = 64, BENCH_GROUP = 100, BENCH_BATCH = 1000 };

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

/* What the insert workloads write in row i. */
struct bench_insert {
    int64_t id;
    int32_t quantity;
    double price;
    char name[32];
    size_t name_len;
    int64_t created_us;
};
void bench_insert_row(int64_t i, struct bench_insert *ret);

/* What they must leave behind, by bench_written_sql: one bigint. */
extern const char bench_written_sql[];

/* The same statements for all contenders; $1 is written ?1 where SQLite is used directly. */
#define BENCH_COLUMNS "id, quantity, price, name, created"

/* SQLite: fills bench_items. */
void bench_sqlite_fill(int64_t rows, char *buf, size_t size);

/* w1m: rows of bench_items in memory. */
enum { BENCH_MEMORY_ROWS = 100000 };

/* ---- threads --------------------------------------------------------------------------------- */

/* Four connections for as many threads as there are. */
enum { BENCH_POOL = 4, BENCH_THREADS = 8 };

/*
 * Runs work(arg, operations) on so many threads at once, the operations of the run shared out
 * evenly, and measures from when all are ready to when the last is done. Before that each does a
 * few, so that all that is made on first use is made. Adds what they return to the checksum.
 */
void bench_threads(struct bench_run *run, int threads, uint64_t (*work)(void *arg, int64_t n),
                   void *arg);

/* w6e1 is one thread, w6e64 are 64. */
int bench_threads_of(const struct bench_run *run);

/* ---- w9: a database in memory that lives for a moment ------------------------------------------
 */

enum { BENCH_SMALL_TABLES = 10, BENCH_SMALL_ROWS = 10, BENCH_CLONE_TABLES = 14 };

/* The statement that makes table number i, and the one that fills it by $1, $2 and $3. */
void bench_small_table(int i, char *buf, size_t size);
void bench_small_insert(int i, char *buf, size_t size);

/* ---- start: a process from its beginning to the first answer -----------------------------------
 */

/* Starts this program anew for each operation, as `bench_x first 1 1`, and waits for it. */
void bench_start_processes(struct bench_run *run);

#endif
