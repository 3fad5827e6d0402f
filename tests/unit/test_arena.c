/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <malloc.h>

#include "base/arena.h"

static void test_alignment_and_contents(void **state)
{
    unsigned char *parts[500];
    tn__arena arena;

    (void)state;
    tn__arena_init(&arena, 1 << 20);
    assert_null(arena.first);
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        parts[i] = tn__arena_alloc(&arena, i);
        assert_non_null(parts[i]);
        assert_int_equal((uintptr_t)parts[i] % 16, 0);
        memset(parts[i], (int)i, i);
    }
    for (size_t i = 0; i < COUNT_OF(parts); i++)
        for (size_t j = 0; j < i; j++)
            assert_int_equal(parts[i][j], (unsigned char)i);
    tn__arena_free(&arena);
    assert_null(arena.first);
    tn__arena_free(&arena);
}

static void test_limit(void **state)
{
    tn__arena arena;

    (void)state;
    tn__arena_init(&arena, 64);
    assert_non_null(tn__arena_alloc(&arena, 33)); /* 48 */
    assert_null(tn__arena_alloc(&arena, 17));
    assert_non_null(tn__arena_alloc(&arena, 16));
    assert_null(tn__arena_alloc(&arena, 0));
    tn__arena_reset(&arena);
    assert_int_equal(arena.used, 0);
    assert_non_null(tn__arena_alloc(&arena, 64));
    tn__arena_free(&arena);
}

static void test_overflow(void **state)
{
    tn__arena arena;

    (void)state;
    tn__arena_init(&arena, SIZE_MAX);
    assert_null(tn__arena_alloc(&arena, SIZE_MAX));
    assert_null(tn__arena_alloc(&arena, SIZE_MAX - 15));
    assert_null(tn__arena_array(&arena, SIZE_MAX / 8, 16));
    assert_null(tn__arena_array(&arena, 2, SIZE_MAX / 2 + 1));
    assert_null(tn__arena_copy(&arena, "x", SIZE_MAX));
    assert_non_null(tn__arena_array(&arena, 0, 16));
    tn__arena_free(&arena);
}

static void test_copy(void **state)
{
    tn__arena arena;
    char *copy;

    (void)state;
    tn__arena_init(&arena, 1000);
    copy = tn__arena_copy(&arena, "abc", 3);
    assert_string_equal(copy, "abc");
    assert_string_equal(tn__arena_copy(&arena, NULL, 0), "");
    tn__arena_free(&arena);
}

/* Once warm, a loop that resets takes no memory: the same blocks serve again. */
static void test_reset_keeps_memory(void **state)
{
    void *first = NULL, *large = NULL;
    tn__arena arena;

    (void)state;
    tn__arena_init(&arena, 1 << 24);
    for (int round = 0; round < 100; round++) {
        void *a, *b = NULL;

        tn__arena_reset(&arena);
        a = tn__arena_alloc(&arena, 100);
        for (int i = 0; i < 200; i++)
            b = tn__arena_alloc(&arena, 1000);
        if (round == 0) {
            first = a;
            large = b;
        }
        assert_ptr_equal(a, first);
        assert_ptr_equal(b, large);
    }
    tn__arena_free(&arena);
}

/* Whatever the order of sizes, the chain does not grow for ever. */
static void test_mixed_sizes_stay_bounded(void **state)
{
    unsigned seed = 7;
    tn__arena arena;

    (void)state;
    tn__arena_init(&arena, 1 << 24);
    for (int round = 0; round < 2000; round++) {
        tn__arena_reset(&arena);
        for (int i = 0; i < 8; i++) {
            seed = seed * 1103515245u + 12345u;
            assert_non_null(tn__arena_alloc(&arena, (seed >> 8) % 20000));
        }
    }
    /* 8 requests of at most 20,000 bytes, blocks double up to a megabyte. */
    assert_true(malloc_usable_size(arena.first) < 1 << 20);
    size_t blocks = 0;
    void *next;
    for (void *block = arena.first; block; block = next) {
        memcpy(&next, block, sizeof(next)); /* next is the first member */
        blocks++;
    }
    assert_true(blocks <= 16);
    tn__arena_free(&arena);
}

/* The room is there again, what came before stays as it was. */
static void test_rewind(void **state)
{
    tn__arena arena;

    (void)state;
    tn__arena_init(&arena, 100000);
    const tn__arena_mark empty = tn__arena_here(&arena);
    char *kept = tn__arena_copy(&arena, "abc", 3);
    const tn__arena_mark mark = tn__arena_here(&arena);
    for (int round = 0; round < 20; round++) {
        void *first = tn__arena_alloc(&arena, 1000);
        while (tn__arena_alloc(&arena, 7000))
            continue;
        tn__arena_rewind(&arena, mark);
        assert_int_equal(arena.used, 16);
        assert_ptr_equal(tn__arena_alloc(&arena, 1000), first);
        tn__arena_rewind(&arena, mark);
    }
    assert_string_equal(kept, "abc");
    tn__arena_rewind(&arena, empty);
    assert_int_equal(arena.used, 0);
    assert_ptr_equal(tn__arena_alloc(&arena, 4), kept);
    tn__arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alignment_and_contents),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_overflow),
        cmocka_unit_test(test_copy),
        cmocka_unit_test(test_reset_keeps_memory),
        cmocka_unit_test(test_mixed_sizes_stay_bounded),
        cmocka_unit_test(test_rewind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
