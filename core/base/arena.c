/* SPDX-License-Identifier: MIT */
#include "base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define ALIGNMENT   16
#define FIRST_BLOCK ((size_t)4096)
#define MOST_BLOCK  ((size_t)1 << 20) /* blocks double up to here; one request may be larger */

struct tn__arena_block {
    tn__arena_block *next;
    size_t cap;
    size_t used;
    alignas(ALIGNMENT) char data[];
};

void tn__arena_init(tn__arena *arena, size_t limit)
{
    *arena = (tn__arena){.limit = limit};
}

void tn__arena_reset(tn__arena *arena)
{
    arena->current = arena->first;
    if (arena->current)
        arena->current->used = 0;
    arena->used = 0;
}

tn__arena_mark tn__arena_here(const tn__arena *arena)
{
    return (tn__arena_mark){arena->current, arena->current ? arena->current->used : 0, arena->used};
}

void tn__arena_rewind(tn__arena *arena, tn__arena_mark mark)
{
    if (!mark.block) {
        tn__arena_reset(arena);
        return;
    }
    arena->current = mark.block;
    arena->current->used = mark.block_used;
    arena->used = mark.used;
}

void tn__arena_free(tn__arena *arena)
{
    tn__arena_block *block = arena->first;

    while (block) {
        tn__arena_block *next = block->next;
        free(block);
        block = next;
    }
    *arena = (tn__arena){.limit = arena->limit};
}

/* Makes a block with room for size the current one. What stands behind the current block is left
 * from before the last reset and holds nothing: it is taken, or replaced when it is too small, so
 * that no sequence of resets can make the chain grow for ever. */
static bool advance(tn__arena *arena, size_t size)
{
    tn__arena_block *next = arena->current ? arena->current->next : NULL;
    tn__arena_block *behind = NULL;
    size_t cap;

    if (next && next->cap < size) {
        behind = next->next;
        free(next);
        arena->current->next = next = behind;
        if (next && next->cap < size)
            next = NULL;
    }
    if (!next) {
        cap = arena->current ? arena->current->cap * 2 : FIRST_BLOCK;
        if (cap > MOST_BLOCK)
            cap = MOST_BLOCK;
        if (cap < size)
            cap = size;
        if (cap > SIZE_MAX - sizeof(*next))
            return false;
        next = malloc(sizeof(*next) + cap);
        if (!next)
            return false;
        *next = (tn__arena_block){.next = behind, .cap = cap};
        if (arena->current)
            arena->current->next = next;
        else
            arena->first = next;
    }
    next->used = 0;
    arena->current = next;
    return true;
}

void *tn__arena_alloc(tn__arena *arena, size_t size)
{
    size_t rounded = size ? (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1) : ALIGNMENT;
    void *ptr;

    if (rounded < size || arena->limit < arena->used || rounded > arena->limit - arena->used)
        return NULL;
    if ((!arena->current || rounded > arena->current->cap - arena->current->used) &&
        !advance(arena, rounded))
        return NULL;
    ptr = arena->current->data + arena->current->used;
    arena->current->used += rounded;
    arena->used += rounded;
    return ptr;
}

char *tn__arena_copy(tn__arena *arena, const void *ptr, size_t len)
{
    char *copy = len < SIZE_MAX ? tn__arena_alloc(arena, len + 1) : NULL;

    if (!copy)
        return NULL;
    if (len)
        memcpy(copy, ptr, len);
    copy[len] = '\0';
    return copy;
}

void *tn__arena_array(tn__arena *arena, size_t count, size_t size)
{
    size_t bytes;

    if (__builtin_mul_overflow(count, size, &bytes))
        return NULL;
    return tn__arena_alloc(arena, bytes);
}
