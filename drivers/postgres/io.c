/* SPDX-License-Identifier: MIT */
/*
 * The wire: sending, waiting, reading results. The host waits; libpq only ever reads and writes
 * what is possible at once.
 */
#include <string.h>

#include "kit/kit.h"
#include "postgres/pg.h"

tn_status pg_ready(tn_driver_conn *conn, tn_phase phase, tn_error *err)
{
    if (conn->broken || PQstatus(conn->pg) != CONNECTION_OK) {
        conn->committing = false;
        conn->if_lost = TN_OUTCOME_NOT_APPLIED;
        return pg_fail_lost(conn, phase, err);
    }
    if (conn->pending)
        return kit_fail(conn->host, err, TN_MISUSE, phase, NULL,
                        "the connection is busy with another statement");
    if (conn->begin_refused && (phase == TN_PHASE_PREPARE || phase == TN_PHASE_EXECUTE))
        return kit_fail(conn->host, err, TN_ABORTED, phase, "25P02",
                        "BEGIN was refused: there is no transaction to run this in");
    return TN_OK;
}

PGTransactionStatusType pg_txn(const tn_driver_conn *conn)
{
    if (conn->begin)
        return PQTRANS_INTRANS;
    if (conn->begin_refused)
        return PQTRANS_INERROR;
    switch (conn->direct.status) {
    case 'I': return PQTRANS_IDLE;
    case 'T': return PQTRANS_INTRANS;
    case 'E': return PQTRANS_INERROR;
    default: return PQtransactionStatus(conn->pg);
    }
}

void pg_expect(tn_driver_conn *conn, tn_outcome if_lost)
{
    conn->if_lost = if_lost;
    conn->applies_nothing = false;
    conn->committing = false;
}

void pg_expect_nothing(tn_driver_conn *conn)
{
    pg_expect(conn, TN_OUTCOME_NOT_APPLIED);
    conn->applies_nothing = true;
}

tn_status pg_wait(tn_driver_conn *conn, int events, tn_phase phase, int64_t deadline_ns,
                  tn_error *err)
{
    tn_wait_result result = conn->host->wait(conn->host_conn, PQsocket(conn->pg), events,
                                             deadline_ns);

    if (result == TN_WAIT_READY)
        return TN_OK;
    if (result == TN_WAIT_FAILED)
        conn->broken = true;
    if (conn->committing) {
        tn_diagnostic diagnostic = {
            .size = sizeof(diagnostic),
            .status = TN_OUTCOME_UNKNOWN,
            .phase = TN_PHASE_COMMIT,
            .outcome = TN_OUTCOME_IN_DOUBT,
            .sqlstate = kit_str("08007"),
            .message = kit_str(result == TN_WAIT_TIMEOUT
                                   ? "COMMIT was sent and no answer came before the deadline"
                                   : "COMMIT was sent and its answer was not waited for"),
        };
        return conn->host->fail(err, &diagnostic);
    }
    return kit_wait_failed(conn->host, err, phase, result);
}

/* Writes what is queued. The server may be writing too, and wait for us to read. */
static tn_status flush(tn_driver_conn *conn, tn_phase phase, int64_t deadline_ns, tn_error *err)
{
    for (;;) {
        int left = PQflush(conn->pg);
        if (left == 0)
            return TN_OK;
        if (left < 0)
            return pg_fail_lost(conn, phase, err);
        tn_status status = pg_wait(conn, TN_WAIT_READ | TN_WAIT_WRITE, phase, deadline_ns, err);
        if (status != TN_OK)
            return status;
        if (!PQconsumeInput(conn->pg))
            return pg_fail_lost(conn, phase, err);
    }
}

tn_status pg_sent(tn_driver_conn *conn, int sent, tn_phase phase, int64_t deadline_ns,
                  tn_error *err)
{
    if (sent) {
        conn->failed = conn->failed && conn->pending;
        conn->pending = true;
        conn->direct.status = 0;
        if (conn->direct.start != conn->direct.end) {
            tn_status status = pg_direct_yield(conn, deadline_ns, err);
            if (status != TN_OK)
                return status;
        }
        return flush(conn, phase, deadline_ns, err);
    }
    /* Not queued: nothing of it has left. */
    conn->committing = false;
    conn->if_lost = TN_OUTCOME_NOT_APPLIED;
    if (PQstatus(conn->pg) != CONNECTION_OK)
        return pg_fail_lost(conn, phase, err);
    conn->broken = true;
    return kit_nomem(conn->host, err, phase);
}

static bool is_error(const PGresult *result)
{
    switch (PQresultStatus(result)) {
    case PGRES_FATAL_ERROR:
    case PGRES_BAD_RESPONSE:
    case PGRES_NONFATAL_ERROR: return true;
    default: return false;
    }
}

void pg_judge(tn_driver_conn *conn, const PGresult *result)
{
    if (!result)
        return;
    switch (PQresultStatus(result)) {
    case PGRES_SINGLE_TUPLE:
    case PGRES_TUPLES_OK: return;
    case PGRES_COMMAND_OK:
        if (strcmp(PQcmdStatus((PGresult *)(uintptr_t)result), "ROLLBACK") == 0)
            conn->failed = true;
        return;
    default: break;
    }
    if (!is_error(result))
        return;
    pg_last_words(conn, &(pg_report){.result = result});
    conn->failed = true;
}

bool pg_result_at_hand(tn_driver_conn *conn, PGresult **ret)
{
    PGresult *result;

    do {
        if (PQisBusy(conn->pg))
            return false;
        result = PQgetResult(conn->pg);
    } while (conn->tail && pg_tail_takes(conn, &result));
    pg_judge(conn, result);
    if (!result && !conn->syncs)
        conn->pending = false;
    *ret = result;
    return true;
}

tn_status pg_result(tn_driver_conn *conn, tn_phase phase, int64_t deadline_ns, PGresult **ret,
                    tn_error *err)
{
    while (!pg_result_at_hand(conn, ret)) {
        tn_status status = pg_wait(conn, TN_WAIT_READ, phase, deadline_ns, err);
        if (status != TN_OK)
            return status;
        if (!PQconsumeInput(conn->pg) && PQisBusy(conn->pg))
            return pg_fail_lost(conn, phase, err);
    }
    return TN_OK;
}

/* A COPY that nobody feeds or reads is ended, so that the connection is good again. */
static tn_status end_copy(tn_driver_conn *conn, ExecStatusType kind, tn_phase phase,
                          int64_t deadline_ns, tn_error *err)
{
    if (kind == PGRES_COPY_BOTH)
        return pg_fail_protocol(conn, phase, err, "the server began a replication stream");
    if (kind == PGRES_COPY_IN) {
        int put = PQputCopyEnd(conn->pg, "COPY is not supported here");
        if (put < 0)
            return pg_fail_lost(conn, phase, err);
        return flush(conn, phase, deadline_ns, err);
    }
    for (;;) {
        char *row = NULL;
        int got = PQgetCopyData(conn->pg, &row, 1);
        PQfreemem(row);
        if (got < 0)
            return TN_OK;
        if (got > 0)
            continue;
        tn_status status = pg_wait(conn, TN_WAIT_READ, phase, deadline_ns, err);
        if (status != TN_OK)
            return status;
        if (!PQconsumeInput(conn->pg))
            return pg_fail_lost(conn, phase, err);
    }
}

tn_status pg_finish(tn_driver_conn *conn, tn_phase phase, int64_t deadline_ns, PGresult **ret_last,
                    tn_error *err)
{
    PGresult *last = NULL, *result = NULL;
    tn_status status;

    for (;;) {
        status = pg_result(conn, phase, deadline_ns, &result, err);
        /* The first error counts: what comes behind it is that the connection is gone. */
        if (status != TN_OK && last && is_error(last))
            break;
        if (status != TN_OK) {
            PQclear(last);
            return status;
        }
        if (!result)
            break;
        ExecStatusType kind = PQresultStatus(result);
        if (kind == PGRES_COPY_IN || kind == PGRES_COPY_OUT || kind == PGRES_COPY_BOTH) {
            PQclear(result);
            status = end_copy(conn, kind, phase, deadline_ns, err);
            if (status != TN_OK) {
                PQclear(last);
                return status;
            }
        } else if (last && is_error(last)) {
            PQclear(result);
        } else {
            PQclear(last);
            last = result;
        }
    }
    status = last && is_error(last) ? pg_fail_result(conn, last, phase, err) : TN_OK;
    if (status != TN_OK || !ret_last)
        PQclear(last);
    else
        *ret_last = last;
    return status;
}

tn_status pg_command(tn_driver_conn *conn, const char *sql, tn_phase phase, int64_t deadline_ns,
                     PGresult **ret_last, tn_error *err)
{
    tn_status status = pg_sent(conn, PQsendQuery(conn->pg, sql), phase, deadline_ns, err);
    if (status != TN_OK)
        return status;
    return pg_finish(conn, phase, deadline_ns, ret_last, err);
}

static tn_status drain_pipeline(tn_driver_conn *conn, int64_t deadline_ns, tn_error *err)
{
    PGresult *result = NULL;

    while (conn->syncs) {
        tn_status status = pg_result(conn, TN_PHASE_NONE, deadline_ns, &result, err);
        if (status != TN_OK)
            return status;
        if (PQresultStatus(result) == PGRES_PIPELINE_SYNC)
            conn->syncs--;
        else if (!result && PQstatus(conn->pg) != CONNECTION_OK)
            return pg_fail_lost(conn, TN_PHASE_NONE, err);
        PQclear(result);
    }
    if (!PQexitPipelineMode(conn->pg))
        return pg_fail_protocol(conn, TN_PHASE_NONE, err, "the pipeline could not be ended");
    conn->pending = false;
    conn->failed = true; /* nothing of a pipeline is run */
    return TN_OK;
}

tn_status pg_drain(tn_driver_conn *conn, int64_t deadline_ns, tn_error *err)
{
    if (pg_batch_runs(conn))
        return pg_batch_drain(conn, deadline_ns, err);
    if (conn->direct.stage)
        return pg_direct_drain(conn, TN_PHASE_NONE, deadline_ns, err);
    tn_status status = flush(conn, TN_PHASE_NONE, deadline_ns, err);
    if (status != TN_OK)
        return status;
    if (PQpipelineStatus(conn->pg) != PQ_PIPELINE_OFF && !conn->tail)
        return drain_pipeline(conn, deadline_ns, err);
    /* That the statement failed is what was wanted; only the wire's state counts. */
    status = pg_finish(conn, TN_PHASE_NONE, deadline_ns, NULL, NULL);
    if (conn->broken || conn->pending) {
        if (conn->broken)
            return pg_fail_lost(conn, TN_PHASE_NONE, err);
        return kit_fail(conn->host, err, status == TN_OK ? TN_LOST : status, TN_PHASE_NONE, NULL,
                        "the statement's answer did not end in time");
    }
    return TN_OK;
}
