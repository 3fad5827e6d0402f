/* SPDX-License-Identifier: MIT */
#include "config/options.h"

#define DAY_MS  INT64_C(86400000)
#define HOUR_MS INT64_C(3600000)

const tn_option tn__options[TN__OPT_COUNT] = {
    [TN__OPT_URL] =
        {
            .name = "url",
            .environment = "DATABASE_URL",
            .unit = "",
            .kind = TN_OPTION_URL,
            .secret = true,
            .required = true,
            .help = "The database: postgresql://user@host/db, sqlite:path or sqlite::memory:; the "
                    "scheme chooses the driver.",
        },
    [TN__OPT_URL_FILE] =
        {
            .name = "url_file",
            .environment = "DATABASE_URL_FILE",
            .unit = "",
            .kind = TN_OPTION_FILE,
            .required = true,
            .help = "A file that holds the URL, in the place of DATABASE_URL; writable by nobody "
                    "else.",
        },
    [TN__OPT_REPLICA_URL] =
        {
            .name = "replica_url",
            .environment = "DATABASE_REPLICA_URL",
            .unit = "",
            .kind = TN_OPTION_URL,
            .secret = true,
            .help =
                "A read-only copy of the database, which takes read-only transactions; while it "
                "is away, DATABASE_URL does.",
        },
    [TN__OPT_CONNECTION_TIMEOUT] =
        {
            .name = "connection_timeout",
            .environment = "DB_CONNECTION_TIMEOUT",
            .default_value = "30000",
            .unit = "ms",
            .kind = TN_OPTION_INTEGER,
            .least = 1,
            .most = HOUR_MS,
            .help = "How long connecting may take, all hosts and retries together.",
        },
    [TN__OPT_POOL_TIMEOUT] =
        {
            .name = "pool_timeout",
            .environment = "DB_POOL_TIMEOUT",
            .default_value = "30000",
            .unit = "ms",
            .kind = TN_OPTION_INTEGER,
            .least = 0,
            .most = HOUR_MS,
            .help = "How long a caller waits for a free connection; 0 does not wait.",
        },
    [TN__OPT_MAX_CONNECTIONS] =
        {
            .name = "max_connections",
            .environment = "DB_MAX_CONNECTIONS",
            .default_value = "10",
            .unit = "",
            .kind = TN_OPTION_INTEGER,
            .least = 1,
            .most = 10000,
            .help = "The most connections of one client; never exceeded.",
        },
    [TN__OPT_MIN_CONNECTIONS] =
        {
            .name = "min_connections",
            .environment = "DB_MIN_CONNECTIONS",
            .default_value = "2",
            .unit = "",
            .kind = TN_OPTION_INTEGER,
            .least = 0,
            .most = 10000,
            .help = "Connections that are kept open; at most DB_MAX_CONNECTIONS.",
        },
    [TN__OPT_IDLE_TIMEOUT] =
        {
            .name = "idle_timeout",
            .environment = "DB_IDLE_TIMEOUT",
            .default_value = "600000",
            .unit = "ms",
            .kind = TN_OPTION_INTEGER,
            .least = 0,
            .most = DAY_MS,
            .help = "A connection above the minimum is closed when unused for so long; 0 never.",
        },
    [TN__OPT_MAX_LIFETIME] =
        {
            .name = "max_lifetime",
            .environment = "DB_MAX_LIFETIME",
            .default_value = "1800000",
            .unit = "ms",
            .kind = TN_OPTION_INTEGER,
            .least = 0,
            .most = 7 * DAY_MS,
            .help = "A connection is replaced when it is so old; 0 never.",
        },
    [TN__OPT_STATEMENT_TIMEOUT] =
        {
            .name = "statement_timeout",
            .environment = "DB_STATEMENT_TIMEOUT",
            .default_value = "0",
            .unit = "ms",
            .kind = TN_OPTION_INTEGER,
            .least = 0,
            .most = DAY_MS,
            .help = "How long a call may take that sets no deadline of its own; 0 for ever.",
        },
    [TN__OPT_CANCEL_TIMEOUT] =
        {
            .name = "cancel_timeout",
            .environment = "DB_CANCEL_TIMEOUT",
            .default_value = "100",
            .unit = "ms",
            .kind = TN_OPTION_INTEGER,
            .least = 1,
            .most = HOUR_MS,
            .help = "How long ending a statement whose deadline has passed may take, before its "
                    "connection is given up.",
        },
    [TN__OPT_LEAK_TIMEOUT] =
        {
            .name = "leak_timeout",
            .environment = "DB_LEAK_TIMEOUT",
            .default_value = "60000",
            .unit = "ms",
            .kind = TN_OPTION_INTEGER,
            .least = 0,
            .most = DAY_MS,
            .help =
                "A connection that is not given back for so long is reported in the log (warn); "
                "0 never.",
        },
    [TN__OPT_CONNECT_RETRIES] =
        {
            .name = "connect_retries",
            .environment = "DB_CONNECT_RETRIES",
            .default_value = "3",
            .unit = "",
            .kind = TN_OPTION_INTEGER,
            .least = 0,
            .most = 100,
            .help = "How often a first connection that found no server is tried again.",
        },
    [TN__OPT_STATEMENT_CACHE] =
        {
            .name = "statement_cache",
            .environment = "DB_STATEMENT_CACHE",
            .default_value = "128",
            .unit = "statements",
            .kind = TN_OPTION_INTEGER,
            .least = 0,
            .most = 10000,
            .help = "Prepared statements that each connection keeps; 0 keeps none.",
        },
    [TN__OPT_ROW_BUFFER] =
        {
            .name = "row_buffer",
            .environment = "DB_ROW_BUFFER",
            .default_value = "67108864",
            .unit = "bytes",
            .kind = TN_OPTION_INTEGER,
            .least = 4096,
            .most = INT64_C(1) << 36,
            .help = "The most memory that the rows of one answer may take.",
        },
    [TN__OPT_APPLICATION_NAME] =
        {
            .name = "application_name",
            .environment = "DB_APPLICATION_NAME",
            .unit = "",
            .kind = TN_OPTION_TEXT,
            .most = 63,
            .help = "The name under which the server lists the connections.",
        },
    [TN__OPT_LOG_LEVEL] =
        {
            .name = "log_level",
            .environment = "DB_LOG_LEVEL",
            .unit = "",
            .kind = TN_OPTION_CHOICE,
            .choices = "off|error|warn|info|query|debug",
            .help = "What is logged; without it APP_ENV decides.",
        },
    [TN__OPT_LOG_COMPONENTS] =
        {
            .name = "log_components",
            .environment = "DB_LOG_COMPONENTS",
            .default_value = "all",
            .unit = "",
            .kind = TN_OPTION_TEXT,
            .most = 255,
            .help =
                "Whose lines are logged: all, or names with commas between; -name leaves one out "
                "(all,-pool).",
        },
    [TN__OPT_LOG_VALUES] =
        {
            .name = "log_values",
            .environment = "DB_LOG_VALUES",
            .default_value = "off",
            .unit = "",
            .kind = TN_OPTION_BOOLEAN,
            .help =
                "Whether the log of queries shows the values of arguments, not only their types.",
        },
    [TN__OPT_SLOW_QUERY] =
        {
            .name = "slow_query",
            .environment = "DB_SLOW_QUERY",
            .default_value = "1000",
            .unit = "ms",
            .kind = TN_OPTION_INTEGER,
            .least = 0,
            .most = DAY_MS,
            .help = "A statement that took so long is logged (warn); 0 never.",
        },
    [TN__OPT_APP_ENV] =
        {
            .name = "app_env",
            .environment = "APP_ENV",
            .default_value = "production",
            .unit = "",
            .kind = TN_OPTION_TEXT,
            .most = 63,
            .help = "Where the program runs: development logs queries and more, anything else "
                    "errors only.",
        },
};

const tn_option *tn_config_options(size_t *ret_count)
{
    *ret_count = TN__OPT_COUNT;
    return tn__options;
}
