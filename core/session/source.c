/* SPDX-License-Identifier: MIT */
#include "session/source.h"

#include <stdlib.h>

tn__source *tn__source_new(const tn__driver *driver, tn_driver_source *drv, char *url)
{
    tn__source *source = calloc(1, sizeof(*source));

    if (!source)
        return NULL;
    atomic_init(&source->refs, 1);
    source->driver = driver;
    source->drv = drv;
    source->url = url;
    return source;
}

tn__source *tn__source_ref(tn__source *source)
{
    atomic_fetch_add_explicit(&source->refs, 1, memory_order_relaxed);
    return source;
}

void tn__source_unref(tn__source *source)
{
    if (!source || atomic_fetch_sub_explicit(&source->refs, 1, memory_order_acq_rel) != 1)
        return;
    source->driver->conn.close_source(source->drv);
    free(source->url);
    free(source);
}
