/* SPDX-License-Identifier: MIT */
/* A client's figures as the application gets them. */
#include <tenon/stats.h>

#include <string.h>

#include "base/str.h"
#include "pool/pool.h"

static void collect(const tn_db *client, tn_statistics *ret)
{
    *ret = (tn_statistics)TN_STATISTICS_INIT;
    if (!client || client->magic != TN__DB_MAGIC ||
        tn__provider_check(client->provider, NULL) != TN_OK)
        return; /* of a child of fork(): the lock may be held for ever */
    tn__pool *pool = tn__pool_of(client);
    const tn__observe_settings *observe = &pool->provider.observe;
    tn__pool_statistics(pool, ret);
    ret->retries += tn__counted(&observe->retries);
    tn__copy_text(ret->driver, sizeof(ret->driver), tn_str_from(tn_db_driver(client)));
    tn__copy_text(ret->client, sizeof(ret->client), tn_str_from(observe->client));
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
