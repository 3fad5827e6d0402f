/* SPDX-License-Identifier: MIT */
/*
 * One execution of one statement: connection, prepared statement, cursor. tn_exec(), tn_get() and
 * rows are three ways to consume it.
 */
#ifndef TENON_SESSION_RUN_H
#define TENON_SESSION_RUN_H

#include <tenon/query.h>

#include "session/handle.h"
#include "session/portal.h"

/* A statement's text (NUL-terminated, may be NULL) with what was computed of it. */
typedef struct tn__sql {
    const char *text;
    size_t len; /* this and the hash: 0 until it is measured */
    uint64_t hash;
    bool measured;
} tn__sql;

enum {
    TN__DRAIN_MS = 1000 /* how long rows that nobody wants are read on in a transaction */
};

typedef struct tn__run {
    tn_db *db;
    tn__portal on; /* connection, statement, cursor */
    int64_t deadline_ns;
    tn_batch batch; /* what was fetched last */
    bool in_transaction;
    bool commented; /* it was sent with a trace context behind its text */
    bool known;     /* its statement was run before, and may be older than the tables */
} tn__run;

/* Not measured: what is found in the statement cache by its address needs not be. */
static inline tn__sql tn__sql_of(const char *text)
{
    return (tn__sql){.text = text};
}

/* Measures it, if nobody has, and refuses what is no text for a statement: too long, not UTF-8. */
tn_status tn__sql_measure(tn__sql *sql, tn_error *err);

/*
 * Acquires (on a client), prepares, binds and executes. On success the run is to be ended with
 * tn__run_end(); on failure nothing remains. flags: TN_EXECUTE_. run->db etc. are set by this.
 */
tn_status tn__run_start(tn__run *run, tn_db *db, const tn_call *call, const tn__sql *sql,
                        const tn_arglist *args, uint32_t flags, tn_error *err);

/* The next batch into run->batch. A failure closes cursor and statement; the connection is held on
 * until tn__run_end(). */
tn_status tn__run_fetch(tn__run *run, tn_error *err);

/* Ends it: closes the cursor (settling the connection where the statement was not finished), gives
 * back statement and, on a client, the connection. Nothing to do for an orphaned one. */
void tn__run_end(tn__run *run);
/* The error for that. */
tn_status tn__run_cut_off(tn_error *err);
/* Its two halves. TN_ABORTED from the first: rows that nobody read to their end had to be cut off,
 * and that failed the transaction. Behind the second the connection may be another thread's. */
tn_status tn__run_finish(tn__run *run, tn_error *err);
void tn__run_give(tn__run *run);

/* Only the statement: prepared (from the cache or anew), on an acquired connection. For
 * tn_prepare().*/
tn_status tn__run_prepare(tn__run *run, tn_db *db, const tn__sql *sql, tn_error *err);

/* ---- run_judge.c ----------------------------------------------------------------------------- */

/* Is it certain that the statement was to change something? */
bool tn__run_changes(const tn__cached *stmt);
/* After a failure, before the connection is settled: was it a cancel, and where did it stand? err
 * may be NULL. */
void tn__run_judge_cause(const tn__run *run, tn_error *err);
/* And after that: what became of the statement (NULL: it was not had). err may be NULL. */
void tn__run_judge_outcome(const tn__run *run, const tn__cached *stmt, tn_error *err);

#endif
