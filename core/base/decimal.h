/* SPDX-License-Identifier: MIT */
/* Exact decimals as text: checking, normal form, digits. PostgreSQL manual, section 8.1.2. */
#ifndef TENON_BASE_DECIMAL_H
#define TENON_BASE_DECIMAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tenon/types.h>

#include "base/buf.h"

/* Appends the normal form that PostgreSQL prints: no leading zeros or plus, exponent written out,
 * trailing zeros kept, "NaN", "Infinity", "-Infinity". false: not a number or out of bounds (131072
 * digits before the point, 16383 behind it); nothing is appended then. */
bool tn__decimal_normal(tn_str text, tn__buf *out);
/* Significant digits of a normal form: without leading and trailing zeros. 0 for zero and specials.
 */
size_t tn__decimal_digits(tn_str normal);
/* A normal form that is a whole number within int64. */
bool tn__decimal_to_int64(tn_str normal, int64_t *ret);
/* The nearest double; false when not a number or beyond the range. */
bool tn__decimal_to_double(tn_str normal, double *ret);
/* Appends value with exactly scale digits behind the point, rounded half away from zero in decimal
 * (numeric(p,s) as PostgreSQL does). false when text is not a finite number. */
bool tn__decimal_rescale(tn_str normal, int scale, tn__buf *out);

#endif
