/* SPDX-License-Identifier: MIT */
/* Connections: opening, refusals, hosts that do not answer, what reset undoes, what health shows.
 */
#include "pg_session.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* The test's URL with a further parameter. */
static const char *url_with(const char *parameter)
{
    static char url[1024];
    const char *base = session_url();

    snprintf(url, sizeof(url), "%s%c%s", base, strchr(base, '?') ? '&' : '?', parameter);
    return url;
}

/* What becomes of opening that URL. */
static tn_status try_open(const char *url, int64_t timeout_ms, tn_error *err)
{
    tn_driver_source *source = NULL;
    tn_driver_conn *conn = NULL;
    tn_host_conn host = {0};

    tn_status status = driver_host_source(url, NULL, NULL, &source, err);
    if (status == TN_OK)
        status = PG->conn->open(source, &host, driver_host_deadline(timeout_ms), &conn, err);
    PG->conn->close(conn);
    PG->conn->close_source(source);
    return status;
}

static void it_opens_pings_and_tells(void **state)
{
    session s;
    tn_conn_info info = {.size = sizeof(info)};

    (void)state;
    session_open(&s, NULL, NULL);
    assert_int_equal(PG->conn->ping(s.conn, soon(), &s.err), TN_OK);
    PG->conn->info(s.conn, &info);
    assert_ptr_equal(strstr(info.server, "PostgreSQL "), info.server);
    assert_true(strlen(info.server) > strlen("PostgreSQL "));
    assert_null(strchr(info.server, '('));
    assert_string_equal(info.dialect, "postgresql");
    assert_true(info.endpoint[0]);
    assert_false(info.read_only);
    assert_string_equal(ask(&s, "show application_name"), "tenon-test");
    assert_string_equal(ask(&s, "show client_encoding"), "UTF8");
    assert_ptr_equal(strstr(PG->client(), "libpq "), PG->client());
    assert_state(&s, TN_CONN_IDLE);
    session_close(&s);
    PG->conn->close(NULL);
}

static void refusals_have_a_class(void **state)
{
    tn_error err = TN_ERROR_INIT;

    (void)state;
    assert_int_equal(try_open(url_with("dbname=tn_no_such_database"), 10000, &err), TN_AUTH);
    assert_string_equal(err.sqlstate, "3D000");
    assert_null(strstr(err.message, "LOCATION"));
    assert_int_equal(try_open(url_with("user=tn_no_such_role"), 10000, &err), TN_AUTH);
    /* A server that asks for a password does not tell whether it was the role or the password. */
    assert_true(strcmp(err.sqlstate, "28000") == 0 || strcmp(err.sqlstate, "28P01") == 0);
    assert_int_equal(try_open(url_with("options=-c%20tn_nonsense"), 10000, &err), TN_CONFIG);
    assert_int_equal(try_open("postgresql:///x?host=/tn/nowhere", 10000, &err), TN_UNAVAILABLE);
    assert_string_equal(err.sqlstate, "08001");
    assert_int_equal(try_open("postgresql://u:canarypass@127.0.0.1:1/x", 10000, &err),
                     TN_UNAVAILABLE);
    assert_null(strstr(err.message, "canarypass"));
    assert_null(strchr(err.message, '\n'));
}

/* A listener that takes connections and never says a word. */
static int mute_server(int *ret_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

static void silence_ends_by_the_deadline(void **state)
{
    tn_error err = TN_ERROR_INIT;
    char url[512];
    int port, fd = mute_server(&port);

    (void)state;
    snprintf(url, sizeof(url), "postgresql://u:canarypass@127.0.0.1:%d/x?sslmode=disable", port);
    assert_int_equal(try_open(url, 100, &err), TN_TIMEOUT);
    assert_string_equal(err.sqlstate, "08001");
    assert_int_equal(err.phase, TN_PHASE_CONNECT);
    assert_null(strstr(err.message, "canarypass"));
    /* connect_timeout of the URL: the host did not answer */
    snprintf(url, sizeof(url), "postgresql://127.0.0.1:%d/x?connect_timeout=1", port);
    assert_int_equal(try_open(url, 60000, &err), TN_UNAVAILABLE);
    close(fd);
}

/* A mute host does not take the time of those behind it, nor of those before it. */
static void a_silent_host_is_passed_over(void **state)
{
    session s;
    char list[256];
    char url[1024];
    int port, fd = mute_server(&port);

    (void)state;
    session_open(&s, NULL, NULL);
    snprintf(list, sizeof(list), "%s", ask(&s, "show unix_socket_directories"));
    if (strcspn(list, ",") < strlen(list) || list[0] != '/') {
        close(fd);
        session_close(&s);
        print_message("skipped: the server listens on %s\n", list[0] ? list : "no socket");
        skip();
    }
    char name[64], real_port[16];
    snprintf(name, sizeof(name), "%s", ask(&s, "select current_user"));
    snprintf(real_port, sizeof(real_port), "%s", ask(&s, "show port"));
    session_close(&s);
    for (size_t i = 0; i < 2; i++) {
        tn_error err = TN_ERROR_INIT;
        char hosts[400];
        if (i == 0)
            snprintf(hosts, sizeof(hosts), "127.0.0.1,%s&port=%d,%s", list, port, real_port);
        else
            snprintf(hosts, sizeof(hosts), "127.0.0.1,127.0.0.1,%s&port=%d,1,%s", list, port,
                     real_port);
        snprintf(url, sizeof(url), "postgresql:///postgres?user=%s&host=%s", name, hosts);
        if (try_open(url, 2000, &err) != TN_OK)
            fail_msg("%s: %s", hosts, err.message);
    }
    close(fd);
}

static void the_schema_is_the_search_path(void **state)
{
    session s;

    (void)state;
    session_open(&s, "tn \"odd\" schema", NULL);
    assert_string_equal(ask(&s, "show search_path"), "\"tn \"\"odd\"\" schema\"");
    assert_string_equal(ask(&s, "select current_schema()"), "(null)"); /* created by nobody */
    must(&s, "set search_path = public");
    assert_int_equal(PG->conn->reset(s.conn, soon(), &s.err), TN_OK);
    assert_string_equal(ask(&s, "show search_path"), "\"tn \"\"odd\"\" schema\"");
    session_close(&s);
}

static void reset_undoes_what_was_changed(void **state)
{
    static const char *const changes[] = {
        "set work_mem = '7MB'",
        "create temp table left_over (a int)",
        "select pg_advisory_lock(4711)",
        "select set_config('application_name', 'other', false)",
        "listen somewhere",
        "declare c cursor with hold for select 1",
        "prepare own as select 1",
    };
    session s;

    (void)state;
    session_open(&s, NULL, NULL);
    tn_driver_stmt *stmt = prepare(&s, "select 77");
    assert_int_equal(PG->conn->reset(s.conn, soon(), &s.err), TN_OK);
    must(&s, "create temp table x (a int)");
    must(&s, "drop table x");
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        must(&s, changes[i]);
    }
    must(&s, "set role pg_monitor");
    must(&s, "begin");
    assert_int_equal(run(&s, "select 1/0"), TN_DATA);
    assert_int_equal(PG->conn->reset(s.conn, soon(), &s.err), TN_OK);
    assert_state(&s, TN_CONN_IDLE);
    assert_string_not_equal(ask(&s, "show work_mem"), "7MB");
    assert_string_equal(ask(&s, "select current_user = session_user"), "t");
    assert_string_equal(ask(&s, "select to_regclass('left_over')"), "(null)");
    assert_string_equal(ask(&s, "select count(*) from pg_locks where locktype = 'advisory'"
                                " and pid = pg_backend_pid()"),
                        "0");
    assert_string_equal(ask(&s, "show application_name"), "tenon-test");
    assert_string_equal(ask(&s, "select count(*) from pg_listening_channels()"), "0");
    assert_string_equal(ask(&s, "select count(*) from pg_cursors where name = 'c'"), "0");
    assert_string_equal(ask(&s, "select count(*) from pg_prepared_statements where name = 'own'"),
                        "0");
    assert_int_equal(run_stmt(&s, stmt, NULL, 0, 0, NULL), TN_OK);
    PG->stmt->close(stmt);
    session_close(&s);
}

static void another_encoding_is_refused(void **state)
{
    static const char *const changes[] = {
        "set client_encoding = 'LATIN1'",
        "select set_config('client_encoding', 'LATIN1', false)",
        "do $$ begin perform set_config('client_encoding', 'LATIN1', false); end $$",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        session s;
        session_open(&s, NULL, NULL);
        assert_int_equal(run(&s, changes[i]), TN_UNSUPPORTED);
        assert_string_equal(s.err.sqlstate, "0A000");
        assert_string_equal(s.err.message, "client_encoding must stay UTF8");
        assert_int_equal(run(&s, "select chr(233)"), TN_UNSUPPORTED);
        must(&s, "set client_encoding = 'UTF8'");
        assert_string_equal(ask(&s, "select chr(233)"), "\xc3\xa9");
        assert_int_equal(PG->conn->reset(s.conn, soon(), &s.err), TN_UNSUPPORTED);
        assert_state(&s, TN_CONN_BROKEN);
        session_close(&s);
    }
}

static void text_answers_do_not_hang_on_settings(void **state)
{
    static const char sql[] = "select 0.1::float8 + 0.2::float8, '10.0.0.1'::inet";
    tn_txn_request request = {.size = sizeof(request)};
    session s;

    (void)state;
    session_open(&s, NULL, NULL);
    must(&s, "set extra_float_digits = 0");
    assert_string_equal(ask(&s, sql), "0.30000000000000004");
    int waits = s.host.waits;
    tn_driver_stmt *stmt = prepare(&s, sql);
    int prepared = s.host.waits - waits;
    assert_int_equal(run_stmt(&s, stmt, NULL, 0, 0, NULL), TN_OK);
    assert_true(s.host.waits - waits - prepared <= 1); /* asked once */
    PG->stmt->close(stmt);
    must(&s, "set extra_float_digits = -3");
    assert_int_equal(PG->txn->begin(s.conn, &request, soon(), &s.err), TN_OK);
    assert_string_equal(ask(&s, sql), "0.30000000000000004");
    assert_int_equal(PG->txn->rollback(s.conn, soon(), &s.err), TN_OK);
    assert_string_equal(ask(&s, sql), "0.30000000000000004");
    assert_string_equal(ask(&s, "select point(0.1::float8 + 0.2::float8, 1)"),
                        "(0.30000000000000004,1)");
    /* where it cannot be read, the setting is named */
    must(&s, "set datestyle = 'German'");
    assert_int_equal(run(&s, "select date '2026-11-23', '10.0.0.1'::inet"), TN_UNSUPPORTED);
    assert_string_equal(s.err.sqlstate, "0A000");
    assert_non_null(strstr(s.err.message, "the session's DateStyle is German"));
    must(&s, "set datestyle = 'SQL, DMY'");
    assert_int_equal(run(&s, "select date '2026-11-12', '10.0.0.1'::inet"), TN_UNSUPPORTED);
    must(&s, "set datestyle = 'ISO'");
    must(&s, "set intervalstyle = 'sql_standard'");
    assert_int_equal(run(&s, "select interval '-1 day -02:00', '10.0.0.1'::inet"), TN_UNSUPPORTED);
    assert_non_null(strstr(s.err.message, "the session's IntervalStyle is sql_standard"));
    assert_int_equal(PG->conn->reset(s.conn, soon(), &s.err), TN_OK);
    must(&s, "select date '2026-11-23', interval '1 day', '10.0.0.1'::inet");
    session_close(&s);
}

/* Nothing was changed, so nothing is asked. */
static void a_clean_reset_costs_nothing(void **state)
{
    session s;

    (void)state;
    session_open(&s, NULL, NULL);
    must(&s, "select 1");
    must(&s, "begin");
    must(&s, "set local work_mem = '1MB'");
    must(&s, "commit");
    int waits = s.host.waits;
    assert_int_equal(PG->conn->reset(s.conn, soon(), &s.err), TN_OK);
    assert_int_equal(s.host.waits, waits);
    session_close(&s);
}

static void notices_go_to_the_log(void **state)
{
    session s;

    (void)state;
    session_open(&s, NULL, NULL);
    must(&s, "do $$ begin raise notice 'hello %', 'there'; end $$");
    assert_int_equal(s.host.logged, 1);
    assert_int_equal(s.host.level, TN_LOG_INFO);
    assert_string_equal(s.host.component, "server");
    assert_string_equal(s.host.line, "NOTICE: hello there");
    must(&s, "do $$ begin raise warning 'careful'; end $$");
    assert_int_equal(s.host.level, TN_LOG_WARN);
    assert_string_equal(s.host.line, "WARNING: careful");
    session_close(&s);
}

/* What the server said when it ended an idle session comes out with the next use. */
static void an_idle_session_that_was_ended_is_noticed(void **state)
{
    session s, other;
    char sql[96];

    (void)state;
    session_open(&other, NULL, NULL);
    session_open(&s, NULL, NULL);
    snprintf(sql, sizeof(sql), "select pg_terminate_backend(%s, 5000)",
             ask(&s, "select pg_backend_pid()"));
    must(&other, sql);
    assert_int_equal(PG->conn->ping(s.conn, soon(), &s.err), TN_LOST);
    assert_state(&s, TN_CONN_BROKEN);
    session_close(&s);
    session_close(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_opens_pings_and_tells),
        cmocka_unit_test(refusals_have_a_class),
        cmocka_unit_test(silence_ends_by_the_deadline),
        cmocka_unit_test(a_silent_host_is_passed_over),
        cmocka_unit_test(the_schema_is_the_search_path),
        cmocka_unit_test(reset_undoes_what_was_changed),
        cmocka_unit_test(another_encoding_is_refused),
        cmocka_unit_test(text_answers_do_not_hang_on_settings),
        cmocka_unit_test(a_clean_reset_costs_nothing),
        cmocka_unit_test(notices_go_to_the_log),
        cmocka_unit_test(an_idle_session_that_was_ended_is_noticed),
    };

    return session_run(tests, sizeof(tests) / sizeof(tests[0]));
}
