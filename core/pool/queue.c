/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* syscall */
#include "pool/queue.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

/*
 * Who hands something over claims the waiter first, under the lock; who gives up leaves, without
 * it. Both by one compare-and-swap from WAITING: only one of the two happens. Who was claimed waits
 * for DONE, which is the last that is written into it.
 */
enum state { WAITING = 0, CLAIMED, DONE, LEAVING };

void tn__cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t monotonic;

    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

bool tn__cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t deadline_ns)
{
    const struct timespec until = {.tv_sec = deadline_ns / TN__NS_PER_S,
                                   .tv_nsec = deadline_ns % TN__NS_PER_S};

    if (deadline_ns == TN_NO_DEADLINE)
        return pthread_cond_wait(cond, lock) == 0;
    return pthread_cond_timedwait(cond, lock, &until) != ETIMEDOUT;
}

tn_status tn__waiter_init(tn__waiter *waiter, const tn__source *source, tn_error *err)
{
    waiter->fd = -1;
    waiter->wait = tn__host_wait_here(source->wait);
    waiter->wait_arg = source->wait_arg;
    if (!waiter->wait)
        return TN_OK;
    waiter->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (waiter->fd < 0)
        return tn_error_set(err, TN_RESOURCE, NULL,
                            "no descriptor is left to wait for a connection with");
    return TN_OK;
}

void tn__waiter_finish(tn__waiter *waiter)
{
    if (waiter->wait)
        close(waiter->fd);
}

/* ---- in line --------------------------------------------------------------------------------- */

void tn__queue_put(tn__queue *queue, tn__waiter *waiter, bool front)
{
    if (front) {
        waiter->next = queue->first;
        queue->first = waiter;
    } else if (queue->last) {
        queue->last->next = waiter;
    } else {
        queue->first = waiter;
    }
    if (!waiter->next)
        queue->last = waiter;
    queue->count++;
}

void tn__queue_remove(tn__queue *queue, tn__waiter *waiter)
{
    tn__waiter *before = NULL;

    for (tn__waiter *at = queue->first; at; before = at, at = at->next) {
        if (at != waiter)
            continue;
        *(before ? &before->next : &queue->first) = at->next;
        if (queue->last == at)
            queue->last = before;
        at->next = NULL;
        queue->count--;
        return;
    }
}

bool tn__queue_claim_one(tn__queue *queue, tn__waiter *waiter)
{
    unsigned state = WAITING;

    tn__queue_remove(queue, waiter);
    return atomic_compare_exchange_strong(&waiter->state, &state, CLAIMED);
}

tn__waiter *tn__queue_claim(tn__queue *queue)
{
    tn__waiter *waiter;

    while ((waiter = queue->first))
        if (tn__queue_claim_one(queue, waiter))
            return waiter;
    return NULL;
}

bool tn__queue_wake(tn__queue *queue)
{
    tn__waiter *waiter = tn__queue_claim(queue);

    if (waiter)
        tn__waiter_wake(waiter);
    return waiter;
}

/* ---- asleep ---------------------------------------------------------------------------------- */

/* The word may be another one by then, on somebody's stack: who sleeps on a word looks at it again
 * when woken. */
static void wake_word(atomic_uint *word)
{
    (void)syscall(SYS_futex, word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, INT_MAX, NULL, NULL, 0);
}

/* 0, or ETIMEDOUT; all else is a look at what there is. */
static int sleep_on_word(atomic_uint *word, unsigned value, int64_t deadline_ns)
{
    const struct timespec until = {.tv_sec = deadline_ns / TN__NS_PER_S,
                                   .tv_nsec = deadline_ns % TN__NS_PER_S};

    return syscall(SYS_futex, word, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, value,
                   deadline_ns == TN_NO_DEADLINE ? NULL : &until, NULL, FUTEX_BITSET_MATCH_ANY) == 0
               ? 0
               : errno;
}

void tn__waiter_wake(tn__waiter *waiter)
{
    const uint64_t one = 1;

    if (!waiter->wait) {
        atomic_store(&waiter->state, DONE);
        wake_word(&waiter->state);
        return;
    }
    /* It closes the descriptor when it is done. The counter cannot be full: this is the only
     * write. */
    if (write(waiter->fd, &one, sizeof(one)) < 0) {
        /* It wakes at its deadline. */
    }
    atomic_store(&waiter->state, DONE);
}

/* What comes back early is a look at what there is, as long as there is time. */
static bool sleep_once(tn__waiter *waiter, int64_t deadline_ns)
{
    if (!waiter->wait)
        return sleep_on_word(&waiter->state, WAITING, deadline_ns) != ETIMEDOUT;
    tn_wait_result result = waiter->wait(waiter->wait_arg, waiter->fd, -1, TN_WAIT_READ,
                                         deadline_ns);
    return result != TN_WAIT_TIMEOUT && result != TN_WAIT_FAILED && tn__now_ns() < deadline_ns;
}

/* Some instructions of another thread away. */
static void await_done(tn__waiter *waiter)
{
    while (atomic_load(&waiter->state) != DONE)
        sched_yield();
}

bool tn__waiter_sleep(tn__waiter *waiter, int64_t deadline_ns)
{
    unsigned state = WAITING;

    while (atomic_load(&waiter->state) == WAITING)
        if (!sleep_once(waiter, deadline_ns) &&
            atomic_compare_exchange_strong(&waiter->state, &state, LEAVING))
            return false;
    await_done(waiter);
    return true;
}
