/* SPDX-License-Identifier: MIT */
/*
 * The place between prepare() and sqlite3_prepare(): what the caller wrote goes in, what SQLite is
 * given comes out, together with all that the driver must know of the statement. Today the only
 * dialect is SQLite's own ("native"): the text passes through, and only what SQLite would read
 * otherwise than any driver of tenon must is translated or refused.
 */
#ifndef TENON_DRIVERS_SQLITE_DIALECT_H
#define TENON_DRIVERS_SQLITE_DIALECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tenon/driver.h>

#include "base/arena.h"

struct lite_type;

typedef enum lite_kind {
    LITE_KIND_OTHER = 0,
    LITE_KIND_EMPTY,
    LITE_KIND_SELECT, /* also VALUES */
    LITE_KIND_INSERT, /* also REPLACE */
    LITE_KIND_UPDATE,
    LITE_KIND_DELETE,
    LITE_KIND_SCHEMA, /* CREATE, ALTER, DROP */
    LITE_KIND_PRAGMA,
    LITE_KIND_ATTACH, /* also DETACH */
    LITE_KIND_EXPLAIN,
    LITE_KIND_TRANSACTION /* never reaches SQLite */
} lite_kind;

typedef enum lite_verb {
    LITE_VERB_BEGIN = 0,
    LITE_VERB_COMMIT,
    LITE_VERB_ROLLBACK,
    LITE_VERB_SAVEPOINT,
    LITE_VERB_RELEASE,
    LITE_VERB_ROLLBACK_TO
} lite_verb;

/* A transaction command that was given as SQL. */
typedef struct lite_command {
    lite_verb verb;
    tn_isolation isolation;
    bool read_only;
    bool immediate; /* SQLite's BEGIN IMMEDIATE or EXCLUSIVE */
    char name[64];  /* of a savepoint, folded */
} lite_command;

/* From here on (out), the translated text stands for the caller's text from in on. */
typedef struct lite_edit {
    uint32_t out;
    uint32_t in;
} lite_edit;

/* What the select list (or RETURNING) tells of one column. */
typedef struct lite_item {
    const struct lite_type *type; /* NULL: not told */
    const char *name;             /* PostgreSQL's name of an unnamed expression; NULL: not told */
    bool star;
} lite_item;

typedef struct lite_statement {
    lite_kind kind;
    const char *tag; /* "INSERT 0", "CREATE TABLE" */
    bool counts;     /* a number of rows follows the tag */
    bool replaces;   /* REPLACE, INSERT OR REPLACE: it may delete as well */
    bool temporary;  /* CREATE TEMP */
    bool sets;       /* a PRAGMA that may change the session */
    uint32_t n_params;
    const struct lite_type *const *param_types; /* NULL, or for each the type that casts give it */
    tn_str sql;       /* what SQLite gets: the caller's text, or valid until the next translation */
    const char *verb; /* what refusals name: "INSERT", "CREATE TABLE" */
    tn_str target;    /* the table that INSERT, UPDATE, DELETE, CREATE INDEX name; empty if none */
    tn_str index;     /* what CREATE INDEX makes; empty if it is another statement */
    lite_command command;
    const lite_edit *edits; /* in rising order; none: the text is the caller's */
    uint32_t n_edits;
    const lite_item *items; /* one a column, unless a star stands among them */
    uint32_t n_items;
} lite_statement;

/* Translates one statement. Arrays go into the arena. */
tn_status lite_dialect_translate(tn_driver_conn *conn, tn_str sql, tn__arena *arena,
                                 lite_statement *ret, tn_error *err);

/* The byte of the caller's text that stands at this byte of the translated one. */
size_t lite_dialect_offset(const lite_statement *statement, tn_str sql, size_t offset);

/* classify.c: kind, tag, verb, target, temporary, sets. */
void lite_classify(tn_str sql, lite_statement *ret);
/* The name that a word or quoted identifier stands for, folded as PostgreSQL does and cut to size.
 */
void lite_identifier(tn_str token, char *buf, size_t size);

/* select_list.c: types and names of the columns as far as the text alone tells. false: no memory.
 */
bool lite_select_list(tn_str sql, tn__arena *arena, lite_statement *ret);
/* What is told of column i of n; NULL: nothing. */
const lite_item *lite_select_item(const lite_statement *statement, uint32_t i, uint32_t n);

#endif
