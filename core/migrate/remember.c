/* SPDX-License-Identifier: MIT */
/*
 * Drift, as runs see it: told before the first change, and not swallowed by what is recorded after
 * the last one. Neither is worth failing for: what could not be recorded is unknown to `verify`
 * until the next run.
 */
#include "migrate/run.h"
#include "migrate/snapshot.h"

void tn__run_watch_schema(tn__migration_run *run)
{
    tn_error err = TN_ERROR_INIT;

    if (run->before)
        return;
    tn_status status = tn__snapshot_take(&run->database, true, &run->before, &err);
    if (status == TN_UNSUPPORTED)
        return;
    if (status != TN_OK)
        tn__database_note(&run->database, TN_MIGRATE_EVENT_NOTE, NULL,
                          "whether the schema was changed by hand is not known: %s", err.message);
    else if (tn__snapshot_drifted(run->before))
        tn__database_note(&run->database, TN_MIGRATE_EVENT_NOTE, NULL,
                          "the schema is not what the migrations left: tenon migrate verify shows "
                          "what differs");
}

void tn__run_remember_schema(tn__migration_run *run)
{
    tn_error err = TN_ERROR_INIT;

    if (!run->before)
        return;
    if (tn__snapshot_save(&run->database, run->before, &err) != TN_OK)
        tn__database_note(&run->database, TN_MIGRATE_EVENT_NOTE, NULL,
                          "the schema could not be recorded, so that drift cannot be seen: %s",
                          err.message);
    tn__run_forget_schema(run);
}

void tn__run_forget_schema(tn__migration_run *run)
{
    tn__snapshot_free(run->before);
    run->before = NULL;
}
