/* SPDX-License-Identifier: MIT */
/* The statements of a batch: found in the connection's cache, or prepared, as many as can be in one
 * round trip. */
#include <string.h>

#include "base/str.h"
#include "session/batch_pass.h"

enum { PARAMS_MAX = 65535, TOGETHER_MAX = TN__PREPARED_MAX };

void tn__pass_release(tn__pass *p)
{
    tn_batch_t *batch = p->batch;

    for (size_t i = 0; i < batch->n_texts; i++) {
        tn__batch_text *text = &batch->texts[i];
        if (!text->stmt)
            continue;
        if (text->anew)
            tn__cache_drop(&p->conn->cache, text->stmt);
        else
            text->stmt->used_before = true;
        tn__cache_release(&p->conn->cache, text->stmt);
        text->stmt = NULL;
    }
}

/* The rows that are kept outlive the statement. */
static tn_status copy_columns(tn_batch_t *batch, tn__batch_text *text, tn_error *err)
{
    const tn_stmt_info *info = &text->stmt->info;

    text->n_columns = info->n_columns;
    if (!info->n_columns)
        return TN_OK;
    text->columns = tn__arena_array(&batch->notes, info->n_columns, sizeof(*text->columns));
    for (size_t i = 0; text->columns && i < info->n_columns; i++) {
        tn_column *column = &text->columns[i];
        *column = info->columns[i];
        const char **texts[] = {&column->name, &column->type_name, &column->table};
        for (size_t j = 0; text->columns && j < sizeof(texts) / sizeof(texts[0]); j++) {
            const char *from = *texts[j] ? *texts[j] : "";
            *texts[j] = tn__arena_copy(&batch->notes, from, strlen(from));
            if (!*texts[j])
                text->columns = NULL;
        }
    }
    return text->columns ? TN_OK : tn_error_set(err, TN_NOMEM, NULL, "out of memory");
}

/* ---- many in few round trips ----------------------------------------------------------------- */

/* What the driver said of the texts that it was given together. */
typedef struct foresight {
    size_t failed; /* the text that failed; SIZE_MAX: none */
    tn_error why;
} foresight;

static bool is_twin(const tn__batch_text *a, const tn__batch_text *b)
{
    return a->hash == b->hash && a->len == b->len && memcmp(a->sql, b->sql, a->len) == 0;
}

/* Those from `first` on that are not at hand, each text once. */
static size_t gather(tn__pass *p, size_t first, tn__batch_text **ret)
{
    tn_batch_t *batch = p->batch;
    size_t n = 0;

    for (size_t i = first; i < batch->n_texts && n < TOGETHER_MAX; i++) {
        tn__batch_text *text = &batch->texts[i];
        bool twin = false;
        for (size_t j = 0; j < n && !twin; j++)
            twin = is_twin(ret[j], text);
        if (twin || text->stmt)
            continue;
        text->anew = false;
        text->stmt = tn__cache_find(&p->conn->cache, text->sql, text->len, text->hash);
        text->old = text->stmt && text->stmt->used_before;
        if (!text->stmt)
            ret[n++] = text;
    }
    return n;
}

/* Where the driver can take several, they are prepared ahead of their turn. Nothing is said on the
 * connection between that and the turn of the one that failed. */
static void foresee(tn__pass *p, size_t first, foresight *ret)
{
    tn__batch_text *texts[TOGETHER_MAX];
    tn__cached *entries[TOGETHER_MAX];
    size_t made = 0, n;

    if (p->single || !p->conn->driver->stmt.prepare_all || p->batch->texts[first].stmt ||
        ret->failed == first)
        return;
    n = gather(p, first, texts);
    for (size_t i = 0; i < n; i++) {
        entries[i] = tn__cached_new(tn__str(texts[i]->sql, texts[i]->len), TN__STR(""),
                                    texts[i]->hash);
        if (!entries[i])
            n = i;
    }
    if (n && tn__conn_prepare_all(p->conn, entries, n, p->deadline_ns, &made, &ret->why) != TN_OK &&
        made < n)
        ret->failed = (size_t)(texts[made] - p->batch->texts);
    for (size_t i = 0; i < made; i++)
        texts[i]->stmt = entries[i];
}

/* ---- each in its turn ------------------------------------------------------------------------ */

static tn_status find_statement(tn__pass *p, size_t index, foresight *seen, tn_error *err)
{
    tn__batch_text *text = &p->batch->texts[index];

    foresee(p, index, seen);
    if (seen->failed == index) {
        *err = seen->why;
        return err->status;
    }
    if (text->stmt)
        return TN_OK;
    tn_status status = tn__conn_prepare(p->conn, text->sql, text->len, text->hash, p->deadline_ns,
                                        &text->stmt, err);
    if (status != TN_OK)
        text->stmt = NULL;
    else
        text->old = text->stmt->used_before;
    return status;
}

static tn_status prepare_text(tn__pass *p, size_t index, foresight *seen, tn_error *err)
{
    tn__batch_text *text = &p->batch->texts[index];

    text->anew = false;
    tn_status status = find_statement(p, index, seen, err);
    if (status != TN_OK)
        return status;
    if (text->stmt->info.n_params > PARAMS_MAX)
        return tn_error_set(err, TN_LIMIT, "54023", "more than %d parameters", PARAMS_MAX);
    return text->keeps ? copy_columns(p->batch, text, err) : TN_OK;
}

/* Statements with this text fail before anything is run; where they hang together the first does.
 */
TN__SELDOM static void fail_text(tn__pass *p, const tn__batch_text *text, tn_status status,
                                 const tn_error *err)
{
    tn_batch_t *batch = p->batch;

    tn__stats_error(&p->conn->stats, status);
    for (size_t i = 0; i < batch->n_order && !p->stopped; i++) {
        tn__batch_item *item = tn__pass_item(p, i);
        if (tn__pass_text(p, item) != text)
            continue;
        tn__pass_note_failure(p, item, status, err);
        p->stopped = !(p->flags & TN_BATCH_EACH);
    }
}

/* What failed is not run. */
TN__SELDOM static void drop_failed(tn_batch_t *batch)
{
    size_t kept = 0;

    for (size_t i = 0; i < batch->n_order; i++)
        if (batch->items[batch->order[i]].state != TN__BATCH_FAILED)
            batch->order[kept++] = batch->order[i];
    batch->n_order = kept;
}

tn_status tn__pass_prepare(tn__pass *p, tn_error *err)
{
    tn_batch_t *batch = p->batch;
    foresight seen = {.failed = SIZE_MAX};
    bool some_failed = false;

    for (size_t i = 0; i < batch->n_texts && !p->stopped; i++) {
        tn__batch_text *text = &batch->texts[i];
        if (p->single && tn__pass_text(p, tn__pass_item(p, 0)) != text)
            continue;
        tn_status status = prepare_text(p, i, &seen, err);
        if (status == TN_OK)
            continue;
        tn__conn_settle(p->conn, tn__db_grace_ms(p->db, p->deadline_ns), err);
        fail_text(p, text, err->status, err);
        some_failed = true;
        if (p->conn->discard || err->status == TN_TIMEOUT || err->status == TN_CANCELLED ||
            err->status == TN_SHUTDOWN)
            return err->status;
    }
    if (some_failed)
        drop_failed(batch);
    for (size_t i = 0; i < batch->n_order; i++)
        batch->stmts[i] = p->stopped ? NULL : tn__pass_text(p, tn__pass_item(p, i))->stmt->drv;
    return TN_OK;
}
