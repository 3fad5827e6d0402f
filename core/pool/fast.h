/* SPDX-License-Identifier: MIT */
/*
 * Taking a connection and putting it back without the lock, as long as nothing stands against it.
 *
 * Idle connections are a stack of numbers whose top, a mark and a count of changes are one word,
 * the head. Who finds no mark takes the top, or puts one there, by one compare-and-swap: most
 * recently used first. Who holds the pool's lock sets the mark first ("frozen"): from then on every
 * such compare-and-swap fails, nothing moves but by the lock's holder, and the lists and counts of
 * pool.h are made true again. Whoever gives up the lock clears the mark only when the pool is
 * plain: nobody waits, nobody closes or suspends it, upkeep knows when to look.
 *
 * So no wake-up can be lost and nobody be overtaken. One who waits stands in line under the lock,
 * with the mark set. Any compare-and-swap on the head comes before the mark or after it. Put back
 * before: the waiter, who looks after the mark, finds that connection. Put back after: it fails,
 * takes the lock and finds the waiter. Taken before: by one who was there first. Taken after: it
 * fails, and stands in line behind the waiter.
 */
#ifndef TENON_POOL_FAST_H
#define TENON_POOL_FAST_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "session/conn.h"

struct tn__pool;

enum { TN__CACHE_LINE = 64, TN__FAST_PAUSES = 16 };

/* A connection's place, which has memory of its own: who has read the head looks at the place below
 * the top when the connection may be gone already. Such a look is not followed by success. */
typedef struct tn__place {
    tn__conn *conn;              /* changes only while frozen */
    atomic_uint_least32_t below; /* number of the next one in the stack; 0: none */
    char apart[TN__CACHE_LINE - sizeof(tn__conn *) - sizeof(uint32_t)];
} tn__place;

typedef struct tn__places {
    struct tn__places *before; /* smaller ones, which somebody may look at still */
    uint32_t capacity;
    tn__place at[]; /* number 1 is the first */
} tn__places;

typedef struct tn__fast {
    char apart[TN__CACHE_LINE];
    atomic_uint_least64_t head;
    _Atomic(tn__places *) places; /* read after the head */
    char apart_too[TN__CACHE_LINE];
    /* Under the lock. */
    uint32_t used;  /* places that were ever in use */
    uint32_t pause; /* turns of the lock before the next thaw */
    bool frozen;
} tn__fast;

void tn__fast_init(tn__fast *fast);
void tn__fast_free(tn__fast *fast);

/* Without the lock: is there an idle one? */
bool tn__fast_any(const tn__fast *fast);

/* Under the lock, frozen. One that gets no place (there is no memory) takes the slow way. */
void tn__fast_enter(tn__fast *fast, tn__conn *conn);
void tn__fast_leave(tn__fast *fast, tn__conn *conn);

/* Under the lock. */
void tn__fast_freeze(struct tn__pool *pool);
/* If the pool is plain. */
void tn__fast_thaw(struct tn__pool *pool);

/*
 * The head: 43 bits of count, one of mark, 20 of the top's number. The count goes up with every
 * change, so that a compare-and-swap never takes a head for the one that was read when others have
 * taken and put back the same top meanwhile; it would have to go round 2^43 times for that.
 */
#define TN__HEAD_TOP  UINT64_C(0xfffff)
#define TN__HEAD_MARK UINT64_C(0x100000)
#define TN__HEAD_ONE  UINT64_C(0x200000)

/* Another one was faster. Who tries again at once takes the head's memory from it before it is done
 * with the rest; a little later both are through sooner. */
static inline uint64_t tn__fast_again(const tn__fast *fast)
{
#if defined(__x86_64__) || defined(__i386__)
    for (int i = 0; i < TN__FAST_PAUSES; i++)
        __builtin_ia32_pause();
#endif
    return atomic_load_explicit(&fast->head, memory_order_acquire);
}

/* NULL: none, or not now. That no mark was there for the compare-and-swap means that none was set
 * since the head was read: the places are the ones of then. */
static inline tn__conn *tn__fast_take(tn__fast *fast)
{
    uint64_t head = atomic_load_explicit(&fast->head, memory_order_acquire);

    for (;;) {
        uint32_t top = (uint32_t)(head & TN__HEAD_TOP);
        if (!top || (head & TN__HEAD_MARK))
            return NULL;
        tn__place *place = &atomic_load_explicit(&fast->places, memory_order_acquire)->at[top - 1];
        uint64_t below = atomic_load_explicit(&place->below, memory_order_relaxed);
        if (atomic_compare_exchange_weak_explicit(&fast->head, &head,
                                                  ((head & ~TN__HEAD_TOP) | below) + TN__HEAD_ONE,
                                                  memory_order_acq_rel, memory_order_acquire))
            return place->conn;
        head = tn__fast_again(fast);
    }
}

/* false: not now. */
static inline bool tn__fast_put(tn__fast *fast, tn__conn *conn)
{
    uint64_t head = atomic_load_explicit(&fast->head, memory_order_acquire);

    for (;;) {
        if ((head & TN__HEAD_MARK) || !atomic_load_explicit(&conn->shared, memory_order_relaxed))
            return false;
        tn__places *places = atomic_load_explicit(&fast->places, memory_order_acquire);
        atomic_store_explicit(&places->at[conn->place - 1].below, (uint32_t)(head & TN__HEAD_TOP),
                              memory_order_relaxed);
        if (atomic_compare_exchange_weak_explicit(
                &fast->head, &head, ((head & ~TN__HEAD_TOP) | conn->place) + TN__HEAD_ONE,
                memory_order_acq_rel, memory_order_acquire))
            return true;
        head = tn__fast_again(fast);
    }
}

#endif
