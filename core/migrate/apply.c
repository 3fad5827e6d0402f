/* SPDX-License-Identifier: MIT */
/* What a job is, and the way of the whole transaction. */
#include "migrate/apply.h"

#include <stdio.h>
#include <string.h>

#include <tenon/query.h>

#include "base/clock.h"
#include "base/lexer.h"
#include "base/str.h"
#include "migrate/foreign.h"
#include "migrate/lock.h"
#include "migrate/problem.h"

enum { BYTES_MAX = 1 << 30, FIRST_PAUSE_MS = 200, LONGEST_PAUSE_MS = 5000 };

/* ---- jobs ------------------------------------------------------------------------------------ */

tn_status tn__job_prepare(tn__job *job, tn__database *database, const tn_migration *migration,
                          bool down, tn_error *err)
{
    *job = (tn__job){.database = database, .migration = migration, .down = down};
    tn__arena_init(&job->arena, BYTES_MAX);
    tn_status status = tn__steps_split(&job->arena, migration, down, database->dialect, &job->steps,
                                       tn__database_problem(database), err);
    if (status != TN_OK)
        tn__job_free(job);
    return status;
}

void tn__job_free(tn__job *job)
{
    tn__arena_free(&job->arena);
}

const tn_migration_options *tn__job_options(const tn__job *job)
{
    return job->down ? &job->migration->down_options : &job->migration->up_options;
}

/* What was begun statement by statement is ended so, whatever the file says now. */
static bool is_stepwise(const tn__job *job)
{
    return tn__job_options(job)->no_transaction ||
           (job->row && job->row->state != TN_MIGRATE_APPLIED &&
            job->row->state != TN_MIGRATE_BASELINE);
}

tn_status tn__job_run(tn__job *job, bool *ret_changed, tn_error *err)
{
    *ret_changed = false;
    job->started_ns = tn__now_ns();
    tn_migrate_event event = {
        .kind = TN_MIGRATE_EVENT_BEGIN,
        .migration = job->migration,
        .version = job->migration->version,
        .text = job->down ? "down" : "",
        .steps = (uint32_t)job->steps.count,
        .done = job->database->done,
        .total = job->database->total,
    };
    tn__database_event(job->database, &event);
    job->database->plain = job->steps.savepoints;
    tn_status status = job->steps.sets ? tn__database_keep(job->database, err) : TN_OK;
    if (status == TN_OK)
        status = is_stepwise(job) ? tn__apply_steps(job, ret_changed, err)
                                  : tn__apply_whole(job, ret_changed, err);
    if (status != TN_OK || *ret_changed)
        return status;
    job->database->done++;
    event.kind = TN_MIGRATE_EVENT_DONE;
    event.done = job->database->done;
    event.duration_us = (tn__now_ns() - job->started_ns) / 1000;
    tn__database_event(job->database, &event);
    return TN_OK;
}

/* ---- statements ------------------------------------------------------------------------------ */

/* Words of the server whose cause is a setting of the file. */
static void hint(const tn__job *job, tn_error *err)
{
    bool inside = !tn__job_options(job)->no_transaction;

    if (!err || err->hint[0])
        return;
    if (inside && (strcmp(err->sqlstate, "25001") == 0 || strcmp(err->sqlstate, "2D000") == 0))
        tn_error_set_hint(err, "put transaction:false behind -- migrate:%s",
                          job->down ? "down" : "up");
    else if (job->database->dialect == TN__SQLITE && err->status != TN_TIMEOUT)
        tn__hint_sqlite(err);
    else if (err->status == TN_TIMEOUT)
        tn_error_set_hint(err, "statement-timeout:10min behind -- migrate:%s gives it more time",
                          job->down ? "down" : "up");
}

static tn_status fail_at(tn__job *job, tn_str sql, const tn_error *err, tn_status status)
{
    tn_migrate_problem *problem = tn__database_problem(job->database);

    problem->fault = status == TN_LOCKED ? TN_MIGRATE_LOCKED : TN_MIGRATE_SQL;
    tn__problem_migration(problem, job->migration);
    tn_migration_place(job->migration, sql, err ? err->position : 0, problem);
    return status;
}

/* Without its comments, so that a failure without a position names the line of its first word. */
static tn_str without_comments(tn_str sql)
{
    tn__lexer lexer;

    tn__lexer_init(&lexer, sql);
    tn__tok tok = tn__lexer_skip(&lexer);
    return tn__str(tok.text.ptr, (size_t)(sql.ptr + sql.len - tok.text.ptr));
}

static tn_status run_one(tn__job *job, tn_str sql, tn_error *err)
{
    tn_error local = TN_ERROR_INIT;

    sql = without_comments(sql);
    tn_status status = tn__database_check(job->database, err ? err : &local);
    if (status == TN_OK)
        status = tn__database_run(job->database, sql, err ? err : &local);
    if (status == TN_OK)
        return TN_OK;
    hint(job, err);
    return fail_at(job, sql, err ? err : &local, status);
}

tn_status tn__job_statement(tn__job *job, const tn__step *step, tn_error *err)
{
    return run_one(job, step->sql, err);
}

tn_status tn__job_group(tn__job *job, const tn__step *step, tn_error *err)
{
    tn__script script = {step->sql, step->line};
    tn_status status = TN_OK;
    tn_str sql;
    uint32_t line;

    while (status == TN_OK && tn__script_next(&script, &sql, &line)) {
        tn__stmt_word word = tn__sql_first_word(sql);
        if (word != TN__STMT_BEGIN && word != TN__STMT_COMMIT)
            status = run_one(job, sql, err);
    }
    return status;
}

/* ---- giving way ------------------------------------------------------------------------------ */

tn_status tn__job_again(tn__job *job, uint32_t attempt, tn_error *why)
{
    tn__database *database = job->database;
    tn_migrate_problem *problem = tn__database_problem(database);
    bool locked = why->status == TN_LOCKED;
    int64_t pause = FIRST_PAUSE_MS;
    char oldest[200];

    if (!locked && why->status != TN_SERIALIZATION)
        return why->status;
    tn__lock_oldest(database, oldest, sizeof(oldest));
    if (attempt >= database->options.lock_retries) {
        tn__problem_fault(problem, TN_MIGRATE_LOCKED);
        if (locked && oldest[0] && !why->hint[0])
            tn_error_set_hint(why, "the oldest other transaction: %s", oldest);
        return why->status;
    }
    for (uint32_t i = 0; i < attempt && pause < LONGEST_PAUSE_MS; i++)
        pause *= 2;
    tn__database_note(database, TN_MIGRATE_EVENT_RETRY, job->migration, "%s%s%s",
                      locked ? "a lock was not had in time" : why->message,
                      oldest[0] ? "; the oldest other transaction: " : "", oldest);
    return tn__database_sleep(database, tn__jitter(pause), why);
}

/* ---- the whole as one transaction ------------------------------------------------------------ */

/* What is recorded, and COMMIT with it. */
static tn_status conclude(tn__job *job, tn_error *err)
{
    tn__database *database = job->database;

    if (job->down)
        return tn__history_commit_delete(database, job->migration->version, err);
    return tn__history_commit_applied(database, job->migration, (uint32_t)job->steps.count,
                                      job->started_ns, err);
}

static tn_status run_steps(tn__job *job, tn_error *err)
{
    tn_status status = TN_OK;

    for (size_t i = 0; status == TN_OK && i < job->steps.count; i++)
        status = tn__job_statement(job, &job->steps.items[i], err);
    return status;
}

/* Between BEGIN and what is recorded. */
static tn_status work(tn__job *job, tn__foreign *foreign, tn_error *err)
{
    const tn_migration_options *options = tn__job_options(job);
    tn__database *database = job->database;
    tn_status status = TN_OK;

    if (options->lock_timeout_ms >= 0 || options->statement_timeout_ms >= 0)
        status = tn__database_timeouts(database, options->lock_timeout_ms,
                                       options->statement_timeout_ms, true, err);
    if (status == TN_OK)
        status = tn__foreign_count(database, foreign, err);
    if (status == TN_OK)
        status = run_steps(job, err);
    if (status == TN_OK && job->steps.sets)
        status = tn__database_restore(database, err);
    return status == TN_OK ? tn__foreign_check(database, foreign, err) : status;
}

/* A history that is not there yet is made with the first row: both or none. */
static tn_status still_ours(tn__job *job, bool *ret_changed, tn_error *err)
{
    bool unchanged = true;
    tn_status status = job->database->fresh ? tn__history_create(job->database, err) : TN_OK;

    if (status == TN_OK && !job->database->exclusive)
        status = tn__history_unchanged(job->database, job->history, &unchanged, err);
    *ret_changed = status == TN_OK && !unchanged;
    return status;
}

static tn_status attempt(tn__job *job, tn__foreign *foreign, bool *ret_changed, tn_error *err)
{
    tn__database *database = job->database;
    bool fresh = database->fresh;

    tn_status status = tn__lock_begin(database, err);
    if (status != TN_OK)
        return status;
    status = still_ours(job, ret_changed, err);
    if (status == TN_OK && !*ret_changed)
        status = work(job, foreign, err);
    if (status == TN_OK && !*ret_changed)
        status = conclude(job, err);
    else
        tn__database_rollback(database);
    if (status != TN_OK || *ret_changed)
        database->fresh = fresh;
    return status;
}

static void say_state(tn__job *job, const tn_error *err)
{
    tn_migrate_problem *problem = tn__database_problem(job->database);

    if (problem->fault == TN_MIGRATE_NO_FAULT)
        problem->fault = TN_MIGRATE_SQL;
    if (!problem->version[0])
        tn__problem_migration(problem, job->migration);
    if (problem->state[0])
        return;
    if (err && err->outcome == TN_OUTCOME_IN_DOUBT)
        tn__problem_state(problem,
                          "the connection broke while %s was being committed: the history "
                          "knows whether it was",
                          job->migration->version);
    else
        tn__problem_state(problem, "nothing of %s is left, what was %s before it stays",
                          job->migration->version, job->down ? "undone" : "applied");
    if (!problem->next[0])
        tn__problem_next(problem, "tenon migrate %s", job->down ? "down" : "deploy");
}

tn_status tn__apply_whole(tn__job *job, bool *ret_changed, tn_error *err)
{
    const tn_migration_options *options = tn__job_options(job);
    tn_error why = TN_ERROR_INIT;
    tn__foreign foreign;

    for (uint32_t n = 0;; n++) {
        tn_status status = tn__foreign_off(job->database, options->foreign_keys, job->steps.drops,
                                           &foreign, &why);
        if (status == TN_OK)
            status = attempt(job, &foreign, ret_changed, &why);
        tn__foreign_on(job->database, &foreign);
        if (status == TN_OK)
            return TN_OK;
        tn_migrate_problem before = *tn__database_problem(job->database);
        if (job->database->dialect != TN__SQLITE && tn__job_again(job, n, &why) == TN_OK) {
            tn__problem_clear(tn__database_problem(job->database));
            why = (tn_error)TN_ERROR_INIT;
            continue;
        }
        if (why.status == TN_CANCELLED)
            *tn__database_problem(job->database) = before;
        say_state(job, &why);
        if (err)
            *err = why;
        return why.status;
    }
}
