/* SPDX-License-Identifier: MIT */
#include "session/names.h"

#include <string.h>

#include <tenon/query.h>

#include "base/lexer.h"
#include "base/str.h"

enum { NAME_SIZE = 64, QUOTED_SIZE = 2 * NAME_SIZE + 2, PARTS_MAX = 3 };

static tn_status not_a_name(tn_error *err, const char *what, const char *text)
{
    char shown[100];

    tn__copy_text(shown, sizeof(shown), tn_str_from(text ? text : "NULL"));
    for (char *p = shown; *p; p++)
        if ((unsigned char)*p < ' ')
            *p = ' ';
    tn_error_set(err, TN_SYNTAX, "42602", "%s: \"%s\" is not %s", what, shown,
                 strcmp(what, "table") == 0 ? "the name of a table" : "a list of names");
    tn_error_set_hint(err, "write it as in SQL; a name with other signs than letters, digits and _ "
                           "stands in double quotes");
    return TN_SYNTAX;
}

static tn_status out_of_memory(tn_error *err)
{
    return tn_error_set(err, TN_NOMEM, NULL, "out of memory");
}

/* The name that a token is: small letters where it has no quotes, "" undone where it has. */
static bool read_name(const tn__tok *token, char name[NAME_SIZE])
{
    tn_str text = token->text;
    size_t len = 0;
    bool quoted = token->kind == TN__TOK_QUOTED;

    if (token->kind != TN__TOK_WORD && !(quoted && text.len > 2 && text.ptr[0] == '"'))
        return false;
    for (size_t i = quoted; i < text.len - quoted; i++) {
        char c = text.ptr[i];
        if (len == NAME_SIZE - 1)
            return false;
        if (quoted && c == '"')
            i++;
        name[len++] = (char)(!quoted && c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    }
    name[len] = '\0';
    return true;
}

static bool is_punct(const tn__tok *token, char c)
{
    return token->kind == TN__TOK_PUNCT && token->text.ptr[0] == c;
}

tn_status tn__name_table(const char *text, tn__arena *arena, tn_str *ret_quoted, tn_error *err)
{
    char whole[PARTS_MAX * (QUOTED_SIZE + 1)], name[NAME_SIZE];
    size_t len = 0, parts = 0;
    tn__lexer lexer;
    tn__tok token;

    if (!text || !tn__utf8_valid(text, strlen(text)))
        return not_a_name(err, "table", NULL);
    tn__lexer_init(&lexer, tn_str_from(text));
    do {
        token = tn__lexer_skip(&lexer);
        if (parts++ == PARTS_MAX || !read_name(&token, name))
            return not_a_name(err, "table", text);
        if (len)
            whole[len++] = '.';
        size_t n = tn_quote_identifier(tn_str_from(name), whole + len, sizeof(whole) - len);
        if (!n)
            return not_a_name(err, "table", text);
        len += n;
        token = tn__lexer_skip(&lexer);
    } while (is_punct(&token, '.'));
    if (token.kind != TN__TOK_END)
        return not_a_name(err, "table", text);
    const char *copy = tn__arena_copy(arena, whole, len);
    if (!copy)
        return out_of_memory(err);
    *ret_quoted = tn__str(copy, len);
    return TN_OK;
}

bool tn__namelist_init(tn__namelist *names, size_t most, tn__arena *arena)
{
    *names = (tn__namelist){.quoted = tn__arena_array(arena, most, sizeof(*names->quoted)),
                            .plain = tn__arena_array(arena, most, sizeof(*names->plain))};
    return names->quoted && names->plain;
}

bool tn__namelist_add(tn__namelist *names, const char *plain, tn__arena *arena)
{
    char quoted[QUOTED_SIZE];
    size_t n = tn_quote_identifier(tn_str_from(plain), quoted, sizeof(quoted));
    const char *first = tn__arena_copy(arena, quoted, n);
    const char *second = tn__arena_copy(arena, plain, strlen(plain));

    if (!first || !second)
        return false;
    names->quoted[names->count] = tn__str(first, n);
    names->plain[names->count++] = second;
    return true;
}

int tn__namelist_find(const tn__namelist *names, const char *plain)
{
    for (size_t i = 0; i < names->count; i++)
        if (strcmp(names->plain[i], plain) == 0)
            return (int)i;
    return -1;
}

/* One name more than there are commas. */
static size_t most_names(const char *text)
{
    size_t n = 1;

    for (; *text; text++)
        n += *text == ',';
    return n;
}

tn_status tn__name_columns(const char *text, const char *what, tn__arena *arena, tn__namelist *ret,
                           tn_error *err)
{
    char name[NAME_SIZE];
    tn__namelist names;
    tn__lexer lexer;
    tn__tok token;

    if (!text || !tn__utf8_valid(text, strlen(text)))
        return not_a_name(err, what, NULL);
    if (most_names(text) > TN__NAMES_MAX)
        return tn_error_set(err, TN_LIMIT, "54011", "%s: more than %d", what, TN__NAMES_MAX);
    if (!tn__namelist_init(&names, most_names(text), arena))
        return out_of_memory(err);
    tn__lexer_init(&lexer, tn_str_from(text));
    do {
        token = tn__lexer_skip(&lexer);
        if (!read_name(&token, name) || !tn_quote_identifier(tn_str_from(name), (char[1]){0}, 1))
            return not_a_name(err, what, text);
        if (tn__namelist_find(&names, name) >= 0)
            return tn_error_set(err, TN_SYNTAX, "42701", "%s: \"%s\" stands there twice", what,
                                name);
        if (!tn__namelist_add(&names, name, arena))
            return out_of_memory(err);
        token = tn__lexer_skip(&lexer);
    } while (is_punct(&token, ','));
    if (token.kind != TN__TOK_END)
        return not_a_name(err, what, text);
    *ret = names;
    return TN_OK;
}
