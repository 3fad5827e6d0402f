/* SPDX-License-Identifier: MIT */
/*
 * What the schema is meant to be: the text that was there when the last migration was done, kept in
 * a table beside the history (its name and "_schema"), so that drift is seen without another
 * database and can be told in words. One row.
 */
#ifndef TENON_MIGRATE_SNAPSHOT_H
#define TENON_MIGRATE_SNAPSHOT_H

#include <stdbool.h>

#include <tenon/schema.h>

#include "migrate/database.h"

enum { TN__SNAPSHOT_VERSION = 40 };

typedef struct tn__snapshot {
    char version[TN__SNAPSHOT_VERSION]; /* of the newest migration when it was taken, "" if none */
    char server[64];                    /* what wrote the text, "" unknown */
    bool exists;                        /* there is a row */
    tn_schema *expected; /* NULL: nothing is known: there is no row, or it is of another version */
    tn_schema *found;    /* what there is */
} tn__snapshot;

/* The newest version that is applied, "" if none. */
tn_status tn__newest_version(tn__database *database, char ret[TN__SNAPSHOT_VERSION], tn_error *err);

/* Reads both; a row of another version than the newest says nothing: a run was interrupted.
 * to_compare: what there is only where something is expected. */
tn_status tn__snapshot_take(tn__database *database, bool to_compare, tn__snapshot **ret,
                            tn_error *err);
/* The schema is not what the last migration left. */
bool tn__snapshot_drifted(const tn__snapshot *snapshot);
/*
 * In a transaction of its own: records what there is now as what is meant to be, but for what had
 * drifted before and that nobody has touched since: drift does not become right by the next
 * migration. before NULL: whatever there is, is right.
 */
tn_status tn__snapshot_save(tn__database *database, const tn__snapshot *before, tn_error *err);
/* NULL is fine. */
void tn__snapshot_free(tn__snapshot *snapshot);

/* Pure: what is expected after a change from `before` to `after`, when `expected` was meant to be
 * there before. */
tn_status tn__snapshot_merge(const tn_schema *expected, const tn_schema *before,
                             const tn_schema *after, tn_schema **ret, tn_error *err);

#endif
