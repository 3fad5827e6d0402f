/* SPDX-License-Identifier: MIT */
/* Statements within a text: their first words, and where one ends. */
#include "base/lexer.h"
#include "base/str.h"

static bool is_word(tn__tok tok, tn_str word)
{
    return tok.kind == TN__TOK_WORD && tn__str_iequal(tok.text, word);
}

/* Behind ROLLBACK or ABORT. */
static tn__stmt_word rollback_kind(tn__lexer *lexer)
{
    tn__tok tok = tn__lexer_skip(lexer);

    if (is_word(tok, TN__STR("prepared")))
        return TN__STMT_OTHER;
    if (is_word(tok, TN__STR("work")) || is_word(tok, TN__STR("transaction")))
        tok = tn__lexer_skip(lexer);
    return is_word(tok, TN__STR("to")) ? TN__STMT_ROLLBACK_TO : TN__STMT_ROLLBACK;
}

tn__stmt_word tn__sql_first_word(tn_str sql)
{
    tn__lexer lexer;
    tn__tok tok;

    tn__lexer_init(&lexer, sql);
    do
        tok = tn__lexer_skip(&lexer);
    while (tok.kind == TN__TOK_SEMICOLON);
    if (tok.kind == TN__TOK_END)
        return TN__STMT_EMPTY;
    if (is_word(tok, TN__STR("begin")))
        return TN__STMT_BEGIN;
    if (is_word(tok, TN__STR("start")))
        return is_word(tn__lexer_skip(&lexer), TN__STR("transaction")) ? TN__STMT_BEGIN
                                                                       : TN__STMT_OTHER;
    if (is_word(tok, TN__STR("commit")))
        return is_word(tn__lexer_skip(&lexer), TN__STR("prepared")) ? TN__STMT_OTHER
                                                                    : TN__STMT_COMMIT;
    if (is_word(tok, TN__STR("end")))
        return TN__STMT_COMMIT;
    if (is_word(tok, TN__STR("prepare")))
        return is_word(tn__lexer_skip(&lexer), TN__STR("transaction")) ? TN__STMT_COMMIT
                                                                       : TN__STMT_OTHER;
    if (is_word(tok, TN__STR("rollback")) || is_word(tok, TN__STR("abort")))
        return rollback_kind(&lexer);
    if (is_word(tok, TN__STR("savepoint")))
        return TN__STMT_SAVEPOINT;
    if (is_word(tok, TN__STR("release")))
        return TN__STMT_RELEASE;
    return TN__STMT_OTHER;
}

/* What is known of a statement while its end is looked for. */
typedef struct body {
    uint32_t words;  /* seen at its start, at most a few count */
    bool create;     /* it starts with CREATE */
    bool trigger;    /* CREATE ... TRIGGER */
    bool begin;      /* the token before was BEGIN, outside a body */
    uint32_t depth;  /* BEGIN and CASE that are open */
    uint32_t parens; /* open parentheses: CREATE RULE ... DO (a; b) */
} body;

/* SQLite's triggers have a body without ATOMIC. BEGIN is no reserved word, so what follows it
 * decides: a statement can, a column or trigger of that name cannot be followed by these. */
static bool opens_trigger_body(tn__tok tok)
{
    return is_word(tok, TN__STR("select")) || is_word(tok, TN__STR("insert")) ||
           is_word(tok, TN__STR("update")) || is_word(tok, TN__STR("delete")) ||
           is_word(tok, TN__STR("replace")) || is_word(tok, TN__STR("with"));
}

static void follow_word(body *b, tn__tok tok)
{
    if (b->words == 0)
        b->create = is_word(tok, TN__STR("create"));
    if (b->words < 5 && b->create && is_word(tok, TN__STR("trigger")))
        b->trigger = true; /* create [or replace] [constraint | temp] trigger */
    b->words++;
    if (!b->create)
        return;
    if (!b->depth) {
        if (b->begin &&
            (is_word(tok, TN__STR("atomic")) || (b->trigger && opens_trigger_body(tok))))
            b->depth = 1;
        b->begin = is_word(tok, TN__STR("begin"));
    } else if (is_word(tok, TN__STR("case"))) {
        b->depth++;
    } else if (is_word(tok, TN__STR("end"))) {
        b->depth--;
    }
}

static void follow(body *b, tn__tok tok)
{
    if (tok.kind == TN__TOK_WORD) {
        follow_word(b, tok);
        return;
    }
    b->begin = false;
    if (tok.kind != TN__TOK_PUNCT)
        return;
    if (tok.text.ptr[0] == '(')
        b->parens++;
    else if (tok.text.ptr[0] == ')' && b->parens)
        b->parens--;
}

bool tn__script_next(tn__script *script, tn_str *ret, uint32_t *ret_line)
{
    const char *start = NULL, *stop = NULL;
    uint32_t line = 0; /* of the first token that says something; 0: none yet */
    body b = {0};
    tn__lexer lexer;
    tn__tok tok;

    tn__lexer_init(&lexer, script->rest);
    lexer.line = script->line;
    for (;;) {
        tok = tn__lexer_next(&lexer);
        if (tok.kind == TN__TOK_END || (tok.kind == TN__TOK_SEMICOLON && !b.depth && !b.parens)) {
            if (line || tok.kind == TN__TOK_END)
                break;
            start = NULL; /* an empty statement: its comments go with it */
            continue;
        }
        if (tok.kind == TN__TOK_SPACE)
            continue;
        if (!start)
            start = tok.text.ptr;
        stop = tok.text.ptr + tok.text.len;
        if (tok.kind == TN__TOK_COMMENT)
            continue;
        if (!line)
            line = tok.line;
        follow(&b, tok);
    }
    script->rest = tn__str(lexer.at, (size_t)(lexer.end - lexer.at));
    script->line = lexer.line;
    if (!line)
        return false;
    *ret = tn__str(start, (size_t)(stop - start));
    *ret_line = line;
    return true;
}
