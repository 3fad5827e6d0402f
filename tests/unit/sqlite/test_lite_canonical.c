/* SPDX-License-Identifier: MIT */
/* The short way to read dates, timestamps and uuids gives what the long way gives, or nothing. */
#include "lite_test.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/str.h"
#include "base/text.h"
#include "sqlite/lite.h"

static const tn_type types[] = {TN_TYPE_DATE, TN_TYPE_TIMESTAMPTZ, TN_TYPE_TIMESTAMP, TN_TYPE_UUID};

/* Deterministic, so that a failure comes again. */
static uint64_t next(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static bool same(const tn_value *a, const tn_value *b)
{
    if (a->type != b->type)
        return false;
    return a->type == TN_TYPE_UUID ? memcmp(a->as.uuid, b->as.uuid, sizeof(tn_uuid)) == 0
                                   : a->as.i == b->as.i;
}

/* True if the short way has read it; then it must be what the long way reads. */
static bool agrees(tn__arena *arena, tn_type type, const char *text)
{
    tn_value fast = {.type = TN_TYPE_NULL}, slow = {.type = TN_TYPE_NULL};

    tn__arena_reset(arena);
    if (!lite_canonical_read(type, tn_str_from(text), arena, &fast)) {
        assert_int_equal(fast.type, TN_TYPE_NULL);
        return false;
    }
    if (!tn__value_parse(type, TN_TYPE_NULL, tn_str_from(text), arena, &slow) ||
        !same(&fast, &slow))
        fail_msg("\"%s\" as %s", text, tn_type_name(type));
    return true;
}

/* A value as the driver writes it; of years 1 to 9999. */
static void write_some(tn_type type, uint64_t random, char *text)
{
    const int64_t days = -719162 + (int64_t)(random % 3652059);
    const int64_t us = (int64_t)(random / 3652059 % UINT64_C(86400000000));
    tn_uuid uuid;

    switch (type) {
    case TN_TYPE_DATE: tn_date_format((tn_date){(int32_t)days}, text); break;
    case TN_TYPE_TIMESTAMPTZ:
        tn_time_format((tn_time){days * INT64_C(86400000000) + us}, text);
        break;
    case TN_TYPE_TIMESTAMP:
        tn_timestamp_format((tn_timestamp){days * INT64_C(86400000000) + us / 1000000 * 1000000},
                            text);
        break;
    default:
        for (int i = 0; i < 16; i++)
            uuid.bytes[i] = (uint8_t)(random >> (i % 8 * 8) ^ (uint64_t)i * 17);
        tn_uuid_format(uuid, text);
    }
}

static void what_was_written(void **state)
{
    uint64_t seed = 88172645463325252;
    tn__arena arena;

    (void)state;
    tn__arena_init(&arena, 65536);
    for (int i = 0; i < 40000; i++) {
        tn_type type = types[i % 4];
        char text[TN_TIME_TEXT_SIZE];
        write_some(type, next(&seed), text);
        if (!agrees(&arena, type, text))
            fail_msg("\"%s\" was not read", text);
    }
    tn__arena_free(&arena);
}

/* The same texts with some bytes changed, put in, left out. */
static void what_is_broken(void **state)
{
    static const char bytes[] = "0123456789-: .+ZaT\n\t";
    uint64_t seed = 2463534242;
    tn__arena arena;
    int read = 0;

    (void)state;
    tn__arena_init(&arena, 65536);
    for (int i = 0; i < 80000; i++) {
        char text[TN_TIME_TEXT_SIZE + 8];
        write_some(types[next(&seed) % 4], next(&seed), text);
        for (uint64_t n = next(&seed) % 3; n > 0; n--) {
            size_t len = strlen(text), at = next(&seed) % (len ? len : 1);
            if (next(&seed) % 4 == 0 && len > 0)
                memmove(text + at, text + at + 1, len - at);
            else if (len > 0)
                text[at] = bytes[next(&seed) % (sizeof bytes - 1)];
        }
        read += agrees(&arena, types[i % 4], text);
    }
    assert_true(read > 5000); /* some of them are good all the same */
    tn__arena_free(&arena);
}

static void edges(void **state)
{
    static const struct {
        tn_type type;
        const char *text;
        bool read;
    } cases[] = {
        {TN_TYPE_DATE, "0001-01-01", true},
        {TN_TYPE_DATE, "9999-12-31", true},
        {TN_TYPE_DATE, "2000-02-29", true},
        {TN_TYPE_DATE, "1900-02-29", false},
        {TN_TYPE_DATE, "2026-02-29", false},
        {TN_TYPE_DATE, "2024-02-29", true},
        {TN_TYPE_DATE, "2026-04-31", false},
        {TN_TYPE_DATE, "2026-13-01", false},
        {TN_TYPE_DATE, "2026-00-01", false},
        {TN_TYPE_DATE, "2026-01-00", false},
        {TN_TYPE_DATE, "0000-01-01", false},
        {TN_TYPE_DATE, "10000-01-01", false},
        {TN_TYPE_DATE, "2026-01-01 BC", false},
        {TN_TYPE_DATE, "infinity", false},
        {TN_TYPE_DATE, "", false},
        {TN_TYPE_TIMESTAMPTZ, "1969-12-31 23:59:59.999999+00", true},
        {TN_TYPE_TIMESTAMPTZ, "1970-01-01 00:00:00+00", true},
        {TN_TYPE_TIMESTAMPTZ, "1970-01-01 00:00:00.5+00", true},
        {TN_TYPE_TIMESTAMPTZ, "1970-01-01 00:00:00.0000005+00", false},
        {TN_TYPE_TIMESTAMPTZ, "1970-01-01 00:00:00.+00", false},
        {TN_TYPE_TIMESTAMPTZ, "1970-01-01 24:00:00+00", false},
        {TN_TYPE_TIMESTAMPTZ, "1970-01-01 00:00:60+00", false},
        {TN_TYPE_TIMESTAMPTZ, "1970-01-01 00:00:00+01", false},
        {TN_TYPE_TIMESTAMPTZ, "1970-01-01 00:00:00", false},
        {TN_TYPE_TIMESTAMPTZ, "+00", false},
        {TN_TYPE_TIMESTAMP, "1970-01-01 00:00:00", true},
        {TN_TYPE_TIMESTAMP, "1970-01-01T00:00:00", false},
        {TN_TYPE_TIMESTAMP, "1970-01-01 00:00:00+00", false},
        {TN_TYPE_UUID, "0189f7ea-ae2c-7809-8aeb-b819cf5e9e7f", true},
        {TN_TYPE_UUID, "0189F7EA-AE2C-7809-8AEB-B819CF5E9E7F", false},
        {TN_TYPE_UUID, "0189f7eaae2c78098aebb819cf5e9e7f", false},
        {TN_TYPE_UUID, "-189f7ea-ae2c-7809-8aeb-b819cf5e9e7f", false},
        {TN_TYPE_UUID, "0189f7ea-ae2c-7809-8aeb-b819cf5e9e7-", false},
        {TN_TYPE_TEXT, "2026-01-01", false},
    };
    tn__arena arena;

    (void)state;
    tn__arena_init(&arena, 65536);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (agrees(&arena, cases[i].type, cases[i].text) != cases[i].read)
            fail_msg("\"%s\"", cases[i].text);
    tn__arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written),
        cmocka_unit_test(what_is_broken),
        cmocka_unit_test(edges),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
