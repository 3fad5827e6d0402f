/* SPDX-License-Identifier: MIT */
/*
 * Batches by messages of our own. Rows are decoded where they were received, so they are handed
 * over before more is received. After an error nothing but the pipeline's end comes.
 */
#include <string.h>

#include "base/str.h"
#include "kit/kit.h"
#include "postgres/batch.h"

/* ---- sending --------------------------------------------------------------------------------- */

static int taken(const tn_driver_conn *conn)
{
    return !conn->direct.out.failed;
}

static int queue_begin(tn_driver_conn *conn)
{
    pg_direct_put_begin(conn);
    return taken(conn);
}

static int queue_statement(tn_driver_stmt *stmt, size_t n)
{
    pg_direct_put_statement(stmt, n);
    return taken(stmt->conn);
}

static int queue_question(tn_driver_conn *conn, bool now)
{
    pg_direct_put_question(conn, now);
    return taken(conn);
}

static int queue_commit(tn_driver_conn *conn)
{
    pg_direct_put_text(conn, "COMMIT");
    return taken(conn);
}

static int queue_end(tn_driver_conn *conn)
{
    pg_direct_put_sync(conn);
    return taken(conn);
}

/* What had come before the connection ended counts, so that is read first. */
static tn_status flush(tn_driver_conn *conn, tn_error *err)
{
    pg_batch *batch = conn->batch;
    int left = batch->gone ? -1 : pg_direct_flush_some(conn);

    (void)err;
    batch->blocked = left > 0;
    if (left < 0) {
        (void)pg_direct_receive_at_hand(conn);
        batch->gone = batch->closed = batch->stopped = true;
        batch->bad = false;
    }
    return TN_OK;
}

/* ---- rows ------------------------------------------------------------------------------------ */

static void hand_over(tn_driver_conn *conn, bool done)
{
    pg_batch *batch = conn->batch;
    tn_driver_cursor *reader = batch->reader;
    const tn_batch rows = {
        .size = sizeof(rows),
        .values = reader->values,
        .rows = (uint32_t)batch->rows,
        .done = done,
        .affected = done ? reader->affected : -1,
        .tag = done ? reader->tag : "",
    };

    if (done || batch->rows)
        batch->work.answer(batch->work.arg, batch->answered, &rows);
    batch->rows = 0;
    if (reader->arena.used)
        tn__arena_reset(&reader->arena);
}

static tn_status take_row(tn_driver_conn *conn, const pg_message *message, tn_error *err)
{
    pg_batch *batch = conn->batch;
    tn_driver_cursor *reader = batch->reader;
    size_t columns = reader->stmt->info.n_columns;

    if (batch->told || !columns)
        return TN_OK;
    if (batch->rows == PG_BATCH_ROWS)
        hand_over(conn, false);
    tn_status status = pg_cursor_room(reader, batch->rows, batch->work.error);
    if (status == TN_OK)
        status = pg_direct_decode(reader, message, &reader->arena,
                                  reader->values + batch->rows * columns, batch->work.error);
    if (status == TN_PROTOCOL)
        return pg_batch_confused(conn, err, "a row is damaged");
    if (status == TN_OK) {
        batch->rows++;
    } else {
        hand_over(conn, false);
        pg_batch_unreadable(conn, status);
    }
    return TN_OK;
}

static bool take_tag(tn_driver_conn *conn, const pg_message *message)
{
    tn_driver_cursor *reader = conn->batch->reader;
    size_t len = strnlen(message->body, message->len);

    reader->affected = -1;
    if (message->type == 'I') {
        reader->tag[0] = '\0';
        return message->len == 0;
    }
    if (len + 1 != message->len || len >= sizeof(reader->tag))
        return false;
    memcpy(reader->tag, message->body, len + 1);
    return pg_direct_count(reader->tag, &reader->affected);
}

/* ---- messages -------------------------------------------------------------------------------- */

static tn_status unexpected(tn_driver_conn *conn, tn_error *err)
{
    return pg_batch_confused(conn, err, "the server's answer is not what may come here");
}

/* The statement has ended; where it is for itself, its commit is still to come. */
static tn_status take_statement_end(tn_driver_conn *conn, const pg_message *message, tn_error *err)
{
    pg_batch *batch = conn->batch;

    if (batch->complete || !take_tag(conn, message))
        return unexpected(conn, err);
    batch->complete = true;
    if (batch->each)
        return TN_OK;
    hand_over(conn, true);
    pg_batch_next_statement(batch);
    return TN_OK;
}

static tn_status take_of_statement(tn_driver_conn *conn, const pg_message *message, tn_error *err)
{
    pg_batch *batch = conn->batch;
    tn_driver_stmt *stmt = batch->work.stmts[batch->answered];

    batch->reader->stmt = stmt;
    switch (message->type) {
    case '1':
        stmt->unmade = stmt->making = false;
        return message->len ? unexpected(conn, err) : TN_OK;
    case '2':
    case 'n': return message->len ? unexpected(conn, err) : TN_OK;
    case 'T':
        if (!batch->told && !pg_direct_describes(stmt, message))
            pg_batch_unreadable(conn, pg_cursor_misfit(batch->reader, batch->work.error));
        return TN_OK;
    case 'D':
        if (batch->complete)
            return unexpected(conn, err);
        return take_row(conn, message, err);
    case 'I':
    case 'C': return take_statement_end(conn, message, err);
    default: return unexpected(conn, err);
    }
}

/* BEGIN, the question, COMMIT. */
static tn_status take_of_command(tn_driver_conn *conn, const pg_message *message, tn_error *err)
{
    pg_batch *batch = conn->batch;
    bool *which = batch->begin      ? &batch->begin
                  : batch->question ? &batch->question
                                    : &batch->commit;

    if (!*which)
        return unexpected(conn, err);
    switch (message->type) {
    case '1':
    case '2':
    case 'n': return message->len ? unexpected(conn, err) : TN_OK;
    case 'T': return which == &batch->question ? TN_OK : unexpected(conn, err);
    case 'D':
        if (which != &batch->question)
            return unexpected(conn, err);
        pg_direct_take_number(conn, message);
        if (batch->commits)
            conn->id.committed = conn->id.open;
        return TN_OK;
    case 'C':
        if (which == &batch->commit)
            tn__copy_text(batch->commit_tag, sizeof(batch->commit_tag),
                          tn__str(message->body, strnlen(message->body, message->len)));
        *which = false;
        return TN_OK;
    default: return unexpected(conn, err);
    }
}

static tn_status take_error(tn_driver_conn *conn, const pg_message *message, tn_error *err)
{
    pg_batch *batch = conn->batch;
    const pg_report report = {.body = message->body, .len = message->len};
    bool of_statement = !batch->begin && batch->answered < batch->sent && !batch->skipping;

    batch->rows = 0;
    if (of_statement)
        batch->reader->stmt = batch->work.stmts[batch->answered];
    batch->skipping = true;
    conn->failed = true;
    if (of_statement)
        return pg_batch_refused(conn, &report, err);
    pg_last_words(conn, &report);
    if (batch->begin) {
        conn->begin_refused = batch->stopped = batch->failed = true;
        batch->begin = false;
    }
    if (!batch->refused && !conn->direct.error.len)
        tn__buf_append(&conn->direct.error, message->body, message->len);
    batch->refused = conn->direct.error.len > 0;
    if (!pg_report_ends_session(&report))
        return TN_OK;
    conn->committing = batch->commits && !batch->failed;
    tn_status status = pg_fail_report(conn, &report, TN_PHASE_EXECUTE, err);
    conn->committing = false;
    return status;
}

static tn_status take_sync(tn_driver_conn *conn, const pg_message *message, tn_error *err)
{
    pg_batch *batch = conn->batch;
    bool ended = batch->each ? batch->told || batch->complete
                             : batch->answered == batch->sent && !batch->question && !batch->commit;

    if (!conn->syncs || message->len != 1 || !message->body[0] ||
        !strchr("ITE", message->body[0]) || (!ended && !batch->skipping))
        return unexpected(conn, err);
    conn->direct.status = message->body[0];
    conn->syncs--;
    if (!batch->each) {
        /* What was passed over is not told of. */
        if (batch->skipping)
            batch->answered = batch->sent;
        batch->begin = batch->question = batch->commit = false;
    } else {
        if (batch->complete && !batch->skipping)
            hand_over(conn, true);
        pg_batch_next_statement(batch);
    }
    batch->skipping = false;
    return TN_OK;
}

static tn_status take(tn_driver_conn *conn, const pg_message *message, tn_error *err)
{
    const pg_batch *batch = conn->batch;

    if (message->type == 'E')
        return take_error(conn, message, err);
    if (message->type == 'Z')
        return take_sync(conn, message, err);
    if (batch->skipping)
        return unexpected(conn, err);
    if (!batch->begin && batch->answered < batch->sent)
        return take_of_statement(conn, message, err);
    return take_of_command(conn, message, err);
}

/* What has been received. */
static tn_status read_some(tn_driver_conn *conn, tn_error *err)
{
    pg_batch *batch = conn->batch;
    pg_message message;

    while (pg_batch_expects(conn)) {
        tn_status status;
        switch (pg_direct_peek(conn, &message)) {
        case PG_TAKEN:
            status = take(conn, &message, err);
            if (status != TN_OK)
                return status;
            pg_direct_skip(conn, &message);
            continue;
        case PG_BAD: return pg_batch_confused(conn, err, conn->direct.lost);
        case PG_INCOMPLETE: break;
        }
        /* What is received next may stand where these are. */
        if (batch->rows)
            hand_over(conn, false);
        break;
    }
    return batch->gone ? pg_batch_lost(conn, err) : TN_OK;
}

static tn_status wait(tn_driver_conn *conn, int64_t deadline_ns, tn_error *err)
{
    pg_batch *batch = conn->batch;
    int events = batch->blocked ? TN_WAIT_READ | TN_WAIT_WRITE : TN_WAIT_READ;

    tn_status status = pg_wait(conn, events, TN_PHASE_EXECUTE, deadline_ns, err);
    if (status != TN_OK)
        return status;
    if (!pg_direct_receive_at_hand(conn) && conn->broken)
        batch->gone = batch->closed = true;
    return TN_OK;
}

const pg_batch_wire pg_batch_directly = {
    .begin = queue_begin,
    .statement = queue_statement,
    .question = queue_question,
    .commit = queue_commit,
    .end = queue_end,
    .flush = flush,
    .read = read_some,
    .wait = wait,
};
