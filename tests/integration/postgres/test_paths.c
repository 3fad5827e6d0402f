/* SPDX-License-Identifier: MIT */
/* What is the same whether statements go by libpq or past it. */
#include "pg_session.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char *const paths[] = {"on", "off"};
enum { PATHS = 2, OFF = 1, ROWS = 10 };

static void begin(session *s, bool eager)
{
    const tn_txn_request request = {.size = sizeof(request), .eager = eager};

    assert_int_equal(PG->txn->begin(s->conn, &request, soon(), &s->err), TN_OK);
}

static void commit(session *s)
{
    if (PG->txn->commit(s->conn, soon(), &s->err) != TN_OK)
        fail_msg("%s", s->err.message);
}

/* ---- columns that change ----------------------------------------------------------------------*/

/* A table is changed under a statement that has no name; what its next run gives. */
static tn_status change(session *s, const char *columns, const char *how, bool inside)
{
    char sql[128];

    must(s, "drop table if exists tn_shape");
    snprintf(sql, sizeof(sql), "create table tn_shape (%s)", columns);
    must(s, sql);
    tn_driver_stmt *stmt = prepare(s, "insert into tn_shape values (1) returning *");
    assert_int_equal(run_stmt(s, stmt, NULL, 0, TN_EXECUTE_STREAM, NULL), TN_OK);
    snprintf(sql, sizeof(sql), "alter table tn_shape %s", how);
    must(s, sql);
    if (inside) {
        begin(s, false);
        must(s, "insert into tn_shape values (2)");
    }
    tn_status status = run_stmt(s, stmt, NULL, 0, TN_EXECUTE_STREAM, NULL);
    tn_error why = s->err;
    if (!inside) {
        assert_state(s, TN_CONN_IDLE);
        assert_int_equal(run_stmt(s, stmt, NULL, 0, 0, NULL), TN_DRIVER_STALE);
    }
    PG->stmt->close(stmt);
    s->err = why;
    return status;
}

/* A table's columns, and what is done to it. */
static const char *const changes[][2] = {
    {"a int", "add b int"}, {"a int", "alter a type bigint"}, {"a int, b int", "add c int"}};

/* It was run, and that is told; past libpq the server refuses another number of columns. */
static void columns_change_under_a_statement_of_its_own(void **state)
{
    session s;

    (void)state;
    for (int path = 0; path < PATHS; path++) {
        session_open_by(&s, paths[path], "off");
        must(&s, "set client_min_messages = warning");
        for (size_t i = 0; i < 3; i++) {
            bool refused = path != OFF && i == 2;
            assert_int_equal(change(&s, changes[i][0], changes[i][1], false),
                             refused ? TN_DRIVER_STALE : TN_PROTOCOL);
            if (!refused)
                assert_int_equal(s.err.outcome, TN_OUTCOME_APPLIED);
            assert_string_equal(ask(&s, "select count(*) from tn_shape"), refused ? "1" : "2");
            must(&s, "insert into tn_shape values (1) returning *");
        }
        must(&s, "drop table tn_shape");
        session_close(&s);
    }
}

static void columns_change_within_a_transaction(void **state)
{
    session s;

    (void)state;
    for (int path = 0; path < PATHS; path++) {
        session_open_by(&s, paths[path], "off");
        must(&s, "set client_min_messages = warning");
        for (size_t i = 0; i < 3; i++) {
            assert_int_equal(change(&s, changes[i][0], changes[i][1], true), TN_DRIVER_STALE);
            assert_string_equal(s.err.sqlstate, "08P01");
            assert_state(&s, TN_CONN_FAILED);
            assert_int_equal(PG->txn->commit(s.conn, soon(), &s.err), TN_ABORTED);
            assert_string_equal(ask(&s, "select count(*) from tn_shape"), "1");
        }
        must(&s, "drop table tn_shape");
        session_close(&s);
    }
}

/* ---- rows ------------------------------------------------------------------------------------ */

static void too_many_rows_to_keep_are_a_limit(void **state)
{
    static const char *const texts[] = {
        "select repeat('x', 1000000) from generate_series(1, 100)",
        "select repeat('x', 1000) from generate_series(1, 100000)",
        "select array_fill(g, array[1000]) from generate_series(1, 10000) g"};
    session s;

    (void)state;
    for (int path = 0; path < PATHS; path++) {
        session_open_by(&s, paths[path], NULL);
        for (size_t i = 0; i < 3; i++) {
            tn_driver_stmt *stmt = prepare(&s, texts[i]);
            tn_driver_cursor *cursor = NULL;
            tn_batch batch = {.size = sizeof(batch)};
            assert_int_equal(
                PG->cursor->execute(stmt, NULL, 0, TN_EXECUTE_STREAM, soon(), &cursor, &s.err),
                TN_OK);
            assert_int_equal(PG->cursor->fetch(cursor, soon(), &batch, &s.err), TN_OK);
            assert_int_equal(PG->cursor->detach(cursor, 8 << 20, soon(), &s.err), TN_LIMIT);
            assert_string_equal(s.err.sqlstate, "54000");
            PG->cursor->close(cursor);
            if (PG->conn->state(s.conn) == TN_CONN_BUSY)
                assert_int_equal(PG->conn->cancel(s.conn, soon(), NULL, &s.err), TN_OK);
            assert_state(&s, TN_CONN_IDLE);
            PG->stmt->close(stmt);
            assert_string_equal(ask(&s, "select 42"), "42");
        }
        session_close(&s);
    }
}

static void a_buffered_answer_is_whole_or_an_error(void **state)
{
    session s;
    int64_t rows = 0;

    (void)state;
    for (int path = 0; path < PATHS; path++) {
        session_open_by(&s, paths[path], NULL);
        tn_driver_stmt *late = prepare(&s, "select 1/(500000-g) from generate_series(1, 600000) g");
        tn_driver_stmt *good = prepare(
            &s, "select g, repeat('y', g % 900) from generate_series(1, 50000) g");
        tn_driver_cursor *cursor = NULL;
        assert_int_equal(PG->cursor->execute(late, NULL, 0, 0, soon(), &cursor, &s.err), TN_DATA);
        assert_string_equal(s.err.sqlstate, "22012");
        assert_state(&s, TN_CONN_IDLE);
        assert_int_equal(run_stmt(&s, good, NULL, 0, 0, &rows), TN_OK);
        assert_int_equal(rows, 50000);
        PG->stmt->close(late);
        PG->stmt->close(good);
        session_close(&s);
    }
}

/* ---- a cancel ---------------------------------------------------------------------------------
 */

static tn_outcome cancel(session *s)
{
    tn_outcome outcome = TN_OUTCOME_NONE;

    s->host.interrupted = false;
    usleep(100000); /* it would go well as well */
    if (PG->conn->cancel(s->conn, soon(), &outcome, &s->err) != TN_OK)
        fail_msg("%s", s->err.message);
    return outcome;
}

static tn_status bind_none(void *arg, size_t index, const tn_value **ret, size_t *ret_count)
{
    (void)arg;
    (void)index;
    *ret = NULL;
    *ret_count = 0;
    return TN_OK;
}

static void answered(void *arg, size_t index, const tn_batch *rows)
{
    (void)arg;
    (void)index;
    (void)rows;
}

static void failed(void *arg, size_t index, tn_status status)
{
    (void)arg;
    (void)index;
    (void)status;
}

/* Sent with its COMMIT, and not waited for. */
static tn_outcome give_up_batch(session *s, tn_driver_stmt *first, tn_driver_stmt *second)
{
    tn_driver_stmt *const stmts[] = {first, second};
    tn_error error = TN_ERROR_INIT;
    const tn_batch_work work = {.size = sizeof(work),
                                .stmts = stmts,
                                .count = 2,
                                .flags = TN_BATCH_COMMIT,
                                .bind = bind_none,
                                .answer = answered,
                                .unreadable = failed,
                                .fail = failed,
                                .error = &error};

    begin(s, false);
    s->host.interrupted = true;
    assert_int_not_equal(PG->batch->run(s->conn, &work, soon(), &s->err), TN_OK);
    tn_outcome outcome = cancel(s);
    if (PG->conn->state(s->conn) != TN_CONN_IDLE)
        assert_int_equal(PG->txn->rollback(s->conn, soon(), &s->err), TN_OK);
    return outcome;
}

static void a_cancel_tells_what_was_applied(void **state)
{
    const tn_txn_request request = {.size = sizeof(request), .eager = true};
    session s;

    (void)state;
    for (int path = 0; path < PATHS; path++) {
        session_open_by(&s, paths[path], NULL);
        must(&s, "create temp table given_up (a int primary key)");
        /* BEGIN went well, and nothing was applied */
        must(&s, "begin");
        must(&s, "commit");
        s.host.interrupted = true;
        assert_int_equal(PG->txn->begin(s.conn, &request, soon(), &s.err), TN_CANCELLED);
        assert_int_equal(cancel(&s), TN_OUTCOME_NOT_APPLIED);
        assert_int_equal(PG->txn->rollback(s.conn, soon(), &s.err), TN_OK);

        tn_driver_stmt *one = prepare(&s, "insert into given_up values (1)");
        tn_driver_stmt *two = prepare(&s, "insert into given_up values (2)");
        assert_int_equal(run_stmt(&s, one, NULL, 0, 0, NULL), TN_OK);
        assert_int_equal(run_stmt(&s, two, NULL, 0, 0, NULL), TN_OK);
        must(&s, "delete from given_up");
        assert_int_equal(give_up_batch(&s, one, two), TN_OUTCOME_APPLIED);
        assert_string_equal(ask(&s, "select count(*) from given_up"), "2");
        must(&s, "delete from given_up");
        assert_int_equal(give_up_batch(&s, one, one), TN_OUTCOME_NOT_APPLIED);
        assert_string_equal(ask(&s, "select count(*) from given_up"), "0");
        PG->stmt->close(one);
        PG->stmt->close(two);
        session_close(&s);
    }
}

/* ---- bulks ------------------------------------------------------------------------------------
 */

static void bulk(session *s, tn_driver_stmt *insert, const char *conflict)
{
    const tn_str columns[] = {tn_str_from("\"a\""), tn_str_from("\"b\"")};
    const tn_bulk_request request = {.size = sizeof(request),
                                     .table = tn_str_from("\"tn_few\""),
                                     .columns = columns,
                                     .n_columns = 2,
                                     .keys = columns,
                                     .n_keys = conflict[0] ? 1 : 0,
                                     .conflict = tn_str_from(conflict),
                                     .insert = insert};
    tn_driver_bulk *bulk = NULL;
    tn_value values[ROWS * 2];
    int64_t rows = 0;

    for (int i = 0; i < ROWS; i++) {
        values[i * 2] = int_value(TN_TYPE_INT32, i);
        values[i * 2 + 1] = text_value("b");
    }
    begin(s, false);
    if (PG->bulk->open(s->conn, &request, soon(), &bulk, &s->err) != TN_OK ||
        PG->bulk->write(bulk, values, ROWS, soon(), &s->err) != TN_OK ||
        PG->bulk->finish(bulk, soon(), &rows, &s->err) != TN_OK)
        fail_msg("%s", s->err.message);
    assert_int_equal(rows, ROWS);
    commit(s);
}

/* The fewest waits over some bulks: an answer may come in pieces. */
static int least_waits(session *s, const char *conflict)
{
    char sql[160], name[TN_TXN_ID_SIZE];
    int least = 1000;

    snprintf(sql, sizeof(sql), "insert into \"tn_few\" (a, b) values ($1, $2) %s", conflict);
    tn_driver_stmt *insert = prepare(s, sql);
    for (int i = 0; i < 10; i++) {
        if (!conflict[0])
            must(s, "truncate tn_few");
        int before = s->host.waits;
        bulk(s, insert, conflict);
        least = s->host.waits - before < least ? s->host.waits - before : least;
        PG->txn->identify(s->conn, name, sizeof(name));
        assert_int_equal(strncmp(name, "pg:", 3), 0);
        assert_int_not_equal(name[3], '0');
        assert_non_null(strchr(name, '.')); /* with its place */
    }
    PG->stmt->close(insert);
    return least;
}

/* BEGIN with COPY, the rows, COMMIT; with a BEGIN of its own where libpq sends it. */
static void a_small_bulk_takes_three_round_trips(void **state)
{
    session s;

    (void)state;
    for (int path = 0; path < PATHS; path++) {
        session_open_by(&s, paths[path], NULL);
        must(&s, "set client_min_messages = warning");
        must(&s, "drop table if exists tn_few");
        must(&s, "create table tn_few (a int primary key, b text)");
        assert_int_equal(least_waits(&s, ""), 3 + path);
        /* the stage; the rows; into the table, and the stage's end */
        assert_int_equal(least_waits(&s, "on conflict (a) do update set b = excluded.b"), 6 + path);
        assert_string_equal(ask(&s, "select count(*) from tn_few"), "10");
        must(&s, "drop table tn_few");
        session_close(&s);
    }
}

/* The name that a bulk's transaction gets is the one that the server gave. */
static void a_bulks_transaction_has_its_name(void **state)
{
    char name[TN_TXN_ID_SIZE];
    tn_outcome outcome = TN_OUTCOME_NONE;
    session s;

    (void)state;
    for (int path = 0; path < PATHS; path++) {
        session_open_by(&s, paths[path], NULL);
        must(&s, "set client_min_messages = warning");
        must(&s, "drop table if exists tn_few");
        must(&s, "create table tn_few (a int primary key, b text)");
        tn_driver_stmt *insert = prepare(&s, "insert into tn_few (a, b) values ($1, $2)");
        bulk(&s, insert, "");
        PG->txn->identify(s.conn, name, sizeof(name));
        /* the rows are of a savepoint within it, which got its number next */
        uint64_t number = strtoull(name + 3, NULL, 10);
        uint64_t of_rows = strtoull(ask(&s, "select min(xmin::text) from tn_few"), NULL, 10);
        assert_true(number && number % (UINT64_C(1) << 32) < of_rows);
        assert_int_equal(PG->txn->outcome(s.conn, tn_str_from(name), soon(), &outcome, &s.err),
                         TN_OK);
        assert_int_equal(outcome, TN_OUTCOME_APPLIED);
        PG->stmt->close(insert);
        must(&s, "drop table tn_few");
        session_close(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_change_under_a_statement_of_its_own),
        cmocka_unit_test(columns_change_within_a_transaction),
        cmocka_unit_test(too_many_rows_to_keep_are_a_limit),
        cmocka_unit_test(a_buffered_answer_is_whole_or_an_error),
        cmocka_unit_test(a_cancel_tells_what_was_applied),
        cmocka_unit_test(a_small_bulk_takes_three_round_trips),
        cmocka_unit_test(a_bulks_transaction_has_its_name),
    };

    return session_run(tests, sizeof(tests) / sizeof(tests[0]));
}
