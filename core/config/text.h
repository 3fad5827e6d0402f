/* SPDX-License-Identifier: MIT */
/* Texts that configuration messages are made of. */
#ifndef TENON_CONFIG_TEXT_H
#define TENON_CONFIG_TEXT_H

#include <stdbool.h>

#include <tenon/error.h>
#include <tenon/types.h>

#include "base/buf.h"

/* Appends a value so that it can be shown in one line: redacted, control characters as \xNN, cut
 * after some 60 characters. */
bool tn__config_quote(tn__buf *out, const char *value);

/* A URL may have been put in the wrong place: redact what could be one, also where only a path or a
 * word belongs. /run/secrets/database_url is none. */
bool tn__may_be_url(const char *value);

/* Appends url without its secrets; see tn_url_redact(). */
bool tn__url_redact(tn__buf *out, tn_str url);

/* The word of the list that differs from word in the fewest letters, NULL when none is near. */
const char *tn__nearest_word(const char *word, const char *const *words, size_t n_words);

/* A fault of a URL is told of DATABASE_URL; it stood in the setting of this name. */
void tn__config_blame(tn_error *err, const char *environment);

#endif
