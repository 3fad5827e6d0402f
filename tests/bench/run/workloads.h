/* SPDX-License-Identifier: MIT */
/* What is measured, and how much of it. */
#ifndef TENON_BENCH_WORKLOADS_H
#define TENON_BENCH_WORKLOADS_H

#include <stdbool.h>
#include <stdint.h>

/* Operations in full on either database (0: not a workload of that one), short, and under
 * callgrind (0: threads, processes or the kernel's work; instructions would say nothing). */
struct workload {
    const char *name;
    const char *what;
    int64_t postgres, sqlite, brief, counted;
};

extern const struct workload workloads[];
extern const int n_workloads;

enum { FULL_ROWS = 1000000, BRIEF_ROWS = 12000 };

/* Whether a list of names with commas has this one; NULL has all. */
bool workload_chosen(const char *list, const char *name);

#endif
