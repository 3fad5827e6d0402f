/* SPDX-License-Identifier: MIT */
#include "session/fork.h"

#include <pthread.h>

atomic_uint tn__forks = 1;

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void in_child(void)
{
    atomic_fetch_add_explicit(&tn__forks, 1, memory_order_relaxed);
}

static void install(void)
{
    /* Failure (no memory) leaves the guard off; nothing else depends on it. */
    (void)pthread_atfork(NULL, NULL, in_child);
}

unsigned tn__fork_watch(void)
{
    pthread_once(&once, install);
    return tn__fork_generation();
}
