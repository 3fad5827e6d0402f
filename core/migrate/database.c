/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* getrandom */
#include "migrate/database.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include <tenon/health.h>
#include <tenon/query.h>

#include "base/clock.h"
#include "base/str.h"
#include "migrate/problem.h"

enum { BYTES_MAX = 1 << 30, SLICE_MS = 50, NAME_MAX_BYTES = 63 };

static const char default_history[] = "_tenon_migrations";

/* ---- opening --------------------------------------------------------------------------------- */

/* Of an older program's options only those that it knew. */
static void take_options(tn__database *database, const tn_migrate_options *options)
{
    tn_migrate_options defaults = TN_MIGRATE_OPTIONS_INIT;

    database->options = defaults;
    if (options) {
        size_t size = options->size < sizeof(defaults) ? options->size : sizeof(defaults);
        memcpy(&database->options, options, size);
    }
    if (!database->options.history)
        database->options.history = default_history;
    tn__problem_clear(tn__database_problem(database));
}

static tn_status refuse(tn__database *database, tn_error *err, const char *text)
{
    tn__problem_fault(tn__database_problem(database), TN_MIGRATE_REFUSED);
    return tn_error_set(err, TN_UNSUPPORTED, NULL, "%s", text);
}

/* What the health of the connection says of the other end. */
static tn_status learn_server(tn__database *database, tn_error *err)
{
    tn_health health = tn_health_check(database->session, 0);

    if (health.status != TN_HEALTHY) {
        if (err)
            *err = health.error;
        return health.error.status ? health.error.status : TN_UNAVAILABLE;
    }
    if (strcmp(health.dialect, "postgresql") == 0)
        database->dialect = TN__POSTGRESQL;
    else if (strcmp(health.dialect, "sqlite") == 0)
        database->dialect = TN__SQLITE;
    else
        return refuse(database, err, "migrations know PostgreSQL's and SQLite's SQL, not this one");
    tn__copy_text(database->server, sizeof(database->server), tn_str_from(health.server));
    /* Said by the driver of connections on which no session state holds. */
    database->pooled = strstr(health.note, "behind a pooler: no session state") != NULL;
    return TN_OK;
}

static bool quote(const char *name, char *buf, size_t size)
{
    size_t len = tn_quote_identifier(tn_str_from(name), buf, size);

    return len > 0 && len < size;
}

static tn_status bad_history(tn__database *database, tn_error *err)
{
    tn__problem_fault(tn__database_problem(database), TN_MIGRATE_USAGE);
    return tn_error_set(err, TN_CONFIG, NULL, "\"%s\" is not a table's name",
                        database->options.history);
}

/* database->history and database->name, of database->schema and the table's name. */
static tn_status name_history(tn__database *database, tn_error *err)
{
    char quoted_schema[140] = "", quoted_table[140];

    if (!quote(database->table, quoted_table, sizeof(quoted_table)) ||
        !quote(database->schema, quoted_schema, sizeof(quoted_schema)))
        return bad_history(database, err);
    snprintf(database->history, sizeof(database->history), "%s.%s", quoted_schema, quoted_table);
    snprintf(database->name, sizeof(database->name), "%s.%s", database->schema, database->table);
    char text[300];
    int len = snprintf(text, sizeof(text), "tenon migrate %s", database->name);
    database->key = (int64_t)tn__hash(text, (size_t)len);
    return TN_OK;
}

/* "schema.table" or "table". */
static tn_status split_history(tn__database *database, tn_error *err)
{
    const char *history = database->options.history, *dot = strchr(history, '.');
    const char *table = dot ? dot + 1 : history;
    size_t len = dot ? (size_t)(dot - history) : 0;

    if (len >= sizeof(database->schema) || strlen(table) >= sizeof(database->table) ||
        strchr(table, '.'))
        return bad_history(database, err);
    snprintf(database->schema, sizeof(database->schema), "%.*s", (int)len, history);
    snprintf(database->table, sizeof(database->table), "%s", table);
    len = tn__utf8_cut(table, strlen(table), NAME_MAX_BYTES - strlen("_schema"));
    snprintf(database->snapshot, sizeof(database->snapshot), "%.*s_schema", (int)len, table);
    return TN_OK;
}

/* The first schema of the search path that exists is where the server would make tables. Other
 * tools' tables are looked for where names without a schema are. */
static tn_status learn_schema(tn__database *database, tn_error *err)
{
    static const char question[] =
        "with t as (select c.relname::text as name from pg_catalog.pg_class c"
        " join pg_catalog.pg_namespace n on n.oid operator(pg_catalog.=) c.relnamespace"
        " where n.nspname operator(pg_catalog.=)"
        "  coalesce($1::text, pg_catalog.current_schema()::text)"
        " and (c.relname operator(pg_catalog.=) $2::text"
        "  or c.relname operator(pg_catalog.=) $3::text))"
        " select pg_catalog.current_setting('search_path'),"
        " coalesce($1::text, pg_catalog.current_schema()::text, ''),"
        " exists (select from t where name operator(pg_catalog.=) $2::text),"
        " exists (select from t where name operator(pg_catalog.=) $3::text),"
        " coalesce(pg_catalog.to_regclass('schema_migrations'),"
        "  pg_catalog.to_regclass('_prisma_migrations'),"
        "  pg_catalog.to_regclass('flyway_schema_history')) is not null";
    const char *given = database->schema[0] ? database->schema : NULL;
    char *path = NULL, *schema = NULL;
    bool exists = false, kept = false, others = false;

    tn_status status = tn_get(database->at, question,
                              tn_args(given, database->table, database->snapshot),
                              tn_into(&path, &schema, &exists, &kept, &others), err);
    if (status != TN_OK)
        return status;
    database->search_path = tn__arena_copy(&database->arena, path, strlen(path));
    snprintf(database->schema, sizeof(database->schema), "%s", schema);
    database->fresh = !exists;
    database->kept = kept;
    database->others = others;
    free(path);
    free(schema);
    if (!database->search_path)
        return tn_error_set(err, TN_NOMEM, NULL, "out of memory");
    if (database->schema[0])
        return TN_OK;
    tn__problem_fault(tn__database_problem(database), TN_MIGRATE_REFUSED);
    tn_error_set(err, TN_CONFIG, "3F000", "no schema of the search path (%s) exists",
                 database->search_path);
    tn_error_set_hint(err, "create it first, with: tenon sql 'create schema NAME'");
    return TN_CONFIG;
}

static tn_status learn_sqlite(tn__database *database, tn_error *err)
{
    static const char question[] =
        "select count(*) filter (where lower(name) = lower($1)),"
        " count(*) filter (where lower(name) = lower($2)),"
        " count(*) filter (where lower(name) in ('schema_migrations', '_prisma_migrations',"
        " 'flyway_schema_history')) from sqlite_schema where type = 'table'";
    int64_t found = 0, kept = 0, others = 0;

    snprintf(database->schema, sizeof(database->schema), "main");
    tn_status status = tn_get(database->at, question, tn_args(database->table, database->snapshot),
                              tn_into(&found, &kept, &others), err);
    database->fresh = found == 0;
    database->kept = kept > 0;
    database->others = others > 0;
    return status;
}

tn_status tn__database_refresh(tn__database *database, tn_error *err)
{
    return database->dialect == TN__POSTGRESQL ? learn_schema(database, err)
                                               : learn_sqlite(database, err);
}

static tn_status learn(tn__database *database, tn_error *err)
{
    tn_status status = learn_server(database, err);

    if (status == TN_OK)
        status = split_history(database, err);
    if (status == TN_OK)
        status = tn__database_refresh(database, err);
    return status == TN_OK ? name_history(database, err) : status;
}

/* Nothing was asked of the database yet, so whatever it was, it was the connection. */
static void judge(tn__database *database, const tn_error *err)
{
    tn_migrate_problem *problem = tn__database_problem(database);

    if (problem->fault != TN_MIGRATE_NO_FAULT)
        return;
    problem->fault = err && err->status == TN_MISUSE ? TN_MIGRATE_USAGE : TN_MIGRATE_NO_DATABASE;
}

tn_status tn__database_open(tn__database *database, tn_db *client,
                            const tn_migrate_options *options, tn_error *err)
{
    *database = (tn__database){.client = client};
    tn__arena_init(&database->arena, BYTES_MAX);
    take_options(database, options);
    tn_status status = tn_acquire(client, &database->session, err);
    if (status == TN_OK) {
        database->at = database->session;
        tn_set_timeout(database->session, -1);
        status = learn(database, err);
    }
    if (status != TN_OK) {
        judge(database, err);
        tn__database_close(database);
    }
    return status;
}

void tn__database_close(tn__database *database)
{
    /* What was set of the session, and its lock, end with it. */
    tn_release(database->session);
    database->session = database->at = NULL;
    tn__arena_free(&database->arena);
}

/* ---- waiting --------------------------------------------------------------------------------- */

tn_status tn__database_check(const tn__database *database, tn_error *err)
{
    if (database->options.stop && database->options.stop(database->options.stop_arg))
        return tn_error_set(err, TN_CANCELLED, "57014", "stopped on request");
    return TN_OK;
}

tn_status tn__database_sleep(const tn__database *database, int64_t ms, tn_error *err)
{
    int64_t end = tn__deadline_after_ms(tn__now_ns(), ms);
    tn_status status = tn__database_check(database, err);

    while (status == TN_OK) {
        int64_t left = end - tn__now_ns();
        if (left <= 0)
            break;
        if (left > SLICE_MS * TN__NS_PER_MS)
            left = SLICE_MS * TN__NS_PER_MS;
        struct timespec nap = {.tv_nsec = (long)left};
        nanosleep(&nap, NULL);
        status = tn__database_check(database, err);
    }
    return status;
}

int64_t tn__jitter(int64_t ms)
{
    uint16_t chance = 0;

    if (getrandom(&chance, sizeof(chance), GRND_NONBLOCK) != sizeof(chance))
        chance = (uint16_t)tn__now_ns();
    return ms / 2 + ms * chance / 65536;
}

/* ---- telling --------------------------------------------------------------------------------- */

tn_migrate_problem *tn__database_problem(tn__database *database)
{
    return database->options.problem ? database->options.problem : &database->own_problem;
}

void tn__database_event(tn__database *database, const tn_migrate_event *event)
{
    if (database->options.event)
        database->options.event(database->options.event_arg, event);
}

void tn__database_note(tn__database *database, tn_migrate_event_kind kind,
                       const tn_migration *migration, const char *format, ...)
{
    char text[512];
    va_list args;

    if (!database->options.event)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    tn_migrate_event event = {
        .kind = kind,
        .migration = migration,
        .version = migration ? migration->version : "",
        .text = text,
        .done = database->done,
        .total = database->total,
    };
    tn__database_event(database, &event);
}
