/* SPDX-License-Identifier: MIT */
/*
 * Those who wait for a connection, in order of arrival. All under the pool's lock. A waiter sleeps
 * on a condition of its own, or, where the application has a wait of its own, on a descriptor by
 * that.
 */
#ifndef TENON_POOL_QUEUE_H
#define TENON_POOL_QUEUE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "session/conn.h"

typedef struct tn__waiter {
    tn__conn *conn; /* handed over */
    bool may_open;  /* a slot handed over: the waiter opens a connection itself */
    bool once;      /* wants to know of the first failure to connect */
    bool done;
    tn_error *why; /* its owner's, filled when it is failed */
    tn_status status;
    int64_t thread; /* what is written into the lease of what it gets */
    tn__site site;

    tn_wait_fn *wait; /* the application's; NULL: the condition is used */
    void *wait_arg;
    int fd;
    pthread_cond_t ready;
    struct tn__waiter *next;
} tn__waiter;

typedef struct tn__queue {
    tn__waiter *first;
    tn__waiter *last;
    uint32_t count;
} tn__queue;

/* How the source says, as far as this thread is the application's. TN_RESOURCE: no descriptor. */
tn_status tn__waiter_init(tn__waiter *waiter, const tn__source *source, tn_error *err);
void tn__waiter_finish(tn__waiter *waiter);

/* front: before all others, for one whose turn it was already. */
void tn__queue_put(tn__queue *queue, tn__waiter *waiter, bool front);
void tn__queue_remove(tn__queue *queue, tn__waiter *waiter);

/* Wakes the first one, who is out of the queue then, with a connection or with the right to open
 * one (NULL). false: nobody waits. */
bool tn__queue_hand(tn__queue *queue, tn__conn *conn);
/* Wakes one with an error. */
void tn__queue_fail(tn__queue *queue, tn__waiter *waiter, const tn_error *why);
void tn__queue_fail_all(tn__queue *queue, const tn_error *why);

/* Until woken: true, or until the deadline: false. The lock is given up meanwhile. */
bool tn__waiter_sleep(tn__waiter *waiter, pthread_mutex_t *lock, int64_t deadline_ns);

/* A condition that waits by the monotonic clock. */
void tn__cond_init(pthread_cond_t *cond);
/* false: the deadline has come. */
bool tn__cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t deadline_ns);

#endif
