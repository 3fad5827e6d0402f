/* SPDX-License-Identifier: MIT */
/*
 * One COPY: begun, fed and ended. Nothing but an error comes from the server meanwhile, so once it
 * speaks, the COPY is ended to hear what it says.
 */
#include <string.h>
#include <sys/socket.h>

#include "base/str.h"
#include "kit/kit.h"
#include "postgres/copy.h"

/* ---- the server's answer --------------------------------------------------------------------- */

static void note_place(tn_driver_bulk *bulk, const PGresult *refusal)
{
    const char *context = PQresultErrorField(refusal, PG_DIAG_CONTEXT);
    uint64_t line;

    if (!context || !bulk->running ||
        !pg_copy_place(context, bulk->staged ? TN__STR("\"tn_bulk_stage\"") : bulk->own.table,
                       bulk->own.columns, bulk->own.n_columns, &line, &bulk->failed_column))
        return;
    bulk->failed_row = bulk->before + line;
}

void pg_copy_put_begin(tn_driver_bulk *bulk, tn__buf *sql)
{
    const tn_driver_conn *conn = bulk->conn;

    bulk->begins = conn->begin;
    if (!bulk->begins)
        return;
    tn__buf_puts(sql, conn->begin);
    tn__buf_puts(sql, "; ");
}

void pg_copy_put_question(tn_driver_bulk *bulk, tn__buf *sql)
{
    tn_driver_conn *conn = bulk->conn;

    pg_identity_statement(bulk->own.insert, true);
    bulk->asks = pg_identity_unknown(conn);
    if (!bulk->asks)
        return;
    tn__buf_puts(sql, "; ");
    tn__buf_puts(sql, pg_identity_question_as_text(conn));
}

/* Sends what stands in scratch. */
static tn_status send_sql(tn_driver_bulk *bulk, int64_t deadline_ns, tn_error *err)
{
    tn_driver_conn *conn = bulk->conn;

    if (bulk->scratch.failed)
        return kit_nomem(conn->host, err, TN_PHASE_EXECUTE);
    if (bulk->begins)
        conn->begin = NULL;
    pg_expect(conn, TN_OUTCOME_NOT_APPLIED);
    return pg_sent(conn, PQsendQuery(conn->pg, bulk->scratch.ptr), TN_PHASE_EXECUTE, deadline_ns,
                   err);
}

/* A transaction that was not begun takes everything along. */
static void take_refusal(tn_driver_bulk *bulk)
{
    bulk->conn->begin_refused = bulk->conn->begin_refused || bulk->begins;
    bulk->begins = bulk->asks = false;
}

/* What a command counted, or the number, which is the first row that comes. */
static void take_result(tn_driver_bulk *bulk, const PGresult *result, int64_t *ret_count)
{
    const char *count = PQcmdTuples((PGresult *)(uintptr_t)result);

    if (PQresultStatus(result) == PGRES_COMMAND_OK) {
        bulk->begins = false;
        if (count[0] && ret_count)
            tn__parse_int64(kit_str(count), ret_count);
    } else if (bulk->asks) {
        pg_identity_learn(bulk->conn, result);
        bulk->asks = false;
    }
}

tn_status pg_copy_read_answer(tn_driver_bulk *bulk, int64_t deadline_ns, int64_t *ret_count,
                              tn_error *err)
{
    tn_driver_conn *conn = bulk->conn;
    PGresult *result = NULL, *refusal = NULL;
    tn_status status;

    for (;;) {
        status = pg_result(conn, TN_PHASE_EXECUTE, deadline_ns, &result, err);
        if (status != TN_OK || !result)
            break;
        if (PQresultStatus(result) == PGRES_COMMAND_OK ||
            PQresultStatus(result) == PGRES_TUPLES_OK) {
            take_result(bulk, result, ret_count);
        } else if (!refusal) {
            take_refusal(bulk);
            refusal = result;
            continue;
        }
        PQclear(result);
    }
    if (refusal) {
        note_place(bulk, refusal);
        status = pg_fail_result(conn, refusal, TN_PHASE_EXECUTE, err);
        PQclear(refusal);
    }
    return status;
}

tn_status pg_copy_run(tn_driver_bulk *bulk, int64_t deadline_ns, int64_t *ret_count, tn_error *err)
{
    tn_status status = send_sql(bulk, deadline_ns, err);

    return status == TN_OK ? pg_copy_read_answer(bulk, deadline_ns, ret_count, err) : status;
}

/* ---- one COPY -------------------------------------------------------------------------------- */

/* The first one has a savepoint before it: a table that takes no COPY is no failure yet. */
static void write_copy(tn_driver_bulk *bulk, pg_copy_format format)
{
    tn__buf *sql = &bulk->scratch;

    tn__buf_reset(sql);
    pg_copy_put_begin(bulk, sql);
    if (!bulk->begun && !bulk->staged)
        tn__buf_puts(sql, "SAVEPOINT tn_bulk; ");
    tn__buf_puts(sql, "COPY ");
    tn__buf_str(sql, bulk->staged ? TN__STR(PG_COPY_STAGE) : bulk->own.table);
    tn__buf_puts(sql, " (");
    pg_copy_put_columns(sql, bulk->own.columns, bulk->own.n_columns);
    tn__buf_puts(sql, format == PG_COPY_BINARY ? ") FROM STDIN (FORMAT binary)" : ") FROM STDIN");
    pg_copy_put_question(bulk, sql);
}

static bool takes_no_copy(const PGresult *refusal)
{
    return pg_has_sqlstate(refusal, "0A000");
}

/* *ret_detour: it takes no COPY, which undoing the savepoint mends. */
static tn_status await_copy(tn_driver_bulk *bulk, int64_t deadline_ns, bool *ret_detour,
                            tn_error *err)
{
    tn_driver_conn *conn = bulk->conn;
    PGresult *result = NULL;
    ExecStatusType kind;

    do {
        tn_status status = pg_result(conn, TN_PHASE_EXECUTE, deadline_ns, &result, err);
        if (status != TN_OK)
            return status;
        kind = PQresultStatus(result);
        if (kind == PGRES_COMMAND_OK)
            take_result(bulk, result, NULL);
        if (kind == PGRES_COMMAND_OK || kind == PGRES_COPY_IN)
            PQclear(result);
    } while (kind == PGRES_COMMAND_OK);
    if (kind == PGRES_COPY_IN) {
        bulk->running = bulk->begun = true;
        return TN_OK;
    }
    if (!result)
        return pg_fail_protocol(conn, TN_PHASE_EXECUTE, err, "COPY was not answered");
    *ret_detour = !bulk->begins && !bulk->begun && !bulk->staged && takes_no_copy(result);
    take_refusal(bulk);
    tn_status status = pg_fail_result(conn, result, TN_PHASE_EXECUTE, err);
    PQclear(result);
    if (!conn->broken)
        (void)pg_copy_read_answer(bulk, deadline_ns, NULL, NULL);
    return status;
}

tn_status pg_copy_begin(tn_driver_bulk *bulk, pg_copy_format format, int64_t deadline_ns,
                        tn_error *err)
{
    tn_driver_conn *conn = bulk->conn;
    bool detour = false;

    write_copy(bulk, format);
    tn_status status = send_sql(bulk, deadline_ns, err);
    if (status == TN_OK)
        status = await_copy(bulk, deadline_ns, &detour, err);
    if (detour && !conn->broken && !conn->pending) {
        tn__buf_reset(&bulk->scratch);
        tn__buf_puts(&bulk->scratch, "ROLLBACK TO SAVEPOINT tn_bulk");
        status = pg_copy_run(bulk, deadline_ns, NULL, err);
        if (status == TN_OK)
            status = pg_copy_make_stage(bulk, deadline_ns, err);
        return status == TN_OK ? pg_copy_begin(bulk, format, deadline_ns, err) : status;
    }
    if (status != TN_OK)
        return status;
    bulk->format = format;
    bulk->before = bulk->rows;
    if (format == PG_COPY_BINARY)
        pg_copy_begin_binary(&bulk->out);
    return TN_OK;
}

/* ---- the wire -------------------------------------------------------------------------------- */

/* Something stands in the socket: in a COPY that is an error, its end, or a notice. */
static bool server_speaks(const tn_driver_conn *conn)
{
    char byte;

    return recv(PQsocket(conn->pg), &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0;
}

/* Gives libpq what is there and waits until the system has it, so that no more than a chunk is kept
 * here. *ret_spoke: the server has something to say. */
static tn_status send_out(tn_driver_bulk *bulk, int64_t deadline_ns, bool *ret_spoke, tn_error *err)
{
    tn_driver_conn *conn = bulk->conn;

    if (bulk->out.failed)
        return kit_nomem(conn->host, err, TN_PHASE_EXECUTE);
    if (bulk->out.len) {
        int put = PQputCopyData(conn->pg, bulk->out.ptr, (int)bulk->out.len);
        if (put == 0)
            return kit_nomem(conn->host, err, TN_PHASE_EXECUTE);
        if (put < 0)
            return pg_fail_lost(conn, TN_PHASE_EXECUTE, err);
        tn__buf_reset(&bulk->out);
    }
    for (;;) {
        *ret_spoke = *ret_spoke || server_speaks(conn);
        int left = PQflush(conn->pg);
        if (left == 0)
            return TN_OK;
        if (left < 0)
            return pg_fail_lost(conn, TN_PHASE_EXECUTE, err);
        tn_status status = pg_wait(conn, TN_WAIT_READ | TN_WAIT_WRITE, TN_PHASE_EXECUTE,
                                   deadline_ns, err);
        if (status != TN_OK)
            return status;
        *ret_spoke = *ret_spoke || server_speaks(conn);
        if (!PQconsumeInput(conn->pg))
            return pg_fail_lost(conn, TN_PHASE_EXECUTE, err);
    }
}

tn_status pg_copy_end(tn_driver_bulk *bulk, int64_t deadline_ns, tn_error *err)
{
    tn_driver_conn *conn = bulk->conn;
    bool spoke = false;
    int64_t count = 0;

    if (!bulk->running)
        return TN_OK;
    if (bulk->format == PG_COPY_BINARY)
        pg_copy_end_binary(&bulk->out);
    tn_status status = send_out(bulk, deadline_ns, &spoke, err);
    if (status != TN_OK)
        return status;
    if (PQputCopyEnd(conn->pg, NULL) < 0)
        return pg_fail_lost(conn, TN_PHASE_EXECUTE, err);
    status = pg_sent(conn, 1, TN_PHASE_EXECUTE, deadline_ns, err);
    if (status == TN_OK)
        status = pg_copy_read_answer(bulk, deadline_ns, &count, err);
    if (!conn->pending)
        bulk->running = false;
    bulk->copied += count;
    return status;
}

tn_status pg_copy_send_chunk(tn_driver_bulk *bulk, int64_t deadline_ns, tn_error *err)
{
    bool spoke = false;

    tn_status status = send_out(bulk, deadline_ns, &spoke, err);
    if (status != TN_OK || !spoke)
        return status;
    /* It was only a notice if this ends well. */
    pg_copy_format format = bulk->format;
    status = pg_copy_end(bulk, deadline_ns, err);
    return status == TN_OK ? pg_copy_begin(bulk, format, deadline_ns, err) : status;
}
