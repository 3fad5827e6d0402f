/* SPDX-License-Identifier: MIT */
/* Statements as tokens, and lists of names. Pure. */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "migrate/lint.h"

bool tn__tokens_read(tn__tokens *tokens, tn_str sql)
{
    tn__lexer lexer;
    tn__tok tok;

    tokens->n = 0;
    tokens->sql = sql;
    tn__lexer_init(&lexer, sql);
    while ((tok = tn__lexer_skip(&lexer)).kind != TN__TOK_END) {
        if (tokens->n == tokens->capacity) {
            size_t capacity = tokens->capacity ? tokens->capacity * 2 : 128;
            tn__tok *grown = realloc(tokens->items, capacity * sizeof(*grown));
            if (!grown)
                return false;
            tokens->items = grown;
            tokens->capacity = capacity;
        }
        tokens->items[tokens->n++] = tok;
    }
    return true;
}

bool tn__is_word(const tn__tokens *t, size_t i, const char *word)
{
    return i < t->n && t->items[i].kind == TN__TOK_WORD &&
           tn__str_iequal(t->items[i].text, tn_str_from(word));
}

bool tn__is_punct(const tn__tokens *t, size_t i, char c)
{
    return i < t->n && t->items[i].kind == TN__TOK_PUNCT && t->items[i].text.ptr[0] == c;
}

bool tn__take_words(const tn__tokens *t, size_t *i, const char *words)
{
    tn_str rest = tn_str_from(words), word;
    size_t at = *i;

    while (tn__str_split(&rest, ' ', &word)) {
        if (at >= t->n || t->items[at].kind != TN__TOK_WORD ||
            !tn__str_iequal(t->items[at].text, word))
            return false;
        at++;
    }
    *i = at;
    return true;
}

bool tn__has_word(const tn__tokens *t, size_t from, size_t to, const char *words)
{
    for (size_t i = from; i < to && i < t->n; i++) {
        size_t at = i;
        if (tn__take_words(t, &at, words) && at <= to)
            return true;
    }
    return false;
}

/* Folded as the server does: words to lower case, quoted names as they are. */
static void put_name(tn_str text, bool quoted, char ret[TN__LINT_NAME])
{
    size_t n = 0;

    for (size_t i = 0; i < text.len && n + 1 < TN__LINT_NAME; i++) {
        char c = text.ptr[i];
        if (quoted && c == '"') {
            if (i == 0 || i + 1 == text.len)
                continue;
            i++; /* "" is one */
        }
        ret[n++] = !quoted && c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    ret[n] = '\0';
}

bool tn__take_name(const tn__tokens *t, size_t *i, char ret[TN__LINT_NAME])
{
    for (;;) {
        if (*i >= t->n ||
            (t->items[*i].kind != TN__TOK_WORD && t->items[*i].kind != TN__TOK_QUOTED))
            return false;
        put_name(t->items[*i].text, t->items[*i].kind == TN__TOK_QUOTED, ret);
        ++*i;
        if (!tn__is_punct(t, *i, '.'))
            return true;
        ++*i;
    }
}

size_t tn__item_end(const tn__tokens *t, size_t from)
{
    int depth = 0;
    size_t i = from;

    for (; i < t->n; i++) {
        if (depth == 0 && tn__is_punct(t, i, ','))
            break;
        depth += tn__is_punct(t, i, '(') - tn__is_punct(t, i, ')');
    }
    return i;
}

bool tn__names_has(const tn__names *names, const char *name)
{
    for (size_t i = 0; i < names->n; i++)
        if (strcmp(names->items[i], name) == 0)
            return true;
    return false;
}

bool tn__names_add(tn__names *names, const char *name)
{
    if (tn__names_has(names, name))
        return true;
    if (names->n == names->capacity) {
        size_t capacity = names->capacity ? names->capacity * 2 : 16;
        char(*grown)[TN__LINT_NAME] = realloc(names->items, capacity * sizeof(*grown));
        if (!grown)
            return false;
        names->items = grown;
        names->capacity = capacity;
    }
    tn__copy_text(names->items[names->n++], TN__LINT_NAME, tn_str_from(name));
    return true;
}
