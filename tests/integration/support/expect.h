/* SPDX-License-Identifier: MIT */
/* Assertions that print the error when it is not the expected one. Included after cmocka.h. */
#ifndef TENON_TEST_EXPECT_H
#define TENON_TEST_EXPECT_H

#include <stdio.h>

#include <tenon/tenon.h>

static inline void expect_at(tn_status status, tn_status expected, const tn_error *err,
                             const char *call, const char *file, int line)
{
    if (status == expected)
        return;
    if (status != TN_OK)
        tn_error_print(stderr, err);
    print_error("%s: %s, expected: %s\n", call, tn_status_name(status), tn_status_name(expected));
    _fail(file, line);
}

/* err is the caller's tn_error err. */
#define expect_status(call, expected) expect_at((call), (expected), &err, #call, __FILE__, __LINE__)
#define expect_ok(call)               expect_status(call, TN_OK)

#define expect_error(call, expected, state)         \
    do {                                            \
        expect_status(call, expected);              \
        assert_string_equal(err.sqlstate, (state)); \
    } while (0)

#endif
