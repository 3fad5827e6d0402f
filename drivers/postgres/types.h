/* SPDX-License-Identifier: MIT */
/*
 * PostgreSQL's types: which value type each has and how its values travel. Decoding and encoding of
 * one value is pure: bytes in, value out.
 */
#ifndef TENON_DRIVERS_POSTGRES_TYPES_H
#define TENON_DRIVERS_POSTGRES_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <endian.h>

#include <tenon/types.h>

#include "base/arena.h"
#include "base/buf.h"

/* How a value travels in binary. */
typedef enum pg_wire {
    PG_WIRE_UNKNOWN = 0, /* not understood: asked for and given as text */
    PG_WIRE_TEXT,        /* the text itself */
    PG_WIRE_BOOL,
    PG_WIRE_INT2,
    PG_WIRE_INT4,
    PG_WIRE_INT8,
    PG_WIRE_OID,
    PG_WIRE_FLOAT4,
    PG_WIRE_FLOAT8,
    PG_WIRE_NUMERIC,
    PG_WIRE_CHAR, /* one byte */
    PG_WIRE_BYTES,
    PG_WIRE_UUID,
    PG_WIRE_TIMESTAMP, /* with and without a zone */
    PG_WIRE_DATE,
    PG_WIRE_TIME,
    PG_WIRE_INTERVAL,
    PG_WIRE_JSONB, /* a version byte and the text */
    PG_WIRE_ARRAY
} pg_wire;

typedef struct pg_type {
    uint32_t oid;
    uint32_t element_oid; /* of an array */
    uint8_t wire;         /* pg_wire */
    uint8_t element_wire;
    uint8_t type; /* tn_type */
    uint8_t element;
    const char *name;
} pg_type;

/* The built-in type of that number; NULL: not in the table. Static storage. */
const pg_type *pg_builtin_type(uint32_t oid);

/* Types that are not built in, as the server described them. */
typedef struct pg_type_cache {
    pg_type *items;
    size_t count, capacity;
} pg_type_cache;
const pg_type *pg_cached_type(const pg_type_cache *cache, uint32_t oid);
/* Takes a copy, of the name too. false: out of memory. */
bool pg_cache_type(pg_type_cache *cache, const pg_type *type);
void pg_type_cache_free(pg_type_cache *cache);

typedef enum pg_decoded {
    PG_DECODED = 0,
    PG_MALFORMED,  /* not a value of that type */
    PG_RANGE,      /* beyond what the value type holds */
    PG_DIMENSIONS, /* an array of more than one dimension */
    PG_NO_MEMORY
} pg_decoded;

/* One value in binary. Views point into the bytes (a NUL must stand behind the last one, as libpq
 * gives it) or into the arena. ret is written on success only. */
pg_decoded pg_decode_binary(const pg_type *type, const char *bytes, size_t len, tn__arena *arena,
                            tn_value *ret);
/* One value in text form. */
pg_decoded pg_decode_text(const pg_type *type, const char *text, size_t len, tn__arena *arena,
                          tn_value *ret);

/* numeric.c: the binary form of numeric. */
pg_decoded pg_numeric_decode(const unsigned char *bytes, size_t len, tn__arena *arena,
                             tn_value *ret);
/* Appends the binary form; false (nothing appended) when text is not plain digits or too long. */
bool pg_numeric_encode(tn_str text, tn__buf *out);

/* value.c: appends one value in binary. */
typedef enum pg_encoded {
    PG_ENCODED = 0,
    PG_AS_TEXT,      /* has no binary form for that type: to be given as text */
    PG_OUT_OF_RANGE, /* the value does not fit the type */
    PG_TOO_LONG      /* the buffer's maximum was passed, or no memory */
} pg_encoded;
pg_encoded pg_encode_binary(const pg_type *type, const tn_value *value, tn__buf *out);

/* Big-endian reading and appending. */
static inline uint16_t pg_get16(const unsigned char *p)
{
    return (uint16_t)((uint16_t)(p[0] << 8) | p[1]);
}
static inline uint32_t pg_get32(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}
static inline uint64_t pg_get64(const unsigned char *p)
{
    return (uint64_t)pg_get32(p) << 32 | pg_get32(p + 4);
}
static inline void pg_set32(unsigned char *p, uint32_t value)
{
    p[0] = (unsigned char)(value >> 24);
    p[1] = (unsigned char)(value >> 16);
    p[2] = (unsigned char)(value >> 8);
    p[3] = (unsigned char)value;
}
/* bytes: value's, big-endian. */
static inline bool pg_put_bytes(tn__buf *out, const void *bytes, size_t size)
{
    if (TN_UNLIKELY(out->failed || out->cap - out->len <= size) && !tn__buf_reserve(out, size))
        return false;
    memcpy(out->ptr + out->len, bytes, size);
    out->len += size;
    out->ptr[out->len] = '\0';
    return true;
}
static inline bool pg_put16(tn__buf *out, uint16_t value)
{
    value = htobe16(value);
    return pg_put_bytes(out, &value, sizeof(value));
}
static inline bool pg_put32(tn__buf *out, uint32_t value)
{
    value = htobe32(value);
    return pg_put_bytes(out, &value, sizeof(value));
}
static inline bool pg_put64(tn__buf *out, uint64_t value)
{
    value = htobe64(value);
    return pg_put_bytes(out, &value, sizeof(value));
}

#endif
