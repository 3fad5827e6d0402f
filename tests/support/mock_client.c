/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support/mock_client.h"

static tn_status apply(tn_config *config, const char *settings, tn_error *err)
{
    char copy[256], *rest = copy;

    snprintf(copy, sizeof(copy), "%s", settings);
    tn_status status = tn_config_set(config, "min_connections", "0", err);
    for (char *word; status == TN_OK && (word = strsep(&rest, " "));) {
        char *value = strchr(word, '=');
        if (!value)
            continue;
        *value++ = '\0';
        status = tn_config_set(config, word, value, err);
    }
    return status;
}

tn_db *mock_try_open(const char *url, const char *settings, tn_error *err)
{
    tn_config *config = tn_config_from_url(url, err);
    tn_db *db = NULL;

    if (config && apply(config, settings, err) == TN_OK)
        db = tn_open(config, err);
    tn_config_free(config);
    return db;
}

tn_db *mock_open(mock *m, const char *settings)
{
    tn_error err = TN_ERROR_INIT;
    char url[64];

    snprintf(url, sizeof(url), "%s://host/db", mock_module(m)->name);
    tn_db *db = mock_try_open(url, settings, &err);
    if (!db)
        fail_msg("opening a client of the mock driver failed: %s", err.message);
    mock_clear(m);
    return db;
}

void mock_close(mock *m, tn_db *db)
{
    tn_error err = TN_ERROR_INIT;

    tn_status status = tn_db_close(db, &err);
    mock_check_contract(m);
    assert_ok(status, err);
    mock_check(m);
}
