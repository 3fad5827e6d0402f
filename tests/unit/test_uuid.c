/* SPDX-License-Identifier: MIT */
#include "unit.h"

static void test_parse(void **state)
{
    static const struct {
        const char *name;
        bool ok;
    } rows[] = {
        {"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", true},
        {"A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", true},
        {"{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}", true},
        {"a0eebc999c0b4ef8bb6d6bb9bd380a11", true},
        {"a0ee-bc99-9c0b-4ef8-bb6d-6bb9-bd38-0a11", true},
        {"{a0eebc99-9c0b4ef8-bb6d6bb9-bd380a11}", true},
        {" a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11\n", true},
        {"", false},
        {"{}", false},
        {"{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", false},
        {"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}", false},
        {"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1", false},
        {"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a111", false},
        {"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11-", false},
        {"a0eebc99--9c0b-4ef8-bb6d-6bb9bd380a11", false},
        {"-a0eebc999c0b4ef8bb6d6bb9bd380a11", false},
        {"a0-eebc999c0b4ef8bb6d6bb9bd380a11", false},
        {"g0eebc999c0b4ef8bb6d6bb9bd380a11", false},
        {"a0eebc99 9c0b 4ef8 bb6d 6bb9bd380a11", false},
    };
    char buf[TN_UUID_TEXT_SIZE];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        tn_uuid uuid = {{9}};
        tn_str copy = exact_copy(tn_str_from(rows[i].name));
        check_row(tn_uuid_parse(copy, &uuid) == rows[i].ok, i);
        tn_uuid_format(uuid, buf);
        check_row(strcmp(buf, rows[i].ok ? "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"
                                         : "09000000-0000-0000-0000-000000000000") == 0,
                  i);
        free((char *)copy.ptr);
    }
}

static void test_random(void **state)
{
    enum { N = 1000 };
    static tn_uuid seen[N];
    uint8_t any[16] = {0}, all[16];

    (void)state;
    memset(all, 0xff, sizeof(all));
    for (int i = 0; i < N; i++) {
        seen[i] = tn_uuid_random();
        assert_int_equal(seen[i].bytes[6] >> 4, 4);
        assert_int_equal(seen[i].bytes[8] >> 6, 2);
        for (int j = 0; j < 16; j++) {
            any[j] |= seen[i].bytes[j];
            all[j] &= seen[i].bytes[j];
        }
        for (int j = 0; j < i; j++)
            assert_memory_not_equal(&seen[i], &seen[j], sizeof(tn_uuid));
    }
    for (int j = 0; j < 16; j++) { /* every free bit was 0 and was 1 */
        assert_int_equal(any[j], j == 6 ? 0x4f : j == 8 ? 0xbf : 0xff);
        assert_int_equal(all[j], j == 6 ? 0x40 : j == 8 ? 0x80 : 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_random),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
