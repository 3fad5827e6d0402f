/* SPDX-License-Identifier: MIT */
/* What one call of bench_run does. */
#ifndef TENON_BENCH_PLAN_H
#define TENON_BENCH_PLAN_H

#include <limits.h>

#include "run/report.h"

struct plan {
    const char *folder; /* of the programs */
    struct contender contenders[MAX_CONTENDERS];
    struct report report;
    const char *chosen; /* names with commas, NULL: all */
    const char *json;
    int rounds;
    bool brief, sqlite, keep;
};

/* Makes the tables, does it, drops the tables. */
bool plan_run(const struct plan *plan, bool (*go)(const struct plan *plan));

/* Rounds of all contenders: a table, JSON. */
bool plan_measure(const struct plan *plan);

/* Instructions of raw and tenon: lines of five fields with tabs between. */
bool plan_count(const struct plan *plan);

/* Whether rows that are streamed stay within the memory that they may take. */
bool plan_check_memory(const struct plan *plan);

/* Whether tenon allocates as often as the reference does: nothing of its own. */
bool plan_check_allocations(const struct plan *plan);

#endif
