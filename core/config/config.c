/* SPDX-License-Identifier: MIT */
/*
 * The settings of one handle. A setting keeps the word of the highest source that spoke; an empty
 * value is such a word and means: not set, take the default. DATABASE_URL and DATABASE_URL_FILE are
 * two spellings of one setting: the one from the higher source counts, both from the same source is
 * a fault (check.c).
 */
#include "config/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tenon/db.h>

#include "base/cleanup.h"
#include "base/str.h"
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

static void clear_setting(tn__config_setting *setting)
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

void tn_config_free(tn_config *config)
{
    if (!config)
        return;
    for (int id = 0; id < TN__OPT_COUNT; id++)
        clear_setting(&config->settings[id]);
    free_secret(&config->file_url);
    free(config->file_url_shown);
    free(config->file_fault);
    tn__buf_free(&config->warnings);
    tn__buf_free(&config->faults);
    free(config);
}

tn_config *tn_config_from_url(const char *url, tn_error *err)
{
    tn_config *config = tn_config_new(err);

    if (config && (tn_config_set(config, "url", url, err) || tn_config_check(config, err))) {
        tn_config_free(config);
        return NULL;
    }
    return config;
}

tn_config *tn_config_read(const char *env_file, tn_error *err)
{
    tn_config *config = tn_config_new(err);

    if (config && tn__config_read(config, env_file, err)) {
        tn_config_free(config);
        return NULL;
    }
    return config;
}

tn_config *tn_config_load_file(const char *path, tn_error *err)
{
    tn_config *config = tn_config_read(path, err);

    if (config && tn_config_check(config, err)) {
        tn_config_free(config);
        return NULL;
    }
    return config;
}

tn_config *tn_config_load(tn_error *err)
{
    return tn_config_load_file(NULL, err);
}

/* ---- giving a value -------------------------------------------------------------------------- */

/* What the other spelling of the URL said in a lower source does not count any more. */
static void outrank_twin(tn_config *config, tn__option_id id, tn__config_rank rank)
{
    tn__option_id twin = id == TN__OPT_URL ? TN__OPT_URL_FILE : TN__OPT_URL;

    if ((id == TN__OPT_URL || id == TN__OPT_URL_FILE) && config->settings[twin].rank < rank) {
        clear_setting(&config->settings[twin]);
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
            clear_setting(&next);
            return false;
        }
        outrank_twin(config, id, origin.rank);
    }
    clear_setting(setting);
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

static tn_status fail(tn_error *err, const char *text)
{
    tn_error_set(err, TN_CONFIG, NULL, "%s", text);
    if (err)
        err->phase = TN_PHASE_CONFIG;
    return TN_CONFIG;
}

static tn_status refuse_name(const char *name, tn_error *err)
{
    const char *names[TN__OPT_COUNT * 2], *near;
    char text[256];
    tn__buf shown;

    for (int id = 0; id < TN__OPT_COUNT; id++) {
        names[2 * id] = tn__options[id].name;
        names[2 * id + 1] = tn__options[id].environment;
    }
    near = tn__nearest_word(name, names, TN__OPT_COUNT * 2);
    tn__buf_init(&shown, 1024);
    (void)tn__config_quote(&shown, name);
    snprintf(text, sizeof(text), "\"%s\" is not a setting%s%s", shown.ptr ? shown.ptr : "",
             near ? "; did you mean " : "", near ? near : "");
    tn__buf_free(&shown);
    return fail(err, text);
}

/* The value of one setting moves into config only when all is well with it. */
static tn_status put_checked(tn_config *config, tn__option_id id, const char *value, tn_error *err)
{
    const tn__config_origin origin = {.rank = TN__RANK_SET};
    tn_config scratch = {0};
    tn__buf fault;
    tn_status status = TN_OK;

    tn__buf_init(&fault, 4096);
    tn__config_check_value(&fault, &tn__options[id], value);
    if (fault.len) {
        status = fail(err, fault.ptr);
    } else if (id == TN__OPT_URL_FILE) {
        /* Read beside the present one, so that a bad file leaves that alone. */
        if (!tn__config_put(&scratch, id, value, origin) || !tn__config_read_url_file(&scratch)) {
            status = tn_error_set(err, TN_NOMEM, NULL, "configuration: out of memory");
        } else if (scratch.file_fault) {
            tn__buf_printf(&fault, "DATABASE_URL_FILE: %s %s", scratch.settings[id].shown,
                           scratch.file_fault);
            status = fail(err, fault.ptr ? fault.ptr : "DATABASE_URL_FILE");
        }
        for (int i = 0; i < TN__OPT_COUNT; i++)
            clear_setting(&scratch.settings[i]);
        free_secret(&scratch.file_url);
        free(scratch.file_url_shown);
        free(scratch.file_fault);
    }
    if (!status &&
        (!tn__config_put(config, id, value, origin) || !tn__config_read_url_file(config)))
        status = tn_error_set(err, TN_NOMEM, NULL, "configuration: out of memory");
    tn__buf_free(&fault);
    return status;
}

tn_status tn_config_set(tn_config *config, const char *name, const char *value, tn_error *err)
{
    tn__option_id id = tn__config_find(name);

    if (id == TN__OPT_COUNT)
        return refuse_name(name, err);
    if (value && *value)
        return put_checked(config, id, value, err);
    clear_setting(&config->settings[id]);
    config->settings[id].rank = TN__RANK_SET;
    if (!tn__config_read_url_file(config))
        return tn_error_set(err, TN_NOMEM, NULL, "configuration: out of memory");
    return TN_OK;
}

void tn_config_set_wait(tn_config *config, tn_wait_fn *wait, void *arg)
{
    config->wait = wait;
    config->wait_arg = arg;
}

/* ---- asking ---------------------------------------------------------------------------------- */

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

int64_t tn_config_integer(const tn_config *config, const char *name)
{
    tn__option_id id = tn__config_find(name);

    return id == TN__OPT_COUNT ? 0 : tn__config_number(config, id);
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

static tn_config_source source_of(const tn__config_setting *setting, const char *value)
{
    if (!setting->value)
        return value ? TN_SOURCE_DEFAULT : TN_SOURCE_NONE;
    switch (setting->rank) {
    case TN__RANK_DEFAULT: return TN_SOURCE_DEFAULT;
    case TN__RANK_ENV_FILE:
    case TN__RANK_ENV_LOCAL: return TN_SOURCE_ENV_FILE;
    case TN__RANK_ENVIRONMENT: return TN_SOURCE_ENVIRONMENT;
    case TN__RANK_SET: return TN_SOURCE_SET;
    }
    return TN_SOURCE_NONE;
}

bool tn_config_entry_at(const tn_config *config, size_t i, tn_config_entry *ret)
{
    const tn__config_setting *setting;
    const char *value;

    if (i >= TN__OPT_COUNT)
        return false;
    setting = &config->settings[i];
    value = setting->shown ? setting->shown : tn__config_text(config, (tn__option_id)i);
    if (i == TN__OPT_URL && !setting->value) {
        /* Where the file was named is where the URL comes from. */
        value = config->file_url_shown;
        if (value)
            setting = &config->settings[TN__OPT_URL_FILE];
    } else if (i == TN__OPT_MIN_CONNECTIONS && !setting->value &&
               tn__config_number(config, TN__OPT_MIN_CONNECTIONS) ==
                   tn__config_number(config, TN__OPT_MAX_CONNECTIONS)) {
        value = tn__config_text(config, TN__OPT_MAX_CONNECTIONS);
    }
    *ret = (tn_config_entry){
        .option = &tn__options[i],
        .value = value,
        .source = source_of(setting, value),
        .file = setting->value ? setting->file : NULL,
        .line = setting->value ? setting->line : 0,
    };
    return true;
}

const char *tn_config_warnings(const tn_config *config)
{
    return config->warnings.ptr ? config->warnings.ptr : "";
}
