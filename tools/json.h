/* SPDX-License-Identifier: MIT */
/*
 * A small JSON writer: commas and nesting are its business, text is always valid UTF-8 and valid
 * JSON whatever comes in. Key is NULL within arrays. One thread at a time.
 */
#ifndef TENON_TOOLS_JSON_H
#define TENON_TOOLS_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tenon/types.h>

#include "out.h"

typedef struct json {
    out *out;
    bool comma; /* something stands before on this level */
} json;

void json_init(json *j, out *o);
void json_object(json *j, const char *key);
void json_object_end(json *j);
void json_array(json *j, const char *key);
void json_array_end(json *j);
/* NULL is written as null. */
void json_text(json *j, const char *key, const char *text);
/* Left out when empty: for what need not be known. */
void json_text_opt(json *j, const char *key, const char *text);
void json_int(json *j, const char *key, int64_t value);
void json_bool(json *j, const char *key, bool value);
void json_null(json *j, const char *key);
/* microseconds as milliseconds, 1.234 */
void json_milliseconds(json *j, const char *key, int64_t us);

/* A key of a row's object: quoted and escaped once, used for every row. */
void json_key(out *o, const char *name);
/* A string with its quotes. */
void json_string(out *o, const char *text, size_t len);
/* A value of a row; see `tenon sql --help` for what becomes what. */
void json_value(out *o, const tn_value *value, out_scratch *scratch);

/* The text is one JSON value and nothing else (RFC 8259), at most 512 levels deep. */
bool json_valid(const char *text, size_t len);

#endif
