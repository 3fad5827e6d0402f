/* SPDX-License-Identifier: MIT */
/*
 * Answers of the direct path. Messages are taken in the order in which the server gives them: of
 * BEGIN, of the statement, of the question behind it, of the end. After an error the server passes
 * over everything up to the end.
 */
#include <string.h>

#include "base/str.h"
#include "kit/kit.h"
#include "postgres/direct_answer.h"

enum { ERROR_KEPT = (1 << 20) - 1, MESSAGE_HEADER = 5 };

/* ---- one pg_step --------------------------------------------------------------------------------
 */

/* false: it has no end. */
static bool take_tag(tn_driver_conn *conn, const pg_message *message)
{
    size_t len = strnlen(message->body, message->len);

    if (message->type == 'C' && len + 1 != message->len)
        return false;
    tn__copy_text(conn->command_tag, sizeof(conn->command_tag), tn__str(message->body, len));
    conn->direct.complete = true;
    if (strcmp(conn->command_tag, "ROLLBACK") == 0)
        conn->failed = true;
    return true;
}

/* The first one counts. true: the session ends with it, and nothing comes behind. */
static bool take_error(tn_driver_conn *conn, const pg_message *message)
{
    pg_direct *d = &conn->direct;
    pg_report report = {.body = message->body, .len = message->len};

    pg_last_words(conn, &report);
    conn->failed = true;
    if (!d->error.len) {
        tn__buf_append(&d->error, message->body,
                       message->len < ERROR_KEPT ? message->len : ERROR_KEPT);
        conn->begin_refused = d->stage == PG_STAGE_BEGIN;
    }
    d->stage = PG_STAGE_SYNC;
    return pg_report_ends_session(&report);
}

/* One row of one number, or of three: the number and its place. */
void pg_direct_take_number(tn_driver_conn *conn, const pg_message *message)
{
    const unsigned char *p = (const unsigned char *)message->body, *end = p + message->len;
    uint64_t fields[3] = {0};
    size_t n = message->len >= 2 ? pg_get16(p) : 0, known = sizeof(fields) / sizeof(fields[0]);

    p += 2;
    for (size_t i = 0; i < n && i < known && end - p >= 4; i++) {
        uint32_t len = pg_get32(p);
        p += 4;
        if (len == 8 && end - p >= 8) {
            fields[i] = pg_get64(p);
            p += 8;
        }
    }
    pg_identity_learned(conn, fields, n);
}

/* The description that is not asked for; one that comes all the same has to fit. */
bool pg_direct_describes(const tn_driver_stmt *stmt, const pg_message *message)
{
    const unsigned char *p = (const unsigned char *)message->body, *end = p + message->len;

    if (message->len < 2 || pg_get16(p) != stmt->info.n_columns)
        return false;
    p += 2;
    for (size_t i = 0; i < stmt->info.n_columns; i++) {
        const unsigned char *name_end = memchr(p, '\0', (size_t)(end - p));
        if (!name_end || end - name_end < 19)
            return false;
        p = name_end + 1;
        if (pg_get32(p + 6) != stmt->column_types[i].oid ||
            pg_get16(p + 16) != (stmt->text ? 0 : 1))
            return false;
        p += 18;
    }
    return true;
}

static pg_step bad(tn_driver_conn *conn)
{
    conn->broken = true;
    conn->direct.end = conn->direct.start; /* nothing of it is looked at again */
    if (!conn->direct.lost[0])
        tn__copy_text(conn->direct.lost, sizeof(conn->direct.lost),
                      TN__STR("the server's answer is not what may come here"));
    return PG_STEP_BAD;
}

tn_status pg_direct_fail_bad(tn_driver_conn *conn, tn_phase phase, tn_error *err)
{
    if (conn->direct.copies)
        return kit_fail(conn->host, err, TN_UNSUPPORTED, phase, "0A000",
                        "COPY from STDIN or to STDOUT cannot be run as a statement");
    return pg_fail_protocol(conn, phase, err, conn->direct.lost);
}

static pg_step take_end(tn_driver_conn *conn, const pg_message *message)
{
    pg_direct *d = &conn->direct;

    if (message->len != 1 || !strchr("ITE", message->body[0]) || !message->body[0])
        return bad(conn);
    d->status = message->body[0];
    pg_direct_skip(conn, message);
    d->stage = PG_STAGE_NONE;
    conn->pending = false;
    return PG_STEP_ENDED;
}

/* What belongs to the stage and is no row, error or end. false: it does not belong there. */
static bool take_part(tn_driver_conn *conn, const tn_driver_stmt *stmt, const pg_message *message)
{
    pg_direct *d = &conn->direct;

    switch (message->type) {
    case '1':
        if (d->stage == PG_STAGE_STATEMENT && d->making) {
            d->making->unmade = false;
            d->making = NULL;
        }
        return d->stage != PG_STAGE_SYNC && message->len == 0;
    case '2': return d->stage != PG_STAGE_SYNC && message->len == 0;
    case 'n': d->no_rows = d->stage == PG_STAGE_STATEMENT; return d->stage != PG_STAGE_SYNC;
    case 'T':
        if (d->stage == PG_STAGE_STATEMENT && stmt && !pg_direct_describes(stmt, message))
            d->misfit = true;
        return d->stage == PG_STAGE_QUESTION || d->stage == PG_STAGE_STATEMENT;
    case 'D':
        if (d->stage == PG_STAGE_QUESTION)
            pg_direct_take_number(conn, message);
        return (d->stage == PG_STAGE_STATEMENT && !d->no_rows) || d->stage == PG_STAGE_QUESTION;
    case 'I':
    case 'C':
        if (d->stage == PG_STAGE_STATEMENT && d->two) {
            d->two = false;
            return true;
        }
        if (d->stage == PG_STAGE_SYNC ||
            (d->stage == PG_STAGE_STATEMENT && !take_tag(conn, message)))
            return false;
        d->stage += d->stage == PG_STAGE_STATEMENT && !d->question ? 2 : 1;
        return true;
    default: return false;
    }
}

pg_step pg_direct_advance(tn_driver_conn *conn, const tn_driver_stmt *stmt, bool hold_error,
                          pg_message *message)
{
    pg_direct *d = &conn->direct;

    bool rows = stmt && !d->misfit && !d->no_rows;

    for (;;) {
        if (pg_direct_at_hand(d, message)) {
            if (message->type == 'D' && rows && d->stage == PG_STAGE_STATEMENT)
                return PG_STEP_ROW;
            if (message->type == '2' && message->len == 0 && d->stage != PG_STAGE_SYNC) {
                d->start += MESSAGE_HEADER;
                continue;
            }
        }
        switch (pg_direct_peek(conn, message)) {
        case PG_TAKEN: break;
        case PG_INCOMPLETE: return PG_STEP_WAIT;
        case PG_BAD: return bad(conn);
        }
        if (message->type == 'G' || message->type == 'H') {
            d->copies = true;
            return bad(conn);
        }
        if (message->type == 'E') {
            if (hold_error)
                return PG_STEP_HELD;
            bool last = take_error(conn, message);
            pg_direct_skip(conn, message);
            if (last) {
                conn->broken = true;
                return PG_STEP_ENDED;
            }
        } else if (message->type == 'Z' && d->stage == PG_STAGE_SYNC) {
            return take_end(conn, message);
        } else if (message->type == 'D' && rows && d->stage == PG_STAGE_STATEMENT) {
            return PG_STEP_ROW;
        } else if (take_part(conn, stmt, message)) {
            rows = stmt && !d->misfit && !d->no_rows;
            pg_direct_skip(conn, message);
        } else {
            return bad(conn);
        }
    }
}

/* ---- the end --------------------------------------------------------------------------------- */

/* Not only the session's statement may have been lost, but BEGIN may have been refused. */
static tn_status refused(tn_driver_cursor *cursor, tn_phase phase, tn_error *err)
{
    tn_driver_conn *conn = cursor->conn;
    tn_driver_stmt *stmt = cursor->stmt;
    pg_report report = {.body = conn->direct.error.ptr, .len = conn->direct.error.len};
    bool lost = stmt->name[0] && pg_report_has_sqlstate(&report, "26000");
    bool changed = pg_report_is_stale_plan(&report);

    tn_status status = pg_fail_report(conn, &report, phase, err);
    pg_cursor_ended(cursor);
    if (!lost && !changed)
        return status;
    stmt->stale = true;
    stmt->gone = lost;
    return conn->broken || phase != TN_PHASE_EXECUTE ? status : TN_DRIVER_STALE;
}

bool pg_direct_count(const char *tag, int64_t *ret)
{
    const char *space = strrchr(tag, ' ');

    return !space || space[1] < '0' || space[1] > '9' ||
           tn__parse_int64(tn_str_from(space + 1), ret);
}

static tn_status count_of(tn_driver_cursor *cursor, tn_error *err)
{
    if (pg_direct_count(cursor->tag, &cursor->affected))
        return TN_OK;
    return pg_fail_protocol(cursor->conn, TN_PHASE_EXECUTE, err,
                            "the server's count of rows is not a number that fits 64 bits");
}

tn_status pg_direct_finish(tn_driver_cursor *cursor, tn_phase phase, tn_error *err)
{
    tn_driver_conn *conn = cursor->conn;

    if (conn->direct.error.len)
        return refused(cursor, phase, err);
    if (conn->direct.misfit) {
        pg_cursor_ended(cursor);
        return pg_cursor_misfit(cursor, err);
    }
    if (!conn->direct.complete)
        return pg_fail_protocol(conn, phase, err, "the answer ended without its tag");
    pg_cursor_ended(cursor);
    memcpy(cursor->tag, conn->command_tag, sizeof(cursor->tag));
    tn_status status = count_of(cursor, err);
    if (status == TN_OK && cursor->inside && pg_txn(conn) == PQTRANS_IDLE &&
        !cursor->stmt->commits && !cursor->stmt->rolls_back)
        status = pg_fail_protocol(conn, phase, err,
                                  "the transaction is gone behind a statement that did not end it");
    /* What a statement set is reported behind its tag. */
    return status == TN_OK ? pg_check_encoding(conn, true, err) : status;
}

/* An answer of other columns than described has no rows here. */
static tn_status finish_first(tn_driver_cursor *cursor, int64_t deadline_ns, tn_error *err)
{
    const pg_direct *d = &cursor->conn->direct;

    if (!d->misfit || !d->complete || d->error.len)
        return pg_direct_finish(cursor, TN_PHASE_EXECUTE, err);
    pg_cursor_ended(cursor);
    return pg_cursor_changed(cursor, deadline_ns, err);
}

/* Up to the first row, where there are such. */
static tn_status begin_answer(tn_driver_cursor *cursor, bool rows, int64_t deadline_ns,
                              tn_error *err)
{
    tn_driver_conn *conn = cursor->conn;
    pg_message message;

    for (;;) {
        tn_status status;
        switch (pg_direct_advance(conn, rows ? cursor->stmt : NULL, false, &message)) {
        case PG_STEP_ROW: return TN_OK;
        case PG_STEP_WAIT:
        case PG_STEP_HELD:
            status = pg_direct_receive(conn, TN_PHASE_EXECUTE, deadline_ns, err);
            if (status != TN_OK)
                return status;
            break;
        case PG_STEP_ENDED: return finish_first(cursor, deadline_ns, err);
        case PG_STEP_BAD: return pg_direct_fail_bad(conn, TN_PHASE_EXECUTE, err);
        }
    }
}

tn_status pg_direct_begin_answer(tn_driver_cursor *cursor, bool whole, int64_t deadline_ns,
                                 tn_error *err)
{
    bool failed = false;

    tn_status status = begin_answer(cursor, true, deadline_ns, err);
    if (status != TN_OK || !whole || !cursor->attached)
        return status;
    status = pg_direct_receive_whole(cursor->conn, &failed, TN_PHASE_EXECUTE, deadline_ns, err);
    /* The rows before an error are passed over. */
    return status == TN_OK && failed ? begin_answer(cursor, false, deadline_ns, err) : status;
}

/* ---- the rest -------------------------------------------------------------------------------- */

bool pg_direct_end_at_hand(tn_driver_conn *conn)
{
    pg_message message;

    /* What stands in the buffer is looked at first; then one look into the socket is enough. */
    for (int i = 0; i < 2 && conn->pending && !conn->broken; i++) {
        pg_step s = pg_direct_advance(conn, NULL, false, &message);
        if (s == PG_STEP_WAIT && (conn->direct.reader ? !pg_direct_lend(conn) : false))
            return false;
        if (s == PG_STEP_WAIT && i == 0)
            (void)pg_direct_receive_at_hand(conn);
    }
    return !conn->pending;
}

tn_status pg_direct_drain(tn_driver_conn *conn, tn_phase phase, int64_t deadline_ns, tn_error *err)
{
    pg_message message;

    tn_status status = pg_direct_flush(conn, phase, deadline_ns, err);
    if (status == TN_OK && conn->direct.reader && !pg_direct_lend(conn))
        status = kit_nomem(conn->host, err, phase);
    while (status == TN_OK) {
        switch (pg_direct_advance(conn, NULL, false, &message)) {
        case PG_STEP_ENDED: return TN_OK;
        case PG_STEP_BAD: return pg_direct_fail_bad(conn, phase, err);
        default: status = pg_direct_receive(conn, phase, deadline_ns, err);
        }
    }
    return status;
}

tn_status pg_direct_judge(tn_driver_conn *conn, tn_phase phase, tn_error *err)
{
    pg_report report = {.body = conn->direct.error.ptr, .len = conn->direct.error.len};

    if (report.len)
        return pg_fail_report(conn, &report, phase, err);
    return conn->direct.complete
               ? TN_OK
               : pg_fail_protocol(conn, phase, err, "the answer ended without its tag");
}
