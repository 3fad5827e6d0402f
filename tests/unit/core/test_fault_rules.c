/* SPDX-License-Identifier: MIT */
/* core/fault: which call a rule hits, what a rule may be, what wrapping makes of a driver. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>

#include "base/cleanup.h"
#include "fault_rig.h"

/* ---- which call
 * ----------------------------------------------------------------------------------- */

/* Which of n pings are hit, as "..x". */
static void pings(rig *r, int n, char *text)
{
    for (int i = 0; i < n; i++)
        text[i] = module->conn->ping(r->conn, TN_NO_DEADLINE, &r->err) == TN_OK ? '.' : 'x';
    text[n] = '\0';
}

static void rules_count_their_calls(void **state)
{
    static const struct {
        uint32_t nth, times;
        const char *hits;
    } cases[] = {{0, 0, "x....."},
                 {1, 1, "x....."},
                 {3, 0, "..x..."},
                 {2, 3, ".xxx.."},
                 {4, TN_FAULT_ALWAYS, "...xxx"}};
    char text[8];
    rig r;

    (void)state;
    rig_open(&r);
    for (size_t i = 0; i < TN__COUNT_OF(cases); i++) {
        tn_fault_clear(fault);
        tn_fault_rule rule = rig_rule(TN_FAULT_AT_PING, TN_FAULT_ERROR);
        rule.nth = cases[i].nth;
        rule.times = cases[i].times;
        rig_add(rule);
        pings(&r, 6, text);
        assert_string_equal(text, cases[i].hits);
        assert_int_equal(tn_fault_count(fault, TN_FAULT_AT_PING), 6);
        assert_int_equal(tn_fault_count(fault, TN_FAULT_AT_ANY), 6);
    }
    rig_close(&r);
}

/* The first rule that is due acts; the other, due as well, hits the next call. */
static void one_call_is_hit_by_one_rule(void **state)
{
    char text[8];
    rig r;

    (void)state;
    rig_open(&r);
    tn_fault_rule first = rig_rule(TN_FAULT_AT_ANY, TN_FAULT_ERROR);
    first.nth = 2;
    first.sqlstate = "53100";
    tn_fault_rule second = rig_rule(TN_FAULT_AT_PING, TN_FAULT_ERROR);
    second.nth = 2;
    second.sqlstate = "55P03";
    rig_add(first);
    rig_add(second);
    pings(&r, 2, text);
    assert_string_equal(text, ".x");
    assert_int_equal(r.err.status, TN_RESOURCE);
    pings(&r, 2, text);
    assert_string_equal(text, "x.");
    assert_int_equal(r.err.status, TN_LOCKED);
    assert_int_equal(tn_fault_hits(fault), 2);
    rig_close(&r);
}

static void a_rule_may_be_for_some_texts_only(void **state)
{
    rig r;

    (void)state;
    rig_open(&r);
    tn_fault_rule rule = rig_rule(TN_FAULT_AT_ANY, TN_FAULT_ERROR);
    rule.sql = "into b";
    rule.nth = 2;
    rig_add(rule);
    rig_run(&r, "insert into a"); /* counts nothing */
    rig_end_statement(&r);
    assert_ok(module->conn->ping(r.conn, TN_NO_DEADLINE, &r.err), r.err);
    assert_ok(rig_prepare(&r, "insert into b", TN_NO_DEADLINE), r.err);
    assert_status(rig_execute(&r, TN_NO_DEADLINE), TN_FAILED);
    assert_ok(rig_execute(&r, TN_NO_DEADLINE), r.err);
    rig_close(&r);
}

static void chances_are_the_same_for_a_seed(void **state)
{
    char text[3][201];
    rig r;

    (void)state;
    rig_open(&r);
    for (int i = 0; i < 3; i++) {
        tn_fault_clear(fault);
        tn_fault_rule rule = rig_rule(TN_FAULT_AT_PING, TN_FAULT_ERROR);
        rule.times = TN_FAULT_ALWAYS;
        rule.probability = 0.25;
        rule.seed = i < 2 ? 42 : 43;
        rig_add(rule);
        pings(&r, 200, text[i]);
        assert_in_range(tn_fault_hits(fault), 25, 75);
    }
    assert_string_equal(text[0], text[1]);
    assert_string_not_equal(text[0], text[2]);
    /* The draws themselves, which are the same on every machine. */
    text[0][24] = '\0';
    assert_string_equal(text[0], "......x......xx.........");
    rig_close(&r);
}

static void wrong_rules_are_refused(void **state)
{
    static char long_text[300];
    tn_fault_rule rules[13];
    static const char *const words[] = {"at",
                                        "effect",
                                        "not possible",
                                        "not possible",
                                        "not possible",
                                        "no statement",
                                        "seed",
                                        "0 and 1",
                                        "0 and 1",
                                        "five",
                                        "TN_FAULT_LOST",
                                        "TN_FAULT_LOST",
                                        "status is none"};
    tn_error err = TN_ERROR_INIT;

    (void)state;
    for (size_t i = 0; i < TN__COUNT_OF(rules); i++)
        rules[i] = (tn_fault_rule)TN_FAULT_RULE_INIT;
    rules[0].at = TN_FAULT_AT_COUNT;
    rules[1].effect = (tn_fault_effect)99;
    rules[2] = rig_rule(TN_FAULT_AT_PREPARE, TN_FAULT_STALE);
    rules[3] = rig_rule(TN_FAULT_AT_BEGIN, TN_FAULT_ROLLED_BACK);
    rules[4] = rig_rule(TN_FAULT_AT_OPEN, TN_FAULT_VALUE_NULL);
    rules[5].at = TN_FAULT_AT_COMMIT;
    rules[5].sql = "commit";
    rules[6].probability = 0.5;
    rules[7].probability = -0.5;
    rules[8].probability = 1.5;
    rules[9].sqlstate = "4000";
    rules[10].sqlstate = "57P01";
    rules[11].status = TN_OUTCOME_UNKNOWN;
    rules[12].status = (tn_status)999;
    for (size_t i = 0; i < TN__COUNT_OF(rules); i++) {
        assert_status(tn_fault_add(fault, &rules[i], &err), TN_MISUSE);
        assert_contains(err.message, words[i]);
    }
    memset(long_text, 'x', sizeof(long_text) - 1);
    rules[0] = (tn_fault_rule)TN_FAULT_RULE_INIT;
    rules[0].sql = long_text;
    assert_status(tn_fault_add(fault, &rules[0], &err), TN_LIMIT);
    rules[0].sql = NULL;
    rules[0].size = 0;
    assert_status(tn_fault_add(fault, &rules[0], &err), TN_MISUSE);
    assert_status(tn_fault_add(fault, NULL, &err), TN_MISUSE);
    assert_status(tn_fault_add(NULL, &rules[1], &err), TN_MISUSE);
}

static void rules_are_bounded(void **state)
{
    tn_fault_rule rule = rig_rule(TN_FAULT_AT_PING, TN_FAULT_ERROR);
    tn_error err = TN_ERROR_INIT;
    rig r;

    (void)state;
    rig_open(&r);
    for (int i = 0; i < 64; i++)
        assert_ok(tn_fault_add(fault, &rule, &err), err);
    assert_status(tn_fault_add(fault, &rule, &err), TN_LIMIT);
    assert_status(module->conn->ping(r.conn, TN_NO_DEADLINE, &r.err), TN_FAILED);
    assert_ok(tn_fault_add(fault, &rule, &err), err); /* in the place of the used one */
    rig_close(&r);
}

/* ---- wrapping -------------------------------------------------------------------------------- */

static void wrapping_again_gives_the_same(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_fault *again = NULL;

    (void)state;
    assert_ok(tn_fault_wrap("mock", &again, &err), err);
    assert_ptr_equal(again, fault);
    assert_status(tn_fault_wrap("nosuchdatabase", &again, &err), TN_DRIVER);
    assert_status(tn_fault_wrap(NULL, &again, &err), TN_MISUSE);
    assert_status(tn_fault_wrap("mock", NULL, &err), TN_MISUSE);
    assert_ptr_equal(again, fault);
    tn_fault_clear(NULL);
    assert_int_equal(tn_fault_count(fault, TN_FAULT_AT_COUNT), 0);
}

static void a_name_may_be_too_long(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_fault *ret = NULL;

    (void)state;
    assert_non_null(mock_new("mock-of-twenty-five-chars", MOCK_CAPABILITIES));
    assert_ok(tn_fault_wrap("mock-of-twenty-five-chars", &ret, &err), err);
    assert_non_null(mock_new("mock-of-twenty-six--chars.", MOCK_CAPABILITIES));
    ret = NULL;
    assert_status(tn_fault_wrap("mock-of-twenty-six--chars.", &ret, &err), TN_LIMIT);
    assert_contains(err.message, "25 characters");
    assert_null(ret);
}

/* What the inner driver has not, the wrapper has not. */
static void it_can_do_what_the_inner_driver_can(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_driver_info info;
    const tn_module *flat;
    tn_fault *ret;

    (void)state;
    assert_ok(tn_driver_inspect("fault+mock", &info, NULL, &err), err);
    assert_string_equal(info.name, "fault+mock");
    assert_string_equal(info.version, "1.0.0");
    assert_string_equal(info.client, "libmock 1.2");
    assert_true(info.capabilities == MOCK_CAPABILITIES);
    assert_non_null(module->txn->savepoint);
    assert_null(module->txn->identify);
    assert_null(module->batch);
    assert_null(module->catalog);
    assert_non_null(mock_new("flat", TN_CAP_SQL));
    assert_ok(tn_fault_wrap("flat", &ret, &err), err);
    assert_ok(tn_driver_inspect("fault+flat", &info, &flat, &err), err);
    assert_null(flat->txn->savepoint);
    assert_null(flat->txn->rollback_to);
    assert_non_null(flat->txn->rollback);
}

/* ---- threads --------------------------------------------------------------------------------- */

enum { THREADS = 8, PINGS = 500 };

static void *ping_all(void *arg)
{
    uintptr_t failed = 0;
    rig r;

    (void)arg;
    rig_open(&r);
    for (int i = 0; i < PINGS; i++)
        failed += module->conn->ping(r.conn, TN_NO_DEADLINE, &r.err) != TN_OK;
    module->conn->close(r.conn);
    module->conn->close_source(r.source);
    tn__host_conn_close(&r.host);
    return (void *)failed;
}

static void threads_share_the_rules(void **state)
{
    tn_fault_rule rule = rig_rule(TN_FAULT_AT_PING, TN_FAULT_ERROR);
    pthread_t threads[THREADS];
    uintptr_t failed = 0;
    void *one;

    (void)state;
    rule.nth = 1000;
    rule.times = 700;
    rig_add(rule);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ping_all, NULL), 0);
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], &one);
        failed += (uintptr_t)one;
    }
    assert_int_equal(failed, 700);
    assert_int_equal(tn_fault_hits(fault), 700);
    assert_int_equal(tn_fault_count(fault, TN_FAULT_AT_PING), THREADS * PINGS);
    assert_int_equal(tn_fault_connections(fault), 0);
    mock_check(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(rules_count_their_calls, rig_setup),
        cmocka_unit_test_setup(one_call_is_hit_by_one_rule, rig_setup),
        cmocka_unit_test_setup(a_rule_may_be_for_some_texts_only, rig_setup),
        cmocka_unit_test_setup(chances_are_the_same_for_a_seed, rig_setup),
        cmocka_unit_test_setup(wrong_rules_are_refused, rig_setup),
        cmocka_unit_test_setup(rules_are_bounded, rig_setup),
        cmocka_unit_test_setup(wrapping_again_gives_the_same, rig_setup),
        cmocka_unit_test_setup(a_name_may_be_too_long, rig_setup),
        cmocka_unit_test_setup(it_can_do_what_the_inner_driver_can, rig_setup),
        cmocka_unit_test_setup(threads_share_the_rules, rig_setup),
    };

    return cmocka_run_group_tests(tests, rig_group_setup, NULL);
}
