/* SPDX-License-Identifier: MIT */
#include "run/workloads.h"

#include <string.h>

const struct workload workloads[] = {
    {"w1", "select by key, 5 columns", 20000, 100000, 50, 1000},
    {"w1g", "the same, text into a buffer", 20000, 100000, 50, 1000},
    {"w1m", "select by key, in memory", 0, 300000, 50, 0},
    {"w2", "insert, in one transaction", 20000, 200000, 50, 1000},
    {"w2b", "insert, in batches of 1000", 40000, 200000, 1100, 3000},
    {"w3", "bulk insert, a row", 200000, 200000, 500, 10000},
    {"w3r", "bulk read, a row", 1000000, 1000000, 2000, 12000},
    {"w4b", "scan, a row, buffered", 1000000, 1000000, 2000, 12000},
    {"w4s", "scan, a row, streaming", 1000000, 1000000, 2000, 12000},
    {"w5", "begin, select, update, commit", 4000, 20000, 20, 1000},
    {"w5b", "the same, pipelined", 4000, 20000, 20, 1000},
    {"w6q", "select 1, 8 threads, pool of 4", 40000, 400000, 80, 0},
    {"w6e1", "acquire and release, 1 thread", 2000000, 2000000, 1000, 20000},
    {"w6e2", "acquire and release, 2 threads", 2000000, 2000000, 1000, 0},
    {"w6e8", "acquire and release, 8 threads", 1000000, 1000000, 1000, 0},
    {"w6e64", "acquire and release, 64 threads", 1000000, 1000000, 6400, 0},
    {"w7s", "100 selects, one by one", 20000, 100000, 100, 0},
    {"w7p", "100 selects, in one batch", 40000, 100000, 200, 3000},
    {"w8o", "open and close", 200, 1000, 3, 0},
    {"w8p", "select 1", 20000, 500000, 50, 1000},
    {"w9", "in memory: 10 tables, 100 rows", 0, 500, 2, 5},
    {"w9c", "in memory: clone of 14 tables", 0, 500, 2, 0},
    {"start", "process start to first answer", 50, 100, 2, 0},
};
const int n_workloads = sizeof(workloads) / sizeof(workloads[0]);

bool workload_chosen(const char *list, const char *name)
{
    const char *at = list;
    size_t length = strlen(name);
    while (at && *at) {
        size_t item = strcspn(at, ",");
        if (item == length && strncmp(at, name, length) == 0)
            return true;
        at += item + (at[item] == ',');
    }
    return !list;
}
