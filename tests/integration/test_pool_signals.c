/* SPDX-License-Identifier: MIT */
/*
 * SIGTERM in the middle of fifty transactions: the process ends in time and by the signal, each
 * transaction is there whole or not at all, and a second signal ends it at once.
 *
 * The process is this program again, with "serve SECONDS TIMEOUT" as arguments.
 */
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pool_client.h"

enum { THREADS = 50, LATE_MS = POOL_INSTRUMENTED ? 10000 : 1500 };

extern char **environ;

static test_server server;
static PGconn *admin;
static const char *program;

/* ---- the process that is ended -------------------------------------------------------------- */

static const char *pause_sql; /* in the middle of each transaction */

static tn_status two_halves(tn_db *tx, void *arg, tn_error *err)
{
    const int64_t *id = arg;
    static const char insert[] = "insert into halves values ($1)";

    tn_status status = tn_exec(tx, insert, tn_args(*id), NULL, err);
    if (status == TN_OK)
        status = tn_exec(tx, pause_sql, NULL, NULL, err);
    if (status == TN_OK)
        status = tn_exec(tx, insert, tn_args(*id), NULL, err);
    return status;
}

static void *serve(void *arg)
{
    int64_t id = (int64_t)(uintptr_t)arg << 32;
    tn_error err = TN_ERROR_INIT;

    for (;;) {
        tn_db *db = tn_client(&err);
        if (!db || tn_transaction(db, NULL, two_halves, &id, &err) != TN_OK)
            return NULL; /* the client is being closed */
        id++;
    }
}

static int serve_until_signalled(const char *seconds, const char *timeout)
{
    static char sql[64];
    pthread_t threads[THREADS];
    tn_error err = TN_ERROR_INIT;

    snprintf(sql, sizeof(sql), "select pg_sleep(%s)", seconds);
    pause_sql = sql;
    if (tn_client_on_signals(strtoll(timeout, NULL, 10), &err) != TN_OK) {
        tn_error_print(stderr, &err);
        return EXIT_FAILURE;
    }
    for (uintptr_t i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, serve, (void *)i) != 0)
            return EXIT_FAILURE;
    for (;;)
        pause();
}

/* ---- the test ------------------------------------------------------------------------------- */

static pid_t start(const char *seconds, const char *timeout)
{
    char *const arguments[] = {(char *)(uintptr_t)program, (char *)"serve",
                               (char *)(uintptr_t)seconds, (char *)(uintptr_t)timeout, NULL};
    pid_t pid;

    assert_int_equal(posix_spawn(&pid, program, NULL, NULL, arguments, environ), 0);
    return pid;
}

/* Until all are in the middle of theirs. */
static void await_transactions(void)
{
    assert_true(test_server_wait(admin,
                                 "select count(*) from pg_stat_activity where usename = 'app'"
                                 " and state = 'active' and query like '%pg_sleep%'"
                                 " and xact_start is not null",
                                 THREADS));
}

/* As a shell says it: 128 and the signal's number. */
static int exit_status(pid_t pid, int64_t limit_ms)
{
    int status;

    for (int64_t end = pool_now_ms() + limit_ms; pool_now_ms() < end; pool_pause_ms(2)) {
        pid_t ended = waitpid(pid, &status, WNOHANG);
        if (ended == pid)
            return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
        assert_true(ended == 0 || errno == EINTR);
    }
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    return -1;
}

static void expect_no_halves(void)
{
    /* A statement that was not cancelled in time goes on until the server writes to its client, who
     * is gone. Instruments make that likely. */
    if (POOL_INSTRUMENTED)
        test_server_run(admin, "select pg_terminate_backend(pid) from pg_stat_activity"
                               " where usename = 'app'");
    pool_expect_no_sessions(admin);
    assert_int_equal(test_server_number(admin, "select count(*) from (select id from halves"
                                               " group by id having count(*) <> 2) as half"),
                     0);
}

static int setup(void **state)
{
    (void)state;
    test_server_run(admin, "truncate halves");
    return 0;
}

static void short_transactions_are_finished(void **state)
{
    (void)state;
    pid_t pid = start("0.3", "10000");
    await_transactions();
    assert_int_equal(kill(pid, SIGTERM), 0);
    int64_t begin = pool_now_ms();
    assert_int_equal(exit_status(pid, 10000 + LATE_MS), 128 + SIGTERM);
    int64_t took = pool_now_ms() - begin;
    expect_no_halves();
    long long whole = test_server_number(admin, "select count(*) / 2 from halves");
    print_message("ended after %d ms, %lld transactions are there\n", (int)took, whole);
    /* Those that ran had time enough. */
    assert_true(whole >= THREADS);
    assert_true(took < 5000 + LATE_MS);
}

static void long_transactions_are_cancelled_in_time(void **state)
{
    (void)state;
    pid_t pid = start("60", "2000");
    await_transactions();
    assert_int_equal(kill(pid, SIGTERM), 0);
    int64_t begin = pool_now_ms();
    assert_int_equal(exit_status(pid, 2000 + LATE_MS), 128 + SIGTERM);
    print_message("ended after %d ms of 2000\n", (int)(pool_now_ms() - begin));
    expect_no_halves();
    assert_int_equal(test_server_number(admin, "select count(*) from halves"), 0);
}

static void a_second_signal_ends_at_once(void **state)
{
    (void)state;
    pid_t pid = start("60", "60000");
    await_transactions();
    assert_int_equal(kill(pid, SIGINT), 0);
    pool_pause_ms(300); /* it goes on with its sixty seconds */
    assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
    int64_t begin = pool_now_ms();
    assert_int_equal(kill(pid, SIGINT), 0);
    assert_int_equal(exit_status(pid, LATE_MS), 128 + SIGINT);
    print_message("ended after %d ms\n", (int)(pool_now_ms() - begin));
    /* The server notices that nobody is there when it next writes to one of them. */
    test_server_run(admin, "select pg_terminate_backend(pid) from pg_stat_activity"
                           " where usename = 'app'");
    expect_no_halves();
}

static void test_group(int *ret_failed)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(short_transactions_are_finished, setup),
        cmocka_unit_test_setup(long_transactions_are_cancelled_in_time, setup),
        cmocka_unit_test_setup(a_second_signal_ends_at_once, setup),
    };

    *ret_failed = cmocka_run_group_tests(tests, NULL, NULL);
}

int main(int argc, char *argv[])
{
    static const char *const settings[] = {"log_min_messages=fatal", "log_connections=off", NULL};
    char url[256];
    int failed;

    program = argv[0];
    if (argc == 4 && strcmp(argv[1], "serve") == 0)
        return serve_until_signalled(argv[2], argv[3]);
    test_server_create(&server, settings, NULL, POOL_PASSWORD);
    admin = test_server_connect(&server, "app");
    test_server_run(admin, "create table halves (id bigint not null)");
    test_server_run(admin, "grant all on halves to app");
    setenv("DATABASE_URL",
           test_server_url(&server, "app:" POOL_PASSWORD, "app", NULL, url, sizeof(url)), 1);
    setenv("DB_MAX_CONNECTIONS", "50", 1);
    setenv("DB_LOG_LEVEL", "off", 1);
    test_group(&failed);
    PQfinish(admin);
    test_server_remove(&server);
    return failed;
}
