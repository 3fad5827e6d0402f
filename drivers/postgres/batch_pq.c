/* SPDX-License-Identifier: MIT */
/* Batches by libpq's pipeline. */
#include <stdlib.h>

#include "base/str.h"
#include "kit/kit.h"
#include "postgres/batch.h"

/* ---- sending --------------------------------------------------------------------------------- */

static int queue_text(tn_driver_conn *conn, const char *sql, int format)
{
    return PQsendQueryParams(conn->pg, sql, 0, NULL, NULL, NULL, NULL, format);
}

static int queue_begin(tn_driver_conn *conn)
{
    return queue_text(conn, conn->begin, 0);
}

static int queue_statement(tn_driver_stmt *stmt, size_t n)
{
    tn_driver_conn *conn = stmt->conn;
    pg_encoder *e = &conn->encoder;
    int format = stmt->text ? 0 : 1;

    if (stmt->name[0])
        return PQsendQueryPrepared(conn->pg, stmt->name, (int)n, e->values, e->lengths, e->formats,
                                   format);
    for (size_t i = 0; i < n; i++)
        e->types[i] = stmt->param_types[i].oid;
    return PQsendQueryParams(conn->pg, stmt->sql.ptr, (int)n, e->types, e->values, e->lengths,
                             e->formats, format);
}

static int queue_question(tn_driver_conn *conn, bool now)
{
    return queue_text(conn, pg_identity_question(conn), 1) &&
           (!now || PQsendFlushRequest(conn->pg));
}

static int queue_commit(tn_driver_conn *conn)
{
    return queue_text(conn, "COMMIT", 0);
}

static int queue_end(tn_driver_conn *conn)
{
#ifdef LIBPQ_HAS_SEND_PIPELINE_SYNC
    return PQsendPipelineSync(conn->pg);
#else
    return PQpipelineSync(conn->pg);
#endif
}

static tn_status flush(tn_driver_conn *conn, tn_error *err)
{
    int left = PQflush(conn->pg);

    if (left < 0)
        return pg_batch_lost(conn, err);
    conn->batch->blocked = left > 0;
    return TN_OK;
}

/* ---- reading --------------------------------------------------------------------------------- */

/* A slice of a result's rows. false: what follows cannot be read either. */
static bool hand_over(tn_driver_conn *conn, int first, int count, const tn_batch *frame)
{
    pg_batch *batch = conn->batch;
    tn_driver_cursor *reader = batch->reader;
    tn_batch rows = *frame;

    if (reader->arena.used)
        tn__arena_reset(&reader->arena);
    tn_status status = pg_cursor_room(reader, (size_t)count - 1, batch->work.error);
    for (int i = 0; i < count && status == TN_OK; i++)
        status = pg_cursor_decode(reader, first + i, &reader->arena,
                                  reader->values + (size_t)i * reader->stmt->info.n_columns,
                                  batch->work.error);
    if (status == TN_PROTOCOL)
        conn->broken = true; /* damaged on its way: so may be what follows */
    if (status != TN_OK) {
        pg_batch_unreadable(conn, status);
        return false;
    }
    rows.values = reader->values;
    rows.rows = (uint32_t)count;
    batch->work.answer(batch->work.arg, batch->answered, &rows);
    return true;
}

/* A result that has a tag: the last of its statement's rows, and how it ended. */
static void deliver(tn_driver_conn *conn, PGresult *result)
{
    pg_batch *batch = conn->batch;
    tn_driver_cursor *reader = batch->reader;
    const tn_batch more = {.size = sizeof(more), .affected = -1, .tag = ""};
    int count = PQntuples(result), row = 0;

    reader->current = result;
    reader->affected = -1;
    tn_status status = pg_cursor_fits(reader, result)
                           ? pg_cursor_take_tag(reader, result, batch->work.error)
                           : pg_cursor_misfit(reader, batch->work.error);
    if (status != TN_OK)
        pg_batch_unreadable(conn, status);
    const tn_batch last = {
        .size = sizeof(last), .done = true, .affected = reader->affected, .tag = reader->tag};
    if (!reader->stmt->info.n_columns || batch->told)
        row = count;
    for (; count - row > PG_BATCH_ROWS && hand_over(conn, row, PG_BATCH_ROWS, &more);
         row += PG_BATCH_ROWS)
        continue;
    if (batch->told || row == count || !hand_over(conn, row, count - row, &last))
        batch->work.answer(batch->work.arg, batch->answered, &last);
    reader->current = NULL;
}

static tn_status refused(tn_driver_conn *conn, const PGresult *result, tn_error *err)
{
    pg_batch *batch = conn->batch;

    tn_status status = pg_batch_refused(conn, &(pg_report){.result = result}, err);
    PQclear(batch->held);
    batch->held = NULL;
    return status;
}

/* Takes result. */
static tn_status take_answer(tn_driver_conn *conn, PGresult *result, tn_error *err)
{
    pg_batch *batch = conn->batch;
    tn_status status = TN_OK;

    batch->reader->stmt = batch->work.stmts[batch->answered];
    switch (PQresultStatus(result)) {
    case PGRES_TUPLES_OK:
    case PGRES_COMMAND_OK:
    case PGRES_EMPTY_QUERY:
        if (batch->each) {
            PQclear(batch->held);
            batch->held = result;
            return TN_OK;
        }
        deliver(conn, result);
        break;
    case PGRES_PIPELINE_ABORTED: break;
    case PGRES_FATAL_ERROR: status = refused(conn, result, err); break;
    default:
        status = pg_batch_confused(conn, err, "the answer has a status that is not known here");
        break;
    }
    PQclear(result);
    return status;
}

/* The first that is said behind the statements counts: the answer to COMMIT, or why it was passed
 * over. Takes result. */
static void take_conclusion(tn_driver_conn *conn, PGresult *result)
{
    pg_batch *batch = conn->batch;

    pg_judge(conn, result);
    if (PQresultStatus(result) == PGRES_FATAL_ERROR && !batch->refusal) {
        batch->refusal = result;
        return;
    }
    if (PQresultStatus(result) == PGRES_COMMAND_OK)
        tn__copy_text(batch->commit_tag, sizeof(batch->commit_tag), kit_str(PQcmdStatus(result)));
    PQclear(result);
}

static void take_number(tn_driver_conn *conn, PGresult *result)
{
    if (PQresultStatus(result) == PGRES_FATAL_ERROR) {
        take_conclusion(conn, result);
        return;
    }
    if (PQresultStatus(result) == PGRES_TUPLES_OK) {
        pg_identity_learn(conn, result);
        if (conn->batch->commits)
            conn->id.committed = conn->id.open;
    }
    PQclear(result);
}

/* A transaction that was not begun takes everything along, and is no statement's failure. */
static tn_status take_begin(tn_driver_conn *conn, PGresult *result, tn_error *err)
{
    pg_batch *batch = conn->batch;
    tn_status status = TN_OK;

    pg_judge(conn, result);
    if (PQresultStatus(result) == PGRES_FATAL_ERROR) {
        conn->begin_refused = batch->stopped = batch->failed = true;
        take_conclusion(conn, result);
        return TN_OK;
    }
    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        status = pg_batch_confused(conn, err, "BEGIN was answered by something else");
    PQclear(result);
    return status;
}

/* The end of one command of the pipeline. */
static tn_status take_end(tn_driver_conn *conn, tn_error *err)
{
    pg_batch *batch = conn->batch;

    if (batch->begin) {
        batch->begin = false;
    } else if (batch->answered < batch->sent) {
        if (!batch->each)
            pg_batch_next_statement(batch);
    } else if (batch->question) {
        batch->question = false;
    } else if (batch->commit) {
        batch->commit = false;
    } else {
        return pg_batch_confused(conn, err, "an answer came that nobody asked for");
    }
    return TN_OK;
}

static tn_status take_sync(tn_driver_conn *conn, tn_error *err)
{
    pg_batch *batch = conn->batch;

    if (!conn->syncs)
        return pg_batch_confused(conn, err, "a pipeline's end came that nobody asked for");
    conn->syncs--;
    if (!batch->each)
        return TN_OK;
    if (!batch->told && !batch->held)
        return pg_batch_confused(conn, err, "a statement of a pipeline was not answered");
    batch->reader->stmt = batch->work.stmts[batch->answered];
    if (batch->held)
        deliver(conn, batch->held);
    PQclear(batch->held);
    batch->held = NULL;
    pg_batch_next_statement(batch);
    return TN_OK;
}

static tn_status take(tn_driver_conn *conn, PGresult *result, tn_error *err)
{
    pg_batch *batch = conn->batch;

    if (!result)
        return take_end(conn, err);
    if (PQresultStatus(result) == PGRES_PIPELINE_SYNC) {
        PQclear(result);
        return take_sync(conn, err);
    }
    if (batch->begin)
        return take_begin(conn, result, err);
    if (batch->answered < batch->sent)
        return take_answer(conn, result, err);
    if (batch->question)
        take_number(conn, result);
    else
        take_conclusion(conn, result);
    return TN_OK;
}

/* libpq's own word for a connection that has ended, or nothing. */
static bool says_nothing(const PGresult *result)
{
    return !result || (PQresultStatus(result) == PGRES_FATAL_ERROR &&
                       !PQresultErrorField(result, PG_DIAG_SQLSTATE));
}

/* What has come by now. */
static tn_status read_some(tn_driver_conn *conn, tn_error *err)
{
    while (pg_batch_expects(conn) && !PQisBusy(conn->pg)) {
        PGresult *result = PQgetResult(conn->pg);
        /* What had come before the connection ended counts. */
        if (PQstatus(conn->pg) != CONNECTION_OK && says_nothing(result)) {
            PQclear(result);
            return pg_batch_lost(conn, err);
        }
        tn_status status = take(conn, result, err);
        if (status == TN_OK && conn->broken)
            status = pg_batch_confused(conn, err, "the answers cannot be read on");
        if (status != TN_OK)
            return status;
    }
    return TN_OK;
}

static tn_status wait(tn_driver_conn *conn, int64_t deadline_ns, tn_error *err)
{
    int events = conn->batch->blocked ? TN_WAIT_READ | TN_WAIT_WRITE : TN_WAIT_READ;

    if (PQstatus(conn->pg) != CONNECTION_OK)
        return pg_batch_lost(conn, err);
    tn_status status = pg_wait(conn, events, TN_PHASE_EXECUTE, deadline_ns, err);
    if (status == TN_OK && !PQconsumeInput(conn->pg) && PQisBusy(conn->pg))
        return pg_batch_lost(conn, err);
    return status;
}

const pg_batch_wire pg_batch_by_libpq = {
    .begin = queue_begin,
    .statement = queue_statement,
    .question = queue_question,
    .commit = queue_commit,
    .end = queue_end,
    .flush = flush,
    .read = read_some,
    .wait = wait,
};
