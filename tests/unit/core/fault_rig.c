/* SPDX-License-Identifier: MIT */
#include "fault_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/str.h"

mock *m;
tn_fault *fault;
const tn_module *module;

static const tn_column columns[] = {{.name = "n", .type = TN_TYPE_INT64}};
static const tn_value values[] = {{.type = TN_TYPE_INT64, .as.i = 1},
                                  {.type = TN_TYPE_INT64, .as.i = 2},
                                  {.type = TN_TYPE_INT64, .as.i = 3}};
static const mock_answer answers[] = {
    {.sql = "rows",
     .columns = columns,
     .n_columns = 1,
     .values = values,
     .rows = 3,
     .batch = 1,
     .affected = 3,
     .flags = TN_STMT_READ_ONLY},
    {.sql = "returning",
     .columns = columns,
     .n_columns = 1,
     .values = values,
     .rows = 3,
     .batch = 2,
     .affected = 3},
    {.sql = "commit", .affected = -1, .then = MOCK_TO(TN_CONN_IDLE)},
};

int rig_group_setup(void **state)
{
    tn_error err = TN_ERROR_INIT;

    (void)state;
    m = mock_new("mock", MOCK_CAPABILITIES);
    if (tn_fault_wrap("mock", &fault, &err) != TN_OK ||
        tn_driver_inspect("fault+mock", NULL, &module, &err) != TN_OK) {
        tn_error_print(stderr, &err);
        return -1;
    }
    return 0;
}

int rig_setup(void **state)
{
    (void)state;
    mock_reset(m);
    mock_answers(m, answers, TN__COUNT_OF(answers));
    tn_fault_clear(fault);
    return 0;
}

tn_status rig_connect(rig *r, int64_t deadline_ns)
{
    return module->conn->open(r->source, &r->host, deadline_ns, &r->conn, &r->err);
}

void rig_source(rig *r)
{
    const tn_source_config config = {
        .size = sizeof(config),
        .scheme = TN__STR("fault+mock"),
        .url = TN__STR("fault+mock://host/db"),
    };

    *r = (rig){.err = TN_ERROR_INIT};
    tn__host_conn_init(&r->host, NULL, NULL);
    tn__host_begin(&r->host);
    assert_ok(module->conn->open_source(&tn__host, &config, &r->source, &r->err), r->err);
}

void rig_open(rig *r)
{
    rig_source(r);
    assert_ok(rig_connect(r, TN_NO_DEADLINE), r->err);
}

void rig_close(rig *r)
{
    module->cursor->close(r->cursor);
    module->stmt->close(r->stmt);
    module->conn->close(r->conn);
    module->conn->close_source(r->source);
    tn__host_conn_close(&r->host);
    assert_int_equal(tn_fault_connections(fault), 0);
    mock_check(m);
}

tn_conn_state rig_state(const rig *r)
{
    return module->conn->state(r->conn);
}

tn_status rig_prepare(rig *r, const char *sql, int64_t deadline_ns)
{
    return module->stmt->prepare(r->conn, tn_str_from(sql), deadline_ns, &r->stmt, &r->err);
}

tn_status rig_execute(rig *r, int64_t deadline_ns)
{
    return module->cursor->execute(r->stmt, NULL, 0, TN_EXECUTE_STREAM, deadline_ns, &r->cursor,
                                   &r->err);
}

void rig_begin(rig *r)
{
    const tn_txn_request request = {.size = sizeof(request)};

    assert_ok(module->txn->begin(r->conn, &request, TN_NO_DEADLINE, &r->err), r->err);
}

void rig_run(rig *r, const char *sql)
{
    assert_ok(rig_prepare(r, sql, TN_NO_DEADLINE), r->err);
    assert_ok(rig_execute(r, TN_NO_DEADLINE), r->err);
}

void rig_close_statement(rig *r)
{
    module->cursor->close(r->cursor);
    module->stmt->close(r->stmt);
    r->cursor = NULL;
    r->stmt = NULL;
}

/* Reads what is left, so that the connection is free. */
void rig_end_statement(rig *r)
{
    tn_batch batch = {.size = sizeof(batch)};

    while (!batch.done && module->cursor->fetch(r->cursor, TN_NO_DEADLINE, &batch, NULL) == TN_OK)
        continue;
    rig_close_statement(r);
}

tn_fault_rule rig_rule(tn_fault_at at, tn_fault_effect effect)
{
    tn_fault_rule rule = TN_FAULT_RULE_INIT;

    rule.at = at;
    rule.effect = effect;
    return rule;
}

void rig_add(tn_fault_rule rule)
{
    tn_error err = TN_ERROR_INIT;

    assert_ok(tn_fault_add(fault, &rule, &err), err);
}
