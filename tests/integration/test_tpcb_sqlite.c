/* SPDX-License-Identifier: MIT */
/*
 * The same transaction on a file, where there is one writer at a time: threads wait for each other,
 * none is refused, no money is lost. What is in the tables is judged by SQLite itself.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "tpcb.h"

enum { BRANCHES = 2, TELLERS = 20, ACCOUNTS = 2000, THREADS = 8, ROUNDS = 1000 };

struct place {
    char dir[32];
    char path[48];
    char url[64];
};

static void with_sqlite(const struct place *place, const char *sql, long long *ret)
{
    sqlite3 *db;
    sqlite3_stmt *stmt;
    assert_int_equal(sqlite3_open(place->path, &db), SQLITE_OK);
    sqlite3_busy_timeout(db, 5000);
    if (!ret) {
        if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
            fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    } else {
        assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
        assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
        *ret = sqlite3_column_int64(stmt, 0);
        sqlite3_finalize(stmt);
    }
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static long long number(const struct place *place, const char *sql)
{
    long long value = -1;
    with_sqlite(place, sql, &value);
    return value;
}

static int create_database(void **state)
{
    struct place *place = calloc(1, sizeof(*place));
    char sql[1024];

    if (!place)
        return -1;
    strcpy(place->dir, "/tmp/tenon-tpcb-XXXXXX");
    if (!mkdtemp(place->dir))
        return -1;
    snprintf(place->path, sizeof(place->path), "%s/bank.db", place->dir);
    snprintf(place->url, sizeof(place->url), "sqlite:%s", place->path);
    snprintf(sql, sizeof(sql),
             "create table pgbench_branches (bid integer primary key, bbalance integer);"
             "create table pgbench_tellers (tid integer primary key, tbalance integer);"
             "create table pgbench_accounts (aid integer primary key, abalance integer);"
             "create table pgbench_history (tid integer, bid integer, aid integer, delta integer,"
             " mtime timestamp);"
             "with recursive n(i) as (values (1) union all select i + 1 from n where i < %d)"
             " insert into pgbench_accounts select i, 0 from n;"
             "insert into pgbench_tellers select aid, 0 from pgbench_accounts where aid <= %d;"
             "insert into pgbench_branches select aid, 0 from pgbench_accounts where aid <= %d;",
             (int)ACCOUNTS, (int)TELLERS, (int)BRANCHES);
    with_sqlite(place, sql, NULL);
    *state = place;
    return 0;
}

static int remove_database(void **state)
{
    struct place *place = *state;
    char path[64];
    static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        snprintf(path, sizeof(path), "%s%s", place->path, suffixes[i]);
        unlink(path);
    }
    int failed = rmdir(place->dir);
    free(place);
    return failed;
}

static void transfer_money(const struct place *place, int connections)
{
    struct tpcb tpcb = {
        .options = TN_TXN_OPTIONS_INIT,
        .threads = THREADS,
        .rounds = ROUNDS,
        .branches = BRANCHES,
        .tellers = TELLERS,
        .accounts = ACCOUNTS,
    };

    tpcb.options.retries = 200;
    tpcb.db = tpcb_open(place->url, connections);
    assert_true(tpcb_run(&tpcb));
    tpcb_close(tpcb.db);
    print_message("%d transactions, %lld retries\n", (int)ROUNDS,
                  (long long)(tpcb.attempts - ROUNDS));
    assert_int_equal(tpcb.failures, 0);

    long long sum = number(place, "select sum(delta) from pgbench_history");
    assert_int_equal(number(place, "select count(*) from pgbench_history"), ROUNDS);
    assert_int_equal(number(place, "select sum(abalance) from pgbench_accounts"), sum);
    assert_int_equal(number(place, "select sum(tbalance) from pgbench_tellers"), sum);
    assert_int_equal(number(place, "select sum(bbalance) from pgbench_branches"), sum);
    assert_int_equal(number(place, "select count(*) from pgbench_accounts a where abalance <>"
                                   " coalesce((select sum(delta) from pgbench_history h"
                                   " where h.aid = a.aid), 0)"),
                     0);
}

static void a_connection_for_each_thread(void **state)
{
    transfer_money(*state, THREADS);
}

static void a_connection_for_two_threads(void **state)
{
    transfer_money(*state, THREADS / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_connection_for_each_thread, create_database,
                                        remove_database),
        cmocka_unit_test_setup_teardown(a_connection_for_two_threads, create_database,
                                        remove_database),
    };
    return cmocka_run_group_tests_name("tpcb", tests, NULL, NULL);
}
