/* SPDX-License-Identifier: MIT */
/* The TLS policy as a table: host x sslmode x sslrootcert x environment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "postgres/pg.h"
#include "support/driver_host.h"

static const struct {
    const char *host, *hostaddr, *sslmode, *root, *environment;
    bool elsewhere;
    const char *expected; /* NULL: nothing is added */
} modes[] = {
    {NULL, NULL, NULL, NULL, NULL, false, NULL},
    {"", NULL, NULL, NULL, NULL, false, NULL},
    {"/run/postgresql", NULL, NULL, NULL, NULL, false, NULL},
    {"@abstract", NULL, NULL, NULL, NULL, false, NULL},
    {"localhost", NULL, NULL, NULL, NULL, false, NULL},
    {"LocalHost", NULL, NULL, NULL, NULL, false, NULL},
    {"127.0.0.1", NULL, NULL, NULL, NULL, false, NULL},
    {"127.8.9.1", NULL, NULL, NULL, NULL, false, NULL},
    {"::1", NULL, NULL, NULL, NULL, false, NULL},
    {"::ffff:127.0.0.1", NULL, NULL, NULL, NULL, false, NULL},
    {"localhost,/tmp,127.0.0.1", NULL, NULL, NULL, NULL, false, NULL},
    {"127.0.0.1.example.com", NULL, NULL, NULL, NULL, false, "require"},
    {"localhost.example.com", NULL, NULL, NULL, NULL, false, "require"},
    {"db.example.com", NULL, NULL, NULL, NULL, false, "require"},
    {"10.0.0.1", NULL, NULL, NULL, NULL, false, "require"},
    {"128.0.0.1", NULL, NULL, NULL, NULL, false, "require"},
    {"::2", NULL, NULL, NULL, NULL, false, "require"},
    {"localhost,db.example.com", NULL, NULL, NULL, NULL, false, "require"},
    {"/tmp,10.0.0.1", NULL, NULL, NULL, NULL, false, "require"},
    /* hostaddr is where it goes; host is then only a name to check */
    {"localhost", "10.0.0.1", NULL, NULL, NULL, false, "require"},
    {"db.example.com", "127.0.0.1", NULL, NULL, NULL, false, NULL},
    {"localhost,localhost", "127.0.0.1,10.0.0.1", NULL, NULL, NULL, false, "require"},
    {"localhost,db.example.com", "10.0.0.1,", NULL, NULL, NULL, false, "require"},
    {"db.example.com,localhost", "127.0.0.1,", NULL, NULL, NULL, false, NULL},
    {NULL, "10.0.0.1", NULL, NULL, NULL, false, "require"},
    /* a root certificate asks for the whole check, wherever the server is */
    {"db.example.com", NULL, NULL, "/root.crt", NULL, false, "verify-full"},
    {"localhost", NULL, NULL, "/root.crt", NULL, false, "verify-full"},
    /* what is written wins, a weaker one too */
    {"db.example.com", NULL, "disable", NULL, NULL, false, NULL},
    {"db.example.com", NULL, "prefer", "/root.crt", NULL, false, NULL},
    {"db.example.com", NULL, "verify-ca", "/root.crt", NULL, false, NULL},
    {"localhost", NULL, "require", NULL, NULL, false, NULL},
    /* the environment may ask for more, not for less */
    {"db.example.com", NULL, NULL, NULL, "disable", false, "require"},
    {"db.example.com", NULL, NULL, NULL, "prefer", false, "require"},
    {"db.example.com", NULL, NULL, NULL, "verify-ca", false, "verify-ca"},
    {"db.example.com", NULL, NULL, NULL, "verify-full", false, "verify-full"},
    {"db.example.com", NULL, NULL, NULL, "nonsense", false, "require"},
    {"db.example.com", NULL, NULL, "/root.crt", "require", false, "verify-full"},
    {"db.example.com", NULL, "allow", NULL, "verify-full", false, NULL},
    /* a service file may name any host */
    {NULL, NULL, NULL, NULL, NULL, true, "require"},
};

static void the_mode_follows_host_and_root(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        pg_tls_request request = {
            .host = modes[i].host,
            .hostaddr = modes[i].hostaddr,
            .sslmode = modes[i].sslmode,
            .sslrootcert = modes[i].root,
            .environment = modes[i].environment,
            .elsewhere = modes[i].elsewhere,
        };
        const char *mode = pg_tls_mode(&request);
        if (!modes[i].expected && !mode)
            continue;
        if (!mode || !modes[i].expected || strcmp(mode, modes[i].expected) != 0)
            fail_msg("row %zu (host %s): %s instead of %s", i, modes[i].host ? modes[i].host : "-",
                     mode ? mode : "nothing", modes[i].expected ? modes[i].expected : "nothing");
    }
}

/* The same through a URL: what the source will ask libpq for. */
static void a_url_is_judged_as_a_whole(void **state)
{
    static const struct {
        const char *url, *expected;
    } urls[] = {
        {"postgresql:///app", NULL},
        {"postgresql://u:pw@localhost/app", NULL},
        {"postgresql://u:pw@[::1]:5432/app", NULL},
        {"postgresql://u:pw@%2Ftmp/app", NULL},
        {"postgresql:///app?host=/tmp", NULL},
        {"postgresql://u:pw@db.example.com/app", "require"},
        {"postgres://u:pw@localhost,db.example.com/app", "require"},
        {"postgresql://u:pw@localhost:1,10.0.0.1:2/app", "require"},
        {"postgresql://db.example.com/app?hostaddr=127.0.0.1", NULL},
        {"postgresql://db.example.com/app?sslmode=disable", NULL},
        {"postgresql://db.example.com/app?ssl=true", NULL},
        {"postgresql://db.example.com/app?sslrootcert=/r.crt", "verify-full"},
        {"postgresql:///app?service=elsewhere", "require"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        tn_driver_source *source = NULL;
        tn_error err = TN_ERROR_INIT;
        /* libpq looks for the service itself; a file that is not there is its own refusal. */
        tn_status status = driver_host_source(urls[i].url, NULL, NULL, &source, &err);
        if (strstr(urls[i].url, "service=")) {
            assert_int_equal(status, TN_CONFIG);
            continue;
        }
        if (status != TN_OK)
            fail_msg("%s: %s", urls[i].url, err.message);
        if (urls[i].expected)
            assert_string_equal(source->sslmode, urls[i].expected);
        else
            assert_null(source->sslmode);
        assert_true(source->gssencmode_off);
        pg_source_close(source);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_mode_follows_host_and_root),
        cmocka_unit_test(a_url_is_judged_as_a_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
