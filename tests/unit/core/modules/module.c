/* SPDX-License-Identifier: MIT */
/*
 * A driver module that does nothing, good or bad in one way that the build chooses by a macro. Its
 * constructor leaves a mark: the file named by TENON_TEST_MARKER gets a line, so that tests see
 * whether any code of it was run.
 */
#include <stdio.h>
#include <stdlib.h>

#include <tenon/driver.h>

#ifndef SCHEMES
#define SCHEMES "good"
#endif
#ifndef VERSION
#define VERSION "1.0.0"
#endif

static void __attribute__((constructor)) leave_a_mark(void)
{
    const char *path = getenv("TENON_TEST_MARKER");
    FILE *file = path ? fopen(path, "a") : NULL;

    if (file) {
        fprintf(file, "%s\n", VERSION);
        fclose(file);
    }
}

#ifndef NO_SYMBOL

static tn_status open_source(const tn_host *host, const tn_source_config *config,
                             tn_driver_source **ret, tn_error *err)
{
    const tn_diagnostic d = {.size = sizeof(d), .status = TN_UNSUPPORTED};

    (void)config;
    (void)ret;
    return host->fail(err, &d);
}

static void close_source(tn_driver_source *source)
{
    (void)source;
}

static tn_status open_conn(tn_driver_source *source, tn_host_conn *host_conn, int64_t deadline_ns,
                           tn_driver_conn **ret, tn_error *err)
{
    (void)source;
    (void)host_conn;
    (void)deadline_ns;
    (void)ret;
    (void)err;
    return TN_UNSUPPORTED;
}

static void close_conn(tn_driver_conn *conn)
{
    (void)conn;
}

static tn_status on_conn(tn_driver_conn *conn, int64_t deadline_ns, tn_error *err)
{
    (void)conn;
    (void)deadline_ns;
    (void)err;
    return TN_UNSUPPORTED;
}

static tn_status cancel(tn_driver_conn *conn, int64_t deadline_ns, tn_outcome *ret_outcome,
                        tn_error *err)
{
    (void)conn;
    (void)deadline_ns;
    (void)ret_outcome;
    (void)err;
    return TN_UNSUPPORTED;
}

static tn_conn_state state_of(const tn_driver_conn *conn)
{
    (void)conn;
    return TN_CONN_BROKEN;
}

static void info(tn_driver_conn *conn, tn_conn_info *ret)
{
    (void)conn;
    (void)ret;
}

static const tn_conn_ops conn_ops = {
    .size = sizeof(conn_ops),
    .open_source = open_source,
    .close_source = close_source,
    .open = open_conn,
    .close = close_conn,
#ifndef NO_OPERATION
    .ping = on_conn,
#endif
    .cancel = cancel,
    .reset = on_conn,
    .state = state_of,
    .info = info,
};

static tn_status prepare(tn_driver_conn *conn, tn_str sql, int64_t deadline_ns,
                         tn_driver_stmt **ret, tn_error *err)
{
    (void)sql;
    (void)ret;
    return on_conn(conn, deadline_ns, err);
}

static void describe(const tn_driver_stmt *stmt, tn_stmt_info *ret)
{
    (void)stmt;
    (void)ret;
}

static void close_stmt(tn_driver_stmt *stmt)
{
    (void)stmt;
}

static const tn_stmt_ops stmt_ops = {
    .size = sizeof(stmt_ops), .prepare = prepare, .describe = describe, .close = close_stmt};

static tn_status execute(tn_driver_stmt *stmt, const tn_value *params, size_t n_params,
                         uint32_t flags, int64_t deadline_ns, tn_driver_cursor **ret, tn_error *err)
{
    (void)stmt;
    (void)params;
    (void)n_params;
    (void)flags;
    (void)ret;
    return on_conn(NULL, deadline_ns, err);
}

static tn_status fetch(tn_driver_cursor *cursor, int64_t deadline_ns, tn_batch *ret, tn_error *err)
{
    (void)cursor;
    (void)ret;
    return on_conn(NULL, deadline_ns, err);
}

static tn_status detach(tn_driver_cursor *cursor, size_t limit, int64_t deadline_ns, tn_error *err)
{
    (void)cursor;
    (void)limit;
    return on_conn(NULL, deadline_ns, err);
}

static void close_cursor(tn_driver_cursor *cursor)
{
    (void)cursor;
}

static const tn_cursor_ops cursor_ops = {.size = sizeof(cursor_ops),
                                         .execute = execute,
                                         .fetch = fetch,
                                         .detach = detach,
                                         .close = close_cursor};

static tn_status begin(tn_driver_conn *conn, const tn_txn_request *request, int64_t deadline_ns,
                       tn_error *err)
{
    (void)request;
    return on_conn(conn, deadline_ns, err);
}

static const tn_txn_ops txn_ops = {
    .size = sizeof(txn_ops),
    .begin = begin,
    .commit = on_conn,
#ifndef NO_ROLLBACK
    .rollback = on_conn,
#endif
};

static const char *const schemes[] = {SCHEMES, NULL};

TN_DRIVER_EXPORT const tn_module tn_driver_module = {
#ifdef BAD_MAGIC
    .magic = TN_DRIVER_MAGIC + 1,
#else
    .magic = TN_DRIVER_MAGIC,
#endif
#ifdef BAD_SIZE
    .size = sizeof(tn_module) + 8,
#else
    .size = sizeof(tn_module),
#endif
#ifdef BAD_MAJOR
    .abi_major = TN_DRIVER_ABI_MAJOR + 1,
#else
    .abi_major = TN_DRIVER_ABI_MAJOR,
#endif
    .abi_minor = TN_DRIVER_ABI_MINOR,
    .name = "test",
    .version = VERSION,
    .schemes = schemes,
    .conn = &conn_ops,
    .stmt = &stmt_ops,
    .cursor = &cursor_ops,
    .txn = &txn_ops,
};

#endif
