/* SPDX-License-Identifier: MIT */
#include "migrate/newest.h"

#include "base/str.h"

const char *tn__history_name(const tn_migrate_options *options)
{
    return options && options->history && *options->history ? options->history
                                                            : "_tenon_migrations";
}

tn_status tn__newest_version(tn_db *client, const tn_migrate_options *options, char ret[32],
                             tn_error *err)
{
    tn_error local = TN_ERROR_INIT;
    const tn_migrate_entry *entry;

    err = err ? err : &local;
    tn_migrate_status *status = tn_migrate_look(client, NULL, options, err);
    if (!status)
        return err->status;
    ret[0] = '\0';
    for (size_t i = 0; (entry = tn_migrate_status_at(status, i)); i++)
        if ((entry->state == TN_MIGRATE_APPLIED || entry->state == TN_MIGRATE_BASELINE) &&
            (!ret[0] || tn_migration_compare(entry->version, ret) > 0))
            tn__copy_text(ret, 32, tn_str_from(entry->version));
    tn_migrate_status_free(status);
    return TN_OK;
}
