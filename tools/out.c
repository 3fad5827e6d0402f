/* SPDX-License-Identifier: MIT */
#include "out.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void out_init(out *o, int fd)
{
    o->fd = fd;
    o->error = 0;
    o->len = 0;
}

static void write_all(out *o, const char *text, size_t len)
{
    while (len > 0 && !o->error) {
        ssize_t n = write(o->fd, text, len);
        if (n < 0) {
            if (errno != EINTR)
                o->error = errno;
            continue;
        }
        text += n;
        len -= (size_t)n;
    }
}

bool out_flush(out *o)
{
    write_all(o, o->buf, o->len);
    o->len = 0;
    return o->error == 0;
}

void out_write(out *o, const char *text, size_t len)
{
    if (len > sizeof(o->buf) - o->len) {
        out_flush(o);
        if (len > sizeof(o->buf)) {
            write_all(o, text, len);
            return;
        }
    }
    memcpy(o->buf + o->len, text, len);
    o->len += len;
}

void out_puts(out *o, const char *text)
{
    out_write(o, text, strlen(text));
}

void out_fill(out *o, char c, size_t count)
{
    while (count > 0) {
        size_t room = sizeof(o->buf) - o->len;
        size_t n = count < room ? count : room;
        memset(o->buf + o->len, c, n);
        o->len += n;
        count -= n;
        if (count > 0)
            out_flush(o);
    }
}

static bool is_text(const tn_value *value)
{
    return value->type == TN_TYPE_TEXT || value->type == TN_TYPE_JSON ||
           value->type == TN_TYPE_NUMERIC || value->type == TN_TYPE_OTHER;
}

bool out_text_of(const tn_value *value, out_scratch *scratch, tn_str *ret)
{
    if (is_text(value)) {
        *ret = (tn_str){value->as.ptr, value->len};
        return true;
    }
    size_t len = tn_value_format(value, scratch->ptr, scratch->size);
    if (len >= scratch->size) {
        size_t size = len + len / 2 + 64;
        char *ptr = realloc(scratch->ptr, size);
        if (!ptr)
            return false;
        scratch->ptr = ptr;
        scratch->size = size;
        len = tn_value_format(value, ptr, size);
    }
    *ret = (tn_str){scratch->ptr, len};
    return true;
}

void out_scratch_free(out_scratch *scratch)
{
    free(scratch->ptr);
    *scratch = (out_scratch){0};
}

void out_value(out *o, const tn_value *value)
{
    enum { SMALL = 128 };
    out_scratch scratch = {0};
    tn_str text;

    if (is_text(value)) {
        out_write(o, value->as.ptr, value->len);
        return;
    }
    if (sizeof(o->buf) - o->len < SMALL)
        out_flush(o);
    size_t len = tn_value_format(value, o->buf + o->len, sizeof(o->buf) - o->len);
    if (len < sizeof(o->buf) - o->len) {
        o->len += len;
        return;
    }
    /* Large bytes and arrays: by the heap. */
    if (out_text_of(value, &scratch, &text))
        out_write(o, text.ptr, text.len);
    else
        o->error = ENOMEM;
    out_scratch_free(&scratch);
}
