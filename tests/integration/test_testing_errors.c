/* SPDX-License-Identifier: MIT */
/*
 * tn_testing_rollback(): the same code meets the same errors as on a database of its own. On
 * SQLite; with --postgresql on the server of TENON_TEST_POSTGRES_URL.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <tenon/tenon.h>
#include <tenon/testing.h>

#include "support/expect.h"

static const char *url; /* NULL: SQLite */

static tn_template *make_default(void)
{
    tn_testing_options options = TN_TESTING_OPTIONS_INIT;
    tn_error err = TN_ERROR_INIT;

    options.url = url;
    options.script = "create table t0 (id integer primary key, name text not null);"
                     "create table t1 (id integer primary key, name text);"
                     "insert into t0 values (1, 'of the template');";
    options.ahead = 1;
    tn_template *t = tn_testing_template(&options, &err);
    if (!t)
        tn_error_print(stderr, &err);
    assert_non_null(t);
    return t;
}

static tn_db *started(tn_db *db, const tn_error *err)
{
    if (!db)
        tn_error_print(stderr, err);
    assert_non_null(db);
    return db;
}

static tn_db *fresh(tn_template *t)
{
    tn_error err = TN_ERROR_INIT;

    return started(tn_testing_fresh(t, &err), &err);
}

static tn_db *rollback(tn_template *t)
{
    tn_error err = TN_ERROR_INIT;

    return started(tn_testing_rollback(t, &err), &err);
}

static void end(tn_db *db)
{
    tn_error err = TN_ERROR_INIT;

    expect_ok(tn_testing_end(db, &err));
}

static void discard(tn_template *t)
{
    tn_error err = TN_ERROR_INIT;

    expect_ok(tn_testing_free(t, &err));
}

static int64_t count(tn_db *db)
{
    tn_error err = TN_ERROR_INIT;
    int64_t n = -1;

    expect_ok(tn_get(db, "select count(*) from t0", NULL, tn_into(&n), &err));
    return n;
}

static void insert(tn_db *db, int32_t id)
{
    tn_error err = TN_ERROR_INIT;

    expect_ok(tn_exec(db, "insert into t0 (id, name) values ($1, 'x')", tn_args(id), NULL, &err));
}

/* What the same calls answer on both kinds of handle: an error concerns its own
 * call alone. */
static void fails(tn_db *db, const char *sql, tn_status status, const char *sqlstate)
{
    tn_error err = TN_ERROR_INIT;

    expect_error(tn_exec(db, sql, NULL, NULL, &err), status, sqlstate);
}

static void errors_of_calls(tn_db *db)
{
    tn_error err = TN_ERROR_INIT;
    int64_t n = 0;
    tn_stmt *stmt;

    for (int i = 0; i < 3; i++) {
        fails(db, "insert into t0 (id, name) values (1, 'x')", TN_CONSTRAINT, "23505");
        fails(db, "insert into t0 (id, name) values (5, 'x'), (5, 'y')", TN_CONSTRAINT, "23505");
        insert(db, 10 + i);
        fails(db, "select * from nowhere", TN_SYNTAX, "42P01");
        assert_int_equal(count(db), 2 + i);
    }
    expect_error(tn_get(db, "select cast($1 as integer)", tn_args("x"), tn_into(&n), &err), TN_DATA,
                 "22P02");
    expect_error(tn_get(db, "select id from t0 where id < 0", NULL, tn_into(&n), &err),
                 TN_NOT_FOUND, "02000");
    expect_ok(tn_prepare(db, "insert into t0 (id, name) values ($1, 'x')", &stmt, &err));
    expect_ok(tn_stmt_exec(stmt, db, NULL, tn_args(20), NULL, &err));
    expect_error(tn_stmt_exec(stmt, db, NULL, tn_args(20), NULL, &err), TN_CONSTRAINT, "23505");
    expect_ok(tn_stmt_exec(stmt, db, NULL, tn_args(21), NULL, &err));
    tn_stmt_close(stmt);
    assert_int_equal(tn_prepare(db, "select nothing from t0", &stmt, &err), TN_SYNTAX);
    expect_error(tn_exec_script(db,
                                "insert into t0 (id, name) values (30, 'x');"
                                "insert into t0 (id, name) values (1, 'x');"
                                "insert into t0 (id, name) values (31, 'x');",
                                &err),
                 TN_CONSTRAINT, "23505");
    assert_int_equal(count(db), 7); /* and the first of the script is among them */
}

static tn_status insert_and(tn_db *tx, void *arg, tn_error *err)
{
    (void)arg;
    return tn_exec(tx, "insert into t0 (id, name) values (2, 'x')", NULL, NULL, err);
}

/* An error of its own poisons the inner transaction as anywhere, and that alone. */
static tn_status insert_and_fail(tn_db *tx, void *arg, tn_error *ret_err)
{
    tn_error err = TN_ERROR_INIT;

    (void)arg;
    (void)ret_err;
    insert(tx, 50);
    expect_error(tn_exec(tx, "select * from nowhere", NULL, NULL, &err), TN_SYNTAX, "42P01");
    expect_error(tn_exec(tx, "select 1", NULL, NULL, &err), TN_ABORTED, "25P02");
    return TN_OK;
}

static void errors_of_transactions(tn_db *db)
{
    tn_error err = TN_ERROR_INIT;

    fails(db, "select * from nowhere", TN_SYNTAX, "42P01");
    expect_ok(tn_transaction(db, NULL, insert_and, NULL, &err));
    fails(db, "select * from nowhere", TN_SYNTAX, "42P01");
    expect_error(tn_transaction(db, NULL, insert_and, NULL, &err), TN_CONSTRAINT, "23505");
    assert_int_equal(tn_transaction(db, NULL, insert_and_fail, NULL, &err), TN_ABORTED);
    insert(db, 3);
    assert_int_equal(count(db), 3);
}

/* n rows, the last of which divides by zero on one and overflows on the other. */
static const char *many_rows(bool fail)
{
    return fail ? "with recursive s(n) as (select 1 union all select n + 1 from s where n < 5000)"
                  " select cast(case n when 4000 then 'x' else '1' end as integer) from s"
                : "with recursive s(n) as (select 1 union all select n + 1 from s where n < 5000)"
                  " select n from s";
}

static void errors_of_rows(tn_db *db)
{
    tn_error err = TN_ERROR_INIT;
    int64_t n = 0;

    tn_rows *rows = tn_query(db, "select * from nowhere", NULL);
    assert_false(tn_next(rows));
    assert_int_equal(tn_close(rows, &err), TN_SYNTAX);
    insert(db, 2);
    /* An error within the rows. */
    if (url) {
        rows = tn_query(db, many_rows(true), NULL);
        while (tn_next(rows))
            n++;
        assert_true(n < 4000);
        expect_error(tn_close(rows, &err), TN_DATA, "22P02");
        insert(db, 3);
        /* It comes while another call has the turn: it is theirs, not that call's. */
        rows = tn_query(db, many_rows(true), NULL);
        assert_true(tn_next(rows));
        insert(db, 4);
        while (tn_next(rows))
            continue;
        expect_error(tn_close(rows, &err), TN_DATA, "22P02");
    } else {
        insert(db, 3);
        insert(db, 4);
    }
    /* Rows that are open while calls fail; those that nobody reads to their end. */
    rows = tn_query(db, many_rows(false), NULL);
    assert_true(tn_next(rows));
    fails(db, "insert into t0 (id, name) values (1, 'x')", TN_CONSTRAINT, "23505");
    insert(db, 5);
    for (n = 1; tn_next(rows); n++)
        continue;
    assert_int_equal(n, 5000);
    expect_ok(tn_close(rows, &err));
    rows = tn_query(db, many_rows(false), NULL);
    assert_true(tn_next(rows));
    expect_ok(tn_close(rows, &err));
    assert_int_equal(count(db), 5);
}

static void errors_of_batches(tn_db *db)
{
    tn_batch_options each = TN_BATCH_OPTIONS_INIT;
    tn_error err = TN_ERROR_INIT;
    int64_t n = -1;

    each.mode = TN_BATCH_INDEPENDENT;
    for (int i = 0; i < 2; i++) {
        tn_batch_t *batch = tn_batch_new();
        for (int id = 7; id < 10; id++)
            tn_batch_add(batch, "insert into t0 (id, name) values ($1, 'x')",
                         tn_args(id == 8 ? 1 : id), NULL);
        tn_batch_add(batch, "select * from nowhere", NULL, NULL);
        tn_batch_add(batch, "select count(*) from t0", NULL, tn_into(&n));
        expect_error(tn_batch_run(batch, db, i ? &each : NULL, &err), i ? TN_CONSTRAINT : TN_SYNTAX,
                     i ? "23505" : "42P01");
        assert_int_equal(tn_batch_status(batch, 0, NULL),
                         i ? TN_OK : tn_batch_status(batch, 2, NULL));
        if (i) {
            assert_int_equal(tn_batch_status(batch, 1, NULL), TN_CONSTRAINT);
            assert_int_equal(tn_batch_status(batch, 2, NULL), TN_OK);
            assert_int_equal(tn_batch_status(batch, 3, NULL), TN_SYNTAX);
            assert_int_equal(tn_batch_status(batch, 4, NULL), TN_OK);
            assert_int_equal(n, 3);
        }
        tn_batch_free(batch);
        assert_int_equal(count(db), i ? 3 : 1);
    }
}

static void errors_of_bulks(tn_db *db)
{
    tn_error err = TN_ERROR_INIT;
    tn_bulk *bulk;

    for (int i = 0; i < 2; i++) {
        expect_ok(tn_bulk_open(db, NULL, "t0", "id, name", &bulk, &err));
        (void)tn_bulk_row(bulk, tn_args(40, "x"));
        (void)tn_bulk_row(bulk, tn_args(i ? 41 : 1, "x"));
        assert_int_equal(tn_bulk_finish(bulk, NULL, &err), i ? TN_OK : TN_CONSTRAINT);
        assert_int_equal(count(db), i ? 3 : 1);
    }
    assert_int_equal(tn_bulk_open(db, NULL, "nowhere", "id", &bulk, &err), TN_SYNTAX);
    assert_int_equal(count(db), 3);
}

/* A statement whose result has changed since it was prepared. */
static void errors_of_stale_statements(tn_db *db)
{
    static const char *const changes[] = {"alter table t1 add column one integer",
                                          "alter table t1 add column two integer"};
    tn_error err = TN_ERROR_INIT;
    tn_schema *schema;

    for (uint32_t i = 0; i <= 2; i++) {
        tn_rows *rows = tn_query(db, "select * from t1", NULL);
        assert_false(tn_next(rows));
        expect_ok(tn_rows_status(rows));
        assert_int_equal(rows->columns, 2 + i);
        expect_ok(tn_close(rows, &err));
        if (i < 2)
            expect_ok(tn_exec(db, changes[i], NULL, NULL, &err));
    }
    fails(db, "select * from nowhere", TN_SYNTAX, "42P01");
    expect_ok(tn_schema_read(db, NULL, &schema, &err));
    tn_schema_free(schema);
}

static void errors_are_as_on_a_database_of_its_own(void **state)
{
    static void (*const checks[])(tn_db * db) = {
        errors_of_calls,   errors_of_transactions, errors_of_rows,
        errors_of_batches, errors_of_bulks,        errors_of_stale_statements,
    };

    (void)state;
    tn_template *t = make_default();
    for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
        tn_db *db = fresh(t);
        checks[i](db);
        end(db);
        db = rollback(t);
        checks[i](db);
        fails(db, "select * from nowhere", TN_SYNTAX, "42P01");
        end(db); /* also behind one that failed */
        db = rollback(t);
        assert_int_equal(count(db), 1);
        end(db);
    }
    discard(t);
}

/* What testing.h says is not the same. */
static void what_is_not_the_same_is_refused(void **state)
{
    tn_txn_options serializable = TN_TXN_OPTIONS_INIT;
    tn_error err = TN_ERROR_INIT;
    tn_db *other;

    (void)state;
    tn_template *t = make_default();
    tn_db *db = rollback(t);
    assert_int_equal(tn_acquire(db, &other, &err), TN_MISUSE);
    serializable.isolation = TN_SERIALIZABLE;
    expect_error(tn_begin(db, &serializable, &other, &err), TN_MISUSE, "25001");
    insert(db, 2);
    end(db);
    discard(t);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_are_as_on_a_database_of_its_own),
        cmocka_unit_test(what_is_not_the_same_is_refused),
    };

    unsetenv("TENON_TEST_URL");
    if (strcmp(argv[argc - 1], "--postgresql") == 0) {
        url = getenv("TENON_TEST_POSTGRES_URL");
        if (!url || !*url) {
            puts("skipped: TENON_TEST_POSTGRES_URL is not set");
            return 77;
        }
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
