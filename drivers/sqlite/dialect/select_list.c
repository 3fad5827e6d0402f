/* SPDX-License-Identifier: MIT */
/*
 * What the text of a select list (or of RETURNING) tells that SQLite does not: the type of a cast
 * and of a few expressions, and PostgreSQL's names of unnamed ones. Only items that are exactly of
 * such a form count; everything else is left to the declared types and the values.
 */
#include "sqlite/lite.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/lexer.h"
#include "base/str.h"

#define MAX_ITEMS 2000 /* SQLite's own limit of columns */
#define HEAD      6    /* tokens kept of an item's start */

/* One item while it is read. */
typedef struct reading {
    tn__tok head[HEAD];
    tn__tok last, before_last;
    uint32_t count;
    uint32_t closes; /* index of the token that closes a parenthesis opened by the second one */
    const char *type_from; /* behind the last AS directly within that parenthesis */
    const char *type_to;
    bool operators; /* outside parentheses */
    bool as;        /* AS outside parentheses */
} reading;

static bool is_word(tn__tok tok, const char *word)
{
    return tok.kind == TN__TOK_WORD && tn__str_iequal(tok.text, kit_str(word));
}

static bool is_punct(tn__tok tok, char c)
{
    return tok.kind == TN__TOK_PUNCT && tok.text.ptr[0] == c;
}

static bool is_any(tn__tok tok, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (is_word(tok, words[i]))
            return true;
    return false;
}

/* Takes one more token of an item; depth is the one at which it stands. */
static void take(reading *item, tn__tok tok, int depth)
{
    if (item->count < HEAD)
        item->head[item->count] = tok;
    if (depth == 0) {
        item->operators |= tok.kind == TN__TOK_OPERATOR;
        item->as |= is_word(tok, "as");
        if (is_punct(tok, ')') && item->count > 1 && item->closes == 0) {
            item->closes = item->count;
            item->type_to = tok.text.ptr;
        }
    } else if (depth == 1 && item->closes == 0 && is_word(tok, "as")) {
        item->type_from = tok.text.ptr + tok.text.len;
    }
    item->before_last = item->last;
    item->last = tok;
    item->count++;
}

static const lite_type *keep_type(tn__arena *arena, tn_str declared)
{
    lite_type type;
    lite_type *copy;

    if (!lite_decltype(declared, &type))
        return NULL;
    copy = tn__arena_alloc(arena, sizeof *copy);
    if (copy)
        *copy = type;
    return copy;
}

static const char *keep_name(tn__arena *arena, tn_str token)
{
    char name[64];

    lite_identifier(token, name, sizeof name);
    return tn__arena_copy(arena, name, strlen(name));
}

/* What a call's result is called and, where that is certain, its type. */
static void judge_call(const reading *item, tn__arena *arena, bool named, lite_item *ret)
{
    static const char *const times[] = {"now", "transaction_timestamp", "clock_timestamp"};
    tn__tok f = item->head[0];
    tn__tok inner = item->head[2];

    if (is_word(f, "cast") && item->type_from && item->type_from < item->type_to) {
        ret->type = keep_type(arena,
                              tn__str(item->type_from, (size_t)(item->type_to - item->type_from)));
        /* cast(column as type) is called after the column, cast(anything else) after the type */
        if (!named && inner.kind == TN__TOK_WORD && is_word(item->head[3], "as"))
            ret->name = keep_name(arena, inner.text);
        else if (!named && ret->type)
            ret->name = ret->type->name;
        return;
    }
    if (is_any(f, times, TN__COUNT_OF(times)))
        ret->type = keep_type(arena, TN__STR("timestamptz"));
    else if (is_word(f, "gen_random_uuid"))
        ret->type = keep_type(arena, TN__STR("uuid"));
    else if (is_word(f, "exists") || is_word(f, "not"))
        ret->type = keep_type(arena, TN__STR("boolean"));
    if (!named)
        ret->name = is_word(f, "not") ? "?column?" : keep_name(arena, f.text);
}

static void judge_single(const reading *item, tn__arena *arena, bool named, lite_item *ret)
{
    tn__tok tok = item->head[0];

    if (is_word(tok, "true") || is_word(tok, "false")) {
        ret->type = keep_type(arena, TN__STR("boolean"));
        if (!named)
            ret->name = "bool";
    } else if (!named &&
               (tok.kind == TN__TOK_PARAM || tok.kind == TN__TOK_NUMBER ||
                tok.kind == TN__TOK_STRING || tok.kind == TN__TOK_DOLLAR || is_word(tok, "null"))) {
        ret->name = "?column?";
    }
}

/* Does a name stand at the end without AS? Words like NULL in "x is null" look like one: then
 * nothing is said. */
static bool bare_alias(const reading *item)
{
    return item->count > 1 &&
           (item->last.kind == TN__TOK_WORD || item->last.kind == TN__TOK_QUOTED) &&
           item->before_last.kind != TN__TOK_OPERATOR && !is_punct(item->before_last, '.');
}

static void judge(const reading *item, tn__arena *arena, lite_item *ret)
{
    bool named = item->as || bare_alias(item);
    uint32_t body = item->count - (item->as ? 2 : named ? 1 : 0);

    *ret = (lite_item){.type = NULL};
    if (item->count == 0)
        return;
    if (item->last.kind == TN__TOK_OPERATOR && tn_str_equal(item->last.text, TN__STR("*"))) {
        ret->star = true;
    } else if (item->as && (item->count < 3 || !is_word(item->before_last, "as"))) {
        return;
    } else if (item->count > 2 && item->head[0].kind == TN__TOK_WORD &&
               is_punct(item->head[1], '(') && item->closes == body - 1) {
        judge_call(item, arena, named, ret);
    } else if (body == 1) {
        judge_single(item, arena, named, ret);
    } else if (!named && item->operators) {
        ret->name = "?column?";
    }
}

/* Positions the lexer behind SELECT [DISTINCT|ALL] or RETURNING. */
static bool find_list(tn__lexer *lexer, bool returning)
{
    int depth = 0;

    for (;;) {
        tn__tok tok = tn__lexer_skip(lexer);
        if (tok.kind == TN__TOK_END || tok.kind == TN__TOK_ERROR)
            return false;
        depth += is_punct(tok, '(') - is_punct(tok, ')');
        if (depth == 0 && is_word(tok, returning ? "returning" : "select")) {
            tn__lexer ahead = *lexer;
            tok = tn__lexer_skip(&ahead);
            if (is_word(tok, "distinct") || is_word(tok, "all"))
                *lexer = ahead;
            return true;
        }
    }
}

/* The types of a set operation's first part need not be those of the others. */
static bool set_operation_follows(tn__lexer lexer, tn__tok tok)
{
    static const char *const words[] = {"union", "intersect", "except"};
    int depth = 0;

    while (tok.kind != TN__TOK_END && tok.kind != TN__TOK_ERROR) {
        depth += is_punct(tok, '(') - is_punct(tok, ')');
        if (depth == 0 && is_any(tok, words, TN__COUNT_OF(words)))
            return true;
        tok = tn__lexer_skip(&lexer);
    }
    return false;
}

/* Reads the items; *ret_end is the token behind the list. */
static uint32_t read_items(tn__lexer *lexer, tn__arena *arena, lite_item *items, tn__tok *ret_end)
{
    static const char *const ends[] = {"from",   "where",  "group", "having",    "order", "limit",
                                       "offset", "window", "union", "intersect", "except"};
    reading item = {.count = 0};
    uint32_t n = 0;
    int depth = 0;

    for (;;) {
        tn__tok tok = tn__lexer_skip(lexer);
        bool end = tok.kind == TN__TOK_END || tok.kind == TN__TOK_ERROR ||
                   tok.kind == TN__TOK_SEMICOLON ||
                   (depth == 0 && is_any(tok, ends, TN__COUNT_OF(ends)));
        if (end || (depth == 0 && is_punct(tok, ','))) {
            if (n == MAX_ITEMS)
                return 0;
            judge(&item, arena, &items[n++]);
            item = (reading){.count = 0};
            *ret_end = tok;
            if (end)
                return n;
            continue;
        }
        depth -= is_punct(tok, ')');
        take(&item, tok, depth);
        depth += is_punct(tok, '(');
    }
}

bool lite_select_list(tn_str sql, tn__arena *arena, lite_statement *ret)
{
    lite_item *items, *copy;
    tn__lexer lexer;
    tn__tok end;
    uint32_t n;

    if (ret->kind != LITE_KIND_SELECT && ret->kind != LITE_KIND_INSERT &&
        ret->kind != LITE_KIND_UPDATE && ret->kind != LITE_KIND_DELETE)
        return true;
    tn__lexer_init(&lexer, sql);
    if (!find_list(&lexer, ret->kind != LITE_KIND_SELECT))
        return true;
    items = malloc(MAX_ITEMS * sizeof *items);
    if (!items)
        return false;
    n = read_items(&lexer, arena, items, &end);
    if (n > 0 && set_operation_follows(lexer, end))
        for (uint32_t i = 0; i < n; i++)
            items[i].type = NULL;
    copy = tn__arena_array(arena, n, sizeof *copy);
    if (copy) {
        memcpy(copy, items, n * sizeof *copy);
        ret->items = copy;
        ret->n_items = n;
    }
    free(items);
    return copy != NULL || n == 0;
}

const lite_item *lite_select_item(const lite_statement *statement, uint32_t i, uint32_t n)
{
    uint32_t items = statement->n_items;
    uint32_t from_end = n - i; /* counted from 1 */

    bool star = false;

    for (uint32_t k = 0; k < items; k++)
        star |= statement->items[k].star;
    if (!star)
        return items == n ? &statement->items[i] : NULL;
    /* Before the first star items are columns, behind the last one they are from the end. */
    for (uint32_t k = 0; k < items && k <= i; k++) {
        if (statement->items[k].star)
            break;
        if (k == i)
            return &statement->items[i];
    }
    for (uint32_t k = 1; k <= items && k <= from_end; k++) {
        if (statement->items[items - k].star)
            return NULL;
        if (k == from_end)
            return &statement->items[items - k];
    }
    return NULL;
}
