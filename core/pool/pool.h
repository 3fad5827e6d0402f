/* SPDX-License-Identifier: MIT */
/*
 * A client's connections: at most max of them, idle ones kept for the next borrower, callers that
 * find none wait in strict order of arrival. Any thread.
 */
#ifndef TENON_POOL_POOL_H
#define TENON_POOL_POOL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "session/handle.h"

typedef struct tn__waiter tn__waiter;

typedef struct tn__pool {
    tn__provider provider; /* must be first: what handles see */
    tn_db client;          /* the handle itself */
    tn__conn_plan plan;
    char *url; /* redacted */
    int64_t connect_timeout_ms;
    int64_t idle_timeout_ns; /* 0: never; not below min connections */
    int64_t max_lifetime_ns; /* 0: never; each connection a little less, by its address */

    pthread_mutex_t lock; /* everything below; never held over I/O */
    tn__conn *idle;       /* most recently used first */
    tn__conn *lent;
    tn__waiter *first_waiter;
    tn__waiter *last_waiter;
    uint32_t max;
    uint32_t min;
    uint32_t total;  /* open or being opened */
    uint32_t in_use; /* handed out */
    uint32_t n_idle;
    uint32_t n_waiting;
    bool closing;
    int64_t looked_ns;           /* when expired connections were last looked for */
    tn_error last_connect_error; /* status TN_OK: the last connect went well */
    uint64_t acquires;
    uint64_t timeouts;
    uint64_t created;
    uint64_t destroyed;
    tn_statistics retired; /* what connections that are closed by now had counted */
} tn__pool;

/* Takes ownership of source and url on success. No connection is opened. */
tn_status tn__pool_new(const tn__conn_plan *plan, char *url, const tn_config *config,
                       tn__pool **ret, tn_error *err);

/* Makes a connection and keeps it: the time that a caller waits for one to come free (pool_timeout)
 * does not bound it. */
tn_status tn__pool_connect(tn__pool *pool, int64_t deadline_ns, tn_error *err);

/* No new work; idle connections are closed. Frees the pool when nothing is lent (TN_OK), else the
 * last release does (TN_MISUSE with a report). */
tn_status tn__pool_close(tn__pool *pool, tn_error *err);

void tn__pool_stats(tn__pool *pool, tn_pool_stats *ret);
/* The figures of the pool and of all its connections, also those that are closed; the texts are
 * left. */
void tn__pool_statistics(tn__pool *pool, tn_statistics *ret);

static inline tn__pool *tn__pool_of(const tn_db *db)
{
    return (tn__pool *)db->provider;
}

#endif
