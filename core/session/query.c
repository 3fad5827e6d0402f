/* SPDX-License-Identifier: MIT */
/* tn_query, tn_get, tn_exec and their sisters of prepared statements: thin consumers of a run. */
#include "session/query.h"

#include <stdlib.h>
#include <string.h>

#include <tenon/script.h>

#include "base/cleanup.h"
#include "base/lexer.h"
#include "base/str.h"
#include "base/text.h"
#include "session/rows.h"
#include "session/scan.h"

enum { ONE_ROW_MAX = 1 << 30, TARGETS_ON_STACK = 64 };

/* ---- exec ------------------------------------------------------------------------------------ */

/* SELECT and its kin count what they gave, which nothing was done to; CREATE TABLE AS calls itself
 * SELECT, too. INSERT and its kin may give rows (RETURNING) and count all the same. */
int64_t tn__affected_by(const tn_batch *batch, bool gives_rows)
{
    static const char *const changing[] = {"INSERT", "UPDATE", "DELETE", "MERGE"};
    tn_str tag = tn_str_from(batch->tag);

    if (batch->affected < 0)
        return 0;
    for (size_t i = 0; i < TN__COUNT_OF(changing); i++)
        if (tn__str_starts(tag, tn_str_from(changing[i])))
            return batch->affected;
    return gives_rows || tn__str_starts(tag, TN__STR("SELECT")) ? 0 : batch->affected;
}

tn_status tn__query_exec(tn_db *db, const tn_call *call, const tn__sql *sql, const tn_arglist *args,
                         int64_t *ret_affected, tn_error *err)
{
    tn__run run;

    tn_status status = tn__run_start(&run, db, call, sql, args, TN_EXECUTE_STREAM, err);
    if (status != TN_OK)
        return status;
    bool gives_rows = run.on.stmt->info.flags & TN_STMT_ROWS;
    do
        status = tn__run_fetch(&run, err);
    while (status == TN_OK && !run.batch.done);
    int64_t affected = status == TN_OK ? tn__affected_by(&run.batch, gives_rows) : 0;
    tn__run_end(&run);
    if (status == TN_OK && ret_affected)
        *ret_affected = affected;
    return status;
}

tn_status tn_exec_with(tn_db *db, const tn_call *call, const char *sql, const tn_arglist *args,
                       int64_t *ret_affected, tn_error *err)
{
    tn__sql text = tn__sql_of(sql);

    return tn__query_exec(db, call, &text, args, ret_affected, err);
}

tn_status tn_exec(tn_db *db, const char *sql, const tn_arglist *args, int64_t *ret_affected,
                  tn_error *err)
{
    return tn_exec_with(db, NULL, sql, args, ret_affected, err);
}

/* ---- get ------------------------------------------------------------------------------------- */

/* All columns are converted before the first is stored, so that targets stay untouched on failure.
 */
static tn_status store_row(const tn__run *run, const tn_value *row, const tn_intolist *into,
                           tn_error *err)
{
    tn__scanned on_stack[TARGETS_ON_STACK];
    tn__scanned *scanned = on_stack;
    size_t count = into ? into->count : 0, done = 0;
    const tn_stmt_info *info = &run->on.stmt->info;
    tn_status status = TN_OK;

    if (count != info->n_columns)
        return tn_error_set(err, TN_DATA, "42804",
                            "tn_get: the row has %zu columns, %zu targets were given",
                            info->n_columns, count);
    if (count > TARGETS_ON_STACK && !(scanned = malloc(count * sizeof(*scanned))))
        return tn_error_set(err, TN_NOMEM, NULL, "out of memory");
    for (; done < count && status == TN_OK; done += status == TN_OK)
        status = tn__scan_convert(&row[done], &into->items[done],
                                  (tn__scan_place){info->columns[done].name, done}, NULL,
                                  &scanned[done], err);
    for (size_t i = 0; i < done; i++)
        if (status == TN_OK)
            tn__scan_store(&scanned[i], &into->items[i]);
        else
            tn__scan_discard(&scanned[i], &into->items[i]);
    if (scanned != on_stack)
        free(scanned);
    return status;
}

static tn_status too_many(tn_error *err)
{
    tn_error_set(err, TN_TOO_MANY_ROWS, "21000", "tn_get: the statement gave more than one row");
    tn_error_set_hint(err, "use tn_query, or add a condition or limit 1");
    return TN_TOO_MANY_ROWS;
}

/* A batch of one row that is not the last says nothing yet of a second row. */
static tn_status no_second_row(tn__run *run, tn_value *row, tn__arena *arena, tn_error *err)
{
    size_t columns = run->on.stmt->info.n_columns;

    for (size_t i = 0; i < columns; i++)
        if (!tn__value_copy(&run->batch.values[i], arena, &row[i]))
            return tn_error_set(err, TN_NOMEM, NULL, "out of memory");
    do {
        tn_status status = tn__run_fetch(run, err);
        if (status != TN_OK)
            return status;
        if (run->batch.rows > 0)
            return too_many(err);
    } while (!run->batch.done);
    return TN_OK;
}

static tn_status get_row(tn__run *run, const tn_intolist *into, tn_error *err)
{
    tn__arena arena;

    tn_status status = tn__run_fetch(run, err);
    if (status != TN_OK)
        return status;
    if (run->batch.rows == 0)
        return tn_error_set(err, TN_NOT_FOUND, "02000", "tn_get: the statement gave no row");
    if (run->batch.rows > 1)
        return too_many(err);
    if (run->batch.done)
        return store_row(run, run->batch.values, into, err);

    tn__arena_init(&arena, ONE_ROW_MAX);
    size_t columns = run->on.stmt->info.n_columns;
    tn_value *row = tn__arena_array(&arena, columns ? columns : 1, sizeof(*row));
    status = row ? no_second_row(run, row, &arena, err)
                 : tn_error_set(err, TN_NOMEM, NULL, "out of memory");
    if (status == TN_OK)
        status = store_row(run, row, into, err);
    tn__arena_free(&arena);
    return status;
}

/* A statement that went well is not undone because its answer could not be taken. One that writes
 * is let come to its end, so that this is certain. */
static void judge_reading(tn__run *run, tn_error *err)
{
    const tn__cached *stmt = run->on.stmt; /* NULL: it failed itself */
    tn_status status = TN_OK;

    if (!err || !stmt || stmt->info.flags & TN_STMT_READ_ONLY)
        return;
    while (!run->batch.done && status == TN_OK)
        status = tn__run_fetch(run, NULL);
    if (status == TN_OK)
        err->outcome = run->db->kind == TN__DB_TXN ? TN_OUTCOME_NONE : TN_OUTCOME_APPLIED;
    else
        err->outcome = run->db->kind == TN__DB_TXN ? TN_OUTCOME_NOT_APPLIED : TN_OUTCOME_IN_DOUBT;
}

tn_status tn__query_get(tn_db *db, const tn_call *call, const tn__sql *sql, const tn_arglist *args,
                        const tn_intolist *into, tn_error *err)
{
    tn__run run;

    tn_status status = tn__run_start(&run, db, call, sql, args, TN_EXECUTE_STREAM, err);
    if (status != TN_OK)
        return status;
    status = get_row(&run, into, err);
    if (status != TN_OK)
        judge_reading(&run, err);
    tn__run_end(&run);
    return status;
}

tn_status tn_get_with(tn_db *db, const tn_call *call, const char *sql, const tn_arglist *args,
                      const tn_intolist *into, tn_error *err)
{
    tn__sql text = tn__sql_of(sql);

    return tn__query_get(db, call, &text, args, into, err);
}

tn_status tn_get(tn_db *db, const char *sql, const tn_arglist *args, const tn_intolist *into,
                 tn_error *err)
{
    return tn_get_with(db, NULL, sql, args, into, err);
}

/* ---- query ----------------------------------------------------------------------------------- */

tn_rows *tn_query_with(tn_db *db, const tn_call *call, const char *sql, const tn_arglist *args)
{
    tn__sql text = tn__sql_of(sql);

    return tn__rows_open(db, call, &text, args);
}

tn_rows *tn_query(tn_db *db, const char *sql, const tn_arglist *args)
{
    return tn_query_with(db, NULL, sql, args);
}

/* ---- scripts --------------------------------------------------------------------------------- */

tn_script tn_script_start(tn_str text)
{
    return (tn_script){.rest = text, .line = 1};
}

bool tn_script_next(tn_script *script, tn_str *ret, uint32_t *ret_line)
{
    tn__script inner = {.rest = script->rest, .line = script->line};
    bool found = tn__script_next(&inner, ret, ret_line);

    script->rest = inner.rest;
    script->line = inner.line;
    return found;
}

static tn_status run_script(tn_db *db, const char *sql, tn_error *err)
{
    tn_script script = tn_script_start(tn_str_from(sql));
    tn_status status = TN_OK;
    uint32_t line;
    tn_str text;

    while (status == TN_OK && tn_script_next(&script, &text, &line)) {
        TN__AUTO_STRING copy = strndup(text.ptr, text.len);
        if (!copy)
            return tn_error_set(err, TN_NOMEM, NULL, "out of memory");
        status = tn_exec(db, copy, NULL, NULL, err);
        if (status != TN_OK)
            tn_error_prepend(err, "line %u", (unsigned)line);
    }
    return status;
}

tn_status tn_exec_script(tn_db *db, const char *sql, tn_error *err)
{
    tn_db *session;

    if (!sql)
        return tn_error_set(err, TN_MISUSE, NULL, "tn_exec_script: the text is NULL");
    tn_status status = tn__db_check(db, err);
    if (status != TN_OK)
        return status;
    if (db->kind != TN__DB_CLIENT)
        return run_script(db, sql, err);
    status = tn_acquire(db, &session, err);
    if (status != TN_OK)
        return status;
    status = run_script(session, sql, err);
    tn_release(session);
    return status;
}
