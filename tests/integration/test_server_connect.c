/* SPDX-License-Identifier: MIT */
/* Connecting to a PostgreSQL that is not as it should be: each fault has its class, and its end. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "expect.h"
#include "server.h"

enum { MAX_CONNECTIONS = 8, RESERVED = 3, LONG_MS = 20000 };

static test_server server;

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

/* A client with settings given as name, value, ..., NULL. */
static tn_db *open_with(const char *url, const char *const settings[], tn_error *err)
{
    tn_db *db = NULL;
    tn_config *config = tn_config_from_url(url, err);
    tn_status status = config ? TN_OK : TN_FAILED;
    for (; status == TN_OK && settings && *settings; settings += 2)
        status = tn_config_set(config, settings[0], settings[1], err);
    if (status == TN_OK)
        db = tn_open(config, err);
    tn_config_free(config);
    return db;
}

static const char *const once[] = {"connect_retries", "0", NULL};

static void expect_refused(const char *url, const char *const settings[], tn_status status,
                           const char *sqlstate, const char *text)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *db = open_with(url, settings, &err);
    assert_null(db);
    if (err.status != status || strcmp(err.sqlstate, sqlstate) != 0)
        tn_error_print(stderr, &err);
    assert_int_equal(err.status, status);
    assert_string_equal(err.sqlstate, sqlstate);
    assert_int_not_equal(err.outcome, TN_OUTCOME_IN_DOUBT);
    if (text && !strstr(err.message, text))
        fail_msg("\"%s\" is not in \"%s\"", text, err.message);
}

static void expect_works(tn_db *db)
{
    tn_error err = TN_ERROR_INIT;
    int32_t one = 0;
    expect_ok(tn_get(db, "select 1", NULL, tn_into(&one), &err));
    assert_int_equal(one, 1);
}

static void expect_opens(const char *url)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *db = open_with(url, once, &err);
    if (!db)
        tn_error_print(stderr, &err);
    assert_non_null(db);
    expect_works(db);
    expect_ok(tn_db_close(db, &err));
}

/* ---- who are you ---------------------------------------------------------------------------- */

static void a_password_opens(void **state)
{
    char url[256];
    (void)state;
    expect_opens(test_server_url(&server, "app:apppw", "app", NULL, url, sizeof(url)));
    expect_opens(test_server_url(&server, "trusty", "app", NULL, url, sizeof(url)));
}

/* With retries allowed: one that cannot help is not made. */
static void a_wrong_password_is_tried_once(void **state)
{
    static const char refusal[] = "password authentication failed for user \"app\"";
    char url[256];
    int before = test_server_log_count(&server, refusal);
    (void)state;
    test_server_url(&server, "app:wrong", "app", NULL, url, sizeof(url));
    expect_refused(url, NULL, TN_AUTH, "28P01", "app");
    assert_int_equal(test_server_log_count(&server, refusal), before + 1);
}

static void no_password_and_no_role_are_refused(void **state)
{
    tn_error err = TN_ERROR_INIT;
    char url[256];
    (void)state;
    test_server_url(&server, "nobody:pw", "app", NULL, url, sizeof(url));
    expect_refused(url, NULL, TN_AUTH, "28P01", NULL);
    test_server_url(&server, "app", "app", NULL, url, sizeof(url));
    assert_null(open_with(url, NULL, &err));
    assert_int_equal(err.status, TN_AUTH);
}

static void an_unknown_database_is_named(void **state)
{
    static const char refusal[] = "database \"nowhere\" does not exist";
    char url[256];
    (void)state;
    test_server_url(&server, "trusty", "nowhere", NULL, url, sizeof(url));
    expect_refused(url, NULL, TN_AUTH, "3D000", "nowhere");
    assert_int_equal(test_server_log_count(&server, refusal), 1);
}

/* ---- nobody there --------------------------------------------------------------------------- */

static void a_closed_port_is_told_at_once(void **state)
{
    char url[256];
    int64_t start = now_ms();
    (void)state;
    snprintf(url, sizeof(url), "postgresql://app@127.0.0.1:%d/app", test_free_port());
    expect_refused(url, once, TN_UNAVAILABLE, "08001", "refused");
    assert_in_range(now_ms() - start, 0, LONG_MS);
}

static void a_missing_socket_is_named(void **state)
{
    char url[256];
    (void)state;
    snprintf(url, sizeof(url), "postgresql:///app?host=%s&port=1&user=app", server.dir);
    expect_refused(url, once, TN_UNAVAILABLE, "08001", server.dir);
}

/* Somebody takes the connection and never says a word. */
static void silence_ends_at_the_deadline(void **state)
{
    static const char *const briefly[] = {"connection_timeout", "400", NULL};
    tn_error err = TN_ERROR_INIT;
    char url[256];
    int port, fd = test_mute_listener(&port);
    int64_t start = now_ms();
    (void)state;

    snprintf(url, sizeof(url), "postgresql://app@127.0.0.1:%d/app", port);
    assert_null(open_with(url, briefly, &err));
    close(fd);
    if (err.status != TN_TIMEOUT && err.status != TN_UNAVAILABLE)
        tn_error_print(stderr, &err);
    assert_true(err.status == TN_TIMEOUT || err.status == TN_UNAVAILABLE);
    assert_in_range(now_ms() - start, 300, LONG_MS);
}

static void *take_and_close(void *arg)
{
    int client = accept(*(int *)arg, NULL, NULL);
    if (client >= 0)
        close(client);
    return NULL;
}

static void a_server_that_hangs_up_is_unavailable(void **state)
{
    tn_error err = TN_ERROR_INIT;
    pthread_t thread;
    char url[256];
    int port, fd = test_mute_listener(&port);
    (void)state;

    assert_int_equal(pthread_create(&thread, NULL, take_and_close, &fd), 0);
    snprintf(url, sizeof(url), "postgresql://app@127.0.0.1:%d/app?sslmode=disable", port);
    assert_null(open_with(url, once, &err));
    pthread_join(thread, NULL);
    close(fd);
    if (err.status != TN_UNAVAILABLE)
        tn_error_print(stderr, &err);
    assert_int_equal(err.status, TN_UNAVAILABLE);
}

/* The first host of the list is dead: the second one answers. */
static void a_second_host_takes_over(void **state)
{
    char url[256];
    (void)state;
    snprintf(url, sizeof(url), "postgresql://app:apppw@127.0.0.1:%d,127.0.0.1:%d/app",
             test_free_port(), server.port);
    expect_opens(url);
    snprintf(url, sizeof(url),
             "postgresql://app:apppw@127.0.0.1:%d,127.0.0.1:%d/app"
             "?target_session_attrs=read-write",
             test_free_port(), server.port);
    expect_opens(url);
}

/* ---- full ----------------------------------------------------------------------------------- */

struct crowd {
    PGconn *members[MAX_CONNECTIONS];
    int count;
};

static void crowd_in(struct crowd *crowd)
{
    char url[256];
    test_server_url(&server, "trusty", "app", NULL, url, sizeof(url));
    for (crowd->count = 0; crowd->count < MAX_CONNECTIONS - RESERVED; crowd->count++) {
        crowd->members[crowd->count] = PQconnectdb(url);
        assert_int_equal(PQstatus(crowd->members[crowd->count]), CONNECTION_OK);
    }
}

static void crowd_out(struct crowd *crowd)
{
    PGconn *admin = test_server_connect(&server, "postgres");
    while (crowd->count > 0)
        PQfinish(crowd->members[--crowd->count]);
    assert_true(test_server_wait(
        admin, "select count(*) from pg_stat_activity where usename in ('trusty', 'app')", 0));
    PQfinish(admin);
}

static void a_full_server_is_unavailable(void **state)
{
    struct crowd crowd;
    char url[256];
    (void)state;
    test_server_url(&server, "app:apppw", "app", NULL, url, sizeof(url));
    crowd_in(&crowd);
    expect_refused(url, once, TN_UNAVAILABLE, "53300", NULL);
    crowd_out(&crowd);
    expect_opens(url);
}

static void *leave_soon(void *arg)
{
    static const struct timespec soon = {.tv_nsec = 300 * 1000 * 1000};
    struct crowd *crowd = arg;
    nanosleep(&soon, NULL);
    PQfinish(crowd->members[--crowd->count]);
    return NULL;
}

static void a_full_server_is_tried_again(void **state)
{
    tn_error err = TN_ERROR_INIT;
    struct crowd crowd;
    pthread_t thread;
    char url[256];
    (void)state;

    test_server_url(&server, "app:apppw", "app", NULL, url, sizeof(url));
    crowd_in(&crowd);
    assert_int_equal(pthread_create(&thread, NULL, leave_soon, &crowd), 0);
    tn_db *db = open_with(url, (const char *const[]){"min_connections", "1", NULL}, &err);
    pthread_join(thread, NULL);
    if (!db)
        tn_error_print(stderr, &err);
    assert_non_null(db);
    expect_works(db);
    expect_ok(tn_db_close(db, &err));
    crowd_out(&crowd);
}

/* ---- down and up again ---------------------------------------------------------------------- */

static void a_client_outlives_its_server(void **state)
{
    tn_error err = TN_ERROR_INIT;
    char url[256];
    int32_t one;
    (void)state;

    test_server_url(&server, "app:apppw", "app", NULL, url, sizeof(url));
    tn_db *db = open_with(url, (const char *const[]){"pool_timeout", "1000", NULL}, &err);
    assert_non_null(db);
    expect_works(db);
    assert_int_equal(tn_health_check(db, 5000).status, TN_HEALTHY);

    assert_true(test_server_stop(&server, false));
    tn_health health = tn_health_check(db, 1000);
    assert_int_equal(health.status, TN_UNHEALTHY);
    assert_int_equal(health.error.status, TN_UNAVAILABLE);
    assert_in_range(health.latency_us, 0, 5000000);
    for (int i = 0; i < 3; i++) {
        tn_status status = tn_get(db, "select 1", NULL, tn_into(&one), &err);
        if (status != TN_LOST && status != TN_UNAVAILABLE && status != TN_TIMEOUT)
            tn_error_print(stderr, &err);
        assert_true(status == TN_LOST || status == TN_UNAVAILABLE || status == TN_TIMEOUT);
    }

    assert_true(test_server_start(&server));
    expect_works(db);
    assert_int_equal(tn_health_check(db, 5000).status, TN_HEALTHY);
    expect_ok(tn_db_close(db, &err));
}

static void a_server_for_reading_says_so(void **state)
{
    tn_error err = TN_ERROR_INIT;
    char url[256];
    (void)state;
    test_server_url(&server, "app:apppw", "app", "options=-c%20default_transaction_read_only%3Don",
                    url, sizeof(url));
    tn_db *db = open_with(url, once, &err);
    assert_non_null(db);
    expect_error(tn_exec(db, "create table t (a int)", NULL, NULL, &err), TN_READ_ONLY, "25006");
    tn_health health = tn_health_check(db, 5000);
    assert_int_equal(health.status, TN_HEALTHY);
    assert_true(health.read_only);
    expect_ok(tn_db_close(db, &err));
}

static void health_knows_the_server(void **state)
{
    tn_error err = TN_ERROR_INIT;
    char url[256], endpoint[64];
    (void)state;
    test_server_url(&server, "app:apppw", "app", NULL, url, sizeof(url));
    tn_db *db = open_with(url, once, &err);
    assert_non_null(db);
    tn_health health = tn_health_check(db, 5000);
    assert_int_equal(health.status, TN_HEALTHY);
    assert_string_equal(health.driver, "postgresql");
    assert_non_null(strstr(health.server, "PostgreSQL"));
    assert_non_null(strstr(health.client, "libpq"));
    assert_in_range(health.latency_us, 1, 5000000);
    assert_false(health.read_only);
    snprintf(endpoint, sizeof(endpoint), "127.0.0.1:%d", server.port);
    assert_non_null(strstr(health.endpoint, endpoint));
    expect_ok(tn_db_close(db, &err));
}

static int remove_server(void **state)
{
    (void)state;
    test_server_remove(&server);
    return 0;
}

int main(void)
{
    static const char *const settings[] = {"max_connections=8", "superuser_reserved_connections=3",
                                           NULL};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_password_opens),
        cmocka_unit_test(a_wrong_password_is_tried_once),
        cmocka_unit_test(no_password_and_no_role_are_refused),
        cmocka_unit_test(an_unknown_database_is_named),
        cmocka_unit_test(a_closed_port_is_told_at_once),
        cmocka_unit_test(a_missing_socket_is_named),
        cmocka_unit_test(silence_ends_at_the_deadline),
        cmocka_unit_test(a_server_that_hangs_up_is_unavailable),
        cmocka_unit_test(a_second_host_takes_over),
        cmocka_unit_test(a_full_server_is_unavailable),
        cmocka_unit_test(a_full_server_is_tried_again),
        cmocka_unit_test(a_client_outlives_its_server),
        cmocka_unit_test(a_server_for_reading_says_so),
        cmocka_unit_test(health_knows_the_server),
    };
    test_server_create(&server, settings, NULL, "apppw");
    return cmocka_run_group_tests_name("server_connect", tests, NULL, remove_server);
}
