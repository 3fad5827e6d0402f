/* SPDX-License-Identifier: MIT */
#include "config/url.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/str.h"
#include "config/text.h"

#define MOST_SCHEME 31

/* ---- scheme ---------------------------------------------------------------------------------- */

static bool is_scheme(tn_str s, bool *ret_upper)
{
    bool upper = false;

    if (!s.len || s.len > MOST_SCHEME)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

        upper = upper || (c >= 'A' && c <= 'Z');
        if (!letter && (!i || !((c >= '0' && c <= '9') || c == '+' || c == '.' || c == '-')))
            return false;
    }
    *ret_upper = upper;
    return true;
}

/* The text in front of "://", else in front of the colon, unless it says too much. */
static tn_status refuse_scheme(const char *url, tn_str scheme, bool upper, tn_error *err)
{
    const char *slashes = strstr(url, "://");
    tn__buf shown;
    TN__AUTO_STRING part = NULL;

    if (slashes && !memchr(url, '@', (size_t)(slashes - url)))
        scheme = tn__str(url, (size_t)(slashes - url));
    else if (!scheme.ptr || strchr(url, '@'))
        scheme = tn_str_from(url);
    part = strndup(scheme.ptr, scheme.len);
    tn__buf_init(&shown, 4096);
    if (!part || !tn__config_quote(&shown, part)) {
        tn__buf_free(&shown);
        return tn_error_set(err, TN_NOMEM, NULL, "out of memory");
    }
    tn_error_set(err, TN_CONFIG, NULL,
                 "DATABASE_URL: \"%s\" is not a scheme name ([a-z][a-z0-9+.-]*)%s",
                 shown.ptr ? shown.ptr : "", upper ? "; write it in lower case" : "");
    if (err)
        err->phase = TN_PHASE_CONFIG;
    tn__buf_free(&shown);
    return TN_CONFIG;
}

tn_status tn__url_scheme(const char *url, tn_str *ret, tn_error *err)
{
    const char *colon = strchr(url, ':');
    tn_str scheme = colon ? tn__str(url, (size_t)(colon - url)) : (tn_str){NULL, 0};
    bool upper = false;

    if (!is_scheme(scheme, &upper) || upper)
        return refuse_scheme(url, scheme, upper, err);
    *ret = scheme;
    return TN_OK;
}

/* ---- parameters ------------------------------------------------------------------------------ */

/* Percent-decodes; '+' is a plus. false: a broken escape or an encoded NUL. room has s.len + 1. */
static bool decode(tn_str s, char *room, size_t *ret_len)
{
    size_t len = 0;

    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];

        if (c == '%') {
            int high = i + 1 < s.len ? tn__hex_digit(s.ptr[i + 1]) : -1;
            int low = i + 2 < s.len ? tn__hex_digit(s.ptr[i + 2]) : -1;
            if (high < 0 || low < 0 || (high | low) == 0)
                return false;
            c = (char)(high << 4 | low);
            i += 2;
        }
        room[len++] = c;
    }
    room[len] = '\0';
    *ret_len = len;
    return true;
}

/* Where the query starts: at the first '?', but a password may hold one. libpq takes what stands in
 * front of an '@' for user and password when no '/' comes before it, and so does this. */
static const char *find_query(const char *url)
{
    const char *from = strstr(url, "://"), *p;

    if (from && !memchr(url, '?', (size_t)(from - url))) {
        for (p = from + 3; *p && *p != '@' && *p != '/'; p++)
            ;
        if (*p == '@')
            return strchr(p, '?');
    }
    return strchr(url, '?');
}

typedef struct taker {
    const char *const *names;
    size_t n_names;
    tn__url_parts *parts;
    char *room; /* as long as the URL */
} taker;

/* The name of the list that this key spells, NULL if none. */
static const char *ours(const taker *take, tn_str key)
{
    size_t len;

    if (!decode(key, take->room, &len))
        return NULL;
    for (size_t i = 0; i < take->n_names; i++)
        if (tn_str_equal(tn__str(take->room, len), tn_str_from(take->names[i])))
            return take->names[i];
    return NULL;
}

static tn_status fail(tn_error *err, const char *name, const char *why)
{
    tn_error_set(err, TN_CONFIG, NULL, "DATABASE_URL: parameter %s %s", name, why);
    if (err)
        err->phase = TN_PHASE_CONFIG;
    return TN_CONFIG;
}

static tn_status keep_param(taker *take, const char *name, tn_str text, bool has_value,
                            tn_error *err)
{
    tn__url_parts *parts = take->parts;
    tn__url_param *param = NULL;
    char *value;
    size_t len;

    if (!has_value)
        return fail(err, name, "has no value (write name=value)");
    if (!decode(text, take->room, &len))
        return fail(err, name, "has a broken percent escape, or %00");
    value = malloc(len + 1);
    if (!value)
        return tn_error_set(err, TN_NOMEM, NULL, "out of memory");
    memcpy(value, take->room, len + 1);
    for (size_t i = 0; i < parts->n_params; i++)
        if (strcmp(parts->params[i].name, name) == 0)
            param = &parts->params[i];
    if (!param) {
        char *copy = strdup(name);
        if (!copy) {
            free(value);
            return tn_error_set(err, TN_NOMEM, NULL, "out of memory");
        }
        param = &parts->params[parts->n_params++];
        param->name = copy;
    } else {
        tn__wipe(param->value, strlen(param->value));
        free(param->value);
    }
    param->value = value;
    return TN_OK;
}

/* Goes through the query, writes what is not ours to at, in front of it a '?' or an '&'. */
static tn_status take_params(taker *take, const char *query, char *at, tn_error *err)
{
    tn_str rest = tn_str_from(query), part, key;
    char separator = '?';

    while (tn__str_split(&rest, '&', &part)) {
        tn_str value = part;
        const char *name;
        tn_status status;

        tn__str_split(&value, '=', &key);
        name = ours(take, key);
        if (name) {
            status = keep_param(take, name, value, value.ptr != NULL, err);
            if (status)
                return status;
            continue;
        }
        *at++ = separator;
        memcpy(at, part.ptr, part.len);
        at += part.len;
        separator = '&';
    }
    *at = '\0';
    return TN_OK;
}

tn_status tn__url_take(const char *url, const char *const *names, size_t n_names,
                       tn__url_parts *ret, tn_error *err)
{
    const char *query = find_query(url);
    size_t len = strlen(url);
    tn__url_parts parts = {0};
    taker take = {.names = names, .n_names = n_names, .parts = &parts};
    tn_status status = TN_NOMEM;

    take.room = malloc(len + 1);
    parts.url = calloc(len + 1, 1);
    parts.params = calloc(n_names + 1, sizeof(*parts.params));
    if (!take.room || !parts.url || !parts.params) {
        tn_error_set(err, TN_NOMEM, NULL, "out of memory");
    } else if (!query) {
        memcpy(parts.url, url, len + 1);
        status = TN_OK;
    } else {
        memcpy(parts.url, url, (size_t)(query - url));
        status = take_params(&take, query + 1, parts.url + (query - url), err);
    }
    tn__wipe(take.room, take.room ? len + 1 : 0);
    free(take.room);
    if (status)
        tn__url_parts_free(&parts);
    else
        *ret = parts;
    return status;
}

static void free_secret(char *text)
{
    if (text)
        tn__wipe(text, strlen(text));
    free(text);
}

void tn__url_parts_free(tn__url_parts *parts)
{
    if (!parts)
        return;
    for (size_t i = 0; i < parts->n_params; i++) {
        free(parts->params[i].name);
        free_secret(parts->params[i].value);
    }
    free(parts->params);
    free_secret(parts->url);
    *parts = (tn__url_parts){0};
}
