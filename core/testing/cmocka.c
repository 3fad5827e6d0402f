/* SPDX-License-Identifier: MIT */
/* Setup and teardown functions of cmocka's form. */
#include <stdio.h>

#include "testing/template.h"

static int fail(const char *what, const tn_error *err)
{
    fprintf(stderr, "%s: ", what);
    tn_error_print(stderr, err);
    return -1;
}

int tn_testing_group(void **state, const tn_testing_options *options)
{
    tn_error err = TN_ERROR_INIT;

    *state = tn_testing_template(options, &err);
    return *state ? 0 : fail("tn_testing_group", &err);
}

int tn_testing_group_end(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_template *t = *state;

    *state = NULL;
    return tn_testing_free(t, &err) == TN_OK ? 0 : fail("tn_testing_group_end", &err);
}

int tn_testing_setup_fresh(void **state)
{
    tn_error err = TN_ERROR_INIT;

    *state = tn_testing_fresh(*state, &err);
    return *state ? 0 : fail("tn_testing_setup_fresh", &err);
}

int tn_testing_setup_rollback(void **state)
{
    tn_error err = TN_ERROR_INIT;

    *state = tn_testing_rollback(*state, &err);
    return *state ? 0 : fail("tn_testing_setup_rollback", &err);
}

int tn_testing_teardown(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *db = *state;

    *state = NULL;
    return tn_testing_end(db, &err) == TN_OK ? 0 : fail("tn_testing_teardown", &err);
}
