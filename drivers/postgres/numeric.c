/* SPDX-License-Identifier: MIT */
/*
 * numeric in binary: four 16-bit words (number of digits, weight, sign, display scale), then digits
 * to the base 10000. Value = sum of digit[i] * 10000^(weight - i).
 */
#include <string.h>

#include "base/str.h"
#include "postgres/types.h"

enum {
    SIGN_NEGATIVE = 0x4000,
    SIGN_NAN = 0xC000,
    SIGN_INFINITY = 0xD000,
    SIGN_NEGATIVE_INFINITY = 0xF000,
    SCALE_MAX = 0x3FFF,
    WHOLE_DIGITS_MAX = 131072,
    HEADER = 8
};

static pg_decoded fixed_text(const char *text, tn_value *ret)
{
    *ret = (tn_value){.type = TN_TYPE_NUMERIC, .as.ptr = text, .len = (uint32_t)strlen(text)};
    return PG_DECODED;
}

static unsigned group(const unsigned char *digits, int count, int i)
{
    return i >= 0 && i < count ? pg_get16(digits + 2 * i) : 0;
}

static char *put_group(char *at, unsigned value)
{
    at[0] = (char)('0' + value / 1000);
    at[1] = (char)('0' + value / 100 % 10);
    at[2] = (char)('0' + value / 10 % 10);
    at[3] = (char)('0' + value % 10);
    return at + 4;
}

/* The digits before the point, without leading zeros but at least one. */
static char *put_whole(char *at, const unsigned char *digits, int count, int weight)
{
    char *start = at;

    for (int i = 0; i <= weight; i++) {
        at = put_group(at, group(digits, count, i));
        if (i == 0) {
            size_t zeros = 0;
            while (zeros < 3 && start[zeros] == '0')
                zeros++;
            memmove(start, start + zeros, 4 - zeros);
            at -= zeros;
        }
    }
    if (at == start)
        *at++ = '0';
    return at;
}

static char *put_fraction(char *at, const unsigned char *digits, int count, int weight, int scale)
{
    char *end = at + 1 + scale;

    *at++ = '.';
    for (int i = weight + 1; at < end; i++) {
        char four[4];
        size_t room = (size_t)(end - at);
        put_group(four, group(digits, count, i));
        memcpy(at, four, room < 4 ? room : 4);
        at += room < 4 ? room : 4;
    }
    return end;
}

static pg_decoded check(const unsigned char *bytes, size_t len)
{
    if (len < HEADER || len != HEADER + 2 * (size_t)pg_get16(bytes))
        return PG_MALFORMED;
    for (size_t i = HEADER; i < len; i += 2)
        if (pg_get16(bytes + i) > 9999)
            return PG_MALFORMED;
    return PG_DECODED;
}

pg_decoded pg_numeric_decode(const unsigned char *bytes, size_t len, tn__arena *arena,
                             tn_value *ret)
{
    if (check(bytes, len) != PG_DECODED)
        return PG_MALFORMED;
    int count = pg_get16(bytes), weight = (int16_t)pg_get16(bytes + 2);
    unsigned sign = pg_get16(bytes + 4), scale = pg_get16(bytes + 6);

    switch (sign) {
    case SIGN_NAN: return fixed_text("NaN", ret);
    case SIGN_INFINITY: return fixed_text("Infinity", ret);
    case SIGN_NEGATIVE_INFINITY: return fixed_text("-Infinity", ret);
    case 0:
    case SIGN_NEGATIVE: break;
    default: return PG_MALFORMED;
    }
    if (scale > SCALE_MAX)
        return PG_MALFORMED;
    /* sign, whole part, point, fraction, NUL: at most 147,500 bytes */
    size_t room = 8 + (weight < 0 ? 0 : (size_t)(weight + 1) * 4) + scale;
    char *text = tn__arena_alloc(arena, room), *at = text;
    if (!text)
        return PG_NO_MEMORY;
    if (sign == SIGN_NEGATIVE)
        *at++ = '-';
    at = put_whole(at, bytes + HEADER, count, weight);
    if (scale)
        at = put_fraction(at, bytes + HEADER, count, weight, (int)scale);
    *at = '\0';
    *ret = (tn_value){.type = TN_TYPE_NUMERIC, .as.ptr = text, .len = (uint32_t)(at - text)};
    return PG_DECODED;
}

/* ---- encode ---------------------------------------------------------------------------------- */

static bool put_special(tn_str text, tn__buf *out)
{
    unsigned sign;

    if (tn_str_equal(text, TN__STR("NaN")))
        sign = SIGN_NAN;
    else if (tn_str_equal(text, TN__STR("Infinity")))
        sign = SIGN_INFINITY;
    else if (tn_str_equal(text, TN__STR("-Infinity")))
        sign = SIGN_NEGATIVE_INFINITY;
    else
        return false;
    return pg_put32(out, 0) && pg_put16(out, (uint16_t)sign) && pg_put16(out, 0);
}

/* The decimal digits of a plain number, split at the point. */
typedef struct plain {
    bool negative;
    tn_str whole; /* without leading zeros */
    tn_str fraction;
} plain;

static bool only_digits(tn_str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return false;
    return true;
}

static bool split(tn_str text, plain *ret)
{
    plain p = {0};

    if (text.len && text.ptr[0] == '-') {
        p.negative = true;
        text = tn__str(text.ptr + 1, text.len - 1);
    }
    const char *point = text.len ? memchr(text.ptr, '.', text.len) : NULL;
    p.whole = tn__str(text.ptr, point ? (size_t)(point - text.ptr) : text.len);
    if (point)
        p.fraction = tn__str(point + 1, text.len - p.whole.len - 1);
    if (!p.whole.len || (point && !p.fraction.len) || !only_digits(p.whole) ||
        !only_digits(p.fraction))
        return false;
    while (p.whole.len && p.whole.ptr[0] == '0')
        p.whole = tn__str(p.whole.ptr + 1, p.whole.len - 1);
    if (p.whole.len > WHOLE_DIGITS_MAX || p.fraction.len > SCALE_MAX)
        return false;
    *ret = p;
    return true;
}

/* Decimal digit at a place: 0 is the one before the point, -1 the one behind it. */
static unsigned digit_at(const plain *p, long place)
{
    if (place >= 0)
        return (size_t)place < p->whole.len
                   ? (unsigned)(p->whole.ptr[p->whole.len - 1 - (size_t)place] - '0')
                   : 0;
    size_t behind = (size_t)(-place - 1);
    return behind < p->fraction.len ? (unsigned)(p->fraction.ptr[behind] - '0') : 0;
}

static unsigned group_at(const plain *p, long weight)
{
    unsigned value = 0;

    for (long place = weight * 4 + 3; place >= weight * 4; place--)
        value = value * 10 + digit_at(p, place);
    return value;
}

bool pg_numeric_encode(tn_str text, tn__buf *out)
{
    plain p;

    if (put_special(text, out))
        return true;
    if (!split(text, &p))
        return false;
    long high = ((long)p.whole.len + 3) / 4 - 1, low = -(((long)p.fraction.len + 3) / 4);
    while (high >= low && group_at(&p, high) == 0)
        high--;
    while (low <= high && group_at(&p, low) == 0)
        low++;
    long count = high - low + 1;
    if (count <= 0)
        count = high = 0;
    pg_put16(out, (uint16_t)count);
    pg_put16(out, (uint16_t)(int16_t)high);
    pg_put16(out, p.negative && count ? SIGN_NEGATIVE : 0);
    pg_put16(out, (uint16_t)p.fraction.len);
    for (long weight = high; count > 0; weight--, count--)
        pg_put16(out, (uint16_t)group_at(&p, weight));
    return true;
}
