/* SPDX-License-Identifier: MIT */
/* Errors of the library for people and programs: text on standard error, JSON on standard output.
 */
#ifndef TENON_TOOLS_REPORT_H
#define TENON_TOOLS_REPORT_H

#include <tenon/error.h>

#include "json.h"
#include "tool.h"

/* The exit code of an error: of one that happened before there was a connection, or after. */
int report_exit_code(const tn_error *err);

/* A place in a SQL text. line 0: none. */
typedef struct report_place {
    const char *file; /* NULL: no file */
    unsigned line, column;
    tn_str text; /* the line itself */
} report_place;

/* Says what went wrong; place may be NULL. Returns the exit code. */
int report_error(const tool *t, const tn_error *err, const report_place *place);

/* A line of text behind a label, on standard error, as errors have them ("  hint: "). */
void report_label(const char *label, const char *text);

/* The members of "error" in an answer. */
void report_error_json(json *j, const tn_error *err, const report_place *place);

/* {"ok":..., "command":... : the beginning that all answers share. */
void report_begin(json *j, out *o, const tool *t, bool ok);
/* } and a newline, written. false when standard output failed (not by EPIPE). */
bool report_end(json *j);

/* Flushes. The exit code: the given one, or TOOL_EXIT_SQL after saying that writing failed. */
int report_finish(out *o, int exit_code);

#endif
