/* SPDX-License-Identifier: MIT */
/*
 * What PostgreSQL does to a value that is put into numeric(p,s), varchar(n) or char(n): numbers are
 * rounded, blanks are cut off and filled in, and what does not fit then is refused.
 */
#include "sqlite/lite.h"

#include <stdio.h>
#include <string.h>

#include "base/decimal.h"
#include "base/str.h"

#define NO_MEMORY "53200"
#define TOO_LARGE "22003"
#define TOO_LONG  "22001"

static bool is_char(const lite_type *type)
{
    return strcmp(type->sql, "character") == 0;
}

bool lite_has_bounds(const lite_type *type)
{
    switch (type->type) {
    case TN_TYPE_NUMERIC: return type->scale >= 0;
    case TN_TYPE_TEXT:
        return type->modifier > 0 && (is_char(type) || strcmp(type->sql, "character varying") == 0);
    default: return false;
    }
}

/* ---- numbers -------------------------------------------------------------------------------- */

/* The digits from the first that is not 0, on both sides of the point. */
static int digits_of(tn_str scaled)
{
    int n = 0;

    for (size_t i = 0; i < scaled.len; i++)
        n += scaled.ptr[i] >= '0' && scaled.ptr[i] <= '9' && (n > 0 || scaled.ptr[i] != '0');
    return n;
}

const char *lite_numeric_scale(const lite_type *type, tn_str normal, tn__buf *out)
{
    size_t start = out->len;

    if (!tn__decimal_rescale(normal, type->scale, out))
        return out->failed ? NO_MEMORY : NULL;
    return digits_of(tn__str(out->ptr + start, out->len - start)) > type->precision ? TOO_LARGE
                                                                                    : NULL;
}

static const char *overflow(const lite_type *type, bool infinite, char *message, size_t size)
{
    static const char what[] = "numeric field overflow: a field with precision %d, scale %d %s";
    char limit[64] = "cannot hold an infinite value";

    if (!infinite)
        (void)snprintf(limit, sizeof limit, "must round to an absolute value less than %s%d",
                       type->precision == type->scale ? "" : "10^",
                       type->precision == type->scale ? 1 : type->precision - type->scale);
    (void)snprintf(message, size, what, type->precision, type->scale, limit);
    return TOO_LARGE;
}

/* The value may be written in any way; what is no number is for others to refuse, and NaN stays
 * what it is. */
static const char *fit_number(tn_driver_conn *conn, const lite_type *type, const tn_value *value,
                              tn__arena *arena, tn_value *ret, char *message, size_t size)
{
    tn__buf *buf = &conn->scratch;

    tn__buf_reset(buf);
    if (!tn__decimal_normal(tn__str(value->as.ptr, value->len), buf))
        return buf->failed ? NO_MEMORY : NULL;
    if (memchr(buf->ptr, 'I', buf->len))
        return overflow(type, true, message, size);
    size_t len = buf->len;
    const char *text = tn__arena_copy(arena, buf->ptr, len);
    if (!text)
        return NO_MEMORY;
    tn__buf_reset(buf);
    const char *wrong = lite_numeric_scale(type, tn__str(text, len), buf);
    if (wrong && !buf->failed)
        return overflow(type, false, message, size);
    if (wrong || !buf->len)
        return wrong;
    text = tn__arena_copy(arena, buf->ptr, buf->len);
    if (!text)
        return NO_MEMORY;
    ret->as.ptr = text;
    ret->len = (uint32_t)buf->len;
    return NULL;
}

/* ---- texts ---------------------------------------------------------------------------------- */

/* So many bytes hold so many characters, or all there are. */
static size_t bytes_of(tn_str text, size_t characters)
{
    size_t at = 0;

    for (; at < text.len; at++)
        if (((unsigned char)text.ptr[at] & 0xc0) != 0x80 && characters-- == 0)
            break;
    return at;
}

static const char *pad(const tn_value *value, size_t blanks, tn__arena *arena, tn_value *ret)
{
    char *padded = tn__arena_alloc(arena, value->len + blanks + 1);

    if (!padded)
        return NO_MEMORY;
    memcpy(padded, value->as.ptr, value->len);
    memset(padded + value->len, ' ', blanks);
    padded[value->len + blanks] = '\0';
    ret->as.ptr = padded;
    ret->len = (uint32_t)(value->len + blanks);
    return NULL;
}

static const char *fit_text(const lite_type *type, const tn_value *value, tn__arena *arena,
                            tn_value *ret, char *message, size_t size)
{
    tn_str text = tn__str(value->as.ptr, value->len);
    size_t most = (size_t)type->modifier, kept = bytes_of(text, most);

    for (size_t i = kept; i < text.len; i++)
        if (text.ptr[i] != ' ') {
            (void)snprintf(message, size, "value too long for type %s(%d)", type->sql,
                           (int)type->modifier);
            return TOO_LONG;
        }
    ret->len = (uint32_t)kept;
    size_t count = is_char(type) ? tn__utf8_count(text.ptr, kept) : most;
    return count < most ? pad(value, most - count, arena, ret) : NULL;
}

/* ---- one value ------------------------------------------------------------------------------ */

const char *lite_fit(tn_driver_conn *conn, const lite_type *type, const tn_value *value,
                     tn__arena *arena, tn_value *ret, char *message, size_t size)
{
    tn_value fitted = *value;
    const char *wrong = NULL;

    (void)snprintf(message, size, "out of memory");
    if (value->type != type->type)
        ;
    else if (type->type == TN_TYPE_NUMERIC)
        wrong = fit_number(conn, type, value, arena, &fitted, message, size);
    else if (type->type == TN_TYPE_TEXT)
        wrong = fit_text(type, value, arena, &fitted, message, size);
    *ret = fitted;
    return wrong;
}
