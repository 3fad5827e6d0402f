/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include <tenon/types.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/text.h"

const char *tn_type_name(tn_type type)
{
    static const char *const names[] = {
        [TN_TYPE_NULL] = "null",
        [TN_TYPE_BOOL] = "boolean",
        [TN_TYPE_INT16] = "smallint",
        [TN_TYPE_INT32] = "integer",
        [TN_TYPE_INT64] = "bigint",
        [TN_TYPE_FLOAT4] = "real",
        [TN_TYPE_FLOAT8] = "double precision",
        [TN_TYPE_NUMERIC] = "numeric",
        [TN_TYPE_TEXT] = "text",
        [TN_TYPE_BYTES] = "bytea",
        [TN_TYPE_UUID] = "uuid",
        [TN_TYPE_TIMESTAMPTZ] = "timestamp with time zone",
        [TN_TYPE_TIMESTAMP] = "timestamp without time zone",
        [TN_TYPE_DATE] = "date",
        [TN_TYPE_TIME] = "time without time zone",
        [TN_TYPE_INTERVAL] = "interval",
        [TN_TYPE_JSON] = "json",
        [TN_TYPE_ARRAY] = "array",
        [TN_TYPE_OTHER] = "other",
    };

    return (size_t)type < TN__COUNT_OF(names) ? names[type] : "unknown";
}

tn_str tn_str_from(const char *text)
{
    return text ? (tn_str){text, strlen(text)} : (tn_str){NULL, 0};
}

bool tn_str_equal(tn_str a, tn_str b)
{
    return a.len == b.len && (!a.len || memcmp(a.ptr, b.ptr, a.len) == 0);
}

tn_json tn_json_from(const char *text)
{
    return text ? (tn_json){text, strlen(text)} : (tn_json){NULL, 0};
}

tn_numeric tn_numeric_from(const char *text)
{
    return text ? (tn_numeric){text, strlen(text)} : (tn_numeric){NULL, 0};
}

tn_time tn_time_now(void)
{
    return (tn_time){tn__wall_us()};
}

tn_time tn_time_from_unix(int64_t seconds, int32_t microseconds)
{
    int64_t us;

    if (__builtin_mul_overflow(seconds, 1000000, &us) ||
        __builtin_add_overflow(us, microseconds, &us))
        us = seconds < 0 ? TN_TIME_NEGATIVE_INFINITY : TN_TIME_INFINITY;
    return (tn_time){us};
}

static size_t copy_cut(const char *text, size_t len, char *buf, size_t size)
{
    size_t n = len < size ? len : size - 1;

    if (!size)
        return len;
    if (n)
        memcpy(buf, text, n);
    buf[n] = '\0';
    return len;
}

size_t tn_value_format(const tn_value *value, char *buf, size_t size)
{
    char room[TN_TIME_TEXT_SIZE];
    bool fits = size >= sizeof(room);
    tn__buf text;
    size_t len;

    if (tn__value_format_short(value, fits ? buf : room, &len))
        return fits ? len : copy_cut(room, len, buf, size);
    tn__buf_init(&text, TN__BUF_MAX);
    if (!tn__value_append(&text, value)) {
        tn__buf_free(&text);
        if (size)
            buf[0] = '\0';
        return 0;
    }
    len = copy_cut(text.ptr, text.len, buf, size);
    tn__buf_free(&text);
    return len;
}

void tn_free(void *ptr)
{
    free(ptr);
}
