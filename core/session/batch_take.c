/* SPDX-License-Identifier: MIT */
/*
 * The answer of one statement of a batch. It has run by then, and others behind it may have: an
 * answer that cannot be taken is told of, and undoes nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "base/text.h"
#include "session/batch.h"
#include "session/scan.h"

enum { TARGETS_ON_STACK = 64, PLAIN_COLUMNS = 16 };

/* Apart: what needs much room, and what no answer that is taken needs. */
#define SELDOM __attribute__((noinline))

void tn__batch_refuse(tn_batch_t *batch, tn__batch_item *item, tn_status status, tn_error *err)
{
    if (item->status != TN_OK)
        return;
    if (err->phase == TN_PHASE_NONE)
        err->phase = TN_PHASE_SCAN;
    err->outcome = TN_OUTCOME_NONE;
    err->retry = TN_RETRY_NO;
    tn__batch_note(batch, item, status, err);
}

SELDOM static void refuse_as(tn_batch_t *batch, tn__batch_item *item, tn_status status,
                             const char *sqlstate, const char *what)
{
    tn_error err;

    tn_error_set(&err, status, sqlstate, "%s", what);
    tn__batch_refuse(batch, item, err.status, &err);
}

/* ---- rows that are kept ---------------------------------------------------------------------- */

static void refuse_room(tn_batch_t *batch, tn__batch_item *item)
{
    const tn__arena *kept = &batch->kept;

    if (kept->limit - kept->used > kept->limit / 2)
        refuse_as(batch, item, TN_NOMEM, NULL, "out of memory");
    else
        refuse_as(batch, item, TN_LIMIT, "54000",
                  "the rows of the batch take more than DB_ROW_BUFFER bytes");
}

static void keep(tn_batch_t *batch, tn__batch_item *item, size_t columns, const tn_batch *rows)
{
    size_t cells = columns * rows->rows;

    if (!item->first)
        batch->kept_from = tn__arena_here(&batch->kept);
    tn__kept *block = tn__arena_alloc(&batch->kept, sizeof(*block) + cells * sizeof(tn_value));
    for (size_t i = 0; block && i < cells; i++)
        if (!tn__value_copy(&rows->values[i], &batch->kept, &block->values[i]))
            block = NULL;
    if (!block) {
        item->first = item->last = NULL;
        refuse_room(batch, item);
        tn__arena_rewind(&batch->kept, batch->kept_from); /* others may have the room */
        return;
    }
    block->rows = rows->rows;
    block->next = NULL;
    *(item->last ? &item->last->next : &item->first) = block;
    item->last = block;
}

/* ---- one row into targets -------------------------------------------------------------------- */

static bool is_view(const tn_target *target)
{
    switch (target->kind) {
    case TN_TYPE_TEXT:
    case TN_TYPE_BYTES:
    case TN_TYPE_JSON:
    case TN_TYPE_NUMERIC:
    case TN_TYPE_ARRAY: return true;
    default: return false;
    }
}

/* A view lives as long as the answers of the batch do. */
static tn_status convert(tn_batch_t *batch, const tn_value *value, const tn_target *target,
                         tn__scan_place place, tn__scanned *ret, tn_error *err)
{
    tn_value copy;

    if (!is_view(target))
        return tn__scan_convert(value, target, place, NULL, ret, err);
    if (!tn__value_copy(value, &batch->notes, &copy))
        return tn_error_set(err, TN_NOMEM, NULL, "out of memory");
    return tn__scan_convert(&copy, target, place, &batch->notes, ret, err);
}

/* Most columns are read into the very C type that they are of. A text that is to be viewed is
 * copied: false where that fails, or where it is not so. */
static inline bool same(tn_batch_t *batch, const tn_value *value, const tn_target *target,
                        tn_value *ret)
{
    *ret = *value;
    if (value->type != target->kind)
        return false;
    switch (target->kind) {
    case TN_TYPE_INT32:
    case TN_TYPE_INT64:
    case TN_TYPE_FLOAT8:
    case TN_TYPE_TIMESTAMPTZ:
    case TN_TYPE_UUID: return true;
    case TN_TYPE_TEXT:
        ret->as.ptr = tn__arena_copy(&batch->notes, value->as.ptr, value->len);
        return ret->as.ptr != NULL;
    default: return false;
    }
}

static inline void store_same(const tn_value *value, const tn_target *target)
{
    switch (target->kind) {
    case TN_TYPE_INT32: *(int32_t *)target->value = (int32_t)value->as.i; break;
    case TN_TYPE_INT64: memcpy(target->value, &value->as.i, sizeof(int64_t)); break;
    case TN_TYPE_FLOAT8: *(double *)target->value = value->as.f; break;
    case TN_TYPE_TIMESTAMPTZ: ((tn_time *)target->value)->us = value->as.i; break;
    case TN_TYPE_UUID: *(tn_uuid *)target->value = *value->as.uuid; break;
    default: *(tn_str *)target->value = (tn_str){value->as.ptr, value->len}; break;
    }
    if (target->has)
        *target->has = true;
}

/* false: nothing was stored, it is to be converted. */
static bool store_plain(tn_batch_t *batch, const tn__batch_item *item, size_t columns,
                        const tn_value *row)
{
    tn_value values[PLAIN_COLUMNS];

    if (columns != item->n_into || columns > PLAIN_COLUMNS)
        return false;
    for (size_t i = 0; i < columns; i++)
        if (!same(batch, &row[i], &item->into[i], &values[i]))
            return false;
    for (size_t i = 0; i < columns; i++)
        store_same(&values[i], &item->into[i]);
    return true;
}

/* All columns are converted before the first is stored, so that targets stay untouched on failure.
 */
SELDOM static void store_converted(tn_batch_t *batch, tn__batch_item *item,
                                   const tn_stmt_info *info, const tn_value *row)
{
    tn__scanned on_stack[TARGETS_ON_STACK], *scanned = on_stack;
    size_t count = item->n_into, done = 0;
    tn_status status = TN_OK;
    tn_error err;

    err.status = TN_OK;
    if (count != info->n_columns)
        status = tn_error_set(&err, TN_DATA, "42804",
                              "the row has %zu columns, %zu targets were given", info->n_columns,
                              count);
    else if (count > TARGETS_ON_STACK &&
             !(scanned = tn__arena_array(&batch->notes, count, sizeof(*scanned))))
        status = tn_error_set(&err, TN_NOMEM, NULL, "out of memory");
    for (; status == TN_OK && done < count; done += status == TN_OK)
        status = convert(batch, &row[done], &item->into[done],
                         (tn__scan_place){info->columns[done].name, done}, &scanned[done], &err);
    for (size_t i = 0; i < done; i++)
        if (status == TN_OK)
            tn__scan_store(&scanned[i], &item->into[i]);
        else
            tn__scan_discard(&scanned[i], &item->into[i]);
    if (status != TN_OK)
        tn__batch_refuse(batch, item, err.status, &err);
}

static void store(tn_batch_t *batch, tn__batch_item *item, const tn_stmt_info *info,
                  const tn_value *row)
{
    if (!store_plain(batch, item, info->n_columns, row))
        store_converted(batch, item, info, row);
}

/* Of an answer that comes in pieces the row waits until it is known to be the only one. */
static void take_row(tn_batch_t *batch, tn__batch_item *item, const tn_stmt_info *info,
                     const tn_batch *rows)
{
    if (item->rows > 1)
        refuse_as(batch, item, TN_TOO_MANY_ROWS, "21000", "the statement gave more than one row");
    else if (rows->rows && rows->done)
        store(batch, item, info, rows->values);
    else if (rows->rows)
        keep(batch, item, info->n_columns, rows);
    else if (rows->done && item->first)
        store(batch, item, info, item->first->values);
    else if (rows->done)
        refuse_as(batch, item, TN_NOT_FOUND, "02000", "the statement gave no row");
}

void tn__batch_take(tn_batch_t *batch, tn__batch_item *item, const tn_stmt_info *info,
                    const tn_batch *rows)
{
    item->rows += rows->rows;
    if (item->status != TN_OK)
        return;
    if (!item->keeps)
        take_row(batch, item, info, rows);
    else if (rows->rows && info->n_columns)
        keep(batch, item, info->n_columns, rows);
}

void tn__batch_untake(tn__batch_item *item)
{
    for (size_t i = 0; i < item->n_into; i++) {
        const tn_target *target = &item->into[i];
        if (item->state != TN__BATCH_DONE || item->status != TN_OK ||
            target->kind != TN_TARGET_CHARP)
            continue;
        free(*(char **)target->value);
        *(char **)target->value = NULL;
    }
}
