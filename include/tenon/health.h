/* SPDX-License-Identifier: MIT */
/*
 * Health: is the database there, asked on a connection of its own, so that a full pool does not
 * look like a dead database, and a dead database is not hidden by an idle connection.
 *
 * Thread rule: any thread, on a client. On a session or transaction it asks that connection.
 */
#ifndef TENON_HEALTH_H
#define TENON_HEALTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tenon/db.h>
#include <tenon/error.h>
#include <tenon/export.h>

typedef enum tn_health_status { TN_UNHEALTHY = 0, TN_HEALTHY } tn_health_status;

/* The answer; plain data that outlives the handle. */
typedef struct tn_health {
    tn_health_status status;
    int64_t latency_us;      /* connect, ask and answer; up to the failure when unhealthy */
    tn_time checked_at;      /* wall clock */
    char driver[32];         /* "postgresql" */
    char driver_version[32]; /* the module's */
    char client[48];         /* the client library, "libpq 15.18" */
    char server[64];         /* "PostgreSQL 15.18", "SQLite 3.40.1" */
    char dialect[32];        /* which SQL it speaks: "postgresql", "sqlite" */
    char endpoint[256];      /* where, without a secret: "host:port/database", a path */
    bool server_verified;    /* the server proved who it is (or there is no network between) */
    bool encrypted;
    bool read_only; /* cannot be written to: a standby, a read-only file */
    char note[256]; /* what an operator should know, "" if nothing */
    tn_pool_stats pool;
    bool saturated; /* every connection is in use and callers wait: the database is not the cause */
    tn_error error; /* of an unhealthy one */
} tn_health;

/* How a watch looks. TN_WATCH_OPTIONS_INIT gives the defaults; fields are only added at the end. */
typedef struct tn_watch_options {
    size_t size;
    int64_t interval_ms; /* between two looks; least 10 */
    int64_t timeout_ms;  /* of one look */
    uint32_t up_after;   /* so many good ones in a row say that the database is back */
    uint32_t down_after; /* so many bad ones in a row say that it is gone */
} tn_watch_options;
/* clang-format off */
#define TN_WATCH_OPTIONS_INIT {sizeof(tn_watch_options), 5000, 2000, 2, 2}
/* clang-format on */

typedef struct tn_watch tn_watch;

/* Called on the watch's own thread when the database went up or down: the first time with what the
 * first looks found. health is borrowed for the call. It may not stop the watch. */
typedef void tn_watch_fn(void *arg, bool up, const tn_health *health);

TN_BEGIN_DECLS

/* Asks, and is back within timeout_ms (<= 0: 2000). Writes nothing to the database. */
TN_API tn_health tn_health_check(tn_db *db, int64_t timeout_ms);

/*
 * Looks again and again on a thread of its own and tells of changes, not of every failed look.
 * options may be NULL, fn as well (for tn_health_watch_state() alone). TN_MISUSE: not a client;
 * TN_RESOURCE: no thread. Ended with tn_health_watch_stop(), before the client is closed.
 */
TN_API TN_NODISCARD tn_status tn_health_watch(tn_db *client, const tn_watch_options *options,
                                              tn_watch_fn *fn, void *arg, tn_watch **ret_watch,
                                              tn_error *err);

/* What the watch holds the database for: true up. Before it has seen enough it is down. ret_health
 * (may be NULL) gets the last look. Any thread. */
TN_API bool tn_health_watch_state(tn_watch *watch, tn_health *ret_health);

/* Ends it and waits for a look that is under way. NULL is fine. A child of fork() has no watch: its
 * parent's is down there, and stopping it does nothing. */
TN_API void tn_health_watch_stop(tn_watch *watch);

TN_END_DECLS

#endif
