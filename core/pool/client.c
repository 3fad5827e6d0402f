/* SPDX-License-Identifier: MIT */
/* From a configuration to a client: driver, source, pool; and the one client of the process. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <tenon/db.h>
#include <tenon/version.h>

#include "base/clock.h"
#include "base/str.h"
#include "config/config.h"
#include "config/observe.h"
#include "config/url.h"
#include "driver/registry.h"
#include "observe/log.h"
#include "pool/pool.h"

enum { OPTIONS_MAX = 64 };

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

static bool is_choice(const char *choices, tn_str value)
{
    tn_str rest = tn_str_from(choices), word;

    while (tn__str_split(&rest, '|', &word))
        if (tn_str_equal(word, value))
            return true;
    return false;
}

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
        if (value && option->choices && !is_choice(option->choices, tn_str_from(value)))
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

static tn_status open_source(const tn__driver *driver, const tn_config *config, const char *url,
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

/* ---- the client ------------------------------------------------------------------------------ */

static char *redacted(const char *url)
{
    size_t size = tn_url_redact(url, NULL, 0) + 1;
    char *text = malloc(size);

    if (text)
        tn_url_redact(url, text, size);
    return text;
}

static tn_status new_pool(const tn_config *config, tn__pool **ret, tn_error *err)
{
    tn__conn_plan plan = {0};
    tn_str scheme;

    tn_status status = tn_config_check(config, err);
    if (status != TN_OK)
        return status;
    const char *url = tn__config_text(config, TN__OPT_URL);
    status = tn__url_scheme(url, &scheme, err);
    if (status == TN_OK)
        status = tn__registry_find(scheme, &plan.driver, err);
    if (status == TN_OK)
        status = open_source(plan.driver, config, url, &plan.source, err);
    if (status != TN_OK)
        return status;
    plan.wait = tn__config_wait(config, &plan.wait_arg);
    plan.statement_cache = (size_t)tn__config_number(config, TN__OPT_STATEMENT_CACHE);
    char *shown = redacted(url);
    status = shown ? tn__pool_new(&plan, shown, config, ret, err)
                   : tn_error_set(err, TN_NOMEM, NULL, "out of memory");
    if (status != TN_OK) {
        plan.driver->conn.close_source(plan.source);
        free(shown);
    }
    return status;
}

/* A server that is starting, restarting or full for a moment: worth another try. */
static bool may_come_back(const tn_error *err)
{
    return err->status == TN_UNAVAILABLE &&
           (strcmp(err->sqlstate, "08001") == 0 || strcmp(err->sqlstate, "57P03") == 0 ||
            strcmp(err->sqlstate, "53300") == 0);
}

/* 1 s, 2 s, 4 s, each up to a fifth shorter. */
static int64_t retry_pause_ns(uint32_t number)
{
    tn_uuid random = tn_uuid_random();
    int64_t pause = TN__NS_PER_S << (number < 5 ? number : 5);

    return pause - pause / 5 * random.bytes[0] / 255;
}

/* Fails fast on what will not get better by itself; one connection is made now, and kept. */
static tn_status first_connection(tn__pool *pool, uint32_t retries, tn_error *err)
{
    int64_t deadline = tn__deadline_after_ms(tn__now_ns(), pool->connect_timeout_ms);
    tn_error why = TN_ERROR_INIT;

    for (uint32_t number = 0;; number++) {
        tn_status status = tn__pool_connect(pool, deadline, &why);
        if (status == TN_OK)
            return TN_OK;
        int64_t pause = retry_pause_ns(number);
        if (!may_come_back(&why) || number >= retries || tn__now_ns() + pause >= deadline) {
            if (err)
                *err = why;
            return status;
        }
        tn__log(TN_LOG_WARN, "pool", "connecting failed, next attempt (%u of %u) in %lld ms: %s",
                number + 1, retries, (long long)(pause / TN__NS_PER_MS), why.message);
        const struct timespec time = {.tv_sec = pause / TN__NS_PER_S,
                                      .tv_nsec = pause % TN__NS_PER_S};
        nanosleep(&time, NULL);
    }
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
    if (first_connection(pool, (uint32_t)tn__config_number(config, TN__OPT_CONNECT_RETRIES), err) !=
        TN_OK) {
        (void)tn__pool_close(pool, NULL);
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
    return tn__pool_close(tn__pool_of(db), err);
}

const char *tn_db_driver(const tn_db *db)
{
    return db && db->magic == TN__DB_MAGIC ? tn__pool_of(db)->plan.driver->name : "";
}

const char *tn_db_url(const tn_db *db)
{
    return db && db->magic == TN__DB_MAGIC ? tn__pool_of(db)->url : "";
}

void tn_db_pool_stats(const tn_db *db, tn_pool_stats *ret)
{
    *ret = (tn_pool_stats){0};
    if (db && db->magic == TN__DB_MAGIC)
        tn__pool_stats(tn__pool_of(db), ret);
}

/* ---- the process's one client ---------------------------------------------------------------- */

/* Held while the client is opened, so that concurrent first users open it once and all wait. */
static pthread_mutex_t shared_lock = PTHREAD_MUTEX_INITIALIZER;
static tn_db *shared;

tn_db *tn_client(tn_error *err)
{
    pthread_mutex_lock(&shared_lock);
    /* A child of fork leaves its parent's client alone (memory and all) and opens its own. */
    if (shared && tn__provider_check(shared->provider, NULL) != TN_OK)
        shared = NULL;
    tn_db *db = shared;
    if (!db) {
        tn_config *config = tn_config_load(err);
        db = config ? tn_open(config, err) : NULL;
        tn_config_free(config);
        shared = db;
    }
    pthread_mutex_unlock(&shared_lock);
    return db;
}

tn_status tn_client_shutdown(tn_error *err)
{
    pthread_mutex_lock(&shared_lock);
    tn_db *db = shared;
    shared = NULL;
    if (db && tn__provider_check(db->provider, NULL) != TN_OK)
        db = NULL; /* the parent's: nothing was opened here */
    pthread_mutex_unlock(&shared_lock);
    return tn_db_close(db, err);
}
