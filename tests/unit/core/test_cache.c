/* SPDX-License-Identifier: MIT */
/* core/session/cache: order of use, eviction, statements in use, equal hashes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "session/cache.h"

/* A driver of which only stmt.close is called: it counts. The statement is the counter. */
static void close_stmt(tn_driver_stmt *stmt)
{
    ++*(int *)(void *)stmt;
}

static const tn__driver driver = {.stmt = {.size = sizeof(tn_stmt_ops), .close = close_stmt}};
static int closed[64];

static tn__cache make(size_t capacity)
{
    tn__cache cache;

    memset(closed, 0, sizeof(closed));
    assert_true(tn__cache_init(&cache, &driver, capacity));
    return cache;
}

/* Adds a statement as a run does: new, prepared, listed. One reference is kept. */
static tn__cached *add(tn__cache *cache, const char *text, uint64_t hash, int number)
{
    assert_null(tn__cache_find(cache, text, strlen(text), hash));
    tn__cached *entry = tn__cached_new(tn_str_from(text), TN__STR(""), hash);
    assert_non_null(entry);
    entry->drv = (tn_driver_stmt *)(void *)&closed[number];
    tn__cache_add(cache, entry);
    return entry;
}

static tn__cached *find(tn__cache *cache, const char *text, uint64_t hash)
{
    return tn__cache_find(cache, text, strlen(text), hash);
}

static void put(tn__cache *cache, const char *text, uint64_t hash, int number)
{
    tn__cache_release(cache, add(cache, text, hash, number));
}

static bool has(tn__cache *cache, const char *text, uint64_t hash)
{
    tn__cached *entry = find(cache, text, hash);

    if (entry)
        tn__cache_release(cache, entry);
    return entry != NULL;
}

static void an_entry_is_a_copy_with_its_first_word(void **state)
{
    char text[] = "begin; select";

    (void)state;
    tn__cached *entry = tn__cached_new((tn_str){text, 5}, TN__STR(""), 7);
    assert_non_null(entry);
    text[0] = 'x';
    assert_string_equal(entry->text, "begin");
    assert_int_equal(entry->len, 5);
    assert_int_equal(entry->word, TN__STMT_BEGIN);
    tn__cache cache = make(0);
    tn__cache_release(&cache, entry);
    tn__cache_free(&cache);
}

static void a_text_is_recalled_where_it_stood_while_it_is_the_same(void **state)
{
    tn__cache cache = make(1);
    char text[] = "select 1";

    (void)state;
    assert_null(tn__cache_recall(&cache, text));
    tn__cached *entry = add(&cache, text, 7, 0);
    tn__cache_remember(&cache, text, entry);
    assert_ptr_equal(tn__cache_recall(&cache, text), entry);
    assert_int_equal(entry->refs, 2);
    text[7] = '2'; /* the caller's buffer holds another statement now */
    assert_null(tn__cache_recall(&cache, text));
    text[7] = '1';
    tn__cache_release(&cache, entry);
    tn__cache_release(&cache, entry);
    put(&cache, "select 3", 8, 1); /* takes its place */
    assert_int_equal(closed[0], 1);
    assert_null(tn__cache_recall(&cache, text));
    tn__cache_free(&cache);
}

static void what_is_not_kept_is_not_remembered(void **state)
{
    tn__cache cache = make(0);

    (void)state;
    tn__cached *entry = add(&cache, "a", 1, 0);
    tn__cache_remember(&cache, "a", entry);
    assert_null(tn__cache_recall(&cache, "a"));
    tn__cache_release(&cache, entry);
    tn__cache_free(&cache);
}

static void the_least_recently_used_goes_first(void **state)
{
    (void)state;
    tn__cache cache = make(3);
    put(&cache, "a", 1, 1);
    put(&cache, "b", 2, 2);
    put(&cache, "c", 3, 3);
    assert_true(has(&cache, "a", 1)); /* now b is the oldest */
    put(&cache, "d", 4, 4);
    assert_int_equal(closed[2], 1);
    assert_int_equal(closed[1] + closed[3] + closed[4], 0);
    assert_false(has(&cache, "b", 2));
    assert_true(has(&cache, "a", 1));
    put(&cache, "e", 5, 5);
    assert_int_equal(closed[3], 1);
    assert_int_equal(cache.count, 3);
    tn__cache_free(&cache);
    for (int i = 1; i <= 5; i++)
        assert_int_equal(closed[i], 1);
}

static void the_order_holds_over_many_uses(void **state)
{
    char text[16];

    (void)state;
    tn__cache cache = make(20);
    for (int i = 0; i < 50; i++) {
        snprintf(text, sizeof(text), "s%d", i);
        put(&cache, text, tn__hash(text, strlen(text)), i);
        assert_true(cache.count <= 20);
        /* The first one is used all the time, and stays. */
        assert_true(has(&cache, "s0", tn__hash("s0", 2)));
    }
    for (int i = 1; i < 31; i++)
        assert_int_equal(closed[i], 1);
    for (int i = 31; i < 50; i++)
        assert_int_equal(closed[i], 0);
    assert_int_equal(closed[0], 0);
    tn__cache_free(&cache);
}

static void an_evicted_statement_in_use_is_closed_by_its_last_user(void **state)
{
    (void)state;
    tn__cache cache = make(1);
    tn__cached *used = add(&cache, "a", 1, 1);
    tn__cached *again = find(&cache, "a", 1);
    assert_ptr_equal(used, again);
    put(&cache, "b", 2, 2);
    assert_false(has(&cache, "a", 1));
    tn__cache_release(&cache, used);
    assert_int_equal(closed[1], 0);
    tn__cache_release(&cache, again);
    assert_int_equal(closed[1], 1);
    assert_true(has(&cache, "b", 2));
    tn__cache_free(&cache);
}

static void a_dropped_statement_is_not_found_again(void **state)
{
    (void)state;
    tn__cache cache = make(4);
    put(&cache, "a", 1, 1);
    put(&cache, "b", 2, 2);
    tn__cached *entry = find(&cache, "a", 1);
    tn__cache_drop(&cache, entry);
    assert_int_equal(closed[1], 0);
    assert_false(has(&cache, "a", 1));
    tn__cache_drop(&cache, entry); /* twice does nothing */
    tn__cache_release(&cache, entry);
    assert_int_equal(closed[1], 1);
    put(&cache, "a", 1, 3);
    assert_true(has(&cache, "a", 1));
    assert_int_equal(cache.count, 2);
    tn__cache_free(&cache);
    assert_int_equal(closed[1], 1);
    assert_int_equal(closed[3], 1);
}

static void capacity_zero_keeps_nothing(void **state)
{
    (void)state;
    tn__cache cache = make(0);
    tn__cached *entry = add(&cache, "a", 1, 1);
    assert_int_equal(closed[1], 0);
    assert_false(has(&cache, "a", 1));
    tn__cache_release(&cache, entry);
    assert_int_equal(closed[1], 1);
    tn__cache_free(&cache);
}

static void equal_hashes_are_told_apart_by_the_text(void **state)
{
    (void)state;
    tn__cache cache = make(8);
    put(&cache, "a", 42, 1);
    put(&cache, "b", 42, 2);
    put(&cache, "ab", 42, 3);
    put(&cache, "", 42, 4);
    tn__cached *entry = find(&cache, "b", 42);
    assert_ptr_equal(entry->drv, &closed[2]);
    tn__cache_drop(&cache, entry); /* out of the middle of the chain */
    tn__cache_release(&cache, entry);
    assert_int_equal(closed[2], 1);
    assert_true(has(&cache, "a", 42));
    assert_true(has(&cache, "ab", 42));
    assert_true(has(&cache, "", 42));
    assert_false(has(&cache, "b", 42));
    assert_false(has(&cache, "a", 43));
    tn__cache_free(&cache);
    assert_int_equal(closed[1] + closed[2] + closed[3] + closed[4], 4);
}

static void hits_and_misses_are_counted(void **state)
{
    (void)state;
    tn__cache cache = make(2);
    put(&cache, "a", 1, 1);
    assert_int_equal(cache.misses, 1);
    assert_true(has(&cache, "a", 1));
    assert_true(has(&cache, "a", 1));
    assert_false(has(&cache, "b", 2));
    assert_int_equal(cache.hits, 2);
    assert_int_equal(cache.misses, 2);
    tn__cache_free(&cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_entry_is_a_copy_with_its_first_word),
        cmocka_unit_test(a_text_is_recalled_where_it_stood_while_it_is_the_same),
        cmocka_unit_test(what_is_not_kept_is_not_remembered),
        cmocka_unit_test(the_least_recently_used_goes_first),
        cmocka_unit_test(the_order_holds_over_many_uses),
        cmocka_unit_test(an_evicted_statement_in_use_is_closed_by_its_last_user),
        cmocka_unit_test(a_dropped_statement_is_not_found_again),
        cmocka_unit_test(capacity_zero_keeps_nothing),
        cmocka_unit_test(equal_hashes_are_told_apart_by_the_text),
        cmocka_unit_test(hits_and_misses_are_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
