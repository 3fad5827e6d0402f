/* SPDX-License-Identifier: MIT */
/*
 * Batches: statements are collected with their arguments and run together, in one round trip where
 * the driver can (PostgreSQL: pipeline mode), else one after another. Answers are the same.
 *
 *   tn_batch_t *batch = tn_batch_new();
 *   size_t debit = tn_batch_add(batch, "update accounts set n = n - $2 where id = $1",
 *                               tn_args(from, amount), NULL);
 *   tn_batch_add(batch, "update accounts set n = n + $2 where id = $1", tn_args(to, amount), NULL);
 *   tn_batch_add(batch, "select n from accounts where id = $1", tn_args(to), tn_into(&balance));
 *   if (tn_batch_run(batch, db, NULL, &err) != TN_OK) ...
 *   if (tn_batch_affected(batch, debit) == 0) ...
 *   tn_batch_free(batch);
 *
 * Statements run in the order in which they were added. Each is prepared before the first is run:
 * none can use a table that one before it creates. BEGIN, COMMIT and their kin are refused
 * (TN_MISUSE, 25000): the batch has its transaction.
 *
 * Running it again runs the same statements again. Once it is warm (the same texts, arguments of
 * about the same size), adding and running allocates nothing a statement.
 *
 * Thread rule: one thread at a time. A batch belongs to no client; it may be run on any handle.
 */
#ifndef TENON_BATCH_H
#define TENON_BATCH_H

#include <stddef.h>
#include <stdint.h>

#include <tenon/args.h>
#include <tenon/db.h>
#include <tenon/error.h>
#include <tenon/export.h>
#include <tenon/isolation.h>
#include <tenon/rows.h>

/* The _t tells it from driver.h's tn_batch, which is rows. */
typedef struct tn_batch_t tn_batch_t;

/* What holds the statements together. */
typedef enum tn_batch_mode {
    /* On a client or session: one transaction around all, BEGIN and COMMIT in the same round trip;
     * all or nothing. On a transaction: the statements are part of it. */
    TN_BATCH_ATOMIC = 0,
    /* On a client or session: each is a transaction of its own; one that fails stops no other. On a
     * transaction: TN_MISUSE, 25001, but for one with call_savepoints, where each is a call. */
    TN_BATCH_INDEPENDENT
} tn_batch_mode;

/* Settings of one run. TN_BATCH_OPTIONS_INIT gives the defaults; fields are only added at the end.
 */
typedef struct tn_batch_options {
    size_t size;
    tn_batch_mode mode;
    int64_t timeout_ms; /* for the whole run, as in tn_call; 0: the handle's, -1: none */
    /* Of the transaction around all; on a transaction they must be the defaults (25001). */
    tn_isolation isolation;
    bool read_only;
} tn_batch_options;
/* clang-format off */
#define TN_BATCH_OPTIONS_INIT {sizeof(tn_batch_options), TN_BATCH_ATOMIC, 0, TN_ISOLATION_DEFAULT, false}
/* clang-format on */

TN_BEGIN_DECLS

/* An empty batch, freed with tn_batch_free(). NULL when there is no memory, which every function
 * below takes: running it says TN_NOMEM. */
TN_API TN_NODISCARD tn_batch_t *tn_batch_new(void);

/* NULL is fine. Rows of it that are still open stay readable until they are closed. */
TN_API void tn_batch_free(tn_batch_t *batch);

/*
 * Adds a statement and returns its index, 0 for the first. Text and arguments (NULL: none) are
 * copied, also what they point to. The variables of into are written when the batch runs, as by
 * tn_get(): the statement must give exactly one row. A tn_str and its kin, named by tn_targets()
 * instead of tn_into(), stay valid until the batch is run again, reset or freed. Without into, the
 * rows that it gives are kept for tn_batch_rows().
 *
 * What is wrong (no text, not UTF-8, no memory, more than 65535 arguments) comes out of
 * tn_batch_run(), which then runs nothing.
 */
TN_API size_t tn_batch_add(tn_batch_t *batch, const char *sql, const tn_arglist *args,
                           const tn_intolist *into);

/* How many were added. */
TN_API size_t tn_batch_count(const tn_batch_t *batch);

/* Forgets statements and answers, keeps the memory. Its rows are to be closed before. */
TN_API void tn_batch_reset(tn_batch_t *batch);

/*
 * Runs it. options may be NULL. On a client it takes one connection. TN_OK: every statement went
 * well and, where the batch has a transaction of its own, that is committed. Otherwise the error is
 * that of the first statement that failed, with its place in front ("batch, statement 2 of 5: "),
 * or of the whole: what ended the connection, the deadline, COMMIT.
 *
 * All together, the first failure ends it: those behind it are not run (TN_ABORTED), and what had
 * gone well is rolled back with a transaction of the batch's own; in an open transaction it is the
 * application that rolls back. COMMIT is judged as tn_commit() does: TN_OUTCOME_UNKNOWN, 08007,
 * when it was sent, no answer came, and the server could not be asked; where the deadline passes
 * while it is on its way, up to two seconds more are taken to find out. TN_LOST with the outcome
 * applied: the server says that it was committed, but answers of statements were lost.
 *
 * Reading an answer is no part of the transaction. COMMIT is on its way when the answers come, so a
 * statement whose answer cannot be taken (TN_NOT_FOUND, TN_TOO_MANY_ROWS, a target that does not
 * fit) went well, and so did those behind it: the batch is applied, as the error's outcome says.
 * Look at the outcome before such a batch is run again. Where a missing row is to undo the others,
 * let the statement fail by itself, or run the batch in a transaction of yours.
 *
 * Targets: those of statements that went well were written, whatever became of others. The rows
 * that are kept take at most DB_ROW_BUFFER bytes; a statement whose rows do not fit fails
 * (TN_LIMIT, 54000).
 */
TN_API TN_NODISCARD tn_status tn_batch_run(tn_batch_t *batch, tn_db *db,
                                           const tn_batch_options *options, tn_error *err);

/*
 * tn_batch_run() and tn_commit() of this transaction, in the same round trip. The handle is ended,
 * whatever this returns; when a statement fails, the transaction is rolled back. timeout_ms is the
 * only option that counts. On a savepoint: as the two calls.
 */
TN_API TN_NODISCARD tn_status tn_batch_commit(tn_batch_t *batch, tn_db *tx,
                                              const tn_batch_options *options, tn_error *err);

/* ---- what became of each, until the next run or reset ---------------------------------------- */

/* One statement: TN_OK when it ran and gave its answer. TN_ABORTED: it was not run, because of
 * another or because nothing was. err (may be NULL) is filled when it is not TN_OK. TN_MISUSE: no
 * such statement. */
TN_API tn_status tn_batch_status(const tn_batch_t *batch, size_t index, tn_error *err);

/* The first that failed of itself (not one that was not run); tn_batch_count() when none did. */
TN_API size_t tn_batch_failed(const tn_batch_t *batch);

/* Rows inserted, updated or deleted, as of tn_exec(); 0 for one that did not go well. */
TN_API int64_t tn_batch_affected(const tn_batch_t *batch, size_t index);

/* What became of its work: applied, not applied, in doubt; TN_OUTCOME_NONE where the end of the
 * transaction in which it ran decides. */
TN_API tn_outcome tn_batch_outcome(const tn_batch_t *batch, size_t index);

/* The rows of a statement that was added without into: never NULL, see rows.h; closed by the
 * caller before the batch is run again or reset (running answers TN_MISUSE, 24000). One that did
 * not go well gives its error. They may be had more than once, from the first row each time. */
TN_API TN_NODISCARD tn_rows *tn_batch_rows(tn_batch_t *batch, size_t index);

TN_END_DECLS

#endif
