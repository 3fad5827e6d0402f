/* SPDX-License-Identifier: MIT */
/* core/session, transactions: nesting, what ends them, what their end answers, retries. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support/mock_client.h"

static mock *m;
static mock *flat; /* a driver without savepoints */

static const tn_value ones[100];
static const tn_column columns[] = {{.name = "n", .type = TN_TYPE_INT32}};
static const mock_answer answers[] = {
    {.sql = "endless",
     .columns = columns,
     .n_columns = 1,
     .values = ones,
     .rows = 2,
     .batch = 1,
     .endless = true},
    {.sql = "hundred", .columns = columns, .n_columns = 1, .values = ones, .rows = 100, .batch = 1},
};

static int group_setup(void **state)
{
    (void)state;
    m = mock_new("mock", MOCK_CAPABILITIES);
    flat = mock_new("flat", MOCK_CAPABILITIES & ~TN_CAP_SAVEPOINTS);
    return 0;
}

static int setup(void **state)
{
    mock_reset(m);
    mock_answers(m, answers, 2);
    *state = mock_open(m, "max_connections=2 pool_timeout=2000");
    return 0;
}

static int teardown(void **state)
{
    mock_close(m, *state);
    return 0;
}

/* ---- by hand
 * -------------------------------------------------------------------------------------- */

static void commit_and_rollback_call_in_order(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *tx;

    assert_ok(tn_begin(*state, NULL, &tx, &err), err);
    assert_ok(tn_exec(tx, "a", NULL, NULL, &err), err);
    assert_ok(tn_commit(tx, &err), err);
    assert_string_equal(mock_trace(m), "begin prepare execute fetch cursor_close commit reset");
    mock_clear(m);
    assert_ok(tn_begin(*state, NULL, &tx, &err), err);
    assert_ok(tn_rollback(tx, &err), err);
    assert_string_equal(mock_trace(m), "begin rollback reset");
    assert_ok(tn_rollback(NULL, &err), err);
}

static void options_reach_the_driver(void **state)
{
    const tn_txn_options options = {.size = sizeof(options),
                                    .isolation = TN_SERIALIZABLE,
                                    .read_only = true,
                                    .deferrable = true};
    tn_error err = TN_ERROR_INIT;
    tn_db *tx;

    assert_ok(tn_begin(*state, &options, &tx, &err), err);
    assert_int_equal(mock_last_request(m)->isolation, TN_SERIALIZABLE);
    assert_true(mock_last_request(m)->read_only);
    assert_true(mock_last_request(m)->deferrable);
    assert_ok(tn_rollback(tx, &err), err);
    assert_ok(tn_begin(*state, NULL, &tx, &err), err);
    assert_int_equal(mock_last_request(m)->isolation, TN_ISOLATION_DEFAULT);
    assert_false(mock_last_request(m)->read_only);
    assert_ok(tn_rollback(tx, &err), err);
}

static void nesting_is_counted_and_named(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *session, *level[4];

    assert_int_equal(tn_depth(NULL), 0);
    assert_int_equal(tn_depth(*state), 0);
    assert_ok(tn_acquire(*state, &session, &err), err);
    assert_int_equal(tn_depth(session), 0);
    level[0] = session;
    for (unsigned i = 1; i < 4; i++) {
        assert_ok(tn_begin(level[i - 1], NULL, &level[i], &err), err);
        assert_int_equal(tn_depth(level[i]), i);
    }
    assert_ok(tn_commit(level[3], &err), err);
    assert_ok(tn_rollback(level[2], &err), err);
    assert_ok(tn_commit(level[1], &err), err);
    assert_string_equal(mock_trace(m), "begin savepoint(1) savepoint(2) release(2) rollback_to(1) "
                                       "release(1) commit");
    tn_release(session);
}

static void a_savepoint_has_no_settings_of_its_own(void **state)
{
    const tn_txn_options odd[] = {{.size = sizeof(odd[0]), .isolation = TN_SERIALIZABLE},
                                  {.size = sizeof(odd[0]), .read_only = true},
                                  {.size = sizeof(odd[0]), .deferrable = true}};
    const tn_txn_options timeout = {.size = sizeof(timeout), .timeout_ms = 60000};
    tn_error err = TN_ERROR_INIT;
    tn_db *tx, *nested;

    assert_ok(tn_begin(*state, NULL, &tx, &err), err);
    for (int i = 0; i < 3; i++) {
        assert_status(tn_begin(tx, &odd[i], &nested, &err), TN_MISUSE);
        assert_string_equal(err.sqlstate, "25001");
    }
    assert_ok(tn_begin(tx, &timeout, &nested, &err), err);
    assert_ok(tn_commit(nested, &err), err);
    assert_ok(tn_commit(tx, &err), err);
}

static void a_parent_waits_for_its_child(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *tx, *nested, *third;

    assert_ok(tn_begin(*state, NULL, &tx, &err), err);
    assert_ok(tn_begin(tx, NULL, &nested, &err), err);
    assert_status(tn_exec(tx, "a", NULL, NULL, &err), TN_MISUSE);
    assert_string_equal(err.sqlstate, "25001");
    assert_status(tn_begin(tx, NULL, &third, &err), TN_MISUSE);
    assert_status(tn_close(tn_query(tx, "a", NULL), &err), TN_MISUSE);
    assert_ok(tn_exec(nested, "a", NULL, NULL, &err), err);
    assert_ok(tn_commit(nested, &err), err);
    assert_ok(tn_exec(tx, "a", NULL, NULL, &err), err);
    assert_ok(tn_commit(tx, &err), err);
}

static void commit_with_an_open_child_rolls_everything_back(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *tx, *nested;

    assert_ok(tn_begin(*state, NULL, &tx, &err), err);
    assert_ok(tn_begin(tx, NULL, &nested, &err), err);
    assert_status(tn_commit(tx, &err), TN_MISUSE);
    assert_contains(err.message, "rolled back");
    assert_int_equal(mock_count(m, MOCK_COMMIT), 0);
    assert_int_equal(mock_count(m, MOCK_ROLLBACK), 1);
    assert_status(tn_exec(nested, "a", NULL, NULL, &err), TN_MISUSE);
    assert_status(tn_commit(nested, &err), TN_MISUSE);
}

/* The contract: a level is released or rolled back to before a lower one is. */
static void a_savepoint_that_ends_ends_those_within_first(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *tx, *outer, *inner;

    assert_ok(tn_begin(*state, NULL, &tx, &err), err);
    assert_ok(tn_begin(tx, NULL, &outer, &err), err);
    assert_ok(tn_begin(outer, NULL, &inner, &err), err);
    assert_ok(tn_rollback(outer, &err), err);
    assert_ok(tn_rollback(inner, &err), err);
    assert_ok(tn_exec(tx, "a", NULL, NULL, &err), err);
    assert_ok(tn_commit(tx, &err), err);
}

static void handles_of_other_kinds_are_refused(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *session, *ret = NULL;

    assert_ok(tn_acquire(*state, &session, &err), err);
    assert_status(tn_commit(*state, &err), TN_MISUSE);
    assert_status(tn_rollback(*state, &err), TN_MISUSE);
    assert_status(tn_commit(session, &err), TN_MISUSE);
    assert_status(tn_rollback(session, &err), TN_MISUSE);
    assert_status(tn_commit(NULL, &err), TN_MISUSE);
    assert_status(tn_begin(NULL, NULL, &ret, &err), TN_MISUSE);
    assert_status(tn_acquire(session, &ret, &err), TN_MISUSE);
    assert_status(tn_db_close(session, &err), TN_MISUSE);
    assert_null(ret);
    tn_release(*state); /* not a session: nothing happens */
    tn_release(NULL);
    tn_release(session);
}

static void a_driver_without_savepoints_says_so(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *tx, *nested;

    (void)state;
    tn_db *db = mock_open(flat, "");
    assert_ok(tn_begin(db, NULL, &tx, &err), err);
    assert_status(tn_begin(tx, NULL, &nested, &err), TN_UNSUPPORTED);
    assert_string_equal(err.sqlstate, "0A000");
    assert_ok(tn_commit(tx, &err), err);
    mock_close(flat, db);
}

/* ---- failing
 * --------------------------------------------------------------------------------------- */

static void a_failed_begin_gives_no_handle(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *tx = *state;

    mock_fail(m, (mock_fault){.op = MOCK_BEGIN, .status = TN_RESOURCE, .sqlstate = "53000"});
    assert_status(tn_begin(*state, NULL, &tx, &err), TN_RESOURCE);
    assert_ptr_equal(tx, *state);
    mock_fail(m, (mock_fault){.op = MOCK_BEGIN, .status = TN_LOST, .sqlstate = "08006"});
    assert_status(tn_begin(*state, NULL, &tx, &err), TN_LOST);
    assert_true(err.discarded);
    assert_int_equal(mock_open_connections(m), 0);
}

static void a_failed_statement_aborts_until_rollback(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *tx, *nested;

    assert_ok(tn_begin(*state, NULL, &tx, &err), err);
    mock_fail(m, (mock_fault){.op = MOCK_EXECUTE, .status = TN_CONSTRAINT, .sqlstate = "23505"});
    assert_status(tn_exec(tx, "a", NULL, NULL, &err), TN_CONSTRAINT);
    assert_status(tn_exec(tx, "a", NULL, NULL, &err), TN_ABORTED);
    assert_string_equal(err.sqlstate, "25P02");
    assert_status(tn_begin(tx, NULL, &nested, &err), TN_ABORTED);
    assert_status(tn_commit(tx, &err), TN_ABORTED);
    assert_int_equal(err.outcome, TN_OUTCOME_NOT_APPLIED);
    assert_int_equal(mock_open_connections(m), 1);
}

static void a_failed_savepoint_leaves_the_outer_one_usable(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *tx, *nested;

    for (int commit = 0; commit < 2; commit++) {
        assert_ok(tn_begin(*state, NULL, &tx, &err), err);
        assert_ok(tn_begin(tx, NULL, &nested, &err), err);
        mock_fail(m, (mock_fault){.op = MOCK_EXECUTE, .status = TN_DATA, .sqlstate = "22012"});
        assert_status(tn_exec(nested, "a", NULL, NULL, &err), TN_DATA);
        mock_clear(m);
        if (commit)
            assert_status(tn_commit(nested, &err), TN_ABORTED);
        else
            assert_ok(tn_rollback(nested, &err), err);
        assert_string_equal(mock_trace(m), "rollback_to(1) release(1)");
        assert_ok(tn_exec(tx, "a", NULL, NULL, &err), err);
        assert_ok(tn_commit(tx, &err), err);
    }
}

/* Nothing of the transaction remains when its connection is closed: that is a rollback, too. */
static void a_rollback_that_fails_costs_the_connection_and_is_fine(void **state)
{
    static const tn_status statuses[] = {TN_LOST, TN_TIMEOUT, TN_FAILED};
    tn_error err = TN_ERROR_INIT;
    tn_db *tx;

    for (int i = 0; i < 3; i++) {
        assert_ok(tn_begin(*state, NULL, &tx, &err), err);
        mock_fail(m, (mock_fault){.op = MOCK_ROLLBACK, .status = statuses[i], .sqlstate = "XX000"});
        assert_ok(tn_rollback(tx, &err), err);
        assert_int_equal(mock_open_connections(m), 0);
    }
}

static void success_leaves_the_error_as_it_was(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *tx;

    assert_ok(tn_begin(*state, NULL, &tx, &err), err);
    mock_fail(m, (mock_fault){.op = MOCK_ROLLBACK, .status = TN_LOST, .sqlstate = "08006"});
    assert_ok(tn_rollback(tx, &err), err);
    assert_int_equal(err.status, TN_OK);
    assert_string_equal(err.message, "");
}

static void commit_tells_what_the_server_said(void **state)
{
    static const struct {
        tn_status status;
        const char *sqlstate;
        int to;
        tn_outcome outcome;
        unsigned connections;
    } cases[] = {
        {TN_CONSTRAINT, "23503", MOCK_TO(TN_CONN_IDLE), TN_OUTCOME_NOT_APPLIED, 1},
        {TN_ABORTED, "40000", MOCK_TO(TN_CONN_IDLE), TN_OUTCOME_NOT_APPLIED, 1},
        {TN_SERIALIZATION, "40001", MOCK_TO(TN_CONN_IDLE), TN_OUTCOME_NOT_APPLIED, 1},
        {TN_OUTCOME_UNKNOWN, "08007", MOCK_TO(TN_CONN_BROKEN), TN_OUTCOME_IN_DOUBT, 0},
        {TN_LOST, "08006", MOCK_TO(TN_CONN_BROKEN), TN_OUTCOME_NOT_APPLIED, 0},
        {TN_SERIALIZATION, "40001", MOCK_TO(TN_CONN_IN_TXN), TN_OUTCOME_NOT_APPLIED, 1},
    };
    tn_error err = TN_ERROR_INIT;
    tn_db *tx;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        mock_clear(m);
        assert_ok(tn_begin(*state, NULL, &tx, &err), err);
        mock_fail(m, (mock_fault){.op = MOCK_COMMIT,
                                  .status = cases[i].status,
                                  .sqlstate = cases[i].sqlstate,
                                  .to = cases[i].to});
        assert_status(tn_commit(tx, &err), cases[i].status);
        assert_string_equal(err.sqlstate, cases[i].sqlstate);
        assert_int_equal(err.outcome, cases[i].outcome);
        assert_int_equal(err.phase, TN_PHASE_COMMIT);
        assert_int_equal(err.discarded, cases[i].connections == 0);
        assert_int_equal(mock_open_connections(m), cases[i].connections);
        assert_int_equal(mock_count(m, MOCK_COMMIT), 1);
        /* Still open (a busy database): undone before the connection goes back. */
        assert_int_equal(mock_count(m, MOCK_ROLLBACK), cases[i].to == MOCK_TO(TN_CONN_IN_TXN));
    }
}

static void commit_after_the_connection_was_lost(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *tx, *nested;

    assert_ok(tn_begin(*state, NULL, &tx, &err), err);
    mock_fail(m, (mock_fault){.op = MOCK_FETCH, .status = TN_LOST, .sqlstate = "08006"});
    assert_status(tn_exec(tx, "a", NULL, NULL, &err), TN_LOST);
    assert_status(tn_commit(tx, &err), TN_LOST);
    assert_int_equal(mock_count(m, MOCK_COMMIT), 0);
    assert_int_equal(mock_open_connections(m), 0);

    assert_ok(tn_begin(*state, NULL, &tx, &err), err);
    assert_ok(tn_begin(tx, NULL, &nested, &err), err);
    mock_fail(m, (mock_fault){.op = MOCK_EXECUTE, .status = TN_LOST, .sqlstate = "08006"});
    assert_status(tn_exec(nested, "a", NULL, NULL, &err), TN_LOST);
    assert_ok(tn_rollback(nested, &err), err);
    assert_ok(tn_rollback(tx, &err), err);
    assert_int_equal(mock_count(m, MOCK_ROLLBACK_TO), 0);
    assert_int_equal(mock_open_connections(m), 0);
}

/* A statement on a connection that was given up is not sent to the driver any more. */
static void a_lost_connection_is_not_used_again(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *tx;

    assert_ok(tn_begin(*state, NULL, &tx, &err), err);
    mock_fail(m, (mock_fault){.op = MOCK_EXECUTE, .status = TN_LOST, .sqlstate = "08006"});
    assert_status(tn_exec(tx, "a", NULL, NULL, &err), TN_LOST);
    tn_status status = tn_exec(tx, "b", NULL, NULL, &err);
    assert_ok(tn_rollback(tx, NULL), err);
    assert_status(status, TN_LOST);
    mock_check_contract(m);
}

/* Cutting a statement off would fail the transaction: its rows are read to their end instead. */
static void rows_left_open_do_not_fail_the_commit(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *tx;

    assert_ok(tn_begin(*state, NULL, &tx, &err), err);
    tn_rows *rows = tn_query(tx, "hundred", NULL);
    assert_true(tn_next(rows));
    assert_ok(tn_commit(tx, &err), err);
    assert_int_equal(mock_count(m, MOCK_FETCH), 100);
    assert_int_equal(mock_count(m, MOCK_CANCEL), 0);
    assert_false(tn_next(rows));
    assert_status(tn_close(rows, &err), TN_MISUSE);
}

/* Rows without end are cut off after all, here by the transaction's deadline; where that does not
 * work, the connection is lost and COMMIT is never sent. */
static void rows_without_end_do_not_commit_a_busy_connection(void **state)
{
    const tn_txn_options options = {.size = sizeof(options), .timeout_ms = 15};
    tn_error err = TN_ERROR_INIT;
    tn_db *tx;

    assert_ok(tn_begin(*state, &options, &tx, &err), err);
    tn_rows *rows = tn_query(tx, "endless", NULL);
    assert_true(tn_next(rows));
    mock_fail(m, (mock_fault){.op = MOCK_CANCEL, .status = TN_LOST, .sqlstate = "08006"});
    tn_status status = tn_commit(tx, &err);
    assert_status(tn_close(rows, NULL), TN_MISUSE);
    assert_int_equal(mock_count(m, MOCK_COMMIT), 0);
    assert_int_equal(mock_open_connections(m), 0);
    assert_true(status == TN_LOST || status == TN_TIMEOUT);
}

/* ---- deadlines
 * --------------------------------------------------------------------------------------- */

static void a_transactions_deadline_cuts_its_statements(void **state)
{
    const tn_txn_options options = {.size = sizeof(options), .timeout_ms = 20};
    const tn_call hour = {.size = sizeof(hour), .timeout_ms = 3600000};
    tn_error err = TN_ERROR_INIT;
    tn_db *tx;

    assert_ok(tn_begin(*state, &options, &tx, &err), err);
    mock_fail(m, (mock_fault){.op = MOCK_EXECUTE, .wait = true});
    assert_status(tn_exec_with(tx, &hour, "a", NULL, NULL, &err), TN_TIMEOUT);
    /* The deadline has passed now: COMMIT is not sent. */
    mock_clear(m);
    assert_status(tn_commit(tx, &err), TN_TIMEOUT);
    assert_string_equal(mock_trace(m), "rollback reset");
    assert_int_equal(err.outcome, TN_OUTCOME_NOT_APPLIED);
}

static void waiting_for_a_connection_counts_too(void **state)
{
    const tn_txn_options options = {.size = sizeof(options), .timeout_ms = 10};
    tn_error err = TN_ERROR_INIT;
    tn_db *one, *two, *tx;

    assert_ok(tn_acquire(*state, &one, &err), err);
    assert_ok(tn_acquire(*state, &two, &err), err);
    assert_status(tn_begin(*state, &options, &tx, &err), TN_TIMEOUT);
    assert_int_equal(mock_count(m, MOCK_BEGIN), 0);
    tn_release(one);
    tn_release(two);
}

/* ---- with a callback
 * ----------------------------------------------------------------------------------- */

struct script {
    int calls;
    tn_status answers[8]; /* what each call returns */
    bool fill;            /* the error, with sqlstate */
    const char *sqlstate;
    bool run;    /* a statement each time */
    bool ignore; /* its failure */
    tn_db *seen[8];
};

static tn_status callback(tn_db *tx, void *arg, tn_error *err)
{
    struct script *script = arg;
    int n = script->calls++;
    tn_status status = script->answers[n];

    script->seen[n] = tx;
    if (tn_depth(tx) == 0)
        return TN_FAILED;
    if (script->run && tn_exec(tx, "a", NULL, NULL, err) != TN_OK && !script->ignore)
        return err ? err->status : TN_FAILED;
    if (status != TN_OK && script->fill)
        return tn_error_set(err, status, script->sqlstate, "as scripted");
    return status;
}

static void a_callback_commits_or_rolls_back(void **state)
{
    struct script good = {.run = true};
    struct script bad = {.answers = {TN_FAILED}, .fill = true, .sqlstate = "P0001"};
    tn_error err = TN_ERROR_INIT;

    assert_ok(tn_transaction(*state, NULL, callback, &good, &err), err);
    assert_string_equal(mock_trace(m), "begin prepare execute fetch cursor_close commit reset");
    mock_clear(m);
    assert_status(tn_transaction(*state, NULL, callback, &bad, &err), TN_FAILED);
    assert_string_equal(mock_trace(m), "begin rollback reset");
    assert_string_equal(err.message, "as scripted");
    assert_string_equal(err.sqlstate, "P0001");
    assert_status(tn_transaction(*state, NULL, NULL, NULL, &err), TN_MISUSE);
    assert_status(tn_transaction(NULL, NULL, callback, &good, &err), TN_MISUSE);
}

static void an_error_that_the_callback_did_not_fill_is_filled(void **state)
{
    struct script script = {.answers = {TN_NOT_FOUND}};
    tn_error err = TN_ERROR_INIT;

    assert_status(tn_transaction(*state, NULL, callback, &script, &err), TN_NOT_FOUND);
    assert_int_equal(err.status, TN_NOT_FOUND);
    assert_contains(err.message, "not found");
}

static void a_swallowed_error_makes_commit_fail(void **state)
{
    struct script script = {.run = true, .ignore = true};
    tn_error err = TN_ERROR_INIT;

    mock_fail(m, (mock_fault){.op = MOCK_EXECUTE, .status = TN_CONSTRAINT, .sqlstate = "23505"});
    assert_status(tn_transaction(*state, NULL, callback, &script, &err), TN_ABORTED);
    assert_string_equal(err.sqlstate, "25P02");
}

static void a_swallowed_error_counts_also_when_the_server_saw_none(void **state)
{
    struct script script = {.run = true, .ignore = true};
    tn_error err = TN_ERROR_INIT;

    /* The server's transaction has not failed: a bind error is found before. */
    mock_fail(m, (mock_fault){.op = MOCK_PREPARE,
                              .status = TN_DATA,
                              .sqlstate = "22003",
                              .to = MOCK_TO(TN_CONN_IN_TXN)});
    assert_status(tn_transaction(*state, NULL, callback, &script, &err), TN_ABORTED);
    assert_string_equal(err.sqlstate, "25P02");
    assert_int_equal(err.outcome, TN_OUTCOME_NOT_APPLIED);
}

static void nobody_needs_to_ask_for_the_error(void **state)
{
    struct script bad = {.answers = {TN_FAILED}, .fill = true};
    struct script good = {.run = true};
    const tn_txn_options retry = {.size = sizeof(retry), .retries = 1};
    tn_db *tx;

    assert_status(tn_transaction(*state, NULL, callback, &bad, NULL), TN_FAILED);
    assert_status(tn_transaction(*state, NULL, callback, &good, NULL), TN_OK);
    mock_fail(m, (mock_fault){.op = MOCK_COMMIT,
                              .status = TN_SERIALIZATION,
                              .sqlstate = "40001",
                              .to = MOCK_TO(TN_CONN_IDLE)});
    assert_status(tn_transaction(*state, &retry, callback, &good, NULL), TN_OK);
    mock_fail(m, (mock_fault){.op = MOCK_BEGIN, .status = TN_LOST, .sqlstate = "08006"});
    assert_status(tn_begin(*state, NULL, &tx, NULL), TN_LOST);
    assert_status(tn_begin(*state, NULL, &tx, NULL), TN_OK);
    mock_fail(m, (mock_fault){.op = MOCK_COMMIT, .status = TN_OUTCOME_UNKNOWN});
    assert_status(tn_commit(tx, NULL), TN_OUTCOME_UNKNOWN);
    assert_status(tn_commit(NULL, NULL), TN_MISUSE);
    assert_status(tn_exec(NULL, "a", NULL, NULL, NULL), TN_MISUSE);
    mock_fail(m, (mock_fault){.op = MOCK_FETCH, .status = TN_LOST, .sqlstate = "08006"});
    assert_status(tn_exec(*state, "a", NULL, NULL, NULL), TN_LOST);
    mock_fail(m, (mock_fault){.op = MOCK_EXECUTE, .times = 3, .status = TN_DRIVER_STALE});
    assert_status(tn_exec(*state, "a", NULL, NULL, NULL), TN_UNSUPPORTED);
    assert_status(tn_close(tn_query(NULL, "a", NULL), NULL), TN_MISUSE);
    assert_status(tn_acquire(NULL, &tx, NULL), TN_MISUSE);
    assert_status(tn_exec_script(*state, "a; b", NULL), TN_OK);
}

/* ---- retries
 * --------------------------------------------------------------------------------------------- */

static void retries_are_fresh_attempts_and_counted(void **state)
{
    const tn_txn_options three = {.size = sizeof(three), .retries = 3};
    struct script twice = {.answers = {TN_SERIALIZATION, TN_SERIALIZATION, TN_OK}, .fill = true};
    struct script always = {
        .answers = {TN_SERIALIZATION, TN_SERIALIZATION, TN_SERIALIZATION, TN_SERIALIZATION, TN_OK},
        .fill = true};
    tn_error err = TN_ERROR_INIT;

    assert_ok(tn_transaction(*state, &three, callback, &twice, &err), err);
    assert_int_equal(twice.calls, 3);
    assert_int_equal(mock_count(m, MOCK_BEGIN), 3);
    assert_int_equal(mock_count(m, MOCK_ROLLBACK), 2);
    assert_int_equal(mock_count(m, MOCK_COMMIT), 1);
    assert_int_equal(err.status, TN_OK);
    mock_clear(m);
    assert_status(tn_transaction(*state, &three, callback, &always, &err), TN_SERIALIZATION);
    assert_int_equal(always.calls, 4);
    assert_int_equal(mock_count(m, MOCK_BEGIN), 4);
    assert_int_equal(mock_count(m, MOCK_COMMIT), 0);
}

static void a_commit_that_cannot_be_serialized_is_retried(void **state)
{
    const tn_txn_options one = {.size = sizeof(one), .retries = 1};
    struct script script = {0};
    tn_error err = TN_ERROR_INIT;

    mock_fail(m, (mock_fault){.op = MOCK_COMMIT,
                              .status = TN_SERIALIZATION,
                              .sqlstate = "40001",
                              .to = MOCK_TO(TN_CONN_IDLE)});
    assert_ok(tn_transaction(*state, &one, callback, &script, &err), err);
    assert_int_equal(script.calls, 2);
}

static void only_serialization_failures_are_retried(void **state)
{
    static const tn_status not_retried[] = {
        TN_LOST,   TN_ABORTED,         TN_TIMEOUT,   TN_CONSTRAINT, TN_LOCKED,
        TN_FAILED, TN_OUTCOME_UNKNOWN, TN_CANCELLED, TN_UNAVAILABLE};
    const tn_txn_options five = {.size = sizeof(five), .retries = 5};
    tn_error err = TN_ERROR_INIT;

    for (size_t i = 0; i < sizeof(not_retried) / sizeof(not_retried[0]); i++) {
        struct script script = {.answers = {not_retried[i]}, .fill = true};
        assert_status(tn_transaction(*state, &five, callback, &script, &err), not_retried[i]);
        assert_int_equal(script.calls, 1);
    }
    /* COMMIT was sent and its answer never came: never again. */
    struct script script = {0};
    mock_fail(m,
              (mock_fault){.op = MOCK_COMMIT, .status = TN_OUTCOME_UNKNOWN, .sqlstate = "08007"});
    assert_status(tn_transaction(*state, &five, callback, &script, &err), TN_OUTCOME_UNKNOWN);
    assert_int_equal(script.calls, 1);
}

static void without_being_asked_nothing_is_retried(void **state)
{
    struct script script = {.answers = {TN_SERIALIZATION}, .fill = true};
    tn_error err = TN_ERROR_INIT;

    assert_status(tn_transaction(*state, NULL, callback, &script, &err), TN_SERIALIZATION);
    assert_int_equal(script.calls, 1);
}

static tn_status nested_retry(tn_db *tx, void *arg, tn_error *err)
{
    const tn_txn_options five = {.size = sizeof(five), .retries = 5};

    return tn_transaction(tx, &five, callback, arg, err);
}

static void a_savepoint_is_not_retried(void **state)
{
    struct script script = {.answers = {TN_SERIALIZATION}, .fill = true};
    tn_error err = TN_ERROR_INIT;

    assert_status(tn_transaction(*state, NULL, nested_retry, &script, &err), TN_SERIALIZATION);
    assert_int_equal(script.calls, 1);
    assert_string_equal(mock_trace(m),
                        "begin savepoint(1) rollback_to(1) release(1) rollback reset");
}

/* The deadline is for the whole transaction: a retry does not begin when it has passed. */
static tn_status slow_failure(tn_db *tx, void *arg, tn_error *err)
{
    (*(int *)arg)++;
    tn_status status = tn_exec(tx, "wait", NULL, NULL, err); /* until the deadline */
    if (status != TN_TIMEOUT)
        return tn_error_set(err, TN_FAILED, NULL, "no timeout");
    return tn_error_set(err, TN_SERIALIZATION, "40001", "as scripted");
}

static void retries_share_the_deadline(void **state)
{
    const tn_txn_options options = {.size = sizeof(options), .timeout_ms = 20, .retries = 5};
    tn_error err = TN_ERROR_INIT;
    int calls = 0;

    mock_fail(m, (mock_fault){.op = MOCK_EXECUTE, .times = 10, .wait = true});
    tn_status status = tn_transaction(*state, &options, slow_failure, &calls, &err);
    assert_int_equal(calls, 1);
    assert_true(status == TN_SERIALIZATION || status == TN_TIMEOUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(commit_and_rollback_call_in_order),
        TEST(options_reach_the_driver),
        TEST(nesting_is_counted_and_named),
        TEST(a_savepoint_has_no_settings_of_its_own),
        TEST(a_parent_waits_for_its_child),
        TEST(commit_with_an_open_child_rolls_everything_back),
        TEST(a_savepoint_that_ends_ends_those_within_first),
        TEST(handles_of_other_kinds_are_refused),
        TEST(a_driver_without_savepoints_says_so),
        TEST(a_failed_begin_gives_no_handle),
        TEST(a_failed_statement_aborts_until_rollback),
        TEST(a_failed_savepoint_leaves_the_outer_one_usable),
        TEST(a_rollback_that_fails_costs_the_connection_and_is_fine),
        TEST(success_leaves_the_error_as_it_was),
        TEST(commit_tells_what_the_server_said),
        TEST(commit_after_the_connection_was_lost),
        TEST(a_lost_connection_is_not_used_again),
        TEST(rows_left_open_do_not_fail_the_commit),
        TEST(rows_without_end_do_not_commit_a_busy_connection),
        TEST(a_transactions_deadline_cuts_its_statements),
        TEST(waiting_for_a_connection_counts_too),
        TEST(a_callback_commits_or_rolls_back),
        TEST(an_error_that_the_callback_did_not_fill_is_filled),
        TEST(a_swallowed_error_makes_commit_fail),
        TEST(a_swallowed_error_counts_also_when_the_server_saw_none),
        TEST(nobody_needs_to_ask_for_the_error),
        TEST(retries_are_fresh_attempts_and_counted),
        TEST(a_commit_that_cannot_be_serialized_is_retried),
        TEST(only_serialization_failures_are_retried),
        TEST(without_being_asked_nothing_is_retried),
        TEST(a_savepoint_is_not_retried),
        TEST(retries_share_the_deadline),
    };

    return cmocka_run_group_tests(tests, group_setup, NULL);
}
