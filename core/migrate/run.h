/* SPDX-License-Identifier: MIT */
/* What every verb that changes something begins and ends with. */
#ifndef TENON_MIGRATE_RUN_H
#define TENON_MIGRATE_RUN_H

#include "migrate/status.h"

typedef struct tn__migration_run {
    tn__database database;
    tn_migrate_status status;
    const tn_migrations *migrations;
    struct tn__snapshot *before; /* of the schema, before the first change; NULL: not taken */
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

/* Before the first change: what the schema is and is meant to be. Drift is told by a note. */
void tn__run_watch_schema(tn__migration_run *run);
/* After the last one, also when one failed behind others: what the schema is meant to be now. */
void tn__run_remember_schema(tn__migration_run *run);
void tn__run_forget_schema(tn__migration_run *run);

#endif
