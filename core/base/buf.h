/* SPDX-License-Identifier: MIT */
/*
 * A growing byte buffer with a hard maximum. Failure (out of memory, maximum passed) is sticky: the
 * buffer stays valid, further appends do nothing, and failed tells. Always NUL-terminated once
 * something was appended. One thread at a time.
 */
#ifndef TENON_BASE_BUF_H
#define TENON_BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include <tenon/export.h>
#include <tenon/types.h>

typedef struct tn__buf {
    char *ptr;
    size_t len;
    size_t cap;
    size_t max; /* most bytes, the NUL not counted */
    bool failed;
} tn__buf;

#define TN__BUF_MAX ((size_t)1 << 30)

void tn__buf_init(tn__buf *buf, size_t max);
/* Wipes nothing; NULL-safe; the buffer may be used again after tn__buf_init(). */
void tn__buf_free(tn__buf *buf);
/* Forgets contents and failure, keeps memory. */
void tn__buf_reset(tn__buf *buf);
/* Room for n more bytes (and a NUL) at the end, or NULL; tn__buf_commit() makes them count. */
char *tn__buf_reserve(tn__buf *buf, size_t n);
void tn__buf_commit(tn__buf *buf, size_t n);
bool tn__buf_append(tn__buf *buf, const void *ptr, size_t len);
bool tn__buf_puts(tn__buf *buf, const char *text);
bool tn__buf_putc(tn__buf *buf, char c);
bool tn__buf_str(tn__buf *buf, tn_str text);
bool tn__buf_printf(tn__buf *buf, const char *format, ...) TN_PRINTF(2, 3);
bool tn__buf_vprintf(tn__buf *buf, const char *format, va_list args) TN_PRINTF(2, 0);
/* The text with its NUL, owned by the caller now (free()); NULL if failed. "" if empty. */
char *tn__buf_take(tn__buf *buf);

#endif
