/* SPDX-License-Identifier: MIT */
/*
 * Who has a connection of its own made from a client's source, such as a listener: it hears when
 * the client is being closed or gets another source. All under the pool's lock.
 */
#ifndef TENON_POOL_GUEST_H
#define TENON_POOL_GUEST_H

#include "pool/pool.h"

struct tn__guest {
    struct tn__guest *next;
    struct tn__guest *prev;
    /* The pool is closing, or has another source. Returns a connection that is to be closed, which
     * is counted in pool->visiting; NULL: none. */
    tn__conn *(*told)(struct tn__guest *guest);
};

void tn__guest_enter(tn__pool *pool, tn__guest *guest);
void tn__guest_leave(tn__pool *pool, tn__guest *guest);

/* Tells all of them. The lock is given up meanwhile, the pool is pinned. */
void tn__guests_tell(tn__pool *pool);

/* Closes one that is counted in pool->visiting. The lock is given up meanwhile. */
void tn__guest_close(tn__pool *pool, tn__conn *conn);

#endif
