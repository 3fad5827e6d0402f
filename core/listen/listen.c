/* SPDX-License-Identifier: MIT */
/*
 * Listeners. A call marks the listener as busy; what others may want of it (an interruption, the
 * end of the client, another source) reaches it under the pool's lock: as a flag, and as a cancel
 * of what it waits for. A wait begins under that lock, behind a look at the flags, so that no
 * cancel comes too early to be seen.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/relaxed.h"
#include "base/str.h"
#include "listen/listener.h"
#include "listen/notify.h"

/* ---- what others want ------------------------------------------------------------------------ */

tn_status tn__listener_check(tn_listener *l, bool waits, tn_error *err)
{
    if (l->pool->closing)
        return tn__shutting_down(err);
    if (!waits || !l->interrupted)
        return TN_OK;
    l->interrupted = false;
    return tn_error_set(err, TN_CANCELLED, "57014", "waiting for notifications was interrupted");
}

/* Has whoever waits look. */
static void wake(tn_listener *l)
{
    if (l->conn)
        tn__host_cancel(&l->conn->host);
    tn__pool_changed(l->pool);
}

static tn__conn *take_all(tn_listener *l)
{
    tn__conn *conn = l->conn, *made = tn__attempt_leave(l->attempt);

    l->conn = NULL;
    l->attempt = NULL;
    return conn ? conn : made; /* there are never both */
}

static tn__conn *told(tn__guest *guest)
{
    tn_listener *l = (tn_listener *)guest;
    bool closing = l->pool->closing;

    if (closing && !l->busy)
        return take_all(l);
    if (closing && l->conn)
        tn__host_stop(&l->conn->host);
    else if (l->busy)
        wake(l);
    return NULL;
}

void tn_listen_interrupt(tn_listener *l)
{
    if (!l || tn__provider_check(&l->pool->provider, NULL) != TN_OK)
        return;
    pthread_mutex_lock(&l->pool->lock);
    l->interrupted = true;
    if (l->busy)
        wake(l);
    pthread_mutex_unlock(&l->pool->lock);
}

/* ---- calls ----------------------------------------------------------------------------------- */

static tn_status enter(tn_listener *l, const char *function, tn_error *err)
{
    if (!l)
        return tn_error_set(err, TN_MISUSE, NULL, "%s: the listener is NULL", function);
    tn_status status = tn__provider_check(&l->pool->provider, err);
    if (status != TN_OK)
        return status;
    pthread_mutex_lock(&l->pool->lock);
    if (l->busy)
        status = tn_error_set(err, TN_MISUSE, NULL,
                              "%s: the listener is used by two threads at once", function);
    else
        status = tn__listener_check(l, false, err);
    if (status == TN_OK)
        l->busy = true;
    pthread_mutex_unlock(&l->pool->lock);
    return status;
}

static void leave(tn_listener *l)
{
    tn__pool *pool = l->pool;

    pthread_mutex_lock(&pool->lock);
    l->busy = false;
    tn__conn *conn = pool->closing ? take_all(l) : NULL;
    if (conn)
        tn__guest_close(pool, conn);
    pthread_mutex_unlock(&pool->lock);
}

/* ---- channels -------------------------------------------------------------------------------- */

static size_t find(const tn_listener *l, tn_str channel)
{
    size_t i = 0;

    while (i < l->n_channels && !tn_str_equal(l->channels[i], channel))
        i++;
    return i;
}

static tn_status add(tn_listener *l, tn_str channel, tn_error *err)
{
    char *text = malloc(channel.len);
    tn_str *list = text ? realloc(l->channels, (l->n_channels + 1) * sizeof(*list)) : NULL;

    if (!list) {
        free(text);
        return tn_error_set(err, TN_NOMEM, NULL, "out of memory");
    }
    memcpy(text, channel.ptr, channel.len);
    l->channels = list;
    l->channels[l->n_channels++] = (tn_str){text, channel.len};
    return TN_OK;
}

static void drop(tn_listener *l, size_t i)
{
    free((char *)(uintptr_t)l->channels[i].ptr);
    l->channels[i] = l->channels[--l->n_channels];
}

/* Something is to be said on the connection. TN_SHUTDOWN: the client ends. */
static tn_status begin(tn_listener *l, tn_error *err)
{
    pthread_mutex_lock(&l->pool->lock);
    tn_status status = tn__listener_check(l, false, err);
    if (status == TN_OK)
        tn__host_begin(&l->conn->host);
    pthread_mutex_unlock(&l->pool->lock);
    return status;
}

static bool is_lost(const tn_listener *l, tn_status status)
{
    tn_conn_state state = tn__conn_state(l->conn);

    return status != TN_OK && (status == TN_LOST || state == TN_CONN_BROKEN ||
                               state == TN_CONN_BUSY || status == TN_CANCELLED);
}

/* Listens to one more or one less; a connection that is lost by it will have that as well. */
static tn_status tell_server(tn_listener *l, tn_str channel, bool more, tn_error *err)
{
    int64_t deadline = tn__deadline_after_ms(tn__now_ns(),
                                             tn__relaxed(&l->pool->connect_timeout_ms));
    const tn_notify_ops *ops = &l->pool->driver->notify;
    tn_error why = TN_ERROR_INIT;

    if (!l->conn) {
        tn__listener_drop(l); /* an attempt that does not know of it */
        return TN_OK;
    }
    tn_status status = begin(l, err);
    if (status != TN_OK)
        return status;
    status = more ? ops->listen(l->conn->drv, &channel, 1, deadline, &why)
                  : ops->unlisten(l->conn->drv, channel, deadline, &why);
    tn__host_end(&l->conn->host);
    if (is_lost(l, status)) {
        tn__listener_lose(l, &why);
        return TN_OK;
    }
    if (status != TN_OK && err)
        *err = why;
    return status;
}

tn_status tn_listen_add(tn_listener *l, const char *name, tn_error *err)
{
    tn_str channel;

    tn_status status = tn__channel_check(name, &channel, err);
    if (status == TN_OK)
        status = enter(l, "tn_listen_add", err);
    if (status != TN_OK)
        return status;
    if (find(l, channel) == l->n_channels) {
        status = add(l, channel, err);
        if (status == TN_OK && (status = tell_server(l, channel, true, err)) != TN_OK)
            drop(l, l->n_channels - 1);
    }
    leave(l);
    return status;
}

tn_status tn_listen_remove(tn_listener *l, const char *name, tn_error *err)
{
    tn_str channel;

    tn_status status = tn__channel_check(name, &channel, err);
    if (status == TN_OK)
        status = enter(l, "tn_listen_remove", err);
    if (status != TN_OK)
        return status;
    size_t i = find(l, channel);
    if (i < l->n_channels)
        status = tell_server(l, channel, false, err);
    if (i < l->n_channels && status == TN_OK) {
        drop(l, i);
        l->removed = true;
    }
    leave(l);
    return status;
}

/* ---- signs of life --------------------------------------------------------------------------- */

/* Until when a wait may last before the server has to be looked after. */
static int64_t next_look(const tn_listener *l)
{
    if (l->probed_ns)
        return l->probed_ns + l->options.ping_timeout_ms * TN__NS_PER_MS;
    if (l->options.ping_interval_ms > 0)
        return l->heard_ns + l->options.ping_interval_ms * TN__NS_PER_MS;
    return TN_NO_DEADLINE;
}

/* Nothing has come for a while. Anything but TN_OK: the connection is lost. */
static tn_status look_after(tn_listener *l, tn_error *why)
{
    const tn_notify_ops *ops = &l->pool->driver->notify;
    int64_t now = tn__now_ns();

    if (l->probed_ns && ops->answered(l->conn->drv)) {
        l->heard_ns = now;
        l->probed_ns = 0;
    }
    if (now < next_look(l))
        return TN_OK;
    if (l->probed_ns)
        return tn_error_set(why, TN_LOST, "08006", "the server gave no sign of life for %lld ms",
                            (long long)((now - l->heard_ns) / TN__NS_PER_MS));
    l->probed_ns = now;
    tn__host_begin(&l->conn->host);
    tn_status status = ops->probe(l->conn->drv, now, why);
    tn__host_end(&l->conn->host);
    return status == TN_TIMEOUT || status == TN_CANCELLED ? TN_OK : status;
}

/* ---- the next event -------------------------------------------------------------------------- */

static void heard(tn_listener *l)
{
    l->heard_ns = tn__now_ns();
    l->probed_ns = l->probed_ns ? l->heard_ns : 0; /* it is alive; the answer comes behind this */
}

/* The next one that is at hand or comes by that time. */
static tn_status fetch(tn_listener *l, int64_t until_ns, tn_notification *ret, tn_error *why)
{
    tn_status status;

    do {
        *ret = (tn_notification){.size = sizeof(*ret)};
        status = l->pool->driver->notify.wait(l->conn->drv, until_ns, ret, why);
    } while (status == TN_OK && l->removed && find(l, ret->channel) == l->n_channels);
    return status;
}

/* On a connection. true: it is over, with *status; false: look again. */
static bool wait_once(tn_listener *l, int64_t deadline_ns, tn_event *ret, tn_status *status,
                      tn_error *err)
{
    tn_notification got;
    tn_error why = TN_ERROR_INIT;

    pthread_mutex_lock(&l->pool->lock);
    *status = tn__listener_check(l, true, err);
    bool replaced = l->conn->source != l->pool->source;
    if (*status == TN_OK)
        tn__host_begin(&l->conn->host);
    pthread_mutex_unlock(&l->pool->lock);
    if (*status != TN_OK)
        return true;
    int64_t until = replaced ? 0 : tn__deadline_min(deadline_ns, next_look(l));
    *status = fetch(l, until, &got, &why);
    tn__host_end(&l->conn->host);
    if (*status == TN_OK) {
        heard(l);
        *ret = (tn_event){TN_EVENT_NOTIFICATION, got.channel, got.payload, got.sender};
        return true;
    }
    if (*status == TN_CANCELLED)
        return false;
    if (*status == TN_TIMEOUT && !replaced)
        *status = look_after(l, &why);
    if (*status != TN_OK) {
        tn__listener_lose(l, replaced ? NULL : &why);
        return false;
    }
    if (tn__now_ns() < deadline_ns)
        return false;
    *status = tn_error_set(err, TN_TIMEOUT, "57014", "no notification came in time");
    return true;
}

tn_status tn_listen_next(tn_listener *l, int64_t timeout_ms, tn_event *ret, tn_error *err)
{
    tn_status status = enter(l, "tn_listen_next", err);
    bool over = false;

    if (status != TN_OK)
        return status;
    int64_t deadline = tn__deadline_after_ms(tn__now_ns(), timeout_ms);
    while (!over) {
        if (!l->conn) {
            status = tn__listener_connect(l, deadline, true, err);
            over = status != TN_OK;
        } else if (l->gap) {
            l->gap = false;
            *ret = (tn_event){TN_EVENT_GAP, {"", 0}, {"", 0}, 0};
            over = true;
        } else {
            over = wait_once(l, deadline, ret, &status, err);
        }
    }
    leave(l);
    return status;
}

/* ---- begun and ended ------------------------------------------------------------------------- */

void tn_unlisten(tn_listener *l)
{
    if (!l || tn__provider_check(&l->pool->provider, NULL) != TN_OK)
        return; /* in a child of fork its connection is the parent's */
    tn__pool *pool = l->pool;
    tn__listener_drop(l);
    pthread_mutex_lock(&pool->lock);
    tn__guest_leave(pool, &l->guest);
    pool->pins--;
    tn__pool_unlock_and_free(pool);
    while (l->n_channels)
        drop(l, 0);
    free(l->channels);
    free(l);
}

static tn_status check_options(const tn_listen_options *options, tn_error *err)
{
    if (options->ping_interval_ms >= 0 &&
        (options->ping_timeout_ms > 0 || !options->ping_interval_ms))
        return TN_OK;
    return tn_error_set(err, TN_MISUSE, NULL,
                        "tn_listen: ping_interval_ms must be 0 (never) or more, ping_timeout_ms at "
                        "least 1");
}

static tn_status make(tn__pool *pool, const tn_listen_options *options, tn_listener **ret,
                      tn_error *err)
{
    tn_listener *l = calloc(1, sizeof(*l));

    if (!l)
        return tn_error_set(err, TN_NOMEM, NULL, "out of memory");
    l->guest.told = told;
    l->pool = pool;
    l->options = *options;
    l->why.status = TN_OK;
    pthread_mutex_lock(&pool->lock);
    bool closing = pool->closing;
    if (!closing) {
        pool->pins++;
        tn__guest_enter(pool, &l->guest);
    }
    pthread_mutex_unlock(&pool->lock);
    if (closing) {
        free(l);
        return tn__shutting_down(err);
    }
    *ret = l;
    return TN_OK;
}

static tn_status connect_first(tn_listener *l, const char *name, tn_error *err)
{
    int64_t deadline = tn__deadline_after_ms(tn__now_ns(),
                                             tn__relaxed(&l->pool->connect_timeout_ms));
    tn_str channel;

    tn_status status = enter(l, "tn_listen", err);
    if (status != TN_OK)
        return status;
    if (name) {
        status = tn__channel_check(name, &channel, err);
        if (status == TN_OK)
            status = add(l, channel, err);
    }
    if (status == TN_OK)
        status = tn__listener_connect(l, deadline, false, err);
    leave(l);
    return status;
}

tn_listener *tn_listen_with(tn_db *client, const tn_listen_options *options, const char *channel,
                            tn_error *err)
{
    static const tn_listen_options defaults = TN_LISTEN_OPTIONS_INIT;
    tn_listener *l = NULL;

    options = options ? options : &defaults;
    tn_status status = tn__db_check_client(client, "tn_listen", err);
    if (status == TN_OK)
        status = check_options(options, err);
    if (status == TN_OK)
        status = tn__notify_check(client, err);
    if (status == TN_OK)
        status = make(tn__pool_of(client), options, &l, err);
    if (status != TN_OK)
        return NULL;
    status = connect_first(l, channel, err);
    if (status == TN_OK)
        return l;
    tn_unlisten(l);
    return NULL;
}

tn_listener *tn_listen(tn_db *client, const char *channel, tn_error *err)
{
    return tn_listen_with(client, NULL, channel, err);
}
