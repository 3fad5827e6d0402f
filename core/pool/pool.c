/* SPDX-License-Identifier: MIT */
/*
 * Borrowing and giving back. Where nothing stands against it both are done without the lock
 * (fast.h). Else a connection, or the right to open one, goes straight from who gives it up to who
 * has waited longest: nobody who comes later can take it in between. What can block (pinging,
 * resetting, closing) is done outside the lock, by the thread that needs it.
 */
#include "pool/borrow.h"

#include <sched.h>

#include "base/clock.h"
#include "base/relaxed.h"
#include "observe/trace.h"
#include "pool/holders.h"
#include "session/fork.h"

enum { RESET_MS = 1000, YIELDS = 2 };

static tn__pool *pool_of(tn__provider *provider)
{
    return (tn__pool *)provider;
}

/* ---- in line (under the lock) ---------------------------------------------------------------- */

/* What a borrower wants. */
typedef struct wish {
    int64_t now_ns;
    int64_t deadline_ns;
    tn__caller caller;
    bool once;  /* the first failure to connect is the answer */
    bool front; /* its turn had come already, with a connection that proved to be dead */
    int64_t *ret_waited_ns; /* gets what was spent in line; may be NULL */
} wish;

/* What it gets: a connection, with what has to be done before it is used, or (NULL) the right to
 * open one. */
typedef struct grant {
    tn__conn *conn;
    tn__check check;
    tn__why why; /* it is closed, if that fails */
} grant;

static tn_status give_up(tn__pool *pool, const wish *want, tn_error *err)
{
    pool->timeouts++;
    return tn__holders_explain(pool, (tn__now_ns() - want->now_ns) / TN__NS_PER_MS, err);
}

/* It is out of the line: what kept the pool for it. */
static void retire(tn__pool *pool, tn__waiter *waiter, int64_t now_ns)
{
    waiter->waited_ns = now_ns - waiter->since_ns;
    pool->waits++;
    pool->waited_ns += waiter->waited_ns;
    pool->pins--;
}

/* The time is up, unless it was woken just now. */
static tn_status leave_line(tn__pool *pool, const wish *want, tn__waiter *waiter, tn_error *err)
{
    tn__pool_lock(pool);
    tn_status status = give_up(pool, want, err);
    tn__queue_remove(&pool->queue, waiter);
    retire(pool, waiter, tn__now_ns());
    tn__pool_unlock_and_free(pool);
    return status;
}

/* Takes the lock over. The pool stays as long as somebody is in its line; who was woken has nothing
 * to do with it but for what was handed over. */
static tn_status wait_in_line(tn__pool *pool, const wish *want, grant *ret, tn_error *err)
{
    tn__waiter waiter = {
        .once = want->once, .why = err, .caller = want->caller, .since_ns = want->now_ns};

    tn_status status = tn__waiter_init(&waiter, pool->source, err);
    if (status != TN_OK) {
        tn__pool_unlock_and_free(pool);
        return status;
    }
    pool->pins++;
    tn__queue_put(&pool->queue, &waiter, want->front);
    tn__demand(pool);
    tn__pool_unlock(pool);
    if (tn__waiter_sleep(&waiter, want->deadline_ns))
        status = waiter.status;
    else
        status = leave_line(pool, want, &waiter, err);
    if (want->ret_waited_ns)
        *want->ret_waited_ns = waiter.waited_ns;
    tn__waiter_finish(&waiter);
    *ret = (grant){waiter.conn, (tn__check)waiter.check, (tn__why)waiter.check_why};
    return status;
}

/* Takes the lock over. */
static tn_status take_slot(tn__pool *pool, const wish *want, grant *ret, tn_error *err)
{
    tn__conn *idle = pool->lists[TN__SLOT_IDLE];
    bool first = (want->front || !pool->queue.first) && !pool->suspended;
    tn_status status = TN_OK;

    *ret = (grant){0};
    if (pool->closing) {
        status = tn__shutting_down(err);
    } else if (want->front && tn__now_ns() >= want->deadline_ns) {
        status = give_up(pool, want, err); /* what was dead may have taken the whole time */
    } else if (first && idle) {
        tn__slot_lend(pool, idle, TN__SLOT_IDLE, want->now_ns, want->caller);
        ret->conn = idle;
        ret->check = tn__check_for(pool, idle, want->now_ns, &ret->why);
    } else if (first && !tn__source_remote(pool->source) && tn__slot_total(pool) < pool->max) {
        tn__slot_move(pool, NULL, TN__SLOT_NONE, TN__SLOT_OPENING);
    } else {
        return wait_in_line(pool, want, ret, err);
    }
    tn__pool_unlock_and_free(pool);
    return status;
}

/* ---- opening one oneself, where that waits for nobody ---------------------------------------- */

static tn_status open_here(tn__pool *pool, const wish *want, tn__conn **ret, tn_error *err)
{
    int64_t limit = tn__deadline_after_ms(tn__now_ns(), tn__relaxed(&pool->connect_timeout_ms));
    tn_error why = TN_ERROR_INIT;
    tn__conn *conn = NULL;

    tn__pool_lock(pool);
    tn_status status = tn__demand_here(pool, tn__deadline_min(limit, want->deadline_ns), &conn,
                                       &why);
    if (status == TN_OK) {
        tn__slot_lend(pool, conn, TN__SLOT_OPENING, tn__now_ns(), want->caller);
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
    tn__pool_lock(pool);
    tn__slot_move(pool, conn, TN__SLOT_LENT, TN__SLOT_CLOSING);
    pool->acquires--; /* it was none */
    pool->pins++;
    tn__pool_unlock(pool);
    tn__slot_close(pool, conn, why);
}

/* The pin of put_away() holds the pool until the next turn. */
static tn_status borrow(tn__pool *pool, wish want, tn__conn **ret, tn_error *err)
{
    for (;; want.front = true) {
        grant got;
        tn__pool_lock(pool);
        pool->pins -= want.front;
        tn_status status = take_slot(pool, &want, &got, err);
        if (status != TN_OK)
            return status;
        if (!got.conn)
            return open_here(pool, &want, ret, err);
        if (got.check == TN__CHECK_NOTHING ||
            tn__check_passes(pool, got.conn, got.check, want.deadline_ns, &got.why)) {
            *ret = got.conn;
            return TN_OK;
        }
        put_away(pool, got.conn, got.why);
    }
}

/* One that has lain for a while, and is lent already. */
static tn_status look_first(tn__pool *pool, wish want, tn__conn *conn, tn__conn **ret,
                            tn_error *err)
{
    tn__why why;

    pthread_mutex_lock(&pool->lock);
    tn__check what = tn__check_for(pool, conn, want.now_ns, &why);
    pthread_mutex_unlock(&pool->lock);
    if (what == TN__CHECK_NOTHING || tn__check_passes(pool, conn, what, want.deadline_ns, &why)) {
        *ret = conn;
        return TN_OK;
    }
    put_away(pool, conn, why);
    want.front = true;
    return borrow(pool, want, ret, err);
}

/* The source is held on: its URL is told of twice. */
static tn_status borrow_traced(tn__pool *pool, wish want, tn__conn **ret, tn_error *err)
{
    int64_t waited = 0;
    tn_error why = TN_ERROR_INIT;
    tn__span span;

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

/* Apart, so that what most calls run through needs no room for it. conn: one that may be too old,
 * or NULL. */
__attribute__((noinline)) static tn_status borrow_slowly(tn__pool *pool, tn__conn *conn,
                                                         int64_t deadline_ns, tn__conn **ret,
                                                         tn_error *err)
{
    int64_t now = tn__now_ns();
    int64_t patience = tn__deadline_after_ms(now, tn__relaxed(&pool->provider.pool_timeout_ms));
    const wish want = {.now_ns = now,
                       .deadline_ns = tn__deadline_min(deadline_ns, patience),
                       .caller = tn__caller_take()};

    /* In a child of fork the lock may be held for ever. */
    tn_status status = tn__provider_check(&pool->provider, err);
    if (status != TN_OK)
        return status;
    if (conn)
        return look_first(pool, want, conn, ret, err);
    return TN_UNLIKELY(tn__trace_wanted(TN_TRACE_ACQUIRE)) ? borrow_traced(pool, want, ret, err)
                                                           : borrow(pool, want, ret, err);
}

/*
 * Before it stands in line, where nothing but waiting is left to do: others, who may have been
 * stopped with a connection in their hands, are let run. With more threads than processors a line
 * would else come to stay: who gives back wakes the first in line and, if it wants another one,
 * stands behind the last, so that each turn costs a switch of threads.
 */
__attribute__((noinline)) static tn__conn *take_after_others(tn__pool *pool)
{
    tn__conn *conn = NULL;

    for (int i = 0; i < YIELDS && !conn && tn__relaxed(&pool->blocking); i++) {
        sched_yield();
        conn = tn__fast_take(&pool->fast);
    }
    return conn;
}

tn_status tn__borrow(tn__provider *provider, int64_t deadline_ns, tn__conn **ret, tn_error *err)
{
    tn__pool *pool = pool_of(provider);
    tn__conn *conn;

    if (TN_UNLIKELY(tn__trace_wanted(TN_TRACE_ACQUIRE)) ||
        TN_UNLIKELY(provider->fork_generation != tn__fork_generation()) ||
        (!(conn = tn__fast_take(&pool->fast)) && !(conn = take_after_others(pool))))
        return borrow_slowly(pool, NULL, deadline_ns, ret, err);
    int64_t now = tn__tick_ns();
    tn__lease_begin(&conn->lease, now, tn__caller_take());
    if (TN_UNLIKELY(!tn__check_fresh(conn, now)))
        return borrow_slowly(pool, conn, deadline_ns, ret, err);
    *ret = conn;
    return TN_OK;
}
tn_status tn__pool_connect(tn__pool *pool, int64_t deadline_ns, tn_error *err)
{
    const wish want = {.now_ns = tn__now_ns(),
                       .deadline_ns = deadline_ns,
                       .caller = {.thread = tn__thread_number()},
                       .once = true};
    tn__conn *conn;

    tn_status status = tn__provider_check(&pool->provider, err);
    if (status == TN_OK)
        status = borrow(pool, want, &conn, err);
    if (status == TN_OK)
        tn__give_back(&pool->provider, conn);
    return status;
}

/* ---- give back ------------------------------------------------------------------------------- */

tn__waiter *tn__pool_next(tn__pool *pool)
{
    tn__waiter *waiter = pool->suspended ? NULL : tn__queue_claim(&pool->queue);

    if (waiter)
        retire(pool, waiter, tn__now_ns());
    return waiter;
}

void tn__pool_hand(tn__pool *pool, tn__waiter *waiter, tn__conn *conn, tn__slot from,
                   int64_t now_ns)
{
    tn__why why = TN__WHY_PING;

    tn__slot_lend(pool, conn, from, now_ns, waiter->caller);
    waiter->conn = conn;
    waiter->check = tn__check_for(pool, conn, now_ns, &why);
    waiter->check_why = why;
}

void tn__pool_fail(tn__pool *pool, tn__waiter *waiter, const tn_error *why)
{
    if (!tn__queue_claim_one(&pool->queue, waiter))
        return;
    retire(pool, waiter, tn__now_ns());
    waiter->status = why->status;
    if (waiter->why)
        *waiter->why = *why;
    tn__waiter_wake(waiter);
}

void tn__pool_fail_all(tn__pool *pool, const tn_error *why)
{
    while (pool->queue.first)
        tn__pool_fail(pool, pool->queue.first, why);
}

void tn__pool_serve(tn__pool *pool)
{
    int64_t now = tn__now_ns();
    tn__waiter *waiter;

    while (pool->lists[TN__SLOT_IDLE] && (waiter = tn__pool_next(pool))) {
        tn__pool_hand(pool, waiter, pool->lists[TN__SLOT_IDLE], TN__SLOT_IDLE, now);
        tn__waiter_wake(waiter);
    }
}

/* Who gets it, and is to be woken; NULL: nobody. */
static tn__waiter *keep_connection(tn__pool *pool, tn__conn *conn, int64_t now)
{
    tn__waiter *waiter = tn__pool_next(pool);

    conn->idle_since_ns = now;
    if (waiter) {
        tn__pool_hand(pool, waiter, conn, TN__SLOT_LENT, now);
        return waiter;
    }
    tn__slot_move(pool, conn, TN__SLOT_LENT, TN__SLOT_IDLE);
    tn__slot_came_free(pool);
    tn__slot_arm(pool, conn, now);
    return NULL;
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

__attribute__((noinline)) static void give_back_slowly(tn__pool *pool, tn__conn *conn, bool clean)
{
    int64_t now = tn__now_ns();
    tn__waiter *waiter = NULL;
    tn__why why = TN__WHY_BROKEN;

    tn__pool_lock(pool);
    bool stays = may_stay(pool, conn, clean, &why);
    if (stays) {
        waiter = keep_connection(pool, conn, now);
    } else {
        /* What ended one may have ended others: they are asked before they are used again. */
        if (why <= TN__WHY_RESET || why == TN__WHY_DEMOTED)
            pool->suspect_ns = now;
        if (why == TN__WHY_DEMOTED)
            pool->demoted_ns = now;
        tn__slot_move(pool, conn, TN__SLOT_LENT, TN__SLOT_CLOSING);
    }
    tn__pool_unlock(pool);
    if (waiter)
        tn__waiter_wake(waiter);
    if (!stays)
        tn__slot_close(pool, conn, why);
}

/* false: it is not to be used again. */
static bool make_as_new(tn__pool *pool, tn__conn *conn)
{
    int64_t now = tn__tick_ns();

    /* After others were lost a tick is not fine enough to tell before from after. */
    if (TN_UNLIKELY(now <= tn__relaxed(&pool->suspect_ns)))
        now = tn__now_ns();
    conn->idle_since_ns = now;
    return tn__conn_reset(conn, tn__deadline_after_ms(now, RESET_MS));
}

void tn__give_back(tn__provider *provider, tn__conn *conn)
{
    tn__pool *pool = pool_of(provider);

    if (TN_UNLIKELY(provider->fork_generation != tn__fork_generation()))
        return; /* the parent's connection: not ours to touch */
    bool clean = true;
    if (conn->unused && !conn->discard)
        /* Nothing was said on it: it has lain idle since it was looked at. */
        conn->idle_since_ns = tn__relaxed(&conn->lease.since_ns);
    else
        clean = make_as_new(pool, conn);
    conn->unused = false;
    tn__lease_end(&conn->lease);
    if (TN_UNLIKELY(!clean) || !tn__fast_put(&pool->fast, conn))
        give_back_slowly(pool, conn, clean);
}

/* ---- end what runs --------------------------------------------------------------------------- */

static void cancel_lent(tn__pool *pool)
{
    tn__pool_lock(pool);
    for (tn__conn *conn = pool->lists[TN__SLOT_LENT]; conn; conn = conn->next)
        tn__host_cancel(&conn->host);
    tn__pool_unlock(pool);
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
