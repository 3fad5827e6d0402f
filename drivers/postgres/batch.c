/* SPDX-License-Identifier: MIT */
/*
 * Many statements in one round trip. Sending and reading take turns: a server that cannot get rid
 * of its answers stops reading, and who then only writes waits for ever. What is on its way stays
 * small whatever the number of statements: what is queued goes into the socket before more is
 * queued, and answers are handed over as they come.
 *
 * The wire holds, in this order: each statement (and behind it the pipeline's end, where each is a
 * transaction of its own), the question for the transaction's number, COMMIT, the pipeline's end.
 * An error makes the server pass over everything up to the next end, COMMIT too.
 */
#include <stdlib.h>
#include <string.h>

#include "kit/kit.h"
#include "postgres/batch.h"

enum { READER_MAX = 1 << 30 };

/* ---- the object, one a connection ------------------------------------------------------------ */

void pg_batch_free(pg_batch *batch)
{
    if (!batch)
        return;
    PQclear(batch->held);
    PQclear(batch->refusal);
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

static void start(tn_driver_conn *conn, pg_batch *batch, const tn_batch_work *work,
                  const pg_batch_wire *wire)
{
    tn_driver_cursor *reader = batch->reader;

    PQclear(batch->held);
    PQclear(batch->refusal);
    *batch = (pg_batch){.reader = reader, .wire = wire, .active = true};
    memcpy(&batch->work, work, work->size < sizeof(*work) ? work->size : sizeof(*work));
    batch->each = work->flags & TN_BATCH_EACH;
    conn->committing = false;
    conn->failed = false;
    conn->pending = true;
    conn->syncs = 0;
}

/* ---- what ends it ---------------------------------------------------------------------------- */

tn_status pg_batch_lost(tn_driver_conn *conn, tn_error *err)
{
    const pg_batch *batch = conn->batch;

    conn->committing = batch->commits && !batch->failed;
    conn->if_lost = batch->each ? TN_OUTCOME_IN_DOUBT : TN_OUTCOME_NOT_APPLIED;
    tn_status status = pg_fail_lost(conn, TN_PHASE_EXECUTE, err);
    conn->committing = false;
    return status;
}

tn_status pg_batch_confused(tn_driver_conn *conn, tn_error *err, const char *what)
{
    const pg_batch *batch = conn->batch;

    conn->committing = batch->commits && !batch->failed;
    conn->if_lost = batch->each ? TN_OUTCOME_IN_DOUBT : TN_OUTCOME_NOT_APPLIED;
    tn_status status = pg_fail_protocol(conn, TN_PHASE_EXECUTE, err, what);
    conn->committing = false;
    return status;
}

/* ---- what is told of a statement ------------------------------------------------------------- */

void pg_batch_unreadable(tn_driver_conn *conn, tn_status status)
{
    pg_batch *batch = conn->batch;

    if (!batch->told)
        batch->work.unreadable(batch->work.arg, batch->answered, status);
    batch->told = true;
}

void pg_batch_next_statement(pg_batch *batch)
{
    batch->answered++;
    batch->told = batch->complete = false;
}

bool pg_batch_expects(const tn_driver_conn *conn)
{
    const pg_batch *batch = conn->batch;

    return batch->begin || batch->answered < batch->sent || batch->question || batch->commit ||
           conn->syncs;
}

/* The session has ended before the statements that are left: where each is for itself, that is to
 * be known of each. */
static void tell_not_run(tn_driver_conn *conn, tn_status status)
{
    pg_batch *batch = conn->batch;

    if (!batch->each)
        return;
    for (; batch->answered < batch->sent; batch->answered++)
        batch->work.fail(batch->work.arg, batch->answered, status);
}

tn_status pg_batch_refused(tn_driver_conn *conn, const pg_report *report, tn_error *err)
{
    pg_batch *batch = conn->batch;
    tn_driver_stmt *stmt = batch->work.stmts[batch->answered];
    bool committing = batch->held || batch->complete, last = pg_report_ends_session(report);

    pg_last_words(conn, report);
    batch->failed = !batch->each;
    batch->stopped = batch->stopped || batch->failed || last;
    /* What ends the session is no statement's. It came instead of this one's answer, so this one
     * was not done, nor what is behind it; unless it was done and being committed. */
    conn->if_lost = batch->each && committing ? TN_OUTCOME_IN_DOUBT : TN_OUTCOME_NOT_APPLIED;
    tn_status status = pg_fail_report(conn, report, TN_PHASE_EXECUTE, batch->work.error);
    if (last && !committing)
        tell_not_run(conn, status);
    if (last || conn->broken)
        return pg_fail_report(conn, report, TN_PHASE_EXECUTE, err);
    bool gone = stmt->name[0] && pg_report_has_sqlstate(report, "26000");
    if (gone || pg_report_is_stale_plan(report)) {
        stmt->stale = true;
        stmt->gone = gone;
        status = TN_DRIVER_STALE;
    }
    batch->told = true;
    batch->work.fail(batch->work.arg, batch->answered, status);
    return TN_OK;
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* Everything was read. */
static tn_status conclude(tn_driver_conn *conn, tn_error *err)
{
    const pg_batch *batch = conn->batch;
    const pg_report report = {
        .result = batch->refusal, .body = conn->direct.error.ptr, .len = conn->direct.error.len};
    bool commits = batch->commits && !batch->failed;
    tn_status status = TN_OK;

    conn->committing = commits;
    if ((batch->refusal || batch->refused) && (!batch->failed || conn->begin_refused))
        status = pg_fail_report(conn, &report, commits ? TN_PHASE_COMMIT : TN_PHASE_EXECUTE, err);
    else if (commits)
        status = pg_judge_commit(conn, batch->commit_tag, err);
    else if (!batch->each && pg_txn(conn) == PQTRANS_IDLE)
        status = pg_batch_confused(conn, err,
                                   "the transaction is gone behind statements that did not end it");
    conn->committing = false;
    if (commits)
        pg_identity_begin(conn, false);
    conn->failed = status != TN_OK || !commits;
    conn->dirty_locally = conn->dirty_locally && pg_txn(conn) != PQTRANS_IDLE;
    return status;
}

/* What was passed over behind an error was not made. */
static void forget_making(const tn_driver_conn *conn)
{
    for (tn_driver_stmt *stmt = conn->stmts; stmt; stmt = stmt->next)
        stmt->making = false;
}

static tn_status finish(tn_driver_conn *conn, tn_error *err)
{
    pg_batch *batch = conn->batch;

    if (batch->wire == &pg_batch_by_libpq && !PQexitPipelineMode(conn->pg))
        return pg_batch_confused(conn, err, "the pipeline could not be ended");
    batch->active = false;
    conn->pending = false;
    forget_making(conn);
    tn_status status = conclude(conn, err);
    PQclear(batch->refusal);
    batch->refusal = NULL;
    if (batch->wire == &pg_batch_directly)
        pg_direct_shrink(&conn->direct);
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
    if (!batch->closed && pg_batch_close_pipeline(conn, NULL) != TN_OK)
        batch->active = false;
}

static tn_status work_through(tn_driver_conn *conn, int64_t deadline_ns, tn_error *err)
{
    pg_batch *batch = conn->batch;

    for (;;) {
        tn_status status = pg_batch_send_some(conn, err);
        if (status == TN_OK)
            status = batch->wire->read(conn, err);
        if (status != TN_OK)
            return status;
        if (batch->closed && !pg_batch_expects(conn))
            return finish(conn, err);
        if (!batch->blocked && !pg_batch_expects(conn))
            continue; /* a bad one has its turn, or what failed is closed */
        status = batch->wire->wait(conn, deadline_ns, err);
        if (status != TN_OK)
            return status;
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

/* What changes session state is libpq's to know: it keeps the server's settings. TLS may want to
 * write when it reads. */
static const pg_batch_wire *choose_wire(const tn_driver_conn *conn, const tn_batch_work *work)
{
    const tn_driver_stmt *last = NULL;
    bool told = conn->dirty || conn->dirty_locally;

    if (!conn->direct.possible || conn->direct.tls || (told && (work->flags & TN_BATCH_COMMIT)))
        return &pg_batch_by_libpq;
    for (size_t i = 0; i < work->count; last = work->stmts[i++])
        if (work->stmts[i] != last && work->stmts[i]->changes)
            return &pg_batch_by_libpq;
    return &pg_batch_directly;
}

/* What needs a round trip of its own goes before the pipeline. One that cannot be prepared again is
 * found out when it has its turn. */
static tn_status make_ready(tn_driver_conn *conn, const tn_batch_work *work, bool direct,
                            int64_t deadline_ns, tn_error *err)
{
    const tn_driver_stmt *last = NULL;
    tn_status status = TN_OK;

    for (size_t i = 0; i < work->count && status == TN_OK; i++) {
        tn_driver_stmt *stmt = work->stmts[i];
        if (stmt == last)
            continue;
        last = stmt;
        bool missing = stmt->gone || (stmt->unmade && !direct);
        if (missing && !stmt->stale && pg_prepare_again(stmt, deadline_ns, err) != TN_OK) {
            if (conn->broken || conn->pending)
                return pg_ready(conn, TN_PHASE_EXECUTE, err);
            stmt->stale = true;
        }
        if (stmt->digits && !stmt->stale)
            status = pg_want_digits(conn, deadline_ns, err);
    }
    return status;
}

static tn_status start_by_libpq(tn_driver_conn *conn, int64_t deadline_ns, tn_error *err)
{
    tn_status status = TN_OK;

    /* What was read of the direct path's is completed before libpq reads. */
    if (conn->direct.start != conn->direct.end)
        status = pg_direct_yield(conn, deadline_ns, err);
    if (status != TN_OK)
        return status;
    conn->direct.status = 0;
    if (!PQenterPipelineMode(conn->pg))
        return pg_fail_protocol(conn, TN_PHASE_EXECUTE, err, "a pipeline could not be begun");
    return TN_OK;
}

/* Values that somebody still reads stay where they are. */
static tn_status start_directly(tn_driver_conn *conn, tn_error *err)
{
    if (conn->direct.reader && !pg_direct_lend(conn))
        return kit_nomem(conn->host, err, TN_PHASE_EXECUTE);
    tn__buf_reset(&conn->direct.error);
    return TN_OK;
}

static tn_status run(tn_driver_conn *conn, const tn_batch_work *work, int64_t deadline_ns,
                     tn_error *err)
{
    const pg_batch_wire *wire = choose_wire(conn, work);
    bool direct = wire == &pg_batch_directly;

    tn_status status = pg_ready(conn, TN_PHASE_EXECUTE, err);
    if (status == TN_OK)
        status = make_ready(conn, work, direct, deadline_ns, err);
    if (status != TN_OK)
        return status;
    pg_batch *batch = take_batch(conn);
    if (!batch)
        return kit_nomem(conn->host, err, TN_PHASE_EXECUTE);
    pg_expect(conn, TN_OUTCOME_NOT_APPLIED);
    /* One that is known to be dead before COMMIT leaves has certainly not committed. */
    if ((work->flags & TN_BATCH_COMMIT) && !pg_alive(conn))
        return pg_fail_lost(conn, TN_PHASE_COMMIT, err);
    status = direct ? start_directly(conn, err) : start_by_libpq(conn, deadline_ns, err);
    if (status != TN_OK)
        return status;
    start(conn, batch, work, wire);
    status = work_through(conn, deadline_ns, err);
    if (status != TN_OK && batch->active)
        give_up(conn);
    return status;
}

const tn_batch_ops pg_batch_ops = {
    .size = sizeof(pg_batch_ops),
    .run = run,
};
