/* SPDX-License-Identifier: MIT */
#include "config/envfile.h"

#include <string.h>

#include "base/buf.h"
#include "base/str.h"

#define MOST_VALUE 65536 /* bytes: ${X}${X} of ${X}${X} grows without end */

typedef struct parser {
    const char *at;
    const char *end;
    int line;
    tn__buf key;
    tn__buf value;
    tn__buf name; /* of a ${name} */
    tn__envfile_lookup *lookup;
    void *arg;
} parser;

static const char unclosed[] = "the quote is not closed";
static const char too_long[] = "the value is longer than 65536 bytes";

static char peek(const parser *p)
{
    return p->at < p->end ? *p->at : '\0';
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool starts_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool continues_name(char c)
{
    return starts_name(c) || (c >= '0' && c <= '9');
}

static void skip_blanks(parser *p)
{
    while (is_blank(peek(p)))
        p->at++;
}

static bool at_line_end(const parser *p)
{
    return p->at == p->end || *p->at == '\n' ||
           (*p->at == '\r' && (p->at + 1 == p->end || p->at[1] == '\n'));
}

static void skip_line(parser *p)
{
    while (p->at < p->end && *p->at != '\n')
        p->at++;
    if (p->at < p->end) {
        p->at++;
        p->line++;
    }
}

static bool take_name(parser *p, tn__buf *name)
{
    const char *start = p->at;

    tn__buf_reset(name);
    if (!starts_name(peek(p)))
        return false;
    while (continues_name(peek(p)))
        p->at++;
    tn__buf_append(name, start, (size_t)(p->at - start));
    return true;
}

/* ${name} or ${name:-default}; p stands at the '$'. NULL or why not. */
static const char *expand(parser *p)
{
    const char *value, *start, *close;

    p->at += 2;
    if (!take_name(p, &p->name))
        return "${...} wants a name";
    start = p->at;
    close = memchr(start, '}', (size_t)(p->end - start));
    if (!close || memchr(start, '\n', (size_t)(close - start)))
        return "${...} is not closed";
    if (close > start && !tn__str_starts(tn__str(start, (size_t)(close - start)), TN__STR(":-")))
        return "${...} wants a name, or ${NAME:-default}";
    p->at = close + 1;
    value = p->name.failed ? NULL : p->lookup(p->arg, p->name.ptr);
    if (close > start && (!value || !*value))
        tn__buf_append(&p->value, start + 2, (size_t)(close - start - 2));
    else if (value)
        tn__buf_puts(&p->value, value);
    else
        return "${...} names what is not set; write ${NAME:-} if that is meant";
    return NULL;
}

static const char *take_single(parser *p)
{
    for (p->at++; p->at < p->end && *p->at != '\''; p->at++) {
        if (*p->at == '\r' && p->at + 1 < p->end && p->at[1] == '\n')
            continue;
        p->line += *p->at == '\n';
        tn__buf_putc(&p->value, *p->at);
    }
    if (p->at == p->end)
        return unclosed;
    p->at++;
    return NULL;
}

/* Behind a backslash in double quotes; any other one stays what it is. */
static void take_escape(parser *p)
{
    static const char from[] = "nt\"\\$", to[] = "\n\t\"\\$";
    const char *found = p->at + 1 < p->end && p->at[1] ? strchr(from, p->at[1]) : NULL;

    tn__buf_putc(&p->value, found ? to[found - from] : '\\');
    p->at += found ? 2 : 1;
}

static const char *take_double(parser *p)
{
    const char *why = NULL;

    p->at++;
    while (!why && p->at < p->end && *p->at != '"') {
        if (*p->at == '\\') {
            take_escape(p);
        } else if (*p->at == '$' && p->end - p->at > 1 && p->at[1] == '{') {
            why = expand(p);
        } else {
            if (!(*p->at == '\r' && p->at + 1 < p->end && p->at[1] == '\n')) {
                p->line += *p->at == '\n';
                tn__buf_putc(&p->value, *p->at);
            }
            p->at++;
        }
    }
    if (why)
        return why;
    if (p->at == p->end)
        return unclosed;
    p->at++;
    return NULL;
}

static const char *take_plain(parser *p)
{
    size_t solid = 0; /* what trailing blanks do not belong to */
    const char *why = NULL;

    while (!why && !at_line_end(p)) {
        if (*p->at == '#' && is_blank(p->at[-1]))
            break; /* p->at[-1] is the '=' at least */
        if (*p->at == '$' && p->end - p->at > 1 && p->at[1] == '{') {
            why = expand(p);
            solid = p->value.len;
            continue;
        }
        tn__buf_putc(&p->value, *p->at);
        if (!is_blank(*p->at))
            solid = p->value.len;
        p->at++;
    }
    if (!p->value.failed && p->value.ptr) {
        p->value.len = solid;
        p->value.ptr[solid] = '\0';
    }
    return why;
}

/* Behind the '='. NULL or why not. */
static const char *take_value(parser *p)
{
    const char *why;
    char quote;

    tn__buf_reset(&p->value);
    tn__buf_append(&p->value, "", 0);
    skip_blanks(p);
    quote = peek(p);
    if (quote != '\'' && quote != '"')
        return take_plain(p);
    why = quote == '"' ? take_double(p) : take_single(p);
    if (why)
        return why;
    if (!at_line_end(p) && !is_blank(*p->at))
        return "text behind the closing quote";
    skip_blanks(p);
    return at_line_end(p) || *p->at == '#' ? NULL : "text behind the closing quote";
}

/* export KEY= */
static const char *take_key(parser *p)
{
    if (!take_name(p, &p->key))
        return "not KEY=value";
    if (is_blank(peek(p)) && strcmp(p->key.ptr ? p->key.ptr : "", "export") == 0) {
        skip_blanks(p);
        if (!take_name(p, &p->key))
            return "not KEY=value";
    }
    if (peek(p) != '=')
        return is_blank(peek(p)) ? "not KEY=value (no blank in front of the =)" : "not KEY=value";
    p->at++;
    return NULL;
}

/* One line, or more where a quote spans them. false: out of memory. */
static bool take_line(parser *p, tn__envfile_pair *pair, tn__envfile_fault *fault)
{
    const char *start, *why;
    int line = p->line;

    skip_blanks(p);
    if (at_line_end(p) || *p->at == '#') {
        skip_line(p);
        return true;
    }
    start = p->at;
    tn__buf_reset(&p->key);
    why = take_key(p);
    if (!why)
        why = take_value(p);
    if (p->key.failed || p->name.failed)
        return false;
    if (!why && p->value.failed)
        why = too_long; /* or out of memory, which is told in the same way */
    if (!why && memchr(p->value.ptr, '\0', p->value.len))
        why = "a NUL byte";
    if (!why) {
        pair(p->arg, p->key.ptr, p->value.ptr, line);
    } else {
        fault(p->arg, line, p->key.len ? p->key.ptr : NULL, why);
        p->at = start; /* one open quote does not swallow what follows */
        p->line = line;
    }
    skip_line(p);
    return true;
}

bool tn__envfile_parse(tn_str text, tn__envfile_pair *pair, tn__envfile_fault *fault,
                       tn__envfile_lookup *lookup, void *arg)
{
    parser p = {.line = 1, .lookup = lookup, .arg = arg};
    bool ok = true;

    if (tn__str_starts(text, TN__STR("\xef\xbb\xbf")))
        text = tn__str(text.ptr + 3, text.len - 3);
    if (!text.len)
        return true;
    p.at = text.ptr;
    p.end = text.ptr + text.len;
    tn__buf_init(&p.key, TN__BUF_MAX);
    tn__buf_init(&p.value, MOST_VALUE);
    tn__buf_init(&p.name, TN__BUF_MAX);
    /* Growing would leave copies of a secret behind: few values are longer than this. */
    (void)tn__buf_reserve(&p.value, 2048);
    while (ok && p.at < p.end)
        ok = take_line(&p, pair, fault);
    if (p.value.ptr)
        tn__wipe(p.value.ptr, p.value.cap);
    tn__buf_free(&p.key);
    tn__buf_free(&p.value);
    tn__buf_free(&p.name);
    return ok;
}
