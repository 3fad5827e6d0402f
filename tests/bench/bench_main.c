/* SPDX-License-Identifier: MIT */
#include "bench.h"

#include <inttypes.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#else
#define CALLGRIND_START_INSTRUMENTATION ((void)0)
#define CALLGRIND_STOP_INSTRUMENTATION  ((void)0)
#endif

/* There when count_allocations.so is preloaded. */
extern void bench_count_allocations(int64_t *ret_all, int64_t *ret_ours) __attribute__((weak));

extern char **environ;

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* The resident set now; the peak that getrusage() knows would count what came before. */
static int64_t rss_now_kib(void)
{
    long long size, resident = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file && fscanf(file, "%lld %lld", &size, &resident) != 2)
        resident = 0;
    if (file)
        fclose(file);
    return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

static int64_t rss_peak_kib(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

/* Under callgrind only what is between the two is counted (--instr-atstart=no). */
void bench_start(struct bench_run *run)
{
    run->rss_kib = rss_now_kib();
    run->allocations = run->ours = -1;
    if (bench_count_allocations)
        bench_count_allocations(&run->allocations, &run->ours);
    run->started_ns = now_ns();
    CALLGRIND_START_INSTRUMENTATION;
}

void bench_stop(struct bench_run *run)
{
    CALLGRIND_STOP_INSTRUMENTATION;
    run->spent_ns = now_ns() - run->started_ns;
    if (bench_count_allocations) {
        int64_t all, ours;
        bench_count_allocations(&all, &ours);
        run->allocations = all - run->allocations;
        run->ours = ours - run->ours;
    }
}

void bench_die(const char *what, const char *text)
{
    fprintf(stderr, "bench: %s: %s\n", what, text && *text ? text : "failed");
    exit(EXIT_FAILURE);
}

void bench_not_offered(void)
{
    puts("not offered");
    exit(EXIT_SUCCESS);
}

bool bench_is_sqlite(const struct bench_run *run)
{
    return strncmp(run->url, "sqlite:", 7) == 0;
}

const char *bench_sqlite_path(const struct bench_run *run)
{
    static char path[4096];
    const char *start = run->url;
    size_t length;

    if (!bench_is_sqlite(run))
        bench_die("DATABASE_URL", "not a sqlite URL");
    start += 7;
    if (strncmp(start, "//", 2) == 0)
        start += 2;
    length = strcspn(start, "?");
    if (length >= sizeof(path))
        bench_die("DATABASE_URL", "the path is too long");
    memcpy(path, start, length);
    path[length] = '\0';
    return path;
}

const char bench_written_sql[] =
    "select cast(count(*) + sum(id) + sum(quantity) as bigint) from bench_inserts";

void bench_insert_row(int64_t i, struct bench_insert *ret)
{
    static const char prefix[] = "item number ";
    char digits[24];
    size_t n = 0, length = sizeof(prefix) - 1;
    uint64_t rest = (uint64_t)i;

    ret->id = i + 1;
    ret->quantity = (int32_t)(i % 1000);
    ret->price = (double)i * 0.25;
    ret->created_us = INT64_C(1767225600000000) + i * 1000000;
    /* By hand: printf() would be a large part of what is measured. */
    do {
        digits[n++] = (char)('0' + rest % 10);
    } while (rest /= 10);
    memcpy(ret->name, prefix, length);
    while (n > 0)
        ret->name[length++] = digits[--n];
    ret->name[length] = '\0';
    ret->name_len = length;
}

void bench_sqlite_fill(int64_t rows, char *buf, size_t size)
{
    snprintf(buf, size,
             "with recursive n(i) as (values (0) union all select i + 1 from n where i < %" PRId64
             ") insert into bench_items select i + 1, i %% 1000, i * 0.25, 'item number ' || i,"
             " 1767225600000000 + i * 1000000 from n",
             rows - 1);
}

void bench_small_table(int i, char *buf, size_t size)
{
    snprintf(buf, size,
             "create table small_%d (id bigint primary key, name text not null,"
             " amount double precision not null)",
             i);
}

void bench_small_insert(int i, char *buf, size_t size)
{
    snprintf(buf, size, "insert into small_%d (id, name, amount) values ($1, $2, $3)", i);
}

void bench_start_processes(struct bench_run *run)
{
    char *argv[] = {(char *)"bench", (char *)"first", (char *)"1", (char *)"1", NULL};
    posix_spawn_file_actions_t actions;

    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", 1 /* O_WRONLY */, 0);
    bench_start(run);
    for (int64_t i = 0; i < run->operations; i++) {
        int status = -1;
        pid_t pid;
        if (posix_spawn(&pid, "/proc/self/exe", &actions, NULL, argv, environ) != 0 ||
            waitpid(pid, &status, 0) != pid || status != 0)
            bench_die("start", "the program started anew did not end well");
    }
    bench_stop(run);
    run->checksum = (uint64_t)run->operations;
    posix_spawn_file_actions_destroy(&actions);
}

/* Grows by as many KiB as there are operations: that growth is seen. */
static void grow(struct bench_run *run)
{
    size_t size = (size_t)run->operations * 1024;
    char *room;

    bench_start(run);
    room = malloc(size);
    if (!room)
        bench_die("grow", "no memory");
    memset(room, 1, size);
    run->checksum = (unsigned char)room[size / 2];
    bench_stop(run);
    free(room);
}

int main(int argc, char **argv)
{
    struct bench_run run = {.url = getenv("DATABASE_URL")};
    const struct bench_case *found = bench_cases;
    int64_t peak;

    if (argc != 4 || !run.url)
        bench_die("usage", "DATABASE_URL=... bench_x WORKLOAD OPERATIONS ROWS");
    run.workload = argv[1];
    run.operations = strtoll(argv[2], NULL, 10);
    run.rows = strtoll(argv[3], NULL, 10);
    if (run.operations < 1 || run.rows < 1)
        bench_die("usage", "OPERATIONS and ROWS are at least 1");
    while (found->name && strcmp(found->name, argv[1]) != 0)
        found++;
    if (strcmp(argv[1], "grow") == 0)
        grow(&run);
    else if (found->name)
        found->run(&run);
    else
        bench_not_offered();
    peak = rss_peak_kib();
    printf("%" PRId64 " %" PRId64 " %" PRIu64 " %" PRId64 " %" PRId64 " %" PRId64 "\n",
           run.operations, run.spent_ns, run.checksum, peak > run.rss_kib ? peak - run.rss_kib : 0,
           run.allocations, run.ours);
    return EXIT_SUCCESS;
}
