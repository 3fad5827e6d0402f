/* SPDX-License-Identifier: MIT */
/*
 * Values are found by their brackets and quotes first and held against json_valid() then; strings
 * are unescaped where they stand, which never makes them longer.
 */
#include "json_lines.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"

void json_lines_init(json_lines *r, source *in)
{
    *r = (json_lines){.in = in};
}

void json_lines_free(json_lines *r)
{
    free(r->members);
    r->members = NULL;
}

/* ---- values ---------------------------------------------------------------------------------- */

static size_t skip_blanks(const char *text, size_t at, size_t len)
{
    while (at < len && (text[at] == ' ' || text[at] == '\t' || text[at] == '\r'))
        at++;
    return at;
}

static size_t string_end(const char *text, size_t at, size_t len)
{
    for (at++; at < len && text[at] != '"'; at++)
        at += text[at] == '\\';
    return at < len ? at + 1 : len;
}

/* Behind the value that begins at at, as far as brackets and quotes tell. */
static size_t value_end(const char *text, size_t at, size_t len)
{
    size_t depth = 0;

    if (at < len && text[at] == '"')
        return string_end(text, at, len);
    for (; at < len; at++) {
        char c = text[at];
        if (depth == 0 && (c == ',' || c == '}' || c == ']' || c == ' ' || c == '\t' || c == '\r'))
            return at;
        if (c == '"')
            at = string_end(text, at, len) - 1;
        else if (c == '{' || c == '[')
            depth++;
        else if ((c == '}' || c == ']') && --depth == 0)
            return at + 1;
    }
    return len;
}

static unsigned hex4(const char *p)
{
    unsigned value = 0;

    for (int i = 0; i < 4; i++)
        value = value << 4 | (unsigned)(p[i] <= '9' ? p[i] - '0' : ((p[i] | 32) - 'a' + 10));
    return value;
}

static size_t put_utf8(char *to, unsigned c)
{
    if (c < 0x80) {
        to[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        to[0] = (char)(0xC0 | c >> 6);
        to[1] = (char)(0x80 | (c & 0x3F));
        return 2;
    }
    if (c < 0x10000) {
        to[0] = (char)(0xE0 | c >> 12);
        to[1] = (char)(0x80 | (c >> 6 & 0x3F));
        to[2] = (char)(0x80 | (c & 0x3F));
        return 3;
    }
    to[0] = (char)(0xF0 | c >> 18);
    to[1] = (char)(0x80 | (c >> 12 & 0x3F));
    to[2] = (char)(0x80 | (c >> 6 & 0x3F));
    to[3] = (char)(0x80 | (c & 0x3F));
    return 4;
}

static char plain_escape(char c)
{
    switch (c) {
    case 'n': return '\n';
    case 't': return '\t';
    case 'r': return '\r';
    case 'b': return '\b';
    case 'f': return '\f';
    default: return c; /* itself */
    }
}

static bool is_high(unsigned c)
{
    return c >= 0xD800 && c < 0xDC00;
}

static bool is_low(unsigned c)
{
    return c >= 0xDC00 && c < 0xE000;
}

/* Where in a valid text an escape is half of a surrogate pair, and so no character. len: nowhere.
 */
static size_t find_half(const char *text, size_t len)
{
    size_t at = 0;
    const char *escape;

    while ((escape = memchr(text + at, '\\', len - at)) != NULL) {
        at = (size_t)(escape - text);
        if (text[at + 1] != 'u') {
            at += 2;
            continue;
        }
        unsigned c = hex4(text + at + 2);
        bool pair = is_high(c) && len - at >= 12 && text[at + 6] == '\\' && text[at + 7] == 'u' &&
                    is_low(hex4(text + at + 8));
        if ((is_high(c) || is_low(c)) && !pair)
            return at;
        at += pair ? 12 : 6;
    }
    return len;
}

/* The string between the quotes, in place; it is valid JSON without halves of pairs. */
static tn_str unescape(char *text, size_t len)
{
    size_t to = 0, at = 0;

    while (at < len) {
        if (text[at] != '\\') {
            text[to++] = text[at++];
            continue;
        }
        if (text[at + 1] != 'u') {
            text[to++] = plain_escape(text[at + 1]);
            at += 2;
            continue;
        }
        unsigned c = hex4(text + at + 2);
        at += 6;
        if (is_high(c) && len - at >= 6) {
            c = 0x10000 + ((c - 0xD800) << 10) + (hex4(text + at + 2) - 0xDC00);
            at += 6;
        }
        to += put_utf8(text + to, c);
    }
    return (tn_str){text, to};
}

tn_str json_lines_text(const json_member *member)
{
    return unescape((char *)(uintptr_t)member->text.ptr + 1, member->text.len - 2);
}

static json_kind kind_of(char first)
{
    switch (first) {
    case 'n': return JSON_NULL;
    case '"': return JSON_TEXT;
    case '{': return JSON_OBJECT;
    case '[': return JSON_ARRAY;
    default: return JSON_PLAIN;
    }
}

/* ---- lines ----------------------------------------------------------------------------------- */

static source_status wrong(json_lines *r, size_t at, const char *what)
{
    snprintf(r->wrong, sizeof(r->wrong), "%s", what);
    r->wrong_at = at;
    return SOURCE_WRONG;
}

static json_member *add_member(json_lines *r)
{
    if (r->count == r->capacity) {
        size_t capacity = r->capacity ? r->capacity * 2 : 32;
        json_member *grown = realloc(r->members, capacity * sizeof(*grown));
        if (!grown)
            return NULL;
        r->members = grown;
        r->capacity = capacity;
    }
    return &r->members[r->count++];
}

static source_status take_string(json_lines *r, size_t *at, tn_str *ret)
{
    size_t end = *at < r->length && r->record[*at] == '"' ? string_end(r->record, *at, r->length)
                                                          : *at;

    if (end == *at || !json_valid(r->record + *at, end - *at))
        return wrong(r, *at, "a string in double quotes is expected here");
    size_t half = *at + find_half(r->record + *at, end - *at);
    if (half < end)
        return wrong(r, half, "half of a surrogate pair is no character");
    *ret = unescape(r->record + *at + 1, end - *at - 2);
    *at = end;
    return SOURCE_OK;
}

static source_status take_value(json_lines *r, size_t *at, json_member *member)
{
    size_t end = value_end(r->record, *at, r->length);

    if (end == *at || !json_valid(r->record + *at, end - *at))
        return wrong(r, *at, "this is not a JSON value");
    member->at = *at;
    member->kind = kind_of(r->record[*at]);
    member->text = (tn_str){r->record + *at, end - *at};
    size_t half = *at + find_half(r->record + *at, end - *at);
    member->half = half < end ? half : 0;
    r->halves = r->halves || member->half;
    *at = end;
    return SOURCE_OK;
}

static source_status take_member(json_lines *r, size_t *at)
{
    json_member *member = add_member(r);

    if (!member)
        return SOURCE_FAILED;
    *at = skip_blanks(r->record, *at, r->length);
    source_status status = take_string(r, at, &member->key);
    if (status != SOURCE_OK)
        return status;
    *at = skip_blanks(r->record, *at, r->length);
    if (*at == r->length || r->record[*at] != ':')
        return wrong(r, *at, "a colon is expected here");
    *at = skip_blanks(r->record, *at + 1, r->length);
    status = take_value(r, at, member);
    *at = skip_blanks(r->record, *at, r->length);
    return status;
}

static source_status split(json_lines *r)
{
    size_t at = skip_blanks(r->record, 0, r->length);

    r->count = 0;
    r->halves = false;
    if (r->record[at] != '{')
        return wrong(r, at, "the line is not an object");
    size_t first = skip_blanks(r->record, at + 1, r->length);
    bool empty = first < r->length && r->record[first] == '}';
    at = empty ? first : at;
    while (!empty) {
        at++;
        source_status status = take_member(r, &at);
        if (status != SOURCE_OK)
            return status;
        if (at == r->length || r->record[at] != ',')
            break;
    }
    if (at == r->length || r->record[at] != '}')
        return wrong(r, at, "the object does not end here as it should");
    at = skip_blanks(r->record, at + 1, r->length);
    return at == r->length ? SOURCE_OK : wrong(r, at, "text behind the object");
}

/* *ret: where the line ends. SOURCE_END: there is none. */
static source_status find_line(json_lines *r, size_t *ret, size_t *ret_end)
{
    source *in = r->in;
    size_t seen = 0;

    for (;;) {
        size_t n = in->to - in->from;
        const char *begin = in->buf + in->from;
        const char *newline = n > seen ? memchr(begin + seen, '\n', n - seen) : NULL;
        if (newline) {
            *ret = (size_t)(newline - begin);
            *ret_end = *ret + 1;
            return SOURCE_OK;
        }
        seen = n;
        source_status more = source_more(in);
        if (more == SOURCE_FAILED)
            return more;
        if (more == SOURCE_END) {
            *ret = *ret_end = n;
            return n ? SOURCE_OK : SOURCE_END;
        }
    }
}

source_status json_lines_next(json_lines *r)
{
    source *in = r->in;
    size_t length, end;

    if (r->line == 0 && !source_skip_mark(in))
        return SOURCE_FAILED;
    for (;;) {
        source_status status = find_line(r, &length, &end);
        if (status != SOURCE_OK)
            return status;
        r->record = in->buf + in->from;
        r->length = length;
        r->line++;
        in->from += end;
        if (skip_blanks(r->record, 0, r->length) < r->length)
            return split(r);
    }
}

/* ---- arrays ---------------------------------------------------------------------------------- */

static bool put(char **buf, size_t *size, size_t *len, char c)
{
    if (*len + 1 >= *size) {
        size_t larger = *size ? *size * 2 : 256;
        char *grown = realloc(*buf, larger);
        if (!grown)
            return false;
        *buf = grown;
        *size = larger;
    }
    (*buf)[(*len)++] = c;
    return true;
}

static bool put_item(json_kind kind, tn_str text, char **buf, size_t *size, size_t *len)
{
    bool good = true;

    if (kind == JSON_TEXT)
        good = put(buf, size, len, '"');
    for (size_t i = 0; good && i < text.len; i++) {
        if (kind == JSON_TEXT && (text.ptr[i] == '"' || text.ptr[i] == '\\'))
            good = put(buf, size, len, '\\');
        good = good && put(buf, size, len, text.ptr[i]);
    }
    return good && (kind != JSON_TEXT || put(buf, size, len, '"'));
}

bool json_array_text(tn_str array, char **buf, size_t *size, size_t *ret_len)
{
    char *text = (char *)(uintptr_t)array.ptr;
    size_t at = skip_blanks(text, 1, array.len), len = 0;
    bool good = put(buf, size, &len, '{');

    while (good && text[at] != ']') {
        size_t end = value_end(text, at, array.len);
        json_kind kind = kind_of(text[at]);
        tn_str item = {text + at, end - at};
        if (kind == JSON_OBJECT || kind == JSON_ARRAY)
            return false;
        if (kind == JSON_TEXT)
            item = unescape(text + at + 1, end - at - 2);
        good = put_item(kind, item, buf, size, &len);
        at = skip_blanks(text, end, array.len);
        if (text[at] == ',') {
            good = good && put(buf, size, &len, ',');
            at = skip_blanks(text, at + 1, array.len);
        }
    }
    *ret_len = len + 1;
    return good && put(buf, size, &len, '}');
}
