/* SPDX-License-Identifier: MIT */
/*
 * Call sites, for the report of connections that are not given back: in a build without NDEBUG (or
 * with TENON_CALL_SITES) the calls that may hold a connection tell their file and line first. With
 * TENON_NO_CALL_SITES, or in a release build, they are the plain functions.
 */
#ifndef TENON_SITE_H
#define TENON_SITE_H

#include <tenon/batch.h>
#include <tenon/bulk.h>
#include <tenon/db.h>
#include <tenon/export.h>
#include <tenon/listen.h>
#include <tenon/query.h>
#include <tenon/script.h>
#include <tenon/stmt.h>
#include <tenon/txn.h>

TN_BEGIN_DECLS

/* The next connection that this thread takes is held by this line. file is borrowed for ever
 * (__FILE__); NULL: unknown. For wrappers that want their caller's line in the report. */
TN_API void tn_call_site(const char *file, int line);

TN_END_DECLS

#if !defined(TENON_NO_CALL_SITES) && (!defined(NDEBUG) || defined(TENON_CALL_SITES))
#define tn_acquire(...)     (tn_call_site(__FILE__, __LINE__), (tn_acquire)(__VA_ARGS__))
#define tn_begin(...)       (tn_call_site(__FILE__, __LINE__), (tn_begin)(__VA_ARGS__))
#define tn_transaction(...) (tn_call_site(__FILE__, __LINE__), (tn_transaction)(__VA_ARGS__))
#define tn_query(...)       (tn_call_site(__FILE__, __LINE__), (tn_query)(__VA_ARGS__))
#define tn_query_with(...)  (tn_call_site(__FILE__, __LINE__), (tn_query_with)(__VA_ARGS__))
#define tn_get(...)         (tn_call_site(__FILE__, __LINE__), (tn_get)(__VA_ARGS__))
#define tn_get_with(...)    (tn_call_site(__FILE__, __LINE__), (tn_get_with)(__VA_ARGS__))
#define tn_exec(...)        (tn_call_site(__FILE__, __LINE__), (tn_exec)(__VA_ARGS__))
#define tn_exec_with(...)   (tn_call_site(__FILE__, __LINE__), (tn_exec_with)(__VA_ARGS__))
#define tn_exec_script(...) (tn_call_site(__FILE__, __LINE__), (tn_exec_script)(__VA_ARGS__))
#define tn_notify(...)      (tn_call_site(__FILE__, __LINE__), (tn_notify)(__VA_ARGS__))
#define tn_prepare(...)     (tn_call_site(__FILE__, __LINE__), (tn_prepare)(__VA_ARGS__))
#define tn_batch_run(...)   (tn_call_site(__FILE__, __LINE__), (tn_batch_run)(__VA_ARGS__))
#define tn_bulk_read(...)   (tn_call_site(__FILE__, __LINE__), (tn_bulk_read)(__VA_ARGS__))
#endif

#endif
