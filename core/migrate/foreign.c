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

typedef struct worst {
    char *table, *parent; /* NULL: not known */
    int64_t rows;
} worst;

/* The table with the most of them. */
static worst find_worst(tn__database *database)
{
    static const char question[] =
        "select \"table\", parent, count(*) from pragma_foreign_key_check"
        " group by 1, 2 order by 3 desc, 1, 2 limit 1";
    worst w = {0};

    if (tn_get(database->at, question, NULL, tn_into(&w.table, &w.parent, &w.rows), NULL) != TN_OK)
        w = (worst){0};
    return w;
}

/* what: behind "N rows". */
static tn_status violated(tn__database *database, int64_t rows, const char *what, tn_error *err)
{
    worst w = find_worst(database);

    if (w.table)
        tn_error_set(err, TN_CONSTRAINT, "23503", "%lld rows %s: %lld of %s, to %s",
                     (long long)rows, what, (long long)w.rows, w.table, w.parent);
    else
        tn_error_set(err, TN_CONSTRAINT, "23503", "%lld rows %s", (long long)rows, what);
    if (w.table)
        tn_error_set_hint(err,
                          "pragma foreign_key_check(%s) lists them: give them what they refer to, "
                          "or delete them",
                          w.table);
    free(w.table);
    free(w.parent);
    return TN_CONSTRAINT;
}

tn_status tn__foreign_clean(tn__database *database, const tn__foreign *foreign, tn_error *err)
{
    int64_t now = 0;

    if (!foreign->off)
        return TN_OK;
    tn_status status = count(database, &now, err);
    if (status != TN_OK || now == 0)
        return status;
    return violated(database, now, "refer to rows that are not there", err);
}

tn_status tn__foreign_keep(tn__database *database, const tn__foreign *foreign, tn_error *err)
{
    return foreign->off ? tn_exec(database->at, "pragma foreign_keys = off", NULL, NULL, err)
                        : TN_OK;
}

tn_status tn__foreign_check(tn__database *database, const tn__foreign *foreign, tn_error *err)
{
    int64_t now = 0;

    if (!foreign->off)
        return TN_OK;
    tn_status status = count(database, &now, err);
    if (status != TN_OK || now <= foreign->before)
        return status;
    return violated(database, now - foreign->before,
                    "would refer to rows that are not there any more", err);
}

void tn__foreign_on(tn__database *database, tn__foreign *foreign)
{
    if (!foreign->off)
        return;
    tn_status status = tn_exec(database->at, "pragma foreign_keys = on", NULL, NULL, NULL);
    (void)status; /* the connection is not used again without being made as new */
    foreign->off = false;
}
