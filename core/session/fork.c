/* SPDX-License-Identifier: MIT */
#include "session/fork.h"

#include <pthread.h>
#include <stdatomic.h>

static atomic_uint generation = 1;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void in_child(void)
{
    atomic_fetch_add_explicit(&generation, 1, memory_order_relaxed);
}

static void install(void)
{
    /* Failure (no memory) leaves the guard off; nothing else depends on it. */
    (void)pthread_atfork(NULL, NULL, in_child);
}

unsigned tn__fork_generation(void)
{
    pthread_once(&once, install);
    return atomic_load_explicit(&generation, memory_order_relaxed);
}
