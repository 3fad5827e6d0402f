/* SPDX-License-Identifier: MIT */
/* What the files of the plan share. */
#ifndef TENON_MIGRATE_PLAN_H
#define TENON_MIGRATE_PLAN_H

#include <tenon/migrate_check.h>

#include "base/arena.h"
#include "migrate/steps.h"

/* What is known of a table before the first statement. */
typedef struct tn__relation {
    int64_t oid;
    int64_t file;   /* relfilenode: another one after it was written anew */
    unsigned modes; /* of locks that were told already, a bit each */
} tn__relation;

typedef struct tn__observer {
    tn_db *tx;
    tn__arena *arena;
    tn__relation *relations; /* by oid */
    size_t n;
} tn__observer;

/* The tables that there are, in the arena. On another database than PostgreSQL: none. */
tn_status tn__observe_begin(tn__observer *observer, tn_db *tx, tn__arena *arena, tn_error *err);
/* What the transaction holds now that it did not hold before; texts are in the arena. */
tn_status tn__observe(tn__observer *observer, tn_plan_lock **ret, size_t *ret_n, tn_error *err);

#endif
