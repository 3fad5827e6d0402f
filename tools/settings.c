/* SPDX-License-Identifier: MIT */
#include "settings.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "term.h"

tn_status settings_number(tn_config *config, const char *name, int64_t value, tn_error *err)
{
    char text[24];

    snprintf(text, sizeof(text), "%" PRId64, value);
    return tn_config_set(config, name, text, err);
}

bool settings_find(const tn_config *config, const char *name, tn_config_entry *ret)
{
    tn_config_entry entry;

    for (size_t i = 0; tn_config_entry_at(config, i, &entry); i++)
        if (strcmp(entry.option->name, name) == 0) {
            *ret = entry;
            return true;
        }
    return false;
}

static bool is_default(const tn_config *config, const char *name)
{
    tn_config_entry entry;

    return settings_find(config, name, &entry) && entry.source <= TN_SOURCE_DEFAULT;
}

const char *settings_origin(const tn_config_entry *entry, char *buf, size_t size)
{
    switch (entry->source) {
    case TN_SOURCE_ENVIRONMENT: snprintf(buf, size, "environment"); break;
    case TN_SOURCE_ENV_FILE:
        snprintf(buf, size, "%s:%d", entry->file ? entry->file : ".env", entry->line);
        break;
    case TN_SOURCE_SET: snprintf(buf, size, "command line"); break;
    case TN_SOURCE_DEFAULT: snprintf(buf, size, "default"); break;
    case TN_SOURCE_NONE: snprintf(buf, size, "not set"); break;
    }
    return buf;
}

tn_status settings_impatient(tn_config *config, tn_error *err)
{
    static const char *const names[] = {"connect_retries", "min_connections"};
    tn_status status = TN_OK;

    for (size_t i = 0; status == TN_OK && i < sizeof(names) / sizeof(names[0]); i++)
        if (is_default(config, names[i]))
            status = settings_number(config, names[i], 0, err);
    return status;
}

static tn_status apply_line(const tool *t, tn_config *config, tn_error *err)
{
    static const char *const timeouts[] = {"connection_timeout", "pool_timeout",
                                           "statement_timeout"};

    tn_status status = t->url ? tn_config_set(config, "url", t->url, err) : TN_OK;
    if (status != TN_OK) {
        tn_error_prepend(err, "--url");
        return status;
    }
    for (size_t i = 0; t->timeout_ms && i < sizeof(timeouts) / sizeof(timeouts[0]); i++) {
        status = settings_number(config, timeouts[i], t->timeout_ms, err);
        if (status != TN_OK) {
            tn_error_prepend(err, "--timeout");
            return status;
        }
    }
    return TN_OK;
}

tn_config *settings_read(const tool *t, tn_error *err)
{
    tn_config *config = tn_config_read(t->env_file, err);

    if (config && apply_line(t, config, err) != TN_OK) {
        tn_config_free(config);
        return NULL;
    }
    return config;
}

static void show_warnings(const tn_config *config)
{
    const char *line = tn_config_warnings(config);

    while (*line) {
        size_t len = strcspn(line, "\n");
        tool_warn("%.*s", (int)len, line);
        line += len + (line[len] == '\n');
    }
}

tn_config *settings_load(const tool *t, tn_error *err)
{
    tn_config *config = settings_read(t, err);

    if (!config)
        return NULL;
    if (!t->quiet)
        show_warnings(config);
    if (tn_config_check(config, err) != TN_OK || settings_impatient(config, err) != TN_OK) {
        tn_config_free(config);
        return NULL;
    }
    settings_log(t, config);
    return config;
}

static void log_line(void *arg, tn_log_level level, const char *component, tn_str line)
{
    term_style style = level <= TN_LOG_WARN ? TERM_WARN : TERM_DIM;

    /* Of what is merely told, only the server's own words concern somebody who asked for nothing.
     */
    if (!arg && level >= TN_LOG_INFO && strcmp(component, "server") != 0)
        return;
    fprintf(stderr, "%s%s:%s %.*s\n", term(stderr, style), component, term(stderr, TERM_PLAIN),
            (int)line.len, line.ptr);
}

void settings_log(const tool *t, const tn_config *config)
{
    static char everything; /* its address says: print all that the level lets through */
    tn_log_level level = t->quiet ? TN_LOG_ERROR : t->verbose ? TN_LOG_DEBUG : TN_LOG_INFO;
    bool chosen = !is_default(config, "log_level") || !is_default(config, "app_env");

    tn_log_set(log_line, t->verbose || chosen ? &everything : NULL);
    /* A level that somebody chose stands, unless the line asks for more. */
    if (t->verbose || t->quiet || !chosen)
        tn_log_set_level(level);
}
