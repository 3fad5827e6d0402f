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
    tn_error error; /* of an unhealthy one */
} tn_health;

TN_BEGIN_DECLS

/* Asks, and is back within timeout_ms (<= 0: 2000). Writes nothing to the database. */
TN_API tn_health tn_health_check(tn_db *db, int64_t timeout_ms);

TN_END_DECLS

#endif
