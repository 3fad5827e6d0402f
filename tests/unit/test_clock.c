/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <limits.h>
#include <time.h>

#include "base/clock.h"

static void test_deadline_after(void **state)
{
    static const struct {
        const char *name;
        int64_t now, ms, want;
    } rows[] = {
        {"now", 5, 0, 5},
        {"a second", 5, 1000, 5 + TN__NS_PER_S},
        {"none", 5, -1, TN_NO_DEADLINE},
        {"least", 5, INT64_MIN, TN_NO_DEADLINE},
        {"product overflows", 5, INT64_MAX, TN_NO_DEADLINE},
        {"product just fits, sum does not", INT64_MAX - 5, 1, TN_NO_DEADLINE},
        {"just fits", INT64_MAX - TN__NS_PER_MS - 1, 1, INT64_MAX - 1},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        check_row(tn__deadline_after_ms(rows[i].now, rows[i].ms) == rows[i].want, i);
}

static void test_poll(void **state)
{
    static const struct {
        const char *name;
        int64_t deadline, now;
        int want;
    } rows[] = {
        {"none", TN_NO_DEADLINE, 0, -1},
        {"none, late", TN_NO_DEADLINE, INT64_MAX - 1, -1},
        {"reached", 10, 10, 0},
        {"passed", 9, 10, 0},
        {"far passed", INT64_MIN, INT64_MAX, 0},
        {"a nanosecond is rounded up", 11, 10, 1},
        {"exactly one", TN__NS_PER_MS, 0, 1},
        {"one and a bit", TN__NS_PER_MS + 1, 0, 2},
        {"more than poll can wait", INT64_MAX - 1, 0, INT_MAX},
        {"difference overflows", INT64_MAX - 1, -10, INT_MAX},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        check_row(tn__deadline_poll_ms(rows[i].deadline, rows[i].now) == rows[i].want, i);
}

static void test_min(void **state)
{
    (void)state;
    assert_true(tn__deadline_min(1, 2) == 1);
    assert_true(tn__deadline_min(TN_NO_DEADLINE, 2) == 2);
    assert_true(tn__deadline_min(TN_NO_DEADLINE, TN_NO_DEADLINE) == TN_NO_DEADLINE);
}

static void test_clocks(void **state)
{
    int64_t before = tn__now_ns(), after;
    time_t now = time(NULL);

    (void)state;
    after = tn__now_ns();
    assert_true(before > 0 && after >= before);
    assert_true(tn__wall_us() / 1000000 - (int64_t)now <= 60);
    assert_true(tn__wall_us() / 1000000 - (int64_t)now >= -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_deadline_after),
        cmocka_unit_test(test_poll),
        cmocka_unit_test(test_min),
        cmocka_unit_test(test_clocks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
