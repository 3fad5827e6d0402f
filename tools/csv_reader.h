/* SPDX-License-Identifier: MIT */
/*
 * CSV as RFC 4180 has it, from a descriptor, record by record: fields in double quotes may hold
 * separators, doubled quotes and newlines; lines end with LF, CRLF or CR. Memory is bounded by the
 * longest record. What is wrong is told with its place. One thread at a time.
 */
#ifndef TENON_TOOLS_CSV_READER_H
#define TENON_TOOLS_CSV_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tenon/types.h>

#include "source.h"

typedef struct csv_field {
    tn_str text; /* without its quotes; valid until the next record */
    size_t at;   /* where it begins in its record */
    bool quoted;
} csv_field;

typedef struct csv_reader {
    source *in;
    char separator;
    csv_field *fields;
    size_t count, capacity;
    uint64_t line;   /* on which the record begins, from 1 */
    uint64_t lines;  /* that were read */
    char *record;    /* its bytes, as fields have left them */
    size_t length;   /* of it */
    char wrong[160]; /* what is wrong, after SOURCE_WRONG */
    size_t wrong_at; /* where in the record */
} csv_reader;

void csv_init(csv_reader *r, source *in, char separator);
/* The next record. SOURCE_WRONG: the text is not CSV, SOURCE_FAILED: it cannot be read (errno). */
source_status csv_next(csv_reader *r);
void csv_free(csv_reader *r);

#endif
