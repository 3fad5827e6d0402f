/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include "base/str.h"
#include "config/envfile.h"
#include "config/options.h"

typedef struct seen {
    size_t pairs;
    size_t faults;
    char key[64];
    char value[64];
} seen;

static void on_pair(void *arg, const char *key, const char *value, int line)
{
    seen *s = arg;

    (void)line;
    s->pairs++;
    snprintf(s->key, sizeof(s->key), "%s", key);
    snprintf(s->value, sizeof(s->value), "%s", value);
}

static void on_fault(void *arg, int line, const char *key, const char *why)
{
    (void)line;
    (void)key;
    (void)why;
    ((seen *)arg)->faults++;
}

static const char *look_up(void *arg, const char *name)
{
    (void)arg;
    (void)name;
    return NULL;
}

static char *example(void)
{
    size_t len = tn_config_example(NULL, 0);
    char *text = malloc(len + 1);

    assert_non_null(text);
    assert_int_equal(tn_config_example(text, len + 1), len);
    assert_int_equal(strlen(text), len);
    return text;
}

/* As it stands it sets one thing: a database that needs nothing. */
static void test_is_a_valid_file(void **state)
{
    char *text = example();
    seen s = {0};

    (void)state;
    assert_true(tn__envfile_parse(tn_str_from(text), on_pair, on_fault, look_up, &s));
    assert_int_equal(s.pairs, 1);
    assert_int_equal(s.faults, 0);
    assert_string_equal(s.key, "DATABASE_URL");
    assert_string_equal(s.value, "sqlite::memory:");
    free(text);
}

/* Every setting is there, with its default, and may be switched on. */
static void test_has_every_option(void **state)
{
    char *text = example(), line[128];

    (void)state;
    for (int id = 0; id < TN__OPT_COUNT; id++) {
        const tn_option *o = &tn__options[id];
        if (o->default_value)
            snprintf(line, sizeof(line), "\n#%s=%s\n", o->environment, o->default_value);
        else
            snprintf(line, sizeof(line), "\n%s%s=", id == TN__OPT_URL ? "" : "#", o->environment);
        if (!strstr(text, line))
            fail_msg("%s is not in it", line);
    }
    free(text);
}

static void test_lines_are_short(void **state)
{
    char *text = example();
    tn_str rest = tn_str_from(text), line;

    (void)state;
    while (tn__str_split(&rest, '\n', &line))
        if (line.len > 80 || tn__str_ends(line, S(" ")))
            fail_msg("\"%.*s\"", (int)line.len, line.ptr);
    free(text);
}

static void test_snprintf_semantics(void **state)
{
    char buf[8];

    (void)state;
    memset(buf, '#', sizeof(buf));
    assert_true(tn_config_example(buf, 4) > 500);
    assert_memory_equal(buf, "# S\0####", 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_is_a_valid_file),
        cmocka_unit_test(test_has_every_option),
        cmocka_unit_test(test_lines_are_short),
        cmocka_unit_test(test_snprintf_semantics),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
