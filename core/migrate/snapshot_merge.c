/* SPDX-License-Identifier: MIT */
/*
 * Three texts: what was meant, what was there, what is there after a migration. An object that was
 * as it was meant becomes what it is now. One that was not, and that the migration left alone, goes
 * on to be meant as before.
 */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/str.h"
#include "migrate/snapshot.h"

enum { TEXT_MAX = 256 << 20 };

typedef struct index_of {
    tn_schema_object *objects; /* by kind and name */
    size_t n;
} index_of;

static int order_texts(tn_str a, tn_str b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len ? memcmp(a.ptr, b.ptr, len) : 0;

    return order ? order : (a.len > b.len) - (a.len < b.len);
}

static int by_name(const void *a, const void *b)
{
    const tn_schema_object *x = a, *y = b;
    int order = order_texts(x->kind, y->kind);

    return order ? order : order_texts(x->name, y->name);
}

static bool build(const tn_schema *schema, index_of *ret)
{
    ret->n = tn_schema_count(schema);
    ret->objects = malloc((ret->n + 1) * sizeof(*ret->objects));
    if (!ret->objects)
        return false;
    for (size_t i = 0; i < ret->n; i++)
        (void)tn_schema_at(schema, i, &ret->objects[i]);
    qsort(ret->objects, ret->n, sizeof(*ret->objects), by_name);
    return true;
}

static const tn_schema_object *find(const index_of *in, const tn_schema_object *object)
{
    return bsearch(object, in->objects, in->n, sizeof(*in->objects), by_name);
}

static bool same(const tn_schema_object *a, const tn_schema_object *b)
{
    return (!a && !b) || (a && b && tn_str_equal(a->sql, b->sql));
}

static void put(tn__buf *text, const tn_schema_object *object)
{
    tn__buf_puts(text, "-- ");
    tn__buf_str(text, object->kind);
    tn__buf_puts(text, ": ");
    tn__buf_str(text, object->name);
    tn__buf_putc(text, '\n');
    tn__buf_str(text, object->sql);
    tn__buf_puts(text, "\n\n");
}

static void merge(tn__buf *text, const tn_schema *after, const index_of *e, const index_of *b,
                  const index_of *a, const tn_schema *expected)
{
    tn_schema_object object;

    for (size_t i = 0; tn_schema_at(after, i, &object); i++) {
        const tn_schema_object *meant = find(e, &object), *was = find(b, &object);
        if (same(meant, was) || !same(was, &object))
            put(text, &object);
        else if (meant)
            put(text, meant);
    }
    /* Gone before, and nobody made it again: it is still missed. */
    for (size_t i = 0; tn_schema_at(expected, i, &object); i++)
        if (!find(b, &object) && !find(a, &object))
            put(text, &object);
}

tn_status tn__snapshot_merge(const tn_schema *expected, const tn_schema *before,
                             const tn_schema *after, tn_schema **ret, tn_error *err)
{
    index_of e = {0}, b = {0}, a = {0};
    tn_status status;
    tn__buf text;

    tn__buf_init(&text, TEXT_MAX);
    if (build(expected, &e) && build(before, &b) && build(after, &a))
        merge(&text, after, &e, &b, &a, expected);
    else
        text.failed = true;
    if (text.failed)
        status = tn_error_set(err, TN_NOMEM, NULL, "out of memory");
    else
        status = tn_schema_parse(tn__str(text.ptr ? text.ptr : "", text.len), ret, err);
    free(e.objects);
    free(b.objects);
    free(a.objects);
    tn__buf_free(&text);
    return status;
}
