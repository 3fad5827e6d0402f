/* SPDX-License-Identifier: MIT */
/*
 * The books balance whatever breaks: nothing that was acknowledged is lost, nothing is done twice,
 * nothing that failed is there. And the checker that says so is able to say otherwise: clients that
 * try blindly again give duplicates, a failover to an asynchronous standby loses what was
 * acknowledged, and files that do not tell the truth are found out.
 *
 * TENON_LEDGER_SEED chooses the faults; without it they differ from run to run. It is printed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "campaign.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SOAK_S = 20, CONTROL_S = 8, SLACK_MS = 15000 };
#else
enum { SOAK_S = 60, CONTROL_S = 8, SLACK_MS = 2500 };
#endif
enum { UNKNOWN_MOST_PPM = 1000 };

static uint64_t seed(void)
{
    const char *text = getenv("TENON_LEDGER_SEED");

    return text ? strtoull(text, NULL, 10) : (uint64_t)time(NULL);
}

static void nothing_is_lost_or_done_twice(void **state)
{
    ledger_options options = LEDGER_OPTIONS_INIT;
    ledger_result r;
    unsigned faults = 0;

    (void)state;
    options.seconds = SOAK_S;
    options.seed = seed();
    print_message("seed %llu\n", (unsigned long long)options.seed);
    assert_true(ledger_campaign(&options, &r));
    ledger_report(stdout, &options, &r);
    for (int i = 0; i < CHAOS_KINDS; i++)
        faults += r.faults[i];
    assert_true(faults >= SOAK_S / 3);
    assert_true(r.verdict.acknowledged > 100);
    assert_int_equal(r.verdict.lost, 0);
    assert_int_equal(r.verdict.duplicates, 0);
    assert_int_equal(r.verdict.ghosts, 0);
    assert_true(ledger_good(&r.verdict));
    assert_int_equal(r.verdict.silent, 0);
    assert_true(ledger_unknown_ppm(&r.verdict) <= UNKNOWN_MOST_PPM);
    assert_true(r.usable);
    assert_int_equal(r.pool.in_use, 0);
    assert_int_equal(r.pool.waiting, 0);
    assert_int_equal(r.sessions, 0);
    /* The operation's own time, and the time to ask once more about an unknown one. */
    assert_in_range(r.longest_ms, 0,
                    options.timeout_ms + options.timeout_ms / 10 + 100 + 10000 + SLACK_MS);
}

/* Without it "0 duplicates" above would mean nothing. */
static void clients_that_try_blindly_again_are_found_out(void **state)
{
    ledger_options options = LEDGER_OPTIONS_INIT;
    ledger_result r;

    (void)state;
    options.seconds = CONTROL_S;
    options.threads = 8;
    options.seed = seed();
    options.every_ms = 0;
    options.client = LEDGER_NAIVE;
    assert_true(ledger_campaign(&options, &r));
    ledger_report(stdout, &options, &r);
    assert_true(r.commits_lost > 0);
    assert_true(r.verdict.duplicates > 0);
    assert_false(ledger_good(&r.verdict));
    assert_int_equal(r.verdict.lost, 0);
    assert_int_equal(r.verdict.missing, 0);
}

/* Without it "0 lost" above would mean nothing. */
static void a_failover_that_loses_is_found_out(void **state)
{
    ledger_options options = LEDGER_OPTIONS_INIT;
    ledger_verdict verdict;

    (void)state;
    options.seconds = 2;
    options.threads = 8;
    options.seed = seed();
    assert_true(ledger_failover(&options, &verdict));
    ledger_print(stdout, &verdict);
    assert_true(verdict.lost > 0);
    assert_false(ledger_good(&verdict));
    assert_int_equal(verdict.duplicates, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clients_that_try_blindly_again_are_found_out),
        cmocka_unit_test(a_failover_that_loses_is_found_out),
        cmocka_unit_test(nothing_is_lost_or_done_twice),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
