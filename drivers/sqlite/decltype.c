/* SPDX-License-Identifier: MIT */
/*
 * Declared types: what stands behind a column's name in CREATE TABLE, or behind AS in a cast. The
 * words are PostgreSQL's (manual, chapter 8, table 8.1); those of SQLite that mean one of them are
 * taken too. Everything else is told by the value itself.
 */
#include "sqlite/lite.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/lexer.h"
#include "base/str.h"

#define MAX_WORDS 64 /* bytes of a type's words, "timestamp without time zone" is the longest */

static const struct known {
    const char *words;
    tn_type type;
    const char *sql;
    const char *name;
} known[] = {
    {"bigint", TN_TYPE_INT64, "bigint", "int8"},
    {"bigserial", TN_TYPE_INT64, "bigint", "int8"},
    {"blob", TN_TYPE_BYTES, "bytea", "blob"},
    {"bool", TN_TYPE_BOOL, "boolean", "bool"},
    {"boolean", TN_TYPE_BOOL, "boolean", "bool"},
    {"bpchar", TN_TYPE_TEXT, "character", "bpchar"},
    {"bytea", TN_TYPE_BYTES, "bytea", "bytea"},
    {"char", TN_TYPE_TEXT, "character", "bpchar"},
    {"character", TN_TYPE_TEXT, "character", "bpchar"},
    {"character varying", TN_TYPE_TEXT, "character varying", "varchar"},
    {"citext", TN_TYPE_TEXT, "citext", "citext"},
    {"date", TN_TYPE_DATE, "date", "date"},
    {"dec", TN_TYPE_NUMERIC, "numeric", "numeric"},
    {"decimal", TN_TYPE_NUMERIC, "numeric", "numeric"},
    {"double precision", TN_TYPE_FLOAT8, "double precision", "float8"},
    {"float", TN_TYPE_FLOAT8, "double precision", "float8"},
    {"float4", TN_TYPE_FLOAT4, "real", "float4"},
    {"float8", TN_TYPE_FLOAT8, "double precision", "float8"},
    {"int", TN_TYPE_INT32, "integer", "int4"},
    {"int2", TN_TYPE_INT16, "smallint", "int2"},
    {"int4", TN_TYPE_INT32, "integer", "int4"},
    {"int8", TN_TYPE_INT64, "bigint", "int8"},
    {"integer", TN_TYPE_INT32, "integer", "int4"},
    {"interval", TN_TYPE_INTERVAL, "interval", "interval"},
    {"json", TN_TYPE_JSON, "json", "json"},
    {"jsonb", TN_TYPE_JSON, "jsonb", "jsonb"},
    {"numeric", TN_TYPE_NUMERIC, "numeric", "numeric"},
    {"real", TN_TYPE_FLOAT4, "real", "float4"},
    {"serial", TN_TYPE_INT32, "integer", "int4"},
    {"serial2", TN_TYPE_INT16, "smallint", "int2"},
    {"serial4", TN_TYPE_INT32, "integer", "int4"},
    {"serial8", TN_TYPE_INT64, "bigint", "int8"},
    {"smallint", TN_TYPE_INT16, "smallint", "int2"},
    {"smallserial", TN_TYPE_INT16, "smallint", "int2"},
    {"text", TN_TYPE_TEXT, "text", "text"},
    {"time", TN_TYPE_TIME, "time without time zone", "time"},
    {"time without time zone", TN_TYPE_TIME, "time without time zone", "time"},
    {"timestamp", TN_TYPE_TIMESTAMP, "timestamp without time zone", "timestamp"},
    {"timestamp with time zone", TN_TYPE_TIMESTAMPTZ, "timestamp with time zone", "timestamptz"},
    {"timestamp without time zone", TN_TYPE_TIMESTAMP, "timestamp without time zone", "timestamp"},
    {"timestamptz", TN_TYPE_TIMESTAMPTZ, "timestamp with time zone", "timestamptz"},
    {"uuid", TN_TYPE_UUID, "uuid", "uuid"},
    {"varchar", TN_TYPE_TEXT, "character varying", "varchar"},
};

/* The parts of a declared type. */
typedef struct parts {
    char words[MAX_WORDS + 1]; /* lower case, single blanks */
    size_t len;
    int32_t numbers[2];
    int n_numbers;
    bool array;
} parts;

static bool add_word(parts *p, tn_str word)
{
    if (p->len + word.len + 1 > MAX_WORDS)
        return false;
    if (p->len)
        p->words[p->len++] = ' ';
    for (size_t i = 0; i < word.len; i++) {
        char c = word.ptr[i];
        p->words[p->len++] = (char)(c >= 'A' && c <= 'Z' ? c + 'a' - 'A' : c);
    }
    p->words[p->len] = '\0';
    return true;
}

/* (n) or (p, s); the lexer stands behind the parenthesis. */
static bool read_numbers(tn__lexer *lexer, parts *p)
{
    for (;;) {
        tn__tok tok = tn__lexer_skip(lexer);
        int64_t number;
        if (tok.kind != TN__TOK_NUMBER || p->n_numbers == 2 ||
            !tn__parse_int64(tok.text, &number) || number < 0 || number > 10485760)
            return false;
        p->numbers[p->n_numbers++] = (int32_t)number;
        tok = tn__lexer_skip(lexer);
        if (tok.kind != TN__TOK_PUNCT)
            return false;
        if (tok.text.ptr[0] == ')')
            return true;
        if (tok.text.ptr[0] != ',')
            return false;
    }
}

/* [] or [n], once: the lexer stands behind the bracket. */
static bool read_bracket(tn__lexer *lexer, parts *p)
{
    tn__tok tok = tn__lexer_skip(lexer);

    if (tok.kind == TN__TOK_NUMBER)
        tok = tn__lexer_skip(lexer);
    if (p->array || tok.kind != TN__TOK_PUNCT || tok.text.ptr[0] != ']')
        return false;
    p->array = true;
    return true;
}

static bool split(tn_str declared, parts *p)
{
    tn__lexer lexer;

    tn__lexer_init(&lexer, declared);
    for (;;) {
        tn__tok tok = tn__lexer_skip(&lexer);
        switch (tok.kind) {
        case TN__TOK_END: return p->len > 0;
        case TN__TOK_WORD:
            if (p->array)
                return false;
            if (tn__str_iequal(tok.text, TN__STR("array")))
                p->array = true;
            else if (!add_word(p, tok.text))
                return false;
            break;
        case TN__TOK_PUNCT:
            if (tok.text.ptr[0] == '(' && p->n_numbers == 0 && !p->array) {
                if (!read_numbers(&lexer, p))
                    return false;
            } else if (tok.text.ptr[0] != '[' || !read_bracket(&lexer, p)) {
                return false;
            }
            break;
        default: return false;
        }
    }
}

static const struct known *look_up(const char *words)
{
    size_t low = 0, high = TN__COUNT_OF(known);

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(words, known[middle].words);
        if (order == 0)
            return &known[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

static void set_modifier(const parts *p, lite_type *ret)
{
    if (p->n_numbers == 0) {
        if (strcmp(p->words, "char") == 0 || strcmp(p->words, "character") == 0)
            ret->modifier = 1;
        return;
    }
    if (ret->type == TN_TYPE_TEXT) {
        ret->modifier = p->numbers[0];
    } else if (ret->type == TN_TYPE_NUMERIC && p->numbers[0] >= 1 && p->numbers[0] <= 1000) {
        int32_t scale = p->n_numbers == 2 ? p->numbers[1] : 0;
        if (scale > 1000)
            return;
        ret->precision = (int16_t)p->numbers[0];
        ret->scale = (int16_t)scale;
        ret->modifier = (p->numbers[0] << 16) | scale;
    }
}

bool lite_decltype(tn_str declared, lite_type *ret)
{
    lite_type type = {.type = TN_TYPE_NULL, .scale = -1, .modifier = -1, .sql = "", .name = ""};
    parts p = {.len = 0};
    const struct known *found = NULL;

    if (declared.len > 0 && declared.len < 256 && split(declared, &p))
        found = look_up(p.words);
    if (found) {
        type.type = found->type;
        type.sql = found->sql;
        type.name = found->name;
        set_modifier(&p, &type);
        if (p.array) {
            type.element = type.type;
            type.type = TN_TYPE_ARRAY;
        }
    }
    *ret = type;
    return found != NULL;
}
