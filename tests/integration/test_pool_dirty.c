/* SPDX-License-Identifier: MIT */
/*
 * What a borrower leaves behind on a connection, and what the next one sees: an idle session with
 * the defaults, whatever the state was and however its transaction ended.
 */
#include "pool_client.h"

static test_server server;
static PGconn *admin;

/* Everything that may be left, as one text. */
static const char survey[] =
    "select concat_ws('|', current_user, session_user, current_setting('search_path'),"
    " current_setting('statement_timeout'), current_setting('application_name'),"
    " current_setting('client_encoding'), current_setting('default_transaction_isolation'),"
    " (select count(*) from pg_listening_channels()),"
    " (select count(*) from pg_cursors where is_holdable),"
    " to_regclass('pg_temp.left_behind') is null,"
    " (select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()),"
    " (select count(*) from pg_prepared_statements where from_sql and name = 'left_behind'))";

typedef enum ending { ENDING_COMMIT = 0, ENDING_ROLLBACK, ENDING_NOTHING, ENDINGS } ending;

/* What is done to the connection, in a transaction that was begun by SQL. */
typedef struct dirt {
    const char *name;
    const char *sql[3];
    bool outside; /* of a transaction */
    bool fails;   /* the last one does */
} dirt;

static const dirt dirts[] = {
    {.name = "nothing more"},
    {.name = "a failed statement", .sql = {"select 1 / 0"}, .fails = true},
    {.name = "a savepoint", .sql = {"savepoint left_behind", "insert into t values (1, 'x')"}},
    {.name = "a failed savepoint", .sql = {"savepoint a", "select 1 / 0"}, .fails = true},
    {.name = "a cursor with hold",
     .sql = {"declare left_behind cursor with hold for select generate_series(1, 10)"}},
    {.name = "LISTEN", .sql = {"listen left_behind"}},
    {.name = "SET ROLE", .sql = {"set role trusty"}},
    {.name = "SET SESSION",
     .sql = {"set search_path = pg_catalog", "set statement_timeout = 1000",
             "set application_name = 'left behind'"}},
    {.name = "SET of the isolation",
     .sql = {"set session characteristics as transaction isolation level serializable"}},
    {.name = "a temporary table", .sql = {"create temp table left_behind (a int)"}},
    {.name = "an advisory lock", .sql = {"select pg_advisory_lock(4711)"}},
    {.name = "a prepared statement", .sql = {"prepare left_behind as select 1"}},
    {.name = "COPY in", .sql = {"copy t from stdin"}, .fails = true},
    {.name = "COPY out", .sql = {"copy t to stdout"}, .fails = true},
    {.name = "another encoding",
     .sql = {"set client_encoding = 'LATIN1'"},
     .outside = true,
     .fails = true},
};

enum { DIRTS = sizeof(dirts) / sizeof(dirts[0]) };

static char *look(tn_db *db)
{
    tn_error err = TN_ERROR_INIT;
    char *seen = NULL;

    expect_ok(tn_get(db, survey, NULL, tn_into(&seen), &err));
    return seen;
}

static void soil(tn_db *session, const dirt *d)
{
    tn_error err = TN_ERROR_INIT;

    for (size_t i = 0; i < 3 && d->sql[i]; i++) {
        bool last = i + 1 == 3 || !d->sql[i + 1];
        tn_status status = tn_exec(session, d->sql[i], NULL, NULL, &err);
        if (last && d->fails)
            assert_int_not_equal(status, TN_OK);
        else
            expect_ok(status);
    }
}

/* What is idle in the server's eyes has no transaction and runs nothing. */
static void expect_idle(tn_db *db, int32_t pid)
{
    char sql[160];

    snprintf(sql, sizeof(sql),
             "select count(*) from pg_stat_activity where pid = %d and state <> 'idle'", (int)pid);
    assert_int_equal(test_server_number(admin, sql), 0);
    assert_int_equal(pool_stats(db).in_use, 0);
}

static void end_transaction(tn_db *session, const dirt *d, ending how)
{
    tn_error err = TN_ERROR_INIT;

    if (d->outside || how == ENDING_NOTHING)
        return;
    tn_status status = tn_exec(session, how == ENDING_COMMIT ? "commit" : "rollback", NULL, NULL,
                               &err);
    /* A COMMIT of what has failed is answered by ROLLBACK. */
    if (how == ENDING_COMMIT && d->fails && status == TN_ABORTED)
        return;
    expect_ok(status);
}

static void check_one(tn_db *db, const dirt *d, ending how, const char *clean)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *session;

    expect_ok(tn_acquire(db, &session, &err));
    int32_t pid = pool_backend(session);
    if (!d->outside)
        expect_ok(tn_exec(session, "begin", NULL, NULL, &err));
    soil(session, d);
    end_transaction(session, d, how);
    tn_release(session);
    expect_idle(db, pid);
    char *seen = look(db);
    if (strcmp(seen, clean) != 0)
        fail_msg("%s, ended by %d:\n  %s\n  is not\n  %s", d->name, (int)how, seen, clean);
    tn_free(seen);
    expect_idle(db, pid);
}

static void the_next_borrower_sees_nothing(void **state)
{
    tn_error err = TN_ERROR_INIT;

    (void)state;
    tn_db *db = pool_open(server.port, "max_connections=1 min_connections=1");
    char *clean = look(db);
    for (size_t i = 0; i < DIRTS; i++)
        for (ending how = ENDING_COMMIT; how < ENDINGS; how++)
            check_one(db, &dirts[i], how, clean);
    tn_free(clean);
    /* What was rolled back or never ended is not there; what was committed is, once. */
    assert_int_equal(test_server_number(admin, "select count(*) from t"), 1);
    pool_expect_whole(db, 1);
    expect_ok(tn_db_close(db, &err));
    pool_expect_no_sessions(admin);
}

/* ---- by the library's own handles ----------------------------------------------------------- */

static void rows_that_were_not_read(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *session;

    (void)state;
    tn_db *db = pool_open(server.port, "max_connections=1 min_connections=1");
    for (int i = 0; i < 20; i++) {
        expect_ok(tn_acquire(db, &session, &err));
        tn_rows *rows = tn_query(session, "select generate_series(1, 100000)", NULL);
        for (int k = 0; k < i; k++)
            assert_true(tn_next(rows));
        expect_ok(tn_close(rows, &err));
        tn_release(session);
        int32_t one = 0;
        expect_ok(tn_get(db, "select 1", NULL, tn_into(&one), &err));
        assert_int_equal(one, 1);
    }
    pool_expect_whole(db, 1);
    expect_ok(tn_db_close(db, &err));
    pool_expect_no_sessions(admin);
}

static tn_status leave_savepoint(tn_db *tx, void *arg, tn_error *err)
{
    tn_db *inner;

    (void)arg;
    tn_status status = tn_begin(tx, NULL, &inner, err);
    if (status == TN_OK)
        status = tn_exec(inner, "insert into t values (2, 'savepoint')", NULL, NULL, err);
    if (status == TN_OK)
        status = tn_rollback(inner, err);
    return status == TN_OK ? tn_error_set(err, TN_FAILED, NULL, "enough") : status;
}

static void transactions_and_savepoints_that_fail(void **state)
{
    tn_error err = TN_ERROR_INIT;

    (void)state;
    tn_db *db = pool_open(server.port, "max_connections=1 min_connections=1");
    char *clean = look(db);
    for (int i = 0; i < 20; i++) {
        expect_status(tn_transaction(db, NULL, leave_savepoint, NULL, &err), TN_FAILED);
        assert_string_equal(err.message, "enough");
    }
    char *seen = look(db);
    assert_string_equal(seen, clean);
    assert_int_equal(test_server_number(admin, "select count(*) from t where a = 2"), 0);
    tn_free(seen);
    tn_free(clean);
    pool_expect_whole(db, 1);
    expect_ok(tn_db_close(db, &err));
    pool_expect_no_sessions(admin);
}

int main(void)
{
    static const char *const settings[] = {"log_min_messages=fatal", "log_connections=off", NULL};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_next_borrower_sees_nothing),
        cmocka_unit_test(rows_that_were_not_read),
        cmocka_unit_test(transactions_and_savepoints_that_fail),
    };

    test_server_create(&server, settings, NULL, POOL_PASSWORD);
    admin = test_server_connect(&server, "app");
    test_server_run(admin, "create table t (a int, b text)");
    test_server_run(admin, "grant all on t to app");
    test_server_run(admin, "grant trusty to app");
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    PQfinish(admin);
    test_server_remove(&server);
    return failed;
}
