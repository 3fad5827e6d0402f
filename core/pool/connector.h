/* SPDX-License-Identifier: MIT */
/*
 * Connecting on a thread of its own: a name server that is silent, a server that floods or that
 * asks for endless proofs keep that thread busy, not the caller, who waits until its own deadline.
 */
#ifndef TENON_POOL_CONNECTOR_H
#define TENON_POOL_CONNECTOR_H

#include <pthread.h>
#include <stdbool.h>

#include "session/conn.h"

/* Called on the connector's thread when it is over, conn is the callee's then: connected (why
 * NULL), or to be closed (why is the cause). */
typedef void tn__connected_fn(void *arg, tn__conn *conn, const tn_error *why);

/* Connects conn (takes ownership on success). TN_RESOURCE when no thread could be had. Another
 * thread may end it by tn__host_stop() as long as fn was not called. */
tn_status tn__connector_start(tn__conn *conn, int64_t deadline_ns, tn__connected_fn *fn, void *arg,
                              tn_error *err);

/* Connects and waits for it, at most until the deadline: here, when the source's driver connects to
 * nobody, else on a thread. TN_RESOURCE when too many such threads do not come back. */
tn_status tn__connect_by(tn__source *source, int64_t deadline_ns, tn__conn **ret, tn_error *err);

/* Starts a thread that gets no signals, joinable or detached; run calls tn__host_own_thread()
 * first. 0 or an errno. */
int tn__thread_start(pthread_t *ret, bool detached, void *(*run)(void *), void *arg);

/* So many attempts may be given up and not have come back (tn__source.stuck). */
enum { TN__STUCK_MAX = 4 };
/* TN_RESOURCE: there are. */
tn_status tn__connector_check(const tn__source *source, tn_error *err);

/* Waits until the threads of attempts that have ended are gone. No lock may be held. */
void tn__connector_reap(void);

#endif
