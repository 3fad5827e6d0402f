/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* gettid */
#include "session/site.h"

#include <stddef.h>
#include <unistd.h>

#include <tenon/export.h>
#include <tenon/site.h>

#include "session/fork.h"

/* Every borrowing reads and writes it: at a fixed distance from the thread's pointer, no function
 * has to be called to find it. These few bytes are within what the loader keeps free for libraries
 * that are loaded late. */
static _Thread_local struct {
    tn__caller caller;
    unsigned generation;
} here __attribute__((tls_model("initial-exec")));

void tn_call_site(const char *file, int line)
{
    here.caller.site = (tn__site){.file = file, .line = line};
}

int64_t tn__thread_number(void)
{
    /* The thread that called fork() has another number in the child. */
    if (TN_UNLIKELY(here.generation != tn__fork_generation())) {
        here.caller.thread = gettid();
        here.generation = tn__fork_generation();
    }
    return here.caller.thread;
}

tn__caller tn__caller_take(void)
{
    const tn__caller caller = {.thread = tn__thread_number(), .site = here.caller.site};

    here.caller.site.file = NULL;
    return caller;
}
