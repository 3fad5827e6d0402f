/* SPDX-License-Identifier: MIT */
/* A client's figures: the pool's own, those of connections that are closed, those of the others. */
#include <tenon/stats.h>

#include <string.h>

#include "base/str.h"
#include "pool/pool.h"

/* The pool's causes are the application's. */
_Static_assert((int)TN__WHY_BROKEN == TN_CLOSED_BROKEN, "");
_Static_assert((int)TN__WHY_RESET == TN_CLOSED_RESET, "");
_Static_assert((int)TN__WHY_PING == TN_CLOSED_PING, "");
_Static_assert((int)TN__WHY_IDLE == TN_CLOSED_IDLE, "");
_Static_assert((int)TN__WHY_LIFETIME == TN_CLOSED_LIFETIME, "");
_Static_assert((int)TN__WHY_DEMOTED == TN_CLOSED_DEMOTED, "");
_Static_assert((int)TN__WHY_REPLACED == TN_CLOSED_REPLACED, "");
_Static_assert((int)TN__WHY_SHUTDOWN == TN_CLOSED_SHUTDOWN, "");

/* Under the lock; connections that are lent go on counting meanwhile. */
static void add_pool(const tn__pool *pool, tn_statistics *ret)
{
    static const tn__slot slots[] = {TN__SLOT_IDLE, TN__SLOT_LENT};

    tn__stats_merge(ret, &pool->counted);
    for (size_t i = 0; i < 2; i++)
        for (const tn__conn *conn = pool->lists[slots[i]]; conn; conn = conn->next) {
            tn__conn_add_stats(conn, ret);
            ret->acquires += tn__lease_count(&conn->lease);
        }
    ret->retries += tn__counted(&pool->provider.observe.retries);
    ret->total += tn__slot_total(pool);
    ret->in_use += pool->n[TN__SLOT_LENT];
    ret->idle += pool->n[TN__SLOT_IDLE];
    ret->waiting += pool->queue.count;
    ret->acquires += pool->acquires;
    ret->waits += pool->waits;
    ret->wait_ns += pool->waited_ns > 0 ? (uint64_t)pool->waited_ns : 0;
    ret->timeouts += pool->timeouts;
    ret->connects += pool->created + pool->connect_failures;
    ret->connect_failures += pool->connect_failures;
    ret->created += pool->created;
    for (int why = 0; why < TN__WHYS; why++)
        ret->destroyed[why] += pool->destroyed[why];
}

void tn__pool_stats(tn__pool *pool, tn_pool_stats *ret)
{
    tn_statistics all = TN_STATISTICS_INIT;

    *ret = (tn_pool_stats){0};
    if (tn__provider_check(&pool->provider, NULL) != TN_OK)
        return; /* the lock may be held for ever by a thread that is not in this process */
    tn__pool_lock(pool);
    add_pool(pool, &all);
    uint32_t max = pool->max;
    tn__pool_unlock(pool);
    *ret = (tn_pool_stats){
        .max = max,
        .total = all.total,
        .in_use = all.in_use,
        .idle = all.idle,
        .waiting = all.waiting,
        .acquires = all.acquires,
        .timeouts = all.timeouts,
        .created = all.created,
        .statement_cache_hits = all.cache_hits,
        .statement_cache_misses = all.cache_misses,
    };
    for (int why = 0; why < TN__WHYS; why++)
        ret->destroyed += all.destroyed[why];
}

/* Replicas that were, too: what they did was done for this client. Their memory is the pool's. */
static void add_replicas(tn__pool *pool, tn_statistics *ret)
{
    pthread_mutex_lock(&pool->lock);
    tn__pool *current = pool->replica, *replica = pool->replicas;
    pthread_mutex_unlock(&pool->lock);
    for (; replica; replica = replica->retired) {
        tn__pool_lock(replica);
        add_pool(replica, ret);
        ret->max += replica == current ? replica->max : 0;
        tn__pool_unlock(replica);
    }
}

static void collect(const tn_db *client, tn_statistics *ret)
{
    *ret = (tn_statistics)TN_STATISTICS_INIT;
    if (!client || client->magic != TN__DB_MAGIC ||
        tn__provider_check(client->provider, NULL) != TN_OK)
        return; /* of a child of fork(): the lock may be held for ever */
    tn__pool *pool = tn__pool_of(client);
    tn__pool_lock(pool);
    add_pool(pool, ret);
    ret->max = pool->max;
    tn__pool_unlock(pool);
    add_replicas(pool, ret);
    tn__copy_text(ret->driver, sizeof(ret->driver), tn_str_from(pool->driver->name));
    tn__copy_text(ret->client, sizeof(ret->client), tn_str_from(pool->provider.observe.client));
}

void tn_stats(const tn_db *client, tn_statistics *ret)
{
    size_t size = ret->size;
    tn_statistics all;

    collect(client, &all);
    memcpy(ret, &all, size < sizeof(all) ? size : sizeof(all));
    ret->size = size;
}

size_t tn_stats_prometheus(const tn_db *client, char *buf, size_t size)
{
    tn_statistics all;

    collect(client, &all);
    return tn__stats_prometheus(&all, buf, size);
}
