/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include "base/buf.h"

static void test_appends(void **state)
{
    tn__buf buf;

    (void)state;
    tn__buf_init(&buf, TN__BUF_MAX);
    assert_null(buf.ptr);
    assert_true(tn__buf_puts(&buf, "ab"));
    assert_true(tn__buf_putc(&buf, 'c'));
    assert_true(tn__buf_str(&buf, S("d\0e")));
    assert_true(tn__buf_printf(&buf, "%d-%s", 42, "x"));
    assert_int_equal(buf.len, 10);
    assert_memory_equal(buf.ptr, "abcd\0e42-x", 11);
    tn__buf_free(&buf);
    assert_null(buf.ptr);
    tn__buf_free(&buf);
    tn__buf_free(NULL);
}

static void test_grows_to_a_megabyte(void **state)
{
    tn__buf buf;

    (void)state;
    tn__buf_init(&buf, TN__BUF_MAX);
    for (size_t i = 0; i < 1 << 20; i++)
        assert_true(tn__buf_putc(&buf, (char)('a' + i % 26)));
    for (size_t i = 0; i < 1 << 20; i++)
        assert_int_equal(buf.ptr[i], 'a' + i % 26);
    assert_int_equal(buf.ptr[1 << 20], '\0');
    tn__buf_free(&buf);
}

static void test_maximum_is_hard_and_sticky(void **state)
{
    tn__buf buf;

    (void)state;
    tn__buf_init(&buf, 4);
    assert_true(tn__buf_puts(&buf, "1234"));
    assert_false(tn__buf_putc(&buf, '5'));
    assert_true(buf.failed);
    assert_string_equal(buf.ptr, "1234");
    assert_false(tn__buf_puts(&buf, ""));
    assert_null(tn__buf_reserve(&buf, 0));
    tn__buf_reset(&buf);
    assert_false(buf.failed);
    assert_true(tn__buf_puts(&buf, "12"));
    assert_false(tn__buf_printf(&buf, "%s", "345"));
    assert_string_equal(buf.ptr, "12");
    assert_null(tn__buf_take(&buf));
    assert_null(buf.ptr);
    /* Usable again, the maximum is kept. */
    assert_true(buf.max == 4 && tn__buf_puts(&buf, "abcd") && !tn__buf_putc(&buf, 'e'));
    tn__buf_free(&buf);

    tn__buf_init(&buf, 0);
    assert_true(tn__buf_append(&buf, NULL, 0));
    assert_string_equal(buf.ptr, "");
    assert_false(tn__buf_putc(&buf, 'x'));
    tn__buf_free(&buf);
}

static void test_huge_requests_fail(void **state)
{
    const size_t sizes[] = {SIZE_MAX, SIZE_MAX - 1, SIZE_MAX / 2, TN__BUF_MAX + 1};
    tn__buf buf;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        tn__buf_init(&buf, TN__BUF_MAX);
        assert_true(tn__buf_putc(&buf, 'x'));
        assert_null(tn__buf_reserve(&buf, sizes[i]));
        assert_true(buf.failed);
        tn__buf_free(&buf);
        tn__buf_init(&buf, SIZE_MAX); /* clamped: max + 1 must not wrap */
        assert_null(tn__buf_reserve(&buf, SIZE_MAX));
        tn__buf_free(&buf);
    }
}

static void test_reserve_and_commit(void **state)
{
    tn__buf buf;
    char *room;

    (void)state;
    tn__buf_init(&buf, 1000);
    room = tn__buf_reserve(&buf, 100);
    assert_non_null(room);
    memset(room, 'z', 100);
    tn__buf_commit(&buf, 3);
    assert_int_equal(buf.len, 3);
    assert_string_equal(buf.ptr, "zzz");
    tn__buf_free(&buf);
}

static void test_take(void **state)
{
    tn__buf buf;
    char *text;

    (void)state;
    tn__buf_init(&buf, 1000);
    text = tn__buf_take(&buf);
    assert_string_equal(text, "");
    free(text);
    tn__buf_puts(&buf, "hello");
    text = tn__buf_take(&buf);
    assert_string_equal(text, "hello");
    assert_int_equal(buf.len, 0);
    assert_null(buf.ptr);
    free(text);
}

static void test_printf_at_every_length(void **state)
{
    char text[300];
    tn__buf buf;

    (void)state;
    memset(text, 'q', sizeof(text));
    tn__buf_init(&buf, TN__BUF_MAX);
    for (int len = 0; len < (int)sizeof(text); len++) {
        size_t before = buf.len;
        assert_true(tn__buf_printf(&buf, "%.*s", len, text));
        assert_int_equal(buf.len, before + (size_t)len);
        assert_int_equal(strlen(buf.ptr), buf.len);
        if (len % 50 == 0)
            tn__buf_reset(&buf);
    }
    tn__buf_free(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_appends),
        cmocka_unit_test(test_grows_to_a_megabyte),
        cmocka_unit_test(test_maximum_is_hard_and_sticky),
        cmocka_unit_test(test_huge_requests_fail),
        cmocka_unit_test(test_reserve_and_commit),
        cmocka_unit_test(test_take),
        cmocka_unit_test(test_printf_at_every_length),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
