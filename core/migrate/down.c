/* SPDX-License-Identifier: MIT */
/* Undoing, newest first: by the file's down block, or, where there is no file, by the recorded. */
#include <string.h>

#include <tenon/migrate.h>

#include "base/clock.h"
#include "base/str.h"
#include "migrate/apply.h"
#include "migrate/file.h"
#include "migrate/options.h"
#include "migrate/problem.h"
#include "migrate/run.h"

static bool can_undo(const tn_migrate_entry *e)
{
    return e->state == TN_MIGRATE_APPLIED || e->state == TN_MIGRATE_BASELINE ||
           e->state == TN_MIGRATE_UNDOING;
}

/* The newest that this run undoes; NULL: it is at its end. */
static const tn_migrate_entry *next_entry(const tn__migration_run *run)
{
    const tn_migrate_options *o = &run->database.options;
    uint32_t most = o->count ? o->count : o->to ? UINT32_MAX : 1;

    if (run->database.done >= most)
        return NULL;
    for (size_t i = run->status.count; i > 0; i--) {
        const tn_migrate_entry *e = &run->status.entries[i - 1];
        if (e->state == TN_MIGRATE_PENDING)
            continue;
        return o->to && tn_migration_compare(e->version, o->to) <= 0 ? NULL : e;
    }
    return NULL;
}

static tn_status refuse(tn__migration_run *run, const tn_migrate_entry *e, tn_error *err,
                        const char *text)
{
    tn_migrate_problem *problem = tn__database_problem(&run->database);

    tn__problem_fault(problem, TN_MIGRATE_REFUSED);
    tn__copy_text(problem->version, sizeof(problem->version), tn_str_from(e->version));
    tn__problem_migration(problem, e->migration);
    tn__problem_state(problem, "%s_%s is applied, as it was", e->version, e->name);
    return tn_error_set(err, TN_FAILED, NULL, "%s_%s %s", e->version, e->name, text);
}

/* The row's own text as if it were a file's. */
static tn_status from_row(const tn_migrate_entry *e, tn_migration *ret, tn_error *err)
{
    tn_str text = tn_str_from(e->down_sql);
    const char *end = memchr(text.ptr, '\n', text.len);

    tn_status status = tn__file_options(text, &ret->down_options, err);
    if (status != TN_OK)
        return status;
    if (tn__str_starts(text, TN__STR("-- migrate:down")))
        text = end ? tn__str(end, (size_t)(text.ptr + text.len - end)) : (tn_str){"", 0};
    ret->down = text;
    ret->up_options.irreversible = ret->down_options.irreversible;
    return TN_OK;
}

static tn_status migration_of(tn__migration_run *run, const tn_migrate_entry *e, tn_migration *ret,
                              tn_error *err)
{
    const tn_migration *m = e->migration;

    if (m && (m->down_file || m->up_options.irreversible)) {
        *ret = *m;
    } else {
        *ret = (tn_migration){
            .version = e->version,
            .name = e->name,
            .file = "the recorded down block",
            .down_file = e->down_sql ? "the recorded down block" : NULL,
            .up = {"", 0},
            .down = {"", 0},
            .up_options = TN__MIGRATION_OPTIONS_INIT,
            .down_options = TN__MIGRATION_OPTIONS_INIT,
        };
        tn_status status = e->down_sql ? from_row(e, ret, err) : TN_OK;
        if (status != TN_OK)
            return status;
    }
    if (ret->up_options.irreversible)
        return refuse(run, e, err, "is irreversible:true");
    if (!ret->down_file && !(m && m->skipped))
        return refuse(run, e, err, "has no -- migrate:down block, in its file or recorded");
    return TN_OK;
}

static tn_status undo(tn__migration_run *run, const tn_migrate_entry *e, bool *ret_changed,
                      tn_error *err)
{
    tn_migration migration;
    tn__job job;

    if (!can_undo(e))
        return refuse(run, e, err, "is not at its end: deploy it, or undo it by hand and repair");
    tn_status status = migration_of(run, e, &migration, err);
    if (status == TN_OK && run->database.pooled && migration.down_options.no_transaction)
        status = refuse(run, e, err,
                        "has a down with transaction:false, and a pooler that keeps no session is "
                        "between here and the server");
    if (status == TN_OK)
        status = tn__job_prepare(&job, &run->database, &migration, true, err);
    if (status != TN_OK)
        return status;
    if (job.steps.count == 0 && !(e->migration && e->migration->skipped))
        tn__database_note(&run->database, TN_MIGRATE_EVENT_NOTE, &migration,
                          "%s_%s: its -- migrate:down has no statement, so nothing is run",
                          e->version, e->name);
    job.history = &run->status.history;
    job.row = tn__history_find(&run->status.history, e->version);
    status = tn__job_run(&job, ret_changed, err);
    tn__job_free(&job);
    return status;
}

static tn_status check_to(tn__migration_run *run, tn_error *err)
{
    const char *to = run->database.options.to;

    if (!to || tn_migration_compare(to, "0") == 0 || tn__history_find(&run->status.history, to))
        return TN_OK;
    tn__problem_fault(tn__database_problem(&run->database), TN_MIGRATE_USAGE);
    return tn_error_set(err, TN_CONFIG, NULL, "version %s is not in the history", to);
}

static tn_status undo_all(tn__migration_run *run, tn_error *err)
{
    tn_status status = check_to(run, err);
    const tn_migrate_entry *e;

    if (status == TN_OK && next_entry(run))
        tn__run_watch_schema(run);

    while (status == TN_OK && (e = next_entry(run))) {
        bool changed = false;
        status = undo(run, e, &changed, err);
        if (status == TN_OK)
            status = tn__run_read(run, err);
    }
    return status;
}

tn_status tn_migrate_down(tn_db *client, const tn_migrations *migrations,
                          const tn_migrate_options *options, tn_migrate_result *ret_result,
                          tn_error *err)
{
    int64_t began = tn__now_ns();
    tn__migration_run run;

    tn_status status = tn__run_open(&run, client, migrations, options, err);
    if (status != TN_OK)
        return status;
    status = undo_all(&run, err);
    if (run.database.done > 0 && status != TN_LOST)
        tn__run_remember_schema(&run);
    tn__run_result(&run, began, ret_result);
    return tn__run_close(&run, status);
}
