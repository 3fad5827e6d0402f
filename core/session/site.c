/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* gettid */
#include "session/site.h"

#include <unistd.h>

#include <tenon/site.h>

_Thread_local struct tn__here tn__here __attribute__((tls_model("initial-exec")));

void tn_call_site(const char *file, int line)
{
    tn__here.caller.site = (tn__site){.file = file, .line = line};
}

void tn__thread_ask(void)
{
    tn__here.caller.thread = gettid();
    tn__here.generation = tn__fork_generation();
}
