/* SPDX-License-Identifier: MIT */
/* The option table: one row a setting, in the order of this list. See tn_option. */
#ifndef TENON_CONFIG_OPTIONS_H
#define TENON_CONFIG_OPTIONS_H

#include <tenon/config.h>

typedef enum tn__option_id {
    TN__OPT_URL = 0,            /* url                 DATABASE_URL */
    TN__OPT_URL_FILE,           /* url_file            DATABASE_URL_FILE */
    TN__OPT_REPLICA_URL,        /* replica_url         DATABASE_REPLICA_URL */
    TN__OPT_CONNECTION_TIMEOUT, /* connection_timeout  DB_CONNECTION_TIMEOUT  30000 ms */
    TN__OPT_POOL_TIMEOUT,       /* pool_timeout        DB_POOL_TIMEOUT        30000 ms */
    TN__OPT_MAX_CONNECTIONS,    /* max_connections     DB_MAX_CONNECTIONS     10 */
    TN__OPT_MIN_CONNECTIONS,    /* min_connections     DB_MIN_CONNECTIONS     2 */
    TN__OPT_IDLE_TIMEOUT,       /* idle_timeout        DB_IDLE_TIMEOUT        600000 ms, 0 never */
    TN__OPT_MAX_LIFETIME,       /* max_lifetime        DB_MAX_LIFETIME        1800000 ms, 0 never */
    TN__OPT_STATEMENT_TIMEOUT,  /* statement_timeout   DB_STATEMENT_TIMEOUT   0 ms: none */
    TN__OPT_CANCEL_TIMEOUT,     /* cancel_timeout      DB_CANCEL_TIMEOUT      100 ms */
    TN__OPT_LEAK_TIMEOUT,       /* leak_timeout        DB_LEAK_TIMEOUT        60000 ms, 0 never */
    TN__OPT_CONNECT_RETRIES,    /* connect_retries     DB_CONNECT_RETRIES     3 */
    TN__OPT_STATEMENT_CACHE,  /* statement_cache     DB_STATEMENT_CACHE     128 statements, 0 off */
    TN__OPT_ROW_BUFFER,       /* row_buffer          DB_ROW_BUFFER          67108864 bytes */
    TN__OPT_APPLICATION_NAME, /* application_name    DB_APPLICATION_NAME */
    TN__OPT_LOG_LEVEL,      /* log_level           DB_LOG_LEVEL: off|error|warn|info|query|debug */
    TN__OPT_LOG_COMPONENTS, /* log_components      DB_LOG_COMPONENTS      all */
    TN__OPT_LOG_VALUES,     /* log_values          DB_LOG_VALUES          off */
    TN__OPT_SLOW_QUERY,     /* slow_query          DB_SLOW_QUERY          1000 ms, 0 never */
    TN__OPT_APP_ENV,        /* app_env             APP_ENV: free text, "production" by default */
    TN__OPT_COUNT
} tn__option_id;

extern const tn_option tn__options[TN__OPT_COUNT];

#endif
