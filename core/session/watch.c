/* SPDX-License-Identifier: MIT */
#include "session/watch.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/str.h"
#include "observe/log.h"

enum {
    ARGS_MAX = 600,  /* bytes of a line of the log, about */
    VALUE_MAX = 64,  /* bytes of one value */
    TEXT_MAX = 1200, /* of the statement */
};

/* Apart, so that what every statement runs through needs no room for it. */
#define SELDOM __attribute__((cold, noinline))

/* ---- arguments ------------------------------------------------------------------------------- */

/* The placeholder's type; where any value is taken, the value's. */
static void put_type(tn__buf *out, const tn_param *param, const tn_value *value)
{
    tn_type type = param->type == TN_TYPE_NULL ? (tn_type)value->type : param->type;

    if (type == TN_TYPE_OTHER && param->type_name && param->type_name[0])
        tn__buf_puts(out, param->type_name);
    else if (type == TN_TYPE_ARRAY && (param->type == TN_TYPE_ARRAY || value->as.array))
        tn__buf_printf(
            out, "%s[]",
            tn_type_name(param->type == TN_TYPE_ARRAY ? param->element : value->as.array->element));
    else
        tn__buf_puts(out, type == TN_TYPE_NULL ? "null" : tn_type_name(type));
}

/* Quotes are doubled, so that a value cannot pass for what stands behind it. */
static void put_text(tn__buf *out, const char *text, size_t len)
{
    size_t shown = tn__utf8_cut(text, len, VALUE_MAX);

    tn__buf_putc(out, '\'');
    for (size_t i = 0; i < shown; i++) {
        if (text[i] == '\'')
            tn__buf_putc(out, '\'');
        tn__buf_putc(out, text[i]);
    }
    tn__buf_putc(out, '\'');
    if (shown < len)
        tn__buf_printf(out, "... (%zu bytes)", len);
}

static void put_value(tn__buf *out, const tn_value *value)
{
    char text[TN_TIME_TEXT_SIZE];

    switch (value->type) {
    case TN_TYPE_NULL: tn__buf_puts(out, "null"); return;
    case TN_TYPE_BYTES: tn__buf_printf(out, "%u bytes", (unsigned)value->len); return;
    case TN_TYPE_ARRAY: tn__buf_printf(out, "%zu items", value->as.array->count); return;
    case TN_TYPE_TEXT:
    case TN_TYPE_JSON:
    case TN_TYPE_NUMERIC:
    case TN_TYPE_OTHER: put_text(out, value->as.ptr, value->len); return;
    default:
        tn_value_format(value, text, sizeof(text));
        tn__buf_puts(out, text);
        return;
    }
}

char *tn__watch_describe(const tn_stmt_info *info, const tn_value *args, bool values)
{
    tn__buf out;

    if (info->n_params == 0)
        return NULL;
    tn__buf_init(&out, (size_t)4 * ARGS_MAX);
    for (size_t i = 0; i < info->n_params; i++) {
        if (out.len > ARGS_MAX) {
            tn__buf_printf(&out, ", ... (%zu)", info->n_params);
            break;
        }
        tn__buf_printf(&out, "%s$%zu ", i ? ", " : "", i + 1);
        put_type(&out, &info->params[i], &args[i]);
        if (values) {
            tn__buf_puts(&out, " = ");
            put_value(&out, &args[i]);
        }
    }
    return tn__buf_take(&out);
}

/* ---- lines ----------------------------------------------------------------------------------- */

static int shown(tn_str sql)
{
    return (int)tn__utf8_cut(sql.ptr, sql.len, TEXT_MAX);
}

static void log_query(const tn__watch *watch, const tn_error *err)
{
    int64_t us = watch->worked_ns / 1000;
    char affected[40] = "", how[64] = "ok";

    if (watch->affected >= 0)
        snprintf(affected, sizeof(affected), ", %lld affected", (long long)watch->affected);
    if (err)
        snprintf(how, sizeof(how), "%s (%s)", err->sqlstate[0] ? err->sqlstate : "failed",
                 tn_status_name(err->status));
    tn__log(TN_LOG_QUERY, "query", "%lld.%03lld ms, %llu rows%s, %s%s%s%s: %.*s",
            (long long)(us / 1000), (long long)(us % 1000), (unsigned long long)watch->rows,
            affected, how, watch->args ? " (" : "", watch->args ? watch->args : "",
            watch->args ? ")" : "", shown(watch->sql), watch->sql.ptr);
}

/* Never with values, whatever the query log shows. */
static void log_slow(const tn__watch *watch, int64_t whole_ns, const tn_error *err)
{
    int64_t us = watch->worked_ns / 1000, whole_us = whole_ns / 1000;

    tn__log(TN_LOG_WARN, "slow",
            "%lld.%03lld ms (%lld.%03lld ms until it was read), %llu rows, "
            "%s: %.*s",
            (long long)(us / 1000), (long long)(us % 1000), (long long)(whole_us / 1000),
            (long long)(whole_us % 1000), (unsigned long long)watch->rows,
            err ? tn_status_name(err->status) : "ok", shown(watch->sql), watch->sql.ptr);
}

/* ---- events ---------------------------------------------------------------------------------- */

static tn_trace_event event_of(const tn__watch *watch, const tn__conn *conn)
{
    return (tn_trace_event){
        .kind = TN_TRACE_STATEMENT,
        .parent = conn->trace_parent,
        .start_ns = watch->start_ns,
        .driver = conn->driver->name,
        .url = conn->source->url,
        .sql = watch->sql,
        .connection = conn->number,
    };
}

SELDOM static void trace_begin(tn__watch *watch, const tn__conn *conn)
{
    tn_trace_event event = event_of(watch, conn);

    tn__trace_begin(&watch->span, &event);
}

static void trace_end(tn__watch *watch, const tn__conn *conn, int64_t whole_ns, const tn_error *err)
{
    tn_trace_event event = event_of(watch, conn);

    event.duration_ns = whole_ns;
    event.worked_ns = watch->worked_ns;
    event.rows = watch->rows;
    event.affected = watch->affected;
    event.error = err;
    tn__trace_end(&watch->span, &event);
}

/* ---- a statement's life ---------------------------------------------------------------------- */

void tn__watch_begin(tn__watch *watch, const tn__observe_settings *settings, tn__conn *conn,
                     tn_str sql)
{
    watch->settings = settings;
    watch->sql = sql;
    watch->affected = -1;
    watch->logged = tn__log_wanted_in(TN_LOG_QUERY, "query");
    watch->start_ns = watch->since_ns = tn__now_ns();
    if (TN_UNLIKELY(tn__trace_wanted(TN_TRACE_STATEMENT)))
        trace_begin(watch, conn);
}

void tn__watch_describe_args(tn__watch *watch, const tn_stmt_info *info, const tn_value *values)
{
    free(watch->args);
    watch->args = tn__watch_describe(
        info, values, atomic_load_explicit(&watch->settings->values, memory_order_relaxed));
}

void tn__watch_pause(tn__watch *watch)
{
    if (!watch->settings || !watch->since_ns)
        return;
    watch->worked_ns += tn__now_ns() - watch->since_ns;
    watch->since_ns = 0;
}

void tn__watch_resume(tn__watch *watch, int64_t now_ns)
{
    if (watch->settings && !watch->since_ns)
        watch->since_ns = now_ns ? now_ns : tn__now_ns();
}

/* Somebody wants to know, or something is out of the ordinary. */
SELDOM static void tell(tn__watch *watch, tn__conn *conn, int64_t whole_ns, bool slow,
                        const tn_error *err)
{
    if (err)
        tn__stats_error(&conn->stats, err->status);
    if (slow) {
        tn__count(&conn->stats.slow, 1);
        if (tn__log_wanted_in(TN_LOG_WARN, "slow"))
            log_slow(watch, whole_ns, err);
    }
    if (watch->logged)
        log_query(watch, err);
    if (watch->span.id)
        trace_end(watch, conn, whole_ns, err);
    tn__watch_drop(watch);
}

void tn__watch_finish(tn__watch *watch, tn__conn *conn, const tn_error *err)
{
    int64_t now = tn__now_ns();

    if (watch->since_ns)
        watch->worked_ns += now - watch->since_ns;
    tn__stats_statement(&conn->stats, watch->worked_ns, watch->rows);
    bool slow = watch->worked_ns >=
                atomic_load_explicit(&watch->settings->slow_query_ns, memory_order_relaxed);
    if (TN_UNLIKELY(err || slow || watch->logged || watch->span.id))
        tell(watch, conn, now - watch->start_ns, slow, err);
    watch->settings = NULL;
}

void tn__watch_drop(tn__watch *watch)
{
    free(watch->args);
    watch->args = NULL;
    watch->settings = NULL;
}
