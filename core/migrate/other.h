/* SPDX-License-Identifier: MIT */
/* The histories of other tools. */
#ifndef TENON_MIGRATE_OTHER_H
#define TENON_MIGRATE_OTHER_H

#include "migrate/database.h"

typedef enum tn__other {
    TN__OTHER_NONE = 0,
    TN__OTHER_DBMATE,
    TN__OTHER_GOLANG,
    TN__OTHER_PRISMA,
    TN__OTHER_FLYWAY
} tn__other;

/* By its name; TN__OTHER_NONE: not known. */
tn__other tn__other_find(const char *name);
/* A database without a history of ours that has one of another tool is not one to start on:
 * TN_FAILED, TN_MIGRATE_REFUSED. TN_OK when there is none. */
tn_status tn__other_refuse(tn__database *database, tn_error *err);

/* The versions that a tool's history lists as applied, in order of versions; and the one up to
 * which all are, listed or not. */
typedef struct tn__other_versions {
    const char **items;
    size_t count;
    const char *upto; /* NULL: none */
} tn__other_versions;
tn_status tn__other_read(tn__database *database, tn__other other, tn__arena *arena,
                         tn__other_versions *ret, tn_error *err);

#endif
