/* SPDX-License-Identifier: MIT */
/*
 * The text form of every value type, PostgreSQL's: what psql shows with DateStyle ISO,
 * IntervalStyle postgres, TimeZone UTC, bytea_output hex. One place for it, used by text results,
 * by SQLite's storage and by tn_value_format().
 */
#ifndef TENON_BASE_TEXT_H
#define TENON_BASE_TEXT_H

#include <stdbool.h>

#include <tenon/types.h>

#include "base/arena.h"
#include "base/buf.h"

/*
 * Text to a value of that type. Texts, uuids, intervals and arrays are placed in the arena (texts
 * copied, with their NUL). element counts for arrays: one dimension, {1,NULL,"a b"}, bounds like
 * [2:3]= refused. false: malformed, out of range, or no memory; *ret is untouched.
 */
bool tn__value_parse(tn_type type, tn_type element, tn_str text, tn__arena *arena, tn_value *ret);

/* Appends the text form; NULL appends nothing (in arrays: NULL). false if the buffer failed. */
bool tn__value_append(tn__buf *buf, const tn_value *value);

/* The same for what has a text of bounded length: into room, which has TN_TIME_TEXT_SIZE bytes,
 * with its NUL. false: it is of another type, and nothing was written. */
bool tn__value_format_short(const tn_value *value, char *room, size_t *ret_len);

/* Deep copy into an arena: texts (with NUL), uuids, intervals, arrays. false: no memory. */
bool tn__value_copy(const tn_value *value, tn__arena *arena, tn_value *ret);

#endif
