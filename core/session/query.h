/* SPDX-License-Identifier: MIT */
/* Running a text whose hash is known: what calls by text and prepared statements have in common. */
#ifndef TENON_SESSION_QUERY_H
#define TENON_SESSION_QUERY_H

#include <tenon/query.h>

#include "session/run.h"

tn_status tn__query_exec(tn_db *db, const tn_call *call, const tn__sql *sql, const tn_arglist *args,
                         int64_t *ret_affected, tn_error *err);
tn_status tn__query_get(tn_db *db, const tn_call *call, const tn__sql *sql, const tn_arglist *args,
                        const tn_intolist *into, tn_error *err);

/* What tn_exec() tells of an answer that has ended: rows that were changed. */
int64_t tn__affected_by(const tn_batch *batch, bool gives_rows);

#endif
