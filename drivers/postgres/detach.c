/* SPDX-License-Identifier: MIT */
/*
 * Reading the rest of a streamed answer into memory. The batch that stands stays as it is: what is
 * read here goes into an arena of its own.
 */
#include <string.h>

#include "base/text.h"
#include "kit/kit.h"
#include "postgres/pg.h"

enum { BLOCK_ROWS = 64, SCRATCH_MAX = 1 << 30 };

/* The most that one row may take, a block for it included: an array's values are longer than they
 * were on their way. */
static size_t most_of_row(const tn_driver_cursor *cursor, const pg_message *message)
{
    size_t row = message ? message->len : cursor->current ? PQresultMemorySize(cursor->current) : 0;

    return (row + BLOCK_ROWS * cursor->stmt->info.n_columns) * sizeof(tn_value);
}

static tn_status fail_full(tn_driver_cursor *cursor, const pg_message *message, size_t limit,
                           tn_error *err)
{
    const tn_host *host = cursor->conn->host;

    if (limit - cursor->store.used > most_of_row(cursor, message))
        return kit_nomem(host, err, TN_PHASE_FETCH);
    return kit_fail(host, err, TN_LIMIT, TN_PHASE_FETCH, "54000",
                    "the rows that were left take more than %zu bytes", limit);
}

/* A block with room for one more row, at the end of the list. */
static pg_stored *block_for_row(tn_driver_cursor *cursor, pg_stored ***tail)
{
    pg_stored *last = **tail;

    if (last && last->rows < BLOCK_ROWS)
        return last;
    if (last)
        *tail = &last->next;
    size_t cells = BLOCK_ROWS * cursor->stmt->info.n_columns;
    pg_stored *block = tn__arena_alloc(&cursor->store,
                                       sizeof(*block) + cells * sizeof(block->values[0]));
    if (!block)
        return NULL;
    block->next = NULL;
    block->rows = 0;
    **tail = block;
    return block;
}

/* What the rows that are left go through. */
typedef struct storing {
    size_t limit;
    pg_stored **tail;
    tn__arena scratch;
} storing;

/* The current result's row, or that of the message. */
static tn_status store_row(tn_driver_cursor *cursor, const pg_message *message, void *arg,
                           tn_error *err)
{
    storing *to = arg;
    size_t columns = cursor->stmt->info.n_columns;
    pg_stored *block = block_for_row(cursor, &to->tail);

    if (!block)
        return fail_full(cursor, message, to->limit, err);
    tn_value *out = block->values + block->rows * columns;
    tn__arena_reset(&to->scratch);
    tn_status status = message ? pg_direct_decode(cursor, message, &to->scratch, out, err)
                               : pg_cursor_decode(cursor, cursor->row, &to->scratch, out, err);
    for (size_t i = 0; status == TN_OK && i < columns; i++) {
        tn_value copy;
        if (!tn__value_copy(&out[i], &cursor->store, &copy))
            return fail_full(cursor, message, to->limit, err);
        out[i] = copy;
    }
    if (status == TN_OK)
        block->rows++;
    return status;
}

static tn_status store_rest(tn_driver_cursor *cursor, int64_t deadline_ns, storing *to,
                            tn_error *err)
{
    for (;;) {
        if (!cursor->current) {
            tn_status status = pg_cursor_advance(cursor, deadline_ns, err);
            if (status != TN_OK || !cursor->current)
                return status;
        }
        for (; cursor->row < PQntuples(cursor->current); cursor->row++) {
            tn_status status = store_row(cursor, NULL, to, err);
            if (status != TN_OK)
                return status;
        }
        PQclear(cursor->current);
        cursor->current = NULL;
        cursor->row = 0;
    }
}

tn_status pg_detach(tn_driver_cursor *cursor, size_t limit, int64_t deadline_ns, tn_error *err)
{
    storing to = {.limit = limit, .tail = &cursor->stored};

    /* What is not attached is in memory already. */
    if (!cursor->attached)
        return TN_OK;
    cursor->ahead = false; /* from here on it is waited for */
    tn__arena_init(&cursor->store, limit);
    cursor->has_store = true;
    tn__arena_init(&to.scratch, SCRATCH_MAX);
    tn_status status = cursor->direct ? pg_direct_store(cursor, deadline_ns, store_row, &to, err)
                                      : store_rest(cursor, deadline_ns, &to, err);
    tn__arena_free(&to.scratch);
    if (status == TN_PROTOCOL)
        cursor->conn->broken = true;
    if (status != TN_OK)
        cursor->stored = NULL;
    return status;
}
