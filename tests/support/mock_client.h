/* SPDX-License-Identifier: MIT */
/* Clients of a mock driver, and errors that tests can read. */
#ifndef TENON_TESTS_SUPPORT_MOCK_CLIENT_H
#define TENON_TESTS_SUPPORT_MOCK_CLIENT_H

#include <tenon/tenon.h>

#include "support/mock_driver.h"

/* A client with these settings, "max_connections=1 pool_timeout=20" ("" for none), where
 * min_connections is 0 unless said. NULL and the error on failure. */
tn_db *mock_try_open(const char *url, const char *settings, tn_error *err);
/* The same; a failure fails the test. The driver's counts and trace begin anew after it. */
tn_db *mock_open(mock *m, const char *settings);
/* Closes it, which must go well, and checks that the driver was used as it should be. */
void mock_close(mock *m, tn_db *db);

/* Fail the test with the error's text. */
#define assert_ok(call, err)                                             \
    do {                                                                 \
        tn_status status_ = (call);                                      \
        if (status_ != TN_OK)                                            \
            fail_msg("%s: %s: %s", #call, tn_status_name(status_),       \
                     (err).message[0] ? (err).message : "(no message)"); \
    } while (0)
#define assert_status(call, expected)                                               \
    do {                                                                            \
        tn_status status_ = (call);                                                 \
        if (status_ != (expected))                                                  \
            fail_msg("%s: \"%s\", expected \"%s\"", #call, tn_status_name(status_), \
                     tn_status_name(expected));                                     \
    } while (0)
#define assert_contains(text, part)                                     \
    do {                                                                \
        if (!strstr((text), (part)))                                    \
            fail_msg("\"%s\" does not contain \"%s\"", (text), (part)); \
    } while (0)

#endif
