/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "base/lexer.h"
#include "base/str.h"
#include "sqlite/cursor.h"

#define SOME_PARAMS  16
#define SCHEMA_TRIES 5
#define KEPT_SCRATCH 1048576 /* bytes; a very long statement's room is given back */

/* A placeholder takes any type. */
static const tn_param any_type[SOME_PARAMS] = {
    {TN_TYPE_NULL, TN_TYPE_NULL, ""}, {TN_TYPE_NULL, TN_TYPE_NULL, ""},
    {TN_TYPE_NULL, TN_TYPE_NULL, ""}, {TN_TYPE_NULL, TN_TYPE_NULL, ""},
    {TN_TYPE_NULL, TN_TYPE_NULL, ""}, {TN_TYPE_NULL, TN_TYPE_NULL, ""},
    {TN_TYPE_NULL, TN_TYPE_NULL, ""}, {TN_TYPE_NULL, TN_TYPE_NULL, ""},
    {TN_TYPE_NULL, TN_TYPE_NULL, ""}, {TN_TYPE_NULL, TN_TYPE_NULL, ""},
    {TN_TYPE_NULL, TN_TYPE_NULL, ""}, {TN_TYPE_NULL, TN_TYPE_NULL, ""},
    {TN_TYPE_NULL, TN_TYPE_NULL, ""}, {TN_TYPE_NULL, TN_TYPE_NULL, ""},
    {TN_TYPE_NULL, TN_TYPE_NULL, ""}, {TN_TYPE_NULL, TN_TYPE_NULL, ""},
};

static bool make_params(tn_driver_stmt *stmt)
{
    tn_param *params;

    stmt->params = any_type;
    if (stmt->info.n_params <= SOME_PARAMS && !stmt->info.param_types)
        return true;
    params = tn__arena_array(&stmt->arena, stmt->info.n_params, sizeof *params);
    if (!params)
        return false;
    for (uint32_t i = 0; i < stmt->info.n_params; i++)
        params[i] = any_type[0];
    for (uint32_t i = 0; stmt->info.param_types && i < stmt->info.n_params; i++) {
        const lite_type *type = stmt->info.param_types[i];
        if (type)
            params[i] = (tn_param){type->type, type->element,
                                   type->type == TN_TYPE_ARRAY ? "" : type->sql};
    }
    stmt->params = params;
    return true;
}

static const char *copy_text(tn__arena *arena, const char *text)
{
    return text && *text ? tn__arena_copy(arena, text, strlen(text)) : "";
}

/* A rowid is 64 bits wide whatever the word is by which it was reached. */
static bool is_rowid(sqlite3_stmt *stmt, int i)
{
    const char *origin = sqlite3_column_origin_name(stmt, i);

    return origin && sqlite3_stricmp(origin, "rowid") == 0;
}

static bool read_column(tn_driver_stmt *stmt, int i, tn_column *column, lite_type *type)
{
    const lite_item *item = lite_select_item(&stmt->info, (uint32_t)i,
                                             (uint32_t)sqlite3_column_count(stmt->stmt));
    const char *declared = sqlite3_column_decltype(stmt->stmt, i);
    const char *name = sqlite3_column_name(stmt->stmt, i);

    (void)lite_decltype(kit_str(declared), type);
    if (type->type == TN_TYPE_INT32 && is_rowid(stmt->stmt, i))
        (void)lite_decltype(TN__STR("bigint"), type);
    if (!declared && item && item->type)
        *type = *item->type;
    if (item && item->name)
        name = item->name;
    if (!name) /* no memory, says SQLite */
        return false;
    *column = (tn_column){
        .name = copy_text(&stmt->arena, name),
        .type_name = copy_text(&stmt->arena, declared ? declared : type->name),
        .table = copy_text(&stmt->arena, sqlite3_column_table_name(stmt->stmt, i)),
        .type = type->type,
        .element = type->element,
        .modifier = type->modifier,
    };
    return column->name && column->type_name && column->table;
}

static uint32_t most_rows(uint32_t n_columns)
{
    uint32_t most = n_columns ? LITE_BATCH_VALUES / n_columns : 1;

    return most > LITE_BATCH ? LITE_BATCH : most ? most : 1;
}

static bool read_columns(tn_driver_stmt *stmt)
{
    int n = sqlite3_column_count(stmt->stmt);

    stmt->columns = tn__arena_array(&stmt->arena, (size_t)n, sizeof *stmt->columns);
    stmt->types = tn__arena_array(&stmt->arena, (size_t)n, sizeof *stmt->types);
    stmt->plain = tn__arena_array(&stmt->arena, (size_t)n, sizeof *stmt->plain);
    stmt->values = tn__arena_array(&stmt->arena, (size_t)n, sizeof(sqlite3_value *));
    if (n > 0 && (!stmt->columns || !stmt->types || !stmt->plain || !stmt->values))
        return false;
    if (n > 0)
        stmt->values[0] = NULL;
    for (int i = 0; i < n; i++) {
        if (!read_column(stmt, i, &stmt->columns[i], &stmt->types[i]))
            return false;
        stmt->plain[i] = lite_plain_of(&stmt->types[i]);
    }
    stmt->n_columns = (uint32_t)n;
    stmt->most_rows = most_rows(stmt->n_columns);
    stmt->reprepared = sqlite3_stmt_status(stmt->stmt, SQLITE_STMTSTATUS_REPREPARE, 0);
    return true;
}

bool lite_stmt_compare_columns(tn_driver_stmt *stmt, int reprepared)
{
    if ((uint32_t)sqlite3_column_count(stmt->stmt) != stmt->n_columns)
        return false;
    if (stmt->n_columns > 0)
        stmt->values[0] = NULL;
    for (uint32_t i = 0; i < stmt->n_columns; i++) {
        const char *declared = sqlite3_column_decltype(stmt->stmt, (int)i);
        lite_type type = stmt->types[i];
        if (declared)
            (void)lite_decltype(kit_str(declared), &type);
        if (type.type == TN_TYPE_INT32 && is_rowid(stmt->stmt, (int)i))
            (void)lite_decltype(TN__STR("bigint"), &type);
        if (type.type != stmt->types[i].type || type.element != stmt->types[i].element ||
            type.modifier != stmt->types[i].modifier)
            return false;
    }
    stmt->reprepared = reprepared;
    return true;
}

/* True if nothing but space, comments and semicolons is left. */
static bool is_end(const char *tail, size_t len)
{
    tn__lexer lexer;

    tn__lexer_init(&lexer, tn__str(tail, len));
    for (;;) {
        tn__tok tok = tn__lexer_skip(&lexer);
        if (tok.kind == TN__TOK_END)
            return true;
        if (tok.kind != TN__TOK_SEMICOLON)
            return false;
    }
}

static uint32_t flags_of(const tn_driver_stmt *stmt)
{
    uint32_t flags = stmt->n_columns ? TN_STMT_ROWS : 0;

    if (stmt->info.kind == LITE_KIND_EMPTY)
        flags |= TN_STMT_EMPTY | TN_STMT_READ_ONLY;
    else if (stmt->info.kind == LITE_KIND_EXPLAIN ||
             (stmt->info.kind == LITE_KIND_SELECT && !stmt->writes))
        flags |= TN_STMT_READ_ONLY;
    return flags;
}

/* sqlite3_prepare(). Where another connection has changed the schema and the text itself needs none
 * of it, an error in the text comes out as SQLITE_SCHEMA however often it is tried: the schema has
 * to be read first. */
static int prepare_text(tn_driver_stmt *stmt, const char **ret_tail)
{
    tn_driver_conn *conn = stmt->conn;
    tn_str sql = stmt->info.sql;
    int rc = SQLITE_SCHEMA;

    for (int i = 0; i < SCHEMA_TRIES && (rc & 0xff) == SQLITE_SCHEMA; i++) {
        if (i > 0)
            (void)lite_exec(conn, "SELECT 1 FROM sqlite_schema LIMIT 1");
        rc = sqlite3_prepare_v3(conn->db, sql.ptr, (int)sql.len + 1, SQLITE_PREPARE_PERSISTENT,
                                &stmt->stmt, ret_tail);
    }
    return rc;
}

/* Gives the text to SQLite and reads what it made of it. */
static tn_status compile(tn_driver_stmt *stmt, tn_error *err)
{
    tn_driver_conn *conn = stmt->conn;
    tn_str sql = stmt->info.sql;
    const char *tail = NULL;
    int rc;

    if (sql.len > INT32_MAX - 1)
        return lite_fail(conn, TN_PHASE_PREPARE, "54000", err, "the statement is too long");
    rc = prepare_text(stmt, &tail);
    if (rc != SQLITE_OK)
        return lite_error(conn, rc, &(lite_where){TN_PHASE_PREPARE, &stmt->info, stmt->sql}, err);
    if (!stmt->stmt) {
        stmt->info.kind = LITE_KIND_EMPTY;
        return TN_OK;
    }
    if (tail && !is_end(tail, sql.len - (size_t)(tail - sql.ptr)))
        return lite_fail(conn, TN_PHASE_PREPARE, "42601", err,
                         "cannot insert multiple commands into a prepared statement");
    stmt->writes = !sqlite3_stmt_readonly(stmt->stmt) && !sqlite3_stmt_isexplain(stmt->stmt);
    stmt->marks = stmt->info.kind < LITE_KIND_SELECT || stmt->info.kind > LITE_KIND_DELETE;
    if (stmt->info.sets) /* some PRAGMAs act while they are prepared */
        conn->altered = true;
    if (!read_columns(stmt))
        return kit_nomem(conn->host, err, TN_PHASE_PREPARE);
    stmt->rows_of_write = stmt->writes && stmt->n_columns > 0;
    if (stmt->rows_of_write) {
        rc = lite_fixed_run(conn, LITE_SCHEMA_VERSION, &stmt->schema_version);
        if (rc != SQLITE_OK)
            return lite_error(conn, rc, &(lite_where){.phase = TN_PHASE_PREPARE}, err);
    }
    return TN_OK;
}

static tn_status build(tn_driver_stmt *stmt, tn_error *err)
{
    tn_driver_conn *conn = stmt->conn;
    tn_status status = lite_dialect_translate(conn, stmt->sql, &stmt->arena, &stmt->info, err);

    if (status != TN_OK)
        return status;
    if (stmt->info.kind != LITE_KIND_TRANSACTION) {
        status = lite_txn_check(conn, TN_PHASE_PREPARE, err);
        if (status == TN_OK && stmt->info.kind != LITE_KIND_EMPTY)
            status = compile(stmt, err);
    }
    if (status == TN_OK && !make_params(stmt))
        status = kit_nomem(conn->host, err, TN_PHASE_PREPARE);
    stmt->flags = flags_of(stmt);
    return status;
}

tn_status lite_stmt_prepare(tn_driver_conn *conn, tn_str sql, int64_t deadline_ns,
                            tn_driver_stmt **ret, tn_error *err)
{
    tn_driver_stmt *stmt = calloc(1, sizeof *stmt);
    tn_status status;

    if (!stmt)
        return kit_nomem(conn->host, err, TN_PHASE_PREPARE);
    lite_arm(conn, deadline_ns);
    stmt->conn = conn;
    stmt->sql = sql;
    tn__arena_init(&stmt->arena, TN__BUF_MAX);
    tn__arena_init(&stmt->bound, TN__BUF_MAX);
    status = build(stmt, err);
    stmt->info.sql = (tn_str){NULL, 0};
    if (conn->scratch.cap > KEPT_SCRATCH) {
        tn__buf_free(&conn->scratch);
        tn__buf_init(&conn->scratch, TN__BUF_MAX);
    }
    if (status != TN_OK) {
        lite_stmt_close(stmt);
        lite_txn_fail(conn);
        return status;
    }
    *ret = stmt;
    return TN_OK;
}

void lite_stmt_describe(const tn_driver_stmt *stmt, tn_stmt_info *ret)
{
    tn_stmt_info info = {
        .size = ret->size,
        .params = stmt->params,
        .n_params = stmt->info.n_params,
        .columns = stmt->columns,
        .n_columns = stmt->n_columns,
        .flags = stmt->flags,
    };

    memcpy(ret, &info, ret->size < sizeof info ? ret->size : sizeof info);
}

void lite_stmt_close(tn_driver_stmt *stmt)
{
    if (!stmt)
        return;
    if (stmt->cursor)
        lite_cursor_orphan(stmt->cursor);
    (void)sqlite3_finalize(stmt->stmt);
    tn__arena_free(&stmt->arena);
    tn__arena_free(&stmt->bound);
    free(stmt);
}
