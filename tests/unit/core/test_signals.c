/* SPDX-License-Identifier: MIT */
/*
 * tn_client_on_signals(), each case in a process of its own: this program again, with the case's
 * name. Seen from outside are its wait status and what it printed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pool/connector.h"
#include "pool_kit.h"

enum { HANG_S = 120, OUTPUT = 256 };

static mock *m;

/* A client has threads, and ThreadSanitizer dies of those in a child of a program that has some. */
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
enum { THREADS_IN_A_CHILD = 0 };
#else
enum { THREADS_IN_A_CHILD = 1 };
#endif

/* ---- within the process ---------------------------------------------------------------------- */

static void say(const char *word)
{
    if (write(STDOUT_FILENO, word, strlen(word)) < 0)
        _exit(99);
}

static void must(bool holds, int code)
{
    if (!holds)
        _exit(code);
}

static tn_db *client_with_signals(int64_t timeout_ms)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *client = tn_client(&err);

    must(client != NULL, 90);
    must(tn_client_on_signals(timeout_ms, &err) == TN_OK, 91);
    return client;
}

static bool is_closing(tn_db *client)
{
    tn__pool *pool = tn__pool_of(client);

    tn__pool_lock(pool);
    bool closing = pool->closing;
    tn__pool_unlock(pool);
    return closing;
}

static bool is_closed(tn_db *client)
{
    tn__pool *pool = tn__pool_of(client);

    tn__pool_lock(pool);
    bool closed = pool->closed;
    tn__pool_unlock(pool);
    return closed;
}

static void await_closing(tn_db *client)
{
    const struct timespec pause_ = {.tv_nsec = 200000};

    while (!is_closing(client))
        nanosleep(&pause_, NULL);
}

static _Noreturn void wait_for_the_end(void)
{
    for (;;)
        pause();
}

static int by_default(void)
{
    client_with_signals(60000);
    raise(SIGTERM);
    wait_for_the_end();
}

static int by_interrupt(void)
{
    client_with_signals(60000);
    raise(SIGINT);
    wait_for_the_end();
}

/* What is under way is finished first. */
static int with_work(void)
{
    tn_db *client = client_with_signals(60000), *session, *tx;

    must(tn_acquire(client, &session, NULL) == TN_OK, 92);
    must(tn_begin(client, NULL, &tx, NULL) == TN_OK, 92);
    raise(SIGTERM);
    await_closing(client);
    must(tn_exec(tx, "a", NULL, NULL, NULL) == TN_OK, 93);
    must(tn_commit(tx, NULL) == TN_OK, 94);
    say("committed");
    tn_release(session); /* from here on the process ends */
    wait_for_the_end();
}

static int with_work_that_hangs(void)
{
    tn_db *client = client_with_signals(200), *tx;

    must(tn_begin(client, NULL, &tx, NULL) == TN_OK, 92);
    mock_fail(m, (mock_fault){.op = MOCK_EXECUTE, .wait = true});
    raise(SIGTERM);
    must(tn_exec(tx, "a", NULL, NULL, NULL) == TN_SHUTDOWN, 93);
    say("ended");
    must(tn_rollback(tx, NULL) == TN_OK, 94);
    wait_for_the_end();
}

/* Nothing is given back and the time is long: the second signal does not wait for it. */
static int by_a_second_one(void)
{
    tn_db *client = client_with_signals(HANG_S * 10 * 1000), *session;

    must(tn_acquire(client, &session, NULL) == TN_OK, 92);
    raise(SIGTERM);
    await_closing(client);
    say("closing");
    raise(SIGINT);
    wait_for_the_end();
}

/* A database that is away holds up nobody who wants to end. */
static void *open_for_ever(void *arg)
{
    (void)arg;
    (void)!tn_client(NULL);
    return NULL;
}

static int while_opening(void)
{
    tn_error err = TN_ERROR_INIT;
    pthread_t thread;

    mock_fail(m, (mock_fault){.op = MOCK_OPEN, .deaf = true});
    must(tn_client_on_signals(HANG_S * 10 * 1000, &err) == TN_OK, 91);
    must(pthread_create(&thread, NULL, open_for_ever, NULL) == 0, 92);
    must(mock_await(m, 1), 93);
    raise(SIGTERM);
    wait_for_the_end();
}

static tn_db *seen_by_handler;

static void handler(int number, siginfo_t *info, void *context)
{
    (void)info;
    (void)context;
    /* It runs when the client is closed: then nobody holds the lock. */
    if (seen_by_handler && is_closed(seen_by_handler))
        say(number == SIGTERM ? "handler" : "other");
    _exit(7);
}

static int with_a_handler(void)
{
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};

    sigaction(SIGTERM, &action, NULL);
    seen_by_handler = client_with_signals(60000);
    raise(SIGTERM);
    wait_for_the_end();
}

static atomic_int noted;

static void note(int number)
{
    atomic_store(&noted, number);
}

static int with_a_handler_that_returns(void)
{
    struct sigaction action = {.sa_handler = note}, now;
    const struct timespec pause_ = {.tv_nsec = 200000};

    sigaction(SIGINT, &action, NULL);
    tn_db *client = client_with_signals(60000);
    raise(SIGINT);
    while (!atomic_load(&noted))
        nanosleep(&pause_, NULL);
    must(atomic_load(&noted) == SIGINT, 92);
    must(is_closed(client), 93);
    must(sigaction(SIGINT, NULL, &now) == 0 && now.sa_handler == note, 94);
    return 8;
}

static int with_one_ignored(void)
{
    tn_error err = TN_ERROR_INIT;

    signal(SIGINT, SIG_IGN);
    tn_db *client = client_with_signals(60000);
    raise(SIGINT);
    raise(SIGINT);
    must(tn_exec(client, "a", NULL, NULL, &err) == TN_OK, 92);
    must(tn_client_on_signals(1000, &err) == TN_MISUSE, 93);
    must(strstr(err.message, "called before") != NULL, 94);
    return 9;
}

static int status_of_child(pid_t pid)
{
    int status = -1;

    must(pid > 0, 95);
    must(waitpid(pid, &status, 0) == pid, 96);
    return status;
}

/* A child of fork that is sent a signal ends by it, and its parent works on. */
static int with_a_child(void)
{
    tn_db *client = client_with_signals(60000);

    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        alarm(HANG_S);
        raise(SIGTERM);
        wait_for_the_end();
    }
    int status = status_of_child(pid);
    must(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM, 92);
    must(tn_exec(client, "a", NULL, NULL, NULL) == TN_OK, 93);
    raise(SIGINT);
    wait_for_the_end();
}

/* A child may have a client of its own, and signals for it. */
static int with_a_child_that_asks_for_it(void)
{
    tn_db *client = client_with_signals(60000);

    /* A thread that is just ending holds locks of the instruments, which they do not undo. */
    tn__connector_reap();
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        alarm(HANG_S);
        tn_db *own = client_with_signals(60000), *tx;
        must(own != client, 70);
        must(tn_begin(own, NULL, &tx, NULL) == TN_OK, 71);
        raise(SIGTERM);
        await_closing(own);
        must(tn_commit(tx, NULL) == TN_OK, 72);
        wait_for_the_end();
    }
    int status = status_of_child(pid);
    must(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM, 92);
    must(tn_exec(client, "a", NULL, NULL, NULL) == TN_OK, 93);
    return 10;
}

/* The parent is in the middle of using it: the child's first use does not wait for its locks. */
static int with_a_child_while_others_open(void)
{
    pthread_t thread;

    mock_fail(m, (mock_fault){.op = MOCK_OPEN, .wait = true});
    must(pthread_create(&thread, NULL, open_for_ever, NULL) == 0, 92);
    must(mock_await(m, 1), 93);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        alarm(HANG_S);
        tn_db *own = tn_client(NULL);
        must(own && tn_exec(own, "a", NULL, NULL, NULL) == TN_OK, 70);
        must(tn_client_shutdown(60000, NULL) == TN_OK, 71);
        _exit(0);
    }
    must(status_of_child(pid) == 0, 94);
    mock_wake(m);
    pthread_join(thread, NULL);
    must(tn_client_shutdown(60000, NULL) == TN_OK, 95);
    return 11;
}

/* ---- from outside ---------------------------------------------------------------------------- */

static const struct scenario {
    const char *name;
    int (*run)(void);
    int by_signal; /* 0: ends by exit_status */
    int exit_status;
    const char *output;
    bool in_child; /* a child of fork is part of it */
} scenarios[] = {
    {"by_default", by_default, SIGTERM, 0, "", false},
    {"by_interrupt", by_interrupt, SIGINT, 0, "", false},
    {"with_work", with_work, SIGTERM, 0, "committed", false},
    {"with_work_that_hangs", with_work_that_hangs, SIGTERM, 0, "ended", false},
    {"by_a_second_one", by_a_second_one, SIGINT, 0, "closing", false},
    {"while_opening", while_opening, SIGTERM, 0, "", false},
    {"with_a_handler", with_a_handler, 0, 7, "handler", false},
    {"with_a_handler_that_returns", with_a_handler_that_returns, 0, 8, "", false},
    {"with_one_ignored", with_one_ignored, 0, 9, "", false},
    {"with_a_child", with_a_child, SIGINT, 0, "", true},
    {"with_a_child_that_asks_for_it", with_a_child_that_asks_for_it, 0, 10, "", true},
    {"with_a_child_while_others_open", with_a_child_while_others_open, 0, 11, "", true},
};
enum { SCENARIOS = sizeof(scenarios) / sizeof(scenarios[0]) };

static _Noreturn void become(const char *name, const int ends[2])
{
    char own[] = "test_signals", *copy = strdup(name);
    char *const arguments[] = {own, copy, NULL};

    dup2(ends[1], STDOUT_FILENO);
    close(ends[0]);
    close(ends[1]);
    execv("/proc/self/exe", arguments);
    _exit(98);
}

static void runs(void **state)
{
    const struct scenario *scenario = *state;
    char output[OUTPUT] = "";
    size_t used = 0;
    int ends[2], status = -1;
    ssize_t got;

    if (scenario->in_child && !THREADS_IN_A_CHILD) {
        puts("skip: the instruments' own locks do not survive fork() in a process with threads");
        skip();
    }
    assert_int_equal(pipe(ends), 0);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0)
        become(scenario->name, ends);
    assert_true(pid > 0);
    close(ends[1]);
    while ((got = read(ends[0], output + used, sizeof(output) - 1 - used)) > 0)
        used += (size_t)got;
    close(ends[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (scenario->by_signal && !(WIFSIGNALED(status) && WTERMSIG(status) == scenario->by_signal))
        fail_msg("status %x, expected the end by signal %d; output \"%s\"", (unsigned)status,
                 scenario->by_signal, output);
    if (!scenario->by_signal &&
        !(WIFEXITED(status) && WEXITSTATUS(status) == scenario->exit_status))
        fail_msg("status %x, expected exit status %d; output \"%s\"", (unsigned)status,
                 scenario->exit_status, output);
    assert_string_equal(output, scenario->output);
}

static int run_scenario(const char *name)
{
    alarm(HANG_S);
    setenv("DATABASE_URL", "mockr://host/db", 1);
    setenv("DB_MIN_CONNECTIONS", "0", 1);
    m = mock_new("mockr", MOCK_CAPABILITIES | TN_CAP_REMOTE);
    tn_log_set_level(TN_LOG_OFF);
    for (int i = 0; i < SCENARIOS; i++)
        if (strcmp(scenarios[i].name, name) == 0)
            return scenarios[i].run();
    return 97;
}

int main(int argc, char **argv)
{
    struct CMUnitTest tests[SCENARIOS];

    if (argc == 2)
        return run_scenario(argv[1]);
    for (int i = 0; i < SCENARIOS; i++)
        tests[i] = (struct CMUnitTest){.name = scenarios[i].name,
                                       .test_func = runs,
                                       .initial_state = (void *)(uintptr_t)&scenarios[i]};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
