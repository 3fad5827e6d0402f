/* SPDX-License-Identifier: MIT */
/* The module: what the host reads before any code of it runs. */
#include <stdio.h>

#include "postgres/copy.h"

#define CAPABILITIES                                                                         \
    (TN_CAP_SQL | TN_CAP_SAVEPOINTS | TN_CAP_STREAM | TN_CAP_CANCEL | TN_CAP_PARAM_TYPES |   \
     TN_CAP_COLUMN_TYPES | TN_CAP_NUMERIC_EXACT | TN_CAP_ARRAYS | TN_CAP_CONCURRENT_WRITES | \
     TN_CAP_SCHEMAS | TN_CAP_PERSISTENT | TN_CAP_CONSTRAINT_NAMES | TN_CAP_TRANSACTIONS |    \
     TN_CAP_REMOTE)

/* A text of its own a thread: the answer never changes, but who writes it first is not ordered. */
static const char *client(void)
{
    static _Thread_local char text[32];
    int version = PQlibVersion();

    if (version >= 100000)
        snprintf(text, sizeof(text), "libpq %d.%d", version / 10000, version % 10000);
    else
        snprintf(text, sizeof(text), "libpq %d.%d.%d", version / 10000, version / 100 % 100,
                 version % 100);
    return text;
}

static const tn_conn_ops conn_ops = {
    .size = sizeof(conn_ops),
    .open_source = pg_source_open,
    .close_source = pg_source_close,
    .open = pg_open,
    .close = pg_close,
    .ping = pg_ping,
    .cancel = pg_cancel,
    .reset = pg_reset,
    .state = pg_state,
    .info = pg_info,
    .alive = pg_alive,
    .prompt = pg_source_prompt,
};

static const tn_stmt_ops stmt_ops = {
    .size = sizeof(stmt_ops),
    .prepare = pg_prepare,
    .describe = pg_describe,
    .close = pg_stmt_close,
    .prepare_all = pg_prepare_all,
};

static const tn_cursor_ops cursor_ops = {
    .size = sizeof(cursor_ops),
    .execute = pg_execute,
    .fetch = pg_fetch,
    .detach = pg_detach,
    .close = pg_cursor_close,
};

static const char *const schemes[] = {"postgresql", "postgres", NULL};

TN_DRIVER_EXPORT const tn_module tn_driver_module = {
    .magic = TN_DRIVER_MAGIC,
    .size = sizeof(tn_module),
    .abi_major = TN_DRIVER_ABI_MAJOR,
    .abi_minor = TN_DRIVER_ABI_MINOR,
    .least_host_minor = 0,
    .capabilities = CAPABILITIES,
    .name = "postgresql",
    .version = TN_VERSION_STRING,
    .schemes = schemes,
    .options = pg_options,
    .conn = &conn_ops,
    .stmt = &stmt_ops,
    .cursor = &cursor_ops,
    .txn = &pg_txn_ops,
    .batch = &pg_batch_ops,
    .bulk = &pg_bulk_ops,
    .notify = &pg_notify_ops,
    .catalog = &pg_catalog_ops,
    .client = client,
};
