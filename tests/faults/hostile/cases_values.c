/* SPDX-License-Identifier: MIT */
/* The binary value of each type: one byte short, one over, empty, and as large as it may be. */
#include "cases.h"

#define WRONG (IS(PROTOCOL) | IS(DATA))

/* Of a type whose values always have the same length. */
#define FIXED(name_, type_, short_, over_)                                                  \
    {.name = name_ ", one byte short", .type = type_, .items = short_, .allowed = WRONG},   \
        {.name = name_ ", one byte over", .type = type_, .items = over_, .allowed = WRONG}, \
    {                                                                                       \
        .name = name_ ", empty", .type = type_, .items = "", .allowed = WRONG               \
    }

#define BAD(name_, type_, items_)                                       \
    {                                                                   \
        .name = name_, .type = type_, .items = items_, .allowed = WRONG \
    }

#define NUMBER(name_, type_, items_, kind_, number_)                                               \
    {                                                                                              \
        .name = name_, .type = type_, .items = items_, .allowed = IS(OK), .kind = TN_TYPE_##kind_, \
        .number = (number_)                                                                        \
    }

/* clang-format off */
const hostile_value hostile_values[] = {
    FIXED("boolean", "16", "", "0101"),
    NUMBER("boolean, true", "16", "01", BOOL, 1),
    BAD("boolean, 2", "16", "02"),
    BAD("boolean, 255", "16", "ff"),
    FIXED("smallint", "21", "7f", "7fffff"),
    NUMBER("smallint, largest", "21", "7fff", INT16, INT16_MAX),
    NUMBER("smallint, least", "21", "8000", INT16, INT16_MIN),
    FIXED("integer", "23", "7fffff", "7fffffffff"),
    NUMBER("integer, largest", "23", "7fffffff", INT32, INT32_MAX),
    NUMBER("integer, least", "23", "80000000", INT32, INT32_MIN),
    FIXED("bigint", "20", "7fffffffffffff", "7fffffffffffffffff"),
    NUMBER("bigint, largest", "20", "7fffffffffffffff", INT64, INT64_MAX),
    NUMBER("bigint, least", "20", "8000000000000000", INT64, INT64_MIN),
    FIXED("oid", "26", "ffffff", "ffffffffff"),
    NUMBER("oid, largest", "26", "ffffffff", INT64, UINT32_MAX),
    FIXED("real", "700", "7f7fff", "7f7fffff00"),
    NUMBER("real, largest", "700", "7f7fffff", FLOAT4, 0),
    NUMBER("real, not a number", "700", "ffffffff", FLOAT4, 0),
    FIXED("double precision", "701", "7fefffffffffff", "7fefffffffffffff00"),
    NUMBER("double precision, largest", "701", "7fefffffffffffff", FLOAT8, 0),
    FIXED("date", "1082", "7fffff", "7fffffff00"),
    NUMBER("date, infinity", "1082", "7fffffff", DATE, INT32_MAX),
    NUMBER("date, -infinity", "1082", "80000000", DATE, INT32_MIN),
    BAD("date, the day before infinity", "1082", "7ffffffe"),
    FIXED("time", "1083", "00000000000000", "000000000000000000"),
    NUMBER("time, 24:00", "1083", "8:86400000000", TIME, INT64_C(86400000000)),
    BAD("time, past 24:00", "1083", "8:86400000001"),
    BAD("time, below zero", "1083", "8:-1"),
    FIXED("timestamp", "1114", "7fffffffffffff", "7fffffffffffffffff"),
    NUMBER("timestamp, infinity", "1114", "7fffffffffffffff", TIMESTAMP, INT64_MAX),
    BAD("timestamp, a microsecond before infinity", "1114", "7ffffffffffffffe"),
    FIXED("timestamptz", "1184", "7fffffffffffff", "7fffffffffffffffff"),
    NUMBER("timestamptz, -infinity", "1184", "8000000000000000", TIMESTAMPTZ, INT64_MIN),
    BAD("timestamptz, a microsecond before infinity", "1184", "7ffffffffffffffe"),
    FIXED("interval", "1186", "*15:7f", "*17:7f"),
    NUMBER("interval, largest", "1186", "7fffffffffffffff 7fffffff 7fffffff", INTERVAL, INT64_MAX),
    FIXED("uuid", "2950", "*15:ff", "*17:ff"),
    NUMBER("uuid, all ones", "2950", "*16:ff", UUID, 0),
    FIXED("\"char\"", "18", "", "4141"),
    {.name = "\"char\", a byte that is not text", .type = "18", .items = "ff",
     .allowed = IS(OK), .kind = TN_TYPE_TEXT, .number = 4, .text = "\\377"},
    NUMBER("text, empty", "25", "", TEXT, 0),
    NUMBER("text, a megabyte", "25", "*1000000:41", TEXT, 1000000),
    {.name = "text, invalid UTF-8", .type = "25", .items = "c0af80fffe",
     .allowed = IS(OK) | WRONG, .kind = TN_TYPE_TEXT, .number = 5},
    {.name = "text, with a NUL in it", .type = "25", .items = "410042",
     .allowed = IS(OK) | WRONG, .kind = TN_TYPE_TEXT, .number = 3},
    NUMBER("bytea, empty", "17", "", BYTES, 0),
    NUMBER("bytea, a megabyte", "17", "*1000000:00", BYTES, 1000000),
    BAD("jsonb, empty", "3802", ""),
    BAD("jsonb, of another version", "3802", "02 '{}'"),
    NUMBER("jsonb, a version and nothing", "3802", "01", JSON, 0),
    NUMBER("jsonb, a megabyte", "3802", "01 *1000000:20", JSON, 1000000),
    BAD("numeric, empty", "1700", ""),
    BAD("numeric, one byte short of a head", "1700", "*7:00"),
    BAD("numeric, one byte short", "1700", "2:1 2:0 2:0 2:0 00"),
    BAD("numeric, one byte over", "1700", "2:1 2:0 2:0 2:0 2:5 00"),
    BAD("numeric, a digit missing", "1700", "2:2 2:0 2:0 2:0 2:5"),
    BAD("numeric, a digit too many", "1700", "2:0 2:0 2:0 2:0 2:5"),
    BAD("numeric, -1 digits", "1700", "2:-1 2:0 2:0 2:0"),
    BAD("numeric, a digit of 10000", "1700", "2:1 2:0 2:0 2:0 2:10000"),
    BAD("numeric, a digit of -1", "1700", "2:1 2:0 2:0 2:0 2:-1"),
    BAD("numeric, a sign that nobody knows", "1700", "2:1 2:0 2:1 2:0 2:5"),
    BAD("numeric, a scale below zero", "1700", "2:1 2:0 2:0 2:-1 2:5"),
    NUMBER("numeric, the largest weight", "1700", "2:1 2:32767 2:0 2:0 2:1", NUMERIC, 131069),
    NUMBER("numeric, the largest scale", "1700", "2:0 2:0 2:0 2:16383", NUMERIC, 16385),
    {.name = "numeric, not a number", .type = "1700", .items = "2:0 2:0 2:49152 2:0",
     .allowed = IS(OK), .kind = TN_TYPE_NUMERIC, .number = 3, .text = "NaN"},
    BAD("array, empty bytes", "1007", ""),
    BAD("array, a head cut short", "1007", "4:1 4:0 4:2"),
    BAD("array, -1 dimensions", "1007", "4:-1 4:0 4:23"),
    BAD("array, 2^31-1 dimensions", "1007", "4:2147483647 4:0 4:23"),
    BAD("array, -1 items", "1007", "4:1 4:0 4:23 4:-1 4:1"),
    BAD("array, 2^31-1 items that are not there", "1007", "4:1 4:0 4:23 4:2147483647 4:1"),
    BAD("array, an item missing", "1007", "4:1 4:0 4:23 4:2 4:1 4:4 4:42"),
    BAD("array, an item one byte short", "1007", "4:1 4:0 4:23 4:1 4:1 4:3 00002a"),
    BAD("array, an item of length -2", "1007", "4:1 4:0 4:23 4:1 4:1 4:-2"),
    BAD("array, an item longer than all", "1007", "4:1 4:0 4:23 4:1 4:1 4:1000 4:42"),
    BAD("array, bytes behind the last item", "1007", "4:1 4:0 4:23 4:1 4:1 4:4 4:42 00"),
    BAD("array, items of another type", "1007", "4:1 4:0 4:25 4:1 4:1 4:4 4:42"),
    BAD("array, a flag that nobody knows", "1007", "4:1 4:7 4:23 4:1 4:1 4:4 4:42"),
    NUMBER("array, a NULL where the head says none", "1007", "4:1 4:0 4:23 4:1 4:1 4:-1", ARRAY, 1),
    {.name = "array, of two dimensions", .type = "1007",
     .items = "4:2 4:0 4:23 4:1 4:1 4:1 4:1 4:4 4:42", .allowed = IS(UNSUPPORTED)},
    NUMBER("array, of nothing", "1007", "4:0 4:0 4:23", ARRAY, 0),
    NUMBER("array, of one", "1007", "4:1 4:0 4:23 4:1 4:1 4:4 4:42", ARRAY, 1),
};
/* clang-format on */

const size_t hostile_values_count = sizeof(hostile_values) / sizeof(hostile_values[0]);
