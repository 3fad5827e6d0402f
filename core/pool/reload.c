/* SPDX-License-Identifier: MIT */
/* Another configuration for a running client; suspending it and resuming. */
#include <string.h>

#include "base/clock.h"
#include "base/relaxed.h"
#include "config/config.h"
#include "observe/log.h"
#include "pool/connector.h"
#include "pool/open.h"

static tn_status check_client(tn_db *client, const char *function, tn_error *err)
{
    tn_status status = tn__db_check(client, err);

    if (status == TN_OK && client->kind != TN__DB_CLIENT)
        return tn_error_set(err, TN_MISUSE, NULL, "%s: the handle is not a client", function);
    return status;
}

/* ---- reload ---------------------------------------------------------------------------------- */

static bool is_other(const tn__pool *pool, const tn__conn *conn, int64_t now, tn__why *ret_why)
{
    (void)now;
    *ret_why = TN__WHY_REPLACED;
    return conn->source != pool->source || tn__slot_total(pool) > pool->max;
}

/* Those who wait profit from a larger maximum at once. */
void tn__pool_replace_source(tn__pool *pool, tn__source *source, const tn_config *config)
{
    pthread_mutex_lock(&pool->lock);
    tn__source *before = pool->source;
    pool->source = source;
    pool->driver = source->driver;
    tn__pool_configure(pool, config);
    pool->min = pool->min_wanted;
    pool->gate = (tn__gate){0};
    tn__demand_abort(pool);
    tn__slot_close_idle(pool, is_other, 0);
    tn__demand_slot(pool);
    tn__upkeep_by(pool, tn__now_ns());
    pthread_mutex_unlock(&pool->lock);
    tn__source_unref(before);
}

/* Proves that it works before anything is changed. */
static tn_status try_source(tn__source *source, int64_t timeout_ms, tn_error *err)
{
    tn__conn *conn;

    tn_status status = tn__connect_by(source, tn__deadline_after_ms(tn__now_ns(), timeout_ms),
                                      &conn, err);
    if (status == TN_OK)
        tn__conn_close(conn);
    return status;
}

static tn_status check_driver(const tn__pool *pool, const tn__source *source, tn_error *err)
{
    if (strcmp(pool->driver->name, source->driver->name) == 0)
        return TN_OK;
    return tn_error_set(err, TN_CONFIG, NULL,
                        "tn_reload: the URL is of driver %s, this client is of driver %s; open "
                        "another client",
                        source->driver->name, pool->driver->name);
}

/* The replica may be another one, a first one, or none any more. */
static tn_status reload_replica(tn__pool *pool, const tn_config *config, tn_error *err)
{
    tn__pool *replica = NULL;

    tn_status status = tn__replica_open(config, &replica, err);
    if (status != TN_OK)
        return status;
    pthread_mutex_lock(&pool->lock);
    tn__pool *before = pool->replica;
    pool->replica = NULL;
    pthread_mutex_unlock(&pool->lock);
    if (replica) {
        tn__pool_adopt_replica(pool, replica);
        pthread_mutex_lock(&replica->lock);
        replica->min = replica->min_wanted;
        tn__upkeep_by(replica, tn__now_ns());
        pthread_mutex_unlock(&replica->lock);
    }
    /* Transactions that run on it end there. A reader that has just been given its provider finds
     * it closing, and goes to the primary. */
    if (before)
        (void)tn__pool_close(before, NULL);
    return TN_OK;
}

static tn_status reload(tn__pool *pool, const tn_config *config, tn_error *err)
{
    tn__source *source = NULL;

    tn_status status = tn_config_check(config, err);
    if (status == TN_OK)
        status = tn__source_open(config, tn__config_text(config, TN__OPT_URL), &source, err);
    if (status == TN_OK)
        status = check_driver(pool, source, err);
    if (status == TN_OK && !source->wait) {
        pthread_mutex_lock(&pool->lock);
        source->wait = pool->source->wait;
        source->wait_arg = pool->source->wait_arg;
        pthread_mutex_unlock(&pool->lock);
    }
    if (status == TN_OK)
        status = try_source(source, tn__config_number(config, TN__OPT_CONNECTION_TIMEOUT), err);
    if (status == TN_OK)
        status = reload_replica(pool, config, err);
    if (status != TN_OK) {
        tn__source_unref(source);
        return status;
    }
    tn__pool_replace_source(pool, source, config);
    tn__log(TN_LOG_INFO, "pool", "reloaded: %s", source->url);
    return TN_OK;
}

tn_status tn_reload(tn_db *client, const tn_config *config, tn_error *err)
{
    tn_status status = check_client(client, "tn_reload", err);

    if (status != TN_OK)
        return status;
    if (config)
        return reload(tn__pool_of(client), config, err);
    tn_config *loaded = tn_config_load(err);
    if (!loaded)
        return TN_CONFIG;
    status = reload(tn__pool_of(client), loaded, err);
    tn_config_free(loaded);
    return status;
}

/* ---- suspend --------------------------------------------------------------------------------- */

tn_status tn_suspend(tn_db *client, int64_t timeout_ms, tn_error *err)
{
    tn_status status = check_client(client, "tn_suspend", err);

    if (status != TN_OK)
        return status;
    tn__pool *pool = tn__pool_of(client);
    int64_t deadline = tn__deadline_after_ms(tn__now_ns(), timeout_ms > 0 ? timeout_ms : 0);
    pthread_mutex_lock(&pool->lock);
    pool->pins++;
    pool->suspended = true;
    while (pool->suspended && !pool->closing && pool->n[TN__SLOT_LENT] &&
           tn__cond_wait(&pool->changed, &pool->lock, deadline))
        continue;
    uint32_t in_use = pool->n[TN__SLOT_LENT];
    bool closing = pool->closing, suspended = pool->suspended;
    pool->pins--;
    tn__pool_unlock_and_free(pool);
    if (closing)
        return tn_error_set(err, TN_SHUTDOWN, NULL, "the client is being closed");
    if (in_use && suspended)
        return tn_error_set(err, TN_TIMEOUT, NULL,
                            "tn_suspend: %u connections are still in use after %lld ms", in_use,
                            (long long)timeout_ms);
    return TN_OK;
}

void tn_resume(tn_db *client)
{
    if (check_client(client, "tn_resume", NULL) != TN_OK)
        return;
    tn__pool *pool = tn__pool_of(client);
    pthread_mutex_lock(&pool->lock);
    pool->suspended = false;
    tn__pool_serve(pool);
    tn__demand_slot(pool);
    pthread_cond_broadcast(&pool->changed);
    pthread_mutex_unlock(&pool->lock);
}
