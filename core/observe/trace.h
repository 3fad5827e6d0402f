/* SPDX-License-Identifier: MIT */
/*
 * How the library's rooms emit trace events. Who instruments something has a tn__span in the struct
 * that lives as long as the thing does (or on the stack), and does this:
 *
 *     tn__span span = TN__SPAN_NONE;
 *     if (tn__trace_wanted(TN_TRACE_CONNECT)) {                  one relaxed load; all else within
 *         tn_trace_event event = {.kind = TN_TRACE_CONNECT, .driver = ..., .url = ...};
 *         tn__trace_begin(&span, &event);                        emits the start
 *     }
 *     ... the work ...
 *     if (span.id) {                                             only if the start was emitted
 *         tn_trace_event event = {.kind = TN_TRACE_CONNECT, .driver = ..., .url = ...,
 *                                 .error = status == TN_OK ? NULL : err};
 *         tn__trace_end(&span, &event);                          emits the end, once
 *     }
 *
 * Never under a lock: the application's function is called. Whoever has read the clock already puts
 * start_ns into the event of a begin, and duration_ns into that of an end.
 *
 * acquire       the pool, around taking a connection: worked_ns is the time in the queue,
 *               connection the number of the one that was had.
 * connect       who calls the driver's open, around each attempt: attempt counts from 1.
 * transaction   transaction.c. At begin, before a connection is taken: parent is what the
 *               connection says (tn__conn.trace_parent, of a nested one), 0 else. Once the
 *               transaction has its connection, trace_parent becomes the span's id, so that its
 *               statements name it; at the end it becomes span.parent again. The end has what =
 *               "commit" or "rollback", outcome and error. Savepoints alike.
 * retry         tn__trace_moment() with what = "transaction" or "connect", attempt = the number of
 *               the attempt that comes, error = why. parent where there is one.
 * discard       the pool, when a connection is closed before its time: what is the cause's word,
 *               tn__closed_word(), connection its number, error if one is known.
 * statement     session/watch.c does it.
 */
#ifndef TENON_OBSERVE_TRACE_H
#define TENON_OBSERVE_TRACE_H

#include <stdatomic.h>

#include <tenon/trace.h>

typedef struct tn__span {
    uint64_t id; /* 0: its start was not emitted, so neither is its end */
    uint64_t parent;
    int64_t start_ns;
} tn__span;

#define TN__SPAN_NONE ((tn__span){0})

extern atomic_uint_least32_t tn__trace_mask;

static inline bool tn__trace_wanted(tn_trace_kind kind)
{
    return atomic_load_explicit(&tn__trace_mask, memory_order_relaxed) >> kind & 1;
}

/* Sends an event as it is; size is set here, driver and url that are NULL become "". */
void tn__trace_emit(const tn_trace_event *event);

/* A new id, the clock where start_ns is 0, parent as given; emits the start and notes it in *span.
 */
void tn__trace_begin(tn__span *span, tn_trace_event *event);
/* Fills id, parent, times from *span; emits the end and empties *span. Nothing if it is empty. */
void tn__trace_end(tn__span *span, tn_trace_event *event);
/* An id and the clock, and emits it. */
void tn__trace_moment(tn_trace_event *event);

/* Never 0, never twice in a process; the bits look random, so that it can be a span's id. */
uint64_t tn__trace_id(void);

#endif
