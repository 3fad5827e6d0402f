/* SPDX-License-Identifier: MIT */
/* The tables of the page store. */
#ifndef PAGES_SCHEMA_H
#define PAGES_SCHEMA_H

#include <tenon/tenon.h>

/* Creates what is missing. One text, taken as it is by every database. */
tn_status schema_create(tn_db *db, tn_error *err);

#endif
