/* SPDX-License-Identifier: MIT */
#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define LEAST_CAPACITY 64

void tn__buf_init(tn__buf *buf, size_t max)
{
    /* Half of the address space is left free so that max + 1 and doubling cannot overflow. */
    *buf = (tn__buf){.max = max < SIZE_MAX / 4 ? max : SIZE_MAX / 4};
}

void tn__buf_free(tn__buf *buf)
{
    if (!buf)
        return;
    free(buf->ptr);
    *buf = (tn__buf){.max = buf->max};
}

void tn__buf_reset(tn__buf *buf)
{
    buf->len = 0;
    buf->failed = false;
    if (buf->ptr)
        buf->ptr[0] = '\0';
}

static bool grow(tn__buf *buf, size_t need)
{
    size_t cap = buf->cap < LEAST_CAPACITY ? LEAST_CAPACITY : buf->cap;
    char *ptr;

    while (cap < need)
        cap *= 2;
    if (cap > buf->max + 1)
        cap = buf->max + 1;
    ptr = realloc(buf->ptr, cap);
    if (!ptr)
        return false;
    if (!buf->ptr)
        ptr[0] = '\0';
    buf->ptr = ptr;
    buf->cap = cap;
    return true;
}

char *tn__buf_reserve(tn__buf *buf, size_t n)
{
    if (buf->failed)
        return NULL;
    if (n > buf->max - buf->len || (buf->len + n + 1 > buf->cap && !grow(buf, buf->len + n + 1))) {
        buf->failed = true;
        return NULL;
    }
    return buf->ptr + buf->len;
}

void tn__buf_commit(tn__buf *buf, size_t n)
{
    buf->len += n;
    buf->ptr[buf->len] = '\0';
}

bool tn__buf_append(tn__buf *buf, const void *ptr, size_t len)
{
    char *room = tn__buf_reserve(buf, len);

    if (!room)
        return false;
    if (len)
        memcpy(room, ptr, len);
    tn__buf_commit(buf, len);
    return true;
}

bool tn__buf_puts(tn__buf *buf, const char *text)
{
    return tn__buf_append(buf, text, strlen(text));
}

bool tn__buf_putc(tn__buf *buf, char c)
{
    return tn__buf_append(buf, &c, 1);
}

bool tn__buf_str(tn__buf *buf, tn_str text)
{
    return tn__buf_append(buf, text.ptr, text.len);
}

bool tn__buf_printf(tn__buf *buf, const char *format, ...)
{
    va_list args;
    bool ok;

    va_start(args, format);
    ok = tn__buf_vprintf(buf, format, args);
    va_end(args);
    return ok;
}

bool tn__buf_vprintf(tn__buf *buf, const char *format, va_list args)
{
    va_list again;
    char *room;
    int len;

    if (buf->failed)
        return false;
    va_copy(again, args);
    len = vsnprintf(buf->ptr ? buf->ptr + buf->len : NULL, buf->ptr ? buf->cap - buf->len : 0,
                    format, args);
    if (len < 0) {
        buf->failed = true;
    } else if (buf->ptr && (size_t)len < buf->cap - buf->len) {
        buf->len += (size_t)len;
    } else {
        room = tn__buf_reserve(buf, (size_t)len);
        if (room) {
            vsnprintf(room, (size_t)len + 1, format, again);
            buf->len += (size_t)len;
        } else if (buf->ptr) {
            buf->ptr[buf->len] = '\0'; /* what the first try wrote does not count */
        }
    }
    va_end(again);
    return !buf->failed;
}

char *tn__buf_take(tn__buf *buf)
{
    size_t max = buf->max;
    char *ptr;

    if (!tn__buf_reserve(buf, 0)) {
        tn__buf_free(buf);
        return NULL;
    }
    ptr = TN__TAKE(buf->ptr);
    *buf = (tn__buf){.max = max};
    return ptr;
}
