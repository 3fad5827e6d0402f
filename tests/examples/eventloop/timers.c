/* SPDX-License-Identifier: MIT */
#include "timers.h"

#include <stdlib.h>

bool timers_reserve(struct timers *timers, size_t count)
{
    if (count <= timers->capacity)
        return true;
    size_t capacity = count < 16 ? 16 : count * 2;
    struct timer **heap = realloc(timers->heap, capacity * sizeof(*heap));
    if (!heap)
        return false;
    timers->heap = heap;
    timers->capacity = capacity;
    return true;
}

void timers_free(struct timers *timers)
{
    free(timers->heap);
    *timers = (struct timers){.heap = NULL};
}

static void put(struct timers *timers, size_t at, struct timer *timer)
{
    timers->heap[at] = timer;
    timer->place = at + 1;
}

static void sift_up(struct timers *timers, size_t at, struct timer *timer)
{
    while (at > 0 && timers->heap[(at - 1) / 2]->due_ns > timer->due_ns) {
        put(timers, at, timers->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    put(timers, at, timer);
}

static void sift_down(struct timers *timers, size_t at, struct timer *timer)
{
    for (;;) {
        size_t child = 2 * at + 1;
        if (child + 1 < timers->count &&
            timers->heap[child + 1]->due_ns < timers->heap[child]->due_ns)
            child++;
        if (child >= timers->count || timers->heap[child]->due_ns >= timer->due_ns)
            break;
        put(timers, at, timers->heap[child]);
        at = child;
    }
    put(timers, at, timer);
}

void timer_set(struct timers *timers, struct timer *timer, int64_t due_ns)
{
    timer_unset(timers, timer);
    timer->due_ns = due_ns;
    sift_up(timers, timers->count++, timer);
}

void timer_unset(struct timers *timers, struct timer *timer)
{
    if (!timer->place)
        return;
    size_t at = timer->place - 1;
    struct timer *last = timers->heap[--timers->count];
    timer->place = 0;
    if (last == timer)
        return;
    if (at > 0 && timers->heap[(at - 1) / 2]->due_ns > last->due_ns)
        sift_up(timers, at, last);
    else
        sift_down(timers, at, last);
}

struct timer *timers_first(const struct timers *timers)
{
    return timers->count ? timers->heap[0] : NULL;
}
