/* SPDX-License-Identifier: MIT */
#include "unit.h"

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(tn_type_name(TN_TYPE_INT64), "bigint");
    assert_string_equal(tn_type_name(TN_TYPE_TIMESTAMPTZ), "timestamp with time zone");
    assert_string_equal(tn_type_name((tn_type)(TN_TYPE_OTHER + 1)), "unknown");
    assert_string_equal(tn_type_name((tn_type)-1), "unknown");
    for (int a = 0; a <= TN_TYPE_OTHER; a++)
        for (int b = 0; b < a; b++)
            assert_string_not_equal(tn_type_name((tn_type)a), tn_type_name((tn_type)b));
}

static void test_views(void **state)
{
    (void)state;
    check_str(tn_str_from("abc"), "abc");
    assert_int_equal(tn_str_from(NULL).len, 0);
    assert_int_equal(tn_json_from("{}").len, 2);
    assert_int_equal(tn_json_from(NULL).len, 0);
    assert_int_equal(tn_numeric_from("1.5").len, 3);
    assert_int_equal(tn_numeric_from(NULL).len, 0);
    assert_true(tn_str_equal(S("a\0b"), S("a\0b")));
    assert_false(tn_str_equal(S("a\0b"), S("a\0c")));
    assert_false(tn_str_equal(S("a"), S("ab")));
    assert_true(tn_str_equal((tn_str){NULL, 0}, S("")));
}

/* What the driver contract and the tests of compatibility count on. */
static void test_layout(void **state)
{
    (void)state;
    assert_int_equal(sizeof(tn_value), 16);
    assert_int_equal(offsetof(tn_value, len), 8);
    assert_int_equal(offsetof(tn_value, type), 12);
    assert_int_equal(sizeof(tn_uuid), 16);
    assert_int_equal(sizeof(tn_interval), 16);
}

static void test_tn_free(void **state)
{
    (void)state;
    tn_free(NULL);
    tn_free(strdup("x"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_views),
        cmocka_unit_test(test_layout),
        cmocka_unit_test(test_tn_free),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
