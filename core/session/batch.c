/* SPDX-License-Identifier: MIT */
/* Collecting statements. */
#include "session/batch.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/lexer.h"
#include "base/str.h"
#include "base/text.h"

enum {
    ARGS_MAX = 65535,
    TEXTS_LOOKED_AT = 16 /* how far back the same text is searched for */
};

tn_batch_t *tn_batch_new(void)
{
    tn_batch_t *batch = calloc(1, sizeof(*batch));

    if (!batch)
        return NULL;
    tn__arena_init(&batch->asked, SIZE_MAX / 2);
    tn__arena_init(&batch->notes, SIZE_MAX / 2);
    tn__arena_init(&batch->kept, SIZE_MAX / 2);
    tn__arena_init(&batch->log, SIZE_MAX / 2);
    return batch;
}

void tn_batch_free(tn_batch_t *batch)
{
    if (!batch)
        return;
    batch->freed = true;
    if (batch->open_rows)
        return;
    tn__arena_free(&batch->asked);
    tn__arena_free(&batch->notes);
    tn__arena_free(&batch->kept);
    tn__arena_free(&batch->log);
    free(batch->items);
    free(batch->texts);
    free(batch->order);
    free(batch->stmts);
    if (batch->spare)
        tn__arena_free(&batch->spare->scratch);
    free(batch->spare);
    free(batch);
}

void tn_batch_reset(tn_batch_t *batch)
{
    if (!batch)
        return;
    batch->count = batch->n_texts = 0;
    batch->last = NULL;
    batch->ran = false;
    batch->broken.status = TN_OK;
    if (batch->open_rows) {
        tn_error_set(&batch->broken, TN_MISUSE, "24000",
                     "rows of the batch were still open when it was reset");
        return;
    }
    tn__arena_reset(&batch->asked);
    tn__arena_reset(&batch->notes);
    tn__arena_reset(&batch->kept);
}

size_t tn_batch_count(const tn_batch_t *batch)
{
    return batch ? batch->count : 0;
}

/* ---- adding ---------------------------------------------------------------------------------- */

/* The first failure counts. */
static void no_memory(tn_batch_t *batch)
{
    if (batch->broken.status == TN_OK)
        tn_error_set(&batch->broken, TN_NOMEM, NULL, "out of memory");
}

static tn_status check_text(tn_batch_t *batch, const char *sql, size_t len)
{
    tn_error *err = &batch->broken;

    if (len > INT32_MAX)
        return tn_error_set(err, TN_LIMIT, "54000", "the statement is longer than 2 GiB");
    if (!tn__utf8_valid(sql, len))
        return tn_error_set(err, TN_DATA, "22021", "the statement is not valid UTF-8");
    if (tn__sql_first_word(tn__str(sql, len)) <= TN__STMT_EMPTY)
        return TN_OK;
    tn_error_set(err, TN_MISUSE, "25000", "a transaction command as SQL text, in a batch");
    tn_error_set_hint(err, "the batch has its transaction; use tn_batch_commit() to end one");
    return TN_MISUSE;
}

static bool same_text(const tn__batch_text *text, const char *sql, size_t len)
{
    return text->len == len && memcmp(text->sql, sql, len) == 0;
}

static bool add_text(tn_batch_t *batch, const char *sql, size_t len, uint64_t hash)
{
    if (batch->n_texts == batch->texts_capacity) {
        size_t capacity = batch->texts_capacity ? batch->texts_capacity * 2 : 8;
        tn__batch_text *grown = realloc(batch->texts, capacity * sizeof(*grown));
        if (!grown)
            return false;
        batch->texts = grown;
        batch->texts_capacity = capacity;
    }
    const char *copy = tn__arena_copy(&batch->asked, sql, len);
    if (!copy)
        return false;
    batch->texts[batch->n_texts++] = (tn__batch_text){.sql = copy, .len = len, .hash = hash};
    return true;
}

/* false: the batch is broken. */
static bool find_text(tn_batch_t *batch, const char *sql, uint32_t *ret)
{
    size_t len = strlen(sql), n = batch->n_texts;

    if (n && same_text(&batch->texts[n - 1], sql, len)) {
        *ret = (uint32_t)(n - 1);
        return true;
    }
    uint64_t hash = tn__hash(sql, len);
    for (size_t i = n; i > 0 && i + TEXTS_LOOKED_AT > n; i--)
        if (batch->texts[i - 1].hash == hash && same_text(&batch->texts[i - 1], sql, len)) {
            *ret = (uint32_t)(i - 1);
            return true;
        }
    if (check_text(batch, sql, len) != TN_OK)
        return false;
    *ret = (uint32_t)n;
    if (add_text(batch, sql, len, hash))
        return true;
    no_memory(batch);
    return false;
}

static size_t item_size(uint8_t element)
{
    switch (element) {
    case TN_TYPE_BOOL: return sizeof(bool);
    case TN_TYPE_INT16: return sizeof(int16_t);
    case TN_TYPE_INT32: return sizeof(int32_t);
    case TN_TYPE_INT64: return sizeof(int64_t);
    case TN_TYPE_FLOAT4: return sizeof(float);
    case TN_TYPE_FLOAT8: return sizeof(double);
    case TN_TYPE_UUID: return sizeof(tn_uuid);
    case TN_TYPE_TIMESTAMPTZ: return sizeof(tn_time);
    case TN_TYPE_TIMESTAMP: return sizeof(tn_timestamp);
    case TN_TYPE_DATE: return sizeof(tn_date);
    case TN_TYPE_TEXT: return sizeof(char *);
    default: return 0;
    }
}

static bool copy_carray(tn__arena *arena, tn_arg *arg)
{
    size_t count = arg->as.view.len, size = item_size(arg->element);

    if (!size || !count)
        return true; /* refused, or nothing to copy, when it is bound */
    void *copy = tn__arena_array(arena, count, size);
    if (!copy)
        return false;
    memcpy(copy, arg->as.view.ptr, count * size);
    const char **texts = arg->element == TN_TYPE_TEXT ? copy : NULL;
    for (size_t i = 0; texts && i < count; i++)
        if (texts[i] && !(texts[i] = tn__arena_copy(arena, texts[i], strlen(texts[i]))))
            return false;
    arg->as.view.ptr = copy;
    return true;
}

static bool copy_value(tn__arena *arena, tn_arg *arg)
{
    tn_value *copy;

    if (!arg->as.value)
        return true;
    copy = tn__arena_alloc(arena, sizeof(*copy));
    if (!copy || !tn__value_copy(arg->as.value, arena, copy))
        return false;
    arg->as.value = copy;
    return true;
}

static bool copy_array(tn__arena *arena, tn_arg *arg)
{
    tn_value copy, given = {.type = TN_TYPE_ARRAY, .as.array = arg->as.array};

    if (!tn__value_copy(&given, arena, &copy))
        return false;
    arg->as.array = copy.as.array;
    return true;
}

/* What the argument points to; the rest is within it. */
static bool copy_pointed_to(tn__arena *arena, tn_arg *arg)
{
    switch (arg->kind) {
    case TN_TYPE_TEXT:
    case TN_TYPE_JSON:
    case TN_TYPE_BYTES:
    case TN_TYPE_NUMERIC:
        if (arg->as.view.len)
            arg->as.view.ptr = tn__arena_copy(arena, arg->as.view.ptr, arg->as.view.len);
        return arg->as.view.ptr || !arg->as.view.len;
    case TN_ARG_CARRAY: return copy_carray(arena, arg);
    case TN_ARG_VALUE: return copy_value(arena, arg);
    case TN_TYPE_ARRAY: return copy_array(arena, arg);
    default: return true;
    }
}

static bool copy_args(tn_batch_t *batch, const tn_arglist *args, tn__batch_item *item)
{
    size_t count = args ? args->count : 0;

    if (!count)
        return true;
    tn_arg *copy = tn__arena_array(&batch->asked, count, sizeof(*copy));
    if (!copy)
        return false;
    memcpy(copy, args->items, count * sizeof(*copy));
    for (size_t i = 0; i < count; i++)
        if (!copy_pointed_to(&batch->asked, &copy[i]))
            return false;
    item->args = copy;
    item->n_args = (uint32_t)count;
    return true;
}

static bool copy_into(tn_batch_t *batch, const tn_intolist *into, tn__batch_item *item)
{
    item->keeps = !into;
    if (!into || !into->count)
        return true;
    tn_target *copy = tn__arena_array(&batch->asked, into->count, sizeof(*copy));
    if (!copy)
        return false;
    memcpy(copy, into->items, into->count * sizeof(*copy));
    for (size_t i = 0; i < into->count; i++)
        item->owns |= into->items[i].kind == TN_TARGET_CHARP;
    item->into = copy;
    item->n_into = (uint32_t)into->count;
    return true;
}

static tn__batch_item *room_for_item(tn_batch_t *batch)
{
    if (batch->count == batch->capacity) {
        size_t capacity = batch->capacity ? batch->capacity * 2 : 16;
        tn__batch_item *grown = capacity < UINT32_MAX / 2
                                    ? realloc(batch->items, capacity * sizeof(*grown))
                                    : NULL;
        if (!grown)
            return NULL;
        batch->items = grown;
        batch->capacity = capacity;
    }
    return &batch->items[batch->count];
}

size_t tn_batch_add(tn_batch_t *batch, const char *sql, const tn_arglist *args,
                    const tn_intolist *into)
{
    if (!batch)
        return 0;
    tn__batch_item *item = room_for_item(batch);
    batch->ran = false;
    if (!item || batch->broken.status != TN_OK) {
        no_memory(batch);
        return batch->count;
    }
    *item = (tn__batch_item){.affected = 0};
    if (!sql)
        tn_error_set(&batch->broken, TN_MISUSE, NULL, "the statement is NULL");
    else if ((args && args->count > ARGS_MAX) || (into && into->count > ARGS_MAX))
        tn_error_set(&batch->broken, TN_LIMIT, "54023",
                     "more than %d arguments or targets were given", ARGS_MAX);
    else if (find_text(batch, sql, &item->text) &&
             !(copy_args(batch, args, item) && copy_into(batch, into, item)))
        no_memory(batch);
    tn__batch_place(batch, batch->count, batch->broken.status == TN_OK ? NULL : &batch->broken);
    return batch->count++;
}
