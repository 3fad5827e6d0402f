/* SPDX-License-Identifier: MIT */
/* Where in the application the call stands that is being made on this thread, if it said so. */
#ifndef TENON_SESSION_SITE_H
#define TENON_SESSION_SITE_H

#include <stdint.h>

typedef struct tn__site {
    const char *file; /* static storage; NULL: not told */
    int line;
} tn__site;

/* Who makes a call. */
typedef struct tn__caller {
    int64_t thread; /* the kernel's number of it, as ps -T shows it */
    tn__site site;
} tn__caller;

/* This thread, and what tn_call_site() said last on it; that is forgotten. */
tn__caller tn__caller_take(void);

int64_t tn__thread_number(void);

#endif
