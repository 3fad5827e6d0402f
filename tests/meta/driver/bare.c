/* SPDX-License-Identifier: MIT */
/* The contract and nothing else of tenon: a driver that opens nothing, and says so. */
#include <tenon/driver.h>

static tn_status open_source(const tn_host *host, const tn_source_config *config,
                             tn_driver_source **ret, tn_error *err)
{
    tn_diagnostic why = {
        .size = sizeof(why), .status = TN_CONFIG, .message = {"this driver opens nothing", 25}};

    (void)config;
    (void)ret;
    return host->fail(err, &why);
}

/* Since no source can be opened, nothing below is ever called. */
static void close_source(tn_driver_source *source)
{
    (void)source;
}

static tn_status open_conn(tn_driver_source *source, tn_host_conn *host_conn, int64_t deadline_ns,
                           tn_driver_conn **ret, tn_error *err)
{
    (void)source, (void)host_conn, (void)deadline_ns, (void)ret, (void)err;
    return TN_FAILED;
}

static void close_conn(tn_driver_conn *conn)
{
    (void)conn;
}

static tn_status on_conn(tn_driver_conn *conn, int64_t deadline_ns, tn_error *err)
{
    (void)conn, (void)deadline_ns, (void)err;
    return TN_FAILED;
}

static tn_conn_state state(const tn_driver_conn *conn)
{
    (void)conn;
    return TN_CONN_BROKEN;
}

static void info(tn_driver_conn *conn, tn_conn_info *ret)
{
    (void)conn, (void)ret;
}

static tn_status prepare(tn_driver_conn *conn, tn_str sql, int64_t deadline_ns,
                         tn_driver_stmt **ret, tn_error *err)
{
    (void)conn, (void)sql, (void)deadline_ns, (void)ret, (void)err;
    return TN_FAILED;
}

static void describe(const tn_driver_stmt *stmt, tn_stmt_info *ret)
{
    (void)stmt, (void)ret;
}

static void close_stmt(tn_driver_stmt *stmt)
{
    (void)stmt;
}

static tn_status execute(tn_driver_stmt *stmt, const tn_value *params, size_t n_params,
                         uint32_t flags, int64_t deadline_ns, tn_driver_cursor **ret, tn_error *err)
{
    (void)stmt, (void)params, (void)n_params, (void)flags, (void)deadline_ns, (void)ret, (void)err;
    return TN_FAILED;
}

static tn_status fetch(tn_driver_cursor *cursor, int64_t deadline_ns, tn_batch *ret, tn_error *err)
{
    (void)cursor, (void)deadline_ns, (void)ret, (void)err;
    return TN_FAILED;
}

static tn_status detach(tn_driver_cursor *cursor, size_t limit, int64_t deadline_ns, tn_error *err)
{
    (void)cursor, (void)limit, (void)deadline_ns, (void)err;
    return TN_FAILED;
}

static void close_cursor(tn_driver_cursor *cursor)
{
    (void)cursor;
}

static tn_status begin(tn_driver_conn *conn, const tn_txn_request *request, int64_t deadline_ns,
                       tn_error *err)
{
    (void)conn, (void)request, (void)deadline_ns, (void)err;
    return TN_FAILED;
}

static const tn_conn_ops conn_ops = {.size = sizeof(tn_conn_ops),
                                     .open_source = open_source,
                                     .close_source = close_source,
                                     .open = open_conn,
                                     .close = close_conn,
                                     .ping = on_conn,
                                     .cancel = on_conn,
                                     .reset = on_conn,
                                     .state = state,
                                     .info = info};
static const tn_stmt_ops stmt_ops = {
    .size = sizeof(tn_stmt_ops), .prepare = prepare, .describe = describe, .close = close_stmt};
static const tn_cursor_ops cursor_ops = {.size = sizeof(tn_cursor_ops),
                                         .execute = execute,
                                         .fetch = fetch,
                                         .detach = detach,
                                         .close = close_cursor};
static const tn_txn_ops txn_ops = {
    .size = sizeof(tn_txn_ops), .begin = begin, .commit = on_conn, .rollback = on_conn};
static const char *const schemes[] = {"bare", NULL};

TN_DRIVER_EXPORT const tn_module tn_driver_module = {
    .magic = TN_DRIVER_MAGIC,
    .size = sizeof(tn_module),
    .abi_major = TN_DRIVER_ABI_MAJOR,
    .abi_minor = TN_DRIVER_ABI_MINOR,
    .name = "bare",
    .version = "1.0",
    .schemes = schemes,
    .conn = &conn_ops,
    .stmt = &stmt_ops,
    .cursor = &cursor_ops,
    .txn = &txn_ops,
};
