/* SPDX-License-Identifier: MIT */
/*
 * SQLite's foreign keys while tables are rebuilt. Dropping a table deletes its rows, which with
 * foreign keys on cascades to the rows that refer to them; PRAGMA foreign_keys does nothing within
 * a transaction. So they are off before BEGIN, checked before COMMIT and on again after it.
 *
 * Statement by statement they are off for all of them, and checked before the last one is recorded.
 * Whoever goes on after a kill cannot know how many violations there were before the first one, so
 * there may be none.
 */
#ifndef TENON_MIGRATE_FOREIGN_H
#define TENON_MIGRATE_FOREIGN_H

#include "migrate/database.h"

typedef struct tn__foreign {
    bool off;       /* we switched them off */
    int64_t before; /* violations that there were already */
} tn__foreign;

/* Before BEGIN. drops: the block drops a table. */
tn_status tn__foreign_off(tn__database *database, tn_migration_foreign_keys wanted, bool drops,
                          tn__foreign *ret, tn_error *err);
/* Behind BEGIN, before the first statement. */
tn_status tn__foreign_count(tn__database *database, tn__foreign *foreign, tn_error *err);
/* Statement by statement, before the first one: TN_CONSTRAINT when there are violations already. */
tn_status tn__foreign_clean(tn__database *database, const tn__foreign *foreign, tn_error *err);
/* Statement by statement, before each one and outside of a transaction: off they are, whatever a
 * PRAGMA of the file said. */
tn_status tn__foreign_keep(tn__database *database, const tn__foreign *foreign, tn_error *err);
/* Before COMMIT: TN_CONSTRAINT when there are more violations than before. */
tn_status tn__foreign_check(tn__database *database, const tn__foreign *foreign, tn_error *err);
/* After it, whatever became of it. */
void tn__foreign_on(tn__database *database, tn__foreign *foreign);

#endif
