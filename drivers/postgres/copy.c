/* SPDX-License-Identifier: MIT */
/*
 * Many rows by COPY FROM STDIN. Binary, until a value has no binary form here (a text for a column
 * of another type): then the COPY that runs is ended and another one in text goes on, within the
 * same transaction. Nothing but an error comes from the server meanwhile, so once it speaks, the
 * COPY is ended to hear what it says.
 *
 * Rows that may meet others of their key, and a table whose row security forbids COPY, are reached
 * by way of a temporary table.
 */
#include "postgres/copy.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/str.h"
#include "kit/kit.h"

enum { CHUNK = 64 * 1024, SQL_MAX = 1 << 20 };
#define ROW_MAX ((size_t)0x3fffff00)

#define STAGE "pg_temp.tn_bulk_stage"

struct tn_driver_bulk {
    tn_driver_conn *conn;
    tn_bulk_request own; /* what it points to is the host's until the bulk ends */
    tn__buf out;         /* rows that were not given to libpq yet */
    tn__buf scratch;     /* the text of a value; SQL */
    pg_copy_format format;
    bool running; /* a COPY is */
    bool staged;
    bool begun;      /* the first COPY was */
    bool merging;    /* failed there */
    uint64_t rows;   /* given */
    uint64_t before; /* of them: by COPYs that were ended */
    uint64_t failed_row;
    uint32_t failed_column;
    int64_t copied; /* counted by the server in COPYs that were ended */
};

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

/* Reads to the end of what was sent. *ret_count: what its last command counted. */
static tn_status read_answer(tn_driver_bulk *bulk, int64_t deadline_ns, int64_t *ret_count,
                             tn_error *err)
{
    tn_driver_conn *conn = bulk->conn;
    PGresult *result = NULL, *refusal = NULL;
    tn_status status;

    for (;;) {
        status = pg_result(conn, TN_PHASE_EXECUTE, deadline_ns, &result, err);
        if (status != TN_OK || !result)
            break;
        const char *count = PQcmdTuples(result);
        if (PQresultStatus(result) == PGRES_COMMAND_OK ||
            PQresultStatus(result) == PGRES_TUPLES_OK) {
            if (count[0] && ret_count)
                tn__parse_int64(kit_str(count), ret_count);
        } else if (!refusal) {
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

static tn_status run_sql(tn_driver_bulk *bulk, int64_t deadline_ns, int64_t *ret_count,
                         tn_error *err)
{
    tn_driver_conn *conn = bulk->conn;

    if (bulk->scratch.failed)
        return kit_nomem(conn->host, err, TN_PHASE_EXECUTE);
    pg_expect(conn, TN_OUTCOME_NOT_APPLIED);
    tn_status status = pg_sent(conn, PQsendQuery(conn->pg, bulk->scratch.ptr), TN_PHASE_EXECUTE,
                               deadline_ns, err);
    return status == TN_OK ? read_answer(bulk, deadline_ns, ret_count, err) : status;
}

/* ---- SQL ------------------------------------------------------------------------------------- */

static void put_columns(tn__buf *sql, const tn_str *columns, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        tn__buf_puts(sql, i ? ", " : "");
        tn__buf_str(sql, columns[i]);
    }
}

/* Of several rows with one key the last one counts, which stands furthest behind in a table that
 * was only ever added to. NULLs are never the same key. */
static void put_last_of_each_key(tn__buf *sql, const tn_bulk_request *request)
{
    tn__buf_puts(sql, "(SELECT *, ctid AS tn__place, row_number() OVER (PARTITION BY ");
    put_columns(sql, request->keys, request->n_keys);
    tn__buf_puts(sql, " ORDER BY ctid DESC) AS tn__number FROM " STAGE
                      ") AS tn__rows WHERE tn__number = 1");
    for (size_t i = 0; i < request->n_keys; i++) {
        tn__buf_puts(sql, " OR ");
        tn__buf_str(sql, request->keys[i]);
        tn__buf_puts(sql, " IS NULL");
    }
    tn__buf_puts(sql, " ORDER BY tn__place");
}

static void put_merge(tn__buf *sql, const tn_bulk_request *request)
{
    tn__buf_puts(sql, "INSERT INTO ");
    tn__buf_str(sql, request->table);
    tn__buf_puts(sql, " (");
    put_columns(sql, request->columns, request->n_columns);
    tn__buf_puts(sql, ") SELECT ");
    put_columns(sql, request->columns, request->n_columns);
    tn__buf_puts(sql, " FROM ");
    if (request->n_keys)
        put_last_of_each_key(sql, request);
    else
        tn__buf_puts(sql, STAGE);
    tn__buf_puts(sql, " ");
    tn__buf_str(sql, request->conflict);
}

/* The temporary table takes what the table's columns take, without its constraints. Whether there
 * is a constraint for the key is seen by planning only, and is to be known before the rows come. */
static tn_status make_stage(tn_driver_bulk *bulk, int64_t deadline_ns, tn_error *err)
{
    const tn_bulk_request *request = &bulk->own;
    tn__buf *sql = &bulk->scratch;

    tn__buf_reset(sql);
    tn__buf_puts(sql, "CREATE TEMPORARY TABLE " STAGE " ON COMMIT DROP AS SELECT ");
    put_columns(sql, request->columns, request->n_columns);
    tn__buf_puts(sql, " FROM ");
    tn__buf_str(sql, request->table);
    tn__buf_puts(sql, " WITH NO DATA; EXPLAIN ");
    put_merge(sql, request);
    bulk->staged = true;
    return run_sql(bulk, deadline_ns, NULL, err);
}

static tn_status merge(tn_driver_bulk *bulk, int64_t deadline_ns, int64_t *ret_rows, tn_error *err)
{
    tn__buf *sql = &bulk->scratch;

    tn__buf_reset(sql);
    put_merge(sql, &bulk->own);
    bulk->merging = true;
    tn_status status = run_sql(bulk, deadline_ns, ret_rows, err);
    if (status != TN_OK)
        return status;
    bulk->merging = false;
    tn__buf_reset(sql);
    tn__buf_puts(sql, "DROP TABLE " STAGE);
    return run_sql(bulk, deadline_ns, NULL, err);
}

/* ---- one COPY -------------------------------------------------------------------------------- */

/* The first one has a savepoint before it: a table that takes no COPY is no failure yet. */
static void write_copy(tn_driver_bulk *bulk, pg_copy_format format)
{
    tn__buf *sql = &bulk->scratch;

    tn__buf_reset(sql);
    if (!bulk->begun && !bulk->staged)
        tn__buf_puts(sql, "SAVEPOINT tn_bulk; ");
    tn__buf_puts(sql, "COPY ");
    tn__buf_str(sql, bulk->staged ? TN__STR(STAGE) : bulk->own.table);
    tn__buf_puts(sql, " (");
    put_columns(sql, bulk->own.columns, bulk->own.n_columns);
    tn__buf_puts(sql, format == PG_COPY_BINARY ? ") FROM STDIN (FORMAT binary)" : ") FROM STDIN");
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
        if (kind == PGRES_COMMAND_OK || kind == PGRES_COPY_IN)
            PQclear(result);
    } while (kind == PGRES_COMMAND_OK);
    if (kind == PGRES_COPY_IN) {
        bulk->running = bulk->begun = true;
        return TN_OK;
    }
    if (!result)
        return pg_fail_protocol(conn, TN_PHASE_EXECUTE, err, "COPY was not answered");
    *ret_detour = !bulk->begun && !bulk->staged && takes_no_copy(result);
    tn_status status = pg_fail_result(conn, result, TN_PHASE_EXECUTE, err);
    PQclear(result);
    if (!conn->broken)
        (void)read_answer(bulk, deadline_ns, NULL, NULL);
    return status;
}

static tn_status begin_copy(tn_driver_bulk *bulk, pg_copy_format format, int64_t deadline_ns,
                            tn_error *err)
{
    tn_driver_conn *conn = bulk->conn;
    bool detour = false;

    write_copy(bulk, format);
    if (bulk->scratch.failed)
        return kit_nomem(conn->host, err, TN_PHASE_EXECUTE);
    pg_expect(conn, TN_OUTCOME_NOT_APPLIED);
    pg_identity_statement(bulk->own.insert, true);
    tn_status status = pg_sent(conn, PQsendQuery(conn->pg, bulk->scratch.ptr), TN_PHASE_EXECUTE,
                               deadline_ns, err);
    if (status == TN_OK)
        status = await_copy(bulk, deadline_ns, &detour, err);
    if (detour && !conn->broken && !conn->pending) {
        tn__buf_reset(&bulk->scratch);
        tn__buf_puts(&bulk->scratch, "ROLLBACK TO SAVEPOINT tn_bulk");
        status = run_sql(bulk, deadline_ns, NULL, err);
        if (status == TN_OK)
            status = make_stage(bulk, deadline_ns, err);
        return status == TN_OK ? begin_copy(bulk, format, deadline_ns, err) : status;
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

static tn_status end_copy(tn_driver_bulk *bulk, int64_t deadline_ns, tn_error *err)
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
        status = read_answer(bulk, deadline_ns, &count, err);
    if (!conn->pending)
        bulk->running = false;
    bulk->copied += count;
    return status;
}

static tn_status send_chunk(tn_driver_bulk *bulk, int64_t deadline_ns, tn_error *err)
{
    bool spoke = false;

    tn_status status = send_out(bulk, deadline_ns, &spoke, err);
    if (status != TN_OK || !spoke)
        return status;
    /* It was only a notice if this ends well. */
    pg_copy_format format = bulk->format;
    status = end_copy(bulk, deadline_ns, err);
    return status == TN_OK ? begin_copy(bulk, format, deadline_ns, err) : status;
}

/* ---- the operations -------------------------------------------------------------------------- */

static bool copy_request(tn_driver_bulk *bulk, const tn_bulk_request *request)
{
    memcpy(&bulk->own, request,
           request->size < sizeof(bulk->own) ? request->size : sizeof(bulk->own));
    return bulk->own.n_columns > 0 && bulk->own.n_columns <= INT16_MAX;
}

static bool all_have_binary(const tn_driver_stmt *insert, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (insert->param_types[i].wire == PG_WIRE_UNKNOWN ||
            insert->param_types[i].wire == PG_WIRE_CHAR)
            return false;
    return true;
}

static void abandon(tn_driver_bulk *bulk, int64_t deadline_ns)
{
    if (!bulk)
        return;
    tn_driver_conn *conn = bulk->conn;
    if (bulk->running && conn->pending && !conn->broken &&
        PQputCopyEnd(conn->pg, "the rows were given up") >= 0 &&
        pg_sent(conn, 1, TN_PHASE_NONE, deadline_ns, NULL) == TN_OK)
        (void)read_answer(bulk, deadline_ns, NULL, NULL);
    tn__buf_free(&bulk->out);
    tn__buf_free(&bulk->scratch);
    free(bulk);
}

static tn_status open_bulk(tn_driver_conn *conn, const tn_bulk_request *request,
                           int64_t deadline_ns, tn_driver_bulk **ret, tn_error *err)
{
    tn_status status = pg_ready(conn, TN_PHASE_EXECUTE, err);

    if (status == TN_OK)
        status = pg_check_encoding(conn, false, err);
    if (status == TN_OK)
        status = pg_begin_now(conn, deadline_ns, err);
    if (status != TN_OK)
        return status;
    tn_driver_bulk *bulk = calloc(1, sizeof(*bulk));
    if (!bulk)
        return kit_nomem(conn->host, err, TN_PHASE_EXECUTE);
    bulk->conn = conn;
    tn__buf_init(&bulk->out, ROW_MAX + CHUNK);
    tn__buf_init(&bulk->scratch, ROW_MAX);
    if (!copy_request(bulk, request)) {
        status = kit_fail(conn->host, err, TN_LIMIT, TN_PHASE_EXECUTE, "54011",
                          "%zu columns are more than a table has", request->n_columns);
    } else {
        if (!all_have_binary(bulk->own.insert, bulk->own.n_columns))
            bulk->format = PG_COPY_TEXT;
        if (bulk->own.conflict.len)
            status = make_stage(bulk, deadline_ns, err);
    }
    if (status != TN_OK) {
        abandon(bulk, deadline_ns);
        return status;
    }
    *ret = bulk;
    return TN_OK;
}

static void describe(const tn_driver_bulk *bulk, tn_bulk_info *ret)
{
    const tn_bulk_info info = {
        .size = ret->size,
        .params = bulk->own.insert->params,
        .failed_row = bulk->failed_row,
        .failed_column = bulk->failed_column,
        .merging = bulk->merging,
    };

    memcpy(ret, &info, ret->size < sizeof(info) ? ret->size : sizeof(info));
}

static tn_status refuse_value(tn_driver_bulk *bulk, pg_copied how, size_t column, tn_error *err)
{
    const tn_host *host = bulk->conn->host;
    const pg_type *type = &bulk->own.insert->param_types[column];

    bulk->failed_row = bulk->rows + 1;
    switch (how) {
    case PG_COPY_RANGE:
        return kit_fail(host, err, TN_DATA, TN_PHASE_BIND,
                        type->wire == PG_WIRE_TIMESTAMP || type->wire == PG_WIRE_DATE ? "22008"
                                                                                      : "22003",
                        "parameter $%zu is out of range for type %s", column + 1, type->name);
    case PG_COPY_NUL:
        return kit_fail(host, err, TN_DATA, TN_PHASE_BIND, "22021",
                        "parameter $%zu: a text must not hold a NUL byte", column + 1);
    default: break;
    }
    if (bulk->out.failed && bulk->out.len < ROW_MAX / 2)
        return kit_nomem(host, err, TN_PHASE_BIND);
    return kit_fail(host, err, TN_LIMIT, TN_PHASE_BIND, "54000",
                    "parameter $%zu: the row is longer than the server takes (1 GiB)", column + 1);
}

static tn_status write_row(tn_driver_bulk *bulk, const tn_value *values, int64_t deadline_ns,
                           tn_error *err)
{
    const tn_bulk_request *own = &bulk->own;
    const pg_type *types = own->insert->param_types;
    pg_copied how = PG_COPY_NEEDS_TEXT;
    tn_status status = TN_OK;
    size_t column = 0;

    if (!bulk->running && bulk->format == PG_COPY_UNDECIDED) {
        how = pg_copy_row_binary(types, values, own->n_columns, &bulk->out, &column);
        tn__buf_reset(&bulk->out);
        if (how == PG_COPIED)
            status = begin_copy(bulk, PG_COPY_BINARY, deadline_ns, err);
    }
    if (status == TN_OK && bulk->running && bulk->format == PG_COPY_BINARY)
        how = pg_copy_row_binary(types, values, own->n_columns, &bulk->out, &column);
    if (status == TN_OK && how == PG_COPY_NEEDS_TEXT) {
        if (bulk->format == PG_COPY_BINARY)
            status = end_copy(bulk, deadline_ns, err);
        if (status == TN_OK && !bulk->running)
            status = begin_copy(bulk, PG_COPY_TEXT, deadline_ns, err);
        if (status == TN_OK)
            how = pg_copy_row_text(values, own->n_columns, &bulk->scratch, &bulk->out, &column);
    }
    if (status == TN_OK && how != PG_COPIED)
        status = refuse_value(bulk, how, column, err);
    return status;
}

static tn_status write_rows(tn_driver_bulk *bulk, const tn_value *values, uint32_t rows,
                            int64_t deadline_ns, tn_error *err)
{
    for (uint32_t i = 0; i < rows; i++) {
        tn_status status = write_row(bulk, values + (size_t)i * bulk->own.n_columns, deadline_ns,
                                     err);
        if (status != TN_OK)
            return status;
        bulk->rows++;
        if (bulk->out.len < CHUNK)
            continue;
        status = send_chunk(bulk, deadline_ns, err);
        if (status != TN_OK)
            return status;
    }
    return TN_OK;
}

static tn_status finish(tn_driver_bulk *bulk, int64_t deadline_ns, int64_t *ret_rows, tn_error *err)
{
    int64_t rows = 0;

    tn_status status = end_copy(bulk, deadline_ns, err);
    if (status == TN_OK && bulk->staged)
        status = merge(bulk, deadline_ns, &rows, err);
    else
        rows = bulk->copied;
    if (status != TN_OK)
        return status;
    *ret_rows = rows;
    abandon(bulk, deadline_ns);
    return TN_OK;
}

const tn_bulk_ops pg_bulk_ops = {
    .size = sizeof(pg_bulk_ops),
    .open = open_bulk,
    .describe = describe,
    .write = write_rows,
    .finish = finish,
    .abandon = abandon,
};
