/* SPDX-License-Identifier: MIT */
/*
 * The SQLite driver under test: a source with connections, called as the core calls it. A check
 * that fails ends the test; what a test has opened is closed by lite_test_end() in its teardown.
 */
#ifndef TENON_TESTS_LITE_TEST_H
#define TENON_TESTS_LITE_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <tenon/driver.h>

#include "support/driver_host.h"

#define LITE_TEST_CONNS 3

typedef struct lite_test {
    char directory[64]; /* of the test's own */
    char url[128];      /* a file in it */
    tn_driver_source *source;
    tn_driver_conn *conns[LITE_TEST_CONNS];
    struct tn_host_conn hosts[LITE_TEST_CONNS];
    tn_driver_conn *conn; /* the first */
    tn_error err;
    char text[4096]; /* the last answer */
    tn_batch last;   /* done, affected */
    char tag[64];
    int64_t deadline;
} lite_test;

/* Called with true before and false after work that is the test's own; NULL: nobody cares. */
extern void (*lite_test_aside)(bool aside);

/* Called when the driver waits by its host, as another fiber of the thread would run then; NULL:
 * nobody. */
extern void (*lite_test_meanwhile)(lite_test *t);

/* cmocka's setup and teardown: a directory, no source yet. */
int lite_test_begin(void **state);
int lite_test_end(void **state);

/* Opens a source: settings "mode=ro busy_timeout=10", "" for none. The status, err in t. */
tn_status lite_test_source(lite_test *t, const char *url, const char *settings);
/* The same on the test's file with one connection; a failure fails the test. */
void lite_test_open(lite_test *t);
/* One more connection of the source; its index is at most LITE_TEST_CONNS - 1. */
tn_driver_conn *lite_test_connect(lite_test *t, int i);
void lite_test_close_source(lite_test *t);

tn_value lite_int(int64_t i);
tn_value lite_text(const char *text);
tn_value lite_of(tn_type type, const char *text); /* numeric, json, bytes: as.ptr is text */

/* Runs one statement to its end: rows as "a|b\n", NULL as "-". The status, err in t. */
tn_status lite_try(lite_test *t, tn_driver_conn *conn, const char *sql, const tn_value *params,
                   size_t n_params);
/* The same on the first connection; must succeed; gives t->text. */
const char *lite_q(lite_test *t, const char *sql);
const char *lite_qp(lite_test *t, const char *sql, const tn_value *params, size_t n_params);
#define LITE_QP(t, sql, ...)                             \
    lite_qp((t), (sql), (const tn_value[]){__VA_ARGS__}, \
            sizeof((const tn_value[]){__VA_ARGS__}) / sizeof(tn_value))
/* Must fail with this SQLSTATE. */
void lite_fails(lite_test *t, const char *sql, const char *sqlstate);
void lite_fails_on(lite_test *t, tn_driver_conn *conn, const char *sql, const char *sqlstate);

#endif
