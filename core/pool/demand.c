/* SPDX-License-Identifier: MIT */
/*
 * When a connection is made, and what its failure means. A server that is away is asked by one
 * attempt at a time, later and later; those who wait go on waiting, by their own deadlines. What
 * will not get better by itself (a wrong password) fails them at once, unless connections that are
 * in use may still come back to them. An attempt that takes long may never end well (its packets
 * went into a network that was cut): while somebody waits another one is made beside it.
 *
 * Where connecting waits for nobody else, borrowers do it themselves: all of this is for drivers
 * with TN_CAP_REMOTE, but for the right to open that goes from hand to hand.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/relaxed.h"
#include "pool/connector.h"
#include "pool/pool.h"

enum {
    CONNECTING_MAX = 4,
    SLOW_MS = 1000, /* an attempt that has taken so long is no longer counted on */
    BACKOFF_FIRST_MS = 100,
    BACKOFF_WAITED_MS = 500, /* while somebody waits: a server that is back is found within that */
    BACKOFF_IDLE_MS = 5000
};

bool tn__may_come_back(const tn_error *err)
{
    return (err->status == TN_UNAVAILABLE &&
            (strcmp(err->sqlstate, "08001") == 0 || strncmp(err->sqlstate, "57P", 3) == 0 ||
             strcmp(err->sqlstate, "53300") == 0)) ||
           err->status == TN_TIMEOUT || err->status == TN_LOST || err->status == TN_RESOURCE;
}

void tn__demand_note(tn__pool *pool, const tn_error *err)
{
    if (err) {
        pool->last_connect_error = *err;
        pool->connect_failures++;
    } else {
        pool->last_connect_error.status = TN_OK;
        pool->created++;
    }
}

/* ---- failure --------------------------------------------------------------------------------- */

/* Doubled each time, a fifth more or less, so that many programs do not come all at once. */
int64_t tn__backoff_ns(uint32_t failures, int64_t most_ms)
{
    tn_uuid random = tn_uuid_random();
    int64_t ms = BACKOFF_FIRST_MS << (failures < 8 ? failures - 1 : 7);

    ms = ms < most_ms ? ms : most_ms;
    return ms * TN__NS_PER_MS * (800 + (random.bytes[0] << 8 | random.bytes[1]) * 400 / 65536) /
           1000;
}

static void fail_those_who_asked(tn__pool *pool, const tn_error *why)
{
    for (tn__waiter *waiter = pool->queue.first, *next; waiter; waiter = next) {
        next = waiter->next;
        if (waiter->once)
            tn__pool_fail(pool, waiter, why);
    }
}

static void failed(tn__pool *pool, const tn_error *why, int64_t begun_ns)
{
    tn__demand_note(pool, why);
    if (pool->closing)
        return;
    fail_those_who_asked(pool, why);
    if (begun_ns < pool->gate.opened_ns)
        return;
    bool in_use = pool->n[TN__SLOT_LENT] || pool->n[TN__SLOT_IDLE];
    /* Who wants a replica goes to the primary, and need not wait. */
    if (pool->parent || (!tn__may_come_back(why) && !in_use))
        tn__pool_fail_all(pool, why);
    pool->gate.failures++;
    pool->gate.failed_ns = tn__now_ns();
    int64_t pause = tn__backoff_ns(pool->gate.failures,
                                   pool->queue.first ? BACKOFF_WAITED_MS : BACKOFF_IDLE_MS);
    pool->gate.retry_at_ns = pool->gate.failed_ns + pause;
    pool->gate_unlogged = true;
    tn__upkeep_by(pool, pool->gate.failed_ns);
}

/* ---- an attempt ------------------------------------------------------------------------------ */

/* A new connection: the first one who waits gets it, else it lies ready for the next. */
static void ready(tn__pool *pool, tn__conn *conn)
{
    int64_t now = tn__now_ns();

    tn__demand_note(pool, NULL);
    pool->gate.failures = 0;
    pool->gate.opened_ns = now;
    tn__waiter *waiter = tn__pool_next(pool);
    if (waiter) {
        tn__pool_hand(pool, waiter, conn, TN__SLOT_OPENING, now);
        tn__waiter_wake(waiter);
    } else {
        tn__slot_move(pool, conn, TN__SLOT_OPENING, TN__SLOT_IDLE);
        tn__upkeep_by(pool, now + TN__NS_PER_S);
    }
}

/* Closes what was being connected; its slot is CLOSING until then. */
static void close_opening(tn__pool *pool, tn__conn *conn)
{
    tn__slot_move(pool, conn, TN__SLOT_OPENING, TN__SLOT_CLOSING);
    tn__pool_unlock(pool);
    tn__conn_close(conn);
    tn__pool_lock(pool);
}

/* What an attempt with a configuration that was replaced meanwhile ended with says nothing. */
static void connected(void *arg, tn__conn *conn, const tn_error *why)
{
    tn__pool *pool = arg;

    tn__pool_lock(pool);
    pool->pins++;
    bool current = conn->source == pool->source;
    int64_t begun = conn->begun_ns;
    if (!why && current && !pool->closing && tn__slot_total(pool) <= pool->max) {
        ready(pool, conn);
    } else {
        close_opening(pool, conn);
        tn__slot_move(pool, NULL, TN__SLOT_CLOSING, TN__SLOT_NONE);
        if (why && current)
            failed(pool, why, begun);
    }
    tn__demand(pool);
    tn__slot_came_free(pool);
    pool->pins--;
    tn__pool_unlock_and_free(pool);
}

static tn_status place_order(tn__pool *pool, tn_error *err)
{
    int64_t now = tn__now_ns();
    int64_t deadline = tn__deadline_after_ms(now, tn__relaxed(&pool->connect_timeout_ms));
    tn__conn *conn = NULL;

    tn_status status = tn__conn_new(pool->source, &conn, err);
    if (status == TN_OK) {
        conn->begun_ns = now;
        status = tn__connector_start(conn, deadline, connected, pool, err);
    }
    if (status != TN_OK) {
        tn__conn_close(conn);
        return status;
    }
    tn__slot_move(pool, conn, TN__SLOT_NONE, TN__SLOT_OPENING);
    return TN_OK;
}

void tn__demand_abort(tn__pool *pool)
{
    for (tn__conn *conn = pool->lists[TN__SLOT_OPENING]; conn; conn = conn->next)
        tn__host_stop(&conn->host);
}

/* ---- on the thread that wants it ------------------------------------------------------------- */

/* The lock is held, and given up meanwhile. */
static tn_status connect_once(tn__pool *pool, int64_t deadline_ns, tn__conn **ret, tn_error *err)
{
    tn__source *source = tn__source_ref(pool->source);

    tn__pool_unlock(pool);
    tn_status status = tn__conn_new(source, ret, err);
    tn__source_unref(source);
    tn__pool_lock(pool);
    if (status != TN_OK)
        return status;
    tn__slot_move(pool, NULL, TN__SLOT_OPENING, TN__SLOT_NONE);
    tn__slot_move(pool, *ret, TN__SLOT_NONE, TN__SLOT_OPENING);
    if (pool->closing)
        return TN_SHUTDOWN;
    tn__pool_unlock(pool);
    status = tn__conn_connect(*ret, deadline_ns, err);
    tn__pool_lock(pool);
    return pool->closing ? TN_SHUTDOWN : status;
}

tn_status tn__demand_here(tn__pool *pool, int64_t deadline_ns, tn__conn **ret, tn_error *err)
{
    for (;;) {
        tn__conn *conn = NULL;
        tn_status status = connect_once(pool, deadline_ns, &conn, err);
        bool replaced = conn && conn->source != pool->source;
        if (status == TN_OK && !replaced) {
            tn__demand_note(pool, NULL);
            *ret = conn;
            return TN_OK;
        }
        if (conn) {
            close_opening(pool, conn);
            tn__slot_move(pool, NULL, TN__SLOT_CLOSING, TN__SLOT_OPENING);
        }
        /* A configuration that was replaced meanwhile is nobody's fault. */
        if (replaced && !pool->closing && tn__now_ns() < deadline_ns)
            continue;
        if (pool->closing)
            status = tn__shutting_down(err);
        else
            tn__demand_note(pool, err);
        tn__slot_move(pool, NULL, TN__SLOT_OPENING, TN__SLOT_NONE);
        tn__demand_slot(pool);
        return status;
    }
}

tn_status tn__pool_connect_here(tn__pool *pool, int64_t deadline_ns, tn_error *err)
{
    tn__conn *conn = NULL;

    tn__pool_lock(pool);
    tn__slot_move(pool, NULL, TN__SLOT_NONE, TN__SLOT_OPENING);
    tn_status status = tn__demand_here(pool, deadline_ns, &conn, err);
    if (status == TN_OK)
        tn__slot_move(pool, conn, TN__SLOT_OPENING, TN__SLOT_IDLE);
    tn__pool_unlock(pool);
    return status;
}

/* ---- when ------------------------------------------------------------------------------------ */

/* The pause may have been chosen when nobody waited. */
static int64_t retry_at(const tn__pool *pool)
{
    int64_t most = pool->gate.failed_ns + BACKOFF_WAITED_MS * TN__NS_PER_MS;

    return pool->queue.first ? tn__deadline_min(pool->gate.retry_at_ns, most)
                             : pool->gate.retry_at_ns;
}

static int64_t slow_at(const tn__conn *conn)
{
    return conn->begun_ns + SLOW_MS * TN__NS_PER_MS;
}

/* Attempts that may soon come to something. */
static uint32_t hopeful(const tn__pool *pool)
{
    int64_t now = pool->lists[TN__SLOT_OPENING] ? tn__now_ns() : 0;
    uint32_t count = 0;

    for (const tn__conn *conn = pool->lists[TN__SLOT_OPENING]; conn; conn = conn->next)
        count += now < slow_at(conn);
    return count;
}

/* May one more attempt be made now? */
static bool allowed(tn__pool *pool)
{
    if (pool->n[TN__SLOT_OPENING] >= CONNECTING_MAX)
        return false;
    if (!pool->gate.failures)
        return true;
    if (tn__now_ns() >= retry_at(pool))
        return hopeful(pool) == 0;
    tn__upkeep_by(pool, retry_at(pool));
    return false;
}

/* Nobody asks for a replica that is away, so it is looked for without being asked. */
static bool wanted(const tn__pool *pool)
{
    uint32_t total = tn__slot_total(pool);
    bool missed = pool->parent && pool->gate.failures && !total;

    return !pool->closing && !pool->suspended && tn__source_remote(pool->source) &&
           total < pool->max && (pool->queue.count > hopeful(pool) || total < pool->min || missed);
}

/* When the first attempt that somebody counts on is to be doubted. */
static int64_t doubt_at(const tn__pool *pool)
{
    int64_t now = tn__now_ns(), due = TN_NO_DEADLINE;

    if (!pool->queue.first || pool->n[TN__SLOT_OPENING] >= CONNECTING_MAX)
        return TN_NO_DEADLINE;
    for (const tn__conn *conn = pool->lists[TN__SLOT_OPENING]; conn; conn = conn->next)
        if (now < slow_at(conn))
            due = tn__deadline_min(due, slow_at(conn));
    return due;
}

int64_t tn__demand_due(const tn__pool *pool)
{
    bool held_back = pool->gate.failures && !hopeful(pool) &&
                     pool->n[TN__SLOT_OPENING] < CONNECTING_MAX;

    return tn__deadline_min(doubt_at(pool),
                            held_back && wanted(pool) ? retry_at(pool) : TN_NO_DEADLINE);
}

void tn__demand(tn__pool *pool)
{
    tn_error why = TN_ERROR_INIT;

    while (wanted(pool) && allowed(pool))
        if (place_order(pool, &why) != TN_OK) {
            failed(pool, &why, tn__now_ns());
            return;
        }
    if (pool->lists[TN__SLOT_OPENING])
        tn__upkeep_by(pool, doubt_at(pool));
}

void tn__demand_slot(tn__pool *pool)
{
    if (!pool->closing && !pool->suspended && !tn__source_remote(pool->source)) {
        tn__waiter *waiter;
        while (tn__slot_total(pool) < pool->max && (waiter = tn__pool_next(pool))) {
            tn__slot_move(pool, NULL, TN__SLOT_NONE, TN__SLOT_OPENING);
            waiter->may_open = true;
            tn__waiter_wake(waiter);
        }
        if (tn__slot_total(pool) < pool->min)
            tn__upkeep_by(pool, tn__now_ns());
    } else {
        tn__demand(pool);
    }
    tn__slot_came_free(pool);
}
