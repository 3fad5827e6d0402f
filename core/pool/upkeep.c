/* SPDX-License-Identifier: MIT */
/*
 * What time brings about: connections that were idle for too long or are too old are closed, the
 * minimum is kept, a server that was away is asked again, connections that are not given back are
 * reported. One thread a client, which sleeps until the next of these is due.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/relaxed.h"
#include "observe/log.h"
#include "pool/connector.h"
#include "pool/holders.h"

enum { REPORTED_AT_ONCE = 8, WARM_PAUSE_MS = 5000, LATE_MS = 1000 };

void tn__upkeep_by(tn__pool *pool, int64_t due_ns)
{
    if (due_ns >= pool->upkeep_due_ns)
        return;
    pool->upkeep_due_ns = due_ns;
    pthread_cond_signal(&pool->upkeep_wake);
}

/* ---- age ------------------------------------------------------------------------------------- */

static bool is_expired(const tn__pool *pool, const tn__conn *conn, int64_t now, tn__why *ret_why)
{
    if (now > tn__check_end_ns(pool, conn) || conn->source != pool->source) {
        *ret_why = conn->source != pool->source ? TN__WHY_REPLACED : TN__WHY_LIFETIME;
        return true;
    }
    *ret_why = tn__slot_total(pool) > pool->max ? TN__WHY_REPLACED : TN__WHY_IDLE;
    return tn__slot_total(pool) > pool->max ||
           (pool->idle_timeout_ns && tn__slot_total(pool) > pool->min &&
            now - conn->idle_since_ns > pool->idle_timeout_ns);
}

/* When the first of the idle ones has to be looked at. */
static int64_t next_expiry(const tn__pool *pool, int64_t now)
{
    int64_t due = TN_NO_DEADLINE;

    for (const tn__conn *conn = pool->lists[TN__SLOT_IDLE]; conn; conn = conn->next) {
        if (pool->idle_timeout_ns && tn__slot_total(pool) > pool->min)
            due = tn__deadline_min(due, conn->idle_since_ns + pool->idle_timeout_ns);
        due = tn__deadline_min(due, tn__check_end_ns(pool, conn));
    }
    /* Those that are lent may be given back without upkeep being told. */
    for (const tn__conn *conn = pool->lists[TN__SLOT_LENT]; conn; conn = conn->next)
        due = tn__deadline_min(due,
                               conn->end_ns > now ? conn->end_ns : now + LATE_MS * TN__NS_PER_MS);
    /* What is due is looked at again soon, not without end: somebody may hold it. */
    return due == TN_NO_DEADLINE ? due : due + TN__NS_PER_MS;
}

/* ---- the minimum ----------------------------------------------------------------------------- */

/* Where connecting waits for nobody, it is done here. */
static int64_t fill_here(tn__pool *pool)
{
    while (!pool->closing && !pool->suspended && tn__slot_total(pool) < pool->min) {
        int64_t deadline = tn__deadline_after_ms(tn__now_ns(),
                                                 tn__relaxed(&pool->connect_timeout_ms));
        tn_error why = TN_ERROR_INIT;
        tn__conn *conn = NULL;
        tn__slot_move(pool, NULL, TN__SLOT_NONE, TN__SLOT_OPENING);
        if (tn__demand_here(pool, deadline, &conn, &why) != TN_OK) {
            uint32_t min = pool->min;
            pool->upkeep_due_ns = TN_NO_DEADLINE; /* what is missing is known */
            if (pool->closing)
                return TN_NO_DEADLINE;
            tn__pool_unlock(pool);
            tn__log(TN_LOG_WARN, "pool", "keeping %u connections open failed: %s", min,
                    why.message);
            tn__pool_lock(pool);
            return tn__now_ns() + WARM_PAUSE_MS * TN__NS_PER_MS;
        }
        tn__slot_move(pool, conn, TN__SLOT_OPENING, TN__SLOT_IDLE);
        tn__pool_serve(pool);
    }
    return TN_NO_DEADLINE;
}

static int64_t fill(tn__pool *pool)
{
    if (!tn__source_remote(pool->source))
        return fill_here(pool);
    tn__demand(pool);
    return TN_NO_DEADLINE; /* what fails comes back by itself */
}

/* ---- those who do not give back -------------------------------------------------------------- */

static size_t collect_leaks(tn__pool *pool, int64_t now, tn_holder *ret, int64_t *ret_due)
{
    size_t count = 0;

    *ret_due = TN_NO_DEADLINE;
    for (tn__conn *conn = pool->lists[TN__SLOT_LENT]; pool->leak_ns && conn; conn = conn->next) {
        tn__lease_seen seen;
        if (!tn__lease_read(&conn->lease, &seen))
            seen.since_ns = now; /* lent just now */
        else if (conn->reported == seen.turn)
            continue;
        if (now - seen.since_ns < pool->leak_ns || count == REPORTED_AT_ONCE) {
            *ret_due = tn__deadline_min(*ret_due, seen.since_ns + pool->leak_ns);
            continue;
        }
        conn->reported = seen.turn;
        ret[count++] = tn__holder_of(&seen, now);
    }
    pool->leaks += count;
    return count;
}

static int64_t report_leaks(tn__pool *pool, int64_t now)
{
    tn_holder leaks[REPORTED_AT_ONCE];
    int64_t due;
    size_t count = collect_leaks(pool, now, leaks, &due);

    if (!count || !tn__log_wanted(TN_LOG_WARN))
        return due;
    tn__pool_unlock(pool);
    for (size_t i = 0; i < count; i++) {
        char text[160];
        tn__holder_format(&leaks[i], text, sizeof(text));
        tn__log(TN_LOG_WARN, "pool", "a connection was not given back: %s", text);
    }
    tn__pool_lock(pool);
    return due;
}

/* ---- the thread ------------------------------------------------------------------------------ */

/* How connecting goes, when it goes wrong. */
static void report_failure(tn__pool *pool)
{
    char message[sizeof(pool->last_connect_error.message)];
    uint32_t failures = pool->gate.failures;
    int64_t pause = pool->gate.retry_at_ns - pool->gate.failed_ns;

    if (!pool->gate_unlogged)
        return;
    pool->gate_unlogged = false;
    if (!failures || !tn__log_wanted(TN_LOG_WARN))
        return;
    snprintf(message, sizeof(message), "%s", pool->last_connect_error.message);
    tn__pool_unlock(pool);
    tn__log(TN_LOG_WARN, "pool", "connecting failed (%u in a row), next attempt in %lld ms: %s",
            failures, (long long)(pause / TN__NS_PER_MS), message);
    tn__pool_lock(pool);
}

/* For what begins from now on and is to be looked at after that time; 0: never. */
static bool is_soon_enough(int64_t due_ns, int64_t now_ns, int64_t after_ns)
{
    return !after_ns || due_ns <= now_ns + after_ns;
}

static void look(tn__pool *pool)
{
    int64_t now = tn__now_ns(), due;

    pool->upkeep_due_ns = TN_NO_DEADLINE;
    pool->armed = false;
    report_failure(pool);
    tn__slot_close_idle(pool, is_expired, now);
    due = fill(pool);
    due = tn__deadline_min(due, report_leaks(pool, now));
    due = tn__deadline_min(due, next_expiry(pool, now));
    due = tn__deadline_min(due, tn__demand_due(pool));
    /* Never twice in a millisecond, whatever is wrong with a due time. */
    due = due < now + TN__NS_PER_MS ? now + TN__NS_PER_MS : due;
    pool->upkeep_due_ns = tn__deadline_min(pool->upkeep_due_ns, due);
    /* What nothing is due for sleeps, until the next one who borrows under the lock. */
    pool->armed = is_soon_enough(pool->upkeep_due_ns, now, pool->leak_ns) &&
                  is_soon_enough(pool->upkeep_due_ns, now, pool->idle_timeout_ns);
}

static void *run(void *arg)
{
    tn__pool *pool = arg;

    tn__host_own_thread();
    pthread_mutex_lock(&pool->lock);
    while (!pool->upkeep_stop) {
        if (pool->upkeep_due_ns > tn__now_ns())
            (void)tn__cond_wait(&pool->upkeep_wake, &pool->lock, pool->upkeep_due_ns);
        if (!pool->upkeep_stop && pool->upkeep_due_ns <= tn__now_ns()) {
            tn__fast_freeze(pool);
            look(pool);
            tn__pool_unlock(pool);
            tn__connector_reap();
            pthread_mutex_lock(&pool->lock);
        }
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

tn_status tn__upkeep_start(tn__pool *pool, tn_error *err)
{
    if (pool->upkeep_runs)
        return TN_OK;
    int error = tn__thread_start(&pool->upkeep, false, run, pool);
    if (error)
        return tn_error_set(err, TN_RESOURCE, NULL, "no thread could be started for a client: %s",
                            strerror(error));
    pool->upkeep_runs = true;
    return TN_OK;
}

/* Whoever comes second waits for the first. */
void tn__upkeep_end(tn__pool *pool)
{
    tn__pool_lock(pool);
    bool mine = pool->upkeep_runs && !pool->upkeep_stop;
    pool->upkeep_stop = true;
    pthread_cond_signal(&pool->upkeep_wake);
    while (!mine && pool->upkeep_runs && tn__pool_await(pool, TN_NO_DEADLINE))
        continue;
    tn__pool_unlock(pool);
    if (!mine)
        return;
    pthread_join(pool->upkeep, NULL);
    tn__pool_lock(pool);
    pool->upkeep_runs = false;
    tn__pool_changed(pool);
    tn__pool_unlock(pool);
}
