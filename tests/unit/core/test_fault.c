/* SPDX-License-Identifier: MIT */
/*
 * core/fault, by the driver contract: every effect at every operation where it is possible, around
 * a driver that checks how it is called. What reaches an application is in test_fault_database.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>

#include <tenon/fault.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/str.h"
#include "driver/host.h"
#include "support/mock_client.h"

enum { LONG_MS = 10000 };

static mock *m;
static tn_fault *fault;
static const tn_module *module;

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

/* ---- one connection, called as the core calls it --------------------------------------------- */

typedef struct rig {
    tn_driver_source *source;
    tn_host_conn host;
    tn_driver_conn *conn;
    tn_driver_stmt *stmt;
    tn_driver_cursor *cursor;
    tn_error err;
} rig;

static tn_status rig_connect(rig *r, int64_t deadline_ns)
{
    return module->conn->open(r->source, &r->host, deadline_ns, &r->conn, &r->err);
}

static void rig_source(rig *r)
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

static void rig_open(rig *r)
{
    rig_source(r);
    assert_ok(rig_connect(r, TN_NO_DEADLINE), r->err);
}

static void rig_close(rig *r)
{
    module->cursor->close(r->cursor);
    module->stmt->close(r->stmt);
    module->conn->close(r->conn);
    module->conn->close_source(r->source);
    tn__host_conn_close(&r->host);
    assert_int_equal(tn_fault_connections(fault), 0);
    mock_check(m);
}

static tn_conn_state state_of(const rig *r)
{
    return module->conn->state(r->conn);
}

static tn_status prepare(rig *r, const char *sql, int64_t deadline_ns)
{
    return module->stmt->prepare(r->conn, tn_str_from(sql), deadline_ns, &r->stmt, &r->err);
}

static tn_status execute(rig *r, int64_t deadline_ns)
{
    return module->cursor->execute(r->stmt, NULL, 0, TN_EXECUTE_STREAM, deadline_ns, &r->cursor,
                                   &r->err);
}

static void begin(rig *r)
{
    const tn_txn_request request = {.size = sizeof(request)};

    assert_ok(module->txn->begin(r->conn, &request, TN_NO_DEADLINE, &r->err), r->err);
}

static void run(rig *r, const char *sql)
{
    assert_ok(prepare(r, sql, TN_NO_DEADLINE), r->err);
    assert_ok(execute(r, TN_NO_DEADLINE), r->err);
}

static void close_statement(rig *r)
{
    module->cursor->close(r->cursor);
    module->stmt->close(r->stmt);
    r->cursor = NULL;
    r->stmt = NULL;
}

/* Reads what is left, so that the connection is free. */
static void end_statement(rig *r)
{
    tn_batch batch = {.size = sizeof(batch)};

    while (!batch.done && module->cursor->fetch(r->cursor, TN_NO_DEADLINE, &batch, NULL) == TN_OK)
        continue;
    close_statement(r);
}

static tn_fault_rule rule_at(tn_fault_at at, tn_fault_effect effect)
{
    tn_fault_rule rule = TN_FAULT_RULE_INIT;

    rule.at = at;
    rule.effect = effect;
    return rule;
}

static void add(tn_fault_rule rule)
{
    tn_error err = TN_ERROR_INIT;

    assert_ok(tn_fault_add(fault, &rule, &err), err);
}

/* ---- every operation ------------------------------------------------------------------------- */

typedef struct place {
    tn_fault_at at;
    mock_op op;
    const char *name;
    bool always_in_txn;
    tn_conn_state after_error[2]; /* outside a transaction, within */
} place;

#define IDLE   TN_CONN_IDLE
#define OPEN   TN_CONN_IN_TXN
#define FAILED TN_CONN_FAILED
#define BUSY   TN_CONN_BUSY

static const place places[] = {
    {TN_FAULT_AT_PING, MOCK_PING, "ping", false, {IDLE, FAILED}},
    {TN_FAULT_AT_CANCEL, MOCK_CANCEL, "cancel", false, {BUSY, BUSY}},
    {TN_FAULT_AT_RESET, MOCK_RESET, "reset", false, {IDLE, OPEN}},
    {TN_FAULT_AT_PREPARE, MOCK_PREPARE, "prepare", false, {IDLE, FAILED}},
    {TN_FAULT_AT_EXECUTE, MOCK_EXECUTE, "execute", false, {IDLE, FAILED}},
    {TN_FAULT_AT_FETCH, MOCK_FETCH, "fetch", false, {IDLE, FAILED}},
    {TN_FAULT_AT_DETACH, MOCK_DETACH, "detach", false, {IDLE, FAILED}},
    {TN_FAULT_AT_BEGIN, MOCK_BEGIN, "begin", false, {IDLE, IDLE}},
    {TN_FAULT_AT_COMMIT, MOCK_COMMIT, "commit", true, {IDLE, IDLE}},
    {TN_FAULT_AT_ROLLBACK, MOCK_ROLLBACK, "rollback", true, {OPEN, OPEN}},
    {TN_FAULT_AT_SAVEPOINT, MOCK_SAVEPOINT, "savepoint", true, {FAILED, FAILED}},
    {TN_FAULT_AT_RELEASE, MOCK_RELEASE, "release", true, {FAILED, FAILED}},
    {TN_FAULT_AT_ROLLBACK_TO, MOCK_ROLLBACK_TO, "rollback_to", true, {FAILED, FAILED}},
};

/* A statement of the inner driver that was given up. */
static void make_busy(rig *r)
{
    run(r, "rows");
    module->cursor->close(r->cursor);
    r->cursor = NULL;
    assert_int_equal(state_of(r), BUSY);
}

/* Brings the connection to where the operation may be called. */
static void lead_to(rig *r, const place *p, bool in_txn)
{
    rig_open(r);
    if (in_txn || p->always_in_txn)
        begin(r);
    switch (p->at) {
    case TN_FAULT_AT_CANCEL: make_busy(r); break;
    case TN_FAULT_AT_EXECUTE: assert_ok(prepare(r, "rows", TN_NO_DEADLINE), r->err); break;
    case TN_FAULT_AT_FETCH:
    case TN_FAULT_AT_DETACH: run(r, "rows"); break;
    case TN_FAULT_AT_RELEASE:
    case TN_FAULT_AT_ROLLBACK_TO:
        assert_ok(module->txn->savepoint(r->conn, 1, TN_NO_DEADLINE, &r->err), r->err);
        break;
    default: break;
    }
    mock_clear(m);
}

static tn_status call(rig *r, tn_fault_at at, int64_t deadline)
{
    const tn_txn_request request = {.size = sizeof(request)};
    tn_batch batch = {.size = sizeof(batch)};
    tn_outcome outcome;

    switch (at) {
    case TN_FAULT_AT_PING: return module->conn->ping(r->conn, deadline, &r->err);
    case TN_FAULT_AT_CANCEL: return module->conn->cancel(r->conn, deadline, &outcome, &r->err);
    case TN_FAULT_AT_RESET: return module->conn->reset(r->conn, deadline, &r->err);
    case TN_FAULT_AT_PREPARE: return prepare(r, "rows", deadline);
    case TN_FAULT_AT_EXECUTE: return execute(r, deadline);
    case TN_FAULT_AT_FETCH: return module->cursor->fetch(r->cursor, deadline, &batch, &r->err);
    case TN_FAULT_AT_DETACH: return module->cursor->detach(r->cursor, 1 << 20, deadline, &r->err);
    case TN_FAULT_AT_BEGIN: return module->txn->begin(r->conn, &request, deadline, &r->err);
    case TN_FAULT_AT_COMMIT: return module->txn->commit(r->conn, deadline, &r->err);
    case TN_FAULT_AT_ROLLBACK: return module->txn->rollback(r->conn, deadline, &r->err);
    case TN_FAULT_AT_SAVEPOINT: return module->txn->savepoint(r->conn, 1, deadline, &r->err);
    case TN_FAULT_AT_RELEASE: return module->txn->release(r->conn, 1, deadline, &r->err);
    case TN_FAULT_AT_ROLLBACK_TO: return module->txn->rollback_to(r->conn, 1, deadline, &r->err);
    default: fail_msg("no such operation"); return TN_FAILED;
    }
}

typedef void check_fn(rig *r, const place *p, bool in_txn);

/* Runs it at every operation, outside and within a transaction. */
static void everywhere(tn_fault_effect effect, check_fn *check)
{
    for (size_t i = 0; i < TN__COUNT_OF(places); i++)
        for (int in_txn = places[i].always_in_txn; in_txn < 2; in_txn++) {
            rig r;
            if (places[i].at == TN_FAULT_AT_BEGIN && in_txn)
                continue;
            lead_to(&r, &places[i], in_txn);
            tn_fault_clear(fault);
            tn_fault_rule rule = rule_at(places[i].at, effect);
            rule.sqlstate = effect == TN_FAULT_ERROR ? "40001" : NULL;
            rule.message = "could not serialize";
            rule.delay_ms = 1;
            add(rule);
            check(&r, &places[i], in_txn);
            if (tn_fault_hits(fault) != 1)
                fail_msg("%s: %u hits", places[i].name, (unsigned)tn_fault_hits(fault));
            if (tn_fault_count(fault, places[i].at) == 0)
                fail_msg("%s: not counted", places[i].name);
            rig_close(&r);
        }
}

#define assert_state(r, p, expected)                                                             \
    do {                                                                                         \
        if (state_of(r) != (expected))                                                           \
            fail_msg("%s: state %d, expected %d", (p)->name, (int)state_of(r), (int)(expected)); \
    } while (0)

#define assert_calls(p, expected)                                                \
    do {                                                                         \
        if (mock_count(m, (p)->op) != (expected))                                \
            fail_msg("%s: %u calls of the inner driver, expected %u", (p)->name, \
                     mock_count(m, (p)->op), (unsigned)(expected));              \
    } while (0)

static void check_error(rig *r, const place *p, bool in_txn)
{
    assert_status(call(r, p->at, TN_NO_DEADLINE), TN_SERIALIZATION);
    assert_int_equal(r->err.status, TN_SERIALIZATION);
    assert_string_equal(r->err.sqlstate, "40001");
    assert_string_equal(r->err.message, "could not serialize");
    assert_int_equal(r->err.outcome, TN_OUTCOME_NOT_APPLIED);
    assert_state(r, p, p->after_error[in_txn]);
    /* To fail a transaction a statement is prepared on the inner driver. */
    if (p->at != TN_FAULT_AT_PREPARE)
        assert_calls(p, 0);
    if (p->at == TN_FAULT_AT_COMMIT)
        assert_int_equal(mock_count(m, MOCK_ROLLBACK), 1);
}

static void an_error_leaves_what_a_server_leaves(void **state)
{
    (void)state;
    everywhere(TN_FAULT_ERROR, check_error);
}

static void check_lost(rig *r, const place *p, bool in_txn)
{
    bool outside = mock_count(m, MOCK_BEGIN) == 0 && !in_txn;

    assert_status(call(r, p->at, TN_NO_DEADLINE), TN_LOST);
    assert_string_equal(r->err.sqlstate, "08006");
    assert_state(r, p, TN_CONN_BROKEN);
    if (p->at != TN_FAULT_AT_ROLLBACK && p->at != TN_FAULT_AT_CANCEL)
        assert_calls(p, 0);
    /* The database has undone it by now. */
    assert_int_equal(mock_count(m, MOCK_ROLLBACK), !outside);
    assert_status(module->conn->ping(r->conn, TN_NO_DEADLINE, &r->err), TN_LOST);
    assert_status(module->conn->reset(r->conn, TN_NO_DEADLINE, &r->err), TN_LOST);
}

static void a_lost_connection_is_broken(void **state)
{
    (void)state;
    everywhere(TN_FAULT_LOST, check_lost);
}

static void check_lost_after(rig *r, const place *p, bool in_txn)
{
    bool commit = p->at == TN_FAULT_AT_COMMIT;

    (void)in_txn;
    assert_status(call(r, p->at, TN_NO_DEADLINE), commit ? TN_OUTCOME_UNKNOWN : TN_LOST);
    assert_string_equal(r->err.sqlstate, commit ? "08007" : "08006");
    assert_int_equal(r->err.outcome, commit ? TN_OUTCOME_IN_DOUBT : TN_OUTCOME_NOT_APPLIED);
    assert_state(r, p, TN_CONN_BROKEN);
    if (p->at != TN_FAULT_AT_FETCH && p->at != TN_FAULT_AT_CANCEL)
        assert_calls(p, 1);
    if (commit)
        assert_int_equal(mock_count(m, MOCK_ROLLBACK), 0);
}

static void what_is_lost_after_was_done(void **state)
{
    (void)state;
    everywhere(TN_FAULT_LOST_AFTER, check_lost_after);
}

/* Given up, ended by cancel(), and good again. */
static void check_given_up(rig *r, const place *p, bool in_txn, tn_status expected)
{
    bool commit = p->at == TN_FAULT_AT_COMMIT;
    tn_outcome outcome = TN_OUTCOME_NONE;
    tn_conn_state after = IDLE;

    assert_string_equal(r->err.sqlstate, commit ? "08007" : "57014");
    assert_int_equal(r->err.status, commit ? TN_OUTCOME_UNKNOWN : expected);
    assert_state(r, p, BUSY);
    if (p->at != TN_FAULT_AT_CANCEL && p->at != TN_FAULT_AT_PREPARE)
        assert_calls(p, 0);
    module->cursor->close(r->cursor);
    r->cursor = NULL;
    assert_ok(module->conn->cancel(r->conn, TN_NO_DEADLINE, &outcome, &r->err), r->err);
    assert_int_equal(outcome, TN_OUTCOME_NOT_APPLIED);
    if (!commit && (in_txn || p->always_in_txn))
        after = FAILED;
    assert_state(r, p, after);
    if (after == FAILED)
        assert_ok(module->txn->rollback(r->conn, TN_NO_DEADLINE, &r->err), r->err);
    assert_ok(module->conn->ping(r->conn, TN_NO_DEADLINE, &r->err), r->err);
}

static void check_hang(rig *r, const place *p, bool in_txn)
{
    bool commit = p->at == TN_FAULT_AT_COMMIT;

    assert_status(call(r, p->at, tn__deadline_after_ms(tn__now_ns(), 5)),
                  commit ? TN_OUTCOME_UNKNOWN : TN_TIMEOUT);
    check_given_up(r, p, in_txn, TN_TIMEOUT);
}

static void a_hanging_call_ends_by_its_deadline(void **state)
{
    (void)state;
    everywhere(TN_FAULT_HANG, check_hang);
}

/* A thread that does something as soon as a call waits. */
typedef struct helper {
    pthread_t thread;
    tn_host_conn *host; /* cancels; NULL: clears the rules */
    bool saw;
} helper;

static void *help(void *arg)
{
    helper *h = arg;

    h->saw = tn_fault_await(fault, 1, LONG_MS);
    if (h->host)
        tn__host_cancel(h->host);
    else
        tn_fault_clear(fault);
    return NULL;
}

static void check_cancelled(rig *r, const place *p, bool in_txn)
{
    helper h = {.host = &r->host};

    assert_int_equal(pthread_create(&h.thread, NULL, help, &h), 0);
    tn_status status = call(r, p->at, tn__deadline_after_ms(tn__now_ns(), LONG_MS));
    pthread_join(h.thread, NULL);
    assert_true(h.saw);
    assert_status(status, p->at == TN_FAULT_AT_COMMIT ? TN_OUTCOME_UNKNOWN : TN_CANCELLED);
    tn__host_begin(&r->host);
    check_given_up(r, p, in_txn, TN_CANCELLED);
}

static void a_hanging_call_is_cancelled(void **state)
{
    (void)state;
    everywhere(TN_FAULT_HANG, check_cancelled);
}

static void check_delay(rig *r, const place *p, bool in_txn)
{
    int64_t start = tn__now_ns();

    (void)in_txn;
    assert_ok(call(r, p->at, TN_NO_DEADLINE), r->err);
    assert_true(tn__now_ns() - start >= TN__NS_PER_MS);
    assert_calls(p, 1);
}

static void a_delayed_call_is_done_later(void **state)
{
    (void)state;
    everywhere(TN_FAULT_DELAY, check_delay);
}

static void a_hanging_call_goes_on_when_rules_are_cleared(void **state)
{
    helper h = {0};
    rig r;

    (void)state;
    lead_to(&r, &places[4], false);
    add(rule_at(TN_FAULT_AT_EXECUTE, TN_FAULT_HANG));
    assert_int_equal(pthread_create(&h.thread, NULL, help, &h), 0);
    tn_status status = execute(&r, TN_NO_DEADLINE);
    pthread_join(h.thread, NULL);
    assert_true(h.saw);
    assert_ok(status, r.err);
    assert_false(tn_fault_await(fault, 1, 1));
    rig_close(&r);
}

/* ---- a real server's failed transaction, and one that is only known here ----------------------
 */

static void a_transaction_fails_in_the_inner_driver_where_it_can(void **state)
{
    rig r;

    (void)state;
    rig_open(&r);
    begin(&r);
    mock_fail(m, (mock_fault){.op = MOCK_PREPARE, .status = TN_SYNTAX, .sqlstate = "42601"});
    add(rule_at(TN_FAULT_AT_PREPARE, TN_FAULT_ERROR));
    assert_status(prepare(&r, "rows", TN_NO_DEADLINE), TN_FAILED);
    assert_string_equal(r.err.sqlstate, "XX000");
    assert_string_equal(r.err.message, "injected error");
    assert_int_equal(state_of(&r), FAILED);
    /* The mock's own words: the call reached it. */
    assert_status(prepare(&r, "rows", TN_NO_DEADLINE), TN_ABORTED);
    assert_string_equal(r.err.message, "the transaction is aborted");
    assert_int_equal(mock_count(m, MOCK_PREPARE), 2);
    assert_status(module->txn->commit(r.conn, TN_NO_DEADLINE, &r.err), TN_ABORTED);
    assert_int_equal(state_of(&r), IDLE);
    rig_close(&r);
}

static void a_failed_transaction_refuses_until_it_ends(void **state)
{
    rig r;

    (void)state;
    rig_open(&r);
    begin(&r);
    assert_ok(module->txn->savepoint(r.conn, 1, TN_NO_DEADLINE, &r.err), r.err);
    assert_ok(prepare(&r, "insert", TN_NO_DEADLINE), r.err);
    add(rule_at(TN_FAULT_AT_EXECUTE, TN_FAULT_ERROR));
    assert_status(execute(&r, TN_NO_DEADLINE), TN_FAILED);
    mock_clear(m);
    for (int i = 0; i < 2; i++) {
        assert_status(execute(&r, TN_NO_DEADLINE), TN_ABORTED);
        assert_string_equal(r.err.sqlstate, "25P02");
    }
    assert_status(module->txn->savepoint(r.conn, 2, TN_NO_DEADLINE, &r.err), TN_ABORTED);
    assert_status(module->txn->release(r.conn, 1, TN_NO_DEADLINE, &r.err), TN_ABORTED);
    assert_string_equal(mock_trace(m), "");
    assert_ok(module->conn->ping(r.conn, TN_NO_DEADLINE, &r.err), r.err);
    assert_ok(module->txn->rollback_to(r.conn, 1, TN_NO_DEADLINE, &r.err), r.err);
    assert_int_equal(state_of(&r), OPEN);
    assert_ok(execute(&r, TN_NO_DEADLINE), r.err);
    end_statement(&r);
    add(rule_at(TN_FAULT_AT_PREPARE, TN_FAULT_ERROR));
    assert_status(prepare(&r, "insert", TN_NO_DEADLINE), TN_FAILED);
    mock_clear(m);
    assert_status(module->txn->commit(r.conn, TN_NO_DEADLINE, &r.err), TN_ABORTED);
    assert_string_equal(r.err.sqlstate, "25P02");
    assert_string_equal(mock_trace(m), "rollback");
    assert_int_equal(state_of(&r), IDLE);
    rig_close(&r);
}

/* An error beside the 25P02 that is there anyway would be a state that no server has. */
static void a_failed_transaction_answers_nothing_but_25p02(void **state)
{
    rig r;

    (void)state;
    rig_open(&r);
    begin(&r);
    tn_fault_rule twice = rule_at(TN_FAULT_AT_PREPARE, TN_FAULT_ERROR);
    twice.sqlstate = "53100";
    twice.times = 2;
    add(twice);
    assert_status(prepare(&r, "insert", TN_NO_DEADLINE), TN_RESOURCE);
    assert_status(prepare(&r, "insert", TN_NO_DEADLINE), TN_ABORTED);
    assert_int_equal(tn_fault_hits(fault), 1);
    assert_ok(module->conn->reset(r.conn, TN_NO_DEADLINE, &r.err), r.err);
    assert_int_equal(state_of(&r), IDLE);
    assert_status(prepare(&r, "insert", TN_NO_DEADLINE), TN_RESOURCE);
    assert_ok(prepare(&r, "insert", TN_NO_DEADLINE), r.err);
    rig_close(&r);
}

/* ---- outcomes -------------------------------------------------------------------------------- */

/* A statement that writes outside a transaction: what may be known of it when its answer fails. */
static void outcomes_of_a_statement_outside_a_transaction(void **state)
{
    static const struct {
        tn_fault_at at;
        tn_fault_effect effect;
        tn_status status;
        tn_outcome outcome;
    } cases[] = {
        {TN_FAULT_AT_EXECUTE, TN_FAULT_ERROR, TN_FAILED, TN_OUTCOME_NOT_APPLIED},
        {TN_FAULT_AT_EXECUTE, TN_FAULT_LOST, TN_LOST, TN_OUTCOME_NOT_APPLIED},
        {TN_FAULT_AT_EXECUTE, TN_FAULT_LOST_AFTER, TN_LOST, TN_OUTCOME_IN_DOUBT},
        {TN_FAULT_AT_FETCH, TN_FAULT_LOST, TN_LOST, TN_OUTCOME_IN_DOUBT},
        {TN_FAULT_AT_FETCH, TN_FAULT_LOST_AFTER, TN_LOST, TN_OUTCOME_IN_DOUBT},
        {TN_FAULT_AT_DETACH, TN_FAULT_LOST, TN_LOST, TN_OUTCOME_IN_DOUBT},
        /* The mock calls a cursor that is closed in the middle "busy", and then not applied. */
        {TN_FAULT_AT_FETCH, TN_FAULT_ERROR, TN_FAILED, TN_OUTCOME_NOT_APPLIED},
    };

    (void)state;
    for (size_t i = 0; i < TN__COUNT_OF(cases); i++) {
        rig r;
        rig_open(&r);
        tn_fault_clear(fault);
        assert_ok(prepare(&r, "returning", TN_NO_DEADLINE), r.err);
        if (cases[i].at != TN_FAULT_AT_EXECUTE)
            assert_ok(execute(&r, TN_NO_DEADLINE), r.err);
        add(rule_at(cases[i].at, cases[i].effect));
        assert_status(call(&r, cases[i].at, TN_NO_DEADLINE), cases[i].status);
        if (r.err.outcome != cases[i].outcome)
            fail_msg("case %zu: outcome %d", i, (int)r.err.outcome);
        rig_close(&r);
    }
}

/* What was asked to be done and lost is done to its end. */
static void work_is_done_before_its_answer_is_lost(void **state)
{
    rig r;

    (void)state;
    rig_open(&r);
    assert_ok(prepare(&r, "returning", TN_NO_DEADLINE), r.err);
    add(rule_at(TN_FAULT_AT_EXECUTE, TN_FAULT_LOST_AFTER));
    mock_clear(m);
    assert_status(execute(&r, TN_NO_DEADLINE), TN_LOST);
    assert_null(r.cursor);
    assert_string_equal(mock_trace(m), "execute fetch fetch cursor_close");
    rig_close(&r);
}

/* Where the statement had ended by itself, it is known to be there. */
static void an_error_behind_a_finished_statement_says_applied(void **state)
{
    rig r;

    (void)state;
    rig_open(&r);
    assert_ok(prepare(&r, "insert", TN_NO_DEADLINE), r.err);
    assert_ok(module->cursor->execute(r.stmt, NULL, 0, 0, TN_NO_DEADLINE, &r.cursor, &r.err),
              r.err);
    add(rule_at(TN_FAULT_AT_FETCH, TN_FAULT_ERROR));
    assert_status(call(&r, TN_FAULT_AT_FETCH, TN_NO_DEADLINE), TN_FAILED);
    assert_int_equal(r.err.outcome, TN_OUTCOME_APPLIED);
    assert_status(call(&r, TN_FAULT_AT_FETCH, TN_NO_DEADLINE), TN_MISUSE);
    assert_status(call(&r, TN_FAULT_AT_DETACH, TN_NO_DEADLINE), TN_MISUSE);
    rig_close(&r);
}

static void commit_as_text_that_is_lost_is_unknown(void **state)
{
    rig r;

    (void)state;
    rig_open(&r);
    begin(&r);
    assert_ok(prepare(&r, "commit", TN_NO_DEADLINE), r.err);
    add(rule_at(TN_FAULT_AT_EXECUTE, TN_FAULT_LOST_AFTER));
    assert_status(execute(&r, TN_NO_DEADLINE), TN_OUTCOME_UNKNOWN);
    assert_int_equal(r.err.outcome, TN_OUTCOME_IN_DOUBT);
    rig_close(&r);
}

static void a_commit_may_be_answered_by_rollback(void **state)
{
    rig r;

    (void)state;
    rig_open(&r);
    begin(&r);
    mock_clear(m);
    add(rule_at(TN_FAULT_AT_COMMIT, TN_FAULT_ROLLED_BACK));
    assert_status(call(&r, TN_FAULT_AT_COMMIT, TN_NO_DEADLINE), TN_ABORTED);
    assert_string_equal(r.err.sqlstate, "25P02");
    assert_string_equal(mock_trace(m), "rollback");
    assert_int_equal(state_of(&r), IDLE);
    rig_close(&r);
}

static void a_statement_may_be_stale(void **state)
{
    rig r;

    (void)state;
    rig_open(&r);
    assert_ok(prepare(&r, "rows", TN_NO_DEADLINE), r.err);
    add(rule_at(TN_FAULT_AT_EXECUTE, TN_FAULT_STALE));
    assert_int_equal(execute(&r, TN_NO_DEADLINE), TN_DRIVER_STALE);
    assert_string_equal(r.err.sqlstate, "26000");
    assert_int_equal(mock_count(m, MOCK_EXECUTE), 0);
    assert_int_equal(state_of(&r), IDLE);
    assert_ok(execute(&r, TN_NO_DEADLINE), r.err);
    rig_close(&r);
}

/* ---- wrong answers --------------------------------------------------------------------------- */

/* All rows of the answer as text, "1 2 3 | 3": values (n for NULL), then the count. */
static void read_all(rig *r, char *buf, size_t size)
{
    tn_batch batch = {.size = sizeof(batch)};
    size_t used = 0;

    while (!batch.done) {
        assert_ok(module->cursor->fetch(r->cursor, TN_NO_DEADLINE, &batch, &r->err), r->err);
        assert_true(batch.done || batch.rows > 0);
        assert_int_equal(batch.size, sizeof(batch));
        for (uint32_t i = 0; i < batch.rows; i++)
            if (batch.values[i].type == TN_TYPE_NULL)
                used += (size_t)snprintf(buf + used, size - used, "n ");
            else
                used += (size_t)snprintf(buf + used, size - used, "%d ", (int)batch.values[i].as.i);
    }
    snprintf(buf + used, size - used, "| %d", (int)batch.affected);
}

static void answers_may_be_wrong(void **state)
{
    static const struct {
        tn_fault_effect effect;
        uint32_t fetch; /* 0: the rule is for EXECUTE */
        const char *one_by_one, *two_by_two;
    } cases[] = {
        {TN_FAULT_ROW_MISSING, 0, "2 3 | 3", "1 3 | 3"},
        {TN_FAULT_ROW_MISSING, 3, "1 2 | 3", "1 2 3 | 3"},
        {TN_FAULT_VALUE_NULL, 0, "n 2 3 | 3", "n 2 3 | 3"},
        {TN_FAULT_VALUE_NULL, 2, "1 n 3 | 3", "1 2 n | 3"},
        {TN_FAULT_COUNT_WRONG, 0, "1 2 3 | 4", "1 2 3 | 4"},
        {TN_FAULT_COUNT_WRONG, 1, "1 2 3 | 4", "1 2 3 | 4"},
    };
    char text[64];

    (void)state;
    for (size_t i = 0; i < TN__COUNT_OF(cases); i++)
        for (int two = 0; two < 2; two++) {
            rig r;
            tn_fault_clear(fault);
            tn_fault_rule rule = rule_at(cases[i].fetch ? TN_FAULT_AT_FETCH : TN_FAULT_AT_EXECUTE,
                                         cases[i].effect);
            rule.nth = cases[i].fetch;
            add(rule);
            rig_open(&r);
            run(&r, two ? "returning" : "rows");
            read_all(&r, text, sizeof(text));
            assert_string_equal(text, two ? cases[i].two_by_two : cases[i].one_by_one);
            close_statement(&r);
            run(&r, two ? "returning" : "rows");
            tn_fault_clear(fault);
            read_all(&r, text, sizeof(text));
            assert_string_equal(text, "1 2 3 | 3");
            rig_close(&r);
        }
}

/* Rows in memory outlive the connection, and no rule hits them. */
static void detached_rows_outlive_the_loss(void **state)
{
    char text[64];
    rig r;

    (void)state;
    rig_open(&r);
    begin(&r);
    run(&r, "rows");
    assert_ok(call(&r, TN_FAULT_AT_DETACH, TN_NO_DEADLINE), r.err);
    tn_fault_rule rule = rule_at(TN_FAULT_AT_ANY, TN_FAULT_LOST);
    rule.times = TN_FAULT_ALWAYS;
    add(rule);
    assert_status(call(&r, TN_FAULT_AT_PING, TN_NO_DEADLINE), TN_LOST);
    read_all(&r, text, sizeof(text));
    assert_string_equal(text, "1 2 3 | 3");
    assert_int_equal(tn_fault_count(fault, TN_FAULT_AT_FETCH), 0);
    rig_close(&r);
}

/* ---- connecting ------------------------------------------------------------------------------ */

static void connecting_fails_in_every_way(void **state)
{
    static const struct {
        tn_fault_effect effect;
        const char *sqlstate;
        tn_status status;
        unsigned opened;
    } cases[] = {
        {TN_FAULT_ERROR, "28P01", TN_AUTH, 0},          {TN_FAULT_LOST, NULL, TN_UNAVAILABLE, 0},
        {TN_FAULT_LOST_AFTER, NULL, TN_UNAVAILABLE, 1}, {TN_FAULT_HANG, NULL, TN_TIMEOUT, 0},
        {TN_FAULT_DELAY, NULL, TN_TIMEOUT, 0},
    };

    (void)state;
    for (size_t i = 0; i < TN__COUNT_OF(cases); i++) {
        rig r;
        rig_source(&r);
        tn_fault_clear(fault);
        mock_clear(m);
        tn_fault_rule rule = rule_at(TN_FAULT_AT_OPEN, cases[i].effect);
        rule.sqlstate = cases[i].sqlstate;
        rule.delay_ms = LONG_MS;
        add(rule);
        assert_status(rig_connect(&r, tn__deadline_after_ms(tn__now_ns(), 5)), cases[i].status);
        assert_null(r.conn);
        assert_int_equal(r.err.phase, TN_PHASE_CONNECT);
        assert_int_equal(mock_count(m, MOCK_OPEN), cases[i].opened);
        assert_int_equal(mock_open_connections(m), 0);
        assert_ok(rig_connect(&r, TN_NO_DEADLINE), r.err);
        assert_int_equal(tn_fault_connections(fault), 1);
        rig_close(&r);
    }
}

/* ---- rules ----------------------------------------------------------------------------------- */

/* Which of n pings are hit, as "..x". */
static void pings(rig *r, int n, char *text)
{
    for (int i = 0; i < n; i++)
        text[i] = module->conn->ping(r->conn, TN_NO_DEADLINE, &r->err) == TN_OK ? '.' : 'x';
    text[n] = '\0';
}

static void rules_count_their_calls(void **state)
{
    static const struct {
        uint32_t nth, times;
        const char *hits;
    } cases[] = {{0, 0, "x....."},
                 {1, 1, "x....."},
                 {3, 0, "..x..."},
                 {2, 3, ".xxx.."},
                 {4, TN_FAULT_ALWAYS, "...xxx"}};
    char text[8];
    rig r;

    (void)state;
    rig_open(&r);
    for (size_t i = 0; i < TN__COUNT_OF(cases); i++) {
        tn_fault_clear(fault);
        tn_fault_rule rule = rule_at(TN_FAULT_AT_PING, TN_FAULT_ERROR);
        rule.nth = cases[i].nth;
        rule.times = cases[i].times;
        add(rule);
        pings(&r, 6, text);
        assert_string_equal(text, cases[i].hits);
        assert_int_equal(tn_fault_count(fault, TN_FAULT_AT_PING), 6);
        assert_int_equal(tn_fault_count(fault, TN_FAULT_AT_ANY), 6);
    }
    rig_close(&r);
}

/* The first rule that is due acts; the other, due as well, hits the next call. */
static void one_call_is_hit_by_one_rule(void **state)
{
    char text[8];
    rig r;

    (void)state;
    rig_open(&r);
    tn_fault_rule first = rule_at(TN_FAULT_AT_ANY, TN_FAULT_ERROR);
    first.nth = 2;
    first.sqlstate = "53100";
    tn_fault_rule second = rule_at(TN_FAULT_AT_PING, TN_FAULT_ERROR);
    second.nth = 2;
    second.sqlstate = "55P03";
    add(first);
    add(second);
    pings(&r, 2, text);
    assert_string_equal(text, ".x");
    assert_int_equal(r.err.status, TN_RESOURCE);
    pings(&r, 2, text);
    assert_string_equal(text, "x.");
    assert_int_equal(r.err.status, TN_LOCKED);
    assert_int_equal(tn_fault_hits(fault), 2);
    rig_close(&r);
}

static void a_rule_may_be_for_some_texts_only(void **state)
{
    rig r;

    (void)state;
    rig_open(&r);
    tn_fault_rule rule = rule_at(TN_FAULT_AT_ANY, TN_FAULT_ERROR);
    rule.sql = "into b";
    rule.nth = 2;
    add(rule);
    run(&r, "insert into a"); /* counts nothing */
    end_statement(&r);
    assert_ok(module->conn->ping(r.conn, TN_NO_DEADLINE, &r.err), r.err);
    assert_ok(prepare(&r, "insert into b", TN_NO_DEADLINE), r.err);
    assert_status(execute(&r, TN_NO_DEADLINE), TN_FAILED);
    assert_ok(execute(&r, TN_NO_DEADLINE), r.err);
    rig_close(&r);
}

static void chances_are_the_same_for_a_seed(void **state)
{
    char text[3][201];
    rig r;

    (void)state;
    rig_open(&r);
    for (int i = 0; i < 3; i++) {
        tn_fault_clear(fault);
        tn_fault_rule rule = rule_at(TN_FAULT_AT_PING, TN_FAULT_ERROR);
        rule.times = TN_FAULT_ALWAYS;
        rule.probability = 0.25;
        rule.seed = i < 2 ? 42 : 43;
        add(rule);
        pings(&r, 200, text[i]);
        assert_in_range(tn_fault_hits(fault), 25, 75);
    }
    assert_string_equal(text[0], text[1]);
    assert_string_not_equal(text[0], text[2]);
    /* The draws themselves, which are the same on every machine. */
    text[0][24] = '\0';
    assert_string_equal(text[0], "......x......xx.........");
    rig_close(&r);
}

static void wrong_rules_are_refused(void **state)
{
    static char long_text[300];
    tn_fault_rule rules[13];
    static const char *const words[] = {"at",
                                        "effect",
                                        "not possible",
                                        "not possible",
                                        "not possible",
                                        "no statement",
                                        "seed",
                                        "0 and 1",
                                        "0 and 1",
                                        "five",
                                        "TN_FAULT_LOST",
                                        "TN_FAULT_LOST",
                                        "status is none"};
    tn_error err = TN_ERROR_INIT;

    (void)state;
    for (size_t i = 0; i < TN__COUNT_OF(rules); i++)
        rules[i] = (tn_fault_rule)TN_FAULT_RULE_INIT;
    rules[0].at = TN_FAULT_AT_COUNT;
    rules[1].effect = (tn_fault_effect)99;
    rules[2] = rule_at(TN_FAULT_AT_PREPARE, TN_FAULT_STALE);
    rules[3] = rule_at(TN_FAULT_AT_BEGIN, TN_FAULT_ROLLED_BACK);
    rules[4] = rule_at(TN_FAULT_AT_OPEN, TN_FAULT_VALUE_NULL);
    rules[5].at = TN_FAULT_AT_COMMIT;
    rules[5].sql = "commit";
    rules[6].probability = 0.5;
    rules[7].probability = -0.5;
    rules[8].probability = 1.5;
    rules[9].sqlstate = "4000";
    rules[10].sqlstate = "57P01";
    rules[11].status = TN_OUTCOME_UNKNOWN;
    rules[12].status = (tn_status)999;
    for (size_t i = 0; i < TN__COUNT_OF(rules); i++) {
        assert_status(tn_fault_add(fault, &rules[i], &err), TN_MISUSE);
        assert_contains(err.message, words[i]);
    }
    memset(long_text, 'x', sizeof(long_text) - 1);
    rules[0] = (tn_fault_rule)TN_FAULT_RULE_INIT;
    rules[0].sql = long_text;
    assert_status(tn_fault_add(fault, &rules[0], &err), TN_LIMIT);
    rules[0].sql = NULL;
    rules[0].size = 0;
    assert_status(tn_fault_add(fault, &rules[0], &err), TN_MISUSE);
    assert_status(tn_fault_add(fault, NULL, &err), TN_MISUSE);
    assert_status(tn_fault_add(NULL, &rules[1], &err), TN_MISUSE);
}

static void rules_are_bounded(void **state)
{
    tn_fault_rule rule = rule_at(TN_FAULT_AT_PING, TN_FAULT_ERROR);
    tn_error err = TN_ERROR_INIT;
    rig r;

    (void)state;
    rig_open(&r);
    for (int i = 0; i < 64; i++)
        assert_ok(tn_fault_add(fault, &rule, &err), err);
    assert_status(tn_fault_add(fault, &rule, &err), TN_LIMIT);
    assert_status(module->conn->ping(r.conn, TN_NO_DEADLINE, &r.err), TN_FAILED);
    assert_ok(tn_fault_add(fault, &rule, &err), err); /* in the place of the used one */
    rig_close(&r);
}

/* ---- wrapping -------------------------------------------------------------------------------- */

static void wrapping_again_gives_the_same(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_fault *again = NULL;

    (void)state;
    assert_ok(tn_fault_wrap("mock", &again, &err), err);
    assert_ptr_equal(again, fault);
    assert_status(tn_fault_wrap("nosuchdatabase", &again, &err), TN_DRIVER);
    assert_status(tn_fault_wrap(NULL, &again, &err), TN_MISUSE);
    assert_status(tn_fault_wrap("mock", NULL, &err), TN_MISUSE);
    assert_ptr_equal(again, fault);
    tn_fault_clear(NULL);
    assert_int_equal(tn_fault_count(fault, TN_FAULT_AT_COUNT), 0);
}

static void a_name_may_be_too_long(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_fault *ret = NULL;

    (void)state;
    assert_non_null(mock_new("mock-of-twenty-five-chars", MOCK_CAPABILITIES));
    assert_ok(tn_fault_wrap("mock-of-twenty-five-chars", &ret, &err), err);
    assert_non_null(mock_new("mock-of-twenty-six--chars.", MOCK_CAPABILITIES));
    ret = NULL;
    assert_status(tn_fault_wrap("mock-of-twenty-six--chars.", &ret, &err), TN_LIMIT);
    assert_contains(err.message, "25 characters");
    assert_null(ret);
}

/* What the inner driver has not, the wrapper has not. */
static void it_can_do_what_the_inner_driver_can(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_driver_info info;
    const tn_module *flat;
    tn_fault *ret;

    (void)state;
    assert_ok(tn_driver_inspect("fault+mock", &info, NULL, &err), err);
    assert_string_equal(info.name, "fault+mock");
    assert_string_equal(info.version, "1.0.0");
    assert_string_equal(info.client, "libmock 1.2");
    assert_true(info.capabilities == MOCK_CAPABILITIES);
    assert_non_null(module->txn->savepoint);
    assert_null(module->txn->identify);
    assert_null(module->batch);
    assert_null(module->catalog);
    assert_non_null(mock_new("flat", TN_CAP_SQL));
    assert_ok(tn_fault_wrap("flat", &ret, &err), err);
    assert_ok(tn_driver_inspect("fault+flat", &info, &flat, &err), err);
    assert_null(flat->txn->savepoint);
    assert_null(flat->txn->rollback_to);
    assert_non_null(flat->txn->rollback);
}

/* Without a rule, the same calls in the same order. */
static void without_a_rule_every_call_goes_through(void **state)
{
    char text[64];
    tn_conn_info info = {.size = sizeof(info)};
    rig r;

    (void)state;
    lead_to(&r, &places[0], true);
    run(&r, "rows");
    read_all(&r, text, sizeof(text));
    close_statement(&r);
    assert_ok(call(&r, TN_FAULT_AT_SAVEPOINT, TN_NO_DEADLINE), r.err);
    assert_ok(call(&r, TN_FAULT_AT_RELEASE, TN_NO_DEADLINE), r.err);
    assert_ok(call(&r, TN_FAULT_AT_COMMIT, TN_NO_DEADLINE), r.err);
    assert_ok(call(&r, TN_FAULT_AT_PING, TN_NO_DEADLINE), r.err);
    assert_ok(call(&r, TN_FAULT_AT_RESET, TN_NO_DEADLINE), r.err);
    module->conn->info(r.conn, &info);
    assert_string_equal(mock_trace(m), "prepare execute fetch fetch fetch cursor_close stmt_close "
                                       "savepoint(1) release(1) commit ping reset");
    assert_int_equal(tn_fault_hits(fault), 0);
    assert_int_equal(tn_fault_count(fault, TN_FAULT_AT_FETCH), 3);
    rig_close(&r);
}

/* ---- threads --------------------------------------------------------------------------------- */

enum { THREADS = 8, PINGS = 500 };

static void *ping_all(void *arg)
{
    uintptr_t failed = 0;
    rig r;

    (void)arg;
    rig_open(&r);
    for (int i = 0; i < PINGS; i++)
        failed += module->conn->ping(r.conn, TN_NO_DEADLINE, &r.err) != TN_OK;
    module->conn->close(r.conn);
    module->conn->close_source(r.source);
    tn__host_conn_close(&r.host);
    return (void *)failed;
}

static void threads_share_the_rules(void **state)
{
    tn_fault_rule rule = rule_at(TN_FAULT_AT_PING, TN_FAULT_ERROR);
    pthread_t threads[THREADS];
    uintptr_t failed = 0;
    void *one;

    (void)state;
    rule.nth = 1000;
    rule.times = 700;
    add(rule);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ping_all, NULL), 0);
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], &one);
        failed += (uintptr_t)one;
    }
    assert_int_equal(failed, 700);
    assert_int_equal(tn_fault_hits(fault), 700);
    assert_int_equal(tn_fault_count(fault, TN_FAULT_AT_PING), THREADS * PINGS);
    assert_int_equal(tn_fault_connections(fault), 0);
    mock_check(m);
}

static int group_setup(void **state)
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

static int setup(void **state)
{
    (void)state;
    mock_reset(m);
    mock_answers(m, answers, TN__COUNT_OF(answers));
    tn_fault_clear(fault);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(an_error_leaves_what_a_server_leaves, setup),
        cmocka_unit_test_setup(a_lost_connection_is_broken, setup),
        cmocka_unit_test_setup(what_is_lost_after_was_done, setup),
        cmocka_unit_test_setup(a_hanging_call_ends_by_its_deadline, setup),
        cmocka_unit_test_setup(a_hanging_call_is_cancelled, setup),
        cmocka_unit_test_setup(a_delayed_call_is_done_later, setup),
        cmocka_unit_test_setup(a_hanging_call_goes_on_when_rules_are_cleared, setup),
        cmocka_unit_test_setup(a_transaction_fails_in_the_inner_driver_where_it_can, setup),
        cmocka_unit_test_setup(a_failed_transaction_refuses_until_it_ends, setup),
        cmocka_unit_test_setup(a_failed_transaction_answers_nothing_but_25p02, setup),
        cmocka_unit_test_setup(outcomes_of_a_statement_outside_a_transaction, setup),
        cmocka_unit_test_setup(work_is_done_before_its_answer_is_lost, setup),
        cmocka_unit_test_setup(an_error_behind_a_finished_statement_says_applied, setup),
        cmocka_unit_test_setup(commit_as_text_that_is_lost_is_unknown, setup),
        cmocka_unit_test_setup(a_commit_may_be_answered_by_rollback, setup),
        cmocka_unit_test_setup(a_statement_may_be_stale, setup),
        cmocka_unit_test_setup(answers_may_be_wrong, setup),
        cmocka_unit_test_setup(detached_rows_outlive_the_loss, setup),
        cmocka_unit_test_setup(connecting_fails_in_every_way, setup),
        cmocka_unit_test_setup(rules_count_their_calls, setup),
        cmocka_unit_test_setup(one_call_is_hit_by_one_rule, setup),
        cmocka_unit_test_setup(a_rule_may_be_for_some_texts_only, setup),
        cmocka_unit_test_setup(chances_are_the_same_for_a_seed, setup),
        cmocka_unit_test_setup(wrong_rules_are_refused, setup),
        cmocka_unit_test_setup(rules_are_bounded, setup),
        cmocka_unit_test_setup(wrapping_again_gives_the_same, setup),
        cmocka_unit_test_setup(a_name_may_be_too_long, setup),
        cmocka_unit_test_setup(it_can_do_what_the_inner_driver_can, setup),
        cmocka_unit_test_setup(without_a_rule_every_call_goes_through, setup),
        cmocka_unit_test_setup(threads_share_the_rules, setup),
    };

    return cmocka_run_group_tests(tests, group_setup, NULL);
}
