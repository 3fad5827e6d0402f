/* SPDX-License-Identifier: MIT */
/* What a file's name says. */
#ifndef TENON_MIGRATE_NAME_H
#define TENON_MIGRATE_NAME_H

#include <stdbool.h>

#include <tenon/migrate.h>

enum { TN__VERSION_MAX = 31 }; /* digits */

typedef enum tn__name_kind {
    TN__NAME_BLOCKS = 0, /* -- migrate:up and its kin are in it */
    TN__NAME_UP,         /* the whole is the up block, unless such a line is in it */
    TN__NAME_DOWN        /* the whole is the down block */
} tn__name_kind;

/* Views into the name. */
typedef struct tn__name {
    tn_str version;
    tn_str name;
    tn_str driver; /* of a variant, as it is spelled; len 0: any */
    /* Where a driver's would stand: the name of another database, or one misspelled; len 0: none.
     * The file is no portable one, and none of ours either. */
    tn_str no_driver;
    const char *meant; /* the driver that no_driver looks like; NULL: none */
    tn__name_kind kind;
} tn__name;

/*
 * VERSION_name.sql, VERSION_name.DRIVER.sql, and what other tools write: VERSION_name.up.sql with
 * VERSION_name.down.sql, V1__name.sql with U1__name.sql, VERSION_name/migration.sql. driver is one
 * more word that counts as a variant's. false: no migration's name.
 */
bool tn__name_parse(tn_str file, const char *driver, tn__name *ret);

/* Of a file's name that is no migration's: what is wrong with it, if a migration is meant; NULL: it
 * may be anything. */
const char *tn__name_fault(tn_str file);

/* "postgres" is "postgresql", "sqlite3" is "sqlite". */
bool tn__same_driver(tn_str a, tn_str b);

#endif
