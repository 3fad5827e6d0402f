/* SPDX-License-Identifier: MIT */
/* A driver as the core knows it: the module's facts and the core's own copy of its tables. */
#ifndef TENON_DRIVER_DRIVER_H
#define TENON_DRIVER_DRIVER_H

#include <stdbool.h>

#include <tenon/driver.h>

typedef struct tn__driver {
    const tn_module *module;
    char name[32];
    char version[32];
    char path[512]; /* "" for a built-in one */
    uint64_t capabilities;
    tn_conn_ops conn;
    tn_stmt_ops stmt;
    tn_cursor_ops cursor;
    tn_txn_ops txn;
    tn_batch_ops batch; /* size 0: the module has none, as the next three */
    tn_bulk_ops bulk;
    tn_notify_ops notify;
    tn_catalog_ops catalog;
    const tn_driver_option *options; /* NULL or ends with name == NULL */
    const char *(*client)(void);     /* may be NULL */
    struct tn__driver *next;         /* in the registry */
} tn__driver;

/* Does the driver serve this scheme? */
bool tn__driver_serves(const tn__driver *driver, tn_str scheme);

#endif
