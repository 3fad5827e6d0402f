/* SPDX-License-Identifier: MIT */
/* Deadlines and cancelling: the statement ends, the connection lives or is replaced, and no later
 * statement is hit. Times are bounds that only a hang can break. */
#include "suite.h"

/* Far below what the long statement takes, far above what ending it takes. */
#define SOON_MS 15000

static const char endless_rows[] = COUNT_TO("20000000") "select n from s";

static const char *long_statement(fixture *f)
{
    if (!f->answers->long_statement)
        skip(f, "the driver declares no statement that takes long");
    return f->answers->long_statement;
}

static tn_call call_of(int64_t timeout_ms)
{
    tn_call call = TN_CALL_INIT;

    call.timeout_ms = timeout_ms;
    return call;
}

/* Reading goes on although it should have ended: a case gives up rather than read to the end. */
static bool too_late(int64_t count, int64_t started)
{
    return count % 1000 == 0 && now_ms() - started > SOON_MS;
}

static void works_after(fixture *f, tn_db *db)
{
    for (int i = 0; i < 20; i++)
        suite_check_int(f, "an answer afterwards",
                        suite_int_of(f, db, "select cast($1 as integer) * 3", tn_args(i)), 3 * i);
}

static void timeout_of_a_call(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    tn_call call = call_of(150);
    const char *text = long_statement(f);
    int64_t started = now_ms();

    check_error(f, tn_exec_with(f->db, &call, text, NULL, NULL, &err), &err, TN_TIMEOUT, "57014");
    int64_t took = now_ms() - started;
    check(f, took >= 100 && took < SOON_MS);
    works_after(HERE(f), f->db);
}

static void timeout_on_a_session_keeps_it(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    tn_call call = call_of(100);
    const char *text = long_statement(f);
    tn_db *session = acquire(f, f->db);

    exec(f, session, "create temporary table kept_by_session (n integer)", NULL);
    check_error(f, tn_exec_with(session, &call, text, NULL, NULL, &err), &err, TN_TIMEOUT, "57014");
    works_after(HERE(f), session);
    check_int(f, int_of(f, session, "select count(*) from kept_by_session", NULL), 0);
}

static void timeout_by_configuration(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    const char *text = long_statement(f);
    tn_config *config = new_config(f);

    set_option(f, config, "statement_timeout", "300");
    tn_db *client = open_client(f, config);
    int64_t started = now_ms();
    check_error(f, tn_exec(client, text, NULL, NULL, &err), &err, TN_TIMEOUT, "57014");
    check(f, now_ms() - started < SOON_MS);
    works_after(HERE(f), client);
}

static void a_call_may_take_longer_than_configured(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    tn_config *config = new_config(f);
    tn_call call = call_of(-1);
    int64_t count = 0;

    set_option(f, config, "statement_timeout", "100");
    tn_db *client = open_client(f, config);
    tn_rows *rows = query_with(f, client, &call, COUNT_TO("2000") "select n from s", NULL);
    while (tn_next(rows))
        if (++count == 1000)
            sleep_ms(200);
    check_int(f, end_rows(f, rows, &err), TN_OK);
    check_int(f, count, 2000);
}

static void timeout_in_the_middle_of_rows(fixture *f)
{
    tn_call call = call_of(150);
    int64_t count = 0, started = now_ms();

    call.fetch = TN_FETCH_STREAM;
    tn_rows *rows = query_with(f, f->db, &call, endless_rows, NULL);
    while (tn_next(rows) && !too_late(++count, started))
        check_int(f, tn_row_int64(rows, 0), count);
    check(f, now_ms() - started < SOON_MS);
    close_fails(f, rows, TN_TIMEOUT, "57014");
    check(f, count < 20000000);
    works_after(HERE(f), f->db);
}

/* Rows stand ready whenever the reader comes for more, so nobody ever waits: the deadline holds. */
static void timeout_with_a_slow_reader(fixture *f)
{
    tn_call call = call_of(150);
    int64_t count = 0, started = now_ms();

    call.fetch = TN_FETCH_STREAM;
    tn_rows *rows = query_with(f, f->db, &call, endless_rows, NULL);
    while (tn_next(rows) && !too_late(++count, started))
        if (count % 1000 == 0)
            sleep_ms(2);
    check(f, now_ms() - started < SOON_MS);
    close_fails(f, rows, TN_TIMEOUT, "57014");
    works_after(HERE(f), f->db);
}

static void cancel_with_a_slow_reader(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    tn_call call = TN_CALL_INIT;
    tn_db *session = acquire(f, f->db);
    int64_t count = 0, started = now_ms();

    call.fetch = TN_FETCH_STREAM;
    tn_rows *rows = query_with(f, session, &call, endless_rows, NULL);
    next(f, rows);
    canceller *c = canceller_start(f, session);
    while (tn_next(rows) && !too_late(++count, started))
        if (count % 1000 == 0)
            sleep_ms(2);
    canceller_stop(f, c);
    check(f, now_ms() - started < SOON_MS);
    check_error(f, end_rows(f, rows, &err), &err, TN_CANCELLED, "57014");
    works_after(HERE(f), session);
}

static void timeout_in_a_transaction_aborts_it(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    tn_call call = call_of(100);
    const char *text = long_statement(f);

    exec(f, f->db, "create table {t} (n integer)", NULL);
    tn_db *tx = begin(f, f->db);
    exec(f, tx, "insert into {t} values (1)", NULL);
    check_error(f, tn_exec_with(tx, &call, text, NULL, NULL, &err), &err, TN_TIMEOUT, "57014");
    exec_fails(f, tx, "select 1", NULL, TN_ABORTED, "25P02");
    rollback(f, tx);
    check_int(f, int_of(f, f->db, "select count(*) from {t}", NULL), 0);
}

static void timeout_within_a_savepoint(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    tn_call call = call_of(100);
    const char *text = long_statement(f);

    exec(f, f->db, "create table {t} (n integer)", NULL);
    tn_db *tx = begin(f, f->db);
    exec(f, tx, "insert into {t} values (1)", NULL);
    tn_db *inner = begin(f, tx);
    check_error(f, tn_exec_with(inner, &call, text, NULL, NULL, &err), &err, TN_TIMEOUT, "57014");
    rollback(f, inner);
    exec(f, tx, "insert into {t} values (2)", NULL);
    commit(f, tx);
    check_int(f, int_of(f, f->db, "select count(*) from {t}", NULL), 2);
}

static void cancelled_write_is_not_applied(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    tn_call call = call_of(100);

    exec(f, f->db, "create table {t} (n integer)", NULL);
    tn_status status = tn_exec_with(
        f->db, &call, sql(f, "insert into {t} (n) " COUNT_TO("20000000") "select n from s"), NULL,
        NULL, &err);
    check_error(f, status, &err, TN_TIMEOUT, "57014");
    check_int(f, int_of(f, f->db, "select count(*) from {t}", NULL), 0);
}

static void cancel_from_another_thread(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    const char *text = long_statement(f);
    tn_db *session = acquire(f, f->db);
    int64_t started = now_ms();
    canceller *c = canceller_start(f, session);
    tn_status status = tn_exec(session, text, NULL, NULL, &err);

    canceller_stop(f, c);
    check_error(f, status, &err, TN_CANCELLED, "57014");
    check(f, now_ms() - started < SOON_MS);
    works_after(HERE(f), session);
}

static void cancel_in_a_transaction(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    const char *text = long_statement(f);

    exec(f, f->db, "create table {t} (n integer)", NULL);
    tn_db *tx = begin(f, f->db);
    exec(f, tx, "insert into {t} values (1)", NULL);
    canceller *c = canceller_start(f, tx);
    tn_status status = tn_exec(tx, text, NULL, NULL, &err);
    canceller_stop(f, c);
    check_error(f, status, &err, TN_CANCELLED, "57014");
    exec_fails(f, tx, "select 1", NULL, TN_ABORTED, "25P02");
    rollback(f, tx);
    check_int(f, int_of(f, f->db, "select count(*) from {t}", NULL), 0);
}

static void cancel_of_a_client_ends_all(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    const char *text = long_statement(f);
    tn_db *client = open_pool(f, "2", "5000");
    canceller *c = canceller_start(f, client);
    tn_status status = tn_exec(client, text, NULL, NULL, &err);

    canceller_stop(f, c);
    check_error(f, status, &err, TN_CANCELLED, "57014");
    works_after(HERE(f), client);
}

static void cancel_when_nothing_runs(fixture *f)
{
    tn_db *session = acquire(f, f->db);

    for (int i = 0; i < 50; i++) {
        tn_cancel(session);
        check_int(f, int_of(f, session, "select cast($1 as integer)", tn_args(i)), i);
    }
    tn_cancel(f->db);
    check_int(f, int_of(f, f->db, "select cast($1 as integer)", tn_args(6)), 6);
}

static void cancel_while_reading_rows(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    tn_call call = TN_CALL_INIT;
    tn_db *session = acquire(f, f->db);
    int64_t count = 0, started = now_ms();

    call.fetch = TN_FETCH_STREAM;
    tn_rows *rows = query_with(f, session, &call, endless_rows, NULL);
    next(f, rows);
    canceller *c = canceller_start(f, session);
    while (tn_next(rows) && !too_late(++count, started))
        ;
    canceller_stop(f, c);
    check_error(f, end_rows(f, rows, &err), &err, TN_CANCELLED, "57014");
    check(f, count < 20000000);
    works_after(HERE(f), session);
}

/* Short statements under a rain of cancels: each ends right or with 57014, nothing else, and when
 * the rain stops every answer is right. */
static void cancel_never_hits_a_later_statement(fixture *f)
{
    tn_db *session = acquire(f, f->db);
    canceller *c = canceller_start(f, session);
    int64_t until = now_ms() + 300;
    tn_status bad = TN_OK;
    tn_error err = TN_ERROR_INIT;
    int wrong = 0;

    for (int i = 0; now_ms() < until; i++) {
        int n = -1;
        tn_status status = tn_get(session, "select cast($1 as integer)", tn_args(i), tn_into(&n),
                                  &err);
        if (status == TN_OK)
            wrong += n != i;
        else if (status != TN_CANCELLED)
            bad = status;
    }
    canceller_stop(f, c);
    check_int(f, wrong, 0);
    check_ok(f, bad, &err);
    works_after(HERE(f), session);
}

static void expired_before_it_began(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    tn_call call = call_of(1);

    exec(f, f->db, "create table {t} (n integer)", NULL);
    for (int i = 0; i < 20; i++) {
        int64_t before = int_of(f, f->db, "select count(*) from {t}", NULL);
        tn_status status = tn_exec_with(f->db, &call, sql(f, "insert into {t} values (1)"), NULL,
                                        NULL, &err);
        int64_t after = int_of(f, f->db, "select count(*) from {t}", NULL);
        /* In a millisecond it may or may not be done, but the answer must be true where it can. */
        if (status == TN_OK)
            check_int(f, after, before + 1);
        else if (err.outcome == TN_OUTCOME_NOT_APPLIED)
            check_int(f, after, before);
        check(f, status == TN_OK || status == TN_TIMEOUT);
    }
}

static void as_declared(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    tn_call call = call_of(50);

    if (has(f, TN_CAP_CANCEL) && !f->answers->long_statement)
        fail(f, "the driver declares CANCEL and no statement to try it on");
    if (has(f, TN_CAP_CANCEL))
        check_error(f, tn_exec_with(f->db, &call, f->answers->long_statement, NULL, NULL, &err),
                    &err, TN_TIMEOUT, "57014");
    else
        tn_cancel(f->db);
}

static const suite_case cases[] = {
    CASE(as_declared, 0),
    CASE(timeout_of_a_call, TN_CAP_SQL | TN_CAP_CANCEL),
    CASE(timeout_on_a_session_keeps_it, TN_CAP_SQL | TN_CAP_CANCEL),
    CASE(timeout_by_configuration, TN_CAP_SQL | TN_CAP_CANCEL),
    CASE(a_call_may_take_longer_than_configured, TN_CAP_SQL),
    CASE(timeout_in_the_middle_of_rows, TN_CAP_SQL | TN_CAP_CANCEL | TN_CAP_STREAM),
    CASE(timeout_with_a_slow_reader, TN_CAP_SQL | TN_CAP_CANCEL | TN_CAP_STREAM),
    CASE(cancel_with_a_slow_reader, TN_CAP_SQL | TN_CAP_CANCEL | TN_CAP_STREAM),
    CASE(timeout_in_a_transaction_aborts_it, TN_CAP_SQL | TN_CAP_CANCEL | TN_CAP_TRANSACTIONS),
    CASE(timeout_within_a_savepoint,
         TN_CAP_SQL | TN_CAP_CANCEL | TN_CAP_TRANSACTIONS | TN_CAP_SAVEPOINTS),
    CASE(cancelled_write_is_not_applied, TN_CAP_SQL | TN_CAP_CANCEL),
    CASE(cancel_from_another_thread, TN_CAP_SQL | TN_CAP_CANCEL),
    CASE(cancel_in_a_transaction, TN_CAP_SQL | TN_CAP_CANCEL | TN_CAP_TRANSACTIONS),
    CASE(cancel_of_a_client_ends_all, TN_CAP_SQL | TN_CAP_CANCEL),
    CASE(cancel_when_nothing_runs, 0),
    CASE(cancel_while_reading_rows, TN_CAP_SQL | TN_CAP_CANCEL | TN_CAP_STREAM),
    CASE(cancel_never_hits_a_later_statement, TN_CAP_SQL | TN_CAP_CANCEL),
    CASE(expired_before_it_began, TN_CAP_SQL),
};

GROUP(cancel);
