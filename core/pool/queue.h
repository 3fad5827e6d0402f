/* SPDX-License-Identifier: MIT */
/*
 * Those who wait for a connection, in order of arrival. All but sleeping is under the lock of whose
 * queue it is. A waiter sleeps on a word of its own, or, where the application has a wait of its
 * own, on a descriptor by that; in both cases without the lock, which who is woken does not need.
 */
#ifndef TENON_POOL_QUEUE_H
#define TENON_POOL_QUEUE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "session/conn.h"

typedef struct tn__waiter {
    tn__conn *conn; /* handed over */
    bool may_open;  /* a slot handed over: the waiter opens a connection itself */
    bool once;      /* wants to know of the first failure to connect */
    tn_error *why;  /* its owner's, filled when it is failed */
    tn_status status;
    tn__caller caller; /* what is written into the lease of what it gets */
    int64_t since_ns;
    int64_t waited_ns; /* when it is over */
    int check;         /* what has to be done before conn is used, and why it is closed if that */
    int check_why;     /* fails: tn__check, tn__why */

    atomic_uint state; /* enum in queue.c */
    tn_wait_fn *wait;  /* the application's; NULL: the state itself is slept on */
    void *wait_arg;
    int fd;
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

/* Takes the first one out, who waits on until tn__waiter_wake(); what it is to get is written into
 * it meanwhile. NULL: nobody waits. */
tn__waiter *tn__queue_claim(tn__queue *queue);
/* The same for a certain one; false: it has just given up. */
bool tn__queue_claim_one(tn__queue *queue, tn__waiter *waiter);
/* Its memory may be gone after that. */
void tn__waiter_wake(tn__waiter *waiter);

/* Wakes the first one. false: nobody waits. */
bool tn__queue_wake(tn__queue *queue);

/* Until woken: true, or until the deadline: false, and it has to be taken out of the queue. Without
 * the lock. */
bool tn__waiter_sleep(tn__waiter *waiter, int64_t deadline_ns);

/* A condition that waits by the monotonic clock. */
void tn__cond_init(pthread_cond_t *cond);
/* false: the deadline has come. */
bool tn__cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t deadline_ns);

#endif
