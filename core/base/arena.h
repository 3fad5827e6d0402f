/* SPDX-License-Identifier: MIT */
/*
 * Bump allocation for what lives and dies together (a batch of rows). Reset keeps the memory, so a
 * loop that resets allocates nothing once it is warm. Pointers stay valid until reset or free
 * (blocks never move). One thread at a time.
 */
#ifndef TENON_BASE_ARENA_H
#define TENON_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

#include <tenon/types.h>

typedef struct tn__arena_block tn__arena_block;

typedef struct tn__arena {
    tn__arena_block *first;
    tn__arena_block *current;
    size_t used;  /* bytes handed out since the last reset */
    size_t limit; /* most bytes between two resets; more is NULL */
} tn__arena;

/* A state to which it can be brought back. */
typedef struct tn__arena_mark {
    tn__arena_block *block; /* NULL: nothing was handed out */
    size_t block_used;
    size_t used;
} tn__arena_mark;

/* No memory is taken until the first allocation. */
void tn__arena_init(tn__arena *arena, size_t limit);
void tn__arena_reset(tn__arena *arena);
void tn__arena_free(tn__arena *arena);
tn__arena_mark tn__arena_here(const tn__arena *arena);
/* What was handed out since then is gone. No reset may have come between. */
void tn__arena_rewind(tn__arena *arena, tn__arena_mark mark);
/* size bytes aligned to 16, uninitialised; NULL when there is no memory or the limit is passed. */
void *tn__arena_alloc(tn__arena *arena, size_t size);
/* A copy with a NUL behind it. */
char *tn__arena_copy(tn__arena *arena, const void *ptr, size_t len);
/* count * size, checked. */
void *tn__arena_array(tn__arena *arena, size_t count, size_t size);

#endif
