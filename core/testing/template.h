/* SPDX-License-Identifier: MIT */
/*
 * libtenon-testing, between its files. It stands on the public API alone, as an application does;
 * what differs from one kind of database to the other is a tn__copier. Within the library err is
 * never NULL.
 */
#ifndef TENON_TESTING_TEMPLATE_H
#define TENON_TESTING_TEMPLATE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <tenon/testing.h>

typedef struct tn__copier tn__copier;

enum { TN__COPY_NAME = 64 };

/* A copy of the template: a client, and how the database is called ("" where it has no name). */
typedef struct tn__copy {
    tn_db *db;
    char name[TN__COPY_NAME];
} tn__copy;

/* What is in use: a copy of one's own, or a transaction on the shared one. */
typedef struct tn__case {
    tn__copy copy; /* rollback: db is the transaction */
    bool rollback;
    struct tn__case *next;
} tn__case;

struct tn_template {
    const tn__copier *copier;
    tn_testing_options options; /* setup, configure, arg, ahead */
    char *url;
    char *script; /* all of it: texts and files, as they are hashed */
    uint64_t hash;
    bool shared; /* others may find it */
    void *own;   /* the copier's */

    pthread_mutex_t lock;
    tn__case *cases;
    tn__copy base; /* of those that are rolled back; db NULL: not made yet */

    tn_template *next; /* all there are */
};

/* Makes copies for one kind of database. Any thread. */
struct tn__copier {
    const char *driver;
    /* Makes or finds the template. On failure nothing is left. */
    tn_status (*open)(tn_template *t, tn_error *err);
    tn_status (*copy)(tn_template *t, tn__copy *ret, tn_error *err);
    /* Closes the client and removes the database. */
    tn_status (*remove)(tn_template *t, tn__copy *copy, tn_error *err);
    void (*close)(tn_template *t);
};

extern const tn__copier tn__copier_postgresql;
extern const tn__copier tn__copier_sqlite;

/* A client of this URL, configured as the options say. */
tn_status tn__testing_open(const tn_template *t, const char *url, tn_db **ret, tn_error *err);
/* Runs what makes the template on this database. */
tn_status tn__testing_build(const tn_template *t, tn_db *db, tn_error *err);

/* script.c. All that is given as SQL, with a line before each part that names it; NULL: the cause.
 */
char *tn__testing_read(const tn_testing_options *options, tn_error *err);
/* Runs it; an error names the part. */
tn_status tn__testing_run(tn_db *db, const char *script, tn_error *err);

/* url.c. The URL with another database (postgresql), or with this parameter in memory (sqlite);
 * allocated. NULL: the cause. */
char *tn__testing_url_database(const char *url, const char *database, tn_error *err);
char *tn__testing_url_memory(const char *url, const char *from, tn_error *err);

#endif
