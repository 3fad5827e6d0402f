/* SPDX-License-Identifier: MIT */
/* What every verb that changes something begins and ends with. */
#ifndef TENON_MIGRATE_RUN_H
#define TENON_MIGRATE_RUN_H

#include "migrate/status.h"

typedef struct tn__migration_run {
    tn__database database;
    tn_migrate_status status;
    const tn_migrations *migrations;
    struct tn__snapshot *before; /* the schema before the first change; NULL: not looked at */
} tn__migration_run;

/* Opens, takes the lock, reads the history. On failure nothing remains. */
tn_status tn__run_open(tn__migration_run *run, tn_db *client, const tn_migrations *migrations,
                       const tn_migrate_options *options, tn_error *err);
/* Reads history and files anew. */
tn_status tn__run_read(tn__migration_run *run, tn_error *err);
/* Gives everything back; returns status, for a failure with a fault in the problem. */
tn_status tn__run_close(tn__migration_run *run, tn_status status);

/* The newest that is applied into ret->version, and how many are. ret may be NULL. */
void tn__run_result(tn__migration_run *run, int64_t began_ns, tn_migrate_result *ret);

/* The schema before the first change, so that what drifted is told from what is migrated. */
void tn__run_look_at_schema(tn__migration_run *run);
/* What the schema is after a run is kept, with the newest version. What cannot be kept is told as a
 * note: the migrations are applied. */
void tn__run_remember_schema(tn__migration_run *run);

#endif
