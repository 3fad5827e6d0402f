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
    check_int(f, int_of(f, f->db, "select cast($1 as integer)", tn_args(1)), 1);
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

/* What the client finds before anything is sent aborts like what the server finds. */
static void wrong_arguments_abort_too(fixture *f)
{
    tn_error err = TN_ERROR_INIT;

    create(f);
    for (int i = 0; i < 3; i++) {
        tn_db *tx = begin(f, f->db), *inner;
        exec(f, tx, "insert into {t} values (1, 1)", NULL);
        if (i == 0)
            exec_fails(f, tx, "select cast($1 as integer)", NULL, TN_PROTOCOL, "08P01");
        else if (i == 1)
            exec_fails(f, tx, "select cast($1 as integer)", tn_args(INT64_C(5000000000)), TN_DATA,
                       "22003");
        else
            exec_fails(f, tx, "select cast($1 as text)", tn_args("\xff"), TN_DATA, "22021");
        exec_fails(f, tx, "select 1", NULL, TN_ABORTED, "25P02");
        check_error(f, tn_begin(tx, NULL, &inner, &err), &err, TN_ABORTED, "25P02");
        check_error(f, end_commit(f, tx, &err), &err, TN_ABORTED, "25P02");
        check_int(f, rows_in(f, f->db), 0);
    }
}

static void wrong_arguments_abort_a_savepoint_only(fixture *f)
{
    tn_error err = TN_ERROR_INIT;

    create(f);
    tn_db *tx = begin(f, f->db), *inner = begin(f, tx);
    exec(f, inner, "insert into {t} values (1, 1)", NULL);
    exec_fails(f, inner, "select cast($1 as integer)", NULL, TN_PROTOCOL, "08P01");
    exec_fails(f, inner, "select 1", NULL, TN_ABORTED, "25P02");
    check_error(f, end_commit(f, inner, &err), &err, TN_ABORTED, "25P02");
    exec(f, tx, "insert into {t} values (2, 2)", NULL);
    commit(f, tx);
    check_int(f, int_of(f, f->db, "select sum(id) from {t}", NULL), 2);
}

/* Its statement went well: what is made of the answer is no concern of the transaction. */
static void wrong_targets_do_not_abort(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    int32_t number = 0;

    create(f);
    tn_db *tx = begin(f, f->db);
    check_error(f, tn_get(tx, "select cast('x' as text)", NULL, tn_into(&number), &err), &err,
                TN_DATA, NULL);
    check_error(f, tn_get(tx, "select 1 where 1 = 0", NULL, tn_into(&number), &err), &err,
                TN_NOT_FOUND, NULL);
    exec(f, tx, "insert into {t} values (2, 2)", NULL);
    commit(f, tx);
    check_int(f, int_of(f, f->db, "select sum(id) from {t}", NULL), 2);
}

/* The outcome tells what became of the statement, not of its answer. */
static void an_unread_answer_is_applied(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    bool flag;

    create(f);
    check_error(f,
                tn_get(f->db, sql(f, "insert into {t} values (1, 1), (2, 2) returning id"), NULL,
                       tn_into(&flag), &err),
                &err, TN_TOO_MANY_ROWS, NULL);
    check_int(f, err.outcome, TN_OUTCOME_APPLIED);
    check_error(f,
                tn_get(f->db, sql(f, "insert into {t} values (3, 3) returning id"), NULL,
                       tn_into(&flag, &flag), &err),
                &err, TN_DATA, NULL);
    check_int(f, err.outcome, TN_OUTCOME_APPLIED);
    tn_rows *rows = tn_query(f->db, sql(f, "insert into {t} values (4, 4) returning id"), NULL);
    check(f, tn_next(rows));
    check_int(f, tn_scan(rows, &flag, &flag), TN_DATA);
    check_error(f, tn_close(rows, &err), &err, TN_DATA, NULL);
    check_int(f, err.outcome, TN_OUTCOME_APPLIED);
    check_int(f, rows_in(f, f->db), 4);
}

/* However few they are. */
static void rows_unread_at_the_end_are_missed(fixture *f)
{
    for (int i = 0; i < 3; i++) {
        tn_db *tx = begin(f, f->db), *over = i == 2 ? begin(f, tx) : tx;
        tn_rows *rows = query(f, over, "select 1 union all select 2 union all select 3", NULL);
        next(f, rows);
        if (i == 0)
            commit(f, tx);
        else
            rollback(f, over);
        check(f, !tn_next(rows));
        close_fails(f, rows, TN_MISUSE, "24000");
        if (i == 2)
            commit(f, tx);
    }
    tn_db *tx = begin(f, f->db);
    tn_rows *rows = query(f, tx, "select 1", NULL);
    next(f, rows);
    commit(f, tx);
    check(f, !tn_next(rows));
    close_rows(f, rows);
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

/* Without the bit a transaction may be refused, or be a state that there is nothing to undo in. */
static void transactions_as_declared(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *tx = NULL;
    tn_status status = tn_begin(f->db, NULL, &tx, &err);

    if (!has(f, TN_CAP_TRANSACTIONS) && status != TN_OK) {
        check_error(f, status, &err, TN_UNSUPPORTED, "0A000");
        return;
    }
    check_ok(f, status, &err);
    unsigned depth = tn_depth(tx);
    check_ok(f, tn_rollback(tx, &err), &err);
    check_int(f, depth, 1);
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
    options.timeout_ms = 250;
    tn_db *tx = begin_with(f, f->db, &options);
    int64_t started = now_ms();
    exec_fails(f, tx, f->answers->long_statement, NULL, TN_TIMEOUT, "57014");
    check(f, now_ms() - started < 15000);
    check(f, end_commit(f, tx, &err) != TN_OK);
    check(f, err.status != TN_OK);
    check_int(f, int_of(f, f->db, "select 1", NULL), 1);
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

static const suite_case cases[] = {
    CASE(transactions_as_declared, 0),
    CASE(commit_applies, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
    CASE(rollback_undoes, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
    CASE(empty_transactions, 0),
    CASE(sees_its_own_writes, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
    CASE(callback_commits, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
    CASE(callback_error_rolls_back, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
    CASE(callback_statement_error_is_passed_on, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
    CASE(swallowed_error_fails_the_commit, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
    CASE(commit_after_an_error_fails, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
    CASE(aborted_until_rollback, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
    CASE(failed_preparation_aborts_too, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
    CASE(wrong_arguments_abort_too, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
    CASE(wrong_arguments_abort_a_savepoint_only,
         TN_CAP_SQL | TN_CAP_TRANSACTIONS | TN_CAP_SAVEPOINTS),
    CASE(wrong_targets_do_not_abort, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
    CASE(an_unread_answer_is_applied, TN_CAP_SQL),
    CASE(rows_unread_at_the_end_are_missed, TN_CAP_SQL | TN_CAP_TRANSACTIONS | TN_CAP_SAVEPOINTS),
    CASE(ddl_is_rolled_back, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
    CASE(ddl_is_committed, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
    CASE(connection_is_idle_after_many, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
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
    CASE(acquire_in_a_transaction_refused, 0),
    CASE(deferred_constraint_fails_the_commit, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
    CASE(deferred_constraint_fails_the_callback, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
    CASE(other_errors_are_not_retried, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
};

GROUP(txn);
