/* SPDX-License-Identifier: MIT */
/* One row as COPY has it. Every row of a bulk comes through here, so what is common is in line. */
#include <string.h>

#include "base/text.h"
#include "postgres/copy.h"

/* What the server takes for a value. */
#define VALUE_MAX ((size_t)0x3fffff00)

enum { EPOCH_DAYS = 10957 };
#define EPOCH_US INT64_C(946684800000000)

void pg_copy_begin_binary(tn__buf *out)
{
    static const char header[19] = "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0";

    tn__buf_append(out, header, sizeof(header));
}

void pg_copy_end_binary(tn__buf *out)
{
    pg_put16(out, UINT16_MAX);
}

/* ---- binary ---------------------------------------------------------------------------------- */

static inline char *room(tn__buf *out, size_t n)
{
    return out->ptr && !out->failed && n < out->cap - out->len ? out->ptr + out->len
                                                               : tn__buf_reserve(out, n);
}

static inline void set64(unsigned char *p, uint64_t value)
{
    pg_set32(p, (uint32_t)(value >> 32));
    pg_set32(p + 4, (uint32_t)value);
}

static inline pg_encoded put_fixed(tn__buf *out, uint64_t bits, size_t size)
{
    char *at = room(out, 12);
    unsigned char *p = (unsigned char *)at;

    if (!p)
        return PG_TOO_LONG;
    pg_set32(p, (uint32_t)size);
    if (size == 8)
        set64(p + 4, bits);
    else
        pg_set32(p + 4, (uint32_t)bits);
    tn__buf_commit(out, 4 + size);
    return PG_ENCODED;
}

static inline pg_encoded put_view(tn__buf *out, const tn_value *value)
{
    if (value->len > VALUE_MAX)
        return PG_TOO_LONG;
    char *at = room(out, 4 + (size_t)value->len);
    if (!at)
        return PG_TOO_LONG;
    pg_set32((unsigned char *)at, value->len);
    if (value->len)
        memcpy(at + 4, value->as.ptr, value->len);
    tn__buf_commit(out, 4 + (size_t)value->len);
    return PG_ENCODED;
}

/* With its length before it, which is known behind it. */
static pg_encoded put_other(const pg_type *type, const tn_value *value, tn__buf *out)
{
    size_t start = out->len;

    if (!pg_put32(out, 0))
        return PG_TOO_LONG;
    pg_encoded how = pg_encode_binary(type, value, out);
    if (how != PG_ENCODED)
        return how;
    if (out->failed || out->len - start - 4 > VALUE_MAX)
        return PG_TOO_LONG;
    pg_set32((unsigned char *)out->ptr + start, (uint32_t)(out->len - start - 4));
    return PG_ENCODED;
}

static inline bool is_view(const tn_value *value)
{
    return value->type == TN_TYPE_TEXT || value->type == TN_TYPE_JSON ||
           value->type == TN_TYPE_OTHER || value->type == TN_TYPE_NUMERIC;
}

/* The usual types; the rest, and what is at the edge of its range, goes the long way. */
static inline pg_encoded put_value(const pg_type *type, const tn_value *value, tn__buf *out)
{
    switch ((pg_wire)type->wire) {
    case PG_WIRE_TEXT:
        if (is_view(value))
            return put_view(out, value);
        break;
    case PG_WIRE_INT4:
        if (value->type == TN_TYPE_INT32)
            return put_fixed(out, (uint64_t)value->as.i, 4);
        break;
    case PG_WIRE_INT8:
        if (value->type == TN_TYPE_INT64)
            return put_fixed(out, (uint64_t)value->as.i, 8);
        break;
    case PG_WIRE_FLOAT8:
        if (value->type == TN_TYPE_FLOAT8) {
            uint64_t bits;
            memcpy(&bits, &value->as.f, sizeof(bits));
            return put_fixed(out, bits, 8);
        }
        break;
    case PG_WIRE_TIMESTAMP:
        if (value->type == type->type && value->as.i > INT64_MIN + EPOCH_US &&
            value->as.i != TN_TIME_INFINITY)
            return put_fixed(out, (uint64_t)(value->as.i - EPOCH_US), 8);
        break;
    case PG_WIRE_JSONB:
    case PG_WIRE_NUMERIC:
        /* A text is read as the type's own: what it is not, the server will say. */
        if (value->type == TN_TYPE_TEXT) {
            tn_value same = *value;
            same.type = type->wire == PG_WIRE_JSONB ? TN_TYPE_JSON : TN_TYPE_NUMERIC;
            return put_other(type, &same, out);
        }
        break;
    default: break;
    }
    return put_other(type, value, out);
}

static pg_copied refused(pg_encoded how)
{
    return how == PG_AS_TEXT        ? PG_COPY_NEEDS_TEXT
           : how == PG_OUT_OF_RANGE ? PG_COPY_RANGE
                                    : PG_COPY_TOO_LONG;
}

pg_copied pg_copy_row_binary(const pg_type *types, const tn_value *values, size_t n, tn__buf *out,
                             size_t *ret_column)
{
    size_t start = out->len;
    pg_encoded how = pg_put16(out, (uint16_t)n) ? PG_ENCODED : PG_TOO_LONG;
    size_t i = 0;

    for (; how == PG_ENCODED && i < n; i++) {
        if (values[i].type == TN_TYPE_NULL)
            how = pg_put32(out, UINT32_MAX) ? PG_ENCODED : PG_TOO_LONG;
        else
            how = put_value(&types[i], &values[i], out);
    }
    if (how == PG_ENCODED)
        return PG_COPIED;
    out->len = start;
    *ret_column = i ? i - 1 : 0;
    return refused(how);
}

/* ---- text ------------------------------------------------------------------------------------ */

static char escape_of(unsigned char c)
{
    switch (c) {
    case '\\': return '\\';
    case '\n': return 'n';
    case '\t': return 't';
    case '\r': return 'r';
    case '\b': return 'b';
    case '\f': return 'f';
    case '\v': return 'v';
    default: return 0;
    }
}

/* Runs of what stands for itself are copied as a whole. */
static bool put_escaped(tn__buf *out, const char *text, size_t len)
{
    char *to = tn__buf_reserve(out, 2 * len);
    size_t n = 0;

    if (!to)
        return false;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        char escape = c > '\r' && c != '\\' ? 0 : escape_of(c);
        if (escape)
            to[n++] = '\\';
        to[n++] = escape ? escape : (char)c;
    }
    tn__buf_commit(out, n);
    return true;
}

static pg_copied put_text(const tn_value *value, tn__buf *scratch, tn__buf *out)
{
    tn_str text = {value->as.ptr, value->len};

    if (value->type == TN_TYPE_NULL)
        return tn__buf_append(out, "\\N", 2) ? PG_COPIED : PG_COPY_TOO_LONG;
    if (!is_view(value)) {
        tn__buf_reset(scratch);
        if (!tn__value_append(scratch, value))
            return PG_COPY_TOO_LONG;
        text = (tn_str){scratch->len ? scratch->ptr : "", scratch->len};
    }
    if (text.len > VALUE_MAX)
        return PG_COPY_TOO_LONG;
    if (text.len && memchr(text.ptr, '\0', text.len))
        return PG_COPY_NUL;
    return put_escaped(out, text.ptr, text.len) ? PG_COPIED : PG_COPY_TOO_LONG;
}

pg_copied pg_copy_row_text(const tn_value *values, size_t n, tn__buf *scratch, tn__buf *out,
                           size_t *ret_column)
{
    size_t start = out->len;

    for (size_t i = 0; i < n; i++) {
        pg_copied how = put_text(&values[i], scratch, out);
        if (how == PG_COPIED && !tn__buf_putc(out, i + 1 < n ? '\t' : '\n'))
            how = PG_COPY_TOO_LONG;
        if (how != PG_COPIED) {
            out->len = start;
            *ret_column = i;
            return how;
        }
    }
    return PG_COPIED;
}
