/* SPDX-License-Identifier: MIT */
/* The table of what was applied. Changes are made within the caller's transaction, if there is one.
 */
#ifndef TENON_MIGRATE_HISTORY_H
#define TENON_MIGRATE_HISTORY_H

#include "migrate/database.h"

typedef struct tn__row {
    const char *version, *name, *driver, *checksum;
    tn_migrate_state state;
    uint32_t step;
    tn_time started_at, finished_at;
    int64_t duration_us;
    const char *schema_hash, *down_sql, *tool, *who, *note; /* NULL: none */
} tn__row;

/* All rows in order of versions, and what tells whether another one changed them since. */
typedef struct tn__history {
    tn__row *rows;
    size_t count;
    int64_t stamp_count, stamp_steps, stamp_applied;
} tn__history;

tn_status tn__history_create(tn__database *database, tn_error *err);
/* Into the arena. Of a database without the table: no rows. */
tn_status tn__history_read(tn__database *database, tn__arena *arena, tn__history *ret,
                           tn_error *err);
const tn__row *tn__history_find(const tn__history *history, const char *version);
/* Is the table still what was read? In a transaction that has the lock. */
tn_status tn__history_unchanged(tn__database *database, const tn__history *history, bool *ret,
                                tn_error *err);

/* A row of a migration; started_ns: since when the clock runs. */
tn_status tn__history_insert(tn__database *database, const tn_migration *migration,
                             tn_migrate_state state, uint32_t step, int64_t started_ns,
                             tn_error *err);
tn_status tn__history_delete(tn__database *database, const char *version, tn_error *err);
/* The same for one that is applied, or undone, and the end of its transaction with it: see
 * tn__database_finish(). */
tn_status tn__history_commit_applied(tn__database *database, const tn_migration *migration,
                                     uint32_t step, int64_t started_ns, tn_error *err);
tn_status tn__history_commit_delete(tn__database *database, const char *version, tn_error *err);
/* How far a migration without a transaction is. */
typedef struct tn__place {
    tn_migrate_state state;
    uint32_t step; /* statements that are done */
} tn__place;
/* Moves one on; note may be NULL. *ret_changed: whether it still was where it should have been. */
tn_status tn__history_move(tn__database *database, const char *version, const tn__place *from,
                           const tn__place *to, const char *note, bool *ret_changed, tn_error *err);
/* It is applied now. */
tn_status tn__history_finish(tn__database *database, const char *version, int64_t duration_us,
                             tn_error *err);
/* Another file is right now: its checksum and its down. */
tn_status tn__history_accept(tn__database *database, const tn_migration *migration, tn_error *err);

/* The fingerprint of the schema as this version left it. */
tn_status tn__history_set_schema(tn__database *database, const char *version, const char *hash,
                                 tn_error *err);

/* "applied", "running" ... as they are recorded. */
const char *tn__state_name(tn_migrate_state state);

#endif
