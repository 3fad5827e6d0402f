/* SPDX-License-Identifier: MIT */
#include "migrate/run.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/str.h"
#include "migrate/lock.h"
#include "migrate/problem.h"

enum { BYTES_MAX = 1 << 30 };

tn_status tn__run_open(tn__migration_run *run, tn_db *client, const tn_migrations *migrations,
                       const tn_migrate_options *options, tn_error *err)
{
    *run = (tn__migration_run){.migrations = migrations};
    tn__arena_init(&run->status.arena, BYTES_MAX);
    tn_status status = tn__database_open(&run->database, client, options, err);
    if (status != TN_OK) {
        tn__arena_free(&run->status.arena);
        return status;
    }
    status = tn__lock_take(&run->database, err);
    if (status == TN_OK)
        status = tn__run_read(run, err);
    return status == TN_OK ? TN_OK : tn__run_close(run, status);
}

tn_status tn__run_read(tn__migration_run *run, tn_error *err)
{
    tn_status status = tn__database_refresh(&run->database, err);

    if (status == TN_OK)
        status = tn__status_read(&run->database, run->migrations, &run->status, err);
    return status;
}

tn_status tn__run_close(tn__migration_run *run, tn_status status)
{
    tn_migrate_problem *problem = tn__database_problem(&run->database);

    if (status != TN_OK && problem->fault == TN_MIGRATE_NO_FAULT)
        problem->fault = status == TN_LOST || status == TN_UNAVAILABLE ? TN_MIGRATE_NO_DATABASE
                                                                       : TN_MIGRATE_SQL;
    tn__run_forget_schema(run);
    tn__database_close(&run->database);
    tn__arena_free(&run->status.arena);
    return status;
}

void tn__run_result(tn__migration_run *run, int64_t began_ns, tn_migrate_result *ret)
{
    tn_migrate_result result = {.applied = run->database.done};

    if (!ret)
        return;
    for (size_t i = 0; i < run->status.count; i++) {
        const tn_migrate_entry *e = &run->status.entries[i];
        if (e->state != TN_MIGRATE_APPLIED && e->state != TN_MIGRATE_BASELINE)
            continue;
        result.already++;
        tn__copy_text(result.version, sizeof(result.version), tn_str_from(e->version));
    }
    result.duration_us = (tn__now_ns() - began_ns) / 1000;
    *ret = result;
}
