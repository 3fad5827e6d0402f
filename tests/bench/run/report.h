/* SPDX-License-Identifier: MIT */
/* What was measured, as a table and as JSON. */
#ifndef TENON_BENCH_REPORT_H
#define TENON_BENCH_REPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "run/child.h"
#include "run/workloads.h"

enum { MAX_ROUNDS = 99, RAW = 0, TENON = 1, MAX_CONTENDERS = 8 };

struct contender {
    const char *name;
    char program[4096];
};

struct measure {
    const struct workload *workload;
    int rounds;
    struct sample samples[MAX_CONTENDERS][MAX_ROUNDS];
    double instructions[MAX_CONTENDERS]; /* an operation; 0: not counted */
    double allocations[MAX_CONTENDERS];  /* an operation; below 0: not counted */
    double ours[MAX_CONTENDERS];         /* of them */
};

struct report {
    const char *database;  /* postgresql, sqlite */
    const char *reference; /* the client library */
    const struct contender *contenders;
    int n_contenders;
    bool instructions, allocations;
};

void report_head(FILE *out, const struct report *report);
void report_lines(FILE *out, const struct report *report, const struct measure *measure);

/* One object: {"database": ..., "reference": ..., "workloads": [...]}. */
void report_json(FILE *out, const struct report *report, const struct measure *measures, int count);

#endif
