/* SPDX-License-Identifier: MIT */
#include "pool/queue.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

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
    if (!waiter->wait) {
        tn__cond_init(&waiter->ready);
        return TN_OK;
    }
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
    else
        pthread_cond_destroy(&waiter->ready);
}

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

/* The waiter's memory may be gone as soon as the lock is given up. */
static void wake(tn__queue *queue, tn__waiter *waiter)
{
    const uint64_t one = 1;

    tn__queue_remove(queue, waiter);
    waiter->done = true;
    if (!waiter->wait)
        pthread_cond_signal(&waiter->ready);
    else if (write(waiter->fd, &one, sizeof(one)) < 0) {
        /* The counter cannot be full: this is the only write. */
    }
}

bool tn__queue_hand(tn__queue *queue, tn__conn *conn)
{
    tn__waiter *waiter = queue->first;

    if (!waiter)
        return false;
    waiter->conn = conn;
    waiter->may_open = conn == NULL;
    if (conn) {
        conn->lease.thread = waiter->thread;
        conn->lease.site = waiter->site;
    }
    wake(queue, waiter);
    return true;
}

void tn__queue_fail(tn__queue *queue, tn__waiter *waiter, const tn_error *why)
{
    waiter->status = why->status;
    if (waiter->why)
        *waiter->why = *why;
    wake(queue, waiter);
}

void tn__queue_fail_all(tn__queue *queue, const tn_error *why)
{
    while (queue->first)
        tn__queue_fail(queue, queue->first, why);
}

/* What comes back early is a look at what there is, as long as there is time. */
static bool sleep_by_descriptor(tn__waiter *waiter, pthread_mutex_t *lock, int64_t deadline_ns)
{
    pthread_mutex_unlock(lock);
    tn_wait_result result = waiter->wait(waiter->wait_arg, waiter->fd, -1, TN_WAIT_READ,
                                         deadline_ns);
    pthread_mutex_lock(lock);
    return result != TN_WAIT_TIMEOUT && result != TN_WAIT_FAILED && tn__now_ns() < deadline_ns;
}

bool tn__waiter_sleep(tn__waiter *waiter, pthread_mutex_t *lock, int64_t deadline_ns)
{
    while (!waiter->done) {
        bool going_on = waiter->wait ? sleep_by_descriptor(waiter, lock, deadline_ns)
                                     : tn__cond_wait(&waiter->ready, lock, deadline_ns);
        if (!going_on && !waiter->done)
            return false;
    }
    return true;
}
