/* SPDX-License-Identifier: MIT */
/* Rows of the direct path, decoded where they were received. */
#include <string.h>

#include "kit/kit.h"
#include "postgres/direct_answer.h"

/* Types whose values are views, by number. */
#define VIEWS                                                                                   \
    (UINT64_C(1) << TN_TYPE_TEXT | UINT64_C(1) << TN_TYPE_BYTES | UINT64_C(1) << TN_TYPE_JSON | \
     UINT64_C(1) << TN_TYPE_NUMERIC | UINT64_C(1) << TN_TYPE_OTHER)

/* Views want a NUL behind them. Behind a value stands the next one's length, which was read, or the
 * next message's type, which is kept. */
static void end_last_value(tn_driver_conn *conn, const pg_message *message)
{
    pg_direct *d = &conn->direct;
    size_t at = (size_t)(message->body - d->in) + message->len;

    if (at < d->end) {
        d->saved = d->in[at];
        d->saved_at = at;
    }
    d->in[at] = '\0';
}

/* The other values' NULs go where the next length stood. */
static void end_values(const pg_message *message, tn_value *out, size_t columns)
{
    const char *end = message->body + message->len;

    for (size_t i = 0; i < columns; i++) {
        if (!(VIEWS >> out[i].type & 1))
            continue;
        char *behind = (char *)(uintptr_t)out[i].as.ptr + out[i].len;
        if (behind > message->body && behind < end)
            *behind = '\0';
    }
}

/* Texts are read up to a NUL. */
static pg_decoded decode_text(const pg_type *type, const unsigned char *text, size_t len,
                              tn__arena *arena, tn_value *out)
{
    unsigned char *behind = (unsigned char *)(uintptr_t)text + len, was = *behind;

    *behind = '\0';
    pg_decoded decoded = pg_decode_text(type, (const char *)text, len, arena, out);
    *behind = was;
    return decoded;
}

static tn_status decode(tn_driver_cursor *cursor, const pg_message *message, tn__arena *arena,
                        tn_value *out, tn_error *err)
{
    const tn_driver_stmt *stmt = cursor->stmt;
    const unsigned char *p = (const unsigned char *)message->body, *end = p + message->len;
    size_t columns = stmt->info.n_columns, i = 0;
    pg_decoded decoded = PG_MALFORMED;
    bool text = stmt->text;

    if (TN_UNLIKELY(message->len < 2 || pg_get16(p) != columns))
        return pg_fail_protocol(cursor->conn, TN_PHASE_FETCH, err,
                                "a row has another number of columns than described");
    p += 2;
    for (; i < columns; i++) {
        if (TN_UNLIKELY(end - p < 4))
            break;
        int32_t len = (int32_t)pg_get32(p);
        p += 4;
        if (len < 0) {
            out[i] = (tn_value){.type = TN_TYPE_NULL};
            continue;
        }
        if (TN_UNLIKELY(end - p < len))
            break;
        decoded = TN_UNLIKELY(text)
                      ? decode_text(&stmt->column_types[i], p, (size_t)len, arena, &out[i])
                      : pg_decode_binary(&stmt->column_types[i], (const char *)p, (size_t)len,
                                         arena, &out[i]);
        if (TN_UNLIKELY(decoded != PG_DECODED))
            break;
        decoded = PG_MALFORMED;
        p += len;
    }
    if (TN_LIKELY(i == columns && p == end)) {
        end_values(message, out, columns);
        return TN_OK;
    }
    return pg_cursor_fail_value(cursor, i < columns ? i : columns - 1, decoded, err);
}

tn_status pg_direct_rows(tn_driver_cursor *cursor, uint32_t limit, int64_t deadline_ns,
                         uint32_t *ret_rows, tn_error *err)
{
    tn_driver_conn *conn = cursor->conn;
    size_t columns = cursor->stmt->info.n_columns;
    pg_message message;
    uint32_t rows = 0;
    tn_status status;

    while (cursor->attached && rows < limit) {
        switch (pg_direct_advance(conn, cursor->stmt, rows > 0, &message)) {
        case PG_STEP_ROW:
            status = pg_cursor_room(cursor, rows, err);
            if (status == TN_OK)
                status = decode(cursor, &message, &cursor->arena, cursor->values + rows * columns,
                                rows ? NULL : err);
            if (status != TN_OK && rows)
                goto enough;
            if (status != TN_OK)
                return status;
            /* A row of no columns is one that nobody can read. */
            rows += columns ? 1 : 0;
            end_last_value(conn, &message);
            pg_direct_skip(conn, &message);
            break;
        case PG_STEP_WAIT:
            if (rows)
                goto enough;
            status = pg_direct_receive(conn, TN_PHASE_FETCH, deadline_ns, err);
            if (status != TN_OK)
                return status;
            break;
        case PG_STEP_HELD: goto enough;
        case PG_STEP_ENDED:
            status = pg_direct_finish(cursor, TN_PHASE_FETCH, err);
            if (status != TN_OK)
                return status;
            break;
        case PG_STEP_BAD: return pg_direct_fail_bad(conn, TN_PHASE_FETCH, err);
        }
    }
enough:
    if (rows)
        conn->direct.reader = cursor;
    *ret_rows = rows;
    return TN_OK;
}

tn_status pg_direct_store(tn_driver_cursor *cursor, int64_t deadline_ns, pg_store_row *store,
                          void *arg, tn_error *err)
{
    tn_driver_conn *conn = cursor->conn;
    pg_message message;

    /* The batch that stands keeps its bytes. */
    if (conn->direct.reader == cursor && !pg_direct_lend(conn))
        return kit_nomem(conn->host, err, TN_PHASE_FETCH);
    while (cursor->attached) {
        tn_status status = TN_OK;
        switch (pg_direct_advance(conn, cursor->stmt, false, &message)) {
        case PG_STEP_ROW:
            /* Stored or not: its bytes are no longer what was received. */
            status = store(cursor, &message, arg, err);
            pg_direct_skip(conn, &message);
            break;
        case PG_STEP_WAIT:
        case PG_STEP_HELD:
            status = pg_direct_receive(conn, TN_PHASE_FETCH, deadline_ns, err);
            break;
        case PG_STEP_ENDED: status = pg_direct_finish(cursor, TN_PHASE_FETCH, err); break;
        case PG_STEP_BAD: status = pg_direct_fail_bad(conn, TN_PHASE_FETCH, err); break;
        }
        if (status != TN_OK)
            return status;
    }
    return TN_OK;
}

tn_status pg_direct_decode(tn_driver_cursor *cursor, const pg_message *message, tn__arena *arena,
                           tn_value *out, tn_error *err)
{
    tn_status status = decode(cursor, message, arena, out, err);

    if (status == TN_OK)
        end_last_value(cursor->conn, message);
    return status;
}
