/* SPDX-License-Identifier: MIT */
/* A block as the statements that are run, with what has to be known of each before it is. */
#ifndef TENON_MIGRATE_STEPS_H
#define TENON_MIGRATE_STEPS_H

#include <tenon/migrate.h>

#include "base/arena.h"

typedef enum tn__dialect { TN__POSTGRESQL = 1, TN__SQLITE } tn__dialect;

/* May a statement be run again of which nobody knows whether it was done? */
typedef enum tn__again {
    TN__AGAIN_ASK = 0, /* a person has to look */
    TN__AGAIN_YES,     /* it may be repeated: VACUUM, REINDEX, PRAGMA */
    TN__AGAIN_CREATE,  /* then it is there: "exists already" says that it was done */
    TN__AGAIN_DROP     /* then it is gone: "does not exist" says so */
} tn__again;

typedef struct tn__step {
    tn_str sql;    /* a view into the block, without the semicolon */
    uint32_t line; /* of the file */
    bool group;    /* BEGIN ... COMMIT: several statements that are one step */
    bool sets;     /* sets something of the session: run once more by who goes on behind it */
    bool alone;    /* never within a transaction */
    bool patient;  /* CONCURRENTLY: waiting for it holds nobody up, so no lock_timeout */
    bool drops;    /* DROP TABLE */
    tn__again again;
    tn_str index; /* of CREATE INDEX CONCURRENTLY: the index's name as it is written, else len 0 */
} tn__step;

typedef struct tn__steps {
    tn__step *items;
    size_t count;
    bool sets;  /* some of them do, those of groups too, or have code in them that may */
    bool drops; /* some of them do */
    bool savepoints;
} tn__steps;

/*
 * Takes migration->up (or, with down, migration->down) apart. A BEGIN with its COMMIT around all of
 * a block that is a transaction anyway is left out; other transaction commands in it are TN_CONFIG,
 * as is a BEGIN without end in one that is none.
 */
tn_status tn__steps_split(tn__arena *arena, const tn_migration *migration, bool down,
                          tn__dialect dialect, tn__steps *ret, tn_migrate_problem *problem,
                          tn_error *err);

#endif
