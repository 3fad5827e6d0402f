/* SPDX-License-Identifier: MIT */
/* Is a connection that lay idle still good? */
#include "base/clock.h"
#include "pool/pool.h"

enum {
    PING_AFTER_IDLE_MS = 1000,
    PING_MS = 5000,
    SILENCE_MS = 1000 /* a ping that had less time and no answer tells nothing of the others */
};

/* Up to an eighth is taken off. The time of connecting, in nanoseconds, is random enough. */
int64_t tn__check_end_ns(const tn__pool *pool, const tn__conn *conn)
{
    uint64_t mixed = (uint64_t)conn->created_ns * UINT64_C(0x9e3779b97f4a7c15);
    int64_t off = pool->max_lifetime_ns / 1024 * (int64_t)(mixed >> 57);

    return pool->max_lifetime_ns ? conn->created_ns + pool->max_lifetime_ns - off : TN_NO_DEADLINE;
}

/* Was it last known to be good before then? */
static bool was_seen_before(const tn__conn *conn, int64_t since_ns)
{
    return conn->idle_since_ns < since_ns && conn->created_ns < since_ns;
}

tn__check tn__check_for(const tn__pool *pool, const tn__conn *conn, int64_t now_ns,
                        tn__why *ret_why)
{
    int64_t idle = now_ns - conn->idle_since_ns;

    *ret_why = TN__WHY_REPLACED;
    if (conn->source != pool->source)
        return TN__CHECK_NO_MORE;
    *ret_why = TN__WHY_LIFETIME;
    if (now_ns > tn__check_end_ns(pool, conn))
        return TN__CHECK_NO_MORE;
    *ret_why = TN__WHY_PING;
    if (idle >= PING_AFTER_IDLE_MS * TN__NS_PER_MS || was_seen_before(conn, pool->suspect_ns))
        return TN__CHECK_PING;
    return idle >= TN__LOOK_AFTER_NS && conn->driver->conn.alive ? TN__CHECK_LOCAL
                                                                 : TN__CHECK_NOTHING;
}

static bool last_used_before(const tn__pool *pool, const tn__conn *conn, int64_t since,
                             tn__why *ret_why)
{
    (void)pool;
    *ret_why = TN__WHY_PING;
    return was_seen_before(conn, since);
}

/* What ended one may have ended the others. A ping that nobody answered tells of the network, not
 * of one connection: the others that have lain as long are given up with it, so that they do not
 * cost a wait each. */
static void suspect(tn__pool *pool, int64_t since, bool silent)
{
    tn__pool_lock(pool);
    if (since > pool->suspect_ns)
        pool->suspect_ns = since;
    if (silent)
        tn__slot_close_idle(pool, last_used_before, since);
    tn__pool_unlock(pool);
}

static bool was_demoted(tn__pool *pool, const tn__conn *conn)
{
    pthread_mutex_lock(&pool->lock);
    bool suspected = conn->created_ns < pool->demoted_ns;
    pthread_mutex_unlock(&pool->lock);
    return suspected && tn__conn_takes_no_writes(conn);
}

bool tn__check_passes(tn__pool *pool, tn__conn *conn, tn__check what, int64_t deadline_ns,
                      tn__why *ret_why)
{
    int64_t since = tn__now_ns(), limit = tn__deadline_after_ms(since, PING_MS);
    tn_error why = TN_ERROR_INIT;

    if (what == TN__CHECK_NO_MORE)
        return false;
    if (what == TN__CHECK_LOCAL && conn->driver->conn.alive(conn->drv))
        return true;
    if (what == TN__CHECK_LOCAL) {
        suspect(pool, since, false);
        return false;
    }
    tn_status status = conn->driver->conn.ping(conn->drv, tn__deadline_min(deadline_ns, limit),
                                               &why);
    if (status == TN_OK) {
        if (!was_demoted(pool, conn))
            return true;
        *ret_why = TN__WHY_DEMOTED;
        return false;
    }
    suspect(pool, since,
            status == TN_TIMEOUT && tn__now_ns() - since >= SILENCE_MS * TN__NS_PER_MS);
    return false;
}
