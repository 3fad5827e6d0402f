/* SPDX-License-Identifier: MIT */
/*
 * Many statements in one round trip, by libpq's pipeline. Sending and reading take turns: a server
 * that cannot get rid of its answers stops reading, and who then only writes waits for ever. What
 * is on its way stays small whatever the number of statements: libpq's buffer is emptied into the
 * socket before more is put into it, and answers are handed over as they come.
 *
 * The wire holds, in this order: each statement (and behind it the pipeline's end, where each is a
 * transaction of its own), the question for the transaction's number, COMMIT, the pipeline's end.
 * An error makes the server pass over everything up to the next end, COMMIT too.
 */
#include <stdlib.h>
#include <string.h>

#include "kit/kit.h"
#include "postgres/pg.h"

enum {
    FLUSH_BYTES = 8192, /* so much is put together before it is sent */
    MESSAGE_BYTES = 96, /* of a statement besides its parameters, about */
    READER_MAX = 1 << 30
};

struct pg_batch {
    tn_batch_work work;
    bool active;                  /* run() has begun and not everything was read */
    bool each;                    /* a pipeline's end behind every statement */
    bool stopped;                 /* no further statement is sent */
    bool failed;                  /* one failed, and takes those behind it along */
    bool bad;                     /* the next to be sent cannot be; those before it come first */
    bool closed;                  /* everything was sent */
    bool blocked;                 /* libpq could not get rid of everything */
    bool begin, question, commit; /* were sent, their answers have not ended */
    bool commits;                 /* COMMIT was sent */
    bool told;                    /* the statement that is read has failed */
    bool changes;                 /* one of them changes the session */
    bool wrote;                   /* one of them has given the transaction a number */
    size_t sent, answered;        /* of the statements */
    size_t unflushed;             /* bytes, about */
    const tn_value *params;       /* of the bad one */
    size_t n_params;
    PGresult *held;       /* the answer of a statement that is not known to have been committed */
    PGresult *conclusion; /* the answer to COMMIT */
    tn_driver_cursor *reader;
};

/* ---- the object, one a connection ------------------------------------------------------------ */

void pg_batch_free(pg_batch *batch)
{
    if (!batch)
        return;
    PQclear(batch->held);
    PQclear(batch->conclusion);
    if (batch->reader)
        batch->reader->current = NULL;
    pg_cursor_free(batch->reader);
    free(batch);
}

static pg_batch *take_batch(tn_driver_conn *conn)
{
    pg_batch *batch = conn->batch ? conn->batch : calloc(1, sizeof(*batch));

    if (!batch)
        return NULL;
    conn->batch = batch;
    if (batch->reader)
        return batch;
    batch->reader = calloc(1, sizeof(*batch->reader));
    if (!batch->reader)
        return NULL;
    batch->reader->conn = conn;
    tn__arena_init(&batch->reader->arena, READER_MAX);
    return batch;
}

static void start(tn_driver_conn *conn, pg_batch *batch, const tn_batch_work *work)
{
    tn_driver_cursor *reader = batch->reader;

    PQclear(batch->held);
    PQclear(batch->conclusion);
    *batch = (pg_batch){.reader = reader, .active = true};
    memcpy(&batch->work, work, work->size < sizeof(*work) ? work->size : sizeof(*work));
    batch->each = work->flags & TN_BATCH_EACH;
    conn->committing = false;
    conn->failed = false;
    conn->pending = true;
    conn->syncs = 0;
}

/* ---- what ends it ---------------------------------------------------------------------------- */

static tn_status lost(tn_driver_conn *conn, tn_error *err)
{
    const pg_batch *batch = conn->batch;

    conn->committing = batch->commits && !batch->failed;
    conn->if_lost = batch->each ? TN_OUTCOME_IN_DOUBT : TN_OUTCOME_NOT_APPLIED;
    tn_status status = pg_fail_lost(conn, TN_PHASE_EXECUTE, err);
    conn->committing = false;
    return status;
}

static tn_status confused(tn_driver_conn *conn, tn_error *err, const char *what)
{
    const pg_batch *batch = conn->batch;

    conn->committing = batch->commits && !batch->failed;
    conn->if_lost = batch->each ? TN_OUTCOME_IN_DOUBT : TN_OUTCOME_NOT_APPLIED;
    tn_status status = pg_fail_protocol(conn, TN_PHASE_EXECUTE, err, what);
    conn->committing = false;
    return status;
}

/* libpq took nothing. */
static tn_status not_queued(tn_driver_conn *conn, tn_error *err)
{
    if (PQstatus(conn->pg) != CONNECTION_OK)
        return lost(conn, err);
    conn->broken = true;
    return kit_nomem(conn->host, err, TN_PHASE_EXECUTE);
}

/* ---- reading --------------------------------------------------------------------------------- */

static void tell_unreadable(tn_driver_conn *conn, tn_status status)
{
    pg_batch *batch = conn->batch;

    if (!batch->told)
        batch->work.unreadable(batch->work.arg, batch->answered, status);
    batch->told = true;
}

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
        tell_unreadable(conn, status);
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
    tn_status status = pg_cursor_check_columns(reader, result, batch->work.error);
    if (status == TN_OK)
        status = pg_cursor_take_tag(reader, result, batch->work.error);
    if (status != TN_OK)
        tell_unreadable(conn, status);
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

/* The session has ended before the statements that are left: where each is for itself, that is to
 * be known of each. */
static void tell_not_run(tn_driver_conn *conn, tn_status status)
{
    pg_batch *batch = conn->batch;

    if (!batch->each || batch->held)
        return;
    for (; batch->answered < batch->sent; batch->answered++)
        batch->work.fail(batch->work.arg, batch->answered, status);
}

/* The server refused a statement, or its commit. */
static tn_status refused(tn_driver_conn *conn, const PGresult *result, tn_error *err)
{
    pg_batch *batch = conn->batch;
    tn_driver_stmt *stmt = batch->work.stmts[batch->answered];

    pg_judge(conn, result);
    batch->failed = !batch->each;
    batch->stopped = batch->stopped || batch->failed;
    /* What ends the session is no statement's. It came instead of this one's answer, so this one
     * was not done, nor what is behind it; unless it was done and being committed. */
    conn->if_lost = batch->held ? TN_OUTCOME_IN_DOUBT : TN_OUTCOME_NOT_APPLIED;
    tn_status status = pg_fail_result(conn, result, TN_PHASE_EXECUTE, batch->work.error);
    if (conn->broken) {
        tell_not_run(conn, status);
        return pg_fail_result(conn, result, TN_PHASE_EXECUTE, err);
    }
    bool gone = stmt->name[0] && pg_has_sqlstate(result, "26000");
    if (gone || pg_is_stale_plan(result)) {
        stmt->stale = true;
        stmt->gone = gone;
        status = TN_DRIVER_STALE;
    }
    PQclear(batch->held);
    batch->held = NULL;
    batch->told = true;
    batch->work.fail(batch->work.arg, batch->answered, status);
    return TN_OK;
}

static void next_statement(pg_batch *batch)
{
    batch->answered++;
    batch->told = false;
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
    default: status = confused(conn, err, "the answer has a status that is not known here"); break;
    }
    PQclear(result);
    return status;
}

/* The first that is said behind the statements counts: the answer to COMMIT, or why it was passed
 * over. */
static void take_conclusion(tn_driver_conn *conn, PGresult *result)
{
    pg_batch *batch = conn->batch;

    pg_judge(conn, result);
    if (!batch->conclusion)
        batch->conclusion = result;
    else
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
        status = confused(conn, err, "BEGIN was answered by something else");
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
            next_statement(batch);
    } else if (batch->question) {
        batch->question = false;
    } else if (batch->commit) {
        batch->commit = false;
    } else {
        return confused(conn, err, "an answer came that nobody asked for");
    }
    return TN_OK;
}

static tn_status take_sync(tn_driver_conn *conn, tn_error *err)
{
    pg_batch *batch = conn->batch;

    if (!conn->syncs)
        return confused(conn, err, "a pipeline's end came that nobody asked for");
    conn->syncs--;
    if (!batch->each)
        return TN_OK;
    if (!batch->told && !batch->held)
        return confused(conn, err, "a statement of a pipeline was not answered");
    batch->reader->stmt = batch->work.stmts[batch->answered];
    if (batch->held)
        deliver(conn, batch->held);
    PQclear(batch->held);
    batch->held = NULL;
    next_statement(batch);
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

static bool expects(const tn_driver_conn *conn)
{
    const pg_batch *batch = conn->batch;

    return batch->begin || batch->answered < batch->sent || batch->question || batch->commit ||
           conn->syncs;
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
    while (expects(conn) && !PQisBusy(conn->pg)) {
        PGresult *result = PQgetResult(conn->pg);
        /* What had come before the connection ended counts. */
        if (PQstatus(conn->pg) != CONNECTION_OK && says_nothing(result)) {
            PQclear(result);
            return lost(conn, err);
        }
        tn_status status = take(conn, result, err);
        if (status == TN_OK && conn->broken)
            status = confused(conn, err, "the answers cannot be read on");
        if (status != TN_OK)
            return status;
    }
    return TN_OK;
}

/* ---- sending --------------------------------------------------------------------------------- */

static tn_status flush(tn_driver_conn *conn, tn_error *err)
{
    int left = PQflush(conn->pg);

    if (left < 0)
        return lost(conn, err);
    conn->batch->blocked = left > 0;
    conn->batch->unflushed = 0;
    return TN_OK;
}

/* Can it be sent? Asked again, the answer is the same. */
static tn_status check_statement(tn_driver_stmt *stmt, const pg_batch *batch, tn_error *err)
{
    tn_driver_conn *conn = stmt->conn;
    tn_status status = TN_OK;

    if (stmt->stale || stmt->gone) {
        stmt->stale = true;
        kit_fail(conn->host, err, TN_FAILED, TN_PHASE_EXECUTE, "26000",
                 "the prepared statement is no longer what it was on the server");
        return TN_DRIVER_STALE;
    }
    if (!stmt->changes)
        status = pg_check_encoding(conn, false, err);
    if (status == TN_OK && stmt->intervals)
        status = pg_check_intervals(conn, err);
    return status == TN_OK ? pg_encode(stmt, batch->params, batch->n_params, err) : status;
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

/* One that is due goes ahead of the first statement. */
static int queue_begin(tn_driver_conn *conn)
{
    if (!PQsendQueryParams(conn->pg, conn->begin, 0, NULL, NULL, NULL, NULL, 0))
        return 0;
    conn->begin = NULL;
    conn->batch->begin = true;
    return 1;
}

/* What it does to the session and to its transaction. */
static void note_statement(tn_driver_conn *conn, const tn_driver_stmt *stmt, size_t n)
{
    pg_batch *batch = conn->batch;

    pg_identity_statement(stmt, !batch->each);
    batch->wrote = batch->wrote || stmt->writes == PG_WRITES;
    if (stmt->changes) {
        batch->changes = conn->dirty = true;
        conn->exact = false;
        conn->dirty_statements = conn->dirty_statements || (stmt->changes & PG_CHANGES_STATEMENTS);
    }
    batch->unflushed += MESSAGE_BYTES + 8 * n;
    for (size_t i = 0; i < n; i++)
        batch->unflushed += (size_t)conn->encoder.lengths[i];
}

static int queue_end(tn_driver_conn *conn)
{
#ifdef LIBPQ_HAS_SEND_PIPELINE_SYNC
    int queued = PQsendPipelineSync(conn->pg);
#else
    int queued = PQpipelineSync(conn->pg);
#endif
    conn->syncs += queued ? 1 : 0;
    return queued;
}

static tn_status send_statement(tn_driver_conn *conn, tn_error *err)
{
    pg_batch *batch = conn->batch;
    tn_driver_stmt *stmt = batch->work.stmts[batch->sent];
    tn_status status = batch->work.bind(batch->work.arg, batch->sent, &batch->params,
                                        &batch->n_params);

    if (status != TN_OK && !batch->each)
        batch->stopped = true;
    if (status != TN_OK || check_statement(stmt, batch, NULL) != TN_OK) {
        batch->bad = true;
        batch->params = status == TN_OK ? batch->params : NULL;
        batch->n_params = status == TN_OK ? batch->n_params : SIZE_MAX;
        return TN_OK;
    }
    if ((conn->begin && !queue_begin(conn)) || !queue_statement(stmt, batch->n_params))
        return not_queued(conn, err);
    note_statement(conn, stmt, batch->n_params);
    batch->sent++;
    if (batch->each && !queue_end(conn))
        return not_queued(conn, err);
    return batch->unflushed >= FLUSH_BYTES ? flush(conn, err) : TN_OK;
}

/* All before it have been answered: now it can be told of. */
static void tell_bad(tn_driver_conn *conn)
{
    pg_batch *batch = conn->batch;

    batch->bad = false;
    if (batch->n_params != SIZE_MAX && !batch->failed) {
        tn_status status = check_statement(batch->work.stmts[batch->sent], batch,
                                           batch->work.error);
        batch->work.fail(batch->work.arg, batch->sent, status);
    }
    batch->stopped = batch->stopped || !batch->each;
    batch->failed = batch->failed || !batch->each;
    batch->answered = ++batch->sent;
}

/* A number that is not known yet, of a transaction that may end without an answer. */
static bool wants_number(const tn_driver_conn *conn, bool commit)
{
    const pg_batch *batch = conn->batch;

    return pg_identity_unknown(conn) && (commit || batch->wrote);
}

/* What stands behind the statements. The number is sent at once, before COMMIT is done: it is what
 * the server can be asked about when COMMIT's answer does not come. */
static tn_status close_pipeline(tn_driver_conn *conn, tn_error *err)
{
    pg_batch *batch = conn->batch;
    bool commit = (batch->work.flags & TN_BATCH_COMMIT) && !batch->stopped;

    batch->closed = true;
    if (batch->each)
        return flush(conn, err);
    if (!batch->stopped && wants_number(conn, commit)) {
        if (!PQsendQueryParams(conn->pg, pg_identity_question(conn), 0, NULL, NULL, NULL, NULL,
                               1) ||
            (commit && !PQsendFlushRequest(conn->pg)))
            return not_queued(conn, err);
        batch->question = true;
    }
    if (commit) {
        conn->id.committed = conn->id.open;
        if (!PQsendQueryParams(conn->pg, "COMMIT", 0, NULL, NULL, NULL, NULL, 0))
            return not_queued(conn, err);
        batch->commit = batch->commits = true;
    }
    if (!queue_end(conn))
        return not_queued(conn, err);
    return flush(conn, err);
}

static bool may_send(const pg_batch *batch)
{
    return !batch->closed && !batch->blocked && !batch->bad;
}

/* As much as goes without waiting. */
static tn_status send_some(tn_driver_conn *conn, tn_error *err)
{
    pg_batch *batch = conn->batch;
    tn_status status = TN_OK;

    if (batch->blocked)
        status = flush(conn, err);
    if (status == TN_OK && batch->bad && !expects(conn))
        tell_bad(conn);
    while (status == TN_OK && may_send(batch)) {
        if (batch->stopped || batch->sent == batch->work.count)
            return close_pipeline(conn, err);
        status = send_statement(conn, err);
    }
    /* Those before a bad one have to be answered first: so they need an end to their pipeline. */
    if (status == TN_OK && batch->bad) {
        if (!batch->each && batch->sent > batch->answered && !conn->syncs && !queue_end(conn))
            return not_queued(conn, err);
        status = flush(conn, err);
    }
    return status;
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* Everything was read. */
static tn_status conclude(tn_driver_conn *conn, tn_error *err)
{
    const pg_batch *batch = conn->batch;
    PGresult *conclusion = batch->conclusion;
    bool commits = batch->commits && !batch->failed;
    tn_status status = TN_OK;

    conn->committing = commits;
    if (conclusion && PQresultStatus(conclusion) == PGRES_FATAL_ERROR &&
        (!batch->failed || conn->begin_refused))
        status = pg_fail_result(conn, conclusion, commits ? TN_PHASE_COMMIT : TN_PHASE_EXECUTE,
                                err);
    else if (commits)
        status = pg_judge_commit(conn, conclusion ? PQcmdStatus(conclusion) : "", err);
    else if (!batch->each && pg_txn(conn) == PQTRANS_IDLE)
        status = confused(conn, err,
                          "the transaction is gone behind statements that did not end it");
    conn->committing = false;
    if (commits)
        pg_identity_begin(conn, false);
    conn->failed = status != TN_OK || !commits;
    return status;
}

static tn_status finish(tn_driver_conn *conn, tn_error *err)
{
    pg_batch *batch = conn->batch;

    if (!PQexitPipelineMode(conn->pg))
        return confused(conn, err, "the pipeline could not be ended");
    batch->active = false;
    conn->pending = false;
    tn_status status = conclude(conn, err);
    PQclear(batch->conclusion);
    batch->conclusion = NULL;
    return status == TN_OK && batch->changes ? pg_check_encoding(conn, true, err) : status;
}

/* Given up: nothing more is sent but the pipeline's end, so that reading comes to one. */
static void give_up(tn_driver_conn *conn)
{
    pg_batch *batch = conn->batch;

    if (conn->broken) {
        batch->active = false;
        return;
    }
    batch->stopped = true;
    batch->bad = false;
    if (!batch->closed && close_pipeline(conn, NULL) != TN_OK)
        batch->active = false;
}

static tn_status work_through(tn_driver_conn *conn, int64_t deadline_ns, tn_error *err)
{
    pg_batch *batch = conn->batch;

    for (;;) {
        tn_status status = send_some(conn, err);
        if (status == TN_OK)
            status = read_some(conn, err);
        if (status != TN_OK)
            return status;
        if (batch->closed && !expects(conn))
            return finish(conn, err);
        if (!batch->blocked && !expects(conn))
            continue; /* a bad one has its turn, or what failed is closed */
        if (PQstatus(conn->pg) != CONNECTION_OK)
            return lost(conn, err);
        status = pg_wait(conn, batch->blocked ? TN_WAIT_READ | TN_WAIT_WRITE : TN_WAIT_READ,
                         TN_PHASE_EXECUTE, deadline_ns, err);
        if (status != TN_OK)
            return status;
        if (!PQconsumeInput(conn->pg) && PQisBusy(conn->pg))
            return lost(conn, err);
    }
}

/* What the answers say is no failure of reading them. */
tn_status pg_batch_drain(tn_driver_conn *conn, int64_t deadline_ns, tn_error *err)
{
    tn_status status = work_through(conn, deadline_ns, err);

    return conn->batch->active || conn->broken ? status : TN_OK;
}

bool pg_batch_runs(const tn_driver_conn *conn)
{
    return conn->batch && conn->batch->active;
}

/* What needs a round trip of its own goes before the pipeline. One that cannot be prepared again is
 * found out when it has its turn. */
static tn_status make_ready(tn_driver_conn *conn, const tn_batch_work *work, int64_t deadline_ns,
                            tn_error *err)
{
    const tn_driver_stmt *last = NULL;
    tn_status status = TN_OK;

    for (size_t i = 0; i < work->count && status == TN_OK; i++) {
        tn_driver_stmt *stmt = work->stmts[i];
        if (stmt == last)
            continue;
        last = stmt;
        if (stmt->gone && !stmt->stale && pg_prepare_again(stmt, deadline_ns, err) != TN_OK) {
            if (conn->broken || conn->pending)
                return pg_ready(conn, TN_PHASE_EXECUTE, err);
            stmt->stale = true;
        }
        if (stmt->digits && !stmt->stale)
            status = pg_want_digits(conn, deadline_ns, err);
    }
    return status;
}

static tn_status run(tn_driver_conn *conn, const tn_batch_work *work, int64_t deadline_ns,
                     tn_error *err)
{
    tn_status status = pg_ready(conn, TN_PHASE_EXECUTE, err);
    if (status == TN_OK)
        status = make_ready(conn, work, deadline_ns, err);
    if (status != TN_OK)
        return status;
    pg_batch *batch = take_batch(conn);
    if (!batch)
        return kit_nomem(conn->host, err, TN_PHASE_EXECUTE);
    pg_expect(conn, TN_OUTCOME_NOT_APPLIED);
    /* One that is known to be dead before COMMIT leaves has certainly not committed. */
    if ((work->flags & TN_BATCH_COMMIT) && !pg_alive(conn))
        return pg_fail_lost(conn, TN_PHASE_COMMIT, err);
    /* What was read of the direct path's is completed before libpq reads. */
    if (conn->direct.start != conn->direct.end)
        status = pg_direct_yield(conn, deadline_ns, err);
    if (status != TN_OK)
        return status;
    conn->direct.status = 0;
    if (!PQenterPipelineMode(conn->pg))
        return pg_fail_protocol(conn, TN_PHASE_EXECUTE, err, "a pipeline could not be begun");
    start(conn, batch, work);
    status = work_through(conn, deadline_ns, err);
    if (status != TN_OK && batch->active)
        give_up(conn);
    return status;
}

const tn_batch_ops pg_batch_ops = {
    .size = sizeof(pg_batch_ops),
    .run = run,
};
