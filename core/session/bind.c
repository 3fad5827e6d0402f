/* SPDX-License-Identifier: MIT */
/*
 * The placeholder's type is the server's word, the argument's type is the program's. What converts
 * without loss is converted; everything else is refused here, with the placeholder's number, so
 * that both drivers refuse the same.
 */
#include "session/bind.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/decimal.h"
#include "base/str.h"

struct binder {
    tn__arena *arena;
    tn_error *err;
    size_t number; /* of the placeholder, 1-based */
};

static tn_status out_of_memory(struct binder *b)
{
    return tn_error_set(b->err, TN_NOMEM, NULL, "parameter $%zu: out of memory", b->number);
}

static tn_status mismatch(struct binder *b, tn_type given, const tn_param *param)
{
    const char *want = param->type_name && param->type_name[0] ? param->type_name
                                                               : tn_type_name(param->type);
    tn_status status = tn_error_set(b->err, TN_DATA, "42804",
                                    "parameter $%zu is of type %s, the argument is of type %s",
                                    b->number, want, tn_type_name(given));
    tn_error_set_hint(b->err,
                      "pass a value of that type, or cast in the statement: cast($%zu as %s)",
                      b->number, tn_type_name(given));
    return status;
}

static tn_status out_of_range(struct binder *b, const char *value, const char *type)
{
    return tn_error_set(b->err, TN_DATA, "22003", "parameter $%zu: value %s is out of range for %s",
                        b->number, value, type);
}

/* ---- the argument as a value of its own type ------------------------------------------------- */

static tn_status text_value(struct binder *b, tn_type type, const char *ptr, size_t len,
                            tn_value *ret)
{
    if (len > INT32_MAX)
        return tn_error_set(b->err, TN_LIMIT, "54000", "parameter $%zu: longer than 2 GiB",
                            b->number);
    if (type != TN_TYPE_BYTES && len && (memchr(ptr, '\0', len) || !tn__utf8_valid(ptr, len)))
        return tn_error_set(b->err, TN_DATA, "22021",
                            "parameter $%zu: text with a NUL byte or invalid UTF-8", b->number);
    *ret = (tn_value){.type = (uint8_t)type, .len = (uint32_t)len, .as.ptr = len ? ptr : ""};
    return TN_OK;
}

static tn_status numeric_value(struct binder *b, const char *ptr, size_t len, tn_value *ret)
{
    tn__buf text;

    tn__buf_init(&text, 1 << 20);
    if (!tn__decimal_normal((tn_str){ptr, len}, &text)) {
        tn__buf_free(&text);
        return tn_error_set(b->err, TN_DATA, "22P02", "parameter $%zu: \"%.*s\" is not a number",
                            b->number, len > 64 ? 64 : (int)len, ptr ? ptr : "");
    }
    char *copy = tn__arena_copy(b->arena, text.ptr, text.len);
    *ret = (tn_value){.type = TN_TYPE_NUMERIC, .len = (uint32_t)text.len, .as.ptr = copy};
    tn__buf_free(&text);
    return copy ? TN_OK : out_of_memory(b);
}

/* One item of a plain C array. */
static tn_status carray_item(struct binder *b, const tn_arg *arg, size_t i, tn_value *ret)
{
    const void *p = arg->as.view.ptr;
    const char *text;

    *ret = (tn_value){.type = arg->element};
    switch (arg->element) {
    case TN_TYPE_BOOL: ret->as.i = ((const bool *)p)[i]; break;
    case TN_TYPE_INT16: ret->as.i = ((const int16_t *)p)[i]; break;
    case TN_TYPE_INT32: ret->as.i = ((const int32_t *)p)[i]; break;
    case TN_TYPE_INT64: ret->as.i = ((const int64_t *)p)[i]; break;
    case TN_TYPE_FLOAT4: ret->as.f = (double)((const float *)p)[i]; break;
    case TN_TYPE_FLOAT8: ret->as.f = ((const double *)p)[i]; break;
    case TN_TYPE_UUID: ret->as.uuid = &((const tn_uuid *)p)[i]; break;
    case TN_TYPE_TIMESTAMPTZ: ret->as.i = ((const tn_time *)p)[i].us; break;
    case TN_TYPE_TIMESTAMP: ret->as.i = ((const tn_timestamp *)p)[i].us; break;
    case TN_TYPE_DATE: ret->as.i = ((const tn_date *)p)[i].days; break;
    case TN_TYPE_TEXT:
        text = ((const char *const *)p)[i];
        if (text)
            return text_value(b, TN_TYPE_TEXT, text, strlen(text), ret);
        ret->type = TN_TYPE_NULL;
        break;
    default:
        return tn_error_set(b->err, TN_MISUSE, NULL, "parameter $%zu: not an array element type",
                            b->number);
    }
    return TN_OK;
}

static tn_status carray_value(struct binder *b, const tn_arg *arg, tn_value *ret)
{
    size_t count = arg->as.view.len;

    tn_array *array = tn__arena_alloc(b->arena, sizeof(*array));
    tn_value *items = tn__arena_array(b->arena, count ? count : 1, sizeof(*items));
    if (!array || !items)
        return out_of_memory(b);
    for (size_t i = 0; i < count; i++) {
        tn_status status = carray_item(b, arg, i, &items[i]);
        if (status != TN_OK)
            return status;
    }
    *array = (tn_array){.items = items, .count = count, .element = arg->element};
    *ret = (tn_value){.type = TN_TYPE_ARRAY, .as.array = array};
    return TN_OK;
}

/* A value from elsewhere (a row, an array): texts are checked again, the rest is taken as it is. */
static tn_status checked_value(struct binder *b, const tn_value *value, tn_value *ret)
{
    switch (value->type) {
    case TN_TYPE_TEXT:
    case TN_TYPE_OTHER: return text_value(b, TN_TYPE_TEXT, value->as.ptr, value->len, ret);
    case TN_TYPE_JSON: return text_value(b, TN_TYPE_JSON, value->as.ptr, value->len, ret);
    case TN_TYPE_BYTES: return text_value(b, TN_TYPE_BYTES, value->as.ptr, value->len, ret);
    case TN_TYPE_NUMERIC: return numeric_value(b, value->as.ptr, value->len, ret);
    default: *ret = *value; return TN_OK;
    }
}

static tn_status natural_value(struct binder *b, const tn_arg *arg, tn_value *ret)
{
    char digits[32];

    switch (arg->kind) {
    case TN_ARG_UINT64:
        if (arg->as.u > INT64_MAX) {
            snprintf(digits, sizeof(digits), "%llu", (unsigned long long)arg->as.u);
            return out_of_range(b, digits, "bigint");
        }
        *ret = (tn_value){.type = TN_TYPE_INT64, .as.i = (int64_t)arg->as.u};
        return TN_OK;
    case TN_ARG_VALUE:
        if (!arg->as.value)
            *ret = (tn_value){.type = TN_TYPE_NULL};
        else
            return checked_value(b, arg->as.value, ret);
        return TN_OK;
    case TN_ARG_CARRAY: return carray_value(b, arg, ret);
    case TN_TYPE_TEXT:
    case TN_TYPE_JSON:
    case TN_TYPE_BYTES: return text_value(b, arg->kind, arg->as.view.ptr, arg->as.view.len, ret);
    case TN_TYPE_NUMERIC: return numeric_value(b, arg->as.view.ptr, arg->as.view.len, ret);
    case TN_TYPE_FLOAT4:
    case TN_TYPE_FLOAT8: *ret = (tn_value){.type = arg->kind, .as.f = arg->as.f}; return TN_OK;
    case TN_TYPE_UUID:
        *ret = (tn_value){.type = TN_TYPE_UUID, .as.uuid = &arg->as.uuid};
        return TN_OK;
    case TN_TYPE_INTERVAL:
        *ret = (tn_value){.type = TN_TYPE_INTERVAL, .as.interval = &arg->as.interval};
        return TN_OK;
    case TN_TYPE_ARRAY:
        *ret = (tn_value){.type = TN_TYPE_ARRAY, .as.array = arg->as.array};
        return TN_OK;
    default: *ret = (tn_value){.type = arg->kind, .as.i = arg->as.i}; return TN_OK;
    }
}

/* ---- the value as the placeholder wants it --------------------------------------------------- */

static tn_status text_of(struct binder *b, tn_type type, const tn_value *value, tn_value *ret)
{
    char text[64];
    size_t len = tn_value_format(value, text, sizeof(text));
    char *copy = tn__arena_copy(b->arena, text, len);

    *ret = (tn_value){.type = (uint8_t)type, .len = (uint32_t)len, .as.ptr = copy};
    return copy ? TN_OK : out_of_memory(b);
}

static tn_status integer_to(struct binder *b, const tn_value *value, const tn_param *param,
                            tn_value *ret)
{
    int64_t i = value->as.i;
    bool fits = true;
    char digits[32];

    *ret = (tn_value){.type = (uint8_t)param->type, .as.i = i};
    switch (param->type) {
    case TN_TYPE_INT16: fits = i >= INT16_MIN && i <= INT16_MAX; break;
    case TN_TYPE_INT32: fits = i >= INT32_MIN && i <= INT32_MAX; break;
    case TN_TYPE_INT64: break;
    case TN_TYPE_BOOL: fits = i == 0 || i == 1; break; /* true is an int in C17 */
    case TN_TYPE_FLOAT4:
        fits = i >= -(INT64_C(1) << 24) && i <= (INT64_C(1) << 24);
        ret->as.f = (double)i;
        break;
    case TN_TYPE_FLOAT8:
        fits = i >= -(INT64_C(1) << 53) && i <= (INT64_C(1) << 53);
        ret->as.f = (double)i;
        break;
    case TN_TYPE_NUMERIC: return text_of(b, TN_TYPE_NUMERIC, value, ret);
    default: return mismatch(b, value->type, param);
    }
    if (fits)
        return TN_OK;
    snprintf(digits, sizeof(digits), "%lld", (long long)i);
    return out_of_range(b, digits, tn_type_name(param->type));
}

static tn_status float_to(struct binder *b, const tn_value *value, const tn_param *param,
                          tn_value *ret)
{
    char digits[32];

    *ret = (tn_value){.type = (uint8_t)param->type, .as.f = value->as.f};
    switch (param->type) {
    case TN_TYPE_FLOAT8: return TN_OK;
    case TN_TYPE_FLOAT4:
        if (isfinite(value->as.f) && !isfinite((float)value->as.f)) {
            tn__format_double(value->as.f, digits);
            return out_of_range(b, digits, "real");
        }
        ret->as.f = (double)(float)value->as.f;
        return TN_OK;
    case TN_TYPE_NUMERIC: {
        tn_value text;
        tn_status status = text_of(b, TN_TYPE_NUMERIC, value, &text);
        return status == TN_OK ? numeric_value(b, text.as.ptr, text.len, ret) : status;
    }
    default: return mismatch(b, value->type, param);
    }
}

static tn_status coerce(struct binder *b, const tn_value *value, const tn_param *param,
                        tn_value *ret);

static tn_status array_to(struct binder *b, const tn_array *from, const tn_param *param,
                          tn_value *ret)
{
    tn_param item = {.type = param->element, .type_name = ""};

    tn_array *array = tn__arena_alloc(b->arena, sizeof(*array));
    tn_value *items = tn__arena_array(b->arena, from->count ? from->count : 1, sizeof(*items));
    if (!array || !items)
        return out_of_memory(b);
    for (size_t i = 0; i < from->count; i++) {
        tn_value checked;
        tn_status status = checked_value(b, &from->items[i], &checked);
        if (status == TN_OK)
            status = coerce(b, &checked, &item, &items[i]);
        if (status == TN_OK && items[i].type == TN_TYPE_TEXT && item.type != TN_TYPE_TEXT &&
            item.type != TN_TYPE_NULL)
            status = mismatch(b, TN_TYPE_TEXT, &item); /* items have no text form of their own */
        if (status != TN_OK)
            return status;
    }
    *array = (tn_array){.items = items,
                        .count = from->count,
                        .element = param->element ? param->element : from->element};
    *ret = (tn_value){.type = TN_TYPE_ARRAY, .as.array = array};
    return TN_OK;
}

static tn_status coerce(struct binder *b, const tn_value *value, const tn_param *param,
                        tn_value *ret)
{
    if (value->type == TN_TYPE_NULL || value->type == TN_TYPE_TEXT ||
        (value->type == param->type && value->type != TN_TYPE_ARRAY)) {
        *ret = *value;
        return TN_OK;
    }
    if (param->type == TN_TYPE_NULL && value->type != TN_TYPE_ARRAY) {
        *ret = *value;
        return TN_OK;
    }
    switch (value->type) {
    case TN_TYPE_INT16:
    case TN_TYPE_INT32:
    case TN_TYPE_INT64: return integer_to(b, value, param, ret);
    case TN_TYPE_FLOAT4:
    case TN_TYPE_FLOAT8: return float_to(b, value, param, ret);
    case TN_TYPE_NUMERIC: /* the server reads its text form: '1.5' into float8, '7' into integer */
        if (param->type < TN_TYPE_INT16 || param->type > TN_TYPE_FLOAT8)
            return mismatch(b, value->type, param);
        *ret = *value;
        ret->type = TN_TYPE_TEXT;
        return TN_OK;
    case TN_TYPE_JSON:
        if (param->type != TN_TYPE_TEXT)
            return mismatch(b, value->type, param);
        *ret = *value;
        ret->type = TN_TYPE_TEXT;
        return TN_OK;
    case TN_TYPE_UUID:
        if (param->type == TN_TYPE_TEXT)
            return text_of(b, TN_TYPE_TEXT, value, ret);
        return mismatch(b, value->type, param);
    case TN_TYPE_ARRAY:
        if (param->type == TN_TYPE_ARRAY || param->type == TN_TYPE_NULL)
            return array_to(b, value->as.array, param, ret);
        return mismatch(b, value->type, param);
    default: return mismatch(b, value->type, param);
    }
}

tn_status tn__bind(const tn_arglist *args, const tn_param *params, size_t n_params,
                   tn__arena *arena, tn_value *values, tn_error *err)
{
    size_t count = args ? args->count : 0;
    struct binder b = {.arena = arena, .err = err};

    if (count != n_params) {
        tn_error_set(err, TN_PROTOCOL, "08P01",
                     "the statement has %zu parameter%s, %zu argument%s given", n_params,
                     n_params == 1 ? "" : "s", count, count == 1 ? " was" : "s were");
        if (err)
            err->phase = TN_PHASE_BIND;
        return TN_PROTOCOL;
    }
    for (size_t i = 0; i < count; i++) {
        tn_value natural;
        b.number = i + 1;
        tn_status status = natural_value(&b, &args->items[i], &natural);
        if (status == TN_OK)
            status = coerce(&b, &natural, &params[i], &values[i]);
        if (status != TN_OK) {
            if (err)
                err->phase = TN_PHASE_BIND;
            return status;
        }
    }
    return TN_OK;
}
