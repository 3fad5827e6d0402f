/* SPDX-License-Identifier: MIT */
#include "migrate/status.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "migrate/problem.h"

enum { BYTES_MAX = 1 << 30 };

/* ---- merging --------------------------------------------------------------------------------- */

static tn_migrate_entry from_file(const tn_migration *m)
{
    return (tn_migrate_entry){
        .version = m->version, .name = m->name, .migration = m, .state = TN_MIGRATE_PENDING};
}

static tn_migrate_entry from_row(const tn__row *row, const tn_migration *m)
{
    return (tn_migrate_entry){
        .version = row->version,
        .name = row->name,
        .migration = m,
        .state = row->state,
        .edited = m && !m->missing && !m->squashes && strcmp(m->checksum, row->checksum) != 0,
        .checksum = row->checksum,
        .driver = row->driver,
        .schema_hash = row->schema_hash,
        .down_sql = row->down_sql,
        .tool = row->tool,
        .who = row->who,
        .note = row->note,
        .step = row->step,
        .started_at = row->started_at,
        .finished_at = row->finished_at,
        .duration_us = row->duration_us,
    };
}

/* What comes next of two ordered lists. */
static tn_migrate_entry next_entry(const tn_migrations *migrations, const tn__history *history,
                                   size_t *file, size_t *row)
{
    const tn_migration *m = migrations ? tn_migrations_at(migrations, *file) : NULL;
    const tn__row *r = *row < history->count ? &history->rows[*row] : NULL;
    int order = !m ? 1 : !r ? -1 : tn_migration_compare(m->version, r->version);

    if (order <= 0)
        (*file)++;
    if (order >= 0)
        (*row)++;
    return order < 0 ? from_file(m) : from_row(r, order == 0 ? m : NULL);
}

/* From the newest down: what is pending below one that is applied is out of order. */
static void mark_order(tn_migrate_status *status)
{
    bool applied_above = false;

    for (size_t i = status->count; i > 0; i--) {
        tn_migrate_entry *e = &status->entries[i - 1];
        if (e->state != TN_MIGRATE_PENDING) {
            applied_above = true;
            continue;
        }
        status->pending++;
        e->out_of_order = applied_above;
    }
}

/* Rows that a squashed file stands for: they are not missed once its own version is applied. */
static void mark_squashed(tn_migrate_status *status)
{
    for (size_t i = 0; i < status->count; i++) {
        const tn_migrate_entry *e = &status->entries[i];
        if (!e->migration || !e->migration->squashes || e->state == TN_MIGRATE_PENDING)
            continue;
        for (size_t k = 0; k < i; k++) {
            tn_migrate_entry *earlier = &status->entries[k];
            if (!earlier->migration &&
                tn_migration_compare(earlier->version, e->migration->squashes) >= 0)
                earlier->squashed = true;
        }
    }
}

tn_status tn__status_read(tn__database *database, const tn_migrations *migrations,
                          tn_migrate_status *status, tn_error *err)
{
    size_t files = migrations ? tn_migrations_count(migrations) : 0, file = 0, row = 0;

    tn__arena_reset(&status->arena);
    status->count = status->pending = 0;
    tn_status result = tn__history_read(database, &status->arena, &status->history, err);
    if (result != TN_OK)
        return result;
    status->entries = tn__arena_array(&status->arena, files + status->history.count + 1,
                                      sizeof(*status->entries));
    if (!status->entries)
        return tn_error_set(err, TN_NOMEM, NULL, "out of memory");
    while (file < files || row < status->history.count)
        status->entries[status->count++] = next_entry(migrations, &status->history, &file, &row);
    mark_order(status);
    mark_squashed(status);
    return TN_OK;
}

tn_migrate_status *tn_migrate_look(tn_db *client, const tn_migrations *migrations,
                                   const tn_migrate_options *options, tn_error *err)
{
    tn_migrate_status *status = calloc(1, sizeof(*status));
    tn__database database;

    if (!status) {
        (void)tn_error_set(err, TN_NOMEM, NULL, "out of memory");
        return NULL;
    }
    tn__arena_init(&status->arena, BYTES_MAX);
    tn_status result = tn__database_open(&database, client, options, err);
    if (result == TN_OK) {
        result = tn__status_read(&database, migrations, status, err);
        if (result != TN_OK)
            tn__problem_fault(tn__database_problem(&database), TN_MIGRATE_SQL);
        tn__database_close(&database);
    }
    if (result == TN_OK)
        return status;
    tn_migrate_status_free(status);
    return NULL;
}

size_t tn_migrate_status_count(const tn_migrate_status *status)
{
    return status->count;
}

size_t tn_migrate_status_pending(const tn_migrate_status *status)
{
    return status->pending;
}

const tn_migrate_entry *tn_migrate_status_at(const tn_migrate_status *status, size_t i)
{
    return i < status->count ? &status->entries[i] : NULL;
}

void tn_migrate_status_free(tn_migrate_status *status)
{
    if (!status)
        return;
    tn__arena_free(&status->arena);
    free(status);
}

/* ---- what is wrong --------------------------------------------------------------------------- */

static bool is_applied(const tn_migrate_entry *e)
{
    return e->state == TN_MIGRATE_APPLIED || e->state == TN_MIGRATE_BASELINE;
}

static tn_status fail(tn_migrate_problem *problem, const tn_migrate_entry *e,
                      tn_migrate_fault fault)
{
    tn__problem_fault(problem, fault);
    tn__problem_migration(problem, e->migration);
    if (problem && !e->migration)
        tn__copy_text(problem->version, sizeof(problem->version), tn_str_from(e->version));
    tn__problem_state(problem, "nothing was changed by this run");
    return TN_FAILED;
}

static tn_status edited(const tn_migrate_entry *e, tn_migrate_problem *problem, tn_error *err)
{
    fail(problem, e, TN_MIGRATE_EDITED);
    tn__problem_next(problem, "tenon migrate repair %s --accept-checksum", e->version);
    tn_error_set(err, TN_FAILED, NULL,
                 "%s was changed after it had been applied (recorded %.12s, the file now %.12s)",
                 e->migration->file, e->checksum, e->migration->checksum);
    tn_error_set_hint(err, "put it back as it was and write a new migration; or, if the change "
                           "means nothing (a comment, layout), accept it");
    return TN_FAILED;
}

static tn_status missing(const tn_migrate_entry *e, tn_migrate_problem *problem, tn_error *err)
{
    fail(problem, e, TN_MIGRATE_MISSING);
    tn__problem_next(problem, "tenon migrate repair %s --rolled-back", e->version);
    tn_error_set(err, TN_FAILED, NULL, "%s_%s is applied, but there is no file of it", e->version,
                 e->name);
    tn_error_set_hint(err, "get the file back from version control; or undo it with tenon migrate "
                           "down (its down is recorded); or forget its row");
    return TN_FAILED;
}

static tn_status out_of_order(const tn_migrate_entry *e, const tn_migrate_entry *newest,
                              tn_migrate_problem *problem, tn_error *err)
{
    fail(problem, e, TN_MIGRATE_OUT_OF_ORDER);
    tn__problem_next(problem, "tenon migrate deploy --out-of-order");
    tn_error_set(err, TN_FAILED, NULL, "%s is pending, but %s_%s, which is newer, is applied",
                 e->migration->file, newest->version, newest->name);
    tn_error_set_hint(err,
                      "two branches were merged: rename the file to a version after %s, or, "
                      "if it needs nothing of what came later, apply it as it is",
                      newest->version);
    return TN_FAILED;
}

static tn_status diverged(const tn_migrate_entry *lost, const tn_migrate_entry *pending,
                          tn_migrate_problem *problem, tn_error *err)
{
    fail(problem, lost, TN_MIGRATE_DIVERGED);
    tn__problem_next(problem, "git merge the branch that has %s; then tenon migrate status",
                     lost->version);
    tn_error_set(err, TN_FAILED, NULL,
                 "another branch was migrated here: %s_%s is applied and has no file, %s is a file "
                 "and older, and not applied",
                 lost->version, lost->name, pending->migration->file);
    tn_error_set_hint(err, "bring the other branch's files here (merge it); or take its migrations "
                           "back with tenon migrate down, and deploy");
    return TN_FAILED;
}

static tn_status unfinished(const tn_migrate_entry *e, tn_migrate_problem *problem, tn_error *err)
{
    fail(problem, e, TN_MIGRATE_UNFINISHED);
    tn__problem_state(problem, "%u of its statements are done", e->step);
    bool undoing = e->state == TN_MIGRATE_UNDOING;
    tn__problem_next(problem, undoing ? "tenon migrate down" : "tenon migrate deploy");
    tn_error_set(err, TN_FAILED, NULL, "%s_%s is %s%s%s", e->version, e->name,
                 undoing ? "being undone and is not at its end" : "begun and not at its end",
                 e->note ? ": " : "", e->note ? e->note : "");
    return TN_FAILED;
}

static tn_status no_variant(const tn_migrate_entry *e, tn_migrate_problem *problem, tn_error *err)
{
    fail(problem, e, TN_MIGRATE_FILES);
    tn_error_set(err, TN_CONFIG, NULL, "%s_%s has nothing for this driver (%s)", e->version,
                 e->name, e->migration->file);
    tn_error_set_hint(err, "write its variant, or say why there is none: -- migrate:skip "
                           "driver:NAME reason:TEXT");
    return TN_CONFIG;
}

/* Some of what a squashed file stands for is applied, its end is not. */
static tn_status half_squashed(const tn_migrate_entry *squash, const tn_migrate_entry *row,
                               tn_migrate_problem *problem, tn_error *err)
{
    fail(problem, squash, TN_MIGRATE_DIVERGED);
    tn__problem_next(problem, "tenon migrate deploy --to %s, with the files of before the squash",
                     squash->version);
    tn_error_set(err, TN_FAILED, NULL,
                 "%s stands for the versions from %s on, of which %s_%s is applied, but not the "
                 "last one",
                 squash->migration->file, squash->migration->squashes, row->version, row->name);
    tn_error_set_hint(err, "deploy the release before the squash here first");
    return TN_FAILED;
}

static const tn_migrate_entry *find_half_squashed(const tn_migrate_status *status,
                                                  const tn_migrate_entry *missing)
{
    for (size_t i = 0; i < status->count; i++) {
        const tn_migrate_entry *e = &status->entries[i];
        if (e->state == TN_MIGRATE_PENDING && e->migration && e->migration->squashes &&
            tn_migration_compare(missing->version, e->migration->squashes) >= 0 &&
            tn_migration_compare(missing->version, e->version) < 0)
            return e;
    }
    return NULL;
}

/* What was found on the way. */
typedef struct findings {
    const tn_migrate_entry *edited, *missing, *late, *newest, *unfinished, *no_variant;
} findings;

static void look_at(const tn_migrate_entry *e, findings *f)
{
    if (e->edited && is_applied(e) && !f->edited)
        f->edited = e;
    if (!e->migration && !e->squashed && is_applied(e) && !f->missing)
        f->missing = e;
    if (e->out_of_order && !f->late)
        f->late = e;
    if (is_applied(e))
        f->newest = e;
    if (e->state == TN_MIGRATE_UNDOING || (!is_applied(e) && e->state != TN_MIGRATE_PENDING &&
                                           (!e->migration || e->migration->missing)))
        f->unfinished = f->unfinished ? f->unfinished : e;
    if (e->state == TN_MIGRATE_PENDING && e->migration->missing && !f->no_variant)
        f->no_variant = e;
}

tn_status tn_migrate_status_check(const tn_migrate_status *status,
                                  const tn_migrate_options *options, tn_error *err)
{
    tn_migrate_problem *problem = options ? options->problem : NULL;
    bool any_order = options && options->out_of_order;
    findings f = {0};

    for (size_t i = 0; i < status->count; i++)
        look_at(&status->entries[i], &f);
    if (f.unfinished)
        return unfinished(f.unfinished, problem, err);
    const tn_migrate_entry *squash = f.missing ? find_half_squashed(status, f.missing) : NULL;
    if (squash)
        return half_squashed(squash, f.missing, problem, err);
    if (f.missing && f.late)
        return diverged(f.missing, f.late, problem, err);
    if (f.missing)
        return missing(f.missing, problem, err);
    if (f.edited)
        return edited(f.edited, problem, err);
    if (f.late && !any_order)
        return out_of_order(f.late, f.newest, problem, err);
    return f.no_variant ? no_variant(f.no_variant, problem, err) : TN_OK;
}
