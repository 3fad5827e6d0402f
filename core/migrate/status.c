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
