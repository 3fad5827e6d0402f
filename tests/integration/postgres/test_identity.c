/* SPDX-License-Identifier: MIT */
/* Under which name a transaction is known, when that is learnt, and what became of it. */
#include "pg_session.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void begin(session *s)
{
    tn_txn_request request = {.size = sizeof(request)};

    if (PG->txn->begin(s->conn, &request, soon(), &s->err) != TN_OK)
        fail_msg("begin: %s", s->err.message);
}

static void commit(session *s)
{
    if (PG->txn->commit(s->conn, soon(), &s->err) != TN_OK)
        fail_msg("commit: %s", s->err.message);
}

static void rollback(session *s)
{
    if (PG->txn->rollback(s->conn, soon(), &s->err) != TN_OK)
        fail_msg("rollback: %s", s->err.message);
}

static const char *name_of(const session *s)
{
    static char name[TN_TXN_ID_SIZE];

    PG->txn->identify(s->conn, name, sizeof(name));
    return name;
}

static uint64_t number_of(const char *name)
{
    if (strncmp(name, "pg:", 3) != 0)
        fail_msg("\"%s\" is no name", name);
    return strtoull(name + 3, NULL, 10);
}

static uint64_t number_now(session *s)
{
    return strtoull(ask(s, "select pg_current_xact_id()"), NULL, 10);
}

static tn_outcome outcome_of(session *s, const char *name)
{
    tn_outcome outcome = (tn_outcome)99;

    if (PG->txn->outcome(s->conn, tn_str_from(name), soon(), &outcome, &s->err) != TN_OK)
        fail_msg("%s: %s", name, s->err.message);
    assert_state(s, TN_CONN_IDLE);
    return outcome;
}

static void expect_last_is(session *s, uint64_t number)
{
    assert_int_equal(number_of(name_of(s)), number);
    assert_int_equal(outcome_of(s, name_of(s)), TN_OUTCOME_APPLIED);
}

static void open_with_table(session *s)
{
    session_open(s, NULL, NULL);
    must(s, "set client_min_messages = warning");
    must(s, "drop table if exists tn_identity");
    must(s, "create table tn_identity (a int primary key, b text)");
}

static void close_with_table(session *s)
{
    must(s, "drop table tn_identity");
    session_close(s);
}

/* ---- when it is learnt ----------------------------------------------------------------------- */

/* The fewest waits that a statement took, over some transactions: an answer may come in pieces. */
static int least_waits(session *s, tn_driver_stmt *first, tn_driver_stmt *counted, bool of_commit)
{
    int least = 1000;

    for (int i = 0; i < 10; i++) {
        begin(s);
        if (first)
            assert_int_equal(run_stmt(s, first, NULL, 0, 0, NULL), TN_OK);
        int before = s->host.waits;
        if (counted)
            assert_int_equal(run_stmt(s, counted, NULL, 0, 0, NULL), TN_OK);
        int waits = s->host.waits - before;
        before = s->host.waits;
        commit(s);
        if (of_commit)
            waits = s->host.waits - before;
        least = waits < least ? waits : least;
    }
    return least;
}

static void it_costs_no_round_trip(void **state)
{
    session s;

    (void)state;
    open_with_table(&s);
    tn_driver_stmt *insert = prepare(
        &s, "insert into tn_identity select count(*) + 1, 'x' from tn_identity");
    tn_driver_stmt *select = prepare(&s, "select a from tn_identity limit 1");
    tn_driver_stmt *call = prepare(&s, "select pg_advisory_xact_lock(1)");
    assert_int_equal(least_waits(&s, NULL, insert, false), 1);
    number_of(name_of(&s));
    assert_int_equal(least_waits(&s, insert, insert, false), 1);
    assert_int_equal(least_waits(&s, NULL, insert, true), 1);
    /* who reads only pays nothing and has no name */
    assert_int_equal(least_waits(&s, NULL, select, true), 1);
    assert_string_equal(name_of(&s), "");
    /* nothing was said, not even BEGIN */
    assert_int_equal(least_waits(&s, NULL, NULL, true), 0);
    /* a function may do anything: asked before COMMIT, unless it is known by then */
    assert_int_equal(least_waits(&s, NULL, call, true), 2);
    assert_string_equal(name_of(&s), "");
    assert_int_equal(least_waits(&s, call, insert, true), 1);
    number_of(name_of(&s));
    PG->stmt->close(insert);
    PG->stmt->close(select);
    PG->stmt->close(call);
    close_with_table(&s);
}

static void it_is_the_transactions_number(void **state)
{
    static const char *const writing[] = {
        "insert into tn_identity values (1, 'a')",
        "update tn_identity set b = 'c'",
        "with gone as (delete from tn_identity returning a) select count(*) from gone",
        "insert into tn_identity values (2, 'b') on conflict do nothing returning a",
        "create index tn_identity_b on tn_identity (b)",
        "do $$ begin insert into tn_identity values (3, 'c'); end $$",
        "select set_config('a.b', pg_current_xact_id()::text, true)",
        "explain analyze delete from tn_identity",
        "truncate tn_identity",
    };
    session s;

    (void)state;
    open_with_table(&s);
    for (size_t i = 0; i < sizeof(writing) / sizeof(writing[0]); i++) {
        begin(&s);
        must(&s, writing[i]);
        uint64_t number = number_now(&s);
        commit(&s);
        expect_last_is(&s, number);
    }
    /* one that found nothing to do has none, the one after it has */
    begin(&s);
    must(&s, "update tn_identity set b = 'c' where a = -1");
    commit(&s);
    assert_string_equal(name_of(&s), "");
    begin(&s);
    must(&s, "update tn_identity set b = 'c' where a = -1");
    must(&s, "insert into tn_identity values (7, 'g')");
    uint64_t number = number_now(&s);
    commit(&s);
    expect_last_is(&s, number);
    /* by itself a statement has no transaction of ours */
    must(&s, "insert into tn_identity values (8, 'h')");
    expect_last_is(&s, number);
    close_with_table(&s);
}

static void savepoints_have_one_number(void **state)
{
    session s;

    (void)state;
    open_with_table(&s);
    begin(&s);
    assert_int_equal(PG->txn->savepoint(s.conn, 1, soon(), &s.err), TN_OK);
    must(&s, "insert into tn_identity values (1, 'a')");
    assert_int_equal(run(&s, "insert into tn_identity values (1, 'a')"), TN_CONSTRAINT);
    assert_state(&s, TN_CONN_FAILED);
    assert_int_equal(PG->txn->rollback_to(s.conn, 1, soon(), &s.err), TN_OK);
    must(&s, "insert into tn_identity values (2, 'b')");
    uint64_t number = number_now(&s);
    assert_int_equal(PG->txn->release(s.conn, 1, soon(), &s.err), TN_OK);
    commit(&s);
    expect_last_is(&s, number);
    /* the first statement fails, the question with it; after the savepoint it is asked anew */
    begin(&s);
    assert_int_equal(PG->txn->savepoint(s.conn, 1, soon(), &s.err), TN_OK);
    assert_int_equal(run(&s, "insert into tn_identity values (2, 'b')"), TN_CONSTRAINT);
    assert_state(&s, TN_CONN_FAILED);
    assert_int_equal(run(&s, "insert into tn_identity values (3, 'b')"), TN_ABORTED);
    assert_int_equal(PG->txn->rollback_to(s.conn, 1, soon(), &s.err), TN_OK);
    must(&s, "insert into tn_identity values (3, 'c')");
    number = number_now(&s);
    commit(&s);
    expect_last_is(&s, number);
    close_with_table(&s);
}

static void texts_begin_and_end_transactions(void **state)
{
    session s;

    (void)state;
    open_with_table(&s);
    must(&s, "begin");
    must(&s, "insert into tn_identity values (1, 'a')");
    uint64_t number = number_now(&s);
    must(&s, "commit and chain");
    assert_int_equal(number_of(name_of(&s)), number);
    must(&s, "insert into tn_identity values (2, 'a')");
    must(&s, "rollback and chain");
    must(&s, "insert into tn_identity values (3, 'a')");
    uint64_t third = number_now(&s);
    must(&s, "end");
    expect_last_is(&s, third);
    assert_string_equal(ask(&s, "select count(*) from tn_identity"), "2");
    /* asked for before a COMMIT in words, too */
    must(&s, "begin");
    must(&s, "do $$ begin insert into tn_identity values (4, 'c'); end $$");
    number = number_now(&s);
    must(&s, "commit");
    expect_last_is(&s, number);
    close_with_table(&s);
}

/* ---- every way in which the answer can end --------------------------------------------------- */

static const char many[] = "insert into tn_identity select i, repeat('x', 1000)"
                           " from generate_series(1, 3000) i returning a, b";

static void an_answer_is_read_in_every_way(void **state)
{
    session s;
    tn_driver_cursor *cursor = NULL;
    tn_batch batch = {.size = sizeof(batch)};
    int64_t rows;

    (void)state;
    open_with_table(&s);
    tn_driver_stmt *stmt = prepare(&s, many), *other = prepare(&s, "select 1 union select 2");
    for (uint32_t flags = 0; flags <= TN_EXECUTE_STREAM; flags++) {
        begin(&s);
        /* how an answer before it was read must not matter */
        assert_int_equal(run_stmt(&s, other, NULL, 0, flags ^ TN_EXECUTE_STREAM, NULL), TN_OK);
        assert_int_equal(run_stmt(&s, stmt, NULL, 0, flags, &rows), TN_OK);
        assert_int_equal(rows, 3000);
        must(&s, "delete from tn_identity");
        uint64_t number = number_now(&s);
        commit(&s);
        expect_last_is(&s, number);
    }
    begin(&s);
    assert_int_equal(PG->cursor->execute(stmt, NULL, 0, TN_EXECUTE_STREAM, soon(), &cursor, &s.err),
                     TN_OK);
    assert_int_equal(PG->cursor->fetch(cursor, soon(), &batch, &s.err), TN_OK);
    rows = batch.rows;
    assert_int_equal(PG->cursor->detach(cursor, 100000000, soon(), &s.err), TN_OK);
    assert_state(&s, TN_CONN_IN_TXN);
    must(&s, "delete from tn_identity");
    uint64_t number = number_now(&s);
    while (!batch.done) {
        assert_int_equal(PG->cursor->fetch(cursor, soon(), &batch, &s.err), TN_OK);
        rows += batch.rows;
    }
    assert_int_equal(rows, 3000);
    PG->cursor->close(cursor);
    commit(&s);
    expect_last_is(&s, number);
    PG->stmt->close(stmt);
    PG->stmt->close(other);
    close_with_table(&s);
}

static void an_answer_that_is_not_read_is_ended(void **state)
{
    session s;
    tn_driver_cursor *cursor = NULL;
    tn_batch batch = {.size = sizeof(batch)};
    tn_outcome outcome = TN_OUTCOME_NONE;

    (void)state;
    open_with_table(&s);
    tn_driver_stmt *stmt = prepare(&s, "insert into tn_identity select i, repeat('x', 1000)"
                                       " from generate_series(1, 50000) i returning a, b");
    begin(&s);
    assert_int_equal(PG->cursor->execute(stmt, NULL, 0, TN_EXECUTE_STREAM, soon(), &cursor, &s.err),
                     TN_OK);
    assert_int_equal(PG->cursor->fetch(cursor, soon(), &batch, &s.err), TN_OK);
    PG->cursor->close(cursor);
    assert_state(&s, TN_CONN_BUSY);
    assert_int_equal(PG->conn->cancel(s.conn, soon(), &outcome, &s.err), TN_OK);
    /* a server that only sends what it has done does not listen any more */
    assert_state(&s, outcome == TN_OUTCOME_APPLIED ? TN_CONN_IN_TXN : TN_CONN_FAILED);
    rollback(&s);
    PG->stmt->close(stmt);
    /* a short one is read to its end by closing it, when its end is there */
    stmt = prepare(&s, "insert into tn_identity values (1, 'a') returning a");
    begin(&s);
    assert_int_equal(PG->cursor->execute(stmt, NULL, 0, TN_EXECUTE_STREAM, soon(), &cursor, &s.err),
                     TN_OK);
    PG->cursor->close(cursor);
    if (PG->conn->state(s.conn) == TN_CONN_BUSY)
        assert_int_equal(PG->conn->cancel(s.conn, soon(), NULL, &s.err), TN_OK);
    if (PG->conn->state(s.conn) == TN_CONN_IN_TXN) {
        uint64_t number = number_now(&s);
        commit(&s);
        expect_last_is(&s, number);
    } else {
        rollback(&s);
    }
    PG->stmt->close(stmt);
    close_with_table(&s);
}

static void a_deadline_and_a_request_end_it(void **state)
{
    session s;
    tn_driver_cursor *cursor = NULL;
    tn_outcome outcome = TN_OUTCOME_NONE;

    (void)state;
    open_with_table(&s);
    tn_driver_stmt *slow = prepare(&s, "insert into tn_identity select 1 from pg_sleep(30)");
    begin(&s);
    assert_int_equal(
        PG->cursor->execute(slow, NULL, 0, 0, driver_host_deadline(50), &cursor, &s.err),
        TN_TIMEOUT);
    assert_state(&s, TN_CONN_BUSY);
    assert_int_equal(PG->conn->cancel(s.conn, soon(), &outcome, &s.err), TN_OK);
    assert_int_equal(outcome, TN_OUTCOME_NOT_APPLIED);
    assert_state(&s, TN_CONN_FAILED);
    rollback(&s);
    PG->stmt->close(slow);
    /* sent and not waited for, but done */
    tn_driver_stmt *quick = prepare(&s, "insert into tn_identity values (2, 'b')");
    begin(&s);
    s.host.interrupted = true;
    assert_int_equal(PG->cursor->execute(quick, NULL, 0, 0, soon(), &cursor, &s.err), TN_CANCELLED);
    s.host.interrupted = false;
    assert_state(&s, TN_CONN_BUSY);
    usleep(100000);
    assert_int_equal(PG->conn->cancel(s.conn, soon(), &outcome, &s.err), TN_OK);
    assert_int_equal(outcome, TN_OUTCOME_APPLIED);
    assert_state(&s, TN_CONN_IN_TXN);
    uint64_t number = number_now(&s);
    commit(&s);
    expect_last_is(&s, number);
    PG->stmt->close(quick);
    close_with_table(&s);
}

/* Whenever the request comes, the wire is in order behind it. */
static void a_request_at_any_time(void **state)
{
    session s;
    int cancelled = 0, kept = 0;
    uint32_t random = 54321;

    (void)state;
    open_with_table(&s);
    tn_driver_stmt *stmt = prepare(&s, "insert into tn_identity select count(*) + 1, 'x'"
                                       " from tn_identity, pg_sleep(0.002)");
    for (int i = 0; i < 200; i++) {
        tn_driver_cursor *cursor = NULL;
        random = random * 1103515245u + 12345u;
        begin(&s);
        int64_t deadline = driver_host_deadline(0) + (int64_t)(random >> 8) % 3500000;
        tn_status status = PG->cursor->execute(stmt, NULL, 0, 0, deadline, &cursor, &s.err);
        PG->cursor->close(cursor);
        if (PG->conn->state(s.conn) == TN_CONN_BUSY) {
            assert_int_equal(status, TN_TIMEOUT);
            assert_int_equal(PG->conn->cancel(s.conn, soon(), NULL, &s.err), TN_OK);
            cancelled++;
        }
        if (PG->conn->state(s.conn) == TN_CONN_IN_TXN) {
            uint64_t number = number_now(&s);
            commit(&s);
            expect_last_is(&s, number);
            kept++;
        } else {
            assert_state(&s, TN_CONN_FAILED);
            rollback(&s);
        }
    }
    print_message("%d cancelled, %d kept\n", cancelled, kept);
    assert_true(cancelled > 0);
    PG->stmt->close(stmt);
    close_with_table(&s);
}

/* The server forgot the statement; the question behind it is passed over. */
static void a_statement_that_was_lost_is_told(void **state)
{
    session s;

    (void)state;
    open_with_table(&s);
    tn_driver_stmt *stmt = prepare(&s, "insert into tn_identity values (5, 'e')");
    must(&s, "do $$ begin execute 'deallocate all'; end $$");
    begin(&s);
    assert_int_equal(run_stmt(&s, stmt, NULL, 0, 0, NULL), TN_DRIVER_STALE);
    assert_state(&s, TN_CONN_FAILED);
    rollback(&s);
    PG->stmt->close(stmt);
    must(&s, "insert into tn_identity values (5, 'e')");
    close_with_table(&s);
}

static void a_connection_that_is_lost_is_told(void **state)
{
    static const char *const dying[] = {
        /* in the statement, and in its answer */
        "insert into tn_identity select 1 from pg_terminate_backend(pg_backend_pid()),"
        " pg_sleep(10)",
        "insert into tn_identity select i, repeat('x', 1000) from generate_series(1, 3000) i"
        " returning case when a > 2990 then pg_terminate_backend(pg_backend_pid()) end, b,"
        " case when a > 2990 then pg_sleep(10)::text end",
    };
    session s;

    (void)state;
    open_with_table(&s);
    session_close(&s);
    for (size_t i = 0; i < 2 * sizeof(dying) / sizeof(dying[0]); i++) {
        session_open(&s, NULL, NULL);
        tn_driver_stmt *stmt = prepare(&s, dying[i / 2]);
        begin(&s);
        assert_int_equal(run_stmt(&s, stmt, NULL, 0, i % 2 ? TN_EXECUTE_STREAM : 0, NULL), TN_LOST);
        assert_string_equal(s.err.sqlstate, "57P01");
        assert_int_equal(s.err.outcome, TN_OUTCOME_NOT_APPLIED);
        assert_state(&s, TN_CONN_BROKEN);
        assert_string_equal(name_of(&s), "");
        PG->stmt->close(stmt);
        session_close(&s);
    }
    session_open(&s, NULL, NULL);
    close_with_table(&s);
}

/* Without named statements it is the same. */
static void it_needs_no_named_statements(void **state)
{
    session s;

    (void)state;
    session_open(&s, NULL, "off");
    must(&s, "set client_min_messages = warning");
    must(&s, "drop table if exists tn_identity");
    must(&s, "create table tn_identity (a int primary key, b text)");
    begin(&s);
    must(&s, many);
    uint64_t number = number_now(&s);
    commit(&s);
    expect_last_is(&s, number);
    close_with_table(&s);
}

/* ---- what became of it ----------------------------------------------------------------------- */

static void outcomes_are_told(void **state)
{
    char undone[TN_TXN_ID_SIZE], name[TN_TXN_ID_SIZE];
    session s, other;

    (void)state;
    open_with_table(&s);
    session_open(&other, NULL, NULL);
    begin(&s);
    must(&s, "insert into tn_identity values (1, 'a')");
    uint64_t number = number_now(&s);
    snprintf(undone, sizeof(undone), "pg:%" PRIu64, number);
    assert_int_equal(outcome_of(&other, undone), TN_OUTCOME_IN_DOUBT);
    rollback(&s);
    assert_int_equal(outcome_of(&other, undone), TN_OUTCOME_NOT_APPLIED);
    /* COMMIT that fails */
    must(&s, "create table tn_late (a int unique deferrable initially deferred)");
    begin(&s);
    must(&s, "insert into tn_late values (1), (1)");
    assert_int_equal(PG->txn->commit(s.conn, soon(), &s.err), TN_CONSTRAINT);
    assert_int_equal(outcome_of(&other, name_of(&s)), TN_OUTCOME_NOT_APPLIED);
    begin(&s);
    must(&s, "insert into tn_identity values (1, 'a')");
    commit(&s);
    snprintf(name, sizeof(name), "%s", name_of(&s));
    assert_int_equal(outcome_of(&other, name), TN_OUTCOME_APPLIED);
    /* a number that nobody had */
    assert_int_equal(outcome_of(&other, "pg:1000000000000000"), TN_OUTCOME_NOT_APPLIED);
    assert_string_equal(other.host.component, "postgresql");
    assert_int_equal(other.host.level, TN_LOG_WARN);
    /* another cluster, for both */
    char *cluster = strrchr(name, '.');
    if (cluster) {
        cluster[1] = cluster[1] == '1' ? '2' : '1';
        assert_int_equal(outcome_of(&other, name), TN_OUTCOME_NONE);
        assert_int_equal(outcome_of(&other, "pg:1000000000000000.1234.abcd"), TN_OUTCOME_NONE);
    }
    must(&s, "drop table tn_late");
    session_close(&other);
    close_with_table(&s);
}

static void what_is_no_name_is_refused(void **state)
{
    static const char *const names[] = {
        "",
        "pg:",
        "pg:0",
        "pg:-1",
        "pg:1x",
        "pg:1.",
        "pg:1.2",
        "pg:1.2.",
        "pg:1.2.3.4",
        "pg:1.g.1",
        "sqlite:1",
        "pg:18446744073709551616",
        "1",
        "pg:1.1.123456789",
        "pg:1; select 1",
        "pg: 1",
    };
    session s;
    tn_outcome outcome = TN_OUTCOME_APPLIED;

    (void)state;
    session_open(&s, NULL, NULL);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (PG->txn->outcome(s.conn, tn_str_from(names[i]), soon(), &outcome, &s.err) != TN_MISUSE)
            fail_msg("\"%s\" was taken", names[i]);
    assert_int_equal(outcome, TN_OUTCOME_APPLIED);
    assert_string_equal(name_of(&s), "");
    session_close(&s);
}

/* Given up while the commit waits: the server ends it or not, and tells. */
static void a_commit_in_doubt_is_resolved(void **state)
{
    session s, other;
    char name[TN_TXN_ID_SIZE];
    int64_t give_up;

    (void)state;
    open_with_table(&s);
    session_open(&other, NULL, NULL);
    must(&s, "create function tn_wait() returns trigger language plpgsql as"
             " $$ begin perform pg_advisory_xact_lock(815); return null; end $$");
    must(&s, "create constraint trigger w after insert on tn_identity deferrable initially deferred"
             " for each row execute function tn_wait()");
    must(&other, "select pg_advisory_lock(815)");
    begin(&s);
    must(&s, "insert into tn_identity values (1, 'a')");
    give_up = driver_host_deadline(50);
    assert_int_equal(PG->txn->commit(s.conn, give_up, &s.err), TN_OUTCOME_UNKNOWN);
    assert_int_equal(s.err.outcome, TN_OUTCOME_IN_DOUBT);
    snprintf(name, sizeof(name), "%s", name_of(&s));
    assert_int_equal(outcome_of(&other, name), TN_OUTCOME_IN_DOUBT);
    must(&other, "select pg_advisory_unlock(815)");
    int left = 6000;
    while (outcome_of(&other, name) == TN_OUTCOME_IN_DOUBT && --left)
        usleep(10000);
    assert_int_equal(outcome_of(&other, name), TN_OUTCOME_APPLIED);
    tn_outcome outcome = TN_OUTCOME_NONE;
    assert_int_equal(PG->conn->cancel(s.conn, soon(), &outcome, &s.err), TN_OK);
    assert_int_equal(outcome, TN_OUTCOME_APPLIED);
    assert_state(&s, TN_CONN_IDLE);
    must(&s, "drop function tn_wait() cascade");
    session_close(&other);
    close_with_table(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_costs_no_round_trip),
        cmocka_unit_test(it_is_the_transactions_number),
        cmocka_unit_test(savepoints_have_one_number),
        cmocka_unit_test(texts_begin_and_end_transactions),
        cmocka_unit_test(an_answer_is_read_in_every_way),
        cmocka_unit_test(an_answer_that_is_not_read_is_ended),
        cmocka_unit_test(a_deadline_and_a_request_end_it),
        cmocka_unit_test(a_request_at_any_time),
        cmocka_unit_test(a_statement_that_was_lost_is_told),
        cmocka_unit_test(a_connection_that_is_lost_is_told),
        cmocka_unit_test(it_needs_no_named_statements),
        cmocka_unit_test(outcomes_are_told),
        cmocka_unit_test(what_is_no_name_is_refused),
        cmocka_unit_test(a_commit_in_doubt_is_resolved),
    };

    return session_run(tests, sizeof(tests) / sizeof(tests[0]));
}
