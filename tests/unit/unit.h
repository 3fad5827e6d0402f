/* SPDX-License-Identifier: MIT */
/* What every unit test starts with. Rows of tables name themselves when they fail. */
#ifndef TENON_TESTS_UNIT_H
#define TENON_TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tenon/types.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* A view of a literal, NUL bytes in it included. */
#define S(literal) ((tn_str){"" literal, sizeof(literal) - 1})

/* Fails with the row when the condition does not hold. */
#define check_row(condition, row)                                                    \
    do {                                                                             \
        if (!(condition))                                                            \
            fail_msg("row %zu (%s): %s", (size_t)(row), rows[row].name, #condition); \
    } while (0)

static inline void check_str(tn_str got, const char *want)
{
    if (got.len != strlen(want) || (got.len && memcmp(got.ptr, want, got.len) != 0))
        fail_msg("got \"%.*s\", want \"%s\"", (int)got.len, got.ptr ? got.ptr : "", want);
}

/* A copy on the heap of exactly this size, so that a sanitizer sees what reads behind it. */
static inline tn_str exact_copy(tn_str s)
{
    char *copy = malloc(s.len ? s.len : 1);

    assert_non_null(copy);
    if (s.len)
        memcpy(copy, s.ptr, s.len);
    return (tn_str){copy, s.len};
}

#endif
