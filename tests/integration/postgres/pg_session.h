/* SPDX-License-Identifier: MIT */
/* One connection of the driver, and short words for what tests do with it. */
#ifndef TENON_TESTS_INTEGRATION_POSTGRES_PG_SESSION_H
#define TENON_TESTS_INTEGRATION_POSTGRES_PG_SESSION_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "support/driver_host.h"

typedef struct session {
    tn_driver_source *source;
    tn_driver_conn *conn;
    tn_host_conn host;
    tn_error err;
} session;

#define PG (&tn_driver_module)

/* The URL of the test's server; prints why and ends with 77 when there is none. */
const char *session_url(void);
/* main() of each program: the group's tests on the server. */
int session_run(const struct CMUnitTest *tests, size_t count);

/* Opens on the server of the environment. schema and prepare as the driver's options, or NULL. */
void session_open(session *s, const char *schema, const char *prepare);
/* The same without a schema; direct as the driver's option. */
void session_open_by(session *s, const char *direct, const char *prepare);
void session_close(session *s);

/* A minute from now: only a hang takes as long. */
int64_t soon(void);

/* Prepares, failing the test with the error's text. */
tn_driver_stmt *prepare(session *s, const char *sql);
/* Runs and reads to the end; the status of what failed. *ret_rows may be NULL. */
tn_status run_stmt(session *s, tn_driver_stmt *stmt, const tn_value *params, size_t n,
                   uint32_t flags, int64_t *ret_rows);
/* Prepares, runs, closes. */
tn_status run(session *s, const char *sql);
/* The same, which must go well. */
void must(session *s, const char *sql);
/* The one value that it gives, as text ("(null)" for NULL), in a static buffer. */
const char *ask(session *s, const char *sql);

tn_value text_value(const char *text);
tn_value int_value(tn_type type, int64_t i);

#define assert_state(s, expected) assert_int_equal(PG->conn->state((s)->conn), expected)

#endif
