/* SPDX-License-Identifier: MIT */
/* Rows in batches, detaching, closing early, and a schema that changes under a statement. */
#include "lite_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STMT   (tn_driver_module.stmt)
#define CURSOR (tn_driver_module.cursor)

static tn_driver_stmt *prepare(lite_test *t, const char *sql)
{
    tn_driver_stmt *stmt = NULL;

    if (STMT->prepare(t->conn, tn_str_from(sql), TN_NO_DEADLINE, &stmt, &t->err) != TN_OK)
        fail_msg("%s: %s", sql, t->err.message);
    return stmt;
}

static tn_driver_cursor *execute(lite_test *t, tn_driver_stmt *stmt, const tn_value *params,
                                 size_t n)
{
    tn_driver_cursor *cursor = NULL;

    if (CURSOR->execute(stmt, params, n, TN_EXECUTE_STREAM, TN_NO_DEADLINE, &cursor, &t->err) !=
        TN_OK)
        fail_msg("%s", t->err.message);
    return cursor;
}

static tn_batch fetch(lite_test *t, tn_driver_cursor *cursor)
{
    tn_batch batch = {.size = sizeof batch};

    if (CURSOR->fetch(cursor, TN_NO_DEADLINE, &batch, &t->err) != TN_OK)
        fail_msg("%s", t->err.message);
    return batch;
}

static void fill(lite_test *t, int rows)
{
    char sql[200];

    lite_test_open(t);
    (void)lite_q(t, "create table t (a integer primary key, b text)");
    (void)snprintf(sql, sizeof sql,
                   "insert into t with recursive n(i) as (select 1 union all select i + 1 from n "
                   "where i < %d) select i, 'text ' || i from n",
                   rows);
    (void)lite_q(t, sql);
}

/* Every row once, in order, its text whole. */
static int64_t check_batch(const tn_batch *batch, int64_t row)
{
    char text[32];

    for (uint32_t i = 0; i < batch->rows; i++) {
        const tn_value *value = &batch->values[i * 2];
        row++;
        assert_int_equal(value[0].as.i, row);
        (void)snprintf(text, sizeof text, "text %d", (int)row);
        assert_string_equal(value[1].as.ptr, text);
        assert_int_equal(value[1].len, strlen(text));
    }
    return row;
}

static void batches(void **state)
{
    lite_test *t = *state;
    tn_driver_cursor *cursor;
    tn_driver_stmt *stmt;
    tn_batch batch;

    fill(t, 1000);
    stmt = prepare(t, "select a, b from t order by a");
    for (int again = 0; again < 3; again++) {
        int64_t row = 0;
        cursor = execute(t, stmt, NULL, 0);
        do {
            batch = fetch(t, cursor);
            assert_true(batch.rows <= 64 && (batch.rows > 0 || batch.done));
            row = check_batch(&batch, row);
        } while (!batch.done);
        assert_int_equal(row, 1000);
        assert_int_equal(batch.affected, 1000);
        assert_string_equal(batch.tag, "SELECT 1000");
        CURSOR->close(cursor);
    }
    STMT->close(stmt);
}

/* What was handed over before stays, the rest comes from memory, the statement is free at once. */
static void detach(void **state)
{
    lite_test *t = *state;
    tn_driver_cursor *first, *second;
    tn_driver_stmt *stmt;
    tn_batch batch;
    int64_t row = 0;

    fill(t, 500);
    stmt = prepare(t, "select a, b from t order by a");
    first = execute(t, stmt, NULL, 0);
    batch = fetch(t, first);
    assert_int_equal(CURSOR->detach(first, 1 << 20, TN_NO_DEADLINE, &t->err), TN_OK);
    row = check_batch(&batch, row);
    second = execute(t, stmt, NULL, 0); /* the same statement once more */
    tn_batch other = fetch(t, second);
    (void)check_batch(&other, 0);
    CURSOR->close(second);
    (void)lite_q(t, "drop table t");
    do {
        batch = fetch(t, first);
        row = check_batch(&batch, row);
    } while (!batch.done);
    assert_int_equal(row, 500);
    assert_string_equal(batch.tag, "SELECT 500");
    CURSOR->close(first);
    STMT->close(stmt);
}

static void detach_has_a_limit(void **state)
{
    lite_test *t = *state;
    tn_driver_cursor *cursor;
    tn_driver_stmt *stmt;

    fill(t, 500);
    stmt = prepare(t, "select a, b from t");
    cursor = execute(t, stmt, NULL, 0);
    assert_int_equal(CURSOR->detach(cursor, 2000, TN_NO_DEADLINE, &t->err), TN_LIMIT);
    assert_string_equal(t->err.sqlstate, "54000");
    CURSOR->close(cursor);
    assert_string_equal(lite_q(t, "select count(*) from t"), "500\n");
    STMT->close(stmt);
}

/* Closed before its end: nothing of it is left that others would wait for. */
static void close_early(void **state)
{
    lite_test *t = *state;
    tn_driver_cursor *cursor;
    tn_driver_stmt *stmt;

    fill(t, 500);
    stmt = prepare(t, "select a, b from t");
    cursor = execute(t, stmt, NULL, 0);
    (void)fetch(t, cursor);
    CURSOR->close(cursor);
    assert_int_equal(tn_driver_module.conn->state(t->conn), TN_CONN_IDLE);
    (void)lite_q(t, "drop table t");
    STMT->close(stmt);

    (void)lite_q(t, "create table u (a integer)");
    stmt = prepare(t, "insert into u values (1), (2), (3) returning a");
    cursor = execute(t, stmt, NULL, 0);
    CURSOR->close(cursor); /* not one row was read, all are in */
    assert_string_equal(lite_q(t, "select count(*) from u"), "3\n");
    STMT->close(stmt);
    CURSOR->close(NULL);
    STMT->close(NULL);
}

/* The statement goes first, then its cursor. */
static void wrong_order(void **state)
{
    lite_test *t = *state;
    tn_driver_cursor *cursor;
    tn_driver_stmt *stmt;
    tn_batch batch = {.size = sizeof batch};

    fill(t, 500);
    stmt = prepare(t, "select a, b from t");
    cursor = execute(t, stmt, NULL, 0);
    (void)fetch(t, cursor);
    STMT->close(stmt);
    assert_int_equal(CURSOR->fetch(cursor, TN_NO_DEADLINE, &batch, &t->err), TN_MISUSE);
    CURSOR->close(cursor);
}

/* Parameters live during execute() only. */
static void parameters_are_kept(void **state)
{
    lite_test *t = *state;
    char text[] = "value of a parameter";
    tn_value param = lite_text(text);
    tn_driver_cursor *cursor;
    tn_driver_stmt *stmt;
    tn_batch batch;
    int rows = 0;

    fill(t, 100);
    stmt = prepare(t, "select a, $1 from t");
    cursor = execute(t, stmt, &param, 1);
    memset(text, 'x', sizeof text - 1);
    do {
        batch = fetch(t, cursor);
        for (uint32_t i = 0; i < batch.rows; i++, rows++)
            assert_string_equal(batch.values[i * 2 + 1].as.ptr, "value of a parameter");
    } while (!batch.done);
    assert_int_equal(rows, 100);
    CURSOR->close(cursor);
    STMT->close(stmt);
}

static void wide_and_long_rows(void **state)
{
    lite_test *t = *state;
    tn_driver_cursor *cursor;
    tn_driver_stmt *stmt;
    tn_batch batch;
    char *sql = malloc(20000);
    size_t len = 0;
    int rows = 0;

    lite_test_open(t);
    assert_non_null(sql);
    len = (size_t)sprintf(sql, "select 0");
    for (int i = 1; i < 1500; i++)
        len += (size_t)sprintf(sql + len, ", %d", i);
    (void)sprintf(sql + len, " from (values (1), (2), (3), (4), (5))");
    stmt = prepare(t, sql);
    cursor = execute(t, stmt, NULL, 0);
    do {
        batch = fetch(t, cursor);
        for (uint32_t i = 0; i < batch.rows; i++, rows++)
            assert_int_equal(batch.values[i * 1500 + 1499].as.i, 1499);
    } while (!batch.done);
    assert_int_equal(rows, 5);
    CURSOR->close(cursor);
    STMT->close(stmt);
    free(sql);

    /* Long texts: a batch is bounded in bytes as well. */
    stmt = prepare(t, "with recursive n(i) as (select 1 union all select i + 1 from n where i < "
                      "40) select i, hex(zeroblob(50000)) from n");
    cursor = execute(t, stmt, NULL, 0);
    rows = 0;
    do {
        batch = fetch(t, cursor);
        assert_true(batch.rows <= 2);
        for (uint32_t i = 0; i < batch.rows; i++, rows++) {
            assert_int_equal(batch.values[i * 2 + 1].len, 100000);
            assert_int_equal(batch.values[i * 2 + 1].as.ptr[100000], '\0');
        }
    } while (!batch.done);
    assert_int_equal(rows, 40);
    CURSOR->close(cursor);
    STMT->close(stmt);
}

/* Other columns than were described: the host is asked to prepare anew, and nothing has run. */
static void stale(void **state)
{
    lite_test *t = *state;
    tn_driver_cursor *cursor = NULL;
    tn_driver_stmt *reads, *returns;

    lite_test_open(t);
    (void)lite_q(t, "create table t (a integer)");
    (void)lite_q(t, "insert into t values (1)");
    reads = prepare(t, "select * from t");
    returns = prepare(t, "insert into t (a) values (2) returning *");
    (void)lite_q(t, "alter table t add column b text");
    assert_int_equal(CURSOR->execute(reads, NULL, 0, 0, TN_NO_DEADLINE, &cursor, &t->err),
                     TN_DRIVER_STALE);
    assert_int_equal(CURSOR->execute(returns, NULL, 0, 0, TN_NO_DEADLINE, &cursor, &t->err),
                     TN_DRIVER_STALE);
    assert_null(cursor);
    assert_string_equal(lite_q(t, "select count(*) from t"), "1\n");
    STMT->close(reads);
    STMT->close(returns);

    /* The same columns, another type. */
    reads = prepare(t, "select a from t");
    (void)lite_q(t, "drop table t");
    (void)lite_q(t, "create table t (a text)");
    assert_int_equal(CURSOR->execute(reads, NULL, 0, 0, TN_NO_DEADLINE, &cursor, &t->err),
                     TN_DRIVER_STALE);
    STMT->close(reads);
    /* What does not concern it does not matter. */
    reads = prepare(t, "select a from t");
    (void)lite_q(t, "create table other (x integer)");
    CURSOR->close(execute(t, reads, NULL, 0));
    STMT->close(reads);
}

/* A row that cannot be read comes after those that can. */
static void error_between_rows(void **state)
{
    lite_test *t = *state;
    tn_driver_cursor *cursor;
    tn_driver_stmt *stmt;
    tn_batch batch;

    lite_test_open(t);
    (void)lite_q(t, "create table t (a smallint)");
    (void)lite_q(t, "insert into t values (1), (2), (99999), (4)");
    stmt = prepare(t, "select a from t");
    cursor = execute(t, stmt, NULL, 0);
    batch = fetch(t, cursor);
    assert_int_equal(batch.rows, 2);
    assert_false(batch.done);
    assert_int_equal(CURSOR->fetch(cursor, TN_NO_DEADLINE, &batch, &t->err), TN_DATA);
    assert_string_equal(t->err.sqlstate, "22003");
    CURSOR->close(cursor);
    STMT->close(stmt);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, lite_test_begin, lite_test_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(batches),
        TEST(detach),
        TEST(detach_has_a_limit),
        TEST(close_early),
        TEST(wrong_order),
        TEST(parameters_are_kept),
        TEST(wide_and_long_rows),
        TEST(stale),
        TEST(error_between_rows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
