/* SPDX-License-Identifier: MIT */
/* Changing the history alone, where a person knows better. */
#include <tenon/migrate.h>

#include "base/clock.h"
#include "base/str.h"
#include "migrate/lock.h"
#include "migrate/problem.h"
#include "migrate/run.h"

typedef struct repair {
    tn__migration_run run;
    const char *version;
    tn_migrate_mend mend;
    const tn__row *row;            /* NULL: none */
    const tn_migration *migration; /* NULL: no file */
} repair;

static tn_status refuse(repair *r, tn_error *err, const char *text)
{
    tn_migrate_problem *problem = tn__database_problem(&r->run.database);

    tn__problem_fault(problem, TN_MIGRATE_REFUSED);
    tn__copy_text(problem->version, sizeof(problem->version), tn_str_from(r->version));
    tn__problem_state(problem, "the history is as it was");
    return tn_error_set(err, TN_FAILED, NULL, "version %s %s", r->version, text);
}

static bool is_applied(const tn__row *row)
{
    return row->state == TN_MIGRATE_APPLIED || row->state == TN_MIGRATE_BASELINE;
}

static tn_status mark_applied(repair *r, tn_error *err)
{
    tn__database *database = &r->run.database;

    if (r->row && is_applied(r->row))
        return refuse(r, err, "is recorded as applied already");
    if (r->row)
        return tn__history_finish(database, r->row->version, 0, err);
    if (!r->migration)
        return refuse(r, err, "has neither a file nor a row");
    return tn__history_insert(database, r->migration, TN_MIGRATE_BASELINE, 0, tn__now_ns(), err);
}

static tn_status mark_pending(repair *r, tn_error *err)
{
    if (!r->row)
        return refuse(r, err, "is not in the history");
    return tn__history_delete(&r->run.database, r->row->version, err);
}

static tn_status accept_checksum(repair *r, tn_error *err)
{
    if (!r->row)
        return refuse(r, err, "is not in the history");
    if (!r->migration || r->migration->missing)
        return refuse(r, err, "has no file");
    return tn__history_accept(&r->run.database, r->migration, err);
}

/* The statement that was interrupted: behind it, or before it. */
static tn_status set_step(repair *r, bool done, tn_error *err)
{
    bool changed = false;

    if (!r->row || is_applied(r->row))
        return refuse(r, err, "is not halfway");
    tn__place from = {r->row->state, r->row->step};
    tn__place to = {r->row->state == TN_MIGRATE_UNDOING ? TN_MIGRATE_UNDOING : TN_MIGRATE_FAILED,
                    r->row->step + (done ? 1 : 0)};
    tn_status status = tn__history_move(&r->run.database, r->row->version, &from, &to, NULL,
                                        &changed, err);
    if (status == TN_OK && !changed)
        return refuse(r, err, "was changed by another one meanwhile");
    return status;
}

static tn_status mend(repair *r, tn_error *err)
{
    switch (r->mend) {
    case TN_MIGRATE_MARK_APPLIED: return mark_applied(r, err);
    case TN_MIGRATE_MARK_PENDING: return mark_pending(r, err);
    case TN_MIGRATE_ACCEPT_CHECKSUM: return accept_checksum(r, err);
    case TN_MIGRATE_STEP_DONE: return set_step(r, true, err);
    case TN_MIGRATE_STEP_AGAIN: return set_step(r, false, err);
    }
    return tn_error_set(err, TN_MISUSE, NULL, "no such way to repair: %d", (int)r->mend);
}

static tn_status run(repair *r, tn_error *err)
{
    tn__database *database = &r->run.database;
    tn_status status = tn__lock_begin(database, err);

    if (status != TN_OK)
        return status;
    if (database->fresh)
        status = tn__history_create(database, err);
    /* Within the transaction: without a lock of the whole run it may have changed. */
    if (status == TN_OK)
        status = tn__status_read(database, r->run.migrations, &r->run.status, err);
    if (status == TN_OK) {
        r->row = tn__history_find(&r->run.status.history, r->version);
        r->migration = r->run.migrations ? tn_migrations_find(r->run.migrations, r->version) : NULL;
        status = mend(r, err);
    }
    if (status == TN_OK)
        return tn__database_commit(database, err);
    tn__database_rollback(database);
    return status;
}

tn_status tn_migrate_repair(tn_db *client, const tn_migrations *migrations, const char *version,
                            tn_migrate_mend mend, const tn_migrate_options *options, tn_error *err)
{
    repair r = {.version = version, .mend = mend};

    tn_status status = tn__run_open(&r.run, client, migrations, options, err);
    if (status != TN_OK)
        return status;
    return tn__run_close(&r.run, run(&r, err));
}
