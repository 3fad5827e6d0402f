/* SPDX-License-Identifier: MIT */
/* Telling a child of fork() from its parent without a system call: a count of forks. */
#ifndef TENON_SESSION_FORK_H
#define TENON_SESSION_FORK_H

#include <stdatomic.h>

extern atomic_uint tn__forks;

/* Counts from now on, and returns the count. For whoever opens something that a child must not use.
 */
unsigned tn__fork_watch(void);

/* The count; it changes in the child each time a watched process is forked. */
static inline unsigned tn__fork_generation(void)
{
    return atomic_load_explicit(&tn__forks, memory_order_relaxed);
}

#endif
