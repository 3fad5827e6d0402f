/* SPDX-License-Identifier: MIT */
/*
 * TLS to a PostgreSQL: encrypted where the URL or the way to the server asks for it, verified where
 * there is something to verify with, never silently in the clear.
 */
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "expect.h"
#include "server.h"

static test_server server;
static char outer_address[NI_MAXHOST]; /* of this machine, not loopback; "" if it has none */

static void make_certificate(const char *name, const char *host)
{
    char command[512];
    snprintf(command, sizeof(command),
             "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
             " -subj /CN=%s -addext subjectAltName=DNS:%s -keyout %s/data/%s.key"
             " -out %s/data/%s.crt >/dev/null 2>&1 && chmod 600 %s/data/%s.key",
             host, host, server.dir, name, server.dir, name, server.dir, name);
    if (system(command) != 0) {
        print_error("openssl could not make a certificate\n");
        fail();
    }
}

static void set_tls(const char *value)
{
    char sql[64], url[256];
    PGconn *admin = test_server_connect(&server, "postgres");
    snprintf(sql, sizeof(sql), "alter system set ssl = %s", value);
    test_server_run(admin, sql);
    test_server_url(&server, "trusty", "app",
                    strcmp(value, "on") == 0 ? "sslmode=require" : "sslmode=disable", url,
                    sizeof(url));
    assert_true(test_server_reload(&server));
    assert_true(test_server_wait(admin, "select (current_setting('ssl') = 'on')::int",
                                 strcmp(value, "on") == 0));
    PQfinish(admin);
    /* The setting is in force for new connections once the postmaster has read it. */
    for (int i = 0; i < 500; i++) {
        PGconn *conn = PQconnectdb(url);
        bool good = PQstatus(conn) == CONNECTION_OK;
        PQfinish(conn);
        if (good)
            return;
    }
    fail_msg("the server did not take ssl = %s", value);
}

/* postgresql://app:apppw@HOST:PORT/app?parameters, in which @ stands for the folder of the keys. */
static const char *url_of(const char *host, const char *parameters)
{
    static char url[512];
    int n = snprintf(url, sizeof(url), "postgresql://app:apppw@%s:%d/app%s", host, server.port,
                     *parameters ? "?" : "");
    for (const char *p = parameters; *p && n < (int)sizeof(url) - 1; p++) {
        if (*p == '@')
            n += snprintf(url + n, sizeof(url) - (size_t)n, "%s/data", server.dir);
        else
            url[n++] = *p;
    }
    url[n] = '\0';
    return url;
}

static tn_db *open_once(const char *url, tn_error *err)
{
    tn_db *db = NULL;
    tn_config *config = tn_config_from_url(url, err);
    if (config && tn_config_set(config, "connect_retries", "0", err) == TN_OK)
        db = tn_open(config, err);
    tn_config_free(config);
    return db;
}

static void need_outer_address(void)
{
    if (!outer_address[0]) {
        print_message("skip: this machine has no address but loopback\n");
        skip();
    }
}

static tn_health opens(const char *host, const char *parameters)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *db = open_once(url_of(host, parameters), &err);
    if (!db)
        tn_error_print(stderr, &err);
    assert_non_null(db);
    tn_health health = tn_health_check(db, 5000);
    assert_int_equal(health.status, TN_HEALTHY);
    expect_ok(tn_db_close(db, &err));
    return health;
}

static void refused(const char *host, const char *parameters, const char *text)
{
    tn_error err = TN_ERROR_INIT;
    assert_null(open_once(url_of(host, parameters), &err));
    if (!strstr(err.message, text))
        fail_msg("\"%s\" is not in \"%s\"", text, err.message);
    assert_null(strstr(err.message, "apppw"));
}

static void require_encrypts(void **state)
{
    (void)state;
    assert_true(opens("127.0.0.1", "sslmode=require").encrypted);
}

static void an_unverified_server_is_noted(void **state)
{
    (void)state;
    need_outer_address();
    tn_health health = opens(outer_address, "sslmode=require");
    assert_true(health.encrypted);
    assert_false(health.server_verified);
    assert_non_null(strstr(health.note, "verify-full"));
}

static void verify_full_takes_the_right_root_and_name(void **state)
{
    (void)state;
    tn_health health = opens("localhost",
                             "hostaddr=127.0.0.1&sslmode=verify-full&sslrootcert=@/good.crt");
    assert_true(health.encrypted);
    assert_true(health.server_verified);
}

static void verify_full_refuses_a_wrong_root(void **state)
{
    (void)state;
    refused("localhost", "hostaddr=127.0.0.1&sslmode=verify-full&sslrootcert=@/other.crt",
            "certificate");
}

static void verify_full_refuses_a_wrong_name(void **state)
{
    (void)state;
    refused("127.0.0.1", "sslmode=verify-full&sslrootcert=@/good.crt", "certificate");
}

static void a_root_alone_means_verify_full(void **state)
{
    (void)state;
    tn_health health = opens("localhost", "hostaddr=127.0.0.1&sslrootcert=@/good.crt");
    assert_true(health.encrypted);
    assert_true(health.server_verified);
    refused("127.0.0.1", "sslrootcert=@/good.crt", "certificate");
    refused("localhost", "hostaddr=127.0.0.1&sslrootcert=@/other.crt", "certificate");
}

static void a_weaker_mode_that_is_written_down_wins(void **state)
{
    (void)state;
    tn_health health = opens("127.0.0.1", "sslmode=disable&sslrootcert=@/other.crt");
    assert_false(health.encrypted);
}

static void loopback_needs_no_mode(void **state)
{
    (void)state;
    opens("127.0.0.1", "");
    opens("localhost", "hostaddr=127.0.0.1");
    set_tls("off");
    tn_health health = opens("127.0.0.1", "");
    assert_false(health.encrypted);
    assert_true(health.server_verified);
    set_tls("on");
}

static void require_is_refused_without_tls(void **state)
{
    (void)state;
    set_tls("off");
    refused("127.0.0.1", "sslmode=require", "SSL");
    set_tls("on");
}

/* Over a network: TLS if the server has it, else refused, unless the URL allows it in words. */
static void a_network_is_never_crossed_in_the_clear(void **state)
{
    (void)state;
    need_outer_address();
    tn_health health = opens(outer_address, "");
    assert_true(health.encrypted);
    assert_false(health.server_verified);
    set_tls("off");
    refused(outer_address, "", "SSL");
    health = opens(outer_address, "sslmode=disable");
    assert_false(health.encrypted);
    assert_false(health.server_verified);
    assert_true(health.note[0] != '\0');
    set_tls("on");
}

static void find_outer_address(void)
{
    struct ifaddrs *all = NULL;
    if (getifaddrs(&all) != 0)
        return;
    for (struct ifaddrs *i = all; i && !outer_address[0]; i = i->ifa_next) {
        if (!i->ifa_addr || i->ifa_addr->sa_family != AF_INET || (i->ifa_flags & IFF_LOOPBACK) ||
            !(i->ifa_flags & IFF_UP))
            continue;
        if (getnameinfo(i->ifa_addr, sizeof(struct sockaddr_in), outer_address,
                        sizeof(outer_address), NULL, 0, NI_NUMERICHOST) != 0)
            outer_address[0] = '\0';
    }
    freeifaddrs(all);
}

static bool has_tls(void)
{
    PGconn *admin = test_server_connect(&server, "postgres");
    bool has = test_server_number(admin,
                                  "select (current_setting('ssl_library') <> '')::integer") == 1;
    PQfinish(admin);
#ifdef LIBPQ_HAS_SSL_LIBRARY_DETECTION
    has = has && PQsslAttribute(NULL, "library");
#endif
    return has;
}

static int switch_on(void **state)
{
    (void)state;
    make_certificate("good", "localhost");
    make_certificate("other", "localhost");
    PGconn *admin = test_server_connect(&server, "postgres");
    test_server_run(admin, "alter system set ssl_cert_file = 'good.crt'");
    test_server_run(admin, "alter system set ssl_key_file = 'good.key'");
    PQfinish(admin);
    set_tls("on");
    return 0;
}

static int remove_server(void **state)
{
    (void)state;
    test_server_remove(&server);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(require_encrypts),
        cmocka_unit_test(an_unverified_server_is_noted),
        cmocka_unit_test(verify_full_takes_the_right_root_and_name),
        cmocka_unit_test(verify_full_refuses_a_wrong_root),
        cmocka_unit_test(verify_full_refuses_a_wrong_name),
        cmocka_unit_test(a_root_alone_means_verify_full),
        cmocka_unit_test(a_weaker_mode_that_is_written_down_wins),
        cmocka_unit_test(loopback_needs_no_mode),
        cmocka_unit_test(require_is_refused_without_tls),
        cmocka_unit_test(a_network_is_never_crossed_in_the_clear),
    };
    find_outer_address();
    unsetenv("PGSSLMODE");
    unsetenv("PGSSLROOTCERT");
    test_server_create(&server, NULL, outer_address[0] ? outer_address : NULL, "apppw");
    if (!has_tls()) {
        puts("skipped: the server or libpq was built without TLS");
        test_server_remove(&server);
        return TEST_SKIPPED;
    }
    return cmocka_run_group_tests_name("server_tls", tests, switch_on, remove_server);
}
