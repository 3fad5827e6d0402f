/* SPDX-License-Identifier: MIT */
/* Instants, dates, times of day and intervals: far, infinite, as text. */
#include <stdint.h>

#include "suite.h"
#include "values.h"

#define DAY_US INT64_C(86400000000)

static tn_arg instant(int64_t us)
{
    return tn_arg_time((tn_time){us});
}

static tn_arg timestamp(int64_t us)
{
    return tn_arg_timestamp((tn_timestamp){us});
}

static tn_arg date(int32_t days)
{
    return tn_arg_date((tn_date){days});
}

static tn_arg timeofday(int64_t us)
{
    return tn_arg_timeofday((tn_timeofday){us});
}

static tn_arg interval(int32_t months, int32_t days, int64_t us)
{
    return tn_arg_interval((tn_interval){.us = us, .days = days, .months = months});
}

static void timestamptz_ordinary(fixture *f)
{
    round_trips(f, "timestamptz", instant(0), instant(1), instant(-1),
                instant(INT64_C(1795424400123456)), instant(INT64_C(951782400000000)),
                instant(-DAY_US * 365));
    round_trips(f, "timestamp with time zone", instant(INT64_C(1795424400000000)));
}

static void timestamptz_far(fixture *f)
{
    tn_time first = {0}, last = {0}, before = {0};

    check(f, tn_time_parse(tn_str_from("0001-01-01 00:00:00+00"), &first));
    check(f, tn_time_parse(tn_str_from("9999-12-31 23:59:59.999999+00"), &last));
    check(f, tn_time_parse(tn_str_from("0044-03-15 12:00:00+00 BC"), &before));
    round_trips(f, "timestamptz", tn_arg_time(first), tn_arg_time(last), tn_arg_time(before));
}

static void timestamptz_infinity(fixture *f)
{
    round_trips(f, "timestamptz", instant(TN_TIME_INFINITY), instant(TN_TIME_NEGATIVE_INFINITY));
    text_becomes(f, "timestamptz", TN_TYPE_TIMESTAMPTZ, "infinity", "infinity");
}

static void timestamptz_texts(fixture *f)
{
    text_becomes(f, "timestamptz", TN_TYPE_TIMESTAMPTZ, "2026-11-23 09:00:00+01",
                 "2026-11-23 08:00:00+00");
    text_becomes(f, "timestamptz", TN_TYPE_TIMESTAMPTZ, "2026-11-23T09:00:00.5Z",
                 "2026-11-23 09:00:00.5+00");
    text_becomes(f, "timestamptz", TN_TYPE_TIMESTAMPTZ, "2026-11-23 09:00:00.123456-05:30",
                 "2026-11-23 14:30:00.123456+00");
    text_refused(f, "timestamptz", "tomorrow-ish", "22007");
    text_refused(f, "timestamptz", "2026-02-30 00:00:00+00", "22008");
}

static void timestamptz_orders_and_compares(fixture *f)
{
    exec(f, f->db, "create table {t} (at timestamptz)", NULL);
    exec(f, f->db, "insert into {t} values ($1), ($2), ($3)",
         tn_args((tn_time){1500000}, (tn_time){1000000}, (tn_time){-1000000}));
    check_int(
        f, int_of(f, f->db, "select count(*) from {t} where at > $1", tn_args((tn_time){1000000})),
        1);
    check_int(
        f, int_of(f, f->db, "select count(*) from {t} where at = $1", tn_args((tn_time){1500000})),
        1);
    tn_rows *rows = query(f, f->db, "select at from {t} order by at", NULL);
    static const int64_t order[] = {-1000000, 1000000, 1500000};
    for (size_t i = 0; i < SUITE_COUNT(order); i++) {
        next(f, rows);
        check_int(f, tn_row_time(rows, 0).us, order[i]);
    }
    close_rows(f, rows);
}

static void timestamptz_now(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    tn_time now = {0};
    int64_t here = tn_time_now().us;

    exec(f, f->db, "create table {t} (id integer, at timestamptz default (now()))", NULL);
    exec(f, f->db, "insert into {t} (id) values (1)", NULL);
    check_ok(f, tn_get(f->db, sql(f, "select at from {t}"), NULL, tn_into(&now), &err), &err);
    /* Two clocks: a server may be off, but not by a day. */
    check(f, now.us > here - DAY_US && now.us < here + DAY_US);
}

static void timestamp_ordinary(fixture *f)
{
    round_trips(f, "timestamp", timestamp(0), timestamp(-1), timestamp(INT64_C(1795424400123456)));
    round_trips(f, "timestamp without time zone", timestamp(1));
}

static void timestamp_far(fixture *f)
{
    tn_timestamp first = {0}, last = {0}, before = {0};

    check(f, tn_timestamp_parse(tn_str_from("0001-01-01 00:00:00"), &first));
    check(f, tn_timestamp_parse(tn_str_from("9999-12-31 23:59:59.999999"), &last));
    check(f, tn_timestamp_parse(tn_str_from("4712-01-02 00:00:00 BC"), &before));
    round_trips(f, "timestamp", tn_arg_timestamp(first), tn_arg_timestamp(last),
                tn_arg_timestamp(before), timestamp(TN_TIME_INFINITY),
                timestamp(TN_TIME_NEGATIVE_INFINITY));
}

static void timestamp_texts(fixture *f)
{
    text_becomes(f, "timestamp", TN_TYPE_TIMESTAMP, "2026-11-23 09:00:00", "2026-11-23 09:00:00");
    text_becomes(f, "timestamp", TN_TYPE_TIMESTAMP, "2026-11-23T09:00:00.25",
                 "2026-11-23 09:00:00.25");
    text_becomes(f, "timestamp", TN_TYPE_TIMESTAMP, "2024-02-29 24:00:00", "2024-03-01 00:00:00");
    text_refused(f, "timestamp", "2025-02-29 00:00:00", "22008");
}

static void date_values(fixture *f)
{
    tn_date first = {0}, last = {0}, before = {0};

    check(f, tn_date_parse(tn_str_from("0001-01-01"), &first));
    check(f, tn_date_parse(tn_str_from("9999-12-31"), &last));
    check(f, tn_date_parse(tn_str_from("0044-03-15 BC"), &before));
    round_trips(f, "date", date(0), date(-1), date(20780), tn_arg_date(first), tn_arg_date(last),
                tn_arg_date(before), date(TN_DATE_INFINITY), date(TN_DATE_NEGATIVE_INFINITY));
}

static void date_texts(fixture *f)
{
    text_becomes(f, "date", TN_TYPE_DATE, "2026-11-23", "2026-11-23");
    text_becomes(f, "date", TN_TYPE_DATE, "2000-02-29", "2000-02-29");
    text_refused(f, "date", "1900-02-29", "22008");
    text_refused(f, "date", "2026-13-01", "22008");
    text_refused(f, "date", "today-ish", "22007");
}

static void time_values(fixture *f)
{
    round_trips(f, "time", timeofday(0), timeofday(1), timeofday(DAY_US - 1), timeofday(DAY_US),
                timeofday(INT64_C(32400000000)));
    round_trips(f, "time without time zone", timeofday(INT64_C(45296789000)));
}

static void time_texts(fixture *f)
{
    text_becomes(f, "time", TN_TYPE_TIME, "09:00", "09:00:00");
    text_becomes(f, "time", TN_TYPE_TIME, "24:00:00", "24:00:00");
    text_becomes(f, "time", TN_TYPE_TIME, "12:34:56.789", "12:34:56.789");
    text_refused(f, "time", "25:00", "22008");
    text_refused(f, "time", "noonish", "22007");
}

static void interval_values(fixture *f)
{
    round_trips(f, "interval", interval(0, 0, 0), interval(14, 3, 4000000), interval(-1, 2, -3),
                interval(1, -2, 3), interval(0, 0, -DAY_US * 400),
                interval(INT32_MAX, INT32_MAX, INT64_MAX),
                interval(INT32_MIN, INT32_MIN, INT64_MIN));
}

static void interval_texts(fixture *f)
{
    text_becomes(f, "interval", TN_TYPE_INTERVAL, "1 year 2 mons 3 days 04:05:06.7",
                 "1 year 2 mons 3 days 04:05:06.7");
    text_becomes(f, "interval", TN_TYPE_INTERVAL, "P1Y2M3DT4H5M6.7S",
                 "1 year 2 mons 3 days 04:05:06.7");
    text_becomes(f, "interval", TN_TYPE_INTERVAL, "-1 day", "-1 days");
    text_refused(f, "interval", "a while", "22007");
}

static const suite_case cases[] = {
    CASE(timestamptz_ordinary, 0),
    CASE(timestamptz_far, 0),
    CASE(timestamptz_infinity, TN_CAP_SQL),
    CASE(timestamptz_texts, TN_CAP_SQL),
    CASE(timestamptz_orders_and_compares, TN_CAP_SQL),
    CASE(timestamptz_now, TN_CAP_SQL),
    CASE(timestamp_ordinary, 0),
    CASE(timestamp_far, 0),
    CASE(timestamp_texts, TN_CAP_SQL),
    CASE(date_values, 0),
    CASE(date_texts, TN_CAP_SQL),
    CASE(time_values, 0),
    CASE(time_texts, TN_CAP_SQL),
    CASE(interval_values, 0),
    CASE(interval_texts, TN_CAP_SQL),
};

GROUP(times);
