/* SPDX-License-Identifier: MIT */
/*
 * Finding the objects in a schema's text. A line "-- kind: name" begins one where a statement may
 * begin: within a function's body or a string it is none, which only the lexer can tell.
 */
#include "session/schema.h"

#include <stdlib.h>
#include <string.h>

#include "base/lexer.h"
#include "base/sha256.h"
#include "base/str.h"

enum { TEXT_MAX = 256 << 20 };
static const tn_str not_sql = {"-- (not in this text as SQL)", 28};

/* "-- kind: name" with a kind of one to three lower-case words. */
static bool read_header(tn_str line, tn_schema_object *ret)
{
    size_t i = 3, blanks = 0;

    if (!tn__str_starts(line, TN__STR("-- ")))
        return false;
    for (; i < line.len && ((line.ptr[i] >= 'a' && line.ptr[i] <= 'z') || line.ptr[i] == ' '); i++)
        blanks += line.ptr[i] == ' ';
    if (i == 3 || blanks > 2 || i + 2 >= line.len || line.ptr[i] != ':' || line.ptr[i + 1] != ' ')
        return false;
    ret->kind = tn__str(line.ptr + 3, i - 3);
    ret->name = tn__str_trim(tn__str(line.ptr + i + 2, line.len - i - 2));
    return ret->name.len > 0;
}

static tn_schema_object *add(tn_schema *schema)
{
    if (schema->n == schema->capacity) {
        size_t capacity = schema->capacity ? schema->capacity * 2 : 64;
        tn_schema_object *grown = realloc(schema->objects, capacity * sizeof(*grown));
        if (!grown)
            return NULL;
        schema->objects = grown;
        schema->capacity = capacity;
    }
    return &schema->objects[schema->n];
}

/* The object before ends where this one begins. */
static void close_object(tn_schema *schema, const char *end)
{
    if (schema->n == 0)
        return;
    tn_schema_object *last = &schema->objects[schema->n - 1];
    last->sql = tn__str_trim(tn__str(last->sql.ptr, (size_t)(end - last->sql.ptr)));
    if (tn__str_starts(last->sql, not_sql))
        schema->complete = false;
}

static tn_status find_objects(tn_schema *schema, tn_error *err)
{
    bool boundary = true; /* a statement may begin here */
    tn_schema_object object, *place;
    tn__lexer lexer;
    tn__tok tok;

    tn__lexer_init(&lexer, tn__str(schema->text, schema->len));
    while ((tok = tn__lexer_next(&lexer)).kind != TN__TOK_END) {
        if (tok.kind == TN__TOK_ERROR)
            return tn_error_set(err, TN_SYNTAX, "42601",
                                "line %u: a quote or comment is not closed", (unsigned)tok.line);
        if (tok.kind == TN__TOK_COMMENT && tok.column == 1 && boundary &&
            read_header(tok.text, &object)) {
            close_object(schema, tok.text.ptr);
            place = add(schema);
            if (!place)
                return tn_error_set(err, TN_NOMEM, NULL, "out of memory");
            object.sql = tn__str(tok.text.ptr + tok.text.len, 0);
            *place = object;
            schema->n++;
        } else if (tok.kind != TN__TOK_SPACE && tok.kind != TN__TOK_COMMENT) {
            boundary = tok.kind == TN__TOK_SEMICOLON;
        }
    }
    close_object(schema, schema->text + schema->len);
    return TN_OK;
}

/* One end of line at the end, whatever was there: a file of it ends like that. */
static void end_text(tn__buf *text)
{
    if (text->failed || text->len == 0)
        return;
    while (text->len > 0 && (text->ptr[text->len - 1] == '\n' || text->ptr[text->len - 1] == ' '))
        text->len--;
    if (text->len > 0)
        tn__buf_putc(text, '\n');
    else
        text->ptr[0] = '\0';
}

tn_status tn__schema_take(tn__buf *text, tn_schema **ret, tn_error *err)
{
    tn_schema *schema = calloc(1, sizeof(*schema));

    end_text(text);
    if (schema) {
        schema->len = text->len;
        schema->text = tn__buf_take(text);
        schema->complete = true;
    }
    if (!schema || !schema->text) {
        tn__buf_free(text);
        tn_schema_free(schema);
        return tn_error_set(err, TN_NOMEM, NULL, "out of memory");
    }
    tn_status status = find_objects(schema, err);
    if (status != TN_OK) {
        tn_schema_free(schema);
        return status;
    }
    tn__sha256_hex(tn__str(schema->text, schema->len), schema->fingerprint);
    *ret = schema;
    return TN_OK;
}

/* What stands before the first object is a file's business, not the schema's: without it, so that a
 * file has the fingerprint of what it was written from. */
static tn_str without_preface(tn_str text)
{
    tn_schema_object object;
    tn_str rest = text;

    while (rest.len > 0) {
        const char *end = memchr(rest.ptr, '\n', rest.len);
        size_t len = end ? (size_t)(end - rest.ptr) : rest.len;
        tn_str line = tn__str_trim(tn__str(rest.ptr, len));
        if (read_header(line, &object))
            return rest;
        len += end != NULL;
        rest = tn__str(rest.ptr + len, rest.len - len);
    }
    return rest;
}

/* A checkout makes CR LF of each end of line. Where there is one without CR, the others are not its
 * doing: they are within a function's body or a string, and belong to it. */
static bool is_checked_out(tn_str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] == '\n' && (i == 0 || text.ptr[i - 1] != '\r'))
            return false;
    return true;
}

tn_status tn_schema_parse(tn_str text, tn_schema **ret, tn_error *err)
{
    bool checked_out = is_checked_out(text);
    tn__buf copy;

    tn__buf_init(&copy, TEXT_MAX);
    text = without_preface(text);
    for (size_t i = 0; i < text.len; i++)
        if (!checked_out || text.ptr[i] != '\r' || i + 1 == text.len || text.ptr[i + 1] != '\n')
            tn__buf_putc(&copy, text.ptr[i]);
    return tn__schema_take(&copy, ret, err);
}

void tn_schema_free(tn_schema *schema)
{
    if (!schema)
        return;
    free(schema->objects);
    free(schema->text);
    free(schema);
}

tn_str tn_schema_text(const tn_schema *schema)
{
    return tn__str(schema->text, schema->len);
}

const char *tn_schema_fingerprint(const tn_schema *schema)
{
    return schema->fingerprint;
}

size_t tn_schema_count(const tn_schema *schema)
{
    return schema->n;
}

bool tn_schema_at(const tn_schema *schema, size_t index, tn_schema_object *ret)
{
    if (index >= schema->n)
        return false;
    *ret = schema->objects[index];
    return true;
}

bool tn_schema_is_complete(const tn_schema *schema)
{
    return schema->complete;
}
