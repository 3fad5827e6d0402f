/* SPDX-License-Identifier: MIT */
#include "schema_diff.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "term.h"

enum { LINES_SHOWN = 40 };

static const char *const words[] = {
    [TN_SCHEMA_ADDED] = "added", [TN_SCHEMA_REMOVED] = "removed", [TN_SCHEMA_CHANGED] = "changed"};

/* Text of a database, so that it cannot steer the terminal. */
static void put_safe(out *o, const char *text, size_t len)
{
    size_t size = len * 8 + 1;
    char *safe = term_output() ? malloc(size) : NULL;

    if (safe) {
        term_escape(text, len, safe, size);
        out_puts(o, safe);
    } else {
        out_write(o, text, len);
    }
    free(safe);
}

static void put_lines(out *o, tn_str text, const char *sign, term_style style)
{
    size_t shown = 0;

    while (text.len > 0) {
        const char *end = memchr(text.ptr, '\n', text.len);
        size_t len = end ? (size_t)(end - text.ptr) : text.len;
        if (shown++ == LINES_SHOWN) {
            out_puts(o, "    ...\n");
            return;
        }
        out_puts(o, "    ");
        out_puts(o, term(stdout, style));
        out_puts(o, sign);
        put_safe(o, text.ptr, len);
        out_puts(o, term(stdout, TERM_PLAIN));
        out_putc(o, '\n');
        len += end != NULL;
        text = (tn_str){text.ptr + len, text.len - len};
    }
}

static void put_change(void *arg, const tn_schema_change *change)
{
    out *o = arg;

    out_puts(o, "  ");
    put_safe(o, change->kind.ptr, change->kind.len);
    out_putc(o, ' ');
    put_safe(o, change->name.ptr, change->name.len);
    if (change->part.len) {
        out_puts(o, ", ");
        put_safe(o, change->part.ptr, change->part.len);
    }
    out_puts(o, ": ");
    out_puts(o, words[change->what]);
    out_putc(o, '\n');
    put_lines(o, change->before, "- ", TERM_BAD);
    put_lines(o, change->after, "+ ", TERM_GOOD);
}

size_t schema_diff_text(out *o, const tn_schema *before, const tn_schema *after)
{
    return tn_schema_compare(before, after, put_change, o);
}

static void put_member(json *j, const char *key, tn_str text)
{
    char *copy = text.len ? strndup(text.ptr, text.len) : NULL;

    if (copy)
        json_text(j, key, copy);
    free(copy);
}

static void json_change(void *arg, const tn_schema_change *change)
{
    json *j = arg;

    json_object(j, NULL);
    json_text(j, "what", words[change->what]);
    put_member(j, "kind", change->kind);
    put_member(j, "name", change->name);
    put_member(j, "part", change->part);
    put_member(j, "before", change->before);
    put_member(j, "after", change->after);
    json_object_end(j);
}

size_t schema_diff_json(json *j, const char *key, const tn_schema *before, const tn_schema *after)
{
    json_array(j, key);
    size_t n = before && after ? tn_schema_compare(before, after, json_change, j) : 0;
    json_array_end(j);
    return n;
}
