/* SPDX-License-Identifier: MIT */
/*
 * Buffered output to a descriptor. A failure is sticky: what follows is thrown away, and error
 * tells; EPIPE, a reader that has seen enough, is not a fault. One thread at a time.
 */
#ifndef TENON_TOOLS_OUT_H
#define TENON_TOOLS_OUT_H

#include <stdbool.h>
#include <stddef.h>

#include <tenon/types.h>

typedef struct out {
    int fd;
    int error; /* errno of the first failure, 0: none */
    size_t len;
    char buf[65536];
} out;

void out_init(out *o, int fd);
void out_write(out *o, const char *text, size_t len);
void out_puts(out *o, const char *text);
void out_fill(out *o, char c, size_t count);
/* The text form of a value, as the server prints it, straight into the buffer. */
void out_value(out *o, const tn_value *value);
/* Writes what is there. false after a failure. */
bool out_flush(out *o);

static inline void out_putc(out *o, char c)
{
    if (o->len == sizeof(o->buf))
        out_flush(o);
    o->buf[o->len++] = c;
}

/* The text of a value somewhere: in place where it is text already, else written to the buffer,
 * which grows as needed. false: out of memory. */
typedef struct out_scratch {
    char *ptr;
    size_t size;
} out_scratch;
bool out_text_of(const tn_value *value, out_scratch *scratch, tn_str *ret);
void out_scratch_free(out_scratch *scratch);

#endif
