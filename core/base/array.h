/* SPDX-License-Identifier: MIT */
/* The text form of one-dimensional arrays (PostgreSQL manual, section 8.15.6). */
#ifndef TENON_BASE_ARRAY_H
#define TENON_BASE_ARRAY_H

#include <stdbool.h>

#include <tenon/types.h>

#include "base/arena.h"
#include "base/buf.h"

/* {1,NULL,"a b"} to items in the arena; *ret is untouched on failure. */
bool tn__array_parse(tn_type element, tn_str text, tn__arena *arena, tn_value *ret);
bool tn__array_append(tn__buf *buf, const tn_array *array);

#endif
