/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <tenon/query.h>

static void test_quote(void **state)
{
    char long63[64], long64[65], quotes[64];
    char buf[200], small[4];

    (void)state;
    assert_int_equal(tn_quote_identifier(S("users"), buf, sizeof(buf)), 7);
    assert_string_equal(buf, "\"users\"");
    tn_quote_identifier(S("my\"table"), buf, sizeof(buf));
    assert_string_equal(buf, "\"my\"\"table\"");
    tn_quote_identifier(S("a;--\n'x' \\"), buf, sizeof(buf));
    assert_string_equal(buf, "\"a;--\n'x' \\\"");
    tn_quote_identifier(S("gr\xc3\xb6\xc3\x9f"
                          "e"),
                        buf, sizeof(buf));
    assert_string_equal(buf, "\"gr\xc3\xb6\xc3\x9f"
                             "e\"");

    assert_int_equal(tn_quote_identifier(S("users"), NULL, 0), 7);
    assert_int_equal(tn_quote_identifier(S("users"), small, sizeof(small)), 7);
    assert_string_equal(small, "\"us");

    strcpy(buf, "?");
    assert_int_equal(tn_quote_identifier(S(""), buf, sizeof(buf)), 0);
    assert_string_equal(buf, "");
    assert_int_equal(tn_quote_identifier(S("a\0b"), buf, sizeof(buf)), 0);
    assert_int_equal(tn_quote_identifier(S("\xff"), buf, sizeof(buf)), 0);
    memset(long63, 'n', 63);
    memset(long64, 'n', 64);
    memset(quotes, '"', 63);
    assert_int_equal(tn_quote_identifier((tn_str){long63, 63}, buf, sizeof(buf)), 65);
    assert_int_equal(tn_quote_identifier((tn_str){long64, 64}, buf, sizeof(buf)), 0);
    assert_int_equal(tn_quote_identifier((tn_str){quotes, 63}, buf, sizeof(buf)), 128);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_quote)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
