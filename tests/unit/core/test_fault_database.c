/* SPDX-License-Identifier: MIT */
/*
 * core/fault as an application's tests use it: around a real database, by public headers alone. Run
 * as it is, on SQLite in memory; with --postgresql, the same cases run on a server. After each
 * fault the database is looked at past the wrapper's connection: it must hold what the error said.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>
#include <unistd.h>

#include <tenon/fault.h>
#include <tenon/tenon.h>

enum { LONG_MS = 10000, SKIPPED = 77 };

static tn_fault *fault;
static tn_db *db; /* of two connections */
static char url[2048];
static char table[64];
static bool on_server;

#define assert_ok(call)                             \
    do {                                            \
        if ((call) != TN_OK)                        \
            fail_msg("%s: %s", #call, err.message); \
    } while (0)
#define assert_status(call, expected)                                                    \
    do {                                                                                 \
        tn_status status_ = (call);                                                      \
        if (status_ != (expected))                                                       \
            fail_msg("%s: \"%s\" (%s), expected \"%s\"", #call, tn_status_name(status_), \
                     err.message, tn_status_name(expected));                             \
    } while (0)

/* ---- what the cases share -------------------------------------------------------------------- */

/* {t} becomes the table's name. Static: used up at once. */
static const char *sql(const char *text)
{
    static _Thread_local char buf[256];
    const char *at = strstr(text, "{t}");

    if (!at)
        return text;
    snprintf(buf, sizeof(buf), "%.*s%s%s", (int)(at - text), text, table, at + 3);
    return buf;
}

static void next_is(tn_fault_at at, tn_fault_effect effect)
{
    tn_fault_rule rule = TN_FAULT_RULE_INIT;
    tn_error err = TN_ERROR_INIT;

    rule.at = at;
    rule.effect = effect;
    assert_ok(tn_fault_add(fault, &rule, &err));
}

static void next_fails(tn_fault_at at, const char *sqlstate)
{
    tn_fault_rule rule = TN_FAULT_RULE_INIT;
    tn_error err = TN_ERROR_INIT;

    rule.at = at;
    rule.sqlstate = sqlstate;
    assert_ok(tn_fault_add(fault, &rule, &err));
}

static tn_status insert(tn_db *on, int32_t id, tn_error *err)
{
    return tn_exec(on, sql("insert into {t} (id) values ($1)"), tn_args(id), NULL, err);
}

static bool is_there(int32_t id)
{
    tn_error err = TN_ERROR_INIT;
    int64_t n = -1;

    assert_ok(
        tn_get(db, sql("select count(*) from {t} where id = $1"), tn_args(id), tn_into(&n), &err));
    return n == 1;
}

static tn_db *begin(tn_db *on)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *tx = NULL;

    assert_ok(tn_begin(on, NULL, &tx, &err));
    return tx;
}

static tn_status insert_one(tn_db *tx, void *arg, tn_error *err)
{
    return insert(tx, *(int32_t *)arg, err);
}

/* ---- COMMIT ---------------------------------------------------------------------------------- */

static tn_status insert_in_transaction(int32_t id, uint32_t retries, tn_error *err)
{
    tn_txn_options options = TN_TXN_OPTIONS_INIT;

    options.retries = retries;
    return tn_transaction(db, &options, insert_one, &id, err);
}

static void a_commit_whose_answer_is_lost_is_there(void **state)
{
    tn_error err = TN_ERROR_INIT;

    (void)state;
    next_is(TN_FAULT_AT_COMMIT, TN_FAULT_LOST_AFTER);
    if (on_server) { /* the server is asked on another connection, and knows */
        assert_ok(insert_in_transaction(1, 0, &err));
    } else {
        assert_status(insert_in_transaction(1, 0, &err), TN_OUTCOME_UNKNOWN);
        assert_string_equal(err.sqlstate, "08007");
        assert_int_equal(err.outcome, TN_OUTCOME_IN_DOUBT);
        assert_true(err.discarded);
    }
    assert_true(is_there(1));
}

static void a_commit_that_never_left_is_not_there(void **state)
{
    tn_error err = TN_ERROR_INIT;

    (void)state;
    next_is(TN_FAULT_AT_COMMIT, TN_FAULT_LOST);
    assert_status(insert_in_transaction(1, 0, &err), TN_LOST);
    assert_int_equal(err.outcome, TN_OUTCOME_NOT_APPLIED);
    assert_true(err.discarded);
    assert_false(is_there(1));
}

static void a_commit_that_fails_is_not_there(void **state)
{
    tn_error err = TN_ERROR_INIT;

    (void)state;
    next_is(TN_FAULT_AT_COMMIT, TN_FAULT_ROLLED_BACK);
    assert_status(insert_in_transaction(1, 0, &err), TN_ABORTED);
    next_fails(TN_FAULT_AT_COMMIT, "23503");
    assert_status(insert_in_transaction(2, 0, &err), TN_CONSTRAINT);
    assert_false(err.discarded);
    assert_false(is_there(1));
    assert_false(is_there(2));
}

static void a_commit_that_hangs_is_ended(void **state)
{
    tn_txn_options options = TN_TXN_OPTIONS_INIT;
    tn_error err = TN_ERROR_INIT;
    int32_t id = 1;

    (void)state;
    options.timeout_ms = 200;
    next_is(TN_FAULT_AT_COMMIT, TN_FAULT_HANG);
    assert_status(tn_transaction(db, &options, insert_one, &id, &err), TN_OUTCOME_UNKNOWN);
    assert_false(is_there(1));
}

static void a_serialization_failure_is_tried_again(void **state)
{
    tn_error err = TN_ERROR_INIT;

    (void)state;
    next_fails(TN_FAULT_AT_EXECUTE, "40001");
    next_fails(TN_FAULT_AT_COMMIT, "40001");
    assert_ok(insert_in_transaction(1, 5, &err));
    assert_int_equal(tn_fault_hits(fault), 2);
    assert_int_equal(tn_fault_count(fault, TN_FAULT_AT_BEGIN), 3);
    assert_true(is_there(1));
    next_fails(TN_FAULT_AT_COMMIT, "40001");
    assert_status(insert_in_transaction(2, 0, &err), TN_SERIALIZATION);
    assert_false(is_there(2));
}

/* ---- statements ------------------------------------------------------------------------------ */

static void a_write_that_is_lost_is_in_doubt_or_not_there(void **state)
{
    tn_error err = TN_ERROR_INIT;

    (void)state;
    next_is(TN_FAULT_AT_EXECUTE, TN_FAULT_LOST);
    assert_status(insert(db, 1, &err), TN_LOST);
    assert_int_equal(err.outcome, TN_OUTCOME_NOT_APPLIED);
    assert_false(is_there(1));
    next_is(TN_FAULT_AT_EXECUTE, TN_FAULT_LOST_AFTER);
    assert_status(insert(db, 2, &err), TN_OUTCOME_UNKNOWN);
    assert_string_equal(err.sqlstate, "08007");
    assert_int_equal(err.outcome, TN_OUTCOME_IN_DOUBT);
    assert_int_equal(err.retry, TN_RETRY_NO);
    assert_true(is_there(2));
    next_is(TN_FAULT_AT_FETCH, TN_FAULT_LOST);
    assert_status(insert(db, 3, &err), TN_OUTCOME_UNKNOWN);
    assert_int_equal(err.outcome, TN_OUTCOME_IN_DOUBT);
}

static void a_write_whose_answer_fails_was_applied(void **state)
{
    tn_error err = TN_ERROR_INIT;

    (void)state;
    next_fails(TN_FAULT_AT_FETCH, "58030");
    assert_status(insert(db, 1, &err), TN_RESOURCE);
    assert_int_equal(err.outcome, TN_OUTCOME_APPLIED);
    assert_true(is_there(1));
}

static void a_read_that_is_lost_says_whether_to_try_again(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_rows *rows;
    int seen = 0;

    (void)state;
    for (int32_t id = 1; id <= 3; id++)
        assert_ok(insert(db, id, &err));
    next_is(TN_FAULT_AT_FETCH, TN_FAULT_LOST);
    rows = tn_query(db, sql("select id from {t} order by id"), NULL);
    while (tn_next(rows))
        seen++;
    assert_status(tn_close(rows, &err), TN_LOST);
    assert_int_equal(seen, 0);
    /* A server's SELECT may call what writes. */
    assert_int_equal(err.outcome, on_server ? TN_OUTCOME_IN_DOUBT : TN_OUTCOME_NOT_APPLIED);
    assert_int_equal(err.retry, on_server ? TN_RETRY_NO : TN_RETRY_STATEMENT);
    assert_true(is_there(3));
}

static void a_statement_that_hangs_ends_by_its_deadline(void **state)
{
    tn_call call = TN_CALL_INIT;
    tn_error err = TN_ERROR_INIT;

    (void)state;
    call.timeout_ms = 50;
    next_is(TN_FAULT_AT_EXECUTE, TN_FAULT_HANG);
    assert_status(tn_exec_with(db, &call, sql("insert into {t} (id) values ($1)"),
                               tn_args((int32_t)1), NULL, &err),
                  TN_TIMEOUT);
    assert_string_equal(err.sqlstate, "57014");
    assert_int_equal(err.outcome, TN_OUTCOME_NOT_APPLIED);
    assert_false(err.discarded); /* it was cancelled, and the connection is good */
    assert_int_equal(tn_fault_count(fault, TN_FAULT_AT_CANCEL), 1);
    assert_false(is_there(1));
}

static void *cancel_soon(void *arg)
{
    bool *saw = arg;

    *saw = tn_fault_await(fault, 1, LONG_MS);
    tn_cancel(db);
    return NULL;
}

static void a_statement_that_hangs_is_cancelled(void **state)
{
    tn_error err = TN_ERROR_INIT;
    pthread_t thread;
    bool saw = false;

    (void)state;
    next_is(TN_FAULT_AT_EXECUTE, TN_FAULT_HANG);
    assert_int_equal(pthread_create(&thread, NULL, cancel_soon, &saw), 0);
    tn_status status = insert(db, 1, &err);
    pthread_join(thread, NULL);
    assert_true(saw);
    assert_status(status, TN_CANCELLED);
    assert_false(is_there(1));
    assert_ok(insert(db, 1, &err));
}

/* Another statement's words go on. */
static void only_some_texts_are_hit(void **state)
{
    tn_fault_rule rule = TN_FAULT_RULE_INIT;
    tn_error err = TN_ERROR_INIT;

    (void)state;
    rule.at = TN_FAULT_AT_EXECUTE;
    rule.sql = "delete from";
    rule.sqlstate = "55P03";
    assert_ok(tn_fault_add(fault, &rule, &err));
    assert_ok(insert(db, 1, &err));
    assert_status(tn_exec(db, sql("delete from {t}"), NULL, NULL, &err), TN_LOCKED);
    assert_true(is_there(1));
    assert_ok(tn_exec(db, sql("delete from {t}"), NULL, NULL, &err));
}

/* The core prepares it anew, and the caller sees nothing. */
static void a_stale_statement_is_prepared_anew(void **state)
{
    tn_error err = TN_ERROR_INIT;

    (void)state;
    assert_ok(insert(db, 1, &err));
    tn_fault_clear(fault);
    next_is(TN_FAULT_AT_EXECUTE, TN_FAULT_STALE);
    assert_ok(insert(db, 2, &err));
    assert_int_equal(tn_fault_count(fault, TN_FAULT_AT_PREPARE), 1);
    assert_int_equal(tn_fault_count(fault, TN_FAULT_AT_EXECUTE), 2);
    assert_true(is_there(2));
}

static void answers_may_be_wrong(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_opt_int32 id = {0};
    int64_t affected = 0;
    int32_t n = 0;

    (void)state;
    assert_ok(insert(db, 1, &err));
    next_is(TN_FAULT_AT_EXECUTE, TN_FAULT_ROW_MISSING);
    assert_status(tn_get(db, sql("select id from {t}"), NULL, tn_into(&n), &err), TN_NOT_FOUND);
    next_is(TN_FAULT_AT_EXECUTE, TN_FAULT_VALUE_NULL);
    assert_ok(tn_get(db, sql("select id from {t}"), NULL, tn_into(&id), &err));
    assert_false(id.has);
    next_is(TN_FAULT_AT_EXECUTE, TN_FAULT_COUNT_WRONG);
    assert_ok(tn_exec(db, sql("update {t} set id = 2"), NULL, &affected, &err));
    assert_int_equal(affected, 2);
    assert_ok(tn_get(db, sql("select id from {t}"), NULL, tn_into(&id), &err));
    assert_true(id.has && id.value == 2);
}

/* ---- transactions ---------------------------------------------------------------------------- */

/* The server itself must know that it failed: a ROLLBACK as text ends it. */
static void a_failed_transaction_is_one_in_the_database(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *session;

    (void)state;
    assert_ok(tn_acquire(db, &session, &err));
    assert_ok(tn_exec(session, "begin", NULL, NULL, &err));
    assert_ok(insert(session, 1, &err));
    next_fails(TN_FAULT_AT_EXECUTE, "53100");
    assert_status(insert(session, 2, &err), TN_RESOURCE);
    assert_status(insert(session, 3, &err), TN_ABORTED);
    assert_string_equal(err.sqlstate, "25P02");
    assert_ok(tn_exec(session, "rollback", NULL, NULL, &err));
    assert_ok(insert(session, 4, &err));
    tn_release(session);
    assert_false(is_there(1));
    assert_true(is_there(4));
}

static void a_savepoint_makes_it_good_again(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *tx = begin(db);
    int32_t id = 2;

    (void)state;
    assert_ok(insert(tx, 1, &err));
    next_fails(TN_FAULT_AT_EXECUTE, "23505");
    assert_status(tn_transaction(tx, NULL, insert_one, &id, &err), TN_CONSTRAINT);
    assert_ok(insert(tx, 3, &err));
    next_fails(TN_FAULT_AT_RELEASE, "53100");
    id = 4;
    assert_status(tn_transaction(tx, NULL, insert_one, &id, &err), TN_RESOURCE);
    assert_ok(insert(tx, 5, &err));
    assert_ok(tn_commit(tx, &err));
    assert_true(is_there(1) && is_there(3) && is_there(5));
    assert_false(is_there(2) || is_there(4));
}

static void swallowing_an_error_does_not_commit(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *tx = begin(db);

    (void)state;
    assert_ok(insert(tx, 1, &err));
    next_fails(TN_FAULT_AT_PREPARE, "42601");
    assert_status(tn_exec(tx, "select 1", NULL, NULL, &err), TN_SYNTAX);
    assert_status(tn_commit(tx, &err), TN_ABORTED);
    assert_false(is_there(1));
}

/* Others need not wait for locks of a connection that is gone, whatever its owner does. */
static void a_lost_connection_holds_no_locks(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_call soon = TN_CALL_INIT;
    tn_db *tx = begin(db);

    (void)state;
    soon.timeout_ms = LONG_MS;
    assert_ok(insert(tx, 1, &err));
    next_is(TN_FAULT_AT_EXECUTE, TN_FAULT_LOST);
    assert_status(insert(tx, 2, &err), TN_LOST);
    assert_ok(tn_exec_with(db, &soon, sql("insert into {t} (id) values ($1)"), tn_args((int32_t)1),
                           NULL, &err));
    assert_int_equal(tn_fault_connections(fault), 2);
    assert_status(tn_commit(tx, &err), TN_LOST);
    assert_int_equal(tn_fault_connections(fault), 1);
    assert_true(is_there(1));
    assert_false(is_there(2));
}

/* Rows of an open query, of a transaction that is lost. */
static void rows_and_a_statement_share_a_loss(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *tx = begin(db);

    (void)state;
    assert_ok(insert(tx, 1, &err));
    tn_rows *rows = tn_query(tx, sql("select id from {t}"), NULL);
    assert_int_equal(tn_rows_status(rows), TN_OK);
    next_is(TN_FAULT_AT_DETACH, TN_FAULT_LOST);
    assert_status(insert(tx, 2, &err), TN_LOST);
    assert_status(tn_close(rows, &err), TN_LOST);
    assert_int_equal(tn_rollback(tx, NULL), TN_OK);
    assert_false(is_there(1));
}

/* ---- connecting and the pool ----------------------------------------------------------------- */

static tn_status try_open(tn_error *err)
{
    tn_config *config = tn_config_from_url(url, err);
    tn_db *client = NULL;

    if (config && tn_config_set(config, "connect_retries", "0", err) == TN_OK &&
        tn_config_set(config, "min_connections", "0", err) == TN_OK)
        client = tn_open(config, err);
    tn_config_free(config);
    return client ? tn_db_close(client, err) : err->status;
}

static void a_connection_that_cannot_be_made(void **state)
{
    tn_error err = TN_ERROR_INIT;

    (void)state;
    next_fails(TN_FAULT_AT_OPEN, "28P01");
    assert_status(try_open(&err), TN_AUTH);
    next_is(TN_FAULT_AT_OPEN, TN_FAULT_LOST);
    assert_status(try_open(&err), TN_UNAVAILABLE);
    next_is(TN_FAULT_AT_OPEN, TN_FAULT_LOST_AFTER);
    assert_status(try_open(&err), TN_UNAVAILABLE);
    assert_int_equal(tn_fault_connections(fault), 1);
    assert_ok(try_open(&err));
}

static void a_connection_that_cannot_be_reset_is_replaced(void **state)
{
    tn_error err = TN_ERROR_INIT;

    (void)state;
    assert_ok(insert(db, 1, &err));
    tn_fault_clear(fault);
    next_is(TN_FAULT_AT_RESET, TN_FAULT_ERROR);
    assert_ok(insert(db, 2, &err));
    assert_ok(insert(db, 3, &err));
    assert_int_equal(tn_fault_hits(fault), 1);
    assert_int_equal(tn_fault_count(fault, TN_FAULT_AT_OPEN), 1);
    assert_true(is_there(2) && is_there(3));
}

static void health_tells_what_is_wrong(void **state)
{
    (void)state;
    next_is(TN_FAULT_AT_PING, TN_FAULT_LOST);
    tn_health health = tn_health_check(db, LONG_MS);
    assert_int_equal(health.status, TN_UNHEALTHY);
    assert_int_equal(health.error.status, TN_LOST);
    health = tn_health_check(db, LONG_MS);
    assert_int_equal(health.status, TN_HEALTHY);
}

/* ---- a soak: what was said is so ------------------------------------------------------------- */

enum { THREADS = 4, EACH = 60, IDS = THREADS * EACH };

static tn_status said[IDS];
static tn_outcome outcomes[IDS];

static void *insert_many(void *arg)
{
    int32_t first = *(int32_t *)arg;

    for (int32_t id = first; id < first + EACH; id++) {
        tn_error err = TN_ERROR_INIT;
        int32_t one = id;
        said[id] = id % 2 ? tn_transaction(db, NULL, insert_one, &one, &err) : insert(db, id, &err);
        outcomes[id] = err.outcome;
    }
    return NULL;
}

/* The run's own, so that other runs can be tried: TENON_TEST_SEED. */
static uint64_t first_seed(void)
{
    const char *text = getenv("TENON_TEST_SEED");

    return text ? strtoull(text, NULL, 10) : 20240;
}

/* Everything may break at any time. What was acknowledged is there, what is said not to have been
 * applied is not there, and only what is in doubt may be either. */
static void what_was_said_is_true(void **state)
{
    static const tn_fault_effect effects[] = {TN_FAULT_LOST,  TN_FAULT_LOST_AFTER,  TN_FAULT_ERROR,
                                              TN_FAULT_STALE, TN_FAULT_ROLLED_BACK, TN_FAULT_DELAY};
    tn_fault_rule rule = TN_FAULT_RULE_INIT;
    tn_error err = TN_ERROR_INIT;
    int32_t firsts[THREADS];
    pthread_t threads[THREADS];
    unsigned acknowledged = 0, doubtful = 0, failed = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(effects) / sizeof(effects[0]); i++) {
        rule.effect = effects[i];
        rule.times = TN_FAULT_ALWAYS;
        rule.probability = 0.02;
        rule.seed = first_seed() + i;
        rule.delay_ms = 1;
        printf("seed of effect %d: %u\n", (int)effects[i], (unsigned)rule.seed);
        assert_ok(tn_fault_add(fault, &rule, &err));
    }
    for (int32_t i = 0; i < THREADS; i++) {
        firsts[i] = i * EACH;
        assert_int_equal(pthread_create(&threads[i], NULL, insert_many, &firsts[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    uint64_t hits = tn_fault_hits(fault);
    tn_fault_clear(fault);
    assert_in_range(tn_fault_connections(fault), 0, 2);
    for (int32_t id = 0; id < IDS; id++) {
        bool there = is_there(id);
        if (said[id] == TN_OK || outcomes[id] == TN_OUTCOME_APPLIED) {
            acknowledged++;
            if (!there)
                fail_msg("%d was acknowledged and is lost", (int)id);
        } else if (outcomes[id] == TN_OUTCOME_IN_DOUBT) {
            doubtful++;
        } else {
            failed++;
            if (there)
                fail_msg("%d was said not to be applied (%s) and is there", (int)id,
                         tn_status_name(said[id]));
        }
    }
    printf("%u hits: %u applied, %u in doubt, %u not applied\n", (unsigned)hits, acknowledged,
           doubtful, failed);
    assert_true(hits > 10 && acknowledged > 10 && failed > 3);
}

/* ---- the run --------------------------------------------------------------------------------- */

static tn_db *open_client(void)
{
    tn_error err = TN_ERROR_INIT;
    tn_config *config = tn_config_from_url(url, &err);
    tn_db *client = NULL;

    if (config && tn_config_set(config, "max_connections", "2", &err) == TN_OK &&
        tn_config_set(config, "min_connections", "0", &err) == TN_OK)
        client = tn_open(config, &err);
    tn_config_free(config);
    if (!client)
        tn_error_print(stderr, &err);
    return client;
}

static int setup(void **state)
{
    tn_error err = TN_ERROR_INIT;

    (void)state;
    tn_fault_clear(fault);
    db = open_client();
    if (!db ||
        tn_exec(db, sql("create table {t} (id integer primary key)"), NULL, NULL, &err) != TN_OK) {
        tn_error_print(stderr, &err);
        return -1;
    }
    tn_fault_clear(fault);
    return 0;
}

static int teardown(void **state)
{
    tn_error err = TN_ERROR_INIT;

    (void)state;
    tn_fault_clear(fault);
    tn_status status = tn_exec(db, sql("drop table {t}"), NULL, NULL, &err);
    if (status != TN_OK || tn_db_close(db, &err) != TN_OK) {
        tn_error_print(stderr, &err);
        return -1;
    }
    return tn_fault_connections(fault) == 0 ? 0 : -1;
}

static void wrap(const char *inner_url)
{
    tn_error err = TN_ERROR_INIT;
    char scheme[32];

    snprintf(scheme, sizeof(scheme), "%.*s", (int)strcspn(inner_url, ":"), inner_url);
    snprintf(url, sizeof(url), "fault+%s", inner_url);
    snprintf(table, sizeof(table), "fault_%ld", (long)getpid());
    if (tn_fault_wrap(scheme, &fault, &err) == TN_OK)
        return;
    tn_error_print(stderr, &err);
    exit(EXIT_FAILURE);
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        CASE(a_commit_whose_answer_is_lost_is_there),
        CASE(a_commit_that_never_left_is_not_there),
        CASE(a_commit_that_fails_is_not_there),
        CASE(a_commit_that_hangs_is_ended),
        CASE(a_serialization_failure_is_tried_again),
        CASE(a_write_that_is_lost_is_in_doubt_or_not_there),
        CASE(a_write_whose_answer_fails_was_applied),
        CASE(a_read_that_is_lost_says_whether_to_try_again),
        CASE(a_statement_that_hangs_ends_by_its_deadline),
        CASE(a_statement_that_hangs_is_cancelled),
        CASE(only_some_texts_are_hit),
        CASE(a_stale_statement_is_prepared_anew),
        CASE(answers_may_be_wrong),
        CASE(a_failed_transaction_is_one_in_the_database),
        CASE(a_savepoint_makes_it_good_again),
        CASE(swallowing_an_error_does_not_commit),
        CASE(a_lost_connection_holds_no_locks),
        CASE(rows_and_a_statement_share_a_loss),
        CASE(a_connection_that_cannot_be_made),
        CASE(a_connection_that_cannot_be_reset_is_replaced),
        CASE(health_tells_what_is_wrong),
        CASE(what_was_said_is_true),
    };
    const char *server = getenv("TENON_TEST_POSTGRES_URL");

    if (argc < 2) {
        wrap("sqlite::memory:");
    } else if (strcmp(argv[1], "--postgresql") == 0 && server && *server) {
        on_server = true;
        wrap(server);
    } else {
        puts("skip: TENON_TEST_POSTGRES_URL is not set");
        return SKIPPED;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
