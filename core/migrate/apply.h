/* SPDX-License-Identifier: MIT */
/*
 * Running one block, up or down. Both ways: the whole as one transaction with its row, or statement
 * by statement with each recorded.
 */
#ifndef TENON_MIGRATE_APPLY_H
#define TENON_MIGRATE_APPLY_H

#include "migrate/status.h"

typedef struct tn__job {
    tn__database *database;
    const tn_migration *migration; /* of a down without a file: made of the row */
    const tn__history *history;    /* as it was read last */
    const tn__row *row;            /* NULL: none yet */
    bool down;
    tn__steps steps;
    tn__arena arena;
    int64_t started_ns;
} tn__job;

/*
 * Does the job. *ret_changed: nothing was done, since the history is not what was read (another one
 * was there before): read it anew. On failure the problem tells the place, the state and what to
 * do.
 */
tn_status tn__job_run(tn__job *job, bool *ret_changed, tn_error *err);

/* Splits its block, to find what is wrong in it before anything is run. */
tn_status tn__job_prepare(tn__job *job, tn__database *database, const tn_migration *migration,
                          bool down, tn_error *err);
void tn__job_free(tn__job *job);

/* The two ways. */
tn_status tn__apply_whole(tn__job *job, bool *ret_changed, tn_error *err);
tn_status tn__apply_steps(tn__job *job, bool *ret_changed, tn_error *err);

/* What both need. */
const tn_migration_options *tn__job_options(const tn__job *job);
/* Runs one step's statements as they are; on failure the problem gets the place. */
tn_status tn__job_statement(tn__job *job, const tn__step *step, tn_error *err);
tn_status tn__job_group(tn__job *job, const tn__step *step, tn_error *err);
/* After TN_LOCKED or a deadlock, out of the transaction: waits and returns TN_OK to try again, or
 * the error when it was tried often enough. attempt counts from 0. */
tn_status tn__job_again(tn__job *job, uint32_t attempt, tn_error *why);

#endif
