/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include "base/str.h"

static void test_valid(void **state)
{
    static const struct {
        const char *name;
        bool valid;
    } rows[] = {
        {"plain", true},
        {"longer than one word of eight", true},
        {"\xc2\x80", true},              /* U+0080 */
        {"\xdf\xbf", true},              /* U+07FF */
        {"\xe0\xa0\x80", true},          /* U+0800 */
        {"\xed\x9f\xbf", true},          /* U+D7FF */
        {"\xee\x80\x80", true},          /* U+E000 */
        {"\xef\xbf\xbf", true},          /* U+FFFF */
        {"\xf0\x90\x80\x80", true},      /* U+10000 */
        {"\xf4\x8f\xbf\xbf", true},      /* U+10FFFF */
        {"\xc0\x80", false},             /* overlong NUL */
        {"\xc1\xbf", false},             /* overlong */
        {"\xe0\x9f\xbf", false},         /* overlong */
        {"\xf0\x8f\xbf\xbf", false},     /* overlong */
        {"\xed\xa0\x80", false},         /* surrogate */
        {"\xed\xbf\xbf", false},         /* surrogate */
        {"\xf4\x90\x80\x80", false},     /* beyond the end */
        {"\xf5\x80\x80\x80", false},     /* never */
        {"\xf8\x88\x80\x80\x80", false}, /* five bytes */
        {"\xff", false},
        {"\xfe", false},
        {"\x80", false},         /* continuation alone */
        {"\xc3", false},         /* cut */
        {"\xe2\x82", false},     /* cut */
        {"\xf0\x9f\x98", false}, /* cut */
        {"\xc3(", false},        /* no continuation */
        {"\xe2(\xa1", false},
        {"\xe2\x82(", false},
        {"\xf0(\x8c\xbc", false},
        {"12345678\xff", false}, /* behind a whole word */
        {"1234567\xc3\xa4"
         "9",
         true}, /* across the words */
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        tn_str copy = exact_copy(tn_str_from(rows[i].name));
        check_row(tn__utf8_valid(copy.ptr, copy.len) == rows[i].valid, i);
        free((char *)copy.ptr);
    }
    assert_true(tn__utf8_valid("a\0b", 3));
    assert_true(tn__utf8_valid(NULL, 0));
}

/* Every code point, written by the definition, is valid; so is no surrogate. */
static void test_all_code_points(void **state)
{
    (void)state;
    for (uint32_t c = 0x80; c <= 0x110000; c++) {
        unsigned char b[4];
        size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

        if (n == 2) {
            b[0] = (unsigned char)(0xc0 | c >> 6);
        } else if (n == 3) {
            b[0] = (unsigned char)(0xe0 | c >> 12);
            b[1] = (unsigned char)(0x80 | (c >> 6 & 0x3f));
        } else {
            b[0] = (unsigned char)(0xf0 | c >> 18);
            b[1] = (unsigned char)(0x80 | (c >> 12 & 0x3f));
            b[2] = (unsigned char)(0x80 | (c >> 6 & 0x3f));
        }
        b[n - 1] = (unsigned char)(0x80 | (c & 0x3f));
        bool want = c <= 0x10ffff && !(c >= 0xd800 && c <= 0xdfff);
        if (tn__utf8_valid((char *)b, n) != want)
            fail_msg("U+%04X", c);
        if (tn__utf8_printable((char *)b, n) != (want && c >= 0xa0 ? n : 0))
            fail_msg("printable U+%04X", c);
    }
}

static void test_printable_ascii(void **state)
{
    (void)state;
    for (int c = 0; c < 0x80; c++) {
        char text = (char)c;
        assert_int_equal(tn__utf8_printable(&text, 1), c >= 0x20 && c != 0x7f);
    }
    assert_int_equal(tn__utf8_printable("\xc3", 1), 0);
    assert_int_equal(tn__utf8_printable("\xc2", 1), 0);
}

static void test_cut(void **state)
{
    /* a ae euro smile: 1 + 2 + 3 + 4 bytes */
    const char *text = "a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80";
    const size_t want[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 10};

    (void)state;
    for (size_t max = 0; max < COUNT_OF(want); max++)
        assert_int_equal(tn__utf8_cut(text, 10, max), want[max]);
    /* Not UTF-8: it is cut somewhere, and not before three bytes back. */
    assert_int_equal(tn__utf8_cut("\x80\x80\x80\x80\x80\x80\x80\x80", 8, 7), 7);
    assert_int_equal(tn__utf8_cut("", 0, 0), 0);
}

static void test_count(void **state)
{
    (void)state;
    assert_int_equal(tn__utf8_count("a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", 10), 4);
    assert_int_equal(tn__utf8_count(NULL, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_valid),           cmocka_unit_test(test_all_code_points),
        cmocka_unit_test(test_printable_ascii), cmocka_unit_test(test_cut),
        cmocka_unit_test(test_count),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
