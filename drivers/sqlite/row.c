/* SPDX-License-Identifier: MIT */
/*
 * Reading rows. Texts of a batch are copied into memory that is used again, so that rows stay valid
 * while SQLite moves on and a warm call allocates nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "sqlite/cursor.h"

/* Room for so many values. */
static LITE_SELDOM bool reserve(tn_driver_cursor *cursor, size_t values)
{
    tn_value *grown = realloc(cursor->values, values * sizeof *grown);

    if (!grown)
        return false;
    cursor->values = grown;
    cursor->cap_values = values;
    return true;
}

/* The error of a value that could not be read; the cursor is over. */
static LITE_SELDOM tn_status value_failed(tn_driver_cursor *cursor, const char *sqlstate,
                                          tn_error *err)
{
    uint32_t column = cursor->wrong_column;
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
        return (uint64_t)out->as.i - (uint64_t)plain->least <= plain->span;
    }
    if (plain->storage == SQLITE_TEXT)
        return take_text(stored, room, out);
    out->as.f = sqlite3_value_double(stored);
    return true;
}

#define PLAIN(to, from) ((lite_plain){{.type = (to)}, (from), 0, 0})
#define PLAIN_INTEGER(to, a, b) \
    ((lite_plain){{.type = (to)}, SQLITE_INTEGER, (a), (uint64_t)(b) - (uint64_t)(a)})

lite_plain lite_plain_of(const lite_type *type)
{
    switch (type->type) {
    case TN_TYPE_BOOL: return PLAIN_INTEGER(TN_TYPE_BOOL, 0, 1);
    case TN_TYPE_INT16: return PLAIN_INTEGER(TN_TYPE_INT16, INT16_MIN, INT16_MAX);
    case TN_TYPE_INT32: return PLAIN_INTEGER(TN_TYPE_INT32, INT32_MIN, INT32_MAX);
    case TN_TYPE_INT64: return PLAIN_INTEGER(TN_TYPE_INT64, INT64_MIN, INT64_MAX);
    case TN_TYPE_FLOAT8: return PLAIN(TN_TYPE_FLOAT8, SQLITE_FLOAT);
    case TN_TYPE_TEXT:
    case TN_TYPE_JSON: return PLAIN(type->type, SQLITE_TEXT);
    default: return PLAIN(TN_TYPE_NULL, 0);
    }
}

/* Of a column without a type: as the value is stored. */
static lite_plain plain_of_storage(int storage)
{
    switch (storage) {
    case SQLITE_INTEGER: return PLAIN_INTEGER(TN_TYPE_INT64, INT64_MIN, INT64_MAX);
    case SQLITE_FLOAT: return PLAIN(TN_TYPE_FLOAT8, SQLITE_FLOAT);
    case SQLITE_TEXT: return PLAIN(TN_TYPE_TEXT, SQLITE_TEXT);
    default: return PLAIN(TN_TYPE_NULL, 0);
    }
}

/* Everything else: NULL, what has to be converted, and what has no declared type. */
static __attribute__((noinline)) const char *read_other(const tn_driver_cursor *cursor, uint32_t i,
                                                        sqlite3_value *stored, lite_room *room,
                                                        tn_value *out)
{
    const lite_type *type = &cursor->stmt->types[i];
    lite_plain plain;

    if (type->type == TN_TYPE_NULL) {
        plain = plain_of_storage(sqlite3_value_type(stored));
        if (plain.storage && read_plain(stored, &plain, room, out))
            return NULL;
    }
    return lite_value_read(cursor->conn, stored, type, room->arena, out);
}

static LITE_SELDOM void find_values(tn_driver_stmt *stmt)
{
    for (uint32_t i = 0; i < stmt->n_columns; i++)
        stmt->values[i] = sqlite3_column_value(stmt->stmt, (int)i);
}

/* The row that stands, into out. NULL, or the SQLSTATE of the column that is noted.
 *
 * A row is an array of registers of SQLite's machine, and a program puts all its rows into the
 * same ones, or into another array (the halves of UNION ALL). So the first column is asked for, and
 * where it is what it was, the others are, too: sqlite3_column_value() costs more than all else
 * that is done with a column here. */
static inline __attribute__((always_inline)) const char *read_row(tn_driver_cursor *cursor,
                                                                  tn_driver_stmt *stmt, uint32_t n,
                                                                  tn_value *out, lite_room *room)
{
    const lite_plain *plain = stmt->plain;
    sqlite3_value *const *values = stmt->values;

    if (TN_UNLIKELY(sqlite3_column_value(stmt->stmt, 0) != values[0]))
        find_values(stmt);
    for (uint32_t i = 0; i < n; i++, plain++, out++) {
        sqlite3_value *stored = values[i];
        const char *wrong;
        if (TN_LIKELY(sqlite3_value_type(stored) == plain->storage) &&
            TN_LIKELY(read_plain(stored, plain, room, out)))
            continue;
        wrong = read_other(cursor, i, stored, room, out);
        if (TN_UNLIKELY(wrong != NULL)) {
            cursor->wrong_column = i;
            return wrong;
        }
    }
    return NULL;
}

static LITE_SELDOM tn_status no_room(tn_driver_cursor *cursor, tn_error *err)
{
    lite_cursor_let_go(cursor);
    cursor->step = SQLITE_NOMEM;
    lite_txn_fail(cursor->conn);
    return kit_nomem(cursor->conn->host, err, TN_PHASE_FETCH);
}

/* Room for a batch of so many rows. */
static inline bool make_room(tn_driver_cursor *cursor, uint32_t rows)
{
    cursor->room.at = cursor->own_text;
    cursor->room.end = cursor->own_text + LITE_OWN_TEXT;
    if (cursor->arena.used)
        tn__arena_reset(&cursor->arena);
    /* At most LITE_BATCH_VALUES, or one row's columns. */
    return TN_LIKELY((size_t)rows * cursor->n_columns <= cursor->cap_values) ||
           reserve(cursor, (size_t)rows * cursor->n_columns);
}

/* Rows until the batch is full, or its texts are. NULL, or the SQLSTATE of what could not be read
 * behind them. */
static inline const char *read_rows(tn_driver_cursor *cursor, uint32_t most, uint32_t *ret_rows)
{
    tn_driver_stmt *stmt = cursor->stmt;
    tn_value *out = cursor->values;
    uint32_t n = cursor->n_columns, rows = 0;
    const char *wrong;
    int step;

    do {
        wrong = read_row(cursor, stmt, n, out, &cursor->room);
        if (TN_UNLIKELY(wrong != NULL))
            break;
        out += n;
        rows++;
        cursor->step = step = sqlite3_step(stmt->stmt);
    } while (step == SQLITE_ROW && rows < most && cursor->arena.used < LITE_BATCH_BYTES);
    cursor->rows += rows;
    *ret_rows = rows;
    return wrong;
}

static void give(const tn_driver_cursor *cursor, const tn_value *values, uint32_t rows, bool done,
                 tn_batch *ret)
{
    ret->values = values;
    ret->rows = rows;
    ret->done = done;
    ret->affected = done ? cursor->affected : -1;
    ret->tag = done ? cursor->tag : "";
}

/* What has no more rows to read: detached ones are handed out, a failure behind the rows that were
 * there is told. */
static LITE_SELDOM tn_status fetch_rest(tn_driver_cursor *cursor, tn_batch *ret, tn_error *err)
{
    lite_chunk *first = cursor->chunks;

    if (cursor->detached) {
        if (first)
            cursor->chunks = first->next;
        give(cursor, first ? first->values : NULL, first ? first->rows : 0, !cursor->chunks, ret);
        return TN_OK;
    }
    if (cursor->step != SQLITE_DONE)
        return lite_step_failed(cursor, TN_PHASE_FETCH, err);
    give(cursor, NULL, 0, true, ret);
    return TN_OK;
}

/* A failure behind some rows is reported by the next fetch: they come first. */
tn_status lite_cursor_fetch(tn_driver_cursor *cursor, int64_t deadline_ns, tn_batch *ret,
                            tn_error *err)
{
    const char *wrong;
    uint32_t rows, most;

    if (cursor->step != SQLITE_ROW || cursor->detached)
        return fetch_rest(cursor, ret, err);
    lite_arm(cursor->conn, deadline_ns);
    most = cursor->batch < cursor->stmt->most_rows ? cursor->batch : cursor->stmt->most_rows;
    cursor->batch = LITE_BATCH;
    if (TN_UNLIKELY(!make_room(cursor, most)))
        return no_room(cursor, err);
    wrong = read_rows(cursor, most, &rows);
    if (TN_UNLIKELY(wrong && rows == 0))
        return value_failed(cursor, wrong, err);
    if (cursor->step == SQLITE_DONE)
        lite_cursor_finish(cursor);
    give(cursor, cursor->values, rows, cursor->step == SQLITE_DONE, ret);
    return TN_OK;
}

/* ---- detaching ------------------------------------------------------------------------------ */

static lite_chunk *add_chunk(tn_driver_cursor *cursor, lite_chunk *last, size_t rows)
{
    lite_chunk *added = tn__arena_alloc(&cursor->rest, sizeof *added);
    tn_value *values = tn__arena_array(&cursor->rest, rows * cursor->n_columns, sizeof *values);

    if (!added || !values)
        return NULL;
    *added = (lite_chunk){.values = values};
    if (last)
        last->next = added;
    else
        cursor->chunks = added;
    return added;
}

static LITE_SELDOM tn_status too_much(tn_driver_cursor *cursor, size_t limit, tn_error *err)
{
    tn_driver_conn *conn = cursor->conn;

    lite_cursor_let_go(cursor);
    cursor->step = SQLITE_TOOBIG;
    lite_txn_fail(conn);
    return kit_fail(conn->host, err, TN_LIMIT, TN_PHASE_FETCH, "54000",
                    "more than %zu bytes of rows would have to be kept in memory; read them to the "
                    "end before running another statement",
                    limit);
}

tn_status lite_cursor_detach(tn_driver_cursor *cursor, size_t limit, int64_t deadline_ns,
                             tn_error *err)
{
    lite_room room = {NULL, NULL, &cursor->rest, 0};
    lite_chunk *last = NULL;
    size_t most;

    if (cursor->detached || !cursor->stmt)
        return TN_OK;
    lite_arm(cursor->conn, deadline_ns);
    most = cursor->stmt->most_rows;
    tn__arena_init(&cursor->rest, limit);
    cursor->has_rest = true;
    while (cursor->step == SQLITE_ROW) {
        const char *wrong;
        if (!last || last->rows == most) {
            last = add_chunk(cursor, last, most);
            if (!last)
                return too_much(cursor, limit, err);
        }
        wrong = read_row(cursor, cursor->stmt, cursor->n_columns,
                         last->values + (size_t)last->rows * cursor->n_columns, &room);
        if (wrong && strcmp(wrong, "53200") == 0)
            return too_much(cursor, limit, err);
        if (wrong)
            return value_failed(cursor, wrong, err);
        last->rows++;
        cursor->rows++;
        cursor->step = sqlite3_step(cursor->stmt->stmt);
    }
    if (cursor->step != SQLITE_DONE)
        return lite_step_failed(cursor, TN_PHASE_FETCH, err);
    lite_cursor_finish(cursor);
    cursor->detached = true;
    return TN_OK;
}
