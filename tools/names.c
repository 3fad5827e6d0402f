/* SPDX-License-Identifier: MIT */
#include "names.h"

#include <stdlib.h>
#include <string.h>

#include <tenon/query.h>

enum { QUOTED = 160, LONGEST = 63 };

bool names_add(names *n, tn_str name)
{
    if (!tn_quote_identifier(name, NULL, 0))
        return false;
    if (n->count == n->capacity) {
        size_t capacity = n->capacity ? n->capacity * 2 : 32;
        char **grown = realloc(n->items, capacity * sizeof(*grown));
        if (!grown)
            return false;
        n->items = grown;
        n->capacity = capacity;
    }
    n->items[n->count] = strndup(name.ptr, name.len);
    return n->items[n->count] && ++n->count;
}

static const char *skip_blanks(const char *at)
{
    return at + strspn(at, " \t\r\n");
}

/* One name from *at on, which moves behind it. 0: there is none. */
static size_t read_one(const char **at, char name[LONGEST + 1])
{
    const char *p = skip_blanks(*at);
    bool quoted = *p == '"', closed = !quoted;
    size_t len = 0;

    for (p += quoted; *p && len <= LONGEST; p++) {
        closed = closed || (*p == '"' && p[1] != '"');
        if (quoted && *p == '"' && *++p != '"')
            break;
        if (!quoted && strchr(",. \t\r\n\"", *p))
            break;
        if (len == LONGEST)
            return 0;
        name[len++] = (char)(!quoted && *p >= 'A' && *p <= 'Z' ? *p + 32 : *p);
    }
    *at = skip_blanks(p);
    return closed ? len : 0;
}

static bool read_all(names *n, const char *text, char separator)
{
    char name[LONGEST + 1];

    for (;;) {
        size_t len = read_one(&text, name);
        if (!len || !names_add(n, (tn_str){name, len}))
            return false;
        if (!*text)
            return true;
        if (*text++ != separator)
            return false;
    }
}

bool names_read(names *n, const char *text)
{
    return read_all(n, text, ',');
}

bool names_read_dotted(names *n, const char *text)
{
    return read_all(n, text, '.');
}

int names_find_str(const names *n, tn_str name)
{
    for (size_t i = 0; i < n->count; i++)
        if (strncmp(n->items[i], name.ptr, name.len) == 0 && !n->items[i][name.len])
            return (int)i;
    return -1;
}

int names_find(const names *n, const char *name)
{
    return names_find_str(n, tn_str_from(name));
}

char *names_quoted(const names *n)
{
    char *text = malloc(n->count * QUOTED + 1);
    size_t len = 0;

    for (size_t i = 0; text && i < n->count; i++) {
        if (i)
            text[len++] = ',';
        len += tn_quote_identifier(tn_str_from(n->items[i]), text + len, QUOTED);
    }
    if (text)
        text[len] = '\0';
    return text;
}

void names_free(names *n)
{
    for (size_t i = 0; i < n->count; i++)
        free(n->items[i]);
    free(n->items);
    *n = (names){0};
}
