/* SPDX-License-Identifier: MIT */
/* From a configuration to a client: driver, source, pool. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <tenon/db.h>
#include <tenon/version.h>

#include "base/clock.h"
#include "base/relaxed.h"
#include "base/str.h"
#include "config/config.h"
#include "config/observe.h"
#include "config/text.h"
#include "config/url.h"
#include "driver/registry.h"
#include "observe/log.h"
#include "observe/trace.h"
#include "pool/connector.h"
#include "pool/open.h"

enum {
    OPTIONS_MAX = 64,
    PATIENCE_MS = 1000, /* the first connection may take so long on the caller's thread */
    WARM_AFTER_MS = 100 /* then the minimum is made: who comes for one answer is gone by then */
};

const char *tn_version(void)
{
    return TN_VERSION_STRING;
}

/* ---- the source ------------------------------------------------------------------------------ */

/* What the driver claims of the URL's parameters, checked as far as its table tells. */
struct claimed {
    tn__url_parts parts;
    tn_driver_setting settings[OPTIONS_MAX];
    size_t count;
};

static const char *value_of(const tn__url_parts *parts, const char *name)
{
    for (size_t i = 0; i < parts->n_params; i++)
        if (strcmp(parts->params[i].name, name) == 0)
            return parts->params[i].value;
    return NULL;
}

static tn_status claim(const tn__driver *driver, const char *url, struct claimed *ret,
                       tn_error *err)
{
    const char *names[OPTIONS_MAX];
    size_t n = 0;

    *ret = (struct claimed){0};
    for (; driver->options && driver->options[n].name && n < OPTIONS_MAX; n++)
        names[n] = driver->options[n].name;
    tn_status status = tn__url_take(url, names, n, &ret->parts, err);
    if (status != TN_OK)
        return status;
    for (size_t i = 0; i < n; i++) {
        const tn_driver_option *option = &driver->options[i];
        const char *value = value_of(&ret->parts, option->name);
        if (value && option->choices && !tn__str_among(option->choices, '|', tn_str_from(value)))
            return tn_error_set(err, TN_CONFIG, NULL,
                                "DATABASE_URL: parameter %s is \"%.64s\", must be one of %s",
                                option->name, value, option->choices);
        if (!value)
            value = option->default_value;
        if (value)
            ret->settings[ret->count++] = (tn_driver_setting){.name = tn_str_from(option->name),
                                                              .value = tn_str_from(value)};
    }
    return TN_OK;
}

static tn_status open_driver(const tn__driver *driver, const tn_config *config, const char *url,
                             tn_driver_source **ret, tn_error *err)
{
    struct claimed claimed;
    tn_str scheme;

    tn_status status = tn__url_scheme(url, &scheme, err);
    if (status != TN_OK)
        return status;
    status = claim(driver, url, &claimed, err);
    if (status == TN_OK) {
        const tn_source_config source = {
            .size = sizeof(source),
            .scheme = scheme,
            .url = tn_str_from(claimed.parts.url),
            .settings = claimed.settings,
            .n_settings = claimed.count,
            .application_name = tn_str_from(tn__config_text(config, TN__OPT_APPLICATION_NAME)),
            .max_connections = (uint32_t)tn__config_number(config, TN__OPT_MAX_CONNECTIONS),
            .connect_timeout_ms = (uint32_t)tn__config_number(config, TN__OPT_CONNECTION_TIMEOUT),
        };
        status = driver->conn.open_source(&tn__host, &source, ret, err);
    }
    tn__url_parts_free(&claimed.parts);
    return status;
}

static char *redacted(const char *url)
{
    size_t size = tn_url_redact(url, NULL, 0) + 1;
    char *text = malloc(size);

    if (text)
        tn_url_redact(url, text, size);
    return text;
}

tn_status tn__source_open(const tn_config *config, const char *url, tn__source **ret, tn_error *err)
{
    tn_driver_source *drv = NULL;
    const tn__driver *driver;
    tn_str scheme;

    tn_status status = tn__url_scheme(url, &scheme, err);
    if (status == TN_OK)
        status = tn__registry_find(scheme, &driver, err);
    if (status == TN_OK)
        status = open_driver(driver, config, url, &drv, err);
    if (status != TN_OK)
        return status;
    char *shown = redacted(url);
    tn__source *source = shown ? tn__source_new(driver, drv, shown) : NULL;
    if (!source) {
        driver->conn.close_source(drv);
        free(shown);
        return tn_error_set(err, TN_NOMEM, NULL, "out of memory");
    }
    source->wait = tn__config_wait(config, &source->wait_arg);
    source->statement_cache = (size_t)tn__config_number(config, TN__OPT_STATEMENT_CACHE);
    *ret = source;
    return TN_OK;
}

/* ---- the client ------------------------------------------------------------------------------ */

static tn_status pool_for(const tn_config *config, tn__option_id url, tn__pool **ret, tn_error *err)
{
    tn__source *source = NULL;

    tn_status status = tn__source_open(config, tn__config_text(config, url), &source, err);
    if (status != TN_OK)
        return status;
    source->read_only = url == TN__OPT_REPLICA_URL;
    status = tn__pool_new(source, config, ret, err);
    if (status != TN_OK)
        tn__source_unref(source);
    return status;
}

static void close_if_any(tn__pool *pool)
{
    if (pool)
        (void)tn__pool_close(pool, TN__ABANDON_MS, NULL);
}

tn_status tn__replica_open(const tn_config *config, const tn__driver *driver, tn__pool **ret,
                           tn_error *err)
{
    tn__pool *replica = NULL;

    if (!tn__config_text(config, TN__OPT_REPLICA_URL))
        return TN_OK;
    tn_status status = pool_for(config, TN__OPT_REPLICA_URL, &replica, err);
    if (status == TN_OK && replica->driver != driver) {
        status = tn_error_set(err, TN_CONFIG, NULL,
                              "the URL is of driver %s, DATABASE_URL is of driver %s",
                              replica->driver->name, driver->name);
    } else if (status == TN_OK) {
        status = tn__upkeep_start(replica, err);
    }
    if (status != TN_OK)
        close_if_any(replica);
    if (status == TN_OK)
        *ret = replica;
    else
        tn__config_blame(err, tn__options[TN__OPT_REPLICA_URL].environment);
    return status;
}

static tn_status new_pool(const tn_config *config, tn__pool **ret, tn_error *err)
{
    tn_status status = tn_config_check(config, err);
    tn__pool *replica = NULL;

    if (status == TN_OK)
        status = pool_for(config, TN__OPT_URL, ret, err);
    if (status != TN_OK)
        return status;
    status = tn__replica_open(config, (*ret)->driver, &replica, err);
    if (status != TN_OK)
        (void)tn__pool_close(*ret, TN__ABANDON_MS, NULL);
    else if (replica)
        (void)tn__pool_adopt_replica(*ret, replica); /* nobody can be closing it */
    return status;
}

/* 1 s, 2 s, 4 s, each up to a fifth shorter. */
static int64_t retry_pause_ns(uint32_t number)
{
    tn_uuid random = tn_uuid_random();
    int64_t pause = TN__NS_PER_S << (number < 5 ? number : 5);

    return pause - pause / 5 * random.bytes[0] / 255;
}

/* A server that is starting, restarting or full for a moment: worth another try. */
static bool is_worth_another_try(const tn_error *err)
{
    return err->status == TN_UNAVAILABLE && tn__may_come_back(err);
}

static void trace_retry(tn__pool *pool, uint32_t attempt, const tn_error *why)
{
    if (!tn__trace_wanted(TN_TRACE_RETRY))
        return;
    tn_trace_event event = {.kind = TN_TRACE_RETRY,
                            .driver = pool->driver->name,
                            .url = pool->source->url, /* nobody else has the pool yet */
                            .what = "connect",
                            .error = why,
                            .attempt = attempt};
    tn__trace_moment(&event);
}

/* A thread to connect on would cost more than it does good where nothing can block. What takes long
 * (its packets went astray, perhaps) is left to those threads, which try again beside it. */
static bool connect_here(tn__pool *pool, int64_t deadline_ns, tn_status *ret, tn_error *err)
{
    const tn__source *source = pool->source; /* nobody else has the pool yet */
    bool (*prompt)(const tn_driver_source *) = pool->driver->conn.prompt;
    int64_t patience = tn__deadline_after_ms(tn__now_ns(), PATIENCE_MS);

    if (!tn__source_remote(source) || source->wait || !prompt || !prompt(source->drv))
        return false;
    *ret = tn__pool_connect_here(pool, tn__deadline_min(deadline_ns, patience), err);
    return *ret == TN_OK || *ret != TN_TIMEOUT || tn__now_ns() >= deadline_ns;
}

static tn_status connect(tn__pool *pool, int64_t deadline_ns, tn_error *err)
{
    tn_status status;

    if (connect_here(pool, deadline_ns, &status, err))
        return status;
    status = tn__upkeep_start(pool, err);
    return status == TN_OK ? tn__pool_connect(pool, deadline_ns, err) : status;
}

/* Fails fast on what will not get better by itself; one connection is made now, and kept. */
static tn_status first_connection(tn__pool *pool, uint32_t retries, tn_error *err)
{
    int64_t deadline = tn__deadline_after_ms(tn__now_ns(), tn__relaxed(&pool->connect_timeout_ms));
    tn_error why = TN_ERROR_INIT;

    for (uint32_t number = 0;; number++) {
        tn_status status = connect(pool, deadline, &why);
        if (status == TN_OK)
            return TN_OK;
        int64_t pause = retry_pause_ns(number);
        if (!is_worth_another_try(&why) || number >= retries || tn__now_ns() + pause >= deadline) {
            if (err)
                *err = why;
            return status;
        }
        tn__log(TN_LOG_WARN, "pool", "connecting failed, next attempt (%u of %u) in %lld ms: %s",
                number + 1, retries, (long long)(pause / TN__NS_PER_MS), why.message);
        trace_retry(pool, number + 2, &why);
        pool->provider.pause(&pool->provider, pause);
    }
}

/* From here on upkeep keeps the minimum. It is not made at once: its connecting would take the
 * server's time, and maybe the processor, from the first statements. */
static tn_status warm_up(tn__pool *pool, tn_error *err)
{
    tn_status status = tn__upkeep_start(pool, err);

    if (status != TN_OK)
        return status;
    tn__pool_lock(pool);
    pool->min = pool->min_wanted;
    tn__upkeep_by(pool, tn__deadline_after_ms(tn__now_ns(), WARM_AFTER_MS));
    tn__pool_unlock(pool);
    return TN_OK;
}

tn_db *tn_open(const tn_config *config, tn_error *err)
{
    tn__pool *pool;

    if (!config) {
        tn_error_set(err, TN_MISUSE, NULL, "tn_open: the configuration is NULL");
        return NULL;
    }
    tn__observe_log(config);
    if (new_pool(config, &pool, err) != TN_OK)
        return NULL;
    tn_status status = first_connection(
        pool, (uint32_t)tn__config_number(config, TN__OPT_CONNECT_RETRIES), err);
    tn__connector_reap();
    if (status == TN_OK)
        status = warm_up(pool, err);
    if (status == TN_OK && pool->replica)
        status = warm_up(pool->replica, err);
    if (status != TN_OK) {
        (void)tn__pool_close(pool, TN__ABANDON_MS, NULL);
        return NULL;
    }
    return &pool->client;
}

tn_db *tn_open_url(const char *url, tn_error *err)
{
    tn_config *config = tn_config_from_url(url, err);
    tn_db *db = config ? tn_open(config, err) : NULL;

    tn_config_free(config);
    return db;
}

static bool is_client(const tn_db *db)
{
    return db->magic == TN__DB_MAGIC && db->kind == TN__DB_CLIENT;
}

tn_status tn_db_close(tn_db *db, tn_error *err)
{
    if (!db)
        return TN_OK;
    if (!is_client(db))
        return tn_error_set(err, TN_MISUSE, NULL, "tn_db_close: the handle is not a client");
    return tn__pool_close(tn__pool_of(db), TN__CLOSE_MS, err);
}

const char *tn_db_driver(const tn_db *db)
{
    return db && db->magic == TN__DB_MAGIC ? tn__pool_of(db)->driver->name : "";
}

const char *tn_db_url(const tn_db *db)
{
    if (!db || db->magic != TN__DB_MAGIC || tn__provider_check(db->provider, NULL) != TN_OK)
        return "";
    tn__pool *pool = tn__pool_of(db);
    pthread_mutex_lock(&pool->lock);
    const char *url = pool->source ? pool->source->url : "";
    pthread_mutex_unlock(&pool->lock);
    return url;
}

void tn_db_pool_stats(const tn_db *db, tn_pool_stats *ret)
{
    *ret = (tn_pool_stats){0};
    if (db && db->magic == TN__DB_MAGIC)
        tn__pool_stats(tn__pool_of(db), ret);
}
