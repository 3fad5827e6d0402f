/* SPDX-License-Identifier: MIT */
/* w9c: a fresh copy of a template for each test, as <tenon/testing.h> gives it. */
#include "through/tenon.h"

#include <stdio.h>
#include <tenon/testing.h>

static tn_template *make_template(void)
{
    static char script[BENCH_CLONE_TABLES * 160];
    tn_error err = TN_ERROR_INIT;
    tn_testing_options options = TN_TESTING_OPTIONS_INIT;
    tn_template *from;
    size_t length = 0;

    for (int i = 0; i < BENCH_CLONE_TABLES; i++) {
        bench_small_table(i, script + length, sizeof(script) - length - 2);
        length += strlen(script + length);
        script[length++] = ';';
        script[length] = '\0';
    }
    options.url = "sqlite::memory:";
    options.script = script;
    from = tn_testing_template(&options, &err);
    if (!from)
        tenon_fail("template", &err);
    return from;
}

void tenon_w9c(struct bench_run *run)
{
    tn_error err = TN_ERROR_INIT;
    tn_template *from = make_template();

    bench_start(run);
    for (int64_t n = 0; n < run->operations; n++) {
        int64_t count;
        tn_db *db = tn_testing_fresh(from, &err);
        if (!db ||
            tn_get(db, "select count(*) from small_0", NULL, tn_into(&count), &err) != TN_OK ||
            tn_testing_end(db, &err) != TN_OK)
            tenon_fail("clone", &err);
        run->checksum += (uint64_t)(count + 1);
    }
    bench_stop(run);
    if (tn_testing_free(from, &err) != TN_OK)
        tenon_fail("template", &err);
}
