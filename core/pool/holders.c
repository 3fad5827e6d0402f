/* SPDX-License-Identifier: MIT */
#include "pool/holders.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/relaxed.h"

enum { SHOWN = 3, HOLDER_TEXT = 160 };

tn_holder tn__holder_of(const tn__lease_seen *seen, int64_t now_ns)
{
    return (tn_holder){
        .what = seen->what,
        .held_ms = (now_ns - seen->since_ns) / TN__NS_PER_MS,
        .thread = seen->caller.thread,
        .file = seen->caller.site.file,
        .line = seen->caller.site.line,
    };
}

static tn_holder holder_of(const tn__conn *conn, int64_t now)
{
    tn__lease_seen seen;

    /* By somebody who writes it down just now: what was read may be of two. */
    if (!tn__lease_read(&conn->lease, &seen)) {
        seen.since_ns = now;
        seen.caller.site.file = NULL;
    }
    return tn__holder_of(&seen, now);
}

/* Keeps ret sorted, the longest first. */
static void insert(tn_holder *ret, size_t n, size_t count, tn_holder holder)
{
    size_t at = count < n ? count : n;

    while (at > 0 && ret[at - 1].held_ms < holder.held_ms) {
        if (at < n)
            ret[at] = ret[at - 1];
        at--;
    }
    if (at < n)
        ret[at] = holder;
}

size_t tn__holders(const tn__pool *pool, tn_holder *ret, size_t n)
{
    int64_t now = tn__now_ns();
    size_t count = 0;

    for (const tn__conn *conn = pool->lists[TN__SLOT_LENT]; conn; conn = conn->next)
        insert(ret, n, count++, holder_of(conn, now));
    return count;
}

/* The end of a path: what tells files of a program apart. */
static const char *short_name(const char *file)
{
    const char *last = strrchr(file, '/');

    return last ? last + 1 : file;
}

void tn__holder_format(const tn_holder *holder, char *buf, size_t size)
{
    int used = snprintf(buf, size, "%s for %lld.%lld s by thread %lld", holder->what,
                        (long long)(holder->held_ms / 1000),
                        (long long)(holder->held_ms % 1000 / 100), (long long)holder->thread);

    if (holder->file && used > 0 && (size_t)used < size)
        snprintf(buf + used, size - (size_t)used, " (%.80s:%d)", short_name(holder->file),
                 holder->line);
}

void tn__holders_describe(const tn__pool *pool, char *buf, size_t size)
{
    tn_holder longest[SHOWN];
    size_t count = tn__holders(pool, longest, SHOWN), used = 0;

    if (size)
        buf[0] = '\0';
    for (size_t i = 0; i < count && i < SHOWN; i++) {
        char text[HOLDER_TEXT];
        tn__holder_format(&longest[i], text, sizeof(text));
        snprintf(buf + used, size - used, "%s%s", i ? "; " : "", text);
        used += strlen(buf + used);
    }
    if (count > SHOWN)
        snprintf(buf + used, size - used, "; and %zu more", count - SHOWN);
}

/* ---- no connection in time ------------------------------------------------------------------- */

/* The server is the reason when nobody holds what the caller waits for. */
static tn_status explain_server(const tn__pool *pool, int64_t waited_ms, tn_error *err)
{
    const tn_error *why = &pool->last_connect_error;

    if (why->status == TN_OK)
        return tn_error_set(err, TN_TIMEOUT, "08001",
                            "no connection within %lld ms: connecting takes longer",
                            (long long)waited_ms);
    if (err)
        *err = *why;
    tn_error_prepend(err, "no connection within %lld ms", (long long)waited_ms);
    return why->status;
}

static const tn__conn *held_by(const tn__pool *pool, int64_t thread)
{
    for (const tn__conn *conn = pool->lists[TN__SLOT_LENT]; conn; conn = conn->next)
        if (tn__relaxed(&conn->lease.thread) == thread)
            return conn;
    return NULL;
}

static void append(char *text, size_t size, const char *what, const char *why)
{
    size_t used = strlen(text);

    snprintf(text + used, size - used, "%s: %.300s", what, why);
}

static tn_status explain_use(const tn__pool *pool, int64_t waited_ms, tn_error *err)
{
    tn_error_set(err, TN_TIMEOUT, "53300",
                 "no connection within %lld ms: %u of %u in use, %u idle, %u waiting%s",
                 (long long)waited_ms, pool->n[TN__SLOT_LENT], pool->max, pool->n[TN__SLOT_IDLE],
                 pool->queue.count, pool->suspended ? ", suspended by tn_suspend()" : "");
    if (!err)
        return TN_TIMEOUT;
    tn__holders_describe(pool, err->detail, sizeof(err->detail));
    size_t used = strlen(err->detail);
    /* It is the reason, where more could be connected. */
    if (pool->last_connect_error.status != TN_OK && tn__slot_total(pool) < pool->max)
        append(err->message, sizeof(err->message), "; connecting another failed",
               pool->last_connect_error.message);
    if (pool->last_connect_error.status != TN_OK)
        snprintf(err->detail + used, sizeof(err->detail) - used,
                 "%sthe last connection attempt failed: %.300s", used ? "; " : "",
                 pool->last_connect_error.message);
    const tn__conn *own = held_by(pool, tn__thread_number());
    if (own)
        tn_error_set_hint(err,
                          "this thread holds one itself (%s): a call within it has to use its "
                          "handle, not the client",
                          tn__relaxed(&own->lease.what));
    else
        tn_error_set_hint(err, "are connections kept by unclosed rows, sessions or transactions? "
                               "DB_MAX_CONNECTIONS and DB_POOL_TIMEOUT are the limits");
    return TN_TIMEOUT;
}

tn_status tn__holders_explain(const tn__pool *pool, int64_t waited_ms, tn_error *err)
{
    bool held = pool->n[TN__SLOT_LENT] || pool->suspended;
    tn_status status = held ? explain_use(pool, waited_ms, err)
                            : explain_server(pool, waited_ms, err);

    if (err) {
        err->phase = held ? TN_PHASE_ACQUIRE : TN_PHASE_CONNECT;
        err->outcome = TN_OUTCOME_NOT_APPLIED;
        if (held)
            err->retry = TN_RETRY_STATEMENT;
    }
    return status;
}

size_t tn_db_holders(const tn_db *client, tn_holder *ret, size_t n)
{
    if (!client || client->magic != TN__DB_MAGIC ||
        tn__provider_check(client->provider, NULL) != TN_OK)
        return 0;
    tn__pool *pool = tn__pool_of(client);
    tn__pool_lock(pool);
    size_t count = tn__holders(pool, ret, n);
    tn__pool_unlock(pool);
    return count;
}
