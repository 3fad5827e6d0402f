/* SPDX-License-Identifier: MIT */
/*
 * From SQLite's storage classes to values. A column's declared type decides; a stored value that
 * does not fit it is an error, never another value. Without a declared type the storage class
 * decides.
 */
#include "sqlite/lite.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/decimal.h"
#include "base/str.h"
#include "base/text.h"

#define NO_MEMORY "53200"
#define BAD_TEXT  "22P02"
#define BAD_RANGE "22003"
#define BAD_TIME  "22007"

/* Texts of values have 32-bit lengths; SQLite's own limit is 10^9. */
static const char *give_copy(const void *ptr, int bytes, tn_type type, tn__arena *arena,
                             tn_value *ret)
{
    char *copy = tn__arena_copy(arena, ptr ? ptr : "", (size_t)bytes);

    if (!copy)
        return NO_MEMORY;
    ret->type = (uint8_t)type;
    ret->len = (uint32_t)bytes;
    ret->as.ptr = copy;
    return NULL;
}

static const char *read_untyped(sqlite3_value *stored, tn__arena *arena, tn_value *ret)
{
    const void *ptr;

    switch (sqlite3_value_type(stored)) {
    case SQLITE_INTEGER:
        ret->type = TN_TYPE_INT64;
        ret->as.i = sqlite3_value_int64(stored);
        return NULL;
    case SQLITE_FLOAT:
        ret->type = TN_TYPE_FLOAT8;
        ret->as.f = sqlite3_value_double(stored);
        return NULL;
    case SQLITE_TEXT:
        ptr = sqlite3_value_text(stored);
        if (!ptr)
            return NO_MEMORY;
        return give_copy(ptr, sqlite3_value_bytes(stored), TN_TYPE_TEXT, arena, ret);
    default:
        ptr = sqlite3_value_blob(stored);
        return give_copy(ptr, sqlite3_value_bytes(stored), TN_TYPE_BYTES, arena, ret);
    }
}

static const char *read_integer(const lite_type *type, int64_t number, tn_value *ret)
{
    if (type->type == TN_TYPE_BOOL) {
        if (number != 0 && number != 1)
            return BAD_TEXT;
    } else if (type->type == TN_TYPE_INT32) {
        if (number < INT32_MIN || number > INT32_MAX)
            return BAD_RANGE;
    } else if (type->type == TN_TYPE_INT16) {
        if (number < INT16_MIN || number > INT16_MAX)
            return BAD_RANGE;
    }
    ret->type = (uint8_t)type->type;
    ret->as.i = number;
    return NULL;
}

static const char *read_float(const lite_type *type, double number, tn_value *ret)
{
    if (type->type == TN_TYPE_FLOAT4) {
        if (isfinite(number) && fabs(number) > FLT_MAX && isinf((float)number))
            return BAD_RANGE;
        number = (double)(float)number;
    }
    ret->type = (uint8_t)type->type;
    ret->as.f = number;
    return NULL;
}

static const char *scale_numeric(tn_driver_conn *conn, const lite_type *type, tn_str normal,
                                 tn__arena *arena, tn_value *ret)
{
    tn__buf *scaled = &conn->scratch;

    tn__buf_reset(scaled);
    const char *wrong = type->scale >= 0 ? lite_numeric_scale(type, normal, scaled) : NULL;
    if (wrong)
        return wrong;
    if (scaled->len)
        normal = tn__str(scaled->ptr, scaled->len);
    return give_copy(normal.ptr, (int)normal.len, TN_TYPE_NUMERIC, arena, ret);
}

/* A number's text, whichever way it is stored, as numeric(p,s) prints it. */
static const char *read_numeric(tn_driver_conn *conn, const lite_type *type, tn_str text,
                                tn__arena *arena, tn_value *ret)
{
    const char *wrong = BAD_TEXT;
    tn__buf normal;

    tn__buf_init(&normal, TN__BUF_MAX);
    if (tn__decimal_normal(text, &normal))
        wrong = scale_numeric(conn, type, tn__str(normal.ptr, normal.len), arena, ret);
    else if (normal.failed)
        wrong = NO_MEMORY;
    tn__buf_free(&normal);
    return wrong;
}

/* What was stored as a number has its normal form already, unless it has an exponent. */
static const char *read_stored_numeric(tn_driver_conn *conn, const lite_type *type, tn_str text,
                                       tn__arena *arena, tn_value *ret)
{
    return memchr(text.ptr, 'e', text.len) || memchr(text.ptr, 'I', text.len)
               ? read_numeric(conn, type, text, arena, ret)
               : scale_numeric(conn, type, text, arena, ret);
}

static const char *read_number(tn_driver_conn *conn, sqlite3_value *stored, const lite_type *type,
                               tn__arena *arena, tn_value *ret)
{
    bool whole = sqlite3_value_type(stored) == SQLITE_INTEGER;
    char text[32];
    size_t len;

    switch (type->type) {
    case TN_TYPE_BOOL:
    case TN_TYPE_INT16:
    case TN_TYPE_INT32:
    case TN_TYPE_INT64:
        return whole ? read_integer(type, sqlite3_value_int64(stored), ret) : BAD_TEXT;
    case TN_TYPE_FLOAT4:
    case TN_TYPE_FLOAT8: return read_float(type, sqlite3_value_double(stored), ret);
    case TN_TYPE_NUMERIC:
    case TN_TYPE_JSON: /* NUMERIC affinity made a number of a document that is only a number */
        len = whole ? tn__format_int64(sqlite3_value_int64(stored), text)
                    : tn__format_double(sqlite3_value_double(stored), text);
        return type->type == TN_TYPE_NUMERIC
                   ? read_stored_numeric(conn, type, tn__str(text, len), arena, ret)
                   : give_copy(text, (int)len, TN_TYPE_JSON, arena, ret);
    default: return BAD_TEXT;
    }
}

/* SQLite's CURRENT_TIMESTAMP has no zone and is UTC, and so is PostgreSQL's session here. */
static bool read_local_time(tn_str text, tn_value *ret)
{
    tn_timestamp timestamp;

    if (!tn_timestamp_parse(text, &timestamp))
        return false;
    ret->type = TN_TYPE_TIMESTAMPTZ;
    ret->as.i = timestamp.us;
    return true;
}

static const char *read_text(tn_driver_conn *conn, sqlite3_value *stored, const lite_type *type,
                             tn__arena *arena, tn_value *ret)
{
    const char *ptr = (const char *)sqlite3_value_text(stored);
    tn_str text = {ptr, ptr ? (size_t)sqlite3_value_bytes(stored) : 0};

    if (!ptr)
        return NO_MEMORY;
    if (lite_canonical_read(type->type, text, arena, ret))
        return NULL;
    switch (type->type) {
    case TN_TYPE_TEXT:
    case TN_TYPE_JSON: return give_copy(ptr, (int)text.len, type->type, arena, ret);
    case TN_TYPE_NUMERIC: return read_numeric(conn, type, text, arena, ret);
    case TN_TYPE_TIMESTAMPTZ:
        if (tn__value_parse(type->type, type->element, text, arena, ret) ||
            read_local_time(text, ret))
            return NULL;
        return BAD_TIME;
    case TN_TYPE_TIMESTAMP:
    case TN_TYPE_DATE:
    case TN_TYPE_TIME:
    case TN_TYPE_INTERVAL:
        return tn__value_parse(type->type, type->element, text, arena, ret) ? NULL : BAD_TIME;
    default: return tn__value_parse(type->type, type->element, text, arena, ret) ? NULL : BAD_TEXT;
    }
}

const char *lite_value_read(tn_driver_conn *conn, sqlite3_value *stored, const lite_type *type,
                            tn__arena *arena, tn_value *ret)
{
    int storage = sqlite3_value_type(stored);
    tn_value value = {.type = TN_TYPE_NULL};
    const char *wrong = NULL;

    if (storage == SQLITE_NULL)
        ;
    else if (type->type == TN_TYPE_NULL)
        wrong = read_untyped(stored, arena, &value);
    else if (storage == SQLITE_TEXT)
        wrong = read_text(conn, stored, type, arena, &value);
    else if (storage != SQLITE_BLOB)
        wrong = read_number(conn, stored, type, arena, &value);
    else if (type->type == TN_TYPE_BYTES)
        wrong = read_untyped(stored, arena, &value);
    else
        wrong = BAD_TEXT;
    if (!wrong)
        *ret = value;
    return wrong;
}

bool lite_value_text(const tn_value *value, tn__buf *out)
{
    return tn__value_append(out, value);
}
