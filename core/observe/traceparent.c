/* SPDX-License-Identifier: MIT */
/*
 * What the application hands over may come from a request of a stranger's. The form of traceparent
 * leaves no room for anything but hexadecimal digits and hyphens; of tracestate every character but
 * letters, digits and -._~ is percent-encoded.
 */
#include "observe/traceparent.h"

#include <pthread.h>
#include <string.h>

atomic_bool tn__traceparent_asked;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static tn_traceparent_fn *source;
static void *source_arg;

void tn_trace_set_parent(tn_traceparent_fn *fn, void *arg)
{
    pthread_mutex_lock(&lock);
    source = fn;
    source_arg = arg;
    atomic_store_explicit(&tn__traceparent_asked, fn != NULL, memory_order_relaxed);
    pthread_mutex_unlock(&lock);
}

static bool is_hex(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!((text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f')))
            return false;
    return true;
}

static bool all_zero(const char *text, size_t len)
{
    while (len && text[len - 1] == '0')
        len--;
    return len == 0;
}

/* version 00: "00-" trace (32) "-" parent (16) "-" flags (2). Ids of zeros are none. */
static bool is_traceparent(const char text[TN_TRACEPARENT_SIZE])
{
    return strnlen(text, TN_TRACEPARENT_SIZE) == TN_TRACEPARENT_SIZE - 1 &&
           memcmp(text, "00-", 3) == 0 && is_hex(text + 3, 32) && !all_zero(text + 3, 32) &&
           text[35] == '-' && is_hex(text + 36, 16) && !all_zero(text + 36, 16) &&
           text[52] == '-' && is_hex(text + 53, 2);
}

static bool is_tracestate(const char text[TN_TRACESTATE_SIZE])
{
    size_t len = strnlen(text, TN_TRACESTATE_SIZE);

    if (len == 0 || len == TN_TRACESTATE_SIZE)
        return false;
    for (size_t i = 0; i < len; i++)
        if (text[i] < 0x20 || text[i] > 0x7e)
            return false;
    return true;
}

static char *put(char *at, const char *text)
{
    size_t len = strlen(text);

    memcpy(at, text, len);
    return at + len;
}

static bool is_plain(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

static char *put_encoded(char *at, const char *text)
{
    static const char hex[] = "0123456789ABCDEF";

    for (; *text; text++) {
        if (is_plain(*text)) {
            *at++ = *text;
        } else {
            *at++ = '%';
            *at++ = hex[(unsigned char)*text >> 4];
            *at++ = hex[(unsigned char)*text & 15];
        }
    }
    return at;
}

size_t tn__traceparent_write(const tn_traceparent *context, char *buf)
{
    char *at = buf;

    *at = '\0';
    if (!is_traceparent(context->traceparent))
        return 0;
    at = put(at, "\n/*traceparent='");
    at = put(at, context->traceparent);
    if (is_tracestate(context->tracestate)) {
        at = put(at, "',tracestate='");
        at = put_encoded(at, context->tracestate);
    }
    at = put(at, "'*/");
    *at = '\0';
    return (size_t)(at - buf);
}

size_t tn__traceparent_comment(uint64_t span, char *buf)
{
    tn_traceparent context;

    pthread_mutex_lock(&lock);
    tn_traceparent_fn *fn = source;
    void *arg = source_arg;
    pthread_mutex_unlock(&lock);
    if (!fn)
        return 0;
    memset(&context, 0, sizeof(context));
    return fn(arg, span, &context) ? tn__traceparent_write(&context, buf) : 0;
}
