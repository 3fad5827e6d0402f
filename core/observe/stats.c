/* SPDX-License-Identifier: MIT */
#include "observe/stats.h"

_Static_assert((int)TN_FAILED < TN_STATS_CLASSES, "a class of errors has no counter");
_Static_assert((int)TN_CLOSED_SHUTDOWN < TN_STATS_CLOSED, "a cause has no counter");

void tn__stats_error(tn__conn_stats *stats, tn_status status)
{
    tn__count(&stats->errors[(unsigned)status < TN_STATS_CLASSES ? status : TN_FAILED], 1);
}

void tn__stats_transaction(tn__conn_stats *stats, tn_outcome outcome)
{
    tn__count(outcome == TN_OUTCOME_APPLIED    ? &stats->committed
              : outcome == TN_OUTCOME_IN_DOUBT ? &stats->unknown
                                               : &stats->rolled_back,
              1);
}

void tn__stats_add(tn_statistics *total, const tn__conn_stats *stats)
{
    for (int i = 0; i < TN_STATS_BUCKETS; i++) {
        uint64_t n = tn__counted(&stats->latency[i]);
        total->latency[i] += n;
        total->statements += n;
    }
    for (int i = 0; i < TN_STATS_CLASSES; i++)
        total->errors[i] += tn__counted(&stats->errors[i]);
    total->latency_ns += tn__counted(&stats->latency_ns);
    total->rows += tn__counted(&stats->rows);
    total->slow += tn__counted(&stats->slow);
    total->committed += tn__counted(&stats->committed);
    total->rolled_back += tn__counted(&stats->rolled_back);
    total->unknown += tn__counted(&stats->unknown);
}

void tn__stats_merge(tn_statistics *total, const tn_statistics *other)
{
    for (int i = 0; i < TN_STATS_BUCKETS; i++)
        total->latency[i] += other->latency[i];
    for (int i = 0; i < TN_STATS_CLASSES; i++)
        total->errors[i] += other->errors[i];
    for (int i = 0; i < TN_STATS_CLOSED; i++)
        total->destroyed[i] += other->destroyed[i];
    total->statements += other->statements;
    total->slow += other->slow;
    total->rows += other->rows;
    total->latency_ns += other->latency_ns;
    total->cache_hits += other->cache_hits;
    total->cache_misses += other->cache_misses;
    total->committed += other->committed;
    total->rolled_back += other->rolled_back;
    total->unknown += other->unknown;
    total->retries += other->retries;
    total->acquires += other->acquires;
    total->waits += other->waits;
    total->wait_ns += other->wait_ns;
    total->timeouts += other->timeouts;
    total->connects += other->connects;
    total->connect_failures += other->connect_failures;
    total->created += other->created;
}

const char *tn__closed_word(tn_closed cause)
{
    switch (cause) {
    case TN_CLOSED_BROKEN: return "broken";
    case TN_CLOSED_RESET: return "reset";
    case TN_CLOSED_PING: return "ping";
    case TN_CLOSED_IDLE: return "idle";
    case TN_CLOSED_LIFETIME: return "lifetime";
    case TN_CLOSED_DEMOTED: return "demoted";
    case TN_CLOSED_REPLACED: return "replaced";
    case TN_CLOSED_SHUTDOWN: return "shutdown";
    }
    return "other";
}
