/* SPDX-License-Identifier: MIT */
/*
 * Conversions are those that both drivers can answer alike: whole numbers between their sizes and
 * out of numeric, text into the types that SQLite keeps as text (where an expression has lost its
 * type).
 */
#include "session/scan.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tenon/rows.h>

#include "base/cleanup.h"
#include "base/decimal.h"
#include "base/str.h"
#include "base/text.h"

struct scanner {
    const tn_value *value;
    const tn_target *target;
    tn__scan_place place;
    tn__arena *scratch;
    tn_error *err;
};

static const char *target_name(const tn_target *target)
{
    static const char *const names[] = {
        [TN_TYPE_BOOL] = "bool",
        [TN_TYPE_INT16] = "int16_t",
        [TN_TYPE_INT32] = "int32_t",
        [TN_TYPE_INT64] = "int64_t",
        [TN_TYPE_FLOAT4] = "float",
        [TN_TYPE_FLOAT8] = "double",
        [TN_TYPE_NUMERIC] = "tn_numeric",
        [TN_TYPE_TEXT] = "tn_str",
        [TN_TYPE_BYTES] = "tn_bytes",
        [TN_TYPE_UUID] = "tn_uuid",
        [TN_TYPE_TIMESTAMPTZ] = "tn_time",
        [TN_TYPE_TIMESTAMP] = "tn_timestamp",
        [TN_TYPE_DATE] = "tn_date",
        [TN_TYPE_TIME] = "tn_timeofday",
        [TN_TYPE_INTERVAL] = "tn_interval",
        [TN_TYPE_JSON] = "tn_json",
        [TN_TYPE_ARRAY] = "tn_array",
    };

    if (target->kind == TN_TARGET_CHARP)
        return "char *";
    if (target->kind == TN_TARGET_BUFFER)
        return "tn_textbuf";
    return target->kind < TN__COUNT_OF(names) && names[target->kind] ? names[target->kind] : "?";
}

static tn_status fail(const struct scanner *s, const char *sqlstate, const char *what)
{
    char where[128];

    if (s->place.name && s->place.name[0])
        snprintf(where, sizeof(where), "column \"%.80s\"", s->place.name);
    else
        snprintf(where, sizeof(where), "column %zu", s->place.index + 1);
    tn_status status = tn_error_set(s->err, TN_DATA, sqlstate, "%s: %s", where, what);
    if (s->err) {
        s->err->phase = TN_PHASE_SCAN;
        tn__copy_text(s->err->column, sizeof(s->err->column), tn_str_from(s->place.name));
    }
    return status;
}

static tn_status wrong_type(const struct scanner *s)
{
    char what[160];

    snprintf(what, sizeof(what), "a value of type %s does not go into %s",
             tn_type_name((tn_type)s->value->type), target_name(s->target));
    return fail(s, "42804", what);
}

static tn_status too_large(const struct scanner *s)
{
    char what[200], text[96];

    tn_value_format(s->value, text, sizeof(text));
    snprintf(what, sizeof(what), "value %s does not fit %s", text, target_name(s->target));
    return fail(s, "22003", what);
}

static tn_status not_readable(const struct scanner *s)
{
    char what[160];

    snprintf(what, sizeof(what), "the text is not of the form that %s wants",
             target_name(s->target));
    return fail(s, "22P02", what);
}

static tn_str text_of(const tn_value *value)
{
    return (tn_str){value->as.ptr, value->len};
}

static tn_status to_integer(const struct scanner *s, int64_t least, int64_t most, tn__scanned *ret)
{
    int64_t i;

    switch (s->value->type) {
    case TN_TYPE_INT16:
    case TN_TYPE_INT32:
    case TN_TYPE_INT64: i = s->value->as.i; break;
    case TN_TYPE_NUMERIC:
        if (!tn__decimal_to_int64(text_of(s->value), &i))
            return too_large(s);
        break;
    default: return wrong_type(s);
    }
    if (i < least || i > most)
        return too_large(s);
    ret->as.i = i;
    return TN_OK;
}

static tn_status to_bool(const struct scanner *s, tn__scanned *ret)
{
    const tn_value *value = s->value;

    if (value->type != TN_TYPE_BOOL && value->type != TN_TYPE_INT16 &&
        value->type != TN_TYPE_INT32 && value->type != TN_TYPE_INT64)
        return wrong_type(s);
    if (value->as.i != 0 && value->as.i != 1)
        return too_large(s);
    ret->as.b = value->as.i == 1;
    return TN_OK;
}

static tn_status to_double(const struct scanner *s, tn__scanned *ret)
{
    const tn_value *value = s->value;

    switch (value->type) {
    case TN_TYPE_FLOAT4:
    case TN_TYPE_FLOAT8: ret->as.f = value->as.f; return TN_OK;
    case TN_TYPE_INT16:
    case TN_TYPE_INT32:
    case TN_TYPE_INT64:
        if (value->as.i > (INT64_C(1) << 53) || value->as.i < -(INT64_C(1) << 53))
            return too_large(s);
        ret->as.f = (double)value->as.i;
        return TN_OK;
    case TN_TYPE_NUMERIC:
        return tn__decimal_to_double(text_of(value), &ret->as.f) ? TN_OK : too_large(s);
    default: return wrong_type(s);
    }
}

static tn_status to_float(const struct scanner *s, tn__scanned *ret)
{
    tn_status status = to_double(s, ret);

    if (status != TN_OK || s->value->type == TN_TYPE_FLOAT4)
        return status;
    if (s->value->type == TN_TYPE_NUMERIC) /* rounded, as to double, but within the range */
        return isfinite(ret->as.f) && !isfinite((float)ret->as.f) ? too_large(s) : TN_OK;
    if (!isnan(ret->as.f) && (double)(float)ret->as.f != ret->as.f)
        return too_large(s);
    return TN_OK;
}

static tn_status to_numeric(const struct scanner *s, tn__scanned *ret)
{
    const tn_value *value = s->value;
    char digits[32];

    switch (value->type) {
    case TN_TYPE_NUMERIC: break;
    case TN_TYPE_INT16:
    case TN_TYPE_INT32:
    case TN_TYPE_INT64: {
        size_t len = tn__format_int64(value->as.i, digits);
        const char *copy = s->scratch ? tn__arena_copy(s->scratch, digits, len) : NULL;
        if (!copy)
            return s->scratch ? tn_error_set(s->err, TN_NOMEM, NULL, "out of memory")
                              : wrong_type(s);
        ret->as.view.ptr = copy;
        ret->as.view.len = len;
        return TN_OK;
    }
    default: return wrong_type(s);
    }
    ret->as.view.ptr = value->as.ptr;
    ret->as.view.len = value->len;
    return TN_OK;
}

static bool is_text(const tn_value *value)
{
    return value->type == TN_TYPE_TEXT || value->type == TN_TYPE_OTHER ||
           value->type == TN_TYPE_JSON || value->type == TN_TYPE_NUMERIC;
}

static tn_status to_view(const struct scanner *s, bool fits, tn__scanned *ret)
{
    if (!fits)
        return wrong_type(s);
    ret->as.view.ptr = s->value->as.ptr;
    ret->as.view.len = s->value->len;
    return TN_OK;
}

static tn_status to_uuid(const struct scanner *s, tn__scanned *ret)
{
    if (s->value->type == TN_TYPE_UUID) {
        ret->as.uuid = *s->value->as.uuid;
        return TN_OK;
    }
    if (s->value->type != TN_TYPE_TEXT)
        return wrong_type(s);
    return tn_uuid_parse(text_of(s->value), &ret->as.uuid) ? TN_OK : not_readable(s);
}

/* timestamptz, timestamp, date, time of day: kept as an integer, or read from text. */
static tn_status to_moment(const struct scanner *s, tn__scanned *ret)
{
    tn_str text = text_of(s->value);
    tn_time time;
    tn_timestamp timestamp;
    tn_date date;
    tn_timeofday timeofday;
    bool good = false;

    if (s->value->type == s->target->kind) {
        ret->as.i = s->value->as.i;
        return TN_OK;
    }
    if (s->value->type != TN_TYPE_TEXT)
        return wrong_type(s);
    switch (s->target->kind) {
    case TN_TYPE_TIMESTAMPTZ:
        good = tn_time_parse(text, &time);
        ret->as.i = good ? time.us : 0;
        break;
    case TN_TYPE_TIMESTAMP:
        good = tn_timestamp_parse(text, &timestamp);
        ret->as.i = good ? timestamp.us : 0;
        break;
    case TN_TYPE_DATE:
        good = tn_date_parse(text, &date);
        ret->as.i = good ? date.days : 0;
        break;
    default:
        good = tn_timeofday_parse(text, &timeofday);
        ret->as.i = good ? timeofday.us : 0;
        break;
    }
    return good ? TN_OK : not_readable(s);
}

static tn_status to_interval(const struct scanner *s, tn__scanned *ret)
{
    if (s->value->type == TN_TYPE_INTERVAL) {
        ret->as.interval = *s->value->as.interval;
        return TN_OK;
    }
    if (s->value->type != TN_TYPE_TEXT)
        return wrong_type(s);
    return tn_interval_parse(text_of(s->value), &ret->as.interval) ? TN_OK : not_readable(s);
}

static tn_status to_heap(const struct scanner *s, tn__scanned *ret)
{
    if (!is_text(s->value))
        return wrong_type(s);
    if (memchr(s->value->as.ptr, '\0', s->value->len))
        return fail(s, "22021", "a text with a NUL byte does not go into char *");
    ret->as.text = malloc((size_t)s->value->len + 1);
    if (!ret->as.text)
        return tn_error_set(s->err, TN_NOMEM, NULL, "out of memory");
    memcpy(ret->as.text, s->value->as.ptr, s->value->len);
    ret->as.text[s->value->len] = '\0';
    return TN_OK;
}

static tn_status to_buffer(const struct scanner *s, tn__scanned *ret)
{
    char what[96];

    if (!is_text(s->value))
        return wrong_type(s);
    if (memchr(s->value->as.ptr, '\0', s->value->len))
        return fail(s, "22021", "a text with a NUL byte does not go into a C string");
    if (s->value->len < s->target->size)
        return to_view(s, true, ret);
    snprintf(what, sizeof(what), "a text of %u bytes does not fit a buffer of %zu",
             (unsigned)s->value->len, s->target->size);
    return fail(s, "22001", what);
}

static tn_status null_value(const struct scanner *s, tn__scanned *ret)
{
    char what[160];

    ret->null = true;
    if (s->target->has)
        return TN_OK;
    if (s->target->kind == TN_TARGET_CHARP) {
        ret->as.text = NULL;
        return TN_OK;
    }
    snprintf(what, sizeof(what), "NULL does not go into %s; use an optional (tn_opt_...)",
             target_name(s->target));
    return fail(s, "22002", what);
}

tn_status tn__scan_convert(const tn_value *value, const tn_target *target, tn__scan_place place,
                           tn__arena *scratch, tn__scanned *ret, tn_error *err)
{
    const struct scanner s = {
        .value = value, .target = target, .place = place, .scratch = scratch, .err = err};

    ret->null = false;
    if (target->kind == TN_TARGET_IGNORE)
        return TN_OK;
    if (value->type == TN_TYPE_NULL)
        return null_value(&s, ret);
    switch (target->kind) {
    case TN_TYPE_BOOL: return to_bool(&s, ret);
    case TN_TYPE_INT16: return to_integer(&s, INT16_MIN, INT16_MAX, ret);
    case TN_TYPE_INT32: return to_integer(&s, INT32_MIN, INT32_MAX, ret);
    case TN_TYPE_INT64: return to_integer(&s, INT64_MIN, INT64_MAX, ret);
    case TN_TYPE_FLOAT4: return to_float(&s, ret);
    case TN_TYPE_FLOAT8: return to_double(&s, ret);
    case TN_TYPE_NUMERIC: return to_numeric(&s, ret);
    case TN_TYPE_TEXT: return to_view(&s, is_text(value), ret);
    case TN_TYPE_BYTES: return to_view(&s, value->type == TN_TYPE_BYTES, ret);
    case TN_TYPE_JSON:
        return to_view(&s, value->type == TN_TYPE_JSON || value->type == TN_TYPE_TEXT, ret);
    case TN_TYPE_UUID: return to_uuid(&s, ret);
    case TN_TYPE_TIMESTAMPTZ:
    case TN_TYPE_TIMESTAMP:
    case TN_TYPE_DATE:
    case TN_TYPE_TIME: return to_moment(&s, ret);
    case TN_TYPE_INTERVAL: return to_interval(&s, ret);
    case TN_TYPE_ARRAY:
        if (value->type != TN_TYPE_ARRAY)
            return wrong_type(&s);
        ret->as.array = *value->as.array;
        return TN_OK;
    case TN_TARGET_CHARP: return to_heap(&s, ret);
    case TN_TARGET_BUFFER: return to_buffer(&s, ret);
    default: return wrong_type(&s);
    }
}

/* The three view types have one layout: a pointer and a length. */
static void store_view(const tn__scanned *scanned, const tn_target *target)
{
    *(tn_str *)target->value = (tn_str){scanned->as.view.ptr, scanned->as.view.len};
}
_Static_assert(sizeof(tn_str) == sizeof(tn_bytes) && sizeof(tn_str) == sizeof(tn_json) &&
                   sizeof(tn_str) == sizeof(tn_numeric) &&
                   offsetof(tn_str, len) == offsetof(tn_bytes, len),
               "views differ");

void tn__scan_store(const tn__scanned *scanned, const tn_target *target)
{
    if (target->has) {
        *target->has = !scanned->null;
        if (scanned->null)
            return;
    }
    switch (target->kind) {
    case TN_TYPE_BOOL: *(bool *)target->value = scanned->as.b; break;
    case TN_TYPE_INT16: *(int16_t *)target->value = (int16_t)scanned->as.i; break;
    case TN_TYPE_INT32: *(int32_t *)target->value = (int32_t)scanned->as.i; break;
    case TN_TYPE_INT64: memcpy(target->value, &scanned->as.i, sizeof(int64_t)); break;
    case TN_TYPE_FLOAT4: *(float *)target->value = (float)scanned->as.f; break;
    case TN_TYPE_FLOAT8: *(double *)target->value = scanned->as.f; break;
    case TN_TYPE_NUMERIC:
    case TN_TYPE_TEXT:
    case TN_TYPE_BYTES:
    case TN_TYPE_JSON: store_view(scanned, target); break;
    case TN_TYPE_UUID: *(tn_uuid *)target->value = scanned->as.uuid; break;
    case TN_TYPE_TIMESTAMPTZ: ((tn_time *)target->value)->us = scanned->as.i; break;
    case TN_TYPE_TIMESTAMP: ((tn_timestamp *)target->value)->us = scanned->as.i; break;
    case TN_TYPE_DATE: ((tn_date *)target->value)->days = (int32_t)scanned->as.i; break;
    case TN_TYPE_TIME: ((tn_timeofday *)target->value)->us = scanned->as.i; break;
    case TN_TYPE_INTERVAL: *(tn_interval *)target->value = scanned->as.interval; break;
    case TN_TYPE_ARRAY: *(tn_array *)target->value = scanned->as.array; break;
    case TN_TARGET_CHARP: *(char **)target->value = scanned->as.text; break;
    case TN_TARGET_BUFFER:
        memcpy(target->value, scanned->as.view.ptr, scanned->as.view.len);
        ((char *)target->value)[scanned->as.view.len] = '\0';
        break;
    default: break;
    }
}

void tn__scan_discard(tn__scanned *scanned, const tn_target *target)
{
    if (target->kind == TN_TARGET_CHARP && !scanned->null)
        free(scanned->as.text);
}

tn_status tn_value_read(const tn_value *value, const tn_target *target, tn_error *err)
{
    tn__scanned scanned;

    if (!value || !target)
        return tn_error_set(err, TN_MISUSE, NULL, "tn_value_read: no value or no target");
    tn_status status = tn__scan_convert(value, target, (tn__scan_place){0}, NULL, &scanned, err);
    if (status == TN_OK)
        tn__scan_store(&scanned, target);
    return status;
}
