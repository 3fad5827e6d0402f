/* SPDX-License-Identifier: MIT */
/*
 * A PostgreSQL of this test's own, that it may stop, starve and restart. However the test ends, its
 * server is stopped and its folder removed: a guard process waits for that.
 */
#ifndef TENON_TEST_SERVER_H
#define TENON_TEST_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <libpq-fe.h>

enum { TEST_SKIPPED = 77 };

typedef struct test_server {
    char dir[64];
    int port;
    pid_t guard;
    int guard_pipe;
} test_server;

/* Settings are "name=value", ended by NULL. address, which may be NULL, is one more to listen on.
 * Ends the process with 77, saying why, where no server is installed; with 1 when it does not
 * start. A role "app" with the given password and its database "app" are made. */
void test_server_create(test_server *server, const char *const settings[], const char *address,
                        const char *app_password);
void test_server_remove(test_server *server);

/* A hot standby that follows it, and what ends that: a server of its own, on another timeline. */
void test_server_create_standby(test_server *standby, const test_server *primary);
void test_server_create_standby_with(test_server *standby, const test_server *primary,
                                     const char *const settings[]);
bool test_server_promote(const test_server *standby);

/* As test_server_create(), on a file system of its own that is soon full. False, the reason on
 * stdout, where none can be mounted. */
bool test_server_create_small(test_server *server, int megabytes, const char *const settings[],
                              const char *app_password);

/* Tries for five seconds: a server that was killed leaves processes that hold its folder. */
bool test_server_start(const test_server *server);
bool test_server_stop(const test_server *server, bool immediately);
bool test_server_reload(const test_server *server);

/* SIGKILL for the first process of the server alone, whose others live on for a moment; for all of
 * them; for one backend, which makes the server restart all others. */
void test_server_kill_first(const test_server *server);
void test_server_kill_all(const test_server *server);
void test_server_kill_backend(const test_server *server, int pid);
/* Waits until the socket takes connections; false after ten seconds. */
bool test_server_wait_ready(const test_server *server);

/* As the superuser over the socket, by libpq, so that what tenon does is judged by another. */
PGconn *test_server_connect(const test_server *server, const char *database);
/* Runs commands; fails the test when they fail. */
void test_server_run(PGconn *conn, const char *sql);
/* The first column of the first row as a number, -1 for none. */
long long test_server_number(PGconn *conn, const char *sql);
/* Waits until the number is what is expected; false after ten seconds. */
bool test_server_wait(PGconn *conn, const char *sql, long long expected);

/* How often a text stands in the server's log. */
int test_server_log_count(const test_server *server, const char *text);

/* postgresql://USER[:PASSWORD]@127.0.0.1:PORT/DATABASE[?more]; buf is returned. */
char *test_server_url(const test_server *server, const char *user_password, const char *database,
                      const char *more, char *buf, size_t size);

/* In a guard: lets go of what it inherited, such as the pipes of the guards before it. */
void test_close_others(int fd);

/* A TCP port of the loopback interface that nobody listens on now. */
int test_free_port(void);

/* Listens there and never answers; close() ends it. */
int test_mute_listener(int *ret_port);

#endif
