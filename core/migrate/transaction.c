/* SPDX-License-Identifier: MIT */
/* A database's statements and transactions. */
#include <stdlib.h>
#include <string.h>

#include <tenon/batch.h>
#include <tenon/query.h>
#include <tenon/txn.h>

#include "migrate/database.h"

tn_status tn__database_run(tn__database *database, tn_str sql, tn_error *err)
{
    char *text = strndup(sql.ptr, sql.len);

    if (!text)
        return tn_error_set(err, TN_NOMEM, NULL, "out of memory");
    tn_status status = tn_exec(database->at, text, NULL, NULL, err);
    free(text);
    return status;
}

/* As a text SAVEPOINT and its kin in the file are understood; as a handle's, a COMMIT whose answer
 * is lost is asked about. SQLite's has to be IMMEDIATE, which only the text says. */
tn_status tn__database_begin(tn__database *database, tn_error *err)
{
    tn_db *tx = NULL;
    tn_status status;

    if (database->dialect == TN__SQLITE)
        return tn_exec(database->at, "begin immediate", NULL, NULL, err);
    if (database->plain) {
        status = tn_exec(database->at, "begin", NULL, NULL, err);
    } else {
        status = tn_begin(database->session, NULL, &tx, err);
        if (status == TN_OK) {
            tn_set_timeout(tx, -1);
            database->at = tx;
        }
    }
    if (status != TN_OK || !database->pooled)
        return status;
    status = tn__database_set_all(database, true, err);
    if (status != TN_OK)
        tn__database_rollback(database);
    return status;
}

/* The handle of the transaction, which is given up here; NULL: it was begun as a text. */
static tn_db *take_transaction(tn__database *database)
{
    tn_db *tx = database->at != database->session ? database->at : NULL;

    database->at = database->session;
    return tx;
}

tn_status tn__database_commit(tn__database *database, tn_error *err)
{
    tn_db *tx = take_transaction(database);

    return tx ? tn_commit(tx, err) : tn_exec(database->at, "commit", NULL, NULL, err);
}

static tn_status finish_as_text(tn__database *database, const tn__statement *statements,
                                size_t count, tn_error *err)
{
    tn_status status = TN_OK;

    for (size_t i = 0; status == TN_OK && i < count; i++)
        status = tn_exec(database->at, statements[i].sql, statements[i].args, NULL, err);
    if (status == TN_OK)
        return tn__database_commit(database, err);
    tn__database_rollback(database);
    return status;
}

/* The place in the batch is nothing that a reader knows of. */
static tn_status run_batch(tn_batch_t *batch, tn_db *tx, tn_error *err)
{
    tn_batch_options options = TN_BATCH_OPTIONS_INIT;

    options.timeout_ms = -1;
    tn_status status = tn_batch_commit(batch, tx, &options, err);
    size_t failed = tn_batch_failed(batch);
    if (status == TN_OK || !err || failed == tn_batch_count(batch))
        return status;
    tn_outcome outcome = err->outcome;
    status = tn_batch_status(batch, failed, err);
    err->outcome = outcome;
    return status;
}

tn_status tn__database_finish(tn__database *database, const tn__statement *statements, size_t count,
                              tn_error *err)
{
    if (database->at == database->session)
        return finish_as_text(database, statements, count, err);
    tn_batch_t *batch = tn_batch_new();
    for (size_t i = 0; i < count; i++)
        tn_batch_add(batch, statements[i].sql, statements[i].args, NULL);
    tn_status status = run_batch(batch, take_transaction(database), err);
    tn_batch_free(batch);
    return status;
}

void tn__database_rollback(tn__database *database)
{
    tn_db *tx = take_transaction(database);
    tn_status status = tx ? tn_rollback(tx, NULL)
                          : tn_exec(database->at, "rollback", NULL, NULL, NULL);

    (void)status; /* a connection that is gone has rolled back */
}
