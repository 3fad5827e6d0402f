/* SPDX-License-Identifier: MIT */
/*
 * Running a statement and reading its answer. Streamed, libpq gives a result a row (or, where it
 * can, a chunk of rows) and as many are handed over at once as it has already read: nobody waits
 * for a full batch. Buffered, it gives one result, decoded slice by slice. Values point into the
 * results, which are kept until the next fetch.
 */
#include <stdlib.h>
#include <string.h>

#include "base/lexer.h"
#include "base/str.h"
#include "kit/kit.h"
#include "postgres/pg.h"

enum { ARENA_MAX = 1 << 30 };

/* ---- one object a connection is used again --------------------------------------------------- */

static tn_driver_cursor *take_cursor(tn_driver_stmt *stmt)
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

/* What the last batch points into. */
static void release_held(tn_driver_cursor *cursor)
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
    release_held(cursor);
    PQclear(cursor->current);
    PQclear(cursor->refusal);
    tn__arena_free(&cursor->arena);
    if (cursor->has_store)
        tn__arena_free(&cursor->store);
    free(cursor->values);
    free(cursor);
}

static void recycle(tn_driver_cursor *cursor)
{
    tn_driver_conn *conn = cursor->conn;

    release_held(cursor);
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
    recycle(cursor);
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

tn_status pg_cursor_check_columns(tn_driver_cursor *cursor, const PGresult *result, tn_error *err)
{
    tn_driver_stmt *stmt = cursor->stmt;
    size_t columns = (size_t)PQnfields(result);
    bool same = columns == stmt->info.n_columns;

    for (size_t i = 0; same && i < columns; i++)
        same = PQftype(result, (int)i) == stmt->column_types[i].oid &&
               (!stmt->text || PQfformat(result, (int)i) == 0);
    same = same && (stmt->text || !columns || PQbinaryTuples(result));
    return same ? TN_OK : pg_cursor_misfit(cursor, err);
}

/* It was run, so it is not run again; only the next call prepares it anew. */
tn_status pg_cursor_misfit(tn_driver_cursor *cursor, tn_error *err)
{
    cursor->stmt->stale = true;
    tn_diagnostic diagnostic = {
        .size = sizeof(diagnostic),
        .status = TN_PROTOCOL,
        .phase = TN_PHASE_EXECUTE,
        .outcome = cursor->conn->if_lost,
        .sqlstate = kit_str("08P01"),
        .message = kit_str("the answer's columns are not those that the statement was described "
                           "with"),
        .hint = kit_str("a table was changed in between, or a pooler mixed up statements"),
    };
    return cursor->conn->host->fail(err, &diagnostic);
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

/* The rest of an answer that has failed: only that it ends is of interest. */
static void read_rest(tn_driver_cursor *cursor, int64_t deadline_ns)
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
    read_rest(cursor, deadline_ns);
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

/* ---- execute --------------------------------------------------------------------------------- */

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
    read_rest(cursor, deadline_ns);
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
        cursor->current = result;
        return pg_cursor_check_columns(cursor, result, err);
    case PGRES_TUPLES_OK:
        status = pg_cursor_check_columns(cursor, result, err);
        if (status == TN_OK)
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

static tn_status run_directly(tn_driver_cursor *cursor, size_t n_params, int64_t deadline_ns,
                              tn_error *err)
{
    tn_status status = pg_direct_send(cursor->stmt, n_params, deadline_ns, err);

    return status == TN_OK ? pg_direct_begin_answer(cursor, deadline_ns, err) : status;
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
    tn_driver_cursor *cursor = take_cursor(stmt);
    if (!cursor)
        return kit_nomem(conn->host, err, TN_PHASE_EXECUTE);
    cursor->direct = direct;
    cursor->complete = false;
    cursor->inside = set_expectation(stmt);
    cursor->attached = true;
    conn->attached = cursor;
    if (cursor->direct)
        status = run_directly(cursor, n_params, deadline_ns, err);
    else
        status = run_by_libpq(cursor, n_params, flags, deadline_ns, err);
    if (status != TN_OK) {
        recycle(cursor);
        return status;
    }
    *ret = cursor;
    return TN_OK;
}

/* ---- fetch ----------------------------------------------------------------------------------- */

/* The setting that makes the text of such a value unreadable; NULL: none does. */
static const char *odd_style(const tn_driver_conn *conn, const pg_type *type)
{
    int kind = type->type == TN_TYPE_ARRAY ? type->element : type->type;
    const char *intervals = PQparameterStatus(conn->pg, "IntervalStyle");

    switch (kind) {
    case TN_TYPE_DATE:
    case TN_TYPE_TIMESTAMP:
    case TN_TYPE_TIMESTAMPTZ: return pg_reported_as(conn, "DateStyle", "ISO") ? NULL : "DateStyle";
    case TN_TYPE_INTERVAL:
        return !intervals || strcmp(intervals, "postgres") == 0 ? NULL : "IntervalStyle";
    default: return NULL;
    }
}

static tn_status fail_style(tn_driver_cursor *cursor, size_t column, const char *style,
                            tn_error *err)
{
    tn_driver_conn *conn = cursor->conn;
    const char *value = PQparameterStatus(conn->pg, style);

    return kit_fail(conn->host, err, TN_UNSUPPORTED, TN_PHASE_FETCH, "0A000",
                    "column \"%.64s\": the session's %s is %.32s; set it to %s",
                    cursor->stmt->columns[column].name, style, value ? value : "not known",
                    strcmp(style, "DateStyle") == 0 ? "ISO" : "postgres");
}

tn_status pg_cursor_fail_value(tn_driver_cursor *cursor, size_t column, pg_decoded why,
                               tn_error *err)
{
    const tn_host *host = cursor->conn->host;
    const tn_column *c = &cursor->stmt->columns[column];

    switch (why) {
    case PG_RANGE:
        return kit_fail(host, err, TN_DATA, TN_PHASE_FETCH, "22008",
                        "column \"%.64s\": the %.64s is beyond what the type holds here", c->name,
                        c->type_name);
    case PG_DIMENSIONS:
        return kit_fail(host, err, TN_UNSUPPORTED, TN_PHASE_FETCH, "0A000",
                        "column \"%.64s\": an array of more than one dimension is only read as "
                        "text (cast it to text)",
                        c->name);
    case PG_NO_MEMORY: return kit_nomem(host, err, TN_PHASE_FETCH);
    case PG_MALFORMED:
    case PG_DECODED: break;
    }
    const char *style = cursor->stmt->text
                            ? odd_style(cursor->conn, &cursor->stmt->column_types[column])
                            : NULL;
    if (style)
        return fail_style(cursor, column, style, err);
    return kit_fail(host, err, TN_PROTOCOL, TN_PHASE_FETCH, "08P01",
                    "column \"%.64s\": what the server sent is not a value of type %.64s", c->name,
                    c->type_name);
}

tn_status pg_cursor_decode(tn_driver_cursor *cursor, int row, tn__arena *arena, tn_value *out,
                           tn_error *err)
{
    const PGresult *result = cursor->current;
    const tn_driver_stmt *stmt = cursor->stmt;
    int columns = (int)stmt->info.n_columns;

    for (int i = 0; i < columns; i++) {
        const char *bytes = PQgetvalue(result, row, i);
        int len = PQgetlength(result, row, i);
        if (len <= 0 && PQgetisnull(result, row, i)) {
            out[i] = (tn_value){.type = TN_TYPE_NULL};
            continue;
        }
        pg_decoded decoded = stmt->text ? pg_decode_text(&stmt->column_types[i], bytes, (size_t)len,
                                                         arena, &out[i])
                                        : pg_decode_binary(&stmt->column_types[i], bytes,
                                                           (size_t)len, arena, &out[i]);
        if (TN_UNLIKELY(decoded != PG_DECODED))
            return pg_cursor_fail_value(cursor, (size_t)i, decoded, err);
    }
    return TN_OK;
}

tn_status pg_cursor_room(tn_driver_cursor *cursor, size_t rows, tn_error *err)
{
    size_t columns = cursor->stmt->info.n_columns, needed = (rows + 1) * columns;

    if (needed <= cursor->capacity)
        return TN_OK;
    size_t capacity = needed < 64 ? 64 : needed * 2;
    tn_value *grown = realloc(cursor->values, capacity * sizeof(*grown));
    if (!grown)
        return kit_nomem(cursor->conn->host, err, TN_PHASE_FETCH);
    cursor->values = grown;
    cursor->capacity = capacity;
    return TN_OK;
}

static void hold_current(tn_driver_cursor *cursor)
{
    cursor->held[cursor->n_held++] = cursor->current;
    cursor->current = NULL;
    cursor->row = 0;
}

/* Rows of the current result, up to the most that one batch has. */
static tn_status take_rows(tn_driver_cursor *cursor, uint32_t *rows, tn_error *err)
{
    int count = PQntuples(cursor->current);

    for (; cursor->row < count && *rows < PG_BATCH_ROWS; cursor->row++) {
        tn_status status = pg_cursor_room(cursor, *rows, err);
        if (status == TN_OK)
            status = pg_cursor_decode(cursor, cursor->row, &cursor->arena,
                                      cursor->values + *rows * cursor->stmt->info.n_columns,
                                      *rows ? NULL : err);
        if (status != TN_OK)
            return status;
        ++*rows;
    }
    if (cursor->row == count)
        hold_current(cursor);
    return TN_OK;
}

/* A failure behind good rows waits for the next call, which finds it again. */
static tn_status collect(tn_driver_cursor *cursor, int64_t deadline_ns, uint32_t *rows,
                         tn_error *err)
{
    size_t bytes = 0;

    while (*rows < PG_BATCH_ROWS && cursor->n_held < PG_STREAM_RESULTS && bytes < PG_STREAM_BYTES) {
        if (!cursor->current && !cursor->attached)
            break;
        if (!cursor->current) {
            if (*rows && cursor->refusal)
                break;
            cursor->ahead = *rows > 0;
            tn_status status = pg_cursor_advance(cursor, deadline_ns, err);
            if (status != TN_OK)
                return status;
            if (!cursor->current)
                break;
        }
        bytes += PQresultMemorySize(cursor->current);
        tn_status status = take_rows(cursor, rows, err);
        if (status != TN_OK && *rows)
            break;
        if (status != TN_OK)
            return status;
    }
    return TN_OK;
}

static bool fetch_stored(tn_driver_cursor *cursor, tn_batch *ret)
{
    pg_stored *block = cursor->stored;

    if (!block)
        return false;
    cursor->stored = block->next;
    ret->values = block->values;
    ret->rows = block->rows;
    ret->done = !block->next;
    return true;
}

static void hand_over(const tn_driver_cursor *cursor, const tn_batch *from, tn_batch *ret)
{
    size_t size = ret->size < sizeof(*ret) ? ret->size : sizeof(*ret);
    tn_batch batch = *from;

    batch.size = ret->size;
    batch.affected = cursor->affected;
    batch.tag = cursor->tag;
    memcpy(ret, &batch, size);
}

tn_status pg_fetch(tn_driver_cursor *cursor, int64_t deadline_ns, tn_batch *ret, tn_error *err)
{
    tn_batch batch = {.rows = 0};

    release_held(cursor);
    if (cursor->arena.used)
        tn__arena_reset(&cursor->arena);
    if (!fetch_stored(cursor, &batch)) {
        tn_status status = cursor->direct ? pg_direct_rows(cursor, PG_BATCH_ROWS, deadline_ns,
                                                           &batch.rows, err)
                                          : collect(cursor, deadline_ns, &batch.rows, err);
        /* What cannot be a value was damaged on its way: so may be what follows. */
        if (status == TN_PROTOCOL)
            cursor->conn->broken = true;
        if (status != TN_OK)
            return status;
        batch.values = cursor->values;
        batch.done = !cursor->attached && !cursor->current;
    }
    hand_over(cursor, &batch, ret);
    return TN_OK;
}
