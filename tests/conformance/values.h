/* SPDX-License-Identifier: MIT */
/* Values that go in and must come out the same: through a column, and through a cast. */
#ifndef TENON_CONFORMANCE_VALUES_H
#define TENON_CONFORMANCE_VALUES_H

#include "suite.h"

/* True if a value that was read is the one that was given: the same type, every bit. */
bool value_is(const tn_value *value, const tn_arg *given);

/* Stores each in a column of that SQL type and reads it back, NULL besides, and sends each through
 * cast($1 as type). All must come back with their own type. */
void suite_round_trips(fixture *f, const char *type, const tn_arg *values, size_t count);
#define round_trips(f, type, ...)                                     \
    suite_round_trips(HERE(f), (type), (const tn_arg[]){__VA_ARGS__}, \
                      SUITE_COUNT(((const tn_arg[]){__VA_ARGS__})))

/* Stores the text in a column of that type and checks what the value read back is printed as, and
 * the same for cast($1 as type). */
void suite_text_becomes(fixture *f, const char *type, tn_type expected_type, const char *text,
                        const char *expected);
#define text_becomes(f, type, expected_type, text, expected) \
    suite_text_becomes(HERE(f), (type), (expected_type), (text), (expected))

/* The text is refused by both. sqlstate may be NULL. */
void suite_text_refused(fixture *f, const char *type, const char *text, const char *sqlstate);
#define text_refused(f, type, text, sqlstate) \
    suite_text_refused(HERE(f), (type), (text), (sqlstate))

#endif
