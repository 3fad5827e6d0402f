/* SPDX-License-Identifier: MIT */
#include "json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "term.h"

void json_init(json *j, out *o)
{
    j->out = o;
    j->comma = false;
}

static void begin(json *j, const char *key)
{
    if (j->comma)
        out_puts(j->out, ",");
    j->comma = true;
    if (key) {
        json_key(j->out, key);
        out_putc(j->out, ':');
    }
}

void json_object(json *j, const char *key)
{
    begin(j, key);
    out_putc(j->out, '{');
    j->comma = false;
}

void json_object_end(json *j)
{
    out_putc(j->out, '}');
    j->comma = true;
}

void json_array(json *j, const char *key)
{
    begin(j, key);
    out_putc(j->out, '[');
    j->comma = false;
}

void json_array_end(json *j)
{
    out_putc(j->out, ']');
    j->comma = true;
}

void json_text(json *j, const char *key, const char *text)
{
    begin(j, key);
    if (text)
        json_string(j->out, text, strlen(text));
    else
        out_puts(j->out, "null");
}

void json_text_opt(json *j, const char *key, const char *text)
{
    if (text && *text)
        json_text(j, key, text);
}

void json_int(json *j, const char *key, int64_t value)
{
    char text[24];

    begin(j, key);
    snprintf(text, sizeof(text), "%" PRId64, value);
    out_puts(j->out, text);
}

void json_bool(json *j, const char *key, bool value)
{
    begin(j, key);
    out_puts(j->out, value ? "true" : "false");
}

void json_null(json *j, const char *key)
{
    begin(j, key);
    out_puts(j->out, "null");
}

void json_milliseconds(json *j, const char *key, int64_t us)
{
    char text[40];

    begin(j, key);
    snprintf(text, sizeof(text), "%" PRId64 ".%03d", us / 1000, (int)(us % 1000));
    out_puts(j->out, text);
}

void json_key(out *o, const char *name)
{
    json_string(o, name, strlen(name));
}

static void escape(out *o, unsigned c)
{
    char text[8];

    switch (c) {
    case '"': out_puts(o, "\\\""); return;
    case '\\': out_puts(o, "\\\\"); return;
    case '\n': out_puts(o, "\\n"); return;
    case '\r': out_puts(o, "\\r"); return;
    case '\t': out_puts(o, "\\t"); return;
    default: break;
    }
    snprintf(text, sizeof(text), "\\u%04x", c);
    out_puts(o, text);
}

/* Also the controls behind DEL are escaped: a terminal may obey them. */
void json_string(out *o, const char *text, size_t len)
{
    const char *end = text + len, *plain = text;

    out_putc(o, '"');
    while (text < end) {
        unsigned char first = (unsigned char)*text;
        if (first >= 0x20 && first < 0x7F && first != '"' && first != '\\') {
            text++;
            continue;
        }
        const char *at = text;
        unsigned c = term_decode(&text, end);
        bool broken = c == 0xFFFD && text - at == 1;
        if (!broken && c >= 0xA0)
            continue;
        out_write(o, plain, (size_t)(at - plain));
        escape(o, c);
        plain = text;
    }
    out_write(o, plain, (size_t)(end - plain));
    out_putc(o, '"');
}

/* ISO 8601 as PostgreSQL's to_json() writes it: "2026-11-23 09:00:00+00" becomes
 * "2026-11-23T09:00:00+00:00". */
static void timestamp_value(out *o, tn_str text, bool zone)
{
    bool date_seen = false;

    out_putc(o, '"');
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool before_time = c == ' ' && !date_seen;
        if (before_time)
            date_seen = true;
        if (zone && date_seen && c == ' ' && !before_time)
            out_puts(o, ":00");
        out_putc(o, before_time ? 'T' : c);
    }
    if (zone && date_seen && text.len > 3 && text.ptr[text.len - 3] == '+')
        out_puts(o, ":00");
    out_putc(o, '"');
}

static void array_value(out *o, const tn_array *array, out_scratch *scratch)
{
    out_putc(o, '[');
    for (size_t i = 0; i < array->count; i++) {
        if (i > 0)
            out_putc(o, ',');
        json_value(o, &array->items[i], scratch);
    }
    out_putc(o, ']');
}

/* NaN and the infinities are no JSON numbers. */
static void number_value(out *o, tn_str text)
{
    if (json_valid(text.ptr, text.len))
        out_write(o, text.ptr, text.len);
    else
        json_string(o, text.ptr, text.len);
}

/* As it is, but on one line: outside of its strings a newline is white space. */
static void embed(out *o, tn_str text)
{
    const char *at = text.ptr, *end = text.ptr + text.len;

    while (at < end) {
        const char *stop = at;
        while (stop < end && *stop != '\n' && *stop != '\r')
            stop++;
        out_write(o, at, (size_t)(stop - at));
        if (stop < end)
            out_putc(o, ' ');
        at = stop + 1;
    }
}

void json_value(out *o, const tn_value *value, out_scratch *scratch)
{
    tn_str text;

    switch ((tn_type)value->type) {
    case TN_TYPE_NULL: out_puts(o, "null"); return;
    case TN_TYPE_BOOL: out_puts(o, value->as.i ? "true" : "false"); return;
    case TN_TYPE_INT16:
    case TN_TYPE_INT32:
    case TN_TYPE_INT64: out_value(o, value); return;
    case TN_TYPE_ARRAY: array_value(o, value->as.array, scratch); return;
    default: break;
    }
    if (!out_text_of(value, scratch, &text)) {
        out_puts(o, "null");
        o->error = o->error ? o->error : 12; /* ENOMEM */
        return;
    }
    switch ((tn_type)value->type) {
    case TN_TYPE_FLOAT4:
    case TN_TYPE_FLOAT8:
    case TN_TYPE_NUMERIC: number_value(o, text); break;
    case TN_TYPE_TIMESTAMPTZ:
    case TN_TYPE_TIMESTAMP: timestamp_value(o, text, value->type == TN_TYPE_TIMESTAMPTZ); break;
    case TN_TYPE_JSON:
        if (json_valid(text.ptr, text.len)) {
            embed(o, text);
            break;
        }
        json_string(o, text.ptr, text.len);
        break;
    default: json_string(o, text.ptr, text.len); break;
    }
}
