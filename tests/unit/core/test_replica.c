/* SPDX-License-Identifier: MIT */
/* core/pool/replica: where transactions go, and what happens when the replica is away. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "pool/replica.h"
#include "pool_kit.h"

static mock *m, *other;
static tn_db *client;

static const tn_txn_options read_only = {.size = sizeof(read_only), .read_only = true};

static int group_setup(void **state)
{
    (void)state;
    m = mock_new("mockr", MOCK_CAPABILITIES | TN_CAP_REMOTE);
    other = mock_new("other", MOCK_CAPABILITIES);
    tn_log_set_level(TN_LOG_OFF);
    return 0;
}

static int setup(void **state)
{
    (void)state;
    mock_reset(m);
    client = NULL;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    if (client)
        mock_close(m, client);
    return 0;
}

static void open_both(const char *more)
{
    char settings[200];

    snprintf(settings, sizeof(settings), "replica_url=mockr://replica/db %s", more);
    client = mock_open(m, settings);
}

static tn__pool *replica(void)
{
    return tn__pool_of(client)->replica;
}

static tn_db *begin(const tn_txn_options *options)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *tx = NULL;

    assert_ok(tn_begin(client, options, &tx, &err), err);
    return tx;
}

static bool on_replica(const tn_db *tx)
{
    return strstr(tx->conn->source->url, "replica") != NULL;
}

static void commit(tn_db *tx)
{
    tn_error err = TN_ERROR_INIT;

    assert_ok(tn_exec(tx, "a", NULL, NULL, &err), err);
    assert_ok(tn_commit(tx, &err), err);
}

/* ---- where they go --------------------------------------------------------------------------- */

static void only_what_reads_goes_to_the_replica(void **state)
{
    tn_error err = TN_ERROR_INIT;

    (void)state;
    open_both("max_connections=2");
    tn_db *reading = begin(&read_only), *writing = begin(NULL);
    assert_true(on_replica(reading));
    assert_false(on_replica(writing));
    assert_true(mock_last_request(m)->read_only == false);
    assert_int_equal(kit_slots(&replica()->client, TN__SLOT_LENT), 1);
    assert_int_equal(kit_stats(client).in_use, 1);
    /* What is nested in it is where it is. */
    tn_db *nested;
    assert_ok(tn_begin(reading, NULL, &nested, &err), err);
    assert_true(on_replica(nested));
    assert_ok(tn_commit(nested, &err), err);
    commit(reading);
    commit(writing);
    assert_int_equal(kit_slots(&replica()->client, TN__SLOT_IDLE), 1);
    assert_int_equal(kit_stats(client).idle, 1);
    /* Neither statements on the client nor sessions go there. */
    tn_db *session = kit_acquire(client);
    assert_false(on_replica(session));
    assert_ok(tn_begin(session, &read_only, &reading, &err), err);
    assert_false(on_replica(reading));
    assert_ok(tn_commit(reading, &err), err);
    tn_release(session);
    assert_ok(tn_exec(client, "a", NULL, NULL, &err), err);
    assert_int_equal(kit_stats(&replica()->client).acquires, 1);
}

/* A statement in hand is the client's, wherever it runs. */
static void a_statement_in_hand_runs_on_both(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_stmt *stmt;

    (void)state;
    open_both("max_connections=2");
    assert_ok(tn_prepare(client, "a", &stmt, &err), err);
    tn_db *reading = begin(&read_only);
    assert_true(on_replica(reading));
    assert_ok(tn_stmt_exec(stmt, reading, NULL, NULL, NULL, &err), err);
    commit(reading);
    tn_stmt_close(stmt);
}

/* That a replica takes no writes is no reason to give its connections up. */
static void a_write_on_the_replica_is_the_statements_fault(void **state)
{
    static const tn_conn_info standby = {.size = sizeof(standby),
                                         .server = "Mock 9",
                                         .dialect = "mock",
                                         .endpoint = "nowhere",
                                         .note = "",
                                         .read_only = true};
    tn_error err = TN_ERROR_INIT;

    (void)state;
    open_both("max_connections=2");
    mock_set_info(m, &standby);
    tn_db *reading = begin(&read_only);
    mock_fail(m, (mock_fault){.op = MOCK_EXECUTE, .status = TN_READ_ONLY, .sqlstate = "25006"});
    assert_status(tn_exec(reading, "write", NULL, NULL, &err), TN_READ_ONLY);
    assert_false(err.discarded);
    assert_ok(tn_rollback(reading, &err), err);
    assert_int_equal(kit_slots(&replica()->client, TN__SLOT_IDLE), 1);
}

/* ---- away, used up --------------------------------------------------------------------------- */

static bool is_back(void)
{
    return tn__replica_reader(client->provider) != NULL;
}

/* Nobody waits for it, and it is found when it is back. */
static void when_the_replica_is_away_the_primary_reads(void **state)
{
    (void)state;
    open_both("max_connections=2 pool_timeout=20000");
    mock_fail(m, (mock_fault){.op = MOCK_OPEN,
                              .url = "replica",
                              .times = 1000,
                              .status = TN_UNAVAILABLE,
                              .sqlstate = "08001"});
    for (int i = 0; i < 3; i++) {
        tn_db *reading = begin(&read_only);
        assert_false(on_replica(reading));
        commit(reading);
    }
    await_that(mock_count(m, MOCK_OPEN) >= 3);
    tn__pool_lock(replica());
    uint64_t waits = replica()->waits, timeouts = replica()->timeouts;
    tn__pool_unlock(replica());
    assert_int_equal(waits, 1); /* it is known to be away by then: only the first one asked */
    assert_int_equal(timeouts, 0);
    assert_false(is_back());
    mock_forget_faults(m);
    await_that(is_back());
    tn_db *reading = begin(&read_only);
    assert_true(on_replica(reading));
    commit(reading);
}

static void a_replica_that_is_lost_at_begin_is_away(void **state)
{
    (void)state;
    open_both("max_connections=2");
    mock_fail(m, (mock_fault){
                     .op = MOCK_BEGIN, .url = "replica", .status = TN_LOST, .sqlstate = "08006"});
    tn_db *reading = begin(&read_only);
    assert_false(on_replica(reading));
    commit(reading);
    assert_int_equal(replica()->n[TN__SLOT_LENT], 0);
    assert_int_equal(mock_count(m, MOCK_BEGIN), 2);
    reading = begin(&read_only);
    assert_true(on_replica(reading));
    commit(reading);
}

static void a_replica_that_is_used_up_is_not_waited_for(void **state)
{
    tn_db *reading[4];

    (void)state;
    open_both("max_connections=2 pool_timeout=20000");
    for (int i = 0; i < 4; i++)
        reading[i] = begin(&read_only);
    assert_true(on_replica(reading[0]) && on_replica(reading[1]));
    assert_false(on_replica(reading[2]) || on_replica(reading[3]));
    for (int i = 0; i < 4; i++)
        commit(reading[i]);
    assert_int_equal(replica()->waits, 0 + replica()->created);
}

/* ---- life ------------------------------------------------------------------------------------ */

static void a_suspended_client_has_a_suspended_replica(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *ret;

    (void)state;
    open_both("max_connections=2 pool_timeout=20000");
    tn_db *reading = begin(&read_only);
    assert_status(tn_suspend(client, 10, &err), TN_TIMEOUT);
    commit(reading);
    assert_ok(tn_suspend(client, 1000, &err), err);
    tn__pool_of(client)->provider.pool_timeout_ms = 10;
    assert_status(tn_begin(client, &read_only, &ret, &err), TN_TIMEOUT);
    tn_resume(client);
    reading = begin(&read_only);
    assert_true(on_replica(reading));
    commit(reading);
}

static void a_reload_brings_another_or_none(void **state)
{
    tn_error err = TN_ERROR_INIT;

    (void)state;
    open_both("max_connections=2");
    tn_db *before = begin(&read_only);
    assert_true(on_replica(before));
    tn_config *config = tn_config_from_url("mockr://host/db", &err);
    assert_non_null(config);
    assert_ok(tn_config_set(config, "replica_url", "mockr://replica/second", &err), err);
    assert_ok(tn_reload(client, config, &err), err);
    tn_db *after = begin(&read_only);
    assert_contains(after->conn->source->url, "second");
    commit(after);
    commit(before); /* ends where it was */
    assert_ok(tn_config_set(config, "replica_url", NULL, &err), err);
    assert_ok(tn_reload(client, config, &err), err);
    after = begin(&read_only);
    assert_false(on_replica(after));
    commit(after);
    tn_config_free(config);
}

static void a_replica_of_another_driver_is_refused(void **state)
{
    tn_error err = TN_ERROR_INIT;

    (void)state;
    assert_null(mock_try_open("mockr://host/db", "replica_url=other://x/db", &err));
    assert_int_equal(err.status, TN_CONFIG);
    assert_contains(err.message, "DATABASE_REPLICA_URL: the URL is of driver other");
    mock_check(m);
    mock_check(other);
}

static void shutdown_ends_both(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *ret;

    (void)state;
    open_both("max_connections=2 min_connections=1");
    tn_db *reading = begin(&read_only), *writing = begin(NULL);
    assert_true(on_replica(reading));
    assert_status(tn_db_shutdown(client, 30, &err), TN_TIMEOUT);
    assert_contains(err.message, "2 connections");
    assert_contains(err.detail, "; transaction for 0.");
    assert_status(tn_begin(client, &read_only, &ret, &err), TN_SHUTDOWN);
    assert_status(tn_exec(reading, "a", NULL, NULL, &err), TN_SHUTDOWN);
    client = NULL;
    assert_ok(tn_rollback(writing, &err), err);
    assert_int_equal(mock_count(m, MOCK_CLOSE_SOURCE), 0);
    assert_status(tn_commit(reading, &err), TN_ABORTED);
    assert_int_equal(mock_count(m, MOCK_CLOSE_SOURCE), 2);
    mock_check(m);
}

static void closing_with_a_reader_left_frees_with_it(void **state)
{
    tn_error err = TN_ERROR_INIT;

    (void)state;
    open_both("max_connections=2");
    tn_db *reading = begin(&read_only);
    tn_db *closed = client;
    client = NULL;
    assert_status(tn_db_close(closed, &err), TN_MISUSE);
    assert_contains(err.message, "1 connections");
    assert_contains(err.detail, "transaction for 0.");
    assert_ok(tn_exec(reading, "a", NULL, NULL, &err), err);
    assert_ok(tn_commit(reading, &err), err);
    mock_check(m);
}

static void cancelling_the_client_cancels_its_readers(void **state)
{
    tn_error err = TN_ERROR_INIT;

    (void)state;
    open_both("max_connections=2");
    tn_db *reading = begin(&read_only);
    tn__host_begin(&reading->conn->host); /* as a statement does */
    tn_cancel(client);
    assert_true(tn__host_cancelled(&reading->conn->host));
    tn__host_end(&reading->conn->host);
    assert_ok(tn_rollback(reading, &err), err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(only_what_reads_goes_to_the_replica),
        TEST(a_statement_in_hand_runs_on_both),
        TEST(a_write_on_the_replica_is_the_statements_fault),
        TEST(when_the_replica_is_away_the_primary_reads),
        TEST(a_replica_that_is_lost_at_begin_is_away),
        TEST(a_replica_that_is_used_up_is_not_waited_for),
        TEST(a_suspended_client_has_a_suspended_replica),
        TEST(a_reload_brings_another_or_none),
        TEST(a_replica_of_another_driver_is_refused),
        TEST(shutdown_ends_both),
        TEST(closing_with_a_reader_left_frees_with_it),
        TEST(cancelling_the_client_cancels_its_readers),
    };

    return cmocka_run_group_tests(tests, group_setup, NULL);
}
