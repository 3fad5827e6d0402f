/* SPDX-License-Identifier: MIT */
/*
 * Floating point to its shortest decimal form, exactly: Steele and White's digit generation in
 * integers of any length (Burger and Dybvig, "Printing Floating-Point Numbers Quickly and
 * Accurately", 1996). As in PostgreSQL a form that lies on the very edge of what reads back, and
 * only does by rounding to even, does not count: 1e23 prints as 9.999999999999999e+22.
 */
#include <math.h>
#include <string.h>

#include "base/str.h"

#define MOST_DIGITS 17
#define LIMBS       20 /* 1280 bits; 2^1074 times 10 and its like need 1140 */

typedef struct big {
    size_t n; /* limbs in use, the highest of them not 0 */
    uint64_t limb[LIMBS];
} big;

typedef struct decimal {
    char digit[MOST_DIGITS + 1];
    int n;
    int exponent; /* of the first digit: value is d.ddd times 10 to it */
} decimal;

static void big_set(big *a, uint64_t value)
{
    a->n = value != 0;
    a->limb[0] = value;
}

static void big_multiply(big *a, uint64_t factor)
{
    uint64_t carry = 0;

    for (size_t i = 0; i < a->n; i++) {
        unsigned __int128 product = (unsigned __int128)a->limb[i] * factor + carry;
        a->limb[i] = (uint64_t)product;
        carry = (uint64_t)(product >> 64);
    }
    if (carry)
        a->limb[a->n++] = carry;
}

static void big_multiply_pow10(big *a, int power)
{
    for (; power >= 19; power -= 19)
        big_multiply(a, UINT64_C(10000000000000000000));
    for (; power > 0; power--)
        big_multiply(a, 10);
}

static void big_shift(big *a, int bits)
{
    size_t limbs = (size_t)bits / 64;

    if (!a->n)
        return;
    if (limbs) {
        memmove(a->limb + limbs, a->limb, a->n * sizeof(a->limb[0]));
        memset(a->limb, 0, limbs * sizeof(a->limb[0]));
        a->n += limbs;
    }
    big_multiply(a, UINT64_C(1) << (bits % 64));
}

static int big_compare(const big *a, const big *b)
{
    if (a->n != b->n)
        return a->n < b->n ? -1 : 1;
    for (size_t i = a->n; i-- > 0;)
        if (a->limb[i] != b->limb[i])
            return a->limb[i] < b->limb[i] ? -1 : 1;
    return 0;
}

/* a -= b, where a >= b. */
static void big_subtract(big *a, const big *b)
{
    uint64_t borrow = 0;

    for (size_t i = 0; i < a->n; i++) {
        uint64_t take = i < b->n ? b->limb[i] : 0, left;
        bool under = __builtin_sub_overflow(a->limb[i], take, &left);
        under |= __builtin_sub_overflow(left, borrow, &a->limb[i]);
        borrow = under;
    }
    while (a->n && !a->limb[a->n - 1])
        a->n--;
}

/* a + b compared with c. */
static int big_compare_sum(const big *a, const big *b, const big *c)
{
    big sum = *a;
    uint64_t carry = 0;

    for (size_t i = 0; i < b->n || carry; i++) {
        unsigned __int128 s = carry;
        if (i == sum.n)
            sum.limb[sum.n++] = 0;
        s += (unsigned __int128)sum.limb[i] + (i < b->n ? b->limb[i] : 0);
        sum.limb[i] = (uint64_t)s;
        carry = (uint64_t)(s >> 64);
    }
    return big_compare(&sum, c);
}

static void strip_zeros(decimal *d)
{
    while (d->n > 1 && d->digit[d->n - 1] == '0')
        d->n--;
}

static void take_digits(uint64_t m, decimal *ret)
{
    char text[24];
    size_t len = tn__format_int64((int64_t)m, text);

    memcpy(ret->digit, text, len);
    ret->n = (int)len;
    ret->exponent = (int)len - 1;
    strip_zeros(ret);
}

/* Fractions of at most 15 digits, which is most of what people store: such a form is unique for a
 * double and never on the edge, so one candidate is enough, and with powers up to 10^22 the
 * division rounds right. */
static bool short_digits(double value, int exponent, decimal *ret)
{
    static const double pow10[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                   1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                   1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    int scale = 14 - exponent;
    double m;

    if (scale < 0 || scale > 22)
        return false;
    m = rint(value * pow10[scale]);
    if (m < 1 || m >= 1e15 || m / pow10[scale] != value)
        return false;
    take_digits((uint64_t)m, ret);
    ret->exponent -= scale;
    return true;
}

/* value = m * 2^e; uneven: the neighbour below is only half as far as the one above. exponent is
 * that of the first digit, or one less. The same as exact_digits() for numbers whose parts fit into
 * 128 bits, about 1e-20 to 1e37, which is several times faster. */
static bool wide_digits(uint64_t m, int e, bool uneven, int exponent, decimal *ret)
{
    int up_bits = (e > 0 ? e : 0) + uneven, tens = exponent + 1;
    unsigned __int128 r, s, up, down;
    bool low, high;

    /* 10^n has less than 10/3 n + 1 bits, and there is a multiplication by 10 to come. */
    if (55 + up_bits + (tens < 0 ? -tens * 10 / 3 + 1 : 0) > 123 ||
        3 + (e < 0 ? -e : 0) + (tens > 0 ? tens * 10 / 3 + 1 : 0) > 123)
        return false;
    r = (unsigned __int128)m << ((e > 0 ? e : 0) + 1 + uneven);
    s = (unsigned __int128)1 << ((e < 0 ? -e : 0) + 1 + uneven);
    up = (unsigned __int128)1 << up_bits;
    down = (unsigned __int128)1 << (e > 0 ? e : 0);
    for (; tens > 0; tens--)
        s *= 10;
    for (; tens < 0; tens++) {
        r *= 10;
        up *= 10;
        down *= 10;
    }
    if (r + up > s) {
        s *= 10;
        exponent++;
    }
    ret->n = 0;
    do {
        int digit = 0;
        r *= 10;
        up *= 10;
        down *= 10;
        for (; r >= s; digit++)
            r -= s;
        low = r < down;
        high = r + up > s;
        if (low && high)
            high = r + r > s || (r + r == s && digit % 2);
        ret->digit[ret->n++] = (char)('0' + digit + (high ? 1 : 0));
    } while (!low && !high && ret->n < MOST_DIGITS);
    ret->exponent = exponent;
    strip_zeros(ret);
    return true;
}

/* The same for all numbers. */
static void exact_digits(uint64_t m, int e, bool uneven, int exponent, decimal *ret)
{
    big r, s, up, down; /* the rest, the unit, and half the distances to the neighbours */
    bool low, high;
    int digit;

    big_set(&r, m);
    big_set(&s, 1);
    big_set(&up, 1);
    big_set(&down, 1);
    big_shift(&r, (e > 0 ? e : 0) + 1 + uneven);
    big_shift(&s, (e < 0 ? -e : 0) + 1 + uneven);
    big_shift(&up, (e > 0 ? e : 0) + uneven);
    big_shift(&down, e > 0 ? e : 0);
    if (exponent + 1 >= 0) {
        big_multiply_pow10(&s, exponent + 1);
    } else {
        big_multiply_pow10(&r, -(exponent + 1));
        big_multiply_pow10(&up, -(exponent + 1));
        big_multiply_pow10(&down, -(exponent + 1));
    }
    if (big_compare_sum(&r, &up, &s) > 0) {
        big_multiply(&s, 10);
        exponent++;
    }
    ret->n = 0;
    do {
        big_multiply(&r, 10);
        big_multiply(&up, 10);
        big_multiply(&down, 10);
        for (digit = 0; big_compare(&r, &s) >= 0; digit++)
            big_subtract(&r, &s);
        low = big_compare(&r, &down) < 0;
        high = big_compare_sum(&r, &up, &s) > 0;
        if (low && high) {
            int half = big_compare_sum(&r, &r, &s);
            high = half > 0 || (half == 0 && digit % 2);
        }
        /* digit + 1 is never 10: then the digit before would have ended it. */
        ret->digit[ret->n++] = (char)('0' + digit + (high ? 1 : 0));
    } while (!low && !high && ret->n < MOST_DIGITS);
    ret->exponent = exponent;
    strip_zeros(ret);
}

/* As C and PostgreSQL lay it out: fixed from 10^-4 to below 10^most, else with an exponent of two
 * digits or three. */
static size_t lay_out(const decimal *d, bool negative, int most, char *buf)
{
    int e = d->exponent;
    char *at = buf;

    if (negative)
        *at++ = '-';
    if (e >= -4 && e < most) {
        int i = 0;
        if (e < 0) {
            *at++ = '0';
            *at++ = '.';
            for (int zero = -1; zero > e; zero--)
                *at++ = '0';
        }
        for (; i < d->n; i++) {
            if (i == e + 1 && e >= 0)
                *at++ = '.';
            *at++ = d->digit[i];
        }
        for (; i <= e; i++)
            *at++ = '0';
    } else {
        unsigned power = (unsigned)(e < 0 ? -e : e);
        *at++ = d->digit[0];
        if (d->n > 1)
            *at++ = '.';
        memcpy(at, d->digit + 1, (size_t)d->n - 1);
        at += d->n - 1;
        *at++ = 'e';
        *at++ = e < 0 ? '-' : '+';
        if (power >= 100)
            *at++ = (char)('0' + power / 100);
        *at++ = (char)('0' + power / 10 % 10);
        *at++ = (char)('0' + power % 10);
    }
    *at = '\0';
    return (size_t)(at - buf);
}

static size_t special(double value, char *buf)
{
    const char *text = isnan(value) ? "NaN"
                       : value == 0 ? (signbit(value) ? "-0" : "0")
                       : value > 0  ? "Infinity"
                                    : "-Infinity";
    size_t len = strlen(text);

    memcpy(buf, text, len + 1);
    return len;
}

/* The exponent of the first digit, or one less: the logarithm of the highest bit, by a factor that
 * is never above the truth: 78913 and 78914 / 2^18 lie on both sides of log10(2). */
static int estimate(uint64_t m, int e)
{
    int bits = e + 63 - __builtin_clzll(m);

    return (bits * (bits < 0 ? 78914 : 78913)) >> 18;
}

size_t tn__format_double(double value, char *buf)
{
    decimal d;
    uint64_t bits, m;
    int e;

    if (!isfinite(value) || value == 0)
        return special(value, buf);
    memcpy(&bits, &value, sizeof(bits));
    m = bits & ((UINT64_C(1) << 52) - 1);
    e = (int)(bits >> 52 & 0x7ff);
    value = fabs(value);
    if (value < 9007199254740992.0 && value == floor(value)) {
        take_digits((uint64_t)value, &d);
    } else {
        bool uneven = !m && e > 1;
        if (e)
            m |= UINT64_C(1) << 52;
        e = (e ? e : 1) - 1075;
        int exponent = estimate(m, e);
        if (!short_digits(value, exponent, &d) && !short_digits(value, exponent + 1, &d) &&
            !wide_digits(m, e, uneven, exponent, &d))
            exact_digits(m, e, uneven, exponent, &d);
    }
    return lay_out(&d, bits >> 63, 15, buf);
}

size_t tn__format_float(float value, char *buf)
{
    decimal d;
    uint32_t bits;
    uint64_t m;
    int e;
    bool uneven;

    if (!isfinite(value) || value == 0)
        return special((double)value, buf);
    memcpy(&bits, &value, sizeof(bits));
    m = bits & ((UINT32_C(1) << 23) - 1);
    e = (int)(bits >> 23 & 0xff);
    uneven = !m && e > 1;
    if (e)
        m |= UINT32_C(1) << 23;
    e = (e ? e : 1) - 150;
    if (!wide_digits(m, e, uneven, estimate(m, e), &d))
        exact_digits(m, e, uneven, estimate(m, e), &d);
    return lay_out(&d, bits >> 31, 6, buf);
}
