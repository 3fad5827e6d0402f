/* SPDX-License-Identifier: MIT */
#include "migrate/lock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tenon/query.h>

#include "base/clock.h"
#include "base/str.h"
#include "migrate/problem.h"

enum { FIRST_PAUSE_MS = 50, LONGEST_PAUSE_MS = 1000, TELL_AFTER_MS = 300 };

/* Who a session is, in one line. */
#define WHO                                                                            \
    "'pid ' || a.pid || ' (' || coalesce(nullif(a.application_name, ''), 'no name')"   \
    " || ', ' || coalesce(a.usename, '?') || coalesce('@' || host(a.client_addr), '')" \
    " || ')'"

typedef struct waiting {
    int64_t began_ns, deadline_ns;
    int64_t pause_ms;
    bool told;
} waiting;

static waiting wait_start(const tn__database *database)
{
    int64_t now = tn__now_ns();

    return (waiting){
        .began_ns = now,
        .deadline_ns = tn__deadline_after_ms(now, database->options.lock_wait_ms),
        .pause_ms = FIRST_PAUSE_MS,
    };
}

/* The holder of the advisory lock; "another one" where it cannot be seen. */
static void name_holder(tn__database *database, char *buf, size_t size)
{
    static const char question[] =
        "select " WHO " || ', for ' || extract(epoch from now() - a.backend_start)::bigint || ' s'"
        " from pg_catalog.pg_locks l join pg_catalog.pg_stat_activity a on a.pid = l.pid"
        " where l.locktype = 'advisory' and l.granted and l.objsubid = 1"
        " and l.database = (select oid from pg_catalog.pg_database where datname ="
        " current_database()) and l.classid = (($1::bigint >> 32) & 4294967295)::bigint::oid"
        " and l.objid = ($1::bigint & 4294967295)::bigint::oid limit 1";
    char *who = NULL;

    snprintf(buf, size, "another one");
    if (database->dialect != TN__POSTGRESQL)
        return;
    if (tn_get(database->at, question, tn_args(database->key), tn_into(&who), NULL) == TN_OK && who)
        tn__copy_text(buf, size, tn_str_from(who));
    free(who);
}

static tn_status gave_up(tn__database *database, const char *holder, tn_error *err)
{
    tn_migrate_problem *problem = tn__database_problem(database);

    tn__problem_fault(problem, TN_MIGRATE_LOCKED);
    tn__problem_state(problem, "nothing was changed by this run");
    tn__problem_next(problem, "tenon migrate deploy --lock-wait 5min");
    return tn_error_set(err, TN_LOCKED, "55P03",
                        "the database is being migrated by %s; waited for %lld ms", holder,
                        (long long)database->options.lock_wait_ms);
}

/* One pause. TN_LOCKED: the time is over; TN_CANCELLED. */
static tn_status wait_on(tn__database *database, waiting *w, tn_error *err)
{
    int64_t now = tn__now_ns();
    char holder[200];

    if (now >= w->deadline_ns) {
        name_holder(database, holder, sizeof(holder));
        return gave_up(database, holder, err);
    }
    if (!w->told && now - w->began_ns > TELL_AFTER_MS * TN__NS_PER_MS) {
        name_holder(database, holder, sizeof(holder));
        tn__database_note(database, TN_MIGRATE_EVENT_WAIT, NULL, "%s", holder);
        w->told = true;
    }
    int64_t left = (w->deadline_ns - now) / TN__NS_PER_MS + 1, pause = tn__jitter(w->pause_ms);
    w->pause_ms = w->pause_ms * 3 / 2 < LONGEST_PAUSE_MS ? w->pause_ms * 3 / 2 : LONGEST_PAUSE_MS;
    return tn__database_sleep(database, pause < left ? pause : left, err);
}

/* ---- PostgreSQL, a session of our own -------------------------------------------------------- */

tn_status tn__lock_take(tn__database *database, tn_error *err)
{
    waiting w = wait_start(database);
    tn_status status = TN_OK;
    bool got = false;

    if (database->dialect != TN__POSTGRESQL || database->pooled)
        return TN_OK;
    status = tn__database_prepare(database, &got, err);
    while (status == TN_OK && !got) {
        status = wait_on(database, &w, err);
        if (status == TN_OK)
            status = tn_get(database->at, "select pg_catalog.pg_try_advisory_lock($1)",
                            tn_args(database->key), tn_into(&got), err);
    }
    database->exclusive = status == TN_OK;
    return status;
}

/* ---- the lock of one transaction ------------------------------------------------------------- */

static tn_status try_pooled(tn__database *database, bool *ret_got, tn_error *err)
{
    tn_status status = tn__database_begin(database, err);

    if (status != TN_OK)
        return status;
    status = tn_get(database->at, "select pg_catalog.pg_try_advisory_xact_lock($1)",
                    tn_args(database->key), tn_into(ret_got), err);
    if (status != TN_OK || !*ret_got)
        tn__database_rollback(database);
    return status;
}

/* SQLite waits by itself for another one's transaction, as long as its own patience reaches. */
static tn_status try_sqlite(tn__database *database, bool *ret_got, tn_error *err)
{
    tn_error why = TN_ERROR_INIT;
    tn_call call = TN_CALL_INIT;

    call.timeout_ms = 500;
    tn_status status = tn_exec_with(database->at, &call, "begin immediate", NULL, NULL, &why);
    *ret_got = status == TN_OK;
    if (status == TN_OK || status == TN_LOCKED || status == TN_TIMEOUT)
        return TN_OK;
    if (err)
        *err = why;
    return status;
}

tn_status tn__lock_begin(tn__database *database, tn_error *err)
{
    waiting w = wait_start(database);
    tn_status status = TN_OK;
    bool got = false;

    if (database->exclusive)
        return tn__database_begin(database, err);
    while (status == TN_OK) {
        status = database->dialect == TN__SQLITE ? try_sqlite(database, &got, err)
                                                 : try_pooled(database, &got, err);
        if (status == TN_OK && got)
            return TN_OK;
        if (status == TN_OK)
            status = wait_on(database, &w, err);
    }
    return status;
}

void tn__lock_oldest(tn__database *database, char *buf, size_t size)
{
    static const char question[] =
        "select " WHO " || coalesce(', ' || a.state, '') || coalesce(', its transaction is '"
        " || extract(epoch from now() - a.xact_start)::bigint || ' s old', '')"
        " from pg_catalog.pg_stat_activity a where a.datname = current_database()"
        " and a.pid <> pg_backend_pid()"
        " and exists (select from pg_catalog.pg_locks l where l.pid = a.pid and l.granted"
        " and l.locktype = 'relation' and l.relation >= 16384) order by a.xact_start nulls last "
        "limit 1";
    char *who = NULL;

    buf[0] = '\0';
    if (database->dialect != TN__POSTGRESQL)
        return;
    if (tn_get(database->at, question, NULL, tn_into(&who), NULL) == TN_OK && who)
        tn__copy_text(buf, size, tn_str_from(who));
    free(who);
}
