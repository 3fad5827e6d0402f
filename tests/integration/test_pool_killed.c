/* SPDX-License-Identifier: MIT */
/*
 * The client's process is killed in the middle of its work, at a random moment, again and again:
 * what it had been told is done is there once, each transaction is there whole or not at all, and
 * the server keeps no session.
 *
 * The process is this program again, with "work FIRST" as arguments. It writes the number of each
 * operation that was acknowledged to its standard output.
 */
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pool_client.h"

enum {
    THREADS = 8,
    ROUNDS = POOL_INSTRUMENTED ? 5 : 25,
    MOST_MS = 120, /* of work before the end */
    A_ROUND = 1000000
};

extern char **environ;

static test_server server;
static PGconn *admin;
static const char *program;

/* ---- the process that is killed ------------------------------------------------------------- */

static tn_db *client;

/* Two halves of one whole, with time to be killed between them. */
static tn_status two_halves(tn_db *tx, void *arg, tn_error *err)
{
    const int64_t *id = arg;
    static const char insert[] = "insert into halves values ($1)";

    tn_status status = tn_exec(tx, insert, tn_args(*id), NULL, err);
    if (status == TN_OK)
        status = tn_exec(tx, "select pg_sleep(0.001)", NULL, NULL, err);
    if (status == TN_OK)
        status = tn_exec(tx, insert, tn_args(*id), NULL, err);
    return status;
}

/* By turns a transaction, and one statement that inserts both. */
static void *work(void *arg)
{
    tn_error err = TN_ERROR_INIT;

    for (int64_t id = (int64_t)(intptr_t)arg;; id++) {
        tn_status status = id % 3 ? tn_transaction(client, NULL, two_halves, &id, &err)
                                  : tn_exec(client, "insert into halves values ($1), ($1)",
                                            tn_args(id), NULL, &err);
        if (status != TN_OK || write(STDOUT_FILENO, &id, sizeof(id)) != sizeof(id))
            _exit(EXIT_FAILURE); /* nothing goes wrong before the end */
    }
    return NULL;
}

static int work_until_killed(const char *first)
{
    pthread_t threads[THREADS];
    tn_error err = TN_ERROR_INIT;

    client = tn_client(&err);
    if (!client) {
        tn_error_print(stderr, &err);
        return EXIT_FAILURE;
    }
    for (intptr_t i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, work,
                           (void *)((intptr_t)atoll(first) + i * (A_ROUND / THREADS))) != 0)
            return EXIT_FAILURE;
    for (;;)
        pause();
}

/* ---- the test ------------------------------------------------------------------------------- */

static pid_t start(int round, int *ret_end)
{
    char first[24];
    char *const arguments[] = {(char *)(uintptr_t)program, (char *)"work", first, NULL};
    posix_spawn_file_actions_t actions;
    int ends[2];
    pid_t pid;

    snprintf(first, sizeof(first), "%d", round * A_ROUND);
    assert_int_equal(pipe(ends), 0);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addclose(&actions, ends[0]);
    posix_spawn_file_actions_addclose(&actions, ends[1]);
    assert_int_equal(posix_spawn(&pid, program, &actions, NULL, arguments, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    *ret_end = ends[0];
    return pid;
}

static bool next_acknowledged(int fd, int64_t *ret)
{
    ssize_t got;

    do
        got = read(fd, ret, sizeof(*ret));
    while (got < 0 && errno == EINTR);
    assert_true(got == 0 || got == (ssize_t)sizeof(*ret)); /* a pipe takes it whole */
    return got > 0;
}

static void is_there_once(int64_t id)
{
    char sql[96];

    snprintf(sql, sizeof(sql), "select count(*) from halves where id = %lld", (long long)id);
    if (test_server_number(admin, sql) != 2)
        fail_msg("%lld was acknowledged, and its halves are %lld", (long long)id,
                 test_server_number(admin, sql));
}

static int kill_in_the_middle(int round, uint32_t random)
{
    int64_t id;
    int status, count = 1, fd;

    pid_t pid = start(round, &fd);
    bool works = next_acknowledged(fd, &id);
    pool_pause_ms((int)(random % MOST_MS));
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(works && WIFSIGNALED(status));
    /* A backend that sleeps notices when it next writes. */
    pool_expect_no_sessions(admin);
    is_there_once(id);
    for (; next_acknowledged(fd, &id); count++)
        is_there_once(id);
    close(fd);
    return count;
}

static void what_was_acknowledged_is_there_and_nothing_is_half(void **state)
{
    uint32_t random = (uint32_t)pool_now_ms() | 1;
    int acknowledged = 0;

    (void)state;
    print_message("seed %u\n", random);
    for (int round = 0; round < ROUNDS; round++) {
        random = random * 1103515245u + 12345u;
        acknowledged += kill_in_the_middle(round, random >> 8);
    }
    assert_int_equal(test_server_number(admin, "select count(*) from (select id from halves group"
                                               " by id having count(*) <> 2) as half"),
                     0);
    long long whole = test_server_number(admin, "select count(*) / 2 from halves");
    print_message("%d acknowledged, %lld there\n", acknowledged, whole);
    /* At most the one that each thread was at was done without a word. */
    assert_in_range(whole, acknowledged, acknowledged + ROUNDS * THREADS);
}

int main(int argc, char *argv[])
{
    static const char *const settings[] = {"log_min_messages=fatal", "log_connections=off", NULL};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_acknowledged_is_there_and_nothing_is_half),
    };
    char url[256];

    program = argv[0];
    if (argc == 3 && strcmp(argv[1], "work") == 0)
        return work_until_killed(argv[2]);
    test_server_create(&server, settings, NULL, POOL_PASSWORD);
    admin = test_server_connect(&server, "app");
    test_server_run(admin, "create table halves (id bigint not null)");
    test_server_run(admin, "create index on halves (id)");
    test_server_run(admin, "grant all on halves to app");
    setenv("DATABASE_URL",
           test_server_url(&server, "app:" POOL_PASSWORD, "app", NULL, url, sizeof(url)), 1);
    setenv("DB_LOG_LEVEL", "off", 1);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    PQfinish(admin);
    test_server_remove(&server);
    return failed;
}
