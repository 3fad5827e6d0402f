/* SPDX-License-Identifier: MIT */
/* The grammar of a file: blocks and options. */
#ifndef TENON_MIGRATE_FILE_H
#define TENON_MIGRATE_FILE_H

#include <tenon/migrate.h>

#include "base/arena.h"
#include "migrate/name.h"

/*
 * Takes the text apart as it is for one driver: up, down, their options, skipped, reason, ignore,
 * checksum of *ret; what the text says nothing of stays as it is. kind: what the name promised.
 * Texts are copied to the arena. TN_CONFIG: the grammar is wrong.
 */
tn_status tn__file_parse(tn__arena *arena, const char *path, tn_str text, tn__name_kind kind,
                         const char *driver, tn_migration *ret, tn_migrate_problem *problem,
                         tn_error *err);

/* The options of a line as it is recorded with a down text ("-- migrate:down transaction:false"),
 * which stands first in it or not at all. */
tn_status tn__file_options(tn_str text, tn_migration_options *ret, tn_error *err);

#endif
