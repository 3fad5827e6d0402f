/* SPDX-License-Identifier: MIT */
/* What applications do with a configuration: made from its sources, changed, looked at. */
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
        tn__config_wipe(&scratch);
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
    tn__config_clear(&config->settings[id]);
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

int64_t tn_config_integer(const tn_config *config, const char *name)
{
    tn__option_id id = tn__config_find(name);

    return id == TN__OPT_COUNT ? 0 : tn__config_number(config, id);
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

const char *tn_config_url(const tn_config *config)
{
    return config ? tn__config_text(config, TN__OPT_URL) : NULL;
}

const char *tn_config_warnings(const tn_config *config)
{
    return config->warnings.ptr ? config->warnings.ptr : "";
}
