/* SPDX-License-Identifier: MIT */
/*
 * What differs between two schemas, object by object. A table that is in both is compared line by
 * line: its text has a column or constraint on each, so that a line's first words say what it is
 * about. Anything else that differs is told whole.
 */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "session/schema.h"

typedef struct found {
    const tn_schema_object *object;
    size_t index;
} found;

typedef struct comparison {
    tn_schema_change_fn *fn;
    void *arg;
    size_t count;
} comparison;

static void tell(comparison *c, const tn_schema_change *change)
{
    c->count++;
    if (c->fn)
        c->fn(c->arg, change);
}

static int order_texts(tn_str a, tn_str b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len ? memcmp(a.ptr, b.ptr, len) : 0;

    return order ? order : (a.len > b.len) - (a.len < b.len);
}

static int by_name(const void *a, const void *b)
{
    const tn_schema_object *x = ((const found *)a)->object, *y = ((const found *)b)->object;
    int order = order_texts(x->kind, y->kind);

    return order ? order : order_texts(x->name, y->name);
}

/* A sorted list of the objects; NULL: no memory. */
static found *sort(const tn_schema *schema)
{
    found *list = malloc((schema->n + 1) * sizeof(*list));

    for (size_t i = 0; list && i < schema->n; i++)
        list[i] = (found){&schema->objects[i], i};
    if (list)
        qsort(list, schema->n, sizeof(*list), by_name);
    return list;
}

static const tn_schema_object *find(const found *list, size_t n, const tn_schema_object *object)
{
    found key = {.object = object};
    const found *at = bsearch(&key, list, n, sizeof(*list), by_name);

    return at ? at->object : NULL;
}

/* ---- within a table -------------------------------------------------------------------------- */

typedef struct line {
    tn_str text; /* without blanks around and the comma behind */
    tn_str part; /* "column email", "constraint users_pkey": what stands in part of the change */
} line;

enum { LINES_MAX = 4096 };

/* To the end of a word that may be quoted. */
static size_t word_end(tn_str text, size_t from)
{
    size_t i = from;
    bool quoted = false;

    for (; i < text.len && (quoted || text.ptr[i] != ' '); i++)
        quoted ^= text.ptr[i] == '"';
    return i;
}

/* A column's line begins with its name; "constraint x ..." and "create table" do with words. */
static tn_str part_of(tn_str text)
{
    static const char *const words[] = {"constraint ", "CONSTRAINT ", "alter ", "create ",
                                        "CREATE "};
    size_t end = word_end(text, 0);

    for (size_t i = 0; i < 2; i++)
        if (tn__str_starts(text, tn_str_from(words[i])))
            return tn__str(text.ptr, word_end(text, strlen(words[i])));
    for (size_t i = 2; i < sizeof(words) / sizeof(words[0]); i++)
        if (tn__str_starts(text, tn_str_from(words[i])))
            return text;
    return tn__str(text.ptr, end);
}

static size_t split(tn_str sql, line *lines)
{
    size_t n = 0;
    tn_str text;

    while (n < LINES_MAX && tn__str_split(&sql, '\n', &text)) {
        text = tn__str_trim(text);
        if (text.len > 1 && text.ptr[text.len - 1] == ',')
            text.len--;
        if (text.len == 0 || (text.len <= 2 && text.ptr[0] == ')'))
            continue;
        lines[n++] = (line){text, part_of(text)};
    }
    return n;
}

static const line *find_line(const line *lines, size_t n, tn_str part)
{
    for (size_t i = 0; i < n; i++)
        if (tn_str_equal(lines[i].part, part))
            return &lines[i];
    return NULL;
}

static size_t compare_lines(comparison *c, const tn_schema_object *before, const line *a, size_t n,
                            const line *b, size_t m)
{
    tn_schema_change change = {.kind = before->kind, .name = before->name};
    size_t told = 0;

    for (size_t i = 0; i < n; i++) {
        const line *other = find_line(b, m, a[i].part);
        if (other && tn_str_equal(other->text, a[i].text))
            continue;
        change.what = other ? TN_SCHEMA_CHANGED : TN_SCHEMA_REMOVED;
        change.part = a[i].part;
        change.before = a[i].text;
        change.after = other ? other->text : tn__str("", 0);
        tell(c, &change);
        told++;
    }
    for (size_t i = 0; i < m; i++) {
        if (find_line(a, n, b[i].part))
            continue;
        change.what = TN_SCHEMA_ADDED;
        change.part = b[i].part;
        change.before = tn__str("", 0);
        change.after = b[i].text;
        tell(c, &change);
        told++;
    }
    return told;
}

static void compare_objects(comparison *c, const tn_schema_object *before,
                            const tn_schema_object *after)
{
    tn_schema_change whole = {.what = TN_SCHEMA_CHANGED,
                              .kind = before->kind,
                              .name = before->name,
                              .before = before->sql,
                              .after = after->sql};
    size_t told = 0;

    if (tn_str_equal(before->sql, after->sql))
        return;
    if (tn_str_equal(before->kind, TN__STR("table"))) {
        line *lines = malloc(2 * LINES_MAX * sizeof(*lines));
        if (lines) {
            size_t n = split(before->sql, lines), m = split(after->sql, lines + LINES_MAX);
            told = compare_lines(c, before, lines, n, lines + LINES_MAX, m);
        }
        free(lines);
    }
    if (!told) /* the same lines in another order, too */
        tell(c, &whole);
}

/* ---- the whole ------------------------------------------------------------------------------- */

static void tell_whole(comparison *c, tn_schema_difference what, const tn_schema_object *object)
{
    tn_schema_change change = {.what = what, .kind = object->kind, .name = object->name};

    if (what == TN_SCHEMA_ADDED)
        change.after = object->sql;
    else
        change.before = object->sql;
    tell(c, &change);
}

size_t tn_schema_compare(const tn_schema *before, const tn_schema *after, tn_schema_change_fn *fn,
                         void *arg)
{
    comparison c = {.fn = fn, .arg = arg};
    found *a = sort(before), *b = sort(after);

    if (strcmp(before->fingerprint, after->fingerprint) == 0) {
        /* nothing to tell */
    } else if (!a || !b) {
        tn_schema_change change = {.what = TN_SCHEMA_CHANGED, .kind = TN__STR("schema")};
        tell(&c, &change);
    } else {
        for (size_t i = 0; i < before->n; i++) {
            const tn_schema_object *other = find(b, after->n, &before->objects[i]);
            if (other)
                compare_objects(&c, &before->objects[i], other);
            else
                tell_whole(&c, TN_SCHEMA_REMOVED, &before->objects[i]);
        }
        for (size_t i = 0; i < after->n; i++)
            if (!find(a, before->n, &after->objects[i]))
                tell_whole(&c, TN_SCHEMA_ADDED, &after->objects[i]);
        if (c.count == 0) { /* the objects stand in another order */
            tn_schema_change change = {.what = TN_SCHEMA_CHANGED, .kind = TN__STR("schema")};
            tell(&c, &change);
        }
    }
    free(a);
    free(b);
    return c.count;
}
