/* SPDX-License-Identifier: MIT */
/*
 * Figures of a client since it was opened: what its statements, transactions and pool did. Counters
 * only grow. Connections count for themselves without a lock, and a reading adds them up: it is
 * nearly, not exactly, one moment's. Reading takes the pool's lock for a moment; do it each second,
 * not each statement.
 *
 * Thread rule: any thread, on a client.
 */
#ifndef TENON_STATS_H
#define TENON_STATS_H

#include <stddef.h>
#include <stdint.h>

#include <tenon/db.h>
#include <tenon/export.h>

enum {
    TN_STATS_CLASSES = 32, /* room for more members of tn_status */
    TN_STATS_BUCKETS = 27
};

/* Why a connection was closed. New members are added at the end only. */
typedef enum tn_closed {
    TN_CLOSED_BROKEN = 0, /* lost, or given up */
    TN_CLOSED_RESET,      /* could not be proven clean when it was given back */
    TN_CLOSED_PING,       /* did not answer when it was to be used again */
    TN_CLOSED_IDLE,       /* unused for DB_IDLE_TIMEOUT */
    TN_CLOSED_LIFETIME,   /* as old as DB_MAX_LIFETIME */
    TN_CLOSED_DEMOTED,    /* its server takes no writes any more */
    TN_CLOSED_REPLACED,   /* of a configuration that is no longer in force */
    TN_CLOSED_SHUTDOWN    /* the client was closed */
} tn_closed;
enum { TN_STATS_CLOSED = 16 };

/* Plain data. Fields are only added at the end. */
typedef struct tn_statistics {
    size_t size;      /* sizeof(tn_statistics): TN_STATISTICS_INIT sets it */
    char driver[32];  /* "postgresql" */
    char client[256]; /* DB_APPLICATION_NAME, else the redacted URL, cut where too long */

    /* Statements that have ended on a connection; BEGIN, COMMIT and the like that the library sends
     * by itself are not among them. */
    uint64_t statements;
    uint64_t errors[TN_STATS_CLASSES]; /* of those, which failed: by tn_status */
    uint64_t slow;                     /* of those, which took DB_SLOW_QUERY or longer */
    uint64_t rows;                     /* fetched by them */
    /* How long they took, without waiting for a connection and without the time in which the
     * application read rows (see DB_SLOW_QUERY in README.md). Bucket i counts those of at most 2^i
     * microseconds that are in no bucket before; the last one all that took longer than 2^25 us
     * (33.6 s). They add up to statements. */
    uint64_t latency[TN_STATS_BUCKETS];
    uint64_t latency_ns; /* all of them together */
    uint64_t cache_hits; /* of statement caches */
    uint64_t cache_misses;

    /* Of tn_begin() and tn_transaction(); neither savepoints nor BEGIN and COMMIT as SQL text. */
    uint64_t committed;
    uint64_t rolled_back; /* also because a COMMIT failed */
    uint64_t unknown;     /* COMMIT was sent and it could not be learned what became of it */
    uint64_t retries;     /* of transactions, by tn_transaction() */

    uint32_t max;      /* hard maximum of connections */
    uint32_t total;    /* open or being opened */
    uint32_t in_use;   /* handed out */
    uint32_t idle;     /* open and free */
    uint32_t waiting;  /* callers in the queue */
    uint64_t acquires; /* connections that were handed out */
    uint64_t waits;    /* of those, and of timeouts, how many had to queue */
    uint64_t wait_ns;  /* spent in the queue, all together */
    uint64_t timeouts; /* callers that got none in time */
    uint64_t connects; /* attempts to make a connection */
    uint64_t connect_failures;
    uint64_t created;                    /* connections that were made */
    uint64_t destroyed[TN_STATS_CLOSED]; /* and closed: by tn_closed */
} tn_statistics;

/* clang-format off */
#ifdef __cplusplus
#define TN_STATISTICS_INIT ([] { tn_statistics stats = {}; stats.size = sizeof(stats); return stats; }())
#else
#define TN_STATISTICS_INIT {.size = sizeof(tn_statistics)}
#endif
/* clang-format on */

TN_BEGIN_DECLS

/* Fills the fields that ret->size covers; that one stays. On a handle that is closed or none: all
 * zero. */
TN_API void tn_stats(const tn_db *client, tn_statistics *ret);

/*
 * The same as text in Prometheus' exposition format 0.0.4: names tenon_..., labels driver and
 * client, durations in seconds, the latency as a histogram. Semantics of snprintf: at most size
 * bytes with the NUL are written, the length of the whole is returned (about 12 KiB). An answer
 * holds one client: two of them behind each other are not valid in that format.
 */
TN_API size_t tn_stats_prometheus(const tn_db *client, char *buf, size_t size);

TN_END_DECLS

#endif
