/* SPDX-License-Identifier: MIT */
/*
 * Prepared statements in hand. tn_query() and its sisters prepare and cache by themselves; these
 * are for those who want to prepare early, look at parameters and columns, or spare the look-up.
 *
 * A statement made on a client may be used by any thread and prepares itself on each connection;
 * one made on a session or transaction belongs to that handle and must be closed before it ends.
 */
#ifndef TENON_STMT_H
#define TENON_STMT_H

#include <stddef.h>
#include <stdint.h>

#include <tenon/db.h>
#include <tenon/error.h>
#include <tenon/query.h>
#include <tenon/rows.h>

typedef struct tn_stmt tn_stmt;

TN_BEGIN_DECLS

/* Prepares sql. The caller closes it with tn_stmt_close(). Errors as of tn_query(). */
TN_API TN_NODISCARD tn_status tn_prepare(tn_db *db, const char *sql, tn_stmt **ret, tn_error *err);

/* Placeholders ($1 ... $n), and the type that the statement gives to one (0-based);
 * TN_TYPE_NULL where the driver takes any. */
TN_API size_t tn_stmt_params(const tn_stmt *stmt);
TN_API tn_type tn_stmt_param_type(const tn_stmt *stmt, size_t index);

/* Columns of the answer; NULL out of range. Borrowed until the statement is closed. */
TN_API size_t tn_stmt_columns(const tn_stmt *stmt);
TN_API const tn_column *tn_stmt_column(const tn_stmt *stmt, size_t index);

/* As tn_query_with(), tn_get_with(), tn_exec_with(). db is the handle to run on: the client, or a
 * session or transaction of the same client; NULL is the handle that it was prepared on. */
TN_API TN_NODISCARD tn_rows *tn_stmt_query(tn_stmt *stmt, tn_db *db, const tn_call *call,
                                           const tn_arglist *args);
TN_API TN_NODISCARD tn_status tn_stmt_get(tn_stmt *stmt, tn_db *db, const tn_call *call,
                                          const tn_arglist *args, const tn_intolist *into,
                                          tn_error *err);
TN_API TN_NODISCARD tn_status tn_stmt_exec(tn_stmt *stmt, tn_db *db, const tn_call *call,
                                           const tn_arglist *args, int64_t *ret_affected,
                                           tn_error *err);

/* NULL is fine. */
TN_API void tn_stmt_close(tn_stmt *stmt);

TN_END_DECLS

#endif
