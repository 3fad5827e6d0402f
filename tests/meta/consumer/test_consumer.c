/* SPDX-License-Identifier: MIT */
/* A test of somebody's own: two databases made of one template. */
#include <stdio.h>

#include <tenon/tenon.h>
#include <tenon/testing.h>

static int fail(const tn_error *err)
{
    tn_error_print(stderr, err);
    return 1;
}

int main(void)
{
    tn_testing_options options = TN_TESTING_OPTIONS_INIT;
    tn_error err = TN_ERROR_INIT;
    int64_t n = 0;

    options.script = "create table t (a integer)";
    tn_template *t = tn_testing_template(&options, &err);
    tn_db *one = t ? tn_testing_fresh(t, &err) : NULL;
    tn_db *other = one ? tn_testing_fresh(t, &err) : NULL;
    if (!other || tn_exec(one, "insert into t values (1)", NULL, NULL, &err) != TN_OK ||
        tn_get(other, "select count(*) from t", NULL, tn_into(&n), &err) != TN_OK ||
        tn_testing_end(one, &err) != TN_OK || tn_testing_end(other, &err) != TN_OK ||
        tn_testing_free(t, &err) != TN_OK)
        return fail(&err);
    return n == 0 ? 0 : 1;
}
