/* SPDX-License-Identifier: MIT */
/*
 * tenon sql import: the json columns that the first object of NDJSON lacks. In a json column null
 * is a document, so that NULL is a member that is not there, and the first object may be the one
 * without it. A column with a default is left to that, as every other one is.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "import.h"

/* Columns without a default that may be written: $1 is the table, for SQLite $2 its schema. */
static const char postgres_sql[] =
    "select a.attname::text from pg_catalog.pg_attribute a "
    "join pg_catalog.pg_type t on t.oid = a.atttypid "
    "where a.attrelid = $1::text::pg_catalog.regclass and a.attnum > 0 and not a.attisdropped "
    "and not a.atthasdef and t.typdefault is null "
    "and pg_catalog.has_column_privilege(a.attrelid, a.attnum, 'insert')";
static const char sqlite_sql[] = "select name from pragma_table_xinfo($1, $2) "
                                 "where dflt_value is null and hidden = 0";

/* Those of the type that the object lacks. */
static tn_status find_lacking(import *m, tn_db *session, names *ret)
{
    size_t size = strlen(m->table) + 32;
    char *text = malloc(size);
    tn_stmt *stmt = NULL;

    if (!text)
        return tn_error_set(&m->err, TN_NOMEM, NULL, "out of memory");
    snprintf(text, size, "select * from %s", m->table);
    tn_status status = tn_prepare(session, text, &stmt, &m->err);
    free(text);
    for (size_t i = 0; status == TN_OK && i < tn_stmt_columns(stmt); i++) {
        const tn_column *column = tn_stmt_column(stmt, i);
        if (column->type == TN_TYPE_JSON && names_find(&m->columns, column->name) < 0 &&
            !names_add(ret, tn_str_from(column->name)))
            status = tn_error_set(&m->err, TN_NOMEM, NULL, "out of memory");
    }
    tn_stmt_close(stmt);
    return status;
}

static tn_rows *ask(const import *m, tn_db *session, const names *parts)
{
    const char *driver = tn_db_driver(session);

    if (strcmp(driver, "postgresql") == 0)
        return tn_query(session, postgres_sql, tn_args(m->table));
    if (strcmp(driver, "sqlite") != 0 || !parts->count || parts->count > 2)
        return NULL;
    return tn_query(session, sqlite_sql,
                    tn_args(parts->items[parts->count - 1],
                            parts->count > 1 ? parts->items[0] : (const char *)NULL));
}

/* Of those the ones without a default. */
static tn_status add_plain(import *m, tn_db *session, const names *lacking)
{
    names parts = {0};
    bool good = names_read_dotted(&parts, m->table);
    tn_rows *rows = good ? ask(m, session, &parts) : NULL;

    while (good && rows && tn_next(rows)) {
        tn_str name = tn_row_str(rows, 0);
        good = names_find_str(lacking, name) < 0 || names_add(&m->columns, name);
    }
    tn_status status = rows ? tn_close(rows, &m->err) : TN_OK;
    names_free(&parts);
    if (!good && status == TN_OK && rows)
        return tn_error_set(&m->err, TN_NOMEM, NULL, "out of memory");
    return status;
}

int import_add_documents(import *m, tn_db *session)
{
    names lacking = {0};

    tn_status status = find_lacking(m, session, &lacking);
    if (status == TN_OK && lacking.count)
        status = add_plain(m, session, &lacking);
    names_free(&lacking);
    return status == TN_OK ? TOOL_EXIT_FINE : TOOL_EXIT_SQL;
}
