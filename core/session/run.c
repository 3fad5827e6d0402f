/* SPDX-License-Identifier: MIT */
#include "session/run.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/lexer.h"
#include "base/str.h"
#include "observe/traceparent.h"
#include "session/bind.h"
#include "session/guard.h"
#include "session/transaction.h"
#include "session/watch.h"

enum {
    PARAMS_MAX = 65535, /* the protocol's count is 16 bits */
    STALE_ATTEMPTS = 3, /* tables may be altered again and again meanwhile */
};

/* Apart, so that what every call runs through needs no room for it. */
#define SELDOM __attribute__((cold, noinline))

tn_status tn__sql_measure(tn__sql *sql, tn_error *err)
{
    if (sql->measured)
        return TN_OK;
    sql->len = strlen(sql->text);
    if (sql->len > INT32_MAX)
        return tn_error_set(err, TN_LIMIT, "54000", "the statement is longer than 2 GiB");
    if (!tn__utf8_valid(sql->text, sql->len))
        return tn_error_set(err, TN_DATA, "22021", "the statement is not valid UTF-8");
    sql->hash = tn__hash(sql->text, sql->len);
    sql->measured = true;
    return TN_OK;
}

/* ---- start ----------------------------------------------------------------------------------- */

/* BEGIN and its kin as SQL text would go past the state that the handles keep. */
static tn_status check_word(const tn_db *db, const tn__cached *stmt, tn_error *err)
{
    if (stmt->word <= TN__STMT_EMPTY || db->kind == TN__DB_SESSION)
        return TN_OK;
    tn_error_set(err, TN_MISUSE, "25000", "a transaction command as SQL text, on a handle that %s",
                 db->kind == TN__DB_CLIENT ? "may take another connection for each call"
                                           : "keeps its own transaction");
    tn_error_set_hint(err, "use tn_begin, tn_commit, tn_rollback or tn_transaction, or a session "
                           "(tn_acquire)");
    return TN_MISUSE;
}

static tn_status take_connection(tn__run *run, tn_db *db, tn_error *err)
{
    tn__provider *provider = db->provider;

    run->db = db;
    if (db->kind != TN__DB_CLIENT) {
        run->on.conn = db->conn;
        return tn__guard_free_wire(db, run->on.conn, run->deadline_ns, err);
    }
    return provider->acquire(provider, run->deadline_ns, &run->on.conn, err);
}

static void give_connection(tn__run *run)
{
    if (run->on.conn && run->db->kind == TN__DB_CLIENT)
        run->db->provider->release(run->db->provider, run->on.conn);
    run->on.conn = NULL;
}

/* A quote or comment that is not closed would swallow what stands behind it, and its error would
 * tell of that. */
static bool is_closed(const tn__sql *sql)
{
    tn__lexer lexer;
    tn__tok token;

    tn__lexer_init(&lexer, tn__str(sql->text, sql->len));
    do
        token = tn__lexer_next(&lexer);
    while (token.kind != TN__TOK_END && token.kind != TN__TOK_ERROR);
    return token.kind == TN__TOK_END;
}

/* With the trace context of this one call behind its text, if there is one to be sent. */
SELDOM static tn_status find_commented(tn__run *run, const tn__sql *sql, tn_error *err)
{
    char comment[TN__COMMENT_SIZE];
    size_t len = 0;

    if (is_closed(sql))
        len = tn__traceparent_comment(run->on.watch.span.id, comment);
    run->commented = len > 0;
    if (!len)
        return tn__conn_prepare(run->on.conn, sql->text, sql->len, sql->hash, run->deadline_ns,
                                &run->on.stmt, err);
    return tn__conn_prepare_once(run->on.conn, tn__str(sql->text, sql->len), tn__str(comment, len),
                                 run->deadline_ns, &run->on.stmt, err);
}

static tn_status find_or_prepare(tn__run *run, const tn__sql *sql, bool to_run, tn_error *err)
{
    tn__conn *conn = run->on.conn;

    if (TN_UNLIKELY(to_run && tn__traceparent_wanted()))
        return find_commented(run, sql, err);
    tn_status status = tn__conn_prepare(conn, sql->text, sql->len, sql->hash, run->deadline_ns,
                                        &run->on.stmt, err);
    if (status == TN_OK)
        tn__cache_remember(&conn->cache, sql->text, run->on.stmt);
    return status;
}

static tn_status prepare(tn__run *run, const tn__sql *sql, bool to_run, tn_error *err)
{
    tn_status status = run->on.stmt ? TN_OK : find_or_prepare(run, sql, to_run, err);

    if (status != TN_OK)
        return status;
    status = check_word(run->db, run->on.stmt, err);
    if (status == TN_OK && run->on.stmt->info.n_params > PARAMS_MAX)
        status = tn_error_set(err, TN_LIMIT, "54023", "more than %d parameters", PARAMS_MAX);
    if (status != TN_OK) {
        tn__cache_release(&run->on.conn->cache, run->on.stmt);
        run->on.stmt = NULL;
    }
    return status;
}

static tn_status bind(tn__run *run, const tn_arglist *args, tn_error *err)
{
    tn__conn *conn = run->on.conn;
    size_t n = run->on.stmt->info.n_params;

    if (args && args->count > PARAMS_MAX)
        return tn_error_set(err, TN_LIMIT, "54023", "%zu arguments were given, %d are the most",
                            args->count, PARAMS_MAX);
    tn__arena_reset(&conn->bind_arena);
    if (n > conn->params_capacity) {
        tn_value *grown = realloc(conn->params, n * 2 * sizeof(*grown));
        if (!grown)
            return tn_error_set(err, TN_NOMEM, NULL, "out of memory");
        conn->params = grown;
        conn->params_capacity = n * 2;
    }
    return tn__bind(args, run->on.stmt->info.params, n, &conn->bind_arena, conn->params, err);
}

static tn_status prepare_anew(tn__run *run, tn__sql *sql, tn_error *err)
{
    tn_status status = tn__sql_measure(sql, err);

    if (status != TN_OK)
        return status;
    tn__cache_drop(&run->on.conn->cache, run->on.stmt);
    tn__cache_release(&run->on.conn->cache, run->on.stmt);
    run->on.stmt = NULL;
    return prepare(run, sql, true, err);
}

/* What a cached statement says of its placeholders may be older than the table: an argument that
 * does not fit is held against the statement as it would be prepared now. */
static tn_status bind_anew(tn__run *run, tn__sql *sql, const tn_arglist *args, tn_status status,
                           tn_error *err)
{
    tn_error fresh = TN_ERROR_INIT;

    if (status != TN_DATA || !run->on.stmt->used_before ||
        tn__conn_state(run->on.conn) == TN_CONN_FAILED)
        return status;
    tn_status again = prepare_anew(run, sql, &fresh);
    if (again == TN_OK)
        again = bind(run, args, &fresh);
    if (again != TN_OK && err)
        *err = fresh;
    return again;
}

static bool same_params(const tn_param *before, size_t n, const tn_stmt_info *now)
{
    size_t same = 0;

    if (now->n_params != n)
        return false;
    while (same < n && before[same].type == now->params[same].type &&
           before[same].element == now->params[same].element)
        same++;
    return same == n;
}

/* What a server says of a statement whose placeholders are no longer of the types that were made
 * out when it was prepared: a table was altered, or dropped and made anew. */
static bool may_be_retyped(const tn__run *run, const tn__cached *stmt, const tn_error *why)
{
    static const char *const states[] = {"22P02", "22P03", "42804", "42846", "42883"};

    for (size_t i = 0; run->known && stmt && stmt->info.n_params && i < TN__COUNT_OF(states); i++)
        if (strcmp(why->sqlstate, states[i]) == 0)
            return true;
    return false;
}

/* It failed, and so did nothing. true: it was prepared anew, and is another one now. */
static bool is_retyped(tn__run *run, tn__sql *sql, const tn_error *why)
{
    tn__conn *conn = run->on.conn;

    if (TN_LIKELY(!may_be_retyped(run, run->on.stmt, why)) || run->in_transaction ||
        tn__conn_state(conn) != TN_CONN_IDLE)
        return false;
    /* The arguments are bound anew in any case. The statement itself goes first: while it is there
     * a driver may give it again for the same text. */
    size_t n = run->on.stmt->info.n_params;
    tn_param *before = tn__arena_array(&conn->bind_arena, n, sizeof(*before));
    if (!before)
        return false;
    memcpy(before, run->on.stmt->info.params, n * sizeof(*before));
    bool anew = prepare_anew(run, sql, NULL) == TN_OK;
    run->known = false;
    return anew && !same_params(before, n, &run->on.stmt->info);
}

/* The text's statement is prepared anew when the server has lost it; within a transaction that has
 * failed by then it is only forgotten, so that a retry finds a good one. */
static tn_status execute(tn__run *run, tn__sql *sql, const tn_arglist *args, uint32_t flags,
                         tn_error *err)
{
    tn__conn *conn = run->on.conn;
    int attempts = run->in_transaction && !run->db->saved ? 1 : STALE_ATTEMPTS;
    tn_error why; /* large, and only filled on failure */

    why.status = TN_OK;
    for (;;) {
        tn_status status = bind(run, args, err);
        if (status != TN_OK)
            status = bind_anew(run, sql, args, status, err);
        if (status != TN_OK)
            return status;
        run->known = run->on.stmt->used_before;
        run->on.stmt->used_before = true;
        tn__watch_bound(&run->on.watch, &run->on.stmt->info, conn->params);
        status = conn->driver->cursor.execute(run->on.stmt->drv, conn->params,
                                              run->on.stmt->info.n_params, flags, run->deadline_ns,
                                              &run->on.cursor, &why);
        if (status == TN_OK)
            return TN_OK;
        if (status != TN_DRIVER_STALE && is_retyped(run, sql, &why))
            continue;
        if (status != TN_DRIVER_STALE || --attempts == 0)
            *err = why;
        if (status != TN_DRIVER_STALE)
            return status;
        if (attempts == 0) {
            tn__cache_drop(&conn->cache, run->on.stmt);
            err->retry = TN_RETRY_STATEMENT; /* nothing was run */
            return err->status != TN_OK ? err->status : TN_FAILED;
        }
        status = tn__guard_begin(run->db, run->deadline_ns, err);
        if (status == TN_OK)
            status = prepare_anew(run, sql, err);
        if (status != TN_OK)
            return status;
    }
}

/* Its text is told of when all else of the execution has gone. */
static tn__cached *hold_statement(tn__run *run)
{
    tn__cached *stmt = run->on.stmt;

    run->on.stmt = NULL;
    return stmt;
}

static void let_go(tn__run *run, tn__cached *stmt)
{
    if (stmt)
        tn__cache_release(&run->on.conn->cache, stmt);
}

/* After a failure: nothing of the execution remains on the connection, which is held on. */
static void clean_up(tn__run *run, tn_error *err)
{
    tn__conn *conn = run->on.conn;
    tn__cached *stmt = hold_statement(run);

    tn__run_judge_cause(run, err);
    tn__txn_note(run->db, err ? err->status : TN_FAILED);
    if (err && may_be_retyped(run, stmt, err))
        tn__cache_drop(&conn->cache, stmt); /* the next one with this text is prepared anew */
    tn__portal_close(&run->on);
    if (!conn->attached) {
        tn__conn_settle(conn, tn__db_grace_ms(run->db, run->deadline_ns), err);
        tn__host_end(&conn->host);
        tn__run_judge_outcome(run, stmt, err);
    }
    tn__watch_end(&run->on.watch, conn, err);
    let_go(run, stmt);
}

static void abandon(tn__run *run, tn_error *err)
{
    clean_up(run, err);
    give_connection(run);
    tn__db_leave(run->db);
}

static tn_status begin(tn__run *run, tn_db *db, const tn_call *call, const tn__sql *sql,
                       tn_error *err)
{
    *run = (tn__run){.batch = {.size = sizeof(run->batch)}};
    tn_status status = tn__db_check(db, err);
    if (status == TN_OK)
        status = tn__txn_check(db, err);
    if (status != TN_OK)
        return status;
    if (!sql->text)
        return tn_error_set(err, TN_MISUSE, NULL, "the statement is NULL");
    status = tn__db_enter(db, err);
    if (status != TN_OK)
        return status;
    run->deadline_ns = tn__db_deadline(db, call ? call->timeout_ms : 0);
    status = take_connection(run, db, err);
    if (status != TN_OK) {
        run->on.conn = db->kind == TN__DB_CLIENT ? NULL : run->on.conn;
        tn__db_leave(db);
        return status;
    }
    run->in_transaction = db->kind == TN__DB_TXN || (db->kind == TN__DB_SESSION &&
                                                     tn__conn_state(run->on.conn) != TN_CONN_IDLE);
    run->on.depth = db->depth;
    tn__host_begin(&run->on.conn->host);
    status = tn__guard_begin(db, run->deadline_ns, err);
    if (TN_LIKELY(status == TN_OK))
        return TN_OK;
    tn__host_end(&run->on.conn->host);
    tn__db_leave(db);
    return status;
}

/* The statement from the cache, if the caller's text stands where it stood before; else the text is
 * measured. Nothing was told of the statement yet. */
static tn_status recall(tn__run *run, tn__sql *sql, bool to_run, tn_error *err)
{
    if (TN_LIKELY(!to_run || !tn__traceparent_wanted()))
        run->on.stmt = tn__cache_recall(&run->on.conn->cache, sql->text);
    tn_status status = run->on.stmt ? TN_OK : tn__sql_measure(sql, err);
    if (status == TN_OK)
        return TN_OK;
    tn__host_end(&run->on.conn->host);
    give_connection(run);
    tn__db_leave(run->db);
    return status;
}

static tn_str text_of(const tn__run *run, const tn__sql *sql)
{
    return run->on.stmt ? tn__str(run->on.stmt->text, run->on.stmt->len)
                        : tn__str(sql->text, sql->len);
}

tn_status tn__run_start(tn__run *run, tn_db *db, const tn_call *call, const tn__sql *sql,
                        const tn_arglist *args, uint32_t flags, tn_error *err)
{
    tn_error local;

    /* Statuses and outcomes are decided on the error, so there is one also when nobody asked. */
    if (!err) {
        local.status = TN_OK;
        err = &local;
    }
    tn__sql text = *sql;
    tn_status status = begin(run, db, call, sql, err);
    if (status == TN_OK)
        status = recall(run, &text, true, err);
    if (TN_UNLIKELY(status != TN_OK)) {
        tn__txn_note(db, status);
        return status;
    }
    tn__watch_begin(&run->on.watch, &db->provider->observe, run->on.conn, text_of(run, &text));
    status = prepare(run, &text, true, err);
    if (status == TN_OK)
        status = execute(run, &text, args, flags, err);
    if (status != TN_OK) {
        abandon(run, err);
        return err->status;
    }
    run->on.watch.sql.ptr = run->on.stmt->text; /* the caller's ends with this call */
    tn__db_leave(db);
    return TN_OK;
}

tn_status tn__run_prepare(tn__run *run, tn_db *db, const tn__sql *sql, tn_error *err)
{
    tn__sql text = *sql;
    tn_status status = begin(run, db, NULL, sql, err);
    if (status == TN_OK)
        status = recall(run, &text, false, err);
    if (status != TN_OK) {
        tn__txn_note(db, status);
        return status;
    }
    status = prepare(run, &text, false, err);
    if (status != TN_OK) {
        tn__stats_error(&run->on.conn->stats, status);
        abandon(run, err);
        return status;
    }
    tn__db_leave(db);
    return TN_OK;
}

/* ---- fetch and end --------------------------------------------------------------------------- */

/* COMMIT as SQL text on a session: a server that rolls back instead calls that a success. */
static tn_status check_commit(const tn__run *run, tn_error *err)
{
    if (!run->batch.done || run->on.stmt->word != TN__STMT_COMMIT || !run->batch.tag ||
        strcmp(run->batch.tag, "ROLLBACK") != 0)
        return TN_OK;
    return tn_error_set(err, TN_ABORTED, "25P02",
                        "COMMIT was answered by ROLLBACK: the transaction had failed");
}

/* Rows that stand ready need no waiting, which is where the driver would notice. The first batch is
 * the answer itself and is taken: whether the statement was applied is in it. */
static tn_status fetch(tn__run *run, tn_error *err)
{
    tn__conn *conn = run->on.conn;

    if (run->on.watch.rows > 0) {
        int64_t now = tn__now_ns();
        tn__watch_resume(&run->on.watch, now);
        if (tn__host_cancelled(&conn->host))
            return tn_error_set(err, TN_CANCELLED, "57014", "cancelled on request");
        if (now >= run->deadline_ns)
            return tn_error_set(err, TN_TIMEOUT, "57014", "deadline passed");
    }
    tn_status status = conn->driver->cursor.fetch(run->on.cursor, run->deadline_ns, &run->batch,
                                                  err);
    return status == TN_OK ? check_commit(run, err) : status;
}

static void fetched(tn__run *run)
{
    tn__watch *watch = &run->on.watch;

    watch->rows += run->batch.rows;
    if (!run->batch.done) {
        tn__watch_pause(watch);
        return;
    }
    watch->affected = run->batch.affected;
    tn__watch_end(watch, run->on.conn, NULL);
}

/* What failed is told of, whether the caller wants to know or not. An error is large, so its place
 * is not on the stack of every call. */
SELDOM static tn_status fetch_for_nobody(tn__run *run)
{
    tn_error err;

    err.status = TN_OK;
    return tn__run_fetch(run, &err);
}

tn_status tn__run_fetch(tn__run *run, tn_error *err)
{
    if (!err)
        return fetch_for_nobody(run);
    tn_status status = tn__db_enter(run->db, err);
    if (status != TN_OK)
        return status;
    status = tn__provider_check(run->db->provider, err);
    if (status != TN_OK) {
        tn__db_leave(run->db);
        return status;
    }
    status = fetch(run, err);
    if (status == TN_OK)
        fetched(run);
    else
        clean_up(run, err);
    tn__db_leave(run->db);
    return status == TN_OK ? TN_OK : err->status;
}

/* In a transaction a statement that is cancelled takes the transaction with it, so the rows that
 * nobody wants are read to their end instead, for a while. */
static void drain(tn__run *run)
{
    if (run->on.conn->attached != &run->on || !run->in_transaction)
        return;
    int64_t limit = tn__deadline_after_ms(tn__now_ns(), TN__DRAIN_MS);
    tn__portal_drain(&run->on, tn__deadline_min(run->deadline_ns, limit));
}

/* Gives up what the execution occupies. */
static tn_status leave(tn__run *run, tn_error *err)
{
    tn__conn *conn = run->on.conn;

    drain(run);
    tn__portal_close(&run->on);
    if (TN_LIKELY(run->batch.done)) {
        if (!conn->attached)
            tn__host_end(&conn->host);
        return TN_OK;
    }
    /* Rows that were read into memory may end while others occupy the connection. */
    if (conn->attached)
        return TN_OK;
    bool cut = tn__conn_state(conn) == TN_CONN_BUSY;
    tn__conn_settle(conn, cut ? tn__db_grace_ms(run->db, run->deadline_ns) : 0, NULL);
    tn__host_end(&conn->host);
    if (!cut || !run->in_transaction || run->db->saved)
        return TN_OK;
    return tn__run_cut_off(err);
}

SELDOM static void end_cut_off(tn__run *run)
{
    tn_error err;

    (void)tn__run_cut_off(&err);
    tn__watch_end(&run->on.watch, run->on.conn, &err);
}

tn_status tn__run_finish(tn__run *run, tn_error *err)
{
    tn__watch *watch = &run->on.watch;

    if (!run->on.conn)
        return TN_OK;
    if (tn__provider_check(run->db->provider, NULL) != TN_OK) {
        tn__watch_drop(watch);
        return TN_OK;
    }
    tn__watch_resume(watch, 0);
    tn__cached *stmt = hold_statement(run);
    tn_status status = leave(run, err);
    if (status == TN_OK)
        tn__watch_end(watch, run->on.conn, NULL);
    else
        end_cut_off(run);
    let_go(run, stmt);
    return status;
}

tn_status tn__run_cut_off(tn_error *err)
{
    tn_error_set(err, TN_ABORTED, "25P02",
                 "rows that were not read to their end were still coming after %d ms and were cut "
                 "off, which failed the transaction",
                 TN__DRAIN_MS);
    tn_error_set_hint(err, "read them to their end, or ask for fewer (limit)");
    return TN_ABORTED;
}

void tn__run_give(tn__run *run)
{
    give_connection(run);
}

void tn__run_end(tn__run *run)
{
    (void)tn__run_finish(run, NULL);
    tn__run_give(run);
}
