/* SPDX-License-Identifier: MIT */
/* The options behind -- migrate:up and its kin: words key:value. */
#ifndef TENON_MIGRATE_OPTIONS_H
#define TENON_MIGRATE_OPTIONS_H

#include <tenon/migrate.h>

typedef struct tn__block_options {
    tn_migration_options options;
    tn_str driver; /* NAME[,NAME]; len 0: any */
    tn_str ignore; /* RULE[,RULE] */
    tn_str reason; /* the rest of the line */
    bool may_skip; /* reason: is allowed */
} tn__block_options;

#define TN__MIGRATION_OPTIONS_INIT                        \
    {                                                     \
        .lock_timeout_ms = -1, .statement_timeout_ms = -1 \
    }
#define TN__BLOCK_OPTIONS_INIT                \
    {                                         \
        .options = TN__MIGRATION_OPTIONS_INIT \
    }

/* Where the words stand, for errors. */
typedef struct tn__options_place {
    const char *path;
    tn_str text;
    tn_migrate_problem *problem;
} tn__options_place;

/* words: what follows the directive, to the end of its line. */
tn_status tn__options_parse(tn_str words, const tn__options_place *place, tn__block_options *ret,
                            tn_error *err);
/* Is the driver one of NAME[,NAME]? */
bool tn__options_names(tn_str names, const char *driver);
/* Adds a block's to what blocks before it said. */
void tn__options_merge(tn_migration_options *into, const tn_migration_options *from);

#endif
