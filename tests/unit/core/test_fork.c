/* SPDX-License-Identifier: MIT */
/*
 * After fork() the child gets TN_FORKED from every handle of its parent, of whatever kind, and the
 * driver is not called: the parent's connection is as it was.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/mock_client.h"

static mock *m;

static const tn_value values[] = {{.type = TN_TYPE_INT32, .as.i = 1}};
static const tn_column columns[] = {{.name = "n", .type = TN_TYPE_INT32}};
static const mock_answer answers[] = {
    {.sql = "endless",
     .columns = columns,
     .n_columns = 1,
     .values = values,
     .rows = 1,
     .endless = true},
};

struct handles {
    tn_db *client, *session, *tx;
    tn_rows *rows;
};

static int group_setup(void **state)
{
    (void)state;
    m = mock_new("mock", MOCK_CAPABILITIES);
    return 0;
}

static int setup(void **state)
{
    static struct handles handles;
    tn_error err = TN_ERROR_INIT;

    mock_reset(m);
    mock_answers(m, answers, 1);
    handles.client = mock_open(m, "max_connections=4");
    assert_ok(tn_acquire(handles.client, &handles.session, &err), err);
    assert_ok(tn_begin(handles.client, NULL, &handles.tx, &err), err);
    handles.rows = tn_query(handles.client, "endless", NULL);
    assert_true(tn_next(handles.rows));
    mock_clear(m);
    *state = &handles;
    return 0;
}

static int teardown(void **state)
{
    struct handles *handles = *state;
    tn_error err = TN_ERROR_INIT;

    assert_true(tn_next(handles->rows));
    assert_ok(tn_close(handles->rows, &err), err);
    assert_ok(tn_exec(handles->tx, "a", NULL, NULL, &err), err);
    assert_ok(tn_commit(handles->tx, &err), err);
    assert_ok(tn_exec(handles->session, "a", NULL, NULL, &err), err);
    tn_release(handles->session);
    mock_close(m, handles->client);
    return 0;
}

/* Runs in the child: 0 if all is as it should be, else the number of the first wrong answer. */
typedef int child_fn(struct handles *handles);

static void in_child(child_fn *fn, struct handles *handles)
{
    int status = -1;

    fflush(stdout);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        int wrong = fn(handles);
        if (!wrong && mock_trace(m)[0])
            wrong = 100;
        if (wrong == 100)
            fprintf(stderr, "the child called its parent's driver: %s\n", mock_trace(m));
        _exit(wrong);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static int use_client(struct handles *h)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *ret;

    if (tn_exec(h->client, "a", NULL, NULL, &err) != TN_FORKED)
        return 1;
    if (!strstr(err.message, "fork") || !err.hint[0])
        return 2;
    if (tn_acquire(h->client, &ret, &err) != TN_FORKED)
        return 3;
    if (tn_begin(h->client, NULL, &ret, &err) != TN_FORKED)
        return 4;
    if (tn_close(tn_query(h->client, "a", NULL), &err) != TN_FORKED)
        return 5;
    if (tn_health_check(h->client, 100).error.status != TN_FORKED)
        return 6;
    if (tn_db_close(h->client, &err) != TN_FORKED)
        return 7;
    return 0;
}

static void a_client_is_refused(void **state)
{
    in_child(use_client, *state);
}

static int use_session(struct handles *h)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *ret;

    if (tn_exec(h->session, "a", NULL, NULL, &err) != TN_FORKED)
        return 1;
    if (tn_begin(h->session, NULL, &ret, &err) != TN_FORKED)
        return 2;
    if (tn_health_check(h->session, 100).error.status != TN_FORKED)
        return 3;
    return 0;
}

static void a_session_is_refused(void **state)
{
    in_child(use_session, *state);
}

static int release_session(struct handles *h)
{
    tn_release(h->session);
    return 0;
}

static void a_session_that_is_released_stays_the_parents(void **state)
{
    in_child(release_session, *state);
}

static int use_transaction(struct handles *h)
{
    tn_error err = TN_ERROR_INIT;

    return tn_exec(h->tx, "a", NULL, NULL, &err) != TN_FORKED;
}

static void a_transaction_is_refused(void **state)
{
    in_child(use_transaction, *state);
}

static int commit_transaction(struct handles *h)
{
    tn_error err = TN_ERROR_INIT;

    return tn_commit(h->tx, &err) != TN_FORKED;
}

static void a_commit_is_refused(void **state)
{
    in_child(commit_transaction, *state);
}

static int roll_back(struct handles *h)
{
    tn_status status = tn_rollback(h->tx, NULL);

    return status != TN_FORKED && status != TN_OK;
}

static void a_rollback_says_nothing_to_the_parents_server(void **state)
{
    in_child(roll_back, *state);
}

static int read_rows(struct handles *h)
{
    if (tn_next(h->rows))
        return 1;
    return tn_rows_status(h->rows) != TN_FORKED;
}

static void rows_are_refused(void **state)
{
    in_child(read_rows, *state);
}

static int close_rows(struct handles *h)
{
    (void)tn_close(h->rows, NULL);
    return 0;
}

static void rows_that_are_closed_say_nothing_to_the_parents_server(void **state)
{
    in_child(close_rows, *state);
}

static int open_anew(struct handles *h)
{
    tn_error err = TN_ERROR_INIT;

    (void)h;
    tn_db *db = mock_try_open("mock://child", "", &err);
    if (!db || tn_exec(db, "a", NULL, NULL, &err) != TN_OK || tn_db_close(db, &err) != TN_OK)
        return 1;
    mock_clear(m);
    return 0;
}

static void a_handle_of_its_own_works(void **state)
{
    in_child(open_anew, *state);
}

static int open_shared(struct handles *h)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *db = tn_client(&err);

    (void)h;
    if (!db || tn_exec(db, "a", NULL, NULL, &err) != TN_OK || tn_client(&err) != db)
        return 1;
    if (tn_client_shutdown(5000, &err) != TN_OK)
        return 2;
    mock_clear(m);
    return 0;
}

static int shut_shared_down(struct handles *h)
{
    (void)h;
    return tn_client_shutdown(5000, NULL) != TN_OK;
}

/* The shared client of a child is its own, whatever its parent has open. */
static void the_shared_client_is_opened_anew(void **state)
{
    tn_error err = TN_ERROR_INIT;

    setenv("DATABASE_URL", "mock://shared", 1);
    tn_db *db = tn_client(&err);
    unsetenv("DATABASE_URL");
    assert_non_null(db);
    mock_clear(m);
    in_child(shut_shared_down, *state);
    setenv("DATABASE_URL", "mock://shared", 1);
    in_child(open_shared, *state);
    unsetenv("DATABASE_URL");
    assert_ok(tn_exec(db, "a", NULL, NULL, &err), err);
    assert_ok(tn_client_shutdown(5000, &err), err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(a_client_is_refused),
        TEST(a_session_is_refused),
        TEST(a_session_that_is_released_stays_the_parents),
        TEST(a_transaction_is_refused),
        TEST(a_commit_is_refused),
        TEST(a_rollback_says_nothing_to_the_parents_server),
        TEST(rows_are_refused),
        TEST(rows_that_are_closed_say_nothing_to_the_parents_server),
        TEST(a_handle_of_its_own_works),
        TEST(the_shared_client_is_opened_anew),
    };

    return cmocka_run_group_tests(tests, group_setup, NULL);
}
