/* SPDX-License-Identifier: MIT */
/* String views, checked numbers, hashing, UTF-8. ASCII rules only: no locale. No state. */
#ifndef TENON_BASE_STR_H
#define TENON_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tenon/types.h>

#define TN__STR(literal) ((tn_str){"" literal, sizeof(literal) - 1})

static inline tn_str tn__str(const char *ptr, size_t len)
{
    return (tn_str){ptr, len};
}

tn_str tn__str_trim(tn_str s);           /* blanks, tabs, CR, LF at both ends */
bool tn__str_iequal(tn_str a, tn_str b); /* ASCII case folded */
bool tn__str_starts(tn_str s, tn_str prefix);
bool tn__str_ends(tn_str s, tn_str suffix);
/* Splits at the first separator: *ret_head before it, *rest behind it. false when s is used up. */
bool tn__str_split(tn_str *rest, char separator, tn_str *ret_head);
/* Is it one of the words between the separators? */
bool tn__str_among(const char *words, char separator, tn_str word);

/* Whole text a decimal integer, sign allowed, no blanks; false when not or out of range. */
bool tn__parse_int64(tn_str s, int64_t *ret);
/* true/false, on/off, yes/no, 1/0, t/f, any case. */
bool tn__parse_bool(tn_str s, bool *ret);
/* Whole text a float8 as PostgreSQL reads it (inf, Infinity, NaN too), independent of the locale.
 */
bool tn__parse_double(tn_str s, double *ret);
bool tn__parse_float(tn_str s, float *ret); /* rounded once, not by way of a double */
/* The shortest text that reads back the same, as PostgreSQL 12+ prints float8 and float4
 * ("0.1", "1e+15", "NaN", "-Infinity"). buf has 32 bytes. Returns the length. */
size_t tn__format_double(double value, char *buf);
size_t tn__format_float(float value, char *buf);
size_t tn__format_int64(int64_t value, char *buf); /* 21 bytes with the NUL */

/* 64-bit hash for tables and statement names: stable across processes and versions. */
uint64_t tn__hash(const void *ptr, size_t len);

bool tn__utf8_valid(const char *ptr, size_t len); /* RFC 3629: no surrogates, no overlong forms */
size_t tn__utf8_cut(const char *ptr, size_t len,
                    size_t max);                    /* most bytes <= max that end a character */
size_t tn__utf8_count(const char *ptr, size_t len); /* characters */

/* Bytes of the printable character at ptr; 0 for a control character (also U+0080 to U+009F, which
 * some terminals obey) and for what is not UTF-8. len is at least 1. */
size_t tn__utf8_printable(const char *ptr, size_t len);

int tn__hex_digit(char c); /* 0..15 or -1 */

/* dst gets src cut at a character's border to size - 1 bytes, "..." where it was cut. */
void tn__copy_text(char *dst, size_t size, tn_str src);

/* memset that is not optimised away, for secrets. */
void tn__wipe(void *ptr, size_t len);

#endif
