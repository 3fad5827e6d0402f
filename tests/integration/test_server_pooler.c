/* SPDX-License-Identifier: MIT */
/* The library behind PgBouncer in transaction mode with one session for all: four clients at once,
 * each with statements, transactions and cancels of its own. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "expect.h"
#include "pooler.h"

enum { CLIENTS = 4, ROUNDS = 25, BATCHED = 20 };

static test_server server;
static test_pooler pooler;

static tn_db *open_client(const char *more)
{
    tn_error err = TN_ERROR_INIT;
    char url[256];
    tn_config *config = tn_config_from_url(
        test_pooler_url(&pooler, "app:apppw", more, url, sizeof(url)), &err);
    assert_non_null(config);
    expect_ok(tn_config_set(config, "max_connections", "2", &err));
    tn_db *db = tn_open(config, &err);
    tn_config_free(config);
    if (!db)
        tn_error_print(stderr, &err);
    assert_non_null(db);
    return db;
}

typedef struct worker {
    pthread_t thread;
    tn_db *db;
    int32_t number;
    int wrong;
    tn_error err;
} worker;

static tn_status move(tn_db *tx, void *arg, tn_error *err)
{
    const worker *w = arg;
    tn_status status = tn_exec(tx, "insert into moves (worker) values ($1)", tn_args(w->number),
                               NULL, err);

    if (status == TN_OK)
        status = tn_exec(tx, "update sums set n = n + 1 where worker = $1", tn_args(w->number),
                         NULL, err);
    return status;
}

/* Each of it sees its own numbers, whichever session it is given. */
static bool one_batch(worker *w, tn_batch_mode mode)
{
    tn_batch_options options = TN_BATCH_OPTIONS_INIT;
    int32_t numbers[BATCHED];
    tn_batch_t *batch = tn_batch_new();

    options.mode = mode;
    for (int i = 0; i < BATCHED; i++)
        tn_batch_add(batch, i % 2 ? "select $1::int4 + 7" : "select $1::int4",
                     tn_args(w->number * 100 + i), tn_into(&numbers[i]));
    bool good = tn_batch_run(batch, w->db, &options, &w->err) == TN_OK;
    for (int i = 0; good && i < BATCHED; i++)
        w->wrong += numbers[i] != w->number * 100 + i + (i % 2 ? 7 : 0);
    tn_batch_free(batch);
    return good;
}

static bool one_round(worker *w, int round)
{
    tn_call call = TN_CALL_INIT;
    int32_t number = -1;
    char sql[64];

    snprintf(sql, sizeof(sql), "select $1::int4 + %d", 1000 * w->number + round);
    if (tn_get(w->db, sql, tn_args(w->number), tn_into(&number), &w->err) != TN_OK)
        return false;
    w->wrong += number != 1001 * w->number + round;
    if (tn_transaction(w->db, NULL, move, w, &w->err) != TN_OK)
        return false;
    if (!one_batch(w, round % 2 ? TN_BATCH_INDEPENDENT : TN_BATCH_ATOMIC))
        return false;
    if (round % 5 == 0) {
        call.timeout_ms = 20;
        tn_status status = tn_exec_with(w->db, &call, "select pg_sleep(5)", NULL, NULL, &w->err);
        w->wrong += status == TN_OK;
    }
    return true;
}

static void *work(void *arg)
{
    worker *w = arg;

    for (int round = 0; round < ROUNDS; round++)
        if (!one_round(w, round)) {
            w->wrong += 1000000;
            break;
        }
    return NULL;
}

static void run_workers(const char *more)
{
    worker workers[CLIENTS];
    PGconn *admin = test_server_connect(&server, "app");

    test_server_run(admin, "truncate moves, sums");
    test_server_run(admin, "insert into sums select i, 0 from generate_series(1, 4) i");
    for (int i = 0; i < CLIENTS; i++) {
        workers[i] = (worker){.number = i + 1, .err = TN_ERROR_INIT};
        workers[i].db = open_client(more);
    }
    for (int i = 0; i < CLIENTS; i++)
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    for (int i = 0; i < CLIENTS; i++)
        pthread_join(workers[i].thread, NULL);
    for (int i = 0; i < CLIENTS; i++) {
        tn_error err = TN_ERROR_INIT;
        if (workers[i].wrong)
            tn_error_print(stderr, &workers[i].err);
        assert_int_equal(workers[i].wrong, 0);
        expect_ok(tn_db_close(workers[i].db, &err));
    }
    assert_int_equal(test_server_number(admin, "select count(*) from moves"), CLIENTS * ROUNDS);
    assert_int_equal(test_server_number(admin, "select count(*) from sums where n = 25"), CLIENTS);
    PQfinish(admin);
}

static void four_clients_share_a_session(void **state)
{
    (void)state;
    run_workers(NULL);
}

static void without_names_the_same(void **state)
{
    (void)state;
    run_workers("prepare=off");
}

static void rows_are_streamed(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *db = open_client(NULL), *tx;
    int64_t seen = 0;

    (void)state;
    tn_rows *rows = tn_query(db, "select generate_series(1, 20000)", NULL);
    while (tn_next(rows))
        seen++;
    expect_ok(tn_close(rows, &err));
    assert_int_equal(seen, 20000);
    expect_ok(tn_begin(db, NULL, &tx, &err));
    rows = tn_query(tx,
                    "insert into moves (worker) select generate_series(1, 5000)"
                    " returning worker",
                    NULL);
    for (seen = 0; tn_next(rows);)
        seen++;
    expect_ok(tn_close(rows, &err));
    assert_int_equal(seen, 5000);
    expect_ok(tn_rollback(tx, &err));
    expect_ok(tn_db_close(db, &err));
}

static void health_tells_of_it(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *db = open_client(NULL);
    tn_health health = tn_health_check(db, 5000);

    (void)state;
    assert_int_equal(health.status, TN_HEALTHY);
    assert_non_null(strstr(health.note, "pooler"));
    expect_ok(tn_db_close(db, &err));
}

static void a_schema_is_refused_with_what_to_do(void **state)
{
    tn_error err = TN_ERROR_INIT;
    char url[256];

    (void)state;
    tn_config *config = tn_config_from_url(
        test_pooler_url(&pooler, "app:apppw", "schema=app", url, sizeof(url)), &err);
    assert_non_null(config);
    assert_null(tn_open(config, &err));
    tn_config_free(config);
    assert_int_equal(err.status, TN_CONFIG);
    assert_non_null(strstr(err.hint, "ALTER ROLE"));
}

static int prepare_server(void **state)
{
    PGconn *admin = test_server_connect(&server, "app");

    (void)state;
    test_server_run(admin, "set role app; create table moves (id serial, worker int);"
                           " create table sums (worker int primary key, n int)");
    PQfinish(admin);
    return 0;
}

static int remove_servers(void **state)
{
    (void)state;
    test_pooler_remove(&pooler);
    test_server_remove(&server);
    return 0;
}

/* Nothing would come; telling others goes through it. */
static void listening_is_refused_with_a_way_out(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_event event;
    char url[256];

    (void)state;
    tn_db *db = open_client("sslmode=disable");
    assert_null(tn_listen(db, "c", &err));
    expect_error(err.status, TN_UNSUPPORTED, "0A000");
    assert_non_null(strstr(err.message, "pooler"));
    assert_non_null(strstr(err.hint, "server itself"));
    tn_db *direct = tn_open_url(
        test_server_url(&server, "app:apppw", "app", "sslmode=disable", url, sizeof(url)), &err);
    assert_non_null(direct);
    tn_listener *l = tn_listen(direct, "c", &err);
    assert_non_null(l);
    expect_ok(tn_notify(db, "c", "1", &err));
    expect_ok(tn_listen_next(l, 20000, &event, &err));
    assert_int_equal(event.kind, TN_EVENT_NOTIFICATION);
    assert_int_equal(event.payload.len, 1);
    tn_unlisten(l);
    expect_ok(tn_db_close(direct, &err));
    expect_ok(tn_db_close(db, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(listening_is_refused_with_a_way_out),
        cmocka_unit_test(four_clients_share_a_session),
        cmocka_unit_test(without_names_the_same),
        cmocka_unit_test(rows_are_streamed),
        cmocka_unit_test(health_tells_of_it),
        cmocka_unit_test(a_schema_is_refused_with_what_to_do),
    };

    test_server_create(&server, NULL, NULL, "apppw");
    test_pooler_create(&pooler, &server, "transaction", 1, "apppw");
    return cmocka_run_group_tests_name("server_pooler", tests, prepare_server, remove_servers);
}
