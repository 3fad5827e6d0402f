/* SPDX-License-Identifier: MIT */
/*
 * The settings of one configuration, kept and read. A setting keeps the word of the highest source
 * that spoke; an empty value is such a word and means: not set, take the default. DATABASE_URL and
 * DATABASE_URL_FILE are two spellings of one setting: the one from the higher source counts, both
 * from the same source is a fault (check.c).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "config/config.h"
#include "config/file.h"
#include "config/state.h"
#include "config/text.h"

#define MOST_SECRET_FILE ((size_t)64 << 10)

static void free_secret(char **text)
{
    if (*text)
        tn__wipe(*text, strlen(*text));
    free(*text);
    *text = NULL;
}

void tn__config_clear(tn__config_setting *setting)
{
    free_secret(&setting->value);
    free(setting->shown);
    free(setting->file);
    *setting = (tn__config_setting){0};
}

static char *redacted(const char *value)
{
    tn__buf out;

    tn__buf_init(&out, TN__BUF_MAX);
    (void)tn__url_redact(&out, tn_str_from(value));
    return tn__buf_take(&out);
}

/* A value as it may be shown. */
static char *showable(const tn_option *option, const char *value)
{
    return option->secret || tn__may_be_url(value) ? redacted(value) : strdup(value);
}

tn_config *tn_config_new(tn_error *err)
{
    tn_config *config = calloc(1, sizeof(*config));

    if (!config) {
        tn_error_set(err, TN_NOMEM, NULL, "configuration: out of memory");
        return NULL;
    }
    tn__buf_init(&config->warnings, TN__BUF_MAX);
    tn__buf_init(&config->faults, TN__BUF_MAX);
    return config;
}

void tn__config_wipe(tn_config *config)
{
    for (int i = 0; i < TN__OPT_COUNT; i++)
        tn__config_clear(&config->settings[i]);
    free_secret(&config->file_url);
    free(config->file_url_shown);
    free(config->file_fault);
    tn__buf_free(&config->warnings);
    tn__buf_free(&config->faults);
}

void tn_config_free(tn_config *config)
{
    if (!config)
        return;
    tn__config_wipe(config);
    free(config);
}

/* What the other spelling of the URL said in a lower source does not count any more. */
static void outrank_twin(tn_config *config, tn__option_id id, tn__config_rank rank)
{
    tn__option_id twin = id == TN__OPT_URL ? TN__OPT_URL_FILE : TN__OPT_URL;

    if ((id == TN__OPT_URL || id == TN__OPT_URL_FILE) && config->settings[twin].rank < rank) {
        tn__config_clear(&config->settings[twin]);
        config->settings[twin].rank = rank;
    }
}

bool tn__config_put(tn_config *config, tn__option_id id, const char *value,
                    tn__config_origin origin)
{
    tn__config_setting *setting = &config->settings[id];
    tn__config_setting next = {.line = origin.line, .rank = origin.rank};

    if (setting->rank > origin.rank)
        return true;
    if (value && *value) {
        next.value = strdup(value);
        next.shown = showable(&tn__options[id], value);
        next.file = origin.file ? strdup(origin.file) : NULL;
        if (!next.value || !next.shown || (origin.file && !next.file)) {
            tn__config_clear(&next);
            return false;
        }
        outrank_twin(config, id, origin.rank);
    }
    tn__config_clear(setting);
    *setting = next;
    return true;
}

/* Strips the line end that editors leave. What is wrong with the contents, or NULL. */
static const char *check_secret(char *text, size_t *len)
{
    while (*len && (text[*len - 1] == '\n' || text[*len - 1] == '\r'))
        text[--*len] = '\0';
    if (!*len)
        return "is empty";
    if (memchr(text, '\0', *len))
        return "holds a NUL byte";
    return NULL;
}

bool tn__config_read_url_file(tn_config *config)
{
    const char *path = config->settings[TN__OPT_URL_FILE].value, *fault = NULL;
    char why[256] = "";
    char *text = NULL;
    size_t len = 0;
    bool ok = true;

    free_secret(&config->file_url);
    free(TN__TAKE(config->file_url_shown));
    free(TN__TAKE(config->file_fault));
    if (!path)
        return true;
    if (tn__file_read(path, MOST_SECRET_FILE, &text, &len, why, sizeof(why)))
        fault = why;
    else
        fault = check_secret(text, &len);
    if (fault) {
        config->file_fault = strdup(fault);
        ok = config->file_fault != NULL;
        if (text)
            tn__wipe(text, len);
        free(text);
    } else {
        config->file_url = text;
        config->file_url_shown = redacted(text);
        ok = config->file_url_shown != NULL;
    }
    return ok;
}

tn__option_id tn__config_find(const char *name)
{
    for (int id = 0; id < TN__OPT_COUNT; id++)
        if (strcmp(name, tn__options[id].name) == 0 ||
            strcmp(name, tn__options[id].environment) == 0)
            return (tn__option_id)id;
    return TN__OPT_COUNT;
}

const char *tn__config_text(const tn_config *config, tn__option_id id)
{
    const char *value = config->settings[id].value;

    if (id == TN__OPT_URL && !value)
        return config->file_url;
    return value ? value : tn__options[id].default_value;
}

static int64_t number_of(const tn_option *option, const char *text)
{
    int64_t number = 0;
    bool truth = false;

    if (!text)
        return 0;
    if (option->kind == TN_OPTION_BOOLEAN)
        return tn__parse_bool(tn_str_from(text), &truth) && truth;
    if (option->kind == TN_OPTION_INTEGER && tn__parse_int64(tn_str_from(text), &number) &&
        number >= option->least && number <= option->most)
        return number;
    return text == option->default_value ? 0 : number_of(option, option->default_value);
}

int64_t tn__config_number(const tn_config *config, tn__option_id id)
{
    int64_t number = number_of(&tn__options[id], tn__config_text(config, id)), most;

    /* Who sets a maximum of 1 has not asked for the default minimum of 2. */
    if (id == TN__OPT_MIN_CONNECTIONS && !config->settings[id].value) {
        most = tn__config_number(config, TN__OPT_MAX_CONNECTIONS);
        return number < most ? number : most;
    }
    return number;
}

tn_log_level tn__config_log_level(const tn_config *config)
{
    static const char *const names[] = {"off", "error", "warn", "info", "query", "debug"};
    const char *level = tn__config_text(config, TN__OPT_LOG_LEVEL);
    const char *environment = tn__config_text(config, TN__OPT_APP_ENV);

    for (size_t i = 0; level && i < TN__COUNT_OF(names); i++)
        if (strcmp(level, names[i]) == 0)
            return (tn_log_level)i;
    return environment && strcmp(environment, "development") == 0 ? TN_LOG_QUERY : TN_LOG_ERROR;
}

tn_wait_fn *tn__config_wait(const tn_config *config, void **ret_arg)
{
    *ret_arg = config->wait_arg;
    return config->wait;
}
