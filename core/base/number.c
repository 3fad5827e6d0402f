/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* strtod_l() */
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

bool tn__parse_int64(tn_str s, int64_t *ret)
{
    bool negative = false;
    int64_t value = 0;
    size_t i = 0;

    if (s.len && (s.ptr[0] == '-' || s.ptr[0] == '+')) {
        negative = s.ptr[0] == '-';
        i = 1;
    }
    if (i == s.len)
        return false;
    for (; i < s.len; i++) {
        int digit = s.ptr[i] - '0';
        if (digit < 0 || digit > 9 || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_sub_overflow(value, digit, &value))
            return false; /* counted downwards: the negative side is the longer one */
    }
    if (!negative && __builtin_sub_overflow(0, value, &value))
        return false;
    *ret = value;
    return true;
}

bool tn__parse_bool(tn_str s, bool *ret)
{
    static const struct {
        tn_str word;
        bool value;
    } words[] = {
        {TN__STR("t"), true},   {TN__STR("f"), false},   {TN__STR("1"), true},
        {TN__STR("0"), false},  {TN__STR("true"), true}, {TN__STR("false"), false},
        {TN__STR("on"), true},  {TN__STR("off"), false}, {TN__STR("yes"), true},
        {TN__STR("no"), false}, {TN__STR("y"), true},    {TN__STR("n"), false},
    };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (tn__str_iequal(s, words[i].word)) {
            *ret = words[i].value;
            return true;
        }
    return false;
}

/* NaN and infinities in PostgreSQL's spellings; true if s is one. */
static bool special_double(tn_str s, double *ret)
{
    bool negative = false, sign = false;

    if (s.len && (s.ptr[0] == '-' || s.ptr[0] == '+')) {
        negative = s.ptr[0] == '-';
        sign = true;
        s = tn__str(s.ptr + 1, s.len - 1);
    }
    if (tn__str_iequal(s, TN__STR("infinity")) || tn__str_iequal(s, TN__STR("inf"))) {
        *ret = negative ? -(double)INFINITY : (double)INFINITY;
        return true;
    }
    if (!sign && tn__str_iequal(s, TN__STR("nan"))) {
        *ret = (double)NAN;
        return true;
    }
    return false;
}

/* [sign] digits [. digits] [e [sign] digits], a digit in front of or behind the point. *ret_zero:
 * no digit but 0 in it. strtod() alone takes hexadecimal forms and "nan(...)" besides. */
static bool is_decimal(tn_str s, bool *ret_zero)
{
    size_t i = 0, digits = 0, exponent = 0;
    bool zero = true;

    if (i < s.len && (s.ptr[i] == '-' || s.ptr[i] == '+'))
        i++;
    for (bool point = false; i < s.len; i++) {
        if (s.ptr[i] == '.' && !point)
            point = true;
        else if (s.ptr[i] >= '0' && s.ptr[i] <= '9') {
            digits++;
            zero = zero && s.ptr[i] == '0';
        } else
            break;
    }
    if (!digits)
        return false;
    *ret_zero = zero;
    if (i == s.len)
        return true;
    if (s.ptr[i] != 'e' && s.ptr[i] != 'E')
        return false;
    i++;
    if (i < s.len && (s.ptr[i] == '-' || s.ptr[i] == '+'))
        i++;
    for (; i < s.len && s.ptr[i] >= '0' && s.ptr[i] <= '9'; i++)
        exponent++;
    return exponent && i == s.len;
}

/* By the C library, which rounds right, in the C locale. Of that one glibc and musl return a
 * constant: nothing is allocated. */
static bool read_decimal(const char *text, bool single, double *ret)
{
    locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);

    if (!c)
        return false;
    *ret = single ? (double)strtof_l(text, NULL, c) : strtod_l(text, NULL, c);
    freelocale(c);
    return true;
}

static bool parse_float(tn_str s, bool single, double *ret)
{
    char small[128], *text = small;
    double value;
    bool zero, ok;

    s = tn__str_trim(s);
    if (special_double(s, ret))
        return true;
    if (!is_decimal(s, &zero))
        return false;
    if (s.len >= sizeof(small)) {
        text = malloc(s.len + 1);
        if (!text)
            return false;
    }
    memcpy(text, s.ptr, s.len);
    text[s.len] = '\0';
    ok = read_decimal(text, single, &value);
    if (text != small)
        free(text);
    /* Too large is infinite then, too small is zero: both are refused, as PostgreSQL does. */
    if (!ok || isinf(value) || (value == 0 && !zero))
        return false;
    *ret = value;
    return true;
}

bool tn__parse_double(tn_str s, double *ret)
{
    return parse_float(s, false, ret);
}

bool tn__parse_float(tn_str s, float *ret)
{
    double value;

    if (!parse_float(s, true, &value))
        return false;
    *ret = (float)value;
    return true;
}

static size_t count_digits(uint64_t value)
{
    size_t n = 1;

    for (; value >= 10000; value /= 10000)
        n += 4;
    return n + (value >= 10) + (value >= 100) + (value >= 1000);
}

/* Two digits at a time, from the last to the first. */
size_t tn__format_int64(int64_t value, char *buf)
{
    uint64_t left = value < 0 ? -(uint64_t)value : (uint64_t)value;
    size_t len = (value < 0) + count_digits(left);
    char *at = buf + len;

    *at = '\0';
    for (; left >= 100; left /= 100) {
        unsigned pair = (unsigned)(left % 100);
        *--at = (char)('0' + pair % 10);
        *--at = (char)('0' + pair / 10);
    }
    *--at = (char)('0' + left % 10);
    if (left >= 10)
        *--at = (char)('0' + left / 10);
    if (value < 0)
        *buf = '-';
    return len;
}
