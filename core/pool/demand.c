/* SPDX-License-Identifier: MIT */
/*
 * When a connection is made, and what its failure means. A server that is away is asked by one
 * attempt at a time, later and later; those who wait go on waiting, by their own deadlines. What
 * will not get better by itself (a wrong password) fails them at once, unless connections that are
 * in use may still come back to them.
 *
 * Where connecting waits for nobody else, borrowers do it themselves: all of this is for drivers
 * with TN_CAP_REMOTE, but for the right to open that goes from hand to hand.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/relaxed.h"
#include "observe/log.h"
#include "pool/connector.h"
#include "pool/pool.h"

enum {
    CONNECTING_MAX = 4,
    BACKOFF_FIRST_MS = 100,
    BACKOFF_WAITED_MS = 500, /* while somebody waits: a server that is back is found within that */
    BACKOFF_IDLE_MS = 5000
};

struct tn__order {
    tn__pool *pool;
    tn__conn *conn;
    tn__order *next;
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
static int64_t backoff_ns(uint32_t failures, int64_t most_ms)
{
    tn_uuid random = tn_uuid_random();
    int64_t ms = BACKOFF_FIRST_MS << (failures < 8 ? failures - 1 : 7);

    ms = ms < most_ms ? ms : most_ms;
    return ms * TN__NS_PER_MS * (800 + (random.bytes[0] << 8 | random.bytes[1]) * 400 / 65536) /
           1000;
}

static void log_failure(const tn__pool *pool, const tn_error *why, int64_t pause_ns)
{
    tn__log(TN_LOG_WARN, "pool", "connecting failed (%u in a row), next attempt in %lld ms: %s",
            pool->gate.failures, (long long)(pause_ns / TN__NS_PER_MS), why->message);
}

static void fail_those_who_asked(tn__pool *pool, const tn_error *why)
{
    for (tn__waiter *waiter = pool->queue.first, *next; waiter; waiter = next) {
        next = waiter->next;
        if (waiter->once)
            tn__queue_fail(&pool->queue, waiter, why);
    }
}

static void failed(tn__pool *pool, const tn_error *why)
{
    tn__demand_note(pool, why);
    if (pool->closing)
        return;
    fail_those_who_asked(pool, why);
    bool others = pool->n[TN__SLOT_LENT] || pool->n[TN__SLOT_IDLE] || pool->n[TN__SLOT_OPENING];
    if (!tn__may_come_back(why) && !others)
        tn__queue_fail_all(&pool->queue, why);
    pool->gate.failures++;
    pool->gate.failed_ns = tn__now_ns();
    int64_t pause = backoff_ns(pool->gate.failures,
                               pool->queue.first ? BACKOFF_WAITED_MS : BACKOFF_IDLE_MS);
    pool->gate.retry_at_ns = pool->gate.failed_ns + pause;
    if (tn__log_wanted(TN_LOG_WARN))
        log_failure(pool, why, pause);
    tn__upkeep_by(pool, pool->gate.retry_at_ns);
}

/* ---- an attempt ------------------------------------------------------------------------------ */

static void unlist(tn__pool *pool, tn__order *order)
{
    for (tn__order **at = &pool->orders; *at; at = &(*at)->next)
        if (*at == order) {
            *at = order->next;
            return;
        }
}

/* A new connection: the first one who waits gets it, else it lies ready for the next. */
static void ready(tn__pool *pool, tn__conn *conn)
{
    int64_t now = tn__now_ns();

    tn__demand_note(pool, NULL);
    pool->gate.failures = 0;
    if (!pool->suspended && pool->queue.first) {
        tn__slot_lend(pool, conn, TN__SLOT_OPENING, now);
        tn__queue_hand(&pool->queue, conn);
    } else {
        conn->idle_since_ns = now;
        tn__slot_move(pool, conn, TN__SLOT_OPENING, TN__SLOT_IDLE);
        tn__upkeep_by(pool, now + TN__NS_PER_S);
    }
}

static void connected(void *arg, tn__conn *conn, const tn_error *why)
{
    tn__order *order = arg;
    tn__pool *pool = order->pool;

    pthread_mutex_lock(&pool->lock);
    pool->pins++;
    unlist(pool, order);
    bool wanted = !why && !pool->closing && conn->source == pool->source &&
                  tn__slot_total(pool) <= pool->max;
    if (wanted) {
        ready(pool, conn);
    } else {
        tn__slot_move(pool, NULL, TN__SLOT_OPENING, TN__SLOT_CLOSING);
        pthread_mutex_unlock(&pool->lock);
        tn__conn_close(conn);
        pthread_mutex_lock(&pool->lock);
        tn__slot_move(pool, NULL, TN__SLOT_CLOSING, TN__SLOT_NONE);
        if (why)
            failed(pool, why);
    }
    free(order);
    tn__demand(pool);
    pthread_cond_broadcast(&pool->changed);
    pool->pins--;
    tn__pool_unlock_and_free(pool);
}

static tn_status place_order(tn__pool *pool, tn_error *err)
{
    int64_t deadline = tn__deadline_after_ms(tn__now_ns(), tn__relaxed(&pool->connect_timeout_ms));
    tn__order *order = malloc(sizeof(*order));
    tn__conn *conn = NULL;

    if (!order)
        return tn_error_set(err, TN_NOMEM, NULL, "out of memory");
    tn_status status = tn__conn_new(pool->source, &conn, err);
    if (status == TN_OK) {
        *order = (tn__order){.pool = pool, .conn = conn, .next = pool->orders};
        status = tn__connector_start(conn, deadline, connected, order, err);
    }
    if (status != TN_OK) {
        tn__conn_close(conn);
        free(order);
        return status;
    }
    pool->orders = order;
    tn__slot_move(pool, NULL, TN__SLOT_NONE, TN__SLOT_OPENING);
    return TN_OK;
}

void tn__demand_abort(tn__pool *pool)
{
    for (tn__order *order = pool->orders; order; order = order->next)
        tn__host_stop(&order->conn->host);
}

/* ---- when ------------------------------------------------------------------------------------ */

/* How many attempts may be under way now. */
static uint32_t allowed(tn__pool *pool)
{
    int64_t now, retry_at = pool->gate.retry_at_ns;

    if (!pool->gate.failures)
        return CONNECTING_MAX;
    now = tn__now_ns();
    /* The pause was chosen when nobody waited. */
    if (pool->queue.first && retry_at > pool->gate.failed_ns + BACKOFF_WAITED_MS * TN__NS_PER_MS)
        retry_at = pool->gate.failed_ns + BACKOFF_WAITED_MS * TN__NS_PER_MS;
    if (now >= retry_at)
        return 1;
    tn__upkeep_by(pool, retry_at);
    return 0;
}

static bool wanted(const tn__pool *pool)
{
    uint32_t total = tn__slot_total(pool);

    return total < pool->max &&
           (pool->queue.count > pool->n[TN__SLOT_OPENING] || total < pool->min);
}

void tn__demand(tn__pool *pool)
{
    tn_error why = TN_ERROR_INIT;

    if (pool->closing || pool->suspended || !tn__source_remote(pool->source))
        return;
    while (wanted(pool) && pool->n[TN__SLOT_OPENING] < allowed(pool))
        if (place_order(pool, &why) != TN_OK) {
            failed(pool, &why);
            return;
        }
}

void tn__demand_slot(tn__pool *pool)
{
    if (!pool->closing && !pool->suspended && !tn__source_remote(pool->source)) {
        while (pool->queue.first && tn__slot_total(pool) < pool->max) {
            tn__slot_move(pool, NULL, TN__SLOT_NONE, TN__SLOT_OPENING);
            tn__queue_hand(&pool->queue, NULL);
        }
    } else {
        tn__demand(pool);
    }
    if (pool->closing || pool->suspended)
        pthread_cond_broadcast(&pool->changed);
}
