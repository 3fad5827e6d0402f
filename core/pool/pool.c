/* SPDX-License-Identifier: MIT */
/*
 * A connection, or the right to open one, goes straight from who gives it up to who has waited
 * longest: nobody who comes later can take it in between. What can block (connecting, pinging,
 * resetting, closing) is done outside the lock, by the thread that needs it.
 */
#include "pool/pool.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/str.h"
#include "config/config.h"
#include "config/observe.h"
#include "observe/log.h"
#include "session/fork.h"

enum { PING_AFTER_IDLE_MS = 1000, PING_MS = 5000, RESET_MS = 5000 };

struct tn__waiter {
    pthread_cond_t ready;
    tn__conn *conn; /* handed over */
    bool may_open;  /* a slot handed over: the waiter opens a connection itself */
    bool done;
    tn__waiter *next;
};

static tn__pool *pool_of(tn__provider *provider)
{
    return (tn__pool *)provider;
}

/* ---- waiters (all under the lock) ------------------------------------------------------------ */

static void enqueue(tn__pool *pool, tn__waiter *waiter)
{
    if (pool->last_waiter)
        pool->last_waiter->next = waiter;
    else
        pool->first_waiter = waiter;
    pool->last_waiter = waiter;
    pool->n_waiting++;
}

static void dequeue(tn__pool *pool, tn__waiter *waiter)
{
    tn__waiter *before = NULL;

    for (tn__waiter *at = pool->first_waiter; at; before = at, at = at->next) {
        if (at != waiter)
            continue;
        *(before ? &before->next : &pool->first_waiter) = at->next;
        if (pool->last_waiter == at)
            pool->last_waiter = before;
        pool->n_waiting--;
        return;
    }
}

static bool hand_over(tn__pool *pool, tn__conn *conn)
{
    tn__waiter *waiter = pool->first_waiter;

    if (!waiter)
        return false;
    dequeue(pool, waiter);
    waiter->conn = conn;
    waiter->may_open = conn == NULL;
    waiter->done = true;
    pthread_cond_signal(&waiter->ready);
    return true;
}

/* ---- slots (all under the lock) -------------------------------------------------------------- */

static void lend(tn__pool *pool, tn__conn *conn)
{
    conn->next = pool->lent;
    pool->lent = conn;
    pool->in_use++;
    pool->acquires++;
}

/* It still counts as in use until its slot is given on. */
static void unlend(tn__pool *pool, tn__conn *conn)
{
    for (tn__conn **at = &pool->lent; *at; at = &(*at)->next)
        if (*at == conn) {
            *at = conn->next;
            break;
        }
    conn->next = NULL;
}

/* A slot is free: its right to open goes to the first waiter, or it is given up. */
static void free_slot(tn__pool *pool)
{
    if (pool->closing || !hand_over(pool, NULL))
        pool->total--;
}

static void count_closed(tn__pool *pool, const tn__conn *conn)
{
    pool->destroyed++;
    tn__conn_add_stats(conn, &pool->retired);
}

/* ---- acquire --------------------------------------------------------------------------------- */

static tn_status exhausted(tn__pool *pool, int64_t waited_ms, tn_error *err)
{
    tn_error_set(err, TN_TIMEOUT, "53300",
                 "no connection within %lld ms: %u of %u in use, %u idle, %u waiting",
                 (long long)waited_ms, pool->in_use, pool->max, pool->n_idle, pool->n_waiting);
    if (!err)
        return TN_TIMEOUT;
    err->phase = TN_PHASE_ACQUIRE;
    err->outcome = TN_OUTCOME_NOT_APPLIED;
    err->retry = TN_RETRY_STATEMENT;
    if (pool->last_connect_error.status != TN_OK)
        snprintf(err->detail, sizeof(err->detail), "the last connection attempt failed: %.400s",
                 pool->last_connect_error.message);
    tn_error_set_hint(err, "are connections kept by unclosed rows, sessions or transactions? "
                           "DB_MAX_CONNECTIONS and DB_POOL_TIMEOUT are the limits");
    return TN_TIMEOUT;
}

static bool wait_turn(tn__pool *pool, tn__waiter *waiter, int64_t deadline_ns)
{
    const struct timespec until = {.tv_sec = deadline_ns / TN__NS_PER_S,
                                   .tv_nsec = deadline_ns % TN__NS_PER_S};

    while (!waiter->done) {
        int error = deadline_ns == TN_NO_DEADLINE
                        ? pthread_cond_wait(&waiter->ready, &pool->lock)
                        : pthread_cond_timedwait(&waiter->ready, &pool->lock, &until);
        if (error == ETIMEDOUT && !waiter->done)
            return false;
    }
    return true;
}

/* Under the lock: an idle connection, the right to open one, or a place in the queue. */
static tn_status wait_in_line(tn__pool *pool, int64_t deadline_ns, tn__conn **ret, tn_error *err)
{
    tn__waiter waiter = {0};
    pthread_condattr_t monotonic;
    int64_t since = tn__now_ns();

    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&waiter.ready, &monotonic);
    pthread_condattr_destroy(&monotonic);
    enqueue(pool, &waiter);
    tn_status status = TN_OK;
    if (!wait_turn(pool, &waiter, deadline_ns)) {
        pool->timeouts++;
        status = exhausted(pool, (tn__now_ns() - since) / TN__NS_PER_MS, err);
        dequeue(pool, &waiter);
    } else if (!waiter.conn && !waiter.may_open) {
        status = tn_error_set(err, TN_SHUTDOWN, NULL, "the client is being closed");
    }
    pthread_cond_destroy(&waiter.ready);
    if (status == TN_OK)
        *ret = waiter.conn;
    return status;
}

static tn_status take_slot(tn__pool *pool, int64_t deadline_ns, tn__conn **ret, tn_error *err)
{
    if (pool->closing)
        return tn_error_set(err, TN_SHUTDOWN, NULL, "the client is being closed");
    *ret = NULL;
    if (pool->first_waiter == NULL && pool->idle) {
        *ret = pool->idle;
        pool->idle = (*ret)->next;
        pool->n_idle--;
        return TN_OK;
    }
    if (pool->first_waiter == NULL && pool->total < pool->max) {
        pool->total++;
        return TN_OK;
    }
    return wait_in_line(pool, deadline_ns, ret, err);
}

/* Outside the lock; the slot is ours. */
static tn_status open_connection(tn__pool *pool, int64_t deadline_ns, tn__conn **ret, tn_error *err)
{
    int64_t limit = tn__deadline_after_ms(tn__now_ns(), pool->connect_timeout_ms);
    tn_error why = TN_ERROR_INIT;

    tn_status status = tn__conn_open(&pool->plan, tn__deadline_min(limit, deadline_ns), ret, &why);
    if (status != TN_OK && why.phase == TN_PHASE_NONE)
        why.phase = TN_PHASE_CONNECT;
    pthread_mutex_lock(&pool->lock);
    pool->last_connect_error = why;
    if (status == TN_OK)
        pool->created++;
    pthread_mutex_unlock(&pool->lock);
    if (status != TN_OK && err)
        *err = why;
    return status;
}

/* Up to an eighth is taken off, differently for each, so that connections which were made together
 * do not all end together. */
static bool too_old(const tn__pool *pool, const tn__conn *conn, int64_t now)
{
    int64_t spread = (int64_t)((uintptr_t)conn >> 4 & 127);

    return pool->max_lifetime_ns &&
           now - conn->created_ns > pool->max_lifetime_ns - pool->max_lifetime_ns / 1024 * spread;
}

/* Under the lock: takes one connection that was idle for too long or is too old out of the pool. */
static tn__conn *take_expired(tn__pool *pool, int64_t now)
{
    for (tn__conn **at = &pool->idle; *at; at = &(*at)->next) {
        tn__conn *conn = *at;
        bool idle_long = pool->idle_timeout_ns && pool->total > pool->min &&
                         now - conn->idle_since_ns > pool->idle_timeout_ns;
        if (!idle_long && !too_old(pool, conn, now))
            continue;
        *at = conn->next;
        pool->n_idle--;
        count_closed(pool, conn);
        return conn;
    }
    return NULL;
}

/* The slot is given on only when the connection is closed: the maximum holds at every moment. */
static void close_expired(tn__pool *pool)
{
    tn__conn *conn;

    pthread_mutex_lock(&pool->lock);
    while ((conn = take_expired(pool, tn__now_ns()))) {
        pthread_mutex_unlock(&pool->lock);
        tn__conn_close(conn);
        pthread_mutex_lock(&pool->lock);
        free_slot(pool);
    }
    pthread_mutex_unlock(&pool->lock);
}

/* One that lay idle for long may have died meanwhile; one that did not is taken as it is. */
static bool is_fresh(const tn__pool *pool, const tn__conn *conn, int64_t now)
{
    return now - conn->idle_since_ns < PING_AFTER_IDLE_MS * TN__NS_PER_MS &&
           !too_old(pool, conn, now);
}

static bool still_alive(const tn__pool *pool, tn__conn *conn, int64_t now, int64_t deadline_ns)
{
    int64_t limit = tn__deadline_min(deadline_ns, tn__deadline_after_ms(now, PING_MS));

    return !too_old(pool, conn, now) && conn->driver->conn.ping(conn->drv, limit, NULL) == TN_OK;
}

/* Outside the lock: an idle connection that is not fresh is asked, or replaced; without one the
 * slot is filled. */
static tn_status prove(tn__pool *pool, int64_t now, int64_t deadline_ns, tn__conn **conn,
                       tn_error *err)
{
    tn_status status = TN_OK;

    if (*conn && !still_alive(pool, *conn, now, deadline_ns)) {
        pthread_mutex_lock(&pool->lock);
        count_closed(pool, *conn);
        pthread_mutex_unlock(&pool->lock);
        tn__conn_close(*conn);
        *conn = NULL;
    }
    if (!*conn)
        status = open_connection(pool, deadline_ns, conn, err);
    pthread_mutex_lock(&pool->lock);
    if (status == TN_OK)
        lend(pool, *conn);
    else
        free_slot(pool);
    pthread_mutex_unlock(&pool->lock);
    return status;
}

static tn_status borrow(tn__pool *pool, int64_t now, int64_t deadline_ns, tn__conn **ret,
                        tn_error *err)
{
    tn__conn *conn;

    tn_status status = tn__provider_check(&pool->provider, err);
    if (status != TN_OK)
        return status;
    pthread_mutex_lock(&pool->lock);
    status = take_slot(pool, deadline_ns, &conn, err);
    bool fresh = status == TN_OK && conn && is_fresh(pool, conn, now);
    if (fresh)
        lend(pool, conn);
    pthread_mutex_unlock(&pool->lock);
    if (status == TN_OK && !fresh)
        status = prove(pool, now, deadline_ns, &conn, err);
    if (status == TN_OK)
        *ret = conn;
    return status;
}

static tn_status pool_acquire(tn__provider *provider, int64_t deadline_ns, tn__conn **ret,
                              tn_error *err)
{
    int64_t now = tn__now_ns();
    int64_t patience = tn__deadline_after_ms(now, provider->pool_timeout_ms);

    return borrow(pool_of(provider), now, tn__deadline_min(deadline_ns, patience), ret, err);
}

tn_status tn__pool_connect(tn__pool *pool, int64_t deadline_ns, tn_error *err)
{
    tn__conn *conn;

    tn_status status = borrow(pool, tn__now_ns(), deadline_ns, &conn, err);
    if (status == TN_OK)
        pool->provider.release(&pool->provider, conn);
    return status;
}

/* ---- release --------------------------------------------------------------------------------- */

static void free_pool(tn__pool *pool)
{
    if (pool->plan.source)
        pool->plan.driver->conn.close_source(pool->plan.source);
    pthread_mutex_destroy(&pool->lock);
    free(pool->url);
    free(pool);
}

/* Releases are frequent, expiry is not: look at most once a second. */
static bool oldest_needs_a_look(tn__pool *pool, int64_t now)
{
    if (now - pool->looked_ns < TN__NS_PER_S)
        return false;
    pool->looked_ns = now;
    return pool->n_idle > 1;
}

static void keep_connection(tn__pool *pool, tn__conn *conn)
{
    pool->in_use--;
    if (hand_over(pool, conn))
        return;
    conn->next = pool->idle;
    pool->idle = conn;
    pool->n_idle++;
}

/* Closes it and gives its slot on; the last one to leave a client that is closed frees it. */
static void close_connection(tn__pool *pool, tn__conn *conn)
{
    tn_statistics counted = TN_STATISTICS_INIT;

    tn__conn_add_stats(conn, &counted);
    tn__conn_close(conn);
    pthread_mutex_lock(&pool->lock);
    pool->in_use--;
    pool->destroyed++;
    tn__stats_merge(&pool->retired, &counted);
    free_slot(pool);
    bool last = pool->closing && pool->in_use == 0;
    pthread_mutex_unlock(&pool->lock);
    if (last)
        free_pool(pool);
}

static void pool_release(tn__provider *provider, tn__conn *conn)
{
    tn__pool *pool = pool_of(provider);
    bool look = false;

    if (tn__provider_check(&pool->provider, NULL) != TN_OK)
        return; /* the parent's connection: not ours to touch */
    int64_t now = tn__now_ns();
    bool keep = tn__conn_reset(conn, tn__deadline_after_ms(now, RESET_MS));
    conn->idle_since_ns = now;

    pthread_mutex_lock(&pool->lock);
    unlend(pool, conn);
    keep = keep && !pool->closing;
    if (keep) {
        keep_connection(pool, conn);
        look = oldest_needs_a_look(pool, now);
    }
    pthread_mutex_unlock(&pool->lock);
    if (!keep)
        close_connection(pool, conn);
    else if (look)
        close_expired(pool);
}

static void pool_cancel_all(tn__provider *provider)
{
    tn__pool *pool = pool_of(provider);

    pthread_mutex_lock(&pool->lock);
    for (tn__conn *conn = pool->lent; conn; conn = conn->next)
        tn__host_cancel(&conn->host);
    pthread_mutex_unlock(&pool->lock);
}

/* ---- life ------------------------------------------------------------------------------------ */

tn_status tn__pool_new(const tn__conn_plan *plan, char *url, const tn_config *config,
                       tn__pool **ret, tn_error *err)
{
    tn__pool *pool = calloc(1, sizeof(*pool));

    if (!pool)
        return tn_error_set(err, TN_NOMEM, NULL, "out of memory");
    pool->provider = (tn__provider){
        .acquire = pool_acquire,
        .release = pool_release,
        .cancel_all = pool_cancel_all,
        .fork_generation = tn__fork_watch(),
        .pool_timeout_ms = tn__config_number(config, TN__OPT_POOL_TIMEOUT),
        .statement_timeout_ms = tn__config_number(config, TN__OPT_STATEMENT_TIMEOUT),
        .row_buffer = (size_t)tn__config_number(config, TN__OPT_ROW_BUFFER),
    };
    tn__observe_configure(&pool->provider.observe, config, url);
    pool->client.magic = TN__DB_MAGIC;
    pool->client.kind = TN__DB_CLIENT;
    pool->client.provider = &pool->provider;
    pool->client.deadline_ns = TN_NO_DEADLINE;
    pool->plan = *plan;
    pool->url = url;
    pool->connect_timeout_ms = tn__config_number(config, TN__OPT_CONNECTION_TIMEOUT);
    pool->max = (uint32_t)tn__config_number(config, TN__OPT_MAX_CONNECTIONS);
    pool->min = (uint32_t)tn__config_number(config, TN__OPT_MIN_CONNECTIONS);
    pool->idle_timeout_ns = tn__config_number(config, TN__OPT_IDLE_TIMEOUT) * TN__NS_PER_MS;
    pool->max_lifetime_ns = tn__config_number(config, TN__OPT_MAX_LIFETIME) * TN__NS_PER_MS;
    pthread_mutex_init(&pool->lock, NULL);
    *ret = pool;
    return TN_OK;
}

static void refuse_waiters(tn__pool *pool)
{
    for (tn__waiter *waiter = pool->first_waiter; waiter; waiter = pool->first_waiter) {
        dequeue(pool, waiter);
        waiter->done = true;
        pthread_cond_signal(&waiter->ready);
    }
}

tn_status tn__pool_close(tn__pool *pool, tn_error *err)
{
    tn_status status = tn__provider_check(&pool->provider, err);
    if (status != TN_OK)
        return status; /* memory and descriptors stay: closing them would speak to the server */

    pthread_mutex_lock(&pool->lock);
    pool->closing = true;
    pool->client.magic = 0;
    refuse_waiters(pool);
    tn__conn *idle = pool->idle;
    pool->idle = NULL;
    pool->total -= pool->n_idle;
    pool->n_idle = 0;
    uint32_t in_use = pool->in_use;
    pthread_mutex_unlock(&pool->lock);
    while (idle) {
        tn__conn *next = idle->next;
        tn__conn_close(idle);
        idle = next;
    }
    if (in_use == 0) {
        free_pool(pool);
        return TN_OK;
    }
    tn_error_set(err, TN_MISUSE, NULL,
                 "tn_db_close: %u connections are still in use by rows, sessions or transactions",
                 in_use);
    tn_error_set_hint(err, "close them first (tn_close, tn_release, tn_commit, tn_rollback)");
    return TN_MISUSE;
}

/* Lent connections go on counting meanwhile. */
static void sum_up(const tn__pool *pool, tn_statistics *ret)
{
    tn__stats_merge(ret, &pool->retired);
    for (const tn__conn *conn = pool->idle; conn; conn = conn->next)
        tn__conn_add_stats(conn, ret);
    for (const tn__conn *conn = pool->lent; conn; conn = conn->next)
        tn__conn_add_stats(conn, ret);
    ret->max = pool->max;
    ret->total = pool->total;
    ret->in_use = pool->in_use;
    ret->idle = pool->n_idle;
    ret->waiting = pool->n_waiting;
    ret->acquires = pool->acquires;
    ret->timeouts = pool->timeouts;
    ret->created = pool->created;
    ret->destroyed[TN_CLOSED_OTHER] = pool->destroyed;
}

void tn__pool_statistics(tn__pool *pool, tn_statistics *ret)
{
    pthread_mutex_lock(&pool->lock);
    sum_up(pool, ret);
    pthread_mutex_unlock(&pool->lock);
}

void tn__pool_stats(tn__pool *pool, tn_pool_stats *ret)
{
    tn_statistics all = TN_STATISTICS_INIT;

    tn__pool_statistics(pool, &all);
    *ret = (tn_pool_stats){
        .max = all.max,
        .total = all.total,
        .in_use = all.in_use,
        .idle = all.idle,
        .waiting = all.waiting,
        .acquires = all.acquires,
        .timeouts = all.timeouts,
        .created = all.created,
        .destroyed = all.destroyed[TN_CLOSED_OTHER],
        .statement_cache_hits = all.cache_hits,
        .statement_cache_misses = all.cache_misses,
    };
}
