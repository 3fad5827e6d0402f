/* SPDX-License-Identifier: MIT */
/*
 * One thread, many fibers: who waits for a descriptor or a time lets the others run. loop_wait() is
 * the function that tenon wants (tenon/wait.h):
 *
 *   tn_config_set_wait(config, loop_wait, loop);
 *
 * From then on a call that would block its thread blocks its fiber only.
 *
 * Thread rule: a loop belongs to the thread that runs it; loop_wait() may be called on any.
 */
#ifndef EVENTLOOP_LOOP_H
#define EVENTLOOP_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include <tenon/wait.h>

struct loop;
typedef void loop_fn(void *arg);

/* Figures of a loop so far. */
struct loop_stats {
    unsigned alive, most_alive;     /* fibers that have not ended */
    unsigned waiting, most_waiting; /* for a descriptor, at the same time */
    uint64_t waits;                 /* in loop_wait() on fibers */
    uint64_t waits_elsewhere;       /* in loop_wait() without a fiber: the library's own threads */
};

/* NULL: errno. */
struct loop *loop_new(void);
/* When no fiber is left. */
void loop_free(struct loop *loop);

/* A fiber that runs fn(arg) when its turn comes; from within the loop or before it. false: errno.
 */
bool loop_start(struct loop *loop, loop_fn *fn, void *arg);

/* Runs until the last fiber has ended. false: errno; the loop is broken then. */
bool loop_run(struct loop *loop);

/* A tn_wait_fn; arg is the loop. Without a fiber it blocks, as poll() does. One waiter a
 * descriptor: the second gets TN_WAIT_FAILED, EEXIST. */
tn_wait_result loop_wait(void *arg, int fd, int cancel_fd, int events, int64_t deadline_ns);

/* On a fiber: goes on after so many milliseconds; loop_pass() when all others had their turn. */
void loop_sleep(struct loop *loop, int64_t ms);
void loop_pass(struct loop *loop);

/* A fiber that waits until others have said so often enough that they are done. */
struct latch {
    struct task *waiter;
    unsigned left;
};
void latch_await(struct latch *latch);
void latch_done(struct latch *latch);

struct loop_stats loop_stats(const struct loop *loop);

int64_t loop_now_ns(void); /* CLOCK_MONOTONIC */

#endif
