/* SPDX-License-Identifier: MIT */
/* The URL of another database. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "testing/template.h"

static char *join(const char *head, size_t head_len, const char *middle, const char *tail,
                  const char *more, tn_error *err)
{
    size_t size = head_len + strlen(middle) + strlen(tail) + strlen(more) + 1;
    char *url = malloc(size);

    if (!url) {
        tn_error_set(err, TN_NOMEM, NULL, "out of memory");
        return NULL;
    }
    snprintf(url, size, "%.*s%s%s%s", (int)head_len, head, middle, tail, more);
    return url;
}

/* scheme://[authority][/database][?parameters] */
char *tn__testing_url_database(const char *url, const char *database, tn_error *err)
{
    const char *authority = strstr(url, "://");
    const char *query = strchr(url, '?');
    char path[TN__COPY_NAME + 1];

    if (!authority || (query && query < authority)) {
        tn_error_set(
            err, TN_CONFIG, NULL,
            "the URL must be of the form scheme://user@host/database for a template of it");
        return NULL;
    }
    query = query ? query : url + strlen(url);
    if (strstr(query, "dbname=")) {
        tn_error_set(err, TN_CONFIG, NULL,
                     "the URL names its database by the parameter dbname: name it in the path "
                     "(scheme://user@host/database)");
        return NULL;
    }
    size_t head = 3 + strcspn(authority + 3, "/?") + (size_t)(authority - url);
    snprintf(path, sizeof(path), "/%s", database);
    return join(url, head, path, query, "", err);
}

/* scheme:path[?parameters] */
char *tn__testing_url_memory(const char *url, const char *from, tn_error *err)
{
    size_t scheme = strcspn(url, ":");
    const char *query = strchr(url, '?');
    char parameter[64] = "";

    if (from)
        snprintf(parameter, sizeof(parameter), "%cfrom=%s", query ? '&' : '?', from);
    return join(url, scheme, "::memory:", query ? query : "", parameter, err);
}
