/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include "config/url.h"

static void test_scheme(void **state)
{
    static const struct {
        const char *name;
        const char *scheme; /* NULL: refused */
        const char *message;
    } rows[] = {
        {"postgresql://h/db", "postgresql", NULL},
        {"sqlite::memory:", "sqlite", NULL},
        {"sqlite:a.db", "sqlite", NULL},
        {"a:", "a", NULL},
        {"x+y.z-1:rest", "x+y.z-1", NULL},
        {"abcdefghijklmnopqrstuvwxyz01234:x", "abcdefghijklmnopqrstuvwxyz01234", NULL},
        {"abcdefghijklmnopqrstuvwxyz012345:x", NULL,
         "DATABASE_URL: \"abcdefghijklmnopqrstuvwxyz012345\" is not a scheme name "
         "([a-z][a-z0-9+.-]*)"},
        {"../../evil://x", NULL,
         "DATABASE_URL: \"../../evil\" is not a scheme name ([a-z][a-z0-9+.-]*)"},
        {"/abs:x", NULL, "DATABASE_URL: \"/abs\" is not a scheme name ([a-z][a-z0-9+.-]*)"},
        {"a/b:x", NULL, "DATABASE_URL: \"a/b\" is not a scheme name ([a-z][a-z0-9+.-]*)"},
        {"1a:x", NULL, "DATABASE_URL: \"1a\" is not a scheme name ([a-z][a-z0-9+.-]*)"},
        {":x", NULL, "DATABASE_URL: \"\" is not a scheme name ([a-z][a-z0-9+.-]*)"},
        {"", NULL, "DATABASE_URL: \"\" is not a scheme name ([a-z][a-z0-9+.-]*)"},
        {"nocolon", NULL, "DATABASE_URL: \"nocolon\" is not a scheme name ([a-z][a-z0-9+.-]*)"},
        {"POSTGRES://h", NULL,
         "DATABASE_URL: \"POSTGRES\" is not a scheme name ([a-z][a-z0-9+.-]*); write it in lower "
         "case"},
        {"p\xd0\xbestgres://h", NULL,
         "DATABASE_URL: \"p\xd0\xbestgres\" is not a scheme name ([a-z][a-z0-9+.-]*)"},
        {"a\x1b[31m:x", NULL,
         "DATABASE_URL: \"a\\x1b[31m\" is not a scheme name ([a-z][a-z0-9+.-]*)"},
        {"user:hunter2@host/db", "user", NULL}, /* for the driver's search to refuse */
        {"host=h password=hunter2", NULL,
         "DATABASE_URL: \"host=h password=***\" is not a scheme name ([a-z][a-z0-9+.-]*)"},
        {"us er:hunter2@host/db", NULL,
         "DATABASE_URL: \"***\" is not a scheme name ([a-z][a-z0-9+.-]*)"},
        {"Us/er://u:hunter2@host/db", NULL,
         "DATABASE_URL: \"Us/er\" is not a scheme name ([a-z][a-z0-9+.-]*)"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        tn_error err = TN_ERROR_INIT;
        tn_str scheme = S("untouched");
        tn_status status = tn__url_scheme(rows[i].name, &scheme, &err);

        if (rows[i].scheme) {
            check_row(status == TN_OK, i);
            check_str(scheme, rows[i].scheme);
            check_row(scheme.ptr == rows[i].name, i);
            continue;
        }
        check_row(status == TN_CONFIG && err.status == TN_CONFIG, i);
        check_row(err.phase == TN_PHASE_CONFIG, i);
        check_str(scheme, "untouched");
        check_str(tn_str_from(err.message), rows[i].message);
        check_row(tn__url_scheme(rows[i].name, &scheme, NULL) == TN_CONFIG, i);
    }
}

static void test_long_scheme(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_str scheme;
    char url[400];

    (void)state;
    memset(url, 'a', sizeof(url));
    strcpy(url + 300, "://h");
    assert_int_equal(tn__url_scheme(url, &scheme, &err), TN_CONFIG);
    assert_non_null(strstr(err.message, "...\" is not a scheme name"));
}

static const char *const ours[] = {"schema", "prepare"};

static void test_take(void **state)
{
    static const struct {
        const char *name;
        const char *url;
        const char *schema; /* NULL: not there */
        const char *prepare;
    } rows[] = {
        {"sqlite::memory:", "sqlite::memory:", NULL, NULL},
        {"sqlite:a?x=y", "sqlite:a?x=y", NULL, NULL},
        {"sqlite:a?schema=s", "sqlite:a", "s", NULL},
        {"sqlite:a?schema=", "sqlite:a", "", NULL},
        {"sqlite:a?", "sqlite:a?", NULL, NULL},
        {"pg://h/d?a=1&schema=s&b=2", "pg://h/d?a=1&b=2", "s", NULL},
        {"pg://h/d?schema=s&b=2", "pg://h/d?b=2", "s", NULL},
        {"pg://h/d?b=2&schema=s", "pg://h/d?b=2", "s", NULL},
        {"pg://h/d?schema=s&prepare=off", "pg://h/d", "s", "off"},
        {"pg://h/d?schema=1&x&schema=2&schema=3", "pg://h/d?x", "3", NULL},
        {"pg://h/d?sch%65ma=a%20b%2Bc+d", "pg://h/d", "a b+c+d", NULL},
        {"pg://h/d?SCHEMA=s", "pg://h/d?SCHEMA=s", NULL, NULL},
        {"pg://h/d?schema=a=b", "pg://h/d", "a=b", NULL},
        {"pg://h/d?schema=a#x&y=z", "pg://h/d?y=z", "a#x", NULL},
        {"pg://h/d#?schema=a", "pg://h/d#", "a", NULL},
        {"pg://h/d?x=%zz&schema=a", "pg://h/d?x=%zz", "a", NULL},
        {"pg://h/d?%zz=1&schema=a", "pg://h/d?%zz=1", "a", NULL},
        {"pg://h/d?&&schema=a&", "pg://h/d?&&", "a", NULL},
        {"pg://h1:1,h2,[::1]:3/d?schema=a", "pg://h1:1,h2,[::1]:3/d", "a", NULL},
        {"pg://u:p%3Fw@h/d?schema=a", "pg://u:p%3Fw@h/d", "a", NULL},
        /* A '?' in front of the '@' is part of the password, as in libpq. */
        {"pg://u:p?schema=w@h/d?schema=a", "pg://u:p?schema=w@h/d", "a", NULL},
        {"pg://u:p?schema=w@h/d", "pg://u:p?schema=w@h/d", NULL, NULL},
        {"pg:///d?host=/tmp&schema=a", "pg:///d?host=/tmp", "a", NULL},
        {"pg://h/d?options=a@b&schema=a", "pg://h/d?options=a@b", "a", NULL},
        {"sqlite:a?x=://&schema=b", "sqlite:a?x=://", "b", NULL},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        tn_error err = TN_ERROR_INIT;
        const char *schema = NULL, *prepare = NULL;
        tn__url_parts parts;

        check_row(tn__url_take(rows[i].name, ours, 2, &parts, &err) == TN_OK, i);
        for (size_t j = 0; j < parts.n_params; j++)
            *(strcmp(parts.params[j].name, "schema") == 0 ? &schema
                                                          : &prepare) = parts.params[j].value;
        check_str(tn_str_from(parts.url), rows[i].url);
        check_row(!schema == !rows[i].schema && !prepare == !rows[i].prepare, i);
        check_str(tn_str_from(schema), rows[i].schema ? rows[i].schema : "");
        check_str(tn_str_from(prepare), rows[i].prepare ? rows[i].prepare : "");
        check_row(parts.n_params == (size_t)(schema != NULL) + (prepare != NULL), i);
        tn__url_parts_free(&parts);
        check_row(!parts.url && !parts.n_params, i);
        tn__url_parts_free(&parts);
    }
    tn__url_parts_free(NULL);
}

static void test_take_refuses(void **state)
{
    static const struct {
        const char *name;
        const char *message;
    } rows[] = {
        {"pg://h/d?schema=a%00b",
         "DATABASE_URL: parameter schema has a broken percent escape, or %00"},
        {"pg://h/d?schema=%", "DATABASE_URL: parameter schema has a broken percent escape, or %00"},
        {"pg://h/d?schema=%4",
         "DATABASE_URL: parameter schema has a broken percent escape, or %00"},
        {"pg://h/d?schema=%4g",
         "DATABASE_URL: parameter schema has a broken percent escape, or %00"},
        {"pg://h/d?schema", "DATABASE_URL: parameter schema has no value (write name=value)"},
        {"pg://h/d?prepare=on&schema&x=1",
         "DATABASE_URL: parameter schema has no value (write name=value)"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        tn_error err = TN_ERROR_INIT;
        tn__url_parts parts = {.n_params = 4711};

        check_row(tn__url_take(rows[i].name, ours, 2, &parts, &err) == TN_CONFIG, i);
        check_str(tn_str_from(err.message), rows[i].message);
        check_row(parts.n_params == 4711, i);
    }
}

/* Long, with many parameters of the same name: time in proportion. */
static void test_take_large(void **state)
{
    enum { N = 20000 };
    char *url = malloc(N * 10 + 20);
    tn__url_parts parts;
    size_t len;

    (void)state;
    assert_non_null(url);
    len = (size_t)sprintf(url, "pg://h/d?");
    for (int i = 0; i < N; i++)
        len += (size_t)sprintf(url + len, "schema=%c&", 'a' + i % 26);
    assert_int_equal(tn__url_take(url, ours, 2, &parts, NULL), TN_OK);
    assert_int_equal(parts.n_params, 1);
    assert_string_equal(parts.url, "pg://h/d?");
    tn__url_parts_free(&parts);
    free(url);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scheme),     cmocka_unit_test(test_long_scheme),
        cmocka_unit_test(test_take),       cmocka_unit_test(test_take_refuses),
        cmocka_unit_test(test_take_large),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
