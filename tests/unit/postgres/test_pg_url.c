/* SPDX-License-Identifier: MIT */
/* URLs that are refused: the text says what is wrong and nothing of the password. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "postgres/pg.h"
#include "support/driver_host.h"

#define SECRET "canary7Secret"

static const struct {
    const char *url, *text;
} refused[] = {
    {"postgresql:app", "must be of the form postgresql://"},
    {"mysql://u:" SECRET "@h/app", "must be of the form postgresql://"},
    {"postgresql://u:" SECRET "%zz@h/app", "% is not followed by two hexadecimal digits"},
    {"postgresql://u:" SECRET "%0@h/app", "% is not followed by two hexadecimal digits"},
    {"postgresql://u:" SECRET "@h/app%00", "%00 is not allowed"},
    {"postgresql://u:" SECRET "@[::1/app", "not closed by ]"},
    {"postgresql://u:" SECRET "@h/app?nonsense=1", "parameter \"nonsense\" is not known"},
    {"postgresql://u:" SECRET "@h/app?search_path=app",
     "parameter \"search_path\" is not known: write schema=NAME"},
    {"postgresql://u:" SECRET "@h/app?sslmode", "parameter \"sslmode\" has no value"},
    {"postgresql://u:" SECRET "@h/app?=1", "no name that is known"},
    {"postgresql://u:half/x?" SECRET "@h/app", "holds an @"},
    {"postgresql://u:half/x?" SECRET "=x@h/app", "holds an @"},
    {"postgresql://u:" SECRET "/x@h/app", "the port is not a number from 1 to 65535"},
    {"postgresql://u:" SECRET "@h:70000/app", "the port is not a number from 1 to 65535"},
    {"postgresql://u:" SECRET "@h:abc/app", "the port is not a number from 1 to 65535"},
    {"postgresql://u:" SECRET "@h:1,i:0/app", "the port is not a number"},
    {"postgresql://u:" SECRET "@h/app?sslmode=" SECRET, "sslmode"},
    {"postgresql://u:" SECRET "@h/app?sslmode=sometimes", "sslmode"},
    {"postgresql://u:" SECRET "@h/app?target_session_attrs=best", "target_session_attrs"},
    {"postgresql://u:" SECRET "@h/app?channel_binding=maybe", "channel_binding"},
    {"postgresql://u:" SECRET "@h,i,j/app?port=1,2", "port"},
    {"postgresql://u:" SECRET "@h/app?hostaddr=1.2.3.4,5.6.7.8", "host"},
    {"postgresql://u:" SECRET "@h/app?client_encoding=LATIN1", "client_encoding must be UTF8"},
};

static void refusals_name_the_fault_and_no_secret(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        tn_driver_source *source = NULL;
        tn_error err = TN_ERROR_INIT;
        tn_status status = driver_host_source(refused[i].url, NULL, NULL, &source, &err);
        if (status != TN_CONFIG || !strstr(err.message, refused[i].text))
            fail_msg("row %zu: status %d, \"%s\" instead of \"%s\"", i, (int)status, err.message,
                     refused[i].text);
        assert_null(source);
        assert_null(strstr(err.message, SECRET));
        assert_null(strchr(err.message, '\n'));
        assert_ptr_equal(strstr(err.message, "DATABASE_URL: "), err.message);
    }
}

static void good_urls_are_taken(void **state)
{
    static const char *const urls[] = {
        "postgresql://",
        "postgres://h",
        "postgresql://u:p%40w@h1:1,h2:2/app?target_session_attrs=read-write&connect_timeout=3",
        "postgresql://h1,h2/app?port=5433",
        "postgresql://u@/app?host=/tmp&options=-c%20work_mem%3D1MB&sslmode=disable",
        "postgresql://h/app?sslmode=verify-full&sslmode=require",
        "postgresql://h/app?client_encoding=utf8",
        "postgresql://h/app?hostaddr=10.0.0.1",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        tn_driver_source *source = NULL;
        tn_error err = TN_ERROR_INIT;
        if (driver_host_source(urls[i], NULL, NULL, &source, &err) != TN_OK)
            fail_msg("%s: %s", urls[i], err.message);
        pg_source_close(source);
    }
}

static void settings_are_checked(void **state)
{
    static const char long_name[] =
        "a234567890123456789012345678901234567890123456789012345678901234";
    tn_driver_source *source = NULL;
    tn_error err = TN_ERROR_INIT;

    (void)state;
    assert_int_equal(driver_host_source("postgresql://h", "a\"b", "off", &source, &err), TN_OK);
    assert_string_equal(source->search_path, "\"a\"\"b\"");
    assert_true(source->prepare == PG_PREPARE_OFF);
    pg_source_close(source);
    assert_int_equal(driver_host_source("postgresql://h", "", NULL, &source, &err), TN_CONFIG);
    assert_non_null(strstr(err.message, "schema"));
    assert_int_equal(driver_host_source("postgresql://h", long_name, NULL, &source, &err),
                     TN_CONFIG);
    assert_int_equal(driver_host_source("postgresql://h", "\xff", NULL, &source, &err), TN_CONFIG);
    pg_source_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refusals_name_the_fault_and_no_secret),
        cmocka_unit_test(good_urls_are_taken),
        cmocka_unit_test(settings_are_checked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
