/* SPDX-License-Identifier: MIT */
/* What is set of a session that migrates (PostgreSQL), and its lock, taken by the same question. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tenon/query.h>

#include "migrate/database.h"
#include "migrate/settings.h"

enum { IDLE_MS = 60000 };

/* ---- what a file may have set ---------------------------------------------------------------- */

/* Those of a transaction cannot be set behind its first statement, and end with it. */
tn_status tn__settings_keep(tn_db *at, tn__arena *arena, const char **ret, tn_error *err)
{
    static const char question[] =
        "select coalesce(pg_catalog.json_object_agg(name, setting), '{}')::text"
        " from pg_catalog.pg_settings where source operator(pg_catalog.=) 'session'"
        " and name not in ('transaction_isolation', 'transaction_read_only',"
        "  'transaction_deferrable', 'role', 'session_authorization', 'seed')";
    char *text = NULL;

    tn_status status = tn_get(at, question, NULL, tn_into(&text), err);
    if (status != TN_OK)
        return status;
    *ret = tn__arena_copy(arena, text, strlen(text));
    free(text);
    return *ret ? TN_OK : tn_error_set(err, TN_NOMEM, NULL, "out of memory");
}

/* RESET alone would also take back what the connection was given when it was made: the schema of
 * its URL is such a setting. */
tn_status tn__settings_put_back(tn_db *at, const char *kept, tn_error *err)
{
    int64_t n;

    tn_status status = tn_exec_script(at, "reset session authorization; reset role; reset all",
                                      err);
    if (status != TN_OK || !kept)
        return status;
    return tn_get(at,
                  "select count(pg_catalog.set_config(key, value, false))"
                  " from pg_catalog.json_each_text($1::pg_catalog.json)",
                  tn_args(kept), tn_into(&n), err);
}

/* ---- what a run sets ------------------------------------------------------------------------- */

/* By set_config(), since names that a server does not know must not fail. A killed migration's
 * statement is to end with it: the server looks for its client each second (PostgreSQL 14). The
 * lock comes last: one of a session outlives an error. */
static tn_status set(tn__database *database, bool local, bool watched, bool *lock, tn_error *err)
{
    static const char question[] =
        "select pg_catalog.length(pg_catalog.concat(pg_catalog.set_config('lock_timeout', $1, $4),"
        " pg_catalog.set_config('statement_timeout', $2, $4),"
        " pg_catalog.set_config('idle_in_transaction_session_timeout', $3, $4),"
        " case when pg_catalog.current_setting('application_name') operator(pg_catalog.=) ''"
        "  then pg_catalog.set_config('application_name', 'tenon migrate', $4) end,"
        " case when $5 and"
        "  pg_catalog.current_setting('client_connection_check_interval', true) is not null"
        "  then pg_catalog.set_config('client_connection_check_interval', '1000', $4) end)),"
        " case when $6 then pg_catalog.pg_try_advisory_lock($7) else false end";
    char lock_ms[24], statement[24], idle[24];
    bool got = false;
    int32_t length;

    snprintf(lock_ms, sizeof(lock_ms), "%" PRId64, database->options.lock_timeout_ms);
    snprintf(statement, sizeof(statement), "%" PRId64, database->options.statement_timeout_ms);
    snprintf(idle, sizeof(idle), "%d", IDLE_MS);
    tn_status status = tn_get(
        database->at, question,
        tn_args(lock_ms, statement, idle, local, watched, lock != NULL, database->key),
        tn_into(&length, &got), err);
    if (status == TN_OK && lock)
        *lock = got;
    return status;
}

tn_status tn__database_set_all(tn__database *database, bool local, tn_error *err)
{
    return set(database, local, true, NULL, err);
}

tn_status tn__database_prepare(tn__database *database, bool *ret_got, tn_error *err)
{
    *ret_got = false;
    if (database->dialect != TN__POSTGRESQL || database->pooled)
        return TN_OK;
    tn_status status = set(database, false, true, ret_got, err);
    if (status == TN_DATA) /* a server whose system cannot tell whether the client is there */
        status = set(database, false, false, ret_got, err);
    return status;
}

/* Once a run. Behind a pooler there is nothing of the session's own. */
tn_status tn__database_keep(tn__database *database, tn_error *err)
{
    if (database->dialect != TN__POSTGRESQL || database->pooled || database->kept_settings)
        return TN_OK;
    return tn__settings_keep(database->at, &database->arena, &database->kept_settings, err);
}

/* Within the transaction that set something, so that behind a pooler nobody else gets it. */
tn_status tn__database_restore(tn__database *database, tn_error *err)
{
    if (database->dialect != TN__POSTGRESQL)
        return TN_OK;
    tn_status status = tn__settings_put_back(database->at, database->kept_settings, err);
    return status == TN_OK && database->pooled ? tn__database_set_all(database, true, err) : status;
}

tn_status tn__database_timeouts(tn__database *database, int64_t lock_ms, int64_t statement_ms,
                                bool local, tn_error *err)
{
    char lock[24], statement[24];

    if (database->dialect != TN__POSTGRESQL)
        return TN_OK;
    snprintf(lock, sizeof(lock), "%" PRId64,
             lock_ms >= 0 ? lock_ms : database->options.lock_timeout_ms);
    snprintf(statement, sizeof(statement), "%" PRId64,
             statement_ms >= 0 ? statement_ms : database->options.statement_timeout_ms);
    return tn_exec(database->at,
                   "select pg_catalog.set_config('lock_timeout', $1, $3),"
                   " pg_catalog.set_config('statement_timeout', $2, $3)",
                   tn_args(lock, statement, local), NULL, err);
}
