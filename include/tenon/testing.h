/* SPDX-License-Identifier: MIT */
/*
 * Hermetic tests: each on a database of its own, or in a transaction that is rolled back, by the
 * same calls on every driver. This is libtenon-testing, a library beside libtenon (pkg-config
 * tenon-testing, CMake tenon::testing); <tenon/tenon.h> does not include it.
 *
 *   static const tn_testing_options options = {.size = sizeof(options), .directory = "schema"};
 *   tn_template *t = tn_testing_template(&options, &err);   // once: the schema, made or found
 *   tn_db *db = tn_testing_fresh(t, &err);                  // a copy of it for one test
 *   ...
 *   tn_testing_end(db, &err);                               // and gone
 *   tn_testing_free(t, &err);
 *
 * PostgreSQL: the template is a database beside the one that the URL names; its name holds the hash
 * of what makes it, so that test programs which run at the same time, and the next run, find it
 * ready. Copies are made by CREATE DATABASE ... TEMPLATE, some of them ahead on a thread. What a
 * crashed run has left is dropped by the next one. The role needs CREATEDB, and the URL must lead
 * to the server itself, not to a pooler. SQLite: the template is a file without a name, and copies
 * are databases in memory.
 *
 * With cmocka (which this library does not need): tn_testing_group() and what follows it below are
 * setup and teardown functions.
 *
 * Thread rule: a template is used by any thread; a handle as db.h says.
 */
#ifndef TENON_TESTING_H
#define TENON_TESTING_H

#include <stddef.h>

#include <tenon/config.h>
#include <tenon/db.h>
#include <tenon/error.h>
#include <tenon/export.h>

typedef struct tn_template tn_template;

/* What the template is made of: script, directory and setup, in this order, as far as they are
 * given. TN_TESTING_OPTIONS_INIT gives the defaults; fields are only added at the end. Texts are
 * borrowed until tn_testing_template() returns. */
typedef struct tn_testing_options {
    size_t size;
    const char *url;       /* NULL: TENON_TEST_URL of the environment, without it sqlite::memory: */
    const char *script;    /* SQL text; NULL: none */
    const char *directory; /* its *.sql files but for *.down.sql, by name; NULL: none */
    /* Does the rest, on a client of the new database. It is not part of the hash: */
    tn_status (*setup)(tn_db *db, void *arg, tn_error *err);
    void *arg; /* for both functions */
    /* says what setup makes, for instance a version. With setup and without key the template is
     * this one's alone and dropped with it. */
    const char *key;
    /* Changes the configuration of each client that is opened; NULL: 10 connections at most, none
     * kept warm. */
    tn_status (*configure)(tn_config *config, void *arg, tn_error *err);
    unsigned ahead; /* copies that are kept ready where making one takes long; 0: none */
} tn_testing_options;
/* clang-format off */
#define TN_TESTING_OPTIONS_INIT {sizeof(tn_testing_options), NULL, NULL, NULL, NULL, NULL, NULL, NULL, 2}
/* clang-format on */

TN_BEGIN_DECLS

/*
 * Makes the template, or finds the one that another process has made; processes that come at once
 * wait for one another. NULL with the cause: what setup or a statement of a script answered, with
 * the file's name and line; TN_UNSUPPORTED for a driver that is neither of the two above; errors as
 * of tn_open(). Ended with tn_testing_free().
 */
TN_API TN_NODISCARD tn_template *tn_testing_template(const tn_testing_options *options,
                                                     tn_error *err);

/* A database of its own, as the template is, and a client of it. NULL: the cause. Ended with
 * tn_testing_end(), not with tn_db_close(). */
TN_API TN_NODISCARD tn_db *tn_testing_fresh(tn_template *t, tn_error *err);

/*
 * A transaction on a copy that all calls of this function share: the test's own transactions are
 * savepoints in it, and nothing of it stays. A call that fails on this handle is undone by itself
 * and the handle goes on, as on a client: a savepoint stands before each call
 * (tn_txn_options.call_savepoints). On PostgreSQL that is one round trip more a call, as much again
 * as a small statement takes.
 *
 * Faster, and not the same; where that matters, use tn_testing_fresh().
 *
 * Constraints that are deferred to COMMIT are not checked, now() stands still, locks are held until
 * the end, sequences go on counting, and isolation, read_only and deferrable are refused
 * (TN_MISUSE, 25001). There is one connection, and nobody else sees what was done on it:
 * tn_acquire() and all that wants a client (tn_listen(), tn_migrate_deploy() and their like) are
 * refused with TN_MISUSE, while a transaction of the test's is open so are calls on this handle,
 * and it belongs to one thread at a time. The statements of a batch with TN_BATCH_INDEPENDENT go
 * one by one. Rows that are closed early are read on for a second before they are cut off. Ended
 * with tn_testing_end().
 */
TN_API TN_NODISCARD tn_db *tn_testing_rollback(tn_template *t, tn_error *err);

/*
 * Ends one of either kind: drops the database, or rolls back. NULL is fine. TN_MISUSE when the test
 * left sessions, transactions or rows open in its own database, with a report of who holds them;
 * the database goes all the same.
 */
TN_API tn_status tn_testing_end(tn_db *db, tn_error *err);

/* Ends those that are left, and the template; one that others may find stays on the server. NULL is
 * fine. The error is the first one, and nothing is left undone for it. */
TN_API tn_status tn_testing_free(tn_template *t, tn_error *err);

/* ---- for cmocka: 0, or -1 with the error on stderr ------------------------------------------- */

/* In a group's setup: *state gets the template. options may be NULL. Its teardown is
 * tn_testing_group_end(). */
TN_API int tn_testing_group(void **state, const tn_testing_options *options);
TN_API int tn_testing_group_end(void **state);

/* A test's setup: *state is the template and becomes a tn_db *. The teardown of both is
 * tn_testing_teardown(). */
TN_API int tn_testing_setup_fresh(void **state);
TN_API int tn_testing_setup_rollback(void **state);
TN_API int tn_testing_teardown(void **state);

TN_END_DECLS

#endif
