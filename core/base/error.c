/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <string.h>

#include <tenon/error.h>

#include "base/sqlstate.h"
#include "base/str.h"

/* Texts are made beside the error first: an argument may point into it. */
TN_PRINTF(3, 0)
static void format_text(char *dst, size_t size, const char *format, va_list args)
{
    char text[sizeof(((tn_error *)0)->message) + 8];
    int len = vsnprintf(text, sizeof(text), format, args);

    if (len < 0)
        len = 0;
    if ((size_t)len >= sizeof(text))
        len = (int)sizeof(text) - 1;
    tn__copy_text(dst, size, tn__str(text, (size_t)len));
}

tn_status tn_error_set(tn_error *err, tn_status status, const char *sqlstate, const char *format,
                       ...)
{
    tn_error next = TN_ERROR_INIT;
    va_list args;

    if (status == TN_OK)
        status = TN_FAILED; /* an error that says "fine" would be taken for success */
    if (!err)
        return status;
    va_start(args, format);
    format_text(next.message, sizeof(next.message), format, args);
    va_end(args);
    next.status = status;
    if (!sqlstate)
        sqlstate = tn__status_sqlstate(status);
    if (strnlen(sqlstate, sizeof(next.sqlstate)) == 5)
        memcpy(next.sqlstate, sqlstate, 5);
    tn__error_classify(&next);
    *err = next;
    return status;
}

void tn_error_prepend(tn_error *err, const char *format, ...)
{
    char prefix[sizeof(err->message)], text[sizeof(prefix) + sizeof(err->message) + 2];
    va_list args;
    int len;

    if (!err)
        return;
    va_start(args, format);
    format_text(prefix, sizeof(prefix), format, args);
    va_end(args);
    len = snprintf(text, sizeof(text), "%s%s%s", prefix, err->message[0] ? ": " : "", err->message);
    tn__copy_text(err->message, sizeof(err->message), tn__str(text, (size_t)len));
}

void tn_error_set_hint(tn_error *err, const char *format, ...)
{
    char hint[sizeof(err->hint)];
    va_list args;

    if (!err)
        return;
    va_start(args, format);
    format_text(hint, sizeof(hint), format, args);
    va_end(args);
    memcpy(err->hint, hint, sizeof(hint));
}

void tn_error_clear(tn_error *err)
{
    if (err)
        *err = (tn_error)TN_ERROR_INIT;
}

typedef struct sink {
    char *buf;
    size_t size;
    size_t len; /* of the whole text, whether it fits or not */
} sink;

static void put(sink *out, const char *ptr, size_t len)
{
    if (out->len < out->size) {
        size_t room = out->size - out->len;
        memcpy(out->buf + out->len, ptr, len < room ? len : room);
    }
    out->len += len;
}

static void put_escaped(sink *out, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    const char text[] = {'\\', 'x', hex[c >> 4], hex[c & 15]};

    put(out, text, sizeof(text));
}

static void put_text(sink *out, const char *label, const char *text)
{
    size_t len = strlen(text);

    if (label) {
        if (!len)
            return;
        put(out, "\n", 1);
        put(out, label, strlen(label));
        put(out, ": ", 2);
    }
    while (len) {
        size_t n = *text == '\n' ? 1 : tn__utf8_printable(text, len);

        if (n) {
            put(out, text, n);
        } else {
            put_escaped(out, (unsigned char)*text);
            n = 1;
        }
        text += n;
        len -= n;
    }
}

size_t tn_error_format(const tn_error *err, char *buf, size_t size)
{
    sink out = {.buf = buf, .size = size ? size - 1 : 0};

    put_text(&out, NULL, err->message[0] ? err->message : tn_status_name(err->status));
    if (err->sqlstate[0]) {
        put(&out, " (SQLSTATE ", 11);
        put_text(&out, NULL, err->sqlstate);
        put(&out, ")", 1);
    }
    put_text(&out, "detail", err->detail);
    put_text(&out, "hint", err->hint);
    put_text(&out, "constraint", err->constraint);
    put_text(&out, "transaction", err->transaction);
    if (size)
        buf[out.len < size ? out.len : size - 1] = '\0';
    return out.len;
}

void tn_error_print(FILE *stream, const tn_error *err)
{
    char text[8192]; /* all texts, every byte of them escaped */

    tn_error_format(err, text, sizeof(text));
    fprintf(stream, "%s\n", text);
}
