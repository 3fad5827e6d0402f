/* SPDX-License-Identifier: MIT */
/* What was measured, as a table and as JSON. */
#ifndef TENON_BENCH_REPORT_H
#define TENON_BENCH_REPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "child.h"

enum { MAX_ROUNDS = 99, RAW = 0, TENON = 1, CONTENDERS = 2 };

struct measure {
    const char *workload;
    const char *what;
    int rounds;
    struct sample samples[CONTENDERS][MAX_ROUNDS];
    double instructions[CONTENDERS]; /* an operation; 0: not counted */
};

void report_head(FILE *out, const char *reference, bool instructions);
void report_line(FILE *out, const struct measure *measure, bool instructions);

/* One object: {"reference": ..., "rounds": ..., "workloads": [...]}. */
void report_json(FILE *out, const char *reference, const struct measure *measures, int count);

#endif
