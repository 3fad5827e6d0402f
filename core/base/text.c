/* SPDX-License-Identifier: MIT */
#include "base/text.h"

#include <string.h>

#include "base/array.h"
#include "base/decimal.h"
#include "base/str.h"

/* ---- reading --------------------------------------------------------------------------------- */

static bool parse_integer(tn_str text, int64_t least, int64_t most, tn_value *ret)
{
    int64_t value;

    if (!tn__parse_int64(tn__str_trim(text), &value) || value < least || value > most)
        return false;
    ret->as.i = value;
    return true;
}

static bool place_text(tn_str text, tn__arena *arena, tn_value *ret)
{
    char *copy;

    if (text.len > UINT32_MAX)
        return false;
    copy = tn__arena_copy(arena, text.ptr, text.len);
    if (!copy)
        return false;
    ret->as.ptr = copy;
    ret->len = (uint32_t)text.len;
    return true;
}

static bool parse_numeric(tn_str text, tn__arena *arena, tn_value *ret)
{
    tn__buf normal;
    bool ok;

    tn__buf_init(&normal, TN__BUF_MAX);
    ok = tn__decimal_normal(text, &normal) &&
         place_text(tn__str(normal.ptr, normal.len), arena, ret);
    tn__buf_free(&normal);
    return ok;
}

/* The octal form: \\ and \ooo. */
static bool unescape_bytes(tn_str text, char *room, size_t *ret_len)
{
    size_t len = 0;

    for (size_t i = 0; i < text.len; i++) {
        const char *p = text.ptr + i;

        if (*p != '\\') {
            room[len++] = *p;
        } else if (text.len - i >= 2 && p[1] == '\\') {
            room[len++] = '\\';
            i++;
        } else if (text.len - i >= 4 && p[1] >= '0' && p[1] <= '3' && p[2] >= '0' && p[2] <= '7' &&
                   p[3] >= '0' && p[3] <= '7') {
            room[len++] = (char)((p[1] - '0') << 6 | (p[2] - '0') << 3 | (p[3] - '0'));
            i += 3;
        } else {
            return false;
        }
    }
    *ret_len = len;
    return true;
}

/* \x and pairs of digits, between which there may be space. */
static bool unhex_bytes(tn_str text, char *room, size_t *ret_len)
{
    size_t len = 0;

    for (size_t i = 2; i < text.len; i++) {
        int high, low;

        if (strchr(" \t\n\r", text.ptr[i]) && text.ptr[i])
            continue;
        high = tn__hex_digit(text.ptr[i]);
        low = i + 1 < text.len ? tn__hex_digit(text.ptr[i + 1]) : -1;
        if (high < 0 || low < 0)
            return false;
        room[len++] = (char)(high << 4 | low);
        i++;
    }
    *ret_len = len;
    return true;
}

static bool parse_bytes(tn_str text, tn__arena *arena, tn_value *ret)
{
    size_t len;
    char *room;

    if (text.len > UINT32_MAX)
        return false;
    room = tn__arena_alloc(arena, text.len + 1);
    if (!room || !(tn__str_starts(text, TN__STR("\\x")) ? unhex_bytes(text, room, &len)
                                                        : unescape_bytes(text, room, &len)))
        return false;
    room[len] = '\0';
    ret->as.ptr = room;
    ret->len = (uint32_t)len;
    return true;
}

static bool parse_uuid(tn_str text, tn__arena *arena, tn_value *ret)
{
    tn_uuid *uuid = tn__arena_alloc(arena, sizeof(*uuid));

    ret->as.uuid = uuid;
    return uuid && tn_uuid_parse(text, uuid);
}

static bool parse_interval(tn_str text, tn__arena *arena, tn_value *ret)
{
    tn_interval *interval = tn__arena_alloc(arena, sizeof(*interval));

    ret->as.interval = interval;
    return interval && tn_interval_parse(text, interval);
}

static bool parse_scalar(tn_type type, tn_str text, tn_value *ret)
{
    tn_timestamp timestamp;
    tn_timeofday timeofday;
    tn_time time;
    tn_date date;
    float single;
    bool truth, ok;

    switch (type) {
    case TN_TYPE_BOOL:
        ok = tn__parse_bool(tn__str_trim(text), &truth);
        ret->as.i = ok && truth;
        return ok;
    case TN_TYPE_INT16: return parse_integer(text, INT16_MIN, INT16_MAX, ret);
    case TN_TYPE_INT32: return parse_integer(text, INT32_MIN, INT32_MAX, ret);
    case TN_TYPE_INT64: return parse_integer(text, INT64_MIN, INT64_MAX, ret);
    case TN_TYPE_FLOAT4:
        ok = tn__parse_float(text, &single);
        ret->as.f = ok ? (double)single : 0;
        return ok;
    case TN_TYPE_FLOAT8: return tn__parse_double(text, &ret->as.f);
    case TN_TYPE_TIMESTAMPTZ:
        ok = tn_time_parse(text, &time);
        ret->as.i = ok ? time.us : 0;
        return ok;
    case TN_TYPE_TIMESTAMP:
        ok = tn_timestamp_parse(text, &timestamp);
        ret->as.i = ok ? timestamp.us : 0;
        return ok;
    case TN_TYPE_DATE:
        ok = tn_date_parse(text, &date);
        ret->as.i = ok ? date.days : 0;
        return ok;
    case TN_TYPE_TIME:
        ok = tn_timeofday_parse(text, &timeofday);
        ret->as.i = ok ? timeofday.us : 0;
        return ok;
    default: return false;
    }
}

bool tn__value_parse(tn_type type, tn_type element, tn_str text, tn__arena *arena, tn_value *ret)
{
    tn_value value = {.type = (uint8_t)type};
    bool ok;

    switch (type) {
    case TN_TYPE_TEXT:
    case TN_TYPE_JSON:
    case TN_TYPE_OTHER: ok = place_text(text, arena, &value); break;
    case TN_TYPE_NUMERIC: ok = parse_numeric(text, arena, &value); break;
    case TN_TYPE_BYTES: ok = parse_bytes(text, arena, &value); break;
    case TN_TYPE_UUID: ok = parse_uuid(text, arena, &value); break;
    case TN_TYPE_INTERVAL: ok = parse_interval(text, arena, &value); break;
    case TN_TYPE_ARRAY: ok = tn__array_parse(element, text, arena, &value); break;
    default: ok = parse_scalar(type, text, &value); break;
    }
    if (ok)
        *ret = value;
    return ok;
}

/* ---- printing -------------------------------------------------------------------------------- */

static bool append_bytes(tn__buf *buf, const char *ptr, size_t len)
{
    static const char hex[] = "0123456789abcdef";
    char *room = tn__buf_reserve(buf, 2 + len * 2);

    if (!room)
        return false;
    *room++ = '\\';
    *room++ = 'x';
    for (size_t i = 0; i < len; i++) {
        *room++ = hex[(unsigned char)ptr[i] >> 4];
        *room++ = hex[(unsigned char)ptr[i] & 15];
    }
    tn__buf_commit(buf, 2 + len * 2);
    return true;
}

bool tn__value_format_short(const tn_value *value, char *room, size_t *ret_len)
{
    switch ((tn_type)value->type) {
    case TN_TYPE_BOOL: memcpy(room, value->as.i ? "t" : "f", 2); break;
    case TN_TYPE_INT16:
    case TN_TYPE_INT32:
    case TN_TYPE_INT64: *ret_len = tn__format_int64(value->as.i, room); return true;
    case TN_TYPE_FLOAT4: *ret_len = tn__format_float((float)value->as.f, room); return true;
    case TN_TYPE_FLOAT8: *ret_len = tn__format_double(value->as.f, room); return true;
    case TN_TYPE_UUID: tn_uuid_format(*value->as.uuid, room); break;
    case TN_TYPE_TIMESTAMPTZ: tn_time_format((tn_time){value->as.i}, room); break;
    case TN_TYPE_TIMESTAMP: tn_timestamp_format((tn_timestamp){value->as.i}, room); break;
    case TN_TYPE_DATE: tn_date_format((tn_date){(int32_t)value->as.i}, room); break;
    case TN_TYPE_TIME: tn_timeofday_format((tn_timeofday){value->as.i}, room); break;
    case TN_TYPE_INTERVAL: tn_interval_format(*value->as.interval, room); break;
    default: return false;
    }
    *ret_len = strlen(room);
    return true;
}

/* Written where it belongs. */
static bool append_short(tn__buf *buf, const tn_value *value)
{
    char *room = tn__buf_reserve(buf, TN_TIME_TEXT_SIZE);
    size_t len;

    if (!room)
        return false;
    room[0] = '\0';
    if (!tn__value_format_short(value, room, &len))
        return false;
    tn__buf_commit(buf, len);
    return true;
}

bool tn__value_append(tn__buf *buf, const tn_value *value)
{
    switch ((tn_type)value->type) {
    case TN_TYPE_NULL: return !buf->failed;
    case TN_TYPE_TEXT:
    case TN_TYPE_JSON:
    case TN_TYPE_NUMERIC:
    case TN_TYPE_OTHER: return tn__buf_append(buf, value->as.ptr, value->len);
    case TN_TYPE_BYTES: return append_bytes(buf, value->as.ptr, value->len);
    case TN_TYPE_ARRAY: return tn__array_append(buf, value->as.array);
    default: return append_short(buf, value);
    }
}

/* ---- copying --------------------------------------------------------------------------------- */

static bool copy_array(const tn_array *array, tn__arena *arena, tn_value *ret)
{
    tn_array *copy = tn__arena_array(arena, 1, sizeof(*copy));
    tn_value *items = tn__arena_array(arena, array->count, sizeof(*items));

    if (!copy || !items)
        return false;
    for (size_t i = 0; i < array->count; i++)
        if (array->items[i].type == TN_TYPE_ARRAY ||
            !tn__value_copy(&array->items[i], arena, &items[i]))
            return false;
    *copy = (tn_array){.items = items, .count = array->count, .element = array->element};
    ret->as.array = copy;
    return true;
}

bool tn__value_copy(const tn_value *value, tn__arena *arena, tn_value *ret)
{
    tn_value copy = *value;
    tn_interval *interval;
    tn_uuid *uuid;

    switch ((tn_type)value->type) {
    case TN_TYPE_TEXT:
    case TN_TYPE_JSON:
    case TN_TYPE_NUMERIC:
    case TN_TYPE_OTHER:
    case TN_TYPE_BYTES:
        copy.as.ptr = tn__arena_copy(arena, value->as.ptr, value->len);
        if (!copy.as.ptr)
            return false;
        break;
    case TN_TYPE_UUID:
        copy.as.uuid = uuid = tn__arena_alloc(arena, sizeof(*uuid));
        if (!uuid)
            return false;
        *uuid = *value->as.uuid;
        break;
    case TN_TYPE_INTERVAL:
        copy.as.interval = interval = tn__arena_alloc(arena, sizeof(*interval));
        if (!interval)
            return false;
        *interval = *value->as.interval;
        break;
    case TN_TYPE_ARRAY:
        if (!copy_array(value->as.array, arena, &copy))
            return false;
        break;
    default: break;
    }
    *ret = copy;
    return true;
}
