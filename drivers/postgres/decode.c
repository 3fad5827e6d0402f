/* SPDX-License-Identifier: MIT */
/*
 * One value of an answer. Every length is checked here: libpq hands over whatever the server sent.
 */
#include <string.h>

#include "base/str.h"
#include "base/text.h"
#include "postgres/array.h"
#include "postgres/types.h"

/* PostgreSQL counts from 2000-01-01. */
#define EPOCH_DAYS 10957
#define EPOCH_US   INT64_C(946684800000000)

static pg_decoded integer(tn_type type, int64_t i, tn_value *ret)
{
    *ret = (tn_value){.type = (uint8_t)type, .as.i = i};
    return PG_DECODED;
}

static pg_decoded view(tn_type type, const char *ptr, size_t len, tn_value *ret)
{
    if (len > UINT32_MAX)
        return PG_RANGE;
    *ret = (tn_value){.type = (uint8_t)type, .as.ptr = ptr, .len = (uint32_t)len};
    return PG_DECODED;
}

static pg_decoded real(tn_type type, const unsigned char *p, tn_value *ret)
{
    uint32_t bits4 = pg_get32(p);
    float single;
    double number;

    if (type == TN_TYPE_FLOAT4) {
        memcpy(&single, &bits4, sizeof(single));
        number = (double)single;
    } else {
        uint64_t bits8 = pg_get64(p);
        memcpy(&number, &bits8, sizeof(number));
    }
    *ret = (tn_value){.type = (uint8_t)type, .as.f = number};
    return PG_DECODED;
}

static pg_decoded timestamp(tn_type type, const unsigned char *p, tn_value *ret)
{
    int64_t us = (int64_t)pg_get64(p);

    if (us != TN_TIME_INFINITY && us != TN_TIME_NEGATIVE_INFINITY) {
        if (us >= INT64_MAX - EPOCH_US)
            return PG_RANGE;
        us += EPOCH_US;
    }
    return integer(type, us, ret);
}

static pg_decoded date(const unsigned char *p, tn_value *ret)
{
    int32_t days = (int32_t)pg_get32(p);

    if (days != TN_DATE_INFINITY && days != TN_DATE_NEGATIVE_INFINITY) {
        if (days >= INT32_MAX - EPOCH_DAYS)
            return PG_RANGE;
        days += EPOCH_DAYS;
    }
    return integer(TN_TYPE_DATE, days, ret);
}

static pg_decoded time_of_day(const unsigned char *p, tn_value *ret)
{
    int64_t us = (int64_t)pg_get64(p);

    if (us < 0 || us > INT64_C(86400000000))
        return PG_MALFORMED;
    return integer(TN_TYPE_TIME, us, ret);
}

static pg_decoded interval(const unsigned char *p, tn__arena *arena, tn_value *ret)
{
    tn_interval *value = tn__arena_alloc(arena, sizeof(*value));

    if (!value)
        return PG_NO_MEMORY;
    *value = (tn_interval){.us = (int64_t)pg_get64(p),
                           .days = (int32_t)pg_get32(p + 8),
                           .months = (int32_t)pg_get32(p + 12)};
    *ret = (tn_value){.type = TN_TYPE_INTERVAL, .as.interval = value};
    return PG_DECODED;
}

/* One byte, which the text form shows as nothing (0), itself, or \ooo. */
static pg_decoded single_char(const char *bytes, tn__arena *arena, tn_value *ret)
{
    unsigned char c = (unsigned char)bytes[0];

    if (c == 0)
        return view(TN_TYPE_TEXT, "", 0, ret);
    if (c < 0x80)
        return view(TN_TYPE_TEXT, bytes, 1, ret);
    char octal[4] = {'\\', (char)('0' + (c >> 6)), (char)('0' + (c >> 3 & 7)),
                     (char)('0' + (c & 7))};
    char *copy = tn__arena_copy(arena, octal, sizeof(octal));
    return copy ? view(TN_TYPE_TEXT, copy, sizeof(octal), ret) : PG_NO_MEMORY;
}

/* The length a type's values always have, 0 where it varies. */
static const uint8_t fixed_length[] = {
    [PG_WIRE_BOOL] = 1,      [PG_WIRE_CHAR] = 1,   [PG_WIRE_INT2] = 2,      [PG_WIRE_INT4] = 4,
    [PG_WIRE_OID] = 4,       [PG_WIRE_FLOAT4] = 4, [PG_WIRE_DATE] = 4,      [PG_WIRE_INT8] = 8,
    [PG_WIRE_FLOAT8] = 8,    [PG_WIRE_TIME] = 8,   [PG_WIRE_TIMESTAMP] = 8, [PG_WIRE_UUID] = 16,
    [PG_WIRE_INTERVAL] = 16, [PG_WIRE_ARRAY] = 0,
};

pg_decoded pg_decode_binary(const pg_type *type, const char *bytes, size_t len, tn__arena *arena,
                            tn_value *ret)
{
    const unsigned char *p = (const unsigned char *)bytes;
    size_t fixed = fixed_length[type->wire];

    if (fixed && len != fixed)
        return PG_MALFORMED;
    switch ((pg_wire)type->wire) {
    case PG_WIRE_TEXT: return view((tn_type)type->type, bytes, len, ret);
    case PG_WIRE_BYTES: return view(TN_TYPE_BYTES, bytes, len, ret);
    case PG_WIRE_BOOL: return p[0] > 1 ? PG_MALFORMED : integer(TN_TYPE_BOOL, p[0], ret);
    case PG_WIRE_INT2: return integer(TN_TYPE_INT16, (int16_t)pg_get16(p), ret);
    case PG_WIRE_INT4: return integer(TN_TYPE_INT32, (int32_t)pg_get32(p), ret);
    case PG_WIRE_INT8: return integer(TN_TYPE_INT64, (int64_t)pg_get64(p), ret);
    case PG_WIRE_OID: return integer(TN_TYPE_INT64, pg_get32(p), ret);
    case PG_WIRE_FLOAT4: return real(TN_TYPE_FLOAT4, p, ret);
    case PG_WIRE_FLOAT8: return real(TN_TYPE_FLOAT8, p, ret);
    case PG_WIRE_NUMERIC: return pg_numeric_decode(p, len, arena, ret);
    case PG_WIRE_CHAR: return single_char(bytes, arena, ret);
    case PG_WIRE_UUID:
        *ret = (tn_value){.type = TN_TYPE_UUID, .as.uuid = (const tn_uuid *)(const void *)bytes};
        return PG_DECODED;
    case PG_WIRE_TIMESTAMP: return timestamp((tn_type)type->type, p, ret);
    case PG_WIRE_DATE: return date(p, ret);
    case PG_WIRE_TIME: return time_of_day(p, ret);
    case PG_WIRE_INTERVAL: return interval(p, arena, ret);
    case PG_WIRE_JSONB:
        return len < 1 || p[0] != 1 ? PG_MALFORMED : view(TN_TYPE_JSON, bytes + 1, len - 1, ret);
    case PG_WIRE_ARRAY: return pg_array_decode(type, p, len, arena, ret);
    case PG_WIRE_UNKNOWN: break;
    }
    return PG_MALFORMED;
}

/* ---- text ------------------------------------------------------------------------------------ */

/* bytea_output = escape: \\ and \ooo, everything else is itself. */
static pg_decoded bytes_escaped(const char *text, size_t len, tn__arena *arena, tn_value *ret)
{
    unsigned char *out = tn__arena_alloc(arena, len + 1);
    size_t n = 0;

    if (!out)
        return PG_NO_MEMORY;
    for (size_t i = 0; i < len; i++) {
        unsigned value = (unsigned char)text[i];
        if (value == '\\' && i + 1 < len && text[i + 1] == '\\') {
            i++;
        } else if (value == '\\') {
            if (len - i < 4)
                return PG_MALFORMED;
            value = 0;
            for (int k = 1; k <= 3; k++) {
                unsigned digit = (unsigned)(text[i + (size_t)k] - '0');
                if (digit > 7)
                    return PG_MALFORMED;
                value = value * 8 + digit;
            }
            if (value > 255)
                return PG_MALFORMED;
            i += 3;
        }
        out[n++] = (unsigned char)value;
    }
    out[n] = '\0';
    return view(TN_TYPE_BYTES, (const char *)out, n, ret);
}

/* A single dimension's bounds, which the binary form drops too. */
static tn_str without_bounds(tn_str text)
{
    const char *equals;

    if (!text.len || text.ptr[0] != '[')
        return text;
    equals = memchr(text.ptr, '=', text.len);
    if (!equals)
        return text;
    return tn__str(equals + 1, text.len - (size_t)(equals + 1 - text.ptr));
}

pg_decoded pg_decode_text(const pg_type *type, const char *text, size_t len, tn__arena *arena,
                          tn_value *ret)
{
    tn_str view_of = tn__str(text, len);

    switch ((tn_type)type->type) {
    case TN_TYPE_TEXT:
    case TN_TYPE_JSON:
    case TN_TYPE_OTHER: return view((tn_type)type->type, text, len, ret);
    case TN_TYPE_BYTES:
        if (len < 2 || text[0] != '\\' || text[1] != 'x')
            return bytes_escaped(text, len, arena, ret);
        break;
    case TN_TYPE_ARRAY:
        view_of = without_bounds(view_of);
        if (view_of.len > 1 && view_of.ptr[1] == '{')
            return PG_DIMENSIONS;
        break;
    default: break;
    }
    if (type->wire == PG_WIRE_OID) {
        int64_t number;
        return tn__parse_int64(view_of, &number) ? integer(TN_TYPE_INT64, number, ret)
                                                 : PG_MALFORMED;
    }
    bool parsed = tn__value_parse((tn_type)type->type, (tn_type)type->element, view_of, arena, ret);
    return parsed ? PG_DECODED : PG_MALFORMED;
}
