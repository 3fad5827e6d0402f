/* SPDX-License-Identifier: MIT */
/*
 * While a batch runs: the parameters that the driver asks for, the answers that it hands over. What
 * cannot be known while all is under way is judged afterwards: what became of those statements of
 * which nobody heard.
 */
#include "session/batch_pass.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "session/bind.h"
#include "session/query.h"
#include "session/transaction.h"

enum { COMMIT_GRACE_MS = 2000 };

/* ---- what is told of each -------------------------------------------------------------------- */

static void watch_next(tn__pass *p)
{
    if (p->told >= p->batch->n_order || p->stopped)
        return;
    const tn__batch_text *text = tn__pass_text(p, tn__pass_item(p, p->told));
    p->watch = (tn__watch){.settings = NULL};
    tn__watch_begin(&p->watch, &p->db->provider->observe, p->conn, tn__str(text->sql, text->len));
}

/* The parameters are gone by the time when the log wants them. */
TN__SELDOM static void log_args(tn__pass *p, const tn__batch_item *item)
{
    tn_batch_t *batch = p->batch;
    const tn_stmt_info *info = &tn__pass_text(p, item)->stmt->info;
    const tn_arglist args = {item->args, item->n_args};

    tn__arena_reset(&batch->log);
    tn_value *values = tn__arena_array(&batch->log, info->n_params + 1, sizeof(*values));
    if (values && tn__bind(&args, info->params, info->n_params, &batch->log, values, NULL) == TN_OK)
        tn__watch_describe_args(&p->watch, info, values);
}

static void watch_end(tn__pass *p, const tn__batch_item *item, const tn_error *err)
{
    if (TN_UNLIKELY(p->watch.logged) && tn__pass_text(p, item)->stmt)
        log_args(p, item);
    tn__watch_end(&p->watch, p->conn, err);
}

/* ---- what the driver asks and tells ---------------------------------------------------------- */

/* All up to index are told of. Those behind it that could not be bound have their turn now. */
static void advance(tn__pass *p, size_t index)
{
    p->told = index + 1;
    watch_next(p);
    while (p->told < p->asked) {
        const tn__batch_item *item = tn__pass_item(p, p->told);
        if (item->state != TN__BATCH_FAILED)
            return;
        watch_end(p, item, item->error);
        p->told++;
        watch_next(p);
    }
}

/* Where they hang together nothing behind it runs. */
void tn__pass_note_failure(tn__pass *p, tn__batch_item *item, tn_status status, const tn_error *err)
{
    item->state = TN__BATCH_FAILED;
    item->outcome = TN_OUTCOME_NOT_APPLIED;
    tn__batch_note(p->batch, item, status, err);
}

static void failed(tn__pass *p, size_t index, const tn_error *err)
{
    tn__batch_item *item = tn__pass_item(p, index);

    watch_end(p, item, item->error ? item->error : err);
    p->stopped = p->stopped || !(p->flags & TN_BATCH_EACH);
    advance(p, index);
}

static tn_value *room_for_params(tn__conn *conn, size_t n)
{
    if (n <= conn->params_capacity)
        return conn->params;
    tn_value *grown = realloc(conn->params, n * 2 * sizeof(*grown));
    if (!grown)
        return NULL;
    conn->params = grown;
    conn->params_capacity = n * 2;
    return grown;
}

/* An argument that does not fit may fit the statement as it would be prepared now. */
TN__SELDOM static tn_status bind_failed(tn__pass *p, size_t index, tn_status status)
{
    tn__batch_item *item = tn__pass_item(p, index);
    tn__batch_text *text = tn__pass_text(p, item);

    item->stale = text->anew = status == TN_DATA && text->old;
    tn__pass_note_failure(p, item, status, &p->batch->error);
    p->asked = index + 1;
    if (p->told == index)
        failed(p, index, &p->batch->error);
    p->stopped = p->stopped || !(p->flags & TN_BATCH_EACH);
    return status;
}

static tn_status bind(void *arg, size_t index, const tn_value **ret, size_t *ret_count)
{
    tn__pass *p = arg;
    const tn__batch_item *item = tn__pass_item(p, index);
    const tn_stmt_info *info = &tn__pass_text(p, item)->stmt->info;
    const tn_arglist args = {item->args, item->n_args};

    tn__arena_reset(&p->conn->bind_arena);
    tn_value *params = room_for_params(p->conn, info->n_params);
    tn_status status = params || !info->n_params
                           ? tn__bind(&args, info->params, info->n_params, &p->conn->bind_arena,
                                      params, &p->batch->error)
                           : tn_error_set(&p->batch->error, TN_NOMEM, NULL, "out of memory");
    if (TN_UNLIKELY(status != TN_OK))
        return bind_failed(p, index, status);
    p->asked = p->bound = index + 1;
    *ret = params;
    *ret_count = info->n_params;
    return TN_OK;
}

static void ended(tn__pass *p, size_t index, const tn_stmt_info *info, const tn_batch *rows)
{
    tn_batch_t *batch = p->batch;
    tn__batch_item *item = tn__pass_item(p, index);

    item->state = TN__BATCH_DONE;
    item->counted = rows->affected;
    bool selects = (info->flags & TN_STMT_ROWS) && rows->tag && rows->tag[0] == 'S';
    if (!selects)
        item->affected = tn__affected_by(rows, info->flags & TN_STMT_ROWS);
    if (item->keeps && rows->tag)
        item->tag = tn__arena_copy(&batch->notes, rows->tag, strlen(rows->tag));
    p->watch.affected = rows->affected;
    watch_end(p, item, NULL);
    advance(p, index);
}

static void answer(void *arg, size_t index, const tn_batch *rows)
{
    tn__pass *p = arg;
    tn__batch_item *item = tn__pass_item(p, index);
    const tn_stmt_info *info = &tn__pass_text(p, item)->stmt->info;

    p->watch.rows += rows->rows;
    tn__batch_take(p->batch, item, info, rows);
    if (rows->done)
        ended(p, index, info, rows);
}

static void unreadable(void *arg, size_t index, tn_status status)
{
    tn__pass *p = arg;

    tn__batch_refuse(p->batch, tn__pass_item(p, index), status, &p->batch->error);
}

static void fail(void *arg, size_t index, tn_status status)
{
    tn__pass *p = arg;
    tn__batch_item *item = tn__pass_item(p, index);
    tn__batch_text *text = tn__pass_text(p, item);
    tn_error *err = &p->batch->error;

    if (status == TN_DRIVER_STALE) {
        item->stale = text->anew = true;
        status = err->status != TN_OK ? err->status : TN_FAILED;
    }
    /* The answer to what ended the whole: a cancel of ours is no timeout of the server's. */
    if ((p->why == TN_TIMEOUT || p->why == TN_CANCELLED) && strcmp(err->sqlstate, "57014") == 0)
        status = p->why;
    tn__pass_note_failure(p, item, status, err);
    failed(p, index, err);
}

tn_batch_work tn__pass_work(tn__pass *p)
{
    p->batch->error.status = TN_OK;
    watch_next(p);
    return (tn_batch_work){
        .size = sizeof(tn_batch_work),
        .stmts = p->batch->stmts,
        .count = p->batch->n_order,
        .flags = p->flags,
        .arg = p,
        .bind = bind,
        .answer = answer,
        .unreadable = unreadable,
        .fail = fail,
        .error = &p->batch->error,
    };
}

/* ---- afterwards ------------------------------------------------------------------------------ */

void tn__batch_note_as(tn_batch_t *batch, tn__batch_item *item, const tn_error *err)
{
    tn__batch_note(batch, item, err->status, err);
    item->state = TN__BATCH_FAILED;
    item->outcome = (uint8_t)err->outcome;
}

/* It was sent, for itself, and nobody heard of it: as an autocommit statement by itself. */
static void judge_unheard(const tn__cached *stmt, tn_error *err)
{
    if (err->outcome != TN_OUTCOME_IN_DOUBT && err->status != TN_LOST)
        return;
    err->outcome = TN_OUTCOME_IN_DOUBT;
    err->retry = TN_RETRY_NO;
    if (stmt->info.flags & TN_STMT_READ_ONLY) {
        err->outcome = TN_OUTCOME_NOT_APPLIED;
        err->retry = TN_RETRY_STATEMENT;
    } else if (err->status == TN_LOST && tn__run_changes(stmt)) {
        err->status = TN_OUTCOME_UNKNOWN;
        tn__copy_text(err->sqlstate, sizeof(err->sqlstate), TN__STR("08007"));
        tn_error_prepend(err, "the statement was sent and its answer never came");
    }
}

/* The whole came to an end before everything was told. */
TN__SELDOM static void judge_rest(tn__pass *p, const tn_error *err)
{
    bool each = p->flags & TN_BATCH_EACH;

    for (size_t i = p->told; i < p->bound && (each || (i == p->told && !p->stopped)); i++) {
        tn__batch_item *item = tn__pass_item(p, i);
        tn_error own = *err;
        if (item->state == TN__BATCH_FAILED)
            continue;
        if (each)
            judge_unheard(tn__pass_text(p, item)->stmt, &own);
        tn__batch_note_as(p->batch, item, &own);
    }
    if (p->told < p->batch->n_order && !p->stopped)
        watch_end(p, tn__pass_item(p, p->told), err);
}

/* After run(): the connection is made good again, which may tell of more answers. With COMMIT on
 * its way more time is taken for that: a server that goes on alone may commit, and nobody knows. */
TN__SELDOM static void settle(tn__pass *p, tn_error *err)
{
    int64_t grace = tn__db_grace_ms(p->db, p->deadline_ns);

    if ((p->flags & TN_BATCH_COMMIT) && !p->stopped && grace < COMMIT_GRACE_MS)
        grace = COMMIT_GRACE_MS;
    if (err->status == TN_CANCELLED && !tn__host_cancelled(&p->conn->host))
        err->status = TN_TIMEOUT;
    p->why = err->status;
    tn__conn_settle(p->conn, grace, err);
}

/* COMMIT left with the last statement, or never did. */
TN__SELDOM static void judge_commit(tn__pass *p, tn_error *err)
{
    if (!(p->flags & TN_BATCH_COMMIT)) {
        err->outcome = TN_OUTCOME_NOT_APPLIED;
        return;
    }
    if (p->stopped || p->bound < p->batch->n_order)
        err->outcome = TN_OUTCOME_NOT_APPLIED;
    if (err->outcome != TN_OUTCOME_IN_DOUBT || err->status == TN_OUTCOME_UNKNOWN)
        return;
    err->status = TN_OUTCOME_UNKNOWN;
    tn__copy_text(err->sqlstate, sizeof(err->sqlstate), TN__STR("08007"));
    tn_error_prepend(err, "COMMIT was sent with the batch and no answer came");
}

void tn__pass_judge(tn__pass *p, tn_error *err)
{
    settle(p, err);
    if (!(p->flags & TN_BATCH_EACH))
        judge_commit(p, err);
    judge_rest(p, err);
}
