/* SPDX-License-Identifier: MIT */
/* What a file is that was taken for CSV or NDJSON, by its first bytes. */
#ifndef TENON_TOOLS_FILE_KIND_H
#define TENON_TOOLS_FILE_KIND_H

#include <stdbool.h>
#include <stddef.h>

/* So many are enough to tell. */
enum { FILE_KIND_BYTES = 64 };

typedef struct file_kind {
    const char *what;   /* "compressed by gzip" */
    const char *reader; /* the program that makes a text of it, and of standard input; NULL: none */
    const char *hint;   /* where there is none */
} file_kind;

/* NULL: it may be a text. Of the whole file where it is shorter. */
const file_kind *file_kind_find(const char *bytes, size_t len);
/* It begins as JSON does: an object with a member, or an array of them. */
bool file_kind_is_object(const char *bytes, size_t len);
bool file_kind_is_array(const char *bytes, size_t len);

#endif
