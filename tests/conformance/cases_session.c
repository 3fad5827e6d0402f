/* SPDX-License-Identifier: MIT */
/* One connection in hand: what stays on it, and what must be gone when it goes back. */
#include <string.h>

#include "suite.h"

static void keeps_its_connection(fixture *f)
{
    tn_db *session = acquire(f, f->db);

    check_int(f, tn_depth(session), 0);
    exec(f, session, "create temporary table kept (n integer)", NULL);
    for (int i = 0; i < 10; i++)
        exec(f, session, "insert into kept values ($1)", tn_args(i));
    check_int(f, int_of(f, session, "select count(*) from kept", NULL), 10);
}

static void temporary_tables_are_its_own(fixture *f)
{
    tn_db *one = acquire(f, f->db);
    tn_db *two = acquire(f, f->db);

    exec(f, one, "create temporary table mine (n integer)", NULL);
    exec_fails(f, two, "select * from mine", NULL, TN_SYNTAX, "42P01");
    exec(f, two, "create temporary table mine (s text)", NULL);
    exec(f, one, "insert into mine values (1)", NULL);
    exec(f, two, "insert into mine values ('x')", NULL);
}

static void temporary_tables_are_gone_afterwards(fixture *f)
{
    tn_db *client = open_pool(f, "1", "5000");
    tn_db *session = acquire(f, client);

    exec(f, session, "create temporary table left_behind (n integer)", NULL);
    exec(f, session, "insert into left_behind values (1)", NULL);
    release(f, session);
    exec_fails(f, client, "select * from left_behind", NULL, TN_SYNTAX, "42P01");
    session = acquire(f, client);
    exec_fails(f, session, "select * from left_behind", NULL, TN_SYNTAX, "42P01");
    exec(f, session, "create temporary table left_behind (n integer)", NULL);
}

static void settings_do_not_leak(fixture *f)
{
    const answers *declared = f->answers;

    if (!declared->setting_change)
        skip(f, "the driver declares no setting of a connection");
    tn_db *client = open_pool(f, "1", "5000");
    tn_db *session = acquire(f, client);
    const char *before = text_of(f, session, declared->setting_read, NULL);
    check(f, strcmp(before, declared->setting_value) != 0);
    exec(f, session, declared->setting_change, NULL);
    check_text(f, text_of(f, session, declared->setting_read, NULL), declared->setting_value);
    release(f, session);
    check_text(f, text_of(f, client, declared->setting_read, NULL), before);
}

static void prepared_texts_survive_a_reset(fixture *f)
{
    tn_db *client = open_pool(f, "1", "5000");

    for (int i = 0; i < 5; i++) {
        tn_db *session = acquire(f, client);
        check_int(f, int_of(f, session, "select cast($1 as integer) + 1", tn_args(i)), i + 1);
        exec(f, session, "create temporary table touched (n integer)", NULL);
        release(f, session);
        check_int(f, int_of(f, client, "select cast($1 as integer) + 1", tn_args(i)), i + 1);
    }
}

static void takes_a_slot_of_the_pool(fixture *f)
{
    tn_db *client = open_pool(f, "2", "5000");
    tn_pool_stats stats;

    tn_db *session = acquire(f, client);
    tn_db_pool_stats(client, &stats);
    check_int(f, stats.max, 2);
    check_int(f, stats.in_use, 1);
    release(f, session);
    tn_db_pool_stats(client, &stats);
    check_int(f, stats.in_use, 0);
    check(f, stats.acquires >= 1 && stats.created >= 1 && stats.total <= 2);
}

static void of_a_session_refused(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *session = acquire(f, f->db);
    tn_db *second = NULL;

    check_error(f, tn_acquire(session, &second, &err), &err, TN_MISUSE, NULL);
    check(f, second == NULL);
}

static void released_with_rows_open(fixture *f)
{
    tn_db *client = open_pool(f, "1", "5000");

    for (int i = 0; i < 3; i++) {
        tn_db *session = acquire(f, client);
        tn_rows *rows = query(f, session, COUNT_TO("50000") "select n from s", NULL);
        next(f, rows);
        (void)end_rows(f, rows, NULL);
        release(f, session);
        check_int(f, int_of(f, client, "select 3", NULL), 3);
    }
}

static void released_after_a_failed_transaction(fixture *f)
{
    tn_db *client = open_pool(f, "1", "5000");

    for (int i = 0; i < 3; i++) {
        tn_db *session = acquire(f, client);
        exec(f, session, "begin", NULL);
        exec_fails(f, session, "select no_such_column", NULL, TN_SYNTAX, "42703");
        exec_fails(f, session, "select 1", NULL, TN_ABORTED, "25P02");
        release(f, session);
        check_int(f, int_of(f, client, "select 4", NULL), 4);
    }
}

/* COMMIT of a failed transaction is a ROLLBACK: the caller is told. */
static void commit_of_a_failed_transaction(fixture *f)
{
    tn_db *session = acquire(f, f->db);

    exec(f, session, "create temporary table attempt (n integer)", NULL);
    exec(f, session, "begin", NULL);
    exec(f, session, "insert into attempt values (1)", NULL);
    exec_fails(f, session, "select no_such_column", NULL, TN_SYNTAX, "42703");
    exec_fails(f, session, "commit", NULL, TN_ABORTED, NULL);
    check_int(f, int_of(f, session, "select count(*) from attempt", NULL), 0);
}

/* Another connection's DDL must not change what a failing statement is told, in a transaction that
 * has not looked at the tables yet and outside of one. */
static void schema_changes_by_another(fixture *f)
{
    tn_db *session = acquire(f, f->db);

    exec(f, session, "create temporary table attempt (n integer)", NULL);
    for (int i = 0; i < 5; i++) {
        exec(f, f->db, "create table {t} (n integer)", NULL);
        exec_fails(f, session, "select no_such_column", NULL, TN_SYNTAX, "42703");
        exec(f, f->db, "drop table {t}", NULL);
        exec(f, session, "begin", NULL);
        exec(f, session, "insert into attempt values (1)", NULL);
        exec_fails(f, session, "select no_such_column", NULL, TN_SYNTAX, "42703");
        exec(f, session, "rollback", NULL);
    }
}

static void savepoints_by_hand(fixture *f)
{
    tn_db *session = acquire(f, f->db);

    exec(f, session, "create temporary table attempt (n integer)", NULL);
    exec(f, session, "begin", NULL);
    exec(f, session, "insert into attempt values (1)", NULL);
    exec(f, session, "savepoint here", NULL);
    exec(f, session, "insert into attempt values (2)", NULL);
    exec_fails(f, session, "select no_such_column", NULL, TN_SYNTAX, "42703");
    exec(f, session, "rollback to savepoint here", NULL);
    exec(f, session, "insert into attempt values (4)", NULL);
    exec(f, session, "commit", NULL);
    check_int(f, int_of(f, session, "select sum(n) from attempt", NULL), 5);
}

/* An application's wait (wait.h): it sees the work, and what it answers is what happens. */
typedef struct waiting {
    _Atomic unsigned calls;
    _Atomic bool silent; /* the server seems to say nothing any more */
    _Atomic bool broken;
    _Atomic bool slow; /* each wait takes a tenth of a second */
    _Atomic bool late; /* the deadline passes once the answer is there, and it is not seen */
} waiting;

static tn_wait_result application_wait(void *arg, int fd, int cancel_fd, int events,
                                       int64_t deadline_ns)
{
    waiting *w = arg;

    (void)fd;
    (void)cancel_fd;
    (void)events;
    w->calls++;
    if (w->broken)
        return TN_WAIT_FAILED;
    if (w->late) {
        w->late = false;
        sleep_ms(100);
        return TN_WAIT_TIMEOUT;
    }
    if (!w->silent) {
        sleep_ms(w->slow ? 100 : 1);
        return TN_WAIT_READY;
    }
    while (now_ms() < deadline_ns / 1000000 && w->silent)
        sleep_ms(5);
    return w->silent ? TN_WAIT_TIMEOUT : TN_WAIT_READY;
}

static tn_db *open_waiting(fixture *f, waiting *w)
{
    tn_config *config = new_config(f);

    if (!f->answers->socket)
        skip(f, "the driver waits for no socket");
    tn_config_set_wait(config, application_wait, w);
    return open_client(f, config);
}

static void application_wait_is_used(fixture *f)
{
    waiting *w = room(f, sizeof(*w));
    tn_db *client = open_waiting(f, w);
    unsigned before = w->calls;

    check(f, before > 0);
    check_int(f, int_of(f, client, "select 6", NULL), 6);
    check(f, w->calls > before);
}

static void silent_server_is_a_timeout(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    tn_call call = TN_CALL_INIT;
    waiting *w = room(f, sizeof(*w));
    tn_db *client = open_waiting(f, w);

    call.timeout_ms = 300;
    check_int(f, int_of(f, client, "select 6", NULL), 6);
    w->silent = true;
    int64_t started = now_ms();
    tn_status status = tn_exec_with(client, &call, "select 7", NULL, NULL, &err);
    int64_t took = now_ms() - started;
    tn_health health = tn_health_check(client, 500);
    w->silent = false;
    check_error(f, status, &err, TN_TIMEOUT, NULL);
    check(f, took < 20000);
    check_int(f, health.status, TN_UNHEALTHY);
    check(f, health.error.status != TN_OK);
    check_int(f, int_of(f, client, "select 8", NULL), 8);
}

/* The deadline passes while the answer is on its way: whatever is said of the outcome must be true.
 * Nothing may be said to be not applied that is. */
static void outcome_of_a_late_answer_is_true(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    waiting *w = room(f, sizeof(*w));
    tn_db *client = open_waiting(f, w);

    exec(f, client, "create table {t} (n integer)", NULL);
    exec(f, client, "insert into {t} values ($1)", tn_args(0));
    for (int i = 1; i <= 5; i++) {
        int64_t before = int_of(f, f->db, "select count(*) from {t}", NULL);
        w->late = true;
        tn_status status = tn_exec(client, sql(f, "insert into {t} values ($1)"), tn_args(i), NULL,
                                   &err);
        w->late = false;
        int64_t after = int_of(f, f->db, "select count(*) from {t}", NULL);
        if (status == TN_OK)
            check_int(f, after, before + 1);
        else if (err.outcome == TN_OUTCOME_NOT_APPLIED)
            check_int(f, after, before);
        else if (err.outcome == TN_OUTCOME_APPLIED)
            check_int(f, after, before + 1);
    }
}

/* The answer is there, but the deadline has passed before anybody looks at it. */
static void outcome_of_an_answer_read_too_late(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    tn_call call = TN_CALL_INIT;
    waiting *w = room(f, sizeof(*w));
    tn_db *client = open_waiting(f, w);

    exec(f, client, "create table {t} (n integer)", NULL);
    exec(f, client, "insert into {t} values ($1)", tn_args(0));
    call.timeout_ms = 50;
    for (int i = 1; i <= 3; i++) {
        int64_t before = int_of(f, f->db, "select count(*) from {t}", NULL);
        w->slow = true;
        tn_status status = tn_exec_with(client, &call, sql(f, "insert into {t} values ($1)"),
                                        tn_args(i), NULL, &err);
        w->slow = false;
        int64_t after = int_of(f, f->db, "select count(*) from {t}", NULL);
        if (status == TN_OK)
            check_int(f, after, before + 1);
        else if (err.outcome == TN_OUTCOME_NOT_APPLIED)
            check_int(f, after, before);
        else if (err.outcome == TN_OUTCOME_APPLIED)
            check_int(f, after, before + 1);
    }
}

static void broken_connection_is_replaced(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    waiting *w = room(f, sizeof(*w));
    tn_db *client = open_waiting(f, w);

    check_int(f, int_of(f, client, "select 6", NULL), 6);
    tn_db *session = acquire(f, client);
    w->broken = true;
    check_error(f, tn_exec(session, "select 7", NULL, NULL, &err), &err, TN_LOST, NULL);
    w->broken = false;
    check(f, tn_exec(session, "select 7", NULL, NULL, &err) != TN_OK);
    release(f, session);
    check_int(f, int_of(f, client, "select 8", NULL), 8);
}

static const suite_case cases[] = {
    CASE(keeps_its_connection, TN_CAP_SQL),
    CASE(temporary_tables_are_its_own, TN_CAP_SQL),
    CASE(temporary_tables_are_gone_afterwards, TN_CAP_SQL),
    CASE(settings_do_not_leak, TN_CAP_SQL),
    CASE(prepared_texts_survive_a_reset, TN_CAP_SQL),
    CASE(takes_a_slot_of_the_pool, 0),
    CASE(of_a_session_refused, 0),
    CASE(released_with_rows_open, TN_CAP_SQL),
    CASE(released_after_a_failed_transaction, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
    CASE(commit_of_a_failed_transaction, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
    CASE(schema_changes_by_another, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
    CASE(savepoints_by_hand, TN_CAP_SQL | TN_CAP_TRANSACTIONS | TN_CAP_SAVEPOINTS),
    CASE(application_wait_is_used, TN_CAP_SQL),
    CASE(silent_server_is_a_timeout, TN_CAP_SQL),
    CASE(outcome_of_a_late_answer_is_true, TN_CAP_SQL),
    CASE(outcome_of_an_answer_read_too_late, TN_CAP_SQL),
    CASE(broken_connection_is_replaced, TN_CAP_SQL),
};

GROUP(session);
