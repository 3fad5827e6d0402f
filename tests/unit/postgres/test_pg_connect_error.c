/* SPDX-License-Identifier: MIT */
/* libpq's text for a failed connection, made into a class, a SQLSTATE and one line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "postgres/pg.h"
#include "support/driver_host.h"

static const struct {
    const char *message;
    pg_connect_failure failure;
    tn_status status;
    const char *sqlstate;
    const char *text;
} failures[] = {
    {"connection to server at \"h\" (10.0.0.1), port 5432 failed: FATAL:  28P01: password "
     "authentication failed for user \"app\"\nLOCATION:  auth_failed, auth.c:331\n",
     {CONNECTION_AWAITING_RESPONSE, false, false, false},
     TN_AUTH,
     "28P01",
     "connection to server at \"h\" (10.0.0.1), port 5432 failed: FATAL:  password authentication "
     "failed for user \"app\""},
    {"connection to server on socket \"/tmp/.s.PGSQL.5432\" failed: FATAL:  3D000: database \"x\" "
     "does not exist\nLOCATION:  InitPostgres, postinit.c:898\n",
     {CONNECTION_AUTH_OK, false, false, false},
     TN_AUTH,
     "3D000",
     NULL},
    {"failed: FATAL:  28000: no pg_hba.conf entry\n",
     {CONNECTION_AWAITING_RESPONSE, false, false, false},
     TN_AUTH,
     "28000",
     NULL},
    {"failed: FATAL:  53300: sorry, too many clients already\n",
     {CONNECTION_AUTH_OK, false, false, false},
     TN_UNAVAILABLE,
     "53300",
     NULL},
    {"failed: FATAL:  57P03: the database system is starting up\n",
     {CONNECTION_AWAITING_RESPONSE, false, false, false},
     TN_UNAVAILABLE,
     "57P03",
     NULL},
    {"failed: FATAL:  57P01: terminating connection\n",
     {CONNECTION_AUTH_OK, false, false, false},
     TN_UNAVAILABLE,
     "57P01",
     NULL},
    {"failed: FATAL:  42704: unrecognized configuration parameter \"x\"\n",
     {CONNECTION_AUTH_OK, false, false, false},
     TN_CONFIG,
     "42704",
     NULL},
    /* the severity is translated, the code is not */
    {"Verbindung fehlgeschlagen: SCHWERWIEGEND:  28P01: Passwort falsch\nORT:  x\n",
     {CONNECTION_AWAITING_RESPONSE, false, false, false},
     TN_AUTH,
     "28P01",
     "Verbindung fehlgeschlagen: SCHWERWIEGEND:  Passwort falsch"},
    {"connection to server at \"h\" (10.0.0.1), port 5432 failed: Connection refused\n\tIs the "
     "server running on that host and accepting TCP/IP connections?\n",
     {CONNECTION_STARTED, false, false, false},
     TN_UNAVAILABLE,
     "08001",
     "connection to server at \"h\" (10.0.0.1), port 5432 failed: Connection refused"},
    /* of several hosts the last cause */
    {"connection to server at \"a\" failed: Connection refused\n\tIs it?\nconnection to server at "
     "\"b\" failed: No route to host\n\tIs it?\n",
     {CONNECTION_STARTED, false, false, false},
     TN_UNAVAILABLE,
     "08001",
     "connection to server at \"b\" failed: No route to host"},
    /* closed by the peer: it may be back */
    {"connection failed: server closed the connection unexpectedly\n\tThis probably means\n",
     {CONNECTION_AWAITING_RESPONSE, true, false, false},
     TN_UNAVAILABLE,
     "08001",
     NULL},
    {"connection failed: SSL error: unexpected eof\n",
     {CONNECTION_SSL_STARTUP, true, false, false},
     TN_UNAVAILABLE,
     "08001",
     NULL},
    /* refused here */
    {"connection failed: server does not support SSL, but SSL was required\n",
     {CONNECTION_SSL_STARTUP, false, false, false},
     TN_AUTH,
     "08004",
     NULL},
    {"connection failed: SSL error: certificate verify failed\n",
     {CONNECTION_SSL_STARTUP, false, false, false},
     TN_AUTH,
     "08004",
     NULL},
    {"connection failed: fe_sendauth: no password supplied\n",
     {CONNECTION_AWAITING_RESPONSE, false, true, false},
     TN_AUTH,
     "28P01",
     "the server wants a password and the URL has none"},
    {"connection failed: session is read-only\n",
     {CONNECTION_CHECK_TARGET, false, false, false},
     TN_UNAVAILABLE,
     "08001",
     NULL},
    {"connection to server on socket \"/tmp/x\" failed: out of memory\n",
     {CONNECTION_STARTED, false, false, false},
     TN_NOMEM,
     "53200",
     "out of memory"},
    /* a standby, or a method that is not allowed: where one was asked for, it may change */
    {"connection to server at \"h\" (::1), port 5432 failed: session is read-only\n",
     {CONNECTION_AWAITING_RESPONSE, false, false, true},
     TN_UNAVAILABLE,
     "08001",
     NULL},
    {"connection to server at \"h\" (::1), port 5432 failed: SSL error: certificate\n",
     {CONNECTION_SSL_STARTUP, false, false, true},
     TN_AUTH,
     "08004",
     NULL},
    /* hostile texts */
    {"", {CONNECTION_STARTED, true, false, false}, TN_UNAVAILABLE, "08001", "no reason given"},
    {":  :  :  28P0", {CONNECTION_STARTED, true, false, false}, TN_UNAVAILABLE, "08001", NULL},
    {"FATAL:  28P01:", {CONNECTION_STARTED, true, false, false}, TN_UNAVAILABLE, "08001", NULL},
    {"the secret hunter2 is told\n",
     {CONNECTION_STARTED, true, false, false},
     TN_UNAVAILABLE,
     "08001",
     "the secret *** is told"},
    {"FATAL:  28P01: hunter2 hunter2\n",
     {CONNECTION_STARTED, true, false, false},
     TN_AUTH,
     "28P01",
     "FATAL:  *** ***"},
};

static void failures_have_a_class(void **state)
{
    static char password[] = "hunter2";
    tn_driver_source source = {.host = &driver_host, .password = password};

    (void)state;
    for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
        tn_error err = TN_ERROR_INIT;
        tn_status status = pg_connect_diagnose(&source, failures[i].message, &failures[i].failure,
                                               &err);
        if (status != failures[i].status || strcmp(err.sqlstate, failures[i].sqlstate) != 0)
            fail_msg("row %zu: status %d, %s: %s", i, (int)status, err.sqlstate, err.message);
        if (failures[i].text)
            assert_string_equal(err.message, failures[i].text);
        assert_null(strstr(err.message, "LOCATION"));
        assert_int_equal(err.phase, TN_PHASE_CONNECT);
    }
}

static void a_long_text_is_cut(void **state)
{
    static char password[] = "hunter2";
    static char message[20000];
    tn_driver_source source = {.host = &driver_host, .password = password};
    pg_connect_failure failure = {CONNECTION_STARTED, true, false, false};
    tn_error err = TN_ERROR_INIT;

    (void)state;
    for (size_t i = 0; i + 8 < sizeof(message); i += 7)
        memcpy(message + i, "hunter2", 8);
    assert_int_equal(pg_connect_diagnose(&source, message, &failure, &err), TN_UNAVAILABLE);
    assert_null(strstr(err.message, "hunter2"));
}

static void secrets_are_scrubbed(void **state)
{
    static const struct {
        const char *text, *secret, *expected;
    } rows[] = {
        {"a secret b", "secret", "a *** b"},
        {"secret", "secret", "***"},
        {"secretsecret", "secret", "******"},
        {"sec", "sec", "***"},
        {"nothing", "secret", "nothing"},
        {"a b", "b", "a b"},
        {"x", NULL, "x"},
        {"x", "", "x"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[32];
        strcpy(text, rows[i].text);
        pg_scrub(text, sizeof(text), rows[i].secret);
        assert_string_equal(text, rows[i].expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(failures_have_a_class),
        cmocka_unit_test(a_long_text_is_cut),
        cmocka_unit_test(secrets_are_scrubbed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
