/* SPDX-License-Identifier: MIT */
/* drivers/postgres: the order in which objects can be made. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "postgres/catalog_order.h"

enum { MANY = 3000 };

/* Objects "key:id", edges "from>to"; the ids in order. */
static void order(const char *const *objects, size_t n, const char *const *edges, size_t n_edges,
                  const char *expected)
{
    char texts[16][16], ends[16][16], got[128] = "";
    pg_order_object list[16];
    pg_order_edge pairs[16];

    for (size_t i = 0; i < n; i++) {
        snprintf(texts[i], sizeof(texts[i]), "%s", objects[i]);
        char *colon = strchr(texts[i], ':');
        *colon = '\0';
        list[i] = (pg_order_object){.key = texts[i], .name = "", .id = colon + 1, .row = (int)i};
    }
    for (size_t i = 0; i < n_edges; i++) {
        snprintf(ends[i], sizeof(ends[i]), "%s", edges[i]);
        char *to = strchr(ends[i], '>');
        *to = '\0';
        pairs[i] = (pg_order_edge){.from = ends[i], .to = to + 1};
    }
    assert_true(pg_order(list, n, pairs, n_edges));
    for (size_t i = 0; i < n; i++)
        snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s ", list[i].id);
    assert_string_equal(got, expected);
}

#define N(list) (sizeof(list) / sizeof((list)[0]))

static void keys_decide_where_nothing_else_does(void **state)
{
    static const char *const objects[] = {"5b:b", "2z:z", "5a:a", "0x:x"};

    (void)state;
    order(objects, N(objects), NULL, 0, "x z a b ");
}

static void what_is_needed_comes_first(void **state)
{
    static const char *const objects[] = {"3f:f", "5t:t", "5u:u", "7v:v"};
    static const char *const edges[] = {"f>t", "t>u", "v>f", "f>gone", "gone>t", "t>t"};

    (void)state;
    order(objects, N(objects), edges, N(edges), "u t f v ");
}

static void the_order_of_edges_does_not_matter(void **state)
{
    static const char *const objects[] = {"5c:c", "5b:b", "5a:a", "5d:d"};
    static const char *const one[] = {"a>d", "b>d", "a>b"};
    static const char *const other[] = {"a>b", "b>d", "a>d"};

    (void)state;
    order(objects, N(objects), one, N(one), "c d b a ");
    order(objects, N(objects), other, N(other), "c d b a ");
}

static void a_circle_is_cut(void **state)
{
    static const char *const objects[] = {"5c:c", "5b:b", "5a:a"};
    static const char *const edges[] = {"a>b", "b>a", "c>a"};

    (void)state;
    order(objects, N(objects), edges, N(edges), "a b c ");
}

/* A chain against the keys: no quadratic time, no recursion. */
static void many_objects_are_ordered(void **state)
{
    pg_order_object *list = calloc(MANY, sizeof(*list));
    pg_order_edge *edges = calloc(MANY, sizeof(*edges));
    char(*names)[8] = calloc(MANY, sizeof(*names));

    (void)state;
    assert_true(list && edges && names);
    for (int i = 0; i < MANY; i++) {
        snprintf(names[i], sizeof(names[i]), "%06d", i);
        list[i] = (pg_order_object){.key = names[i], .name = "", .id = names[i], .row = i};
        if (i + 1 < MANY)
            edges[i] = (pg_order_edge){names[i], NULL};
    }
    for (int i = 0; i + 1 < MANY; i++)
        edges[i].to = names[i + 1];
    assert_true(pg_order(list, MANY, edges, MANY - 1));
    for (int i = 0; i < MANY; i++)
        assert_int_equal(list[i].row, MANY - 1 - i);
    free(list);
    free(edges);
    free(names);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_decide_where_nothing_else_does),
        cmocka_unit_test(what_is_needed_comes_first),
        cmocka_unit_test(the_order_of_edges_does_not_matter),
        cmocka_unit_test(a_circle_is_cut),
        cmocka_unit_test(many_objects_are_ordered),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
