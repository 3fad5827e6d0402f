/* SPDX-License-Identifier: MIT */
/* Differences of two schemas, for people and programs. */
#ifndef TENON_TOOLS_SCHEMA_DIFF_H
#define TENON_TOOLS_SCHEMA_DIFF_H

#include <tenon/schema.h>

#include "json.h"
#include "out.h"

/* A difference a paragraph, with - and + before the lines. Returns how many. */
size_t schema_diff_text(out *o, const tn_schema *before, const tn_schema *after);
/* [{"what":"changed","kind":...,"name":...,"part":...,"before":...,"after":...}] */
size_t schema_diff_json(json *j, const char *key, const tn_schema *before, const tn_schema *after);

#endif
