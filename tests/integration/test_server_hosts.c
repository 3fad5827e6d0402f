/* SPDX-License-Identifier: MIT */
/* Several hosts in one URL: the one that is wanted is found, whoever of the others is dead, silent
 * or of the wrong kind, and each has its share of the time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "expect.h"
#include "server.h"

static test_server primary, standby;
static int dead, mute, mute_fd, mute_too, mute_too_fd;

enum { TIMEOUT_MS = 3000, NOBODY = -1 };

typedef enum kind { DEAD, MUTE, MUTE_TOO, PRIMARY, STANDBY } kind;

static int port_of(kind k)
{
    const int ports[] = {dead, mute, mute_too, primary.port, standby.port};

    return ports[k];
}

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

static void url_of(const kind *hosts, size_t count, const char *more, char *url, size_t size)
{
    size_t at = (size_t)snprintf(url, size, "postgresql://app:apppw@");

    for (size_t i = 0; i < count; i++)
        at += (size_t)snprintf(url + at, size - at, "%s127.0.0.1:%d", i ? "," : "",
                               port_of(hosts[i]));
    snprintf(url + at, size - at, "/app%s%s", more[0] ? "?" : "", more);
}

static tn_db *open_url(const char *url, tn_error *err)
{
    char timeout[16];
    tn_config *config = tn_config_from_url(url, err);

    assert_non_null(config);
    snprintf(timeout, sizeof(timeout), "%d", TIMEOUT_MS);
    expect_at(tn_config_set(config, "connection_timeout", timeout, err), TN_OK, err, "set",
              __FILE__, __LINE__);
    expect_at(tn_config_set(config, "connect_retries", "0", err), TN_OK, err, "set", __FILE__,
              __LINE__);
    tn_db *db = tn_open(config, err);
    tn_config_free(config);
    return db;
}

/* The port of the server that was found, or NOBODY. */
static int find(const kind *hosts, size_t count, const char *more, tn_error *err)
{
    char url[512];
    int32_t port = NOBODY;

    url_of(hosts, count, more, url, sizeof(url));
    tn_db *db = open_url(url, err);
    if (!db)
        return NOBODY;
    tn_status status = tn_get(db, "select inet_server_port()", NULL, tn_into(&port), err);
    if (status != TN_OK)
        tn_error_print(stderr, err);
    assert_int_equal(status, TN_OK);
    assert_int_equal(tn_db_close(db, err), TN_OK);
    return port;
}

typedef struct row {
    const char *more;
    kind hosts[5];
    size_t count;
    int wanted; /* a kind, or NOBODY */
} row;

static void the_wanted_one_is_found(void **state)
{
    static const row rows[] = {
        {"", {DEAD, STANDBY, PRIMARY}, 3, STANDBY},
        {"target_session_attrs=any", {MUTE, PRIMARY}, 2, PRIMARY},
        {"target_session_attrs=read-write", {STANDBY, PRIMARY}, 2, PRIMARY},
        {"target_session_attrs=read-write", {DEAD, STANDBY, DEAD, PRIMARY}, 4, PRIMARY},
        {"target_session_attrs=read-write", {MUTE, STANDBY, PRIMARY}, 3, PRIMARY},
        {"target_session_attrs=read-write", {STANDBY, MUTE, PRIMARY}, 3, PRIMARY},
        {"target_session_attrs=read-write", {MUTE, MUTE_TOO, STANDBY, DEAD, PRIMARY}, 5, PRIMARY},
        {"target_session_attrs=primary", {STANDBY, PRIMARY}, 2, PRIMARY},
        {"target_session_attrs=primary", {PRIMARY, MUTE}, 2, PRIMARY},
        {"target_session_attrs=standby", {PRIMARY, STANDBY}, 2, STANDBY},
        {"target_session_attrs=standby", {PRIMARY, MUTE, STANDBY}, 3, STANDBY},
        {"target_session_attrs=read-only", {PRIMARY, DEAD, STANDBY}, 3, STANDBY},
        {"target_session_attrs=prefer-standby", {PRIMARY, STANDBY}, 2, STANDBY},
        {"target_session_attrs=prefer-standby", {DEAD, PRIMARY}, 2, PRIMARY},
        {"target_session_attrs=prefer-standby", {PRIMARY, MUTE}, 2, PRIMARY},
        {"target_session_attrs=prefer-standby", {MUTE, PRIMARY, MUTE_TOO}, 3, PRIMARY},
        {"target_session_attrs=prefer-standby", {MUTE, PRIMARY, STANDBY}, 3, STANDBY},
        {"target_session_attrs=read-write", {DEAD, STANDBY}, 2, NOBODY},
        {"target_session_attrs=standby", {PRIMARY}, 1, NOBODY},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const row *r = &rows[i];
        tn_error err = TN_ERROR_INIT;
        int64_t start = now_ms();
        int found = find(r->hosts, r->count, r->more, &err);
        int64_t took = now_ms() - start;
        if (found != (r->wanted == NOBODY ? NOBODY : port_of((kind)r->wanted)))
            fail_msg("row %zu (%s): %d, %s %s", i, r->more, found, err.sqlstate, err.message);
        if (r->wanted == NOBODY) {
            assert_int_equal(err.status, TN_UNAVAILABLE);
            assert_string_equal(err.sqlstate, "08001");
        }
        assert_in_range(took, 0, TIMEOUT_MS + 2000);
    }
}

/* connect_timeout counts for each host from when its turn comes. */
static void connect_timeout_is_each_hosts_own(void **state)
{
    static const kind hosts[] = {MUTE, MUTE_TOO, PRIMARY};
    static const kind silent[] = {MUTE, MUTE_TOO};
    tn_error err = TN_ERROR_INIT;
    int64_t start = now_ms();

    (void)state;
    assert_int_equal(find(hosts, 3, "connect_timeout=1", &err), primary.port);
    assert_in_range(now_ms() - start, 1900, TIMEOUT_MS + 2000);
    start = now_ms();
    assert_int_equal(find(silent, 2, "connect_timeout=1", &err), NOBODY);
    assert_true(err.status == TN_UNAVAILABLE || err.status == TN_TIMEOUT);
    assert_in_range(now_ms() - start, 1900, TIMEOUT_MS + 2000);
}

static void nobody_answers_in_time(void **state)
{
    static const kind silent[] = {MUTE, MUTE_TOO};
    tn_error err = TN_ERROR_INIT;
    int64_t start = now_ms();

    (void)state;
    assert_int_equal(find(silent, 2, "", &err), NOBODY);
    assert_string_equal(err.sqlstate, "08001");
    assert_in_range(now_ms() - start, TIMEOUT_MS - 100, TIMEOUT_MS + 2000);
}

/* The order is libpq's to choose where it can; every host is found all the same. */
static void load_is_balanced_where_libpq_can(void **state)
{
    static const kind hosts[] = {DEAD, STANDBY, PRIMARY, MUTE};
    tn_error err = TN_ERROR_INIT;
    char url[512];
    int seen[2] = {0, 0};

    (void)state;
    if (PQlibVersion() < 160000) {
        tn_config *config = NULL;
        url_of(hosts, 4, "load_balance_hosts=random", url, sizeof(url));
        config = tn_config_from_url(url, &err);
        assert_null(config ? tn_open(config, &err) : NULL);
        tn_config_free(config);
        assert_int_equal(err.status, TN_CONFIG);
        assert_non_null(strstr(err.message, "load_balance_hosts"));
        return;
    }
    for (int i = 0; i < 40 && !(seen[0] && seen[1]); i++) {
        int found = find(hosts, 4, "load_balance_hosts=random", &err);
        assert_true(found == primary.port || found == standby.port);
        seen[found == primary.port]++;
    }
    assert_true(seen[0] && seen[1]);
}

/* A client that is open goes over when the standby takes over. */
static void the_standby_takes_over(void **state)
{
    static const kind hosts[] = {PRIMARY, STANDBY};
    tn_error err = TN_ERROR_INIT;
    char url[512];
    int32_t port = 0;

    (void)state;
    url_of(hosts, 2, "target_session_attrs=read-write", url, sizeof(url));
    tn_db *db = open_url(url, &err);
    assert_non_null(db);
    expect_ok(tn_exec(db, "create table t (a int)", NULL, NULL, &err));
    expect_ok(tn_get(db, "select inet_server_port()", NULL, tn_into(&port), &err));
    assert_int_equal(port, primary.port);
    PGconn *follower = test_server_connect(&standby, "app");
    assert_true(test_server_wait(follower, "select count(*) from pg_class where relname = 't'", 1));
    PQfinish(follower);
    assert_true(test_server_stop(&primary, true));
    assert_true(test_server_promote(&standby));
    tn_status status = TN_FAILED;
    for (int i = 0; i < 50 && status != TN_OK; i++)
        status = tn_exec(db, "insert into t values (1)", NULL, NULL, &err);
    expect_status(status, TN_OK);
    expect_ok(tn_get(db, "select inet_server_port()", NULL, tn_into(&port), &err));
    assert_int_equal(port, standby.port);
    expect_ok(tn_db_close(db, &err));
}

static int remove_servers(void **state)
{
    (void)state;
    close(mute_fd);
    close(mute_too_fd);
    test_server_remove(&standby);
    test_server_remove(&primary);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_wanted_one_is_found),
        cmocka_unit_test(connect_timeout_is_each_hosts_own),
        cmocka_unit_test(nobody_answers_in_time),
        cmocka_unit_test(load_is_balanced_where_libpq_can),
        cmocka_unit_test(the_standby_takes_over),
    };

    test_server_create(&primary, NULL, NULL, "apppw");
    test_server_create_standby(&standby, &primary);
    dead = test_free_port();
    mute_fd = test_mute_listener(&mute);
    mute_too_fd = test_mute_listener(&mute_too);
    return cmocka_run_group_tests_name("server_hosts", tests, NULL, remove_servers);
}
