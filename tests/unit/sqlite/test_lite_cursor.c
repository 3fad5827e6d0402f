/* SPDX-License-Identifier: MIT */
/* Rows in batches, detaching, closing early, and a schema that changes under a statement. */
#include "lite_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

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

static tn_status try_again(lite_test *t, tn_driver_stmt *stmt)
{
    tn_driver_cursor *cursor = NULL;
    tn_status status = CURSOR->execute(stmt, NULL, 0, 0, TN_NO_DEADLINE, &cursor, &t->err);

    CURSOR->close(cursor);
    return status;
}

/* Within a transaction only its own statements change the schema, forwards and back. */
static void stale_in_a_transaction(void **state)
{
    lite_test *t = *state;
    tn_driver_stmt *returns;

    lite_test_open(t);
    (void)lite_test_connect(t, 1);
    (void)lite_q(t, "create table t (a integer)");
    returns = prepare(t, "insert into t (a) values (2) returning *");
    (void)lite_q(t, "begin");
    assert_int_equal(try_again(t, returns), TN_OK);
    assert_int_equal(try_again(t, returns), TN_OK);
    (void)lite_q(t, "savepoint s");
    (void)lite_q(t, "alter table t add column b text");
    assert_int_equal(try_again(t, returns), TN_DRIVER_STALE);
    (void)lite_q(t, "rollback to s");
    assert_int_equal(try_again(t, returns), TN_OK);
    (void)lite_q(t, "alter table t add column b text");
    (void)lite_q(t, "rollback");
    (void)lite_q(t, "begin");
    assert_int_equal(try_again(t, returns), TN_OK);
    (void)lite_q(t, "commit");

    /* Between transactions others do. */
    assert_int_equal(lite_try(t, t->conns[1], "alter table t add column b text", NULL, 0), TN_OK);
    (void)lite_q(t, "begin");
    assert_int_equal(try_again(t, returns), TN_DRIVER_STALE);
    (void)lite_q(t, "rollback");
    assert_string_equal(lite_q(t, "select count(*) from t"), "1\n");
    STMT->close(returns);
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

/* What SQLite itself says, by its plainest calls; in out as read_rows() writes it. */
static void ask_sqlite(sqlite3 *db, const char *sql, char *out, size_t size)
{
    sqlite3_stmt *stmt = NULL;
    size_t len = 0;

    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
    while (sqlite3_step(stmt) == SQLITE_ROW)
        for (int i = 0; i < sqlite3_column_count(stmt) && len < size; i++) {
            const unsigned char *text = sqlite3_column_text(stmt, i);
            len += (size_t)snprintf(out + len, size - len, "%s|", text ? (const char *)text : "-");
        }
    assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
    assert_true(len > 0 && len < size);
}

static void read_rows(lite_test *t, tn_driver_stmt *stmt, char *out, size_t size)
{
    tn_stmt_info info = {.size = sizeof info};
    tn_driver_cursor *cursor = execute(t, stmt, NULL, 0);
    size_t len = 0;
    tn_batch batch;

    STMT->describe(stmt, &info);
    do {
        batch = fetch(t, cursor);
        for (size_t i = 0; i < batch.rows * info.n_columns && len < size; i++) {
            char text[64] = "-";
            if (batch.values[i].type != TN_TYPE_NULL)
                (void)tn_value_format(&batch.values[i], text, sizeof text);
            len += (size_t)snprintf(out + len, size - len, "%s|", text);
        }
    } while (!batch.done);
    CURSOR->close(cursor);
}

/* SQLite gives the rows of one statement from several places of its program: none is mistaken for
 * another, the first time and when it runs again. */
static void rows_of_every_shape(void **state)
{
    static const char *const shapes[] = {
        "select a, b, c from t",
        "select c, a, b from t order by b desc, a",
        "select a, b, c from t where a < 20 union all select a + 1000, b, c from t where a > 80",
        "select 1, 2, 3 union all select a, b, c from t union all select 7, 8, 9",
        "select a, b, null from t union select a, 'x', b from t order by 1 desc, 2, 3",
        "select a, b, c from t except select a, b, c from t where a % 3 = 0",
        "select a % 7, count(*), min(c) from t group by 1 having count(*) > 1",
        "select distinct a % 5, b is null, 1 from t",
        ("with recursive n(i, j) as (select 1, 'a' union all select i + 1, j || i from n where "
         "i < 9) select i, j, i * i from n"),
        "select x.a, y.b, y.c from t x left join t y on y.a = x.a + 50",
        "select a, (select count(*) from t y where y.a < x.a), b from t x",
        "select a, row_number() over (order by b, a), sum(a) over (order by a) from t",
        "select * from (values (1, 'eins'), (2, 'zwei'), (3, null)) order by 1",
        "select a, b, c from t where b = 'text 3' or a = 5",
        "select max(a), min(b), count(c) from t",
        "pragma table_info(t)",
        "explain query plan select a, b from t union all select c, b from t",
    };
    enum { SIZE = 65536 };
    lite_test *t = *state;
    char *expected = malloc(SIZE), *seen = malloc(SIZE);
    sqlite3 *db = NULL;

    assert_non_null(expected);
    assert_non_null(seen);
    lite_test_open(t);
    (void)lite_q(t, "create table t (a bigint primary key, b text, c bigint)");
    (void)lite_q(t, "create index t_b on t (b)");
    (void)lite_q(t, "insert into t with recursive n(i) as (select 1 union all select i + 1 from n "
                    "where i < 100) select i, case when i % 4 then 'text ' || i end, i * i from n");
    assert_int_equal(sqlite3_open(strchr(t->url, ':') + 1, &db), SQLITE_OK);
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        tn_driver_stmt *stmt = prepare(t, shapes[i]);
        ask_sqlite(db, shapes[i], expected, SIZE);
        for (int again = 0; again < 3; again++) {
            read_rows(t, stmt, seen, SIZE);
            if (strcmp(seen, expected) != 0)
                fail_msg("%s:\n%s\nnot:\n%s", shapes[i], seen, expected);
            if (again == 1) /* SQLite prepares it anew by itself */
                (void)lite_q(t, "create index if not exists t_c on t (c, a)");
        }
        STMT->close(stmt);
        (void)lite_q(t, "drop index t_c");
    }
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    free(expected);
    free(seen);
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
        TEST(stale_in_a_transaction),
        TEST(error_between_rows),
        TEST(rows_of_every_shape),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
