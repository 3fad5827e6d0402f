/* SPDX-License-Identifier: MIT */
/* Applying what is pending. */
#include <string.h>

#include <tenon/migrate.h>

#include "base/clock.h"
#include "base/str.h"
#include "migrate/apply.h"
#include "migrate/other.h"
#include "migrate/problem.h"
#include "migrate/run.h"

static bool is_to_run(const tn_migrate_entry *e)
{
    return e->state == TN_MIGRATE_PENDING || e->state == TN_MIGRATE_RUNNING ||
           e->state == TN_MIGRATE_FAILED;
}

/* Those of this run: pending or halfway, at most as many as are wanted, not past a version. */
static bool is_wanted(const tn__migration_run *run, const tn_migrate_entry *e, uint32_t before)
{
    const tn_migrate_options *o = &run->database.options;

    return is_to_run(e) && (!o->count || before < o->count) &&
           (!o->to || tn_migration_compare(e->version, o->to) <= 0);
}

static tn_status check_version(tn__migration_run *run, tn_error *err)
{
    const char *to = run->database.options.to;

    if (!to || tn_migrations_find(run->migrations, to))
        return TN_OK;
    tn__problem_fault(tn__database_problem(&run->database), TN_MIGRATE_USAGE);
    return tn_error_set(err, TN_CONFIG, NULL, "there is no migration %s", to);
}

static tn_status refuse_pooled(tn__migration_run *run, const tn_migration *m, tn_error *err)
{
    tn_migrate_problem *problem = tn__database_problem(&run->database);

    tn__problem_fault(problem, TN_MIGRATE_REFUSED);
    tn__problem_migration(problem, m);
    tn__problem_state(problem, "nothing was changed by this run");
    tn__problem_next(problem, "tenon migrate deploy --url postgresql://... of the server itself");
    tn_error_set(err, TN_UNSUPPORTED, NULL,
                 "%s has transaction:false, and between here and the server is a pooler that keeps "
                 "no session",
                 m->file);
    tn_error_set_hint(err, "connect to the server itself for this, or put prepare=on into the URL "
                           "if the pooler keeps sessions");
    return TN_UNSUPPORTED;
}

/* All that can be known before the first change, of every file that this run would apply. */
static tn_status inspect(tn__migration_run *run, tn_error *err)
{
    tn_status status = check_version(run, err);
    uint32_t total = 0;
    tn__job job;

    for (size_t i = 0; status == TN_OK && i < run->status.count; i++) {
        const tn_migrate_entry *e = &run->status.entries[i];
        if (!is_wanted(run, e, run->database.done + total))
            continue;
        total++;
        if (run->database.pooled && e->migration->up_options.no_transaction)
            return refuse_pooled(run, e->migration, err);
        status = tn__job_prepare(&job, &run->database, e->migration, false, err);
        if (status == TN_OK)
            tn__job_free(&job);
    }
    run->database.total = run->database.done + total;
    return status;
}

static tn_status check(tn__migration_run *run, tn_error *err)
{
    tn_migrate_options options = run->database.options;

    options.problem = tn__database_problem(&run->database);
    tn_status status = tn_migrate_status_check(&run->status, &options, err);
    if (status == TN_OK && run->status.history.count == 0 && run->status.pending > 0 &&
        run->database.others)
        status = tn__other_refuse(&run->database, err);
    if (status == TN_OK)
        status = inspect(run, err);
    if (status == TN_OK && run->database.total > run->database.done)
        tn__run_watch_schema(run);
    return status;
}

/* What was read is still true after a migration of ours. */
static void follow(tn__migration_run *run, tn_migrate_entry *e, size_t steps)
{
    e->state = TN_MIGRATE_APPLIED;
    run->status.history.stamp_count++;
    run->status.history.stamp_applied++;
    run->status.history.stamp_steps += (int64_t)steps;
}

/* *ret_changed: the history has to be read anew before the next one. */
static tn_status apply(tn__migration_run *run, tn_migrate_entry *e, bool *ret_changed,
                       tn_error *err)
{
    bool stepwise = e->migration->up_options.no_transaction || e->state != TN_MIGRATE_PENDING;
    tn__job job;

    tn_status status = tn__job_prepare(&job, &run->database, e->migration, false, err);
    if (status != TN_OK)
        return status;
    job.history = &run->status.history;
    if (e->state != TN_MIGRATE_PENDING)
        job.row = tn__history_find(&run->status.history, e->version);
    status = tn__job_run(&job, ret_changed, err);
    if (status == TN_OK && !*ret_changed) {
        if (stepwise && !run->database.exclusive)
            *ret_changed = true;
        follow(run, e, job.steps.count);
    }
    tn__job_free(&job);
    return status;
}

static tn_status apply_all(tn__migration_run *run, tn_error *err)
{
    tn_status status = check(run, err);
    bool changed = false;

    while (status == TN_OK) {
        for (size_t i = 0; status == TN_OK && !changed && i < run->status.count; i++)
            if (is_wanted(run, &run->status.entries[i], run->database.done))
                status = apply(run, &run->status.entries[i], &changed, err);
        if (status != TN_OK || !changed)
            break;
        changed = false;
        status = tn__run_read(run, err);
        if (status == TN_OK)
            status = check(run, err);
    }
    return status;
}

tn_status tn_migrate_deploy(tn_db *client, const tn_migrations *migrations,
                            const tn_migrate_options *options, tn_migrate_result *ret_result,
                            tn_error *err)
{
    int64_t began = tn__now_ns();
    tn__migration_run run;
    tn_migrate_result result;

    tn_status status = tn__run_open(&run, client, migrations, options, err);
    if (status != TN_OK)
        return status;
    status = apply_all(&run, err);
    if (run.database.done > 0 && status != TN_LOST)
        tn__run_remember_schema(&run);
    tn__run_result(&run, began, &result);
    result.already -= result.applied < result.already ? result.applied : result.already;
    if (ret_result)
        *ret_result = result;
    return tn__run_close(&run, status);
}

tn_status tn_migrate_up(tn_db *client, const tn_migration_files *files,
                        const tn_migrate_options *options, tn_error *err)
{
    tn_migrate_problem *problem = options && options->size >= sizeof(*options) ? options->problem
                                                                               : NULL;
    const char *driver = tn_db_driver(client), *around = driver ? strrchr(driver, '+') : NULL;
    tn_migrations *set = tn_migrations_embedded(files,
                                                around   ? around + 1
                                                : driver ? driver
                                                         : "",
                                                problem, err);

    if (!set)
        return TN_CONFIG;
    tn_status status = tn_migrate_deploy(client, set, options, NULL, err);
    tn_migrations_free(set);
    return status;
}
