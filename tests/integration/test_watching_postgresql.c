/* SPDX-License-Identifier: MIT */
/*
 * What can be seen of a client's work, on PostgreSQL: with us, and, by libpq and the server's log,
 * with the server. It is one of the test's own, that logs every statement.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "server.h"
#include "watching.h"

static test_server server;
static char url[200];

static int start(void **state)
{
    static const char *const settings[] = {"log_statement=all", NULL};

    (void)state;
    test_server_create(&server, settings, NULL, "canary-password");
    test_server_url(&server, "app:canary-password", "app", NULL, url, sizeof(url));
    return 0;
}

static int stop(void **state)
{
    (void)state;
    test_server_remove(&server);
    return 0;
}

#define CASE(name)                 \
    static void name(void **state) \
    {                              \
        (void)state;               \
        watching_##name(url);      \
    }
CASE(events_come_in_pairs)
CASE(a_context_changes_nothing_else)
CASE(positions_stay)
CASE(no_value_is_logged)
CASE(figures_are_true)

/* The comment as it must arrive, hostile characters of tracestate encoded. */
#define COMMENT "/*traceparent='" WATCHING_PARENT "',tracestate='shop%3D%27%2A%2F%3B--'*/"

static void the_server_sees_the_context(void **state)
{
    tn_error err = TN_ERROR_INIT;
    int64_t pid;

    (void)state;
    tn_db *db = watching_open(url, "max_connections=1");
    watching_send_context(true);
    assert_int_equal(
        tn_get(db, "select pg_backend_pid()::bigint as watched_pid", NULL, tn_into(&pid), &err),
        TN_OK);
    watching_send_context(false);
    PGconn *admin = test_server_connect(&server, "app");
    const char *const values[] = {"%watched_pid\n" COMMENT};
    PGresult *res = PQexecParams(admin,
                                 "select pid from pg_stat_activity where usename = 'app'"
                                 " and strpos(query, substr($1, 2)) > 0",
                                 1, NULL, values, NULL, NULL, 0);
    assert_int_equal(PQresultStatus(res), PGRES_TUPLES_OK);
    assert_int_equal(PQntuples(res), 1);
    assert_int_equal(strtoll(PQgetvalue(res, 0, 0), NULL, 10), pid);
    PQclear(res);
    PQfinish(admin);
    /* Once each run; preparing does not count for log_statement. */
    assert_true(test_server_log_count(&server, "tracestate='shop%3D%27%2A%2F%3B--'*/") > 0);
    watching_close(db);
}

/* Statements that are sent once only do not pile up on the server. */
static void the_server_keeps_none_of_them(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *session;
    int64_t n;

    (void)state;
    tn_db *db = watching_open(url, "max_connections=1");
    assert_int_equal(tn_acquire(db, &session, &err), TN_OK);
    watching_send_context(true);
    for (int i = 0; i < 100; i++)
        assert_int_equal(tn_get(session, "select $1::bigint", tn_args(i), tn_into(&n), &err),
                         TN_OK);
    watching_send_context(false);
    assert_int_equal(
        tn_get(session, "select count(*) from pg_prepared_statements", NULL, tn_into(&n), &err),
        TN_OK);
    assert_in_range(n, 0, 40);
    tn_release(session);
    watching_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_come_in_pairs),
        cmocka_unit_test(a_context_changes_nothing_else),
        cmocka_unit_test(positions_stay),
        cmocka_unit_test(no_value_is_logged),
        cmocka_unit_test(figures_are_true),
        cmocka_unit_test(the_server_sees_the_context),
        cmocka_unit_test(the_server_keeps_none_of_them),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
