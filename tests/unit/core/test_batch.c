/* SPDX-License-Identifier: MIT */
/*
 * core/session, batches: what is asked of a driver without pipelining, and what is made of the
 * answers of one with it, which here answers, fails and breaks off where it is told to.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <tenon/drivers.h>

#include "base/str.h"
#include "pool_kit.h"

static mock *m;

/* A connection that was idle for some milliseconds is looked at first, which has nothing to do with
 * what is tested here. */
static const char *calls(void)
{
    const char *trace = mock_trace(m);

    return strncmp(trace, "alive ", 6) == 0 ? trace + 6 : trace;
}
static tn_db *db;   /* of the mock */
static tn_db *pipe; /* of the mock with a table for batches */

static const tn_value two[] = {{.type = TN_TYPE_INT32, .as.i = 7},
                               {.type = TN_TYPE_INT32, .as.i = 8}};
static const tn_column columns[] = {{.name = "n", .type = TN_TYPE_INT32}};
static const tn_param wide[] = {{.type = TN_TYPE_INT64}};
static const tn_param narrow[] = {{.type = TN_TYPE_INT32}};
#define ROWS(text, count)                                                                 \
    {                                                                                     \
        .sql = (text), .columns = columns, .n_columns = 1, .values = two, .rows = (count) \
    }
static const mock_answer answers[] = {
    ROWS("one", 1),
    ROWS("two", 2),
    {.sql = "pieces",
     .columns = columns,
     .n_columns = 1,
     .values = two,
     .rows = 1,
     .empty_last = true},
    {.sql = "read", .flags = TN_STMT_READ_ONLY},
    {.sql = "insert x", .params = wide, .n_params = 1, .affected = 1, .tag = "INSERT 0 1"},
};
static const mock_answer narrow_answers[] = {
    {.sql = "insert x", .params = narrow, .n_params = 1, .affected = 1, .tag = "INSERT 0 1"},
};

/* ---- a driver with pipelining ---------------------------------------------------------------- */

static struct {
    size_t runs;
    size_t sent;     /* statements that are bound; 0: all */
    size_t answered; /* well; then comes what is next; 0 with end TN_OK: all */
    tn_status end;   /* how run() ends */
    const char *sqlstate;
    size_t fails;     /* index + 1 of one that fails */
    tn_status how;    /* with this; TN_DRIVER_STALE too */
    size_t times;     /* in so many runs */
    bool busy;        /* run() leaves the connection so */
    size_t late;      /* so many are told of by cancel() */
    tn_status cancel; /* how that ends */
    tn_outcome outcome;
    bool broken;
    uint32_t flags; /* of the last run */
    size_t count;
} script;
static tn_batch_work kept;

static tn_status fill(tn_error *err, tn_status status, const char *sqlstate)
{
    const tn_diagnostic d = {.size = sizeof(d),
                             .status = status == TN_DRIVER_STALE ? TN_UNSUPPORTED : status,
                             .sqlstate = tn_str_from(sqlstate),
                             .message = TN__STR("scripted")};

    (void)(tn__host.fail)(err, &d);
    return status;
}

static void answer(const tn_batch_work *work, size_t index)
{
    const tn_batch rows = {.size = sizeof(rows), .done = true, .affected = 1, .tag = "INSERT 0 1"};

    work->answer(work->arg, index, &rows);
}

static tn_status run(tn_driver_conn *conn, const tn_batch_work *work, int64_t deadline_ns,
                     tn_error *err)
{
    size_t sent = script.sent ? script.sent : work->count, done = 0;
    const tn_value *params;
    size_t n;

    script.runs++;
    script.flags = work->flags;
    script.count = work->count;
    kept = *work;
    for (size_t i = 0; i < sent && i < work->count; i++)
        if (work->bind(work->arg, i, &params, &n) != TN_OK && !(work->flags & TN_BATCH_EACH))
            sent = i;
    bool fails = script.fails && script.runs <= script.times;
    size_t well = script.end == TN_OK ? sent : script.answered;
    for (; done < well; done++) {
        if (!fails || done + 1 != script.fails) {
            answer(work, done);
            continue;
        }
        (work->fail)(work->arg, done, fill(work->error, script.how, script.sqlstate));
        if (!(work->flags & TN_BATCH_EACH))
            return TN_OK;
    }
    if (script.end != TN_OK)
        return fill(err, script.end, script.sqlstate);
    if (sent == work->count && (work->flags & TN_BATCH_COMMIT))
        return mock_module(m)->txn->commit(conn, deadline_ns, err);
    return TN_OK;
}

static tn_status cancel(tn_driver_conn *conn, int64_t deadline_ns, tn_outcome *ret_outcome,
                        tn_error *err)
{
    (void)deadline_ns;
    if (script.cancel != TN_OK) {
        script.broken = true;
        return fill(err, script.cancel, "08006");
    }
    script.busy = false;
    for (size_t i = 0; i < script.late; i++)
        answer(&kept, script.answered + i);
    *ret_outcome = script.outcome;
    if (script.outcome == TN_OUTCOME_APPLIED)
        return mock_module(m)->txn->commit(conn, TN_NO_DEADLINE, err);
    return TN_OK;
}

static tn_conn_state state_of(const tn_driver_conn *conn)
{
    if (script.broken && script.runs)
        return TN_CONN_BROKEN;
    if (script.busy && script.runs)
        return TN_CONN_BUSY;
    return mock_module(m)->conn->state(conn);
}

static tn_status open_source(const tn_host *host, const tn_source_config *config,
                             tn_driver_source **ret, tn_error *err)
{
    tn_source_config ours = *config;

    ours.scheme = TN__STR("mockr");
    return mock_module(m)->conn->open_source(host, &ours, ret, err);
}

static const tn_batch_ops batch_ops = {.size = sizeof(batch_ops), .run = run};

static void register_pipe(void)
{
    static const char *const schemes[] = {"pipe", NULL};
    static tn_conn_ops conn_ops;
    static tn_module module;
    tn_error err = TN_ERROR_INIT;

    module = *mock_module(m);
    conn_ops = *module.conn;
    conn_ops.open_source = open_source;
    conn_ops.cancel = cancel;
    conn_ops.state = state_of;
    module.conn = &conn_ops;
    module.schemes = schemes;
    module.name = "pipe";
    module.batch = &batch_ops;
    assert_ok(tn_driver_register(&module, &err), err);
}

/* ---- each test ------------------------------------------------------------------------------- */

static int group_setup(void **state)
{
    (void)state;
    m = mock_new("mockr", MOCK_CAPABILITIES | TN_CAP_REMOTE);
    register_pipe();
    tn_log_set_level(TN_LOG_OFF);
    return 0;
}

static int setup(void **state)
{
    tn_error err = TN_ERROR_INIT;

    memset(&script, 0, sizeof(script));
    script.sqlstate = "";
    mock_reset(m);
    mock_answers(m, answers, sizeof(answers) / sizeof(answers[0]));
    db = mock_open(m, "max_connections=2");
    pipe = mock_try_open("pipe:", "max_connections=2", &err);
    assert_non_null(pipe);
    mock_clear(m);
    *state = tn_batch_new();
    return *state ? 0 : -1;
}

static int teardown(void **state)
{
    tn_error err = TN_ERROR_INIT;

    tn_batch_free(*state);
    assert_ok(tn_db_close(pipe, &err), err);
    mock_close(m, db);
    return 0;
}

static tn_status run_apart(tn_batch_t *batch, tn_db *on, tn_error *err)
{
    tn_batch_options options = TN_BATCH_OPTIONS_INIT;

    options.mode = TN_BATCH_INDEPENDENT;
    return tn_batch_run(batch, on, &options, err);
}

static void insert_many(tn_batch_t *batch, int n)
{
    for (int i = 0; i < n; i++)
        tn_batch_add(batch, "insert x", tn_args(i), NULL);
}

static void assert_item(const tn_batch_t *batch, size_t i, tn_status status, tn_outcome outcome)
{
    assert_status(tn_batch_status(batch, i, NULL), status);
    assert_int_equal(tn_batch_outcome(batch, i), outcome);
}

/* ---- one after another ----------------------------------------------------------------------- */

static void a_text_is_prepared_once(void **state)
{
    tn_error err = TN_ERROR_INIT;

    insert_many(*state, 2);
    assert_ok(tn_batch_run(*state, db, NULL, &err), err);
    assert_string_equal(calls(), "begin prepare execute fetch cursor_close execute fetch "
                                 "cursor_close commit reset");
    mock_clear(m);
    assert_ok(run_apart(*state, db, &err), err);
    assert_string_equal(calls(), "execute fetch cursor_close execute fetch cursor_close reset");
    assert_int_equal(tn_batch_affected(*state, 1), 1);
}

static void settings_reach_the_transaction(void **state)
{
    tn_batch_options options = TN_BATCH_OPTIONS_INIT;
    tn_error err = TN_ERROR_INIT;

    options.isolation = TN_SERIALIZABLE;
    options.read_only = true;
    tn_batch_add(*state, "a", NULL, NULL);
    assert_ok(tn_batch_run(*state, db, &options, &err), err);
    assert_int_equal(mock_last_request(m)->isolation, TN_SERIALIZABLE);
    assert_true(mock_last_request(m)->read_only);
}

static void a_failure_rolls_back(void **state)
{
    tn_error err = TN_ERROR_INIT;

    insert_many(*state, 3);
    mock_fail(m, (mock_fault){
                     .op = MOCK_EXECUTE, .nth = 2, .status = TN_CONSTRAINT, .sqlstate = "23505"});
    assert_status(tn_batch_run(*state, db, NULL, &err), TN_CONSTRAINT);
    assert_string_equal(err.message, "batch, statement 2 of 3: scripted failure");
    assert_string_equal(calls(), "begin prepare execute fetch cursor_close execute rollback reset");
    assert_item(*state, 0, TN_OK, TN_OUTCOME_NOT_APPLIED);
    assert_item(*state, 1, TN_CONSTRAINT, TN_OUTCOME_NOT_APPLIED);
    assert_status(tn_batch_status(*state, 2, &err), TN_ABORTED);
    assert_string_equal(err.message, "not run, because statement 2 failed");
}

static void a_failure_apart_stops_nothing(void **state)
{
    tn_error err = TN_ERROR_INIT;

    insert_many(*state, 3);
    mock_fail(
        m, (mock_fault){.op = MOCK_FETCH, .nth = 2, .status = TN_CONSTRAINT, .sqlstate = "23505"});
    assert_status(run_apart(*state, db, &err), TN_CONSTRAINT);
    assert_item(*state, 0, TN_OK, TN_OUTCOME_APPLIED);
    assert_item(*state, 1, TN_CONSTRAINT, TN_OUTCOME_NOT_APPLIED);
    assert_item(*state, 2, TN_OK, TN_OUTCOME_APPLIED);
}

static void a_lost_connection_ends_all(void **state)
{
    tn_error err = TN_ERROR_INIT;

    insert_many(*state, 3);
    mock_fail(m, (mock_fault){.op = MOCK_EXECUTE, .nth = 2, .status = TN_LOST});
    assert_status(run_apart(*state, db, &err), TN_OUTCOME_UNKNOWN);
    assert_string_equal(err.sqlstate, "08007");
    assert_true(err.discarded);
    assert_item(*state, 0, TN_OK, TN_OUTCOME_APPLIED);
    assert_item(*state, 1, TN_OUTCOME_UNKNOWN, TN_OUTCOME_IN_DOUBT);
    assert_item(*state, 2, TN_ABORTED, TN_OUTCOME_NOT_APPLIED);
}

static void answers_in_pieces(void **state)
{
    tn_error err = TN_ERROR_INIT;
    int n = 0, none = -1;

    tn_batch_add(*state, "pieces", NULL, tn_into(&n));
    tn_batch_add(*state, "two", NULL, tn_into(&none));
    size_t all = tn_batch_add(*state, "two", NULL, NULL);
    assert_status(tn_batch_run(*state, db, NULL, &err), TN_TOO_MANY_ROWS);
    assert_int_equal(err.outcome, TN_OUTCOME_APPLIED);
    assert_int_equal(n, 7);
    assert_int_equal(none, -1);
    tn_rows *rows = tn_batch_rows(*state, all);
    assert_true(tn_next(rows));
    assert_true(tn_next(rows));
    assert_int_equal(tn_row_int32(rows, 0), 8);
    assert_false(tn_next(rows));
    assert_ok(tn_close(rows, &err), err);
}

static void rows_outlive_the_batch(void **state)
{
    tn_batch_t *batch = tn_batch_new();
    tn_error err = TN_ERROR_INIT;

    (void)state;
    tn_batch_add(batch, "two", NULL, NULL);
    assert_ok(tn_batch_run(batch, db, NULL, &err), err);
    tn_rows *first = tn_batch_rows(batch, 0), *second = tn_batch_rows(batch, 0);
    assert_ok(tn_close(first, &err), err);
    tn_batch_free(batch);
    assert_true(tn_next(second));
    assert_int_equal(tn_row_int32(second, 0), 7);
    assert_ok(tn_close(second, &err), err);
}

static void commit_fails(void **state)
{
    static const tn_outcome applied[] = {TN_OUTCOME_APPLIED};
    static const mock_fault unknown = {
        .op = MOCK_COMMIT, .status = TN_OUTCOME_UNKNOWN, .sqlstate = "08007"};
    tn_error err = TN_ERROR_INIT;

    insert_many(*state, 2);
    mock_fail(m, (mock_fault){.op = MOCK_COMMIT,
                              .status = TN_SERIALIZATION,
                              .sqlstate = "40001",
                              .to = MOCK_TO(TN_CONN_IDLE)});
    assert_status(tn_batch_run(*state, db, NULL, &err), TN_SERIALIZATION);
    assert_int_equal(tn_batch_failed(*state), 2);
    assert_item(*state, 0, TN_OK, TN_OUTCOME_NOT_APPLIED);
    mock_fail(m, unknown);
    assert_status(tn_batch_run(*state, db, NULL, &err), TN_OUTCOME_UNKNOWN);
    assert_item(*state, 1, TN_OK, TN_OUTCOME_IN_DOUBT);
    mock_outcomes(m, "4711", applied, 1);
    mock_fail(m, unknown);
    assert_ok(tn_batch_run(*state, db, NULL, &err), err);
    assert_item(*state, 1, TN_OK, TN_OUTCOME_APPLIED);
}

static void statements_are_counted(void **state)
{
    tn_statistics before = TN_STATISTICS_INIT, after = TN_STATISTICS_INIT;
    tn_error err = TN_ERROR_INIT;

    tn_stats(db, &before);
    insert_many(*state, 5);
    tn_batch_add(*state, "insert x", tn_args(UINT64_MAX), NULL);
    assert_status(run_apart(*state, db, &err), TN_DATA);
    tn_stats(db, &after);
    assert_int_equal(after.statements - before.statements, 6);
    assert_int_equal(after.committed - before.committed, 0);
    tn_batch_reset(*state);
    insert_many(*state, 5);
    assert_ok(tn_batch_run(*state, db, NULL, &err), err);
    tn_stats(db, &before);
    assert_int_equal(before.statements - after.statements, 5);
    assert_int_equal(before.committed - after.committed, 1);
}

/* ---- all at once ----------------------------------------------------------------------------- */

static void what_the_driver_is_asked(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *tx;

    insert_many(*state, 3);
    assert_ok(tn_batch_run(*state, pipe, NULL, &err), err);
    assert_int_equal(script.flags, TN_BATCH_COMMIT);
    assert_int_equal(script.count, 3);
    assert_string_equal(calls(), "begin prepare commit reset");
    assert_ok(run_apart(*state, pipe, &err), err);
    assert_int_equal(script.flags, TN_BATCH_EACH);
    assert_ok(tn_begin(pipe, NULL, &tx, &err), err);
    assert_ok(tn_batch_run(*state, tx, NULL, &err), err);
    assert_int_equal(script.flags, 0);
    assert_ok(tn_batch_commit(*state, tx, NULL, &err), err);
    assert_int_equal(script.flags, TN_BATCH_COMMIT);
    assert_int_equal(tn_batch_affected(*state, 2), 1);
}

/* The connection ends behind two answers of five, of which four were sent. */
static void lost_apart(void **state)
{
    tn_error err = TN_ERROR_INIT;

    for (int i = 0; i < 5; i++)
        tn_batch_add(*state, i == 3 ? "read" : "insert x", i == 3 ? NULL : tn_args(i), NULL);
    script.sent = 4;
    script.answered = 2;
    script.end = TN_LOST;
    script.broken = true;
    assert_status(run_apart(*state, pipe, &err), TN_OUTCOME_UNKNOWN);
    assert_contains(err.message, "statement 3 of 5");
    assert_item(*state, 0, TN_OK, TN_OUTCOME_APPLIED);
    assert_item(*state, 1, TN_OK, TN_OUTCOME_APPLIED);
    assert_item(*state, 2, TN_OUTCOME_UNKNOWN, TN_OUTCOME_IN_DOUBT);
    assert_item(*state, 3, TN_LOST, TN_OUTCOME_NOT_APPLIED);
    assert_item(*state, 4, TN_ABORTED, TN_OUTCOME_NOT_APPLIED);
    script.broken = false;
}

/* It ends before everything was sent: COMMIT cannot have been. */
static void lost_before_commit(void **state)
{
    tn_error err = TN_ERROR_INIT;

    insert_many(*state, 5);
    script.sent = 4;
    script.answered = 2;
    script.end = TN_LOST;
    script.broken = true;
    assert_status(tn_batch_run(*state, pipe, NULL, &err), TN_LOST);
    assert_int_equal(err.outcome, TN_OUTCOME_NOT_APPLIED);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(tn_batch_outcome(*state, i), TN_OUTCOME_NOT_APPLIED);
    assert_status(tn_batch_status(*state, 2, NULL), TN_LOST);
    assert_status(tn_batch_status(*state, 3, NULL), TN_ABORTED);
    script.broken = false;
}

/* It ends when COMMIT was sent, and the server is asked, or cannot be. */
static tn_status lose_commit(tn_batch_t *batch, size_t answered, const tn_outcome *known,
                             tn_error *err)
{
    memset(&script, 0, sizeof(script));
    script.answered = answered;
    script.end = TN_OUTCOME_UNKNOWN;
    script.sqlstate = "08007";
    if (known)
        mock_outcomes(m, "4711", known, 1);
    else
        mock_outcomes(m, "", NULL, 0);
    mock_fail(m, (mock_fault){.op = MOCK_RESET, .status = TN_LOST});
    tn_status status = tn_batch_run(batch, pipe, NULL, err);
    mock_forget_faults(m);
    return status;
}

static void lost_commit(void **state)
{
    static const tn_outcome applied[] = {TN_OUTCOME_APPLIED}, undone[] = {TN_OUTCOME_NOT_APPLIED};
    tn_error err = TN_ERROR_INIT;

    insert_many(*state, 3);
    assert_status(lose_commit(*state, 1, NULL, &err), TN_OUTCOME_UNKNOWN);
    assert_item(*state, 0, TN_OK, TN_OUTCOME_IN_DOUBT);
    assert_item(*state, 1, TN_OUTCOME_UNKNOWN, TN_OUTCOME_IN_DOUBT);
    assert_item(*state, 2, TN_OUTCOME_UNKNOWN, TN_OUTCOME_IN_DOUBT);

    assert_status(lose_commit(*state, 1, undone, &err), TN_LOST);
    assert_int_equal(err.retry, TN_RETRY_TRANSACTION);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(tn_batch_outcome(*state, i), TN_OUTCOME_NOT_APPLIED);

    assert_status(lose_commit(*state, 1, applied, &err), TN_LOST);
    assert_int_equal(err.outcome, TN_OUTCOME_APPLIED);
    assert_int_equal(err.retry, TN_RETRY_NO);
    assert_item(*state, 0, TN_OK, TN_OUTCOME_APPLIED);
    assert_item(*state, 2, TN_LOST, TN_OUTCOME_APPLIED);

    assert_ok(lose_commit(*state, 3, applied, &err), err);
    assert_item(*state, 2, TN_OK, TN_OUTCOME_APPLIED);
}

/* The deadline passes; what comes to light while the connection is made good again counts. */
static void told_of_late(void **state)
{
    tn_error err = TN_ERROR_INIT;

    insert_many(*state, 4);
    script.answered = 1;
    script.end = TN_TIMEOUT;
    script.sqlstate = "57014";
    script.busy = true;
    script.late = 3;
    script.outcome = TN_OUTCOME_APPLIED;
    assert_status(tn_batch_run(*state, pipe, NULL, &err), TN_TIMEOUT);
    assert_int_equal(err.outcome, TN_OUTCOME_APPLIED);
    for (size_t i = 0; i < 4; i++)
        assert_item(*state, i, TN_OK, TN_OUTCOME_APPLIED);
}

static void given_up_apart(void **state)
{
    tn_error err = TN_ERROR_INIT;

    insert_many(*state, 4);
    script.sent = 3;
    script.answered = 1;
    script.end = TN_TIMEOUT;
    script.sqlstate = "57014";
    script.busy = true;
    script.cancel = TN_LOST;
    assert_status(run_apart(*state, pipe, &err), TN_TIMEOUT);
    assert_item(*state, 0, TN_OK, TN_OUTCOME_APPLIED);
    assert_item(*state, 1, TN_TIMEOUT, TN_OUTCOME_IN_DOUBT);
    assert_item(*state, 2, TN_TIMEOUT, TN_OUTCOME_IN_DOUBT);
    assert_item(*state, 3, TN_ABORTED, TN_OUTCOME_NOT_APPLIED);
    script.broken = script.busy = false;
}

/* ---- statements that are too old ------------------------------------------------------------- */

static void stale_in_a_transaction_of_its_own(void **state)
{
    tn_error err = TN_ERROR_INIT;

    insert_many(*state, 3);
    script.fails = 2;
    script.how = TN_DRIVER_STALE;
    script.times = 2;
    script.sqlstate = "26000";
    assert_ok(tn_batch_run(*state, pipe, NULL, &err), err);
    assert_int_equal(script.runs, 3);
    assert_int_equal(mock_count(m, MOCK_PREPARE), 3);
    assert_int_equal(mock_count(m, MOCK_ROLLBACK), 2);
    assert_item(*state, 1, TN_OK, TN_OUTCOME_APPLIED);
    script.runs = 0;
    script.times = 9;
    assert_status(tn_batch_run(*state, pipe, NULL, &err), TN_UNSUPPORTED);
    assert_int_equal(script.runs, 3);
}

static void stale_in_an_open_transaction(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *tx;

    insert_many(*state, 2);
    script.fails = 1;
    script.how = TN_DRIVER_STALE;
    script.times = 1;
    script.sqlstate = "26000";
    assert_ok(tn_begin(pipe, NULL, &tx, &err), err);
    assert_status(tn_batch_run(*state, tx, NULL, &err), TN_UNSUPPORTED);
    assert_int_equal(script.runs, 1);
    assert_ok(tn_rollback(tx, &err), err);
    assert_ok(tn_batch_run(*state, pipe, NULL, &err), err);
    assert_int_equal(mock_count(m, MOCK_PREPARE), 2);
}

static void stale_apart(void **state)
{
    tn_error err = TN_ERROR_INIT;

    for (int i = 0; i < 3; i++)
        tn_batch_add(*state, "read", NULL, NULL);
    script.fails = 2;
    script.how = TN_DRIVER_STALE;
    script.times = 1;
    script.sqlstate = "26000";
    assert_ok(run_apart(*state, pipe, &err), err);
    assert_int_equal(script.runs, 2);
    assert_int_equal(script.count, 1);
    /* What wrote since would have come before it. */
    insert_many(*state, 1);
    script.runs = 0;
    assert_status(run_apart(*state, pipe, &err), TN_UNSUPPORTED);
    assert_int_equal(script.runs, 1);
    assert_item(*state, 3, TN_OK, TN_OUTCOME_APPLIED);
}

/* The cached statement says integer, the table meanwhile bigint: the rest is run with a new one. */
static void arguments_for_a_newer_table(void **state)
{
    tn_error err = TN_ERROR_INIT;

    mock_answers(m, narrow_answers, 1);
    for (int on = 0; on < 2; on++) {
        mock_answers(m, narrow_answers, 1);
        insert_many(*state, 1);
        assert_ok(tn_batch_run(*state, on ? pipe : db, NULL, &err), err);
        tn_batch_reset(*state);
        mock_answers(m, answers, sizeof(answers) / sizeof(answers[0]));
        mock_clear(m);
        script.runs = 0;
        insert_many(*state, 2);
        tn_batch_add(*state, "insert x", tn_args(INT64_C(1) << 40), NULL);
        insert_many(*state, 2);
        assert_ok(tn_batch_run(*state, on ? pipe : db, NULL, &err), err);
        assert_int_equal(mock_count(m, MOCK_PREPARE), 1);
        assert_int_equal(mock_count(m, MOCK_BEGIN), 1);
        if (on) {
            assert_int_equal(script.runs, 2);
            assert_int_equal(script.count, 3);
        }
        tn_batch_reset(*state);
    }
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(a_text_is_prepared_once),
        CASE(settings_reach_the_transaction),
        CASE(a_failure_rolls_back),
        CASE(a_failure_apart_stops_nothing),
        CASE(a_lost_connection_ends_all),
        CASE(answers_in_pieces),
        CASE(rows_outlive_the_batch),
        CASE(commit_fails),
        CASE(statements_are_counted),
        CASE(what_the_driver_is_asked),
        CASE(lost_apart),
        CASE(lost_before_commit),
        CASE(lost_commit),
        CASE(told_of_late),
        CASE(given_up_apart),
        CASE(stale_in_a_transaction_of_its_own),
        CASE(stale_in_an_open_transaction),
        CASE(stale_apart),
        CASE(arguments_for_a_newer_table),
    };

    return cmocka_run_group_tests(tests, group_setup, NULL);
}
