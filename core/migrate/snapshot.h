/* SPDX-License-Identifier: MIT */
/*
 * What the schema is meant to be: the text that was there when the last migration was done, kept in
 * a table beside the history, so that drift is seen without another database and can be told in
 * words. One row. Used under the lock of migrations but for tn__snapshot_read().
 */
#ifndef TENON_MIGRATE_SNAPSHOT_H
#define TENON_MIGRATE_SNAPSHOT_H

#include <stdbool.h>

#include <tenon/db.h>
#include <tenon/schema.h>

typedef struct tn__snapshot {
    char version[32];    /* of the newest migration when it was taken, "" if none */
    char server[64];     /* what wrote the text, "" unknown */
    tn_schema *expected; /* NULL: nothing is known: there is no row, or it is of another version */
    tn_schema *found;    /* what there is */
    char *name;          /* of the table */
    char *table;         /* the same, quoted */
    bool exists;         /* the table does */
} tn__snapshot;

/* Reads both. history is the history's table, version the newest that is applied ("" if none): a
 * row of another version says nothing, a run was interrupted. */
tn_status tn__snapshot_take(tn_db *session, const char *history, const char *version,
                            tn__snapshot **ret, tn_error *err);
/* The schema is not what the last migration left. */
bool tn__snapshot_drifted(const tn__snapshot *snapshot);
/*
 * Records what there is now as what is meant to be, but for what had drifted before (found) and
 * that nobody has touched since: drift does not become right by the next migration. ret_hash (may
 * be NULL): the fingerprint of what was recorded.
 */
tn_status tn__snapshot_save(tn_db *session, const tn__snapshot *before, const char *version,
                            char ret_hash[TN_SCHEMA_FINGERPRINT], tn_error *err);
/* The same without a look at what was before: whatever there is, is right. */
tn_status tn__snapshot_accept(tn_db *session, const tn__snapshot *before, const char *version,
                              tn_error *err);
/* NULL is fine. */
void tn__snapshot_free(tn__snapshot *snapshot);

/* Pure: what is expected after a change from `before` to `after`, when `expected` was meant to be
 * there before. */
tn_status tn__snapshot_merge(const tn_schema *expected, const tn_schema *before,
                             const tn_schema *after, tn_schema **ret, tn_error *err);

#endif
