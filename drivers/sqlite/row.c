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
static inline bool take_text(sqlite3_value *stored, lite_room *room, tn_value *ret)
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
    memcpy(copy, text, len);
    copy[len] = '\0';
    *ret = (tn_value){.as.ptr = copy, .len = (uint32_t)len, .type = TN_TYPE_TEXT};
    return true;
}

/* The common cases of lite_value_read(), without a call: a value that is stored as its column's
 * type says. false: anything else. */
static inline bool read_plain(sqlite3_value *stored, const lite_type *type, lite_room *room,
                              tn_value *ret)
{
    int storage = sqlite3_value_type(stored);
    tn_type wanted = type->type;
    int64_t number;

    if (storage == SQLITE_INTEGER) {
        number = sqlite3_value_int64(stored);
        if (wanted == TN_TYPE_NULL)
            wanted = TN_TYPE_INT64;
        *ret = (tn_value){.as.i = number, .type = (uint8_t)wanted};
        return wanted == TN_TYPE_INT64 || (wanted == TN_TYPE_INT32 && number == (int32_t)number);
    }
    if (storage == SQLITE_TEXT)
        return (wanted == TN_TYPE_TEXT || wanted == TN_TYPE_NULL) && take_text(stored, room, ret);
    if (storage != SQLITE_FLOAT || (wanted != TN_TYPE_FLOAT8 && wanted != TN_TYPE_NULL))
        return false;
    *ret = (tn_value){.as.f = sqlite3_value_double(stored), .type = TN_TYPE_FLOAT8};
    return true;
}

static inline const char *read_row(tn_driver_cursor *cursor, tn_value *out, lite_room *room,
                                   uint32_t *ret_column)
{
    sqlite3_stmt *stmt = cursor->stmt->stmt;
    const lite_type *type = cursor->stmt->types;
    const lite_type *end = type + cursor->n_columns;

    for (int i = 0; type < end; i++, type++, out++) {
        sqlite3_value *stored = sqlite3_column_value(stmt, i);
        const char *wrong;
        if (TN_LIKELY(read_plain(stored, type, room, out)))
            continue;
        wrong = lite_value_read(cursor->conn, stored, type, room->arena, out);
        if (wrong) {
            *ret_column = (uint32_t)i;
            return wrong;
        }
    }
    return NULL;
}

const char *lite_row_read(tn_driver_cursor *cursor, tn_value *out, lite_room *room,
                          uint32_t *ret_column)
{
    return read_row(cursor, out, room, ret_column);
}

static LITE_SELDOM tn_status no_room(tn_driver_cursor *cursor, tn_error *err)
{
    lite_cursor_let_go(cursor);
    lite_txn_fail(cursor->conn);
    return kit_nomem(cursor->conn->host, err, TN_PHASE_FETCH);
}

tn_status lite_batch_read(tn_driver_cursor *cursor, uint32_t *ret_rows, tn_error *err)
{
    lite_room room = {cursor->own_text, cursor->own_text + LITE_OWN_TEXT, &cursor->arena, PIECE};
    uint32_t most = cursor->batch, rows = 0, column = 0;
    const char *wrong = NULL;
    tn_value *out;

    if (most > cursor->stmt->most_rows)
        most = cursor->stmt->most_rows;
    if (!reserve(cursor, most))
        return no_room(cursor, err);
    if (cursor->arena.used)
        tn__arena_reset(&cursor->arena);
    out = cursor->values;
    do {
        wrong = read_row(cursor, out, &room, &column);
        if (TN_UNLIKELY(wrong != NULL))
            break;
        out += cursor->n_columns;
        rows++;
        cursor->step = sqlite3_step(cursor->stmt->stmt);
    } while (cursor->step == SQLITE_ROW && rows < most && cursor->arena.used < LITE_BATCH_BYTES);
    if (wrong && rows == 0)
        return lite_row_failed(cursor, column, wrong, err);
    cursor->batch = LITE_BATCH;
    cursor->rows += rows;
    if (cursor->step == SQLITE_DONE)
        lite_cursor_finish(cursor);
    *ret_rows = rows;
    return TN_OK;
}
