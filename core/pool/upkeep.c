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

enum { REPORTED_AT_ONCE = 8, WARM_PAUSE_MS = 5000 };

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
    if (tn__pool_too_old(pool, conn, now) || conn->source != pool->source) {
        *ret_why = conn->source != pool->source ? TN__WHY_REPLACED : TN__WHY_LIFETIME;
        return true;
    }
    *ret_why = tn__slot_total(pool) > pool->max ? TN__WHY_REPLACED : TN__WHY_IDLE;
    return tn__slot_total(pool) > pool->max ||
           (pool->idle_timeout_ns && tn__slot_total(pool) > pool->min &&
            now - conn->idle_since_ns > pool->idle_timeout_ns);
}

/* When the first of the idle ones has to be looked at. */
static int64_t next_expiry(const tn__pool *pool)
{
    int64_t due = TN_NO_DEADLINE;

    for (const tn__conn *conn = pool->lists[TN__SLOT_IDLE]; conn; conn = conn->next) {
        if (pool->idle_timeout_ns && tn__slot_total(pool) > pool->min)
            due = tn__deadline_min(due, conn->idle_since_ns + pool->idle_timeout_ns);
        if (pool->max_lifetime_ns)
            due = tn__deadline_min(due, conn->created_ns + pool->max_lifetime_ns);
    }
    /* What is due is looked at again soon, not without end: somebody may hold it. */
    return due == TN_NO_DEADLINE ? due : due + TN__NS_PER_MS;
}

/* ---- the minimum ----------------------------------------------------------------------------- */

/* Where connecting waits for nobody, it is done here. */
static int64_t fill_here(tn__pool *pool)
{
    tn_error why = TN_ERROR_INIT;
    tn__conn *conn = NULL;

    while (!pool->closing && !pool->suspended && tn__slot_total(pool) < pool->min) {
        int64_t deadline = tn__deadline_after_ms(tn__now_ns(),
                                                 tn__relaxed(&pool->connect_timeout_ms));
        tn__source *source = tn__source_ref(pool->source);
        tn__slot_move(pool, NULL, TN__SLOT_NONE, TN__SLOT_OPENING);
        pthread_mutex_unlock(&pool->lock);
        tn_status status = tn__conn_open(source, deadline, &conn, &why);
        tn__source_unref(source);
        pthread_mutex_lock(&pool->lock);
        tn__demand_note(pool, status == TN_OK ? NULL : &why);
        if (status != TN_OK) {
            tn__slot_move(pool, NULL, TN__SLOT_OPENING, TN__SLOT_NONE);
            tn__log(TN_LOG_WARN, "pool", "keeping %u connections open failed: %s", pool->min,
                    why.message);
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
        if (conn->lease.reported)
            continue;
        if (now - conn->lease.since_ns < pool->leak_ns || count == REPORTED_AT_ONCE) {
            *ret_due = tn__deadline_min(*ret_due, conn->lease.since_ns + pool->leak_ns);
            continue;
        }
        conn->lease.reported = true;
        ret[count++] = (tn_holder){
            .what = tn__relaxed(&conn->lease.what),
            .held_ms = (now - conn->lease.since_ns) / TN__NS_PER_MS,
            .thread = conn->lease.thread,
            .file = conn->lease.site.file,
            .line = conn->lease.site.line,
        };
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
    pthread_mutex_unlock(&pool->lock);
    for (size_t i = 0; i < count; i++) {
        char text[160];
        tn__holder_format(&leaks[i], text, sizeof(text));
        tn__log(TN_LOG_WARN, "pool", "a connection was not given back: %s", text);
    }
    pthread_mutex_lock(&pool->lock);
    return due;
}

/* ---- the thread ------------------------------------------------------------------------------ */

static int64_t gate_due(const tn__pool *pool)
{
    bool needed = pool->queue.first || tn__slot_total(pool) < pool->min;

    return pool->gate.failures && needed && !pool->n[TN__SLOT_OPENING] ? pool->gate.retry_at_ns
                                                                       : TN_NO_DEADLINE;
}

static void look(tn__pool *pool)
{
    int64_t now = tn__now_ns(), due;

    pool->upkeep_due_ns = TN_NO_DEADLINE;
    tn__slot_close_idle(pool, is_expired, now);
    due = fill(pool);
    due = tn__deadline_min(due, report_leaks(pool, now));
    due = tn__deadline_min(due, next_expiry(pool));
    due = tn__deadline_min(due, gate_due(pool));
    /* Never twice in a millisecond, whatever is wrong with a due time. */
    due = due < now + TN__NS_PER_MS ? now + TN__NS_PER_MS : due;
    pool->upkeep_due_ns = tn__deadline_min(pool->upkeep_due_ns, due);
}

static void *run(void *arg)
{
    tn__pool *pool = arg;

    pthread_mutex_lock(&pool->lock);
    while (!pool->upkeep_stop) {
        if (pool->upkeep_due_ns > tn__now_ns())
            (void)tn__cond_wait(&pool->upkeep_wake, &pool->lock, pool->upkeep_due_ns);
        if (!pool->upkeep_stop && pool->upkeep_due_ns <= tn__now_ns())
            look(pool);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

tn_status tn__upkeep_start(tn__pool *pool, tn_error *err)
{
    pool->upkeep_due_ns = TN_NO_DEADLINE;
    int error = tn__thread_start(&pool->upkeep, false, run, pool);
    if (error)
        return tn_error_set(err, TN_RESOURCE, NULL, "no thread could be started for a client: %s",
                            strerror(error));
    pool->upkeep_runs = true;
    return TN_OK;
}

void tn__upkeep_end(tn__pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    bool runs = pool->upkeep_runs;
    pool->upkeep_stop = true;
    pthread_cond_signal(&pool->upkeep_wake);
    pthread_mutex_unlock(&pool->lock);
    if (!runs)
        return;
    pthread_join(pool->upkeep, NULL);
    pthread_mutex_lock(&pool->lock);
    pool->upkeep_runs = false;
    pthread_mutex_unlock(&pool->lock);
}
