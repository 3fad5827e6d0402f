/* SPDX-License-Identifier: MIT */
/* A listener, between the files of this room. */
#ifndef TENON_LISTEN_LISTENER_H
#define TENON_LISTEN_LISTENER_H

#include <tenon/listen.h>

#include "listen/attempt.h"

struct tn_listener {
    tn__guest guest; /* must be first */
    tn__pool *pool;  /* pinned */
    tn_listen_options options;

    /* Under the pool's lock. The connection changes only by who is in a call, and when nobody is.
     */
    tn__conn *conn; /* it listens to all channels; NULL: there is none */
    tn__attempt *attempt;
    bool busy; /* a thread is in a call */
    bool interrupted;

    /* Of who is in a call. */
    tn_str *channels; /* each with memory of its own */
    size_t n_channels;
    bool removed;     /* some channel: what comes of it still is not given on */
    bool gap;         /* to be told of */
    int64_t heard_ns; /* when the server was last heard */
    int64_t
        probed_ns; /* when it was asked for a sign of life that has not come yet; 0: it was not */
    uint32_t failures; /* to connect, in a row */
    int64_t retry_at_ns;
    tn_error why; /* of the last one; TN_OK: none */
};

/* Under the lock: TN_SHUTDOWN, or TN_CANCELLED for who waits and was interrupted; that is used up.
 */
tn_status tn__listener_check(tn_listener *listener, bool waits, tn_error *err);

/* connect.c. Connects and listens to all channels; TN_OK: conn is there. */
tn_status tn__listener_connect(tn_listener *listener, int64_t deadline_ns, bool waits,
                               tn_error *err);
/* Closes the connection or what is to become one; the next call connects. */
void tn__listener_drop(tn_listener *listener);
/* The same for one that was lost: there is a gap. why NULL: it was given up. */
void tn__listener_lose(tn_listener *listener, const tn_error *why);

#endif
