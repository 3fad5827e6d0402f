/* SPDX-License-Identifier: MIT */
/* Whether a text is JSON: a json column of an engine that does not check may hold anything. */
#include <string.h>

#include "json.h"
#include "term.h"

enum { DEEPEST = 512 };

typedef struct reader {
    const char *at;
    const char *end;
} reader;

static void skip_space(reader *r)
{
    while (r->at < r->end && strchr(" \t\r\n", *r->at) && *r->at)
        r->at++;
}

static bool take(reader *r, char c)
{
    if (r->at == r->end || *r->at != c)
        return false;
    r->at++;
    return true;
}

static bool take_word(reader *r, const char *word)
{
    size_t len = strlen(word);

    if ((size_t)(r->end - r->at) < len || memcmp(r->at, word, len) != 0)
        return false;
    r->at += len;
    return true;
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'f');
}

static bool take_string(reader *r)
{
    if (!take(r, '"'))
        return false;
    while (r->at < r->end) {
        unsigned char c = (unsigned char)*r->at;
        if (c == '"') {
            r->at++;
            return true;
        }
        if (c < 0x20)
            return false;
        if (c == '\\') {
            r->at++;
            if (r->at == r->end || !*r->at || !strchr("\"\\/bfnrtu", *r->at))
                return false;
            if (*r->at++ != 'u')
                continue;
            for (int i = 0; i < 4; i++, r->at++)
                if (r->at == r->end || !is_hex(*r->at))
                    return false;
            continue;
        }
        const char *before = r->at;
        if (term_decode(&r->at, r->end) == 0xFFFD && r->at - before == 1)
            return false;
    }
    return false;
}

static bool take_digits(reader *r)
{
    const char *begin = r->at;

    while (r->at < r->end && *r->at >= '0' && *r->at <= '9')
        r->at++;
    return r->at > begin;
}

static bool take_number(reader *r)
{
    take(r, '-');
    if (!take(r, '0') && !take_digits(r))
        return false;
    if (take(r, '.') && !take_digits(r))
        return false;
    if (r->at < r->end && (*r->at | 32) == 'e') {
        r->at++;
        if (!take(r, '+'))
            take(r, '-');
        return take_digits(r);
    }
    return true;
}

static bool take_value(reader *r, unsigned depth);

static bool take_members(reader *r, char close, unsigned depth)
{
    skip_space(r);
    if (take(r, close))
        return true;
    do {
        skip_space(r);
        if (close == '}') {
            if (!take_string(r))
                return false;
            skip_space(r);
            if (!take(r, ':'))
                return false;
            skip_space(r);
        }
        if (!take_value(r, depth))
            return false;
        skip_space(r);
    } while (take(r, ','));
    return take(r, close);
}

static bool take_value(reader *r, unsigned depth)
{
    if (depth == 0 || r->at == r->end)
        return false;
    switch (*r->at) {
    case '{': r->at++; return take_members(r, '}', depth - 1);
    case '[': r->at++; return take_members(r, ']', depth - 1);
    case '"': return take_string(r);
    case 't': return take_word(r, "true");
    case 'f': return take_word(r, "false");
    case 'n': return take_word(r, "null");
    default: return take_number(r);
    }
}

bool json_valid(const char *text, size_t len)
{
    reader r = {.at = text, .end = text + len};

    skip_space(&r);
    if (!take_value(&r, DEEPEST))
        return false;
    skip_space(&r);
    return r.at == r.end;
}
