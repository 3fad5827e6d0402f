/* SPDX-License-Identifier: MIT */
/*
 * Trace events: what the library does, told to one function of the application as it happens, so
 * that an exporter of spans (OpenTelemetry or another) can be written on it. tests/examples/trace
 * is one. And the other direction: a trace context of the application's that travels with each
 * statement to the server, as an SQL comment.
 *
 * Without a function, or for kinds that the mask leaves out, an event costs one relaxed load.
 *
 * Thread rule: any thread. The functions that are given here are called by the thread that makes
 * the call in question (TN_TRACE_CONNECT may come from a thread of the library). They must be quick
 * and must not use the handle whose call they are told of. While another function is being set, one
 * that was set before may still be called on other threads, and may get an end whose start it did
 * not see.
 */
#ifndef TENON_TRACE_H
#define TENON_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tenon/error.h>
#include <tenon/export.h>
#include <tenon/types.h>

/* New kinds are added at the end only. */
typedef enum tn_trace_kind {
    TN_TRACE_STATEMENT = 0, /* span: a statement on its connection, prepare to last row */
    TN_TRACE_CONNECT,       /* span: one attempt to make a connection */
    TN_TRACE_ACQUIRE,       /* span: taking a connection out of the pool; worked_ns is the wait */
    TN_TRACE_TRANSACTION, /* span: from its connection to its end; savepoints have one of their own
                           */
    TN_TRACE_RETRY,       /* moment: something is about to be tried again, and why */
    TN_TRACE_DISCARD      /* moment: a connection is given up; what says why */
} tn_trace_kind;

/* For the mask of tn_trace_set(). */
#define TN_TRACE_BIT(kind) (UINT32_C(1) << (kind))
#define TN_TRACE_ALL       UINT32_MAX

/* A span has a start and, whatever happens, one end with the same id. */
typedef enum tn_trace_phase { TN_TRACE_START = 0, TN_TRACE_END, TN_TRACE_MOMENT } tn_trace_phase;

/* Everything in it is borrowed for the call. Fields are only added at the end; size tells how many
 * there are. What an event has not got is 0, NULL or "". */
typedef struct tn_trace_event {
    size_t size;
    tn_trace_kind kind;
    tn_trace_phase phase;
    uint64_t id;           /* of the span: never 0, unique in the process, evenly spread bits */
    uint64_t parent;       /* id of the transaction that it belongs to, 0 for none */
    int64_t start_ns;      /* CLOCK_MONOTONIC; of a moment: when it was */
    int64_t duration_ns;   /* at the end: since start_ns */
    int64_t worked_ns;     /* at a statement's end: duration without the time in which the
                              application read rows; at an acquire's: what was spent in the queue */
    const char *driver;    /* "postgresql" */
    const char *url;       /* redacted */
    tn_str sql;            /* of a statement, without what traceparent added */
    uint64_t rows;         /* at a statement's end: that were fetched */
    int64_t affected;      /* at a statement's end: as the server counts, -1 for none */
    const tn_error *error; /* at the end: why it failed; NULL: it did not */
    const char *what;    /* "commit", "rollback"; of a retry "transaction", "connect"; of a discard
                            the cause: "broken", "reset" ... */
    tn_outcome outcome;  /* at a transaction's end */
    uint64_t connection; /* its number in this process, from 1 */
    uint32_t attempt;    /* of a retry: the number of the attempt that comes, from 2 */
} tn_trace_event;

typedef void tn_trace_fn(void *arg, const tn_trace_event *event);

enum { TN_TRACEPARENT_SIZE = 56, TN_TRACESTATE_SIZE = 513 };

/* A W3C trace context (https://www.w3.org/TR/trace-context/). */
typedef struct tn_traceparent {
    char traceparent[TN_TRACEPARENT_SIZE]; /* 00-<32 hex>-<16 hex>-<2 hex>, lower case */
    char tracestate[TN_TRACESTATE_SIZE];   /* "" for none; at most 512 characters of ASCII */
} tn_traceparent;

/* Writes the context of the statement that is about to be sent, both texts NUL-terminated; *ret
 * comes empty. span is the id of the statement's trace event, 0 when nobody listens to those: as 16
 * hex digits it may be the third part. false: none. */
typedef bool tn_traceparent_fn(void *arg, uint64_t span, tn_traceparent *ret);

TN_BEGIN_DECLS

/* Tells fn of all events whose kinds are in mask. NULL or a mask of 0: nobody. arg is handed
 * through. One for the process; a second call replaces the first. */
TN_API void tn_trace_set(tn_trace_fn *fn, void *arg, uint32_t mask);

/*
 * Asks fn for the context of each statement and sends it behind the text, as sqlcommenter does:
 *   select 1
 *   (slash-star)traceparent='00-...-...-01',tracestate='a%3D1'(star-slash)
 * The server's log and pg_stat_activity then show whose statement it is. NULL: no longer. A context
 * that is not exactly of the form is not sent; values are percent-encoded, so that nothing in them
 * can end the comment. Nor is one sent behind a text with a quote or comment that is not closed.
 * Positions in errors stay those of the text that was given.
 *
 * Its price: the text is another each time, so such a statement is prepared anew and is not kept in
 * the statement cache. fn may leave out what is not sampled; that runs from the cache.
 * BEGIN, COMMIT and the like that the library itself sends carry none.
 */
TN_API void tn_trace_set_parent(tn_traceparent_fn *fn, void *arg);

TN_END_DECLS

#endif
