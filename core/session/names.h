/* SPDX-License-Identifier: MIT */
/*
 * Names that a program gives as text: "app.users", "id, \"Full Name\"". They are read as SQL reads
 * them and quoted again, so that whatever the text is, it becomes names and nothing else.
 */
#ifndef TENON_SESSION_NAMES_H
#define TENON_SESSION_NAMES_H

#include <tenon/error.h>
#include <tenon/types.h>

#include "base/arena.h"

enum { TN__NAMES_MAX = 1600 }; /* columns that a PostgreSQL table can have */

typedef struct tn__namelist {
    tn_str *quoted;     /* "id", "Full Name", each with its quotes and a NUL behind it */
    const char **plain; /* without */
    size_t count;
} tn__namelist;

/* A table, with its schema perhaps: *ret_quoted is SQL text, memory from the arena. TN_SYNTAX 42602
 * says what is not a name. */
tn_status tn__name_table(const char *text, tn__arena *arena, tn_str *ret_quoted, tn_error *err);

/* Columns, comma-separated, none twice (42701). what: the word for them in messages. */
tn_status tn__name_columns(const char *text, const char *what, tn__arena *arena, tn__namelist *ret,
                           tn_error *err);

/* Adds one that is known already. false: out of memory. */
bool tn__namelist_add(tn__namelist *names, const char *plain, tn__arena *arena);
/* Room for so many. false: out of memory. */
bool tn__namelist_init(tn__namelist *names, size_t most, tn__arena *arena);
/* The index of a name; -1: it is not among them. */
int tn__namelist_find(const tn__namelist *names, const char *plain);

#endif
