/* SPDX-License-Identifier: MIT */
#include "schema.h"

#include <tenon/migrate.h>

/* The files of migrations/, within the program: see tenon_embed_migrations() in CMakeLists.txt. */
extern const tn_migration_files pages_migrations;

tn_status schema_create(tn_db *db, tn_error *err)
{
    return tn_migrate_up(db, &pages_migrations, NULL, err);
}
