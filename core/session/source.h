/* SPDX-License-Identifier: MIT */
/*
 * What connections are made from: a driver, its parsed URL, how to wait. It lives as long as the
 * last connection that was made from it, so that a client can be given another one while the old
 * one's connections are still in use. Any thread.
 */
#ifndef TENON_SESSION_SOURCE_H
#define TENON_SESSION_SOURCE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "driver/driver.h"

typedef struct tn__source {
    atomic_uint refs;
    atomic_uint stuck; /* attempts to connect that nobody waits for any more */
    const tn__driver *driver;
    tn_driver_source *drv;
    char *url;        /* redacted */
    tn_wait_fn *wait; /* the application's, or NULL */
    void *wait_arg;
    size_t statement_cache;
    bool read_only; /* a replica's: that it takes no writes is no fault */
} tn__source;

/* Takes ownership of drv and url on success; the caller has the one reference. NULL: no memory. */
tn__source *tn__source_new(const tn__driver *driver, tn_driver_source *drv, char *url);
tn__source *tn__source_ref(tn__source *source);
/* NULL is fine. The last one closes it. */
void tn__source_unref(tn__source *source);

/* Does connecting wait for somebody else? */
static inline bool tn__source_remote(const tn__source *source)
{
    return source->driver->capabilities & TN_CAP_REMOTE;
}

#endif
