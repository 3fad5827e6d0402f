/* SPDX-License-Identifier: MIT */
#include "postgres/url.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"

enum { NAME_MAX_SHOWN = 40 };

/* A misplaced part of a password is not shown: only what looks like a parameter's name. */
static bool looks_like_name(tn_str name)
{
    if (!name.len || name.len > NAME_MAX_SHOWN)
        return false;
    for (size_t i = 0; i < name.len; i++)
        if (!(name.ptr[i] >= 'a' && name.ptr[i] <= 'z') && name.ptr[i] != '_')
            return false;
    return true;
}

static const char *bad_escape(const char *url)
{
    for (const char *p = url; *p; p++) {
        if (*p != '%')
            continue;
        int high = tn__hex_digit(p[1]), low = high < 0 ? -1 : tn__hex_digit(p[2]);
        if (low < 0)
            return "a % is not followed by two hexadecimal digits (a % itself is written %25)";
        if (high == 0 && low == 0)
            return "%00 is not allowed";
    }
    return NULL;
}

static bool bad_brackets(tn_str authority)
{
    const char *open = authority.len ? memchr(authority.ptr, '[', authority.len) : NULL;

    return open && !memchr(open, ']', authority.len - (size_t)(open - authority.ptr));
}

static void diagnose_query(tn_str query, pg_url_known *known, void *arg, char *ret, size_t size)
{
    bool misplaced = query.len && memchr(query.ptr, '@', query.len);
    tn_str pair, name;

    while (tn__str_split(&query, '&', &pair)) {
        tn_str value = pair;
        tn__str_split(&value, '=', &name);
        bool valued = name.len < pair.len;
        if (valued && known(arg, name))
            continue;
        if (misplaced)
            snprintf(ret, size,
                     "what follows ? holds an @: within a password ? / # : @ are written "
                     "percent-encoded (? as %%3F)");
        else if (!looks_like_name(name))
            snprintf(ret, size, "a parameter behind ? has no name that is known");
        else if (!valued)
            snprintf(ret, size, "parameter \"%.*s\" has no value (name=value)", (int)name.len,
                     name.ptr);
        else
            snprintf(ret, size, "parameter \"%.*s\" is not known%s", (int)name.len, name.ptr,
                     tn_str_equal(name, TN__STR("search_path")) ? ": write schema=NAME" : "");
        return;
    }
    snprintf(ret, size, "it is not of the form postgresql://user:password@host:port/database");
}

void pg_url_diagnose(const char *url, pg_url_known *known, void *arg, char *ret, size_t size)
{
    const char *why = bad_escape(url);
    const char *start = strstr(url, "://");

    if (!why && !start)
        why = "it does not start with postgresql://";
    if (!why) {
        size_t length = strcspn(start + 3, "/?#");
        if (bad_brackets(tn__str(start + 3, length)))
            why = "an IPv6 address is not closed by ]";
    }
    if (why) {
        snprintf(ret, size, "%s", why);
        return;
    }
    const char *query = strchr(url, '?');
    diagnose_query(query ? tn_str_from(query + 1) : TN__STR(""), known, arg, ret, size);
}
