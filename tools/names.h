/* SPDX-License-Identifier: MIT */
/* Names of columns, as options and files give them, and as SQL text. */
#ifndef TENON_TOOLS_NAMES_H
#define TENON_TOOLS_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#include <tenon/types.h>

typedef struct names {
    char **items;
    size_t count, capacity;
} names;

/* "a, \"B c\"": without quotes letters become small ones, as in SQL. false: not such a list. */
bool names_read(names *n, const char *text);
/* The same of a name with its schema before it: "a.\"B c\"". */
bool names_read_dotted(names *n, const char *text);
/* One as it is. false: it cannot be a column's name, or there is no memory. */
bool names_add(names *n, tn_str name);
/* The index, -1: none. */
int names_find(const names *n, const char *name);
int names_find_str(const names *n, tn_str name);
/* All of them quoted, with commas; to be freed. NULL: no memory. */
char *names_quoted(const names *n);
void names_free(names *n);

#endif
