/* SPDX-License-Identifier: MIT */
/*
 * A driver for the tests of refusal. Compiled in many wrong ways, see CMakeLists.txt. It leaves a
 * trace of each of its moments in the directory TENON_TEST_TRACE: a file "constructor" when it is
 * mapped, a file "operation" when one of its functions is called.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <tenon/driver.h>

#ifndef MAGIC
#define MAGIC TN_DRIVER_MAGIC
#endif
#ifndef ABI_MAJOR
#define ABI_MAJOR TN_DRIVER_ABI_MAJOR
#endif
#ifndef LEAST_HOST_MINOR
#define LEAST_HOST_MINOR 0
#endif
#ifndef SIZE
#define SIZE sizeof(tn_module)
#endif
#ifndef NAME
#define NAME "evil"
#endif
#ifndef SCHEME
#define SCHEME "evil"
#endif
#ifndef CONN_SIZE
#define CONN_SIZE sizeof(tn_conn_ops)
#endif

static void trace(const char *what)
{
    const char *directory = getenv("TENON_TEST_TRACE");
    char path[512];

    if (!directory)
        return;
    snprintf(path, sizeof(path), "%s/%s", directory, what);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0)
        close(fd);
}

static void __attribute__((constructor)) mapped(void)
{
    trace("constructor");
}

static tn_status operation(void)
{
    trace("operation");
    return TN_FAILED;
}

static tn_status open_source(const tn_host *host, const tn_source_config *config,
                             tn_driver_source **ret, tn_error *err)
{
    tn_diagnostic why = {
        .size = sizeof(why), .status = TN_CONFIG, .message = {"this driver opens nothing", 25}};

    (void)config;
    (void)ret;
    operation();
    return host->fail(err, &why);
}

static void close_source(tn_driver_source *source)
{
    (void)source;
    operation();
}

static tn_status open_conn(tn_driver_source *source, tn_host_conn *host_conn, int64_t deadline_ns,
                           tn_driver_conn **ret, tn_error *err)
{
    (void)source, (void)host_conn, (void)deadline_ns, (void)ret, (void)err;
    return operation();
}

#ifndef WITHOUT_CLOSE
static void close_conn(tn_driver_conn *conn)
{
    (void)conn;
    operation();
}
#endif

static tn_status on_conn(tn_driver_conn *conn, int64_t deadline_ns, tn_error *err)
{
    (void)conn, (void)deadline_ns, (void)err;
    return operation();
}

static tn_status cancel(tn_driver_conn *conn, int64_t deadline_ns, tn_outcome *ret_outcome,
                        tn_error *err)
{
    (void)ret_outcome;
    return on_conn(conn, deadline_ns, err);
}

static tn_conn_state state(const tn_driver_conn *conn)
{
    (void)conn;
    operation();
    return TN_CONN_BROKEN;
}

static void info(tn_driver_conn *conn, tn_conn_info *ret)
{
    (void)conn, (void)ret;
    operation();
}

static tn_status prepare(tn_driver_conn *conn, tn_str sql, int64_t deadline_ns,
                         tn_driver_stmt **ret, tn_error *err)
{
    (void)conn, (void)sql, (void)deadline_ns, (void)ret, (void)err;
    return operation();
}

static void describe(const tn_driver_stmt *stmt, tn_stmt_info *ret)
{
    (void)stmt, (void)ret;
    operation();
}

static void close_stmt(tn_driver_stmt *stmt)
{
    (void)stmt;
    operation();
}

static tn_status execute(tn_driver_stmt *stmt, const tn_value *params, size_t n_params,
                         uint32_t flags, int64_t deadline_ns, tn_driver_cursor **ret, tn_error *err)
{
    (void)stmt, (void)params, (void)n_params, (void)flags, (void)deadline_ns, (void)ret, (void)err;
    return operation();
}

static tn_status fetch(tn_driver_cursor *cursor, int64_t deadline_ns, tn_batch *ret, tn_error *err)
{
    (void)cursor, (void)deadline_ns, (void)ret, (void)err;
    return operation();
}

static tn_status detach(tn_driver_cursor *cursor, size_t limit, int64_t deadline_ns, tn_error *err)
{
    (void)cursor, (void)limit, (void)deadline_ns, (void)err;
    return operation();
}

static void close_cursor(tn_driver_cursor *cursor)
{
    (void)cursor;
    operation();
}

static tn_status begin(tn_driver_conn *conn, const tn_txn_request *request, int64_t deadline_ns,
                       tn_error *err)
{
    (void)conn, (void)request, (void)deadline_ns, (void)err;
    return operation();
}

static const tn_conn_ops conn_ops = {
    .size = CONN_SIZE,
    .open_source = open_source,
    .close_source = close_source,
    .open = open_conn,
#ifndef WITHOUT_CLOSE
    .close = close_conn,
#endif
    .ping = on_conn,
    .cancel = cancel,
    .reset = on_conn,
    .state = state,
    .info = info,
};

static const tn_stmt_ops stmt_ops = {
    .size = sizeof(stmt_ops), .prepare = prepare, .describe = describe, .close = close_stmt};

static const tn_cursor_ops cursor_ops = {.size = sizeof(cursor_ops),
                                         .execute = execute,
                                         .fetch = fetch,
                                         .detach = detach,
                                         .close = close_cursor};

static const tn_txn_ops txn_ops = {
    .size = sizeof(txn_ops),
    .begin = begin,
    .commit = on_conn,
#ifndef WITHOUT_ROLLBACK
    .rollback = on_conn,
#endif
};

static const char *const schemes[] = {SCHEME, NULL};

#ifdef WITHOUT_SYMBOL
#define tn_driver_module another_symbol
#endif
TN_DRIVER_EXPORT extern const tn_module tn_driver_module;
TN_DRIVER_EXPORT const tn_module tn_driver_module = {
    .magic = MAGIC,
    .size = SIZE,
    .abi_major = ABI_MAJOR,
    .abi_minor = TN_DRIVER_ABI_MINOR,
    .least_host_minor = LEAST_HOST_MINOR,
    .name = NAME,
    .version = "1.0",
    .schemes = schemes,
    .conn = &conn_ops,
    .stmt = &stmt_ops,
    .cursor = &cursor_ops,
    .txn = &txn_ops,
};
