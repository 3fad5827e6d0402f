/* SPDX-License-Identifier: MIT */
/* The one place where a connection's place in the pool, and what is counted of it, changes. */
#include <stddef.h>

#include "base/clock.h"
#include "pool/pool.h"

static bool listed(const tn__conn *conn, tn__slot slot)
{
    return conn && (slot == TN__SLOT_OPENING || slot == TN__SLOT_IDLE || slot == TN__SLOT_LENT);
}

/* Known to those who move it without the lock. */
static void enter_or_leave(tn__pool *pool, tn__conn *conn, tn__slot to)
{
    if (to == TN__SLOT_IDLE || to == TN__SLOT_LENT) {
        tn__fast_enter(&pool->fast, conn);
        conn->end_ns = tn__check_end_ns(pool, conn);
    } else if (to == TN__SLOT_CLOSING) {
        tn__fast_leave(&pool->fast, conn);
        pool->acquires += tn__lease_count(&conn->lease);
    }
}

void tn__slot_move(tn__pool *pool, tn__conn *conn, tn__slot from, tn__slot to)
{
    if (listed(conn, from)) {
        *(conn->prev ? &conn->prev->next : &pool->lists[from]) = conn->next;
        if (conn->next)
            conn->next->prev = conn->prev;
        conn->next = conn->prev = NULL;
    }
    if (from != TN__SLOT_NONE)
        pool->n[from]--;
    if (to != TN__SLOT_NONE)
        pool->n[to]++;
    if (listed(conn, to)) {
        conn->prev = NULL;
        conn->next = pool->lists[to];
        if (conn->next)
            conn->next->prev = conn;
        pool->lists[to] = conn;
    }
    if (conn)
        enter_or_leave(pool, conn, to);
}

uint32_t tn__slot_total(const tn__pool *pool)
{
    return pool->n[TN__SLOT_OPENING] + pool->n[TN__SLOT_IDLE] + pool->n[TN__SLOT_LENT] +
           pool->n[TN__SLOT_CLOSING];
}

/* Only these wait for that: others would be woken by every call. */
void tn__slot_came_free(tn__pool *pool)
{
    if (pool->closing || pool->suspended)
        tn__pool_changed(pool);
}

void tn__slot_arm(tn__pool *pool, const tn__conn *conn, int64_t now_ns)
{
    if (pool->leak_ns)
        tn__upkeep_by(pool, now_ns + pool->leak_ns);
    if (pool->idle_timeout_ns)
        tn__upkeep_by(pool, now_ns + pool->idle_timeout_ns);
    tn__upkeep_by(pool, conn->end_ns);
    pool->armed = true;
}

void tn__slot_lend(tn__pool *pool, tn__conn *conn, tn__slot from, int64_t now_ns, tn__caller caller)
{
    if (from != TN__SLOT_LENT)
        tn__slot_move(pool, conn, from, TN__SLOT_LENT);
    tn__lease_begin(&conn->lease, now_ns, caller);
    tn__slot_arm(pool, conn, now_ns);
}

/* One that is given up, not one whose time has come. */
static void trace_discard(const tn__conn *conn, tn__why why)
{
    if (why == TN__WHY_IDLE || why == TN__WHY_LIFETIME || why == TN__WHY_REPLACED ||
        why == TN__WHY_SHUTDOWN || !tn__trace_wanted(TN_TRACE_DISCARD))
        return;
    tn_trace_event event = {.kind = TN_TRACE_DISCARD,
                            .driver = conn->driver->name,
                            .url = conn->source->url,
                            .what = tn__closed_word((tn_closed)why),
                            .connection = conn->number};
    tn__trace_moment(&event);
}

void tn__slot_close(tn__pool *pool, tn__conn *conn, tn__why why)
{
    tn_statistics counted = TN_STATISTICS_INIT;

    trace_discard(conn, why);
    tn__conn_add_stats(conn, &counted);
    tn__conn_close(conn);
    tn__pool_lock(pool);
    pool->destroyed[why]++;
    tn__stats_merge(&pool->counted, &counted);
    tn__slot_move(pool, NULL, TN__SLOT_CLOSING, TN__SLOT_NONE);
    tn__demand_slot(pool);
    tn__pool_unlock_and_free(pool);
}

static tn__conn *find_idle(tn__pool *pool, tn__conn_test *test, int64_t now_ns, tn__why *ret_why)
{
    for (tn__conn *conn = pool->lists[TN__SLOT_IDLE]; conn; conn = conn->next)
        if (test(pool, conn, now_ns, ret_why))
            return conn;
    return NULL;
}

/* The slot is given on only when the connection is closed: the maximum holds at every moment. */
void tn__slot_close_idle(tn__pool *pool, tn__conn_test *test, int64_t now_ns)
{
    tn__why why = TN__WHY_SHUTDOWN;
    tn__conn *conn;

    pool->pins++;
    while ((conn = find_idle(pool, test, now_ns, &why))) {
        tn__slot_move(pool, conn, TN__SLOT_IDLE, TN__SLOT_CLOSING);
        tn__pool_unlock(pool);
        tn__slot_close(pool, conn, why);
        tn__pool_lock(pool);
    }
    pool->pins--;
}
