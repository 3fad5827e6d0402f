/* SPDX-License-Identifier: MIT */
/*
 * One connection as the core holds it: the driver's handle, its statement cache, the memory that is
 * reused from call to call, the rows that are open on it. Used by one thread at a time.
 */
#ifndef TENON_SESSION_CONN_H
#define TENON_SESSION_CONN_H

#include <stdbool.h>
#include <stdint.h>

#include <tenon/error.h>

#include "base/arena.h"
#include "driver/driver.h"
#include "driver/host.h"
#include "observe/stats.h"
#include "session/cache.h"
#include "session/lease.h"
#include "session/source.h"

struct tn__portal;

/* A new connection passes for one that has lain for so long, which is more than a tick of the
 * coarse clock: it is looked at before its first use, since it may have ended while it was made. */
enum { TN__UNSEEN_NS = 20000000 };

typedef struct tn__conn {
    tn__source *source;
    const tn__driver *driver; /* the source's */
    tn_driver_conn *drv;      /* NULL: not connected */
    tn_host_conn host;
    tn__cache cache;

    tn_value *params; /* of the statement that is being bound, kept for the next */
    size_t params_capacity;
    tn__arena bind_arena;

    struct tn__portal *attached; /* whose cursor occupies the connection */
    void *spare; /* memory of a rows object, kept for the next query; freed with free() */

    int64_t begun_ns; /* the pool's, under its lock: when connecting was begun */
    int64_t created_ns;

    /* The pool's, under its lock. */
    struct tn__conn *next;
    struct tn__conn *prev;
    uint64_t reported; /* the turn of the lease that was reported as a leak */

    /* What is looked at each time that it goes from hand to hand: close together. */
    int64_t idle_since_ns;   /* nothing was said on it since; its holder's, while it is lent */
    int64_t end_ns;          /* it is not lent after that; the pool's, under its lock */
    struct tn__portal *open; /* all that are open between calls */
    void *handle;            /* memory of a session, kept for the next; freed with free() */
    uint32_t place;          /* see pool/fast.h; 0: none */
    atomic_bool shared;      /* it may move without the lock; written under it */
    bool unused;             /* nothing was asked of it since it was lent: as new */
    bool discard;            /* never goes back into the pool */
    bool demoted;            /* because its server takes no writes any more */
    tn__lease lease;

    uint64_t number;       /* in this process, from 1 */
    uint64_t trace_parent; /* id of the innermost transaction's span, see observe/trace.h */
    tn__conn_stats stats;
} tn__conn;

/* A connection that is not connected yet; it keeps the source alive. */
tn_status tn__conn_new(tn__source *source, tn__conn **ret, tn_error *err);
/* Connects it. tn__host_stop() ends it from another thread, also before it has begun. After a
 * failure it is to be closed. */
tn_status tn__conn_connect(tn__conn *conn, int64_t deadline_ns, tn_error *err);
/* Both. */
tn_status tn__conn_open(tn__source *source, int64_t deadline_ns, tn__conn **ret, tn_error *err);
/* No rows may be open on it. NULL is fine. */
void tn__conn_close(tn__conn *conn);

tn_conn_state tn__conn_state(const tn__conn *conn);
/* Its server takes no writes, and that is not what was asked for. */
bool tn__conn_takes_no_writes(const tn__conn *conn);

/*
 * After a failure: a statement that was given up is ended and its answer read, within grace_ms; a
 * connection for which that does not work is marked to be discarded. err (may be NULL) is told, and
 * gets the outcome that came to light: a statement may have ended well before it could be
 * cancelled.
 */
void tn__conn_settle(tn__conn *conn, int64_t grace_ms, tn_error *err);

/* Makes it as new: no transaction, no state. Nothing may be open on it. false: it must be closed.
 */
bool tn__conn_reset(tn__conn *conn, int64_t deadline_ns);

/* Finds or prepares a statement; the reference is given back with tn__cache_release(). */
tn_status tn__conn_prepare(tn__conn *conn, const char *sql, size_t len, uint64_t hash,
                           int64_t deadline_ns, tn__cached **ret, tn_error *err);

/* Several that are not in the cache, each text once, by a driver that has prepare_all. Entries are
 * taken over; the first *ret_n are prepared, the one behind them failed with what is returned. */
enum { TN__PREPARED_MAX = 64 };
tn_status tn__conn_prepare_all(tn__conn *conn, tn__cached **entries, size_t n, int64_t deadline_ns,
                               size_t *ret_n, tn_error *err);

/* Prepares it with a text of its own behind it, for this one time: it is not kept. */
tn_status tn__conn_prepare_once(tn__conn *conn, tn_str sql, tn_str suffix, int64_t deadline_ns,
                                tn__cached **ret, tn_error *err);

/* What it has counted so far, its statement cache too. Any thread. */
void tn__conn_add_stats(const tn__conn *conn, tn_statistics *total);

#endif
