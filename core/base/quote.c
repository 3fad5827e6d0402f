/* SPDX-License-Identifier: MIT */
#include <string.h>

#include <tenon/query.h>

#include "base/str.h"

#define MOST_IDENTIFIER 63 /* NAMEDATALEN - 1: the server would cut it in silence */

static void put(char *buf, size_t size, size_t *len, char c)
{
    if (*len + 1 < size)
        buf[*len] = c;
    (*len)++;
}

size_t tn_quote_identifier(tn_str name, char *buf, size_t size)
{
    size_t len = 0;

    if (size)
        buf[0] = '\0';
    if (!name.len || name.len > MOST_IDENTIFIER || memchr(name.ptr, '\0', name.len) ||
        !tn__utf8_valid(name.ptr, name.len))
        return 0;
    put(buf, size, &len, '"');
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] == '"')
            put(buf, size, &len, '"');
        put(buf, size, &len, name.ptr[i]);
    }
    put(buf, size, &len, '"');
    if (size)
        buf[len < size ? len : size - 1] = '\0';
    return len;
}
