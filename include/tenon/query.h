/* SPDX-License-Identifier: MIT */
/*
 * Running SQL. The text is the caller's, values travel apart from it as $1 ... $n: SQL is never
 * built by formatting. One statement a call (tn_exec_script() takes many). Statements are prepared
 * and cached by themselves, by their text.
 *
 * Every call waits at most for its deadline: the call's own (tn_call), else the transaction's, else
 * DB_STATEMENT_TIMEOUT; on a client the wait for a connection (DB_POOL_TIMEOUT) comes before. When
 * it passes, the statement is cancelled and the error is TN_TIMEOUT.
 *
 * Errors: any class of tn_status. Arguments: the number must match (TN_PROTOCOL, 08P01), each must
 * fit the type that the statement gives to its placeholder (TN_DATA, 22003 or 42804, before
 * anything is run).
 */
#ifndef TENON_QUERY_H
#define TENON_QUERY_H

#include <stddef.h>
#include <stdint.h>

#include <tenon/args.h>
#include <tenon/db.h>
#include <tenon/error.h>
#include <tenon/export.h>
#include <tenon/rows.h>

/* How the rows of a query come. */
typedef enum tn_fetch {
    TN_FETCH_AUTO = 0, /* stream; memory stays bounded whatever the size of the answer */
    TN_FETCH_STREAM,
    /* Read all at once: faster for small answers. With PostgreSQL the answer is whole or an error:
     * no row is given before one. SQLite's rows come as they are found all the same. */
    TN_FETCH_BUFFER
} tn_fetch;

/* Settings of one call. TN_CALL_INIT gives the defaults; fields are only added at the end. */
typedef struct tn_call {
    size_t size;
    int64_t timeout_ms; /* for the whole call, streaming included; 0: the handle's, -1: none */
    tn_fetch fetch;
} tn_call;
/* clang-format off */
#define TN_CALL_INIT {sizeof(tn_call), 0, TN_FETCH_AUTO}
/* clang-format on */

TN_BEGIN_DECLS

/* Runs a statement and returns its rows: never NULL, see rows.h. args may be NULL. */
TN_API TN_NODISCARD tn_rows *tn_query(tn_db *db, const char *sql, const tn_arglist *args);
TN_API TN_NODISCARD tn_rows *tn_query_with(tn_db *db, const tn_call *call, const char *sql,
                                           const tn_arglist *args);

/*
 * Runs a statement that must give exactly one row, and writes its columns. TN_NOT_FOUND: no row;
 * TN_TOO_MANY_ROWS: more than one. Targets are untouched on failure (a char * that was written
 * before a later column failed is freed and set to NULL).
 */
TN_API TN_NODISCARD tn_status tn_get(tn_db *db, const char *sql, const tn_arglist *args,
                                     const tn_intolist *into, tn_error *err);
TN_API TN_NODISCARD tn_status tn_get_with(tn_db *db, const tn_call *call, const char *sql,
                                          const tn_arglist *args, const tn_intolist *into,
                                          tn_error *err);

/* Runs a statement for its effect; rows that it gives are thrown away. ret_affected may be NULL; it
 * gets the number of rows that were inserted, updated or deleted, 0 for statements without one. */
TN_API TN_NODISCARD tn_status tn_exec(tn_db *db, const char *sql, const tn_arglist *args,
                                      int64_t *ret_affected, tn_error *err);
TN_API TN_NODISCARD tn_status tn_exec_with(tn_db *db, const tn_call *call, const char *sql,
                                           const tn_arglist *args, int64_t *ret_affected,
                                           tn_error *err);

/*
 * Runs every statement of a text in order (semicolons within quotes, dollar quotes and comments do
 * not count); stops at the first failure, whose error tells the line. On a client all run on one
 * connection, each in a transaction of its own. A text without a statement is fine.
 */
TN_API TN_NODISCARD tn_status tn_exec_script(tn_db *db, const char *sql, tn_error *err);

/*
 * An identifier for SQL text, quoted: my"table gives "my""table". For the rare statement whose
 * table or column is not known before; values never go this way. Semantics of snprintf; 0 when
 * name is empty, longer than 63 bytes or not UTF-8.
 */
TN_API size_t tn_quote_identifier(tn_str name, char *buf, size_t size);

TN_END_DECLS

#endif
