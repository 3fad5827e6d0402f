/* SPDX-License-Identifier: MIT */
/*
 * Running statements. Closed cursors are kept by the connection for their memory, so that a warm
 * call allocates nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "sqlite/cursor.h"

#define PIECE       8192    /* bytes of texts taken at once when the cursor's own room is full */
#define MAX_SPARE   4       /* closed cursors that a connection keeps */
#define SPARE_BYTES 1048576 /* more memory than that is given back */

/* ---- life ----------------------------------------------------------------------------------- */

static LITE_SELDOM tn_driver_cursor *new_cursor(tn_driver_conn *conn)
{
    tn_driver_cursor *cursor = calloc(1, sizeof *cursor);

    if (!cursor)
        return NULL;
    cursor->conn = conn;
    tn__arena_init(&cursor->arena, SIZE_MAX / 2);
    cursor->room.arena = &cursor->arena;
    cursor->room.piece = PIECE;
    return cursor;
}

static inline tn_driver_cursor *take_cursor(tn_driver_conn *conn)
{
    tn_driver_cursor *cursor = conn->spare;

    if (!cursor)
        return new_cursor(conn);
    conn->spare = cursor->next;
    conn->n_spare--;
    return cursor;
}

static LITE_SELDOM void free_cursor(tn_driver_cursor *cursor)
{
    tn__arena_free(&cursor->arena);
    if (cursor->has_rest)
        tn__arena_free(&cursor->rest);
    free(cursor->values);
    free(cursor);
}

void lite_cursors_free(tn_driver_conn *conn)
{
    while (conn->spare) {
        tn_driver_cursor *cursor = conn->spare;
        conn->spare = cursor->next;
        free_cursor(cursor);
    }
}

void lite_cursor_orphan(tn_driver_cursor *cursor)
{
    cursor->stmt = NULL;
    cursor->step = SQLITE_MISUSE;
}

void lite_cursor_let_go(tn_driver_cursor *cursor)
{
    tn_driver_stmt *stmt = cursor->stmt;

    if (!stmt)
        return;
    if (stmt->stmt)
        (void)sqlite3_reset(stmt->stmt);
    stmt->cursor = NULL;
    cursor->stmt = NULL;
}

static LITE_SELDOM void forget_rest(tn_driver_cursor *cursor)
{
    tn__arena_free(&cursor->rest);
    cursor->has_rest = false;
    cursor->chunks = NULL;
}

void lite_cursor_close(tn_driver_cursor *cursor)
{
    tn_driver_conn *conn;

    if (!cursor)
        return;
    conn = cursor->conn;
    if (cursor->stmt)
        lite_cursor_let_go(cursor);
    if (TN_UNLIKELY(cursor->has_rest))
        forget_rest(cursor);
    if (TN_UNLIKELY(conn->n_spare == MAX_SPARE || cursor->arena.used > SPARE_BYTES)) {
        free_cursor(cursor);
        return;
    }
    cursor->next = conn->spare;
    conn->spare = cursor;
    conn->n_spare++;
}

/* ---- running -------------------------------------------------------------------------------- */

LITE_SELDOM tn_status lite_step_failed(tn_driver_cursor *cursor, tn_phase phase, tn_error *err)
{
    tn_driver_stmt *stmt = cursor->stmt;
    tn_driver_conn *conn = cursor->conn;
    tn_status status;

    if (!stmt) {
        status = kit_fail(conn->host, err, TN_MISUSE, phase, NULL,
                          "the statement of these rows was closed");
    } else {
        status = lite_error(conn, cursor->step,
                            &(lite_where){phase, &stmt->info, (tn_str){NULL, 0}}, err);
        lite_cursor_let_go(cursor);
    }
    lite_txn_fail(conn);
    return status;
}

/* A write on a snapshot finds the lock taken without having waited for it, since SQLite takes
 * waiting there for a deadlock: it is not one where the other ends without us. */
static LITE_SELDOM int step_again(tn_driver_stmt *stmt, int rc)
{
    tn_driver_conn *conn = stmt->conn;

    for (int attempt = 0; rc == SQLITE_BUSY; attempt++) {
        if (!conn->txn.real || conn->stopped != TN_WAIT_READY || conn->lock_timeout ||
            sqlite3_txn_state(conn->db, "main") != SQLITE_TXN_READ ||
            !lite_busy_wait(conn, attempt))
            return rc;
        (void)sqlite3_reset(stmt->stmt);
        rc = sqlite3_step(stmt->stmt);
    }
    return rc;
}

static inline int first_step(tn_driver_stmt *stmt)
{
    int rc = sqlite3_step(stmt->stmt);

    return TN_LIKELY(rc != SQLITE_BUSY) ? rc : step_again(stmt, rc);
}

static __attribute__((noinline)) void write_tag(tn_driver_cursor *cursor,
                                                const lite_statement *info, int64_t count)
{
    size_t n = strlen(info->tag);

    memcpy(cursor->tag, info->tag, n);
    if (info->counts) {
        cursor->tag[n++] = ' ';
        if (count >= 0 && count < 10)
            cursor->tag[n++] = (char)('0' + count);
        else
            n += tn__format_int64(count, cursor->tag + n);
    }
    cursor->tag[n] = '\0';
    cursor->tag_words = info->tag;
    cursor->tag_count = count;
}

void lite_cursor_finish(tn_driver_cursor *cursor)
{
    const lite_statement *info = &cursor->stmt->info;

    cursor->affected = -1;
    if (info->kind == LITE_KIND_SELECT)
        cursor->affected = cursor->rows;
    else if (info->counts)
        cursor->affected = sqlite3_changes64(cursor->conn->db);
    /* The same statement again mostly, with the same count. */
    if (cursor->tag_words != info->tag || cursor->tag_count != cursor->affected)
        write_tag(cursor, info, cursor->affected);
    lite_cursor_let_go(cursor);
}

static LITE_SELDOM tn_status stale(tn_driver_cursor *cursor, tn_error *err)
{
    tn_driver_conn *conn = cursor->conn;

    (void)lite_fail(conn, TN_PHASE_EXECUTE, "0A000", err,
                    "cached plan must not change result type");
    lite_cursor_close(cursor);
    return TN_DRIVER_STALE;
}

/* A statement that writes and gives rows cannot be taken back once it has run: whether its columns
 * are still the same is asked before. TN_DRIVER_STALE: they may not be. */
static tn_status check_schema(tn_driver_stmt *stmt, tn_error *err)
{
    lite_txn *txn = &stmt->conn->txn;

    if (!txn->schema_known) {
        int rc = lite_fixed_run(stmt->conn, LITE_SCHEMA_VERSION, &txn->schema_version);
        if (rc != SQLITE_OK)
            return lite_error(stmt->conn, rc, &(lite_where){.phase = TN_PHASE_EXECUTE}, err);
        txn->schema_known = txn->real;
    }
    return txn->schema_version == stmt->schema_version ? TN_OK : TN_DRIVER_STALE;
}

/* What the first statements of a transaction need before they run, and those whose rows come of a
 * write. */
static __attribute__((noinline)) tn_status prepare_ground(tn_driver_stmt *stmt, tn_error *err)
{
    tn_status status = lite_txn_enter(stmt->conn, stmt, err);

    if (status == TN_OK && stmt->rows_of_write)
        status = check_schema(stmt, err);
    return status;
}

/* Everything before the first step. */
static inline tn_status get_ready(tn_driver_stmt *stmt, const tn_value *params, size_t n_params,
                                  tn_error *err)
{
    lite_txn *txn = &stmt->conn->txn;

    if (txn->state == LITE_TXN_NONE)
        stmt->conn->now_set = false;
    if ((txn->state != LITE_TXN_NONE &&
         !(txn->state == LITE_TXN_OPEN && txn->real && !txn->read_only)) ||
        stmt->rows_of_write) {
        tn_status status = prepare_ground(stmt, err);
        if (status != TN_OK)
            return status;
    }
    return lite_bind(stmt, params, n_params, err);
}

static LITE_SELDOM tn_status not_ready(tn_driver_cursor *cursor, tn_status status, tn_error *err)
{
    if (status == TN_DRIVER_STALE)
        return stale(cursor, err);
    lite_cursor_let_go(cursor);
    lite_txn_fail(cursor->conn);
    return status;
}

/* It has run, but its columns are no longer those that were described. */
static LITE_SELDOM tn_status changed(tn_driver_cursor *cursor, tn_error *err)
{
    tn_driver_conn *conn = cursor->conn;

    if (!cursor->stmt->writes)
        return stale(cursor, err);
    lite_cursor_let_go(cursor); /* the schema changed between check_schema() and the step */
    lite_txn_fail(conn);
    return lite_fail(conn, TN_PHASE_EXECUTE, "0A000", err,
                     "the table was changed while the statement ran: its rows cannot be read");
}

static LITE_SELDOM void leave_marks(const tn_driver_stmt *stmt)
{
    tn_driver_conn *conn = stmt->conn;

    conn->temporary |= stmt->info.temporary;
    conn->altered |= stmt->info.sets || stmt->info.kind == LITE_KIND_ATTACH;
    conn->txn.schema_known = false;
}

static inline tn_status run(tn_driver_cursor *cursor, const tn_value *params, size_t n_params,
                            tn_error *err)
{
    tn_driver_stmt *stmt = cursor->stmt;
    tn_status status = get_ready(stmt, params, n_params, err);

    if (TN_UNLIKELY(status != TN_OK))
        return not_ready(cursor, status, err);
    if (TN_UNLIKELY(stmt->marks))
        leave_marks(stmt);
    cursor->step = first_step(stmt);
    if (TN_UNLIKELY(cursor->step != SQLITE_ROW && cursor->step != SQLITE_DONE))
        return lite_step_failed(cursor, TN_PHASE_EXECUTE, err);
    if (stmt->n_columns > 0 && TN_UNLIKELY(!lite_stmt_same_columns(stmt)))
        return changed(cursor, err);
    if (cursor->step == SQLITE_DONE)
        lite_cursor_finish(cursor);
    return TN_OK;
}

static LITE_SELDOM tn_status run_command(tn_driver_cursor *cursor, tn_error *err)
{
    const char *tag = "";
    tn_status status = TN_OK;

    cursor->step = SQLITE_DONE;
    cursor->affected = -1;
    if (cursor->stmt->info.kind == LITE_KIND_TRANSACTION)
        status = lite_command_run(cursor->stmt, &tag, err);
    tn__copy_text(cursor->tag, sizeof cursor->tag, kit_str(tag));
    cursor->tag_words = NULL;
    lite_cursor_let_go(cursor);
    return status;
}

static LITE_SELDOM tn_status still_read(tn_driver_conn *conn, tn_error *err)
{
    return kit_fail(conn->host, err, TN_MISUSE, TN_PHASE_EXECUTE, NULL,
                    "the statement is still being read");
}

tn_status lite_cursor_execute(tn_driver_stmt *stmt, const tn_value *params, size_t n_params,
                              uint32_t flags, int64_t deadline_ns, tn_driver_cursor **ret,
                              tn_error *err)
{
    tn_driver_conn *conn = stmt->conn;
    tn_driver_cursor *cursor;
    tn_status status;

    (void)flags; /* rows always come as they are read */
    lite_arm(conn, deadline_ns);
    if (TN_UNLIKELY(stmt->cursor != NULL))
        return still_read(conn, err);
    cursor = take_cursor(conn);
    if (TN_UNLIKELY(!cursor))
        return kit_nomem(conn->host, err, TN_PHASE_EXECUTE);
    cursor->stmt = stmt;
    cursor->n_columns = stmt->n_columns;
    cursor->batch = LITE_FIRST_BATCH;
    cursor->rows = 0;
    cursor->detached = false;
    stmt->cursor = cursor;
    status = TN_LIKELY(stmt->stmt != NULL) ? run(cursor, params, n_params, err)
                                           : run_command(cursor, err);
    if (TN_LIKELY(status == TN_OK))
        *ret = cursor;
    else if (status != TN_DRIVER_STALE)
        lite_cursor_close(cursor);
    return status;
}
