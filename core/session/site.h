/* SPDX-License-Identifier: MIT */
/* Where in the application the call stands that is being made on this thread, if it said so. */
#ifndef TENON_SESSION_SITE_H
#define TENON_SESSION_SITE_H

#include <stdint.h>

typedef struct tn__site {
    const char *file; /* static storage; NULL: not told */
    int line;
} tn__site;

/* What tn_call_site() said last on this thread; it is forgotten. */
tn__site tn__site_take(void);

/* The kernel's number of this thread, as ps -T shows it. */
int64_t tn__thread_number(void);

#endif
