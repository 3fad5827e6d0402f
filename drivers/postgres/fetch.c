/* SPDX-License-Identifier: MIT */
/*
 * Reading an answer. Streamed, libpq gives a result a row (or, where it can, a chunk of rows) and
 * as many are handed over at once as it has already read: nobody waits for a full batch. Buffered,
 * it gives one result, decoded slice by slice. Values point into the results, which are kept until
 * the next fetch.
 */
#include <stdlib.h>
#include <string.h>

#include "kit/kit.h"
#include "postgres/cursor.h"

/* ---- values ---------------------------------------------------------------------------------- */

/* The setting that makes the text of such a value unreadable; NULL: none does. */
static const char *odd_style(const tn_driver_conn *conn, const pg_type *type)
{
    int kind = type->type == TN_TYPE_ARRAY ? type->element : type->type;
    const char *intervals = PQparameterStatus(conn->pg, "IntervalStyle");

    switch (kind) {
    case TN_TYPE_DATE:
    case TN_TYPE_TIMESTAMP:
    case TN_TYPE_TIMESTAMPTZ: return pg_reported_as(conn, "DateStyle", "ISO") ? NULL : "DateStyle";
    case TN_TYPE_INTERVAL:
        return !intervals || strcmp(intervals, "postgres") == 0 ? NULL : "IntervalStyle";
    default: return NULL;
    }
}

static tn_status fail_style(tn_driver_cursor *cursor, size_t column, const char *style,
                            tn_error *err)
{
    tn_driver_conn *conn = cursor->conn;
    const char *value = PQparameterStatus(conn->pg, style);

    return kit_fail(conn->host, err, TN_UNSUPPORTED, TN_PHASE_FETCH, "0A000",
                    "column \"%.64s\": the session's %s is %.32s; set it to %s",
                    cursor->stmt->columns[column].name, style, value ? value : "not known",
                    strcmp(style, "DateStyle") == 0 ? "ISO" : "postgres");
}

tn_status pg_cursor_fail_value(tn_driver_cursor *cursor, size_t column, pg_decoded why,
                               tn_error *err)
{
    const tn_host *host = cursor->conn->host;
    const tn_column *c = &cursor->stmt->columns[column];

    switch (why) {
    case PG_RANGE:
        return kit_fail(host, err, TN_DATA, TN_PHASE_FETCH, "22008",
                        "column \"%.64s\": the %.64s is beyond what the type holds here", c->name,
                        c->type_name);
    case PG_DIMENSIONS:
        return kit_fail(host, err, TN_UNSUPPORTED, TN_PHASE_FETCH, "0A000",
                        "column \"%.64s\": an array of more than one dimension is only read as "
                        "text (cast it to text)",
                        c->name);
    case PG_NO_MEMORY: return kit_nomem(host, err, TN_PHASE_FETCH);
    case PG_MALFORMED:
    case PG_DECODED: break;
    }
    const char *style = cursor->stmt->text
                            ? odd_style(cursor->conn, &cursor->stmt->column_types[column])
                            : NULL;
    if (style)
        return fail_style(cursor, column, style, err);
    return kit_fail(host, err, TN_PROTOCOL, TN_PHASE_FETCH, "08P01",
                    "column \"%.64s\": what the server sent is not a value of type %.64s", c->name,
                    c->type_name);
}

tn_status pg_cursor_decode(tn_driver_cursor *cursor, int row, tn__arena *arena, tn_value *out,
                           tn_error *err)
{
    const PGresult *result = cursor->current;
    const tn_driver_stmt *stmt = cursor->stmt;
    int columns = (int)stmt->info.n_columns;

    for (int i = 0; i < columns; i++) {
        const char *bytes = PQgetvalue(result, row, i);
        int len = PQgetlength(result, row, i);
        if (len <= 0 && PQgetisnull(result, row, i)) {
            out[i] = (tn_value){.type = TN_TYPE_NULL};
            continue;
        }
        pg_decoded decoded = stmt->text ? pg_decode_text(&stmt->column_types[i], bytes, (size_t)len,
                                                         arena, &out[i])
                                        : pg_decode_binary(&stmt->column_types[i], bytes,
                                                           (size_t)len, arena, &out[i]);
        if (TN_UNLIKELY(decoded != PG_DECODED))
            return pg_cursor_fail_value(cursor, (size_t)i, decoded, err);
    }
    return TN_OK;
}

tn_status pg_cursor_room(tn_driver_cursor *cursor, size_t rows, tn_error *err)
{
    size_t columns = cursor->stmt->info.n_columns, needed = (rows + 1) * columns;

    if (needed <= cursor->capacity)
        return TN_OK;
    size_t capacity = needed < 64 ? 64 : needed * 2;
    tn_value *grown = realloc(cursor->values, capacity * sizeof(*grown));
    if (!grown)
        return kit_nomem(cursor->conn->host, err, TN_PHASE_FETCH);
    cursor->values = grown;
    cursor->capacity = capacity;
    return TN_OK;
}

static void hold_current(tn_driver_cursor *cursor)
{
    cursor->held[cursor->n_held++] = cursor->current;
    cursor->current = NULL;
    cursor->row = 0;
}

/* Rows of the current result, up to the most that one batch has. */
static tn_status take_rows(tn_driver_cursor *cursor, uint32_t *rows, tn_error *err)
{
    int count = PQntuples(cursor->current);

    for (; cursor->row < count && *rows < PG_BATCH_ROWS; cursor->row++) {
        tn_status status = pg_cursor_room(cursor, *rows, err);
        if (status == TN_OK)
            status = pg_cursor_decode(cursor, cursor->row, &cursor->arena,
                                      cursor->values + *rows * cursor->stmt->info.n_columns,
                                      *rows ? NULL : err);
        if (status != TN_OK)
            return status;
        ++*rows;
    }
    if (cursor->row == count)
        hold_current(cursor);
    return TN_OK;
}

/* A failure behind good rows waits for the next call, which finds it again. */
static tn_status collect(tn_driver_cursor *cursor, int64_t deadline_ns, uint32_t *rows,
                         tn_error *err)
{
    size_t bytes = 0;

    while (*rows < PG_BATCH_ROWS && cursor->n_held < PG_STREAM_RESULTS && bytes < PG_STREAM_BYTES) {
        if (!cursor->current && !cursor->attached)
            break;
        if (!cursor->current) {
            if (*rows && cursor->refusal)
                break;
            cursor->ahead = *rows > 0;
            tn_status status = pg_cursor_advance(cursor, deadline_ns, err);
            if (status != TN_OK)
                return status;
            if (!cursor->current)
                break;
        }
        bytes += PQresultMemorySize(cursor->current);
        tn_status status = take_rows(cursor, rows, err);
        if (status != TN_OK && *rows)
            break;
        if (status != TN_OK)
            return status;
    }
    return TN_OK;
}

static bool fetch_stored(tn_driver_cursor *cursor, tn_batch *ret)
{
    pg_stored *block = cursor->stored;

    if (!block)
        return false;
    cursor->stored = block->next;
    ret->values = block->values;
    ret->rows = block->rows;
    ret->done = !block->next;
    return true;
}

static void hand_over(const tn_driver_cursor *cursor, const tn_batch *from, tn_batch *ret)
{
    size_t size = ret->size < sizeof(*ret) ? ret->size : sizeof(*ret);
    tn_batch batch = *from;

    batch.size = ret->size;
    batch.affected = cursor->affected;
    batch.tag = cursor->tag;
    memcpy(ret, &batch, size);
}

tn_status pg_fetch(tn_driver_cursor *cursor, int64_t deadline_ns, tn_batch *ret, tn_error *err)
{
    tn_batch batch = {.rows = 0};

    pg_cursor_release_held(cursor);
    if (cursor->arena.used)
        tn__arena_reset(&cursor->arena);
    if (!fetch_stored(cursor, &batch)) {
        tn_status status = cursor->direct ? pg_direct_rows(cursor, PG_BATCH_ROWS, deadline_ns,
                                                           &batch.rows, err)
                                          : collect(cursor, deadline_ns, &batch.rows, err);
        /* What cannot be a value was damaged on its way: so may be what follows. */
        if (status == TN_PROTOCOL)
            cursor->conn->broken = true;
        if (status != TN_OK)
            return status;
        batch.values = cursor->values;
        batch.done = !cursor->attached && !cursor->current;
    }
    hand_over(cursor, &batch, ret);
    return TN_OK;
}
