/* SPDX-License-Identifier: MIT */
/* The schema that a run leaves, for drift to be seen against. */
#include <string.h>

#include "base/str.h"
#include "migrate/problem.h"
#include "migrate/run.h"
#include "migrate/snapshot.h"

enum { ATTEMPTS = 5 };

static void newest(const tn__migration_run *run, char *buf, size_t size)
{
    buf[0] = '\0';
    for (size_t i = 0; i < run->status.count; i++) {
        const tn_migrate_entry *e = &run->status.entries[i];
        if (e->state == TN_MIGRATE_APPLIED || e->state == TN_MIGRATE_BASELINE)
            tn__copy_text(buf, size, tn_str_from(e->version));
    }
}

void tn__run_look_at_schema(tn__migration_run *run)
{
    char version[32];

    if (run->before)
        return;
    newest(run, version, sizeof(version));
    if (tn__snapshot_take(run->database.session, run->database.table, version, &run->before,
                          NULL) != TN_OK)
        run->before = NULL;
}

static tn_status save(tn__migration_run *run, const char *version, tn_error *err)
{
    char hash[TN_SCHEMA_FINGERPRINT];

    tn_status status = tn__snapshot_save(run->database.session, run->before, version, hash, err);
    if (status == TN_OK && version[0])
        status = tn__history_set_schema(&run->database, version, hash, err);
    return status;
}

/* Where the run has no lock of its own, another one may have gone on meanwhile: what is kept must
 * be of the newest. */
void tn__run_remember_schema(tn__migration_run *run)
{
    char version[32], now[32] = "";
    tn_error err = TN_ERROR_INIT;
    tn_status status = run->before ? tn__run_read(run, &err) : TN_OK;

    if (!run->before)
        return;
    newest(run, version, sizeof(version));
    for (int i = 0; status == TN_OK && i < ATTEMPTS; i++) {
        status = save(run, version, &err);
        if (status != TN_OK || run->database.exclusive)
            break;
        status = tn__run_read(run, &err);
        newest(run, now, sizeof(now));
        if (strcmp(version, now) == 0)
            break;
        memcpy(version, now, sizeof(version));
    }
    if (status != TN_OK && status != TN_UNSUPPORTED)
        tn__database_note(&run->database, TN_MIGRATE_EVENT_NOTE, NULL,
                          "the schema was not recorded (%s): tenon migrate verify cannot see drift "
                          "until the next deploy",
                          err.message);
}
