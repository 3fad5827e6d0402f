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

#include "base/cleanup.h"
#include "base/clock.h"
#include "fault_rig.h"

enum { LONG_MS = 10000 };

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
    rig_run(r, "rows");
    module->cursor->close(r->cursor);
    r->cursor = NULL;
    assert_int_equal(rig_state(r), BUSY);
}

/* Brings the connection to where the operation may be called. */
static void lead_to(rig *r, const place *p, bool in_txn)
{
    rig_open(r);
    if (in_txn || p->always_in_txn)
        rig_begin(r);
    switch (p->at) {
    case TN_FAULT_AT_CANCEL: make_busy(r); break;
    case TN_FAULT_AT_EXECUTE: assert_ok(rig_prepare(r, "rows", TN_NO_DEADLINE), r->err); break;
    case TN_FAULT_AT_FETCH:
    case TN_FAULT_AT_DETACH: rig_run(r, "rows"); break;
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
    case TN_FAULT_AT_PREPARE: return rig_prepare(r, "rows", deadline);
    case TN_FAULT_AT_EXECUTE: return rig_execute(r, deadline);
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
            tn_fault_rule rule = rig_rule(places[i].at, effect);
            rule.sqlstate = effect == TN_FAULT_ERROR ? "40001" : NULL;
            rule.message = "could not serialize";
            rule.delay_ms = 1;
            rig_add(rule);
            check(&r, &places[i], in_txn);
            if (tn_fault_hits(fault) != 1)
                fail_msg("%s: %u hits", places[i].name, (unsigned)tn_fault_hits(fault));
            if (tn_fault_count(fault, places[i].at) == 0)
                fail_msg("%s: not counted", places[i].name);
            rig_close(&r);
        }
}

#define assert_state(r, p, expected)                                                              \
    do {                                                                                          \
        if (rig_state(r) != (expected))                                                           \
            fail_msg("%s: state %d, expected %d", (p)->name, (int)rig_state(r), (int)(expected)); \
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
    rig_add(rig_rule(TN_FAULT_AT_EXECUTE, TN_FAULT_HANG));
    assert_int_equal(pthread_create(&h.thread, NULL, help, &h), 0);
    tn_status status = rig_execute(&r, TN_NO_DEADLINE);
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
    rig_begin(&r);
    mock_fail(m, (mock_fault){.op = MOCK_PREPARE, .status = TN_SYNTAX, .sqlstate = "42601"});
    rig_add(rig_rule(TN_FAULT_AT_PREPARE, TN_FAULT_ERROR));
    assert_status(rig_prepare(&r, "rows", TN_NO_DEADLINE), TN_FAILED);
    assert_string_equal(r.err.sqlstate, "XX000");
    assert_string_equal(r.err.message, "injected error");
    assert_int_equal(rig_state(&r), FAILED);
    /* The mock's own words: the call reached it. */
    assert_status(rig_prepare(&r, "rows", TN_NO_DEADLINE), TN_ABORTED);
    assert_string_equal(r.err.message, "the transaction is aborted");
    assert_int_equal(mock_count(m, MOCK_PREPARE), 2);
    assert_status(module->txn->commit(r.conn, TN_NO_DEADLINE, &r.err), TN_ABORTED);
    assert_int_equal(rig_state(&r), IDLE);
    rig_close(&r);
}

static void a_failed_transaction_refuses_until_it_ends(void **state)
{
    rig r;

    (void)state;
    rig_open(&r);
    rig_begin(&r);
    assert_ok(module->txn->savepoint(r.conn, 1, TN_NO_DEADLINE, &r.err), r.err);
    assert_ok(rig_prepare(&r, "insert", TN_NO_DEADLINE), r.err);
    rig_add(rig_rule(TN_FAULT_AT_EXECUTE, TN_FAULT_ERROR));
    assert_status(rig_execute(&r, TN_NO_DEADLINE), TN_FAILED);
    mock_clear(m);
    for (int i = 0; i < 2; i++) {
        assert_status(rig_execute(&r, TN_NO_DEADLINE), TN_ABORTED);
        assert_string_equal(r.err.sqlstate, "25P02");
    }
    assert_status(module->txn->savepoint(r.conn, 2, TN_NO_DEADLINE, &r.err), TN_ABORTED);
    assert_status(module->txn->release(r.conn, 1, TN_NO_DEADLINE, &r.err), TN_ABORTED);
    assert_string_equal(mock_trace(m), "");
    assert_ok(module->conn->ping(r.conn, TN_NO_DEADLINE, &r.err), r.err);
    assert_ok(module->txn->rollback_to(r.conn, 1, TN_NO_DEADLINE, &r.err), r.err);
    assert_int_equal(rig_state(&r), OPEN);
    assert_ok(rig_execute(&r, TN_NO_DEADLINE), r.err);
    rig_end_statement(&r);
    rig_add(rig_rule(TN_FAULT_AT_PREPARE, TN_FAULT_ERROR));
    assert_status(rig_prepare(&r, "insert", TN_NO_DEADLINE), TN_FAILED);
    mock_clear(m);
    assert_status(module->txn->commit(r.conn, TN_NO_DEADLINE, &r.err), TN_ABORTED);
    assert_string_equal(r.err.sqlstate, "25P02");
    assert_string_equal(mock_trace(m), "rollback");
    assert_int_equal(rig_state(&r), IDLE);
    rig_close(&r);
}

/* An error beside the 25P02 that is there anyway would be a state that no server has. */
static void a_failed_transaction_answers_nothing_but_25p02(void **state)
{
    rig r;

    (void)state;
    rig_open(&r);
    rig_begin(&r);
    tn_fault_rule twice = rig_rule(TN_FAULT_AT_PREPARE, TN_FAULT_ERROR);
    twice.sqlstate = "53100";
    twice.times = 2;
    rig_add(twice);
    assert_status(rig_prepare(&r, "insert", TN_NO_DEADLINE), TN_RESOURCE);
    assert_status(rig_prepare(&r, "insert", TN_NO_DEADLINE), TN_ABORTED);
    assert_int_equal(tn_fault_hits(fault), 1);
    assert_ok(module->conn->reset(r.conn, TN_NO_DEADLINE, &r.err), r.err);
    assert_int_equal(rig_state(&r), IDLE);
    assert_status(rig_prepare(&r, "insert", TN_NO_DEADLINE), TN_RESOURCE);
    assert_ok(rig_prepare(&r, "insert", TN_NO_DEADLINE), r.err);
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
        assert_ok(rig_prepare(&r, "returning", TN_NO_DEADLINE), r.err);
        if (cases[i].at != TN_FAULT_AT_EXECUTE)
            assert_ok(rig_execute(&r, TN_NO_DEADLINE), r.err);
        rig_add(rig_rule(cases[i].at, cases[i].effect));
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
    assert_ok(rig_prepare(&r, "returning", TN_NO_DEADLINE), r.err);
    rig_add(rig_rule(TN_FAULT_AT_EXECUTE, TN_FAULT_LOST_AFTER));
    mock_clear(m);
    assert_status(rig_execute(&r, TN_NO_DEADLINE), TN_LOST);
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
    assert_ok(rig_prepare(&r, "insert", TN_NO_DEADLINE), r.err);
    assert_ok(module->cursor->execute(r.stmt, NULL, 0, 0, TN_NO_DEADLINE, &r.cursor, &r.err),
              r.err);
    rig_add(rig_rule(TN_FAULT_AT_FETCH, TN_FAULT_ERROR));
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
    rig_begin(&r);
    assert_ok(rig_prepare(&r, "commit", TN_NO_DEADLINE), r.err);
    rig_add(rig_rule(TN_FAULT_AT_EXECUTE, TN_FAULT_LOST_AFTER));
    assert_status(rig_execute(&r, TN_NO_DEADLINE), TN_OUTCOME_UNKNOWN);
    assert_int_equal(r.err.outcome, TN_OUTCOME_IN_DOUBT);
    rig_close(&r);
}

static void a_commit_may_be_answered_by_rollback(void **state)
{
    rig r;

    (void)state;
    rig_open(&r);
    rig_begin(&r);
    mock_clear(m);
    rig_add(rig_rule(TN_FAULT_AT_COMMIT, TN_FAULT_ROLLED_BACK));
    assert_status(call(&r, TN_FAULT_AT_COMMIT, TN_NO_DEADLINE), TN_ABORTED);
    assert_string_equal(r.err.sqlstate, "25P02");
    assert_string_equal(mock_trace(m), "rollback");
    assert_int_equal(rig_state(&r), IDLE);
    rig_close(&r);
}

static void a_statement_may_be_stale(void **state)
{
    rig r;

    (void)state;
    rig_open(&r);
    assert_ok(rig_prepare(&r, "rows", TN_NO_DEADLINE), r.err);
    rig_add(rig_rule(TN_FAULT_AT_EXECUTE, TN_FAULT_STALE));
    assert_int_equal(rig_execute(&r, TN_NO_DEADLINE), TN_DRIVER_STALE);
    assert_string_equal(r.err.sqlstate, "26000");
    assert_int_equal(mock_count(m, MOCK_EXECUTE), 0);
    assert_int_equal(rig_state(&r), IDLE);
    assert_ok(rig_execute(&r, TN_NO_DEADLINE), r.err);
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
            tn_fault_rule rule = rig_rule(cases[i].fetch ? TN_FAULT_AT_FETCH : TN_FAULT_AT_EXECUTE,
                                          cases[i].effect);
            rule.nth = cases[i].fetch;
            rig_add(rule);
            rig_open(&r);
            rig_run(&r, two ? "returning" : "rows");
            read_all(&r, text, sizeof(text));
            assert_string_equal(text, two ? cases[i].two_by_two : cases[i].one_by_one);
            rig_close_statement(&r);
            rig_run(&r, two ? "returning" : "rows");
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
    rig_begin(&r);
    rig_run(&r, "rows");
    assert_ok(call(&r, TN_FAULT_AT_DETACH, TN_NO_DEADLINE), r.err);
    tn_fault_rule rule = rig_rule(TN_FAULT_AT_ANY, TN_FAULT_LOST);
    rule.times = TN_FAULT_ALWAYS;
    rig_add(rule);
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
        tn_fault_rule rule = rig_rule(TN_FAULT_AT_OPEN, cases[i].effect);
        rule.sqlstate = cases[i].sqlstate;
        rule.delay_ms = LONG_MS;
        rig_add(rule);
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

/* Without a rule, the same calls in the same order. */
static void without_a_rule_every_call_goes_through(void **state)
{
    char text[64];
    tn_conn_info info = {.size = sizeof(info)};
    rig r;

    (void)state;
    lead_to(&r, &places[0], true);
    rig_run(&r, "rows");
    read_all(&r, text, sizeof(text));
    rig_close_statement(&r);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(an_error_leaves_what_a_server_leaves, rig_setup),
        cmocka_unit_test_setup(a_lost_connection_is_broken, rig_setup),
        cmocka_unit_test_setup(what_is_lost_after_was_done, rig_setup),
        cmocka_unit_test_setup(a_hanging_call_ends_by_its_deadline, rig_setup),
        cmocka_unit_test_setup(a_hanging_call_is_cancelled, rig_setup),
        cmocka_unit_test_setup(a_delayed_call_is_done_later, rig_setup),
        cmocka_unit_test_setup(a_hanging_call_goes_on_when_rules_are_cleared, rig_setup),
        cmocka_unit_test_setup(a_transaction_fails_in_the_inner_driver_where_it_can, rig_setup),
        cmocka_unit_test_setup(a_failed_transaction_refuses_until_it_ends, rig_setup),
        cmocka_unit_test_setup(a_failed_transaction_answers_nothing_but_25p02, rig_setup),
        cmocka_unit_test_setup(outcomes_of_a_statement_outside_a_transaction, rig_setup),
        cmocka_unit_test_setup(work_is_done_before_its_answer_is_lost, rig_setup),
        cmocka_unit_test_setup(an_error_behind_a_finished_statement_says_applied, rig_setup),
        cmocka_unit_test_setup(commit_as_text_that_is_lost_is_unknown, rig_setup),
        cmocka_unit_test_setup(a_commit_may_be_answered_by_rollback, rig_setup),
        cmocka_unit_test_setup(a_statement_may_be_stale, rig_setup),
        cmocka_unit_test_setup(answers_may_be_wrong, rig_setup),
        cmocka_unit_test_setup(detached_rows_outlive_the_loss, rig_setup),
        cmocka_unit_test_setup(connecting_fails_in_every_way, rig_setup),
        cmocka_unit_test_setup(without_a_rule_every_call_goes_through, rig_setup),
    };

    return cmocka_run_group_tests(tests, rig_group_setup, NULL);
}
