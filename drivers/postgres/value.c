/* SPDX-License-Identifier: MIT */
/*
 * One parameter in binary. A value whose C type does not say what the placeholder wants (a text for
 * a timestamp, an array of texts for an array of numbers) is left to its text form, which the
 * server reads itself.
 */
#include <string.h>

#include "postgres/array.h"
#include "postgres/types.h"

#define EPOCH_DAYS 10957
#define EPOCH_US   INT64_C(946684800000000)

static bool put_number(tn__buf *out, uint64_t value, size_t size)
{
    switch (size) {
    case 2: return pg_put16(out, (uint16_t)value);
    case 4: return pg_put32(out, (uint32_t)value);
    default: return pg_put64(out, value);
    }
}

static bool is_integer(const tn_value *value)
{
    return value->type == TN_TYPE_INT16 || value->type == TN_TYPE_INT32 ||
           value->type == TN_TYPE_INT64;
}

static pg_encoded put_integer(const tn_value *value, int64_t least, int64_t most, size_t size,
                              tn__buf *out)
{
    if (!is_integer(value))
        return PG_AS_TEXT;
    if (value->as.i < least || value->as.i > most)
        return PG_OUT_OF_RANGE;
    return put_number(out, (uint64_t)value->as.i, size) ? PG_ENCODED : PG_TOO_LONG;
}

static pg_encoded put_real(const tn_value *value, bool single, tn__buf *out)
{
    uint64_t bits = 0;
    uint32_t bits4;

    if (value->type != TN_TYPE_FLOAT4 && value->type != TN_TYPE_FLOAT8)
        return PG_AS_TEXT;
    if (single) {
        float number = (float)value->as.f;
        if (number - number != 0 && value->as.f - value->as.f == 0)
            return PG_OUT_OF_RANGE; /* finite, and no longer so as a float */
        memcpy(&bits4, &number, sizeof(bits4));
        bits = bits4;
    } else {
        memcpy(&bits, &value->as.f, sizeof(bits));
    }
    return put_number(out, bits, single ? 4 : 8) ? PG_ENCODED : PG_TOO_LONG;
}

static pg_encoded put_timestamp(const pg_type *type, const tn_value *value, tn__buf *out)
{
    int64_t us = value->as.i;

    if (value->type != type->type)
        return PG_AS_TEXT;
    if (us != TN_TIME_INFINITY && us != TN_TIME_NEGATIVE_INFINITY) {
        if (us <= INT64_MIN + EPOCH_US)
            return PG_OUT_OF_RANGE;
        us -= EPOCH_US;
    }
    return pg_put64(out, (uint64_t)us) ? PG_ENCODED : PG_TOO_LONG;
}

static pg_encoded put_date(const tn_value *value, tn__buf *out)
{
    int64_t days = value->as.i;

    if (value->type != TN_TYPE_DATE)
        return PG_AS_TEXT;
    if (days != TN_DATE_INFINITY && days != TN_DATE_NEGATIVE_INFINITY) {
        days -= EPOCH_DAYS;
        if (days <= INT32_MIN || days >= INT32_MAX)
            return PG_OUT_OF_RANGE;
    }
    return pg_put32(out, (uint32_t)(int32_t)days) ? PG_ENCODED : PG_TOO_LONG;
}

static pg_encoded put_interval(const tn_value *value, tn__buf *out)
{
    if (value->type != TN_TYPE_INTERVAL)
        return PG_AS_TEXT;
    pg_put64(out, (uint64_t)value->as.interval->us);
    pg_put32(out, (uint32_t)value->as.interval->days);
    return pg_put32(out, (uint32_t)value->as.interval->months) ? PG_ENCODED : PG_TOO_LONG;
}

static pg_encoded put_view(const tn_value *value, tn__buf *out)
{
    return tn__buf_append(out, value->as.ptr, value->len) ? PG_ENCODED : PG_TOO_LONG;
}

static bool is_text(const tn_value *value)
{
    return value->type == TN_TYPE_TEXT || value->type == TN_TYPE_OTHER ||
           value->type == TN_TYPE_JSON || value->type == TN_TYPE_NUMERIC;
}

static pg_encoded put_numeric(const tn_value *value, tn__buf *out)
{
    if (value->type != TN_TYPE_NUMERIC ||
        !pg_numeric_encode((tn_str){value->as.ptr, value->len}, out))
        return PG_AS_TEXT;
    return out->failed ? PG_TOO_LONG : PG_ENCODED;
}

pg_encoded pg_encode_binary(const pg_type *type, const tn_value *value, tn__buf *out)
{
    switch ((pg_wire)type->wire) {
    case PG_WIRE_TEXT: return is_text(value) ? put_view(value, out) : PG_AS_TEXT;
    case PG_WIRE_BYTES: return value->type == TN_TYPE_BYTES ? put_view(value, out) : PG_AS_TEXT;
    case PG_WIRE_BOOL:
        if (value->type != TN_TYPE_BOOL)
            return PG_AS_TEXT;
        return tn__buf_putc(out, value->as.i ? 1 : 0) ? PG_ENCODED : PG_TOO_LONG;
    case PG_WIRE_INT2: return put_integer(value, INT16_MIN, INT16_MAX, 2, out);
    case PG_WIRE_INT4: return put_integer(value, INT32_MIN, INT32_MAX, 4, out);
    case PG_WIRE_INT8: return put_integer(value, INT64_MIN, INT64_MAX, 8, out);
    case PG_WIRE_OID: return put_integer(value, 0, UINT32_MAX, 4, out);
    case PG_WIRE_FLOAT4: return put_real(value, true, out);
    case PG_WIRE_FLOAT8: return put_real(value, false, out);
    case PG_WIRE_NUMERIC: return put_numeric(value, out);
    case PG_WIRE_UUID:
        if (value->type != TN_TYPE_UUID)
            return PG_AS_TEXT;
        return tn__buf_append(out, value->as.uuid, 16) ? PG_ENCODED : PG_TOO_LONG;
    case PG_WIRE_TIMESTAMP: return put_timestamp(type, value, out);
    case PG_WIRE_DATE: return put_date(value, out);
    case PG_WIRE_TIME:
        if (value->type != TN_TYPE_TIME)
            return PG_AS_TEXT;
        return pg_put64(out, (uint64_t)value->as.i) ? PG_ENCODED : PG_TOO_LONG;
    case PG_WIRE_INTERVAL: return put_interval(value, out);
    case PG_WIRE_JSONB:
        if (value->type != TN_TYPE_JSON)
            return PG_AS_TEXT;
        return tn__buf_putc(out, 1) ? put_view(value, out) : PG_TOO_LONG;
    case PG_WIRE_ARRAY:
        if (value->type != TN_TYPE_ARRAY)
            return PG_AS_TEXT;
        return pg_array_encode(type, value->as.array, out);
    case PG_WIRE_CHAR:
    case PG_WIRE_UNKNOWN: break;
    }
    return PG_AS_TEXT;
}
