/* SPDX-License-Identifier: MIT */
/*
 * Row writers: table, CSV, JSON, one JSON object a line. Rows are written as they come; only the
 * table keeps the first ones back to find its widths. One writer serves one statement after
 * another.
 */
#ifndef TENON_TOOLS_WRITER_H
#define TENON_TOOLS_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tenon/rows.h>

#include "out.h"

typedef struct writer writer;

typedef struct writer_format {
    const char *name;
    /* A statement that gives rows begins; its columns are known. */
    void (*begin)(writer *w, tn_rows *rows);
    /* The row that stands now. */
    void (*row)(writer *w, tn_rows *rows);
    /* All rows were written. */
    void (*end)(writer *w, tn_rows *rows);
    /* An error ended it: leave what was written well-formed. */
    void (*abandon)(writer *w);
    /* A statement that gives no rows was run. */
    void (*done)(writer *w, const char *tag, int64_t affected);
} writer_format;

struct writer {
    const writer_format *format;
    out *out;
    const char *null_text;
    bool quiet;
    bool escape;      /* the output is a terminal */
    bool bare;        /* CSV without the line of names */
    bool quote_empty; /* CSV whose empty text is "", so that it is not NULL */
    bool leave_out;   /* NDJSON without a NULL of a json column, where null is a document */
    int64_t rows;
    out_scratch scratch;
    struct writer_table *table; /* the table's own */
};

extern const writer_format writer_format_table;
extern const writer_format writer_format_csv;
extern const writer_format writer_format_json;
extern const writer_format writer_format_ndjson;

/* NULL: no such format. */
const writer_format *writer_format_find(const char *name);
void writer_free(writer *w);

/* out_table.c */
void writer_table_free(struct writer_table *table);

#endif
