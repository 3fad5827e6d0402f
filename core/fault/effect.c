/* SPDX-License-Identifier: MIT */
/*
 * What a rule does to a connection. The rule's words must be true of the database behind it, so a
 * loss or a failure is carried out there: the transaction is rolled back, or made to fail by a
 * statement that no server takes. Only where the inner driver takes any text is the failed state
 * kept here.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "driver/host.h"
#include "fault/fault.h"

enum { CLEANUP_MS = 5000 };

/* No statement of any SQL; nor should a human read it in a server's log and wonder. */
#define POISON "fault injected by a test to fail this transaction"

static const tn_phase phases[TN_FAULT_AT_COUNT] = {
    [TN_FAULT_AT_OPEN] = TN_PHASE_CONNECT,     [TN_FAULT_AT_PING] = TN_PHASE_EXECUTE,
    [TN_FAULT_AT_PREPARE] = TN_PHASE_PREPARE,  [TN_FAULT_AT_EXECUTE] = TN_PHASE_EXECUTE,
    [TN_FAULT_AT_FETCH] = TN_PHASE_FETCH,      [TN_FAULT_AT_DETACH] = TN_PHASE_FETCH,
    [TN_FAULT_AT_BEGIN] = TN_PHASE_EXECUTE,    [TN_FAULT_AT_COMMIT] = TN_PHASE_COMMIT,
    [TN_FAULT_AT_ROLLBACK] = TN_PHASE_EXECUTE, [TN_FAULT_AT_SAVEPOINT] = TN_PHASE_EXECUTE,
    [TN_FAULT_AT_RELEASE] = TN_PHASE_EXECUTE,  [TN_FAULT_AT_ROLLBACK_TO] = TN_PHASE_EXECUTE,
    [TN_FAULT_AT_OUTCOME] = TN_PHASE_EXECUTE,
};

tn_status tn__fault_fail(const tn_host *host, tn_error *err, tn_status status, tn_phase phase,
                         tn_outcome outcome, const char *sqlstate, const char *message)
{
    const tn_diagnostic diagnostic = {
        .size = sizeof(diagnostic),
        .status = status,
        .phase = phase,
        .outcome = outcome,
        .sqlstate = tn_str_from(sqlstate ? sqlstate : ""),
        .message = tn_str_from(message),
    };

    return host->fail(err, &diagnostic);
}

/* ---- on the inner connection ----------------------------------------------------------------- */

static tn_conn_state inner_state(const tn_driver_conn *conn)
{
    return conn->driver->conn.state(conn->inner);
}

static bool inner_in_txn(const tn_driver_conn *conn)
{
    tn_conn_state state = inner_state(conn);

    return state == TN_CONN_IN_TXN || state == TN_CONN_FAILED;
}

tn_conn_state tn__fault_state(const tn_driver_conn *conn)
{
    tn_conn_state state = inner_state(conn);

    if (conn->lost || state == TN_CONN_BROKEN)
        return TN_CONN_BROKEN;
    if (conn->given_up)
        return TN_CONN_BUSY;
    return conn->failed && state == TN_CONN_IN_TXN ? TN_CONN_FAILED : state;
}

/* Cleaning up is not what a cancellation or a deadline was meant for. */
static bool shield(tn_driver_conn *conn)
{
    bool before = conn->host_conn->shielded;

    conn->host_conn->shielded = true;
    return before;
}

static void unshield(tn_driver_conn *conn, bool before)
{
    conn->host_conn->shielded = before;
}

static int64_t soon(void)
{
    return tn__deadline_after_ms(tn__now_ns(), CLEANUP_MS);
}

static tn_outcome end_busy(tn_driver_conn *conn)
{
    tn_outcome outcome = TN_OUTCOME_IN_DOUBT;
    tn_error ignored;

    bool before = shield(conn);
    if (conn->driver->conn.cancel(conn->inner, soon(), &outcome, &ignored) != TN_OK)
        outcome = TN_OUTCOME_IN_DOUBT;
    unshield(conn, before);
    return outcome;
}

tn_outcome tn__fault_end_cursor(tn_driver_cursor *cursor)
{
    tn_driver_conn *conn = cursor->conn;
    tn_outcome outcome = TN_OUTCOME_APPLIED;

    if (!cursor->inner)
        return TN_OUTCOME_NOT_APPLIED;
    bool in_txn = inner_in_txn(conn);
    conn->driver->cursor.close(cursor->inner);
    cursor->inner = NULL;
    /* A statement that needs no ending has ended: outside a transaction its work is there. */
    if (inner_state(conn) == TN_CONN_BUSY)
        outcome = end_busy(conn);
    if (in_txn || !cursor->stmt || cursor->stmt->read_only)
        return TN_OUTCOME_NOT_APPLIED;
    return outcome;
}

void tn__fault_roll_back(tn_driver_conn *conn)
{
    tn_error ignored;

    conn->failed = false;
    if (inner_state(conn) == TN_CONN_BUSY)
        (void)end_busy(conn);
    if (!inner_in_txn(conn))
        return;
    bool before = shield(conn);
    if (conn->driver->txn.rollback(conn->inner, soon(), &ignored) != TN_OK)
        conn->lost = true;
    unshield(conn, before);
}

void tn__fault_fail_transaction(tn_driver_conn *conn)
{
    tn_driver_stmt *stmt = NULL;
    tn_error ignored;

    if (inner_state(conn) != TN_CONN_IN_TXN)
        return;
    bool before = shield(conn);
    if (conn->driver->stmt.prepare(conn->inner, TN__STR(POISON), soon(), &stmt, &ignored) == TN_OK)
        conn->driver->stmt.close(stmt);
    unshield(conn, before);
    conn->failed = inner_state(conn) == TN_CONN_IN_TXN;
}

/* ---- effects --------------------------------------------------------------------------------- */

/* The database sees at once what the other end of a broken connection would. The inner connection
 * itself stays open, because rows that were read from it may still be looked at; who closes the
 * outer one closes it, and does so next. */
static void lose(tn_driver_conn *conn, tn_driver_cursor *cursor)
{
    if (cursor)
        (void)tn__fault_end_cursor(cursor);
    tn__fault_roll_back(conn);
    conn->lost = true;
    conn->given_up = false;
}

static tn_status lost(tn_driver_conn *conn, tn_phase phase, tn_outcome outcome, tn_error *err)
{
    return tn__fault_fail(conn->host, err, TN_LOST, phase, outcome, "08006",
                          "the connection was lost (injected)");
}

static bool reads_answer(tn_fault_at at)
{
    return at == TN_FAULT_AT_FETCH || at == TN_FAULT_AT_DETACH;
}

/* What a client knows when the answer of its statement does not come. */
static tn_outcome doubt(const tn__fault_call *call)
{
    return call->in_txn || call->read_only ? TN_OUTCOME_NOT_APPLIED : TN_OUTCOME_IN_DOUBT;
}

static tn_status lose_before(tn_driver_conn *conn, const tn__fault_call *call, tn_error *err)
{
    tn_outcome outcome = reads_answer(call->at) ? doubt(call) : TN_OUTCOME_NOT_APPLIED;

    lose(conn, call->cursor);
    return lost(conn, phases[call->at], outcome, err);
}

static tn_status commit_unknown(tn_driver_conn *conn, const char *message, tn_error *err)
{
    return tn__fault_fail(conn->host, err, TN_OUTCOME_UNKNOWN, TN_PHASE_COMMIT, TN_OUTCOME_IN_DOUBT,
                          "08007", message);
}

/* The call is given up while the server has not answered: the connection is busy until cancel(). */
static tn_status give_up(tn_driver_conn *conn, const tn__fault_call *call, tn_wait_result result,
                         tn_error *err)
{
    if (result == TN_WAIT_FAILED)
        return lose_before(conn, call, err);
    if (call->at != TN_FAULT_AT_CANCEL) {
        conn->given_up_after = call->cursor ? tn__fault_end_cursor(call->cursor)
                                            : TN_OUTCOME_NOT_APPLIED;
        conn->given_up_at = call->at;
        conn->given_up = true;
    }
    bool late = result == TN_WAIT_TIMEOUT;
    if (call->at == TN_FAULT_AT_COMMIT)
        return commit_unknown(conn,
                              late ? "COMMIT was sent and no answer came before the deadline "
                                     "(injected)"
                                   : "COMMIT was sent and its answer was not waited for (injected)",
                              err);
    return tn__fault_fail(conn->host, err, late ? TN_TIMEOUT : TN_CANCELLED, phases[call->at],
                          TN_OUTCOME_NONE, "57014",
                          late ? "the deadline passed before an answer came (injected delay)"
                               : "cancelled on request (injected delay)");
}

static tn_status wait_first(tn_driver_conn *conn, const tn__fault_call *call,
                            const tn__fault_rule *rule, tn_error *err)
{
    tn_wait_result result = tn__fault_wait(
        conn->fault, conn->host, conn->host_conn,
        rule->effect == TN_FAULT_HANG ? -1 : (int64_t)rule->delay_ms, call->deadline_ns);

    return result == TN_WAIT_READY ? TN_OK : give_up(conn, call, result, err);
}

/* An error as a server has it: what it leaves behind depends on the operation. */
static tn_status refuse(tn_driver_conn *conn, const tn__fault_call *call,
                        const tn__fault_rule *rule, tn_error *err)
{
    tn_outcome outcome = TN_OUTCOME_NOT_APPLIED;

    if (call->cursor)
        outcome = tn__fault_end_cursor(call->cursor);
    switch (call->at) {
    case TN_FAULT_AT_COMMIT: tn__fault_roll_back(conn); break;
    case TN_FAULT_AT_ROLLBACK:
    case TN_FAULT_AT_RESET:
    case TN_FAULT_AT_CANCEL: break; /* the host destroys the connection */
    default: tn__fault_fail_transaction(conn); break;
    }
    return tn__fault_fail(conn->host, err, rule->status, phases[call->at], outcome, rule->sqlstate,
                          rule->message);
}

static tn_status stale(tn_driver_conn *conn, tn_error *err)
{
    tn__fault_fail_transaction(conn);
    tn__fault_fail(conn->host, err, TN_FAILED, TN_PHASE_EXECUTE, TN_OUTCOME_NOT_APPLIED, "26000",
                   "the prepared statement does not exist (injected)");
    return TN_DRIVER_STALE;
}

static tn_status rolled_back(tn_driver_conn *conn, tn_error *err)
{
    tn__fault_roll_back(conn);
    return tn__fault_fail(conn->host, err, TN_ABORTED, TN_PHASE_COMMIT, TN_OUTCOME_NOT_APPLIED,
                          "25P02", "COMMIT was answered by ROLLBACK (injected)");
}

static tn_status act(tn_driver_conn *conn, tn__fault_call *call, const tn__fault_rule *rule,
                     tn_error *err)
{
    switch (rule->effect) {
    case TN_FAULT_ERROR: return refuse(conn, call, rule, err);
    case TN_FAULT_DELAY:
    case TN_FAULT_HANG: return wait_first(conn, call, rule, err);
    case TN_FAULT_LOST: return lose_before(conn, call, err);
    case TN_FAULT_LOST_AFTER: call->lose = true; break;
    case TN_FAULT_STALE: return stale(conn, err);
    case TN_FAULT_ROLLED_BACK: return rolled_back(conn, err);
    case TN_FAULT_ROW_MISSING: call->wrong = TN__FAULT_NO_ROW; break;
    case TN_FAULT_VALUE_NULL: call->wrong = TN__FAULT_NULL; break;
    case TN_FAULT_COUNT_WRONG: call->wrong = TN__FAULT_COUNT; break;
    }
    return TN_OK;
}

/* ---- before and after an operation ----------------------------------------------------------- */

tn_status tn__fault_ready(tn_driver_conn *conn, tn_phase phase, tn_error *err)
{
    if (conn->lost)
        return lost(conn, phase, TN_OUTCOME_NOT_APPLIED, err);
    if (conn->given_up)
        return tn__fault_fail(conn->host, err, TN_MISUSE, phase, TN_OUTCOME_NOT_APPLIED, NULL,
                              "the connection is busy with a statement that was given up");
    if (conn->failed)
        return tn__fault_fail(conn->host, err, TN_ABORTED, phase, TN_OUTCOME_NOT_APPLIED, "25P02",
                              "current transaction is aborted, commands ignored until end of "
                              "transaction block");
    return TN_OK;
}

/* What runs in a failed transaction nevertheless. */
static bool runs_in_failed(tn_fault_at at)
{
    return at == TN_FAULT_AT_COMMIT || at == TN_FAULT_AT_ROLLBACK ||
           at == TN_FAULT_AT_ROLLBACK_TO || at == TN_FAULT_AT_RESET || at == TN_FAULT_AT_CANCEL ||
           at == TN_FAULT_AT_PING || reads_answer(at);
}

tn_status tn__fault_enter(tn_driver_conn *conn, tn__fault_call *call, tn_error *err)
{
    tn__fault_rule rule;
    tn_status status = TN_OK;

    call->lose = false;
    call->wrong = 0;
    call->in_txn = inner_in_txn(conn);
    if (conn->lost)
        return lost(conn, phases[call->at], TN_OUTCOME_NOT_APPLIED, err);
    bool failed = tn__fault_state(conn) == TN_CONN_FAILED;
    if (tn__fault_due(conn->fault, call->at, call->sql, failed, &rule))
        status = act(conn, call, &rule, err);
    if (status == TN_OK && !runs_in_failed(call->at))
        status = tn__fault_ready(conn, phases[call->at], err);
    return status;
}

tn_status tn__fault_leave(tn_driver_conn *conn, const tn__fault_call *call, tn_status status,
                          tn_error *err)
{
    bool of_statement = call->at == TN_FAULT_AT_EXECUTE || reads_answer(call->at);

    if (!call->lose)
        return status;
    /* COMMIT as a statement's text: the transaction is over. */
    bool ended = call->in_txn && !inner_in_txn(conn);
    lose(conn, call->cursor);
    if (call->at == TN_FAULT_AT_COMMIT || (of_statement && ended))
        return commit_unknown(conn, "COMMIT was sent and no answer came (injected)", err);
    return lost(conn, phases[call->at], of_statement ? doubt(call) : TN_OUTCOME_NOT_APPLIED, err);
}

/* ---- connecting ------------------------------------------------------------------------------ */

tn_status tn__fault_fail_open(const tn_host *host, tn_error *err)
{
    return tn__fault_fail(host, err, TN_UNAVAILABLE, TN_PHASE_CONNECT, TN_OUTCOME_NOT_APPLIED,
                          "08001", "the connection was lost while it was made (injected)");
}

static tn_status wait_open(tn_driver_source *source, tn_host_conn *host_conn, int64_t ms,
                           int64_t deadline_ns, tn_error *err)
{
    switch (tn__fault_wait(source->fault, source->host, host_conn, ms, deadline_ns)) {
    case TN_WAIT_READY: return TN_OK;
    case TN_WAIT_TIMEOUT:
        return tn__fault_fail(source->host, err, TN_TIMEOUT, TN_PHASE_CONNECT,
                              TN_OUTCOME_NOT_APPLIED, "57014",
                              "the server did not answer in time (injected delay)");
    case TN_WAIT_INTERRUPTED:
        return tn__fault_fail(source->host, err, TN_CANCELLED, TN_PHASE_CONNECT,
                              TN_OUTCOME_NOT_APPLIED, "57014",
                              "cancelled on request (injected delay)");
    case TN_WAIT_FAILED: break;
    }
    return tn__fault_fail_open(source->host, err);
}

tn_status tn__fault_enter_open(tn_driver_source *source, tn_host_conn *host_conn,
                               int64_t deadline_ns, bool *ret_lose, tn_error *err)
{
    tn__fault_rule rule;

    *ret_lose = false;
    if (!tn__fault_due(source->fault, TN_FAULT_AT_OPEN, (tn_str){NULL, 0}, false, &rule))
        return TN_OK;
    switch (rule.effect) {
    case TN_FAULT_ERROR:
        return tn__fault_fail(source->host, err, rule.status, TN_PHASE_CONNECT,
                              TN_OUTCOME_NOT_APPLIED, rule.sqlstate, rule.message);
    case TN_FAULT_DELAY: return wait_open(source, host_conn, rule.delay_ms, deadline_ns, err);
    case TN_FAULT_HANG: return wait_open(source, host_conn, -1, deadline_ns, err);
    case TN_FAULT_LOST: return tn__fault_fail_open(source->host, err);
    case TN_FAULT_LOST_AFTER: *ret_lose = true; return TN_OK;
    default: return TN_OK; /* not possible here: no rule has it */
    }
}
