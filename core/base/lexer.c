/* SPDX-License-Identifier: MIT */
/*
 * After PostgreSQL's scan.l, standard_conforming_strings on. Numbers are taken as newer servers
 * write them too (0x1F, 1_000). A string that goes on behind a line break ('a' newline 'b') is one
 * token: the second part is read by the rules of the first one's prefix.
 */
#include "base/lexer.h"

#include <string.h>

#include "base/str.h"

/* What a byte can be. Looked up, since every character of every new statement comes by here. */
enum { SPACE = 1, DIGIT = 2, LETTER = 4, DOLLAR = 8, OPERATOR = 16 };

/* clang-format off */
#define OP(c) [c] = OPERATOR
#define RANGE(a, b) [a ... b] /* as GNU C has it */

static const uint8_t kinds[256] = {
    RANGE('\t', '\r') = SPACE, [' '] = SPACE,
    RANGE('0', '9') = DIGIT,
    RANGE('A', 'Z') = LETTER, RANGE('a', 'z') = LETTER, ['_'] = LETTER, RANGE(0x80, 0xff) = LETTER,
    ['$'] = DOLLAR,
    OP('+'), OP('-'), OP('*'), OP('/'), OP('<'), OP('>'), OP('='), OP('~'), OP('!'), OP('@'),
    OP('#'), OP('%'), OP('^'), OP('&'), OP('|'), OP('`'), OP('?'),
};
/* clang-format on */

static bool is_kind(char c, unsigned of)
{
    return kinds[(unsigned char)c] & of;
}

static bool is_space(char c)
{
    return is_kind(c, SPACE);
}

static bool is_newline(char c)
{
    return c == '\n' || c == '\r';
}

static bool is_digit(char c)
{
    return is_kind(c, DIGIT);
}

static bool starts_word(char c)
{
    return is_kind(c, LETTER);
}

static bool continues_word(char c)
{
    return is_kind(c, LETTER | DIGIT | DOLLAR);
}

static bool is_operator(char c)
{
    return is_kind(c, OPERATOR);
}

/* The character n places on, NUL behind the end. */
static char peek(const char *at, const char *end, size_t n)
{
    return n < (size_t)(end - at) ? at[n] : '\0';
}

/* ---- what each kind of token reaches to; NULL: it is not closed or not allowed ------------------
 */

static const char *end_of_line(const char *at, const char *end)
{
    while (at < end && !is_newline(*at))
        at++;
    return at;
}

static const char *end_of_comment(const char *at, const char *end)
{
    size_t depth = 0;

    while (at < end) {
        if (at[0] == '/' && peek(at, end, 1) == '*') {
            depth++;
            at += 2;
        } else if (at[0] == '*' && peek(at, end, 1) == '/') {
            at += 2;
            if (--depth == 0)
                return at;
        } else {
            at++;
        }
    }
    return NULL;
}

/* From the opening quote to behind the closing one. Doubled quotes do not close. */
static const char *end_of_quote(const char *at, const char *end, bool backslashes)
{
    char quote = *at++;

    while (at < end) {
        if (*at == '\\' && backslashes && end - at >= 2)
            at += 2;
        else if (*at != quote)
            at++;
        else if (peek(at, end, 1) == quote)
            at += 2;
        else
            return at + 1;
    }
    return NULL;
}

/* The quote with which a string goes on: only white space with a line break, and comments to the
 * end of a line, stand between. NULL: it does not. */
static const char *continuation(const char *at, const char *end)
{
    bool line = false;

    while (at < end) {
        if (is_space(*at)) {
            line = line || is_newline(*at);
            at++;
        } else if (at[0] == '-' && peek(at, end, 1) == '-') {
            at = end_of_line(at, end);
        } else {
            break;
        }
    }
    return line && at < end && *at == '\'' ? at : NULL;
}

static const char *end_of_string(const char *quote, const char *end, bool backslashes)
{
    const char *at, *more = quote;

    do {
        at = end_of_quote(more, end, backslashes);
        more = at ? continuation(at, end) : NULL;
    } while (more);
    return at;
}

static const char *end_of_word(const char *at, const char *end)
{
    while (at < end && continues_word(*at))
        at++;
    return at;
}

/* $tag$ ... $tag$. */
static const char *end_of_dollar(const char *at, const char *end)
{
    const char *tag = at++;
    size_t len;

    if (at < end && starts_word(*at))
        while (at < end && continues_word(*at) && *at != '$')
            at++;
    if (at == end || *at != '$')
        return NULL;
    len = (size_t)(++at - tag);
    /* From one dollar to the next: a closing tag starts at one. */
    while ((size_t)(end - at) >= len) {
        at = memchr(at, '$', (size_t)(end - at) - len + 1);
        if (!at)
            return NULL;
        if (memcmp(at, tag, len) == 0)
            return at + len;
        at++;
    }
    return NULL;
}

static const char *skip_digits(const char *at, const char *end)
{
    while (at < end && (is_digit(*at) || (*at == '_' && is_digit(peek(at, end, 1)))))
        at++;
    return at;
}

/* 0x1F, 0o17, 0b1; NULL if it is none. */
static const char *end_of_prefixed(const char *at, const char *end)
{
    char letter = (char)(peek(at, end, 1) | 0x20);
    const char *digits;
    int base = letter == 'x' ? 16 : letter == 'o' ? 8 : letter == 'b' ? 2 : 0;

    if (*at != '0' || !base)
        return NULL;
    at += 2;
    for (digits = at; at < end; at++) {
        int digit = tn__hex_digit(*at == '_' ? peek(at, end, 1) : *at);
        if (digit < 0 || digit >= base)
            break;
    }
    return at > digits ? at : NULL;
}

static const char *end_of_number(const char *at, const char *end)
{
    const char *prefixed = end_of_prefixed(at, end);

    if (prefixed) {
        at = prefixed;
    } else {
        at = skip_digits(at, end);
        if (peek(at, end, 0) == '.' && peek(at, end, 1) != '.') /* 1..2 is a range */
            at = skip_digits(at + 1, end);
        if ((peek(at, end, 0) | 0x20) == 'e') {
            char sign = peek(at, end, 1);
            size_t n = sign == '+' || sign == '-' ? 2 : 1;
            if (is_digit(peek(at, end, n)))
                at = skip_digits(at + n, end);
        }
    }
    return at < end && starts_word(*at) ? NULL : at; /* 1foo, 1e */
}

static const char *end_of_param(const char *at, const char *end, uint32_t *ret_number)
{
    uint32_t number = 0;

    for (at++; at < end && is_digit(*at); at++)
        if (number <= 65535)
            number = number * 10 + (uint32_t)(*at - '0');
    *ret_number = number <= 65535 ? number : 0;
    return at < end && starts_word(*at) ? NULL : at; /* $1foo */
}

/* The longest run, but no comment starts within it, and + and - end it unless one of the characters
 * is there that standard SQL has no use for: "1=-1" is "=" and "-1", "@-" is one operator. */
static const char *end_of_operator(const char *start, const char *end)
{
    const char *at = start;
    bool special = false;

    for (; at < end && is_operator(*at); at++)
        if (at > start && ((at[0] == '-' && peek(at, end, 1) == '-') ||
                           (at[0] == '/' && peek(at, end, 1) == '*')))
            break;
    for (const char *c = start; c < at - 1; c++)
        special = special || strchr("~!@#^&|`?%", *c) != NULL;
    if (!special)
        while (at - start > 1 && (at[-1] == '+' || at[-1] == '-'))
            at--;
    return at;
}

/* ---- tokens ------------------------------------------------------------------------------------
 */

static const char *scan_word(const char *at, const char *end, tn__tok_kind *ret_kind)
{
    char letter = (char)(*at | 0x20), second = peek(at, end, 1);

    *ret_kind = TN__TOK_WORD;
    if (continues_word(second))
        return end_of_word(at, end);
    if (second == '\'' && strchr("ebxn", letter)) {
        *ret_kind = TN__TOK_STRING;
        return end_of_string(at + 1, end, letter == 'e');
    }
    if (letter == 'u' && second == '&') {
        char quote = peek(at, end, 2);
        if (quote == '\'') {
            *ret_kind = TN__TOK_STRING;
            return end_of_string(at + 2, end, false);
        }
        if (quote == '"') {
            *ret_kind = TN__TOK_QUOTED;
            return end_of_quote(at + 2, end, false);
        }
    }
    return at + 1;
}

static const char *scan_colon(const char *at, const char *end, tn__tok_kind *ret_kind)
{
    char second = peek(at, end, 1);

    *ret_kind = second == ':' || second == '=' ? TN__TOK_OPERATOR : TN__TOK_PUNCT;
    return at + (*ret_kind == TN__TOK_OPERATOR ? 2 : 1);
}

static const char *scan_dot(const char *at, const char *end, tn__tok_kind *ret_kind)
{
    char second = peek(at, end, 1);

    if (is_digit(second)) {
        *ret_kind = TN__TOK_NUMBER;
        return end_of_number(at, end);
    }
    *ret_kind = second == '.' ? TN__TOK_OPERATOR : TN__TOK_PUNCT;
    return at + (second == '.' ? 2 : 1);
}

static const char *scan_dollar(const char *at, const char *end, tn__tok *tok)
{
    if (is_digit(peek(at, end, 1))) {
        tok->kind = TN__TOK_PARAM;
        return end_of_param(at, end, &tok->number);
    }
    tok->kind = TN__TOK_DOLLAR;
    return end_of_dollar(at, end);
}

/* Sets the kind and returns where the token ends; NULL for what is wrong. at is not the end. */
static const char *scan(const char *at, const char *end, tn__tok *tok)
{
    const char *start = at;
    char second = peek(at, end, 1);

    if (is_space(*at)) {
        tok->kind = TN__TOK_SPACE;
        while (at < end && is_space(*at))
            at++;
        return at;
    }
    if ((*at == '-' && second == '-') || (*at == '/' && second == '*')) {
        tok->kind = TN__TOK_COMMENT;
        return *at == '-' ? end_of_line(at, end) : end_of_comment(at, end);
    }
    if (starts_word(*at))
        return scan_word(at, end, &tok->kind);
    if (is_digit(*at)) {
        tok->kind = TN__TOK_NUMBER;
        return end_of_number(at, end);
    }
    if (is_operator(*at)) {
        tok->kind = TN__TOK_OPERATOR;
        return end_of_operator(start, end);
    }
    switch (*at) {
    case '\'': tok->kind = TN__TOK_STRING; return end_of_string(at, end, false);
    case '"': tok->kind = TN__TOK_QUOTED; return end_of_quote(at, end, false);
    case '$': return scan_dollar(at, end, tok);
    case ':': return scan_colon(at, end, &tok->kind);
    case '.': return scan_dot(at, end, &tok->kind);
    case ';': tok->kind = TN__TOK_SEMICOLON; return at + 1;
    case '(':
    case ')':
    case '[':
    case ']':
    case ',': tok->kind = TN__TOK_PUNCT; return at + 1;
    default: return NULL;
    }
}

/* Moves behind the token. Lines end with LF (CR LF is one end), columns count characters. */
static void advance(tn__lexer *lexer, const char *to)
{
    const char *at = lexer->at;
    uint32_t line = lexer->line, column = lexer->column;

    for (; at < to; at++) {
        column += ((unsigned char)*at & 0xc0) != 0x80;
        if (*at == '\n') {
            line++;
            column = 1;
        }
    }
    lexer->at = to;
    lexer->line = line;
    lexer->column = column;
}

void tn__lexer_init(tn__lexer *lexer, tn_str sql)
{
    *lexer = (tn__lexer){.line = 1, .column = 1};
    if (sql.len) {
        lexer->at = sql.ptr;
        lexer->end = sql.ptr + sql.len;
    }
}

tn__tok tn__lexer_next(tn__lexer *lexer)
{
    tn__tok tok = {
        .kind = TN__TOK_END, .text = {lexer->at, 0}, .line = lexer->line, .column = lexer->column};
    const char *to;

    if (lexer->at == lexer->end)
        return tok;
    to = scan(lexer->at, lexer->end, &tok);
    if (!to) {
        tok.kind = TN__TOK_ERROR;
        tok.number = 0;
        to = lexer->end;
    }
    tok.text.len = (size_t)(to - lexer->at);
    advance(lexer, to);
    return tok;
}

tn__tok tn__lexer_skip(tn__lexer *lexer)
{
    tn__tok tok;

    do
        tok = tn__lexer_next(lexer);
    while (tok.kind == TN__TOK_SPACE || tok.kind == TN__TOK_COMMENT);
    return tok;
}
