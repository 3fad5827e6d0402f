/* SPDX-License-Identifier: MIT */
/* CSV, byte for byte as psql --csv writes it. */
#include <stdio.h>
#include <string.h>

#include "term.h"
#include "writer.h"

static const bool is_special[256] = {[','] = true, ['"'] = true, ['\n'] = true, ['\r'] = true};

/* Quoted as psql does: not for leading blanks, not for the empty string, but for "\.", which would
 * end the data of a COPY. */
static bool wants_quotes(const char *text, size_t len)
{
    if (len == 2 && text[0] == '\\' && text[1] == '.')
        return true;
    for (size_t i = 0; i < len; i++)
        if (is_special[(unsigned char)text[i]])
            return true;
    return false;
}

static void write_quoted(out *o, const char *text, size_t len)
{
    const char *end = text + len;

    out_putc(o, '"');
    while (text < end) {
        const char *quote = memchr(text, '"', (size_t)(end - text));
        size_t n = (size_t)((quote ? quote + 1 : end) - text);
        out_write(o, text, n);
        if (quote)
            out_putc(o, '"');
        text += n;
    }
    out_putc(o, '"');
}

/* A terminal obeys control characters; line ends are the format's own. */
static void write_safe(writer *w, const char *text, size_t len)
{
    char safe[512];
    const char *end = text + len;

    while (text < end) {
        size_t n = (size_t)(end - text) < 64 ? (size_t)(end - text) : 64;
        const char *newline = memchr(text, '\n', n);
        if (newline)
            n = (size_t)(newline - text);
        term_escape(text, n, safe, sizeof(safe));
        out_puts(w->out, safe);
        text += n;
        if (newline) {
            out_putc(w->out, '\n');
            text++;
        }
    }
}

static void field(writer *w, const char *text, size_t len)
{
    bool quotes = wants_quotes(text, len);

    if (w->escape) {
        if (quotes)
            out_putc(w->out, '"');
        write_safe(w, text, len);
        if (quotes)
            out_putc(w->out, '"');
    } else if (quotes) {
        write_quoted(w->out, text, len);
    } else {
        out_write(w->out, text, len);
    }
}

static bool is_null_text(const writer *w, tn_str text)
{
    size_t len = strlen(w->null_text);

    return text.len == len && memcmp(text.ptr, w->null_text, len) == 0;
}

/* A text that looks like NULL has quotes where they tell the two apart. */
static void text_field(writer *w, tn_str text)
{
    if (w->quote_empty && is_null_text(w, text))
        write_quoted(w->out, text.ptr, text.len);
    else
        field(w, text.ptr, text.len);
}

static void begin(writer *w, tn_rows *rows)
{
    size_t n = w->bare ? 0 : tn_rows_columns(rows);

    for (size_t i = 0; i < n; i++) {
        const char *name = tn_rows_column(rows, i)->name;
        if (i > 0)
            out_putc(w->out, ',');
        field(w, name, strlen(name));
    }
    if (n)
        out_putc(w->out, '\n');
}

/* Its text is never empty and has nothing that wants quotes, so that it goes straight into the
 * buffer; only a NULL of another text may look like it. */
static bool is_plain(const writer *w, const tn_value *value)
{
    switch ((tn_type)value->type) {
    case TN_TYPE_INT16:
    case TN_TYPE_INT32:
    case TN_TYPE_INT64: return true;
    case TN_TYPE_BOOL:
    case TN_TYPE_FLOAT4:
    case TN_TYPE_FLOAT8:
    case TN_TYPE_UUID:
    case TN_TYPE_TIMESTAMPTZ:
    case TN_TYPE_TIMESTAMP:
    case TN_TYPE_DATE:
    case TN_TYPE_TIME:
    case TN_TYPE_INTERVAL: return !w->null_text[0];
    default: return false;
    }
}

static void row(writer *w, tn_rows *rows)
{
    for (size_t i = 0; i < rows->columns; i++) {
        const tn_value *value = &rows->row[i];
        tn_str text;

        if (i > 0)
            out_putc(w->out, ',');
        if (value->type == TN_TYPE_NULL)
            field(w, w->null_text, strlen(w->null_text));
        else if (is_plain(w, value))
            out_value(w->out, value);
        else if (out_text_of(value, &w->scratch, &text))
            text_field(w, text);
        else
            w->out->error = w->out->error ? w->out->error : 12; /* ENOMEM */
    }
    out_putc(w->out, '\n');
}

static void end(writer *w, tn_rows *rows)
{
    (void)w;
    (void)rows;
}

static void abandon(writer *w)
{
    (void)w;
}

/* Not data: it goes the other way. */
static void done(writer *w, const char *tag, int64_t affected)
{
    (void)affected;
    if (!w->quiet && tag[0])
        fprintf(stderr, "%s\n", tag);
}

const writer_format writer_format_csv = {
    .name = "csv", .begin = begin, .row = row, .end = end, .abandon = abandon, .done = done};
