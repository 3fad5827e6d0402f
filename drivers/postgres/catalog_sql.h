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

/* Kinds of objects that many databases have none of; bits, in the order of the columns of
 * pg_catalog_kinds. */
typedef enum pg_kind {
    PG_KIND_ALWAYS = 0,
    PG_KIND_EXTENSION = 1 << 0,
    PG_KIND_TYPE = 1 << 1, /* enums, domains, ranges */
    PG_KIND_COMPOSITE = 1 << 2,
    PG_KIND_FUNCTION = 1 << 3,
    PG_KIND_VIEW = 1 << 4,
    PG_KIND_TRIGGER = 1 << 5,
    PG_KIND_RULE = 1 << 6,
    PG_KIND_POLICY = 1 << 7,
    PG_KIND_STATISTICS = 1 << 8,
    PG_KIND_OTHER = 1 << 9, /* what only its name is told of */
    PG_KIND_COMMENT = 1 << 10
} pg_kind;
enum { PG_KINDS = 11 };

/* A part of the question that is left out unless there is one of these kinds. */
typedef struct pg_catalog_piece {
    unsigned kinds;  /* PG_KIND_ALWAYS: it always stands */
    const char *sql; /* NULL: the end */
} pg_catalog_piece;

extern const char pg_catalog_kinds[];
/* $1: an array of schemas' names, NULL: all. The edges are those of all. */
extern const pg_catalog_piece pg_catalog_objects[];
extern const char pg_catalog_edges[];

#endif
