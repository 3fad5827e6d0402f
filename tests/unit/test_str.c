/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include "base/str.h"

static void test_trim(void **state)
{
    (void)state;
    check_str(tn__str_trim(S(" \t\r\n a b \n")), "a b");
    check_str(tn__str_trim(S("   ")), "");
    check_str(tn__str_trim(S("")), "");
    check_str(tn__str_trim((tn_str){NULL, 0}), "");
    check_str(tn__str_trim(S("\va\f")), "\va\f"); /* those four only */
}

static void test_compare(void **state)
{
    (void)state;
    assert_true(tn__str_iequal(S("AbC-1_z"), S("aBc-1_Z")));
    assert_false(tn__str_iequal(S("abc"), S("abcd")));
    assert_false(tn__str_iequal(S("a[b"), S("a{b"))); /* 32 apart, but no letters */
    assert_false(tn__str_iequal(S("\xc3\x84"), S("\xc3\xa4")));
    assert_true(tn__str_iequal((tn_str){NULL, 0}, S("")));
    assert_true(tn__str_starts(S("abc"), S("ab")) && tn__str_starts(S("abc"), S("")));
    assert_false(tn__str_starts(S("ab"), S("abc")));
    assert_true(tn__str_ends(S("abc"), S("bc")) && tn__str_ends(S("abc"), S("abc")));
    assert_false(tn__str_ends(S("c"), S("bc")) || tn__str_ends(S("abc"), S("ab")));
}

static void test_split(void **state)
{
    static const struct {
        const char *name;
        const char *parts[5];
        size_t n;
    } rows[] = {
        {"a,b,c", {"a", "b", "c"}, 3}, {"a", {"a"}, 1},           {"", {""}, 1}, {",", {"", ""}, 2},
        {"a,", {"a", ""}, 2},          {",,a", {"", "", "a"}, 3},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        tn_str rest = tn_str_from(rows[i].name), head;
        size_t n = 0;

        while (tn__str_split(&rest, ',', &head)) {
            check_row(n < rows[i].n, i);
            check_str(head, rows[i].parts[n++]);
        }
        check_row(n == rows[i].n, i);
    }
    tn_str none = {NULL, 0}, head = S("untouched");
    assert_false(tn__str_split(&none, ',', &head));
    check_str(head, "untouched");
}

/* The values are written down: they may be stored, and must not change with a version. */
static void test_hash_is_stable(void **state)
{
    char text[64];
    uint64_t seen[64];

    (void)state;
    assert_true(tn__hash("", 0) == tn__hash(NULL, 0));
    assert_true(tn__hash("select 1", 8) == UINT64_C(0x17a88fede2ee919d));
    assert_true(tn__hash("select $1::int8 + 1", 19) == UINT64_C(0x99ee3b0b814c142f));
    /* Each length and each bit of each byte counts. */
    memset(text, 'a', sizeof(text));
    for (size_t len = 0; len < COUNT_OF(seen); len++) {
        seen[len] = tn__hash(text, len);
        for (size_t i = 0; i < len; i++) {
            assert_true(seen[i] != seen[len]);
            for (int bit = 0; bit < 8; bit++) {
                text[i] = (char)(text[i] ^ (1 << bit));
                assert_true(tn__hash(text, len) != seen[len]);
                text[i] = (char)(text[i] ^ (1 << bit));
            }
        }
    }
}

static int compare_hashes(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

static void test_hash_spreads(void **state)
{
    enum { N = 100000 };
    uint64_t *hashes = malloc(N * sizeof(*hashes));
    size_t low[256] = {0};

    (void)state;
    assert_non_null(hashes);
    for (int i = 0; i < N; i++) {
        char text[64];
        int len = snprintf(text, sizeof(text), "select * from t where id = %d", i);
        hashes[i] = tn__hash(text, (size_t)len);
        low[hashes[i] & 255]++;
    }
    qsort(hashes, N, sizeof(*hashes), compare_hashes);
    for (int i = 1; i < N; i++)
        assert_true(hashes[i] != hashes[i - 1]);
    for (int i = 0; i < 256; i++) /* 391 each, if even */
        assert_true(low[i] > 250 && low[i] < 550);
    free(hashes);
}

static void test_hex(void **state)
{
    (void)state;
    for (int c = -128; c < 256; c++) {
        int want = c >= '0' && c <= '9'   ? c - '0'
                   : c >= 'a' && c <= 'f' ? c - 'a' + 10
                   : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                          : -1;
        assert_int_equal(tn__hex_digit((char)c), want);
    }
}

static void test_copy_text(void **state)
{
    static const struct {
        const char *name;
        size_t size;
        const char *want;
    } rows[] = {
        {"hello", 6, "hello"},
        {"hello!", 6, "he..."},
        {"", 1, ""},
        {"x", 1, ""},
        {"abcdef", 5, "a..."},
        {"abcdef", 4, ""}, /* no room for anything but the dots */
        {"a\xc3\xa4\xc3\xa4\xc3\xa4", 7, "a\xc3\xa4..."},
        {"a\xc3\xa4\xc3\xa4\xc3\xa4", 6, "a..."},
        {"\xf0\x9f\x98\x80\xf0\x9f\x98\x80", 8, "\xf0\x9f\x98\x80..."},
        {"\xf0\x9f\x98\x80\xf0\x9f\x98\x80", 7, "..."},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char buf[32];

        memset(buf, '#', sizeof(buf));
        tn__copy_text(buf, rows[i].size, tn_str_from(rows[i].name));
        check_row(strcmp(buf, rows[i].want) == 0, i);
        check_row(buf[rows[i].size] == '#', i);
    }
    tn__copy_text(NULL, 0, S("x"));
}

static void test_wipe(void **state)
{
    char secret[] = "secret";

    (void)state;
    tn__wipe(secret, sizeof(secret));
    for (size_t i = 0; i < sizeof(secret); i++)
        assert_int_equal(secret[i], 0);
    tn__wipe(NULL, 10);
}

static void test_among(void **state)
{
    (void)state;
    assert_true(tn__str_among("off|on|auto", '|', S("off")));
    assert_true(tn__str_among("off|on|auto", '|', S("on")));
    assert_true(tn__str_among("off|on|auto", '|', S("auto")));
    assert_false(tn__str_among("off|on|auto", '|', S("au")));
    assert_false(tn__str_among("off|on|auto", '|', S("off|on")));
    assert_false(tn__str_among("off|on|auto", '|', S("")));
    assert_true(tn__str_among("a b", ' ', S("b")));
    assert_false(tn__str_among(NULL, '|', S("a")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_trim),         cmocka_unit_test(test_compare),
        cmocka_unit_test(test_split),        cmocka_unit_test(test_hash_is_stable),
        cmocka_unit_test(test_hash_spreads), cmocka_unit_test(test_hex),
        cmocka_unit_test(test_copy_text),    cmocka_unit_test(test_wipe),
        cmocka_unit_test(test_among),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
