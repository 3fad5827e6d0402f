/* SPDX-License-Identifier: MIT */
/* How a listener comes to its connection, and how it loses it. */
#include <string.h>

#include "base/clock.h"
#include "base/relaxed.h"
#include "listen/listener.h"
#include "observe/log.h"

enum { BACKOFF_MOST_MS = 500 }; /* as for those who wait for the pool */

static void close_one(tn__pool *pool, tn__conn *conn)
{
    if (conn)
        tn__guest_close(pool, conn);
}

void tn__listener_drop(tn_listener *l)
{
    tn__pool *pool = l->pool;

    pthread_mutex_lock(&pool->lock);
    tn__conn *conn = l->conn, *other = tn__attempt_leave(l->attempt);
    l->conn = NULL;
    l->attempt = NULL;
    close_one(pool, conn);
    close_one(pool, other);
    pthread_mutex_unlock(&pool->lock);
    l->probed_ns = 0;
}

void tn__listener_lose(tn_listener *l, const tn_error *why)
{
    if (why)
        tn__log(TN_LOG_WARN, "listen", "the connection is made anew: %s", why->message);
    tn__listener_drop(l);
    l->gap = true;
    l->failures = 0;
    l->retry_at_ns = 0;
    l->why.status = TN_OK;
}

/* A standby may become the primary, or the name lead to another server soon. */
static bool may_come_back(const tn_error *why)
{
    return tn__may_come_back(why) || why->status == TN_READ_ONLY;
}

static void failed(tn_listener *l, const tn_error *why)
{
    l->why = *why;
    l->failures++;
    int64_t pause = tn__backoff_ns(l->failures, BACKOFF_MOST_MS);
    l->retry_at_ns = tn__now_ns() + pause;
    tn__log(TN_LOG_WARN, "listen", "connecting failed (%u in a row), next attempt in %lld ms: %s",
            l->failures, (long long)(pause / TN__NS_PER_MS), why->message);
}

/* The lock is held, and given up meanwhile, as in all below. */
static tn_status start(tn_listener *l, tn_error *err)
{
    int64_t limit = tn__deadline_after_ms(tn__now_ns(), tn__relaxed(&l->pool->connect_timeout_ms));

    return tn__attempt_start(l->pool, l->channels, l->n_channels, limit, &l->attempt, err);
}

/* An attempt is over: takes what it has come to. */
static tn_status take(tn_listener *l, tn_error *why)
{
    tn__attempt *attempt = l->attempt;
    bool current = !attempt->conn || attempt->conn->source == l->pool->source;

    *why = attempt->why;
    l->attempt = NULL;
    tn__conn *conn = tn__attempt_leave(attempt);
    if (conn && !current) {
        /* Of a configuration that was replaced meanwhile. */
        tn__guest_close(l->pool, conn);
        return TN_OK;
    }
    l->conn = conn;
    return conn ? TN_OK : why->status;
}

static tn_status out_of_time(const tn_listener *l, tn_error *err)
{
    if (l->why.status == TN_OK)
        return tn_error_set(err, TN_TIMEOUT, "08001", "no connection to listen on yet");
    if (err)
        *err = l->why;
    tn_error_prepend(err, "no connection to listen on");
    return l->why.status;
}

typedef enum outcome { LOOK_AGAIN = 0, CONNECTED, FAILED, ENDED } outcome;

/* One look at how it stands. */
static outcome proceed(tn_listener *l, int64_t deadline_ns, bool waits, tn_error *why)
{
    int64_t now = tn__now_ns();

    if (tn__listener_check(l, waits, why) != TN_OK)
        return ENDED;
    if (!l->attempt && now >= l->retry_at_ns)
        return start(l, why) == TN_OK ? LOOK_AGAIN : FAILED;
    if (l->attempt && l->attempt->over) {
        if (take(l, why) != TN_OK)
            return FAILED;
        return l->conn ? CONNECTED : LOOK_AGAIN;
    }
    if (now >= deadline_ns) {
        (void)out_of_time(l, why);
        return ENDED;
    }
    (void)tn__pool_await(l->pool,
                         l->attempt ? deadline_ns : tn__deadline_min(deadline_ns, l->retry_at_ns));
    return LOOK_AGAIN;
}

static void connected(tn_listener *l)
{
    if (l->failures)
        tn__log(TN_LOG_INFO, "listen", "connected again");
    l->failures = 0;
    l->retry_at_ns = 0;
    l->why.status = TN_OK;
    l->probed_ns = 0;
    l->heard_ns = tn__now_ns();
}

tn_status tn__listener_connect(tn_listener *l, int64_t deadline_ns, bool waits, tn_error *err)
{
    tn_error why = TN_ERROR_INIT;
    outcome end;

    do {
        pthread_mutex_lock(&l->pool->lock);
        do
            end = proceed(l, deadline_ns, waits, &why);
        while (end == LOOK_AGAIN);
        pthread_mutex_unlock(&l->pool->lock);
        if (end == FAILED)
            failed(l, &why);
    } while (end == FAILED && waits && may_come_back(&why));
    if (end == CONNECTED) {
        connected(l);
        return TN_OK;
    }
    if (err)
        *err = why;
    return why.status;
}
