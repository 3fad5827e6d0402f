/* SPDX-License-Identifier: MIT */
/* NDJSON: an object a line, its members as texts. Memory is bounded by the longest line. */
#ifndef TENON_TOOLS_JSON_LINES_H
#define TENON_TOOLS_JSON_LINES_H

#include <tenon/types.h>

#include "source.h"

typedef enum json_kind {
    JSON_NULL = 0,
    JSON_TEXT,  /* a string */
    JSON_PLAIN, /* a number, true, false */
    JSON_OBJECT,
    JSON_ARRAY
} json_kind;

typedef struct json_member {
    tn_str key;
    tn_str text; /* the value as it is written; valid until the next line, as the key */
    json_kind kind;
    size_t at;   /* where the value begins in its line */
    size_t half; /* where in the line it has half of a surrogate pair, as an escape; 0: nowhere */
} json_member;

typedef struct json_lines {
    source *in;
    json_member *members;
    size_t count, capacity;
    bool halves;   /* a member has one */
    uint64_t line; /* of the object, from 1 */
    char *record;
    size_t length;
    char wrong[160];
    size_t wrong_at;
} json_lines;

void json_lines_init(json_lines *r, source *in);
/* The next line that is not blank. SOURCE_WRONG: it is not an object. */
source_status json_lines_next(json_lines *r);
void json_lines_free(json_lines *r);

/* What a string without halves stands for, once: it is unescaped where it stands. */
tn_str json_lines_text(const json_member *member);

/* A JSON array as the text of an SQL array, {1,NULL,"a"}, appended to *buf (allocated, grows).
 * false: an item is no plain value, or there is no memory. The JSON has no halves, and is changed.
 */
bool json_array_text(tn_str array, char **buf, size_t *size, size_t *ret_len);

#endif
