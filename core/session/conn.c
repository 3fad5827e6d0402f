/* SPDX-License-Identifier: MIT */
#include "session/conn.h"

#include <stdlib.h>

#include "base/clock.h"
#include "observe/trace.h"

enum { BIND_MEMORY_MAX = 1 << 30, STOPPING_MS = 100 };

static atomic_uint_least64_t last_number;

tn_status tn__conn_new(tn__source *source, tn__conn **ret, tn_error *err)
{
    tn__conn *conn = calloc(1, sizeof(*conn));

    if (!conn || !tn__cache_init(&conn->cache, source->driver, source->statement_cache)) {
        free(conn);
        return tn_error_set(err, TN_NOMEM, NULL, "out of memory");
    }
    conn->source = tn__source_ref(source);
    conn->driver = source->driver;
    conn->number = atomic_fetch_add_explicit(&last_number, 1, memory_order_relaxed) + 1;
    tn__arena_init(&conn->bind_arena, BIND_MEMORY_MAX);
    tn__host_conn_init(&conn->host, source->wait, source->wait_arg);
    tn__lease_init(&conn->lease);
    *ret = conn;
    return TN_OK;
}

static tn_status make(tn__conn *conn, int64_t deadline_ns, tn_error *err)
{
    tn__host_begin(&conn->host);
    tn_status status = conn->driver->conn.open(conn->source->drv, &conn->host, deadline_ns,
                                               &conn->drv, err);
    tn__host_end(&conn->host);
    if (status != TN_OK) {
        conn->drv = NULL;
        if (err && err->phase == TN_PHASE_NONE)
            err->phase = TN_PHASE_CONNECT;
        return status;
    }
    conn->created_ns = tn__now_ns();
    conn->idle_since_ns = conn->created_ns - TN__UNSEEN_NS;
    return TN_OK;
}

static tn_status connect_traced(tn__conn *conn, int64_t deadline_ns, tn_error *err)
{
    tn_trace_event event = {.kind = TN_TRACE_CONNECT,
                            .driver = conn->driver->name,
                            .url = conn->source->url,
                            .connection = conn->number};
    tn_error why = TN_ERROR_INIT;
    tn__span span;

    tn__trace_begin(&span, &event);
    tn_status status = make(conn, deadline_ns, &why);
    event.error = status == TN_OK ? NULL : &why;
    tn__trace_end(&span, &event);
    if (status != TN_OK && err)
        *err = why;
    return status;
}

tn_status tn__conn_connect(tn__conn *conn, int64_t deadline_ns, tn_error *err)
{
    return TN_UNLIKELY(tn__trace_wanted(TN_TRACE_CONNECT)) ? connect_traced(conn, deadline_ns, err)
                                                           : make(conn, deadline_ns, err);
}

tn_status tn__conn_open(tn__source *source, int64_t deadline_ns, tn__conn **ret, tn_error *err)
{
    tn__conn *conn;

    tn_status status = tn__conn_new(source, &conn, err);
    if (status != TN_OK)
        return status;
    status = tn__conn_connect(conn, deadline_ns, err);
    if (status == TN_OK)
        *ret = conn;
    else
        tn__conn_close(conn);
    return status;
}

void tn__conn_close(tn__conn *conn)
{
    if (!conn)
        return;
    tn__cache_free(&conn->cache);
    if (conn->drv)
        conn->driver->conn.close(conn->drv);
    tn__host_conn_close(&conn->host);
    tn__arena_free(&conn->bind_arena);
    tn__source_unref(conn->source);
    free(conn->spare);
    free(conn->handle);
    free(conn->params);
    free(conn);
}

tn_conn_state tn__conn_state(const tn__conn *conn)
{
    return conn->driver->conn.state(conn->drv);
}

/* A server that was demoted, or a standby that was taken for the primary: another connection may
 * find the right one. Where reading only is what was asked for, it is the statement's fault. */
bool tn__conn_takes_no_writes(const tn__conn *conn)
{
    tn_conn_info info = {.size = sizeof(info)};

    if (conn->source->read_only)
        return false;
    conn->driver->conn.info(conn->drv, &info);
    return info.read_only;
}

void tn__conn_settle(tn__conn *conn, int64_t grace_ms, tn_error *err)
{
    tn_conn_state state = tn__conn_state(conn);

    /* Who ends the whole client has no more time than that. */
    if (tn__host_stopping(&conn->host) && grace_ms > STOPPING_MS)
        grace_ms = STOPPING_MS;
    if (state == TN_CONN_BUSY) {
        int64_t deadline = tn__deadline_after_ms(tn__now_ns(), grace_ms);
        tn_outcome outcome = TN_OUTCOME_IN_DOUBT;
        conn->host.shielded = true;
        if (conn->driver->conn.cancel(conn->drv, deadline, &outcome, NULL) != TN_OK)
            conn->discard = true;
        conn->host.shielded = false;
        if (err)
            err->outcome = outcome;
        state = tn__conn_state(conn);
    }
    if (state == TN_CONN_BROKEN || state == TN_CONN_BUSY)
        conn->discard = true;
    if (!err)
        return;
    if (err->status == TN_READ_ONLY && !conn->discard && tn__conn_takes_no_writes(conn))
        conn->discard = conn->demoted = true;
    if (err->status == TN_CANCELLED && tn__host_stopping(&conn->host))
        err->status = TN_SHUTDOWN;
    if (conn->discard)
        err->discarded = true;
}

bool tn__conn_reset(tn__conn *conn, int64_t deadline_ns)
{
    if (conn->discard)
        return false;
    switch (tn__conn_state(conn)) {
    case TN_CONN_IDLE:
    case TN_CONN_IN_TXN:
    case TN_CONN_FAILED: break;
    default: tn__conn_settle(conn, 1000, NULL);
    }
    if (conn->discard)
        return false;
    conn->host.shielded = true;
    tn_status status = conn->driver->conn.reset(conn->drv, deadline_ns, NULL);
    conn->host.shielded = false;
    return status == TN_OK && tn__conn_state(conn) == TN_CONN_IDLE;
}

static tn_status prepare_entry(tn__conn *conn, tn__cached *entry, int64_t deadline_ns,
                               tn_error *err)
{
    tn_status status = conn->driver->stmt.prepare(conn->drv, (tn_str){entry->text, entry->len},
                                                  deadline_ns, &entry->drv, err);

    if (status != TN_OK) {
        entry->drv = NULL;
        tn__cache_release(&conn->cache, entry);
        return status;
    }
    entry->info.size = sizeof(entry->info);
    conn->driver->stmt.describe(entry->drv, &entry->info);
    return TN_OK;
}

tn_status tn__conn_prepare(tn__conn *conn, const char *sql, size_t len, uint64_t hash,
                           int64_t deadline_ns, tn__cached **ret, tn_error *err)
{
    tn__cached *entry = tn__cache_find(&conn->cache, sql, len, hash);

    if (entry) {
        *ret = entry;
        return TN_OK;
    }
    entry = tn__cached_new((tn_str){sql, len}, (tn_str){"", 0}, hash);
    if (!entry)
        return tn_error_set(err, TN_NOMEM, NULL, "out of memory");
    tn_status status = prepare_entry(conn, entry, deadline_ns, err);
    if (status != TN_OK)
        return status;
    tn__cache_add(&conn->cache, entry);
    *ret = entry;
    return TN_OK;
}

tn_status tn__conn_prepare_all(tn__conn *conn, tn__cached **entries, size_t n, int64_t deadline_ns,
                               size_t *ret_n, tn_error *err)
{
    tn_driver_stmt *stmts[TN__PREPARED_MAX];
    tn_str sql[TN__PREPARED_MAX] = {{NULL, 0}};

    for (size_t i = 0; i < n; i++)
        sql[i] = (tn_str){entries[i]->text, entries[i]->len};
    tn_status status = conn->driver->stmt.prepare_all(conn->drv, sql, n, deadline_ns, stmts, ret_n,
                                                      err);
    for (size_t i = 0; i < n; i++) {
        if (i >= *ret_n) {
            tn__cache_release(&conn->cache, entries[i]);
            continue;
        }
        entries[i]->drv = stmts[i];
        entries[i]->info.size = sizeof(entries[i]->info);
        conn->driver->stmt.describe(entries[i]->drv, &entries[i]->info);
        tn__cache_add(&conn->cache, entries[i]);
    }
    return status;
}

tn_status tn__conn_prepare_once(tn__conn *conn, tn_str sql, tn_str suffix, int64_t deadline_ns,
                                tn__cached **ret, tn_error *err)
{
    tn__cached *entry = tn__cached_new(sql, suffix, 0);

    if (!entry)
        return tn_error_set(err, TN_NOMEM, NULL, "out of memory");
    tn_status status = prepare_entry(conn, entry, deadline_ns, err);
    if (status == TN_OK)
        *ret = entry;
    return status;
}

void tn__conn_add_stats(const tn__conn *conn, tn_statistics *total)
{
    tn__stats_add(total, &conn->stats);
    total->cache_hits += tn__counted(&conn->cache.hits);
    total->cache_misses += tn__counted(&conn->cache.misses);
}
