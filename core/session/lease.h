/* SPDX-License-Identifier: MIT */
/*
 * Who holds a connection, for the report of one that is not given back. The thread that gets a
 * connection writes it down without a lock, others read it at any time: turn tells them whether
 * what they read belongs together. It is odd while nobody has the connection and while the rest is
 * being written; who reads that takes the connection for one that was lent just now.
 */
#ifndef TENON_SESSION_LEASE_H
#define TENON_SESSION_LEASE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "session/site.h"

typedef struct tn__lease {
    atomic_uint_least64_t turn;
    _Atomic(const char *) what; /* "session", "transaction", "statement" */
    _Atomic int64_t since_ns;
    _Atomic int64_t thread; /* the kernel's number of it */
    _Atomic(const char *) file;
    atomic_int line;
} tn__lease;

/* Nobody's. */
static inline void tn__lease_init(tn__lease *lease)
{
    atomic_store_explicit(&lease->turn, 1, memory_order_relaxed);
}

/* One writer at a time: whose the connection is, or who hands it over. Each store is a release, so
 * that who reads one of them finds turn to be what it was by then, or later. */
static inline void tn__lease_begin(tn__lease *lease, int64_t now_ns, tn__caller caller)
{
    uint64_t turn = atomic_load_explicit(&lease->turn, memory_order_relaxed) | 1;

    atomic_store_explicit(&lease->turn, turn, memory_order_relaxed);
    atomic_store_explicit(&lease->what, "statement", memory_order_release);
    atomic_store_explicit(&lease->since_ns, now_ns, memory_order_release);
    atomic_store_explicit(&lease->thread, caller.thread, memory_order_release);
    atomic_store_explicit(&lease->file, caller.site.file, memory_order_release);
    atomic_store_explicit(&lease->line, caller.site.line, memory_order_release);
    atomic_store_explicit(&lease->turn, turn + 1, memory_order_release);
}

static inline void tn__lease_end(tn__lease *lease)
{
    uint64_t turn = atomic_load_explicit(&lease->turn, memory_order_relaxed);

    atomic_store_explicit(&lease->turn, turn | 1, memory_order_relaxed);
}

/* Once for each time that it was lent. */
static inline uint64_t tn__lease_count(const tn__lease *lease)
{
    return atomic_load_explicit(&lease->turn, memory_order_relaxed) / 2;
}

/* What belongs together. */
typedef struct tn__lease_seen {
    uint64_t turn;
    const char *what;
    int64_t since_ns;
    tn__caller caller;
} tn__lease_seen;

/* false: it is being written. */
static inline bool tn__lease_read(const tn__lease *lease, tn__lease_seen *ret)
{
    ret->turn = atomic_load_explicit(&lease->turn, memory_order_acquire);
    ret->what = atomic_load_explicit(&lease->what, memory_order_acquire);
    ret->since_ns = atomic_load_explicit(&lease->since_ns, memory_order_acquire);
    ret->caller.thread = atomic_load_explicit(&lease->thread, memory_order_acquire);
    ret->caller.site.file = atomic_load_explicit(&lease->file, memory_order_acquire);
    ret->caller.site.line = atomic_load_explicit(&lease->line, memory_order_acquire);
    return !(ret->turn & 1) &&
           ret->turn == atomic_load_explicit(&lease->turn, memory_order_relaxed);
}

#endif
