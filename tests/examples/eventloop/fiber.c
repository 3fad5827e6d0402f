/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* MAP_STACK, MAP_ANONYMOUS */
#include "fiber.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "sanitizer.h"

/* Only what is touched becomes memory. Several times what the library and libpq were seen to use;
 * what the program's own functions put there (a tn_error is 2.7 kB) comes on top. */
enum { STACK_SIZE = 256 * 1024 };

/* ---- stacks ---------------------------------------------------------------------------------- */

/* Lies at the upper end of its own mapping: guard page, room, this. */
struct fiber_stack {
    struct fiber_stack *next;
};

static size_t page_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

static char *mapping_of(struct fiber_stack *stack)
{
    return (char *)(stack + 1) - STACK_SIZE - page_size();
}

static char *bottom_of(struct fiber_stack *stack)
{
    return mapping_of(stack) + page_size();
}

static size_t size_of_room(void)
{
    return STACK_SIZE - sizeof(struct fiber_stack);
}

static struct fiber_stack *stack_take(struct fiber_stacks *stacks)
{
    struct fiber_stack *stack = stacks->free;
    size_t guard = page_size();

    if (stack) {
        stacks->free = stack->next;
        return stack;
    }
    char *mapping = mmap(NULL, guard + STACK_SIZE, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);
    if (mapping == MAP_FAILED)
        return NULL;
    /* A stack that grows too far ends the program, and not its neighbour's data. */
    if (mprotect(mapping, guard, PROT_NONE) != 0) {
        munmap(mapping, guard + STACK_SIZE);
        return NULL;
    }
    return (struct fiber_stack *)(void *)(mapping + guard + size_of_room());
}

static void stack_give(struct fiber_stacks *stacks, struct fiber_stack *stack)
{
    asan_forget(bottom_of(stack), size_of_room());
    stack->next = stacks->free;
    stacks->free = stack;
}

void fiber_stacks_free(struct fiber_stacks *stacks)
{
    while (stacks->free) {
        struct fiber_stack *stack = stacks->free;
        stacks->free = stack->next;
        munmap(mapping_of(stack), page_size() + STACK_SIZE);
    }
}

/* ---- fibers ---------------------------------------------------------------------------------- */

struct fiber {
    fiber_fn *fn;
    void *arg;
    bool done;
    struct fiber_stack *stack;
    ucontext_t own;
    ucontext_t resumer;

    /* The sanitizers' view of the two stacks. */
    void *own_frames, *resumer_frames;
    const void *resumer_bottom;
    size_t resumer_size;
    void *own_tsan, *resumer_tsan;
};

/* makecontext() passes int, a pointer does not fit: whoever is resumed finds itself here. */
static _Thread_local struct fiber *resumed;

static void leave(struct fiber *fiber)
{
    asan_before_switch(fiber->done ? NULL : &fiber->own_frames, fiber->resumer_bottom,
                       fiber->resumer_size);
    tsan_switch_to(fiber->resumer_tsan);
    swapcontext(&fiber->own, &fiber->resumer);
    asan_after_switch(fiber->own_frames, &fiber->resumer_bottom, &fiber->resumer_size);
}

static void begin(void)
{
    struct fiber *fiber = resumed;

    asan_after_switch(NULL, &fiber->resumer_bottom, &fiber->resumer_size);
    fiber->fn(fiber->arg);
    fiber->done = true;
    leave(fiber);
    abort(); /* who is done is not resumed */
}

static bool point_to_begin(struct fiber *fiber)
{
    if (getcontext(&fiber->own) != 0)
        return false;
    fiber->own.uc_stack.ss_sp = bottom_of(fiber->stack);
    fiber->own.uc_stack.ss_size = size_of_room();
    fiber->own.uc_link = NULL;
    makecontext(&fiber->own, begin, 0);
    return true;
}

struct fiber *fiber_new(struct fiber_stacks *stacks, fiber_fn *fn, void *arg)
{
    struct fiber *fiber = calloc(1, sizeof(*fiber));

    if (!fiber)
        return NULL;
    fiber->fn = fn;
    fiber->arg = arg;
    fiber->stack = stack_take(stacks);
    if (!fiber->stack || !point_to_begin(fiber)) {
        fiber_free(stacks, fiber);
        return NULL;
    }
    fiber->own_tsan = tsan_new();
    return fiber;
}

bool fiber_resume(struct fiber *fiber)
{
    resumed = fiber;
    fiber->resumer_tsan = tsan_this();
    asan_before_switch(&fiber->resumer_frames, bottom_of(fiber->stack), size_of_room());
    tsan_switch_to(fiber->own_tsan);
    swapcontext(&fiber->resumer, &fiber->own);
    asan_after_switch(fiber->resumer_frames, NULL, NULL);
    return !fiber->done;
}

void fiber_pause(struct fiber *fiber)
{
    leave(fiber);
}

void fiber_free(struct fiber_stacks *stacks, struct fiber *fiber)
{
    if (!fiber)
        return;
    if (fiber->own_tsan)
        tsan_free(fiber->own_tsan);
    if (fiber->stack)
        stack_give(stacks, fiber->stack);
    free(fiber);
}
