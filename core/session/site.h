/* SPDX-License-Identifier: MIT */
/* Where in the application the call stands that is being made on this thread, if it said so. */
#ifndef TENON_SESSION_SITE_H
#define TENON_SESSION_SITE_H

#include <stddef.h>
#include <stdint.h>

#include <tenon/export.h>

#include "session/fork.h"

typedef struct tn__site {
    const char *file; /* static storage; NULL: not told */
    int line;
} tn__site;

/* Who makes a call. */
typedef struct tn__caller {
    int64_t thread; /* the kernel's number of it, as ps -T shows it */
    tn__site site;
} tn__caller;

/* Every borrowing reads and writes it: at a fixed distance from the thread's pointer, no function
 * has to be called to find it. These few bytes are within what the loader keeps free for libraries
 * that are loaded late. */
extern _Thread_local struct tn__here {
    tn__caller caller;
    unsigned generation; /* of the process that the thread's number was asked in */
} tn__here __attribute__((tls_model("initial-exec")));

void tn__thread_ask(void);

static inline int64_t tn__thread_number(void)
{
    /* The thread that called fork() has another number in the child. */
    if (TN_UNLIKELY(tn__here.generation != tn__fork_generation()))
        tn__thread_ask();
    return tn__here.caller.thread;
}

/* This thread, and what tn_call_site() said last on it; that is forgotten. */
static inline tn__caller tn__caller_take(void)
{
    const tn__caller caller = {.thread = tn__thread_number(), .site = tn__here.caller.site};

    tn__here.caller.site.file = NULL;
    return caller;
}

#endif
