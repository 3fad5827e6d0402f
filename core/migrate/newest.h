/* SPDX-License-Identifier: MIT */
/* Small questions to the history. */
#ifndef TENON_MIGRATE_NEWEST_H
#define TENON_MIGRATE_NEWEST_H

#include <tenon/migrate.h>

/* The history's table. options may be NULL. */
const char *tn__history_name(const tn_migrate_options *options);
/* The newest version that is applied, "" if none. */
tn_status tn__newest_version(tn_db *client, const tn_migrate_options *options, char ret[32],
                             tn_error *err);

#endif
