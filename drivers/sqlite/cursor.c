/* SPDX-License-Identifier: MIT */
/*
 * Running statements and reading rows. Texts of a batch are copied into an arena that is used
 * again, so that rows stay valid while SQLite moves on; closed cursors are kept by the connection
 * for their memory, so that a warm call allocates nothing.
 */
#include "sqlite/lite.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"

#define FIRST_BATCH  16      /* rows of the first batch: many answers are short */
#define BATCH        64      /* rows of the others */
#define BATCH_VALUES 4096    /* most values of a batch (one row at least) */
#define BATCH_BYTES  65536   /* texts of a batch, about */
#define MAX_SPARE    4       /* closed cursors that a connection keeps */
#define SPARE_BYTES  1048576 /* more memory than that is given back */

/* Rows that detach() read. */
typedef struct chunk {
    struct chunk *next;
    tn_value *values;
    uint32_t rows;
} chunk;

struct tn_driver_cursor {
    tn_driver_conn *conn;
    tn_driver_stmt *stmt;   /* NULL: nothing is running for it any more */
    tn_driver_cursor *next; /* in the connection's list of spare ones */
    tn_value *values;
    size_t cap_values;
    tn__arena arena;
    uint32_t n_columns;
    uint32_t batch; /* rows of the next batch */
    int step;       /* what sqlite3_step() said last */
    int64_t rows;
    int64_t affected;
    bool detached;
    bool has_rest; /* the arena of detached rows was used */
    tn__arena rest;
    chunk *chunks;
    char tag[48];
};

/* ---- life ----------------------------------------------------------------------------------- */

static tn_driver_cursor *take_cursor(tn_driver_conn *conn)
{
    tn_driver_cursor *cursor = conn->spare;

    if (cursor) {
        conn->spare = cursor->next;
        conn->n_spare--;
        return cursor;
    }
    cursor = calloc(1, sizeof *cursor);
    if (!cursor)
        return NULL;
    cursor->conn = conn;
    tn__arena_init(&cursor->arena, SIZE_MAX / 2);
    return cursor;
}

static void free_cursor(tn_driver_cursor *cursor)
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

/* The statement is over: its locks go, its parameters need not live any more. */
static void let_go(tn_driver_cursor *cursor)
{
    tn_driver_stmt *stmt = cursor->stmt;

    if (!stmt)
        return;
    if (stmt->stmt)
        (void)sqlite3_reset(stmt->stmt);
    stmt->cursor = NULL;
    cursor->stmt = NULL;
}

void lite_cursor_close(tn_driver_cursor *cursor)
{
    tn_driver_conn *conn;

    if (!cursor)
        return;
    conn = cursor->conn;
    let_go(cursor);
    if (cursor->has_rest) {
        tn__arena_free(&cursor->rest);
        cursor->has_rest = false;
    }
    cursor->chunks = NULL;
    if (conn->n_spare == MAX_SPARE || cursor->arena.used > SPARE_BYTES) {
        free_cursor(cursor);
        return;
    }
    tn__arena_reset(&cursor->arena);
    cursor->next = conn->spare;
    conn->spare = cursor;
    conn->n_spare++;
}

/* ---- running -------------------------------------------------------------------------------- */

static tn_status step_failed(tn_driver_cursor *cursor, tn_phase phase, tn_error *err)
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
        let_go(cursor);
    }
    lite_txn_fail(conn);
    return status;
}

/* The first step. A write on a snapshot finds the lock taken without having waited for it, since
 * SQLite takes waiting there for a deadlock: it is not one where the other ends without us. */
static int first_step(tn_driver_stmt *stmt)
{
    tn_driver_conn *conn = stmt->conn;

    for (int attempt = 0;; attempt++) {
        int rc = sqlite3_step(stmt->stmt);
        if (rc != SQLITE_BUSY || !conn->txn.real || conn->stopped != TN_WAIT_READY ||
            conn->lock_timeout || sqlite3_txn_state(conn->db, "main") != SQLITE_TXN_READ ||
            !lite_busy_wait(conn, attempt))
            return rc;
        (void)sqlite3_reset(stmt->stmt);
    }
}

static void write_tag(tn_driver_cursor *cursor, const lite_statement *info, int64_t count)
{
    size_t n = strlen(info->tag);

    memcpy(cursor->tag, info->tag, n);
    if (info->counts) {
        cursor->tag[n++] = ' ';
        n += tn__format_int64(count, cursor->tag + n);
    }
    cursor->tag[n] = '\0';
}

/* SQLITE_DONE: what is to be told at the end. */
static void finish(tn_driver_cursor *cursor)
{
    const lite_statement *info = &cursor->stmt->info;

    cursor->affected = -1;
    if (info->kind == LITE_KIND_SELECT)
        cursor->affected = cursor->rows;
    else if (info->counts)
        cursor->affected = sqlite3_changes64(cursor->conn->db);
    write_tag(cursor, info, cursor->affected);
    let_go(cursor);
}

static tn_status stale(tn_driver_cursor *cursor, tn_error *err)
{
    tn_driver_conn *conn = cursor->conn;

    (void)lite_fail(conn, TN_PHASE_EXECUTE, "0A000", err,
                    "cached plan must not change result type");
    lite_cursor_close(cursor);
    return TN_DRIVER_STALE;
}

/* A statement that writes and gives rows cannot be taken back once it has run: whether its columns
 * are still the same is asked before. */
static tn_status check_schema(tn_driver_stmt *stmt, bool *ret_same, tn_error *err)
{
    int64_t version = stmt->schema_version;
    int rc = lite_fixed_run(stmt->conn, LITE_SCHEMA_VERSION, &version);

    if (rc != SQLITE_OK)
        return lite_error(stmt->conn, rc, &(lite_where){.phase = TN_PHASE_EXECUTE}, err);
    *ret_same = version == stmt->schema_version;
    return TN_OK;
}

/* Everything before the first step. */
static tn_status get_ready(tn_driver_stmt *stmt, const tn_value *params, size_t n_params,
                           bool *ret_same, tn_error *err)
{
    tn_status status = lite_txn_enter(stmt->conn, stmt, err);

    *ret_same = true;
    if (status == TN_OK && stmt->writes && stmt->n_columns > 0)
        status = check_schema(stmt, ret_same, err);
    if (status == TN_OK && *ret_same)
        status = lite_bind(stmt, params, n_params, err);
    return status;
}

static tn_status run(tn_driver_cursor *cursor, const tn_value *params, size_t n_params,
                     tn_error *err)
{
    tn_driver_stmt *stmt = cursor->stmt;
    tn_driver_conn *conn = cursor->conn;
    bool same;
    tn_status status = get_ready(stmt, params, n_params, &same, err);

    if (status != TN_OK) {
        let_go(cursor);
        lite_txn_fail(conn);
        return status;
    }
    if (!same)
        return stale(cursor, err);
    conn->temporary |= stmt->info.temporary;
    conn->altered |= stmt->info.sets || stmt->info.kind == LITE_KIND_ATTACH;
    cursor->step = first_step(stmt);
    if (cursor->step == SQLITE_DONE) {
        if (stmt->n_columns == 0 || lite_stmt_same_columns(stmt)) {
            finish(cursor);
            return TN_OK;
        }
    } else if (cursor->step != SQLITE_ROW) {
        return step_failed(cursor, TN_PHASE_EXECUTE, err);
    } else if (lite_stmt_same_columns(stmt)) {
        return TN_OK;
    }
    if (!stmt->writes)
        return stale(cursor, err);
    let_go(cursor); /* the schema changed between check_schema() and the step */
    lite_txn_fail(conn);
    return lite_fail(conn, TN_PHASE_EXECUTE, "0A000", err,
                     "the table was changed while the statement ran: its rows cannot be read");
}

static tn_status run_command(tn_driver_cursor *cursor, tn_error *err)
{
    const char *tag = "";
    tn_status status = TN_OK;

    cursor->step = SQLITE_DONE;
    cursor->affected = -1;
    if (cursor->stmt->info.kind == LITE_KIND_TRANSACTION)
        status = lite_command_run(cursor->stmt, &tag, err);
    tn__copy_text(cursor->tag, sizeof cursor->tag, kit_str(tag));
    let_go(cursor);
    return status;
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
    if (stmt->cursor)
        return kit_fail(conn->host, err, TN_MISUSE, TN_PHASE_EXECUTE, NULL,
                        "the statement is still being read");
    cursor = take_cursor(conn);
    if (!cursor)
        return kit_nomem(conn->host, err, TN_PHASE_EXECUTE);
    cursor->stmt = stmt;
    cursor->n_columns = stmt->n_columns;
    cursor->batch = FIRST_BATCH;
    cursor->rows = 0;
    cursor->detached = false;
    stmt->cursor = cursor;
    status = stmt->stmt ? run(cursor, params, n_params, err) : run_command(cursor, err);
    if (status == TN_OK)
        *ret = cursor;
    else if (status != TN_DRIVER_STALE)
        lite_cursor_close(cursor);
    return status;
}

/* ---- reading -------------------------------------------------------------------------------- */

/* Room for the values of so many rows. */
static bool reserve(tn_driver_cursor *cursor, size_t rows)
{
    size_t values = rows * cursor->n_columns; /* at most BATCH_VALUES, or one row's columns */
    tn_value *grown;

    if (values <= cursor->cap_values)
        return true;
    grown = realloc(cursor->values, values * sizeof *grown);
    if (!grown)
        return false;
    cursor->values = grown;
    cursor->cap_values = values;
    return true;
}

static tn_status value_failed(tn_driver_cursor *cursor, uint32_t column, const char *sqlstate,
                              tn_error *err)
{
    tn_driver_stmt *stmt = cursor->stmt;
    tn_driver_conn *conn = cursor->conn;
    static const char *const words[] = {"", "an integer", "a real", "a text", "a blob", "NULL"};
    const char *type = stmt->types[column].sql;
    int storage = sqlite3_column_type(stmt->stmt, (int)column);
    char text[320];
    tn_diagnostic diagnostic = {
        .size = sizeof diagnostic,
        .phase = TN_PHASE_FETCH,
        .sqlstate = kit_str(sqlstate),
        .table = kit_str(stmt->columns[column].table),
        .column = kit_str(stmt->columns[column].name),
        .datatype = kit_str(type),
    };
    tn_status status;

    if (strcmp(sqlstate, "53200") == 0) {
        status = kit_nomem(conn->host, err, TN_PHASE_FETCH);
    } else {
        (void)snprintf(text, sizeof text, "column \"%.80s\": the stored value%s%.80s %s type %s%s",
                       stmt->columns[column].name, storage == SQLITE_BLOB ? "" : " ",
                       storage == SQLITE_BLOB
                           ? ""
                           : (const char *)sqlite3_column_text(stmt->stmt, (int)column),
                       strcmp(sqlstate, "22003") == 0 ? "is out of range for" : "is not a value of",
                       type, stmt->types[column].type == TN_TYPE_ARRAY ? "[]" : "");
        diagnostic.message = kit_str(text);
        diagnostic.detail = kit_str(words[storage <= 5 ? storage : 0]);
        if (stmt->types[column].type == TN_TYPE_INT32 && strcmp(sqlstate, "22003") == 0)
            diagnostic.hint = TN__STR("an integer has 32 bits; declare the column bigint");
        status = conn->host->fail(err, &diagnostic);
    }
    let_go(cursor);
    cursor->step = SQLITE_MISUSE;
    lite_txn_fail(conn);
    return status;
}

/* The common cases of lite_value_read(), without a call: a value that is stored as its column's
 * type says. false: anything else. */
static inline bool read_plain(sqlite3_value *stored, const lite_type *type, tn__arena *arena,
                              tn_value *ret)
{
    const void *text;
    int64_t number;
    char *copy;

    switch (sqlite3_value_type(stored)) {
    case SQLITE_INTEGER:
        number = sqlite3_value_int64(stored);
        if (type->type == TN_TYPE_INT64 || type->type == TN_TYPE_NULL)
            *ret = (tn_value){.as.i = number, .type = TN_TYPE_INT64};
        else if (type->type == TN_TYPE_INT32 && number == (int32_t)number)
            *ret = (tn_value){.as.i = number, .type = TN_TYPE_INT32};
        else
            return false;
        return true;
    case SQLITE_FLOAT:
        if (type->type != TN_TYPE_FLOAT8 && type->type != TN_TYPE_NULL)
            return false;
        *ret = (tn_value){.as.f = sqlite3_value_double(stored), .type = TN_TYPE_FLOAT8};
        return true;
    case SQLITE_TEXT:
        if (type->type != TN_TYPE_TEXT && type->type != TN_TYPE_NULL)
            return false;
        text = sqlite3_value_text(stored);
        *ret = (tn_value){.len = (uint32_t)sqlite3_value_bytes(stored), .type = TN_TYPE_TEXT};
        copy = text ? tn__arena_copy(arena, text, ret->len) : NULL;
        ret->as.ptr = copy;
        return copy != NULL;
    default: return false;
    }
}

/* The row that stands, into out; the column that failed and why. */
static const char *read_row(tn_driver_cursor *cursor, tn_value *out, tn__arena *arena,
                            uint32_t *ret_column)
{
    sqlite3_stmt *stmt = cursor->stmt->stmt;
    const lite_type *type = cursor->stmt->types;
    uint32_t n = cursor->n_columns;

    for (uint32_t i = 0; i < n; i++, type++, out++) {
        sqlite3_value *stored = sqlite3_column_value(stmt, (int)i);
        const char *wrong;
        if (TN_LIKELY(read_plain(stored, type, arena, out)))
            continue;
        wrong = lite_value_read(cursor->conn, stored, type, arena, out);
        if (wrong) {
            *ret_column = i;
            return wrong;
        }
    }
    return NULL;
}

/* Fills the batch. A failure behind some rows is reported by the next fetch: they come first. */
static tn_status read_batch(tn_driver_cursor *cursor, uint32_t *ret_rows, tn_error *err)
{
    uint32_t most = cursor->batch, rows = 0, column = 0;
    const char *wrong = NULL;

    if (cursor->n_columns && most > BATCH_VALUES / cursor->n_columns)
        most = BATCH_VALUES / cursor->n_columns;
    most = most ? most : 1;
    if (!reserve(cursor, most)) {
        let_go(cursor);
        lite_txn_fail(cursor->conn);
        return kit_nomem(cursor->conn->host, err, TN_PHASE_FETCH);
    }
    while (cursor->step == SQLITE_ROW && rows < most && cursor->arena.used < BATCH_BYTES) {
        wrong = read_row(cursor, cursor->values + (size_t)rows * cursor->n_columns, &cursor->arena,
                         &column);
        if (wrong)
            break;
        rows++;
        cursor->step = sqlite3_step(cursor->stmt->stmt);
    }
    if (wrong && rows == 0)
        return value_failed(cursor, column, wrong, err);
    cursor->batch = BATCH;
    cursor->rows += rows;
    if (cursor->step == SQLITE_DONE)
        finish(cursor);
    *ret_rows = rows;
    return TN_OK;
}

static void give(const tn_driver_cursor *cursor, const tn_value *values, uint32_t rows, bool done,
                 tn_batch *ret)
{
    ret->values = values;
    ret->rows = rows;
    ret->done = done;
    ret->affected = done ? cursor->affected : -1;
    ret->tag = done ? cursor->tag : "";
}

static tn_status fetch_detached(tn_driver_cursor *cursor, tn_batch *ret)
{
    chunk *first = cursor->chunks;

    if (first)
        cursor->chunks = first->next;
    give(cursor, first ? first->values : NULL, first ? first->rows : 0, !cursor->chunks, ret);
    return TN_OK;
}

tn_status lite_cursor_fetch(tn_driver_cursor *cursor, int64_t deadline_ns, tn_batch *ret,
                            tn_error *err)
{
    uint32_t rows = 0;
    tn_status status;

    if (cursor->detached)
        return fetch_detached(cursor, ret);
    if (cursor->step == SQLITE_ROW) {
        lite_arm(cursor->conn, deadline_ns);
        tn__arena_reset(&cursor->arena);
        status = read_batch(cursor, &rows, err);
        if (status != TN_OK)
            return status;
    }
    if (cursor->step != SQLITE_ROW && cursor->step != SQLITE_DONE && rows == 0)
        return step_failed(cursor, TN_PHASE_FETCH, err);
    give(cursor, cursor->values, rows, cursor->step == SQLITE_DONE, ret);
    return TN_OK;
}

/* ---- detaching ------------------------------------------------------------------------------ */

static chunk *add_chunk(tn_driver_cursor *cursor, chunk *last, size_t rows)
{
    chunk *added = tn__arena_alloc(&cursor->rest, sizeof *added);
    tn_value *values = tn__arena_array(&cursor->rest, rows * cursor->n_columns, sizeof *values);

    if (!added || !values)
        return NULL;
    *added = (chunk){.values = values};
    if (last)
        last->next = added;
    else
        cursor->chunks = added;
    return added;
}

static tn_status too_much(tn_driver_cursor *cursor, size_t limit, tn_error *err)
{
    tn_driver_conn *conn = cursor->conn;

    let_go(cursor);
    cursor->step = SQLITE_TOOBIG;
    lite_txn_fail(conn);
    return kit_fail(conn->host, err, TN_LIMIT, TN_PHASE_FETCH, "54000",
                    "more than %zu bytes of rows would have to be kept in memory; read them to the "
                    "end before running another statement",
                    limit);
}

tn_status lite_cursor_detach(tn_driver_cursor *cursor, size_t limit, int64_t deadline_ns,
                             tn_error *err)
{
    chunk *last = NULL;
    uint32_t column = 0;
    size_t most = cursor->n_columns ? BATCH_VALUES / cursor->n_columns : 1;

    if (cursor->detached || !cursor->stmt)
        return TN_OK;
    lite_arm(cursor->conn, deadline_ns);
    most = most > BATCH ? BATCH : most ? most : 1;
    tn__arena_init(&cursor->rest, limit);
    cursor->has_rest = true;
    while (cursor->step == SQLITE_ROW) {
        const char *wrong;
        if (!last || last->rows == most) {
            last = add_chunk(cursor, last, most);
            if (!last)
                return too_much(cursor, limit, err);
        }
        wrong = read_row(cursor, last->values + (size_t)last->rows * cursor->n_columns,
                         &cursor->rest, &column);
        if (wrong && strcmp(wrong, "53200") == 0)
            return too_much(cursor, limit, err);
        if (wrong)
            return value_failed(cursor, column, wrong, err);
        last->rows++;
        cursor->rows++;
        cursor->step = sqlite3_step(cursor->stmt->stmt);
    }
    if (cursor->step != SQLITE_DONE)
        return step_failed(cursor, TN_PHASE_FETCH, err);
    finish(cursor);
    cursor->detached = true;
    return TN_OK;
}
