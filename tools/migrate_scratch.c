/* SPDX-License-Identifier: MIT */
#include "migrate_scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "db_job.h"
#include "settings.h"

static tn_status make_schema(tn_db *db, const tn_migrations *set, const char *to, tn_schema **ret,
                             tn_error *err)
{
    tn_migrate_options options = TN_MIGRATE_OPTIONS_INIT;

    options.to = to;
    tn_status status = tn_migrate_deploy(db, set, &options, NULL, err);
    return status == TN_OK ? tn_schema_read(db, NULL, ret, err) : status;
}

static tn_status in_memory(const tn_migrations *set, const char *to, tn_schema **ret, tn_error *err)
{
    tn_db *db = tn_open_url("sqlite::memory:", err);

    if (!db)
        return err->status;
    tn_status status = make_schema(db, set, to, ret, err);
    (void)tn_db_close(db, NULL);
    return status;
}

static tn_status on_server(db_job *job, const tn_migrations *set, const char *to, tn_schema **ret,
                           tn_error *err)
{
    tn_error ignored = TN_ERROR_INIT;
    bool done;

    tn_status status = db_server_create(job, &done, err);
    if (status != TN_OK)
        return status;
    tn_db *db = db_job_connect(job, job->name, err);
    status = db ? make_schema(db, set, to, ret, err) : err->status;
    (void)tn_db_close(db, NULL);
    tn_status dropped = db_server_drop(job, job->name, &done, &ignored);
    if (dropped != TN_OK)
        tool_warn("the database %s could not be dropped: %s", job->name, ignored.message);
    return status;
}

tn_status migrate_scratch_schema(const tool *t, const char *driver, const tn_migrations *set,
                                 const char *to, tn_schema **ret, tn_error *err)
{
    char name[64];
    db_job job;

    if (strcmp(driver, "sqlite") == 0)
        return in_memory(set, to, ret, err);
    if (db_job_open(&job, t) != TOOL_EXIT_FINE || job.kind != DB_SERVER) {
        db_job_close(&job);
        return tn_error_set(err, TN_CONFIG, NULL, "DATABASE_URL is not one of PostgreSQL");
    }
    snprintf(name, sizeof(name), "tenon_scratch_%ld", (long)getpid());
    free(job.name);
    job.name = strdup(name);
    job.force = true;
    tn_status status = job.name ? on_server(&job, set, to, ret, err)
                                : tn_error_set(err, TN_NOMEM, NULL, "out of memory");
    if (status != TN_OK && strcmp(err->sqlstate, "42501") == 0)
        tn_error_set_hint(err, "it is tried on a database of its own, which this role may not make "
                               "(CREATEDB): use another server, tenon pg run starts one");
    db_job_close(&job);
    return status;
}
