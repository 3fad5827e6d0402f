/* SPDX-License-Identifier: MIT */
/* Two transactions at once: what is seen, who must wait, what is a conflict and tried again. */
#include "suite.h"

static void create(fixture *f)
{
    exec(f, f->db, "create table {t} (id integer primary key, n integer)", NULL);
}

static int64_t rows_in(fixture *f, tn_db *db)
{
    return int_of(f, db, "select count(*) from {t}", NULL);
}

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
    /* Where one writer excludes all others, a stranger may cause one more. */
    check(f, c.calls >= 3 && c.calls <= 6);
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

/* A write that has to wait for another one ends with its deadline, and both can go on. */
static void blocked_write_ends_by_its_deadline(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    tn_call call = TN_CALL_INIT;

    create(f);
    exec(f, f->db, "insert into {t} values (1, 1)", NULL);
    tn_db *tx = begin(f, f->db);
    exec(f, tx, "update {t} set n = 2 where id = 1", NULL);
    call.timeout_ms = 150;
    int64_t started = now_ms();
    tn_status status = tn_exec_with(f->db, &call, sql(f, "update {t} set n = 3 where id = 1"), NULL,
                                    NULL, &err);
    check_error(f, status, &err, TN_TIMEOUT, NULL);
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
    call.timeout_ms = has(f, TN_CAP_CONCURRENT_WRITES) ? 10000 : 150;
    tn_status status = tn_exec_with(f->db, &call, sql(f, "update {t} set n = 20 where id = 2"),
                                    NULL, NULL, &err);
    commit(f, tx);
    if (has(f, TN_CAP_CONCURRENT_WRITES))
        check_ok(f, status, &err);
    else
        check_error(f, status, &err, TN_TIMEOUT, NULL);
}

static const suite_case cases[] = {
    CASE(uncommitted_is_not_seen, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
    CASE(repeatable_read_keeps_its_picture, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
    CASE(read_committed_sees_news, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
    CASE(lost_update_is_refused, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
    CASE(retried_on_conflict, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
    CASE(not_retried_unless_asked, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
    CASE(retries_are_bounded, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
    CASE(blocked_write_ends_by_its_deadline, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
    CASE(concurrent_writes_as_declared, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
};

GROUP(isolation);
