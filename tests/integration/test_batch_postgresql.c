/* SPDX-License-Identifier: MIT */
/*
 * Batches on a real server that is slow, ends sessions, or whose answers are lost: what is said of
 * each statement is what the table holds afterwards, and the pool is whole.
 */
#include <sys/resource.h>

#include "faults/support/proxy.h"
#include "pool_client.h"

enum {
    LARGE = 60000,
    TIMES = 1000,
    MANY = POOL_INSTRUMENTED ? 2000 : 20000,
    DAMAGED = 80,
    ROUNDS = POOL_INSTRUMENTED ? 10 : 40
};

static test_server server;
static PGconn *admin;
static tn_batch_t *batch;
static tn_db *db;

static const char insert[] = "insert into t values ($1, $2)";

static int setup(void **state)
{
    (void)state;
    test_server_run(admin, "truncate t");
    batch = tn_batch_new();
    db = pool_open(server.port, "max_connections=2 min_connections=0");
    return batch ? 0 : -1;
}

static int teardown(void **state)
{
    tn_error err = TN_ERROR_INIT;

    (void)state;
    tn_batch_free(batch);
    pool_expect_whole(db, 2);
    expect_ok(tn_db_close(db, &err));
    pool_expect_no_sessions(admin);
    return 0;
}

static void add_insert(int a)
{
    tn_batch_add(batch, insert, tn_args(a, "x"), NULL);
}

static tn_status run(tn_db *on, tn_batch_mode mode, int64_t timeout_ms, tn_error *err)
{
    tn_batch_options options = TN_BATCH_OPTIONS_INIT;

    options.mode = mode;
    options.timeout_ms = timeout_ms;
    return tn_batch_run(batch, on, &options, err);
}

static long long rows_there(void)
{
    return test_server_number(admin, "select count(*) from t");
}

static bool there(int a)
{
    char sql[64];

    snprintf(sql, sizeof(sql), "select count(*) from t where a = %d", a);
    return test_server_number(admin, sql) == 1;
}

#define assert_item(i, expected, outcome)                               \
    do {                                                                \
        tn_error err_ = TN_ERROR_INIT;                                  \
        assert_int_equal(tn_batch_status(batch, (i), &err_), expected); \
        assert_int_equal(tn_batch_outcome(batch, (i)), outcome);        \
    } while (0)

/* ---- the session ends ------------------------------------------------------------------------ */

static const char suicide[] = "select pg_terminate_backend(pg_backend_pid())";

static void ended_in_the_middle(void **state)
{
    tn_error err = TN_ERROR_INIT;

    (void)state;
    add_insert(1);
    tn_batch_add(batch, suicide, NULL, NULL);
    add_insert(2);
    expect_error(run(db, TN_BATCH_ATOMIC, 0, &err), TN_LOST, "57P01");
    assert_int_equal(err.outcome, TN_OUTCOME_NOT_APPLIED);
    assert_item(0, TN_OK, TN_OUTCOME_NOT_APPLIED);
    assert_item(1, TN_LOST, TN_OUTCOME_NOT_APPLIED);
    assert_item(2, TN_ABORTED, TN_OUTCOME_NOT_APPLIED);
    assert_int_equal(rows_there(), 0);
    expect_status(run(db, TN_BATCH_INDEPENDENT, 0, &err), TN_LOST);
    assert_item(0, TN_OK, TN_OUTCOME_APPLIED);
    assert_item(1, TN_LOST, TN_OUTCOME_NOT_APPLIED);
    assert_item(2, TN_LOST, TN_OUTCOME_NOT_APPLIED);
    assert_true(there(1) && !there(2));
}

static void ended_within_a_transaction(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *tx;

    (void)state;
    add_insert(1);
    tn_batch_add(batch, suicide, NULL, NULL);
    expect_ok(tn_begin(db, NULL, &tx, &err));
    expect_status(tn_batch_run(batch, tx, NULL, &err), TN_LOST);
    assert_int_equal(err.outcome, TN_OUTCOME_NOT_APPLIED);
    expect_status(tn_commit(tx, &err), TN_LOST);
    assert_int_equal(rows_there(), 0);
}

/* Others end it at any moment. What is said to be applied is there, what is said not to be is not.
 */
static void ended_at_any_moment(void **state)
{
    char sql[96];

    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        tn_error err = TN_ERROR_INIT;
        bool apart = round % 2;
        test_server_run(admin, "truncate t");
        tn_batch_reset(batch);
        for (int i = 0; i < 200; i++)
            add_insert(i);
        /* Whoever ends the session begins when the batch does. */
        snprintf(sql, sizeof(sql),
                 "select pg_sleep(%d * 0.0003), pg_terminate_backend(pid) from pg_stat_activity "
                 "where usename = 'app'",
                 round % 20);
        tn_db *session;
        expect_ok(tn_acquire(db, &session, &err));
        assert_int_equal(PQsendQuery(admin, sql), 1);
        tn_status status = run(session, apart ? TN_BATCH_INDEPENDENT : TN_BATCH_ATOMIC, 0, &err);
        PGresult *result;
        while ((result = PQgetResult(admin)) != NULL)
            PQclear(result);
        tn_release(session);
        long long certain = 0, possible = 0;
        for (size_t i = 0; i < 200; i++) {
            tn_outcome outcome = tn_batch_outcome(batch, i);
            certain += outcome == TN_OUTCOME_APPLIED;
            possible += outcome != TN_OUTCOME_NOT_APPLIED;
            if (outcome == TN_OUTCOME_APPLIED)
                assert_true(there((int)i));
            if (outcome == TN_OUTCOME_NOT_APPLIED)
                assert_false(there((int)i));
        }
        assert_true(rows_there() >= certain && rows_there() <= possible);
        if (status == TN_OK)
            assert_int_equal(certain, 200);
        else if (!apart)
            assert_true(certain == 0 || err.outcome == TN_OUTCOME_APPLIED);
    }
}

/* ---- COMMIT's answer is lost ----------------------------------------------------------------- */

/* Of the server's bytes those with COMMIT's tag are not forwarded; the transaction's number was,
 * and the server is asked. */
static void commit_whose_answer_is_lost(void **state)
{
    test_proxy *proxy = test_proxy_start("127.0.0.1", server.port);
    tn_error err = TN_ERROR_INIT;

    (void)state;
    tn_db *through = pool_open(test_proxy_port(proxy), "max_connections=2 min_connections=0");
    add_insert(0);
    expect_ok(run(through, TN_BATCH_ATOMIC, 0, &err));
    unsigned known = 0, unknown = 0;
    for (int i = 1; i <= 20; i++) {
        tn_batch_reset(batch);
        add_insert(i);
        test_proxy_on(proxy, PROXY_S2C, "COMMIT", PROXY_BEFORE, PROXY_RST, 1, 1);
        tn_status status = run(through, TN_BATCH_ATOMIC, 0, &err);
        test_proxy_pass(proxy);
        if (status == TN_OK) {
            known++;
            assert_item(0, TN_OK, TN_OUTCOME_APPLIED);
        } else if (err.outcome == TN_OUTCOME_APPLIED) {
            known++;
            assert_item(0, TN_LOST, TN_OUTCOME_APPLIED);
        } else {
            /* The number came with the same packet. */
            expect_error(status, TN_OUTCOME_UNKNOWN, "08007");
            assert_int_equal(tn_batch_outcome(batch, 0), TN_OUTCOME_IN_DOUBT);
            unknown++;
        }
        /* The proxy may cut before COMMIT was there: unknown is unknown. */
        if (status == TN_OK || err.outcome == TN_OUTCOME_APPLIED)
            assert_true(there(i));
    }
    print_message("%u known, %u unknown\n", known, unknown);
    expect_ok(tn_db_close(through, &err));
    test_proxy_stop(proxy);
}

/* Nothing of the batch reaches the server: nobody here can know that. */
static void commit_that_never_came(void **state)
{
    test_proxy *proxy = test_proxy_start("127.0.0.1", server.port);
    tn_error err = TN_ERROR_INIT;

    (void)state;
    tn_db *through = pool_open(test_proxy_port(proxy), "max_connections=2 min_connections=0");
    add_insert(0);
    expect_ok(run(through, TN_BATCH_ATOMIC, 0, &err));
    tn_batch_reset(batch);
    add_insert(1);
    add_insert(2);
    test_proxy_on(proxy, PROXY_C2S, "COMMIT", PROXY_BEFORE, PROXY_RST, 1, 1);
    expect_error(run(through, TN_BATCH_ATOMIC, 0, &err), TN_OUTCOME_UNKNOWN, "08007");
    for (size_t i = 0; i < 2; i++)
        assert_item(i, TN_OUTCOME_UNKNOWN, TN_OUTCOME_IN_DOUBT);
    test_proxy_pass(proxy);
    assert_int_equal(rows_there(), 1);
    expect_ok(tn_db_close(through, &err));
    test_proxy_stop(proxy);
}

/* ---- time ------------------------------------------------------------------------------------ */

/* The deadline ends the statement that runs; those behind it that had been sent may still run, and
 * it is said which did. */
static void deadline_apart(void **state)
{
    tn_error err = TN_ERROR_INIT;

    (void)state;
    for (int round = 0; round < 3; round++) {
        test_server_run(admin, "truncate t");
        tn_batch_reset(batch);
        add_insert(0);
        tn_batch_add(batch, "select pg_sleep(30)", NULL, NULL);
        for (int i = 1; i < 50; i++)
            add_insert(i);
        expect_status(run(db, TN_BATCH_INDEPENDENT, 200, &err), TN_TIMEOUT);
        assert_int_equal(tn_batch_failed(batch), 1);
        assert_item(0, TN_OK, TN_OUTCOME_APPLIED);
        for (size_t i = 2; i < 51; i++) {
            tn_outcome outcome = tn_batch_outcome(batch, i);
            if (outcome == TN_OUTCOME_APPLIED)
                assert_true(there((int)i - 1));
            if (outcome == TN_OUTCOME_NOT_APPLIED)
                assert_false(there((int)i - 1));
        }
    }
}

static void deadline_with_commit_on_its_way(void **state)
{
    tn_error err = TN_ERROR_INIT;

    (void)state;
    add_insert(0);
    tn_batch_add(batch, "select pg_sleep(30)", NULL, NULL);
    for (int round = 0; round < 3; round++) {
        expect_error(run(db, TN_BATCH_ATOMIC, 200, &err), TN_TIMEOUT, "57014");
        assert_item(1, TN_TIMEOUT, TN_OUTCOME_NOT_APPLIED);
        assert_int_equal(rows_there(), 0);
    }
}

static void timeout_of_the_server(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *session;

    (void)state;
    expect_ok(tn_acquire(db, &session, &err));
    expect_ok(tn_exec(session, "set statement_timeout = 100", NULL, NULL, &err));
    add_insert(0);
    tn_batch_add(batch, "select pg_sleep(30)", NULL, NULL);
    add_insert(1);
    expect_error(run(session, TN_BATCH_INDEPENDENT, 0, &err), TN_TIMEOUT, "57014");
    assert_item(2, TN_OK, TN_OUTCOME_APPLIED);
    assert_true(there(0) && there(1));
    tn_release(session);
}

/* ---- statements that the server knows otherwise ---------------------------------------------- */

static void tables_that_change(void **state)
{
    tn_error err = TN_ERROR_INIT;
    int a = 0;

    (void)state;
    test_server_run(admin, "drop table if exists u");
    test_server_run(admin,
                    "create table u (a int); insert into u values (7); grant all on u to app");
    tn_batch_add(batch, "select * from u", NULL, NULL);
    tn_batch_add(batch, "select a from u", NULL, tn_into(&a));
    expect_ok(run(db, TN_BATCH_ATOMIC, 0, &err));
    for (int i = 0; i < 4; i++) {
        char sql[64];
        snprintf(sql, sizeof(sql), "alter table u add column c%d int", i);
        test_server_run(admin, sql);
        expect_ok(run(db, i % 2 ? TN_BATCH_INDEPENDENT : TN_BATCH_ATOMIC, 0, &err));
        tn_rows *rows = tn_batch_rows(batch, 0);
        assert_int_equal(tn_rows_columns(rows), i + 2);
        assert_true(tn_next(rows));
        expect_ok(tn_close(rows, &err));
        assert_int_equal(a, 7);
    }
    test_server_run(admin, "drop table u");
    expect_error(run(db, TN_BATCH_ATOMIC, 0, &err), TN_SYNTAX, "42P01");
}

static void arguments_for_a_wider_column(void **state)
{
    tn_error err = TN_ERROR_INIT;

    (void)state;
    add_insert(1);
    expect_ok(run(db, TN_BATCH_ATOMIC, 0, &err));
    tn_batch_add(batch, insert, tn_args(INT64_C(1) << 40, "x"), NULL);
    expect_error(run(db, TN_BATCH_ATOMIC, 0, &err), TN_DATA, "22003");
    test_server_run(admin, "alter table t alter a type bigint");
    expect_ok(run(db, TN_BATCH_ATOMIC, 0, &err));
    assert_int_equal(rows_there(), 3);
    test_server_run(admin, "truncate t; alter table t alter a type int");
}

static void statements_that_were_thrown_away(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *session;

    (void)state;
    expect_ok(tn_acquire(db, &session, &err));
    for (int i = 0; i < 10; i++)
        add_insert(i);
    for (int i = 1; i <= 4; i++) {
        expect_ok(run(session, i % 2 ? TN_BATCH_ATOMIC : TN_BATCH_INDEPENDENT, 0, &err));
        assert_int_equal(rows_there(), 10 * i);
        expect_ok(tn_exec(session, i < 3 ? "deallocate all" : "discard all", NULL, NULL, &err));
    }
    tn_release(session);
}

/* ---- other ways to the server ---------------------------------------------------------------- */

static void without_named_statements(void **state)
{
    static const char *const more[] = {"?prepare=off", "?direct=off"};
    tn_error err = TN_ERROR_INIT;
    char url[256];
    int n = 0;

    (void)state;
    for (int i = 0; i < 100; i++)
        add_insert(i);
    tn_batch_add(batch, "select count(*)::int from t", NULL, tn_into(&n));
    for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++) {
        snprintf(url, sizeof(url), "postgresql://app:" POOL_PASSWORD "@127.0.0.1:%d/app%s",
                 server.port, more[i]);
        tn_db *other = tn_open_url(url, &err);
        assert_non_null(other);
        test_server_run(admin, "truncate t");
        expect_ok(run(other, TN_BATCH_ATOMIC, 0, &err));
        assert_int_equal(n, 100);
        expect_ok(run(other, TN_BATCH_INDEPENDENT, 0, &err));
        assert_int_equal(n, 200);
        expect_ok(tn_db_close(other, &err));
    }
}

/* ---- size ------------------------------------------------------------------------------------ */

static long peak_kb(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

/* More than all buffers on the way hold, both ways at once: 60 MB. libpq reads on as long as the
 * server sends, so how much it holds is a matter of who is faster; both directions at once never.
 */
static void larger_than_all_buffers(void **state)
{
    tn_error err = TN_ERROR_INIT;
    char *text = malloc(LARGE + 1), *answer = malloc(LARGE + 1);

    (void)state;
    assert_true(text && answer);
    memset(text, 'v', LARGE);
    text[LARGE] = '\0';
    for (int i = 0; i < TIMES; i++)
        tn_batch_add(batch, "select $1::text", tn_args(text),
                     tn_into(tn_textbuf(answer, LARGE + 1)));
    long before = peak_kb();
    for (int mode = TN_BATCH_ATOMIC; mode <= TN_BATCH_INDEPENDENT; mode++) {
        memset(answer, 0, LARGE);
        expect_ok(run(db, (tn_batch_mode)mode, 0, &err));
        assert_string_equal(answer, text);
    }
    if (!POOL_INSTRUMENTED)
        assert_in_range(peak_kb() - before, 0, 60 << 10);
    free(text);
    free(answer);
}

static void very_many(void **state)
{
    tn_error err = TN_ERROR_INIT;

    (void)state;
    for (int i = 0; i < MANY; i++)
        add_insert(i);
    long before = peak_kb();
    expect_ok(run(db, TN_BATCH_ATOMIC, 0, &err));
    assert_int_equal(rows_there(), MANY);
    expect_ok(run(db, TN_BATCH_INDEPENDENT, 0, &err));
    assert_int_equal(rows_there(), 2 * MANY);
    for (size_t i = 0; i < MANY; i++)
        assert_int_equal(tn_batch_affected(batch, i), 1);
    if (!POOL_INSTRUMENTED)
        assert_true(peak_kb() - before < 16384);
}

/* ---- answers that are damaged ---------------------------------------------------------------- */

/* One byte of the answer is another one: the batch ends by its deadline, with an answer or an
 * error, and what cannot be the protocol costs the connection. */
static void damaged_answers(void **state)
{
    test_proxy *proxy = test_proxy_start("127.0.0.1", server.port);
    unsigned well = 0, wrong = 0;
    tn_error err = TN_ERROR_INIT;
    char text[16];
    int n = 0;

    (void)state;
    for (int i = 0; i < 3; i++)
        tn_batch_add(batch, "select 5, 'five'", NULL, tn_into(&n, tn_textbuf(text, sizeof(text))));
    tn_batch_add(batch, "update t set a = a", NULL, NULL);
    for (int at = 0; at < DAMAGED; at++) {
        tn_batch_mode mode = at % 8 ? TN_BATCH_INDEPENDENT : TN_BATCH_ATOMIC;
        tn_db *through = pool_open(test_proxy_port(proxy), "max_connections=1 min_connections=0");
        expect_ok(run(through, mode, 0, &err));
        uint64_t seen = test_proxy_seen(proxy, PROXY_S2C);
        test_proxy_corrupt(proxy, PROXY_S2C, seen + (uint64_t)at * 3, 0x55);
        if (run(through, mode, 150, &err) == TN_OK)
            well++;
        else
            wrong++;
        test_proxy_corrupt(proxy, PROXY_S2C, 0, 0);
        expect_ok(tn_db_close(through, &err));
    }
    print_message("%u of %d were noticed\n", wrong, (int)DAMAGED);
    assert_int_equal(well + wrong, DAMAGED);
    assert_true(wrong > DAMAGED / 3);
    test_proxy_stop(proxy);
}

int main(void)
{
    static const char *const settings[] = {"log_min_messages=panic", "log_connections=off", NULL};
#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(ended_in_the_middle),
        CASE(ended_within_a_transaction),
        CASE(ended_at_any_moment),
        CASE(commit_whose_answer_is_lost),
        CASE(commit_that_never_came),
        CASE(deadline_apart),
        CASE(deadline_with_commit_on_its_way),
        CASE(timeout_of_the_server),
        CASE(tables_that_change),
        CASE(arguments_for_a_wider_column),
        CASE(statements_that_were_thrown_away),
        CASE(without_named_statements),
        CASE(larger_than_all_buffers),
        CASE(very_many),
        CASE(damaged_answers),
    };

    test_server_create(&server, settings, NULL, POOL_PASSWORD);
    admin = test_server_connect(&server, "app");
    test_server_run(admin, "create table t (a int, b text)");
    test_server_run(admin, "grant all on t to app");
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    PQfinish(admin);
    test_server_remove(&server);
    return failed;
}
