/* SPDX-License-Identifier: MIT */
/* Faults in the middle of work on a PostgreSQL: what is told, what was done, what works after. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "expect.h"
#include "server.h"

static test_server server;
static PGconn *admin;

static const char sleeping[] = "select count(*) from pg_stat_activity where query like"
                               " 'select%pg_sleep(30)%' and state = 'active' and usename = 'app'";

static tn_db *open_client(const char *connections)
{
    tn_error err = TN_ERROR_INIT;
    char url[256];
    tn_config *config = tn_config_from_url(
        test_server_url(&server, "app:apppw", "app", NULL, url, sizeof(url)), &err);
    assert_non_null(config);
    expect_ok(tn_config_set(config, "min_connections", "1", &err));
    expect_ok(tn_config_set(config, "max_connections", connections, &err));
    tn_db *db = tn_open(config, &err);
    tn_config_free(config);
    if (!db)
        tn_error_print(stderr, &err);
    assert_non_null(db);
    return db;
}

static int32_t backend_of(tn_db *db)
{
    tn_error err = TN_ERROR_INIT;
    int32_t pid = 0;
    expect_ok(tn_get(db, "select pg_backend_pid()", NULL, tn_into(&pid), &err));
    return pid;
}

/* Ends a backend and waits until it is gone. */
static void terminate(int32_t pid)
{
    char sql[128];
    snprintf(sql, sizeof(sql), "select pg_terminate_backend(%d)", (int)pid);
    test_server_run(admin, sql);
    snprintf(sql, sizeof(sql), "select count(*) from pg_stat_activity where pid = %d", (int)pid);
    assert_true(test_server_wait(admin, sql, 0));
}

static int fresh(void **state)
{
    test_server_run(admin, "truncate t");
    *state = open_client("4");
    return 0;
}

/* Whatever happened: nothing is in use, and the next statement works. */
static int close_usable(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *db = *state;
    tn_pool_stats stats;
    int32_t one = 0;

    tn_db_pool_stats(db, &stats);
    assert_int_equal(stats.in_use, 0);
    assert_int_equal(stats.waiting, 0);
    expect_ok(tn_get(db, "select 1", NULL, tn_into(&one), &err));
    assert_int_equal(one, 1);
    expect_ok(tn_db_close(db, &err));
    return 0;
}

/* ---- connections that end ------------------------------------------------------------------- */

/* An idle one in the pool: whoever comes next either never notices or is told what happened. */
static void killed_while_idle(void **state)
{
    tn_error err = TN_ERROR_INIT;
    int32_t before = backend_of(*state), after = 0;
    terminate(before);
    tn_status status = tn_get(*state, "select pg_backend_pid()", NULL, tn_into(&after), &err);
    if (status != TN_OK) {
        expect_status(status, TN_LOST);
        assert_string_equal(err.sqlstate, "57P01");
        assert_true(err.discarded);
        after = backend_of(*state);
    }
    assert_int_not_equal(after, before);
}

/* A session's state died with its connection: it must not go on with another one. */
static void a_killed_session_stays_lost(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *session;
    int32_t pid;
    expect_ok(tn_acquire(*state, &session, &err));
    terminate(backend_of(session));
    expect_error(tn_get(session, "select pg_backend_pid()", NULL, tn_into(&pid), &err), TN_LOST,
                 "57P01");
    assert_int_not_equal(tn_get(session, "select pg_backend_pid()", NULL, tn_into(&pid), &err),
                         TN_OK);
    tn_release(session);
}

struct sleeper {
    pthread_t thread;
    tn_db *db;
    tn_status status;
    tn_error err;
};

static void *sleep_in_query(void *arg)
{
    struct sleeper *sleeper = arg;
    tn_error_clear(&sleeper->err);
    sleeper->status = tn_exec(sleeper->db, "select pg_sleep(30)", NULL, NULL, &sleeper->err);
    return NULL;
}

static void start_sleeping(struct sleeper *sleeper, tn_db *db)
{
    sleeper->db = db;
    assert_int_equal(pthread_create(&sleeper->thread, NULL, sleep_in_query, sleeper), 0);
    assert_true(test_server_wait(admin, sleeping, 1));
}

static void killed_in_a_query(void **state)
{
    struct sleeper sleeper;
    start_sleeping(&sleeper, *state);
    test_server_run(admin, "select pg_terminate_backend(pid) from pg_stat_activity"
                           " where query = 'select pg_sleep(30)' and usename = 'app'");
    pthread_join(sleeper.thread, NULL);
    assert_int_equal(sleeper.status, TN_LOST);
    assert_string_equal(sleeper.err.sqlstate, "57P01");
    assert_true(sleeper.err.discarded);
    assert_string_equal(sleeper.err.severity, "FATAL");
}

static void killed_while_streaming(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *session;
    int64_t rows_seen = 0;
    expect_ok(tn_acquire(*state, &session, &err));
    int32_t pid = backend_of(session);
    tn_rows *rows = tn_query(session, "select generate_series(1, 50000000)", NULL);
    assert_true(tn_next(rows));
    terminate(pid);
    while (tn_next(rows))
        rows_seen++;
    expect_status(tn_close(rows, &err), TN_LOST);
    assert_true(rows_seen < 50000000);
    tn_release(session);
}

static void killed_in_a_transaction(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *tx;
    expect_ok(tn_begin(*state, NULL, &tx, &err));
    expect_ok(tn_exec(tx, "insert into t values (1, 'a')", NULL, NULL, &err));
    terminate(backend_of(tx));
    expect_error(tn_exec(tx, "insert into t values (2, 'b')", NULL, NULL, &err), TN_LOST, "57P01");
    assert_int_equal(err.outcome, TN_OUTCOME_NOT_APPLIED);
    assert_int_not_equal(tn_commit(tx, &err), TN_OK);
    assert_int_not_equal(err.status, TN_OUTCOME_UNKNOWN);
    assert_int_equal(test_server_number(admin, "select count(*) from t"), 0);
}

/* COMMIT goes to a backend that is gone. Nothing can have been done, but the client cannot know
 * unless the server's last words are there: both answers are honest, success is not. */
static void killed_before_commit(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *tx;
    expect_ok(tn_begin(*state, NULL, &tx, &err));
    expect_ok(tn_exec(tx, "insert into t values (1, 'a')", NULL, NULL, &err));
    terminate(backend_of(tx));
    tn_status status = tn_commit(tx, &err);
    if (status != TN_LOST)
        expect_error(status, TN_OUTCOME_UNKNOWN, "08007");
    assert_int_equal(err.outcome, status == TN_LOST ? TN_OUTCOME_NOT_APPLIED : TN_OUTCOME_IN_DOUBT);
    assert_int_equal(test_server_number(admin, "select count(*) from t"), 0);
}

static void left_idle_in_a_transaction(void **state)
{
    tn_error err = TN_ERROR_INIT;
    char sql[96];
    tn_db *tx;
    expect_ok(tn_begin(*state, NULL, &tx, &err));
    expect_ok(tn_exec(tx, "set local idle_in_transaction_session_timeout = 20", NULL, NULL, &err));
    int32_t pid = backend_of(tx);
    snprintf(sql, sizeof(sql), "select count(*) from pg_stat_activity where pid = %d", (int)pid);
    assert_true(test_server_wait(admin, sql, 0));
    expect_error(tn_exec(tx, "select 1", NULL, NULL, &err), TN_LOST, "25P03");
    assert_int_equal(tn_rollback(tx, &err), TN_OK);
}

static void a_crash_of_the_server(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *tx;
    expect_ok(tn_begin(*state, NULL, &tx, &err));
    expect_ok(tn_exec(tx, "insert into t values (1, 'a')", NULL, NULL, &err));
    PQfinish(admin);
    assert_true(test_server_stop(&server, true));
    expect_status(tn_exec(tx, "insert into t values (2, 'b')", NULL, NULL, &err), TN_LOST);
    expect_ok(tn_rollback(tx, &err));
    assert_true(test_server_start(&server));
    admin = test_server_connect(&server, "app");
    assert_int_equal(test_server_number(admin, "select count(*) from t"), 0);
}

/* ---- statements that end -------------------------------------------------------------------- */

static void the_servers_statement_timeout(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *session;
    expect_ok(tn_acquire(*state, &session, &err));
    expect_ok(tn_exec(session, "set statement_timeout = 50", NULL, NULL, &err));
    int32_t pid = backend_of(session);
    expect_error(tn_exec(session, "select pg_sleep(30)", NULL, NULL, &err), TN_TIMEOUT, "57014");
    assert_false(err.discarded);
    assert_int_equal(backend_of(session), pid);
    tn_release(session);
}

static void our_own_deadline(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_call call = TN_CALL_INIT;
    tn_db *session;
    call.timeout_ms = 100;
    expect_ok(tn_acquire(*state, &session, &err));
    int32_t pid = backend_of(session);
    expect_error(tn_exec_with(session, &call, "select pg_sleep(30)", NULL, NULL, &err), TN_TIMEOUT,
                 "57014");
    assert_true(test_server_wait(admin, sleeping, 0));
    assert_int_equal(backend_of(session), pid);
    tn_release(session);
}

static void cancelled_by_another_thread(void **state)
{
    tn_error err = TN_ERROR_INIT;
    struct sleeper sleeper;
    tn_db *session;
    expect_ok(tn_acquire(*state, &session, &err));
    int32_t pid = backend_of(session);
    start_sleeping(&sleeper, session);
    tn_cancel(session);
    pthread_join(sleeper.thread, NULL);
    assert_int_equal(sleeper.status, TN_CANCELLED);
    assert_string_equal(sleeper.err.sqlstate, "57014");
    assert_int_equal(backend_of(session), pid);
    tn_release(session);
}

static void a_lock_that_is_not_had(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *holder, *waiter;
    test_server_run(admin, "insert into t values (1, 'a')");
    expect_ok(tn_begin(*state, NULL, &holder, &err));
    expect_ok(tn_exec(holder, "update t set b = 'x' where a = 1", NULL, NULL, &err));
    expect_ok(tn_begin(*state, NULL, &waiter, &err));
    expect_ok(tn_exec(waiter, "set local lock_timeout = 50", NULL, NULL, &err));
    expect_error(tn_exec(waiter, "update t set b = 'y' where a = 1", NULL, NULL, &err), TN_LOCKED,
                 "55P03");
    expect_ok(tn_rollback(waiter, &err));
    expect_error(tn_exec(*state, "select * from t for update nowait", NULL, NULL, &err), TN_LOCKED,
                 "55P03");
    expect_ok(tn_commit(holder, &err));
}

/* ---- transactions against each other -------------------------------------------------------- */

struct rival {
    pthread_t thread;
    pthread_barrier_t *meeting;
    tn_db *db;
    int32_t first, second;
    uint32_t retries;
    int attempts;
    tn_status status;
    tn_error err;
};

static tn_status take_both(tn_db *tx, void *arg, tn_error *err)
{
    struct rival *rival = arg;
    static const char sql[] = "update t set b = b || '!' where a = $1";
    tn_status status = tn_exec(tx, sql, tn_args(rival->first), NULL, err);
    if (rival->attempts++ == 0)
        pthread_barrier_wait(rival->meeting);
    return status == TN_OK ? tn_exec(tx, sql, tn_args(rival->second), NULL, err) : status;
}

static void *fight(void *arg)
{
    struct rival *rival = arg;
    tn_txn_options options = TN_TXN_OPTIONS_INIT;
    options.retries = rival->retries;
    rival->status = tn_transaction(rival->db, &options, take_both, rival, &rival->err);
    return NULL;
}

static void let_them_fight(tn_db *db, struct rival rivals[2], uint32_t retries)
{
    pthread_barrier_t meeting;
    test_server_run(admin, "insert into t values (1, 'a'), (2, 'b')");
    assert_int_equal(pthread_barrier_init(&meeting, NULL, 2), 0);
    for (int i = 0; i < 2; i++) {
        rivals[i] = (struct rival){
            .meeting = &meeting, .db = db, .first = 1 + i, .second = 2 - i, .retries = retries};
        assert_int_equal(pthread_create(&rivals[i].thread, NULL, fight, &rivals[i]), 0);
    }
    for (int i = 0; i < 2; i++)
        pthread_join(rivals[i].thread, NULL);
    pthread_barrier_destroy(&meeting);
}

static void a_deadlock_has_one_victim(void **state)
{
    struct rival rivals[2];
    let_them_fight(*state, rivals, 0);
    int victim = rivals[0].status == TN_OK ? 1 : 0;
    assert_int_equal(rivals[1 - victim].status, TN_OK);
    assert_int_equal(rivals[victim].status, TN_SERIALIZATION);
    assert_string_equal(rivals[victim].err.sqlstate, "40P01");
    assert_int_equal(rivals[victim].err.retry, TN_RETRY_TRANSACTION);
    assert_int_equal(rivals[victim].err.outcome, TN_OUTCOME_NOT_APPLIED);
    assert_int_equal(test_server_number(admin, "select sum(length(b)) from t"), 4);
}

static void a_deadlock_is_tried_again_when_asked(void **state)
{
    struct rival rivals[2];
    let_them_fight(*state, rivals, 5);
    assert_int_equal(rivals[0].status, TN_OK);
    assert_int_equal(rivals[1].status, TN_OK);
    assert_true(rivals[0].attempts + rivals[1].attempts >= 3);
    assert_int_equal(test_server_number(admin, "select sum(length(b)) from t"), 6);
}

static void an_update_that_comes_too_late(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_txn_options options = TN_TXN_OPTIONS_INIT;
    tn_db *tx;
    int64_t count;
    options.isolation = TN_REPEATABLE_READ;
    test_server_run(admin, "insert into t values (1, 'a')");
    expect_ok(tn_begin(*state, &options, &tx, &err));
    expect_ok(tn_get(tx, "select count(*) from t", NULL, tn_into(&count), &err));
    test_server_run(admin, "update t set b = 'elsewhere' where a = 1");
    expect_error(tn_exec(tx, "update t set b = 'here' where a = 1", NULL, NULL, &err),
                 TN_SERIALIZATION, "40001");
    assert_int_equal(err.retry, TN_RETRY_TRANSACTION);
    expect_error(tn_exec(tx, "select 1", NULL, NULL, &err), TN_ABORTED, "25P02");
    expect_ok(tn_rollback(tx, &err));
}

/* Each reads what the other writes; only at COMMIT does the server see that it cannot be. */
static void a_conflict_that_commit_finds(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_txn_options options = TN_TXN_OPTIONS_INIT;
    tn_db *tx[2];
    int64_t count;
    options.isolation = TN_SERIALIZABLE;
    for (int i = 0; i < 2; i++) {
        expect_ok(tn_begin(*state, &options, &tx[i], &err));
        expect_ok(tn_get(tx[i], "select count(*) from t", NULL, tn_into(&count), &err));
        assert_int_equal(count, 0);
    }
    for (int i = 0; i < 2; i++)
        expect_ok(tn_exec(tx[i], "insert into t values ($1, 'z')", tn_args(i), NULL, &err));
    expect_ok(tn_commit(tx[0], &err));
    expect_error(tn_commit(tx[1], &err), TN_SERIALIZATION, "40001");
    assert_int_equal(err.outcome, TN_OUTCOME_NOT_APPLIED);
    assert_int_equal(test_server_number(admin, "select count(*) from t"), 1);
}

/* ---- what COMMIT answers -------------------------------------------------------------------- */

static void commit_answered_by_rollback(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *tx;
    expect_ok(tn_begin(*state, NULL, &tx, &err));
    expect_ok(tn_exec(tx, "insert into t values (1, 'a')", NULL, NULL, &err));
    expect_error(tn_exec(tx, "select 1 / 0", NULL, NULL, &err), TN_DATA, "22012");
    expect_status(tn_commit(tx, &err), TN_ABORTED);
    assert_int_equal(err.outcome, TN_OUTCOME_NOT_APPLIED);
    assert_int_equal(test_server_number(admin, "select count(*) from t"), 0);
}

static tn_status swallow_an_error(tn_db *tx, void *arg, tn_error *err)
{
    (void)arg;
    (void)err;
    if (tn_exec(tx, "insert into t values (1, 'a')", NULL, NULL, NULL) != TN_OK)
        return TN_FAILED;
    return tn_exec(tx, "select 1 / 0", NULL, NULL, NULL) == TN_OK ? TN_FAILED : TN_OK;
}

static void a_swallowed_error_is_not_a_success(void **state)
{
    tn_error err = TN_ERROR_INIT;
    expect_status(tn_transaction(*state, NULL, swallow_an_error, NULL, &err), TN_ABORTED);
    assert_int_equal(test_server_number(admin, "select count(*) from t"), 0);
}

static void a_constraint_that_commit_checks(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *tx;
    expect_ok(tn_begin(*state, NULL, &tx, &err));
    expect_ok(tn_exec(tx, "insert into late values (1)", NULL, NULL, &err));
    expect_ok(tn_exec(tx, "insert into late values (1)", NULL, NULL, &err));
    expect_error(tn_commit(tx, &err), TN_CONSTRAINT, "23505");
    assert_string_equal(err.constraint, "late_a_key");
    assert_int_equal(err.outcome, TN_OUTCOME_NOT_APPLIED);
    assert_int_equal(test_server_number(admin, "select count(*) from late"), 0);
}

/* ---- around --------------------------------------------------------------------------------- */

struct heard {
    int lines;
    char text[256];
};

static void listen_to_server(void *arg, tn_log_level level, const char *component, tn_str line)
{
    struct heard *heard = arg;
    (void)level;
    if (strcmp(component, "server") == 0) {
        heard->lines++;
        snprintf(heard->text, sizeof(heard->text), "%.*s", (int)line.len, line.ptr);
    }
}

static void notices_reach_the_log(void **state)
{
    tn_error err = TN_ERROR_INIT;
    struct heard heard = {.lines = 0};
    tn_log_level before = tn_log_get_level();
    tn_log_set(listen_to_server, &heard);
    tn_log_set_level(TN_LOG_INFO);
    tn_status status = tn_exec(*state, "do $$ begin raise notice 'the answer is %', 6 * 7; end $$",
                               NULL, NULL, &err);
    tn_log_set(NULL, NULL);
    tn_log_set_level(before);
    expect_ok(status);
    assert_int_equal(heard.lines, 1);
    assert_non_null(strstr(heard.text, "the answer is 42"));
}

/* A child must not write on its parent's sockets. */
static void a_child_process_is_refused(void **state)
{
    tn_error err = TN_ERROR_INIT;
    int32_t one, pid = backend_of(*state);
    int status;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0)
        _exit(tn_get(*state, "select 1", NULL, tn_into(&one), &err) == TN_FORKED ? 0 : 1);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_int_equal(backend_of(*state), pid);
}

/* What somebody left on a connection does not reach the next user. */
static void state_of_a_session_is_not_inherited(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *session;
    char value[32];
    for (int i = 0; i < 4; i++) {
        expect_ok(tn_acquire(*state, &session, &err));
        expect_ok(tn_get(session, "select current_setting('work_mem')", NULL,
                         tn_into(tn_textbuf(value, sizeof(value))), &err));
        assert_string_not_equal(value, "1MB");
        expect_ok(tn_exec(session, "set work_mem = '1MB'", NULL, NULL, &err));
        expect_ok(tn_exec(session, "begin", NULL, NULL, &err));
        expect_ok(tn_exec(session, "insert into t values (9, 'left open')", NULL, NULL, &err));
        tn_release(session);
    }
    assert_int_equal(test_server_number(admin, "select count(*) from t"), 0);
}

static int prepare_server(void **state)
{
    (void)state;
    admin = test_server_connect(&server, "app");
    test_server_run(admin, "set role app");
    test_server_run(admin, "create table t (a integer, b text)");
    test_server_run(admin, "create table late (a integer unique deferrable initially deferred)");
    test_server_run(admin, "reset role");
    return 0;
}

static int remove_server(void **state)
{
    (void)state;
    PQfinish(admin);
    test_server_remove(&server);
    return 0;
}

#define case_of(test) cmocka_unit_test_setup_teardown(test, fresh, close_usable)

int main(void)
{
    static const char *const settings[] = {"deadlock_timeout=50ms", NULL};
    const struct CMUnitTest tests[] = {
        case_of(killed_while_idle),
        case_of(a_killed_session_stays_lost),
        case_of(killed_in_a_query),
        case_of(killed_while_streaming),
        case_of(killed_in_a_transaction),
        case_of(killed_before_commit),
        case_of(left_idle_in_a_transaction),
        case_of(the_servers_statement_timeout),
        case_of(our_own_deadline),
        case_of(cancelled_by_another_thread),
        case_of(a_lock_that_is_not_had),
        case_of(a_deadlock_has_one_victim),
        case_of(a_deadlock_is_tried_again_when_asked),
        case_of(an_update_that_comes_too_late),
        case_of(a_conflict_that_commit_finds),
        case_of(commit_answered_by_rollback),
        case_of(a_swallowed_error_is_not_a_success),
        case_of(a_constraint_that_commit_checks),
        case_of(notices_reach_the_log),
        case_of(a_child_process_is_refused),
        case_of(state_of_a_session_is_not_inherited),
        case_of(a_crash_of_the_server),
    };
    test_server_create(&server, settings, NULL, "apppw");
    return cmocka_run_group_tests_name("server_faults", tests, prepare_server, remove_server);
}
