/* SPDX-License-Identifier: MIT */
/* Places, and what stands still while the lock is held: see fast.h. */
#include "pool/fast.h"

#include <assert.h>
#include <stdlib.h>

#include "pool/pool.h"

enum { PLACES_FIRST = 8, PAUSE_SHARE = 8 };

void tn__fast_init(tn__fast *fast)
{
    atomic_init(&fast->head, TN__HEAD_MARK);
    fast->frozen = true;
}

void tn__fast_free(tn__fast *fast)
{
    tn__places *places = atomic_load_explicit(&fast->places, memory_order_relaxed);

    for (tn__places *before; places; places = before) {
        before = places->before;
        free(places);
    }
}

bool tn__fast_any(const tn__fast *fast)
{
    return atomic_load_explicit(&fast->head, memory_order_relaxed) & TN__HEAD_TOP;
}

/* ---- places ---------------------------------------------------------------------------------- */

/* Those that somebody may look at are kept. */
static tn__places *grow(tn__fast *fast)
{
    tn__places *before = atomic_load_explicit(&fast->places, memory_order_relaxed);
    uint32_t capacity = before ? before->capacity * 2 : PLACES_FIRST;

    if (capacity > TN__HEAD_TOP)
        return NULL;
    tn__places *places = calloc(1, sizeof(*places) + capacity * sizeof(places->at[0]));
    if (!places)
        return NULL;
    for (uint32_t i = 0; before && i < before->capacity; i++)
        places->at[i].conn = before->at[i].conn;
    places->before = before;
    places->capacity = capacity;
    atomic_store_explicit(&fast->places, places, memory_order_release);
    return places;
}

void tn__fast_enter(tn__fast *fast, tn__conn *conn)
{
    tn__places *places = atomic_load_explicit(&fast->places, memory_order_relaxed);
    uint32_t i = 0;

    if (conn->place)
        return;
    while (i < fast->used && places->at[i].conn)
        i++;
    if (!places || i == places->capacity)
        places = grow(fast);
    if (!places)
        return;
    places->at[i].conn = conn;
    conn->place = i + 1;
    if (i == fast->used)
        fast->used++;
}

void tn__fast_leave(tn__fast *fast, tn__conn *conn)
{
    tn__places *places = atomic_load_explicit(&fast->places, memory_order_relaxed);

    if (!conn->place)
        return;
    places->at[conn->place - 1].conn = NULL;
    conn->place = 0;
    while (fast->used && !places->at[fast->used - 1].conn)
        fast->used--;
}

/* ---- frozen and thawed ----------------------------------------------------------------------- */

typedef struct chain {
    tn__conn *first;
    tn__conn *last;
    uint32_t count;
} chain;

static void append(chain *to, tn__conn *conn)
{
    conn->prev = to->last;
    conn->next = NULL;
    *(to->last ? &to->last->next : &to->first) = conn;
    to->last = conn;
    to->count++;
}

/* Behind what there is: those of a list that did not take part. */
static void append_others(chain *to, tn__conn *list)
{
    for (tn__conn *conn = list, *next; conn; conn = next) {
        next = conn->next;
        if (!atomic_load_explicit(&conn->shared, memory_order_relaxed))
            append(to, conn);
    }
}

static void set_list(tn__pool *pool, tn__slot slot, const chain *from)
{
    pool->lists[slot] = from->first;
    pool->n[slot] = from->count;
}

/* The lists are as they were when it thawed. Of those that took part since then, the ones in the
 * stack are idle and the others are lent. */
void tn__fast_freeze(tn__pool *pool)
{
    tn__fast *fast = &pool->fast;
    chain idle = {0}, lent = {0}, idle_others = {0};

    if (fast->frozen)
        return;
    uint64_t head = atomic_fetch_or_explicit(&fast->head, TN__HEAD_MARK, memory_order_acq_rel);
    tn__places *places = atomic_load_explicit(&fast->places, memory_order_relaxed);
    fast->frozen = true;
    append_others(&idle_others, pool->lists[TN__SLOT_IDLE]);
    append_others(&lent, pool->lists[TN__SLOT_LENT]);
    for (uint32_t i = (uint32_t)(head & TN__HEAD_TOP); i;
         i = atomic_load_explicit(&places->at[i - 1].below, memory_order_relaxed)) {
        tn__conn *conn = places->at[i - 1].conn;
        atomic_store_explicit(&conn->shared, false, memory_order_relaxed);
        append(&idle, conn);
    }
    for (tn__conn *conn = idle_others.first, *next; conn; conn = next) {
        next = conn->next;
        append(&idle, conn);
    }
    for (uint32_t i = 0; i < fast->used; i++) {
        tn__conn *conn = places->at[i].conn;
        if (!conn || !atomic_load_explicit(&conn->shared, memory_order_relaxed))
            continue;
        atomic_store_explicit(&conn->shared, false, memory_order_relaxed);
        append(&lent, conn);
    }
    set_list(pool, TN__SLOT_IDLE, &idle);
    set_list(pool, TN__SLOT_LENT, &lent);
    /* Many places cost time: where the pool is at its limit, that is not spent on every turn. */
    fast->pause = fast->used / PAUSE_SHARE;
}

static bool is_plain(tn__pool *pool)
{
    tn__fast *fast = &pool->fast;

    if (pool->closing || pool->suspended || pool->queue.first || !pool->armed ||
        tn__slot_total(pool) > pool->max)
        return false;
    if (fast->pause == 0)
        return true;
    fast->pause--;
    return false;
}

/* May it be used without being looked at under the lock? */
static bool is_good(const tn__pool *pool, const tn__conn *conn)
{
    return conn->place && conn->source == pool->source;
}

void tn__fast_thaw(tn__pool *pool)
{
    tn__fast *fast = &pool->fast;

    if (!fast->frozen || !is_plain(pool))
        return;
    tn__places *places = atomic_load_explicit(&fast->places, memory_order_relaxed);
    uint32_t top = 0, last = 0;
    for (tn__conn *conn = pool->lists[TN__SLOT_IDLE]; conn; conn = conn->next) {
        if (!is_good(pool, conn) || conn->idle_since_ns < pool->suspect_ns)
            continue;
        if (last)
            atomic_store_explicit(&places->at[last - 1].below, conn->place, memory_order_relaxed);
        else
            top = conn->place;
        last = conn->place;
        atomic_store_explicit(&conn->shared, true, memory_order_relaxed);
    }
    if (last)
        atomic_store_explicit(&places->at[last - 1].below, 0, memory_order_relaxed);
    for (tn__conn *conn = pool->lists[TN__SLOT_LENT]; conn; conn = conn->next)
        atomic_store_explicit(&conn->shared, is_good(pool, conn), memory_order_relaxed);
    uint64_t head = atomic_load_explicit(&fast->head, memory_order_relaxed);
    fast->frozen = false;
    atomic_store_explicit(&fast->head,
                          ((head & ~(TN__HEAD_TOP | TN__HEAD_MARK)) + TN__HEAD_ONE) | top,
                          memory_order_release);
}
