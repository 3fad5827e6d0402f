/* SPDX-License-Identifier: MIT */
/*
 * Counting. Each connection has its counters, which only the thread that has the connection writes:
 * a load and a store, no lock, no atomic addition. The pool reads them at any time and keeps the
 * sum of connections that are closed.
 */
#ifndef TENON_OBSERVE_STATS_H
#define TENON_OBSERVE_STATS_H

#include <stdatomic.h>

#include <tenon/error.h>
#include <tenon/stats.h>

typedef atomic_uint_least64_t tn__counter;

/* One writer. */
static inline void tn__count(tn__counter *counter, uint64_t n)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
                          memory_order_relaxed);
}

/* Many writers: for what happens seldom. */
static inline void tn__count_shared(tn__counter *counter, uint64_t n)
{
    atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

static inline uint64_t tn__counted(const tn__counter *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

/* Of one connection. Zero-initialised. */
typedef struct tn__conn_stats {
    tn__counter latency[TN_STATS_BUCKETS]; /* together: the number of statements */
    tn__counter latency_ns;
    tn__counter rows;
    tn__counter slow;
    tn__counter errors[TN_STATS_CLASSES];
    tn__counter committed;
    tn__counter rolled_back;
    tn__counter unknown;
} tn__conn_stats;

/* The least i with duration <= 2^i microseconds, as far as there are buckets: the number of binary
 * digits of microseconds - 1, rounded up. */
static inline unsigned tn__stats_bucket(int64_t duration_ns)
{
    uint64_t us = duration_ns > 0 ? ((uint64_t)duration_ns + 999) / 1000 : 0;
    unsigned bucket = us <= 1 ? 0 : 64 - (unsigned)__builtin_clzll(us - 1);

    return bucket < TN_STATS_BUCKETS ? bucket : TN_STATS_BUCKETS - 1;
}

/* A statement ended. */
static inline void tn__stats_statement(tn__conn_stats *stats, int64_t duration_ns, uint64_t rows)
{
    tn__count(&stats->latency[tn__stats_bucket(duration_ns)], 1);
    tn__count(&stats->latency_ns, duration_ns > 0 ? (uint64_t)duration_ns : 0);
    tn__count(&stats->rows, rows);
}
/* And failed. */
void tn__stats_error(tn__conn_stats *stats, tn_status status);
/* A transaction of depth 1 ended: applied is committed, in doubt is unknown, all else rolled back.
 */
void tn__stats_transaction(tn__conn_stats *stats, tn_outcome outcome);

/* Adds a connection's counters to the fields of the same name. */
void tn__stats_add(tn_statistics *total, const tn__conn_stats *stats);
/* Adds all counters of one sum to another; what the pool has now (max to waiting) is left. */
void tn__stats_merge(tn_statistics *total, const tn_statistics *other);

/* "idle", "broken" ...: for labels, events and lines. */
const char *tn__closed_word(tn_closed cause);

/* Prometheus' text form. Semantics of snprintf. */
size_t tn__stats_prometheus(const tn_statistics *stats, char *buf, size_t size);

#endif
