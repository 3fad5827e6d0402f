/* SPDX-License-Identifier: MIT */
/* What became of a batch's statements: their errors, and their rows where those are kept. */
#include "session/batch.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"

enum { SCRATCH_MAX = 1 << 24 };

/* ---- errors ---------------------------------------------------------------------------------- */

void tn__batch_place(const tn_batch_t *batch, size_t index, tn_error *err)
{
    size_t count = batch->count > index ? batch->count : index + 1;

    if (err)
        tn_error_prepend(err, "batch, statement %zu of %zu", index + 1, count);
}

/* Many fail alike, and an error is large. */
static bool same_error(const tn_error *last, tn_status status, const tn_error *err)
{
    return last && last->status == status && last->outcome == err->outcome &&
           last->retry == err->retry && last->position == err->position &&
           strcmp(last->sqlstate, err->sqlstate) == 0 && strcmp(last->message, err->message) == 0 &&
           strcmp(last->detail, err->detail) == 0 && strcmp(last->context, err->context) == 0;
}

void tn__batch_note(tn_batch_t *batch, tn__batch_item *item, tn_status status, const tn_error *err)
{
    item->status = status;
    item->error = err && same_error(batch->last, status, err) ? batch->last : NULL;
    if (item->error || !err)
        return;
    item->error = tn__arena_alloc(&batch->notes, sizeof(*err));
    if (!item->error)
        return;
    *item->error = *err;
    item->error->status = status;
    batch->last = item->error;
}

/* ---- what became of them --------------------------------------------------------------------- */

static const tn__batch_item *ran_item(const tn_batch_t *batch, size_t index)
{
    return batch && batch->ran && index < batch->count ? &batch->items[index] : NULL;
}

static tn_status not_run(const tn_batch_t *batch, tn_error *err)
{
    size_t failed = tn_batch_failed(batch);

    if (failed < batch->count)
        return tn_error_set(err, TN_ABORTED, "25P02", "not run, because statement %zu failed",
                            failed + 1);
    return tn_error_set(err, TN_ABORTED, "25P02", "not run, because the batch was ended before");
}

tn_status tn_batch_status(const tn_batch_t *batch, size_t index, tn_error *err)
{
    const tn__batch_item *item = ran_item(batch, index);

    if (!item && batch && index < batch->count)
        return tn_error_set(err, TN_ABORTED, "25P02", "the batch was not run");
    if (!item)
        return tn_error_set(err, TN_MISUSE, NULL, "the batch has no statement of this index");
    if (item->state == TN__BATCH_UNTOLD)
        return not_run(batch, err);
    if (item->status == TN_OK)
        return TN_OK;
    if (!item->error)
        return tn_error_set(err, item->status, NULL, "%s", tn_status_name(item->status));
    if (err)
        *err = *item->error;
    return item->status;
}

size_t tn_batch_failed(const tn_batch_t *batch)
{
    size_t count = tn_batch_count(batch), i = 0;

    if (!count || !batch->ran)
        return count;
    while (i < count && batch->items[i].status == TN_OK)
        i++;
    return i;
}

int64_t tn_batch_affected(const tn_batch_t *batch, size_t index)
{
    const tn__batch_item *item = ran_item(batch, index);

    return item && item->state == TN__BATCH_DONE ? item->affected : 0;
}

tn_outcome tn_batch_outcome(const tn_batch_t *batch, size_t index)
{
    const tn__batch_item *item = ran_item(batch, index);

    if (!item)
        return TN_OUTCOME_NOT_APPLIED;
    if (item->state == TN__BATCH_FAILED)
        return (tn_outcome)item->outcome;
    if (batch->independent)
        return item->state == TN__BATCH_DONE ? TN_OUTCOME_APPLIED : TN_OUTCOME_NOT_APPLIED;
    /* Of a batch that was committed every statement ran, told or not. */
    if (item->state == TN__BATCH_DONE || batch->outcome == TN_OUTCOME_APPLIED ||
        batch->outcome == TN_OUTCOME_IN_DOUBT)
        return batch->outcome;
    return TN_OUTCOME_NOT_APPLIED;
}

/* ---- rows ------------------------------------------------------------------------------------ */

static void take_back(tn__rows *rows)
{
    tn_batch_t *batch = rows->owner;

    tn__arena_free(&rows->scratch);
    tn__arena_init(&rows->scratch, SCRATCH_MAX);
    if (batch->spare) {
        free(rows);
    } else {
        batch->spare = rows;
    }
    if (--batch->open_rows == 0 && batch->freed)
        tn_batch_free(batch);
}

tn_rows *tn_batch_rows(tn_batch_t *batch, size_t index)
{
    const tn__batch_item *item = ran_item(batch, index);
    tn_rows *head;
    tn_error err;

    err.status = TN_OK;
    if (!batch)
        tn_error_set(&err, TN_NOMEM, NULL, "out of memory");
    else if (tn_batch_status(batch, index, &err) == TN_OK && !item->keeps)
        tn_error_set(&err, TN_MISUSE, NULL,
                     "tn_batch_rows: the statement's row went into its targets");
    if (err.status != TN_OK)
        return tn__rows_failed(&err);
    tn__rows *rows = tn__rows_in_memory(&batch->spare, &head);
    if (!rows)
        return head;
    const tn__batch_text *text = &batch->texts[item->text];
    rows->kept = item->first;
    rows->columns = text->columns;
    rows->head.columns = (uint32_t)text->n_columns;
    rows->affected = item->counted;
    tn__copy_text(rows->tag, sizeof(rows->tag), tn_str_from(item->tag));
    rows->owner = batch;
    rows->closed = take_back;
    batch->open_rows++;
    return head;
}
