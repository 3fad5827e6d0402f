/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <ctype.h>

#include "base/buf.h"
#include "base/str.h"
#include "config/options.h"
#include "config/state.h"

/* What every row of the table must satisfy. */
static void test_rows(void **state)
{
    size_t count = 0;
    const tn_option *options = tn_config_options(&count);

    (void)state;
    assert_int_equal(count, TN__OPT_COUNT);
    assert_ptr_equal(options, tn__options);
    for (size_t i = 0; i < count; i++) {
        const tn_option *o = &options[i];
        size_t help = strlen(o->help);

        assert_non_null(o->name);
        assert_non_null(o->environment);
        assert_non_null(o->unit);
        assert_true(help > 20 && o->help[help - 1] == '.' && isupper((unsigned char)o->help[0]));
        for (const char *c = o->name; *c; c++)
            assert_true(islower((unsigned char)*c) || *c == '_');
        for (const char *c = o->environment; *c; c++)
            assert_true(isupper((unsigned char)*c) || *c == '_');
        assert_int_equal(tn__config_find(o->name), i);
        assert_int_equal(tn__config_find(o->environment), i);
        assert_true((o->kind == TN_OPTION_CHOICE) == (o->choices != NULL));
        if (o->kind == TN_OPTION_INTEGER)
            assert_true(o->least < o->most && o->default_value);
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(o->name, options[j].name);
            assert_string_not_equal(o->environment, options[j].environment);
        }
    }
    assert_int_equal(tn__config_find("nothing"), TN__OPT_COUNT);
}

/* A default that its own check would refuse would be found by the first user. */
static void test_defaults_pass_the_check(void **state)
{
    tn__buf fault;

    (void)state;
    tn__buf_init(&fault, TN__BUF_MAX);
    for (int id = 0; id < TN__OPT_COUNT; id++)
        if (tn__options[id].default_value) {
            tn__config_check_value(&fault, &tn__options[id], tn__options[id].default_value);
            assert_int_equal(fault.len, 0);
        }
    tn__buf_free(&fault);
}

/* The promised names and defaults. */
static void test_promised(void **state)
{
    static const struct {
        const char *name;
        const char *value;
    } rows[] = {
        {"DB_CONNECTION_TIMEOUT", "30000"}, {"DB_POOL_TIMEOUT", "30000"},
        {"DB_MAX_CONNECTIONS", "10"},       {"DB_MIN_CONNECTIONS", "2"},
        {"DB_IDLE_TIMEOUT", "600000"},      {"DB_MAX_LIFETIME", "1800000"},
        {"DB_STATEMENT_TIMEOUT", "0"},      {"DB_CONNECT_RETRIES", "3"},
        {"DB_STATEMENT_CACHE", "128"},      {"DB_ROW_BUFFER", "67108864"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        tn__option_id id = tn__config_find(rows[i].name);
        check_row(id != TN__OPT_COUNT, i);
        check_row(strcmp(tn__options[id].default_value, rows[i].value) == 0, i);
    }
    assert_true(tn__options[TN__OPT_URL].secret);
    assert_true(tn__options[TN__OPT_URL].required && tn__options[TN__OPT_URL_FILE].required);
    assert_null(tn__options[TN__OPT_URL].default_value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_defaults_pass_the_check),
        cmocka_unit_test(test_promised),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
