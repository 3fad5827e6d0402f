/* SPDX-License-Identifier: MIT */
/* core/driver/adopt: each reason for which a module is refused, with its message. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <tenon/drivers.h>

#include "driver/adopt.h"
#include "support/mock_client.h"

static mock *m;

/* A good module with tables of its own, for each test to spoil. */
static struct {
    tn_module module;
    tn_conn_ops conn;
    tn_stmt_ops stmt;
    tn_cursor_ops cursor;
    tn_txn_ops txn;
    const char *schemes[20];
    tn_driver_option options[70];
} good;

static int group_setup(void **state)
{
    (void)state;
    m = mock_new("mock", MOCK_CAPABILITIES);
    return 0;
}

static int setup(void **state)
{
    (void)state;
    memset(&good, 0, sizeof(good));
    good.module = *mock_module(m);
    good.conn = *good.module.conn;
    good.stmt = *good.module.stmt;
    good.cursor = *good.module.cursor;
    good.txn = *good.module.txn;
    good.schemes[0] = "good";
    good.module.conn = &good.conn;
    good.module.stmt = &good.stmt;
    good.module.cursor = &good.cursor;
    good.module.txn = &good.txn;
    good.module.schemes = good.schemes;
    good.module.name = "good";
    return 0;
}

static tn__driver adopted(void)
{
    tn_error err = TN_ERROR_INIT;
    tn__driver driver;

    memset(&driver, 0x5a, sizeof(driver));
    if (tn__adopt(&good.module, "/a/good.so", &driver, &err) != TN_OK)
        fail_msg("refused: %s", err.message);
    return driver;
}

/* Refused as it stands, with the path and this in the message; *ret untouched. */
static void refused(const char *part)
{
    tn_error err = TN_ERROR_INIT;
    tn__driver driver, before;

    memset(&driver, 0x5a, sizeof(driver));
    before = driver;
    assert_status(tn__adopt(&good.module, "/a/good.so", &driver, &err), TN_DRIVER);
    assert_contains(err.message, "driver /a/good.so: ");
    assert_contains(err.message, part);
    assert_memory_equal(&driver, &before, sizeof(driver));
    assert_status(tn__adopt(&good.module, "/a/good.so", &driver, NULL), TN_DRIVER);
}

static void a_good_one_is_copied(void **state)
{
    tn__driver driver = adopted();

    (void)state;
    assert_string_equal(driver.name, "good");
    assert_string_equal(driver.version, "1.0.0");
    assert_string_equal(driver.path, "/a/good.so");
    assert_ptr_equal(driver.module, &good.module);
    assert_true(driver.conn.open == good.conn.open);
    assert_true(driver.txn.rollback_to == good.txn.rollback_to);
    assert_int_equal(driver.batch.size, 0);
    assert_int_equal(driver.catalog.size, 0);
    assert_true(driver.capabilities == MOCK_CAPABILITIES);
    assert_true(tn__driver_serves(&driver, tn_str_from("good")));
    assert_false(tn__driver_serves(&driver, tn_str_from("goo")));
    assert_false(tn__driver_serves(&driver, tn_str_from("goods")));
    assert_false(tn__driver_serves(&driver, tn_str_from("")));
}

/* ---- head
 * ------------------------------------------------------------------------------------------------
 */

static void the_head_is_checked(void **state)
{
    (void)state;
    good.module.magic ^= 1;
    refused("magic number");
    setup(NULL);
    good.module.abi_major = 2;
    refused("built for driver ABI 2.2, this library has 1.2; rebuild");
    setup(NULL);
    good.module.abi_major = 0;
    refused("built for driver ABI 0.2");
    setup(NULL);
    good.module.least_host_minor = TN_DRIVER_ABI_MINOR + 1;
    refused("needs driver ABI 1.3 or later");
}

static void the_descriptions_size_is_checked(void **state)
{
    const size_t least = offsetof(tn_module, batch);

    (void)state;
    for (uint32_t size = 0; size < least; size += 8) {
        good.module.size = size;
        refused("its description has");
    }
    good.module.size = sizeof(tn_module) + 8;
    refused("its description has");
    good.module.size = 4104;
    good.module.abi_minor = 7;
    refused("its description has");
}

/* A pointer that is only half there must not be followed. */
static void a_description_that_ends_within_a_pointer_is_refused(void **state)
{
    static const tn_batch_ops batch = {.size = sizeof(batch)};

    (void)state;
    good.module.batch = &batch;
    for (uint32_t odd = 1; odd < 8; odd++) {
        good.module.size = (uint32_t)offsetof(tn_module, batch) + odd;
        refused("its description has");
        good.module.size = (uint32_t)offsetof(tn_module, name) + odd;
        refused("its description has");
    }
}

static void an_older_one_without_the_optional_tables_is_fine(void **state)
{
    static const tn_batch_ops batch = {.size = 4000}; /* would be refused if it were read */

    (void)state;
    good.module.batch = &batch;
    good.module.size = offsetof(tn_module, batch);
    tn__driver driver = adopted();
    assert_int_equal(driver.batch.size, 0);
    assert_null(driver.client);
}

/* A later minor of the same major may have more behind what we know. */
static void a_newer_one_with_more_fields_is_fine(void **state)
{
    static struct {
        tn_module module;
        char more[64];
    } larger;

    (void)state;
    memset(&larger, 0x77, sizeof(larger));
    larger.module = good.module;
    larger.module.abi_minor = TN_DRIVER_ABI_MINOR + 1;
    larger.module.size = sizeof(larger);
    tn_error err = TN_ERROR_INIT;
    tn__driver driver;
    assert_ok(tn__adopt(&larger.module, "/a/newer.so", &driver, &err), err);
    assert_true(driver.conn.open == good.conn.open);
}

/* ---- words
 * -------------------------------------------------------------------------------------------------
 */

static void names_and_schemes_are_tokens(void **state)
{
    static const char *const bad[] = {"",
                                      "Good",
                                      "9a",
                                      "-a",
                                      "a b",
                                      "a_b",
                                      "a/b",
                                      "../a",
                                      "a\xc3\xa4",
                                      "a\n",
                                      "+a",
                                      ".a",
                                      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
    static const char *const fine[] = {"a", "a9", "a+b", "a.b-c",
                                       "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        setup(NULL);
        good.module.name = bad[i];
        refused("its name is not of the form");
        setup(NULL);
        good.schemes[0] = bad[i];
        refused("URL schemes is not of the form");
        setup(NULL);
        good.schemes[1] = bad[i];
        refused("URL schemes is not of the form");
    }
    for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++) {
        setup(NULL);
        good.module.name = good.schemes[0] = fine[i];
        adopted();
    }
    setup(NULL);
    good.module.name = NULL;
    refused("its name");
    setup(NULL);
    good.module.version = NULL;
    refused("its version");
    setup(NULL);
    good.module.version = "0123456789012345678901234567890123456789";
    refused("its version");
}

static void lists_are_bounded(void **state)
{
    (void)state;
    good.module.schemes = NULL;
    refused("no URL scheme");
    setup(NULL);
    good.schemes[0] = NULL;
    refused("no URL scheme");
    setup(NULL);
    for (int i = 0; i < 16; i++)
        good.schemes[i] = "good";
    adopted();
    good.schemes[16] = "good";
    refused("more than 16 URL schemes");
    setup(NULL);
    good.module.options = good.options;
    for (int i = 0; i < 64; i++)
        good.options[i].name = "option";
    tn__driver driver = adopted();
    assert_ptr_equal(driver.options, good.options);
    good.options[64].name = "option";
    refused("more than 64 rows");
}

/* ---- tables
 * --------------------------------------------------------------------------------------------------
 */

struct table {
    const char *name;
    void *ops;
    size_t size;
    const char *slots[12]; /* required, in order; NULL ends */
};

static struct table tables[] = {
    {"conn",
     &good.conn,
     sizeof(good.conn),
     {"open_source", "close_source", "open", "close", "ping", "cancel", "reset", "state", "info"}},
    {"stmt", &good.stmt, sizeof(good.stmt), {"prepare", "describe", "close"}},
    {"cursor", &good.cursor, sizeof(good.cursor), {"execute", "fetch", "detach", "close"}},
    {"txn", &good.txn, sizeof(good.txn), {"begin"}},
};

static void each_missing_operation_is_named(void **state)
{
    unsigned checked = 0;

    (void)state;
    for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++)
        for (size_t i = 0; tables[t].slots[i]; i++) {
            char message[96];
            setup(NULL);
            memset((char *)tables[t].ops + sizeof(size_t) + i * sizeof(void *), 0, sizeof(void *));
            snprintf(message, sizeof(message), "required operation %s.%s is missing",
                     tables[t].name, tables[t].slots[i]);
            refused(message);
            checked++;
        }
    assert_int_equal(checked, 9 + 3 + 4 + 1);
    setup(NULL);
    good.module.conn = NULL;
    refused("conn.open_source is missing");
    setup(NULL);
    good.module.txn = NULL;
    refused("txn.begin is missing");
}

static void sizes_of_tables_are_checked(void **state)
{
    static const size_t bad[] = {0, 1, 7, 8, 15, 17, 41, 4097, 4104, SIZE_MAX, SIZE_MAX - 7};

    (void)state;
    for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++)
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
            char message[64];
            setup(NULL);
            memcpy(tables[t].ops, &bad[i], sizeof(bad[i]));
            snprintf(message, sizeof(message), "table %s says it has %zu bytes, expected %zu",
                     tables[t].name, bad[i], tables[t].size);
            refused(message);
        }
}

/* Each size from one slot to all: what the module does not have is missing, not garbage. */
static void a_shorter_table_has_no_later_slots(void **state)
{
    (void)state;
    for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++)
        for (size_t size = 16; size < tables[t].size; size += 8) {
            if ((t == 0 && size == offsetof(tn_conn_ops, alive)) ||
                (t == 1 && size == offsetof(tn_stmt_ops, prepare_all)) ||
                (t == 3 && size == offsetof(tn_txn_ops, identify)))
                break; /* all of minor 0 */
            tn_error err = TN_ERROR_INIT;
            tn__driver driver;
            setup(NULL);
            memcpy(tables[t].ops, &size, sizeof(size));
            size_t first_missing = (size - sizeof(size_t)) / sizeof(void *);
            tn_status status = tn__adopt(&good.module, "/a/good.so", &driver, &err);
            if (t < 3) {
                assert_status(status, TN_DRIVER);
                assert_contains(err.message, tables[t].slots[first_missing]);
            } else {
                assert_status(status, TN_DRIVER); /* without commit, rollback or savepoints */
                assert_contains(err.message, "txn.");
            }
        }
    setup(NULL);
    good.module.capabilities &= ~TN_CAP_SAVEPOINTS;
    good.txn.size = offsetof(tn_txn_ops, savepoint);
    tn__driver driver = adopted();
    assert_null(driver.txn.savepoint);
    assert_null(driver.txn.rollback_to);
    assert_non_null(driver.txn.rollback);
    assert_int_equal(driver.txn.size, sizeof(tn_txn_ops));

    setup(NULL);
    good.txn.size = offsetof(tn_txn_ops, identify);
    driver = adopted();
    assert_null(driver.txn.identify);
    assert_non_null(driver.txn.rollback_to);
}

/* A table of a later minor: what we do not know is not copied. */
static void a_longer_table_is_cut(void **state)
{
    static struct {
        tn_stmt_ops ops;
        char more[120];
    } larger;

    (void)state;
    memset(&larger, 0x77, sizeof(larger));
    larger.ops = good.stmt;
    larger.ops.size = sizeof(larger);
    good.module.stmt = &larger.ops;
    tn__driver driver = adopted();
    assert_int_equal(driver.stmt.size, sizeof(tn_stmt_ops));
    assert_true(driver.stmt.close == good.stmt.close);
    assert_true(driver.cursor.execute == good.cursor.execute);
}

static void operations_that_belong_together_come_together(void **state)
{
    static const tn_batch_ops batch = {.size = sizeof(batch)};
    static const tn_bulk_ops bulk = {.size = sizeof(bulk)};
    static const tn_notify_ops notify = {.size = sizeof(notify)};
    static const tn_catalog_ops catalog = {.size = sizeof(catalog)};

    (void)state;
    good.txn.commit = NULL;
    refused("txn.begin without txn.commit");
    setup(NULL);
    good.txn.rollback = NULL;
    refused("txn.begin without txn.rollback");
    setup(NULL);
    good.txn.savepoint = NULL;
    refused("txn.savepoint is missing");
    setup(NULL);
    good.txn.release = NULL;
    refused("txn.savepoint without");
    setup(NULL);
    good.txn.rollback_to = NULL;
    refused("txn.savepoint without");
    setup(NULL);
    good.module.batch = &batch;
    refused("batch.run");
    setup(NULL);
    good.module.bulk = &bulk;
    refused("bulk needs");
    setup(NULL);
    good.module.notify = &notify;
    refused("notify needs");
    /* As it was in ABI 1.1, when listen() took one channel and nobody called it. */
    tn_notify_ops old = {.size = offsetof(tn_notify_ops, probe)};
    memset((char *)&old + sizeof(old.size), 1, old.size - sizeof(old.size));
    setup(NULL);
    good.module.notify = &old;
    refused("notify needs");
    setup(NULL);
    good.module.catalog = &catalog; /* each of its operations is optional by itself */
    tn__driver driver = adopted();
    assert_int_equal(driver.catalog.size, sizeof(catalog));
}

/* ---- registration
 * ---------------------------------------------------------------------------------------------- */

static void registering(void **state)
{
    static tn_module rival, bad;
    static const char *const schemes[] = {"free", "mock", NULL};
    tn_error err = TN_ERROR_INIT;

    (void)state;
    assert_status(tn_driver_register(NULL, &err), TN_MISUSE);
    assert_ok(tn_driver_register(mock_module(m), &err), err); /* the same twice is fine */
    rival = *mock_module(m);
    rival.schemes = schemes;
    assert_status(tn_driver_register(&rival, &err), TN_MISUSE);
    assert_contains(err.message, "scheme \"mock\" is taken");
    assert_status(tn_driver_inspect("free", NULL, NULL, &err), TN_DRIVER);
    bad = *mock_module(m);
    bad.magic = 0;
    assert_status(tn_driver_register(&bad, &err), TN_DRIVER);
    assert_contains(err.message, "(built in)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup(name, setup)
        TEST(a_good_one_is_copied),
        TEST(the_head_is_checked),
        TEST(the_descriptions_size_is_checked),
        TEST(a_description_that_ends_within_a_pointer_is_refused),
        TEST(an_older_one_without_the_optional_tables_is_fine),
        TEST(a_newer_one_with_more_fields_is_fine),
        TEST(names_and_schemes_are_tokens),
        TEST(lists_are_bounded),
        TEST(each_missing_operation_is_named),
        TEST(sizes_of_tables_are_checked),
        TEST(a_shorter_table_has_no_later_slots),
        TEST(a_longer_table_is_cut),
        TEST(operations_that_belong_together_come_together),
        TEST(registering),
    };

    return cmocka_run_group_tests(tests, group_setup, NULL);
}
