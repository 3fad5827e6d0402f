/* SPDX-License-Identifier: MIT */
#include "migrate/snapshot.h"

#include <stdlib.h>
#include <string.h>

#include <tenon/health.h>
#include <tenon/query.h>
#include <tenon/txn.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/str.h"

enum { STATEMENT_MAX = 4096, SERVER_ASK_MS = 5000 };

/* ---- the table ------------------------------------------------------------------------------- */

/* "<history>_schema" */
static bool name_table(tn__snapshot *s, const char *history)
{
    char name[80], quoted[160];

    size_t len = tn__utf8_cut(history, strlen(history), 63 - strlen("_schema"));
    memcpy(name, history, len);
    memcpy(name + len, "_schema", sizeof("_schema"));
    if (tn_quote_identifier(tn_str_from(name), quoted, sizeof(quoted)) == 0)
        return false;
    s->name = strdup(name);
    s->table = strdup(quoted);
    return s->name && s->table;
}

static bool is_sqlite(const tn_db *db)
{
    return strstr(tn_db_driver(db), "sqlite") != NULL;
}

static tn_status find_table(tn_db *db, tn__snapshot *s, tn_error *err)
{
    bool there = false;

    tn_status status =
        is_sqlite(db)
            ? tn_get(db,
                     "select count(*) > 0 from sqlite_schema where type = 'table' and name = $1",
                     tn_args((const char *)s->name), tn_into(&there), err)
            : tn_get(db, "select pg_catalog.to_regclass($1) is not null",
                     tn_args((const char *)s->table), tn_into(&there), err);
    s->exists = there;
    return status;
}

/* Runs "before table after" without parameters or with what args say. */
static tn_status run(tn_db *db, const char *before, const char *table, const char *after,
                     const tn_arglist *args, tn_error *err)
{
    tn__buf sql;

    tn__buf_init(&sql, STATEMENT_MAX);
    tn__buf_printf(&sql, "%s%s%s", before, table, after);
    TN__AUTO_STRING text = tn__buf_take(&sql);
    if (!text)
        return tn_error_set(err, TN_NOMEM, NULL, "out of memory");
    return tn_exec(db, text, args, NULL, err);
}

/* ---- reading --------------------------------------------------------------------------------- */

static tn_status take_row(tn__snapshot *s, tn_rows *rows, const char *version, tn_error *err)
{
    tn_str recorded, server, text;

    if (!tn_next(rows))
        return tn_close(rows, err);
    if (!tn_scan(rows, &recorded, &server, &text))
        return tn_close(rows, err);
    tn__copy_text(s->version, sizeof(s->version), recorded);
    tn__copy_text(s->server, sizeof(s->server), server);
    tn_status status = TN_OK;
    if (strcmp(s->version, version) == 0)
        status = tn_schema_parse(text, &s->expected, err);
    tn_status closed = tn_close(rows, status == TN_OK ? err : NULL);
    return status == TN_OK ? closed : status;
}

static tn_status read_expected(tn_db *db, tn__snapshot *s, const char *version, tn_error *err)
{
    tn__buf sql;

    tn__buf_init(&sql, STATEMENT_MAX);
    tn__buf_printf(&sql, "select version, server, definition from %s where id = 1", s->table);
    TN__AUTO_STRING text = tn__buf_take(&sql);
    if (!text)
        return tn_error_set(err, TN_NOMEM, NULL, "out of memory");
    return take_row(s, tn_query(db, text, NULL), version, err);
}

tn_status tn__snapshot_take(tn_db *session, const char *history, const char *version,
                            tn__snapshot **ret, tn_error *err)
{
    tn__snapshot *s = calloc(1, sizeof(*s));

    if (!s || !name_table(s, history)) {
        tn__snapshot_free(s);
        return tn_error_set(err, TN_NOMEM, NULL, "out of memory");
    }
    tn_status status = find_table(session, s, err);
    if (status == TN_OK && s->exists)
        status = read_expected(session, s, version, err);
    if (status == TN_OK)
        status = tn_schema_read(session, NULL, &s->found, err);
    if (status != TN_OK) {
        tn__snapshot_free(s);
        return status;
    }
    *ret = s;
    return TN_OK;
}

bool tn__snapshot_drifted(const tn__snapshot *snapshot)
{
    return snapshot->expected && strcmp(tn_schema_fingerprint(snapshot->expected),
                                        tn_schema_fingerprint(snapshot->found)) != 0;
}

void tn__snapshot_free(tn__snapshot *snapshot)
{
    if (!snapshot)
        return;
    tn_schema_free(snapshot->expected);
    tn_schema_free(snapshot->found);
    free(snapshot->name);
    free(snapshot->table);
    free(snapshot);
}

/* ---- writing --------------------------------------------------------------------------------- */

typedef struct record {
    const tn__snapshot *snapshot;
    const tn_schema *schema;
    const char *version;
    const char *server;
} record;

static tn_status write_record(tn_db *tx, void *arg, tn_error *err)
{
    const record *r = arg;
    tn_status status = TN_OK;

    if (!r->snapshot->exists)
        status = run(tx, "create table if not exists ", r->snapshot->table,
                     " (id integer primary key, version text not null, fingerprint text not null,"
                     " server text not null, definition text not null)",
                     NULL, err);
    if (status == TN_OK)
        status = run(tx, "delete from ", r->snapshot->table, "", NULL, err);
    if (status != TN_OK)
        return status;
    return run(
        tx, "insert into ", r->snapshot->table,
        " (id, version, fingerprint, server, definition) values (1, $1, $2, $3, $4)",
        tn_args(r->version, tn_schema_fingerprint(r->schema), r->server, tn_schema_text(r->schema)),
        err);
}

static tn_status save(tn_db *session, const tn__snapshot *before, const tn_schema *schema,
                      const char *version, tn_error *err)
{
    tn_health health = tn_health_check(session, SERVER_ASK_MS);
    record r = {before, schema, version, health.server};

    return tn_transaction(session, NULL, write_record, &r, err);
}

static tn_status read_and_save(tn_db *session, const tn__snapshot *before, bool accept,
                               const char *version, char *ret_hash, tn_error *err)
{
    tn_schema *now = NULL, *merged = NULL;
    bool merge = !accept && tn__snapshot_drifted(before);

    tn_status status = tn_schema_read(session, NULL, &now, err);
    if (status == TN_OK && merge)
        status = tn__snapshot_merge(before->expected, before->found, now, &merged, err);
    if (status == TN_OK)
        status = save(session, before, merge ? merged : now, version, err);
    if (status == TN_OK && ret_hash)
        memcpy(ret_hash, tn_schema_fingerprint(merge ? merged : now), TN_SCHEMA_FINGERPRINT);
    tn_schema_free(now);
    tn_schema_free(merged);
    return status;
}

tn_status tn__snapshot_save(tn_db *session, const tn__snapshot *before, const char *version,
                            char ret_hash[TN_SCHEMA_FINGERPRINT], tn_error *err)
{
    return read_and_save(session, before, false, version, ret_hash, err);
}

tn_status tn__snapshot_accept(tn_db *session, const tn__snapshot *before, const char *version,
                              tn_error *err)
{
    return read_and_save(session, before, true, version, NULL, err);
}
