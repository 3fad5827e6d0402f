/* SPDX-License-Identifier: MIT */
/* Pure text work on database URLs: the scheme, the parameters that are ours, hiding secrets. */
#ifndef TENON_CONFIG_URL_H
#define TENON_CONFIG_URL_H

#include <stdbool.h>
#include <stddef.h>

#include <tenon/error.h>
#include <tenon/types.h>

/*
 * The scheme: what stands before the first ':', a token [a-z][a-z0-9+.-]* of at most 31 characters.
 * TN_CONFIG names the (redacted, escaped) text that is none. *ret is a view into url.
 */
tn_status tn__url_scheme(const char *url, tn_str *ret, tn_error *err);

typedef struct tn__url_param {
    char *name;  /* as in the caller's list */
    char *value; /* percent-decoded, NUL-terminated */
} tn__url_param;

typedef struct tn__url_parts {
    char *url; /* without the parameters that were taken; the rest byte for byte */
    tn__url_param *params;
    size_t n_params;
} tn__url_parts;

/*
 * Takes the named parameters out of the query part (after the first '?'), wherever they stand; of
 * one that is there twice the last counts, as in libpq. Names are compared after percent-decoding.
 * TN_CONFIG: a broken percent escape or %00 in a parameter that is ours.
 */
tn_status tn__url_take(const char *url, const char *const *names, size_t n_names,
                       tn__url_parts *ret, tn_error *err);
/* Wipes and frees. NULL members are fine. */
void tn__url_parts_free(tn__url_parts *parts);

#endif
