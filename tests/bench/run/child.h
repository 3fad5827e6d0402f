/* SPDX-License-Identifier: MIT */
/* One run of a contender in a process of its own. */
#ifndef TENON_BENCH_CHILD_H
#define TENON_BENCH_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sample {
    bool offered; /* false: the contender has nothing for it, and all else is 0 */
    int64_t operations;
    int64_t ns;
    uint64_t checksum;
    int64_t growth_kib;
    int64_t allocations, ours; /* -1: not counted */
};

/* What is to be run. */
struct job {
    const char *program;
    const char *workload;
    int64_t operations, rows;
    int timeout_s;       /* it is ended after */
    const char *preload; /* a library to put in front, or NULL */
};

/* Runs it and reads its line. false, with the reason on standard error, when it failed. */
bool child_measure(const struct job *job, struct sample *ret);

/* The instructions of the measured part, counted by callgrind; 0: not offered. */
bool child_count(const struct job *job, uint64_t *ret_instructions);

#endif
