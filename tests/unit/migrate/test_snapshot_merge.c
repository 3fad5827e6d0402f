/* SPDX-License-Identifier: MIT */
/* core/migrate: what is meant to be after a migration, where something had drifted before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "migrate/snapshot.h"

/* "a=1 b=2": views of these names and texts. */
static tn_schema *schema(const char *objects)
{
    char text[1024] = "", name[16], value[16];
    tn_error err = TN_ERROR_INIT;
    tn_schema *made = NULL;
    int n = 0;

    for (; sscanf(objects, " %15[^=]=%15s%n", name, value, &n) == 2; objects += n)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "-- view: %s\n%s;\n\n", name,
                 value);
    assert_int_equal(tn_schema_parse(tn_str_from(text), &made, &err), TN_OK);
    return made;
}

static void merge(const char *expected, const char *before, const char *after, const char *result)
{
    tn_schema *e = schema(expected), *b = schema(before), *a = schema(after);
    tn_schema *r = schema(result), *merged = NULL;
    tn_error err = TN_ERROR_INIT;

    assert_int_equal(tn__snapshot_merge(e, b, a, &merged, &err), TN_OK);
    if (strcmp(tn_schema_fingerprint(merged), tn_schema_fingerprint(r)) != 0)
        fail_msg("%s | %s | %s: %s", expected, before, after, tn_schema_text(merged).ptr);
    tn_schema_free(e);
    tn_schema_free(b);
    tn_schema_free(a);
    tn_schema_free(r);
    tn_schema_free(merged);
}

static void without_drift_it_is_what_there_is(void **state)
{
    (void)state;
    merge("a=1 b=2", "a=1 b=2", "a=1 b=3 c=4", "a=1 b=3 c=4");
    merge("a=1 b=2", "a=1 b=2", "b=2", "b=2");
    merge("", "", "a=1", "a=1");
}

static void drift_stays_what_it_was(void **state)
{
    (void)state;
    merge("a=1 b=2", "a=1 b=9", "a=1 b=9 c=4", "a=1 b=2 c=4"); /* changed by hand */
    merge("a=1", "a=1 x=9", "a=1 x=9 c=4", "a=1 c=4");         /* made by hand */
    merge("a=1 b=2", "a=1", "a=1 c=4", "a=1 c=4 b=2");         /* dropped by hand */
}

static void what_a_migration_touches_is_meant(void **state)
{
    (void)state;
    merge("a=1 b=2", "a=1 b=9", "a=1 b=3", "a=1 b=3"); /* it was changed again */
    merge("a=1 b=2", "a=1 b=9", "a=1", "a=1");         /* and dropped */
    merge("a=1", "a=1 x=9", "a=1 x=8", "a=1 x=8");
    merge("a=1 b=2", "a=1", "a=1 b=5", "a=1 b=5"); /* made anew */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_drift_it_is_what_there_is),
        cmocka_unit_test(drift_stays_what_it_was),
        cmocka_unit_test(what_a_migration_touches_is_meant),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
