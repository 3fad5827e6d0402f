/* SPDX-License-Identifier: MIT */
/*
 * A database that is migrated: the one connection that does it, what is known of it, and the
 * settings of the run. One thread at a time.
 */
#ifndef TENON_MIGRATE_DATABASE_H
#define TENON_MIGRATE_DATABASE_H

#include <tenon/args.h>
#include <tenon/migrate.h>

#include "base/arena.h"
#include "migrate/steps.h"

typedef struct tn__database {
    tn_db *client;
    tn_db *session;
    tn_db *at;       /* where statements go: the session, or its transaction */
    bool plain;      /* transactions are begun as texts: the file has SAVEPOINT in it */
    tn__arena arena; /* what lives as long as the database */
    tn_migrate_options options;
    tn_migrate_problem own_problem; /* where nobody asked for one */
    tn__dialect dialect;
    bool pooled;       /* each transaction may be another server session: no session lock holds */
    bool exclusive;    /* the lock is ours for the whole run: nobody else changes the history */
    bool fresh;        /* there is no history table yet */
    bool kept;         /* there is a table with the schema as migrations left it: snapshot */
    bool others;       /* there is a table that other tools keep their history in */
    int64_t key;       /* of the advisory lock */
    char schema[128];  /* PostgreSQL: where the history is, unquoted */
    char history[300]; /* the history table, quoted, with its schema */
    char name[260];    /* the same for people */
    char table[128];   /* without its schema, unquoted */
    char snapshot[80]; /* beside it, unquoted */
    char server[64];   /* "PostgreSQL 15.18" */
    const char *search_path;   /* PostgreSQL: as it was */
    const char *kept_settings; /* of the session, before the first file that sets some; or NULL */
    uint32_t done, total;      /* of the run, for events */
} tn__database;

/* Takes a connection and learns what stands at its end; changes nothing. options may be NULL. On
 * failure nothing remains. */
tn_status tn__database_open(tn__database *database, tn_db *client,
                            const tn_migrate_options *options, tn_error *err);
/* Timeouts and names of the session (PostgreSQL), before the first change, and the first attempt at
 * the lock by the same question; *ret_got: it is had. */
tn_status tn__database_prepare(tn__database *database, bool *ret_got, tn_error *err);
/* The settings alone; local: until the end of the transaction. */
tn_status tn__database_set_all(tn__database *database, bool local, tn_error *err);
/* Notes what is set of the session, before a migration that sets something of it. */
tn_status tn__database_keep(tn__database *database, tn_error *err);
/* That once more, after the migration. */
tn_status tn__database_restore(tn__database *database, tn_error *err);
/* Looks anew which tables there are: once the lock is had, and after another one was there. */
tn_status tn__database_refresh(tn__database *database, tn_error *err);
/* Gives the connection back as it was. */
void tn__database_close(tn__database *database);

/* Runs a statement that need not be NUL-terminated. */
tn_status tn__database_run(tn__database *database, tn_str sql, tn_error *err);
tn_status tn__database_begin(tn__database *database, tn_error *err);
tn_status tn__database_commit(tn__database *database, tn_error *err);
/* The transaction's last statements and COMMIT, in one round trip. Whatever it returns, afterwards
 * there is no transaction. */
typedef struct tn__statement {
    const char *sql;
    const tn_arglist *args;
} tn__statement;
tn_status tn__database_finish(tn__database *database, const tn__statement *statements, size_t count,
                              tn_error *err);
/* Whatever the state is, afterwards there is no transaction. */
void tn__database_rollback(tn__database *database);
/* lock_timeout and statement_timeout until the end of the transaction, or of the session. -1: as
 * the run has them. */
tn_status tn__database_timeouts(tn__database *database, int64_t lock_ms, int64_t statement_ms,
                                bool local, tn_error *err);

/* The run was told to stop: TN_CANCELLED. */
tn_status tn__database_check(const tn__database *database, tn_error *err);
/* Waits so long, or until it is told to stop (TN_CANCELLED). */
tn_status tn__database_sleep(const tn__database *database, int64_t ms, tn_error *err);
/* ms, half as much or half as much more, by chance. */
int64_t tn__jitter(int64_t ms);

tn_migrate_problem *tn__database_problem(tn__database *database);
void tn__database_event(tn__database *database, const tn_migrate_event *event);
void tn__database_note(tn__database *database, tn_migrate_event_kind kind,
                       const tn_migration *migration, const char *format, ...) TN_PRINTF(4, 5);

#endif
