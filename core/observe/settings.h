/* SPDX-License-Identifier: MIT */
/*
 * What one client's configuration says of watching it, and what is counted for it apart from its
 * connections. Part of the provider; read by any thread while tn_reload() changes it.
 * tn__observe_configure() (config/observe.h) fills it.
 */
#ifndef TENON_OBSERVE_SETTINGS_H
#define TENON_OBSERVE_SETTINGS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "observe/stats.h"

typedef struct tn__observe_settings {
    _Atomic int64_t slow_query_ns; /* INT64_MAX: never */
    atomic_bool values;            /* DB_LOG_VALUES */
    tn__counter retries;           /* of transactions; counted by many */
    char client[256];              /* its name in statistics; set before there are readers */
} tn__observe_settings;

#endif
