/* SPDX-License-Identifier: MIT */
/*
 * What is called often allocates nothing once it is warm: a cached statement with its arguments,
 * and each row. malloc, calloc and realloc of this program go through counters.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support/mock_client.h"

enum { ROWS = 10000 };

static size_t allocations;

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *ptr, size_t size);
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *ptr, size_t size);

void *__wrap_malloc(size_t size)
{
    allocations++;
    return __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    allocations++;
    return __real_calloc(count, size);
}

void *__wrap_realloc(void *ptr, size_t size)
{
    allocations++;
    return __real_realloc(ptr, size);
}

static mock *m;
static tn_value cells[ROWS * 2];
static const tn_uuid uuid = {{1, 2, 3}};
static const tn_value one[] = {{.type = TN_TYPE_INT64, .as.i = 7},
                               {.type = TN_TYPE_TEXT, .as.ptr = "abc", .len = 3}};
static const tn_column columns[] = {{.name = "n", .type = TN_TYPE_INT64},
                                    {.name = "t", .type = TN_TYPE_TEXT}};
static const tn_param params[] = {{.type = TN_TYPE_INT32},
                                  {.type = TN_TYPE_INT64},
                                  {.type = TN_TYPE_TEXT},
                                  {.type = TN_TYPE_FLOAT8},
                                  {.type = TN_TYPE_UUID}};
static const mock_answer answers[] = {
    {.sql = "INSERT INTO \"t\" (\"a\", \"b\", \"c\", \"d\", \"e\") VALUES ($1, $2, $3, $4, $5)",
     .params = params,
     .n_params = 5,
     .affected = 1},
    {.sql = "write", .params = params, .n_params = 5, .affected = 1},
    {.sql = "one",
     .params = params,
     .n_params = 1,
     .columns = columns,
     .n_columns = 2,
     .values = one,
     .rows = 1},
    {.sql = "all", .columns = columns, .n_columns = 2, .values = cells, .rows = ROWS, .batch = 64},
};

static int group_setup(void **state)
{
    for (int i = 0; i < ROWS; i++) {
        cells[2 * i] = (tn_value){.type = TN_TYPE_INT64, .as.i = i};
        cells[2 * i + 1] = (tn_value){.type = TN_TYPE_TEXT, .as.ptr = "abc", .len = 3};
    }
    m = mock_new("mock", MOCK_CAPABILITIES);
    mock_answers(m, answers, sizeof(answers) / sizeof(answers[0]));
    *state = mock_open(m, "max_connections=2");
    return 0;
}

static int group_teardown(void **state)
{
    mock_close(m, *state);
    return 0;
}

static void the_counter_counts(void **state)
{
    tn_error err = TN_ERROR_INIT;
    size_t before = allocations;

    assert_ok(tn_exec(*state, "a statement that is not cached", NULL, NULL, &err), err);
    assert_true(allocations - before >= 2);
}

static void no_allocation_per_row_of_a_bulk(void **state)
{
    tn_error err = TN_ERROR_INIT;
    size_t before = 0;
    tn_bulk *bulk;

    assert_ok(tn_bulk_open(*state, NULL, "t", "a, b, c, d, e", &bulk, &err), err);
    for (int i = 0; i < 1010; i++) {
        if (i == 10)
            before = allocations;
        assert_int_equal(tn_bulk_row(bulk, tn_args(i, INT64_C(5) << i % 40, "text", 1.5, uuid)),
                         TN_OK);
    }
    assert_int_equal(allocations, before);
    assert_ok(tn_bulk_finish(bulk, NULL, &err), err);
}

static size_t count_exec(tn_db *db)
{
    tn_error err = TN_ERROR_INIT;
    size_t before = 0;

    for (int i = 0; i < 110; i++) {
        if (i == 10)
            before = allocations;
        assert_ok(
            tn_exec(db, "write", tn_args(i, INT64_C(5) << i % 40, "text", 1.5, uuid), NULL, &err),
            err);
    }
    return allocations - before;
}

static size_t count_get(tn_db *db)
{
    tn_error err = TN_ERROR_INIT;
    size_t before = 0;
    char text[8];
    int64_t n;

    for (int i = 0; i < 110; i++) {
        if (i == 10)
            before = allocations;
        assert_ok(tn_get(db, "one", tn_args(i), tn_into(&n, tn_textbuf(text, sizeof(text))), &err),
                  err);
        assert_int_equal(n, 7);
    }
    return allocations - before;
}

static size_t count_rows(tn_db *db)
{
    tn_error err = TN_ERROR_INIT;
    size_t before = 0;

    for (int round = 0; round < 3; round++) {
        int64_t n, rows = 0;
        tn_str text;
        if (round == 1)
            before = allocations;
        tn_rows *all = tn_query(db, "all", NULL);
        for (; tn_next(all); rows++)
            assert_int_equal(tn_scan(all, &n, &text), TN_OK);
        assert_ok(tn_close(all, &err), err);
        assert_int_equal(rows, ROWS);
    }
    return allocations - before;
}

static size_t count_prepared(tn_db *db)
{
    tn_error err = TN_ERROR_INIT;
    size_t before = 0;
    tn_stmt *stmt;

    assert_ok(tn_prepare(db, "write", &stmt, &err), err);
    for (int i = 0; i < 110; i++) {
        if (i == 10)
            before = allocations;
        assert_ok(tn_stmt_exec(stmt, NULL, NULL, tn_args(i, 2, "text", 1.5, uuid), NULL, &err),
                  err);
    }
    before = allocations - before;
    tn_stmt_close(stmt);
    return before;
}

static size_t count_batch(tn_db *db, tn_batch_mode mode)
{
    tn_batch_options options = TN_BATCH_OPTIONS_INIT;
    tn_batch_t *batch = tn_batch_new();
    tn_error err = TN_ERROR_INIT;
    size_t before = 0;
    int64_t n = 0;
    tn_str text;

    options.mode = mode;
    for (int round = 0; round < 4; round++) {
        if (round == 2)
            before = allocations;
        tn_batch_reset(batch);
        for (int i = 0; i < 100; i++) {
            tn_batch_add(batch, "write", tn_args(i, 2, "text", 1.5, uuid), NULL);
            tn_batch_add(batch, "one", tn_args(i), tn_targets(&n, &text));
            tn_batch_add(batch, "one", tn_args(i), NULL);
        }
        assert_ok(tn_batch_run(batch, db, &options, &err), err);
        assert_int_equal(n, 7);
        for (size_t i = 2; i < 300; i += 3) {
            tn_rows *rows = tn_batch_rows(batch, i);
            assert_true(tn_next(rows));
            assert_ok(tn_close(rows, &err), err);
        }
    }
    before = allocations - before;
    tn_batch_free(batch);
    return before;
}

/* Those with a transaction of their own make its handle: one a run. */
static void a_batch_allocates_nothing_per_statement(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *tx;

    assert_int_equal(count_batch(*state, TN_BATCH_INDEPENDENT), 0);
    assert_int_equal(count_batch(*state, TN_BATCH_ATOMIC), 2);
    assert_ok(tn_begin(*state, NULL, &tx, &err), err);
    assert_int_equal(count_batch(tx, TN_BATCH_ATOMIC), 0);
    assert_ok(tn_commit(tx, &err), err);
}

static void a_client_allocates_nothing_per_cached_call(void **state)
{
    assert_int_equal(count_exec(*state), 0);
    assert_int_equal(count_get(*state), 0);
    assert_int_equal(count_rows(*state), 0);
    assert_int_equal(count_prepared(*state), 0);
}

static void a_session_allocates_nothing_per_cached_call(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *session;

    assert_ok(tn_acquire(*state, &session, &err), err);
    assert_int_equal(count_exec(session), 0);
    assert_int_equal(count_get(session), 0);
    assert_int_equal(count_rows(session), 0);
    assert_int_equal(count_prepared(session), 0);
    tn_release(session);
}

static void a_transaction_allocates_nothing_per_cached_call(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *tx;

    assert_ok(tn_begin(*state, NULL, &tx, &err), err);
    assert_int_equal(count_exec(tx), 0);
    assert_int_equal(count_get(tx), 0);
    assert_int_equal(count_rows(tx), 0);
    assert_ok(tn_commit(tx, &err), err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_counter_counts),
        cmocka_unit_test(no_allocation_per_row_of_a_bulk),
        cmocka_unit_test(a_client_allocates_nothing_per_cached_call),
        cmocka_unit_test(a_session_allocates_nothing_per_cached_call),
        cmocka_unit_test(a_transaction_allocates_nothing_per_cached_call),
        cmocka_unit_test(a_batch_allocates_nothing_per_statement),
    };

    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
