/* SPDX-License-Identifier: MIT */
/* Taking over a database that was migrated before, by hand or by another tool. */
#include <string.h>

#include <tenon/migrate.h>

#include "base/clock.h"
#include "base/str.h"
#include "migrate/lock.h"
#include "migrate/other.h"
#include "migrate/problem.h"
#include "migrate/run.h"

typedef struct baseline {
    tn__migration_run run;
    tn__other from;
    tn__other_versions versions;
    int64_t began_ns;
} baseline;

static tn_status refuse(baseline *b, tn_error *err, const char *text, const char *version)
{
    tn_migrate_problem *problem = tn__database_problem(&b->run.database);

    tn__problem_fault(problem, TN_MIGRATE_REFUSED);
    tn__problem_state(problem, "nothing was recorded");
    return tn_error_set(err, TN_FAILED, NULL, "version %s: %s", version, text);
}

static tn_status usage(baseline *b, tn_error *err, const char *text, const char *word)
{
    tn__problem_fault(tn__database_problem(&b->run.database), TN_MIGRATE_USAGE);
    return tn_error_set(err, TN_CONFIG, NULL, "\"%s\": %s", word, text);
}

/* Is the version of one of the files among what was applied? */
static bool is_in(const baseline *b, const char *version)
{
    const char *to = b->run.database.options.to;

    if (to && tn_migration_compare(version, to) > 0)
        return false;
    if (b->from == TN__OTHER_NONE)
        return true;
    if (b->versions.upto && tn_migration_compare(version, b->versions.upto) <= 0)
        return true;
    for (size_t i = 0; i < b->versions.count; i++)
        if (tn_migration_compare(version, b->versions.items[i]) == 0)
            return true;
    return false;
}

/* What the other tool has applied must be here as a file: else deploy would find it missing, or do
 * it again under another name. */
static tn_status check_files(baseline *b, tn_error *err)
{
    for (size_t i = 0; i < b->versions.count; i++)
        if (!tn_migrations_find(b->run.migrations, b->versions.items[i]))
            return refuse(b, err, "applied, but there is no file of it here", b->versions.items[i]);
    return TN_OK;
}

/* A second baseline after one that was interrupted, or after more files came, adds what lacks. One
 * that would put versions below what is applied is no baseline. */
static tn_status check_history(baseline *b, tn_error *err)
{
    const tn__history *history = &b->run.status.history;

    for (size_t i = 0; i < history->count; i++)
        if (history->rows[i].state != TN_MIGRATE_BASELINE)
            return refuse(
                b, err,
                "applied by tenon: a baseline is for a database that it has not migrated yet",
                history->rows[i].version);
    return TN_OK;
}

static tn_status record(baseline *b, const tn_migration *m, tn_error *err)
{
    if (!is_in(b, m->version) || tn__history_find(&b->run.status.history, m->version))
        return TN_OK;
    tn_status status = tn__history_insert(&b->run.database, m, TN_MIGRATE_BASELINE, 0, b->began_ns,
                                          err);
    b->run.database.done += status == TN_OK;
    return status;
}

static tn_status record_all(baseline *b, tn_error *err)
{
    tn__database *database = &b->run.database;
    tn_status status = tn__lock_begin(database, err);

    if (status != TN_OK)
        return status;
    if (database->fresh)
        status = tn__history_create(database, err);
    for (size_t i = 0; status == TN_OK && i < tn_migrations_count(b->run.migrations); i++)
        status = record(b, tn_migrations_at(b->run.migrations, i), err);
    if (status == TN_OK)
        return tn__database_commit(database, err);
    tn__database_rollback(database);
    b->run.database.done = 0;
    return status;
}

static tn_status run(baseline *b, const char *from, tn_error *err)
{
    const char *to = b->run.database.options.to;

    b->from = from ? tn__other_find(from) : TN__OTHER_NONE;
    if (from && b->from == TN__OTHER_NONE)
        return usage(b, err, "not one of dbmate, prisma, flyway, golang-migrate", from);
    if (to && !tn_migrations_find(b->run.migrations, to))
        return usage(b, err, "there is no migration of this version", to);
    tn_status status = check_history(b, err);
    if (status == TN_OK && from) {
        status = tn__other_read(&b->run.database, b->from, &b->run.database.arena, &b->versions,
                                err);
        if (status == TN_FAILED)
            tn__problem_fault(tn__database_problem(&b->run.database), TN_MIGRATE_REFUSED);
    }
    if (status == TN_OK)
        status = check_files(b, err);
    if (status == TN_OK)
        tn__run_watch_schema(&b->run);
    return status == TN_OK ? record_all(b, err) : status;
}

tn_status tn_migrate_baseline(tn_db *client, const tn_migrations *migrations, const char *from,
                              const tn_migrate_options *options, tn_migrate_result *ret_result,
                              tn_error *err)
{
    baseline b = {.began_ns = tn__now_ns()};

    tn_status status = tn__run_open(&b.run, client, migrations, options, err);
    if (status != TN_OK)
        return status;
    status = run(&b, from, err);
    if (status == TN_OK && b.run.database.done)
        tn__run_remember_schema(&b.run);
    if (status == TN_OK)
        status = tn__run_read(&b.run, err);
    if (status == TN_OK)
        tn__run_result(&b.run, b.began_ns, ret_result);
    return tn__run_close(&b.run, status);
}
