/* SPDX-License-Identifier: MIT */
#include "base/array.h"

#include <string.h>

#include "base/str.h"
#include "base/text.h"

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static void skip_spaces(tn_str *s)
{
    while (s->len && is_space(s->ptr[0]))
        *s = tn__str(s->ptr + 1, s->len - 1);
}

static bool take(tn_str *s, char c)
{
    if (!s->len || s->ptr[0] != c)
        return false;
    *s = tn__str(s->ptr + 1, s->len - 1);
    return true;
}

/* An upper bound that the commas give: those within quotes count too. */
static size_t count_items(tn_str s)
{
    size_t count = 1;

    for (size_t i = 0; i < s.len; i++)
        count += s.ptr[i] == ',';
    return count;
}

/* One item in front of a comma or the brace, without its quotes and backslashes, into room, which
 * is as long as the text. */
static bool take_item(tn_str *s, char *room, size_t *ret_len, bool *ret_null)
{
    size_t len = 0, solid = 0; /* solid: what trailing spaces do not belong to */
    bool quoted, escaped = false;

    skip_spaces(s);
    quoted = take(s, '"');
    while (s->len) {
        char c = s->ptr[0];

        if (quoted ? c == '"' : (c == ',' || c == '}'))
            break;
        if (!quoted && (c == '{' || c == '"'))
            return false; /* more dimensions, or a quote in the middle */
        if (c == '\\') {
            *s = tn__str(s->ptr + 1, s->len - 1);
            if (!s->len)
                return false;
            escaped = true;
            c = s->ptr[0];
            solid = len + 1;
        } else if (quoted || !is_space(c)) {
            solid = len + 1;
        }
        room[len++] = c;
        *s = tn__str(s->ptr + 1, s->len - 1);
    }
    if (quoted) {
        if (!take(s, '"'))
            return false;
        skip_spaces(s);
    } else if (!solid) {
        return false; /* {1,,2} */
    }
    *ret_len = solid;
    *ret_null = !quoted && !escaped && tn__str_iequal(tn__str(room, solid), TN__STR("null"));
    return true;
}

static bool parse_items(tn_type element, tn_str *s, char *room, tn__arena *arena, tn_value *items,
                        size_t *ret_count)
{
    size_t count = 0;

    skip_spaces(s);
    if (!take(s, '}')) {
        for (;;) {
            size_t len = 0;
            bool null = false;

            if (!take_item(s, room, &len, &null))
                return false;
            items[count] = (tn_value){.type = TN_TYPE_NULL};
            if (!null &&
                !tn__value_parse(element, TN_TYPE_NULL, tn__str(room, len), arena, &items[count]))
                return false;
            count++;
            if (take(s, '}'))
                break;
            if (!take(s, ','))
                return false;
        }
    }
    skip_spaces(s);
    *ret_count = count;
    return s->len == 0;
}

bool tn__array_parse(tn_type element, tn_str text, tn__arena *arena, tn_value *ret)
{
    tn_array *array = tn__arena_array(arena, 1, sizeof(*array));
    tn_value *items;
    char *room;
    size_t count = 0;

    skip_spaces(&text);
    if (!take(&text, '{') || element == TN_TYPE_NULL || element == TN_TYPE_ARRAY)
        return false;
    items = tn__arena_array(arena, count_items(text), sizeof(*items));
    room = tn__arena_array(arena, text.len, 1);
    if (!array || !items || !room || !parse_items(element, &text, room, arena, items, &count))
        return false;
    *array = (tn_array){.items = items, .count = count, .element = element};
    *ret = (tn_value){.as.array = array, .type = TN_TYPE_ARRAY};
    return true;
}

static bool needs_quotes(tn_str s)
{
    if (!s.len || tn__str_iequal(s, TN__STR("null")))
        return true;
    for (size_t i = 0; i < s.len; i++)
        if (is_space(s.ptr[i]) || strchr("\"\\{},", s.ptr[i]))
            return true; /* strchr() finds a NUL as well, and that is right */
    return false;
}

static bool append_item(tn__buf *buf, const tn_value *item)
{
    size_t start = buf->len, extra = 2;
    char *from, *to;
    tn_str text;

    if (!tn__value_append(buf, item))
        return false;
    text = tn__str(buf->ptr ? buf->ptr + start : NULL, buf->len - start);
    if (!needs_quotes(text))
        return true;
    for (size_t i = 0; i < text.len; i++)
        extra += text.ptr[i] == '"' || text.ptr[i] == '\\';
    if (!tn__buf_reserve(buf, extra))
        return false;
    /* In place, from the end: nothing is written over before it was read. */
    from = buf->ptr + buf->len;
    to = from + extra;
    *--to = '"';
    while (from > buf->ptr + start) {
        char c = *--from;
        *--to = c;
        if (c == '"' || c == '\\')
            *--to = '\\';
    }
    *--to = '"';
    tn__buf_commit(buf, extra);
    return true;
}

bool tn__array_append(tn__buf *buf, const tn_array *array)
{
    tn__buf_putc(buf, '{');
    for (size_t i = 0; i < array->count; i++) {
        const tn_value *item = &array->items[i];

        if (i)
            tn__buf_putc(buf, ',');
        if (item->type == TN_TYPE_NULL)
            tn__buf_append(buf, "NULL", 4);
        else if (item->type == TN_TYPE_ARRAY)
            return false; /* one dimension */
        else if (!append_item(buf, item))
            return false;
    }
    return tn__buf_putc(buf, '}');
}
