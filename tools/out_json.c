/* SPDX-License-Identifier: MIT */
/* JSON: an array of objects for each statement that gives rows, an object for each other. */
#include <string.h>

#include "json.h"
#include "writer.h"

static void write_row(writer *w, tn_rows *rows)
{
    bool any = false;

    out_putc(w->out, '{');
    for (size_t i = 0; i < rows->columns; i++) {
        const tn_column *column = tn_rows_column(rows, i);
        if (w->leave_out && rows->row[i].type == TN_TYPE_NULL && column->type == TN_TYPE_JSON)
            continue;
        if (any)
            out_putc(w->out, ',');
        any = true;
        json_key(w->out, column->name);
        out_putc(w->out, ':');
        json_value(w->out, &rows->row[i], &w->scratch);
    }
    out_putc(w->out, '}');
}

static void write_done(writer *w, const char *tag, int64_t affected)
{
    json j;

    json_init(&j, w->out);
    json_object(&j, NULL);
    json_text(&j, "tag", tag);
    if (affected >= 0)
        json_int(&j, "affected", affected);
    else
        json_null(&j, "affected");
    json_object_end(&j);
    out_putc(w->out, '\n');
}

static void array_begin(writer *w, tn_rows *rows)
{
    (void)rows;
    out_putc(w->out, '[');
}

static void array_row(writer *w, tn_rows *rows)
{
    out_puts(w->out, w->rows > 0 ? ",\n " : "\n ");
    write_row(w, rows);
}

static void array_abandon(writer *w)
{
    out_puts(w->out, w->rows > 0 ? "\n]\n" : "]\n");
}

static void array_end(writer *w, tn_rows *rows)
{
    (void)rows;
    array_abandon(w);
}

const writer_format writer_format_json = {.name = "json",
                                          .begin = array_begin,
                                          .row = array_row,
                                          .end = array_end,
                                          .abandon = array_abandon,
                                          .done = write_done};

static void line_begin(writer *w, tn_rows *rows)
{
    (void)w;
    (void)rows;
}

static void line_row(writer *w, tn_rows *rows)
{
    write_row(w, rows);
    out_putc(w->out, '\n');
}

static void line_abandon(writer *w)
{
    (void)w;
}

const writer_format writer_format_ndjson = {.name = "ndjson",
                                            .begin = line_begin,
                                            .row = line_row,
                                            .end = line_begin,
                                            .abandon = line_abandon,
                                            .done = write_done};
