/* SPDX-License-Identifier: MIT */
/* The trace context of a statement as an SQL comment, in sqlcommenter's form. */
#ifndef TENON_OBSERVE_TRACEPARENT_H
#define TENON_OBSERVE_TRACEPARENT_H

#include <stdatomic.h>

#include <tenon/trace.h>

/* The longest comment, with its NUL: each character of tracestate may become three. */
enum { TN__COMMENT_SIZE = 64 + TN_TRACEPARENT_SIZE + 3 * TN_TRACESTATE_SIZE };

extern atomic_bool tn__traceparent_asked;

/* One relaxed load. */
static inline bool tn__traceparent_wanted(void)
{
    return atomic_load_explicit(&tn__traceparent_asked, memory_order_relaxed);
}

/* Asks the application and writes "\n" and the comment; 0 when there is none to be sent. The line
 * end is for texts that end in a comment of the other kind. */
size_t tn__traceparent_comment(uint64_t span, char *buf);

/* The same of a context in hand. */
size_t tn__traceparent_write(const tn_traceparent *context, char *buf);

#endif
