/* SPDX-License-Identifier: MIT */
/*
 * Every allocation fails once, and from there on: those of the driver (by the linker's --wrap) and
 * those of SQLite (by its own hook). Each run must end with an error or with the right answer, and
 * leave nothing behind.
 */
#include "lite_test.h"

#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

static struct {
    bool on;
    bool aside;   /* the test's own work */
    bool forever; /* all after the first one fail as well */
    long left;    /* until the one that fails */
    long failed;
} faults;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *ptr, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *ptr, size_t size);

static bool fails(void)
{
    if (!faults.on || faults.aside || faults.left-- > 0 || (faults.failed && !faults.forever))
        return false;
    faults.failed++;
    return true;
}

static void set_aside(bool aside)
{
    faults.aside = aside;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *ptr, size_t size)
{
    return fails() ? NULL : __real_realloc(ptr, size);
}

static sqlite3_mem_methods methods;

static void *lite_malloc(int size)
{
    return fails() ? NULL : methods.xMalloc(size);
}

static void *lite_realloc(void *ptr, int size)
{
    return fails() ? NULL : methods.xRealloc(ptr, size);
}

/* What is run: NULL, or what was wrong. Errors are fine, wrong answers are not. */
typedef const char *flow(lite_test *t);

static const char *connect_and_ask(lite_test *t)
{
    tn_driver_conn *conn = NULL;
    tn_status status = lite_test_source(t, "sqlite::memory:", "");

    if (status != TN_OK)
        return NULL;
    status = tn_driver_module.conn->open(t->source, &t->hosts[0], TN_NO_DEADLINE, &conn, &t->err);
    if (status != TN_OK)
        return conn ? "a connection and an error" : NULL;
    t->conns[0] = conn;
    status = lite_try(t, conn, "select 1, 'x', now() is not null", NULL, 0);
    return status != TN_OK || strcmp(t->text, "1|x|1\n") == 0 ? NULL : t->text;
}

static const char *types(lite_test *t)
{
    tn_uuid uuid = {{1}};
    tn_value values[] = {
        lite_of(TN_TYPE_NUMERIC, "1.50"),
        lite_text("text"),
        {.type = TN_TYPE_UUID, .as.uuid = &uuid},
        {.type = TN_TYPE_TIMESTAMPTZ, .as.i = 0},
        lite_text("{1,2,3}"),
    };
    tn_status status = lite_try(
        t, t->conns[0],
        "select cast($1 as numeric(5,3)), $2, cast($3 as uuid), $4, cast($5 "
        "as integer[]), cast('[1]' as json), $$quoted$$",
        values, 5);

    return status != TN_OK ||
                   strcmp(t->text, "1.500|text|01000000-0000-0000-0000-000000000000|1970-01-01 "
                                   "00:00:00+00|{1,2,3}|[1]|quoted\n") == 0
               ? NULL
               : t->text;
}

static const char *constraint(lite_test *t)
{
    tn_status status = lite_try(t, t->conns[0], "insert into t values (1, 'a'), (1, 'b')", NULL, 0);

    if (status == TN_OK)
        return "a duplicate was taken";
    status = lite_try(t, t->conns[0], "select count(*) from t", NULL, 0);
    return status != TN_OK || strcmp(t->text, "3\n") == 0 ? NULL : t->text;
}

static const char *transaction(lite_test *t)
{
    static const char *const steps[] = {"begin",         "insert into t values (10, 'x')",
                                        "savepoint a",   "insert into t values (11, 'y')",
                                        "rollback to a", "commit"};
    bool committed = false;

    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        if (lite_try(t, t->conns[0], steps[i], NULL, 0) != TN_OK)
            break;
        committed = i == 5 && strcmp(t->tag, "COMMIT") == 0;
    }
    faults.on = false;
    (void)tn_driver_module.conn->reset(t->conns[0], TN_NO_DEADLINE, NULL);
    if (lite_try(t, t->conns[0], "select count(*) from t where a >= 10", NULL, 0) != TN_OK)
        return tn_driver_module.conn->state(t->conns[0]) == TN_CONN_BROKEN ? NULL : t->err.message;
    if (strcmp(t->text, committed ? "1\n" : "0\n") != 0)
        return committed ? "committed and not there" : "not committed and there";
    return NULL;
}

static const char *detach(lite_test *t)
{
    tn_driver_stmt *stmt = NULL;
    tn_driver_cursor *cursor = NULL;
    tn_batch batch = {.size = sizeof batch};
    tn_status status = tn_driver_module.stmt->prepare(
        t->conns[0], tn_str_from("select a, b from t, (values (1), (2), (3), (4), (5), (6), (7))"),
        TN_NO_DEADLINE, &stmt, &t->err);
    uint32_t rows = 0;

    if (status == TN_OK)
        status = tn_driver_module.cursor->execute(stmt, NULL, 0, 0, TN_NO_DEADLINE, &cursor,
                                                  &t->err);
    if (status == TN_OK)
        status = tn_driver_module.cursor->fetch(cursor, TN_NO_DEADLINE, &batch, &t->err);
    rows = batch.rows;
    if (status == TN_OK)
        status = tn_driver_module.cursor->detach(cursor, 1 << 20, TN_NO_DEADLINE, &t->err);
    while (status == TN_OK && !batch.done) {
        status = tn_driver_module.cursor->fetch(cursor, TN_NO_DEADLINE, &batch, &t->err);
        rows += status == TN_OK ? batch.rows : 0;
    }
    tn_driver_module.cursor->close(cursor);
    tn_driver_module.stmt->close(stmt);
    return status != TN_OK || rows == 21 ? NULL : "rows were lost";
}

/* Runs it with the first, second, third ... allocation failing, until it runs through. */
static void sweep(void **state, flow *run, bool connected)
{
    lite_test *t = *state;

    for (int forever = 0; forever < 2; forever++)
        for (long n = 0;; n++) {
            const char *wrong;
            assert_true(n < 20000);
            if (connected) {
                assert_int_equal(lite_test_source(t, "sqlite::memory:", ""), TN_OK);
                (void)lite_test_connect(t, 0);
                (void)lite_q(t, "create table t (a integer primary key, b text unique)");
                (void)lite_q(t, "insert into t values (1, 'one'), (2, 'two'), (3, 'three')");
            }
            faults.left = n;
            faults.failed = 0;
            faults.forever = forever;
            faults.on = true;
            wrong = run(t);
            faults.on = false;
            if (wrong)
                fail_msg("allocation %ld%s: %s", n, forever ? " and all after it" : "", wrong);
            lite_test_close_source(t);
            if (faults.failed == 0)
                break;
        }
}

static void connecting(void **state)
{
    sweep(state, connect_and_ask, false);
}

static void every_type(void **state)
{
    sweep(state, types, true);
}

static void naming_a_constraint(void **state)
{
    sweep(state, constraint, true);
}

static void in_a_transaction(void **state)
{
    sweep(state, transaction, true);
}

static void detaching(void **state)
{
    sweep(state, detach, true);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, lite_test_begin, lite_test_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(connecting),       TEST(every_type), TEST(naming_a_constraint),
        TEST(in_a_transaction), TEST(detaching),
    };
    sqlite3_mem_methods own;

    lite_test_aside = set_aside;
    if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &methods) != SQLITE_OK)
        return 1;
    own = methods;
    own.xMalloc = lite_malloc;
    own.xRealloc = lite_realloc;
    if (sqlite3_config(SQLITE_CONFIG_MALLOC, &own) != SQLITE_OK ||
        sqlite3_initialize() != SQLITE_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
