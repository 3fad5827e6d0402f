/* SPDX-License-Identifier: MIT */
/*
 * The table, as psql draws it. Its widths are those of the first rows; later cells that are longer
 * stand out whole. No cell can steer a terminal or break its line: control characters are escaped.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "term.h"
#include "writer.h"

enum { FIRST_ROWS = 200, FIRST_BYTES = 1 << 20, WIDEST = 200 };

typedef struct cell {
    size_t at; /* in text */
    size_t len;
    size_t width;
    bool null;
} cell;

struct writer_table {
    size_t columns;
    size_t *widths;
    bool *right;   /* numbers stand at the right */
    bool *decided; /* ... which is known, also where only values have types */
    char **names;
    cell *cells; /* of the rows that are kept back */
    size_t n_cells, cap_cells;
    char *text;
    size_t n_text, cap_text;
    bool streaming; /* the head is written */
};

static void forget(struct writer_table *t)
{
    for (size_t i = 0; t->names && i < t->columns; i++)
        free(t->names[i]);
    free(t->widths);
    free(t->right);
    free(t->decided);
    free(t->names);
    free(t->cells);
    free(t->text);
    *t = (struct writer_table){0};
}

void writer_table_free(struct writer_table *table)
{
    if (table)
        forget(table);
    free(table);
}

static void no_memory(writer *w)
{
    if (!w->out->error)
        w->out->error = ENOMEM;
}

static bool is_number(unsigned type)
{
    return type == TN_TYPE_INT16 || type == TN_TYPE_INT32 || type == TN_TYPE_INT64 ||
           type == TN_TYPE_FLOAT4 || type == TN_TYPE_FLOAT8 || type == TN_TYPE_NUMERIC;
}

/* An escaped copy from the heap. */
static char *safe_copy(const char *text)
{
    size_t len = term_escape(text, strlen(text), NULL, 0);
    char *copy = malloc(len + 1);

    if (copy)
        term_escape(text, strlen(text), copy, len + 1);
    return copy;
}

static void begin(writer *w, tn_rows *rows)
{
    size_t n = tn_rows_columns(rows);

    if (!w->table)
        w->table = calloc(1, sizeof(*w->table));
    struct writer_table *t = w->table;
    if (!t)
        return no_memory(w);
    forget(t);
    t->columns = n;
    t->widths = calloc(n + 1, sizeof(*t->widths));
    t->right = calloc(n + 1, sizeof(*t->right));
    t->decided = calloc(n + 1, sizeof(*t->decided));
    t->names = calloc(n + 1, sizeof(*t->names));
    if (!t->widths || !t->right || !t->decided || !t->names)
        return no_memory(w);
    for (size_t i = 0; i < n; i++) {
        const tn_column *column = tn_rows_column(rows, i);
        t->names[i] = safe_copy(column->name);
        if (!t->names[i])
            return no_memory(w);
        t->widths[i] = term_width(t->names[i], strlen(t->names[i]));
        t->right[i] = is_number(column->type);
        t->decided[i] = column->type != TN_TYPE_NULL;
    }
}

static bool grow(void **ptr, size_t *cap, size_t want, size_t item)
{
    size_t next = *cap < 1024 ? 1024 : *cap;

    if (want <= *cap)
        return true;
    while (next < want) {
        if (next > SIZE_MAX / 2 / item)
            return false;
        next *= 2;
    }
    void *larger = realloc(*ptr, next * item);
    if (!larger)
        return false;
    *ptr = larger;
    *cap = next;
    return true;
}

/* Appends the escaped text of a value to the table's text. */
static bool add_text(writer *w, const tn_value *value, cell *ret)
{
    struct writer_table *t = w->table;
    tn_str text = {w->null_text, strlen(w->null_text)};

    ret->null = value->type == TN_TYPE_NULL;
    if (!ret->null && !out_text_of(value, &w->scratch, &text))
        return false;
    size_t len = term_escape(text.ptr, text.len, NULL, 0);
    if (!grow((void **)&t->text, &t->cap_text, t->n_text + len + 1, 1))
        return false;
    term_escape(text.ptr, text.len, t->text + t->n_text, len + 1);
    ret->at = t->n_text;
    ret->len = len;
    ret->width = term_width(t->text + t->n_text, len);
    t->n_text += len + 1;
    return true;
}

/* psql puts no blanks behind the last column, unless it is one of numbers. */
static void write_cells(writer *w, const cell *cells)
{
    struct writer_table *t = w->table;

    for (size_t i = 0; i < t->columns; i++) {
        size_t pad = t->widths[i] > cells[i].width ? t->widths[i] - cells[i].width : 0;
        bool dim = cells[i].null && w->null_text[0];

        out_puts(w->out, i > 0 ? "| " : " ");
        if (t->right[i])
            out_fill(w->out, ' ', pad);
        out_puts(w->out, dim ? term(stdout, TERM_DIM) : "");
        out_write(w->out, t->text + cells[i].at, cells[i].len);
        out_puts(w->out, dim ? term(stdout, TERM_PLAIN) : "");
        if (!t->right[i] && i + 1 < t->columns)
            out_fill(w->out, ' ', pad);
        if (i + 1 < t->columns)
            out_putc(w->out, ' ');
    }
    out_putc(w->out, '\n');
}

static void write_head(writer *w)
{
    const struct writer_table *t = w->table;

    for (size_t i = 0; i < t->columns; i++) {
        size_t width = term_width(t->names[i], strlen(t->names[i]));
        size_t pad = t->widths[i] - width;

        out_puts(w->out, i > 0 ? "| " : " ");
        out_fill(w->out, ' ', pad / 2);
        out_puts(w->out, term(stdout, TERM_BOLD));
        out_puts(w->out, t->names[i]);
        out_puts(w->out, term(stdout, TERM_PLAIN));
        out_fill(w->out, ' ', pad - pad / 2);
        if (i + 1 < t->columns)
            out_putc(w->out, ' ');
    }
    out_puts(w->out, t->columns ? " \n" : "\n");
    for (size_t i = 0; i < t->columns; i++) {
        out_puts(w->out, i > 0 ? "+" : "");
        out_fill(w->out, '-', t->widths[i] + 2);
    }
    out_puts(w->out, t->columns ? "\n" : "--\n");
}

/* Writes the head and what was kept back; from now on rows go straight through. */
static void start_streaming(writer *w)
{
    struct writer_table *t = w->table;

    for (size_t i = 0; i < t->n_cells; i++) {
        size_t column = i % t->columns;
        if (t->cells[i].width > t->widths[column])
            t->widths[column] = t->cells[i].width < WIDEST ? t->cells[i].width : WIDEST;
    }
    write_head(w);
    for (size_t i = 0; t->columns && i + t->columns <= t->n_cells; i += t->columns)
        write_cells(w, t->cells + i);
    t->streaming = true;
    t->n_cells = 0;
    t->n_text = 0;
}

static void row(writer *w, tn_rows *rows)
{
    struct writer_table *t = w->table;

    if (w->out->error)
        return;
    if (!grow((void **)&t->cells, &t->cap_cells, t->n_cells + t->columns, sizeof(*t->cells)))
        return no_memory(w);
    for (size_t i = 0; i < t->columns; i++) {
        const tn_value *value = &rows->row[i];
        if (!add_text(w, value, &t->cells[t->n_cells + i]))
            return no_memory(w);
        if (!t->decided[i] && value->type != TN_TYPE_NULL) {
            t->right[i] = is_number(value->type);
            t->decided[i] = true;
        }
    }
    if (t->streaming) {
        write_cells(w, t->cells);
        t->n_text = 0;
        return;
    }
    t->n_cells += t->columns;
    if (w->rows + 1 >= FIRST_ROWS || t->n_text > FIRST_BYTES)
        start_streaming(w);
}

static void finish(writer *w, bool whole)
{
    char text[64];

    if (w->out->error || !w->table)
        return;
    if (!w->table->streaming)
        start_streaming(w);
    if (whole && !w->quiet) {
        snprintf(text, sizeof(text), "(%" PRId64 " row%s)\n", w->rows, w->rows == 1 ? "" : "s");
        out_puts(w->out, text);
    }
    if (whole)
        out_putc(w->out, '\n');
    forget(w->table);
}

static void end(writer *w, tn_rows *rows)
{
    (void)rows;
    finish(w, true);
}

/* The rows that came before the error are shown; that they are not all, the error says. */
static void abandon(writer *w)
{
    finish(w, false);
}

static void done(writer *w, const char *tag, int64_t affected)
{
    char text[64];

    if (w->quiet)
        return;
    if (!tag[0] && affected >= 0) {
        snprintf(text, sizeof(text), "%" PRId64 " row%s", affected, affected == 1 ? "" : "s");
        tag = text;
    }
    out_puts(w->out, tag[0] ? tag : "done");
    out_putc(w->out, '\n');
}

const writer_format writer_format_table = {
    .name = "table", .begin = begin, .row = row, .end = end, .abandon = abandon, .done = done};
