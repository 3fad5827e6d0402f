/* SPDX-License-Identifier: MIT */
/*
 * A record is first found as a whole, with an eye for quotes only, and then split within the
 * buffer: fields with doubled quotes are closed up where they stand.
 */
#include "csv_reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void csv_init(csv_reader *r, source *in, char separator)
{
    *r = (csv_reader){.in = in, .separator = separator, .lines = 0};
}

void csv_free(csv_reader *r)
{
    free(r->fields);
    r->fields = NULL;
}

static source_status wrong(csv_reader *r, size_t at, const char *what)
{
    snprintf(r->wrong, sizeof(r->wrong), "%s", what);
    r->wrong_at = at;
    return SOURCE_WRONG;
}

/* The next byte that ends a line or is a quote. */
static size_t next_mark(const char *buf, size_t at, size_t to)
{
    while (at < to && buf[at] != '\n' && buf[at] != '"' && buf[at] != '\r')
        at++;
    return at;
}

/* Scans on from *at (relative to the record's begin). true: the record ends at *at. */
static bool find_end(const csv_reader *r, size_t *at, bool *inside)
{
    const source *in = r->in;
    const char *begin = in->buf + in->from;
    size_t n = in->to - in->from, i = *at;

    for (;;) {
        if (*inside) {
            const char *quote = i < n ? memchr(begin + i, '"', n - i) : NULL;
            i = quote ? (size_t)(quote - begin) : n;
        } else {
            i = next_mark(begin, i, n);
        }
        *at = i;
        if (i == n)
            return false;
        if (begin[i] != '"')
            return true;
        *inside = !*inside;
        i++;
    }
}

static bool add_field(csv_reader *r, const char *text, size_t len, size_t at, bool quoted)
{
    if (r->count == r->capacity) {
        size_t capacity = r->capacity ? r->capacity * 2 : 32;
        csv_field *grown = realloc(r->fields, capacity * sizeof(*grown));
        if (!grown)
            return false;
        r->fields = grown;
        r->capacity = capacity;
    }
    r->fields[r->count++] = (csv_field){.text = {text, len}, .at = at, .quoted = quoted};
    return true;
}

/* From the opening quote at *at to behind the closing one; the text is closed up. */
static source_status take_quoted(csv_reader *r, size_t *at, size_t *ret_len)
{
    char *record = r->record;
    size_t begin = *at + 1, from = begin, to = begin;

    for (;;) {
        char *quote = from < r->length ? memchr(record + from, '"', r->length - from) : NULL;
        if (!quote)
            return wrong(r, *at, "the quote that begins here is not closed");
        size_t n = (size_t)(quote - (record + from));
        if (to != from)
            memmove(record + to, record + from, n);
        to += n;
        from += n + 1;
        if (from >= r->length || record[from] != '"')
            break;
        record[to++] = '"';
        from++;
    }
    *ret_len = to - begin;
    *at = from;
    return SOURCE_OK;
}

static source_status split(csv_reader *r)
{
    size_t at = 0;

    r->count = 0;
    for (;;) {
        size_t begin = at, len;
        bool quoted = at < r->length && r->record[at] == '"';
        if (quoted) {
            source_status status = take_quoted(r, &at, &len);
            if (status != SOURCE_OK)
                return status;
            if (at < r->length && r->record[at] != r->separator)
                return wrong(r, at, "text behind a closing quote");
        } else {
            const char *end = memchr(r->record + at, r->separator, r->length - at);
            len = end ? (size_t)(end - (r->record + at)) : r->length - at;
            const char *quote = memchr(r->record + at, '"', len);
            if (quote)
                return wrong(r, (size_t)(quote - r->record),
                             "a quote within a field without quotes");
            at += len;
        }
        if (!add_field(r, r->record + begin + quoted, len, begin, quoted))
            return SOURCE_FAILED;
        if (at >= r->length)
            return SOURCE_OK;
        at++;
        if (at == r->length) /* a separator at the end: an empty field behind it */
            return add_field(r, r->record + at, 0, at, false) ? SOURCE_OK : SOURCE_FAILED;
    }
}

/* Lines within quotes count, too. */
static uint64_t count_lines(const char *text, size_t len)
{
    uint64_t n = 0;

    for (const char *p = text; (p = memchr(p, '\n', len - (size_t)(p - text))) != NULL; p++)
        n++;
    return n;
}

/* The length of the line end at the end of the record; a CR may be half of one. */
static size_t end_length(const source *in, size_t at)
{
    const char *p = in->buf + in->from + at;

    return *p == '\r' && in->from + at + 1 < in->to && p[1] == '\n' ? 2 : 1;
}

source_status csv_next(csv_reader *r)
{
    source *in = r->in;
    bool inside = false, found;
    size_t at = 0;

    if (r->lines == 0 && !source_skip_mark(in))
        return SOURCE_FAILED;
    while (!(found = find_end(r, &at, &inside)) ||
           (in->buf[in->from + at] == '\r' && in->from + at + 1 == in->to && !in->ended)) {
        source_status more = source_more(in);
        if (more == SOURCE_FAILED)
            return more;
        if (more == SOURCE_END && !found)
            break;
    }
    if (!found && at == 0)
        return SOURCE_END;
    size_t end = found ? end_length(in, at) : 0;
    r->record = in->buf + in->from;
    r->length = at;
    r->line = r->lines + 1;
    r->lines += 1 + count_lines(r->record, r->length);
    in->from += at + end;
    return split(r);
}
