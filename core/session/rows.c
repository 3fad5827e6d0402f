/* SPDX-License-Identifier: MIT */
/*
 * Rows are the sticky consumer of a run. Each connection keeps one rows object for the next query,
 * so that a loop of queries allocates none.
 */
#include "session/rows.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "session/scan.h"

enum { SCRATCH_MAX = 1 << 24 };

static tn__rows no_memory = {
    .status = TN_NOMEM,
    .borrowed_static = true,
    .affected = -1,
    .err = {.status = TN_NOMEM, .sqlstate = "53200", .message = "out of memory"},
};

static tn__rows *inner(const tn_rows *rows)
{
    return (tn__rows *)(uintptr_t)rows;
}

static tn__rows *new_rows(void)
{
    tn__rows *rows = malloc(sizeof(*rows));

    if (!rows)
        return &no_memory;
    tn__arena_init(&rows->scratch, SCRATCH_MAX);
    return rows;
}

/* All but the error and the scratch memory, which are large and only read when something is there.
 */
static void clean(tn__rows *rows)
{
    rows->head = (tn_rows){0};
    rows->run = (tn__run){0};
    rows->status = TN_OK;
    rows->borrowed_static = false;
    rows->columns = NULL;
    rows->affected = -1;
    rows->tag[0] = '\0';
    rows->missing[0] = '\0';
    rows->kept = NULL;
    rows->owner = NULL;
    rows->closed = NULL;
}

/* ---- errors ---------------------------------------------------------------------------------- */

/* The first error counts; it ends the loop. */
static tn_status stick(tn__rows *rows, tn_status status)
{
    rows->status = status;
    rows->head.left = 0;
    rows->head.row = NULL;
    return status;
}

static tn_status stick_misuse(tn__rows *rows, const char *sqlstate, const char *what)
{
    if (rows->status != TN_OK)
        return rows->status;
    return stick(rows, tn_error_set(&rows->err, TN_MISUSE, sqlstate, "%s", what));
}

/* ---- open, next, close ----------------------------------------------------------------------- */

tn_rows *tn__rows_failed(const tn_error *err)
{
    tn__rows *rows = new_rows();

    if (rows == &no_memory)
        return &no_memory.head;
    clean(rows);
    rows->err = *err;
    rows->run.on.done = true;
    stick(rows, err->status);
    return &rows->head;
}

tn__rows *tn__rows_in_memory(tn__rows **spare, tn_rows **ret)
{
    tn__rows *rows = *spare ? *spare : new_rows();

    *spare = NULL;
    *ret = &rows->head;
    if (rows == &no_memory)
        return NULL;
    clean(rows);
    rows->run.on.done = true;
    return rows;
}

/* The next block of rows that are in memory. */
static bool next_kept(tn__rows *rows)
{
    const tn__kept *block = rows->kept;

    rows->kept = block->next;
    rows->head.row = block->values;
    rows->head.left = block->rows - 1;
    return true;
}

tn_rows *tn__rows_open(tn_db *db, const tn_call *call, const tn__sql *sql, const tn_arglist *args)
{
    uint32_t flags = call && call->fetch == TN_FETCH_BUFFER ? 0 : TN_EXECUTE_STREAM;
    tn__run run;
    tn_error err;

    err.status = TN_OK; /* the rest of it counts only on failure, and is large */
    if (tn__run_start(&run, db, call, sql, args, flags, &err) != TN_OK)
        return tn__rows_failed(&err);
    tn__rows *rows = run.on.conn->spare;
    run.on.conn->spare = NULL;
    if (!rows)
        rows = new_rows();
    if (rows == &no_memory) {
        tn__run_end(&run);
        return &no_memory.head;
    }
    clean(rows);
    rows->run = run;
    rows->columns = run.on.stmt->info.columns;
    rows->head.columns = (uint32_t)run.on.stmt->info.n_columns;
    rows->run.on.err = &rows->err;
    rows->run.on.head = &rows->head;
    tn__portal_enlist(&rows->run.on);
    return &rows->head;
}

static void finished(tn__rows *rows)
{
    const tn_batch *batch = &rows->run.batch;

    rows->affected = batch->affected;
    tn__copy_text(rows->tag, sizeof(rows->tag), tn_str_from(batch->tag));
    tn__portal_done(&rows->run.on);
}

/* What happened to them between two calls: the connection was taken away, or another statement
 * needed it and the rest could not be kept. */
static void notice_fate(tn__rows *rows)
{
    const tn__portal *portal = &rows->run.on;

    if (portal->broken != TN_OK && rows->status == TN_OK)
        stick(rows, portal->broken);
    if (!portal->orphaned)
        return;
    rows->head.columns = 0;
    rows->columns = NULL;
    if (!portal->done || portal->cut)
        stick_misuse(rows, "24000",
                     "the rows were still open when their transaction or session ended");
}

bool tn__rows_more(tn_rows *head)
{
    tn__rows *rows = inner(head);

    head->row = NULL;
    head->left = 0;
    if (rows->borrowed_static)
        return false;
    notice_fate(rows);
    if (rows->kept && rows->status == TN_OK)
        return next_kept(rows);
    if (rows->status != TN_OK || rows->run.on.done)
        return false;
    tn_status status = tn__run_fetch(&rows->run, &rows->err);
    if (status != TN_OK) {
        rows->run.on.done = true;
        head->columns = 0;
        rows->columns = NULL;
        stick(rows, status);
        return false;
    }
    if (rows->run.batch.done)
        finished(rows);
    if (rows->run.batch.rows == 0)
        return false;
    head->row = rows->run.batch.values;
    head->left = rows->run.batch.rows - 1;
    return true;
}

static void recycle(tn__rows *rows, tn__conn *conn)
{
    tn__arena_free(&rows->scratch);
    if (!conn || conn->spare) {
        free(rows);
        return;
    }
    tn__arena_init(&rows->scratch, SCRATCH_MAX);
    conn->spare = rows;
}

tn_status tn_close(tn_rows *head, tn_error *err)
{
    if (!head)
        return TN_OK;
    tn__rows *rows = inner(head);
    if (!rows->borrowed_static)
        notice_fate(rows);
    tn_status status = rows->status;
    if (status != TN_OK && err)
        *err = rows->err;
    if (rows->borrowed_static)
        return status;
    if (rows->closed) {
        rows->closed(rows);
        return status;
    }
    tn__conn *conn = rows->run.on.conn;
    tn_error cut;
    tn_status end = tn__run_finish(&rows->run, &cut);
    if (status == TN_OK && end != TN_OK) {
        status = end;
        if (err)
            *err = cut;
    }
    tn__run run = rows->run;
    recycle(rows, conn);
    tn__run_give(&run);
    return status;
}

/* ---- what is known of them ------------------------------------------------------------------- */

tn_status tn_rows_status(const tn_rows *rows)
{
    return inner(rows)->status;
}

const tn_column *tn_rows_column(const tn_rows *rows, size_t index)
{
    return index < rows->columns ? &inner(rows)->columns[index] : NULL;
}

int64_t tn_rows_affected(const tn_rows *rows)
{
    return inner(rows)->affected;
}

const char *tn_rows_tag(const tn_rows *rows)
{
    return inner(rows)->tag;
}

int tn_col(tn_rows *head, const char *name)
{
    tn__rows *rows = inner(head);

    for (uint32_t i = 0; i < head->columns; i++)
        if (name && strcmp(rows->columns[i].name, name) == 0)
            return (int)i;
    if (!rows->borrowed_static)
        tn__copy_text(rows->missing, sizeof(rows->missing), tn_str_from(name));
    return -1;
}

/* Looking for a name is no error, reading the column that was not found is. */
static tn_status no_such_column(tn__rows *rows, int index)
{
    char known[256] = "";
    size_t used = 0;

    if (index >= 0)
        return stick(rows, tn_error_set(&rows->err, TN_DATA, "42703",
                                        "column index %d is not within 0 to %d", index,
                                        (int)rows->head.columns - 1));
    for (uint32_t i = 0; i < rows->head.columns && used < sizeof(known); i++)
        used += (size_t)snprintf(known + used, sizeof(known) - used, "%s%s", i ? ", " : "",
                                 rows->columns[i].name);
    tn_error_set(&rows->err, TN_DATA, "42703", "no column is named \"%s\"; there is: %s",
                 rows->missing, known);
    rows->err.phase = TN_PHASE_SCAN;
    return stick(rows, TN_DATA);
}

/* ---- reading --------------------------------------------------------------------------------- */

/* The statement went well, or goes on, whatever is made of its answer. */
static tn_status stick_reading(tn__rows *rows, tn_status status)
{
    const tn__run *run = &rows->run;

    if (run->on.stmt && !(run->on.stmt->info.flags & TN_STMT_READ_ONLY))
        rows->err.outcome = run->db->kind == TN__DB_TXN ? TN_OUTCOME_NONE
                            : run->on.done              ? TN_OUTCOME_APPLIED
                                                        : TN_OUTCOME_IN_DOUBT;
    return stick(rows, status);
}

static tn__scan_place place_of(const tn__rows *rows, size_t index)
{
    return (tn__scan_place){.name = rows->columns ? rows->columns[index].name : NULL,
                            .index = index};
}

/* Most columns are read into the very C type that they are of: no conversion, no place to name. */
static inline bool store_same(const tn_value *value, const tn_target *target)
{
    if (value->type != target->kind)
        return false;
    switch (target->kind) {
    case TN_TYPE_INT64: memcpy(target->value, &value->as.i, sizeof(int64_t)); break;
    case TN_TYPE_INT32: *(int32_t *)target->value = (int32_t)value->as.i; break;
    case TN_TYPE_FLOAT8: *(double *)target->value = value->as.f; break;
    case TN_TYPE_TEXT: *(tn_str *)target->value = (tn_str){value->as.ptr, value->len}; break;
    case TN_TYPE_TIMESTAMPTZ: ((tn_time *)target->value)->us = value->as.i; break;
    case TN_TYPE_UUID: *(tn_uuid *)target->value = *value->as.uuid; break;
    default: return false;
    }
    if (target->has)
        *target->has = true;
    return true;
}

static tn_status read_one(tn__rows *rows, size_t index, const tn_target *target)
{
    tn__scanned scanned;

    tn_status status = tn__scan_convert(&rows->head.row[index], target, place_of(rows, index),
                                        &rows->scratch, &scanned, &rows->err);
    if (status != TN_OK)
        return stick_reading(rows, status);
    tn__scan_store(&scanned, target);
    return TN_OK;
}

tn_status tn_scan_into(tn_rows *head, const tn_intolist *into)
{
    tn__rows *rows = inner(head);

    if (rows->status != TN_OK)
        return rows->status;
    if (!head->row)
        return stick_misuse(rows, "24000", "tn_scan: there is no row; call tn_next first");
    if (into->count != head->columns)
        return stick_reading(rows,
                             tn_error_set(&rows->err, TN_DATA, "42804",
                                          "tn_scan: the row has %u columns, %zu targets were given",
                                          head->columns, into->count));
    if (rows->scratch.used)
        tn__arena_reset(&rows->scratch);
    for (size_t i = 0; i < into->count; i++) {
        if (TN_LIKELY(store_same(&head->row[i], &into->items[i])))
            continue;
        tn_status status = read_one(rows, i, &into->items[i]);
        if (status != TN_OK)
            return status;
    }
    return TN_OK;
}

tn_status tn_read_into(tn_rows *head, int index, const tn_intolist *into)
{
    tn__rows *rows = inner(head);

    if (rows->status != TN_OK)
        return rows->status;
    if (!head->row)
        return stick_misuse(rows, "24000", "reading a column: there is no row; call tn_next first");
    if (index < 0 || (uint32_t)index >= head->columns)
        return no_such_column(rows, index);
    return read_one(rows, (size_t)index, &into->items[0]);
}

bool tn_row_is_null(tn_rows *rows, int index)
{
    tn_target ignore = {.kind = TN_TARGET_IGNORE};
    tn_intolist one = {&ignore, 1};

    if (tn_read_into(rows, index, &one) != TN_OK)
        return false;
    return rows->row[index].type == TN_TYPE_NULL;
}

/* One accessor a type; they differ in nothing but that. */
#define ROW_ACCESSOR(name, ctype, kind_)                       \
    ctype tn_row_##name(tn_rows *rows, int index)              \
    {                                                          \
        ctype value;                                           \
        memset(&value, 0, sizeof(value));                      \
        tn_target target = {.value = &value, .kind = kind_};   \
        tn_read_into(rows, index, &(tn_intolist){&target, 1}); \
        return value;                                          \
    }
ROW_ACCESSOR(int32, int32_t, TN_TYPE_INT32)
ROW_ACCESSOR(int64, int64_t, TN_TYPE_INT64)
ROW_ACCESSOR(double, double, TN_TYPE_FLOAT8)
ROW_ACCESSOR(bytes, tn_bytes, TN_TYPE_BYTES)
ROW_ACCESSOR(uuid, tn_uuid, TN_TYPE_UUID)
ROW_ACCESSOR(time, tn_time, TN_TYPE_TIMESTAMPTZ)
ROW_ACCESSOR(timestamp, tn_timestamp, TN_TYPE_TIMESTAMP)
ROW_ACCESSOR(date, tn_date, TN_TYPE_DATE)
ROW_ACCESSOR(timeofday, tn_timeofday, TN_TYPE_TIME)
ROW_ACCESSOR(interval, tn_interval, TN_TYPE_INTERVAL)
ROW_ACCESSOR(array, tn_array, TN_TYPE_ARRAY)

bool tn_row_bool(tn_rows *rows, int index)
{
    bool value = false;
    tn_target target = {.value = &value, .kind = TN_TYPE_BOOL};

    tn_read_into(rows, index, &(tn_intolist){&target, 1});
    return value;
}

/* Text views of a failed read are empty and not NULL, so that they can be printed. */
#define ROW_TEXT_ACCESSOR(name, ctype, kind_)                  \
    ctype tn_row_##name(tn_rows *rows, int index)              \
    {                                                          \
        ctype value = {"", 0};                                 \
        tn_target target = {.value = &value, .kind = kind_};   \
        tn_read_into(rows, index, &(tn_intolist){&target, 1}); \
        return value;                                          \
    }
ROW_TEXT_ACCESSOR(str, tn_str, TN_TYPE_TEXT)
ROW_TEXT_ACCESSOR(numeric, tn_numeric, TN_TYPE_NUMERIC)
ROW_TEXT_ACCESSOR(json, tn_json, TN_TYPE_JSON)
