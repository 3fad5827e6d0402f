/* SPDX-License-Identifier: MIT */
/* Transactions, savepoints, what is seen by whom, what is refused. */
#include <string.h>

#include "suite.h"

static void create(fixture *f)
{
    exec(f, f->db, "create table {t} (id integer primary key, n integer)", NULL);
}

static int64_t rows_in(fixture *f, tn_db *db)
{
    return int_of(f, db, "select count(*) from {t}", NULL);
}

/* A callback's work: statements of the case, run in order until one fails. */
typedef struct work {
    fixture *f;
    const char *statements[4];
    tn_status answer; /* what the callback returns when all went well */
    bool swallow;     /* go on after a statement that failed */
    unsigned calls;
} work;

static tn_status do_work(tn_db *tx, void *arg, tn_error *err)
{
    work *w = arg;

    w->calls++;
    for (size_t i = 0; i < SUITE_COUNT(w->statements) && w->statements[i]; i++) {
        tn_status status = tn_exec(tx, w->statements[i], NULL, NULL, err);
        if (status != TN_OK && !w->swallow)
            return status;
    }
    if (w->answer != TN_OK)
        return tn_error_set(err, w->answer, "P0001", "stock of %s is empty", "apples");
    return TN_OK;
}

static work work_of(fixture *f, const char *first, const char *second)
{
    return (work){.f = f, .statements = {sql(f, first), second ? sql(f, second) : NULL}};
}

/* ---- commit and rollback --------------------------------------------------------------------- */

static void commit_applies(fixture *f)
{
    create(f);
    tn_db *tx = begin(f, f->db);
    check_int(f, tn_depth(tx), 1);
    exec(f, tx, "insert into {t} values (1, 1)", NULL);
    exec(f, tx, "insert into {t} values (2, 2)", NULL);
    commit(f, tx);
    check_int(f, rows_in(f, f->db), 2);
}

static void rollback_undoes(fixture *f)
{
    create(f);
    exec(f, f->db, "insert into {t} values (1, 1)", NULL);
    tn_db *tx = begin(f, f->db);
    exec(f, tx, "insert into {t} values (2, 2)", NULL);
    exec(f, tx, "update {t} set n = 9", NULL);
    exec(f, tx, "delete from {t} where id = 1", NULL);
    rollback(f, tx);
    check_int(f, rows_in(f, f->db), 1);
    check_int(f, int_of(f, f->db, "select n from {t}", NULL), 1);
}

static void empty_transactions(fixture *f)
{
    commit(f, begin(f, f->db));
    rollback(f, begin(f, f->db));
    check_int(f, int_of(f, f->db, "select 1", NULL), 1);
}

static void sees_its_own_writes(fixture *f)
{
    create(f);
    tn_db *tx = begin(f, f->db);
    exec(f, tx, "insert into {t} values (1, 5)", NULL);
    check_int(f, int_of(f, tx, "select n from {t} where id = 1", NULL), 5);
    rollback(f, tx);
}

static void callback_commits(fixture *f)
{
    tn_error err = TN_ERROR_INIT;

    create(f);
    work w = work_of(f, "insert into {t} values (1, 1)", "insert into {t} values (2, 2)");
    check_ok(f, tn_transaction(f->db, NULL, do_work, &w, &err), &err);
    check_int(f, w.calls, 1);
    check_int(f, rows_in(f, f->db), 2);
}

static void callback_error_rolls_back(fixture *f)
{
    tn_error err = TN_ERROR_INIT;

    create(f);
    work w = work_of(f, "insert into {t} values (1, 1)", NULL);
    w.answer = TN_FAILED;
    check_error(f, tn_transaction(f->db, NULL, do_work, &w, &err), &err, TN_FAILED, "P0001");
    check(f, strstr(err.message, "stock of apples is empty") != NULL);
    check_int(f, rows_in(f, f->db), 0);
}

static void callback_statement_error_is_passed_on(fixture *f)
{
    tn_error err = TN_ERROR_INIT;

    create(f);
    work w = work_of(f, "insert into {t} values (1, 1)", "insert into {t} values (1, 2)");
    check_error(f, tn_transaction(f->db, NULL, do_work, &w, &err), &err, TN_CONSTRAINT, "23505");
    check_int(f, w.calls, 1);
    check_int(f, rows_in(f, f->db), 0);
}

static void swallowed_error_fails_the_commit(fixture *f)
{
    tn_error err = TN_ERROR_INIT;

    create(f);
    work w = work_of(f, "insert into {t} values (1, 1)", "insert into {t} values (1, 2)");
    w.swallow = true;
    tn_status status = tn_transaction(f->db, NULL, do_work, &w, &err);
    check_int(f, status, TN_ABORTED);
    check_int(f, err.status, TN_ABORTED);
    check_int(f, rows_in(f, f->db), 0);
}

static void commit_after_an_error_fails(fixture *f)
{
    tn_error err = TN_ERROR_INIT;

    create(f);
    tn_db *tx = begin(f, f->db);
    exec(f, tx, "insert into {t} values (1, 1)", NULL);
    exec_fails(f, tx, "insert into {t} values (1, 2)", NULL, TN_CONSTRAINT, "23505");
    check_error(f, end_commit(f, tx, &err), &err, TN_ABORTED, NULL);
    check_int(f, err.outcome, TN_OUTCOME_NOT_APPLIED);
    check_int(f, rows_in(f, f->db), 0);
}

static void aborted_until_rollback(fixture *f)
{
    create(f);
    tn_db *tx = begin(f, f->db);
    exec(f, tx, "insert into {t} values (1, 1)", NULL);
    exec_fails(f, tx, "select no_such_column from {t}", NULL, TN_SYNTAX, "42703");
    exec_fails(f, tx, "select 1", NULL, TN_ABORTED, "25P02");
    exec_fails(f, tx, "insert into {t} values (2, 2)", NULL, TN_ABORTED, "25P02");
    close_fails(f, query(f, tx, "select 1", NULL), TN_ABORTED, "25P02");
    rollback(f, tx);
    check_int(f, rows_in(f, f->db), 0);
}

static void failed_preparation_aborts_too(fixture *f)
{
    tn_db *tx = begin(f, f->db);

    exec_fails(f, tx, "selec", NULL, TN_SYNTAX, "42601");
    exec_fails(f, tx, "select 1", NULL, TN_ABORTED, "25P02");
    rollback(f, tx);
}

static void wrong_arguments_do_not_abort(fixture *f)
{
    tn_db *tx = begin(f, f->db);

    exec_fails(f, tx, "select cast($1 as integer)", NULL, TN_PROTOCOL, "08P01");
    check_int(f, int_of(f, tx, "select 1", NULL), 1);
    commit(f, tx);
}

static void ddl_is_rolled_back(fixture *f)
{
    create(f);
    tn_db *tx = begin(f, f->db);
    exec(f, tx, "create table {u} (n integer)", NULL);
    exec(f, tx, "alter table {t} add column extra text", NULL);
    exec(f, tx, "insert into {t} values (1, 1, 'x')", NULL);
    rollback(f, tx);
    exec_fails(f, f->db, "select * from {u}", NULL, TN_SYNTAX, "42P01");
    exec_fails(f, f->db, "select extra from {t}", NULL, TN_SYNTAX, "42703");
}

static void ddl_is_committed(fixture *f)
{
    tn_db *tx = begin(f, f->db);

    exec(f, tx, "create table {t} (id integer primary key, n integer)", NULL);
    exec(f, tx, "insert into {t} values (1, 1)", NULL);
    commit(f, tx);
    check_int(f, rows_in(f, f->db), 1);
}

static void connection_is_idle_after_many(fixture *f)
{
    tn_db *client = open_pool(f, "1", "5000");

    exec(f, client, "create table {t} (id integer primary key, n integer)", NULL);
    for (int i = 0; i < 50; i++) {
        tn_db *tx = begin(f, client);
        exec(f, tx, "insert into {t} values ($1, 0)", tn_args(i));
        if (i % 2 == 0)
            commit(f, tx);
        else
            rollback(f, tx);
    }
    check_int(f, int_of(f, client, "select count(*) from {t}", NULL), 25);
    exec(f, client, "drop table {t}", NULL);
}

/* ---- savepoints ------------------------------------------------------------------------------ */

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

static void transactions_as_declared(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *tx = NULL;
    tn_status status = tn_begin(f->db, NULL, &tx, &err);

    if (status == TN_OK)
        (void)tn_rollback(tx, NULL);
    if (has(f, TN_CAP_TRANSACTIONS))
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

static tn_status outer_work(tn_db *tx, void *arg, tn_error *err)
{
    work *w = arg;
    tn_error inner = TN_ERROR_INIT;

    if (tn_exec(tx, w->statements[0], NULL, NULL, err) != TN_OK)
        return err->status;
    work failing = {.f = w->f, .statements = {w->statements[1]}, .answer = TN_FAILED};
    if (tn_transaction(tx, NULL, do_work, &failing, &inner) == TN_OK)
        return tn_error_set(err, TN_MISUSE, NULL, "the inner one succeeded");
    return tn_exec(tx, w->statements[2], NULL, NULL, err);
}

static void nested_callbacks(fixture *f)
{
    tn_error err = TN_ERROR_INIT;

    create(f);
    work w = work_of(f, "insert into {t} values (1, 1)", "insert into {t} values (2, 2)");
    w.statements[2] = sql(f, "insert into {t} values (4, 4)");
    check_ok(f, tn_transaction(f->db, NULL, outer_work, &w, &err), &err);
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
    check_int(f, int_of(f, tx, "select 1", NULL), 1);
    rollback(f, tx);
}

/* ---- options --------------------------------------------------------------------------------- */

static void read_only(fixture *f)
{
    tn_txn_options options = TN_TXN_OPTIONS_INIT;

    create(f);
    exec(f, f->db, "insert into {t} values (1, 1)", NULL);
    options.read_only = true;
    tn_db *tx = begin_with(f, f->db, &options);
    check_int(f, rows_in(f, tx), 1);
    exec_fails(f, tx, "insert into {t} values (2, 2)", NULL, TN_READ_ONLY, "25006");
    exec_fails(f, tx, "select 1", NULL, TN_ABORTED, "25P02");
    rollback(f, tx);
    tx = begin_with(f, f->db, &options);
    exec_fails(f, tx, "create table {u} (n integer)", NULL, TN_READ_ONLY, "25006");
    rollback(f, tx);
    exec(f, f->db, "insert into {t} values (2, 2)", NULL);
    check_int(f, rows_in(f, f->db), 2);
}

static void read_only_ends_with_the_transaction(fixture *f)
{
    tn_db *client = open_pool(f, "1", "5000");
    tn_txn_options options = TN_TXN_OPTIONS_INIT;

    options.read_only = true;
    tn_db *tx = begin_with(f, client, &options);
    check_int(f, int_of(f, tx, "select 1", NULL), 1);
    commit(f, tx);
    exec(f, client, "create table {t} (n integer)", NULL);
    exec(f, client, "insert into {t} values (1)", NULL);
    exec(f, client, "drop table {t}", NULL);
}

static void isolation_levels(fixture *f)
{
    static const tn_isolation levels[] = {TN_ISOLATION_DEFAULT, TN_READ_COMMITTED,
                                          TN_REPEATABLE_READ, TN_SERIALIZABLE};

    create(f);
    for (size_t i = 0; i < SUITE_COUNT(levels); i++) {
        tn_txn_options options = TN_TXN_OPTIONS_INIT;
        options.isolation = levels[i];
        tn_db *tx = begin_with(f, f->db, &options);
        exec(f, tx, "insert into {t} values ($1, 0)", tn_args((int)i));
        check_int(f, rows_in(f, tx), (int64_t)i + 1);
        commit(f, tx);
    }
}

static void serializable_deferrable_read_only(fixture *f)
{
    tn_txn_options options = TN_TXN_OPTIONS_INIT;

    create(f);
    options.isolation = TN_SERIALIZABLE;
    options.read_only = true;
    options.deferrable = true;
    tn_db *tx = begin_with(f, f->db, &options);
    check_int(f, rows_in(f, tx), 0);
    commit(f, tx);
}

static void timeout_of_a_transaction(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    tn_txn_options options = TN_TXN_OPTIONS_INIT;

    if (!f->answers->long_statement)
        skip(f, "the driver declares no statement that takes long");
    create(f);
    options.timeout_ms = 300;
    tn_db *tx = begin_with(f, f->db, &options);
    exec(f, tx, "insert into {t} values (1, 1)", NULL);
    int64_t started = now_ms();
    exec_fails(f, tx, f->answers->long_statement, NULL, TN_TIMEOUT, "57014");
    check(f, now_ms() - started < 15000);
    check(f, end_commit(f, tx, &err) != TN_OK);
    check_int(f, rows_in(f, f->db), 0);
}

/* ---- misuse ---------------------------------------------------------------------------------- */

static void control_statements_on_a_client(fixture *f)
{
    static const char *const texts[] = {"begin",    "START TRANSACTION", "commit",       "end",
                                        "rollback", "savepoint a",       "/* x */ begin"};

    for (size_t i = 0; i < SUITE_COUNT(texts); i++)
        exec_fails(f, f->db, texts[i], NULL, TN_MISUSE, NULL);
    close_fails(f, query(f, f->db, "begin", NULL), TN_MISUSE, NULL);
    check_int(f, int_of(f, f->db, "select 1", NULL), 1);
}

static void control_statements_in_a_transaction(fixture *f)
{
    static const char *const texts[] = {"commit", "-- x\nROLLBACK", "begin", "end", "abort"};

    create(f);
    tn_db *tx = begin(f, f->db);
    exec(f, tx, "insert into {t} values (1, 1)", NULL);
    for (size_t i = 0; i < SUITE_COUNT(texts); i++)
        exec_fails(f, tx, texts[i], NULL, TN_MISUSE, NULL);
    exec(f, tx, "insert into {t} values (2, 2)", NULL);
    commit(f, tx);
    check_int(f, rows_in(f, f->db), 2);
}

static void control_statements_on_a_session(fixture *f)
{
    create(f);
    tn_db *session = acquire(f, f->db);
    exec(f, session, "begin", NULL);
    exec(f, session, "insert into {t} values (1, 1)", NULL);
    exec(f, session, "rollback", NULL);
    check_int(f, rows_in(f, session), 0);
    exec(f, session, "begin", NULL);
    exec(f, session, "insert into {t} values (2, 2)", NULL);
    exec(f, session, "commit", NULL);
    release(f, session);
    check_int(f, rows_in(f, f->db), 1);
}

static void release_rolls_back(fixture *f)
{
    create(f);
    tn_db *session = acquire(f, f->db);
    exec(f, session, "begin", NULL);
    exec(f, session, "insert into {t} values (1, 1)", NULL);
    release(f, session);
    check_int(f, rows_in(f, f->db), 0);
    exec(f, f->db, "insert into {t} values (2, 2)", NULL);
}

static void transaction_on_a_session(fixture *f)
{
    create(f);
    tn_db *session = acquire(f, f->db);
    tn_db *tx = begin(f, session);
    check_int(f, tn_depth(tx), 1);
    exec(f, tx, "insert into {t} values (1, 1)", NULL);
    commit(f, tx);
    check_int(f, rows_in(f, session), 1);
    release(f, session);
}

static void acquire_in_a_transaction_refused(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *tx = begin(f, f->db);
    tn_db *session = NULL;

    check_error(f, tn_acquire(tx, &session, &err), &err, TN_MISUSE, NULL);
    check(f, session == NULL);
    rollback(f, tx);
}

/* ---- at the end ------------------------------------------------------------------------------ */

static void deferred_constraint_fails_the_commit(fixture *f)
{
    tn_error err = TN_ERROR_INIT;

    exec(f, f->db, "create table {t} (id integer primary key)", NULL);
    exec(f, f->db,
         "create table {u} (id integer references {t} (id) deferrable initially deferred)", NULL);
    tn_db *tx = begin(f, f->db);
    exec(f, tx, "insert into {u} values (1)", NULL);
    check_error(f, end_commit(f, tx, &err), &err, TN_CONSTRAINT, "23503");
    check_int(f, int_of(f, f->db, "select count(*) from {u}", NULL), 0);
    tx = begin(f, f->db);
    exec(f, tx, "insert into {u} values (1)", NULL);
    exec(f, tx, "insert into {t} values (1)", NULL);
    commit(f, tx);
    check_int(f, int_of(f, f->db, "select count(*) from {u}", NULL), 1);
}

static void deferred_constraint_fails_the_callback(fixture *f)
{
    tn_error err = TN_ERROR_INIT;

    exec(f, f->db, "create table {t} (id integer primary key)", NULL);
    exec(f, f->db,
         "create table {u} (id integer references {t} (id) deferrable initially deferred)", NULL);
    work w = work_of(f, "insert into {u} values (1)", NULL);
    check_error(f, tn_transaction(f->db, NULL, do_work, &w, &err), &err, TN_CONSTRAINT, "23503");
    check_int(f, int_of(f, f->db, "select count(*) from {u}", NULL), 0);
}

/* ---- two at once ----------------------------------------------------------------------------- */

static void uncommitted_is_not_seen(fixture *f)
{
    create(f);
    tn_db *tx = begin(f, f->db);
    exec(f, tx, "insert into {t} values (1, 1)", NULL);
    check_int(f, rows_in(f, f->db), 0);
    commit(f, tx);
    check_int(f, rows_in(f, f->db), 1);
}

static void repeatable_read_keeps_its_picture(fixture *f)
{
    tn_txn_options options = TN_TXN_OPTIONS_INIT;

    create(f);
    exec(f, f->db, "insert into {t} values (1, 1)", NULL);
    options.isolation = TN_REPEATABLE_READ;
    tn_db *tx = begin_with(f, f->db, &options);
    check_int(f, int_of(f, tx, "select n from {t}", NULL), 1);
    exec(f, f->db, "update {t} set n = 2", NULL);
    check_int(f, int_of(f, tx, "select n from {t}", NULL), 1);
    commit(f, tx);
    check_int(f, int_of(f, f->db, "select n from {t}", NULL), 2);
}

static void read_committed_sees_news(fixture *f)
{
    tn_txn_options options = TN_TXN_OPTIONS_INIT;

    create(f);
    exec(f, f->db, "insert into {t} values (1, 1)", NULL);
    options.isolation = TN_READ_COMMITTED;
    tn_db *tx = begin_with(f, f->db, &options);
    check_int(f, int_of(f, tx, "select n from {t}", NULL), 1);
    exec(f, f->db, "update {t} set n = 2", NULL);
    check_int(f, int_of(f, tx, "select n from {t}", NULL), 2);
    commit(f, tx);
}

static void lost_update_is_refused(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    tn_txn_options options = TN_TXN_OPTIONS_INIT;

    create(f);
    exec(f, f->db, "insert into {t} values (1, 10)", NULL);
    options.isolation = TN_REPEATABLE_READ;
    tn_db *tx = begin_with(f, f->db, &options);
    check_int(f, int_of(f, tx, "select n from {t} where id = 1", NULL), 10);
    exec(f, f->db, "update {t} set n = 11 where id = 1", NULL);
    exec_fails_as(f, tx, "update {t} set n = 12 where id = 1", NULL, TN_SERIALIZATION, "40001",
                  &err);
    check_int(f, err.retry, TN_RETRY_TRANSACTION);
    check_int(f, err.outcome, TN_OUTCOME_NOT_APPLIED);
    rollback(f, tx);
    check_int(f, int_of(f, f->db, "select n from {t}", NULL), 11);
}

/* In its first run another connection changes what it has read. */
typedef struct conflict {
    fixture *f;
    const char *read, *disturb, *write;
    unsigned calls;
    unsigned disturbed;
} conflict;

static tn_status conflicting(tn_db *tx, void *arg, tn_error *err)
{
    conflict *c = arg;
    int64_t n = 0;

    c->calls++;
    if (tn_get(tx, c->read, NULL, tn_into(&n), err) != TN_OK)
        return err->status;
    if (c->disturbed > 0) {
        c->disturbed--;
        if (tn_exec(c->f->db, c->disturb, NULL, NULL, err) != TN_OK)
            return err->status;
    }
    return tn_exec(tx, c->write, tn_args((int32_t)n + 1), NULL, err);
}

static void retried_on_conflict(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    tn_txn_options options = TN_TXN_OPTIONS_INIT;

    create(f);
    exec(f, f->db, "insert into {t} values (1, 10)", NULL);
    conflict c = {.f = f,
                  .read = sql(f, "select n from {t} where id = 1"),
                  .disturb = sql(f, "update {t} set n = n + 100 where id = 1"),
                  .write = sql(f, "update {t} set n = $1 where id = 1"),
                  .disturbed = 2};
    options.isolation = TN_REPEATABLE_READ;
    options.retries = 5;
    check_ok(f, tn_transaction(f->db, &options, conflicting, &c, &err), &err);
    check_int(f, c.calls, 3);
    check_int(f, int_of(f, f->db, "select n from {t}", NULL), 211);
}

static void not_retried_unless_asked(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    tn_txn_options options = TN_TXN_OPTIONS_INIT;

    create(f);
    exec(f, f->db, "insert into {t} values (1, 10)", NULL);
    conflict c = {.f = f,
                  .read = sql(f, "select n from {t} where id = 1"),
                  .disturb = sql(f, "update {t} set n = n + 100 where id = 1"),
                  .write = sql(f, "update {t} set n = $1 where id = 1"),
                  .disturbed = 1};
    options.isolation = TN_REPEATABLE_READ;
    check_error(f, tn_transaction(f->db, &options, conflicting, &c, &err), &err, TN_SERIALIZATION,
                "40001");
    check_int(f, c.calls, 1);
}

static void retries_are_bounded(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    tn_txn_options options = TN_TXN_OPTIONS_INIT;

    create(f);
    exec(f, f->db, "insert into {t} values (1, 10)", NULL);
    conflict c = {.f = f,
                  .read = sql(f, "select n from {t} where id = 1"),
                  .disturb = sql(f, "update {t} set n = n + 100 where id = 1"),
                  .write = sql(f, "update {t} set n = $1 where id = 1"),
                  .disturbed = 100};
    options.isolation = TN_REPEATABLE_READ;
    options.retries = 2;
    check_error(f, tn_transaction(f->db, &options, conflicting, &c, &err), &err, TN_SERIALIZATION,
                "40001");
    check_int(f, c.calls, 3);
}

static void other_errors_are_not_retried(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    tn_txn_options options = TN_TXN_OPTIONS_INIT;

    create(f);
    work w = work_of(f, "insert into {t} values (1, 1)", "insert into {t} values (1, 2)");
    options.retries = 5;
    check_error(f, tn_transaction(f->db, &options, do_work, &w, &err), &err, TN_CONSTRAINT,
                "23505");
    check_int(f, w.calls, 1);
}

/* A write that has to wait for another one ends with its deadline, and both can go on. */
static void blocked_write_ends_by_its_deadline(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    tn_call call = TN_CALL_INIT;

    create(f);
    exec(f, f->db, "insert into {t} values (1, 1)", NULL);
    tn_db *tx = begin(f, f->db);
    exec(f, tx, "update {t} set n = 2 where id = 1", NULL);
    call.timeout_ms = 400;
    int64_t started = now_ms();
    tn_status status = tn_exec_with(f->db, &call, sql(f, "update {t} set n = 3 where id = 1"), NULL,
                                    NULL, &err);
    check_error(f, status, &err, f->answers->blocked_write, NULL);
    check(f, now_ms() - started < 15000);
    commit(f, tx);
    exec(f, f->db, "update {t} set n = n + 10 where id = 1", NULL);
    check_int(f, int_of(f, f->db, "select n from {t}", NULL), 12);
}

static void concurrent_writes_as_declared(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    tn_call call = TN_CALL_INIT;

    create(f);
    exec(f, f->db, "insert into {t} values (1, 1), (2, 2)", NULL);
    tn_db *tx = begin(f, f->db);
    exec(f, tx, "update {t} set n = 10 where id = 1", NULL);
    call.timeout_ms = 400;
    tn_status status = tn_exec_with(f->db, &call, sql(f, "update {t} set n = 20 where id = 2"),
                                    NULL, NULL, &err);
    commit(f, tx);
    if (has(f, TN_CAP_CONCURRENT_WRITES))
        check_ok(f, status, &err);
    else
        check_error(f, status, &err, f->answers->blocked_write, NULL);
}

static const suite_case cases[] = {
    CASE(transactions_as_declared, 0),
    CASE(savepoints_as_declared, TN_CAP_TRANSACTIONS),
    CASE(commit_applies, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
    CASE(rollback_undoes, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
    CASE(empty_transactions, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
    CASE(sees_its_own_writes, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
    CASE(callback_commits, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
    CASE(callback_error_rolls_back, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
    CASE(callback_statement_error_is_passed_on, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
    CASE(swallowed_error_fails_the_commit, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
    CASE(commit_after_an_error_fails, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
    CASE(aborted_until_rollback, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
    CASE(failed_preparation_aborts_too, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
    CASE(wrong_arguments_do_not_abort, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
    CASE(ddl_is_rolled_back, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
    CASE(ddl_is_committed, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
    CASE(connection_is_idle_after_many, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
    CASE(inner_rollback_keeps_the_outer, TN_CAP_SQL | TN_CAP_TRANSACTIONS | TN_CAP_SAVEPOINTS),
    CASE(inner_commit_joins_the_outer, TN_CAP_SQL | TN_CAP_TRANSACTIONS | TN_CAP_SAVEPOINTS),
    CASE(three_deep_with_a_failure_inside, TN_CAP_SQL | TN_CAP_TRANSACTIONS | TN_CAP_SAVEPOINTS),
    CASE(failed_inner_commit_rolls_back_to_it,
         TN_CAP_SQL | TN_CAP_TRANSACTIONS | TN_CAP_SAVEPOINTS),
    CASE(nested_callbacks, TN_CAP_SQL | TN_CAP_TRANSACTIONS | TN_CAP_SAVEPOINTS),
    CASE(parent_while_nested_is_open, TN_CAP_SQL | TN_CAP_TRANSACTIONS | TN_CAP_SAVEPOINTS),
    CASE(two_nested_at_once_refused, TN_CAP_TRANSACTIONS | TN_CAP_SAVEPOINTS),
    CASE(options_on_a_savepoint_refused, TN_CAP_SQL | TN_CAP_TRANSACTIONS | TN_CAP_SAVEPOINTS),
    CASE(read_only, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
    CASE(read_only_ends_with_the_transaction, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
    CASE(isolation_levels, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
    CASE(serializable_deferrable_read_only, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
    CASE(timeout_of_a_transaction, TN_CAP_SQL | TN_CAP_TRANSACTIONS | TN_CAP_CANCEL),
    CASE(control_statements_on_a_client, TN_CAP_SQL),
    CASE(control_statements_in_a_transaction, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
    CASE(control_statements_on_a_session, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
    CASE(release_rolls_back, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
    CASE(transaction_on_a_session, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
    CASE(acquire_in_a_transaction_refused, TN_CAP_TRANSACTIONS),
    CASE(deferred_constraint_fails_the_commit, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
    CASE(deferred_constraint_fails_the_callback, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
    CASE(uncommitted_is_not_seen, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
    CASE(repeatable_read_keeps_its_picture, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
    CASE(read_committed_sees_news, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
    CASE(lost_update_is_refused, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
    CASE(retried_on_conflict, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
    CASE(not_retried_unless_asked, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
    CASE(retries_are_bounded, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
    CASE(other_errors_are_not_retried, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
    CASE(blocked_write_ends_by_its_deadline, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
    CASE(concurrent_writes_as_declared, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
};

GROUP(txn);
