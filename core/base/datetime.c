/* SPDX-License-Identifier: MIT */
/*
 * Dates and times, proleptic Gregorian calendar, as PostgreSQL reads and prints them (DateStyle
 * ISO). What is read stays within PostgreSQL's own range: from 4714-11-24 BC, the first day of the
 * Julian day count.
 */
#include <math.h>
#include <string.h>

#include <tenon/types.h>

#include "base/str.h"

#define US_PER_SECOND INT64_C(1000000)
#define US_PER_MINUTE (60 * US_PER_SECOND)
#define US_PER_HOUR   (60 * US_PER_MINUTE)
#define US_PER_DAY    (24 * US_PER_HOUR)

#define FIRST_DAY INT64_C(-2440588)   /* 4714-11-24 BC */
#define LAST_DAY  INT64_C(2145042905) /* 5874897-12-31 */

#define MOST_OFFSET_HOURS 15

/* ---- calendar -------------------------------------------------------------------------------- */

typedef struct civil {
    int64_t year; /* astronomical: 0 is 1 BC */
    int month, day;
} civil;

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

/* Years are counted from March, so that the leap day is the last one. */
static int64_t days_from_civil(civil c)
{
    int64_t year = c.year - (c.month <= 2);
    int64_t era = floor_div(year, 400);
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (c.month + (c.month > 2 ? -3 : 9)) + 2) / 5 + c.day - 1;

    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
           719468;
}

static civil civil_from_days(int64_t days)
{
    int64_t era, day_of_era, year_of_era, day_of_year, month;

    days += 719468;
    era = floor_div(days, 146097);
    day_of_era = days - era * 146097;
    year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    month = (5 * day_of_year + 2) / 153;
    return (civil){
        .year = year_of_era + era * 400 + (month >= 10),
        .month = (int)(month < 10 ? month + 3 : month - 9),
        .day = (int)(day_of_year - (153 * month + 2) / 5 + 1),
    };
}

static bool is_leap(int64_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int days_in_month(int64_t year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    return days[month - 1] + (month == 2 && is_leap(year));
}

/* ---- printing -------------------------------------------------------------------------------- */

static inline char *put_number(char *at, uint64_t value, int least_digits)
{
    char digits[20];
    int n = 0;

    if (least_digits == 2 && value < 100) {
        at[0] = (char)('0' + value / 10);
        at[1] = (char)('0' + value % 10);
        return at + 2;
    }
    do {
        digits[n++] = (char)('0' + value % 10);
        value /= 10;
    } while (value || n < least_digits);
    while (n)
        *at++ = digits[--n];
    return at;
}

static char *put_text(char *at, const char *text)
{
    size_t len = strlen(text);

    memcpy(at, text, len + 1);
    return at + len;
}

/* The year without its era. */
static char *put_date(char *at, civil c)
{
    uint64_t year = (uint64_t)(c.year > 0 ? c.year : 1 - c.year);

    at = year < 10000 ? put_number(put_number(at, year / 100, 2), year % 100, 2)
                      : put_number(at, year, 4);
    *at++ = '-';
    at = put_number(at, (uint64_t)c.month, 2);
    *at++ = '-';
    return put_number(at, (uint64_t)c.day, 2);
}

static char *put_time(char *at, int64_t us)
{
    uint64_t fraction = (uint64_t)(us % US_PER_SECOND);

    at = put_number(at, (uint64_t)(us / US_PER_HOUR), 2);
    *at++ = ':';
    at = put_number(at, (uint64_t)(us / US_PER_MINUTE % 60), 2);
    *at++ = ':';
    at = put_number(at, (uint64_t)(us / US_PER_SECOND % 60), 2);
    if (fraction) {
        *at++ = '.';
        at = put_number(at, fraction, 6);
        while (at[-1] == '0')
            at--;
    }
    return at;
}

static char *format_instant(int64_t us, const char *zone, char *buf)
{
    int64_t days = floor_div(us, US_PER_DAY);
    civil c;
    char *at;

    if (us == TN_TIME_INFINITY)
        return put_text(buf, "infinity"), buf;
    if (us == TN_TIME_NEGATIVE_INFINITY)
        return put_text(buf, "-infinity"), buf;
    c = civil_from_days(days);
    at = put_date(buf, c);
    *at++ = ' ';
    at = put_time(at, us % US_PER_DAY + (us % US_PER_DAY < 0 ? US_PER_DAY : 0));
    at = put_text(at, zone);
    put_text(at, c.year > 0 ? "" : " BC");
    return buf;
}

char *tn_time_format(tn_time time, char *buf)
{
    return format_instant(time.us, "+00", buf);
}

char *tn_timestamp_format(tn_timestamp timestamp, char *buf)
{
    return format_instant(timestamp.us, "", buf);
}

char *tn_date_format(tn_date date, char *buf)
{
    civil c;

    if (date.days == TN_DATE_INFINITY)
        return put_text(buf, "infinity"), buf;
    if (date.days == TN_DATE_NEGATIVE_INFINITY)
        return put_text(buf, "-infinity"), buf;
    c = civil_from_days(date.days);
    put_text(put_date(buf, c), c.year > 0 ? "" : " BC");
    return buf;
}

char *tn_timeofday_format(tn_timeofday time, char *buf)
{
    int64_t us = time.us < 0 ? 0 : time.us > US_PER_DAY ? US_PER_DAY : time.us;

    *put_time(buf, us) = '\0';
    return buf;
}

/* ---- reading --------------------------------------------------------------------------------- */

static bool next_is(tn_str s, char c)
{
    return s.len && s.ptr[0] == c;
}

static void skip(tn_str *s, size_t n)
{
    *s = tn__str(s->ptr + n, s->len - n);
}

static bool take(tn_str *s, char c)
{
    if (!next_is(*s, c))
        return false;
    skip(s, 1);
    return true;
}

static void skip_spaces(tn_str *s)
{
    while (take(s, ' '))
        ;
}

static size_t count_digits(tn_str s)
{
    size_t n = 0;

    while (n < s.len && s.ptr[n] >= '0' && s.ptr[n] <= '9')
        n++;
    return n;
}

/* One or two digits. */
static size_t short_count(tn_str s)
{
    return count_digits(s) == 1 ? 1 : 2;
}

/* Exactly n digits, at most 9. */
static bool take_number(tn_str *s, size_t n, int *ret)
{
    int value = 0;

    if (count_digits(*s) < n)
        return false;
    for (size_t i = 0; i < n; i++)
        value = value * 10 + (s->ptr[i] - '0');
    skip(s, n);
    *ret = value;
    return true;
}

/* yyyy-mm-dd or yyyymmdd; between hyphens the year has up to seven digits, the others may have one.
 */
static bool take_date(tn_str *s, civil *ret)
{
    size_t digits = count_digits(*s);
    bool hyphens = digits >= 4 && digits <= 7 && s->len > digits && s->ptr[digits] == '-';
    int year, month, day;

    if (!hyphens && digits != 8)
        return false;
    if (!take_number(s, hyphens ? digits : 4, &year) || (hyphens && !take(s, '-')) ||
        !take_number(s, hyphens ? short_count(*s) : 2, &month) || (hyphens && !take(s, '-')) ||
        !take_number(s, hyphens ? short_count(*s) : 2, &day) || count_digits(*s))
        return false;
    if (!year || month < 1 || month > 12 || day < 1)
        return false;
    *ret = (civil){.year = year, .month = month, .day = day};
    return true;
}

/* .5 and more digits than six, rounded as PostgreSQL does. */
static bool take_fraction(tn_str *s, int *ret_us)
{
    char text[24] = "0.";
    size_t n = count_digits(*s), kept = n > 20 ? 20 : n;
    double fraction;

    if (!n)
        return false;
    memcpy(text + 2, s->ptr, kept);
    for (size_t i = 0; i < kept; i++) /* all zeros would be an underflow otherwise */
        if (text[2 + i] != '0') {
            if (!tn__parse_double(tn__str(text, kept + 2), &fraction))
                return false;
            *ret_us = (int)rint(fraction * 1e6);
            break;
        }
    skip(s, n);
    return true;
}

/* h:mm[:ss[.f]], hh:mm[:ss[.f]] or hhmm[ss[.f]], to 24:00:00; 60 seconds carry over. */
static bool take_time(tn_str *s, int64_t *ret_us)
{
    int hour, minute, second = 0, fraction = 0;
    bool colons, seconds;

    if (!take_number(s, short_count(*s), &hour))
        return false;
    colons = take(s, ':');
    if (!take_number(s, 2, &minute))
        return false;
    seconds = colons ? take(s, ':') : count_digits(*s) > 0;
    if (seconds && !take_number(s, 2, &second))
        return false;
    if (seconds && take(s, '.') && !take_fraction(s, &fraction))
        return false;
    if (count_digits(*s) || hour > 24 || minute > 59 || second > 60)
        return false;
    if (hour == 24 && (minute || second || fraction))
        return false;
    *ret_us = hour * US_PER_HOUR + minute * US_PER_MINUTE + second * US_PER_SECOND + fraction;
    return true;
}

static bool take_word(tn_str *s, tn_str word)
{
    if (s->len < word.len || !tn__str_iequal(tn__str(s->ptr, word.len), word))
        return false;
    skip(s, word.len);
    return true;
}

/* Z, UTC, GMT, +h, +hh, +hh:mm, +hhmm, +hh:mm:ss: seconds east of Greenwich. */
static bool take_zone(tn_str *s, int *ret_offset)
{
    int hours, minutes = 0, seconds = 0;
    bool west, colons;

    if (take_word(s, TN__STR("UTC")) || take_word(s, TN__STR("GMT")) ||
        take_word(s, TN__STR("Z"))) {
        *ret_offset = 0;
        return true;
    }
    west = next_is(*s, '-');
    if (!take(s, '+') && !take(s, '-'))
        return false;
    if (!take_number(s, short_count(*s), &hours))
        return false;
    colons = take(s, ':');
    if ((colons || count_digits(*s)) && !take_number(s, 2, &minutes))
        return false;
    if (colons && take(s, ':') && !take_number(s, 2, &seconds))
        return false;
    if (count_digits(*s) || hours > MOST_OFFSET_HOURS || minutes > 59 || seconds > 59)
        return false;
    *ret_offset = (hours * 60 + minutes) * 60 + seconds;
    if (west)
        *ret_offset = -*ret_offset;
    return true;
}

/* The era, if one is named, and then the end. The day is checked here: which years are leap years
 * depends on the era. */
static bool take_era(tn_str *s, civil *c)
{
    skip_spaces(s);
    if (take_word(s, TN__STR("BC")))
        c->year = 1 - c->year;
    else
        (void)take_word(s, TN__STR("AD"));
    return !s->len && c->day <= days_in_month(c->year, c->month);
}

/* 1, -1 or 0 when s is neither infinity. */
static int infinity_sign(tn_str s)
{
    if (tn__str_iequal(s, TN__STR("infinity")))
        return 1;
    return tn__str_iequal(s, TN__STR("-infinity")) ? -1 : 0;
}

/* Behind the date: a T, or a blank and a digit. */
static bool time_follows(tn_str s)
{
    if (next_is(s, 'T') || next_is(s, 't'))
        return true;
    if (!next_is(s, ' '))
        return false;
    skip_spaces(&s);
    return count_digits(s) > 0;
}

static bool parse_instant(tn_str text, bool zoned, int64_t *ret)
{
    tn_str s = tn__str_trim(text);
    int sign = infinity_sign(s), offset = 0;
    int64_t us, time = 0, days;
    civil c;

    if (sign) {
        *ret = sign > 0 ? TN_TIME_INFINITY : TN_TIME_NEGATIVE_INFINITY;
        return true;
    }
    if (!take_date(&s, &c))
        return false;
    if (time_follows(s)) {
        skip(&s, 1);
        skip_spaces(&s);
        if (!take_time(&s, &time))
            return false;
    }
    if (zoned) {
        skip_spaces(&s);
        if (!take_zone(&s, &offset))
            return false;
    }
    if (!take_era(&s, &c))
        return false;
    days = days_from_civil(c);
    if (__builtin_mul_overflow(days, US_PER_DAY, &us) ||
        __builtin_add_overflow(us, time - offset * US_PER_SECOND, &us))
        return false;
    if (us < FIRST_DAY * US_PER_DAY || us == TN_TIME_INFINITY)
        return false;
    *ret = us;
    return true;
}

bool tn_time_parse(tn_str text, tn_time *ret)
{
    return parse_instant(text, true, &ret->us);
}

bool tn_timestamp_parse(tn_str text, tn_timestamp *ret)
{
    return parse_instant(text, false, &ret->us);
}

bool tn_date_parse(tn_str text, tn_date *ret)
{
    tn_str s = tn__str_trim(text);
    int sign = infinity_sign(s);
    int64_t days;
    civil c;

    if (sign) {
        ret->days = sign > 0 ? TN_DATE_INFINITY : TN_DATE_NEGATIVE_INFINITY;
        return true;
    }
    if (!take_date(&s, &c) || !take_era(&s, &c))
        return false;
    days = days_from_civil(c);
    if (days < FIRST_DAY || days > LAST_DAY)
        return false;
    ret->days = (int32_t)days;
    return true;
}

bool tn_timeofday_parse(tn_str text, tn_timeofday *ret)
{
    tn_str s = tn__str_trim(text);
    int64_t us;

    if (!take_time(&s, &us) || s.len || us > US_PER_DAY)
        return false;
    ret->us = us;
    return true;
}
