/* SPDX-License-Identifier: MIT */
/*
 * A statement in hand is a text with its hash and a copy of its description; the prepared statement
 * itself is the connection's, in its cache. So it works on every connection of the client, and
 * nothing dangles when a connection goes.
 */
#include <tenon/stmt.h>

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "session/query.h"
#include "session/rows.h"

enum { DESCRIPTION_MAX = 1 << 24 };

struct tn_stmt {
    tn_db *db;
    const void *family; /* of the client, also when db has ended */
    tn__sql sql;
    tn_param *params;
    size_t n_params;
    tn_column *columns;
    size_t n_columns;
    tn__arena arena; /* everything above */
};

static const char *copy_text(tn__arena *arena, const char *text)
{
    return text ? tn__arena_copy(arena, text, strlen(text)) : "";
}

static bool copy_description(tn_stmt *stmt, const tn_stmt_info *info)
{
    tn__arena *arena = &stmt->arena;
    bool good = true;

    stmt->params = tn__arena_array(arena, info->n_params + 1, sizeof(*stmt->params));
    stmt->columns = tn__arena_array(arena, info->n_columns + 1, sizeof(*stmt->columns));
    if (!stmt->params || !stmt->columns)
        return false;
    for (size_t i = 0; i < info->n_params; i++) {
        stmt->params[i] = info->params[i];
        good &= (stmt->params[i].type_name = copy_text(arena, info->params[i].type_name)) != NULL;
    }
    for (size_t i = 0; i < info->n_columns; i++) {
        tn_column *column = &stmt->columns[i];
        *column = info->columns[i];
        good &= (column->name = copy_text(arena, column->name)) != NULL;
        good &= (column->type_name = copy_text(arena, column->type_name)) != NULL;
        good &= (column->table = copy_text(arena, column->table)) != NULL;
    }
    stmt->n_params = info->n_params;
    stmt->n_columns = info->n_columns;
    return good;
}

static tn_stmt *new_stmt(tn_db *db, const tn__run *run)
{
    tn_stmt *stmt = calloc(1, sizeof(*stmt));

    if (!stmt)
        return NULL;
    stmt->db = db;
    stmt->family = db->provider->family;
    tn__arena_init(&stmt->arena, DESCRIPTION_MAX);
    stmt->sql = (tn__sql){.text = strndup(run->on.stmt->text, run->on.stmt->len),
                          .len = run->on.stmt->len,
                          .hash = run->on.stmt->hash,
                          .measured = true};
    if (!stmt->sql.text || !copy_description(stmt, &run->on.stmt->info)) {
        tn_stmt_close(stmt);
        return NULL;
    }
    return stmt;
}

tn_status tn_prepare(tn_db *db, const char *sql, tn_stmt **ret, tn_error *err)
{
    tn__sql text = tn__sql_of(sql);
    tn__run run;

    tn_status status = tn__run_prepare(&run, db, &text, err);
    if (status != TN_OK)
        return status;
    tn_stmt *stmt = new_stmt(db, &run);
    tn__run_end(&run);
    if (!stmt)
        return tn_error_set(err, TN_NOMEM, NULL, "out of memory");
    *ret = stmt;
    return TN_OK;
}

size_t tn_stmt_params(const tn_stmt *stmt)
{
    return stmt->n_params;
}

tn_type tn_stmt_param_type(const tn_stmt *stmt, size_t index)
{
    return index < stmt->n_params ? stmt->params[index].type : TN_TYPE_NULL;
}

size_t tn_stmt_columns(const tn_stmt *stmt)
{
    return stmt->n_columns;
}

const tn_column *tn_stmt_column(const tn_stmt *stmt, size_t index)
{
    return index < stmt->n_columns ? &stmt->columns[index] : NULL;
}

/* The description is of one database: on another the same text may mean something else. */
static tn_status check_client(const tn_stmt *stmt, const tn_db *db, tn_error *err)
{
    if (!db || db->magic != TN__DB_MAGIC || db->provider->family == stmt->family)
        return TN_OK;
    return tn_error_set(err, TN_MISUSE, NULL, "the statement was prepared on another client");
}

tn_rows *tn_stmt_query(tn_stmt *stmt, tn_db *db, const tn_call *call, const tn_arglist *args)
{
    tn_error err = TN_ERROR_INIT;

    if (check_client(stmt, db, &err) != TN_OK)
        return tn__rows_failed(&err);
    return tn__rows_open(db ? db : stmt->db, call, &stmt->sql, args);
}

tn_status tn_stmt_get(tn_stmt *stmt, tn_db *db, const tn_call *call, const tn_arglist *args,
                      const tn_intolist *into, tn_error *err)
{
    tn_status status = check_client(stmt, db, err);

    if (status != TN_OK)
        return status;
    return tn__query_get(db ? db : stmt->db, call, &stmt->sql, args, into, err);
}

tn_status tn_stmt_exec(tn_stmt *stmt, tn_db *db, const tn_call *call, const tn_arglist *args,
                       int64_t *ret_affected, tn_error *err)
{
    tn_status status = check_client(stmt, db, err);

    if (status != TN_OK)
        return status;
    return tn__query_exec(db ? db : stmt->db, call, &stmt->sql, args, ret_affected, err);
}

void tn_stmt_close(tn_stmt *stmt)
{
    if (!stmt)
        return;
    tn__arena_free(&stmt->arena);
    free((void *)(uintptr_t)stmt->sql.text);
    free(stmt);
}
