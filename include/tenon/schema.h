/* SPDX-License-Identifier: MIT */
/*
 * The schema of a database as a text: canonical (the same schema gives the same bytes, on every
 * run and whatever the session's settings are), good to read in review, and SQL that makes the
 * schema anew on an empty database. Its SHA-256 is the schema's fingerprint.
 *
 * The text is a sequence of objects, each with a line that names it and its statements:
 *
 *   -- table: users
 *   create table users (
 *       id uuid default gen_random_uuid() not null,
 *       email text not null,
 *       constraint users_pkey primary key (id)
 *   );
 *
 * In it are extensions, schemas, types, sequences, functions, tables with their columns, defaults
 * and constraints, indexes (one that is not valid says so), views, triggers, rules, policies,
 * statistics and comments. Rows, owners, privileges and the server's settings are not. Tables whose
 * name begins with _tenon_ are left out: the history of migrations is not part of what it made.
 * What SQL cannot make anew from the text (an operator, say) is in it as a comment.
 *
 * The words are the server's: another major version may write the same schema differently.
 *
 * Thread rule: a tn_schema does not change once it is there; any number of threads may read it.
 */
#ifndef TENON_SCHEMA_H
#define TENON_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>

#include <tenon/db.h>
#include <tenon/error.h>
#include <tenon/export.h>
#include <tenon/types.h>

typedef struct tn_schema tn_schema;

/* One object. Views into the schema, as long as it lives. */
typedef struct tn_schema_object {
    tn_str kind; /* "table", "index", "function" ... */
    tn_str name; /* as the text has it: quoted where necessary, with its schema if need be */
    tn_str sql;  /* its statements, without the line that names it */
} tn_schema_object;

typedef enum tn_schema_difference {
    TN_SCHEMA_ADDED = 1, /* only in the second */
    TN_SCHEMA_REMOVED,   /* only in the first */
    TN_SCHEMA_CHANGED
} tn_schema_difference;

/*
 * One difference. part names what within the object differs ("column email", "constraint
 * users_check"), empty: the object as a whole. before and after are the lines in question, empty
 * where there is none. Views, valid within the call.
 */
typedef struct tn_schema_change {
    tn_schema_difference what;
    tn_str kind;
    tn_str name;
    tn_str part;
    tn_str before;
    tn_str after;
} tn_schema_change;

typedef void tn_schema_change_fn(void *arg, const tn_schema_change *change);

enum { TN_SCHEMA_FINGERPRINT = 65 }; /* 64 hex digits and a NUL */

TN_BEGIN_DECLS

/*
 * Reads the schema. schemas: names with commas between; NULL or "": the one that the URL's ?schema=
 * names, without it all but the system's and what belongs to extensions. Names in the first one
 * stand without it in the text. A database without schemas knows "main" only.
 *
 * In a transaction it sees what the transaction did. Changes nothing. TN_UNSUPPORTED: the driver
 * has no catalog. Else any class of tn_status. Freed with tn_schema_free().
 */
TN_API TN_NODISCARD tn_status tn_schema_read(tn_db *db, const char *schemas, tn_schema **ret,
                                             tn_error *err);

/* The same from a text that was kept (copied). Comments before the first object are passed over.
 * TN_SYNTAX: not such a text. */
TN_API TN_NODISCARD tn_status tn_schema_parse(tn_str text, tn_schema **ret, tn_error *err);

/* NULL is fine. */
TN_API void tn_schema_free(tn_schema *schema);

/* The whole text, NUL-terminated. Borrowed, as the next ones. */
TN_API tn_str tn_schema_text(const tn_schema *schema);
/* SHA-256 of the text: 64 hex digits. */
TN_API const char *tn_schema_fingerprint(const tn_schema *schema);
TN_API size_t tn_schema_count(const tn_schema *schema);
/* The objects, in the order of the text. false: index is too large. */
TN_API bool tn_schema_at(const tn_schema *schema, size_t index, tn_schema_object *ret);
/* true: running the text makes the whole schema; false: something is in it as a comment only. */
TN_API bool tn_schema_is_complete(const tn_schema *schema);

/* Calls fn (may be NULL) for each difference: what is gone and what changed in the order of the
 * first, then what is new in the order of the second. Returns how many there are; TN_NOMEM is told
 * as one difference of the whole. */
TN_API size_t tn_schema_compare(const tn_schema *before, const tn_schema *after,
                                tn_schema_change_fn *fn, void *arg);

TN_END_DECLS

#endif
