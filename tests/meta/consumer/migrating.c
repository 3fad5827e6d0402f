/* SPDX-License-Identifier: MIT */
/* Migrates by itself when it starts; a second time there is nothing to do. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tenon/migrate.h>
#include <tenon/tenon.h>

extern const tn_migration_files migrations;

int main(void)
{
    tn_error err = TN_ERROR_INIT;
    char *name = NULL;
    tn_db *db = tn_open_url("sqlite::memory:", &err);

    if (!db || tn_migrate_up(db, &migrations, NULL, &err) != TN_OK ||
        tn_migrate_up(db, &migrations, NULL, &err) != TN_OK ||
        tn_get(db, "select name from things", NULL, tn_into(&name), &err) != TN_OK)
        return tn_error_print(stderr, &err), 1;
    int same = strcmp(name, "a \"quoted\" name; \\ and \xc3\xa9") == 0;
    free(name);
    return tn_db_close(db, &err) != TN_OK || !same;
}
