/* SPDX-License-Identifier: MIT */
/* Intervals as PostgreSQL prints them (IntervalStyle postgres), and ISO 8601 besides. */
#include <math.h>
#include <string.h>

#include <tenon/types.h>

#include "base/cleanup.h"
#include "base/str.h"

#define US_PER_SECOND   INT64_C(1000000)
#define US_PER_MINUTE   (60 * US_PER_SECOND)
#define US_PER_HOUR     (60 * US_PER_MINUTE)
#define US_PER_DAY      (24 * US_PER_HOUR)
#define DAYS_PER_MONTH  30 /* what a fraction of a month is spread over */
#define MONTHS_PER_YEAR 12

/* ---- printing -------------------------------------------------------------------------------- */

typedef struct printer {
    char *at;
    bool any;      /* something stands there already */
    bool negative; /* the field before was: a positive one needs its plus then */
} printer;

static void put(printer *out, const char *ptr, size_t len)
{
    memcpy(out->at, ptr, len);
    out->at += len;
}

static void put_unit(printer *out, int value, const char *unit)
{
    char digits[24];
    size_t len;

    if (!value)
        return;
    if (out->any)
        *out->at++ = ' ';
    if (out->negative && value > 0)
        *out->at++ = '+';
    len = tn__format_int64(value, digits);
    put(out, digits, len);
    *out->at++ = ' ';
    put(out, unit, strlen(unit));
    if (value != 1)
        *out->at++ = 's';
    out->any = true;
    out->negative = value < 0;
}

static void put_two(printer *out, uint64_t value)
{
    *out->at++ = (char)('0' + value / 10);
    *out->at++ = (char)('0' + value % 10);
}

static void put_clock(printer *out, int64_t us)
{
    uint64_t left = us < 0 ? -(uint64_t)us : (uint64_t)us;
    uint64_t hours = left / US_PER_HOUR, fraction = left % US_PER_SECOND;
    char digits[24];
    size_t len;

    if (out->any)
        *out->at++ = ' ';
    if (us < 0)
        *out->at++ = '-';
    else if (out->negative)
        *out->at++ = '+';
    if (hours < 10)
        *out->at++ = '0';
    len = tn__format_int64((int64_t)hours, digits);
    put(out, digits, len);
    *out->at++ = ':';
    put_two(out, left / US_PER_MINUTE % 60);
    *out->at++ = ':';
    put_two(out, left / US_PER_SECOND % 60);
    if (!fraction)
        return;
    *out->at++ = '.';
    put_two(out, fraction / 10000);
    put_two(out, fraction / 100 % 100);
    put_two(out, fraction % 100);
    while (out->at[-1] == '0')
        out->at--;
}

char *tn_interval_format(tn_interval interval, char *buf)
{
    printer out = {.at = buf};

    put_unit(&out, interval.months / MONTHS_PER_YEAR, "year");
    put_unit(&out, interval.months % MONTHS_PER_YEAR, "mon");
    put_unit(&out, interval.days, "day");
    if (interval.us || !out.any)
        put_clock(&out, interval.us);
    *out.at = '\0';
    return buf;
}

/* ---- reading --------------------------------------------------------------------------------- */

/* One field's number: whole and the digits behind the point, of one sign. */
typedef struct amount {
    int64_t whole;
    double fraction;
} amount;

typedef enum unit {
    UNIT_YEAR,
    UNIT_MONTH,
    UNIT_WEEK,
    UNIT_DAY,
    UNIT_HOUR,
    UNIT_MINUTE,
    UNIT_SECOND,
    UNIT_MILLISECOND,
    UNIT_MICROSECOND
} unit;

static bool add_us(tn_interval *sum, amount value, int64_t unit_us)
{
    int64_t us;

    return !__builtin_mul_overflow(value.whole, unit_us, &us) &&
           !__builtin_add_overflow(sum->us, us, &sum->us) &&
           !__builtin_add_overflow(sum->us, (int64_t)rint(value.fraction * (double)unit_us),
                                   &sum->us);
}

static bool add_days(tn_interval *sum, amount value, int days_per_unit)
{
    double days = value.fraction * days_per_unit;
    int64_t whole;

    if (__builtin_mul_overflow(value.whole, days_per_unit, &whole) ||
        __builtin_add_overflow(whole, (int64_t)days, &whole) ||
        __builtin_add_overflow(sum->days, whole, &sum->days))
        return false;
    return add_us(sum, (amount){.fraction = days - trunc(days)}, US_PER_DAY);
}

static bool add_months(tn_interval *sum, amount value)
{
    return !__builtin_add_overflow(sum->months, value.whole, &sum->months) &&
           add_days(sum, (amount){.fraction = value.fraction}, DAYS_PER_MONTH);
}

static bool add_years(tn_interval *sum, amount value)
{
    int64_t months;

    return !__builtin_mul_overflow(value.whole, MONTHS_PER_YEAR, &months) &&
           !__builtin_add_overflow(months, (int64_t)rint(value.fraction * MONTHS_PER_YEAR),
                                   &months) &&
           !__builtin_add_overflow(sum->months, months, &sum->months);
}

static bool add(tn_interval *sum, amount value, unit what)
{
    switch (what) {
    case UNIT_YEAR: return add_years(sum, value);
    case UNIT_MONTH: return add_months(sum, value);
    case UNIT_WEEK: return add_days(sum, value, 7);
    case UNIT_DAY: return add_days(sum, value, 1);
    case UNIT_HOUR: return add_us(sum, value, US_PER_HOUR);
    case UNIT_MINUTE: return add_us(sum, value, US_PER_MINUTE);
    case UNIT_SECOND: return add_us(sum, value, US_PER_SECOND);
    case UNIT_MILLISECOND: return add_us(sum, value, 1000);
    case UNIT_MICROSECOND: return add_us(sum, value, 1);
    }
    return false;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static tn_str behind(tn_str s, size_t n)
{
    return tn__str(s.ptr + n, s.len - n);
}

static bool take(tn_str *s, char c)
{
    if (!s->len || s->ptr[0] != c)
        return false;
    *s = behind(*s, 1);
    return true;
}

static void skip_spaces(tn_str *s)
{
    while (take(s, ' ') || take(s, '\t'))
        ;
}

static bool take_sign(tn_str *s)
{
    bool negative = take(s, '-');

    if (!negative)
        (void)take(s, '+');
    return negative;
}

/* Digits without a sign; negative counts them downwards, so that the least value fits. */
static bool take_digits(tn_str *s, bool negative, int64_t *ret)
{
    int64_t value = 0;
    size_t n = 0;

    for (; n < s->len && is_digit(s->ptr[n]); n++) {
        int digit = s->ptr[n] - '0';
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, negative ? -digit : digit, &value))
            return false;
    }
    if (!n)
        return false;
    *s = behind(*s, n);
    *ret = value;
    return true;
}

/* The digits behind a point, as 0.xxx; none is 0. */
static double take_fraction(tn_str *s, bool negative)
{
    double value = 0;
    char text[24] = "0.";
    size_t n = 0, kept;

    while (n < s->len && is_digit(s->ptr[n]))
        n++;
    kept = n > 20 ? 20 : n;
    memcpy(text + 2, s->ptr, kept);
    if (kept)
        (void)tn__parse_double(tn__str(text, kept + 2), &value); /* cannot fail but for zeros: 0 */
    *s = behind(*s, n);
    return negative ? -value : value;
}

static bool take_amount(tn_str *s, bool negative, amount *ret)
{
    amount value = {0};

    if (s->len < 2 || s->ptr[0] != '.' || !is_digit(s->ptr[1]))
        if (!take_digits(s, negative, &value.whole))
            return false;
    if (take(s, '.'))
        value.fraction = take_fraction(s, negative);
    *ret = value;
    return true;
}

/* Behind the hours: mm[:ss[.f]]. */
static bool take_clock(tn_str *s, bool negative, int64_t hours, tn_interval *sum)
{
    int64_t minutes, seconds = 0;
    amount second = {0};

    if (!take_digits(s, negative, &minutes))
        return false;
    if (take(s, ':')) {
        if (!take_digits(s, negative, &seconds))
            return false;
        second.whole = seconds;
        if (take(s, '.'))
            second.fraction = take_fraction(s, negative);
    }
    if (minutes < -59 || minutes > 59 || seconds < -60 || seconds > 60)
        return false;
    return add(sum, (amount){.whole = hours}, UNIT_HOUR) &&
           add(sum, (amount){.whole = minutes}, UNIT_MINUTE) && add(sum, second, UNIT_SECOND);
}

static bool unit_of(tn_str word, unit *ret)
{
    static const struct {
        tn_str word;
        unit what;
    } units[] = {
        {TN__STR("y"), UNIT_YEAR},
        {TN__STR("yr"), UNIT_YEAR},
        {TN__STR("yrs"), UNIT_YEAR},
        {TN__STR("year"), UNIT_YEAR},
        {TN__STR("years"), UNIT_YEAR},
        {TN__STR("mon"), UNIT_MONTH},
        {TN__STR("mons"), UNIT_MONTH},
        {TN__STR("month"), UNIT_MONTH},
        {TN__STR("months"), UNIT_MONTH},
        {TN__STR("w"), UNIT_WEEK},
        {TN__STR("week"), UNIT_WEEK},
        {TN__STR("weeks"), UNIT_WEEK},
        {TN__STR("d"), UNIT_DAY},
        {TN__STR("day"), UNIT_DAY},
        {TN__STR("days"), UNIT_DAY},
        {TN__STR("h"), UNIT_HOUR},
        {TN__STR("hr"), UNIT_HOUR},
        {TN__STR("hrs"), UNIT_HOUR},
        {TN__STR("hour"), UNIT_HOUR},
        {TN__STR("hours"), UNIT_HOUR},
        {TN__STR("m"), UNIT_MINUTE},
        {TN__STR("min"), UNIT_MINUTE},
        {TN__STR("mins"), UNIT_MINUTE},
        {TN__STR("minute"), UNIT_MINUTE},
        {TN__STR("minutes"), UNIT_MINUTE},
        {TN__STR("s"), UNIT_SECOND},
        {TN__STR("sec"), UNIT_SECOND},
        {TN__STR("secs"), UNIT_SECOND},
        {TN__STR("second"), UNIT_SECOND},
        {TN__STR("seconds"), UNIT_SECOND},
        {TN__STR("ms"), UNIT_MILLISECOND},
        {TN__STR("millisecond"), UNIT_MILLISECOND},
        {TN__STR("milliseconds"), UNIT_MILLISECOND},
        {TN__STR("us"), UNIT_MICROSECOND},
        {TN__STR("microsecond"), UNIT_MICROSECOND},
        {TN__STR("microseconds"), UNIT_MICROSECOND},
    };

    for (size_t i = 0; i < TN__COUNT_OF(units); i++)
        if (tn__str_iequal(word, units[i].word)) {
            *ret = units[i].what;
            return true;
        }
    return false;
}

static tn_str take_word(tn_str *s)
{
    size_t n = 0;
    tn_str word;

    while (n < s->len && is_letter(s->ptr[n]))
        n++;
    word = tn__str(s->ptr, n);
    *s = behind(*s, n);
    return word;
}

/* number unit, or a time of day. */
static bool take_field(tn_str *s, tn_interval *sum)
{
    bool negative = take_sign(s);
    amount value;
    unit what;

    if (!take_amount(s, negative, &value))
        return false;
    if (take(s, ':'))
        return value.fraction == 0 && take_clock(s, negative, value.whole, sum);
    skip_spaces(s);
    return unit_of(take_word(s), &what) && add(sum, value, what);
}

static bool parse_words(tn_str s, tn_interval *ret)
{
    tn_interval sum = {0}, zero = {0};
    bool any = false;

    (void)take(&s, '@');
    skip_spaces(&s);
    while (s.len) {
        if (tn__str_iequal(s, TN__STR("ago")) && any) {
            if (__builtin_sub_overflow(zero.us, sum.us, &sum.us) ||
                __builtin_sub_overflow(zero.days, sum.days, &sum.days) ||
                __builtin_sub_overflow(zero.months, sum.months, &sum.months))
                return false;
            break;
        }
        if (!take_field(&s, &sum))
            return false;
        any = true;
        skip_spaces(&s);
    }
    if (!any)
        return false;
    *ret = sum;
    return true;
}

/* Behind the P: 1Y2M3W4DT5H6M7.8S, each with a sign of its own. */
static bool parse_iso(tn_str s, tn_interval *ret)
{
    static const char dates[] = "YMWD", times[] = "HMS";
    tn_interval sum = {0};
    bool time = false, any = false;

    while (s.len) {
        bool negative;
        const char *letter;
        amount value;

        if (!time && take(&s, 'T')) {
            time = true;
            any = false; /* a T wants something behind it */
            continue;
        }
        negative = take_sign(&s);
        if (!take_amount(&s, negative, &value) || !s.len)
            return false;
        letter = strchr(time ? times : dates, s.ptr[0]);
        if (!letter || !*letter ||
            !add(&sum, value, time ? UNIT_HOUR + (letter - times) : UNIT_YEAR + (letter - dates)))
            return false;
        s = behind(s, 1);
        any = true;
    }
    if (!any)
        return false;
    *ret = sum;
    return true;
}

bool tn_interval_parse(tn_str text, tn_interval *ret)
{
    tn_str s = tn__str_trim(text);

    return take(&s, 'P') ? parse_iso(s, ret) : parse_words(s, ret);
}
