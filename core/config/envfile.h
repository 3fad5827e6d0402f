/* SPDX-License-Identifier: MIT */
/*
 * The .env grammar, text only (no getenv, no files): [export ]KEY=value a line. Unquoted values are
 * trimmed, '#' starts a comment only after white space; '...' literal; "..." with \n \t \" \\ \$;
 * quoted values may span lines; ${X} and ${X:-d} outside single quotes, from what is known so far.
 * CRLF and a BOM are accepted. No command substitution.
 */
#ifndef TENON_CONFIG_ENVFILE_H
#define TENON_CONFIG_ENVFILE_H

#include <stdbool.h>
#include <stddef.h>

#include <tenon/types.h>

/* Called for each pair, in order; key and value are NUL-terminated and valid for the call. */
typedef void tn__envfile_pair(void *arg, const char *key, const char *value, int line);
/* Called for each bad line: why, never its value. key is the key where one was read, else NULL. */
typedef void tn__envfile_fault(void *arg, int line, const char *key, const char *why);
/* What ${name} stands for; NULL: not set. */
typedef const char *tn__envfile_lookup(void *arg, const char *name);

/* false: out of memory. */
bool tn__envfile_parse(tn_str text, tn__envfile_pair *pair, tn__envfile_fault *fault,
                       tn__envfile_lookup *lookup, void *arg);

#endif
