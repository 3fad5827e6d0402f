/* SPDX-License-Identifier: MIT */
/*
 * Fibers: functions with a stack of their own that can stop in the middle and go on later. They
 * know nothing of sockets or time; loop.h decides who runs.
 *
 * Thread rule: a fiber and its stacks belong to the thread that made them.
 */
#ifndef EVENTLOOP_FIBER_H
#define EVENTLOOP_FIBER_H

#include <stdbool.h>
#include <stddef.h>

struct fiber;
typedef void fiber_fn(void *arg);

/* Stacks that are not in use, for the fibers to come. {NULL} to begin with. */
struct fiber_stacks {
    struct fiber_stack *free;
};

/* Does not run yet. NULL: no memory (errno). */
struct fiber *fiber_new(struct fiber_stacks *stacks, fiber_fn *fn, void *arg);

/* Runs it until it pauses (true) or its function has returned (false). */
bool fiber_resume(struct fiber *fiber);

/* Within that fiber: back to who resumed it. Returns when it is resumed again. */
void fiber_pause(struct fiber *fiber);

/* One whose function has returned, or that never ran; its stack goes back. */
void fiber_free(struct fiber_stacks *stacks, struct fiber *fiber);

void fiber_stacks_free(struct fiber_stacks *stacks);

#endif
