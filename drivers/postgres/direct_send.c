/* SPDX-License-Identifier: MIT */
/* Messages of the direct path. All of a statement leaves at once, with one Sync at its end. */
#include <string.h>

#include "kit/kit.h"
#include "postgres/pg.h"

/* A message whose length is not known yet: its place is kept. */
static size_t open_message(tn__buf *out, char type)
{
    size_t at = out->len;

    tn__buf_putc(out, type);
    pg_put32(out, 0);
    return at;
}

static void close_message(tn__buf *out, size_t at)
{
    if (!out->failed)
        pg_set32((unsigned char *)out->ptr + at + 1, (uint32_t)(out->len - at - 1));
}

static void put_text(tn__buf *out, const char *text)
{
    tn__buf_append(out, text, strlen(text) + 1);
}

static void put_parse(tn__buf *out, const char *name, const char *sql, size_t len,
                      const pg_type *types, size_t n)
{
    size_t at = open_message(out, 'P');

    put_text(out, name);
    tn__buf_append(out, sql, len);
    tn__buf_putc(out, '\0');
    pg_put16(out, (uint16_t)n);
    for (size_t i = 0; i < n; i++)
        pg_put32(out, types[i].oid);
    close_message(out, at);
}

/* It is parsed by what runs it: its columns may be others than when it was described. */
static bool is_missing(const tn_driver_stmt *stmt)
{
    return !stmt->name[0] || stmt->unmade;
}

/* The text of one that has no name, or that is not there under it yet. */
static void put_missing(tn__buf *out, const tn_driver_stmt *stmt, size_t n_params)
{
    if (is_missing(stmt))
        put_parse(out, stmt->name, stmt->sql.ptr, stmt->sql.len, stmt->param_types, n_params);
}

/* Bind without parameters, Execute. */
static void put_run(tn__buf *out, uint16_t format)
{
    static const char execute[] = {'E', 0, 0, 0, 9, 0, 0, 0, 0, 0};
    size_t at = open_message(out, 'B');

    tn__buf_append(out, "\0\0\0\0\0\0\0\1", 8);
    pg_put16(out, format);
    close_message(out, at);
    tn__buf_append(out, execute, sizeof(execute));
}

static char *write16(char *p, uint16_t value)
{
    p[0] = (char)(value >> 8);
    p[1] = (char)value;
    return p + 2;
}

static char *write32(char *p, uint32_t value)
{
    pg_set32((unsigned char *)p, value);
    return p + 4;
}

/* One format holds for all columns. Where it is told of each, the server refuses to run what has
 * not as many any more. */
static size_t formats_of(const tn_driver_stmt *stmt)
{
    return is_missing(stmt) && stmt->info.n_columns > 1 ? stmt->info.n_columns : 1;
}

/* Every call goes through here, so room is asked for once. */
static void put_bind(tn__buf *out, const tn_driver_stmt *stmt, const pg_encoder *e, size_t n)
{
    size_t name = strlen(stmt->name) + 1, formats = formats_of(stmt);
    size_t length = 4 + 1 + name + 2 + 2 * n + 2 + 4 * n + 2 + 2 * formats;

    for (size_t i = 0; i < n; i++)
        length += e->values[i] ? (size_t)e->lengths[i] : 0;
    char *start = tn__buf_reserve(out, length + 1), *p = start;
    if (!p)
        return;
    *p++ = 'B';
    p = write32(p, (uint32_t)length);
    *p++ = '\0';
    memcpy(p, stmt->name, name);
    p = write16(p + name, (uint16_t)n);
    for (size_t i = 0; i < n; i++)
        p = write16(p, (uint16_t)e->formats[i]);
    p = write16(p, (uint16_t)n);
    for (size_t i = 0; i < n; i++) {
        size_t size = e->values[i] ? (size_t)e->lengths[i] : 0;
        p = write32(p, e->values[i] ? (uint32_t)size : UINT32_MAX);
        if (size)
            memcpy(p, e->values[i], size);
        p += size;
    }
    p = write16(p, (uint16_t)formats);
    for (size_t i = 0; i < formats; i++)
        p = write16(p, stmt->text ? 0 : 1);
    tn__buf_commit(out, (size_t)(p - start));
}

/* It is queued: from now on an answer is due. */
static tn_status leave(tn_driver_conn *conn, pg_stage stage, tn_phase phase, int64_t deadline_ns,
                       tn_error *err)
{
    pg_direct *d = &conn->direct;

    if (d->out.failed) {
        tn__buf_free(&d->out);
        tn__buf_init(&d->out, TN__BUF_MAX);
        conn->committing = false;
        return kit_nomem(conn->host, err, phase);
    }
    /* Values that somebody still reads stay where they are. */
    if (d->reader && !pg_direct_lend(conn)) {
        tn__buf_reset(&d->out);
        conn->committing = false;
        return kit_nomem(conn->host, err, phase);
    }
    d->stage = (uint8_t)stage;
    d->complete = d->misfit = d->no_rows = d->two = false;
    tn__buf_reset(&d->error);
    conn->failed = false;
    conn->pending = true;
    return pg_direct_flush(conn, phase, deadline_ns, err);
}

/* Parse, Bind and Execute of a text without parameters, made once: it is one of few. */
static void put_known(tn__buf *out, const char *sql, uint16_t format, tn__buf *made,
                      const char **made_of)
{
    if (*made_of != sql || made->failed) {
        tn__buf_reset(made);
        put_parse(made, "", sql, strlen(sql), NULL, 0);
        put_run(made, format);
        *made_of = sql;
    }
    if (made->failed)
        out->failed = true;
    else
        tn__buf_append(out, made->ptr, made->len);
}

/* ---- pieces, for batches --------------------------------------------------------------------- */

void pg_direct_put_begin(tn_driver_conn *conn)
{
    put_known(&conn->direct.out, conn->begin, 0, &conn->direct.begin, &conn->direct.begin_sql);
}

void pg_direct_put_statement(tn_driver_stmt *stmt, size_t n_params)
{
    /* Describe the portal, Execute without a limit */
    static const char rest[] = {'D', 0, 0, 0, 6, 'P', 0, 'E', 0, 0, 0, 9, 0, 0, 0, 0, 0};
    enum { DESCRIBE = 7 };
    tn_driver_conn *conn = stmt->conn;
    tn__buf *out = &conn->direct.out;
    size_t from = is_missing(stmt) ? 0 : DESCRIBE;

    if (!stmt->making)
        put_missing(out, stmt, n_params);
    stmt->making = stmt->unmade;
    put_bind(out, stmt, &conn->encoder, n_params);
    tn__buf_append(out, rest + from, sizeof(rest) - from);
}

void pg_direct_put_question(tn_driver_conn *conn, bool now)
{
    static const char flush[] = {'H', 0, 0, 0, 4};

    put_known(&conn->direct.out, pg_identity_question(conn), 1, &conn->direct.ask,
              &conn->direct.ask_sql);
    if (now)
        tn__buf_append(&conn->direct.out, flush, sizeof(flush));
}

void pg_direct_put_text(tn_driver_conn *conn, const char *sql)
{
    put_parse(&conn->direct.out, "", sql, strlen(sql), NULL, 0);
    put_run(&conn->direct.out, 0);
}

void pg_direct_put_sync(tn_driver_conn *conn)
{
    static const char sync[] = {'S', 0, 0, 0, 4};

    tn__buf_append(&conn->direct.out, sync, sizeof(sync));
}

/* ---- a statement by itself ------------------------------------------------------------------- */

tn_status pg_direct_send(tn_driver_stmt *stmt, size_t n_params, int64_t deadline_ns, tn_error *err)
{
    /* Describe the portal, Execute without a limit, Sync */
    static const char end[] = {'D', 0, 0, 0, 6, 'P', 0,   'E', 0, 0, 0,
                               9,   0, 0, 0, 0, 0,   'S', 0,   0, 0, 4};
    enum { DESCRIBE = 7, SYNC = 5 };
    tn_driver_conn *conn = stmt->conn;
    pg_direct *d = &conn->direct;
    bool begin = conn->begin;

    if (begin)
        put_known(&d->out, conn->begin, 0, &d->begin, &d->begin_sql);
    put_missing(&d->out, stmt, n_params);
    d->making = stmt->unmade ? stmt : NULL;
    put_bind(&d->out, stmt, &conn->encoder, n_params);
    /* One that is there cannot change its columns without an error; another one is described. */
    const char *rest = is_missing(stmt) ? end : end + DESCRIBE;
    d->question = pg_tail_wanted(stmt);
    if (d->question) {
        tn__buf_append(&d->out, rest, (size_t)(end + sizeof(end) - rest) - SYNC);
        put_known(&d->out, pg_identity_question(conn), 1, &d->ask, &d->ask_sql);
        rest = end + sizeof(end) - SYNC;
    }
    tn__buf_append(&d->out, rest, (size_t)(end + sizeof(end) - rest));
    if (!d->out.failed)
        conn->begin = NULL;
    return leave(conn, begin ? PG_STAGE_BEGIN : PG_STAGE_STATEMENT, TN_PHASE_EXECUTE, deadline_ns,
                 err);
}

tn_status pg_direct_command(tn_driver_conn *conn, const char *sql, tn_phase phase,
                            int64_t deadline_ns, char *tag, tn_error *err)
{
    pg_direct *d = &conn->direct;
    size_t at = open_message(&d->out, 'Q');

    put_text(&d->out, sql);
    close_message(&d->out, at);
    d->question = false;
    conn->command_tag[0] = '\0';
    tn_status status = leave(conn, PG_STAGE_STATEMENT, phase, deadline_ns, err);
    d->two = strchr(sql, ';') != NULL;
    if (status == TN_OK)
        status = pg_direct_drain(conn, phase, deadline_ns, err);
    if (status == TN_OK)
        status = pg_direct_judge(conn, phase, err);
    if (status == TN_OK && tag)
        memcpy(tag, conn->command_tag, sizeof(conn->command_tag));
    return status;
}
