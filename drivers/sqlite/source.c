/* SPDX-License-Identifier: MIT */
#include "sqlite/lite.h"

#include <stdlib.h>
#include <unistd.h>

/* ENABLE_COLUMN_METADATA, RETURNING, sqlite3_error_offset(). */
#define LEAST_SQLITE 3038000

tn_status lite_source_open(const tn_host *host, const tn_source_config *config,
                           tn_driver_source **ret, tn_error *err)
{
    tn_driver_source *source;
    tn_status status;

    if (sqlite3_libversion_number() < LEAST_SQLITE)
        return kit_fail(host, err, TN_DRIVER, TN_PHASE_LOAD, NULL,
                        "sqlite driver: libsqlite3 is %s, must be 3.38 or later",
                        sqlite3_libversion());
    if (!sqlite3_threadsafe())
        return kit_fail(host, err, TN_DRIVER, TN_PHASE_LOAD, NULL,
                        "sqlite driver: libsqlite3 was built without threads");
    source = calloc(1, sizeof *source);
    if (!source)
        return kit_nomem(host, err, TN_PHASE_CONFIG);
    source->host = host;
    source->pid = getpid();
    status = lite_options_read(host, config, &source->options, err);
    if (status == TN_OK && !source->options.path)
        status = lite_memory_create(host, &source->memory, err);
    if (status == TN_OK && source->options.seed)
        status = lite_seed_load(host, source->options.seed, source->memory, err);
    if (status != TN_OK) {
        lite_source_close(source);
        return status;
    }
    *ret = source;
    return TN_OK;
}

void lite_source_close(tn_driver_source *source)
{
    if (!source)
        return;
    /* In a child of fork the parent's connections refer to it, and nobody may close those. */
    if (source->pid == getpid())
        lite_memory_free(source->memory);
    free(source->options.path);
    free(source->options.seed);
    free(source);
}
