/* SPDX-License-Identifier: MIT */
/*
 * A server that keeps who connects to it busy for as long as it likes: by silence, by floods, by
 * 2^31-1 rounds of SCRAM. libpq 15 does not come back from the last two by itself; whoever waits
 * for a connection does, by his deadline, and so does he who closes the client.
 *
 * Each case is a process of its own: the thread that libpq keeps is left behind in it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <tenon/tenon.h>

#include "server.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SLACK_MS = 5000 };
#else
enum { SLACK_MS = 1000 };
#endif

/* EARLY_MS: clocks are not read at the same instant. */
enum { DEADLINE_MS = 600, CLOSE_MS = 1000, EARLY_MS = 2 };

typedef struct trap {
    const char *name;
    const char *startup;
    const char *password;
} trap;

static const trap traps[] = {
    {"silence", "mute", NULL},
    {"silence in a message", "auth-ok raw('S' 4:100 'half') mute", NULL},
    {"parameters without end", "auth-ok forever S('TimeZone'0 'UTC'0)", NULL},
    {"notices without end", "auth-ok forever N('SNOTICE'0 'VNOTICE'0 'C00000'0 'Mhello'0 00)",
     NULL},
    {"SCRAM with 2^31-1 iterations", "ask-scram", "R(4:11 'r=$Nserver,s=c2FsdA==,i=2147483647')"},
    {"a password asked for without end", "forever ask-md5", NULL},
};

enum { TRAPS = sizeof(traps) / sizeof(traps[0]) };

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

/* In the child: the end of the case, with what went wrong. */
static void demand(bool good, const char *what, int64_t number)
{
    if (good)
        return;
    fprintf(stderr, "%s: %lld\n", what, (long long)number);
    _exit(EXIT_FAILURE);
}

static tn_db *open_client(int port, tn_error *err)
{
    static const char *const settings[][2] = {
        {"connection_timeout", "600"}, {"pool_timeout", "600"},  {"connect_retries", "0"},
        {"min_connections", "0"},      {"max_connections", "3"}, {"log_level", "off"},
    };
    char url[128];

    snprintf(url, sizeof(url), "postgresql://app:secret@127.0.0.1:%d/app", port);
    tn_config *config = tn_config_from_url(url, err);
    demand(config != NULL, "config", 0);
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
        demand(tn_config_set(config, settings[i][0], settings[i][1], err) == TN_OK, "setting",
               (int64_t)i);
    tn_db *db = tn_open(config, err);
    tn_config_free(config);
    return db;
}

static void expect_deadline(int64_t took_ms)
{
    demand(took_ms >= DEADLINE_MS - EARLY_MS, "too early, ms", took_ms);
    demand(took_ms <= DEADLINE_MS + SLACK_MS, "too late, ms", took_ms);
}

static void open_at_once(int port)
{
    tn_error err = TN_ERROR_INIT;
    int64_t start = now_ms();
    tn_db *db = open_client(port, &err);
    int64_t took = now_ms() - start;

    demand(db == NULL, "it was opened", 0);
    demand(err.status == TN_TIMEOUT || err.status == TN_UNAVAILABLE, "status", err.status);
    demand(err.outcome != TN_OUTCOME_IN_DOUBT, "outcome", err.outcome);
    expect_deadline(took);
}

/* The first connection is good and in use; the second is the trap. */
static void borrow_another(int port)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *session, *none = NULL;
    int32_t value = 0;
    tn_db *db = open_client(port, &err);

    demand(db != NULL, "open", err.status);
    demand(tn_acquire(db, &session, &err) == TN_OK, "first acquire", err.status);
    for (int i = 0; i < 2; i++) {
        int64_t start = now_ms();
        tn_status status = tn_acquire(db, &none, &err);
        int64_t took = now_ms() - start;
        demand(status == TN_TIMEOUT || status == TN_UNAVAILABLE, "status", status);
        expect_deadline(took);
    }
    demand(tn_get(session, "select n from t", NULL, tn_into(&value), &err) == TN_OK && value == 42,
           "the connection that is good", err.status);
    tn_release(session);
    /* It is handed on at once, whatever the attempts do. */
    demand(tn_get(db, "select n from t", NULL, tn_into(&value), &err) == TN_OK, "after it",
           err.status);
    int64_t start = now_ms();
    tn_status status = tn_db_shutdown(db, CLOSE_MS, &err);
    int64_t took = now_ms() - start;
    demand(status == TN_OK || status == TN_TIMEOUT, "shutdown", status);
    demand(took <= CLOSE_MS + SLACK_MS, "shutdown took ms", took);
}

typedef struct job {
    const trap *trap;
    bool later;
} job;

static void in_child(const job *j)
{
    static hostile_server server;
    hostile_script script = {.password = {j->trap->password}};

    if (j->later)
        script.later = j->trap->startup;
    else
        script.startup = j->trap->startup;
    hostile_start(&server, &script);
    if (j->later)
        borrow_another(server.port);
    else
        open_at_once(server.port);
    hostile_stop(&server);
    _exit(EXIT_SUCCESS); /* with the thread that libpq keeps */
}

static void run(void **state)
{
    const job *j = *state;
    int status;

    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        alarm(60); /* a hang is a failure */
        in_child(j);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), EXIT_SUCCESS);
}

int main(void)
{
    static struct CMUnitTest tests[TRAPS * 2];
    static job jobs[TRAPS * 2];
    static char names[TRAPS * 2][96];

    for (size_t i = 0; i < TRAPS * 2; i++) {
        jobs[i] = (job){.trap = &traps[i / 2], .later = i % 2};
        snprintf(names[i], sizeof(names[i]), "%s, %s", traps[i / 2].name,
                 i % 2 ? "to the pool's next connection" : "to the first connection");
        tests[i] = (struct CMUnitTest){
            .name = names[i], .test_func = run, .initial_state = &jobs[i]};
    }
    return _cmocka_run_group_tests("hostile server, connecting", tests, TRAPS * 2, NULL, NULL);
}
