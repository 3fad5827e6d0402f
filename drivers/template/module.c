/* SPDX-License-Identifier: MIT */
/*
 * The smallest valid driver: copy it to start your own (drivers/README.md leads through it).
 *
 * Its "database" understands one statement, `select $1, $2, ... $n`, and answers it with one row:
 * the arguments as they came. Everything else is refused with 0A000. Nothing can be changed, so a
 * rollback has nothing to undo and transactions are a state only.
 *
 * Rules that every operation keeps: it returns a status and fills err by the host; outputs are
 * written on success only; what it hands out lives as long as driver.h says; it never blocks but by
 * host->wait().
 */
#include <stdlib.h>
#include <string.h>

#include <tenon/driver.h>

#include "base/arena.h"
#include "base/lexer.h"
#include "base/str.h"
#include "base/text.h"
#include "kit/kit.h"

/* The first thing to change: the scheme of the URLs that this driver answers, and its name. */
#define SCHEME "template"

#define MAX_COLUMNS 64

/* ---- handles: whatever your driver needs ---------------------------------------------------- */

/* What all connections of one client share: the parsed URL, TLS settings ... */
struct tn_driver_source {
    const tn_host *host;
};

struct tn_driver_conn {
    tn_driver_source *source;
    tn_host_conn *host_conn; /* for host->wait() and host->log() */
    tn_conn_state state;
    uint32_t savepoints;
};

struct tn_driver_stmt {
    tn_driver_conn *conn;
    size_t n_params;
    size_t n_columns;
    tn_param params[MAX_COLUMNS];
    tn_column columns[MAX_COLUMNS];
    uint32_t numbers[MAX_COLUMNS]; /* which parameter a column shows */
    bool empty;
};

struct tn_driver_cursor {
    size_t n_columns;
    tn_value row[MAX_COLUMNS];
    tn__arena arena; /* the texts of the row */
    bool has_row;
    const char *tag;
};

/* ---- connections ---------------------------------------------------------------------------- */

/* Reads the URL; connects to nothing. The host has taken out the parameters of our option table;
 * what is left in config->url is ours to understand or to refuse. */
static tn_status open_source(const tn_host *host, const tn_source_config *config,
                             tn_driver_source **ret, tn_error *err)
{
    tn_driver_source *source;

    if (!tn_str_equal(config->url, TN__STR(SCHEME ":")))
        return kit_fail(host, err, TN_CONFIG, TN_PHASE_CONFIG, NULL,
                        "DATABASE_URL: this driver has no database to name: write " SCHEME ":");
    source = calloc(1, sizeof *source);
    if (!source)
        return kit_nomem(host, err, TN_PHASE_CONFIG);
    source->host = host;
    *ret = source;
    return TN_OK;
}

static void close_source(tn_driver_source *source)
{
    free(source);
}

/* Connects. With a socket: make it non-blocking, then host->wait(host_conn, fd, events,
 * deadline_ns) until the server has answered; kit_wait_failed() turns a wait that failed into the
 * error. */
static tn_status open_conn(tn_driver_source *source, tn_host_conn *host_conn, int64_t deadline_ns,
                           tn_driver_conn **ret, tn_error *err)
{
    tn_driver_conn *conn = calloc(1, sizeof *conn);

    (void)deadline_ns;
    if (!conn)
        return kit_nomem(source->host, err, TN_PHASE_CONNECT);
    conn->source = source;
    conn->host_conn = host_conn;
    *ret = conn;
    return TN_OK;
}

static void close_conn(tn_driver_conn *conn)
{
    free(conn);
}

/* Asks the server; ours is always there. */
static tn_status ping(tn_driver_conn *conn, int64_t deadline_ns, tn_error *err)
{
    (void)conn;
    (void)deadline_ns;
    (void)err;
    return TN_OK;
}

/* Only called in state TN_CONN_BUSY, which this driver never has. */
static tn_status cancel(tn_driver_conn *conn, int64_t deadline_ns, tn_outcome *ret_outcome,
                        tn_error *err)
{
    (void)conn;
    (void)deadline_ns;
    (void)err;
    *ret_outcome = TN_OUTCOME_NOT_APPLIED;
    return TN_OK;
}

/* Back to what a new connection is. */
static tn_status reset(tn_driver_conn *conn, int64_t deadline_ns, tn_error *err)
{
    (void)deadline_ns;
    (void)err;
    conn->state = TN_CONN_IDLE;
    conn->savepoints = 0;
    return TN_OK;
}

static tn_conn_state state(const tn_driver_conn *conn)
{
    return conn->state;
}

static void info(tn_driver_conn *conn, tn_conn_info *ret)
{
    tn_conn_info about = {
        .size = ret->size,
        .server = SCHEME,
        .dialect = SCHEME,
        .endpoint = SCHEME ":",
        .note = "answers only select $1, $2 ...",
        .verified = true, /* no network in between */
    };

    (void)conn;
    memcpy(ret, &about, ret->size < sizeof about ? ret->size : sizeof about);
}

/* An error of a statement: in a transaction it fails the whole, as on PostgreSQL. */
static tn_status fail(tn_driver_conn *conn, tn_phase phase, const char *sqlstate, tn_error *err,
                      const char *message)
{
    if (conn->state == TN_CONN_IN_TXN)
        conn->state = TN_CONN_FAILED;
    /* TN_OK: the host derives the status from the SQLSTATE. */
    return kit_fail(conn->source->host, err, TN_OK, phase, sqlstate, "%s", message);
}

/* In a failed transaction every statement is refused. */
static tn_status check_state(tn_driver_conn *conn, tn_phase phase, tn_error *err)
{
    if (conn->state != TN_CONN_FAILED)
        return TN_OK;
    return fail(conn, phase, "25P02", err,
                "current transaction is aborted, commands ignored until end of transaction block");
}

/* ---- statements ----------------------------------------------------------------------------- */

/* The list behind SELECT. false: something else stands there. */
static bool read_list(tn__lexer *lexer, tn_driver_stmt *stmt)
{
    for (;;) {
        tn__tok tok = tn__lexer_skip(lexer);
        if (tok.kind != TN__TOK_PARAM || tok.number == 0 || tok.number > MAX_COLUMNS ||
            stmt->n_columns == MAX_COLUMNS)
            return false;
        if (tok.number > stmt->n_params)
            stmt->n_params = tok.number;
        stmt->columns[stmt->n_columns] = (tn_column){
            .name = "?column?",
            .type_name = "",
            .table = "",
            .type = TN_TYPE_NULL, /* each value tells */
            .modifier = -1,
        };
        stmt->numbers[stmt->n_columns++] = tok.number;
        tok = tn__lexer_skip(lexer);
        if (tok.kind == TN__TOK_SEMICOLON)
            tok = tn__lexer_skip(lexer);
        if (tok.kind == TN__TOK_END)
            return true;
        if (tok.kind != TN__TOK_PUNCT || tok.text.ptr[0] != ',')
            return false;
    }
}

static bool parse(tn_str sql, tn_driver_stmt *stmt)
{
    tn__lexer lexer;
    tn__tok tok;

    tn__lexer_init(&lexer, sql);
    tok = tn__lexer_skip(&lexer);
    stmt->empty = tok.kind == TN__TOK_END;
    if (stmt->empty)
        return true;
    return tok.kind == TN__TOK_WORD && tn__str_iequal(tok.text, TN__STR("select")) &&
           read_list(&lexer, stmt);
}

/* Everything that describe() will be asked is found out here: describe() does no I/O. */
static tn_status prepare(tn_driver_conn *conn, tn_str sql, int64_t deadline_ns,
                         tn_driver_stmt **ret, tn_error *err)
{
    tn_status status = check_state(conn, TN_PHASE_PREPARE, err);
    tn_driver_stmt *stmt;

    (void)deadline_ns;
    if (status != TN_OK)
        return status;
    stmt = calloc(1, sizeof *stmt);
    if (!stmt)
        return kit_nomem(conn->source->host, err, TN_PHASE_PREPARE);
    stmt->conn = conn;
    if (!parse(sql, stmt)) {
        free(stmt);
        return fail(conn, TN_PHASE_PREPARE, "0A000", err,
                    "the template driver answers only select $1, $2 ...");
    }
    for (size_t i = 0; i < stmt->n_params; i++)
        stmt->params[i] = (tn_param){TN_TYPE_NULL, TN_TYPE_NULL, ""};
    *ret = stmt;
    return TN_OK;
}

static void describe(const tn_driver_stmt *stmt, tn_stmt_info *ret)
{
    tn_stmt_info about = {
        .size = ret->size,
        .params = stmt->params,
        .n_params = stmt->n_params,
        .columns = stmt->columns,
        .n_columns = stmt->n_columns,
        .flags = stmt->empty ? TN_STMT_EMPTY | TN_STMT_READ_ONLY : TN_STMT_ROWS | TN_STMT_READ_ONLY,
    };

    memcpy(ret, &about, ret->size < sizeof about ? ret->size : sizeof about);
}

static void close_stmt(tn_driver_stmt *stmt)
{
    free(stmt);
}

/* ---- cursors -------------------------------------------------------------------------------- */

static void close_cursor(tn_driver_cursor *cursor)
{
    if (!cursor)
        return;
    tn__arena_free(&cursor->arena);
    free(cursor);
}

/* Runs it. Arguments live only during this call, so the row keeps copies. */
static tn_status execute(tn_driver_stmt *stmt, const tn_value *params, size_t n_params,
                         uint32_t flags, int64_t deadline_ns, tn_driver_cursor **ret, tn_error *err)
{
    tn_driver_conn *conn = stmt->conn;
    tn_status status = check_state(conn, TN_PHASE_EXECUTE, err);
    tn_driver_cursor *cursor;

    (void)flags;
    (void)deadline_ns;
    if (status != TN_OK)
        return status;
    if (n_params != stmt->n_params)
        return fail(conn, TN_PHASE_BIND, "08P01", err, "wrong number of parameters");
    cursor = calloc(1, sizeof *cursor);
    if (!cursor)
        return kit_nomem(conn->source->host, err, TN_PHASE_EXECUTE);
    tn__arena_init(&cursor->arena, SIZE_MAX / 2);
    cursor->n_columns = stmt->n_columns;
    cursor->has_row = !stmt->empty;
    cursor->tag = stmt->empty ? "" : "SELECT 1";
    for (size_t i = 0; i < stmt->n_columns; i++)
        if (!tn__value_copy(&params[stmt->numbers[i] - 1], &cursor->arena, &cursor->row[i])) {
            close_cursor(cursor);
            return kit_nomem(conn->source->host, err, TN_PHASE_EXECUTE);
        }
    *ret = cursor;
    return TN_OK;
}

/* Hands over as many rows as are at hand, here the one there is. */
static tn_status fetch(tn_driver_cursor *cursor, int64_t deadline_ns, tn_batch *ret, tn_error *err)
{
    (void)deadline_ns;
    (void)err;
    ret->values = cursor->row;
    ret->rows = cursor->has_row;
    ret->done = true;
    ret->affected = *cursor->tag ? 1 : -1;
    ret->tag = cursor->tag;
    cursor->has_row = false;
    return TN_OK;
}

/* The rest is in memory already. */
static tn_status detach(tn_driver_cursor *cursor, size_t limit, int64_t deadline_ns, tn_error *err)
{
    (void)cursor;
    (void)limit;
    (void)deadline_ns;
    (void)err;
    return TN_OK;
}

/* ---- transactions: a state, nothing to undo ------------------------------------------------- */

static tn_status begin(tn_driver_conn *conn, const tn_txn_request *request, int64_t deadline_ns,
                       tn_error *err)
{
    (void)request;
    (void)deadline_ns;
    if (conn->state != TN_CONN_IDLE)
        return fail(conn, TN_PHASE_EXECUTE, "25001", err,
                    "there is already a transaction in progress");
    conn->state = TN_CONN_IN_TXN;
    conn->savepoints = 0;
    return TN_OK;
}

static tn_status rollback(tn_driver_conn *conn, int64_t deadline_ns, tn_error *err)
{
    return reset(conn, deadline_ns, err);
}

static tn_status commit(tn_driver_conn *conn, int64_t deadline_ns, tn_error *err)
{
    bool failed = conn->state == TN_CONN_FAILED;

    (void)reset(conn, deadline_ns, err);
    if (failed)
        return kit_fail(conn->source->host, err, TN_ABORTED, TN_PHASE_COMMIT, "25P02",
                        "the transaction was rolled back: a statement in it had failed");
    return TN_OK;
}

static tn_status savepoint(tn_driver_conn *conn, uint32_t level, int64_t deadline_ns, tn_error *err)
{
    tn_status status = check_state(conn, TN_PHASE_EXECUTE, err);

    (void)deadline_ns;
    if (status == TN_OK)
        conn->savepoints = level;
    return status;
}

static tn_status release(tn_driver_conn *conn, uint32_t level, int64_t deadline_ns, tn_error *err)
{
    tn_status status = check_state(conn, TN_PHASE_EXECUTE, err);

    (void)deadline_ns;
    if (status != TN_OK)
        return status;
    if (level > conn->savepoints)
        return fail(conn, TN_PHASE_EXECUTE, "3B001", err, "savepoint does not exist");
    conn->savepoints = level - 1;
    return TN_OK;
}

static tn_status rollback_to(tn_driver_conn *conn, uint32_t level, int64_t deadline_ns,
                             tn_error *err)
{
    (void)deadline_ns;
    if (level > conn->savepoints)
        return fail(conn, TN_PHASE_EXECUTE, "3B001", err, "savepoint does not exist");
    conn->savepoints = level;
    conn->state = TN_CONN_IN_TXN;
    return TN_OK;
}

/* ---- the module: the one symbol that is exported -------------------------------------------- */

static const char *const schemes[] = {SCHEME, NULL};

static const tn_conn_ops conn_ops = {
    .size = sizeof conn_ops,
    .open_source = open_source,
    .close_source = close_source,
    .open = open_conn,
    .close = close_conn,
    .ping = ping,
    .cancel = cancel,
    .reset = reset,
    .state = state,
    .info = info,
};

static const tn_stmt_ops stmt_ops = {
    .size = sizeof stmt_ops,
    .prepare = prepare,
    .describe = describe,
    .close = close_stmt,
};

static const tn_cursor_ops cursor_ops = {
    .size = sizeof cursor_ops,
    .execute = execute,
    .fetch = fetch,
    .detach = detach,
    .close = close_cursor,
};

static const tn_txn_ops txn_ops = {
    .size = sizeof txn_ops,
    .begin = begin,
    .commit = commit,
    .rollback = rollback,
    .savepoint = savepoint,
    .release = release,
    .rollback_to = rollback_to,
};

TN_DRIVER_EXPORT const tn_module tn_driver_module = {
    .magic = TN_DRIVER_MAGIC,
    .size = sizeof tn_driver_module,
    .abi_major = TN_DRIVER_ABI_MAJOR,
    .abi_minor = TN_DRIVER_ABI_MINOR,
    .least_host_minor = 0, /* raise it when you call a host service of a later minor */
    .capabilities = TN_CAP_TRANSACTIONS | TN_CAP_SAVEPOINTS | TN_CAP_NUMERIC_EXACT | TN_CAP_ARRAYS |
                    TN_CAP_STREAM,
    .name = SCHEME,
    .version = TN_VERSION_STRING,
    .schemes = schemes,
    .conn = &conn_ops,
    .stmt = &stmt_ops,
    .cursor = &cursor_ops,
    .txn = &txn_ops,
};
