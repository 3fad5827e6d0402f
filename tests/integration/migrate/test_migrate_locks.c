/* SPDX-License-Identifier: MIT */
/*
 * A migration beside others: an application that holds a table's lock, deployers that wait while an
 * index is built, a deployer that is killed within a statement, a pooler in between.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "kit.h"
#include "pooler.h"
#include "server.h"

enum { WAITERS = 3, LOCK_TIMEOUT_MS = 500 };

static const char *command;
static test_server server;
static PGconn *admin;
static kit k;

static int set_up(void **state)
{
    (void)state;
    kit_begin(&k, command);
    test_server_url(&server, "app:apppw", "app", "sslmode=disable", k.url, sizeof(k.url));
    /* What a test that failed left. */
    test_server_run(admin, "select pg_terminate_backend(pid, 5000) from pg_stat_activity where pid"
                           " <> pg_backend_pid() and backend_type = 'client backend'");
    test_server_run(admin, "drop schema public cascade; create schema public authorization app");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    kit_end(&k);
    return 0;
}

/* ---- a lock held by an application ----------------------------------------------------------- */

/* The application's connection: of the same role, as it is by custom. */
static PGconn *connect_application(void)
{
    PGconn *conn = PQconnectdb(k.url);

    assert_int_equal(PQstatus(conn), CONNECTION_OK);
    test_server_run(conn, "set application_name = 'the holder'");
    return conn;
}

typedef struct reader {
    pthread_t thread;
    atomic_bool stop;
    atomic_int reads;
    int64_t slowest_ms;
} reader;

/* The application's queries on the table, one after another, while somebody wants to alter it. */
static void *read_again_and_again(void *arg)
{
    reader *r = arg;
    PGconn *conn = test_server_connect(&server, "app");

    while (!atomic_load(&r->stop)) {
        int64_t began = kit_now_ms();
        PGresult *result = PQexec(conn, "select count(*) from orders");
        int64_t took = kit_now_ms() - began;
        if (PQresultStatus(result) == PGRES_TUPLES_OK)
            atomic_fetch_add(&r->reads, 1);
        PQclear(result);
        r->slowest_ms = took > r->slowest_ms ? took : r->slowest_ms;
        kit_sleep_ms(5);
    }
    PQfinish(conn);
    return NULL;
}

static const char *const alter[] = {"migrate", "deploy", "--lock-timeout", "500ms", NULL};

static void gives_way_to_an_application(void **state)
{
    reader r = {.slowest_ms = 0};

    (void)state;
    kit_file(&k, "1_orders.sql", "-- migrate:up\ncreate table orders (id int);\n");
    kit_file(&k, "2_alter.sql", "-- migrate:up\nalter table orders add column n int;\n");
    kit_expect(&k, 0, KIT_RUN(&k, "migrate", "deploy", "--to", "1"), 0);

    PGconn *holder = connect_application();
    test_server_run(holder, "begin; select * from orders");
    assert_int_equal(pthread_create(&r.thread, NULL, read_again_and_again, &r), 0);
    pid_t pid = kit_start(&k, 1, alter);
    /* Two times it has given way: then the application ends its transaction. */
    for (int i = 0; i < 400 && !strstr(kit_output(&k, 1), "gave way"); i++)
        kit_sleep_ms(25);
    assert_non_null(strstr(kit_output(&k, 1), "the holder"));
    kit_sleep_ms(1000);
    test_server_run(holder, "commit");
    kit_expect(&k, 1, kit_wait(pid), 0);
    atomic_store(&r.stop, true);
    pthread_join(r.thread, NULL);
    PQfinish(holder);

    printf("# %d reads meanwhile, the slowest %lld ms\n", atomic_load(&r.reads),
           (long long)r.slowest_ms);
    assert_true(atomic_load(&r.reads) > 10);
    /* Twice the timeout: the machine is busy with other tests. */
    assert_true(r.slowest_ms < 2 * LOCK_TIMEOUT_MS);
    assert_int_equal(kit_number(&k, "select count(*) from _tenon_migrations"), 2);
}

static void gives_up_and_says_who(void **state)
{
    (void)state;
    kit_file(&k, "1_orders.sql", "-- migrate:up\ncreate table orders (id int);\n");
    kit_file(&k, "2_alter.sql",
             "-- migrate:up lock-timeout:50ms\nalter table orders add column n int;\n");
    kit_expect(&k, 0, KIT_RUN(&k, "migrate", "deploy", "--to", "1"), 0);
    PGconn *holder = connect_application();
    test_server_run(holder, "begin; select * from orders");
    kit_expect(&k, 0, KIT_RUN(&k, "migrate", "deploy"), 5);
    const char *text = kit_output(&k, 0);
    assert_non_null(strstr(text, "the holder"));
    assert_non_null(strstr(text, "2_alter.sql: line 2, column 1"));
    assert_non_null(strstr(text, "nothing of 2 is left"));
    PQfinish(holder);
    kit_expect(&k, 0, KIT_RUN(&k, "migrate", "deploy"), 0);
}

/* ---- waiting deployers ----------------------------------------------------------------------- */

static void indexes_with_waiting_deployers(void **state)
{
    pid_t pids[1 + WAITERS];

    (void)state;
    kit_file(&k, "1_big.sql",
             "-- migrate:up\ncreate table big as select n, n %% 100 as m from"
             " generate_series(1, 200000) n;\n");
    kit_file(&k, "2_indexes.sql",
             "-- migrate:up transaction:false\n"
             "create index concurrently big_n on big (n);\n"
             "create index concurrently big_m on big (m);\n");
    for (int i = 0; i <= WAITERS; i++)
        pids[i] = kit_start(&k, i, (const char *const[]){"migrate", "deploy", NULL});
    for (int i = 0; i <= WAITERS; i++)
        kit_expect(&k, i, kit_wait(pids[i]), 0);
    assert_int_equal(kit_number(&k, "select count(*) from pg_index where indrelid ="
                                    " 'big'::regclass and indisvalid"),
                     2);
}

static const char wait_for_sleep[] =
    "select count(*) from pg_stat_activity where query like '%pg_sleep(60)%' and state = 'active'"
    " and pid <> pg_backend_pid()";

static void the_holder_is_named(void **state)
{
    (void)state;
    kit_file(&k, "1_slow.sql", "-- migrate:up\nselect pg_sleep(60);\n");
    pid_t pid = kit_start(&k, 1, (const char *const[]){"migrate", "deploy", NULL});
    assert_true(test_server_wait(admin, wait_for_sleep, 1));
    kit_expect(&k, 0, KIT_RUN(&k, "migrate", "deploy", "--lock-wait", "500ms"), 5);
    assert_non_null(strstr(kit_output(&k, 0), "tenon migrate, app"));
    kit_expect(&k, 0, KIT_RUN(&k, "migrate", "deploy", "--lock-wait", "0"), 5);

    /* Killed within a statement: the server ends it soon, and the lock is free. */
    kill(pid, SIGKILL);
    kit_wait(pid);
    int64_t began = kit_now_ms();
    assert_true(test_server_wait(admin, wait_for_sleep, 0));
    printf("# the server ended the statement of a killed client after %lld ms\n",
           (long long)(kit_now_ms() - began));
    kit_file(&k, "1_slow.sql", "-- migrate:up\nselect 1;\n");
    kit_expect(&k, 0, KIT_RUN(&k, "migrate", "deploy"), 0);
}

static void ctrl_c_leaves_nothing(void **state)
{
    (void)state;
    kit_file(&k, "1_slow.sql", "-- migrate:up\ncreate table t (n int);\nselect pg_sleep(60);\n");
    pid_t pid = kit_start(&k, 1, (const char *const[]){"migrate", "deploy", NULL});
    assert_true(test_server_wait(admin, wait_for_sleep, 1));
    kill(pid, SIGINT);
    kit_expect(&k, 1, kit_wait(pid), 130);
    assert_non_null(strstr(kit_output(&k, 1), "nothing of 1 is left"));
    assert_int_equal(kit_number(&k, "select count(*) from pg_tables where schemaname = 'public'"),
                     0);
}

/* ---- what cannot run in a transaction -------------------------------------------------------- */

/* The second index fails (a value twice) and leaves an invalid one; mended, the next run goes on
 * there. */
static void an_index_that_failed_is_made_anew(void **state)
{
    (void)state;
    kit_file(&k, "1_t.sql",
             "-- migrate:up\ncreate table t (a int, b int);\n"
             "insert into t values (1, 1), (2, 1);\ncreate table counted (n int);\n");
    kit_file(&k, "2_i.sql",
             "-- migrate:up transaction:false\n"
             "insert into counted values (1);\n"
             "create unique index concurrently t_a on t (a);\n"
             "create unique index concurrently t_b on t (b);\n"
             "insert into counted values (2);\n");
    kit_expect(&k, 0, KIT_RUN(&k, "migrate", "deploy"), 1);
    assert_non_null(strstr(kit_output(&k, 0), "2 of 4 statements of 2 are done"));
    assert_non_null(strstr(kit_output(&k, 0), "2_i.sql: line 4, column 1"));
    kit_expect(&k, 0, KIT_RUN(&k, "migrate", "status"), 4);
    assert_int_equal(kit_number(&k, "select count(*) from pg_index where not indisvalid"), 1);
    kit_sql(&k, "update t set b = a");
    kit_expect(&k, 0, KIT_RUN(&k, "migrate", "deploy"), 0);
    assert_int_equal(kit_number(&k, "select count(*) from pg_index where not indisvalid"), 0);
    assert_int_equal(kit_number(&k, "select count(*) from counted"), 2);
}

static pid_t start_until_begun(const char *query)
{
    pid_t pid = kit_start(&k, 1, (const char *const[]){"migrate", "deploy", NULL});

    assert_true(test_server_wait(admin, query, 1));
    return pid;
}

/* A procedure that commits within itself and is killed halfway: only a person can know. */
static void in_doubt_a_person_is_asked(void **state)
{
    (void)state;
    kit_file(&k, "1_p.sql",
             "-- migrate:up transaction:false\n"
             "create table counted (n int);\n"
             "-- in pieces\n"
             "do $$ begin insert into counted values (1); commit; perform pg_sleep(60); end $$;\n"
             "insert into counted values (2);\n");
    pid_t pid = start_until_begun("select count(*) from pg_stat_activity where query like 'do %'"
                                  " and wait_event = 'PgSleep'");
    kill(pid, SIGKILL);
    kit_wait(pid);
    kit_file(&k, "1_p.sql",
             "-- migrate:up transaction:false\n"
             "create table counted (n int);\n"
             "-- in pieces\n"
             "do $$ begin insert into counted values (1); commit; end $$;\n"
             "insert into counted values (2);\n");
    kit_expect(&k, 0, KIT_RUN(&k, "migrate", "deploy"), 4);
    assert_non_null(strstr(kit_output(&k, 0), "1_p.sql: line 4, column 1"));
    assert_non_null(strstr(kit_output(&k, 0), "tenon migrate repair 1 --step-done"));
    kit_expect(&k, 0, KIT_RUN(&k, "migrate", "deploy"), 4);
    kit_expect(&k, 0, KIT_RUN(&k, "migrate", "repair", "1", "--step-done"), 0);
    kit_expect(&k, 0, KIT_RUN(&k, "migrate", "deploy"), 0);
    assert_int_equal(kit_number(&k, "select count(*) from counted where n = 2"), 1);
    assert_int_equal(kit_number(&k, "select count(*) from counted where n = 1"), 1);
}

/* Killed while an index is built: the next run drops what is left and makes it. */
static void an_index_that_was_killed_is_made_anew(void **state)
{
    (void)state;
    kit_file(&k, "1_t.sql", "-- migrate:up\ncreate table t (a int);\n");
    kit_file(&k, "2_i.sql",
             "-- migrate:up transaction:false\ncreate index concurrently t_a on t (a);\n");
    kit_expect(&k, 0, KIT_RUN(&k, "migrate", "deploy", "--to", "1"), 0);
    /* An old transaction that the index has to wait for. */
    PGconn *holder = test_server_connect(&server, "app");
    test_server_run(holder, "begin; insert into t values (1)");
    pid_t pid = start_until_begun("select count(*) from pg_index where indrelid = 't'::regclass");
    kill(pid, SIGKILL);
    kit_wait(pid);
    test_server_run(holder, "commit");
    PQfinish(holder);
    kit_expect(&k, 0, KIT_RUN(&k, "migrate", "deploy"), 0);
    assert_int_equal(kit_number(&k, "select count(*) from pg_index where indrelid ="
                                    " 't'::regclass and indisvalid"),
                     1);
    assert_int_equal(kit_number(&k, "select count(*) from pg_index where not indisvalid"), 0);
}

/* ---- a pooler -------------------------------------------------------------------------------- */

static void through_a_pooler(void **state)
{
    test_pooler pooler;
    pid_t pids[WAITERS];

    (void)state;
    test_pooler_create(&pooler, &server, "transaction", 3, "apppw");
    test_pooler_url(&pooler, "app:apppw", "", k.url, sizeof(k.url));
    kit_file(&k, "1_t.sql",
             "-- migrate:up\ncreate table counted (n int);\ninsert into counted values (1);\n");
    for (int i = 2; i < 10; i++) {
        char name[32];
        snprintf(name, sizeof(name), "%d_t.sql", i);
        kit_file(&k, name,
                 "-- migrate:up\nset search_path = pg_catalog;\n"
                 "insert into public.counted values (%d);\n",
                 i);
    }
    for (int i = 0; i < WAITERS; i++)
        pids[i] = kit_start(&k, i, (const char *const[]){"migrate", "deploy", NULL});
    for (int i = 0; i < WAITERS; i++)
        kit_expect(&k, i, kit_wait(pids[i]), 0);
    assert_int_equal(kit_number(&k, "select count(*) from counted"), 9);
    assert_int_equal(kit_number(&k, "select count(distinct n) from counted"), 9);

    /* Refused before anything is done, also of the file before it. */
    kit_file(&k, "20_t.sql", "-- migrate:up\ninsert into counted values (20);\n");
    kit_file(&k, "21_i.sql",
             "-- migrate:up transaction:false\ncreate index concurrently on counted (n);\n");
    kit_expect(&k, 0, KIT_RUN(&k, "migrate", "deploy"), 2);
    assert_non_null(strstr(kit_output(&k, 0), "pooler"));
    assert_int_equal(kit_number(&k, "select count(*) from counted where n = 20"), 0);
    /* Nothing of the session was left in the pooler's sessions. */
    assert_int_equal(test_server_number(admin, "select count(*) from pg_locks where locktype ="
                                               " 'advisory'"),
                     0);
    assert_int_equal(kit_number(&k, "select count(*) from pg_settings where name = 'search_path'"
                                    " and setting = 'pg_catalog'"),
                     0);
    test_server_url(&server, "app:apppw", "app", "sslmode=disable", k.url, sizeof(k.url));
    kit_expect(&k, 0, KIT_RUN(&k, "migrate", "deploy"), 0);
    test_pooler_remove(&pooler);
}

int main(int argc, char **argv)
{
    static const char *const settings[] = {"max_connections=40", "fsync=off", NULL};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(gives_way_to_an_application, set_up, tear_down),
        cmocka_unit_test_setup_teardown(gives_up_and_says_who, set_up, tear_down),
        cmocka_unit_test_setup_teardown(indexes_with_waiting_deployers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_holder_is_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(ctrl_c_leaves_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_index_that_failed_is_made_anew, set_up, tear_down),
        cmocka_unit_test_setup_teardown(in_doubt_a_person_is_asked, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_index_that_was_killed_is_made_anew, set_up, tear_down),
        cmocka_unit_test_setup_teardown(through_a_pooler, set_up, tear_down),
    };

    if (argc < 2)
        return 2;
    command = argv[1];
    test_server_create(&server, settings, NULL, "apppw");
    admin = test_server_connect(&server, "app");
    test_server_run(admin, "set client_min_messages = warning");
    test_server_run(admin, "grant create on database app to app");
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    PQfinish(admin);
    test_server_remove(&server);
    return failed;
}
