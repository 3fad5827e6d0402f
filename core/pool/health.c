/* SPDX-License-Identifier: MIT */
/* Health asks on a connection of its own, made and closed for the question. */
#include <tenon/health.h>

#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "pool/connector.h"
#include "pool/pool.h"
#include "session/portal.h"

enum { DEFAULT_MS = 2000 };

static void copy(char *dst, size_t size, const char *src)
{
    tn__copy_text(dst, size, tn_str_from(src));
}

static tn_status ask(tn__conn *conn, int64_t deadline_ns, tn_health *ret)
{
    tn_conn_info info = {.size = sizeof(info)};

    tn_status status = conn->driver->conn.ping(conn->drv, deadline_ns, &ret->error);
    if (status != TN_OK)
        return status;
    conn->driver->conn.info(conn->drv, &info);
    copy(ret->server, sizeof(ret->server), info.server);
    copy(ret->dialect, sizeof(ret->dialect), info.dialect);
    copy(ret->endpoint, sizeof(ret->endpoint), info.endpoint);
    copy(ret->note, sizeof(ret->note), info.note);
    ret->server_verified = info.verified;
    ret->encrypted = info.encrypted;
    ret->read_only = info.read_only;
    return TN_OK;
}

static tn_status ask_anew(tn__pool *pool, int64_t deadline_ns, tn_health *ret)
{
    tn__conn *conn;

    pthread_mutex_lock(&pool->lock);
    tn__source *source = pool->closing ? NULL : tn__source_ref(pool->source);
    pthread_mutex_unlock(&pool->lock);
    if (!source)
        return tn__shutting_down(&ret->error);
    tn_status status = tn__connect_by(source, deadline_ns, &conn, &ret->error);
    tn__source_unref(source);
    if (status != TN_OK)
        return status;
    status = ask(conn, deadline_ns, ret);
    tn__conn_close(conn);
    return status;
}

/* On a session or transaction: that very connection. */
static tn_status ask_handle(tn_db *db, int64_t deadline_ns, tn_health *ret)
{
    tn_status status = tn__portal_free_wire(db->conn, db->provider->row_buffer, deadline_ns,
                                            tn__db_grace_ms(db, deadline_ns), &ret->error);
    if (status == TN_OK)
        status = ask(db->conn, deadline_ns, ret);
    if (status != TN_OK)
        tn__conn_settle(db->conn, tn__db_grace_ms(db, deadline_ns), &ret->error);
    return status;
}

tn_health tn_health_check(tn_db *db, int64_t timeout_ms)
{
    tn_health health = {.status = TN_UNHEALTHY, .checked_at = tn_time_now()};
    int64_t start = tn__now_ns();
    int64_t deadline = tn__deadline_after_ms(start, timeout_ms > 0 ? timeout_ms : DEFAULT_MS);

    tn_status status = tn__db_check(db, &health.error);
    if (status != TN_OK)
        return health;
    tn__pool *pool = tn__pool_of(db);
    tn__pool_pin(pool);
    copy(health.driver, sizeof(health.driver), pool->driver->name);
    copy(health.driver_version, sizeof(health.driver_version), pool->driver->version);
    if (pool->driver->client)
        copy(health.client, sizeof(health.client), pool->driver->client());
    status = db->kind == TN__DB_CLIENT ? ask_anew(pool, deadline, &health)
                                       : ask_handle(db, deadline, &health);
    health.latency_us = (tn__now_ns() - start) / 1000;
    health.status = status == TN_OK ? TN_HEALTHY : TN_UNHEALTHY;
    tn_db_pool_stats(db, &health.pool);
    health.saturated = health.pool.in_use >= health.pool.max && health.pool.waiting > 0;
    tn__pool_unpin(pool);
    return health;
}
