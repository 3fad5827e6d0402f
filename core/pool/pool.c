/* SPDX-License-Identifier: MIT */
/*
 * Borrowing and giving back. A connection, or the right to open one, goes straight from who gives
 * it up to who has waited longest: nobody who comes later can take it in between. What can block
 * (pinging, resetting, closing) is done outside the lock, by the thread that needs it.
 */
#include "pool/pool.h"

#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/relaxed.h"
#include "config/config.h"
#include "pool/holders.h"
#include "pool/replica.h"
#include "pool/resolve.h"
#include "session/fork.h"

enum {
    LOOK_AFTER_IDLE_NS = 1000000, /* unused for less: nothing is looked at */
    PING_AFTER_IDLE_MS = 1000,
    PING_MS = 5000,
    RESET_MS = 1000
};

static tn__pool *pool_of(tn__provider *provider)
{
    return (tn__pool *)provider;
}

/* ---- in line (under the lock) ---------------------------------------------------------------- */

/* What a borrower wants. */
typedef struct wish {
    int64_t now_ns;
    int64_t deadline_ns;
    bool once;  /* the first failure to connect is the answer */
    bool front; /* its turn had come already, with a connection that proved to be dead */
} wish;

static tn_status shutting_down(tn_error *err)
{
    return tn_error_set(err, TN_SHUTDOWN, NULL, "the client is being closed");
}

/* A connection in *ret, or NULL there and the right to open one. */
static tn_status wait_in_line(tn__pool *pool, const wish *want, tn__conn **ret, tn_error *err)
{
    tn__source *source = tn__source_ref(pool->source);
    tn__waiter waiter = {.once = want->once, .why = err};

    tn_status status = tn__waiter_init(&waiter, source->wait, err);
    if (status != TN_OK) {
        tn__source_unref(source);
        return status;
    }
    tn__queue_put(&pool->queue, &waiter, want->front);
    tn__demand(pool);
    if (!tn__waiter_sleep(&waiter, &pool->lock, source, want->deadline_ns)) {
        pool->timeouts++;
        status = tn__holders_explain(pool, (tn__now_ns() - want->now_ns) / TN__NS_PER_MS, err);
        tn__queue_remove(&pool->queue, &waiter);
    } else {
        status = waiter.status;
    }
    pool->waits++;
    pool->waited_ns += tn__now_ns() - want->now_ns;
    tn__waiter_finish(&waiter);
    if (status == TN_OK)
        *ret = waiter.conn;
    /* The last reference may close it, which is not for under the lock; a pool keeps one. */
    tn__source_unref(source);
    return status;
}

static tn_status take_slot(tn__pool *pool, const wish *want, tn__conn **ret, tn_error *err)
{
    tn__conn *idle = pool->lists[TN__SLOT_IDLE];
    bool first = want->front || !pool->queue.first;

    if (pool->closing)
        return shutting_down(err);
    *ret = NULL;
    if (first && idle && !pool->suspended) {
        tn__slot_lend(pool, idle, TN__SLOT_IDLE, want->now_ns);
        *ret = idle;
        return TN_OK;
    }
    if (first && !pool->suspended && !tn__source_remote(pool->source) &&
        tn__slot_total(pool) < pool->max) {
        tn__slot_move(pool, NULL, TN__SLOT_NONE, TN__SLOT_OPENING);
        return TN_OK;
    }
    return wait_in_line(pool, want, ret, err);
}

/* Under the lock, on the borrower's own thread. */
static void sign(tn__conn *conn, const wish *want)
{
    conn->lease.thread = tn__thread_number();
    conn->lease.site = want->once ? (tn__site){0} : tn__site_take();
}

/* ---- opening one oneself, where that waits for nobody ---------------------------------------- */

static tn_status open_here(tn__pool *pool, const wish *want, tn__conn **ret, tn_error *err)
{
    int64_t limit = tn__deadline_after_ms(tn__now_ns(), tn__relaxed(&pool->connect_timeout_ms));
    tn_error why = TN_ERROR_INIT;
    tn__conn *conn = NULL;

    pthread_mutex_lock(&pool->lock);
    tn__source *source = tn__source_ref(pool->source);
    pthread_mutex_unlock(&pool->lock);
    tn_status status = tn__conn_open(source, tn__deadline_min(limit, want->deadline_ns), &conn,
                                     &why);
    tn__source_unref(source);
    if (status != TN_OK && why.phase == TN_PHASE_NONE)
        why.phase = TN_PHASE_CONNECT;
    pthread_mutex_lock(&pool->lock);
    tn__demand_note(pool, status == TN_OK ? NULL : &why);
    if (status == TN_OK) {
        tn__slot_lend(pool, conn, TN__SLOT_OPENING, tn__now_ns());
        sign(conn, want);
        *ret = conn;
    } else {
        tn__slot_move(pool, NULL, TN__SLOT_OPENING, TN__SLOT_NONE);
        tn__demand_slot(pool);
    }
    tn__pool_unlock_and_free(pool);
    if (status != TN_OK && err)
        *err = why;
    return status;
}

/* ---- is it still good? ----------------------------------------------------------------------- */

/* Up to an eighth is taken off, differently for each, so that connections which were made together
 * do not all end together. */
bool tn__pool_too_old(const tn__pool *pool, const tn__conn *conn, int64_t now_ns)
{
    int64_t spread = (int64_t)((uintptr_t)conn >> 4 & 127);

    return pool->max_lifetime_ns &&
           now_ns - conn->created_ns >
               pool->max_lifetime_ns - pool->max_lifetime_ns / 1024 * spread;
}

typedef enum check { CHECK_NOTHING = 0, CHECK_LOCAL, CHECK_PING, CHECK_NO_MORE } check;

static check check_for(const tn__pool *pool, const tn__conn *conn, int64_t now)
{
    int64_t idle = now - conn->idle_since_ns;

    if (tn__pool_too_old(pool, conn, now) || conn->source != pool->source)
        return CHECK_NO_MORE;
    if (idle >= PING_AFTER_IDLE_MS * TN__NS_PER_MS || conn->idle_since_ns < pool->suspect_ns)
        return CHECK_PING;
    return idle >= LOOK_AFTER_IDLE_NS && conn->driver->conn.alive ? CHECK_LOCAL : CHECK_NOTHING;
}

static bool last_used_before(const tn__pool *pool, const tn__conn *conn, int64_t since,
                             tn__why *ret_why)
{
    (void)pool;
    *ret_why = TN__WHY_PING;
    return conn->idle_since_ns < since;
}

/* Outside the lock. A ping that nobody answered tells of the network, not of one connection: the
 * others that have lain as long are given up with it, so that they do not cost a wait each. */
static bool passes(tn__pool *pool, tn__conn *conn, check what, int64_t deadline_ns)
{
    int64_t since = tn__now_ns();
    tn_error why = TN_ERROR_INIT;

    if (what == CHECK_LOCAL)
        return conn->driver->conn.alive(conn->drv);
    if (what == CHECK_NO_MORE)
        return false;
    tn_status status = conn->driver->conn.ping(
        conn->drv, tn__deadline_min(deadline_ns, tn__deadline_after_ms(since, PING_MS)), &why);
    if (status == TN_OK)
        return true;
    pthread_mutex_lock(&pool->lock);
    pool->suspect_ns = since;
    if (status == TN_TIMEOUT)
        tn__slot_close_idle(pool, last_used_before, since);
    pthread_mutex_unlock(&pool->lock);
    return false;
}

/* ---- borrow ---------------------------------------------------------------------------------- */

static void put_away(tn__pool *pool, tn__conn *conn, tn__why why)
{
    pthread_mutex_lock(&pool->lock);
    tn__slot_move(pool, conn, TN__SLOT_LENT, TN__SLOT_CLOSING);
    pool->acquires--; /* it was none */
    pthread_mutex_unlock(&pool->lock);
    tn__slot_close(pool, conn, why);
}

static tn_status borrow(tn__pool *pool, wish want, tn__conn **ret, tn_error *err)
{
    tn_status status = tn__provider_check(&pool->provider, err);
    tn__conn *conn;

    if (status != TN_OK)
        return status;
    for (;; want.front = true) {
        pthread_mutex_lock(&pool->lock);
        status = take_slot(pool, &want, &conn, err);
        check what = CHECK_NOTHING;
        if (status == TN_OK && conn) {
            what = check_for(pool, conn, want.now_ns);
            sign(conn, &want);
        }
        pthread_mutex_unlock(&pool->lock);
        if (status != TN_OK)
            return status;
        if (!conn)
            return open_here(pool, &want, ret, err);
        if (what == CHECK_NOTHING || passes(pool, conn, what, want.deadline_ns)) {
            *ret = conn;
            return TN_OK;
        }
        put_away(pool, conn, what == CHECK_NO_MORE ? TN__WHY_LIFETIME : TN__WHY_PING);
    }
}

static tn_status pool_acquire(tn__provider *provider, int64_t deadline_ns, tn__conn **ret,
                              tn_error *err)
{
    int64_t now = tn__now_ns();
    int64_t patience = tn__deadline_after_ms(now, tn__relaxed(&provider->pool_timeout_ms));
    const wish want = {.now_ns = now, .deadline_ns = tn__deadline_min(deadline_ns, patience)};

    return borrow(pool_of(provider), want, ret, err);
}

tn_status tn__pool_connect(tn__pool *pool, int64_t deadline_ns, tn_error *err)
{
    const wish want = {.now_ns = tn__now_ns(), .deadline_ns = deadline_ns, .once = true};
    tn__conn *conn;

    tn_status status = borrow(pool, want, &conn, err);
    if (status == TN_OK)
        pool->provider.release(&pool->provider, conn);
    return status;
}

/* ---- give back ------------------------------------------------------------------------------- */

void tn__pool_serve(tn__pool *pool)
{
    int64_t now = tn__now_ns();

    while (!pool->suspended && pool->queue.first && pool->lists[TN__SLOT_IDLE]) {
        tn__conn *conn = pool->lists[TN__SLOT_IDLE];
        tn__slot_lend(pool, conn, TN__SLOT_IDLE, now);
        tn__queue_hand(&pool->queue, conn);
    }
}

static void keep_connection(tn__pool *pool, tn__conn *conn, int64_t now)
{
    conn->idle_since_ns = now;
    if (!pool->suspended && pool->queue.first) {
        tn__slot_lend(pool, conn, TN__SLOT_LENT, now);
        tn__queue_hand(&pool->queue, conn);
        return;
    }
    tn__slot_move(pool, conn, TN__SLOT_LENT, TN__SLOT_IDLE);
    if (pool->idle_timeout_ns)
        tn__upkeep_by(pool, now + pool->idle_timeout_ns);
    if (pool->suspended)
        pthread_cond_broadcast(&pool->changed);
}

static bool may_stay(const tn__pool *pool, const tn__conn *conn, bool clean, tn__why *ret_why)
{
    if (conn->demoted)
        *ret_why = TN__WHY_DEMOTED;
    else if (conn->discard)
        *ret_why = TN__WHY_BROKEN;
    else if (!clean)
        *ret_why = TN__WHY_RESET;
    else if (pool->closing)
        *ret_why = TN__WHY_SHUTDOWN;
    else if (conn->source != pool->source || tn__slot_total(pool) > pool->max)
        *ret_why = TN__WHY_REPLACED;
    else
        return true;
    return false;
}

static void pool_release(tn__provider *provider, tn__conn *conn)
{
    tn__pool *pool = pool_of(provider);
    tn__why why = TN__WHY_BROKEN;

    if (tn__provider_check(&pool->provider, NULL) != TN_OK)
        return; /* the parent's connection: not ours to touch */
    int64_t now = tn__now_ns();
    bool clean = tn__conn_reset(conn, tn__deadline_after_ms(now, RESET_MS));

    pthread_mutex_lock(&pool->lock);
    bool stays = may_stay(pool, conn, clean, &why);
    if (stays) {
        keep_connection(pool, conn, now);
    } else {
        /* What ended one may have ended others: they are asked before they are used again. */
        if (why <= TN__WHY_RESET || why == TN__WHY_DEMOTED)
            pool->suspect_ns = now;
        tn__slot_move(pool, conn, TN__SLOT_LENT, TN__SLOT_CLOSING);
    }
    pthread_mutex_unlock(&pool->lock);
    if (!stays)
        tn__slot_close(pool, conn, why);
}

static void pool_cancel_all(tn__provider *provider)
{
    tn__pool *pool = pool_of(provider);

    pthread_mutex_lock(&pool->lock);
    for (tn__conn *conn = pool->lists[TN__SLOT_LENT]; conn; conn = conn->next)
        tn__host_cancel(&conn->host);
    pthread_mutex_unlock(&pool->lock);
}

/* ---- a pause --------------------------------------------------------------------------------- */

static void pause_by_wait(const tn__source *source, int64_t until_ns)
{
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

    if (fd < 0)
        return;
    while (tn__now_ns() < until_ns &&
           source->wait(source->wait_arg, fd, -1, TN_WAIT_READ, until_ns) == TN_WAIT_READY)
        continue;
    close(fd);
}

static void pool_pause(tn__provider *provider, int64_t ns)
{
    tn__pool *pool = pool_of(provider);
    int64_t until = tn__now_ns() + ns;

    pthread_mutex_lock(&pool->lock);
    tn__source *source = tn__source_ref(pool->source);
    while (!source->wait && !pool->closing && tn__cond_wait(&pool->changed, &pool->lock, until))
        continue;
    pthread_mutex_unlock(&pool->lock);
    if (source->wait)
        pause_by_wait(source, until);
    tn__source_unref(source);
}

/* ---- life ------------------------------------------------------------------------------------ */

void tn__pool_configure(tn__pool *pool, const tn_config *config)
{
    tn__provider *provider = &pool->provider;

    atomic_store(&provider->pool_timeout_ms, tn__config_number(config, TN__OPT_POOL_TIMEOUT));
    atomic_store(&provider->statement_timeout_ms,
                 tn__config_number(config, TN__OPT_STATEMENT_TIMEOUT));
    atomic_store(&provider->cancel_timeout_ms, tn__config_number(config, TN__OPT_CANCEL_TIMEOUT));
    atomic_store(&provider->row_buffer, (size_t)tn__config_number(config, TN__OPT_ROW_BUFFER));
    atomic_store(&pool->connect_timeout_ms, tn__config_number(config, TN__OPT_CONNECTION_TIMEOUT));
    pool->max = (uint32_t)tn__config_number(config, TN__OPT_MAX_CONNECTIONS);
    pool->min_wanted = (uint32_t)tn__config_number(config, TN__OPT_MIN_CONNECTIONS);
    pool->idle_timeout_ns = tn__config_number(config, TN__OPT_IDLE_TIMEOUT) * TN__NS_PER_MS;
    pool->max_lifetime_ns = tn__config_number(config, TN__OPT_MAX_LIFETIME) * TN__NS_PER_MS;
    pool->leak_ns = tn__config_number(config, TN__OPT_LEAK_TIMEOUT) * TN__NS_PER_MS;
}

tn_status tn__pool_new(tn__source *source, const tn_config *config, tn__pool **ret, tn_error *err)
{
    tn__pool *pool = calloc(1, sizeof(*pool));

    if (!pool)
        return tn_error_set(err, TN_NOMEM, NULL, "out of memory");
    pool->provider = (tn__provider){
        .acquire = pool_acquire,
        .release = pool_release,
        .cancel_all = pool_cancel_all,
        .find_outcome = tn__resolve,
        .reader = tn__replica_reader,
        .pause = pool_pause,
        .fork_generation = tn__fork_watch(),
    };
    pool->client.magic = TN__DB_MAGIC;
    pool->client.kind = TN__DB_CLIENT;
    pool->client.provider = &pool->provider;
    pool->client.deadline_ns = TN_NO_DEADLINE;
    pool->source = source;
    pool->driver = source->driver;
    pool->opened_ns = tn__now_ns();
    tn__pool_configure(pool, config);
    pthread_mutex_init(&pool->lock, NULL);
    tn__cond_init(&pool->changed);
    tn__cond_init(&pool->upkeep_wake);
    tn_status status = tn__upkeep_start(pool, err);
    if (status != TN_OK) {
        pool->source = NULL; /* the caller's still */
        pool->closed = true;
        pthread_mutex_lock(&pool->lock);
        tn__pool_unlock_and_free(pool);
        return status;
    }
    *ret = pool;
    return TN_OK;
}

static void free_memory(tn__pool *pool)
{
    pthread_cond_destroy(&pool->upkeep_wake);
    pthread_cond_destroy(&pool->changed);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

static void destroy(tn__pool *pool)
{
    for (tn__pool *replica = pool->replicas, *next; replica; replica = next) {
        next = replica->retired;
        free_memory(replica);
    }
    free_memory(pool);
}

/* A replica's memory is its parent's: a reader may have been given its provider just now. */
void tn__pool_unlock_and_free(tn__pool *pool)
{
    bool last = pool->closed && !pool->over && !pool->pins && !pool->orders && !pool->upkeep_runs &&
                tn__slot_total(pool) == 0;
    tn__source *source = last ? pool->source : NULL;
    tn__pool *parent = pool->parent;
    bool kept = pool->kept;

    if (last) {
        pool->source = NULL;
        pool->over = true;
    }
    pthread_mutex_unlock(&pool->lock);
    tn__source_unref(source);
    if (!last)
        return;
    if (parent) {
        pthread_mutex_lock(&parent->lock);
        parent->pins--;
        tn__pool_unlock_and_free(parent);
    } else if (!kept) {
        destroy(pool);
    }
}

void tn__pool_adopt_replica(tn__pool *pool, tn__pool *replica)
{
    replica->parent = pool;
    pthread_mutex_lock(&pool->lock);
    pool->pins++;
    replica->retired = pool->replicas;
    pool->replicas = replica;
    pool->replica = replica;
    pthread_mutex_unlock(&pool->lock);
}

void tn__pool_stats(tn__pool *pool, tn_pool_stats *ret)
{
    uint64_t destroyed = 0;

    pthread_mutex_lock(&pool->lock);
    for (int why = 0; why < TN__WHYS; why++)
        destroyed += pool->destroyed[why];
    *ret = (tn_pool_stats){
        .max = pool->max,
        .total = tn__slot_total(pool),
        .in_use = pool->n[TN__SLOT_LENT],
        .idle = pool->n[TN__SLOT_IDLE],
        .waiting = pool->queue.count,
        .acquires = pool->acquires,
        .timeouts = pool->timeouts,
        .created = pool->created,
        .destroyed = destroyed,
        .statement_cache_hits = pool->cache_hits,
        .statement_cache_misses = pool->cache_misses,
    };
    /* Lent connections count their own hits meanwhile; those are added when they are closed. */
    for (const tn__conn *conn = pool->lists[TN__SLOT_IDLE]; conn; conn = conn->next) {
        ret->statement_cache_hits += conn->cache.hits;
        ret->statement_cache_misses += conn->cache.misses;
    }
    pthread_mutex_unlock(&pool->lock);
}
