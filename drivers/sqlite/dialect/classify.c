/* SPDX-License-Identifier: MIT */
#include "sqlite/lite.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/lexer.h"
#include "base/str.h"

static bool is_word(tn__tok tok, const char *word)
{
    return tok.kind == TN__TOK_WORD && tn__str_iequal(tok.text, kit_str(word));
}

static bool is_punct(tn__tok tok, char c)
{
    return tok.kind == TN__TOK_PUNCT && tok.text.ptr[0] == c;
}

void lite_identifier(tn_str token, char *buf, size_t size)
{
    size_t n = 0;
    bool quoted = token.len >= 2 && token.ptr[0] == '"';

    if (quoted) {
        token.ptr++;
        token.len -= 2;
    }
    token.len = tn__utf8_cut(token.ptr, token.len, size - 1);
    for (size_t i = 0; i < token.len; i++) {
        char c = token.ptr[i];
        if (quoted && c == '"')
            i++;
        buf[n++] = (char)(!quoted && c >= 'A' && c <= 'Z' ? c + 'a' - 'A' : c);
    }
    buf[n] = '\0';
}

/* The word that says what the statement does: behind WITH it is the first one of these outside
 * parentheses. */
static tn__tok main_word(tn__lexer *lexer)
{
    static const char *const words[] = {"select",  "values", "insert",
                                        "replace", "update", "delete"};
    tn__tok tok = tn__lexer_skip(lexer);
    int depth = 0;

    if (!is_word(tok, "with"))
        return tok;
    for (;;) {
        tok = tn__lexer_skip(lexer);
        if (tok.kind == TN__TOK_END || tok.kind == TN__TOK_ERROR)
            return tok;
        depth += is_punct(tok, '(') - is_punct(tok, ')');
        for (size_t i = 0; depth == 0 && i < TN__COUNT_OF(words); i++)
            if (is_word(tok, words[i]))
                return tok;
    }
}

/* [schema.]table */
static tn_str read_target(tn__lexer *lexer, tn__tok tok)
{
    tn__lexer ahead = *lexer;
    tn_str name = tok.text;

    if (tok.kind != TN__TOK_WORD && tok.kind != TN__TOK_QUOTED)
        return (tn_str){NULL, 0};
    if (is_punct(tn__lexer_skip(&ahead), '.')) {
        tok = tn__lexer_skip(&ahead);
        if (tok.kind == TN__TOK_WORD || tok.kind == TN__TOK_QUOTED)
            name = tok.text;
    }
    return name;
}

/* INSERT [OR x] INTO t, REPLACE INTO t, UPDATE [OR x] t, DELETE FROM t. */
static void find_target(tn__lexer *lexer, lite_statement *ret)
{
    tn__tok tok = tn__lexer_skip(lexer);

    if (is_word(tok, "or")) {
        ret->replaces |= is_word(tn__lexer_skip(lexer), "replace");
        tok = tn__lexer_skip(lexer);
    }
    if (is_word(tok, "into") || is_word(tok, "from"))
        tok = tn__lexer_skip(lexer);
    ret->target = read_target(lexer, tok);
}

/* CREATE INDEX [IF NOT EXISTS] [schema.]index ON t. */
static void find_index(tn__lexer *lexer, lite_statement *ret)
{
    tn__tok tok = tn__lexer_skip(lexer);
    tn__lexer ahead = *lexer;

    if (is_word(tok, "if") && is_word(tn__lexer_skip(&ahead), "not")) {
        (void)tn__lexer_skip(&ahead); /* EXISTS */
        *lexer = ahead;
        tok = tn__lexer_skip(lexer);
    }
    ret->index = read_target(lexer, tok);
    for (int i = 0; i < 3 && !is_word(tok, "on"); i++) /* a schema may stand before the name */
        tok = tn__lexer_skip(lexer);
    ret->target = read_target(lexer, tn__lexer_skip(lexer));
}

/* CREATE, ALTER, DROP: the tag is the verb and the kind of thing. */
static void classify_schema(tn__lexer *lexer, size_t verb, lite_statement *ret)
{
    static const struct {
        const char *word;
        const char *tags[3];
    } things[] = {
        {"table", {"CREATE TABLE", "ALTER TABLE", "DROP TABLE"}},
        {"index", {"CREATE INDEX", "ALTER INDEX", "DROP INDEX"}},
        {"view", {"CREATE VIEW", "ALTER VIEW", "DROP VIEW"}},
        {"trigger", {"CREATE TRIGGER", "ALTER TRIGGER", "DROP TRIGGER"}},
    };
    static const char *const verbs[] = {"CREATE", "ALTER", "DROP"};

    ret->kind = LITE_KIND_SCHEMA;
    ret->tag = verbs[verb];
    for (int i = 0; i < 4; i++) { /* TEMP, UNIQUE, VIRTUAL may stand between */
        tn__tok tok = tn__lexer_skip(lexer);
        if (is_word(tok, "temp") || is_word(tok, "temporary"))
            ret->temporary = true;
        for (size_t j = 0; j < TN__COUNT_OF(things); j++)
            if (is_word(tok, things[j].word)) {
                ret->tag = things[j].tags[verb];
                ret->verb = ret->tag;
                if (strcmp(ret->tag, "CREATE INDEX") == 0)
                    find_index(lexer, ret);
                return;
            }
    }
    ret->verb = ret->tag;
}

/* Does this PRAGMA change the session (and not only ask, or change the file)? */
static bool pragma_sets(tn__lexer *lexer)
{
    static const char *const harmless[] = {
        "application_id", "foreign_key_check", "foreign_key_list", "incremental_vacuum",
        "index_info",     "index_list",        "index_xinfo",      "integrity_check",
        "optimize",       "quick_check",       "table_info",       "table_list",
        "table_xinfo",    "user_version",      "wal_checkpoint",
    };
    tn__tok name = tn__lexer_skip(lexer);
    tn__tok next = tn__lexer_skip(lexer);

    if (is_punct(next, '.')) {
        name = tn__lexer_skip(lexer);
        next = tn__lexer_skip(lexer);
    }
    if (next.kind == TN__TOK_END || next.kind == TN__TOK_SEMICOLON)
        return false;
    for (size_t i = 0; i < TN__COUNT_OF(harmless); i++)
        if (is_word(name, harmless[i]))
            return false;
    return true;
}

void lite_classify(tn_str sql, lite_statement *ret)
{
    static const struct {
        const char *word;
        lite_kind kind;
        const char *tag;
        const char *verb;
        bool counts;
    } words[] = {
        {"select", LITE_KIND_SELECT, "SELECT", "SELECT", true},
        {"values", LITE_KIND_SELECT, "SELECT", "SELECT", true},
        {"insert", LITE_KIND_INSERT, "INSERT 0", "INSERT", true},
        {"replace", LITE_KIND_INSERT, "INSERT 0", "INSERT", true},
        {"update", LITE_KIND_UPDATE, "UPDATE", "UPDATE", true},
        {"delete", LITE_KIND_DELETE, "DELETE", "DELETE", true},
        {"create", LITE_KIND_SCHEMA, "", "", false},
        {"alter", LITE_KIND_SCHEMA, "", "", false},
        {"drop", LITE_KIND_SCHEMA, "", "", false},
        {"pragma", LITE_KIND_PRAGMA, "PRAGMA", "PRAGMA", false},
        {"attach", LITE_KIND_ATTACH, "ATTACH", "ATTACH", false},
        {"detach", LITE_KIND_ATTACH, "DETACH", "DETACH", false},
        {"explain", LITE_KIND_EXPLAIN, "EXPLAIN", "EXPLAIN", false},
        {"vacuum", LITE_KIND_OTHER, "VACUUM", "VACUUM", false},
        {"analyze", LITE_KIND_OTHER, "ANALYZE", "ANALYZE", false},
        {"reindex", LITE_KIND_OTHER, "REINDEX", "REINDEX", false},
    };
    enum { CREATE = 6 };
    tn__lexer lexer;
    tn__tok tok;
    size_t i = 0;

    tn__lexer_init(&lexer, sql);
    do
        tok = main_word(&lexer);
    while (tok.kind == TN__TOK_SEMICOLON);
    ret->kind = tok.kind == TN__TOK_END ? LITE_KIND_EMPTY : LITE_KIND_OTHER;
    ret->tag = "";
    ret->verb = "this statement";
    while (i < TN__COUNT_OF(words) && !is_word(tok, words[i].word))
        i++;
    if (i == TN__COUNT_OF(words))
        return;
    ret->kind = words[i].kind;
    ret->tag = words[i].tag;
    ret->verb = words[i].verb;
    ret->counts = words[i].counts;
    if (ret->kind == LITE_KIND_SCHEMA)
        classify_schema(&lexer, i - CREATE, ret);
    else if (ret->kind == LITE_KIND_PRAGMA)
        ret->sets = pragma_sets(&lexer);
    else if (ret->kind == LITE_KIND_INSERT || ret->kind == LITE_KIND_UPDATE ||
             ret->kind == LITE_KIND_DELETE) {
        ret->replaces = is_word(tok, "replace");
        find_target(&lexer, ret);
    }
}
