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
 * Who emits what:
 *   statement     session/watch.c
 *   transaction   session/txnwatch.c: from the moment it has its connection. parent is what the
 *                 connection says (tn__conn.trace_parent), which is the span's id while it is open,
 *                 so that its statements name it, and parent again at the end.
 *   connect       session/conn.c, each attempt
 *   acquire       pool/pool.c: worked_ns is the time in the queue
 *   discard       pool/slot.c, for causes that are faults, by tn__closed_word()
 *   retry         tn_transaction(), and tn_open() of the first connection
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
