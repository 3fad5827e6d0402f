/* SPDX-License-Identifier: MIT */
/* Databases that are made to try migrations on, and gone afterwards. */
#ifndef TENON_TOOLS_MIGRATE_SCRATCH_H
#define TENON_TOOLS_MIGRATE_SCRATCH_H

#include <tenon/migrate.h>
#include <tenon/schema.h>

#include "tool.h"

/*
 * The schema that the migrations up to a version (NULL: all) make on an empty database of this
 * driver: sqlite::memory:, or one that is made beside the database of the line and dropped.
 */
tn_status migrate_scratch_schema(const tool *t, const char *driver, const tn_migrations *set,
                                 const char *to, tn_schema **ret, tn_error *err);

#endif
