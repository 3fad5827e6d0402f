/* SPDX-License-Identifier: MIT */
/*
 * The log. The library returns errors and does not log them; what it does report are queries,
 * the server's notices, retries and warnings. Where they go: to the function given here, else to
 * standard error. How much: DB_LOG_LEVEL, else APP_ENV (development: everything from query on;
 * anything else: errors only). Whose: DB_LOG_COMPONENTS. A line that nobody reads is not formatted.
 *
 * Components: config, driver, connect, pool, query (each statement), slow (statements beyond
 * DB_SLOW_QUERY), txn, health, listen, shutdown, server (what the server says besides answers).
 *
 * Values of arguments are in no line unless DB_LOG_VALUES asks for them, and then only in those of
 * component query. The text of a statement is shown as it was given: values belong into arguments.
 *
 * Thread rule: any thread. The function is called by the thread that caused the line.
 */
#ifndef TENON_LOG_H
#define TENON_LOG_H

#include <stddef.h>

#include <tenon/error.h>
#include <tenon/export.h>
#include <tenon/types.h>

typedef enum tn_log_level {
    TN_LOG_OFF = 0,
    TN_LOG_ERROR,
    TN_LOG_WARN,
    TN_LOG_INFO,
    TN_LOG_QUERY, /* each statement: duration, rows, argument types, how it ended, text */
    TN_LOG_DEBUG
} tn_log_level;

/* One line: its component ("pool", "query" ...) and the text: at most 2,000 bytes, without newline,
 * control characters escaped, no secret in it. Borrowed for the call. */
typedef void tn_log_fn(void *arg, tn_log_level level, const char *component, tn_str line);

TN_BEGIN_DECLS

/* Sends lines to fn (NULL: back to standard error). arg is handed through. */
TN_API void tn_log_set(tn_log_fn *fn, void *arg);

/* Sets the level for the whole process, over configuration. */
TN_API void tn_log_set_level(tn_log_level level);
TN_API tn_log_level tn_log_get_level(void);

/* Whose lines are wanted, for the whole process, over configuration: "all", "query,pool",
 * "all,-pool". TN_CONFIG: a name that is none; nothing has changed then. */
TN_API TN_NODISCARD tn_status tn_log_set_components(const char *components, tn_error *err);

TN_END_DECLS

#endif
