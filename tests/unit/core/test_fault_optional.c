/* SPDX-License-Identifier: MIT */
/*
 * core/fault around a driver that has what is optional: identify and outcome, bulk, notify,
 * catalog. They are passed on with the inner driver's own handles, and not on a lost connection.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <tenon/drivers.h>

#include "base/str.h"
#include "fault_rig.h"

static tn_fault *rich;
static const tn_module *wrapper;

/* ---- the mock driver with more tables -------------------------------------------------------- */

static struct {
    unsigned commits, rows, abandoned, listening, probes;
    tn_str asked; /* what outcome() was asked about */
} seen;

static tn_status open_source(const tn_host *host, const tn_source_config *config,
                             tn_driver_source **ret, tn_error *err)
{
    tn_source_config ours = *config;

    assert_true(tn_str_equal(config->scheme, TN__STR("rich")));
    assert_true(tn_str_equal(config->url, TN__STR("rich:")));
    ours.scheme = TN__STR("mock");
    return mock_module(m)->conn->open_source(host, &ours, ret, err);
}

static tn_status commit(tn_driver_conn *conn, int64_t deadline_ns, tn_error *err)
{
    seen.commits++;
    return mock_module(m)->txn->commit(conn, deadline_ns, err);
}

static void identify(const tn_driver_conn *conn, char *buf, size_t size)
{
    (void)conn;
    snprintf(buf, size, "txn %u", seen.commits);
}

static tn_status outcome(tn_driver_conn *conn, tn_str id, int64_t deadline_ns,
                         tn_outcome *ret_outcome, tn_error *err)
{
    (void)deadline_ns;
    (void)err;
    assert_int_equal(mock_module(m)->conn->state(conn), TN_CONN_IDLE);
    seen.asked = id;
    *ret_outcome = TN_OUTCOME_APPLIED;
    return TN_OK;
}

static tn_status run_batch(tn_driver_conn *conn, const tn_batch_work *work, int64_t deadline_ns,
                           tn_error *err)
{
    (void)conn;
    (void)work;
    (void)deadline_ns;
    (void)err;
    fail_msg("a batch went past the rules");
    return TN_OK;
}

struct tn_driver_bulk {
    bool open;
};
static tn_driver_bulk the_bulk;

static tn_status open_bulk(tn_driver_conn *conn, const tn_bulk_request *request,
                           int64_t deadline_ns, tn_driver_bulk **ret, tn_error *err)
{
    tn_stmt_info info = {.size = sizeof(info)};

    (void)conn;
    (void)deadline_ns;
    (void)err;
    assert_true(tn_str_equal(request->table, TN__STR("t")));
    assert_int_equal(request->n_columns, 1);
    mock_module(m)->stmt->describe(request->insert, &info);
    the_bulk.open = true;
    *ret = &the_bulk;
    return TN_OK;
}

static void describe_bulk(const tn_driver_bulk *bulk, tn_bulk_info *ret)
{
    assert_ptr_equal(bulk, &the_bulk);
    *ret = (tn_bulk_info){.size = ret->size, .failed_row = 7};
}

static tn_status write_bulk(tn_driver_bulk *bulk, const tn_value *values, uint32_t rows,
                            int64_t deadline_ns, tn_error *err)
{
    (void)values;
    (void)deadline_ns;
    (void)err;
    assert_ptr_equal(bulk, &the_bulk);
    seen.rows += rows;
    return TN_OK;
}

static tn_status finish_bulk(tn_driver_bulk *bulk, int64_t deadline_ns, int64_t *ret_rows,
                             tn_error *err)
{
    (void)deadline_ns;
    (void)err;
    assert_true(bulk->open);
    bulk->open = false;
    *ret_rows = seen.rows;
    return TN_OK;
}

static void abandon_bulk(tn_driver_bulk *bulk, int64_t deadline_ns)
{
    (void)deadline_ns;
    assert_true(bulk->open);
    bulk->open = false;
    seen.abandoned++;
}

static tn_status listen_to(tn_driver_conn *conn, const tn_str *channels, size_t count,
                           int64_t deadline_ns, tn_error *err)
{
    (void)conn;
    (void)channels;
    (void)deadline_ns;
    (void)err;
    seen.listening += count;
    return TN_OK;
}

static tn_status unlisten(tn_driver_conn *conn, tn_str channel, int64_t deadline_ns, tn_error *err)
{
    (void)conn;
    (void)channel;
    (void)deadline_ns;
    (void)err;
    seen.listening--;
    return TN_OK;
}

static tn_status wait_for(tn_driver_conn *conn, int64_t deadline_ns, tn_notification *ret,
                          tn_error *err)
{
    (void)conn;
    (void)deadline_ns;
    (void)err;
    ret->channel = TN__STR("c");
    return TN_OK;
}

static tn_status probe(tn_driver_conn *conn, int64_t deadline_ns, tn_error *err)
{
    (void)conn;
    (void)deadline_ns;
    (void)err;
    seen.probes++;
    return TN_OK;
}

static bool answered(const tn_driver_conn *conn)
{
    (void)conn;
    return seen.probes != 1;
}

static tn_driver_stmt *catalog_stmt;

static tn_status catalog_tables(tn_driver_conn *conn, int64_t deadline_ns, tn_driver_cursor **ret,
                                tn_error *err)
{
    (void)conn;
    return mock_module(m)->cursor->execute(catalog_stmt, NULL, 0, 0, deadline_ns, ret, err);
}

static tn_status catalog_describe(tn_driver_conn *conn, tn_str schema, int64_t deadline_ns,
                                  void (*out)(void *arg, tn_str piece), void *arg, tn_error *err)
{
    (void)conn;
    (void)deadline_ns;
    (void)err;
    out(arg, schema);
    return TN_OK;
}

static const tn_batch_ops batch_ops = {.size = sizeof(batch_ops), .run = run_batch};
static const tn_bulk_ops bulk_ops = {.size = sizeof(bulk_ops),
                                     .open = open_bulk,
                                     .describe = describe_bulk,
                                     .write = write_bulk,
                                     .finish = finish_bulk,
                                     .abandon = abandon_bulk};
static const tn_notify_ops notify_ops = {.size = sizeof(notify_ops),
                                         .listen = listen_to,
                                         .unlisten = unlisten,
                                         .wait = wait_for,
                                         .probe = probe,
                                         .answered = answered,
                                         .sql = "tell $1 $2"};
static const tn_catalog_ops catalog_ops = {
    .size = sizeof(catalog_ops), .describe = catalog_describe, .tables = catalog_tables};

/* ---- one connection -------------------------------------------------------------------------- */

static tn_driver_source *source;
static tn_host_conn host_conn;
static tn_driver_conn *conn;
static tn_error err;

static int group_setup(void **state)
{
    static const char *const schemes[] = {"rich", NULL};
    static tn_conn_ops conn_ops;
    static tn_txn_ops txn_ops;
    static tn_module inner;

    if (rig_group_setup(state) != 0)
        return -1;
    inner = *mock_module(m);
    conn_ops = *inner.conn;
    conn_ops.open_source = open_source;
    txn_ops = *inner.txn;
    txn_ops.commit = commit;
    txn_ops.identify = identify;
    txn_ops.outcome = outcome;
    inner.name = "rich";
    inner.schemes = schemes;
    inner.conn = &conn_ops;
    inner.txn = &txn_ops;
    inner.batch = &batch_ops;
    inner.bulk = &bulk_ops;
    inner.notify = &notify_ops;
    inner.catalog = &catalog_ops;
    if (tn_driver_register(&inner, &err) != TN_OK || tn_fault_wrap("rich", &rich, &err) != TN_OK ||
        tn_driver_inspect("fault+rich", NULL, &wrapper, &err) != TN_OK) {
        tn_error_print(stderr, &err);
        return -1;
    }
    return 0;
}

static int setup(void **state)
{
    const tn_source_config config = {
        .size = sizeof(config), .scheme = TN__STR("fault+rich"), .url = TN__STR("fault+rich:")};

    (void)rig_setup(state);
    tn_fault_clear(rich);
    memset(&seen, 0, sizeof(seen));
    tn__host_conn_init(&host_conn, NULL, NULL);
    tn__host_begin(&host_conn);
    assert_ok(wrapper->conn->open_source(&tn__host, &config, &source, &err), err);
    assert_ok(wrapper->conn->open(source, &host_conn, TN_NO_DEADLINE, &conn, &err), err);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    wrapper->conn->close(conn);
    wrapper->conn->close_source(source);
    tn__host_conn_close(&host_conn);
    mock_check(m);
    return 0;
}

static void next_is(tn_fault_at at, tn_fault_effect effect)
{
    tn_fault_rule rule = rig_rule(at, effect);

    assert_ok(tn_fault_add(rich, &rule, &err), err);
}

static void lose(void)
{
    next_is(TN_FAULT_AT_PING, TN_FAULT_LOST);
    assert_status(wrapper->conn->ping(conn, TN_NO_DEADLINE, &err), TN_LOST);
}

/* ---- the cases ------------------------------------------------------------------------------- */

static tn_status commit_one(void)
{
    const tn_txn_request request = {.size = sizeof(request)};

    assert_ok(wrapper->txn->begin(conn, &request, TN_NO_DEADLINE, &err), err);
    return wrapper->txn->commit(conn, TN_NO_DEADLINE, &err);
}

/* The name is that of the COMMIT that was sent last; one that never was has none, and above all not
 * that of the one before. */
static void only_a_commit_that_was_sent_has_a_name(void **state)
{
    char name[TN_TXN_ID_SIZE];

    (void)state;
    assert_ok(commit_one(), err);
    wrapper->txn->identify(conn, name, sizeof(name));
    assert_string_equal(name, "txn 1");
    next_is(TN_FAULT_AT_COMMIT, TN_FAULT_ERROR);
    assert_status(commit_one(), TN_FAILED);
    wrapper->txn->identify(conn, name, sizeof(name));
    assert_string_equal(name, "");
    next_is(TN_FAULT_AT_COMMIT, TN_FAULT_LOST_AFTER);
    assert_status(commit_one(), TN_OUTCOME_UNKNOWN);
    wrapper->txn->identify(conn, name, sizeof(name));
    assert_string_equal(name, "txn 2");
}

static void the_outcome_is_asked_of_the_inner_driver(void **state)
{
    tn_outcome known = TN_OUTCOME_NONE;

    (void)state;
    next_is(TN_FAULT_AT_OUTCOME, TN_FAULT_ERROR);
    assert_status(wrapper->txn->outcome(conn, TN__STR("x"), TN_NO_DEADLINE, &known, &err),
                  TN_FAILED);
    assert_int_equal(known, TN_OUTCOME_NONE);
    assert_ok(wrapper->txn->outcome(conn, TN__STR("x"), TN_NO_DEADLINE, &known, &err), err);
    assert_int_equal(known, TN_OUTCOME_APPLIED);
    assert_true(tn_str_equal(seen.asked, TN__STR("x")));
    next_is(TN_FAULT_AT_OUTCOME, TN_FAULT_LOST_AFTER);
    known = TN_OUTCOME_NONE;
    assert_status(wrapper->txn->outcome(conn, TN__STR("x"), TN_NO_DEADLINE, &known, &err), TN_LOST);
    assert_int_equal(known, TN_OUTCOME_NONE);
    assert_int_equal(tn_fault_count(rich, TN_FAULT_AT_OUTCOME), 3);
}

static int64_t sum(tn_driver_cursor *cursor)
{
    tn_batch batch = {.size = sizeof(batch)};
    int64_t total = 0;

    while (!batch.done) {
        assert_ok(wrapper->cursor->fetch(cursor, TN_NO_DEADLINE, &batch, &err), err);
        for (uint32_t i = 0; i < batch.rows; i++)
            total += batch.values[i].as.i;
    }
    return total;
}

/* The host runs the statements one by one, so that rules hit each. */
static void batches_do_not_go_past_the_rules(void **state)
{
    (void)state;
    assert_null(wrapper->batch);
}

static tn_driver_bulk *open_one(tn_driver_stmt *insert, tn_status expected)
{
    const tn_str column = TN__STR("a");
    const tn_bulk_request request = {.size = sizeof(request),
                                     .table = TN__STR("t"),
                                     .columns = &column,
                                     .n_columns = 1,
                                     .insert = insert};
    tn_driver_bulk *bulk = NULL;

    assert_status(wrapper->bulk->open(conn, &request, TN_NO_DEADLINE, &bulk, &err), expected);
    return bulk;
}

static void bulk_goes_through(void **state)
{
    const tn_value one = {.type = TN_TYPE_INT64, .as.i = 1};
    tn_bulk_info info = {.size = sizeof(info)};
    tn_driver_stmt *insert;
    int64_t rows = 0;

    (void)state;
    assert_ok(wrapper->stmt->prepare(conn, TN__STR("returning"), TN_NO_DEADLINE, &insert, &err),
              err);
    tn_driver_bulk *bulk = open_one(insert, TN_OK);
    wrapper->bulk->describe(bulk, &info);
    assert_int_equal(info.failed_row, 7);
    assert_ok(wrapper->bulk->write(bulk, &one, 1, TN_NO_DEADLINE, &err), err);
    assert_ok(wrapper->bulk->write(bulk, &one, 1, TN_NO_DEADLINE, &err), err);
    assert_ok(wrapper->bulk->finish(bulk, TN_NO_DEADLINE, &rows, &err), err);
    assert_int_equal(rows, 2);
    wrapper->bulk->abandon(open_one(insert, TN_OK), TN_NO_DEADLINE);
    wrapper->bulk->abandon(NULL, TN_NO_DEADLINE);
    assert_int_equal(seen.abandoned, 1);
    lose();
    assert_null(open_one(insert, TN_LOST));
    wrapper->stmt->close(insert);
}

static void notifications_go_through(void **state)
{
    tn_notification got = {.size = sizeof(got)};
    const tn_str channels[] = {TN__STR("b"), TN__STR("c")};

    (void)state;
    assert_string_equal(wrapper->notify->sql, "tell $1 $2");
    assert_ok(wrapper->notify->listen(conn, channels, 2, TN_NO_DEADLINE, &err), err);
    assert_int_equal(seen.listening, 2);
    assert_true(wrapper->notify->answered(conn));
    assert_ok(wrapper->notify->probe(conn, TN_NO_DEADLINE, &err), err);
    assert_int_equal(seen.probes, 1);
    assert_false(wrapper->notify->answered(conn));
    assert_ok(wrapper->notify->wait(conn, TN_NO_DEADLINE, &got, &err), err);
    assert_true(tn_str_equal(got.channel, TN__STR("c")));
    assert_ok(wrapper->notify->unlisten(conn, TN__STR("c"), TN_NO_DEADLINE, &err), err);
    assert_int_equal(seen.listening, 1);
    lose();
    assert_status(wrapper->notify->listen(conn, channels, 2, TN_NO_DEADLINE, &err), TN_LOST);
    assert_status(wrapper->notify->probe(conn, TN_NO_DEADLINE, &err), TN_LOST);
    assert_status(wrapper->notify->unlisten(conn, TN__STR("c"), TN_NO_DEADLINE, &err), TN_LOST);
    assert_status(wrapper->notify->wait(conn, TN_NO_DEADLINE, &got, &err), TN_LOST);
}

static void keep(void *arg, tn_str piece)
{
    *(tn_str *)arg = piece;
}

static void the_catalog_goes_through(void **state)
{
    tn_driver_cursor *cursor = NULL;
    tn_driver_source *inner_source = NULL;
    tn_driver_conn *inner = NULL;
    tn_str text = {NULL, 0};

    (void)state;
    assert_ok(wrapper->catalog->describe(conn, TN__STR("s"), TN_NO_DEADLINE, keep, &text, &err),
              err);
    assert_true(tn_str_equal(text, TN__STR("s")));
    /* A statement for the inner driver to answer by. */
    const tn_source_config config = {
        .size = sizeof(config), .scheme = TN__STR("mock"), .url = TN__STR("mock:")};
    const tn_module *mocked = mock_module(m);
    assert_ok(mocked->conn->open_source(&tn__host, &config, &inner_source, &err), err);
    assert_ok(mocked->conn->open(inner_source, &host_conn, TN_NO_DEADLINE, &inner, &err), err);
    assert_ok(mocked->stmt->prepare(inner, TN__STR("rows"), TN_NO_DEADLINE, &catalog_stmt, &err),
              err);
    assert_ok(wrapper->catalog->tables(conn, TN_NO_DEADLINE, &cursor, &err), err);
    assert_int_equal(sum(cursor), 6);
    wrapper->cursor->close(cursor);
    mocked->stmt->close(catalog_stmt);
    mocked->conn->close(inner);
    mocked->conn->close_source(inner_source);
    lose();
    assert_status(wrapper->catalog->tables(conn, TN_NO_DEADLINE, &cursor, &err), TN_LOST);
    assert_status(wrapper->catalog->describe(conn, TN__STR("s"), TN_NO_DEADLINE, keep, &text, &err),
                  TN_LOST);
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(only_a_commit_that_was_sent_has_a_name),
        CASE(the_outcome_is_asked_of_the_inner_driver),
        CASE(batches_do_not_go_past_the_rules),
        CASE(bulk_goes_through),
        CASE(notifications_go_through),
        CASE(the_catalog_goes_through),
    };

    return cmocka_run_group_tests(tests, group_setup, NULL);
}
