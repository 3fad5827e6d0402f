/* SPDX-License-Identifier: MIT */
/*
 * Declared answers: where engines may differ, each driver says what it does, in one table. What is
 * not here is the same everywhere. A third party's driver starts from answers_generic.
 */
#ifndef TENON_CONFORMANCE_ANSWERS_H
#define TENON_CONFORMANCE_ANSWERS_H

#include <stdbool.h>
#include <stddef.h>

#include <tenon/tenon.h>

struct fixture;

typedef struct answers {
    const char *driver; /* the driver's name */

    /* Without TN_CAP_SQL: select $1, $2 ... gives one row with the arguments as they came. Then the
     * cases that need no more run on it, each cast($1 as type) written as $1. */
    bool plain_select;

    /* A URL that holds this text is a database of its own for each client ("" for always). */
    const char *private_mark;
    /* Whether the driver waits for a socket, so that an application's wait sees its work. */
    bool socket;

    /* A URL that cannot be opened, with the password "xyzzy-canary" in it where the scheme has
     * one, and what is answered. NULL: none. */
    const char *unreachable_url;
    tn_status unreachable_status;
    /* A path or parameter that is wrong for this scheme. NULL: none. */
    const char *faulty_url;

    /* One statement without placeholders that runs for half a minute unless it is ended. */
    const char *long_statement;

    bool dollar_quotes; /* $tag$...$tag$ is a string; else it is refused */
    bool nan;           /* NaN is a value; else it is refused with 0A000 */
    bool negative_zero; /* -0.0 in a column keeps its sign */

    const char *jsonb_text; /* what {"b": 1, "a": [1,2]} reads as from a jsonb column */

    /* A type without a C type of its own: what it is called, a value, and its text. NULL: none. */
    const char *other_type;
    const char *other_sql; /* select cast($1 as that type) */
    const char *other_text;

    /* A setting that lives on a connection. NULL: none. */
    const char *setting_change;
    const char *setting_read; /* one row, one text */
    const char *setting_value;

    /*
     * Makes a database that only this client will use, and destroys it under the client's feet:
     * doomed_url() writes its URL into buf and returns NULL, or the reason why it cannot;
     * doom() takes it away. NULL: the driver has no such thing.
     */
    const char *(*doomed_url)(struct fixture *f, char *buf, size_t size);
    void (*doom)(struct fixture *f);
} answers;

extern const answers answers_generic;
extern const answers answers_sqlite;
extern const answers answers_postgres;
extern const answers answers_template;

/* By the driver's name; answers_generic when nobody has declared any, NULL if strict. */
const answers *answers_find(const char *driver, bool strict);

#endif
