/* SPDX-License-Identifier: MIT */
#include "neighbours.h"

#include <stdlib.h>
#include <string.h>

enum { NEIGHBOURS = 8, THE_ONE_THAT_FAILS = 3 };

struct neighbour {
    const struct street *street;
    struct latch *over;
    int32_t number;
    tn_status status;
    tn_error error;
};

/* Starts so many and waits for all of them. They are the caller's to free, NULL on failure: a
 * tn_error each, several of which are much for the stack of a fiber. */
static struct neighbour *run(const struct street *street, int count, loop_fn *fn, tn_error *err)
{
    struct neighbour *all = calloc((size_t)count, sizeof(*all));
    struct latch over = {NULL, 0};
    int started = 0;

    for (; all && started < count; started++, over.left++) {
        all[started] = (struct neighbour){.street = street, .over = &over, .number = started};
        if (!loop_start(street->loop, fn, &all[started]))
            break;
    }
    latch_await(&over);
    if (started == count && all)
        return all;
    free(all);
    tn_error_set(err, TN_RESOURCE, NULL, "only %d of %d fibers could be started", started, count);
    return NULL;
}

static tn_status unexpected(tn_error *err, const char *what, const tn_error *found)
{
    return tn_error_set(err, TN_FAILED, NULL, "%s: %s %s, %.200s", what,
                        tn_status_name(found->status), found->sqlstate, found->message);
}

/* ---- cancel ---------------------------------------------------------------------------------- */

struct sleeper {
    const struct street *street;
    struct latch over;
    tn_db *session; /* while its statement runs */
    tn_status status;
    tn_error error;
};

static void sleep_long(void *arg)
{
    struct sleeper *sleeper = arg;
    tn_error *err = &sleeper->error;
    tn_db *session;
    int64_t one = 0;

    sleeper->status = tn_acquire(sleeper->street->db, &session, err);
    if (sleeper->status == TN_OK) {
        sleeper->session = session;
        sleeper->status = tn_exec(session, "select pg_sleep(60)", NULL, NULL, err);
        sleeper->session = NULL;
        tn_error after = TN_ERROR_INIT;
        if (tn_get(session, "select 1", NULL, tn_into(&one), &after) != TN_OK)
            sleeper->status = after.status, *err = after;
        tn_release(session);
    }
    latch_done(&sleeper->over);
}

/* A cancel that comes before the statement runs does nothing: asked again until it has ended. */
static void wake_up(void *arg)
{
    struct sleeper *sleeper = arg;

    while (sleeper->over.left > 1) {
        if (sleeper->session)
            tn_cancel(sleeper->session);
        loop_sleep(sleeper->street->loop, 10);
    }
    latch_done(&sleeper->over);
}

tn_status street_cancel(const struct street *street, tn_error *err)
{
    struct sleeper sleeper = {.street = street, .over = {NULL, 2}, .error = TN_ERROR_INIT};

    if (!loop_start(street->loop, sleep_long, &sleeper))
        return tn_error_set(err, TN_RESOURCE, NULL, "no fiber could be started");
    if (!loop_start(street->loop, wake_up, &sleeper)) {
        sleeper.over.left--;
        latch_await(&sleeper.over);
        return tn_error_set(err, TN_RESOURCE, NULL, "no fiber could be started");
    }
    latch_await(&sleeper.over);
    if (sleeper.status != TN_CANCELLED || strcmp(sleeper.error.sqlstate, "57014") != 0)
        return unexpected(err, "a cancelled statement", &sleeper.error);
    return TN_OK;
}

/* ---- deadline -------------------------------------------------------------------------------- */

tn_status street_deadline(const struct street *street, int64_t timeout_ms, int64_t *ret_ms,
                          tn_error *err)
{
    tn_call call = TN_CALL_INIT;
    tn_error error = TN_ERROR_INIT;
    int64_t start = loop_now_ns();

    call.timeout_ms = timeout_ms;
    tn_status status = tn_exec_with(street->db, &call, "select pg_sleep(60)", NULL, NULL, &error);
    *ret_ms = (loop_now_ns() - start) / 1000000;
    return status == TN_TIMEOUT ? TN_OK : unexpected(err, "a statement with a deadline", &error);
}

/* ---- failure --------------------------------------------------------------------------------- */

static tn_status move_in(tn_db *tx, void *arg, tn_error *err)
{
    const struct neighbour *n = arg;

    tn_status status = tn_exec(tx, "insert into street (house) values ($1)", tn_args(n->number),
                               NULL, err);
    if (status == TN_OK)
        status = tn_exec(tx, "select pg_sleep(0.02)", NULL, NULL, err);
    if (status == TN_OK && n->number == THE_ONE_THAT_FAILS)
        status = tn_exec(tx, "insert into street (house) values ($1)", tn_args(n->number), NULL,
                         err);
    return status;
}

static void live(void *arg)
{
    struct neighbour *n = arg;

    n->status = tn_transaction(n->street->db, NULL, move_in, n, &n->error);
    latch_done(n->over);
}

static tn_status check_failure(const struct street *street, const struct neighbour *all,
                               tn_error *err)
{
    int64_t houses = 0, failed = 0;

    for (int i = 0; i < NEIGHBOURS; i++) {
        tn_status wanted = i == THE_ONE_THAT_FAILS ? TN_CONSTRAINT : TN_OK;
        if (all[i].status != wanted)
            return unexpected(err, "a neighbour of a failure", &all[i].error);
    }
    tn_status status = tn_get(street->db,
                              "select count(*), count(case when house = $1 then 1 end) from street",
                              tn_args((int32_t)THE_ONE_THAT_FAILS), tn_into(&houses, &failed), err);
    if (status == TN_OK && (houses != NEIGHBOURS - 1 || failed))
        status = tn_error_set(err, TN_FAILED, NULL, "%lld houses, %lld of them should not be there",
                              (long long)houses, (long long)failed);
    return status;
}

tn_status street_failure(const struct street *street, tn_error *err)
{
    struct neighbour *all = NULL;

    tn_status status = tn_exec_script(street->db,
                                      "drop table if exists street;"
                                      "create table street (house integer primary key)",
                                      err);
    if (status == TN_OK) {
        all = run(street, NEIGHBOURS, live, err);
        status = all ? check_failure(street, all, err) : TN_RESOURCE;
    }
    free(all);
    tn_status dropped = tn_exec(street->db, "drop table if exists street", NULL, NULL,
                                status == TN_OK ? err : NULL);
    return status != TN_OK ? status : dropped;
}

/* ---- retries --------------------------------------------------------------------------------- */

static tn_status add_one(tn_db *tx, void *arg, tn_error *err)
{
    int64_t value;

    (void)arg;
    tn_status status = tn_get(tx, "select value from counter", NULL, tn_into(&value), err);
    if (status == TN_OK)
        status = tn_exec(tx, "update counter set value = $1", tn_args(value + 1), NULL, err);
    return status;
}

static void count(void *arg)
{
    struct neighbour *n = arg;
    tn_txn_options options = TN_TXN_OPTIONS_INIT;

    options.isolation = TN_SERIALIZABLE;
    options.retries = 1000;
    n->status = tn_transaction(n->street->db, &options, add_one, NULL, &n->error);
    latch_done(n->over);
}

static tn_status check_count(const struct street *street, const struct neighbour *all, int fibers,
                             tn_error *err)
{
    int64_t value = 0;

    for (int i = 0; i < fibers; i++)
        if (all[i].status != TN_OK)
            return unexpected(err, "a transaction with retries", &all[i].error);
    tn_status status = tn_get(street->db, "select value from counter", NULL, tn_into(&value), err);
    if (status == TN_OK && value != fibers)
        status = tn_error_set(err, TN_FAILED, NULL, "%d fibers counted to %lld", fibers,
                              (long long)value);
    return status;
}

tn_status street_retries(const struct street *street, int fibers, tn_error *err)
{
    struct neighbour *all = NULL;

    tn_status status = tn_exec_script(street->db,
                                      "drop table if exists counter;"
                                      "create table counter (value bigint);"
                                      "insert into counter (value) values (0)",
                                      err);
    if (status == TN_OK) {
        all = run(street, fibers, count, err);
        status = all ? check_count(street, all, fibers, err) : TN_RESOURCE;
    }
    free(all);
    tn_status dropped = tn_exec(street->db, "drop table if exists counter", NULL, NULL,
                                status == TN_OK ? err : NULL);
    return status != TN_OK ? status : dropped;
}
