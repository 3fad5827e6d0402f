/* SPDX-License-Identifier: MIT */
/* Transactions within transactions. */
#include "suite.h"

static void create(fixture *f)
{
    exec(f, f->db, "create table {t} (id integer primary key, n integer)", NULL);
}

static int64_t rows_in(fixture *f, tn_db *db)
{
    return int_of(f, db, "select count(*) from {t}", NULL);
}

static void savepoints_as_declared(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *tx = begin(f, f->db);
    tn_db *inner = NULL;
    tn_status status = tn_begin(tx, NULL, &inner, &err);

    if (status == TN_OK) {
        unsigned depth = tn_depth(inner);
        tn_status ended = tn_commit(inner, &err);
        check_ok(f, ended, &err);
        check_int(f, depth, 2);
    }
    rollback(f, tx);
    if (has(f, TN_CAP_SAVEPOINTS))
        check_ok(f, status, &err);
    else
        check_error(f, status, &err, TN_UNSUPPORTED, "0A000");
}

static void inner_rollback_keeps_the_outer(fixture *f)
{
    create(f);
    tn_db *tx = begin(f, f->db);
    exec(f, tx, "insert into {t} values (1, 1)", NULL);
    tn_db *inner = begin(f, tx);
    check_int(f, tn_depth(inner), 2);
    exec(f, inner, "insert into {t} values (2, 2)", NULL);
    rollback(f, inner);
    exec(f, tx, "insert into {t} values (3, 3)", NULL);
    commit(f, tx);
    check_int(f, int_of(f, f->db, "select sum(id) from {t}", NULL), 4);
}

static void inner_commit_joins_the_outer(fixture *f)
{
    create(f);
    tn_db *tx = begin(f, f->db);
    tn_db *inner = begin(f, tx);
    exec(f, inner, "insert into {t} values (1, 1)", NULL);
    commit(f, inner);
    rollback(f, tx);
    check_int(f, rows_in(f, f->db), 0);
}

static void three_deep_with_a_failure_inside(fixture *f)
{
    create(f);
    tn_db *one = begin(f, f->db);
    exec(f, one, "insert into {t} values (1, 1)", NULL);
    tn_db *two = begin(f, one);
    exec(f, two, "insert into {t} values (2, 2)", NULL);
    tn_db *three = begin(f, two);
    check_int(f, tn_depth(three), 3);
    exec(f, three, "insert into {t} values (3, 3)", NULL);
    exec_fails(f, three, "insert into {t} values (1, 9)", NULL, TN_CONSTRAINT, "23505");
    exec_fails(f, three, "select 1", NULL, TN_ABORTED, "25P02");
    rollback(f, three);
    exec(f, two, "insert into {t} values (4, 4)", NULL);
    commit(f, two);
    commit(f, one);
    check_int(f, int_of(f, f->db, "select sum(id) from {t}", NULL), 7);
}

static void failed_inner_commit_rolls_back_to_it(fixture *f)
{
    tn_error err = TN_ERROR_INIT;

    create(f);
    tn_db *tx = begin(f, f->db);
    exec(f, tx, "insert into {t} values (1, 1)", NULL);
    tn_db *inner = begin(f, tx);
    exec(f, inner, "insert into {t} values (2, 2)", NULL);
    exec_fails(f, inner, "insert into {t} values (1, 2)", NULL, TN_CONSTRAINT, "23505");
    check_error(f, end_commit(f, inner, &err), &err, TN_ABORTED, NULL);
    exec(f, tx, "insert into {t} values (3, 3)", NULL);
    commit(f, tx);
    check_int(f, int_of(f, f->db, "select sum(id) from {t}", NULL), 4);
}

/* Three statements: before, within and after a nested transaction that fails. */
typedef struct nesting {
    const char *before, *within, *after;
} nesting;

static tn_status inner_work(tn_db *tx, void *arg, tn_error *err)
{
    nesting *n = arg;

    if (tn_exec(tx, n->within, NULL, NULL, err) != TN_OK)
        return err->status;
    return tn_error_set(err, TN_FAILED, "P0001", "not wanted after all");
}

static tn_status outer_work(tn_db *tx, void *arg, tn_error *err)
{
    nesting *n = arg;
    tn_error inner = TN_ERROR_INIT;

    if (tn_exec(tx, n->before, NULL, NULL, err) != TN_OK)
        return err->status;
    if (tn_transaction(tx, NULL, inner_work, n, &inner) != TN_FAILED)
        return tn_error_set(err, TN_MISUSE, NULL, "the inner one did not fail as it should");
    return tn_exec(tx, n->after, NULL, NULL, err);
}

static void nested_callbacks(fixture *f)
{
    tn_error err = TN_ERROR_INIT;

    create(f);
    nesting n = {.before = sql(f, "insert into {t} values (1, 1)"),
                 .within = sql(f, "insert into {t} values (2, 2)"),
                 .after = sql(f, "insert into {t} values (4, 4)")};
    check_ok(f, tn_transaction(f->db, NULL, outer_work, &n, &err), &err);
    check_int(f, int_of(f, f->db, "select sum(id) from {t}", NULL), 5);
}

static void parent_while_nested_is_open(fixture *f)
{
    create(f);
    tn_db *tx = begin(f, f->db);
    tn_db *inner = begin(f, tx);
    exec_fails(f, tx, "insert into {t} values (1, 1)", NULL, TN_MISUSE, NULL);
    exec(f, inner, "insert into {t} values (2, 2)", NULL);
    commit(f, inner);
    exec(f, tx, "insert into {t} values (3, 3)", NULL);
    commit(f, tx);
    check_int(f, rows_in(f, f->db), 2);
}

static void two_nested_at_once_refused(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *tx = begin(f, f->db);
    tn_db *first = begin(f, tx);
    tn_db *second = NULL;

    check_error(f, tn_begin(tx, NULL, &second, &err), &err, TN_MISUSE, NULL);
    check(f, second == NULL);
    rollback(f, first);
    rollback(f, tx);
}

static void options_on_a_savepoint_refused(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    tn_txn_options options = TN_TXN_OPTIONS_INIT;
    tn_db *tx = begin(f, f->db);
    tn_db *inner = NULL;

    options.isolation = TN_SERIALIZABLE;
    check_error(f, tn_begin(tx, &options, &inner, &err), &err, TN_MISUSE, "25001");
    options.isolation = TN_ISOLATION_DEFAULT;
    options.read_only = true;
    check_error(f, tn_begin(tx, &options, &inner, &err), &err, TN_MISUSE, "25001");
    check(f, inner == NULL);
    check_int(f, int_of(f, tx, "select cast($1 as integer)", tn_args(1)), 1);
    rollback(f, tx);
}

/* ---- call_savepoints ------------------------------------------------------------------------- */

/* Two calls that go well, two that fail, the last one failing. */
static void some_calls_fail(fixture *f, tn_db *tx, int first)
{
    for (int i = first; i < first + 2; i++) {
        exec(f, tx, "insert into {t} values ($1, 0)", tn_args(i));
        exec_fails(f, tx, "insert into {t} values ($1, 1)", tn_args(i), TN_CONSTRAINT, "23505");
    }
}

static tn_db *begin_guarded(fixture *f, tn_db *db)
{
    tn_txn_options options = TN_TXN_OPTIONS_INIT;

    options.call_savepoints = true;
    return begin_with(f, db, &options);
}

static void failed_calls_are_undone_by_themselves(fixture *f)
{
    create(f);
    tn_db *tx = begin_guarded(f, f->db);
    some_calls_fail(f, tx, 1);
    check_int(f, rows_in(f, tx), 2);
    some_calls_fail(f, tx, 3);
    commit(f, tx);
    check_int(f, rows_in(f, f->db), 4);
    tx = begin_guarded(f, f->db);
    some_calls_fail(f, tx, 5);
    rollback(f, tx);
    check_int(f, rows_in(f, f->db), 4);
}

static void guarded_on_every_level(fixture *f)
{
    create(f);
    tn_db *tx = begin_guarded(f, f->db);
    some_calls_fail(f, tx, 1);
    tn_db *inner = begin_guarded(f, tx);
    some_calls_fail(f, inner, 3);
    tn_db *plain = begin(f, inner);
    exec(f, plain, "insert into {t} values (9, 0)", NULL);
    exec_fails(f, plain, "insert into {t} values (9, 1)", NULL, TN_CONSTRAINT, "23505");
    exec_fails(f, plain, "insert into {t} values (10, 0)", NULL, TN_ABORTED, "25P02");
    rollback(f, plain);
    some_calls_fail(f, inner, 5);
    commit(f, inner);
    some_calls_fail(f, tx, 7);
    inner = begin_guarded(f, tx);
    some_calls_fail(f, inner, 9);
    rollback(f, inner);
    commit(f, tx);
    check_int(f, rows_in(f, f->db), 8);
}

static void batches_on_a_guarded_transaction(fixture *f)
{
    tn_batch_options each = TN_BATCH_OPTIONS_INIT;
    tn_error err = TN_ERROR_INIT;

    create(f);
    each.mode = TN_BATCH_INDEPENDENT;
    tn_db *tx = begin_guarded(f, f->db);
    for (int i = 0; i < 2; i++) {
        tn_batch_t *batch = new_batch(f);
        for (int id = 1; id <= 4; id++)
            tn_batch_add(batch, sql(f, "insert into {t} values ($1, 0)"), tn_args(id - (id > 2)),
                         NULL);
        check_error(f, tn_batch_run(batch, tx, i ? &each : NULL, &err), &err, TN_CONSTRAINT,
                    "23505");
        check_int(f, rows_in(f, tx), i ? 3 : 0);
    }
    exec_fails(f, tx, "insert into {t} values (1, 0)", NULL, TN_CONSTRAINT, "23505");
    tn_batch_t *last = new_batch(f);
    tn_batch_add(last, sql(f, "insert into {t} values (5, 0)"), NULL, NULL);
    check_ok(f, end_batch_commit(f, last, tx, &err), &err);
    check_int(f, rows_in(f, f->db), 4);
}

static const suite_case cases[] = {
    CASE(savepoints_as_declared, 0),
    CASE(inner_rollback_keeps_the_outer, TN_CAP_SQL | TN_CAP_TRANSACTIONS | TN_CAP_SAVEPOINTS),
    CASE(inner_commit_joins_the_outer, TN_CAP_SQL | TN_CAP_TRANSACTIONS | TN_CAP_SAVEPOINTS),
    CASE(three_deep_with_a_failure_inside, TN_CAP_SQL | TN_CAP_TRANSACTIONS | TN_CAP_SAVEPOINTS),
    CASE(failed_inner_commit_rolls_back_to_it,
         TN_CAP_SQL | TN_CAP_TRANSACTIONS | TN_CAP_SAVEPOINTS),
    CASE(nested_callbacks, TN_CAP_SQL | TN_CAP_TRANSACTIONS | TN_CAP_SAVEPOINTS),
    CASE(parent_while_nested_is_open, TN_CAP_SQL | TN_CAP_TRANSACTIONS | TN_CAP_SAVEPOINTS),
    CASE(two_nested_at_once_refused, TN_CAP_SAVEPOINTS),
    CASE(options_on_a_savepoint_refused, TN_CAP_SAVEPOINTS),
    CASE(failed_calls_are_undone_by_themselves,
         TN_CAP_SQL | TN_CAP_TRANSACTIONS | TN_CAP_SAVEPOINTS),
    CASE(guarded_on_every_level, TN_CAP_SQL | TN_CAP_TRANSACTIONS | TN_CAP_SAVEPOINTS),
    CASE(batches_on_a_guarded_transaction, TN_CAP_SQL | TN_CAP_TRANSACTIONS | TN_CAP_SAVEPOINTS),
};

GROUP(savepoint);
