/* SPDX-License-Identifier: MIT */
/* A PgBouncer of this test's own, in front of a server of its own. However the test ends, it is
 * stopped by its process id and its folder removed. */
#ifndef TENON_TEST_POOLER_H
#define TENON_TEST_POOLER_H

#include <stddef.h>
#include <sys/types.h>

#include "server.h"

typedef struct test_pooler {
    char dir[64];
    int port;
    pid_t guard;
    int guard_pipe;
} test_pooler;

/* mode: "transaction", "session". size: server connections for the database. Its user is "app" with
 * that password. Ends the process with 77, saying why, where PgBouncer is not installed. */
void test_pooler_create(test_pooler *pooler, const test_server *server, const char *mode, int size,
                        const char *app_password);
/* Its clients lose their connections at once. */
void test_pooler_remove(test_pooler *pooler);

/* A command of its console, as PAUSE. */
void test_pooler_command(const test_pooler *pooler, const char *command);

/* postgresql://USER:PASSWORD@127.0.0.1:PORT/app[?more]; buf is returned. */
char *test_pooler_url(const test_pooler *pooler, const char *user_password, const char *more,
                      char *buf, size_t size);

#endif
