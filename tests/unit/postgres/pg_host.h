/* SPDX-License-Identifier: MIT */
/* A host as small as it can be: waits by poll(), fills errors, keeps what was logged. */
#ifndef TENON_TESTS_PG_HOST_H
#define TENON_TESTS_PG_HOST_H

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

extern const tn_host pg_test_host;

/* A deadline so many milliseconds from now. */
int64_t pg_test_deadline(int64_t ms);

/* A source for that URL; settings "schema" and "prepare" may be NULL. */
tn_status pg_test_source(const char *url, const char *schema, const char *prepare,
                         tn_driver_source **ret, tn_error *err);

#endif
