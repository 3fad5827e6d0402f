/* SPDX-License-Identifier: MIT */
#include "exporter.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

enum { KIND_INTERNAL = 1, KIND_CLIENT = 3, STATUS_ERROR = 2 };

static FILE *sink;
static int64_t unix_offset_ns; /* events tell monotonic time */
static _Thread_local span *current;

static int64_t clock_ns(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static void put_string(FILE *out, tn_str text)
{
    fputc('"', out);
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c == '"' || c == '\\')
            fprintf(out, "\\%c", c);
        else if (c < 0x20 || c == 0x7f)
            fprintf(out, "\\u%04x", c);
        else
            fputc(c, out);
    }
    fputc('"', out);
}

static void put_text_attribute(FILE *out, const char *key, tn_str value)
{
    if (!value.len)
        return;
    fprintf(out, ",{\"key\":\"%s\",\"value\":{\"stringValue\":", key);
    put_string(out, value);
    fputs("}}", out);
}

/* OTLP writes 64-bit numbers as texts. */
static void put_number_attribute(FILE *out, const char *key, int64_t value)
{
    fprintf(out, ",{\"key\":\"%s\",\"value\":{\"intValue\":\"%" PRId64 "\"}}", key, value);
}

static void put_head(FILE *out, const char *trace, uint64_t id, uint64_t parent)
{
    fprintf(out, "{\"traceId\":\"%s\",\"spanId\":\"%016" PRIx64 "\",", trace, id);
    if (parent)
        fprintf(out, "\"parentSpanId\":\"%016" PRIx64 "\",", parent);
}

static void put_times(FILE *out, int64_t start_ns, int64_t duration_ns)
{
    fprintf(out, "\"startTimeUnixNano\":\"%" PRId64 "\",\"endTimeUnixNano\":\"%" PRId64 "\"",
            start_ns + unix_offset_ns, start_ns + duration_ns + unix_offset_ns);
}

/* ---- the library's spans --------------------------------------------------------------------- */

/* Few different ones, as a name should be: a statement's first word, else what it is. */
static tn_str name_of(const tn_trace_event *event)
{
    static const char *const names[] = {"statement",   "connect", "acquire",
                                        "transaction", "retry",   "discard"};
    size_t len = 0;

    while (len < event->sql.len && len < 20 &&
           ((event->sql.ptr[len] | 0x20) >= 'a' && (event->sql.ptr[len] | 0x20) <= 'z'))
        len++;
    if (len)
        return (tn_str){event->sql.ptr, len};
    return tn_str_from((size_t)event->kind < sizeof(names) / sizeof(names[0]) ? names[event->kind]
                                                                              : "other");
}

static void put_event(FILE *out, const tn_trace_event *event)
{
    const span *around = current;
    char own[33];

    /* Outside of any span (connections may be made by threads of the library) it is its own trace.
     */
    snprintf(own, sizeof(own), "%016" PRIx64 "%016" PRIx64, event->id, event->id);
    put_head(out, around ? around->trace : own, event->id,
             event->parent ? event->parent
             : around      ? around->id
                           : 0);
    fputs("\"name\":", out);
    put_string(out, name_of(event));
    fprintf(out, ",\"kind\":%d,", KIND_CLIENT);
    put_times(out, event->start_ns, event->duration_ns);
    fputs(",\"attributes\":[{\"key\":\"db.system.name\",\"value\":{\"stringValue\":", out);
    put_string(out, tn_str_from(event->driver));
    fputs("}}", out);
    put_text_attribute(out, "db.query.text", event->sql);
    put_text_attribute(out, "tenon.what", tn_str_from(event->what));
    put_number_attribute(out, "tenon.connection", (int64_t)event->connection);
    if (event->kind == TN_TRACE_STATEMENT)
        put_number_attribute(out, "db.response.returned_rows", (int64_t)event->rows);
    if (event->error)
        put_text_attribute(out, "db.response.status_code", tn_str_from(event->error->sqlstate));
    fputs("]", out);
    /* The class, not the message: the server's words may hold values. */
    if (event->error)
        fprintf(out, ",\"status\":{\"code\":%d,\"message\":\"%s\"}", STATUS_ERROR,
                tn_status_name(event->error->status));
    fputs("}\n", out);
}

static void on_event(void *arg, const tn_trace_event *event)
{
    FILE *out = arg;

    if (event->phase == TN_TRACE_START)
        return; /* the end tells everything again */
    flockfile(out);
    put_event(out, event);
    funlockfile(out);
}

/* The statement's own span is what the server shall name as its parent. */
static bool on_statement(void *arg, uint64_t id, tn_traceparent *ret)
{
    (void)arg;
    if (!current || !id)
        return false;
    snprintf(ret->traceparent, sizeof(ret->traceparent), "00-%s-%016" PRIx64 "-01", current->trace,
             id);
    return true;
}

void exporter_start(FILE *out)
{
    sink = out;
    unix_offset_ns = clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_MONOTONIC);
    tn_trace_set(on_event, out, TN_TRACE_ALL);
    tn_trace_set_parent(on_statement, NULL);
}

void exporter_stop(void)
{
    tn_trace_set(NULL, NULL, 0);
    tn_trace_set_parent(NULL, NULL);
    fflush(sink);
}

/* ---- the application's spans ----------------------------------------------------------------- */

void span_begin(span *self, const char *name)
{
    tn_uuid random = tn_uuid_random();

    self->name = name;
    self->outer = current;
    self->start_ns = clock_ns(CLOCK_MONOTONIC);
    if (current) {
        memcpy(self->trace, current->trace, sizeof(self->trace));
    } else {
        for (int i = 0; i < 16; i++)
            snprintf(self->trace + 2 * i, 3, "%02x", random.bytes[i]);
        random = tn_uuid_random();
    }
    memcpy(&self->id, random.bytes, sizeof(self->id));
    current = self;
}

void span_end(span *self)
{
    flockfile(sink);
    put_head(sink, self->trace, self->id, self->outer ? self->outer->id : 0);
    fputs("\"name\":", sink);
    put_string(sink, tn_str_from(self->name));
    fprintf(sink, ",\"kind\":%d,", KIND_INTERNAL);
    put_times(sink, self->start_ns, clock_ns(CLOCK_MONOTONIC) - self->start_ns);
    fputs(",\"attributes\":[]}\n", sink);
    funlockfile(sink);
    current = self->outer;
}
