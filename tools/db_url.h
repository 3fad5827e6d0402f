/* SPDX-License-Identifier: MIT */
/* Which database a URL names, and the URL of another one beside it. Pure. */
#ifndef TENON_TOOLS_DB_URL_H
#define TENON_TOOLS_DB_URL_H

#include <stdbool.h>
#include <stddef.h>

typedef enum db_kind { DB_OTHER = 0, DB_SERVER, DB_FILE, DB_MEMORY } db_kind;

/* What kind of URL it is: of PostgreSQL, of a file of SQLite. */
db_kind db_url_kind(const char *url);
/* The name, percent-decoded: of a database, or a path. "" if the URL has none. To be freed; NULL:
 * out of memory. */
char *db_url_name(const char *url);
/* The same URL with another name; a secret. To be freed; NULL: out of memory. */
char *db_url_with(const char *url, const char *name);

#endif
