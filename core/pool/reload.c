/* SPDX-License-Identifier: MIT */
/* Another configuration for a running client. */
#include "base/clock.h"
#include "base/relaxed.h"
#include "config/config.h"
#include "observe/log.h"
#include "pool/connector.h"
#include "pool/guest.h"
#include "pool/open.h"

static bool is_other(const tn__pool *pool, const tn__conn *conn, int64_t now, tn__why *ret_why)
{
    (void)now;
    *ret_why = TN__WHY_REPLACED;
    return conn->source != pool->source || tn__slot_total(pool) > pool->max;
}

/* Those who wait profit from a larger maximum at once. The pool is pinned. Takes the reference. */
static tn_status replace_source(tn__pool *pool, tn__source *source, const tn_config *config,
                                tn_error *err)
{
    tn__pool_lock(pool);
    bool closing = pool->closing;
    tn__source *before = closing ? source : pool->source;
    if (!closing) {
        pool->source = source;
        tn__pool_configure(pool, config);
        pool->min = pool->min_wanted;
        pool->gate = (tn__gate){0};
        pool->last_connect_error.status = TN_OK;
        tn__demand_abort(pool);
        tn__guests_tell(pool);
        tn__slot_close_idle(pool, is_other, 0);
        tn__demand_slot(pool);
        tn__upkeep_by(pool, tn__now_ns());
    }
    tn__pool_unlock(pool);
    tn__source_unref(before);
    return closing ? tn__shutting_down(err) : TN_OK;
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
    if (pool->driver == source->driver)
        return TN_OK;
    return tn_error_set(err, TN_CONFIG, NULL,
                        "tn_reload: the URL is of driver %s, this client is of driver %s; open "
                        "another client",
                        source->driver->name, pool->driver->name);
}

/* The application's wait stays, where the new configuration brings none. */
static void inherit_wait(tn__pool *pool, tn__source *source)
{
    if (source->wait)
        return;
    tn__pool_lock(pool);
    source->wait = pool->source->wait;
    source->wait_arg = pool->source->wait_arg;
    tn__pool_unlock(pool);
}

/* The replica may be another one, a first one, or none any more. */
static tn_status reload_replica(tn__pool *pool, const tn_config *config, tn_error *err)
{
    tn__pool *replica = NULL;

    tn_status status = tn__replica_open(config, pool->driver, &replica, err);
    if (status != TN_OK)
        return status;
    if (replica)
        inherit_wait(pool, replica->source);
    tn__pool_lock(pool);
    tn__pool *before = pool->replica;
    pool->replica = NULL;
    tn__pool_unlock(pool);
    if (replica && tn__pool_adopt_replica(pool, replica) != TN_OK) {
        (void)tn__pool_close(replica, TN__ABANDON_MS, NULL);
        status = tn__shutting_down(err);
    } else if (replica) {
        tn__pool_lock(replica);
        replica->min = replica->min_wanted;
        tn__upkeep_by(replica, tn__now_ns());
        tn__pool_unlock(replica);
    }
    /* Transactions that run on it end there. A reader that has just been given its provider finds
     * it closing, and goes to the primary. */
    if (before)
        (void)tn__pool_close(before, TN__ABANDON_MS, NULL);
    return status;
}

static tn_status reload(tn__pool *pool, const tn_config *config, tn_error *err)
{
    tn__source *source = NULL;

    tn_status status = tn_config_check(config, err);
    if (status == TN_OK)
        status = tn__source_open(config, tn__config_text(config, TN__OPT_URL), &source, err);
    if (status == TN_OK)
        status = check_driver(pool, source, err);
    if (status == TN_OK) {
        inherit_wait(pool, source);
        status = try_source(source, tn__config_number(config, TN__OPT_CONNECTION_TIMEOUT), err);
    }
    if (status == TN_OK)
        status = reload_replica(pool, config, err);
    if (status != TN_OK) {
        tn__source_unref(source);
        return status;
    }
    tn__source_ref(source); /* for the log: the pool's may be replaced at once */
    status = replace_source(pool, source, config, err);
    if (status == TN_OK)
        tn__log(TN_LOG_INFO, "pool", "reloaded: %s", source->url);
    tn__source_unref(source);
    return status;
}

/* One at a time: whoever comes second waits for the first. */
static tn_status reload_in_turn(tn__pool *pool, const tn_config *config, tn_error *err)
{
    tn__pool_lock(pool);
    pool->pins++;
    while (pool->reloading && !pool->closing && tn__pool_await(pool, TN_NO_DEADLINE))
        continue;
    bool closing = pool->closing;
    pool->reloading = !closing;
    tn__pool_unlock(pool);
    tn_status status = closing ? tn__shutting_down(err) : reload(pool, config, err);
    tn__pool_lock(pool);
    if (!closing)
        pool->reloading = false;
    tn__pool_changed(pool);
    pool->pins--;
    tn__pool_unlock_and_free(pool);
    return status;
}

tn_status tn_reload(tn_db *client, const tn_config *config, tn_error *err)
{
    tn_status status = tn__db_check_client(client, "tn_reload", err);

    if (status != TN_OK)
        return status;
    if (config)
        return reload_in_turn(tn__pool_of(client), config, err);
    tn_config *loaded = tn_config_load(err);
    if (!loaded)
        return TN_CONFIG;
    status = reload_in_turn(tn__pool_of(client), loaded, err);
    tn_config_free(loaded);
    return status;
}
