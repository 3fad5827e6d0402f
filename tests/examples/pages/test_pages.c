/* SPDX-License-Identifier: MIT */
/*
 * The page store's tests: one source, two databases. Run as it is, it is a unit test on an embedded
 * database in memory; with --postgresql, the same cases run on a server (see scratch.h).
 *
 * Each case works in a transaction that is rolled back when it ends: none sees what another did,
 * and the store's own transactions become savepoints in it. The last one is about a connection that
 * breaks, and has a database of its own. Both come from <tenon/testing.h>.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <tenon/fault.h>
#include <tenon/testing.h>

#include "schema.h"
#include "scratch.h"
#include "store.h"

static const struct registration ada = {"ada@example.com", "Ada", "notes", "Notes",
                                        "{\"blocks\": [{\"text\": \"Note G\"}]}"};
static const struct registration grace = {"grace@example.com", "Grace", "bugs", "Bugs",
                                          "{\"blocks\": []}"};

#define assert_ok(call, err)                       \
    do {                                           \
        if ((call) != TN_OK) {                     \
            tn_error_print(stderr, (err));         \
            fail_msg("%s did not succeed", #call); \
        }                                          \
    } while (0)

static int64_t count(tn_db *db, const char *sql)
{
    tn_error err = TN_ERROR_INIT;
    int64_t n = -1;
    assert_ok(tn_get(db, sql, NULL, tn_into(&n), &err), &err);
    return n;
}

static void registers_user_profile_and_page(void **state)
{
    tn_db *db = *state;
    tn_error err = TN_ERROR_INIT;
    struct page page;
    tn_uuid id;
    tn_time created_at;
    char name[32];

    assert_ok(store_register(db, &ada, 1, &err), &err);
    assert_ok(store_find_user(db, ada.email, &id, &err), &err);
    assert_ok(tn_get(db,
                     "select name, created_at from profiles join users on id = user_id"
                     " where id = $1",
                     tn_args(id), tn_into(tn_textbuf(name, sizeof(name)), &created_at), &err),
              &err);
    assert_string_equal(name, "Ada");
    assert_in_range(tn_time_now().us - created_at.us + 60000000, 0, 120000000);

    assert_ok(store_get_page(db, "notes", &page, &err), &err);
    assert_string_equal(page.title, "Notes");
    assert_string_equal(page.content, ada.content);
    assert_false(page.published_at.has);
    store_page_free(&page);
}

static void refuses_an_address_that_is_taken(void **state)
{
    tn_db *db = *state;
    tn_error err = TN_ERROR_INIT;
    struct registration again = grace;
    again.email = ada.email;

    assert_ok(store_register(db, &ada, 1, &err), &err);
    assert_int_equal(store_register(db, &again, 1, &err), TN_CONSTRAINT);
    assert_string_equal(err.sqlstate, "23505");
    assert_string_equal(err.constraint, "users_email_key");
    assert_string_equal(err.table, "users");
    assert_non_null(strstr(err.message, "register ada@example.com"));
    assert_int_equal(count(db, "select count(*) from users"), 1);
    assert_int_equal(count(db, "select count(*) from pages"), 1);
}

static void a_failing_registration_leaves_nothing(void **state)
{
    tn_db *db = *state;
    tn_error err = TN_ERROR_INIT;
    const struct registration both[] = {grace, ada};
    struct page page;
    tn_uuid id;

    assert_ok(store_register(db, &ada, 1, &err), &err);
    assert_int_equal(store_register(db, both, 2, &err), TN_CONSTRAINT);
    assert_int_equal(store_find_user(db, grace.email, &id, &err), TN_NOT_FOUND);
    assert_int_equal(store_get_page(db, grace.slug, &page, &err), TN_NOT_FOUND);
    assert_int_equal(count(db, "select count(*) from profiles"), 1);

    /* The transaction around is not harmed: work goes on. */
    assert_ok(store_register(db, &grace, 1, &err), &err);
    assert_int_equal(count(db, "select count(*) from users"), 2);
}

static void an_import_skips_what_is_taken(void **state)
{
    tn_db *db = *state;
    tn_error err = TN_ERROR_INIT;
    const struct draft drafts[] = {
        {"one", "One", "{\"blocks\": []}"},
        {"notes", "Taken", "{\"blocks\": []}"},
        {"two", "Two", "{\"blocks\": []}"},
        {"one", "Twice", "{\"blocks\": []}"},
    };
    const struct draft orphan = {"three", "Three", "{\"blocks\": []}"};
    tn_uuid id;
    size_t added = 0;

    assert_ok(store_register(db, &ada, 1, &err), &err);
    assert_ok(store_find_user(db, ada.email, &id, &err), &err);
    assert_ok(store_import_pages(db, id, drafts, 4, &added, &err), &err);
    assert_int_equal(added, 2);
    assert_int_equal(count(db, "select count(*) from pages"), 3);

    /* An author who does not exist is another failure: it ends the import, and undoes it. */
    assert_int_equal(store_import_pages(db, tn_uuid_random(), &orphan, 1, &added, &err),
                     TN_CONSTRAINT);
    assert_string_equal(err.sqlstate, "23503");
    assert_int_equal(added, 2);
    assert_int_equal(count(db, "select count(*) from pages"), 3);
}

static void publishing_is_done_once(void **state)
{
    tn_db *db = *state;
    tn_error err = TN_ERROR_INIT;
    struct page page;
    tn_time before = tn_time_now();

    assert_ok(store_register(db, &ada, 1, &err), &err);
    assert_ok(store_publish_page(db, "notes", &err), &err);
    assert_int_equal(store_publish_page(db, "notes", &err), TN_NOT_FOUND);
    assert_int_equal(store_publish_page(db, "nowhere", &err), TN_NOT_FOUND);

    assert_ok(store_get_page(db, "notes", &page, &err), &err);
    assert_true(page.published_at.has);
    assert_true(page.published_at.value.us >= before.us);
    store_page_free(&page);
}

static void lists_pages_in_order(void **state)
{
    tn_db *db = *state;
    tn_error err = TN_ERROR_INIT;
    const struct registration both[] = {ada, grace};
    struct page_line line;

    assert_ok(store_register(db, both, 2, &err), &err);
    tn_rows *rows = store_list_pages(db);
    assert_true(store_next_page(rows, &line));
    assert_string_equal(line.slug.ptr, "bugs");
    assert_string_equal(line.author.ptr, "Grace");
    assert_int_equal(line.blocks, 0);
    assert_true(store_next_page(rows, &line));
    assert_string_equal(line.slug.ptr, "notes");
    assert_string_equal(line.title.ptr, "Notes");
    assert_int_equal(line.blocks, 1);
    assert_false(line.published_at.has);
    assert_false(store_next_page(rows, &line));
    assert_ok(tn_close(rows, &err), &err);
}

static void removing_a_user_removes_what_is_theirs(void **state)
{
    tn_db *db = *state;
    tn_error err = TN_ERROR_INIT;
    bool removed = false;
    int64_t users;

    assert_ok(store_register(db, &ada, 1, &err), &err);
    assert_ok(store_remove_user(db, ada.email, &removed, &err), &err);
    assert_true(removed);
    assert_ok(store_remove_user(db, ada.email, &removed, &err), &err);
    assert_false(removed);
    assert_ok(store_count_users(db, &users, &err), &err);
    assert_int_equal(users, 0);
    assert_int_equal(count(db, "select count(*) from profiles"), 0);
    assert_int_equal(count(db, "select count(*) from pages"), 0);
}

static tn_status make_schema(tn_db *db, void *arg, tn_error *err)
{
    (void)arg;
    return schema_create(db, err);
}

/* A database of this case's own, by way of the driver that lets things go wrong. */
static tn_template *make_faulty(tn_fault **ret_fault)
{
    const char *url = getenv("TENON_TEST_URL");
    tn_testing_options options = TN_TESTING_OPTIONS_INIT;
    tn_error err = TN_ERROR_INIT;
    char scheme[32], faulty[1024];

    url = url ? url : "sqlite::memory:";
    snprintf(scheme, sizeof(scheme), "%.*s", (int)strcspn(url, ":"), url);
    snprintf(faulty, sizeof(faulty), "fault+%s", url);
    assert_ok(tn_fault_wrap(scheme, ret_fault, &err), &err);
    options.url = faulty;
    options.setup = make_schema;
    options.ahead = 0; /* one is all that is needed */
    tn_template *t = tn_testing_template(&options, &err);
    assert_ok(err.status, &err);
    return t;
}

static void a_connection_that_breaks_leaves_no_half_registration(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_fault *fault;
    (void)state;
    tn_template *t = make_faulty(&fault);
    tn_db *db = tn_testing_fresh(t, &err);
    assert_ok(err.status, &err);

    tn_fault_rule rule = TN_FAULT_RULE_INIT;
    rule.at = TN_FAULT_AT_EXECUTE;
    rule.sql = "into pages";
    rule.effect = TN_FAULT_LOST;
    assert_ok(tn_fault_add(fault, &rule, &err), &err);
    assert_int_equal(store_register(db, &ada, 1, &err), TN_LOST);
    assert_int_equal(err.outcome, TN_OUTCOME_NOT_APPLIED);
    assert_int_equal(count(db, "select count(*) from users"), 0);
    /* The pool has another connection: trying again is enough. */
    assert_ok(store_register(db, &ada, 1, &err), &err);
    assert_ok(tn_testing_end(db, &err), &err);
    assert_ok(tn_testing_free(t, &err), &err);
}

/* The schema once; what makes it is said by nothing but this program, so that it is its own. */
static int make_template(void **state)
{
    tn_testing_options options = TN_TESTING_OPTIONS_INIT;

    options.setup = make_schema;
    return tn_testing_group(state, &options);
}

#define case_of(test) \
    cmocka_unit_test_setup_teardown(test, tn_testing_setup_rollback, tn_testing_teardown)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        case_of(registers_user_profile_and_page),
        case_of(refuses_an_address_that_is_taken),
        case_of(a_failing_registration_leaves_nothing),
        case_of(an_import_skips_what_is_taken),
        case_of(publishing_is_done_once),
        case_of(lists_pages_in_order),
        case_of(removing_a_user_removes_what_is_theirs),
        cmocka_unit_test(a_connection_that_breaks_leaves_no_half_registration),
    };
    int failed;

    if (argc > 1 && strcmp(argv[1], "--postgresql") == 0) {
        scratch_schema_open(); /* for the program */
        setenv("TENON_TEST_URL", getenv("TENON_TEST_POSTGRES_URL"), 1);
    }
    failed = cmocka_run_group_tests_name("pages", tests, make_template, tn_testing_group_end);
    if (argc > 2)
        failed += scratch_run(argv[2]);
    return scratch_schema_close() && failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
