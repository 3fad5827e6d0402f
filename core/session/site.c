/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* gettid */
#include "session/site.h"

#include <stddef.h>
#include <unistd.h>

#include <tenon/site.h>

#include "session/fork.h"

static _Thread_local tn__site here;

void tn_call_site(const char *file, int line)
{
    here = (tn__site){.file = file, .line = line};
}

tn__site tn__site_take(void)
{
    tn__site site = here;

    here.file = NULL;
    return site;
}

int64_t tn__thread_number(void)
{
    static _Thread_local int64_t number;
    static _Thread_local unsigned generation;

    /* The thread that called fork() has another number in the child. */
    if (generation != tn__fork_generation()) {
        number = gettid();
        generation = tn__fork_generation();
    }
    return number;
}
