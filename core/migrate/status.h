/* SPDX-License-Identifier: MIT */
/* Files and history side by side. */
#ifndef TENON_MIGRATE_STATUS_H
#define TENON_MIGRATE_STATUS_H

#include "migrate/history.h"

struct tn_migrate_status {
    tn__arena arena;
    tn__history history;
    tn_migrate_entry *entries;
    size_t count, pending;
    bool owned; /* allocated by tn_migrate_look() */
};

/* Reads the history anew; migrations may be NULL. status->arena is initialised; what was read
 * before is forgotten. */
tn_status tn__status_read(tn__database *database, const tn_migrations *migrations,
                          tn_migrate_status *status, tn_error *err);

#endif
