/* SPDX-License-Identifier: MIT */
/* Which timer is due first: a binary heap. Times are nanoseconds of CLOCK_MONOTONIC. */
#ifndef EVENTLOOP_TIMERS_H
#define EVENTLOOP_TIMERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The caller's memory, {0} to begin with; it stays where it is while it is set. */
struct timer {
    int64_t due_ns;
    size_t place; /* in the heap, from 1; 0: not set */
};

struct timers {
    struct timer **heap; /* from 0; the first is due first */
    size_t count;
    size_t capacity;
};

/* Room for so many, so that setting one cannot fail. false: out of memory. */
bool timers_reserve(struct timers *timers, size_t count);
void timers_free(struct timers *timers);

void timer_set(struct timers *timers, struct timer *timer, int64_t due_ns);
/* Nothing happens to one that is not set. */
void timer_unset(struct timers *timers, struct timer *timer);

/* The one that is due first, or NULL. */
struct timer *timers_first(const struct timers *timers);

#endif
