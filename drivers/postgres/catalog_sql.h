/* SPDX-License-Identifier: MIT */
/*
 * The questions of catalog.c, and what their answers hold. They run with a search_path of one
 * schema, so that the server's own functions write names as a text wants them.
 */
#ifndef TENON_DRIVERS_POSTGRES_CATALOG_SQL_H
#define TENON_DRIVERS_POSTGRES_CATALOG_SQL_H

/* Columns of pg_catalog_objects. */
enum {
    PG_OBJECT_KEY = 0, /* the order, as far as dependencies leave it free */
    PG_OBJECT_ID,      /* "classid:oid" */
    PG_OBJECT_KIND,
    PG_OBJECT_NAME,
    PG_OBJECT_SQL,
    PG_OBJECT_COLUMNS
};

/* Columns of pg_catalog_edges: the first cannot be made before the second. */
enum { PG_EDGE_FROM = 0, PG_EDGE_TO, PG_EDGE_COLUMNS };

/* $1: an array of schemas' names, NULL: all. The edges are those of all. */
extern const char pg_catalog_objects[];
extern const char pg_catalog_edges[];

#endif
