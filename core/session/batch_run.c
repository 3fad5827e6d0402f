/* SPDX-License-Identifier: MIT */
/* Running a batch: in what is open on a handle, each statement for itself, or in a transaction of
 * its own. */
#include "session/batch_pass.h"

#include <stdlib.h>
#include <string.h>

#include "base/lexer.h"
#include "base/relaxed.h"
#include "base/str.h"
#include "session/guard.h"
#include "session/transaction.h"

static tn_status run_once(tn__pass *p, tn_error *err)
{
    const tn__driver *driver = p->conn->driver;
    const tn_batch_work work = tn__pass_work(p);

    tn_status status = driver->batch.size
                           ? driver->batch.run(p->conn->drv, &work, p->deadline_ns, err)
                           : tn__batch_serial(p->conn, &work, p->deadline_ns, err);
    if (status != TN_OK) {
        tn__pass_judge(p, err);
        return err->status;
    }
    tn__watch_drop(&p->watch);
    return TN_OK;
}

/* ---- once more ------------------------------------------------------------------------------- */

void tn__batch_forget(tn__batch_item *item)
{
    if (item->owns)
        tn__batch_untake(item);
    item->state = TN__BATCH_UNTOLD;
    item->outcome = TN_OUTCOME_NOT_APPLIED;
    item->stale = false;
    item->status = TN_OK;
    item->affected = item->counted = 0;
    item->rows = 0;
    item->tag = NULL;
    item->first = item->last = NULL;
    item->error = NULL;
}

/* Where they hang together and an argument did not fit, that one and those behind it were not run:
 * they are the rest. */
static bool run_rest(tn__pass *p)
{
    tn_batch_t *batch = p->batch;
    size_t at = p->told - 1;

    if (!p->stopped || !p->told || !tn__pass_item(p, at)->stale || p->bound > at ||
        tn__conn_state(p->conn) != TN_CONN_IN_TXN)
        return false;
    tn__batch_forget(tn__pass_item(p, at));
    batch->n_order -= at;
    memmove(batch->order, batch->order + at, batch->n_order * sizeof(*batch->order));
    return true;
}

/* A SELECT may call what writes, but in which order two of them do is nobody's concern. */
static bool is_query(const tn__cached *stmt)
{
    static const char *const words[] = {"select", "values", "table"};
    tn__lexer lexer;

    if (stmt->info.flags & TN_STMT_READ_ONLY)
        return true;
    tn__lexer_init(&lexer, tn__str(stmt->text, stmt->len));
    tn__tok first = tn__lexer_skip(&lexer);
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (tn__str_iequal(first.text, tn_str_from(words[i])))
            return true;
    return false;
}

/* Where each is for itself, others have run since: that makes no difference if all of them are
 * queries. */
static bool run_stale(tn__pass *p)
{
    tn_batch_t *batch = p->batch;
    size_t kept = 0;

    for (size_t i = 0; i < batch->n_order; i++) {
        tn__batch_item *item = tn__pass_item(p, i);
        if (!item->stale && !kept)
            continue;
        if (!is_query(tn__pass_text(p, item)->stmt))
            return false;
        kept++;
    }
    size_t n = batch->n_order;
    batch->n_order = 0;
    for (size_t i = 0; i < n; i++) {
        tn__batch_item *item = &batch->items[batch->order[i]];
        if (!item->stale)
            continue;
        tn__batch_forget(item);
        batch->order[batch->n_order++] = batch->order[i];
    }
    return batch->n_order > 0;
}

static bool once_more(tn__pass *p, int attempt)
{
    if (attempt == TN__BATCH_ATTEMPTS)
        return false;
    return p->flags & TN_BATCH_EACH ? run_stale(p) : run_rest(p);
}

tn_status tn__pass_run(tn__pass *p, tn_error *err)
{
    for (int attempt = 1;; attempt++) {
        p->asked = p->bound = p->told = 0;
        p->stopped = false;
        p->why = TN_OK;
        tn_status status = tn__pass_prepare(p, err);
        if (status == TN_OK && !p->stopped && p->batch->n_order)
            status = run_once(p, err);
        bool again = status == TN_OK && once_more(p, attempt);
        if (again && p->single)
            status = tn__guard_begin(p->db, p->deadline_ns, err);
        tn__pass_release(p);
        if (!again || status != TN_OK)
            return status;
    }
}

/* Each for itself within a transaction whose calls are guarded. */
static tn_status run_guarded(tn__pass *p, tn_error *err)
{
    tn_status status = TN_OK;

    p->single = true;
    for (size_t i = 0; i < p->batch->count && status == TN_OK; i++) {
        p->batch->order[0] = (uint32_t)i;
        p->batch->n_order = 1;
        status = tn__guard_begin(p->db, p->deadline_ns, err);
        if (status != TN_OK)
            return status;
        status = tn__pass_run(p, err);
        if (p->batch->items[i].state == TN__BATCH_FAILED)
            tn__txn_note(p->db, TN_FAILED);
    }
    return status;
}

/* ---- from outside ---------------------------------------------------------------------------- */

static bool has_room(tn_batch_t *batch)
{
    if (batch->count <= batch->order_capacity)
        return true;
    uint32_t *order = realloc(batch->order, batch->capacity * sizeof(*order));
    if (order)
        batch->order = order;
    tn_driver_stmt **stmts = realloc(batch->stmts, batch->capacity * sizeof(tn_driver_stmt *));
    if (stmts)
        batch->stmts = stmts;
    if (!order || !stmts)
        return false;
    batch->order_capacity = batch->capacity;
    return true;
}

void tn__batch_start_over(tn_batch_t *batch, const tn_db *db)
{
    for (size_t i = 0; i < batch->n_texts; i++) {
        batch->texts[i].keeps = false;
        batch->texts[i].columns = NULL;
        batch->texts[i].n_columns = 0;
    }
    for (size_t i = 0; i < batch->count; i++) {
        tn__batch_item *item = &batch->items[i];
        item->state = TN__BATCH_UNTOLD; /* what targets own is the caller's */
        tn__batch_forget(item);
        batch->texts[item->text].keeps |= item->keeps;
        batch->order[i] = (uint32_t)i;
    }
    batch->n_order = batch->count;
    batch->last = NULL;
    tn__arena_reset(&batch->notes);
    tn__arena_reset(&batch->kept);
    batch->kept.limit = tn__relaxed(&db->provider->row_buffer);
    batch->outcome = TN_OUTCOME_NOT_APPLIED;
    batch->independent = false;
    batch->ran = true;
}

static tn_status check(tn_batch_t *batch, const tn_db *db, tn_error *err)
{
    if (!batch)
        return tn_error_set(err, TN_NOMEM, NULL, "out of memory");
    if (batch->open_rows)
        return tn_error_set(err, TN_MISUSE, "24000", "rows of the batch are still open");
    batch->ran = false;
    if (batch->broken.status != TN_OK) {
        *err = batch->broken;
        return err->status;
    }
    tn_status status = tn__db_check(db, err);
    if (status == TN_OK)
        status = tn__txn_check(db, err);
    if (status == TN_OK && !has_room(batch))
        status = tn_error_set(err, TN_NOMEM, NULL, "out of memory");
    if (status == TN_OK)
        tn__batch_start_over(batch, db);
    return status;
}

/* One that did not run well comes before what ended the whole, and that before an answer that could
 * not be taken. */
static tn_status conclude(const tn_batch_t *batch, tn_status status, tn_error *err)
{
    size_t failed = tn_batch_failed(batch), at = failed;

    while (at < batch->count && batch->items[at].state != TN__BATCH_FAILED)
        at++;
    if (at == batch->count && status == TN_OK)
        at = failed;
    if (at == batch->count)
        return status;
    status = tn_batch_status(batch, at, err);
    err->outcome = tn_batch_outcome(batch, at);
    tn__batch_place(batch, at, err);
    return status;
}

/* In what is open on the handle, or each for itself. */
static tn_status run_here(tn_batch_t *batch, tn_db *db, uint32_t flags, int64_t timeout_ms,
                          tn_error *err)
{
    tn__provider *provider = db->provider;
    tn_status status = tn__db_enter(db, err);
    tn__pass p = {.batch = batch, .db = db, .conn = db->conn, .flags = flags};

    if (status != TN_OK)
        return status;
    p.deadline_ns = tn__db_deadline(db, timeout_ms);
    if (db->kind == TN__DB_CLIENT)
        status = provider->acquire(provider, p.deadline_ns, &p.conn, err);
    else
        status = tn__guard_free_wire(db, p.conn, p.deadline_ns, err);
    if (status == TN_OK) {
        batch->independent = flags & TN_BATCH_EACH;
        batch->outcome = TN_OUTCOME_NONE;
        tn__host_begin(&p.conn->host);
        status = db->call_savepoints ? run_guarded(&p, err) : tn__pass_run(&p, err);
        tn__txn_note(db, p.stopped ? TN_FAILED : status);
        tn__host_end(&p.conn->host);
        if (db->kind == TN__DB_CLIENT)
            provider->release(provider, p.conn);
    }
    tn__db_leave(db);
    return status;
}

/* ---- public ---------------------------------------------------------------------------------- */

static const tn_batch_options defaults = TN_BATCH_OPTIONS_INIT;

static tn_status check_options(const tn_db *db, const tn_batch_options *options, bool inside,
                               tn_error *err)
{
    if ((unsigned)options->mode > TN_BATCH_INDEPENDENT)
        return tn_error_set(err, TN_MISUSE, NULL, "tn_batch_run: the mode is none");
    (void)db;
    if (inside && (options->mode == TN_BATCH_INDEPENDENT || options->read_only ||
                   options->isolation != TN_ISOLATION_DEFAULT))
        return tn_error_set(err, TN_MISUSE, "25001",
                            "tn_batch_run: a transaction is open; the statements are part of it, "
                            "and its settings hold");
    return TN_OK;
}

static tn_status run(tn_batch_t *batch, tn_db *db, const tn_batch_options *options, tn_error *err)
{
    tn_status status = check(batch, db, err);
    if (status != TN_OK)
        return status;
    bool inside = db->kind == TN__DB_TXN ? !db->call_savepoints
                                         : (db->kind == TN__DB_SESSION && !db->conn->attached &&
                                            tn__conn_state(db->conn) != TN_CONN_IDLE);
    status = check_options(db, options, inside, err);
    if (status != TN_OK || !batch->count)
        return status;
    if (inside)
        status = run_here(batch, db, 0, options->timeout_ms, err);
    else if (options->mode == TN_BATCH_INDEPENDENT)
        status = run_here(batch, db, TN_BATCH_EACH, options->timeout_ms, err);
    else
        status = tn__batch_run_alone(batch, db, options, err);
    return conclude(batch, status, err);
}

tn_status tn_batch_run(tn_batch_t *batch, tn_db *db, const tn_batch_options *options, tn_error *err)
{
    tn_error local;

    local.status = TN_OK;
    return run(batch, db, options ? options : &defaults, err ? err : &local);
}

tn_status tn_batch_commit(tn_batch_t *batch, tn_db *tx, const tn_batch_options *options,
                          tn_error *err)
{
    tn_error local;
    bool stale;

    local.status = TN_OK;
    err = err ? err : &local;
    if (!tx || tx->magic != TN__DB_MAGIC || tx->kind != TN__DB_TXN)
        return tn_error_set(err, TN_MISUSE, NULL,
                            "tn_batch_commit: the handle is not a transaction");
    tn_status status = check(batch, tx, err);
    if (status != TN_OK) {
        (void)tn_rollback(tx, NULL);
        return status;
    }
    if (!batch->count)
        return tn_commit(tx, err);
    status = tn__batch_commit_with(batch, tx, options ? options->timeout_ms : 0, &stale, err);
    return conclude(batch, status, err);
}
