/* SPDX-License-Identifier: MIT */
/* What a batch puts on the wire, and when its pipeline ends. */
#include <string.h>

#include "kit/kit.h"
#include "postgres/batch.h"

enum {
    FLUSH_BYTES = 8192, /* so much is put together before it is sent */
    MESSAGE_BYTES = 96  /* of a statement besides its parameters, about */
};

/* Nothing was taken. */
static tn_status not_queued(tn_driver_conn *conn, tn_error *err)
{
    if (PQstatus(conn->pg) != CONNECTION_OK)
        return pg_batch_lost(conn, err);
    conn->broken = true;
    return kit_nomem(conn->host, err, TN_PHASE_EXECUTE);
}

static tn_status flush(tn_driver_conn *conn, tn_error *err)
{
    conn->batch->unflushed = 0;
    return conn->batch->wire->flush(conn, err);
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

/* A BEGIN that is due goes ahead of the first statement. */
static int queue_statement(tn_driver_stmt *stmt, size_t n)
{
    tn_driver_conn *conn = stmt->conn;
    pg_batch *batch = conn->batch;

    if (conn->begin && !batch->wire->begin(conn))
        return 0;
    batch->begin = batch->begin || conn->begin;
    conn->begin = NULL;
    return batch->wire->statement(stmt, n);
}

/* What it does to the session and to its transaction. */
static void note_statement(tn_driver_conn *conn, const tn_driver_stmt *stmt, size_t n)
{
    pg_batch *batch = conn->batch;

    pg_identity_statement(stmt, !batch->each);
    batch->wrote = batch->wrote || stmt->writes == PG_WRITES;
    batch->changes = batch->changes || stmt->changes;
    conn->dirty_locally = conn->dirty_locally || (stmt->changes & PG_CHANGES_LOCALLY);
    if (stmt->changes & ~PG_CHANGES_LOCALLY) {
        conn->dirty = true;
        conn->exact = false;
        conn->dirty_statements = conn->dirty_statements || (stmt->changes & PG_CHANGES_STATEMENTS);
    }
    batch->unflushed += MESSAGE_BYTES + 8 * n;
    for (size_t i = 0; i < n; i++)
        batch->unflushed += (size_t)conn->encoder.lengths[i];
}

static int queue_end(tn_driver_conn *conn)
{
    int queued = conn->batch->wire->end(conn);

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
    if (!queue_statement(stmt, batch->n_params))
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
tn_status pg_batch_close_pipeline(tn_driver_conn *conn, tn_error *err)
{
    pg_batch *batch = conn->batch;
    bool commit = (batch->work.flags & TN_BATCH_COMMIT) && !batch->stopped;

    batch->closed = true;
    if (batch->each)
        return flush(conn, err);
    if (!batch->stopped && wants_number(conn, commit)) {
        if (!batch->wire->question(conn, commit))
            return not_queued(conn, err);
        batch->question = true;
    }
    if (commit) {
        conn->id.committed = conn->id.open;
        if (!batch->wire->commit(conn))
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

tn_status pg_batch_send_some(tn_driver_conn *conn, tn_error *err)
{
    pg_batch *batch = conn->batch;
    tn_status status = TN_OK;

    if (batch->blocked)
        status = flush(conn, err);
    if (status == TN_OK && batch->bad && !pg_batch_expects(conn))
        tell_bad(conn);
    while (status == TN_OK && may_send(batch)) {
        if (batch->stopped || batch->sent == batch->work.count)
            return pg_batch_close_pipeline(conn, err);
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
