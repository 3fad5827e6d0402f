/* SPDX-License-Identifier: MIT */
/*
 * pgbench's database, made by pgbench itself, under 8 threads that share a client: whatever the
 * number of connections, no money is made or lost. What is in the tables is judged by libpq.
 */
#define _GNU_SOURCE /* environ */
#include <glob.h>
#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <libpq-fe.h>

#include "tpcb.h"

enum { SKIPPED = 77, SCALE = 10, THREADS = 8, ROUNDS = 10000, CONTENDED_ROUNDS = 1000 };

struct database {
    PGconn *admin;
    PGconn *conn;
    char name[40];
    char *url;
};

static PGconn *connect_to(const char *url)
{
    PGconn *conn = PQconnectdb(url);
    if (PQstatus(conn) != CONNECTION_OK) {
        fputs(PQerrorMessage(conn), stderr);
        exit(EXIT_FAILURE);
    }
    return conn;
}

static void run_sql(PGconn *conn, const char *sql)
{
    PGresult *res = PQexec(conn, sql);
    if (PQresultStatus(res) != PGRES_COMMAND_OK) {
        fprintf(stderr, "%s: %s", sql, PQerrorMessage(conn));
        exit(EXIT_FAILURE);
    }
    PQclear(res);
}

static long long number(PGconn *conn, const char *sql)
{
    PGresult *res = PQexec(conn, sql);
    if (PQresultStatus(res) != PGRES_TUPLES_OK || PQntuples(res) != 1)
        fail_msg("%s: %s", sql, PQerrorMessage(conn));
    long long value = strtoll(PQgetvalue(res, 0, 0), NULL, 10);
    PQclear(res);
    return value;
}

/* By the environment, so that no password stands in the list of processes. */
static void export_connection(const char *url)
{
    static const char *const variables[][2] = {
        {"host", "PGHOST"}, {"hostaddr", "PGHOSTADDR"}, {"port", "PGPORT"},
        {"user", "PGUSER"}, {"password", "PGPASSWORD"}, {"dbname", "PGDATABASE"},
    };
    PQconninfoOption *options = PQconninfoParse(url, NULL);
    for (PQconninfoOption *option = options; option && option->keyword; option++) {
        for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
            if (option->val && strcmp(option->keyword, variables[i][0]) == 0)
                setenv(variables[i][1], option->val, 1);
        }
    }
    PQconninfoFree(options);
}

static const char *find_pgbench(void)
{
    static char path[256];
    glob_t found = {.gl_pathc = 0};
    if (glob("/usr/bin/pgbench", GLOB_NOSORT, NULL, &found) == 0 ||
        glob("/usr/lib/postgresql/*/bin/pgbench", 0, NULL, &found) == 0 ||
        glob("/usr/pgsql-*/bin/pgbench", 0, NULL, &found) == 0)
        snprintf(path, sizeof(path), "%s", found.gl_pathv[found.gl_pathc - 1]);
    globfree(&found);
    return *path ? path : NULL;
}

static bool initialise(const char *pgbench, const char *url)
{
    const char *const argv[] = {pgbench, "-i", "-q", "-s", "10", NULL};
    int status;
    pid_t pid;

    export_connection(url);
    fflush(NULL);
    return posix_spawn(&pid, pgbench, NULL, NULL, (char *const *)argv, environ) == 0 &&
           waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static int create_database(void **state)
{
    static struct database database;
    const char *url = getenv("TENON_TEST_POSTGRES_URL");
    const char *pgbench = find_pgbench();
    char sql[80];

    if (!pgbench)
        return -1;
    snprintf(database.name, sizeof(database.name), "tenon_tpcb_%ld", (long)getpid());
    database.url = malloc(strlen(url) + sizeof(database.name) + sizeof("?dbname="));
    if (!database.url)
        return -1;
    sprintf(database.url, "%s%cdbname=%s", url, strchr(url, '?') ? '&' : '?', database.name);
    database.admin = connect_to(url);
    snprintf(sql, sizeof(sql), "create database %s", database.name);
    run_sql(database.admin, sql);
    *state = &database;
    if (!initialise(pgbench, database.url))
        return -1;
    database.conn = connect_to(database.url);
    return 0;
}

static int drop_database(void **state)
{
    struct database *database = *state;
    char sql[80];
    PQfinish(database->conn);
    snprintf(sql, sizeof(sql), "drop database %s", database->name);
    run_sql(database->admin, sql);
    PQfinish(database->admin);
    free(database->url);
    return 0;
}

/* Balances before, so that each case stands alone. */
static int start_anew(void **state)
{
    struct database *database = *state;
    run_sql(database->conn, "update pgbench_accounts set abalance = 0 where abalance <> 0");
    run_sql(database->conn, "update pgbench_tellers set tbalance = 0");
    run_sql(database->conn, "update pgbench_branches set bbalance = 0");
    run_sql(database->conn, "truncate pgbench_history");
    return 0;
}

/* Each balance is the sum of its own history, not only the total. */
static void check_books(PGconn *conn, int transactions)
{
    long long sum = number(conn, "select coalesce(sum(delta), 0) from pgbench_history");
    assert_int_equal(number(conn, "select count(*) from pgbench_history"), transactions);
    assert_int_equal(number(conn, "select sum(abalance) from pgbench_accounts"), sum);
    assert_int_equal(number(conn, "select sum(tbalance) from pgbench_tellers"), sum);
    assert_int_equal(number(conn, "select sum(bbalance) from pgbench_branches"), sum);
    assert_int_equal(number(conn, "select count(*) from pgbench_accounts a where abalance <> 0"
                                  " and abalance <> coalesce((select sum(delta) from"
                                  " pgbench_history h where h.aid = a.aid), 0)"),
                     0);
    assert_int_equal(number(conn, "select count(*) from pgbench_tellers t where tbalance <>"
                                  " coalesce((select sum(delta) from pgbench_history h"
                                  " where h.tid = t.tid), 0)"),
                     0);
    assert_int_equal(number(conn, "select count(*) from pgbench_branches b where bbalance <>"
                                  " coalesce((select sum(delta) from pgbench_history h"
                                  " where h.bid = b.bid), 0)"),
                     0);
}

static void transfer_money(struct database *database, int connections, int rounds,
                           tn_isolation isolation)
{
    struct tpcb tpcb = {
        .options = TN_TXN_OPTIONS_INIT,
        .threads = THREADS,
        .rounds = rounds,
        .branches = SCALE,
        .tellers = SCALE * 10,
        .accounts = SCALE * 100000,
    };
    tn_pool_stats stats;

    tpcb.options.isolation = isolation;
    tpcb.options.retries = 200;
    tpcb.db = tpcb_open(database->url, connections);
    assert_true(tpcb_run(&tpcb));
    tn_db_pool_stats(tpcb.db, &stats);
    tpcb_close(tpcb.db);

    print_message("%d transactions, %lld retries, %u connections at most %u\n", rounds,
                  (long long)(tpcb.attempts - rounds), stats.total, stats.max);
    assert_int_equal(tpcb.failures, 0);
    assert_true(tpcb.attempts >= rounds);
    assert_in_range(stats.total, 1, (unsigned)connections);
    assert_int_equal(stats.in_use, 0);
    assert_int_equal(stats.waiting, 0);
    check_books(database->conn, rounds);
}

static void a_connection_for_each_thread(void **state)
{
    transfer_money(*state, THREADS, ROUNDS, TN_ISOLATION_DEFAULT);
}

static void a_connection_for_two_threads(void **state)
{
    transfer_money(*state, THREADS / 2, ROUNDS, TN_ISOLATION_DEFAULT);
}

/* Eight threads on ten branches: many meet, and the server refuses the later one (40001). */
static void conflicts_are_tried_again(void **state)
{
    transfer_money(*state, THREADS, CONTENDED_ROUNDS, TN_REPEATABLE_READ);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_connection_for_each_thread, start_anew),
        cmocka_unit_test_setup(a_connection_for_two_threads, start_anew),
        cmocka_unit_test_setup(conflicts_are_tried_again, start_anew),
    };
    const char *url = getenv("TENON_TEST_POSTGRES_URL");

    if (!url || !*url) {
        puts("skipped: TENON_TEST_POSTGRES_URL is not set");
        return SKIPPED;
    }
    if (!find_pgbench()) {
        puts("skipped: pgbench is not installed (Debian package postgresql)");
        return SKIPPED;
    }
    return cmocka_run_group_tests_name("tpcb", tests, create_database, drop_database);
}
