/* SPDX-License-Identifier: MIT */
/* The order in which objects can be made: what is needed first, else by key. Pure. */
#ifndef TENON_DRIVERS_POSTGRES_CATALOG_ORDER_H
#define TENON_DRIVERS_POSTGRES_CATALOG_ORDER_H

#include <stdbool.h>
#include <stddef.h>

typedef struct pg_order_object {
    const char *key; /* no two are alike, else name decides */
    const char *name;
    const char *id; /* what edges refer to; several may have the same */
    int row;        /* the caller's */
} pg_order_object;

/* from is made after to. Ends that are no object's are passed over. */
typedef struct pg_order_edge {
    const char *from;
    const char *to;
} pg_order_edge;

/* Sorts in place. A circle is cut at its least key. false: no memory, the order is then undefined.
 */
bool pg_order(pg_order_object *objects, size_t n, const pg_order_edge *edges, size_t n_edges);

#endif
