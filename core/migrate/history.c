/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* getpwuid_r */
#include "migrate/history.h"

#include <inttypes.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <tenon/query.h>
#include <tenon/rows.h>
#include <tenon/version.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/str.h"

enum { SQL_MAX = 2048, ROWS_MAX = 1000000 };

static const char *const state_names[] = {
    [TN_MIGRATE_PENDING] = "pending",   [TN_MIGRATE_APPLIED] = "applied",
    [TN_MIGRATE_BASELINE] = "baseline", [TN_MIGRATE_RUNNING] = "running",
    [TN_MIGRATE_FAILED] = "failed",     [TN_MIGRATE_UNDOING] = "undoing",
};

const char *tn__state_name(tn_migrate_state state)
{
    return state_names[state];
}

/* An unknown word is another version's: not finished, for all that is known here. */
static tn_migrate_state state_of(tn_str name)
{
    for (size_t i = 0; i < TN__COUNT_OF(state_names); i++)
        if (tn_str_equal(name, tn_str_from(state_names[i])))
            return (tn_migrate_state)i;
    return TN_MIGRATE_FAILED;
}

/* A statement with the table's name, quoted, in the place of its one %s. Nothing else comes in. */
static void write_sql(const tn__database *database, const char *format, char buf[SQL_MAX])
{
    const char *mark = strstr(format, "%s");

    snprintf(buf, SQL_MAX, "%.*s%s%s", (int)(mark - format), format, database->history, mark + 2);
}

static tn_status change(tn__database *database, const char *format, const tn_arglist *args,
                        int64_t *ret_affected, tn_error *err)
{
    char sql[SQL_MAX];

    write_sql(database, format, sql);
    tn_status status = tn_exec(database->at, sql, args, ret_affected, err);
    if (status != TN_OK)
        tn_error_prepend(err, "history %s", database->name);
    return status;
}

/* The last one of its transaction. */
static tn_status change_and_commit(tn__database *database, const char *format,
                                   const tn_arglist *args, tn_error *err)
{
    char sql[SQL_MAX];
    const tn__statement last = {sql, args};

    write_sql(database, format, sql);
    tn_status status = tn__database_finish(database, &last, 1, err);
    if (status != TN_OK)
        tn_error_prepend(err, "history %s", database->name);
    return status;
}

tn_status tn__history_create(tn__database *database, tn_error *err)
{
    tn_status status = change(database,
                              "create table if not exists %s ("
                              "version text not null primary key, "
                              "name text not null, "
                              "driver text not null, "
                              "checksum text not null, "
                              "state text not null, "
                              "step integer not null, "
                              "started_at timestamptz not null, "
                              "finished_at timestamptz, "
                              "duration_us bigint, "
                              "schema_hash text, "
                              "down_sql text, "
                              "tool text, "
                              "who text, "
                              "note text)",
                              NULL, NULL, err);
    if (status == TN_OK)
        database->fresh = false;
    return status;
}

/* ---- reading --------------------------------------------------------------------------------- */

static const char *text_at(tn__arena *arena, tn_rows *rows, int column, bool *good)
{
    if (tn_row_is_null(rows, column))
        return NULL;
    tn_str text = tn_row_str(rows, column);
    const char *copy = tn__arena_copy(arena, text.ptr, text.len);
    *good = *good && copy;
    return copy;
}

static bool read_row(tn__arena *arena, tn_rows *rows, tn__row *ret)
{
    bool good = true;

    *ret = (tn__row){
        .version = text_at(arena, rows, 0, &good),
        .name = text_at(arena, rows, 1, &good),
        .driver = text_at(arena, rows, 2, &good),
        .checksum = text_at(arena, rows, 3, &good),
        .state = state_of(tn_row_str(rows, 4)),
        .step = (uint32_t)tn_row_int32(rows, 5),
        .started_at = tn_row_time(rows, 6),
        .schema_hash = text_at(arena, rows, 9, &good),
        .down_sql = text_at(arena, rows, 10, &good),
        .tool = text_at(arena, rows, 11, &good),
        .who = text_at(arena, rows, 12, &good),
        .note = text_at(arena, rows, 13, &good),
    };
    if (!tn_row_is_null(rows, 7))
        ret->finished_at = tn_row_time(rows, 7);
    if (!tn_row_is_null(rows, 8))
        ret->duration_us = tn_row_int64(rows, 8);
    return good && ret->version && ret->name && ret->driver && ret->checksum;
}

static int compare_rows(const void *a, const void *b)
{
    const tn__row *x = a, *y = b;

    return tn_migration_compare(x->version, y->version);
}

static tn_status append(tn__arena *arena, tn_rows *rows, tn__history *history, size_t *capacity,
                        tn_error *err)
{
    if (history->count == *capacity) {
        size_t grown = *capacity ? *capacity * 2 : 64;
        tn__row *items = grown <= ROWS_MAX ? tn__arena_array(arena, grown, sizeof(*items)) : NULL;
        if (!items)
            return tn_error_set(err, TN_NOMEM, NULL, "out of memory");
        if (history->count)
            memcpy(items, history->rows, history->count * sizeof(*items));
        history->rows = items;
        *capacity = grown;
    }
    if (!read_row(arena, rows, &history->rows[history->count]))
        return tn_error_set(err, TN_NOMEM, NULL, "out of memory");
    history->count++;
    return TN_OK;
}

static void stamp(tn__history *history)
{
    for (size_t i = 0; i < history->count; i++) {
        history->stamp_count++;
        history->stamp_steps += history->rows[i].step;
        history->stamp_applied += history->rows[i].state == TN_MIGRATE_APPLIED;
    }
}

tn_status tn__history_read(tn__database *database, tn__arena *arena, tn__history *ret,
                           tn_error *err)
{
    tn__history history = {0};
    size_t capacity = 0;
    tn_status status = TN_OK;
    char sql[SQL_MAX];

    if (database->fresh) {
        *ret = history;
        return TN_OK;
    }
    write_sql(database,
              "select version, name, driver, checksum, state, step, started_at, finished_at,"
              " duration_us, schema_hash, down_sql, tool, who, note from %s",
              sql);
    tn_rows *rows = tn_query(database->at, sql, NULL);
    while (status == TN_OK && tn_next(rows))
        status = append(arena, rows, &history, &capacity, err);
    tn_status closed = tn_close(rows, status == TN_OK ? err : NULL);
    if (status == TN_OK)
        status = closed;
    if (status != TN_OK) {
        tn_error_prepend(err, "history %s", database->name);
        return status;
    }
    if (history.count)
        qsort(history.rows, history.count, sizeof(*history.rows), compare_rows);
    stamp(&history);
    *ret = history;
    return TN_OK;
}

const tn__row *tn__history_find(const tn__history *history, const char *version)
{
    for (size_t i = 0; i < history->count; i++)
        if (tn_migration_compare(history->rows[i].version, version) == 0)
            return &history->rows[i];
    return NULL;
}

tn_status tn__history_unchanged(tn__database *database, const tn__history *history, bool *ret,
                                tn_error *err)
{
    int64_t count = 0, steps = 0, applied = 0;
    char sql[SQL_MAX];

    write_sql(database,
              "select count(*), cast(coalesce(sum(step), 0) as bigint),"
              " cast(coalesce(sum(case when state = 'applied' then 1 else 0 end), 0) as bigint)"
              " from %s",
              sql);
    tn_status status = tn_get(database->at, sql, NULL, tn_into(&count, &steps, &applied), err);
    *ret = count == history->stamp_count && steps == history->stamp_steps &&
           applied == history->stamp_applied;
    return status;
}

/* ---- writing --------------------------------------------------------------------------------- */

/* user@host, for people who read the table. */
static void who_am_i(char *buf, size_t size)
{
    char host[65] = "", room[1024];
    struct passwd entry, *found = NULL;

    if (gethostname(host, sizeof(host) - 1) != 0)
        host[0] = '\0';
    if (getpwuid_r(geteuid(), &entry, room, sizeof(room), &found) != 0)
        found = NULL;
    if (found)
        snprintf(buf, size, "%s@%s", found->pw_name, host);
    else
        snprintf(buf, size, "%ju@%s", (uintmax_t)geteuid(), host);
}

static void put_time_option(tn__buf *buf, const char *name, int64_t ms)
{
    if (ms > 0)
        tn__buf_printf(buf, " %s:%" PRId64 "ms", name, ms);
    else if (ms == 0)
        tn__buf_printf(buf, " %s:0", name);
}

/* The down block as a later run, which may not have the file, reads it. NULL: there is none. */
static char *down_text(const tn_migration *m, bool *ret_failed)
{
    static const char *const keys[] = {"", " foreign-keys:on", " foreign-keys:off"};
    tn_str sql = tn__str_trim(m->down);
    tn__buf buf;

    *ret_failed = false;
    if (!m->down_file && !m->up_options.irreversible)
        return NULL;
    tn__buf_init(&buf, TN__BUF_MAX);
    tn__buf_puts(&buf, "-- migrate:down");
    if (m->down_options.no_transaction)
        tn__buf_puts(&buf, " transaction:false");
    if (m->up_options.irreversible || m->down_options.irreversible)
        tn__buf_puts(&buf, " irreversible:true");
    tn__buf_puts(&buf, keys[m->down_options.foreign_keys]);
    put_time_option(&buf, "lock-timeout", m->down_options.lock_timeout_ms);
    put_time_option(&buf, "statement-timeout", m->down_options.statement_timeout_ms);
    tn__buf_putc(&buf, '\n');
    tn__buf_str(&buf, sql);
    char *text = tn__buf_take(&buf);
    *ret_failed = !text;
    return text;
}

static tn_status insert(tn__database *database, const tn_migration *migration,
                        tn_migrate_state state, uint32_t step, int64_t started_ns, bool commits,
                        tn_error *err)
{
    static const char sql[] =
        "insert into %s (version, name, driver, checksum, state, step, started_at,"
        " finished_at, duration_us, down_sql, tool, who, note)"
        " values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";
    int64_t us = (tn__now_ns() - started_ns) / 1000;
    tn_time now = tn_time_now(), started = {now.us - us};
    bool finished = state == TN_MIGRATE_APPLIED || state == TN_MIGRATE_BASELINE, failed;
    const char *tool = database->options.tool ? database->options.tool : "tenon " TN_VERSION_STRING;
    TN__AUTO_STRING down = down_text(migration, &failed);
    char who[128];

    if (failed) {
        if (commits)
            tn__database_rollback(database);
        return tn_error_set(err, TN_NOMEM, NULL, "out of memory");
    }
    who_am_i(who, sizeof(who));
    tn_opt_time finished_at = {.has = finished, .value = now};
    tn_opt_int64 duration = {.has = finished, .value = us};
    const tn_arglist *args = tn_args(migration->version, migration->name,
                                     database->dialect == TN__SQLITE ? "sqlite" : "postgresql",
                                     migration->checksum, tn__state_name(state), (int32_t)step,
                                     started, finished_at, duration, down, tool, who,
                                     migration->reason);
    return commits ? change_and_commit(database, sql, args, err)
                   : change(database, sql, args, NULL, err);
}

tn_status tn__history_insert(tn__database *database, const tn_migration *migration,
                             tn_migrate_state state, uint32_t step, int64_t started_ns,
                             tn_error *err)
{
    return insert(database, migration, state, step, started_ns, false, err);
}

tn_status tn__history_commit_applied(tn__database *database, const tn_migration *migration,
                                     uint32_t step, int64_t started_ns, tn_error *err)
{
    return insert(database, migration, TN_MIGRATE_APPLIED, step, started_ns, true, err);
}

static const char delete_sql[] = "delete from %s where version = $1";

tn_status tn__history_delete(tn__database *database, const char *version, tn_error *err)
{
    return change(database, delete_sql, tn_args(version), NULL, err);
}

tn_status tn__history_commit_delete(tn__database *database, const char *version, tn_error *err)
{
    return change_and_commit(database, delete_sql, tn_args(version), err);
}

tn_status tn__history_move(tn__database *database, const char *version, const tn__place *from,
                           const tn__place *to, const char *note, bool *ret_changed, tn_error *err)
{
    int64_t affected = 0;
    tn_status status = change(database,
                              "update %s set state = $4, step = $5, note = $6"
                              " where version = $1 and state = $2 and step = $3",
                              tn_args(version, tn__state_name(from->state), (int32_t)from->step,
                                      tn__state_name(to->state), (int32_t)to->step, note),
                              &affected, err);

    *ret_changed = affected == 1;
    return status;
}

tn_status tn__history_finish(tn__database *database, const char *version, int64_t duration_us,
                             tn_error *err)
{
    return change(database,
                  "update %s set state = 'applied', note = null, finished_at = $2,"
                  " duration_us = $3 where version = $1",
                  tn_args(version, tn_time_now(), duration_us), NULL, err);
}

tn_status tn__history_set_schema(tn__database *database, const char *version, const char *hash,
                                 tn_error *err)
{
    return change(database, "update %s set schema_hash = $2 where version = $1",
                  tn_args(version, hash), NULL, err);
}

tn_status tn__history_accept(tn__database *database, const tn_migration *migration, tn_error *err)
{
    bool failed;
    TN__AUTO_STRING down = down_text(migration, &failed);

    if (failed)
        return tn_error_set(err, TN_NOMEM, NULL, "out of memory");
    return change(
        database, "update %s set checksum = $2, down_sql = $3, name = $4 where version = $1",
        tn_args(migration->version, migration->checksum, down, migration->name), NULL, err);
}
