/* SPDX-License-Identifier: MIT */
/*
 * What the core gives to drivers: waiting, cancellation, errors, log. One tn_host_conn a
 * connection; its owner thread runs statements, any thread may ask for cancellation.
 */
#ifndef TENON_DRIVER_HOST_H
#define TENON_DRIVER_HOST_H

#include <stdatomic.h>
#include <stdbool.h>

#include <tenon/driver.h>

struct tn_host_conn {
    tn_wait_fn *wait; /* the application's, or NULL */
    void *wait_arg;
    atomic_int cancel_fd; /* made by the first wait; -1 before */
    atomic_int phase;     /* enum in host.c: idle, running, cancelled */
    atomic_bool stopping; /* the client shuts down: what runs is ended, nothing more is begun */
    bool shielded;        /* owner only: waits are not interrupted (cancel, cleaning up) */
};

extern const tn_host tn__host;

/* This thread is the library's own: it waits by itself, never by an application's wait, which knows
 * only the application's threads. */
void tn__host_own_thread(void);
/* The wait that may be called on this thread: the application's, or NULL. */
tn_wait_fn *tn__host_wait_here(tn_wait_fn *wait);

void tn__host_conn_init(tn_host_conn *conn, tn_wait_fn *wait, void *wait_arg);
void tn__host_conn_close(tn_host_conn *conn);

/* A statement begins and ends: only in between does a cancellation find something to hit. */
void tn__host_begin(tn_host_conn *conn);
void tn__host_end(tn_host_conn *conn);
/* Any thread. */
void tn__host_cancel(tn_host_conn *conn);
bool tn__host_cancelled(const tn_host_conn *conn);
/* Any thread: ends what runs, and what is begun later at once, but for what is shielded. */
void tn__host_stop(tn_host_conn *conn);
static inline bool tn__host_stopping(const tn_host_conn *conn)
{
    return atomic_load_explicit(&conn->stopping, memory_order_relaxed);
}

#endif
