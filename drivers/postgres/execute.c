/* SPDX-License-Identifier: MIT */
/* Running a statement, by the direct path or by libpq, as far as its first result. */
#include <string.h>

#include "kit/kit.h"
#include "postgres/cursor.h"

static tn_status stale(tn_driver_conn *conn, tn_error *err)
{
    kit_fail(conn->host, err, TN_FAILED, TN_PHASE_EXECUTE, "26000",
             "the prepared statement is no longer what it was on the server");
    return TN_DRIVER_STALE;
}

/* true: within a transaction that has not failed. */
static bool set_expectation(tn_driver_stmt *stmt)
{
    tn_driver_conn *conn = stmt->conn;
    PGTransactionStatusType txn = pg_txn(conn);
    bool inside = txn != PQTRANS_IDLE;

    if (inside)
        pg_expect(conn, TN_OUTCOME_NOT_APPLIED);
    else if (stmt->info.flags & TN_STMT_READ_ONLY)
        pg_expect(conn, TN_OUTCOME_NONE);
    else
        pg_expect(conn, TN_OUTCOME_IN_DOUBT);
    conn->committing = inside && stmt->commits;
    pg_identity_statement(stmt, inside);
    conn->dirty_locally = conn->dirty_locally || (stmt->changes & PG_CHANGES_LOCALLY);
    if (stmt->changes & ~PG_CHANGES_LOCALLY) {
        conn->dirty = true;
        conn->exact = false;
        conn->dirty_statements = conn->dirty_statements || (stmt->changes & PG_CHANGES_STATEMENTS);
    }
    return txn == PQTRANS_INTRANS;
}

static int send_query(tn_driver_stmt *stmt, size_t n, bool stream)
{
    tn_driver_conn *conn = stmt->conn;
    pg_encoder *e = &conn->encoder;
    int sent, format = stmt->text ? 0 : 1;
    bool tail = pg_tail_wanted(stmt);

    if (tail && !PQenterPipelineMode(conn->pg))
        return 0;
    if (stmt->name[0]) {
        sent = PQsendQueryPrepared(conn->pg, stmt->name, (int)n, e->values, e->lengths, e->formats,
                                   format);
    } else {
        for (size_t i = 0; i < n; i++)
            e->types[i] = stmt->param_types[i].oid;
        sent = PQsendQueryParams(conn->pg, stmt->sql.ptr, (int)n, e->types, e->values, e->lengths,
                                 e->formats, format);
    }
    /* Refused only when nothing was sent; then the answer comes whole. */
#ifdef LIBPQ_HAS_CHUNK_MODE
    if (sent && stream)
        PQsetChunkedRowsMode(conn->pg, PG_CHUNK_ROWS);
#else
    if (sent && stream)
        PQsetSingleRowMode(conn->pg);
#endif
    return sent && tail ? pg_tail_send(conn) : sent;
}

/* The server refused; the statement may have been lost there. */
static tn_status refused(tn_driver_cursor *cursor, PGresult *result, int64_t deadline_ns,
                         tn_error *err)
{
    tn_driver_conn *conn = cursor->conn;
    tn_driver_stmt *stmt = cursor->stmt;
    bool lost = stmt->name[0] && pg_has_sqlstate(result, "26000");
    bool changed = pg_is_stale_plan(result);
    bool copy = PQresultStatus(result) != PGRES_FATAL_ERROR;

    tn_status status = copy ? kit_fail(conn->host, err, TN_PROTOCOL, TN_PHASE_EXECUTE, "08P01",
                                       "the server's answer has a status that is not known here")
                            : pg_fail_result(conn, result, TN_PHASE_EXECUTE, err);
    PQclear(result);
    pg_cursor_read_rest(cursor, deadline_ns);
    if (!lost && !changed)
        return status;
    stmt->stale = true;
    stmt->gone = lost;
    return conn->broken ? status : TN_DRIVER_STALE;
}

static tn_status refuse_copy(tn_driver_cursor *cursor, int64_t deadline_ns, tn_error *err)
{
    tn_driver_conn *conn = cursor->conn;

    /* pg_finish() knows how a COPY is ended. */
    tn_status status = pg_finish(conn, TN_PHASE_EXECUTE, deadline_ns, NULL, NULL);
    pg_cursor_ended(cursor);
    if (conn->broken)
        return pg_fail_lost(conn, TN_PHASE_EXECUTE, err);
    if (conn->pending && status != TN_OK)
        return kit_fail(conn->host, err, status, TN_PHASE_EXECUTE, NULL,
                        "COPY could not be ended in time");
    return kit_fail(conn->host, err, TN_UNSUPPORTED, TN_PHASE_EXECUTE, "0A000",
                    "COPY from STDIN or to STDOUT cannot be run as a statement");
}

/* Takes result. What was run is read to its end, which tells whether it was done. */
static tn_status changed(tn_driver_cursor *cursor, PGresult *result, int64_t deadline_ns,
                         tn_error *err)
{
    tn_driver_conn *conn = cursor->conn;

    PQclear(result);
    tn_status status = pg_finish(conn, TN_PHASE_EXECUTE, deadline_ns, NULL, err);
    if (status != TN_OK && (conn->broken || conn->pending))
        return status;
    pg_cursor_ended(cursor);
    return status == TN_OK ? pg_cursor_changed(cursor, deadline_ns, err) : status;
}

/* Errors only come with the first result, so it is read before execute returns. */
static tn_status first_result(tn_driver_cursor *cursor, int64_t deadline_ns, tn_error *err)
{
    tn_driver_conn *conn = cursor->conn;
    PGresult *result = NULL;

    tn_status status = pg_result(conn, TN_PHASE_EXECUTE, deadline_ns, &result, err);
    if (status != TN_OK)
        return status;
    switch (PQresultStatus(result)) {
    case PGRES_SINGLE_TUPLE:
#ifdef LIBPQ_HAS_CHUNK_MODE
    case PGRES_TUPLES_CHUNK:
#endif
        if (!pg_cursor_fits(cursor, result))
            return changed(cursor, result, deadline_ns, err);
        cursor->current = result;
        return TN_OK;
    case PGRES_TUPLES_OK:
        if (!pg_cursor_fits(cursor, result))
            return changed(cursor, result, deadline_ns, err);
        status = pg_cursor_take_tag(cursor, result, err);
        if (PQntuples(result) && cursor->stmt->info.n_columns)
            cursor->current = result;
        else
            PQclear(result);
        break;
    case PGRES_COMMAND_OK:
    case PGRES_EMPTY_QUERY:
        status = pg_cursor_take_tag(cursor, result, err);
        PQclear(result);
        break;
    case PGRES_COPY_IN:
    case PGRES_COPY_OUT:
    case PGRES_COPY_BOTH: PQclear(result); return refuse_copy(cursor, deadline_ns, err);
    default: return refused(cursor, result, deadline_ns, err);
    }
    if (status != TN_OK)
        return status;
    /* A commit that fails comes behind the tag, so only the end tells that it went well. */
    PGresult *whole = cursor->current;
    cursor->current = NULL;
    status = pg_cursor_advance(cursor, deadline_ns, err);
    PQclear(cursor->current);
    cursor->current = whole;
    return status;
}

/* "-1 2:00:00" of that style is minus two hours, of the others plus: not to be told by the text. */
tn_status pg_check_intervals(tn_driver_conn *conn, tn_error *err)
{
    const char *value = PQparameterStatus(conn->pg, "IntervalStyle");

    if (!value || strcmp(value, "sql_standard") != 0)
        return TN_OK;
    return kit_fail(conn->host, err, TN_UNSUPPORTED, TN_PHASE_EXECUTE, "0A000",
                    "the session's IntervalStyle is %s; set it to postgres", value);
}

static tn_status run_by_libpq(tn_driver_cursor *cursor, size_t n_params, uint32_t flags,
                              int64_t deadline_ns, tn_error *err)
{
    tn_driver_stmt *stmt = cursor->stmt;
    bool stream = (flags & TN_EXECUTE_STREAM) && stmt->info.n_columns;

    tn_status status = pg_sent(stmt->conn, send_query(stmt, n_params, stream), TN_PHASE_EXECUTE,
                               deadline_ns, err);
    return status == TN_OK ? first_result(cursor, deadline_ns, err) : status;
}

static tn_status run_directly(tn_driver_cursor *cursor, size_t n_params, uint32_t flags,
                              int64_t deadline_ns, tn_error *err)
{
    bool whole = !(flags & TN_EXECUTE_STREAM);

    tn_status status = pg_direct_send(cursor->stmt, n_params, deadline_ns, err);
    return status == TN_OK ? pg_direct_begin_answer(cursor, whole, deadline_ns, err) : status;
}

/* What changes session state is libpq's to know: it keeps the server's settings. */
static tn_status choose_path(tn_driver_stmt *stmt, bool *ret_direct, int64_t deadline_ns,
                             tn_error *err)
{
    *ret_direct = stmt->conn->direct.possible && !stmt->changes;
    return *ret_direct ? TN_OK : pg_begin_now(stmt->conn, deadline_ns, err);
}

tn_status pg_execute(tn_driver_stmt *stmt, const tn_value *params, size_t n_params, uint32_t flags,
                     int64_t deadline_ns, tn_driver_cursor **ret, tn_error *err)
{
    tn_driver_conn *conn = stmt->conn;
    bool direct = false;

    tn_status status = pg_ready(conn, TN_PHASE_EXECUTE, err);
    if (status == TN_OK)
        status = choose_path(stmt, &direct, deadline_ns, err);
    if (status == TN_OK && (stmt->gone || (stmt->unmade && !direct)) && !stmt->stale)
        status = pg_prepare_again(stmt, deadline_ns, err);
    if (status == TN_OK && stmt->stale)
        return stale(conn, err);
    /* Only what may set it back is run. */
    if (status == TN_OK && !stmt->changes)
        status = pg_check_encoding(conn, false, err);
    if (status == TN_OK && stmt->intervals)
        status = pg_check_intervals(conn, err);
    if (status == TN_OK && stmt->digits)
        status = pg_want_digits(conn, deadline_ns, err);
    if (status == TN_OK && stmt->commits)
        status = pg_identity_ask(conn, deadline_ns, err);
    if (status == TN_OK)
        status = pg_encode(stmt, params, n_params, err);
    if (status != TN_OK)
        return status;
    tn_driver_cursor *cursor = pg_cursor_take(stmt);
    if (!cursor)
        return kit_nomem(conn->host, err, TN_PHASE_EXECUTE);
    cursor->direct = direct;
    cursor->complete = false;
    cursor->inside = set_expectation(stmt);
    cursor->attached = true;
    conn->attached = cursor;
    if (cursor->direct)
        status = run_directly(cursor, n_params, flags, deadline_ns, err);
    else
        status = run_by_libpq(cursor, n_params, flags, deadline_ns, err);
    if (status != TN_OK) {
        pg_cursor_recycle(cursor);
        return status;
    }
    *ret = cursor;
    return TN_OK;
}
