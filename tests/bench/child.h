/* SPDX-License-Identifier: MIT */
/* One run of a contender in a process of its own. */
#ifndef TENON_BENCH_CHILD_H
#define TENON_BENCH_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sample {
    int64_t operations;
    int64_t ns;
    uint64_t checksum;
    int64_t growth_kib;
};

/* Runs program for one workload and reads its line. It is ended after timeout_s. false, with the
 * reason on standard error, when it failed. */
bool child_measure(const char *program, const char *workload, int64_t operations, int64_t rows,
                   int timeout_s, struct sample *ret);

/* The instructions of a whole run, counted by callgrind. */
bool child_count(const char *program, const char *workload, int64_t operations, int64_t rows,
                 int timeout_s, uint64_t *ret_instructions);

#endif
