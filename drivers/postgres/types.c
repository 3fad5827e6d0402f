/* SPDX-License-Identifier: MIT */
#include "postgres/types.h"

#include <stdlib.h>
#include <string.h>

#include <tenon/types.h>

#include "base/cleanup.h"

/* clang-format off */
#define SCALAR(oid_, name_, type_, wire_) \
    {.oid = (oid_), .name = (name_), .type = TN_TYPE_##type_, .wire = PG_WIRE_##wire_}
#define ARRAY(oid_, name_, item_, type_, wire_)                                 \
    {.oid = (oid_), .name = (name_ "[]"), .type = TN_TYPE_ARRAY, .wire = PG_WIRE_ARRAY, \
     .element_oid = (item_), .element = TN_TYPE_##type_, .element_wire = PG_WIRE_##wire_}

/* Numbers and names of pg_type, sorted by number. What is UNKNOWN here has a binary form that
 * nobody needs badly enough: it comes as text. */
static const pg_type builtin[] = {
    SCALAR(16, "bool", BOOL, BOOL),
    SCALAR(17, "bytea", BYTES, BYTES),
    SCALAR(18, "char", TEXT, CHAR),
    SCALAR(19, "name", TEXT, TEXT),
    SCALAR(20, "int8", INT64, INT8),
    SCALAR(21, "int2", INT16, INT2),
    SCALAR(22, "int2vector", OTHER, UNKNOWN),
    SCALAR(23, "int4", INT32, INT4),
    SCALAR(24, "regproc", OTHER, UNKNOWN),
    SCALAR(25, "text", TEXT, TEXT),
    SCALAR(26, "oid", INT64, OID),
    SCALAR(27, "tid", OTHER, UNKNOWN),
    SCALAR(28, "xid", OTHER, UNKNOWN),
    SCALAR(29, "cid", OTHER, UNKNOWN),
    SCALAR(30, "oidvector", OTHER, UNKNOWN),
    SCALAR(114, "json", JSON, TEXT),
    SCALAR(142, "xml", OTHER, TEXT),
    ARRAY(143, "xml", 142, OTHER, TEXT),
    SCALAR(194, "pg_node_tree", OTHER, UNKNOWN),
    ARRAY(199, "json", 114, JSON, TEXT),
    SCALAR(600, "point", OTHER, UNKNOWN),
    SCALAR(601, "lseg", OTHER, UNKNOWN),
    SCALAR(602, "path", OTHER, UNKNOWN),
    SCALAR(603, "box", OTHER, UNKNOWN),
    SCALAR(604, "polygon", OTHER, UNKNOWN),
    SCALAR(628, "line", OTHER, UNKNOWN),
    SCALAR(650, "cidr", OTHER, UNKNOWN),
    SCALAR(700, "float4", FLOAT4, FLOAT4),
    SCALAR(701, "float8", FLOAT8, FLOAT8),
    SCALAR(705, "unknown", TEXT, TEXT),
    SCALAR(718, "circle", OTHER, UNKNOWN),
    SCALAR(774, "macaddr8", OTHER, UNKNOWN),
    SCALAR(790, "money", OTHER, UNKNOWN),
    SCALAR(829, "macaddr", OTHER, UNKNOWN),
    SCALAR(869, "inet", OTHER, UNKNOWN),
    ARRAY(1000, "bool", 16, BOOL, BOOL),
    ARRAY(1001, "bytea", 17, BYTES, BYTES),
    ARRAY(1002, "char", 18, TEXT, CHAR),
    ARRAY(1003, "name", 19, TEXT, TEXT),
    ARRAY(1005, "int2", 21, INT16, INT2),
    ARRAY(1007, "int4", 23, INT32, INT4),
    ARRAY(1009, "text", 25, TEXT, TEXT),
    ARRAY(1014, "bpchar", 1042, TEXT, TEXT),
    ARRAY(1015, "varchar", 1043, TEXT, TEXT),
    ARRAY(1016, "int8", 20, INT64, INT8),
    ARRAY(1021, "float4", 700, FLOAT4, FLOAT4),
    ARRAY(1022, "float8", 701, FLOAT8, FLOAT8),
    ARRAY(1028, "oid", 26, INT64, OID),
    SCALAR(1033, "aclitem", OTHER, UNKNOWN),
    SCALAR(1034, "aclitem[]", OTHER, UNKNOWN),
    SCALAR(1042, "bpchar", TEXT, TEXT),
    SCALAR(1043, "varchar", TEXT, TEXT),
    SCALAR(1082, "date", DATE, DATE),
    SCALAR(1083, "time", TIME, TIME),
    SCALAR(1114, "timestamp", TIMESTAMP, TIMESTAMP),
    ARRAY(1115, "timestamp", 1114, TIMESTAMP, TIMESTAMP),
    ARRAY(1182, "date", 1082, DATE, DATE),
    ARRAY(1183, "time", 1083, TIME, TIME),
    SCALAR(1184, "timestamptz", TIMESTAMPTZ, TIMESTAMP),
    ARRAY(1185, "timestamptz", 1184, TIMESTAMPTZ, TIMESTAMP),
    SCALAR(1186, "interval", INTERVAL, INTERVAL),
    ARRAY(1187, "interval", 1186, INTERVAL, INTERVAL),
    ARRAY(1231, "numeric", 1700, NUMERIC, NUMERIC),
    ARRAY(1263, "cstring", 2275, TEXT, TEXT),
    SCALAR(1266, "timetz", OTHER, UNKNOWN),
    SCALAR(1560, "bit", OTHER, UNKNOWN),
    SCALAR(1562, "varbit", OTHER, UNKNOWN),
    SCALAR(1700, "numeric", NUMERIC, NUMERIC),
    SCALAR(1790, "refcursor", OTHER, TEXT),
    SCALAR(2205, "regclass", OTHER, UNKNOWN),
    SCALAR(2206, "regtype", OTHER, UNKNOWN),
    SCALAR(2249, "record", OTHER, UNKNOWN),
    SCALAR(2275, "cstring", TEXT, TEXT),
    SCALAR(2278, "void", OTHER, TEXT),
    SCALAR(2950, "uuid", UUID, UUID),
    ARRAY(2951, "uuid", 2950, UUID, UUID),
    SCALAR(3220, "pg_lsn", OTHER, UNKNOWN),
    SCALAR(3614, "tsvector", OTHER, UNKNOWN),
    SCALAR(3615, "tsquery", OTHER, UNKNOWN),
    SCALAR(3802, "jsonb", JSON, JSONB),
    ARRAY(3807, "jsonb", 3802, JSON, JSONB),
    SCALAR(3904, "int4range", OTHER, UNKNOWN),
    SCALAR(3906, "numrange", OTHER, UNKNOWN),
    SCALAR(3908, "tsrange", OTHER, UNKNOWN),
    SCALAR(3910, "tstzrange", OTHER, UNKNOWN),
    SCALAR(3912, "daterange", OTHER, UNKNOWN),
    SCALAR(3926, "int8range", OTHER, UNKNOWN),
    SCALAR(5069, "xid8", OTHER, UNKNOWN),
};
/* clang-format on */

static int compare(const void *key, const void *item)
{
    uint32_t oid = *(const uint32_t *)key, other = ((const pg_type *)item)->oid;

    return oid < other ? -1 : oid > other;
}

const pg_type *pg_builtin_type(uint32_t oid)
{
    return bsearch(&oid, builtin, TN__COUNT_OF(builtin), sizeof(builtin[0]), compare);
}

/* ---- types that the server was asked for ----------------------------------------------------- */

enum { CACHE_MAX = 4096 };

const pg_type *pg_cached_type(const pg_type_cache *cache, uint32_t oid)
{
    for (size_t i = 0; i < cache->count; i++)
        if (cache->items[i].oid == oid)
            return &cache->items[i];
    return NULL;
}

bool pg_cache_type(pg_type_cache *cache, const pg_type *type)
{
    /* A program that makes types without end starts over; statements have copies. */
    if (cache->count == CACHE_MAX)
        pg_type_cache_free(cache);
    if (cache->count == cache->capacity) {
        size_t capacity = cache->capacity ? cache->capacity * 2 : 16;
        pg_type *items = realloc(cache->items, capacity * sizeof(*items));
        if (!items)
            return false;
        cache->items = items;
        cache->capacity = capacity;
    }
    char *name = strdup(type->name ? type->name : "");
    if (!name)
        return false;
    cache->items[cache->count] = *type;
    cache->items[cache->count++].name = name;
    return true;
}

void pg_type_cache_free(pg_type_cache *cache)
{
    for (size_t i = 0; i < cache->count; i++)
        free((char *)(uintptr_t)cache->items[i].name);
    free(cache->items);
    *cache = (pg_type_cache){0};
}
