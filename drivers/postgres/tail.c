/* SPDX-License-Identifier: MIT */
/*
 * The tail of a statement that writes: the question for its transaction's number, in the same round
 * trip. COMMIT's answer may be lost, so the number has to be known before; asking for it apart
 * would cost each transaction a round trip.
 *
 * The server handles a pipeline in order and answers all of it at its end. So the statement's
 * results, their end, the number, its end and the pipeline's end come one after another. When the
 * statement failed, the question is passed over.
 */
#include "kit/kit.h"
#include "postgres/pg.h"

bool pg_tail_wanted(const tn_driver_stmt *stmt)
{
    const tn_driver_conn *conn = stmt->conn;

    return stmt->writes == PG_WRITES && (conn->found & PG_IDENTIFIES) && !conn->id.open.xid &&
           pg_txn(conn) == PQTRANS_INTRANS;
}

int pg_tail_send(tn_driver_conn *conn)
{
    if (!PQsendQueryParams(conn->pg, pg_identity_question(conn), 0, NULL, NULL, NULL, NULL, 1) ||
        !PQpipelineSync(conn->pg))
        return 0;
    conn->tail = PG_TAIL_STATEMENT;
    conn->syncs = 1;
    return 1;
}

static void end_tail(tn_driver_conn *conn)
{
    conn->tail = PG_TAIL_NONE;
    conn->syncs = 0;
    if (!PQexitPipelineMode(conn->pg))
        conn->broken = true;
}

/* An end where no more can come: the connection is gone, or the server mixes things up. */
static bool end_too_early(tn_driver_conn *conn)
{
    if (PQstatus(conn->pg) == CONNECTION_OK && conn->tail != PG_TAIL_SYNC)
        return false;
    conn->broken = true;
    end_tail(conn);
    return true;
}

bool pg_tail_takes(tn_driver_conn *conn, PGresult **result)
{
    ExecStatusType kind = PQresultStatus(*result);

    if (!*result) {
        if (end_too_early(conn))
            return false;
        conn->tail++;
        return true;
    }
    if (conn->tail == PG_TAIL_STATEMENT)
        return false;
    switch (kind) {
    case PGRES_TUPLES_OK:
#ifdef LIBPQ_HAS_CHUNK_MODE
    case PGRES_TUPLES_CHUNK:
#endif
    case PGRES_SINGLE_TUPLE: pg_identity_learn(conn, *result); break;
    case PGRES_PIPELINE_ABORTED: break;
    case PGRES_PIPELINE_SYNC: end_tail(conn); break;
    default: return false; /* an error: the transaction is at its end */
    }
    PQclear(*result);
    *result = NULL;
    return conn->tail != PG_TAIL_NONE;
}
