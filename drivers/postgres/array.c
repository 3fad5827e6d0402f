/* SPDX-License-Identifier: MIT */
/*
 * An array in binary: dimensions, has-nulls flag, element type, then for each dimension its size
 * and lower bound, then the items, each with its length before it (-1: NULL).
 */
#include "postgres/array.h"

#include <string.h>

enum { HEADER = 12, DIMENSION = 8, ITEM = 4 };

static pg_type element_type(const pg_type *type)
{
    return (pg_type){
        .oid = type->element_oid, .wire = type->element_wire, .type = type->element, .name = ""};
}

/* Texts within an array have no NUL behind them, so they are copied; bytes need none. */
static pg_decoded decode_item(const pg_type *element, const char *bytes, size_t len,
                              tn__arena *arena, tn_value *ret)
{
    if (element->wire == PG_WIRE_TEXT || element->wire == PG_WIRE_JSONB ||
        element->wire == PG_WIRE_CHAR) {
        bytes = tn__arena_copy(arena, bytes, len);
        if (!bytes)
            return PG_NO_MEMORY;
    }
    return pg_decode_binary(element, bytes, len, arena, ret);
}

static pg_decoded decode_items(const pg_type *type, const unsigned char *at, size_t left,
                               size_t count, tn__arena *arena, tn_value *items)
{
    pg_type element = element_type(type);

    for (size_t i = 0; i < count; i++) {
        if (left < ITEM)
            return PG_MALFORMED;
        uint32_t len = pg_get32(at);
        at += ITEM;
        left -= ITEM;
        if (len == UINT32_MAX) {
            items[i] = (tn_value){.type = TN_TYPE_NULL};
            continue;
        }
        if (len > INT32_MAX || len > left)
            return PG_MALFORMED;
        pg_decoded decoded = decode_item(&element, (const char *)at, len, arena, &items[i]);
        if (decoded != PG_DECODED)
            return decoded;
        at += len;
        left -= len;
    }
    return left ? PG_MALFORMED : PG_DECODED;
}

pg_decoded pg_array_decode(const pg_type *type, const unsigned char *bytes, size_t len,
                           tn__arena *arena, tn_value *ret)
{
    size_t count = 0;

    if (len < HEADER)
        return PG_MALFORMED;
    uint32_t dimensions = pg_get32(bytes);
    if (dimensions > 6 || pg_get32(bytes + 4) > 1 || pg_get32(bytes + 8) != type->element_oid)
        return PG_MALFORMED;
    if (dimensions > 1)
        return PG_DIMENSIONS;
    bytes += HEADER;
    len -= HEADER;
    if (dimensions == 1) {
        if (len < DIMENSION)
            return PG_MALFORMED;
        count = pg_get32(bytes);
        bytes += DIMENSION;
        len -= DIMENSION;
        /* Each item takes at least its length, so the count cannot ask for more than is there. */
        if (count > len / ITEM)
            return PG_MALFORMED;
    }
    tn_array *array = tn__arena_alloc(arena, sizeof(*array));
    tn_value *items = tn__arena_array(arena, count ? count : 1, sizeof(*items));
    if (!array || !items)
        return PG_NO_MEMORY;
    pg_decoded decoded = decode_items(type, bytes, len, count, arena, items);
    if (decoded != PG_DECODED)
        return decoded;
    *array = (tn_array){.items = items, .count = count, .element = (tn_type)type->element};
    *ret = (tn_value){.type = TN_TYPE_ARRAY, .as.array = array};
    return PG_DECODED;
}

/* ---- encode ---------------------------------------------------------------------------------- */

static pg_encoded encode_item(const pg_type *element, const tn_value *item, tn__buf *out)
{
    size_t start = out->len;

    if (item->type == TN_TYPE_NULL)
        return pg_put32(out, UINT32_MAX) ? PG_ENCODED : PG_TOO_LONG;
    pg_put32(out, 0);
    pg_encoded encoded = pg_encode_binary(element, item, out);
    if (encoded != PG_ENCODED)
        return encoded;
    if (out->failed)
        return PG_TOO_LONG;
    pg_set32((unsigned char *)out->ptr + start, (uint32_t)(out->len - start - ITEM));
    return PG_ENCODED;
}

pg_encoded pg_array_encode(const pg_type *type, const tn_array *array, tn__buf *out)
{
    pg_type element = element_type(type);
    bool nulls = false;

    if (array->count > INT32_MAX / ITEM)
        return PG_TOO_LONG;
    for (size_t i = 0; i < array->count; i++)
        nulls = nulls || array->items[i].type == TN_TYPE_NULL;
    pg_put32(out, array->count ? 1 : 0);
    pg_put32(out, nulls);
    pg_put32(out, type->element_oid);
    if (array->count) {
        pg_put32(out, (uint32_t)array->count);
        pg_put32(out, 1);
    }
    for (size_t i = 0; i < array->count; i++) {
        pg_encoded encoded = encode_item(&element, &array->items[i], out);
        if (encoded != PG_ENCODED)
            return encoded;
    }
    return out->failed ? PG_TOO_LONG : PG_ENCODED;
}
