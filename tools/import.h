/* SPDX-License-Identifier: MIT */
/* One run of tenon sql import, and what its parts do: options, columns, rows, places of errors.
 * Functions that return int give an exit code, and fill err and place when it is not
 * TOOL_EXIT_FINE. */
#ifndef TENON_TOOLS_IMPORT_H
#define TENON_TOOLS_IMPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tenon/tenon.h>

#include "csv_reader.h"
#include "json_lines.h"
#include "names.h"
#include "progress.h"
#include "report.h"
#include "source.h"
#include "tool.h"

typedef struct import {
    const tool *t;
    const char *table, *path;
    const char *shown; /* of the file, for messages */
    bool is_csv, header;
    char separator;
    const char *null_text; /* NULL: not given */
    names columns;         /* of the table, in the order of the values; empty: all it has */
    size_t *pick;          /* of each column: which field; NULL: in their order */
    size_t n_fields;       /* that every CSV record has; 0: not known yet */
    tn_type *types;        /* of the columns, for JSON */
    source in;
    csv_reader csv;
    json_lines json;
    tn_arg *args;
    char **arrays; /* texts of array columns, kept from row to row */
    size_t *array_sizes;
    uint64_t rows;
    bool at_hand; /* the last one that was read still is */
    bool uneven;  /* not every row has one line */
    tn_bulk_options options;
    progress bar;
    tn_error err;
    report_place place;
} import;

/* import_options.c: the file, its format, the policy, the columns. Tells faults itself. */
int import_find_file(import *m);

/* import_columns.c: the names that the file gives. *ret_first_is_read: the first record, which is a
 * row, was read for that. */
int import_find_names(import *m, tn_db *session, bool *ret_first_is_read);

/* import_rows.c: all rows into the bulk, until the end or the first error. */
int import_put_rows(import *m, tn_bulk *bulk, bool first_is_read);

/* import_place.c */
int import_out_of_memory(import *m);
source_status import_next_record(import *m);
/* What reading gave, if it was not a record. */
int import_not_a_record(import *m, source_status status);
/* A line without anything between two records, or at the end of the file. */
bool import_is_blank(const import *m);
/* Where in the file a byte of a record stands: the line, the column in characters, the line's text.
 */
void import_set_place(import *m, uint64_t line, const char *record, size_t length, size_t at);
/* The place of the row that the error names: the file is read again up to it, where that can be. */
void import_place_row(import *m);

#endif
