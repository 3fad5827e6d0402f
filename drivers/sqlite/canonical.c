/* SPDX-License-Identifier: MIT */
/*
 * Texts in the one form that the driver itself writes. Nearly all that is read was written so, and
 * the parsers for everything that PostgreSQL takes cost a multiple. Anything else is false, which
 * says nothing: those parsers decide.
 */
#include "sqlite/lite.h"

#include <string.h>

#define US_PER_SECOND INT64_C(1000000)
#define DATE_LEN      10 /* 2026-01-31 */
#define SECONDS_LEN   19 /* 2026-01-31 23:59:59 */
#define FRACTION_MOST 6
#define UUID_LEN      36
#define DAYS_TO_EPOCH 719468 /* from 0000-03-01 */
#define DAYS_PER_400  146097

/* Two digits, or more than 99. */
static inline unsigned two(const char *at)
{
    unsigned high = (unsigned)at[0] - '0', low = (unsigned)at[1] - '0';

    return high <= 9 && low <= 9 ? high * 10 + low : 1000;
}

/* yyyy-mm-dd of a year from 1 on; the text has so many bytes. */
static bool read_date(const char *at, int64_t *ret_days)
{
    static const uint8_t lengths[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    unsigned century = two(at), within = two(at + 2), month = two(at + 5), day = two(at + 8);
    unsigned year = century * 100 + within, counted, of_era, of_year;

    if (century > 99 || within > 99 || at[4] != '-' || at[7] != '-' || year == 0 ||
        month - 1 > 11 || day - 1 >= lengths[month - 1])
        return false;
    if (month == 2 && day == 29 && (year % 4 != 0 || (year % 100 == 0 && year % 400 != 0)))
        return false;
    counted = year - (month <= 2); /* from March, so that the leap day is the last one */
    of_era = counted % 400;
    of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    *ret_days = (int64_t)(counted / 400) * DAYS_PER_400 + of_era * 365 + of_era / 4 - of_era / 100 +
                of_year - DAYS_TO_EPOCH;
    return true;
}

/* Digits that follow a point, to the end of the text. */
static bool read_fraction(const char *at, const char *end, int64_t *ret_us)
{
    static const int32_t scales[] = {1000000, 100000, 10000, 1000, 100, 10, 1};
    int32_t value = 0;

    if (at == end || end - at > FRACTION_MOST)
        return false;
    for (const char *p = at; p < end; p++) {
        unsigned digit = (unsigned)*p - '0';
        if (digit > 9)
            return false;
        value = value * 10 + (int32_t)digit;
    }
    *ret_us = (int64_t)value * scales[end - at];
    return true;
}

/* yyyy-mm-dd hh:mm:ss[.f] */
static bool read_instant(tn_str text, int64_t *ret_us)
{
    const char *at = text.ptr;
    int64_t days, fraction = 0;
    unsigned hour, minute, second;

    if (text.len < SECONDS_LEN || !read_date(at, &days) || at[10] != ' ' || at[13] != ':' ||
        at[16] != ':')
        return false;
    hour = two(at + 11);
    minute = two(at + 14);
    second = two(at + 17);
    if (hour > 23 || minute > 59 || second > 59)
        return false;
    if (text.len > SECONDS_LEN &&
        (at[SECONDS_LEN] != '.' || !read_fraction(at + SECONDS_LEN + 1, at + text.len, &fraction)))
        return false;
    *ret_us = ((days * 24 + hour) * 60 + minute) * 60 * US_PER_SECOND + second * US_PER_SECOND +
              fraction;
    return true;
}

/* 0 to 15, or more; in lower case as it is written. */
static inline unsigned hex_digit(char c)
{
    unsigned digit = (unsigned)c - '0', letter = (unsigned)c - 'a';

    return digit <= 9 ? digit : letter <= 5 ? letter + 10 : 255;
}

static bool read_uuid(tn_str text, tn__arena *arena, tn_value *ret)
{
    const char *at = text.ptr;
    tn_uuid *uuid;

    if (text.len != UUID_LEN || at[8] != '-' || at[13] != '-' || at[18] != '-' || at[23] != '-')
        return false;
    uuid = tn__arena_alloc(arena, sizeof *uuid);
    if (!uuid)
        return false;
    for (int i = 0; i < 16; i++, at += 2) {
        unsigned high, low;
        if (i == 4 || i == 6 || i == 8 || i == 10)
            at++;
        high = hex_digit(at[0]);
        low = hex_digit(at[1]);
        if ((high | low) > 15)
            return false;
        uuid->bytes[i] = (uint8_t)(high << 4 | low);
    }
    ret->type = TN_TYPE_UUID;
    ret->as.uuid = uuid;
    return true;
}

bool lite_canonical_read(tn_type type, tn_str text, tn__arena *arena, tn_value *ret)
{
    int64_t number;

    switch (type) {
    case TN_TYPE_UUID: return read_uuid(text, arena, ret);
    case TN_TYPE_DATE:
        if (text.len != DATE_LEN || !read_date(text.ptr, &number))
            return false;
        break;
    case TN_TYPE_TIMESTAMPTZ:
        if (text.len < SECONDS_LEN + 3 || memcmp(text.ptr + text.len - 3, "+00", 3) != 0)
            return false;
        text.len -= 3;
        if (!read_instant(text, &number))
            return false;
        break;
    case TN_TYPE_TIMESTAMP:
        if (!read_instant(text, &number))
            return false;
        break;
    default: return false;
    }
    ret->type = (uint8_t)type;
    ret->as.i = number;
    return true;
}
