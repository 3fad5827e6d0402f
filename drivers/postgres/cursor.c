/* SPDX-License-Identifier: MIT */
/* A cursor, and what libpq's results say of the answer that it reads. */
#include <stdlib.h>
#include <string.h>

#include "base/lexer.h"
#include "base/str.h"
#include "kit/kit.h"
#include "postgres/cursor.h"

enum { ARENA_MAX = 1 << 30 };

/* ---- one object a connection is used again --------------------------------------------------- */

tn_driver_cursor *pg_cursor_take(tn_driver_stmt *stmt)
{
    tn_driver_conn *conn = stmt->conn;
    tn_driver_cursor *cursor = conn->spare;

    if (cursor) {
        conn->spare = NULL;
    } else {
        cursor = calloc(1, sizeof(*cursor));
        if (!cursor)
            return NULL;
        tn__arena_init(&cursor->arena, ARENA_MAX);
        cursor->conn = conn;
    }
    cursor->stmt = stmt;
    cursor->attached = false;
    cursor->row = 0;
    cursor->affected = -1;
    cursor->tag[0] = '\0';
    return cursor;
}

void pg_cursor_release_held(tn_driver_cursor *cursor)
{
    pg_direct *direct = &cursor->conn->direct;

    for (size_t i = 0; i < cursor->n_held; i++)
        PQclear(cursor->held[i]);
    cursor->n_held = 0;
    if (direct->reader == cursor) {
        direct->reader = NULL;
        pg_direct_shrink(direct);
    }
    if (cursor->kept)
        pg_direct_give_back(cursor->conn, cursor->kept, cursor->kept_capacity);
    cursor->kept = NULL;
}

void pg_cursor_free(tn_driver_cursor *cursor)
{
    if (!cursor)
        return;
    pg_cursor_release_held(cursor);
    PQclear(cursor->current);
    PQclear(cursor->refusal);
    tn__arena_free(&cursor->arena);
    if (cursor->has_store)
        tn__arena_free(&cursor->store);
    free(cursor->values);
    free(cursor);
}

void pg_cursor_recycle(tn_driver_cursor *cursor)
{
    tn_driver_conn *conn = cursor->conn;

    pg_cursor_release_held(cursor);
    PQclear(cursor->current);
    PQclear(cursor->refusal);
    cursor->current = cursor->refusal = NULL;
    cursor->ahead = false;
    cursor->stored = NULL;
    if (cursor->has_store)
        tn__arena_free(&cursor->store);
    cursor->has_store = false;
    if (conn->attached == cursor)
        conn->attached = NULL;
    if (conn->spare) {
        pg_cursor_free(cursor);
        return;
    }
    if (cursor->arena.used)
        tn__arena_reset(&cursor->arena);
    conn->spare = cursor;
}

/* What is at hand is read; what is not leaves the connection busy. */
void pg_cursor_close(tn_driver_cursor *cursor)
{
    if (!cursor)
        return;
    tn_driver_conn *conn = cursor->conn;
    if (cursor->direct && cursor->attached && conn->pending && !conn->broken) {
        (void)pg_direct_end_at_hand(conn);
    } else if (cursor->attached && conn->pending && !conn->broken) {
        if (!PQconsumeInput(conn->pg))
            conn->broken = true;
        PGresult *result = NULL;
        while (!conn->broken && conn->pending && pg_result_at_hand(conn, &result)) {
            conn->broken = PQstatus(conn->pg) != CONNECTION_OK;
            PQclear(result);
        }
    }
    pg_cursor_recycle(cursor);
}

/* ---- what the answer says of itself ---------------------------------------------------------- */

tn_status pg_cursor_take_tag(tn_driver_cursor *cursor, PGresult *result, tn_error *err)
{
    tn_driver_conn *conn = cursor->conn;
    const char *count = PQcmdTuples(result);

    cursor->complete = true;
    tn__copy_text(cursor->tag, sizeof(cursor->tag), kit_str(PQcmdStatus(result)));
    if (count[0] && !tn__parse_int64(kit_str(count), &cursor->affected))
        return pg_fail_protocol(conn, TN_PHASE_EXECUTE, err,
                                "the server's count of rows is not a number that fits 64 bits");
    if (cursor->stmt->changes & PG_FORGETS_STATEMENTS)
        pg_forget_statements(conn);
    return TN_OK;
}

bool pg_cursor_fits(const tn_driver_cursor *cursor, const PGresult *result)
{
    const tn_driver_stmt *stmt = cursor->stmt;
    size_t columns = (size_t)PQnfields(result);
    bool same = columns == stmt->info.n_columns;

    for (size_t i = 0; same && i < columns; i++)
        same = PQftype(result, (int)i) == stmt->column_types[i].oid &&
               (!stmt->text || PQfformat(result, (int)i) == 0);
    return same && (stmt->text || !columns || PQbinaryTuples(result));
}

static tn_status fail_misfit(tn_driver_cursor *cursor, tn_outcome outcome, tn_error *err)
{
    cursor->stmt->stale = true;
    tn_diagnostic diagnostic = {
        .size = sizeof(diagnostic),
        .status = TN_PROTOCOL,
        .phase = TN_PHASE_EXECUTE,
        .outcome = outcome,
        .sqlstate = kit_str("08P01"),
        .message = kit_str("the answer's columns are not those that the statement was described "
                           "with"),
        .hint = kit_str("a table was changed in between, or a pooler mixed up statements"),
    };
    return cursor->conn->host->fail(err, &diagnostic);
}

/* It was run, so it is not run again; only the next call prepares it anew. */
tn_status pg_cursor_misfit(tn_driver_cursor *cursor, tn_error *err)
{
    return fail_misfit(cursor, cursor->conn->if_lost, err);
}

/* The transaction fails, as it does where the server finds it out: what was done is undone. */
static void fail_transaction(tn_driver_conn *conn, int64_t deadline_ns)
{
    tn_status status = pg_command(conn, "RELEASE SAVEPOINT tn_there_is_none", TN_PHASE_EXECUTE,
                                  deadline_ns, NULL, NULL);

    if (status == TN_OK || (!conn->pending && pg_txn(conn) == PQTRANS_INTRANS))
        conn->broken = true;
}

/* One that has a name was described just before, or is watched by the server: rather than a table
 * the answer was changed, on its way, and so may be what follows. */
tn_status pg_cursor_changed(tn_driver_cursor *cursor, int64_t deadline_ns, tn_error *err)
{
    tn_driver_conn *conn = cursor->conn;

    tn_status status = fail_misfit(
        cursor, cursor->inside ? TN_OUTCOME_NOT_APPLIED : TN_OUTCOME_APPLIED, err);
    if (cursor->stmt->name[0])
        conn->broken = true;
    if (conn->broken || !cursor->inside)
        return status;
    if (pg_txn(conn) == PQTRANS_INTRANS)
        fail_transaction(conn, deadline_ns);
    return TN_DRIVER_STALE;
}

void pg_cursor_ended(tn_driver_cursor *cursor)
{
    cursor->attached = false;
    cursor->conn->committing = false;
    if (cursor->conn->attached == cursor)
        cursor->conn->attached = NULL;
}

/* An answer ends with its tag, and leaves a transaction only when it was told to. */
static tn_status check_end(const tn_driver_cursor *cursor, tn_error *err)
{
    tn_driver_conn *conn = cursor->conn;

    if (!cursor->complete)
        return pg_fail_protocol(conn, TN_PHASE_FETCH, err, "the answer ended without its tag");
    if (!cursor->inside || pg_txn(conn) != PQTRANS_IDLE || cursor->stmt->commits ||
        tn__sql_first_word(cursor->stmt->sql) == TN__STMT_ROLLBACK)
        return TN_OK;
    return pg_fail_protocol(conn, TN_PHASE_FETCH, err,
                            "the transaction is gone behind a statement that did not end it");
}

void pg_cursor_read_rest(tn_driver_cursor *cursor, int64_t deadline_ns)
{
    if (!cursor->conn->broken)
        pg_finish(cursor->conn, TN_PHASE_FETCH, deadline_ns, NULL, NULL);
    pg_cursor_ended(cursor);
}

static tn_status report_refusal(tn_driver_cursor *cursor, int64_t deadline_ns, tn_error *err)
{
    tn_status status = pg_fail_result(cursor->conn, cursor->refusal, TN_PHASE_FETCH, err);

    PQclear(cursor->refusal);
    cursor->refusal = NULL;
    pg_cursor_read_rest(cursor, deadline_ns);
    return status;
}

/* With rows in hand nothing is waited for: NULL while the answer has not ended is "not yet". */
static tn_status next_result(tn_driver_cursor *cursor, int64_t deadline_ns, PGresult **ret,
                             tn_error *err)
{
    tn_driver_conn *conn = cursor->conn;

    if (!cursor->ahead)
        return pg_result(conn, TN_PHASE_FETCH, deadline_ns, ret, err);
    if (!pg_result_at_hand(conn, ret))
        *ret = NULL;
    return TN_OK;
}

tn_status pg_cursor_advance(tn_driver_cursor *cursor, int64_t deadline_ns, tn_error *err)
{
    tn_driver_conn *conn = cursor->conn;
    PGresult *result = NULL;

    if (cursor->refusal)
        return report_refusal(cursor, deadline_ns, err);
    for (;;) {
        tn_status status = next_result(cursor, deadline_ns, &result, err);
        if (status != TN_OK || (!result && conn->pending))
            return status;
        if (!result) {
            pg_cursor_ended(cursor);
            status = check_end(cursor, err);
            /* what a statement set is reported behind its tag */
            return status == TN_OK ? pg_check_encoding(conn, true, err) : status;
        }
        switch (PQresultStatus(result)) {
        case PGRES_SINGLE_TUPLE:
#ifdef LIBPQ_HAS_CHUNK_MODE
        case PGRES_TUPLES_CHUNK:
#endif
            cursor->current = result;
            cursor->row = 0;
            if ((size_t)PQnfields(result) != cursor->stmt->info.n_columns)
                return pg_fail_protocol(conn, TN_PHASE_FETCH, err,
                                        "a row has another number of columns than described");
            return TN_OK;
        case PGRES_TUPLES_OK:
        case PGRES_COMMAND_OK:
        case PGRES_EMPTY_QUERY:
            status = pg_cursor_take_tag(cursor, result, err);
            PQclear(result);
            if (status != TN_OK)
                return status;
            continue;
        default: break;
        }
        cursor->refusal = result;
        return cursor->ahead ? TN_OK : report_refusal(cursor, deadline_ns, err);
    }
}
