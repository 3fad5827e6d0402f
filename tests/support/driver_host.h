/* SPDX-License-Identifier: MIT */
/*
 * A host as small as it can be, for tests that call a driver without the core: waits by poll(),
 * fills errors, keeps what was logged. The driver is the one that the program is linked with.
 */
#ifndef TENON_TESTS_SUPPORT_DRIVER_HOST_H
#define TENON_TESTS_SUPPORT_DRIVER_HOST_H

#include <stdbool.h>

#include <tenon/driver.h>

/* What host services get as their connection. */
struct tn_host_conn {
    bool interrupted; /* the next wait says so */
    int waits;
    int logged;
    tn_log_level level;
    char component[16];
    char line[256];
};

extern const tn_host driver_host;

extern const tn_module tn_driver_module;

/* A deadline so many milliseconds from now. */
int64_t driver_host_deadline(int64_t ms);

/* A source for that URL; settings "schema" and "prepare" may be NULL. */
tn_status driver_host_source(const char *url, const char *schema, const char *prepare,
                             tn_driver_source **ret, tn_error *err);
/* The same with any options of the driver: names and values, up to the name NULL; the value NULL
 * leaves one out. */
enum { DRIVER_HOST_SETTINGS = 4 };
tn_status driver_host_source_set(const char *url, const char *const settings[][2],
                                 tn_driver_source **ret, tn_error *err);

#endif
