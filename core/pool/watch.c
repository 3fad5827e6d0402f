/* SPDX-License-Identifier: MIT */
/* Health again and again: a change is told when several looks in a row agree. */
#include <stdlib.h>
#include <string.h>

#include <tenon/health.h>

#include "base/clock.h"
#include "observe/log.h"
#include "pool/connector.h"
#include "pool/pool.h"
#include "session/fork.h"

enum { INTERVAL_LEAST_MS = 10 };

struct tn_watch {
    tn_db *client;
    unsigned fork_generation; /* a child of fork has the memory and not the thread */
    tn_watch_options options;
    tn_watch_fn *fn;
    void *arg;
    pthread_t thread;

    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stop;
    bool up;
    bool told;     /* of the first state */
    uint32_t good; /* looks in a row */
    uint32_t bad;
    tn_health last;
};

/* Under the lock: does this look change the state? */
static bool judge(tn_watch *watch, const tn_health *health)
{
    bool good = health->status == TN_HEALTHY, up = watch->up;

    watch->good = good ? watch->good + 1 : 0;
    watch->bad = good ? 0 : watch->bad + 1;
    watch->last = *health;
    if (watch->good >= watch->options.up_after)
        up = true;
    else if (watch->bad >= watch->options.down_after)
        up = false;
    else
        return false;
    bool changed = up != watch->up || !watch->told;
    watch->up = up;
    watch->told = true;
    return changed;
}

static void tell(const tn_watch *watch, bool up, const tn_health *health)
{
    if (up)
        tn__log(TN_LOG_INFO, "health", "the database is up: %s", health->server);
    else
        tn__log(TN_LOG_WARN, "health", "the database is down: %s", health->error.message);
    if (watch->fn)
        watch->fn(watch->arg, up, health);
}

static void *look_again_and_again(void *arg)
{
    tn_watch *watch = arg;

    tn__host_own_thread();
    pthread_mutex_lock(&watch->lock);
    while (!watch->stop) {
        pthread_mutex_unlock(&watch->lock);
        int64_t next = tn__deadline_after_ms(tn__now_ns(), watch->options.interval_ms);
        tn_health health = tn_health_check(watch->client, watch->options.timeout_ms);
        pthread_mutex_lock(&watch->lock);
        bool changed = judge(watch, &health), up = watch->up;
        pthread_mutex_unlock(&watch->lock);
        if (changed)
            tell(watch, up, &health);
        pthread_mutex_lock(&watch->lock);
        while (!watch->stop && tn__now_ns() < next)
            (void)tn__cond_wait(&watch->wake, &watch->lock, next);
    }
    pthread_mutex_unlock(&watch->lock);
    return NULL;
}

static tn_status check_options(const tn_watch_options *options, tn_error *err)
{
    if (options->interval_ms >= INTERVAL_LEAST_MS && options->timeout_ms > 0 &&
        options->up_after > 0 && options->down_after > 0)
        return TN_OK;
    return tn_error_set(
        err, TN_MISUSE, NULL,
        "tn_health_watch: interval_ms must be at least %d, timeout_ms, up_after and "
        "down_after at least 1",
        INTERVAL_LEAST_MS);
}

static void free_watch(tn_watch *watch)
{
    pthread_cond_destroy(&watch->wake);
    pthread_mutex_destroy(&watch->lock);
    free(watch);
}

tn_status tn_health_watch(tn_db *client, const tn_watch_options *options, tn_watch_fn *fn,
                          void *arg, tn_watch **ret_watch, tn_error *err)
{
    static const tn_watch_options defaults = TN_WATCH_OPTIONS_INIT;

    tn_status status = tn__db_check_client(client, "tn_health_watch", err);
    if (status == TN_OK)
        status = check_options(options ? options : &defaults, err);
    if (status != TN_OK)
        return status;
    tn_watch *watch = calloc(1, sizeof(*watch));
    if (!watch)
        return tn_error_set(err, TN_NOMEM, NULL, "out of memory");
    watch->client = client;
    watch->fork_generation = tn__fork_watch();
    watch->options = options ? *options : defaults;
    watch->fn = fn;
    watch->arg = arg;
    pthread_mutex_init(&watch->lock, NULL);
    tn__cond_init(&watch->wake);
    int error = tn__thread_start(&watch->thread, false, look_again_and_again, watch);
    if (error) {
        free_watch(watch);
        return tn_error_set(err, TN_RESOURCE, NULL, "no thread could be started to watch on: %s",
                            strerror(error));
    }
    *ret_watch = watch;
    return TN_OK;
}

static bool is_ours(const tn_watch *watch)
{
    return watch->fork_generation == tn__fork_generation();
}

bool tn_health_watch_state(tn_watch *watch, tn_health *ret_health)
{
    if (!is_ours(watch)) {
        if (ret_health)
            *ret_health = (tn_health){.error = {.status = TN_FORKED}};
        return false;
    }
    pthread_mutex_lock(&watch->lock);
    bool up = watch->up;
    if (ret_health)
        *ret_health = watch->last;
    pthread_mutex_unlock(&watch->lock);
    return up;
}

void tn_health_watch_stop(tn_watch *watch)
{
    if (!watch || !is_ours(watch))
        return;
    pthread_mutex_lock(&watch->lock);
    watch->stop = true;
    pthread_cond_signal(&watch->wake);
    pthread_mutex_unlock(&watch->lock);
    pthread_join(watch->thread, NULL);
    free_watch(watch);
}
