/* SPDX-License-Identifier: MIT */
/*
 * Level, components and a sink are all the state: a line that the level does not let through costs
 * one load. The sink is replaced under a lock and copied out before it is called, so that it may
 * log or replace itself.
 */
#include "observe/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "observe/component.h"

enum { LINE_MAX_BYTES = 2000 };

static atomic_int current_level = TN_LOG_ERROR;
static atomic_bool level_set_by_application;
static atomic_uint_least32_t wanted_components = TN__COMPONENTS_ALL;
static atomic_bool components_set_by_application;

static pthread_mutex_t sink_lock = PTHREAD_MUTEX_INITIALIZER;
static tn_log_fn *sink;
static void *sink_arg;

static void to_stderr(tn_log_level level, const char *component, tn_str line)
{
    static const char *const names[] = {"", "error", "warn", "info", "query", "debug"};

    fprintf(stderr, "tenon %s [%s] %.*s\n", names[level], component, (int)line.len, line.ptr);
}

void tn_log_set(tn_log_fn *fn, void *arg)
{
    pthread_mutex_lock(&sink_lock);
    sink = fn;
    sink_arg = arg;
    pthread_mutex_unlock(&sink_lock);
}

void tn_log_set_level(tn_log_level level)
{
    atomic_store_explicit(&level_set_by_application, true, memory_order_relaxed);
    atomic_store_explicit(&current_level, (int)level, memory_order_relaxed);
}

tn_log_level tn_log_get_level(void)
{
    return (tn_log_level)atomic_load_explicit(&current_level, memory_order_relaxed);
}

tn_status tn_log_set_components(const char *components, tn_error *err)
{
    uint32_t wanted;
    tn_str bad;

    if (!tn__components_parse(tn_str_from(components), &wanted, &bad)) {
        tn_error_set(err, TN_CONFIG, NULL, "\"%.*s\" is no component of the log", (int)bad.len,
                     bad.ptr ? bad.ptr : "");
        tn_error_set_hint(err, "all, or some of %s; -name leaves one out", tn__component_names);
        return TN_CONFIG;
    }
    atomic_store_explicit(&components_set_by_application, true, memory_order_relaxed);
    atomic_store_explicit(&wanted_components, wanted, memory_order_relaxed);
    return TN_OK;
}

void tn__log_configure(tn_log_level level, const char *components)
{
    uint32_t wanted;
    tn_str bad;

    if (!atomic_load_explicit(&level_set_by_application, memory_order_relaxed))
        atomic_store_explicit(&current_level, (int)level, memory_order_relaxed);
    if (!atomic_load_explicit(&components_set_by_application, memory_order_relaxed) &&
        tn__components_parse(tn_str_from(components), &wanted, &bad))
        atomic_store_explicit(&wanted_components, wanted, memory_order_relaxed);
}

bool tn__log_wanted(tn_log_level level)
{
    return level != TN_LOG_OFF &&
           (int)level <= atomic_load_explicit(&current_level, memory_order_relaxed);
}

bool tn__log_wanted_in(tn_log_level level, const char *component)
{
    if (!tn__log_wanted(level))
        return false;
    uint32_t wanted = atomic_load_explicit(&wanted_components, memory_order_relaxed);
    return wanted == TN__COMPONENTS_ALL || (wanted & tn__component_bit(component));
}

/* The bytes of the character at p: 0 when they are not UTF-8. */
static size_t character(const char *p, size_t left)
{
    size_t len = (unsigned char)*p < 0x80   ? 1
                 : (unsigned char)*p < 0xe0 ? 2
                 : (unsigned char)*p < 0xf0 ? 3
                                            : 4;

    return len <= left && tn__utf8_valid(p, len) ? len : 0;
}

/* A server chooses this text: no control character of it, nor one of the C1 set that some terminals
 * obey, nor a byte that is no UTF-8 may reach a terminal. Cut at a character's border. */
static size_t escape(tn_str text, char *out, size_t size)
{
    size_t used = 0, len;

    for (size_t i = 0; i < text.len; i += len ? len : 1) {
        const char *p = text.ptr + i;
        unsigned char c = (unsigned char)*p;
        len = character(p, text.len - i);
        bool control = c < 0x20 || c == 0x7f ||
                       (c == 0xc2 && len == 2 && (unsigned char)p[1] < 0xa0);
        if (used + 9 > size)
            break;
        if (c == '\n' || c == '\t') {
            out[used++] = ' ';
        } else if (len == 0 || control) {
            for (size_t k = 0; k < (len ? len : 1); k++)
                used += (size_t)snprintf(out + used, size - used, "\\x%02x", (unsigned char)p[k]);
        } else {
            memcpy(out + used, p, len);
            used += len;
        }
    }
    out[used] = '\0';
    return used;
}

void tn__log_text(tn_log_level level, const char *component, tn_str text)
{
    char line[LINE_MAX_BYTES + 8];
    tn_log_fn *fn;
    void *arg;

    if (level > TN_LOG_DEBUG)
        level = TN_LOG_DEBUG;
    if (!tn__log_wanted_in(level, component))
        return;
    size_t len = escape(text, line, sizeof(line));
    pthread_mutex_lock(&sink_lock);
    fn = sink;
    arg = sink_arg;
    pthread_mutex_unlock(&sink_lock);
    if (fn)
        fn(arg, level, component, tn__str(line, len));
    else
        to_stderr(level, component, tn__str(line, len));
}

void tn__log(tn_log_level level, const char *component, const char *format, ...)
{
    char text[LINE_MAX_BYTES];
    va_list args;

    if (!tn__log_wanted_in(level, component))
        return;
    va_start(args, format);
    int len = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (len < 0)
        return;
    tn__log_text(level, component, tn__str(text, strlen(text)));
}
