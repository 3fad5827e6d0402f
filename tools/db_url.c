/* SPDX-License-Identifier: MIT */
/*
 * postgresql://user:password@host/NAME?parameters (?dbname=NAME goes before), sqlite:PATH?...,
 * sqlite:///PATH. What stands before and behind the name is kept byte for byte.
 */
#include "db_url.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where the parts of a URL are. */
typedef struct parts {
    const char *name; /* NULL: there is none */
    size_t name_len;
    const char *head_end; /* the text before a name ends here */
    bool slash;           /* a slash stands between */
    const char *query;    /* what follows the question mark, "" if nothing */
} parts;

db_kind db_url_kind(const char *url)
{
    if (strncmp(url, "sqlite:", 7) == 0)
        return strncmp(url + 7, ":memory:", 8) == 0 ? DB_MEMORY : DB_FILE;
    if (strncmp(url, "postgresql://", 13) == 0 || strncmp(url, "postgres://", 11) == 0)
        return DB_SERVER;
    return DB_OTHER;
}

static parts take_apart(const char *url)
{
    const char *question = strchr(url, '?');
    const char *end = question ? question : url + strlen(url);
    parts p = {.query = question ? question + 1 : ""};

    if (db_url_kind(url) != DB_SERVER) {
        p.head_end = url + 7;
        p.name = p.head_end + (strncmp(p.head_end, "//", 2) == 0 ? 2 : 0);
        p.name_len = (size_t)(end - p.name);
        return p;
    }
    const char *authority = strstr(url, "://") + 3;
    const char *slash = memchr(authority, '/', (size_t)(end - authority));
    p.slash = true;
    p.head_end = slash ? slash : end;
    if (slash && slash + 1 < end) {
        p.name = slash + 1;
        p.name_len = (size_t)(end - p.name);
    }
    return p;
}

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 32);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static char *decode(const char *text, size_t len)
{
    char *out = malloc(len + 1);
    size_t n = 0;

    for (size_t i = 0; out && i < len; i++) {
        int high = text[i] == '%' && i + 2 < len ? hex(text[i + 1]) : -1;
        int low = high >= 0 ? hex(text[i + 2]) : -1;
        out[n++] = low >= 0 ? (char)(high * 16 + low) : text[i];
        i += low >= 0 ? 2 : 0;
    }
    if (out)
        out[n] = '\0';
    return out;
}

/* The next parameter of a query. false at the end. */
static bool next_parameter(const char **query, const char **ret, size_t *ret_len)
{
    if (!**query)
        return false;
    *ret = *query;
    *ret_len = strcspn(*query, "&");
    *query += *ret_len + ((*query)[*ret_len] == '&');
    return true;
}

static bool names_database(const char *parameter, size_t len)
{
    return len >= 7 && strncmp(parameter, "dbname=", 7) == 0;
}

char *db_url_name(const char *url)
{
    parts p = take_apart(url);
    const char *query = p.query, *parameter;
    size_t len;

    while (db_url_kind(url) == DB_SERVER && next_parameter(&query, &parameter, &len))
        if (names_database(parameter, len)) {
            p.name = parameter + 7;
            p.name_len = len - 7;
        }
    return decode(p.name ? p.name : "", p.name ? p.name_len : 0);
}

static char *put_encoded(char *at, const char *name)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/";

    for (; *name; name++)
        if (strchr(plain, *name))
            *at++ = *name;
        else
            at += sprintf(at, "%%%02X", (unsigned char)*name);
    return at;
}

char *db_url_with(const char *url, const char *name)
{
    parts p = take_apart(url);
    size_t head = (size_t)(p.head_end - url), len;
    char *out = malloc(strlen(url) + strlen(name) * 3 + 8), *at = out;
    const char *query = p.query, *parameter;
    char mark = '?';

    if (!out)
        return NULL;
    memcpy(at, url, head);
    at += head;
    if (p.slash)
        *at++ = '/';
    at = put_encoded(at, name);
    while (next_parameter(&query, &parameter, &len)) {
        if (db_url_kind(url) == DB_SERVER && names_database(parameter, len))
            continue;
        *at++ = mark;
        memcpy(at, parameter, len);
        at += len;
        mark = '&';
    }
    *at = '\0';
    return out;
}
