/* SPDX-License-Identifier: MIT */
/* The tables of the page store. */
#ifndef PAGES_SCHEMA_H
#define PAGES_SCHEMA_H

#include <tenon/tenon.h>

/* Applies the migrations that are pending, on a client. However many copies of the program start at
 * once, each is applied once. */
tn_status schema_create(tn_db *db, tn_error *err);

#endif
