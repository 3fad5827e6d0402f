/* SPDX-License-Identifier: MIT */
/*
 * Lifetimes: rows, a statement, a savepoint, a transaction, a session and a client are closed in
 * every order there is. Each call may say TN_MISUSE, none may crash (the sanitizer builds look),
 * and in the end the driver has nothing open.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support/mock_client.h"

enum thing { ROWS, STMT, SAVEPOINT, TXN, SESSION, CLIENT, THINGS };

/* Where the rows and the statement come from. */
enum origin { FROM_SAVEPOINT, FROM_TXN, FROM_SESSION, FROM_CLIENT, ORIGINS };

/* One thread only: where threads are watched, which is slow, the last variants are enough. */
#ifdef __SANITIZE_THREAD__
enum { FIRST_VARIANT = 6 };
#else
enum { FIRST_VARIANT = 0 };
#endif

static mock *m;

static const tn_value values[] = {{.type = TN_TYPE_INT32, .as.i = 1},
                                  {.type = TN_TYPE_INT32, .as.i = 2},
                                  {.type = TN_TYPE_INT32, .as.i = 3}};
static const tn_column columns[] = {{.name = "n", .type = TN_TYPE_INT32}};
static const mock_answer answers[] = {
    {.sql = "rows", .columns = columns, .n_columns = 1, .values = values, .rows = 3, .batch = 1},
};

struct world {
    tn_db *db[THINGS]; /* of SAVEPOINT to CLIENT */
    tn_rows *rows;
    tn_stmt *stmt;
    bool closed[THINGS];
    bool commit;
    bool read; /* a row between the closings */
};

static int group_setup(void **state)
{
    (void)state;
    m = mock_new("mock", MOCK_CAPABILITIES);
    mock_answers(m, answers, 1);
    return 0;
}

static tn_db *handle_of(struct world *w, enum origin origin)
{
    return w->db[SAVEPOINT + (int)origin];
}

/* The rows and the statement are made on a handle before anything is nested in it. */
static void make_answers(struct world *w, enum origin origin)
{
    tn_error err = TN_ERROR_INIT;

    assert_ok(tn_prepare(handle_of(w, origin), "statement", &w->stmt, &err), err);
    w->rows = tn_query(handle_of(w, origin), "rows", NULL);
    assert_true(tn_next(w->rows));
}

static void make(struct world *w, enum origin origin)
{
    tn_error err = TN_ERROR_INIT;

    w->db[CLIENT] = mock_open(m, "max_connections=3 pool_timeout=1000");
    if (origin == FROM_CLIENT)
        make_answers(w, origin);
    assert_ok(tn_acquire(w->db[CLIENT], &w->db[SESSION], &err), err);
    if (origin == FROM_SESSION)
        make_answers(w, origin);
    assert_ok(tn_begin(w->db[SESSION], NULL, &w->db[TXN], &err), err);
    if (origin == FROM_TXN)
        make_answers(w, origin);
    assert_ok(tn_begin(w->db[TXN], NULL, &w->db[SAVEPOINT], &err), err);
    if (origin == FROM_SAVEPOINT)
        make_answers(w, origin);
}

static tn_status close_one(struct world *w, enum thing thing)
{
    w->closed[thing] = true;
    switch (thing) {
    case ROWS: return tn_close(w->rows, NULL);
    case STMT: tn_stmt_close(w->stmt); return TN_OK;
    case SAVEPOINT:
    case TXN: return w->commit ? tn_commit(w->db[thing], NULL) : tn_rollback(w->db[thing], NULL);
    case SESSION: tn_release(w->db[SESSION]); return TN_OK;
    default: return tn_db_close(w->db[CLIENT], NULL);
    }
}

/* What is not closed yet may be used: it works, or says that it cannot. */
static bool use_rest(struct world *w)
{
    for (int thing = SAVEPOINT; thing <= SESSION; thing++) {
        if (w->closed[thing])
            continue;
        tn_status status = tn_exec(w->db[thing], "statement", NULL, NULL, NULL);
        if (status != TN_OK && status != TN_MISUSE && status != TN_SHUTDOWN && status != TN_ABORTED)
            return false;
    }
    if (w->read && !w->closed[ROWS] && tn_next(w->rows)) {
        int n;
        (void)tn_scan(w->rows, &n);
    }
    return true;
}

static bool may_be(enum thing thing, tn_status status, bool commit)
{
    return status == TN_OK || status == TN_MISUSE ||
           /* rows that were cancelled in the middle fail the transaction on the server */
           (commit && status == TN_ABORTED && (thing == TXN || thing == SAVEPOINT));
}

static void run_order(const int *order, enum origin origin, unsigned variant)
{
    struct world w = {.commit = variant & 1, .read = variant & 2};
    char text[64];

    make(&w, origin);
    for (int i = 0; i < THINGS; i++) {
        tn_status status = close_one(&w, (enum thing)order[i]);
        bool used = variant & 4 ? use_rest(&w) : true;
        if (used && may_be((enum thing)order[i], status, w.commit))
            continue;
        snprintf(text, sizeof(text), "%d%d%d%d%d%d", order[0], order[1], order[2], order[3],
                 order[4], order[5]);
        fail_msg("order %s, origin %d, variant %u, step %d: %s", text, (int)origin, variant, i,
                 used ? tn_status_name(status) : "a handle that is still open");
    }
    mock_check(m);
}

/* Heap's algorithm, iterative: all 720 orders. */
static void every_order(enum origin origin)
{
    int order[THINGS], counter[THINGS] = {0};
    unsigned orders = 1;

    for (int i = 0; i < THINGS; i++)
        order[i] = i;
    for (unsigned variant = FIRST_VARIANT; variant < 8; variant++)
        run_order(order, origin, variant);
    for (int i = 0; i < THINGS;) {
        if (counter[i] >= i) {
            counter[i++] = 0;
            continue;
        }
        int other = i % 2 ? counter[i] : 0;
        int kept = order[other];
        order[other] = order[i];
        order[i] = kept;
        for (unsigned variant = FIRST_VARIANT; variant < 8; variant++)
            run_order(order, origin, variant);
        orders++;
        counter[i]++;
        i = 0;
    }
    assert_int_equal(orders, 720);
}

static void rows_of_a_savepoint_in_every_order(void **state)
{
    (void)state;
    every_order(FROM_SAVEPOINT);
}

static void rows_of_a_transaction_in_every_order(void **state)
{
    (void)state;
    every_order(FROM_TXN);
}

static void rows_of_a_session_in_every_order(void **state)
{
    (void)state;
    every_order(FROM_SESSION);
}

static void rows_of_a_client_in_every_order(void **state)
{
    (void)state;
    every_order(FROM_CLIENT);
}

static int forget(void **state)
{
    (void)state;
    mock_reset(m);
    mock_answers(m, answers, 1);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(rows_of_a_savepoint_in_every_order, forget),
        cmocka_unit_test_setup(rows_of_a_transaction_in_every_order, forget),
        cmocka_unit_test_setup(rows_of_a_session_in_every_order, forget),
        cmocka_unit_test_setup(rows_of_a_client_in_every_order, forget),
    };

    return cmocka_run_group_tests(tests, group_setup, NULL);
}
