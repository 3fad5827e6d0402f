/* SPDX-License-Identifier: MIT */
/*
 * Borrowing and giving back. A connection, or the right to open one, goes straight from who gives
 * it up to who has waited longest: nobody who comes later can take it in between. What can block
 * (pinging, resetting, closing) is done outside the lock, by the thread that needs it.
 */
#include "pool/borrow.h"

#include "base/clock.h"
#include "base/relaxed.h"
#include "observe/trace.h"
#include "pool/holders.h"

enum { RESET_MS = 1000 };

static tn__pool *pool_of(tn__provider *provider)
{
    return (tn__pool *)provider;
}

/* ---- in line (under the lock) ---------------------------------------------------------------- */

/* What a borrower wants. */
typedef struct wish {
    int64_t now_ns;
    int64_t deadline_ns;
    tn__site site;
    bool once;  /* the first failure to connect is the answer */
    bool front; /* its turn had come already, with a connection that proved to be dead */
    int64_t *ret_waited_ns; /* gets what was spent in line; may be NULL */
} wish;

static tn_status give_up(tn__pool *pool, const wish *want, tn_error *err)
{
    pool->timeouts++;
    return tn__holders_explain(pool, (tn__now_ns() - want->now_ns) / TN__NS_PER_MS, err);
}

/* A connection in *ret, or NULL there and the right to open one. The pool stays as long as somebody
 * is in its line. */
static tn_status wait_in_line(tn__pool *pool, const wish *want, tn__conn **ret, tn_error *err)
{
    tn__waiter waiter = {
        .once = want->once, .why = err, .thread = tn__thread_number(), .site = want->site};

    tn_status status = tn__waiter_init(&waiter, pool->source, err);
    if (status != TN_OK)
        return status;
    pool->pins++;
    tn__queue_put(&pool->queue, &waiter, want->front);
    tn__demand(pool);
    if (!tn__waiter_sleep(&waiter, &pool->lock, want->deadline_ns)) {
        status = give_up(pool, want, err);
        tn__queue_remove(&pool->queue, &waiter);
    } else {
        status = waiter.status;
    }
    pool->pins--;
    int64_t waited = tn__now_ns() - want->now_ns;
    pool->waits++;
    pool->waited_ns += waited;
    if (want->ret_waited_ns)
        *want->ret_waited_ns = waited;
    tn__waiter_finish(&waiter);
    if (status == TN_OK)
        *ret = waiter.conn;
    return status;
}

static tn_status take_slot(tn__pool *pool, const wish *want, tn__conn **ret, tn_error *err)
{
    tn__conn *idle = pool->lists[TN__SLOT_IDLE];
    bool first = (want->front || !pool->queue.first) && !pool->suspended;

    if (pool->closing)
        return tn__shutting_down(err);
    /* What was dead may have taken the whole time. */
    if (want->front && tn__now_ns() >= want->deadline_ns)
        return give_up(pool, want, err);
    *ret = NULL;
    if (first && idle) {
        tn__slot_lend(pool, idle, TN__SLOT_IDLE, want->now_ns);
        idle->lease.thread = tn__thread_number();
        idle->lease.site = want->site;
        *ret = idle;
        return TN_OK;
    }
    if (first && !tn__source_remote(pool->source) && tn__slot_total(pool) < pool->max) {
        tn__slot_move(pool, NULL, TN__SLOT_NONE, TN__SLOT_OPENING);
        return TN_OK;
    }
    return wait_in_line(pool, want, ret, err);
}

/* ---- opening one oneself, where that waits for nobody ---------------------------------------- */

static tn_status open_here(tn__pool *pool, const wish *want, tn__conn **ret, tn_error *err)
{
    int64_t limit = tn__deadline_after_ms(tn__now_ns(), tn__relaxed(&pool->connect_timeout_ms));
    tn_error why = TN_ERROR_INIT;
    tn__conn *conn = NULL;

    pthread_mutex_lock(&pool->lock);
    tn_status status = tn__demand_here(pool, tn__deadline_min(limit, want->deadline_ns), &conn,
                                       &why);
    if (status == TN_OK) {
        tn__slot_lend(pool, conn, TN__SLOT_OPENING, tn__now_ns());
        conn->lease.thread = tn__thread_number();
        conn->lease.site = want->site;
        *ret = conn;
    }
    tn__pool_unlock_and_free(pool);
    if (status != TN_OK && err)
        *err = why;
    return status;
}

/* ---- borrow ---------------------------------------------------------------------------------- */

static void put_away(tn__pool *pool, tn__conn *conn, tn__why why)
{
    pthread_mutex_lock(&pool->lock);
    tn__slot_move(pool, conn, TN__SLOT_LENT, TN__SLOT_CLOSING);
    pool->acquires--; /* it was none */
    pool->pins++;
    pthread_mutex_unlock(&pool->lock);
    tn__slot_close(pool, conn, why);
}

/* The pin of put_away() holds the pool until the next turn. */
static tn_status borrow(tn__pool *pool, wish want, tn__conn **ret, tn_error *err)
{
    tn_status status = tn__provider_check(&pool->provider, err);
    tn__conn *conn = NULL;

    if (status != TN_OK)
        return status;
    for (;; want.front = true) {
        tn__check what = TN__CHECK_NOTHING;
        tn__why why = TN__WHY_PING;
        pthread_mutex_lock(&pool->lock);
        pool->pins -= want.front;
        status = take_slot(pool, &want, &conn, err);
        if (status == TN_OK && conn)
            what = tn__check_for(pool, conn, want.now_ns, &why);
        tn__pool_unlock_and_free(pool);
        if (status != TN_OK)
            return status;
        if (!conn)
            return open_here(pool, &want, ret, err);
        if (what == TN__CHECK_NOTHING ||
            tn__check_passes(pool, conn, what, want.deadline_ns, &why)) {
            *ret = conn;
            return TN_OK;
        }
        put_away(pool, conn, why);
    }
}

/* The source is held on: its URL is told of twice. */
static tn_status borrow_traced(tn__pool *pool, wish want, tn__conn **ret, tn_error *err)
{
    int64_t waited = 0;
    tn_error why = TN_ERROR_INIT;
    tn__span span;

    /* In a child of fork the lock may be held for ever. */
    if (tn__provider_check(&pool->provider, err) != TN_OK)
        return TN_FORKED;
    pthread_mutex_lock(&pool->lock);
    tn__source *source = pool->source ? tn__source_ref(pool->source) : NULL;
    pthread_mutex_unlock(&pool->lock);
    tn_trace_event event = {.kind = TN_TRACE_ACQUIRE,
                            .start_ns = want.now_ns,
                            .driver = pool->driver->name,
                            .url = source ? source->url : ""};
    tn__trace_begin(&span, &event);
    want.ret_waited_ns = &waited;
    tn_status status = borrow(pool, want, ret, &why);
    event.worked_ns = waited;
    event.connection = status == TN_OK ? (*ret)->number : 0;
    event.error = status == TN_OK ? NULL : &why;
    tn__trace_end(&span, &event);
    tn__source_unref(source);
    if (status != TN_OK && err)
        *err = why;
    return status;
}

tn_status tn__borrow(tn__provider *provider, int64_t deadline_ns, tn__conn **ret, tn_error *err)
{
    int64_t now = tn__now_ns();
    int64_t patience = tn__deadline_after_ms(now, tn__relaxed(&provider->pool_timeout_ms));
    const wish want = {.now_ns = now,
                       .deadline_ns = tn__deadline_min(deadline_ns, patience),
                       .site = tn__site_take()};

    return TN_UNLIKELY(tn__trace_wanted(TN_TRACE_ACQUIRE))
               ? borrow_traced(pool_of(provider), want, ret, err)
               : borrow(pool_of(provider), want, ret, err);
}

tn_status tn__pool_connect(tn__pool *pool, int64_t deadline_ns, tn_error *err)
{
    const wish want = {.now_ns = tn__now_ns(), .deadline_ns = deadline_ns, .once = true};
    tn__conn *conn;

    tn_status status = borrow(pool, want, &conn, err);
    if (status == TN_OK)
        tn__give_back(&pool->provider, conn);
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
    tn__slot_came_free(pool);
    if (pool->idle_timeout_ns)
        tn__upkeep_by(pool, now + pool->idle_timeout_ns);
    if (pool->max_lifetime_ns)
        tn__upkeep_by(pool, tn__check_end_ns(pool, conn));
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

void tn__give_back(tn__provider *provider, tn__conn *conn)
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
        if (why == TN__WHY_DEMOTED)
            pool->demoted_ns = now;
        tn__slot_move(pool, conn, TN__SLOT_LENT, TN__SLOT_CLOSING);
    }
    pthread_mutex_unlock(&pool->lock);
    if (!stays)
        tn__slot_close(pool, conn, why);
}

/* ---- end what runs --------------------------------------------------------------------------- */

static void cancel_lent(tn__pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    for (tn__conn *conn = pool->lists[TN__SLOT_LENT]; conn; conn = conn->next)
        tn__host_cancel(&conn->host);
    pthread_mutex_unlock(&pool->lock);
}

void tn__cancel_all(tn__provider *provider)
{
    tn__pool *pool = pool_of(provider);

    if (tn__provider_check(provider, NULL) != TN_OK)
        return; /* the lock may be held for ever by a thread that is not in this process */
    cancel_lent(pool);
    pthread_mutex_lock(&pool->lock);
    tn__pool *replica = pool->replica;
    pthread_mutex_unlock(&pool->lock);
    if (replica)
        cancel_lent(replica);
}
