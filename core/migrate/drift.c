/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tenon/health.h>
#include <tenon/migrate_check.h>

#include "base/str.h"
#include "migrate/run.h"
#include "migrate/snapshot.h"

enum { SERVER_ASK_MS = 5000 };

struct tn_drift {
    tn__snapshot *snapshot;
    tn_drift_state state;
    char version[TN__SNAPSHOT_VERSION];
    char reason[256];
};

static void set_reason(tn_drift *d, tn_db *session)
{
    const tn__snapshot *s = d->snapshot;
    char recorded[32];

    if (d->state == TN_DRIFT_UNKNOWN) {
        if (!d->version[0])
            snprintf(d->reason, sizeof(d->reason), "nothing was applied yet");
        else if (!s->exists)
            snprintf(d->reason, sizeof(d->reason),
                     "no schema was recorded yet: the next deploy does, or verify --accept-drift");
        else
            snprintf(d->reason, sizeof(d->reason),
                     "the schema was recorded at version %s, a run was interrupted since: the next "
                     "deploy records it, or verify --accept-drift",
                     s->version[0] ? s->version : "none");
        return;
    }
    if (d->state != TN_DRIFT_FOUND)
        return;
    tn_health health = tn_health_check(session, SERVER_ASK_MS);
    tn__copy_text(recorded, sizeof(recorded), tn_str_from(s->server));
    if (strcmp(s->server, health.server) != 0)
        snprintf(d->reason, sizeof(d->reason),
                 "%s wrote what was recorded, this is %s: it may only be another way of writing",
                 recorded, health.server);
}

static tn_status check(tn__database *database, tn_drift *d, tn_error *err)
{
    tn_status status = tn__newest_version(database, d->version, err);

    if (status == TN_OK)
        status = tn__snapshot_take(database, false, &d->snapshot, err);
    if (status != TN_OK)
        return status;
    d->state = !d->snapshot->expected              ? TN_DRIFT_UNKNOWN
               : tn__snapshot_drifted(d->snapshot) ? TN_DRIFT_FOUND
                                                   : TN_DRIFT_NONE;
    set_reason(d, database->at);
    return TN_OK;
}

tn_status tn_drift_check(tn_db *client, const tn_migrate_options *options, tn_drift **ret,
                         tn_error *err)
{
    tn_drift *d = calloc(1, sizeof(*d));
    tn__database database;

    if (!d)
        return tn_error_set(err, TN_NOMEM, NULL, "out of memory");
    tn_status status = tn__database_open(&database, client, options, err);
    if (status == TN_OK) {
        status = check(&database, d, err);
        tn__database_close(&database);
    }
    if (status != TN_OK) {
        tn_drift_free(d);
        return status;
    }
    *ret = d;
    return TN_OK;
}

tn_drift_state tn_drift_state_of(const tn_drift *drift)
{
    return drift->state;
}

const char *tn_drift_reason(const tn_drift *drift)
{
    return drift->reason;
}

const tn_schema *tn_drift_expected(const tn_drift *drift)
{
    return drift->snapshot->expected;
}

const tn_schema *tn_drift_found(const tn_drift *drift)
{
    return drift->snapshot->found;
}

const char *tn_drift_version(const tn_drift *drift)
{
    return drift->version;
}

void tn_drift_free(tn_drift *drift)
{
    if (!drift)
        return;
    tn__snapshot_free(drift->snapshot);
    free(drift);
}

tn_status tn_drift_accept(tn_db *client, const tn_migrate_options *options, tn_error *err)
{
    tn__migration_run run;

    tn_status status = tn__run_open(&run, client, NULL, options, err);
    if (status != TN_OK)
        return status;
    status = tn__snapshot_save(&run.database, NULL, err);
    return tn__run_close(&run, status);
}
