/* SPDX-License-Identifier: MIT */
/*
 * Statement by statement. What the server takes within a transaction is one with its record, so it
 * is done exactly once however often the program is killed. What it refuses there (CREATE INDEX
 * CONCURRENTLY, VACUUM: 25001, said before anything is done) is noted as begun, run by itself, and
 * recorded; between these it may be in doubt whether it was done, and what follows then depends on
 * the statement.
 */
#include "migrate/apply.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tenon/query.h>

#include "base/clock.h"
#include "base/str.h"
#include "migrate/foreign.h"
#include "migrate/lock.h"
#include "migrate/problem.h"

static const char begun[] = "begun: ";

typedef struct progress {
    tn__job *job;
    tn__place place; /* as it is recorded */
    bool doubt;      /* the statement at place was begun by somebody who did not come to its end */
    bool resumed;    /* it was tried before */
    bool changed;    /* another one moved it */
    tn__foreign foreign;
    bool checked; /* foreign keys, at the end */
} progress;

static tn_migrate_state under_way(const tn__job *job)
{
    return job->down ? TN_MIGRATE_UNDOING : TN_MIGRATE_RUNNING;
}

/* ---- records --------------------------------------------------------------------------------- */

/* Moves the row on, within a transaction. p->place follows when that is committed. */
static tn_status move_row(progress *p, const tn__place *to, const char *note, tn_error *err)
{
    bool moved = false;
    tn_status status = tn__history_move(p->job->database, p->job->migration->version, &p->place, to,
                                        note, &moved, err);

    if (status == TN_OK && !moved)
        p->changed = true;
    return status;
}

static tn_status record(progress *p, const tn__place *to, const char *note, tn_error *err)
{
    tn__database *database = p->job->database;

    tn_status status = tn__lock_begin(database, err);
    if (status != TN_OK)
        return status;
    status = move_row(p, to, note, err);
    if (status == TN_OK && !p->changed)
        status = tn__database_commit(database, err);
    else
        tn__database_rollback(database);
    if (status == TN_OK && !p->changed)
        p->place = *to;
    return status;
}

static tn_status first_record(progress *p, tn_error *err)
{
    tn__job *job = p->job;
    tn__database *database = job->database;
    bool unchanged = true, fresh = database->fresh;

    tn_status status = tn__lock_begin(database, err);
    if (status != TN_OK)
        return status;
    if (fresh)
        status = tn__history_create(database, err);
    if (status == TN_OK && !database->exclusive)
        status = tn__history_unchanged(database, job->history, &unchanged, err);
    p->changed = !unchanged;
    p->place = (tn__place){under_way(job), 0};
    if (status == TN_OK && unchanged)
        status = tn__history_insert(database, job->migration, TN_MIGRATE_RUNNING, 0,
                                    job->started_ns, err);
    if (status == TN_OK && unchanged)
        return tn__database_commit(database, err);
    tn__database_rollback(database);
    database->fresh = fresh;
    return status;
}

/* The beginning: a row that says so, or what an earlier run recorded. */
static tn_status start(progress *p, tn_error *err)
{
    tn__job *job = p->job;
    const tn__row *row = job->row;
    const tn__place first = {under_way(job), 0};

    if (!row)
        return first_record(p, err);
    p->place = (tn__place){row->state, row->step};
    if (row->state == TN_MIGRATE_APPLIED || row->state == TN_MIGRATE_BASELINE)
        return record(p, &first, NULL, err);
    p->resumed = true;
    p->doubt = row->state == first.state && row->note &&
               tn__str_starts(tn_str_from(row->note), tn_str_from(begun));
    if (!job->down && strcmp(row->checksum, job->migration->checksum) != 0)
        return tn__history_accept(job->database, job->migration, err);
    return TN_OK;
}

/* ---- what a killed CREATE INDEX CONCURRENTLY leaves ------------------------------------------ */

/* An index that is not valid answers no query and slows down each write: it is in the way. */
static tn_status drop_invalid(progress *p, const tn__step *step, tn_error *err)
{
    static const char question[] =
        "select pg_catalog.format('drop index concurrently if exists %I.%I', n.nspname, c.relname)"
        " from pg_catalog.pg_index i join pg_catalog.pg_class c on c.oid = i.indexrelid"
        " join pg_catalog.pg_namespace n on n.oid = c.relnamespace where not i.indisvalid"
        " and c.relkind = 'i' and c.relname = (pg_catalog.parse_ident($1))[1] limit 1";
    tn__database *database = p->job->database;
    char *drop = NULL;

    if (!step->index.len || database->dialect != TN__POSTGRESQL)
        return TN_OK;
    tn_status status = tn_get(database->at, question, tn_args(step->index), tn_into(&drop), err);
    if (status == TN_NOT_FOUND)
        return TN_OK;
    if (status != TN_OK)
        return status;
    tn__database_note(
        database, TN_MIGRATE_EVENT_NOTE, p->job->migration,
        "index %.*s was left invalid by an attempt before: it is dropped and made anew",
        (int)step->index.len, step->index.ptr);
    status = tn_exec(database->at, drop, NULL, NULL, err);
    free(drop);
    return status;
}

/* ---- foreign keys (SQLite) ------------------------------------------------------------------- */

/* Before the first statement, while nothing is begun. */
static tn_status clean_before(progress *p, tn_error *err)
{
    tn__job *job = p->job;
    tn_migrate_problem *problem = tn__database_problem(job->database);
    const tn__row *row = job->row;

    if (row && row->state != TN_MIGRATE_APPLIED && row->state != TN_MIGRATE_BASELINE)
        return TN_OK;
    tn_status status = tn__foreign_clean(job->database, &p->foreign, err);
    if (status != TN_CONSTRAINT)
        return status;
    tn__problem_fault(problem, TN_MIGRATE_REFUSED);
    tn__problem_migration(problem, job->migration);
    tn__problem_state(problem, "nothing of %s was begun", job->migration->version);
    tn__problem_next(
        problem,
        "mend those rows, since at its end nobody could tell them from its own; or leave "
        "transaction:false away; then: tenon migrate %s",
        job->down ? "down" : "deploy");
    return status;
}

/* step: the last one, NULL: there was none. */
static tn_status check_after(progress *p, const tn__step *step, tn_error *err)
{
    tn_migrate_problem *problem = tn__database_problem(p->job->database);

    tn_status status = tn__foreign_check(p->job->database, &p->foreign, err);
    p->checked = status == TN_OK;
    if (status == TN_CONSTRAINT && step)
        tn_migration_place(p->job->migration, step->sql, 0, problem);
    return status;
}

static bool is_last(const progress *p)
{
    return p->place.step + 1 == p->job->steps.count;
}

/* ---- one statement by itself ----------------------------------------------------------------- */

static bool is_one_of(const char *sqlstate, const char *const *list)
{
    for (; *list; list++)
        if (strcmp(sqlstate, *list) == 0)
            return true;
    return false;
}

/* Says the error that the statement of an earlier run, of which the answer was lost, was done? */
static bool was_done(const progress *p, const tn__step *step, const tn_error *err)
{
    static const char *const exists[] = {"42P07", "42710", "42P04", "42P06", NULL};
    static const char *const gone[] = {"42704", "42P01", "3D000", "3F000", NULL};

    if (!p->doubt)
        return false;
    return (step->again == TN__AGAIN_CREATE && is_one_of(err->sqlstate, exists)) ||
           (step->again == TN__AGAIN_DROP && is_one_of(err->sqlstate, gone));
}

/* Nobody but a person can know. */
static tn_status ask(progress *p, const tn__step *step, tn_error *err)
{
    tn_migrate_problem *problem = tn__database_problem(p->job->database);
    const char *version = p->job->migration->version;

    tn__problem_migration(problem, p->job->migration);
    tn_migration_place(p->job->migration, step->sql, 0, problem);
    tn__problem_fault(problem, TN_MIGRATE_UNFINISHED);
    tn__problem_state(problem, "%u of %zu statements are done; whether this one is, is not known",
                      p->place.step, p->job->steps.count);
    tn__problem_next(
        problem,
        "look at the database, then: tenon migrate repair %s --step-done (go on behind "
        "it), or --step-again",
        version);
    tn_error_set(err, TN_FAILED, NULL,
                 "an earlier run began the statement on line %u and did not come to its end",
                 step->line);
    return TN_FAILED;
}

static tn_status attempt_alone(progress *p, const tn__step *step, tn_error *err)
{
    tn__job *job = p->job;
    const tn_migration_options *options = tn__job_options(job);
    int64_t lock = options->lock_timeout_ms < 0 && step->patient ? 0 : options->lock_timeout_ms;
    tn_error why = TN_ERROR_INIT;

    for (uint32_t n = 0;; n++) {
        tn_status status = tn__database_timeouts(job->database, lock, options->statement_timeout_ms,
                                                 false, &why);
        if (status == TN_OK && (p->resumed || n > 0))
            status = drop_invalid(p, step, &why);
        if (status == TN_OK)
            status = tn__job_statement(job, step, &why);
        if (status == TN_OK || was_done(p, step, &why))
            return TN_OK;
        if (tn__job_again(job, n, &why) == TN_OK) {
            why = (tn_error)TN_ERROR_INIT;
            continue;
        }
        *err = why;
        return why.status;
    }
}

static tn_status run_alone(progress *p, const tn__step *step, tn_error *err)
{
    tn__place here = {under_way(p->job), p->place.step}, next = {here.state, here.step + 1};
    char note[80];

    if (p->doubt && step->again == TN__AGAIN_ASK)
        return ask(p, step, err);
    /* PRAGMA, VACUUM and their kin change no row. */
    if (is_last(p)) {
        tn_status good = check_after(p, step, err);
        if (good != TN_OK)
            return good;
    }
    snprintf(note, sizeof(note), "%sstatement %u of %zu, line %u", begun, here.step + 1,
             p->job->steps.count, step->line);
    tn_status status = record(p, &here, note, err);
    if (status != TN_OK || p->changed)
        return status;
    status = attempt_alone(p, step, err);
    if (status == TN_OK)
        status = tn__database_timeouts(p->job->database, -1, -1, false, err);
    return status == TN_OK ? record(p, &next, NULL, err) : status;
}

/* ---- one statement with its record ----------------------------------------------------------- */

/* The record comes first: where another one has done the statement, it is not run. */
static tn_status together(progress *p, const tn__step *step, const tn__place *next, tn_error *err)
{
    const tn_migration_options *options = tn__job_options(p->job);
    tn__database *database = p->job->database;

    tn_status status = tn__lock_begin(database, err);
    if (status != TN_OK)
        return status;
    status = move_row(p, next, NULL, err);
    if (status == TN_OK && !p->changed &&
        (options->lock_timeout_ms >= 0 || options->statement_timeout_ms >= 0))
        status = tn__database_timeouts(database, options->lock_timeout_ms,
                                       options->statement_timeout_ms, true, err);
    if (status == TN_OK && !p->changed)
        status = step->group ? tn__job_group(p->job, step, err)
                             : tn__job_statement(p->job, step, err);
    if (status == TN_OK && !p->changed && is_last(p))
        status = check_after(p, step, err);
    if (status == TN_OK && !p->changed)
        status = tn__database_commit(database, err);
    else
        tn__database_rollback(database);
    return status;
}

/* Refused in a transaction, before anything was done, or undone with it. */
static bool wants_to_be_alone(const tn__step *step, const tn_error *err)
{
    return !step->group &&
           (strcmp(err->sqlstate, "25001") == 0 || strcmp(err->sqlstate, "2D000") == 0);
}

static tn_status run_step(progress *p, const tn__step *step, tn_error *err)
{
    tn__place next = {under_way(p->job), p->place.step + 1};
    tn_error why = TN_ERROR_INIT;

    tn_status off = tn__foreign_keep(p->job->database, &p->foreign, err);
    if (off != TN_OK || step->alone)
        return off != TN_OK ? off : run_alone(p, step, err);
    for (uint32_t n = 0;; n++) {
        tn_status status = together(p, step, &next, &why);
        if (status == TN_OK) {
            p->place = p->changed ? p->place : next;
            return TN_OK;
        }
        if (wants_to_be_alone(step, &why)) {
            tn__problem_clear(tn__database_problem(p->job->database));
            return run_alone(p, step, err);
        }
        if (tn__job_again(p->job, n, &why) != TN_OK) {
            *err = why;
            return why.status;
        }
        tn__problem_clear(tn__database_problem(p->job->database));
        why = (tn_error)TN_ERROR_INIT;
    }
}

/* ---- all of them ----------------------------------------------------------------------------- */

/* What earlier statements set of the session is gone with the one that ran them. */
static tn_status replay(progress *p, tn_error *err)
{
    tn_status status = TN_OK;

    for (size_t i = 0; status == TN_OK && i < p->place.step && i < p->job->steps.count; i++)
        if (p->job->steps.items[i].sets)
            status = tn__job_statement(p->job, &p->job->steps.items[i], err);
    return status;
}

static void tell_step(const progress *p)
{
    tn_migrate_event event = {
        .kind = TN_MIGRATE_EVENT_STEP,
        .migration = p->job->migration,
        .version = p->job->migration->version,
        .text = "",
        .step = p->place.step,
        .steps = (uint32_t)p->job->steps.count,
        .done = p->job->database->done,
        .total = p->job->database->total,
    };
    tn__database_event(p->job->database, &event);
}

static tn_status finish(progress *p, tn_error *err)
{
    tn__job *job = p->job;
    tn__database *database = job->database;

    tn_status status = job->steps.sets ? tn__database_restore(database, err) : TN_OK;
    if (status == TN_OK)
        status = tn__lock_begin(database, err);
    if (status != TN_OK)
        return status;
    if (!p->checked)
        status = check_after(p, NULL, err);
    if (status == TN_OK)
        status = job->down ? tn__history_delete(database, job->migration->version, err)
                           : tn__history_finish(database, job->migration->version,
                                                (tn__now_ns() - job->started_ns) / 1000, err);
    if (status == TN_OK)
        return tn__database_commit(database, err);
    tn__database_rollback(database);
    return status;
}

/* Notes the failure, if there still is a connection, and says what is to be done. */
static void failed(progress *p, const tn_error *why)
{
    tn__job *job = p->job;
    tn_migrate_problem *problem = tn__database_problem(job->database);
    tn__place stopped = {job->down ? TN_MIGRATE_UNDOING : TN_MIGRATE_FAILED, p->place.step};
    char note[600];

    if (problem->fault == TN_MIGRATE_NO_FAULT)
        problem->fault = TN_MIGRATE_SQL;
    if (!problem->version[0])
        tn__problem_migration(problem, job->migration);
    if (problem->fault == TN_MIGRATE_UNFINISHED || problem->fault == TN_MIGRATE_REFUSED)
        return;
    if (problem->line)
        snprintf(note, sizeof(note), "failed: line %u: %s", problem->line, why->message);
    else
        snprintf(note, sizeof(note), "failed: %s", why->message);
    tn_status status = record(p, &stopped, note, NULL);
    (void)status; /* without it, the row says that the statement was begun */
    if (p->place.step == job->steps.count) {
        tn__problem_state(problem, "all statements of %s are done and recorded, its end is not",
                          job->migration->version);
        tn__problem_next(problem, "mend the cause, then: tenon migrate %s",
                         job->down ? "down" : "deploy");
        return;
    }
    tn__problem_state(problem, "%u of %zu statements of %s are done and recorded, this one is not",
                      p->place.step, job->steps.count, job->migration->version);
    tn__problem_next(problem,
                     "mend the cause, then: tenon migrate %s (it goes on with this "
                     "statement)",
                     job->down ? "down" : "deploy");
}

static tn_status run_all(progress *p, tn_error *err)
{
    tn__job *job = p->job;

    tn_status status = tn__foreign_off(job->database, tn__job_options(job)->foreign_keys,
                                       job->steps.drops, &p->foreign, err);
    if (status == TN_OK)
        status = clean_before(p, err);
    if (status == TN_OK)
        status = start(p, err);
    if (status == TN_OK && !p->changed)
        status = replay(p, err);
    while (status == TN_OK && !p->changed && p->place.step < job->steps.count) {
        status = run_step(p, &job->steps.items[p->place.step], err);
        p->doubt = p->resumed = false;
        if (status == TN_OK && !p->changed)
            tell_step(p);
    }
    return status == TN_OK && !p->changed ? finish(p, err) : status;
}

tn_status tn__apply_steps(tn__job *job, bool *ret_changed, tn_error *err)
{
    progress p = {.job = job};
    tn_error why = TN_ERROR_INIT;

    tn_status status = run_all(&p, &why);
    *ret_changed = status == TN_OK && p.changed;
    if (status != TN_OK)
        failed(&p, &why);
    tn__foreign_on(job->database, &p.foreign);
    if (status != TN_OK && err)
        *err = why;
    return status;
}
