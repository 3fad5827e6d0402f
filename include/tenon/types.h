/* SPDX-License-Identifier: MIT */
/*
 * Value types: what a column holds and what an argument may be, the same on every driver.
 *
 * Views (tn_str, tn_bytes, tn_json, tn_numeric, tn_array) borrow their memory. A view read from
 * rows is valid until the next tn_next() or tn_close() on those rows, and the byte behind the last
 * one of a text view (str, json, numeric) is '\0', so that ptr may be handed to printf("%s").
 * A view given as an argument is read before the call returns.
 *
 * Thread rule: plain data. The functions below keep no state and may be called from any thread.
 */
#ifndef TENON_TYPES_H
#define TENON_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tenon/export.h>

/* The type of one value. Names are PostgreSQL's; the C type that holds it stands beside it. */
typedef enum tn_type {
    TN_TYPE_NULL = 0,    /* SQL NULL; as a column's type: not known before a row is there */
    TN_TYPE_BOOL,        /* bool */
    TN_TYPE_INT16,       /* int16_t: smallint */
    TN_TYPE_INT32,       /* int32_t: integer */
    TN_TYPE_INT64,       /* int64_t: bigint */
    TN_TYPE_FLOAT4,      /* float: real */
    TN_TYPE_FLOAT8,      /* double: double precision */
    TN_TYPE_NUMERIC,     /* tn_numeric: exact decimal as text */
    TN_TYPE_TEXT,        /* tn_str: text, varchar, char(n), name; UTF-8 */
    TN_TYPE_BYTES,       /* tn_bytes: bytea, blob */
    TN_TYPE_UUID,        /* tn_uuid */
    TN_TYPE_TIMESTAMPTZ, /* tn_time: an instant */
    TN_TYPE_TIMESTAMP,   /* tn_timestamp: a date and time without a zone */
    TN_TYPE_DATE,        /* tn_date */
    TN_TYPE_TIME,        /* tn_timeofday: time without time zone */
    TN_TYPE_INTERVAL,    /* tn_interval */
    TN_TYPE_JSON,        /* tn_json: json and jsonb, as text */
    TN_TYPE_ARRAY,       /* tn_array: one dimension of any type above */
    TN_TYPE_OTHER        /* tn_str: any other type, as the server prints it; see type_name */
} tn_type;

/* Text: UTF-8, len bytes. Not owned. */
typedef struct tn_str {
    const char *ptr;
    size_t len;
} tn_str;

/* Bytes: bytea or blob. Not owned. */
typedef struct tn_bytes {
    const void *ptr;
    size_t len;
} tn_bytes;

/* RFC 9562 UUID, in network order. */
typedef struct tn_uuid {
    uint8_t bytes[16];
} tn_uuid;

/* An instant: microseconds since 1970-01-01 00:00:00 UTC (leap seconds not counted). The extremes
 * of int64_t are -infinity and infinity. From 4714-11-24 BC to 294247-01-10. */
typedef struct tn_time {
    int64_t us;
} tn_time;

/* A date and time of no zone: microseconds since 1970-01-01 00:00:00; extremes as in tn_time. */
typedef struct tn_timestamp {
    int64_t us;
} tn_timestamp;

/* Days since 1970-01-01; the extremes of int32_t are -infinity and infinity. */
typedef struct tn_date {
    int32_t days;
} tn_date;

/* Microseconds since midnight, 0 to 86,400,000,000 (24:00:00 is a value of its own). */
typedef struct tn_timeofday {
    int64_t us;
} tn_timeofday;

/* An interval as PostgreSQL keeps it: three parts that are not converted into each other. */
typedef struct tn_interval {
    int64_t us;
    int32_t days;
    int32_t months;
} tn_interval;

/* An exact decimal in text form: [-]digits[.digits], or NaN, Infinity, -Infinity. Not owned. */
typedef struct tn_numeric {
    const char *ptr;
    size_t len;
} tn_numeric;

/* A JSON text. Not owned, not parsed. */
typedef struct tn_json {
    const char *ptr;
    size_t len;
} tn_json;

/*
 * One tagged value of 16 bytes: what rows are made of, on the way from a driver to the application
 * and in arrays. Which member of the union counts is told by type:
 *   BOOL, INT16, INT32, INT64                          i
 *   TIMESTAMPTZ, TIMESTAMP, TIME                       i (microseconds)
 *   DATE                                               i (days)
 *   FLOAT4, FLOAT8                                     f
 *   TEXT, JSON, NUMERIC, OTHER (NUL after len), BYTES  ptr, len
 *   UUID                                               uuid
 *   INTERVAL                                           interval
 *   ARRAY                                              array
 *   NULL                                               none
 * Prefer tn_scan() and the tn_row_ functions, which check type and range.
 */
typedef struct tn_value {
    union {
        int64_t i;
        double f;
        const char *ptr;
        const struct tn_uuid *uuid;
        const struct tn_interval *interval;
        const struct tn_array *array;
    } as;
    uint32_t len;  /* bytes at ptr; 0 for the others */
    uint8_t type;  /* tn_type */
    uint8_t flags; /* 0; reserved */
    uint16_t reserved;
} tn_value;

/* A one-dimensional array; items may be NULL values. Not owned. */
typedef struct tn_array {
    const tn_value *items;
    size_t count;
    tn_type element; /* type of the items; NULL items have TN_TYPE_NULL */
} tn_array;

/* One column of an answer. Texts are borrowed until the rows or the statement are closed. */
typedef struct tn_column {
    const char *name;
    const char *type_name; /* the server's own word: "int8", "citext", "VARCHAR(10)"; "" unknown */
    const char *table;     /* the table it comes from, "" if none or not known */
    tn_type type;          /* TN_TYPE_NULL: told by each value */
    tn_type element;       /* of an array */
    int32_t modifier;      /* length of varchar(n), precision << 16 | scale of numeric; -1: none */
} tn_column;

/* Optional types: the C form of a nullable column or argument. value counts only if has. */
#define TN_OPTIONAL(name, type) \
    typedef struct name {       \
        type value;             \
        bool has;               \
    } name

TN_OPTIONAL(tn_opt_bool, bool);
TN_OPTIONAL(tn_opt_int16, int16_t);
TN_OPTIONAL(tn_opt_int32, int32_t);
TN_OPTIONAL(tn_opt_int64, int64_t);
TN_OPTIONAL(tn_opt_float, float);
TN_OPTIONAL(tn_opt_double, double);
TN_OPTIONAL(tn_opt_numeric, tn_numeric);
TN_OPTIONAL(tn_opt_str, tn_str);
TN_OPTIONAL(tn_opt_bytes, tn_bytes);
TN_OPTIONAL(tn_opt_uuid, tn_uuid);
TN_OPTIONAL(tn_opt_time, tn_time);
TN_OPTIONAL(tn_opt_timestamp, tn_timestamp);
TN_OPTIONAL(tn_opt_date, tn_date);
TN_OPTIONAL(tn_opt_timeofday, tn_timeofday);
TN_OPTIONAL(tn_opt_interval, tn_interval);
TN_OPTIONAL(tn_opt_json, tn_json);
TN_OPTIONAL(tn_opt_array, tn_array);

/* An SQL NULL argument: tn_args(tn_null). */
typedef struct tn_null_t {
    char unused;
} tn_null_t;

#define TN_TIME_INFINITY          INT64_MAX
#define TN_TIME_NEGATIVE_INFINITY INT64_MIN
#define TN_DATE_INFINITY          INT32_MAX
#define TN_DATE_NEGATIVE_INFINITY INT32_MIN

/* Room for the text of any uuid, time, timestamp, date, time of day or interval, with its NUL. */
#define TN_UUID_TEXT_SIZE 37
#define TN_TIME_TEXT_SIZE 96

TN_BEGIN_DECLS

/* The type's SQL name, "bigint" for TN_TYPE_INT64; "unknown" out of range. Static storage. */
TN_API const char *tn_type_name(tn_type type);

/* A view of a NUL-terminated string; NULL gives an empty view. */
TN_API tn_str tn_str_from(const char *text);
/* True if both have the same bytes. */
TN_API bool tn_str_equal(tn_str a, tn_str b);

/* Views with the type's meaning; the text is checked when the value is bound, not here. */
TN_API tn_json tn_json_from(const char *text);
TN_API tn_numeric tn_numeric_from(const char *text);

/*
 * Text to value, in the forms that PostgreSQL 15 prints and ISO 8601. True on success; false and
 * *ret untouched when the text is not of the type or out of range.
 *   uuid       32 hexadecimal digits, with or without hyphens and braces
 *   time       2026-11-23 09:00:00.123456+00, also T, Z, +hh:mm, infinity; a zone is required
 *   timestamp  the same without a zone
 *   date       2026-11-23, infinity; "0044-03-15 BC"
 *   timeofday  09:00[:00[.123456]], up to 24:00:00
 *   interval   1 year 2 mons 3 days 04:05:06.7, or ISO 8601 P1Y2M3DT4H5M6.7S
 */
TN_API bool tn_uuid_parse(tn_str text, tn_uuid *ret);
TN_API bool tn_time_parse(tn_str text, tn_time *ret);
TN_API bool tn_timestamp_parse(tn_str text, tn_timestamp *ret);
TN_API bool tn_date_parse(tn_str text, tn_date *ret);
TN_API bool tn_timeofday_parse(tn_str text, tn_timeofday *ret);
TN_API bool tn_interval_parse(tn_str text, tn_interval *ret);

/*
 * Value to text as PostgreSQL prints it with DateStyle ISO, IntervalStyle postgres, TimeZone UTC.
 * buf must have TN_UUID_TEXT_SIZE or TN_TIME_TEXT_SIZE bytes; it is returned, NUL-terminated.
 */
TN_API char *tn_uuid_format(tn_uuid uuid, char *buf);
TN_API char *tn_time_format(tn_time time, char *buf);
TN_API char *tn_timestamp_format(tn_timestamp timestamp, char *buf);
TN_API char *tn_date_format(tn_date date, char *buf);
TN_API char *tn_timeofday_format(tn_timeofday time, char *buf);
TN_API char *tn_interval_format(tn_interval interval, char *buf);

/* A random (version 4) UUID from the kernel's generator. */
TN_API tn_uuid tn_uuid_random(void);

/* The wall clock now, in microseconds. */
TN_API tn_time tn_time_now(void);
TN_API tn_time tn_time_from_unix(int64_t seconds, int32_t microseconds);

/*
 * The text of any value as PostgreSQL prints it (bool t/f, bytea \x.., floats shortest round trip,
 * arrays {..}). Writes at most size bytes with the NUL, returns the length that the whole text has
 * (as snprintf does). A NULL value gives length 0. buf may be NULL when size is 0.
 */
TN_API size_t tn_value_format(const tn_value *value, char *buf, size_t size);

/* Frees what tn_get() allocated for a char * target. NULL is fine. */
TN_API void tn_free(void *ptr);

TN_END_DECLS

#endif
