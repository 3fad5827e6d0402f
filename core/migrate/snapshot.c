/* SPDX-License-Identifier: MIT */
#include "migrate/snapshot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tenon/query.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/str.h"

enum { STATEMENT_MAX = 4096 };

/* ---- statements ------------------------------------------------------------------------------ */

typedef struct names {
    char quoted[340]; /* with its schema */
} names;

static tn_status name_table(const tn__database *database, names *ret, tn_error *err)
{
    char schema[160], table[160];

    if (tn_quote_identifier(tn_str_from(database->schema), schema, sizeof(schema)) == 0 ||
        tn_quote_identifier(tn_str_from(database->snapshot), table, sizeof(table)) == 0)
        return tn_error_set(err, TN_CONFIG, NULL, "\"%s\" is not a table's name", database->name);
    snprintf(ret->quoted, sizeof(ret->quoted), "%s.%s", schema, table);
    return TN_OK;
}

/* Text that names the table, made by us of quoted names. */
static char *statement(const char *before, const char *table, const char *after, tn_error *err)
{
    tn__buf sql;

    tn__buf_init(&sql, STATEMENT_MAX);
    tn__buf_printf(&sql, "%s%s%s", before, table, after);
    char *text = tn__buf_take(&sql);
    if (!text)
        (void)tn_error_set(err, TN_NOMEM, NULL, "out of memory");
    return text;
}

static tn_status run(tn__database *database, const char *before, const char *table,
                     const char *after, const tn_arglist *args, tn_error *err)
{
    TN__AUTO_STRING text = statement(before, table, after, err);

    return text ? tn_exec(database->at, text, args, NULL, err) : TN_NOMEM;
}

tn_status tn__newest_version(tn__database *database, char ret[TN__SNAPSHOT_VERSION], tn_error *err)
{
    ret[0] = '\0';
    if (database->fresh)
        return TN_OK;
    TN__AUTO_STRING text = statement(
        "select version from ", database->history,
        " where state in ('applied', 'baseline') order by length(ltrim(version, '0'))"
        " desc, ltrim(version, '0') desc limit 1",
        err);
    if (!text)
        return TN_NOMEM;
    tn_error why = TN_ERROR_INIT;
    tn_status status = tn_get(database->at, text, NULL,
                              tn_into(tn_textbuf(ret, TN__SNAPSHOT_VERSION)), &why);
    if (status == TN_NOT_FOUND)
        return TN_OK;
    if (status != TN_OK && err)
        *err = why;
    return status;
}

/* ---- reading --------------------------------------------------------------------------------- */

static tn_status take_row(tn__snapshot *s, tn_rows *rows, const char *newest, tn_error *err)
{
    tn_str version, server, text;

    if (!tn_next(rows) || tn_scan(rows, &version, &server, &text) != TN_OK)
        return tn_close(rows, err);
    s->exists = true;
    tn__copy_text(s->version, sizeof(s->version), version);
    tn__copy_text(s->server, sizeof(s->server), server);
    tn_status status = TN_OK;
    if (strcmp(s->version, newest) == 0)
        status = tn_schema_parse(text, &s->expected, err);
    tn_status closed = tn_close(rows, status == TN_OK ? err : NULL);
    return status == TN_OK ? closed : status;
}

static tn_status read_expected(tn__database *database, tn__snapshot *s, tn_error *err)
{
    char newest[TN__SNAPSHOT_VERSION];
    names n;

    if (!database->kept)
        return TN_OK;
    tn_status status = name_table(database, &n, err);
    if (status == TN_OK)
        status = tn__newest_version(database, newest, err);
    if (status != TN_OK)
        return status;
    TN__AUTO_STRING text = statement("select version, server, definition from ", n.quoted,
                                     " where id = 1", err);
    return text ? take_row(s, tn_query(database->at, text, NULL), newest, err) : TN_NOMEM;
}

tn_status tn__snapshot_take(tn__database *database, bool to_compare, tn__snapshot **ret,
                            tn_error *err)
{
    tn__snapshot *s = calloc(1, sizeof(*s));

    if (!s)
        return tn_error_set(err, TN_NOMEM, NULL, "out of memory");
    tn_status status = read_expected(database, s, err);
    if (status == TN_OK && (s->expected || !to_compare))
        status = tn_schema_read(database->at, NULL, &s->found, err);
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
    free(snapshot);
}

/* ---- writing --------------------------------------------------------------------------------- */

/* What is recorded, and COMMIT with it. */
static tn_status write_row(tn__database *database, const names *n, const tn_schema *schema,
                           const char *version, tn_error *err)
{
    const char *print = tn_schema_fingerprint(schema);
    TN__AUTO_STRING put = statement(
        "insert into ", n->quoted,
        " (id, version, fingerprint, server, definition) values (1, $1, $2, $3, $4)"
        " on conflict (id) do update set version = excluded.version,"
        " fingerprint = excluded.fingerprint, server = excluded.server,"
        " definition = excluded.definition",
        err);
    TN__AUTO_STRING mark = statement("update ", database->history,
                                     " set schema_hash = $1 where version = $2", err);

    if (!put || !mark) {
        tn__database_rollback(database);
        return TN_NOMEM;
    }
    const tn__statement last[] = {
        {put, tn_args(version, print, (const char *)database->server, tn_schema_text(schema))},
        {mark, tn_args(print, version)},
    };
    return tn__database_finish(database, last, database->fresh ? 1 : 2, err);
}

static tn_status make_table(tn__database *database, const names *n, tn_error *err)
{
    if (database->kept)
        return TN_OK;
    return run(database, "create table ", n->quoted,
               " (id integer primary key, version text not null, fingerprint text not null,"
               " server text not null, definition text not null)",
               NULL, err);
}

/* Version and schema are read in the transaction that records them: they belong together. It ends
 * here. */
static tn_status save(tn__database *database, const tn__snapshot *before, tn_error *err)
{
    tn_schema *now = NULL, *merged = NULL;
    char version[TN__SNAPSHOT_VERSION];
    names n;

    tn_status status = name_table(database, &n, err);
    if (status == TN_OK)
        status = tn__newest_version(database, version, err);
    if (status == TN_OK)
        status = tn_schema_read(database->at, NULL, &now, err);
    if (status == TN_OK && before && tn__snapshot_drifted(before))
        status = tn__snapshot_merge(before->expected, before->found, now, &merged, err);
    if (status == TN_OK)
        status = make_table(database, &n, err);
    if (status == TN_OK)
        status = write_row(database, &n, merged ? merged : now, version, err);
    else
        tn__database_rollback(database);
    tn_schema_free(now);
    tn_schema_free(merged);
    return status;
}

tn_status tn__snapshot_save(tn__database *database, const tn__snapshot *before, tn_error *err)
{
    tn_status status = tn__database_refresh(database, err);

    if (status == TN_OK)
        status = tn__database_begin(database, err);
    if (status != TN_OK)
        return status;
    return save(database, before, err);
}
