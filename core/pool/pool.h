/* SPDX-License-Identifier: MIT */
/*
 * A client's connections: at most max of them, idle ones kept for the next borrower, callers that
 * find none wait in strict order of arrival. Any thread.
 *
 * The files: slot (the one place where a connection's place in the pool changes), queue (those who
 * wait), connector (connecting on a thread of its own), demand (when a connection is made, and what
 * its failure means), pool (borrow and give back), check (is one still good), changes (waiting for
 * the pool itself), upkeep (what time brings about), close, reload, life (made and freed).
 */
#ifndef TENON_POOL_POOL_H
#define TENON_POOL_POOL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include <tenon/health.h>

#include "pool/fast.h"
#include "pool/queue.h"
#include "session/handle.h"

/* Where a connection is. All but NONE count towards the maximum. */
typedef enum tn__slot {
    TN__SLOT_NONE = 0,
    TN__SLOT_OPENING, /* being connected (listed), or reserved for that (only counted) */
    TN__SLOT_IDLE,
    TN__SLOT_LENT,
    TN__SLOT_CLOSING, /* taken out, not closed yet */
    TN__SLOTS
} tn__slot;

/* Why a connection was closed. */
typedef enum tn__why {
    TN__WHY_BROKEN = 0, /* lost, or given up */
    TN__WHY_RESET,      /* could not be made as new */
    TN__WHY_PING,       /* did not answer when it was to be used again */
    TN__WHY_IDLE,       /* unused for too long */
    TN__WHY_LIFETIME,   /* too old */
    TN__WHY_DEMOTED,    /* its server takes no writes any more */
    TN__WHY_REPLACED,   /* of a configuration that was replaced, or above a new maximum */
    TN__WHY_SHUTDOWN,
    TN__WHYS
} tn__why;

/* What is held back after connecting failed: one attempt at a time, later and later. */
typedef struct tn__gate {
    uint32_t failures; /* in a row; 0: open */
    int64_t failed_ns; /* the last of them */
    int64_t opened_ns; /* the last success: an attempt that began before says nothing new */
    int64_t retry_at_ns;
} tn__gate;

typedef struct tn__guest tn__guest; /* guest.h */

typedef struct tn__pool {
    tn__provider provider;    /* must be first: what handles see */
    tn_db client;             /* the handle itself */
    const tn__driver *driver; /* stays the same, whatever is reloaded */
    struct tn__pool *parent;  /* of a replica's pool */
    struct tn__pool *replica; /* under the lock, as what stands below it */
    _Atomic int64_t connect_timeout_ms;
    atomic_bool blocking; /* no wait of the application's: who waits blocks its thread */
    /* Who was used last before then is asked before it is used again. Set under the lock. */
    _Atomic int64_t suspect_ns;

    tn__fast fast; /* what moves without the lock, see there */

    pthread_mutex_t lock; /* everything below; never held over I/O */
    tn__queue watchers;   /* who waits for a change of the pool: close, suspend, reload */
    tn__source *source;   /* of connections that are made from now on */
    tn__conn *lists[TN__SLOTS];
    uint32_t n[TN__SLOTS];
    tn__queue queue;
    tn__guest *guests;
    uint32_t visiting; /* connections of guests, and those that are being made for them */
    tn__gate gate;
    bool gate_unlogged; /* upkeep writes the log: that is not for under the lock */
    uint32_t max;
    uint32_t min;            /* kept open; 0 until the client is open */
    uint32_t min_wanted;     /* by the configuration */
    int64_t idle_timeout_ns; /* 0: never; not below min connections */
    int64_t max_lifetime_ns; /* 0: never; each connection a little less */
    int64_t leak_ns;         /* 0: never */
    int64_t demoted_ns;      /* who was made before then may be of a server that takes no writes */
    bool suspended;
    bool reloading;
    bool closing;             /* no new work */
    bool closed;              /* the handle is gone: freed with the last that is left */
    uint32_t pins;            /* threads that are within and give up the lock meanwhile */
    bool kept;                /* never freed: handles of the shared client may be in use anywhere */
    bool shut_down;           /* by tn_db_shutdown(): freed later than it could be */
    bool over;                /* nothing is left of it but memory */
    struct tn__pool *retired; /* the one that was kept before */
    struct tn__pool *replicas; /* all there ever were, by retired: freed with this one */

    pthread_t upkeep;
    pthread_cond_t upkeep_wake;
    int64_t upkeep_due_ns; /* when it wakes next */
    bool armed;            /* that is soon enough for whatever is lent or given back until then */
    bool upkeep_runs;
    bool upkeep_stop; /* by whoever joins it */

    tn_error last_connect_error; /* status TN_OK: the last connect went well */
    uint64_t acquires;           /* of connections that are gone */
    uint64_t waits;
    int64_t waited_ns;
    uint64_t timeouts;
    uint64_t created;
    uint64_t connect_failures;
    uint64_t destroyed[TN__WHYS];
    uint64_t leaks;        /* reported */
    tn_statistics counted; /* by connections that are closed by now */
} tn__pool;

/* The lock, with all that stands below it as it says. Who wants nothing but a field that does not
 * change by lending and giving back may take the mutex alone. */
void tn__pool_lock(tn__pool *pool);
void tn__pool_unlock(tn__pool *pool);

/* Takes ownership of the source's reference on success. No connection is opened. */
tn_status tn__pool_new(tn__source *source, const tn_config *config, tn__pool **ret, tn_error *err);
/* The settings that may change in a running pool; under the lock, or before anybody has it. */
void tn__pool_configure(tn__pool *pool, const tn_config *config);

/* Makes a connection and keeps it: the time that a caller waits for one to come free (pool_timeout)
 * does not bound it, and the first failure is returned. */
tn_status tn__pool_connect(tn__pool *pool, int64_t deadline_ns, tn_error *err);
/* The same on the caller's thread, before anybody else has the pool. */
tn_status tn__pool_connect_here(tn__pool *pool, int64_t deadline_ns, tn_error *err);

/* life.c: a thread is within that is seen by nothing else: the pool is not freed meanwhile. */
void tn__pool_pin(tn__pool *pool);
void tn__pool_unpin(tn__pool *pool);

/* close.c. No new work; idle connections are closed. Frees the pool when nothing is lent (TN_OK),
 * else the last release does (TN_MISUSE with a report). */
tn_status tn__pool_close(tn__pool *pool, int64_t limit_ms, tn_error *err);
enum {
    TN__CLOSE_MS = 1000, /* what attempts that were told to end may take for it */
    TN__ABANDON_MS = 50  /* the same, where the caller's own time is up */
};
/* The same, waiting and cancelling, as tn_db_shutdown() says. */
tn_status tn__pool_shutdown(tn__pool *pool, int64_t timeout_ms, tn_error *err);
/* TN_SHUTDOWN, with its text. */
tn_status tn__shutting_down(tn_error *err);
/* Under the lock, which is given up: frees a closed pool that nobody uses any more. */
void tn__pool_unlock_and_free(tn__pool *pool);

/* Read-only transactions go there from now on. The pool owns it, beside the ones before.
 * TN_SHUTDOWN when the pool is being closed: the replica is the caller's to close still. */
tn_status tn__pool_adopt_replica(tn__pool *pool, tn__pool *replica);

/* stats.c */
void tn__pool_stats(tn__pool *pool, tn_pool_stats *ret);

/* ---- shared by the files of this room, under the lock ---------------------------------------- */

/* slot.c */
void tn__slot_move(tn__pool *pool, tn__conn *conn, tn__slot from, tn__slot to);
void tn__slot_lend(tn__pool *pool, tn__conn *conn, tn__slot from, int64_t now_ns,
                   tn__caller caller);
/* Sees to it that upkeep looks in time, whatever is lent or given back from now on. */
void tn__slot_arm(tn__pool *pool, const tn__conn *conn, int64_t now_ns);
uint32_t tn__slot_total(const tn__pool *pool);
/* One is in use less: tells close and suspend. */
void tn__slot_came_free(tn__pool *pool);
/* Closes a connection in state CLOSING: takes the lock itself, and gives the slot on. */
void tn__slot_close(tn__pool *pool, tn__conn *conn, tn__why why);
/* Moves the idle connections that match to CLOSING and closes them. The lock is given up meanwhile.
 */
typedef bool tn__conn_test(const tn__pool *pool, const tn__conn *conn, int64_t now_ns,
                           tn__why *ret_why);
void tn__slot_close_idle(tn__pool *pool, tn__conn_test *test, int64_t now_ns);

/* demand.c: makes connections where somebody waits for one or the minimum is not there. */
void tn__demand(tn__pool *pool);
/* A slot came free. */
void tn__demand_slot(tn__pool *pool);
/* The pause after so many failures in a row, at least one. */
int64_t tn__backoff_ns(uint32_t failures, int64_t most_ms);
/* Did connecting fail in a way that may pass? */
bool tn__may_come_back(const tn_error *err);
/* Ends the attempts that are under way; nothing of them is waited for. */
void tn__demand_abort(tn__pool *pool);
/* When the next attempt is due after one that failed; TN_NO_DEADLINE: none is wanted. */
int64_t tn__demand_due(const tn__pool *pool);
/* Connects on this thread with a slot that was reserved, the lock given up meanwhile: the
 * connection is OPENING still, or the slot is free. */
tn_status tn__demand_here(tn__pool *pool, int64_t deadline_ns, tn__conn **ret, tn_error *err);
/* Keeps what a connect ended with; err NULL: well. */
void tn__demand_note(tn__pool *pool, const tn_error *err);

/* changes.c: until the pool changed: true, or until the deadline: false. By the application's wait
 * where there is one. */
bool tn__pool_await(tn__pool *pool, int64_t deadline_ns);
void tn__pool_changed(tn__pool *pool);

/* check.c */
typedef enum tn__check {
    TN__CHECK_NOTHING = 0,
    TN__CHECK_LOCAL, /* what has come from the server by now */
    TN__CHECK_PING,
    TN__CHECK_NO_MORE
} tn__check;
/* How long it may live: each a little less than the limit, so that connections which were made
 * together do not all end together. TN_NO_DEADLINE: for ever. */
int64_t tn__check_end_ns(const tn__pool *pool, const tn__conn *conn);
/* What has to be done before an idle one is used, and why it is closed if that fails. */
tn__check tn__check_for(const tn__pool *pool, const tn__conn *conn, int64_t now_ns,
                        tn__why *ret_why);
/* Does it. Not under the lock. */
bool tn__check_passes(tn__pool *pool, tn__conn *conn, tn__check what, int64_t deadline_ns,
                      tn__why *ret_why);

enum { TN__LOOK_AFTER_NS = 1000000 }; /* unused for less: nothing is looked at */
/* Nothing of it has to be looked at. Its holder's; no lock. */
static inline bool tn__check_fresh(const tn__conn *conn, int64_t now_ns)
{
    return now_ns - conn->idle_since_ns < TN__LOOK_AFTER_NS && now_ns < conn->end_ns;
}

/* pool.c */
/* Gives what is idle to those who wait. */
void tn__pool_serve(tn__pool *pool);
/* Takes out who has waited longest, for whom there is something now; NULL: nobody. */
tn__waiter *tn__pool_next(tn__pool *pool);
/* Writes a connection into it. It is woken by tn__waiter_wake(), under the lock or without. */
void tn__pool_hand(tn__pool *pool, tn__waiter *waiter, tn__conn *conn, tn__slot from,
                   int64_t now_ns);
/* Wakes them with an error. */
void tn__pool_fail(tn__pool *pool, tn__waiter *waiter, const tn_error *why);
void tn__pool_fail_all(tn__pool *pool, const tn_error *why);

/* upkeep.c */
/* Call before anybody but the caller has the pool. Fine where it runs already. */
tn_status tn__upkeep_start(tn__pool *pool, tn_error *err);
/* Sees to it that upkeep looks no later than then. */
void tn__upkeep_by(tn__pool *pool, int64_t due_ns);
/* Takes and gives up the lock. */
void tn__upkeep_end(tn__pool *pool);

static inline tn__pool *tn__pool_of(const tn_db *db)
{
    return (tn__pool *)db->provider;
}

#endif
