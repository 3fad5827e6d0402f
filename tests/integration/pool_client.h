/* SPDX-License-Identifier: MIT */
/* What the tests of the pool on real servers share. */
#ifndef TENON_TEST_POOL_CLIENT_H
#define TENON_TEST_POOL_CLIENT_H

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "expect.h"
#include "server.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define POOL_INSTRUMENTED 1
#else
#define POOL_INSTRUMENTED 0
#endif

int64_t pool_now_ms(void);
void pool_pause_ms(int ms);

/* A client of role app on this port of the loopback interface. settings: "name=value" with blanks
 * between. Fails the test when it cannot be opened. */
tn_db *pool_open(int port, const char *settings);
/* The same, NULL and err on failure. */
tn_db *pool_try_open(int port, const char *settings, tn_error *err);

tn_pool_stats pool_stats(const tn_db *db);
/* Until so many callers wait; until so many are open and free. False after very long. */
bool pool_await_waiting(const tn_db *db, unsigned n);
bool pool_await_idle(const tn_db *db, unsigned n);

/* Nothing is in use, n connections at once work, and the figures agree. */
void pool_expect_whole(tn_db *db, unsigned n);

int32_t pool_backend(tn_db *db);

/* Sessions of app on the server, in any state. */
long long pool_sessions(PGconn *admin);
/* Waits until none is left; fails the test when some are. */
void pool_expect_no_sessions(PGconn *admin);

#define POOL_PASSWORD "apppw"

/* main() of a program: its tests on a server of their own, which says little; *admin is the
 * superuser's session there meanwhile. */
int pool_run_tests(test_server *server, PGconn **admin, const struct CMUnitTest *tests,
                   size_t count);

#endif
