/* SPDX-License-Identifier: MIT */
/*
 * Taking a text of several statements apart, by PostgreSQL's lexical rules: a semicolon within
 * quotes, dollar quotes, comments or a BEGIN ATOMIC body does not end a statement.
 *
 *   tn_script script = tn_script_start(tn_str_from(text));
 *   tn_str sql;
 *   uint32_t line;
 *   while (tn_script_next(&script, &sql, &line)) ...
 *
 * Thread rule: no state but the struct.
 */
#ifndef TENON_SCRIPT_H
#define TENON_SCRIPT_H

#include <stdbool.h>
#include <stdint.h>

#include <tenon/export.h>
#include <tenon/types.h>

typedef struct tn_script {
    tn_str rest;
    uint32_t line;
} tn_script;

TN_BEGIN_DECLS

/* The text is borrowed as long as the script is used. */
TN_API tn_script tn_script_start(tn_str text);

/* The next statement, without its semicolon (a view into the text, not NUL-terminated), and the
 * 1-based line on which it starts. Empty ones are passed over. false at the end. */
TN_API bool tn_script_next(tn_script *script, tn_str *ret, uint32_t *ret_line);

TN_END_DECLS

#endif
