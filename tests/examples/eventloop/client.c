/* SPDX-License-Identifier: MIT */
#include "client.h"

#include <string.h>

tn_db *client_open(struct loop *loop, const char *connections, tn_error *err)
{
    tn_config *config = tn_config_load(err);
    tn_db *db = NULL;

    if (!config)
        return NULL;
    if (tn_config_set(config, "max_connections", connections, err) == TN_OK &&
        tn_config_set(config, "pool_timeout", "120000", err) == TN_OK) {
        tn_config_set_wait(config, loop_wait, loop);
        db = tn_open(config, err);
    }
    tn_config_free(config);
    return db;
}

bool client_waits(const tn_db *db)
{
    return strcmp(tn_db_driver(db), "sqlite") != 0;
}
