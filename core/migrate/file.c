/* SPDX-License-Identifier: MIT */
/*
 * The grammar is dbmate's: a line that begins with "-- migrate:up" or "-- migrate:down" begins a
 * block, which reaches to the next such line. Lines decide, not the lexer: that is how those files
 * are read elsewhere, and a body that has such a line in it is nothing that anybody writes.
 */
#include "migrate/file.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/lexer.h"
#include "base/str.h"
#include "migrate/options.h"
#include "migrate/problem.h"

typedef enum block {
    BLOCK_NONE = 0, /* before the first, or one that is for another driver */
    BLOCK_UP,
    BLOCK_DOWN
} block;

typedef struct parser {
    tn__arena *arena;
    const char *path;
    tn_str text;
    const char *driver;
    tn_migration *ret;
    tn_migrate_problem *problem;
    tn_error *err;
    char *up, *down;         /* as long as the text: the blocks' characters, and blanks */
    size_t up_len, down_len; /* up to the last character that is not blank */
    char *joined;            /* the up blocks without a gap, for the checksum */
    size_t joined_len;
    bool has_up, has_down; /* for some driver */
    bool any_up, any_down; /* for this one */
} parser;

/* ---- lines ----------------------------------------------------------------------------------- */

/* "-- migrate" and what follows it; false: an ordinary line. */
static bool directive(tn_str line, tn_str *ret_rest)
{
    size_t i = 2;

    if (line.len < 2 || line.ptr[0] != '-' || line.ptr[1] != '-')
        return false;
    while (i < line.len && (line.ptr[i] == ' ' || line.ptr[i] == '\t'))
        i++;
    tn_str rest = tn__str(line.ptr + i, line.len - i);
    if (!tn__str_starts(rest, TN__STR("migrate:")))
        return false;
    *ret_rest = tn__str(rest.ptr + 8, rest.len - 8);
    return true;
}

static bool next_line(tn_str *rest, tn_str *ret)
{
    const char *end = rest->len ? memchr(rest->ptr, '\n', rest->len) : NULL;
    size_t len = end ? (size_t)(end - rest->ptr) + 1 : rest->len;

    *ret = tn__str(rest->ptr, len);
    *rest = tn__str(rest->ptr + len, rest->len - len);
    return len > 0;
}

static tn_str first_word(tn_str *rest)
{
    size_t n = 0;

    while (n < rest->len && !strchr(" \t\r\n", rest->ptr[n]))
        n++;
    tn_str word = tn__str(rest->ptr, n);
    *rest = tn__str(rest->ptr + n, rest->len - n);
    return word;
}

/* ---- blocks ---------------------------------------------------------------------------------- */

static tn_status open_block(parser *p, bool up, tn_str rest, block *ret)
{
    tn__block_options options = TN__BLOCK_OPTIONS_INIT;
    tn__options_place place = {p->path, p->text, p->problem};

    tn_status status = tn__options_parse(rest, &place, &options, p->err);
    if (status != TN_OK)
        return status;
    *(up ? &p->has_up : &p->has_down) = true;
    *ret = BLOCK_NONE;
    if (options.driver.len && !tn__options_names(options.driver, p->driver))
        return TN_OK;
    tn__options_merge(up ? &p->ret->up_options : &p->ret->down_options, &options.options);
    if (options.ignore.len && up) {
        p->ret->ignore = tn__arena_copy(p->arena, options.ignore.ptr, options.ignore.len);
        if (!p->ret->ignore)
            return tn_error_set(p->err, TN_NOMEM, NULL, "out of memory");
    }
    *(up ? &p->any_up : &p->any_down) = true;
    *ret = up ? BLOCK_UP : BLOCK_DOWN;
    return TN_OK;
}

/* -- migrate:skip driver:sqlite reason:no roles there */
static tn_status skip(parser *p, tn_str line, tn_str rest)
{
    tn__block_options options = TN__BLOCK_OPTIONS_INIT;
    tn__options_place place = {p->path, p->text, p->problem};

    options.may_skip = true;
    tn_status status = tn__options_parse(rest, &place, &options, p->err);
    if (status != TN_OK)
        return status;
    if (!options.driver.len || !options.reason.len)
        return tn__file_error(p->problem, p->err, p->path, p->text, line.ptr,
                              "migrate:skip wants driver:NAME and reason:TEXT");
    if (!tn__options_names(options.driver, p->driver))
        return TN_OK;
    p->ret->skipped = true;
    p->ret->reason = tn__arena_copy(p->arena, options.reason.ptr, options.reason.len);
    return p->ret->reason ? TN_OK : tn_error_set(p->err, TN_NOMEM, NULL, "out of memory");
}

/* -- migrate:squash from:20260101000000 */
static tn_status squash(parser *p, tn_str line, tn_str rest)
{
    rest = tn__str_trim(rest);
    bool good = tn__str_starts(rest, TN__STR("from:")) && rest.len > 5;

    for (size_t i = 5; good && i < rest.len; i++)
        good = rest.ptr[i] >= '0' && rest.ptr[i] <= '9';
    if (!good)
        return tn__file_error(p->problem, p->err, p->path, p->text, line.ptr,
                              "migrate:squash wants from:VERSION, the first that it stands for");
    p->ret->squashes = tn__arena_copy(p->arena, rest.ptr + 5, rest.len - 5);
    return p->ret->squashes ? TN_OK : tn_error_set(p->err, TN_NOMEM, NULL, "out of memory");
}

static tn_status begin_block(parser *p, tn_str line, tn_str rest, block *ret)
{
    tn_str word = first_word(&rest);

    if (tn_str_equal(word, TN__STR("up")))
        return open_block(p, true, rest, ret);
    if (tn_str_equal(word, TN__STR("down")))
        return open_block(p, false, rest, ret);
    if (tn_str_equal(word, TN__STR("skip")))
        return skip(p, line, rest);
    if (tn_str_equal(word, TN__STR("squash")))
        return squash(p, line, rest);
    return tn__file_error(p->problem, p->err, p->path, p->text, word.ptr,
                          "\"migrate:%.*s\": not one of migrate:up, migrate:down, migrate:skip, "
                          "migrate:squash",
                          (int)word.len, word.ptr);
}

/* A statement before the first block would not be run: nobody means that. */
static tn_status check_preamble(parser *p, const char *until)
{
    tn__lexer lexer;

    tn__lexer_init(&lexer, tn__str(p->text.ptr, (size_t)(until - p->text.ptr)));
    tn__tok tok = tn__lexer_skip(&lexer);
    if (tok.kind == TN__TOK_END)
        return TN_OK;
    return tn__file_error(p->problem, p->err, p->path, p->text, tok.text.ptr,
                          "a statement before the first -- migrate: line would not be run");
}

/* The line's characters in one of the texts, and only its end in the other. */
static void take_line(parser *p, block in, tn_str line)
{
    size_t at = (size_t)(line.ptr - p->text.ptr);
    bool blank = tn__str_trim(line).len == 0;

    if (in == BLOCK_UP) {
        memcpy(p->up + at, line.ptr, line.len);
        p->up_len = blank ? p->up_len : at + line.len;
        memcpy(p->joined + p->joined_len, line.ptr, line.len);
        p->joined_len += line.len;
    } else if (in == BLOCK_DOWN) {
        memcpy(p->down + at, line.ptr, line.len);
        p->down_len = blank ? p->down_len : at + line.len;
    }
}

/* Blanks of the same length, so that places in them are places in the file: lines stay lines. */
static char *blanks(tn__arena *arena, tn_str text)
{
    char *copy = tn__arena_alloc(arena, text.len + 1);

    if (!copy)
        return NULL;
    for (size_t i = 0; i < text.len; i++)
        copy[i] = text.ptr[i] == '\n' ? '\n' : ' ';
    copy[text.len] = '\0';
    return copy;
}

static tn_status read_lines(parser *p, block in)
{
    tn_str rest = p->text, line, words;
    bool first = in == BLOCK_NONE;
    tn_status status = TN_OK;

    while (status == TN_OK && next_line(&rest, &line)) {
        if (!directive(line, &words)) {
            take_line(p, in, line);
            continue;
        }
        if (first)
            status = check_preamble(p, line.ptr);
        first = false;
        if (status == TN_OK)
            status = begin_block(p, line, words, &in);
    }
    return status;
}

static bool has_directive(tn_str text)
{
    tn_str line, rest;

    while (next_line(&text, &line))
        if (directive(line, &rest))
            return true;
    return false;
}

static tn_status check_blocks(const parser *p)
{
    if (p->has_up || p->ret->skipped)
        return TN_OK;
    return tn__file_error(p->problem, p->err, p->path, p->text, p->text.ptr,
                          p->has_down ? "a -- migrate:down without -- migrate:up"
                                      : "no line \"-- migrate:up\": it begins what is to be run");
}

static void finish_up(const parser *p)
{
    p->ret->missing = !p->any_up && !p->ret->skipped;
    p->ret->up = tn__str(p->up, p->up_len);
    tn_migration_checksum(tn__str(p->joined, p->joined_len), p->ret->checksum);
}

tn_status tn__file_parse(tn__arena *arena, const char *path, tn_str text, tn__name_kind kind,
                         const char *driver, tn_migration *ret, tn_migrate_problem *problem,
                         tn_error *err)
{
    parser p = {
        .arena = arena, .path = path, .driver = driver, .ret = ret, .problem = problem, .err = err};
    block in = BLOCK_NONE;

    if (tn__str_starts(text, TN__STR("\xef\xbb\xbf")))
        text = tn__str(text.ptr + 3, text.len - 3);
    p.text = text;
    if (!tn__utf8_valid(text.ptr, text.len))
        return tn__file_error(problem, err, path, text, text.ptr, "not UTF-8");
    const char *nul = text.len ? memchr(text.ptr, '\0', text.len) : NULL;
    if (nul) /* SQL is handed on as C strings: what stands behind it would not be run */
        return tn__file_error(problem, err, path, text, nul, "not a text: it has a NUL in it");
    p.up = blanks(arena, text);
    p.down = blanks(arena, text);
    p.joined = tn__arena_alloc(arena, text.len + 1);
    if (!p.up || !p.down || !p.joined)
        return tn_error_set(err, TN_NOMEM, NULL, "out of memory");
    if (kind != TN__NAME_BLOCKS && !has_directive(text)) {
        in = kind == TN__NAME_UP ? BLOCK_UP : BLOCK_DOWN;
        p.has_up = p.any_up = kind == TN__NAME_UP;
        p.any_down = kind == TN__NAME_DOWN;
    }
    tn_status status = read_lines(&p, in);
    if (status == TN_OK && kind != TN__NAME_DOWN)
        status = check_blocks(&p);
    if (status != TN_OK)
        return status;
    if (kind != TN__NAME_DOWN)
        finish_up(&p);
    if (p.any_down) {
        ret->down = tn__str(p.down, p.down_len);
        ret->down_file = path;
    }
    return TN_OK;
}

tn_status tn__file_options(tn_str text, tn_migration_options *ret, tn_error *err)
{
    tn__block_options options = TN__BLOCK_OPTIONS_INIT;
    tn_str line = {"", 0}, words;

    *ret = options.options;
    if (!next_line(&text, &line) || !directive(line, &words))
        return TN_OK;
    (void)first_word(&words);
    tn__options_place place = {"the recorded down block", line, NULL};
    tn_status status = tn__options_parse(words, &place, &options, err);
    if (status == TN_OK)
        *ret = options.options;
    return status;
}
