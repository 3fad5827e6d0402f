/* SPDX-License-Identifier: MIT */
/*
 * The inside of running a batch: batch_prepare.c finds or prepares its statements, batch_tell.c
 * answers the driver's questions and takes what it tells, and judges what nobody heard of,
 * batch_run.c runs the whole, batch_commit.c with the transaction's end.
 */
#ifndef TENON_SESSION_BATCH_PASS_H
#define TENON_SESSION_BATCH_PASS_H

#include "session/batch.h"
#include "session/watch.h"

#define TN__SELDOM __attribute__((cold, noinline))

enum { TN__BATCH_ATTEMPTS = 3 /* tables may be altered again and again meanwhile */ };

/* One pass over the statements in batch->order. */
typedef struct tn__pass {
    tn_batch_t *batch;
    tn_db *db;
    tn__conn *conn;
    uint32_t flags;
    int64_t deadline_ns;
    size_t asked;    /* of order: bind() was called for it */
    size_t bound;    /* and went well: it may have been sent */
    size_t told;     /* answered or failed */
    bool stopped;    /* one failed, and nothing behind it runs */
    bool single;     /* one statement, behind a savepoint of its own */
    tn_status why;   /* what ended the whole; TN_OK: nothing did, so far */
    tn__watch watch; /* of the one whose answer comes next */
} tn__pass;

static inline tn__batch_item *tn__pass_item(const tn__pass *p, size_t index)
{
    return &p->batch->items[p->batch->order[index]];
}

static inline tn__batch_text *tn__pass_text(const tn__pass *p, const tn__batch_item *item)
{
    return &p->batch->texts[item->text];
}

/* ---- batch_prepare.c ------------------------------------------------------------------------- */

/* Fills batch->stmts; those that cannot be prepared have failed, and are taken out of order. One
 * that ends the connection ends all. */
tn_status tn__pass_prepare(tn__pass *p, tn_error *err);
void tn__pass_release(tn__pass *p);

/* ---- batch_tell.c ---------------------------------------------------------------------------- */

/* A statement did not run, or in vain. */
void tn__pass_note_failure(tn__pass *p, tn__batch_item *item, tn_status status,
                           const tn_error *err);
/* What the driver is given. */
tn_batch_work tn__pass_work(tn__pass *p);
/* run() failed: the connection is made good again, and what was not told is judged. */
void tn__pass_judge(tn__pass *p, tn_error *err);
void tn__batch_note_as(tn_batch_t *batch, tn__batch_item *item, const tn_error *err);

/* ---- batch_run.c ----------------------------------------------------------------------------- */

/* On a connection that is free and had tn__host_begin(). TN_OK: everything was told, and COMMIT was
 * done if flags say so and nothing failed. */
tn_status tn__pass_run(tn__pass *p, tn_error *err);
/* As if it had not been answered. */
void tn__batch_forget(tn__batch_item *item);
/* As if it had never run. */
void tn__batch_start_over(tn_batch_t *batch, const tn_db *db);

/* ---- batch_commit.c -------------------------------------------------------------------------- */

/* Runs it in place of the transaction's COMMIT. */
tn_status tn__batch_commit_with(tn_batch_t *batch, tn_db *tx, int64_t timeout_ms, bool *ret_stale,
                                tn_error *err);
/* In a transaction of its own. */
tn_status tn__batch_run_alone(tn_batch_t *batch, tn_db *db, const tn_batch_options *options,
                              tn_error *err);

#endif
