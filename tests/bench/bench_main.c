/* SPDX-License-Identifier: MIT */
#include "bench.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

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

void bench_start(struct bench_run *run)
{
    run->rss_kib = rss_now_kib();
    run->started_ns = now_ns();
}

void bench_stop(struct bench_run *run)
{
    run->spent_ns = now_ns() - run->started_ns;
}

_Noreturn void bench_die(const char *what, const char *text)
{
    fprintf(stderr, "bench: %s: %s\n", what, text && *text ? text : "failed");
    exit(EXIT_FAILURE);
}

void bench_insert_row(int64_t i, struct bench_insert *ret)
{
    ret->id = i + 1;
    ret->quantity = (int32_t)(i % 1000);
    ret->price = (double)i * 0.25;
    ret->name_len = (size_t)snprintf(ret->name, sizeof(ret->name), "item number %" PRId64, i);
    ret->created_us = INT64_C(1767225600000000) + i * 1000000;
}

int main(int argc, char **argv)
{
    struct bench_run run = {.url = getenv("DATABASE_URL")};
    const struct bench_case *found = bench_cases;

    if (argc != 4 || !run.url)
        bench_die("usage", "DATABASE_URL=... bench_x WORKLOAD OPERATIONS ROWS");
    run.operations = strtoll(argv[2], NULL, 10);
    run.rows = strtoll(argv[3], NULL, 10);
    if (run.operations < 1 || run.rows < 1)
        bench_die("usage", "OPERATIONS and ROWS are at least 1");
    while (found->name && strcmp(found->name, argv[1]) != 0)
        found++;
    if (!found->name)
        bench_die(argv[1], "no such workload");
    found->run(&run);
    printf("%" PRId64 " %" PRId64 " %" PRIu64 " %" PRId64 "\n", run.operations, run.spent_ns,
           run.checksum, rss_peak_kib() > run.rss_kib ? rss_peak_kib() - run.rss_kib : 0);
    return EXIT_SUCCESS;
}
