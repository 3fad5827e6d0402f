/* SPDX-License-Identifier: MIT */
/*
 * What is wrong with a URL that libpq does not take, in words that quote nothing of it which may be
 * a secret: libpq's own message quotes the whole. Pure.
 */
#ifndef TENON_DRIVERS_POSTGRES_URL_H
#define TENON_DRIVERS_POSTGRES_URL_H

#include <stddef.h>

#include <tenon/types.h>

/* True if libpq knows a parameter of that name. */
typedef bool pg_url_known(void *arg, tn_str name);

/* Writes the reason ("parameter \"foo\" is not known"). */
void pg_url_diagnose(const char *url, pg_url_known *known, void *arg, char *ret, size_t size);

#endif
