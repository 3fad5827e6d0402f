/* SPDX-License-Identifier: MIT */
/*
 * One attempt to have a connection that listens to some channels: connecting and subscribing, on a
 * thread of its own where that waits for others. It outlives the call that began it, so that a
 * caller who looks often, and never long, gets there too.
 */
#ifndef TENON_LISTEN_ATTEMPT_H
#define TENON_LISTEN_ATTEMPT_H

#include "pool/guest.h"

typedef struct tn__attempt {
    tn__pool *pool; /* pinned, and its visitor until it is over without a connection */
    tn__conn *conn; /* its own until it is over, then the caller's; NULL: it failed */
    int64_t deadline_ns;
    bool over; /* under the pool's lock, as the next and conn */
    bool left;
    tn_error why;
    size_t n_channels;
    tn_str channels[]; /* their texts stand behind them */
} tn__attempt;

/* The lock is held, and given up meanwhile. Without TN_CAP_REMOTE it is over when this returns. */
tn_status tn__attempt_start(tn__pool *pool, const tn_str *channels, size_t count,
                            int64_t deadline_ns, tn__attempt **ret, tn_error *err);

/* Nobody waits for it any more; the lock is held. Returns the connection that it has made, which is
 * to be closed, or NULL. */
tn__conn *tn__attempt_leave(tn__attempt *attempt);

#endif
