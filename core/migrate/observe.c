/* SPDX-License-Identifier: MIT */
/*
 * Locks and rewritten tables, as the server itself tells them: pg_locks of our own session, and
 * relfilenode, which a table gets anew when it is written anew. Exact for this very server, which
 * no reading of the statements could be.
 */
#include <stdlib.h>
#include <string.h>

#include <tenon/query.h>

#include "base/str.h"
#include "migrate/plan.h"

enum { RELATIONS_MAX = 1000000, LOCKS_MAX = 1000 };

/* Weaker ones hinder no query and no change of rows. */
static const struct {
    const char *mode;
    const char *blocks;
} modes[] = {
    {"ShareUpdateExclusiveLock", "other changes of the schema"},
    {"ShareLock", "writes"},
    {"ShareRowExclusiveLock", "writes"},
    {"ExclusiveLock", "writes"},
    {"AccessExclusiveLock", "reads and writes"},
};

static bool find_mode(tn_str name, size_t *ret)
{
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
        if (tn_str_equal(name, tn_str_from(modes[i].mode))) {
            *ret = i;
            return true;
        }
    return false;
}

static tn__relation *find(const tn__observer *o, int64_t oid)
{
    size_t low = 0, high = o->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (o->relations[middle].oid < oid)
            low = middle + 1;
        else
            high = middle;
    }
    return low < o->n && o->relations[low].oid == oid ? &o->relations[low] : NULL;
}

static tn_status read_relations(tn__observer *o, int64_t count, tn_error *err)
{
    tn_rows *rows = tn_query(o->tx,
                             "select oid::int8, relfilenode::int8 from pg_catalog.pg_class where"
                             " relkind in ('r', 'p', 'm') and oid >= 16384 order by oid",
                             NULL);
    int64_t oid, file;

    o->relations = tn__arena_array(o->arena, (size_t)count + 1, sizeof(*o->relations));
    while (o->relations && (int64_t)o->n < count && tn_next(rows))
        if (tn_scan(rows, &oid, &file) == TN_OK)
            o->relations[o->n++] = (tn__relation){.oid = oid, .file = file};
    tn_status status = tn_close(rows, err);
    return status == TN_OK && !o->relations ? tn_error_set(err, TN_NOMEM, NULL, "out of memory")
                                            : status;
}

tn_status tn__observe_begin(tn__observer *observer, tn_db *tx, tn__arena *arena, tn_error *err)
{
    int64_t count = 0;

    *observer = (tn__observer){.tx = tx, .arena = arena};
    if (!strstr(tn_db_driver(tx), "postgres"))
        return TN_OK;
    tn_status status = tn_get(tx,
                              "select count(*) from pg_catalog.pg_class where relkind in ('r',"
                              " 'p', 'm') and oid >= 16384",
                              NULL, tn_into(&count), err);
    if (status == TN_OK && count > RELATIONS_MAX)
        status = tn_error_set(err, TN_LIMIT, NULL, "more than %d tables", RELATIONS_MAX);
    return status == TN_OK ? read_relations(observer, count, err) : status;
}

/* One row of pg_locks. false: nothing new, or nothing of interest. */
static bool take(tn__observer *o, tn_rows *rows, tn_plan_lock *ret)
{
    int64_t oid, file, size, estimate;
    tn_str table, mode;
    size_t which;

    if (tn_scan(rows, &oid, &table, &mode, &file, &estimate, &size) != TN_OK ||
        !find_mode(mode, &which))
        return false;
    tn__relation *relation = find(o, oid);
    if (!relation)
        return false;
    if (relation->modes >> which > 1) /* a stronger one was told */
        relation->modes |= 1u << which;
    bool rewritten = relation->file != file && which == sizeof(modes) / sizeof(modes[0]) - 1;
    if (!rewritten && (relation->modes & 1u << which))
        return false;
    if (rewritten)
        relation->file = file;
    relation->modes |= 1u << which;
    *ret = (tn_plan_lock){.table = tn__arena_copy(o->arena, table.ptr, table.len),
                          .mode = modes[which].mode,
                          .blocks = modes[which].blocks,
                          .rewritten = rewritten,
                          .rows = estimate,
                          .bytes = size};
    return ret->table != NULL;
}

tn_status tn__observe(tn__observer *observer, tn_plan_lock **ret, size_t *ret_n, tn_error *err)
{
    static const char sql[] =
        "select c.oid::int8, c.oid::regclass::text, l.mode, c.relfilenode::int8,"
        " c.reltuples::int8, pg_catalog.pg_table_size(c.oid) from pg_catalog.pg_locks l"
        " join pg_catalog.pg_class c on c.oid = l.relation where l.locktype = 'relation'"
        " and l.pid = pg_catalog.pg_backend_pid() and l.granted and c.relkind in ('r', 'p', 'm')"
        " and c.oid >= 16384 order by c.oid, case l.mode when 'AccessExclusiveLock' then 0"
        " when 'ExclusiveLock' then 1 when 'ShareRowExclusiveLock' then 2 when 'ShareLock' then 3"
        " else 4 end";
    tn_plan_lock found[LOCKS_MAX];
    size_t n = 0;

    *ret = NULL;
    *ret_n = 0;
    if (observer->n == 0)
        return TN_OK;
    tn_rows *rows = tn_query(observer->tx, sql, NULL);
    while (tn_next(rows))
        if (n < LOCKS_MAX && take(observer, rows, &found[n]))
            n++;
    tn_status status = tn_close(rows, err);
    if (status != TN_OK || n == 0)
        return status;
    *ret = tn__arena_array(observer->arena, n, sizeof(**ret));
    if (!*ret)
        return tn_error_set(err, TN_NOMEM, NULL, "out of memory");
    memcpy(*ret, found, n * sizeof(**ret));
    *ret_n = n;
    return TN_OK;
}
