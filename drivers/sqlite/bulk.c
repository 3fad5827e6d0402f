/* SPDX-License-Identifier: MIT */
/*
 * Many rows by one prepared INSERT. The first one is run as any statement is, which takes the write
 * lock; behind it nothing can get in between, so that the others are bound and stepped.
 *
 * SQLite holds nothing against a value that is not of its column's type, and reading it would fail
 * then. So the columns' declared types are looked up, values are converted to them by the host,
 * texts are read here as PostgreSQL reads them, and what numeric(p,s) and varchar(n) say is kept.
 */
#include "sqlite/lite.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"

struct tn_driver_bulk {
    tn_driver_conn *conn;
    tn_driver_stmt *insert;
    size_t n_columns;
    lite_type *types;
    tn_param *params;
    bool *bounded;    /* one a column, see lite_has_bounds() */
    uint32_t *most;   /* bytes of a text that is bound as it is; 0: none is */
    tn_value *values; /* of one row, converted */
    tn__arena arena;  /* for them */
    uint64_t rows;
    uint64_t failed_row;
    uint32_t failed_column;
    int64_t written;
};

static void put_columns(tn__buf *sql, const tn_bulk_request *request)
{
    tn__buf_puts(sql, "SELECT ");
    for (size_t i = 0; i < request->n_columns; i++) {
        tn__buf_puts(sql, i ? ", " : "");
        tn__buf_str(sql, request->columns[i]);
    }
    tn__buf_puts(sql, " FROM ");
    tn__buf_str(sql, request->table);
}

static void take_type(tn_driver_bulk *bulk, sqlite3_stmt *stmt, size_t i)
{
    lite_type *type = &bulk->types[i];
    const char *declared = sqlite3_column_decltype(stmt, (int)i);

    (void)lite_decltype(kit_str(declared), type);
    bulk->bounded[i] = lite_has_bounds(type);
    bulk->most[i] = !bulk->bounded[i]                     ? UINT32_MAX
                    : strcmp(type->sql, "character") == 0 ? 0 /* blanks are filled in */
                                                          : (uint32_t)type->modifier;
    bulk->params[i] = (tn_param){
        .type = type->type,
        .element = type->element,
        .type_name = type->type == TN_TYPE_ARRAY ? "" : type->sql,
    };
}

static tn_status read_types(tn_driver_bulk *bulk, const tn_bulk_request *request, tn_error *err)
{
    tn_driver_conn *conn = bulk->conn;
    tn__buf *sql = &conn->scratch;
    sqlite3_stmt *stmt = NULL;

    tn__buf_reset(sql);
    put_columns(sql, request);
    if (sql->failed)
        return kit_nomem(conn->host, err, TN_PHASE_PREPARE);
    int rc = sqlite3_prepare_v2(conn->db, sql->ptr, (int)sql->len + 1, &stmt, NULL);
    if (rc != SQLITE_OK)
        return lite_error(conn, rc, &(lite_where){.phase = TN_PHASE_PREPARE}, err);
    bool all = (size_t)sqlite3_column_count(stmt) == request->n_columns;
    for (size_t i = 0; all && i < request->n_columns; i++)
        take_type(bulk, stmt, i);
    (void)sqlite3_finalize(stmt);
    return all ? TN_OK
               : lite_fail(conn, TN_PHASE_PREPARE, "42703", err, "the columns cannot be read back");
}

static void free_bulk(tn_driver_bulk *bulk)
{
    if (!bulk)
        return;
    tn__arena_free(&bulk->arena);
    free(bulk->types);
    free(bulk->params);
    free(bulk->bounded);
    free(bulk->most);
    free(bulk->values);
    free(bulk);
}

static tn_driver_bulk *new_bulk(tn_driver_conn *conn, const tn_bulk_request *request)
{
    tn_driver_bulk *bulk = calloc(1, sizeof *bulk);
    size_t n = request->n_columns;

    if (!bulk)
        return NULL;
    bulk->conn = conn;
    bulk->insert = request->insert;
    bulk->n_columns = n;
    tn__arena_init(&bulk->arena, TN__BUF_MAX);
    bulk->types = calloc(n, sizeof *bulk->types);
    bulk->params = calloc(n, sizeof *bulk->params);
    bulk->bounded = calloc(n, sizeof *bulk->bounded);
    bulk->most = calloc(n, sizeof *bulk->most);
    bulk->values = calloc(n, sizeof *bulk->values);
    if (bulk->types && bulk->params && bulk->bounded && bulk->most && bulk->values)
        return bulk;
    free_bulk(bulk);
    return NULL;
}

tn_status lite_bulk_open(tn_driver_conn *conn, const tn_bulk_request *request, int64_t deadline_ns,
                         tn_driver_bulk **ret, tn_error *err)
{
    tn_driver_bulk *bulk = new_bulk(conn, request);

    if (!bulk)
        return kit_nomem(conn->host, err, TN_PHASE_PREPARE);
    lite_arm(conn, deadline_ns);
    tn_status status = read_types(bulk, request, err);
    if (status != TN_OK) {
        lite_txn_fail(conn);
        free_bulk(bulk);
        return status;
    }
    *ret = bulk;
    return TN_OK;
}

void lite_bulk_describe(const tn_driver_bulk *bulk, tn_bulk_info *ret)
{
    const tn_bulk_info info = {
        .size = ret->size,
        .params = bulk->params,
        .failed_row = bulk->failed_row,
        .failed_column = bulk->failed_column,
    };

    memcpy(ret, &info, ret->size < sizeof info ? ret->size : sizeof info);
}

/* ---- rows ----------------------------------------------------------------------------------- */

static bool is_foreign_text(const lite_type *type, const tn_value *value)
{
    return value->type == TN_TYPE_TEXT && type->type != TN_TYPE_TEXT && type->type != TN_TYPE_NULL;
}

static bool to_be_converted(const tn_driver_bulk *bulk, size_t i, const tn_value *value)
{
    return is_foreign_text(&bulk->types[i], value) ||
           (bulk->bounded[i] && value->type != TN_TYPE_NULL);
}

/* Reads a text for a column of another type, and makes the value fit what the column may hold.
 * NULL, or the SQLSTATE. */
static const char *convert(tn_driver_bulk *bulk, size_t i, const tn_value *value, char *message,
                           size_t size)
{
    tn_driver_conn *conn = bulk->conn;
    const lite_type *type = &bulk->types[i];
    tn_value *ret = &bulk->values[i];
    const char *wrong = NULL;

    *ret = *value;
    if (is_foreign_text(type, value))
        wrong = lite_text_parse(conn, type, tn__str(value->as.ptr, value->len), &bulk->arena, ret,
                                message, size);
    if (!wrong && bulk->bounded[i]) {
        tn_value read = *ret;
        wrong = lite_fit(conn, type, &read, &bulk->arena, ret, message, size);
    }
    return wrong;
}

/* *ret: the row as it is to be bound. */
static tn_status convert_row(tn_driver_bulk *bulk, const tn_value *values, const tn_value **ret,
                             tn_error *err)
{
    char message[256];
    bool any = false;

    for (size_t i = 0; !any && i < bulk->n_columns; i++)
        any = to_be_converted(bulk, i, &values[i]);
    *ret = any ? bulk->values : values;
    if (!any)
        return TN_OK;
    tn__arena_reset(&bulk->arena);
    for (size_t i = 0; i < bulk->n_columns; i++) {
        const char *wrong = convert(bulk, i, &values[i], message, sizeof message);
        if (!wrong)
            continue;
        bulk->failed_column = (uint32_t)i + 1;
        return lite_fail(bulk->conn, TN_PHASE_BIND, wrong, err, "%s", message);
    }
    return TN_OK;
}

static tn_status insert_first(tn_driver_bulk *bulk, const tn_value *values, int64_t deadline_ns,
                              tn_error *err)
{
    tn_driver_cursor *cursor;
    const tn_value *row;

    tn_status status = convert_row(bulk, values, &row, err);
    if (status == TN_OK)
        status = lite_cursor_execute(bulk->insert, row, bulk->n_columns, 0, deadline_ns, &cursor,
                                     err);
    if (status == TN_OK)
        lite_cursor_close(cursor);
    return status;
}

/* The usual values; texts live until the row is written. false: some other one is among them. */
static bool bind_usual(const tn_driver_bulk *bulk, const tn_value *values)
{
    sqlite3_stmt *stmt = bulk->insert->stmt;
    int rc = SQLITE_OK;

    for (size_t i = 0; rc == SQLITE_OK && i < bulk->n_columns; i++) {
        const tn_value *value = &values[i];
        int index = (int)i + 1;
        switch ((tn_type)value->type) {
        case TN_TYPE_NULL: rc = sqlite3_bind_null(stmt, index); break;
        case TN_TYPE_INT16:
        case TN_TYPE_INT32:
        case TN_TYPE_INT64: rc = sqlite3_bind_int64(stmt, index, value->as.i); break;
        case TN_TYPE_FLOAT8:
            if (value->as.f - value->as.f != 0)
                return false;
            rc = sqlite3_bind_double(stmt, index, value->as.f);
            break;
        case TN_TYPE_TEXT:
            if (is_foreign_text(&bulk->types[i], value) || value->len > bulk->most[i] ||
                !bulk->most[i])
                return false;
            rc = sqlite3_bind_text64(stmt, index, value->as.ptr, value->len, SQLITE_STATIC,
                                     SQLITE_UTF8);
            break;
        default: return false;
        }
    }
    return rc == SQLITE_OK;
}

static tn_status insert_next(tn_driver_bulk *bulk, const tn_value *values, tn_error *err)
{
    tn_driver_conn *conn = bulk->conn;
    tn_driver_stmt *insert = bulk->insert;
    const tn_value *row;

    if (!bind_usual(bulk, values)) {
        tn_status status = convert_row(bulk, values, &row, err);
        if (status == TN_OK)
            status = lite_bind(insert, row, bulk->n_columns, err);
        if (status != TN_OK)
            return status;
    }
    tn_status status = TN_OK;
    int rc = sqlite3_step(insert->stmt);
    if (rc != SQLITE_DONE)
        status = lite_error(conn, rc, &(lite_where){TN_PHASE_EXECUTE, &insert->info, {NULL, 0}},
                            err);
    (void)sqlite3_reset(insert->stmt);
    return status;
}

static tn_status write_row(tn_driver_bulk *bulk, const tn_value *values, int64_t deadline_ns,
                           tn_error *err)
{
    tn_driver_conn *conn = bulk->conn;

    tn_status status = bulk->rows == 0 ? insert_first(bulk, values, deadline_ns, err)
                                       : insert_next(bulk, values, err);
    if (status != TN_OK) {
        bulk->failed_row = bulk->rows + 1;
        lite_txn_fail(conn);
        return status;
    }
    bulk->rows++;
    bulk->written += sqlite3_changes(conn->db);
    return TN_OK;
}

tn_status lite_bulk_write(tn_driver_bulk *bulk, const tn_value *values, uint32_t rows,
                          int64_t deadline_ns, tn_error *err)
{
    tn_status status = TN_OK;

    lite_arm(bulk->conn, deadline_ns);
    for (uint32_t i = 0; i < rows && status == TN_OK; i++)
        status = write_row(bulk, values + i * bulk->n_columns, deadline_ns, err);
    return status;
}

tn_status lite_bulk_finish(tn_driver_bulk *bulk, int64_t deadline_ns, int64_t *ret_rows,
                           tn_error *err)
{
    (void)deadline_ns;
    (void)err;
    *ret_rows = bulk->written;
    free_bulk(bulk);
    return TN_OK;
}

void lite_bulk_abandon(tn_driver_bulk *bulk, int64_t deadline_ns)
{
    (void)deadline_ns;
    free_bulk(bulk);
}
