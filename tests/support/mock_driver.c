/* SPDX-License-Identifier: MIT */
/*
 * The half of the mock driver that the core talks to. It behaves as a server behind a socket would:
 * a failed statement fails the transaction, an unfinished answer leaves the connection busy. It
 * allocates when it opens and prepares, never when it executes and fetches, so that tests can count
 * what the core allocates.
 */
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/mock_internal.h"

enum { CURSORS_MAX = 16 };

struct tn_driver_source {
    mock *m;
    const tn_host *host;
    atomic_uint conns;
    unsigned generation;
    char url[128];
};

struct tn_driver_cursor {
    tn_driver_stmt *stmt;
    const mock_answer *answer;
    size_t at; /* the next row */
    bool used, attached, stream, done, failed;
};

struct tn_driver_conn {
    tn_driver_source *source;
    mock *m;
    tn_host_conn *host_conn;
    tn_conn_state state;
    bool in_txn;
    uint32_t level;
    unsigned stmts, cursors;
    tn_driver_cursor *attached;
    tn_driver_cursor pool[CURSORS_MAX];
    atomic_bool inside; /* a call is under way */
};

struct tn_driver_stmt {
    tn_driver_conn *conn;
    const mock_answer *answer;
    const char *sql; /* the host's: must stay */
    char *copy;
    unsigned cursors;
};

/* ---- failing and waiting --------------------------------------------------------------------- */

static tn_status answer_with(mock *m, const tn_host *host, tn_status status, const char *sqlstate,
                             const char *message, tn_error *err)
{
    const tn_diagnostic d = {
        .size = sizeof(d),
        .status = status == TN_DRIVER_STALE ? TN_UNSUPPORTED : status,
        .sqlstate = {sqlstate, sqlstate ? strlen(sqlstate) : 0},
        .message = {message, strlen(message)},
    };

    (void)m;
    tn_status filled = host->fail(err, &d);
    return status == TN_DRIVER_STALE ? status : filled;
}

/* Nothing but mock_wake() ends it. */
static tn_wait_result wait_deaf(const mock *m)
{
    struct pollfd fd = {.fd = m->wake[0], .events = POLLIN};

    while (poll(&fd, 1, -1) < 0)
        continue;
    return TN_WAIT_READY;
}

static tn_wait_result wait_here(mock *m, const mock_fault *fault, const tn_host *host,
                                tn_host_conn *host_conn, int64_t deadline_ns)
{
    tn_wait_result result;
    char byte;

    pthread_mutex_lock(&m->lock);
    m->waiting++;
    pthread_cond_broadcast(&m->changed);
    pthread_mutex_unlock(&m->lock);
    do
        result = fault->deaf ? wait_deaf(m)
                             : host->wait(host_conn, m->wake[0], TN_WAIT_READ, deadline_ns);
    while (result == TN_WAIT_READY && read(m->wake[0], &byte, 1) != 1);
    pthread_mutex_lock(&m->lock);
    m->waiting--;
    pthread_cond_broadcast(&m->changed);
    pthread_mutex_unlock(&m->lock);
    return result;
}

/* What a failure of this operation leaves behind where the script does not say. */
static void leave_state(tn_driver_conn *conn, const mock_fault *fault, bool given_up)
{
    bool of_statement = fault->op == MOCK_PREPARE || fault->op == MOCK_EXECUTE ||
                        fault->op == MOCK_FETCH || fault->op == MOCK_DETACH ||
                        fault->op == MOCK_SAVEPOINT || fault->op == MOCK_RELEASE ||
                        fault->op == MOCK_ROLLBACK_TO;

    if (given_up)
        conn->state = TN_CONN_BUSY;
    else if (fault->to)
        conn->state = (tn_conn_state)(fault->to - 1);
    else if (fault->status == TN_LOST || fault->status == TN_OUTCOME_UNKNOWN)
        conn->state = TN_CONN_BROKEN;
    else if (of_statement && conn->in_txn && fault->status != TN_DRIVER_STALE)
        conn->state = TN_CONN_FAILED;
    if (conn->state == TN_CONN_IDLE)
        conn->in_txn = false;
}

/* Acts out a fault. TN_OK: it only waited. conn is NULL while there is none. */
static tn_status act(tn_driver_source *source, tn_host_conn *host_conn, tn_driver_conn *conn,
                     const mock_fault *fault, int64_t deadline_ns, tn_error *err)
{
    const tn_host *host = source->host;
    mock *m = source->m;

    if (fault->wait || fault->deaf) {
        tn_wait_result result = wait_here(m, fault, host, host_conn, deadline_ns);
        if (result != TN_WAIT_READY) {
            if (conn)
                leave_state(conn, fault, true);
            return result == TN_WAIT_TIMEOUT
                       ? answer_with(m, host, TN_TIMEOUT, "57014", "the deadline passed", err)
                       : answer_with(m, host, TN_CANCELLED, "57014", "cancelled on request", err);
        }
    }
    if (fault->status == TN_OK)
        return TN_OK;
    if (conn)
        leave_state(conn, fault, false);
    return answer_with(m, host, fault->status, fault->sqlstate,
                       fault->message ? fault->message : "scripted failure", err);
}

/* Counts an operation on a connection and acts out what the script has for it. */
static tn_status call(tn_driver_conn *conn, mock_op op, int64_t detail, int64_t deadline_ns,
                      tn_error *err)
{
    mock_fault fault;

    if (atomic_exchange(&conn->inside, true))
        mock__violation(conn->m, "operation %d while another runs on the connection", (int)op);
    tn_status status = TN_OK;
    if (mock__called(conn->m, conn->source->url, op, detail, &fault))
        status = act(conn->source, conn->host_conn, conn, &fault, deadline_ns, err);
    atomic_store(&conn->inside, false);
    return status;
}

static void must(tn_driver_conn *conn, bool holds, const char *what)
{
    if (!holds)
        mock__violation(conn->m, "%s (state %d, level %u, %u cursors, %sattached)", what,
                        (int)conn->state, (unsigned)conn->level, conn->cursors,
                        conn->attached ? "" : "none ");
}

static bool usable(const tn_driver_conn *conn)
{
    return conn->state != TN_CONN_BUSY && conn->state != TN_CONN_BROKEN;
}

static bool terminated(tn_str text)
{
    return text.ptr && text.ptr[text.len] == '\0' && !memchr(text.ptr, '\0', text.len);
}

/* ---- source and connection ------------------------------------------------------------------- */

static tn_status open_source(const tn_host *host, const tn_source_config *config,
                             tn_driver_source **ret, tn_error *err)
{
    mock *m = mock__find(config->scheme);
    mock_fault fault;

    if (config->size < sizeof(*config) || !terminated(config->url))
        mock__violation(m, "open_source: configuration without size or NUL");
    if (mock__called(m, config->url.ptr, MOCK_OPEN_SOURCE, -1, &fault))
        return answer_with(m, host, fault.status, fault.sqlstate, "scripted failure", err);
    tn_driver_source *source = calloc(1, sizeof(*source));
    if (!source)
        return answer_with(m, host, TN_NOMEM, NULL, "out of memory", err);
    source->m = m;
    source->host = host;
    snprintf(source->url, sizeof(source->url), "%s", config->url.ptr);
    source->generation = mock__generation(m);
    mock__add(m, source->generation, &m->sources, 1);
    *ret = source;
    return TN_OK;
}

static void close_source(tn_driver_source *source)
{
    mock_fault fault;

    if (!source)
        return;
    if (atomic_load(&source->conns))
        mock__violation(source->m, "close_source: connections are open");
    mock__called(source->m, source->url, MOCK_CLOSE_SOURCE, -1, &fault);
    mock__add(source->m, source->generation, &source->m->sources, -1);
    free(source);
}

static tn_status open_conn(tn_driver_source *source, tn_host_conn *host_conn, int64_t deadline_ns,
                           tn_driver_conn **ret, tn_error *err)
{
    mock_fault fault;

    if (!host_conn)
        mock__violation(source->m, "open: no host connection");
    pthread_mutex_lock(&source->m->lock);
    source->m->opener = pthread_self();
    pthread_mutex_unlock(&source->m->lock);
    if (mock__called(source->m, source->url, MOCK_OPEN, -1, &fault)) {
        tn_status status = act(source, host_conn, NULL, &fault, deadline_ns, err);
        if (status != TN_OK)
            return status;
    }
    tn_driver_conn *conn = calloc(1, sizeof(*conn));
    if (!conn)
        return answer_with(source->m, source->host, TN_NOMEM, NULL, "out of memory", err);
    conn->source = source;
    conn->m = source->m;
    conn->host_conn = host_conn;
    atomic_fetch_add(&source->conns, 1);
    mock__add(conn->m, conn->source->generation, &conn->m->conns, 1);
    *ret = conn;
    return TN_OK;
}

static void close_conn(tn_driver_conn *conn)
{
    mock_fault fault;

    if (!conn)
        return;
    must(conn, conn->stmts == 0, "close: statements are open");
    must(conn, conn->cursors == 0, "close: cursors are open");
    mock__called(conn->m, conn->source->url, MOCK_CLOSE, -1, &fault);
    atomic_fetch_sub(&conn->source->conns, 1);
    mock__add(conn->m, conn->source->generation, &conn->m->conns, -1);
    free(conn);
}

static tn_status ping(tn_driver_conn *conn, int64_t deadline_ns, tn_error *err)
{
    must(conn, !conn->attached && usable(conn), "ping: the connection is not free");
    return call(conn, MOCK_PING, -1, deadline_ns, err);
}

static tn_status cancel(tn_driver_conn *conn, int64_t deadline_ns, tn_outcome *ret_outcome,
                        tn_error *err)
{
    must(conn, conn->state == TN_CONN_BUSY, "cancel: nothing was given up");
    tn_status status = call(conn, MOCK_CANCEL, -1, deadline_ns, err);
    if (status != TN_OK)
        return status;
    conn->state = conn->in_txn ? TN_CONN_FAILED : TN_CONN_IDLE;
    *ret_outcome = TN_OUTCOME_NOT_APPLIED;
    return TN_OK;
}

static tn_status reset(tn_driver_conn *conn, int64_t deadline_ns, tn_error *err)
{
    must(conn, usable(conn) && conn->cursors == 0, "reset: the connection is not free");
    tn_status status = call(conn, MOCK_RESET, -1, deadline_ns, err);
    if (status != TN_OK)
        return status;
    conn->state = TN_CONN_IDLE;
    conn->in_txn = false;
    conn->level = 0;
    return TN_OK;
}

static tn_conn_state state_of(const tn_driver_conn *conn)
{
    return conn->state;
}

static void info(tn_driver_conn *conn, tn_conn_info *ret)
{
    if (ret->size < sizeof(*ret))
        mock__violation(conn->m, "info: no size");
    pthread_mutex_lock(&conn->m->lock);
    *ret = conn->m->info;
    pthread_mutex_unlock(&conn->m->lock);
}

static bool alive(tn_driver_conn *conn)
{
    must(conn, conn->state == TN_CONN_IDLE, "alive: the connection is not idle");
    return call(conn, MOCK_ALIVE, -1, TN_NO_DEADLINE, NULL) == TN_OK;
}

static bool prompt(const tn_driver_source *source)
{
    pthread_mutex_lock(&source->m->lock);
    bool is = source->m->prompt;
    pthread_mutex_unlock(&source->m->lock);
    return is;
}

void mock_prompt(mock *m)
{
    pthread_mutex_lock(&m->lock);
    m->prompt = true;
    pthread_mutex_unlock(&m->lock);
}

bool mock_opened_here(mock *m)
{
    pthread_mutex_lock(&m->lock);
    bool here = pthread_equal(m->opener, pthread_self());
    pthread_mutex_unlock(&m->lock);
    return here;
}

const tn_conn_ops mock__conn_ops = {
    .size = sizeof(tn_conn_ops),
    .open_source = open_source,
    .close_source = close_source,
    .open = open_conn,
    .close = close_conn,
    .ping = ping,
    .cancel = cancel,
    .reset = reset,
    .state = state_of,
    .info = info,
};

const tn_conn_ops mock__remote_conn_ops = {
    .size = sizeof(tn_conn_ops),
    .open_source = open_source,
    .close_source = close_source,
    .open = open_conn,
    .close = close_conn,
    .ping = ping,
    .cancel = cancel,
    .reset = reset,
    .state = state_of,
    .info = info,
    .alive = alive,
    .prompt = prompt,
};

/* ---- statements ------------------------------------------------------------------------------ */

/* A failed transaction answers everything but its end with 25P02. */
static tn_status refuse_failed(tn_driver_conn *conn, tn_error *err)
{
    return answer_with(conn->m, conn->source->host, TN_ABORTED, "25P02",
                       "the transaction is aborted", err);
}

static tn_status prepare(tn_driver_conn *conn, tn_str sql, int64_t deadline_ns,
                         tn_driver_stmt **ret, tn_error *err)
{
    must(conn, terminated(sql), "prepare: the text has no NUL behind it or one within");
    must(conn, !conn->attached && usable(conn), "prepare: the connection is not free");
    tn_status status = call(conn, MOCK_PREPARE, -1, deadline_ns, err);
    if (status != TN_OK)
        return status;
    if (conn->state == TN_CONN_FAILED)
        return refuse_failed(conn, err);
    tn_driver_stmt *stmt = calloc(1, sizeof(*stmt));
    if (!stmt || !(stmt->copy = strndup(sql.ptr, sql.len))) {
        free(stmt);
        return answer_with(conn->m, conn->source->host, TN_NOMEM, NULL, "out of memory", err);
    }
    stmt->conn = conn;
    stmt->sql = sql.ptr;
    stmt->answer = mock__answer(conn->m, sql);
    conn->stmts++;
    mock__add(conn->m, conn->source->generation, &conn->m->stmts, 1);
    *ret = stmt;
    return TN_OK;
}

static void describe(const tn_driver_stmt *stmt, tn_stmt_info *ret)
{
    const mock_answer *answer = stmt->answer;

    if (ret->size < sizeof(*ret))
        mock__violation(stmt->conn->m, "describe: no size");
    *ret = (tn_stmt_info){
        .size = sizeof(*ret),
        .params = answer->params,
        .n_params = answer->n_params,
        .columns = answer->columns,
        .n_columns = answer->n_columns,
        .flags = answer->flags | (answer->n_columns ? (uint32_t)TN_STMT_ROWS : 0),
    };
}

static void close_stmt(tn_driver_stmt *stmt)
{
    mock_fault fault;

    if (!stmt)
        return;
    tn_driver_conn *conn = stmt->conn;
    must(conn, stmt->cursors == 0, "stmt.close: one of its cursors is open");
    mock__called(conn->m, conn->source->url, MOCK_STMT_CLOSE, -1, &fault);
    conn->stmts--;
    mock__add(conn->m, conn->source->generation, &conn->m->stmts, -1);
    free(stmt->copy);
    free(stmt);
}

const tn_stmt_ops mock__stmt_ops = {
    .size = sizeof(tn_stmt_ops),
    .prepare = prepare,
    .describe = describe,
    .close = close_stmt,
};

/* ---- cursors --------------------------------------------------------------------------------- */

static void check_params(const tn_driver_stmt *stmt, const tn_value *params, size_t n)
{
    mock *m = stmt->conn->m;
    const mock_answer *answer = stmt->answer;

    if (n != answer->n_params)
        mock__violation(m, "execute: %zu parameters, %zu expected", n, answer->n_params);
    for (size_t i = 0; i < n && i < answer->n_params; i++)
        if (params[i].type != TN_TYPE_NULL && params[i].type != TN_TYPE_TEXT &&
            answer->params[i].type != TN_TYPE_NULL && params[i].type != answer->params[i].type)
            mock__violation(m, "execute: $%zu comes as type %d, the placeholder has %d", i + 1,
                            params[i].type, (int)answer->params[i].type);
    pthread_mutex_lock(&m->lock);
    m->n_last_params = n < PARAMS_KEPT ? n : PARAMS_KEPT;
    if (m->n_last_params)
        memcpy(m->last_params, params, m->n_last_params * sizeof(*params));
    pthread_mutex_unlock(&m->lock);
}

static tn_driver_cursor *new_cursor(tn_driver_conn *conn)
{
    for (size_t i = 0; i < CURSORS_MAX; i++)
        if (!conn->pool[i].used) {
            conn->pool[i] = (tn_driver_cursor){.used = true};
            return &conn->pool[i];
        }
    return NULL;
}

static tn_status execute(tn_driver_stmt *stmt, const tn_value *params, size_t n_params,
                         uint32_t flags, int64_t deadline_ns, tn_driver_cursor **ret, tn_error *err)
{
    tn_driver_conn *conn = stmt->conn;

    must(conn, !conn->attached && usable(conn), "execute: the connection is not free");
    must(conn, strcmp(stmt->sql, stmt->copy) == 0, "execute: the statement's text has changed");
    check_params(stmt, params, n_params);
    pthread_mutex_lock(&conn->m->lock);
    conn->m->last_deadline = deadline_ns;
    pthread_mutex_unlock(&conn->m->lock);
    tn_status status = call(conn, MOCK_EXECUTE, -1, deadline_ns, err);
    if (status != TN_OK)
        return status;
    if (conn->state == TN_CONN_FAILED && !stmt->answer->then)
        return refuse_failed(conn, err);
    tn_driver_cursor *cursor = new_cursor(conn);
    if (!cursor)
        return answer_with(conn->m, conn->source->host, TN_LIMIT, "54000", "too many cursors", err);
    cursor->stmt = stmt;
    cursor->answer = stmt->answer;
    cursor->attached = true;
    cursor->stream = flags & TN_EXECUTE_STREAM && !stmt->answer->at_hand;
    conn->attached = cursor;
    conn->cursors++;
    stmt->cursors++;
    mock__add(conn->m, conn->source->generation, &conn->m->cursors, 1);
    if (stmt->answer->then) {
        conn->state = (tn_conn_state)(stmt->answer->then - 1);
        conn->in_txn = conn->state != TN_CONN_IDLE;
    }
    *ret = cursor;
    return TN_OK;
}

static void let_go(tn_driver_cursor *cursor)
{
    if (cursor->stmt->conn->attached == cursor)
        cursor->stmt->conn->attached = NULL;
    cursor->attached = false;
}

static tn_status fetch(tn_driver_cursor *cursor, int64_t deadline_ns, tn_batch *ret, tn_error *err)
{
    const mock_answer *answer = cursor->answer;
    tn_driver_conn *conn = cursor->stmt->conn;

    must(conn, !cursor->done, "fetch: after done");
    must(conn, !cursor->failed, "fetch: after a failure");
    must(conn, ret->size >= sizeof(*ret), "fetch: the batch has no size");
    tn_status status = call(conn, MOCK_FETCH, -1, deadline_ns, err);
    if (status != TN_OK) {
        cursor->failed = true;
        let_go(cursor);
        return status;
    }
    size_t left = answer->rows - cursor->at;
    size_t rows = answer->batch && answer->batch < left ? answer->batch : left;
    *ret = (tn_batch){
        .size = sizeof(*ret),
        .values = rows ? answer->values + cursor->at * answer->n_columns : NULL,
        .rows = (uint32_t)rows,
        .affected = answer->affected,
        .tag = answer->tag ? answer->tag : "MOCK",
    };
    cursor->at += rows;
    if (answer->endless && cursor->at == answer->rows)
        cursor->at = 0;
    ret->done = cursor->at == answer->rows && (rows == 0 || !answer->empty_last);
    cursor->done = ret->done;
    if (cursor->done)
        let_go(cursor);
    return TN_OK;
}

static tn_status detach(tn_driver_cursor *cursor, size_t limit, int64_t deadline_ns, tn_error *err)
{
    const mock_answer *answer = cursor->answer;
    tn_driver_conn *conn = cursor->stmt->conn;

    must(conn, cursor->attached && !cursor->done, "detach: the cursor is not attached");
    tn_status status = call(conn, MOCK_DETACH, -1, deadline_ns, err);
    size_t bytes = (answer->rows - cursor->at) * answer->n_columns * sizeof(tn_value);
    if (status == TN_OK && (answer->endless || bytes > limit)) {
        conn->state = TN_CONN_BUSY;
        status = answer_with(conn->m, conn->source->host, TN_LIMIT, "54000", "too many rows", err);
    }
    if (status != TN_OK)
        cursor->failed = true;
    let_go(cursor);
    return status;
}

static void close_cursor(tn_driver_cursor *cursor)
{
    mock_fault fault;

    if (!cursor)
        return;
    tn_driver_conn *conn = cursor->stmt->conn;
    must(conn, cursor->used, "cursor.close: closed before");
    mock__called(conn->m, conn->source->url, MOCK_CURSOR_CLOSE, -1, &fault);
    if (cursor->attached && cursor->stream && conn->state != TN_CONN_BROKEN)
        conn->state = TN_CONN_BUSY;
    let_go(cursor);
    cursor->used = false;
    cursor->stmt->cursors--;
    conn->cursors--;
    mock__add(conn->m, conn->source->generation, &conn->m->cursors, -1);
}

const tn_cursor_ops mock__cursor_ops = {
    .size = sizeof(tn_cursor_ops),
    .execute = execute,
    .fetch = fetch,
    .detach = detach,
    .close = close_cursor,
};

/* ---- transactions ---------------------------------------------------------------------------- */

static tn_status begin(tn_driver_conn *conn, const tn_txn_request *request, int64_t deadline_ns,
                       tn_error *err)
{
    must(conn, conn->state == TN_CONN_IDLE && !conn->attached, "begin: the connection is not idle");
    must(conn, request->size >= sizeof(*request), "begin: the request has no size");
    pthread_mutex_lock(&conn->m->lock);
    conn->m->last_request = *request;
    pthread_mutex_unlock(&conn->m->lock);
    tn_status status = call(conn, MOCK_BEGIN, -1, deadline_ns, err);
    if (status != TN_OK)
        return status;
    conn->state = TN_CONN_IN_TXN;
    conn->in_txn = true;
    conn->level = 0;
    return TN_OK;
}

static void ended(tn_driver_conn *conn)
{
    conn->state = TN_CONN_IDLE;
    conn->in_txn = false;
    conn->level = 0;
}

static tn_status commit(tn_driver_conn *conn, int64_t deadline_ns, tn_error *err)
{
    must(conn, (conn->state == TN_CONN_IN_TXN || conn->state == TN_CONN_FAILED) && !conn->attached,
         "commit: not in a transaction, or not free");
    tn_status status = call(conn, MOCK_COMMIT, -1, deadline_ns, err);
    if (status != TN_OK)
        return status;
    bool failed = conn->state == TN_CONN_FAILED;
    ended(conn);
    return failed ? refuse_failed(conn, err) : TN_OK;
}

static tn_status rollback(tn_driver_conn *conn, int64_t deadline_ns, tn_error *err)
{
    must(conn, (conn->state == TN_CONN_IN_TXN || conn->state == TN_CONN_FAILED) && !conn->attached,
         "rollback: not in a transaction, or not free");
    tn_status status = call(conn, MOCK_ROLLBACK, -1, deadline_ns, err);
    if (status == TN_OK)
        ended(conn);
    return status;
}

static tn_status savepoint(tn_driver_conn *conn, uint32_t level, int64_t deadline_ns, tn_error *err)
{
    must(conn, conn->in_txn && usable(conn) && !conn->attached, "savepoint: not in a transaction");
    must(conn, level == conn->level + 1, "savepoint: not the next level");
    tn_status status = call(conn, MOCK_SAVEPOINT, level, deadline_ns, err);
    if (status != TN_OK)
        return status;
    if (conn->state == TN_CONN_FAILED)
        return refuse_failed(conn, err);
    conn->level = level;
    return TN_OK;
}

static tn_status release(tn_driver_conn *conn, uint32_t level, int64_t deadline_ns, tn_error *err)
{
    must(conn, conn->in_txn && usable(conn) && !conn->attached, "release: not in a transaction");
    must(conn, level == conn->level, "release: a level above it is still there");
    tn_status status = call(conn, MOCK_RELEASE, level, deadline_ns, err);
    if (status != TN_OK)
        return status;
    if (conn->state == TN_CONN_FAILED)
        return refuse_failed(conn, err);
    conn->level = level - 1;
    return TN_OK;
}

static tn_status rollback_to(tn_driver_conn *conn, uint32_t level, int64_t deadline_ns,
                             tn_error *err)
{
    must(conn, conn->in_txn && usable(conn) && !conn->attached,
         "rollback_to: not in a transaction");
    must(conn, level == conn->level, "rollback_to: a level above it is still there");
    tn_status status = call(conn, MOCK_ROLLBACK_TO, level, deadline_ns, err);
    if (status == TN_OK)
        conn->state = TN_CONN_IN_TXN;
    return status;
}

const tn_txn_ops mock__txn_ops = {
    .size = sizeof(tn_txn_ops),
    .begin = begin,
    .commit = commit,
    .rollback = rollback,
    .savepoint = savepoint,
    .release = release,
    .rollback_to = rollback_to,
};

const tn_txn_ops mock__flat_txn_ops = {
    .size = sizeof(tn_txn_ops),
    .begin = begin,
    .commit = commit,
    .rollback = rollback,
};

/* ---- what became of a commit ----------------------------------------------------------------- */

static void identify(const tn_driver_conn *conn, char *buf, size_t size)
{
    if (size < TN_TXN_ID_SIZE)
        mock__violation(conn->m, "identify: too little room");
    pthread_mutex_lock(&conn->m->lock);
    memcpy(buf, conn->m->txn_id, strlen(conn->m->txn_id) + 1);
    pthread_mutex_unlock(&conn->m->lock);
}

static tn_status outcome(tn_driver_conn *conn, tn_str id, int64_t deadline_ns,
                         tn_outcome *ret_outcome, tn_error *err)
{
    mock *m = conn->m;

    must(conn, conn->state == TN_CONN_IDLE, "outcome: the connection is not idle");
    tn_status status = call(conn, MOCK_OUTCOME, -1, deadline_ns, err);
    if (status != TN_OK)
        return status;
    pthread_mutex_lock(&m->lock);
    bool known = id.len == strlen(m->txn_id) && memcmp(id.ptr, m->txn_id, id.len) == 0;
    *ret_outcome = known && m->n_outcomes ? m->outcomes[0] : TN_OUTCOME_NONE;
    if (m->n_outcomes > 1) {
        m->outcomes++;
        m->n_outcomes--;
    }
    pthread_mutex_unlock(&m->lock);
    return TN_OK;
}

const tn_txn_ops mock__remote_txn_ops = {
    .size = sizeof(tn_txn_ops),
    .begin = begin,
    .commit = commit,
    .rollback = rollback,
    .savepoint = savepoint,
    .release = release,
    .rollback_to = rollback_to,
    .identify = identify,
    .outcome = outcome,
};
