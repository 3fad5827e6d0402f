/* SPDX-License-Identifier: MIT */
#include "base/decimal.h"

#include <math.h>
#include <string.h>

#include "base/str.h"

#define MOST_WHOLE    131072 /* digits in front of the point */
#define MOST_SCALE    16383  /* digits behind it */
#define MOST_EXPONENT 200000 /* beyond any bound above, and sums of it stay small */

/* A number taken apart, digits as they were written; the point stands behind point digits, which
 * may be below 0 or beyond the last one. */
typedef struct parts {
    bool negative;
    const char *digits; /* a point may stand within them */
    size_t len;
    int64_t n_digits;
    int64_t point;
    int64_t scale;
} parts;

static tn_str special(tn_str s)
{
    bool negative = s.len && s.ptr[0] == '-', sign = negative || (s.len && s.ptr[0] == '+');
    tn_str word = sign ? tn__str(s.ptr + 1, s.len - 1) : s;

    if (!sign && tn__str_iequal(word, TN__STR("nan")))
        return TN__STR("NaN");
    if (tn__str_iequal(word, TN__STR("infinity")) || tn__str_iequal(word, TN__STR("inf")))
        return negative ? TN__STR("-Infinity") : TN__STR("Infinity");
    return (tn_str){NULL, 0};
}

/* [+-]digits behind an e; what is larger than anything that counts stays at a bound. */
static bool take_exponent(tn_str s, int64_t *ret)
{
    bool negative = s.len && s.ptr[0] == '-';
    int64_t value = 0;
    size_t i = s.len && (negative || s.ptr[0] == '+') ? 1 : 0;

    if (i == s.len)
        return false;
    for (; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return false;
        value = value * 10 + (s.ptr[i] - '0');
        if (value > MOST_EXPONENT)
            value = MOST_EXPONENT;
    }
    *ret = negative ? -value : value;
    return true;
}

static bool take_apart(tn_str s, parts *ret)
{
    parts p = {0};
    int64_t exponent = 0;
    bool point = false;
    size_t i = 0;

    if (s.len && (s.ptr[0] == '-' || s.ptr[0] == '+')) {
        p.negative = s.ptr[0] == '-';
        i = 1;
    }
    p.digits = s.ptr + i;
    for (; i < s.len; i++) {
        if (s.ptr[i] == '.' && !point) {
            point = true;
            p.point = p.n_digits;
        } else if (s.ptr[i] >= '0' && s.ptr[i] <= '9') {
            p.n_digits++;
        } else {
            break;
        }
    }
    p.len = (size_t)(s.ptr + i - p.digits);
    if (!p.n_digits || p.n_digits > MOST_EXPONENT)
        return false;
    if (!point)
        p.point = p.n_digits;
    if (i < s.len && ((s.ptr[i] != 'e' && s.ptr[i] != 'E') ||
                      !take_exponent(tn__str(s.ptr + i + 1, s.len - i - 1), &exponent)))
        return false;
    p.scale = p.n_digits - p.point - exponent;
    if (p.scale < 0)
        p.scale = 0;
    p.point += exponent;
    *ret = p;
    return true;
}

/* Leading zeros away: they are no digits of the whole part. Only zeros: zero has no sign. */
static void strip_zeros(parts *p)
{
    while (p->len && (p->digits[0] == '0' || p->digits[0] == '.')) {
        if (p->digits[0] == '0') {
            p->n_digits--;
            p->point--;
        }
        p->digits++;
        p->len--;
    }
    if (!p->n_digits) {
        p->negative = false;
        p->point = 0;
    }
}

bool tn__decimal_normal(tn_str text, tn__buf *out)
{
    tn_str s = tn__str_trim(text), word = special(s);
    int64_t whole, position = 0;
    size_t total;
    parts p;
    char *at;

    if (word.ptr)
        return tn__buf_str(out, word);
    if (!take_apart(s, &p))
        return false;
    strip_zeros(&p);
    if (p.point > MOST_WHOLE || p.scale > MOST_SCALE)
        return false;
    whole = p.point > 0 ? p.point : 0;
    total = (size_t)p.negative + (size_t)(whole ? whole : 1) + (p.scale ? 1 + (size_t)p.scale : 0);
    at = tn__buf_reserve(out, total);
    if (!at)
        return false;
    if (p.negative)
        *at++ = '-';
    if (!whole)
        *at++ = '0';
    /* position counts from the first digit of the whole part; digits start at whole - point. */
    for (; position < whole + p.scale; position++) {
        if (position == whole)
            *at++ = '.';
        while (p.len && p.digits[0] == '.') {
            p.digits++;
            p.len--;
        }
        if (position < whole - p.point || !p.len) {
            *at++ = '0';
        } else {
            *at++ = *p.digits++;
            p.len--;
        }
    }
    tn__buf_commit(out, total);
    return true;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

size_t tn__decimal_digits(tn_str normal)
{
    size_t digits = 0, since_last = 0;

    for (size_t i = 0; i < normal.len; i++) {
        if (!is_digit(normal.ptr[i])) {
            if (normal.ptr[i] != '-' && normal.ptr[i] != '.')
                return 0;
        } else if (normal.ptr[i] != '0') {
            digits += since_last + 1;
            since_last = 0;
        } else if (digits) {
            since_last++;
        }
    }
    return digits;
}

bool tn__decimal_to_int64(tn_str normal, int64_t *ret)
{
    const char *point = normal.len ? memchr(normal.ptr, '.', normal.len) : NULL;
    size_t whole = point ? (size_t)(point - normal.ptr) : normal.len;

    for (size_t i = whole + 1; i < normal.len; i++)
        if (normal.ptr[i] != '0')
            return false;
    return tn__parse_int64(tn__str(normal.ptr, whole), ret);
}

bool tn__decimal_to_double(tn_str normal, double *ret)
{
    return tn__parse_double(normal, ret);
}

/* Adds one to the last digit of what stands at ptr; true when a digit must go in front. */
static bool carry(char *ptr, size_t len)
{
    while (len) {
        char *c = &ptr[--len];
        if (*c == '.')
            continue;
        if (*c != '9') {
            (*c)++;
            return false;
        }
        *c = '0';
    }
    return true;
}

/* Zero has no sign and no sign is needed for it. */
static void drop_sign_of_zero(tn__buf *out, size_t start)
{
    for (size_t i = start + 1; i < out->len; i++)
        if (out->ptr[i] != '0' && out->ptr[i] != '.')
            return;
    memmove(out->ptr + start, out->ptr + start + 1, out->len - start);
    out->len--;
}

bool tn__decimal_rescale(tn_str normal, int scale, tn__buf *out)
{
    size_t start = out->len, first, zeros = 0, behind = scale > 0 ? (size_t)scale : 0;
    int64_t n_whole, drop_from; /* the place, counted from the first digit, that is rounded away */
    tn_str whole, fraction = {NULL, 0};
    const char *point;
    bool negative, up;
    char *room;

    negative = tn__str_starts(normal, TN__STR("-"));
    if (negative)
        normal = tn__str(normal.ptr + 1, normal.len - 1);
    if (!normal.len || !is_digit(normal.ptr[0]) || scale > MOST_SCALE || scale < -MOST_WHOLE)
        return false;
    point = memchr(normal.ptr, '.', normal.len);
    whole = point ? tn__str(normal.ptr, (size_t)(point - normal.ptr)) : normal;
    if (point)
        fraction = tn__str(point + 1, normal.len - whole.len - 1);
    for (size_t i = 0; i < whole.len + fraction.len; i++)
        if (!is_digit(i < whole.len ? whole.ptr[i] : fraction.ptr[i - whole.len]))
            return false;
    n_whole = (int64_t)whole.len;
    drop_from = n_whole + scale;
    up = drop_from >= 0 && drop_from < n_whole + (int64_t)fraction.len &&
         (drop_from < n_whole ? whole.ptr[drop_from] : fraction.ptr[drop_from - n_whole]) >= '5';

    room = tn__buf_reserve(out, whole.len + behind + 3);
    if (!room)
        return false;
    if (negative)
        tn__buf_putc(out, '-');
    first = out->len;
    for (int64_t i = 0; i < n_whole; i++)
        tn__buf_putc(out, i < drop_from ? whole.ptr[i] : '0');
    if (behind)
        tn__buf_putc(out, '.');
    for (size_t i = 0; i < behind; i++)
        tn__buf_putc(out, i < fraction.len ? fraction.ptr[i] : '0');
    if (up && carry(out->ptr + first, drop_from < n_whole ? (size_t)drop_from : out->len - first)) {
        memmove(out->ptr + first + 1, out->ptr + first, out->len - first);
        out->ptr[first] = '1';
        tn__buf_commit(out, 1);
    }
    /* Rounded to tens and more, 3 becomes 000. */
    while (zeros + 1 < out->len - first && out->ptr[first + zeros] == '0' &&
           is_digit(out->ptr[first + zeros + 1]))
        zeros++;
    if (zeros) {
        memmove(out->ptr + first, out->ptr + first + zeros, out->len - first - zeros + 1);
        out->len -= zeros;
    }
    if (negative)
        drop_sign_of_zero(out, start);
    return true;
}
