/* SPDX-License-Identifier: MIT */
#include "sqlite/lite.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"

#define MEMORY ":memory:"

const tn_driver_option lite_option_table[] = {
    {"mode", "rwc", "ro|rw|rwc", "ro: read only; rw: the file must exist; rwc: it is created"},
    {"dialect", "native", "native|postgresql",
     "native: SQLite's own SQL; postgresql is not available in this version"},
    {"synchronous", NULL, "off|normal|full",
     "when a commit reaches the disk (default normal, off in memory)"},
    {"busy_timeout", "5000", NULL,
     "milliseconds that a call without a deadline waits for another connection's lock"},
    {"from", NULL, NULL, "a database file that sqlite::memory: begins as a copy of"},
    {NULL, NULL, NULL, NULL},
};

static tn_status bad_url(const tn_host *host, tn_error *err, const char *what)
{
    return kit_fail(host, err, TN_CONFIG, TN_PHASE_CONFIG, NULL, "DATABASE_URL: %s", what);
}

/* Refuses parameters that the host did not take out, by name: a typing error must not pass. */
static tn_status check_query(const tn_host *host, tn_str query, tn_error *err)
{
    tn_str name = query;
    const char *end;

    if (query.len == 0)
        return TN_OK;
    for (size_t i = 0; i < name.len; i++)
        if (name.ptr[i] == '=' || name.ptr[i] == '&') {
            name.len = i;
            break;
        }
    end = name.len > 64 ? "..." : "";
    if (name.len > 64)
        name.len = tn__utf8_cut(name.ptr, name.len, 64);
    return kit_fail(host, err, TN_CONFIG, TN_PHASE_CONFIG, NULL,
                    "DATABASE_URL: parameter \"%.*s%s\" is unknown to the sqlite driver (known: "
                    "mode, dialect, synchronous, busy_timeout, from)",
                    (int)name.len, name.ptr, end);
}

/* The path with %XX decoded, NUL-terminated, to be freed; NULL with err filled. */
static char *decode(const tn_host *host, tn_str text, tn_error *err)
{
    char *out = malloc(text.len + 1);
    size_t n = 0;

    if (!out) {
        (void)kit_nomem(host, err, TN_PHASE_CONFIG);
        return NULL;
    }
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '%') {
            int high = i + 2 < text.len ? tn__hex_digit(text.ptr[i + 1]) : -1;
            int low = high >= 0 ? tn__hex_digit(text.ptr[i + 2]) : -1;
            if (low < 0) {
                (void)bad_url(host, err,
                              "broken percent escape in the path (write %25 for a percent sign)");
                free(out);
                return NULL;
            }
            c = (char)(high * 16 + low);
            i += 2;
        }
        if (c == '\0') {
            (void)bad_url(host, err, "the path holds a NUL byte");
            free(out);
            return NULL;
        }
        out[n++] = c;
    }
    out[n] = '\0';
    return out;
}

/* What follows "sqlite:" without its query, as a path; the authority must be empty. */
static tn_status strip_authority(const tn_host *host, tn_str *path, tn_error *err)
{
    size_t end = 2;

    if (!tn__str_starts(*path, TN__STR("//")))
        return TN_OK;
    while (end < path->len && path->ptr[end] != '/')
        end++;
    if (end > 2 || end == path->len)
        return bad_url(host, err,
                       "a sqlite URL has no host: write sqlite:path for a path relative to the "
                       "working directory, sqlite:///path for an absolute one, or sqlite::memory:");
    path->ptr += 2;
    path->len -= 2;
    return TN_OK;
}

/* A later chdir() must not send new connections to another file. */
static char *absolute(const char *path)
{
    char cwd[PATH_MAX];
    char *out;

    if (path[0] == '/')
        return strdup(path);
    if (!getcwd(cwd, sizeof cwd))
        return NULL;
    out = malloc(strlen(cwd) + strlen(path) + 2);
    if (out)
        (void)stpcpy(stpcpy(stpcpy(out, cwd), "/"), path);
    return out;
}

static tn_status read_path(const tn_host *host, tn_str rest, lite_options *ret, tn_error *err)
{
    TN__AUTO_STRING path = NULL;
    tn_status status = strip_authority(host, &rest, err);

    if (status != TN_OK)
        return status;
    path = decode(host, rest, err);
    if (!path)
        return TN_CONFIG;
    if (!*path)
        return bad_url(host, err,
                       "the path is missing: write sqlite:path, sqlite:///path or sqlite::memory:");
    if (strcmp(path, MEMORY) == 0)
        return TN_OK;
    if (path[0] == ':' || strcmp(path, "/" MEMORY) == 0)
        return bad_url(host, err,
                       "a database in memory is sqlite::memory: (a file whose name starts with a "
                       "colon is sqlite:./:name)");
    ret->path = absolute(path);
    if (!ret->path)
        return kit_fail(host, err, TN_CONFIG, TN_PHASE_CONFIG, NULL,
                        "DATABASE_URL: the working directory cannot be read (%s); write an "
                        "absolute path",
                        strerror(errno));
    if (ret->path[strlen(ret->path) - 1] == '/')
        return kit_fail(host, err, TN_CONFIG, TN_PHASE_CONFIG, NULL,
                        "DATABASE_URL: \"%s\" names a directory, not a database file", path);
    return TN_OK;
}

static tn_status read_seed(const tn_host *host, const tn_source_config *config, lite_options *ret,
                           tn_error *err)
{
    tn_str from = kit_setting(config, "from");

    if (!from.ptr)
        return TN_OK;
    if (ret->path)
        return bad_url(host, err,
                       "parameter from is for sqlite::memory: alone; copy the file beforehand");
    if (!from.len)
        return bad_url(host, err, "parameter from is empty, must be the path of a database file");
    ret->seed = absolute(from.ptr);
    return ret->seed ? TN_OK : kit_nomem(host, err, TN_PHASE_CONFIG);
}

static tn_status read_settings(const tn_host *host, const tn_source_config *config,
                               lite_options *ret, tn_error *err)
{
    tn_str mode = kit_setting(config, "mode");
    tn_str dialect = kit_setting(config, "dialect");
    tn_str synchronous = kit_setting(config, "synchronous");

    ret->mode = tn_str_equal(mode, TN__STR("ro"))   ? LITE_RO
                : tn_str_equal(mode, TN__STR("rw")) ? LITE_RW
                                                    : LITE_RWC;
    if (tn_str_equal(dialect, TN__STR("postgresql")))
        return kit_fail(host, err, TN_UNSUPPORTED, TN_PHASE_CONFIG, "0A000",
                        "DATABASE_URL: dialect=postgresql is not available in this version of the "
                        "sqlite driver; leave it out (SQLite's own SQL) or use a postgresql: URL");
    if (!ret->path && ret->mode == LITE_RO)
        return bad_url(host, err, "mode=ro makes no sense for sqlite::memory:, it starts empty");
    tn__copy_text(ret->synchronous, sizeof ret->synchronous,
                  synchronous.len ? synchronous
                  : ret->path     ? TN__STR("normal")
                                  : TN__STR("off"));
    ret->busy_timeout_ms = 5000;
    tn_status status = kit_setting_int(host, config, "busy_timeout", 0, INT32_MAX,
                                       &ret->busy_timeout_ms, err);
    return status == TN_OK ? read_seed(host, config, ret, err) : status;
}

tn_status lite_options_read(const tn_host *host, const tn_source_config *config, lite_options *ret,
                            tn_error *err)
{
    lite_options options = {.path = NULL};
    tn_str rest = config->url;
    tn_str query = {NULL, 0};
    tn_status status;

    if (rest.len <= config->scheme.len || rest.ptr[config->scheme.len] != ':')
        return bad_url(host, err, "write sqlite:path, sqlite:///path or sqlite::memory:");
    rest.ptr += config->scheme.len + 1;
    rest.len -= config->scheme.len + 1;
    if (memchr(rest.ptr, '\0', rest.len))
        return bad_url(host, err, "the path holds a NUL byte");
    for (size_t i = 0; i < rest.len; i++) {
        if (rest.ptr[i] == '#')
            return bad_url(host, err,
                           "a sqlite URL has no fragment: write %23 for a # in the path");
        if (rest.ptr[i] == '?') {
            query = tn__str(rest.ptr + i + 1, rest.len - i - 1);
            rest.len = i;
            break;
        }
    }
    status = check_query(host, query, err);
    if (status == TN_OK)
        status = read_path(host, rest, &options, err);
    if (status == TN_OK)
        status = read_settings(host, config, &options, err);
    if (status != TN_OK) {
        free(options.path);
        free(options.seed);
        return status;
    }
    *ret = options;
    return TN_OK;
}
