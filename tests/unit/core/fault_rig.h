/* SPDX-License-Identifier: MIT */
/*
 * The fault wrapper around a mock driver, and one connection of it that is called as the core calls
 * it: for tests of the driver contract, without a session above.
 */
#ifndef TENON_TESTS_UNIT_FAULT_RIG_H
#define TENON_TESTS_UNIT_FAULT_RIG_H

#include <tenon/fault.h>

#include "driver/host.h"
#include "support/mock_client.h"

extern mock *m;
extern tn_fault *fault;
extern const tn_module *module;

/* Wraps the mock; before each test, rules and the mock's script begin anew. The mock knows "rows"
 * (1, 2, 3, one a batch, read only), "returning" (the same, two a batch, not read only), "commit".
 */
int rig_group_setup(void **state);
int rig_setup(void **state);

typedef struct rig {
    tn_driver_source *source;
    tn_host_conn host;
    tn_driver_conn *conn;
    tn_driver_stmt *stmt;
    tn_driver_cursor *cursor;
    tn_error err;
} rig;

void rig_source(rig *r);
tn_status rig_connect(rig *r, int64_t deadline_ns);
/* Both. */
void rig_open(rig *r);
/* Closes all that is open; nothing may be left, here or in the mock. */
void rig_close(rig *r);

tn_conn_state rig_state(const rig *r);
tn_status rig_prepare(rig *r, const char *sql, int64_t deadline_ns);
tn_status rig_execute(rig *r, int64_t deadline_ns);
void rig_begin(rig *r);
/* Prepares and executes. */
void rig_run(rig *r, const char *sql);
void rig_close_statement(rig *r);
/* Reads what is left before, so that the connection is free. */
void rig_end_statement(rig *r);

tn_fault_rule rig_rule(tn_fault_at at, tn_fault_effect effect);
void rig_add(tn_fault_rule rule);

#endif
