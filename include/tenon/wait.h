/* SPDX-License-Identifier: MIT */
/*
 * How the library waits for a socket. An application that runs an event loop or fibers gives its
 * own function (tn_config_set_wait()), and then no call blocks the thread.
 *
 * Thread rule: called on the thread that made the call; may be called on several at once.
 */
#ifndef TENON_WAIT_H
#define TENON_WAIT_H

#include <stdint.h>

enum { TN_WAIT_READ = 1, TN_WAIT_WRITE = 2 };

typedef enum tn_wait_result {
    TN_WAIT_READY = 0,
    TN_WAIT_TIMEOUT,
    TN_WAIT_INTERRUPTED, /* tn_cancel(), or shutdown */
    TN_WAIT_FAILED       /* errno tells */
} tn_wait_result;

/* A deadline that never comes. */
#define TN_NO_DEADLINE INT64_MAX

/*
 * Waits until fd is ready for one of events (TN_WAIT_READ, TN_WAIT_WRITE or both), until the time
 * deadline_ns (CLOCK_MONOTONIC, nanoseconds) has come, or until cancel_fd is readable, which is
 * TN_WAIT_INTERRUPTED and takes precedence; cancel_fd is -1 when there is nothing to watch and is
 * never read from here. Spurious TN_WAIT_READY is fine.
 */
typedef tn_wait_result tn_wait_fn(void *arg, int fd, int cancel_fd, int events,
                                  int64_t deadline_ns);

#endif
