/* SPDX-License-Identifier: MIT */
/* Transactions: the states of PostgreSQL, by operations and by SQL. */
#include "lite_test.h"

#include <string.h>

#include "sqlite/lite.h"

#define TXN (tn_driver_module.txn)

static tn_conn_state state_of(const lite_test *t)
{
    return tn_driver_module.conn->state(t->conn);
}

static void make(lite_test *t)
{
    lite_test_open(t);
    (void)lite_q(t, "create table t (a integer primary key)");
    (void)lite_test_connect(t, 1);
}

/* What the other connection sees. */
static const char *other(lite_test *t, const char *sql)
{
    if (lite_try(t, t->conns[1], sql, NULL, 0) != TN_OK)
        fail_msg("%s: %s", sql, t->err.message);
    return t->text;
}

static tn_status begin(lite_test *t, tn_isolation isolation, bool read_only)
{
    tn_txn_request request = {
        .size = sizeof request, .isolation = isolation, .read_only = read_only};

    return TXN->begin(t->conn, &request, TN_NO_DEADLINE, &t->err);
}

static void by_operations(void **state)
{
    lite_test *t = *state;

    make(t);
    assert_int_equal(state_of(t), TN_CONN_IDLE);
    assert_int_equal(begin(t, TN_ISOLATION_DEFAULT, false), TN_OK);
    assert_int_equal(state_of(t), TN_CONN_IN_TXN);
    (void)lite_q(t, "insert into t values (1)");
    assert_string_equal(other(t, "select count(*) from t"), "0\n");
    assert_int_equal(TXN->commit(t->conn, TN_NO_DEADLINE, &t->err), TN_OK);
    assert_string_equal(other(t, "select count(*) from t"), "1\n");
    assert_int_equal(begin(t, TN_ISOLATION_DEFAULT, false), TN_OK);
    (void)lite_q(t, "insert into t values (2)");
    assert_int_equal(TXN->rollback(t->conn, TN_NO_DEADLINE, &t->err), TN_OK);
    assert_int_equal(state_of(t), TN_CONN_IDLE);
    assert_string_equal(lite_q(t, "select count(*) from t"), "1\n");
}

static void failed(void **state)
{
    lite_test *t = *state;

    make(t);
    (void)lite_q(t, "begin");
    (void)lite_q(t, "insert into t values (1)");
    lite_fails(t, "selec", "42601");
    assert_int_equal(state_of(t), TN_CONN_FAILED);
    lite_fails(t, "select 1", "25P02");
    assert_int_equal(t->err.status, TN_ABORTED);
    lite_fails(t, "insert into t values (2)", "25P02");
    lite_fails(t, "savepoint x", "25P02");
    lite_fails(t, "begin", "25P02");
    /* Nothing can be saved: the lock is free already. */
    (void)other(t, "insert into t values (5)");
    (void)lite_q(t, "commit");
    assert_string_equal(t->tag, "ROLLBACK");
    assert_int_equal(state_of(t), TN_CONN_IDLE);
    assert_string_equal(lite_q(t, "select a from t"), "5\n");

    assert_int_equal(begin(t, TN_ISOLATION_DEFAULT, false), TN_OK);
    lite_fails(t, "select nosuch", "42703");
    assert_int_equal(TXN->commit(t->conn, TN_NO_DEADLINE, &t->err), TN_ABORTED);
    assert_int_equal(state_of(t), TN_CONN_IDLE);
}

/* A statement that was prepared before is refused as well. */
static void failed_refuses_prepared(void **state)
{
    lite_test *t = *state;
    tn_driver_stmt *stmt = NULL;
    tn_driver_cursor *cursor = NULL;

    make(t);
    assert_int_equal(tn_driver_module.stmt->prepare(t->conn, tn_str_from("select 1"),
                                                    TN_NO_DEADLINE, &stmt, &t->err),
                     TN_OK);
    (void)lite_q(t, "begin");
    lite_fails(t, "selec", "42601");
    assert_int_equal(
        tn_driver_module.cursor->execute(stmt, NULL, 0, 0, TN_NO_DEADLINE, &cursor, &t->err),
        TN_ABORTED);
    assert_null(cursor);
    (void)lite_q(t, "rollback");
    assert_int_equal(
        tn_driver_module.cursor->execute(stmt, NULL, 0, 0, TN_NO_DEADLINE, &cursor, &t->err),
        TN_OK);
    tn_driver_module.cursor->close(cursor);
    tn_driver_module.stmt->close(stmt);
}

static void read_committed(void **state)
{
    lite_test *t = *state;

    make(t);
    assert_int_equal(begin(t, TN_READ_COMMITTED, false), TN_OK);
    assert_string_equal(lite_q(t, "select count(*) from t"), "0\n");
    (void)other(t, "insert into t values (1)"); /* reads hold no lock */
    assert_string_equal(lite_q(t, "select count(*) from t"), "1\n");
    (void)lite_q(t, "insert into t values (2)");
    assert_int_equal(TXN->commit(t->conn, TN_NO_DEADLINE, &t->err), TN_OK);
    assert_string_equal(other(t, "select count(*) from t"), "2\n");
}

static void snapshot(void **state)
{
    static const tn_isolation levels[] = {TN_REPEATABLE_READ, TN_SERIALIZABLE};
    lite_test *t = *state;

    make(t);
    for (int i = 0; i < 2; i++) {
        (void)lite_q(t, "delete from t");
        assert_int_equal(begin(t, levels[i], false), TN_OK);
        (void)lite_q(t, "select 1"); /* takes the snapshot, although it reads no table */
        (void)other(t, "insert into t values (1)");
        assert_string_equal(lite_q(t, "select count(*) from t"), "0\n");
        lite_fails(t, "insert into t values (2)", "40001");
        assert_int_equal(t->err.status, TN_SERIALIZATION);
        assert_int_equal(state_of(t), TN_CONN_FAILED);
        (void)lite_q(t, "rollback");
        assert_string_equal(lite_q(t, "select a from t"), "1\n");
    }
    assert_int_equal(begin(t, TN_REPEATABLE_READ, false), TN_OK);
    (void)lite_q(t, "insert into t values (9)"); /* as the first statement it may write */
    assert_int_equal(TXN->commit(t->conn, TN_NO_DEADLINE, &t->err), TN_OK);
}

static void read_only(void **state)
{
    static const char *const writes[] = {"insert into t values (1)", "update t set a = 1",
                                         "delete from t", "create table z (a integer)",
                                         "drop table t"};
    lite_test *t = *state;

    make(t);
    for (size_t i = 0; i < sizeof writes / sizeof writes[0]; i++) {
        assert_int_equal(begin(t, i % 2 ? TN_REPEATABLE_READ : TN_ISOLATION_DEFAULT, true), TN_OK);
        (void)lite_q(t, "select * from t");
        lite_fails(t, writes[i], "25006");
        assert_non_null(strstr(t->err.message, "in a read-only transaction"));
        (void)lite_q(t, "rollback");
    }
    (void)lite_q(t, "start transaction read only");
    lite_fails(t, "create table z (a integer)", "25006");
    assert_string_equal(t->err.message, "cannot execute CREATE TABLE in a read-only transaction");
    (void)lite_q(t, "rollback");
}

static void savepoints_by_level(void **state)
{
    lite_test *t = *state;

    make(t);
    assert_int_equal(begin(t, TN_ISOLATION_DEFAULT, false), TN_OK);
    assert_int_equal(TXN->savepoint(t->conn, 1, TN_NO_DEADLINE, &t->err), TN_OK); /* not real yet */
    (void)lite_q(t, "insert into t values (1)");
    assert_int_equal(TXN->savepoint(t->conn, 2, TN_NO_DEADLINE, &t->err), TN_OK);
    (void)lite_q(t, "insert into t values (2)");
    lite_fails(t, "insert into t values (2)", "23505");
    assert_int_equal(TXN->rollback_to(t->conn, 2, TN_NO_DEADLINE, &t->err), TN_OK);
    assert_int_equal(state_of(t), TN_CONN_IN_TXN);
    assert_string_equal(lite_q(t, "select a from t"), "1\n");
    (void)lite_q(t, "insert into t values (3)");
    assert_int_equal(TXN->release(t->conn, 2, TN_NO_DEADLINE, &t->err), TN_OK);
    assert_int_equal(TXN->rollback_to(t->conn, 1, TN_NO_DEADLINE, &t->err), TN_OK);
    assert_string_equal(lite_q(t, "select count(*) from t"), "0\n");
    (void)lite_q(t, "insert into t values (4)");
    assert_int_equal(TXN->commit(t->conn, TN_NO_DEADLINE, &t->err), TN_OK);
    assert_string_equal(other(t, "select a from t"), "4\n");
}

/* An error before anything was written: only the states tell. */
static void savepoints_before_a_write(void **state)
{
    lite_test *t = *state;

    make(t);
    (void)lite_q(t, "begin");
    (void)lite_q(t, "savepoint a");
    (void)lite_q(t, "savepoint b");
    lite_fails(t, "select nosuch", "42703");
    (void)lite_q(t, "rollback to a");
    lite_fails(t, "rollback to b", "3B001");
    (void)lite_q(t, "rollback to a");
    (void)lite_q(t, "insert into t values (1)");
    (void)lite_q(t, "rollback to a");
    (void)lite_q(t, "insert into t values (2)");
    (void)lite_q(t, "release a");
    (void)lite_q(t, "commit");
    assert_string_equal(lite_q(t, "select a from t"), "2\n");
}

static void savepoints_by_name(void **state)
{
    lite_test *t = *state;

    make(t);
    lite_fails(t, "savepoint a", "25P01");
    lite_fails(t, "release a", "25P01");
    lite_fails(t, "rollback to a", "25P01");
    (void)lite_q(t, "begin");
    (void)lite_q(t, "insert into t values (1)");
    (void)lite_q(t, "savepoint a");
    (void)lite_q(t, "insert into t values (2)");
    (void)lite_q(t, "savepoint \"A\"");
    (void)lite_q(t, "insert into t values (3)");
    (void)lite_q(t, "savepoint a"); /* hides the first of that name */
    (void)lite_q(t, "insert into t values (4)");
    (void)lite_q(t, "rollback to savepoint A");
    assert_string_equal(lite_q(t, "select max(a) from t"), "3\n");
    (void)lite_q(t, "release a");
    (void)lite_q(t, "rollback work to \"A\"");
    assert_string_equal(lite_q(t, "select max(a) from t"), "2\n");
    (void)lite_q(t, "rollback transaction to a");
    assert_string_equal(lite_q(t, "select max(a) from t"), "1\n");
    lite_fails(t, "release \"A\"", "3B001");
    assert_int_equal(state_of(t), TN_CONN_FAILED);
    (void)lite_q(t, "abort");
    assert_string_equal(t->tag, "ROLLBACK");
    assert_string_equal(lite_q(t, "select count(*) from t"), "0\n");
}

static void commands(void **state)
{
    static const struct {
        const char *sql;
        const char *tag;
        tn_conn_state after;
    } cases[] = {
        {"BEGIN WORK ISOLATION LEVEL REPEATABLE READ, READ ONLY", "BEGIN", TN_CONN_IN_TXN},
        {"END", "COMMIT", TN_CONN_IDLE},
        {"start transaction isolation level serializable read write not deferrable", "BEGIN",
         TN_CONN_IN_TXN},
        {"begin", "BEGIN", TN_CONN_IN_TXN}, /* a warning */
        {"rollback and no chain;", "ROLLBACK", TN_CONN_IDLE},
        {"rollback", "ROLLBACK", TN_CONN_IDLE}, /* a warning */
        {"commit", "COMMIT", TN_CONN_IDLE},     /* a warning */
        {"begin immediate", "BEGIN", TN_CONN_IN_TXN},
        {"commit transaction", "COMMIT", TN_CONN_IDLE},
        {"begin deferred transaction", "BEGIN", TN_CONN_IN_TXN},
        {"/* comment */ abort -- end", "ROLLBACK", TN_CONN_IDLE},
    };
    static const char *const wrong[] = {"begin isolation", "begin isolation level",
                                        "begin read",      "begin nonsense",
                                        "commit now",      "start",
                                        "savepoint",       "release 5",
                                        "rollback to",     "begin,",
                                        "commit and"};
    lite_test *t = *state;

    make(t);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        (void)lite_q(t, cases[i].sql);
        if (strcmp(t->tag, cases[i].tag) != 0 || state_of(t) != cases[i].after)
            fail_msg("%s: \"%s\", state %d", cases[i].sql, t->tag, (int)state_of(t));
    }
    assert_int_equal(t->hosts[0].logged, 3);
    assert_string_equal(t->hosts[0].component, "server");
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        lite_fails(t, wrong[i], "42601");
    lite_fails(t, "commit and chain", "0A000");
}

static void schema_changes_roll_back(void **state)
{
    lite_test *t = *state;

    make(t);
    (void)lite_q(t, "begin");
    (void)lite_q(t, "create table z (a integer)");
    (void)lite_q(t, "alter table t add column b text");
    (void)lite_q(t, "rollback");
    lite_fails(t, "select * from z", "42P01");
    lite_fails(t, "select b from t", "42703");
}

static void reset(void **state)
{
    lite_test *t = *state;

    make(t);
    (void)lite_q(t, "begin");
    (void)lite_q(t, "insert into t values (1)");
    (void)lite_q(t, "create temp table z (a integer)");
    assert_int_equal(tn_driver_module.conn->reset(t->conn, TN_NO_DEADLINE, &t->err), TN_OK);
    assert_int_equal(state_of(t), TN_CONN_IDLE);
    assert_string_equal(lite_q(t, "select count(*) from t"), "0\n");
    (void)lite_q(t, "create temp table z (a integer)");
    (void)lite_q(t, "create temp view y as select a from z");
    (void)lite_q(t, "create temp trigger x after insert on t begin delete from z; end");
    assert_int_equal(tn_driver_module.conn->reset(t->conn, TN_NO_DEADLINE, &t->err), TN_OK);
    lite_fails(t, "select * from z", "42P01");
    (void)lite_q(t, "insert into t values (5)");

    (void)lite_q(t, "pragma user_version = 7"); /* of the file */
    (void)lite_q(t, "pragma table_info(t)");
    assert_int_equal(tn_driver_module.conn->reset(t->conn, TN_NO_DEADLINE, &t->err), TN_OK);
    (void)lite_q(t, "pragma foreign_keys = off"); /* of the session */
    assert_int_not_equal(tn_driver_module.conn->reset(t->conn, TN_NO_DEADLINE, &t->err), TN_OK);
}

/* SQLite rolls all back by itself when a writing statement is interrupted. */
static void interrupted_write(void **state)
{
    lite_test *t = *state;

    make(t);
    (void)lite_q(t, "begin");
    (void)lite_q(t, "insert into t values (1)");
    (void)lite_q(t, "savepoint a");
    t->deadline = driver_host_deadline(30);
    lite_fails(t,
               "insert into t with recursive n(i) as (select 2 union all select i + 1 from n) "
               "select i from n",
               "57014");
    assert_int_equal(t->err.status, TN_TIMEOUT);
    t->deadline = TN_NO_DEADLINE;
    assert_int_equal(state_of(t), TN_CONN_FAILED);
    lite_fails(t, "select 1", "25P02");
    lite_fails(t, "rollback to a", "25P02"); /* nothing is left to roll back to */
    (void)lite_q(t, "rollback");
    assert_string_equal(lite_q(t, "select count(*) from t"), "0\n");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, lite_test_begin, lite_test_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(by_operations),
        TEST(failed),
        TEST(failed_refuses_prepared),
        TEST(read_committed),
        TEST(snapshot),
        TEST(read_only),
        TEST(savepoints_by_level),
        TEST(savepoints_before_a_write),
        TEST(savepoints_by_name),
        TEST(commands),
        TEST(schema_changes_roll_back),
        TEST(reset),
        TEST(interrupted_write),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
