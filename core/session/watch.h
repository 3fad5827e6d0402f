/* SPDX-License-Identifier: MIT */
/*
 * What is told and counted of one statement: counters, latency, slow-query log, query log, trace
 * events. The clock is read when it starts and when its answer is there; where the application
 * reads a longer answer piece by piece, twice more a piece, so that its own time is left out.
 */
#ifndef TENON_SESSION_WATCH_H
#define TENON_SESSION_WATCH_H

#include <tenon/error.h>

#include "observe/settings.h"
#include "observe/trace.h"
#include "session/conn.h"

typedef struct tn__watch {
    const tn__observe_settings *settings; /* NULL: it has ended, or was never begun */
    tn_str sql;                           /* as the caller gave it */
    int64_t start_ns;
    int64_t since_ns;  /* when the library last began to work on it; 0: it is the caller's turn */
    int64_t worked_ns; /* before that */
    uint64_t rows;
    int64_t affected;
    bool logged; /* by the query log, which was wanted at its start */
    char *args;  /* for that log; owned */
    tn__span span;
} tn__watch;

/* A statement is about to be run on this connection. *watch is zero. */
void tn__watch_begin(tn__watch *watch, const tn__observe_settings *settings, tn__conn *conn,
                     tn_str sql);

void tn__watch_describe_args(tn__watch *watch, const tn_stmt_info *info, const tn_value *values);

/* Its arguments were bound. */
static inline void tn__watch_bound(tn__watch *watch, const tn_stmt_info *info,
                                   const tn_value *values)
{
    if (TN_UNLIKELY(watch->logged))
        tn__watch_describe_args(watch, info, values);
}

/* Some rows came and it goes on: the caller's turn; and the caller has come back. now_ns: the
 * clock, 0 if nobody has read it yet. */
void tn__watch_pause(tn__watch *watch);
void tn__watch_resume(tn__watch *watch, int64_t now_ns);

void tn__watch_finish(tn__watch *watch, tn__conn *conn, const tn_error *err);

/* It has ended; err NULL: well. Only the first call counts. The connection is still the caller's.
 */
static inline void tn__watch_end(tn__watch *watch, tn__conn *conn, const tn_error *err)
{
    if (watch->settings)
        tn__watch_finish(watch, conn, err);
}

/* Nothing is told of it: the process is a child of the one that ran it. */
void tn__watch_drop(tn__watch *watch);

/* The arguments as the query log shows them: "$1 bigint, $2 text", with values where asked.
 * Allocated; NULL: none, or no memory. */
char *tn__watch_describe(const tn_stmt_info *info, const tn_value *args, bool values);

#endif
