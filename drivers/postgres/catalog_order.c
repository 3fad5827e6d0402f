/* SPDX-License-Identifier: MIT */
/*
 * Kahn's algorithm with a heap of what is ready, so that the order does not depend on the order in
 * which the server told the edges. Objects are sorted by key before: an index is a rank.
 */
#include "postgres/catalog_order.h"

#include <stdlib.h>
#include <string.h>

typedef struct named {
    const char *id;
    size_t object;
} named;

typedef struct sorter {
    pg_order_object *objects;
    size_t n;
    named *ids;        /* sorted */
    size_t *waits_for; /* how many are still to come before it */
    size_t *first;     /* edge number + 1 of its first follower, 0: none */
    size_t *next;      /* of an edge: the next follower of the same */
    size_t *follower;  /* of an edge */
    size_t n_links;
    size_t *heap;
    size_t n_heap;
    bool *done;
} sorter;

static int by_key(const void *a, const void *b)
{
    const pg_order_object *x = a, *y = b;
    int order = strcmp(x->key, y->key);

    return order ? order : strcmp(x->name, y->name);
}

static int by_id(const void *a, const void *b)
{
    const named *x = a, *y = b;
    int order = strcmp(x->id, y->id);

    return order ? order : (x->object > y->object) - (x->object < y->object);
}

static bool find(const sorter *s, const char *id, size_t *ret)
{
    size_t low = 0, high = s->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(s->ids[middle].id, id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == s->n || strcmp(s->ids[low].id, id) != 0)
        return false;
    *ret = s->ids[low].object;
    return true;
}

static void push(sorter *s, size_t object)
{
    size_t at = s->n_heap++;

    for (; at > 0 && s->heap[(at - 1) / 2] > object; at = (at - 1) / 2)
        s->heap[at] = s->heap[(at - 1) / 2];
    s->heap[at] = object;
}

static size_t pop(sorter *s)
{
    size_t least = s->heap[0], last = s->heap[--s->n_heap], at = 0;

    for (;;) {
        size_t child = at * 2 + 1;
        if (child >= s->n_heap)
            break;
        if (child + 1 < s->n_heap && s->heap[child + 1] < s->heap[child])
            child++;
        if (s->heap[child] >= last)
            break;
        s->heap[at] = s->heap[child];
        at = child;
    }
    s->heap[at] = last;
    return least;
}

static void link_edges(sorter *s, const pg_order_edge *edges, size_t n_edges)
{
    for (size_t i = 0; i < n_edges; i++) {
        size_t from, to;
        if (!find(s, edges[i].from, &from) || !find(s, edges[i].to, &to) || from == to)
            continue;
        s->follower[s->n_links] = from;
        s->next[s->n_links] = s->first[to];
        s->first[to] = ++s->n_links;
        s->waits_for[from]++;
    }
}

static void finish(sorter *s, size_t object)
{
    s->done[object] = true;
    for (size_t link = s->first[object]; link; link = s->next[link - 1]) {
        size_t follower = s->follower[link - 1];
        if (--s->waits_for[follower] == 0 && !s->done[follower])
            push(s, follower);
    }
}

static void run(sorter *s, pg_order_object *out)
{
    size_t oldest = 0;

    for (size_t i = 0; i < s->n; i++)
        if (s->waits_for[i] == 0)
            push(s, i);
    for (size_t i = 0; i < s->n; i++) {
        size_t object;
        if (s->n_heap > 0) {
            object = pop(s);
        } else { /* a circle */
            while (s->done[oldest])
                oldest++;
            object = oldest;
        }
        out[i] = s->objects[object];
        finish(s, object);
    }
}

bool pg_order(pg_order_object *objects, size_t n, const pg_order_edge *edges, size_t n_edges)
{
    size_t count = n + 1;
    sorter s = {.objects = objects, .n = n};
    pg_order_object *out = malloc(count * sizeof(*out));

    s.ids = malloc(count * sizeof(*s.ids));
    s.waits_for = calloc(count, sizeof(*s.waits_for));
    s.first = calloc(count, sizeof(*s.first));
    s.heap = malloc(count * sizeof(*s.heap));
    s.done = calloc(count, sizeof(*s.done));
    s.next = calloc(n_edges + 1, sizeof(*s.next));
    s.follower = calloc(n_edges + 1, sizeof(*s.follower));
    bool good = out && s.ids && s.waits_for && s.first && s.heap && s.done && s.next && s.follower;
    if (good) {
        qsort(objects, n, sizeof(*objects), by_key);
        for (size_t i = 0; i < n; i++)
            s.ids[i] = (named){objects[i].id, i};
        qsort(s.ids, n, sizeof(*s.ids), by_id);
        link_edges(&s, edges, n_edges);
        run(&s, out);
        memcpy(objects, out, n * sizeof(*objects));
    }
    free(out);
    free(s.ids);
    free(s.waits_for);
    free(s.first);
    free(s.heap);
    free(s.done);
    free(s.next);
    free(s.follower);
    return good;
}
