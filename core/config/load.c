/* SPDX-License-Identifier: MIT */
/*
 * The sources of a configuration: the environment and .env files. Nothing is ever put into the
 * environment, so a line of LD_PRELOAD or PATH has no effect. A program that runs with more rights
 * than its caller (AT_SECURE) reads neither.
 */
#define _GNU_SOURCE /* secure_getenv() */
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "config/envfile.h"
#include "config/file.h"
#include "config/state.h"
#include "config/text.h"

#define MOST_ENV_FILE ((size_t)1 << 20)
#define MOST_PAIRS    10000 /* that ${X} can ask for */

/* A line that was read, for ${X} of later ones. */
typedef struct pair {
    char *key;
    char *value;
    tn__config_rank rank;
} pair;

typedef struct reader {
    tn_config *config;
    const char *file;
    tn__config_rank rank;
    pair *pairs;
    size_t n_pairs;
    bool nomem;
} reader;

static bool remember(reader *r, const char *key, const char *value)
{
    pair next = {.rank = r->rank};

    if (r->n_pairs == MOST_PAIRS)
        return true;
    if ((r->n_pairs & (r->n_pairs - 1)) == 0) { /* 0, 1, 2, 4: doubling */
        size_t cap = r->n_pairs ? r->n_pairs * 2 : 1;
        pair *pairs = reallocarray(r->pairs, cap, sizeof(*pairs));
        if (!pairs)
            return false;
        r->pairs = pairs;
    }
    next.key = strdup(key);
    next.value = strdup(value);
    if (!next.key || !next.value) {
        free(next.key);
        free(next.value);
        return false;
    }
    r->pairs[r->n_pairs++] = next;
    return true;
}

static void forget(reader *r)
{
    for (size_t i = 0; i < r->n_pairs; i++) {
        tn__wipe(r->pairs[i].value, strlen(r->pairs[i].value));
        free(r->pairs[i].value);
        free(r->pairs[i].key);
    }
    free(r->pairs);
}

/* The environment, then what stands in the higher file, then the latest line of this one. */
static const char *look_up(void *arg, const char *name)
{
    const reader *r = arg;
    const char *value = secure_getenv(name);
    const pair *found = NULL;

    if (value)
        return value;
    for (size_t i = 0; i < r->n_pairs; i++)
        if (strcmp(r->pairs[i].key, name) == 0 && (!found || r->pairs[i].rank >= found->rank))
            found = &r->pairs[i];
    return found ? found->value : NULL;
}

/* DB_MAX_CONECTIONS is no setting, but somebody thinks it is. */
static void warn_of_unknown(reader *r, const char *key, int line)
{
    const char *names[TN__OPT_COUNT], *near;

    if (strncmp(key, "DB_", 3) != 0 && strncmp(key, "DATABASE_", 9) != 0)
        return;
    for (int id = 0; id < TN__OPT_COUNT; id++)
        names[id] = tn__options[id].environment;
    near = tn__nearest_word(key, names, TN__OPT_COUNT);
    tn__buf_printf(&r->config->warnings, "%s%s:%d: %s is not a setting, ignored%s%s",
                   r->config->warnings.len ? "\n" : "", r->file, line, key,
                   near ? "; did you mean " : "", near ? near : "");
}

/* The option with this environment name: files do not use the short names. */
static tn__option_id find_key(const char *key)
{
    tn__option_id id = tn__config_find(key);

    return id != TN__OPT_COUNT && strcmp(tn__options[id].environment, key) == 0 ? id
                                                                                : TN__OPT_COUNT;
}

static void on_pair(void *arg, const char *key, const char *value, int line)
{
    reader *r = arg;
    tn__config_origin origin = {.rank = r->rank, .file = r->file, .line = line};
    tn__option_id id = find_key(key);

    if (!remember(r, key, value))
        r->nomem = true;
    if (id == TN__OPT_COUNT)
        warn_of_unknown(r, key, line);
    else if (!tn__config_put(r->config, id, value, origin))
        r->nomem = true;
}

static void on_fault(void *arg, int line, const char *key, const char *why)
{
    reader *r = arg;

    if (key && find_key(key) != TN__OPT_COUNT)
        tn__buf_printf(&r->config->faults, "%s: %s (%s:%d)\n", key, why, r->file, line);
    else
        tn__buf_printf(&r->config->warnings, "%s%s:%d: %s, ignored",
                       r->config->warnings.len ? "\n" : "", r->file, line, why);
}

static tn_status nomem(tn_error *err)
{
    return tn_error_set(err, TN_NOMEM, NULL, "configuration: out of memory");
}

/* needed: the caller named the file, so it must be there. */
static tn_status read_file(reader *r, const char *path, tn__config_rank rank, bool needed,
                           tn_error *err)
{
    char why[256] = "", *text = NULL;
    size_t len = 0;
    tn__file_result result = tn__file_read(path, MOST_ENV_FILE, &text, &len, why, sizeof(why));
    bool ok;

    if (result == TN__FILE_NOMEM)
        return nomem(err);
    if (result && needed) {
        tn_error_set(err, TN_CONFIG, NULL, "%s %s",
                     tn__may_be_url(path) ? "the file that was named" : path, why);
        if (err)
            err->phase = TN_PHASE_CONFIG;
        return TN_CONFIG;
    }
    if (result == TN__FILE_REFUSED)
        tn__buf_printf(&r->config->faults, "%s %s\n", path, why);
    if (result == TN__FILE_IRREGULAR) /* Python keeps a folder of that name */
        tn__buf_printf(&r->config->warnings, "%s%s %s, ignored",
                       r->config->warnings.len ? "\n" : "", path, why);
    if (result)
        return TN_OK;
    r->file = path;
    r->rank = rank;
    ok = tn__envfile_parse(tn__str(text, len), on_pair, on_fault, look_up, r);
    tn__wipe(text, len);
    free(text);
    return ok && !r->nomem ? TN_OK : nomem(err);
}

static bool files_wanted(void)
{
    const char *no = secure_getenv("TENON_NO_ENV");
    bool value = false;

    return !(no && tn__parse_bool(tn_str_from(no), &value) && value) && !getauxval(AT_SECURE);
}

static tn_status read_environment(tn_config *config, tn_error *err)
{
    for (int id = 0; id < TN__OPT_COUNT; id++) {
        const tn__config_origin origin = {.rank = TN__RANK_ENVIRONMENT};
        const char *value = secure_getenv(tn__options[id].environment);

        if (value && !tn__config_put(config, (tn__option_id)id, value, origin))
            return nomem(err);
    }
    return TN_OK;
}

tn_status tn__config_read(tn_config *config, const char *env_file, tn_error *err)
{
    reader r = {.config = config};
    tn_status status = TN_OK;

    if (env_file) {
        status = read_file(&r, env_file, TN__RANK_ENV_FILE, true, err);
    } else if (files_wanted()) {
        status = read_file(&r, ".env.local", TN__RANK_ENV_LOCAL, false, err);
        if (!status)
            status = read_file(&r, ".env", TN__RANK_ENV_FILE, false, err);
    }
    forget(&r);
    if (!status)
        status = read_environment(config, err);
    if (!status &&
        (!tn__config_read_url_file(config) || config->warnings.failed || config->faults.failed))
        status = nomem(err);
    return status;
}
