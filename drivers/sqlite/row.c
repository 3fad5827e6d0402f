/* SPDX-License-Identifier: MIT */
/*
 * Reading rows. Texts of a batch are copied into memory that is used again, so that rows stay valid
 * while SQLite moves on and a warm call allocates nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "sqlite/cursor.h"

#define PIECE 8192 /* bytes of texts taken at once when the cursor's own room is full */

/* Room for the values of so many rows. */
static bool reserve(tn_driver_cursor *cursor, size_t rows)
{
    size_t values = rows * cursor->n_columns; /* at most LITE_BATCH_VALUES, or one row's columns */
    tn_value *grown;

    if (values <= cursor->cap_values)
        return true;
    grown = realloc(cursor->values, values * sizeof *grown);
    if (!grown)
        return false;
    cursor->values = grown;
    cursor->cap_values = values;
    return true;
}

tn_status lite_row_failed(tn_driver_cursor *cursor, uint32_t column, const char *sqlstate,
                          tn_error *err)
{
    tn_driver_stmt *stmt = cursor->stmt;
    tn_driver_conn *conn = cursor->conn;
    static const char *const words[] = {"", "an integer", "a real", "a text", "a blob", "NULL"};
    const char *type = stmt->types[column].sql;
    int storage = sqlite3_column_type(stmt->stmt, (int)column);
    char text[320];
    tn_diagnostic diagnostic = {
        .size = sizeof diagnostic,
        .phase = TN_PHASE_FETCH,
        .sqlstate = kit_str(sqlstate),
        .table = kit_str(stmt->columns[column].table),
        .column = kit_str(stmt->columns[column].name),
        .datatype = kit_str(type),
    };
    tn_status status;

    if (strcmp(sqlstate, "53200") == 0) {
        status = kit_nomem(conn->host, err, TN_PHASE_FETCH);
    } else {
        (void)snprintf(text, sizeof text, "column \"%.80s\": the stored value%s%.80s %s type %s%s",
                       stmt->columns[column].name, storage == SQLITE_BLOB ? "" : " ",
                       storage == SQLITE_BLOB
                           ? ""
                           : (const char *)sqlite3_column_text(stmt->stmt, (int)column),
                       strcmp(sqlstate, "22003") == 0 ? "is out of range for" : "is not a value of",
                       type, stmt->types[column].type == TN_TYPE_ARRAY ? "[]" : "");
        diagnostic.message = kit_str(text);
        diagnostic.detail = kit_str(words[storage <= 5 ? storage : 0]);
        if (stmt->types[column].type == TN_TYPE_INT32 && strcmp(sqlstate, "22003") == 0)
            diagnostic.hint = TN__STR("an integer has 32 bits; declare the column bigint");
        status = conn->host->fail(err, &diagnostic);
    }
    lite_cursor_let_go(cursor);
    cursor->step = SQLITE_MISUSE;
    lite_txn_fail(conn);
    return status;
}

/* len bytes, the room's piece being used up; what is left of it is given up. */
static LITE_SELDOM char *more_room(lite_room *room, size_t len)
{
    char *piece;

    if (room->piece <= len)
        return tn__arena_alloc(room->arena, len);
    piece = tn__arena_alloc(room->arena, room->piece);
    if (!piece)
        return NULL;
    room->at = piece + len;
    room->end = piece + room->piece;
    return piece;
}

/* A text as it stands, with its NUL. false: no memory. */
static inline bool take_text(sqlite3_value *stored, lite_room *room, tn_value *out)
{
    const unsigned char *text = sqlite3_value_text(stored);
    size_t len = (size_t)sqlite3_value_bytes(stored);
    char *copy = room->at;

    if (TN_UNLIKELY(!text))
        return false;
    if (TN_LIKELY(len < (size_t)(room->end - copy)))
        room->at = copy + len + 1;
    else if (!(copy = more_room(room, len + 1)))
        return false;
    out->as.ptr = copy;
    out->len = (uint32_t)len;
    memcpy(copy, text, len);
    copy[len] = '\0';
    return true;
}

/* A value that is stored as its column's type says, without a conversion. false: it does not go
 * into the type, or there is no memory. */
static inline bool read_plain(sqlite3_value *stored, const lite_plain *plain, lite_room *room,
                              tn_value *out)
{
    *out = plain->like;
    if (plain->storage == SQLITE_INTEGER) {
        out->as.i = sqlite3_value_int64(stored);
        return !plain->narrow || out->as.i == (int32_t)out->as.i;
    }
    if (plain->storage == SQLITE_TEXT)
        return take_text(stored, room, out);
    out->as.f = sqlite3_value_double(stored);
    return true;
}

static const lite_plain plain_integer = {{.type = TN_TYPE_INT64}, SQLITE_INTEGER, false};
static const lite_plain plain_narrow = {{.type = TN_TYPE_INT32}, SQLITE_INTEGER, true};
static const lite_plain plain_float = {{.type = TN_TYPE_FLOAT8}, SQLITE_FLOAT, false};
static const lite_plain plain_text = {{.type = TN_TYPE_TEXT}, SQLITE_TEXT, false};

lite_plain lite_plain_of(const lite_type *type)
{
    switch (type->type) {
    case TN_TYPE_INT32: return plain_narrow;
    case TN_TYPE_INT64: return plain_integer;
    case TN_TYPE_FLOAT8: return plain_float;
    case TN_TYPE_TEXT: return plain_text;
    default: return (lite_plain){.storage = 0};
    }
}

/* NULL: SQLite's class is none of these. */
static const lite_plain *plain_of_storage(int storage)
{
    switch (storage) {
    case SQLITE_INTEGER: return &plain_integer;
    case SQLITE_FLOAT: return &plain_float;
    case SQLITE_TEXT: return &plain_text;
    default: return NULL;
    }
}

/* Everything else: NULL, what has to be converted, and what has no declared type. */
static __attribute__((noinline)) const char *read_other(const tn_driver_cursor *cursor, uint32_t i,
                                                        sqlite3_value *stored, lite_room *room,
                                                        tn_value *out)
{
    const lite_type *type = &cursor->stmt->types[i];
    const lite_plain *plain;

    if (type->type == TN_TYPE_NULL) {
        plain = plain_of_storage(sqlite3_value_type(stored));
        if (plain && read_plain(stored, plain, room, out))
            return NULL;
    }
    return lite_value_read(cursor->conn, stored, type, room->arena, out);
}

/* The row that stands, into out. NULL, or the SQLSTATE and the column that failed. */
static inline __attribute__((always_inline)) const char *read_row(
    const tn_driver_cursor *cursor, sqlite3_stmt *stmt, const lite_plain *plain, uint32_t n,
    tn_value *out, lite_room *room, uint32_t *ret_column)
{
    for (uint32_t i = 0; i < n; i++, plain++, out++) {
        sqlite3_value *stored = sqlite3_column_value(stmt, (int)i);
        const char *wrong;
        if (TN_LIKELY(sqlite3_value_type(stored) == plain->storage) &&
            TN_LIKELY(read_plain(stored, plain, room, out)))
            continue;
        wrong = read_other(cursor, i, stored, room, out);
        if (TN_UNLIKELY(wrong != NULL)) {
            *ret_column = i;
            return wrong;
        }
    }
    return NULL;
}

const char *lite_row_read(tn_driver_cursor *cursor, tn_value *out, lite_room *room,
                          uint32_t *ret_column)
{
    const tn_driver_stmt *stmt = cursor->stmt;

    return read_row(cursor, stmt->stmt, stmt->plain, cursor->n_columns, out, room, ret_column);
}

static LITE_SELDOM tn_status no_room(tn_driver_cursor *cursor, tn_error *err)
{
    lite_cursor_let_go(cursor);
    lite_txn_fail(cursor->conn);
    return kit_nomem(cursor->conn->host, err, TN_PHASE_FETCH);
}

/* Rows until the batch is full, or its texts are. */
static uint32_t read_rows(tn_driver_cursor *cursor, uint32_t most, uint32_t *ret_column,
                          const char **ret_wrong)
{
    lite_room room = {cursor->own_text, cursor->own_text + LITE_OWN_TEXT, &cursor->arena, PIECE};
    sqlite3_stmt *stmt = cursor->stmt->stmt;
    const lite_plain *plain = cursor->stmt->plain;
    tn_value *out = cursor->values;
    uint32_t n = cursor->n_columns, rows = 0;
    int step;

    do {
        *ret_wrong = read_row(cursor, stmt, plain, n, out, &room, ret_column);
        if (TN_UNLIKELY(*ret_wrong != NULL))
            return rows;
        out += n;
        rows++;
        step = sqlite3_step(stmt);
    } while (step == SQLITE_ROW && rows < most && cursor->arena.used < LITE_BATCH_BYTES);
    cursor->step = step;
    return rows;
}

tn_status lite_batch_read(tn_driver_cursor *cursor, uint32_t *ret_rows, tn_error *err)
{
    uint32_t most = cursor->batch, rows, column = 0;
    const char *wrong;

    if (most > cursor->stmt->most_rows)
        most = cursor->stmt->most_rows;
    if (!reserve(cursor, most))
        return no_room(cursor, err);
    if (cursor->arena.used)
        tn__arena_reset(&cursor->arena);
    rows = read_rows(cursor, most, &column, &wrong);
    if (TN_UNLIKELY(wrong && rows == 0))
        return lite_row_failed(cursor, column, wrong, err);
    cursor->batch = LITE_BATCH;
    cursor->rows += rows;
    if (cursor->step == SQLITE_DONE)
        lite_cursor_finish(cursor);
    *ret_rows = rows;
    return TN_OK;
}
