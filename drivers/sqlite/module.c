/* SPDX-License-Identifier: MIT */
#include "sqlite/lite.h"

#include <pthread.h>
#include <stdio.h>

static char client_text[48];
static pthread_once_t client_once = PTHREAD_ONCE_INIT;

/* The library's version is known at run time only; the text is written once. */
static void make_client_text(void)
{
    (void)snprintf(client_text, sizeof client_text, "SQLite %s", sqlite3_libversion());
}

static const char *client(void)
{
    (void)pthread_once(&client_once, make_client_text);
    return client_text;
}

static const char *const schemes[] = {"sqlite", NULL};

static const tn_conn_ops conn_ops = {
    .size = sizeof conn_ops,
    .open_source = lite_source_open,
    .close_source = lite_source_close,
    .open = lite_conn_open,
    .close = lite_conn_close,
    .ping = lite_conn_ping,
    .cancel = lite_conn_cancel,
    .reset = lite_conn_reset,
    .state = lite_conn_state,
    .info = lite_conn_info,
};

static const tn_stmt_ops stmt_ops = {
    .size = sizeof stmt_ops,
    .prepare = lite_stmt_prepare,
    .describe = lite_stmt_describe,
    .close = lite_stmt_close,
};

static const tn_cursor_ops cursor_ops = {
    .size = sizeof cursor_ops,
    .execute = lite_cursor_execute,
    .fetch = lite_cursor_fetch,
    .detach = lite_cursor_detach,
    .close = lite_cursor_close,
};

static const tn_txn_ops txn_ops = {
    .size = sizeof txn_ops,
    .begin = lite_txn_begin,
    .commit = lite_txn_commit,
    .rollback = lite_txn_rollback,
    .savepoint = lite_txn_savepoint,
    .release = lite_txn_release,
    .rollback_to = lite_txn_rollback_to,
};

static const tn_bulk_ops bulk_ops = {
    .size = sizeof bulk_ops,
    .open = lite_bulk_open,
    .describe = lite_bulk_describe,
    .write = lite_bulk_write,
    .finish = lite_bulk_finish,
    .abandon = lite_bulk_abandon,
};

/* Not claimed: types before a row is there (expressions have none), numerics beyond 15 digits, two
 * writers at once, schemas. */
TN_DRIVER_EXPORT const tn_module tn_driver_module = {
    .magic = TN_DRIVER_MAGIC,
    .size = sizeof tn_driver_module,
    .abi_major = TN_DRIVER_ABI_MAJOR,
    .abi_minor = TN_DRIVER_ABI_MINOR,
    .least_host_minor = 0,
    .capabilities = TN_CAP_SQL | TN_CAP_SAVEPOINTS | TN_CAP_STREAM | TN_CAP_CANCEL | TN_CAP_ARRAYS |
                    TN_CAP_PERSISTENT | TN_CAP_CONSTRAINT_NAMES | TN_CAP_TRANSACTIONS,
    .name = "sqlite",
    .version = TN_VERSION_STRING,
    .schemes = schemes,
    .options = lite_option_table,
    .conn = &conn_ops,
    .stmt = &stmt_ops,
    .cursor = &cursor_ops,
    .txn = &txn_ops,
    .bulk = &bulk_ops,
    .catalog = &lite_catalog_ops,
    .client = client,
};
