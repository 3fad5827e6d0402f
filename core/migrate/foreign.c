/* SPDX-License-Identifier: MIT */
#include "migrate/foreign.h"

#include <stdlib.h>

#include <tenon/query.h>
#include <tenon/rows.h>

tn_status tn__foreign_off(tn__database *database, tn_migration_foreign_keys wanted, bool drops,
                          tn__foreign *ret, tn_error *err)
{
    int64_t on = 0;

    *ret = (tn__foreign){.off = false};
    if (database->dialect != TN__SQLITE || wanted == TN_MIGRATION_FOREIGN_KEYS_ON ||
        (wanted == TN_MIGRATION_FOREIGN_KEYS_AUTO && !drops))
        return TN_OK;
    tn_status status = tn_get(database->at, "select foreign_keys from pragma_foreign_keys", NULL,
                              tn_into(&on), err);
    if (status != TN_OK || !on)
        return status;
    status = tn_exec(database->at, "pragma foreign_keys = off", NULL, NULL, err);
    ret->off = status == TN_OK;
    return status;
}

static tn_status count(tn__database *database, int64_t *ret, tn_error *err)
{
    return tn_get(database->at, "select count(*) from pragma_foreign_key_check", NULL, tn_into(ret),
                  err);
}

tn_status tn__foreign_count(tn__database *database, tn__foreign *foreign, tn_error *err)
{
    return foreign->off ? count(database, &foreign->before, err) : TN_OK;
}

/* One row that refers to what is not there, as an example. */
static void example(tn__database *database, tn_error *err)
{
    char *table = NULL, *parent = NULL;

    if (tn_get(database->at, "select \"table\", parent from pragma_foreign_key_check limit 1", NULL,
               tn_into(&table, &parent), NULL) == TN_OK)
        tn_error_set_hint(err, "a row of %s refers to %s: see pragma foreign_key_check(%s)", table,
                          parent, table);
    free(table);
    free(parent);
}

tn_status tn__foreign_check(tn__database *database, const tn__foreign *foreign, tn_error *err)
{
    int64_t now = 0;

    if (!foreign->off)
        return TN_OK;
    tn_status status = count(database, &now, err);
    if (status != TN_OK || now <= foreign->before)
        return status;
    tn_error_set(err, TN_CONSTRAINT, "23503",
                 "%lld rows would refer to rows that are not there any more",
                 (long long)(now - foreign->before));
    example(database, err);
    return TN_CONSTRAINT;
}

void tn__foreign_on(tn__database *database, tn__foreign *foreign)
{
    if (!foreign->off)
        return;
    tn_status status = tn_exec(database->at, "pragma foreign_keys = on", NULL, NULL, NULL);
    (void)status; /* the connection is not used again without being made as new */
    foreign->off = false;
}
