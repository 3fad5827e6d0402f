/* SPDX-License-Identifier: MIT */
/*
 * PostgreSQL's lexical rules (manual, section 4.1): '' and E'' and U&'' strings, dollar quotes,
 * nested comments, "identifiers", numbers, $n, operators by longest match. It never fails: what is
 * not closed or not allowed is a TN__TOK_ERROR token that reaches to the end. Tokens cover the text
 * without a gap, so that joined they are the input. No state but the struct; bounded by the text.
 */
#ifndef TENON_BASE_LEXER_H
#define TENON_BASE_LEXER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tenon/types.h>

typedef enum tn__tok_kind {
    TN__TOK_END = 0,
    TN__TOK_SPACE,
    TN__TOK_COMMENT, /* -- to the end of line, or nested slash-star */
    TN__TOK_WORD,    /* unquoted identifier or key word, also non-ASCII letters */
    TN__TOK_QUOTED,  /* "identifier", U&"identifier" */
    TN__TOK_STRING,  /* '...', E'...', U&'...', N'...', B'...', X'...' */
    TN__TOK_DOLLAR,  /* $tag$...$tag$ */
    TN__TOK_NUMBER,
    TN__TOK_PARAM,    /* $1 */
    TN__TOK_OPERATOR, /* + - * / < > = ~ ! @ # % ^ & | ` ? runs, and :: := => .. */
    TN__TOK_PUNCT,    /* ( ) [ ] , . : one at a time */
    TN__TOK_SEMICOLON,
    TN__TOK_ERROR
} tn__tok_kind;

typedef struct tn__tok {
    tn__tok_kind kind;
    tn_str text;
    uint32_t line;   /* 1-based */
    uint32_t column; /* 1-based, in characters */
    uint32_t number; /* of a PARAM; 0 when out of 1..65535 */
} tn__tok;

typedef struct tn__lexer {
    const char *at;
    const char *end;
    uint32_t line;
    uint32_t column;
} tn__lexer;

void tn__lexer_init(tn__lexer *lexer, tn_str sql);
/* The next token; TN__TOK_END (empty text) at the end, for ever. */
tn__tok tn__lexer_next(tn__lexer *lexer);
/* The next one that is neither space nor comment. */
tn__tok tn__lexer_skip(tn__lexer *lexer);

/* What the first words of a statement say. */
typedef enum tn__stmt_word {
    TN__STMT_OTHER = 0,
    TN__STMT_EMPTY,
    TN__STMT_BEGIN,    /* BEGIN, START TRANSACTION */
    TN__STMT_COMMIT,   /* COMMIT, END (not COMMIT PREPARED), PREPARE TRANSACTION */
    TN__STMT_ROLLBACK, /* ROLLBACK, ABORT, without TO (not ROLLBACK PREPARED) */
    TN__STMT_SAVEPOINT,
    TN__STMT_RELEASE,
    TN__STMT_ROLLBACK_TO
} tn__stmt_word;
tn__stmt_word tn__sql_first_word(tn_str sql);

/* The next statement of a script: *ret is its text without the semicolon, trimmed of space but not
 * of comments; *ret_line the line (of the whole text, *rest carries it on) on which its first token
 * that is no space or comment stands. Semicolons within a BEGIN ATOMIC ... END body do not count.
 * Empty statements are passed over. false at the end. Start with line 1. */
typedef struct tn__script {
    tn_str rest;
    uint32_t line;
} tn__script;
bool tn__script_next(tn__script *script, tn_str *ret, uint32_t *ret_line);

#endif
