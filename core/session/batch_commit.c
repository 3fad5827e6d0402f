/* SPDX-License-Identifier: MIT */
/* A batch that ends its transaction: COMMIT leaves with it, and what becomes of that. */
#include <string.h>

#include "session/batch_pass.h"
#include "session/transaction.h"

typedef struct ending {
    tn_batch_t *batch;
    int64_t timeout_ms;
    bool stale; /* a statement was prepared too long ago: nothing was applied */
} ending;

/* What ends a transaction in the place of COMMIT alone. */
static tn_status run_and_commit(void *arg, tn_db *tx, bool commit, tn_error *err)
{
    ending *e = arg;
    tn_batch_t *batch = e->batch;
    tn__pass p = {.batch = batch,
                  .db = tx,
                  .conn = tx->conn,
                  .flags = commit ? TN_BATCH_COMMIT : 0,
                  .deadline_ns = tn__db_deadline(tx, e->timeout_ms)};

    tn_status status = tn__pass_run(&p, err);
    if (status != TN_OK || !p.stopped)
        return status;
    /* One failed, so COMMIT was not done. */
    for (size_t i = 0; i < batch->count; i++)
        if (batch->items[i].state == TN__BATCH_FAILED) {
            e->stale = batch->items[i].stale;
            return tn_batch_status(batch, i, err);
        }
    return TN_OK;
}

/* What was found out of COMMIT holds for the statements of which nobody heard. */
TN__SELDOM static void judge_untold(tn_batch_t *batch, const tn_error *err)
{
    for (size_t i = 0; i < batch->count; i++) {
        tn__batch_item *item = &batch->items[i];
        bool unknown = item->outcome == TN_OUTCOME_IN_DOUBT ||
                       err->outcome == TN_OUTCOME_IN_DOUBT || err->outcome == TN_OUTCOME_APPLIED;
        if (item->state != TN__BATCH_DONE && unknown)
            tn__batch_note_as(batch, item, err);
    }
}

/* The server says that it was committed, but some of its answers did not come. */
TN__SELDOM static void judge_lost_answers(tn_batch_t *batch)
{
    tn_error err;

    tn_error_set(&err, TN_LOST, "08006",
                 "the connection was lost: the batch was committed, the answer did not come");
    err.outcome = TN_OUTCOME_APPLIED;
    err.retry = TN_RETRY_NO;
    err.discarded = true;
    judge_untold(batch, &err);
}

static bool all_done(const tn_batch_t *batch)
{
    size_t i = 0;

    while (i < batch->count && batch->items[i].state == TN__BATCH_DONE)
        i++;
    return i == batch->count;
}

tn_status tn__batch_commit_with(tn_batch_t *batch, tn_db *tx, int64_t timeout_ms, bool *ret_stale,
                                tn_error *err)
{
    ending e = {.batch = batch, .timeout_ms = timeout_ms};
    const tn__txn_end end = {.run = run_and_commit, .arg = &e};
    bool within = tx->depth > 1;

    tn_status status = tn__txn_commit_with(tx, &end, err);
    *ret_stale = e.stale && status != TN_OK;
    batch->outcome = status != TN_OK ? err->outcome : within ? TN_OUTCOME_NONE : TN_OUTCOME_APPLIED;
    if (status == TN_OK && !all_done(batch))
        judge_lost_answers(batch);
    else if (status != TN_OK && !all_done(batch))
        judge_untold(batch, err);
    if (batch->outcome == TN_OUTCOME_NONE && !within)
        batch->outcome = TN_OUTCOME_NOT_APPLIED;
    return status;
}

static bool may_run_again(const tn_batch_t *batch, bool stale, int attempt)
{
    return stale && attempt < TN__BATCH_ATTEMPTS && batch->outcome == TN_OUTCOME_NOT_APPLIED;
}

tn_status tn__batch_run_alone(tn_batch_t *batch, tn_db *db, const tn_batch_options *options,
                              tn_error *err)
{
    tn_txn_options txn = TN_TXN_OPTIONS_INIT;
    bool stale = false;
    tn_db *tx;

    txn.isolation = options->isolation;
    txn.read_only = options->read_only;
    txn.timeout_ms = options->timeout_ms > 0 ? options->timeout_ms : 0;
    for (int attempt = 1;; attempt++) {
        tn_status status = tn_begin(db, &txn, &tx, err);
        if (status == TN_OK)
            status = tn__batch_commit_with(batch, tx, options->timeout_ms, &stale, err);
        if (status == TN_OK || !may_run_again(batch, stale, attempt))
            return status;
        for (size_t i = 0; i < batch->count; i++)
            tn__batch_forget(&batch->items[i]);
        tn__batch_start_over(batch, db);
    }
}
