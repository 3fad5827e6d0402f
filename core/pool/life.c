/* SPDX-License-Identifier: MIT */
/* A pool's memory: made, configured, freed with the last that is left of it. */
#include <stdlib.h>

#include "base/clock.h"
#include "config/config.h"
#include "config/observe.h"
#include "pool/borrow.h"
#include "pool/replica.h"
#include "pool/resolve.h"
#include "session/fork.h"

enum { LATER = 16 };

/* ---- a pause --------------------------------------------------------------------------------- */

static void pool_pause(tn__provider *provider, int64_t ns)
{
    tn__pool *pool = (tn__pool *)provider;
    int64_t until = tn__now_ns() + ns;

    tn__pool_lock(pool);
    pool->pins++;
    while (!pool->closing && tn__now_ns() < until && tn__pool_await(pool, until))
        continue;
    pool->pins--;
    tn__pool_unlock_and_free(pool);
}

/* ---- made ------------------------------------------------------------------------------------ */

void tn__pool_configure(tn__pool *pool, const tn_config *config)
{
    tn__provider *provider = &pool->provider;

    atomic_store(&provider->pool_timeout_ms, tn__config_number(config, TN__OPT_POOL_TIMEOUT));
    atomic_store(&provider->statement_timeout_ms,
                 tn__config_number(config, TN__OPT_STATEMENT_TIMEOUT));
    atomic_store(&provider->cancel_timeout_ms, tn__config_number(config, TN__OPT_CANCEL_TIMEOUT));
    atomic_store(&provider->row_buffer, (size_t)tn__config_number(config, TN__OPT_ROW_BUFFER));
    atomic_store(&pool->connect_timeout_ms, tn__config_number(config, TN__OPT_CONNECTION_TIMEOUT));
    pool->max = (uint32_t)tn__config_number(config, TN__OPT_MAX_CONNECTIONS);
    pool->min_wanted = (uint32_t)tn__config_number(config, TN__OPT_MIN_CONNECTIONS);
    pool->idle_timeout_ns = tn__config_number(config, TN__OPT_IDLE_TIMEOUT) * TN__NS_PER_MS;
    pool->max_lifetime_ns = tn__config_number(config, TN__OPT_MAX_LIFETIME) * TN__NS_PER_MS;
    pool->leak_ns = tn__config_number(config, TN__OPT_LEAK_TIMEOUT) * TN__NS_PER_MS;
    atomic_store(&pool->blocking, !pool->source->wait);
    pool->armed = false;
    tn__observe_configure(&provider->observe, config, pool->source->url);
}

tn_status tn__pool_new(tn__source *source, const tn_config *config, tn__pool **ret, tn_error *err)
{
    tn__pool *pool = calloc(1, sizeof(*pool));

    if (!pool)
        return tn_error_set(err, TN_NOMEM, NULL, "out of memory");
    pool->provider = (tn__provider){
        .acquire = tn__borrow,
        .release = tn__give_back,
        .cancel_all = tn__cancel_all,
        .find_outcome = tn__resolve,
        .reader = tn__replica_reader,
        .pause = pool_pause,
        .fork_generation = tn__fork_watch(),
    };
    pool->provider.family = pool;
    pool->client.magic = TN__DB_MAGIC;
    pool->client.kind = TN__DB_CLIENT;
    pool->client.provider = &pool->provider;
    pool->client.deadline_ns = TN_NO_DEADLINE;
    pool->source = source;
    pool->driver = source->driver;
    tn__pool_configure(pool, config);
    pthread_mutex_init(&pool->lock, NULL);
    tn__fast_init(&pool->fast);
    tn__cond_init(&pool->upkeep_wake);
    pool->upkeep_due_ns = TN_NO_DEADLINE;
    *ret = pool;
    return TN_OK;
}

/* ---- freed ----------------------------------------------------------------------------------- */

static void free_one(tn__pool *pool)
{
    tn__fast_free(&pool->fast);
    pthread_cond_destroy(&pool->upkeep_wake);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

static void free_memory(tn__pool *pool)
{
    for (tn__pool *replica = pool->replicas, *next; replica; replica = next) {
        next = replica->retired;
        free_one(replica);
    }
    free_one(pool);
}

/* A thread may be on its way out of a call when tn_db_shutdown() ends under it, with the handle in
 * its hands but nothing of the pool. So the memory of the last few (some kilobytes each) stays, as
 * something that answers TN_SHUTDOWN. */
static void free_later(tn__pool *pool)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static tn__pool *ended[LATER];
    static unsigned next;

    pthread_mutex_lock(&lock);
    tn__pool *oldest = ended[next];
    ended[next] = pool;
    next = (next + 1) % LATER;
    pthread_mutex_unlock(&lock);
    if (oldest)
        free_memory(oldest);
}

void tn__pool_lock(tn__pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    tn__fast_freeze(pool);
}

void tn__pool_unlock(tn__pool *pool)
{
    tn__fast_thaw(pool);
    pthread_mutex_unlock(&pool->lock);
}

/* A replica's memory is its parent's: a reader may have been given its provider just now. */
void tn__pool_unlock_and_free(tn__pool *pool)
{
    bool last = pool->closed && !pool->over && !pool->pins && !pool->upkeep_runs &&
                tn__slot_total(pool) == 0;
    tn__source *source = last ? pool->source : NULL;
    tn__pool *parent = pool->parent;
    bool kept = pool->kept, later = pool->shut_down;

    if (last) {
        pool->source = NULL;
        pool->over = true;
    }
    tn__pool_unlock(pool);
    tn__source_unref(source);
    if (!last)
        return;
    if (parent) {
        pthread_mutex_lock(&parent->lock);
        parent->pins--;
        tn__pool_unlock_and_free(parent);
    } else if (later && !kept) {
        free_later(pool);
    } else if (!kept) {
        free_memory(pool);
    }
}

void tn__pool_pin(tn__pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->pins++;
    pthread_mutex_unlock(&pool->lock);
}

void tn__pool_unpin(tn__pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->pins--;
    tn__pool_unlock_and_free(pool);
}

tn_status tn__pool_adopt_replica(tn__pool *pool, tn__pool *replica)
{
    pthread_mutex_lock(&pool->lock);
    bool wanted = !pool->closing;
    if (wanted) {
        replica->parent = pool;
        replica->provider.family = pool;
        pool->pins++;
        replica->retired = pool->replicas;
        pool->replicas = replica;
        pool->replica = replica;
    }
    pthread_mutex_unlock(&pool->lock);
    return wanted ? TN_OK : TN_SHUTDOWN;
}
