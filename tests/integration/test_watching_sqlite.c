/* SPDX-License-Identifier: MIT */
/* What can be seen of a client's work, on SQLite. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "watching.h"

static const char url[] = "sqlite::memory:";

#define CASE(name)                 \
    static void name(void **state) \
    {                              \
        (void)state;               \
        watching_##name(url);      \
    }
CASE(events_come_in_pairs)
CASE(a_context_changes_nothing_else)
CASE(positions_stay)
CASE(no_value_is_logged)
CASE(figures_are_true)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_come_in_pairs), cmocka_unit_test(a_context_changes_nothing_else),
        cmocka_unit_test(positions_stay),       cmocka_unit_test(no_value_is_logged),
        cmocka_unit_test(figures_are_true),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
