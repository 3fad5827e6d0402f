/* SPDX-License-Identifier: MIT */
/*
 * The log. The library returns errors and does not log them; what it does report are queries,
 * the server's notices, retries and warnings. Where they go: to the function given here, else to
 * standard error. How much: DB_LOG_LEVEL, else APP_ENV (development: everything from query on;
 * anything else: errors only). A line that nobody reads is not formatted.
 *
 * Thread rule: any thread. The function is called by the thread that caused the line.
 */
#ifndef TENON_LOG_H
#define TENON_LOG_H

#include <stddef.h>

#include <tenon/export.h>
#include <tenon/types.h>

typedef enum tn_log_level {
    TN_LOG_OFF = 0,
    TN_LOG_ERROR,
    TN_LOG_WARN,
    TN_LOG_INFO,
    TN_LOG_QUERY, /* each statement: text, duration, rows, argument types (never values) */
    TN_LOG_DEBUG
} tn_log_level;

/* One line: its component ("pool", "query", "server", "config") and the text, without newline,
 * control characters escaped, no secret in it. Borrowed for the call. */
typedef void tn_log_fn(void *arg, tn_log_level level, const char *component, tn_str line);

TN_BEGIN_DECLS

/* Sends lines to fn (NULL: back to standard error). arg is handed through. */
TN_API void tn_log_set(tn_log_fn *fn, void *arg);

/* Sets the level for the whole process, over configuration. */
TN_API void tn_log_set_level(tn_log_level level);
TN_API tn_log_level tn_log_get_level(void);

TN_END_DECLS

#endif
